/* Webhooks: what devices send, told to receivers as NanoMDM and MicroMDM tell it; from an outbox that is written in the
   job of what it tells of, delivered in order per enrollment and receiver, retried with backoff until it is a dead
   letter.

   Nothing is written while no receiver is set (webhook-url). Delivery is at least once: after a crash some are sent
   again, in their order. A message is dead after 20 answers that were not 2xx, or 24 hours after its first attempt; the
   next of its enrollment then goes on. Delivered ones are kept for 7 days, dead ones for history-days, for replay.
   Threads: functions that take a db run inside jobs, or on a reader's connection where they say so; webhook_start to
   webhook_stop from app. */
#ifndef POMONA_CORE_WEBHOOK_H
#define POMONA_CORE_WEBHOOK_H

#include "base/thread.h"
#include "core/enroll.h"

/* Is there a receiver? Then idle polls are told of as well, which costs each of them a write. */
bool webhook_wanted(const struct core *core);

/* Scheme, host and port: "https://hooks.example/…". A path may be a secret: who may not change receivers sees this. */
char *webhook_origin(struct ctx *cx, const char *url);

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
void webhook_stop(struct webhook *w);   /* what is unanswered stays due; before the store is closed */
void webhook_reload(struct webhook *w); /* settings have changed */

/* From time to time, as a chore: deletes what was kept long enough, bounds what waits. */
MUST_CHECK enum err webhook_tidy(struct ctx *cx, struct core *core);

/* ---- for operators ---- */

struct webhook_info {
  char *url;                /* without its query; for who may change it, see webhook_origin */
  const char *state;        /* "new" (nothing was sent yet), "ok", "failing", "removed" (from the settings) */
  int64_t due, dead;        /* messages */
  int64_t ok_at, failed_at; /* last success, last failure; 0: none */
  char *error;              /* of that failure */
};
/* Reader's connection: those of the settings, and removed ones with dead letters. */
MUST_CHECK enum err webhook_list(struct ctx *cx, struct db *db, struct core *core, struct webhook_info **out,
                                 size_t *n);

struct webhook_dead {
  int64_t seq, attempts, ended_at, at, status;
  char *event_id, *topic, *enrollment, *url, *error; /* url as in webhook_info */
};
/* Reader's connection, newest first: those before `before` (0: all), at most `most`. */
MUST_CHECK enum err webhook_dead(struct ctx *cx, struct db *db, int64_t before, int most, struct webhook_dead **out,
                                 size_t *n);

/* Makes messages due again, with their old places in the order. */
struct webhook_replay {
  struct core *core;
  int64_t since;          /* everything from this time on, delivered or dead; 0: the dead ones */
  const char *enrollment; /* of this one only; NULL: of all */
  int64_t n;              /* how many so far */
  bool more;              /* call it again, in another job */
  int64_t cursor, until;  /* its own */
};
MUST_CHECK enum err webhook_replay(struct ctx *cx, struct db *db, struct webhook_replay *r);

/* What a receiver said to a test. */
struct webhook_answer {
  char *url; /* as it may be shown */
  bool ok;
  int status; /* 0: none */
  int64_t took_us;
  const char *error, *advice; /* NULL when it went well */
};
/* A signed event with topic pomona.test, sent at once. Answers live in cx, which is the webhook thread's until done. */
struct webhook_test {
  struct note note; /* used by the thread */
  struct ctx *cx;
  const char *url; /* NULL: every receiver of the settings */
  struct webhook_answer *answers;
  size_t n;
  void (*done)(struct webhook_test *t, enum err e); /* once, on the webhook thread, or in webhook_stop */
  void *arg;
};
void webhook_test(struct webhook *w, struct webhook_test *t);

#endif
