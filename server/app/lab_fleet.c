/* Many simulated devices by a few threads: a device stands in the line of those that have something to do (enroll, a
   push, its time to poll), and a worker runs one enrollment or session of it at a time. */
#include "app/lab_device.h"
#include "base/clock.h"
#include "base/enc.h"
#include "base/map.h"
#include "base/thread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORKERS = 16, WORKERS_MOST = 512 };
#define TICK_US (20 * (US_SECOND / 1000))
#define BACKOFF_MOST (60 * US_SECOND)

struct member {
  struct member *next; /* in the line */
  struct lab_device *device;
  const char *link; /* NULL: enrolled already */
  char token[65];
  int64_t due;      /* when it comes by itself; 0: never */
  int64_t backoff;  /* after a session that failed */
  bool waits;       /* stands in the line */
  bool busy, woken; /* a worker has it; a push came meanwhile */
  bool done, failed, off;
};

struct lab_fleet {
  struct lab_fleet_conf conf;
  struct lab_push_port *port;
  pthread_mutex_t lock;
  pthread_cond_t more, tick;
  struct member **members, *head, **tail;
  size_t n;
  struct map *by_token;
  struct lab_fleet_counts counts;
  bool ends;
  pthread_t *workers, clock;
};

/* ---- under the lock ---- */
static void line_up(struct lab_fleet *f, struct member *m) {
  if (m->waits || m->done) return;
  m->due = 0;
  if (m->busy) {
    m->woken = true;
    return;
  }
  m->waits = true;
  m->next = NULL;
  *f->tail = m;
  f->tail = &m->next;
  pthread_cond_signal(&f->more);
}

static struct member *take(struct lab_fleet *f) {
  while (!f->head && !f->ends) pthread_cond_wait(&f->more, &f->lock);
  struct member *m = f->head;
  if (f->ends || !m) return NULL;
  f->head = m->next;
  if (!f->head) f->tail = &f->head;
  m->waits = false;
  m->busy = true;
  return m;
}

static void finish(struct lab_fleet *f, struct member *m, bool failed) {
  m->done = true;
  m->failed = failed;
  f->counts.done++;
  f->counts.failed += failed;
}

/* ---- what came of the work; under the lock ---- */
static void after_enrollment(struct lab_fleet *f, struct member *m, enum err e) {
  if (e != OK) {
    finish(f, m, true);
    return;
  }
  f->counts.enrolled += m->device->phase == LAB_ENROLLED;
  if (f->conf.only_enroll || f->conf.way.only_authenticate) finish(f, m, false);
}

static void after_session(struct lab_fleet *f, struct member *m, const struct lab_session *s, enum err e) {
  struct lab_device *d = m->device;
  f->counts.sessions++;
  f->counts.commands += s->commands;
  m->backoff = e == OK ? 0 : m->backoff ? 2 * m->backoff : US_SECOND;
  if (m->backoff > BACKOFF_MOST) m->backoff = BACKOFF_MOST;
  m->off = m->off || s->off;
  if (d->phase == LAB_GONE || (f->conf.once && d->acknowledged)) finish(f, m, false);
  if (e != OK)
    m->due = clock_mono_us() + m->backoff;
  else if (s->again_us)
    m->due = clock_mono_us() + s->again_us;
}

/* ---- the work ---- */
static void listen_for_pushes(struct lab_fleet *f, struct member *m) {
  if (!f->port || f->conf.offline) return;
  enc_hex_to(m->token, m->device->token, sizeof m->device->token);
  pthread_mutex_lock(&f->lock);
  map_put(f->by_token, slice_of(m->token), m);
  pthread_mutex_unlock(&f->lock);
  lab_push_listen(f->port, m->token, m->device->profile.topic);
}

static void complain(struct lab_fleet *f, struct ctx *cx, const struct member *m, const char *what) {
  if (f->conf.way.tell) f->conf.way.tell(f->conf.way.tell_arg, m->device, what, ctx_error_text(cx));
}

static void run_member(struct lab_fleet *f, struct ctx *cx, struct member *m) {
  struct lab_session session = {0};
  bool enrolls = m->link != NULL;
  enum err e =
      enrolls ? lab_enroll(cx, m->device, &f->conf.way, m->link) : lab_session(cx, m->device, &f->conf.way, &session);
  if (e != OK) complain(f, cx, m, enrolls ? "cannot enroll" : "failed");
  if (enrolls && e == OK && m->device->phase == LAB_ENROLLED) listen_for_pushes(f, m);
  pthread_mutex_lock(&f->lock);
  m->busy = false;
  if (enrolls)
    after_enrollment(f, m, e);
  else
    after_session(f, m, &session, e);
  m->link = NULL;
  if (!m->due && f->conf.poll_us && !f->conf.offline) m->due = clock_mono_us() + f->conf.poll_us;
  if (m->woken) line_up(f, m);
  m->woken = false;
  pthread_mutex_unlock(&f->lock);
}

static void *work(void *arg) {
  struct lab_fleet *f = arg;
  struct ctx *cx = ctx_new();
  for (;;) {
    pthread_mutex_lock(&f->lock);
    struct member *m = take(f);
    pthread_mutex_unlock(&f->lock);
    if (!m) break;
    run_member(f, cx, m);
    ctx_reset(cx);
  }
  ctx_free(cx);
  return NULL;
}

/* Lines up whose time has come. */
static void *run_clock(void *arg) {
  struct lab_fleet *f = arg;
  pthread_mutex_lock(&f->lock);
  while (!f->ends) {
    int64_t now = clock_mono_us();
    for (size_t i = 0; i < f->n; i++)
      if (f->members[i]->due && f->members[i]->due <= now && !f->members[i]->off) line_up(f, f->members[i]);
    (void)cond_wait_until(&f->tick, &f->lock, now + TICK_US);
  }
  pthread_mutex_unlock(&f->lock);
  return NULL;
}

static void on_push(void *arg, struct slice token, struct slice magic) {
  struct lab_fleet *f = arg;
  pthread_mutex_lock(&f->lock);
  struct member *m = map_get(f->by_token, token);
  /* A push for a former enrollment carries another magic, and is none of this device's. */
  bool fits = m && !m->off && !m->done && slice_is(magic, m->device->magic);
  if (fits && f->conf.way.tell) f->conf.way.tell(f->conf.way.tell_arg, m->device, "is woken", NULL);
  if (fits) line_up(f, m);
  pthread_mutex_unlock(&f->lock);
}

/* ---- from outside ---- */
enum err lab_fleet_start(struct ctx *cx, struct lab_fleet **out, const struct lab_fleet_conf *conf) {
  struct lab_fleet *f = mem_alloc(sizeof *f);
  f->conf = *conf;
  f->conf.workers = conf->workers ? conf->workers : WORKERS;
  if (f->conf.workers > WORKERS_MOST) f->conf.workers = WORKERS_MOST;
  f->tail = &f->head;
  f->by_token = map_new();
  pthread_mutex_init(&f->lock, NULL);
  cond_init(&f->more);
  cond_init(&f->tick);
  enum err e = conf->apns_control ? lab_push_open(cx, &f->port, conf->apns_control, on_push, f) : OK;
  if (e != OK) {
    map_free(f->by_token, NULL);
    free(f);
    return e;
  }
  f->workers = mem_alloc(f->conf.workers * sizeof *f->workers);
  for (unsigned i = 0; i < f->conf.workers; i++) f->workers[i] = thread_start("lab-device", work, f);
  f->clock = thread_start("lab-clock", run_clock, f);
  *out = f;
  return OK;
}

void lab_fleet_add(struct lab_fleet *f, struct lab_device *d, const char *link) {
  struct member *m = mem_alloc(sizeof *m);
  *m = (struct member){.device = d, .link = link};
  if (!link) listen_for_pushes(f, m);
  pthread_mutex_lock(&f->lock);
  if ((f->n & (f->n - 1)) == 0) f->members = mem_realloc(f->members, (f->n ? 2 * f->n : 1) * sizeof(struct member *));
  f->members[f->n++] = m;
  f->counts.devices++;
  f->counts.enrolled += !link;
  if (link || !f->conf.offline) line_up(f, m); /* one that comes back polls first, as after a restart */
  pthread_mutex_unlock(&f->lock);
}

struct lab_fleet_counts lab_fleet_counts(struct lab_fleet *f) {
  pthread_mutex_lock(&f->lock);
  struct lab_fleet_counts counts = f->counts;
  pthread_mutex_unlock(&f->lock);
  return counts;
}

static void end_threads(struct lab_fleet *f) {
  pthread_mutex_lock(&f->lock);
  f->ends = true;
  pthread_cond_broadcast(&f->more);
  pthread_cond_broadcast(&f->tick);
  pthread_mutex_unlock(&f->lock);
  for (unsigned i = 0; i < f->conf.workers; i++) thread_join(f->workers[i]);
  thread_join(f->clock);
  lab_push_close(f->port);
}

struct last_work { /* shared by the threads that do it */
  struct lab_fleet *fleet;
  void (*each)(struct ctx *cx, struct lab_device *d, void *arg);
  void *arg;
  size_t next;
};

static void *do_last_work(void *arg) {
  struct last_work *w = arg;
  struct ctx *cx = ctx_new();
  for (;;) {
    pthread_mutex_lock(&w->fleet->lock);
    size_t i = w->next++;
    pthread_mutex_unlock(&w->fleet->lock);
    if (i >= w->fleet->n) break;
    w->each(cx, w->fleet->members[i]->device, w->arg);
    ctx_reset(cx);
  }
  ctx_free(cx);
  return NULL;
}

void lab_fleet_stop(struct lab_fleet *f, void (*each)(struct ctx *cx, struct lab_device *d, void *arg), void *arg) {
  struct last_work work_left = {f, each, arg, 0};
  if (!f) return;
  end_threads(f);
  for (unsigned i = 0; each && i < f->conf.workers; i++)
    f->workers[i] = thread_start("lab-device", do_last_work, &work_left);
  for (unsigned i = 0; each && i < f->conf.workers; i++) thread_join(f->workers[i]);
  for (size_t i = 0; i < f->n; i++) {
    lab_device_free(f->members[i]->device);
    free(f->members[i]);
  }
  map_free(f->by_token, NULL);
  pthread_mutex_destroy(&f->lock);
  pthread_cond_destroy(&f->more);
  pthread_cond_destroy(&f->tick);
  free(f->members);
  free(f->workers);
  free(f);
}
