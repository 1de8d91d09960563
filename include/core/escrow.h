/* Secrets of devices, kept for operators and never given to a device: PINs that lock or erase, Activation Lock bypass
   codes. Sealed; every value ever seen is kept, the same one once. */
#ifndef POMONA_CORE_ESCROW_H
#define POMONA_CORE_ESCROW_H

#include "core/core.h"
#include "lib/db.h"

enum escrow_kind { ESCROW_PIN, ESCROW_BYPASS_CODE };

/* Inside a job. device: its seq. command: uuid of the command that it stands in or came by, or NULL. */
MUST_CHECK enum err escrow_add(struct ctx *cx, struct db *db, struct core *core, int64_t device, enum escrow_kind kind,
                               struct slice value, const char *command);

#endif
