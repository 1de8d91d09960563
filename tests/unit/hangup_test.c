/* What is kept of connections that ended without a request: by address, bounded, and only the last alert. */
#include "core_fixture.h"

#include "core/hangup.h"

static struct hangups *ledger;

static int open_ledger(void **state) {
  fixture_open(state);
  must(hangup_start(fx.cx, &ledger, &fx.core));
  return 0;
}

static int close_ledger(void **state) {
  hangup_stop(ledger);
  ledger = NULL;
  return fixture_close(state);
}

/* Ends the ledger, which writes what gathered, and begins another one. */
static void write_now(void) {
  hangup_stop(ledger);
  must(hangup_start(fx.cx, &ledger, &fx.core));
}

static struct hangup *rows(const char *address, int64_t since, size_t *n) {
  struct hangup *out;
  must(hangup_list(fx.cx, reader(), address, since, &out, n));
  return out;
}

/* Where nothing is kept, and of what is no address, nothing comes. */
static void test_nothing(void **state) {
  (void)state;
  char longest[200];
  size_t n;
  memset(longest, 'x', sizeof longest);
  longest[sizeof longest - 1] = '\0';
  hangup_note(NULL, "192.0.2.1", 48);
  hangup_note(ledger, longest, 48);
  write_now();
  rows(NULL, 0, &n);
  assert_int_equal(n, 0);
}

/* An address is one row: how often, since when, until when, and how it ended last; over restarts. */
static void test_counts(void **state) {
  (void)state;
  size_t n;
  int64_t before = clock_now_us();
  hangup_note(ledger, "192.0.2.1", 48);
  hangup_note(ledger, "192.0.2.1", 42);
  write_now();
  clock_shift(US_HOUR);
  hangup_note(ledger, "192.0.2.1", -1);
  hangup_note(ledger, "2001:db8::1", 46);
  write_now();
  struct hangup *r = rows("192.0.2.1", 0, &n);
  assert_int_equal(n, 1);
  assert_int_equal(r->count, 3);
  assert_int_equal(r->alert, -1);
  assert_in_range(r->first_at, before, before + US_MINUTE);
  assert_true(r->last_at >= before + US_HOUR);
  r = rows(NULL, 0, &n);
  assert_int_equal(n, 2);
  assert_string_equal(r->address, "2001:db8::1");
  assert_int_equal(r->alert, 46);
  rows(NULL, before + 2 * US_HOUR, &n);
  assert_int_equal(n, 0);
}

/* However many addresses come, a thousand stay, and the newest are among them. */
static void test_bounded(void **state) {
  (void)state;
  size_t n;
  for (int i = 0; i < 3; i++) {
    for (int a = 0; a < 600; a++) hangup_note(ledger, ctx_printf(fx.cx, "10.%d.%d.%d", i, a / 250, a % 250), -1);
    clock_shift((i + 1) * US_MINUTE);
    write_now();
  }
  struct hangup *r = rows(NULL, 0, &n);
  assert_int_equal(n, 1000);
  assert_true(strncmp(r->address, "10.2.", 5) == 0);
  rows("10.0.0.0", 0, &n);
  assert_int_equal(n, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_nothing, open_ledger, close_ledger),
      cmocka_unit_test_setup_teardown(test_counts, open_ledger, close_ledger),
      cmocka_unit_test_setup_teardown(test_bounded, open_ledger, close_ledger),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
