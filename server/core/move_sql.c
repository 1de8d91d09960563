#include "core/move_int.h"

#define LISTENS "e.topic = $1 AND e.enabled = 1 AND e.id = d.id"

enum err move_has_listeners(struct ctx *cx, struct db *db, const char *topic, bool *any) {
  int64_t n;
  TRY(db_one_int(cx, db, &n,
                 "SELECT EXISTS (SELECT 1 FROM enrollment e JOIN device d ON d.seq = e.device WHERE " LISTENS ")",
                 DB_S(topic)));
  *any = n != 0;
  return OK;
}

enum err move_open(struct ctx *cx, struct db *db, const char *topic, struct move_open out[2], size_t *n) {
  struct db_rows r;
  *n = 0;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT seq, topic, reached IS NOT NULL FROM move WHERE ended_at IS NULL"
                   " AND ($1 IS NULL OR topic = $1)"
                   " ORDER BY seq DESC LIMIT 2",
                   DB_S(topic)));
  while (*n < 2 && db_next(&r)) out[(*n)++] = (struct move_open){db_int(&r, 0), db_text(&r, 1), db_int(&r, 2) != 0};
  return db_close(&r);
}

enum err move_add(struct ctx *cx, struct db *db, const char *topic, const char *reason, const char *by, int64_t at) {
  return db_run(cx, db, "INSERT INTO move (topic, started_at, started_by, reason, reached) VALUES ($1, $2, $3, $4, 0)",
                DB_S(topic), DB_I(at), DB_S(by), DB_S(reason));
}

enum err move_close(struct ctx *cx, struct db *db, int64_t move, int64_t at) {
  return db_run(cx, db, "UPDATE move SET ended_at = $2 WHERE seq = $1", DB_I(move), DB_I(at));
}

/* ---- listing the devices ---- */

enum err move_planning(struct ctx *cx, struct db *db, struct move_planning *out) {
  struct db_rows r;
  *out = (struct move_planning){0};
  TRY(db_open_rows(cx, db, &r,
                   "SELECT seq, reached, topic FROM move WHERE reached IS NOT NULL AND ended_at IS NULL"
                   " ORDER BY seq LIMIT 1"));
  if (db_next(&r))
    *out = (struct move_planning){.seq = db_int(&r, 0), .reached = db_int(&r, 1), .topic = db_text(&r, 2)};
  return db_close(&r);
}

enum err move_reached(struct ctx *cx, struct db *db, int64_t move, int64_t reached) {
  return db_run(cx, db, "UPDATE move SET reached = $2 WHERE seq = $1", DB_I(move),
                DB_NULL_IF(reached == 0, DB_I(reached)));
}

enum err move_listed(struct ctx *cx, struct db *db, int64_t after, struct move_open *out) {
  struct db_rows r;
  *out = (struct move_open){0};
  TRY(db_open_rows(cx, db, &r,
                   "SELECT seq, topic FROM move WHERE ended_at IS NULL AND reached IS NULL AND seq > $1"
                   " ORDER BY seq LIMIT 1",
                   DB_I(after)));
  if (db_next(&r)) *out = (struct move_open){.seq = db_int(&r, 0), .topic = db_text(&r, 1)};
  return db_close(&r);
}

enum err move_candidates(struct ctx *cx, struct db *db, const struct move_wanted *w, int most,
                         struct move_candidate **out, size_t *n) {
  struct db_rows r;
  *n = 0;
  *out = ctx_alloc(cx, (size_t)most * sizeof **out);
  TRY(db_open_rows(cx, db, &r,
                   "SELECT e.seq, e.device, e.type LIKE 'User Enrollment%', g.origin = 'migrated',"
                   " g.origin = 'adopted', g.awaiting_configuration, g.session IS NOT NULL,"
                   " coalesce(d.supervised, 0) = 1"
                   " OR EXISTS (SELECT 1 FROM escrow s WHERE s.device = e.device AND s.kind = 'bypass-code')"
                   " FROM enrollment e JOIN device d ON d.seq = e.device LEFT JOIN generation g ON g.seq = d.generation"
                   " WHERE " LISTENS " AND e.seq > $2"
                   " AND NOT EXISTS (SELECT 1 FROM move_device v WHERE v.move = $4 AND v.device = e.device)"
                   " ORDER BY e.seq LIMIT $3",
                   DB_S(w->topic), DB_I(w->after), DB_I(most), DB_I(w->move)));
  while (*n < (size_t)most && db_next(&r))
    (*out)[(*n)++] = (struct move_candidate){.enrollment = db_int(&r, 0),
                                             .device = db_int(&r, 1),
                                             .facts = {.user_enrollment = db_int(&r, 2) != 0,
                                                       .migrated = db_int(&r, 3) != 0,
                                                       .adopted = db_int(&r, 4) != 0,
                                                       .awaiting = db_int(&r, 5) != 0,
                                                       .by_link = db_int(&r, 6) != 0,
                                                       .supervised = db_int(&r, 7) != 0}};
  return db_close(&r);
}

enum err move_add_device(struct ctx *cx, struct db *db, int64_t move, int64_t device, const char *way) {
  return db_run(cx, db,
                "INSERT INTO move_device (move, device, way) VALUES ($1, $2, $3)"
                " ON CONFLICT (move, device) DO NOTHING",
                DB_I(move), DB_I(device), DB_S(way));
}

/* ---- following ---- */

enum err move_arrivals(struct ctx *cx, struct db *db, int most, struct move_arrival **out, size_t *n) {
  struct db_rows r;
  *n = 0;
  *out = ctx_alloc(cx, (size_t)most * sizeof **out);
  TRY(db_open_rows(cx, db, &r,
                   "SELECT m.seq, v.device, g.enrolled_at FROM move m JOIN move_device v ON v.move = m.seq"
                   " JOIN device d ON d.seq = v.device JOIN generation g ON g.seq = d.generation"
                   " WHERE m.ended_at IS NULL AND v.done_at IS NULL AND g.topic <> m.topic"
                   " AND g.enrolled_at IS NOT NULL LIMIT $1",
                   DB_I(most)));
  while (*n < (size_t)most && db_next(&r))
    (*out)[(*n)++] = (struct move_arrival){.move = db_int(&r, 0), .device = db_int(&r, 1), .at = db_int(&r, 2)};
  return db_close(&r);
}

enum err move_mark_done(struct ctx *cx, struct db *db, const struct move_arrival *a) {
  return db_run(cx, db, "UPDATE move_device SET done_at = $3 WHERE move = $1 AND device = $2", DB_I(a->move),
                DB_I(a->device), DB_I(a->at));
}

/* ---- links ---- */

enum err move_missing(struct ctx *cx, struct db *db, int64_t move, int64_t after, int most, struct move_link **out,
                      size_t *n) {
  struct db_rows r;
  *n = 0;
  *out = ctx_alloc(cx, (size_t)most * sizeof **out);
  TRY(db_open_rows(cx, db, &r,
                   "SELECT v.device, d.id, d.serial_number FROM move_device v JOIN device d ON d.seq = v.device"
                   " WHERE v.move = $1 AND v.device > $2 AND v.done_at IS NULL AND d.blocked_at IS NULL"
                   " ORDER BY v.device LIMIT $3",
                   DB_I(move), DB_I(after), DB_I(most)));
  while (*n < (size_t)most && db_next(&r))
    (*out)[(*n)++] = (struct move_link){.device = db_int(&r, 0), .id = db_text(&r, 1), .serial_number = db_text(&r, 2)};
  return db_close(&r);
}

enum err move_set_link(struct ctx *cx, struct db *db, int64_t move, int64_t device) {
  return db_run(cx, db, "UPDATE move_device SET link = (SELECT max(seq) FROM link) WHERE move = $1 AND device = $2",
                DB_I(move), DB_I(device));
}

/* ---- for people ---- */

static enum err count_devices(struct ctx *cx, struct db *db, struct move *m) {
  struct db_rows r;
  TRY(db_open_rows(cx, db, &r, "SELECT count(*), count(link), count(done_at) FROM move_device WHERE move = $1",
                   DB_I(m->seq)));
  if (db_next(&r)) m->devices = db_int(&r, 0), m->linked = db_int(&r, 1), m->done = db_int(&r, 2);
  return db_close(&r);
}

enum err move_last(struct ctx *cx, struct db *db, const char *topic, struct move *out) {
  struct db_rows r;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT seq, topic, reason, started_by, started_at, ended_at, reached IS NOT NULL FROM move"
                   " WHERE $1 IS NULL OR topic = $1 ORDER BY ended_at IS NOT NULL, seq DESC LIMIT 1",
                   DB_S(topic)));
  bool found = db_next(&r);
  if (found)
    *out = (struct move){.seq = db_int(&r, 0),
                         .topic = db_text(&r, 1),
                         .reason = db_text(&r, 2),
                         .started_by = db_text(&r, 3),
                         .started_at = db_int(&r, 4),
                         .ended_at = db_int(&r, 5),
                         .planning = db_int(&r, 6) != 0};
  TRY(db_close(&r));
  if (!found)
    return FAIL(cx, E_NOT_FOUND, "no devices are being moved%s%s: `pomona pushcert move start` begins it",
                topic ? " off " : "", topic ? topic : "");
  return count_devices(cx, db, out);
}

enum err move_devices(struct ctx *cx, struct db *db, int64_t move, int64_t start, int most, struct move_device **out,
                      size_t *n) {
  struct db_rows r;
  *n = 0;
  *out = ctx_alloc(cx, (size_t)most * sizeof **out);
  TRY(db_open_rows(cx, db, &r,
                   "SELECT v.device, d.id, d.serial_number, d.device_name, v.way, e.last_seen, v.done_at, l.created_at,"
                   " l.expires_at, l.uses > 0 FROM move_device v JOIN device d ON d.seq = v.device"
                   " LEFT JOIN enrollment e ON e.id = d.id LEFT JOIN link l ON l.seq = v.link"
                   " WHERE v.move = $1 ORDER BY v.done_at IS NOT NULL, v.done_at, v.device LIMIT $2 OFFSET $3",
                   DB_I(move), DB_I(most), DB_I(start)));
  while (*n < (size_t)most && db_next(&r))
    (*out)[(*n)++] = (struct move_device){.device = db_int(&r, 0),
                                          .id = db_text(&r, 1),
                                          .serial_number = db_text(&r, 2),
                                          .name = db_text(&r, 3),
                                          .way = move_way_named(db_text(&r, 4)),
                                          .last_seen = db_int(&r, 5),
                                          .done_at = db_int(&r, 6),
                                          .link_made_at = db_int(&r, 7),
                                          .link_expires_at = db_int(&r, 8),
                                          .link_used = db_int(&r, 9) != 0};
  return db_close(&r);
}
