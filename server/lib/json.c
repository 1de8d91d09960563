#include "lib/json.h"

#include "base/secret.h"

#include <jansson.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DEPTH_MAX 64
#define BYTES_MAX (16u << 20)
#define VALUES_MAX 200000 /* one costs up to 300 bytes of memory for two of text */
#define MEMBERS_MAX 10000 /* of one object: js_member counts its way to the i-th */

/* A struct js is jansson's json_t under our name; jansson counts references, the context holds one to each root. */
static json_t *raw(const struct js *n) { return (json_t *)(uintptr_t)n; }
static struct js *as_js(const json_t *n) { return (struct js *)(uintptr_t)n; }

/* ---- memory: what people and programs send and are told holds passwords, codes and tokens, so all of it is wiped ----
 */

struct piece {
  size_t n;
  _Alignas(max_align_t) char bytes[];
};

static void *piece_new(size_t n) {
  struct piece *p = malloc(sizeof *p + n);
  if (!p) return NULL;
  p->n = n;
  return p->bytes;
}

static void piece_free(void *bytes) {
  if (!bytes) return;
  struct piece *p = (struct piece *)((char *)bytes - offsetof(struct piece, bytes));
  secret_wipe(p->bytes, p->n);
  free(p);
}

/* jansson wants to know before its first value, which may be of any thread. */
__attribute__((constructor)) static void wipe_all(void) { json_set_alloc_funcs(piece_new, piece_free); }

static void release(void *arg) { json_decref(arg); }

static struct js *keep(struct ctx *cx, json_t *n) {
  if (!n) abort(); /* out of memory */
  ctx_defer(cx, release, n);
  return as_js(n);
}

/* ---- parsing ---- */

/* jansson parses and frees by recursion: nesting is bounded before it sees the text. Brackets inside strings do not
   count; whether the text is JSON at all is for jansson to say. */
static enum err check_shape(struct ctx *cx, struct slice text) {
  size_t commas[DEPTH_MAX + 1] = {0};
  size_t values = 0;
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.n; i++) {
    char c = text.p[i];
    if (c == '"') in_string = !in_string;
    if (!in_string && (c == '{' || c == '[' || c == ',') && ++values > VALUES_MAX)
      return FAIL(cx, E_TOO_LARGE, "JSON of more than %d values", VALUES_MAX);
    if (in_string) {
      if (c == '\\') i++;
    } else if (c == '{' || c == '[') {
      if (++depth > DEPTH_MAX) return FAIL(cx, E_INVALID, "not valid JSON: nested too deeply, at byte %zu", i);
      commas[depth] = c == '{' ? 0 : SIZE_MAX / 2;
    } else if ((c == '}' || c == ']') && depth > 0) {
      depth--;
    } else if (c == ',' && ++commas[depth] == MEMBERS_MAX) {
      return FAIL(cx, E_INVALID, "not valid JSON: an object of too many members, at byte %zu", i);
    }
  }
  return OK;
}

enum err js_parse(struct ctx *cx, struct slice text, struct js **out) {
  if (text.n > BYTES_MAX) return FAIL(cx, E_TOO_LARGE, "JSON of more than %u bytes", BYTES_MAX);
  if (text.n == 0) return FAIL(cx, E_INVALID, "not valid JSON: it is empty");
  TRY(check_shape(cx, text));
  json_error_t why;
  json_t *n = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
  if (!n) {
    char *near = strstr(why.text, " near '"); /* quotes the text, which may be secret */
    if (near) *near = '\0';
    return FAIL(cx, E_INVALID, "not valid JSON: %s, at line %d column %d", why.text, why.line, why.column);
  }
  *out = keep(cx, n);
  return OK;
}

/* ---- reading ---- */

struct js *js_get(struct js *object, const char *key) {
  return as_js(json_object_get(raw(object), key));
}

size_t js_count(struct js *container) {
  return js_is_object(container) ? json_object_size(raw(container)) : json_array_size(raw(container));
}

struct js *js_at(struct js *array, size_t i) {
  return as_js(json_array_get(raw(array), i));
}

struct js *js_member(struct js *object, size_t i, const char **key) {
  void *at = json_object_iter(raw(object));
  while (at && i--) at = json_object_iter_next(raw(object), at);
  if (!at) return NULL;
  *key = json_object_iter_key(at);
  return as_js(json_object_iter_value(at));
}

bool js_is_object(struct js *n) { return json_is_object(raw(n)); }
bool js_is_array(struct js *n) { return json_is_array(raw(n)); }
bool js_is_null(struct js *n) { return !n || json_is_null(raw(n)); }

const char *js_string(struct js *n) { return json_string_value(raw(n)); }
const char *js_str(struct js *object, const char *key) { return js_string(js_get(object, key)); }

bool js_int(struct js *n, int64_t *out) {
  if (!json_is_integer(raw(n))) return false;
  *out = json_integer_value(raw(n));
  return true;
}

bool js_real(struct js *n, double *out) {
  if (!json_is_number(raw(n))) return false;
  *out = json_number_value(raw(n));
  return true;
}

bool js_bool(struct js *n, bool *out) {
  if (!json_is_boolean(raw(n))) return false;
  *out = json_is_true(raw(n));
  return true;
}

/* ---- building ---- */

struct js *js_object(struct ctx *cx) {
  return keep(cx, json_object());
}
struct js *js_array(struct ctx *cx) {
  return keep(cx, json_array());
}

static size_t char_length(struct slice s) {
  for (size_t n = 1; n <= 4 && n <= s.n; n++)
    if (utf8_valid(slice_mem(s.p, n))) return n;
  return 0;
}

/* s with every byte that is no UTF-8 replaced by U+FFFD. */
static void repair(struct buf *out, struct slice s) {
  while (s.n) {
    size_t n = char_length(s);
    if (n)
      buf_add(out, s.p, n);
    else
      buf_add_str(out, "\xEF\xBF\xBD");
    s.p += n ? n : 1, s.n -= n ? n : 1;
  }
}

static json_t *new_string(const char *value) {
  if (!value) return json_null();
  struct slice s = slice_of(value);
  if (utf8_valid(s)) return json_stringn(s.p, s.n);
  struct buf b = {0};
  repair(&b, s);
  json_t *n = json_stringn(b.p, b.n);
  buf_free(&b);
  return n;
}

/* Takes one reference to value. */
static void put(struct js *object, const char *key, json_t *value) {
  if (!value) abort(); /* out of memory */
  struct slice k = slice_of(key);
  struct buf b = {0};
  if (!utf8_valid(k)) repair(&b, k);
  if (json_object_set_new(raw(object), b.p ? b.p : key, value) != 0) abort(); /* not an object, or set into itself */
  buf_free(&b);
}

static void append(struct js *array, json_t *value) {
  if (!value || json_array_append_new(raw(array), value) != 0) abort();
}

/* The context keeps its reference to the value, the container gets its own. */
static json_t *share(struct js *value) { return value ? json_incref(raw(value)) : json_null(); }

void js_set(struct js *object, const char *key, struct js *value) { put(object, key, share(value)); }
void js_set_string(struct js *object, const char *key, const char *value) { put(object, key, new_string(value)); }
void js_set_int(struct js *object, const char *key, int64_t value) { put(object, key, json_integer(value)); }
void js_set_real(struct js *object, const char *key, double value) {
  put(object, key, isfinite(value) ? json_real(value) : json_null());
}
void js_set_bool(struct js *object, const char *key, bool value) { put(object, key, json_boolean(value)); }
void js_set_null(struct js *object, const char *key) { put(object, key, json_null()); }

void js_set_time(struct js *object, const char *key, int64_t us) {
  time_t seconds = us / 1000000 - (us % 1000000 < 0);
  struct tm tm;
  char text[40];
  if (us == 0 || !gmtime_r(&seconds, &tm) || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
    js_set_null(object, key);
  else
    js_set_string(object, key, text);
}

void js_add(struct js *array, struct js *value) { append(array, share(value)); }
void js_add_string(struct js *array, const char *value) { append(array, new_string(value)); }

/* ---- writing ---- */

/* jansson indents by spaces, here one for a level; strings hold no raw line break, so every space behind one is such.
 */
static void spaces_to_tabs(char *text) {
  for (char *p = text; *p; p++)
    if (*p == '\n')
      while (p[1] == ' ') *++p = '\t';
}

struct slice js_text(struct ctx *cx, struct js *n, enum js_style style) {
  static const size_t layout[] = {
      [JS_COMPACT] = JSON_COMPACT, [JS_INDENT] = JSON_INDENT(2), [JS_TABS] = JSON_INDENT(1)};
  /* 15 digits: what people and other programs wrote comes back as it was */
  char *text = json_dumps(raw(n), layout[style] | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
  if (!text) abort();
  if (style == JS_TABS) spaces_to_tabs(text);
  struct slice out = slice_of(ctx_printf(cx, "%s%s", text, style == JS_COMPACT ? "" : "\n"));
  piece_free(text);
  secret_in(cx, (void *)(uintptr_t)out.p, out.n);
  return out;
}
