/* /authproxy/…: requests of devices handed on to another server (authproxy-url), which learns who sends them, as
   NanoMDM's does it. */
#include "base/enc.h"
#include "core/enroll.h"
#include "face/device.h"
#include "face/outbound.h"

#include <string.h>

enum { BODY_MAX = 16 << 20, HEADERS_MAX = 100 };

#define PREFIX "/authproxy/"

/* ---- what is handed on ---- */

/* Of one hop only (RFC 9110, 7.6.1), or ours to say: nobody may claim to be a device by a header. */
static const char *const not_forwarded[] = {"connection",          "keep-alive", "proxy-authenticate",
                                            "proxy-authorization", "te",         "trailer",
                                            "transfer-encoding",   "upgrade",    "host",
                                            "content-length",      "expect",     "mdm-signature",
                                            "x-enrollment-id",     "x-trace-id", "client-cert",
                                            "client-cert-chain",   NULL};

static bool among(const char *name, const char *const *names) {
  for (; *names; names++)
    if (slice_ieq(slice_of(name), *names)) return true;
  return false;
}

static const char *const *headers_for(struct http_req *rq, struct core *core, const char *id) {
  struct ctx *cx = http_cx(rq);
  const char *proof = core_conf(core)->identity_header, *name, *value;
  const char **out = ctx_alloc(cx, (HEADERS_MAX + 3) * sizeof *out);
  size_t n = 0;
  for (size_t i = 0; n < HEADERS_MAX && http_header_at(rq, i, &name, &value); i++) {
    bool is_proof = proof && slice_ieq(slice_of(name), proof);
    if (!among(name, not_forwarded) && !is_proof) out[n++] = ctx_printf(cx, "%s: %s", name, value);
  }
  out[n++] = ctx_printf(cx, "X-Enrollment-ID: %s", id);
  out[n] = ctx_printf(cx, "X-Trace-ID: %s", ctx_trace(cx));
  return out;
}

/* A segment of dots, however it is written, would leave the place that authproxy-url names. */
static bool climbs(struct ctx *cx, struct slice path) {
  struct slice plain, segment;
  if (dec_percent(cx, path, &plain) != OK) return true;
  while (slice_cut(&plain, '/', &segment))
    if (slice_is(segment, ".") || slice_is(segment, "..")) return true;
  return false;
}

static const char *target_of(struct http_req *rq, const struct core_conf *conf) {
  struct slice path = http_path(rq), query = http_query_raw(rq);
  size_t skip = sizeof PREFIX - 1;
  return ctx_printf(http_cx(rq), "%s/%.*s%s%.*s", conf->authproxy_url, (int)(path.n - skip), path.p + skip,
                    query.p ? "?" : "", (int)query.n, query.p ? query.p : "");
}

/* ---- handing on ---- */

static void forward(struct http_req *rq, struct core *core) {
  struct nh_reply reply;
  struct slice body = http_body(rq);
  struct nh_req out = {.method = http_method(rq),
                       .url = target_of(rq, core_conf(core)),
                       .headers = headers_for(rq, core, route_user(rq)),
                       .body = body.n ? body : (struct slice){0},
                       .body_max = BODY_MAX};
  if (outbound_ask(rq, core, (struct nh_conf){0}, &out, &reply) == OK)
    outbound_hand_back(rq, &reply);
  else
    reply_empty(rq, 502);
}

/* ---- who asks ---- */

static enum err find_device(struct http_req *rq, struct core *core, char **id) {
  struct ctx *cx = http_cx(rq);
  struct enroll_proof proof;
  struct db *db;
  if (!core_conf(core)->authproxy_url) return FAIL(cx, E_NOT_FOUND, "authproxy-url is not set");
  if (climbs(cx, http_path(rq))) return FAIL(cx, E_INVALID, "the path climbs");
  TRY(device_proof(rq, core, &proof));
  if (proof.expired) return FAIL(cx, E_REFUSED, "the identity has ended; only its renewal is served");
  TRY(db_reader(cx, core->store, &db));
  return enroll_device_of(cx, db, &proof, id);
}

static void authproxy(struct http_req *rq, struct core *core) {
  char *id;
  enum err e = find_device(rq, core, &id);
  if (e == OK) {
    route_set_user(rq, id);
    route_log(rq, "id", id);
    e = outbound_run_on(rq, core->forwards, forward);
  }
  if (e != OK) reply_error(rq, e);
}

const struct route authproxy_routes[] = {
    {.method = "*", .pattern = "/authproxy/*", .body_max = BODY_MAX, .flags = ROUTE_QUIET, .run = authproxy},
    {.method = NULL},
};
