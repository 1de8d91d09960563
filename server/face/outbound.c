#include "face/outbound.h"

#include "base/clock.h"
#include "base/thread.h"

#include <stdlib.h>

enum { THREADS = 8, WAITING_MAX = 200 };

struct job {
  struct http_req *rq;
  void (*run)(struct http_req *rq, struct core *core);
};

struct outbound {
  struct core *core;
  pthread_mutex_t lock;
  pthread_cond_t more;
  pthread_t threads[THREADS];
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

enum err outbound_start(struct ctx *cx, struct outbound **out, struct core *core) {
  (void)cx;
  struct outbound *o = mem_alloc(sizeof *o);
  *o = (struct outbound){.core = core};
  pthread_mutex_init(&o->lock, NULL);
  cond_init(&o->more);
  for (int i = 0; i < THREADS; i++) o->threads[i] = thread_start("outbound", work, o);
  *out = o;
  return OK;
}

void outbound_stop(struct outbound *o) {
  if (!o) return;
  pthread_mutex_lock(&o->lock);
  o->stopping = true;
  pthread_cond_broadcast(&o->more);
  pthread_mutex_unlock(&o->lock);
  for (int i = 0; i < THREADS; i++) thread_join(o->threads[i]);
  pthread_mutex_destroy(&o->lock);
  pthread_cond_destroy(&o->more);
  free(o);
}

enum err outbound_run(struct http_req *rq, struct core *core, void (*run)(struct http_req *rq, struct core *core)) {
  struct outbound *o = core->outbound;
  if (!o) return FAIL(http_cx(rq), E_UNAVAILABLE, "nothing is asked of others here");
  pthread_mutex_lock(&o->lock);
  bool full = o->n == WAITING_MAX || o->stopping;
  if (!full) {
    o->ring[(o->first + o->n++) % WAITING_MAX] = (struct job){rq, run};
    pthread_cond_signal(&o->more);
  }
  pthread_mutex_unlock(&o->lock);
  return full ? FAIL(http_cx(rq), E_UNAVAILABLE, "too many requests wait for others") : OK;
}
