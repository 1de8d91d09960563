/* Check-in messages: what a device tells about itself and its enrollment. Rows: checkin.def.

   checkin_read parses on the thread that received the message, checkin_apply runs as a job; all memory is the request's
   cx. */
#ifndef POMONA_CORE_CHECKIN_H
#define POMONA_CORE_CHECKIN_H

#include "core/enroll.h"

struct checkin;
struct checkin_row {
  const char *message_type;
  bool ended; /* taken from an identity that has ended, too */
  enum err (*read)(struct ctx *cx, struct pl *message, struct checkin *c);
  enum err (*apply)(struct ctx *cx, struct db *db, struct checkin *c);
};

struct checkin {
  struct core *core;
  struct enroll_proof proof;
  struct enroll_ids ids;
  const struct checkin_row *row;
  struct slice body;           /* the message as it came */
  void *state;                 /* the row's own */
  enum enroll_refusal refusal; /* after apply: not ENROLL_FINE is answered 400 */
  const char *news;            /* after apply: what an operator wants to see in the log, or NULL */
  /* after apply, when it was accepted: what is answered; status 0 is 200, answer.p NULL is empty */
  int status;
  struct slice answer;
  const char *answer_type;
  int64_t tally; /* of a TokenUpdate: token_update_tally after it */
};

/* E_INVALID: not a check-in message that is known. proof and core are the caller's to set. */
MUST_CHECK enum err checkin_read(struct ctx *cx, struct slice body, struct checkin *out);
MUST_CHECK enum err checkin_apply(struct ctx *cx, struct db *db, void *checkin);

/* Inside a job, before a request is looked at: does what it means by itself (a first contact binds its identity, one
   that a takeover stands against ends that, one that lost its device by silence wins it back), and gives what the
   identity may speak for then. */
MUST_CHECK enum err checkin_admit(struct ctx *cx, struct db *db, struct core *core, const struct enroll_ids *ids,
                                  const struct enroll_proof *proof, struct enroll_channel *out);
/* Inside a job: another generation of the device came into force. What its channels were to do is over, for this
   reason, they are woken, and webhooks are told of them as of TokenUpdates. */
MUST_CHECK enum err checkin_in_force(struct ctx *cx, struct db *db, struct core *core, int64_t device,
                                     const char *reason);
/* Inside a job: the device of this channel, its own, is known to be supervised: it is asked for the bypass code of
   Activation Lock, once for each generation. */
MUST_CHECK enum err checkin_supervised(struct ctx *cx, struct db *db, struct core *core, int64_t enrollment);

#endif
