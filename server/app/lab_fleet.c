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

struct hand {             /* goes from device to device */
  const char *identifier; /* of the profile that it takes away */
  size_t most, done;
  size_t left; /* devices that it has not come to */
};

struct ear { /* one for each channel of a device */
  struct member *member;
  size_t at;                 /* of its channel */
  char token[65], magic[40]; /* copies: the device's change while it enrolls again */
  int64_t due;               /* when it comes by itself; 0: never */
  int64_t backoff;           /* after a session that failed */
};

struct member {
  struct member *next; /* in the line */
  struct lab_device *device;
  const char *link; /* to enroll by; NULL: enrolled already */
  struct ear ears[LAB_CHANNELS];
  unsigned woken;    /* channels that have to come, a bit each */
  struct hand *hand; /* does something at the device before it comes again; NULL: nobody does */
  bool waits;        /* stands in the line */
  bool busy;         /* a worker has it */
  bool done, failed, off;
};

struct lab_fleet {
  struct lab_fleet_conf conf;
  struct lab_push_port *port;
  pthread_mutex_t lock;
  pthread_mutex_t hand_lock; /* one device after the other */
  pthread_cond_t more, tick, hands;
  struct member **members, *head, **tail;
  size_t n;
  struct map *by_token;
  struct lab_fleet_counts counts;
  bool ends;
  pthread_t *workers, clock;
};

/* ---- under the lock ---- */
static void line_up(struct lab_fleet *f, struct member *m) {
  if (m->waits || m->busy || m->done) return; /* who is busy stands in the line again when that is over */
  m->waits = true;
  m->next = NULL;
  *f->tail = m;
  f->tail = &m->next;
  pthread_cond_signal(&f->more);
}

static void wake(struct lab_fleet *f, struct ear *ear) {
  ear->due = 0;
  ear->member->woken |= 1U << ear->at;
  line_up(f, ear->member);
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
  m->link = NULL;
  if (e != OK) {
    finish(f, m, true);
    return;
  }
  f->counts.returned += m->device->erased;
  f->counts.enrolled += m->device->phase == LAB_ENROLLED && !m->device->erased;
  m->device->erased = false;
  if (f->conf.only_enroll || f->conf.way.only_authenticate) finish(f, m, false);
}

static void after_session(struct lab_fleet *f, struct ear *ear, const struct lab_session *s, enum err e) {
  struct member *m = ear->member;
  f->counts.sessions++;
  f->counts.commands += s->commands;
  ear->backoff = e == OK ? 0 : ear->backoff ? 2 * ear->backoff : US_SECOND;
  if (ear->backoff > BACKOFF_MOST) ear->backoff = BACKOFF_MOST;
  m->off = m->off || s->off;
  if (e != OK)
    ear->due = clock_mono_us() + ear->backoff;
  else if (s->again_us)
    ear->due = clock_mono_us() + s->again_us;
}

/* A device that is gone, or did what it is there for, is done; an erased one may come back. */
static void after_sessions(struct lab_fleet *f, struct member *m) {
  struct lab_device *d = m->device;
  if (d->phase == LAB_GONE && d->erased && f->conf.return_link) {
    m->link = f->conf.return_link;
    for (size_t i = 0; i < d->channels_n; i++) m->ears[i].due = 0;
    line_up(f, m);
  } else if (d->phase == LAB_GONE || (f->conf.once && d->acknowledged)) {
    finish(f, m, false);
  }
}

/* Ends a turn: who was woken meanwhile stands in the line again. Without a wish of its own a device polls, if it is one
   that polls. */
static void end_turn(struct lab_fleet *f, struct member *m) {
  int64_t next = f->conf.poll_us && !f->conf.offline ? clock_mono_us() + f->conf.poll_us : 0;
  m->busy = false;
  if (m->done && m->hand) { /* it is gone before the hand came to it */
    m->hand->left--;
    m->hand = NULL;
    pthread_cond_broadcast(&f->hands);
  }
  for (size_t i = 0; i < m->device->channels_n; i++)
    if (!m->ears[i].due) m->ears[i].due = next;
  if (m->woken || m->link || m->hand) line_up(f, m);
}

/* ---- the work ---- */
static void listen_for_pushes(struct lab_fleet *f, struct member *m) {
  if (!f->port || f->conf.offline) return;
  for (size_t i = 0; i < m->device->channels_n; i++) {
    struct ear *ear = &m->ears[i];
    pthread_mutex_lock(&f->lock);
    (void)map_del(f->by_token, slice_of(ear->token)); /* of a former enrollment */
    enc_hex_to(ear->token, m->device->channels[i].token, sizeof m->device->channels[i].token);
    snprintf(ear->magic, sizeof ear->magic, "%s", m->device->channels[i].magic);
    map_put(f->by_token, slice_of(ear->token), ear);
    pthread_mutex_unlock(&f->lock);
    lab_push_listen(f->port, ear->token, m->device->profile.topic);
  }
}

static void complain(struct lab_fleet *f, struct ctx *cx, const struct lab_device *d, const struct lab_channel *c,
                     const char *what) {
  if (f->conf.way.tell) f->conf.way.tell(f->conf.way.tell_arg, d, c, what, ctx_error_text(cx));
  ctx_clear_error(cx);
}

static void run_enrollment(struct lab_fleet *f, struct ctx *cx, struct member *m) {
  struct lab_device *d = m->device;
  enum err e = lab_enroll(cx, d, &f->conf.way, m->link);
  if (e != OK) complain(f, cx, d, d->channels, "cannot enroll");
  if (e == OK && d->phase == LAB_ENROLLED) listen_for_pushes(f, m);
  pthread_mutex_lock(&f->lock);
  after_enrollment(f, m, e);
  pthread_mutex_unlock(&f->lock);
}

static enum err renew_when_due(struct lab_fleet *f, struct ctx *cx, struct lab_device *d) {
  if (!f->conf.renew_after || d->renewed || d->acknowledged < f->conf.renew_after || d->phase != LAB_ENROLLED)
    return OK;
  TRY(lab_renew_alone(cx, d, &f->conf.way));
  if (f->conf.way.tell) f->conf.way.tell(f->conf.way.tell_arg, d, d->channels, "has a new identity", NULL);
  if (f->conf.way.note) f->conf.way.note(f->conf.way.note_arg, "renewed", d->udid, NULL);
  pthread_mutex_lock(&f->lock);
  f->counts.renewed++;
  pthread_mutex_unlock(&f->lock);
  return OK;
}

static void run_session(struct lab_fleet *f, struct ctx *cx, struct member *m, size_t at) {
  struct lab_session session = {0};
  struct lab_device *d = m->device;
  enum err e = lab_session(cx, d, &d->channels[at], &f->conf.way, &session);
  if (e == OK) e = renew_when_due(f, cx, d);
  if (e != OK) complain(f, cx, d, &d->channels[at], "failed");
  pthread_mutex_lock(&f->lock);
  after_session(f, &m->ears[at], &session, e);
  pthread_mutex_unlock(&f->lock);
}

/* What a hand does at the device, which is this worker's. */
static void lend_hand(struct lab_fleet *f, struct member *m) {
  pthread_mutex_lock(&f->lock);
  struct hand *hand = m->hand;
  m->hand = NULL;
  pthread_mutex_unlock(&f->lock);
  if (!hand) return;
  pthread_mutex_lock(&f->hand_lock);
  bool took = hand->done < hand->most && lab_take_profile(m->device->channels, hand->identifier);
  hand->done += took;
  pthread_mutex_unlock(&f->hand_lock);
  if (took && f->conf.way.tell)
    f->conf.way.tell(f->conf.way.tell_arg, m->device, m->device->channels, "loses a profile", hand->identifier);
  pthread_mutex_lock(&f->lock);
  hand->left--;
  pthread_cond_broadcast(&f->hands);
  pthread_mutex_unlock(&f->lock);
}

static void run_member(struct lab_fleet *f, struct ctx *cx, struct member *m, unsigned woken) {
  lend_hand(f, m);
  if (m->link) {
    run_enrollment(f, cx, m);
  } else {
    for (size_t i = 0; i < m->device->channels_n && m->device->phase == LAB_ENROLLED; i++)
      if (woken & 1U << i) run_session(f, cx, m, i);
    pthread_mutex_lock(&f->lock);
    after_sessions(f, m);
    pthread_mutex_unlock(&f->lock);
  }
  pthread_mutex_lock(&f->lock);
  end_turn(f, m);
  pthread_mutex_unlock(&f->lock);
}

static void *work(void *arg) {
  struct lab_fleet *f = arg;
  struct ctx *cx = ctx_new();
  for (;;) {
    pthread_mutex_lock(&f->lock);
    struct member *m = take(f);
    unsigned woken = m ? m->woken : 0;
    if (m) m->woken = 0;
    pthread_mutex_unlock(&f->lock);
    if (!m) break;
    run_member(f, cx, m, woken);
    ctx_reset(cx);
  }
  ctx_free(cx);
  return NULL;
}

static void wake_due(struct lab_fleet *f, struct member *m, int64_t now) {
  for (size_t i = 0; i < m->device->channels_n && !m->off; i++)
    if (m->ears[i].due && m->ears[i].due <= now) wake(f, &m->ears[i]);
}

/* Lines up whose time has come. */
static void *run_clock(void *arg) {
  struct lab_fleet *f = arg;
  pthread_mutex_lock(&f->lock);
  while (!f->ends) {
    int64_t now = clock_mono_us();
    for (size_t i = 0; i < f->n; i++) wake_due(f, f->members[i], now);
    (void)cond_wait_until(&f->tick, &f->lock, now + TICK_US);
  }
  pthread_mutex_unlock(&f->lock);
  return NULL;
}

static void on_push(void *arg, struct slice token, struct slice magic) {
  struct lab_fleet *f = arg;
  pthread_mutex_lock(&f->lock);
  struct ear *ear = map_get(f->by_token, token);
  struct member *m = ear ? ear->member : NULL;
  /* A push for a former enrollment carries another magic, and is none of this device's. */
  bool fits = m && !m->off && !m->done && slice_is(magic, ear->magic);
  if (fits && f->conf.way.tell)
    f->conf.way.tell(f->conf.way.tell_arg, m->device, &m->device->channels[ear->at], "is woken", NULL);
  if (fits) wake(f, ear);
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
  cond_init(&f->hands);
  pthread_mutex_init(&f->hand_lock, NULL);
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
  for (size_t i = 0; i < LAB_CHANNELS; i++) m->ears[i] = (struct ear){.member = m, .at = i};
  if (!link) listen_for_pushes(f, m);
  pthread_mutex_lock(&f->lock);
  if ((f->n & (f->n - 1)) == 0) f->members = mem_realloc(f->members, (f->n ? 2 * f->n : 1) * sizeof(struct member *));
  f->members[f->n++] = m;
  f->counts.devices++;
  f->counts.enrolled += !link;
  if (!link) m->woken = (1U << d->channels_n) - 1; /* one that comes back polls first, as after a restart */
  if (link || !f->conf.offline) line_up(f, m);
  pthread_mutex_unlock(&f->lock);
}

struct lab_fleet_counts lab_fleet_counts(struct lab_fleet *f) {
  pthread_mutex_lock(&f->lock);
  struct lab_fleet_counts counts = f->counts;
  pthread_mutex_unlock(&f->lock);
  return counts;
}

size_t lab_fleet_take_profile(struct lab_fleet *f, const char *identifier, size_t most) {
  struct hand hand = {.identifier = identifier, .most = most};
  pthread_mutex_lock(&f->lock);
  for (size_t i = 0; i < f->n; i++) {
    if (f->members[i]->done) continue;
    f->members[i]->hand = &hand;
    hand.left++;
    line_up(f, f->members[i]);
  }
  while (hand.left) pthread_cond_wait(&f->hands, &f->lock);
  pthread_mutex_unlock(&f->lock);
  return hand.done;
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
  pthread_cond_destroy(&f->hands);
  pthread_mutex_destroy(&f->hand_lock);
  free(f->members);
  free(f->workers);
  free(f);
}
