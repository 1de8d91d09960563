/* Is the server alive, is it able to serve, is everything fine. */
#include "core/guard.h"
#include "core/guardian.h"
#include "face/api_int.h"

#include <stdatomic.h>
#include <sys/statvfs.h>

enum { DISK_LEFT_MIB = 64 };

/* On the devices' listener this server asks itself, by way of others, whether it is reached (core/guard.h). */
static void mark(struct http_req *rq, struct core *core) {
  struct slice token = http_query(rq, GUARD_MARK_QUERY);
  if (!route_router(rq)->admin && token.p && guard_mark_is_ours(http_cx(rq), core, token))
    http_set_header(rq, GUARD_MARK_HEADER, guard_mark_answer(http_cx(rq), core, token, "here"));
}

static void healthz(struct http_req *rq, struct core *core) {
  mark(rq, core);
  http_reply(rq, 200, "text/plain", slice_of("ok\n"));
}

static void version(struct http_req *rq, struct core *core) {
  (void)core;
  http_reply(rq, 200, "application/json", slice_of("{\"version\": \"" POMONA_VERSION "\"}\n"));
}

/* ---- able to serve ---- */

static enum err check_disk(struct ctx *cx, struct core *core) {
  struct statvfs v;
  const char *data = core_conf(core)->data;
  if (statvfs(data, &v) != 0) return FAIL(cx, E_STORAGE, "the data folder %s cannot be reached", data);
  unsigned long long mib = (unsigned long long)v.f_bavail * v.f_frsize >> 20;
  return mib >= DISK_LEFT_MIB ? OK : FAIL(cx, E_STORAGE, "only %llu MiB are left on the disk of %s", mib, data);
}

static enum err check_database(struct ctx *cx, struct core *core) { return db_health(cx, core->store); }

static const struct {
  const char *name;
  enum err (*check)(struct ctx *cx, struct core *core);
} checks[] = {{"database", check_database}, {"disk", check_disk}};

/* The operator sees what is wrong here, even when it is our own fault. */
bool system_checks(struct ctx *cx, struct core *core, struct js *list) {
  bool all = true;
  for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
    struct js *o = js_object(cx);
    bool ok = checks[i].check(cx, core) == OK;
    js_set_string(o, "name", checks[i].name);
    js_set_string(o, "status", ok ? "ok" : "fail");
    js_set_string(o, "message", ctx_error_text(cx));
    ctx_clear_error(cx);
    js_add(list, o);
    all = all && ok;
  }
  return all;
}

/* Slugs of the banner: it serves, but somebody has to do something. Nothing more, since anyone may ask. */
static struct js *warnings(struct ctx *cx, struct core *core) {
  struct js *slugs = js_array(cx), *banner;
  struct db *db;
  if (db_reader(cx, core->store, &db) != OK || guardian_banner(cx, db, core, &banner) != OK)
    return ctx_clear_error(cx), slugs; /* the checks tell of that */
  for (size_t i = 0; i < js_count(banner); i++) js_add_string(slugs, js_str(js_at(banner, i), "slug"));
  return slugs;
}

static void readyz(struct http_req *rq, struct core *core) {
  struct ctx *cx = http_cx(rq);
  struct js *body = js_object(cx), *list = js_array(cx);
  bool ready = system_checks(cx, core, list);
  js_set_bool(body, "ready", ready);
  js_set(body, "checks", list);
  js_set(body, "warnings", warnings(cx, core));
  reply_json(rq, ready ? 200 : 503, body);
}

const struct route system_device_routes[] = {
    {.method = "GET", .pattern = "/healthz", .flags = ROUTE_QUIET, .run = healthz},
    {.method = "GET", .pattern = "/version", .flags = ROUTE_QUIET, .run = version},
    {.method = NULL},
};

const struct route system_admin_routes[] = {
    {.method = "GET",
     .pattern = "/healthz",
     .flags = ROUTE_OPEN | ROUTE_QUIET,
     .run = healthz,
     .summary = "The process is alive."},
    {.method = "GET",
     .pattern = "/readyz",
     .flags = ROUTE_OPEN | ROUTE_QUIET,
     .run = readyz,
     .summary = "The server is able to serve: database and disk."},
    {.method = "GET",
     .pattern = "/version",
     .flags = ROUTE_OPEN | ROUTE_QUIET,
     .run = version,
     .summary = "The version of the program."},
    {.method = NULL},
};
