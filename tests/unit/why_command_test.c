/* Verdicts 35 to 45: the device came. */
#include "why_world.h"

static struct enroll_proof a;
static void a_is_enrolled(void) { a = enrolled("A"); }

/* Goal: a device that has nothing to do, and one whose command is done, are fine. */
static void nothing_waits(void **state) {
  (void)state;
  a_is_enrolled();
  expect_verdict("A", NULL, "fine");
  enqueue("A", "SecurityInfo", "C1");
  assert_string_equal(comes(a, "A"), "C1");
  answers(a, "A", "Acknowledged", "C1");
  expect_verdict("A", "C1", "fine");
  expect_verdict("A", NULL, "fine");
}

/* Goal: who is not known, and has never knocked, is told so; so is a command of another device. */
static void not_found(void **state) {
  struct why w;
  (void)state;
  a_is_enrolled();
  assert_int_equal(why_device(fx.cx, reader(), &fx.core, "B", NULL, &w), E_NOT_FOUND);
  ctx_clear_error(fx.cx);
  assert_int_equal(why_device(fx.cx, reader(), &fx.core, "A", "C1", &w), E_NOT_FOUND);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(nothing_waits, why_up, why_down),
      cmocka_unit_test_setup_teardown(not_found, why_up, why_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
