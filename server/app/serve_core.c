#include "app/serve_int.h"

#include "base/log.h"
#include "core/chores.h"
#include "core/push.h"
#include "core/seen.h"
#include "lib/db.h"
#include "lib/pki_cms.h"

/* Remembered signers: an entry is a key and a chain's verdict, some 2 KB. */
enum { SIGNERS_MAX = 100000 };

static enum err start_threads(struct ctx *cx, struct server *s) {
  TRY(seen_start(cx, &s->core.seen, &s->core));
  enum err e = push_start(cx, &s->core.push, &s->core);
  if (e == OK && (e = chores_start(cx, &s->chores, &s->core)) != OK) push_stop(s->core.push);
  if (e != OK) seen_stop(s->core.seen);
  return e;
}

enum err serve_open_core(struct ctx *cx, struct server *s) {
  s->core.signers = pki_signers_new(SIGNERS_MAX);
  enum err e = start_threads(cx, s);
  if (e != OK) pki_signers_free(s->core.signers);
  return e;
}

static enum err nothing(struct ctx *cx, struct db *db, void *arg) {
  (void)cx, (void)db, (void)arg;
  return OK;
}

/* Jobs of requests that were cut off may still be queued, and tell the push thread: they come first. */
static void finish_jobs(struct server *s) {
  struct ctx *cx = ctx_new();
  if (db_call(cx, s->core.store, nothing, NULL) != OK) log_failure(LOG_WARN, cx, "the last jobs were not written");
  ctx_free(cx);
}

void serve_close_core(struct server *s) {
  chores_stop(s->chores);
  finish_jobs(s);
  push_stop(s->core.push);
  seen_stop(s->core.seen);
  pki_signers_free(s->core.signers);
}
