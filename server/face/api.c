/* What the handlers of the API share: reading bodies, members and pages. */
#include "base/enc.h"
#include "face/api_int.h"
#include "lib/db.h"

#include <ctype.h>
#include <string.h>

/* ---- bodies, by the words of their rows (face/router.h) ---- */

static bool is_text(struct js *n) { return js_string(n) != NULL; }

static bool is_int(struct js *n) {
  int64_t value;
  return js_int(n, &value);
}

static bool is_real(struct js *n) {
  double value;
  return js_real(n, &value);
}

static bool is_bool(struct js *n) {
  bool value;
  return js_bool(n, &value);
}

static bool is_span(struct js *n) {
  int64_t value;
  return js_string(n) && dec_span(slice_of(js_string(n)), &value);
}

static bool is_any(struct js *n) { return n != NULL; }

static const struct type {
  const char *word;
  bool (*fits)(struct js *n);
  const char *wrong, *wrong_list;
} types[] = {
    {"text", is_text, "is no string", "is no array of strings"},
    {"int", is_int, "is no whole number", "is no array of whole numbers"},
    {"real", is_real, "is no number", "is no array of numbers"},
    {"bool", is_bool, "is neither true nor false", "is no array of true and false"},
    {"span", is_span, "is no span like 15m, 24h or 7d", "is no array of spans like 15m, 24h or 7d"},
    {"time", is_text, "is no string", "is no array of strings"},
    {"object", js_is_object, "is no object", "is no array of objects"},
    {"any", is_any, "is missing", "is no array"},
};

static const struct type *type_of(const struct route_word *w) {
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    if (slice_is(w->type, types[i].word)) return &types[i];
  return &types[sizeof types / sizeof *types - 1];
}

/* null is as good as absent. */
static enum err check_member(struct ctx *cx, const struct route_word *w, const char *key, struct js *value) {
  const struct type *type = type_of(w);
  if (js_is_null(value)) return OK;
  if (!w->array) return type->fits(value) ? OK : FAIL(cx, E_INVALID, "%s %s", key, type->wrong);
  bool fits = js_is_array(value);
  for (size_t i = 0; fits && i < js_count(value); i++) fits = type->fits(js_at(value, i));
  return fits ? OK : FAIL(cx, E_INVALID, "%s %s", key, type->wrong_list);
}

static enum err check_members(struct ctx *cx, struct js *object, const char *words) {
  const char *key;
  struct js *value;
  for (size_t i = 0; (value = js_member(object, i, &key)); i++) {
    struct route_word w;
    if (!route_word_named(words, slice_of(key), &w))
      return FAIL(cx, E_INVALID, "there is no member %s here; there is: %s",
                  text_is_plain(slice_of(key)) ? key : "so named", route_word_names(cx, words));
    TRY(check_member(cx, &w, key, value));
  }
  return OK;
}

enum err api_object(struct http_req *rq, struct js **out) {
  struct ctx *cx = http_cx(rq);
  *out = js_object(cx);
  if (http_body(rq).n == 0) return OK;
  TRY(js_parse(cx, http_body(rq), out));
  return js_is_object(*out) ? check_members(cx, *out, route_row(rq)->body)
                            : FAIL(cx, E_INVALID, "the body is no JSON object");
}

/* NULL when absent or null. */
static struct js *member(struct js *object, const char *key) {
  struct js *n = js_get(object, key);
  return js_is_null(n) ? NULL : n;
}

enum err api_string(struct ctx *cx, struct js *object, const char *key, const char **out) {
  struct js *n = member(object, key);
  if (n && !js_string(n)) return FAIL(cx, E_INVALID, "%s is no string", key);
  if (n) *out = js_string(n);
  return OK;
}

enum err api_int(struct ctx *cx, struct js *object, const char *key, int64_t *out) {
  struct js *n = member(object, key);
  return !n || js_int(n, out) ? OK : FAIL(cx, E_INVALID, "%s is no whole number", key);
}

enum err api_bool(struct ctx *cx, struct js *object, const char *key, bool *out) {
  struct js *n = member(object, key);
  return !n || js_bool(n, out) ? OK : FAIL(cx, E_INVALID, "%s is neither true nor false", key);
}

enum err api_span(struct ctx *cx, struct js *object, const char *key, int64_t *out) {
  const char *text = NULL;
  TRY(api_string(cx, object, key, &text));
  return !text || dec_span(slice_of(text), out) ? OK : FAIL(cx, E_INVALID, "%s is no span like 15m, 24h or 7d", key);
}

static bool query_number(struct http_req *rq, const char *name, int64_t *out) {
  struct slice text = http_query(rq, name);
  *out = 0;
  return !text.p || (slice_to_i64(text, out) && *out >= 0);
}

enum err api_cursor(struct http_req *rq, int64_t *out) {
  bool ok = query_number(rq, "cursor", out);
  return ok ? OK : FAIL(http_cx(rq), E_INVALID, "cursor is not `next` of a former answer");
}

enum err api_limit(struct http_req *rq, int *out) {
  int64_t n;
  if (!query_number(rq, "limit", &n) || n > PAGE_MAX)
    return FAIL(http_cx(rq), E_INVALID, "limit is no number from 0 to %d", PAGE_MAX);
  *out = n ? (int)n : PAGE_DEFAULT;
  return OK;
}

char *api_param(struct http_req *rq, const char *name) {
  struct slice s = route_param(rq, name);
  return ctx_memdup(http_cx(rq), s.p, s.n);
}

void api_etag(struct http_req *rq, int64_t version) {
  route_etag(rq, ctx_printf(http_cx(rq), "\"%lld\"", (long long)version));
}

/* Proxies that compress an answer mark its ETag as weak (nginx), or add to it ("3-gzip": Apache, Caddy): the version is
   the same. */
static bool version_of(struct slice tag, int64_t *version) {
  if (slice_starts(tag, "W/")) tag = slice_mem(tag.p + 2, tag.n - 2);
  if (tag.n < 3 || tag.p[0] != '"' || memchr(tag.p + 1, '"', tag.n - 1) != tag.p + tag.n - 1) return false;
  struct slice text = slice_mem(tag.p + 1, tag.n - 2);
  size_t digits = 0;
  while (digits < text.n && isdigit((unsigned char)text.p[digits])) digits++;
  bool ends = digits == text.n || text.p[digits] == '.' || text.p[digits] == '-';
  return ends && slice_to_i64(slice_mem(text.p, digits), version);
}

enum err api_if_match(struct http_req *rq, int64_t *version) {
  struct slice tag = slice_trim(http_header(rq, "If-Match"));
  *version = -1;
  if (!tag.p || slice_is(tag, "*") || version_of(tag, version)) return OK;
  return FAIL(http_cx(rq), E_INVALID, "If-Match is no ETag of an answer");
}

enum err api_same_version(struct ctx *cx, int64_t wanted, int64_t present) {
  if (wanted < 0 || wanted == present) return OK;
  return FAIL(cx, E_PRECONDITION, "it was changed meanwhile: version %lld is now %lld; look at it again",
              (long long)wanted, (long long)present);
}

char *api_of(struct ctx *cx, const char *act, size_t n, const char *thing) {
  return ctx_printf(cx, "%s: %zu %s%s", act, n, thing, n == 1 ? "" : "s");
}

void api_unconfirmed(struct http_req *rq, int64_t devices) {
  struct ctx *cx = http_cx(rq);
  struct js *body = js_object(cx), *error = js_object(cx);
  js_set_string(error, "code", "unconfirmed");
  js_set_string(error, "message", ctx_error_text(cx));
  js_set_string(error, "trace", ctx_trace(cx));
  js_set_int(error, "confirm", devices);
  js_set(body, "error", error);
  reply_json(rq, 409, body);
}

void api_answer(struct http_req *rq, struct core *core,
                enum err (*fill)(struct http_req *rq, struct core *core, struct js *body)) {
  struct js *body = js_object(http_cx(rq));
  enum err e = fill(rq, core, body);
  if (e == OK)
    reply_json(rq, 200, body);
  else
    reply_error(rq, e);
}

void api_done(struct http_req *rq, void *arg, enum err e) {
  (void)arg;
  if (e == OK)
    reply_empty(rq, 204);
  else
    reply_error(rq, e);
}

enum err api_page(struct http_req *rq, struct core *core, struct api_page *out) {
  TRY(api_limit(rq, &out->most));
  TRY(api_cursor(rq, &out->start));
  return db_reader(http_cx(rq), core->store, &out->db);
}

void api_page_end(struct js *body, const char *name, struct js *list, const struct api_page *page, int64_t next) {
  js_set(body, name, list);
  if (js_count(list) == (size_t)page->most)
    js_set_int(body, "next", next);
  else
    js_set_null(body, "next");
}
