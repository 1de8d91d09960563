/* The plan: what a device lacks of what its groups say, and what it has too much; sent, watched, repaired.

   For each channel: wanted (its groups' assignments), had (its inventory), given (what was sent for a group before).
   What is wanted and not had is installed, what is outdated is replaced, what was given and is not wanted any more is
   removed; nothing is believed done before the inventory says so. Errors are tried again later and later: 5 min, 30
   min, 2 h, 6 h, then daily. Where two groups give the same thing, the first one by name counts.

   Deciding is pure (plan_decide.c): the chore, the preview and the sweep over all devices decide alike. */
#ifndef POMONA_CORE_PLAN_H
#define POMONA_CORE_PLAN_H

#include "core/group.h"

enum plan_state { PLAN_NONE, PLAN_COMPLIANT, PLAN_WORKING, PLAN_FAILING, PLAN_STATES };
const char *plan_state_word(enum plan_state s); /* "none", "compliant", "working", "failing" */

/* Inside a job: the device is to be looked at again soon: its facts, groups or lists changed; 0: whoever something
   would change for is found by the chore (a group, profile or package changed). */
MUST_CHECK enum err plan_due(struct ctx *cx, struct db *db, struct core *core, int64_t device);
/* Inside a job: a command was settled by the channel, or put off. Of a plan's or not: others are ignored. errors: JSON
   of its ErrorChain, or of the one of the item that failed; NULL. */
MUST_CHECK enum err plan_settled(struct ctx *cx, struct db *db, struct core *core, int64_t enrollment, const char *uuid,
                                 const char *status, const char *errors);
/* Inside a job: the device has told of itself; changed: something is other than it was. */
MUST_CHECK enum err plan_heard(struct ctx *cx, struct db *db, int64_t device, bool changed);
/* Inside a job: a generation of the device came into force: its plan begins anew. */
MUST_CHECK enum err plan_enrolled(struct ctx *cx, struct db *db, struct core *core, int64_t device);
/* Brings due devices forward, in small batches; finds those that a change of groups concerns. */
MUST_CHECK enum err plan_chore(struct ctx *cx, struct core *core);
/* Has the chore look through the whole fleet, for what nobody said: commands that were cancelled or expired, say. */
MUST_CHECK enum err plan_all_chore(struct ctx *cx, struct core *core);

/* How a device stands: {"state","why","since","groups":[names],"items":[{"kind","ref","act","state","why","since",
   "tries","next_at","command_uuid","channel","groups"}],"not_applicable":[{"kind","ref","why"}]}. */
MUST_CHECK enum err plan_of_device(struct ctx *cx, struct db *db, struct core *core, int64_t device, struct js **out);
/* All groups in short: [{"name","rule","note","version","assignments","devices","compliant","working","failing",
   "not_applicable"}]. Each device is counted once, by the worst of what this group gives it; not_applicable: nothing of
   it is for it. */
MUST_CHECK enum err plan_of_groups(struct ctx *cx, struct db *db, struct core *core, struct js **out);
/* How a group stands:
   {"devices","compliant","working","failing","not_applicable","assignments":[{"kind","ref","users","position","options","trouble",
   "compliant","working","failing","not_applicable"}],"failures":[{"id","name","serial_number","why"}]} (20 of them). */
MUST_CHECK enum err plan_of_group(struct ctx *cx, struct db *db, struct core *core, const struct group *g,
                                  struct js **out);
/* Numbers of devices by state, for lists and metrics. */
MUST_CHECK enum err plan_counts(struct ctx *cx, struct db *db, int64_t counts[PLAN_STATES]);
/* Of a command that a plan sent: the groups that want it, for `why` ("": none does any more). *groups NULL: no plan
   sent it. */
MUST_CHECK enum err plan_of_command(struct ctx *cx, struct db *db, struct core *core, int64_t enrollment,
                                    const char *uuid, char **groups);
/* What a change would do, without doing it, for all devices; under 2 s of CPU for 100,000 devices and 20 assignments.
   change NULL: what is planned as it is. */
struct plan_preview {
  int64_t devices; /* that something would be done to, or that would fail a requirement */
  int64_t members_before, members_after;
  int64_t installs, replaces, removes, commands, unmet;
  int64_t version; /* of the group that it was looked at for; 0: there is none yet */
  struct js *json; /* {"devices","members_before","members_after","install","replace","remove","commands","unmet",
                      "items":[{"kind","ref","install","replace","remove","commands","unmet","not_applicable": members
                      that what the change brings is not for}],
                      "cannot":[{"kind","ref","why","devices"}],
                      "examples":[{"id","name","serial_number","does":[text]}]} */
};
MUST_CHECK enum err plan_preview(struct ctx *cx, struct db *reader, struct core *core,
                                 const struct group_change *change, struct plan_preview *out);

/* Members of a group, ascending. E_NOT_FOUND. */
MUST_CHECK enum err plan_members(struct ctx *cx, struct db *db, struct core *core, const char *group, int64_t **devices,
                                 size_t *n);
/* For roster_outside: members of groups, devices with an app, with a profile. */
extern const struct roster_sets plan_sets;

#endif
