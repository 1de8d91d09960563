/* Bodies that are not held, and answers from a file. */
#include "http_rig.h"

enum { MIB = 1 << 20, LIMIT = 4 * MIB, FILE_SIZE = 300 * 1000 };

static atomic_llong taken;
static atomic_bool refuse;
static int64_t claimed = FILE_SIZE - 1000;

static bool take(struct http_req *rq, struct slice bytes, void *arg) {
  (void)rq, (void)arg;
  taken += (long long)bytes.n;
  return !refuse;
}

static size_t stream_head(struct http_req *rq, void *arg) {
  (void)arg;
  if (slice_is(http_path(rq), "/up")) http_stream_body(rq, take, NULL);
  return LIMIT;
}

static void stream_body(struct http_req *rq, void *arg) {
  (void)arg;
  if (!slice_is(http_path(rq), "/file")) {
    http_reply(rq, 200, NULL, slice_of(http_body(rq).n ? "held" : "streamed"));
    return;
  }
  char path[] = "/tmp/pomona-stream-XXXXXX";
  int fd = mkstemp(path);
  unlink(path);
  char *bytes = ctx_alloc(http_cx(rq), FILE_SIZE);
  for (int i = 0; i < FILE_SIZE; i++) bytes[i] = (char)('a' + i % 23);
  if (write(fd, bytes, FILE_SIZE) != FILE_SIZE) abort();
  http_reply_file(rq, 206, "text/plain", &(struct http_file){fd, 1000, claimed});
}

static void serve_streams(int64_t body_us, int64_t stall_us) {
  struct http_conf conf = usual();
  taken = 0;
  refuse = false;
  conf.handler = (struct http_handler){stream_head, stream_body, on_end, NULL, NULL};
  conf.inflight_max = 100 * 1000;
  conf.body_us = body_us;
  conf.stall_us = stall_us;
  serve(conf);
}

static void say_zeros(int fd, size_t n) {
  char *zeros = ctx_alloc(t.cx, n);
  assert_true(say_n(fd, zeros, n));
}

/* goal: a body over its cap, of which no length was told, ends the connection */
static void test_over_the_cap(void **state) {
  (void)state;
  serve_streams(US_MINUTE, 0);
  int fd = dial();
  say(fd, "PUT /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  say(fd, ctx_printf(t.cx, "%x\r\n", LIMIT + 1));
  char *zeros = ctx_alloc(t.cx, LIMIT + 1);
  (void)say_n(fd, zeros, LIMIT + 1); /* it may be cut off on the way */
  expect_end(fd);
  await(&t.ends, 1);
  assert_int_equal(t.last_status, 0);
}

/* goal: one who takes the bytes can end it */
static void test_refused_on_the_way(void **state) {
  (void)state;
  serve_streams(US_MINUTE, 0);
  refuse = true;
  int fd = dial();
  say(fd, "PUT /up HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n");
  say_zeros(fd, 10);
  expect_end(fd);
}

/* goal: it does not count as held, however large, and one byte is no progress that keeps it open */
static void test_streamed(void **state) {
  (void)state;
  serve_streams(200 * 1000, US_MINUTE);
  int fd = dial(), slow = dial();
  say(fd, "PUT /up HTTP/1.1\r\nHost: a\r\nContent-Length: 3145728\r\n\r\n");
  say_zeros(fd, MIB); /* good for half a minute */
  say(slow, "PUT /up HTTP/1.1\r\nHost: a\r\nContent-Length: 3145728\r\n\r\nx");
  AWAIT_STAT(timeouts, == 1);
  expect_end(slow);
  assert_int_equal(http_stats(t.server).inflight_bytes, 0);
  say_zeros(fd, 2 * MIB);
  assert_non_null(strstr(hear(fd), "streamed"));
  assert_int_equal(taken, 3 * MIB + 1);
  say(fd, GET("/x")); /* and the connection goes on */
  expect_status(fd, 200);
  close(fd);
}

/* goal: one that came fast and then stands still is cut off, however much of it there is already */
static void test_stalled(void **state) {
  (void)state;
  serve_streams(US_MINUTE, 200 * 1000);
  int fd = dial();
  say(fd, "PUT /up HTTP/1.1\r\nHost: a\r\nContent-Length: 3145728\r\n\r\n");
  say_zeros(fd, 2 * MIB);
  expect_end(fd);
  AWAIT_STAT(timeouts, == 1);
}

/* goal: a part of a file comes as it is; HEAD gets none of it */
static void test_file(void **state) {
  (void)state;
  serve_streams(US_MINUTE, 0);
  int fd = dial();
  say(fd, GET("/file"));
  const char *answer = hear(fd), *body = strstr(answer, "\r\n\r\n") + 4;
  assert_non_null(strstr(answer, "206"));
  assert_int_equal(strlen(body), FILE_SIZE - 1000);
  for (int i = 0; i < FILE_SIZE - 1000; i++) assert_int_equal(body[i], 'a' + (i + 1000) % 23);
  say(fd, "HEAD /file HTTP/1.1\r\nHost: a\r\n\r\n");
  assert_non_null(strstr(hear_as(fd, true), ctx_printf(t.cx, "Content-Length: %d", FILE_SIZE - 1000)));
  say(fd, GET("/x"));
  expect_status(fd, 200);
  close(fd);
}

/* goal: a file that turns out shorter is not made up for: the connection is cut */
static void test_short_file(void **state) {
  (void)state;
  serve_streams(US_MINUTE, 0);
  claimed = FILE_SIZE;
  int fd = dial();
  say(fd, GET("/file"));
  const char *answer = hear(fd), *body = strstr(answer, "\r\n\r\n") + 4;
  assert_true(strlen(body) <= FILE_SIZE - 1000);
  close(fd);
  claimed = FILE_SIZE - 1000;
}

int main(void) {
  const struct CMUnitTest tests[] = {TEST(test_over_the_cap), TEST(test_refused_on_the_way),
                                     TEST(test_streamed),     TEST(test_stalled),
                                     TEST(test_file),         TEST(test_short_file)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
