/* The guardian: one table of every date that can end the service, and the ladder of notices before each: 60, 30, 14, 7,
   3, 1 days ahead, the day itself, and after it weekly.

   Threads: guardian_dates and guardian_banner on a reader's connection; the chore raises what is due. */
#ifndef POMONA_CORE_GUARDIAN_H
#define POMONA_CORE_GUARDIAN_H

#include "core/core.h"
#include "lib/db.h"
#include "lib/json.h"

struct guardian_date {
  const char *kind;    /* "pushcert", "pushcert-plan", "account", "vendor", "device-ca", "tls-ca", "tls", "signing",
                          "identities", "domain" */
  const char *subject; /* stable, unique: kind and what it is about (topic and serial number …): a renewal makes a new
                          one, whose ladder begins anew */
  const char *name;    /* for people, fits before "ends on" or "is due on" */
  int64_t at;          /* when it ends, or is due */
  bool due;            /* something is to be done by then; else something ends */
  int first; /* the first step of its ladder, in days: of what lives shortly, or renews itself, later than 60 */
  const char *effect;  /* what happens then; a sentence */
  const char *fix;     /* what to do, whom to ask (Apple Account, row in the portal, owner) */
  const char *topic;   /* of push certificates; NULL */
  const char *also_to; /* mail addresses of who it concerns; NULL */
};
/* Soonest first. */
MUST_CHECK enum err guardian_dates(struct ctx *cx, struct db *db, struct core *core, struct guardian_date **out,
                                   size_t *n);
/* The step of the ladder that `at` has reached at `now`: 60 … 0, -7, -14 …; false: none yet. */
bool guardian_step(int64_t at, int64_t now, int *step);
/* A chore: raises the newest step that each date has reached, as guardian.due, unless it or a later one was raised
   before: one that passed while the server was off is not made up for. */
MUST_CHECK enum err guardian_chore(struct ctx *cx, struct core *core);
/* [{"kind","subject","name","at","days_left","step","effect","fix","topic"}], soonest first; step null: not reached.
   Reader's connection. */
MUST_CHECK enum err guardian_list(struct ctx *cx, struct db *db, struct core *core, struct js **out);
/* Figures for those who watch from outside. Reader's connection; reads every device. */
enum { GUARDIAN_DEVICE_STATES = 5 };
extern const char *const guardian_device_states[GUARDIAN_DEVICE_STATES]; /* as device list names them */
struct guardian_counts {
  int64_t devices[GUARDIAN_DEVICE_STATES];
  int64_t dead_tokens, refused_ids, refused_requests, notices_waiting, notices_given_up;
};
MUST_CHECK enum err guardian_counts(struct ctx *cx, struct db *db, struct guardian_counts *out);

/* What everybody must know now, most urgent first: [{"slug","title","text","fix"}]; empty when all is fine: for the
   banner of `status` and of the console. Reader's connection. */
MUST_CHECK enum err guardian_banner(struct ctx *cx, struct db *db, struct core *core, struct js **out);
/* The banner and the list, in less time than one after the other. */
MUST_CHECK enum err guardian_page(struct ctx *cx, struct db *db, struct core *core, struct js **banner,
                                  struct js **list);

#endif
