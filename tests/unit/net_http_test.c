/* The HTTP client against a tiny server on loopback, and against our HTTP/2 server for TLS. */
#include "base/thread.h"
#include "lib/net_addr.h"
#include "lib/net_h2.h"
#include "lib/net_http.h"
#include "net_certs.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <cmocka.h>

static struct ctx *cx;
static struct certs cs;

/* ---- the server: answers by the path of the request ---- */
static struct {
  int listener, port;
  pthread_t thread;
  atomic_int connections;
} web;

static const struct {
  const char *path, *answer; /* NULL: none; the connection is closed */
} pages[] = {
    {"/teapot", "HTTP/1.1 418 Teapot\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nshort"},
    {"/moved", "HTTP/1.1 302 Found\r\nLocation: /teapot\r\nContent-Length: 0\r\n\r\n"},
    {"/none", "HTTP/1.1 204 No Content\r\n\r\n"},
    {"/large", "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n0123456789a"},
    {"/chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n012345\r\n6\r\n6789ab\r\n0\r\n\r\n"},
    {"/closes", NULL},
    {"/garbage", "220 smtp.example.com ESMTP\r\n"},
    {"/silent", ""},
};

static const char *page(struct slice path) {
  for (size_t i = 0; i < sizeof pages / sizeof *pages; i++)
    if (slice_is(path, pages[i].path)) return pages[i].answer;
  return NULL;
}

/* Answers one whole request that stands in b. False: close. */
static bool serve(int fd, struct buf *b) {
  struct slice rest = buf_slice(b), method, path;
  struct buf out = {0};
  slice_cut(&rest, ' ', &method);
  slice_cut(&rest, ' ', &path);
  if (slice_starts(path, "/echo")) { /* the request itself is the body */
    buf_printf(&out, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", slice_is(method, "HEAD") ? 7 : b->n);
    if (!slice_is(method, "HEAD")) buf_add(&out, b->p, b->n);
  } else {
    const char *answer = page(path);
    if (!answer) return false;
    buf_add_str(&out, answer);
  }
  bool sent = send(fd, out.p, out.n, MSG_NOSIGNAL) == (ssize_t)out.n;
  buf_free(&out);
  buf_clear(b);
  return sent;
}

static size_t request_size(const struct buf *b) {
  const char *end = b->p ? strstr(b->p, "\r\n\r\n") : NULL, *length = b->p ? strstr(b->p, "Content-Length: ") : NULL;
  if (!end) return SIZE_MAX;
  return (size_t)(end + 4 - b->p) + (length && length < end ? strtoul(length + 16, NULL, 10) : 0);
}

static void *serve_all(void *arg) {
  (void)arg;
  struct pollfd p = {.fd = web.listener, .events = POLLIN};
  while (poll(&p, 1, -1) > 0 && p.revents == POLLIN) { /* one connection after the other */
    char bytes[4096];
    struct buf b = {0};
    ssize_t n;
    int fd = accept4(web.listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) break; /* the listener was shut down */
    web.connections++;
    while ((n = recv(fd, bytes, sizeof bytes, 0)) > 0) {
      buf_add(&b, bytes, (size_t)n);
      if (b.n >= request_size(&b) && !serve(fd, &b)) break;
    }
    buf_free(&b);
    close(fd);
  }
  return NULL;
}

/* ---- asking ---- */
static struct nh *client(struct nh_conf conf) {
  struct nh *c;
  ctx_clear_error(cx);
  must(cx, nh_new(cx, &c, &conf));
  return c;
}

static const char *url(const char *path) { return ctx_printf(cx, "http://127.0.0.1:%d%s", web.port, path); }

/* Asks with a fresh client and expects a failure, told with these words. */
static void expect_failure(struct nh_conf conf, struct nh_req rq, enum err e, const char *words) {
  struct nh_reply reply;
  struct nh *c = client(conf);
  rq.method = "GET";
  enum err got = nh_do(cx, c, &rq, &reply);
  if (got != e) fail_msg("error is %s: %s", err_slug(got), ctx_error_text(cx));
  if (!strstr(ctx_error_text(cx), words)) fail_msg("text is: %s", ctx_error_text(cx));
  nh_free(c);
}

/* goal: what is not http or https, or no URL, is never asked */
static void test_bad_urls(void **state) {
  (void)state;
  expect_failure((struct nh_conf){0}, (struct nh_req){.url = "file:///etc/passwd"}, E_INVALID, "must begin with http");
  expect_failure((struct nh_conf){0}, (struct nh_req){.url = "http://[::1"}, E_INVALID, "is not a URL");
}

/* goal: failures name host and cause, never what may be secret in the URL */
static void test_unreachable(void **state) {
  (void)state;
  struct addr a;
  must(cx, addr_parse(cx, &a, "127.0.0.1:0"));
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&a.ss, a.n), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&a.ss, &a.n), 0);
  const char *target = ctx_printf(cx, "http://user:secret@127.0.0.1:%d/secret?secret", addr_port(&a));
  expect_failure((struct nh_conf){0}, (struct nh_req){.url = target}, E_UNREACHABLE,
                 ctx_printf(cx, "http://127.0.0.1:%d cannot be reached", addr_port(&a)));
  assert_null(strstr(ctx_error_text(cx), "secret"));
  close(fd);
  expect_failure((struct nh_conf){0}, (struct nh_req){.url = "http://name.invalid/"}, E_UNREACHABLE, "name.invalid");
  expect_failure((struct nh_conf){0}, (struct nh_req){.url = url("/closes")}, E_UNREACHABLE, "without an answer");
  expect_failure((struct nh_conf){0}, (struct nh_req){.url = url("/garbage")}, E_UNREACHABLE, "does not speak HTTP");
}

/* goal: a server that never answers is given up, by the client's time limit or the context's deadline */
static void test_timeouts(void **state) {
  (void)state;
  expect_failure((struct nh_conf){.timeout_us = US_SECOND / 20}, (struct nh_req){.url = url("/silent")}, E_TIMEOUT,
                 "did not answer in time");
  ctx_set_deadline(cx, clock_mono_us() + US_SECOND / 20);
  expect_failure((struct nh_conf){0}, (struct nh_req){.url = url("/silent")}, E_TIMEOUT, "");
  ctx_set_deadline(cx, clock_mono_us() - 1);
  expect_failure((struct nh_conf){0}, (struct nh_req){.url = url("/teapot")}, E_TIMEOUT, "no time was left");
  ctx_set_deadline(cx, 0);
}

/* goal: a request that hangs ends when its client is told to stop, long before its time is over */
static void test_stopped(void **state) {
  (void)state;
  atomic_bool stop = true;
  int64_t began = clock_mono_us();
  expect_failure((struct nh_conf){.stop = &stop, .timeout_us = US_HOUR}, (struct nh_req){.url = url("/silent")}, E_GONE,
                 "is not asked any more");
  assert_true(clock_mono_us() - began < US_MINUTE);
}

/* goal: an answer above the cap is refused, announced or not; one at the cap passes */
static void test_too_large(void **state) {
  (void)state;
  struct nh_reply reply;
  expect_failure((struct nh_conf){0}, (struct nh_req){.url = url("/large"), .body_max = 10}, E_TOO_LARGE, "10 bytes");
  expect_failure((struct nh_conf){0}, (struct nh_req){.url = url("/chunks"), .body_max = 11}, E_TOO_LARGE, "11 bytes");
  struct nh *c = client((struct nh_conf){0});
  must(cx, nh_do(cx, c, &(struct nh_req){.method = "GET", .url = url("/chunks"), .body_max = 12}, &reply));
  assert_true(slice_is(reply.body, "0123456789ab"));
  nh_free(c);
}

/* goal: any status is an answer, redirects are not followed, and connections are used again */
static void test_answers(void **state) {
  (void)state;
  struct nh_reply reply;
  int before = web.connections;
  struct nh *c = client((struct nh_conf){0});
  must(cx, nh_do(cx, c, &(struct nh_req){.method = "GET", .url = url("/teapot")}, &reply));
  assert_int_equal(reply.status, 418);
  assert_string_equal(reply.content_type, "text/plain");
  assert_true(slice_is(reply.body, "short"));
  must(cx, nh_do(cx, c, &(struct nh_req){.method = "GET", .url = url("/moved")}, &reply));
  assert_int_equal(reply.status, 302);
  must(cx, nh_do(cx, c, &(struct nh_req){.method = "DELETE", .url = url("/none")}, &reply));
  assert_int_equal(reply.status, 204);
  assert_string_equal(reply.content_type, "");
  assert_int_equal(reply.body.n, 0);
  must(cx, nh_do(cx, c, &(struct nh_req){.method = "HEAD", .url = url("/echo")}, &reply));
  assert_int_equal(reply.body.n, 0);
  assert_int_equal(web.connections, before + 1);
  nh_free(c);
}

static const char *sent(struct nh *c, struct nh_req rq) {
  struct nh_reply reply;
  must(cx, nh_do(cx, c, &rq, &reply));
  return reply.body.p;
}

/* goal: a request says what the caller asked for and nothing that was not */
static void test_requests(void **state) {
  (void)state;
  static const char *const headers[] = {"Authorization: Bearer token", "Content-Type: application/json", NULL};
  struct nh *c = client((struct nh_conf){0});
  setenv("http_proxy", "http://127.0.0.1:1", 1); /* must not be used */
  const char *s = sent(
      c, (struct nh_req){.method = "PUT", .url = url("/echo?a=b"), .headers = headers, .body = slice_mem("a\0b", 3)});
  assert_memory_equal(s, "PUT /echo?a=b HTTP/1.1\r\n", 24);
  assert_non_null(strstr(s, "\r\nAuthorization: Bearer token\r\n"));
  assert_non_null(strstr(s, "\r\nContent-Type: application/json\r\n"));
  assert_non_null(strstr(s, "\r\nContent-Length: 3\r\n"));
  assert_memory_equal(strstr(s, "\r\n\r\n") + 4, "a\0b", 3);
  s = sent(c, (struct nh_req){.method = "POST", .url = url("/echo")}); /* nothing of the request before is left */
  assert_non_null(strstr(s, "\r\nContent-Length: 0\r\n"));
  assert_null(strstr(s, "Content-Type"));
  assert_null(strstr(s, "Authorization"));
  s = sent(c, (struct nh_req){.method = "GET", .url = url("/echo")});
  assert_null(strstr(s, "Content-"));
  s = sent(c, (struct nh_req){.method = "GET", .url = url("/echo/../.")}); /* as it was said */
  assert_memory_equal(s, "GET /echo/../. HTTP/1.1\r\n", 25);
  char *large = ctx_alloc(cx, 2 << 20);
  memset(large, 'x', 2 << 20);
  s = sent(c, (struct nh_req){.method = "POST", .url = url("/echo"), .body = slice_mem(large, 2 << 20)});
  assert_null(strstr(s, "Expect"));
  unsetenv("http_proxy");
  nh_free(c);
}

/* ---- TLS ---- */
static void on_request(struct h2_server *s, const struct h2_server_req *rq, void *arg) {
  (void)arg;
  h2_server_reply(s, rq->id, 200, NULL, 0, rq->peer_cert);
}

/* goal: certificates are checked against the given CA, from memory or file; the client's is shown; not checking is a
 * choice */
static void test_tls(void **state) {
  (void)state;
  struct tls_server *tls;
  struct h2_server *s;
  struct nh_reply reply;
  struct pki_cert **mine;
  size_t n;
  struct certs other = {0};
  ctx_clear_error(cx);
  certs_make(cx, &other);
  must(cx, pki_certs_parse_pem(cx, &mine, &n, cs.client.cert));
  must(cx, tls_server_new(cx, &tls, cs.server.cert, cs.server.key, true));
  must(cx,
       h2_server_start(cx, &s, &(struct h2_server_conf){.listen = "127.0.0.1:0", .tls = tls, .request = on_request}));
  struct nh_req rq = {.method = "GET", .url = ctx_printf(cx, "https://127.0.0.1:%d/", h2_server_port(s))};
  expect_failure((struct nh_conf){.ca_file = other.ca_file}, rq, E_UNREACHABLE, "TLS certificate that is not accepted");
  expect_failure((struct nh_conf){.ca_pem = pki_cert_pem(cx, other.ca)}, rq, E_UNREACHABLE, "is not accepted");
  expect_failure((struct nh_conf){.no_verify = true, .cert_pem = cs.client.cert, .key_pem = cs.server.key}, rq,
                 E_INVALID, "client certificate or its key");
  const struct nh_conf good[] = {{.ca_file = cs.ca_file}, {.ca_pem = pki_cert_pem(cx, cs.ca)}, {.no_verify = true}};
  for (size_t i = 0; i < 3; i++) {
    struct nh_conf conf = good[i];
    conf.cert_pem = cs.client.cert;
    conf.key_pem = cs.client.key;
    struct nh *c = client(conf);
    must(cx, nh_do(cx, c, &rq, &reply));
    assert_true(slice_eq(reply.body, pki_cert_der(mine[0])));
    nh_free(c);
  }
  h2_server_stop(s);
  tls_server_free(tls);
  certs_free(&other);
}

static int set_up(void **state) {
  (void)state;
  struct addr bound;
  cx = ctx_new();
  certs_make(cx, &cs);
  must(cx, addr_listen(cx, &web.listener, &bound, "127.0.0.1:0"));
  web.port = addr_port(&bound);
  web.thread = thread_start("web", serve_all, NULL);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  shutdown(web.listener, SHUT_RDWR);
  thread_join(web.thread);
  close(web.listener);
  certs_free(&cs);
  ctx_free(cx);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_bad_urls), cmocka_unit_test(test_unreachable), cmocka_unit_test(test_timeouts),
      cmocka_unit_test(test_stopped),  cmocka_unit_test(test_too_large),   cmocka_unit_test(test_answers),
      cmocka_unit_test(test_requests), cmocka_unit_test(test_tls),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
