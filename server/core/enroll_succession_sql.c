/* Who has a serial number, and who had it; what a device was before. */
#include "core/enroll_int.h"

#include "core/roster.h"

enum { MOST = 50 };

/* Ends r, whose rows are devices. */
static enum err changed(struct db_rows *r, struct core *core) {
  while (db_next(r)) roster_changed(r->db, core, db_int(r, 0));
  return db_close(r);
}

enum err enroll_succeeds(struct ctx *cx, struct db *db, struct core *core, int64_t device) {
  struct db_rows r;
  roster_changed(db, core, device);
  TRY(db_run(cx, db, "UPDATE device SET successor = NULL WHERE seq = $1 AND successor IS NOT NULL", DB_I(device)));
  TRY(db_open_rows(cx, db, &r,
                   "UPDATE device SET successor = $1 WHERE serial_number = (SELECT nullif(serial_number, '') "
                   "FROM device WHERE seq = $1) AND seq <> $1 AND successor IS DISTINCT FROM $1 RETURNING seq",
                   DB_I(device)));
  return changed(&r, core);
}

enum err enroll_heard(struct ctx *cx, struct db *db, struct core *core, int64_t device) {
  struct db_rows r;
  TRY(db_open_rows(cx, db, &r,
                   "UPDATE device SET successor = NULL WHERE seq = $1 AND successor IS NOT NULL RETURNING seq",
                   DB_I(device)));
  return changed(&r, core);
}

enum err enroll_succession_end(struct ctx *cx, struct db *db, struct core *core, int64_t device) {
  struct db_rows r;
  roster_changed(db, core, device);
  TRY(db_open_rows(cx, db, &r, "UPDATE device SET successor = NULL WHERE successor = $1 RETURNING seq", DB_I(device)));
  return changed(&r, core);
}

enum err enroll_namesakes(struct ctx *cx, struct db *db, int64_t device, struct enroll_namesake **out, size_t *n) {
  struct db_rows r;
  *out = ctx_alloc(cx, MOST * sizeof **out);
  *n = 0;
  TRY(db_open_rows(
      cx, db, &r,
      "SELECT d.id, d.successor IS NOT NULL, g.enrolled_at, e.last_seen, "
      "CASE WHEN d.blocked_at IS NOT NULL THEN 'blocked' WHEN d.checked_out_at IS NOT NULL THEN 'checked-out' "
      "WHEN d.unenroll_at IS NOT NULL THEN 'leaving' WHEN e.enabled = 1 THEN 'enrolled' ELSE 'pending' END "
      "FROM device d LEFT JOIN enrollment e ON e.id = d.id LEFT JOIN generation g ON g.seq = d.generation "
      "WHERE d.serial_number = (SELECT nullif(serial_number, '') FROM device WHERE seq = $1) AND d.seq <> $1 "
      "ORDER BY d.seq DESC LIMIT $2",
      DB_I(device), DB_I(MOST)));
  for (; db_next(&r); ++*n)
    (*out)[*n] = (struct enroll_namesake){.id = db_text(&r, 0),
                                          .former = db_int(&r, 1) != 0,
                                          .enrolled_at = db_int(&r, 2),
                                          .last_seen = db_int(&r, 3),
                                          .state = db_text(&r, 4)};
  return db_close(&r);
}

enum err enroll_history(struct ctx *cx, struct db *db, int64_t device, struct enroll_past **out, size_t *n) {
  struct db_rows r;
  *out = ctx_alloc(cx, MOST * sizeof **out);
  *n = 0;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT authenticated_at, enrolled_at, ended_at, state, way_in, address, topic FROM generation "
                   "WHERE device = $1 AND state IN ('current', 'former') ORDER BY seq DESC LIMIT $2",
                   DB_I(device), DB_I(MOST)));
  for (; db_next(&r); ++*n)
    (*out)[*n] = (struct enroll_past){.authenticated_at = db_int(&r, 0),
                                      .enrolled_at = db_int(&r, 1),
                                      .ended_at = db_int(&r, 2),
                                      .state = db_text(&r, 3),
                                      .way_in = db_text(&r, 4),
                                      .address = db_text(&r, 5),
                                      .topic = db_text(&r, 6)};
  return db_close(&r);
}
