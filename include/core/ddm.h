/* Declarative management, as far as it goes now: an empty but valid set of declarations, and the status that devices
   report. Source: Apple, "Leveraging the declarative management data model to scale devices"; check-in message
   DeclarativeManagement.

   A question is read on the thread that received it (a report may be large) and answered inside a job. */
#ifndef POMONA_CORE_DDM_H
#define POMONA_CORE_DDM_H

#include "core/core.h"
#include "lib/db.h"

struct ddm_row;
struct ddm_question {
  const struct ddm_row *row;
  struct slice report; /* JSON, borrowed; p NULL but for "status" */
};
struct ddm_answer {
  int status;        /* 200, or 404: a declaration that is not there, the device removes it */
  struct slice json; /* p NULL: empty */
};
/* endpoint: "tokens", "declaration-items", "declaration/KIND/IDENTIFIER", "status"; data: of a status report.
   E_INVALID: no such endpoint, or the report is no JSON object; E_TOO_LARGE: it is over 1 MiB. */
MUST_CHECK enum err ddm_read(struct ctx *cx, const char *endpoint, struct slice data, struct ddm_question *out);
/* enrollment 0: a channel that has had no TokenUpdate. Its report is not kept: nothing can be asked of it yet, and
   devices send a full one each day. */
MUST_CHECK enum err ddm_ask(struct ctx *cx, struct db *db, int64_t enrollment, const struct ddm_question *question,
                            struct ddm_answer *out);
/* Inside a job: a new generation of this channel has reported nothing yet. */
MUST_CHECK enum err ddm_forget(struct ctx *cx, struct db *db, int64_t enrollment);

#endif
