/* Due rows in memory: never more of a topic than are sent within seconds, so that what is sent is still wanted. */
#include "core/push_engine.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNK_LEAST = 16, CHUNK_MOST = 500, UNWRITTEN_MOST = 4096 };

/* ---- lists ---- */

void items_push(struct items *l, struct item *i) {
  i->next = NULL;
  *l->tail = i;
  l->tail = &i->next;
  l->n++;
}

void items_push_front(struct items *l, struct item *i) {
  i->next = l->head;
  if (!l->head) l->tail = &i->next;
  l->head = i;
  l->n++;
}

struct item *items_pop(struct items *l) {
  struct item *i = l->head;
  if (!i) return NULL;
  l->head = i->next;
  if (!l->head) l->tail = &l->head;
  l->n--;
  return i;
}

static struct slice key_of(const int64_t *enrollment) { return slice_mem(enrollment, sizeof *enrollment); }

void item_free(struct push *p, struct item *i) {
  map_del(p->items, key_of(&i->a.enrollment));
  free(i);
}

static struct item *item_new(struct push *p, struct topic *t, const struct push_due_row *row) {
  size_t magic_n = strlen(row->magic) + 1;
  struct item *i = mem_alloc(sizeof *i + row->token.n + magic_n);
  memcpy(i->text, row->token.p, row->token.n);
  i->magic = memcpy(i->text + row->token.n, row->magic, magic_n);
  i->topic = t;
  i->first = row->first;
  i->a.enrollment = row->enrollment;
  i->a.token = slice_mem(i->text, row->token.n);
  i->a.read = row->read;
  if (row->apns_id && strlen(row->apns_id) == UUID_LEN)
    memcpy(i->a.apns_id, row->apns_id, UUID_LEN);
  else
    uuid_new(i->a.apns_id);
  map_put(p->items, key_of(&i->a.enrollment), i);
  return i;
}

/* ---- reading ---- */

static size_t chunk(const struct push *p) {
  int64_t rate = p->rate.now;
  if (rate <= 0 || rate * 2 > CHUNK_MOST) return CHUNK_MOST;
  return rate * 2 < CHUNK_LEAST ? CHUNK_LEAST : (size_t)rate * 2;
}

static void take_row(struct push *p, struct topic *t, const struct push_due_row *row) {
  struct item *i = map_get(p->items, key_of(&row->enrollment));
  if (i)
    i->again = true;
  else if (row->token.n)
    i = item_new(p, t, row), items_push(&t->waiting[!i->first], i);
}

void queue_again(struct topic *t) {
  t->cursor = (struct push_cursor){0};
  t->more = true;
}

static bool wants_rows(const struct push *p, const struct topic *t) {
  return t->more && topic_usable(p, t) && p->mono >= t->retry_at && topic_waiting(t) < chunk(p) / 2 &&
         p->unwritten < UNWRITTEN_MOST && !atomic_load(&p->quiet);
}

static void refill(struct push *p, struct topic *t) {
  struct push_due_row rows[CHUNK_MOST];
  size_t n, most = chunk(p);
  if (push_due_rows(p->cx, p->db, t->name, &t->cursor, p->now, rows, most, &n) != OK) {
    log_failure(LOG_ERROR, p->cx, "due pushes cannot be read");
    ctx_clear_error(p->cx);
    t->retry_at = p->mono + p->tuning.write_retry;
    return;
  }
  for (size_t i = 0; i < n; i++) take_row(p, t, &rows[i]);
  t->more = n == most;
  if (!t->more) t->read_at = p->now;
}

/* The first row that was not due when the topics which are read to their end were. The others go on behind their
 * cursor. */
static void find_next(struct push *p) {
  int64_t after = p->now;
  for (struct topic *t = p->topics; t; t = t->next) {
    if (topic_usable(p, t) && !t->more && t->read_at < after) after = t->read_at;
  }
  if (push_due_next(p->cx, p->db, after, &p->due_next) == OK && p->due_next == 0) p->due_next = INT64_MAX;
}

static void look_at_clock(struct push *p) {
  bool all = p->mono >= p->rescan_at;
  if (!all && (p->due_next == 0 || p->due_next > p->now)) return;
  if (all) {
    p->rescan_at = p->mono + p->tuning.rescan;
    connections_check(p);
  }
  p->due_next = 0;
  for (struct topic *t = p->topics; t; t = t->next) {
    if (all) queue_again(t);
    t->more = true;
  }
}

void queue_refill(struct push *p) {
  if (atomic_load(&p->quiet)) return;
  look_at_clock(p);
  for (struct topic *t = p->topics; t; t = t->next)
    if (wants_rows(p, t)) refill(p, t);
  if (p->due_next == 0) find_next(p);
}

void queue_due(struct push *p, int64_t at) {
  if (at && p->due_next && at < p->due_next) p->due_next = at;
}

/* Who waits for a push does not wait behind a fleet whose rows fill the memory. */
static bool has_room(const struct topic *t, const struct push_due_row *row) {
  return (row->first ? t->waiting[0].n : topic_waiting(t)) < CHUNK_MOST;
}

void queue_hint(struct push *p, int64_t enrollment) {
  struct push_due_row row;
  bool found;
  struct item *i = map_get(p->items, key_of(&enrollment));
  if (i) {
    i->again = true;
    return;
  }
  if (atomic_load(&p->quiet) || !p->db || push_due_row(p->cx, p->db, enrollment, &row, &found) != OK || !found) return;
  struct topic *t = topic_find(p, row.topic);
  if (row.read.due_at > p->now)
    queue_due(p, row.read.due_at);
  else if (t && topic_usable(p, t) && has_room(t, &row) && p->mono >= t->retry_at)
    take_row(p, t, &row);
  else if (t)
    queue_again(t);
}

int64_t queue_deadline(const struct push *p) {
  int64_t at = p->rescan_at;
  if (atomic_load(&p->quiet)) return INT64_MAX;
  for (const struct topic *t = p->topics; t; t = t->next)
    if (wants_rows(p, t)) return p->mono;
  if (p->due_next && p->due_next != INT64_MAX && p->due_next - p->now < at - p->mono)
    at = p->mono + p->due_next - p->now;
  return at;
}
