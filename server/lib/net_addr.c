#include "lib/net_addr.h"

#include "base/clock.h"
#include "base/thread.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static struct sockaddr_in *in4(struct addr *a) { return (struct sockaddr_in *)&a->ss; }
static struct sockaddr_in6 *in6(struct addr *a) { return (struct sockaddr_in6 *)&a->ss; }

static bool parse_port(struct slice s, int *port) {
  int64_t n = 0;
  if (s.n == 0 || s.n > 5 || !isdigit((unsigned char)s.p[0])) return false;
  if (!slice_to_i64(s, &n) || n < 0 || n > 65535) return false;
  *port = (int)n;
  return true;
}

/* "host:port" or "[host]:port"; *bracketed tells which. *port is left alone when there is none. */
static bool split_port(struct slice s, struct slice *host, bool *bracketed, struct slice *port) {
  *bracketed = s.n > 0 && s.p[0] == '[';
  const char *end = *bracketed ? memchr(s.p, ']', s.n) : memchr(s.p, ':', s.n);
  if (*bracketed && !end) return false;
  if (!end) end = s.p + s.n;
  const char *from = s.p + (*bracketed ? 1 : 0);
  *host = slice_mem(from, (size_t)(end - from));
  if (*bracketed) end++;
  if (end == s.p + s.n) return true;
  if (*end != ':') return false;
  *port = slice_mem(end + 1, (size_t)(s.p + s.n - end - 1));
  return true;
}

enum err addr_parse(struct ctx *cx, struct addr *out, const char *text) {
  struct slice host, port = {0};
  bool v6 = false;
  int number = 0;
  *out = (struct addr){0};
  if (!split_port(slice_of(text), &host, &v6, &port) || !parse_port(port, &number))
    return FAIL(cx, E_INVALID, "\"%s\" is not address:port, such as 127.0.0.1:8443 or [::]:8443", text);
  char *name = ctx_memdup(cx, host.p, host.n);
  if (v6) {
    in6(out)->sin6_family = AF_INET6;
    in6(out)->sin6_port = htons((uint16_t)number);
    out->n = sizeof(struct sockaddr_in6);
  } else {
    in4(out)->sin_family = AF_INET;
    in4(out)->sin_port = htons((uint16_t)number);
    out->n = sizeof(struct sockaddr_in);
  }
  void *raw = v6 ? (void *)&in6(out)->sin6_addr : (void *)&in4(out)->sin_addr;
  if (strlen(name) != host.n || inet_pton(v6 ? AF_INET6 : AF_INET, name, raw) != 1)
    return FAIL(cx, E_INVALID, "\"%s\" does not begin with a numeric address", text);
  return OK;
}

/* The IPv4 address in a, plain or mapped into IPv6; false for other IPv6 ones. */
static bool as_ipv4(const struct addr *a, struct in_addr *out) {
  struct addr copy = *a;
  if (a->ss.ss_family == AF_INET) {
    *out = in4(&copy)->sin_addr;
    return true;
  }
  if (a->ss.ss_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&in6(&copy)->sin6_addr)) return false;
  memcpy(out, &in6(&copy)->sin6_addr.s6_addr[12], sizeof *out);
  return true;
}

void addr_host_to(char out[ADDR_HOST_SIZE], const struct addr *a) {
  struct addr copy = *a;
  struct in_addr v4;
  out[0] = '\0';
  if (as_ipv4(a, &v4))
    inet_ntop(AF_INET, &v4, out, ADDR_HOST_SIZE);
  else if (a->ss.ss_family == AF_INET6)
    inet_ntop(AF_INET6, &in6(&copy)->sin6_addr, out, ADDR_HOST_SIZE);
}

char *addr_host(struct ctx *cx, const struct addr *a) {
  char text[ADDR_HOST_SIZE];
  addr_host_to(text, a);
  return ctx_strdup(cx, text);
}

int addr_port(const struct addr *a) {
  struct addr copy = *a;
  if (a->ss.ss_family == AF_INET) return ntohs(in4(&copy)->sin_port);
  return a->ss.ss_family == AF_INET6 ? ntohs(in6(&copy)->sin6_port) : 0;
}

char *addr_text(struct ctx *cx, const struct addr *a) {
  const char *host = addr_host(cx, a);
  return ctx_printf(cx, strchr(host, ':') ? "[%s]:%d" : "%s:%d", host, addr_port(a));
}

bool addr_is_loopback(const struct addr *a) {
  struct addr copy = *a;
  struct in_addr v4;
  if (as_ipv4(a, &v4)) return ntohl(v4.s_addr) >> 24 == 127;
  return a->ss.ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&in6(&copy)->sin6_addr);
}

bool addr_is_any(const struct addr *a) {
  struct addr copy = *a;
  struct in_addr v4;
  if (as_ipv4(a, &v4)) return v4.s_addr == htonl(INADDR_ANY);
  return a->ss.ss_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&in6(&copy)->sin6_addr);
}

/* -1 with errno set when it cannot be bound. */
static int listen_on(const struct addr *a) {
  int fd = socket(a->ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  int on = 1, only6 = addr_is_any(a) ? 0 : 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (a->ss.ss_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only6, sizeof only6);
  if (bind(fd, (const struct sockaddr *)&a->ss, a->n) == 0 && listen(fd, SOMAXCONN) == 0) return fd;
  int why = errno;
  close(fd);
  errno = why;
  return -1;
}

static bool no_ipv6_here(int why) { return why == EAFNOSUPPORT || why == EADDRNOTAVAIL; }

enum err addr_listen(struct ctx *cx, int *fd, struct addr *bound, const char *text) {
  struct addr a;
  TRY(addr_parse(cx, &a, text));
  *fd = listen_on(&a);
  if (*fd < 0 && a.ss.ss_family == AF_INET6 && addr_is_any(&a) && no_ipv6_here(errno)) {
    struct addr any4 = {.n = sizeof(struct sockaddr_in)};
    in4(&any4)->sin_family = AF_INET;
    in4(&any4)->sin_port = in6(&a)->sin6_port;
    *fd = listen_on(&any4);
  }
  if (*fd < 0) return FAIL(cx, E_UNREACHABLE, "cannot listen on %s: %s", text, strerror(errno));
  *bound = (struct addr){.n = sizeof bound->ss};
  getsockname(*fd, (struct sockaddr *)&bound->ss, &bound->n);
  return OK;
}

enum err addr_resolve(struct ctx *cx, struct addr *out, const char *host, int port) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *found = NULL;
  int e = getaddrinfo(host, ctx_printf(cx, "%d", port), &hints, &found);
  /* Bare systems have no hosts file; the name means the loopback all the same (RFC 6761, 6.3). */
  if (e && strcasecmp(host, "localhost") == 0) return addr_parse(cx, out, ctx_printf(cx, "127.0.0.1:%d", port));
  if (e) return FAIL(cx, E_UNREACHABLE, "the name %s cannot be resolved: %s", host, gai_strerror(e));
  *out = (struct addr){.n = found->ai_addrlen};
  memcpy(&out->ss, found->ai_addr, found->ai_addrlen);
  freeaddrinfo(found);
  return OK;
}

/* A look-up on a thread of its own: whoever comes last, it or the one that waits, frees it. */
struct lookup {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  bool done, left;
  char *host;
  int port;
  enum err e;
  struct addr address;
  char text[256];
};

static void lookup_free(struct lookup *l) {
  pthread_cond_destroy(&l->changed);
  pthread_mutex_destroy(&l->lock);
  free(l->host);
  free(l);
}

static void *look_up(void *arg) {
  struct lookup *l = arg;
  struct ctx *cx = ctx_new();
  l->e = addr_resolve(cx, &l->address, l->host, l->port);
  snprintf(l->text, sizeof l->text, "%s", ctx_error_text(cx));
  ctx_free(cx);
  pthread_mutex_lock(&l->lock);
  bool left = l->left;
  l->done = true;
  pthread_cond_signal(&l->changed);
  pthread_mutex_unlock(&l->lock);
  if (left) lookup_free(l);
  return NULL;
}

/* False when it was left to itself. */
static bool lookup_await(struct lookup *l, int64_t until, const atomic_bool *stop) {
  pthread_mutex_lock(&l->lock);
  for (int64_t now; !l->done && (now = clock_mono_us()) < until && !(stop && atomic_load(stop));) {
    int64_t look = now + US_SECOND / 10; /* at *stop */
    cond_wait_until(&l->changed, &l->lock, look < until ? look : until);
  }
  bool done = l->done;
  l->left = !done;
  pthread_mutex_unlock(&l->lock);
  return done;
}

enum err addr_resolve_within(struct ctx *cx, struct addr *out, const char *host, int port, int64_t timeout_us,
                             const atomic_bool *stop) {
  int64_t until = clock_mono_us() + timeout_us;
  if (stop && atomic_load(stop)) return FAIL(cx, E_GONE, "the server is ending");
  struct lookup *l = mem_alloc(sizeof *l);
  pthread_mutex_init(&l->lock, NULL);
  cond_init(&l->changed);
  l->host = mem_strdup(host);
  l->port = port;
  pthread_t thread = thread_start("lookup", look_up, l);
  if (!lookup_await(l, until, stop)) {
    pthread_detach(thread);
    if (stop && atomic_load(stop)) return FAIL(cx, E_GONE, "the server is ending");
    return FAIL(cx, E_TIMEOUT, "the name %s was not resolved in time", host);
  }
  thread_join(thread);
  enum err e = l->e;
  *out = l->address;
  if (e != OK) (void)FAIL(cx, e, "%s", l->text);
  lookup_free(l);
  return e;
}

/* ---- URLs ---- */

static const struct scheme {
  const char *name;
  int port;
} schemes[] = {{"http", 80}, {"https", 443}, {"smtp", 587}, {"smtps", 465}};

static const struct scheme *scheme_find(struct slice name) {
  for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
    if (slice_ieq(name, schemes[i].name)) return &schemes[i];
  return NULL;
}

static bool host_ok(const char *host, bool bracketed) {
  struct in6_addr ignored;
  if (bracketed) return inet_pton(AF_INET6, host, &ignored) == 1;
  if (!*host || strlen(host) > 253) return false;
  for (const char *p = host; *p; p++)
    if (!isalnum((unsigned char)*p) && !strchr("-._", *p)) return false;
  return true;
}

static bool path_ok(struct slice path) {
  for (size_t i = 0; i < path.n; i++)
    if ((unsigned char)path.p[i] <= ' ' || path.p[i] == 0x7f || path.p[i] == '#') return false;
  return path.n == 0 || path.p[0] == '/';
}

static char *lower(struct ctx *cx, struct slice s) {
  char *t = ctx_memdup(cx, s.p, s.n);
  for (size_t i = 0; i < s.n; i++) t[i] = (char)tolower((unsigned char)t[i]);
  return t;
}

/* The URL is not repeated in errors: it may hold a token. */
enum err url_parse(struct ctx *cx, struct url *out, const char *text) {
  const char *sep = strstr(text, "://");
  const struct scheme *scheme = sep ? scheme_find(slice_mem(text, (size_t)(sep - text))) : NULL;
  if (!scheme) return FAIL(cx, E_INVALID, "the URL does not begin with https:// or another known scheme");
  struct slice rest = slice_of(sep + 3), host, port = {0};
  size_t authority = strcspn(rest.p, "/?#");
  struct slice path = slice_mem(rest.p + authority, rest.n - authority);
  bool bracketed = false;
  *out = (struct url){.scheme = ctx_strdup(cx, scheme->name), .port = scheme->port};
  if (!split_port(slice_mem(rest.p, authority), &host, &bracketed, &port))
    return FAIL(cx, E_INVALID, "the URL has no valid host");
  out->host = lower(cx, host);
  if (!host_ok(out->host, bracketed)) return FAIL(cx, E_INVALID, "the URL has no valid host");
  if (port.p && (!parse_port(port, &out->port) || out->port == 0))
    return FAIL(cx, E_INVALID, "the URL has no valid port");
  if (!path_ok(path)) return FAIL(cx, E_INVALID, "the URL has no valid path");
  out->path = path.n ? ctx_memdup(cx, path.p, path.n) : ctx_strdup(cx, "/");
  return OK;
}

bool url_is_local(struct ctx *cx, const char *text) {
  struct url u;
  struct addr a;
  bool local = false;
  if (url_parse(cx, &u, text) == OK) {
    const char *address = ctx_printf(cx, strchr(u.host, ':') ? "[%s]:%d" : "%s:%d", u.host, u.port);
    local = strcmp(u.host, "localhost") == 0 || (addr_parse(cx, &a, address) == OK && addr_is_loopback(&a));
  }
  ctx_clear_error(cx);
  return local;
}
