/* What the files of user share. */
#ifndef POMONA_CORE_USER_INT_H
#define POMONA_CORE_USER_INT_H

#include "core/user.h"

/* ---- user_sql.c; what changes something, inside a job ---- */
/* Either by name, or by row when that is not 0; all when neither is given. */
MUST_CHECK enum err user_sql_list(struct ctx *cx, struct db *db, const char *name, int64_t account, struct user **out,
                                  size_t *n);
MUST_CHECK enum err user_sql_credentials(struct ctx *cx, struct db *db, const char *name, struct user_credentials *out,
                                         bool *found);
MUST_CHECK enum err user_sql_can_log_in(struct ctx *cx, struct db *db, int64_t *n);
MUST_CHECK enum err user_sql_other_admins(struct ctx *cx, struct db *db, int64_t account, int64_t *n);
MUST_CHECK enum err user_sql_add(struct ctx *cx, struct db *db, const char *name, enum role role, const char *by,
                                 int64_t now);
MUST_CHECK enum err user_sql_change(struct ctx *cx, struct db *db, int64_t account, enum role role,
                                    int64_t disabled_at);
MUST_CHECK enum err user_sql_remove(struct ctx *cx, struct db *db, int64_t account);
MUST_CHECK enum err user_sql_drop_passkeys(struct ctx *cx, struct db *db, int64_t account);
MUST_CHECK enum err user_sql_set_password(struct ctx *cx, struct db *db, int64_t account, struct slice made,
                                          int64_t now);
MUST_CHECK enum err user_sql_keep_password(struct ctx *cx, struct db *db, int64_t account, struct slice made);
MUST_CHECK enum err user_sql_end_logins(struct ctx *cx, struct db *db, int64_t account);

struct setup_row {
  struct setup link;
  char *purpose, *role; /* role NULL: of the first account */
  int64_t used_at, disabled_at;
};
MUST_CHECK enum err setup_sql_find(struct ctx *cx, struct db *db, struct slice digest, struct setup_row *out,
                                   bool *found);
/* account 0: of the first account. */
MUST_CHECK enum err setup_sql_add(struct ctx *cx, struct db *db, struct slice digest, const struct setup *link,
                                  const char *by, int64_t now);
MUST_CHECK enum err setup_sql_drop(struct ctx *cx, struct db *db, int64_t account); /* those that were not used */
MUST_CHECK enum err setup_sql_used(struct ctx *cx, struct db *db, struct slice digest, int64_t now);

struct totp_row {
  struct slice sealed; /* p NULL: none */
  int64_t at, step;    /* at 0: it does not count yet */
  char *name;
};
MUST_CHECK enum err totp_sql_read(struct ctx *cx, struct db *db, int64_t account, struct totp_row *out);
/* sealed p NULL: none any more. at 0: it does not count yet. */
MUST_CHECK enum err totp_sql_write(struct ctx *cx, struct db *db, int64_t account, struct slice sealed, int64_t at,
                                   int64_t step);
MUST_CHECK enum err totp_sql_step(struct ctx *cx, struct db *db, int64_t account, int64_t step);
MUST_CHECK enum err recovery_code_sql_drop(struct ctx *cx, struct db *db, int64_t account);
MUST_CHECK enum err recovery_code_sql_add(struct ctx *cx, struct db *db, int64_t account, struct slice digest);
/* *n: 1 when there was one that was not used. */
MUST_CHECK enum err recovery_code_sql_use(struct ctx *cx, struct db *db, int64_t account, struct slice digest,
                                          int64_t now, int64_t *n);

#endif
