/* One nghttp2 session over one TLS session: input, output in pieces of a record, and the counting of a peer's frames.
 */
#include "base/clock.h"
#include "lib/net_h2_int.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int give_up(struct wire *w, const char *reason) {
  snprintf(w->reason, sizeof w->reason, "%s", reason);
  return NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int on_begin_frame(nghttp2_session *ng, const nghttp2_frame_hd *hd, void *user) {
  (void)ng;
  struct wire *w = user;
  if (hd->type != NGHTTP2_CONTINUATION)
    w->continuations = 0;
  else if (++w->continuations > WIRE_CONTINUATIONS_MAX)
    return give_up(w, "the other side sent headers without end");
  return --w->frames < 0 ? give_up(w, "the other side floods the connection with frames") : 0;
}

static int on_complaint(nghttp2_session *ng, int code, const char *text, size_t n, void *user) {
  (void)ng, (void)code;
  struct wire *w = user;
  struct slice said = slice_trim(slice_mem(text, n));
  if (!w->reason[0] && text_is_plain(said)) snprintf(w->reason, sizeof w->reason, "HTTP/2: %.*s", (int)said.n, said.p);
  return 0;
}

/* nghttp2 ends a session whose peer broke the rules by a GOAWAY of its own, often without a complaint. */
static int on_sent(nghttp2_session *ng, const nghttp2_frame *frame, void *user) {
  (void)ng;
  struct wire *w = user;
  if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR && !w->reason[0])
    snprintf(w->reason, sizeof w->reason, "HTTP/2: %s", nghttp2_http2_strerror(frame->goaway.error_code));
  return 0;
}

nghttp2_session_callbacks *wire_callbacks(void) {
  nghttp2_session_callbacks *cbs;
  if (nghttp2_session_callbacks_new(&cbs) != 0) abort();
  nghttp2_session_callbacks_set_on_begin_frame_callback(cbs, on_begin_frame);
  nghttp2_session_callbacks_set_on_frame_send_callback(cbs, on_sent);
  nghttp2_session_callbacks_set_error_callback2(cbs, on_complaint);
  return cbs;
}

void wire_session(struct wire *w, nghttp2_session_callbacks *cbs, bool server) {
  nghttp2_option *options;
  if (nghttp2_option_new(&options) != 0) abort();
  nghttp2_option_set_max_outbound_ack(options, 100);
  nghttp2_option_set_max_settings(options, 32);
  int rc = server ? nghttp2_session_server_new2(&w->ng, cbs, w, options)
                  : nghttp2_session_client_new2(&w->ng, cbs, w, options);
  if (rc != 0) abort();
  nghttp2_option_del(options);
  nghttp2_session_callbacks_del(cbs);
}

static void refill_frames(struct wire *w) {
  int64_t second = clock_mono_us() / US_SECOND;
  if (second == w->second) return;
  w->second = second;
  w->frames = WIRE_FRAMES_A_SECOND;
}

static enum wire_state failed(struct wire *w, const char *reason) {
  if (!w->reason[0]) snprintf(w->reason, sizeof w->reason, "%s", reason);
  return WIRE_FAILED;
}

enum wire_state wire_read(struct wire *w) {
  uint8_t bytes[16384];
  size_t got;
  refill_frames(w);
  w->more = w->want_write = false;
  for (int rounds = 0; rounds < 64; rounds++) {
    enum tls_io io = tls_read(w->tls, bytes, sizeof bytes, &got);
    w->want_write = io == TLS_WANT_WRITE;
    if (io == TLS_WANT_READ || io == TLS_WANT_WRITE) return WIRE_OPEN;
    if (io == TLS_CLOSED) return WIRE_ENDED;
    if (io == TLS_FAILED) return failed(w, tls_reason(w->tls));
    ssize_t took = nghttp2_session_mem_recv(w->ng, bytes, got);
    if (took < 0) return failed(w, nghttp2_strerror((int)took));
  }
  w->more = true;
  return WIRE_OPEN;
}

/* Serialises frames until a TLS record is full. */
static enum wire_state fill(struct wire *w) {
  while (w->out.n < WIRE_CHUNK) {
    const uint8_t *p;
    ssize_t n = nghttp2_session_mem_send(w->ng, &p);
    if (n < 0) return failed(w, nghttp2_strerror((int)n));
    if (n == 0) break;
    buf_add(&w->out, p, (size_t)n);
  }
  return WIRE_OPEN;
}

enum wire_state wire_write(struct wire *w) {
  for (;;) {
    size_t put;
    if (fill(w) != WIRE_OPEN) return WIRE_FAILED;
    if (w->out_at == w->out.n) return WIRE_OPEN;
    enum tls_io io = tls_write(w->tls, w->out.p + w->out_at, w->out.n - w->out_at, &put);
    if (io == TLS_WANT_READ || io == TLS_WANT_WRITE) return WIRE_OPEN;
    if (io != TLS_DONE) return failed(w, tls_reason(w->tls));
    w->out_at += put;
    if (w->out_at < w->out.n) continue;
    buf_clear(&w->out);
    w->out_at = 0;
  }
}

bool wire_has_output(const struct wire *w) {
  return w->want_write || w->out_at < w->out.n || nghttp2_session_want_write(w->ng);
}

bool wire_is_done(const struct wire *w) { return !nghttp2_session_want_read(w->ng) && !wire_has_output(w); }

/* An alert that came after a failed write is the cause of it. */
const char *wire_reason(const struct wire *w) {
  return w->tls && tls_alert(w->tls) >= 0 ? tls_reason(w->tls) : w->reason;
}

void wire_free(struct wire *w) {
  nghttp2_session_del(w->ng);
  tls_free(w->tls);
  buf_free(&w->out);
  if (w->fd >= 0) close(w->fd);
  w->fd = -1;
}

void wire_block_begins(struct wire *w) { w->header_bytes = 0; }

int wire_count_header(struct wire *w, size_t n) {
  w->header_bytes += n;
  return w->header_bytes > WIRE_HEADER_BYTES_MAX ? give_up(w, "the other side sent headers without end") : 0;
}

void wire_stream_done(struct wire *w) { w->frames += WIRE_FRAMES_A_STREAM; }

nghttp2_nv wire_header(const char *name, const char *value) {
  bool is_id = strcmp(name, "apns-id") == 0;
  return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
                      .value = (uint8_t *)(uintptr_t)value,
                      .namelen = strlen(name),
                      .valuelen = strlen(value),
                      .flags = is_id ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE};
}

size_t wire_copy_body(struct slice from, size_t *at, uint8_t *to, size_t n, uint32_t *flags) {
  if (n > from.n - *at) n = from.n - *at;
  if (n) memcpy(to, from.p + *at, n);
  *at += n;
  if (*at == from.n) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return n;
}
