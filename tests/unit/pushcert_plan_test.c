/* Planned renewals: when the next one is due. */
#include "core_fixture.h"

static int64_t at(const char *day) {
  int64_t us;
  assert_true(dec_time(slice_of(ctx_printf(fx.cx, "%sT00:00:00Z", day)), &us));
  return us;
}

static void expect_next(const struct pushcert_record *r, const char *imported, const char *end, const char *next) {
  struct pushcert c = {.imported_at = at(imported), .not_after = at(end)};
  assert_string_equal(enc_time(fx.cx, pushcert_plan_next(r, &c)), ctx_printf(fx.cx, "%sT00:00:00Z", next));
}

/* Without a plan nothing is due before the certificate ends. */
static void test_no_plan(void **state) {
  (void)state;
  struct pushcert c = {.imported_at = at("2026-01-01"), .not_after = at("2027-01-01")};
  assert_int_equal(pushcert_plan_next(&(struct pushcert_record){0}, &c), 0);
}

/* Every so long counts from the last import, and never runs past the end of the certificate. */
static void test_every(void **state) {
  (void)state;
  struct pushcert_record r = {.plan_every_us = 90 * US_DAY};
  expect_next(&r, "2026-01-01", "2027-01-01", "2026-04-01");
  r.plan_every_us = 400 * US_DAY;
  expect_next(&r, "2026-01-01", "2027-01-01", "2027-01-01");
}

/* A day of the year: the next one, but the one that an import just came before is settled by it. */
static void test_day_of_the_year(void **state) {
  (void)state;
  struct pushcert_record r = {.plan_on = "04-01"};
  expect_next(&r, "2026-01-01", "2027-01-01", "2026-04-01");
  expect_next(&r, "2026-04-01", "2027-04-02", "2027-04-01");
  expect_next(&r, "2026-04-10", "2027-04-10", "2027-04-01");
  expect_next(&r, "2026-03-20", "2027-03-20", "2027-03-20");
  r.plan_on = "12-31";
  expect_next(&r, "2026-11-30", "2027-11-30", "2026-12-31");
}

/* 29 February is the 28th where there is no 29th. */
static void test_leap_day(void **state) {
  (void)state;
  struct pushcert_record r = {.plan_on = "02-29"};
  expect_next(&r, "2026-09-01", "2027-09-01", "2027-02-28");
  expect_next(&r, "2027-09-01", "2028-09-01", "2028-02-29");
  expect_next(&r, "2099-09-01", "2100-09-01", "2100-02-28");
  expect_next(&r, "1999-09-01", "2000-09-01", "2000-02-29");
}

/* Only MM-DD with a day that exists is a day of the year. */
static void test_what_is_a_day(void **state) {
  (void)state;
  static const char *const good[] = {"04-01", "02-29", "12-31", "01-01"};
  static const char *const bad[] = {"",      "4-1",   "04-31", "02-30", "13-01", "00-10",   "01-00", "0401",
                                    "04/01", "04-0x", "--010", "-1-01", "01--1", "04-01-1", " 4-01", "04-01 "};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) assert_true(pushcert_plan_day(good[i]));
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(pushcert_plan_day(bad[i]));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_no_plan),  cmocka_unit_test(test_every),         cmocka_unit_test(test_day_of_the_year),
      cmocka_unit_test(test_leap_day), cmocka_unit_test(test_what_is_a_day),
  };
  return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
