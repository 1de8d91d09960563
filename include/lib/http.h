/* The HTTP server: listeners over libmicrohttpd, with absolute deadlines, caps and TLS.

   A handler is called twice a request: `head` when the headers are there (refuse early, set the body's cap), `body`
   when the whole body is. It answers by http_reply (or one of its kind): at once, or later from any thread; the
   connection is suspended meanwhile. Who owns what: struct http_req and all slices taken from it live until the reply
   was given; after http_reply the caller must not touch it again. Its cx may be handed to another thread together with
   it. Threads: handlers run on listener threads and must not block; http_reply may be called from any thread, once. */
#ifndef POMONA_LIB_HTTP_H
#define POMONA_LIB_HTTP_H

#include "base/buf.h"
#include "base/ctx.h"

struct http_server;
struct http_req;

struct http_handler {
  /* Headers are complete. Returns the largest body to accept; may call http_reply itself (then body is not called and
     the body is discarded up to the cap, or the connection ends). */
  size_t (*head)(struct http_req *rq, void *arg);
  void (*body)(struct http_req *rq, void *arg);
  /* The answer is out (or the client went away: status 0). For the one log line. rq is still readable. Once for every
     request whose head was called, but for those that http_stop cut off while another thread held them. */
  void (*end)(struct http_req *rq, void *arg);
  /* May be NULL. A TLS client that had begun to speak went away without a request. alert: the one it sent (RFC 8446 6),
     -1 when it sent none. */
  void (*hangup)(const char *peer, int alert, void *arg);
  void *arg;
};

struct http_conf {
  const char *listen;   /* "[::]:8443", "127.0.0.1:0", "0.0.0.0:8444"; "[::]" is dual stack, 0.0.0.0 without IPv6 */
  struct http_tls *tls; /* NULL: plain HTTP; borrowed */
  unsigned threads;     /* epoll threads; 0 is one per processor */
  unsigned
      connections;    /* most at a time; the oldest idle one is closed to make room; 0 is derived from RLIMIT_NOFILE */
  size_t headers_max; /* memory for the request line and headers, bytes */
  int64_t headers_us, body_us, idle_us; /* absolute deadlines: TLS handshake and headers; body, and reading of the
                                           answer; keep-alive between requests */
  int64_t stall_us; /* 0: body_us. A streamed body, or a file: what had more bytes than its time needs may stand still
                       for so long, and no longer */
  size_t inflight_max; /* bytes of bodies held at a time over the server, then 503; 0 is no limit */
  struct http_handler handler;
};

/* E_UNREACHABLE when the address cannot be bound, with the reason. */
MUST_CHECK enum err http_start(struct ctx *cx, struct http_server **out, const struct http_conf *conf);
const char *http_address(const struct http_server *s); /* where it listens, with the real port: "127.0.0.1:41873" */
int http_port(const struct http_server *s);
/* Shutdown in two steps: http_quiesce stops accepting and answers open requests with `Connection: close`; http_drain
   waits until all requests were answered or mono_us is reached (false); http_stop ends everything: what is open then is
   cut off, and no handler is called any more. A request that another thread still holds stays readable until that
   thread calls http_reply, which then only frees it; its client was told 503. */
void http_quiesce(struct http_server *s);
bool http_drain(struct http_server *s, int64_t mono_us);
void http_stop(struct http_server *s);

struct http_stats {
  int64_t connections, open_requests, inflight_bytes; /* now */
  /* Since start. timeouts: ended in mid-request; shed: closed or refused for want of room; refused: malformed or too
     large a head, answered 400, 414 or 431 without asking a handler */
  int64_t accepted, requests, timeouts, shed, refused;
};
struct http_stats http_stats(const struct http_server *s);

/* ---- a request ---- */
struct ctx *http_cx(struct http_req *rq);
const char *http_method(struct http_req *rq);
struct slice http_path(struct http_req *rq);      /* as sent, before '?'; not decoded */
struct slice http_query_raw(struct http_req *rq); /* as sent, after '?'; p NULL when there was none */
/* Decoded (percent only, '+' stays) value of the first parameter of that name; p NULL when absent or malformed. */
struct slice http_query(struct http_req *rq, const char *name);
struct slice http_header(struct http_req *rq, const char *name); /* p NULL when absent */
/* All values of a header that may come several times, in their order: the first `most`. Returns how many there are. */
size_t http_headers(struct http_req *rq, const char *name, struct slice *out, size_t most);
/* The i-th header, in the order in which they came; false past the last. */
bool http_header_at(struct http_req *rq, size_t i, const char **name, const char **value);
struct slice http_body(struct http_req *rq);
/* From `head` only: the body is not held, but given to `part` as it comes, on the listener's thread; false ends the
   connection. It counts against its cap, not against inflight_max; http_body stays empty. Its deadline goes on by what
   came, but no further than stall_us from now: HTTP_SLOWEST bytes a second are enough. */
enum { HTTP_SLOWEST = 32 * 1024 };
void http_stream_body(struct http_req *rq, bool (*part)(struct http_req *rq, struct slice bytes, void *arg), void *arg);
int64_t http_content_length(struct http_req *rq); /* -1 when unknown (chunked) */
const char *http_peer(struct http_req *rq);       /* numeric address without port; IPv4-mapped ones as IPv4 */
bool http_is_tls(struct http_req *rq);
/* DER of the client's certificate as given in the TLS handshake; p NULL when none. GnuTLS has checked possession of its
   key only: trust is the caller's business. */
struct slice http_peer_cert(struct http_req *rq);
/* The certificates that came behind it, DER: at most HTTP_CHAIN_MOST of them, and 64 KiB. NULL when there are none. */
enum { HTTP_CHAIN_MOST = 8 };
const struct slice *http_peer_chain(struct http_req *rq, size_t *n);
/* A place for the caller's verdict on that certificate, kept with the connection; free_value runs when it closes.
   Only on the listener's thread. */
void *http_conn_get(struct http_req *rq);
void http_conn_set(struct http_req *rq, void *value, void (*free_value)(void *));
/* A place for the caller's state of this request. */
void *http_user(struct http_req *rq);
void http_set_user(struct http_req *rq, void *user);
int http_status(struct http_req *rq); /* of the reply; 0 before it, or when the client went away */
int64_t http_age_us(struct http_req *rq); /* since its headers were complete */

/* ---- the reply ---- */
/* Sets a header of the reply, in place of one of this name, or adds one more. Values with control characters are
   refused (dropped and logged as our error). */
void http_set_header(struct http_req *rq, const char *name, const char *value);
void http_add_header(struct http_req *rq, const char *name, const char *value);
size_t http_headers_set(struct http_req *rq);
/* Takes back those that were added after the first `keep`. */
void http_unset_headers(struct http_req *rq, size_t keep);
/* body is copied. type may be NULL (no Content-Type). For HEAD the body is left out. Once per request. */
void http_reply(struct http_req *rq, int status, const char *type, struct slice body);
/* A part of a file, sent from the disk without being held; fd is taken over. When the file turns out to be shorter, the
   connection is cut. The deadline of its reading goes on with it, as that of http_stream_body does. */
struct http_file {
  int fd;
  int64_t offset, n;
};
void http_reply_file(struct http_req *rq, int status, const char *type, const struct http_file *file);

/* An answer that goes on (http_stream.c): 200, of no length; what is sent reaches the peer as soon as it can. Given
   once a request, like the others; the stream is the caller's until http_stream_end, on any thread, and outlives the
   request and its server. Its peer has body_us to take what it was sent, again and again; http_quiesce ends it. */
enum { HTTP_STREAM_MOST = 256 * 1024 };
struct http_stream;
struct http_stream *http_reply_stream(struct http_req *rq, const char *type);
/* bytes are copied. False: it is over, for the peer has gone, the server ends, or more than HTTP_STREAM_MOST would wait
   for a peer that reads too slowly, which is cut off. Never blocks. */
bool http_stream_send(struct http_stream *s, struct slice bytes);
void http_stream_end(struct http_stream *s); /* what was sent still goes out */

/* ---- TLS (http_tls.c) ---- */
struct http_tls;
/* cert_pem: leaf first, then the chain; key_pem: its unencrypted key. E_INVALID when they do not fit. */
MUST_CHECK enum err http_tls_new(struct ctx *cx, struct http_tls **out, struct slice cert_pem, struct slice key_pem);
/* For the next handshakes; connections that stand keep theirs. Nothing changes when it fails. Any thread. */
MUST_CHECK enum err http_tls_swap(struct ctx *cx, struct http_tls *t, struct slice cert_pem, struct slice key_pem);
/* Ask clients for a certificate, naming only the issuers of these PEM certificates, so that browsers do not pester
   people. May be called again while it serves. An empty slice: do not ask. */
MUST_CHECK enum err http_tls_ask_client(struct ctx *cx, struct http_tls *t, struct slice ca_pem);
void http_tls_free(struct http_tls *t); /* after the servers that use it */

#endif
