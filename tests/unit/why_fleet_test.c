/* The fleet's alarm: what raises it, and what ends it. */
#include "why_world.h"

static struct js *alarm_now(void) {
  struct js *out;
  must(why_alarm(fx.cx, reader(), &out));
  return out;
}

/* Verdicts as the chore remembers them; the devices wait, but nobody woke them. */
static void dark(int first, int n, const char *slug) {
  for (int i = first; i < first + n; i++) {
    (void)enrolled(ctx_printf(fx.cx, "D%d", i));
    enqueue(ctx_printf(fx.cx, "D%d", i), "DisableRemoteDesktop", ctx_printf(fx.cx, "C%d", i));
    run_sql("UPDATE wake SET status = 410, reason = 'Unregistered', sent_at = $1, answered_at = $1, dead_at = $1, "
            "apns_timestamp = $1, token = (SELECT e.token FROM enrollment e WHERE e.seq = wake.enrollment) "
            "WHERE enrollment = (SELECT seq FROM enrollment WHERE id = $2)",
            DB_I(clock_now_us() + 1000), DB_S(ctx_printf(fx.cx, "D%d", i)));
    run_sql("UPDATE enrollment SET last_seen = NULL, token_at = 1 WHERE id = $1", DB_S(ctx_printf(fx.cx, "D%d", i)),
            DB_END);
  }
  pass(US_SECOND);
  must(why_chore(fx.cx, &fx.core));
  assert_int_equal(count(ctx_printf(fx.cx, "SELECT count(*) FROM device_verdict WHERE slug = '%s'", slug)),
                   first + n - 1);
}

/* Goal: three devices that go dark at once raise the alarm once; what stays their own is no alarm any more after that,
 * so that the next one is raised again. */
static void raised_and_over(void **state) {
  (void)state;
  shifted = 0;
  dark(1, 2, "token-gone");
  assert_null(alarm_now());
  dark(3, 1, "token-gone");
  assert_non_null(alarm_now());
  must(why_chore(fx.cx, &fx.core));
  assert_int_equal(count("SELECT count(*) FROM event WHERE kind = 'fleet.alarm'"), 1);
  pass(11 * US_MINUTE);
  must(why_chore(fx.cx, &fx.core));
  assert_null(alarm_now());
  assert_int_equal(count("SELECT count(*) FROM event WHERE kind = 'fleet.alarm-over'"), 1);
  dark(4, 3, "token-gone");
  assert_non_null(alarm_now());
  assert_int_equal(count("SELECT count(*) FROM event WHERE kind = 'fleet.alarm'"), 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(raised_and_over, why_up, why_down)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
