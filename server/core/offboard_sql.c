#include "core/offboard_int.h"

#include "base/clock.h"

enum err offboard_load(struct ctx *cx, struct db *db, const char *device_id, struct offboard_device *out) {
  struct db_rows r;
  *out = (struct offboard_device){0};
  TRY(db_open_rows(
      cx, db, &r,
      "SELECT d.seq, e.seq, d.id, d.serial_number, d.device_name, coalesce(d.product_name, d.model), d.imei, d.meid, "
      "e.topic, i.facts, d.generation IS NOT NULL AND d.checked_out_at IS NULL, d.blocked_at IS NOT NULL, "
      "g.authenticated_at, o.way, o.by, o.reason, o.command, t.status, o.at, o.unlock_at, o.unlock_status, "
      "t.first_sent_at IS NOT NULL, CASE WHEN o.way = 'erase' AND t.status = 'Acknowledged' THEN t.settled_at END "
      "FROM device d LEFT JOIN enrollment e ON e.id = d.id "
      "LEFT JOIN generation g ON g.seq = d.generation LEFT JOIN inventory i ON i.device = d.seq "
      "LEFT JOIN offboarding o ON o.device = d.seq AND (g.seq IS NULL OR o.at >= g.authenticated_at) "
      "LEFT JOIN command c ON c.uuid = o.command LEFT JOIN target t ON t.command = c.seq AND t.enrollment = e.seq "
      "WHERE d.id = $1",
      DB_S(device_id)));
  if (db_next(&r))
    *out = (struct offboard_device){.device = db_int(&r, 0),
                                    .enrollment = db_int(&r, 1),
                                    .id = db_text(&r, 2),
                                    .serial_number = db_text(&r, 3),
                                    .name = db_text(&r, 4),
                                    .product = db_text(&r, 5),
                                    .imei = db_text(&r, 6),
                                    .meid = db_text(&r, 7),
                                    .topic = db_text(&r, 8),
                                    .facts = db_text(&r, 9),
                                    .enrolled = db_int(&r, 10) != 0,
                                    .blocked = db_int(&r, 11) != 0,
                                    .authenticated_at = db_int(&r, 12),
                                    .way = db_text(&r, 13),
                                    .by = db_text(&r, 14),
                                    .reason = db_text(&r, 15),
                                    .command = db_text(&r, 16),
                                    .status = db_text(&r, 17),
                                    .at = db_int(&r, 18),
                                    .unlock_at = db_int(&r, 19),
                                    .unlock_status = db_int(&r, 20),
                                    .handed = db_int(&r, 21) != 0,
                                    .erased_at = db_int(&r, 22)};
  TRY(db_close(&r));
  return out->device ? OK : FAIL(cx, E_NOT_FOUND, "there is no device %s", device_id);
}

enum err offboard_save(struct ctx *cx, struct db *db, const struct offboard_device *d) {
  return db_run(cx, db,
                "INSERT INTO offboarding (device, way, at, by, reason, command) VALUES ($1, $2, $3, $4, $5, $6) "
                "ON CONFLICT (device) DO UPDATE SET way = excluded.way, at = excluded.at, by = excluded.by, "
                "reason = excluded.reason, command = excluded.command, unlock_status = NULL, unlock_at = NULL",
                DB_I(d->device), DB_S(d->way), DB_I(d->at), DB_S(d->by), DB_S(d->reason), DB_S(d->command));
}

enum err offboard_save_unlock(struct ctx *cx, struct db *db, const char *device_id, int status) {
  return db_run(cx, db,
                "UPDATE offboarding SET unlock_status = $2, unlock_at = $3 "
                "WHERE device = (SELECT seq FROM device WHERE id = $1)",
                DB_S(device_id), DB_I(status), DB_I(clock_now_us()));
}

enum err offboard_groups(struct ctx *cx, struct db *db, int64_t device, struct js *names) {
  struct db_rows r;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT f.name FROM group_member m JOIN fleet_group f ON f.seq = m.fleet_group WHERE m.device = $1 "
                   "ORDER BY f.name LIMIT $2",
                   DB_I(device), DB_I(OFFBOARD_GROUPS_MOST)));
  while (db_next(&r)) js_add_string(names, db_text(&r, 0));
  return db_close(&r);
}

enum err offboard_leave_groups(struct ctx *cx, struct db *db, int64_t device) {
  TRY(db_run(cx, db,
             "UPDATE fleet_group SET version = version + 1 WHERE seq IN "
             "(SELECT m.fleet_group FROM group_member m WHERE m.device = $1)",
             DB_I(device)));
  return db_run(cx, db, "DELETE FROM group_member WHERE device = $1", DB_I(device));
}

enum err offboard_links(struct ctx *cx, struct db *db, const struct offboard_device *d, int64_t *n) {
  return db_one_int(cx, db, n,
                    "SELECT count(*) FROM link WHERE revoked_at IS NULL AND expires_at > $3 AND uses < uses_max "
                    "AND device IN ($1, $2)",
                    DB_S(d->id), DB_S(d->serial_number), DB_I(clock_now_us()));
}

enum err offboard_revoke_links(struct ctx *cx, struct db *db, const struct offboard_device *d, const char *by) {
  return db_run(cx, db,
                "UPDATE link SET revoked_at = $3, revoked_by = $4 WHERE revoked_at IS NULL AND device IN ($1, $2)",
                DB_S(d->id), DB_S(d->serial_number), DB_I(clock_now_us()), DB_S(by));
}
