#include "core/calendar_int.h"

enum err calendar_events(struct ctx *cx, struct db *db, struct calendar_event **out, size_t *n) {
  int64_t count;
  struct db_rows r;
  *n = 0;
  TRY(db_one_int(cx, db, &count, "SELECT count(*) FROM calendar_event"));
  *out = ctx_alloc(cx, (size_t)count * sizeof **out);
  TRY(db_open_rows(cx, db, &r,
                   "SELECT uid, kind, topic, summary, text, attendees, at, sequence, changed_at, cancelled"
                   " FROM calendar_event ORDER BY at, uid LIMIT $1",
                   DB_I(count)));
  while (*n < (size_t)count && db_next(&r))
    (*out)[(*n)++] = (struct calendar_event){.uid = db_text(&r, 0),
                                             .kind = db_text(&r, 1),
                                             .topic = db_text(&r, 2),
                                             .summary = db_text(&r, 3),
                                             .text = db_text(&r, 4),
                                             .attendees = db_text(&r, 5),
                                             .at = db_int(&r, 6),
                                             .sequence = db_int(&r, 7),
                                             .changed_at = db_int(&r, 8),
                                             .cancelled = db_int(&r, 9) != 0};
  return db_close(&r);
}

enum err calendar_event_save(struct ctx *cx, struct db *db, const struct calendar_event *e) {
  return db_run(cx, db,
                "INSERT INTO calendar_event (uid, kind, topic, summary, text, attendees, at, sequence, changed_at,"
                " cancelled) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (uid) DO UPDATE SET"
                " kind = $2, topic = $3, summary = $4, text = $5, attendees = $6, at = $7, sequence = $8,"
                " changed_at = $9, cancelled = $10",
                DB_S(e->uid), DB_S(e->kind), DB_S(e->topic), DB_S(e->summary), DB_S(e->text), DB_S(e->attendees),
                DB_I(e->at), DB_I(e->sequence), DB_I(e->changed_at), DB_I(e->cancelled));
}

enum err calendar_events_forget(struct ctx *cx, struct db *db, int64_t cancelled_before) {
  return db_run(cx, db, "DELETE FROM calendar_event WHERE cancelled = 1 AND changed_at < $1", DB_I(cancelled_before));
}

/* ---- the secret address ---- */

enum err calendar_secret_add(struct ctx *cx, struct db *db, const uint8_t hash[32], struct slice sealed, int64_t at,
                             const char *by) {
  return db_run(cx, db,
                "INSERT INTO calendar (secret_hash, secret_sealed, created_at, created_by) VALUES ($1, $2, $3, $4)",
                DB_B(slice_mem(hash, 32)), DB_B(sealed), DB_I(at), DB_S(by));
}

enum err calendar_secret_revoke(struct ctx *cx, struct db *db, int64_t at, int64_t *n) {
  return db_run_n(cx, db, n, "UPDATE calendar SET revoked_at = $1 WHERE revoked_at IS NULL", DB_I(at));
}

enum err calendar_secret_known(struct ctx *cx, struct db *db, const uint8_t hash[32], bool *known) {
  int64_t n = 0;
  TRY(db_one_int(cx, db, &n, "SELECT count(*) FROM calendar WHERE secret_hash = $1 AND revoked_at IS NULL",
                 DB_B(slice_mem(hash, 32))));
  *known = n > 0;
  return OK;
}

enum err calendar_secret_row(struct ctx *cx, struct db *db, struct slice *hash, struct slice *sealed,
                             struct calendar_address *out) {
  struct db_rows r;
  *hash = *sealed = (struct slice){0};
  *out = (struct calendar_address){0};
  TRY(db_open_rows(cx, db, &r,
                   "SELECT secret_hash, secret_sealed, created_at, created_by FROM calendar WHERE revoked_at IS NULL"
                   " ORDER BY seq DESC LIMIT 1"));
  if (db_next(&r)) {
    *hash = db_blob(&r, 0);
    *sealed = db_blob(&r, 1);
    out->created_at = db_int(&r, 2);
    out->created_by = db_text(&r, 3);
  }
  return db_close(&r);
}
