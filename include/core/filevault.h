/* FileVault: a personal recovery key that was seen by somebody is replaced by a new one that the Mac makes.

   The new key comes back in the answer, encrypted for the escrow certificate (core/escrow.h). Source: Apple, "Rotate
   FileVault Key". */
#ifndef POMONA_CORE_FILEVAULT_H
#define POMONA_CORE_FILEVAULT_H

#include "core/core.h"
#include "lib/db.h"

/* Inside a job: queues a RotateFileVaultKey with the key that is in escrow, in the place of an earlier one that waits,
   and wakes the Mac. command NULL: it cannot be done, and why_not says why: no enrolled Mac, no key in
   force, a version or access rights that do not allow it. */
struct filevault_rotation {
  char *command;       /* uuid */
  const char *why_not; /* for people */
};
MUST_CHECK enum err filevault_rotate(struct ctx *cx, struct db *db, struct core *core, const char *device_id,
                                     const char *by, struct filevault_rotation *out);
/* Inside a job: a RotateFileVaultKey was settled. Without a key in the answer it may be done all the same (an earlier
   answer was lost, or the Mac escrows by its profile): SecurityInfo is asked for. */
MUST_CHECK enum err filevault_settled(struct ctx *cx, struct db *db, struct core *core, int64_t enrollment,
                                      bool told_key);

#endif
