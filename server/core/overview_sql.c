#include "core/overview_int.h"

enum { TYPES_MOST = 200, HOURS_MOST = 24 * 9, RECENT = 20, RECENT_OF = 5000 };

enum err overview_waiting(struct ctx *cx, struct db *db, struct overview_waiting **out, size_t *n) {
  struct db_rows r;
  *n = 0;
  *out = ctx_alloc(cx, TYPES_MOST * sizeof **out);
  TRY(db_open_rows(cx, db, &r,
                   "SELECT c.request_type, sum(w.n), min(c.created_at) FROM (SELECT command, count(*) AS n FROM target "
                   "WHERE waiting = 1 AND own = 0 GROUP BY command) w JOIN command c ON c.seq = w.command "
                   "GROUP BY c.request_type ORDER BY 2 DESC, 1 LIMIT $1",
                   DB_I(TYPES_MOST)));
  while (db_next(&r)) (*out)[(*n)++] = (struct overview_waiting){db_text(&r, 0), db_int(&r, 1), db_int(&r, 2)};
  return db_close(&r);
}

enum err overview_questions(struct ctx *cx, struct db *db, int64_t *waiting) {
  return db_one_int(cx, db, waiting, "SELECT count(*) FROM target WHERE own = 1 AND waiting = 1");
}

enum err overview_hours(struct ctx *cx, struct db *db, int64_t since, struct overview_hour **out, size_t *n) {
  struct db_rows r;
  *n = 0;
  *out = ctx_alloc(cx, HOURS_MOST * sizeof **out);
  TRY(db_open_rows(
      cx, db, &r,
      "SELECT hour, due, pushed, woken, answered, told FROM wake_hour WHERE hour > $1 ORDER BY hour LIMIT $2",
      DB_I(since), DB_I(HOURS_MOST)));
  while (db_next(&r))
    (*out)[(*n)++] = (struct overview_hour){db_int(&r, 0), db_int(&r, 1), db_int(&r, 2),
                                            db_int(&r, 3), db_int(&r, 4), db_int(&r, 5)};
  return db_close(&r);
}

/* What devices do day by day is not among it. */
enum err overview_recent(struct ctx *cx, struct db *db, struct overview_event **out, size_t *n) {
  struct db_rows r;
  *n = 0;
  *out = ctx_alloc(cx, RECENT * sizeof **out);
  TRY(db_open_rows(
      cx, db, &r,
      "SELECT v.seq, v.at, v.kind, v.enrollment, d.device_name, v.data FROM event v"
      " LEFT JOIN enrollment e ON e.id = v.enrollment LEFT JOIN device d ON d.seq = e.device"
      " WHERE v.seq > (SELECT coalesce(max(seq), 0) FROM event) - $1 AND v.kind NOT IN ('command.status', "
      "'inventory.changed', 'device.token-updated',"
      " 'device.authenticated', 'device.enrollment-aborted', 'device.seen-after-checkout', 'identity.issued',"
      " 'group.compliance-changed', 'pushcert.probed', 'push.token-refused') ORDER BY v.seq DESC LIMIT $2",
      DB_I(RECENT_OF), DB_I(RECENT)));
  while (db_next(&r))
    (*out)[(*n)++] = (struct overview_event){db_int(&r, 0),  db_int(&r, 1),  db_text(&r, 2),
                                             db_text(&r, 3), db_text(&r, 4), db_text(&r, 5)};
  return db_close(&r);
}
