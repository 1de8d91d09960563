#include "lib/db_int.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More in one transaction gains nothing and delays the first of them. */
enum { BATCH = 256 };

struct db_writer {
  struct db *db;
  struct ctx *cx; /* the writer's own: BEGIN, COMMIT */
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t filled, rested;
  struct note *head, **tail;
  bool stopping, resting; /* resting: all that was taken is answered */
  char trouble[256];      /* of the last commit; empty when it went well */
  int64_t trouble_at;
};

/* A job's outcome while its transaction is open. */
struct outcome {
  struct db_job *job;
  enum err e;
  struct db_after *after;
};

static size_t take(struct db_writer *w, struct outcome *out) {
  size_t n = 0;
  pthread_mutex_lock(&w->lock);
  w->resting = !w->head;
  if (w->resting) pthread_cond_broadcast(&w->rested);
  while (!w->head && !w->stopping) pthread_cond_wait(&w->filled, &w->lock);
  w->resting = false;
  for (; w->head && n < BATCH; n++) {
    out[n] = (struct outcome){.job = (struct db_job *)w->head};
    w->head = w->head->next;
  }
  if (!w->head) w->tail = &w->head;
  pthread_mutex_unlock(&w->lock);
  return n;
}

static void drop_after(struct db_after *a) {
  while (a) {
    struct db_after *next = a->next;
    free(a);
    a = next;
  }
}

static void run_after(struct db_after *a) {
  if (!a) return;
  run_after(a->next); /* the list is newest first */
  a->run(a->arg);
  free(a);
}

static enum err run_job(struct db_writer *w, struct outcome *o) {
  struct ctx *cx = o->job->cx;
  TRY(db_run(cx, w->db, "SAVEPOINT job"));
  o->e = o->job->fn(cx, w->db, o->job->arg);
  o->after = *db_after_list(w->db);
  *db_after_list(w->db) = NULL;
  if (!db_in_transaction(w->db)) return FAIL(cx, E_STORAGE, "the transaction was rolled back by the database");
  if (o->e != OK) {
    drop_after(o->after);
    o->after = NULL;
    TRY(db_run(w->cx, w->db, "ROLLBACK TO job"));
  }
  return db_run(w->cx, w->db, "RELEASE job");
}

#ifdef POMONA_TEST_HOOKS
/* Lets the durability test show that it can fail: answers leave before their commit. */
static bool answer_early(void) { return getenv("POMONA_TEST_ANSWER_EARLY") != NULL; }
#else
static bool answer_early(void) { return false; }
#endif

static void answer(struct outcome *o) {
  if (o->job) o->job->done(o->job, o->e);
  o->job = NULL;
}

static enum err transaction(struct db_writer *w, struct outcome *batch, size_t n) {
  TRY(db_run(w->cx, w->db, "BEGIN IMMEDIATE"));
  for (size_t i = 0; i < n; i++) TRY(run_job(w, &batch[i]));
  for (size_t i = 0; answer_early() && i < n; i++) {
    run_after(batch[i].after); /* its arguments live in the job's context, which goes with the answer */
    batch[i].after = NULL;
    answer(&batch[i]);
  }
  return db_run(w->cx, w->db, "COMMIT");
}

static void set_trouble(struct db_writer *w, const char *text) {
  pthread_mutex_lock(&w->lock);
  bool changed = (w->trouble[0] != '\0') != (text[0] != '\0');
  snprintf(w->trouble, sizeof w->trouble, "%s", text);
  if (changed) w->trouble_at = text[0] ? clock_now_us() : 0;
  pthread_mutex_unlock(&w->lock);
  if (changed && text[0]) log_error(NULL, "the database cannot be written", LOG_S("detail", text));
  if (changed && !text[0]) log_info(NULL, "the database can be written again");
}

/* Nothing of the batch is on disk: everyone is told so and may ask again. */
static void fail_batch(struct db_writer *w, struct outcome *batch, size_t n) {
  struct ctx *own = ctx_new();
  if (db_in_transaction(w->db) && db_run(own, w->db, "ROLLBACK") != OK) log_failure(LOG_ERROR, own, "rollback failed");
  ctx_free(own);
  set_trouble(w, ctx_error(w->cx) != OK ? ctx_error_text(w->cx) : "the transaction was rolled back");
  for (size_t i = 0; i < n; i++) {
    drop_after(batch[i].after);
    batch[i].after = NULL;
    if (batch[i].job && batch[i].e == OK)
      batch[i].e = FAIL(batch[i].job->cx, E_STORAGE, "not written: %s", ctx_error_text(w->cx));
  }
}

static void *run(void *arg) {
  struct db_writer *w = arg;
  struct outcome *batch = mem_alloc(BATCH * sizeof *batch);
  size_t n;
  while ((n = take(w, batch))) {
    ctx_reset(w->cx);
    int64_t before = db_changes(w->db);
    if (transaction(w, batch, n) == OK) {
      if (db_changes(w->db) != before) set_trouble(w, ""); /* what writes nothing proves nothing */
      for (size_t i = 0; i < n; i++) run_after(batch[i].after);
      db_tell_commit(w->db);
    } else {
      fail_batch(w, batch, n);
    }
    for (size_t i = 0; i < n; i++) answer(&batch[i]);
  }
  free(batch);
  return NULL;
}

struct db_writer *db_writer_start(struct db *db) {
  struct db_writer *w = mem_alloc(sizeof *w);
  *w = (struct db_writer){.db = db, .cx = ctx_new()};
  w->tail = &w->head;
  pthread_mutex_init(&w->lock, NULL);
  cond_init(&w->filled);
  cond_init(&w->rested);
  w->thread = thread_start("writer", run, w);
  return w;
}

void db_writer_stop(struct db_writer *w) {
  pthread_mutex_lock(&w->lock);
  w->stopping = true;
  pthread_cond_signal(&w->filled);
  pthread_mutex_unlock(&w->lock);
  thread_join(w->thread);
  pthread_mutex_destroy(&w->lock);
  pthread_cond_destroy(&w->filled);
  pthread_cond_destroy(&w->rested);
  ctx_free(w->cx);
  free(w);
}

void db_writer_post(struct db_writer *w, struct db_job *job) {
  job->note.next = NULL;
  pthread_mutex_lock(&w->lock);
  if (!w->head) pthread_cond_signal(&w->filled);
  *w->tail = &job->note;
  w->tail = &job->note.next;
  pthread_mutex_unlock(&w->lock);
}

void db_writer_settle(struct db_writer *w) {
  pthread_mutex_lock(&w->lock);
  while (w->head || !w->resting) pthread_cond_wait(&w->rested, &w->lock);
  pthread_mutex_unlock(&w->lock);
}

enum err db_writer_health(struct ctx *cx, struct db_writer *w) {
  pthread_mutex_lock(&w->lock);
  char *text = w->trouble[0] ? ctx_strdup(cx, w->trouble) : NULL;
  pthread_mutex_unlock(&w->lock);
  return text ? FAIL(cx, E_STORAGE, "%s", text) : OK;
}

int64_t db_writer_trouble_since(struct db_writer *w) {
  pthread_mutex_lock(&w->lock);
  int64_t at = w->trouble_at;
  pthread_mutex_unlock(&w->lock);
  return at;
}
