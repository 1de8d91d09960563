/* The threads of one receiver: each has enrollments of its own, so that one that is slow holds up few others. */
#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "core/vault.h"
#include "core/webhook_int.h"

#include <stdlib.h>

/* A batch is what is sent again after a crash. */
enum { LANES = 16, BATCH = 32, IN_A_ROW = 16, BATCH_MS = 200 };
enum { REFUSALS_MAX = 20, DEAD_HOURS = 24 };
static const int64_t backoff_first = US_SECOND, backoff_most = 10 * US_MINUTE;

struct worker {
  struct hook *hook;
  int index;
  struct sender sender;
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t news;
  bool told;
};

/* Results on their way to the writer. */
struct batch {
  struct hook *hook;
  struct result rows[BATCH];
  size_t n;
  int64_t since; /* monotonic */
};

/* ---- results ---- */

/* With a fifth more or less, so that enrollments do not keep step. */
static int64_t backoff(int64_t failures) {
  int64_t span = backoff_first;
  uint32_t random;
  while (--failures > 0 && span < backoff_most) span *= 2;
  if (span > backoff_most) span = backoff_most;
  secret_random(&random, sizeof random);
  return span * 4 / 5 + (int64_t)random % (span * 2 / 5);
}

/* A message that is refused for good must not hold up the next; a receiver that is away takes none of them. */
static enum err settle(struct ctx *cx, struct db *db, const struct hook *h, const struct result *r) {
  int64_t failures = r->attempt.ok || (r->dead && r->attempt.status) ? 0 : r->lane->failures + 1;
  TRY(webhook_result(cx, db, r));
  TRY(webhook_lane_set(cx, db, h->seq, r->lane->enrollment, failures, r->at + (failures ? backoff(failures) : 0)));
  if (!r->dead) return OK;
  return webhook_tell_dead(cx, db, h->seq, r->attempt.error);
}

static enum err results_job(struct ctx *cx, struct db *db, void *arg) {
  const struct batch *b = arg;
  const struct result *good = NULL, *bad = NULL;
  for (size_t i = 0; i < b->n; i++) {
    TRY(settle(cx, db, b->hook, &b->rows[i]));
    *(b->rows[i].attempt.ok ? &good : &bad) = &b->rows[i];
  }
  if (good) TRY(webhook_hook_result(cx, db, b->hook->seq, good->at, NULL));
  return bad ? webhook_hook_result(cx, db, b->hook->seq, bad->at, bad->attempt.error) : OK;
}

static enum err flush(struct ctx *cx, struct batch *b) {
  enum err e = b->n ? db_call(cx, b->hook->core->store, results_job, b) : OK;
  b->n = 0;
  b->since = clock_mono_us();
  return e;
}

static void add(struct batch *b, const struct lane *l, const struct delivery *d, const struct attempt *a) {
  struct result *r = &b->rows[b->n++];
  *r = (struct result){.lane = l, .delivery = *d, .attempt = *a, .at = clock_now_us()};
  if (a->ok) return;
  r->delivery.refusals += a->status != 0;
  int64_t first = d->first_at ? d->first_at : r->at;
  r->dead = r->delivery.refusals >= REFUSALS_MAX || r->at - first >= DEAD_HOURS * US_HOUR;
}

/* ---- sending ---- */

static enum err load(struct ctx *cx, struct db *db, struct core *core, const struct delivery *d, struct slice *body) {
  struct webhook_message m;
  struct slice sealed;
  TRY(webhook_message_load(cx, db, d->message, &m, &sealed));
  if (sealed.p)
    TRY(vault_unseal(cx, core->vault, ctx_printf(cx, "webhook_message.payload %s", m.event_id), sealed, &m.payload));
  *body = webhook_body(cx, &m);
  return OK;
}

/* Messages are large: each has a context of its own. The error's text is handed over to cx. */
static enum err send_one(struct ctx *cx, struct worker *k, struct db *db, const struct delivery *d,
                         struct attempt *out) {
  struct ctx *own = ctx_new();
  struct slice body;
  enum err e = load(own, db, k->hook->core, d, &body);
  if (e == OK) sender_post(own, &k->sender, k->hook->url, body, out);
  if (e == OK) out->error = ctx_strdup(cx, out->error);
  if (e != OK) log_failure(LOG_ERROR, own, "a webhook message cannot be read");
  if (e != OK) *out = (struct attempt){.e = e, .error = "it cannot be read from the database"};
  ctx_free(own);
  return OK;
}

/* Sends what the lane has, one after the other, until one fails. */
static enum err work_lane(struct ctx *cx, struct worker *k, struct db *db, struct batch *b, struct lane *l) {
  struct delivery *rows;
  size_t n;
  TRY(webhook_lane_due(cx, db, k->hook, l->enrollment, IN_A_ROW, &rows, &n));
  for (size_t i = 0; i < n; i++) {
    struct attempt a = {0};
    TRY(send_one(cx, k, db, &rows[i], &a));
    if (a.e == E_GONE && atomic_load(&k->hook->stop)) return OK; /* broken off: no attempt */
    add(b, l, &rows[i], &a);
    if (b->n == BATCH || clock_mono_us() - b->since > BATCH_MS * INT64_C(1000)) TRY(flush(cx, b));
    if (!a.ok) return OK;
    l->failures = 0;
  }
  return OK;
}

/* *next: when there is something to do again. */
static enum err work(struct ctx *cx, struct worker *k, int64_t *next) {
  struct db *db;
  struct lane *lanes;
  size_t n;
  struct batch b = {.hook = k->hook, .since = clock_mono_us()};
  TRY(db_reader(cx, k->hook->core->store, &db));
  TRY(webhook_lanes(cx, db, k->hook, k->index, LANES, &lanes, &n));
  if (n == 0) return webhook_lane_next(cx, db, k->hook, k->index, next);
  for (size_t i = 0; i < n && !atomic_load(&k->hook->stop); i++) TRY(work_lane(cx, k, db, &b, &lanes[i]));
  *next = clock_now_us();
  return flush(cx, &b);
}

/* ---- the thread ---- */

static void await(struct worker *k, int64_t next) {
  int64_t span = next - clock_now_us();
  if (span > US_MINUTE) span = US_MINUTE;
  pthread_mutex_lock(&k->lock);
  int64_t until = clock_mono_us() + span;
  while (!k->told && !atomic_load(&k->hook->stop) && clock_mono_us() < until)
    cond_wait_until(&k->news, &k->lock, until);
  k->told = false;
  pthread_mutex_unlock(&k->lock);
}

static void *run(void *arg) {
  struct worker *k = arg;
  struct ctx *cx = ctx_new();
  while (!atomic_load(&k->hook->stop)) {
    int64_t next = INT64_MAX;
    if (work(cx, k, &next) != OK) {
      log_failure(LOG_WARN, cx, "webhooks wait: the database is not to be had");
      next = clock_now_us() + US_SECOND;
    }
    await(k, next);
    ctx_reset(cx);
  }
  sender_close(&k->sender);
  ctx_free(cx);
  return NULL;
}

void hook_start(struct hook *h) {
  for (int i = 0; i < WEBHOOK_WORKERS; i++) {
    struct worker *k = h->workers[i] = mem_alloc(sizeof *k);
    *k = (struct worker){.hook = h, .index = i, .sender = {.core = h->core, .stop = &h->stop}};
    pthread_mutex_init(&k->lock, NULL);
    cond_init(&k->news);
    k->thread = thread_start("webhook", run, k);
  }
}

static void tell(struct worker *k) {
  pthread_mutex_lock(&k->lock);
  k->told = true;
  pthread_cond_signal(&k->news);
  pthread_mutex_unlock(&k->lock);
}

void hook_told(struct hook *h, int worker) { tell(h->workers[worker]); }

void hook_stop(struct hook *h) {
  atomic_store(&h->stop, true);
  for (int i = 0; i < WEBHOOK_WORKERS; i++) tell(h->workers[i]);
  for (int i = 0; i < WEBHOOK_WORKERS; i++) {
    struct worker *k = h->workers[i];
    thread_join(k->thread);
    pthread_mutex_destroy(&k->lock);
    pthread_cond_destroy(&k->news);
    free(k);
  }
  free(h->url);
  free(h);
}
