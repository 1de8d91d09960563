/* The fleet: what is remembered of who waits, the alarm, and what `why --fleet` says. */
#include "why_world.h"

#include "core/guardian.h"
#include "core/notice.h"

/* ---- the fleet ---- */

enum { FLEET = 6 };
static struct enroll_proof fleet[FLEET];
static const char *const names[FLEET] = {"D0", "D1", "D2", "D3", "D4", "D5"};

static void fleet_lives(int n) {
  shifted = 0;
  fixture_keyring("mdm.example.org");
  for (int i = 0; i < n; i++) {
    fleet[i] = enrolled(names[i]);
    comes(fleet[i], names[i]);
  }
}

static void look(void) {
  ctx_clear_error(fx.cx);
  must(why_chore(fx.cx, &fx.core));
}

/* What is kept in memory only is lost. */
static void restart(void) {
  refused_stop(fx.core.refused);
  seen_stop(fx.core.seen);
  must(seen_start(fx.cx, &fx.core.seen, &fx.core));
  must(refused_start(fx.cx, &fx.core.refused, &fx.core));
}

static void wake(int from, int to) {
  for (int i = from; i < to; i++) apns_takes(names[i]);
}
static void come(int from, int to) {
  for (int i = from; i < to; i++) comes(fleet[i], names[i]);
}

/* So many of a hundred came, in each hour of the week before. */
static void usually(int percent) {
  for (int64_t h = 2; h <= 24 * 7; h++)
    run_sql("INSERT INTO wake_hour (hour, woken, answered) VALUES ($1, 100, $2)",
            DB_I((clock_now_us() - h * US_HOUR) / US_HOUR * US_HOUR), DB_I(percent));
}

/* ---- what is told ---- */

static bool in_banner(void) {
  struct js *banner;
  ctx_clear_error(fx.cx);
  must(guardian_banner(fx.cx, reader(), &fx.core, &banner));
  for (size_t i = 0; i < js_count(banner); i++)
    if (strcmp(js_str(js_at(banner, i), "slug"), "fleet-alarm") == 0) return true;
  return false;
}

#define EVENTS(kind) count("SELECT count(*) FROM event WHERE kind = '" kind "'")

/* raised and over: how often so far. */
static void expect_alarm(bool now, int raised, int over) {
  struct js *alarm, *notices;
  must(why_alarm(fx.cx, reader(), &alarm));
  assert_int_equal(alarm != NULL, now);
  assert_int_equal(in_banner(), now);
  must(notice_list(fx.cx, reader(), "fleet alarm", 10, &notices));
  assert_int_equal(js_count(notices), raised);
  assert_int_equal(EVENTS("fleet.alarm"), raised);
  assert_int_equal(EVENTS("fleet.alarm-over"), over);
}

static const char *alarm_says(void) {
  struct js *alarm;
  must(why_alarm(fx.cx, reader(), &alarm));
  return alarm ? js_str(alarm, "text") : "(no alarm)";
}

/* ---- the share ---- */

/* Goal: when fewer than half as many come as usually do the alarm is raised, once, also over a restart; and it ends. */
static void fewer_come(void **state) {
  (void)state;
  fleet_lives(5);
  usually(90);
  look();
  expect_alarm(false, 0, 0);
  pass(US_MINUTE);
  wake(0, 5);
  come(0, 2);
  look();
  expect_alarm(false, 0, 0); /* the others may be on their way */
  pass(6 * US_MINUTE);
  look();
  expect_alarm(true, 1, 0);
  assert_non_null(strstr(alarm_says(), "Of 5 devices that were woken within the last hour 2 came"));
  assert_non_null(strstr(alarm_says(), "90"));
  restart();
  look();
  expect_alarm(true, 1, 0);
  come(2, 5);
  look();
  expect_alarm(false, 1, 1);
  look();
  expect_alarm(false, 1, 1);
}

/* Goal: an alarm is raised anew when it was over. */
static void again(void **state) {
  (void)state;
  fleet_lives(5);
  usually(90);
  for (int i = 1; i <= 2; i++) {
    pass(2 * US_HOUR);
    wake(0, 5);
    pass(6 * US_MINUTE);
    look();
    expect_alarm(true, i, i - 1);
    come(0, 5);
    look();
    expect_alarm(false, i, i);
  }
}

/* Goal: four devices, a fleet of which few come anyway, and one without a past raise nothing. */
static void few_tell_nothing(void **state) {
  (void)state;
  fleet_lives(4);
  pass(US_MINUTE);
  usually(90);
  wake(0, 4);
  pass(6 * US_MINUTE);
  look();
  expect_alarm(false, 0, 0);
}
static void half_is_enough(void **state) {
  (void)state;
  fleet_lives(5);
  pass(US_MINUTE);
  usually(80);
  wake(0, 5);
  come(0, 2); /* 40 of a hundred: just half */
  pass(6 * US_MINUTE);
  look();
  expect_alarm(false, 0, 0);
}
static void without_a_past(void **state) {
  (void)state;
  fleet_lives(5);
  pass(US_MINUTE);
  wake(0, 5);
  pass(6 * US_MINUTE);
  look();
  expect_alarm(false, 0, 0);
}

/* ---- moves ---- */

static void are_asked(int from, int to) {
  for (int i = from; i < to; i++) enqueue(names[i], "SecurityInfo", ctx_printf(fx.cx, "C%d", i));
}
static void answer(int from, int to) {
  for (int i = from; i < to; i++) {
    const char *uuid = ctx_printf(fx.cx, "C%d", i);
    assert_string_equal(comes(fleet[i], names[i]), uuid);
    answers(fleet[i], names[i], "Acknowledged", uuid);
  }
}
static void certificate_ends(void) { pass(366 * US_DAY); }
static void token_is_refused(int i) { apns_says(names[i], 400, "BadDeviceToken", 0); }

static struct js *told(void) {
  struct js *out;
  ctx_clear_error(fx.cx);
  must(why_fleet(fx.cx, reader(), &fx.core, &out));
  return out;
}
/* The entry with this verdict; NULL: none. It stands there once. */
static struct js *entry_of(struct js *out, const char *slug) {
  struct js *found = NULL, *all = js_get(out, "verdicts");
  for (size_t i = 0; i < js_count(all); i++) {
    if (strcmp(js_str(js_at(all, i), "verdict"), slug) != 0) continue;
    assert_null(found);
    found = js_at(all, i);
  }
  return found;
}
static int64_t devices_of(struct js *entry) {
  int64_t n = 0;
  assert_non_null(entry);
  assert_true(js_int(js_get(entry, "devices"), &n));
  return n;
}

/* Goal: an expired push certificate moves all who wait at once: the alarm is raised and says to what; the topic's
   verdict is told once, with all who listen on it. It ends with a new certificate. */
static void certificate_expires(void **state) {
  (void)state;
  fleet_lives(6);
  certificate_ends();
  look();
  expect_alarm(false, 0, 0); /* nothing waits for anybody */
  are_asked(0, 2);
  look();
  expect_alarm(false, 0, 0);
  are_asked(2, 3);
  pass(US_MINUTE);
  look();
  expect_alarm(true, 1, 0);
  assert_non_null(strstr(alarm_says(), "3 devices went dark within 10 minutes: pushcert-expired (3)"));
  restart();
  pass(US_HOUR);
  look();
  expect_alarm(true, 1, 0);
  struct js *out = told(), *e = entry_of(out, "pushcert-expired");
  assert_int_equal(devices_of(e), 6);
  assert_string_equal(js_str(e, "scope"), "topic");
  assert_string_equal(js_str(e, "topic"), TOPIC);
  assert_non_null(strstr(js_str(e, "message"), TOPIC));
  assert_true(js_is_object(js_get(out, "alarm")));
  import_pushcert(TOPIC);
  look();
  expect_alarm(false, 1, 1);
  assert_null(entry_of(told(), "pushcert-expired"));
}

/* Goal: what is the devices' own matter is told by count, with examples, and no alarm when it comes one by one. */
static void one_by_one(void **state) {
  (void)state;
  fleet_lives(3);
  are_asked(0, 3);
  for (int i = 0; i < 3; i++) {
    pass(6 * US_MINUTE);
    token_is_refused(i);
    look();
    expect_alarm(false, 0, 0);
  }
  struct js *out = told(), *e = entry_of(out, "token-rejected");
  assert_int_equal(devices_of(e), 3);
  assert_string_equal(js_str(e, "scope"), "device");
  assert_string_equal(js_str(e, "examples"), "D2, D1, D0");
  assert_false(js_is_object(js_get(out, "alarm")));
  answer(0, 3);
  look();
  assert_null(entry_of(told(), "token-rejected"));
}

/* Goal: three at once raise it, for whatever reason; it is over when fewer than three are left. */
static void three_at_once(void **state) {
  (void)state;
  fleet_lives(4);
  are_asked(0, 3);
  pass(US_MINUTE);
  token_is_refused(0);
  token_is_refused(1);
  look();
  expect_alarm(false, 0, 0);
  pass(9 * US_MINUTE);
  apns_says(names[2], 410, "Unregistered", clock_now_us());
  look();
  expect_alarm(true, 1, 0);
  assert_non_null(strstr(alarm_says(), "token-gone (1)"));
  assert_non_null(strstr(alarm_says(), "token-rejected (2)"));
  answer(2, 3);
  look();
  expect_alarm(false, 1, 1);
}

/* Goal: devices that merely do not come are no reason for an alarm. */
static void silent_ones(void **state) {
  (void)state;
  fleet_lives(4);
  are_asked(0, 4);
  pass(US_MINUTE);
  wake(0, 4);
  pass(10 * US_MINUTE);
  look();
  expect_alarm(false, 0, 0);
  assert_int_equal(devices_of(entry_of(told(), "silent")), 4);
}

/* ---- what stays ---- */

static struct js *alarm_now(void) {
  struct js *out;
  must(why_alarm(fx.cx, reader(), &out));
  return out;
}

/* Verdicts as the chore remembers them; the devices wait, but nobody woke them. */
static void dark(int first, int n, const char *slug) {
  for (int i = first; i < first + n; i++) {
    (void)enrolled(ctx_printf(fx.cx, "D%d", i));
    enqueue(ctx_printf(fx.cx, "D%d", i), "DisableRemoteDesktop", ctx_printf(fx.cx, "C%d", i));
    run_sql("UPDATE wake SET status = 410, reason = 'Unregistered', sent_at = $1, answered_at = $1, dead_at = $1, "
            "apns_timestamp = $1, token = (SELECT e.token FROM enrollment e WHERE e.seq = wake.enrollment) "
            "WHERE enrollment = (SELECT seq FROM enrollment WHERE id = $2)",
            DB_I(clock_now_us() + 1000), DB_S(ctx_printf(fx.cx, "D%d", i)));
    run_sql("UPDATE enrollment SET last_seen = NULL, token_at = 1 WHERE id = $1", DB_S(ctx_printf(fx.cx, "D%d", i)),
            DB_END);
  }
  pass(US_SECOND);
  must(why_chore(fx.cx, &fx.core));
  assert_int_equal(count(ctx_printf(fx.cx, "SELECT count(*) FROM device_verdict WHERE slug = '%s'", slug)),
                   first + n - 1);
}

/* Goal: three devices that go dark at once raise the alarm once; what stays their own is no alarm any more after that,
 * so that the next one is raised again. */
static void raised_and_over(void **state) {
  (void)state;
  shifted = 0;
  dark(1, 2, "token-gone");
  assert_null(alarm_now());
  dark(3, 1, "token-gone");
  assert_non_null(alarm_now());
  must(why_chore(fx.cx, &fx.core));
  assert_int_equal(count("SELECT count(*) FROM event WHERE kind = 'fleet.alarm'"), 1);
  pass(11 * US_MINUTE);
  must(why_chore(fx.cx, &fx.core));
  assert_null(alarm_now());
  assert_int_equal(count("SELECT count(*) FROM event WHERE kind = 'fleet.alarm-over'"), 1);
  dark(4, 3, "token-gone");
  assert_non_null(alarm_now());
  assert_int_equal(count("SELECT count(*) FROM event WHERE kind = 'fleet.alarm'"), 2);
}

#define T(f) cmocka_unit_test_setup_teardown(f, why_up, why_down)
int main(void) {
  const struct CMUnitTest tests[] = {
      T(fewer_come),          T(again),      T(few_tell_nothing), T(half_is_enough), T(without_a_past),
      T(certificate_expires), T(one_by_one), T(three_at_once),    T(silent_ones),    T(raised_and_over),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
