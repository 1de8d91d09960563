/* /api/v1/doctor: the doctor, from inside the server. */
#include "core/doctor.h"
#include "face/api_int.h"
#include "face/outbound.h"

enum { AT_ONCE = 2 }; /* whoever asks: they take threads of which others have need, for seconds */

static void look(struct http_req *rq, struct core *core) {
  struct ctx *cx = http_cx(rq);
  struct doctor d = {.core = core, .server = "The server"};
  struct doctor_line *lines;
  size_t n;
  if (db_health(cx, core->store) != OK) d.server_says = ctx_strdup(cx, ctx_error_text(cx));
  ctx_clear_error(cx);
  doctor_run(cx, &d, &lines, &n);
  struct js *found = doctor_json(cx, lines, n);
  if (doctor_keep(cx, core, found) != OK) ctx_clear_error(cx); /* what was found tells of it */
  atomic_fetch_sub(&core->doctors, 1);
  reply_json(rq, 200, found);
}

/* It asks others, and waits for them. */
static enum err start(struct http_req *rq, struct core *core) {
  if (atomic_fetch_add(&core->doctors, 1) < AT_ONCE) return outbound_run(rq, core, look);
  return FAIL(http_cx(rq), E_UNAVAILABLE, "the doctor was called %d times already and looks: ask again when it is done",
              AT_ONCE);
}

static void doctor(struct http_req *rq, struct core *core) {
  enum err e = start(rq, core);
  if (e == OK) return;
  atomic_fetch_sub(&core->doctors, 1);
  reply_error(rq, e);
}

const struct route doctor_routes[] = {
    {.method = "GET",
     .pattern = "/api/v1/doctor",
     .run = doctor,
     .summary = "Checks everything from the clock to APNs: for each check its status (ok, warn, fail, skip), what was "
                "found, and what to do. Takes some seconds; two at a time, else 503."},
    {.method = NULL},
};
