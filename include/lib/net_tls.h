/* TLS by OpenSSL for connections that are not libmicrohttpd's: to APNs, and the lab's stand-in.

   Who owns what: configurations are shared and reference counted by their sessions; a session is one thread's. */
#ifndef POMONA_LIB_NET_TLS_H
#define POMONA_LIB_NET_TLS_H

#include "base/buf.h"
#include "base/ctx.h"

struct tls_client; /* trust and client identity for outgoing connections; immutable, any thread */
struct tls_server; /* certificate for incoming ones; immutable, any thread */
struct tls;        /* one session over a non-blocking socket */

struct tls_client_conf {
  const char *ca_file;   /* PEM; NULL: the system's store */
  struct slice cert_pem; /* client certificate and chain; p NULL: none */
  struct slice key_pem;
  bool alpn_h2; /* offer and demand "h2" */
};
MUST_CHECK enum err tls_client_new(struct ctx *cx, struct tls_client **out, const struct tls_client_conf *conf);
void tls_client_free(struct tls_client *c);

/* ask_client: request a client certificate; nobody's signature on it is checked, it is given to the caller. One that
   has expired ends the handshake with the alert certificate_expired, as Apple does. ALPN "h2" only. */
MUST_CHECK enum err tls_server_new(struct ctx *cx, struct tls_server **out, struct slice cert_pem, struct slice key_pem,
                                   bool ask_client);
void tls_server_free(struct tls_server *s);
/* For drills: how handshakes go from now on. refusal: what to say of the client's certificate instead of accepting it;
   no_alpn: behave like a proxy that does not know HTTP/2. Any thread. */
enum tls_refusal { TLS_REFUSE_NONE, TLS_REFUSE_EXPIRED, TLS_REFUSE_REVOKED, TLS_REFUSE_UNKNOWN_CA };
void tls_server_drill(struct tls_server *s, enum tls_refusal refusal, bool no_alpn);

/* fd is non-blocking and stays the caller's. host: SNI and the name to check. */
MUST_CHECK enum err tls_open_client(struct ctx *cx, struct tls **out, struct tls_client *conf, int fd,
                                    const char *host);
MUST_CHECK enum err tls_open_server(struct ctx *cx, struct tls **out, struct tls_server *conf, int fd);
void tls_free(struct tls *t);

enum tls_io { TLS_DONE, TLS_WANT_READ, TLS_WANT_WRITE, TLS_CLOSED, TLS_FAILED };
enum tls_io tls_handshake(struct tls *t);
enum tls_io tls_read(struct tls *t, void *p, size_t n, size_t *got); /* TLS_DONE with got > 0 */
enum tls_io tls_write(struct tls *t, const void *p, size_t n, size_t *put);
void tls_bye(struct tls *t); /* close_notify, without waiting */
/* After TLS_FAILED ("" before): for people, with the alert's or the certificate's own words, e.g.
   "certificate of api.push.apple.com is issued by Corp Inspector CA, which is not trusted". Lives with t. */
const char *tls_reason(const struct tls *t);
enum tls_fault {
  TLS_FAULT_NONE,
  TLS_LOST,     /* the connection broke, or was closed in the handshake */
  TLS_STRANGER, /* the peer is somebody else: its certificate is not trusted or names another, or it lacks "h2" */
  TLS_ALERTED,  /* the peer ended it: tls_alert */
  TLS_BROKEN    /* anything else, also a trusted certificate out of its dates */
};
enum tls_fault tls_fault(const struct tls *t);              /* what tls_reason is about */
int tls_alert(const struct tls *t);                         /* TLS alert received from the peer, or -1 */
struct slice tls_peer_cert(struct ctx *cx, struct tls *t);  /* DER; p NULL when none */
const char *tls_peer_issuer(struct ctx *cx, struct tls *t); /* issuer's name of the peer's certificate; "" when none */

#endif
