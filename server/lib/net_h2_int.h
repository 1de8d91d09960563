/* What the client (net_h2.c) and the server (net_h2_server.c) share: one nghttp2 session over one TLS session.

   Frames leave in pieces of about one TLS record, so that a hundred requests cost one system call. Whatever a peer can
   repeat for ever without asking for anything is counted here: continuations, header bytes, frames per second. */
#ifndef POMONA_LIB_NET_H2_INT_H
#define POMONA_LIB_NET_H2_INT_H

#include "base/buf.h"
#include "lib/net_tls.h"
#include <nghttp2/nghttp2.h>

enum {
  WIRE_CHUNK = 15 * 1024,        /* handed to TLS at once; a frame more still fits a record */
  WIRE_CONTINUATIONS_MAX = 4,    /* frames of one header block */
  WIRE_HEADER_BYTES_MAX = 16384, /* of one header block, decoded */
  WIRE_FRAMES_A_SECOND = 10000,  /* without a stream being finished */
  WIRE_FRAMES_A_STREAM = 8,      /* more, for each stream that was */
  H2_HEADERS_MAX = 32
};

/* First member of a connection, and the session's user data. */
struct wire {
  int fd;
  struct tls *tls;
  nghttp2_session *ng;
  struct buf out; /* serialised, not yet taken by TLS from out_at on */
  size_t out_at;
  bool more;       /* reading stopped for fairness, not for want of input */
  bool want_write; /* TLS wants to write before it can read */
  unsigned continuations;
  size_t header_bytes;
  int64_t second; /* of `frames` */
  int64_t frames; /* that may still come in this second */
  char reason[256];
};

enum wire_state { WIRE_OPEN, WIRE_ENDED, WIRE_FAILED }; /* failed: wire_reason tells */

/* Adds what both sides need; then the caller its own callbacks. Aborts when memory is exhausted. */
nghttp2_session_callbacks *wire_callbacks(void);
void wire_session(struct wire *w, nghttp2_session_callbacks *cbs, bool server); /* releases cbs */
enum wire_state wire_read(struct wire *w);
enum wire_state wire_write(struct wire *w);
bool wire_has_output(const struct wire *w);
bool wire_is_done(const struct wire *w); /* both sides have nothing more to say */
const char *wire_reason(const struct wire *w);
void wire_free(struct wire *w); /* closes the socket; of a zeroed one: nothing but fd */

/* Counting; to be called from the callbacks of on_begin_headers, on_header and on_stream_close. */
void wire_block_begins(struct wire *w);
int wire_count_header(struct wire *w, size_t n); /* 0 or what the callback has to return */
void wire_stream_done(struct wire *w);

/* A header of a message to be sent; ids are never put in the compression table, where they would only push others out.
 */
nghttp2_nv wire_header(const char *name, const char *value);
/* Copies of `from` what fits, at *at on. For data providers: a window may be far smaller than the body. */
size_t wire_copy_body(struct slice from, size_t *at, uint8_t *to, size_t n, uint32_t *flags);

#endif
