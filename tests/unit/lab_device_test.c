/* Simulated devices: how they read profiles and options, and what they answer to commands. */
#include "app/lab_args.h"
#include "app/lab_device.h"
#include "base/clock.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- commands ---- */
static struct slice command(struct ctx *cx, const char *type, const char *arguments) {
  return slice_of(
      ctx_printf(cx,
                 "<?xml version=\"1.0\"?><plist version=\"1.0\"><dict><key>CommandUUID</key><string>c-1"
                 "</string><key>Command</key><dict><key>RequestType</key><string>%s</string>%s</dict></dict>"
                 "</plist>",
                 type, arguments));
}

static struct lab_device *device(const char *platform) {
  struct lab_device *d = lab_device_new(lab_platform(platform), "U-1", "SERIAL1", 7);
  d->cx = ctx_new();
  d->profile.identifier = ctx_strdup(d->cx, "test.enrollment");
  d->profile.uuid = ctx_strdup(d->cx, "P-1");
  d->phase = LAB_ENROLLED;
  d->supervised = d->automated = true;
  return d;
}

/* The report, read back. */
static struct pl *answer(struct ctx *cx, struct lab_device *d, struct slice bytes, struct lab_report *r) {
  struct pl *report;
  if (lab_answer(cx, d, d->channels, bytes, r) != OK) fail_msg("%s", ctx_error_text(cx));
  assert_int_equal(pl_parse(cx, r->body, &pl_limits_report, &report), OK);
  assert_string_equal(pl_str(report, "CommandUUID"), "c-1");
  assert_string_equal(pl_str(report, "UDID"), "U-1");
  assert_string_equal(pl_str(report, "Status"), r->status);
  return report;
}

static void answers(const char *platform, const char *type, const char *arguments, const char *status, int64_t code) {
  struct ctx *cx = ctx_new();
  struct lab_device *d = device(platform);
  struct lab_report r;
  int64_t its = 0;
  struct pl *report = answer(cx, d, command(cx, type, arguments), &r);
  (void)pl_int(pl_get(pl_at(pl_get(report, "ErrorChain"), 0), "ErrorCode"), &its);
  if (strcmp(r.status, status) != 0 || its != code)
    fail_msg("%s on %s: %s %d, not %s %d", type, platform, r.status, (int)its, status, (int)code);
  lab_device_free(d);
  ctx_free(cx);
}

/* What is no command is not answered at all. */
static void test_what_is_no_command(void **state) {
  (void)state;
  static const char *const bad[] = {"", "x", "<plist><dict/></plist>", "<plist><array/></plist>",
                                    "<plist><dict><key>CommandUUID</key><integer>1</integer></dict></plist>"};
  struct ctx *cx = ctx_new();
  struct lab_device *d = device("macos");
  struct lab_report r;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_int_equal(lab_answer(cx, d, d->channels, slice_of(bad[i]), &r), E_INVALID);
    assert_int_equal(r.body.n, 0);
    ctx_clear_error(cx);
  }
  lab_device_free(d);
  ctx_free(cx);
}

/* Malformed and unknown commands, and those of other platforms, are refused as real devices do. */
static void test_refusals(void **state) {
  (void)state;
  static const struct {
    const char *platform, *type, *arguments, *status;
    int64_t code;
  } cases[] = {
      {"macos", "MakeCoffee", "", "Error", 12021},
      {"watchos", "RestartDevice", "", "Error", 12021},
      {"tvos", "DeviceLock", "", "Error", 12021},
      {"ios", "RotateFileVaultKey", "", "Error", 12021},
      {"macos", "DeviceInformation", "", "CommandFormatError", 12008},
      {"macos", "DeviceInformation", "<key>Queries</key><string>UDID</string>", "CommandFormatError", 12008},
      {"macos", "RestartDevice", "<key>NotifyUser</key><string>yes</string>", "CommandFormatError", 12008},
      {"ios", "InstallProfile", "<key>Payload</key><data>eHh4</data>", "Error", 1000},
      {"ios", "RemoveProfile", "<key>Identifier</key><string>nowhere</string>", "Error", 12075},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    answers(cases[i].platform, cases[i].type, cases[i].arguments, cases[i].status, cases[i].code);
}

/* A command without a RequestType is malformed. */
static void test_command_without_type(void **state) {
  (void)state;
  struct ctx *cx = ctx_new();
  struct lab_device *d = device("macos");
  struct lab_report r;
  answer(cx, d, slice_of("<plist><dict><key>CommandUUID</key><string>c-1</string></dict></plist>"), &r);
  assert_string_equal(r.status, "CommandFormatError");
  lab_device_free(d);
  ctx_free(cx);
}

/* Known commands are acknowledged, and have their effect only where they should. */
static void test_effects(void **state) {
  (void)state;
  static const struct {
    const char *type, *arguments;
    enum lab_effect effect;
  } cases[] = {
      {"DeviceConfigured", "", LAB_NO_EFFECT},
      {"RestartDevice", "", LAB_RESTARTS},
      {"ShutDownDevice", "", LAB_SHUTS_DOWN},
      {"EraseDevice", "", LAB_ERASES},
      {"RemoveProfile", "<key>Identifier</key><string>test.enrollment</string>", LAB_UNENROLLS},
  };
  struct ctx *cx = ctx_new();
  struct lab_device *d = device("macos");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct lab_report r;
    struct pl *report = answer(cx, d, command(cx, cases[i].type, cases[i].arguments), &r);
    assert_string_equal(r.status, "Acknowledged");
    assert_int_equal(r.effect, cases[i].effect);
    assert_string_equal(pl_str(report, "RequestType"), cases[i].type);
  }
  assert_int_equal(d->acknowledged, sizeof cases / sizeof *cases);
  lab_device_free(d);
  ctx_free(cx);
}

/* NotNow is said the first times, but never to what the platform does not put off; then the command is done. */
static void test_not_now(void **state) {
  (void)state;
  static const char queries[] = "<key>Queries</key><array><string>UDID</string></array>";
  struct ctx *cx = ctx_new();
  struct lab_device *mac = device("macos"), *phone = device("ios");
  struct lab_report r;
  mac->channels[0].not_now = 2;
  phone->channels[0].not_now = 1;
  answer(cx, mac, command(cx, "RestartDevice", ""), &r); /* a Mac never puts this off */
  assert_string_equal(r.status, "Acknowledged");
  answer(cx, mac, command(cx, "DeviceInformation", queries), &r);
  assert_string_equal(r.status, "NotNow");
  answer(cx, phone, command(cx, "DeviceInformation", queries), &r); /* an iPhone never puts this off */
  assert_string_equal(r.status, "Acknowledged");
  answer(cx, phone, command(cx, "RestartDevice", ""), &r);
  assert_string_equal(r.status, "NotNow");
  assert_int_equal(r.effect, LAB_NO_EFFECT);
  answer(cx, mac, command(cx, "SecurityInfo", ""), &r);
  assert_string_equal(r.status, "NotNow");
  answer(cx, mac, command(cx, "SecurityInfo", ""), &r);
  assert_string_equal(r.status, "Acknowledged");
  lab_device_free(mac);
  lab_device_free(phone);
  ctx_free(cx);
}

/* A swallowed command is taken without a word; others are answered. */
static void test_swallow(void **state) {
  (void)state;
  struct ctx *cx = ctx_new();
  struct lab_device *d = device("macos");
  struct lab_report r;
  d->swallow = "RestartDevice";
  assert_int_equal(lab_answer(cx, d, d->channels, command(cx, "RestartDevice", ""), &r), OK);
  assert_int_equal(r.body.n, 0);
  assert_null(r.status);
  assert_int_equal(r.effect, LAB_NO_EFFECT);
  answer(cx, d, command(cx, "SecurityInfo", ""), &r);
  lab_device_free(d);
  ctx_free(cx);
}

/* A device that vanishes is erased without a word. */
static void test_vanish(void **state) {
  (void)state;
  struct ctx *cx = ctx_new();
  struct lab_device *d = device("ios");
  struct lab_report r;
  d->vanishes = true;
  assert_int_equal(lab_answer(cx, d, d->channels, command(cx, "EraseDevice", ""), &r), OK);
  assert_int_equal(r.body.n, 0);
  assert_null(r.status);
  assert_int_equal(r.effect, LAB_ERASES);
  answer(cx, d, command(cx, "SecurityInfo", ""), &r);
  lab_device_free(d);
  ctx_free(cx);
}

/* DeviceInformation gives what was asked for and the platform knows, nothing else. */
static void test_device_information(void **state) {
  (void)state;
  struct ctx *cx = ctx_new();
  struct lab_device *d = device("tvos");
  struct lab_report r;
  struct pl *report = answer(cx, d,
                             command(cx, "DeviceInformation",
                                     "<key>Queries</key><array><string>SerialNumber</string><string>HostName</string>"
                                     "<string>TimeZone</string><string>NoSuchQuery</string></array>"),
                             &r);
  struct pl *facts = pl_get(report, "QueryResponses");
  assert_int_equal(pl_count(facts), 2);
  assert_string_equal(pl_str(facts, "SerialNumber"), "SERIAL1");
  assert_string_equal(pl_str(facts, "TimeZone"), "Europe/Berlin");
  assert_null(pl_get(report, "RequestType")); /* only Macs repeat it */
  lab_device_free(d);
  ctx_free(cx);
}

static size_t profiles(struct ctx *cx, struct lab_device *d) {
  struct lab_report r;
  return pl_count(pl_get(answer(cx, d, command(cx, "ProfileList", ""), &r), "ProfileList"));
}

/* Profiles are installed, replaced by their identifier, listed beside the enrollment's, and removed. */
static void test_profiles(void **state) {
  (void)state;
  /* <plist><dict> PayloadIdentifier a.b, PayloadUUID u </dict></plist> */
  static const char payload[] =
      "<key>Payload</key><data>PHBsaXN0PjxkaWN0PjxrZXk+UGF5bG9hZElkZW50aWZpZXI8L2tleT48c3RyaW5nPmEuYjwvc3RyaW5nPjxr"
      "ZXk+UGF5bG9hZFVVSUQ8L2tleT48c3RyaW5nPnU8L3N0cmluZz48L2RpY3Q+PC9wbGlzdD4=</data>";
  struct ctx *cx = ctx_new();
  struct lab_device *d = device("ios");
  struct lab_report r;
  assert_int_equal(profiles(cx, d), 1);
  for (int twice = 0; twice < 2; twice++) {
    answer(cx, d, command(cx, "InstallProfile", payload), &r);
    assert_string_equal(r.status, "Acknowledged");
    assert_int_equal(profiles(cx, d), 2);
  }
  answer(cx, d, command(cx, "RemoveProfile", "<key>Identifier</key><string>a.b</string>"), &r);
  assert_string_equal(r.status, "Acknowledged");
  assert_int_equal(profiles(cx, d), 1);
  lab_device_free(d);
  ctx_free(cx);
}

/* ---- kinds and channels ---- */
static struct lab_device *mixed(const char *platform, bool user_enrollment) {
  for (size_t i = 0; i < 100; i++) {
    struct lab_device *d = lab_mixed_device(i);
    if (d->platform == lab_platform(platform) && d->user_enrollment == user_enrollment) {
      d->cx = ctx_new();
      d->profile.topic = ctx_strdup(d->cx, "t");
      d->profile.uuid = ctx_strdup(d->cx, "P-1");
      d->profile.identifier = ctx_strdup(d->cx, "test.enrollment");
      return d;
    }
    lab_device_free(d);
  }
  fail_msg("no %s among a hundred", platform);
  return NULL;
}

/* What a kind cannot do on a channel is refused there. */
static void test_refusals_by_channel(void **state) {
  (void)state;
  static const struct {
    const char *platform;
    bool user_enrollment;
    size_t channel;
    const char *type, *status;
  } cases[] = {
      {"macos", false, 1, "RestartDevice", "Error"},
      {"macos", false, 1, "SecurityInfo", "Acknowledged"},
      {"macos", false, 0, "NSExtensionMappings", "Error"},
      {"macos", false, 1, "NSExtensionMappings", "Acknowledged"},
      {"shared-ipad", false, 1, "SecurityInfo", "Error"},
      {"shared-ipad", false, 0, "ClearPasscode", "Error"},
      {"shared-ipad", false, 0, "UserList", "Acknowledged"},
      {"ipados", false, 0, "UserList", "Error"},
      {"ios", true, 0, "EraseDevice", "Error"},
      {"ios", true, 0, "ProfileList", "Acknowledged"},
      {"macos", true, 1, "InviteToProgram", "Error"},
      {"visionos", false, 0, "RestartDevice", "Error"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct ctx *cx = ctx_new();
    struct lab_device *d = mixed(cases[i].platform, cases[i].user_enrollment);
    struct lab_report r;
    assert_int_equal(lab_answer(cx, d, &d->channels[cases[i].channel], command(cx, cases[i].type, ""), &r), OK);
    if (strcmp(r.status, cases[i].status) != 0) fail_msg("%s on %s: %s", cases[i].type, cases[i].platform, r.status);
    lab_device_free(d);
    ctx_free(cx);
  }
}

/* The keys of a message as text, in the order of the alphabet: "A B C". */
static const char *keys(struct ctx *cx, struct slice message, const char *const *all) {
  struct pl *m;
  struct buf b = {0};
  assert_int_equal(pl_parse(cx, message, &pl_limits_checkin, &m), OK);
  for (const char *const *k = all; *k; k++)
    if (pl_get(m, *k)) buf_printf(&b, "%s%s", b.n ? " " : "", *k);
  const char *text = ctx_memdup(cx, b.n ? b.p : "", b.n);
  buf_free(&b);
  return text;
}

/* Each kind says who it is, and of itself, by the keys of Apple's devices. */
static void test_messages(void **state) {
  (void)state;
  static const char *const authenticate[] = {"UDID",        "EnrollmentID", "DeviceName",   "Model", "ModelName",
                                             "ProductName", "OSVersion",    "SerialNumber", "IMEI",  NULL};
  static const char *const update[] = {
      "UDID",        "EnrollmentID", "UserID", "EnrollmentUserID", "UserShortName", "AwaitingConfiguration",
      "UnlockToken", "NotOnConsole", NULL};
  static const struct {
    const char *platform;
    bool user_enrollment;
    const char *authenticate, *device, *user;
  } cases[] = {
      {"macos", false, "UDID DeviceName Model ModelName ProductName OSVersion SerialNumber",
       "UDID AwaitingConfiguration", "UDID UserID UserShortName NotOnConsole"},
      {"ios", false, "UDID ProductName OSVersion SerialNumber IMEI", "UDID AwaitingConfiguration UnlockToken", NULL},
      {"ios", true, "EnrollmentID ProductName OSVersion", "EnrollmentID", NULL},
      {"macos", true, "EnrollmentID DeviceName Model ModelName ProductName OSVersion", "EnrollmentID",
       "EnrollmentID EnrollmentUserID UserShortName NotOnConsole"},
      {"shared-ipad", false, "UDID ProductName OSVersion SerialNumber", "UDID AwaitingConfiguration",
       "UDID UserID UserShortName"},
      {"tvos", false, "UDID", "UDID AwaitingConfiguration", NULL},
      {"watchos", false, "UDID ProductName OSVersion SerialNumber", "UDID AwaitingConfiguration UnlockToken", NULL},
      {"visionos", false, "UDID ProductName OSVersion SerialNumber", "UDID AwaitingConfiguration UnlockToken", NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct ctx *cx = ctx_new();
    struct lab_device *d = mixed(cases[i].platform, cases[i].user_enrollment);
    assert_string_equal(keys(cx, lab_authenticate(cx, d), authenticate), cases[i].authenticate);
    assert_string_equal(keys(cx, lab_token_update(cx, d, d->channels), update), cases[i].device);
    assert_int_equal(d->channels_n > 1, cases[i].user != NULL);
    if (cases[i].user) assert_string_equal(keys(cx, lab_token_update(cx, d, &d->channels[1]), update), cases[i].user);
    lab_device_free(d);
    ctx_free(cx);
  }
}

/* A hundred devices hold every kind by its share: half prove by TLS, and the users are as many as documented. */
static void test_mix(void **state) {
  (void)state;
  size_t channels = 0, byod = 0, tls = 0, shared = 0;
  for (size_t i = 0; i < 100; i++) {
    struct lab_device *d = lab_mixed_device(i);
    channels += d->channels_n;
    byod += d->user_enrollment;
    tls += d->proof == LAB_PROOF_MTLS;
    shared += d->platform->os == SHARED;
    if (d->platform->os == SHARED) {
      char id[LAB_ID_MAX];
      lab_id(id, d, &d->channels[2]);
      assert_memory_equal(id, d->udid, strlen(d->udid));
      assert_string_equal(id + strlen(d->udid) + 1, d->channels[2].short_name);
    }
    lab_device_free(d);
  }
  assert_int_equal(channels, 147);
  assert_int_equal(byod, 8);
  assert_int_equal(tls, 50);
  assert_int_equal(shared, 8);
}

/* Each channel puts off commands by itself. */
static void test_not_now_by_channel(void **state) {
  (void)state;
  struct ctx *cx = ctx_new();
  struct lab_device *d = mixed("macos", false);
  struct lab_report r;
  d->channels[1].not_now = 1;
  assert_int_equal(lab_answer(cx, d, d->channels, command(cx, "SecurityInfo", ""), &r), OK);
  assert_string_equal(r.status, "Acknowledged");
  assert_int_equal(lab_answer(cx, d, &d->channels[1], command(cx, "SecurityInfo", ""), &r), OK);
  assert_string_equal(r.status, "NotNow");
  lab_device_free(d);
  ctx_free(cx);
}

/* ---- the enrollment profile ---- */
#define SCEP                                                                                                           \
  "<dict><key>PayloadType</key><string>com.apple.security.scep</string><key>PayloadUUID</key><string>S</string>"       \
  "<key>PayloadContent</key><dict><key>URL</key><string>https://a/scep</string><key>Challenge</key><string>c</string>" \
  "<key>Subject</key><array><array><array><string>O</string><string>Org</string></array></array><array><array>"        \
  "<string>CN</string><string>Name</string></array></array></array></dict></dict>"
#define MDM(identity)                                                                                                  \
  "<dict><key>PayloadType</key><string>com.apple.mdm</string><key>IdentityCertificateUUID</key><string>" identity      \
  "</string><key>ServerURL</key><string>https://a/mdm</string><key>Topic</key><string>t</string>"                      \
  "<key>SignMessage</key><true/></dict>"
#define PROFILE(payloads)                                                                                              \
  "<plist version=\"1.0\"><dict><key>PayloadIdentifier</key><string>i</string><key>PayloadUUID</key><string>u"         \
  "</string><key>PayloadContent</key><array>" payloads "</array></dict></plist>"

/* A profile that cannot enroll says why. */
static void test_bad_profiles(void **state) {
  (void)state;
  static const struct {
    const char *text, *because;
  } cases[] = {{"garbage", "CMS"},
               {"<plist><dict/></plist>", "PayloadIdentifier"},
               {PROFILE(MDM("S")), "SCEP"},
               {PROFILE(SCEP), "MDM payload"},
               {PROFILE(SCEP MDM("other")), "IdentityCertificateUUID"}};
  struct ctx *cx = ctx_new();
  struct lab_profile p;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    assert_int_equal(lab_profile_read(cx, &p, slice_of(cases[i].text)), E_INVALID);
    if (!strstr(ctx_error_text(cx), cases[i].because)) fail_msg("%s: %s", cases[i].text, ctx_error_text(cx));
    ctx_clear_error(cx);
  }
  ctx_free(cx);
}

/* Everything a device needs is found in the profile; CheckInURL is ServerURL when it is not there. */
static void test_profile(void **state) {
  (void)state;
  struct ctx *cx = ctx_new();
  struct lab_profile p;
  assert_int_equal(lab_profile_read(cx, &p, slice_of(PROFILE(SCEP MDM("S")))), OK);
  assert_string_equal(p.scep_url, "https://a/scep");
  assert_string_equal(p.challenge, "c");
  assert_string_equal(p.subject_cn, "Name");
  assert_string_equal(p.checkin_url, "https://a/mdm");
  assert_string_equal(p.topic, "t");
  assert_true(p.sign_message);
  assert_false(p.check_out);
  assert_int_equal(p.root_pem.n, 0);
  ctx_free(cx);
}

/* ---- options ---- */
struct values {
  bool flag;
  int64_t number;
  const char *text;
};
static const struct lab_option options[] = {{"flag", NULL, "", LAB_FLAG, offsetof(struct values, flag)},
                                            {"number", "N", "", LAB_NUMBER, offsetof(struct values, number)},
                                            {"text", "T", "", LAB_TEXT, offsetof(struct values, text)},
                                            {0}};
static const struct lab_command test_command = {"test", "WORD", "", 0, 1, options, NULL};

static enum err parse(struct ctx *cx, struct values *v, struct lab_words *words, char **argv) {
  int argc = 0;
  while (argv[argc]) argc++;
  return lab_parse(cx, words, &test_command, argc, argv, v);
}

/* Wrong options are named. */
static void test_wrong_options(void **state) {
  (void)state;
  static char *const cases[][3] = {{"--what"},      {"--number"}, {"--number", "x"},
                                   {"--number=-1"}, {"--flag=1"}, {"a", "b"}};
  struct ctx *cx = ctx_new();
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char *argv[] = {cases[i][0], cases[i][1], NULL};
    struct values v = {0};
    struct lab_words words;
    assert_int_equal(parse(cx, &v, &words, argv), E_USAGE);
    assert_true(*ctx_error_text(cx));
    ctx_clear_error(cx);
  }
  ctx_free(cx);
}

/* Values go where the table says, in both spellings; after "--" everything is an operand. */
static void test_options(void **state) {
  (void)state;
  char a[] = "--number=5", b[] = "--text", c[] = "x", d[] = "--flag", e[] = "--", f[] = "--word";
  char *argv[] = {a, b, c, d, e, f, NULL};
  struct ctx *cx = ctx_new();
  struct values v = {0};
  struct lab_words words;
  assert_int_equal(parse(cx, &v, &words, argv), OK);
  assert_int_equal(v.number, 5);
  assert_string_equal(v.text, "x");
  assert_true(v.flag);
  assert_int_equal(words.n, 1);
  assert_string_equal(words.operands[0], "--word");
  ctx_free(cx);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_what_is_no_command),
      cmocka_unit_test(test_refusals),
      cmocka_unit_test(test_command_without_type),
      cmocka_unit_test(test_effects),
      cmocka_unit_test(test_not_now),
      cmocka_unit_test(test_refusals_by_channel),
      cmocka_unit_test(test_messages),
      cmocka_unit_test(test_mix),
      cmocka_unit_test(test_not_now_by_channel),
      cmocka_unit_test(test_swallow),
      cmocka_unit_test(test_vanish),
      cmocka_unit_test(test_device_information),
      cmocka_unit_test(test_profiles),
      cmocka_unit_test(test_bad_profiles),
      cmocka_unit_test(test_profile),
      cmocka_unit_test(test_wrong_options),
      cmocka_unit_test(test_options),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
