/* /api/v1/pushcerts/recovery and /api/v1/pushcerts/move: who comes back after a renewal that came late, and who has to
   enroll anew because a topic is lost. */
#include "base/clock.h"
#include "core/enroll.h"
#include "core/move.h"
#include "core/pushcert.h"
#include "core/recovery.h"
#include "face/api_int.h"
#include "face/outbound.h"

enum { LINKS_A_REQUEST = 100, LINK_DAYS = 14 };

static const char *asked_topic(struct http_req *rq) {
  struct slice topic = http_query(rq, "topic");
  return topic.n ? topic.p : NULL;
}

/* ---- recovery ---- */

static struct js *recovery_json(struct ctx *cx, const struct recovery *r) {
  struct js *o = js_object(cx);
  js_set_string(o, "topic", r->topic);
  js_set_time(o, "dark_since", r->dark_since);
  js_set_time(o, "started_at", r->started_at);
  js_set_bool(o, "waking", r->waking);
  js_set_int(o, "devices", r->devices);
  js_set_int(o, "back", r->back);
  return o;
}

static struct js *recovery_device_json(struct ctx *cx, const struct recovery_device *d) {
  struct js *o = js_object(cx);
  js_set_string(o, "id", d->id);
  js_set_string(o, "serial_number", d->serial_number);
  js_set_string(o, "name", d->name);
  js_set_time(o, "seen_before_at", d->last_seen);
  js_set_time(o, "back_at", d->back_at);
  js_set_string(o, "verdict", d->verdict);
  return o;
}

static enum err recovery_into(struct http_req *rq, struct core *core, struct js *body) {
  struct ctx *cx = http_cx(rq);
  struct api_page page;
  struct recovery r;
  struct recovery_device *rows;
  size_t n;
  TRY(api_page(rq, core, &page));
  TRY(recovery_last(cx, page.db, asked_topic(rq), &r));
  TRY(recovery_devices(cx, page.db, r.seq, page.start, page.most, &rows, &n));
  struct js *list = js_array(cx);
  for (size_t i = 0; i < n; i++) js_add(list, recovery_device_json(cx, &rows[i]));
  js_set(body, "recovery", recovery_json(cx, &r));
  api_page_end(body, "devices", list, &page, page.start + page.most);
  return OK;
}

static void show_recovery(struct http_req *rq, struct core *core) { api_answer(rq, core, recovery_into); }

/* ---- links: a chunk a request ---- */

struct linking {
  struct core *core;
  struct move_links l;
  struct js *list;
  enum err (*make)(struct ctx *cx, struct db *db, struct linking *k);
};

static void add_link(struct ctx *cx, struct linking *k, const struct move_link *link) {
  struct js *o = js_object(cx);
  js_set_string(o, "id", link->id);
  js_set_string(o, "serial_number", link->serial_number);
  js_set_string(o, "url", ctx_printf(cx, "%s/enroll/%s", core_conf(k->core)->public_url, link->token));
  js_set_time(o, "expires_at", clock_now_us() + k->l.ttl_us);
  js_add(k->list, o);
}

static enum err link_missing(struct ctx *cx, struct db *db, struct linking *k) {
  struct recovery r;
  struct recovery_device *rows;
  char *topic;
  TRY(pushcert_topic(cx, db, &topic));
  TRY(recovery_last(cx, db, k->l.topic, &r));
  TRY(recovery_missing(cx, db, r.seq, k->l.after, k->l.most, &rows, &k->l.n));
  k->l.out = ctx_alloc(cx, k->l.n * sizeof *k->l.out);
  for (size_t i = 0; i < k->l.n; i++) {
    struct enroll_link what = {.ttl_us = k->l.ttl_us, .uses = 1, .device = rows[i].id, .by = k->l.by};
    k->l.out[i] = (struct move_link){rows[i].device, rows[i].id, rows[i].serial_number, NULL};
    TRY(enroll_link_new(cx, db, &what, &k->l.out[i].token));
  }
  return OK;
}

static enum err link_moving(struct ctx *cx, struct db *db, struct linking *k) { return move_links(cx, db, &k->l); }

static enum err link_job(struct ctx *cx, struct db *db, void *arg) {
  struct linking *k = arg;
  return k->make(cx, db, k);
}

static void linked(struct http_req *rq, void *arg, enum err e) {
  struct linking *k = arg;
  struct ctx *cx = http_cx(rq);
  struct js *body = js_object(cx);
  if (e != OK) {
    reply_error(rq, e);
    return;
  }
  k->list = js_array(cx);
  for (size_t i = 0; i < k->l.n; i++) add_link(cx, k, &k->l.out[i]);
  js_set(body, "links", k->list);
  if (k->l.n == LINKS_A_REQUEST)
    js_set_int(body, "next", k->l.out[k->l.n - 1].device);
  else
    js_set_null(body, "next");
  reply_json(rq, 201, body);
}

static enum err read_linking(struct http_req *rq, struct linking *k) {
  struct ctx *cx = http_cx(rq);
  struct js *object;
  k->l = (struct move_links){.most = LINKS_A_REQUEST, .ttl_us = LINK_DAYS * US_DAY, .by = route_who(rq)};
  TRY(api_object(rq, &object));
  TRY(api_string(cx, object, "topic", &k->l.topic));
  route_log(rq, "topic", k->l.topic);
  TRY(api_int(cx, object, "cursor", &k->l.after));
  return api_span(cx, object, "ttl", &k->l.ttl_us);
}

static void make_links(struct http_req *rq, struct core *core,
                       enum err (*make)(struct ctx *cx, struct db *db, struct linking *k)) {
  struct linking *k = ctx_alloc(http_cx(rq), sizeof *k);
  *k = (struct linking){.core = core, .make = make};
  enum err e = read_linking(rq, k);
  if (e == OK)
    route_write(rq, core, link_job, k, linked);
  else
    reply_error(rq, e);
}

static void links_of_recovery(struct http_req *rq, struct core *core) { make_links(rq, core, link_missing); }
static void links_of_move(struct http_req *rq, struct core *core) { make_links(rq, core, link_moving); }

/* ---- move ---- */

static struct js *move_json(struct ctx *cx, const struct move *m) {
  struct js *o = js_object(cx);
  js_set_string(o, "topic", m->topic);
  js_set_string(o, "reason", m->reason);
  js_set_string(o, "started_by", m->started_by);
  js_set_time(o, "started_at", m->started_at);
  js_set_time(o, "ended_at", m->ended_at);
  js_set_bool(o, "planning", m->planning);
  js_set_int(o, "devices", m->devices);
  js_set_int(o, "linked", m->linked);
  js_set_int(o, "done", m->done);
  return o;
}

static struct js *move_device_json(struct ctx *cx, const struct move_device *d) {
  struct js *o = js_object(cx);
  js_set_string(o, "id", d->id);
  js_set_string(o, "serial_number", d->serial_number);
  js_set_string(o, "name", d->name);
  js_set_string(o, "way", d->way->slug);
  js_set_string(o, "erase", d->way->erase);
  js_set_string(o, "what_to_do", d->way->text);
  js_set_time(o, "last_seen", d->last_seen);
  js_set_time(o, "link_made_at", d->link_made_at);
  js_set_time(o, "link_expires_at", d->link_expires_at);
  js_set_bool(o, "link_used", d->link_used);
  js_set_time(o, "done_at", d->done_at);
  return o;
}

static enum err move_into(struct http_req *rq, struct core *core, struct js *body) {
  struct ctx *cx = http_cx(rq);
  struct api_page page;
  struct move m;
  struct move_device *rows;
  size_t n;
  TRY(api_page(rq, core, &page));
  TRY(move_last(cx, page.db, asked_topic(rq), &m));
  TRY(move_devices(cx, page.db, m.seq, page.start, page.most, &rows, &n));
  struct js *list = js_array(cx);
  for (size_t i = 0; i < n; i++) js_add(list, move_device_json(cx, &rows[i]));
  js_set(body, "move", move_json(cx, &m));
  api_page_end(body, "devices", list, &page, page.start + page.most);
  return OK;
}

static void show_move(struct http_req *rq, struct core *core) { api_answer(rq, core, move_into); }

struct moving {
  struct core *core;
  const char *topic, *reason, *by;
};

static enum err start_job(struct ctx *cx, struct db *db, void *arg) {
  struct moving *m = arg;
  if (!m->topic) TRY(pushcert_topic_meant(cx, db, NULL, &m->topic));
  return move_start(cx, db, m->topic, m->reason, m->by);
}

static enum err end_job(struct ctx *cx, struct db *db, void *arg) {
  struct moving *m = arg;
  return move_end(cx, db, &m->topic, m->by);
}

/* Its devices are counted here, not in the job. */
static enum err read_moved(struct ctx *cx, const struct moving *m, struct move *out) {
  struct db *db;
  TRY(db_reader(cx, m->core->store, &db));
  return move_last(cx, db, m->topic, out);
}

static void moved(struct http_req *rq, const struct moving *m, enum err e) {
  struct move move;
  route_log(rq, "topic", m->topic);
  if (e == OK) e = read_moved(http_cx(rq), m, &move);
  if (e == OK)
    reply_json(rq, 200, move_json(http_cx(rq), &move));
  else
    reply_error(rq, e);
}

/* All devices are listed before it is answered, so that their links can be made next. */
static enum err start_and_list(struct http_req *rq, struct core *core, struct moving *m) {
  struct ctx *cx = http_cx(rq);
  struct js *object;
  *m = (struct moving){.core = core, .by = route_who(rq)};
  TRY(api_object(rq, &object));
  TRY(api_string(cx, object, "topic", &m->topic));
  TRY(api_string(cx, object, "reason", &m->reason));
  TRY(db_call(cx, core->store, start_job, m));
  return move_list(cx, core);
}

static void run_start(struct http_req *rq, struct core *core) {
  struct moving *m = ctx_alloc(http_cx(rq), sizeof *m);
  enum err e = start_and_list(rq, core, m);
  moved(rq, m, e);
}

static void start_move(struct http_req *rq, struct core *core) {
  enum err e = outbound_run(rq, core, run_start);
  if (e != OK) reply_error(rq, e);
}

static void run_end(struct http_req *rq, struct core *core) {
  struct moving *m = ctx_alloc(http_cx(rq), sizeof *m);
  *m = (struct moving){.core = core, .topic = asked_topic(rq), .by = route_who(rq)};
  moved(rq, m, db_call(http_cx(rq), core->store, end_job, m));
}

static void end_move(struct http_req *rq, struct core *core) {
  enum err e = outbound_run(rq, core, run_end);
  if (e != OK) reply_error(rq, e);
}

const struct route recovery_routes[] = {
    {.method = "GET",
     .pattern = "/api/v1/pushcerts/recovery",
     .query = "topic:text cursor:int limit:int",
     .run = show_recovery,
     .summary = "After a renewal that came late (the last one; ?topic=): who came back and when, who is missing, the "
                "longest silence first; ?cursor=, ?limit=."},
    {.method = "POST",
     .pattern = "/api/v1/pushcerts/recovery/links",
     .body = "topic:text cursor:int ttl:span",
     .run = links_of_recovery,
     .body_max = API_BODY_MAX,
     .summary =
         "Makes an enrollment link for each device that did not come back: topic, ttl; 100 a request, go on with "
         "cursor: what next was."},
    {.method = "GET",
     .pattern = "/api/v1/pushcerts/move",
     .query = "topic:text cursor:int limit:int",
     .run = show_move,
     .summary = "The move of devices off a lost topic (?topic=): of each what it needs, its link, whether it is done; "
                "?cursor=, ?limit=."},
    {.method = "POST",
     .pattern = "/api/v1/pushcerts/move",
     .body = "topic:text! reason:text!",
     .run = start_move,
     .body_max = API_BODY_MAX,
     .summary = "Begins the move of devices off a lost topic: topic, reason. Every enrolled device that listens on the "
                "topic is listed."},
    {.method = "DELETE",
     .pattern = "/api/v1/pushcerts/move",
     .query = "topic:text",
     .run = end_move,
     .summary = "Ends the move of devices off a lost topic (?topic=): it is not followed any more."},
    {.method = "POST",
     .pattern = "/api/v1/pushcerts/move/links",
     .body = "topic:text cursor:int ttl:span",
     .run = links_of_move,
     .body_max = API_BODY_MAX,
     .summary =
         "Makes an enrollment link for each device that has not moved yet: topic, ttl; 100 a request, go on with "
         "cursor: what next was."},
    {.method = NULL},
};
