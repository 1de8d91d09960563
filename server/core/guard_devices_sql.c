#include "core/guard_int.h"

#include "base/clock.h"

enum err guard_devices_page(struct ctx *cx, struct db *db, int64_t after, int most, struct guard_device **out,
                            size_t *n) {
  struct db_rows r;
  *out = ctx_alloc(cx, (size_t)most * sizeof **out);
  *n = 0;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT d.seq, g.seq, d.id, g.given FROM device d JOIN generation g ON g.seq = d.generation "
                   "WHERE d.seq > $1 AND d.checked_out_at IS NULL ORDER BY d.seq LIMIT $2",
                   DB_I(after), DB_I(most)));
  while (db_next(&r))
    (*out)[(*n)++] = (struct guard_device){
        .device = db_int(&r, 0), .generation = db_int(&r, 1), .id = db_text(&r, 2), .given = db_text(&r, 3)};
  return db_close(&r);
}

enum err guard_root_given(struct ctx *cx, struct db *db, const struct guard_device *d, struct slice *hashes, int most,
                          size_t *n) {
  struct db_rows r;
  *n = 0;
  TRY(db_open_rows(
      cx, db, &r, "SELECT hash FROM given_root WHERE device = $1 AND generation = $2 AND given_at IS NOT NULL LIMIT $3",
      DB_I(d->device), DB_I(d->generation), DB_I(most)));
  while (db_next(&r)) hashes[(*n)++] = db_blob(&r, 0);
  return db_close(&r);
}

/* ---- staged roots ---- */

enum err guard_root_add(struct ctx *cx, struct db *db, const struct pki_cert *root, const char *by) {
  struct slice hash = slice_mem(pki_cert_sha256(root), SHA256_LEN);
  /* Staged again: those who did not take it are asked again. */
  TRY(db_run(cx, db, "DELETE FROM given_root WHERE hash = $1 AND given_at IS NULL", DB_B(hash)));
  return db_run(cx, db,
                "INSERT INTO staged_root (hash, cert, staged_at, staged_by) VALUES ($1, $2, $3, $4) "
                "ON CONFLICT (hash) DO UPDATE SET staged_at = $3, staged_by = $4",
                DB_B(hash), DB_B(pki_cert_der(root)), DB_I(clock_now_us()), DB_S(by));
}

enum { ROOTS_MAX = 20 };

enum err guard_roots(struct ctx *cx, struct db *db, struct guard_root **out, size_t *n) {
  struct db_rows r;
  *out = ctx_alloc(cx, ROOTS_MAX * sizeof **out);
  *n = 0;
  TRY(db_open_rows(
      cx, db, &r,
      "SELECT s.cert, s.staged_at, s.staged_by, "
      "(SELECT count(*) FROM given_root r JOIN device d ON d.seq = r.device AND d.generation = r.generation "
      "WHERE r.hash = s.hash AND r.given_at IS NOT NULL AND d.checked_out_at IS NULL), "
      "(SELECT count(*) FROM device d WHERE d.generation IS NOT NULL AND d.checked_out_at IS NULL) "
      "FROM staged_root s ORDER BY s.staged_at DESC LIMIT $1",
      DB_I(ROOTS_MAX)));
  while (db_next(&r))
    (*out)[(*n)++] = (struct guard_root){.cert = db_blob(&r, 0),
                                         .staged_at = db_int(&r, 1),
                                         .staged_by = db_text(&r, 2),
                                         .given = db_int(&r, 3),
                                         .waiting = db_int(&r, 4) - db_int(&r, 3)};
  return db_close(&r);
}

enum err guard_root_lacking(struct ctx *cx, struct db *db, struct slice hash, int64_t after, int most,
                            struct guard_target **out, size_t *n) {
  struct db_rows r;
  *out = ctx_alloc(cx, (size_t)most * sizeof **out);
  *n = 0;
  TRY(db_open_rows(
      cx, db, &r,
      "SELECT d.seq, d.generation, e.seq FROM device d JOIN enrollment e ON e.id = d.id AND e.enabled = 1 "
      "WHERE d.seq > $2 AND d.generation IS NOT NULL AND d.checked_out_at IS NULL AND d.blocked_at IS NULL "
      "AND NOT EXISTS (SELECT 1 FROM given_root r WHERE r.device = d.seq AND r.generation = d.generation "
      "AND r.hash = $1) ORDER BY d.seq LIMIT $3",
      DB_B(hash), DB_I(after), DB_I(most)));
  while (db_next(&r))
    (*out)[(*n)++] =
        (struct guard_target){.device = db_int(&r, 0), .generation = db_int(&r, 1), .enrollment = db_int(&r, 2)};
  return db_close(&r);
}

enum err guard_root_queued(struct ctx *cx, struct db *db, const struct guard_target *t, struct slice hash,
                           const char *command) {
  return db_run(cx, db,
                "INSERT INTO given_root (device, generation, hash, command) VALUES ($1, $2, $3, $4) "
                "ON CONFLICT (device, generation, hash) DO UPDATE SET command = $4",
                DB_I(t->device), DB_I(t->generation), DB_B(hash), DB_S(command));
}

enum err guard_settled(struct ctx *cx, struct db *db, int64_t enrollment, const char *command_uuid,
                       const char *status) {
  if (!slice_is(slice_of(status), "Acknowledged")) return OK;
  return db_run(cx, db,
                "UPDATE given_root SET given_at = $3 WHERE command = $1 "
                "AND device = (SELECT device FROM enrollment WHERE seq = $2)",
                DB_S(command_uuid), DB_I(enrollment), DB_I(clock_now_us()));
}
