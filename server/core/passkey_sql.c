#include "core/passkey_int.h"

/* The account is shown with how many it has: each change makes it another version. */
static enum err new_version(struct ctx *cx, struct db *db, int64_t account) {
  return db_run(cx, db, "UPDATE account SET version = version + 1 WHERE seq = $1", DB_I(account));
}

enum err passkey_list(struct ctx *cx, struct db *db, int64_t account, struct passkey **out, size_t *n) {
  struct db_rows r;
  *out = ctx_alloc(cx, PASSKEYS_MOST * sizeof **out);
  *n = 0;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT seq, name, credential, created_at, used_at FROM passkey WHERE account = $1 "
                   "ORDER BY seq LIMIT $2",
                   DB_I(account), DB_I(PASSKEYS_MOST)));
  while (db_next(&r))
    (*out)[(*n)++] = (struct passkey){.passkey = db_int(&r, 0),
                                      .account = account,
                                      .name = db_text(&r, 1),
                                      .credential = {.id = db_blob(&r, 2)},
                                      .created_at = db_int(&r, 3),
                                      .used_at = db_int(&r, 4)};
  return db_close(&r);
}

enum err passkey_sql_find(struct ctx *cx, struct db *db, struct slice credential, struct passkey_owned *out,
                          bool *found) {
  struct db_rows r;
  *out = (struct passkey_owned){0};
  TRY(db_open_rows(cx, db, &r,
                   "SELECT k.seq, k.account, k.algorithm, k.public_key, k.counter, a.name FROM passkey k "
                   "JOIN account a ON a.seq = k.account WHERE k.credential = $1 AND a.disabled_at IS NULL",
                   DB_B(credential)));
  *found = db_next(&r);
  if (*found) {
    out->key = (struct passkey){
        .passkey = db_int(&r, 0),
        .account = db_int(&r, 1),
        .credential = {.algorithm = db_int(&r, 2), .id = credential, .key = db_blob(&r, 3), .counter = db_int(&r, 4)}};
    out->owner = db_text(&r, 5);
  }
  return db_close(&r);
}

enum err passkey_sql_held(struct ctx *cx, struct db *db, struct slice credential, bool *held) {
  int64_t n;
  TRY(db_one_int(cx, db, &n, "SELECT count(*) FROM passkey WHERE credential = $1", DB_B(credential)));
  *held = n > 0;
  return OK;
}

enum err passkey_sql_add(struct ctx *cx, struct db *db, struct passkey *k) {
  TRY(new_version(cx, db, k->account));
  return db_one_int(cx, db, &k->passkey,
                    "INSERT INTO passkey (account, name, credential, algorithm, public_key, counter, created_at) "
                    "VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING seq",
                    DB_I(k->account), DB_S(k->name), DB_B(k->credential.id), DB_I(k->credential.algorithm),
                    DB_B(k->credential.key), DB_I(k->credential.counter), DB_I(k->created_at));
}

enum err passkey_sql_used(struct ctx *cx, struct db *db, int64_t passkey, int64_t counter, int64_t now) {
  return db_run(cx, db, "UPDATE passkey SET counter = $1, used_at = $2 WHERE seq = $3", DB_I(counter), DB_I(now),
                DB_I(passkey));
}

enum err passkey_sql_rename(struct ctx *cx, struct db *db, int64_t account, int64_t passkey, const char *name,
                            int64_t *n) {
  return db_run_n(cx, db, n, "UPDATE passkey SET name = $1 WHERE seq = $2 AND account = $3", DB_S(name), DB_I(passkey),
                  DB_I(account));
}

enum err passkey_remove(struct ctx *cx, struct db *db, int64_t account, int64_t passkey) {
  int64_t n;
  TRY(new_version(cx, db, account));
  TRY(db_run_n(cx, db, &n, "DELETE FROM passkey WHERE seq = $1 AND account = $2", DB_I(passkey), DB_I(account)));
  return n ? OK : FAIL(cx, E_NOT_FOUND, "there is no such passkey of yours");
}
