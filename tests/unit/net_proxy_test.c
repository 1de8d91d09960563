/* Proxies: their addresses, and the way through one, by the talk alone and by the HTTP/2 client. */
#include "base/enc.h"
#include "lib/net_proxy.h"
#include "net_h2_rig.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* Goal: what is no address of an HTTP proxy is refused, and a password in it never told. */
static void test_bad_addresses(void **state) {
  (void)state;
  static const char *bad[] = {"",
                              "http://",
                              "https://proxy.example.org:3128",
                              "https://user:secret@proxy.example.org:3128",
                              "socks5://user:secret@proxy.example.org:1080",
                              "http://user:secret@",
                              "http://user:secret@proxy.example.org:0",
                              "http://user:secret@proxy.example.org/path",
                              "http://us%zz:secret@proxy.example.org:3128",
                              "http://user:secret%0d%0aX-Evil:%201@proxy.example.org:3128",
                              "http://us%3aer:secret@proxy.example.org:3128",
                              "http://user:secret@pro xy:3128"};
  for (size_t i = 0; i < COUNT(bad); i++) {
    struct proxy p;
    if (proxy_parse(cx, &p, bad[i]) != E_INVALID) fail_msg("\"%s\" was taken", bad[i]);
    assert_null(strstr(ctx_error_text(cx), "secret"));
    ctx_clear_error(cx);
  }
}

/* Goal: addresses are taken apart, credentials decoded, and shown without them. */
static void test_good_addresses(void **state) {
  (void)state;
  static const struct {
    const char *text, *host, *pair, *shown;
    int port;
  } rows[] = {
      {"http://proxy.example.org:3128", "proxy.example.org", NULL, "http://proxy.example.org:3128", 3128},
      {"proxy:8080", "proxy", NULL, "proxy:8080", 8080},
      {"http://u:p@[::1]:1/", "::1", "u:p", "http://***@[::1]:1/", 1},
      {"http://user@proxy", "proxy", "user:", "http://***@proxy", 80},
      {"HTTP://u:p%40ss%3A@w@proxy:1", "proxy", "u:p@ss:@w", "HTTP://***@proxy:1", 1},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct proxy p;
    must(cx, proxy_parse(cx, &p, rows[i].text));
    assert_string_equal(p.host, rows[i].host);
    assert_int_equal(p.port, rows[i].port);
    assert_string_equal(proxy_shown(cx, rows[i].text), rows[i].shown);
    if (!rows[i].pair) {
      assert_null(p.authorization);
      continue;
    }
    const char *want = ctx_printf(cx, "Basic %s", enc_base64(cx, rows[i].pair, strlen(rows[i].pair)));
    assert_string_equal(p.authorization, want);
  }
}

/* ---- the talk ---- */

static struct slice repeated(const char *text, size_t n) {
  struct buf b = {0};
  while (b.n < n) buf_add_str(&b, text);
  struct slice s = slice_mem(ctx_memdup(cx, b.p, b.n), b.n);
  buf_free(&b);
  return s;
}

/* What comes of a proxy that answers `answer` and, with `ends`, hangs up. */
static enum proxy_io answered(struct proxy_talk *t, struct slice answer, bool ends) {
  int fds[2];
  char asked[512] = "";
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
  proxy_talk_begin(t, "api.push.apple.com", 2197, "Basic dTpw");
  assert_int_equal(proxy_talk_io(t, fds[0]), PROXY_WANT_READ);
  assert_true(read(fds[1], asked, sizeof asked - 1) > 0);
  assert_string_equal(asked, "CONNECT api.push.apple.com:2197 HTTP/1.1\r\nHost: api.push.apple.com:2197\r\n"
                             "Proxy-Authorization: Basic dTpw\r\n\r\n");
  if (answer.n) assert_int_equal(write(fds[1], answer.p, answer.n), answer.n);
  if (ends) close(fds[1]);
  enum proxy_io io = proxy_talk_io(t, fds[0]);
  if (!ends) close(fds[1]);
  close(fds[0]);
  proxy_talk_end(t);
  return io;
}

/* Goal: whatever a hostile or broken proxy says ends the talk with a reason, and nothing it says is taken for the other
 * side's. */
static void test_hostile(void **state) {
  (void)state;
  const struct {
    struct slice answer;
    bool ends;
    int status;
    const char *words;
  } rows[] = {
      {slice_of("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 3\r\n\r\nno!"), false, 407, "(407)"},
      {slice_of("HTTP/1.0 502 Bad Gateway\r\n\r\n"), false, 502, "(502)"},
      {slice_of("HTTP/1.1 302 Found\r\nLocation: http://login/\r\n\r\n"), false, 302, "(302)"},
      {slice_of("220 mail.example.org ESMTP\r\n\r\n"), false, 0, "as an HTTP proxy"},
      {slice_mem("\x15\x03\x01\x00\x02\x02\x16\n\n\x00\x00\x00\x00\x00\x00", 15), false, 0, "as an HTTP proxy"},
      {slice_of("HTTP/1.1 2x0 OK\r\n\r\n"), false, 0, "as an HTTP proxy"},
      {slice_of("HTTP/1.1 200 OK\r\n\r\n\x16\x03\x03"), false, 200, "before the connection"},
      {slice_of("HTTP/1.1 200 OK\r\nX-"), true, 0, "closed"},
      {slice_of(""), true, 0, "closed"},
      {repeated("HTTP/1.1 200 OK\r\nX: y\r\n", 9000), false, 0, "without end"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct proxy_talk t;
    assert_int_equal(answered(&t, rows[i].answer, rows[i].ends), PROXY_FAILED);
    assert_int_equal(t.status, rows[i].status);
    if (!strstr(t.reason, rows[i].words)) fail_msg("%zu: reason is: %s", i, t.reason);
  }
}

/* Goal: every 2xx opens the way, also after interim answers and with bare line ends; half an answer is waited for. */
static void test_opens(void **state) {
  (void)state;
  static const char *good[] = {"HTTP/1.1 200 Connection established\r\n\r\n", "HTTP/1.0 200 OK\nVia: x\n\n",
                               "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\nX: y\r\n\r\n"};
  struct proxy_talk t;
  for (size_t i = 0; i < COUNT(good); i++) assert_int_equal(answered(&t, slice_of(good[i]), false), PROXY_DONE);
  assert_int_equal(answered(&t, slice_of("HTTP/1.1 200 OK\r\nVia"), false), PROXY_WANT_READ);
}

/* ---- by the HTTP/2 client ---- */

struct way {
  int listener, fd;
};

static struct client *way_open(struct way *w, struct wish wish) {
  struct addr bound;
  *w = (struct way){.fd = -1};
  ctx_clear_error(cx);
  must(cx, addr_listen(cx, &w->listener, &bound, "127.0.0.1:0"));
  wish.proxy = true;
  struct client *c = client_open(addr_port(&bound), wish);
  for (int i = 0; i < 1000 && w->fd < 0; i++) {
    client_step(c, 1);
    w->fd = accept4(w->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  }
  assert_true(w->fd >= 0);
  return c;
}

static void way_hears(struct way *w, struct client *c) {
  char asked[512];
  ssize_t n = -1;
  for (int i = 0; i < 1000 && (n = read(w->fd, asked, sizeof asked)) < 0; i++) client_step(c, 1);
  assert_true(n > 30 && memcmp(asked, "CONNECT localhost:443 HTTP/1.1\r\n", 32) == 0);
}

static void way_close(struct way *w) {
  close(w->fd);
  close(w->listener);
}

/* Goal: a proxy that says nothing costs the deadline, one that says no tells its status; both name the proxy. */
static void test_client_refused(void **state) {
  (void)state;
  struct way w;
  struct client *c = way_open(&w, (struct wish){.connect_us = US_SECOND / 5});
  UNTIL(c, c->closed, 1);
  assert_non_null(strstr(c->reason, "the proxy 127.0.0.1:"));
  expect_trouble(c, H2_LATE, E_TIMEOUT, "(HTTP CONNECT)");
  way_close(&w);

  c = way_open(&w, (struct wish){0});
  way_hears(&w, c);
  assert_true(write(w.fd, "HTTP/1.1 407 No\r\n\r\n", 19) == 19);
  UNTIL(c, c->closed, 1);
  assert_int_equal(h2_proxy_status(c->h2), 407);
  expect_trouble(c, H2_PROXY, E_UNREACHABLE, "wants other credentials (407)");
  way_close(&w);
}

/* Goal: TLS behind the proxy is with the host, and checked against its name and our trust as without one. */
static void test_client_through(void **state) {
  (void)state;
  struct way w;
  struct tls_server *server;
  struct tls *tls;
  must(cx, tls_server_new(cx, &server, cs.server.cert, cs.server.key, true));
  struct client *c = way_open(&w, (struct wish){0});
  way_hears(&w, c);
  assert_true(write(w.fd, "HTTP/1.1 200 OK\r\n\r\n", 19) == 19);
  must(cx, tls_open_server(cx, &tls, server, w.fd));
  for (int i = 0; i < 1000 && tls_handshake(tls) != TLS_DONE; i++) client_step(c, 1);
  assert_int_equal(tls_handshake(tls), TLS_DONE);
  tls_free(tls);
  tls_server_free(server);
  way_close(&w);
  UNTIL(c, c->closed, 1);
  assert_int_equal(h2_proxy_status(c->h2), 200);
  assert_string_equal(h2_issuer(cx, c->h2), "Pomona Test CA");
  expect_trouble(c, H2_BROKEN, E_UNREACHABLE, "");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_bad_addresses),  cmocka_unit_test(test_good_addresses),
      cmocka_unit_test(test_hostile),        cmocka_unit_test(test_opens),
      cmocka_unit_test(test_client_refused), cmocka_unit_test(test_client_through),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
