#include "lib/db_int.h"

#include "base/log.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Read connections are found by thread; the list is only for closing them. */
struct reader {
  struct reader *next;
  struct db *db;
};

struct db_store {
  char *path;
  struct db *db;            /* the writer's */
  struct db_writer *writer; /* NULL: it is only read */
  pthread_key_t key;
  pthread_mutex_t lock;
  struct reader *readers;
};

static char *path_of(const char *path) {
  static _Atomic unsigned count;
  if (strcmp(path, ":memory:") != 0) return mem_strdup(path);
  char name[64];
  snprintf(name, sizeof name, "file:pomona-%u?mode=memory&cache=shared", atomic_fetch_add(&count, 1));
  return mem_strdup(name);
}

enum err db_store_open(struct ctx *cx, struct db_store **out, const char *path) {
  struct db_store *st = mem_alloc(sizeof *st);
  st->path = path_of(path);
  enum err e = db_connect(cx, &st->db, st->path, DB_WRITE);
  if (e == OK) e = db_migrate(cx, st->db);
  if (e != OK) {
    if (st->db) db_disconnect(st->db);
    free(st->path);
    free(st);
    return e;
  }
  pthread_key_create(&st->key, NULL);
  pthread_mutex_init(&st->lock, NULL);
  st->writer = db_writer_start(st->db);
  *out = st;
  return OK;
}

enum err db_store_open_read(struct ctx *cx, struct db_store **out, const char *path) {
  struct db_store *st = mem_alloc(sizeof *st);
  int64_t have = 0;
  st->path = mem_strdup(path);
  enum err e = db_connect(cx, &st->db, path, DB_READ_ONLY);
  if (e == OK) e = db_one_int(cx, st->db, &have, "SELECT coalesce(max(number), 0) FROM schema_history");
  if (e == OK && have != db_schema_newest())
    e = FAIL(cx, E_CONFLICT, "the database has schema %d, this program is made for %d", (int)have, db_schema_newest());
  if (e != OK) {
    if (st->db) db_disconnect(st->db);
    free(st->path);
    free(st);
    return e;
  }
  pthread_key_create(&st->key, NULL);
  pthread_mutex_init(&st->lock, NULL);
  *out = st;
  return OK;
}

void db_store_close(struct db_store *st) {
  if (!st) return;
  if (st->writer) db_writer_stop(st->writer);
  while (st->readers) {
    struct reader *r = st->readers;
    st->readers = r->next;
    db_disconnect(r->db);
    free(r);
  }
  db_disconnect(st->db);
  pthread_key_delete(st->key);
  pthread_mutex_destroy(&st->lock);
  free(st->path);
  free(st);
}

enum err db_reader(struct ctx *cx, struct db_store *st, struct db **out) {
  *out = pthread_getspecific(st->key);
  if (*out) return OK;
  TRY(db_connect(cx, out, st->path, st->writer ? DB_READ : DB_READ_ONLY));
  struct reader *r = mem_alloc(sizeof *r);
  r->db = *out;
  pthread_mutex_lock(&st->lock);
  r->next = st->readers;
  st->readers = r;
  pthread_mutex_unlock(&st->lock);
  pthread_setspecific(st->key, *out);
  return OK;
}

void db_post(struct db_store *st, struct db_job *job) {
  if (st->writer)
    db_writer_post(st->writer, job);
  else
    job->done(job, FAIL(job->cx, E_DENIED, "the database was opened to be read only"));
}

static void alone_done(struct db_job *job, enum err e) {
  struct ctx *cx = job->cx;
  if (e != OK) log_failure(LOG_WARN, cx, "something could not be written");
  ctx_free(cx);
}

void db_post_alone(struct db_store *st, struct ctx *cx, enum err (*fn)(struct ctx *, struct db *, void *), void *arg) {
  struct db_job *job = ctx_alloc(cx, sizeof *job);
  *job = (struct db_job){.cx = cx, .fn = fn, .done = alone_done, .arg = arg};
  db_post(st, job);
}

void db_settle(struct db_store *st) {
  if (st->writer) db_writer_settle(st->writer);
}

enum err db_health(struct ctx *cx, struct db_store *st) { return st->writer ? db_writer_health(cx, st->writer) : OK; }
int64_t db_trouble_since(struct db_store *st) { return st->writer ? db_writer_trouble_since(st->writer) : 0; }

struct call {
  struct db_job job;
  pthread_mutex_t lock;
  pthread_cond_t done;
  bool is_done;
  enum err e;
};

static void call_done(struct db_job *job, enum err e) {
  struct call *c = (struct call *)job; /* its first member */
  pthread_mutex_lock(&c->lock);
  c->e = e;
  c->is_done = true;
  pthread_cond_signal(&c->done);
  pthread_mutex_unlock(&c->lock);
}

enum err db_call(struct ctx *cx, struct db_store *st, enum err (*fn)(struct ctx *, struct db *, void *), void *arg) {
  struct call c = {.job = {.cx = cx, .fn = fn, .done = call_done, .arg = arg}};
  pthread_mutex_init(&c.lock, NULL);
  cond_init(&c.done);
  db_post(st, &c.job);
  pthread_mutex_lock(&c.lock);
  while (!c.is_done) pthread_cond_wait(&c.done, &c.lock);
  pthread_mutex_unlock(&c.lock);
  pthread_mutex_destroy(&c.lock);
  pthread_cond_destroy(&c.done);
  return c.e;
}

static enum err watch(struct ctx *cx, struct db *db, void *arg) {
  (void)cx;
  db_set_watch(db, arg);
  return OK;
}

enum err db_watch(struct ctx *cx, struct db_store *st, const struct db_watch *w) {
  return db_call(cx, st, watch, (void *)(uintptr_t)w);
}

static enum err probe(struct ctx *cx, struct db *db, void *arg) {
  (void)arg;
  return db_run(cx, db, "UPDATE schema_history SET name = name WHERE number = 1");
}

enum err db_probe(struct ctx *cx, struct db_store *st) { return db_call(cx, st, probe, NULL); }
