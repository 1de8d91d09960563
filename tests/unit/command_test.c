/* Commands: what cannot be built or read, what is built, and what the rows say. */
#include "base/clock.h"
#include "base/enc.h"
#include "core/command.h"
#include "lib/plist.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int setup(void **state) {
  *state = ctx_new();
  return 0;
}

static int teardown(void **state) {
  ctx_free(*state);
  return 0;
}

static struct js *json(struct ctx *cx, const char *text) {
  struct js *n = NULL;
  if (text && js_parse(cx, slice_of(text), &n) != OK) fail_msg("%s: %s", text, ctx_error_text(cx));
  return n;
}

static void refused(struct ctx *cx, enum err e, const char *because) {
  if (e != E_INVALID || !strstr(ctx_error_text(cx), because))
    fail_msg("%s \"%s\", not \"%s\"", err_slug(e), ctx_error_text(cx), because);
  ctx_clear_error(cx);
}

static struct pl *built(struct ctx *cx, const char *type, const char *args, struct command *out) {
  struct pl *root;
  if (command_build(cx, out, type, json(cx, args), NULL) != OK) fail_msg("%s %s: %s", type, args, ctx_error_text(cx));
  assert_int_equal(pl_parse(cx, out->plist, &pl_limits_checkin, &root), OK);
  assert_string_equal(pl_str(root, "CommandUUID"), out->uuid);
  return pl_get(root, "Command");
}

/* Goal: an argument that is unknown, missing or of another type is named, with what is allowed. */
static void bad_arguments_are_named(void **state) {
  struct ctx *cx = *state;
  static const struct {
    const char *type, *args, *because;
  } cases[] = {
      {"Nonsense", NULL, "no command Nonsense"},
      {"Bad\n", NULL, "of that name"},
      {"RestartDevice", "[]", "no JSON object"},
      {"RestartDevice", "{\"Nope\":1}", "there is: RebuildKernelCache, KextPaths, NotifyUser"},
      {"RestartDevice", "{\"NotifyUser\":\"yes\"}", "NotifyUser must be boolean"},
      {"RestartDevice", "{\"KextPaths\":{}}", "KextPaths must be array"},
      {"RestartDevice", "{\"KextPaths\":[null]}", "null has no place"},
      {"InstallProfile", NULL, "needs the argument Payload (data)"},
      {"InstallProfile", "{\"Payload\":\"*\"}", "Payload must be base64 text"},
      {"InstallProfile", "{\"Payload\":1}", "Payload must be base64 text"},
      {"RequestMirroring", "{\"ScanTime\":1.5}", "ScanTime must be integer"},
      {"DeviceLock", "{\"PIN\":\"12345\"}", "PIN must be six digits"},
      {"DeviceLock", "{\"PIN\":\"12345a\"}", "PIN must be six digits"},
      {"EraseDevice", "{\"PIN\":\"1234567\"}", "PIN must be six digits"},
      {"EraseDevice", "{\"PIN\":123456}", "PIN must be string"},
      {"EraseDevice", "{\"ReturnToService\":{\"WiFiProfileData\":{\"$data\":\"*\"}}}", "$data is not base64"},
      {"EraseDevice", "{\"ReturnToService\":{\"a\":{\"$date\":\"yesterday\"}}}", "$date is no time"},
  };
  struct command c;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    refused(cx, command_build(cx, &c, cases[i].type, json(cx, cases[i].args), NULL), cases[i].because);
  refused(cx, command_build(cx, &c, "RestartDevice", NULL, ""), "UUID");
  refused(cx, command_build(cx, &c, "RestartDevice", NULL, "a\nb"), "UUID");
}

/* Goal: a raw property list that no device could answer for is refused. */
static void unusable_raw_commands_are_refused(void **state) {
  struct ctx *cx = *state;
  static const struct {
    const char *plist, *because;
  } cases[] = {
      {"", "property list"},
      {"junk", "property list"},
      {"<plist version=\"1.0\"><array/></plist>", "no CommandUUID"},
      {"<plist version=\"1.0\"><dict><key>CommandUUID</key><integer>1</integer></dict></plist>", "it is no string"},
      {"<plist version=\"1.0\"><dict><key>CommandUUID</key><string></string></dict></plist>", "from 1 to 255"},
      {"<plist version=\"1.0\"><dict><key>CommandUUID</key><string>a\tb</string></dict></plist>", "control characters"},
      {"<plist version=\"1.0\"><dict><key>CommandUUID</key><string>a</string></dict></plist>",
       "dictionary named Command"},
      {"<plist "
       "version=\"1.0\"><dict><key>CommandUUID</key><string>a</string><key>Command</key><string>b</string></dict></"
       "plist>",
       "dictionary named Command"},
      {"<plist version=\"1.0\"><dict><key>CommandUUID</key><string>a</string><key>Command</key><dict/></dict></plist>",
       "no RequestType"},
  };
  struct command c;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    refused(cx, command_parse(cx, &c, slice_of(cases[i].plist)), cases[i].because);
}

/* Goal: words of the command line that fit no argument are refused as wrong usage. */
static void bad_words_are_refused(void **state) {
  struct ctx *cx = *state;
  static const char *const words[] = {"NotifyUser", "NotifyUser=maybe", "Nope=1",       "=1",
                                      "",           "NotifyUser.A=1",   "KextPaths=[1", "NotifyUser=1"};
  struct js *args;
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    if (command_args(cx, &args, command_row("RestartDevice"), &words[i], 1) == OK)
      fail_msg("\"%s\" was taken", words[i]);
    ctx_clear_error(cx);
  }
  static const char *const twice[] = {"NotifyUser=yes", "NotifyUser=no"};
  assert_int_equal(command_args(cx, &args, command_row("RestartDevice"), twice, 2), E_USAGE);
  ctx_clear_error(cx);
  static const char *const both[] = {"ReturnToService.Enabled.X=1", "ReturnToService.Enabled=true"};
  assert_int_equal(command_args(cx, &args, command_row("EraseDevice"), both, 2), E_USAGE);
}

/* Goal: every kind of value arrives in the property list as what it is. */
static void values_keep_their_types(void **state) {
  struct ctx *cx = *state;
  struct command c;
  struct pl *command =
      built(cx, "EraseDevice",
            "{\"PIN\":\"123456\",\"PreserveDataPlan\":true,\"ReturnToService\":{\"Enabled\":true,\"n\":-3,"
            "\"r\":0.5,\"d\":{\"$data\":\"aGk=\"},\"t\":{\"$date\":\"2026-11-22T15:00:00Z\"},"
            "\"a\":[1,\"x\",false,{\"$data\":\"aGk=\"},[2.5]]}}",
            &c);
  struct pl *inner = pl_get(command, "ReturnToService"), *array = pl_get(inner, "a");
  bool yes = false, no = true;
  int64_t n = 0, t = 0;
  double r = 0;
  struct slice d = {0};
  assert_string_equal(pl_str(command, "PIN"), "123456");
  assert_true(pl_bool(pl_get(command, "PreserveDataPlan"), &yes) && yes);
  assert_true(pl_int(pl_get(inner, "n"), &n) && n == -3);
  assert_true(pl_real(pl_get(inner, "r"), &r) && r > 0.49 && r < 0.51);
  assert_true(pl_data(pl_get(inner, "d"), &d) && slice_is(d, "hi"));
  assert_true(pl_date(pl_get(inner, "t"), &t) && t == INT64_C(1795359600) * US_SECOND);
  assert_int_equal(pl_count(array), 5);
  assert_true(pl_int(pl_at(array, 0), &n) && n == 1);
  assert_true(pl_bool(pl_at(array, 2), &no) && !no);
  assert_true(pl_data(pl_at(array, 3), &d) && slice_is(d, "hi"));
  assert_true(pl_real(pl_at(pl_at(array, 4), 0), &r) && r > 2.4);
}

/* Goal: words of the command line become the arguments that JSON would give. */
static void words_become_arguments(void **state) {
  struct ctx *cx = *state;
  struct js *args;
  static const char *const words[] = {"PIN=123456", "PreserveDataPlan=yes", "ReturnToService.Enabled=true",
                                      "ReturnToService.N=7", "ReturnToService.Deep.Name=x.y"};
  assert_int_equal(command_args(cx, &args, command_row("EraseDevice"), words, 5), OK);
  assert_true(slice_is(js_text(cx, args, JS_COMPACT),
                       "{\"PIN\":\"123456\",\"PreserveDataPlan\":true,\"ReturnToService\":{\"Enabled\":true,\"N\":7,"
                       "\"Deep\":{\"Name\":\"x.y\"}}}"));
  static const char *const list[] = {"Queries=UDID, OSVersion"};
  assert_int_equal(command_args(cx, &args, command_row("DeviceInformation"), list, 1), OK);
  assert_true(slice_is(js_text(cx, args, JS_COMPACT), "{\"Queries\":[\"UDID\",\"OSVersion\"]}"));
  static const char *const brackets[] = {"Queries=[\"a,b\"]"};
  assert_int_equal(command_args(cx, &args, command_row("DeviceInformation"), brackets, 1), OK);
  assert_true(slice_is(js_text(cx, args, JS_COMPACT), "{\"Queries\":[\"a,b\"]}"));
}

/* Goal: flags and lives follow the rules: what is done once, what jumps, what expires. */
static void rows_follow_the_rules(void **state) {
  struct ctx *cx = *state;
  static const struct {
    const char *type;
    unsigned flags;
    int64_t life;
  } rules[] = {
      {"RestartDevice", COMMAND_ONCE | COMMAND_EARLY, US_DAY},
      {"ShutDownDevice", COMMAND_ONCE | COMMAND_EARLY, US_DAY},
      {"DeviceLock", COMMAND_ONCE | COMMAND_JUMP | COMMAND_SINGLE | COMMAND_DANGEROUS, 0},
      {"EraseDevice", COMMAND_JUMP | COMMAND_DANGEROUS | COMMAND_EARLY, 0},
      {"ClearPasscode", COMMAND_ONCE | COMMAND_DANGEROUS, 0},
      {"DeviceInformation", COMMAND_QUERY, 7 * US_DAY},
      {"InstallProfile", 0, 0},
      {"ScheduleOSUpdate", COMMAND_WITHDRAWN | COMMAND_EARLY, 0},
  };
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
    const struct command_row *row = command_row(rules[i].type);
    assert_non_null(row);
    assert_int_equal(row->flags, rules[i].flags);
    assert_true(row->expires_us == rules[i].life);
  }
  size_t rows = 0;
  while (command_rows[rows].request_type) rows++;
  assert_true(rows >= 66);
  struct command c;
  built(cx, "RemoveProfile", "{\"Identifier\":\"com.example.wifi\"}", &c);
  assert_false(c.flags & COMMAND_ONCE);
  built(cx, "RemoveProfile", "{\"Identifier\":\"pomona.1234.enrollment\"}", &c);
  assert_true(c.flags & COMMAND_ONCE);
}

/* Goal: what narrows an answer is seen, so that a part is never taken for the whole. */
static void parts_are_told_from_the_whole(void **state) {
  struct ctx *cx = *state;
  static const char *const parts[][2] = {{"ProfileList", "{\"ManagedOnly\":true}"},
                                         {"InstalledApplicationList", "{\"Identifiers\":[\"com.example\"]}"}};
  static const char *const wholes[][2] = {{"ProfileList", "{}"}, {"ProfileList", "{\"ManagedOnly\":false}"}};
  struct command c;
  for (size_t i = 0; i < 2; i++) {
    built(cx, parts[i][0], parts[i][1], &c);
    assert_true(c.flags & COMMAND_PARTIAL);
    built(cx, wholes[i][0], wholes[i][1], &c);
    assert_false(c.flags & COMMAND_PARTIAL);
  }
}

/* Goal: the bytes of a raw command are kept, and any RequestType passes. */
static void raw_bytes_are_kept(void **state) {
  struct ctx *cx = *state;
  static const char text[] =
      "<plist version=\"1.0\"><!-- odd --><dict><key>Command</key><dict><key>RequestType</key>"
      "<string>Brand New</string></dict><key>CommandUUID</key><string>u 1</string></dict></plist>";
  struct command c;
  assert_int_equal(command_parse(cx, &c, slice_of(text)), OK);
  assert_true(slice_is(c.plist, text));
  assert_string_equal(c.uuid, "u 1");
  assert_string_equal(c.request_type, "Brand New");
  assert_int_equal(c.flags, 0);
  assert_int_equal(command_build(cx, &c, "RestartDevice", NULL, "my-own"), OK);
  assert_string_equal(c.uuid, "my-own");
}

/* How long a queued one lives: restarts and shutdowns a day, what only asks a week, all else until it is done. */
static void rows_live_by_the_rules(void **state) {
  (void)state;
  for (const struct command_row *row = command_rows; row->request_type; row++) {
    bool restart = strcmp(row->request_type, "RestartDevice") == 0 || strcmp(row->request_type, "ShutDownDevice") == 0;
    int64_t life = restart ? US_DAY : row->flags & COMMAND_QUERY ? 7 * US_DAY : 0;
    if (row->expires_us != life) fail_msg("%s lives %lld", row->request_type, (long long)row->expires_us);
  }
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(bad_arguments_are_named),       TEST(unusable_raw_commands_are_refused),
      TEST(bad_words_are_refused),         TEST(values_keep_their_types),
      TEST(words_become_arguments),        TEST(rows_follow_the_rules),
      TEST(parts_are_told_from_the_whole), TEST(raw_bytes_are_kept),
      TEST(rows_live_by_the_rules),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
