/* What login.c asks of its SQL. */
#ifndef POMONA_CORE_LOGIN_INT_H
#define POMONA_CORE_LOGIN_INT_H

#include "core/login.h"

struct login_held {
  int64_t login, account, seen_at, ends_at; /* login 0: there is none, or its account is disabled */
  char *name, *role;
};
MUST_CHECK enum err login_sql_find(struct ctx *cx, struct db *db, struct slice digest, struct login_held *out);
/* Inside jobs. */
MUST_CHECK enum err login_sql_add(struct ctx *cx, struct db *db, struct slice digest, int64_t account,
                                  const struct login_row *row);
MUST_CHECK enum err login_sql_seen(struct ctx *cx, struct db *db, int64_t login, int64_t now);
MUST_CHECK enum err login_sql_tidy(struct ctx *cx, struct db *db, int64_t now, int64_t most, int64_t *n);

#endif
