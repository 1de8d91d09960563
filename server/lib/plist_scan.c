#include "lib/plist_int.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

const struct pl_limits pl_limits_checkin = {.bytes = 1 << 20, .depth = 64, .nodes = 20000, .expanded = 2 << 20};
const struct pl_limits pl_limits_report = {
    .bytes = 16 << 20, .depth = 64, .nodes = 400000, .expanded = 32 << 20, .keys = 150000000};

/* libplist resolves the entities of a run of text by moving the rest of the run for each of them. */
#define RUN_ENTITIES_MAX 10000
#define RUN_BYTES_MAX 65536                 /* of a run that holds entities */
#define ENTITY_WORK_MAX (UINT64_C(1) << 30) /* entities times bytes, over all runs */

#define NUMBER_MAX 64                   /* characters of a number */
#define DATE_MAX 31                     /* characters of a date, white space behind it included: libplist's buffer */
#define KEY_WORK_MAX UINT64_C(10000000) /* one dictionary of 3 000 keys, or many smaller ones */
#define REFERENCE_MAX 8                 /* characters between '&' and ';', as libplist reads them */

struct scan {
  struct ctx *cx;
  const char *start, *p, *end;
  const struct pl_limits *lim;
  size_t nodes;
  uint64_t entity_work;
  struct pl_keys keys;
  int depth;
  struct {
    bool dict, has_key; /* has_key: a key waits for its value */
    size_t keys_from;
  } open[PL_DEPTH_MAX];
};

/* PLAIN: text that needs no second look. */
enum { PLAIN = 1, SPACE = 2, BASE64 = 4 };
static const unsigned char class_of[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 3, 0, 0, /* controls */
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* controls */
    3, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 5, 1, 1, 1, 5, /*  !"#$%&'()*+,-./ */
    5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 1, 1, 0, 1, 1, 1, /* 0123456789:;<=>? */
    1, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, /* @ABCDEFGHIJKLMNO */
    5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 1, 1, 1, 1, 1, /* PQRSTUVWXYZ[\]^_ */
    1, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, /* `abcdefghijklmno */
    5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 1, 1, 1, 1, 1, /* pqrstuvwxyz{|}~ DEL */
};
static unsigned char class_at(const char *p) { return class_of[(unsigned char)*p]; }

static enum err bad(const struct scan *s, const char *what) {
  return FAIL(s->cx, E_INVALID, "not a valid property list: %s, at byte %zu", what, (size_t)(s->p - s->start));
}
static enum err truncated(const struct scan *s) { return bad(s, "it ends too early"); }

static inline bool ahead(const struct scan *s, const char *text) {
  const char *p = s->p;
  while (*text && p < s->end && *p == *text) p++, text++;
  return *text == '\0';
}

static void skip_space(struct scan *s) {
  while (s->p < s->end && class_at(s->p) & SPACE) s->p++;
}

/* ---- characters ---- */

bool pl_code_point_ok(uint32_t c) {
  if (c < 0x20) return c == '\t' || c == '\n' || c == '\r';
  return c < 0xD800 || (c > 0xDFFF && c < 0xFFFE) || (c > 0xFFFF && c <= 0x10FFFF);
}

size_t pl_utf8_put(char out[4], uint32_t c) {
  if (c < 0x80) return out[0] = (char)c, 1;
  size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
  for (size_t i = n - 1; i > 0; i--, c >>= 6) out[i] = (char)(0x80 | (c & 0x3F));
  out[0] = (char)((0xF00 >> n) | c);
  return n;
}

size_t pl_utf8_char(const char *p, const char *end) {
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  unsigned char first = (unsigned char)*p;
  if (first < 0x80) return pl_code_point_ok(first) ? 1 : 0;
  size_t n = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || (size_t)(end - p) < n) return 0;
  uint32_t c = first & (0x7Fu >> n);
  for (size_t i = 1; i < n; i++) {
    if ((p[i] & 0xC0) != 0x80) return 0;
    c = c << 6 | (p[i] & 0x3F);
  }
  return c >= least[n] && pl_code_point_ok(c) ? n : 0;
}

/* ---- keys ---- */

uint64_t pl_hash(uint64_t h, const char *p, size_t n) {
  for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)p[i]) * UINT64_C(0x100000001b3);
  return h;
}

void pl_keys_add(struct pl_keys *k, uint64_t hash) {
  if (k->n == k->cap) {
    k->cap = k->cap ? 2 * k->cap : 64;
    k->hashes = mem_realloc(k->hashes, k->cap * sizeof *k->hashes);
  }
  k->hashes[k->n++] = hash;
}

static int compare_hashes(const void *a, const void *b) {
  const uint64_t *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

/* Sorts n hashes; most dictionaries are so small that a call for each comparison would cost more than the scan. */
static void sort_hashes(uint64_t *h, size_t n) {
  if (n > 32) {
    qsort(h, n, sizeof *h, compare_hashes);
    return;
  }
  for (size_t i = 1; i < n; i++) {
    uint64_t v = h[i];
    size_t at = i;
    for (; at > 0 && h[at - 1] > v; at--) h[at] = h[at - 1];
    h[at] = v;
  }
}

enum err pl_keys_close(struct ctx *cx, struct pl_keys *k, size_t from, const struct pl_limits *lim) {
  size_t n = k->n - from;
  k->work += (uint64_t)n * n;
  if (k->work > (lim->keys ? lim->keys : KEY_WORK_MAX))
    return FAIL(cx, E_INVALID, "not a valid property list: dictionaries of too many keys");
  k->n = from;
  if (n < 2) return OK;
  uint64_t *h = k->hashes + from;
  sort_hashes(h, n);
  for (size_t i = 1; i < n; i++)
    if (h[i - 1] == h[i]) return FAIL(cx, E_INVALID, "not a valid property list: a key stands twice in one dictionary");
  return OK;
}

/* ---- text ---- */

/* Past `mark`, reading only characters that may stand in XML. */
static enum err skip_past(struct scan *s, const char *mark, uint64_t *hash) {
  const char *from = s->p;
  size_t n;
  for (; s->p < s->end; s->p += n) {
    if (*s->p == *mark && ahead(s, mark)) {
      if (hash) *hash = pl_hash(*hash, from, (size_t)(s->p - from));
      s->p += strlen(mark);
      return OK;
    }
    n = pl_utf8_char(s->p, s->end);
    if (n == 0) return bad(s, "bytes that are not UTF-8, or a control character");
  }
  return truncated(s);
}

static enum err comment(struct scan *s) {
  s->p += strlen("<!--");
  return skip_past(s, "-->", NULL);
}

/* White space and comments, as often as they come. */
static enum err skip_misc(struct scan *s) {
  for (skip_space(s); ahead(s, "<!--"); skip_space(s)) TRY(comment(s));
  return OK;
}

/* The digits of &#…; or &#x…;, p behind the '#'. 0 when they are none or not a character of XML. */
static uint32_t reference_number(const char *p, const char *end) {
  uint32_t base = p < end && *p == 'x' ? 16 : 10, c = 0;
  if (base == 16) p++;
  for (; p < end; p++) { /* at most 7 digits: no overflow */
    uint32_t d = *p >= '0' && *p <= '9'   ? (uint32_t)(*p - '0')
                 : *p >= 'a' && *p <= 'f' ? (uint32_t)(*p - 'a' + 10)
                 : *p >= 'A' && *p <= 'F' ? (uint32_t)(*p - 'A' + 10)
                                          : 16;
    if (d >= base) return 0;
    c = c * base + d;
  }
  return pl_code_point_ok(c) ? c : 0;
}

static enum err entity(struct scan *s, uint64_t *hash) {
  static const struct {
    const char *name;
    char c;
  } named[] = {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
  const char *from = s->p + 1, *to = from;
  while (to < s->end && to - from <= REFERENCE_MAX && *to != ';') to++;
  if (to == s->end) return truncated(s);
  struct slice ref = slice_mem(from, (size_t)(to - from));
  uint32_t c = 0;
  if (ref.n > REFERENCE_MAX) return bad(s, "an '&' that begins no entity");
  if (slice_starts(ref, "#")) c = reference_number(from + 1, to);
  for (size_t i = 0; c == 0 && i < sizeof named / sizeof *named; i++)
    if (slice_is(ref, named[i].name)) c = (unsigned char)named[i].c;
  if (c == 0) return bad(s, "an entity that is not one of XML's five and no valid character reference");
  char utf8[4];
  if (hash) *hash = pl_hash(*hash, utf8, pl_utf8_put(utf8, c));
  s->p = to + 1;
  return OK;
}

static enum err weigh_run(struct scan *s, const char *from, size_t entities) {
  if (entities == 0) return OK;
  size_t n = (size_t)(s->p - from);
  s->entity_work += (uint64_t)n * entities;
  if (entities <= RUN_ENTITIES_MAX && n <= RUN_BYTES_MAX && s->entity_work <= ENTITY_WORK_MAX) return OK;
  return bad(s, "too many entities in a text");
}

static enum err count_node(struct scan *s) {
  return ++s->nodes <= s->lim->nodes ? OK : FAIL(s->cx, E_TOO_LARGE, "more than %zu values", s->lim->nodes);
}

/* Text with entities, CDATA sections and comments, up to a tag. With hash, the text is added to it. Each piece between
   comments costs libplist as much memory as a value, and counts as one. */
static enum err text(struct scan *s, uint64_t *hash) {
  const char *run = s->p;
  size_t entities = 0;
  for (;;) {
    const char *plain = s->p;
    while (s->p < s->end && class_at(s->p) & PLAIN) s->p++;
    if (hash) *hash = pl_hash(*hash, plain, (size_t)(s->p - plain));
    if (s->p == s->end) return truncated(s);
    if (*s->p == '&') {
      entities++;
      TRY(entity(s, hash));
    } else if (*s->p != '<') {
      size_t n = pl_utf8_char(s->p, s->end);
      if (n == 0) return bad(s, "bytes that are not UTF-8, or a control character");
      if (hash) *hash = pl_hash(*hash, s->p, n);
      s->p += n;
    } else {
      TRY(weigh_run(s, run, entities));
      if (ahead(s, "<!--")) {
        TRY(comment(s));
      } else if (ahead(s, "<![CDATA[")) {
        s->p += strlen("<![CDATA[");
        TRY(skip_past(s, "]]>", hash));
      } else {
        return OK;
      }
      TRY(count_node(s));
      run = s->p;
      entities = 0;
    }
  }
}

/* ---- contents of elements ---- */

static enum err string_content(struct scan *s) { return text(s, NULL); }

static enum err key_content(struct scan *s) {
  uint64_t hash = PL_HASH_START;
  TRY(text(s, &hash));
  if (hash == PL_HASH_START) return bad(s, "an empty key");
  pl_keys_add(&s->keys, hash);
  return OK;
}

static enum err data_content(struct scan *s) {
  size_t digits = 0, pads = 0;
  for (; s->p < s->end && *s->p != '<'; s->p++) {
    unsigned char class = class_at(s->p);
    if (class & BASE64 && pads == 0)
      digits++;
    else if (*s->p == '=')
      pads++;
    else if (!(class & SPACE))
      return bad(s, "data that is not base64");
  }
  if ((digits + pads) % 4 != 0 || pads > 2) return bad(s, "data whose base64 is not complete");
  return OK;
}

/* Takes the text up to the next tag; out is it without white space around it. */
static enum err short_text(struct scan *s, struct slice *out) {
  skip_space(s);
  const char *to = s->p < s->end ? memchr(s->p, '<', (size_t)(s->end - s->p)) : NULL;
  if (!to) return truncated(s);
  *out = slice_trim(slice_mem(s->p, (size_t)(to - s->p)));
  s->p = to;
  return OK;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* Decimal without leading zeros (libplist would read octal), or hexadecimal; fits int64_t or uint64_t. */
static bool integer_ok(struct slice t) {
  bool negative = slice_starts(t, "-");
  if (negative || slice_starts(t, "+")) t.p++, t.n--;
  uint64_t base = slice_istarts(t, "0x") ? 16 : 10, v = 0;
  if (base == 16) t.p += 2, t.n -= 2;
  if (t.n == 0 || (base == 10 && t.n > 1 && t.p[0] == '0')) return false;
  for (size_t i = 0; i < t.n; i++) {
    char lower = (char)(t.p[i] | 0x20);
    uint64_t d = is_digit(t.p[i])               ? (uint64_t)(t.p[i] - '0')
                 : lower >= 'a' && lower <= 'f' ? (uint64_t)(lower - 'a' + 10)
                                                : 16;
    if (d >= base || __builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, d, &v)) return false;
  }
  return !negative || v <= (uint64_t)INT64_MAX + 1;
}

static enum err integer_content(struct scan *s) {
  struct slice t;
  TRY(short_text(s, &t));
  return t.n <= NUMBER_MAX && integer_ok(t) ? OK : bad(s, "an integer that is none or does not fit 64 bits");
}

static size_t take_digits(struct slice *t) {
  size_t n = 0;
  while (n < t->n && is_digit(t->p[n])) n++;
  t->p += n, t->n -= n;
  return n;
}

static bool take(struct slice *t, const char *any_of) {
  if (t->n == 0 || t->p[0] == '\0' || !strchr(any_of, t->p[0])) return false;
  t->p++, t->n--;
  return true;
}

static bool real_ok(struct slice t) {
  (void)take(&t, "+-");
  if (slice_ieq(t, "nan") || slice_ieq(t, "inf") || slice_ieq(t, "infinity")) return true;
  size_t digits = take_digits(&t);
  if (take(&t, ".")) digits += take_digits(&t);
  if (digits == 0) return false;
  if (take(&t, "eE")) {
    (void)take(&t, "+-");
    if (take_digits(&t) == 0) return false;
  }
  return t.n == 0;
}

static enum err real_content(struct scan *s) {
  struct slice t;
  TRY(short_text(s, &t));
  return t.n <= NUMBER_MAX && real_ok(t) ? OK : bad(s, "a real that is no number");
}

/* A number of least to most digits that ends before `stop`, taken off t with it; -1 when there is none. */
static int take_field(struct slice *t, size_t least, size_t most, char stop) {
  int v = 0;
  size_t n = 0;
  for (; n < t->n && n < most && is_digit(t->p[n]); n++) v = v * 10 + (t->p[n] - '0');
  if (n < least || n == t->n || t->p[n] != stop) return -1;
  t->p += n + 1, t->n -= n + 1;
  return v;
}

/* 2026-11-20T08:15:00Z. Years before 1000 may lack zeros, since libplist writes them so. */
static bool date_ok(struct slice t) {
  static const int days[] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  int year = take_field(&t, 1, 4, '-'), month = take_field(&t, 2, 2, '-'), day = take_field(&t, 2, 2, 'T');
  int hour = take_field(&t, 2, 2, ':'), minute = take_field(&t, 2, 2, ':'), second = take_field(&t, 2, 2, 'Z');
  if (t.n != 0 || year < 1 || month < 1 || month > 12 || hour < 0 || hour > 23) return false;
  if (minute < 0 || minute > 59 || second < 0 || second > 59) return false;
  bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return day >= 1 && day <= days[month] + (month == 2 && leap);
}

static enum err date_content(struct scan *s) {
  struct slice t;
  TRY(short_text(s, &t));
  if (!date_ok(t)) return bad(s, "a date that is none");
  return s->p - t.p <= DATE_MAX ? OK : bad(s, "a date with too much white space");
}

static enum err no_content(struct scan *s) {
  skip_space(s);
  return OK;
}

/* ---- elements ---- */

static const struct element {
  struct slice name;
  enum err (*content)(struct scan *); /* NULL: a container */
  bool may_be_empty;
} elements[] = {
#define ELEMENT(name, content, empty)                                                                                  \
  { {name, sizeof name - 1}, content, empty }
    ELEMENT("key", key_content, false),   ELEMENT("string", string_content, true),
    ELEMENT("dict", NULL, true),          ELEMENT("array", NULL, true),
    ELEMENT("true", no_content, true),    ELEMENT("false", no_content, true),
    ELEMENT("data", data_content, true),  ELEMENT("integer", integer_content, false),
    ELEMENT("real", real_content, false), ELEMENT("date", date_content, false),
#undef ELEMENT
};

static const struct element *find_element(struct slice name) {
  for (size_t i = 0; i < sizeof elements / sizeof *elements; i++)
    if (elements[i].name.n == name.n && elements[i].name.p[0] == name.p[0] && slice_eq(elements[i].name, name))
      return &elements[i];
  return NULL;
}

static struct slice tag_name(struct scan *s) {
  const char *from = s->p;
  while (s->p < s->end && *s->p >= 'a' && *s->p <= 'z') s->p++;
  return slice_mem(from, (size_t)(s->p - from));
}

/* What may follow a tag's name: white space and '>'. */
static enum err tag_end(struct scan *s) {
  skip_space(s);
  if (s->p == s->end) return truncated(s);
  if (*s->p != '>') return bad(s, "a tag that does not end, or has attributes");
  s->p++;
  return OK;
}

static enum err close_tag(struct scan *s, struct slice name) {
  if (!ahead(s, "</")) return s->p == s->end ? truncated(s) : bad(s, "a closing tag is missing");
  s->p += 2;
  if (!slice_eq(tag_name(s), name))
    return s->p == s->end ? truncated(s) : bad(s, "a closing tag that fits no opening one");
  return tag_end(s);
}

/* Keys and values alternate in dictionaries; elsewhere are no keys. */
static enum err take_place(struct scan *s, const struct element *e) {
  bool is_key = e->content == key_content;
  if (s->depth == 0 || !s->open[s->depth - 1].dict) return is_key ? bad(s, "a key outside a dictionary") : OK;
  bool *has_key = &s->open[s->depth - 1].has_key;
  if (is_key == *has_key) return bad(s, is_key ? "a key without a value" : "a value without a key");
  *has_key = is_key;
  return OK;
}

static enum err open_container(struct scan *s, const struct element *e, bool empty) {
  if (s->depth >= s->lim->depth || s->depth >= PL_DEPTH_MAX) return bad(s, "it is nested too deeply");
  if (empty) return OK;
  bool dict = slice_is(e->name, "dict");
  s->open[s->depth].dict = dict;
  s->open[s->depth].has_key = false;
  s->open[s->depth].keys_from = s->keys.n;
  s->depth++;
  return OK;
}

static enum err close_container(struct scan *s) {
  if (s->depth == 0) return bad(s, "a closing tag that fits no opening one");
  s->depth--;
  bool dict = s->open[s->depth].dict;
  if (s->open[s->depth].has_key) return bad(s, "a key without a value");
  if (dict) TRY(pl_keys_close(s->cx, &s->keys, s->open[s->depth].keys_from, s->lim));
  return close_tag(s, slice_of(dict ? "dict" : "array"));
}

static enum err element(struct scan *s) {
  s->p++;
  const struct element *e = find_element(tag_name(s));
  if (!e) return s->p == s->end ? truncated(s) : bad(s, "an element that property lists do not have");
  TRY(take_place(s, e));
  TRY(count_node(s));
  skip_space(s);
  bool empty = s->p < s->end && *s->p == '/';
  if (empty) s->p++;
  if (empty && !e->may_be_empty) return bad(s, "an element that may not be empty");
  if (empty && s->p < s->end && *s->p != '>') return bad(s, "a tag that does not end");
  TRY(tag_end(s));
  if (!e->content) return open_container(s, e, empty);
  if (empty) return OK;
  TRY(e->content(s));
  return close_tag(s, e->name);
}

/* One tag inside the root, or the root itself. */
static enum err step(struct scan *s) {
  TRY(skip_misc(s));
  if (s->p == s->end) return truncated(s);
  if (*s->p != '<') return bad(s, "text outside an element");
  return ahead(s, "</") ? close_container(s) : element(s);
}

/* ---- what stands around the root ---- */

static bool read_attribute(struct scan *s, struct slice *name, struct slice *value) {
  const char *from = s->p;
  skip_space(s);
  if (s->p == from) return false;
  *name = tag_name(s);
  skip_space(s);
  if (name->n == 0 || !ahead(s, "=")) return false;
  s->p++;
  skip_space(s);
  if (!ahead(s, "\"") && !ahead(s, "'")) return false;
  char quote = *s->p++;
  from = s->p;
  while (s->p < s->end && class_at(s->p) & PLAIN && !strchr("\"'>", *s->p)) s->p++;
  *value = slice_mem(from, (size_t)(s->p - from));
  if (s->p == s->end || *s->p != quote) return false;
  s->p++;
  return true;
}

/* Takes name="value" off; false, and nothing taken, when none stands here. Values are ASCII without markup. */
static bool attribute(struct scan *s, struct slice *name, struct slice *value) {
  const char *from = s->p;
  if (read_attribute(s, name, value)) return true;
  s->p = from;
  return false;
}

static enum err declaration(struct scan *s) {
  s->p += strlen("<?xml");
  struct slice name, value;
  while (attribute(s, &name, &value)) {
    if (!slice_is(name, "encoding") || slice_ieq(value, "UTF-8") || slice_ieq(value, "US-ASCII")) continue;
    return bad(s, "it is not encoded in UTF-8");
  }
  skip_space(s);
  if (s->p == s->end) return truncated(s);
  if (!ahead(s, "?>")) return bad(s, "a faulty XML declaration");
  s->p += 2;
  return OK;
}

/* Names of a DTD are skipped; one that is written out here could define entities and is refused. */
static enum err doctype(struct scan *s) {
  s->p += strlen("<!DOCTYPE");
  for (bool quoted = false; s->p < s->end; s->p++) {
    if (*s->p == '"')
      quoted = !quoted;
    else if (!(class_at(s->p) & PLAIN) || (!quoted && (*s->p == '[' || *s->p == '\'')))
      return bad(s, "a faulty DOCTYPE, or a DTD inside it");
    else if (*s->p == '>' && !quoted)
      return s->p++, OK;
  }
  return truncated(s);
}

static enum err prolog(struct scan *s) {
  skip_space(s);
  if (ahead(s, "<?xml")) TRY(declaration(s));
  TRY(skip_misc(s));
  if (ahead(s, "<!DOCTYPE")) TRY(doctype(s));
  TRY(skip_misc(s));
  if (!ahead(s, "<plist")) return bad(s, "<plist> is missing");
  s->p += strlen("<plist");
  struct slice name, value;
  while (attribute(s, &name, &value))
    if (!slice_is(name, "version")) return bad(s, "an unknown attribute of <plist>");
  return tag_end(s);
}

static enum err document(struct scan *s) {
  TRY(prolog(s));
  do {
    TRY(step(s));
  } while (s->depth > 0);
  TRY(skip_misc(s));
  TRY(close_tag(s, slice_of("plist")));
  skip_space(s);
  return s->p == s->end ? OK : bad(s, "bytes behind </plist>");
}

static enum err scan_xml(struct ctx *cx, struct slice bytes, const struct pl_limits *lim, size_t *at) {
  struct scan s = {.cx = cx, .start = bytes.p, .p = bytes.p, .end = bytes.p + bytes.n, .lim = lim};
  enum err e = document(&s);
  *at = (size_t)(s.p - s.start);
  free(s.keys.hashes);
  return e;
}

/* ---- either format ---- */

bool pl_is_binary(struct slice bytes) { return slice_starts(bytes, "bplist"); }

struct slice pl_without_bom(struct slice bytes) {
  return slice_starts(bytes, "\xEF\xBB\xBF") ? slice_mem(bytes.p + 3, bytes.n - 3) : bytes;
}

enum err pl_scan(struct ctx *cx, struct slice bytes, const struct pl_limits *lim) {
  size_t at = 0;
  return pl_scan_at(cx, bytes, lim, &at);
}

enum err pl_scan_at(struct ctx *cx, struct slice bytes, const struct pl_limits *lim, size_t *at) {
  if (bytes.n > lim->bytes) return FAIL(cx, E_TOO_LARGE, "a property list of more than %zu bytes", lim->bytes);
  if (bytes.n == 0) return FAIL(cx, E_INVALID, "not a valid property list: it is empty");
  if (pl_is_binary(bytes)) return pl_scan_binary(cx, bytes, lim);
  if (slice_starts(bytes, "\xFF\xFE") || slice_starts(bytes, "\xFE\xFF") ||
      memchr(bytes.p, 0, bytes.n < 4 ? bytes.n : 4))
    return FAIL(cx, E_INVALID, "not a valid property list: it is not encoded in UTF-8");
  struct slice plain = pl_without_bom(bytes);
  enum err e = scan_xml(cx, plain, lim, at);
  *at += bytes.n - plain.n;
  return e;
}
