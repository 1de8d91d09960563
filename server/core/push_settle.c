#include "core/push_int.h"

#include "base/clock.h"

#include <string.h>

static int64_t later(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t seen(const struct wake *w) { return later(w->seen_at, w->last_seen); }

/* A push as settlers see it. */
struct settling {
  struct ctx *cx;
  struct push_hour *tally;
  struct wake *w;
  const struct push_answer *a;
  enum apns_act act;
  bool current; /* no other push became due since it was sent */
  bool due;     /* and the device did not come since, nor was it forgotten: its due time is ours to move */
};

static void due_at(const struct settling *s, int64_t at) {
  if (s->due) s->w->due_at = at;
}

static void final(const struct settling *s) {
  if (s->current) s->w->answered_at = s->a->answered_at;
}

static void next_by_schedule(const struct settling *s) {
  struct wake *w = s->w;
  int64_t absent = s->a->answered_at - later(seen(w), w->token_at);
  if (s->due) w->attempts++;
  due_at(s, s->a->sent_at + push_after(w->why, w->attempts, absent));
}

static void failing(const struct settling *s) {
  if (!s->w->failed_since) s->w->failed_since = s->a->answered_at;
}

/* A device may come before the answer to the push that woke it is settled. */
static void count_taken(const struct settling *s) {
  struct wake *w = s->w;
  int64_t came = seen(w);
  if (came >= s->a->sent_at) {
    w->delays = push_delays_add(s->cx, w->delays, came - s->a->sent_at);
    s->tally->woken++, s->tally->came++;
    return;
  }
  if (w->taken++ == 0) s->tally->woken++, w->taken_at = s->a->answered_at;
}

static enum push_verdict taken(const struct settling *s) {
  final(s);
  count_taken(s);
  next_by_schedule(s);
  s->w->failed_since = s->w->dead_at = 0;
  return PUSH_TAKEN;
}

/* Kept as it is: it goes again when the cause, which is not the device's, has gone. */
static enum push_verdict kept(const struct settling *s) {
  failing(s);
  return PUSH_STILL;
}

static enum push_verdict put_off(const struct settling *s) {
  failing(s);
  due_at(s, s->a->answered_at + push_retry(s->act, s->a->answered_at - s->w->failed_since));
  return PUSH_STILL;
}

static enum push_verdict dead(const struct settling *s) {
  if (s->a->spare) return kept(s);
  failing(s);
  final(s);
  if (s->due) s->w->attempts++;
  due_at(s, s->a->sent_at + PUSH_DEAD_RETRY);
  s->w->dead_at = s->a->answered_at;
  return PUSH_DEAD;
}

/* APNs may tell of a former installation on the same device. */
static enum push_verdict gone(const struct settling *s) {
  int64_t since = s->a->timestamp ? s->a->timestamp : s->a->answered_at;
  if (since > s->w->token_at && since > seen(s->w)) return dead(s);
  failing(s);
  final(s);
  next_by_schedule(s);
  return PUSH_IGNORED;
}

enum push_verdict push_settle(struct ctx *cx, struct wake *w, const struct push_answer *a, bool *save,
                              struct push_hour *tally) {
  static enum push_verdict (*const settlers[APNS_ACTS])(const struct settling *) = {
      [APNS_FINE] = taken,   [APNS_TOKEN] = dead,     [APNS_GONE] = gone,    [APNS_TOPIC] = kept,
      [APNS_SLOW] = put_off, [APNS_SERVER] = put_off, [APNS_IDLE] = put_off, [APNS_OURS] = put_off,
  };
  *save = w->exists && slice_eq(w->token_now, a->token);
  if (!*save) return PUSH_IGNORED;
  struct settling s = {.cx = cx, .tally = tally, .w = w, .a = a, .act = apns_reason(a->status, a->reason)->act};
  s.current = w->answered_at != 0 || strcmp(w->apns_id, a->apns_id) == 0;
  s.due = s.current && w->due_at && seen(w) < a->sent_at;
  if (s.current) memcpy(w->apns_id, a->apns_id, sizeof w->apns_id), w->answered_at = 0;
  w->sent_at = a->sent_at;
  w->token = a->token;
  w->status = a->status;
  w->reason = (char *)(uintptr_t)a->reason;
  w->apns_timestamp = a->timestamp;
  enum push_verdict v = settlers[s.act](&s);
  if (!s.current && w->due_at && seen(w) < a->sent_at) w->due_at = later(w->due_at, a->sent_at + push_gap(w->why));
  return v;
}
