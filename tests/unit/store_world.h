/* Databases for tests: real ones, in memory or a file, each a copy of one that was migrated once, since under ASan the
   migrations cost more than most tests. tests/unit/db_test.c and schema_test.c test the migrations themselves. */
#ifndef POMONA_TESTS_STORE_WORLD_H
#define POMONA_TESTS_STORE_WORLD_H

#include "base/ctx.h"
#include "lib/db.h"

#include <sqlite3.h>
#include <unistd.h>

/* Copies the whole of one database over another; false when SQLite could not. */
static inline bool store_copy(sqlite3 *to, sqlite3 *from) {
  sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
  return b && sqlite3_backup_step(b, -1) == SQLITE_DONE && sqlite3_backup_finish(b) == SQLITE_OK;
}

static inline sqlite3 *store_file(const char *path) {
  sqlite3 *s = NULL;
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI;
  return sqlite3_open_v2(path, &s, flags, NULL) == SQLITE_OK ? s : NULL;
}

/* As db_store_open; a file that is there already stays as it is. path: NULL for a database in memory, that ends with
   its store. */
static inline enum err store_open(struct ctx *cx, struct db_store **out, const char *path) {
  static sqlite3 *model; /* migrated */
  static unsigned count;
  if (path && access(path, F_OK) == 0) return db_store_open(cx, out, path);
  if (!path) path = ctx_printf(cx, "file:test-%u?mode=memory&cache=shared", count++);
  sqlite3 *s = store_file(path);
  bool copied = s && model && store_copy(s, model);
  enum err e = db_store_open(cx, out, path);
  if (e == OK && !model && s) {
    model = store_file(":memory:");
    copied = store_copy(model, s);
  }
  sqlite3_close(s);
  if (e == OK && !copied) {
    db_store_close(*out);
    return FAIL(cx, E_STORAGE, "the model of %s could not be copied", path);
  }
  return e;
}

#endif
