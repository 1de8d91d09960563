/* Answers of devices: what is kept, and what does not fit. */
#include "core_fixture.h"

#include "core/inventory_int.h"

static struct enroll_proof a;
static int asked; /* commands so far */

static int up(void **state) {
  int failed = fixture_open(state);
  asked = 0;
  a = enrolled("A");
  return failed;
}

static int64_t enrollment(void) { return count("SELECT seq FROM enrollment WHERE id = 'A'"); }

/* ---- what devices answer ---- */

static struct pl *answer(void) { return pl_new_dict(fx.cx); }

/* A command of this type is queued, handed out and acknowledged with these members. */
static void answers_to(const char *request_type, struct pl *m) {
  const char *uuid = ctx_printf(fx.cx, "C%d", ++asked);
  struct enqueue *q = ctx_alloc(fx.cx, sizeof *q);
  struct js *args = NULL;
  if (strcmp(request_type, "DeviceInformation") == 0)
    must(js_parse(fx.cx, slice_of("{\"Queries\":[\"UDID\"]}"), &args));
  q->id = "A";
  must(command_build(fx.cx, &q->command, request_type, args, uuid));
  must(in_job(enqueue_job, q));
  assert_string_equal(next_after(a, "A", "Idle", NULL), uuid);
  pl_set_string(m, "UDID", "A");
  pl_set_string(m, "Status", "Acknowledged");
  pl_set_string(m, "CommandUUID", uuid);
  assert_int_equal(put_report_of(a, m)->refusal, ENROLL_FINE);
}

static struct pl *app(const char *identifier, const char *version) {
  struct pl *p = pl_new_dict(fx.cx);
  pl_set_string(p, "Identifier", identifier);
  pl_set_string(p, "ShortVersion", version);
  return p;
}

static void tells_apps(struct pl *list) {
  struct pl *m = answer();
  pl_set(m, "InstalledApplicationList", list);
  answers_to("InstalledApplicationList", m);
}

static void tells(const char *key, const char *value) {
  struct pl *m = answer(), *r = pl_new_dict(fx.cx);
  pl_set_string(r, key, value);
  pl_set(m, "QueryResponses", r);
  answers_to("DeviceInformation", m);
}

/* ---- what is known ---- */

static struct inventory_stored stored(const char *request_type) {
  struct inventory_stored s;
  must(inventory_stored(fx.cx, reader(), enrollment(), request_type, &s));
  return s;
}

static struct inventory_items items(enum inventory_kind kind) {
  struct inventory_items in;
  must(inventory_items(fx.cx, reader(), enrollment(), kind, &in));
  return in;
}

static const char *text_of(const char *sql) {
  struct db_rows r;
  must(db_open_rows(fx.cx, reader(), &r, sql));
  const char *text = db_next(&r) ? db_text(&r, 0) : NULL;
  must(db_close(&r));
  return text ? text : "(none)";
}

static enum err run_sql(struct ctx *cx, struct db *db, void *sql) { return db_run(cx, db, (const char *)sql); }
static void run(const char *sql) { must(in_job(run_sql, (void *)(uintptr_t)sql)); }

/* A literal of its own for each statement. */
#define FACTS() text_of("SELECT facts FROM inventory")

/* ---- bad input ---- */

/* Goal: a string where a list belongs takes nothing away: the former list stays, the string is kept raw and counted;
   the next list is compared with the former one. */
static void string_for_a_list(void **state) {
  struct pl *list = pl_new_array(fx.cx), *m = answer();
  (void)state;
  pl_add(list, app("com.example.one", "1"));
  tells_apps(list);
  int64_t at = items(INVENTORY_APPS).at;
  pl_set_string(m, "InstalledApplicationList", "none");
  answers_to("InstalledApplicationList", m);
  struct inventory_stored s = stored("InstalledApplicationList");
  assert_int_equal(s.misfits, 1);
  struct js *raw = js_at(js_get(s.answer, "raw"), 0);
  assert_string_equal(js_str(raw, "at"), "InstalledApplicationList");
  assert_string_equal(js_str(raw, "value"), "none");
  assert_int_equal(js_count(js_get(s.answer, "InstalledApplicationList")), 1);
  assert_int_equal(items(INVENTORY_APPS).n, 1);
  assert_int_equal(items(INVENTORY_APPS).at, at);
  list = pl_new_array(fx.cx);
  pl_add(list, app("com.example.one", "1"));
  pl_add(list, app("com.example.two", "1"));
  tells_apps(list);
  assert_string_equal(text_of("SELECT group_concat(what) FROM inventory_change"), "app com.example.two");
}

/* Goal: an acknowledged answer that holds nothing of what was asked for is counted; a later good one mends that. */
static void nothing_told(void **state) {
  struct pl *list = pl_new_array(fx.cx);
  (void)state;
  answers_to("ProfileList", answer());
  assert_int_equal(stored("ProfileList").misfits, 1);
  assert_int_equal(items(INVENTORY_PROFILES).at, 0);
  struct pl *m = answer();
  pl_set(m, "ProfileList", list);
  answers_to("ProfileList", m);
  assert_int_equal(stored("ProfileList").misfits, 0);
  assert_true(items(INVENTORY_PROFILES).at > 0);
}

/* Goal: values of wrong types within items are kept raw where they stood, and the rest of the item stays. */
static void wrong_types_within(void **state) {
  struct pl *list = pl_new_array(fx.cx), *one = app("com.example.one", "1"), *two = pl_new_dict(fx.cx);
  (void)state;
  pl_set_string(one, "BundleSize", "large");
  pl_set(one, "Name", pl_new_array(fx.cx));
  pl_add(list, one);
  pl_add_int(list, 5);
  pl_set_int(two, "Identifier", 7);
  pl_add(list, two);
  tells_apps(list);
  struct inventory_stored s = stored("InstalledApplicationList");
  struct js *apps = js_get(s.answer, "InstalledApplicationList"), *raw = js_get(s.answer, "raw");
  assert_int_equal(s.misfits, 4);
  assert_int_equal(js_count(apps), 2);
  assert_string_equal(js_str(js_at(apps, 0), "ShortVersion"), "1");
  assert_null(js_get(js_at(apps, 0), "BundleSize"));
  const char *const at[] = {"InstalledApplicationList[0].BundleSize", "InstalledApplicationList[0].Name",
                            "InstalledApplicationList[1]", "InstalledApplicationList[2].Identifier"};
  assert_int_equal(js_count(raw), 4);
  for (size_t i = 0; i < 4; i++) {
    bool found = false;
    for (size_t k = 0; k < 4; k++) found = found || strcmp(js_str(js_at(raw, k), "at"), at[i]) == 0;
    if (!found) fail_msg("%s is not told", at[i]);
  }
  assert_int_equal(items(INVENTORY_APPS).n, 1);
}

/* Goal: 10,000 apps are cut to what there is room for, and how many there were is told; the next answer is taken as
   well, but what was cut is no ground to say what went. */
static void ten_thousand_apps(void **state) {
  struct pl *list = pl_new_array(fx.cx);
  int64_t told, kept;
  (void)state;
  for (int i = 0; i < 10000; i++) pl_add(list, app(ctx_printf(fx.cx, "com.example.app%d", i), "1.0"));
  tells_apps(list);
  struct inventory_stored s = stored("InstalledApplicationList");
  struct js *cut = js_at(js_get(s.answer, "truncated"), 0);
  assert_string_equal(js_str(cut, "at"), "InstalledApplicationList");
  assert_true(js_int(js_get(cut, "told"), &told) && told == 10000);
  assert_true(js_int(js_get(cut, "kept"), &kept) && kept == 5000);
  assert_int_equal(js_count(js_get(s.answer, "InstalledApplicationList")), 5000);
  assert_int_equal(items(INVENTORY_APPS).n, 5000);
  assert_int_equal(count("SELECT count(*) FROM device_app"), 5000);
  list = pl_new_array(fx.cx);
  pl_add(list, app("com.example.one", "1"));
  tells_apps(list);
  assert_int_equal(count("SELECT count(*) FROM device_app"), 1);
  assert_int_equal(count("SELECT count(*) FROM app"), 1);
  assert_int_equal(count("SELECT count(*) FROM inventory_change"), 0);
  tells_apps(pl_new_array(fx.cx));
  assert_int_equal(count("SELECT count(*) FROM inventory_change"), 1);
}

/* Goal: names and versions with ends of lines, tabs and nothing in them are compared as they are shown; names that are
   too long altogether are not compared. */
static void odd_entries(void **state) {
  char name[251] = {0};
  (void)state;
  for (int round = 0; round < 2; round++) {
    struct pl *list = pl_new_array(fx.cx);
    pl_add(list, app("com.example\nnext\tcolumn", "1\t2\n3"));
    pl_add(list, app("com.example.none", ""));
    if (round) pl_add(list, app("com.example.new", "\n"));
    tells_apps(list);
  }
  assert_string_equal(text_of("SELECT group_concat(what) FROM inventory_change"), "app com.example.new");
  memset(name, 'x', sizeof name - 1);
  for (int round = 0; round < 2; round++) {
    struct pl *list = pl_new_array(fx.cx);
    for (int i = round; i < 1500; i++) pl_add(list, app(ctx_printf(fx.cx, "%d%.240s", i, name), "1"));
    tells_apps(list);
  }
  assert_int_equal(count("SELECT count(*) FROM inventory_change c WHERE c.seq > 0"), 1);
}

/* Goal: what one answer and one device may take of the database is bounded: long texts, many values, data. */
static void bounded(void **state) {
  struct pl *list = pl_new_array(fx.cx);
  char *text = ctx_alloc(fx.cx, 100001);
  (void)state;
  memset(text, 'x', 100000);
  for (int i = 0; i < 100; i++) {
    struct pl *one = app(ctx_printf(fx.cx, "com.example.app%d", i), "1.0");
    pl_set_string(one, "Name", text);
    pl_set_string(one, ctx_printf(fx.cx, "%.300s", text), "a long key");
    pl_add(list, one);
  }
  tells_apps(list);
  assert_true(count("SELECT max(length(answer)) FROM inventory_answer") < 600000);
  assert_int_equal(stored("InstalledApplicationList").misfits, 100);
  assert_int_equal(js_count(js_get(stored("InstalledApplicationList").answer, "raw")), 20);
}

/* Goal: an icon of 5 MB is its size, a certificate its size and hash. */
static void data_is_its_size(void **state) {
  struct pl *list = pl_new_array(fx.cx), *one = app("com.example.one", "1");
  char *icon = ctx_alloc(fx.cx, 5 << 20);
  int64_t n;
  (void)state;
  pl_set_data(one, "Icon", slice_mem(icon, 5 << 20));
  pl_set_data(one, "Seal", slice_of("abc"));
  pl_add(list, one);
  tells_apps(list);
  struct js *it = js_at(js_get(stored("InstalledApplicationList").answer, "InstalledApplicationList"), 0);
  assert_true(js_int(js_get(js_get(it, "Icon"), "bytes"), &n) && n == 5 << 20);
  assert_null(js_get(js_get(it, "Icon"), "sha256"));
  assert_string_equal(js_str(js_get(it, "Seal"), "sha256"),
                      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* Goal: names of every kind of Unicode come back as they were; facts and names of devices are fit for tables. */
static void odd_names(void **state) {
  static const char *const names[] = {"\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x92\xBB",
                                      "quote \" back \\ slash / <&>",
                                      "line\nbreak\ttab",
                                      "\xE2\x80\xAEtxt.exe",
                                      "\xC2\x85next",
                                      "e\xCC\x81\xCC\x81\xCC\x81",
                                      "\xEF\xBB\xBF",
                                      "\xF4\x8F\xBF\xBF"};
  (void)state;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    tells("DeviceName", names[i]);
    struct inventory_stored s = stored("DeviceInformation");
    assert_int_equal(s.misfits, 0);
    assert_string_equal(js_str(js_get(s.answer, "QueryResponses"), "DeviceName"), names[i]);
    assert_true(text_is_plain(slice_of(text_of("SELECT device_name FROM device"))));
  }
  assert_string_equal(text_of("SELECT device_name AS n FROM device"), names[7]);
}

/* Goal: nesting and huge dictionaries are cut off, not refused. */
static void deep_and_wide(void **state) {
  struct pl *m = answer(), *r = pl_new_dict(fx.cx), *deep = pl_new_dict(fx.cx), *in = deep, *wide = pl_new_dict(fx.cx);
  (void)state;
  for (int i = 0; i < 40; i++) {
    struct pl *next = pl_new_dict(fx.cx);
    pl_set(in, "d", next);
    in = next;
  }
  for (int i = 0; i < 2500; i++) pl_set_int(wide, ctx_printf(fx.cx, "key%d", i), i);
  pl_set(r, "Deep", deep);
  pl_set(r, "Wide", wide);
  pl_set(m, "QueryResponses", r);
  answers_to("DeviceInformation", m);
  struct js *known = js_get(stored("DeviceInformation").answer, "QueryResponses");
  assert_int_equal(js_count(js_get(known, "Wide")), 2000);
  assert_int_equal(js_count(js_get(stored("DeviceInformation").answer, "truncated")), 2);
}

/* Goal: a device that tells other keys each time does not grow without end. */
static void keys_without_end(void **state) {
  (void)state;
  for (int k = 0; k < 3; k++) {
    struct pl *m = answer(), *r = pl_new_dict(fx.cx);
    for (int i = 0; i < 1900; i++) pl_set_int(r, ctx_printf(fx.cx, "key%d-%d", k, i), i);
    pl_set(m, "QueryResponses", r);
    answers_to("DeviceInformation", m);
  }
  assert_true(js_count(js_get(stored("DeviceInformation").answer, "QueryResponses")) <= 4000);
}

/* Goal: secrets are kept nowhere in the inventory, whatever shape they come in. */
static void secrets_are_dropped(void **state) {
  struct pl *m = answer(), *info = pl_new_dict(fx.cx), *nested = pl_new_dict(fx.cx), *odd = answer();
  (void)state;
  fixture_keyring("mdm.example.org");
  pl_set_data(info, "FDE_PersonalRecoveryKeyCMS", slice_of("SECRET-1"));
  pl_set_bool(info, "FDE_Enabled", true);
  pl_set_string(nested, "UnlockToken", "SECRET-2");
  pl_set_string(nested, "FDE_PersonalRecoveryKeyCMS", "SECRET-3");
  pl_set(info, "Unknown", nested);
  pl_set(info, "FDE_HasPersonalRecoveryKey", nested);
  pl_set(m, "SecurityInfo", info);
  pl_set_string(m, "ActivationLockBypassCode", "SECRET-4");
  answers_to("SecurityInfo", m);
  struct pl *list = pl_new_array(fx.cx), *again = pl_new_dict(fx.cx);
  pl_set_string(again, "FDE_PersonalRecoveryKeyCMS", "SECRET-5");
  pl_add(list, again);
  pl_set(odd, "SecurityInfo", list);
  answers_to("SecurityInfo", odd);
  assert_int_equal(count("SELECT count(*) FROM inventory_answer WHERE instr(CAST(answer AS TEXT), 'SECRET-') > 0"), 0);
  assert_int_equal(count("SELECT count(*) FROM inventory WHERE instr(facts, 'SECRET-') > 0"), 0);
  assert_int_equal(count("SELECT count(*) FROM event WHERE instr(data, 'SECRET-') > 0"), 0);
  assert_int_equal(stored("SecurityInfo").misfits, 1);
  for (const struct inventory_shape *s = NULL; (s = inventory_shape_next(s));)
    for (const struct inventory_shape *k = s + 1; k->depth > 0; k++)
      if (k->type == INVENTORY_SECRET && !inventory_is_secret(k->name)) fail_msg("%s is no secret elsewhere", k->name);
}

/* Goal: what is stored and does not open any more is as if it had never come. */
static void damaged_rows(void **state) {
  (void)state;
  tells("HostName", "one");
  run("UPDATE inventory_answer SET answer = 'rubbish'");
  run("UPDATE inventory SET facts = '['");
  tells("HostName", "two");
  assert_string_equal(js_str(js_get(stored("DeviceInformation").answer, "QueryResponses"), "HostName"), "two");
  assert_string_equal(FACTS(), "{\"hostname\":\"two\"}");
}

/* ---- what is kept ---- */

/* Goal: DeviceInformation is merged by its queries; facts and the row of the device follow it. */
static void merged_by_queries(void **state) {
  struct pl *m = answer(), *r = pl_new_dict(fx.cx);
  (void)state;
  pl_set_string(r, "OSVersion", "17.1");
  pl_set_string(r, "ProductName", "iPad14,1");
  pl_set_bool(r, "IsMultiUser", true);
  pl_set_real(r, "DeviceCapacity", 64.5);
  pl_set(m, "QueryResponses", r);
  answers_to("DeviceInformation", m);
  tells("BuildVersion", "21B80");
  struct js *known = js_get(stored("DeviceInformation").answer, "QueryResponses");
  assert_string_equal(js_str(known, "OSVersion"), "17.1");
  assert_string_equal(js_str(known, "BuildVersion"), "21B80");
  assert_string_equal(FACTS(), "{\"capacity\":64.5,\"shared-ipad\":true}");
  assert_int_equal(
      count("SELECT count(*) FROM device WHERE os_version = '17.1' AND build_version = '21B80' AND product_name = "
            "'iPad14,1'"),
      1);
  assert_int_equal(count("SELECT count(*) FROM inventory WHERE taken_at > 0"), 1);
}

/* Goal: Restrictions and SecurityInfo are told whole: what is gone from them is gone. */
static void told_whole(void **state) {
  struct pl *m = answer(), *g = pl_new_dict(fx.cx);
  (void)state;
  pl_set(g, "restrictedBool", pl_new_dict(fx.cx));
  pl_set(m, "GlobalRestrictions", g);
  answers_to("Restrictions", m);
  assert_int_equal(js_count(js_get(stored("Restrictions").answer, "GlobalRestrictions")), 1);
  m = answer();
  pl_set(m, "GlobalRestrictions", pl_new_dict(fx.cx));
  answers_to("Restrictions", m);
  assert_int_equal(js_count(js_get(stored("Restrictions").answer, "GlobalRestrictions")), 0);
}

/* Goal: what came, changed and went is told once, by name, in the history and as one event; the same again is no
   change but a newer inventory. */
static void history(void **state) {
  struct pl *list = pl_new_array(fx.cx);
  (void)state;
  pl_add(list, app("com.example.goes", "1"));
  pl_add(list, app("com.example.stays", "1"));
  pl_add(list, app("com.example.updates", "1"));
  tells_apps(list);
  assert_int_equal(count("SELECT count(*) FROM inventory_change"), 0);
  list = pl_new_array(fx.cx);
  pl_add(list, app("com.example.comes", "4"));
  pl_add(list, app("com.example.updates", "2"));
  pl_add(list, app("com.example.stays", "1"));
  clock_shift(US_HOUR);
  tells_apps(list);
  assert_int_equal(count("SELECT count(*) FROM inventory_change"), 3);
  assert_int_equal(
      count("SELECT count(*) FROM inventory_change WHERE what = 'app com.example.updates' AND was = '1' AND "
            "is_now = '2'"),
      1);
  assert_int_equal(
      count("SELECT count(*) FROM inventory_change WHERE what = 'app com.example.goes' AND is_now IS NULL"), 1);
  assert_int_equal(count("SELECT count(*) FROM inventory_change WHERE what = 'app com.example.comes' AND was IS NULL"),
                   1);
  assert_int_equal(count("SELECT count(*) FROM event WHERE kind = 'inventory.changed'"), 1);
  assert_int_equal(count("SELECT count(*) FROM device_app x JOIN app y ON y.seq = x.app"), 3);
  struct inventory_stored before = stored("InstalledApplicationList");
  clock_shift(2 * US_HOUR);
  list = pl_new_array(fx.cx);
  pl_add(list, app("com.example.comes", "4"));
  pl_add(list, app("com.example.updates", "2"));
  pl_add(list, app("com.example.stays", "1"));
  tells_apps(list);
  assert_int_equal(count("SELECT count(*) FROM inventory_change"), 3);
  struct inventory_stored after = stored("InstalledApplicationList");
  assert_int_equal(after.changed_at, before.changed_at);
  assert_true(after.at > before.at);
  assert_int_equal(items(INVENTORY_APPS).at, after.at);
}

/* Goal: an update of the OS is seen; what changes every day by itself is no news. */
static void facts_change(void **state) {
  (void)state;
  for (int i = 0; i < 2; i++) {
    struct pl *m = answer(), *r = pl_new_dict(fx.cx);
    pl_set_string(r, "OSVersion", i ? "18.1" : "17.1");
    pl_set_bool(r, "IsRoaming", i);
    pl_set_real(r, "BatteryLevel", i ? 0.5 : 0.7);
    pl_set(m, "QueryResponses", r);
    answers_to("DeviceInformation", m);
  }
  assert_int_equal(count("SELECT count(*) FROM inventory_change"), 2);
  assert_int_equal(
      count("SELECT count(*) FROM inventory_change WHERE what = 'os' AND was = '17.1' AND is_now = '18.1'"), 1);
  assert_int_equal(count("SELECT count(*) FROM inventory_change WHERE what = 'roaming' AND is_now = 'on'"), 1);
}

/* Goal: managed apps by their states; profiles by their UUIDs in upper case. */
static void packed(void **state) {
  static const struct {
    const char *word;
    enum inventory_app_status status;
  } states[] = {{"Managed", INVENTORY_APP_MANAGED},
                {"Installing", INVENTORY_APP_WORKING},
                {"PromptingForLogin", INVENTORY_APP_WAITS_FOR_LOGIN},
                {"Failed", INVENTORY_APP_FAILED},
                {"UserInstalledApp", INVENTORY_APP_OTHER}};
  struct pl *m = answer(), *apps = pl_new_dict(fx.cx), *profiles = answer(), *list = pl_new_array(fx.cx);
  (void)state;
  for (size_t i = 0; i < 5; i++) {
    struct pl *one = pl_new_dict(fx.cx);
    pl_set_string(one, "Status", states[i].word);
    pl_set(apps, states[i].word, one);
  }
  pl_set(m, "ManagedApplicationList", apps);
  answers_to("ManagedApplicationList", m);
  struct inventory_items in = items(INVENTORY_MANAGED_APPS);
  assert_int_equal(in.n, 5);
  for (size_t i = 0; i < 5; i++)
    assert_int_equal(inventory_find(&in, inventory_hash(slice_of(states[i].word)))->status, states[i].status);
  struct pl *p = pl_new_dict(fx.cx);
  pl_set_string(p, "PayloadIdentifier", "com.example.wifi");
  pl_set_string(p, "PayloadUUID", "0a1b2c3d-0000-4000-8000-00000000000f");
  pl_add(list, p);
  pl_set(profiles, "ProfileList", list);
  answers_to("ProfileList", profiles);
  in = items(INVENTORY_PROFILES);
  assert_int_equal(in.n, 1);
  assert_true(in.items[0].version == inventory_hash(slice_of("0A1B2C3D-0000-4000-8000-00000000000F")));
}

/* Goal: a part of a list is not taken for the list. */
static void parts(void **state) {
  struct pl *list = pl_new_array(fx.cx), *m = answer();
  struct js *args;
  struct enqueue *q = ctx_alloc(fx.cx, sizeof *q);
  (void)state;
  pl_add(list, app("com.example.one", "1"));
  pl_add(list, app("com.example.two", "1"));
  tells_apps(list);
  must(js_parse(fx.cx, slice_of("{\"Identifiers\":[\"com.example.one\"]}"), &args));
  q->id = "A";
  must(command_build(fx.cx, &q->command, "InstalledApplicationList", args, "PART"));
  must(in_job(enqueue_job, q));
  assert_string_equal(next_after(a, "A", "Idle", NULL), "PART");
  list = pl_new_array(fx.cx);
  pl_add(list, app("com.example.one", "1"));
  pl_set(m, "InstalledApplicationList", list);
  pl_set_string(m, "UDID", "A");
  pl_set_string(m, "Status", "Acknowledged");
  pl_set_string(m, "CommandUUID", "PART");
  (void)put_report_of(a, m);
  assert_int_equal(items(INVENTORY_APPS).n, 2);
}

/* Goal: an Error, a repeat and an answer to something else change nothing. */
static void not_answers(void **state) {
  struct pl *m = answer(), *r = pl_new_dict(fx.cx);
  (void)state;
  pl_set_string(r, "HostName", "mac");
  pl_set(m, "QueryResponses", r);
  answers_to("SecurityInfo", m);
  assert_int_equal(stored("SecurityInfo").misfits, 1);
  assert_string_equal(FACTS(), "{}");
  pl_set_string(m, "CommandUUID", "unknown");
  (void)put_report_of(a, m);
  enqueue("A", "ProfileList", "E1");
  assert_string_equal(next_after(a, "A", "Idle", NULL), "E1");
  m = answer();
  pl_set(m, "ProfileList", pl_new_array(fx.cx));
  pl_set_string(m, "UDID", "A");
  pl_set_string(m, "Status", "Error");
  pl_set_string(m, "CommandUUID", "E1");
  (void)put_report_of(a, m);
  assert_int_equal(count("SELECT count(*) FROM inventory_answer"), 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, up, fixture_close)
      TEST(string_for_a_list),
      TEST(nothing_told),
      TEST(wrong_types_within),
      TEST(ten_thousand_apps),
      TEST(odd_entries),
      TEST(bounded),
      TEST(data_is_its_size),
      TEST(odd_names),
      TEST(deep_and_wide),
      TEST(keys_without_end),
      TEST(secrets_are_dropped),
      TEST(damaged_rows),
      TEST(merged_by_queries),
      TEST(told_whole),
      TEST(history),
      TEST(facts_change),
      TEST(packed),
      TEST(parts),
      TEST(not_answers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
