/* The HTTP/2 client against our own server, and against hand-made frames of a hostile peer. */
#include "lib/net_addr.h"
#include "lib/net_h2.h"
#include "net_certs.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <cmocka.h>

enum { MANY = 1000 };

static struct ctx *cx;
static struct certs cs;

/* ---- the client's side ---- */
struct answer {
  int status;
  bool unprocessed;
  char apns_id[64], body[64];
  size_t body_n;
};

struct client {
  struct h2 *h2;
  struct tls_client *tls;
  int ready, goaways, closed;
  enum err e;
  char reason[640], debug[128];
  size_t answers;
  struct answer of[MANY]; /* by tag */
};

static void on_ready(void *arg) { ((struct client *)arg)->ready++; }

static void on_response(void *arg, void *tag, const struct h2_response *r) {
  struct client *c = arg;
  struct answer *a = tag;
  assert_int_equal(a->status, -1); /* reported once */
  *a = (struct answer){.status = r->status, .unprocessed = r->unprocessed, .body_n = r->body.n};
  snprintf(a->apns_id, sizeof a->apns_id, "%.*s", (int)r->apns_id.n, r->apns_id.p ? r->apns_id.p : "");
  snprintf(a->body, sizeof a->body, "%.*s", (int)r->body.n, r->body.p ? r->body.p : "");
  c->answers++;
}

static void on_goaway(void *arg, uint32_t code, struct slice debug) {
  struct client *c = arg;
  c->goaways++;
  assert_int_equal(code, 0);
  snprintf(c->debug, sizeof c->debug, "%.*s", (int)debug.n, debug.p);
}

static void on_closed(void *arg, enum err e, const char *reason) {
  struct client *c = arg;
  c->closed++;
  c->e = e;
  snprintf(c->reason, sizeof c->reason, "%s", reason);
}

struct wish { /* what differs from a good connection */
  const char *ca_file;
  int64_t connect_us, ping_us;
};

static struct client *client_open(int port, struct wish w) {
  struct client *c = mem_alloc(sizeof *c);
  struct addr a;
  char text[32];
  struct tls_client_conf tls = {.ca_file = w.ca_file ? w.ca_file : cs.ca_file,
                                .cert_pem = cs.client.cert,
                                .key_pem = cs.client.key,
                                .alpn_h2 = true};
  snprintf(text, sizeof text, "127.0.0.1:%d", port);
  must(cx, addr_parse(cx, &a, text));
  must(cx, tls_client_new(cx, &c->tls, &tls));
  struct h2_conf conf = {.address = slice_mem(&a.ss, a.n),
                         .host = "localhost",
                         .port = port,
                         .tls = c->tls,
                         .cb = {on_ready, on_response, on_goaway, on_closed},
                         .arg = c,
                         .connect_us = w.connect_us,
                         .ping_us = w.ping_us};
  must(cx, h2_open(cx, &c->h2, &conf));
  for (size_t i = 0; i < MANY; i++) c->of[i].status = -1;
  return c;
}

static void client_free(struct client *c) {
  h2_free(c->h2);
  tls_client_free(c->tls);
  free(c);
}

static void client_step(struct client *c, int wait_ms) {
  struct pollfd p = {.fd = h2_fd(c->h2), .events = h2_events(c->h2)};
  int64_t deadline = h2_next_deadline(c->h2), left = deadline ? (deadline - clock_mono_us()) / 1000 + 1 : wait_ms;
  if (left < wait_ms) wait_ms = left < 0 ? 0 : (int)left;
  poll(&p, 1, wait_ms);
  h2_io(c->h2, p.revents);
}

/* Serves the connection until *what reaches n; a test that hangs fails here. */
#define UNTIL(c, what, n)                                                                                              \
  do {                                                                                                                 \
    int64_t give_up_ = clock_mono_us() + 20 * US_SECOND;                                                               \
    while ((what) < (n) && clock_mono_us() < give_up_) client_step((c), 20);                                           \
    assert_true((what) >= (n));                                                                                        \
  } while (0)

static enum err post(struct client *c, size_t i, const char *path) {
  char id[16];
  snprintf(id, sizeof id, "id-%zu", i);
  const struct h2_header headers[] = {{"apns-topic", "com.apple.mgmt.External.test"}, {"apns-id", id}};
  return h2_submit(cx, c->h2, path, headers, 2, slice_of("{\"mdm\":\"magic\"}"), &c->of[i]);
}

static void post_all(struct client *c, size_t n) {
  for (size_t i = 0; i < n; i++) must(cx, post(c, i, "/3/device/00"));
  h2_io(c->h2, 0);
}

/* ---- our server, with a behaviour ---- */
struct server {
  struct h2_server *s;
  struct tls_server *tls;
  enum { ANSWER, HOLD, GOAWAY, DROP } mode;
  int at; /* goaway, drop: at which request */
  atomic_int seen, wrong;
  atomic_bool release;
  int64_t held[MANY];
  int held_n;
  struct slice client_der;
};

static void answer(struct h2_server *s, int64_t id, const char *apns_id) {
  const struct h2_header h[] = {{"apns-id", apns_id}};
  h2_server_reply(s, id, 410, h, 1, slice_of("{\"reason\":\"Unregistered\"}"));
}

static bool as_sent(const struct server *t, const struct h2_server_req *rq) {
  const char *topic = rq->header(rq, "apns-topic");
  return strcmp(rq->method, "POST") == 0 && strcmp(rq->path, "/3/device/00") == 0 && topic && rq->header_n == 2 &&
         strcmp(topic, "com.apple.mgmt.External.test") == 0 && !rq->header(rq, "apns-priority") &&
         slice_is(rq->body, "{\"mdm\":\"magic\"}") && slice_eq(rq->peer_cert, t->client_der);
}

static void on_request(struct h2_server *s, const struct h2_server_req *rq, void *arg) {
  struct server *t = arg;
  int n = ++t->seen;
  if (!as_sent(t, rq)) t->wrong++;
  if (t->mode == HOLD) t->held[t->held_n++] = rq->id;
  if (t->mode == GOAWAY && n == t->at) h2_server_goaway(s, rq->connection, "{\"reason\":\"Shutdown\"}");
  if (t->mode == DROP && n == t->at) h2_server_drop(s, 0);
  if (t->mode == ANSWER || t->mode == GOAWAY) answer(s, rq->id, rq->header(rq, "apns-id"));
}

static void on_tick(struct h2_server *s, void *arg) {
  struct server *t = arg;
  if (!t->release) return;
  for (int i = 0; i < t->held_n; i++) answer(s, t->held[i], "late");
  t->held_n = 0;
}

static struct server *server_start(int mode, int at, uint32_t streams) {
  struct server *t = mem_alloc(sizeof *t);
  struct pki_cert **sent;
  size_t n;
  ctx_clear_error(cx);
  memcpy(&t->mode, &mode, sizeof t->mode);
  t->at = at;
  must(cx, pki_certs_parse_pem(cx, &sent, &n, cs.client.cert));
  t->client_der = pki_cert_der(sent[0]);
  must(cx, tls_server_new(cx, &t->tls, cs.server.cert, cs.server.key, true));
  must(cx, h2_server_start(cx, &t->s,
                           &(struct h2_server_conf){.listen = "127.0.0.1:0",
                                                    .tls = t->tls,
                                                    .max_streams = streams,
                                                    .request = on_request,
                                                    .tick = on_tick,
                                                    .arg = t}));
  return t;
}

static void server_stop(struct server *t) {
  h2_server_stop(t->s);
  tls_server_free(t->tls);
  free(t);
}

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

static void expect_end(struct client *c, enum err e, const char *words) {
  UNTIL(c, c->closed, 1);
  assert_int_equal(c->e, e);
  if (!strstr(c->reason, words)) fail_msg("reason is: %s", c->reason);
  assert_false(h2_usable(c->h2));
  assert_true(h2_is_closed(c->h2));
  assert_int_equal(h2_fd(c->h2), -1);
  assert_int_equal(h2_open_streams(c->h2), 0);
  assert_int_equal(post(c, 999, "/"), E_UNAVAILABLE);
  client_free(c);
}

/* ---- opening ---- */
/* goal: a port where nobody listens is told with the address */
static void test_refused(void **state) {
  (void)state;
  char words[80];
  struct addr a;
  must(cx, addr_parse(cx, &a, "127.0.0.1:0"));
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); /* bound, so that the port is ours, but not listening */
  assert_int_equal(bind(fd, (struct sockaddr *)&a.ss, a.n), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&a.ss, &a.n), 0);
  snprintf(words, sizeof words, "localhost:%d cannot be reached: Connection refused", addr_port(&a));
  expect_end(client_open(addr_port(&a), (struct wish){0}), E_UNREACHABLE, words);
  close(fd);
}

/* goal: an untrusted issuer ends the connection before anything was sent, and is named */
static void test_untrusted(void **state) {
  (void)state;
  struct certs other = {0};
  certs_make(cx, &other);
  struct server *t = server_start(ANSWER, 0, 0);
  struct client *c = client_open(h2_server_port(t->s), (struct wish){.ca_file = other.ca_file});
  UNTIL(c, c->closed, 1);
  assert_int_equal(c->ready, 0);
  expect_end(c, E_UNREACHABLE, "issued by Pomona Test CA, which is not trusted");
  server_stop(t);
  certs_free(&other);
}

/* goal: a peer without ALPN h2 is refused clearly */
static void test_no_alpn(void **state) {
  (void)state;
  struct server *t = server_start(ANSWER, 0, 0);
  tls_server_drill(t->tls, TLS_REFUSE_NONE, true);
  expect_end(client_open(h2_server_port(t->s), (struct wish){0}), E_UNREACHABLE, "does not speak HTTP/2 (ALPN)");
  server_stop(t);
}

/* goal: a revoked client certificate is reported as such, though TLS 1.3 tells only after the handshake */
static void test_revoked(void **state) {
  (void)state;
  struct server *t = server_start(ANSWER, 0, 0);
  tls_server_drill(t->tls, TLS_REFUSE_REVOKED, false);
  struct client *c = client_open(h2_server_port(t->s), (struct wish){0});
  UNTIL(c, c->closed, 1);
  assert_int_equal(h2_alert(c->h2), 44);
  assert_int_equal(c->ready, 0);
  assert_int_equal(h2_server_connections(t->s), 0);
  expect_end(c, E_UNREACHABLE, "localhost refused our certificate: certificate revoked (TLS alert 44)");
  server_stop(t);
}

/* goal: a peer that accepts and says nothing is given up at the deadline, and the step is named */
static void test_deadlines(void **state) {
  (void)state;
  struct raw r;
  struct client *c = raw_listen(&r, (struct wish){.connect_us = US_SECOND / 20});
  expect_end(c, E_TIMEOUT, "did not answer in time (TLS handshake)");
  raw_close(&r);
  c = raw_open(&r, (struct wish){.connect_us = US_SECOND});
  assert_int_equal(c->ready, 0);
  assert_int_equal(post(c, 0, "/"), E_UNAVAILABLE); /* not before the peer's SETTINGS */
  expect_end(c, E_TIMEOUT, "did not answer in time (HTTP/2 SETTINGS)");
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
  expect_end(c, E_UNREACHABLE, words);
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

/* goal: a ping without an answer ends the connection; with one it goes on */
static void test_ping(void **state) {
  (void)state;
  struct raw r;
  struct buf b = {0};
  struct client *c = raw_open(&r, (struct wish){.ping_us = US_SECOND / 2});
  add_frame(&b, SETTINGS, 0, 0, BYTES(""));
  raw_send(&r, c, &b);
  UNTIL(c, c->ready, 1);
  h2_ping(c->h2);
  assert_true(h2_next_deadline(c->h2) > 0);
  expect_end(c, E_TIMEOUT, "did not answer a PING in time");
  raw_close(&r);

  struct server *t = server_start(ANSWER, 0, 0);
  c = client_open(h2_server_port(t->s), (struct wish){0});
  UNTIL(c, c->ready, 1);
  h2_ping(c->h2);
  h2_io(c->h2, 0);
  UNTIL(c, h2_next_deadline(c->h2) == 0, 1);
  assert_true(h2_usable(c->h2));
  client_free(c);
  server_stop(t);
}

/* ---- with our server ---- */
/* goal: GOAWAY: what was processed is answered, the rest is known not to have been, and the text is handed on */
static void test_goaway(void **state) {
  (void)state;
  struct server *t = server_start(GOAWAY, 3, 0);
  struct client *c = client_open(h2_server_port(t->s), (struct wish){0});
  UNTIL(c, c->ready, 1);
  post_all(c, 10);
  UNTIL(c, c->answers, 10);
  for (size_t i = 0; i < 10; i++) {
    assert_int_equal(c->of[i].status, i < 3 ? 410 : 0);
    assert_int_equal(c->of[i].unprocessed, i >= 3);
  }
  UNTIL(c, c->closed, 1);
  assert_int_equal(c->goaways, 1);
  assert_string_equal(c->debug, "{\"reason\":\"Shutdown\"}");
  assert_int_equal(t->seen, 3);
  expect_end(c, E_UNAVAILABLE, "localhost closed the connection: GOAWAY NO_ERROR, {\"reason\":\"Shutdown\"}");
  server_stop(t);
}

/* goal: a lost connection reports every open request once, as unknown, then its end */
static void test_drop(void **state) {
  (void)state;
  struct server *t = server_start(DROP, 5, 0);
  struct client *c = client_open(h2_server_port(t->s), (struct wish){0});
  UNTIL(c, c->ready, 1);
  post_all(c, 10);
  UNTIL(c, c->closed, 1);
  assert_int_equal(c->answers, 10);
  for (size_t i = 0; i < 10; i++) assert_false(c->of[i].status != 0 || c->of[i].unprocessed);
  assert_int_equal(c->goaways, 0);
  expect_end(c, E_UNREACHABLE, "localhost");
  server_stop(t);
}

/* goal: the peer's limit on streams is kept, and room comes back with the answers */
static void test_room(void **state) {
  (void)state;
  struct server *t = server_start(HOLD, 0, 5);
  struct client *c = client_open(h2_server_port(t->s), (struct wish){0});
  assert_int_equal(h2_room(c->h2), 0);
  UNTIL(c, c->ready, 1);
  assert_int_equal(h2_room(c->h2), 5);
  post_all(c, 5);
  assert_int_equal(h2_room(c->h2), 0);
  assert_int_equal(h2_open_streams(c->h2), 5);
  assert_int_equal(post(c, 5, "/3/device/00"), E_UNAVAILABLE);
  UNTIL(c, t->seen, 5);
  t->release = true;
  h2_server_wake(t->s);
  UNTIL(c, c->answers, 5);
  assert_string_equal(c->of[4].apns_id, "late");
  assert_int_equal(h2_room(c->h2), 5);
  client_free(c);
  server_stop(t);
}

/* goal: shutting down lets open requests be answered, then ends in order */
static void test_shutdown(void **state) {
  (void)state;
  struct server *t = server_start(HOLD, 0, 0);
  struct client *c = client_open(h2_server_port(t->s), (struct wish){0});
  UNTIL(c, c->ready, 1);
  post_all(c, 3);
  h2_shutdown(c->h2);
  assert_false(h2_usable(c->h2));
  UNTIL(c, t->seen, 3);
  assert_int_equal(c->closed, 0);
  t->release = true;
  h2_server_wake(t->s);
  UNTIL(c, c->answers, 3);
  assert_int_equal(c->of[2].status, 410);
  expect_end(c, OK, "closed");
  server_stop(t);
}

/* goal: a thousand requests at a time, more than the flow-control window holds, arrive as sent and get their own
 * answers */
static void test_many(void **state) {
  (void)state;
  char id[16];
  struct server *t = server_start(ANSWER, 0, 0);
  struct client *c = client_open(h2_server_port(t->s), (struct wish){0});
  UNTIL(c, c->ready, 1);
  assert_int_equal(h2_room(c->h2), MANY);
  post_all(c, MANY);
  UNTIL(c, c->answers, MANY);
  for (size_t i = 0; i < MANY; i++) {
    snprintf(id, sizeof id, "id-%zu", i);
    assert_int_equal(c->of[i].status, 410);
    assert_string_equal(c->of[i].apns_id, id);
    assert_string_equal(c->of[i].body, "{\"reason\":\"Unregistered\"}");
  }
  assert_int_equal(t->seen, MANY);
  assert_int_equal(t->wrong, 0);
  assert_int_equal(h2_server_connections(t->s), 1);
  client_free(c);
  server_stop(t);
}

static int set_up(void **state) {
  (void)state;
  cx = ctx_new();
  certs_make(cx, &cs);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  certs_free(&cs);
  ctx_free(cx);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_refused),     cmocka_unit_test(test_untrusted),
      cmocka_unit_test(test_no_alpn),     cmocka_unit_test(test_revoked),
      cmocka_unit_test(test_deadlines),   cmocka_unit_test(test_endless_continuation),
      cmocka_unit_test(test_header_bomb), cmocka_unit_test(test_floods),
      cmocka_unit_test(test_nonsense),    cmocka_unit_test(test_large_body),
      cmocka_unit_test(test_stream_ends), cmocka_unit_test(test_ping),
      cmocka_unit_test(test_goaway),      cmocka_unit_test(test_drop),
      cmocka_unit_test(test_room),        cmocka_unit_test(test_shutdown),
      cmocka_unit_test(test_many),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
