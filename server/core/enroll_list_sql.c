#include "core/enroll_int.h"

#include "base/clock.h"
#include "core/vault.h"

enum err enroll_lookup(struct ctx *cx, struct db *db, const char *name, int64_t *enrollment, char **id) {
  struct db_rows r;
  int n = 0;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT e.seq, e.id, 0 FROM enrollment e WHERE e.id = $1 UNION ALL "
                   "SELECT e.seq, e.id, 1 FROM device d JOIN enrollment e ON e.id = d.id "
                   "WHERE d.serial_number = $1 AND d.id <> $1 AND d.successor IS NULL ORDER BY 3 LIMIT 2",
                   DB_S(name)));
  bool by_id = false;
  while (!by_id && db_next(&r)) {
    *enrollment = db_int(&r, 0);
    *id = db_text(&r, 1);
    by_id = db_int(&r, 2) == 0;
    n++;
  }
  TRY(db_close(&r));
  if (n == 0) return FAIL(cx, E_NOT_FOUND, "there is no enrollment %s", name);
  if (n > 1) return FAIL(cx, E_CONFLICT, "several devices have the serial number %s: use the enrollment id", name);
  return OK;
}

static void read_row(struct db_rows *r, struct enroll_info *i) {
  *i = (struct enroll_info){.enrollment = db_int(r, 0),
                            .device = db_int(r, 1),
                            .id = db_text(r, 2),
                            .type = db_text(r, 3),
                            .serial_number = db_text(r, 4),
                            .name = db_text(r, 5),
                            .model = db_text(r, 6),
                            .product_name = db_text(r, 7),
                            .os_version = db_text(r, 8),
                            .build_version = db_text(r, 9),
                            .topic = db_text(r, 10),
                            .user_short_name = db_text(r, 11),
                            .user_long_name = db_text(r, 12),
                            .state = db_text(r, 13),
                            .enrolled_at = db_int(r, 14),
                            .authenticated_at = db_int(r, 15),
                            .token_at = db_int(r, 16),
                            .checked_out_at = db_int(r, 17),
                            .last_seen = db_int(r, 18),
                            .token_update_tally = db_int(r, 19),
                            .last_address = db_text(r, 20),
                            .enabled = db_int(r, 21) != 0,
                            .awaiting_configuration = db_int(r, 22) != 0,
                            .identity_not_after = db_int(r, 23),
                            .unlock_token = db_int(r, 24) != 0,
                            .bootstrap_token = db_int(r, 25) != 0};
}

enum err enroll_list(struct ctx *cx, struct db *db, int64_t only, int64_t after, int most, struct enroll_info **out,
                     size_t *n) {
  struct db_rows r;
  *out = ctx_alloc(cx, (size_t)most * sizeof **out);
  *n = 0;
  TRY(db_open_rows(
      cx, db, &r,
      "SELECT e.seq, d.seq, e.id, e.type, d.serial_number, "
      "CASE WHEN e.id = d.id THEN coalesce(d.device_name, d.model_name, d.product_name) "
      "ELSE coalesce(e.user_long_name, e.user_short_name) END, "
      "coalesce(d.model, d.product_name), d.product_name, d.os_version, d.build_version, e.topic, e.user_short_name, "
      "e.user_long_name, "
      "CASE WHEN d.blocked_at IS NOT NULL THEN 'blocked' WHEN d.checked_out_at IS NOT NULL THEN 'checked-out' "
      "WHEN d.unenroll_at IS NOT NULL THEN 'leaving' WHEN e.enabled = 1 THEN 'enrolled' ELSE 'pending' END, "
      "g.enrolled_at, g.authenticated_at, e.token_at, d.checked_out_at, e.last_seen, e.token_update_tally, "
      "e.last_address, e.enabled, "
      "g.awaiting_configuration, "
      "(SELECT max(i.not_after) FROM identity i WHERE i.device_id = d.id AND i.generation = d.generation), "
      "g.unlock_token_sealed IS NOT NULL, g.bootstrap_token_sealed IS NOT NULL "
      "FROM enrollment e JOIN device d ON d.seq = e.device LEFT JOIN generation g ON g.seq = d.generation "
      "WHERE e.seq > $1 AND e.seq <= $2 ORDER BY e.seq LIMIT $3",
      DB_I(only ? only - 1 : after), DB_I(only ? only : INT64_MAX), DB_I(most)));
  while (db_next(&r)) read_row(&r, &(*out)[(*n)++]);
  return db_close(&r);
}

enum err enroll_secrets(struct ctx *cx, struct db *db, struct core *core, int64_t device, struct enroll_secrets *out) {
  struct db_rows r;
  struct slice sealed = {0};
  int64_t generation = 0;
  *out = (struct enroll_secrets){0};
  TRY(db_open_rows(cx, db, &r,
                   "SELECT g.seq, g.unlock_token_sealed, (SELECT i.cert FROM identity i WHERE i.device_id = d.id "
                   "AND i.generation = g.seq AND i.voided_at IS NULL ORDER BY i.created_at DESC LIMIT 1) "
                   "FROM device d JOIN generation g ON g.seq = d.generation WHERE d.seq = $1",
                   DB_I(device)));
  if (db_next(&r)) {
    generation = db_int(&r, 0);
    sealed = db_blob(&r, 1);
    out->cert = db_blob(&r, 2);
  }
  TRY(db_close(&r));
  return sealed.p ? vault_unseal(cx, core->vault, enroll_unlock_name(cx, generation), sealed, &out->unlock_token) : OK;
}

enum err enroll_device_of(struct ctx *cx, struct db *db, const struct enroll_proof *proof, char **id) {
  struct db_rows r;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT d.id FROM identity i JOIN device d ON d.id = i.device_id AND d.generation = i.generation "
                   "WHERE i.hash = $1 AND i.voided_at IS NULL AND (i.ends_at IS NULL OR i.ends_at > $2) "
                   "AND d.blocked_at IS NULL AND d.checked_out_at IS NULL AND d.unenroll_at IS NULL",
                   DB_B(slice_mem(proof->hash, SHA256_LEN)), DB_I(clock_now_us())));
  *id = db_next(&r) ? db_text(&r, 0) : NULL;
  TRY(db_close(&r));
  return *id && !proof->expired ? OK : FAIL(cx, E_REFUSED, "the identity is of no device that is enrolled now");
}

/* ---- links ---- */

static void read_link(struct db_rows *r, struct enroll_link_info *out, int64_t now) {
  *out = (struct enroll_link_info){.link = db_int(r, 0),
                                   .created_at = db_int(r, 1),
                                   .expires_at = db_int(r, 2),
                                   .revoked_at = db_int(r, 3),
                                   .uses = db_int(r, 4),
                                   .uses_max = db_int(r, 5),
                                   .downloads = db_int(r, 6),
                                   .created_by = db_text(r, 7),
                                   .revoked_by = db_text(r, 8),
                                   .device = db_text(r, 9)};
  out->state = enroll_link_state(&(struct enroll_link_row){.expires_at = out->expires_at,
                                                           .uses_max = out->uses_max,
                                                           .uses = out->uses,
                                                           .downloads = out->downloads,
                                                           .revoked = out->revoked_at != 0},
                                 now);
}

enum err enroll_links(struct ctx *cx, struct db *db, int64_t before, int most, struct enroll_link_info **out,
                      size_t *n) {
  struct db_rows r;
  int64_t now = clock_now_us();
  *out = ctx_alloc(cx, ((size_t)most + 1) * sizeof **out);
  *n = 0;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT seq, created_at, expires_at, revoked_at, uses, uses_max, downloads, created_by, revoked_by, "
                   "device FROM link WHERE seq < $1 ORDER BY seq DESC LIMIT $2",
                   DB_I(before ? before : INT64_MAX), DB_I(most)));
  while (db_next(&r)) read_link(&r, &(*out)[(*n)++], now);
  return db_close(&r);
}
