/* What operators do with devices: block, unblock, unenroll, forget, release, adopt; and who knocks in vain. */
#include "base/clock.h"
#include "base/enc.h"
#include "core/enroll.h"
#include "core/offboard.h"
#include "core/queue.h"
#include "core/refused.h"
#include "face/api_int.h"

struct act {
  struct core *core;
  enum err (*job)(struct ctx *cx, struct db *db, void *act);
  void (*tell)(struct js *body, const struct act *a); /* what is answered beside the id; may be NULL */
  const char *name, *by;                              /* name: as the operator named the device */
  char *id;
  bool anyway, more, woken;
  const uint8_t *certificate; /* NULL: the only one */
  struct enroll_leave leave;
};

static struct act *act_of(struct http_req *rq, struct core *core,
                          enum err (*job)(struct ctx *cx, struct db *db, void *act),
                          void (*tell)(struct js *body, const struct act *a)) {
  struct act *a = ctx_alloc(http_cx(rq), sizeof *a);
  *a = (struct act){.core = core, .job = job, .tell = tell, .name = api_param(rq, "id"), .by = route_who(rq)};
  return a;
}

static enum err device_of(struct ctx *cx, struct db *db, struct act *a) {
  bool of_user;
  return enroll_device_named(cx, db, a->name, &a->id, &of_user);
}

/* What takes something away from the whole device is not to be done in the name of one of its users. */
static enum err whole_device_of(struct ctx *cx, struct db *db, struct act *a) {
  bool of_user;
  TRY(enroll_device_named(cx, db, a->name, &a->id, &of_user));
  return of_user ? FAIL(cx, E_INVALID, "%s is a user of the device %s: name the device", a->name, a->id) : OK;
}

static void done(struct http_req *rq, void *arg, enum err e) {
  struct act *a = arg;
  if (e != OK) {
    reply_error(rq, e);
  } else if (a->more) {
    route_write(rq, a->core, a->job, a, done);
  } else {
    struct js *body = js_object(http_cx(rq));
    js_set_string(body, "id", a->id);
    if (a->tell) a->tell(body, a);
    reply_json(rq, 200, body);
  }
}

static void start(struct http_req *rq, struct act *a) { route_write(rq, a->core, a->job, a, done); }

/* ---- block, unblock ---- */

static enum err block_job(struct ctx *cx, struct db *db, void *arg) {
  struct act *a = arg;
  TRY(whole_device_of(cx, db, a));
  return enroll_block(cx, db, a->core, a->id, a->by);
}

static void tell_blocked(struct js *body, const struct act *a) {
  (void)a;
  js_set_string(body, "state", "blocked");
}

static void block(struct http_req *rq, struct core *core) { start(rq, act_of(rq, core, block_job, tell_blocked)); }

static enum err wake_waiting(struct ctx *cx, struct db *db, struct core *core, const char *device_id, bool *woken) {
  int64_t enrollment, waiting;
  struct enroll_channels channels;
  char *id;
  enum err e = enroll_lookup(cx, db, device_id, &enrollment, &id);
  if (e == E_NOT_FOUND) return ctx_clear_error(cx), OK; /* it has no channel yet */
  TRY(e);
  TRY(enroll_siblings(cx, db, enrollment, &channels));
  for (size_t i = 0; i < channels.n; i++) {
    TRY(queue_waiting(cx, db, channels.seq[i], &waiting));
    if (waiting) TRY(push_due(cx, db, core, channels.seq[i], PUSH_COMMAND, 0, NULL, NULL));
    if (waiting) *woken = true;
  }
  return OK;
}

enum err api_device_unblock(struct ctx *cx, struct db *db, struct core *core, const char *device_id, const char *by,
                            bool *woken) {
  *woken = false;
  TRY(enroll_unblock(cx, db, core, device_id, by));
  return wake_waiting(cx, db, core, device_id, woken);
}

static enum err unblock_job(struct ctx *cx, struct db *db, void *arg) {
  struct act *a = arg;
  TRY(device_of(cx, db, a));
  return api_device_unblock(cx, db, a->core, a->id, a->by, &a->woken);
}

static void tell_unblocked(struct js *body, const struct act *a) { js_set_bool(body, "woken", a->woken); }

static void unblock(struct http_req *rq, struct core *core) {
  start(rq, act_of(rq, core, unblock_job, tell_unblocked));
}

/* ---- unenroll ---- */

static enum err unenroll_job(struct ctx *cx, struct db *db, void *arg) {
  struct act *a = arg;
  TRY(whole_device_of(cx, db, a));
  return offboard_unenroll(cx, db, a->core, a->id, a->by, &a->leave);
}

static void tell_leaving(struct js *body, const struct act *a) {
  js_set_string(body, "command_uuid", a->leave.command);
  js_set_string(body, "identifier", a->leave.identifier);
  js_set_bool(body, "handed_over", a->leave.handed);
}

static void unenroll(struct http_req *rq, struct core *core) {
  start(rq, act_of(rq, core, unenroll_job, tell_leaving));
}

/* ---- forget ---- */

static enum err forget_job(struct ctx *cx, struct db *db, void *arg) {
  struct act *a = arg;
  if (!a->id) TRY(whole_device_of(cx, db, a));
  struct enroll_forget f = {.by = a->by, .anyway = a->anyway};
  enum err e = enroll_forget(cx, db, a->core, a->id, &f);
  a->more = f.more;
  return e;
}

static void forget(struct http_req *rq, struct core *core) {
  struct act *a = act_of(rq, core, forget_job, NULL);
  a->anyway = route_flag(rq, "anyway");
  start(rq, a);
}

/* ---- release ---- */

static enum err release_job(struct ctx *cx, struct db *db, void *arg) {
  struct act *a = arg;
  TRY(device_of(cx, db, a));
  return enroll_release(cx, db, a->id, a->by);
}

static void tell_released(struct js *body, const struct act *a) {
  (void)a;
  js_set_time(body, "released_until", clock_now_us() + US_DAY);
}

static void release(struct http_req *rq, struct core *core) { start(rq, act_of(rq, core, release_job, tell_released)); }

/* ---- adopt, and who knocks ---- */

static enum err adopt_job(struct ctx *cx, struct db *db, void *arg) {
  struct act *a = arg;
  a->id = ctx_strdup(cx, a->name);
  TRY(enroll_adopt(cx, db, a->core, a->id, a->certificate, a->by));
  return refused_forget(cx, db, a->id);
}

static enum err read_certificate(struct http_req *rq, struct act *a) {
  enum { HASH = 32 };
  struct ctx *cx = http_cx(rq);
  struct js *o;
  const char *hex = NULL;
  TRY(api_object(rq, &o));
  TRY(api_string(cx, o, "certificate", &hex));
  if (!hex) return OK;
  uint8_t *hash = ctx_alloc(cx, HASH);
  if (!dec_hex(slice_of(hex), hash, HASH))
    return FAIL(cx, E_INVALID, "certificate is no SHA-256 in hexadecimal, as the list of refused requests shows it");
  a->certificate = hash;
  return OK;
}

static void adopt(struct http_req *rq, struct core *core) {
  struct act *a = act_of(rq, core, adopt_job, NULL);
  enum err e = read_certificate(rq, a);
  if (e == OK)
    start(rq, a);
  else
    reply_error(rq, e);
}

static struct js *refused_json(struct ctx *cx, const struct refused_row *r) {
  struct js *o = js_object(cx);
  js_set_string(o, "id", r->id);
  js_set_bool(o, "known", r->known);
  js_set_string(o, "reason", r->reason);
  js_set_string(o, "message_type", r->message_type);
  js_set_time(o, "first_at", r->first_at);
  js_set_time(o, "last_at", r->last_at);
  js_set_int(o, "count", r->count);
  js_set_string(o, "address", r->address);
  js_set_string(o, "certificate", r->hash.p ? enc_hex(cx, r->hash.p, r->hash.n) : NULL);
  js_set_string(o, "serial_number", r->serial_number);
  return o;
}

static enum err list_into(struct http_req *rq, struct core *core, struct js *body) {
  struct ctx *cx = http_cx(rq);
  struct slice id = http_query(rq, "id");
  struct refused_row *rows;
  struct api_page page;
  size_t n;
  TRY(api_page(rq, core, &page));
  TRY(refused_list(cx, page.db, id.p ? ctx_memdup(cx, id.p, id.n) : NULL, page.start, page.most, &rows, &n));
  struct js *list = js_array(cx);
  for (size_t i = 0; i < n; i++) js_add(list, refused_json(cx, &rows[i]));
  api_page_end(body, "refused", list, &page, n ? rows[n - 1].last_at : 0);
  return OK;
}

static void list(struct http_req *rq, struct core *core) { api_answer(rq, core, list_into); }

const struct route device_acts_routes[] = {
    {.method = "POST",
     .pattern = "/api/v1/devices/:id/block",
     .run = block,
     .body_max = API_BODY_MAX,
     .summary = "Refuses everything that the device asks and stops its wake-ups, until it is unblocked."},
    {.method = "POST",
     .pattern = "/api/v1/devices/:id/unblock",
     .run = unblock,
     .body_max = API_BODY_MAX,
     .summary = "Serves a blocked device again, and wakes it when something waits for it."},
    {.method = "POST",
     .pattern = "/api/v1/devices/:id/unenroll",
     .run = unenroll,
     .body_max = API_BODY_MAX,
     .summary = "Has the device remove its enrollment profile; after that was handed over, it is told that it is not "
                "managed."},
    {.method = "POST",
     .pattern = "/api/v1/devices/:id/release",
     .run = release,
     .body_max = API_BODY_MAX,
     .summary = "Lets the next Authenticate of this device in for 24 hours, whoever holds it now."},
    {.method = "POST",
     .pattern = "/api/v1/devices/:id/adopt",
     .run = adopt,
     .body_max = API_BODY_MAX,
     .body = "certificate:text",
     .summary = "Takes over a device that is not known here but comes with a certificate of an accepted CA. Body: "
                "certificate, "
                "its SHA-256, when several claim the id."},
    {.method = "DELETE",
     .pattern = "/api/v1/devices/:id",
     .query = "anyway:bool",
     .run = forget,
     .summary = "Forgets a device that is not enrolled; ?anyway=true: an enrolled one, too."},
    {.method = "GET",
     .pattern = "/api/v1/refused",
     .query = "id:text cursor:int limit:int",
     .run = list,
     .summary = "Requests that were refused, by the device id that they claim, newest first; ?id= of one, ?cursor= is "
                "`next` of the page before, ?limit= up to 1000."},
    {.method = NULL},
};
