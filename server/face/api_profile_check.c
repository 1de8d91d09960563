/* /api/v1/profiles/check: a profile is looked at, and not kept. */
#include "core/payload.h"
#include "face/api_int.h"
#include "face/outbound.h"

static void check(struct http_req *rq, struct core *core) {
  (void)core;
  struct ctx *cx = http_cx(rq);
  struct payload_check found;
  enum err e = payload_check(cx, http_body(rq), &found);
  if (e != OK)
    reply_error(rq, e);
  else
    reply_json(rq, 200, payload_json(cx, &found));
}

/* A hostile PKCS #12 may take a second, which no listener waits for. */
static void check_elsewhere(struct http_req *rq, struct core *core) {
  enum err e = outbound_run(rq, core, check);
  if (e != OK) reply_error(rq, e);
}

const struct route profile_check_routes[] = {
    {.method = "POST",
     .pattern = "/api/v1/profiles/check",
     .body = "@application/x-apple-aspen-config",
     .body_max = PAYLOAD_FILE_MOST,
     .run = check_elsewhere,
     .summary =
         "Checks a profile (the body: XML, binary, or signed) against Apple's schema, without keeping it: what it "
         "is, and findings with grade (error, warning), id, line (null: the whole file), key and text."},
    {.method = NULL},
};
