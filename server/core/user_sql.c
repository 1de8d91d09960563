#include "core/user_int.h"

enum { USERS_MOST = 1000 };

/* Every edit makes it another version; a log-in is none: who edits meanwhile must not be told of a conflict. */
#define USER_NEW_VERSION "version = version + 1"

enum err user_sql_list(struct ctx *cx, struct db *db, const char *name, int64_t account, struct user **out, size_t *n) {
  struct db_rows r;
  *out = ctx_alloc(cx, (name || account ? 1 : USERS_MOST) * sizeof **out);
  *n = 0;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT a.seq, a.version, a.name, a.role, a.password IS NOT NULL, a.totp_at IS NOT NULL, "
                   "a.created_at, a.disabled_at, a.last_login_at, a.created_by, "
                   "(SELECT count(*) FROM recovery_code c WHERE c.account = a.seq AND c.used_at IS NULL), "
                   "(SELECT count(*) FROM passkey k WHERE k.account = a.seq) FROM account a "
                   "WHERE a.name = coalesce($1, a.name) AND a.seq = coalesce($2, a.seq) ORDER BY a.name LIMIT $3",
                   DB_S(name), DB_NULL_IF(account == 0, DB_I(account)), DB_I(name || account ? 1 : USERS_MOST)));
  while (db_next(&r)) {
    struct user *u = &(*out)[(*n)++];
    *u = (struct user){.account = db_int(&r, 0),
                       .version = db_int(&r, 1),
                       .name = db_text(&r, 2),
                       .has_password = db_int(&r, 4) != 0,
                       .has_totp = db_int(&r, 5) != 0,
                       .created_at = db_int(&r, 6),
                       .disabled_at = db_int(&r, 7),
                       .last_login_at = db_int(&r, 8),
                       .created_by = db_text(&r, 9),
                       .recovery_codes = (int)db_int(&r, 10),
                       .passkeys = (int)db_int(&r, 11)};
    (void)role_named(db_text(&r, 3), &u->role);
  }
  return db_close(&r);
}

enum err user_sql_credentials(struct ctx *cx, struct db *db, const char *name, struct user_credentials *out,
                              bool *found) {
  struct db_rows r;
  *out = (struct user_credentials){0};
  TRY(db_open_rows(cx, db, &r,
                   "SELECT seq, password, password_at, disabled_at IS NOT NULL, totp_at IS NOT NULL FROM account "
                   "WHERE name = $1",
                   DB_S(name)));
  *found = db_next(&r);
  if (*found)
    *out = (struct user_credentials){.account = db_int(&r, 0),
                                     .password = db_blob(&r, 1),
                                     .password_at = db_int(&r, 2),
                                     .disabled = db_int(&r, 3) != 0,
                                     .has_totp = db_int(&r, 4) != 0};
  return db_close(&r);
}

enum err user_sql_can_log_in(struct ctx *cx, struct db *db, int64_t *n) {
  return db_one_int(cx, db, n, "SELECT count(*) FROM account WHERE password IS NOT NULL AND disabled_at IS NULL");
}

enum err user_sql_other_admins(struct ctx *cx, struct db *db, int64_t account, int64_t *n) {
  return db_one_int(cx, db, n,
                    "SELECT count(*) FROM account WHERE password IS NOT NULL AND disabled_at IS NULL AND "
                    "role = 'admin' AND seq <> $1",
                    DB_I(account));
}

enum err user_sql_add(struct ctx *cx, struct db *db, const char *name, enum role role, const char *by, int64_t now) {
  return db_run(cx, db, "INSERT INTO account (name, role, created_at, created_by) VALUES ($1, $2, $3, $4)", DB_S(name),
                DB_S(role_word(role)), DB_I(now), DB_S(by));
}

enum err user_sql_change(struct ctx *cx, struct db *db, int64_t account, enum role role, int64_t disabled_at) {
  return db_run(cx, db, "UPDATE account SET role = $1, disabled_at = $2, " USER_NEW_VERSION " WHERE seq = $3",
                DB_S(role_word(role)), DB_NULL_IF(disabled_at == 0, DB_I(disabled_at)), DB_I(account));
}

enum err user_sql_end_logins(struct ctx *cx, struct db *db, int64_t account) {
  return db_run(cx, db, "DELETE FROM login WHERE account = $1", DB_I(account));
}

enum err user_sql_drop_passkeys(struct ctx *cx, struct db *db, int64_t account) {
  return db_run(cx, db, "DELETE FROM passkey WHERE account = $1", DB_I(account));
}

enum err user_sql_remove(struct ctx *cx, struct db *db, int64_t account) {
  TRY(user_sql_end_logins(cx, db, account));
  TRY(db_run(cx, db, "DELETE FROM recovery_code WHERE account = $1", DB_I(account)));
  TRY(user_sql_drop_passkeys(cx, db, account));
  TRY(db_run(cx, db, "DELETE FROM setup_link WHERE account = $1", DB_I(account)));
  return db_run(cx, db, "DELETE FROM account WHERE seq = $1", DB_I(account));
}

enum err user_sql_set_password(struct ctx *cx, struct db *db, int64_t account, struct slice made, int64_t now) {
  return db_run(cx, db, "UPDATE account SET password = $1, password_at = $2, " USER_NEW_VERSION " WHERE seq = $3",
                DB_B(made), DB_I(now), DB_I(account));
}

enum err user_sql_keep_password(struct ctx *cx, struct db *db, int64_t account, struct slice made) {
  return db_run(cx, db, "UPDATE account SET password = $1 WHERE seq = $2", DB_B(made), DB_I(account));
}

/* ---- links ---- */

enum err setup_sql_find(struct ctx *cx, struct db *db, struct slice digest, struct setup_row *out, bool *found) {
  struct db_rows r;
  *out = (struct setup_row){0};
  TRY(db_open_rows(cx, db, &r,
                   "SELECT s.purpose, s.account, s.expires_at, s.used_at, a.name, a.role, a.disabled_at "
                   "FROM setup_link s LEFT JOIN account a ON a.seq = s.account WHERE s.digest = $1",
                   DB_B(digest)));
  *found = db_next(&r);
  if (*found)
    *out = (struct setup_row){.link = {.account = db_int(&r, 1), .expires_at = db_int(&r, 2), .name = db_text(&r, 4)},
                              .purpose = db_text(&r, 0),
                              .used_at = db_int(&r, 3),
                              .role = db_text(&r, 5),
                              .disabled_at = db_int(&r, 6)};
  return db_close(&r);
}

enum err setup_sql_add(struct ctx *cx, struct db *db, struct slice digest, const struct setup *link, const char *by,
                       int64_t now) {
  return db_run(cx, db,
                "INSERT INTO setup_link (digest, purpose, account, created_at, created_by, expires_at) "
                "VALUES ($1, $2, $3, $4, $5, $6)",
                DB_B(digest), DB_S(setup_word(link->purpose)), DB_NULL_IF(link->account == 0, DB_I(link->account)),
                DB_I(now), DB_S(by), DB_I(link->expires_at));
}

enum err setup_sql_drop(struct ctx *cx, struct db *db, int64_t account) {
  return db_run(cx, db, "DELETE FROM setup_link WHERE coalesce(account, 0) = $1 AND used_at IS NULL", DB_I(account));
}

enum err setup_sql_used(struct ctx *cx, struct db *db, struct slice digest, int64_t now) {
  return db_run(cx, db, "UPDATE setup_link SET used_at = $1 WHERE digest = $2", DB_I(now), DB_B(digest));
}

/* ---- the second factor ---- */

enum err totp_sql_read(struct ctx *cx, struct db *db, int64_t account, struct totp_row *out) {
  struct db_rows r;
  TRY(db_open_rows(cx, db, &r, "SELECT totp_sealed, totp_at, totp_step, name FROM account WHERE seq = $1",
                   DB_I(account)));
  bool found = db_next(&r);
  if (found)
    *out =
        (struct totp_row){.sealed = db_blob(&r, 0), .at = db_int(&r, 1), .step = db_int(&r, 2), .name = db_text(&r, 3)};
  TRY(db_close(&r));
  return found ? OK : FAIL(cx, E_NOT_FOUND, "this account is not there any more");
}

enum err totp_sql_write(struct ctx *cx, struct db *db, int64_t account, struct slice sealed, int64_t at, int64_t step) {
  return db_run(
      cx, db, "UPDATE account SET totp_sealed = $1, totp_at = $2, totp_step = $3, " USER_NEW_VERSION " WHERE seq = $4",
      DB_B(sealed), DB_NULL_IF(at == 0, DB_I(at)), DB_I(step), DB_I(account));
}

enum err totp_sql_step(struct ctx *cx, struct db *db, int64_t account, int64_t step) {
  return db_run(cx, db, "UPDATE account SET totp_step = $1 WHERE seq = $2", DB_I(step), DB_I(account));
}

enum err recovery_code_sql_drop(struct ctx *cx, struct db *db, int64_t account) {
  TRY(db_run(cx, db, "UPDATE account SET " USER_NEW_VERSION " WHERE seq = $1", DB_I(account)));
  return db_run(cx, db, "DELETE FROM recovery_code WHERE account = $1", DB_I(account));
}

enum err recovery_code_sql_add(struct ctx *cx, struct db *db, int64_t account, struct slice digest) {
  return db_run(cx, db, "INSERT INTO recovery_code (account, digest) VALUES ($1, $2)", DB_I(account), DB_B(digest));
}

enum err recovery_code_sql_use(struct ctx *cx, struct db *db, int64_t account, struct slice digest, int64_t now,
                               int64_t *n) {
  return db_run_n(cx, db, n,
                  "UPDATE recovery_code SET used_at = $1 WHERE account = $2 AND digest = $3 AND used_at IS NULL",
                  DB_I(now), DB_I(account), DB_B(digest));
}
