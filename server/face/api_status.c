/* /api/v1/status and the description of the API, made from the tables of routes. */
#include "base/clock.h"
#include "core/guardian.h"
#include "core/queue_list.h"
#include "face/api_int.h"

#include <ctype.h>
#include <string.h>

/* ---- status ---- */

static struct js *push_json(struct ctx *cx, struct core *core) {
  struct push_health h;
  struct js *o = js_object(cx);
  if (!core->push) return o;
  push_health(core->push, &h);
  js_set_bool(o, "connected", h.connected);
  js_set_time(o, "since", h.since);
  js_set_string(o, "host", h.host);
  js_set_string(o, "trouble", h.trouble[0] ? h.trouble : NULL);
  js_set_int(o, "sent", h.sent);
  js_set_int(o, "answered", h.answered);
  js_set_int(o, "failed", h.failed);
  js_set_int(o, "due", h.due);
  js_set_int(o, "rate", h.rate);
  js_set_string(o, "pace", h.pace[0] ? h.pace : NULL);
  js_set_string(o, "warning", h.warning[0] ? h.warning : NULL);
  return o;
}

/* The way to APNs by topic, as the push thread found it last. */
static enum err links_json(struct ctx *cx, struct db *db, struct js **out) {
  struct push_link *links;
  size_t n;
  TRY(push_links(cx, db, &links, &n));
  *out = js_array(cx);
  for (size_t i = 0; i < n; i++) {
    struct js *o = js_object(cx);
    js_set_string(o, "topic", links[i].topic);
    js_set_bool(o, "up", links[i].up);
    js_set_time(o, "since", links[i].since);
    js_set_string(o, "trouble", links[i].up ? NULL : push_trouble_name(links[i].kind));
    js_set_string(o, "text", links[i].up ? NULL : links[i].text);
    js_set_string(o, "issuer", links[i].issuer);
    js_set_string(o, "refusal", links[i].refusal);
    js_set_time(o, "refused_at", links[i].refused_at);
    js_add(*out, o);
  }
  return OK;
}

static enum err fill_status(struct ctx *cx, struct core *core, struct js *body) {
  struct db *db;
  struct queue_totals totals;
  struct js *certs, *banner, *links, *push = push_json(cx, core), *checks = js_array(cx);
  bool ready = system_checks(cx, core, checks);
  js_set_bool(body, "ready", ready);
  js_set_string(body, "version", POMONA_VERSION);
  js_set_string(body, "public_url", core_conf(core)->public_url);
  js_set(body, "checks", checks);
  TRY(db_reader(cx, core->store, &db));
  TRY(guardian_banner(cx, db, core, &banner));
  js_set(body, "banner", banner);
  TRY(queue_totals(cx, db, &totals));
  TRY(api_pushcerts(cx, core, &certs));
  js_set_int(body, "enrollments", totals.enrollments);
  js_set_int(body, "commands_waiting", totals.waiting);
  TRY(links_json(cx, db, &links));
  js_set(push, "links", links);
  js_set(body, "push", push);
  js_set(body, "pushcerts", certs);
  return OK;
}

static void status(struct http_req *rq, struct core *core) {
  struct js *body = js_object(http_cx(rq));
  enum err e = fill_status(http_cx(rq), core, body);
  if (e == OK)
    reply_json(rq, 200, body);
  else
    reply_error(rq, e);
}

/* ---- the description: OpenAPI 3.1 ---- */

/* "/a/:id" as "/a/{id}", noting the names; a star is {rest}. */
static char *template_of(struct ctx *cx, const char *pattern, struct js *parameters) {
  struct buf b = {0};
  struct slice rest = slice_of(pattern + 1), segment;
  while (slice_cut(&rest, '/', &segment)) {
    bool star = slice_is(segment, "*"), named = star || slice_starts(segment, ":");
    char *name =
        star ? ctx_strdup(cx, "rest") : ctx_memdup(cx, segment.p + (named ? 1 : 0), segment.n - (named ? 1 : 0));
    buf_printf(&b, named ? "/{%s}" : "/%s", name);
    if (!named) continue;
    struct js *p = js_object(cx), *schema = js_object(cx);
    js_set_string(schema, "type", "string");
    js_set_string(p, "name", name);
    js_set_string(p, "in", "path");
    js_set_bool(p, "required", true);
    js_set(p, "schema", schema);
    js_add(parameters, p);
  }
  char *text = ctx_memdup(cx, b.p, b.n);
  buf_free(&b);
  return text;
}

static struct js *any_content(struct ctx *cx, const char *description) {
  struct js *o = js_object(cx), *content = js_object(cx);
  js_set(content, "*/*", js_object(cx));
  js_set_string(o, "description", description);
  js_set(o, "content", content);
  return o;
}

static struct js *operation(struct ctx *cx, const struct route *row, struct js *parameters) {
  struct js *o = js_object(cx), *responses = js_object(cx);
  js_set_string(o, "summary", row->summary);
  js_set(responses, "default", any_content(cx, "The answer, or an error."));
  js_set(o, "responses", responses);
  if (js_count(parameters)) js_set(o, "parameters", parameters);
  if (row->body_max) js_set(o, "requestBody", any_content(cx, "See the summary."));
  if (row->flags & ROUTE_OPEN) js_set(o, "security", js_array(cx));
  return o;
}

static void describe(struct ctx *cx, struct js *paths, const struct route *row) {
  struct js *parameters = js_array(cx);
  const char *path = template_of(cx, row->pattern, parameters);
  struct js *item = js_get(paths, path);
  if (!item) js_set(paths, path, item = js_object(cx));
  struct slice rest = slice_of(strcmp(row->method, "*") ? row->method : "GET,PUT,POST"), method;
  while (slice_cut(&rest, ',', &method)) {
    char *name = ctx_memdup(cx, method.p, method.n);
    for (char *p = name; *p; p++) *p = (char)tolower((unsigned char)*p);
    js_set(item, name, operation(cx, row, parameters));
  }
}

static struct js *security_schemes(struct ctx *cx) {
  struct js *schemes = js_object(cx);
  static const char *const names[] = {"bearer", "basic"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    struct js *o = js_object(cx);
    js_set_string(o, "type", "http");
    js_set_string(o, "scheme", names[i]);
    js_set(schemes, names[i], o);
  }
  return schemes;
}

static struct js *either_scheme(struct ctx *cx) {
  struct js *list = js_array(cx), *bearer = js_object(cx), *basic = js_object(cx);
  js_set(bearer, "bearer", js_array(cx));
  js_set(basic, "basic", js_array(cx));
  js_add(list, bearer);
  js_add(list, basic);
  return list;
}

static void openapi(struct http_req *rq, struct core *core) {
  (void)core;
  struct ctx *cx = http_cx(rq);
  struct js *body = js_object(cx), *info = js_object(cx), *paths = js_object(cx), *components = js_object(cx);
  js_set_string(body, "openapi", "3.1.0");
  js_set_string(info, "title", "pomona");
  js_set_string(info, "version", POMONA_VERSION);
  js_set(body, "info", info);
  for (const struct route *const *table = route_router(rq)->tables; *table; table++)
    for (const struct route *row = *table; row->method; row++)
      if (row->summary) describe(cx, paths, row);
  js_set(body, "paths", paths);
  js_set(components, "securitySchemes", security_schemes(cx));
  js_set(body, "components", components);
  js_set(body, "security", either_scheme(cx));
  reply_json(rq, 200, body);
}

const struct route status_routes[] = {
    {.method = "GET",
     .pattern = "/api/v1/status",
     .run = status,
     .summary = "Is everything fine: checks, totals, the connection to APNs, push certificates."},
    {.method = "GET", .pattern = "/api/v1/openapi.json", .run = openapi, .summary = "This description."},
    {.method = NULL},
};
