/* Goal: the language of filters: what is wrong is told with its place, and every type matches as docs/devices.md says,
   also where a value is not known. */
#include "core_fixture.h"

#include "core/platform.h"
#include "core/roster_int.h"

/* ---- refused ---- */

struct refused {
  const char *text;
  int character;    /* that is named */
  const char *part; /* of the sentence */
};

static const struct refused refusals[] = {
    // clang-format off
    {"oss>=14", 1, "there is no field oss: is os meant?"},
    {"platform=macos and filevualt=on", 20, "is filevault meant?"},
    {"platfrom=ios", 1, "is platform meant?"},
    {"colour=red", 1, "there is no field colour"},
    {"=on", 1, "before this sign stands the name of a field"},
    {"user=a =b", 8, "before this sign stands the name of a field"},
    {"name=", 6, "here a value is missing"},
    {"name= and os=14", 7, "here a value is missing, or and in quotation marks"},
    {"name=,os=14", 6, "here a value is missing"},
    {"name=)", 6, "here a value is missing"},
    {"name==x", 6, "here a value is missing"},
    {"name=a=b", 7, "a value with = stands in quotation marks"},
    {"name=a~b", 7, "a value with ~ stands in quotation marks"},
    {"name=a\"b\"", 7, "a value with \" stands in quotation marks"},
    {"name=a<b", 7, "stands in quotation marks"},
    {"name=\"open", 6, "never closed"},
    {"\"open", 1, "never closed"},
    {"name=\"a\\n\"", 8, "behind \\ stands"},
    {"name=\"a\\", 8, "behind \\ stands"},
    {"\"\"", 1, "has letters"},
    {"\"name\"=x", 1, "without quotation marks"},
    {"(os=14", 1, "this bracket is never closed"},
    {"os=14)", 6, "this bracket was never opened"},
    {")", 1, "a condition is missing before this bracket"},
    {"()", 2, "between these brackets"},
    {"os=14 and ()", 12, "between these brackets"},
    {"((os=14)", 1, "never closed"},
    {"os=14 and", 10, "the filter ends where a condition is missing"},
    {"os=14,", 7, "the filter ends"},
    {"os=14 or", 9, "the filter ends"},
    {"not", 4, "here a condition is missing"},
    {"os=14 and not", 14, "the filter ends"},
    {"and os=14", 1, "before \"and\" a condition is missing"},
    {"or", 1, "before \"or\" a condition is missing"},
    {"os=14 or or os=15", 10, "before \"or\""},
    {"os=14 and or os=15", 11, "before \"or\""},
    {"(or os=14)", 2, "before \"or\""},
    {",os=14", 1, "before this comma"},
    {"os=14,,os=15", 7, "before this comma"},
    {"os=14 or , os=15", 10, "before this comma"},
    {"name!x", 5, "! stands only before ="},
    {"os=14 !os=15", 7, "before this sign"},
    {"~x", 1, "before this sign"},
    {"name<x", 5, "name is a text"},
    {"serial>=C", 7, "serial is a text"},
    {"name~\"\"", 6, "behind ~ stands what name is to contain"},
    {"filevault>on", 10, "compared by = and !="},
    {"filevault~on", 10, "filevault is on, off or unknown"},
    {"filevault=maybe", 11, "filevault is on, off or unknown"},
    {"supervised=\"\"", 12, "on, off or unknown"},
    {"capacity=big", 10, "capacity is a number"},
    {"capacity>1.2345", 10, "three digits"},
    {"capacity>1.", 10, "three digits"},
    {"capacity>.5", 10, "capacity is a number"},
    {"capacity>99999999999999", 10, "capacity is a number"},
    {"battery~2", 8, "is a number: it is compared by"},
    {"os>=new", 5, "os is a version, as 18"},
    {"os>=14.", 5, "os is a version"},
    {"os>=1.2.3.4.5", 5, "os is a version"},
    {"os>=99999", 5, "os is a version"},
    {"os<-1", 4, "os is a version"},
    {"last-seen>soon", 11, "last-seen is a time"},
    {"last-seen=7d", 10, "compared by < and >"},
    {"last-seen!=7d", 10, "compared by < and >"},
    {"last-seen~7d", 10, "last-seen is a time"},
    {"enrolled<2026-13-01", 10, "2026-01-31"},
    {"enrolled<2026-02-30", 10, "2026-01-31"},
    {"enrolled>0d", 10, "enrolled is a time"},
    {"group>a", 6, "group is compared by = and !="},
    {"app~x", 4, "app is compared by = and !="},
    {"profile=\"\"", 9, "the name of the profile is missing"},
    {"Größe=\"", 1, "there is no field"},
    {"name=\"Größe\" x=1", 14, "there is no field x"},
    // clang-format on
};

static const char *refusal_of(struct slice text) {
  struct roster_filter *f;
  ctx_clear_error(fx.cx);
  if (roster_filter(fx.cx, &f, text) != E_INVALID) fail_msg("%.*s is not refused", (int)text.n, text.p);
  return ctx_error_text(fx.cx);
}

/* Goal: each mistake has a sentence of its own that names its place, and a mark stands under it. */
static void test_refused(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
    const struct refused *r = &refusals[i];
    const char *said = refusal_of(slice_of(r->text));
    const char *place = ctx_printf(fx.cx, "at character %d: ", r->character);
    if (!strstr(said, place) || !strstr(said, r->part)) fail_msg("%s: %s", r->text, said);
    const char *mark = strrchr(said, '\n') + 1;
    assert_int_equal(strlen(mark), 2 + (size_t)r->character);
  }
}

/* Goal: what is too long, too deep or too much is refused, and so is what no terminal should show. */
static void test_bounds(void **state) {
  (void)state;
  char text[4100];
  struct roster_filter *f;
  memset(text, 'a', sizeof text);
  assert_non_null(strstr(refusal_of(slice_mem(text, 4001)), "at most 4000 bytes"));
  must(roster_filter(fx.cx, &f, slice_mem(text, 4000)));
  for (size_t i = 0; i < 17; i++) text[i] = '(';
  assert_non_null(strstr(refusal_of(slice_mem(text, 40)), "at most 16 deep"));
  for (int i = 0; i < 101; i++) memcpy(text + (size_t)i * 4, "a=b ", 4), text[i * 4] = 'w', text[i * 4 + 1] = ' ';
  assert_non_null(strstr(refusal_of(slice_mem(text, 404)), "at most 100 conditions"));
  assert_non_null(strstr(refusal_of(slice_of("name=a\x1b[31m")), "at byte 7: a control character"));
  assert_non_null(strstr(refusal_of(slice_of("name=\xff")), "not valid UTF-8"));
  assert_non_null(strstr(refusal_of(slice_mem("a\0b", 3)), "not valid UTF-8"));
  /* Of a long one only a piece is shown. */
  const char *said = refusal_of(slice_of(ctx_printf(fx.cx, "%0500d %0500d oss=1 %0500d", 1, 2, 3)));
  assert_non_null(strstr(said, "at character 1003"));
  assert_true(strlen(said) < 250);
}

/* ---- matching ---- */

static const struct roster_device *device_of(struct roster_draft *d) {
  struct roster_device *row = roster_pack(d);
  const struct roster_device *copy = roster_copy(fx.cx, row);
  free(row);
  return copy;
}

static const struct roster_device *a_mac(int64_t now) {
  struct roster_draft d = {.device = 7, .enrollment = 9, .last_seen = now - 3 * US_DAY};
  roster_draft_text(&d, ROSTER_ID, slice_of("UDID-1"));
  roster_draft_text(&d, ROSTER_NAME, slice_of("Anna's \"Lap\" Größe"));
  roster_draft_text(&d, ROSTER_SERIAL, slice_of("C02XY"));
  roster_draft_text(&d, ROSTER_PLATFORM, slice_of("macos"));
  roster_draft_text(&d, ROSTER_OS, slice_of("14.7.1"));
  roster_draft_text(&d, ROSTER_EMAIL, slice_of("anna@example.org"));
  roster_draft_flag(&d, ROSTER_SUPERVISED, true);
  roster_draft_flag(&d, ROSTER_FILEVAULT, false);
  roster_draft_number(&d, ROSTER_CAPACITY, 494384);
  roster_draft_number(&d, ROSTER_BATTERY, 0);
  roster_draft_number(&d, ROSTER_ENROLLED, INT64_C(1767225600) * US_SECOND); /* 2026-01-01 */
  return device_of(&d);
}

struct matched {
  const char *text;
  bool matches;
};

static const struct matched matches[] = {
    // clang-format off
    {"", true}, {"  ", true}, {"platform=macos", true}, {"platform=macOS", true}, {"platform!=macos", false}, {"platform=mac", false},
    {"platform~mac", true}, {"name~LAP", true}, {"name~größe", true}, {"name~grÖße", false}, {"name~Größe", true}, {"name=\"anna's \\\"lap\\\" Größe\"", true},
    {"anna", true}, {"ANNA", true}, {"c02", true}, {"udid-1", true}, {"example.org", true}, {"\"anna's \\\"\"", true}, {"laptop", false},
    {"anna c02", true}, {"anna laptop", false}, {"anna or laptop", true}, {"not laptop", true}, {"not not laptop", false},
    /* unknown texts */
    {"user=\"\"", true}, {"user!=\"\"", false}, {"user=x", false}, {"user!=x", true}, {"user~x", false}, {"not user=x", true}, {"name=\"\"", false},
    /* flags */
    {"supervised", true}, {"supervised=on", true}, {"supervised=YES", true}, {"supervised=off", false}, {"supervised=unknown", false},
    {"filevault", false}, {"not filevault", true}, {"filevault=off", true}, {"filevault=0", true}, {"filevault!=on", true}, {"filevault!=unknown", true},
    {"firewall", false}, {"firewall=off", false}, {"firewall!=on", true}, {"firewall!=off", true}, {"firewall=unknown", true}, {"not firewall", true},
    /* versions */
    {"os=14", true}, {"os=14.7", true}, {"os=14.7.1", true}, {"os=14.7.1.0", true}, {"os=14.7.2", false}, {"os=1", false}, {"os!=14", false}, {"os!=15", true},
    {"os>14", true}, {"os>=14.7.1", true}, {"os>14.7.1", false}, {"os<14.10", true}, {"os<15", true}, {"os<=14", false}, {"os~14.7", true}, {"os=unknown", false},
    {"build=unknown", false}, {"build=\"\"", true}, {"os = 14", true}, {"OS>=14", true},
    /* numbers */
    {"capacity>494", true}, {"capacity>=494.384", true}, {"capacity>494.384", false}, {"capacity<1000", true}, {"capacity=494.384", true}, {"capacity!=5", true},
    {"battery=0", true}, {"battery<0.1", true}, {"battery>-0.5", true}, {"free-space<1", false}, {"free-space>1", false}, {"free-space=unknown", true},
    {"free-space!=1", true}, {"free_space=unknown", true},
    /* times */
    {"last-seen>2d", true}, {"last-seen>4d", false}, {"last-seen<4d", true}, {"last-seen<=72h", true}, {"last-seen=unknown", false},
    {"inventory>1d", false}, {"inventory<1d", false}, {"inventory=unknown", true}, {"not inventory<1d", true},
    {"enrolled=2026-01-01", true}, {"enrolled!=2026-01-01", false}, {"enrolled>=2026-01-01", true}, {"enrolled>2026-01-01", false}, {"enrolled<=2026-01-01", true},
    {"enrolled<2026-01-01", false}, {"enrolled<2026-01-02", true}, {"enrolled>2025-12-31", true}, {"enrolled=2025-12-31", false}, {"enrolled<=2025-12-31", false},
    {"enrolled=2026-01-01T00:00:00Z", true}, {"enrolled<2026-01-01T00:00:01Z", true},
    /* how they hang together */
    {"platform=ios or platform=macos and os=14", true}, {"(platform=ios or platform=macos) and os=15", false}, {"platform=ios or os=15 or supervised", true},
    {"platform=macos,os>=14,supervised", true}, {"platform=macos os=15", false}, {"not (platform=ios or os=15)", true}, {"not platform=ios os=14", true},
    {"NOT platform=ios AND (os=14)", true}, {"((((os=14))))", true},
    /* sets: there are none here */
    {"group=a", false}, {"group!=a", true}, {"app=com.example.x", false}, {"not profile=x", true},
    // clang-format on
};

/* Goal: each type and each operator, with values that are known and that are not. */
static void test_matches(void **state) {
  (void)state;
  int64_t now = clock_now_us();
  const struct roster_device *mac = a_mac(now);
  for (size_t i = 0; i < sizeof matches / sizeof *matches; i++) {
    struct roster_filter *f;
    must(roster_filter(fx.cx, &f, slice_of(matches[i].text)));
    must(roster_ready(fx.cx, reader(), &fx.core, f));
    if (roster_match(f, mac, now) != matches[i].matches) fail_msg("%s", matches[i].text);
  }
}

static enum err find_set(struct ctx *cx, struct db *db, struct core *core, const char *field, const char *value,
                         int64_t **devices, size_t *n) {
  static int64_t some[] = {1, 5, 7, 8, 100};
  (void)db, (void)core;
  if (strcmp(value, "none") == 0) return FAIL(cx, E_NOT_FOUND, "there is no %s %s", field, value);
  *devices = some;
  *n = strcmp(value, "without") == 0 ? 2 : 5;
  return OK;
}

/* Goal: what stands outside of the roster is asked once, and a group that there is not is told. */
static void test_sets(void **state) {
  (void)state;
  static const struct roster_sets sets = {find_set};
  static const struct matched rows[] = {{"group=with", true},
                                        {"group!=with", false},
                                        {"group=without", false},
                                        {"app=with and profile=with", true},
                                        {"not group=\"with\"", false}};
  int64_t now = clock_now_us();
  struct roster_filter *f;
  const struct roster_device *mac = a_mac(now);
  roster_outside = &sets;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    must(roster_filter(fx.cx, &f, slice_of(rows[i].text)));
    must(roster_ready(fx.cx, reader(), &fx.core, f));
    if (roster_match(f, mac, now) != rows[i].matches) fail_msg("%s", rows[i].text);
  }
  must(roster_filter(fx.cx, &f, slice_of("os=1 and not (group=none)")));
  assert_int_equal(roster_ready(fx.cx, reader(), &fx.core, f), E_NOT_FOUND);
  ctx_clear_error(fx.cx);
  roster_outside = NULL;
}

/* Goal: a rule of a group is made of what only an answer or an operator changes. */
static void test_steady(void **state) {
  (void)state;
  static const char *const unsteady[] = {"last-seen>7d",       "os=14 and not (supervised or enrolled<1d)",
                                         "inventory<1d",       "verdict=blocked",
                                         "compliance=failing", "(group=a)"};
  struct roster_filter *f;
  must(roster_filter(fx.cx, &f, slice_of("platform=macos and (os>=14 or supervised) app=com.example.x laptop")));
  must(roster_filter_steady(fx.cx, f));
  must(roster_filter(fx.cx, &f, slice_of("")));
  must(roster_filter_steady(fx.cx, f));
  for (size_t i = 0; i < sizeof unsteady / sizeof *unsteady; i++) {
    must(roster_filter(fx.cx, &f, slice_of(unsteady[i])));
    assert_int_equal(roster_filter_steady(fx.cx, f), E_INVALID);
    ctx_clear_error(fx.cx);
  }
}

/* Goal: platforms by what devices call themselves, and versions that compare as versions do. */
static void test_platforms(void **state) {
  (void)state;
  static const struct {
    const char *product;
    enum platform platform;
  } rows[] = {
      {"Mac16,10", PLATFORM_MACOS},      {"MacBookPro18,1", PLATFORM_MACOS}, {"iMac21,1", PLATFORM_MACOS},
      {"VirtualMac2,1", PLATFORM_MACOS}, {"iPhone17,1", PLATFORM_IOS},       {"iPad", PLATFORM_IOS},
      {"iPod9,1", PLATFORM_IOS},         {"AppleTV14,1", PLATFORM_TVOS},     {"RealityDevice14,1", PLATFORM_VISIONOS},
      {"Watch7,9", PLATFORM_WATCHOS},    {"Toaster1,1", PLATFORM_UNKNOWN},   {"", PLATFORM_UNKNOWN},
      {NULL, PLATFORM_UNKNOWN}};
  static const char *const ascending[] = {"",     "1",      "9.3.5", "18", "18.0.1",
                                          "18.1", "18.1.1", "18.10", "26", "32767.65535"};
  static const char *const none[] = {"n/a", "18.", ".18",   "18..1",   "18.1.1.1.1", "-1",
                                     "+1",  "18 ", "99999", "1.65536", "0x1"};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    assert_int_equal(platform_of(rows[i].product), rows[i].platform);
  for (size_t i = 1; i < sizeof ascending / sizeof *ascending; i++)
    assert_true(platform_version(slice_of(ascending[i - 1])) < platform_version(slice_of(ascending[i])));
  for (size_t i = 0; i < sizeof none / sizeof *none; i++) assert_int_equal(platform_version(slice_of(none[i])), -1);
  assert_int_equal(platform_version(slice_of("18.0")), platform_version(slice_of("18")));
  assert_int_equal(platform_named(slice_of("iPadOS")), PLATFORM_IOS);
  assert_int_equal(platform_named(slice_of("VisionOS")), PLATFORM_VISIONOS);
  assert_int_equal(platform_named(slice_of("windows")), PLATFORM_UNKNOWN);
  assert_string_equal(platform_word(PLATFORM_UNKNOWN), "unknown");
  assert_string_equal(platform_name(PLATFORM_TVOS), "tvOS");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_refused, fixture_open, fixture_close),
      cmocka_unit_test_setup_teardown(test_bounds, fixture_open, fixture_close),
      cmocka_unit_test_setup_teardown(test_matches, fixture_open, fixture_close),
      cmocka_unit_test_setup_teardown(test_sets, fixture_open, fixture_close),
      cmocka_unit_test_setup_teardown(test_steady, fixture_open, fixture_close),
      cmocka_unit_test_setup_teardown(test_platforms, fixture_open, fixture_close),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
