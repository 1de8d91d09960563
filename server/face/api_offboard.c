/* A device leaves for good: what that would do, doing it, how far it is. */
#include "base/log.h"
#include "core/offboard.h"
#include "face/api_int.h"
#include "face/outbound.h"

static enum err whole_device(struct ctx *cx, struct db *db, const char *name, const char **id) {
  char *found;
  bool of_user;
  TRY(enroll_device_named(cx, db, name, &found, &of_user));
  *id = found;
  return of_user ? FAIL(cx, E_INVALID, "%s is a user of the device %s: name the device", name, found) : OK;
}

static enum err look_into(struct http_req *rq, struct core *core, struct js **report) {
  struct ctx *cx = http_cx(rq);
  struct db *db;
  const char *id;
  TRY(db_reader(cx, core->store, &db));
  TRY(whole_device(cx, db, api_param(rq, "id"), &id));
  return offboard_look(cx, db, id, report);
}

static void look(struct http_req *rq, struct core *core) {
  struct js *report = NULL;
  enum err e = look_into(rq, core, &report);
  if (e == OK)
    reply_json(rq, 200, report);
  else
    reply_error(rq, e);
}

/* ---- the act ---- */

enum { LIFTED = 200 };

struct leaving {
  struct core *core;
  const char *name; /* as the operator named it */
  struct offboard o;
  int status; /* of Apple's answer */
};

static enum err offboard_job(struct ctx *cx, struct db *db, void *arg) {
  struct leaving *l = arg;
  TRY(whole_device(cx, db, l->name, &l->o.device_id));
  return offboard(cx, db, l->core, &l->o);
}

static enum err unlocked_job(struct ctx *cx, struct db *db, void *arg) {
  struct leaving *l = arg;
  return offboard_unlocked(cx, db, &l->o, l->status);
}

/* What ends the device is queued already: that Apple does not answer is a line of the report. */
static enum err lift_lock(struct http_req *rq, struct core *core, struct leaving *l) {
  struct ctx *cx = http_cx(rq);
  const struct offboard_unlock *lock = &l->o.unlock;
  enum err e = OK;
  for (size_t i = 0; e == OK && i < lock->codes_n && l->status != LIFTED; i++)
    e = api_unlock(rq, core, lock, lock->codes[i], &l->status);
  if (e != OK) {
    log_warn(cx, "Apple was asked to lift Activation Lock, and did not answer", LOG_S("id", l->o.device_id),
             LOG_S("reason", ctx_error_text(cx)));
    ctx_clear_error(cx);
    l->status = 0;
  }
  return lock->codes_n ? db_call(cx, core->store, unlocked_job, l) : OK;
}

static void leave(struct http_req *rq, struct core *core) {
  struct leaving *l = route_user(rq);
  enum err e = db_call(http_cx(rq), core->store, offboard_job, l);
  if (e == OK) e = lift_lock(rq, core, l);
  if (e == OK)
    reply_json(rq, 200, l->o.report);
  else
    reply_error(rq, e);
}

static enum err read_act(struct http_req *rq, struct offboard *o) {
  struct ctx *cx = http_cx(rq);
  struct js *body;
  const char *way = NULL;
  TRY(api_object(rq, &body));
  TRY(api_string(cx, body, "reason", &o->reason));
  TRY(api_string(cx, body, "way", &way));
  TRY(api_bool(cx, body, "anyway", &o->anyway));
  bool erase = slice_is(slice_of(way), "erase");
  if (!erase && !slice_is(slice_of(way), "unenroll")) return FAIL(cx, E_INVALID, "way must be erase or unenroll");
  o->way = erase ? OFFBOARD_ERASE : OFFBOARD_UNENROLL;
  return OK;
}

static void start(struct http_req *rq, struct core *core) {
  struct leaving *l = ctx_alloc(http_cx(rq), sizeof *l);
  *l = (struct leaving){.core = core, .name = api_param(rq, "id"), .o.by = route_who(rq)};
  enum err e = read_act(rq, &l->o);
  route_set_user(rq, l);
  if (e == OK) e = outbound_run(rq, core, leave);
  if (e != OK) reply_error(rq, e);
}

const struct route offboard_routes[] = {
    {.method = "GET",
     .pattern = "/api/v1/devices/:id/offboard",
     .run = look,
     .summary = "How far the offboarding of a device is; before it begins: what it would do, and what is missing."},
    {.method = "POST",
     .pattern = "/api/v1/devices/:id/offboard",
     .flags = ROUTE_REVEALS,
     .run = start,
     .body_max = API_BODY_MAX,
     .body = "reason:text! way:text! anyway:bool",
     .summary =
         "A device leaves for good: what must be noted of it is shown, Activation Lock lifted at Apple, it leaves "
         "its groups, its links are revoked, and it is erased or unenrolled (way). Again: how far it is."},
    {.method = NULL},
};
