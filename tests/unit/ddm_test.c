#include "checkin_world.h"

static struct checkin *ddm(struct enroll_proof p, const char *endpoint, const char *data, enum err expected) {
  struct pl *m = message("DeclarativeManagement", "A");
  if (endpoint) pl_set_string(m, "Endpoint", endpoint);
  if (data) pl_set_data(m, "Data", slice_of(data));
  return put(p, pl_xml(fx.cx, m), expected);
}

static void test_bad_declarative_management(void **state) {
  (void)state;
  static const char *const endpoints[] = {
      NULL,
      "",
      "token",
      "tokens/",
      "declaration",
      "declaration/",
      "declarations",
      "status/",
      "Status",
      "declaration/asset/",
      "declaration/pet/x",
      "../tokens",
  };
  static const char *const reports[] = {
      NULL, "", "[]", "1", "{", "{\"a\":1}x", "{\"a\":1,\"a\":2}", "{\"a\":\"\xff\"}"};
  struct enroll_proof p = enrolled("A");
  for (size_t i = 0; i < sizeof endpoints / sizeof *endpoints; i++) ddm(p, endpoints[i], NULL, E_INVALID);
  for (size_t i = 0; i < sizeof reports / sizeof *reports; i++) ddm(p, "status", reports[i], E_INVALID);
  struct pl *m = message("DeclarativeManagement", "A");
  pl_set_string(m, "Endpoint", "status");
  pl_set_string(m, "Data", "{}");
  refused_as_nonsense(p, m);
  assert_int_equal(count("SELECT count(*) FROM ddm_status"), 0);
}

/* An empty set is a valid set: all four kinds, and the same token in both answers, for as long as it stays empty. */
static void test_empty_set(void **state) {
  (void)state;
  static const char *const kinds[] = {"Activations", "Assets", "Configurations", "Management"};
  struct enroll_proof p = enrolled("A");
  int64_t at;
  struct slice before = ddm(p, "tokens", NULL, OK)->answer;
  clock_shift(US_DAY);
  assert_true(slice_eq(before, ddm(p, "tokens", NULL, OK)->answer));
  struct js *tokens = js_get(json_of(ddm(p, "tokens", NULL, OK)), "SyncTokens");
  struct js *items = json_of(ddm(p, "declaration-items", NULL, OK));
  const char *token = js_str(tokens, "DeclarationsToken"), *time = js_str(tokens, "Timestamp");
  assert_string_equal(token, js_str(items, "DeclarationsToken"));
  assert_in_range(strlen(token), 1, 256);
  assert_true(dec_time(slice_of(time), &at));
  assert_int_equal(strlen(time), strlen("2026-11-22T15:00:00Z"));
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    struct js *kind = js_get(js_get(items, "Declarations"), kinds[i]);
    assert_true(js_is_array(kind) && js_count(kind) == 0);
  }
}

/* A declaration that is not there is to be removed by the device. */
static void test_declarations_that_are_gone(void **state) {
  (void)state;
  static const char *const endpoints[] = {"declaration/activation/a", "declaration/asset/a/b",
                                          "declaration/configuration/%2F", "declaration/management/tokens"};
  struct enroll_proof p = enrolled("A");
  for (size_t i = 0; i < sizeof endpoints / sizeof *endpoints; i++) {
    const struct checkin *c = ddm(p, endpoints[i], NULL, OK);
    assert_int_equal(c->refusal, ENROLL_FINE);
    assert_int_equal(c->status, 404);
    assert_null(c->answer.p);
  }
}

/* The last report of each channel is kept. */
static void test_status_reports(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  accepted_empty(ddm(p, "status", "{\"StatusItems\":{}}", OK));
  accepted_empty(ddm(p, "status", "{\"StatusItems\":{\"a\":1}}", OK));
  accepted_empty(say(p, of_user(example("DeclarativeManagement", "A")))); /* a user that has no channel yet */
  assert_int_equal(count("SELECT count(*) FROM ddm_status"), 1);
  assert_int_equal(count("SELECT count(*) FROM ddm_status WHERE report = CAST('{\"StatusItems\":{\"a\":1}}' AS BLOB)"),
                   1);
  struct pl *m = of_user(message("DeclarativeManagement", "A"));
  pl_set_string(m, "Endpoint", "tokens");
  assert_non_null(js_str(js_get(json_of(say(p, m)), "SyncTokens"), "Timestamp"));
}

/* What a coming enrollment reports is not of the one in force. */
static void test_status_of_a_coming_enrollment(void **state) {
  (void)state;
  struct enroll_proof first = enrolled("A"), second = new_identity("second");
  accepted_empty(ddm(first, "status", "{\"of\":1}", OK));
  release("A");
  assert_int_equal(authenticate(second, "A", NULL), ENROLL_FINE);
  accepted_empty(ddm(second, "status", "{\"of\":2}", OK));
  assert_int_equal(count("SELECT count(*) FROM ddm_status WHERE report = CAST('{\"of\":1}' AS BLOB)"), 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, fixture_open, fixture_close)
int main(void) {
  const struct CMUnitTest tests[] = {
      T(test_bad_declarative_management),    T(test_empty_set),
      T(test_declarations_that_are_gone),    T(test_status_reports),
      T(test_status_of_a_coming_enrollment),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
