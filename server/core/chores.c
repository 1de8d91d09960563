#include "core/doctor.h"
#include "core/chores.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "core/audit.h"
#include "core/calendar.h"
#include "core/checkin.h"
#include "core/guard.h"
#include "core/guardian.h"
#include "core/history.h"
#include "core/idempotency.h"
#include "core/inventory.h"
#include "core/login.h"
#include "core/move.h"
#include "core/notice.h"
#include "core/plan.h"
#include "core/push.h"
#include "core/queue.h"
#include "core/recovery.h"
#include "core/renewal.h"
#include "core/webhook.h"
#include "core/why.h"

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

/* Those that ask others may have to wait for them: they do so on a thread of their own; and so do notices, which mail
   servers may hold up while others are asked. */
enum lane { OWN, ASKS, TELLS, LANES };

/* A new chore is a row here and a function of its module. */
static const struct chore {
  const char *name;
  int64_t every_us;
  enum lane lane;
  enum err (*run)(struct ctx *cx, struct core *core);
} rows[] = {
    // clang-format off
    {"expired commands", 30 * US_SECOND, OWN, expire_commands},
    {"plans of devices", US_SECOND, OWN, plan_chore},
    {"plans of the fleet", 15 * US_MINUTE, OWN, plan_all_chore},
    {"history", US_HOUR, OWN, history_chore},
    {"idempotency keys", US_HOUR, OWN, idempotency_chore},
    {"record of acts", US_HOUR, OWN, audit_chore},
    {"sessions", 10 * US_MINUTE, OWN, login_chore},
    {"takeovers", 5 * US_SECOND, OWN, check_takeovers},
    {"recovery after a late renewal", 5 * US_SECOND, OWN, recovery_chore},
    {"moves off a lost topic", 5 * US_SECOND, OWN, move_chore},
    {"late devices of a lost topic", US_MINUTE, OWN, move_late_chore},
    {"inventory", 10 * US_SECOND, OWN, inventory_chore},
    {"calendar", US_MINUTE, OWN, calendar_chore},
    {"staged roots", 20 * US_SECOND, OWN, guard_stage_chore},
    {"webhook messages", US_MINUTE, OWN, webhook_tidy},
    {"room on the disk", US_MINUTE, OWN, guard_disk_chore},
    {"addresses", 15 * US_MINUTE, ASKS, guard_probe_chore},
    {"clock", 5 * US_MINUTE, ASKS, guard_clock_chore},
    {"push certificates", 5 * US_MINUTE, ASKS, push_probe_chore},
    {"doctor", 10 * US_MINUTE, ASKS, doctor_chore},
    {"renewal of identities", 10 * US_SECOND, ASKS, renewal_chore},
    {"dates that end the service", 10 * US_MINUTE, OWN, guardian_chore},
    {"verdicts of the fleet", US_MINUTE, OWN, why_chore},
    {"notices", 2 * US_SECOND, TELLS, notice_deliver_chore},
    // clang-format on
};
enum { ROWS = sizeof rows / sizeof *rows };

struct worker {
  struct chores *chores;
  enum lane lane;
  pthread_t thread;
};

static void listen(struct core *core) {
  int64_t now = clock_now_us();
  enroll_listens(core, now, now - clock_mono_us());
}

struct chores {
  struct core *core;
  pthread_mutex_t lock;
  pthread_cond_t stop;
  bool stopping;
  int64_t due[ROWS]; /* monotonic; each is its lane's own */
  struct worker workers[LANES];
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

static int next_row(const struct worker *w) {
  int next = -1;
  for (int i = 0; i < ROWS; i++)
    if (rows[i].lane == w->lane && (next < 0 || w->chores->due[i] < w->chores->due[next])) next = i;
  return next;
}

/* Waits until the next one is due; -1: it is over. */
static int wait_next(const struct worker *w) {
  struct chores *c = w->chores;
  int next = next_row(w);
  pthread_mutex_lock(&c->lock);
  while (!c->stopping && clock_mono_us() < c->due[next]) cond_wait_until(&c->stop, &c->lock, c->due[next]);
  bool stopping = c->stopping;
  pthread_mutex_unlock(&c->lock);
  return stopping ? -1 : next;
}

static void *run(void *arg) {
  struct worker *w = arg;
  for (int i; (i = wait_next(w)) >= 0;) {
    listen(w->chores->core);
    run_row(w->chores->core, i);
    w->chores->due[i] = clock_mono_us() + rows[i].every_us;
  }
  return NULL;
}

enum err chores_start(struct ctx *cx, struct chores **out, struct core *core) {
  static const char *const names[LANES] = {[OWN] = "chores", [ASKS] = "chores-ask", [TELLS] = "chores-tell"};
  (void)cx;
  struct chores *c = mem_alloc(sizeof *c);
  *c = (struct chores){.core = core};
  for (int i = 0; i < ROWS; i++) c->due[i] = clock_mono_us() + FIRST_S * US_SECOND;
  listen(core);
  pthread_mutex_init(&c->lock, NULL);
  cond_init(&c->stop);
  for (int l = 0; l < LANES; l++) {
    c->workers[l] = (struct worker){.chores = c, .lane = (enum lane)l};
    c->workers[l].thread = thread_start(names[l], run, &c->workers[l]);
  }
  *out = c;
  return OK;
}

void chores_stop(struct chores *c) {
  if (!c) return;
  pthread_mutex_lock(&c->lock);
  c->stopping = true;
  pthread_cond_broadcast(&c->stop);
  pthread_mutex_unlock(&c->lock);
  for (int l = 0; l < LANES; l++) thread_join(c->workers[l].thread);
  pthread_mutex_destroy(&c->lock);
  pthread_cond_destroy(&c->stop);
  free(c);
}
