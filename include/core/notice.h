/* Notices to people: a row, an event (and so the webhooks), a line of the log, an e-mail to each recipient (smtp-url)
   and notify-command.

   A notice is raised once for each subject and step, whatever is restarted in between. What is sent is marked at once:
   only when the server is killed in the moment between is a mail or command repeated, a mail with the same Message-ID.

   Threads: notice_raise inside jobs; a chore delivers, tries again for a day, and then gives up with a word in the log;
   the child that runs notify-command may be asked from any thread, one at a time. */
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
  bool urgent;            /* an error in the log, else a warning */
};
/* Inside a job. *new_one (may be NULL): it was not raised before. */
MUST_CHECK enum err notice_raise(struct ctx *cx, struct db *db, struct core *core, const struct notice *n,
                                 bool *new_one);
/* Has the ladder of days of this subject come to this step, or to a later one? Any connection. */
MUST_CHECK enum err notice_reached(struct ctx *cx, struct db *db, const char *subject, int step, bool *reached);
/* A chore. Waits for mail servers and the command: on a lane of its own. */
MUST_CHECK enum err notice_deliver_chore(struct ctx *cx, struct core *core);
/* [{"subject","step","at","title","text","deliveries":[{"recipient","done_at","attempts","next_at","error"}]}], newest
   first, at most `most`; subject: of this one only, or NULL. Reader's connection. */
MUST_CHECK enum err notice_list(struct ctx *cx, struct db *db, const char *subject, int most, struct js **out);
/* Sends a test to every recipient of the settings, now, without a row: [{"recipient","ok","error"}]. Blocks as long as
   they take. */
MUST_CHECK enum err notice_test(struct ctx *cx, struct core *core, struct js **out);

/* mail-from, or what is made of public-url. In cx. */
MUST_CHECK enum err notice_sender(struct ctx *cx, const struct core_conf *conf, const char **out);
/* An address as mail servers take it: ASCII without blanks, quotes, angles and control characters. */
bool notice_is_address(struct slice s);

/* ---- the child that runs notify-command (notice_child.c) ---- */

/* Forks: before the first thread is started. command NULL or "": *out is NULL. */
MUST_CHECK enum err notify_child_start(struct ctx *cx, struct notify_child **out, const char *command);
/* Ends it, and what it is running. NULL is fine. */
void notify_child_stop(struct notify_child *c);
/* False: it has died, which the log says once. NULL is alive: there is none. */
bool notify_child_alive(struct notify_child *c);
/* Runs the command once and waits for it, 30 s at most. E_UNAVAILABLE: the child is gone; E_CONFLICT: the command
   failed; E_TIMEOUT: it was killed; E_GONE: *stop became true meanwhile, which also ends the command. */
MUST_CHECK enum err notify_child_run(struct ctx *cx, struct notify_child *c, const struct notice *n,
                                     const atomic_bool *stop);

#endif
