/* HTTP/2 over TLS (RFC 9113, ALPN "h2"), non-blocking: the client for APNs, and the small server the lab's stand-in
   needs.

   The owner's thread polls h2_fd for h2_events and calls h2_io; callbacks run inside h2_io. They may submit, ping and
   shut down, but not free their connection. Who owns what: requests are copied; `tag` is the caller's. One thread at a
   time a connection. */
#ifndef POMONA_LIB_NET_H2_H
#define POMONA_LIB_NET_H2_H

#include "base/buf.h"
#include "base/ctx.h"
#include "lib/net_tls.h"

/* ---- client ---- */
struct h2; /* one connection */

struct h2_response {
  int status;               /* 0: the stream ended without an answer (see `refused`) */
  bool unprocessed;         /* the peer has certainly not acted on it (REFUSED_STREAM, or above GOAWAY's last id) */
  struct slice apns_id;     /* header apns-id; borrowed for the callback */
  struct slice retry_after; /* header retry-after */
  struct slice date;        /* header date */
  struct slice body;        /* at most 4 KiB are kept */
};

struct h2_callbacks {
  void (*ready)(void *arg);                                            /* TLS, ALPN and the peer's SETTINGS are there */
  void (*response)(void *arg, void *tag, const struct h2_response *r); /* exactly once per request that was submitted */
  /* The peer sent GOAWAY: submit nothing more here. debug is its text (borrowed). */
  void (*goaway)(void *arg, uint32_t code, struct slice debug);
  /* The connection has ended; every request without an answer was reported (status 0) before. reason is for people. */
  void (*closed)(void *arg, enum err e, const char *reason);
};

/* An HTTP proxy that the connection goes through by CONNECT. Copied. */
struct h2_proxy {
  struct slice address;      /* as h2_conf.address; p NULL: there is none */
  const char *authorization; /* value of Proxy-Authorization; NULL: none */
};

struct h2_conf {
  struct slice address; /* struct sockaddr in network form, resolved by the caller; with a proxy not used */
  struct h2_proxy proxy;
  const char *host; /* for SNI, certificate check and :authority */
  int port;
  struct tls_client *tls; /* trust and client certificate; borrowed */
  struct h2_callbacks cb;
  void *arg;
  int64_t connect_us; /* deadline for TCP + TLS + SETTINGS; 0 is 10 s */
  int64_t ping_us;    /* deadline for the answer to h2_ping; 0 is 10 s */
};

struct h2_header {
  const char *name, *value;
};

MUST_CHECK enum err h2_open(struct ctx *cx, struct h2 **out, const struct h2_conf *conf);
int h2_fd(const struct h2 *c);           /* -1 once closed */
short h2_events(const struct h2 *c);     /* POLLIN, POLLOUT */
void h2_io(struct h2 *c, short revents); /* after poll, or with 0 after submitting */
bool h2_usable(const struct h2 *c);      /* ready and no GOAWAY, not closed */
bool h2_is_closed(const struct h2 *c);
int h2_alert(const struct h2 *c); /* TLS alert received from the peer (45: our certificate has expired), or -1 */
/* What a connection came to grief of, so that people are told what to mend. */
enum h2_trouble {
  H2_FINE,     /* it is open, or ended in order */
  H2_REFUSED,  /* TCP, or before the end of the TLS handshake: refused, reset, closed, no route */
  H2_LATE,     /* no answer in time */
  H2_PROXY,    /* the proxy cannot be reached, or does not let it through: h2_proxy_status */
  H2_STRANGER, /* TLS with somebody else: h2_issuer */
  H2_ALERT,    /* the peer ended TLS: h2_alert */
  H2_BROKEN    /* not as it must be, or ended without a reason */
};
enum h2_trouble h2_trouble(const struct h2 *c);
int h2_proxy_status(const struct h2 *c);                   /* of the proxy's answer; 0: none */
const char *h2_issuer(struct ctx *cx, const struct h2 *c); /* of the peer's certificate; "" when none is known */
size_t h2_room(const struct h2 *c);                        /* streams that may be opened now */
bool h2_is_narrow(const struct h2 *c);                     /* the peer allows fewer than this client would use */
size_t h2_open_streams(const struct h2 *c);
/* POST path with headers and a small body. E_UNAVAILABLE when !h2_usable or no room. */
MUST_CHECK enum err h2_submit(struct ctx *cx, struct h2 *c, const char *path, const struct h2_header *headers, size_t n,
                              struct slice body, void *tag);
void h2_ping(struct h2 *c);                   /* an answer that does not come in time ends the connection */
int64_t h2_next_deadline(const struct h2 *c); /* monotonic; when h2_io must be called at the latest; 0 is none */
void h2_shutdown(struct h2 *c);               /* GOAWAY, then close when the open streams are answered */
void h2_free(struct h2 *c);                   /* at once; no callbacks any more */

/* ---- server side, one thread for all connections ---- */
struct h2_server;

struct h2_server_req {
  int64_t id;         /* of this request, unique in the server */
  int64_t connection; /* number of its connection, from 1 */
  const char *method, *path;
  struct slice body;               /* at most 64 KiB are kept */
  const struct h2_header *headers; /* all that are not pseudo-headers, in the order they came; at most 32 */
  size_t header_n;
  const char *(*header)(const struct h2_server_req *rq, const char *name); /* NULL when absent */
  struct slice peer_cert;                                                  /* DER of the client's certificate */
};

struct h2_server_conf {
  const char *listen;     /* "127.0.0.1:0" */
  struct tls_server *tls; /* asks for a client certificate; borrowed */
  uint32_t max_streams;   /* SETTINGS_MAX_CONCURRENT_STREAMS; 0 is 1000 */
  /* Called on the server's thread. Answer by h2_server_reply at once or later (same thread, e.g. from tick). */
  void (*request)(struct h2_server *s, const struct h2_server_req *rq, void *arg);
  void (*tick)(struct h2_server *s, void *arg); /* at least every 20 ms while a reply is owed; may be NULL */
  void *arg;
};

MUST_CHECK enum err h2_server_start(struct ctx *cx, struct h2_server **out, const struct h2_server_conf *conf);
int h2_server_port(const struct h2_server *s);
void h2_server_reply(struct h2_server *s, int64_t id, int status, const struct h2_header *headers, size_t n,
                     struct slice body);
/* Sends GOAWAY on that connection (0: all) with this debug text. Requests that were not handed to `request` yet are not
   processed; the others are answered, then the connection ends. */
void h2_server_goaway(struct h2_server *s, int64_t connection, const char *debug);
void h2_server_drop(struct h2_server *s, int64_t connection); /* cuts the TCP connection (0: all) without a word */
void h2_server_wake(struct h2_server *s);                     /* makes tick run soon; any thread */
int64_t h2_server_connections(const struct h2_server *s); /* whose TLS handshake succeeded, since start; any thread */
void h2_server_stop(struct h2_server *s);                 /* cuts what is open; not from the server's thread */

#endif
