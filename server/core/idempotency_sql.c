#include "core/idempotency_int.h"

static struct slice digest_of(const struct idempotency_request *rq) { return slice_mem(rq->digest, sizeof rq->digest); }

enum err idempotency_read(struct ctx *cx, struct db *db, const struct idempotency_request *rq,
                          struct idempotency_row *out) {
  struct db_rows r;
  bool found = false;
  *out = (struct idempotency_row){0};
  TRY(db_open_rows(cx, db, &r,
                   "SELECT digest, at, status, type, body_sealed, etag FROM idempotency WHERE key = $1 AND who = $2",
                   DB_S(rq->key), DB_S(rq->who)));
  if (db_next(&r)) {
    found = true;
    *out = (struct idempotency_row){.digest = db_blob(&r, 0),
                                    .at = db_int(&r, 1),
                                    .status = db_int(&r, 2),
                                    .type = db_text(&r, 3),
                                    .sealed = db_blob(&r, 4),
                                    .etag = db_text(&r, 5)};
  }
  TRY(db_close(&r));
  return found ? OK : FAIL(cx, E_NOT_FOUND, "the key is new");
}

enum err idempotency_insert(struct ctx *cx, struct db *db, const struct idempotency_request *rq, int64_t at) {
  return db_run(cx, db, "INSERT INTO idempotency (key, who, digest, at) VALUES ($1, $2, $3, $4)", DB_S(rq->key),
                DB_S(rq->who), DB_B(digest_of(rq)), DB_I(at));
}

enum err idempotency_update(struct ctx *cx, struct db *db, const struct idempotency_request *rq,
                            const struct idempotency_row *row) {
  return db_run(
      cx, db, "UPDATE idempotency SET status = $1, type = $2, body_sealed = $3, etag = $4 WHERE key = $5 AND who = $6",
      DB_I(row->status), DB_S(row->type), DB_B(row->sealed), DB_S(row->etag), DB_S(rq->key), DB_S(rq->who));
}

enum err idempotency_delete(struct ctx *cx, struct db *db, const struct idempotency_request *rq) {
  return db_run(cx, db, "DELETE FROM idempotency WHERE key = $1 AND who = $2", DB_S(rq->key), DB_S(rq->who));
}

enum err idempotency_delete_older(struct ctx *cx, struct db *db, int64_t than, int64_t most, int64_t *n) {
  return db_run_n(cx, db, n,
                  "DELETE FROM idempotency WHERE (key, who) IN "
                  "(SELECT key, who FROM idempotency WHERE at < $1 ORDER BY at LIMIT $2)",
                  DB_I(than), DB_I(most));
}
