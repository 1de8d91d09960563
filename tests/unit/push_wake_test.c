/* What a wake-up leaves in its row and in its hour: the usual answer in one statement, and how devices come. */
#include "push_world.h"

static struct push_answer taken_at(const struct wake *w, int64_t sent_at) {
  struct push_answer a = {.enrollment = w->enrollment,
                          .sent_at = sent_at,
                          .answered_at = sent_at + 1000,
                          .token = w->token_now,
                          .status = 200,
                          .read = {.due_at = w->due_at,
                                   .why = w->why,
                                   .attempts = w->attempts,
                                   .taken = w->taken,
                                   .absent_since = w->last_seen}};
  memcpy(a.apns_id, w->apns_id, sizeof a.apns_id);
  return a;
}

struct settle {
  struct push_answer a;
  bool usual, done;
};
static enum err settle_fn(struct world *w, struct ctx *cx, struct db *db, void *arg) {
  struct settle *s = arg;
  struct push_tally tally = {0};
  struct wake row;
  bool save;
  int64_t absent = s->a.answered_at - s->a.read.absent_since;
  (void)w;
  if (s->usual)
    return push_row_taken(cx, db, &s->a, s->a.sent_at + push_after(s->a.read.why, s->a.read.attempts + 1, absent),
                          &s->done);
  TRY(push_row(cx, db, s->a.enrollment, &row));
  assert_int_equal(push_settle(cx, &row, &s->a, &save, &tally), PUSH_TAKEN);
  s->done = save;
  if (tally.woken) TRY(push_hour_add(cx, db, s->a.sent_at, tally.woken, tally.came));
  return save ? push_row_save(cx, db, &row) : OK;
}

static struct wake row_of(struct world *w, int64_t enrollment) {
  struct wake row;
  struct db *db;
  assert_int_equal(db_reader(w->cx, w->core.store, &db), OK);
  assert_int_equal(push_row(w->cx, db, enrollment, &row), OK);
  return row;
}

static struct push_state state_of(struct world *w, int64_t enrollment) {
  struct push_state s;
  struct db *db;
  assert_int_equal(db_reader(w->cx, w->core.store, &db), OK);
  assert_int_equal(push_state(w->cx, db, enrollment, &s), OK);
  return s;
}

struct seen_arg {
  int64_t enrollment, at;
};
static enum err seen_fn(struct world *w, struct ctx *cx, struct db *db, void *arg) {
  struct seen_arg *s = arg;
  return push_seen(cx, db, &w->core, s->enrollment, s->at, 0);
}

/* Goal: the one statement for the usual answer leaves a row exactly as the rules for all answers do, for the first push
 * and for the tenth, also after failures. */
static void usual_is_the_rule(void **state) {
  struct world *w = *state;
  static const char *const changes[] = {
      "UPDATE wake SET why = 'command'", "UPDATE wake SET attempts = 4, taken = 4, taken_at = 7, why = 'enrolled'",
      "UPDATE wake SET failed_since = 5, dead_at = 6, reason = 'Unregistered', status = 410, apns_timestamp = 8",
      "UPDATE wake SET answered_at = 9, due_at = 10, apns_id = 'former'", "UPDATE enrollment SET last_seen = 11"};
  add_devices(w, 1, 2, TOPIC);
  make_due(w, results_of(w, 1, 2), 2, PUSH_ASKED);
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    run_sql(w, changes[i], DB_END, DB_END);
    int64_t sent = clock_now_us();
    for (int64_t n = 1; n <= 2; n++) {
      struct wake row = row_of(w, n);
      struct settle s = {.a = taken_at(&row, sent), .usual = n == 1};
      if (row.answered_at) memcpy(s.a.apns_id, "11111111-2222-4333-8444-555555555555", UUID_LEN + 1);
      in_job(w, settle_fn, &s);
      assert_true(s.done);
    }
    assert_int_equal(number(w, "SELECT count(*) FROM wake WHERE answered_at IS NOT NULL AND status = 200"), 2);
    assert_int_equal(number(w,
                            "SELECT count(*) FROM (SELECT DISTINCT due_at, why, attempts, sent_at, answered_at,"
                            " status, reason, apns_timestamp, failed_since, dead_at, seen_at, taken_at, taken, delays"
                            " FROM wake)"),
                     1);
  }
}

/* Goal: whatever happened to the row or the channel since it was read leaves the decision to the rules. */
static void usual_declines(void **state) {
  struct world *w = *state;
  static const char *const changes[] = {"UPDATE wake SET due_at = due_at + 1",
                                        "UPDATE wake SET due_at = NULL",
                                        "UPDATE wake SET attempts = 1",
                                        "UPDATE wake SET why = 'command'",
                                        "UPDATE wake SET taken = 1",
                                        "UPDATE wake SET apns_id = 'another'",
                                        "UPDATE wake SET seen_at = 9000000000000000",
                                        "UPDATE enrollment SET last_seen = 9000000000000000",
                                        "UPDATE enrollment SET token = x'01'",
                                        "UPDATE enrollment SET token = NULL"};
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    int64_t n = (int64_t)i + 1;
    add_devices(w, n, 1, TOPIC);
    make_due(w, results_of(w, n, 1), 1, PUSH_ASKED);
    struct wake row = row_of(w, n);
    struct settle s = {.a = taken_at(&row, clock_now_us()), .usual = true};
    run_sql(w, changes[i], DB_END, DB_END);
    in_job(w, settle_fn, &s);
    if (s.done) fail_msg("settled in spite of: %s", changes[i]);
    run_sql(w, "DELETE FROM wake", DB_END, DB_END);
  }
}

/* Goal: pushes that APNs took are counted until the device comes; how long it took is kept, each device counts once in
 * the hour that it was woken in, and once when it came. */
static void devices_come(void **state) {
  struct world *w = *state;
  int64_t now = clock_now_us();
  add_devices(w, 1, 1, TOPIC);
  make_due(w, results_of(w, 1, 1), 1, PUSH_ASKED);
  struct wake row = row_of(w, 1);
  for (int i = 0; i < 2; i++) {
    struct settle s = {.a = taken_at(&row, now + i * US_MINUTE)};
    in_job(w, settle_fn, &s);
    row = row_of(w, 1);
  }
  struct push_state s = state_of(w, 1);
  assert_int_equal(s.taken, 2);
  assert_int_equal(s.attempts, 2);
  assert_int_equal(s.taken_at, now + 1000);
  assert_string_equal(s.token, enc_hex(w->cx, "0000000000000001", 16));
  in_job(w, seen_fn, &(struct seen_arg){1, now + US_MINUTE - 1}); /* its poll began before the push went out */
  assert_int_equal(state_of(w, 1).taken, 2);
  in_job(w, seen_fn, &(struct seen_arg){1, now + US_MINUTE + 2000000});
  in_job(w, seen_fn, &(struct seen_arg){1, now + US_MINUTE + 3000000}); /* a poll nobody woke it for */
  s = state_of(w, 1);
  assert_int_equal(s.taken, 0);
  assert_int_equal(s.taken_at, 0);
  assert_int_equal(number(w, "SELECT sum(woken) FROM wake_hour"), 1);
  assert_int_equal(number(w, "SELECT sum(answered) FROM wake_hour"), 1);
  assert_int_equal(number(w, "SELECT delays = x'000007d0' FROM wake"), 1);
  run_sql(w, "UPDATE wake_hour SET hour = hour - $1", DB_I(9 * US_DAY), DB_END);
  struct settle late = {.a = taken_at(&row, now + 2 * US_MINUTE)};
  in_job(w, settle_fn, &late);
  assert_int_equal(number(w, "SELECT count(*) FROM wake_hour"), 1); /* what is older than 8 days went */
}

/* Goal: a device that comes before the answer to its push is settled counts as woken and come, once. */
static void device_is_faster(void **state) {
  struct world *w = *state;
  int64_t now = clock_now_us();
  add_devices(w, 1, 1, TOPIC);
  make_due(w, results_of(w, 1, 1), 1, PUSH_ASKED);
  struct wake row = row_of(w, 1);
  struct settle s = {.a = taken_at(&row, now)};
  in_job(w, seen_fn, &(struct seen_arg){1, now + 30000});
  in_job(w, settle_fn, &s);
  assert_int_equal(state_of(w, 1).taken, 0);
  assert_int_equal(number(w, "SELECT sum(woken = 1 AND answered = 1) FROM wake_hour"), 1);
  assert_int_equal(number(w, "SELECT delays = x'0000001e' FROM wake"), 1);
}

/* Goal: the usual delay is five minutes until five are known, then the 95th percentile of the last twenty. */
static void usual_delay(void **state) {
  struct world *w = *state;
  struct slice d = {0};
  for (int i = 1; i <= 4; i++) d = push_delays_add(w->cx, d, i * US_SECOND);
  assert_int_equal(push_delays_usual(d), 5 * US_MINUTE);
  d = push_delays_add(w->cx, d, 5 * US_SECOND);
  assert_int_equal(push_delays_usual(d), 5 * US_SECOND);
  for (int i = 6; i <= 30; i++) d = push_delays_add(w->cx, d, i * US_SECOND);
  assert_int_equal(d.n, 80);
  assert_int_equal(push_delays_usual(d), 29 * US_SECOND); /* of 11 … 30 */
  d = push_delays_add(w->cx, d, INT64_MAX);
  d = push_delays_add(w->cx, d, -US_SECOND);
  assert_int_equal(push_delays_usual(d), 30 * US_SECOND);
}

#define T(f) cmocka_unit_test_setup_teardown(f, world_up, world_down)

int main(void) {
  const struct CMUnitTest tests[] = {T(usual_is_the_rule), T(usual_declines), T(devices_come), T(device_is_faster),
                                     T(usual_delay)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
