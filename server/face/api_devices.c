/* /api/v1/devices: the fleet. */
#include "base/clock.h"
#include "core/enroll.h"
#include "core/queue.h"
#include "face/api_int.h"

#include <string.h>

static struct js *push_json(struct ctx *cx, const struct push_state *p) {
  struct js *o = js_object(cx);
  js_set_string(o, "state", p->state);
  js_set_time(o, "due_at", p->due_at);
  js_set_time(o, "sent_at", p->sent_at);
  js_set_time(o, "answered_at", p->answered_at);
  js_set_time(o, "token_gone_at", p->dead_at);
  js_set_string(o, "reason", p->reason);
  return o;
}

/* The keys of the list are promised to scripts. */
static struct js *device_json(struct ctx *cx, const struct enroll_info *i, const struct push_state *p) {
  struct js *o = js_object(cx);
  js_set_string(o, "id", i->id);
  js_set_string(o, "type", i->type);
  js_set_string(o, "serial_number", i->serial_number);
  js_set_string(o, "name", i->name);
  js_set_string(o, "model", i->model);
  js_set_string(o, "os_version", i->os_version);
  js_set_bool(o, "enrolled", i->enabled);
  js_set_time(o, "last_seen", i->last_seen);
  js_set(o, "push", push_json(cx, p));
  js_set_string(o, "topic", i->topic);
  js_set_string(o, "state", i->state);
  return o;
}

static void add_details(struct js *o, const struct enroll_info *i, int64_t waiting) {
  js_set_string(o, "product_name", i->product_name);
  js_set_string(o, "build_version", i->build_version);
  js_set_string(o, "user_short_name", i->user_short_name);
  js_set_string(o, "user_long_name", i->user_long_name);
  js_set_time(o, "authenticated_at", i->authenticated_at);
  js_set_time(o, "enrolled_at", i->enrolled_at);
  js_set_time(o, "token_at", i->token_at);
  js_set_time(o, "checked_out_at", i->checked_out_at);
  js_set_int(o, "token_update_tally", i->token_update_tally);
  js_set_string(o, "last_address", i->last_address);
  js_set_bool(o, "awaiting_configuration", i->awaiting_configuration);
  js_set_bool(o, "unlock_token_held", i->unlock_token);
  js_set_bool(o, "bootstrap_token_held", i->bootstrap_token);
  js_set_time(o, "identity_not_after", i->identity_not_after);
  js_set_int(o, "commands_waiting", waiting);
}

static enum err list_into(struct http_req *rq, struct core *core, struct js *body) {
  struct ctx *cx = http_cx(rq);
  struct enroll_info *rows;
  struct api_page page;
  size_t n;
  TRY(api_page(rq, core, &page));
  TRY(enroll_list(cx, page.db, 0, page.start, page.most, &rows, &n));
  struct js *list = js_array(cx);
  for (size_t i = 0; i < n; i++) {
    struct push_state push;
    TRY(push_state(cx, page.db, rows[i].enrollment, &push));
    js_add(list, device_json(cx, &rows[i], &push));
  }
  api_page_end(body, "devices", list, &page, n ? rows[n - 1].enrollment : 0);
  return OK;
}

static void list(struct http_req *rq, struct core *core) { api_answer(rq, core, list_into); }

/* Null when nobody else claims the device. */
static enum err add_takeover(struct ctx *cx, struct db *db, struct core *core, int64_t device, struct js *o) {
  struct enroll_takeover *t;
  size_t n;
  TRY(enroll_takeovers(cx, db, core, device, &t, &n));
  js_set(o, "takeover", n ? api_takeover(cx, t) : NULL);
  return OK;
}

static enum err show_into(struct http_req *rq, struct core *core, struct js **body) {
  struct ctx *cx = http_cx(rq);
  struct db *db;
  struct enroll_info *row;
  struct push_state push;
  int64_t enrollment, waiting;
  size_t n;
  char *id;
  TRY(db_reader(cx, core->store, &db));
  TRY(enroll_lookup(cx, db, api_param(rq, "id"), &enrollment, &id));
  TRY(enroll_list(cx, db, enrollment, 0, 1, &row, &n));
  if (n == 0) return FAIL(cx, E_NOT_FOUND, "there is no enrollment %s", id);
  TRY(push_state(cx, db, enrollment, &push));
  TRY(queue_waiting(cx, db, enrollment, &waiting));
  *body = device_json(cx, row, &push);
  add_details(*body, row, waiting);
  return add_takeover(cx, db, core, row->device, *body);
}

static void show(struct http_req *rq, struct core *core) {
  struct js *body = NULL;
  enum err e = show_into(rq, core, &body);
  if (e == OK)
    reply_json(rq, 200, body);
  else
    reply_error(rq, e);
}

/* ---- push ---- */

enum { WAIT_S = 5 };

static void pushed(struct enqueue *q, enum err e) {
  struct enqueue_target *t = q->targets;
  struct ctx *cx = http_cx(q->rq);
  if (e == OK && t->e != OK) e = FAIL(cx, t->e, "%s", t->error);
  if (e == OK && !t->due) e = FAIL(cx, E_CONFLICT, "%s", t->push_error);
  if (e != OK) {
    reply_error(q->rq, e);
    return;
  }
  int status = t->push->status;
  struct js *body = js_object(cx);
  js_set_string(body, "id", t->id);
  js_set_string(body, "apns_id", t->push->apns_id);
  js_set_string(body, "status", status == 200 ? "sent" : status == 0 ? "due" : "failed");
  js_set_string(body, "reason", t->push->reason[0] ? t->push->reason : NULL);
  reply_json(q->rq, 200, body);
}

static void push(struct http_req *rq, struct core *core) {
  struct ctx *cx = http_cx(rq);
  struct enqueue *q = ctx_alloc(cx, sizeof *q);
  *q = (struct enqueue){.rq = rq, .core = core, .push = true, .wait_us = WAIT_S * US_SECOND, .n = 1, .done = pushed};
  q->targets = ctx_alloc(cx, sizeof *q->targets);
  q->targets->name = api_param(rq, "id");
  enqueue_start(q);
}

const struct route devices_routes[] = {
    {.method = "GET",
     .pattern = "/api/v1/devices",
     .query = "cursor:int limit:int",
     .run = list,
     .summary = "Lists enrollments, oldest first; ?cursor= is `next` of the page before, ?limit= up to 1000."},
    {.method = "GET",
     .pattern = "/api/v1/devices/:id",
     .run = show,
     .summary = "One enrollment, by its id or a serial number."},
    {.method = "POST",
     .pattern = "/api/v1/devices/:id/push",
     .run = push,
     .body_max = API_BODY_MAX,
     .summary = "Wakes the device now and waits up to 5 seconds for APNs."},
    {.method = NULL},
};
