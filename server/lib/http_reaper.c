/* One thread a server: accepts connections, makes room for them, ends those that are past their deadline.

   libmicrohttpd's own time-out counts idle time only, so that a byte a second keeps a connection for ever; and at its
   limit of connections it stops accepting without a word. Here every phase has one absolute deadline, and the oldest
   idle connection makes room for a new one. */
#include "lib/http_int.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
  EVENTS = 64, /* taken from epoll at a time */
  BATCH = 64,  /* connections accepted before anything else is looked at */
  ROOM = 16,   /* idle connections closed at a time to make room */
  LINGER_US = 2 * 1000 * 1000,
  LINGER_BYTES = 1 << 20,
  SCAN_MIN_US = 5 * 1000,
  SCAN_MAX_US = 1000 * 1000,
  OUT_OF_FILES_NS = 50 * 1000 * 1000,
};

static bool watch(struct http_server *s, int fd, uint32_t events, void *what) {
  struct epoll_event e = {.events = events, .data.ptr = what};
  return epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &e) == 0;
}

bool http_reaper_init(struct http_server *s) {
  s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (s->wake_fd < 0 || s->epoll_fd < 0) return false;
  return watch(s, s->wake_fd, EPOLLIN, &s->wake_fd) && watch(s, s->listen_fd, EPOLLIN, &s->listen_fd);
}

void http_reaper_close(struct http_server *s) {
  if (s->wake_fd >= 0) close(s->wake_fd);
  if (s->epoll_fd >= 0) close(s->epoll_fd);
}

void http_resume_when_readable(struct http_conn *c) {
  if (!watch(c->server, c->fd, EPOLLIN | EPOLLRDHUP | EPOLLONESHOT, c)) MHD_resume_connection(c->mhd);
}

/* The peer sees its end; libmicrohttpd is woken and closes the descriptor, after the CLOSED hook has taken the
   connection off the list. Under conns_lock. */
static void conn_end(struct http_conn *c) {
  http_conn_phase(c, PHASE_CLOSING, 0);
  shutdown(c->fd, SHUT_RDWR);
}

/* Nobody else tells of it: the request was not complete, or its answer not taken. */
static void tell_overdue(const struct http_conn *c, enum phase phase) {
  static const char *const names[] = {[PHASE_HEADERS] = "headers", [PHASE_BODY] = "body", [PHASE_REPLY] = "answer"};
  log_warn(NULL, "a connection was cut off at its deadline", LOG_S("in", names[phase]), LOG_S("peer", c->peer));
}

static void end_overdue(struct http_server *s, int64_t now) {
  int64_t ended = 0;
  pthread_mutex_lock(&s->conns_lock);
  for (struct http_conn *c = s->conns; c; c = c->next) {
    http_stream_look(c);
    int64_t deadline = atomic_load_explicit(&c->deadline, memory_order_relaxed);
    if (deadline == 0 || deadline > now) continue;
    enum phase phase = (enum phase)atomic_load_explicit(&c->phase, memory_order_relaxed);
    if (phase == PHASE_HEADERS || phase == PHASE_BODY || phase == PHASE_REPLY) {
      tell_overdue(c, phase);
      ended++;
    }
    conn_end(c);
  }
  pthread_mutex_unlock(&s->conns_lock);
  if (ended) atomic_fetch_add(&s->timeouts, ended);
}

/* Inserts c by its deadline into the ROOM oldest. */
static int oldest_add(struct http_conn **oldest, int64_t *when, int n, struct http_conn *c) {
  int64_t t = atomic_load_explicit(&c->deadline, memory_order_relaxed);
  if (n == ROOM && t >= when[n - 1]) return n;
  int i = n < ROOM ? n++ : n - 1;
  for (; i > 0 && when[i - 1] > t; i--) {
    oldest[i] = oldest[i - 1];
    when[i] = when[i - 1];
  }
  oldest[i] = c;
  when[i] = t;
  return n;
}

/* Closes the connections that have been idle the longest. False when none is idle. */
static bool make_room(struct http_server *s) {
  struct http_conn *oldest[ROOM];
  int64_t when[ROOM];
  int n = 0;
  pthread_mutex_lock(&s->conns_lock);
  for (struct http_conn *c = s->conns; c; c = c->next)
    if (atomic_load_explicit(&c->phase, memory_order_relaxed) == PHASE_IDLE) n = oldest_add(oldest, when, n, c);
  for (int i = 0; i < n; i++) conn_end(oldest[i]);
  pthread_mutex_unlock(&s->conns_lock);
  atomic_fetch_add(&s->shed, n);
  return n > 0;
}

/* ---- accepting ---- */

static void admit(struct http_server *s, int fd, const struct addr *from) {
  int64_t standing = atomic_fetch_add(&s->connections, 1);
  atomic_store(&s->full, standing >= s->connections_max && !make_room(s));
  /* Beyond that margin not even a 503 can be afforded. */
  if (standing >= s->connections_max + s->connections_max / 8 + ROOM) {
    atomic_fetch_add(&s->shed, 1);
    atomic_fetch_sub(&s->connections, 1);
    close(fd);
    return;
  }
  atomic_fetch_add(&s->accepted, 1);
  atomic_fetch_add(&s->arriving, 1);
  if (MHD_add_connection(s->mhd, fd, (const struct sockaddr *)&from->ss, from->n) == MHD_YES) return;
  atomic_fetch_sub(&s->arriving, 1);
  atomic_fetch_sub(&s->connections, 1);
  log_warn(NULL, "a connection was not taken over");
}

static void accept_some(struct http_server *s) {
  for (int i = 0; i < BATCH; i++) {
    struct addr from = {.n = sizeof from.ss};
    int fd = accept4(s->listen_fd, (struct sockaddr *)&from.ss, &from.n, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
      admit(s, fd, &from);
      continue;
    }
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM) return;
    log_warn(NULL, "no descriptors are left for connections");
    make_room(s);
    nanosleep(&(struct timespec){.tv_nsec = OUT_OF_FILES_NS}, NULL);
    return;
  }
}

static void stop_listening(struct http_server *s) {
  if (s->listen_fd < 0) return;
  close(s->listen_fd);
  s->listen_fd = -1;
  pthread_mutex_lock(&s->quiet_lock);
  s->listening = false;
  pthread_cond_broadcast(&s->quiet_cond);
  pthread_mutex_unlock(&s->quiet_lock);
}

/* ---- closing late ---- */

void http_linger(struct http_server *s, int fd) {
  pthread_mutex_lock(&s->linger_lock);
  int copy = s->lingers_n < LINGERS ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
  if (copy >= 0) {
    s->lingers[s->lingers_n++] = (struct late_close){copy, clock_mono_us() + LINGER_US};
    watch(s, copy, EPOLLIN, s->lingers);
  }
  pthread_mutex_unlock(&s->linger_lock);
}

/* Reads off what comes. True when the peer is done, or its time is. */
static bool linger_is_over(const struct late_close *l, int64_t now) {
  if (now >= l->until) return true;
  ssize_t n = recv(l->fd, NULL, LINGER_BYTES, MSG_DONTWAIT | MSG_TRUNC); /* TCP: thrown away without a copy */
  return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

static void linger_some(struct http_server *s, int64_t now) {
  pthread_mutex_lock(&s->linger_lock);
  for (int i = s->lingers_n - 1; i >= 0; i--) {
    if (!linger_is_over(&s->lingers[i], now)) continue;
    close(s->lingers[i].fd);
    s->lingers[i] = s->lingers[--s->lingers_n];
  }
  pthread_mutex_unlock(&s->linger_lock);
}

/* ---- the thread ---- */

static int64_t scan_period(const struct http_conf *conf) {
  int64_t least = conf->headers_us < conf->body_us ? conf->headers_us : conf->body_us;
  if (conf->idle_us < least) least = conf->idle_us;
  least /= 8;
  return least < SCAN_MIN_US ? SCAN_MIN_US : least > SCAN_MAX_US ? SCAN_MAX_US : least;
}

static void wake_up(struct http_server *s) {
  uint64_t ignored;
  while (read(s->wake_fd, &ignored, sizeof ignored) > 0) continue;
}

/* Off the set first: once resumed, the connection may be gone at any moment. */
static void resume(struct http_server *s, struct http_conn *c) {
  epoll_ctl(s->epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
  MHD_resume_connection(c->mhd);
}

/* Waits for something to do, at most until `until`, and does it. */
static void serve(struct http_server *s, int64_t until) {
  struct epoll_event events[EVENTS];
  int64_t left = until - clock_mono_us();
  int n = epoll_wait(s->epoll_fd, events, EVENTS, left < 0 ? 0 : (int)(left / 1000 + 1));
  for (int i = 0; i < n; i++) {
    void *what = events[i].data.ptr;
    if (what == &s->wake_fd)
      wake_up(s);
    else if (what == &s->listen_fd)
      accept_some(s);
    else if (what == s->lingers)
      linger_some(s, clock_mono_us());
    else
      resume(s, what);
  }
}

void *http_reaper_run(void *server) {
  struct http_server *s = server;
  int64_t period = scan_period(&s->conf), next = clock_mono_us() + period;
  while (!atomic_load(&s->reaper_ends)) {
    if (atomic_load(&s->quiescing)) stop_listening(s);
    serve(s, next);
    int64_t now = clock_mono_us();
    if (now < next) continue;
    linger_some(s, now);
    end_overdue(s, now);
    next = now + period;
  }
  linger_some(s, INT64_MAX);
  return NULL;
}
