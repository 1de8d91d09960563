/* Verdicts 35 to 45: the device came. */
#include "why_world.h"

static struct enroll_proof a;

static void a_lives(void) {
  a = enrolled("A");
  pass(US_HOUR);
  comes(a, "A");
}
static void ask(const char *request_type, const char *uuid) {
  pass(US_SECOND);
  enqueue("A", request_type, uuid);
}
static void takes(const char *uuid) { assert_string_equal(comes(a, "A"), uuid); }
static void says(const char *status, const char *uuid) { (void)answers(a, "A", status, uuid); }
static void does(const char *uuid) {
  takes(uuid);
  says("Acknowledged", uuid);
}

/* Goal: a device that has nothing to do, and one whose command is done, are fine. */
static void nothing_waits(void **state) {
  (void)state;
  shifted = 0;
  a_lives();
  expect_verdict("A", NULL, "fine");
  ask("SecurityInfo", "C1");
  does("C1");
  expect_verdict("A", "C1", "fine");
  expect_verdict("A", NULL, "fine");
}

/* Goal: who is not known, and has never knocked, is told so; so is a command of another device. */
static void not_found(void **state) {
  struct why w;
  (void)state;
  shifted = 0;
  a_lives();
  assert_int_equal(why_device(fx.cx, reader(), &fx.core, "B", NULL, &w), E_NOT_FOUND);
  ctx_clear_error(fx.cx);
  assert_int_equal(why_device(fx.cx, reader(), &fx.core, "A", "C1", &w), E_NOT_FOUND);
}

/* Goal: one verdict, what else holds beside it, and every link of the chain with its time. */
static void all_of_it(void **state) {
  struct why w;
  (void)state;
  shifted = 0;
  a_lives();
  ask("SecurityInfo", "C1");
  takes("C1");
  says("NotNow", "C1");
  ask("ProfileList", "C2");
  ctx_clear_error(fx.cx);
  must(why_device(fx.cx, reader(), &fx.core, "A", NULL, &w));
  assert_string_equal(w.id, "A");
  assert_string_equal(w.command_uuid, "C1");
  assert_string_equal(w.request_type, "SecurityInfo");
  assert_string_equal(w.slug, "notnow");
  assert_int_equal(w.chain_n, 9);
  const struct why_link *last = &w.chain[8];
  assert_string_equal(last->link, "answer");
  assert_string_equal(last->status, "wait");
  assert_true(last->at > 0);
  for (size_t i = 0; i < w.also_n; i++) assert_string_not_equal(w.also[i], "notnow");
}

/* ---- 35 ---- */

static void a_awaits(void) {
  enum enroll_refusal refusal;
  struct pl *m = message("TokenUpdate", "A");
  pl_set_data(m, "Token", slice_of("token"));
  pl_set_string(m, "PushMagic", "magic");
  pl_set_bool(m, "AwaitingConfiguration", true);
  must(check_in_with(a, m, &refusal));
  ask("SecurityInfo", "C1");
  takes("C1");
}
static void a_is_configured(void) {
  says("Acknowledged", "C1");
  ask("DeviceConfigured", "C2");
  does("C2");
}

/* ---- 36 to 39 ---- */

static void it_says_not_now(void) {
  ask("SecurityInfo", "C1");
  takes("C1");
  says("NotNow", "C1");
}
static void it_does_it(void) { does("C1"); }

static void two_are_asked(void) {
  ask("InstalledApplicationList", "C0");
  ask("SecurityInfo", "C1");
  takes("C0");
  pass(US_MINUTE);
  comes(a, "A");
}
static enum err cancel_job(struct ctx *cx, struct db *db, void *arg) {
  bool maybe;
  int64_t enrollment;
  char *id;
  TRY(enroll_lookup(cx, db, "A", &enrollment, &id));
  return queue_cancel(cx, db, arg, enrollment, "rosa", &maybe);
}
static void cancel(const char *uuid) { must(in_job(cancel_job, (void *)(uintptr_t)uuid)); }
static void the_first_is_cancelled(void) {
  cancel("C0");
  does("C1");
}
static void it_swallows(void) {
  ask("SecurityInfo", "C1");
  takes("C1");
  pass(US_MINUTE);
  takes("C1");
  pass(2 * US_MINUTE);
}
static void it_answers(void) { says("Acknowledged", "C1"); }
static void it_restarts_without_a_word(void) {
  ask("RestartDevice", "C1");
  takes("C1");
  pass(10 * US_MINUTE);
  comes(a, "A");
}

/* Goal: a command that was handed over a moment ago is nobody's trouble. */
static void at_work(void **state) {
  (void)state;
  shifted = 0;
  a_lives();
  ask("RestartDevice", "C1");
  takes("C1");
  expect_verdict("A", NULL, "fine");
  expect_verdict("A", "C1", "fine");
}

/* ---- 40, 41, 43 ---- */

static void refuse(const char *request_type, const char *domain, int64_t code) {
  ask(request_type, "C1");
  takes("C1");
  struct pl *m = pl_new_dict(fx.cx), *chain = pl_new_array(fx.cx), *entry = pl_new_dict(fx.cx);
  pl_set_string(m, "UDID", "A");
  pl_set_string(m, "Status", "Error");
  pl_set_string(m, "CommandUUID", "C1");
  pl_set_string(entry, "ErrorDomain", domain);
  pl_set_int(entry, "ErrorCode", code);
  pl_set_string(entry, "LocalizedDescription", "Das geht nicht.");
  pl_set_string(entry, "USEnglishDescription", "It cannot be done.");
  pl_add(chain, entry);
  pl_set(m, "ErrorChain", chain);
  pass(US_SECOND);
  (void)put_report_of(a, m);
}
static void it_refuses(void) { refuse("SecurityInfo", "MCMDMErrorDomain", 12063); }
static void it_wants_supervision(void) { refuse("RestartDevice", "MCChaperoneErrorDomain", 29000); }
static void an_iphone_says_that_it_is_not_supervised(void) {
  a_lives();
  run_sql("UPDATE device SET product_name = 'iPhone14,5', supervised = 0", DB_END, DB_END);
}
static void it_refuses_a_restart(void) { refuse("RestartDevice", "MCMDMErrorDomain", 12008); }
static void an_iphone(void) {
  a_lives();
  run_sql("UPDATE device SET product_name = 'iPhone14,5', os_version = '17.1'", DB_END, DB_END);
}
static void it_refuses_what_macs_do(void) { refuse("EnableRemoteDesktop", "MCMDMErrorDomain", 1); }
static void an_old_mac(void) {
  a_lives();
  run_sql("UPDATE device SET product_name = 'Mac16,10', os_version = '10.15'", DB_END, DB_END);
}
static void it_refuses_what_came_later(void) { refuse("ManagedApplicationList", "MCMDMErrorDomain", 1); }
static void a_mac_of_few_rights(void) {
  a_lives();
  run_sql("UPDATE device SET product_name = 'Mac16,10', os_version = '15.1'", DB_END, DB_END);
  run_sql("UPDATE generation SET given = '{\"AccessRights\":17}'", DB_END, DB_END);
}

/* ---- 42 ---- */

static void ask_with(const char *request_type, const char *json, const char *uuid) {
  struct enqueue *q = ctx_alloc(fx.cx, sizeof *q);
  struct js *args;
  pass(US_SECOND);
  must(js_parse(fx.cx, slice_of(json), &args));
  q->id = "A";
  must(command_build(fx.cx, &q->command, request_type, args, uuid));
  must(in_job(enqueue_job, q));
}
static void tell(const char *uuid, const char *key, struct pl *value) {
  struct pl *m = pl_new_dict(fx.cx);
  pl_set_string(m, "UDID", "A");
  pl_set_string(m, "Status", "Acknowledged");
  pl_set_string(m, "CommandUUID", uuid);
  pl_set(m, key, value);
  pass(US_SECOND);
  (void)put_report_of(a, m);
}
static void managed_apps(const char *uuid, const char *status) {
  struct pl *list = pl_new_dict(fx.cx), *one = pl_new_dict(fx.cx);
  ask("ManagedApplicationList", uuid);
  takes(uuid);
  pl_set_string(one, "Status", status);
  if (status) pl_set(list, "com.example.app", one);
  tell(uuid, "ManagedApplicationList", list);
}
/* Asked for by its number: which app that is its answer says. */
static void the_app_waits_for_a_login(void) {
  struct pl *m = pl_new_dict(fx.cx);
  ask_with("InstallApplication", "{\"iTunesStoreID\":361309726}", "C1");
  takes("C1");
  pl_set_string(m, "UDID", "A");
  pl_set_string(m, "Status", "Acknowledged");
  pl_set_string(m, "CommandUUID", "C1");
  pl_set_string(m, "Identifier", "com.example.app");
  (void)put_report_of(a, m);
  managed_apps("L1", "PromptingForLogin");
  expect_verdict("A", "C1", "fine"); /* half an hour is not over */
  pass(31 * US_MINUTE);
  managed_apps("L2", "PromptingForLogin");
}
static void somebody_signs_in(void) {
  pass(US_HOUR);
  managed_apps("L3", "Managed");
}
static void the_package_does_not_come(void) {
  ask_with(
      "InstallEnterpriseApplication",
      "{\"Manifest\":{\"items\":[{\"assets\":[{\"kind\":\"software-package\",\"url\":\"https://mdm.example.org/a\"}],"
      "\"metadata\":{\"bundle-identifier\":\"com.example.tool\",\"bundle-version\":\"1\",\"kind\":\"software\","
      "\"title\":\"Tool\"}}]}}",
      "C1");
  does("C1");
  pass(31 * US_MINUTE);
  ask("InstalledApplicationList", "L1");
  takes("L1");
  tell("L1", "InstalledApplicationList", pl_new_array(fx.cx));
}
static void it_comes(void) {
  struct pl *list = pl_new_array(fx.cx), *one = pl_new_dict(fx.cx);
  pass(US_HOUR);
  ask("InstalledApplicationList", "L2");
  takes("L2");
  pl_set_string(one, "Identifier", "com.example.tool");
  pl_add(list, one);
  tell("L2", "InstalledApplicationList", list);
}

static void books(const char *uuid, const char *state) {
  struct pl *list = pl_new_array(fx.cx), *one = pl_new_dict(fx.cx);
  ask("ManagedMediaList", uuid);
  takes(uuid);
  pl_set_int(one, "iTunesStoreID", 4711);
  pl_set_string(one, "State", state);
  pl_add(list, one);
  tell(uuid, "Books", list);
}
static void the_book_waits_for_a_login(void) {
  ask_with("InstallMedia", "{\"iTunesStoreID\":4711,\"MediaType\":\"Book\"}", "C1");
  does("C1");
  pass(31 * US_MINUTE);
  books("L1", "PromptingForLogin");
}
static void the_book_comes(void) {
  pass(US_HOUR);
  books("L2", "Managed");
}

static void updates(const char *uuid, const char *version) {
  struct pl *list = pl_new_array(fx.cx), *one = pl_new_dict(fx.cx);
  ask("AvailableOSUpdates", uuid);
  takes(uuid);
  pl_set_string(one, "ProductKey", "_MACOS_1");
  pl_set_string(one, "Version", version);
  pl_add(list, one);
  tell(uuid, "AvailableOSUpdates", list);
}
static void an_update_that_is_only_loaded(void) {
  ask_with("ScheduleOSUpdate", "{\"Updates\":[{\"ProductVersion\":\"15.2\",\"InstallAction\":\"DownloadOnly\"}]}",
           "C0");
  does("C0");
  pass(31 * US_MINUTE);
  updates("L0", "15.2");
  expect_verdict("A", "C0", "fine");
}
static void the_update_is_still_offered(void) {
  an_update_that_is_only_loaded();
  ask_with("ScheduleOSUpdate", "{\"Updates\":[{\"ProductVersion\":\"15.2\",\"InstallAction\":\"InstallASAP\"}]}", "C1");
  does("C1");
  pass(31 * US_MINUTE);
  updates("L1", "15.2");
}
static void the_update_is_installed(void) {
  pass(US_HOUR);
  updates("L2", "15.3");
}

static void it_is_cancelled(void) {
  ask("SecurityInfo", "C1");
  cancel("C1");
}
static enum err expire_job(struct ctx *cx, struct db *db, void *arg) {
  return queue_expire(cx, db, clock_now_us(), 10, arg);
}
static void its_time_is_over(void) {
  int64_t n;
  ask("SecurityInfo", "C1");
  pass(8 * US_DAY);
  must(in_job(expire_job, &n));
  assert_int_equal(n, 1);
}

/* ---- what 40 to 43 advise ---- */

static void it_is_sent_again(void) {
  ask("SecurityInfo", "C2");
  does("C2");
  led_to.uuid = "C2";
}
/* By ADE, as the sentence says: it tells that it is supervised, and does what it refused. */
static void it_is_enrolled_supervised(void) {
  pass(US_MINUTE);
  check_out(a, "A");
  a = new_identity("A2");
  assert_int_equal(authenticate(a, "A", NULL), ENROLL_FINE);
  assert_int_equal(token_update(a, "A", "token2"), ENROLL_FINE);
  ask("SecurityInfo", "S1");
  takes("S1");
  struct pl *m = pl_new_dict(fx.cx), *security = pl_new_dict(fx.cx);
  pl_set_string(m, "UDID", "A");
  pl_set_string(m, "Status", "Acknowledged");
  pl_set_string(m, "CommandUUID", "S1");
  pl_set_bool(security, "IsSupervised", true);
  pl_set(m, "SecurityInfo", security);
  (void)put_report_of(a, m);
  ask("RestartDevice", "C2");
  does("C2");
  led_to.uuid = "C2";
}

static const struct why_scenario scenarios[] = {
    {"Setup Assistant", 35, "A", NULL, NULL, a_lives, a_awaits, a_is_configured, "device configured A"},
    {"not now", 36, "A", NULL, NULL, a_lives, it_says_not_now, it_does_it, "1 time since"},
    {"behind another", 37, "A", "C1", NULL, a_lives, two_are_asked, the_first_is_cancelled, "command cancel C0"},
    {"swallowed", 38, "A", NULL, NULL, a_lives, it_swallows, it_answers, "delivered 2 times"},
    {"unconfirmed", 39, "A", NULL, NULL, a_lives, it_restarts_without_a_word, it_answers, "command retry C1"},
    {"refused", 40, "A", "C1", NULL, a_lives, it_refuses, it_is_sent_again,
     "\"It cannot be done.\" (MCMDMErrorDomain 12063)"},
    {"by the answer", 41, "A", "C1", NULL, a_lives, it_wants_supervision, it_is_enrolled_supervised,
     "needs a supervised device"},
    {"by its row", 41, "A", "C1", NULL, an_iphone_says_that_it_is_not_supervised, it_refuses_a_restart,
     it_is_enrolled_supervised, "is for supervised devices"},
    {"by its platform", 41, "A", "C1", NULL, an_iphone, it_refuses_what_macs_do, it_is_sent_again, "is for macOS"},
    {"by its version", 41, "A", "C1", NULL, an_old_mac, it_refuses_what_came_later, it_is_sent_again,
     "needs macOS 11.0, and this device has 10.15"},
    {"by its rights", 41, "A", "C1", NULL, a_mac_of_few_rights, it_refuses_what_came_later, it_is_sent_again,
     "needs the right to"},
    {"a login is missing", 42, "A", "C1", NULL, a_lives, the_app_waits_for_a_login, somebody_signs_in, "sign in"},
    {"a package does not come", 42, "A", "C1", NULL, a_lives, the_package_does_not_come, it_comes, "com.example.tool"},
    {"a book waits for a login", 42, "A", "C1", NULL, a_lives, the_book_waits_for_a_login, the_book_comes, "4711"},
    {"an update is still offered", 42, "A", "C1", NULL, a_lives, the_update_is_still_offered, the_update_is_installed,
     "15.2 is not in effect (it is still offered)"},
    {"cancelled", 43, "A", "C1", NULL, a_lives, it_is_cancelled, it_is_sent_again, "rosa cancelled it"},
    {"expired", 43, "A", "C1", NULL, a_lives, its_time_is_over, it_is_sent_again, "its time was over"},
};
enum { SCENARIOS = sizeof scenarios / sizeof *scenarios };

int main(void) {
  struct CMUnitTest tests[SCENARIOS + 4] = {
      cmocka_unit_test_setup_teardown(nothing_waits, why_up, why_down),
      cmocka_unit_test_setup_teardown(not_found, why_up, why_down),
      cmocka_unit_test_setup_teardown(all_of_it, why_up, why_down),
      cmocka_unit_test_setup_teardown(at_work, why_up, why_down),
  };
  for (int i = 0; i < SCENARIOS; i++) tests[4 + i] = WHY_TEST(scenarios[i]);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
