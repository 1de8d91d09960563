/* The HTTP/2 client.

   A request is a stream from submission to its one report. Errors inside nghttp2's callbacks are recorded in the wire
   and end the connection when control is back here, so that a session is never taken down from within itself. */
#include "lib/net_h2.h"
#include "base/clock.h"
#include "lib/net_addr.h"
#include "lib/net_h2_int.h"
#include "lib/net_proxy.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { STREAMS_MAX = 1000, BODY_KEPT = 4096, BODY_MAX = 65536, REQUEST_HEADERS_MAX = 16 };
#define CONNECT_US (10 * US_SECOND)
#define PING_US (10 * US_SECOND)

struct stream {
  struct stream *next, *prev; /* in `open`; next in `spare` */
  void *tag;
  struct buf body; /* of the request */
  size_t body_at;
  int status;
  bool unsent, cut, answered; /* answered: status and headers are complete */
  char apns_id[64], retry_after[64], date[40];
  struct buf reply;
  size_t reply_n;
};

enum state { CONNECTING, TUNNEL, HANDSHAKE, SETTINGS, READY, CLOSED };

struct h2 {
  struct wire w; /* first: the session's user data */
  struct h2_callbacks cb;
  void *arg;
  char *host, *authority, *reached; /* reached: whom TCP connects to, for people */
  struct proxy_talk *proxy;         /* NULL: none, or it has let us through */
  int proxy_status;
  enum state state;
  enum h2_trouble trouble;
  bool goaway, draining;
  enum tls_io want; /* of the handshake */
  int64_t connect_deadline, ping_deadline, ping_us;
  struct stream *open, *spare;
  size_t open_n;
  char goaway_text[256];
};

/* ---- streams ---- */
static struct stream *stream_new(struct h2 *c, void *tag, struct slice body) {
  struct stream *st = c->spare;
  if (st)
    c->spare = st->next;
  else
    st = mem_alloc(sizeof *st);
  st->tag = tag;
  buf_add_slice(&st->body, body);
  st->next = c->open;
  if (c->open) c->open->prev = st;
  c->open = st;
  c->open_n++;
  return st;
}

/* Takes st off the list of open ones, to be used again. */
static void stream_release(struct h2 *c, struct stream *st) {
  *(st->prev ? &st->prev->next : &c->open) = st->next;
  if (st->next) st->next->prev = st->prev;
  c->open_n--;
  buf_clear(&st->body);
  buf_clear(&st->reply);
  *st = (struct stream){.next = c->spare, .body = st->body, .reply = st->reply};
  c->spare = st;
}

static void stream_report(struct h2 *c, struct stream *st, bool unprocessed) {
  struct h2_response r = {.status = st->answered ? st->status : 0,
                          .unprocessed = unprocessed && !st->answered,
                          .apns_id = slice_of(st->apns_id),
                          .retry_after = slice_of(st->retry_after),
                          .date = slice_of(st->date),
                          .body = buf_slice(&st->reply)};
  if (c->cb.response) c->cb.response(c->arg, st->tag, &r);
  stream_release(c, st);
}

static void streams_free(struct stream *st) {
  while (st) {
    struct stream *next = st->next;
    buf_free(&st->body);
    buf_free(&st->reply);
    free(st);
    st = next;
  }
}

/* ---- the end ---- */
static enum h2_trouble trouble_of(const struct h2 *c, enum err e) {
  static const enum h2_trouble of_tls[] = {[TLS_FAULT_NONE] = H2_BROKEN,
                                           [TLS_LOST] = H2_BROKEN,
                                           [TLS_STRANGER] = H2_STRANGER,
                                           [TLS_ALERTED] = H2_ALERT,
                                           [TLS_BROKEN] = H2_BROKEN};
  enum tls_fault fault = tls_fault(c->w.tls);
  if (e == OK) return H2_FINE;
  if (e == E_TIMEOUT) return H2_LATE;
  if (c->proxy) return H2_PROXY;
  bool lost = c->state == CONNECTING || (c->state == HANDSHAKE && fault == TLS_LOST);
  return lost ? H2_REFUSED : of_tls[fault];
}

static void end(struct h2 *c, enum err e, const char *reason) {
  if (c->state == CLOSED) return;
  c->trouble = trouble_of(c, e);
  if (c->state >= SETTINGS) tls_bye(c->w.tls);
  c->state = CLOSED;
  c->connect_deadline = c->ping_deadline = 0;
  while (c->open) stream_report(c, c->open, false);
  if (c->w.fd >= 0) shutdown(c->w.fd, SHUT_RDWR);
  if (c->cb.closed) c->cb.closed(c->arg, e, reason);
}

static void end_because(struct h2 *c, enum err e, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void end_because(struct h2 *c, enum err e, const char *fmt, ...) {
  char text[640];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  end(c, e, text);
}

/* The other side has gone, or both have said what there was to say. */
static void end_in_order(struct h2 *c) {
  if (c->draining)
    end(c, OK, "closed");
  else if (c->goaway)
    end_because(c, E_UNAVAILABLE, "%s closed the connection: GOAWAY %s", c->host, c->goaway_text);
  else if (c->w.reason[0])
    end_because(c, E_UNREACHABLE, "%s: %s", c->host, c->w.reason);
  else
    end_because(c, E_UNREACHABLE, "%s closed the connection", c->host);
}

/* ---- nghttp2's callbacks ---- */
static struct stream *stream_of(nghttp2_session *ng, int32_t id) {
  return nghttp2_session_get_stream_user_data(ng, id);
}

static int on_begin_headers(nghttp2_session *ng, const nghttp2_frame *frame, void *user) {
  (void)ng, (void)frame;
  wire_block_begins(user);
  return 0;
}

static void keep(char *to, size_t room, const uint8_t *value, size_t n) {
  if (n < room) memcpy(to, value, n), to[n] = 0;
}

static int on_header(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name, size_t name_n,
                     const uint8_t *value, size_t value_n, uint8_t flags, void *user) {
  (void)flags;
  struct slice key = slice_mem(name, name_n);
  struct stream *st = stream_of(ng, frame->hd.stream_id);
  int64_t status;
  int rc = wire_count_header(user, name_n + value_n + 32);
  if (rc != 0 || !st) return rc;
  if (slice_is(key, ":status") && slice_to_i64(slice_mem(value, value_n), &status) && status >= 200)
    st->status = (int)status; /* below 200 is an interim word, not the answer */
  else if (slice_is(key, "apns-id"))
    keep(st->apns_id, sizeof st->apns_id, value, value_n);
  else if (slice_is(key, "retry-after"))
    keep(st->retry_after, sizeof st->retry_after, value, value_n);
  else if (slice_is(key, "date"))
    keep(st->date, sizeof st->date, value, value_n);
  return 0;
}

static int on_data(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *p, size_t n, void *user) {
  (void)flags, (void)user;
  struct stream *st = stream_of(ng, id);
  if (!st) return 0;
  size_t room = BODY_KEPT - st->reply.n;
  buf_add(&st->reply, p, n < room ? n : room);
  st->reply_n += n;
  if (st->reply_n <= BODY_MAX || st->cut) return 0;
  st->cut = true;
  return nghttp2_submit_rst_stream(ng, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL) == 0 ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int on_not_sent(nghttp2_session *ng, const nghttp2_frame *frame, int code, void *user) {
  (void)code, (void)user;
  struct stream *st = frame->hd.type == NGHTTP2_HEADERS ? stream_of(ng, frame->hd.stream_id) : NULL;
  if (st) st->unsent = true;
  return 0;
}

static int on_stream_close(nghttp2_session *ng, int32_t id, uint32_t code, void *user) {
  struct stream *st = stream_of(ng, id);
  wire_stream_done(user);
  /* nghttp2 closes with REFUSED_STREAM what a GOAWAY's last id leaves out, too. */
  if (st) stream_report(user, st, code == NGHTTP2_REFUSED_STREAM || st->unsent);
  return 0;
}

static void went_away(struct h2 *c, const nghttp2_goaway *g) {
  struct slice debug = slice_mem(g->opaque_data, g->opaque_data_len);
  if (debug.n > 200) debug.n = 200;
  if (!text_is_plain(debug)) debug.n = 0;
  c->goaway = true;
  snprintf(c->goaway_text, sizeof c->goaway_text, "%s%s%.*s", nghttp2_http2_strerror(g->error_code),
           debug.n ? ", " : "", (int)debug.n, debug.n ? debug.p : "");
  if (c->cb.goaway) c->cb.goaway(c->arg, g->error_code, debug);
}

static int on_frame(nghttp2_session *ng, const nghttp2_frame *frame, void *user) {
  struct h2 *c = user;
  struct stream *st = frame->hd.type == NGHTTP2_HEADERS ? stream_of(ng, frame->hd.stream_id) : NULL;
  if (st) st->answered = st->status != 0;
  bool ack = (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0;
  if (frame->hd.type == NGHTTP2_GOAWAY) went_away(c, &frame->goaway);
  if (frame->hd.type == NGHTTP2_PING && ack) c->ping_deadline = 0;
  if (frame->hd.type != NGHTTP2_SETTINGS || ack || c->state != SETTINGS) return 0;
  c->state = READY;
  c->connect_deadline = 0;
  if (c->cb.ready) c->cb.ready(c->arg);
  return 0;
}

static ssize_t read_body(nghttp2_session *ng, int32_t id, uint8_t *to, size_t n, uint32_t *flags,
                         nghttp2_data_source *source, void *user) {
  (void)ng, (void)id, (void)user;
  struct stream *st = source->ptr;
  return (ssize_t)wire_copy_body(buf_slice(&st->body), &st->body_at, to, n, flags);
}

static void start_session(struct h2 *c) {
  static const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
                                                    {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, WIRE_HEADER_BYTES_MAX}};
  nghttp2_session_callbacks *cbs = wire_callbacks();
  nghttp2_session_callbacks_set_on_begin_headers_callback(cbs, on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(cbs, on_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cbs, on_data);
  nghttp2_session_callbacks_set_on_frame_not_send_callback(cbs, on_not_sent);
  nghttp2_session_callbacks_set_on_stream_close_callback(cbs, on_stream_close);
  nghttp2_session_callbacks_set_on_frame_recv_callback(cbs, on_frame);
  wire_session(&c->w, cbs, false);
  if (nghttp2_submit_settings(c->w.ng, NGHTTP2_FLAG_NONE, settings, sizeof settings / sizeof *settings) != 0) abort();
}

/* ---- opening ---- */
static enum err start_connecting(struct ctx *cx, struct h2 *c, const struct h2_conf *conf) {
  struct slice to = conf->proxy.address.p ? conf->proxy.address : conf->address;
  struct addr a = {.n = (socklen_t)to.n};
  if (to.n > sizeof a.ss || to.n < sizeof(sa_family_t)) return FAIL(cx, E_INVALID, "no address to connect to");
  memcpy(&a.ss, to.p, to.n);
  c->reached = mem_strdup(conf->proxy.address.p ? ctx_printf(cx, "the proxy %s", addr_text(cx, &a)) : c->authority);
  c->w.fd = socket(a.ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (c->w.fd < 0) return FAIL(cx, E_UNREACHABLE, "no socket for %s: %s", c->reached, strerror(errno));
  setsockopt(c->w.fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
  if (connect(c->w.fd, (struct sockaddr *)&a.ss, a.n) != 0 && errno != EINPROGRESS)
    return FAIL(cx, E_UNREACHABLE, "%s cannot be reached: %s", c->reached, strerror(errno));
  if (!conf->proxy.address.p) return OK;
  c->proxy = mem_alloc(sizeof *c->proxy);
  proxy_talk_begin(c->proxy, conf->host, conf->port, conf->proxy.authorization);
  return OK;
}

static void leave_proxy(struct h2 *c) {
  if (!c->proxy) return;
  proxy_talk_end(c->proxy);
  free(c->proxy);
  c->proxy = NULL;
}

static char *authority_of(const char *host, int port) {
  struct buf b = {0};
  buf_printf(&b, strchr(host, ':') ? "[%s]" : "%s", host);
  if (port != 443) buf_printf(&b, ":%d", port);
  return b.p;
}

enum err h2_open(struct ctx *cx, struct h2 **out, const struct h2_conf *conf) {
  struct h2 *c = mem_alloc(sizeof *c);
  c->w.fd = -1;
  c->cb = conf->cb;
  c->arg = conf->arg;
  c->host = mem_strdup(conf->host);
  c->authority = authority_of(conf->host, conf->port);
  c->ping_us = conf->ping_us ? conf->ping_us : PING_US;
  c->connect_deadline = clock_mono_us() + (conf->connect_us ? conf->connect_us : CONNECT_US);
  enum err e = start_connecting(cx, c, conf);
  if (e == OK) e = tls_open_client(cx, &c->w.tls, conf->tls, c->w.fd, conf->host);
  if (e != OK) {
    h2_free(c);
    return e;
  }
  start_session(c);
  *out = c;
  return OK;
}

void h2_free(struct h2 *c) {
  if (!c) return;
  wire_free(&c->w);
  leave_proxy(c);
  streams_free(c->open);
  streams_free(c->spare);
  free(c->host);
  free(c->authority);
  free(c->reached);
  free(c);
}

/* ---- input and output ---- */
static void finish_connect(struct h2 *c, short revents) {
  int error = 0;
  if (!(revents & (POLLOUT | POLLERR | POLLHUP))) return;
  getsockopt(c->w.fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){sizeof error});
  if (error)
    end_because(c, E_UNREACHABLE, "%s cannot be reached: %s", c->reached, strerror(error));
  else
    c->state = c->proxy ? TUNNEL : HANDSHAKE;
}

static void ask_proxy(struct h2 *c) {
  enum proxy_io io = proxy_talk_io(c->proxy, c->w.fd);
  c->want = io == PROXY_WANT_WRITE ? TLS_WANT_WRITE : TLS_WANT_READ;
  c->proxy_status = c->proxy->status;
  if (io == PROXY_FAILED) end_because(c, E_UNREACHABLE, "%s %s", c->reached, c->proxy->reason);
  if (io != PROXY_DONE) return;
  leave_proxy(c);
  c->state = HANDSHAKE;
}

static void shake_hands(struct h2 *c) {
  c->want = tls_handshake(c->w.tls);
  if (c->want == TLS_DONE)
    c->state = SETTINGS;
  else if (c->want == TLS_FAILED)
    end(c, E_UNREACHABLE, tls_reason(c->w.tls));
}

static void transfer(struct h2 *c, bool readable) {
  enum wire_state in = readable || c->w.more ? wire_read(&c->w) : WIRE_OPEN;
  enum wire_state out = in == WIRE_OPEN ? wire_write(&c->w) : WIRE_OPEN;
  /* What broke a write, an alert or a last word, may still wait to be read. */
  if (out == WIRE_FAILED && wire_read(&c->w) == WIRE_ENDED && c->goaway) in = WIRE_ENDED, out = WIRE_OPEN;
  if (in == WIRE_FAILED || out == WIRE_FAILED)
    end(c, E_UNREACHABLE, wire_reason(&c->w));
  else if (in == WIRE_ENDED || wire_is_done(&c->w))
    end_in_order(c);
}

static void check_deadlines(struct h2 *c) {
  int64_t now = clock_mono_us();
  if (c->connect_deadline && now >= c->connect_deadline) {
    static const char *const doing[] = {[CONNECTING] = "TCP connection",
                                        [TUNNEL] = "HTTP CONNECT",
                                        [HANDSHAKE] = "TLS handshake",
                                        [SETTINGS] = "HTTP/2 SETTINGS"};
    end_because(c, E_TIMEOUT, "%s did not answer in time (%s)", c->state > TUNNEL ? c->authority : c->reached,
                doing[c->state]);
  } else if (c->ping_deadline && now >= c->ping_deadline) {
    end_because(c, E_TIMEOUT, "%s did not answer a PING in time", c->authority);
  }
}

void h2_io(struct h2 *c, short revents) {
  bool readable = revents != 0;
  if (c->state == CONNECTING) finish_connect(c, revents);
  if (c->state == TUNNEL) ask_proxy(c);
  if (c->state == HANDSHAKE) shake_hands(c), readable = true;
  if (c->state == SETTINGS || c->state == READY) transfer(c, readable);
  if (c->state != CLOSED) check_deadlines(c);
}

int h2_fd(const struct h2 *c) { return c->state == CLOSED ? -1 : c->w.fd; }

short h2_events(const struct h2 *c) {
  if (c->state == CONNECTING) return POLLOUT;
  if (c->state < SETTINGS) return c->want == TLS_WANT_WRITE ? POLLOUT : POLLIN;
  return wire_has_output(&c->w) ? POLLIN | POLLOUT : POLLIN;
}

int64_t h2_next_deadline(const struct h2 *c) {
  if (c->state == CLOSED) return 0;
  if (c->w.more) return clock_mono_us();
  return c->connect_deadline ? c->connect_deadline : c->ping_deadline;
}

/* ---- requests ---- */
bool h2_is_closed(const struct h2 *c) { return c->state == CLOSED; }

bool h2_usable(const struct h2 *c) {
  return c->state == READY && !c->goaway && !c->draining && nghttp2_session_check_request_allowed(c->w.ng);
}

int h2_alert(const struct h2 *c) { return tls_alert(c->w.tls); }

enum h2_trouble h2_trouble(const struct h2 *c) { return c->trouble; }

int h2_proxy_status(const struct h2 *c) { return c->proxy_status; }

const char *h2_issuer(struct ctx *cx, const struct h2 *c) { return tls_peer_issuer(cx, c->w.tls); }

static size_t peers_limit(const struct h2 *c) {
  return nghttp2_session_get_remote_settings(c->w.ng, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

bool h2_is_narrow(const struct h2 *c) { return h2_usable(c) && peers_limit(c) < STREAMS_MAX; }

size_t h2_room(const struct h2 *c) {
  if (!h2_usable(c)) return 0;
  size_t most = peers_limit(c);
  if (most > STREAMS_MAX) most = STREAMS_MAX;
  return most > c->open_n ? most - c->open_n : 0;
}

size_t h2_open_streams(const struct h2 *c) { return c->open_n; }

enum err h2_submit(struct ctx *cx, struct h2 *c, const char *path, const struct h2_header *headers, size_t n,
                   struct slice body, void *tag) {
  nghttp2_nv nv[4 + REQUEST_HEADERS_MAX] = {wire_header(":method", "POST"), wire_header(":scheme", "https"),
                                            wire_header(":authority", c->authority), wire_header(":path", path)};
  if (n > REQUEST_HEADERS_MAX) return FAIL(cx, E_INVALID, "a request has at most %d headers", REQUEST_HEADERS_MAX);
  if (h2_room(c) == 0) return FAIL(cx, E_UNAVAILABLE, "the connection to %s takes no request at the moment", c->host);
  for (size_t i = 0; i < n; i++) nv[4 + i] = wire_header(headers[i].name, headers[i].value);
  struct stream *st = stream_new(c, tag, body);
  nghttp2_data_provider provider = {.source.ptr = st, .read_callback = read_body};
  int rc = nghttp2_submit_request(c->w.ng, NULL, nv, 4 + n, body.n ? &provider : NULL, st);
  if (rc >= 0) return OK;
  stream_release(c, st);
  return FAIL(cx, E_UNAVAILABLE, "the connection to %s takes no request: %s", c->host, nghttp2_strerror(rc));
}

void h2_ping(struct h2 *c) {
  if (c->state != READY || c->ping_deadline) return;
  if (nghttp2_submit_ping(c->w.ng, NGHTTP2_FLAG_NONE, NULL) == 0) c->ping_deadline = clock_mono_us() + c->ping_us;
}

void h2_shutdown(struct h2 *c) {
  if (c->state == CLOSED || c->draining) return;
  c->draining = true;
  if (c->state != READY)
    end(c, OK, "closed");
  else if (nghttp2_submit_goaway(c->w.ng, NGHTTP2_FLAG_NONE, 0, NGHTTP2_NO_ERROR, NULL, 0) != 0)
    abort(); /* out of memory */
}
