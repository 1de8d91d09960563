/* Goal: plans from end to end in memory: a simulated Mac is brought to what its groups say and kept there, loses what
   only a group gave that it left, is told of with its own words when it refuses, and begins anew when it enrolls. */
#include "plan_mac.h"

/* ---- what is to be ---- */

/* Goal: enrolled, the profile is installed, and only the list makes it done; a change of it replaces it. */
static void installed(void **state) {
  (void)state;
  group("office", GROUP_PROFILE, "com.example.one", NULL);
  must(plan_chore(fx.cx, &fx.core));
  stands("working");
  live(3);
  stands("compliant");
  assert_true(has("com.example.one"));
  assert_string_equal(mac.log, "InstallProfile");
  assert_int_equal(count("SELECT count(*) FROM plan_item"), 0);
  add_profile("com.example.one", "Another");
  live(3);
  stands("compliant");
  assert_string_equal(mac.log, "InstallProfile InstallProfile");
  assert_int_equal(count("SELECT count(*) FROM event WHERE kind = 'group.compliance-changed'"), 2);
}

static enum err ask_job(struct ctx *cx, struct db *db, void *arg) {
  return inventory_ask_for(cx, db, &fx.core, *(int64_t *)arg, "ProfileList");
}

/* Goal: what was removed by hand comes back at the next inventory. */
static void drift(void **state) {
  (void)state;
  int64_t enrollment = 1;
  group("office", GROUP_PROFILE, "com.example.one", NULL);
  live(3);
  drop_profile("com.example.one");
  live(2);
  assert_false(has("com.example.one"));
  must(in_job(ask_job, &enrollment));
  live(3);
  assert_true(has("com.example.one"));
  stands("compliant");
}

/* Goal: who leaves a group loses what only that one gave. */
static void leaving(void **state) {
  (void)state;
  int64_t device = row_of("A");
  add_profile("com.example.two", "Two");
  group("office", GROUP_PROFILE, "com.example.one", NULL);
  group("office", GROUP_PROFILE, "com.example.two", NULL);
  group("all", GROUP_PROFILE, "com.example.one", NULL);
  live(4);
  assert_true(has("com.example.one") && has("com.example.two"));
  change((struct group_change){.name = "office", .drop = &device, .drop_n = 1, .if_version = -1});
  live(4);
  assert_true(has("com.example.one"));
  assert_false(has("com.example.two"));
  stands("compliant");
  change((struct group_change){.name = "all", .remove = true, .if_version = -1});
  live(4);
  assert_false(has("com.example.one"));
  stands("none");
}

/* Goal: a rule takes devices in and out by their facts; what it would do is known before. */
static void by_rule(void **state) {
  (void)state;
  struct group_assignment a = {.kind = GROUP_PROFILE, .ref = (char *)"com.example.one", .position = -1};
  struct group_change what = {
      .name = "macs", .rule = "name~\"Someone\"", .assign = &a, .assign_n = 1, .if_version = -1};
  struct plan_preview p;
  must(group_check(fx.cx, reader(), &fx.core, &what));
  must(plan_preview(fx.cx, reader(), &fx.core, &what, &p));
  assert_int_equal(p.devices, 1);
  assert_int_equal(p.installs, 1);
  assert_int_equal(p.members_before, 0);
  assert_int_equal(p.members_after, 1);
  change(what);
  live(4);
  stands("compliant");
  must(plan_preview(fx.cx, reader(), &fx.core, &what, &p));
  assert_int_equal(p.devices, 0);
  struct group_change gone = {.name = "macs", .remove = true, .if_version = -1};
  must(plan_preview(fx.cx, reader(), &fx.core, &gone, &p));
  assert_int_equal(p.removes, 1);
  assert_int_equal(count("SELECT count(*) FROM fleet_group"), 1);
}

/* Goal: who enrolls anew begins anew, commands at enrollment included; they run once. */
static void enrolled_anew(void **state) {
  (void)state;
  struct js *options = js_object(fx.cx);
  group("office", GROUP_PROFILE, "com.example.one", NULL);
  group("office", GROUP_COMMAND, "EnableRemoteDesktop", options);
  live(4);
  stands("compliant");
  assert_string_equal(mac.log, "InstallProfile"); /* it enrolled before the command was assigned */
  mac.profiles_n = 0;
  mac.sessions += 3600;
  clock_shift(mac.sessions * US_SECOND);
  check_out(mac.proof, "A");
  mac.proof = new_identity("A again");
  assert_int_equal(authenticate(mac.proof, "A", NULL), ENROLL_FINE);
  assert_int_equal(token_update(mac.proof, "A", "token"), ENROLL_FINE);
  live(5);
  stands("compliant");
  assert_true(has("com.example.one"));
  assert_non_null(strstr(mac.log, "EnableRemoteDesktop"));
  assert_null(strstr(strstr(mac.log, "EnableRemoteDesktop") + 1, "EnableRemoteDesktop"));
}

/* Goal: a blocked device has no plan. */
static enum err block_job(struct ctx *cx, struct db *db, void *arg) {
  TRY(enroll_block(cx, db, &fx.core, "A", "test"));
  return plan_due(cx, db, &fx.core, *(int64_t *)arg);
}

static void blocked(void **state) {
  (void)state;
  int64_t device = row_of("A");
  mac.refuses = "InstallProfile";
  group("office", GROUP_PROFILE, "com.example.one", NULL);
  live(3);
  stands("failing");
  must(in_job(block_job, &device));
  must(plan_chore(fx.cx, &fx.core));
  stands("none");
  assert_int_equal(count("SELECT count(*) FROM plan_item"), 0);
}

static enum err unblock_job(struct ctx *cx, struct db *db, void *arg) {
  TRY(enroll_unblock(cx, db, &fx.core, "A", "test"));
  return plan_due(cx, db, &fx.core, *(int64_t *)arg);
}

/* Goal: what a device was given before it was blocked is taken away when it leaves the group after it. */
static void blocked_for_a_while(void **state) {
  (void)state;
  int64_t device = row_of("A");
  group("office", GROUP_PROFILE, "com.example.one", NULL);
  live(3);
  stands("compliant");
  must(in_job(block_job, &device));
  must(plan_chore(fx.cx, &fx.core));
  stands("none");
  must(in_job(unblock_job, &device));
  live(2);
  stands("compliant");
  change((struct group_change){.name = "office", .drop = &device, .drop_n = 1, .if_version = -1});
  live(4);
  assert_false(has("com.example.one"));
  stands("none");
}

/* Goal: whose serial number enrolled again with another id (a new logic board) is sent nothing more, and what waits for
   it is withdrawn; but who is heard of again has a plan again. */
static void new_logic_board(void **state) {
  (void)state;
  struct group g;
  struct js *out;
  int64_t n;
  assert_int_equal(authenticate(mac.proof, "A", "S-1"), ENROLL_FINE);
  assert_int_equal(token_update(mac.proof, "A", "token"), ENROLL_FINE);
  group("office", GROUP_PROFILE, "com.example.one", NULL);
  must(plan_chore(fx.cx, &fx.core));
  session(); /* it tells its profiles */
  must(plan_chore(fx.cx, &fx.core));
  stands("working");
  struct enroll_proof board = new_identity("B");
  assert_int_equal(authenticate(board, "B", "S-1"), ENROLL_FINE);
  assert_int_equal(token_update(board, "B", "token of B"), ENROLL_FINE);
  must(plan_chore(fx.cx, &fx.core));
  stands("none");
  assert_int_equal(count("SELECT count(*) FROM plan_item"), 0);
  assert_int_equal(count("SELECT count(*) FROM target t JOIN command c ON c.seq = t.command "
                         "WHERE c.request_type = 'InstallProfile' AND t.waiting = 1"),
                   0);
  must(plan_all_chore(fx.cx, &fx.core));
  must(plan_chore(fx.cx, &fx.core));
  stands("none");
  must(group_find(fx.cx, reader(), "office", &g));
  must(plan_of_group(fx.cx, reader(), &fx.core, &g, &out));
  assert_true(js_int(js_get(out, "devices"), &n) && n == 0);

  assert_int_equal(token_update(mac.proof, "A", "token"), ENROLL_FINE);
  must(plan_all_chore(fx.cx, &fx.core));
  live(3);
  stands("compliant");
  assert_true(has("com.example.one"));
}

/* Goal: a change that the end of the server interrupts is gone on with afterwards. */
static void ended_in_a_sweep(void **state) {
  (void)state;
  group("office", GROUP_PROFILE, "com.example.one", NULL);
  atomic_store(&fx.core.ending, true);
  must(plan_chore(fx.cx, &fx.core));
  assert_int_equal(count("SELECT count(*) FROM plan_item"), 0);
  atomic_store(&fx.core.ending, false);
  live(3);
  stands("compliant");
}

/* Goal: a rule that what it gives makes untrue does not go round and round: it is taken away an hour later at the
   earliest. */
static void rule_against_itself(void **state) {
  (void)state;
  int64_t enrollment = 1;
  struct group_assignment a = {.kind = GROUP_PROFILE, .ref = (char *)"com.example.one", .position = -1};
  must(in_job(ask_job, &enrollment));
  live(1);
  change((struct group_change){
      .name = "lacking", .rule = "not profile=com.example.one", .assign = &a, .assign_n = 1, .if_version = -1});
  live(10);
  assert_string_equal(mac.log, "InstallProfile");
  stands("working");
  mac.sessions += 3601;
  clock_shift(mac.sessions * US_SECOND);
  live(10);
  assert_string_equal(mac.log, "InstallProfile RemoveProfile InstallProfile");
}

/* Goal: what a device had before its group gave it, be it another version, stays when it leaves the group. */
static void what_was_there_stays(void **state) {
  (void)state;
  int64_t device = row_of("A");
  add_profile("com.example.two", "Two");
  for (int other = 0; other < 2; other++) {
    const char *identifier = other ? "com.example.two" : "com.example.one";
    struct slice file;
    struct profile p;
    const struct roster_device *d;
    must(profile_find(fx.cx, reader(), identifier, &p));
    must(roster_one(fx.cx, reader(), &fx.core, device, &d));
    must(profile_render(fx.cx, reader(), &fx.core, p.profile, d, &file));
    put_profile(file);
  }
  add_profile("com.example.two", "Another two");
  group("office", GROUP_PROFILE, "com.example.one", NULL);
  group("office", GROUP_PROFILE, "com.example.two", NULL);
  live(4);
  stands("compliant");
  assert_string_equal(mac.log, "InstallProfile");
  change((struct group_change){.name = "office", .drop = &device, .drop_n = 1, .if_version = -1});
  live(4);
  stands("none");
  assert_true(has("com.example.one") && has("com.example.two"));
}

static int64_t number(struct js *o, const char *key) {
  int64_t n = -1;
  (void)js_int(js_get(o, key), &n);
  return n;
}

static struct js *standing(const char *name) {
  struct group g;
  struct js *out;
  must(group_find(fx.cx, reader(), name, &g));
  must(plan_of_group(fx.cx, reader(), &fx.core, &g, &out));
  return out;
}

/* Each member is in one of the numbers, of the group and of each assignment; the list says the same. */
static void counts(const char *name, int64_t compliant, int64_t working, int64_t failing, int64_t unfit) {
  struct js *one = standing(name), *all, *list = js_get(one, "assignments"), *row = NULL;
  must(plan_of_groups(fx.cx, reader(), &fx.core, &all));
  for (size_t i = 0; i < js_count(all); i++)
    if (strcmp(js_str(js_at(all, i), "name"), name) == 0) row = js_at(all, i);
  for (int i = 0; i < 2; i++) {
    struct js *o = i ? row : one;
    if (number(o, "compliant") != compliant || number(o, "working") != working || number(o, "failing") != failing ||
        number(o, "not_applicable") != unfit)
      fail_msg("%s", js_text(fx.cx, o, JS_INDENT).p);
    assert_int_equal(number(o, "devices"), compliant + working + failing + unfit);
  }
  for (size_t i = 0; i < js_count(list); i++) {
    struct js *o = js_at(list, i);
    int64_t sum = number(o, "compliant") + number(o, "working") + number(o, "failing") + number(o, "not_applicable");
    assert_int_equal(sum, number(one, "devices"));
  }
}

/* Goal: how a group stands is counted by device and by assignment. */
static void group_stands(void **state) {
  (void)state;
  group("office", GROUP_PROFILE, "com.example.one", NULL);
  group("office", GROUP_REQUIREMENT, "filevault=on", NULL);
  counts("office", 0, 1, 0, 0); /* nobody has looked yet */
  enqueue("A", "SecurityInfo", "security");
  live(4);
  counts("office", 0, 0, 1, 0);
  struct js *out = standing("office"), *failures = js_get(out, "failures");
  assert_int_equal(number(js_at(js_get(out, "assignments"), 0), "compliant"), 1);
  assert_int_equal(number(js_at(js_get(out, "assignments"), 1), "failing"), 1);
  assert_int_equal(js_count(failures), 1);
  assert_string_equal(js_str(js_at(failures, 0), "why"), "requirement filevault=on: filevault is off");
}

static enum err be_a_phone(struct ctx *cx, struct db *db, void *arg) {
  (void)arg;
  TRY(db_run(cx, db, "UPDATE device SET product_name = 'iPhone17,1'"));
  roster_changed(db, &fx.core, 1);
  return OK;
}

/* Goal: a group counts by what it gives itself: what other groups lack is not its business, and what is for another
   platform, for users where there are none or for those that enroll later does not apply. */
static void group_counts_its_own(void **state) {
  (void)state;
  int64_t device = row_of("A");
  struct js *name = js_object(fx.cx);
  js_set_string(name, "HostName", "desk");
  must(in_job(be_a_phone, NULL));
  struct group_assignment users = {
      .kind = GROUP_PROFILE, .ref = (char *)"com.example.two", .position = -1, .users = true};
  add_profile("com.example.two", "Two");
  group("macs", GROUP_SETTING, "HostName", name);
  group("late", GROUP_COMMAND, "EnableRemoteDesktop", js_object(fx.cx));
  group("empty", GROUP_PROFILE, NULL, NULL);
  change((struct group_change){
      .name = "people", .add = &device, .add_n = 1, .assign = &users, .assign_n = 1, .if_version = -1});
  enqueue("A", "SecurityInfo", "security");
  live(4);
  stands("none");
  group("strict", GROUP_REQUIREMENT, "filevault=on", NULL);
  group("office", GROUP_PROFILE, "com.example.one", NULL);
  live(4);
  stands("failing");
  struct group_assignment host = {.kind = GROUP_SETTING, .ref = (char *)"HostName", .position = -1, .options = name};
  struct plan_preview preview;
  must(plan_preview(fx.cx, reader(), &fx.core,
                    &(struct group_change){.name = "office", .assign = &host, .assign_n = 1, .if_version = -1},
                    &preview));
  assert_int_equal(preview.devices, 0);
  assert_int_equal(number(js_at(js_get(preview.json, "items"), 0), "not_applicable"), 1);
  counts("strict", 0, 0, 1, 0);
  counts("office", 1, 0, 0, 0);
  assert_int_equal(js_count(js_get(standing("office"), "failures")), 0);
  counts("macs", 0, 0, 0, 1);
  counts("late", 0, 0, 0, 1);
  counts("empty", 0, 0, 0, 1);
  counts("people", 0, 0, 0, 1);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)
  const struct CMUnitTest tests[] = {
      TEST(installed),
      TEST(drift),
      TEST(leaving),
      TEST(by_rule),
      TEST(enrolled_anew),
      TEST(blocked),
      TEST(blocked_for_a_while),
      TEST(new_logic_board),
      TEST(ended_in_a_sweep),
      TEST(rule_against_itself),
      TEST(what_was_there_stays),
      TEST(group_stands),
      TEST(group_counts_its_own),
  };
  return cmocka_run_group_tests(tests, NULL, free_ring);
}
