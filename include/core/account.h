/* Who asks: people with a session, programs with a token, the command line with DATA/admin.token, the setting api-key.

   Threads: any; what changes something runs inside a job. */
#ifndef POMONA_CORE_ACCOUNT_H
#define POMONA_CORE_ACCOUNT_H

#include "core/core.h"
#include "lib/db.h"

#define ACCOUNT_TOKEN_FILE "admin.token"

enum role { ROLE_NONE, ROLE_VIEWER, ROLE_OPERATOR, ROLE_ADMIN }; /* each may what those before it may */
const char *role_word(enum role r); /* "viewer" …; "" for ROLE_NONE */
bool role_named(const char *word, enum role *r);

enum actor_kind { ACTOR_NONE, ACTOR_ACCOUNT, ACTOR_TOKEN, ACTOR_ADMIN_TOKEN, ACTOR_API_KEY };
/* Of one request; texts live in its context. */
struct actor {
  enum actor_kind kind;
  enum role role;
  const char *name;    /* for the record: of the account or token, "admin", "api-key" */
  const char *scopes;  /* of a token, separated by spaces; NULL: all */
  int64_t account;     /* row; 0: none */
  int64_t login;       /* row of its session; 0: none */
  const char *csrf;    /* what a change by cookie must bring as X-CSRF-Token; NULL: none is asked for */
};

/* Makes DATA/admin.token (mode 0600) when it is absent. */
MUST_CHECK enum err account_prepare(struct ctx *cx, const char *data);
/* Reader's connection. By a token of whatever kind; constant time. E_UNAUTHORIZED: it is none, has ended or was revoked,
   in the same words. */
MUST_CHECK enum err account_by_token(struct ctx *cx, struct db *db, struct core *core, struct slice token,
                                     struct actor *out);

#endif
