/* What account.c asks of its SQL. */
#ifndef POMONA_CORE_ACCOUNT_INT_H
#define POMONA_CORE_ACCOUNT_INT_H

#include "core/account.h"

struct account_token {
  char *name, *role, *scopes;
  int64_t token, expires_at, revoked_at, used_at; /* token 0: there is none */
};
MUST_CHECK enum err account_sql_token(struct ctx *cx, struct db *db, struct slice digest, struct account_token *out);
/* Inside a job. */
MUST_CHECK enum err account_sql_token_used(struct ctx *cx, struct db *db, int64_t token, int64_t now);

#endif
