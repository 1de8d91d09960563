/* When a push is due, what an answer does to its row, and what other modules may ask for: no thread, no connection. */
#include "push_world.h"

#define T0 (INT64_C(1700000000) * US_SECOND)

/* ---- schedule and pace ---- */

static enum push_verdict settle(struct wake *w, const struct push_answer *a, bool *save) {
  struct push_hour tally = {0};
  struct ctx *cx = ctx_new();
  enum push_verdict v = push_settle(cx, w, a, save, &tally);
  w->delays = (struct slice){0};
  ctx_free(cx);
  return v;
}

/* Goal: pushes to a device that does not come get rarer, as decided. */
static void schedule(void **state) {
  (void)state;
  static const struct {
    enum push_why why;
    int attempts;
    int64_t absent, after;
  } rows[] = {
      {PUSH_ENROLLED, 1, 0, 25 * US_SECOND},
      {PUSH_ENROLLED, 2, 0, 90 * US_SECOND},
      {PUSH_ENROLLED, 3, 0, 5 * US_MINUTE},
      {PUSH_ENROLLED, 4, 0, 30 * US_MINUTE},
      {PUSH_COMMAND, 0, 0, 5 * US_MINUTE},
      {PUSH_COMMAND, 1, 0, 5 * US_MINUTE},
      {PUSH_COMMAND, 2, 40 * US_DAY, 30 * US_MINUTE},
      {PUSH_ASKED, 3, 0, 2 * US_HOUR},
      {PUSH_LATER, 4, 0, 6 * US_HOUR},
      {PUSH_COMMAND, 5, 30 * US_DAY, US_DAY},
      {PUSH_COMMAND, 5, 31 * US_DAY, 7 * US_DAY},
      {PUSH_COMMAND, 1000000, 31 * US_DAY, 7 * US_DAY},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    assert_int_equal(push_after(rows[i].why, rows[i].attempts, rows[i].absent), rows[i].after);
  for (int why = PUSH_ASKED; why <= PUSH_LATER; why++)
    assert_int_equal(push_why_of(push_why_name((enum push_why)why)), why);
  assert_int_equal(push_why_of("nonsense"), PUSH_LATER);
  assert_int_equal(push_why_of(NULL), PUSH_LATER);
}

/* Goal: waits double from first to most, and are spread between half and one and a half times. */
static void backoff(void **state) {
  (void)state;
  for (int failures = 0; failures < 70; failures++) {
    int64_t span = failures < 2   ? 1000
                   : failures > 7 ? 64000
                                  : (int64_t)1000 << (failures - 1),
            got = push_backoff(1000, 64000, failures);
    assert_true(got >= span / 2 && got <= span * 3 / 2 + 1);
  }
  int64_t least = INT64_MAX, most = 0;
  for (int i = 0; i < 1000; i++) {
    int64_t got = push_backoff(1000000, 1000000, 1);
    if (got < least) least = got;
    if (got > most) most = got;
  }
  assert_true(least < 700000 && most > 1300000);
}

/* Goal: no more pushes in any span than the rate and a tenth of a second in advance, and no fewer when asked often
 * enough. */
static void pace(void **state) {
  (void)state;
  static const int64_t rates[] = {1, 10, 500, 7000};
  for (size_t k = 0; k < sizeof rates / sizeof *rates; k++) {
    struct push_pace p = {0};
    int64_t sent = 0, span = 10 * US_SECOND;
    for (int64_t t = T0; t < T0 + span; t += 50)
      while (push_pace_take(&p, rates[k], t)) sent++;
    assert_true(sent <= rates[k] * 10 + rates[k] / 10 + 1);
    assert_true(sent >= rates[k] * 10);
    int64_t at = push_pace_at(&p, rates[k]);
    assert_true(at > T0 + span - 50);
    assert_true(push_pace_take(&p, rates[k], at));
  }
  struct push_pace p = {0};
  for (int i = 0; i < 10000; i++) assert_true(push_pace_take(&p, 0, T0));
}

/* Goal: every reason is found by its status and name; unknown ones by their status, or its hundred. */
static void reasons(void **state) {
  (void)state;
  assert_int_equal(apns_reason(200, "")->act, APNS_FINE);
  assert_int_equal(apns_reason(200, "odd")->act, APNS_FINE);
  assert_int_equal(apns_reason(400, "BadDeviceToken")->act, APNS_TOKEN);
  assert_int_equal(apns_reason(410, "Unregistered")->act, APNS_GONE);
  assert_int_equal(apns_reason(410, "Novelty")->act, APNS_GONE);
  assert_int_equal(apns_reason(403, "Novelty")->act, APNS_TOPIC);
  assert_int_equal(apns_reason(429, "")->act, APNS_SLOW);
  assert_int_equal(apns_reason(400, "BadTopic")->act, APNS_TOPIC);
  assert_int_equal(apns_reason(418, "")->act, APNS_OURS);
  assert_int_equal(apns_reason(502, "Novelty")->act, APNS_SERVER);
  assert_int_equal(apns_reason(0, "")->act, APNS_SERVER);
  assert_int_equal(apns_reason(301, "")->act, APNS_OURS);
  assert_int_equal(apns_reason(-5, "")->act, APNS_SERVER);
  assert_int_equal(apns_reason(403, "MissingProviderToken")->who, APNS_BY_NETWORK);
  assert_int_equal(apns_reason(400, "BadDeviceToken")->who, APNS_BY_DEVICE);
  assert_null(apns_named(""));
  assert_null(apns_named("Novelty"));
  assert_int_equal(apns_named("BadCertificate")->act, APNS_TOPIC);
}

/* ---- answers ---- */

static struct wake sent_row(void) {
  return (struct wake){.enrollment = 1,
                       .exists = true,
                       .enabled = true,
                       .apns_id = "id",
                       .due_at = T0,
                       .why = PUSH_COMMAND,
                       .token_now = slice_of("token"),
                       .token_at = T0 - US_HOUR,
                       .last_seen = T0 - US_MINUTE};
}
static struct push_answer answer(int status, const char *reason) {
  struct push_answer a = {.enrollment = 1,
                          .apns_id = "id",
                          .token = slice_of("token"),
                          .sent_at = T0 + US_SECOND,
                          .answered_at = T0 + 2 * US_SECOND,
                          .status = status};
  snprintf(a.reason, sizeof a.reason, "%s", reason);
  return a;
}

/* Goal: an answer to another token, or to a row that is gone, changes nothing. */
static void answer_to_other_token(void **state) {
  (void)state;
  bool save = true;
  struct wake w = sent_row();
  struct push_answer a = answer(410, "Unregistered");
  a.token = slice_of("toke");
  assert_int_equal(settle(&w, &a, &save), PUSH_IGNORED);
  assert_false(save);
  w.exists = false;
  a.token = slice_of("token");
  assert_int_equal(settle(&w, &a, &save), PUSH_IGNORED);
  assert_false(save);
}

/* Goal: a push that was taken is due again by the schedule, unless the device came, or another became due meanwhile. */
static void taken(void **state) {
  (void)state;
  bool save;
  struct push_answer a = answer(200, "");
  struct wake w = sent_row();
  w.failed_since = w.dead_at = T0 - US_DAY;
  assert_int_equal(settle(&w, &a, &save), PUSH_TAKEN);
  assert_true(save);
  assert_int_equal(w.due_at, a.sent_at + 5 * US_MINUTE);
  assert_int_equal(w.answered_at, a.answered_at);
  assert_int_equal(w.attempts, 1);
  assert_int_equal(w.failed_since, 0);
  assert_int_equal(w.dead_at, 0);

  w = sent_row();
  w.due_at = 0; /* came */
  w.seen_at = a.sent_at + 1;
  assert_int_equal(settle(&w, &a, &save), PUSH_TAKEN);
  assert_int_equal(w.due_at, 0);
  assert_int_equal(w.answered_at, a.answered_at);

  w = sent_row();
  w.due_at = T0 + US_DAY; /* came, and commands wait */
  w.seen_at = a.sent_at + 1;
  assert_int_equal(settle(&w, &a, &save), PUSH_TAKEN);
  assert_int_equal(w.due_at, T0 + US_DAY);

  w = sent_row();
  snprintf(w.apns_id, sizeof w.apns_id, "other"); /* another push became due */
  assert_int_equal(settle(&w, &a, &save), PUSH_TAKEN);
  assert_string_equal(w.apns_id, "other");
  assert_int_equal(w.answered_at, 0);
  assert_int_equal(w.due_at, a.sent_at + US_MINUTE); /* but not within a minute */

  w = sent_row();
  snprintf(w.apns_id, sizeof w.apns_id, "former"); /* the schedule's push has an id of its own */
  w.answered_at = T0 - US_HOUR;
  assert_int_equal(settle(&w, &a, &save), PUSH_TAKEN);
  assert_string_equal(w.apns_id, "id");
  assert_int_equal(w.answered_at, a.answered_at);
}

/* Goal: whose fault it is decides: the device's ends its pushes, all others keep the push due under its id. */
static void faults(void **state) {
  (void)state;
  static const struct {
    int status;
    const char *reason;
    enum push_verdict verdict;
    int64_t least, most; /* wait */
  } rows[] = {
      {400, "BadDeviceToken", PUSH_DEAD, 7 * US_DAY - 1, 7 * US_DAY},
      {400, "DeviceTokenNotForTopic", PUSH_DEAD, 7 * US_DAY - 1, 7 * US_DAY},
      {410, "Unregistered", PUSH_DEAD, 7 * US_DAY - 1, 7 * US_DAY},
      {403, "BadCertificate", PUSH_STILL, -US_MINUTE, 0},
      {429, "TooManyRequests", PUSH_STILL, US_MINUTE / 2, 2 * US_MINUTE},
      {500, "InternalServerError", PUSH_STILL, US_SECOND, 4 * US_SECOND},
      {503, "Shutdown", PUSH_STILL, US_SECOND, 4 * US_SECOND},
      {0, "", PUSH_STILL, US_SECOND, 4 * US_SECOND},
      {400, "PayloadEmpty", PUSH_STILL, US_HOUR / 2, 2 * US_HOUR},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    bool save;
    struct wake w = sent_row();
    struct push_answer a = answer(rows[i].status, rows[i].reason);
    assert_int_equal(settle(&w, &a, &save), rows[i].verdict);
    assert_true(save);
    assert_int_equal(w.dead_at != 0, rows[i].verdict == PUSH_DEAD);
    assert_int_equal(w.answered_at != 0, rows[i].verdict == PUSH_DEAD);
    assert_int_equal(w.failed_since, a.answered_at);
    assert_true(w.due_at >= a.sent_at + rows[i].least && w.due_at <= a.answered_at + rows[i].most);
    assert_string_equal(w.apns_id, "id");
    assert_int_equal(w.status, rows[i].status);
  }
}

/* Goal: when refusals are general, no token is dead of one. */
static void spared(void **state) {
  (void)state;
  bool save;
  struct wake w = sent_row();
  struct push_answer a = answer(400, "BadDeviceToken");
  a.spare = true;
  assert_int_equal(settle(&w, &a, &save), PUSH_STILL);
  assert_int_equal(w.dead_at, 0);
  assert_int_equal(w.due_at, T0);
}

/* Goal: a 410 counts by its own time against TokenUpdate and the last sign of the device. */
static void gone(void **state) {
  (void)state;
  static const struct {
    int64_t timestamp, token_at, last_seen, seen_at;
    bool dead;
  } rows[] = {
      {T0, T0 - 1, 0, 0, true},       {T0, T0, 0, 0, false},
      {T0, T0 + 1, 0, 0, false},      {T0, T0 - 9, T0 - 1, 0, true},
      {T0, T0 - 9, T0 + 1, 0, false}, {T0, T0 - 9, 0, T0 + 1, false},
      {0, T0 - 9, T0 - 8, 0, true},   {0, T0 + 2 * US_SECOND, 0, 0, false},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    bool save;
    struct wake w = sent_row();
    struct push_answer a = answer(410, "Unregistered");
    a.timestamp = rows[i].timestamp;
    w.token_at = rows[i].token_at;
    w.last_seen = rows[i].last_seen;
    w.seen_at = rows[i].seen_at;
    assert_int_equal(settle(&w, &a, &save), rows[i].dead ? PUSH_DEAD : PUSH_IGNORED);
    assert_int_equal(w.dead_at != 0, rows[i].dead);
  }
}

/* ---- rows ---- */

static struct wake row(struct world *w) {
  struct wake out;
  struct db *db;
  assert_int_equal(db_reader(w->cx, w->core.store, &db), OK);
  assert_int_equal(push_row(w->cx, db, 1, &out), OK);
  return out;
}

struct seen {
  int64_t at, next;
};
static enum err seen_fn(struct world *w, struct ctx *cx, struct db *db, void *arg) {
  struct seen *s = arg;
  return push_seen(cx, db, &w->core, 1, s->at, s->next);
}
static enum err drop_fn(struct world *w, struct ctx *cx, struct db *db, void *arg) {
  (void)w;
  return push_forget(cx, db, 1, arg != NULL);
}
static void sent(struct world *w, int64_t ago) {
  run_sql(w, "UPDATE wake SET sent_at = $1, answered_at = $1, due_at = $2, status = 200", DB_I(clock_now_us() - ago),
          DB_I(clock_now_us() + US_DAY));
  run_sql(w, "UPDATE wake SET token = (SELECT token FROM enrollment WHERE seq = 1)", DB_END, DB_END);
}

static enum err missing_fn(struct world *w, struct ctx *cx, struct db *db, void *arg) {
  (void)arg;
  enum err e = push_due(cx, db, &w->core, 77, PUSH_ASKED, 0, NULL, NULL);
  ctx_clear_error(cx);
  assert_int_equal(e, E_NOT_FOUND);
  return OK;
}

/* Goal: a channel that cannot be pushed to keeps its row due, and says why. */
static void not_reachable(void **state) {
  struct world *w = *state;
  struct push_result *r = results_of(w, 1, 1);
  in_job(w, missing_fn, NULL);
  add_devices(w, 1, 1, TOPIC);
  run_sql(w, "UPDATE enrollment SET token = NULL", DB_END, DB_END);
  assert_non_null(strstr(make_due(w, r, 1, PUSH_COMMAND), "push token"));
  run_sql(w, "UPDATE enrollment SET enabled = 0", DB_END, DB_END);
  assert_non_null(strstr(make_due(w, r, 1, PUSH_COMMAND), "not enrolled"));
  assert_true(row(w).due_at > 0);
  run_sql(w, "UPDATE enrollment SET enabled = 1, token = $1", DB_B(slice_of("x")), DB_END);
  assert_null(make_due(w, r, 1, PUSH_COMMAND));
}

/* Goal: one row a channel: what is due and unanswered is joined, by the earlier time; what was answered gets a new id.
 */
static void coalesced(void **state) {
  struct world *w = *state;
  struct push_result *r = results_of(w, 1, 1), *again = results_of(w, 1, 1);
  add_devices(w, 1, 1, TOPIC);
  int64_t now = clock_now_us();
  in_job(w, due_fn, &(struct due_arg){.r = r, .n = 1, .why = PUSH_LATER, .at = now + US_HOUR});
  assert_int_equal(row(w).due_at, now + US_HOUR);
  in_job(w, due_fn, &(struct due_arg){.r = again, .n = 1, .why = PUSH_LATER, .at = now + 2 * US_HOUR});
  assert_int_equal(row(w).due_at, now + US_HOUR);
  make_due(w, again, 1, PUSH_ASKED);
  assert_true(row(w).due_at < now + US_MINUTE);
  assert_string_equal(r[0].apns_id, again[0].apns_id);
  make_due(w, again, 1, PUSH_COMMAND);
  assert_int_equal(row(w).why, PUSH_ASKED);
  sent(w, US_HOUR);
  make_due(w, again, 1, PUSH_COMMAND);
  assert_string_not_equal(r[0].apns_id, again[0].apns_id);
  assert_int_equal(row(w).answered_at, 0);
}

/* Goal: a token that did not answer gets one automatic push a minute, one that was asked for a second; a dead one a
 * week. */
static void gaps(void **state) {
  struct world *w = *state;
  struct push_result *r = results_of(w, 1, 1);
  add_devices(w, 1, 1, TOPIC);
  make_due(w, r, 1, PUSH_COMMAND);
  sent(w, 100000);
  int64_t now = clock_now_us();
  make_due(w, r, 1, PUSH_COMMAND);
  assert_true(row(w).due_at > now + 50 * US_SECOND && row(w).due_at < now + 61 * US_SECOND);
  make_due(w, r, 1, PUSH_ASKED);
  assert_true(row(w).due_at < now + 2 * US_SECOND && row(w).due_at > now);
  sent(w, US_SECOND);
  in_job(w, seen_fn, &(struct seen){now, 0});
  make_due(w, r, 1, PUSH_COMMAND); /* it came: no need to wait */
  assert_true(row(w).due_at < clock_now_us() + US_SECOND);
  sent(w, 2 * US_SECOND);
  run_sql(w, "UPDATE wake SET dead_at = 1, due_at = NULL, seen_at = NULL", DB_END, DB_END);
  make_due(w, r, 1, PUSH_COMMAND);
  assert_true(row(w).due_at > now + 6 * US_DAY);
  run_sql(w, "UPDATE enrollment SET token = $1", DB_B(slice_of("another")), DB_END);
  make_due(w, r, 1, PUSH_COMMAND);
  assert_true(row(w).due_at < clock_now_us() + US_SECOND);
}

/* Goal: the device's coming answers the wake-up; the next one is the caller's; what was asked for later still goes. */
static void seen_clears(void **state) {
  struct world *w = *state;
  struct push_result *r = results_of(w, 1, 1);
  add_devices(w, 1, 1, TOPIC);
  in_job(w, seen_fn, &(struct seen){5, 0});
  assert_false(row(w).exists);
  make_due(w, r, 1, PUSH_COMMAND);
  run_sql(w, "UPDATE wake SET attempts = 4", DB_END, DB_END);
  int64_t now = clock_now_us();
  in_job(w, seen_fn, &(struct seen){now, 0});
  assert_int_equal(row(w).due_at, 0);
  assert_int_equal(row(w).attempts, 0);
  assert_int_equal(row(w).seen_at, now);
  in_job(w, seen_fn, &(struct seen){now - 5, now + US_HOUR});
  assert_int_equal(row(w).due_at, now + US_HOUR);
  assert_int_equal(row(w).seen_at, now);
  make_due(w, r, 1, PUSH_ASKED);
  in_job(w, seen_fn, &(struct seen){now, 0});
  assert_true(row(w).due_at > now && row(w).due_at < now + US_MINUTE);
}

/* Goal: what was queued between the device's coming and the writing of it is not put off, unless nothing waits. */
static void queued_since(void **state) {
  struct world *w = *state;
  struct push_result *r = results_of(w, 1, 1);
  add_devices(w, 1, 1, TOPIC);
  int64_t came = clock_now_us() - US_SECOND;
  make_due(w, r, 1, PUSH_COMMAND);
  struct wake queued = row(w);
  in_job(w, seen_fn, &(struct seen){came, came + US_HOUR});
  assert_int_equal(row(w).due_at, queued.due_at);
  assert_int_equal(row(w).why, PUSH_COMMAND);
  assert_string_equal(row(w).apns_id, queued.apns_id);
  in_job(w, seen_fn, &(struct seen){came, came + US_SECOND / 2});
  assert_int_equal(row(w).due_at, came + US_SECOND / 2);
  make_due(w, r, 1, PUSH_COMMAND);
  in_job(w, seen_fn, &(struct seen){came, 0});
  assert_int_equal(row(w).due_at, 0);
}

/* Goal: a push that went out after the device came keeps its own schedule: it is no answer to it. */
static void sent_since(void **state) {
  struct world *w = *state;
  struct push_result *r = results_of(w, 1, 1);
  add_devices(w, 1, 1, TOPIC);
  make_due(w, r, 1, PUSH_ASKED);
  sent(w, US_SECOND);
  struct wake before = row(w);
  in_job(w, seen_fn, &(struct seen){before.sent_at - 1000, 0});
  assert_int_equal(row(w).due_at, before.due_at);
  in_job(w, seen_fn, &(struct seen){before.sent_at - 1000, before.sent_at + 2000}); /* not twice within a minute */
  assert_int_equal(row(w).due_at, before.due_at);
  assert_int_equal(row(w).seen_at, before.sent_at - 1000);
  in_job(w, seen_fn, &(struct seen){before.sent_at + 1000, 0});
  assert_int_equal(row(w).due_at, 0);
}

/* Goal: times of a clock that was ahead, and was set right, keep no push back and let none go again and again. */
static void clock_was_ahead(void **state) {
  struct world *w = *state;
  struct push_result *r = results_of(w, 1, 1);
  int64_t now = clock_now_us();
  add_devices(w, 1, 1, TOPIC);
  make_due(w, r, 1, PUSH_COMMAND);
  sent(w, -US_DAY);
  run_sql(w, "UPDATE wake SET seen_at = $1", DB_I(now + US_DAY), DB_END);
  run_sql(w, "UPDATE enrollment SET last_seen = $1", DB_I(now + US_DAY), DB_END);
  make_due(w, r, 1, PUSH_COMMAND);
  assert_true(row(w).due_at < now + US_MINUTE);
  push_up(w);
  await_number(w, "SELECT count(*) FROM wake WHERE status = 200 AND answered_at IS NOT NULL", 1);
  push_down(w);
  assert_true(row(w).due_at > now + 4 * US_MINUTE);
  in_job(w, seen_fn, &(struct seen){now + 1, 0});
  assert_int_equal(row(w).seen_at, now + 1);
}

/* Goal: CheckOut ends what is due; a new token is pushed to although the former was dead. */
static void forgotten(void **state) {
  struct world *w = *state;
  struct push_result *r = results_of(w, 1, 1);
  add_devices(w, 1, 1, TOPIC);
  in_job(w, drop_fn, w);
  assert_false(row(w).exists);
  make_due(w, r, 1, PUSH_COMMAND);
  run_sql(w, "UPDATE wake SET dead_at = 1, failed_since = 1, due_at = $1", DB_I(clock_now_us() + 7 * US_DAY), DB_END);
  in_job(w, drop_fn, w);
  assert_int_equal(row(w).dead_at, 0);
  assert_int_equal(row(w).failed_since, 0);
  assert_true(row(w).due_at <= clock_now_us());
  in_job(w, drop_fn, NULL);
  assert_int_equal(row(w).due_at, 0);
  make_due(w, r, 1, PUSH_ENROLLED);
  int64_t wait = row(w).due_at - clock_now_us();
  assert_true(wait > 3 * US_SECOND && wait <= 5 * US_SECOND);
}

/* Goal: the state that lists show is of the row, the channel and the topic. */
static void states(void **state) {
  struct world *w = *state;
  static const struct {
    const char *sql, *state;
  } rows[] = {
      {"UPDATE enrollment SET enabled = 1", "ok"},
      {"INSERT INTO wake (enrollment, due_at) VALUES (1, 5)", "pending"},
      {"UPDATE wake SET due_at = NULL", "ok"},
      {"UPDATE wake SET failed_since = 4", "failing"},
      {"UPDATE wake SET failed_since = NULL, dead_at = 4", "failing"},
      {"UPDATE pushcert SET not_after = 5", "stopped"},
      {"UPDATE pushcert SET superseded_at = 5", "stopped"},
      {"UPDATE enrollment SET token = NULL", "none"},
      {"UPDATE enrollment SET token = 'x', enabled = 0", "none"},
  };
  add_devices(w, 1, 1, TOPIC);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct push_state s;
    struct db *db;
    run_sql(w, rows[i].sql, DB_END, DB_END);
    assert_int_equal(db_reader(w->cx, w->core.store, &db), OK);
    assert_int_equal(push_state(w->cx, db, 1, &s), OK);
    assert_string_equal(s.state, rows[i].state);
  }
}

/* Goal: who waits for nothing, or where nothing is pushed, is told at once. */
static void nothing_to_wait_for(void **state) {
  (void)state;
  struct push_result r = {.enrollment = 1};
  struct latch l = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
  push_wait(NULL, &r, 1, INT64_MAX, latch_open, &l);
  assert_true(l.open);
}

static enum err reserve_many(struct world *w, struct ctx *cx, struct db *db, void *arg) {
  int64_t wait;
  (void)w, (void)arg;
  for (int i = 0; i < 3; i++) {
    TRY(push_reserve(cx, db, TOPIC, 3, T0 + i * US_SECOND, &wait));
    assert_int_equal(wait, 0);
  }
  TRY(push_reserve(cx, db, TOPIC, 3, T0 + 10 * US_SECOND, &wait));
  assert_int_equal(wait, 50 * US_SECOND);
  TRY(push_reserve(cx, db, OTHER, 3, T0 + 10 * US_SECOND, &wait));
  assert_int_equal(wait, 0);
  TRY(push_reserve(cx, db, TOPIC, 3, T0 + US_MINUTE, &wait));
  assert_int_equal(wait, 0);
  TRY(push_reserve(cx, db, TOPIC, 3, T0 - US_DAY, &wait)); /* the clock was wrong before */
  assert_int_equal(wait, 0);
  return db_run(cx, db, "UPDATE fact SET value = 'rubbish  -  99999999999999999999'");
}

/* Goal: connections of a topic are counted over a minute, whatever the fact or the clock says. */
static void reservations(void **state) {
  struct world *w = *state;
  in_job(w, reserve_many, NULL);
  in_job(w, reserve_many, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(answer_to_other_token),
      cmocka_unit_test(faults),
      cmocka_unit_test(spared),
      cmocka_unit_test(gone),
      cmocka_unit_test(taken),
      cmocka_unit_test(reasons),
      cmocka_unit_test(schedule),
      cmocka_unit_test(backoff),
      cmocka_unit_test(pace),
      cmocka_unit_test(nothing_to_wait_for),
      cmocka_unit_test_setup_teardown(not_reachable, world_up, world_down),
      cmocka_unit_test_setup_teardown(coalesced, world_up, world_down),
      cmocka_unit_test_setup_teardown(gaps, world_up, world_down),
      cmocka_unit_test_setup_teardown(seen_clears, world_up, world_down),
      cmocka_unit_test_setup_teardown(queued_since, world_up, world_down),
      cmocka_unit_test_setup_teardown(sent_since, world_up, world_down),
      cmocka_unit_test_setup_teardown(clock_was_ahead, world_up, world_down),
      cmocka_unit_test_setup_teardown(forgotten, world_up, world_down),
      cmocka_unit_test_setup_teardown(states, world_up, world_down),
      cmocka_unit_test_setup_teardown(reservations, world_up, world_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
