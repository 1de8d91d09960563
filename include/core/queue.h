/* The queue: which command a channel gets next, and what became of each. Rules: "Commands". FIFO per channel by an
   integer.

   Everything here runs on a database connection: queue_next also on a reader's, the rest inside jobs. */
#ifndef POMONA_CORE_QUEUE_H
#define POMONA_CORE_QUEUE_H

#include "core/command.h"
#include "core/core.h"
#include "lib/db.h"

struct queue_item {
  int64_t target, command;
  char *uuid, *request_type;
  struct slice plist; /* unsealed; wiped with cx */
  bool recorded;      /* its delivery is written before it leaves: whether and to whom it is repeated depends on that */
  int deliveries;
};

/* Stores the command (the same uuid with the same bytes is OK, with others E_CONFLICT). *command is its row. */
MUST_CHECK enum err queue_command(struct ctx *cx, struct db *db, struct core *core, const struct command *c,
                                  const char *by, int64_t *command);
/* Takes a command back that came to stand in nobody's queue, so that its UUID is free. */
MUST_CHECK enum err queue_command_unused(struct ctx *cx, struct db *db, int64_t command);
/* Queues it for one channel; again is OK. E_CONFLICT when the row allows one unsettled at a time: *other is the uuid of
 * that one. */
MUST_CHECK enum err queue_add(struct ctx *cx, struct db *db, int64_t command, const struct command *c,
                              int64_t enrollment, char **other);

/* The command to hand out now, or *found false. session_start: when this session began (its Idle): what was NotNow'd
   since is not offered. identity asks: what erases is repeated only to the one that had it first. Expired ones are
   passed over (and marked by queue_expire). */
struct queue_asker {
  int64_t enrollment, session_start;
  const uint8_t *identity; /* 32 bytes */
};
MUST_CHECK enum err queue_next(struct ctx *cx, struct db *db, struct core *core, const struct queue_asker *who,
                               struct queue_item *out, bool *found);
/* How often the channel's waiting commands were answered NotNow, at most; 0 when none was. */
MUST_CHECK enum err queue_notnow(struct ctx *cx, struct db *db, int64_t enrollment, int64_t *times);
/* Inside a job: it was handed out `times` more, last at `at`, to that identity. */
MUST_CHECK enum err queue_sent(struct ctx *cx, struct db *db, int64_t target, int times, int64_t at,
                               const uint8_t identity[32]);
/* Inside a job: a report. *known false when no such command of this channel is open (a repeat, or not ours). errors:
 * JSON, or NULL. */
MUST_CHECK enum err queue_settle(struct ctx *cx, struct db *db, int64_t enrollment, const char *uuid,
                                 const char *status, const char *errors, bool *known);
/* Inside a job: ends all that is open for the channel, as Cancelled with reason. */
MUST_CHECK enum err queue_clear(struct ctx *cx, struct db *db, int64_t enrollment, const char *reason);
/* Inside a job: ends what has expired, at most `most` rows; *n of them. */
MUST_CHECK enum err queue_expire(struct ctx *cx, struct db *db, int64_t now, int most, int64_t *n);
/* How many wait for the channel and were never handed out. */
MUST_CHECK enum err queue_untouched(struct ctx *cx, struct db *db, int64_t enrollment, int64_t *n);
/* How many wait for the channel. */
MUST_CHECK enum err queue_waiting(struct ctx *cx, struct db *db, int64_t enrollment, int64_t *n);
/* Inside a job: hands a `once` command out again (command retry), with its whole life before it. E_NOT_FOUND,
 * E_CONFLICT when it is not stuck. */
MUST_CHECK enum err queue_retry(struct ctx *cx, struct db *db, const char *uuid, int64_t enrollment);

#endif
