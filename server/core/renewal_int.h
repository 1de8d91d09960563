/* What the files of renewal share. */
#ifndef POMONA_CORE_RENEWAL_INT_H
#define POMONA_CORE_RENEWAL_INT_H

#include "core/renewal.h"

enum renewal_wave { WAVE_CANARY, WAVE_FEW, WAVE_STREAM, WAVE_ASKED };

/* A device, as the decision whether its identity can be renewed needs it. */
struct renewal_subject {
  int64_t device, generation, enrollment; /* enrollment 0: none */
  char *id, *given;                       /* given NULL: not known */
  struct slice identity;                  /* hash of the newest that was seen; n 0: none */
  int64_t not_after, grace_until;         /* grace_until: as an operator said, or 0 */
  bool own, migrated, enabled, awaiting, blocked, leaves, checked_out, open;
};
MUST_CHECK enum err renewal_subject_load(struct ctx *cx, struct db *db, int64_t device, struct renewal_subject *out);
/* Why this one cannot be renewed now; NULL: it can. */
const char *renewal_obstacle(const struct renewal_subject *s, int64_t now, int64_t grace_us);

/* Devices whose identity ends before `until` (and after `since`), that nothing in sight forbids to renew and that did
   not fail lately: those first that were seen lately, so that devices that nothing reaches any more keep nobody
   waiting; among them the oldest end. */
struct renewal_due {
  int64_t device;
  char *given;
  const char *url, *trouble; /* set by the plan: of SCEP, as it was given; why it does not lead here (NULL: it does) */
};
struct renewal_search {
  int64_t since, until, failed_since, seen_since;
  int most;
};
MUST_CHECK enum err renewal_due(struct ctx *cx, struct db *db, const struct renewal_search *s, struct renewal_due **out,
                                size_t *n);
MUST_CHECK enum err renewal_due_count(struct ctx *cx, struct db *db, const struct renewal_search *s, int64_t *n);

/* What the waves are decided on. */
struct renewal_counts {
  int64_t done;    /* since a time; counted up to 6 */
  int64_t busy;    /* open, and not asleep */
  int64_t stalled; /* installed more than an hour ago, the new identity not seen */
  int64_t lately;  /* started within a minute */
};
MUST_CHECK enum err renewal_counts(struct ctx *cx, struct db *db, int64_t done_since, int64_t now,
                                   struct renewal_counts *out);

struct renewal_new {
  const struct renewal_subject *subject;
  const char *session_id, *command;
  const uint8_t *challenge_hash;
  struct slice challenge_sealed;
  int64_t expires_at;
  enum renewal_wave wave;
};
MUST_CHECK enum err renewal_add(struct ctx *cx, struct db *db, const struct renewal_new *n, int64_t *seq);
MUST_CHECK enum err renewal_command_mark(struct ctx *cx, struct db *db, int64_t command, int64_t renewal);

/* What is needed to render one. */
struct renewal_parts {
  char *command, *session_id, *given;
  struct slice challenge_sealed;
};
MUST_CHECK enum err renewal_load(struct ctx *cx, struct db *db, int64_t renewal, struct renewal_parts *out);

/* An open one by its command; *renewal 0: none. errors: what the device said, JSON or NULL. */
MUST_CHECK enum err renewal_by_command(struct ctx *cx, struct db *db, const char *uuid, int64_t *renewal, char **device,
                                       char **errors);
MUST_CHECK enum err renewal_set(struct ctx *cx, struct db *db, int64_t renewal, const char *state, const char *why,
                                bool ended);

/* Open ones that are over, and what became of them. */
struct renewal_over {
  int64_t seq;
  char *device, *state, *why;
};
MUST_CHECK enum err renewal_over(struct ctx *cx, struct db *db, int64_t now, int most, struct renewal_over **out,
                                 size_t *n);
/* Commands that still wait although their renewal was over some time ago. */
struct renewal_left {
  int64_t enrollment;
  char *command;
};
MUST_CHECK enum err renewal_left(struct ctx *cx, struct db *db, int64_t now, int most, struct renewal_left **out,
                                 size_t *n);

/* *changed false: it was seen before (or is none of ours). */
MUST_CHECK enum err renewal_mark_seen(struct ctx *cx, struct db *db, const uint8_t hash[32], bool *changed);
/* The older identities of its generation end at `at`. */
MUST_CHECK enum err renewal_end_others(struct ctx *cx, struct db *db, const uint8_t hash[32], int64_t at);
/* The renewal that this identity came by is done; another one of its generation that still waits is not needed. *device
 * NULL: it came by none. */
MUST_CHECK enum err renewal_close(struct ctx *cx, struct db *db, const uint8_t hash[32], char **device);

/* What outlives a restart (core/fact.h): JSON of a halt, and of what keeps the server from reaching itself; when an
   operator went on after the last halt. */
#define RENEWAL_HALTED "renewal.halted"
#define RENEWAL_UNREACHABLE "renewal.unreachable"
#define RENEWAL_RESUMED "renewal.resumed"

/* Open ones, and those that were done since then. */
MUST_CHECK enum err renewal_totals(struct ctx *cx, struct db *db, int64_t since, int64_t *open, int64_t *done);

/* What stands in the queue for it: no Payload, so that a device could do nothing with it. */
struct slice renewal_placeholder(struct ctx *cx, const char *uuid);
const char *renewal_challenge_about(struct ctx *cx, const char *session_id); /* for the vault */
/* E_CONFLICT: the address that a device was given this with does not lead here, as the waves found out. */
MUST_CHECK enum err renewal_reached(struct ctx *cx, struct db *db, const char *given);
/* Inside a job: starts one. E_CONFLICT as above. */
MUST_CHECK enum err renewal_begin(struct ctx *cx, struct db *db, struct core *core, int64_t device,
                                  enum renewal_wave wave, const char *by, char **command);
/* The device's own words about what failed: of an ErrorChain in JSON. */
const char *renewal_words(struct ctx *cx, const char *status, const char *errors);
/* Inside a job: a failure: nothing is started any more until an operator has looked. */
MUST_CHECK enum err renewal_halt(struct ctx *cx, struct db *db, const char *device, const char *why);

#endif
