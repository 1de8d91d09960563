/* /api/v1/openapi.json: the description of the API, made of the rows that answer it (OpenAPI 3.1.0). */
#include "core/login.h"
#include "face/access.h"
#include "face/api_int.h"

#include <ctype.h>
#include <string.h>

static struct js *reference(struct ctx *cx, const char *to) {
  struct js *o = js_object(cx);
  js_set_string(o, "$ref", to);
  return o;
}

static struct js *typed(struct ctx *cx, const char *type) {
  struct js *o = js_object(cx);
  js_set_string(o, "type", type);
  return o;
}

/* ---- types of router.h ---- */

static const struct {
  const char *word, *type, *format, *pattern;
} types[] = {
    {"text", "string", NULL, NULL},
    {"int", "integer", "int64", NULL},
    {"real", "number", NULL, NULL},
    {"bool", "boolean", NULL, NULL},
    {"time", "string", "date-time", NULL},
    {"object", "object", NULL, NULL},
    {"any", NULL, NULL, NULL},
    {"span", "string", NULL, "^[0-9]+(us|ms|s|m|h|d)?$"},
};

static struct js *schema_of(struct ctx *cx, const struct route_word *w) {
  struct js *o = js_object(cx), *list;
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    if (!slice_is(w->type, types[i].word)) continue;
    if (types[i].type) js_set_string(o, "type", types[i].type);
    if (types[i].format) js_set_string(o, "format", types[i].format);
    if (types[i].pattern) js_set_string(o, "pattern", types[i].pattern);
  }
  if (!w->array) return o;
  list = typed(cx, "array");
  js_set(list, "items", o);
  return list;
}

/* ---- parameters ---- */

static struct js *parameter(struct ctx *cx, const char *in, const char *name, bool required, struct js *schema) {
  struct js *p = js_object(cx);
  js_set_string(p, "name", name);
  js_set_string(p, "in", in);
  js_set_bool(p, "required", required);
  js_set(p, "schema", schema);
  return p;
}

/* "/a/:id" as "/a/{id}", noting the names; a star is {rest}. */
static char *template_of(struct ctx *cx, const char *pattern, struct js *parameters) {
  struct buf b = {0};
  struct slice rest = slice_of(pattern + 1), segment;
  while (slice_cut(&rest, '/', &segment)) {
    bool star = slice_is(segment, "*"), named = star || slice_starts(segment, ":");
    char *name =
        star ? ctx_strdup(cx, "rest") : ctx_memdup(cx, segment.p + (named ? 1 : 0), segment.n - (named ? 1 : 0));
    buf_printf(&b, named ? "/{%s}" : "/%s", name);
    if (named) js_add(parameters, parameter(cx, "path", name, true, typed(cx, "string")));
  }
  char *text = ctx_memdup(cx, b.p, b.n);
  buf_free(&b);
  return text;
}

/* What means the same wherever it stands. */
static const struct {
  const char *name, *text;
} told[] = {
    {"anyway", "Do it although the server advises against it, or would refuse it."},
    {"confirm", "How many devices the change may concern, as the 409 `unconfirmed` told."},
    {"cursor", "`next` of the page before; without it the list begins."},
    {"device", "Id or serial number of a device."},
    {"filter", "As `os<18 and platform=ios`: see docs/devices.md."},
    {"limit", "Rows of a page, at most 1000; 0, or without it: 100."},
    {"sort", "A field of filters; with - before it downwards."},
    {"topic", "Of the push certificate; needed where there are several."},
};

static void add_query(struct ctx *cx, struct js *parameters, const struct route *row) {
  struct slice list = slice_of(row->query);
  struct route_word w;
  while (row->query && route_words(&list, &w)) {
    struct js *p = parameter(cx, "query", ctx_memdup(cx, w.name.p, w.name.n), w.required, schema_of(cx, &w));
    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
      if (slice_is(w.name, told[i].name)) js_set_string(p, "description", told[i].text);
    js_add(parameters, p);
  }
}

static void add_headers(struct ctx *cx, struct js *parameters, const char *method, const struct route *row) {
  bool posts = strcmp(method, "post") == 0, reads = strcmp(method, "get") == 0;
  bool own = slice_starts(slice_of(row->pattern), "/api/v1/");
  if (posts && own) js_add(parameters, reference(cx, "#/components/parameters/IdempotencyKey"));
  if (reads && own) js_add(parameters, reference(cx, "#/components/parameters/IfNoneMatch"));
  if (!reads && row->flags & ROUTE_VERSIONED) js_add(parameters, reference(cx, "#/components/parameters/IfMatch"));
}

/* ---- bodies ---- */

static struct js *content(struct ctx *cx, const char *media_type, struct js *schema) {
  struct js *o = js_object(cx), *media = js_object(cx);
  if (schema) js_set(media, "schema", schema);
  js_set(o, media_type, media);
  return o;
}

/* null is as good as absent. */
static struct js *or_null(struct ctx *cx, struct js *schema) {
  const char *type = js_str(schema, "type");
  struct js *either = js_array(cx);
  if (!type) return schema;
  js_add_string(either, type);
  js_add_string(either, "null");
  js_set(schema, "type", either);
  return schema;
}

static struct js *members(struct ctx *cx, const char *words) {
  struct js *o = typed(cx, "object"), *properties = js_object(cx), *required = js_array(cx);
  struct slice list = slice_of(words);
  struct route_word w;
  while (route_words(&list, &w)) {
    char *name = ctx_memdup(cx, w.name.p, w.name.n);
    js_set(properties, name, w.required ? schema_of(cx, &w) : or_null(cx, schema_of(cx, &w)));
    if (w.required) js_add_string(required, name);
  }
  js_set(o, "properties", properties);
  if (js_count(required)) js_set(o, "required", required);
  js_set_bool(o, "additionalProperties", false);
  return o;
}

static struct js *request_body(struct ctx *cx, const struct route *row) {
  struct js *o = js_object(cx), *media;
  const char *words = row->body;
  bool raw = !words || *words == '@';
  media = raw ? content(cx, words ? words + 1 : "*/*", NULL) : content(cx, "application/json", members(cx, words));
  if (row->flags & ROUTE_FILE) js_set(media, "application/octet-stream", js_object(cx));
  js_set(o, "content", media);
  js_set_bool(o, "required", words && (raw || strchr(words, '!') || row->flags & ROUTE_FILE));
  return o;
}

/* NanoMDM's take what comes; an act of ours that has no body needs none. */
static bool has_body(const struct route *row, const char *method) {
  bool own = slice_starts(slice_of(row->pattern), "/api/v1/");
  return row->body || (!own && row->body_max && strcmp(method, "get") != 0);
}

static struct js *response(struct ctx *cx, const char *description, struct js *body) {
  struct js *o = js_object(cx);
  js_set_string(o, "description", description);
  if (body) js_set(o, "content", body);
  return o;
}

static struct js *responses_of(struct ctx *cx, const char *method, const char *path) {
  struct js *o = js_object(cx);
  bool own = slice_starts(slice_of(path), "/api/v1/");
  bool nano = slice_starts(slice_of(path), "/v1/") || strcmp(path, "/migration") == 0;
  js_set(o, "2XX", response(cx, "Done.", content(cx, "*/*", NULL)));
  if (own && strcmp(method, "get") == 0)
    js_set(o, "304", response(cx, "As the client holds it (If-None-Match).", NULL));
  js_set(o, "default", reference(cx, nano ? "#/components/responses/NanoError" : "#/components/responses/Error"));
  return o;
}

/* ---- operations ---- */

/* "get" and "/api/v1/devices/{id}/why" as "getDevicesIdWhy". */
static char *operation_id(struct ctx *cx, const char *method, const char *path) {
  struct slice own = slice_of(path);
  struct buf b = {0};
  buf_add_str(&b, method);
  if (slice_starts(own, "/api/v1/")) own = slice_mem(own.p + 7, own.n - 7);
  bool capital = true;
  for (size_t i = 0; i < own.n; i++) {
    bool letter = isalnum((unsigned char)own.p[i]);
    char c = capital ? (char)toupper((unsigned char)own.p[i]) : own.p[i];
    if (letter) buf_add_char(&b, c);
    capital = !letter;
  }
  char *text = ctx_memdup(cx, b.p, b.n);
  buf_free(&b);
  return text;
}

/* What it is about: "devices"; NanoMDM's are of a tag of their own. */
static struct js *tags_of(struct ctx *cx, const char *path) {
  struct js *tags = js_array(cx);
  struct slice rest = slice_of(path), tag = {0};
  bool own = slice_starts(rest, "/api/v1/");
  for (int i = 0; own && i < 4; i++) slice_cut(&rest, '/', &tag);
  js_add_string(tags, own ? ctx_memdup(cx, tag.p, tag.n) : slice_starts(rest, "/v1/") ? "nanomdm" : "server");
  return tags;
}

/* What ends a sentence that stands for itself, outside of brackets; the rest is for who looks closer. */
static char *first_sentence(struct ctx *cx, const char *text) {
  static const char nano[] = "NanoMDM: ";
  int depth = 0;
  size_t n = slice_starts(slice_of(text), nano) ? strlen(nano) : 0;
  for (; text[n]; n++) {
    if (strchr("({[", text[n])) depth++;
    if (strchr(")}]", text[n])) depth--;
    if (depth == 0 && strchr(".:;", text[n]) && text[n + 1] == ' ') break;
  }
  return text[n] ? ctx_printf(cx, "%.*s.", (int)n, text) : ctx_strdup(cx, text);
}

/* Who may, and by which scope of a token. */
static void set_access(struct js *o, const struct route *row, const char *method) {
  const struct access_row *access = access_row(slice_of(row->pattern));
  js_set_string(o, "x-role", role_word(strcmp(method, "get") == 0 ? access->look : access->change));
  js_set_string(o, "x-scope", access->scope);
}

static struct js *operation(struct ctx *cx, const struct route *row, const char *method, const char *path,
                            struct js *parameters) {
  struct js *o = js_object(cx);
  js_set_string(o, "operationId", operation_id(cx, method, path));
  js_set_string(o, "summary", first_sentence(cx, row->summary));
  js_set_string(o, "description", row->summary);
  js_set(o, "tags", tags_of(cx, path));
  add_query(cx, parameters, row);
  add_headers(cx, parameters, method, row);
  if (js_count(parameters)) js_set(o, "parameters", parameters);
  if (has_body(row, method)) js_set(o, "requestBody", request_body(cx, row));
  js_set(o, "responses", responses_of(cx, method, path));
  if (row->flags & ROUTE_OPEN)
    js_set(o, "security", js_array(cx));
  else
    set_access(o, row, method);
  return o;
}

static void describe(struct ctx *cx, struct js *paths, const struct route *row) {
  struct slice rest = slice_of(strcmp(row->method, "*") ? row->method : "GET,PUT,POST"), method;
  while (slice_cut(&rest, ',', &method)) {
    struct js *parameters = js_array(cx);
    const char *path = template_of(cx, row->pattern, parameters);
    struct js *item = js_get(paths, path);
    if (!item) js_set(paths, path, item = js_object(cx));
    char *name = ctx_memdup(cx, method.p, method.n);
    for (char *p = name; *p; p++) *p = (char)tolower((unsigned char)*p);
    js_set(item, name, operation(cx, row, name, path, parameters));
  }
}

/* ---- what they share ---- */

static struct js *security_schemes(struct ctx *cx) {
  struct js *schemes = js_object(cx);
  static const char *const names[] = {"bearer", "basic"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    struct js *o = typed(cx, "http");
    js_set_string(o, "scheme", names[i]);
    js_set(schemes, names[i], o);
  }
  struct js *cookie = typed(cx, "apiKey");
  js_set_string(cookie, "in", "cookie");
  js_set_string(cookie, "name", LOGIN_COOKIE);
  js_set_string(cookie, "description",
                "Of people; changes bring X-CSRF-Token, too. Over TLS: __Host-" LOGIN_COOKIE ".");
  js_set(schemes, "session", cookie);
  return schemes;
}

static struct js *either_scheme(struct ctx *cx) {
  static const char *const names[] = {"bearer", "basic", "session"};
  struct js *list = js_array(cx);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    struct js *o = js_object(cx);
    js_set(o, names[i], js_array(cx));
    js_add(list, o);
  }
  return list;
}

static void add_header(struct ctx *cx, struct js *to, const char *key, const char *name, const char *text) {
  struct js *p = parameter(cx, "header", name, false, typed(cx, "string"));
  js_set_string(p, "description", text);
  js_set(to, key, p);
}

static struct js *components(struct ctx *cx) {
  struct js *o = js_object(cx), *parameters = js_object(cx), *responses = js_object(cx), *schemas = js_object(cx);
  add_header(cx, parameters, "IdempotencyKey", "Idempotency-Key",
             "At most 255 bytes. The same request with the same key is done once; its answer is kept for a day and "
             "given again (Idempotency-Replayed: true). With another request 422; while it is done, or when its answer "
             "is not kept since it held secrets, 409.");
  add_header(cx, parameters, "IfNoneMatch", "If-None-Match", "ETag of the answer that the client holds.");
  add_header(cx, parameters, "IfMatch", "If-Match",
             "ETag of what the change is made of; 412 when it is another by now.");
  js_set(responses, "Error",
         response(cx, "An error.", content(cx, "application/json", reference(cx, "#/components/schemas/Error"))));
  js_set(responses, "NanoError",
         response(cx, "An error.", content(cx, "application/json", members(cx, "error:text!"))));
  struct js *outer = typed(cx, "object"), *properties = js_object(cx);
  struct js *error_only = js_array(cx);
  js_add_string(error_only, "error");
  js_set(properties, "error", members(cx, "code:text! message:text! trace:text!"));
  js_set(outer, "properties", properties);
  js_set(outer, "required", error_only);
  js_set(schemas, "Error", outer);
  js_set(o, "parameters", parameters);
  js_set(o, "responses", responses);
  js_set(o, "schemas", schemas);
  js_set(o, "securitySchemes", security_schemes(cx));
  return o;
}

static void openapi(struct http_req *rq, struct core *core) {
  (void)core;
  struct ctx *cx = http_cx(rq);
  struct js *body = js_object(cx), *info = js_object(cx), *paths = js_object(cx);
  js_set_string(body, "openapi", "3.1.0");
  js_set_string(info, "title", "pomona");
  js_set_string(info, "version", POMONA_VERSION);
  js_set_string(info, "description",
                "Lists come by pages: `next` of an answer is the cursor of the next page, null with the last one.\n\n"
                "Times are RFC 3339 in UTC, and null when never; spans are like 15m, 24h or 7d. Flags of a query are "
                "true, yes, 1, false, no or 0. A parameter or member that is not described is refused (400); null is "
                "as good as absent, but where it is said to clear something.\n\n"
                "Every request needs the token (`Authorization: Bearer`, or as the password of Basic), but for those "
                "without security. An error has a code that stays, a message for people, and the trace that the log "
                "has too. 503 comes with Retry-After.");
  js_set(body, "info", info);
  for (const struct route *const *table = route_router(rq)->tables; *table; table++)
    for (const struct route *row = *table; row->method; row++)
      if (row->summary) describe(cx, paths, row);
  js_set(body, "paths", paths);
  js_set(body, "components", components(cx));
  js_set(body, "security", either_scheme(cx));
  reply_json(rq, 200, body);
}

const struct route openapi_routes[] = {
    {.method = "GET", .pattern = "/api/v1/openapi.json", .run = openapi, .summary = "This description."},
    {.method = NULL},
};
