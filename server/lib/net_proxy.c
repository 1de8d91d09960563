#include "lib/net_proxy.h"

#include "base/enc.h"
#include "base/secret.h"
#include "lib/net_addr.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* ---- the setting ---- */

/* The last @ before the path: a password may hold one that nobody escaped. */
static size_t user_info_end(const char *authority) {
  size_t end = strcspn(authority, "/?#");
  while (end && authority[end - 1] != '@') end--;
  return end;
}

static const char *authority_of(const char *text) {
  const char *sep = strstr(text, "://");
  return sep ? sep + 3 : text;
}

const char *proxy_shown(struct ctx *cx, const char *text) {
  const char *authority = authority_of(text);
  size_t n = user_info_end(authority);
  if (!n) return text;
  return ctx_printf(cx, "%.*s***@%s", (int)(authority - text), text, authority + n);
}

/* Basic (RFC 7617) of USER:PASSWORD, each percent-encoded. */
static enum err basic(struct ctx *cx, char **out, struct slice user_info) {
  struct slice rest = user_info, user, password = {0};
  if (!slice_cut(&rest, ':', &user) || dec_percent(cx, user, &user) != OK || dec_percent(cx, rest, &password) != OK ||
      !text_is_plain(user) || !text_is_plain(password) || memchr(user.p, ':', user.n)) {
    ctx_clear_error(cx);
    return FAIL(cx, E_INVALID, "the proxy's user or password is not percent-encoded text");
  }
  const char *pair = ctx_printf(cx, "%.*s:%.*s", (int)user.n, user.p, (int)password.n, password.n ? password.p : "");
  *out = ctx_printf(cx, "Basic %s", enc_base64(cx, pair, strlen(pair)));
  return OK;
}

enum err proxy_parse(struct ctx *cx, struct proxy *out, const char *text) {
  struct url url;
  const char *authority = authority_of(text);
  size_t n = user_info_end(authority);
  struct slice scheme = slice_mem(text, (size_t)(authority - text));
  *out = (struct proxy){0};
  if (slice_ieq(scheme, "https://"))
    return FAIL(cx, E_INVALID, "a proxy that is spoken to by TLS (https://) cannot be used, only http://HOST:PORT");
  if (scheme.n && !slice_ieq(scheme, "http://"))
    return FAIL(cx, E_INVALID, "the address of a proxy is http://[USER:PASSWORD@]HOST:PORT");
  TRY(url_parse(cx, &url, ctx_printf(cx, "http://%s", authority + n)));
  if (strcmp(url.path, "/") != 0) return FAIL(cx, E_INVALID, "the address of a proxy has no path");
  out->host = url.host;
  out->port = url.port;
  return n ? basic(cx, &out->authorization, slice_mem(authority, n - 1)) : OK;
}

/* ---- CONNECT ---- */

void proxy_talk_begin(struct proxy_talk *t, const char *host, int port, const char *authorization) {
  bool v6 = strchr(host, ':') != NULL;
  const char *open = v6 ? "[" : "", *shut = v6 ? "]" : "";
  *t = (struct proxy_talk){0};
  buf_printf(&t->out, "CONNECT %s%s%s:%d HTTP/1.1\r\n", open, host, shut, port);
  buf_printf(&t->out, "Host: %s%s%s:%d\r\n", open, host, shut, port);
  if (authorization) buf_printf(&t->out, "Proxy-Authorization: %s\r\n", authorization);
  buf_add_str(&t->out, "\r\n");
}

void proxy_talk_end(struct proxy_talk *t) { buf_wipe(&t->out); }

static enum proxy_io fail(struct proxy_talk *t, const char *reason) {
  snprintf(t->reason, sizeof t->reason, "%s", reason);
  return PROXY_FAILED;
}

/* Length of the answer's head with its empty line; 0 while that is not there. */
static size_t head_end(const struct proxy_talk *t) {
  for (size_t i = 0; i + 1 < t->in_n; i++) {
    if (t->in[i] != '\n') continue;
    if (t->in[i + 1] == '\n') return i + 2;
    if (i + 2 < t->in_n && t->in[i + 1] == '\r' && t->in[i + 2] == '\n') return i + 3;
  }
  return 0;
}

/* "HTTP/1.1 200 …" */
static bool read_status(struct proxy_talk *t) {
  int64_t status;
  if (t->in_n < 12 || memcmp(t->in, "HTTP/1.", 7) != 0 || t->in[8] != ' ') return false;
  if (!slice_to_i64(slice_mem(t->in + 9, 3), &status) || status < 100) return false;
  t->status = (int)status;
  return true;
}

/* The other side speaks only after us, so nothing may follow the head. */
static enum proxy_io judge(struct proxy_talk *t, size_t end) {
  if (!read_status(t)) return fail(t, "did not answer as an HTTP proxy does");
  if (t->status < 200) { /* an interim word */
    memmove(t->in, t->in + end, t->in_n -= end);
    t->status = 0;
    return PROXY_WANT_READ;
  }
  if (t->status == 407) return fail(t, "wants other credentials (407)");
  if (t->status >= 300) {
    snprintf(t->reason, sizeof t->reason, "refused the connection (%d)", t->status);
    return PROXY_FAILED;
  }
  return end == t->in_n ? PROXY_DONE : fail(t, "sent something before the connection stood");
}

static bool for_now(void) { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

static enum proxy_io ask(struct proxy_talk *t, int fd) {
  while (t->out_at < t->out.n) {
    ssize_t put = send(fd, t->out.p + t->out_at, t->out.n - t->out_at, MSG_NOSIGNAL);
    if (put < 0) return for_now() ? PROXY_WANT_WRITE : fail(t, strerror(errno));
    t->out_at += (size_t)put;
  }
  return PROXY_DONE;
}

enum proxy_io proxy_talk_io(struct proxy_talk *t, int fd) {
  enum proxy_io io = ask(t, fd);
  if (io != PROXY_DONE) return io;
  for (;;) {
    size_t end = head_end(t);
    if (end && (io = judge(t, end)) != PROXY_WANT_READ) return io;
    if (end) continue;
    if (t->in_n == sizeof t->in) return fail(t, "sent headers without end");
    ssize_t got = recv(fd, t->in + t->in_n, sizeof t->in - t->in_n, 0);
    if (got < 0) return for_now() ? PROXY_WANT_READ : fail(t, strerror(errno));
    if (got == 0) return fail(t, "closed the connection");
    t->in_n += (size_t)got;
  }
}
