#include "core/scep_int.h"

#include "base/clock.h"

static struct slice hash_slice(const uint8_t *hash) { return slice_mem(hash, SHA256_LEN); }

static void read_session(struct db_rows *r, struct scep_session *out) {
  *out = (struct scep_session){.seq = db_int(r, 0),
                               .id = db_text(r, 1),
                               .device = db_text(r, 2),
                               .given = db_text(r, 3),
                               .renews = db_int(r, 4) != 0,
                               .link = db_int(r, 5),
                               .link_open = db_int(r, 6) != 0,
                               .expires_at = db_int(r, 7),
                               .issues_max = db_int(r, 8),
                               .issues = db_int(r, 9),
                               .key_hash = db_blob(r, 10),
                               .generation = db_int(r, 11),
                               .renewal_open = db_int(r, 12) != 0,
                               .seen = db_int(r, 13) != 0};
}

#define SESSION_COLUMNS                                                                                                \
  "s.seq, s.id, s.device, s.given, s.kind = 'renew', s.link, "                                                         \
  "s.link IS NULL OR (l.uses < l.uses_max AND l.revoked_at IS NULL), s.expires_at, s.issues_max, s.issues, "           \
  "s.key_hash, r.generation, coalesce(r.ended_at IS NULL AND d.generation = r.generation AND d.blocked_at IS NULL "    \
  "AND d.checked_out_at IS NULL, 0), "                                                                                 \
  "EXISTS (SELECT 1 FROM identity i WHERE i.session = s.seq AND i.seen_at IS NOT NULL) "                               \
  "FROM enroll_session s LEFT JOIN link l ON l.seq = s.link LEFT JOIN renewal r ON r.session = s.seq "                 \
  "LEFT JOIN device d ON d.seq = r.device "

enum err scep_session_by_challenge(struct ctx *cx, struct db *db, const uint8_t hash[32], struct scep_session *out) {
  struct db_rows r;
  *out = (struct scep_session){0};
  TRY(db_open_rows(cx, db, &r, "SELECT " SESSION_COLUMNS "WHERE s.challenge_hash = $1", DB_B(hash_slice(hash))));
  if (db_next(&r)) read_session(&r, out);
  return db_close(&r);
}

enum err scep_session_redeem(struct ctx *cx, struct db *db, const struct scep_session *s, const uint8_t key_hash[32],
                             bool spend_link) {
  TRY(db_run(cx, db, "UPDATE enroll_session SET issues = issues + 1, key_hash = $2 WHERE seq = $1", DB_I(s->seq),
             DB_B(hash_slice(key_hash))));
  if (!spend_link || s->link == 0) return OK;
  return db_run(cx, db, "UPDATE link SET uses = uses + 1 WHERE seq = $1", DB_I(s->link));
}

static enum err one_cert(struct db_rows *r, struct slice *cert) {
  *cert = db_next(r) ? db_blob(r, 0) : (struct slice){0};
  return db_close(r);
}

enum err scep_issued_in(struct ctx *cx, struct db *db, int64_t session, struct slice *cert) {
  struct db_rows r;
  TRY(db_open_rows(
      cx, db, &r, "SELECT cert FROM identity WHERE session = $1 AND voided_at IS NULL ORDER BY created_at DESC LIMIT 1",
      DB_I(session)));
  return one_cert(&r, cert);
}

enum err scep_issued_for(struct ctx *cx, struct db *db, const uint8_t renewed[32], const char *transaction_id,
                         struct slice *cert) {
  struct db_rows r;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT i.cert FROM identity o JOIN identity i ON i.device_id = o.device_id WHERE o.hash = $1 "
                   "AND i.transaction_id = $2 AND i.voided_at IS NULL AND i.created_at > o.created_at "
                   "ORDER BY i.created_at DESC LIMIT 1",
                   DB_B(hash_slice(renewed)), DB_S(transaction_id)));
  return one_cert(&r, cert);
}

enum err scep_void(struct ctx *cx, struct db *db, const struct scep_session *s) {
  return db_run(cx, db,
                "UPDATE identity SET voided_at = $2 WHERE session = $1 AND voided_at IS NULL "
                "AND (device_id IS NULL OR ($3 = 1 AND seen_at IS NULL))",
                DB_I(s->seq), DB_I(clock_now_us()), DB_I(s->renews));
}

enum err scep_renewed_load(struct ctx *cx, struct db *db, const uint8_t hash[32], struct scep_renewed *out) {
  struct db_rows r;
  *out = (struct scep_renewed){0};
  TRY(db_open_rows(
      cx, db, &r,
      "SELECT i.voided_at IS NOT NULL OR coalesce(i.ends_at <= $3, 0), "
      "coalesce(i.generation = d.generation AND d.blocked_at IS NULL AND d.checked_out_at IS NULL, 0), i.device_id, "
      "i.session, i.generation, (SELECT count(*) FROM identity n WHERE n.device_id = i.device_id AND n.created_at > "
      "$2) "
      "FROM identity i LEFT JOIN device d ON d.id = i.device_id WHERE i.hash = $1",
      DB_B(hash_slice(hash)), DB_I(clock_now_us() - US_DAY), DB_I(clock_now_us())));
  if (db_next(&r))
    *out = (struct scep_renewed){.known = true,
                                 .voided = db_int(&r, 0) != 0,
                                 .current = db_int(&r, 1) != 0,
                                 .device_id = db_text(&r, 2),
                                 .session = db_int(&r, 3),
                                 .generation = db_int(&r, 4),
                                 .lately = db_int(&r, 5)};
  return db_close(&r);
}

enum err scep_renew_session(struct ctx *cx, struct db *db, const struct scep_renewed *old, const char *id,
                            const uint8_t challenge_hash[32], int64_t expires_at, int64_t *seq) {
  return db_one_int(
      cx, db, seq,
      "INSERT INTO enroll_session (id, kind, link, device, challenge_hash, created_at, expires_at, issues_max, given) "
      "SELECT $1, 'renew', s.link, $6, $2, $3, $4, 1, s.given FROM enroll_session s WHERE s.seq = $5 RETURNING seq",
      DB_S(id), DB_B(hash_slice(challenge_hash)), DB_I(clock_now_us()), DB_I(expires_at), DB_I(old->session),
      DB_S(old->device_id));
}
