#include "checkin_world.h"

/* ---- what is no message ---- */

#define XML(dict) "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<plist version=\"1.0\">" dict "</plist>"
#define ABOUT(id) XML("<dict><key>MessageType</key><string>CheckOut</string>" id "</dict>")

/* Bodies that are no check-in of anybody change nothing. */
static void test_nonsense(void **state) {
  (void)state;
  static const char *const bodies[] = {
      "",
      "junk",
      "<",
      "bplist00",
      XML("<array/>"),
      XML("<string>CheckOut</string>"),
      XML("<dict/>"),
      XML("<dict><key>MessageType</key>"),
      ABOUT(""),
      ABOUT("<key>UDID</key><string></string>"),
      ABOUT("<key>UDID</key><string>..</string>"),
      ABOUT("<key>UDID</key><string>A,B</string>"),
      ABOUT("<key>UDID</key><string>A:B</string>"),
      ABOUT("<key>UDID</key><string>A\nB</string>"),
      ABOUT("<key>UDID</key><string>A&#0;</string>"),
      ABOUT("<key>UDID</key><integer>1</integer>"),
      ABOUT("<key>UDID</key><array><string>A</string></array>"),
      ABOUT("<key>UDID</key><integer>1</integer><key>EnrollmentID</key><string>A</string>"),
      ABOUT("<key>UDID</key><string>A</string><key>UserID</key><data>QQ==</data>"),
      ABOUT("<key>UDID</key><string>A</string><key>UserID</key><string></string>"),
      ABOUT("<key>UDID</key><string>A</string><key>UserID</key><string>..</string>"),
      ABOUT("<key>EnrollmentID</key><string>A</string><key>EnrollmentUserID</key><true/>"),
      XML("<dict><key>MessageType</key><integer>1</integer><key>UDID</key><string>A</string></dict>"),
      XML("<dict><key>MessageType</key><string>checkout</string><key>UDID</key><string>A</string></dict>"),
      "<?xml version=\"1.0\"?><!DOCTYPE plist [<!ENTITY e \"A\">]><plist version=\"1.0\"><dict><key>MessageType</key>"
      "<string>CheckOut</string><key>UDID</key><string>&e;</string></dict></plist>",
  };
  struct enroll_proof p = enrolled("A");
  for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) put(p, slice_of(bodies[i]), E_INVALID);
  char longest[301];
  memset(longest, 'A', 300);
  longest[300] = '\0';
  refused_as_nonsense(p, message("CheckOut", longest));
  assert_int_equal(count("SELECT count(*) FROM device"), 1);
  assert_int_equal(count("SELECT count(*) FROM device WHERE checked_out_at IS NOT NULL"), 0);
}

/* A message that lacks what it must have, or has it in another type, changes nothing. */
static void test_keys_of_a_wrong_type(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  refused_as_nonsense(p, of_user(message("Authenticate", "A")));
  struct pl *topicless = pl_new_dict(fx.cx);
  pl_set_string(topicless, "MessageType", "Authenticate");
  pl_set_string(topicless, "UDID", "B");
  refused_as_nonsense(new_identity("B"), topicless);
  static const char *const must_have[] = {"Topic", "Token", "PushMagic", "UnlockToken"};
  for (size_t i = 0; i < sizeof must_have / sizeof *must_have; i++) {
    struct pl *m = token_update_of("A", "t");
    pl_set_int(m, must_have[i], 1);
    refused_as_nonsense(p, m);
  }
  struct pl *m = message("SetBootstrapToken", "A");
  pl_set_string(m, "BootstrapToken", "text");
  refused_as_nonsense(p, m);
  char *large = ctx_alloc(fx.cx, 16385);
  memset(large, 'x', 16385);
  pl_set_data(m, "BootstrapToken", slice_mem(large, 16385));
  refused_as_nonsense(p, m);
  refused_as_nonsense(p, of_user(message("SetBootstrapToken", "A")));
  refused_as_nonsense(p, of_user(message("GetBootstrapToken", "A")));
  refused_as_nonsense(p, of_user(message("ReturnToService", "A")));
  refused_as_nonsense(p, message("UserAuthenticate", "A"));
  refused_as_nonsense(p, message("GetToken", "A"));
  m = message("GetToken", "A");
  pl_set_int(m, "TokenServiceType", 1);
  refused_as_nonsense(p, m);
  assert_int_equal(count("SELECT token_update_tally FROM enrollment WHERE id = 'A'"), 1);
  assert_int_equal(count("SELECT count(*) FROM generation WHERE bootstrap_token_sealed IS NOT NULL"), 0);
  assert_int_equal(count("SELECT count(*) FROM device"), 1);
}

static const char *const types[] = {
#define CHECKIN(type, prefix, when) #type,
#include "core/checkin.def"
#undef CHECKIN
};
enum { TYPES = sizeof types / sizeof *types };

/* No message of any type is taken for a device that the identity does not speak for. */
static void test_strangers(void **state) {
  (void)state;
  struct enroll_proof owner = enrolled("A"), other = enrolled("B"), unknown = new_identity("C");
  struct pl *m = message("SetBootstrapToken", "A");
  pl_set_data(m, "BootstrapToken", slice_of("mine"));
  accepted_empty(say(owner, m));
  for (int i = 0; i < TYPES; i++) {
    assert_int_equal(say(other, example(types[i], "A"))->refusal, ENROLL_MISUSED);
    assert_int_not_equal(say(unknown, example(types[i], "A"))->refusal, ENROLL_FINE);
    if (strcmp(types[i], "Authenticate") == 0) continue;
    assert_int_not_equal(say(unknown, example(types[i], "nobody"))->refusal, ENROLL_FINE);
  }
  assert_int_equal(count("SELECT count(*) FROM ddm_status"), 0);
  assert_int_equal(count("SELECT count(*) FROM event WHERE kind = 'identity.misused'"), 1);
  struct slice token;
  assert_true(pl_data(pl_get(answer_of(say_type(owner, "GetBootstrapToken")), "BootstrapToken"), &token));
  assert_true(slice_is(token, "mine"));
}

/* An identity that has ended is woken and may leave; it is served nothing. */
static void test_ended_identity(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  p.expired = true;
  for (int i = 0; i < TYPES; i++) {
    bool taken = strcmp(types[i], "TokenUpdate") == 0 || strcmp(types[i], "CheckOut") == 0;
    if (strcmp(types[i], "CheckOut") != 0)
      assert_int_equal(say(p, example(types[i], "A"))->refusal, taken ? ENROLL_FINE : ENROLL_EXPIRED);
  }
  assert_int_equal(count("SELECT count(*) FROM ddm_status"), 0);
  assert_int_equal(count("SELECT count(*) FROM generation"), 1);
  accepted_empty(say_type(p, "CheckOut"));
  assert_int_equal(count("SELECT count(*) FROM device WHERE checked_out_at IS NOT NULL"), 1);
}

/* After its CheckOut a device hears nothing, and nothing that it says is kept. */
static void test_after_checkout(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  accepted_empty(say(p, example("SetBootstrapToken", "A")));
  accepted_empty(say_type(p, "CheckOut"));
  for (int i = 0; i < TYPES; i++)
    if (strcmp(types[i], "Authenticate") != 0) accepted_empty(say(p, example(types[i], "A")));
  assert_int_equal(count("SELECT count(*) FROM ddm_status"), 0);
  assert_int_equal(count("SELECT enabled FROM enrollment"), 0);
  assert_int_equal(count("SELECT count(*) FROM event WHERE kind = 'device.seen-after-checkout'"), 1);
}

/* ---- users ---- */

/* A network user is declined, for this login, unless the operator manages all of them. */
static void test_user_authenticate(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  struct pl *first = of_user(message("UserAuthenticate", "A")), *second = of_user(message("UserAuthenticate", "A"));
  pl_set_string(second, "DigestResponse", "Digest username=\"rosa\"");
  assert_int_equal(say(p, first)->status, 410);
  assert_int_equal(say(p, second)->status, 410);
  fx.conf.user_auth_empty = true;
  const struct checkin *c = say(p, first);
  assert_string_equal(pl_str(answer_of(c), "DigestChallenge"), "");
  accepted_empty(say(p, second));
  assert_int_equal(count("SELECT count(*) FROM enrollment"), 1); /* its channel begins with its TokenUpdate */
}

/* A user may come as soon as its device has authenticated, before the device's own TokenUpdate, and stays. */
static void test_user_before_its_device(void **state) {
  (void)state;
  struct enroll_proof p = new_identity("A");
  assert_int_not_equal(say(p, of_user(token_update_of("A", "user")))->refusal, ENROLL_FINE);
  for (int turn = 0; turn < 2; turn++) { /* the second one is installed over the first */
    assert_int_equal(authenticate(p, "A", NULL), ENROLL_FINE);
    assert_int_equal(say(p, of_user(token_update_of("A", turn ? "user 2" : "user 1")))->tally, turn ? 3 : 1);
    assert_int_equal(say(p, token_update_of("A", "device"))->tally, 1);
    assert_int_equal(count("SELECT count(*) FROM enrollment WHERE enabled = 1 AND token_update_tally = 1"), 2);
    assert_int_equal(say(p, token_update_of("A", "device"))->tally, 2);
    assert_int_equal(say(p, of_user(token_update_of("A", "user")))->tally, 2);
  }
  assert_int_equal(count("SELECT count(*) FROM held_token"), 0);
}

/* Of a coming enrollment that is not in force yet, users wait with their device, and disturb nobody. */
static void test_user_of_a_coming_enrollment(void **state) {
  (void)state;
  struct enroll_proof first = enrolled("A"), second = new_identity("second");
  accepted_empty(say(first, of_user(token_update_of("A", "first"))));
  release("A");
  assert_int_equal(authenticate(second, "A", NULL), ENROLL_FINE);
  assert_int_equal(say(second, of_user(token_update_of("A", "second")))->tally, 1);
  assert_int_equal(count("SELECT count(*) FROM enrollment WHERE id = 'A:USER' AND token = CAST('first' AS BLOB)"), 1);
  assert_int_equal(say(second, token_update_of("A", "t"))->tally, 1);
  assert_int_equal(count("SELECT count(*) FROM enrollment WHERE id = 'A:USER' AND token = CAST('second' AS BLOB) AND "
                         "enabled = 1 AND token_update_tally = 1"),
                   1);
}

/* What a user says cannot change what is the device's. */
static void test_users_have_no_unlock_token(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  struct pl *m = of_user(token_update_of("A", "user"));
  pl_set_data(m, "UnlockToken", slice_of("unlock"));
  pl_set_bool(m, "AwaitingConfiguration", true);
  pl_set_string(m, "AuthToken", "token");
  pl_set_bool(m, "NotOnConsole", true);
  assert_int_equal(say(p, m)->tally, 1);
  assert_int_equal(
      count("SELECT count(*) FROM generation WHERE unlock_token_sealed IS NOT NULL OR awaiting_configuration = 1"), 0);
}

/* A user's CheckOut ends that user's channel alone; the device's ends all of them. What is queued stays. */
static void test_check_out_of_a_user(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  accepted_empty(say(p, of_user(message("CheckOut", "A")))); /* of one that never was */
  assert_int_equal(count("SELECT count(*) FROM event WHERE kind = 'device.checked-out'"), 0);
  accepted_empty(say(p, of_user(token_update_of("A", "user"))));
  enqueue("A:USER", "ProfileList", "1");
  accepted_empty(say(p, of_user(message("CheckOut", "A"))));
  assert_int_equal(count("SELECT count(*) FROM enrollment WHERE id = 'A' AND enabled = 1"), 1);
  assert_int_equal(count("SELECT count(*) FROM enrollment WHERE id = 'A:USER' AND enabled = 0"), 1);
  assert_int_equal(count("SELECT count(*) FROM wake WHERE due_at IS NOT NULL AND enrollment = 2"), 0);
  accepted_empty(say(p, of_user(token_update_of("A", "user"))));
  accepted_empty(say_type(p, "CheckOut"));
  assert_int_equal(count("SELECT count(*) FROM enrollment WHERE enabled = 1"), 0);
  assert_int_equal(count("SELECT count(*) FROM target WHERE waiting = 1"), 1);
}

/* What waits for users is cleared with what waits for their device, when it is installed anew. */
static void test_children_are_cleared_with_their_parent(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  accepted_empty(say(p, of_user(token_update_of("A", "user"))));
  accepted_empty(say(p, of_user(example("DeclarativeManagement", "A"))));
  accepted_empty(say(p, example("DeclarativeManagement", "A")));
  enqueue("A:USER", "ProfileList", "1");
  enqueue("A", "ProfileList", "2");
  assert_int_equal(count("SELECT count(*) FROM ddm_status"), 2);
  assert_int_equal(authenticate(p, "A", NULL), ENROLL_FINE);
  assert_int_equal(count("SELECT count(*) FROM target WHERE waiting = 1"), 2); /* it may still be broken off */
  accepted_empty(say(p, token_update_of("A", "t")));
  assert_int_equal(count("SELECT count(*) FROM target WHERE waiting = 1"), 0);
  assert_int_equal(count("SELECT count(*) FROM ddm_status"), 0);
  assert_int_equal(count("SELECT count(*) FROM enrollment WHERE enabled = 1"), 1);
}

/* ---- what a TokenUpdate leaves alone ---- */

static void test_absent_keys_erase_nothing(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  struct pl *m = token_update_of("A", "t");
  pl_set_data(m, "UnlockToken", slice_of("unlock"));
  pl_set_bool(m, "AwaitingConfiguration", true);
  assert_int_equal(say(p, m)->tally, 2);
  m = token_update_of("A", "t2");
  assert_int_equal(say(p, m)->tally, 3);
  pl_set_data(m, "UnlockToken", slice_of(""));
  assert_int_equal(say(p, m)->tally, 4);
  assert_int_equal(count("SELECT count(*) FROM generation WHERE length(unlock_token_sealed) > 6 AND "
                         "awaiting_configuration = 1"),
                   1);
  pl_set_bool(m, "AwaitingConfiguration", false);
  accepted_empty(say(p, m));
  assert_int_equal(count("SELECT awaiting_configuration FROM generation"), 0);
}

/* ---- all kinds of channels ---- */

static const struct kind {
  const char *device_key, *device, *user_key, *user, *id, *type;
} kinds[] = {
    {"UDID", "D", NULL, NULL, "D", "Device"},
    {"UDID", "D", "UserID", "U", "D:U", "User"},
    {"UDID", "D", "UserID", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", "D:a@b.example", "Shared iPad"},
    {"EnrollmentID", "E", NULL, NULL, "E", "User Enrollment (Device)"},
    {"EnrollmentID", "E", "EnrollmentUserID", "V", "E:V", "User Enrollment"},
};

static struct pl *of_kind(const struct kind *k, const char *type) {
  struct pl *m = type ? token_update_of("", k->id) : pl_new_dict(fx.cx);
  if (type) pl_set_string(m, "MessageType", type);
  pl_set_string(m, k->device_key, k->device);
  if (!k->user_key) return m;
  pl_set_string(m, k->user_key, k->user);
  pl_set_string(m, "UserShortName", "a@b.example");
  return m;
}

static void speaks(struct enroll_proof p, const struct kind *k) {
  struct enroll_info *info;
  int64_t enrollment;
  size_t n;
  char *id;
  if (!k->user_key) accepted_empty(say(p, of_kind(k, "Authenticate")));
  assert_int_equal(say(p, of_kind(k, "TokenUpdate"))->tally, 1);
  must(enroll_lookup(fx.cx, reader(), k->id, &enrollment, &id));
  must(enroll_list(fx.cx, reader(), enrollment, 0, 1, &info, &n));
  assert_int_equal(n, 1);
  assert_string_equal(info->id, k->id);
  assert_string_equal(info->type, k->type);
  struct pl *m = of_kind(k, "DeclarativeManagement");
  pl_set_string(m, "Endpoint", "declaration-items");
  assert_non_null(js_str(json_of(say(p, m)), "DeclarationsToken"));
}

static const char *polls(struct enroll_proof p, const struct kind *k) {
  struct pl *idle = of_kind(k, NULL);
  pl_set_string(idle, "Status", "Idle");
  pl_set_string(idle, "AuthToken", "of a network user");
  const struct report *r = put_report_of(p, idle);
  assert_int_equal(r->refusal, ENROLL_FINE);
  return r->command_uuid;
}

/* Each kind has NanoMDM's id and type, says what it may say, and has a queue of its own. */
static void test_kinds_of_channels(void **state) {
  (void)state;
  enum { KINDS = sizeof kinds / sizeof *kinds };
  struct enroll_proof devices = new_identity("D"), enrollments = new_identity("E");
  for (int i = 0; i < KINDS; i++) speaks(kinds[i].device[0] == 'D' ? devices : enrollments, &kinds[i]);
  for (int i = 0; i < KINDS; i++) enqueue(kinds[i].id, "ProfileList", ctx_printf(fx.cx, "for %s", kinds[i].id));
  for (int i = 0; i < KINDS; i++)
    assert_string_equal(polls(kinds[i].device[0] == 'D' ? devices : enrollments, &kinds[i]),
                        ctx_printf(fx.cx, "for %s", kinds[i].id));
}

/* A user of a shared iPad is known by its short name. */
static void test_shared_ipad_needs_a_name(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("D");
  static const char *const bad[] = {NULL, "", "a,b", "a:b", "../a", "a\nb"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct pl *m = token_update_of("D", "t");
    pl_set_string(m, "UserID", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF");
    if (bad[i]) pl_set_string(m, "UserShortName", bad[i]);
    refused_as_nonsense(p, m);
  }
  assert_int_equal(count("SELECT count(*) FROM enrollment"), 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, fixture_open, fixture_close)
int main(void) {
  const struct CMUnitTest tests[] = {
      T(test_nonsense),
      T(test_keys_of_a_wrong_type),
      T(test_strangers),
      T(test_ended_identity),
      T(test_after_checkout),
      T(test_user_authenticate),
      T(test_user_before_its_device),
      T(test_user_of_a_coming_enrollment),
      T(test_users_have_no_unlock_token),
      T(test_check_out_of_a_user),
      T(test_children_are_cleared_with_their_parent),
      T(test_absent_keys_erase_nothing),
      T(test_kinds_of_channels),
      T(test_shared_ipad_needs_a_name),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
