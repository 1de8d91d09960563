/* Devices that another identity claims: who waits, and an operator's word. */
#include "base/enc.h"
#include "core/checkin.h"
#include "face/api_int.h"

/* What has to happen before it comes into force. */
static const char *waits_for(struct ctx *cx, const struct enroll_takeover *t) {
  if (!t->held) return "its TokenUpdate";
  if (t->former_spoke) return "an operator, or word from APNs that the other one is gone";
  if (!t->woken_at) return "APNs to take a push to the other one";
  return ctx_printf(cx, "silence of the other one until %s", enc_time(cx, t->silent_at));
}

struct js *api_takeover(struct ctx *cx, const struct enroll_takeover *t) {
  struct js *o = js_object(cx);
  js_set_string(o, "id", t->id);
  js_set_time(o, "since", t->since);
  js_set_string(o, "address", t->address);
  if (t->link)
    js_set_int(o, "link", t->link);
  else
    js_set_null(o, "link");
  js_set_string(o, "link_by", t->link_by);
  js_set_string(o, "accepted_by", t->accepted_by);
  js_set_string(o, "waits_for", waits_for(cx, t));
  js_set_time(o, "silent_at", t->silent_at);
  js_set_string(o, "former_address", t->former_address);
  js_set_time(o, "former_seen", t->former_seen);
  return o;
}

static enum err list_into(struct http_req *rq, struct core *core, struct js *body) {
  struct ctx *cx = http_cx(rq);
  struct enroll_takeover *all;
  struct db *db;
  size_t n;
  TRY(db_reader(cx, core->store, &db));
  TRY(enroll_takeovers(cx, db, core, 0, &all, &n));
  struct js *list = js_array(cx);
  for (size_t i = 0; i < n; i++) js_add(list, api_takeover(cx, &all[i]));
  js_set(body, "takeovers", list);
  return OK;
}

static void list(struct http_req *rq, struct core *core) { api_answer(rq, core, list_into); }

/* ---- an operator's word ---- */

struct word {
  struct core *core;
  const char *name, *by;
  char *id;
  int64_t came; /* the device, when it changed hands */
};

static enum err find(struct ctx *cx, struct db *db, struct word *w) {
  bool of_user;
  return enroll_device_named(cx, db, w->name, &w->id, &of_user);
}

static enum err accept_job(struct ctx *cx, struct db *db, void *arg) {
  struct word *w = arg;
  TRY(find(cx, db, w));
  TRY(enroll_accept(cx, db, w->core, w->id, w->by, &w->came));
  return w->came ? checkin_in_force(cx, db, w->core, w->came, "re-enrolled") : OK;
}

static enum err refuse_job(struct ctx *cx, struct db *db, void *arg) {
  struct word *w = arg;
  TRY(find(cx, db, w));
  return enroll_refuse(cx, db, w->id, w->by);
}

static void said(struct http_req *rq, void *arg, enum err e) {
  const struct word *w = arg;
  if (e != OK) {
    reply_error(rq, e);
    return;
  }
  struct js *body = js_object(http_cx(rq));
  js_set_string(body, "id", w->id);
  js_set_bool(body, "in_force", w->came != 0);
  reply_json(rq, 200, body);
}

static void say(struct http_req *rq, struct core *core, enum err (*job)(struct ctx *cx, struct db *db, void *word)) {
  struct word *w = ctx_alloc(http_cx(rq), sizeof *w);
  *w = (struct word){.core = core, .name = api_param(rq, "id"), .by = route_who(rq)};
  route_write(rq, core, job, w, said);
}

static void accept(struct http_req *rq, struct core *core) { say(rq, core, accept_job); }
static void refuse(struct http_req *rq, struct core *core) { say(rq, core, refuse_job); }

const struct route takeovers_routes[] = {
    {.method = "GET",
     .pattern = "/api/v1/takeovers",
     .run = list,
     .summary = "Devices that another identity claims, oldest first, and what each claim waits for."},
    {.method = "POST",
     .pattern = "/api/v1/devices/:id/accept",
     .run = accept,
     .body_max = API_BODY_MAX,
     .summary = "Gives the device to the identity that claims it, now or with its TokenUpdate."},
    {.method = "POST",
     .pattern = "/api/v1/devices/:id/refuse",
     .run = refuse,
     .body_max = API_BODY_MAX,
     .summary = "Refuses the identity that claims the device for good, and revokes its link."},
    {.method = NULL},
};
