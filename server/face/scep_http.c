/* SCEP over HTTP (RFC 8894, 4): GetCACaps, GetCACert, PKIOperation by POST and GET. */
#include "base/enc.h"
#include "base/log.h"
#include "core/scep.h"
#include "face/device.h"

enum { MESSAGE_MAX = 64 * 1024 };

static void finished(struct http_req *rq, void *arg, enum err e) {
  struct ctx *cx = http_cx(rq);
  struct scep_work *w = arg;
  struct slice der;
  if (e == OK) e = scep_finish(cx, w, &der);
  if (e != OK) {
    reply_error(rq, e);
    return;
  }
  if (w->fail != SCEP_NOFAIL)
    log_warn(cx, "SCEP request refused", LOG_S("why", w->why), LOG_I("fail_info", w->fail),
             LOG_S("peer", route_peer(rq)));
  http_reply(rq, 200, "application/x-pki-message", der);
}

static enum err begin(struct ctx *cx, struct core *core, struct slice message, struct scep_work *w) {
  struct db *reader;
  TRY(db_reader(cx, core->store, &reader));
  return scep_begin(cx, core, reader, message, w);
}

static void operation(struct http_req *rq, struct core *core, struct slice message) {
  struct ctx *cx = http_cx(rq);
  struct scep_work *w = ctx_alloc(cx, sizeof *w);
  enum err e = message.n > MESSAGE_MAX ? FAIL(cx, E_TOO_LARGE, "the message is larger than %d bytes", MESSAGE_MAX)
                                       : begin(cx, core, message, w);
  w->address = route_peer(rq);
  if (e != OK || w->fail != SCEP_NOFAIL)
    finished(rq, w, e);
  else
    route_write(rq, core, scep_commit, w, finished);
}

static void get_ca_caps(struct http_req *rq, struct core *core) {
  http_reply(rq, 200, "text/plain", slice_of(scep_capabilities(core)));
}

static void get_ca_cert(struct http_req *rq, struct core *core) {
  http_reply(rq, 200, "application/x-x509-ca-cert", scep_ca_der(core));
}

/* macOS leaves '+' and '/' of the base64 unescaped in the query, so '+' is never a space here. Some clients repeat the
   message in the query of a POST: then the body counts. */
static void pki_operation(struct http_req *rq, struct core *core) {
  struct slice der = http_body(rq);
  bool get = slice_is(slice_of(http_method(rq)), "GET");
  enum err e = OK;
  if (get) e = dec_base64(http_cx(rq), http_query(rq, "message"), &der);
  if (e == OK && der.n == 0) e = FAIL(http_cx(rq), E_INVALID, "the message is empty");
  if (e != OK)
    reply_error(rq, e);
  else
    operation(rq, core, der);
}

static const struct {
  const char *name;
  void (*run)(struct http_req *rq, struct core *core);
} operations[] = {{"GetCACaps", get_ca_caps}, {"GetCACert", get_ca_cert}, {"PKIOperation", pki_operation}};

static void scep(struct http_req *rq, struct core *core) {
  struct slice name = http_query(rq, "operation");
  for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
    if (name.p && slice_is(name, operations[i].name)) {
      operations[i].run(rq, core);
      return;
    }
  reply_error(rq, FAIL(http_cx(rq), E_INVALID, "unknown operation"));
}

/* The challenge travels encrypted, but a query is nothing for a log. */
const struct route scep_routes[] = {
    {.method = "GET,POST", .pattern = "/scep", .body_max = MESSAGE_MAX, .flags = ROUTE_QUIET, .run = scep},
    {.method = "GET,POST", .pattern = "/scep/*", .body_max = MESSAGE_MAX, .flags = ROUTE_QUIET, .run = scep},
    {.method = NULL},
};
