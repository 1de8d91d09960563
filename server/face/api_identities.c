/* /api/v1/identities and /api/v1/renewals: how long devices can still come, and the waves of renewals. */
#include "base/clock.h"
#include "base/enc.h"
#include "core/enroll.h"
#include "core/renewal.h"
#include "face/api_int.h"

/* ---- identities ---- */

static struct js *identity_json(struct ctx *cx, const struct renewal_identity *i, int64_t now) {
  struct js *o = js_object(cx);
  js_set_string(o, "device", i->id);
  js_set_string(o, "certificate", enc_hex(cx, i->hash.p, i->hash.n));
  js_set_time(o, "not_after", i->not_after);
  js_set_int(o, "days_left", clock_days_left(i->not_after, now));
  js_set_string(o, "issuer", i->own ? "own" : "foreign");
  js_set_time(o, "seen_at", i->seen_at);
  js_set_string(o, "renewal", i->renewal);
  return o;
}

static enum err identities_into(struct http_req *rq, struct core *core, struct js *body) {
  struct ctx *cx = http_cx(rq);
  struct renewal_identity *rows;
  struct api_page page;
  size_t n;
  TRY(api_page(rq, core, &page));
  TRY(renewal_identities(cx, page.db, page.start, page.most, &rows, &n));
  struct js *list = js_array(cx);
  for (size_t i = 0; i < n; i++) js_add(list, identity_json(cx, &rows[i], clock_now_us()));
  api_page_end(body, "identities", list, &page, n ? rows[n - 1].device : 0);
  return OK;
}

static void identities(struct http_req *rq, struct core *core) { api_answer(rq, core, identities_into); }

/* ---- renewals ---- */

static struct js *renewal_json(struct ctx *cx, const struct renewal_row *r) {
  static const char *const waves[] = {"canary", "few", "stream", "asked"};
  struct js *o = js_object(cx);
  js_set_string(o, "device", r->device);
  js_set_string(o, "state", r->state);
  js_set_string(o, "why", r->why);
  js_set_string(o, "wave", waves[r->wave]);
  js_set_string(o, "command_uuid", r->command);
  js_set_time(o, "created_at", r->created_at);
  js_set_time(o, "updated_at", r->updated_at);
  js_set_time(o, "ended_at", r->ended_at);
  return o;
}

static struct js *trouble_json(struct ctx *cx, const char *why, int64_t at) {
  struct js *o = js_object(cx);
  if (!why) return NULL;
  js_set_string(o, "why", why);
  js_set_time(o, "at", at);
  return o;
}

static enum err renewals_into(struct http_req *rq, struct core *core, struct js *body) {
  struct ctx *cx = http_cx(rq);
  struct renewal_status s;
  struct renewal_row *rows;
  struct api_page page;
  size_t n;
  TRY(api_page(rq, core, &page));
  TRY(renewal_status(cx, page.db, core, &s));
  TRY(renewal_list(cx, page.db, page.start, page.most, &rows, &n));
  js_set(body, "halted", trouble_json(cx, s.halted, s.halted_at));
  js_set(body, "unreachable", trouble_json(cx, s.unreachable, s.unreachable_at));
  js_set_string(body, "stage", s.stage);
  js_set_int(body, "due", s.due);
  js_set_int(body, "open", s.open);
  js_set_int(body, "done", s.done);
  struct js *list = js_array(cx);
  for (size_t i = 0; i < n; i++) js_add(list, renewal_json(cx, &rows[i]));
  api_page_end(body, "renewals", list, &page, n ? rows[n - 1].seq : 0);
  return OK;
}

static void renewals(struct http_req *rq, struct core *core) { api_answer(rq, core, renewals_into); }

struct wish {
  struct core *core;
  const char *start, *by;
  bool resume;
  char *command;
};

static enum err wish_job(struct ctx *cx, struct db *db, void *arg) {
  struct wish *w = arg;
  if (w->resume) return renewal_resume(cx, db, w->by);
  return renewal_start(cx, db, w->core, w->start, w->by, &w->command);
}

static void wish_done(struct http_req *rq, void *arg, enum err e) {
  const struct wish *w = arg;
  struct js *body = js_object(http_cx(rq));
  if (e != OK) {
    reply_error(rq, e);
    return;
  }
  if (w->resume)
    js_set_bool(body, "resumed", true);
  else
    js_set_string(body, "command_uuid", w->command);
  reply_json(rq, w->resume ? 200 : 201, body);
}

static enum err read_wish(struct http_req *rq, struct wish *w) {
  struct ctx *cx = http_cx(rq);
  struct js *object;
  TRY(api_object(rq, &object));
  TRY(api_string(cx, object, "start", &w->start));
  route_log(rq, "id", w->start);
  TRY(api_bool(cx, object, "resume", &w->resume));
  if (w->resume == (w->start != NULL)) return FAIL(cx, E_INVALID, "either start (a device) or resume is needed");
  return OK;
}

static void change(struct http_req *rq, struct core *core) {
  struct wish *w = ctx_alloc(http_cx(rq), sizeof *w);
  *w = (struct wish){.core = core, .by = route_who(rq)};
  enum err e = read_wish(rq, w);
  if (e == OK)
    route_write(rq, core, wish_job, w, wish_done);
  else
    reply_error(rq, e);
}

/* ---- the profile of migrated devices ---- */

struct original {
  struct enroll_original profile;
  const char *by;
  int64_t devices;
};

static enum err original_job(struct ctx *cx, struct db *db, void *arg) {
  struct original *o = arg;
  return enroll_original_store(cx, db, &o->profile, o->by, &o->devices);
}

static void original_done(struct http_req *rq, void *arg, enum err e) {
  const struct original *o = arg;
  struct js *body = js_object(http_cx(rq));
  if (e != OK) {
    reply_error(rq, e);
    return;
  }
  js_set_string(body, "topic", o->profile.topic);
  js_set_string(body, "server_url", o->profile.server_url);
  js_set_int(body, "devices", o->devices);
  reply_json(rq, 200, body);
}

static void put_original(struct http_req *rq, struct core *core) {
  struct original *o = ctx_alloc(http_cx(rq), sizeof *o);
  o->by = route_who(rq);
  enum err e = enroll_original_read(http_cx(rq), core, http_body(rq), &o->profile);
  if (e == OK)
    route_write(rq, core, original_job, o, original_done);
  else
    reply_error(rq, e);
}

const struct route identities_routes[] = {
    {.method = "GET",
     .pattern = "/api/v1/identities",
     .query = "cursor:int limit:int",
     .run = identities,
     .summary = "The newest identity of each enrolled device: when it ends, who issued it, whether it is in use."},
    {.method = "GET",
     .pattern = "/api/v1/renewals",
     .query = "cursor:int limit:int",
     .run = renewals,
     .summary = "Renewals of identities, newest first; whether they are halted and why, how far the waves are."},
    {.method = "POST",
     .pattern = "/api/v1/renewals",
     .body = "start:text resume:bool",
     .run = change,
     .body_max = API_BODY_MAX,
     .summary = "`start` renews the identity of one device now; `resume` goes on after a halt, with a new canary."},
    {.method = "PUT",
     .pattern = "/api/v1/migrated-profile",
     .run = put_original,
     .body = "@application/x-apple-aspen-config",
     .body_max = API_BODY_MAX,
     .summary =
         "The original enrollment profile (.mobileconfig, may be signed) of migrated devices of its topic: their "
         "identities are renewed from it."},
    {.method = NULL},
};
