#include "lib/plist.h"
#include "lib/plist_int.h"

#include <math.h>
#include <plist/plist.h>
#include <stdlib.h>
#include <string.h>

/* A node as callers hold it. libplist knows nothing of contexts and cannot give a child back, so who frees a tree is
   remembered here: the root that nobody has taken over. */
struct pl {
  struct ctx *cx;
  plist_t node;
  bool root;        /* freed with cx */
  struct pl *items; /* of an array, once pl_at was asked: libplist finds the i-th of a binary list by counting */
};

static struct pl *wrap(struct ctx *cx, plist_t node) {
  if (!node) return NULL;
  struct pl *n = ctx_alloc(cx, sizeof *n);
  n->cx = cx;
  n->node = node;
  return n;
}

static void release(void *arg) {
  struct pl *n = arg;
  if (n->root) plist_free(n->node);
}

static struct pl *wrap_root(struct ctx *cx, plist_t node) {
  struct pl *n = wrap(cx, node);
  n->root = true;
  ctx_defer(cx, release, n);
  return n;
}

enum err pl_parse(struct ctx *cx, struct slice bytes, const struct pl_limits *lim, struct pl **out) {
  TRY(pl_scan(cx, bytes, lim));
  plist_t node = NULL;
  struct slice plain = pl_without_bom(bytes);
  (pl_is_binary(plain) ? plist_from_bin : plist_from_xml)(plain.p, (uint32_t)plain.n, &node);
  if (!node) return FAIL(cx, E_INVALID, "not a valid property list: libplist does not accept it");
  *out = wrap_root(cx, node);
  return OK;
}

/* ---- reading ---- */

enum pl_type pl_type(const struct pl *n) {
  static const enum pl_type types[] = {
      [PLIST_BOOLEAN] = PL_BOOL, [PLIST_UINT] = PL_INT,  [PLIST_REAL] = PL_REAL, [PLIST_STRING] = PL_STRING,
      [PLIST_ARRAY] = PL_ARRAY,  [PLIST_DICT] = PL_DICT, [PLIST_DATE] = PL_DATE, [PLIST_DATA] = PL_DATA,
      [PLIST_KEY] = PL_NONE,     [PLIST_UID] = PL_NONE,  [PLIST_NONE] = PL_NONE,
  };
  size_t type = n ? (size_t)plist_get_node_type(n->node) : PLIST_NONE;
  return type < sizeof types / sizeof *types ? types[type] : PL_NONE;
}

struct pl *pl_get(struct pl *dict, const char *key) {
  return pl_type(dict) == PL_DICT ? wrap(dict->cx, plist_dict_get_item(dict->node, key)) : NULL;
}

size_t pl_count(struct pl *container) {
  enum pl_type type = pl_type(container);
  return type == PL_DICT    ? plist_dict_get_size(container->node)
         : type == PL_ARRAY ? plist_array_get_size(container->node)
                            : 0;
}

static void index_items(struct pl *array, size_t n) {
  array->items = ctx_alloc(array->cx, n * sizeof *array->items);
  plist_array_iter at = NULL;
  plist_array_new_iter(array->node, &at);
  for (size_t i = 0; i < n; i++) {
    array->items[i].cx = array->cx;
    plist_array_next_item(array->node, at, &array->items[i].node);
  }
  free(at);
}

struct pl *pl_at(struct pl *array, size_t i) {
  size_t n = pl_count(array);
  if (pl_type(array) != PL_ARRAY || i >= n) return NULL;
  if (!array->items) index_items(array, n);
  return &array->items[i];
}

void pl_each(struct pl *dict, void (*each)(const char *key, struct pl *value, void *arg), void *arg) {
  size_t n = pl_type(dict) == PL_DICT ? pl_count(dict) : 0;
  plist_dict_iter at = NULL;
  if (n) plist_dict_new_iter(dict->node, &at);
  for (; n; n--) {
    char *key = NULL;
    plist_t value = NULL;
    plist_dict_next_item(dict->node, at, &key, &value);
    char *kept = ctx_strdup(dict->cx, key);
    free(key);
    each(kept, wrap(dict->cx, value), arg);
  }
  free(at);
}

struct blanking {
  const char *const *names;
  size_t n;
};

static void blank_below(struct pl *at, struct blanking *b);

static void blank_member(const char *key, struct pl *value, void *arg) {
  struct blanking *b = arg;
  enum pl_type type = pl_type(value);
  bool named = false;
  for (const char *const *name = b->names; *name; name++) named = named || strcmp(*name, key) == 0;
  if (named && type == PL_STRING) plist_set_string_val(value->node, "");
  if (named && type == PL_DATA) plist_set_data_val(value->node, "", 0);
  b->n += named && (type == PL_STRING || type == PL_DATA);
  blank_below(value, b);
}

static void blank_below(struct pl *at, struct blanking *b) {
  size_t n = pl_type(at) == PL_ARRAY ? pl_count(at) : 0;
  for (size_t i = 0; i < n; i++) blank_below(pl_at(at, i), b);
  pl_each(at, blank_member, b);
}

size_t pl_blank(struct pl *root, const char *const *names) {
  struct blanking b = {names, 0};
  blank_below(root, &b);
  return b.n;
}

bool pl_string(struct pl *n, struct slice *out) {
  if (pl_type(n) != PL_STRING) return false;
  uint64_t length = 0;
  const char *p = plist_get_string_ptr(n->node, &length);
  *out = slice_mem(p, (size_t)length);
  return true;
}

const char *pl_str(struct pl *dict, const char *key) {
  struct slice s;
  return pl_string(pl_get(dict, key), &s) ? s.p : NULL;
}

bool pl_data(struct pl *n, struct slice *out) {
  if (pl_type(n) != PL_DATA) return false;
  uint64_t length = 0;
  const char *p = plist_get_data_ptr(n->node, &length);
  *out = slice_mem(p, (size_t)length);
  return true;
}

/* libplist hides whether an integer has a sign, and cuts dates to 31 bits. A binary list of the node alone shows both:
   eight bytes of header, the marker, the value. False when the marker is another one. */
static bool binary_value(const struct pl *n, unsigned char marker, uint64_t *bits) {
  char *bin = NULL;
  uint32_t length = 0;
  plist_to_bin(n->node, &bin, &length);
  bool found = bin && length >= 17 && (unsigned char)bin[8] == marker;
  if (found) {
    *bits = 0;
    for (int i = 9; i < 17; i++) *bits = *bits << 8 | (unsigned char)bin[i];
  }
  plist_to_bin_free(bin);
  return found;
}
enum { MARK_INT64 = 0x13, MARK_DATE = 0x33 };

bool pl_int(struct pl *n, int64_t *out) {
  if (pl_type(n) != PL_INT) return false;
  uint64_t v = 0, signed_v;
  plist_get_uint_val(n->node, &v);
  if (v > INT64_MAX && !binary_value(n, MARK_INT64, &signed_v)) return false;
  memcpy(out, &v, sizeof *out);
  return true;
}

bool pl_bool(struct pl *n, bool *out) {
  if (pl_type(n) != PL_BOOL) return false;
  uint8_t v = 0;
  plist_get_bool_val(n->node, &v);
  *out = v != 0;
  return true;
}

bool pl_real(struct pl *n, double *out) {
  if (pl_type(n) != PL_REAL) return false;
  plist_get_real_val(n->node, out);
  return true;
}

bool pl_date(struct pl *n, int64_t *us) {
  uint64_t bits;
  if (pl_type(n) != PL_DATE || !binary_value(n, MARK_DATE, &bits)) return false;
  double seconds;
  memcpy(&seconds, &bits, sizeof seconds);
  double whole = floor(seconds);
  *us = ((int64_t)whole + PL_EPOCH) * 1000000 + (int64_t)((seconds - whole) * 1e6);
  return true;
}

/* ---- building ---- */

struct pl *pl_new_dict(struct ctx *cx) {
  return wrap_root(cx, plist_new_dict());
}
struct pl *pl_new_array(struct ctx *cx) {
  return wrap_root(cx, plist_new_array());
}

bool pl_carries(const char *text) {
  const char *end = text + strlen(text), *p = text;
  size_t n;
  while (p < end && (n = pl_utf8_char(p, end)) > 0) p += n;
  return p == end;
}

/* What XML cannot carry becomes U+FFFD. */
static const char *clean(struct ctx *cx, const char *s) {
  const char *end = s + strlen(s);
  size_t n;
  if (pl_carries(s)) return s;
  char *out = ctx_alloc(cx, (size_t)(end - s) * 3 + 1), *to = out;
  for (const char *p = s; p < end; p += n ? n : 1) {
    n = pl_utf8_char(p, end);
    memcpy(to, n ? p : "\xEF\xBF\xBD", n ? n : 3);
    to += n ? n : 3;
  }
  return out;
}

/* plist_new_date cuts to 31 bits of seconds too; a binary list of one date does not. */
static plist_t new_date(int64_t us) {
  double seconds = (double)us / 1e6 - (double)PL_EPOCH;
  if (seconds < (double)PL_DATE_MIN) seconds = (double)PL_DATE_MIN;
  if (seconds > (double)PL_DATE_MAX) seconds = (double)PL_DATE_MAX;
  uint64_t bits;
  memcpy(&bits, &seconds, sizeof bits);
  /* header, the date's marker and value, its offset; trailer: sizes of offsets and references, count, root, table */
  char bin[50] = {'b', 'p', 'l', 'i', 's', 't', '0', '0', MARK_DATE, [17] = 8, [24] = 1, 1, [33] = 1, [49] = 17};
  for (int i = 16; i > 8; i--, bits >>= 8) bin[i] = (char)(bits & 0xFF);
  plist_t node = NULL;
  plist_from_bin(bin, sizeof bin, &node);
  return node;
}

static void set_node(struct pl *dict, const char *key, plist_t value) {
  plist_dict_set_item(dict->node, clean(dict->cx, key), value);
}

static void add_node(struct pl *array, plist_t value) {
  plist_array_append_item(array->node, value);
  array->items = NULL;
}

/* The node itself when it is a root, which is one no longer; a copy of what another root owns. */
static plist_t take_over(struct pl *value) {
  if (!value->root) return plist_copy(value->node);
  value->root = false;
  return value->node;
}

void pl_set_string(struct pl *dict, const char *key, const char *value) {
  set_node(dict, key, plist_new_string(clean(dict->cx, value)));
}
void pl_set_data(struct pl *dict, const char *key, struct slice value) {
  set_node(dict, key, plist_new_data(value.n ? value.p : "", value.n));
}
void pl_set_int(struct pl *dict, const char *key, int64_t value) {
  set_node(dict, key, plist_new_uint((uint64_t)value));
}
void pl_set_bool(struct pl *dict, const char *key, bool value) { set_node(dict, key, plist_new_bool(value)); }
void pl_set_real(struct pl *dict, const char *key, double value) { set_node(dict, key, plist_new_real(value)); }
void pl_set_date(struct pl *dict, const char *key, int64_t us) { set_node(dict, key, new_date(us)); }
void pl_set(struct pl *dict, const char *key, struct pl *value) { set_node(dict, key, take_over(value)); }

void pl_add_string(struct pl *array, const char *value) { add_node(array, plist_new_string(clean(array->cx, value))); }
void pl_add_data(struct pl *array, struct slice value) {
  add_node(array, plist_new_data(value.n ? value.p : "", value.n));
}
void pl_add_int(struct pl *array, int64_t value) { add_node(array, plist_new_uint((uint64_t)value)); }
void pl_add_bool(struct pl *array, bool value) { add_node(array, plist_new_bool(value)); }
void pl_add_real(struct pl *array, double value) { add_node(array, plist_new_real(value)); }
void pl_add_date(struct pl *array, int64_t us) { add_node(array, new_date(us)); }
void pl_add(struct pl *array, struct pl *value) { add_node(array, take_over(value)); }

static struct slice keep(struct ctx *cx, char *p, uint32_t n) {
  if (!p) abort(); /* out of memory */
  struct slice s = slice_mem(ctx_memdup(cx, p, n), n);
  free(p);
  return s;
}

struct slice pl_xml(struct ctx *cx, struct pl *root) {
  char *p = NULL;
  uint32_t n = 0;
  plist_to_xml(root->node, &p, &n);
  return keep(cx, p, n);
}

struct slice pl_binary(struct ctx *cx, struct pl *root) {
  char *p = NULL;
  uint32_t n = 0;
  plist_to_bin(root->node, &p, &n);
  return keep(cx, p, n);
}
