/* Answers that go on: what one thread sends waits here, bounded, until libmicrohttpd's thread takes it.

   While nothing waits the connection is suspended. Then libmicrohttpd does not look at it: the reaper asks now and then
   whether its peer is still there. Locks: conns_lock before a stream's. */
#include "lib/http_int.h"

#include "base/clock.h"
#include "base/log.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum { STREAM_BLOCK = 16 * 1024, LAST_WORDS_US = 300 * 1000 };

struct http_stream {
  pthread_mutex_t lock;
  atomic_int refs;    /* of who sends, of the request, and libmicrohttpd's */
  struct buf waiting; /* from `taken` on */
  size_t taken;
  struct http_conn *conn; /* NULL: not begun, or over */
  bool parked;            /* the connection is suspended until something comes */
  bool ended;             /* what waits is the last */
  bool cut;
  int64_t until; /* monotonic; of a server that ends, for the rest; 0: not */
};

static void stream_unref(struct http_stream *s) {
  if (atomic_fetch_sub(&s->refs, 1) != 1) return;
  pthread_mutex_destroy(&s->lock);
  buf_wipe(&s->waiting);
  free(s);
}

static struct http_stream *stream_ref(struct http_stream *s) {
  atomic_fetch_add(&s->refs, 1);
  return s;
}

/* Under its lock, as what follows. */
static void wake(struct http_stream *s) {
  if (!s->parked) return;
  s->parked = false;
  MHD_resume_connection(s->conn->mhd);
}

/* A connection that is not suspended may be stuck with what its peer does not read: the reaper ends it. */
static void cut_off(struct http_stream *s) {
  s->cut = true;
  buf_wipe(&s->waiting);
  if (s->conn && !s->parked) http_conn_phase(s->conn, PHASE_REPLY, 1);
  wake(s);
}

/* ---- who sends ---- */

/* To HEAD libmicrohttpd would send the end of a chunked body: it gets an answer without one. */
struct http_stream *http_stream_new(struct http_req *rq) {
  struct http_stream *s = mem_alloc(sizeof *s);
  pthread_mutex_init(&s->lock, NULL);
  atomic_init(&s->refs, 1);
  s->cut = strcmp(rq->method, "HEAD") == 0;
  if (!s->cut) rq->answer.stream = stream_ref(s);
  return s;
}

static size_t left(const struct http_stream *s) { return s->waiting.n - s->taken; }

static void append(struct http_stream *s, struct slice bytes) {
  if (s->taken == s->waiting.n) {
    buf_clear(&s->waiting);
    s->taken = 0;
  }
  buf_add_slice(&s->waiting, bytes);
}

bool http_stream_send(struct http_stream *s, struct slice bytes) {
  pthread_mutex_lock(&s->lock);
  bool open = !s->ended && !s->cut, fits = left(s) + bytes.n <= HTTP_STREAM_MOST;
  if (open && fits) {
    append(s, bytes);
    wake(s);
  } else if (open) {
    log_info(NULL, "who follows a stream reads too slowly and is cut off",
             LOG_S("peer", s->conn ? s->conn->peer : NULL));
    cut_off(s);
  }
  pthread_mutex_unlock(&s->lock);
  return open && fits;
}

static void finish(struct http_stream *s) {
  pthread_mutex_lock(&s->lock);
  s->ended = true;
  wake(s);
  pthread_mutex_unlock(&s->lock);
}

void http_stream_end(struct http_stream *s) {
  finish(s);
  stream_unref(s);
}

/* ---- the connection ---- */

static void park(struct http_stream *s, struct http_conn *c) {
  http_conn_phase(c, PHASE_REPLY, 0);
  http_count_parked(c);
  MHD_suspend_connection(c->mhd);
  s->parked = true;
}

static ssize_t take(struct http_stream *s, struct http_conn *c, char *to, size_t room) {
  size_t n = left(s) < room ? left(s) : room;
  if (s->cut) return MHD_CONTENT_READER_END_WITH_ERROR;
  if (n == 0 && s->ended) return MHD_CONTENT_READER_END_OF_STREAM;
  if (n == 0) {
    park(s, c);
    return 0;
  }
  memcpy(to, s->waiting.p + s->taken, n);
  s->taken += n;
  http_conn_phase(c, PHASE_REPLY, s->until ? s->until : clock_mono_us() + c->server->conf.body_us);
  return (ssize_t)n;
}

/* libmicrohttpd asks when what it had is with the peer's side of the network: its deadline begins anew. */
static ssize_t stream_some(void *arg, uint64_t at, char *to, size_t room) {
  struct http_stream *s = arg;
  (void)at;
  pthread_mutex_lock(&s->lock);
  http_unpark(s->conn);
  ssize_t n = take(s, s->conn, to, room);
  pthread_mutex_unlock(&s->lock);
  return n;
}

static void stream_released(void *arg) { stream_unref(arg); }

/* Of a peer that vanished without a word the system would tell after a quarter of an hour only. */
static void limit_silence(const struct http_conn *c) {
  unsigned ms = (unsigned)(c->server->conf.body_us / 1000);
  setsockopt(c->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms);
}

/* Known to the reaper and to http_quiesce from here on; one that begins after that ends at once. */
struct MHD_Response *http_stream_response(struct http_req *rq) {
  struct http_stream *s = rq->answer.stream;
  struct http_conn *c = rq->conn;
  pthread_mutex_lock(&c->server->conns_lock);
  c->stream = s;
  pthread_mutex_unlock(&c->server->conns_lock);
  pthread_mutex_lock(&s->lock);
  s->conn = c;
  s->ended = s->ended || atomic_load(&c->server->quiescing);
  pthread_mutex_unlock(&s->lock);
  limit_silence(c);
  return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, stream_some, stream_ref(s), stream_released);
}

void http_stream_drop(struct http_req *rq) {
  struct http_stream *s = rq->answer.stream;
  if (!s) return;
  rq->answer.stream = NULL;
  pthread_mutex_lock(&rq->conn->server->conns_lock);
  rq->conn->stream = NULL;
  pthread_mutex_unlock(&rq->conn->server->conns_lock);
  pthread_mutex_lock(&s->lock);
  s->conn = NULL;
  s->cut = true;
  pthread_mutex_unlock(&s->lock);
  stream_unref(s);
}

bool http_stream_look(struct http_conn *c) {
  struct http_stream *s = c->stream;
  struct pollfd p = {.fd = c->fd, .events = POLLRDHUP};
  if (!s || poll(&p, 1, 0) <= 0) return false;
  pthread_mutex_lock(&s->lock);
  cut_off(s);
  pthread_mutex_unlock(&s->lock);
  return true;
}

/* One that is stuck must not hold up the others. */
void http_stream_quiesce(struct http_conn *c) {
  struct http_stream *s = c->stream;
  if (!s) return;
  pthread_mutex_lock(&s->lock);
  s->ended = true;
  s->until = clock_mono_us() + LAST_WORDS_US;
  http_conn_phase(c, PHASE_REPLY, s->until);
  wake(s);
  pthread_mutex_unlock(&s->lock);
}
