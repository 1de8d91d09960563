/* What the files of the hang-ups share. */
#ifndef POMONA_CORE_HANGUP_INT_H
#define POMONA_CORE_HANGUP_INT_H

#include "core/hangup.h"

enum { HANGUP_ADDRESSES_MAX = 1000 };

/* Inside a job: adds what was counted to what is known of its address. */
MUST_CHECK enum err hangup_save(struct ctx *cx, struct db *db, const struct hangup *row);
/* Inside a job: the oldest go until there are HANGUP_ADDRESSES_MAX. */
MUST_CHECK enum err hangup_trim(struct ctx *cx, struct db *db);

#endif
