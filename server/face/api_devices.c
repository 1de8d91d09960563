/* /api/v1/devices: the fleet as a list, and waking it. */
#include "base/clock.h"
#include "core/enroll.h"
#include "core/roster.h"
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
struct js *api_device(struct ctx *cx, const struct enroll_info *i, const struct push_state *p) {
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

/* ---- the list ---- */

static char *text_of(const struct roster_device *d, enum roster_field f) {
  return (char *)(uintptr_t)roster_text(d, f);
}

static enum err add_row(struct ctx *cx, struct db *db, const struct roster_device *d, struct js *list) {
  struct push_state push;
  struct enroll_info info = {.id = text_of(d, ROSTER_ID),
                             .type = text_of(d, ROSTER_ENROLLMENT_TYPE),
                             .serial_number = text_of(d, ROSTER_SERIAL),
                             .name = text_of(d, ROSTER_NAME),
                             .model = text_of(d, ROSTER_MODEL),
                             .os_version = text_of(d, ROSTER_OS),
                             .topic = text_of(d, ROSTER_TOPIC),
                             .state = text_of(d, ROSTER_STATE),
                             .last_seen = d->last_seen,
                             .enabled = d->enabled};
  TRY(push_state(cx, db, d->enrollment, &push));
  struct js *o = api_device(cx, &info, &push);
  js_set_bool(o, "former", d->former);
  js_set(o, "fields", roster_json(cx, d));
  js_add(list, o);
  return OK;
}

/* "name", or "-name" for the other way round. */
static enum err read_sort(struct ctx *cx, struct slice sort, struct roster_query *q) {
  q->sort = ROSTER_ENROLLED;
  if (!sort.n) return OK;
  q->descending = *sort.p == '-';
  if (q->descending) sort = slice_mem(sort.p + 1, sort.n - 1);
  if (roster_field_named(sort, &q->sort)) return OK;
  return FAIL(cx, E_INVALID,
              "there is no field %.*s to sort by: the fields of filters are meant, as name or -last-seen",
              (int)(sort.n < 40 && text_is_plain(sort) ? sort.n : 0), sort.p);
}

static enum err read_offset(struct http_req *rq, size_t *skip) {
  struct slice text = http_query(rq, "offset");
  int64_t n = 0;
  if (text.p && (!slice_to_i64(text, &n) || n < 0))
    return FAIL(http_cx(rq), E_INVALID, "offset is no number from 0 on");
  *skip = (size_t)n;
  return OK;
}

enum err api_roster_query(struct http_req *rq, struct core *core, struct db *db, struct roster_query *q) {
  struct ctx *cx = http_cx(rq);
  struct roster_filter *filter;
  struct slice cursor = http_query(rq, "cursor");
  TRY(read_sort(cx, http_query(rq, "sort"), q));
  TRY(roster_filter(cx, &filter, http_query(rq, "filter")));
  TRY(roster_ready(cx, db, core, filter));
  q->filter = filter;
  q->former = route_flag(rq, "former");
  q->cursor = cursor.n ? ctx_memdup(cx, cursor.p, cursor.n) : NULL;
  return read_offset(rq, &q->skip);
}

static enum err list_into(struct http_req *rq, struct core *core, struct js *body) {
  struct ctx *cx = http_cx(rq);
  struct roster_query q = {0};
  struct roster_page page;
  struct db *db;
  int most;
  TRY(db_reader(cx, core->store, &db));
  TRY(api_limit(rq, &most));
  TRY(api_roster_query(rq, core, db, &q));
  q.most = (size_t)most;
  TRY(roster_list(cx, db, core, &q, &page));
  struct js *list = js_array(cx);
  for (size_t i = 0; i < page.n; i++) TRY(add_row(cx, db, page.devices[i], list));
  js_set(body, "devices", list);
  js_set_int(body, "total", (int64_t)page.total);
  js_set_string(body, "next", page.next);
  return OK;
}

static void list(struct http_req *rq, struct core *core) { api_answer(rq, core, list_into); }

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
     .flags = ROUTE_FLEET,
     .query = "filter:text sort:text former:bool cursor:text offset:int limit:int",
     .run = list,
     .summary =
         "Lists devices, those that enrolled first before others; ?filter= and ?sort= are described in "
         "docs/devices.md, ?former=true: also those whose serial number enrolled again with another id, ?cursor= "
         "is `next` of the page before, or ?offset= so many are passed over, ?limit= up to 1000."},
    {.method = "POST",
     .pattern = "/api/v1/devices/:id/push",
     .run = push,
     .body_max = API_BODY_MAX,
     .summary = "Wakes the device now and waits up to 5 seconds for APNs."},
    {.method = NULL},
};
