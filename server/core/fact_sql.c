#include "core/fact.h"

enum err fact_read(struct ctx *cx, struct db *db, const char *name, char **value) {
  struct db_rows r;
  TRY(db_open_rows(cx, db, &r, "SELECT value FROM fact WHERE name = $1", DB_S(name)));
  *value = db_next(&r) ? db_text(&r, 0) : NULL;
  return db_close(&r);
}

enum err fact_write(struct ctx *cx, struct db *db, const char *name, const char *value) {
  if (!value) return db_run(cx, db, "DELETE FROM fact WHERE name = $1", DB_S(name));
  return db_run(cx, db, "INSERT INTO fact (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2",
                DB_S(name), DB_S(value));
}
