/* What the files of passkeys share. */
#ifndef POMONA_CORE_PASSKEY_INT_H
#define POMONA_CORE_PASSKEY_INT_H

#include "core/passkey.h"

/* What is remembered of a challenge; texts in cx. */
struct challenge_held {
  char *origin, *rp;
  uint8_t bytes[CHALLENGE_LEN];
};
/* It is used up, whatever comes of it. E_GONE: none of this id and session. */
MUST_CHECK enum err challenge_take(struct ctx *cx, struct core *core, const char *id, int64_t login,
                                   struct challenge_held *out);

/* Of an account that may log in. */
struct passkey_owned {
  struct passkey key;
  char *owner;
};
MUST_CHECK enum err passkey_sql_find(struct ctx *cx, struct db *db, struct slice credential, struct passkey_owned *out,
                                     bool *found);
MUST_CHECK enum err passkey_sql_held(struct ctx *cx, struct db *db, struct slice credential, bool *held);
MUST_CHECK enum err passkey_sql_add(struct ctx *cx, struct db *db, struct passkey *k); /* gives it its row */
MUST_CHECK enum err passkey_sql_used(struct ctx *cx, struct db *db, int64_t passkey, int64_t counter, int64_t now);
MUST_CHECK enum err passkey_sql_rename(struct ctx *cx, struct db *db, int64_t account, int64_t passkey,
                                       const char *name, int64_t *n); /* n: how many were */

#endif
