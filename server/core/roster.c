/* The fleet in memory: shots of it, each an array of rows. What changed is read again into a new shot; a shot that
   somebody still looks at stays, and the rows that its successor replaced stay with it. */
#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "core/roster_int.h"

#include <stdlib.h>
#include <string.h>

/* So many rows are read at a time; who asks waits for at most so many of them, when there is a thread for the rest. */
enum { CHUNK = 500, STEPS = 2, TICK_MS = 200 };

struct roster_shot {
  struct roster_shot *newer; /* which this one holds: so the rows that it dropped outlive all that show them */
  size_t refs;
  const struct roster_device **devices;
  size_t n;
  struct roster_device **dropped;
  size_t dropped_n;
};

struct ids {
  int64_t *p;
  size_t n, cap;
};

struct roster {
  struct core *core;
  bool has_thread;         /* else who asks reads all that changed */
  struct ticker *ticker;   /* NULL: it has ended */
  pthread_mutex_t reading; /* one at a time reads */
  pthread_mutex_t lock;    /* of what follows, and of the shots' refs */
  struct roster_shot *now;
  struct ids changing; /* by jobs that are not committed yet */
  struct ids changed;  /* to be read again */
  int64_t behind;      /* all from this device on are to be read again; INT64_MAX: none */
  bool complete;       /* all were read once */
  struct note *waiting, **waiting_end;
};

static void ids_add(struct ids *ids, int64_t id) {
  if (ids->n && ids->p[ids->n - 1] == id) return;
  if (ids->n == ids->cap) {
    ids->cap = ids->cap ? 2 * ids->cap : 64;
    ids->p = mem_realloc(ids->p, ids->cap * sizeof *ids->p);
  }
  ids->p[ids->n++] = id;
}

/* ---- shots ---- */

static void free_shot(struct roster_shot *s) {
  for (size_t i = 0; i < s->dropped_n; i++) free(s->dropped[i]);
  free(s->dropped);
  free(s->devices);
  free(s);
}

static void let_go(struct roster *r, struct roster_shot *s) {
  struct roster_shot *ended = NULL;
  pthread_mutex_lock(&r->lock);
  while (s && --s->refs == 0) {
    struct roster_shot *newer = s->newer;
    s->newer = ended;
    ended = s;
    s = newer;
  }
  pthread_mutex_unlock(&r->lock);
  while (ended) {
    struct roster_shot *next = ended->newer;
    free_shot(ended);
    ended = next;
  }
}

struct roster *roster_new(void) {
  struct roster *r = mem_alloc(sizeof *r);
  pthread_mutex_init(&r->lock, NULL);
  pthread_mutex_init(&r->reading, NULL);
  r->now = mem_alloc(sizeof *r->now);
  r->now->refs = 1;
  r->waiting_end = &r->waiting;
  return r;
}

void roster_free(struct roster *r) {
  if (!r) return;
  for (size_t i = 0; i < r->now->n; i++) free((void *)r->now->devices[i]);
  let_go(r, r->now);
  free(r->changing.p);
  free(r->changed.p);
  pthread_mutex_destroy(&r->lock);
  pthread_mutex_destroy(&r->reading);
  free(r);
}

/* ---- what changed ---- */

/* Its transaction is on disk. What stands in `changing` of a job that failed is read again, too. */
static void settle(void *arg) {
  struct roster *r = arg;
  pthread_mutex_lock(&r->lock);
  for (size_t i = 0; i < r->changing.n; i++) {
    if (r->changing.p[i] == 0)
      r->behind = 0;
    else
      ids_add(&r->changed, r->changing.p[i]);
  }
  r->changing.n = 0;
  pthread_mutex_unlock(&r->lock);
}

void roster_changed(struct db *db, struct core *core, int64_t device) {
  struct roster *r = core->roster;
  if (!r) return;
  pthread_mutex_lock(&r->lock);
  ids_add(&r->changing, device);
  pthread_mutex_unlock(&r->lock);
  db_after_commit(db, settle, r);
}

/* The first row of this device or a later one. */
static size_t place_of(const struct roster_shot *s, int64_t device) {
  size_t from = 0, to = s->n;
  while (from < to) {
    size_t middle = from + (to - from) / 2;
    if (s->devices[middle]->device < device)
      from = middle + 1;
    else
      to = middle;
  }
  return from;
}

bool roster_seen(struct core *core, int64_t device, int64_t enrollment, int64_t at) {
  struct roster *r = core->roster;
  if (!r) return false;
  pthread_mutex_lock(&r->lock);
  size_t i = place_of(r->now, device);
  struct roster_device *d = i < r->now->n ? (struct roster_device *)r->now->devices[i] : NULL;
  bool is_own = d && d->device == device && d->enrollment == enrollment;
  if (is_own) d->last_seen = at;
  bool former = is_own && d->former;
  pthread_mutex_unlock(&r->lock);
  return former;
}

/* ---- reading it again ---- */

/* What one step reads: named devices, or all from `from` on that fit. */
struct step {
  int64_t ids[CHUNK];
  size_t ids_n;
  int64_t from, to;
  struct roster_device *rows[CHUNK];
  size_t n;
};

static int by_number(const void *a, const void *b) {
  const int64_t *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

static bool take(struct roster *r, struct step *s) {
  pthread_mutex_lock(&r->lock);
  while (r->changed.n && s->ids_n < CHUNK) s->ids[s->ids_n++] = r->changed.p[--r->changed.n];
  s->from = s->ids_n ? INT64_MAX : r->behind;
  if (!s->ids_n) r->behind = INT64_MAX;
  pthread_mutex_unlock(&r->lock);
  qsort(s->ids, s->ids_n, sizeof *s->ids, by_number);
  return s->ids_n || s->from != INT64_MAX;
}

static void put_back(struct roster *r, const struct step *s) {
  pthread_mutex_lock(&r->lock);
  for (size_t i = 0; i < s->ids_n; i++) ids_add(&r->changed, s->ids[i]);
  if (s->from < r->behind) r->behind = s->from;
  pthread_mutex_unlock(&r->lock);
}

static enum err read_ids(struct ctx *cx, struct db *reader, struct step *s) {
  for (size_t i = 0; i < s->ids_n; i++) {
    size_t n;
    if (i && s->ids[i] == s->ids[i - 1]) continue;
    TRY(roster_read(cx, reader, s->ids[i], s->ids[i], 1, s->rows + s->n, &n));
    s->n += n;
  }
  return OK;
}

static enum err read_step(struct ctx *cx, struct db *reader, struct step *s) {
  if (s->ids_n) return read_ids(cx, reader, s);
  TRY(roster_read(cx, reader, s->from, INT64_MAX, CHUNK, s->rows, &s->n));
  s->to = s->n == CHUNK ? s->rows[CHUNK - 1]->device : INT64_MAX;
  return OK;
}

/* A poll that was not written yet when the row was read. */
static void keep_seen(const struct roster_device *old, const struct roster_shot *now) {
  size_t i = place_of(now, old->device);
  struct roster_device *row = i < now->n ? (struct roster_device *)now->devices[i] : NULL;
  if (row && row->device == old->device && row->enrollment == old->enrollment && old->last_seen > row->last_seen)
    row->last_seen = old->last_seen;
}

/* The old rows from..to give way to n new ones; those before them, from *done on, stay. */
struct merging {
  struct roster_shot *old, *now;
  size_t done;
};

static void put(struct roster_shot *to, const struct roster_device *const *rows, size_t n) {
  if (n) memcpy(to->devices + to->n, rows, n * sizeof *rows);
  to->n += n;
}

static void replace(struct merging *m, size_t from, size_t to, struct roster_device *const *rows, size_t n) {
  put(m->now, m->old->devices + m->done, from - m->done);
  put(m->now, (const struct roster_device *const *)rows, n);
  for (size_t i = from; i < to; i++) m->old->dropped[m->old->dropped_n++] = (struct roster_device *)m->old->devices[i];
  m->done = to;
}

static struct roster_shot *merge(struct roster_shot *old, const struct step *s) {
  struct merging m = {old, mem_alloc(sizeof *m.now), 0};
  size_t row = 0;
  m.now->devices = mem_alloc((old->n + s->n + 1) * sizeof *m.now->devices);
  old->dropped = mem_alloc((s->ids_n ? s->ids_n : old->n) * sizeof *old->dropped + 1);
  for (size_t i = 0; i < s->ids_n; i++) {
    if (i && s->ids[i] == s->ids[i - 1]) continue;
    size_t at = place_of(old, s->ids[i]), there = row < s->n && s->rows[row]->device == s->ids[i];
    replace(&m, at, at + (at < old->n && old->devices[at]->device == s->ids[i]), s->rows + row, there);
    row += there;
  }
  if (!s->ids_n)
    replace(&m, place_of(old, s->from), s->to == INT64_MAX ? old->n : place_of(old, s->to + 1), s->rows, s->n);
  put(m.now, old->devices + m.done, old->n - m.done);
  return m.now;
}

/* Polls wait for the lock: only what they write is done under it. */
static void swap(struct roster *r, const struct step *s) {
  struct roster_shot *old = r->now, *now = merge(old, s);
  now->refs = 2; /* of the roster and of the one before */
  pthread_mutex_lock(&r->lock);
  for (size_t i = 0; i < old->dropped_n; i++) keep_seen(old->dropped[i], now);
  old->newer = now;
  r->now = now;
  if (!s->ids_n && s->to == INT64_MAX) r->complete = true;
  if (!s->ids_n && s->to != INT64_MAX && s->to < r->behind) r->behind = s->to + 1;
  pthread_mutex_unlock(&r->lock);
  let_go(r, old);
}

/* *more: there may be something left. */
static enum err step(struct ctx *cx, struct roster *r, struct db *reader, bool *more) {
  struct step *s = mem_alloc(sizeof *s);
  enum err e = OK;
  pthread_mutex_lock(&r->reading);
  *more = take(r, s);
  if (*more) e = read_step(cx, reader, s);
  if (e != OK) {
    for (size_t i = 0; i < s->n; i++) free(s->rows[i]);
    put_back(r, s);
  } else if (*more) {
    swap(r, s);
  }
  pthread_mutex_unlock(&r->reading);
  free(s);
  return e;
}

static bool is_complete(struct roster *r) {
  pthread_mutex_lock(&r->lock);
  bool complete = r->complete;
  pthread_mutex_unlock(&r->lock);
  return complete;
}

/* Texts of rows would fill the caller's context. */
static enum err step_apart(struct ctx *cx, struct roster *r, struct db *reader, bool *more) {
  struct ctx *own = ctx_new();
  enum err e = step(own, r, reader, more);
  if (e != OK) e = FAIL(cx, e, "%s", ctx_error_text(own));
  ctx_free(own);
  return e;
}

static enum err catch_up(struct ctx *cx, struct core *core, struct db *reader) {
  struct roster *r = core->roster;
  bool more = true, late = db_sees_past(reader);
  if (late && is_complete(r)) return OK;
  for (int i = 0; more && (i < STEPS || !r->has_thread || !is_complete(r)); i++) {
    bool in_vain = i >= STEPS && atomic_load(&core->ending) && !is_complete(r);
    if (in_vain) return FAIL(cx, E_UNAVAILABLE, "the server is stopping");
    TRY(step_apart(cx, r, reader, &more));
  }
  if (!late) return OK;
  pthread_mutex_lock(&r->lock);
  r->behind = 0;
  pthread_mutex_unlock(&r->lock);
  return OK;
}

/* ---- asking ---- */

enum err roster_look(struct ctx *cx, struct db *reader, struct core *core, struct roster_view *out) {
  struct roster *r = core->roster;
  TRY(catch_up(cx, core, reader));
  pthread_mutex_lock(&r->lock);
  r->now->refs++;
  *out = (struct roster_view){.devices = r->now->devices, .n = r->now->n, .shot = r->now};
  pthread_mutex_unlock(&r->lock);
  return OK;
}

int64_t roster_last_seen(struct core *core) {
  struct roster *r = core->roster;
  int64_t last = 0;
  if (!r || !is_complete(r)) return 0;
  pthread_mutex_lock(&r->lock);
  struct roster_shot *s = r->now;
  s->refs++;
  pthread_mutex_unlock(&r->lock);
  for (size_t i = 0; i < s->n; i++)
    if (s->devices[i]->last_seen > last) last = s->devices[i]->last_seen;
  let_go(r, s);
  return last;
}

void roster_unlook(struct core *core, struct roster_view *view) {
  let_go(core->roster, view->shot);
  *view = (struct roster_view){0};
}

enum err roster_one(struct ctx *cx, struct db *db, struct core *core, int64_t device, const struct roster_device **d) {
  struct roster_device *row;
  size_t n;
  (void)core;
  TRY(roster_read(cx, db, device, device, 1, &row, &n));
  if (n == 0) return FAIL(cx, E_NOT_FOUND, "there is no such device");
  *d = roster_copy(cx, row);
  free(row);
  return OK;
}

/* ---- its thread ---- */

bool roster_wait(struct core *core, struct roster_wait *w) {
  struct roster *r = core->roster;
  if (!r || !r->has_thread) return false;
  pthread_mutex_lock(&r->lock);
  bool waits = !r->complete && !atomic_load(&core->ending);
  if (waits) {
    w->note.next = NULL;
    *r->waiting_end = &w->note;
    r->waiting_end = &w->note.next;
  }
  pthread_mutex_unlock(&r->lock);
  return waits;
}

static void wake(struct roster *r) {
  pthread_mutex_lock(&r->lock);
  struct note *n = r->waiting;
  r->waiting = NULL;
  r->waiting_end = &r->waiting;
  pthread_mutex_unlock(&r->lock);
  while (n) {
    struct roster_wait *w = (struct roster_wait *)n; /* the note is its first member */
    n = n->next;
    w->run(w);
  }
}

static void keep_up(struct ctx *cx, struct roster *r) {
  struct db *reader;
  bool more = true;
  enum err e = db_reader(cx, r->core->store, &reader);
  while (e == OK && more && !atomic_load(&r->core->ending)) {
    e = step(cx, r, reader, &more);
    if (e == OK) ctx_reset(cx);
  }
  if (e != OK) log_failure(LOG_WARN, cx, "the roster cannot be read");
}

static void run(void *arg, bool last) {
  struct ctx *cx = ctx_new();
  if (!last) keep_up(cx, arg);
  wake(arg);
  ctx_free(cx);
}

enum err roster_start(struct ctx *cx, struct roster **out, struct core *core) {
  (void)cx;
  struct roster *r = *out = roster_new();
  r->core = core;
  r->has_thread = true;
  r->ticker = ticker_start("roster", TICK_MS * 1000, run, r);
  return OK;
}

void roster_quiesce(struct roster *r) {
  if (r && r->ticker) ticker_stop(r->ticker);
  if (r) r->ticker = NULL;
}

void roster_stop(struct roster *r) {
  roster_quiesce(r);
  roster_free(r);
}
