/* What pushcert.c needs of pushcert_sql.c. */
#ifndef POMONA_CORE_PUSHCERT_INT_H
#define POMONA_CORE_PUSHCERT_INT_H

#include "core/pushcert.h"

MUST_CHECK enum err pushcert_has(struct ctx *cx, struct db *db, const uint8_t hash[32], bool *has);
/* Enabled channels that listen on topic, and on others; *other is one of those topics, NULL when there is none. */
MUST_CHECK enum err pushcert_listeners(struct ctx *cx, struct db *db, const char *topic, int64_t *here,
                                       int64_t *elsewhere, char **other);
MUST_CHECK enum err pushcert_supersede(struct ctx *cx, struct db *db, const char *topic, int64_t at);
MUST_CHECK enum err pushcert_insert(struct ctx *cx, struct db *db, const struct pushcert_pair *pair,
                                    struct slice key_sealed, const char *by, int64_t at);
/* Certificate, sealed key and hash of the one in use. */
MUST_CHECK enum err pushcert_row(struct ctx *cx, struct db *db, const char *topic, struct slice *cert_pem,
                                 struct slice *key_sealed, struct slice *hash, int64_t *not_after);

/* ---- pushcert_history_sql.c ---- */
/* Topic and last proof (NULL: none) of a certificate: E_NOT_FOUND. */
MUST_CHECK enum err pushcert_probed(struct ctx *cx, struct db *db, int64_t pushcert, char **topic, char **before);
MUST_CHECK enum err pushcert_set_proof(struct ctx *cx, struct db *db, int64_t pushcert, const char *proof,
                                       const char *text);

#endif
