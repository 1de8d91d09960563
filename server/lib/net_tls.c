/* TLS by OpenSSL over non-blocking sockets.

   OpenSSL's own socket BIO writes without MSG_NOSIGNAL, so sessions use the small BIO below: a peer that goes away is
   an error here, never a signal. Reasons are collected where they arise (the verification callback, the alert), because
   OpenSSL's error queue does not tell which certificate or whose alert it was. */
#include "lib/net_tls.h"
#include "base/clock.h"
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct tls_client {
  SSL_CTX *ctx;
  bool alpn_h2;
};

struct tls_server { /* owned by ctx, as its ex_data: a session may outlive tls_server_free */
  SSL_CTX *ctx;
  atomic_int refusal;
  atomic_bool no_alpn;
};

struct tls {
  SSL *ssl;
  int fd;
  bool eof, demand_h2, established;
  int sys_errno; /* of the last socket call that failed */
  int alert;     /* received, or -1 */
  enum tls_fault fault;
  char host[256];
  char issuer[256]; /* of the certificate that verification refused */
  char reason[640];
};

/* ---- the BIO ---- */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static BIO_METHOD *bio_method;
static int session_index, server_index;

static int bio_failed(BIO *b, struct tls *t, int direction) {
  t->sys_errno = errno;
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) BIO_set_flags(b, direction | BIO_FLAGS_SHOULD_RETRY);
  return -1;
}

static int bio_write(BIO *b, const char *p, int n) {
  struct tls *t = BIO_get_data(b);
  BIO_clear_retry_flags(b);
  ssize_t put = send(t->fd, p, (size_t)n, MSG_NOSIGNAL);
  if (put >= 0) return (int)put;
  return bio_failed(b, t, BIO_FLAGS_WRITE);
}

static int bio_read(BIO *b, char *p, int n) {
  struct tls *t = BIO_get_data(b);
  BIO_clear_retry_flags(b);
  ssize_t got = recv(t->fd, p, (size_t)n, 0);
  if (got > 0) return (int)got;
  if (got == 0) {
    t->eof = true;
    return 0;
  }
  return bio_failed(b, t, BIO_FLAGS_READ);
}

static long bio_ctrl(BIO *b, int what, long arg, void *p) {
  (void)arg, (void)p;
  const struct tls *t = BIO_get_data(b);
  if (what == BIO_CTRL_EOF) return t->eof;
  return what == BIO_CTRL_FLUSH;
}

static void server_released(void *parent, void *p, CRYPTO_EX_DATA *ad, int index, long argl, void *argp) {
  (void)parent, (void)ad, (void)index, (void)argl, (void)argp;
  free(p);
}

static void set_up(void) {
  bio_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "pomona socket");
  if (!bio_method) abort();
  BIO_meth_set_write(bio_method, bio_write);
  BIO_meth_set_read(bio_method, bio_read);
  BIO_meth_set_ctrl(bio_method, bio_ctrl);
  session_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
  server_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, server_released);
}

/* ---- names and certificates ---- */
static const char *openssl_text(void) {
  const char *text = ERR_reason_error_string(ERR_peek_last_error());
  return text ? text : "no reason given";
}

static int no_password(char *p, int n, int writing, void *arg) {
  (void)p, (void)n, (void)writing, (void)arg;
  return -1; /* or OpenSSL would ask on the terminal */
}

/* What people know an issuer by: its common name, else its organization, else the whole name. */
static void name_text(const X509_NAME *name, char *out, size_t n) {
  static const int parts[] = {NID_commonName, NID_organizationName};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    int at = X509_NAME_get_index_by_NID(name, parts[i], -1);
    if (at < 0) continue;
    unsigned char *utf8 = NULL;
    int len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
    bool good = len > 0 && text_is_plain(slice_mem(utf8, (size_t)len));
    if (good) snprintf(out, n, "%.*s", len, (char *)utf8);
    OPENSSL_free(utf8);
    if (good) return;
  }
  X509_NAME_oneline(name, out, (int)n); /* escapes what is not printable */
}

static enum err use_certs(struct ctx *cx, SSL_CTX *ctx, struct slice pem) {
  BIO *b = BIO_new_mem_buf(pem.p, (int)pem.n);
  X509 *x;
  size_t n = 0;
  bool ok = b != NULL;
  while (ok && (x = PEM_read_bio_X509(b, NULL, no_password, NULL)) != NULL) {
    ok = (n++ == 0 ? SSL_CTX_use_certificate(ctx, x) : SSL_CTX_add1_chain_cert(ctx, x)) == 1;
    X509_free(x);
  }
  BIO_free(b);
  if (!ok) return FAIL(cx, E_INVALID, "the certificate cannot be used for TLS: %s", openssl_text());
  if (n == 0) return FAIL(cx, E_INVALID, "there is no PEM certificate to use for TLS");
  ERR_clear_error(); /* the end of the PEM text */
  return OK;
}

static enum err use_key(struct ctx *cx, SSL_CTX *ctx, struct slice pem) {
  BIO *b = BIO_new_mem_buf(pem.p, (int)pem.n);
  EVP_PKEY *key = b ? PEM_read_bio_PrivateKey(b, NULL, no_password, NULL) : NULL;
  BIO_free(b);
  if (!key) return FAIL(cx, E_INVALID, "there is no unencrypted PEM private key to use for TLS");
  int ok = SSL_CTX_use_PrivateKey(ctx, key);
  EVP_PKEY_free(key);
  if (ok != 1) return FAIL(cx, E_INVALID, "the private key does not belong to the certificate");
  return OK;
}

static enum err use_identity(struct ctx *cx, SSL_CTX *ctx, struct slice cert_pem, struct slice key_pem) {
  ERR_clear_error();
  TRY(use_certs(cx, ctx, cert_pem));
  return use_key(cx, ctx, key_pem);
}

/* ---- reasons ---- */
static void because(struct tls *t, enum tls_fault fault, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void because(struct tls *t, enum tls_fault fault, const char *fmt, ...) {
  if (t->reason[0]) return; /* the first one is the cause */
  t->fault = fault;
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(t->reason, sizeof t->reason, fmt, ap);
  va_end(ap);
}

static const struct {
  int error;
  const char *text; /* follows the issuer's name */
} verify_texts[] = {
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, ", which is not trusted"},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, ", which is not trusted"},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, ", which is not trusted"},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, ", whose root is not trusted"},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, ", by itself, and not trusted"},
    {X509_V_ERR_CERT_HAS_EXPIRED, " and has expired"},
    {X509_V_ERR_CERT_NOT_YET_VALID, " and is not valid yet: is the clock right?"},
    {X509_V_ERR_HOSTNAME_MISMATCH, " and names another host"},
    {X509_V_ERR_IP_ADDRESS_MISMATCH, " and names another host"},
};

static const char *verify_text(int error) {
  for (size_t i = 0; i < sizeof verify_texts / sizeof *verify_texts; i++)
    if (verify_texts[i].error == error) return verify_texts[i].text;
  return NULL;
}

static int server_cert_checked(int ok, X509_STORE_CTX *sc) {
  SSL *ssl = X509_STORE_CTX_get_ex_data(sc, SSL_get_ex_data_X509_STORE_CTX_idx());
  struct tls *t = SSL_get_ex_data(ssl, session_index);
  X509 *leaf = X509_STORE_CTX_get0_cert(sc);
  if (ok || !leaf) return ok;
  int error = X509_STORE_CTX_get_error(sc);
  name_text(X509_get_issuer_name(leaf), t->issuer, sizeof t->issuer);
  const char *text = verify_text(error);
  bool dated = error == X509_V_ERR_CERT_HAS_EXPIRED || error == X509_V_ERR_CERT_NOT_YET_VALID; /* of a trusted chain */
  because(t, dated ? TLS_BROKEN : TLS_STRANGER, "certificate of %s is issued by %s%s%s", t->host, t->issuer,
          text ? text : " and not accepted: ", text ? "" : X509_verify_cert_error_string(error));
  return 0;
}

/* Alerts 42 to 46, 48, 49 and 116 speak of the certificate we sent. */
static bool alert_is_about_us(int alert) {
  return (alert >= SSL_AD_BAD_CERTIFICATE && alert <= SSL_AD_CERTIFICATE_UNKNOWN) || alert == SSL_AD_UNKNOWN_CA ||
         alert == SSL_AD_ACCESS_DENIED || alert == 116 /* certificate_required */;
}

static const char *alert_name(int alert) {
  if (alert == 116) return "certificate required"; /* OpenSSL 3.0 has no text for it */
  return SSL_alert_desc_string_long(alert);
}

static void watch_alerts(const SSL *ssl, int where, int what) {
  if (where != SSL_CB_READ_ALERT || (what & 0xff) == SSL_AD_CLOSE_NOTIFY) return;
  struct tls *t = SSL_get_ex_data(ssl, session_index);
  t->alert = what & 0xff;
  t->reason[0] = 0; /* the alert is the cause, even of a failure that was seen before it */
  because(t, TLS_ALERTED,
          alert_is_about_us(t->alert) ? "%s refused our certificate: %s (TLS alert %d)"
                                      : "%s ended TLS: %s (TLS alert %d)",
          t->host, alert_name(t->alert), t->alert);
}

/* ---- configurations ---- */
static SSL_CTX *new_ctx(struct ctx *cx, const SSL_METHOD *method) {
  pthread_once(&once, set_up);
  ERR_clear_error();
  SSL_CTX *ctx = SSL_CTX_new(method);
  if (!ctx) {
    (void)FAIL(cx, E_INTERNAL, "TLS cannot be set up: %s", openssl_text());
    return NULL;
  }
  SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
  SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
                               SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_read_ahead(ctx, 1); /* one system call for many records */
  SSL_CTX_set_info_callback(ctx, watch_alerts);
  return ctx;
}

static enum err use_trust(struct ctx *cx, SSL_CTX *ctx, const char *ca_file) {
  X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ctx);
  X509_VERIFY_PARAM_set_time(param, (time_t)(clock_now_us() / US_SECOND));
  if (!ca_file) {
    if (SSL_CTX_set_default_verify_paths(ctx) == 1) return OK;
    return FAIL(cx, E_INTERNAL, "the system's certificate store cannot be used: %s", openssl_text());
  }
  X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN); /* whoever names an intermediate trusts it */
  if (SSL_CTX_load_verify_file(ctx, ca_file) == 1) return OK;
  return FAIL(cx, E_INVALID, "%s: no PEM certificates can be read from it: %s", ca_file, openssl_text());
}

static enum err client_fill(struct ctx *cx, SSL_CTX *ctx, const struct tls_client_conf *conf) {
  static const unsigned char h2[] = {2, 'h', '2'};
  TRY(use_trust(cx, ctx, conf->ca_file));
  SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, server_cert_checked);
  if (conf->alpn_h2) SSL_CTX_set_alpn_protos(ctx, h2, sizeof h2);
  if (conf->cert_pem.p) return use_identity(cx, ctx, conf->cert_pem, conf->key_pem);
  return OK;
}

enum err tls_client_new(struct ctx *cx, struct tls_client **out, const struct tls_client_conf *conf) {
  SSL_CTX *ctx = new_ctx(cx, TLS_client_method());
  if (!ctx) return E_INTERNAL;
  enum err e = client_fill(cx, ctx, conf);
  if (e != OK) {
    SSL_CTX_free(ctx);
    return e;
  }
  struct tls_client *c = mem_alloc(sizeof *c);
  *c = (struct tls_client){.ctx = ctx, .alpn_h2 = conf->alpn_h2};
  *out = c;
  return OK;
}

void tls_client_free(struct tls_client *c) {
  if (!c) return;
  SSL_CTX_free(c->ctx);
  free(c);
}

static int choose_h2(SSL *ssl, const unsigned char **out, unsigned char *out_n, const unsigned char *in, unsigned in_n,
                     void *arg) {
  (void)ssl;
  struct tls_server *s = arg;
  if (atomic_load(&s->no_alpn)) return SSL_TLSEXT_ERR_NOACK;
  for (unsigned at = 0; at < in_n && in[at] < in_n - at; at += 1u + in[at])
    if (in[at] == 2 && memcmp(in + at + 1, "h2", 2) == 0) {
      *out = in + at + 1;
      *out_n = 2;
      return SSL_TLSEXT_ERR_OK;
    }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int client_cert_checked(X509_STORE_CTX *sc, void *arg) {
  static const int refusals[] = {[TLS_REFUSE_NONE] = X509_V_OK,
                                 [TLS_REFUSE_EXPIRED] = X509_V_ERR_CERT_HAS_EXPIRED,
                                 [TLS_REFUSE_REVOKED] = X509_V_ERR_CERT_REVOKED,
                                 [TLS_REFUSE_UNKNOWN_CA] = X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT};
  struct tls_server *s = arg;
  int error = refusals[atomic_load(&s->refusal)];
  time_t now = (time_t)(clock_now_us() / US_SECOND);
  if (error == X509_V_OK && X509_cmp_time(X509_get0_notAfter(X509_STORE_CTX_get0_cert(sc)), &now) < 0)
    error = X509_V_ERR_CERT_HAS_EXPIRED;
  X509_STORE_CTX_set_error(sc, error);
  return error == X509_V_OK;
}

enum err tls_server_new(struct ctx *cx, struct tls_server **out, struct slice cert_pem, struct slice key_pem,
                        bool ask_client) {
  SSL_CTX *ctx = new_ctx(cx, TLS_server_method());
  if (!ctx) return E_INTERNAL;
  enum err e = use_identity(cx, ctx, cert_pem, key_pem);
  if (e != OK) {
    SSL_CTX_free(ctx);
    return e;
  }
  struct tls_server *s = mem_alloc(sizeof *s);
  s->ctx = ctx;
  if (SSL_CTX_set_ex_data(ctx, server_index, s) != 1) abort(); /* out of memory */
  SSL_CTX_set_num_tickets(ctx, 0);
  SSL_CTX_set_alpn_select_cb(ctx, choose_h2, s);
  if (ask_client) SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
  SSL_CTX_set_cert_verify_callback(ctx, client_cert_checked, s);
  *out = s;
  return OK;
}

void tls_server_free(struct tls_server *s) {
  if (s) SSL_CTX_free(s->ctx);
}

void tls_server_drill(struct tls_server *s, enum tls_refusal refusal, bool no_alpn) {
  atomic_store(&s->refusal, (int)refusal);
  atomic_store(&s->no_alpn, no_alpn);
}

/* ---- sessions ---- */
/* NULL when OpenSSL cannot. */
static struct tls *session_new(SSL_CTX *ctx, int fd, const char *host) {
  ERR_clear_error();
  struct tls *t = mem_alloc(sizeof *t);
  t->fd = fd;
  t->alert = -1;
  snprintf(t->host, sizeof t->host, "%s", host);
  t->ssl = SSL_new(ctx);
  BIO *b = BIO_new(bio_method);
  if (!t->ssl || !b || SSL_set_ex_data(t->ssl, session_index, t) != 1) {
    BIO_free(b);
    tls_free(t);
    return NULL;
  }
  BIO_set_data(b, t);
  BIO_set_init(b, 1);
  SSL_set_bio(t->ssl, b, b);
  return t;
}

static enum err no_session(struct ctx *cx) {
  return FAIL(cx, E_INTERNAL, "a TLS session cannot be set up: %s", openssl_text());
}

static bool expect_host(SSL *ssl, const char *host) {
  unsigned char address[16];
  if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
    return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1; /* an address is no SNI: RFC 6066, 3 */
  return SSL_set_tlsext_host_name(ssl, host) == 1 && SSL_set1_host(ssl, host) == 1;
}

enum err tls_open_client(struct ctx *cx, struct tls **out, struct tls_client *conf, int fd, const char *host) {
  struct tls *t = session_new(conf->ctx, fd, host);
  if (!t) return no_session(cx);
  if (!expect_host(t->ssl, host)) {
    tls_free(t);
    return FAIL(cx, E_INVALID, "%s is no host name or address", host);
  }
  /* The time to verify at was that of the configuration, which may be days old. */
  X509_VERIFY_PARAM_set_time(SSL_get0_param(t->ssl), (time_t)(clock_now_us() / US_SECOND));
  t->demand_h2 = conf->alpn_h2;
  SSL_set_connect_state(t->ssl);
  *out = t;
  return OK;
}

enum err tls_open_server(struct ctx *cx, struct tls **out, struct tls_server *conf, int fd) {
  struct tls *t = session_new(conf->ctx, fd, "the client");
  if (!t) return no_session(cx);
  SSL_set_accept_state(t->ssl);
  *out = t;
  return OK;
}

void tls_free(struct tls *t) {
  if (!t) return;
  SSL_free(t->ssl);
  free(t);
}

/* What a call that returned rc <= 0 came to. */
static enum tls_io outcome(struct tls *t, int rc) {
  switch (SSL_get_error(t->ssl, rc)) {
  case SSL_ERROR_WANT_READ:
    return TLS_WANT_READ;
  case SSL_ERROR_WANT_WRITE:
    return TLS_WANT_WRITE;
  case SSL_ERROR_ZERO_RETURN:
    return TLS_CLOSED;
  case SSL_ERROR_SYSCALL:
    if (t->eof) return TLS_CLOSED;
    because(t, TLS_LOST, "connection to %s lost: %s", t->host, strerror(t->sys_errno));
    return TLS_FAILED;
  default:
    because(t, TLS_BROKEN, "TLS with %s failed: %s", t->host, openssl_text());
    return TLS_FAILED;
  }
}

static bool speaks_h2(struct tls *t) {
  const unsigned char *name;
  unsigned n;
  SSL_get0_alpn_selected(t->ssl, &name, &n);
  return n == 2 && memcmp(name, "h2", 2) == 0;
}

static enum tls_io check_alpn(struct tls *t) {
  X509 *x = SSL_get0_peer_certificate(t->ssl);
  if (!t->demand_h2 || speaks_h2(t)) return TLS_DONE;
  if (x) name_text(X509_get_issuer_name(x), t->issuer, sizeof t->issuer);
  because(t, TLS_STRANGER,
          "%s does not speak HTTP/2 (ALPN); its certificate is issued by %s: does a proxy open TLS on the way?",
          t->host, t->issuer);
  return TLS_FAILED;
}

enum tls_io tls_handshake(struct tls *t) {
  ERR_clear_error();
  int rc = SSL_do_handshake(t->ssl);
  if (rc == 1) {
    t->established = true;
    return check_alpn(t);
  }
  enum tls_io io = outcome(t, rc);
  if (io != TLS_CLOSED) return io;
  because(t, TLS_LOST, "%s closed the connection during the TLS handshake", t->host);
  return TLS_FAILED;
}

enum tls_io tls_read(struct tls *t, void *p, size_t n, size_t *got) {
  ERR_clear_error();
  int rc = SSL_read_ex(t->ssl, p, n, got);
  return rc == 1 ? TLS_DONE : outcome(t, rc);
}

enum tls_io tls_write(struct tls *t, const void *p, size_t n, size_t *put) {
  ERR_clear_error();
  int rc = SSL_write_ex(t->ssl, p, n, put);
  return rc == 1 ? TLS_DONE : outcome(t, rc);
}

void tls_bye(struct tls *t) {
  ERR_clear_error();
  if (t->established) SSL_shutdown(t->ssl); /* whether it went out does not matter: the socket is closed next */
  ERR_clear_error();
}

const char *tls_reason(const struct tls *t) { return t->reason; }

enum tls_fault tls_fault(const struct tls *t) { return t->fault; }

int tls_alert(const struct tls *t) { return t->alert; }

struct slice tls_peer_cert(struct ctx *cx, struct tls *t) {
  unsigned char *der = NULL;
  X509 *x = SSL_get0_peer_certificate(t->ssl);
  int n = x ? i2d_X509(x, &der) : 0;
  if (n <= 0) return (struct slice){0};
  struct slice copy = slice_mem(ctx_memdup(cx, der, (size_t)n), (size_t)n);
  OPENSSL_free(der);
  return copy;
}

const char *tls_peer_issuer(struct ctx *cx, struct tls *t) {
  X509 *x = SSL_get0_peer_certificate(t->ssl);
  if (x && !t->issuer[0]) name_text(X509_get_issuer_name(x), t->issuer, sizeof t->issuer);
  return ctx_strdup(cx, t->issuer);
}
