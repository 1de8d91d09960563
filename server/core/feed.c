/* The feed's thread: sleeps while nobody listens; else tells all of them the same, four times a second at most. */
#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "core/feed_int.h"

#include <stdlib.h>
#include <string.h>

enum { HINTS_MOST = 20000 };
#define PAUSE_US (250 * 1000)
#define BEAT_US (15 * US_SECOND)
static const char beat_text[] = "event: alive\ndata: {}\n\n"; /* pages of browsers do not see comments */

struct listener {
  struct listener *next;
  struct feed_listener is;
  int64_t after;
};

struct hint_list { /* more than HINTS_MOST: all may have changed */
  struct feed_hint *p;
  size_t n;
  bool overflow;
};

struct feed {
  struct core *core;
  pthread_t thread;
  struct hint_list fresh; /* the writer's, of a transaction that is not committed yet */
  pthread_mutex_t lock;   /* of what follows, to the blank line */
  pthread_cond_t news;
  struct hint_list changed;
  struct listener *joining;
  bool stopping, logins, crowded; /* crowded: who has gone is to be found now, by a word to all */
  char *places[FEED_LISTENERS];   /* whose; NULL: free */

  struct listener *listeners; /* the thread's, as all that follows */
  struct db_watch watch;
  bool watching, lost; /* lost: something was not told, for the database was in trouble */
  int64_t at;          /* the last event that was told */
  int64_t next_batch, next_beat;
};

/* ---- on the writer's thread ---- */

static void hint_add(struct hint_list *l, const struct feed_hint *hint) {
  if (l->n == HINTS_MOST) {
    l->overflow = true;
    return;
  }
  if (!l->p) l->p = mem_alloc(HINTS_MOST * sizeof *l->p);
  l->p[l->n++] = *hint;
}

static void on_changed(void *arg, const char *table, int64_t row) {
  struct feed *f = arg;
  struct feed_hint hint = {feed_table(table), row};
  if (hint.table >= 0) hint_add(&f->fresh, &hint);
}

static void on_committed(void *arg) {
  struct feed *f = arg;
  if (f->fresh.n == 0) return;
  pthread_mutex_lock(&f->lock);
  f->changed.overflow |= f->fresh.overflow;
  for (size_t i = 0; i < f->fresh.n; i++) {
    hint_add(&f->changed, &f->fresh.p[i]);
    f->logins |= feed_is_of_logins(f->fresh.p[i].table);
  }
  pthread_cond_signal(&f->news);
  pthread_mutex_unlock(&f->lock);
  f->fresh.n = 0;
  f->fresh.overflow = false;
}

/* ---- listeners ---- */

static void end_listener(struct feed *f, struct listener *l) {
  l->is.end(l->is.arg);
  pthread_mutex_lock(&f->lock);
  free(f->places[l->is.place]);
  f->places[l->is.place] = NULL;
  pthread_mutex_unlock(&f->lock);
  free(l);
}

/* Those of whom it is not true any more go. */
static void keep(struct feed *f, bool (*stays)(struct listener *l, void *arg), void *arg) {
  for (struct listener **at = &f->listeners, *l; (l = *at);) {
    if (stays(l, arg)) {
      at = &l->next;
      continue;
    }
    *at = l->next;
    end_listener(f, l);
  }
}

static bool takes(struct listener *l, void *arg) { return l->is.send(l->is.arg, *(const struct slice *)arg); }

static void tell_all(struct feed *f, struct slice text) {
  if (text.n) keep(f, takes, &text);
}

struct question {
  struct ctx *cx;
  struct db *db;
};

static bool still_may(struct listener *l, void *arg) {
  const struct question *q = arg;
  bool may = l->is.may(q->cx, q->db, l->is.arg);
  ctx_clear_error(q->cx);
  return may;
}

/* ---- watching ---- */

static enum err watch(struct ctx *cx, struct feed *f, struct db *db) {
  if (f->watching) return OK;
  f->watch = (struct db_watch){on_changed, on_committed, f};
  TRY(db_watch(cx, f->core->store, &f->watch));
  f->watching = true;
  return feed_last(cx, db, &f->at);
}

static void unwatch(struct ctx *cx, struct feed *f) {
  if (!f->watching || f->listeners) return;
  if (db_watch(cx, f->core->store, NULL) != OK) return;
  f->watching = f->lost = false;
  f->fresh.n = f->changed.n = 0;
  f->fresh.overflow = f->changed.overflow = false;
}

/* ---- the thread ---- */

/* What there is to do now; taken from under the lock. */
struct work {
  struct hint_list changed;
  struct listener *joining;
  bool logins, crowded, stopping;
};

static bool is_due(const struct feed *f, int64_t now) {
  if (f->stopping || f->joining) return true;
  if (!f->listeners) return false;
  return f->logins || f->crowded || (f->changed.n && now >= f->next_batch) || now >= f->next_beat;
}

static int64_t next_of(const struct feed *f, int64_t now) {
  if (!f->listeners) return now + US_HOUR;
  return f->changed.n && f->next_batch < f->next_beat ? f->next_batch : f->next_beat;
}

static void await(struct feed *f, struct work *w) {
  int64_t now = clock_mono_us();
  pthread_mutex_lock(&f->lock);
  for (; !is_due(f, now); now = clock_mono_us()) cond_wait_until(&f->news, &f->lock, next_of(f, now));
  struct feed_hint *room = w->changed.p;
  w->changed = f->changed;
  f->changed = (struct hint_list){.p = room};
  w->joining = f->joining;
  w->logins = f->logins;
  w->crowded = f->crowded;
  w->stopping = f->stopping;
  f->joining = NULL;
  f->logins = f->crowded = false;
  pthread_mutex_unlock(&f->lock);
}

static enum err batch(struct ctx *cx, struct feed *f, struct db *db, struct work *w) {
  struct slice text;
  bool lost = f->lost || w->changed.overflow;
  f->lost = true; /* until it is told */
  if (lost) {
    TRY(feed_last(cx, db, &f->at));
    text = feed_reset(cx, f->at);
  } else {
    TRY(feed_batch(cx, db, w->changed.p, w->changed.n, &f->at, &text));
  }
  f->lost = false;
  tell_all(f, text);
  return OK;
}

/* The greeting comes last, for its number is past what was missed: who is cut off before it asks for the rest again. */
static enum err welcome(struct ctx *cx, struct feed *f, struct db *db, struct listener *l) {
  struct slice missed = {0};
  if (!l->is.may(cx, db, l->is.arg)) return FAIL(cx, E_DENIED, "what let the listener in has ended meanwhile");
  if (l->after >= 0) TRY(feed_catch_up(cx, db, l->after, f->at, &missed));
  struct slice hello = feed_hello(cx, f->at);
  if ((missed.n && !l->is.send(l->is.arg, missed)) || !l->is.send(l->is.arg, hello))
    return FAIL(cx, E_UNREACHABLE, "the listener has gone");
  return OK;
}

static void join(struct ctx *cx, struct feed *f, struct db *db, struct listener *l) {
  enum err e = welcome(cx, f, db, l);
  if (e != OK) {
    ctx_clear_error(cx);
    end_listener(f, l);
    return;
  }
  if (!f->listeners) f->next_beat = clock_mono_us() + BEAT_US;
  l->next = f->listeners;
  f->listeners = l;
}

static enum err step(struct ctx *cx, struct feed *f, struct work *w) {
  struct db *db;
  int64_t now = clock_mono_us();
  TRY(db_reader(cx, f->core->store, &db));
  TRY(watch(cx, f, db));
  f->next_batch = now + PAUSE_US;
  if (f->listeners) TRY(batch(cx, f, db, w));
  for (struct listener *l; (l = w->joining);) {
    w->joining = l->next;
    join(cx, f, db, l);
  }
  bool beat = w->crowded || now >= f->next_beat;
  if (beat) tell_all(f, slice_of(beat_text));
  if (beat || w->logins) keep(f, still_may, &(struct question){cx, db});
  if (beat) f->next_beat = now + BEAT_US;
  return OK;
}

static void end_all(struct feed *f, struct listener *list) {
  for (struct listener *l; (l = list);) {
    list = l->next;
    end_listener(f, l);
  }
}

static void *run(void *arg) {
  struct feed *f = arg;
  struct ctx *cx = ctx_new();
  struct work w = {0};
  for (;;) {
    await(f, &w);
    if (w.stopping) break;
    if (step(cx, f, &w) != OK) log_failure(LOG_WARN, cx, "who looks is not told what changes");
    end_all(f, w.joining); /* who could not be let in comes again */
    unwatch(cx, f);
    w.changed.n = 0;
    ctx_reset(cx);
  }
  end_all(f, w.joining);
  end_all(f, f->listeners);
  f->listeners = NULL;
  unwatch(cx, f);
  free(w.changed.p);
  ctx_free(cx);
  return NULL;
}

/* ---- from outside ---- */

enum err feed_start(struct ctx *cx, struct feed **out, struct core *core) {
  (void)cx;
  struct feed *f = mem_alloc(sizeof *f);
  f->core = core;
  pthread_mutex_init(&f->lock, NULL);
  cond_init(&f->news);
  f->thread = thread_start("feed", run, f);
  *out = f;
  return OK;
}

void feed_stop(struct feed *f) {
  if (!f) return;
  pthread_mutex_lock(&f->lock);
  f->stopping = true;
  pthread_cond_signal(&f->news);
  pthread_mutex_unlock(&f->lock);
  thread_join(f->thread);
  free(f->fresh.p);
  free(f->changed.p);
  for (int i = 0; i < FEED_LISTENERS; i++) free(f->places[i]);
  pthread_mutex_destroy(&f->lock);
  pthread_cond_destroy(&f->news);
  free(f);
}

/* A free place, or -1; *own: how many are theirs. */
static int place_for(struct feed *f, const char *who, int *own) {
  int place = -1;
  *own = 0;
  for (int i = 0; i < FEED_LISTENERS; i++) {
    if (!f->places[i])
      place = i;
    else
      *own += strcmp(f->places[i], who) == 0;
  }
  return place;
}

enum err feed_reserve(struct ctx *cx, struct feed *f, const char *who, int *place) {
  int own;
  pthread_mutex_lock(&f->lock);
  *place = place_for(f, who, &own);
  if (*place >= 0 && own < FEED_OF_ONE) f->places[*place] = mem_strdup(who);
  f->crowded |= *place < 0 || own >= FEED_OF_ONE / 2; /* pages that were loaded again hold theirs until then */
  if (f->crowded) pthread_cond_signal(&f->news);
  pthread_mutex_unlock(&f->lock);
  if (own >= FEED_OF_ONE)
    return FAIL(cx, E_UNAVAILABLE, "%s already follows what changes %d times: close a page of the console", who, own);
  return *place >= 0
             ? OK
             : FAIL(cx, E_UNAVAILABLE, "%d already follow what changes: close a page of the console", FEED_LISTENERS);
}

void feed_join(struct feed *f, const struct feed_listener *is, int64_t after) {
  struct listener *l = mem_alloc(sizeof *l);
  *l = (struct listener){.is = *is, .after = after};
  pthread_mutex_lock(&f->lock);
  l->next = f->joining;
  f->joining = l;
  pthread_cond_signal(&f->news);
  pthread_mutex_unlock(&f->lock);
}
