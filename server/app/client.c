#include "app/client.h"
#include "app/table.h"

#include "base/clock.h"
#include "base/enc.h"
#include "base/file.h"
#include "lib/net_addr.h"
#include "lib/net_http.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TOKEN_MAX = 4096, PAGE = 1000, WAIT_S = 60, BYTES_MAX = 256 << 20 };

struct client {
  struct nh *nh;
  const char *base; /* without a slash at the end */
  const char *authorization;
  const char *if_match; /* of what is changed; NULL: whichever version it is */
};

/* ---- where, and as whom ---- */

/* The listener's own address, as this machine reaches it. *local: it is this machine's loopback, where a TLS
   certificate, which is made for public-url, proves nothing that plain HTTP there would not. */
static enum err default_server(struct ctx *cx, const struct conf *conf, const char **out, bool *local) {
  struct addr at;
  TRY(addr_parse(cx, &at, conf->admin_listen));
  bool tls = conf->tls && !addr_is_loopback(&at) && !conf->admin_insecure;
  const char *host = addr_is_any(&at) ? "127.0.0.1" : addr_host(cx, &at);
  bool colons = strchr(host, ':') != NULL;
  *out = ctx_printf(cx, "%s://%s%s%s:%d", tls ? "https" : "http", colons ? "[" : "", host, colons ? "]" : "",
                    addr_port(&at));
  *local = addr_is_any(&at) || addr_is_loopback(&at);
  return OK;
}

static enum err find_token(struct ctx *cx, const struct conf *conf, const char **out) {
  struct slice text;
  *out = conf->api_key;
  if (*out) return OK;
  if (file_read(cx, &text, conf_path(cx, conf, "admin.token"), TOKEN_MAX) != OK) {
    const char *why = ctx_strdup(cx, ctx_error_text(cx));
    ctx_clear_error(cx);
    return FAIL(cx, E_UNAUTHORIZED, "no token: %s; give --data (the server's data folder) or an api-key", why);
  }
  text = slice_trim(text);
  *out = ctx_memdup(cx, text.p, text.n);
  return OK;
}

/* The own TLS CA is what the server uses unless it was given a certificate. */
static const char *default_ca(struct ctx *cx, const struct conf *conf) {
  const char *own = conf_path(cx, conf, "tls-ca.pem");
  return !conf->tls_cert && access(own, R_OK) == 0 ? own : NULL;
}

static enum err find_version(struct ctx *cx, const struct args *a, const char **if_match) {
  int64_t n = -1;
  TRY(args_count(cx, a, "if-version", &n));
  if (n >= 0) *if_match = ctx_printf(cx, "If-Match: \"%" PRId64 "\"", n);
  return OK;
}

static void release(void *nh) { nh_free(nh); }

enum err client_open(struct ctx *cx, struct client **out, const struct args *a) {
  return client_open_within(cx, out, a, WAIT_S * US_SECOND);
}

enum err client_open_within(struct ctx *cx, struct client **out, const struct args *a, int64_t patience_us) {
  struct client *c = ctx_alloc(cx, sizeof *c);
  const char *token;
  bool local = false;
  c->base = a->conf->server;
  if (!c->base) TRY(default_server(cx, a->conf, &c->base, &local));
  TRY(find_token(cx, a->conf, &token));
  TRY(find_version(cx, a, &c->if_match));
  c->authorization = ctx_printf(cx, "Authorization: Bearer %s", token);
  const char *ca = args_value(a, "server-ca");
  struct nh_conf conf = {
      .ca_file = ca ? ca : default_ca(cx, a->conf), .timeout_us = patience_us, .no_verify = local && !ca};
  TRY(nh_new(cx, &c->nh, &conf));
  ctx_defer(cx, release, c->nh);
  *out = c;
  return OK;
}

/* ---- calls ---- */

/* A refusal that needs several lines keeps them. */
static const char *lines(struct ctx *cx, const char *message) {
  struct slice rest = slice_of(message), line;
  const char *out = NULL;
  while (slice_cut(&rest, '\n', &line)) {
    const char *text = plain(cx, ctx_memdup(cx, line.p, line.n));
    out = out ? ctx_printf(cx, "%s\n%s", out, text) : text;
  }
  return out ? out : "";
}

/* {"error":{"code","message","trace"}} */
static enum err fail_as_told(struct ctx *cx, const struct nh_reply *reply) {
  struct js *body = NULL;
  enum err parsed = js_parse(cx, reply->body, &body);
  ctx_clear_error(cx);
  struct js *error = parsed == OK ? js_get(body, "error") : NULL;
  const char *code = js_str(error, "code"), *message = js_str(error, "message"), *trace = js_str(error, "trace");
  if (!code || !message) return FAIL(cx, E_INTERNAL, "the server answered %d", reply->status);
  enum err e = err_from_slug(code);
  message = lines(cx, message);
  if (reply->status >= 500 && trace) return FAIL(cx, e, "%s (trace %s in the server's log)", message, plain(cx, trace));
  return FAIL(cx, e, "%s", message);
}

static enum err reach(struct ctx *cx, struct client *c, const struct nh_req *rq, struct nh_reply *reply) {
  enum err e = nh_do(cx, c->nh, rq, reply);
  if (e != E_UNREACHABLE) return e;
  const char *why = ctx_strdup(cx, ctx_error_text(cx));
  ctx_clear_error(cx);
  return FAIL(cx, e, "%s\nIs `pomona serve` running there? --server (or --data and --config) says where it is.", why);
}

static enum err call(struct ctx *cx, struct client *c, const struct nh_req *what, const char *type, struct slice *out) {
  const char *headers[] = {c->authorization, type, strcmp(what->method, "GET") ? c->if_match : NULL, NULL};
  struct nh_req rq = *what;
  rq.url = ctx_printf(cx, "%s%s", c->base, what->url);
  rq.headers = headers;
  struct nh_reply reply;
  TRY(reach(cx, c, &rq, &reply));
  if (reply.status >= 300) return fail_as_told(cx, &reply);
  *out = reply.body;
  return OK;
}

enum err client_bytes(struct ctx *cx, struct client *c, const char *method, const char *path, struct slice body,
                      struct slice *out) {
  struct nh_req rq = {.method = method, .url = path, .body = body, .body_max = BYTES_MAX};
  return call(cx, c, &rq, "Content-Type: application/octet-stream", out);
}

enum err client_call(struct ctx *cx, struct client *c, const char *method, const char *path, struct js *body,
                     struct js **out) {
  struct nh_req rq = {.method = method, .url = path};
  struct slice bytes = {0};
  if (body) rq.body = js_text(cx, body, JS_COMPACT);
  TRY(call(cx, c, &rq, "Content-Type: application/json", &bytes));
  return js_parse(cx, bytes, out);
}

static void close_fd(void *arg) { close(*(int *)arg); }

enum err client_upload(struct ctx *cx, struct client *c, const char *path, const char *file, struct js **out) {
  struct nh_file *body = ctx_alloc(cx, sizeof *body);
  struct stat st;
  struct slice bytes;
  body->fd = open(file, O_RDONLY | O_CLOEXEC);
  if (body->fd < 0) return FAIL(cx, errno == ENOENT ? E_NOT_FOUND : E_INVALID, "%s: %s", file, strerror(errno));
  ctx_defer(cx, close_fd, &body->fd);
  if (fstat(body->fd, &st) != 0 || !S_ISREG(st.st_mode)) return FAIL(cx, E_INVALID, "%s is no file", file);
  body->n = (int64_t)st.st_size;
  struct nh_req rq = {.method = "PUT", .url = path, .file = body};
  TRY(call(cx, c, &rq, "Content-Type: application/octet-stream", &bytes));
  return js_parse(cx, bytes, out);
}

/* What the answer calls `next`, a number or a text, as it stands in the next question; NULL: that was the last page. */
static const char *cursor_of(struct ctx *cx, struct js *next) {
  int64_t number;
  if (js_int(next, &number)) return ctx_printf(cx, "&cursor=%" PRId64, number);
  return js_string(next) ? ctx_printf(cx, "&cursor=%s", js_string(next)) : NULL;
}

enum err client_pages(struct ctx *cx, struct client *c, const char *path, const char *key, int64_t most,
                      struct js **out) {
  const char *next = "";
  *out = js_array(cx);
  do {
    struct js *page;
    TRY(client_call(cx, c, "GET", ctx_printf(cx, "%s&limit=%d%s", path, PAGE, next), NULL, &page));
    struct js *rows = js_get(page, key);
    for (size_t i = 0; i < js_count(rows); i++) {
      if (most && js_count(*out) >= (size_t)most) return OK;
      js_add(*out, js_at(rows, i));
    }
    next = cursor_of(cx, js_get(page, "next"));
  } while (next);
  return OK;
}
