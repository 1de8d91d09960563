/* The scan of binary property lists (bplist00).

   An object may be referred to more than once, and libplist makes a copy for every reference: what counts is the size
   after this expansion. Each object is measured once, its size remembered, so that the scan stays linear in the
   message. */
#include "lib/plist_int.h"

#include <stdlib.h>
#include <string.h>

#define HEADER_LEN 8
#define TRAILER_LEN 32

struct object {
  size_t nodes, bytes;  /* expanded, with all that it holds */
  uint64_t key_hash;    /* of the text of a string that can be a key, else 0 */
  unsigned char height; /* containers in each other, itself included */
  unsigned char state;
};
enum { NEW, OPEN, MEASURED };

struct scan {
  struct ctx *cx;
  const struct pl_limits *lim;
  const unsigned char *start, *table; /* objects stand between the header and the table of their offsets */
  size_t count, offset_size, ref_size;
  struct object *objects;
  struct pl_keys keys;
  size_t nodes, bytes; /* of distinct objects: bounds the work when they overlap */
};

/* An object's marker byte, taken apart. */
struct head {
  unsigned kind, low;        /* the marker's halves */
  size_t n;                  /* count of bytes, units or references */
  const unsigned char *body; /* behind marker and count */
  int level;                 /* containers around it */
};

static enum err bad(const struct scan *s, const char *what) {
  return FAIL(s->cx, E_INVALID, "not a valid binary property list: %s", what);
}
static enum err too_large(const struct scan *s) {
  return FAIL(s->cx, E_TOO_LARGE, "a property list of more than %zu values or %zu bytes of text", s->lim->nodes,
              s->lim->expanded);
}

static uint64_t big_endian(const unsigned char *p, size_t n) {
  uint64_t v = 0;
  while (n--) v = v << 8 | *p++;
  return v;
}

static bool fits(const struct scan *s, const unsigned char *body, size_t n) { return n <= (size_t)(s->table - body); }

/* Adds a part to the size of o; refuses as soon as a limit is passed, so that sums stay small. */
static enum err grow(const struct scan *s, struct object *o, size_t nodes, size_t bytes) {
  o->nodes += nodes;
  o->bytes += bytes;
  return o->nodes > s->lim->nodes || o->bytes > s->lim->expanded ? too_large(s) : OK;
}

/* Accounts for n bytes of an object's own. */
static enum err spend_bytes(struct scan *s, struct object *o, size_t n) {
  s->bytes += n;
  return s->bytes > s->lim->expanded ? too_large(s) : grow(s, o, 0, n);
}

/* ---- one function for each kind of object ---- */

static enum err boolean(struct scan *s, struct object *o, const struct head *h) {
  (void)o;
  return h->low == 8 || h->low == 9 ? OK : bad(s, "null, fill or an unknown object");
}

static enum err integer(struct scan *s, struct object *o, const struct head *h) {
  (void)o;
  size_t n = h->low <= 4 ? (size_t)1 << h->low : 0;
  if (n == 0 || !fits(s, h->body, n)) return bad(s, "an integer out of bounds");
  return n == 16 && big_endian(h->body, 8) != 0 ? bad(s, "an integer that does not fit 64 bits") : OK;
}

static enum err real(struct scan *s, struct object *o, const struct head *h) {
  (void)o;
  return (h->low == 2 || h->low == 3) && fits(s, h->body, (size_t)1 << h->low) ? OK : bad(s, "a faulty real");
}

static enum err date(struct scan *s, struct object *o, const struct head *h) {
  (void)o;
  if (h->low != 3 || !fits(s, h->body, 8)) return bad(s, "a faulty date");
  uint64_t bits = big_endian(h->body, 8);
  double seconds;
  memcpy(&seconds, &bits, sizeof seconds);
  return seconds >= (double)PL_DATE_MIN && seconds <= (double)PL_DATE_MAX ? OK : bad(s, "a date out of range");
}

static enum err data(struct scan *s, struct object *o, const struct head *h) {
  return fits(s, h->body, h->n) ? spend_bytes(s, o, h->n) : bad(s, "data out of bounds");
}

static void may_be_key(struct object *o, uint64_t hash) { o->key_hash = hash == PL_HASH_START ? 0 : hash; }

static enum err ascii(struct scan *s, struct object *o, const struct head *h) {
  if (!fits(s, h->body, h->n)) return bad(s, "a string out of bounds");
  TRY(spend_bytes(s, o, h->n));
  for (size_t i = 0; i < h->n; i++)
    if (h->body[i] >= 0x80 || !pl_code_point_ok(h->body[i])) return bad(s, "a string that is not plain ASCII");
  may_be_key(o, pl_hash(PL_HASH_START, (const char *)h->body, h->n));
  return OK;
}

static enum err utf16(struct scan *s, struct object *o, const struct head *h) {
  if (h->n == 0 || h->n > (size_t)(s->table - h->body) / 2) return bad(s, "a string out of bounds");
  TRY(spend_bytes(s, o, h->n)); /* a first bound on the work; the rest is added below */
  uint64_t hash = PL_HASH_START;
  size_t length = 0;
  for (size_t i = 0; i < h->n; i++) {
    uint32_t c = (uint32_t)big_endian(h->body + 2 * i, 2);
    if (c >= 0xD800 && c <= 0xDBFF && i + 1 < h->n) {
      uint32_t low = (uint32_t)big_endian(h->body + 2 * ++i, 2);
      c = low >= 0xDC00 && low <= 0xDFFF ? 0x10000 + ((c & 0x3FF) << 10 | (low & 0x3FF)) : 0;
    }
    if (!pl_code_point_ok(c)) return bad(s, "a string with half a surrogate pair, NUL or a control character");
    char utf8[4];
    size_t n = pl_utf8_put(utf8, c);
    hash = pl_hash(hash, utf8, n);
    length += n;
  }
  may_be_key(o, hash);
  return spend_bytes(s, o, length - h->n);
}

static enum err measure(struct scan *s, size_t index, int level);

/* Measures the object that reference number i of h names, and adds its size to o. */
static enum err follow(struct scan *s, struct object *o, const struct head *h, size_t i, size_t *index) {
  uint64_t ref = big_endian(h->body + i * s->ref_size, s->ref_size);
  if (ref >= s->count) return bad(s, "a reference to no object");
  *index = (size_t)ref;
  TRY(measure(s, *index, h->level + 1));
  const struct object *child = &s->objects[ref];
  if (child->height >= o->height) o->height = (unsigned char)(child->height + 1);
  return grow(s, o, child->nodes, child->bytes);
}

/* `refs` references for each of the h->n members. */
static enum err open_container(struct scan *s, struct object *o, const struct head *h, size_t refs) {
  if (h->level >= s->lim->depth || h->level >= PL_DEPTH_MAX) return bad(s, "it is nested too deeply");
  o->height = 1;
  s->nodes += h->n < s->lim->nodes ? h->n * refs : s->lim->nodes;
  if (h->n >= s->lim->nodes || s->nodes > s->lim->nodes) return too_large(s);
  return fits(s, h->body, h->n * refs * s->ref_size) ? OK : bad(s, "a container out of bounds");
}

static enum err array(struct scan *s, struct object *o, const struct head *h) {
  TRY(open_container(s, o, h, 1));
  size_t index;
  for (size_t i = 0; i < h->n; i++) TRY(follow(s, o, h, i, &index));
  return OK;
}

static enum err dict(struct scan *s, struct object *o, const struct head *h) {
  TRY(open_container(s, o, h, 2));
  size_t index;
  for (size_t i = 0; i < h->n; i++) {
    TRY(follow(s, o, h, i, &index));
    if (s->objects[index].key_hash == 0) return bad(s, "a key that is no string, or empty");
    pl_keys_add(&s->keys, s->objects[index].key_hash);
  }
  TRY(pl_keys_close(s->cx, &s->keys, 0, s->lim));
  for (size_t i = h->n; i < 2 * h->n; i++) TRY(follow(s, o, h, i, &index));
  return OK;
}

static enum err refused(struct scan *s, struct object *o, const struct head *h) {
  (void)o, (void)h;
  return bad(s, "a UID, a set or an unknown object");
}

static const struct kind {
  enum err (*scan)(struct scan *, struct object *, const struct head *);
  bool counted; /* a count follows the marker when its lower half is 15 */
} kinds[16] = {
    {boolean, false}, {integer, false}, {real, false},    {date, false},    {data, true},  {ascii, true},
    {utf16, true},    {refused, false}, {refused, false}, {refused, false}, {array, true}, {refused, false},
    {refused, false}, {dict, true},     {refused, false}, {refused, false},
};

static enum err read_head(struct scan *s, size_t index, struct head *h) {
  const unsigned char *p = s->start + big_endian(s->table + index * s->offset_size, s->offset_size);
  h->kind = *p >> 4;
  h->n = h->low = *p & 0x0F;
  h->body = p + 1;
  if (!kinds[h->kind].counted || h->low != 0x0F) return OK;
  if (!fits(s, h->body, 1) || *h->body >> 4 != 1 || (*h->body & 0x0F) > 3) return bad(s, "a faulty count");
  size_t size = (size_t)1 << (*h->body & 0x0F);
  if (!fits(s, h->body + 1, size)) return bad(s, "a count out of bounds");
  h->n = (size_t)big_endian(h->body + 1, size);
  h->body += 1 + size;
  return OK;
}

/* Depth-bounded recursion: containers refuse to open below the limit. */
static enum err measure(struct scan *s, size_t index, int level) {
  struct object *o = &s->objects[index];
  if (o->state == OPEN) return bad(s, "a container that holds itself");
  if (o->state == NEW) {
    struct head h = {.level = level};
    TRY(read_head(s, index, &h));
    o->state = OPEN;
    o->nodes = 1;
    TRY(kinds[h.kind].scan(s, o, &h));
    o->state = MEASURED;
  }
  return level + o->height > s->lim->depth ? bad(s, "it is nested too deeply") : OK;
}

/* Header, trailer and the table of offsets. */
static enum err frame(struct scan *s, struct slice bytes, size_t *root) {
  if (bytes.n < HEADER_LEN + 1 + 1 + TRAILER_LEN || !slice_starts(bytes, "bplist00"))
    return bad(s, "no bplist00, or too short");
  s->start = (const unsigned char *)bytes.p;
  const unsigned char *trailer = s->start + bytes.n - TRAILER_LEN;
  s->offset_size = trailer[6];
  s->ref_size = trailer[7];
  uint64_t count = big_endian(trailer + 8, 8), top = big_endian(trailer + 16, 8), table = big_endian(trailer + 24, 8);
  size_t room = bytes.n - TRAILER_LEN;
  if (s->offset_size < 1 || s->offset_size > 8 || s->ref_size < 1 || s->ref_size > 8) return bad(s, "faulty sizes");
  if (table <= HEADER_LEN || table >= room) return bad(s, "a table of offsets out of bounds");
  if (count > s->lim->nodes) return too_large(s);
  if (count * s->offset_size != room - table || top >= count) return bad(s, "a table of offsets of the wrong size");
  s->table = s->start + table;
  s->count = (size_t)count;
  *root = (size_t)top;
  for (size_t i = 0; i < s->count; i++) {
    uint64_t offset = big_endian(s->table + i * s->offset_size, s->offset_size);
    if (offset < HEADER_LEN || offset >= table) return bad(s, "an object out of bounds");
  }
  return OK;
}

enum err pl_scan_binary(struct ctx *cx, struct slice bytes, const struct pl_limits *lim) {
  struct scan s = {.cx = cx, .lim = lim};
  size_t root = 0;
  TRY(frame(&s, bytes, &root));
  s.objects = mem_alloc(s.count * sizeof *s.objects);
  enum err e = measure(&s, root, 0);
  free(s.objects);
  free(s.keys.hashes);
  return e;
}
