/* After a renewal that came late: everybody is woken, and one sees who comes back. */
#include "core_fixture.h"

#include "core/push.h"
#include "core/recovery.h"

#define SEEN(id, at) db_run(cx, db, "UPDATE enrollment SET last_seen = $2 WHERE id = $1", DB_S(id), DB_I((at)))

static enum err start_job(struct ctx *cx, struct db *db, void *arg) { return recovery_start(cx, db, arg); }
static void start(void) { must(in_job(start_job, (void *)(uintptr_t)TOPIC)); }

/* The certificate in use ends now, as seen from the next import on. */
static void expire(void) { clock_shift(366 * US_DAY); }
static void renew(void) {
  import_pushcert(TOPIC);
  start();
}
static void run_chore(void) { must(recovery_chore(fx.cx, &fx.core)); }

static struct recovery last(void) {
  struct recovery r;
  must(recovery_last(fx.cx, reader(), NULL, &r));
  return r;
}

static enum err nothing_due(struct ctx *cx, struct db *db, void *arg) {
  (void)arg;
  return db_run(cx, db, "UPDATE wake SET due_at = NULL, answered_at = 1, sent_at = NULL");
}

struct seen {
  const char *id;
  int64_t at;
};
static enum err seen_job(struct ctx *cx, struct db *db, void *arg) {
  const struct seen *s = arg;
  return SEEN(s->id, s->at);
}
static void seen(const char *id, int64_t at) { must(in_job(seen_job, &(struct seen){id, at})); }

/* A renewal in time wakes nobody. */
static void test_in_time(void **state) {
  (void)state;
  struct recovery r;
  enrolled("A");
  renew();
  assert_int_equal(recovery_last(fx.cx, reader(), NULL, &r), E_NOT_FOUND);
}

/* A first certificate replaces none. */
static void test_first(void **state) {
  (void)state;
  struct recovery r;
  start();
  assert_int_equal(recovery_last(fx.cx, reader(), TOPIC, &r), E_NOT_FOUND);
}

/* After an expiry every enrolled device is woken once, also those with nothing queued; who checked out is not. */
static void test_all_are_woken(void **state) {
  (void)state;
  enrolled("A");
  enrolled("B");
  check_out(enrolled("C"), "C");
  must(in_job(nothing_due, NULL));
  expire();
  renew();
  start();
  struct recovery r = last();
  assert_true(r.waking);
  assert_int_equal(count("SELECT count(*) FROM recovery"), 1);
  run_chore();
  r = last();
  assert_false(r.waking);
  assert_int_equal(r.devices, 2);
  assert_int_equal(r.back, 0);
  assert_true(r.dark_since < r.started_at);
  assert_int_equal(count("SELECT count(*) FROM wake WHERE due_at IS NOT NULL"), 2);
  assert_int_equal(count("SELECT count(*) FROM event WHERE kind = 'pushcert.recovery-started'"), 1);
}

/* More devices than a chunk: none is left out, none is woken after it came by itself. */
static void test_many(void **state) {
  (void)state;
  for (int i = 0; i < 203; i++) enrolled(ctx_printf(fx.cx, "D%d", i));
  must(in_job(nothing_due, NULL));
  expire();
  renew();
  seen("D7", clock_now_us());
  run_chore();
  struct recovery r = last();
  assert_int_equal(r.devices, 203);
  assert_int_equal(r.back, 1);
  assert_int_equal(count("SELECT count(*) FROM wake WHERE due_at IS NOT NULL"), 202);
}

/* Who came back stands behind who is missing; the longest silence comes first; when is that of the first sign. */
static void test_who_came_back(void **state) {
  (void)state;
  enrolled("A");
  enrolled("B");
  enrolled("C");
  seen("A", clock_now_us());
  seen("B", clock_now_us() - 3 * US_DAY);
  seen("C", clock_now_us() - 5 * US_DAY);
  expire();
  renew();
  run_chore();
  int64_t came = clock_now_us();
  seen("C", came);
  assert_int_equal(last().back, 1); /* before the chore has marked it */
  run_chore();
  seen("C", came + US_DAY);
  struct recovery_device *d;
  size_t n;
  must(recovery_devices(fx.cx, reader(), last().seq, 0, 10, &d, &n));
  assert_int_equal(n, 3);
  assert_string_equal(d[0].id, "B");
  assert_string_equal(d[1].id, "A");
  assert_string_equal(d[2].id, "C");
  assert_int_equal(d[2].back_at, came);
  assert_int_equal(d[0].back_at, 0);
  must(recovery_missing(fx.cx, reader(), last().seq, d[1].device, 10, &d, &n));
  assert_int_equal(n, 1);
  assert_string_equal(d[0].id, "B");
  must(recovery_devices(fx.cx, reader(), last().seq, 2, 10, &d, &n));
  assert_int_equal(n, 1);
}

static enum err refused_job(struct ctx *cx, struct db *db, void *arg) {
  return db_run(cx, db, "UPDATE pushcert SET proof = 'refused', probed_at = $1", DB_I(*(int64_t *)arg));
}

/* A certificate that Apple refused counts like one that ended. */
static void test_after_a_refusal(void **state) {
  (void)state;
  int64_t at = clock_now_us() - US_HOUR;
  enrolled("A");
  must(in_job(refused_job, &at));
  renew();
  run_chore();
  assert_int_equal(last().dark_since, at);
  assert_int_equal(last().devices, 1);
}

/* A device that is forgotten goes out of it. */
static enum err forget_job(struct ctx *cx, struct db *db, void *arg) {
  return enroll_forget(cx, db, &fx.core, "A", arg);
}
static void test_forgotten(void **state) {
  (void)state;
  struct enroll_forget f = {.by = "test", .anyway = true, .more = true};
  enrolled("A");
  expire();
  renew();
  run_chore();
  while (f.more) must(in_job(forget_job, &f));
  assert_int_equal(last().devices, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)
int main(void) {
  const struct CMUnitTest tests[] = {
      T(test_in_time),       T(test_first),           T(test_all_are_woken), T(test_many),
      T(test_who_came_back), T(test_after_a_refusal), T(test_forgotten),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
