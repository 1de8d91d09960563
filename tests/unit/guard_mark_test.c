/* Goal of all: only this server can ask for a mark, only it can give one, and neither can be used for anything else. */
#include "core_fixture.h"

#include "core/guard.h"

static bool ours(const char *token) { return guard_mark_is_ours(fx.cx, &fx.core, slice_of(token)); }

/* Goal: what it made itself it knows again, for five minutes. */
static void test_question(void **state) {
  (void)state;
  const char *token = guard_mark_ask(fx.cx, &fx.core);
  assert_true(ours(token));
  assert_string_not_equal(token, guard_mark_ask(fx.cx, &fx.core));
  clock_shift(4 * US_MINUTE);
  assert_true(ours(token));
  clock_shift(6 * US_MINUTE);
  assert_false(ours(token));
  clock_shift(-6 * US_MINUTE);
  assert_false(ours(token));
}

/* Goal: nothing else is taken for a question: garbage, a changed byte, another server's, one without a key. */
static void test_forged_question(void **state) {
  (void)state;
  static const char *const garbage[] = {"", ".", "..", "...", "1.2", "1.2.3", "x.y.z", "99999999999999999999.a.b"};
  uint8_t other_key[32] = {8};
  for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++) assert_false(ours(garbage[i]));
  const char *token = guard_mark_ask(fx.cx, &fx.core);
  for (size_t i = 0; i < strlen(token); i++) {
    char *changed = ctx_strdup(fx.cx, token);
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    assert_false(ours(changed));
  }
  assert_false(ours(ctx_printf(fx.cx, "%sA", token)));
  struct vault *own = fx.core.vault;
  fx.core.vault = vault_new(other_key);
  assert_false(ours(token));
  vault_close(fx.core.vault);
  fx.core.vault = NULL;
  assert_false(ours(token));
  fx.core.vault = own;
}

/* Goal: an answer is read as it was given, only to its own question, and no part of it can be changed. */
static void test_answer(void **state) {
  (void)state;
  const char *token = guard_mark_ask(fx.cx, &fx.core), *other = guard_mark_ask(fx.cx, &fx.core);
  const char *answer = guard_mark_answer(fx.cx, &fx.core, slice_of(token), "proved signature");
  assert_string_equal(guard_mark_read(fx.cx, &fx.core, token, answer), "proved signature");
  assert_null(guard_mark_read(fx.cx, &fx.core, other, answer));
  assert_null(guard_mark_read(fx.cx, &fx.core, token, NULL));
  assert_null(guard_mark_read(fx.cx, &fx.core, token, "proved"));
  for (size_t i = 0; i < strlen(answer); i++) {
    char *changed = ctx_strdup(fx.cx, answer);
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    assert_null(guard_mark_read(fx.cx, &fx.core, token, changed));
  }
  assert_false(ours(answer)); /* an answer is no question */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_question, fixture_open, fixture_close),
      cmocka_unit_test_setup_teardown(test_forged_question, fixture_open, fixture_close),
      cmocka_unit_test_setup_teardown(test_answer, fixture_open, fixture_close),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
