/* Wrong attempts, by name and by address. */
#include "core/login.h"

#include "base/clock.h"
#include "base/map.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { FREE = 5, DOUBLINGS = 10, ROWS_MOST = 20000 };
#define FIRST_WAIT US_SECOND
#define LONGEST_WAIT (15 * US_MINUTE)
#define FORGOTTEN_AFTER US_HOUR

struct row {
  int wrong;
  int64_t last; /* of an attempt */
};

struct throttle {
  pthread_mutex_t lock;
  struct map *rows;
};

struct throttle *throttle_new(void) {
  struct throttle *t = mem_alloc(sizeof *t);
  *t = (struct throttle){.rows = map_new()};
  pthread_mutex_init(&t->lock, NULL);
  return t;
}

void throttle_free(struct throttle *t) {
  if (!t) return;
  map_free(t->rows, free);
  pthread_mutex_destroy(&t->lock);
  free(t);
}

/* ---- whose ---- */

enum { KEY_MOST = 160 };
struct key {
  char text[KEY_MOST];
  size_t n;
};

/* A name too long for any account shares its row with those that begin so. */
static struct key of_name(const char *name) {
  struct key k = {.text = "n"};
  k.n = 1 + strnlen(name, ACCOUNT_NAME_MOST + 1);
  memcpy(k.text + 1, name, k.n - 1);
  return k;
}

/* Who has an IPv6 address has all 2^64 that begin as it does. */
static struct key of_peer(const char *peer) {
  enum { NETWORK = 8 };
  struct key k = {.text = "a"};
  struct in6_addr a;
  bool v6 = inet_pton(AF_INET6, peer, &a) == 1;
  k.n = 1 + (v6 ? NETWORK : strnlen(peer, INET6_ADDRSTRLEN));
  memcpy(k.text + 1, v6 ? (const void *)a.s6_addr : peer, k.n - 1);
  return k;
}

static struct row *held(const struct throttle *t, const struct key *k) {
  return map_get(t->rows, slice_mem(k->text, k->n));
}

/* ---- how long ---- */

static int64_t wait_of(const struct row *r, int64_t now) {
  if (!r || r->wrong < FREE || now - r->last > FORGOTTEN_AFTER) return 0;
  int doublings = r->wrong - FREE;
  int64_t wait = doublings >= DOUBLINGS ? LONGEST_WAIT : FIRST_WAIT << doublings;
  if (wait > LONGEST_WAIT) wait = LONGEST_WAIT;
  int64_t left = r->last + wait - now;
  return left > wait ? wait : left > 0 ? left : 0; /* also when the clock was set back */
}

static bool still_counts(struct slice key, void *value, void *arg) {
  const struct row *r = value;
  const int64_t *now = arg;
  (void)key;
  bool counts = r->wrong >= FREE && *now - r->last <= FORGOTTEN_AFTER;
  if (!counts) free(value);
  return counts;
}

/* Room for two more; those who do not wait are forgotten for it. */
static bool has_room(struct throttle *t, int64_t now) {
  if (map_count(t->rows) + 2 > ROWS_MOST) map_filter(t->rows, still_counts, &now);
  return map_count(t->rows) + 2 <= ROWS_MOST;
}

static void count_wrong(struct throttle *t, const struct key *k, int64_t now) {
  struct row *r = held(t, k);
  if (!r) {
    r = mem_alloc(sizeof *r);
    map_put(t->rows, slice_mem(k->text, k->n), r);
  }
  *r = (struct row){now - r->last > FORGOTTEN_AFTER ? 1 : r->wrong + 1, now};
}

static int64_t attempt(struct throttle *t, const char *name, const char *peer) {
  struct key keys[2] = {of_peer(peer)};
  int64_t now = clock_now_us(), wait = 0;
  int n = 1;
  if (name) keys[n++] = of_name(name);
  for (int i = 0; i < n; i++) {
    int64_t own = wait_of(held(t, &keys[i]), now);
    if (own > wait) wait = own;
  }
  if (wait == 0 && !has_room(t, now)) wait = US_MINUTE;
  for (int i = 0; wait == 0 && i < n; i++) count_wrong(t, &keys[i], now);
  return wait;
}

enum err throttle_attempt(struct ctx *cx, struct throttle *t, const char *name, const char *peer, int64_t *wait_us) {
  *wait_us = 0;
  if (!t) return OK;
  pthread_mutex_lock(&t->lock);
  *wait_us = attempt(t, name, peer);
  pthread_mutex_unlock(&t->lock);
  if (*wait_us == 0) return OK;
  return FAIL(cx, E_THROTTLED, "too many wrong attempts: the next one in %" PRId64 " s",
              (*wait_us + US_SECOND - 1) / US_SECOND);
}

static void one_less(struct throttle *t, struct key k) {
  struct row *r = held(t, &k);
  if (r && r->wrong > 0) r->wrong--;
}

void throttle_forgive(struct throttle *t, const char *name, const char *peer) {
  if (!t) return;
  pthread_mutex_lock(&t->lock);
  if (name) one_less(t, of_name(name));
  one_less(t, of_peer(peer));
  pthread_mutex_unlock(&t->lock);
}

void throttle_forget(struct throttle *t, const char *name) {
  struct key k = of_name(name);
  if (!t) return;
  pthread_mutex_lock(&t->lock);
  free(map_del(t->rows, slice_mem(k.text, k.n)));
  pthread_mutex_unlock(&t->lock);
}
