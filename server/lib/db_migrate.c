#include "lib/db_int.h"

#include "base/clock.h"
#include "base/log.h"

int db_schema_newest(void) {
  int n = 0;
  for (const struct db_migration *m = db_migrations; m->number; m++) n = m->number;
  return n;
}

static enum err apply(struct ctx *cx, struct db *db, const struct db_migration *m) {
  TRY(db_script(cx, db, "BEGIN IMMEDIATE"));
  enum err e = db_script(cx, db, m->sql);
  if (e == OK)
    e = db_run(cx, db, "INSERT INTO schema_history (number, name, applied_at) VALUES ($1, $2, $3)", DB_I(m->number),
               DB_S(m->name), DB_I(clock_now_us()));
  if (e == OK) e = db_script(cx, db, "COMMIT");
  struct ctx *own = ctx_new();
  if (e != OK && db_in_transaction(db) && db_script(own, db, "ROLLBACK") != OK)
    log_failure(LOG_ERROR, own, "rollback failed");
  ctx_free(own);
  return e;
}

enum err db_migrate(struct ctx *cx, struct db *db) {
  int64_t have;
  TRY(db_script(cx, db,
                "CREATE TABLE IF NOT EXISTS schema_history (number INTEGER PRIMARY KEY, name TEXT NOT NULL, "
                "applied_at INTEGER NOT NULL)"));
  TRY(db_one_int(cx, db, &have, "SELECT coalesce(max(number), 0) FROM schema_history"));
  if (have > db_schema_newest())
    return FAIL(cx, E_CONFLICT, "the database has schema %d, this program knows %d: use the newer program", (int)have,
                db_schema_newest());
  for (const struct db_migration *m = db_migrations; m->number; m++)
    if (m->number > have) TRY(apply(cx, db, m));
  return OK;
}
