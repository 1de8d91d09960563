/* A client of the HTTP/2 tests that writes down what it is told, and waits for it. */
#ifndef POMONA_TESTS_NET_H2_RIG_H
#define POMONA_TESTS_NET_H2_RIG_H

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

static struct ctx *cx; /* of all tests; cases clear its error */
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

static inline void on_ready(void *arg) { ((struct client *)arg)->ready++; }

static inline void on_response(void *arg, void *tag, const struct h2_response *r) {
  struct client *c = arg;
  struct answer *a = tag;
  assert_int_equal(a->status, -1); /* reported once */
  *a = (struct answer){.status = r->status, .unprocessed = r->unprocessed, .body_n = r->body.n};
  snprintf(a->apns_id, sizeof a->apns_id, "%.*s", (int)r->apns_id.n, r->apns_id.p ? r->apns_id.p : "");
  snprintf(a->body, sizeof a->body, "%.*s", (int)r->body.n, r->body.p ? r->body.p : "");
  c->answers++;
}

static inline void on_goaway(void *arg, uint32_t code, struct slice debug) {
  struct client *c = arg;
  c->goaways++;
  assert_int_equal(code, 0);
  snprintf(c->debug, sizeof c->debug, "%.*s", (int)debug.n, debug.p);
}

static inline void on_closed(void *arg, enum err e, const char *reason) {
  struct client *c = arg;
  c->closed++;
  c->e = e;
  snprintf(c->reason, sizeof c->reason, "%s", reason);
}

struct wish { /* what differs from a good connection */
  const char *ca_file;
  int64_t connect_us, ping_us;
  bool proxy; /* what listens is a proxy, the host behind it localhost:443 */
};

static inline struct client *client_open(int port, struct wish w) {
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
  struct slice address = slice_mem(&a.ss, a.n);
  struct h2_conf conf = {.address = w.proxy ? (struct slice){0} : address,
                         .proxy = {w.proxy ? address : (struct slice){0}, "Basic dTpw"},
                         .host = "localhost",
                         .port = w.proxy ? 443 : port,
                         .tls = c->tls,
                         .cb = {on_ready, on_response, on_goaway, on_closed},
                         .arg = c,
                         .connect_us = w.connect_us,
                         .ping_us = w.ping_us};
  must(cx, h2_open(cx, &c->h2, &conf));
  for (size_t i = 0; i < MANY; i++) c->of[i].status = -1;
  return c;
}

static inline void client_free(struct client *c) {
  h2_free(c->h2);
  tls_client_free(c->tls);
  free(c);
}

static inline void client_step(struct client *c, int wait_ms) {
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

static inline enum err post(struct client *c, size_t i, const char *path) {
  char id[16];
  snprintf(id, sizeof id, "id-%zu", i);
  const struct h2_header headers[] = {{"apns-topic", "com.apple.mgmt.External.test"}, {"apns-id", id}};
  return h2_submit(cx, c->h2, path, headers, 2, slice_of("{\"mdm\":\"magic\"}"), &c->of[i]);
}

static inline void post_all(struct client *c, size_t n) {
  for (size_t i = 0; i < n; i++) must(cx, post(c, i, "/3/device/00"));
  h2_io(c->h2, 0);
}

static inline void expect_end(struct client *c, enum err e, const char *words) {
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

static inline void expect_trouble(struct client *c, enum h2_trouble trouble, enum err e, const char *words) {
  UNTIL(c, c->closed, 1);
  assert_int_equal(h2_trouble(c->h2), trouble);
  expect_end(c, e, words);
}

static inline int set_up(void **state) {
  (void)state;
  cx = ctx_new();
  certs_make(cx, &cs);
  return 0;
}

static inline int tear_down(void **state) {
  (void)state;
  certs_free(&cs);
  ctx_free(cx);
  return 0;
}

#endif
