/* /api/v1/doctor: the doctor, from inside the server. */
#include "core/doctor.h"
#include "face/api_int.h"
#include "face/outbound.h"

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
  reply_json(rq, 200, found);
}

/* It asks others, and waits for them. */
static void doctor(struct http_req *rq, struct core *core) {
  enum err e = outbound_run(rq, core, look);
  if (e != OK) reply_error(rq, e);
}

const struct route doctor_routes[] = {
    {.method = "GET",
     .pattern = "/api/v1/doctor",
     .run = doctor,
     .summary = "Checks everything from the clock to APNs: for each check its status (ok, warn, fail, skip), what was "
                "found, and what to do. Takes some seconds."},
    {.method = NULL},
};
