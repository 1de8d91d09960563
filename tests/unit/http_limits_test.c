/* Deadlines, caps and room of the HTTP server. */
#include "http_rig.h"

/* ---- deadlines ---- */

/* Goal: a client that keeps sending headers, a byte at a time, is cut off at the absolute deadline. */
static void ends_slow_headers(void **state) {
  (void)state;
  struct http_conf conf = usual();
  conf.headers_us = 200 * 1000;
  serve(conf);
  int fd = dial();
  say(fd, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
  while (poll(&(struct pollfd){fd, POLLIN, 0}, 1, 20) == 0) say_n(fd, "x", 1);
  expect_end(fd);
  AWAIT_STAT(timeouts, == 1);
  assert_int_equal(t.heads, 0);
}

/* Goal: the same for a body; its end is told once, with status 0. */
static void ends_slow_bodies(void **state) {
  (void)state;
  struct http_conf conf = usual();
  conf.body_us = 200 * 1000;
  serve(conf);
  int fd = dial();
  say(fd, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 90000\r\n\r\n");
  while (poll(&(struct pollfd){fd, POLLIN, 0}, 1, 20) == 0) say_n(fd, "x", 1);
  expect_end(fd);
  await(&t.ends, 1);
  assert_int_equal(t.last_status, 0);
  assert_int_equal(t.bodies, 0);
  AWAIT_STAT(inflight_bytes, == 0);
  AWAIT_STAT(timeouts, == 1);
}

/* Goal: a client that does not read its answer does not hold it for ever. */
static void ends_slow_readers(void **state) {
  (void)state;
  struct http_conf conf = usual();
  conf.body_us = 200 * 1000;
  serve(conf);
  t.big = mem_alloc(BIG);
  int fd = dial_port(http_port(t.server), 4096);
  say(fd, GET("/big"));
  await(&t.ends, 1);
  assert_int_equal(t.last_status, 0);
  close(fd);
}

/* Goal: an idle connection ends, which is no time-out; a request being worked on has no deadline of the network. */
static void ends_idle_connections_only(void **state) {
  (void)state;
  struct http_conf conf = usual();
  conf.idle_us = conf.body_us = conf.headers_us = 100 * 1000;
  serve(conf);
  int idle = dial(), working = dial();
  say(working, GET("/hold"));
  await(&t.held_n, 1);
  say(idle, GET("/"));
  expect_status(idle, 200);
  expect_end(idle);
  http_reply(t.held[0], 200, NULL, (struct slice){0});
  expect_status(working, 200);
  expect_end(working);
  assert_int_equal(http_stats(t.server).timeouts, 0);
}

/* ---- caps ---- */

/* Goal: a body announced too large is refused by 413 before it is read, without asking for it (no 100), and the answer
   reaches even a client that sends it all first. */
static void refuses_large_bodies_by_length(void **state) {
  (void)state;
  serve(usual());
  int fd = dial();
  say(fd, "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 100001\r\n\r\n");
  expect_status(fd, 413);
  expect_end(fd);
  char *body = mem_alloc(4 * 1000 * 1000);
  fd = dial();
  say(fd, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000\r\n\r\n");
  assert_true(say_n(fd, body, 4 * 1000 * 1000));
  free(body);
  expect_status(fd, 413);
  close(fd);
  await(&t.ends, 2);
  assert_int_equal(t.last_status, 413);
  assert_int_equal(t.bodies, 0);
}

/* Goal: a chunked body that outgrows the cap ends the connection. */
static void ends_large_chunked_bodies(void **state) {
  (void)state;
  serve(usual());
  int fd = dial();
  char chunk[10000] = {0};
  say(fd, "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 11; i++)
    if (!say_n(fd, "2710\r\n", 6) || !say_n(fd, chunk, sizeof chunk) || !say_n(fd, "\r\n", 2)) break;
  expect_end(fd);
  await(&t.ends, 1);
  assert_int_equal(t.last_status, 0);
  assert_int_equal(t.bodies, 0);
  AWAIT_STAT(inflight_bytes, == 0);
}

/* Goal: when bodies in flight fill the server, the next one is answered 503 by its length, a chunked one ends. */
static void sheds_when_bodies_fill_it(void **state) {
  (void)state;
  struct http_conf conf = usual();
  conf.inflight_max = 100 * 1000;
  serve(conf);
  char body[80000] = {0};
  int first = dial(), second = dial(), third = dial();
  say(first, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 90000\r\n\r\n");
  assert_true(say_n(first, body, sizeof body));
  AWAIT_STAT(inflight_bytes, == 80000);
  say(second, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 20001\r\n\r\n");
  const char *answer = hear(second);
  assert_int_equal(atoi(answer + 9), 503);
  assert_non_null(strstr(answer, "Retry-After: "));
  expect_end(second);
  say(third, "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  say(third, "7530\r\n");
  say_n(third, body, 30000);
  expect_end(third);
  assert_int_equal(t.heads, 2); /* the second was never announced */
  assert_true(say_n(first, body, 10000));
  expect_status(first, 200);
  AWAIT_STAT(inflight_bytes, == 0);
  assert_int_equal(http_stats(t.server).shed, 2);
  close(first);
}

/* Goal: what two readers could take for different requests never reaches a handler. */
static void refuses_smuggling(void **state) {
  (void)state;
  static const char *bad[] = {
      "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nabcd",
      "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
      "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\nabcd",
      "PUT / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length : 4\r\n\r\nabcd",
      "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: +4\r\n\r\nabcd",
      "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\nabcd",
      "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
      "GET / HTTP/1.1\r\n\r\n",
      "GE(T / HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
      "nonsense\r\n\r\n",
  };
  serve(usual());
  for (size_t i = 0; i < COUNT(bad); i++) {
    int fd = dial();
    char c[9999];
    say(fd, bad[i]);
    ssize_t n = recv(fd, c, sizeof c - 1, MSG_WAITALL);
    c[n > 0 ? n : 0] = '\0';
    if (n > 0 && !strstr(c, "HTTP/1.1 400 ") && !strstr(c, "HTTP/1.1 413 ") && !strstr(c, "HTTP/1.1 505 "))
      fail_msg("%s was answered %s", bad[i], c);
    close(fd);
  }
  assert_int_equal(t.heads, 0);
  assert_int_equal(t.ends, 0);
}

static void ask_with(int fd, const char *before, size_t n, const char *after) {
  struct buf b = {0};
  buf_add_str(&b, before);
  while (n--) buf_add_char(&b, 'x');
  buf_add_str(&b, after);
  say_n(fd, b.p, b.n);
  buf_free(&b);
}

/* Goal: with 16 KiB for the head, a request line of 8 KiB passes; larger heads are refused with a word, and counted. */
static void bounds_the_head(void **state) {
  (void)state;
  serve(usual());
  int fd = dial();
  ask_with(fd, "GET /", 8192, " HTTP/1.1\r\nHost: a\r\n\r\n");
  expect_status(fd, 200);
  ask_with(fd, "GET /", 20000, " HTTP/1.1\r\nHost: a\r\n\r\n");
  expect_status(fd, 414);
  close(fd);
  fd = dial();
  ask_with(fd, "GET / HTTP/1.1\r\nHost: a\r\nX-Large: ", 20000, "\r\n\r\n");
  expect_status(fd, 431);
  close(fd);
  AWAIT_STAT(refused, == 2);
  assert_int_equal(t.heads, 1);
}

/* ---- room ---- */

/* Goal: at the limit the connection that was idle longest makes room; when none is idle the newcomer is told 503. */
static void makes_room(void **state) {
  (void)state;
  struct http_conf conf = usual();
  conf.connections = 20;
  serve(conf);
  int fds[20];
  for (size_t i = 0; i < COUNT(fds); i++) {
    fds[i] = dial();
    say(fds[i], GET("/"));
    expect_status(fds[i], 200);
  }
  await(&t.ends, 20);
  int late = dial();
  say(late, GET("/"));
  expect_status(late, 200);
  expect_end(fds[0]);
  for (size_t i = 1; i < COUNT(fds); i++) close(fds[i]);
  close(late);
  AWAIT_STAT(connections, == 0);
  for (size_t i = 0; i < COUNT(fds); i++) {
    fds[i] = dial();
    say(fds[i], GET("/hold"));
  }
  await(&t.held_n, 20);
  late = dial();
  say(late, GET("/"));
  expect_status(late, 503);
  expect_end(late);
  for (size_t i = 0; i < COUNT(fds); i++) http_reply(t.held[i], 200, NULL, (struct slice){0});
  for (size_t i = 0; i < COUNT(fds); i++) {
    expect_status(fds[i], 200);
    close(fds[i]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(ends_slow_headers),
      TEST(ends_slow_bodies),
      TEST(ends_slow_readers),
      TEST(ends_idle_connections_only),
      TEST(refuses_large_bodies_by_length),
      TEST(ends_large_chunked_bodies),
      TEST(sheds_when_bodies_fill_it),
      TEST(refuses_smuggling),
      TEST(bounds_the_head),
      TEST(makes_room),
  };
  log_set(LOG_ERROR, false);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
