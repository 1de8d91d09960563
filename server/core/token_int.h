/* What token.c asks of its SQL. */
#ifndef POMONA_CORE_TOKEN_INT_H
#define POMONA_CORE_TOKEN_INT_H

#include "core/token.h"

/* name NULL: all. */
MUST_CHECK enum err token_sql_list(struct ctx *cx, struct db *db, const char *name, struct api_token **out, size_t *n);
MUST_CHECK enum err token_sql_add(struct ctx *cx, struct db *db, const struct api_token *t, struct slice digest);
MUST_CHECK enum err token_sql_revoke(struct ctx *cx, struct db *db, int64_t token, int64_t now);

#endif
