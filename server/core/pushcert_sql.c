#include "core/pushcert_int.h"

#include "base/clock.h"

#include <string.h>

enum err pushcert_supersede(struct ctx *cx, struct db *db, const char *topic, int64_t at) {
  return db_run(cx, db, "UPDATE pushcert SET superseded_at = $2 WHERE topic = $1 AND superseded_at IS NULL",
                DB_S(topic), DB_I(at));
}

enum err pushcert_reinstate(struct ctx *cx, struct db *db, int64_t seq) {
  return db_run(cx, db, "UPDATE pushcert SET superseded_at = NULL WHERE seq = $1", DB_I(seq));
}

enum err pushcert_refresh(struct ctx *cx, struct db *db, int64_t seq, struct slice cert_pem, struct slice key_sealed) {
  return db_run(cx, db, "UPDATE pushcert SET cert = $2, key_sealed = $3 WHERE seq = $1", DB_I(seq), DB_B(cert_pem),
                DB_B(key_sealed));
}

enum err pushcert_insert(struct ctx *cx, struct db *db, const struct pushcert_pair *pair, struct slice key_sealed,
                         const char *by, int64_t at) {
  const struct pushcert *c = &pair->about;
  return db_run(
      cx, db,
      "INSERT INTO pushcert (topic, cert, key_sealed, hash, serial_number, subject, issuer, not_before, not_after,"
      " imported_at, imported_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
      DB_S(c->topic), DB_B(pair->cert_pem), DB_B(key_sealed), DB_B(slice_mem(pair->hash, sizeof pair->hash)),
      DB_S(c->serial_number), DB_S(c->subject), DB_S(c->issuer), DB_I(c->not_before), DB_I(c->not_after), DB_I(at),
      DB_S(by));
}

#define SELECT_COLUMNS                                                                                                 \
  "SELECT p.seq, p.topic, serial_number, subject, issuer, not_before, not_after, imported_at, superseded_at,"          \
  " imported_by, r.apple_account, r.owner, r.note, probed_at, proven_at, proof, proof_text"
#define FROM_BOTH " FROM pushcert p LEFT JOIN pushcert_record r ON r.topic = p.topic"

static void read_columns(struct db_rows *r, struct pushcert *out) {
  *out = (struct pushcert){.seq = db_int(r, 0),
                           .topic = db_text(r, 1),
                           .serial_number = db_text(r, 2),
                           .subject = db_text(r, 3),
                           .issuer = db_text(r, 4),
                           .not_before = db_int(r, 5),
                           .not_after = db_int(r, 6),
                           .imported_at = db_int(r, 7),
                           .superseded_at = db_int(r, 8),
                           .imported_by = db_text(r, 9),
                           .apple_id = db_text(r, 10),
                           .owner = db_text(r, 11),
                           .note = db_text(r, 12),
                           .probed_at = db_int(r, 13),
                           .proven_at = db_int(r, 14),
                           .proof = db_text(r, 15),
                           .proof_text = db_text(r, 16)};
}

static enum err read_one(struct db_rows *r, bool *found, struct pushcert *out) {
  *found = db_next(r);
  if (*found) read_columns(r, out);
  return db_close(r);
}

enum err pushcert_find(struct ctx *cx, struct db *db, const char *topic, struct pushcert *out) {
  struct db_rows r;
  bool found;
  TRY(db_open_rows(cx, db, &r,
                   SELECT_COLUMNS FROM_BOTH " WHERE p.topic = $1 AND superseded_at IS NULL ORDER BY p.seq DESC LIMIT 1",
                   DB_S(topic)));
  TRY(read_one(&r, &found, out));
  return found ? OK : FAIL(cx, E_NOT_FOUND, "there is no push certificate for the topic %s", topic);
}

enum err pushcert_by_seq(struct ctx *cx, struct db *db, int64_t seq, struct pushcert *out) {
  struct db_rows r;
  bool found;
  TRY(db_open_rows(cx, db, &r, SELECT_COLUMNS FROM_BOTH " WHERE p.seq = $1", DB_I(seq)));
  TRY(read_one(&r, &found, out));
  return found ? OK : FAIL(cx, E_NOT_FOUND, "there is no such push certificate");
}

enum err pushcert_by_hash(struct ctx *cx, struct db *db, const uint8_t hash[32], struct pushcert *out) {
  struct db_rows r;
  bool found;
  TRY(db_open_rows(cx, db, &r, SELECT_COLUMNS FROM_BOTH " WHERE p.hash = $1", DB_B(slice_mem(hash, 32))));
  TRY(read_one(&r, &found, out));
  return found ? OK : FAIL(cx, E_NOT_FOUND, "there is no such push certificate");
}

enum err pushcert_list(struct ctx *cx, struct db *db, struct pushcert **out, size_t *n) {
  int64_t count = 0;
  TRY(db_one_int(cx, db, &count, "SELECT count(*) FROM pushcert"));
  *out = ctx_alloc(cx, (size_t)count * sizeof **out);
  *n = 0;
  struct db_rows r;
  TRY(db_open_rows(cx, db, &r,
                   SELECT_COLUMNS
                   ", (SELECT count(*) FROM enrollment e WHERE e.topic = p.topic AND e.enabled = 1)" FROM_BOTH
                   " ORDER BY p.seq DESC LIMIT $1",
                   DB_I(count)));
  for (; db_next(&r); ++*n) {
    read_columns(&r, &(*out)[*n]);
    (*out)[*n].enrollments = db_int(&r, 17);
  }
  return db_close(&r);
}

enum err pushcert_topic(struct ctx *cx, struct db *db, char **out) {
  struct db_rows r;
  TRY(db_open_rows(
      cx, db, &r,
      "SELECT p.topic FROM pushcert p WHERE p.superseded_at IS NULL AND p.not_after > $1 ORDER BY"
      " (SELECT max(h.seq) FROM pushcert_history h WHERE h.topic = p.topic AND h.act = 'new-topic') DESC NULLS LAST,"
      " p.seq DESC LIMIT 1",
      DB_I(clock_now_us())));
  bool found = db_next(&r);
  if (found) *out = db_text(&r, 0);
  TRY(db_close(&r));
  return found ? OK : FAIL(cx, E_NOT_FOUND, "there is no push certificate that has not expired");
}

enum err pushcert_row(struct ctx *cx, struct db *db, int64_t seq, struct slice *cert_pem, struct slice *key_sealed,
                      struct slice *hash) {
  struct db_rows r;
  TRY(db_open_rows(cx, db, &r, "SELECT cert, key_sealed, hash FROM pushcert WHERE seq = $1", DB_I(seq)));
  bool found = db_next(&r);
  if (found) {
    *cert_pem = db_blob(&r, 0);
    *key_sealed = db_blob(&r, 1);
    *hash = db_blob(&r, 2);
  }
  TRY(db_close(&r));
  return found ? OK : FAIL(cx, E_NOT_FOUND, "there is no such push certificate");
}
