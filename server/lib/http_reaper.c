/* One thread a server: accepts connections, makes room for them, ends those that are past their deadline.

   libmicrohttpd's own time-out counts idle time only, so that a byte a second keeps a connection for ever; and at its
   limit of connections it stops accepting without a word. Here every phase has one absolute deadline, and the oldest
   idle connection makes room for a new one. */
#include "lib/http_int.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
  BATCH = 64, /* connections accepted before deadlines are looked at again */
  ROOM = 16,  /* idle connections closed at a time to make room */
  LINGER_US = 2 * 1000 * 1000,
  LINGER_BYTES = 1 << 20,
  SCAN_MIN_US = 5 * 1000,
  SCAN_MAX_US = 1000 * 1000,
  OUT_OF_FILES_US = 100 * 1000, /* not accepting while descriptors are short */
};

/* The peer sees its end; libmicrohttpd is woken and closes the descriptor, after the CLOSED hook has taken the
   connection off the list. Under conns_lock. */
static void conn_end(struct http_conn *c) {
  http_conn_phase(c, PHASE_CLOSING, 0);
  shutdown(c->fd, SHUT_RDWR);
}

static void end_overdue(struct http_server *s, int64_t now) {
  int64_t ended = 0;
  pthread_mutex_lock(&s->conns_lock);
  for (struct http_conn *c = s->conns; c; c = c->next) {
    int64_t deadline = atomic_load_explicit(&c->deadline, memory_order_relaxed);
    if (deadline == 0 || deadline > now) continue;
    if (atomic_load_explicit(&c->phase, memory_order_relaxed) != PHASE_IDLE) ended++;
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
  if (MHD_add_connection(s->mhd, fd, (const struct sockaddr *)&from->ss, from->n) == MHD_YES) return;
  atomic_fetch_sub(&s->connections, 1);
  log_warn(NULL, "a connection was not taken over");
}

/* False when descriptors ran out. */
static bool accept_some(struct http_server *s) {
  for (int i = 0; i < BATCH; i++) {
    struct addr from = {.n = sizeof from.ss};
    int fd = accept4(s->listen_fd, (struct sockaddr *)&from.ss, &from.n, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
      admit(s, fd, &from);
      continue;
    }
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM) return true;
    log_warn(NULL, "no descriptors are left for connections");
    make_room(s);
    return false;
  }
  return true;
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
  if (copy >= 0) s->lingers[s->lingers_n++] = (struct late_close){copy, clock_mono_us() + LINGER_US};
  pthread_mutex_unlock(&s->linger_lock);
  if (copy >= 0) http_wake(s->wake_fd);
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

/* Waits for something to do, at most until `until`. */
static void await(struct http_server *s, bool accepting, int64_t until) {
  struct pollfd fds[2 + LINGERS] = {{s->wake_fd, POLLIN, 0}, {accepting ? s->listen_fd : -1, POLLIN, 0}};
  pthread_mutex_lock(&s->linger_lock);
  nfds_t n = 2 + (nfds_t)s->lingers_n;
  for (int i = 0; i < s->lingers_n; i++) fds[2 + i] = (struct pollfd){s->lingers[i].fd, POLLIN, 0};
  pthread_mutex_unlock(&s->linger_lock);
  int64_t left = until - clock_mono_us();
  poll(fds, n, left < 0 ? 0 : (int)(left / 1000 + 1));
  uint64_t ignored;
  if (fds[0].revents && read(s->wake_fd, &ignored, sizeof ignored) < 0) return;
}

void *http_reaper_run(void *server) {
  struct http_server *s = server;
  int64_t period = scan_period(&s->conf), next = clock_mono_us() + period, accept_from = 0;
  while (!atomic_load(&s->reaper_ends)) {
    if (atomic_load(&s->quiescing)) stop_listening(s);
    int64_t now = clock_mono_us();
    bool accepting = s->listen_fd >= 0 && now >= accept_from;
    await(s, accepting, next);
    if (accepting && !accept_some(s)) accept_from = now + OUT_OF_FILES_US;
    linger_some(s, now);
    if (now < next) continue;
    end_overdue(s, now);
    next = now + period;
  }
  linger_some(s, INT64_MAX);
  return NULL;
}
