/* Writes: what is asked for, the record of it and the answer that is kept for its key are one transaction; the answer
   leaves when that is on disk. */
#include "face/router_int.h"

#include "base/secret.h"

struct write {
  struct db_job job;
  struct http_req *rq;
  enum err (*fn)(struct ctx *cx, struct db *db, void *arg);
  void (*then)(struct http_req *rq, void *arg, enum err e);
  void *arg;
  size_t headers;                   /* of the answer, before `then` */
  struct write *next;               /* what `then` goes on with, instead of an answer */
  struct idempotency_answer answer; /* status 0: none was given yet */
};

static bool is_recorded(struct http_req *rq) { return router_state(rq)->once || router_is_act(rq); }

static enum err record(struct ctx *cx, struct db *db, struct write *w) {
  if (router_is_act(w->rq)) TRY(router_audit_add(cx, db, w->rq, w->answer.status));
  return router_state(w->rq)->once ? once_keep(cx, db, w->rq, &w->answer) : OK;
}

static void hold(struct write *w, const struct idempotency_answer *a) {
  struct ctx *cx = http_cx(w->rq);
  w->answer = *a;
  w->answer.type = ctx_strdup(cx, a->type);
  w->answer.body.p = secret_in(cx, ctx_memdup(cx, a->body.p, a->body.n), a->body.n);
}

static void send(struct write *w) { http_reply(w->rq, w->answer.status, w->answer.type, w->answer.body); }

static enum err job(struct ctx *cx, struct db *db, void *arg) {
  struct write *w = arg;
  TRY(w->fn(cx, db, w->arg));
  if (!is_recorded(w->rq)) return OK;
  router_state(w->rq)->write = w;
  w->then(w->rq, w->arg, OK);
  router_state(w->rq)->write = NULL;
  return w->answer.status ? record(cx, db, w) : OK;
}

/* What was answered in a job that came to nothing is taken back. */
static void written(struct db_job *done, enum err e) {
  struct write *w = (struct write *)done; /* the job is its first member */
  if (e == OK && w->next) {
    db_post(router_state(w->rq)->router->core->store, &w->next->job);
  } else if (e == OK && w->answer.status) {
    send(w);
  } else {
    http_unset_headers(w->rq, w->headers);
    w->then(w->rq, w->arg, e);
  }
}

void route_write(struct http_req *rq, struct core *core, enum err (*fn)(struct ctx *cx, struct db *db, void *arg),
                 void *arg, void (*then)(struct http_req *rq, void *arg, enum err e)) {
  struct write *w = ctx_alloc(http_cx(rq), sizeof *w), *running = router_state(rq)->write;
  *w = (struct write){.job = {.cx = http_cx(rq), .fn = job, .done = written, .arg = w},
                      .rq = rq,
                      .fn = fn,
                      .then = then,
                      .arg = arg,
                      .headers = http_headers_set(rq)};
  if (running)
    running->next = w;
  else
    db_post(core->store, &w->job);
}

/* ---- an answer that no job of route_write gave ---- */

static enum err record_job(struct ctx *cx, struct db *db, void *arg) { return record(cx, db, arg); }

/* What was done is done, whether it can be recorded or not; the database tells of its trouble by itself. */
static void recorded(struct db_job *done, enum err e) {
  struct write *w = (struct write *)done;
  if (e != OK && w->answer.status >= 500 && router_state(w->rq)->once) once_not_forgotten(w->rq);
  send(w);
}

void router_answer(struct http_req *rq, const struct idempotency_answer *a) {
  struct routed *r = router_state(rq);
  if (r->write) {
    hold(r->write, a);
    return;
  }
  bool refused = r->in_head && router_is_act(rq);
  if (refused) router_audit_refusal(rq, a->status);
  if (refused || !is_recorded(rq)) {
    http_reply(rq, a->status, a->type, a->body);
    return;
  }
  struct write *w = ctx_alloc(http_cx(rq), sizeof *w);
  *w = (struct write){.job = {.cx = http_cx(rq), .fn = record_job, .done = recorded, .arg = w}, .rq = rq};
  hold(w, a);
  db_post(r->router->core->store, &w->job);
}
