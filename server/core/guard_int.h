/* What the guards share. */
#ifndef POMONA_CORE_GUARD_INT_H
#define POMONA_CORE_GUARD_INT_H

#include "core/guard.h"

/* What an enrolled device was given: of its generation in force. */
struct guard_device {
  int64_t device, generation;
  char *id;
  char *given; /* JSON; NULL: not known, it was migrated */
};
/* Calls each for every enrolled device, by pages; the device lives for the call. */
MUST_CHECK enum err guard_each(struct ctx *cx, struct db *db,
                               enum err (*each)(struct ctx *cx, const struct guard_device *d, void *arg), void *arg);
MUST_CHECK enum err guard_devices_page(struct ctx *cx, struct db *db, int64_t after, int most,
                                       struct guard_device **out, size_t *n);

/* Hashes of the roots that it acknowledged beside those of its profile. */
MUST_CHECK enum err guard_root_given(struct ctx *cx, struct db *db, const struct guard_device *d, struct slice *hashes,
                                     int most, size_t *n);

/* Writes a fact by a job of its own. Never inside one. */
MUST_CHECK enum err guard_remember(struct ctx *cx, struct core *core, const char *name, const char *value);

struct guard_root {
  struct slice cert; /* DER */
  int64_t staged_at;
  char *staged_by;
  int64_t given, waiting;
};
MUST_CHECK enum err guard_roots(struct ctx *cx, struct db *db, struct guard_root **out, size_t *n);
MUST_CHECK enum err guard_root_add(struct ctx *cx, struct db *db, const struct pki_cert *root, const char *by);
/* Device channels that were not given this root, at most `most`. */
struct guard_target {
  int64_t device, generation, enrollment;
};
MUST_CHECK enum err guard_root_lacking(struct ctx *cx, struct db *db, struct slice hash, int64_t after, int most,
                                       struct guard_target **out, size_t *n);
MUST_CHECK enum err guard_root_queued(struct ctx *cx, struct db *db, const struct guard_target *t, struct slice hash,
                                      const char *command);

/* A header of an answer, NULL when absent. */
const char *guard_header(const struct nh_reply *reply, const char *name);

/* The TLS certificate in use and its chain, PEM (core/fact.h). */
#define GUARD_TLS_CHAIN "guard.tls-chain"

/* ---- device CAs ---- */

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
