/* What is over is kept for history-days: settled commands, events, refused requests, ended renewals, sessions that
   nobody used. What decides anything stays: what waits, identities, and the erasure of a device that has not come back.
 */
#ifndef POMONA_CORE_HISTORY_H
#define POMONA_CORE_HISTORY_H

#include "core/core.h"

/* A chore: lets go of what is older. */
MUST_CHECK enum err history_chore(struct ctx *cx, struct core *core);

#endif
