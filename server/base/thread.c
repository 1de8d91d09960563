#include "base/thread.h"

#include "base/clock.h"
#include "base/ctx.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* Sanitizers make frames several times larger. */
enum { STACK = 1 << 20 };

static void die(const char *what) {
  fprintf(stderr, "pomona: cannot create %s\n", what);
  abort();
}

pthread_t thread_start(const char *name, void *(*run)(void *), void *arg) {
  pthread_attr_t attr;
  pthread_t t;
  sigset_t all, before;
  sigfillset(&all);
  pthread_attr_init(&attr);
  pthread_attr_setstacksize(&attr, STACK);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  if (pthread_create(&t, &attr, run, arg) != 0) die("a thread");
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attr);
  pthread_setname_np(t, name);
  return t;
}

void thread_join(pthread_t t) { pthread_join(t, NULL); }

void cond_init(pthread_cond_t *c) {
  pthread_condattr_t attr;
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  pthread_cond_init(c, &attr);
  pthread_condattr_destroy(&attr);
}

bool cond_wait_until(pthread_cond_t *c, pthread_mutex_t *m, int64_t mono_us) {
  struct timespec t = {.tv_sec = mono_us / US_SECOND, .tv_nsec = mono_us % US_SECOND * 1000};
  return pthread_cond_timedwait(c, m, &t) != ETIMEDOUT;
}

struct ticker {
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t stop;
  bool stopping;
  int64_t every_us;
  void (*run)(void *arg, bool last);
  void *arg;
};

static void *tick(void *arg) {
  struct ticker *t = arg;
  for (bool last = false; !last; t->run(t->arg, last)) {
    int64_t next = clock_mono_us() + t->every_us;
    pthread_mutex_lock(&t->lock);
    while (!t->stopping && cond_wait_until(&t->stop, &t->lock, next)) continue;
    last = t->stopping;
    pthread_mutex_unlock(&t->lock);
  }
  return NULL;
}

struct ticker *ticker_start(const char *name, int64_t every_us, void (*run)(void *arg, bool last), void *arg) {
  struct ticker *t = mem_alloc(sizeof *t);
  *t = (struct ticker){.every_us = every_us, .run = run, .arg = arg};
  pthread_mutex_init(&t->lock, NULL);
  cond_init(&t->stop);
  t->thread = thread_start(name, tick, t);
  return t;
}

void ticker_stop(struct ticker *t) {
  pthread_mutex_lock(&t->lock);
  t->stopping = true;
  pthread_cond_signal(&t->stop);
  pthread_mutex_unlock(&t->lock);
  thread_join(t->thread);
  pthread_mutex_destroy(&t->lock);
  pthread_cond_destroy(&t->stop);
  free(t);
}

void mailbox_init(struct mailbox *m) {
  *m = (struct mailbox){.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (m->fd < 0) die("a mailbox");
  m->tail = &m->head;
  pthread_mutex_init(&m->lock, NULL);
}

void mailbox_close(struct mailbox *m) {
  close(m->fd);
  pthread_mutex_destroy(&m->lock);
}

void mailbox_ring(struct mailbox *m) {
  /* Fails only when the counter is full: then the receiver is awake anyway. */
  uint64_t one = 1;
  ssize_t ignored = write(m->fd, &one, sizeof one);
  (void)ignored;
}

void mailbox_post(struct mailbox *m, struct note *n) {
  n->next = NULL;
  pthread_mutex_lock(&m->lock);
  bool was_empty = m->head == NULL;
  *m->tail = n;
  m->tail = &n->next;
  pthread_mutex_unlock(&m->lock);
  if (was_empty) mailbox_ring(m);
}

struct note *mailbox_take(struct mailbox *m) {
  uint64_t count;
  ssize_t ignored = read(m->fd, &count, sizeof count);
  (void)ignored;
  pthread_mutex_lock(&m->lock);
  struct note *all = m->head;
  m->head = NULL;
  m->tail = &m->head;
  pthread_mutex_unlock(&m->lock);
  return all;
}
