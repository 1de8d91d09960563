/* Answers that go on. */
#include "http_rig.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

enum { STREAMS = 64, BLOCK = 8000 };

static struct {
  pthread_mutex_t lock;
  struct http_stream *at[STREAMS * 4];
  atomic_int n;
} s;

static void follow(struct http_req *rq, void *arg) {
  (void)arg;
  if (!slice_is(http_path(rq), "/follow")) {
    http_reply(rq, 200, NULL, slice_of("else"));
    return;
  }
  pthread_mutex_lock(&s.lock);
  s.at[s.n] = http_reply_stream(rq, "text/event-stream");
  count(&s.n);
  pthread_mutex_unlock(&s.lock);
}

static void serve_follow(int64_t body_us) {
  struct http_conf conf = usual();
  memset(&s, 0, sizeof s);
  pthread_mutex_init(&s.lock, NULL);
  conf.handler = (struct http_handler){on_head, follow, on_end, NULL, NULL};
  conf.body_us = conf.idle_us = body_us;
  serve(conf);
}

static int follower(int receive_buffer) {
  int fd = dial_port(http_port(t.server), receive_buffer), before = s.n;
  assert_true(fd >= 0);
  say(fd, GET("/follow"));
  await(&s.n, before + 1);
  return fd;
}

static void expect_head(int fd) {
  const char *head = hear_as(fd, true);
  assert_non_null(strstr(head, "HTTP/1.1 200"));
  assert_non_null(strstr(head, "Content-Type: text/event-stream"));
}

static void expect_text(int fd, const char *text) {
  char got[100] = {0};
  size_t n = strlen(text);
  assert_true(n < sizeof got);
  for (size_t i = 0; i < n; i++)
    if (recv(fd, got + i, 1, 0) != 1) fail_msg("the end instead of \"%s\", after \"%s\"", text, got);
  assert_string_equal(got, text);
}

/* goal: who does not read is cut off when too much waits, and nobody else suffers; the sender never blocks */
static void test_stalled(void **state) {
  (void)state;
  static char block[BLOCK];
  memset(block, 'x', BLOCK);
  serve_follow(US_MINUTE);
  int slow = follower(4096), good = follower(0);
  size_t sent = 0;
  while (http_stream_send(s.at[0], slice_mem(block, BLOCK))) sent += BLOCK;
  assert_true(sent > HTTP_STREAM_MOST / 2);
  assert_false(http_stream_send(s.at[0], slice_of("more")));
  await(&t.ends, 1);
  assert_int_equal(t.last_status, 0);
  assert_true(http_stream_send(s.at[1], slice_of("fine")));
  expect_head(good);
  expect_text(good, "4\r\nfine\r\n");
  http_stream_end(s.at[0]);
  http_stream_end(s.at[1]);
  expect_text(good, "0\r\n\r\n");
  close(slow);
  close(good);
}

/* The server's end of a client's connection. */
static int other_end(int client) {
  struct sockaddr_in6 own, peer;
  socklen_t own_n = sizeof own, peer_n;
  assert_int_equal(getsockname(client, (struct sockaddr *)&own, &own_n), 0);
  for (int fd = 3; fd < 1024; fd++) {
    peer_n = sizeof peer;
    if (getpeername(fd, (struct sockaddr *)&peer, &peer_n) != 0 || peer.sin6_family != own.sin6_family) continue;
    if (peer.sin6_port == own.sin6_port) return fd; /* at the same place in both families */
  }
  fail_msg("the server has no such connection");
  return -1;
}

/* goal: who vanishes without a word holds its place no longer than who takes nothing: the system gives it up by then */
static void test_silent(void **state) {
  (void)state;
  unsigned ms = 0;
  socklen_t n = sizeof ms;
  serve_follow(US_MINUTE);
  int fd = follower(0);
  expect_head(fd);
  assert_int_equal(getsockopt(other_end(fd), IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, &n), 0);
  assert_int_equal(ms, 60000);
  http_stream_end(s.at[0]);
  close(fd);
}

/* goal: who takes nothing for as long as an answer may take is cut off, however little waits */
static void test_too_slow(void **state) {
  (void)state;
  static char block[BLOCK];
  serve_follow(300 * 1000);
  int fd = follower(4096);
  for (int64_t until = clock_mono_us() + PATIENCE; t.ends == 0 && clock_mono_us() < until; poll(NULL, 0, 1))
    (void)http_stream_send(s.at[0], slice_mem(block, 500));
  await(&t.ends, 1);
  assert_int_equal(t.last_status, 0);
  http_stream_end(s.at[0]);
  close(fd);
}

/* goal: one that vanishes is noticed though nothing is sent, and its place is free */
static void test_vanished(void **state) {
  (void)state;
  serve_follow(US_MINUTE);
  int fd = follower(0);
  http_stream_send(s.at[0], slice_of("hello"));
  expect_head(fd);
  expect_text(fd, "5\r\nhello\r\n");
  close(fd);
  await(&t.ends, 1);
  AWAIT_STAT(connections, == 0);
  assert_false(http_stream_send(s.at[0], slice_of("hello")));
  http_stream_end(s.at[0]);
}

/* goal: one that is idle for longer than any deadline stays, and one that ended is followed by another request */
static void test_idle_stays(void **state) {
  (void)state;
  serve_follow(100 * 1000);
  int fd = follower(0);
  expect_head(fd);
  for (int i = 0; i < 3; i++) {
    int other = dial();
    say(other, GET("/else"));
    expect_status(other, 200);
    expect_end(other); /* idle for 100 ms */
    assert_true(http_stream_send(s.at[0], slice_of("on")));
    expect_text(fd, "2\r\non\r\n");
  }
  http_stream_send(s.at[0], slice_of("last"));
  http_stream_end(s.at[0]);
  expect_text(fd, "4\r\nlast\r\n0\r\n\r\n");
  say(fd, GET("/else"));
  expect_status(fd, 200);
  close(fd);
  assert_int_equal(http_stats(t.server).timeouts, 0);
}

/* goal: what was sent before the answer had begun comes; HEAD gets none; HTTP/1.0 ends with the connection */
static void test_kinds(void **state) {
  (void)state;
  serve_follow(US_MINUTE);
  int fd = dial();
  say(fd, "GET /follow HTTP/1.0\r\nHost: a\r\n\r\n");
  await(&s.n, 1);
  http_stream_send(s.at[0], slice_of("old"));
  http_stream_end(s.at[0]);
  assert_non_null(strstr(hear_as(fd, true), "200"));
  expect_text(fd, "old");
  expect_end(fd);
  fd = dial();
  say(fd, "HEAD /follow HTTP/1.1\r\nHost: a\r\n\r\n");
  await(&s.n, 2);
  expect_head(fd);
  await(&t.ends, 2);
  assert_false(http_stream_send(s.at[1], slice_of("x")));
  http_stream_end(s.at[1]);
  say(fd, GET("/else"));
  expect_status(fd, 200);
  close(fd);
}

static void *send_all(void *stop) {
  static char block[BLOCK];
  while (!atomic_load((atomic_bool *)stop)) {
    pthread_mutex_lock(&s.lock);
    for (int i = 0; i < s.n; i++) (void)http_stream_send(s.at[i], slice_mem(block, BLOCK / 4));
    pthread_mutex_unlock(&s.lock);
    poll(NULL, 0, 1);
  }
  return NULL;
}

/* Reads for a while: some all, some nothing, some go away. */
static void *one_follower(void *arg) {
  char some[4096];
  int64_t kind = (int64_t)(intptr_t)arg;
  int fd = dial_port(http_port(t.server), kind % 3 == 1 ? 4096 : 0);
  if (fd < 0 || !say_n(fd, GET("/follow"), strlen(GET("/follow")))) return NULL;
  if (kind % 3 == 1) poll(NULL, 0, 100);
  for (int i = 0; kind % 3 != 1 && (kind % 3 == 0 || i < 5); i++)
    if (recv(fd, some, sizeof some, 0) <= 0) break;
  close(fd);
  return NULL;
}

/* goal: 64 followers that read, stall and vanish while all are sent to; a shutdown in the midst of it waits for none */
static void test_shutdown_under_load(void **state) {
  (void)state;
  serve_follow(US_MINUTE);
  atomic_bool stop = false;
  pthread_t sender = thread_start("sender", send_all, &stop), followers[STREAMS];
  for (intptr_t i = 0; i < STREAMS; i++) followers[i] = thread_start("follower", one_follower, (void *)i);
  await(&s.n, STREAMS);
  await(&t.ends, STREAMS / 3);
  int64_t began = clock_mono_us();
  http_quiesce(t.server);
  assert_true(http_drain(t.server, clock_mono_us() + PATIENCE));
  assert_true(clock_mono_us() - began < 5 * US_SECOND);
  http_stop(t.server);
  t.server = NULL;
  for (int i = 0; i < STREAMS; i++) thread_join(followers[i]);
  atomic_store(&stop, true);
  thread_join(sender);
  for (int i = 0; i < s.n; i++) {
    assert_false(http_stream_send(s.at[i], slice_of("late")));
    http_stream_end(s.at[i]);
  }
}

/* goal: idle followers are told the end properly, and one that comes during the shutdown is too */
static void test_shutdown_idle(void **state) {
  (void)state;
  serve_follow(US_MINUTE);
  int fd = follower(0);
  expect_head(fd);
  http_quiesce(t.server);
  expect_text(fd, "0\r\n\r\n");
  say(fd, GET("/follow"));
  await(&s.n, 2);
  assert_non_null(strstr(hear_as(fd, true), "200"));
  expect_text(fd, "0\r\n\r\n");
  assert_true(http_drain(t.server, clock_mono_us() + PATIENCE));
  assert_false(http_stream_send(s.at[0], slice_of("late")));
  for (int i = 0; i < 2; i++) http_stream_end(s.at[i]);
  close(fd);
}

int main(void) {
  const struct CMUnitTest tests[] = {TEST(test_stalled),
                                     TEST(test_too_slow),
                                     TEST(test_silent),
                                     TEST(test_vanished),
                                     TEST(test_idle_stays),
                                     TEST(test_kinds),
                                     TEST(test_shutdown_under_load),
                                     TEST(test_shutdown_idle)};
  log_set(LOG_ERROR, false);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
