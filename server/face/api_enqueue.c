/* Commands and pushes for many channels at once. */
#include "base/clock.h"
#include "base/map.h"
#include "core/enroll.h"
#include "core/queue.h"
#include "face/api_int.h"

enum { CHUNK = 150 }; /* a job of the writer stays below 5 ms */

/* What may be told of one target, while the others go on. */
static bool of_one_target(enum err e) { return e == E_NOT_FOUND || e == E_CONFLICT || e == E_INVALID; }

static void refuse(struct ctx *cx, struct enqueue_target *t, enum err e) {
  t->e = e;
  t->error = ctx_strdup(cx, ctx_error_text(cx));
  ctx_clear_error(cx);
}

static enum err queue_one(struct ctx *cx, struct db *db, struct enqueue *q, struct enqueue_target *t,
                          int64_t *enrollment) {
  char *id;
  TRY(enroll_lookup(cx, db, t->name, enrollment, &id));
  t->id = id;
  if (t->refused) return FAIL(cx, E_CONFLICT, "%s", t->refused);
  return q->command ? queue_add(cx, db, q->core, q->row, q->command, *enrollment) : OK;
}

static enum err wake_one(struct ctx *cx, struct db *db, struct enqueue *q, struct enqueue_target *t,
                         int64_t enrollment) {
  struct push_result *result = &q->results[q->results_n];
  *result = (struct push_result){.enrollment = enrollment};
  TRY(push_due(cx, db, q->core, enrollment, PUSH_ASKED, 0, result->apns_id, &t->push_error));
  if (t->push_error) return OK;
  t->due = true;
  t->push = result;
  q->results_n++;
  return OK;
}

static enum err chunk(struct ctx *cx, struct db *db, void *arg) {
  struct enqueue *q = arg;
  if (q->next == 0 && q->command) TRY(queue_command(cx, db, q->core, q->command, route_who(q->rq), &q->row));
  for (size_t i = q->next; i < q->chunk_end; i++) {
    struct enqueue_target *t = &q->targets[i];
    int64_t enrollment = 0;
    enum err e = queue_one(cx, db, q, t, &enrollment);
    if (e != OK && !of_one_target(e)) return e;
    if (e != OK)
      refuse(cx, t, e);
    else if (q->push)
      TRY(wake_one(cx, db, q, t, enrollment));
  }
  return q->command && q->chunk_end == q->n ? queue_command_unused(cx, db, q->row) : OK;
}

static void waited(void *arg) {
  struct enqueue *q = arg;
  q->done(q, OK);
}

static bool may_wait(const struct enqueue *q) { return q->push && q->wait_us > 0 && q->core->push; }

static void after_queueing(struct enqueue *q) {
  if (may_wait(q) && q->results_n > 0)
    push_wait(q->core->push, q->results, q->results_n, clock_mono_us() + q->wait_us, waited, q);
  else
    q->done(q, OK);
}

static void post_chunk(struct enqueue *q);

/* A chunk that failed undid itself: with the first one everything has failed, later ones are told of target by target.
 */
static void chunk_done(struct enqueue *q, enum err e) {
  if (e != OK && q->next == 0) {
    q->done(q, e);
    return;
  }
  for (size_t i = q->next; e != OK && i < q->chunk_end; i++) {
    if (q->targets[i].due) q->results_n--;
    q->targets[i] = (struct enqueue_target){.name = q->targets[i].name, .e = e, .error = err_text(e)};
  }
  q->next = q->chunk_end;
  if (q->next < q->n)
    post_chunk(q);
  else
    after_queueing(q);
}

static void one_of_many(struct db_job *job, enum err e) { chunk_done(job->arg, e); }

static void post_chunk(struct enqueue *q) {
  q->chunk_end = q->n - q->next > CHUNK ? q->next + CHUNK : q->n;
  q->job = (struct db_job){.cx = http_cx(q->rq), .fn = chunk, .done = one_of_many, .arg = q};
  db_post(q->core->store, &q->job);
}

/* The only chunk, whose answer waits for nobody: it is recorded in the same transaction. */
static void all_at_once(struct http_req *rq, void *arg, enum err e) {
  struct enqueue *q = arg;
  (void)rq;
  if (e != OK) q->next = 0;
  chunk_done(q, e);
}

static void post_all(struct enqueue *q) {
  q->chunk_end = q->n;
  route_write(q->rq, q->core, chunk, q, all_at_once);
}

/* A target named twice is one. */
static void drop_repeats(struct enqueue *q) {
  struct map *names = map_new();
  size_t kept = 0;
  for (size_t i = 0; i < q->n; i++)
    if (!map_put(names, slice_of(q->targets[i].name), q)) q->targets[kept++] = q->targets[i];
  q->n = kept;
  map_free(names, NULL);
}

void enqueue_start(struct enqueue *q) {
  drop_repeats(q);
  q->results = ctx_alloc(http_cx(q->rq), (q->n + 1) * sizeof *q->results);
  if (q->n <= CHUNK && !may_wait(q))
    post_all(q);
  else
    post_chunk(q);
}
