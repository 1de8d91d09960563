#include "app/lab_load.h"
#include "base/clock.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { IN_MAX = 256 * 1024, EVENTS = 128, STALL_S = 20 };

/* ---- latencies: 32 buckets for each power of two ---- */
enum { SUB_BITS = 5, SUB = 1 << SUB_BITS, BUCKETS = 64 * SUB };

static size_t bucket_of(int64_t us) {
  if (us < SUB) return us < 0 ? 0 : (size_t)us;
  int power = 63 - __builtin_clzll((unsigned long long)us);
  return (size_t)(power - SUB_BITS + 1) * SUB + (size_t)((us >> (power - SUB_BITS)) & (SUB - 1));
}

static int64_t bucket_value(size_t i) {
  if (i < SUB) return (int64_t)i;
  return (int64_t)(SUB + i % SUB) << (i / SUB - 1);
}

static int64_t quantile(const int64_t *counts, int64_t n, double q) {
  int64_t rank = (int64_t)((double)n * q), seen = 0;
  for (size_t i = 0; i < BUCKETS; i++)
    if ((seen += counts[i]) > rank) return bucket_value(i);
  return 0;
}

/* ---- connections ---- */
enum state { CONNECTING, SENDING, RECEIVING, DONE };

struct conn {
  size_t index;
  enum state state;
  int fd;
  struct tls *tls;
  struct slice out;
  size_t sent;
  char *in;
  size_t got;
  int64_t started;
};

struct load {
  const struct lab_load_conf *phase;
  struct ctx *cx;
  int epoll;
  struct conn *conns;
  size_t live;
  int64_t until, requests, last_at;
  int64_t latencies[BUCKETS];
};

static void conn_close(struct conn *c) {
  tls_free(c->tls);
  if (c->fd >= 0) close(c->fd);
  c->tls = NULL;
  c->fd = -1;
}

static enum err conn_open(struct load *l, struct conn *c) {
  const struct lab_load_conf *p = l->phase;
  struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
  c->fd = socket(p->address.ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (c->fd < 0) return FAIL(l->cx, E_INTERNAL, "no socket: %s", strerror(errno));
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
  if (connect(c->fd, (const struct sockaddr *)&p->address.ss, p->address.n) != 0 && errno != EINPROGRESS)
    return FAIL(l->cx, E_UNREACHABLE, "cannot connect: %s", strerror(errno));
  if (p->tls) TRY(tls_open_client(l->cx, &c->tls, p->tls[c->index], c->fd, p->host));
  epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &e);
  c->state = CONNECTING;
  return OK;
}

static void conn_done(struct load *l, struct conn *c) {
  conn_close(c);
  c->state = DONE;
  l->live--;
}

/* The next request, or the end of the connection's work. */
static enum err conn_next(struct load *l, struct conn *c) {
  bool late = clock_mono_us() >= l->until || (l->phase->stop && *l->phase->stop);
  c->out = late ? (struct slice){0} : l->phase->request(l->phase->arg, c->index);
  c->sent = c->got = 0;
  if (c->out.n == 0) {
    conn_done(l, c);
    return OK;
  }
  c->started = clock_mono_us();
  if (c->fd < 0) return conn_open(l, c);
  c->state = SENDING;
  return OK;
}

/* ---- input and output: DONE, or that it must wait, in the words of tls_io ---- */
static enum tls_io put(struct conn *c) {
  while (c->sent < c->out.n) {
    size_t n = 0;
    enum tls_io io = TLS_DONE;
    if (c->tls) {
      io = tls_write(c->tls, c->out.p + c->sent, c->out.n - c->sent, &n);
    } else {
      ssize_t put_n = send(c->fd, c->out.p + c->sent, c->out.n - c->sent, MSG_NOSIGNAL);
      if (put_n < 0) io = errno == EAGAIN || errno == EINTR ? TLS_WANT_WRITE : TLS_FAILED;
      n = put_n > 0 ? (size_t)put_n : 0;
    }
    if (io != TLS_DONE) return io;
    c->sent += n;
  }
  return TLS_DONE;
}

static enum tls_io get(struct conn *c) {
  size_t n = 0;
  if (c->got == IN_MAX) return TLS_FAILED;
  if (c->tls) {
    enum tls_io io = tls_read(c->tls, c->in + c->got, IN_MAX - c->got, &n);
    if (io != TLS_DONE) return io;
  } else {
    ssize_t got = recv(c->fd, c->in + c->got, IN_MAX - c->got, 0);
    if (got < 0) return errno == EAGAIN || errno == EINTR ? TLS_WANT_READ : TLS_FAILED;
    if (got == 0) return TLS_CLOSED;
    n = (size_t)got;
  }
  c->got += n;
  return TLS_DONE;
}

struct answer {
  int status;
  struct slice body;
};

static int64_t content_length(struct slice head) {
  struct slice line, name;
  int64_t n = 0;
  while (slice_cut(&head, '\n', &line))
    if (slice_istarts(line, "content-length:") && slice_cut(&line, ':', &name))
      return slice_to_i64(slice_trim(line), &n) ? n : -1;
  return 0;
}

/* True when the whole answer is there. */
static bool parse(const struct conn *c, struct answer *out) {
  const char *end = memmem(c->in, c->got, "\r\n\r\n", 4);
  int64_t status;
  if (!end || c->got < 12) return false;
  size_t head = (size_t)(end - c->in) + 4;
  int64_t length = content_length(slice_mem(c->in, head));
  if (length < 0 || c->got < head + (size_t)length) return false;
  *out = (struct answer){slice_to_i64(slice_mem(c->in + 9, 3), &status) ? (int)status : 0,
                         slice_mem(c->in + head, (size_t)length)};
  return true;
}

static enum err answered(struct load *l, struct conn *c, const struct answer *a) {
  l->last_at = clock_mono_us();
  l->latencies[bucket_of(l->last_at - c->started)]++;
  l->requests++;
  if (!l->phase->response(l->phase->arg, c->index, a->status, a->body))
    return FAIL(l->cx, E_INVALID, "an answer of the server is not what it should be (status %d)", a->status);
  if (l->phase->fresh) conn_close(c);
  return conn_next(l, c);
}

static enum err lost(struct load *l, const struct conn *c) {
  return FAIL(l->cx, E_UNREACHABLE, "a connection was lost%s%s", c->tls ? ": " : "", c->tls ? tls_reason(c->tls) : "");
}

/* As far as it goes without waiting. */
static enum err drive(struct load *l, struct conn *c) {
  struct answer a;
  for (;;) {
    enum tls_io io = TLS_DONE;
    switch (c->state) {
    case CONNECTING:
      if (c->tls) io = tls_handshake(c->tls);
      break;
    case SENDING:
      io = put(c);
      break;
    case RECEIVING:
      io = get(c);
      break;
    case DONE:
      return OK;
    }
    if (io == TLS_WANT_READ || io == TLS_WANT_WRITE) return OK;
    if (io != TLS_DONE) return lost(l, c);
    if (c->state != RECEIVING)
      c->state = c->state == SENDING ? RECEIVING : SENDING;
    else if (parse(c, &a))
      TRY(answered(l, c, &a));
  }
}

static enum err begin(struct load *l) {
  for (size_t i = 0; i < l->phase->connections; i++) {
    struct conn *c = &l->conns[i];
    *c = (struct conn){.index = i, .fd = -1, .in = mem_alloc(IN_MAX)};
    l->live++;
    TRY(conn_next(l, c));
  }
  return OK;
}

static enum err loop(struct load *l) {
  struct epoll_event events[EVENTS];
  TRY(begin(l));
  while (l->live) {
    int n = epoll_wait(l->epoll, events, EVENTS, STALL_S * 1000);
    if (n == 0) return FAIL(l->cx, E_TIMEOUT, "no answer came for %d s", STALL_S);
    for (int i = 0; i < n; i++) TRY(drive(l, events[i].data.ptr));
  }
  return OK;
}

enum err lab_load(struct ctx *cx, struct lab_load_result *out, const struct lab_load_conf *phase) {
  struct load *l = mem_alloc(sizeof *l);
  int64_t user, system, start = clock_mono_us();
  *l = (struct load){
      .phase = phase, .cx = cx, .epoll = epoll_create1(EPOLL_CLOEXEC), .until = start + phase->duration_us};
  l->conns = mem_alloc(phase->connections * sizeof *l->conns);
  lab_cpu(phase->server, &user, &system);
  enum err e = loop(l);
  lab_cpu(phase->server, &out->user_us, &out->system_us);
  out->user_us -= user;
  out->system_us -= system;
  out->requests = l->requests;
  out->wall_us = l->last_at - start;
  out->p50_us = quantile(l->latencies, l->requests, 0.5);
  out->p99_us = quantile(l->latencies, l->requests, 0.99);
  for (size_t i = 0; i < phase->connections; i++) {
    if (l->conns[i].in && l->conns[i].state != DONE) conn_close(&l->conns[i]);
    free(l->conns[i].in);
  }
  close(l->epoll);
  free(l->conns);
  free(l);
  return e;
}

/* ---- what the server uses ---- */
void lab_cpu(pid_t pid, int64_t *user_us, int64_t *system_us) {
  char path[64], text[1024];
  long tick = sysconf(_SC_CLK_TCK);
  unsigned long long user = 0, system = 0;
  snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  FILE *f = fopen(path, "re");
  size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
  if (f) fclose(f);
  text[n] = 0;
  const char *after = strrchr(text, ')'); /* the name before may hold anything */
  if (after) (void)sscanf(after + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &system);
  *user_us = (int64_t)(user * (unsigned long long)US_SECOND / (unsigned long long)tick);
  *system_us = (int64_t)(system * (unsigned long long)US_SECOND / (unsigned long long)tick);
}

int64_t lab_rss_kib(pid_t pid) {
  char path[64], line[256];
  long long kib = 0;
  snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
  FILE *f = fopen(path, "re");
  while (f && fgets(line, sizeof line, f))
    if (sscanf(line, "VmRSS: %lld", &kib) == 1) break;
  if (f) fclose(f);
  return kib;
}
