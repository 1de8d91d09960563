/* Webhooks: what devices send, told to receivers as NanoMDM and MicroMDM tell it; from an outbox that is written in the
   job of what it tells of, delivered in order per enrollment and receiver, retried with backoff until it is a dead
   letter.

   Nothing is written while no receiver is set (webhook-url). Threads: webhook_event inside jobs; webhook_start to
   webhook_stop from app. */
#ifndef POMONA_CORE_WEBHOOK_H
#define POMONA_CORE_WEBHOOK_H

#include "core/enroll.h"

/* Is there a receiver? Then idle polls are told of as well, which costs each of them a write. */
bool webhook_wanted(const struct core *core);

/* What a device sent, and was accepted. */
struct webhook_event {
  const struct enroll_ids *ids;
  const char *message_type;          /* of a check-in; NULL: a report of the command channel */
  struct slice body;                 /* as it came */
  int64_t token_update_tally;        /* of a TokenUpdate: 1 is a fresh enrollment; 0: left out */
  const char *status, *command_uuid; /* of a report; command_uuid NULL with Idle */
};
/* Inside the job of what it tells of; nothing when no receiver is set. */
MUST_CHECK enum err webhook_event(struct ctx *cx, struct db *db, struct core *core, const struct webhook_event *e);

MUST_CHECK enum err webhook_start(struct ctx *cx, struct webhook **out, struct core *core);
void webhook_stop(struct webhook *w);   /* what is unanswered stays due */
void webhook_reload(struct webhook *w); /* settings have changed */

#endif
