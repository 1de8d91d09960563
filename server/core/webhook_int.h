/* What the files of webhook share.

   webhook.c         what is told, and to whom; replay; what is kept
   webhook_json.c    how it is told
   webhook_sql.c     rows
   webhook_send.c    one attempt, and tests
   webhook_worker.c  the threads of one receiver
   webhook_thread.c  start, stop, reload; pomona's own events */
#ifndef POMONA_CORE_WEBHOOK_INT_H
#define POMONA_CORE_WEBHOOK_INT_H

#include "core/webhook.h"

#include <stdatomic.h>

enum { WEBHOOK_WORKERS = 4, WEBHOOK_CHUNK = 150, WEBHOOK_ERROR_MAX = 300 };

/* ---- messages (webhook_json.c) ---- */

struct webhook_message {
  int64_t seq;
  const char *event_id, *topic;
  const char *enrollment; /* "": of no channel */
  int64_t at;
  struct slice json;    /* raw_payload is empty */
  struct slice payload; /* what belongs there; p NULL: there is no raw_payload */
};
/* False: this format does not tell of such messages. event_id and at are the caller's to set. */
bool webhook_render(struct ctx *cx, const struct webhook_event *e, bool micromdm, struct webhook_message *out);
/* The same for an event of pomona's own; data: JSON. Sets all but event_id and at. */
MUST_CHECK enum err webhook_render_own(struct ctx *cx, const char *kind, const char *enrollment, const char *data,
                                       struct webhook_message *out);
/* As it is sent. */
struct slice webhook_body(struct ctx *cx, const struct webhook_message *m);

/* ---- who is told (webhook.c) ---- */

/* The receivers of the settings, each once. */
size_t webhook_urls(struct ctx *cx, const struct core *core, const char ***out);
char *webhook_shown(struct ctx *cx, const char *url); /* without its query */
/* Inside a job: for all receivers. Tells the threads after the commit. */
MUST_CHECK enum err webhook_put(struct ctx *cx, struct db *db, struct core *core, struct webhook_message *m);
int webhook_worker_of(const char *enrollment);
/* Inside a job: event webhook.dead, once an hour and receiver. */
MUST_CHECK enum err webhook_tell_dead(struct ctx *cx, struct db *db, int64_t hook, const char *why);
/* The oldest `n` that wait for a receiver become dead, chunk by chunk. Not inside a job. */
MUST_CHECK enum err webhook_abandon(struct ctx *cx, struct core *core, int64_t hook, int64_t n, const char *why);
/* The same for what is more than `most`, of every receiver. */
MUST_CHECK enum err webhook_bound(struct ctx *cx, struct core *core, int64_t most);

/* ---- one attempt (webhook_send.c) ---- */

struct sender { /* of one thread */
  struct core *core;
  const atomic_bool *stop;         /* an attempt ends soon after it becomes true */
  const struct core_conf *made_of; /* http was made for these settings */
  bool direct;
  struct nh *http;
};
struct attempt {
  bool ok;
  enum err e;
  int status; /* 0: no answer */
  int64_t took_us;
  const char *error; /* in cx; NULL when ok */
};
void sender_post(struct ctx *cx, struct sender *s, const char *url, struct slice body, struct attempt *out);
void sender_close(struct sender *s);
void webhook_run_test(struct sender *s, struct webhook_test *t);

/* ---- threads (webhook_thread.c, webhook_worker.c) ---- */

struct worker;
struct hook { /* a receiver of the settings */
  struct hook *next;
  struct core *core;
  int64_t seq;
  char *url;
  atomic_bool stop;
  struct worker *workers[WEBHOOK_WORKERS];
};
void hook_start(struct hook *h);
void hook_stop(struct hook *h); /* and frees it */
void hook_told(struct hook *h, int worker);
void webhook_hint(struct webhook *w, int worker); /* something is due */

/* ---- rows (webhook_sql.c) ---- */

MUST_CHECK enum err webhook_hook_seq(struct ctx *cx, struct db *db, const char *url, int64_t *seq); /* makes it */
MUST_CHECK enum err webhook_hook_dead_told(struct ctx *cx, struct db *db, int64_t hook, bool *told);
MUST_CHECK enum err webhook_hook_result(struct ctx *cx, struct db *db, int64_t hook, int64_t at, const char *error);
MUST_CHECK enum err webhook_message_add(struct ctx *cx, struct db *db, struct webhook_message *m, struct slice sealed);
MUST_CHECK enum err webhook_message_load(struct ctx *cx, struct db *db, int64_t seq, struct webhook_message *m,
                                         struct slice *sealed);
MUST_CHECK enum err webhook_delivery_add(struct ctx *cx, struct db *db, const struct webhook_message *m, int64_t hook);

struct lane {
  char *enrollment;
  int64_t failures;
};
MUST_CHECK enum err webhook_lanes(struct ctx *cx, struct db *db, const struct hook *h, int worker, int most,
                                  struct lane **out, size_t *n); /* those whose time has come, longest first */
MUST_CHECK enum err webhook_lane_next(struct ctx *cx, struct db *db, const struct hook *h, int worker, int64_t *at);

struct delivery {
  int64_t seq, message, hook, refusals, first_at;
};
MUST_CHECK enum err webhook_lane_due(struct ctx *cx, struct db *db, const struct hook *h, const char *enrollment,
                                     int most, struct delivery **out, size_t *n);

struct result {
  const struct lane *lane;
  struct delivery delivery;
  struct attempt attempt;
  int64_t at;
  bool dead;
};
MUST_CHECK enum err webhook_result(struct ctx *cx, struct db *db, const struct result *r);
/* The lane's next attempt; a lane with nothing due goes. */
MUST_CHECK enum err webhook_lane_set(struct ctx *cx, struct db *db, int64_t hook, const char *enrollment,
                                     int64_t failures, int64_t next_at);

/* The oldest due of a receiver become dead, and lanes without any go. *n: how many became so. */
MUST_CHECK enum err webhook_give_up(struct ctx *cx, struct db *db, int64_t hook, int most, const char *why, int64_t *n);
MUST_CHECK enum err webhook_with_due(struct ctx *cx, struct db *db, int64_t **hooks, size_t *n);
MUST_CHECK enum err webhook_due_count(struct ctx *cx, struct db *db, int64_t hook, int64_t *n);
/* Deletes a chunk of deliveries that ended in that state before `before`, and messages without any. */
MUST_CHECK enum err webhook_delete_ended(struct ctx *cx, struct db *db, const char *state, int64_t before, int64_t *n);
MUST_CHECK enum err webhook_replay_range(struct ctx *cx, struct db *db, struct webhook_replay *r);
/* The next that are to be sent again; moves the cursor. */
MUST_CHECK enum err webhook_replay_rows(struct ctx *cx, struct db *db, struct webhook_replay *r,
                                        struct delivery out[WEBHOOK_CHUNK], size_t *n);
MUST_CHECK enum err webhook_requeue(struct ctx *cx, struct db *db, int64_t delivery);

/* Pomona's own events: those after the cursor; no cursor yet: it begins here and *n is 0. */
struct own_event {
  int64_t seq, at;
  char *kind, *enrollment, *data;
};
MUST_CHECK enum err webhook_feed_waiting(struct ctx *cx, struct db *db, bool *waiting);
MUST_CHECK enum err webhook_feed_rows(struct ctx *cx, struct db *db, int most, struct own_event **out, size_t *n);
MUST_CHECK enum err webhook_feed_move(struct ctx *cx, struct db *db, int64_t seq);
MUST_CHECK enum err webhook_feed_end(struct ctx *cx, struct db *db);

#endif
