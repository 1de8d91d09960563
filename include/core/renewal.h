/* Renewal of identities, in waves: InstallProfile of the enrollment profile as it was given, with only the SCEP
   payload, its UUID and the challenge new. Rules "Identities": one canary, then 5, then a few a minute; the first
   failure halts all; checked first through public-url; never while the device awaits configuration; expires and is
   retried.

   What a wave waits for is what was proved within the last 30 days (and since the last halt): nothing: one canary;
   fewer than 6 done: as many as are missing; else 6 a minute. One that has not come for an hour holds no place, so that
   a sleeping device does not stop all. Failed is what the device answered with an error, and what was installed but
   whose new identity was not seen within 24 hours; such a device is tried again after 7 days.

   The stored plist of its command is a placeholder without Payload that no device gets: report.c asks renewal_render
   for what is delivered. A command whose renewal is over is not delivered any more. */
#ifndef POMONA_CORE_RENEWAL_H
#define POMONA_CORE_RENEWAL_H

#include "core/core.h"
#include "lib/db.h"

/* A chore: starts what is due, ends what is over. */
MUST_CHECK enum err renewal_chore(struct ctx *cx, struct core *core);
/* Inside a job, at delivery: the InstallProfile of this renewal, with its CommandUUID. */
MUST_CHECK enum err renewal_render(struct ctx *cx, struct db *db, struct core *core, int64_t renewal,
                                   struct slice *plist);
/* Inside a job: that failed, with the error that cx holds, which is cleared: the renewal has failed, and that halts. */
MUST_CHECK enum err renewal_spoilt(struct ctx *cx, struct db *db, const char *command_uuid);
/* Inside a job: its command was settled with this status (any command's uuid may be asked about). */
MUST_CHECK enum err renewal_settled(struct ctx *cx, struct db *db, struct core *core, const char *command_uuid,
                                    const char *status);
/* Inside a job: this identity completed a TokenUpdate or a command session for the first time: the renewal that made it
   is done, the former identities of its generation count for 7 more days. One that was seen before: nothing. */
MUST_CHECK enum err renewal_identity_seen(struct ctx *cx, struct db *db, struct core *core, const uint8_t hash[32]);

/* ---- operators ---- */

/* Inside a job: renews this one now (an enrollment id or a unique serial number), whatever the waves do. *command is
   the uuid of its InstallProfile. E_NOT_FOUND; E_CONFLICT says why it is impossible. */
MUST_CHECK enum err renewal_start(struct ctx *cx, struct db *db, struct core *core, const char *name, const char *by,
                                  char **command);
/* Inside a job: goes on after a halt, with a new canary. E_CONFLICT when nothing is halted. */
MUST_CHECK enum err renewal_resume(struct ctx *cx, struct db *db, const char *by);

struct renewal_status {
  char *halted;      /* why; NULL: not halted */
  char *unreachable; /* why none is begun for some: the address that they were given does not lead here; or NULL */
  int64_t halted_at, unreachable_at;
  int64_t due, open, done; /* done: within the last 30 days and since the last halt */
  const char *stage;       /* "canary", "few", "stream" */
};
/* Reader's connection. */
MUST_CHECK enum err renewal_status(struct ctx *cx, struct db *db, struct core *core, struct renewal_status *out);

struct renewal_row {
  int64_t seq;
  char *device, *command, *state, *why;
  int64_t wave; /* 0 the canary, 1 the few after it, 2 the stream, 3 asked for by an operator */
  int64_t created_at, updated_at, ended_at;
};
/* Newest first, by pages: `before` is the seq of the last row of the page before, 0 at first. Reader's connection. */
MUST_CHECK enum err renewal_list(struct ctx *cx, struct db *db, int64_t before, int most, struct renewal_row **out,
                                 size_t *n);

/* The newest identity of an enrolled device. */
struct renewal_identity {
  int64_t device; /* of its row: pages go by it */
  char *id;
  struct slice hash;
  int64_t not_after, seen_at;
  bool own;      /* issued here */
  char *renewal; /* state of the last renewal of this enrollment; NULL: none */
};
MUST_CHECK enum err renewal_identities(struct ctx *cx, struct db *db, int64_t after, int most,
                                       struct renewal_identity **out, size_t *n);

#endif
