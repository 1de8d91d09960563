/* Who did what, from where, and what came of it. The router writes a row for every request that changes something,
   before its answer leaves; logins and setup are among them, right or wrong. Kept for history-days. */
#ifndef POMONA_CORE_AUDIT_H
#define POMONA_CORE_AUDIT_H

#include "core/account.h"

struct audit {
  int64_t seq, at;                                        /* of rows that are read */
  const char *who, *peer, *act, *object, *trace, *detail; /* object, detail may be NULL */
  const char *kind;                                       /* actor_word */
  int status;                                             /* of HTTP */
};
MUST_CHECK enum err audit_add(struct ctx *cx, struct db *db, const struct audit *a); /* inside a job */
struct audit_query {
  const char *who, *act, *object; /* NULL: any; act: as GLOB of SQLite, "*" is anything */
  int64_t from, to;               /* times, to not included; 0: open */
  int64_t before;                 /* seq; 0: from the newest */
  bool failed;                    /* only those with a status of 400 and above */
  int most;
};
/* Reader's connection; newest first. */
MUST_CHECK enum err audit_list(struct ctx *cx, struct db *db, const struct audit_query *q, struct audit **out,
                               size_t *n);
MUST_CHECK enum err audit_chore(struct ctx *cx, struct core *core);

#endif
