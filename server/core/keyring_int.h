/* What keyring.c asks of its SQL. */
#ifndef POMONA_CORE_KEYRING_INT_H
#define POMONA_CORE_KEYRING_INT_H

#include "core/keyring.h"

/* cert.p is NULL when there is no such key. */
MUST_CHECK enum err keyring_load(struct ctx *cx, struct db *db, const char *name, struct slice *cert,
                                 struct slice *key_sealed);
MUST_CHECK enum err keyring_save(struct ctx *cx, struct db *db, const char *name, struct slice cert,
                                 struct slice key_sealed);
/* Names that begin so and go on, the newest first, at most `most`. */
MUST_CHECK enum err keyring_names(struct ctx *cx, struct db *db, const char *prefix, char **names, size_t most,
                                  size_t *n);
/* How many enrollments are in force: they hold the TLS CA as their root. */
MUST_CHECK enum err keyring_enrolled(struct ctx *cx, struct db *db, int64_t *n);

/* The server's own id, made at first use. */
MUST_CHECK enum err keyring_load_server_id(struct ctx *cx, struct db *db, char **id);

#endif
