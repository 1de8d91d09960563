/* Goal: plans where something is wrong, from end to end in memory: what is refused, forgotten, damaged, cancelled or
   has no value is told, tried again when that makes sense, and holds up nobody else. */
#include "plan_mac.h"

/* Goal: what the device refuses is told in its words and tried again later, not at once. */
static void refused(void **state) {
  (void)state;
  mac.refuses = "InstallProfile";
  group("office", GROUP_PROFILE, "com.example.one", NULL);
  live(4);
  stands("failing");
  assert_string_equal(js_str(plan_of("A"), "why"), "profile com.example.one: \"No room for it.\"");
  assert_string_equal(mac.log, "InstallProfile");
  mac.sessions += 299;
  live(1);
  assert_string_equal(mac.log, "InstallProfile");
  mac.refuses = NULL;
  mac.sessions += 10;
  live(3);
  stands("compliant");
  assert_string_equal(mac.log, "InstallProfile InstallProfile");
}

/* Goal: acknowledged and not there is a failure. */
static void forgotten(void **state) {
  (void)state;
  mac.forgets = true;
  group("office", GROUP_PROFILE, "com.example.one", NULL);
  live(4);
  stands("failing");
  assert_non_null(strstr(js_str(plan_of("A"), "why"), "acknowledged, but not there"));
}

/* Goal: a profile that lacks a variable's value is not sent, and says which one. */
static void no_value(void **state) {
  (void)state;
  add_profile("com.example.mail", "%Email%");
  group("office", GROUP_PROFILE, "com.example.mail", NULL);
  live(3);
  stands("failing");
  assert_non_null(strstr(js_str(plan_of("A"), "why"), "Email"));
  assert_string_equal(mac.log, "");
}

/* Goal: a change that does not fit changes nothing. */
static void bad_changes(void **state) {
  (void)state;
  struct group_assignment none = {.kind = GROUP_PROFILE, .ref = (char *)"com.example.none", .position = -1};
  struct group_assignment erase = {.kind = GROUP_COMMAND, .ref = (char *)"EraseDevice", .position = -1};
  struct group_assignment app = {.kind = GROUP_APP, .ref = (char *)"361309726", .position = -1};
  struct group_assignment demand = {.kind = GROUP_REQUIREMENT, .ref = (char *)"last-seen<7d", .position = -1};
  struct group_assignment name[3];
  static const char *const names[] = {"Mac %SerialNumbre%", "%EscrowCertificate%", "My %DeviceName%"};
  for (size_t i = 0; i < 3; i++) {
    name[i] = (struct group_assignment){.kind = GROUP_SETTING, .ref = (char *)"DeviceName", .position = -1};
    name[i].options = js_object(fx.cx);
    js_set_string(name[i].options, "DeviceName", names[i]);
  }
  int64_t device = row_of("A");
  const struct {
    struct group_change change;
    enum err e;
  } bad[] = {
      {{.name = "", .if_version = -1}, E_INVALID},
      {{.name = "a/b", .if_version = -1}, E_INVALID},
      {{.name = " a", .if_version = -1}, E_INVALID},
      {{.name = "g", .rule = "", .if_version = -1}, E_INVALID},
      {{.name = "g", .rule = "nonsense=1", .if_version = -1}, E_INVALID},
      {{.name = "g", .rule = "verdict=fine", .if_version = -1}, E_INVALID},
      {{.name = "g", .rule = "group=other", .if_version = -1}, E_INVALID},
      {{.name = "g", .rule = "os>1", .make_static = true, .if_version = -1}, E_INVALID},
      {{.name = "g", .rule = "os>1", .add = &device, .add_n = 1, .if_version = -1}, E_INVALID},
      {{.name = "g", .remove = true, .if_version = -1}, E_NOT_FOUND},
      {{.name = "g", .standing = true, .if_version = -1}, E_NOT_FOUND},
      {{.name = "g", .if_version = 3}, E_PRECONDITION},
      {{.name = "g", .assign = &none, .assign_n = 1, .if_version = -1}, E_NOT_FOUND},
      {{.name = "g", .assign = &erase, .assign_n = 1, .if_version = -1}, E_INVALID},
      {{.name = "g", .assign = &app, .assign_n = 1, .if_version = -1}, E_INVALID},
      {{.name = "g", .assign = &demand, .assign_n = 1, .if_version = -1}, E_INVALID},
      {{.name = "g", .assign = &name[0], .assign_n = 1, .if_version = -1}, E_INVALID},
      {{.name = "g", .assign = &name[1], .assign_n = 1, .if_version = -1}, E_INVALID},
      {{.name = "g", .assign = &name[2], .assign_n = 1, .if_version = -1}, E_INVALID},
      {{.name = "g", .unassign = &none, .unassign_n = 1, .if_version = -1}, E_NOT_FOUND},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct changing c = {.change = bad[i].change};
    enum err e = in_job(change_job, &c);
    if (e != bad[i].e) fail_msg("change %zu: %s: %s", i, err_slug(e), ctx_error_text(fx.cx));
  }
  assert_int_equal(count("SELECT count(*) FROM fleet_group"), 0);
}

/* Goal: a clock that went back by a month does not hold up by a month what is to be tried again. */
static void clock_back(void **state) {
  (void)state;
  mac.sessions = 30 * 24 * 3600;
  clock_shift(mac.sessions * US_SECOND);
  mac.refuses = "InstallProfile";
  group("office", GROUP_PROFILE, "com.example.one", NULL);
  live(3);
  stands("failing");
  mac.refuses = NULL;
  mac.sessions = 10;
  live(3);
  stands("compliant");
}

static enum err cancel_job(struct ctx *cx, struct db *db, void *arg) {
  bool done_maybe;
  TRY(queue_cancel(cx, db, arg, 1, "test", &done_maybe));
  assert_true(done_maybe);
  return plan_due(cx, db, &fx.core, 0);
}

/* Goal: a command for once that a group gave and an operator cancelled after it was handed out is not sent again, in or
   out of the group. */
static void cancelled_once(void **state) {
  (void)state;
  group("office", GROUP_COMMAND, "RestartDevice", js_object(fx.cx));
  mac.sessions += 3600;
  clock_shift(mac.sessions * US_SECOND);
  check_out(mac.proof, "A");
  mac.proof = new_identity("A again");
  assert_int_equal(authenticate(mac.proof, "A", NULL), ENROLL_FINE);
  assert_int_equal(token_update(mac.proof, "A", "token"), ENROLL_FINE);
  must(plan_chore(fx.cx, &fx.core));
  struct report *r = put_report(mac.proof, "A", "Idle", NULL);
  assert_non_null(strstr(r->command.p, "RestartDevice"));
  char *uuid = ctx_strdup(fx.cx, r->command_uuid);
  must(in_job(cancel_job, uuid));
  mac.sessions += 2 * 86400;
  live(3);
  stands("failing");
  int64_t device = row_of("A");
  change((struct group_change){.name = "office", .drop = &device, .drop_n = 1, .if_version = -1});
  live(2);
  change((struct group_change){.name = "office", .add = &device, .add_n = 1, .if_version = -1});
  live(2);
  assert_string_equal(mac.log, "");
  assert_int_equal(count("SELECT count(*) FROM command WHERE request_type = 'RestartDevice'"), 1);
}

static enum err damage_job(struct ctx *cx, struct db *db, void *arg) {
  (void)arg;
  return db_run(cx, db, "UPDATE inventory_list SET items = x'0102' WHERE enrollment = 1");
}

/* Goal: a list that is stored damaged is that device's trouble: it says so once, the next list mends it, and others are
   not held up. */
static void damaged_list(void **state) {
  (void)state;
  int64_t others;
  group("office", GROUP_PROFILE, "com.example.one", NULL);
  live(3);
  stands("compliant");
  must(in_job(damage_job, NULL));
  (void)enrolled("B");
  others = row_of("B");
  change((struct group_change){.name = "office", .add = &others, .add_n = 1, .if_version = -1});
  add_profile("com.example.one", "Another");
  must(plan_chore(fx.cx, &fx.core));
  must(plan_chore(fx.cx, &fx.core));
  stands("failing");
  assert_non_null(strstr(js_str(plan_of("A"), "why"), "what the device told before cannot be read"));
  assert_string_equal(js_str(plan_of("B"), "state"), "working");
  live(4);
  stands("compliant");
  assert_string_equal(mac.log, "InstallProfile InstallProfile");
  assert_int_equal(count("SELECT count(*) FROM event WHERE kind = 'group.compliance-changed'"), 3);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)
  const struct CMUnitTest tests[] = {
      TEST(refused),    TEST(forgotten),      TEST(no_value),     TEST(bad_changes),
      TEST(clock_back), TEST(cancelled_once), TEST(damaged_list),
  };
  return cmocka_run_group_tests(tests, NULL, free_ring);
}
