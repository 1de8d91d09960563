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
  struct push_hour tally = {0};
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
  if (tally.woken) TRY(push_hour_add(cx, db, s->a.sent_at, &tally));
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

static enum err told_fn(struct world *w, struct ctx *cx, struct db *db, void *arg) {
  (void)w;
  return push_told(cx, db, *(int64_t *)arg);
}

/* Goal: of a wake-up count, once each: that it became due, and that the device settled a command after it. */
static void hours_tell_how_far_it_came(void **state) {
  struct world *w = *state;
  int64_t now = clock_now_us(), one = 1;
  add_devices(w, 1, 1, TOPIC);
  in_job(w, told_fn, &one); /* nobody woke it for that */
  make_due(w, results_of(w, 1, 1), 1, PUSH_ASKED);
  make_due(w, results_of(w, 1, 1), 1, PUSH_COMMAND);
  struct wake row = row_of(w, 1);
  struct settle s = {.a = taken_at(&row, now)};
  in_job(w, settle_fn, &s);
  in_job(w, seen_fn, &(struct seen_arg){1, now + 30000});
  in_job(w, told_fn, &one);
  in_job(w, told_fn, &one);
  assert_int_equal(number(w, "SELECT sum(due) FROM wake_hour"), 1);
  assert_int_equal(number(w, "SELECT sum(told) FROM wake_hour"), 1);
  make_due(w, results_of(w, 1, 1), 1, PUSH_COMMAND);
  row = row_of(w, 1);
  s = (struct settle){.a = taken_at(&row, now + US_MINUTE)};
  in_job(w, settle_fn, &s);
  in_job(w, told_fn, &one);
  assert_int_equal(number(w, "SELECT sum(due) FROM wake_hour"), 2);
  assert_int_equal(number(w, "SELECT sum(told) FROM wake_hour"), 2);
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

/* ---- pace ---- */

/* Goal: the rate is halved every other second while answers are slow, never below ten a second, comes back by a tenth a
 * second, keeps between, and follows wake-rate. */
static void rate_adapts(void **state) {
  (void)state;
  struct push_rate r = {0};
  static const struct {
    int64_t most, latency_ms, second, rate;
  } rows[] = {{500, 0, 0, 500},    {500, 200, 1, 500},  {500, 501, 2, 250}, {500, 9000, 3, 250}, {500, 9000, 4, 125},
              {500, 400, 5, 125},  {500, 9000, 6, 62},  {500, 9000, 8, 31}, {500, 9000, 10, 15}, {500, 9000, 12, 10},
              {500, 9000, 14, 10}, {500, 250, 15, 60},  {500, 0, 16, 110},  {500, 300, 17, 110}, {400, 0, 18, 150},
              {100, 0, 19, 100},   {2000, 0, 20, 2000}, {3, 9000, 30, 3},   {3, 9000, 32, 3},    {0, 9000, 40, 0},
              {500, 0, 41, 500}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    push_rate_adapt(&r, rows[i].most, rows[i].latency_ms * 1000, (rows[i].second + 100) * US_SECOND);
    if (r.now != rows[i].rate) fail_msg("row %zu: %lld a second", i, (long long)r.now);
  }
}

/* Goal: of the answers of a span the slowest tenth counts, and each span for itself. */
static void latency_is_felt(void **state) {
  struct world *w = *state;
  assert_int_equal(push_latency_take(&w->core), 0);
  for (int i = 0; i < 91; i++) push_felt(&w->core, 100);
  for (int i = 0; i < 9; i++) push_felt(&w->core, 100 * US_SECOND);
  assert_int_equal(push_latency_take(&w->core), US_SECOND / 20);
  for (int i = 0; i < 90; i++) push_felt(&w->core, US_SECOND / 20);
  for (int i = 0; i < 10; i++) push_felt(&w->core, 600000);
  assert_int_equal(push_latency_take(&w->core), US_SECOND);
  push_felt(&w->core, INT64_MAX);
  assert_int_equal(push_latency_take(&w->core), 8 * US_SECOND);
  assert_int_equal(push_latency_take(&w->core), 0);
}

/* Goal: the push thread goes more slowly while devices wait, and says so. */
static void thread_slows_down(void **state) {
  struct world *w = *state;
  struct push_health h = {0};
  w->conf.wake_rate = 100;
  for (int i = 0; i < 10; i++) push_felt(&w->core, 2 * US_SECOND);
  push_up(w);
  int64_t until = clock_mono_us() + PATIENCE;
  for (; h.rate == 0 && clock_mono_us() < until; usleep(1000)) push_health(w->core.push, &h);
  assert_int_equal(h.rate, 50);
  assert_string_equal(h.pace, "devices had to wait for answers: 50 of 100 pushes a second");
  for (; h.rate < 100 && clock_mono_us() < until; usleep(1000))
    push_health(w->core.push, &h); /* nobody comes any more */
  assert_int_equal(h.rate, 100);
  assert_string_equal(h.pace, "");
}

/* Goal: a wake-up that waits for the pace knows how many are before it and how long that takes. */
static void turn(void **state) {
  struct world *w = *state;
  struct db *db;
  int64_t ahead, in_us;
  w->conf.wake_rate = 2;
  add_devices(w, 1, 5, TOPIC);
  make_due(w, results_of(w, 1, 4), 4, PUSH_COMMAND);
  run_sql(w, "UPDATE wake SET due_at = $1 - enrollment % 2", DB_I(clock_now_us() - 1000), DB_END);
  run_sql(w, "UPDATE wake SET due_at = $1 WHERE enrollment = 3", DB_I(clock_now_us() + US_HOUR), DB_END);
  assert_int_equal(db_reader(w->cx, w->core.store, &db), OK);
  assert_int_equal(push_turn(w->cx, db, &w->core, 4, &ahead, &in_us), OK); /* after 1 and 2 */
  assert_int_equal(ahead, 2);
  assert_int_equal(in_us, US_SECOND);
  assert_int_equal(push_turn(w->cx, db, &w->core, 1, &ahead, &in_us), OK);
  assert_int_equal(ahead + in_us, 0);
  assert_int_equal(push_turn(w->cx, db, &w->core, 3, &ahead, &in_us), OK); /* when it is due, those will have gone */
  assert_true(in_us > 59 * US_MINUTE);
  assert_int_equal(push_turn(w->cx, db, &w->core, 5, &ahead, &in_us), OK);
  assert_int_equal(in_us, -1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, world_up, world_down)

int main(void) {
  const struct CMUnitTest tests[] = {T(usual_is_the_rule), T(usual_declines),    T(devices_come),
      T(hours_tell_how_far_it_came),
                                     T(device_is_faster),  T(usual_delay),       T(rate_adapts),
                                     T(latency_is_felt),   T(thread_slows_down), T(turn)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
