/* Verdicts 28 to 34: it has not come, and nothing between us and Apple is wrong. */
#include "why_world.h"

static struct enroll_proof a;

static void facts(const char *sql) { run_sql(sql, DB_END, DB_END); }

/* Enrolled for a while, and seen. */
static void a_lives(void) {
  a = enrolled("A");
  pass(US_HOUR);
  comes(a, "A");
}
static void something_is_asked(void) {
  pass(US_SECOND);
  enqueue("A", "DisableRemoteDesktop", "C1");
}
static void a_takes_it(void) {
  assert_string_equal(comes(a, "A"), "C1");
  answers(a, "A", "Acknowledged", "C1");
}

static enum err due_job(struct ctx *cx, struct db *db, void *arg) {
  int64_t enrollment;
  char *id;
  TRY(enroll_lookup(cx, db, arg, &enrollment, &id));
  return push_due(cx, db, &fx.core, enrollment, PUSH_COMMAND, 0, NULL, NULL);
}
static void is_due(const char *id) { must(in_job(due_job, (void *)(uintptr_t)id)); }

/* ---- 28, 29 ---- */

static void many_are_before_it(void) {
  (void)enrolled("B");
  fx.conf.wake_rate = 1;
  is_due("B");
  something_is_asked();
  pass(US_SECOND);
  is_due("A");
  pass(US_SECOND);
}
static void it_has_just_been_woken(void) {
  something_is_asked();
  apns_takes("A");
  pass(10 * US_SECOND);
}

static bool has_its_turn(const char *id) {
  struct why out;
  must(why_device(fx.cx, reader(), &fx.core, id, NULL, &out));
  bool found = strcmp(out.slug, "waiting-for-pace") == 0;
  for (size_t i = 0; i < out.also_n; i++) found |= strcmp(out.also[i], "waiting-for-pace") == 0;
  return found;
}

/* Goal: a wake-up does not wait for the pace while the way to Apple is shut, the certificate has ended, pushes are
 * stopped, or its time is later. */
static void no_matter_of_pace(void **state) {
  static const char *const breaks[] = {"INSERT INTO apns_link (topic, up, since, kind, text, host, pushcert) SELECT "
                                       "topic, 0, 1, 'refused', 'no', '', seq "
                                       "FROM pushcert",
                                       "UPDATE pushcert SET not_after = 1",
                                       "UPDATE wake SET due_at = due_at + 3600000000",
                                       "UPDATE enrollment SET enabled = 0"};
  (void)state;
  for (size_t i = 0; i < sizeof breaks / sizeof *breaks; i++) {
    shifted = 0;
    if (i) assert_int_equal(why_down(state) + why_up(state), 0);
    a_lives();
    something_is_asked();
    is_due("A");
    assert_true(has_its_turn("A"));
    facts(breaks[i]);
    assert_false(has_its_turn("A"));
  }
}

/* ---- 30, 31 ---- */

static void a_mac_lives(void) {
  a_lives();
  facts("UPDATE device SET product_name = 'Mac14,2'");
}
static void a_does(const char *request_type) {
  enqueue("A", request_type, "D1");
  assert_string_equal(comes(a, "A"), "D1");
  answers(a, "A", "Acknowledged", "D1");
  pass(US_MINUTE);
  something_is_asked();
  apns_takes("A");
  pass(6 * US_MINUTE);
}
static void it_is_locked(void) { a_does("DeviceLock"); }
static void it_is_in_lost_mode(void) { a_does("EnableLostMode"); }
static void it_restarts(void) { a_does("RestartDevice"); }
static void a_tells_of(const char *key) {
  a_lives();
  enqueue("A", "SecurityInfo", "S1");
  comes(a, "A");
  struct pl *m = pl_new_dict(fx.cx), *security = pl_new_dict(fx.cx);
  pl_set_string(m, "UDID", "A");
  pl_set_string(m, "Status", "Acknowledged");
  pl_set_string(m, "CommandUUID", "S1");
  pl_set_bool(security, key, true);
  pl_set(m, "SecurityInfo", security);
  pass(US_SECOND);
  (void)put_report_of(a, m);
}
static void a_mac_with_filevault_lives(void) {
  a_tells_of("FDE_Enabled");
  facts("UPDATE device SET product_name = 'Mac14,2'");
}
static void an_ipad_with_a_passcode_lives(void) {
  a_tells_of("PasscodePresent");
  facts("UPDATE device SET product_name = 'iPad13,1'");
}

/* Goal: what it went dark after is found however much was queued since. */
static void locked_long_ago(void **state) {
  (void)state;
  shifted = 0;
  a_mac_lives();
  a_does("DeviceLock");
  for (int i = 0; i < 120; i++) enqueue("A", "DisableRemoteDesktop", ctx_printf(fx.cx, "Q%d", i));
  expect_verdict("A", NULL, "locked-by-us");
}

/* Goal: a phone that joins its mobile network before it is unlocked does not wait for a person. */
static void cellular_waits_for_nobody(void **state) {
  (void)state;
  shifted = 0;
  an_ipad_with_a_passcode_lives();
  facts("UPDATE device SET product_name = 'iPhone14,5', imei = '35 000000 000000 0'");
  it_restarts();
  expect_verdict("A", NULL, "silent");
}

/* ---- 32 ---- */

static const char *user_says(const char *status, const char *uuid) {
  struct pl *m = pl_new_dict(fx.cx);
  pl_set_string(m, "UDID", "A");
  pl_set_string(m, "UserID", "USER");
  pl_set_string(m, "Status", status);
  if (uuid) pl_set_string(m, "CommandUUID", uuid);
  pass(US_SECOND);
  const char *next = put_report_of(a, m)->command_uuid;
  return next ? next : "";
}
static void a_has_a_user(void) {
  enum enroll_refusal refusal;
  a_lives();
  struct pl *m = message("TokenUpdate", "A");
  pl_set_string(m, "UserID", "USER");
  pl_set_string(m, "UserShortName", "rosa");
  pl_set_data(m, "Token", slice_of("user-token"));
  pl_set_string(m, "PushMagic", "magic");
  must(check_in_with(a, m, &refusal));
  assert_int_equal(refusal, ENROLL_FINE);
  user_says("Idle", NULL);
}
static void the_device_comes_alone(void) {
  pass(US_MINUTE);
  enqueue("A:USER", "ProfileList", "C1");
  apns_takes("A:USER");
  pass(6 * US_MINUTE);
  comes(a, "A");
}
static void the_user_logs_in(void) {
  assert_string_equal(user_says("Idle", NULL), "C1");
  user_says("Acknowledged", "C1");
}

/* ---- 33, 34 ---- */

static void it_is_off(void) {
  something_is_asked();
  apns_takes("A");
  pass(6 * US_MINUTE);
}
static void it_is_off_beside_another(void) {
  struct enroll_proof b = enrolled("B");
  something_is_asked();
  pass(US_SECOND);
  apns_takes("A");
  apns_takes("B");
  comes(b, "B");
  pass(6 * US_MINUTE);
}
/* It took its command, and went. */
static void it_goes_with_its_command(void) {
  something_is_asked();
  assert_string_equal(comes(a, "A"), "C1");
  pass(US_MINUTE);
  apns_takes("A");
  pass(6 * US_MINUTE);
}
static void it_answers(void) { answers(a, "A", "Acknowledged", "C1"); }
static void it_lies_in_a_drawer(void) {
  something_is_asked();
  apns_takes("A");
  pass(8 * US_DAY);
}

/* Goal: silence is named by 200 of APNs only: what was not taken says nothing about the device. */
static void not_taken_is_no_silence(void **state) {
  struct why_words w;
  (void)state;
  shifted = 0;
  a_lives();
  something_is_asked();
  apns_says("A", 503, "ServiceUnavailable", 0);
  pass(US_HOUR);
  assert_string_not_equal(slug_by(why_rows, why_rows_n, "A", NULL, &w), "silent");
}

static const struct why_scenario scenarios[] = {
    {"pace", 28, "A", NULL, NULL, a_lives, many_are_before_it, a_takes_it, "1 wake-up is due before it"},
    {"on its way", 29, "A", NULL, NULL, a_lives, it_has_just_been_woken, a_takes_it, "Woken 10 s ago"},
    {"locked Mac", 30, "A", NULL, NULL, a_mac_lives, it_is_locked, a_takes_it, "Enter the PIN"},
    {"lost mode", 30, "A", NULL, NULL, a_lives, it_is_in_lost_mode, a_takes_it, "DisableLostMode"},
    {"FileVault", 31, "A", NULL, NULL, a_mac_with_filevault_lives, it_restarts, a_takes_it, "Log in at the Mac"},
    {"first unlock", 31, "A", NULL, NULL, an_ipad_with_a_passcode_lives, it_restarts, a_takes_it, "Unlock it once"},
    {"user", 32, "A:USER", NULL, NULL, a_has_a_user, the_device_comes_alone, the_user_logs_in, "rosa"},
    {"silent", 33, "A", NULL, NULL, a_lives, it_is_off, a_takes_it, "took 1 wake-up since"},
    {"silent beside another", 33, "A", NULL, NULL, a_lives, it_is_off_beside_another, a_takes_it, "1 of 1 devices"},
    {"silent with its command", 33, "A", NULL, NULL, a_lives, it_goes_with_its_command, it_answers, "may be off"},
    {"drawer", 34, "A", NULL, NULL, a_lives, it_lies_in_a_drawer, a_takes_it, "Not seen for 8 d"},
};
enum { SCENARIOS = sizeof scenarios / sizeof *scenarios };

int main(void) {
  struct CMUnitTest tests[SCENARIOS + 4] = {
      cmocka_unit_test_setup_teardown(cellular_waits_for_nobody, why_up, why_down),
      cmocka_unit_test_setup_teardown(not_taken_is_no_silence, why_up, why_down),
      cmocka_unit_test_setup_teardown(no_matter_of_pace, why_up, why_down),
      cmocka_unit_test_setup_teardown(locked_long_ago, why_up, why_down),
  };
  for (int i = 0; i < SCENARIOS; i++) tests[4 + i] = WHY_TEST(scenarios[i]);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
