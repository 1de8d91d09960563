/* What the guards ask of their SQL. */
#ifndef POMONA_CORE_GUARD_INT_H
#define POMONA_CORE_GUARD_INT_H

#include "core/guard.h"

/* A live identity of another CA than ours: bound to an enrollment in force, not ended. DER. */
struct guard_identity {
  struct slice hash, cert;
  struct slice issuers; /* that its chain needs beside the accepted CAs; p NULL: none */
};
/* By pages in the order of their hashes: `after` is that of the last one before, empty at first. Fewer than `most` is
   the end. */
MUST_CHECK enum err guard_identities(struct ctx *cx, struct db *db, struct slice after, int64_t now, size_t most,
                                     struct guard_identity *out, size_t *n);

/* The device CAs that were accepted last, PEM; NULL before the first start. */
MUST_CHECK enum err guard_cas_load(struct ctx *cx, struct db *db, char **pem);
MUST_CHECK enum err guard_cas_save(struct ctx *cx, struct db *db, const char *pem);

#endif
