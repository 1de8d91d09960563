#include "core/login_int.h"

#include "base/clock.h"

enum { LIST_MOST = 1000 };

enum err login_sql_find(struct ctx *cx, struct db *db, struct slice digest, struct login_held *out) {
  struct db_rows r;
  *out = (struct login_held){0};
  TRY(db_open_rows(cx, db, &r,
                   "SELECT l.seq, l.account, l.seen_at, l.ends_at, a.name, a.role FROM login l "
                   "JOIN account a ON a.seq = l.account WHERE l.digest = $1 AND a.disabled_at IS NULL",
                   DB_B(digest)));
  if (db_next(&r))
    *out = (struct login_held){.login = db_int(&r, 0),
                               .account = db_int(&r, 1),
                               .seen_at = db_int(&r, 2),
                               .ends_at = db_int(&r, 3),
                               .name = db_text(&r, 4),
                               .role = db_text(&r, 5)};
  return db_close(&r);
}

enum err login_sql_add(struct ctx *cx, struct db *db, struct slice digest, int64_t account,
                       const struct login_row *row) {
  TRY(db_run(cx, db,
             "INSERT INTO login (digest, account, method, created_at, seen_at, ends_at, peer, agent) "
             "VALUES ($1, $2, $3, $4, $4, $5, $6, $7)",
             DB_B(digest), DB_I(account), DB_S(row->method), DB_I(row->created_at), DB_I(row->ends_at), DB_S(row->peer),
             DB_S(row->agent)));
  TRY(db_run(cx, db,
             "DELETE FROM login WHERE account = $1 AND seq NOT IN "
             "(SELECT seq FROM login WHERE account = $1 ORDER BY seq DESC LIMIT $2)",
             DB_I(account), DB_I(LOGINS_MOST)));
  return db_run(cx, db, "UPDATE account SET last_login_at = $1 WHERE seq = $2", DB_I(row->created_at), DB_I(account));
}

enum err login_sql_seen(struct ctx *cx, struct db *db, int64_t login, int64_t now) {
  return db_run(cx, db, "UPDATE login SET seen_at = $1 WHERE seq = $2 AND seen_at < $1", DB_I(now), DB_I(login));
}

enum err login_list(struct ctx *cx, struct db *db, int64_t account, struct login_row **out, size_t *n) {
  struct db_rows r;
  int64_t now = clock_now_us();
  *out = ctx_alloc(cx, LIST_MOST * sizeof **out);
  *n = 0;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT l.seq, l.created_at, l.seen_at, l.ends_at, a.name, l.method, l.peer, l.agent FROM login l "
                   "JOIN account a ON a.seq = l.account WHERE l.account = coalesce($1, l.account) "
                   "AND l.ends_at > $2 AND l.seen_at > $3 AND l.created_at <= $4 ORDER BY l.seq DESC LIMIT $5",
                   DB_NULL_IF(account == 0, DB_I(account)), DB_I(now), DB_I(now - LOGIN_IDLE_US),
                   DB_I(now + LOGIN_AHEAD_US), DB_I(LIST_MOST)));
  while (db_next(&r))
    (*out)[(*n)++] = (struct login_row){.login = db_int(&r, 0),
                                        .created_at = db_int(&r, 1),
                                        .seen_at = db_int(&r, 2),
                                        .ends_at = db_int(&r, 3),
                                        .account = db_text(&r, 4),
                                        .method = db_text(&r, 5),
                                        .peer = db_text(&r, 6),
                                        .agent = db_text(&r, 7)};
  return db_close(&r);
}

enum err login_stands(struct ctx *cx, struct db *db, int64_t login) {
  int64_t n;
  TRY(db_one_int(cx, db, &n, "SELECT count(*) FROM login WHERE seq = $1", DB_I(login)));
  return n ? OK : FAIL(cx, E_UNAUTHORIZED, "the session has ended: log in again");
}

enum err login_end(struct ctx *cx, struct db *db, int64_t login, int64_t account) {
  int64_t n;
  TRY(db_run_n(cx, db, &n, "DELETE FROM login WHERE seq = $1 AND account = coalesce($2, account)", DB_I(login),
               DB_NULL_IF(account == 0, DB_I(account))));
  return n ? OK : FAIL(cx, E_NOT_FOUND, "there is no such session");
}

enum err login_end_all(struct ctx *cx, struct db *db, int64_t account, int64_t but_login) {
  return db_run(cx, db, "DELETE FROM login WHERE account = $1 AND seq <> $2", DB_I(account), DB_I(but_login));
}

enum err login_sql_tidy(struct ctx *cx, struct db *db, int64_t now, int64_t most, int64_t *n) {
  TRY(db_run(cx, db,
             "DELETE FROM setup_link WHERE digest IN (SELECT digest FROM setup_link WHERE expires_at < $1 LIMIT $2)",
             DB_I(now - US_DAY), DB_I(most)));
  return db_run_n(cx, db, n,
                  "DELETE FROM login WHERE seq IN "
                  "(SELECT seq FROM login WHERE ends_at < $1 OR seen_at < $2 OR created_at > $3 LIMIT $4)",
                  DB_I(now), DB_I(now - LOGIN_IDLE_US), DB_I(now + LOGIN_AHEAD_US), DB_I(most));
}
