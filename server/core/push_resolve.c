/* Name resolution: a look-up may hang for minutes, so it has a thread of its own that nobody waits for. */
#include "core/push_engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct resolver {
  pthread_mutex_t lock;
  pthread_t thread;
  pthread_cond_t asked;
  struct question *questions;
  struct push *p; /* NULL once nobody listens */
  bool busy;
};

struct question {
  struct question *next;
  char *topic, *host;
  int port;
};

struct found {
  struct msg msg;
  enum err e;
  struct addr address;
  struct question *q;
  char text[256];
};

static void found_free(struct found *f) {
  free(f->q->topic);
  free(f->q->host);
  free(f->q);
  free(f);
}

static void found_run(struct push *p, struct msg *m) {
  struct found *f = (struct found *)m;
  topic_connect_resolved(p, f->q->topic, f->e, &f->address, f->text);
  found_free(f);
}

static struct found *look_up(struct question *q) {
  struct ctx *cx = ctx_new();
  struct found *f = mem_alloc(sizeof *f);
  *f = (struct found){.msg.run = found_run, .q = q};
  f->e = addr_resolve(cx, &f->address, q->host, q->port);
  snprintf(f->text, sizeof f->text, "%s", ctx_error_text(cx));
  ctx_free(cx);
  return f;
}

static void resolver_free(struct resolver *r) {
  while (r->questions) {
    struct question *q = r->questions;
    r->questions = q->next;
    free(q->topic);
    free(q->host);
    free(q);
  }
  pthread_cond_destroy(&r->asked);
  pthread_mutex_destroy(&r->lock);
  free(r);
}

static void answer_next(struct resolver *r) {
  struct question *q = r->questions;
  r->questions = q->next;
  r->busy = true;
  pthread_mutex_unlock(&r->lock);
  struct found *f = look_up(q);
  pthread_mutex_lock(&r->lock);
  r->busy = false;
  if (r->p)
    push_post(r->p, &f->msg);
  else
    found_free(f);
}

static void *run(void *arg) {
  struct resolver *r = arg;
  pthread_mutex_lock(&r->lock);
  while (r->p) {
    if (r->questions)
      answer_next(r);
    else
      pthread_cond_wait(&r->asked, &r->lock);
  }
  pthread_mutex_unlock(&r->lock);
  resolver_free(r);
  return NULL;
}

struct resolver *resolver_start(struct push *p) {
  struct resolver *r = mem_alloc(sizeof *r);
  r->p = p;
  pthread_mutex_init(&r->lock, NULL);
  cond_init(&r->asked);
  r->thread = thread_start("resolver", run, r);
  return r;
}

void resolver_ask(struct resolver *r, const char *topic, const char *host, int port) {
  struct question *q = mem_alloc(sizeof *q);
  *q = (struct question){.topic = mem_strdup(topic), .host = mem_strdup(host), .port = port};
  pthread_mutex_lock(&r->lock);
  struct question **at = &r->questions;
  while (*at) at = &(*at)->next;
  *at = q;
  pthread_cond_signal(&r->asked);
  pthread_mutex_unlock(&r->lock);
}

void resolver_stop(struct resolver *r) {
  pthread_t thread = r->thread;
  pthread_mutex_lock(&r->lock);
  bool busy = r->busy;
  r->p = NULL;
  pthread_cond_signal(&r->asked);
  pthread_mutex_unlock(&r->lock);
  if (busy)
    pthread_detach(thread); /* it frees what it holds when the look-up ends */
  else
    thread_join(thread);
}
