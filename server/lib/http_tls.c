/* TLS of the listeners: GnuTLS, because libmicrohttpd's TLS is GnuTLS.

   libmicrohttpd would fix the certificate and the list of issuers at its start. Instead each new session is given the
   credentials of the day (struct http_tls_use), which live until the last session that uses them is gone. */
#include "lib/http_int.h"

#include <errno.h>
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
  PEERS_MAX = 64 * 1024, /* of a client's certificates */
  LAST_BYTES = 512       /* of a connection that has ended */
};

/* TLS 1.3 and 1.2 with forward secrecy and AEAD only; AES-128-GCM is the cheapest. */
const char http_tls_priorities[] =
    "NONE:+VERS-TLS1.3:+VERS-TLS1.2:+ECDHE-ECDSA:+ECDHE-RSA:+AES-128-GCM:+CHACHA20-POLY1305:+AES-256-GCM:+AEAD:"
    "+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:+SIGN-ALL:-SIGN-RSA-SHA1:-SIGN-ECDSA-SHA1:-SIGN-DSA-SHA1:"
    "-SIGN-DSA-SHA256:-SIGN-DSA-SHA384:-SIGN-DSA-SHA512:+COMP-NULL:+CTYPE-X509:%SERVER_PRECEDENCE";

struct http_tls_use {
  atomic_int refs;
  gnutls_certificate_credentials_t cred;
  bool ask; /* for a client's certificate */
};

struct pems { /* a list of certificates */
  gnutls_x509_crt_t *certs;
  unsigned n;
};

struct http_tls {
  pthread_mutex_t lock;
  struct http_tls_use *now;
  struct pems chain, issuers;
  gnutls_x509_privkey_t key;
  gnutls_datum_t tickets; /* seals session tickets; GnuTLS derives a new key from it every few hours */
};

/* ---- the parts ---- */

static gnutls_datum_t datum(struct slice s) {
  return (gnutls_datum_t){.data = (unsigned char *)(uintptr_t)s.p, .size = (unsigned)s.n};
}

static void pems_free(struct pems *p) {
  for (unsigned i = 0; i < p->n; i++) gnutls_x509_crt_deinit(p->certs[i]);
  gnutls_free(p->certs);
  *p = (struct pems){0};
}

static enum err pems_read(struct ctx *cx, struct pems *out, struct slice text) {
  gnutls_datum_t d = datum(text);
  *out = (struct pems){0};
  int e = gnutls_x509_crt_list_import2(&out->certs, &out->n, &d, GNUTLS_X509_FMT_PEM, 0);
  if (e < 0) return FAIL(cx, E_INVALID, "the certificates cannot be read: %s", gnutls_strerror(e));
  return OK;
}

static enum err key_read(struct ctx *cx, gnutls_x509_privkey_t *out, struct slice text) {
  gnutls_datum_t d = datum(text);
  gnutls_x509_privkey_init(out);
  int e = gnutls_x509_privkey_import2(*out, &d, GNUTLS_X509_FMT_PEM, NULL, 0);
  if (e == 0) return OK;
  gnutls_x509_privkey_deinit(*out);
  return FAIL(cx, E_INVALID, "the private key cannot be read: %s", gnutls_strerror(e));
}

/* ---- what sessions use ---- */

void http_tls_end(struct http_tls_use *use) {
  if (!use || atomic_fetch_sub(&use->refs, 1) != 1) return;
  gnutls_certificate_free_credentials(use->cred);
  free(use);
}

/* Everything is copied into the credentials. Possession of the client's key is checked by the handshake, trust in its
   certificate by nobody here: without gnutls_certificate_verify_peers any issuer passes. */
static enum err use_new(struct ctx *cx, struct http_tls_use **out, const struct pems *chain, gnutls_x509_privkey_t key,
                        const struct pems *issuers) {
  struct http_tls_use *use = mem_alloc(sizeof *use);
  atomic_init(&use->refs, 1);
  use->ask = issuers->n > 0;
  int e = gnutls_certificate_allocate_credentials(&use->cred);
  if (e >= 0) e = gnutls_certificate_set_x509_key(use->cred, chain->certs, (int)chain->n, key);
  if (e >= 0 && use->ask) e = gnutls_certificate_set_x509_trust(use->cred, issuers->certs, (int)issuers->n);
  if (e >= 0) {
    *out = use;
    return OK;
  }
  http_tls_end(use);
  return FAIL(cx, E_INVALID, "the certificate and its key cannot be used: %s", gnutls_strerror(e));
}

/* The present credentials are replaced; sessions keep those that they began with. */
static void use_set(struct http_tls *t, struct http_tls_use *use) {
  struct http_tls_use *old = t->now;
  t->now = use;
  http_tls_end(old);
}

/* A client's alert is known to its session only, which libmicrohttpd ends before it tells of the end of the connection.
   But it logs the trouble first, on the thread that has just read the alert. */
static _Thread_local struct http_conn *read_last;

void http_tls_note_alert(void) {
  int alert = read_last ? (int)gnutls_alert_get(read_last->session) : 0; /* 0 is close_notify, or none */
  if (alert) read_last->alert = alert;
}

/* An alert in plain text (RFC 8446, 5.1: type 21, two bytes). Some clients of TLS 1.3 send theirs so where GnuTLS
   expects it encrypted, and cannot read it. GnuTLS reads the header of a record alone. */
static void watch_alert(struct http_conn *c, const unsigned char *p, ssize_t n) {
  if (c->alert_next && n == 2) c->alert = p[1];
  c->alert_next = n == 5 && p[0] == 21 && p[3] == 0 && p[4] == 2;
}

/* A client that closes with data unread resets the connection, and libmicrohttpd then ends it without reading what came
   before. What is still there is looked through for an alert, record by record. */
static void look_for_alert(struct http_conn *c) {
  unsigned char b[LAST_BYTES];
  ssize_t n = recv(c->fd, b, sizeof b, MSG_DONTWAIT), at = 0;
  for (; at + 7 <= n && !c->alert; at += 5 + (b[at + 3] << 8 | b[at + 4])) {
    watch_alert(c, b + at, 5);
    watch_alert(c, b + at + 5, 2);
  }
}

void http_tls_forget(struct http_conn *c) {
  if (read_last == c) read_last = NULL;
  if (c->heard && !c->asked && !c->alert) look_for_alert(c);
}

/* Where GnuTLS reads. While a handshake waits for the client libmicrohttpd would call it again and again, for it does
   not notice that nothing has come: one client that stops in mid-handshake would keep a processor busy. So the
   connection is suspended meanwhile. */
static ssize_t pull(gnutls_transport_ptr_t arg, void *out, size_t n) {
  struct http_conn *c = arg;
  http_unpark(c);
  ssize_t got = recv(c->fd, out, n, 0);
  c->heard |= got > 0;
  if (!c->asked) watch_alert(c, out, got);
  read_last = c;
  if (got >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK) || c->shaken) return got;
  errno = http_await_handshake(c) ? EAGAIN : ECONNRESET;
  return -1;
}

static int pull_timeout(gnutls_transport_ptr_t arg, unsigned ms) {
  struct http_conn *c = arg;
  return poll(&(struct pollfd){c->fd, POLLIN, 0}, 1, (int)ms);
}

/* The client's last word is Finished, in every kind of handshake. Told by a hook: gnutls_handshake_get_last_in has
   forgotten it as soon as the handshake is over, and a client that sends its request along is pulled only after that.
 */
static int on_finished(gnutls_session_t session, unsigned type, unsigned when, unsigned incoming,
                       const gnutls_datum_t *message) {
  (void)type, (void)when, (void)message;
  struct http_conn *c = gnutls_transport_get_ptr(session);
  if (incoming) c->shaken = true;
  return 0;
}

struct http_tls_use *http_tls_begin(struct http_conn *c, void *session) {
  struct http_tls *t = c->server->conf.tls;
  pthread_mutex_lock(&t->lock);
  struct http_tls_use *use = t->now;
  atomic_fetch_add(&use->refs, 1);
  pthread_mutex_unlock(&t->lock);
  c->session = session;
  gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, use->cred);
  gnutls_session_ticket_enable_server(session, &t->tickets);
  if (use->ask) gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUEST);
  gnutls_transport_set_ptr2(session, c, (gnutls_transport_ptr_t)(intptr_t)c->fd);
  gnutls_transport_set_pull_function(session, pull);
  gnutls_transport_set_pull_timeout_function(session, pull_timeout);
  gnutls_handshake_set_hook_function(session, GNUTLS_HANDSHAKE_FINISHED, GNUTLS_HOOK_POST, on_finished);
  return use;
}

/* What is too much is left out from the end: there stand the CAs that the server knows anyway. */
static size_t fitting(const gnutls_datum_t *certs, size_t n, size_t *bytes) {
  size_t i = 0;
  for (*bytes = 0; i < n && i <= HTTP_CHAIN_MOST && *bytes + certs[i].size <= PEERS_MAX; i++) *bytes += certs[i].size;
  return i;
}

struct slice *http_tls_peers(void *session, size_t *n) {
  unsigned all = 0;
  size_t bytes;
  const gnutls_datum_t *certs = gnutls_certificate_get_peers(session, &all);
  *n = fitting(certs, all, &bytes);
  if (*n == 0) return NULL;
  struct slice *out = mem_alloc(*n * sizeof *out + bytes);
  char *at = (char *)(out + *n);
  for (size_t i = 0; i < *n; i++, at += certs[i - 1].size)
    out[i] = slice_mem(memcpy(at, certs[i].data, certs[i].size), certs[i].size);
  return out;
}

/* libmicrohttpd insists on a source of certificates. Never called: every session has credentials of its own. */
static int no_certificate(gnutls_session_t session, const struct gnutls_cert_retr_st *info, gnutls_pcert_st **certs,
                          unsigned *n, gnutls_ocsp_data_st **ocsp, unsigned *ocsp_n, gnutls_privkey_t *key,
                          unsigned *flags) {
  (void)session, (void)info, (void)certs, (void)n, (void)ocsp, (void)ocsp_n, (void)key, (void)flags;
  return -1;
}

struct MHD_OptionItem http_tls_options[] = {
    {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)http_tls_priorities},
    {MHD_OPTION_HTTPS_CERT_CALLBACK2, 0, (void *)(uintptr_t)no_certificate},
    {MHD_OPTION_END, 0, NULL},
};

/* ---- the contract ---- */

enum err http_tls_new(struct ctx *cx, struct http_tls **out, struct slice cert_pem, struct slice key_pem) {
  struct http_tls *t = mem_alloc(sizeof *t);
  pthread_mutex_init(&t->lock, NULL);
  enum err e = OK;
  if (gnutls_session_ticket_key_generate(&t->tickets) < 0) e = FAIL(cx, E_INTERNAL, "no key for session tickets");
  if (e == OK) e = http_tls_swap(cx, t, cert_pem, key_pem);
  if (e != OK) {
    http_tls_free(t);
    return e;
  }
  *out = t;
  return OK;
}

enum err http_tls_swap(struct ctx *cx, struct http_tls *t, struct slice cert_pem, struct slice key_pem) {
  struct pems chain;
  gnutls_x509_privkey_t key = NULL;
  struct http_tls_use *use = NULL;
  TRY(pems_read(cx, &chain, cert_pem));
  enum err e = key_read(cx, &key, key_pem);
  if (e != OK) {
    pems_free(&chain);
    return e;
  }
  pthread_mutex_lock(&t->lock);
  e = use_new(cx, &use, &chain, key, &t->issuers);
  if (e == OK) {
    struct pems old_chain = t->chain;
    gnutls_x509_privkey_t old_key = t->key;
    t->chain = chain;
    t->key = key;
    chain = old_chain;
    key = old_key;
    use_set(t, use);
  }
  pthread_mutex_unlock(&t->lock);
  pems_free(&chain);
  if (key) gnutls_x509_privkey_deinit(key);
  return e;
}

enum err http_tls_ask_client(struct ctx *cx, struct http_tls *t, struct slice ca_pem) {
  struct pems issuers = {0};
  struct http_tls_use *use = NULL;
  if (ca_pem.n) TRY(pems_read(cx, &issuers, ca_pem));
  pthread_mutex_lock(&t->lock);
  enum err e = use_new(cx, &use, &t->chain, t->key, &issuers);
  if (e == OK) {
    struct pems old = t->issuers;
    t->issuers = issuers;
    issuers = old;
    use_set(t, use);
  }
  pthread_mutex_unlock(&t->lock);
  pems_free(&issuers);
  return e;
}

void http_tls_free(struct http_tls *t) {
  if (!t) return;
  http_tls_end(t->now);
  pems_free(&t->chain);
  pems_free(&t->issuers);
  if (t->key) gnutls_x509_privkey_deinit(t->key);
  gnutls_memset(t->tickets.data, 0, t->tickets.size);
  gnutls_free(t->tickets.data);
  pthread_mutex_destroy(&t->lock);
  free(t);
}
