/* Start, stop, and libmicrohttpd's hooks. */
#include "lib/http_int.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
  STACK = 1 << 20,
  OTHER_FILES = 256, /* descriptors left to the rest of the program */
  ARRIVAL_MS = 1000,
  LAST_WORDS_US = 300 * 1000 /* for the answers that http_stop itself gives */
};

void http_wake(int fd) {
  uint64_t one = 1;
  if (write(fd, &one, sizeof one) < 0 && errno != EAGAIN) log_error(NULL, "cannot wake the HTTP server's thread");
}

/* ---- connections ---- */

void http_conn_phase(struct http_conn *c, enum phase phase, int64_t deadline) {
  atomic_store_explicit(&c->deadline, deadline, memory_order_relaxed);
  atomic_store_explicit(&c->phase, phase, memory_order_relaxed);
}

void http_conn_went_on(struct http_conn *c, size_t bytes) {
  const struct http_conf *conf = &c->server->conf;
  int64_t more = (int64_t)bytes * 1000 * 1000 / HTTP_SLOWEST;
  int64_t deadline = atomic_load_explicit(&c->deadline, memory_order_relaxed) + more;
  int64_t most = clock_mono_us() + (conf->stall_us ? conf->stall_us : conf->body_us);
  atomic_store_explicit(&c->deadline, deadline < most ? deadline : most, memory_order_relaxed);
}

static void server_unref(struct http_server *s) {
  if (atomic_fetch_sub(&s->refs, 1) != 1) return;
  pthread_mutex_destroy(&s->conns_lock);
  pthread_mutex_destroy(&s->spare_lock);
  pthread_mutex_destroy(&s->quiet_lock);
  pthread_mutex_destroy(&s->linger_lock);
  pthread_cond_destroy(&s->quiet_cond);
  free(s->address);
  free(s);
}

void http_conn_unref(struct http_conn *c) {
  if (atomic_fetch_sub(&c->refs, 1) != 1) return;
  if (c->free_value) c->free_value(c->value);
  free(c->certs);
  server_unref(c->server);
  free(c);
}

static const union MHD_ConnectionInfo *info(struct MHD_Connection *mhd, enum MHD_ConnectionInfoType type) {
  return MHD_get_connection_info(mhd, type);
}

static struct http_conn *conn_new(struct http_server *s, struct MHD_Connection *mhd) {
  struct http_conn *c = mem_alloc(sizeof *c);
  *c = (struct http_conn){.server = s, .mhd = mhd, .fd = info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd};
  atomic_init(&c->refs, 1);
  c->surplus = atomic_load(&s->full);
  atomic_fetch_add(&s->refs, 1);
  const struct sockaddr *from = info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
  struct addr peer = {.n = from->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in)};
  memcpy(&peer.ss, from, peer.n);
  addr_host_to(c->peer, &peer);
  if (s->conf.tls) c->tls = http_tls_begin(c, info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION)->tls_session);
  http_conn_phase(c, PHASE_HEADERS, clock_mono_us() + s->conf.headers_us);
  return c;
}

static void conn_list(struct http_server *s, struct http_conn *c) {
  pthread_mutex_lock(&s->conns_lock);
  c->next = s->conns;
  if (c->next) c->next->prev = c;
  s->conns = c;
  pthread_mutex_unlock(&s->conns_lock);
}

/* From here on the reaper cannot reach its descriptor, which libmicrohttpd closes next. */
static void conn_unlist(struct http_server *s, struct http_conn *c) {
  pthread_mutex_lock(&s->conns_lock);
  *(c->prev ? &c->prev->next : &s->conns) = c->next;
  if (c->next) c->next->prev = c->prev;
  pthread_mutex_unlock(&s->conns_lock);
}

/* Not of those that we sent away ourselves. */
static void tell_hangup(struct http_server *s, const struct http_conn *c) {
  bool ours = c->surplus || atomic_load(&s->quiescing);
  if (!s->conf.handler.hangup || !c->heard || c->asked || ours) return;
  s->conf.handler.hangup(c->peer, c->alert ? c->alert : -1, s->conf.handler.arg);
}

static void on_connection(void *arg, struct MHD_Connection *mhd, void **slot,
                          enum MHD_ConnectionNotificationCode code) {
  struct http_server *s = arg;
  if (code == MHD_CONNECTION_NOTIFY_STARTED) {
    struct http_conn *c = *slot = conn_new(s, mhd);
    conn_list(s, c);
    atomic_fetch_sub(&s->arriving, 1);
    return;
  }
  struct http_conn *c = *slot;
  http_unpark(c);
  conn_unlist(s, c);
  http_tls_forget(c);
  tell_hangup(s, c);
  http_tls_end(c->tls);
  atomic_fetch_sub(&s->connections, 1);
  http_conn_unref(c);
}

void http_unpark(struct http_conn *c) {
  if (!c->parked) return;
  c->parked = false;
  atomic_fetch_sub(&c->server->parked, 1);
}

void http_count_parked(struct http_conn *c) {
  c->parked = true;
  atomic_fetch_add(&c->server->parked, 1);
}

/* Counted first, so that http_stop sees either the count or a connection that gives up by itself: when the server is
   stopping, nobody may be left to resume it. */
bool http_await_handshake(struct http_conn *c) {
  http_count_parked(c);
  if (atomic_load(&c->server->stopping)) {
    http_unpark(c);
    return false;
  }
  MHD_suspend_connection(c->mhd);
  http_resume_when_readable(c);
  if (atomic_load(&c->server->stopping)) shutdown(c->fd, SHUT_RDWR); /* becomes readable */
  return true;
}

/* ---- requests ---- */

/* The request line is there, not yet taken apart. What it returns is the context of the hooks below. */
static void *on_uri(void *arg, const char *uri, struct MHD_Connection *mhd) {
  struct http_server *s = arg;
  struct http_conn *c = info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
  if (atomic_load_explicit(&c->phase, memory_order_relaxed) == PHASE_IDLE)
    http_conn_phase(c, PHASE_HEADERS, clock_mono_us() + s->conf.headers_us);
  atomic_store(&c->state, RUNNING);
  c->asked = true;
  c->rq = http_req_take(c, uri);
  return c;
}

/* Suspended first, marked second: once it is marked, http_reply may resume it at any moment. */
static void park(struct http_conn *c) {
  int running = RUNNING;
  http_count_parked(c);
  MHD_suspend_connection(c->mhd);
  if (!atomic_compare_exchange_strong(&c->state, &running, SUSPENDED))
    MHD_resume_connection(c->mhd);
  else if (atomic_load(&c->server->stopping))
    http_cut(c);
}

/* The request is complete, or its answer came. */
static enum MHD_Result proceed(struct http_conn *c) {
  struct http_req *rq = c->rq;
  if (atomic_load(&c->state) == RUNNING && !rq->handled) {
    rq->handled = true;
    http_conn_phase(c, PHASE_WORK, 0);
    c->server->conf.handler.body(rq, c->server->conf.handler.arg);
  }
  if (atomic_load(&c->state) == ANSWERED) return http_answer_queue(rq);
  park(c); /* rq is another thread's */
  return MHD_YES;
}

/* Called once with the headers, then for each part of the body, then until there is an answer. */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *mhd, const char *url, const char *method,
                                  const char *version, const char *data, size_t *n, void **context) {
  (void)arg, (void)mhd, (void)url;
  struct http_conn *c = *context;
  http_unpark(c);
  if (c->cut) return http_answer_cut(c);
  if (!c->rq->parsed) {
    http_req_head(c->rq, method, version);
    return c->rq->unread ? http_answer_queue(c->rq) : MHD_YES;
  }
  if (*n == 0) return proceed(c);
  size_t part = *n;
  *n = 0;
  return http_req_part(c->rq, data, part) ? MHD_YES : MHD_NO;
}

static void one_less_open(struct http_server *s) {
  if (atomic_fetch_sub(&s->open_requests, 1) != 1 || !atomic_load(&s->quiescing)) return;
  pthread_mutex_lock(&s->quiet_lock);
  pthread_cond_broadcast(&s->quiet_cond);
  pthread_mutex_unlock(&s->quiet_lock);
}

/* By libmicrohttpd or by http_request.c: no handler sees it, so none tells of it. */
static const char refused_early[] = "a request was refused unseen";

static void req_end(struct http_conn *c, bool complete) {
  struct http_server *s = c->server;
  struct http_req *rq = c->rq;
  bool parsed = rq->parsed;
  if (!complete) rq->answer.status = 0;
  if (rq->announced)
    s->conf.handler.end(rq, s->conf.handler.arg);
  else if (parsed && complete)
    log_warn(rq->cx, refused_early, LOG_I("status", rq->answer.status), LOG_S("peer", c->peer));
  if (rq->unread && complete) http_linger(s, c->fd);
  http_req_drop(rq);
  if (parsed) one_less_open(s);
}

static void on_completed(void *arg, struct MHD_Connection *mhd, void **context, enum MHD_RequestTerminationCode why) {
  (void)mhd;
  struct http_server *s = arg;
  struct http_conn *c = *context;
  if (!c) return;
  *context = NULL;
  http_unpark(c);
  if (c->cut)
    one_less_open(s); /* the request is its owner's */
  else
    req_end(c, why == MHD_REQUEST_TERMINATED_COMPLETED_OK);
  c->rq = NULL;
  http_conn_phase(c, PHASE_IDLE, clock_mono_us() + s->conf.idle_us);
}

/* Paths and queries are handed on as sent. */
static size_t keep_escapes(void *arg, struct MHD_Connection *mhd, char *text) {
  (void)arg, (void)mhd;
  return strlen(text);
}

/* Requests that libmicrohttpd refuses by itself (400, 414, 431) show here only. */
__attribute__((format(printf, 2, 0))) static void on_log(void *arg, const char *fmt, va_list ap) {
  struct http_server *s = arg;
  if (s->conf.tls) http_tls_note_alert();
  static const char refusal[] = "Error processing request (HTTP response code is %u";
  if (strncmp(fmt, refusal, sizeof refusal - 1) == 0) {
    atomic_fetch_add(&s->refused, 1);
    log_warn(NULL, refused_early, LOG_I("status", va_arg(ap, unsigned)));
    return;
  }
  if (!log_enabled(LOG_DEBUG)) return;
  char text[200];
  vsnprintf(text, sizeof text, fmt, ap);
  log_debug(NULL, "http library", LOG_N("text", slice_trim(slice_of(text))));
}

/* ---- start and stop ---- */

static struct rlimit files;

static void raise_files(void) {
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  getrlimit(RLIMIT_NOFILE, &files);
}

/* A quarter of the descriptors stays free, for connections on their way out and the rest of the program. */
static int64_t connections_max(const struct http_conf *conf) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, raise_files);
  int64_t most = (int64_t)(files.rlim_cur > INT32_MAX ? INT32_MAX : files.rlim_cur) * 3 / 4 - OTHER_FILES;
  if (most < OTHER_FILES) most = OTHER_FILES;
  return conf->connections && conf->connections < most ? conf->connections : most;
}

static void server_init(struct http_server *s, const struct http_conf *conf) {
  s->conf = *conf;
  s->conf.listen = NULL; /* the caller's */
  atomic_init(&s->refs, 1);
  s->connections_max = connections_max(conf);
  pthread_mutex_init(&s->conns_lock, NULL);
  pthread_mutex_init(&s->spare_lock, NULL);
  pthread_mutex_init(&s->quiet_lock, NULL);
  pthread_mutex_init(&s->linger_lock, NULL);
  cond_init(&s->quiet_cond);
}

static struct MHD_Daemon *daemon_start(struct http_server *s) {
  unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET |
                   MHD_USE_ERROR_LOG | (s->conf.tls ? MHD_USE_TLS : 0);
  long threads = s->conf.threads ? (long)s->conf.threads : sysconf(_SC_NPROCESSORS_ONLN);
  struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
  struct MHD_OptionItem pool[] = {{MHD_OPTION_THREAD_POOL_SIZE, threads, NULL}, {MHD_OPTION_END, 0, NULL}};
  /* Ours is the limit; libmicrohttpd's, shared out over its threads, must never be reached. */
  unsigned limit = (unsigned)((s->connections_max * 2 + 64) * (threads > 1 ? threads : 1));
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  struct MHD_Daemon *mhd = MHD_start_daemon(
      flags, 0, NULL, NULL, on_request, s, MHD_OPTION_EXTERNAL_LOGGER, on_log, s, MHD_OPTION_URI_LOG_CALLBACK, on_uri,
      s, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_completed, s,
      MHD_OPTION_NOTIFY_CONNECTION, on_connection, s, MHD_OPTION_CONNECTION_MEMORY_LIMIT, s->conf.headers_max,
      MHD_OPTION_CONNECTION_LIMIT, limit, MHD_OPTION_THREAD_STACK_SIZE, (size_t)STACK, MHD_OPTION_STRICT_FOR_CLIENT, 1,
      MHD_OPTION_ARRAY, threads > 1 ? pool : none, MHD_OPTION_ARRAY, s->conf.tls ? http_tls_options : none,
      MHD_OPTION_END);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return mhd;
}

enum err http_start(struct ctx *cx, struct http_server **out, const struct http_conf *conf) {
  struct addr bound;
  int fd = -1;
  TRY(addr_listen(cx, &fd, &bound, conf->listen));
  struct http_server *s = mem_alloc(sizeof *s);
  server_init(s, conf);
  s->address = mem_strdup(addr_text(cx, &bound));
  s->port = addr_port(&bound);
  s->listen_fd = fd;
  s->mhd = http_reaper_init(s) ? daemon_start(s) : NULL;
  if (!s->mhd) {
    close(fd);
    http_reaper_close(s);
    server_unref(s);
    return FAIL(cx, E_UNREACHABLE, "cannot start the HTTP server on %s: %s", conf->listen, strerror(errno));
  }
  s->listening = true;
  s->reaper = thread_start("http", http_reaper_run, s);
  *out = s;
  return OK;
}

const char *http_address(const struct http_server *s) { return s->address; }
int http_port(const struct http_server *s) { return s->port; }

struct http_stats http_stats(const struct http_server *server) {
  struct http_server *s = (struct http_server *)server; /* atomic_load of const is not C17 */
  return (struct http_stats){.connections = atomic_load(&s->connections),
                             .open_requests = atomic_load(&s->open_requests),
                             .inflight_bytes = atomic_load(&s->inflight),
                             .accepted = atomic_load(&s->accepted),
                             .requests = atomic_load(&s->requests),
                             .timeouts = atomic_load(&s->timeouts),
                             .shed = atomic_load(&s->shed),
                             .refused = atomic_load(&s->refused)};
}

/* They would go on for ever, and nobody waits for them. */
static void end_streams(struct http_server *s) {
  pthread_mutex_lock(&s->conns_lock);
  for (struct http_conn *c = s->conns; c; c = c->next)
    http_stream_quiesce(c);
  pthread_mutex_unlock(&s->conns_lock);
}

/* libmicrohttpd's own way to stop listening can abort the process (its threads race for the descriptor): the socket is
   the reaper's, which closes it. */
void http_quiesce(struct http_server *s) {
  atomic_store(&s->quiescing, true);
  end_streams(s);
  http_wake(s->wake_fd);
  pthread_mutex_lock(&s->quiet_lock);
  while (s->listening) pthread_cond_wait(&s->quiet_cond, &s->quiet_lock);
  pthread_mutex_unlock(&s->quiet_lock);
}

bool http_drain(struct http_server *s, int64_t mono_us) {
  pthread_mutex_lock(&s->quiet_lock);
  while (atomic_load(&s->open_requests) > 0)
    if (!cond_wait_until(&s->quiet_cond, &s->quiet_lock, mono_us)) break;
  pthread_mutex_unlock(&s->quiet_lock);
  return atomic_load(&s->open_requests) == 0;
}

/* At most so many milliseconds; negative is no limit. */
static void await_zero(atomic_int *n, int ms) {
  for (; atomic_load(n) > 0 && ms != 0; ms--) nanosleep(&(struct timespec){.tv_nsec = 1000 * 1000}, NULL);
}

/* libmicrohttpd aborts the process when it is stopped with a suspended connection: none may be left, neither of those
   whose request is being worked on nor of those that are in their handshake. */
static void cut_suspended(struct http_server *s) {
  atomic_store(&s->stopping, true);
  pthread_mutex_lock(&s->conns_lock);
  for (struct http_conn *c = s->conns; c; c = c->next) {
    http_cut(c);
    if (atomic_load(&c->phase) == PHASE_HEADERS) shutdown(c->fd, SHUT_RDWR);
  }
  pthread_mutex_unlock(&s->conns_lock);
  http_drain(s, clock_mono_us() + LAST_WORDS_US);
  await_zero(&s->parked, -1);
}

void http_stop(struct http_server *s) {
  if (!s) return;
  http_quiesce(s);
  cut_suspended(s);
  atomic_store(&s->reaper_ends, true);
  http_wake(s->wake_fd);
  thread_join(s->reaper);
  await_zero(&s->arriving, ARRIVAL_MS);
  await_zero(&s->replying, -1);
  MHD_stop_daemon(s->mhd);
  http_reaper_close(s);
  while (s->spare) {
    struct http_req *rq = s->spare;
    s->spare = rq->next;
    http_req_free(rq);
  }
  server_unref(s);
}
