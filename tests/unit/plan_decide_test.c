/* Goal: what a plan decides for one channel, from what is wanted, had, given and begun: nothing is done before the
   inventory says so, only what was given is taken away, errors are tried later and later. */
#include "core_fixture.h"

#include "core/plan_int.h"
#include "core/roster_int.h"

enum { ROW = 7 }; /* of the only thing's plan_thing */

/* A world of one group with one wish, and a Mac in it. */
static struct {
  struct plan_world world;
  struct plan_thing thing;
  struct plan_wish wish;
  struct plan_group group;
  struct group_assignment assignment;
  struct group stored;
  size_t by_row[ROW + 1];
  struct roster_draft draft;
  struct roster_device *device;
  struct plan_channel channel;
  struct inventory_item profile, app;
  struct plan_given given;
  struct plan_item item;
  bool member;
  struct plan_room room;
  struct plan_decision decision;
  struct ctx *cx;
} t;

static void begin(enum group_kind kind, const char *key) {
  if (t.cx) ctx_free(t.cx);
  free(t.device);
  memset(&t, 0, sizeof t);
  t.cx = ctx_new();
  t.member = true;
  t.draft.device = t.draft.enrollment = 1;
  roster_draft_text(&t.draft, ROSTER_PLATFORM, slice_of("macos"));
  roster_draft_text(&t.draft, ROSTER_STATE, slice_of("enrolled"));
  roster_draft_number(&t.draft, ROSTER_ENROLLED, 1000);
  roster_draft_number(&t.draft, ROSTER_INVENTORY, 5000);
  t.assignment = (struct group_assignment){.kind = kind, .ref = (char *)key, .created_at = 500};
  t.thing = (struct plan_thing){.kind = kind, .key = (char *)key, .name = inventory_hash(slice_of(key)), .row = ROW};
  t.wish = (struct plan_wish){.assignment = &t.assignment};
  t.wish.profile.constant = 11;
  t.group = (struct plan_group){.group = &t.stored, .wishes_n = 1};
  t.by_row[ROW] = 1;
  t.world = (struct plan_world){.things = &t.thing,
                                .things_n = 1,
                                .wishes = &t.wish,
                                .wishes_n = 1,
                                .groups = &t.group,
                                .groups_n = 1,
                                .now = 10000,
                                .by_row = t.by_row,
                                .by_row_n = ROW + 1};
  t.channel = (struct plan_channel){.enrollment = 1, .member = &t.member, .platform = PLATFORM_MACOS, .facts_at = 5000};
  for (int k = 0; k < INVENTORY_KINDS; k++) t.channel.lists[k].at = 5000;
  t.profile = (struct inventory_item){.name = t.thing.name, .version = 11};
  t.app = (struct inventory_item){.name = t.thing.name, .version = 3, .status = INVENTORY_APP_MANAGED};
}

static int end(void **state) {
  (void)state;
  if (t.cx) ctx_free(t.cx);
  free(t.device);
  t.cx = NULL;
  t.device = NULL;
  return 0;
}

static void has_profile(uint64_t version) {
  t.profile.version = version;
  t.channel.lists[INVENTORY_PROFILES].items = &t.profile;
  t.channel.lists[INVENTORY_PROFILES].n = 1;
}

static void has_app(enum inventory_kind list, enum inventory_app_status status) {
  t.app.status = status;
  t.channel.lists[list].items = &t.app;
  t.channel.lists[list].n = 1;
}

static void was_given(uint64_t version, int64_t at) {
  t.given = (struct plan_given){ROW, version, at};
  t.channel.given = &t.given;
  t.channel.given_n = 1;
}

static void was_begun(enum plan_act act, enum plan_phase phase, int64_t since) {
  t.item = (struct plan_item){
      .item = 1, .enrollment = 1, .thing = ROW, .act = act, .phase = phase, .since = since, .tries = 1};
  t.item.want = act == PLAN_REMOVE || act == PLAN_RUN ? 0 : 11;
  t.channel.items = &t.item;
  t.channel.items_n = 1;
}

/* The only step; NULL: none. */
static const struct plan_step *decide(void) {
  free(t.device);
  t.device = roster_pack(&t.draft);
  t.channel.device = t.device;
  plan_room(t.cx, &t.world, &t.room);
  plan_decide(t.cx, &t.world, &t.channel, &t.room, true, &t.decision);
  assert_true(t.decision.n <= 1);
  return t.decision.n ? t.decision.steps : NULL;
}

static void expect(enum plan_todo todo, enum plan_act act, enum plan_state state) {
  const struct plan_step *s = decide();
  assert_non_null(s);
  assert_int_equal(s->todo, todo);
  assert_int_equal(s->act, act);
  assert_int_equal(t.decision.state, state);
}

/* ---- what goes wrong ---- */

/* Goal: a platform that does not fit is neither served nor failed. */
static void other_platform(void **state) {
  (void)state;
  const char *why;
  begin(GROUP_PROFILE, "com.example.wifi");
  t.wish.platforms = 1u << PLATFORM_IOS;
  assert_null(decide());
  assert_int_equal(t.decision.state, PLAN_NONE);
  assert_false(plan_applies(&t.wish, &t.channel, &why));
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

/* Goal: what an Error was said of waits longer and longer, and says why meanwhile. */
static void backoff(void **state) {
  (void)state;
  static const int64_t minutes[] = {5, 30, 120, 360, 1440, 1440};
  for (int64_t i = 0; i < 6; i++) assert_int_equal(plan_backoff(i + 1), minutes[i] * US_MINUTE);
  assert_int_equal(plan_backoff(0), 5 * US_MINUTE);
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
      cmocka_unit_test(other_platform),
      cmocka_unit_test(unknown_inventory),
      cmocka_unit_test(backoff),
      cmocka_unit_test(acknowledged_not_there),
      cmocka_unit_test(asked_again),
      cmocka_unit_test(patience),
      cmocka_unit_test(lost_command),
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
      cmocka_unit_test(commands),
      cmocka_unit_test(settings),
      cmocka_unit_test(settings_with_variables),
      cmocka_unit_test(packages),
      cmocka_unit_test(apps),
      cmocka_unit_test(apps_of_users),
      cmocka_unit_test(requirements),
      cmocka_unit_test(requirements_asked_again),
      cmocka_unit_test(packing),
      cmocka_unit_test(device_words),
  };
  return cmocka_run_group_tests(tests, NULL, end);
}
