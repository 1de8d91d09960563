/* Devices of another server: check-in messages replayed without their devices (NanoMDM's /migration), and NanoMDM's
   file storage. A migrated device is in force at once; its first contact within migration-window binds its identity. */
#ifndef POMONA_CORE_MIGRATE_H
#define POMONA_CORE_MIGRATE_H

#include "core/checkin.h"

/* Inside a job: Authenticate, TokenUpdate (of devices and users), SetBootstrapToken, as a device would have sent them,
   told by an operator. Authenticate of a device that is in force here: E_CONFLICT, it would lose its place. */
MUST_CHECK enum err migrate_checkin(struct ctx *cx, struct db *db, void *checkin);

#endif
