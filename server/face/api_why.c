/* Why a device is dark, or a command hangs; and the two remedies that are nobody else's: grace, configured. */
#include "core/why.h"

#include "base/clock.h"
#include "core/enroll.h"
#include "core/plan.h"
#include "core/queue.h"
#include "core/renewal.h"
#include "face/api_int.h"

/* ---- why ---- */

static struct js *link_json(struct ctx *cx, const struct why_link *l) {
  struct js *o = js_object(cx);
  js_set_string(o, "link", l->link);
  js_set_string(o, "status", l->status);
  js_set_time(o, "at", l->at);
  js_set_string(o, "detail", l->detail);
  return o;
}

/* The first keys are promised to scripts. */
static void why_json(struct ctx *cx, const struct why *w, struct js *o) {
  struct js *chain = js_array(cx), *also = js_array(cx);
  for (size_t i = 0; i < w->chain_n; i++) js_add(chain, link_json(cx, &w->chain[i]));
  for (size_t i = 0; i < w->also_n; i++) js_add_string(also, w->also[i]);
  js_set_string(o, "id", w->id);
  js_set_string(o, "verdict", w->slug);
  js_set_string(o, "message", w->message);
  js_set_string(o, "fix", w->fix);
  js_set(o, "chain", chain);
  js_set(o, "also", also);
  js_set_string(o, "command_uuid", w->command_uuid);
  js_set_string(o, "request_type", w->request_type);
}

/* Nothing may be wrong with the way to a device that is not as its groups want it. NULL: it is not known here, and
   only knocked. */
static enum err standing(struct ctx *cx, struct db *db, struct core *core, const char *id, struct js **out) {
  int64_t device;
  struct js *plan;
  enum err e = api_device_row(cx, db, id, &device);
  *out = NULL;
  if (e == E_NOT_FOUND) return ctx_clear_error(cx), OK;
  TRY(e);
  TRY(plan_of_device(cx, db, core, device, &plan));
  *out = js_object(cx);
  js_set_string(*out, "state", js_str(plan, "state"));
  js_set_string(*out, "why", js_str(plan, "why"));
  return OK;
}

static enum err why_into(struct http_req *rq, struct core *core, struct js *body) {
  struct ctx *cx = http_cx(rq);
  struct slice uuid = http_query(rq, "command");
  struct why w;
  struct db *db;
  TRY(db_reader(cx, core->store, &db));
  TRY(why_device(cx, db, core, api_param(rq, "id"), uuid.p ? ctx_memdup(cx, uuid.p, uuid.n) : NULL, &w));
  struct js *plan;
  TRY(standing(cx, db, core, w.id, &plan));
  why_json(cx, &w, body);
  js_set(body, "plan", plan);
  return OK;
}

static void why(struct http_req *rq, struct core *core) { api_answer(rq, core, why_into); }

static enum err fleet_into(struct http_req *rq, struct core *core, struct js *body) {
  struct ctx *cx = http_cx(rq);
  struct db *db;
  struct js *fleet;
  TRY(db_reader(cx, core->store, &db));
  TRY(why_fleet(cx, db, core, &fleet));
  js_set(body, "verdicts", js_get(fleet, "verdicts"));
  js_set(body, "alarm", js_get(fleet, "alarm"));
  return OK;
}

static void fleet(struct http_req *rq, struct core *core) { api_answer(rq, core, fleet_into); }

/* ---- remedies ---- */

struct remedy {
  struct core *core;
  const char *name, *by;
  char *id, *command;
  const char *reason; /* why no renewal was begun; or NULL */
  int64_t until;
};

static struct remedy *remedy_of(struct http_req *rq, struct core *core) {
  struct remedy *r = ctx_alloc(http_cx(rq), sizeof *r);
  *r = (struct remedy){.core = core, .name = api_param(rq, "id"), .by = route_who(rq)};
  return r;
}

static void done(struct http_req *rq, void *arg, enum err e) {
  struct remedy *r = arg;
  struct js *body = js_object(http_cx(rq));
  if (e != OK) {
    reply_error(rq, e);
    return;
  }
  js_set_string(body, "id", r->id);
  js_set_string(body, "command_uuid", r->command);
  if (r->until) js_set_time(body, "grace_until", r->until);
  if (r->until) js_set_string(body, "reason", r->reason);
  reply_json(rq, 200, body);
}

/* One that is open already, or that cannot be begun now, keeps nobody from being let in. */
static enum err grace_job(struct ctx *cx, struct db *db, void *arg) {
  struct remedy *r = arg;
  bool of_user;
  TRY(enroll_device_named(cx, db, r->name, &r->id, &of_user));
  TRY(enroll_grace(cx, db, r->id, r->until, r->by));
  enum err e = renewal_start(cx, db, r->core, r->id, r->by, &r->command);
  if (e != E_CONFLICT && e != E_NOT_FOUND) return e;
  r->reason = ctx_strdup(cx, ctx_error_text(cx));
  ctx_clear_error(cx);
  return OK;
}

static enum err read_span(struct http_req *rq, int64_t *span) {
  struct js *o;
  TRY(api_object(rq, &o));
  return api_span(http_cx(rq), o, "span", span);
}

static void grace(struct http_req *rq, struct core *core) {
  struct remedy *r = remedy_of(rq, core);
  int64_t span = 7 * US_DAY;
  enum err e = read_span(rq, &span);
  r->until = clock_now_us() + span;
  if (e == OK)
    route_write(rq, core, grace_job, r, done);
  else
    reply_error(rq, e);
}

/* Now: not behind what it waits for. */
static enum err configured_job(struct ctx *cx, struct db *db, void *arg) {
  struct remedy *r = arg;
  struct enroll_info *info;
  struct command c;
  int64_t enrollment, command;
  size_t n;
  bool of_user;
  TRY(enroll_device_named(cx, db, r->name, &r->id, &of_user));
  TRY(enroll_lookup(cx, db, r->id, &enrollment, &r->id));
  TRY(enroll_list(cx, db, enrollment, 0, 1, &info, &n));
  if (n == 0 || !info->awaiting_configuration)
    return FAIL(cx, E_CONFLICT, "%s does not wait in Setup Assistant", r->id);
  TRY(command_build(cx, &c, "DeviceConfigured", NULL, NULL));
  c.flags = (c.flags & ~(unsigned)COMMAND_BARRIER) | COMMAND_JUMP;
  r->command = c.uuid;
  TRY(queue_command(cx, db, r->core, &c, r->by, &command));
  TRY(queue_add(cx, db, r->core, command, &c, enrollment));
  return push_due(cx, db, r->core, enrollment, PUSH_ASKED, 0, NULL, NULL);
}

static void configured(struct http_req *rq, struct core *core) {
  route_write(rq, core, configured_job, remedy_of(rq, core), done);
}

const struct route why_routes[] = {
    {.method = "GET",
     .pattern = "/api/v1/devices/:id/why",
     .query = "command:text",
     .run = why,
     .summary = "Why the device is not doing what it was asked: one verdict, what to do, and every link of the chain; "
                "?command= a UUID, else the oldest command that waits."},
    {.method = "GET",
     .pattern = "/api/v1/why",
     .run = fleet,
     .summary = "Why the fleet is not doing what it was asked: what holds for the server, for topics, for how many "
                "devices; and its alarm."},
    {.method = "POST",
     .pattern = "/api/v1/devices/:id/grace",
     .body = "span:span!",
     .run = grace,
     .body_max = API_BODY_MAX,
     .summary = "Lets a device whose identity ended longer ago than identity-grace renew it. Body: span (7d)."},
    {.method = "POST",
     .pattern = "/api/v1/devices/:id/configured",
     .run = configured,
     .body_max = API_BODY_MAX,
     .summary = "Queues DeviceConfigured before everything else, for a device that waits in Setup Assistant."},
    {.method = NULL},
};
