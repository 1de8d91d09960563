/* Goal: what a plan decides for one channel, from what is wanted, had, given and begun: nothing is done before the
   inventory says so, only what was given is taken away, errors are tried later and later. */
#include "plan_channel.h"

/* ---- what goes wrong ---- */

/* Goal: a platform that does not fit is neither served nor failed. */
static void other_platform(void **state) {
  (void)state;
  const char *why;
  begin(GROUP_PROFILE, "com.example.wifi");
  t.wish.platforms = 1u << PLATFORM_IOS;
  assert_null(decide());
  assert_int_equal(t.decision.state, PLAN_NONE);
  assert_false(plan_applies(&t.wish, &t.channel, t.world.now, &why));
  assert_string_equal(why, "it is for another platform");
}

/* Goal: without an inventory nothing is sent on hope, it is asked for. */
static void unknown_inventory(void **state) {
  (void)state;
  begin(GROUP_PROFILE, "com.example.wifi");
  t.channel.lists[INVENTORY_PROFILES].at = 0;
  expect(PLAN_WRITE, PLAN_INSTALL, PLAN_WORKING);
  assert_int_equal(t.decision.steps->phase, PLAN_WAITING);
  assert_int_equal(t.decision.steps->ask, INVENTORY_PROFILES);
}

/* Goal: a list that is stored damaged fails with that, is asked for, and the next one is gone by at once. */
static void damaged_list(void **state) {
  (void)state;
  for (int member = 0; member < 2; member++) {
    begin(GROUP_PROFILE, "com.example.wifi");
    t.member = member;
    was_given(11, 2000);
    t.channel.lists[INVENTORY_PROFILES] = (struct inventory_items){.damaged = true};
    expect(PLAN_WRITE, member ? PLAN_INSTALL : PLAN_REMOVE, PLAN_FAILING);
    assert_non_null(strstr(t.decision.why, "what the device told before cannot be read"));
    assert_int_equal(t.decision.steps->ask, INVENTORY_PROFILES);
    was_begun(member ? PLAN_INSTALL : PLAN_REMOVE, PLAN_FAILED, 9000);
    t.item.tries = t.decision.steps->tries;
    t.item.next_at = t.decision.steps->next_at;
    expect(PLAN_WRITE, member ? PLAN_INSTALL : PLAN_REMOVE, PLAN_FAILING);
    assert_int_equal(t.decision.steps->ask, INVENTORY_KINDS);
    t.channel.lists[INVENTORY_PROFILES] = (struct inventory_items){.at = 9500};
    if (!member) has_profile(11);
    expect(PLAN_SEND, member ? PLAN_INSTALL : PLAN_REMOVE, PLAN_WORKING);
    assert_int_equal(t.decision.steps->tries, 1);
  }
}

/* Goal: what an Error was said of waits longer and longer, and says why meanwhile. */
static void backoff(void **state) {
  (void)state;
  static const int64_t minutes[] = {5, 30, 120, 360, 1440, 1440};
  for (int64_t i = 0; i < 6; i++) assert_int_equal(clock_backoff(i + 1), minutes[i] * US_MINUTE);
  assert_int_equal(clock_backoff(0), 5 * US_MINUTE);
  begin(GROUP_PROFILE, "com.example.wifi");
  was_begun(PLAN_INSTALL, PLAN_FAILED, 9000);
  t.item.next_at = 20000;
  t.item.why = (char *)"\"No.\"";
  expect(PLAN_KEEP, PLAN_INSTALL, PLAN_FAILING);
  assert_string_equal(t.decision.why, "profile com.example.wifi: \"No.\"");
  assert_int_equal(t.decision.due_at, 20000);
  assert_false(t.decision.changes);
  t.world.now = 20000;
  expect(PLAN_SEND, PLAN_INSTALL, PLAN_FAILING); /* until it is known to be better */
  assert_int_equal(t.decision.steps->tries, 2);
}

/* Goal: acknowledged is not done: a later list without it is a failure, an earlier one is waited out. */
static void acknowledged_not_there(void **state) {
  (void)state;
  begin(GROUP_PROFILE, "com.example.wifi");
  was_begun(PLAN_INSTALL, PLAN_ACKNOWLEDGED, 6000);
  t.item.next_at = 6000 + 2 * US_MINUTE;
  expect(PLAN_WRITE, PLAN_INSTALL, PLAN_WORKING);
  assert_false(t.decision.changes);
  t.channel.lists[INVENTORY_PROFILES].at = 7000;
  expect(PLAN_WRITE, PLAN_INSTALL, PLAN_FAILING);
  assert_string_equal(t.decision.steps->why, "acknowledged, but not there");
  assert_int_equal(t.decision.steps->next_at, t.world.now + 5 * US_MINUTE);
}

/* Goal: a list that does not come, or was answered with an Error, is asked for again, later and later, not each second.
 */
static void asked_again(void **state) {
  (void)state;
  const int64_t since = 6000, minutes[] = {2, 10, 30, 120, 360};
  for (size_t i = 0; i < 5; i++) {
    int64_t before = i ? minutes[i - 1] * US_MINUTE : 0;
    assert_int_equal(plan_look_at(since, since + before), since + minutes[i] * US_MINUTE);
  }
  assert_int_equal(plan_look_at(since, since + 6 * US_HOUR), since + 6 * US_HOUR + US_DAY);
  begin(GROUP_PROFILE, "com.example.wifi");
  t.channel.lists[INVENTORY_PROFILES].at = 0;
  was_begun(PLAN_INSTALL, PLAN_WAITING, 6000);
  t.item.next_at = 20000;
  expect(PLAN_WRITE, PLAN_INSTALL, PLAN_WORKING);
  assert_int_equal(t.decision.steps->ask, INVENTORY_KINDS);
  assert_int_equal(t.decision.due_at, 20000);
  t.world.now = 20000;
  expect(PLAN_WRITE, PLAN_INSTALL, PLAN_WORKING);
  assert_int_equal(t.decision.steps->ask, INVENTORY_PROFILES);
  assert_int_equal(t.decision.steps->next_at, 6000 + 2 * US_MINUTE);
}

/* Goal: a clock that went back holds up nothing: what is due later than anything can be is due, and what came after it
   went back is later than what came before. */
static void clock_back(void **state) {
  (void)state;
  begin(GROUP_PROFILE, "com.example.wifi");
  was_begun(PLAN_INSTALL, PLAN_FAILED, 9000);
  t.item.next_at = t.world.now + US_DAY;
  expect(PLAN_KEEP, PLAN_INSTALL, PLAN_FAILING);
  t.item.next_at++;
  expect(PLAN_SEND, PLAN_INSTALL, PLAN_WORKING);
  const int64_t ahead = t.world.now + 30 * US_DAY;
  was_begun(PLAN_INSTALL, PLAN_ACKNOWLEDGED, ahead);
  t.item.next_at = ahead + 2 * US_MINUTE;
  expect(PLAN_WRITE, PLAN_INSTALL, PLAN_FAILING); /* the list came afterwards */
  t.channel.lists[INVENTORY_PROFILES].at = ahead - 1;
  expect(PLAN_WRITE, PLAN_INSTALL, PLAN_WORKING); /* it came before */
  assert_int_equal(t.decision.steps->ask, INVENTORY_PROFILES);
  assert_int_equal(t.decision.steps->next_at, t.world.now + 2 * US_MINUTE);
  begin(GROUP_PROFILE, "com.example.wifi");
  t.member = false;
  t.world.now = 10000;
  was_given(11, ahead);
  expect(PLAN_DROP, PLAN_NOTHING, PLAN_NONE);
  has_profile(11);
  expect(PLAN_SEND, PLAN_REMOVE, PLAN_WORKING);
  begin(GROUP_COMMAND, "EnableRemoteDesktop");
  t.assignment.created_at = ahead;
  expect(PLAN_SEND, PLAN_RUN, PLAN_WORKING);
}

/* Goal: what is acknowledged before it is done has two hours to show, and is looked for meanwhile. */
static void patience(void **state) {
  (void)state;
  begin(GROUP_PACKAGE, "com.example.app");
  t.wish.version = 11;
  was_begun(PLAN_INSTALL, PLAN_ACKNOWLEDGED, 6000);
  t.channel.lists[INVENTORY_APPS].at = 7000;
  t.item.next_at = 8000;
  expect(PLAN_WRITE, PLAN_INSTALL, PLAN_WORKING);
  assert_int_equal(t.decision.steps->ask, INVENTORY_APPS);
  assert_string_equal(t.decision.steps->why, "the device has taken it on, its list does not show it yet");
  assert_int_equal(t.decision.due_at, 6000 + 2 * US_MINUTE);
  t.world.now = 6000 + 3 * US_HOUR; /* nobody has looked for a while */
  expect(PLAN_WRITE, PLAN_INSTALL, PLAN_WORKING);
  assert_int_equal(t.decision.steps->ask, INVENTORY_APPS);
  t.channel.lists[INVENTORY_APPS].at = 6000 + 2 * US_HOUR;
  expect(PLAN_WRITE, PLAN_INSTALL, PLAN_FAILING);
  assert_string_equal(t.decision.steps->why, "acknowledged, but not there");
}

/* Goal: a command that was cancelled or expired is told, and tried again later. */
static void lost_command(void **state) {
  (void)state;
  begin(GROUP_PROFILE, "com.example.wifi");
  was_begun(PLAN_INSTALL, PLAN_SENT, 6000);
  expect(PLAN_KEEP, PLAN_INSTALL, PLAN_WORKING);
  t.item.lost = true;
  expect(PLAN_WRITE, PLAN_INSTALL, PLAN_FAILING);
  assert_string_equal(t.decision.steps->why, "its command was cancelled or has expired");
}

/* Goal: a command for once that the device has had and that was cancelled is not sent again, whenever it is looked at.
 */
static void cancelled_once(void **state) {
  (void)state;
  begin(GROUP_COMMAND, "RestartDevice");
  was_given(0, 6000);
  was_begun(PLAN_RUN, PLAN_SENT, 6000);
  t.item.lost = t.item.handed_out = true;
  expect(PLAN_WRITE, PLAN_RUN, PLAN_FAILING);
  assert_non_null(strstr(t.decision.why, "it may have been done, and is not sent again"));
  assert_int_equal(t.decision.due_at, 0);
  was_begun(PLAN_RUN, PLAN_FAILED, 9000);
  t.item.why = (char *)t.decision.steps->why;
  t.item.next_at = t.decision.steps->next_at;
  t.world.now += 400 * US_DAY;
  expect(PLAN_KEEP, PLAN_RUN, PLAN_FAILING);
}

/* Goal: who comes back into a group has had its commands, but for those that were taken back before they were done. */
static void commands_of_who_comes_back(void **state) {
  (void)state;
  for (int handed_out = 0; handed_out < 2; handed_out++) {
    begin(GROUP_COMMAND, "RestartDevice");
    t.member = false;
    was_given(0, 6000);
    assert_true(decide() && !t.decision.changes);
    was_begun(PLAN_RUN, PLAN_SENT, 6000);
    t.item.handed_out = handed_out;
    expect(PLAN_DROP, PLAN_NOTHING, PLAN_NONE);
    assert_int_equal(t.decision.steps->forget, !handed_out);
  }
}

/* Goal: a thing that is not kept here any more fails with that, nothing is sent. */
static void broken_wish(void **state) {
  (void)state;
  begin(GROUP_PACKAGE, "com.example.app");
  t.wish.broken = "there is no such package";
  expect(PLAN_WRITE, PLAN_INSTALL, PLAN_FAILING);
  assert_string_equal(t.decision.why, "package com.example.app: there is no such package");
}

/* ---- profiles ---- */

/* Goal: missing is installed, another version replaced, the right one left alone. */
static void profile_by_list(void **state) {
  (void)state;
  begin(GROUP_PROFILE, "com.example.wifi");
  expect(PLAN_SEND, PLAN_INSTALL, PLAN_WORKING);
  assert_int_equal(t.decision.steps->want, 11);
  has_profile(10);
  expect(PLAN_SEND, PLAN_REPLACE, PLAN_WORKING);
  has_profile(11);
  expect(PLAN_KEEP, PLAN_NOTHING, PLAN_COMPLIANT);
  assert_false(t.decision.changes);
  was_begun(PLAN_INSTALL, PLAN_ACKNOWLEDGED, 4000);
  expect(PLAN_DROP, PLAN_NOTHING, PLAN_COMPLIANT);
}

/* Goal: drift: what was given and is gone is given again. */
static void drift(void **state) {
  (void)state;
  begin(GROUP_PROFILE, "com.example.wifi");
  was_given(11, 2000);
  expect(PLAN_SEND, PLAN_INSTALL, PLAN_WORKING);
  assert_int_equal(t.decision.steps->tries, 1);
}

/* Goal: a new version while the former one is under way goes at once, whatever became of that. */
static void new_version_under_way(void **state) {
  (void)state;
  begin(GROUP_PROFILE, "com.example.wifi");
  was_begun(PLAN_INSTALL, PLAN_FAILED, 9000);
  t.item.want = 10;
  t.item.next_at = INT64_MAX;
  t.item.tries = 4;
  expect(PLAN_SEND, PLAN_INSTALL, PLAN_WORKING);
  assert_int_equal(t.decision.steps->tries, 1);
}

/* Goal: who left the group loses what only it gave, if it is there; never what was not given. */
static void leaving(void **state) {
  (void)state;
  begin(GROUP_PROFILE, "com.example.wifi");
  t.member = false;
  has_profile(11);
  assert_null(decide());
  was_given(11, 2000);
  expect(PLAN_SEND, PLAN_REMOVE, PLAN_WORKING);
  was_begun(PLAN_REMOVE, PLAN_ACKNOWLEDGED, 6000);
  expect(PLAN_WRITE, PLAN_REMOVE, PLAN_WORKING);
  t.channel.lists[INVENTORY_PROFILES].at = 7000;
  expect(PLAN_WRITE, PLAN_REMOVE, PLAN_FAILING);
  assert_string_equal(t.decision.steps->why, "acknowledged, but still there");
  t.channel.lists[INVENTORY_PROFILES].n = 0;
  expect(PLAN_DROP, PLAN_NOTHING, PLAN_NONE);
  assert_true(t.decision.steps->forget);
}

/* Goal: who left while it was being installed is asked what is there before it is forgotten. */
static void leaving_in_flight(void **state) {
  (void)state;
  begin(GROUP_PROFILE, "com.example.wifi");
  t.member = false;
  was_given(11, 6000);
  was_begun(PLAN_INSTALL, PLAN_SENT, 6000);
  expect(PLAN_WRITE, PLAN_REMOVE, PLAN_WORKING);
  assert_int_equal(t.decision.steps->phase, PLAN_WAITING);
  assert_int_equal(t.decision.steps->ask, INVENTORY_PROFILES);
  was_begun(PLAN_REMOVE, PLAN_WAITING, 6000);
  t.channel.lists[INVENTORY_PROFILES].at = 7000;
  expect(PLAN_DROP, PLAN_NOTHING, PLAN_NONE);
}

/* Goal: a list that came before the device acknowledged does not say that it is not there. */
static void leaving_acknowledged(void **state) {
  (void)state;
  begin(GROUP_PROFILE, "com.example.wifi");
  t.member = false;
  was_given(11, 6000);
  was_begun(PLAN_INSTALL, PLAN_ACKNOWLEDGED, 8000);
  t.channel.lists[INVENTORY_PROFILES].at = 7000;
  expect(PLAN_WRITE, PLAN_REMOVE, PLAN_WORKING);
  assert_int_equal(t.decision.steps->phase, PLAN_WAITING);
  assert_int_equal(t.decision.steps->ask, INVENTORY_PROFILES);
  was_begun(PLAN_REMOVE, PLAN_WAITING, 9000);
  expect(PLAN_WRITE, PLAN_REMOVE, PLAN_WORKING);
  assert_false(t.decision.steps->forget);
  t.channel.lists[INVENTORY_PROFILES].at = 9500;
  has_profile(11);
  expect(PLAN_SEND, PLAN_REMOVE, PLAN_WORKING);
}

/* Goal: an app that comes after its acknowledgement, when it is not wanted any more, is waited for and taken away. */
static void leaving_while_it_loads(void **state) {
  (void)state;
  begin(GROUP_APP, "com.example.app");
  t.member = false;
  was_given(0, 2000);
  was_begun(PLAN_INSTALL, PLAN_ACKNOWLEDGED, 3000);
  expect(PLAN_WRITE, PLAN_REMOVE, PLAN_WORKING);
  was_begun(PLAN_REMOVE, PLAN_WAITING, 3000);
  has_app(INVENTORY_MANAGED_APPS, INVENTORY_APP_WORKING);
  t.world.now = 3000 + 3 * US_HOUR;
  expect(PLAN_WRITE, PLAN_REMOVE, PLAN_WORKING);
  has_app(INVENTORY_MANAGED_APPS, INVENTORY_APP_MANAGED);
  expect(PLAN_SEND, PLAN_REMOVE, PLAN_WORKING);
  t.channel.lists[INVENTORY_MANAGED_APPS].n = 0;
  expect(PLAN_DROP, PLAN_NOTHING, PLAN_NONE);
  assert_true(t.decision.steps->forget);
}

/* Goal: who comes back while it is being removed is not believed to have it still. */
static void back_in_flight(void **state) {
  (void)state;
  static const enum plan_phase under_way[] = {PLAN_SENT, PLAN_ACKNOWLEDGED};
  for (size_t i = 0; i < 2; i++) {
    begin(GROUP_PROFILE, "com.example.wifi");
    has_profile(11);
    was_given(11, 2000);
    was_begun(PLAN_REMOVE, under_way[i], 6000);
    expect(PLAN_WRITE, PLAN_INSTALL, PLAN_WORKING);
    assert_int_equal(t.decision.steps->phase, PLAN_WAITING);
    assert_int_equal(t.decision.steps->ask, INVENTORY_PROFILES);
    was_begun(PLAN_INSTALL, PLAN_WAITING, 6000);
    expect(PLAN_WRITE, PLAN_INSTALL, PLAN_WORKING);
    t.channel.lists[INVENTORY_PROFILES].at = 7000;
    expect(PLAN_DROP, PLAN_NOTHING, PLAN_COMPLIANT);
    t.channel.lists[INVENTORY_PROFILES].n = 0;
    expect(PLAN_SEND, PLAN_INSTALL, PLAN_WORKING);
  }
}

/* Goal: what users' channels get is not the device's own, and the other way round. */
static void users(void **state) {
  (void)state;
  begin(GROUP_PROFILE, "com.example.dock");
  t.assignment.users = true;
  assert_null(decide());
  t.channel.is_user = true;
  expect(PLAN_SEND, PLAN_INSTALL, PLAN_WORKING);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(other_platform),
      cmocka_unit_test(unknown_inventory),
      cmocka_unit_test(damaged_list),
      cmocka_unit_test(backoff),
      cmocka_unit_test(acknowledged_not_there),
      cmocka_unit_test(asked_again),
      cmocka_unit_test(clock_back),
      cmocka_unit_test(patience),
      cmocka_unit_test(lost_command),
      cmocka_unit_test(cancelled_once),
      cmocka_unit_test(commands_of_who_comes_back),
      cmocka_unit_test(broken_wish),
      cmocka_unit_test(profile_by_list),
      cmocka_unit_test(drift),
      cmocka_unit_test(new_version_under_way),
      cmocka_unit_test(leaving),
      cmocka_unit_test(leaving_in_flight),
      cmocka_unit_test(leaving_acknowledged),
      cmocka_unit_test(leaving_while_it_loads),
      cmocka_unit_test(back_in_flight),
      cmocka_unit_test(users),
  };
  return cmocka_run_group_tests(tests, NULL, end);
}
