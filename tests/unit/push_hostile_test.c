/* A peer that is hostile to one topic: the other topic's pushes go, what is wrong is told, the thread ends when asked.
 */
#include "push_world.h"

#include "lib/net_addr.h"

#include <poll.h>
#include <stdatomic.h>
#include <sys/socket.h>

/* ---- a peer that serves TOPIC and treats OTHER as the test says ---- */

enum { DATA, HEADERS, RST_STREAM = 3, SETTINGS, PING = 6, GOAWAY, CONTINUATION = 9 };
enum { END_STREAM = 1, END_HEADERS = 4, PREFACE = 24, HEAD = 9, CONNS = 32 };

struct guest {
  int fd;
  struct tls *tls;
  bool open, hostile;
  struct buf in, out;
  size_t out_at;
};

struct peer {
  struct world *w;
  struct ctx *cx; /* of its thread */
  int listener;
  pthread_t thread;
  atomic_bool stop;
  const char *settings; /* payload of the SETTINGS that OTHER gets; NULL: none */
  size_t settings_n;
  void (*ready)(struct guest *g);                    /* to OTHER, after SETTINGS; may be NULL */
  void (*request)(struct guest *g, uint32_t stream); /* to OTHER, when its request is complete */
  struct guest guests[CONNS];
};

static void frame(struct guest *g, int type, int flags, uint32_t stream, struct slice payload) {
  const unsigned char head[HEAD] = {(unsigned char)(payload.n >> 16),
                                    (unsigned char)(payload.n >> 8),
                                    (unsigned char)payload.n,
                                    (unsigned char)type,
                                    (unsigned char)flags,
                                    0,
                                    (unsigned char)(stream >> 16),
                                    (unsigned char)(stream >> 8),
                                    (unsigned char)stream};
  buf_add(&g->out, head, sizeof head);
  buf_add_slice(&g->out, payload);
}
#define BYTES(s) slice_mem(s, sizeof(s) - 1)

static void fine(struct guest *g, uint32_t stream) {
  frame(g, HEADERS, END_HEADERS | END_STREAM, stream, BYTES("\x88"));
}

static void greet(struct peer *p, struct guest *g) {
  struct slice cert = tls_peer_cert(p->cx, g->tls);
  g->open = true;
  g->hostile = cert.p && memmem(cert.p, cert.n, OTHER, strlen(OTHER)) != NULL;
  if (!g->hostile)
    frame(g, SETTINGS, 0, 0, BYTES(""));
  else if (p->settings)
    frame(g, SETTINGS, 0, 0, slice_mem(p->settings, p->settings_n));
  if (g->hostile && p->ready) p->ready(g);
}

/* Complete frames of what came; a request is complete with END_STREAM. */
static void understand(struct peer *p, struct guest *g) {
  size_t at = PREFACE;
  while (g->in.n >= at + HEAD) {
    const unsigned char *h = (const unsigned char *)g->in.p + at;
    size_t n = (size_t)h[0] << 16 | (size_t)h[1] << 8 | h[2];
    if (g->in.n < at + HEAD + n) break;
    uint32_t stream = (uint32_t)h[6] << 16 | (uint32_t)h[7] << 8 | h[8];
    bool complete = (h[3] == DATA && (h[4] & END_STREAM)) || (h[3] == HEADERS && g->hostile && p->settings_n);
    if (complete && g->hostile && p->request) p->request(g, stream);
    if (complete && !g->hostile) fine(g, stream);
    if (h[3] == SETTINGS && !(h[4] & 1) && (p->settings || !g->hostile)) frame(g, SETTINGS, 1, 0, BYTES(""));
    if (h[3] == PING && !(h[4] & 1)) frame(g, PING, 1, 0, slice_mem((const char *)h + HEAD, n));
    at += HEAD + n;
  }
  if (at == PREFACE) return;
  struct buf rest = {0};
  buf_add(&rest, g->in.p, PREFACE);
  buf_add(&rest, g->in.p + at, g->in.n - at);
  buf_free(&g->in);
  g->in = rest;
}

static void leave(struct guest *g) {
  tls_free(g->tls);
  close(g->fd);
  buf_free(&g->in);
  buf_free(&g->out);
  *g = (struct guest){.fd = -1};
}

static void serve(struct peer *p, struct guest *g) {
  uint8_t bytes[4096];
  size_t n;
  enum tls_io io = g->open ? TLS_DONE : tls_handshake(g->tls);
  if (!g->open && io == TLS_DONE) greet(p, g);
  while (g->open && (io = tls_read(g->tls, bytes, sizeof bytes, &n)) == TLS_DONE) buf_add(&g->in, bytes, n);
  if (io == TLS_CLOSED || io == TLS_FAILED) {
    leave(g);
    return;
  }
  if (!g->open) return;
  understand(p, g);
  while (g->out_at < g->out.n && tls_write(g->tls, g->out.p + g->out_at, g->out.n - g->out_at, &n) == TLS_DONE)
    g->out_at += n;
}

static void welcome(struct peer *p) {
  int fd = accept4(p->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  struct guest *g = p->guests;
  while (g < p->guests + CONNS && g->fd >= 0) g++;
  if (fd < 0 || g == p->guests + CONNS) {
    if (fd >= 0) close(fd);
    return;
  }
  *g = (struct guest){.fd = fd};
  assert_int_equal(tls_open_server(p->cx, &g->tls, p->w->apns.tls, fd), OK);
}

static void *peer_run(void *arg) {
  struct peer *p = arg;
  p->cx = ctx_new();
  while (!atomic_load(&p->stop)) {
    struct pollfd fds[CONNS + 1] = {{.fd = p->listener, .events = POLLIN}};
    for (int i = 0; i < CONNS; i++) {
      const struct guest *g = &p->guests[i];
      fds[i + 1] = (struct pollfd){.fd = g->fd, .events = g->out_at < g->out.n ? POLLIN | POLLOUT : POLLIN};
    }
    poll(fds, CONNS + 1, 10);
    welcome(p);
    for (int i = 0; i < CONNS; i++)
      if (p->guests[i].fd >= 0) serve(p, &p->guests[i]);
  }
  for (int i = 0; i < CONNS; i++)
    if (p->guests[i].fd >= 0) leave(&p->guests[i]);
  ctx_free(p->cx);
  close(p->listener);
  return NULL;
}

static void peer_up(struct world *w, struct peer *p) {
  struct addr bound;
  assert_int_equal(addr_listen(w->cx, &p->listener, &bound, "127.0.0.1:0"), OK);
  for (int i = 0; i < CONNS; i++) p->guests[i].fd = -1;
  p->w = w;
  w->conf.apns_url = ctx_printf(w->cx, "https://127.0.0.1:%d", addr_port(&bound));
  p->thread = thread_start("peer", peer_run, p);
}

/* ---- what it does to OTHER ---- */

static void floods_pings(struct guest *g) {
  for (int i = 0; i < 50000; i++) frame(g, PING, 0, 0, BYTES("01234567"));
}
static void floods_settings(struct guest *g) {
  for (int i = 0; i < 50000; i++) frame(g, SETTINGS, 0, 0, BYTES("\0\3\0\0\0\1"));
}
static void headers_forever(struct guest *g, uint32_t stream) {
  frame(g, HEADERS, 0, stream, BYTES("\x88"));
  for (int i = 0; i < 100; i++) frame(g, CONTINUATION, 0, stream, BYTES(""));
}
static void resets(struct guest *g, uint32_t stream) { frame(g, RST_STREAM, 0, stream, BYTES("\0\0\0\2")); }
static void goes_away(struct guest *g) { frame(g, GOAWAY, 0, 0, BYTES("\0\0\0\0\0\0\0\0")); }
static void odd_reason(struct guest *g, uint32_t stream) {
  frame(g, HEADERS, END_HEADERS, stream,
        BYTES("\x08\x03"
              "400"));
  frame(g, DATA, END_STREAM, stream, BYTES("{\"reason\":\"\x01 Something new\",\"timestamp\":-1}"));
}
static void large_body(struct guest *g, uint32_t stream) {
  static char fill[16000];
  frame(g, HEADERS, END_HEADERS, stream, BYTES("\x8c")); /* 400 */
  for (int i = 0; i < 4; i++) frame(g, DATA, 0, stream, slice_mem(fill, sizeof fill));
}

static const struct hostility {
  const char *name;
  const char *settings;
  size_t settings_n;
  void (*ready)(struct guest *g);
  void (*request)(struct guest *g, uint32_t stream);
  const char *expect; /* a row of apns_link, or of wake; NULL: what comes of it takes longer than a test */
} hostilities[] = {
    {"nothing after TLS", NULL, 0, NULL, NULL, NULL},
    {"flood of pings", "", 0, floods_pings, NULL, "kind = 'http2' AND text LIKE '%lood%'"},
    {"flood of settings", "", 0, floods_settings, NULL, "kind = 'http2' AND text LIKE '%lood%'"},
    {"headers without end", "", 0, NULL, headers_forever, "kind = 'http2'"},
    {"every stream is reset", "", 0, NULL, resets, "kind = 'http2' AND text LIKE '%without an answer'"},
    {"goes away each time", "", 0, goes_away, NULL, "kind = 'http2' AND text LIKE '%GOAWAY%'"},
    {"no answers", "", 0, NULL, NULL, "kind = 'server' AND text LIKE '%does not answer%'"},
    {"window of nothing for ever", "\0\4\0\0\0\0", 6, NULL, NULL, "kind = 'server' AND text LIKE '%does not answer%'"},
    {"no streams for ever", "\0\3\0\0\0\0", 6, NULL, NULL, "kind = 'server' AND text LIKE '%lets no pushes in'"},
    {"a reason that is none", "", 0, NULL, odd_reason, "up = 1"},
    {"a body without end", "", 0, NULL, large_body, NULL},
};
enum { HOSTILITIES = sizeof hostilities / sizeof *hostilities };

static const struct hostility *playing;

/* goal: whatever the peer does to one topic, the other's pushes go, and what is wrong is told within a while */
static void hostile(void **state) {
  struct world *w = *state;
  struct peer *p = mem_alloc(sizeof *p);
  p->settings = playing->settings;
  p->settings_n = playing->settings_n;
  p->ready = playing->ready;
  p->request = playing->request;
  peer_up(w, p);
  import(w, OTHER, 300);
  add_devices(w, 1, 21, TOPIC);
  add_devices(w, 101, 3, OTHER);
  w->tuning.answer_lost = US_SECOND;
  w->tuning.rescan = US_SECOND / 5;
  push_up(w);
  make_due(w, results_of(w, 101, 3), 3, PUSH_ASKED);
  for (int64_t i = 1; i <= 20; i += 10) {
    struct push_result *r = results_of(w, i, 10);
    push_now(w, r, 10, PUSH_ASKED);
    for (int k = 0; k < 10; k++) assert_int_equal(r[k].status, 200);
  }
  if (playing->expect)
    await_number(
        w, ctx_printf(w->cx, "SELECT count(*) FROM apns_link WHERE topic = '" OTHER "' AND %s", playing->expect), 1);
  struct push_result *r = results_of(w, 21, 1);
  push_now(w, r, 1, PUSH_ASKED);
  assert_int_equal(r->status, 200);
  push_down(w);
  assert_int_equal(number(w, "SELECT count(*) FROM wake WHERE enrollment > 100 AND due_at IS NULL"), 0);
  assert_int_equal(number(w, "SELECT count(*) FROM wake WHERE dead_at IS NOT NULL"), 0);
  atomic_store(&p->stop, true);
  thread_join(p->thread);
  free(p);
}

static int next_world(void **state) {
  playing = playing ? playing + 1 : hostilities;
  return world_up(state);
}

int main(void) {
  struct CMUnitTest tests[HOSTILITIES];
  for (size_t i = 0; i < HOSTILITIES; i++)
    tests[i] = (struct CMUnitTest){hostilities[i].name, hostile, next_world, world_down, NULL};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
