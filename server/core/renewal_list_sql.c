/* Renewals and identities as people ask for them. */
#include "core/renewal_int.h"

enum err renewal_list(struct ctx *cx, struct db *db, int64_t before, int most, struct renewal_row **out, size_t *n) {
  struct db_rows r;
  *n = 0;
  *out = ctx_alloc(cx, (size_t)most * sizeof **out);
  TRY(db_open_rows(cx, db, &r,
                   "SELECT r.seq, d.id, r.command, r.state, r.why, r.wave, r.created_at, r.updated_at, r.ended_at "
                   "FROM renewal r JOIN device d ON d.seq = r.device WHERE $1 = 0 OR r.seq < $1 "
                   "ORDER BY r.seq DESC LIMIT $2",
                   DB_I(before), DB_I(most)));
  while (db_next(&r))
    (*out)[(*n)++] = (struct renewal_row){.seq = db_int(&r, 0),
                                          .device = db_text(&r, 1),
                                          .command = db_text(&r, 2),
                                          .state = db_text(&r, 3),
                                          .why = db_text(&r, 4),
                                          .wave = db_int(&r, 5),
                                          .created_at = db_int(&r, 6),
                                          .updated_at = db_int(&r, 7),
                                          .ended_at = db_int(&r, 8)};
  return db_close(&r);
}

enum err renewal_totals(struct ctx *cx, struct db *db, int64_t since, int64_t *open, int64_t *done) {
  TRY(db_one_int(cx, db, open, "SELECT count(*) FROM renewal WHERE ended_at IS NULL"));
  return db_one_int(cx, db, done, "SELECT count(*) FROM renewal WHERE ended_at > $1 AND state = 'done'", DB_I(since));
}

enum err renewal_identities(struct ctx *cx, struct db *db, int64_t after, int most, struct renewal_identity **out,
                            size_t *n) {
  struct db_rows r;
  *n = 0;
  *out = ctx_alloc(cx, (size_t)most * sizeof **out);
  TRY(db_open_rows(
      cx, db, &r,
      "SELECT d.seq, d.id, i.hash, i.not_after, i.seen_at, i.session IS NOT NULL, "
      "(SELECT r.state FROM renewal r WHERE r.device = d.seq AND r.generation = d.generation ORDER BY r.seq DESC "
      "LIMIT 1) FROM device d JOIN identity i ON i.hash = (SELECT n.hash FROM identity n WHERE n.device_id = d.id "
      "AND n.generation = d.generation AND n.voided_at IS NULL ORDER BY n.not_after DESC, n.created_at DESC LIMIT 1) "
      "WHERE d.seq > $1 AND d.checked_out_at IS NULL ORDER BY d.seq LIMIT $2",
      DB_I(after), DB_I(most)));
  while (db_next(&r))
    (*out)[(*n)++] = (struct renewal_identity){.device = db_int(&r, 0),
                                               .id = db_text(&r, 1),
                                               .hash = db_blob(&r, 2),
                                               .not_after = db_int(&r, 3),
                                               .seen_at = db_int(&r, 4),
                                               .own = db_int(&r, 5) != 0,
                                               .renewal = db_text(&r, 6)};
  return db_close(&r);
}
