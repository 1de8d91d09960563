/* Goal: plans from end to end in memory: a simulated Mac is brought to what its groups say and kept there, loses what
   only a group gave that it left, is told of with its own words when it refuses, and begins anew when it enrolls. */
#include "scep_world.h"

#include "core/plan_int.h"

#include <stdio.h>

/* ---- a Mac that does what it is told ---- */

enum { PROFILES_MOST = 8 };
static struct mac {
  struct enroll_proof proof;
  struct {
    char identifier[80], uuid[64];
  } profiles[PROFILES_MOST];
  int profiles_n, sessions;
  const char *refuses; /* RequestType that it answers Error; NULL: none */
  bool forgets;        /* acknowledges InstallProfile and does nothing */
  char *log;           /* RequestTypes that it was given, inventory left out */
} mac;

static void drop_profile(const char *identifier) {
  for (int i = 0; i < mac.profiles_n; i++)
    if (strcmp(mac.profiles[i].identifier, identifier) == 0) mac.profiles[i--] = mac.profiles[--mac.profiles_n];
}

static void put_profile(struct slice file) {
  struct payload_check check;
  must(payload_check(fx.cx, file, &check));
  drop_profile(check.identifier);
  assert_true(mac.profiles_n < PROFILES_MOST);
  snprintf(mac.profiles[mac.profiles_n].identifier, 80, "%s", check.identifier);
  snprintf(mac.profiles[mac.profiles_n++].uuid, 64, "%s", check.uuid);
}

static bool has(const char *identifier) {
  for (int i = 0; i < mac.profiles_n; i++)
    if (strcmp(mac.profiles[i].identifier, identifier) == 0) return true;
  return false;
}

static void list_profiles(struct pl *answer) {
  struct pl *list = pl_new_array(fx.cx);
  for (int i = 0; i < mac.profiles_n; i++) {
    struct pl *p = pl_new_dict(fx.cx);
    pl_set_string(p, "PayloadIdentifier", mac.profiles[i].identifier);
    pl_set_string(p, "PayloadUUID", mac.profiles[i].uuid);
    pl_set_int(p, "PayloadVersion", 1);
    pl_add(list, p);
  }
  pl_set(answer, "ProfileList", list);
}

static void do_it(const char *type, struct pl *command, struct pl *answer) {
  struct slice file;
  bool inventory = strstr(type, "List") || strstr(type, "Information") || strstr(type, "Info");
  if (!inventory) mac.log = ctx_printf(fx.cx, "%s%s%s", mac.log, *mac.log ? " " : "", type);
  if (mac.refuses && strcmp(mac.refuses, type) == 0) {
    struct pl *chain = pl_new_array(fx.cx), *error = pl_new_dict(fx.cx);
    pl_set_string(error, "ErrorDomain", "MCInstallationErrorDomain");
    pl_set_int(error, "ErrorCode", 4001);
    pl_set_string(error, "USEnglishDescription", "No room for it.");
    pl_add(chain, error);
    pl_set(answer, "ErrorChain", chain);
    pl_set_string(answer, "Status", "Error");
    return;
  }
  if (strcmp(type, "ProfileList") == 0) list_profiles(answer);
  if (strcmp(type, "SecurityInfo") == 0) {
    struct pl *security = pl_new_dict(fx.cx);
    pl_set_bool(security, "FDE_Enabled", false);
    pl_set(answer, "SecurityInfo", security);
  }
  if (strcmp(type, "InstallProfile") == 0 && !mac.forgets && pl_data(pl_get(command, "Payload"), &file))
    put_profile(file);
  if (strcmp(type, "RemoveProfile") == 0) drop_profile(pl_str(command, "Identifier"));
}

/* One session: until there is nothing more to do. */
static void session(void) {
  clock_shift(++mac.sessions * US_SECOND);
  struct report *r = put_report(mac.proof, "A", "Idle", NULL);
  while (r->command_uuid) {
    struct pl *root, *answer = pl_new_dict(fx.cx);
    must(pl_parse(fx.cx, r->command, &pl_limits_report, &root));
    struct pl *command = pl_get(root, "Command");
    pl_set_string(answer, "UDID", "A");
    pl_set_string(answer, "Status", "Acknowledged");
    pl_set_string(answer, "CommandUUID", pl_str(root, "CommandUUID"));
    do_it(pl_str(command, "RequestType"), command, answer);
    r = put_report_of(mac.proof, answer);
  }
}

static void live(int rounds) {
  for (int i = 0; i < rounds; i++) {
    must(plan_chore(fx.cx, &fx.core));
    session();
  }
  must(plan_chore(fx.cx, &fx.core));
}

/* ---- an operator ---- */

struct changing {
  struct group_change change;
  struct group after;
};

static enum err change_job(struct ctx *cx, struct db *db, void *arg) {
  struct changing *c = arg;
  TRY(group_apply(cx, db, &fx.core, &c->change, "test", &c->after));
  return plan_due(cx, db, &fx.core, 0);
}

static struct changing change(struct group_change what) {
  struct changing c = {.change = what};
  must(in_job(change_job, &c));
  return c;
}

static int64_t row_of(const char *udid) {
  int64_t device;
  must(db_one_int(fx.cx, reader(), &device, "SELECT seq FROM device WHERE id = $1", DB_S(udid)));
  return device;
}

static void group(const char *name, enum group_kind kind, const char *ref, struct js *options) {
  struct group_assignment a = {.kind = kind, .ref = (char *)ref, .position = -1, .options = options};
  int64_t device = row_of("A");
  change((struct group_change){
      .name = name, .add = &device, .add_n = 1, .assign = &a, .assign_n = ref ? 1 : 0, .if_version = -1});
}

static enum err add_profile_job(struct ctx *cx, struct db *db, void *arg) {
  struct profile out;
  bool added;
  TRY(profile_add(cx, db, &fx.core, arg, &out, &added));
  return plan_due(cx, db, &fx.core, 0);
}

static void add_profile(const char *identifier, const char *label) {
  struct pl *root = pl_new_dict(fx.cx), *content = pl_new_array(fx.cx), *payload = pl_new_dict(fx.cx);
  struct payload_check *check = ctx_alloc(fx.cx, sizeof *check);
  char uuid[UUID_LEN + 1];
  uuid_new(uuid);
  pl_set_string(root, "PayloadType", "Configuration");
  pl_set_int(root, "PayloadVersion", 1);
  pl_set_string(root, "PayloadIdentifier", identifier);
  pl_set_string(root, "PayloadUUID", uuid);
  pl_set_string(root, "PayloadDisplayName", identifier);
  pl_set_string(payload, "PayloadType", "com.apple.webClip.managed");
  pl_set_int(payload, "PayloadVersion", 1);
  pl_set_string(payload, "PayloadIdentifier", ctx_printf(fx.cx, "%s.clip", identifier));
  uuid_new(uuid);
  pl_set_string(payload, "PayloadUUID", uuid);
  pl_set_string(payload, "Label", label);
  pl_set_string(payload, "URL", "https://www.example.org/");
  pl_add(content, payload);
  pl_set(root, "PayloadContent", content);
  struct slice file = pl_xml(fx.cx, root);
  must(payload_check(fx.cx, file, check));
  struct profile_given given = {file, check, "test", -1};
  must(in_job(add_profile_job, &given));
}

/* ---- what is seen ---- */

static struct js *plan_of(const char *udid) {
  struct js *out;
  must(plan_of_device(fx.cx, reader(), &fx.core, row_of(udid), &out));
  return out;
}

static void stands(const char *state) {
  struct js *p = plan_of("A");
  if (strcmp(js_str(p, "state"), state) != 0) fail_msg("%s", js_text(fx.cx, p, JS_INDENT).p);
}

static int open_world(void **state) {
  scep_open(state);
  fx.conf.await_timeout_us = 30 * US_MINUTE;
  roster_outside = &plan_sets;
  must(profile_signing_open(fx.cx, &fx.core.signing, &fx.core, &fx.conf));
  mac = (struct mac){.log = (char *)""};
  clock_shift(0);
  mac.proof = enrolled("A");
  add_profile("com.example.one", "One");
  return 0;
}

static int close_world(void **state) {
  profile_signing_close(fx.core.signing);
  return scep_close(state);
}

/* ---- what goes wrong ---- */

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

/* Goal: how a group stands is counted by device and by assignment. */
static void group_stands(void **state) {
  (void)state;
  struct group g;
  struct js *out;
  group("office", GROUP_PROFILE, "com.example.one", NULL);
  group("office", GROUP_REQUIREMENT, "filevault=on", NULL);
  enqueue("A", "SecurityInfo", "security");
  live(4);
  must(group_find(fx.cx, reader(), "office", &g));
  must(plan_of_group(fx.cx, reader(), &fx.core, &g, &out));
  int64_t n;
  assert_true(js_int(js_get(out, "devices"), &n) && n == 1);
  struct js *profile = js_at(js_get(out, "assignments"), 0), *demand = js_at(js_get(out, "assignments"), 1);
  assert_true(js_int(js_get(profile, "compliant"), &n) && n == 1);
  assert_true(js_int(js_get(demand, "failing"), &n) && n == 1);
  struct js *failures = js_get(out, "failures");
  assert_int_equal(js_count(failures), 1);
  assert_string_equal(js_str(js_at(failures, 0), "why"), "requirement filevault=on: filevault is off");
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)
  const struct CMUnitTest tests[] = {
      TEST(refused),
      TEST(forgotten),
      TEST(no_value),
      TEST(bad_changes),
      TEST(installed),
      TEST(drift),
      TEST(leaving),
      TEST(by_rule),
      TEST(rule_against_itself),
      TEST(blocked),
      TEST(blocked_for_a_while),
      TEST(new_logic_board),
      TEST(ended_in_a_sweep),
      TEST(enrolled_anew),
      TEST(group_stands),
  };
  return cmocka_run_group_tests(tests, NULL, free_ring);
}
