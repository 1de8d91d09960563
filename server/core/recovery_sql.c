#include "core/recovery_int.h"

/* ---- beginning ---- */

enum err recovery_former(struct ctx *cx, struct db *db, const char *topic, struct recovery_former *out) {
  struct db_rows r;
  *out = (struct recovery_former){0};
  TRY(db_open_rows(cx, db, &r,
                   "SELECT p.seq, p.not_after, p.superseded_at, CASE WHEN p.proof = 'refused' THEN p.probed_at END,"
                   " (SELECT l.since FROM apns_link l WHERE l.topic = $1 AND l.up = 0 AND l.kind = 'alert')"
                   " FROM pushcert p WHERE p.topic = $1 AND p.superseded_at IS NOT NULL"
                   " ORDER BY p.superseded_at DESC, p.seq DESC LIMIT 1",
                   DB_S(topic)));
  if (db_next(&r))
    *out = (struct recovery_former){.seq = db_int(&r, 0),
                                    .not_after = db_int(&r, 1),
                                    .superseded_at = db_int(&r, 2),
                                    .refused_at = db_int(&r, 3),
                                    .down_since = db_int(&r, 4)};
  return db_close(&r);
}

enum err recovery_begun(struct ctx *cx, struct db *db, const char *topic, int64_t since, bool *out) {
  int64_t n;
  TRY(db_one_int(cx, db, &n, "SELECT count(*) FROM recovery WHERE topic = $1 AND started_at >= $2", DB_S(topic),
                 DB_I(since)));
  *out = n > 0;
  return OK;
}

enum err recovery_add(struct ctx *cx, struct db *db, const char *topic, int64_t pushcert, int64_t dark_since,
                      int64_t at) {
  return db_run(cx, db,
                "INSERT INTO recovery (topic, pushcert, dark_since, started_at, reached) VALUES ($1, $2, $3, $4, 0)",
                DB_S(topic), DB_I(pushcert), DB_I(dark_since), DB_I(at));
}

/* ---- waking ---- */

enum err recovery_waking(struct ctx *cx, struct db *db, struct recovery_waking *out) {
  struct db_rows r;
  *out = (struct recovery_waking){0};
  TRY(db_open_rows(
      cx, db, &r,
      "SELECT seq, started_at, reached, topic FROM recovery WHERE reached IS NOT NULL ORDER BY seq LIMIT 1"));
  if (db_next(&r))
    *out = (struct recovery_waking){
        .seq = db_int(&r, 0), .started_at = db_int(&r, 1), .reached = db_int(&r, 2), .topic = db_text(&r, 3)};
  return db_close(&r);
}

enum err recovery_reached(struct ctx *cx, struct db *db, int64_t recovery, int64_t reached) {
  return db_run(cx, db, "UPDATE recovery SET reached = $2 WHERE seq = $1", DB_I(recovery),
                DB_NULL_IF(reached == 0, DB_I(reached)));
}

enum err recovery_channels(struct ctx *cx, struct db *db, const char *topic, int64_t after, int most,
                           struct recovery_channel **out, size_t *n) {
  struct db_rows r;
  *n = 0;
  *out = ctx_alloc(cx, (size_t)most * sizeof **out);
  TRY(db_open_rows(cx, db, &r,
                   "SELECT e.seq, e.device, e.last_seen, e.id = d.id, w.due_at IS NOT NULL FROM enrollment e"
                   " JOIN device d ON d.seq = e.device LEFT JOIN wake w ON w.enrollment = e.seq"
                   " WHERE e.topic = $1 AND e.seq > $2 AND e.enabled = 1 AND d.blocked_at IS NULL"
                   " ORDER BY e.seq LIMIT $3",
                   DB_S(topic), DB_I(after), DB_I(most)));
  while (*n < (size_t)most && db_next(&r))
    (*out)[(*n)++] = (struct recovery_channel){.enrollment = db_int(&r, 0),
                                               .device = db_int(&r, 1),
                                               .last_seen = db_int(&r, 2),
                                               .own = db_int(&r, 3) != 0,
                                               .due = db_int(&r, 4) != 0};
  return db_close(&r);
}

enum err recovery_add_device(struct ctx *cx, struct db *db, int64_t recovery, const struct recovery_channel *c) {
  return db_run(cx, db,
                "INSERT INTO recovery_device (recovery, device, enrollment, last_seen) VALUES ($1, $2, $3, $4)"
                " ON CONFLICT (recovery, device) DO NOTHING",
                DB_I(recovery), DB_I(c->device), DB_I(c->enrollment),
                DB_NULL_IF(c->last_seen == 0, DB_I(c->last_seen)));
}

/* ---- following ---- */

enum err recovery_returns(struct ctx *cx, struct db *db, int most, struct recovery_return **out, size_t *n) {
  struct db_rows r;
  *n = 0;
  *out = ctx_alloc(cx, (size_t)most * sizeof **out);
  TRY(db_open_rows(cx, db, &r,
                   "SELECT d.recovery, d.device, e.last_seen FROM recovery_device d"
                   " JOIN recovery r ON r.seq = d.recovery JOIN enrollment e ON e.seq = d.enrollment"
                   " WHERE d.back_at IS NULL AND e.last_seen >= r.started_at LIMIT $1",
                   DB_I(most)));
  while (*n < (size_t)most && db_next(&r))
    (*out)[(*n)++] = (struct recovery_return){.recovery = db_int(&r, 0), .device = db_int(&r, 1), .at = db_int(&r, 2)};
  return db_close(&r);
}

enum err recovery_mark_back(struct ctx *cx, struct db *db, const struct recovery_return *b) {
  return db_run(cx, db,
                "UPDATE recovery_device SET back_at = $3 WHERE recovery = $1 AND device = $2 AND back_at IS NULL",
                DB_I(b->recovery), DB_I(b->device), DB_I(b->at));
}

/* ---- for people: who was seen a moment ago is back, though not marked yet ---- */

#define BACK "coalesce(d.back_at, CASE WHEN e.last_seen >= r.started_at THEN e.last_seen END)"
#define FROM                                                                                                           \
  " FROM recovery r JOIN recovery_device d ON d.recovery = r.seq JOIN enrollment e ON e.seq = d.enrollment"            \
  " JOIN device v ON v.seq = d.device LEFT JOIN device_verdict x ON x.enrollment = d.enrollment"
#define DEVICE "SELECT d.device, v.id, v.serial_number, v.device_name, d.last_seen, " BACK ", x.slug" FROM

enum err recovery_last(struct ctx *cx, struct db *db, const char *topic, struct recovery *out) {
  struct db_rows r;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT seq, topic, dark_since, started_at, reached IS NOT NULL FROM recovery"
                   " WHERE $1 IS NULL OR topic = $1 ORDER BY seq DESC LIMIT 1",
                   DB_S(topic)));
  bool found = db_next(&r);
  if (found)
    *out = (struct recovery){.seq = db_int(&r, 0),
                             .topic = db_text(&r, 1),
                             .dark_since = db_int(&r, 2),
                             .started_at = db_int(&r, 3),
                             .waking = db_int(&r, 4) != 0};
  TRY(db_close(&r));
  if (!found)
    return FAIL(cx, E_NOT_FOUND, "no push certificate%s%s was renewed late here: nobody is waited for",
                topic ? " of the topic " : "", topic ? topic : "");
  TRY(db_one_int(cx, db, &out->devices, "SELECT count(*) FROM recovery_device WHERE recovery = $1", DB_I(out->seq)));
  return db_one_int(cx, db, &out->back, "SELECT count(" BACK ")" FROM " WHERE r.seq = $1", DB_I(out->seq));
}

static void read_devices(struct db_rows *r, struct recovery_device *out, size_t most, size_t *n) {
  while (*n < most && db_next(r))
    out[(*n)++] = (struct recovery_device){.device = db_int(r, 0),
                                           .id = db_text(r, 1),
                                           .serial_number = db_text(r, 2),
                                           .name = db_text(r, 3),
                                           .last_seen = db_int(r, 4),
                                           .back_at = db_int(r, 5),
                                           .verdict = db_text(r, 6)};
}

enum err recovery_devices(struct ctx *cx, struct db *db, int64_t recovery, int64_t start, int most,
                          struct recovery_device **out, size_t *n) {
  struct db_rows r;
  *n = 0;
  *out = ctx_alloc(cx, (size_t)most * sizeof **out);
  TRY(db_open_rows(cx, db, &r,
                   DEVICE " WHERE r.seq = $1 ORDER BY " BACK " IS NOT NULL, coalesce(" BACK
                          ", d.last_seen, 0), d.device"
                          " LIMIT $2 OFFSET $3",
                   DB_I(recovery), DB_I(most), DB_I(start)));
  read_devices(&r, *out, (size_t)most, n);
  return db_close(&r);
}

enum err recovery_missing(struct ctx *cx, struct db *db, int64_t recovery, int64_t after, int most,
                          struct recovery_device **out, size_t *n) {
  struct db_rows r;
  *n = 0;
  *out = ctx_alloc(cx, (size_t)most * sizeof **out);
  TRY(db_open_rows(cx, db, &r,
                   DEVICE " WHERE r.seq = $1 AND d.device > $2 AND v.blocked_at IS NULL AND " BACK
                          " IS NULL ORDER BY d.device LIMIT $3",
                   DB_I(recovery), DB_I(after), DB_I(most)));
  read_devices(&r, *out, (size_t)most, n);
  return db_close(&r);
}
