/* Renewal of identities, in waves: InstallProfile of the enrollment profile as it was given, with only the SCEP
   payload, its UUID and the challenge new. Rules "Identities": one canary, then 5, then a few a minute; the first
   failure halts all; checked first through public-url; never while the device awaits configuration; expires and is
   retried. */
#ifndef POMONA_CORE_RENEWAL_H
#define POMONA_CORE_RENEWAL_H

#include "core/core.h"
#include "lib/db.h"

/* A chore: starts what is due, ends what is over. */
MUST_CHECK enum err renewal_chore(struct ctx *cx, struct core *core);
/* Inside a job, at delivery: the InstallProfile of this renewal, with its CommandUUID. */
MUST_CHECK enum err renewal_render(struct ctx *cx, struct db *db, struct core *core, int64_t renewal,
                                   struct slice *plist);
/* Inside a job: its command was settled with this status (any command's uuid may be asked about). */
MUST_CHECK enum err renewal_settled(struct ctx *cx, struct db *db, struct core *core, const char *command_uuid,
                                    const char *status);
/* Inside a job: this identity completed a TokenUpdate or a command session for the first time: the renewal that made it
   is done, the former identities of its generation count for 7 more days. */
MUST_CHECK enum err renewal_identity_seen(struct ctx *cx, struct db *db, struct core *core, const uint8_t hash[32]);

#endif
