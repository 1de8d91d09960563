/* Declarative management, as far as it goes now: an empty but valid set of declarations, and the status that devices
   report. Source: Apple, "Leveraging the declarative management data model to scale devices"; check-in message
   DeclarativeManagement. */
#ifndef POMONA_CORE_DDM_H
#define POMONA_CORE_DDM_H

#include "core/core.h"
#include "lib/db.h"

struct ddm_answer {
  int status;        /* 200, 404 (a declaration that is not there: the device removes it), 400 (no such endpoint) */
  struct slice json; /* p NULL: empty */
};
/* Inside a job. endpoint: "tokens", "declaration-items", "declaration/KIND/IDENTIFIER", "status"; data: JSON of a
   status report, at most 1 MiB; p NULL otherwise. E_INVALID when the report is no JSON object. */
MUST_CHECK enum err ddm_ask(struct ctx *cx, struct db *db, int64_t enrollment, const char *endpoint, struct slice data,
                            struct ddm_answer *out);

#endif
