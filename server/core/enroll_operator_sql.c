#include "core/enroll_int.h"

#include "base/clock.h"
#include "lib/pki_crypto.h"

#include <string.h>

enum err enroll_device_named(struct ctx *cx, struct db *db, const char *name, char **device_id, bool *of_user) {
  enum { BY_ID, BY_USER, BY_SERIAL };
  struct db_rows r;
  int64_t by = BY_ID, n = 0;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT id, 0 FROM device WHERE id = $1 UNION ALL "
                   "SELECT d.id, 1 FROM enrollment e JOIN device d ON d.seq = e.device WHERE e.id = $1 AND d.id <> $1 "
                   "UNION ALL SELECT id, 2 FROM device WHERE serial_number = $1 AND id <> $1 AND successor IS NULL "
                   "ORDER BY 2 LIMIT 2",
                   DB_S(name)));
  while (db_next(&r)) {
    if (n && by != BY_SERIAL) continue;
    *device_id = db_text(&r, 0);
    by = db_int(&r, 1);
    n++;
  }
  TRY(db_close(&r));
  if (n == 0) return FAIL(cx, E_NOT_FOUND, "there is no device %s", name);
  if (n > 1) return FAIL(cx, E_CONFLICT, "several devices have the serial number %s: use the enrollment id", name);
  *of_user = by == BY_USER;
  return OK;
}

enum err enroll_device_set_blocked(struct ctx *cx, struct db *db, int64_t device, int64_t at, const char *by) {
  return db_run(cx, db, "UPDATE device SET blocked_at = $2, blocked_by = $3 WHERE seq = $1", DB_I(device),
                DB_NULL_IF(at == 0, DB_I(at)), DB_S(by));
}

/* ---- leaving ---- */

enum err enroll_wish_load(struct ctx *cx, struct db *db, int64_t device, struct enroll_wish *out) {
  struct db_rows r;
  *out = (struct enroll_wish){0};
  TRY(db_open_rows(cx, db, &r,
                   "SELECT d.unenroll_command, g.given, e.seq, t.waiting, "
                   "t.first_sent_at IS NOT NULL OR t.status IN ('Acknowledged', 'Error', 'CommandFormatError') "
                   "FROM device d LEFT JOIN generation g ON g.seq = d.generation LEFT JOIN enrollment e ON e.id = d.id "
                   "LEFT JOIN command c ON c.uuid = d.unenroll_command LEFT JOIN target t ON t.command = c.seq AND "
                   "t.enrollment = e.seq WHERE d.seq = $1",
                   DB_I(device)));
  if (db_next(&r))
    *out = (struct enroll_wish){.command = db_text(&r, 0),
                                .given = db_text(&r, 1),
                                .enrollment = db_int(&r, 2),
                                .waiting = db_int(&r, 3) != 0,
                                .handed = db_int(&r, 4) != 0};
  return db_close(&r);
}

enum err enroll_wish_save(struct ctx *cx, struct db *db, int64_t device, const char *command, const char *by) {
  return db_run(cx, db, "UPDATE device SET unenroll_at = $2, unenroll_by = $3, unenroll_command = $4 WHERE seq = $1",
                DB_I(device), DB_I(clock_now_us()), DB_S(by), DB_S(command));
}

/* ---- forgetting ---- */

enum err enroll_delete_targets(struct ctx *cx, struct db *db, int64_t device, int most, int64_t *n) {
  struct db_rows r;
  int64_t *gone = ctx_alloc(cx, 2 * (size_t)most * sizeof *gone);
  *n = 0;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT t.seq, t.command FROM enrollment e CROSS JOIN target t WHERE e.device = $1 "
                   "AND t.enrollment = e.seq ORDER BY t.waiting, t.seq LIMIT $2",
                   DB_I(device), DB_I(most)));
  for (; *n < most && db_next(&r); ++*n) {
    gone[2 * *n] = db_int(&r, 0);
    gone[2 * *n + 1] = db_int(&r, 1);
  }
  TRY(db_close(&r));
  for (int64_t i = 0; i < *n; i++) {
    TRY(db_run(cx, db, "DELETE FROM target WHERE seq = $1", DB_I(gone[2 * i])));
    TRY(db_run(cx, db,
               "DELETE FROM command WHERE seq = $1 AND NOT EXISTS (SELECT 1 FROM target t WHERE t.command = $1)",
               DB_I(gone[2 * i + 1])));
  }
  return OK;
}

enum err enroll_delete_device(struct ctx *cx, struct db *db, int64_t device) {
#define CHANNELS "(SELECT seq FROM enrollment WHERE device = $1)"
  TRY(db_run(cx, db, "DELETE FROM wake WHERE enrollment IN " CHANNELS, DB_I(device)));
  TRY(db_run(cx, db, "DELETE FROM ddm_status WHERE enrollment IN " CHANNELS, DB_I(device)));
  TRY(db_run(cx, db, "DELETE FROM device_verdict WHERE enrollment IN " CHANNELS, DB_I(device)));
  TRY(db_run(cx, db, "DELETE FROM inventory_answer WHERE enrollment IN " CHANNELS, DB_I(device)));
  TRY(db_run(cx, db, "DELETE FROM inventory_failed WHERE enrollment IN " CHANNELS, DB_I(device)));
  TRY(db_run(cx, db, "DELETE FROM inventory_later WHERE enrollment IN " CHANNELS, DB_I(device)));
  TRY(db_run(cx, db, "DELETE FROM inventory_list WHERE enrollment IN " CHANNELS, DB_I(device)));
  TRY(db_run(cx, db, "DELETE FROM plan_given WHERE enrollment IN " CHANNELS, DB_I(device)));
#undef CHANNELS
  TRY(db_run(cx, db, "DELETE FROM recovery_device WHERE device = $1", DB_I(device)));
  TRY(db_run(cx, db, "DELETE FROM plan_item WHERE device = $1", DB_I(device)));
  TRY(db_run(cx, db, "DELETE FROM enrollment WHERE device = $1", DB_I(device)));
  TRY(db_run(cx, db, "DELETE FROM held_token WHERE generation IN (SELECT seq FROM generation WHERE device = $1)",
             DB_I(device)));
  TRY(db_run(cx, db, "DELETE FROM move_device WHERE device = $1", DB_I(device)));
  TRY(db_run(cx, db, "DELETE FROM renewal WHERE device = $1", DB_I(device)));
  TRY(db_run(cx, db, "DELETE FROM given_root WHERE device = $1", DB_I(device)));
  TRY(db_run(cx, db, "DELETE FROM escrow WHERE device = $1", DB_I(device)));
  TRY(db_run(cx, db, "DELETE FROM escrow_reveal WHERE device = $1", DB_I(device)));
  TRY(db_run(cx, db, "DELETE FROM offboarding WHERE device = $1", DB_I(device)));
  TRY(db_run(cx, db, "DELETE FROM inventory WHERE device = $1", DB_I(device)));
  TRY(db_run(cx, db, "DELETE FROM inventory_change WHERE device = $1", DB_I(device)));
  TRY(db_run(cx, db, "DELETE FROM device_app WHERE device = $1", DB_I(device)));
  TRY(db_run(cx, db, "DELETE FROM group_member WHERE device = $1", DB_I(device)));
  TRY(db_run(cx, db, "DELETE FROM plan WHERE device = $1", DB_I(device)));
  TRY(db_run(cx, db, "DELETE FROM generation WHERE device = $1", DB_I(device)));
  return db_run(cx, db, "DELETE FROM device WHERE seq = $1", DB_I(device));
}

/* ---- adopting ---- */

enum err enroll_claims(struct ctx *cx, struct db *db, const char *id, const uint8_t *hash, struct enroll_claim *first,
                       int64_t *n) {
  struct db_rows r;
  *n = 0;
  *first = (struct enroll_claim){0};
  TRY(db_open_rows(cx, db, &r,
                   "SELECT hash, cert, serial_number FROM refused WHERE id = $1 AND cert IS NOT NULL "
                   "AND hash = coalesce($2, hash) ORDER BY last_at DESC",
                   DB_S(id), DB_B(slice_mem(hash, hash ? SHA256_LEN : 0))));
  for (; db_next(&r); ++*n) {
    struct slice of = db_blob(&r, 0);
    if (*n || of.n != sizeof first->hash) continue;
    memcpy(first->hash, of.p, of.n);
    first->cert = db_blob(&r, 1);
    first->serial_number = db_text(&r, 2);
  }
  return db_close(&r);
}

/* Its channel is there at once, so that it is listed and commands can wait for it; which kind of device it is, and how
   it is reached, its TokenUpdate tells. */
enum err enroll_adopted(struct ctx *cx, struct db *db, const struct enroll_adoption *a, int64_t *generation) {
  int64_t now = clock_now_us();
  TRY(db_one_int(
      cx, db, generation,
      "INSERT INTO generation (device, state, identity, session, authenticated_at, enrolled_at, topic, facts, given, "
      "origin) VALUES ($1, 'current', $2, $3, $4, $4, $5, '{}', $6, 'adopted') RETURNING seq",
      DB_I(a->device), DB_B(slice_mem(a->hash, SHA256_LEN)),
      DB_NULL_IF(a->identity->session == 0, DB_I(a->identity->session)), DB_I(now), DB_S(a->topic),
      DB_S(a->identity->given)));
  TRY(db_run(cx, db, "UPDATE device SET generation = $2, serial_number = $3 WHERE seq = $1", DB_I(a->device),
             DB_I(*generation), DB_S(a->serial_number)));
  return db_run(cx, db, "INSERT INTO enrollment (id, device, type, created_at) VALUES ($1, $2, 'Device', $3)",
                DB_S(a->id), DB_I(a->device), DB_I(now));
}
