/* What the tests of the HTTP server share: a server with a handler that obeys the path, and clients over real sockets.
   Clients block; every wait is for an event and gives up after PATIENCE. */
#ifndef POMONA_TESTS_HTTP_RIG_H
#define POMONA_TESTS_HTTP_RIG_H

#include "lib/http.h"
#include "lib/net_addr.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define PATIENCE (20 * US_SECOND)
#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

enum { HELD_MAX = 64, CAP = 100 * 1000, BIG = 16 * 1000 * 1000 };

static struct {
  struct ctx *cx;
  struct http_server *server;
  struct mailbox work; /* requests for the other thread, "/thread" */
  pthread_t worker;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  struct http_req *held[HELD_MAX];
  atomic_int held_n, heads, bodies, ends, last_status, freed;
  char *big;
} t;

struct job {
  struct note note;
  struct http_req *rq;
};

/* ---- the handler ---- */

static inline void count(atomic_int *n) {
  pthread_mutex_lock(&t.lock);
  ++*n;
  pthread_cond_broadcast(&t.changed);
  pthread_mutex_unlock(&t.lock);
}

static inline void value_freed(void *value) {
  (void)value;
  count(&t.freed);
}

static inline size_t on_head(struct http_req *rq, void *arg) {
  (void)arg;
  count(&t.heads);
  if (slice_is(http_path(rq), "/refuse")) http_reply(rq, 401, NULL, slice_of("no"));
  return CAP;
}

static inline void hold(struct http_req *rq) {
  pthread_mutex_lock(&t.lock);
  t.held[t.held_n++] = rq;
  pthread_cond_broadcast(&t.changed);
  pthread_mutex_unlock(&t.lock);
}

static inline void reply_facts(struct http_req *rq) {
  struct ctx *cx = http_cx(rq);
  struct slice q = http_query(rq, "q"), none = http_query(rq, "none"), bad = http_query(rq, "bad");
  char *text = ctx_printf(cx, "%s|%.*s|%.*s|%.*s|%s|%lld|%s|%d%d%d", http_method(rq), (int)http_path(rq).n,
                          http_path(rq).p, (int)q.n, q.p, (int)http_header(rq, "x-mine").n, http_header(rq, "X-Mine").p,
                          http_peer(rq), (long long)http_content_length(rq), http_user(rq) ? "user" : "nobody",
                          none.p != NULL, bad.p != NULL, http_is_tls(rq));
  http_set_header(rq, "X-Good", "fine");
  http_set_header(rq, "X-Bad", "a\r\nX-Forged: 1");
  http_reply(rq, 200, "text/plain", slice_of(text));
}

static inline void on_body(struct http_req *rq, void *arg) {
  (void)arg;
  count(&t.bodies);
  struct slice path = http_path(rq);
  if (slice_is(path, "/hold")) {
    hold(rq);
  } else if (slice_is(path, "/thread")) {
    struct job *job = ctx_alloc(http_cx(rq), sizeof *job);
    job->rq = rq;
    mailbox_post(&t.work, &job->note);
  } else if (slice_is(path, "/facts")) {
    reply_facts(rq);
  } else if (slice_is(path, "/big")) {
    http_reply(rq, 200, NULL, slice_mem(t.big, BIG));
  } else {
    if (!http_conn_get(rq)) http_conn_set(rq, t.cx, value_freed);
    http_reply(rq, 200, "text/plain", http_body(rq).n ? http_body(rq) : slice_of("hello"));
  }
}

static inline void on_end(struct http_req *rq, void *arg) {
  (void)arg;
  pthread_mutex_lock(&t.lock);
  t.ends++;
  t.last_status = http_status(rq);
  pthread_cond_broadcast(&t.changed);
  pthread_mutex_unlock(&t.lock);
}

static inline void *work(void *arg) {
  (void)arg;
  for (bool more = true; more;) {
    poll(&(struct pollfd){t.work.fd, POLLIN, 0}, 1, -1);
    for (struct note *n = mailbox_take(&t.work), *next; n; n = next) {
      next = n->next;
      struct http_req *rq = ((struct job *)n)->rq;
      if (rq)
        http_reply(rq, 200, NULL, slice_of("from afar"));
      else
        more = false;
    }
  }
  return NULL;
}

/* ---- waiting ---- */

static inline void await(atomic_int *n, int value) {
  int64_t until = clock_mono_us() + PATIENCE;
  bool in_time = true;
  pthread_mutex_lock(&t.lock);
  while (in_time && *n < value) in_time = cond_wait_until(&t.changed, &t.lock, until);
  pthread_mutex_unlock(&t.lock);
  if (!in_time) fail_msg("awaited %d, there are %d", value, *n);
}

#define AWAIT_STAT(field, test)                                                                                        \
  do {                                                                                                                 \
    int64_t until_ = clock_mono_us() + PATIENCE;                                                                       \
    while (!(http_stats(t.server).field test)) {                                                                       \
      if (clock_mono_us() > until_) fail_msg(#field " stayed %lld", (long long)http_stats(t.server).field);            \
      poll(NULL, 0, 1);                                                                                                \
    }                                                                                                                  \
  } while (0)

/* ---- clients ---- */

static inline int dial_port(int port, int receive_buffer) {
  struct addr a;
  struct ctx *cx = ctx_new(); /* called by many threads */
  enum err e = addr_parse(cx, &a, ctx_printf(cx, "127.0.0.1:%d", port));
  ctx_free(cx);
  if (e != OK) return -1;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct timeval patience = {PATIENCE / US_SECOND, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (receive_buffer) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  if (connect(fd, (struct sockaddr *)&a.ss, a.n) == 0) return fd;
  close(fd);
  return -1;
}

static inline int dial(void) {
  int fd = dial_port(http_port(t.server), 0);
  assert_true(fd >= 0);
  return fd;
}

static inline bool say_n(int fd, const void *p, size_t n) {
  for (ssize_t sent; n; p = (const char *)p + sent, n -= (size_t)sent)
    if ((sent = send(fd, p, n, MSG_NOSIGNAL)) <= 0) return false;
  return true;
}

static inline void say(int fd, const char *s) { assert_true(say_n(fd, s, strlen(s))); }

/* One answer, byte by byte so that nothing of the next one is taken. Its body follows the empty line. */
static inline char *hear_as(int fd, bool head_only) {
  struct buf b = {0};
  char c;
  while ((!b.p || !strstr(b.p, "\r\n\r\n")) && recv(fd, &c, 1, 0) == 1) buf_add_char(&b, c);
  if (!b.p || !strstr(b.p, "\r\n\r\n")) fail_msg("no answer: \"%s\"", b.p ? b.p : "");
  const char *length = strstr(b.p, "Content-Length: ");
  for (long n = length && !head_only ? atol(length + 16) : 0; n > 0 && recv(fd, &c, 1, 0) == 1; n--)
    buf_add_char(&b, c);
  char *text = ctx_strdup(t.cx, b.p);
  buf_free(&b);
  return text;
}

static inline char *hear(int fd) { return hear_as(fd, false); }

static inline void expect_status(int fd, int status) {
  const char *answer = hear(fd);
  if (atoi(answer + 9) != status) fail_msg("not %d: %s", status, answer);
}

static inline void expect_end(int fd) {
  char c;
  ssize_t n = recv(fd, &c, 1, 0);
  if (n > 0) fail_msg("bytes instead of the end: %c", c);
  if (n < 0 && errno != ECONNRESET) fail_msg("no end: %s", strerror(errno));
  close(fd);
}

/* ---- a server for each test ---- */

static inline struct http_conf usual(void) {
  return (struct http_conf){.listen = "127.0.0.1:0",
                            .threads = 2,
                            .headers_max = 16 * 1024,
                            .headers_us = US_MINUTE,
                            .body_us = US_MINUTE,
                            .idle_us = US_MINUTE,
                            .handler = {on_head, on_body, on_end, NULL}};
}

static inline void serve(struct http_conf conf) {
  if (http_start(t.cx, &t.server, &conf) != OK) fail_msg("%s", ctx_error_text(t.cx));
}

static inline int setup(void **state) {
  (void)state;
  memset(&t, 0, sizeof t);
  t.cx = ctx_new();
  pthread_mutex_init(&t.lock, NULL);
  cond_init(&t.changed);
  mailbox_init(&t.work);
  t.worker = thread_start("worker", work, NULL);
  return 0;
}

static inline int teardown(void **state) {
  (void)state;
  http_stop(t.server);
  struct job last = {.rq = NULL};
  mailbox_post(&t.work, &last.note);
  thread_join(t.worker);
  mailbox_close(&t.work);
  pthread_cond_destroy(&t.changed);
  pthread_mutex_destroy(&t.lock);
  free(t.big);
  ctx_free(t.cx);
  return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
