/* Who asks: people with a session, programs with a token, the command line with DATA/admin.token, the setting api-key.

   Threads: any; what changes something runs inside a job. */
#ifndef POMONA_CORE_ACCOUNT_H
#define POMONA_CORE_ACCOUNT_H

#include "core/core.h"
#include "lib/db.h"

#define ACCOUNT_TOKEN_FILE "admin.token"
enum { ACCOUNT_NAME_MOST = 64 };

enum role { ROLE_NONE, ROLE_VIEWER, ROLE_OPERATOR, ROLE_ADMIN }; /* each may what those before it may */
const char *role_word(enum role r);                              /* "viewer" …; "" for ROLE_NONE */
bool role_named(const char *word, enum role *r);                 /* false for "" and NULL */

enum actor_kind { ACTOR_NONE, ACTOR_ACCOUNT, ACTOR_TOKEN, ACTOR_ADMIN_TOKEN, ACTOR_API_KEY };
const char *actor_word(enum actor_kind k); /* "none", "account", "token", "admin-token", "api-key" */
/* Of one request; texts live in its context. */
struct actor {
  enum actor_kind kind;
  enum role role;
  const char *name;     /* for records: of the account, "token:NAME", "admin", "api-key"; "" for ACTOR_NONE */
  const char *scopes;   /* of a token, separated by spaces; NULL: all */
  int64_t account;      /* row; 0: none */
  int64_t login;        /* row of its session; 0: none */
  const char *csrf;     /* what a change by cookie must bring as X-CSRF-Token; NULL: none is asked for */
  int64_t ends_at;      /* its session, whatever is done, or its token; 0: it does not end */
  int64_t idle_ends_at; /* its session, when nothing is done */
};

/* Names of accounts and tokens: 1 to 64 of a-z 0-9 . _ - @, not "admin" or "api-key", which stand for others in
   records. E_INVALID. */
MUST_CHECK enum err account_name_check(struct ctx *cx, const char *name);

/* Makes DATA/admin.token (mode 0600) when it is absent. */
MUST_CHECK enum err account_prepare(struct ctx *cx, const char *data);
/* By a token of whatever kind; constant time. That it was used is written at most once a minute. E_UNAUTHORIZED: it is
   none, has ended or was revoked, in the same words. */
MUST_CHECK enum err account_by_token(struct ctx *cx, struct core *core, struct slice token, struct actor *out);

#endif
