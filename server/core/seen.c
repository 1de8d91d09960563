#include "core/seen.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "core/enroll.h"
#include "core/push.h"
#include "core/roster.h"

#include <stdlib.h>
#include <string.h>

/* Commands that may be handed to one channel between two writes. */
enum { DELIVERIES = 8, CHUNK = 150 }; /* a chunk is a job: check-ins pass between */
enum { FLUSH_MS = 500, FORGET_MIN = 30, TIDY_EVERY_S = 30 };
/* User-Agents: a fleet has few different ones; what is longer, or beyond so many, is not remembered. Who goes from one
   to another and back within CLONE_MIN is two machines. */
enum { AGENT_MAX = 200, AGENTS_MAX = 1000, CLONE_MIN = 10 };
/* How soon a device is woken again that came, and for which commands still wait. */
static const int64_t wake_again_us = 5 * US_MINUTE;
/* The same, when it went away with nothing although something is queued: its poll ran beside the enqueue and missed it.
 */
static const int64_t wake_missed_us = US_SECOND;
/* The same, after a restart that it acknowledged: by then it is up again. */
static const int64_t wake_restarted_us = 3 * US_MINUTE;

struct entry {
  int64_t device; /* 0: not known yet */
  int64_t enrollment;
  int64_t session_start, seen_at, next;
  int64_t restarted_at; /* it acknowledged a restart last; 0: none */
  bool dirty;           /* seen_at is newer than what is stored */
  bool queued;          /* stands in the list of what is to be written */
  bool written;         /* its deliveries are in a job that is not committed yet */
  bool handed;          /* its last poll or report was answered with a command */
  const char *agent, *former,
      *stored;                /* User-Agents, of the map: now, before, and what the database has; may be NULL */
  int64_t agent_at, clone_at; /* since it has this one; two machines were seen then, 0: no */
  char address[64];
  int delivered;
  struct queue_delivery deliveries[DELIVERIES];
};

struct seen {
  struct core *core;
  pthread_mutex_t lock;
  struct ticker *ticker;
  struct map *entries; /* by enrollment */
  struct map *agents;  /* text: itself */
  size_t agents_n;
  int64_t *dirty; /* enrollments to be written */
  size_t dirty_n, dirty_cap;
  struct entry *room; /* for a chunk on its way; the ticker's, as is tidied_at */
  int64_t tidied_at;
};

static struct slice key_of(const int64_t *enrollment) { return slice_mem(enrollment, sizeof *enrollment); }

static struct entry *entry_of(struct seen *s, int64_t enrollment) {
  struct entry *e = map_get(s->entries, key_of(&enrollment));
  if (e) return e;
  e = mem_alloc(sizeof *e);
  e->enrollment = enrollment;
  map_put(s->entries, key_of(&enrollment), e);
  return e;
}

static void mark(struct seen *s, struct entry *e) {
  e->dirty = true;
  if (e->queued) return;
  e->queued = true;
  if (s->dirty_n == s->dirty_cap) {
    s->dirty_cap = s->dirty_cap ? 2 * s->dirty_cap : 256;
    s->dirty = mem_realloc(s->dirty, s->dirty_cap * sizeof *s->dirty);
  }
  s->dirty[s->dirty_n++] = e->enrollment;
}

/* The one text of it that lives as long as the ledger; NULL: it is not remembered. */
static const char *agent_of(struct seen *s, struct slice agent) {
  char *known = map_get(s->agents, agent);
  if (known || s->agents_n == AGENTS_MAX || !text_is_plain(agent)) return known;
  known = mem_alloc(agent.n + 1);
  memcpy(known, agent.p, agent.n);
  map_put(s->agents, agent, known);
  s->agents_n++;
  return known;
}

static void note_agent(struct seen *s, struct entry *e, int64_t now, struct slice agent) {
  if (agent.n == 0 || agent.n > AGENT_MAX || (e->agent && slice_is(agent, e->agent))) return;
  const char *text = agent_of(s, agent);
  if (!text) return;
  if (text == e->former && now - e->agent_at < CLONE_MIN * US_MINUTE) e->clone_at = now;
  e->former = e->agent;
  e->agent = text;
  e->agent_at = now;
}

int64_t seen_poll(struct seen *s, int64_t device, int64_t enrollment, int64_t now, bool idle,
                  const struct enroll_proof *proof) {
  pthread_mutex_lock(&s->lock);
  struct entry *e = entry_of(s, enrollment);
  e->device = device;
  if (idle || e->session_start == 0) e->session_start = now;
  e->seen_at = now;
  e->next = 0;
  e->handed = false;
  size_t n = strlen(proof->address);
  if (n < sizeof e->address) memcpy(e->address, proof->address, n + 1);
  note_agent(s, e, now, proof->agent);
  mark(s, e);
  int64_t start = e->session_start;
  pthread_mutex_unlock(&s->lock);
  return start;
}

void seen_sent(struct seen *s, int64_t enrollment, int64_t target, int64_t now, const uint8_t identity[32]) {
  pthread_mutex_lock(&s->lock);
  struct entry *e = entry_of(s, enrollment);
  int i = 0;
  e->handed = true;
  while (i < e->delivered && e->deliveries[i].target != target) i++;
  if (i < DELIVERIES) { /* a lost count costs one more delivery */
    if (i == e->delivered) e->deliveries[e->delivered++] = (struct queue_delivery){.target = target};
    e->deliveries[i].at = e->deliveries[i].session_start = now; /* an idle poll's: it begins the session */
    e->deliveries[i].times++;
    memcpy(e->deliveries[i].identity, identity, 32);
  }
  mark(s, e);
  pthread_mutex_unlock(&s->lock);
}

void seen_ended(struct seen *s, int64_t enrollment, int64_t next) {
  pthread_mutex_lock(&s->lock);
  struct entry *e = entry_of(s, enrollment);
  e->next = next;
  mark(s, e);
  pthread_mutex_unlock(&s->lock);
}

void seen_restarts(struct seen *s, int64_t enrollment, int64_t now) {
  pthread_mutex_lock(&s->lock);
  struct entry *e = entry_of(s, enrollment);
  e->restarted_at = now;
  mark(s, e);
  pthread_mutex_unlock(&s->lock);
}

void seen_handed(struct seen *s, int64_t enrollment) {
  pthread_mutex_lock(&s->lock);
  entry_of(s, enrollment)->handed = true;
  pthread_mutex_unlock(&s->lock);
}

bool seen_is_dirty(struct seen *s, int64_t enrollment) {
  pthread_mutex_lock(&s->lock);
  struct entry *e = map_get(s->entries, key_of(&enrollment));
  bool dirty = e && (e->delivered > 0 || e->written);
  pthread_mutex_unlock(&s->lock);
  return dirty;
}

/* A failed write is tried again; what came meanwhile is newer and stands. */
static void put_back(struct seen *s, const struct entry *taken) {
  pthread_mutex_lock(&s->lock);
  struct entry *e = entry_of(s, taken->enrollment);
  for (int i = 0; i < taken->delivered && e->delivered < DELIVERIES; i++)
    e->deliveries[e->delivered++] = taken->deliveries[i];
  if (e->clone_at < taken->clone_at) e->clone_at = taken->clone_at;
  e->stored = NULL;
  mark(s, e);
  pthread_mutex_unlock(&s->lock);
}

static enum err write_deliveries(struct ctx *cx, struct db *db, const struct entry *e) {
  for (int i = 0; i < e->delivered; i++) TRY(queue_sent(cx, db, &e->deliveries[i]));
  return OK;
}

/* When the device is to be woken again; 0: nothing waits for it. */
static enum err next_wake(struct ctx *cx, struct db *db, const struct entry *e, int64_t *next) {
  int64_t waiting, untouched, up = e->restarted_at ? e->restarted_at + wake_restarted_us : 0;
  TRY(queue_waiting(cx, db, e->enrollment, &waiting));
  *next = waiting ? e->next : 0;
  if (waiting && e->seen_at < up && (!e->next || e->next > up)) *next = up;
  if (!waiting || *next) return OK;
  TRY(queue_untouched(cx, db, e->enrollment, &untouched));
  *next = e->seen_at + (untouched && !e->handed ? wake_missed_us : wake_again_us);
  return OK;
}

static enum err write_entry(struct ctx *cx, struct db *db, struct core *core, const struct entry *e) {
  int64_t next;
  TRY(write_deliveries(cx, db, e));
  TRY(next_wake(cx, db, e, &next));
  TRY(enroll_touch(cx, db, e->enrollment, e->seen_at, e->address, e->agent != e->stored ? e->agent : NULL));
  if (e->clone_at)
    TRY(enroll_clone(cx, db, e->enrollment, e->clone_at, ctx_printf(cx, "%s and %s", e->former, e->agent)));
  if (roster_seen(core, e->device, e->enrollment, e->seen_at)) TRY(enroll_heard(cx, db, core, e->device));
  return push_seen(cx, db, core, e->enrollment, e->seen_at, next);
}

enum err seen_write(struct ctx *cx, struct db *db, struct seen *s, int64_t enrollment) {
  struct entry taken = {.enrollment = enrollment};
  pthread_mutex_lock(&s->lock);
  struct entry *e = map_get(s->entries, key_of(&enrollment));
  if (e && e->delivered) {
    taken = *e;
    e->delivered = 0;
  }
  pthread_mutex_unlock(&s->lock);
  enum err err = write_deliveries(cx, db, &taken);
  if (err != OK) put_back(s, &taken);
  return err;
}

/* ---- the thread ---- */

struct flush {
  struct seen *seen;
  struct entry *taken;
  size_t n;
};

static size_t take_chunk(struct seen *s, struct entry *out) {
  size_t n = 0;
  pthread_mutex_lock(&s->lock);
  while (n < CHUNK && s->dirty_n) {
    int64_t enrollment = s->dirty[--s->dirty_n];
    struct entry *e = map_get(s->entries, key_of(&enrollment));
    if (!e || !e->dirty) continue;
    out[n++] = *e;
    e->dirty = e->queued = false;
    e->written = e->delivered > 0;
    e->delivered = 0;
    e->stored = e->agent;
    e->clone_at = 0;
  }
  pthread_mutex_unlock(&s->lock);
  return n;
}

/* Taken here and no sooner: to the jobs before this one, a delivery is either still in memory or in the database. */
static enum err flush_job(struct ctx *cx, struct db *db, void *arg) {
  struct flush *f = arg;
  f->n = take_chunk(f->seen, f->taken);
  for (size_t i = 0; i < f->n; i++) TRY(write_entry(cx, db, f->seen->core, &f->taken[i]));
  return OK;
}

static bool is_due(struct seen *s) {
  pthread_mutex_lock(&s->lock);
  bool due = s->dirty_n > 0;
  pthread_mutex_unlock(&s->lock);
  return due;
}

/* Or put back. */
static void committed(struct flush *f) {
  pthread_mutex_lock(&f->seen->lock);
  for (size_t i = 0; i < f->n; i++) entry_of(f->seen, f->taken[i].enrollment)->written = false;
  pthread_mutex_unlock(&f->seen->lock);
}

static bool is_young(struct slice key, void *value, void *arg) {
  struct entry *e = value;
  (void)key;
  bool keep = e->queued || e->dirty || e->seen_at > *(int64_t *)arg;
  if (!keep) free(e);
  return keep;
}

static void flush(struct seen *s, struct entry *room) {
  struct ctx *cx = ctx_new();
  struct flush f = {.seen = s, .taken = room};
  for (enum err e = OK; e == OK && is_due(s); f.n = 0) {
    e = db_call(cx, s->core->store, flush_job, &f);
    if (e != OK) log_failure(LOG_WARN, cx, "what polls taught was not written");
    for (size_t i = 0; e != OK && i < f.n; i++) put_back(s, &room[i]);
    committed(&f);
    ctx_reset(cx);
  }
  ctx_free(cx);
}

static void tidy(struct seen *s) {
  int64_t before = clock_now_us() - FORGET_MIN * US_MINUTE;
  pthread_mutex_lock(&s->lock);
  map_filter(s->entries, is_young, &before);
  pthread_mutex_unlock(&s->lock);
}

/* A database that could not be written is tried again even when nobody wants anything written, so that trouble does not
   look like lasting when it has passed. */
static void probe(struct seen *s) {
  struct ctx *cx = ctx_new();
  if (db_health(cx, s->core->store) != OK) {
    ctx_clear_error(cx);
    if (db_probe(cx, s->core->store) != OK) ctx_clear_error(cx); /* the writer has logged it */
  }
  ctx_free(cx);
}

static void run(void *arg, bool last) {
  struct seen *s = arg;
  flush(s, s->room);
  if (last) return;
  probe(s);
  if (clock_mono_us() - s->tidied_at < TIDY_EVERY_S * US_SECOND) return;
  tidy(s);
  s->tidied_at = clock_mono_us();
}

enum err seen_start(struct ctx *cx, struct seen **out, struct core *core) {
  (void)cx;
  struct seen *s = mem_alloc(sizeof *s);
  *s = (struct seen){.core = core, .entries = map_new(), .agents = map_new(), .tidied_at = clock_mono_us()};
  s->room = mem_alloc(CHUNK * sizeof *s->room);
  pthread_mutex_init(&s->lock, NULL);
  s->ticker = ticker_start("seen", FLUSH_MS * 1000, run, s);
  *out = s;
  return OK;
}

void seen_stop(struct seen *s) {
  if (!s) return;
  ticker_stop(s->ticker);
  map_free(s->entries, free);
  map_free(s->agents, free);
  pthread_mutex_destroy(&s->lock);
  free(s->dirty);
  free(s->room);
  free(s);
}
