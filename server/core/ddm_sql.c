#include "core/ddm_int.h"

#include "base/clock.h"

enum err ddm_status_put(struct ctx *cx, struct db *db, int64_t enrollment, struct slice report) {
  return db_run(cx, db,
                "INSERT INTO ddm_status (enrollment, at, report) VALUES ($1, $2, $3) "
                "ON CONFLICT (enrollment) DO UPDATE SET at = excluded.at, report = excluded.report",
                DB_I(enrollment), DB_I(clock_now_us()), DB_B(report));
}

enum err ddm_since(struct ctx *cx, struct db *db, int64_t enrollment, int64_t *at) {
  return db_one_int(cx, db, at, "SELECT coalesce(max(created_at), 0) FROM enrollment WHERE seq = $1", DB_I(enrollment));
}

enum err ddm_forget(struct ctx *cx, struct db *db, int64_t enrollment) {
  return db_run(cx, db, "DELETE FROM ddm_status WHERE enrollment = $1", DB_I(enrollment));
}
