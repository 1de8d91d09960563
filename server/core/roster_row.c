/* One row, packed: what is known of a device and nothing else. */
#include "core/platform.h"
#include "core/roster_int.h"

#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 1000 };

const struct roster_row_of roster_fields[ROSTER_FIELDS] = {
#define FIELD(id, name, type, request, path, help) {name, ROSTER_##type, request, path, help},
#include "core/roster.def"
#undef FIELD
};

_Static_assert(ROSTER_FIELDS <= 64, "a bit for each field");

/* Which fields have a text, and which a number of their own in the row. */
#define IS_TEXT(type) (ROSTER_##type == ROSTER_TEXT || ROSTER_##type == ROSTER_VERSION)
#define IS_NUMBER(type) (ROSTER_##type != ROSTER_TEXT && ROSTER_##type != ROSTER_FLAG)
static const uint64_t texts = 0
#define FIELD(id, name, type, request, path, help) | (IS_TEXT(type) ? ROSTER_BIT(ROSTER_##id) : 0)
#include "core/roster.def"
#undef FIELD
    ;
static const uint64_t numbers = (0
#define FIELD(id, name, type, request, path, help) | (IS_NUMBER(type) ? ROSTER_BIT(ROSTER_##id) : 0)
#include "core/roster.def"
#undef FIELD
                                 ) &
                                ~ROSTER_BIT(ROSTER_LAST_SEEN);

static bool is_named(struct slice name, const char *field) {
  if (name.n != strlen(field)) return false;
  for (size_t i = 0; i < name.n; i++)
    if ((name.p[i] == '_' ? '-' : roster_lower(name.p[i])) != field[i]) return false;
  return true;
}

const struct roster_row_of *roster_field_named(struct slice name, enum roster_field *field) {
  for (int f = 0; f < ROSTER_FIELDS; f++) {
    if (!is_named(name, roster_fields[f].name)) continue;
    *field = (enum roster_field)f;
    return &roster_fields[f];
  }
  return NULL;
}

/* ---- making one ---- */

void roster_draft_text(struct roster_draft *d, enum roster_field f, struct slice text) {
  if (text.n == 0) return;
  if (text.n > TEXT_MAX) text.n = TEXT_MAX;
  while (text.n && !utf8_valid(text)) text.n--; /* not within a character */
  d->text[f] = text;
  if (roster_fields[f].type == ROSTER_VERSION) {
    int64_t version = platform_version(text);
    d->number[f] = version < 0 ? INT64_MIN : version;
  }
  d->known |= ROSTER_BIT(f);
}

void roster_draft_number(struct roster_draft *d, enum roster_field f, int64_t number) {
  d->number[f] = number;
  d->known |= ROSTER_BIT(f);
}

void roster_draft_flag(struct roster_draft *d, enum roster_field f, bool on) {
  d->known |= ROSTER_BIT(f);
  if (on) d->on |= ROSTER_BIT(f);
}

static size_t count_of(uint64_t bits) { return (size_t)__builtin_popcountll(bits); }

/* values, then the offset of each text in the row, then the texts. */
static void fill(struct roster_device *row, const struct roster_draft *d) {
  size_t number = 0, at = sizeof *row + count_of(d->known & numbers) * sizeof *row->values;
  uint16_t *offset = (uint16_t *)((char *)row + at);
  at += count_of(d->known & texts) * sizeof *offset;
  for (int f = 0; f < ROSTER_FIELDS; f++) {
    uint64_t bit = d->known & ROSTER_BIT(f);
    if (bit & numbers) row->values[number++] = d->number[f];
    if (!(bit & texts)) continue;
    *offset++ = (uint16_t)at;
    memcpy((char *)row + at, d->text[f].p, d->text[f].n);
    at += d->text[f].n + 1; /* the row is zeroed */
  }
}

struct roster_device *roster_pack(const struct roster_draft *d) {
  size_t size = sizeof(struct roster_device) + count_of(d->known & numbers) * sizeof(int64_t) +
                count_of(d->known & texts) * sizeof(uint16_t);
  for (int f = 0; f < ROSTER_FIELDS; f++)
    if (d->known & texts & ROSTER_BIT(f)) size += d->text[f].n + 1;
  struct roster_device *row = mem_alloc(size);
  row->device = d->device;
  row->enrollment = d->enrollment;
  row->former = d->former;
  row->enabled = d->enabled;
  row->last_seen = d->last_seen;
  row->size = (uint32_t)size;
  row->known = d->known;
  row->on = d->on;
  fill(row, d);
  return row;
}

_Static_assert(ROSTER_FIELDS *(TEXT_MAX + 1 + sizeof(int64_t)) < UINT16_MAX, "offsets of texts are 16 bits");

const struct roster_device *roster_copy(struct ctx *cx, const struct roster_device *d) {
  return ctx_memdup(cx, d, d->size);
}

/* ---- reading one ---- */

const char *roster_text(const struct roster_device *d, enum roster_field f) {
  uint64_t bit = ROSTER_BIT(f);
  if (!(d->known & texts & bit)) return NULL;
  const uint16_t *offsets = (const uint16_t *)(d->values + count_of(d->known & numbers));
  return (const char *)d + offsets[count_of(d->known & texts & (bit - 1))];
}

int64_t roster_number(const struct roster_device *d, enum roster_field f) {
  uint64_t bit = ROSTER_BIT(f);
  if (f == ROSTER_LAST_SEEN) return d->last_seen ? d->last_seen : INT64_MIN;
  if (!(d->known & bit) || roster_fields[f].type == ROSTER_TEXT) return INT64_MIN;
  if (roster_fields[f].type == ROSTER_FLAG) return (d->on & bit) != 0;
  return d->values[count_of(d->known & numbers & (bit - 1))];
}

static void set_member(struct js *o, const char *key, const struct roster_device *d, enum roster_field f) {
  const char *text = roster_text(d, f);
  int64_t number = roster_number(d, f);
  if (text)
    js_set_string(o, key, text);
  else if (number == INT64_MIN)
    return;
  else if (roster_fields[f].type == ROSTER_FLAG)
    js_set_bool(o, key, number != 0);
  else if (roster_fields[f].type == ROSTER_TIME)
    js_set_time(o, key, number);
  else if (number % 1000 == 0)
    js_set_int(o, key, number / 1000);
  else
    js_set_real(o, key, (double)number / 1000);
}

struct js *roster_json(struct ctx *cx, const struct roster_device *d) {
  struct js *o = js_object(cx);
  for (int f = ROSTER_ID + 1; f < ROSTER_FIELDS; f++) {
    char *key = ctx_strdup(cx, roster_fields[f].name);
    for (char *p = key; *p; p++)
      if (*p == '-') *p = '_';
    set_member(o, key, d, (enum roster_field)f);
  }
  return o;
}

/* ---- texts ---- */

char roster_lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c; }

int roster_compare(const char *a, const char *b) {
  while (*a && roster_lower(*a) == roster_lower(*b)) a++, b++;
  return (unsigned char)roster_lower(*a) - (unsigned char)roster_lower(*b);
}

#define EACH_BYTE(c) (UINT64_C(0x0101010101010101) * (unsigned char)(c))
#define HAS_ZERO(x) (((x)-EACH_BYTE(1)) & ~(x)&EACH_BYTE(0x80))

static bool begins_with(const char *p, const char *end, struct slice word) {
  size_t i = 0;
  if ((size_t)(end - p) < word.n) return false;
  while (i < word.n && roster_lower(p[i]) == word.p[i]) i++;
  return i == word.n;
}

/* Eight bytes at a time are passed over where the first letter is not among them. */
static bool contains(const char *p, const char *end, struct slice word) {
  char c = word.p[0], big = c >= 'a' && c <= 'z' ? (char)(c - ('a' - 'A')) : c;
  uint64_t eight;
  while (p < end) {
    if ((size_t)(end - p) >= sizeof eight) {
      memcpy(&eight, p, sizeof eight);
      if (!(HAS_ZERO(eight ^ EACH_BYTE(c)) | HAS_ZERO(eight ^ EACH_BYTE(big)))) {
        p += sizeof eight;
        continue;
      }
    }
    const char *stop = end - p > 8 ? p + 8 : end;
    for (; p < stop; p++)
      if ((*p == c || *p == big) && begins_with(p, end, word)) return true;
  }
  return false;
}

bool roster_search(const struct roster_device *d, enum roster_field first, enum roster_field last, struct slice word) {
  uint64_t known = d->known & texts;
  size_t from = count_of(known & (ROSTER_BIT(first) - 1)), to = count_of(known & (ROSTER_BIT(last + 1) - 1));
  if (from == to || word.n == 0) return false;
  const uint16_t *offsets = (const uint16_t *)(d->values + count_of(d->known & numbers));
  const char *row = (const char *)d;
  return contains(row + offsets[from], to == count_of(known) ? row + d->size : row + offsets[to], word);
}
