/* Everything on one page: how the fleet stands, what waits, what ends soon, what happened last.

   On a reader's connection; for 100,000 devices in less than 100 ms (docs/measured.md). */
#ifndef POMONA_CORE_OVERVIEW_H
#define POMONA_CORE_OVERVIEW_H

#include "core/core.h"
#include "lib/db.h"
#include "lib/json.h"

/* The page is made once a second at most, for all who look: `make` fills it when the last one is older. Any thread;
   others wait meanwhile. core->overview NULL: it is made each time. */
struct overview_kept *overview_new(void);
void overview_free(struct overview_kept *k);
MUST_CHECK enum err overview_of(struct ctx *cx, struct core *core,
                                enum err (*make)(struct ctx *cx, struct core *core, struct js *page), struct js **out);

/* Sets the members of the page in `page`: devices, verdicts, alarm, commands, wakeups, banner, guardian, doctor,
   compliance, webhooks, recent. */
MUST_CHECK enum err overview(struct ctx *cx, struct db *db, struct core *core, struct js *page);

#endif
