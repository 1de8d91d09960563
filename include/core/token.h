/* Tokens of programs: "pomona_" and 43 characters of base64url; shown once, kept as SHA-256. */
#ifndef POMONA_CORE_TOKEN_H
#define POMONA_CORE_TOKEN_H

#include "core/account.h"

struct api_token {
  int64_t token, created_at, expires_at, used_at, revoked_at; /* times 0: never */
  const char *name, *scopes, *created_by;                     /* scopes NULL: all that its role may */
  enum role role;
};
/* Inside a job. E_INVALID: its name; E_CONFLICT: there is or was one so named, and records tell of it. *text: the
   token, in cx, wiped with it. */
MUST_CHECK enum err token_new(struct ctx *cx, struct db *db, const struct api_token *t, char **text);
MUST_CHECK enum err token_find(struct ctx *cx, struct db *db, const char *name,
                               struct api_token *out); /* E_NOT_FOUND */
MUST_CHECK enum err token_list(struct ctx *cx, struct db *db, struct api_token **out,
                               size_t *n);                                         /* newest first, at most 1,000 */
MUST_CHECK enum err token_revoke(struct ctx *cx, struct db *db, const char *name); /* inside a job; E_NOT_FOUND */

#endif
