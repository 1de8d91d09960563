#include "core/history_int.h"

#include "base/clock.h"
#include "core/fact.h"
#include "lib/db.h"

enum { CHUNK = 150 }; /* rows a job: check-ins pass between */

struct forget {
  const char *sql;
  int64_t before, n;
};

static enum err forget_job(struct ctx *cx, struct db *db, void *arg) {
  struct forget *f = arg;
  return db_run_n(cx, db, &f->n, f->sql, DB_I(f->before), DB_I(CHUNK));
}

/* Nobody is told of events now: how far they were told once keeps none of them. */
static enum err forget_cursor(struct ctx *cx, struct db *db, void *arg) {
  (void)arg;
  return fact_write(cx, db, "webhook.event", NULL);
}

enum err history_chore(struct ctx *cx, struct core *core) {
  const struct core_conf *conf = core_conf(core);
  if (!conf->webhook_urls || !conf->webhook_all) TRY(db_call(cx, core->store, forget_cursor, NULL));
  struct forget f = {.before = clock_now_us() - core_conf(core)->history_us};
  for (const char *const *step = history_steps; *step; step++) {
    f.sql = *step;
    do TRY(db_call(cx, core->store, forget_job, &f));
    while (f.n == CHUNK);
  }
  return OK;
}
