/* The queue: which command a channel gets next, and what became of each. Rules: "Commands". FIFO per channel by an
   integer.

   Everything here runs on a database connection: queue_next also on a reader's, the rest inside jobs. */
#ifndef POMONA_CORE_QUEUE_H
#define POMONA_CORE_QUEUE_H

#include "core/command.h"
#include "core/core.h"
#include "lib/db.h"

/* A command handed out in this many sessions in a row without a word is set aside, so that others pass. */
enum { QUEUE_PATIENCE = 3 };

struct queue_item {
  int64_t target, command;
  char *uuid, *request_type;
  struct slice plist; /* unsealed; wiped with cx */
  bool recorded;      /* its delivery is written before it leaves: whether and to whom it is repeated depends on that */
  bool damaged;       /* what is stored does not open: plist is empty, queue_damaged ends it */
  int deliveries;
  int64_t renewal; /* not 0: plist is a placeholder, renewal_render gives what is handed out */
};

/* Stores the command (the same uuid with the same bytes is OK, with others E_CONFLICT). *command is its row. */
MUST_CHECK enum err queue_command(struct ctx *cx, struct db *db, struct core *core, const struct command *c,
                                  const char *by, int64_t *command);
/* Takes a command back that came to stand in nobody's queue, so that its UUID is free. */
MUST_CHECK enum err queue_command_unused(struct ctx *cx, struct db *db, int64_t command);
/* Queues it for one channel; again is OK. E_CONFLICT, naming that one, when the row allows one unsettled at a time per
   device, or when it allows Activation Lock and no bypass code is in escrow. A PIN or password that it sets is in
   escrow by the same transaction; what has its collapse key is replaced by it. */
MUST_CHECK enum err queue_add(struct ctx *cx, struct db *db, struct core *core, int64_t command,
                              const struct command *c, int64_t enrollment);
/* What the server itself asks a channel, without arguments, by "pomona": a later one replaces an earlier one of the
 * same type. */
MUST_CHECK enum err queue_own(struct ctx *cx, struct db *db, struct core *core, const char *request_type,
                              int64_t enrollment);

/* The same with arguments, and by a collapse key of its own. */
struct queue_own {
  const char *request_type, *collapse_key;
  struct js *args;  /* NULL: none */
  bool is_question; /* COMMAND_OWN; it waits for its device for ever */
};
MUST_CHECK enum err queue_own_as(struct ctx *cx, struct db *db, struct core *core, const struct queue_own *own,
                                 int64_t enrollment);

/* The command to hand out now, or *found false. session_start: when this session began (its Idle): what was NotNow'd
   since is not offered. identity asks: what erases is repeated only to the one that had it first. Expired ones are
   passed over (and marked by queue_expire). A barrier is held, and all after it but what jumps, until what was queued
   before it is settled; at most await-timeout. */
struct queue_asker {
  int64_t enrollment, session_start;
  const uint8_t *identity; /* 32 bytes */
  bool only_renewal;       /* the identity has ended */
};
MUST_CHECK enum err queue_next(struct ctx *cx, struct db *db, struct core *core, const struct queue_asker *who,
                               struct queue_item *out, bool *found);
/* How often the channel's waiting commands were answered NotNow, at most; 0 when none was. */
MUST_CHECK enum err queue_notnow(struct ctx *cx, struct db *db, int64_t enrollment, int64_t *times);
/* When the channel's barrier that is held may go whatever stands before it; 0: none is held. */
MUST_CHECK enum err queue_barrier(struct ctx *cx, struct db *db, const struct core *core, int64_t enrollment,
                                  int64_t *at);
/* Inside a job: it was handed out, `times` more, last at `at` in the session that began at session_start. */
struct queue_delivery {
  int64_t target, at, session_start;
  int times;
  uint8_t identity[32]; /* that had it */
};
MUST_CHECK enum err queue_sent(struct ctx *cx, struct db *db, const struct queue_delivery *d);
/* Inside a job: one that does not open can never be handed out: it is settled as an Error by us. */
MUST_CHECK enum err queue_damaged(struct ctx *cx, struct db *db, int64_t enrollment, const struct queue_item *item);
/* Inside a job: a report. *known false when no such command of this channel is open (a repeat, or not ours). errors:
 * JSON, or NULL. */
MUST_CHECK enum err queue_settle(struct ctx *cx, struct db *db, int64_t enrollment, const char *uuid,
                                 const char *status, const char *errors, bool *known);
/* Inside a job: an operator ends the delivery of one command to one channel; a late report still counts. *done_maybe:
   it was handed out and may be done all the same. E_NOT_FOUND, E_CONFLICT when it is settled. */
MUST_CHECK enum err queue_cancel(struct ctx *cx, struct db *db, const char *uuid, int64_t enrollment, const char *by,
                                 bool *done_maybe);
/* Inside a job: ends all that is open for the channel, as Cancelled with reason. */
MUST_CHECK enum err queue_clear(struct ctx *cx, struct db *db, int64_t enrollment, const char *reason);
/* Inside a job: the same in the name of an operator, for at most `most` of them, the oldest first; *n of them. */
MUST_CHECK enum err queue_clear_some(struct ctx *cx, struct db *db, int64_t enrollment, const char *by, int64_t most,
                                     int64_t *n);
/* Inside a job: ends this command for this channel if it still waits. */
MUST_CHECK enum err queue_withdraw(struct ctx *cx, struct db *db, int64_t enrollment, const char *uuid,
                                   const char *reason);
/* Inside a job: ends what has expired, at most `most` rows; *n of them. */
MUST_CHECK enum err queue_expire(struct ctx *cx, struct db *db, int64_t now, int most, int64_t *n);
/* How many wait for the channel and were never handed out. */
MUST_CHECK enum err queue_untouched(struct ctx *cx, struct db *db, int64_t enrollment, int64_t *n);
/* What an answer is about. */
struct queue_asked {
  const char *request_type; /* "": there is no such command */
  bool partial;             /* the answer is only a part of the whole */
  bool own;                 /* COMMAND_OWN */
  bool handed;              /* it was handed out once at least */
};
MUST_CHECK enum err queue_asked(struct ctx *cx, struct db *db, int64_t enrollment, const char *uuid,
                                struct queue_asked *out);
/* Inside a job: what the answer names as what it installs: where the command gave a number of the App Store. */
MUST_CHECK enum err queue_told(struct ctx *cx, struct db *db, int64_t enrollment, const char *uuid, const char *told);
/* Its property list, unsealed, and what queue_told kept (NULL: nothing). E_NOT_FOUND; E_INVALID: it does not open. */
struct queue_content {
  struct slice plist;
  const char *told;
};
MUST_CHECK enum err queue_content(struct ctx *cx, struct db *db, struct core *core, int64_t enrollment,
                                  const char *uuid, struct queue_content *out);
/* How many wait for the channel. */
MUST_CHECK enum err queue_waiting(struct ctx *cx, struct db *db, int64_t enrollment, int64_t *n);
/* Inside a job: hands a `once` command out again (command retry), with its whole life before it. E_NOT_FOUND,
 * E_CONFLICT when it is not stuck. */
MUST_CHECK enum err queue_retry(struct ctx *cx, struct db *db, const char *uuid, int64_t enrollment);

#endif
