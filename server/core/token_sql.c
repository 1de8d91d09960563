#include "core/token_int.h"

enum { TOKENS_MOST = 1000 };

enum err token_sql_list(struct ctx *cx, struct db *db, const char *name, struct api_token **out, size_t *n) {
  struct db_rows r;
  *out = ctx_alloc(cx, (name ? 1 : TOKENS_MOST) * sizeof **out);
  *n = 0;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT seq, name, role, scopes, created_at, created_by, expires_at, used_at, revoked_at "
                   "FROM api_token WHERE name = coalesce($1, name) ORDER BY seq DESC LIMIT $2",
                   DB_S(name), DB_I(name ? 1 : TOKENS_MOST)));
  while (db_next(&r)) {
    struct api_token *t = &(*out)[(*n)++];
    *t = (struct api_token){.token = db_int(&r, 0),
                            .name = db_text(&r, 1),
                            .scopes = db_text(&r, 3),
                            .created_at = db_int(&r, 4),
                            .created_by = db_text(&r, 5),
                            .expires_at = db_int(&r, 6),
                            .used_at = db_int(&r, 7),
                            .revoked_at = db_int(&r, 8)};
    (void)role_named(db_text(&r, 2), &t->role);
  }
  return db_close(&r);
}

enum err token_sql_add(struct ctx *cx, struct db *db, const struct api_token *t, struct slice digest) {
  return db_run(cx, db,
                "INSERT INTO api_token (name, digest, role, scopes, created_at, created_by, expires_at) "
                "VALUES ($1, $2, $3, $4, $5, $6, $7)",
                DB_S(t->name), DB_B(digest), DB_S(role_word(t->role)), DB_S(t->scopes), DB_I(t->created_at),
                DB_S(t->created_by), DB_NULL_IF(t->expires_at == 0, DB_I(t->expires_at)));
}

enum err token_sql_revoke(struct ctx *cx, struct db *db, int64_t token, int64_t now) {
  return db_run(cx, db, "UPDATE api_token SET revoked_at = $1 WHERE seq = $2", DB_I(now), DB_I(token));
}
