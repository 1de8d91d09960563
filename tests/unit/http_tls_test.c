/* TLS of the HTTP server: certificates of both sides, changed while it serves. The client is OpenSSL's. */
#include "http_rig.h"

#include <gnutls/gnutls.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <time.h>

/* ---- certificates ---- */

struct identity {
  EVP_PKEY *key;
  X509 *cert;
  struct slice cert_pem, key_pem;
};

static struct slice bio_text(BIO *b) {
  char *p;
  long n = BIO_get_mem_data(b, &p);
  struct slice s = slice_mem(ctx_memdup(t.cx, p, (size_t)n), (size_t)n);
  BIO_free(b);
  return s;
}

static void identity_free(void *arg) {
  struct identity *id = arg;
  EVP_PKEY_free(id->key);
  X509_free(id->cert);
}

/* Issued by itself; lives with t.cx. */
static struct identity *identity(const char *name) {
  struct identity *id = ctx_alloc(t.cx, sizeof *id);
  BIO *cert = BIO_new(BIO_s_mem()), *key = BIO_new(BIO_s_mem());
  id->key = EVP_EC_gen("P-256");
  id->cert = X509_new();
  X509_set_version(id->cert, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(id->cert), 1);
  X509_gmtime_adj(X509_getm_notBefore(id->cert), -60);
  X509_gmtime_adj(X509_getm_notAfter(id->cert), 3600);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(id->cert), "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1,
                             0);
  X509_set_issuer_name(id->cert, X509_get_subject_name(id->cert));
  X509_set_pubkey(id->cert, id->key);
  assert_true(X509_sign(id->cert, id->key, EVP_sha256()) > 0);
  PEM_write_bio_X509(cert, id->cert);
  PEM_write_bio_PrivateKey(key, id->key, NULL, NULL, 0, NULL, NULL);
  id->cert_pem = bio_text(cert);
  id->key_pem = bio_text(key);
  ctx_defer(t.cx, identity_free, id);
  return id;
}

/* ---- the server ---- */

static struct http_tls *tls;
static struct identity *server_id, *client_id;

/* The answer is the certificate that the client showed, and those behind it. */
static void reply_cert(struct http_req *rq, void *arg) {
  (void)arg;
  size_t n;
  struct buf all = {0};
  assert_true(http_is_tls(rq));
  buf_add_slice(&all, http_peer_cert(rq));
  const struct slice *chain = http_peer_chain(rq, &n);
  assert_true((chain != NULL) == (n > 0));
  for (size_t i = 0; i < n; i++) buf_add_slice(&all, chain[i]);
  http_reply(rq, 200, NULL, buf_slice(&all));
  buf_free(&all);
}

static atomic_int hangups, last_alert;

static void on_hangup(const char *peer, int alert, void *arg) {
  (void)arg;
  assert_string_equal(peer, "127.0.0.1");
  last_alert = alert;
  count(&hangups);
}

static int setup_tls(void **state) {
  setup(state);
  server_id = identity("server one");
  client_id = identity("a device");
  if (http_tls_new(t.cx, &tls, server_id->cert_pem, server_id->key_pem) != OK) return -1;
  struct http_conf conf = usual();
  conf.tls = tls;
  conf.handler.body = reply_cert;
  conf.handler.hangup = on_hangup;
  hangups = 0;
  serve(conf);
  return 0;
}

static int teardown_tls(void **state) {
  http_stop(t.server);
  t.server = NULL;
  http_tls_free(tls);
  return teardown(state);
}

static void ask_for_certs_of(struct slice pem) { assert_int_equal(http_tls_ask_client(t.cx, tls, pem), OK); }

/* ---- the client ---- */

struct client {
  SSL_CTX *ctx;
  SSL *ssl;
  int fd;
};

static struct client client_new(int version, const struct identity *id) {
  struct client c = {.ctx = SSL_CTX_new(TLS_client_method()), .fd = dial()};
  SSL_CTX_set_min_proto_version(c.ctx, version);
  SSL_CTX_set_max_proto_version(c.ctx, version);
  SSL_CTX_set_security_level(c.ctx, 0); /* so that what is refused is refused by the server */
  if (id) {
    SSL_CTX_use_certificate(c.ctx, id->cert);
    SSL_CTX_use_PrivateKey(c.ctx, id->key);
  }
  c.ssl = SSL_new(c.ctx);
  SSL_set_fd(c.ssl, c.fd);
  return c;
}

static void client_end(struct client *c, bool polite) {
  if (polite) SSL_shutdown(c->ssl);
  SSL_free(c->ssl);
  SSL_CTX_free(c->ctx);
  close(c->fd);
}

/* The body of the answer to one request, in t.cx. */
static struct slice client_ask(struct client *c) {
  struct buf b = {0};
  char part[4096];
  const char *end = NULL;
  int n;
  assert_true(SSL_write(c->ssl, GET("/"), (int)strlen(GET("/"))) > 0);
  while (!end && (n = SSL_read(c->ssl, part, sizeof part)) > 0) {
    buf_add(&b, part, (size_t)n);
    end = strstr(b.p, "\r\n\r\n");
  }
  assert_non_null(end);
  size_t head = (size_t)(end + 4 - b.p), body = (size_t)atol(strstr(b.p, "Content-Length: ") + 16);
  while (b.n < head + body && (n = SSL_read(c->ssl, part, sizeof part)) > 0) buf_add(&b, part, (size_t)n);
  assert_int_equal(b.n, head + body);
  struct slice s = slice_mem(ctx_memdup(t.cx, b.p + head, body), body);
  buf_free(&b);
  return s;
}

static bool is_cert_of(struct slice der, const struct identity *id) {
  unsigned char *p = NULL;
  int n = i2d_X509(id->cert, &p);
  bool same = slice_eq(der, slice_mem(p, (size_t)n));
  OPENSSL_free(p);
  return same;
}

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

/* ---- bad paths ---- */

/* Goal: certificates and keys that do not fit are refused, and leave what is served as it is. */
static void refuses_what_does_not_fit(void **state) {
  (void)state;
  struct identity *other = identity("other");
  struct http_tls *none = NULL;
  struct slice bad = slice_of("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  assert_int_equal(http_tls_new(t.cx, &none, server_id->cert_pem, other->key_pem), E_INVALID);
  assert_int_equal(http_tls_swap(t.cx, tls, server_id->cert_pem, other->key_pem), E_INVALID);
  assert_int_equal(http_tls_swap(t.cx, tls, bad, other->key_pem), E_INVALID);
  assert_int_equal(http_tls_swap(t.cx, tls, other->cert_pem, slice_of("")), E_INVALID);
  assert_int_equal(http_tls_ask_client(t.cx, tls, bad), E_INVALID);
  assert_null(none);
  struct client c = client_new(TLS1_3_VERSION, NULL);
  assert_int_equal(SSL_connect(c.ssl), 1);
  assert_int_equal(X509_cmp(SSL_get0_peer_certificate(c.ssl), server_id->cert), 0);
  client_end(&c, true);
}

/* Goal: bytes that are no TLS end the connection and nothing else; so does one that says nothing in time. */
static void survives_garbage(void **state) {
  (void)state;
  static const char *garbage[] = {GET("/"), "\x16\x03\x01\xff\xff\xff\xff\xff\xff\xff\xff", "\x80\x2e\x01", "x"};
  for (size_t i = 0; i < COUNT(garbage); i++) {
    int fd = dial();
    char c[64];
    say(fd, garbage[i]);
    shutdown(fd, SHUT_WR);
    while (recv(fd, c, sizeof c, 0) > 0) continue;
    close(fd);
  }
  AWAIT_STAT(connections, == 0);
  assert_int_equal(t.heads, 0);
}

/* Goal: the deadline of headers counts from the first byte of the handshake, and a client that stops there costs no
   processor meanwhile. */
static void ends_slow_handshakes(void **state) {
  (void)state;
  http_stop(t.server);
  struct http_conf conf = usual();
  conf.tls = tls;
  conf.headers_us = 500 * 1000;
  serve(conf);
  int fd = dial();
  struct timespec before, after;
  say(fd, "\x16\x03\x01");
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
  expect_end(fd);
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
  AWAIT_STAT(timeouts, == 1);
  int64_t spent_us = (after.tv_sec - before.tv_sec) * US_SECOND + (after.tv_nsec - before.tv_nsec) / 1000;
  assert_true(spent_us < conf.headers_us / 2);
}

/* Goal: stopping while clients are in their handshake. */
static void stops_in_mid_handshake(void **state) {
  (void)state;
  struct http_conf conf = usual();
  conf.tls = tls;
  for (int round = 0; round < 20; round++) {
    int half[8];
    for (size_t i = 0; i < COUNT(half); i++) {
      half[i] = dial();
      say(half[i], "\x16\x03\x01");
    }
    if (round % 2) {
      struct client c = client_new(TLS1_3_VERSION, NULL);
      assert_int_equal(SSL_connect(c.ssl), 1);
      client_end(&c, true);
    }
    http_stop(t.server);
    for (size_t i = 0; i < COUNT(half); i++) expect_end(half[i]);
    serve(conf);
  }
}

/* Goal: TLS before 1.2 and ciphers without forward secrecy or AEAD find no common ground. */
static void refuses_weak_protocols(void **state) {
  (void)state;
  static const struct {
    int version;
    const char *ciphers;
  } weak[] = {{TLS1_VERSION, "ALL"},
              {TLS1_1_VERSION, "ALL"},
              {TLS1_2_VERSION, "AES128-GCM-SHA256"},
              {TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA"},
              {TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA256"},
              {TLS1_2_VERSION, "DHE-RSA-AES128-GCM-SHA256"}};
  for (size_t i = 0; i < COUNT(weak); i++) {
    struct client c = client_new(weak[i].version, NULL);
    SSL_set_cipher_list(c.ssl, weak[i].ciphers);
    if (SSL_connect(c.ssl) == 1) fail_msg("%s with %s was taken", SSL_get_version(c.ssl), SSL_get_cipher(c.ssl));
    client_end(&c, false);
  }
}

/* ---- certificates of clients ---- */

/* Goal: nobody is asked for a certificate until it is wanted. */
static void does_not_ask_unless_told(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(versions); i++) {
    struct client c = client_new(versions[i], client_id);
    assert_int_equal(SSL_connect(c.ssl), 1);
    assert_int_equal(client_ask(&c).n, 0);
    client_end(&c, true);
  }
}

/* Goal: the list sent names exactly the issuers given, may change while it serves, and binds nobody: a certificate of
   any issuer is seen, and so is none. */
static void names_issuers_and_sees_any(void **state) {
  (void)state;
  struct identity *first = identity("first CA"), *second = identity("second CA");
  struct slice lists[] = {first->cert_pem,
                          slice_of(ctx_printf(t.cx, "%.*s%.*s", (int)first->cert_pem.n, first->cert_pem.p,
                                              (int)second->cert_pem.n, second->cert_pem.p))};
  for (size_t i = 0; i < COUNT(lists) * COUNT(versions); i++) {
    ask_for_certs_of(lists[i / 2]);
    struct client c = client_new(versions[i % 2], client_id), bare = client_new(versions[i % 2], NULL);
    assert_int_equal(SSL_connect(c.ssl), 1);
    const STACK_OF(X509_NAME) *names = SSL_get0_peer_CA_list(c.ssl);
    assert_int_equal(sk_X509_NAME_num(names), i / 2 + 1);
    assert_int_equal(X509_NAME_cmp(sk_X509_NAME_value(names, 0), X509_get_subject_name(first->cert)), 0);
    assert_true(is_cert_of(client_ask(&c), client_id));
    assert_true(is_cert_of(client_ask(&c), client_id));
    assert_int_equal(SSL_connect(bare.ssl), 1);
    assert_int_equal(client_ask(&bare).n, 0);
    client_end(&c, true);
    client_end(&bare, true);
  }
  ask_for_certs_of((struct slice){0});
  struct client c = client_new(TLS1_3_VERSION, client_id);
  assert_int_equal(SSL_connect(c.ssl), 1);
  assert_int_equal(client_ask(&c).n, 0);
  client_end(&c, true);
}

/* Goal: a resumed session (by ticket) still has the client's certificate, also after the server's was changed. */
static void resumption_keeps_the_certificate(void **state) {
  (void)state;
  ask_for_certs_of(server_id->cert_pem);
  for (size_t i = 0; i < COUNT(versions); i++) {
    struct client c = client_new(versions[i], client_id);
    assert_int_equal(SSL_connect(c.ssl), 1);
    assert_false(SSL_session_reused(c.ssl));
    assert_true(is_cert_of(client_ask(&c), client_id));
    SSL_SESSION *session = SSL_get1_session(c.ssl);
    client_end(&c, true);
    struct identity *renewed = identity("server one");
    assert_int_equal(http_tls_swap(t.cx, tls, renewed->cert_pem, renewed->key_pem), OK);
    c = client_new(versions[i], NULL);
    SSL_set_session(c.ssl, session);
    assert_int_equal(SSL_connect(c.ssl), 1);
    assert_true(SSL_session_reused(c.ssl));
    assert_true(is_cert_of(client_ask(&c), client_id));
    SSL_SESSION_free(session);
    client_end(&c, true);
  }
}

/* The leaf, and its chain up to `most` certificates, as the server should tell them. */
static bool is_chain_of(struct slice ders, const struct identity *id, struct identity *const *chain, size_t most) {
  struct buf all = {0};
  for (size_t i = 0; i <= most; i++) {
    unsigned char *p = NULL;
    int n = i2d_X509(i ? chain[i - 1]->cert : id->cert, &p);
    buf_add(&all, p, (size_t)n);
    OPENSSL_free(p);
  }
  bool same = slice_eq(ders, buf_slice(&all));
  buf_free(&all);
  return same;
}

/* Goal: the certificates behind the client's are seen, bounded, and again when its session is resumed. */
static void sees_the_chain(void **state) {
  (void)state;
  struct identity *chain[HTTP_CHAIN_MOST + 2];
  static const size_t lengths[] = {1, HTTP_CHAIN_MOST, COUNT(chain)};
  for (size_t i = 0; i < COUNT(chain); i++) chain[i] = identity(ctx_printf(t.cx, "CA %zu", i));
  ask_for_certs_of(server_id->cert_pem);
  for (size_t i = 0; i < COUNT(lengths) * COUNT(versions); i++) {
    size_t n = lengths[i / 2], most = n < HTTP_CHAIN_MOST ? n : HTTP_CHAIN_MOST;
    struct client c = client_new(versions[i % 2], client_id);
    for (size_t k = 0; k < n; k++) assert_int_equal(SSL_add1_chain_cert(c.ssl, chain[k]->cert), 1);
    assert_int_equal(SSL_connect(c.ssl), 1);
    assert_true(is_chain_of(client_ask(&c), client_id, chain, most));
    SSL_SESSION *session = SSL_get1_session(c.ssl);
    client_end(&c, true);
    c = client_new(versions[i % 2], NULL);
    SSL_set_session(c.ssl, session);
    assert_int_equal(SSL_connect(c.ssl), 1);
    assert_true(SSL_session_reused(c.ssl));
    assert_true(is_chain_of(client_ask(&c), client_id, chain, most));
    SSL_SESSION_free(session);
    client_end(&c, true);
  }
}

/* ---- clients that hang up ---- */

/* Goal: who goes away in TLS without a request is told of, with the alert that it sent; who asks, and who says nothing
   at all, is not. */
static void tells_of_hangups(void **state) {
  (void)state;
  int told = 0;
  for (size_t i = 0; i < COUNT(versions); i++) {
    struct client c = client_new(versions[i], NULL);
    SSL_set_verify(c.ssl, SSL_VERIFY_PEER, NULL);
    assert_int_not_equal(SSL_connect(c.ssl), 1);
    client_end(&c, false);
    await(&hangups, ++told);
    assert_int_equal(last_alert, SSL_AD_UNKNOWN_CA);
    for (int polite = 0; polite < 2; polite++) {
      c = client_new(versions[i], NULL);
      assert_int_equal(SSL_connect(c.ssl), 1);
      client_end(&c, polite);
      await(&hangups, ++told);
      assert_int_equal(last_alert, -1);
    }
    c = client_new(versions[i], NULL);
    assert_int_equal(SSL_connect(c.ssl), 1);
    client_ask(&c);
    client_end(&c, true);
    close(dial());
    AWAIT_STAT(connections, == 0);
    assert_int_equal(hangups, told);
  }
}

static int trusts_nobody(gnutls_session_t session) {
  (void)session;
  return GNUTLS_E_CERTIFICATE_ERROR;
}

/* Goal: an alert that comes encrypted is read, too. The client is GnuTLS, which sends what it is told to. */
static void reads_encrypted_alerts(void **state) {
  (void)state;
  gnutls_session_t session;
  gnutls_certificate_credentials_t cred;
  int fd = dial();
  gnutls_init(&session, GNUTLS_CLIENT);
  gnutls_certificate_allocate_credentials(&cred);
  gnutls_set_default_priority(session);
  gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, cred);
  gnutls_transport_set_int(session, fd);
  gnutls_certificate_set_verify_function(cred, trusts_nobody);
  assert_int_equal(gnutls_handshake(session), GNUTLS_E_CERTIFICATE_ERROR);
  assert_int_equal(gnutls_alert_send(session, GNUTLS_AL_FATAL, GNUTLS_A_CERTIFICATE_UNKNOWN), 0);
  await(&hangups, 1);
  assert_int_equal(last_alert, GNUTLS_A_CERTIFICATE_UNKNOWN);
  gnutls_deinit(session);
  gnutls_certificate_free_credentials(cred);
  close(fd);
}

/* Goal: connections that the server ends itself at its stop are nobody's hang-ups. */
static void stopping_is_no_hangup(void **state) {
  (void)state;
  struct client c = client_new(TLS1_3_VERSION, NULL);
  assert_int_equal(SSL_connect(c.ssl), 1);
  http_stop(t.server);
  t.server = NULL;
  assert_int_equal(hangups, 0);
  client_end(&c, false);
}

/* ---- the server's certificate ---- */

/* Goal: a new certificate is used by the next handshake, while connections that stand go on. */
static void swaps_its_certificate(void **state) {
  (void)state;
  struct identity *renewed = identity("server two");
  struct client old = client_new(TLS1_3_VERSION, NULL), new;
  assert_int_equal(SSL_connect(old.ssl), 1);
  assert_int_equal(http_tls_swap(t.cx, tls, renewed->cert_pem, renewed->key_pem), OK);
  new = client_new(TLS1_3_VERSION, NULL);
  assert_int_equal(SSL_connect(new.ssl), 1);
  assert_int_equal(X509_cmp(SSL_get0_peer_certificate(old.ssl), server_id->cert), 0);
  assert_int_equal(X509_cmp(SSL_get0_peer_certificate(new.ssl), renewed->cert), 0);
  client_ask(&old);
  client_ask(&new);
  client_end(&old, true);
  client_end(&new, true);
}

#define TLS_TEST(f) cmocka_unit_test_setup_teardown(f, setup_tls, teardown_tls)

int main(void) {
  const struct CMUnitTest tests[] = {
      TLS_TEST(refuses_what_does_not_fit),  TLS_TEST(survives_garbage),
      TLS_TEST(ends_slow_handshakes),       TLS_TEST(stops_in_mid_handshake),
      TLS_TEST(refuses_weak_protocols),     TLS_TEST(does_not_ask_unless_told),
      TLS_TEST(names_issuers_and_sees_any), TLS_TEST(resumption_keeps_the_certificate),
      TLS_TEST(swaps_its_certificate),      TLS_TEST(sees_the_chain),
      TLS_TEST(tells_of_hangups),           TLS_TEST(stopping_is_no_hangup),
      TLS_TEST(reads_encrypted_alerts),
  };
  log_set(LOG_ERROR, false);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
