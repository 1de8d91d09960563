#include "lib/db_int.h"

#include "base/clock.h"
#include "base/map.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

enum { PARAMS = 40 };

/* A prepared statement, found again by the address of its literal. */
struct stmt {
  sqlite3_stmt *s;
  int index[PARAMS + 1]; /* of $1, $2 …: SQLite numbers names by first appearance */
  bool busy;
};

struct db {
  sqlite3 *s;
  struct map *stmts;
  struct db_after *after;
  const struct db_watch *watch; /* NULL: nobody does */
};

static enum err fault(struct ctx *cx, struct db *db, const char *what) {
  int code = sqlite3_errcode(db->s) & 0xff;
  enum err e = code == SQLITE_CONSTRAINT                       ? E_CONFLICT
               : code == SQLITE_ERROR || code == SQLITE_MISUSE ? E_INTERNAL
                                                               : E_STORAGE;
  return FAIL(cx, e, "database: %s (%s)", sqlite3_errmsg(db->s), what);
}

static const char write_setup[] =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000;"
    "PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;";
/* read_uncommitted only matters for databases in memory, whose connections share one cache. */
static const char read_setup[] = "PRAGMA query_only = ON; PRAGMA read_uncommitted = ON; PRAGMA temp_store = MEMORY;";

enum err db_connect(struct ctx *cx, struct db **out, const char *path, enum db_mode mode) {
  struct db *db = mem_alloc(sizeof *db);
  db->stmts = map_new();
  static const int modes[] = {[DB_WRITE] = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                              [DB_READ] = SQLITE_OPEN_READWRITE,
                              [DB_READ_ONLY] = SQLITE_OPEN_READONLY};
  int flags = modes[mode] | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI;
  enum err e = OK;
  if (sqlite3_open_v2(path, &db->s, flags, NULL) != SQLITE_OK) e = fault(cx, db, path);
  if (e == OK) {
    sqlite3_busy_timeout(db->s, 10000);
    e = db_script(cx, db, mode == DB_WRITE ? write_setup : read_setup);
  }
  if (e != OK) {
    db_disconnect(db);
    return e;
  }
  *out = db;
  return OK;
}

static void stmt_free(void *arg) {
  struct stmt *st = arg;
  sqlite3_finalize(st->s);
  free(st);
}

void db_disconnect(struct db *db) {
  map_free(db->stmts, stmt_free);
  sqlite3_close(db->s);
  free(db);
}

enum err db_script(struct ctx *cx, struct db *db, const char *sql) {
  return sqlite3_exec(db->s, sql, NULL, NULL, NULL) == SQLITE_OK ? OK : fault(cx, db, "script");
}

bool db_in_transaction(const struct db *db) { return !sqlite3_get_autocommit(db->s); }
bool db_sees_past(const struct db *db) { return sqlite3_txn_state(db->s, NULL) != SQLITE_TXN_NONE; }
int64_t db_changes(struct db *db) { return sqlite3_total_changes64(db->s); }
struct db_after **db_after_list(struct db *db) {
  return &db->after;
}

void db_after_commit(struct db *db, void (*run)(void *arg), void *arg) {
  struct db_after *a = mem_alloc(sizeof *a);
  *a = (struct db_after){.next = db->after, .run = run, .arg = arg};
  db->after = a;
}

static void on_change(void *arg, int what, const char *database, const char *table, sqlite3_int64 row) {
  const struct db_watch *w = arg;
  (void)what, (void)database;
  w->changed(w->arg, table, row);
}

void db_set_watch(struct db *db, const struct db_watch *w) {
  db->watch = w;
  sqlite3_update_hook(db->s, w ? on_change : NULL, (void *)(uintptr_t)w);
}

void db_tell_commit(struct db *db) {
  if (db->watch) db->watch->committed(db->watch->arg);
}

static enum err prepare(struct ctx *cx, struct db *db, struct stmt **out, const char *sql) {
  struct slice key = slice_mem(&sql, sizeof sql);
  struct stmt *st = map_get(db->stmts, key);
  if (!st) {
    st = mem_alloc(sizeof *st);
    if (sqlite3_prepare_v3(db->s, sql, -1, SQLITE_PREPARE_PERSISTENT, &st->s, NULL) != SQLITE_OK) {
      free(st);
      return fault(cx, db, sql);
    }
    for (int i = 1; i <= PARAMS; i++) {
      char name[12];
      sqlite3_snprintf(sizeof name, name, "$%d", i);
      st->index[i] = sqlite3_bind_parameter_index(st->s, name);
    }
    map_put(db->stmts, key, st);
  }
  if (st->busy) return FAIL(cx, E_INTERNAL, "database: a statement is opened twice (%s)", sql);
  *out = st;
  return OK;
}

static int bind(sqlite3_stmt *s, int at, const struct db_val *v) {
  /* A pointer of its own, since SQLite takes NULL for the SQL NULL. */
  const char *p = v->s.p ? v->s.p : "";
  if (v->type == 's') return sqlite3_bind_text64(s, at, p, v->s.n, SQLITE_STATIC, SQLITE_UTF8);
  if (v->type == 'b') return sqlite3_bind_blob64(s, at, p, v->s.n, SQLITE_STATIC);
  if (v->type == 'i') return sqlite3_bind_int64(s, at, v->i);
  return sqlite3_bind_null(s, at);
}

/* Values with no placeholder of their number are a mistake in our own text. */
static enum err bind_all(struct ctx *cx, struct db *db, struct stmt *st, const char *sql, va_list ap) {
  for (int i = 1;; i++) {
    struct db_val v = va_arg(ap, struct db_val);
    if (v.type == 0) return OK;
    if (i > PARAMS || st->index[i] == 0) return FAIL(cx, E_INTERNAL, "database: no $%d in (%s)", i, sql);
    if (bind(st->s, st->index[i], &v) != SQLITE_OK) return fault(cx, db, sql);
  }
}

static void finish(struct stmt *st) {
  sqlite3_reset(st->s);
  sqlite3_clear_bindings(st->s);
  st->busy = false;
}

enum err db_run_(struct ctx *cx, struct db *db, int64_t *changed, const char *sql, ...) {
  struct stmt *st;
  TRY(prepare(cx, db, &st, sql));
  va_list ap;
  va_start(ap, sql);
  enum err e = bind_all(cx, db, st, sql, ap);
  va_end(ap);
  int rc = SQLITE_ROW;
  while (e == OK && rc == SQLITE_ROW) rc = sqlite3_step(st->s);
  if (e == OK && rc != SQLITE_DONE) e = fault(cx, db, sql);
  if (e == OK && changed) *changed = sqlite3_changes64(db->s);
  finish(st);
  return e;
}

static enum err open_rows(struct ctx *cx, struct db *db, struct db_rows *r, const char *sql, va_list ap) {
  struct stmt *st;
  *r = (struct db_rows){.cx = cx, .db = db};
  TRY(prepare(cx, db, &st, sql));
  enum err e = bind_all(cx, db, st, sql, ap);
  if (e != OK) {
    finish(st);
    return e;
  }
  st->busy = true;
  r->stmt = st;
  return OK;
}

enum err db_open_rows_(struct ctx *cx, struct db *db, struct db_rows *r, const char *sql, ...) {
  va_list ap;
  va_start(ap, sql);
  enum err e = open_rows(cx, db, r, sql, ap);
  va_end(ap);
  return e;
}

static sqlite3_stmt *raw(struct db_rows *r) { return ((struct stmt *)r->stmt)->s; }

bool db_next(struct db_rows *r) {
  if (r->e != OK) return false;
  int rc = sqlite3_step(raw(r));
  if (rc != SQLITE_ROW && rc != SQLITE_DONE) r->e = fault(r->cx, r->db, sqlite3_sql(raw(r)));
  return rc == SQLITE_ROW;
}

enum err db_close(struct db_rows *r) {
  if (r->stmt) finish(r->stmt);
  r->stmt = NULL;
  return r->e;
}

bool db_is_null(struct db_rows *r, int col) { return sqlite3_column_type(raw(r), col) == SQLITE_NULL; }
int64_t db_int(struct db_rows *r, int col) { return sqlite3_column_int64(raw(r), col); }

char *db_text(struct db_rows *r, int col) {
  const unsigned char *p = sqlite3_column_text(raw(r), col);
  return p ? ctx_memdup(r->cx, p, (size_t)sqlite3_column_bytes(raw(r), col)) : NULL;
}

struct slice db_blob(struct db_rows *r, int col) {
  if (db_is_null(r, col)) return (struct slice){0};
  const void *p = sqlite3_column_blob(raw(r), col);
  size_t n = (size_t)sqlite3_column_bytes(raw(r), col);
  return slice_mem(ctx_memdup(r->cx, p, n), n);
}

enum err db_one_int_(struct ctx *cx, struct db *db, int64_t *out, const char *sql, ...) {
  struct db_rows r;
  va_list ap;
  va_start(ap, sql);
  enum err e = open_rows(cx, db, &r, sql, ap);
  va_end(ap);
  TRY(e);
  bool found = db_next(&r);
  if (found) *out = db_int(&r, 0);
  TRY(db_close(&r));
  return found ? OK : FAIL(cx, E_NOT_FOUND, "no such row");
}

static int is_over(void *arg) { return clock_mono_us() > *(const int64_t *)arg; }

enum err db_quick_check(struct ctx *cx, struct db *db, int64_t max_us, char **trouble, bool *whole) {
  enum { STEPS = 10000 };
  int64_t until = clock_mono_us() + max_us;
  struct db_rows r;
  sqlite3_progress_handler(db->s, STEPS, is_over, &until);
  *trouble = NULL;
  enum err e = db_open_rows(cx, db, &r, "PRAGMA quick_check(1)");
  if (e == OK && db_next(&r)) *trouble = db_text(&r, 0);
  if (e == OK) e = db_close(&r);
  *whole = sqlite3_errcode(db->s) != SQLITE_INTERRUPT;
  sqlite3_progress_handler(db->s, 0, NULL, NULL);
  if (*trouble && strcmp(*trouble, "ok") == 0) *trouble = NULL;
  if (*whole) return e;
  ctx_clear_error(cx);
  *trouble = NULL;
  return OK;
}
