#include "face/outbound.h"

#include "base/clock.h"
#include "base/thread.h"
#include "face/router.h"

#include <stdlib.h>
#include <string.h>

enum { THREADS_MAX = 8, WAITING_MAX = 200, RETURNED_MAX = 8192 };
#define PATIENCE (30 * US_SECOND)

struct job {
  struct http_req *rq;
  void (*run)(struct http_req *rq, struct core *core);
};

struct outbound {
  struct core *core;
  pthread_mutex_t lock;
  pthread_cond_t more;
  pthread_t threads[THREADS_MAX];
  int threads_n;
  struct job ring[WAITING_MAX];
  size_t first, n;
  bool stopping;
};

static bool take(struct outbound *o, struct job *out) {
  pthread_mutex_lock(&o->lock);
  while (o->n == 0 && !o->stopping) pthread_cond_wait(&o->more, &o->lock);
  bool found = o->n > 0;
  if (found) {
    *out = o->ring[o->first];
    o->first = (o->first + 1) % WAITING_MAX;
    o->n--;
  }
  pthread_mutex_unlock(&o->lock);
  return found;
}

static void *work(void *arg) {
  struct outbound *o = arg;
  for (struct job job; take(o, &job);) job.run(job.rq, o->core);
  return NULL;
}

enum err outbound_start(struct ctx *cx, struct outbound **out, struct core *core, const char *name, int threads) {
  (void)cx;
  struct outbound *o = mem_alloc(sizeof *o);
  *o = (struct outbound){.core = core, .threads_n = threads < THREADS_MAX ? threads : THREADS_MAX};
  pthread_mutex_init(&o->lock, NULL);
  cond_init(&o->more);
  for (int i = 0; i < o->threads_n; i++) o->threads[i] = thread_start(name, work, o);
  *out = o;
  return OK;
}

void outbound_stop(struct outbound *o) {
  if (!o) return;
  pthread_mutex_lock(&o->lock);
  o->stopping = true;
  pthread_cond_broadcast(&o->more);
  pthread_mutex_unlock(&o->lock);
  for (int i = 0; i < o->threads_n; i++) thread_join(o->threads[i]);
  pthread_mutex_destroy(&o->lock);
  pthread_cond_destroy(&o->more);
  free(o);
}

enum err outbound_run(struct http_req *rq, struct core *core, void (*run)(struct http_req *rq, struct core *core)) {
  return outbound_run_on(rq, core->outbound, run);
}

enum err outbound_run_on(struct http_req *rq, struct outbound *o, void (*run)(struct http_req *rq, struct core *core)) {
  if (!o) return FAIL(http_cx(rq), E_UNAVAILABLE, "nothing is asked of others here");
  ctx_set_deadline(http_cx(rq), clock_mono_us() + PATIENCE);
  pthread_mutex_lock(&o->lock);
  bool full = o->n == WAITING_MAX || o->stopping;
  if (!full) {
    o->ring[(o->first + o->n++) % WAITING_MAX] = (struct job){rq, run};
    pthread_cond_signal(&o->more);
  }
  pthread_mutex_unlock(&o->lock);
  return full ? FAIL(http_cx(rq), E_UNAVAILABLE, "too many requests wait for others") : OK;
}

/* ---- for what is run ---- */

/* Of one hop, or made anew by the listener. */
static bool is_returned(const char *name) {
  static const char *const others[] = {"connection",        "keep-alive",     "te",  "trailer", "upgrade",
                                       "transfer-encoding", "content-length", "date"};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (slice_ieq(slice_of(name), others[i])) return false;
  return true;
}

/* The listener has no room for more, and would hang up. */
static bool can_be_returned(const struct nh_reply *reply) {
  size_t room = RETURNED_MAX;
  for (size_t i = 0; i < reply->headers_n; i++) {
    size_t n = strlen(reply->headers[i].name) + strlen(reply->headers[i].value);
    if (n > room) return false;
    room -= n;
  }
  return reply->status >= 200;
}

enum err outbound_ask(struct http_req *rq, struct core *core, struct nh_conf conf, const struct nh_req *out,
                      struct nh_reply *reply) {
  struct ctx *cx = http_cx(rq);
  struct nh *client;
  conf.stop = &core->ending;
  TRY(nh_new(cx, &client, &conf));
  enum err e = nh_do(cx, client, out, reply);
  nh_free(client);
  if (e == E_GONE) return ctx_clear_error(cx), FAIL(cx, E_UNAVAILABLE, "the server is being stopped");
  TRY(e);
  return can_be_returned(reply) ? OK : FAIL(cx, E_UNREACHABLE, "the other server's answer cannot be handed back");
}

void outbound_hand_back(struct http_req *rq, const struct nh_reply *reply) {
  for (size_t i = 0; i < reply->headers_n; i++)
    if (is_returned(reply->headers[i].name)) http_add_header(rq, reply->headers[i].name, reply->headers[i].value);
  reply_bytes(rq, reply->status, NULL, reply->body);
}
