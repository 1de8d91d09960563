/* What happened: rows written in the same transaction as what they tell of (an outbox).

   Kinds are dotted words: device.authenticated, device.enrolled, device.checked-out, identity.misused, command.settled
   … */
#ifndef POMONA_CORE_EVENT_H
#define POMONA_CORE_EVENT_H

#include "lib/db.h"
#include "lib/json.h"

/* enrollment: its id, or NULL. data: members of the event, or NULL. Inside a job only. */
MUST_CHECK enum err event_add(struct ctx *cx, struct db *db, const char *kind, const char *enrollment, struct js *data);

#endif
