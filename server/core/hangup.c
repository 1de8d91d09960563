#include "core/hangup_int.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/thread.h"

#include <stdlib.h>
#include <string.h>

enum { FLUSH_MS = 500, CHUNK = 150, ADDRESS_MAX = 64 };

/* What gathered since the last writing: one entry an address. */
struct hangups {
  struct core *core;
  pthread_mutex_t lock;
  struct ticker *ticker;
  struct map *rows;
};

static void row_free(void *arg) {
  struct hangup *row = arg;
  free(row->address);
  free(row);
}

static void count(struct hangups *h, const char *address, int alert) {
  struct hangup *row = map_get(h->rows, slice_of(address));
  if (!row && map_count(h->rows) >= HANGUP_ADDRESSES_MAX) return;
  if (!row) {
    row = mem_alloc(sizeof *row);
    *row = (struct hangup){.address = mem_strdup(address), .first_at = clock_now_us()};
    map_put(h->rows, slice_of(address), row);
  }
  row->count++;
  row->last_at = clock_now_us();
  row->alert = alert;
}

void hangup_note(struct hangups *h, const char *address, int alert) {
  if (!h || strlen(address) > ADDRESS_MAX) return;
  pthread_mutex_lock(&h->lock);
  count(h, address, alert);
  pthread_mutex_unlock(&h->lock);
}

/* ---- writing ---- */

struct batch {
  struct hangup *rows[CHUNK];
  size_t n;
};

/* Hands out every row once; map_filter then drops the taken ones from the map. */
static bool take(struct slice key, void *value, void *arg) {
  struct batch *b = arg;
  (void)key;
  if (b->n == CHUNK) return true;
  b->rows[b->n++] = value;
  return false;
}

static bool take_batch(struct hangups *h, struct batch *b) {
  b->n = 0;
  pthread_mutex_lock(&h->lock);
  map_filter(h->rows, take, b);
  pthread_mutex_unlock(&h->lock);
  return b->n > 0;
}

/* What was not written is kept; what came meanwhile is the newer word. */
static void put_back(struct hangups *h, struct hangup *row) {
  struct hangup *newer = map_get(h->rows, slice_of(row->address));
  if (!newer) {
    map_put(h->rows, slice_of(row->address), row);
    return;
  }
  newer->count += row->count;
  newer->first_at = row->first_at;
  row_free(row);
}

static enum err write_job(struct ctx *cx, struct db *db, void *arg) {
  const struct batch *b = arg;
  for (size_t i = 0; i < b->n; i++) TRY(hangup_save(cx, db, b->rows[i]));
  return hangup_trim(cx, db);
}

static enum err flush(struct ctx *cx, struct hangups *h) {
  for (struct batch b; take_batch(h, &b);) {
    enum err e = db_call(cx, h->core->store, write_job, &b);
    pthread_mutex_lock(&h->lock);
    for (size_t i = 0; i < b.n; i++) e == OK ? row_free(b.rows[i]) : put_back(h, b.rows[i]);
    pthread_mutex_unlock(&h->lock);
    TRY(e);
  }
  return OK;
}

static void run(void *arg, bool last) {
  struct ctx *cx = ctx_new();
  (void)last;
  /* Of a database that cannot be written the writer tells. */
  if (flush(cx, arg) != OK) log_failure(LOG_DEBUG, cx, "hang-ups were not written; they will be");
  ctx_free(cx);
}

enum err hangup_start(struct ctx *cx, struct hangups **out, struct core *core) {
  (void)cx;
  struct hangups *h = mem_alloc(sizeof *h);
  *h = (struct hangups){.core = core, .rows = map_new()};
  pthread_mutex_init(&h->lock, NULL);
  h->ticker = ticker_start("hangups", FLUSH_MS * 1000, run, h);
  *out = h;
  return OK;
}

void hangup_stop(struct hangups *h) {
  if (!h) return;
  ticker_stop(h->ticker);
  map_free(h->rows, row_free);
  pthread_mutex_destroy(&h->lock);
  free(h);
}
