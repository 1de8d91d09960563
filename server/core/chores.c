#include "core/chores.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "core/checkin.h"
#include "core/guard.h"
#include "core/history.h"
#include "core/queue.h"
#include "core/renewal.h"
#include "core/webhook.h"

#include <stdlib.h>

enum {
  CHUNK = 150, /* rows a job: check-ins pass between */
  FIRST_S = 5  /* after the start, when those who waited for the server have come */
};

static enum err expire_job(struct ctx *cx, struct db *db, void *arg) {
  return queue_expire(cx, db, clock_now_us(), CHUNK, arg);
}

static enum err expire_commands(struct ctx *cx, struct core *core) {
  int64_t n = CHUNK;
  while (n == CHUNK) TRY(db_call(cx, core->store, expire_job, &n));
  return OK;
}

struct takeover_work {
  struct core *core;
  const struct enroll_takeover *takeover;
};

static enum err takeover_job(struct ctx *cx, struct db *db, void *arg) {
  const struct takeover_work *w = arg;
  bool came;
  TRY(enroll_takeover_check(cx, db, w->core, w->takeover->generation, clock_now_us(), &came));
  return came ? checkin_in_force(cx, db, w->core, w->takeover->device, "re-enrolled") : OK;
}

static enum err check_takeovers(struct ctx *cx, struct core *core) {
  struct db *db;
  struct enroll_takeover *all;
  size_t n;
  TRY(db_reader(cx, core->store, &db));
  TRY(enroll_takeovers(cx, db, core, 0, &all, &n));
  for (size_t i = 0; i < n; i++) TRY(db_call(cx, core->store, takeover_job, &(struct takeover_work){core, &all[i]}));
  return OK;
}

/* A new chore is a row here and a function of its module. */
static const struct chore {
  const char *name;
  int64_t every_us;
  enum err (*run)(struct ctx *cx, struct core *core);
} rows[] = {
    {"expired commands", 30 * US_SECOND, expire_commands},   {"history", US_HOUR, history_chore},
    {"takeovers", 5 * US_SECOND, check_takeovers},           {"staged roots", 20 * US_SECOND, guard_stage_chore},
    {"former addresses", 15 * US_MINUTE, guard_probe_chore}, {"renewal of identities", 10 * US_SECOND, renewal_chore},
    {"webhook messages", US_MINUTE, webhook_tidy},
};
enum { ROWS = sizeof rows / sizeof *rows };

struct chores {
  struct core *core;
  pthread_mutex_t lock;
  pthread_cond_t stop;
  pthread_t thread;
  bool stopping;
  int64_t due[ROWS]; /* monotonic */
};

static void run_row(struct core *core, int i) {
  struct ctx *cx = ctx_new();
  if (rows[i].run(cx, core) != OK && !atomic_load(&core->ending))
    log_failure(LOG_WARN, cx, ctx_printf(cx, "a chore failed: %s", rows[i].name));
  ctx_free(cx);
}

void chores_run(struct core *core) {
  for (int i = 0; i < ROWS; i++) run_row(core, i);
}

static int next_row(const struct chores *c) {
  int next = 0;
  for (int i = 1; i < ROWS; i++)
    if (c->due[i] < c->due[next]) next = i;
  return next;
}

/* Waits until the next one is due; -1: it is over. */
static int wait_next(struct chores *c) {
  pthread_mutex_lock(&c->lock);
  int next = next_row(c);
  while (!c->stopping && clock_mono_us() < c->due[next]) cond_wait_until(&c->stop, &c->lock, c->due[next]);
  bool stopping = c->stopping;
  pthread_mutex_unlock(&c->lock);
  return stopping ? -1 : next;
}

static void *run(void *arg) {
  struct chores *c = arg;
  for (int i; (i = wait_next(c)) >= 0;) {
    run_row(c->core, i);
    c->due[i] = clock_mono_us() + rows[i].every_us;
  }
  return NULL;
}

enum err chores_start(struct ctx *cx, struct chores **out, struct core *core) {
  (void)cx;
  struct chores *c = mem_alloc(sizeof *c);
  *c = (struct chores){.core = core};
  for (int i = 0; i < ROWS; i++) c->due[i] = clock_mono_us() + FIRST_S * US_SECOND;
  pthread_mutex_init(&c->lock, NULL);
  cond_init(&c->stop);
  c->thread = thread_start("chores", run, c);
  *out = c;
  return OK;
}

void chores_stop(struct chores *c) {
  if (!c) return;
  pthread_mutex_lock(&c->lock);
  c->stopping = true;
  pthread_cond_signal(&c->stop);
  pthread_mutex_unlock(&c->lock);
  thread_join(c->thread);
  pthread_mutex_destroy(&c->lock);
  pthread_cond_destroy(&c->stop);
  free(c);
}
