#include "base/clock.h"
#include "core/pushcert_request_int.h"

#include <string.h>

enum err pushcert_request_put(struct ctx *cx, struct db *db, const struct pushcert_made *made, struct slice sealed,
                              const char *by, int64_t at) {
  return db_run(cx, db,
                "INSERT INTO push_key (public_hash, key_sealed, csr, topic, created_at, created_by)"
                " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (public_hash) DO UPDATE SET csr = excluded.csr,"
                " topic = excluded.topic, created_at = excluded.created_at, created_by = excluded.created_by,"
                " used_at = NULL",
                DB_B(slice_mem(made->public_hash, 32)), DB_B(sealed), DB_B(made->csr), DB_S(made->topic), DB_I(at),
                DB_S(by));
}

static struct pushcert_request request_of(struct db_rows *r) {
  struct slice hash = db_blob(r, 5);
  struct pushcert_request q = {.seq = db_int(r, 0),
                               .topic = db_text(r, 1),
                               .created_at = db_int(r, 2),
                               .used_at = db_int(r, 3),
                               .created_by = db_text(r, 4),
                               .csr = db_blob(r, 6)};
  if (hash.n == sizeof q.public_hash) memcpy(q.public_hash, hash.p, hash.n);
  return q;
}

#define REQUEST "SELECT seq, topic, created_at, used_at, created_by, public_hash, csr FROM push_key "

enum err pushcert_requests(struct ctx *cx, struct db *db, struct pushcert_request **out, size_t *n) {
  struct db_rows r;
  int64_t room = 0;
  *n = 0;
  TRY(db_one_int(cx, db, &room, "SELECT count(*) FROM push_key"));
  *out = ctx_alloc(cx, ((size_t)room + 1) * sizeof **out);
  TRY(db_open_rows(cx, db, &r, REQUEST "ORDER BY created_at DESC, seq DESC"));
  while (*n < (size_t)room && db_next(&r)) (*out)[(*n)++] = request_of(&r);
  return db_close(&r);
}

static enum err one_request(struct ctx *cx, struct db_rows *r, struct pushcert_request *out) {
  bool found = db_next(r);
  if (found) *out = request_of(r);
  TRY(db_close(r));
  return found ? OK : FAIL(cx, E_NOT_FOUND, "there is no such request; `pomona pushcert csr --list` lists them");
}

enum err pushcert_request_of(struct ctx *cx, struct db *db, const uint8_t public_hash[32],
                             struct pushcert_request *out) {
  struct db_rows r;
  TRY(db_open_rows(cx, db, &r, REQUEST "WHERE public_hash = $1", DB_B(slice_mem(public_hash, 32))));
  return one_request(cx, &r, out);
}

enum err pushcert_request_find(struct ctx *cx, struct db *db, int64_t seq, struct pushcert_request *out) {
  struct db_rows r;
  if (seq) {
    TRY(db_open_rows(cx, db, &r, REQUEST "WHERE seq = $1", DB_I(seq)));
    return one_request(cx, &r, out);
  }
  TRY(db_open_rows(cx, db, &r, REQUEST "WHERE used_at IS NULL ORDER BY created_at DESC, seq DESC LIMIT 1"));
  enum err e = one_request(cx, &r, out);
  if (e != E_NOT_FOUND) return e;
  ctx_clear_error(cx);
  return FAIL(cx, e, "no request waits for its certificate: make one with `pomona pushcert csr`");
}

/* ---- vendor certificates ---- */

enum err pushcert_vendor_put(struct ctx *cx, struct db *db, const struct pushcert_vendor *v, struct slice sealed,
                             const char *by, int64_t at) {
  struct db_val hash = DB_B(slice_mem(v->hash, sizeof v->hash));
  /* What is given again becomes the newest, perhaps with another chain. */
  TRY(db_run(cx, db, "DELETE FROM vendor_cert WHERE hash = $1", hash));
  return db_run(
      cx, db,
      "INSERT INTO vendor_cert (hash, chain, key_sealed, subject, not_after, chain_ends, imported_at, imported_by)"
      " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
      hash, DB_T(v->chain_pem), DB_B(sealed), DB_S(v->subject), DB_I(v->not_after), DB_I(v->chain_ends), DB_I(at),
      DB_S(by));
}

#define VENDOR                                                                                                         \
  "SELECT seq, subject, not_after, chain_ends, imported_at, imported_by, hash, chain, key_sealed FROM vendor_cert "

static struct pushcert_vendor vendor_of(struct db_rows *r) {
  struct slice hash = db_blob(r, 6);
  struct pushcert_vendor v = {.seq = db_int(r, 0),
                              .subject = db_text(r, 1),
                              .not_after = db_int(r, 2),
                              .chain_ends = db_int(r, 3),
                              .imported_at = db_int(r, 4),
                              .imported_by = db_text(r, 5),
                              .chain_pem = slice_of(db_text(r, 7))};
  if (hash.n == sizeof v.hash) memcpy(v.hash, hash.p, hash.n);
  return v;
}

enum err pushcert_vendors(struct ctx *cx, struct db *db, struct pushcert_vendor **out, size_t *n) {
  struct db_rows r;
  int64_t room = 0;
  *n = 0;
  TRY(db_one_int(cx, db, &room, "SELECT count(*) FROM vendor_cert"));
  *out = ctx_alloc(cx, ((size_t)room + 1) * sizeof **out);
  TRY(db_open_rows(cx, db, &r, VENDOR "ORDER BY seq DESC"));
  while (*n < (size_t)room && db_next(&r)) (*out)[(*n)++] = vendor_of(&r);
  return db_close(&r);
}

enum err pushcert_vendor_row(struct ctx *cx, struct db *db, struct pushcert_vendor *out, struct slice *sealed) {
  struct db_rows r;
  bool found;
  TRY(db_open_rows(cx, db, &r, VENDOR "ORDER BY seq DESC LIMIT 1"));
  if ((found = db_next(&r))) {
    *out = vendor_of(&r);
    *sealed = db_blob(&r, 8);
  }
  TRY(db_close(&r));
  return found ? OK
               : FAIL(cx, E_NOT_FOUND,
                      "no MDM vendor certificate is here: give one with `pomona pushcert sign --vendor FILE…`, or "
                      "have mdmcert.download sign it with `pomona pushcert sign --mdmcert EMAIL`");
}

/* ---- mdmcert.download ---- */

enum err pushcert_exchange_put(struct ctx *cx, struct db *db, const struct pushcert_exchange *x, struct slice sealed,
                               int64_t at) {
  return db_run(
      cx, db, "INSERT INTO mdmcert_exchange (push_key, cert, key_sealed, email, asked_at) VALUES ($1, $2, $3, $4, $5)",
      DB_I(x->request), DB_B(x->cert), DB_B(sealed), DB_S(x->email), DB_I(at));
}

enum err pushcert_exchanges(struct ctx *cx, struct db *db, struct pushcert_exchange *out, size_t most, size_t *n) {
  struct db_rows r;
  *n = 0;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT seq, push_key, email, cert, key_sealed FROM mdmcert_exchange ORDER BY seq DESC LIMIT $1",
                   DB_I(most)));
  while (*n < most && db_next(&r))
    out[(*n)++] = (struct pushcert_exchange){.seq = db_int(&r, 0),
                                             .request = db_int(&r, 1),
                                             .email = db_text(&r, 2),
                                             .cert = db_blob(&r, 3),
                                             .key_pem = db_blob(&r, 4)};
  return db_close(&r);
}

enum err pushcert_mdmcert_opened(struct ctx *cx, struct db *db, int64_t exchange) {
  return db_run(cx, db, "UPDATE mdmcert_exchange SET opened_at = $2 WHERE seq = $1", DB_I(exchange),
                DB_I(clock_now_us()));
}
