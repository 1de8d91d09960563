/* Who waits for which pushes. */
#include "core/push_engine.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct entry {
  struct entry *next; /* of the same channel */
  struct wait *wait;
  struct push_result *result;
};

struct wait {
  struct msg msg;
  struct wait *next;
  struct push_result *results;
  struct entry *entries;
  size_t n, left;
  int64_t until;
  void (*done)(void *arg);
  void *arg;
};

static struct slice key_of(const int64_t *enrollment) { return slice_mem(enrollment, sizeof *enrollment); }

static void fill(struct push_result *r, int status, const char *reason) {
  r->status = status;
  snprintf(r->reason, sizeof r->reason, "%s", reason && status != 200 ? reason : "");
}

static void finish(struct push *p, struct wait *w) {
  struct wait **at = &p->waits;
  while (*at && *at != w) at = &(*at)->next;
  if (*at) *at = w->next;
  w->done(w->arg);
  free(w->entries);
  free(w);
}

static void link_entry(struct push *p, struct entry *e) {
  e->next = map_put(p->wait_entries, key_of(&e->result->enrollment), e);
}

/* Takes the entries that `unwanted` names off the chain of a channel. */
static void unlink_entries(struct push *p, int64_t enrollment, bool (*unwanted)(const struct entry *, const void *),
                           const void *arg) {
  struct entry *head = map_del(p->wait_entries, key_of(&enrollment)), **at = &head;
  while (*at) {
    if (unwanted(*at, arg))
      *at = (*at)->next;
    else
      at = &(*at)->next;
  }
  if (head) map_put(p->wait_entries, key_of(&enrollment), head);
}

static bool is_of_push(const struct entry *e, const void *apns_id) { return strcmp(e->result->apns_id, apns_id) == 0; }
static bool is_of_wait(const struct entry *e, const void *wait) { return e->wait == wait; }

void wait_answered(struct push *p, const struct push_answer *a, bool final) {
  struct wait *done = NULL;
  for (struct entry *e = map_get(p->wait_entries, key_of(&a->enrollment)); e; e = e->next) {
    if (!is_of_push(e, a->apns_id)) continue;
    fill(e->result, a->status, a->reason);
    if (final && --e->wait->left == 0) done = e->wait;
  }
  if (final) unlink_entries(p, a->enrollment, is_of_push, a->apns_id);
  if (done) waits_expire(p, INT64_MIN);
}

static void cancel(struct push *p, struct wait *w) {
  for (size_t i = 0; w->left && i < w->n; i++) unlink_entries(p, w->results[i].enrollment, is_of_wait, w);
  finish(p, w);
}

void waits_expire(struct push *p, int64_t mono_us) {
  for (struct wait *w = p->waits, *next; w; w = next) {
    next = w->next;
    if (w->left == 0 || w->until <= mono_us) cancel(p, w);
  }
}

int64_t waits_deadline(const struct push *p) {
  int64_t at = INT64_MAX;
  for (const struct wait *w = p->waits; w; w = w->next)
    if (w->until < at) at = w->until;
  return at;
}

/* True when the answer is already there. */
static bool answered(struct push *p, struct push_result *r) {
  int status;
  char *reason;
  if (!p->db || push_answer_of(p->cx, p->db, r->enrollment, r->apns_id, &status, &reason) != OK) {
    ctx_clear_error(p->cx);
    return false;
  }
  if (status) fill(r, status, reason);
  return status != 0;
}

static void begin(struct push *p, struct msg *m) {
  struct wait *w = (struct wait *)m;
  for (size_t i = 0; i < w->n; i++) {
    w->entries[i] = (struct entry){.wait = w, .result = &w->results[i]};
    if (answered(p, &w->results[i])) continue;
    link_entry(p, &w->entries[i]);
    w->left++;
  }
  w->next = p->waits;
  p->waits = w;
  if (w->left == 0) finish(p, w);
}

void push_wait(struct push *p, struct push_result *results, size_t n, int64_t mono_us, void (*done)(void *arg),
               void *arg) {
  if (!p || !n) {
    done(arg);
    return;
  }
  struct wait *w = mem_alloc(sizeof *w);
  *w = (struct wait){.msg.run = begin, .results = results, .n = n, .until = mono_us, .done = done, .arg = arg};
  w->entries = mem_alloc(n * sizeof *w->entries);
  push_post(p, &w->msg);
}
