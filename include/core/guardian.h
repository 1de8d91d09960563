/* The guardian: one table of every date that can end the service, and the ladder of notices before each: 60, 30, 14, 7,
   3, 1 days ahead, the day itself, and after it weekly.

   Threads: guardian_dates on a reader's connection; the chore raises what is due. */
#ifndef POMONA_CORE_GUARDIAN_H
#define POMONA_CORE_GUARDIAN_H

#include "core/core.h"
#include "lib/db.h"
#include "lib/json.h"

struct guardian_date {
  const char *kind;    /* "pushcert", "pushcert-plan", "account", "vendor", "device-ca", "tls-ca", "tls", "signing",
                          "identities",    "domain" … */
  const char *subject; /* stable, unique: kind and what it is about (topic and serial number …) */
  const char *name;    /* for people */
  int64_t at;          /* when it ends, or is due */
  const char *effect;  /* what happens then */
  const char *fix;     /* what to do, whom to ask (Apple Account, row in the portal, owner) */
  const char *topic;   /* of push certificates; NULL */
  const char *also_to; /* mail addresses of who it concerns; NULL */
};
/* Soonest first. */
MUST_CHECK enum err guardian_dates(struct ctx *cx, struct db *db, struct core *core, struct guardian_date **out,
                                   size_t *n);
/* The step of the ladder that `at` has reached at `now`: 60 … 0, -7, -14 …; false: none yet. */
bool guardian_step(int64_t at, int64_t now, int *step);
/* A chore. */
MUST_CHECK enum err guardian_chore(struct ctx *cx, struct core *core);
/* What everybody must know now, most urgent first: [{"slug","title","text","fix"}]; empty when all is fine: for the
   banner of `status` and of the console. Reader's connection. */
MUST_CHECK enum err guardian_banner(struct ctx *cx, struct db *db, struct core *core, struct js **out);

#endif
