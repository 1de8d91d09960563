/* The inventory of a device: what it answered, what changed, asking it anew. */
#include "core/enroll.h"
#include "core/inventory.h"
#include "core/push.h"
#include "face/api_int.h"

struct named {
  struct db *db;
  int64_t device, enrollment; /* of the channel that was named */
  char *id;
};

static enum err name(struct http_req *rq, struct core *core, struct named *out) {
  struct ctx *cx = http_cx(rq);
  struct enroll_info *row;
  size_t n;
  TRY(db_reader(cx, core->store, &out->db));
  TRY(enroll_lookup(cx, out->db, api_param(rq, "id"), &out->enrollment, &out->id));
  TRY(enroll_list(cx, out->db, out->enrollment, 0, 1, &row, &n));
  if (n == 0) return FAIL(cx, E_NOT_FOUND, "there is no enrollment %s", out->id);
  out->device = row->device;
  return OK;
}

/* ---- what it answered ---- */

static struct js *answer_json(struct ctx *cx, const char *request_type, const struct inventory_stored *s) {
  struct js *o = js_object(cx);
  js_set_string(o, "request_type", request_type);
  js_set_time(o, "at", s->at);
  js_set_time(o, "changed_at", s->changed_at);
  js_set_int(o, "misfits", s->misfits);
  js_set(o, "answer", s->answer);
  return o;
}

static enum err all_into(struct http_req *rq, struct core *core, struct js *body) {
  struct ctx *cx = http_cx(rq);
  struct named d;
  struct inventory_info *infos;
  int64_t asked_at, taken_at;
  size_t n;
  TRY(name(rq, core, &d));
  TRY(inventory_times(cx, d.db, d.device, &asked_at, &taken_at));
  TRY(inventory_list(cx, d.db, d.enrollment, &infos, &n));
  struct js *list = js_array(cx);
  for (size_t i = 0; i < n; i++) {
    TRY(inventory_stored(cx, d.db, d.enrollment, infos[i].request_type, &infos[i].stored));
    js_add(list, answer_json(cx, infos[i].request_type, &infos[i].stored));
  }
  js_set_string(body, "id", d.id);
  js_set_time(body, "asked_at", asked_at);
  js_set_time(body, "taken_at", taken_at);
  js_set(body, "answers", list);
  return OK;
}

static void all(struct http_req *rq, struct core *core) { api_answer(rq, core, all_into); }

static enum err one_into(struct http_req *rq, struct core *core, struct js **body) {
  struct named d;
  struct inventory_stored s;
  const char *request_type = api_param(rq, "request_type");
  TRY(name(rq, core, &d));
  TRY(inventory_stored(http_cx(rq), d.db, d.enrollment, request_type, &s));
  *body = answer_json(http_cx(rq), request_type, &s);
  return OK;
}

static void one(struct http_req *rq, struct core *core) {
  struct js *body = NULL;
  enum err e = one_into(rq, core, &body);
  if (e == OK)
    reply_json(rq, 200, body);
  else
    reply_error(rq, e);
}

/* ---- what changed ---- */

static enum err changes_into(struct http_req *rq, struct core *core, struct js *body) {
  struct ctx *cx = http_cx(rq);
  struct named d;
  struct api_page page;
  struct inventory_past *past;
  size_t n;
  TRY(api_page(rq, core, &page));
  TRY(name(rq, core, &d));
  TRY(inventory_history(cx, page.db, d.device, page.start, page.most, &past, &n));
  struct js *list = js_array(cx);
  for (size_t i = 0; i < n; i++) {
    struct js *o = js_object(cx);
    js_set_time(o, "at", past[i].at);
    js_set_string(o, "what", past[i].what);
    js_set_string(o, "was", past[i].was);
    js_set_string(o, "now", past[i].now);
    js_add(list, o);
  }
  api_page_end(body, "changes", list, &page, n ? past[n - 1].seq : 0);
  return OK;
}

static void changes(struct http_req *rq, struct core *core) { api_answer(rq, core, changes_into); }

/* ---- asking ---- */

struct refresh {
  struct core *core;
  const char *name;
  char *id;
};

static enum err refresh_job(struct ctx *cx, struct db *db, void *arg) {
  struct refresh *r = arg;
  int64_t enrollment;
  TRY(enroll_lookup(cx, db, r->name, &enrollment, &r->id));
  TRY(inventory_ask(cx, db, r->core, enrollment, true));
  return push_due(cx, db, r->core, enrollment, PUSH_ASKED, 0, NULL, NULL);
}

static void refreshed(struct http_req *rq, void *arg, enum err e) {
  struct refresh *r = arg;
  if (e != OK) {
    reply_error(rq, e);
    return;
  }
  struct js *body = js_object(http_cx(rq));
  js_set_string(body, "id", r->id);
  reply_json(rq, 200, body);
}

static void refresh(struct http_req *rq, struct core *core) {
  struct refresh *r = ctx_alloc(http_cx(rq), sizeof *r);
  *r = (struct refresh){.core = core, .name = api_param(rq, "id")};
  route_write(rq, core, refresh_job, r, refreshed);
}

const struct route inventory_routes[] = {
    {.method = "GET",
     .pattern = "/api/v1/devices/:id/inventory",
     .run = all,
     .summary = "What the channel answered last to each command that asks, when, since when it is so, and how many "
                "values did not fit Apple's schema (they stand under raw)."},
    {.method = "GET",
     .pattern = "/api/v1/devices/:id/inventory/:request_type",
     .run = one,
     .summary = "What the channel answered last to one command, as ProfileList; what does not fit Apple's schema "
                "stands under raw."},
    {.method = "POST",
     .pattern = "/api/v1/devices/:id/inventory/refresh",
     .run = refresh,
     .summary = "Asks the channel for everything that it can tell, now."},
    {.method = "GET",
     .pattern = "/api/v1/devices/:id/changes",
     .query = "cursor:int limit:int",
     .run = changes,
     .summary = "What changed on the device: facts, apps, profiles, certificates; newest first."},
    {.method = NULL},
};
