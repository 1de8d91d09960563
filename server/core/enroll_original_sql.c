#include "core/enroll_int.h"

#include "base/clock.h"

enum err enroll_original_load(struct ctx *cx, struct db *db, const char *topic, struct slice *plist) {
  struct db_rows r;
  TRY(db_open_rows(cx, db, &r, "SELECT plist FROM original_profile WHERE topic = $1", DB_S(topic)));
  *plist = db_next(&r) ? db_blob(&r, 0) : (struct slice){0};
  return db_close(&r);
}

enum err enroll_original_store(struct ctx *cx, struct db *db, const struct enroll_original *o, const char *by,
                               int64_t *devices) {
  TRY(db_run(cx, db,
             "INSERT INTO original_profile (topic, plist, given, stored_at, stored_by) VALUES ($1, $2, $3, $4, $5) "
             "ON CONFLICT (topic) DO UPDATE SET plist = excluded.plist, given = excluded.given, "
             "stored_at = excluded.stored_at, stored_by = excluded.stored_by",
             DB_S(o->topic), DB_B(o->plist), DB_S(o->given), DB_I(clock_now_us()), DB_S(by)));
  return db_one_int(cx, db, devices,
                    "SELECT count(*) FROM generation WHERE origin = 'migrated' AND topic = $1 AND state = 'current'",
                    DB_S(o->topic));
}

enum err enroll_original_lacking(struct ctx *cx, struct db *db, int64_t after, int most, int64_t **generations,
                                 size_t *n) {
  struct db_rows r;
  *generations = ctx_alloc(cx, (size_t)most * sizeof **generations);
  *n = 0;
  TRY(db_open_rows(
      cx, db, &r,
      "SELECT g.seq FROM original_profile o CROSS JOIN generation g WHERE g.topic = o.topic AND g.origin = "
      "'migrated' AND g.state = 'current' AND coalesce(g.given, '') <> o.given AND g.seq > $1 "
      "ORDER BY g.seq LIMIT $2",
      DB_I(after), DB_I(most)));
  while (db_next(&r)) (*generations)[(*n)++] = db_int(&r, 0);
  return db_close(&r);
}

enum err enroll_original_assign(struct ctx *cx, struct db *db, const int64_t *generations, size_t n) {
  for (size_t i = 0; i < n; i++)
    TRY(db_run(
        cx, db,
        "UPDATE generation SET given = (SELECT p.given FROM original_profile p WHERE p.topic = generation.topic) "
        "WHERE seq = $1",
        DB_I(generations[i])));
  return OK;
}
