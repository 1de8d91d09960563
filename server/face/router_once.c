#include "face/outbound.h"
#include "face/router_int.h"
#include "lib/pki_crypto.h"

#include <string.h>

struct once {
  struct http_req *rq;
  struct idempotency_request request;
  struct idempotency_answer answer;
  struct core *core;
  bool first;
};

enum err once_wanted(struct http_req *rq, bool *yes) {
  struct slice key = http_header(rq, "Idempotency-Key");
  bool known = !(route_row(rq)->flags & ROUTE_OPEN); /* else it could be anybody's */
  *yes = key.p && known && strcmp(http_method(rq), "POST") == 0 && slice_starts(http_path(rq), "/api/v1/");
  if (!*yes || (key.n > 0 && key.n <= IDEMPOTENCY_KEY_MAX && text_is_plain(key))) return OK;
  return FAIL(http_cx(rq), E_INVALID, "Idempotency-Key is not from 1 to %d bytes of plain text", IDEMPOTENCY_KEY_MAX);
}

/* Parts are told apart by their lengths. */
static void digest(struct http_req *rq, uint8_t out[32]) {
  struct slice parts[] = {http_path(rq), http_query_raw(rq), http_body(rq)};
  struct buf all = {0};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    uint8_t one[SHA256_LEN];
    pki_sha256(one, parts[i]);
    buf_add(&all, one, sizeof one);
  }
  pki_sha256(out, slice_mem(all.p, all.n));
  buf_free(&all);
}

static void reply(struct http_req *rq, const struct idempotency_answer *a) {
  if (a->etag) http_set_header(rq, "ETag", a->etag);
  http_reply(rq, a->status, a->type, a->body);
}

static enum err begin_job(struct ctx *cx, struct db *db, void *arg) {
  struct once *o = arg;
  return idempotency_begin(cx, db, o->core, &o->request, &o->first, &o->answer);
}

static void begin(struct http_req *rq, struct core *core) {
  struct once *o = router_state(rq)->once;
  enum err e = db_call(http_cx(rq), core->store, begin_job, o);
  if (e == OK && o->first) {
    router_run(rq, core);
    return;
  }
  router_state(rq)->once = NULL; /* what is answered now is not the answer of the first one */
  if (e != OK) {
    reply_error(rq, e);
    return;
  }
  http_set_header(rq, "Idempotency-Replayed", "true");
  reply(rq, &o->answer);
}

enum err once_run(struct http_req *rq, struct core *core) {
  struct slice key = http_header(rq, "Idempotency-Key");
  struct once *o = ctx_alloc(http_cx(rq), sizeof *o);
  *o = (struct once){
      .rq = rq, .core = core, .request = {.key = ctx_memdup(http_cx(rq), key.p, key.n), .who = route_who(rq)}};
  digest(rq, o->request.digest);
  router_state(rq)->once = o;
  enum err e = outbound_run(rq, core, begin);
  if (e != OK) router_state(rq)->once = NULL;
  return e;
}

enum err once_keep(struct ctx *cx, struct db *db, struct http_req *rq, const struct idempotency_answer *answer) {
  struct once *o = router_state(rq)->once;
  struct idempotency_answer kept = *answer;
  kept.etag = router_state(rq)->etag;
  kept.reveals = (route_row(rq)->flags & ROUTE_REVEALS) && kept.status < 300;
  return idempotency_end(cx, db, o->core, &o->request, &kept);
}

void once_not_forgotten(struct http_req *rq) {
  struct once *o = router_state(rq)->once;
  idempotency_not_forgotten(http_cx(rq), o->core, &o->request);
}
