/* What a request holds: its head, checked, and its body, counted. */
#include "lib/http_int.h"

#include "base/clock.h"
#include "base/enc.h"
#include "base/log.h"
#include "base/secret.h"

#include <stdlib.h>
#include <string.h>

enum {
  SPARE_MAX = 256,  /* requests kept for the next ones */
  KEEP = 64 * 1024, /* memory of a body kept with them, and allocated on a client's word */
  DISCARD =
      64 * 1024 /* the body of a refused request is read to its end up to this size, so that the connection stays */
};

/* ---- its life ---- */

struct http_req *http_req_take(struct http_conn *c, const char *uri) {
  struct http_server *s = c->server;
  pthread_mutex_lock(&s->spare_lock);
  struct http_req *rq = s->spare;
  if (rq) {
    s->spare = rq->next;
    s->spare_n--;
  }
  pthread_mutex_unlock(&s->spare_lock);
  if (!rq) {
    rq = mem_alloc(sizeof *rq);
    rq->cx = ctx_new();
  }
  rq->conn = c;
  struct slice all = slice_of(ctx_strdup(rq->cx, uri));
  if (slice_istarts(all, "http://") || slice_istarts(all, "https://")) { /* RFC 9112, 3.2.2: absolute form */
    const char *host = strstr(all.p, "://") + 3;
    const char *path = host + strcspn(host, "/?");
    all = slice_of(path);
  }
  const char *mark = all.n ? memchr(all.p, '?', all.n) : NULL;
  rq->path = slice_mem(all.p, mark ? (size_t)(mark - all.p) : all.n);
  rq->query = mark ? slice_of(mark + 1) : (struct slice){0};
  return rq;
}

/* Leaves a wiped buffer with memory of a usual size. */
static void buf_recycle(struct buf *b) {
  if (b->cap > KEEP) {
    buf_wipe(b);
    return;
  }
  if (b->p) secret_wipe(b->p, b->n);
  buf_clear(b);
}

void http_req_drop(struct http_req *rq) {
  struct http_server *s = rq->conn->server;
  if (rq->body.n) atomic_fetch_sub(&s->inflight, (long long)rq->body.n);
  buf_recycle(&rq->body);
  buf_recycle(&rq->answer.body);
  http_answer_drop_file(rq);
  http_stream_drop(rq);
  ctx_reset(rq->cx);
  *rq = (struct http_req){.cx = rq->cx, .body = rq->body, .answer = {.body = rq->answer.body}};
  pthread_mutex_lock(&s->spare_lock);
  bool keep = s->spare_n < SPARE_MAX;
  if (keep) {
    rq->next = s->spare;
    s->spare = rq;
    s->spare_n++;
  }
  pthread_mutex_unlock(&s->spare_lock);
  if (!keep) http_req_free(rq);
}

void http_req_free(struct http_req *rq) {
  buf_wipe(&rq->body);
  buf_wipe(&rq->answer.body);
  http_answer_drop_file(rq);
  http_stream_drop(rq);
  ctx_free(rq->cx);
  free(rq);
}

/* ---- the head ---- */

/* RFC 9110, 5.6.2 */
static bool is_token(const char *s) {
  static const char also[] = "!#$%&'*+-.^_`|~";
  if (!*s) return false;
  for (; *s; s++) {
    bool alnum = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9');
    if (!alnum && !strchr(also, *s)) return false;
  }
  return true;
}

/* Copied, since a request that is cut outlives its connection. */
static enum MHD_Result add_header(void *arg, enum MHD_ValueKind kind, const char *name, const char *value) {
  (void)kind;
  struct http_req *rq = arg;
  struct http_field *f = ctx_alloc(rq->cx, sizeof *f);
  *f = (struct http_field){rq->headers, ctx_strdup(rq->cx, name), ctx_strdup(rq->cx, value ? value : "")};
  rq->headers = f;
  return MHD_YES;
}

static void headers_in_order(struct http_req *rq) {
  struct http_field *in_order = NULL, *f;
  while ((f = rq->headers)) {
    rq->headers = f->next;
    f->next = in_order;
    in_order = f;
  }
  rq->headers = in_order;
}

/* What libmicrohttpd lets pass although two readers could see two different requests in it (request smuggling). Sets
   the length of the body. */
static bool head_is_sound(struct http_req *rq) {
  int lengths = 0, hosts = 0, codings = 0;
  if (!is_token(rq->method)) return false;
  for (const struct http_field *f = rq->headers; f; f = f->next) {
    struct slice name = slice_of(f->name);
    if (!is_token(f->name)) return false;
    if (slice_ieq(name, "Content-Length")) {
      lengths++;
      if (!slice_to_i64(slice_of(f->value), &rq->length) || rq->length < 0) return false;
    } else if (slice_ieq(name, "Transfer-Encoding")) {
      codings++;
      if (!slice_ieq(slice_of(f->value), "chunked") || rq->http10) return false;
    } else if (slice_ieq(name, "Host")) {
      hosts++;
    } else if (slice_ieq(name, "Expect")) {
      rq->expects = true;
    }
  }
  if (codings) rq->length = -1;
  return lengths + codings <= 1 && hosts <= 1;
}

static void learn_peer_certs(struct http_conn *c) {
  if (!c->tls || c->certs_known) return;
  c->certs_known = true;
  void *session = MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION)->tls_session;
  c->certs = http_tls_peers(session, &c->certs_n);
}

/* What is larger than all the room there is will not fit later either: that is for the cap to refuse. */
static bool no_room(struct http_conn *c, int64_t length) {
  struct http_server *s = c->server;
  int64_t most = (int64_t)s->conf.inflight_max;
  bool body = most && length > 0 && length <= most && atomic_load(&s->inflight) > most - length;
  bool conn = c->surplus && atomic_load(&s->connections) > s->connections_max;
  if (!body && !conn && !atomic_load(&s->stopping)) return false;
  atomic_fetch_add(&s->shed, 1);
  return true;
}

static bool answered(const struct http_conn *c) { return atomic_load(&((struct http_conn *)c)->state) == ANSWERED; }

/* The handler's part of the head; then what is known to be too large is refused before it is read. */
static void announce(struct http_req *rq) {
  const struct http_handler *h = &rq->conn->server->conf.handler;
  rq->announced = true;
  rq->cap = h->head(rq, h->arg);
  if (!answered(rq->conn) && rq->length > 0 && (uint64_t)rq->length > rq->cap) http_answer_own(rq, 413);
  if (!answered(rq->conn) || rq->length == 0) return;
  bool short_rest = rq->length > 0 && rq->length <= DISCARD && (uint64_t)rq->length <= rq->cap;
  rq->unread = !short_rest || rq->expects;
}

void http_req_head(struct http_req *rq, const char *method, const char *version) {
  struct http_conn *c = rq->conn;
  struct http_server *s = c->server;
  rq->parsed = true;
  rq->head_us = clock_mono_us();
  rq->method = ctx_strdup(rq->cx, method);
  rq->http10 = strcmp(version, "HTTP/1.0") == 0;
  MHD_get_connection_values(c->mhd, MHD_HEADER_KIND, add_header, rq);
  headers_in_order(rq);
  atomic_fetch_add(&s->open_requests, 1);
  atomic_fetch_add_explicit(&s->requests, 1, memory_order_relaxed);
  learn_peer_certs(c);
  int refusal = !head_is_sound(rq) ? 400 : no_room(c, rq->length) ? 503 : 0;
  if (refusal == 400) atomic_fetch_add(&s->refused, 1);
  if (refusal) {
    rq->unread = true;
    http_answer_own(rq, refusal);
    return;
  }
  announce(rq);
  if (rq->length != 0) http_conn_phase(c, PHASE_BODY, rq->head_us + s->conf.body_us);
}

/* ---- the body ---- */

/* No answer can be given in mid-body: the connection ends, and only the log tells why. */
static void tell_cut_off(struct http_req *rq, const char *why) {
  log_warn(rq->cx, "a request was cut off", LOG_S("why", why), LOG_S("peer", rq->conn->peer));
}

bool http_req_part(struct http_req *rq, const char *p, size_t n) {
  struct http_server *s = rq->conn->server;
  if (answered(rq->conn)) return true; /* the rest of a short body */
  if (n > rq->cap - rq->received) {
    tell_cut_off(rq, "the body is larger than allowed");
    return false;
  }
  rq->received += n;
  if (rq->part) {
    http_conn_went_on(rq->conn, n);
    return rq->part(rq, slice_mem(p, n), rq->part_arg);
  }
  long long held = atomic_fetch_add(&s->inflight, (long long)n) + (long long)n;
  if (s->conf.inflight_max && held > (long long)s->conf.inflight_max) {
    atomic_fetch_sub(&s->inflight, (long long)n);
    atomic_fetch_add(&s->shed, 1);
    tell_cut_off(rq, "there is no room for more bodies");
    return false;
  }
  if (!rq->body.cap && rq->length > 0) {
    rq->body.cap = rq->length < KEEP ? (size_t)rq->length + 1 : KEEP;
    rq->body.p = mem_alloc(rq->body.cap);
  }
  buf_add(&rq->body, p, n);
  return true;
}

void http_stream_body(struct http_req *rq, bool (*part)(struct http_req *rq, struct slice bytes, void *arg),
                      void *arg) {
  rq->part = part;
  rq->part_arg = arg;
}

/* ---- what handlers ask ---- */

struct ctx *http_cx(struct http_req *rq) {
  return rq->cx;
}
const char *http_method(struct http_req *rq) { return rq->method; }
struct slice http_path(struct http_req *rq) {
  return rq->path;
}
struct slice http_query_raw(struct http_req *rq) {
  return rq->query;
}
struct slice http_body(struct http_req *rq) {
  return buf_slice(&rq->body);
}
int64_t http_content_length(struct http_req *rq) { return rq->length; }
const char *http_peer(struct http_req *rq) { return rq->conn->peer; }
bool http_is_tls(struct http_req *rq) { return rq->conn->server->conf.tls != NULL; }
struct slice http_peer_cert(struct http_req *rq) {
  return rq->conn->certs_n ? rq->conn->certs[0] : (struct slice){0};
}
const struct slice *http_peer_chain(struct http_req *rq, size_t *n) {
  *n = rq->conn->certs_n > 1 ? rq->conn->certs_n - 1 : 0;
  return *n ? rq->conn->certs + 1 : NULL;
}
void *http_conn_get(struct http_req *rq) { return rq->conn->value; }
void *http_user(struct http_req *rq) { return rq->user; }
void http_set_user(struct http_req *rq, void *user) { rq->user = user; }
int http_status(struct http_req *rq) { return rq->answer.status; }
int64_t http_age_us(struct http_req *rq) { return clock_mono_us() - rq->head_us; }

void http_conn_set(struct http_req *rq, void *value, void (*free_value)(void *)) {
  struct http_conn *c = rq->conn;
  if (c->free_value) c->free_value(c->value);
  c->value = value;
  c->free_value = free_value;
}

struct slice http_header(struct http_req *rq, const char *name) {
  struct slice first = {0};
  (void)http_headers(rq, name, &first, 1);
  return first;
}

size_t http_headers(struct http_req *rq, const char *name, struct slice *out, size_t most) {
  size_t n = 0;
  for (const struct http_field *f = rq->headers; f; f = f->next) {
    if (!slice_ieq(slice_of(f->name), name)) continue;
    if (n < most) out[n] = slice_of(f->value);
    n++;
  }
  return n;
}

bool http_header_at(struct http_req *rq, size_t i, const char **name, const char **value) {
  const struct http_field *f = rq->headers;
  while (f && i-- > 0) f = f->next;
  if (!f) return false;
  *name = f->name;
  *value = f->value;
  return true;
}

struct slice http_query(struct http_req *rq, const char *name) {
  struct slice rest = rq->query, pair, key, value = {0};
  while (slice_cut(&rest, '&', &pair)) {
    struct slice after = pair;
    if (!slice_cut(&after, '=', &key) || !slice_is(key, name)) continue;
    if (dec_percent(rq->cx, slice_mem(after.p ? after.p : "", after.n), &value) == OK) return value;
    ctx_clear_error(rq->cx);
    return (struct slice){0};
  }
  return (struct slice){0};
}
