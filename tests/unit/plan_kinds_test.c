/* Goal: what a plan decides for commands, settings, packages, apps and requirements, each by what tells of it; what it
   keeps and says in words. */
#include "plan_channel.h"

/* ---- commands, settings, packages, apps ---- */

/* Goal: a command at enrollment runs once, and not for who enrolled before it was assigned. */
static void commands(void **state) {
  (void)state;
  begin(GROUP_COMMAND, "EnableRemoteDesktop");
  expect(PLAN_SEND, PLAN_RUN, PLAN_WORKING);
  was_given(0, 9000);
  was_begun(PLAN_RUN, PLAN_SENT, 9000);
  expect(PLAN_KEEP, PLAN_RUN, PLAN_WORKING);
  t.channel.items_n = 0;
  expect(PLAN_KEEP, PLAN_NOTHING, PLAN_COMPLIANT);
  t.channel.given_n = 0;
  t.assignment.created_at = 1001;
  assert_null(decide());
}

/* Goal: a setting is sent once a value, and again when its fact drifts. */
static void settings(void **state) {
  (void)state;
  begin(GROUP_SETTING, "DeviceName");
  must(js_parse(t.cx, slice_of("{\"DeviceName\":\"Lab\"}"), &t.assignment.options));
  t.wish.version = 21;
  t.wish.has_fact = true;
  t.wish.fact = ROSTER_NAME;
  t.wish.value = "DeviceName";
  expect(PLAN_SEND, PLAN_RUN, PLAN_WORKING);
  was_given(21, 4000);
  roster_draft_text(&t.draft, ROSTER_NAME, slice_of("Other"));
  expect(PLAN_SEND, PLAN_RUN, PLAN_WORKING);
  roster_draft_text(&t.draft, ROSTER_NAME, slice_of("Lab"));
  expect(PLAN_KEEP, PLAN_NOTHING, PLAN_COMPLIANT);
  t.wish.version = 22;
  expect(PLAN_SEND, PLAN_RUN, PLAN_WORKING);
  t.wish.has_fact = false;
  t.wish.version = 21;
  expect(PLAN_KEEP, PLAN_NOTHING, PLAN_COMPLIANT);
}

/* Goal: a setting with variables is another one for each device; one without a value is not sent. */
static void settings_with_variables(void **state) {
  (void)state;
  begin(GROUP_SETTING, "DeviceName");
  must(js_parse(t.cx, slice_of("{\"DeviceName\":\"Mac %SerialNumber%\"}"), &t.assignment.options));
  t.wish.has_words = t.wish.has_fact = true;
  t.wish.fact = ROSTER_NAME;
  t.wish.value = "DeviceName";
  expect(PLAN_WRITE, PLAN_RUN, PLAN_FAILING);
  assert_string_equal(t.decision.why, "setting DeviceName: %SerialNumber% has no value");
  roster_draft_text(&t.draft, ROSTER_SERIAL, slice_of("C1"));
  roster_draft_text(&t.draft, ROSTER_NAME, slice_of("Mac C2"));
  expect(PLAN_SEND, PLAN_RUN, PLAN_WORKING);
  was_given(t.decision.steps->want, 4000);
  expect(PLAN_SEND, PLAN_RUN, PLAN_WORKING);
  roster_draft_text(&t.draft, ROSTER_NAME, slice_of("Mac C1"));
  expect(PLAN_KEEP, PLAN_NOTHING, PLAN_COMPLIANT);
}

/* Goal: a package is there by its bundle identifier and version; one that updated itself is left alone. */
static void packages(void **state) {
  (void)state;
  begin(GROUP_PACKAGE, "com.example.app");
  t.wish.version = 4;
  t.wish.platforms = 1u << PLATFORM_MACOS;
  expect(PLAN_SEND, PLAN_INSTALL, PLAN_WORKING);
  has_app(INVENTORY_APPS, INVENTORY_APP_OTHER);
  expect(PLAN_SEND, PLAN_REPLACE, PLAN_WORKING);
  was_given(4, 2000);
  expect(PLAN_KEEP, PLAN_NOTHING, PLAN_COMPLIANT);
  t.channel.given_n = 0;
  t.wish.any_version = true;
  expect(PLAN_KEEP, PLAN_NOTHING, PLAN_COMPLIANT);
  t.wish.any_version = false;
  t.app.version = 4;
  expect(PLAN_KEEP, PLAN_NOTHING, PLAN_COMPLIANT);
}

/* Goal: an app that waits for somebody is at work, or fails where it goes on only with help, without a further command;
   one that the device failed at is tried again, but only by what was told since; only managed is done. */
static void apps(void **state) {
  (void)state;
  begin(GROUP_APP, "com.example.app");
  has_app(INVENTORY_MANAGED_APPS, INVENTORY_APP_WAITS_FOR_USER);
  was_begun(PLAN_INSTALL, PLAN_ACKNOWLEDGED, 4000);
  t.item.want = 0;
  expect(PLAN_WRITE, PLAN_INSTALL, PLAN_WORKING);
  assert_string_equal(t.decision.steps->why, "it waits for somebody at the device to agree");
  t.app.status = INVENTORY_APP_WAITS_FOR_LOGIN;
  expect(PLAN_WRITE, PLAN_INSTALL, PLAN_FAILING);
  assert_string_equal(t.decision.steps->why, "somebody must sign in to the App Store on the device");
  t.app.status = INVENTORY_APP_FAILED;
  expect(PLAN_WRITE, PLAN_INSTALL, PLAN_FAILING);
  t.item.since = 6000;
  expect(PLAN_WRITE, PLAN_INSTALL, PLAN_WORKING);
  t.app.status = INVENTORY_APP_MANAGED;
  expect(PLAN_DROP, PLAN_NOTHING, PLAN_COMPLIANT);
  t.channel.items_n = 0;
  t.app.status = INVENTORY_APP_OTHER;
  expect(PLAN_SEND, PLAN_INSTALL, PLAN_WORKING);
  assert_false(t.decision.steps->take_over);
}

/* Goal: an app that the user has installed is taken over. */
static void apps_of_users(void **state) {
  (void)state;
  begin(GROUP_APP, "com.example.app");
  has_app(INVENTORY_APPS, INVENTORY_APP_OTHER);
  expect(PLAN_SEND, PLAN_INSTALL, PLAN_WORKING);
  assert_true(t.decision.steps->take_over);
}

/* Goal: what is not met is asked for again, later and later, and anew when something was done. */
static void requirements_asked_again(void **state) {
  (void)state;
  begin(GROUP_REQUIREMENT, "filevault=on");
  must(roster_filter(t.cx, &t.wish.filter, slice_of("filevault=on")));
  t.wish.fields = plan_fields("filevault=on");
  roster_draft_flag(&t.draft, ROSTER_FILEVAULT, false);
  expect(PLAN_WRITE, PLAN_REQUIRE, PLAN_FAILING); /* it was told just now */
  assert_int_equal(t.decision.steps->ask_fields, 0);
  assert_int_equal(t.decision.steps->next_at, t.world.now + 5 * US_MINUTE);
  was_begun(PLAN_REQUIRE, PLAN_FAILED, 9000);
  t.item.next_at = 20000;
  expect(PLAN_WRITE, PLAN_REQUIRE, PLAN_FAILING);
  assert_int_equal(t.decision.steps->ask_fields, 0);
  t.world.now = 20000;
  expect(PLAN_WRITE, PLAN_REQUIRE, PLAN_FAILING);
  assert_int_equal(t.decision.steps->ask_fields, t.wish.fields);
  assert_int_equal(t.decision.due_at, t.world.now + 30 * US_MINUTE);
  t.item.tries = 0;
  expect(PLAN_WRITE, PLAN_REQUIRE, PLAN_FAILING);
  assert_int_equal(t.decision.due_at, t.world.now + 5 * US_MINUTE);
}

/* Goal: a requirement is met, not met with what is known, or waits for what is not known yet. */
static void requirements(void **state) {
  (void)state;
  begin(GROUP_REQUIREMENT, "filevault=on");
  must(roster_filter(t.cx, &t.wish.filter, slice_of("filevault=on")));
  t.wish.fields = plan_fields("filevault=on");
  expect(PLAN_WRITE, PLAN_REQUIRE, PLAN_WORKING); /* nothing of SecurityInfo is known: it has not come */
  roster_draft_flag(&t.draft, ROSTER_PASSCODE, true);
  expect(PLAN_WRITE, PLAN_REQUIRE, PLAN_FAILING);
  assert_string_equal(t.decision.why, "requirement filevault=on: filevault is not known");
  roster_draft_flag(&t.draft, ROSTER_FILEVAULT, false);
  expect(PLAN_WRITE, PLAN_REQUIRE, PLAN_FAILING);
  assert_string_equal(t.decision.steps->why, "filevault is off");
  roster_draft_flag(&t.draft, ROSTER_FILEVAULT, true);
  expect(PLAN_KEEP, PLAN_NOTHING, PLAN_COMPLIANT);
  begin(GROUP_REQUIREMENT, "filevault=on");
  must(roster_filter(t.cx, &t.wish.filter, slice_of("filevault=on")));
  t.draft.known &= ~ROSTER_BIT(ROSTER_INVENTORY);
  expect(PLAN_WRITE, PLAN_REQUIRE, PLAN_WORKING);
  assert_int_equal(t.decision.steps->phase, PLAN_WAITING);
}

/* ---- packing, words ---- */

/* Goal: what was given is read back as it was packed; what is damaged gives whole entries only. */
static void packing(void **state) {
  (void)state;
  begin(GROUP_PROFILE, "x");
  struct plan_given in[2] = {{1, UINT64_MAX, 2}, {INT64_MAX, 3, -4}}, out[2];
  struct slice packed = plan_pack(t.cx, in, 2);
  assert_int_equal(plan_unpack(packed, out), 2);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(out[i].thing, in[i].thing);
    assert_true(out[i].version == in[i].version);
    assert_int_equal(out[i].at, in[i].at);
  }
  assert_int_equal(plan_unpack(slice_mem(packed.p, packed.n - 1), out), 1);
}

/* Goal: what a device said is told in its words, bounded; without words its domain and code. */
static void device_words(void **state) {
  (void)state;
  begin(GROUP_PROFILE, "x");
  assert_string_equal(plan_device_words(t.cx, NULL), "the device refused it");
  assert_string_equal(plan_device_words(t.cx, "nonsense"), "the device refused it");
  assert_string_equal(plan_device_words(t.cx, "[{\"domain\":\"MCMDMErrorDomain\",\"code\":12021}]"),
                      "the device refused it: MCMDMErrorDomain 12021");
  assert_string_equal(plan_device_words(t.cx, "[{\"text\":\"No room.\",\"code\":1}]"), "\"No room.\"");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(commands),
      cmocka_unit_test(settings),
      cmocka_unit_test(settings_with_variables),
      cmocka_unit_test(packages),
      cmocka_unit_test(apps),
      cmocka_unit_test(apps_of_users),
      cmocka_unit_test(requirements_asked_again),
      cmocka_unit_test(requirements),
      cmocka_unit_test(packing),
      cmocka_unit_test(device_words),
  };
  return cmocka_run_group_tests(tests, NULL, end);
}
