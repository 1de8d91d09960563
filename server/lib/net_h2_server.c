/* The small HTTP/2 server of the lab's stand-in: one thread, poll, many connections. */
#include "base/clock.h"
#include "base/thread.h"
#include "lib/net_addr.h"
#include "lib/net_h2.h"
#include "lib/net_h2_int.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 512, BODY_MAX = 65536, STREAMS_DEFAULT = 1000, SLOT_BITS = 20, TICK_MS = 20 };

struct req {
  struct h2_server_req rq; /* first: what the owner sees */
  struct req *next, *prev; /* of its connection */
  struct conn *conn;
  int32_t stream;
  bool dispatched;
  struct buf text; /* method, path, names and values, NUL-terminated; offsets until all are there */
  size_t method_at, path_at, name_at[H2_HEADERS_MAX], value_at[H2_HEADERS_MAX];
  struct h2_header headers[H2_HEADERS_MAX];
  struct buf body, reply;
  size_t reply_at;
};

struct conn {
  struct wire w; /* first: the session's user data */
  struct conn *next;
  struct h2_server *s;
  struct ctx *cx; /* of what lives as long as the connection */
  struct slice peer_cert;
  int64_t number;
  enum tls_io want; /* of the handshake; TLS_DONE after it */
  bool over;
  int32_t last_seen, last_good;
  struct req *open;
};

struct h2_server {
  struct h2_server_conf conf;
  struct mailbox wake;
  pthread_t thread;
  atomic_bool stop;
  atomic_int_least64_t established;
  int fd, port;
  struct conn *conns;
  size_t conn_n, owed;
  int64_t numbered, generation;
  struct req **slots; /* NULL where free */
  size_t slot_n, slot_hint;
};

/* ---- requests ---- */
static size_t free_slot(struct h2_server *s) {
  for (size_t i = 0; i < s->slot_n; i++) {
    size_t at = (s->slot_hint + i) % s->slot_n;
    if (!s->slots[at]) return at;
  }
  size_t at = s->slot_n;
  s->slot_n = at ? 2 * at : 64;
  s->slots = mem_realloc(s->slots, s->slot_n * sizeof *s->slots);
  memset(s->slots + at, 0, (s->slot_n - at) * sizeof *s->slots);
  return at;
}

static const char *find_header(const struct h2_server_req *rq, const char *name) {
  for (size_t i = 0; i < rq->header_n; i++)
    if (strcmp(rq->headers[i].name, name) == 0) return rq->headers[i].value;
  return NULL;
}

static struct req *req_new(struct conn *c, int32_t stream) {
  struct h2_server *s = c->s;
  struct req *r = mem_alloc(sizeof *r);
  size_t slot = free_slot(s);
  r->rq.id = (++s->generation << SLOT_BITS) | (int64_t)slot;
  r->rq.connection = c->number;
  r->rq.header = find_header;
  r->rq.peer_cert = c->peer_cert;
  r->conn = c;
  r->stream = stream;
  r->next = c->open;
  if (c->open) c->open->prev = r;
  c->open = r;
  s->slots[slot] = r;
  s->slot_hint = slot + 1;
  buf_add_char(&r->text, 0); /* offset 0 is the empty text: what was not sent */
  return r;
}

static struct req *req_find(struct h2_server *s, int64_t id) {
  size_t slot = (size_t)(id & ((1 << SLOT_BITS) - 1));
  struct req *r = slot < s->slot_n ? s->slots[slot] : NULL;
  return r && r->rq.id == id ? r : NULL;
}

static void req_free(struct req *r) {
  struct h2_server *s = r->conn->s;
  if (r->dispatched) s->owed -= r->reply_at == SIZE_MAX;
  *(r->prev ? &r->prev->next : &r->conn->open) = r->next;
  if (r->next) r->next->prev = r->prev;
  s->slots[r->rq.id & ((1 << SLOT_BITS) - 1)] = NULL;
  buf_free(&r->text);
  buf_free(&r->body);
  buf_free(&r->reply);
  free(r);
}

static size_t keep_text(struct req *r, const uint8_t *p, size_t n) {
  size_t at = r->text.n;
  buf_add(&r->text, p, n);
  buf_add_char(&r->text, 0);
  return at;
}

static void dispatch(struct req *r) {
  struct conn *c = r->conn;
  if (r->stream > c->last_good) { /* GOAWAY is on its way and leaves this one out */
    nghttp2_submit_rst_stream(c->w.ng, NGHTTP2_FLAG_NONE, r->stream, NGHTTP2_REFUSED_STREAM);
    return;
  }
  for (size_t i = 0; i < r->rq.header_n; i++)
    r->headers[i] = (struct h2_header){r->text.p + r->name_at[i], r->text.p + r->value_at[i]};
  r->rq.headers = r->headers;
  r->rq.method = r->text.p + r->method_at;
  r->rq.path = r->text.p + r->path_at;
  r->rq.body = buf_slice(&r->body);
  r->dispatched = true;
  r->reply_at = SIZE_MAX; /* a reply is owed */
  c->s->owed++;
  c->last_seen = r->stream;
  c->s->conf.request(c->s, &r->rq, c->s->conf.arg);
}

/* ---- nghttp2's callbacks ---- */
static struct req *req_of(nghttp2_session *ng, int32_t id) { return nghttp2_session_get_stream_user_data(ng, id); }

static int on_begin_headers(nghttp2_session *ng, const nghttp2_frame *frame, void *user) {
  wire_block_begins(user);
  if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
    nghttp2_session_set_stream_user_data(ng, frame->hd.stream_id, req_new(user, frame->hd.stream_id));
  return 0;
}

static int on_header(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name, size_t name_n,
                     const uint8_t *value, size_t value_n, uint8_t flags, void *user) {
  (void)flags;
  struct slice key = slice_mem(name, name_n);
  struct req *r = req_of(ng, frame->hd.stream_id);
  int rc = wire_count_header(user, name_n + value_n + 32);
  if (rc != 0 || !r) return rc;
  if (slice_is(key, ":method")) r->method_at = keep_text(r, value, value_n);
  if (slice_is(key, ":path")) r->path_at = keep_text(r, value, value_n);
  if (slice_starts(key, ":")) return 0;
  if (r->rq.header_n == H2_HEADERS_MAX) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* resets the stream */
  r->name_at[r->rq.header_n] = keep_text(r, name, name_n);
  r->value_at[r->rq.header_n++] = keep_text(r, value, value_n);
  return 0;
}

static int on_data(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *p, size_t n, void *user) {
  (void)flags, (void)user;
  struct req *r = req_of(ng, id);
  if (!r) return 0;
  size_t room = BODY_MAX - r->body.n;
  buf_add(&r->body, p, n < room ? n : room);
  return 0;
}

static int on_frame(nghttp2_session *ng, const nghttp2_frame *frame, void *user) {
  (void)user;
  bool message = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
  if (!message || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) return 0;
  struct req *r = req_of(ng, frame->hd.stream_id);
  if (r && !r->dispatched) dispatch(r);
  return 0;
}

static int on_stream_close(nghttp2_session *ng, int32_t id, uint32_t code, void *user) {
  (void)code;
  struct req *r = req_of(ng, id);
  wire_stream_done(user);
  if (r) req_free(r);
  return 0;
}

static ssize_t read_reply(nghttp2_session *ng, int32_t id, uint8_t *to, size_t n, uint32_t *flags,
                          nghttp2_data_source *source, void *user) {
  (void)ng, (void)id, (void)user;
  struct req *r = source->ptr;
  return (ssize_t)wire_copy_body(buf_slice(&r->reply), &r->reply_at, to, n, flags);
}

static void start_session(struct conn *c) {
  uint32_t streams = c->s->conf.max_streams ? c->s->conf.max_streams : STREAMS_DEFAULT;
  nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, streams}};
  nghttp2_session_callbacks *cbs = wire_callbacks();
  nghttp2_session_callbacks_set_on_begin_headers_callback(cbs, on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(cbs, on_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cbs, on_data);
  nghttp2_session_callbacks_set_on_frame_recv_callback(cbs, on_frame);
  nghttp2_session_callbacks_set_on_stream_close_callback(cbs, on_stream_close);
  wire_session(&c->w, cbs, true);
  if (nghttp2_submit_settings(c->w.ng, NGHTTP2_FLAG_NONE, settings, 1) != 0) abort();
}

/* ---- connections ---- */
static void conn_free(struct conn *c) {
  for (struct req *r = c->open, *next; r; r = next) {
    next = r->next;
    req_free(r);
  }
  wire_free(&c->w);
  ctx_free(c->cx);
  free(c);
}

static void conn_accept(struct h2_server *s) {
  int fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) return;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
  struct conn *c = mem_alloc(sizeof *c);
  *c = (struct conn){.w.fd = fd, .s = s, .cx = ctx_new(), .want = TLS_WANT_READ, .last_good = INT32_MAX};
  if (tls_open_server(c->cx, &c->w.tls, s->conf.tls, fd) != OK) {
    conn_free(c);
    return;
  }
  c->number = ++s->numbered;
  c->next = s->conns;
  s->conns = c;
  s->conn_n++;
}

static void conn_handshake(struct conn *c) {
  c->want = tls_handshake(c->w.tls);
  c->over = c->want == TLS_FAILED;
  if (c->want != TLS_DONE) return;
  c->peer_cert = tls_peer_cert(c->cx, c->w.tls);
  atomic_fetch_add(&c->s->established, 1);
  start_session(c);
}

static void conn_io(struct conn *c, bool readable) {
  if (c->want != TLS_DONE && readable) conn_handshake(c);
  if (c->over || c->want != TLS_DONE) return;
  if (readable || c->w.more) c->over |= wire_read(&c->w) != WIRE_OPEN;
}

static void conn_flush(struct conn *c) {
  if (c->over || c->want != TLS_DONE) return;
  c->over = wire_write(&c->w) != WIRE_OPEN;
  if (c->over || !wire_is_done(&c->w)) return;
  tls_bye(c->w.tls);
  c->over = true;
}

static void reap(struct h2_server *s) {
  for (struct conn **at = &s->conns; *at;) {
    struct conn *c = *at;
    if (!c->over) {
      at = &c->next;
      continue;
    }
    *at = c->next;
    s->conn_n--;
    conn_free(c);
  }
}

/* ---- the thread ---- */
static short conn_events(const struct conn *c) {
  if (c->want != TLS_DONE) return c->want == TLS_WANT_WRITE ? POLLOUT : POLLIN;
  return wire_has_output(&c->w) ? POLLIN | POLLOUT : POLLIN;
}

static size_t fill_polls(const struct h2_server *s, struct pollfd *p, bool *hurry) {
  size_t n = 0;
  p[n++] = (struct pollfd){.fd = s->wake.fd, .events = POLLIN};
  p[n++] = (struct pollfd){.fd = s->conn_n < CONNECTIONS_MAX ? s->fd : -1, .events = POLLIN};
  *hurry = false;
  for (const struct conn *c = s->conns; c; c = c->next) {
    p[n++] = (struct pollfd){.fd = c->w.fd, .events = conn_events(c)};
    *hurry |= c->w.more;
  }
  return n;
}

static void serve_once(struct h2_server *s) {
  struct pollfd p[2 + CONNECTIONS_MAX];
  bool hurry;
  size_t n = fill_polls(s, p, &hurry), i = 2;
  int timeout = s->owed && s->conf.tick ? TICK_MS : -1;
  if (poll(p, n, hurry ? 0 : timeout) < 0) return;
  for (struct conn *c = s->conns; c; c = c->next) conn_io(c, p[i++].revents != 0);
  if (p[1].revents) conn_accept(s);
  if (p[0].revents) (void)mailbox_take(&s->wake);
  if (s->conf.tick) s->conf.tick(s, s->conf.arg);
  for (struct conn *c = s->conns; c; c = c->next) conn_flush(c);
  reap(s);
}

static void *serve(void *arg) {
  struct h2_server *s = arg;
  while (!atomic_load(&s->stop)) serve_once(s);
  return NULL;
}

enum err h2_server_start(struct ctx *cx, struct h2_server **out, const struct h2_server_conf *conf) {
  struct addr bound;
  int fd;
  TRY(addr_listen(cx, &fd, &bound, conf->listen));
  struct h2_server *s = mem_alloc(sizeof *s);
  s->conf = *conf;
  s->fd = fd;
  s->port = addr_port(&bound);
  mailbox_init(&s->wake);
  s->thread = thread_start("h2-server", serve, s);
  *out = s;
  return OK;
}

int h2_server_port(const struct h2_server *s) { return s->port; }

int64_t h2_server_connections(const struct h2_server *s) { return atomic_load(&s->established); }

void h2_server_wake(struct h2_server *s) { mailbox_ring(&s->wake); }

void h2_server_stop(struct h2_server *s) {
  if (!s) return;
  atomic_store(&s->stop, true);
  mailbox_ring(&s->wake);
  thread_join(s->thread);
  (void)mailbox_take(&s->wake);
  for (struct conn *c = s->conns; c; c = c->next) c->over = true;
  reap(s);
  mailbox_close(&s->wake);
  close(s->fd);
  free(s->slots);
  free(s);
}

/* ---- answers ---- */
void h2_server_reply(struct h2_server *s, int64_t id, int status, const struct h2_header *headers, size_t n,
                     struct slice body) {
  struct req *r = req_find(s, id);
  if (!r || r->reply_at != SIZE_MAX) return; /* the client went away, or it was answered before */
  char digits[16];
  snprintf(digits, sizeof digits, "%d", status);
  nghttp2_nv nv[1 + H2_HEADERS_MAX] = {wire_header(":status", digits)};
  if (n > H2_HEADERS_MAX) n = H2_HEADERS_MAX;
  for (size_t i = 0; i < n; i++) nv[1 + i] = wire_header(headers[i].name, headers[i].value);
  buf_add_slice(&r->reply, body);
  r->reply_at = 0;
  s->owed--;
  nghttp2_data_provider provider = {.source.ptr = r, .read_callback = read_reply};
  if (nghttp2_submit_response(r->conn->w.ng, r->stream, nv, 1 + n, body.n ? &provider : NULL) != 0)
    r->conn->over = true;
}

void h2_server_goaway(struct h2_server *s, int64_t connection, const char *debug) {
  for (struct conn *c = s->conns; c; c = c->next) {
    if ((connection && c->number != connection) || c->want != TLS_DONE || c->last_good != INT32_MAX) continue;
    c->last_good = c->last_seen;
    if (nghttp2_submit_goaway(c->w.ng, NGHTTP2_FLAG_NONE, c->last_good, NGHTTP2_NO_ERROR, (const uint8_t *)debug,
                              strlen(debug)) != 0)
      c->over = true;
  }
}

void h2_server_drop(struct h2_server *s, int64_t connection) {
  for (struct conn *c = s->conns; c; c = c->next)
    if (!connection || c->number == connection) c->over = true;
}
