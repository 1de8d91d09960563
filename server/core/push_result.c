/* Answers: collected here, written in batches, and only then told to those who wait. */
#include "core/push_engine.h"

#include "base/clock.h"
#include "base/log.h"
#include "core/event.h"
#include "lib/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A job of the writer, and how many it may have at a time: while one is on its way to the disk, others are run. */
enum { BATCH = 256, BATCHES = 8 };

struct result {
  struct item *item;
  enum push_verdict verdict;
  bool dead_before;
  int64_t due_at;
};
struct batch {
  struct work w;
  struct push_hour tally;
  size_t n;
  struct result r[BATCH];
};

/* ---- on the push thread: what APNs said ---- */

enum apns_act result_read(struct push *p, struct item *i, int status, struct slice body) {
  i->a.status = status;
  i->a.answered_at = p->now;
  struct apns_said said = apns_said(p->cx, status == 200 ? slice_of("") : body);
  memcpy(i->a.reason, said.reason, sizeof i->a.reason);
  i->a.timestamp = said.timestamp;
  const struct apns_reason *known = apns_reason(status, i->a.reason);
  if (status != 200 && !i->a.reason[0]) snprintf(i->a.reason, sizeof i->a.reason, "%s", known->text);
  return known->act;
}

void result_add(struct push *p, struct item *i) {
  items_push(&p->answered, i);
  p->unwritten++;
}

/* ---- on the writer's thread ---- */

static enum err tell_dead(struct ctx *cx, struct db *db, const struct wake *w, const struct push_answer *a) {
  struct js *data = js_object(cx);
  js_set_int(data, "status", a->status);
  js_set_string(data, "reason", a->reason);
  return event_add(cx, db, "push.token-refused", w->id, data);
}

/* The usual answer to a row that nobody changed meanwhile. */
static enum err take_usual(struct ctx *cx, struct db *db, struct result *r, struct push_hour *tally, bool *done) {
  const struct push_answer *a = &r->item->a;
  r->due_at = a->sent_at + push_after(a->read.why, a->read.attempts + 1, a->answered_at - a->read.absent_since);
  r->verdict = PUSH_TAKEN;
  TRY(push_row_taken(cx, db, a, r->due_at, done));
  if (*done) tally->woken += a->read.taken == 0;
  return OK;
}

static enum err write_one(struct ctx *cx, struct db *db, struct result *r, struct push_hour *tally) {
  struct wake w;
  bool save, done = false;
  tally->pushed += r->item->a.read.attempts == 0;
  if (r->item->a.status == 200) TRY(take_usual(cx, db, r, tally, &done));
  if (done) return OK;
  enum err e = push_row(cx, db, r->item->a.enrollment, &w);
  if (e == E_NOT_FOUND) {
    ctx_clear_error(cx);
    r->verdict = PUSH_IGNORED;
    return OK;
  }
  TRY(e);
  r->dead_before = w.dead_at != 0;
  r->verdict = push_settle(cx, &w, &r->item->a, &save, tally);
  r->due_at = w.due_at;
  if (save) TRY(push_row_save(cx, db, &w));
  return r->verdict == PUSH_DEAD && !r->dead_before ? tell_dead(cx, db, &w, &r->item->a) : OK;
}

static enum err batch_fn(struct ctx *cx, struct db *db, struct work *w) {
  struct batch *b = (struct batch *)w;
  b->tally = (struct push_hour){0};
  for (size_t i = 0; i < b->n; i++) TRY(write_one(cx, db, &b->r[i], &b->tally));
  return b->tally.pushed || b->tally.woken ? push_hour_add(cx, db, clock_now_us(), &b->tally) : OK;
}

/* ---- on the push thread: written ---- */

static void written(struct push *p, const struct result *r) {
  struct item *i = r->item;
  int64_t enrollment = i->a.enrollment;
  bool again = i->again || r->verdict == PUSH_IGNORED;
  health_count(p, 0, 1, i->a.status != 200);
  if (!r->dead_before || r->verdict == PUSH_TAKEN) topic_answer(p, i->topic, &i->a, r->verdict);
  wait_answered(p, &i->a, r->verdict != PUSH_STILL);
  queue_due(p, r->due_at);
  item_free(p, i);
  if (again) queue_hint(p, enrollment);
}

static void batch_finish(struct push *p, struct work *w) {
  struct batch *b = (struct batch *)w;
  p->writing--;
  if (w->e != OK) {
    log_failure(LOG_ERROR, w->job.cx, "results of pushes could not be written; they will be");
    p->write_at = p->mono + p->tuning.write_retry;
    for (size_t i = b->n; i-- > 0;) items_push_front(&p->answered, b->r[i].item);
  } else {
    p->unwritten -= b->n;
    for (size_t i = 0; i < b->n; i++) written(p, &b->r[i]);
    topics_judge(p);
  }
  work_free(w);
}

/* Refusals of batches before a topic stopped were marked, and are unmarked by the stop; later ones are not marked at
 * all. */
static void flush(struct push *p) {
  struct batch *b = mem_alloc(sizeof *b);
  for (struct item *i; b->n < BATCH && (i = items_pop(&p->answered)); b->n++) {
    i->a.spare = i->topic->stopped_until > p->now;
    b->r[b->n] = (struct result){.item = i};
  }
  p->writing++;
  work_post(p, &b->w, batch_fn, batch_finish);
}

void results_flush(struct push *p) {
  while (p->answered.n && p->mono >= p->write_at && (!p->writing || (p->answered.n >= BATCH && p->writing < BATCHES)))
    flush(p);
}
