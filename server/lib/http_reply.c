/* The answer: given from any thread, sent by libmicrohttpd's. */
#include "lib/http_int.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static bool header_is_safe(const char *name, const char *value) {
  for (const char *p = name; *p; p++)
    if ((unsigned char)*p <= ' ' || *p == ':' || *p == 0x7f) return false;
  for (const char *p = value; *p; p++)
    if ((unsigned char)*p < ' ' || *p == 0x7f) return false;
  return *name != '\0';
}

static struct http_field **field_named(struct http_req *rq, const char *name) {
  struct http_field **at = &rq->answer.fields;
  while (*at && strcasecmp((*at)->name, name) != 0) at = &(*at)->next;
  return at;
}

void http_set_header(struct http_req *rq, const char *name, const char *value) {
  struct http_field *held = *field_named(rq, name);
  if (held && header_is_safe(name, value))
    held->value = ctx_strdup(rq->cx, value);
  else
    http_add_header(rq, name, value);
}

void http_add_header(struct http_req *rq, const char *name, const char *value) {
  if (!header_is_safe(name, value)) {
    log_error(rq->cx, "a header of the answer was dropped, for it holds control characters", LOG_S("header", name));
    return;
  }
  struct http_field *f = ctx_alloc(rq->cx, sizeof *f), **end = &rq->answer.fields;
  *f = (struct http_field){NULL, ctx_strdup(rq->cx, name), ctx_strdup(rq->cx, value)};
  while (*end) end = &(*end)->next;
  *end = f; /* in the order in which they were set */
}

size_t http_headers_set(struct http_req *rq) {
  size_t n = 0;
  for (const struct http_field *f = rq->answer.fields; f; f = f->next) n++;
  return n;
}

void http_unset_headers(struct http_req *rq, size_t keep) {
  struct http_field **f = &rq->answer.fields;
  for (; *f && keep; keep--) f = &(*f)->next;
  *f = NULL;
}

static void answer_set(struct http_req *rq, int status, const char *type, struct slice body) {
  rq->answer.status = status;
  rq->answer.type = ctx_strdup(rq->cx, type);
  buf_clear(&rq->answer.body);
  buf_add_slice(&rq->answer.body, body);
}

void http_answer_own(struct http_req *rq, int status) {
  if (status == 503) http_set_header(rq, "Retry-After", "30");
  answer_set(rq, status, NULL, (struct slice){0});
  atomic_store(&rq->conn->state, ANSWERED);
}

/* The answer is set: whoever waits for it is woken. */
static void hand_over(struct http_req *rq) {
  struct http_conn *c = rq->conn;
  struct http_server *s = c->server;
  int before = atomic_exchange(&c->state, ANSWERED);
  if (before == SUSPENDED) MHD_resume_connection(c->mhd); /* c stands until then, and no longer */
  atomic_fetch_sub(&s->replying, 1);
  if (before != CUT) return;
  http_req_free(rq);
  http_conn_unref(c);
}

/* http_stop waits for `replying`: until then the connection can be woken and the server stands. */
void http_reply(struct http_req *rq, int status, const char *type, struct slice body) {
  atomic_fetch_add(&rq->conn->server->replying, 1);
  answer_set(rq, status, type, body);
  hand_over(rq);
}

void http_reply_file(struct http_req *rq, int status, const char *type, const struct http_file *file) {
  atomic_fetch_add(&rq->conn->server->replying, 1);
  answer_set(rq, status, type, (struct slice){0});
  rq->answer.is_file = true;
  rq->answer.file = *file;
  hand_over(rq);
}

struct http_stream *http_reply_stream(struct http_req *rq, const char *type) {
  atomic_fetch_add(&rq->conn->server->replying, 1);
  answer_set(rq, 200, type, (struct slice){0});
  struct http_stream *stream = http_stream_new(rq);
  hand_over(rq);
  return stream;
}

void http_answer_drop_file(struct http_req *rq) {
  if (rq->answer.is_file && rq->answer.file.fd >= 0) close(rq->answer.file.fd);
  rq->answer.is_file = false;
}

/* ---- on the listener's thread ---- */

enum { FILE_BLOCK = 64 * 1024 };

struct sending { /* libmicrohttpd's, until the answer is out */
  struct http_file file;
  struct http_conn *conn;
};

static ssize_t send_some(void *arg, uint64_t at, char *to, size_t room) {
  struct sending *s = arg;
  ssize_t n = pread(s->file.fd, to, room, (off_t)(s->file.offset + (int64_t)at));
  if (n <= 0) {
    log_error(NULL, "a file ended while it was sent: the connection is cut", LOG_S("peer", s->conn->peer));
    return MHD_CONTENT_READER_END_WITH_ERROR;
  }
  http_conn_went_on(s->conn, (size_t)n);
  return n;
}

static void sent(void *arg) {
  struct sending *s = arg;
  close(s->file.fd);
  free(s);
}

static struct MHD_Response *response_of_file(struct http_req *rq) {
  struct sending *s = mem_alloc(sizeof *s);
  *s = (struct sending){rq->answer.file, rq->conn};
  rq->answer.file.fd = -1; /* it is libmicrohttpd's now */
  return MHD_create_response_from_callback((uint64_t)s->file.n, FILE_BLOCK, send_some, s, sent);
}

static struct MHD_Response *response_of(struct http_req *rq) {
  struct slice body = buf_slice(&rq->answer.body);
  struct MHD_Response *r = rq->answer.is_file ? response_of_file(rq)
                           : rq->answer.stream
                               ? http_stream_response(rq)
                               : MHD_create_response_from_buffer(body.n, (void *)body.p, MHD_RESPMEM_PERSISTENT);
  if (!r) abort();
  if (rq->answer.type) MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, rq->answer.type);
  for (const struct http_field *f = rq->answer.fields; f; f = f->next) MHD_add_response_header(r, f->name, f->value);
  if (rq->unread || atomic_load_explicit(&rq->conn->server->quiescing, memory_order_relaxed))
    MHD_add_response_header(r, MHD_HTTP_HEADER_CONNECTION, "close");
  return r;
}

enum MHD_Result http_answer_queue(struct http_req *rq) {
  struct http_conn *c = rq->conn;
  http_conn_phase(c, PHASE_REPLY, clock_mono_us() + c->server->conf.body_us);
  struct MHD_Response *r = response_of(rq);
  enum MHD_Result done = MHD_queue_response(c->mhd, (unsigned)rq->answer.status, r);
  MHD_destroy_response(r);
  return done;
}

enum MHD_Result http_answer_cut(struct http_conn *c) {
  http_conn_phase(c, PHASE_REPLY, clock_mono_us() + c->server->conf.body_us);
  struct MHD_Response *r = MHD_create_response_from_buffer(0, "", MHD_RESPMEM_PERSISTENT);
  if (!r) abort();
  MHD_add_response_header(r, MHD_HTTP_HEADER_CONNECTION, "close");
  MHD_add_response_header(r, MHD_HTTP_HEADER_RETRY_AFTER, "30");
  enum MHD_Result done = MHD_queue_response(c->mhd, MHD_HTTP_SERVICE_UNAVAILABLE, r);
  MHD_destroy_response(r);
  return done;
}

void http_cut(struct http_conn *c) {
  int suspended = SUSPENDED;
  atomic_fetch_add(&c->refs, 1); /* the owner's, before it can see CUT */
  if (!atomic_compare_exchange_strong(&c->state, &suspended, CUT)) {
    atomic_fetch_sub(&c->refs, 1);
    return;
  }
  c->cut = true;
  MHD_resume_connection(c->mhd);
}
