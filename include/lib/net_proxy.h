/* HTTP proxies: the text of a setting taken apart, and the way through one by CONNECT (RFC 9110, 9.3.6).

   Who owns what: texts live in cx; a proxy_talk is its owner's and is ended by proxy_talk_end. One thread a talk. */
#ifndef POMONA_LIB_NET_PROXY_H
#define POMONA_LIB_NET_PROXY_H

#include "base/buf.h"
#include "base/ctx.h"

struct proxy {
  char *host;
  int port;
  char *authorization; /* value of Proxy-Authorization; NULL: none */
};
/* "http://USER:PASSWORD@HOST:PORT": user and password percent-encoded, both may be absent, as may "http://".
   E_INVALID, without the text, which may hold a password. */
MUST_CHECK enum err proxy_parse(struct ctx *cx, struct proxy *out, const char *text);
/* The text with "***" for user and password, for people and logs. In cx, or text itself. */
const char *proxy_shown(struct ctx *cx, const char *text);

/* CONNECT over a non-blocking socket, up to the proxy's answer. What follows on the socket is the other side's. */
struct proxy_talk {
  struct buf out;
  size_t out_at, in_n;
  char in[8192];    /* the answer's head; a longer one is refused */
  int status;       /* of the answer; 0: none yet */
  char reason[128]; /* after PROXY_FAILED: for people, follows the proxy's name */
};
enum proxy_io { PROXY_DONE, PROXY_WANT_READ, PROXY_WANT_WRITE, PROXY_FAILED };
void proxy_talk_begin(struct proxy_talk *t, const char *host, int port, const char *authorization);
/* As far as it goes now. Deadlines are the caller's. */
enum proxy_io proxy_talk_io(struct proxy_talk *t, int fd);
void proxy_talk_end(struct proxy_talk *t); /* wipes the credentials */

#endif
