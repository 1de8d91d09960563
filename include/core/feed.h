/* What changes, told to people who look at it: the rows of the outbox by their numbers, and hints for what is no event
   (feed.def), as server-sent events (HTML, 9.2).

   `event: changes`, `id:` the number of the last event it tells of, data: an array of {"kind","device","enrollment",
   "command","group","profile","data"} (those that are known), at most FEED_BATCH and four times a second; more at once,
   or more than FEED_TEXT_MOST bytes: `event: reset`, read all again. A hint has no number of its own: what was missed
   of hints is not sent again. `data` has the short and simple members of an event, no lists and no objects: never a
   secret, never what a device sent.

   The writer is watched only while somebody listens: without, it costs nothing. Threads: any; send, may and end of a
   listener are called on the feed's own. */
#ifndef POMONA_CORE_FEED_H
#define POMONA_CORE_FEED_H

#include "core/core.h"
#include "lib/db.h"

enum { FEED_LISTENERS = 64, FEED_OF_ONE = 8, FEED_BATCH = 500, FEED_MISSED = 1000, FEED_TEXT_MOST = 128 * 1024 };

struct feed_listener {
  bool (*send)(void *arg, struct slice bytes); /* FEED_TEXT_MOST at most; false: it is gone */
  /* Still? Asked first, at each heartbeat, and when accounts change. */
  bool (*may)(struct ctx *cx, struct db *db, void *arg);
  void (*end)(void *arg); /* the last that is called */
  void *arg;
  int place; /* of feed_reserve */
};

MUST_CHECK enum err feed_start(struct ctx *cx, struct feed **out, struct core *core);
void feed_stop(struct feed *f); /* after the listeners; ends those who still listen */

/* Holds a place for a listener, which feed_join takes: E_UNAVAILABLE when there are FEED_LISTENERS, or FEED_OF_ONE of
   `who`, a name of core/account.h. The newest is refused, not the oldest ended: two pages would end each other. */
MUST_CHECK enum err feed_reserve(struct ctx *cx, struct feed *f, const char *who, int *place);
/* after: number of the last event that it knows, -1: none. It gets what it missed, or `reset`. */
void feed_join(struct feed *f, const struct feed_listener *l, int64_t after);

#endif
