/* Guards against cutting enrolled devices off: a changed public-url, a TLS certificate whose root they were not given,
   a device CA that their identities chain to. Rules "Enrollment links and profiles", Guards. */
#ifndef POMONA_CORE_GUARD_H
#define POMONA_CORE_GUARD_H

#include "core/core.h"
#include "lib/db.h"
#include "lib/pki_cert.h"

/* At the start and at a reload, on a reader's connection: E_CONFLICT with the numbers and the way out when enrolled
   devices would be cut off and accept-cut-off is not set. */
MUST_CHECK enum err guard_url(struct ctx *cx, struct core *core, struct db *db);
/* chain: leaf first, of the TLS certificate that is to be used. */
MUST_CHECK enum err guard_tls(struct ctx *cx, struct core *core, struct db *db, struct pki_cert *const *chain,
                              size_t n);
/* cas: those that would be accepted from now on; kept, when it is OK, for the next time. Waits for a write then. */
MUST_CHECK enum err guard_device_ca(struct ctx *cx, struct core *core, struct db *db, struct pki_cert *const *cas,
                                    size_t n);
/* A chore: ServerURLs that devices still hold and that are not public-url are asked for /healthz. */
MUST_CHECK enum err guard_probe_chore(struct ctx *cx, struct core *core);

#endif
