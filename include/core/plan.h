/* The plan: what a device lacks of what its groups say, and what it has too much; sent, watched, repaired.

   For each device: wanted (its groups' assignments), had (its inventory), given (what was sent for a group before).
   What is wanted and not had is installed, what is outdated is replaced, what was given and is not wanted any more is
   removed; nothing is believed done before the inventory says so. Errors are tried again later and later: 5 min, 30
   min, 2 h, 6 h, then daily. */
#ifndef POMONA_CORE_PLAN_H
#define POMONA_CORE_PLAN_H

#include "core/group.h"

enum plan_state { PLAN_NONE, PLAN_COMPLIANT, PLAN_WORKING, PLAN_FAILING };
const char *plan_state_word(enum plan_state s); /* "none", "compliant", "working", "failing" */

/* Inside a job: the device is to be looked at again soon: its facts, groups or lists changed; 0: all. */
MUST_CHECK enum err plan_due(struct ctx *cx, struct db *db, struct core *core, int64_t device);
/* Inside a job: a command of a plan was settled by the channel. Others are ignored. */
MUST_CHECK enum err plan_settled(struct ctx *cx, struct db *db, struct core *core, int64_t enrollment, const char *uuid,
                                 const char *status, const char *errors);
/* Inside a job: a device enrolled (a new generation is in force): its plan begins anew. */
MUST_CHECK enum err plan_enrolled(struct ctx *cx, struct db *db, struct core *core, int64_t device);
/* Brings due devices forward, in small batches. */
MUST_CHECK enum err plan_chore(struct ctx *cx, struct core *core);

/* How a device stands: {"state","why","groups":[…],"items":[{"group","kind","ref","state","why","since","tries"}]}. */
MUST_CHECK enum err plan_of_device(struct ctx *cx, struct db *db, struct core *core, int64_t device, struct js **out);
/* How a group stands: counts by state, by assignment and requirement, and some that fail. */
MUST_CHECK enum err plan_of_group(struct ctx *cx, struct db *db, struct core *core, const struct group *g,
                                  struct js **out);

/* What a change would do, without doing it: {"devices","install","replace","remove","commands","failing","examples"},
   for all devices; under 2 s of CPU for 100,000 devices and 20 assignments. change NULL: what is planned as it is. */
struct plan_preview {
  int64_t devices; /* that something would be done to */
  int64_t installs, replaces, removes, commands, unmet;
  struct js *json;
};
MUST_CHECK enum err plan_preview(struct ctx *cx, struct db *reader, struct core *core,
                                 const struct group_change *change, struct plan_preview *out);

#endif
