#include "base/log.h"

#include "base/clock.h"
#include "base/enc.h"
#include "base/thread.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Lines that wait for the writing thread; what does not fit is dropped and counted. */
enum { RING = 8192, VALUE_MAX = 2048 };

static const char *const level_names[] = {"debug", "info", "warn", "error"};
static _Atomic int level_now = LOG_INFO;
static _Atomic bool as_json;

static struct {
  pthread_mutex_t lock;
  pthread_cond_t filled;
  pthread_t thread;
  struct buf *lines[RING];
  size_t first, count;
  int64_t dropped;
  bool running, stopping;
} ring = {.lock = PTHREAD_MUTEX_INITIALIZER, .filled = PTHREAD_COND_INITIALIZER};

bool log_enabled(enum log_level level) { return (int)level >= atomic_load_explicit(&level_now, memory_order_relaxed); }

bool log_level_parse(const char *name, enum log_level *out) {
  for (int i = 0; i <= LOG_ERROR; i++)
    if (strcmp(name, level_names[i]) == 0) return *out = (enum log_level)i, true;
  return false;
}

void log_set(enum log_level level, bool json) {
  atomic_store(&level_now, (int)level);
  atomic_store(&as_json, json);
}

static void add_escaped(struct buf *b, struct slice s) {
  bool utf8 = utf8_valid(s);
  for (size_t i = 0; i < s.n && i < VALUE_MAX; i++) {
    unsigned char c = (unsigned char)s.p[i];
    bool c1 = utf8 && c == 0xc2 && i + 1 < s.n && (unsigned char)s.p[i + 1] < 0xa0;
    if (c == '"' || c == '\\')
      buf_printf(b, "\\%c", c);
    else if (c == '\n')
      buf_add_str(b, "\\n");
    else if (c1)
      buf_printf(b, "\\u%04x", (unsigned char)s.p[++i]);
    else if (c < 0x20 || c == 0x7f || (c >= 0x80 && !utf8))
      buf_printf(b, "\\u%04x", c);
    else
      buf_add_char(b, (char)c);
  }
}

static bool needs_quotes(struct slice s) {
  for (size_t i = 0; i < s.n; i++) {
    unsigned char c = (unsigned char)s.p[i];
    if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c >= 0x7f) return true;
  }
  return s.n == 0;
}

static void add_field(struct buf *b, bool json, const char *key, const struct log_kv *kv) {
  if (b->n > (json ? 1 : 0)) buf_add_char(b, json ? ',' : ' ');
  buf_printf(b, json ? "\"%s\":" : "%s=", key);
  if (kv->is_int) {
    buf_printf(b, "%" PRId64, kv->i);
    return;
  }
  bool quotes = json || needs_quotes(kv->s);
  if (quotes) buf_add_char(b, '"');
  add_escaped(b, kv->s);
  if (quotes) buf_add_char(b, '"');
}

static void add_time(struct buf *b, bool json) {
  int64_t now = clock_now_us();
  time_t s = (time_t)(now / US_SECOND);
  struct tm t;
  char text[40], whole[48];
  gmtime_r(&s, &t);
  strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &t);
  snprintf(whole, sizeof whole, "%s.%03dZ", text, (int)(now % US_SECOND / 1000));
  add_field(b, json, "time", &LOG_S("time", whole));
}

static void write_out(const struct buf *b) {
  const char *p = b->p;
  size_t n = b->n;
  while (n) {
    ssize_t put = write(STDERR_FILENO, p, n);
    if (put <= 0) return; /* nobody reads: there is no better place to say so */
    p += put;
    n -= (size_t)put;
  }
}

/* Takes the line over. */
static void hand_over(struct buf *line) {
  pthread_mutex_lock(&ring.lock);
  bool queue = ring.running, full = ring.count == RING;
  if (queue && full) ring.dropped++;
  if (queue && !full) {
    ring.lines[(ring.first + ring.count++) % RING] = line;
    if (ring.count == 1) pthread_cond_signal(&ring.filled);
  }
  pthread_mutex_unlock(&ring.lock);
  if (queue && !full) return;
  if (!queue) write_out(line);
  buf_free(line);
  free(line);
}

static struct buf *line_begin(bool json, enum log_level level, const struct ctx *cx, const char *message) {
  struct buf *b = mem_alloc(sizeof *b);
  if (json) buf_add_char(b, '{');
  add_time(b, json);
  add_field(b, json, "level", &LOG_S("level", level_names[level]));
  add_field(b, json, "msg", &LOG_S("msg", message));
  if (cx) add_field(b, json, "trace", &LOG_S("trace", ctx_trace(cx)));
  return b;
}

void log_emit(enum log_level level, const struct ctx *cx, const char *message, ...) {
  if (!log_enabled(level)) return;
  bool json = atomic_load_explicit(&as_json, memory_order_relaxed);
  struct buf *b = line_begin(json, level, cx, message);
  va_list ap;
  va_start(ap, message);
  for (;;) {
    struct log_kv kv = va_arg(ap, struct log_kv);
    if (!kv.key) break;
    if (kv.is_int || kv.s.p) add_field(b, json, kv.key, &kv);
  }
  va_end(ap);
  buf_add_str(b, json ? "}\n" : "\n");
  hand_over(b);
}

void log_failure(enum log_level level, const struct ctx *cx, const char *message) {
  log_emit(level, cx, message, LOG_S("error", err_slug(ctx_error(cx))), LOG_S("detail", ctx_error_text(cx)),
           LOG_S("at", ctx_error_place(cx)), LOG_END);
}

/* Takes everything that waits; false when the log was stopped and nothing is left. */
static bool take_lines(struct buf **out, size_t *n, int64_t *dropped) {
  pthread_mutex_lock(&ring.lock);
  while (ring.count == 0 && !ring.stopping) pthread_cond_wait(&ring.filled, &ring.lock);
  for (*n = 0; ring.count; ring.count--, (*n)++) {
    out[*n] = ring.lines[ring.first];
    ring.first = (ring.first + 1) % RING;
  }
  *dropped = ring.dropped;
  ring.dropped = 0;
  bool more = *n || !ring.stopping;
  pthread_mutex_unlock(&ring.lock);
  return more;
}

static void *run(void *arg) {
  (void)arg;
  struct buf **lines = mem_alloc(RING * sizeof *lines), all = {0};
  size_t n;
  int64_t dropped;
  while (take_lines(lines, &n, &dropped)) {
    for (size_t i = 0; i < n; i++) {
      buf_add_slice(&all, buf_slice(lines[i]));
      buf_free(lines[i]);
      free(lines[i]);
    }
    write_out(&all);
    buf_clear(&all);
    if (dropped) log_warn(NULL, "log lines were dropped", LOG_I("lines", dropped));
  }
  buf_free(&all);
  free(lines);
  return NULL;
}

void log_start(void) {
  pthread_mutex_lock(&ring.lock);
  bool start = !ring.running;
  ring.running = true;
  ring.stopping = false;
  pthread_mutex_unlock(&ring.lock);
  if (start) ring.thread = thread_start("log", run, NULL);
}

void log_stop(void) {
  pthread_mutex_lock(&ring.lock);
  bool was = ring.running;
  ring.stopping = true;
  pthread_cond_signal(&ring.filled);
  pthread_mutex_unlock(&ring.lock);
  if (!was) return;
  thread_join(ring.thread);
  pthread_mutex_lock(&ring.lock);
  ring.running = false;
  pthread_mutex_unlock(&ring.lock);
}
