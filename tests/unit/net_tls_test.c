/* TLS sessions over socket pairs: what is refused, and the words for it; then data both ways. */
#include "lib/net_tls.h"
#include "net_certs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <cmocka.h>

static struct ctx *cx; /* of all tests; cases clear its error */
static struct certs cs;

struct ends {
  int fd[2];
  struct tls_client *cc;
  struct tls_server *sc;
  struct tls *c, *s;
};

struct plan { /* what differs from a good connection */
  const char *ca_file, *host;
  struct pair *server, *client;
  bool no_client, no_alpn;
  enum tls_refusal refusal;
};

static struct ends open_ends(struct plan p) {
  struct ends e;
  struct pair *server = p.server ? p.server : &cs.server, *client = p.client ? p.client : &cs.client;
  struct tls_client_conf conf = {.ca_file = p.ca_file ? p.ca_file : cs.ca_file, .alpn_h2 = true};
  if (!p.no_client) conf.cert_pem = client->cert, conf.key_pem = client->key;
  ctx_clear_error(cx);
  must(cx, tls_client_new(cx, &e.cc, &conf));
  must(cx, tls_server_new(cx, &e.sc, server->cert, server->key, true));
  tls_server_drill(e.sc, p.refusal, p.no_alpn);
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, e.fd), 0);
  must(cx, tls_open_client(cx, &e.c, e.cc, e.fd[0], p.host ? p.host : "localhost"));
  must(cx, tls_open_server(cx, &e.s, e.sc, e.fd[1]));
  return e;
}

static void close_ends(struct ends *e) {
  tls_client_free(e->cc);
  tls_server_free(e->sc); /* before its session: that must be fine */
  tls_free(e->c);
  tls_free(e->s);
  for (int i = 0; i < 2; i++)
    if (e->fd[i] >= 0) close(e->fd[i]);
}

/* Both sides in turn until neither waits for the other. Returns what came of the client. */
static enum tls_io shake(struct ends *e) {
  enum tls_io c = TLS_WANT_READ, s = TLS_WANT_READ;
  for (int i = 0; i < 20; i++) c = tls_handshake(e->c), s = tls_handshake(e->s);
  (void)s;
  return c;
}

static void expect_refusal(struct plan p, const char *words) {
  struct ends e = open_ends(p);
  assert_int_equal(shake(&e), TLS_FAILED);
  assert_non_null(strstr(tls_reason(e.c), words));
  close_ends(&e);
}

/* goal: a server whose issuer is not trusted is refused, and the issuer is named */
static void test_unknown_issuer(void **state) {
  (void)state;
  struct certs other = {0};
  certs_make(cx, &other);
  expect_refusal((struct plan){.ca_file = other.ca_file},
                 "certificate of localhost is issued by Pomona Test CA, which is not trusted");
  certs_free(&other);
}

/* goal: a good certificate for another host is refused */
static void test_wrong_host(void **state) {
  (void)state;
  expect_refusal((struct plan){.host = "api.push.apple.com"}, "issued by Pomona Test CA and names another host");
  expect_refusal((struct plan){.host = "127.0.0.2"}, "names another host");
}

/* goal: an expired server certificate is refused by name */
static void test_expired_server(void **state) {
  (void)state;
  struct pair old = certs_issue(cx, &cs, "localhost", PKI_TLS_SERVER, -US_DAY);
  expect_refusal((struct plan){.server = &old}, "has expired");
}

/* goal: a proxy that opens TLS and knows no HTTP/2 is told apart, with its issuer */
static void test_no_alpn(void **state) {
  (void)state;
  expect_refusal((struct plan){.no_alpn = true},
                 "localhost does not speak HTTP/2 (ALPN); its certificate is issued by Pomona Test CA");
}

static void expect_alert(struct plan p, int alert, const char *words) {
  char byte;
  size_t n;
  struct ends e = open_ends(p);
  assert_int_equal(shake(&e), TLS_DONE); /* in TLS 1.3 the client is done before it is judged */
  assert_int_equal(tls_read(e.c, &byte, 1, &n), TLS_FAILED);
  assert_int_equal(tls_alert(e.c), alert);
  assert_non_null(strstr(tls_reason(e.c), words));
  close_ends(&e);
}

/* goal: the peer's judgement of our certificate, which TLS 1.3 tells at the first read, is named */
static void test_alerts(void **state) {
  (void)state;
  struct pair old = certs_issue(cx, &cs, "com.apple.mgmt.External.old", PKI_PUSH, -US_DAY);
  expect_alert((struct plan){.client = &old}, 45,
               "localhost refused our certificate: certificate expired (TLS alert 45)");
  expect_alert((struct plan){.refusal = TLS_REFUSE_REVOKED}, 44, "certificate revoked");
  expect_alert((struct plan){.refusal = TLS_REFUSE_UNKNOWN_CA}, 48, "unknown CA");
}

/* goal: an alert that arrived before a write failed is still given as the reason */
static void test_alert_behind_broken_pipe(void **state) {
  (void)state;
  char byte = 'x';
  size_t n;
  struct ends e = open_ends((struct plan){.refusal = TLS_REFUSE_REVOKED});
  assert_int_equal(shake(&e), TLS_DONE);
  close(e.fd[1]);
  e.fd[1] = -1;
  assert_int_equal(tls_write(e.c, &byte, 1, &n), TLS_FAILED);
  assert_int_equal(tls_read(e.c, &byte, 1, &n), TLS_FAILED);
  assert_non_null(strstr(tls_reason(e.c), "certificate revoked"));
  close_ends(&e);
}

/* goal: a peer that closes in mid-handshake fails it, with words */
static void test_closed_in_handshake(void **state) {
  (void)state;
  struct ends e = open_ends((struct plan){0});
  assert_int_equal(tls_handshake(e.c), TLS_WANT_READ);
  shutdown(e.fd[1], SHUT_RDWR);
  assert_int_equal(tls_handshake(e.c), TLS_FAILED);
  assert_string_equal(tls_reason(e.c), "localhost closed the connection during the TLS handshake");
  close_ends(&e);
}

/* goal: garbage instead of TLS fails the handshake */
static void test_garbage(void **state) {
  (void)state;
  struct ends e = open_ends((struct plan){0});
  assert_int_equal(tls_handshake(e.c), TLS_WANT_READ);
  assert_int_equal(write(e.fd[1], "HTTP/1.1 400 Bad Request\r\n\r\n", 28), 28);
  assert_int_equal(tls_handshake(e.c), TLS_FAILED);
  assert_non_null(strstr(tls_reason(e.c), "TLS with localhost failed"));
  close_ends(&e);
}

/* goal: writing to a peer that went away is an error, not a signal */
static void test_no_sigpipe(void **state) {
  (void)state;
  size_t n;
  struct ends e = open_ends((struct plan){0});
  assert_int_equal(shake(&e), TLS_DONE);
  close(e.fd[1]);
  e.fd[1] = -1;
  assert_int_equal(tls_write(e.c, "x", 1, &n), TLS_FAILED);
  assert_non_null(strstr(tls_reason(e.c), "connection to localhost lost: Broken pipe"));
  close_ends(&e);
}

/* goal: bad configurations are refused with the reason, leaking nothing */
static void test_bad_configurations(void **state) {
  (void)state;
  static const char encrypted[] = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n";
  struct pair other = certs_issue(cx, &cs, "other", PKI_IDENTITY, US_DAY);
  const struct {
    struct tls_client_conf conf;
    const char *words;
  } bad[] = {
      {{.ca_file = "/nonexistent.pem"}, "/nonexistent.pem: no PEM certificates"},
      {{.ca_file = cs.ca_file, .cert_pem = slice_of("nothing"), .key_pem = other.key}, "no PEM certificate"},
      {{.ca_file = cs.ca_file, .cert_pem = cs.client.cert, .key_pem = other.key}, "does not belong to"},
      {{.ca_file = cs.ca_file, .cert_pem = cs.client.cert, .key_pem = slice_of(encrypted)},
       "no unencrypted PEM private key"},
      {{.ca_file = cs.ca_file, .cert_pem = cs.client.cert}, "no unencrypted PEM private key"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct tls_client *c;
    ctx_clear_error(cx);
    assert_int_equal(tls_client_new(cx, &c, &bad[i].conf), E_INVALID);
    assert_non_null(strstr(ctx_error_text(cx), bad[i].words));
  }
  struct tls_server *s;
  assert_int_equal(tls_server_new(cx, &s, cs.server.cert, other.key, false), E_INVALID);
}

/* goal: the server gets the client's certificate as it was sent, or nothing */
static void test_peer_certificate(void **state) {
  (void)state;
  struct pki_cert **sent;
  size_t n;
  struct ends e = open_ends((struct plan){0});
  assert_int_equal(shake(&e), TLS_DONE);
  must(cx, pki_certs_parse_pem(cx, &sent, &n, cs.client.cert));
  assert_true(slice_eq(tls_peer_cert(cx, e.s), pki_cert_der(sent[0])));
  assert_string_equal(tls_peer_issuer(cx, e.c), "Pomona Test CA");
  close_ends(&e);
  e = open_ends((struct plan){.no_client = true});
  assert_int_equal(shake(&e), TLS_DONE);
  assert_null(tls_peer_cert(cx, e.s).p);
  assert_string_equal(tls_peer_issuer(cx, e.s), "");
  close_ends(&e);
}

/* goal: a large message passes in pieces, unharmed, and a farewell is seen as the end */
static void test_transfer(void **state) {
  (void)state;
  enum { N = 1 << 20 };
  unsigned char *from = ctx_alloc(cx, N), *to = ctx_alloc(cx, N);
  size_t put = 0, got = 0, n, waits = 0;
  for (size_t i = 0; i < N; i++) from[i] = (unsigned char)(i * 2654435761u >> 13);
  struct ends e = open_ends((struct plan){0});
  assert_int_equal(shake(&e), TLS_DONE);
  while (got < N) {
    enum tls_io w = put < N ? tls_write(e.c, from + put, N - put, &n) : TLS_WANT_WRITE;
    put += w == TLS_DONE ? n : 0;
    waits += w == TLS_WANT_WRITE;
    if (w == TLS_DONE) continue; /* until the socket is full */
    enum tls_io r = tls_read(e.s, to + got, N - got, &n);
    assert_true(r == TLS_DONE || r == TLS_WANT_READ);
    got += r == TLS_DONE ? n : 0;
  }
  assert_memory_equal(from, to, N);
  assert_true(waits > 0);
  tls_bye(e.c);
  assert_int_equal(tls_read(e.s, to, N, &n), TLS_CLOSED);
  close_ends(&e);
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
      cmocka_unit_test(test_unknown_issuer),
      cmocka_unit_test(test_wrong_host),
      cmocka_unit_test(test_expired_server),
      cmocka_unit_test(test_no_alpn),
      cmocka_unit_test(test_alerts),
      cmocka_unit_test(test_alert_behind_broken_pipe),
      cmocka_unit_test(test_closed_in_handshake),
      cmocka_unit_test(test_garbage),
      cmocka_unit_test(test_no_sigpipe),
      cmocka_unit_test(test_bad_configurations),
      cmocka_unit_test(test_peer_certificate),
      cmocka_unit_test(test_transfer),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
