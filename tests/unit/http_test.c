/* Answers of the HTTP server, from any thread and at any moment, and its end. */
#include "http_rig.h"

/* ---- answers ---- */

/* Goal: an answer at once, on a connection that stays; the value kept with the connection is freed with it. */
static void answers_at_once(void **state) {
  (void)state;
  serve(usual());
  int fd = dial();
  for (int i = 0; i < 3; i++) {
    say(fd, GET("/"));
    const char *answer = hear(fd);
    assert_int_equal(atoi(answer + 9), 200);
    assert_non_null(strstr(answer, "\r\nDate: "));
    assert_string_equal(strstr(answer, "\r\n\r\n") + 4, "hello");
  }
  say(fd, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd");
  assert_string_equal(strstr(hear(fd), "\r\n\r\n") + 4, "abcd");
  say(fd, "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n");
  assert_string_equal(strstr(hear(fd), "\r\n\r\n") + 4, "abcde");
  assert_int_equal(t.freed, 0);
  close(fd);
  await(&t.freed, 1);
  await(&t.ends, 5);
  assert_int_equal(t.last_status, 200);
  AWAIT_STAT(connections, == 0);
  assert_int_equal(http_stats(t.server).requests, 5);
}

/* Goal: what a handler sees of a request, and that a header of the answer cannot be forged. */
static void tells_what_was_asked(void **state) {
  (void)state;
  serve(usual());
  int fd = dial();
  say(fd, "POST http://a/facts?x=1&q=a%20b+c&q=2&bad=%zz HTTP/1.1\r\nHost: a\r\nX-Mine: yes\r\nContent-Length: "
          "2\r\n\r\nhi");
  const char *answer = hear(fd);
  assert_string_equal(strstr(answer, "\r\n\r\n") + 4, "POST|/facts|a b+c|yes|127.0.0.1|2|nobody|000");
  assert_non_null(strstr(answer, "\r\nX-Good: fine\r\n"));
  assert_null(strstr(answer, "Forged"));
  close(fd);
}

/* Goal: HEAD is told the length and given no body, so that the next answer follows at once. */
static void leaves_the_body_out_for_head(void **state) {
  (void)state;
  serve(usual());
  int fd = dial();
  say(fd, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  assert_non_null(strstr(hear_as(fd, true), "Content-Length: 5\r\n"));
  say(fd, GET("/"));
  expect_status(fd, 200);
  close(fd);
}

/* Goal: pipelined requests are answered in their order, whoever answers them. */
static void answers_pipelined_requests_in_order(void **state) {
  (void)state;
  serve(usual());
  int fd = dial();
  say(fd, GET("/thread") GET("/") GET("/thread") GET("/facts"));
  static const char *bodies[] = {"from afar", "hello", "from afar", "GET|"};
  for (size_t i = 0; i < COUNT(bodies); i++) {
    const char *body = strstr(hear(fd), "\r\n\r\n") + 4;
    assert_int_equal(strncmp(body, bodies[i], strlen(bodies[i])), 0);
  }
  close(fd);
}

/* Goal: a handler that refuses by the head keeps the connection when the rest is short, and spares the client's upload
   when it waits for leave. */
static void refuses_by_the_head(void **state) {
  (void)state;
  serve(usual());
  int fd = dial();
  say(fd, GET("/refuse"));
  expect_status(fd, 401);
  say(fd, "PUT /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd");
  expect_status(fd, 401);
  say(fd, "PUT /refuse HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  expect_status(fd, 401);
  expect_end(fd);
  await(&t.ends, 3);
  assert_int_equal(t.bodies, 0);
}

/* 250 requests, on one connection or each on its own; returns how many were answered 200. */
static void *ask_many(void *arg) {
  bool fresh = *(bool *)arg;
  intptr_t good = 0;
  char answer[512];
  int fd = -1;
  for (int i = 0; i < 250; i++) {
    if (fd < 0) fd = dial_port(http_port(t.server), 0);
    ssize_t n = say_n(fd, GET("/thread"), strlen(GET("/thread"))) ? recv(fd, answer, sizeof answer, 0) : -1;
    if (n > 12 && memcmp(answer + 9, "200", 3) == 0) good++;
    if (!fresh && n > 0) continue;
    close(fd);
    fd = -1;
  }
  if (fd >= 0) close(fd);
  return (void *)good;
}

static void ask_from_four_threads(bool fresh) {
  serve(usual());
  pthread_t clients[4];
  void *good;
  intptr_t sum = 0;
  for (size_t i = 0; i < COUNT(clients); i++) pthread_create(&clients[i], NULL, ask_many, &fresh);
  for (size_t i = 0; i < COUNT(clients); i++) {
    pthread_join(clients[i], &good);
    sum += (intptr_t)good;
  }
  assert_int_equal(sum, 1000);
  await(&t.ends, 1000);
  AWAIT_STAT(connections, == 0);
}

/* Goal: no answer of another thread is lost, whether it comes before or after the handler returned. */
static void loses_no_answer(void **state) {
  (void)state;
  ask_from_four_threads(false);
}

/* Goal: a thousand connections come and go, and none is left. */
static void survives_churn(void **state) {
  (void)state;
  ask_from_four_threads(true);
}

/* Goal: answering a client that went away while its request was worked on is harmless. */
static void answers_who_has_left(void **state) {
  (void)state;
  serve(usual());
  for (int i = 0; i < 20; i++) {
    int fd = dial();
    say(fd, GET("/hold"));
    await(&t.held_n, i + 1);
    struct linger reset = {1, 0};
    if (i % 2) setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd);
  }
  for (int i = 0; i < 20; i++) http_reply(t.held[i], 200, NULL, slice_of("anyone?"));
  await(&t.ends, 20);
  AWAIT_STAT(connections, == 0);
}

/* ---- the end ---- */

/* Goal: after quiesce nobody is let in, open requests are answered with Connection: close, and drain sees the last one.
 */
static void drains(void **state) {
  (void)state;
  serve(usual());
  int fd = dial();
  say(fd, GET("/hold"));
  await(&t.held_n, 1);
  http_quiesce(t.server);
  assert_int_equal(dial_port(http_port(t.server), 0), -1);
  assert_false(http_drain(t.server, clock_mono_us()));
  http_reply(t.held[0], 200, NULL, (struct slice){0});
  assert_non_null(strstr(hear(fd), "Connection: close"));
  expect_end(fd);
  assert_true(http_drain(t.server, clock_mono_us() + PATIENCE));
  assert_int_equal(t.ends, 1);
}

/* Goal: stopping with requests suspended, half sent and idle ends them all, tells the suspended ones 503, calls nobody
   afterwards, and leaves a late answer harmless. */
static void stops_in_the_middle(void **state) {
  (void)state;
  serve(usual());
  int held[8], half = dial(), idle = dial();
  for (size_t i = 0; i < COUNT(held); i++) {
    held[i] = dial();
    say(held[i], "PUT /hold HTTP/1.1\r\nHost: a\r\nX-Mine: kept\r\nContent-Length: 4\r\n\r\nabcd");
  }
  say(half, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab");
  say(idle, GET("/"));
  expect_status(idle, 200);
  await(&t.held_n, COUNT(held));
  await(&t.heads, COUNT(held) + 2);
  http_stop(t.server);
  t.server = NULL;
  int ends = t.ends;
  assert_int_equal(ends, 2);
  for (size_t i = 0; i < COUNT(held); i++) {
    expect_status(held[i], 503);
    expect_end(held[i]);
    assert_true(slice_is(http_body(t.held[i]), "abcd"));
    assert_true(slice_is(http_header(t.held[i], "x-mine"), "kept"));
    http_reply(t.held[i], 200, NULL, slice_of("late"));
  }
  expect_end(half);
  expect_end(idle);
  assert_int_equal(t.ends, ends);
}

static void *ask_until_refused(void *arg) {
  int fd = *(int *)arg;
  char answer[512];
  while (say_n(fd, GET("/thread"), strlen(GET("/thread"))) && recv(fd, answer, sizeof answer, 0) > 0) continue;
  close(fd);
  return NULL;
}

/* Goal: stopping and answers of another thread may meet at any moment. */
static void stops_while_answers_come(void **state) {
  (void)state;
  for (int round = 1; round <= 20; round++) {
    pthread_t clients[4];
    int fds[4];
    serve(usual());
    for (size_t i = 0; i < COUNT(clients); i++) {
      fds[i] = dial();
      pthread_create(&clients[i], NULL, ask_until_refused, &fds[i]);
    }
    await(&t.bodies, t.bodies + round);
    http_stop(t.server);
    t.server = NULL;
    for (size_t i = 0; i < COUNT(clients); i++) pthread_join(clients[i], NULL);
  }
}

/* Goal: an address in use is told to the operator. */
static void cannot_start_twice(void **state) {
  (void)state;
  serve(usual());
  struct http_conf conf = usual();
  struct http_server *second = NULL;
  conf.listen = http_address(t.server);
  assert_int_equal(http_start(t.cx, &second, &conf), E_UNREACHABLE);
  assert_null(second);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(answers_at_once),
      TEST(tells_what_was_asked),
      TEST(leaves_the_body_out_for_head),
      TEST(answers_pipelined_requests_in_order),
      TEST(refuses_by_the_head),
      TEST(loses_no_answer),
      TEST(survives_churn),
      TEST(answers_who_has_left),
      TEST(drains),
      TEST(stops_in_the_middle),
      TEST(stops_while_answers_come),
      TEST(cannot_start_twice),
  };
  log_set(LOG_ERROR, false);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
