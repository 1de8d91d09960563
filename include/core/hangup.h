/* Connections to the devices' listener that ended without a request: a device that does not trust our certificate says
   no more than this. Bounded: 1,000 addresses, the oldest go.

   Gathered in memory, written within a second. Threads: hangup_note from any; a thread of its own writes. */
#ifndef POMONA_CORE_HANGUP_H
#define POMONA_CORE_HANGUP_H

#include "core/core.h"
#include "lib/db.h"

MUST_CHECK enum err hangup_start(struct ctx *cx, struct hangups **out, struct core *core);
void hangup_stop(struct hangups *h); /* after the listeners; NULL is fine */
/* alert: of TLS (RFC 8446 6), as the peer sent it; -1: it just ended. h NULL: nothing is kept. */
void hangup_note(struct hangups *h, const char *address, int alert);

struct hangup {
  char *address;
  int64_t first_at, last_at, count;
  int alert; /* -1: none */
};
/* Those since `since`, newest first. address: of this one only, or NULL. */
MUST_CHECK enum err hangup_list(struct ctx *cx, struct db *db, const char *address, int64_t since, struct hangup **out,
                                size_t *n);

#endif
