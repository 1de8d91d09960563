#include "core/account_int.h"

enum err account_sql_token(struct ctx *cx, struct db *db, struct slice digest, struct account_token *out) {
  struct db_rows r;
  *out = (struct account_token){0};
  TRY(db_open_rows(cx, db, &r,
                   "SELECT seq, name, role, scopes, expires_at, revoked_at, used_at FROM api_token WHERE digest = $1",
                   DB_B(digest)));
  if (db_next(&r))
    *out = (struct account_token){.token = db_int(&r, 0),
                                  .name = db_text(&r, 1),
                                  .role = db_text(&r, 2),
                                  .scopes = db_text(&r, 3),
                                  .expires_at = db_int(&r, 4),
                                  .revoked_at = db_int(&r, 5),
                                  .used_at = db_int(&r, 6)};
  return db_close(&r);
}

enum err account_sql_token_used(struct ctx *cx, struct db *db, int64_t token, int64_t now) {
  return db_run(cx, db, "UPDATE api_token SET used_at = $1 WHERE seq = $2", DB_I(now), DB_I(token));
}
