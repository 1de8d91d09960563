#include "core/enroll_int.h"

#include "base/clock.h"

enum err enroll_self(struct ctx *cx, struct db *db, int64_t enrollment, struct enroll_self *out) {
  struct db_rows r;
  *out = (struct enroll_self){0};
  TRY(db_open_rows(
      cx, db, &r,
      "SELECT d.seq, d.id, d.serial_number, d.clone_at FROM enrollment e JOIN device d ON d.seq = e.device "
      "WHERE e.seq = $1",
      DB_I(enrollment)));
  if (db_next(&r))
    *out = (struct enroll_self){
        .device = db_int(&r, 0), .id = db_text(&r, 1), .serial_number = db_text(&r, 2), .clone_at = db_int(&r, 3)};
  return db_close(&r);
}

enum err enroll_set_clone(struct ctx *cx, struct db *db, int64_t device, int64_t at, const char *text) {
  return db_run(cx, db, "UPDATE device SET clone_at = $2, clone_text = $3 WHERE seq = $1", DB_I(device), DB_I(at),
                DB_S(text));
}

enum err enroll_set_told(struct ctx *cx, struct db *db, int64_t device, const struct enroll_told *told) {
  return db_run(cx, db,
                "UPDATE device SET supervised = coalesce($2, supervised), filevault = coalesce($3, filevault), "
                "passcode = coalesce($4, passcode) WHERE seq = $1",
                DB_I(device), DB_NULL_IF(told->supervised < 0, DB_I(told->supervised)),
                DB_NULL_IF(told->filevault < 0, DB_I(told->filevault)),
                DB_NULL_IF(told->passcode < 0, DB_I(told->passcode)));
}

enum err enroll_set_grace(struct ctx *cx, struct db *db, int64_t device, int64_t until) {
  return db_run(cx, db, "UPDATE device SET grace_until = $2 WHERE seq = $1", DB_I(device), DB_I(until));
}

enum err enroll_graced(struct ctx *cx, struct db *db, const uint8_t hash[32], bool *graced) {
  int64_t n;
  TRY(db_one_int(cx, db, &n,
                 "SELECT count(*) FROM identity i JOIN device d ON d.id = i.device_id AND d.generation = i.generation "
                 "WHERE i.hash = $1 AND d.grace_until > $2",
                 DB_B(slice_mem(hash, SHA256_LEN)), DB_I(clock_now_us())));
  *graced = n > 0;
  return OK;
}
