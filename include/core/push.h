/* Wake-ups: what is due is a row; one thread owns the connections to APNs and sends what is due.

   Schedule, results and pacing: rules "Pushes". Facts of APNs: docs. A result applies to the token it was sent to.
   Threads: push_due, push_seen and the other functions that take a db run inside jobs; push_start to push_stop from app. */
#ifndef POMONA_CORE_PUSH_H
#define POMONA_CORE_PUSH_H

#include "base/enc.h"
#include "core/core.h"
#include "lib/db.h"

/* Why a device is woken: decides how soon and how often. */
enum push_why {
  PUSH_ASKED,    /* by a person or the API: at once, at most one a second and token */
  PUSH_COMMAND,  /* something was queued: at once, at most one a minute and token */
  PUSH_ENROLLED, /* after the first TokenUpdate: 5 s, 30 s, 2 min until it comes */
  PUSH_LATER     /* commands wait after a poll: the time is the caller's */
};

/* Inside a job: the channel's wake-up is due (at `at`, 0 is now) and the push thread is told after the commit. Coalesced: one row per
   channel, the earlier time wins. apns_id (may be NULL) gets the id that this push has or will have. A channel without a token, disabled
   or of a topic without certificate keeps its row due: it is sent when that changes; *reason (may be NULL) is then a text for people,
   else NULL. */
MUST_CHECK enum err push_due(struct ctx *cx, struct db *db, struct core *core, int64_t enrollment, enum push_why why, int64_t at,
                             char apns_id[UUID_LEN + 1], const char **reason);
/* Inside a job: the device came at seen_at. Its wake-up is answered; when commands still wait it is due again at `next` (0: none is). */
MUST_CHECK enum err push_seen(struct ctx *cx, struct db *db, int64_t enrollment, int64_t seen_at, int64_t next);
/* Inside a job: nothing is due any more (CheckOut, new generation); with new_token the token's death is forgotten (TokenUpdate). */
MUST_CHECK enum err push_forget(struct ctx *cx, struct db *db, int64_t enrollment, bool new_token);

struct push_state {
  const char *state;               /* "ok", "pending", "none", "stopped", "failing" */
  int64_t due_at, sent_at, answered_at, dead_at;
  int status;
  char *reason, *apns_id;
};
MUST_CHECK enum err push_state(struct ctx *cx, struct db *db, int64_t enrollment, struct push_state *out);

/* What came of a push that someone waits for. */
struct push_result {
  int64_t enrollment;
  char apns_id[UUID_LEN + 1];
  int status;                      /* APNs' status; 0: not answered in time, still due */
  char reason[64];
};
/* Waits without a thread: after the pushes of these channels were answered, or at mono_us, calls done once on the push thread (or on the
   caller's when nothing is to be waited for). results (n, statuses 0, apns ids filled in) is the caller's until then. */
void push_wait(struct push *p, struct push_result *results, size_t n, int64_t mono_us, void (*done)(void *arg), void *arg);

MUST_CHECK enum err push_start(struct ctx *cx, struct push **out, struct core *core);
void push_reload(struct push *p);  /* certificates or settings have changed */
void push_quiesce(struct push *p); /* no new pushes */
void push_stop(struct push *p);    /* waits up to 2 s for answers; what is unanswered stays due */

struct push_health {
  bool connected;
  int64_t since;                   /* of that state */
  char host[256], trouble[256];    /* trouble: of the last failure while not connected */
  int64_t sent, answered, failed, due; /* since start; due now */
};
void push_health(struct push *p, struct push_health *out);

#endif
