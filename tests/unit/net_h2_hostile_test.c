/* The HTTP/2 client against a peer that says what the test tells it to: silence, floods, nonsense. */
#include "net_h2_rig.h"

/* ---- a peer that says what the test tells it to ---- */
struct raw {
  int listener, fd;
  struct tls_server *server;
  struct tls *tls;
};

static struct client *raw_listen(struct raw *r, struct wish w) {
  struct addr bound;
  *r = (struct raw){.fd = -1};
  ctx_clear_error(cx);
  must(cx, addr_listen(cx, &r->listener, &bound, "127.0.0.1:0"));
  must(cx, tls_server_new(cx, &r->server, cs.server.cert, cs.server.key, true));
  return client_open(addr_port(&bound), w);
}

/* Accepts c's connection and does the TLS handshake. */
static struct client *raw_open(struct raw *r, struct wish w) {
  struct client *c = raw_listen(r, w);
  for (int i = 0; i < 1000 && r->fd < 0; i++) {
    client_step(c, 1);
    r->fd = accept4(r->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  }
  assert_true(r->fd >= 0);
  must(cx, tls_open_server(cx, &r->tls, r->server, r->fd));
  for (int i = 0; i < 1000 && tls_handshake(r->tls) != TLS_DONE; i++) client_step(c, 1);
  assert_int_equal(tls_handshake(r->tls), TLS_DONE);
  return c;
}

static void raw_close(struct raw *r) {
  tls_free(r->tls);
  tls_server_free(r->server);
  if (r->fd >= 0) close(r->fd);
  close(r->listener);
}

/* Hands b to the client, which reads meanwhile; stops when it has closed. */
static void raw_send(struct raw *r, struct client *c, struct buf *b) {
  size_t at = 0, n;
  uint8_t drain[4096];
  while (at < b->n && !c->closed) {
    enum tls_io io = tls_write(r->tls, b->p + at, b->n - at, &n);
    if (io == TLS_DONE) at += n;
    if (io == TLS_CLOSED || io == TLS_FAILED) break;
    client_step(c, 0);
    while (tls_read(r->tls, drain, sizeof drain, &n) == TLS_DONE) continue;
  }
  buf_free(b);
}

static void add_frame(struct buf *b, int type, int flags, uint32_t stream, struct slice payload) {
  const unsigned char head[] = {(unsigned char)(payload.n >> 16),
                                (unsigned char)(payload.n >> 8),
                                (unsigned char)payload.n,
                                (unsigned char)type,
                                (unsigned char)flags,
                                0,
                                0,
                                (unsigned char)(stream >> 8),
                                (unsigned char)stream};
  buf_add(b, head, sizeof head);
  buf_add_slice(b, payload);
}
enum { DATA, HEADERS, RST_STREAM = 3, SETTINGS, PING = 6, CONTINUATION = 9, END_STREAM = 1, ACK = 1, END_HEADERS = 4 };
#define BYTES(s) slice_mem(s, sizeof(s) - 1)

/* A client that is ready, its first n requests out, the peer being r. */
static struct client *raw_ready(struct raw *r, size_t n) {
  struct buf b = {0};
  struct client *c = raw_open(r, (struct wish){0});
  add_frame(&b, SETTINGS, 0, 0, BYTES(""));
  raw_send(r, c, &b);
  UNTIL(c, c->ready, 1);
  post_all(c, n);
  return c;
}

/* goal: a peer that accepts and says nothing is given up at the deadline, and the step is named */
static void test_deadlines(void **state) {
  (void)state;
  struct raw r;
  struct client *c = raw_listen(&r, (struct wish){.connect_us = US_SECOND / 20});
  expect_trouble(c, H2_LATE, E_TIMEOUT, "did not answer in time (TLS handshake)");
  raw_close(&r);
  c = raw_open(&r, (struct wish){.connect_us = 3 * US_SECOND});
  assert_int_equal(c->ready, 0);
  assert_int_equal(post(c, 0, "/"), E_UNAVAILABLE); /* not before the peer's SETTINGS */
  expect_trouble(c, H2_LATE, E_TIMEOUT, "did not answer in time (HTTP/2 SETTINGS)");
  raw_close(&r);
}

/* ---- a hostile peer ---- */
/* status: of the answer that was complete before the offence, or 0 */
static void expect_defence(struct buf *b, int status, const char *words) {
  struct raw r;
  struct client *c = raw_ready(&r, 1);
  raw_send(&r, c, b);
  UNTIL(c, c->closed, 1);
  assert_int_equal(c->answers, 1);
  assert_int_equal(c->of[0].status, status);
  assert_false(c->of[0].unprocessed);
  expect_trouble(c, H2_BROKEN, E_UNREACHABLE, words);
  raw_close(&r);
}

/* goal: CONTINUATION frames without end, even empty ones, end the connection */
static void test_endless_continuation(void **state) {
  (void)state;
  struct buf b = {0};
  add_frame(&b, HEADERS, 0, 1, BYTES("\x88"));
  for (int i = 0; i < 10; i++) add_frame(&b, CONTINUATION, 0, 1, BYTES(""));
  expect_defence(&b, 0, "headers without end");
}

/* goal: a header block that is small on the wire and large when decoded ends the connection */
static void test_header_bomb(void **state) {
  (void)state;
  struct buf block = {0}, b = {0};
  buf_add(&block, "\x88\x40\x01x\x7f\x81\x07", 7); /* :status 200; "x" with a value of 1024 bytes, to be indexed */
  for (int i = 0; i < 1024; i++) buf_add_char(&block, 'y');
  for (int i = 0; i < 100; i++) buf_add_char(&block, (char)0xbe); /* the same again, one byte each */
  add_frame(&b, HEADERS, END_HEADERS, 1, buf_slice(&block));
  buf_free(&block);
  expect_defence(&b, 0, "headers without end");
}

/* goal: pings, empty data and settings without end are a flood, however willingly they are answered */
static void test_floods(void **state) {
  (void)state;
  struct buf b = {0};
  for (int i = 0; i < 100000; i++) add_frame(&b, PING, 0, 0, BYTES("01234567"));
  expect_defence(&b, 0, "lood");
  add_frame(&b, HEADERS, END_HEADERS, 1, BYTES("\x88"));
  for (int i = 0; i < 100000; i++) add_frame(&b, DATA, 0, 1, BYTES(""));
  expect_defence(&b, 200, "lood");
  for (int i = 0; i < 100000; i++) add_frame(&b, SETTINGS, 0, 0, BYTES("\0\3\0\0\0\1"));
  expect_defence(&b, 0, "lood");
}

/* goal: what is no HTTP/2 ends the connection: SETTINGS that are too many, frames on no stream, plain text */
static void test_nonsense(void **state) {
  (void)state;
  struct buf b = {0}, many = {0};
  for (int i = 0; i < 40; i++) buf_add(&many, "\x77\x77\0\0\0\1", 6);
  add_frame(&b, SETTINGS, 0, 0, buf_slice(&many));
  buf_free(&many);
  expect_defence(&b, 0, "ENHANCE_YOUR_CALM");
  add_frame(&b, HEADERS, END_HEADERS, 77, BYTES("\x88"));
  expect_defence(&b, 0, "HTTP/2: ");
  buf_add_str(&b, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
  expect_defence(&b, 0, "HTTP/2: FRAME_SIZE_ERROR");
}

/* goal: of a large body 4 KiB are kept; above 64 KiB the stream is reset, and the connection serves on */
static void test_large_body(void **state) {
  (void)state;
  static char fill[16384];
  struct raw r;
  struct buf b = {0};
  struct client *c = raw_ready(&r, 2);
  memset(fill, 'z', sizeof fill);
  add_frame(&b, HEADERS, END_HEADERS, 1, BYTES("\x88"));
  raw_send(&r, c, &b);
  for (int i = 0; i < 6; i++) {
    add_frame(&b, DATA, 0, 1, slice_mem(fill, i < 3 ? 16000 : 9000)); /* within the window that it has */
    raw_send(&r, c, &b);
  }
  UNTIL(c, c->answers, 1);
  assert_int_equal(c->of[0].status, 200);
  assert_int_equal(c->of[0].body_n, 4096);
  add_frame(&b, HEADERS, END_HEADERS | END_STREAM, 3, BYTES("\x88"));
  raw_send(&r, c, &b);
  UNTIL(c, c->answers, 2);
  assert_true(h2_usable(c->h2));
  client_free(c);
  raw_close(&r);
}

/* goal: a refused stream is known to be unprocessed, another reset is not; an interim answer is none */
static void test_stream_ends(void **state) {
  (void)state;
  struct raw r;
  struct buf b = {0};
  struct client *c = raw_ready(&r, 4);
  add_frame(&b, RST_STREAM, 0, 1, BYTES("\0\0\0\7"));
  add_frame(&b, RST_STREAM, 0, 3, BYTES("\0\0\0\2"));
  add_frame(&b, HEADERS, END_HEADERS, 5,
            BYTES("\x08\x03"
                  "100"));
  add_frame(&b, HEADERS, END_HEADERS | END_STREAM, 5, BYTES("\x88"));
  add_frame(&b, HEADERS, END_HEADERS, 7,
            BYTES("\x08\x03"
                  "100"));
  add_frame(&b, RST_STREAM, 0, 7, BYTES("\0\0\0\2"));
  raw_send(&r, c, &b);
  UNTIL(c, c->answers, 4);
  assert_int_equal(c->of[0].status, 0);
  assert_true(c->of[0].unprocessed);
  assert_int_equal(c->of[1].status, 0);
  assert_false(c->of[1].unprocessed);
  assert_int_equal(c->of[2].status, 200);
  assert_int_equal(c->of[3].status, 0);
  assert_true(h2_usable(c->h2));
  client_free(c);
  raw_close(&r);
}

/* goal: a ping without an answer ends the connection */
static void test_ping_unanswered(void **state) {
  (void)state;
  struct raw r;
  struct buf b = {0};
  struct client *c = raw_open(&r, (struct wish){.ping_us = US_SECOND / 2});
  add_frame(&b, SETTINGS, 0, 0, BYTES(""));
  raw_send(&r, c, &b);
  UNTIL(c, c->ready, 1);
  h2_ping(c->h2);
  assert_true(h2_next_deadline(c->h2) > 0);
  expect_trouble(c, H2_LATE, E_TIMEOUT, "did not answer a PING in time");
  raw_close(&r);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_deadlines),   cmocka_unit_test(test_endless_continuation),
      cmocka_unit_test(test_header_bomb), cmocka_unit_test(test_floods),
      cmocka_unit_test(test_nonsense),    cmocka_unit_test(test_large_body),
      cmocka_unit_test(test_stream_ends), cmocka_unit_test(test_ping_unanswered),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
