/* Wake-ups as other modules ask for them, inside their jobs. */
#include "core/push_engine.h"

#include "base/clock.h"
#include "core/pushcert.h"

#include <string.h>

static int64_t later(int64_t a, int64_t b) { return a > b ? a : b; }

/* Why pushes of the channel's topic do not go now, or NULL. */
enum err push_topic_hindrance(struct ctx *cx, struct db *db, const char *topic, const char **out) {
  struct pushcert cert;
  struct push_stop_note stop;
  int64_t now = clock_now_us();
  enum err e = pushcert_find(cx, db, topic, &cert);
  *out = NULL;
  if (e == E_NOT_FOUND) {
    *out = ctx_strdup(cx, ctx_error_text(cx));
    ctx_clear_error(cx);
    return OK;
  }
  TRY(e);
  TRY(push_stop_read(cx, db, topic, &stop));
  if (cert.not_after <= now)
    *out = ctx_printf(cx, "the push certificate for the topic %s expired on %s", topic, enc_time(cx, cert.not_after));
  else if (stop.until > now && stop.pushcert == cert.seq)
    *out = stop.text;
  return OK;
}

static enum err hindrance(struct ctx *cx, struct db *db, const struct wake *w, const char **out) {
  *out = NULL;
  if (!w->enabled) *out = "it is not enrolled";
  if (w->blocked) *out = "it is blocked";
  if (!*out && (!w->token_now.n || !w->topic)) *out = "it has not sent a push token yet";
  if (*out) return OK;
  TRY(push_topic_hindrance(cx, db, w->topic, out));
  if (!*out && w->dead_at && w->due_at > clock_now_us())
    *out = ctx_printf(cx,
                      "APNs does not take its token any more (%s); it is tried again once a week until the device "
                      "sends a new one",
                      w->reason ? w->reason : "");
  return OK;
}

/* The earliest time for another push to this token, after one that the device did not answer. */
static int64_t earliest(const struct wake *w, enum push_why why) {
  bool answered = later(w->seen_at, w->last_seen) >= w->sent_at;
  if (!w->sent_at || !slice_eq(w->token, w->token_now)) return 0;
  if (w->dead_at && why != PUSH_ASKED) return w->sent_at + PUSH_DEAD_RETRY;
  return w->sent_at + push_gap(answered && why != PUSH_ENROLLED ? PUSH_ASKED : why);
}

struct hint_arg {
  struct push *push;
  int64_t enrollment;
};
static void reload(void *push) { push_reload(push); }

void push_changed(struct db *db, struct core *core) {
  if (core->push) db_after_commit(db, reload, core->push);
}

static void hint(void *arg) {
  struct hint_arg *h = arg;
  push_hint(h->push, h->enrollment);
}

static void tell_after_commit(struct ctx *cx, struct db *db, struct push *p, int64_t enrollment) {
  struct hint_arg *h = ctx_alloc(cx, sizeof *h);
  *h = (struct hint_arg){p, enrollment};
  if (p) db_after_commit(db, hint, h);
}

/* True: it was not due before. */
static bool make_due(struct wake *w, enum push_why why, int64_t at) {
  bool pending = w->due_at && !w->answered_at;
  int64_t now = clock_now_us(), due = at ? at : now + (why == PUSH_ENROLLED ? 5 * US_SECOND : 0);
  due = later(due, earliest(w, why));
  if (!pending) {
    uuid_new(w->apns_id);
    w->answered_at = 0;
  }
  if (!w->due_at || due < w->due_at) w->due_at = due;
  if (!pending || w->why != PUSH_ASKED) w->why = why;
  if (why == PUSH_ENROLLED) w->attempts = 0;
  return !pending;
}

enum err push_due(struct ctx *cx, struct db *db, struct core *core, int64_t enrollment, enum push_why why, int64_t at,
                  char apns_id[UUID_LEN + 1], const char **reason) {
  struct wake w;
  TRY(push_row(cx, db, enrollment, &w));
  bool fresh = make_due(&w, why, at) && w.attempts == 0;
  TRY(push_row_save(cx, db, &w));
  if (fresh) TRY(push_hour_add(cx, db, clock_now_us(), &(struct push_hour){.due = 1}));
  if (apns_id) memcpy(apns_id, w.apns_id, sizeof w.apns_id);
  if (reason) TRY(hindrance(cx, db, &w, reason));
  tell_after_commit(cx, db, core->push, enrollment);
  return OK;
}

/* What it was woken for is answered. */
static enum err came(struct ctx *cx, struct db *db, struct wake *w, int64_t seen_at) {
  TRY(push_hour_add(cx, db, w->taken_at, &(struct push_hour){.came = 1}));
  w->delays = push_delays_add(cx, w->delays, seen_at - w->sent_at);
  w->taken = 0;
  w->taken_at = 0;
  return OK;
}

enum err push_seen(struct ctx *cx, struct db *db, struct core *core, int64_t enrollment, int64_t seen_at,
                   int64_t next) {
  struct wake w;
  enum err e = push_row(cx, db, enrollment, &w);
  if (e == E_NOT_FOUND) return ctx_clear_error(cx), OK; /* forgotten since it came */
  TRY(e);
  if (!w.exists && !next) return OK;
  w.seen_at = later(w.seen_at, seen_at);
  if (w.sent_at > seen_at) return push_row_save(cx, db, &w); /* it has not answered that push; the next has its time */
  /* What became due after the device came: asked for, it goes all the same; else while commands wait. */
  bool newer = w.due_at > seen_at && !w.answered_at;
  bool keep = newer && (w.why == PUSH_ASKED || (w.why == PUSH_COMMAND && w.due_at < next));
  if (next && !w.due_at && !w.answered_at) uuid_new(w.apns_id);
  if (w.taken) TRY(came(cx, db, &w, seen_at));
  w.attempts = 0;
  if (!keep) w.due_at = next, w.why = PUSH_LATER;
  /* What is later the push thread finds by itself. */
  if (next && next < clock_now_us() + US_MINUTE) tell_after_commit(cx, db, core->push, enrollment);
  return push_row_save(cx, db, &w);
}

enum err push_told(struct ctx *cx, struct db *db, int64_t enrollment) {
  int64_t woken_at;
  TRY(push_row_told(cx, db, enrollment, &woken_at));
  return woken_at ? push_hour_add(cx, db, woken_at, &(struct push_hour){.told = 1}) : OK;
}

enum err push_forget(struct ctx *cx, struct db *db, int64_t enrollment, bool new_token) {
  struct wake w;
  TRY(push_row(cx, db, enrollment, &w));
  if (!w.exists) return OK;
  if (!new_token)
    w.due_at = 0;
  else if (w.due_at && (w.dead_at || w.failed_since))
    w.due_at = clock_now_us();
  w.dead_at = w.failed_since = 0;
  w.attempts = 0;
  return push_row_save(cx, db, &w);
}

static const char *state_of(const struct wake *w, bool reachable, bool stopped) {
  if (!reachable) return "none";
  if (stopped) return "stopped";
  if (w->dead_at || w->failed_since) return "failing";
  return w->due_at ? "pending" : "ok";
}

enum err push_state(struct ctx *cx, struct db *db, int64_t enrollment, struct push_state *out) {
  struct wake w;
  const char *stopped = NULL;
  TRY(push_row(cx, db, enrollment, &w));
  bool reachable = w.enabled && !w.blocked && w.token_now.n && w.topic;
  if (reachable) TRY(push_topic_hindrance(cx, db, w.topic, &stopped));
  *out = (struct push_state){.state = state_of(&w, reachable, stopped != NULL),
                             .due_at = w.due_at,
                             .sent_at = w.sent_at,
                             .answered_at = w.answered_at,
                             .dead_at = w.dead_at,
                             .status = w.status,
                             .taken_at = w.taken_at,
                             .taken = w.taken,
                             .attempts = w.attempts,
                             .usual_us = push_delays_usual(w.delays),
                             .token = w.token.n ? enc_hex(cx, w.token.p, w.token.n) : NULL,
                             .reason = ctx_strdup(cx, stopped ? stopped : w.reason),
                             .apns_id = w.apns_id[0] ? ctx_strdup(cx, w.apns_id) : NULL};
  return OK;
}

enum err push_turn(struct ctx *cx, struct db *db, struct core *core, int64_t enrollment, int64_t *ahead,
                   int64_t *in_us) {
  int64_t now = clock_now_us(), due, rate = core->push ? push_rate_now(core->push) : core_conf(core)->wake_rate;
  TRY(push_due_ahead(cx, db, enrollment, now, ahead, &due));
  *in_us = due ? later(due - now, 0) + (rate > 0 ? *ahead * US_SECOND / rate : 0) : -1;
  return OK;
}
