/* Everything that happened to a device, in one list: events, commands on their way, pushes, what changed in its
   inventory, secrets that were kept or looked at. On a reader's connection. */
#ifndef POMONA_CORE_TIMELINE_H
#define POMONA_CORE_TIMELINE_H

#include "core/core.h"
#include "lib/db.h"
#include "lib/json.h"

/* Newest first, at most `most`: [{"at","kind","channel","command","request_type","what","was","now","by","data"}] with
   what is known. cursor: `next` of the page before, NULL at first; *next NULL: there is no more. E_INVALID: no cursor.
 */
MUST_CHECK enum err timeline(struct ctx *cx, struct db *db, int64_t device, const char *cursor, int most,
                             struct js **out, char **next);

#endif
