/* The push thread: start, stop, the loop, messages, health. */
#include "core/push_engine.h"

#include "base/clock.h"
#include "base/log.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STOP_WAIT (2 * US_SECOND)

const struct push_tuning push_tuning = {
    .backoff_first = US_SECOND,
    .backoff_most = 5 * US_MINUTE,
    .stop_first = US_MINUTE,
    .stop_most = US_HOUR,
    .rescan = US_MINUTE,
    .write_retry = US_SECOND,
    .connections_a_minute = 6,
    .answer_probe = 10 * US_SECOND,
    .answer_lost = US_MINUTE,
    .idle_probe = 30 * US_MINUTE,
    .ping_answer = 10 * US_SECOND,
    .full_for = 5 * US_SECOND,
};

/* ---- messages ---- */

void push_post(struct push *p, struct msg *m) { mailbox_post(&p->box, &m->note); }

struct hint {
  struct msg msg;
  int64_t enrollment;
};
static void hint_run(struct push *p, struct msg *m) {
  queue_hint(p, ((struct hint *)m)->enrollment);
  free(m);
}
void push_hint(struct push *p, int64_t enrollment) {
  struct hint *h = mem_alloc(sizeof *h);
  *h = (struct hint){{.run = hint_run}, enrollment};
  push_post(p, &h->msg);
}

static void reload_run(struct push *p, struct msg *m) {
  if (p->db) topics_load(p);
  free(m);
}
void push_reload(struct push *p) {
  struct msg *m = mem_alloc(sizeof *m);
  m->run = reload_run;
  push_post(p, m);
}

static enum err work_run(struct ctx *cx, struct db *db, void *arg) {
  struct work *w = arg;
  return w->fn(cx, db, w);
}
static void work_done(struct db_job *job, enum err e) {
  struct work *w = job->arg;
  w->e = e;
  push_post(w->p, &w->msg);
}
static void work_finish(struct push *p, struct msg *m) {
  struct work *w = (struct work *)m;
  p->works--;
  if (w->e != OK) log_failure(LOG_ERROR, w->job.cx, "the push thread could not write");
  w->finish(p, w);
}
void work_post(struct push *p, struct work *w, enum err (*fn)(struct ctx *, struct db *, struct work *),
               void (*finish)(struct push *, struct work *)) {
  w->msg.run = work_finish;
  w->p = p;
  w->fn = fn;
  w->finish = finish;
  w->job = (struct db_job){.cx = ctx_new(), .fn = work_run, .done = work_done, .arg = w};
  p->works++;
  db_post(p->core->store, &w->job);
}
void work_again(struct push *p, struct work *w) {
  ctx_free(w->job.cx);
  work_post(p, w, w->fn, w->finish);
}
void work_free(struct work *w) {
  ctx_free(w->job.cx);
  free(w);
}

static void take_messages(struct push *p) {
  for (struct note *n = mailbox_take(&p->box), *next; n; n = next) {
    next = n->next;
    struct msg *m = (struct msg *)n;
    m->run(p, m);
  }
}

/* ---- health ---- */

void health_trouble(struct push *p, const char *text) {
  pthread_mutex_lock(&p->lock);
  snprintf(p->health.trouble, sizeof p->health.trouble, "%s", text);
  pthread_mutex_unlock(&p->lock);
}

void health_connected(struct push *p, bool connected) {
  pthread_mutex_lock(&p->lock);
  if (p->health.connected != connected) p->health.since = p->now;
  p->health.connected = connected;
  if (connected) p->health.trouble[0] = '\0';
  snprintf(p->health.host, sizeof p->health.host, "%s", p->url.host ? p->url.host : "");
  pthread_mutex_unlock(&p->lock);
}

void health_count(struct push *p, int sent, int answered, int failed) {
  pthread_mutex_lock(&p->lock);
  p->health.sent += sent;
  p->health.answered += answered;
  p->health.failed += failed;
  pthread_mutex_unlock(&p->lock);
}

/* Once a second. */
static void look_at_latency(struct push *p) {
  struct push_rate *r = &p->rate;
  int64_t before = r->now, most = core_conf(p->core)->wake_rate;
  if (p->mono < p->rate_at) return;
  bool stale = p->rate_at && p->mono > p->rate_at + 5 * US_SECOND; /* what the answers tell is of another time */
  int64_t latency = push_latency_take(p->core);
  p->rate_at = p->mono + US_SECOND;
  push_rate_adapt(r, most, stale ? 0 : latency, p->mono);
  if (r->now == before) return;
  pthread_mutex_lock(&p->lock);
  p->health.rate = r->now;
  p->health.pace[0] = '\0';
  if (r->now < most)
    snprintf(p->health.pace, sizeof p->health.pace,
             "devices had to wait for answers: %" PRId64 " of %" PRId64 " pushes a second", r->now, most);
  pthread_mutex_unlock(&p->lock);
  if (r->now < before && r->now < most)
    log_warn(NULL, "wake-ups go more slowly", LOG_I("rate", r->now), LOG_I("answers_took_ms", r->latency_us / 1000));
}

int64_t push_rate_now(struct push *p) {
  pthread_mutex_lock(&p->lock);
  int64_t rate = p->health.rate;
  pthread_mutex_unlock(&p->lock);
  return rate;
}

static void warn_of_url(const char *apns_url, char *out, size_t room) {
  *out = 0;
  if (push_is_apple(apns_url)) return;
  snprintf(out, room, "apns-url is %s, not Apple's production service: no real device can be woken by it", apns_url);
}

void push_health(struct push *p, struct push_health *out) {
  struct ctx *cx = ctx_new();
  struct db *db;
  int64_t due = 0;
  if (db_reader(cx, p->core->store, &db) != OK || push_due_count(cx, db, clock_now_us(), &due) != OK)
    log_failure(LOG_WARN, cx, "due pushes cannot be counted");
  ctx_free(cx);
  pthread_mutex_lock(&p->lock);
  *out = p->health;
  pthread_mutex_unlock(&p->lock);
  out->due = due;
  warn_of_url(core_conf(p->core)->apns_url, out->warning, sizeof out->warning);
}

/* ---- the loop ---- */

static void look_at_clocks(struct push *p) {
  p->now = clock_now_us();
  p->mono = clock_mono_us();
}

/* The thread's connection to the database, and what it needs of it; again after a failure. */
static void open_db(struct push *p) {
  if (p->db) return;
  if (db_reader(p->cx, p->core->store, &p->db) == OK)
    topics_load(p);
  else
    log_failure(LOG_ERROR, p->cx, "the push thread cannot read");
}

static int timeout_ms(const struct push *p) {
  int64_t at = p->db ? p->mono + US_MINUTE : p->mono + US_SECOND;
  int64_t others[] = {p->rate.now < core_conf(p->core)->wake_rate ? p->rate_at : INT64_MAX,
                      p->db ? queue_deadline(p) : at,
                      connections_deadline(p),
                      waits_deadline(p),
                      links_deadline(p),
                      p->answered.n && !p->writing ? p->write_at : INT64_MAX,
                      p->stop_by ? p->stop_by : INT64_MAX};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (others[i] < at) at = others[i];
  return at <= p->mono ? 0 : (int)((at - p->mono + 999) / 1000);
}

static size_t conn_count(const struct push *p) {
  size_t n = 0;
  for (const struct conn *c = p->conns; c; c = c->next) n++;
  return n;
}

static void poll_all(struct push *p) {
  ctx_reset(p->cx);
  size_t most = conn_count(p) + 1;
  struct pollfd *fds = ctx_alloc(p->cx, most * sizeof *fds);
  struct conn **conns = ctx_alloc(p->cx, most * sizeof *conns);
  nfds_t n = 1;
  fds[0] = (struct pollfd){.fd = p->box.fd, .events = POLLIN};
  for (struct conn *c = p->conns; c; c = c->next) {
    if (h2_is_closed(c->h2)) continue;
    conns[n] = c;
    fds[n++] = (struct pollfd){.fd = h2_fd(c->h2), .events = h2_events(c->h2)};
  }
  if (poll(fds, n, timeout_ms(p)) < 0) return;
  look_at_clocks(p);
  for (nfds_t i = 1; i < n; i++) h2_io(conns[i]->h2, fds[i].revents);
}

static void step(struct push *p) {
  take_messages(p);
  look_at_latency(p);
  open_db(p);
  connections_reap(p, false);
  if (p->db) queue_refill(p);
  connections_tend(p);
  connections_send(p);
  results_flush(p);
  links_flush(p);
  waits_expire(p, p->mono);
}

static size_t in_flight(const struct push *p) {
  size_t n = 0;
  for (const struct topic *t = p->topics; t; t = t->next) n += t->in_flight;
  return n;
}

static void await_writer(struct push *p) {
  struct pollfd box = {.fd = p->box.fd, .events = POLLIN};
  if (poll(&box, 1, -1) > 0) take_messages(p);
}

static void end(struct push *p) {
  p->stop_by = clock_mono_us() + STOP_WAIT;
  for (step(p); (in_flight(p) || p->unwritten || p->works) && p->mono < p->stop_by; step(p)) poll_all(p);
  connections_reap(p, true);
  while (p->works) await_writer(p);
  for (struct item *i; (i = items_pop(&p->answered));) item_free(p, i);
  take_messages(p);
  waits_expire(p, INT64_MAX);
  p->db = NULL; /* the thread's own */
}

static void *run(void *arg) {
  struct push *p = arg;
  look_at_clocks(p);
  while (!atomic_load(&p->stopping)) {
    step(p);
    poll_all(p);
  }
  end(p);
  return NULL;
}

/* ---- from outside ---- */

enum err push_start_tuned(struct ctx *cx, struct push **out, struct core *core, const struct push_tuning *tuning) {
  struct url url;
  TRY(url_parse(cx, &url, core_conf(core)->apns_url));
  if (strcmp(url.scheme, "https") != 0) return FAIL(cx, E_INVALID, "apns-url begins with https://");
  char warning[sizeof((struct push_health *)0)->warning];
  warn_of_url(core_conf(core)->apns_url, warning, sizeof warning);
  if (warning[0]) log_warn(cx, warning);
  struct push *p = mem_alloc(sizeof *p);
  *p = (struct push){.core = core, .tuning = *tuning, .cx = ctx_new(), .conf_cx = ctx_new()};
  mailbox_init(&p->box);
  pthread_mutex_init(&p->lock, NULL);
  p->items = map_new();
  p->wait_entries = map_new();
  p->answered.tail = &p->answered.head;
  p->health.since = clock_now_us();
  p->resolver = resolver_start(p);
  p->thread = thread_start("push", run, p);
  *out = p;
  return OK;
}

enum err push_start(struct ctx *cx, struct push **out, struct core *core) {
  return push_start_tuned(cx, out, core, &push_tuning);
}

void push_quiesce(struct push *p) {
  atomic_store(&p->quiet, true);
  mailbox_ring(&p->box);
}

void push_stop(struct push *p) {
  if (!p) return;
  atomic_store(&p->quiet, true);
  atomic_store(&p->stopping, true);
  mailbox_ring(&p->box);
  thread_join(p->thread);
  resolver_stop(p->resolver);
  take_messages(p); /* what came last */
  waits_expire(p, INT64_MAX);
  topics_free(p);
  map_free(p->items, NULL);
  map_free(p->wait_entries, NULL);
  mailbox_close(&p->box);
  pthread_mutex_destroy(&p->lock);
  free(p->url_text);
  ctx_free(p->conf_cx);
  ctx_free(p->cx);
  free(p);
}
