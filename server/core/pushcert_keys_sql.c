#include "core/pushcert_int.h"

enum err pushcert_key_row(struct ctx *cx, struct db *db, struct slice public_hash, struct slice *sealed, int64_t *at) {
  struct db_rows r;
  bool found;
  TRY(db_open_rows(cx, db, &r, "SELECT key_sealed, created_at FROM push_key WHERE public_hash = $1",
                   DB_B(public_hash)));
  if ((found = db_next(&r))) {
    *sealed = db_blob(&r, 0);
    *at = db_int(&r, 1);
  }
  TRY(db_close(&r));
  return found ? OK : FAIL(cx, E_NOT_FOUND, "no such key was made here");
}

enum err pushcert_stored_rows(struct ctx *cx, struct db *db, struct pushcert_stored **out, size_t *n) {
  struct db_rows r;
  int64_t room = 0;
  *n = 0;
  TRY(db_one_int(cx, db, &room, "SELECT count(*) FROM pushcert"));
  *out = ctx_alloc(cx, ((size_t)room + 1) * sizeof **out);
  TRY(db_open_rows(cx, db, &r, "SELECT cert, key_sealed, hash, serial_number FROM pushcert ORDER BY seq DESC"));
  while (*n < (size_t)room && db_next(&r))
    (*out)[(*n)++] = (struct pushcert_stored){db_blob(&r, 0), db_blob(&r, 1), db_blob(&r, 2), db_text(&r, 3)};
  return db_close(&r);
}

enum err pushcert_key_used(struct ctx *cx, struct db *db, const uint8_t public_hash[32], int64_t at) {
  return db_run(cx, db, "UPDATE push_key SET used_at = $2 WHERE public_hash = $1", DB_B(slice_mem(public_hash, 32)),
                DB_I(at));
}

enum err pushcert_keys_waiting(struct ctx *cx, struct db *db, int64_t *n) {
  return db_one_int(cx, db, n, "SELECT count(*) FROM push_key WHERE used_at IS NULL");
}
