#include "core/refused_int.h"

/* Without a proof: a hash of zero length, which is unique beside the id as others are. */
static struct slice key_of(struct slice hash) { return hash.p ? hash : slice_mem("", 0); }

enum err refused_save(struct ctx *cx, struct db *db, const struct refused_row *row) {
  TRY(db_run(
      cx, db,
      "INSERT INTO refused (id, hash, cert, reason, message_type, serial_number, address, first_at, last_at, count) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (id, hash) DO UPDATE SET "
      "cert = coalesce(excluded.cert, refused.cert), reason = excluded.reason, message_type = excluded.message_type, "
      "serial_number = coalesce(excluded.serial_number, refused.serial_number), address = excluded.address, "
      "last_at = excluded.last_at, count = refused.count + excluded.count",
      DB_S(row->id), DB_B(key_of(row->hash)), DB_B(row->cert), DB_S(row->reason), DB_S(row->message_type),
      DB_S(row->serial_number), DB_S(row->address), DB_I(row->first_at), DB_I(row->last_at), DB_I(row->count)));
  return db_run(cx, db,
                "DELETE FROM refused WHERE id = $1 AND length(hash) > 0 AND seq NOT IN "
                "(SELECT seq FROM refused WHERE id = $1 AND length(hash) > 0 ORDER BY last_at DESC LIMIT $2)",
                DB_S(row->id), DB_I(REFUSED_CERTS_MAX));
}

static int64_t at_most(int64_t n, int64_t most) { return n < 0 ? 0 : n > most ? most : n; }

static enum err drop_unproved(struct ctx *cx, struct db *db, int64_t too_many, int64_t *n) {
  return db_run_n(cx, db, n,
                  "DELETE FROM refused WHERE seq IN "
                  "(SELECT seq FROM refused WHERE length(hash) = 0 ORDER BY last_at LIMIT $1)",
                  DB_I(too_many));
}

static enum err drop_oldest(struct ctx *cx, struct db *db, int64_t too_many, int64_t *n) {
  return db_run_n(cx, db, n, "DELETE FROM refused WHERE seq IN (SELECT seq FROM refused ORDER BY last_at LIMIT $1)",
                  DB_I(too_many));
}

/* A row less is not always an id less: the caller asks again until nothing is too many. */
enum err refused_trim(struct ctx *cx, struct db *db, int most, int64_t *n) {
  int64_t unproved, ids;
  TRY(db_one_int(cx, db, &unproved, "SELECT count(*) FROM refused WHERE length(hash) = 0"));
  TRY(db_one_int(cx, db, &ids, "SELECT count(*) FROM (SELECT 1 FROM refused GROUP BY id)"));
  int64_t too_many = at_most(ids - REFUSED_IDS_MAX, most);
  *n = 0;
  if (unproved > REFUSED_UNPROVED_MAX) return drop_unproved(cx, db, at_most(unproved - REFUSED_UNPROVED_MAX, most), n);
  if (too_many == 0) return OK;
  return unproved ? drop_unproved(cx, db, too_many, n) : drop_oldest(cx, db, too_many, n);
}

enum err refused_list(struct ctx *cx, struct db *db, const char *id, int64_t before, int most, struct refused_row **out,
                      size_t *n) {
  struct db_rows r;
  *out = ctx_alloc(cx, (size_t)most * sizeof **out);
  *n = 0;
  TRY(db_open_rows(
      cx, db, &r,
      "SELECT seq, id, reason, message_type, serial_number, address, hash, cert, first_at, last_at, count, "
      "EXISTS (SELECT 1 FROM device d WHERE d.id = refused.id) FROM refused "
      "WHERE id = coalesce($1, id) AND last_at < $2 ORDER BY last_at DESC LIMIT $3",
      DB_S(id), DB_I(before ? before : INT64_MAX), DB_I(most)));
  while (db_next(&r)) {
    struct slice hash = db_blob(&r, 6);
    (*out)[(*n)++] = (struct refused_row){.seq = db_int(&r, 0),
                                          .id = db_text(&r, 1),
                                          .reason = db_text(&r, 2),
                                          .message_type = db_text(&r, 3),
                                          .serial_number = db_text(&r, 4),
                                          .address = db_text(&r, 5),
                                          .hash = hash.n ? hash : (struct slice){0},
                                          .cert = db_blob(&r, 7),
                                          .first_at = db_int(&r, 8),
                                          .last_at = db_int(&r, 9),
                                          .count = db_int(&r, 10),
                                          .known = db_int(&r, 11) != 0};
  }
  return db_close(&r);
}

enum err refused_forget(struct ctx *cx, struct db *db, const char *id) {
  return db_run(cx, db, "DELETE FROM refused WHERE id = $1", DB_S(id));
}
