#include "core/refused_int.h"

#include "base/clock.h"
#include "base/enc.h"
#include "base/log.h"
#include "base/map.h"
#include "lib/pki_crypto.h"

#include <stdlib.h>
#include <string.h>

/* What may gather between two writes: more is not counted. Of it, what anybody can send without a certificate. */
enum { GATHERED_MAX = 2000, UNPROVED_MAX = 250 };
enum { CHUNK = 100, FLUSH_MS = 500, TEXT_MAX = 255, CERT_MAX = 16384 };

struct note_row {
  struct refused_row row; /* its texts and bytes are its own */
  uint8_t hash[SHA256_LEN];
};

struct refused {
  struct core *core;
  pthread_mutex_t lock, writing; /* writing: one flush at a time, so that what is put back stays in order */
  struct ticker *ticker;
  struct map *rows; /* by id and hash */
  size_t unproved;
  int64_t last_at; /* of the newest note: no two have the same, so that lists can go on behind one */
};

/* ---- notes ---- */

static struct slice key_of(struct ctx *cx, const char *id, struct slice hash) {
  return slice_of(ctx_printf(cx, "%s/%s", id, hash.p ? enc_hex(cx, hash.p, hash.n) : ""));
}

static char *word(const char *s) { return s && strlen(s) <= TEXT_MAX ? mem_strdup(s) : NULL; }
static char *word_or(const char *s, const char *other) { return mem_strdup(s && strlen(s) <= TEXT_MAX ? s : other); }

static void set_text(char **at, char *text) {
  free(*at);
  *at = text;
}

static struct slice copy_of(struct slice bytes) {
  if (!bytes.p || bytes.n > CERT_MAX) return (struct slice){0};
  char *copy = mem_alloc(bytes.n + 1);
  memcpy(copy, bytes.p, bytes.n);
  return slice_mem(copy, bytes.n);
}

static void note_free(void *note) {
  struct note_row *n = note;
  free(n->row.id);
  free(n->row.reason);
  free(n->row.message_type);
  free(n->row.serial_number);
  free(n->row.address);
  free((void *)(uintptr_t)n->row.cert.p);
  free(n);
}

static struct note_row *note_new(struct refused *r, struct slice key, const struct refused_claim *c) {
  bool full = map_count(r->rows) >= GATHERED_MAX || (!c->hash && r->unproved >= UNPROVED_MAX);
  if (full) return NULL;
  struct note_row *n = mem_alloc(sizeof *n);
  n->row = (struct refused_row){.id = mem_strdup(c->id), .cert = copy_of(c->cert), .first_at = r->last_at};
  if (c->hash) {
    memcpy(n->hash, c->hash, sizeof n->hash);
    n->row.hash = slice_mem(n->hash, sizeof n->hash);
  } else {
    r->unproved++;
  }
  map_put(r->rows, key, n);
  return n;
}

void refused_note(struct refused *r, const struct refused_claim *c) {
  if (!r || !c->id || strlen(c->id) > TEXT_MAX) return;
  struct ctx *cx = ctx_new();
  struct slice key = key_of(cx, c->id, slice_mem(c->hash, c->hash ? SHA256_LEN : 0));
  int64_t now = clock_now_us();
  pthread_mutex_lock(&r->lock);
  r->last_at = now > r->last_at ? now : r->last_at + 1;
  struct note_row *n = map_get(r->rows, key);
  if (!n) n = note_new(r, key, c);
  if (n) {
    n->row.count++;
    n->row.last_at = r->last_at;
    set_text(&n->row.reason, word_or(c->reason, ""));
    set_text(&n->row.message_type, word_or(c->message_type, ""));
    set_text(&n->row.address, word_or(c->address, ""));
    if (c->serial_number) set_text(&n->row.serial_number, word(c->serial_number));
  }
  pthread_mutex_unlock(&r->lock);
  ctx_free(cx);
}

/* ---- writing ---- */

struct batch {
  struct note_row *rows[CHUNK];
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

static void take_batch(struct refused *r, struct batch *b) {
  b->n = 0;
  pthread_mutex_lock(&r->lock);
  map_filter(r->rows, take, b);
  for (size_t i = 0; i < b->n; i++) r->unproved -= !b->rows[i]->row.hash.p;
  pthread_mutex_unlock(&r->lock);
}

/* What was not written is kept; what came meanwhile is the newer word. */
static void put_back(struct ctx *cx, struct refused *r, struct batch *b) {
  pthread_mutex_lock(&r->lock);
  for (size_t i = 0; i < b->n; i++) {
    struct slice key = key_of(cx, b->rows[i]->row.id, b->rows[i]->row.hash);
    struct note_row *newer = map_get(r->rows, key);
    if (newer) {
      newer->row.count += b->rows[i]->row.count;
      newer->row.first_at = b->rows[i]->row.first_at;
      note_free(b->rows[i]);
    } else {
      r->unproved += !b->rows[i]->row.hash.p;
      map_put(r->rows, key, b->rows[i]);
    }
  }
  pthread_mutex_unlock(&r->lock);
}

static enum err write_job(struct ctx *cx, struct db *db, void *arg) {
  const struct batch *b = arg;
  for (size_t i = 0; i < b->n; i++) TRY(refused_save(cx, db, &b->rows[i]->row));
  return OK;
}

static enum err trim_job(struct ctx *cx, struct db *db, void *arg) { return refused_trim(cx, db, CHUNK, arg); }

static enum err trim(struct ctx *cx, struct refused *r) {
  int64_t gone;
  do TRY(db_call(cx, r->core->store, trim_job, &gone));
  while (gone);
  return OK;
}

static enum err write_all(struct ctx *cx, struct refused *r) {
  struct batch b;
  bool any = false;
  for (take_batch(r, &b); b.n; take_batch(r, &b)) {
    enum err e = db_call(cx, r->core->store, write_job, &b);
    if (e != OK) return put_back(cx, r, &b), e;
    for (size_t i = 0; i < b.n; i++) note_free(b.rows[i]);
    any = true;
  }
  return any ? trim(cx, r) : OK;
}

enum err refused_flush(struct ctx *cx, struct refused *r) {
  pthread_mutex_lock(&r->writing);
  enum err e = write_all(cx, r);
  pthread_mutex_unlock(&r->writing);
  return e;
}

/* ---- the thread ---- */

static void run(void *arg, bool last) {
  struct ctx *cx = ctx_new();
  (void)last;
  /* Of a database that cannot be written the writer tells. */
  if (refused_flush(cx, arg) != OK) log_failure(LOG_DEBUG, cx, "refused requests were not written; they will be");
  ctx_free(cx);
}

enum err refused_start(struct ctx *cx, struct refused **out, struct core *core) {
  (void)cx;
  struct refused *r = mem_alloc(sizeof *r);
  *r = (struct refused){.core = core, .rows = map_new()};
  pthread_mutex_init(&r->lock, NULL);
  pthread_mutex_init(&r->writing, NULL);
  r->ticker = ticker_start("refused", FLUSH_MS * 1000, run, r);
  *out = r;
  return OK;
}

void refused_stop(struct refused *r) {
  if (!r) return;
  ticker_stop(r->ticker);
  map_free(r->rows, note_free);
  pthread_mutex_destroy(&r->lock);
  pthread_mutex_destroy(&r->writing);
  free(r);
}
