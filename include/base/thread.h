/* Threads, wake-up descriptors and mailboxes.

   A mailbox is a queue from many threads to one: the receiver polls its descriptor among others, or waits on it.
   Who owns what: a mailbox borrows the notes that are posted until they are taken. */
#ifndef POMONA_BASE_THREAD_H
#define POMONA_BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Starts a thread named `name` (15 characters) with all signals blocked and a stack of 1 MiB; aborts when it cannot. */
pthread_t thread_start(const char *name, void *(*run)(void *), void *arg);
void thread_join(pthread_t t);

/* Condition variables on the monotonic clock. */
void cond_init(pthread_cond_t *c);
/* False when mono_us passed first. */
bool cond_wait_until(pthread_cond_t *c, pthread_mutex_t *m, int64_t mono_us);

/* A thread that does the same from time to time, and once more when it is stopped. The ticker is the caller's until
   ticker_stop. */
struct ticker;
/* last: it is not run again. */
struct ticker *ticker_start(const char *name, int64_t every_us, void (*run)(void *arg, bool last), void *arg);
void ticker_stop(struct ticker *t); /* waits for the last run */

struct note { /* first member of what is posted */
  struct note *next;
};

struct mailbox {
  pthread_mutex_t lock;
  struct note *head, **tail;
  int fd; /* readable while something waits */
};

void mailbox_init(struct mailbox *m);
void mailbox_close(struct mailbox *m);                /* the caller has taken what waited */
void mailbox_post(struct mailbox *m, struct note *n); /* any thread */
struct note *mailbox_take(struct mailbox *m);         /* all that waits, oldest first, NULL-terminated; receiver only */
void mailbox_ring(struct mailbox *m);                 /* makes fd readable without a note */

#endif
