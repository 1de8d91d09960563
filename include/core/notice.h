/* Notices to people: each goes once to each recipient, whatever is restarted in between: a row, an event (and so the
   webhooks), a line of the log, an e-mail (smtp-url) and notify-command.

   Threads: notice_raise inside jobs; a chore delivers, tries again for a day, and then gives up with a word in the log.
 */
#ifndef POMONA_CORE_NOTICE_H
#define POMONA_CORE_NOTICE_H

#include "core/core.h"
#include "lib/db.h"
#include "lib/json.h"

struct notice {
  const char *subject;    /* stable name of what it is about; with `step`, what "once" means */
  const char *step;       /* "60", "30" … "0", "-7" (days), or what the subject's ladder calls its steps */
  const char *kind;       /* of the event, e.g. "guardian.due" */
  const char *title;      /* one line, plain text */
  const char *text;       /* what is the matter, whom it concerns, what to do */
  const char *attachment; /* iCalendar of an invitation, or NULL */
  const char *also_to;    /* mail addresses beside mail-to, separated by commas; NULL: none */
};
/* Inside a job. *new_one (may be NULL): it was not raised before. */
MUST_CHECK enum err notice_raise(struct ctx *cx, struct db *db, struct core *core, const struct notice *n,
                                 bool *new_one);
/* A chore. */
MUST_CHECK enum err notice_deliver_chore(struct ctx *cx, struct core *core);
/* [{"subject","step","at","title","text","deliveries":[{"recipient","done_at","attempts","error"}]}], newest first, at
   most `most`. Reader's connection. */
MUST_CHECK enum err notice_list(struct ctx *cx, struct db *db, int most, struct js **out);

#endif
