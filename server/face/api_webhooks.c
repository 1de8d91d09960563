/* /api/v1/webhooks: receivers, dead letters, tests, replay. */
#include "base/clock.h"
#include "core/webhook.h"
#include "face/access.h"
#include "face/api_int.h"
#include "lib/net_addr.h"

static const char *shown(struct http_req *rq, const char *url) {
  bool whole = access_allows(route_actor(rq), slice_of("/api/v1/webhooks"), true);
  return whole ? url : webhook_origin(http_cx(rq), url);
}

/* The keys of these lists are promised to scripts. */
static struct js *webhook_json(struct http_req *rq, const struct webhook_info *w) {
  struct js *o = js_object(http_cx(rq));
  js_set_string(o, "url", shown(rq, w->url));
  js_set_string(o, "state", w->state);
  js_set_int(o, "due", w->due);
  js_set_int(o, "dead", w->dead);
  js_set_time(o, "last_success", w->ok_at);
  js_set_time(o, "last_failure", w->failed_at);
  js_set_string(o, "last_error", w->error);
  return o;
}

static enum err read_list(struct http_req *rq, struct core *core, struct js *out) {
  struct ctx *cx = http_cx(rq);
  struct db *db;
  struct webhook_info *rows;
  size_t n;
  struct js *all = js_array(cx);
  TRY(db_reader(cx, core->store, &db));
  TRY(webhook_list(cx, db, core, &rows, &n));
  for (size_t i = 0; i < n; i++) js_add(all, webhook_json(rq, &rows[i]));
  js_set(out, "webhooks", all);
  return OK;
}

static void list(struct http_req *rq, struct core *core) { api_answer(rq, core, read_list); }

/* ---- dead letters ---- */

static struct js *dead_json(struct http_req *rq, const struct webhook_dead *d) {
  struct js *o = js_object(http_cx(rq));
  js_set_int(o, "delivery", d->seq);
  js_set_string(o, "event_id", d->event_id);
  js_set_string(o, "topic", d->topic);
  js_set_string(o, "id", *d->enrollment ? d->enrollment : NULL);
  js_set_string(o, "url", shown(rq, d->url));
  js_set_time(o, "created_at", d->at);
  js_set_time(o, "ended_at", d->ended_at);
  js_set_int(o, "attempts", d->attempts);
  if (d->status)
    js_set_int(o, "status", d->status);
  else
    js_set_null(o, "status");
  js_set_string(o, "error", d->error);
  return o;
}

static enum err read_dead(struct http_req *rq, struct core *core, struct js *out) {
  struct ctx *cx = http_cx(rq);
  struct db *db;
  struct webhook_dead *rows;
  struct js *all = js_array(cx);
  int64_t before;
  int limit;
  size_t n;
  TRY(api_cursor(rq, &before));
  TRY(api_limit(rq, &limit));
  TRY(db_reader(cx, core->store, &db));
  TRY(webhook_dead(cx, db, before, limit, &rows, &n));
  for (size_t i = 0; i < n; i++) js_add(all, dead_json(rq, &rows[i]));
  js_set(out, "dead", all);
  if (n == (size_t)limit)
    js_set_int(out, "next", rows[n - 1].seq);
  else
    js_set_null(out, "next");
  return OK;
}

static void dead(struct http_req *rq, struct core *core) { api_answer(rq, core, read_dead); }

/* ---- tests ---- */

static struct js *answer_json(struct ctx *cx, const struct webhook_answer *a) {
  struct js *o = js_object(cx);
  js_set_string(o, "url", a->url);
  js_set_bool(o, "ok", a->ok);
  if (a->status)
    js_set_int(o, "status", a->status);
  else
    js_set_null(o, "status");
  js_set_int(o, "latency_ms", a->took_us / 1000);
  js_set_string(o, "error", a->error);
  js_set_string(o, "advice", a->advice);
  return o;
}

static void tested(struct webhook_test *t, enum err e) {
  struct http_req *rq = t->arg;
  struct js *body = js_object(t->cx), *all = js_array(t->cx);
  if (e != OK) {
    reply_error(rq, e);
    return;
  }
  for (size_t i = 0; i < t->n; i++) js_add(all, answer_json(t->cx, &t->answers[i]));
  js_set(body, "results", all);
  reply_json(rq, 200, body);
}

static enum err start_test(struct http_req *rq, struct core *core) {
  struct ctx *cx = http_cx(rq);
  struct js *body;
  struct url url;
  struct webhook_test *t = ctx_alloc(cx, sizeof *t);
  *t = (struct webhook_test){.cx = cx, .done = tested, .arg = rq};
  TRY(api_object(rq, &body));
  TRY(api_string(cx, body, "url", &t->url));
  if (t->url) TRY(url_parse(cx, &url, t->url));
  if (!t->url && !webhook_wanted(core)) return FAIL(cx, E_NOT_FOUND, "no webhook-url is set; give a url to test one");
  if (!core->webhook) return FAIL(cx, E_UNAVAILABLE, "nothing is delivered here");
  webhook_test(core->webhook, t);
  return OK;
}

static void test(struct http_req *rq, struct core *core) {
  enum err e = start_test(rq, core);
  if (e != OK) reply_error(rq, e);
}

/* ---- replay ---- */

static enum err replay_job(struct ctx *cx, struct db *db, void *arg) { return webhook_replay(cx, db, arg); }

static void replayed(struct http_req *rq, void *arg, enum err e) {
  struct webhook_replay *r = arg;
  struct js *body = js_object(http_cx(rq));
  if (e != OK) {
    reply_error(rq, e);
  } else if (r->more) {
    route_write(rq, r->core, replay_job, r, replayed);
  } else {
    js_set_int(body, "replayed", r->n);
    reply_json(rq, 200, body);
  }
}

static enum err read_replay(struct http_req *rq, struct core *core, struct webhook_replay *out) {
  struct ctx *cx = http_cx(rq);
  struct db *db;
  struct js *body;
  const char *name = NULL;
  int64_t span = 0, enrollment;
  bool only_dead = false;
  char *id;
  TRY(api_object(rq, &body));
  TRY(api_bool(cx, body, "dead", &only_dead));
  TRY(api_span(cx, body, "since", &span));
  TRY(api_string(cx, body, "enrollment", &name));
  if (only_dead == (span > 0)) return FAIL(cx, E_INVALID, "give either \"dead\": true, or since");
  *out = (struct webhook_replay){.core = core, .since = span ? clock_now_us() - span : 0};
  if (!name) return OK;
  TRY(db_reader(cx, core->store, &db));
  TRY(enroll_lookup(cx, db, name, &enrollment, &id));
  out->enrollment = id;
  return OK;
}

static void replay(struct http_req *rq, struct core *core) {
  struct webhook_replay *r = ctx_alloc(http_cx(rq), sizeof *r);
  enum err e = read_replay(rq, core, r);
  if (e == OK)
    route_write(rq, core, replay_job, r, replayed);
  else
    reply_error(rq, e);
}

const struct route webhooks_routes[] = {
    {.method = "GET",
     .pattern = "/api/v1/webhooks",
     .run = list,
     .summary = "The receivers of webhooks: state, messages due and dead, last success and failure. Who may not change "
                "them sees scheme and host alone."},
    {.method = "GET",
     .pattern = "/api/v1/webhooks/dead",
     .query = "cursor:int limit:int",
     .run = dead,
     .summary = "Dead letters, newest first; ?limit=, ?cursor= is `next` of the former page."},
    {.method = "POST",
     .pattern = "/api/v1/webhooks/test",
     .body = "url:text",
     .run = test,
     .body_max = API_BODY_MAX,
     .summary = "Sends a signed event pomona.test now, to every receiver or to {\"url\"}: status, latency, what to "
                "check."},
    {.method = "POST",
     .pattern = "/api/v1/webhooks/replay",
     .body = "dead:any since:span enrollment:text",
     .run = replay,
     .body_max = API_BODY_MAX,
     .summary = "Sends again: {\"dead\": true}, or all of {\"since\": \"1h\"}; only of one {\"enrollment\"}."},
    {.method = NULL},
};
