/* Socket addresses: "host:port" texts, numeric printing, loopback tests, resolving.

   Who owns what: values, and texts that live in cx; a socket belongs to the caller. Any thread. */
#ifndef POMONA_LIB_NET_ADDR_H
#define POMONA_LIB_NET_ADDR_H

#include "base/buf.h"
#include "base/ctx.h"
#include <stdatomic.h>
#include <sys/socket.h>

struct addr {
  struct sockaddr_storage ss;
  socklen_t n;
};

/* "127.0.0.1:80", "[::1]:80", "[::]:0": numeric only. E_INVALID. */
MUST_CHECK enum err addr_parse(struct ctx *cx, struct addr *out, const char *text);
char *addr_text(struct ctx *cx, const struct addr *a); /* with port; IPv4-mapped printed as IPv4 */
char *addr_host(struct ctx *cx, const struct addr *a); /* without port and brackets */
#define ADDR_HOST_SIZE 46
void addr_host_to(char out[ADDR_HOST_SIZE], const struct addr *a); /* the same, into the caller's memory */
int addr_port(const struct addr *a);
bool addr_is_loopback(const struct addr *a); /* 127.0.0.0/8, also IPv4-mapped, and ::1 */
bool addr_is_any(const struct addr *a);      /* 0.0.0.0 and :: */
/* Bound, listening, close-on-exec, non-blocking socket; "[::]" is dual stack and falls back to 0.0.0.0 where IPv6 is
 * absent. */
MUST_CHECK enum err addr_listen(struct ctx *cx, int *fd, struct addr *bound, const char *text);
/* Blocking look-up by the system's resolver: for threads that may wait. The first address, for TCP. E_UNREACHABLE. */
MUST_CHECK enum err addr_resolve(struct ctx *cx, struct addr *out, const char *host, int port);
/* The same for at most timeout_us, or until *stop (may be NULL) becomes true; a look-up that hangs is left to itself.
   E_UNREACHABLE, E_TIMEOUT, E_GONE (stopped). */
MUST_CHECK enum err addr_resolve_within(struct ctx *cx, struct addr *out, const char *host, int port,
                                        int64_t timeout_us, const atomic_bool *stop);

/* A network: "10.0.0.0/8", "2001:db8::/32", or one address. IPv4-mapped addresses count as IPv4. */
struct addr_range {
  uint8_t bytes[16];
  int family, bits;
};
/* E_INVALID. */
MUST_CHECK enum err addr_range_parse(struct ctx *cx, struct addr_range *out, struct slice text);
/* host: a numeric address as addr_host gives it; false when it is none. */
bool addr_range_has(const struct addr_range *r, const char *host);

struct addr_ranges {
  struct addr_range *range;
  size_t n;
};
/* Networks separated by commas, in cx. E_INVALID. */
MUST_CHECK enum err addr_ranges_parse(struct ctx *cx, struct addr_ranges *out, struct slice text);
bool addr_ranges_have(const struct addr_ranges *r, const char *host); /* r NULL: no network */
/* Where a request came from: peer, unless that is one of the proxies: then the right-most address of X-Forwarded-For
   that is none (the left-most one when all are). lines: the header's values in their order. What cannot be read on the
   way there gives peer. Numeric, without port, in cx or peer itself. */
const char *addr_forwarded(struct ctx *cx, const struct addr_ranges *proxies, const char *peer,
                           const struct slice *lines, size_t n);

/* "https://host:port/path?query" taken apart. Schemes: http, https, smtp, smtps; port is the scheme's when absent.
   scheme and host in lower case, an IPv6 host without its brackets; path with the query, "/" when absent. A user, a
   fragment, white space and control characters are E_INVALID. In cx. */
struct url {
  char *scheme, *host, *path;
  int port;
};
MUST_CHECK enum err url_parse(struct ctx *cx, struct url *out, const char *text);
/* Whether its host is this machine: localhost or a loopback address. */
bool url_is_local(struct ctx *cx, const char *text);

#endif
