#include "core/guard_int.h"

enum err guard_identities(struct ctx *cx, struct db *db, struct slice after, int64_t now, size_t most,
                          struct guard_identity *out, size_t *n) {
  struct db_rows r;
  *n = 0;
  /* coalesce, so that the order of the hashes leads, not the index on session. */
  TRY(db_open_rows(cx, db, &r,
                   "SELECT i.hash, i.cert, i.issuers FROM identity i JOIN device d ON d.id = i.device_id "
                   "WHERE i.hash > $1 AND coalesce(i.session, 0) = 0 AND i.generation = d.generation "
                   "AND d.checked_out_at IS NULL AND i.voided_at IS NULL AND i.not_after > $2 "
                   "AND (i.ends_at IS NULL OR i.ends_at > $2) ORDER BY i.hash LIMIT $3",
                   DB_B(after), DB_I(now), DB_I(most)));
  while (db_next(&r))
    out[(*n)++] = (struct guard_identity){.hash = db_blob(&r, 0), .cert = db_blob(&r, 1), .issuers = db_blob(&r, 2)};
  return db_close(&r);
}

enum err guard_cas_load(struct ctx *cx, struct db *db, char **pem) {
  struct db_rows r;
  TRY(db_open_rows(cx, db, &r, "SELECT value FROM fact WHERE name = 'device-ca.accepted'"));
  *pem = db_next(&r) ? db_text(&r, 0) : NULL;
  return db_close(&r);
}

enum err guard_cas_save(struct ctx *cx, struct db *db, const char *pem) {
  return db_run(cx, db,
                "INSERT INTO fact (name, value) VALUES ('device-ca.accepted', $1) "
                "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                DB_S(pem));
}
