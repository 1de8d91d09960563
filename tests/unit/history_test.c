/* What is over goes after history-days, in small steps that go by indexes; what still decides anything stays. */
#include "core_fixture.h"

#include "core/history_int.h"

#define NEXT(status, uuid, want) assert_string_equal(next_after(p, "A", status, uuid), want)

static int history_open(void **state) {
  fixture_open(state);
  fx.conf.history_us = 90 * US_DAY;
  return 0;
}

static void chore(void) { must(history_chore(fx.cx, &fx.core)); }

static enum err sql_job(struct ctx *cx, struct db *db, void *arg) { return db_run(cx, db, arg); }
#define SQL(text) must(in_job(sql_job, (void *)(uintptr_t)(text)))

/* What was settled long ago goes, with its command and the events; what waits stays, and so does what is young. */
static void test_what_goes(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  enqueue("A", "RestartDevice", "old");
  enqueue("A", "DeviceLock", "waiting");
  NEXT("Idle", NULL, "waiting");
  NEXT("Idle", NULL, "old");
  NEXT("Acknowledged", "old", "");
  clock_shift(89 * US_DAY);
  chore();
  assert_int_equal(count("SELECT count(*) FROM command"), 2);
  enqueue("A", "SecurityInfo", "young");
  NEXT("Idle", NULL, "young");
  NEXT("Acknowledged", "young", "");
  clock_shift(91 * US_DAY);
  chore();
  assert_int_equal(count("SELECT count(*) FROM command WHERE uuid = 'old'"), 0);
  assert_int_equal(count("SELECT count(*) FROM target"), 2);
  assert_int_equal(count("SELECT count(*) FROM command"), 2);
  assert_int_equal(count("SELECT count(*) FROM event"), 1);
}

/* The erasure of a device that has not come back decides whether it may: it stays until another generation is there. */
static void test_erasure_stays(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  enqueue("A", "EraseDevice", "erase");
  NEXT("Idle", NULL, "erase");
  NEXT("Acknowledged", "erase", "");
  clock_shift(200 * US_DAY);
  chore();
  assert_int_equal(count("SELECT count(*) FROM target"), 1);
  assert_int_equal(authenticate(p, "A", NULL), ENROLL_FINE);
  assert_int_equal(token_update(p, "A", "token"), ENROLL_FINE);
  chore();
  assert_int_equal(count("SELECT count(*) FROM target"), 0);
}

/* Sessions that nobody used go, those that stand behind an identity, a generation or a renewal do not; ended renewals
 * and old refusals go, open renewals do not. More than one chunk of them, too. */
static void test_other_tables(void **state) {
  (void)state;
  (void)enrolled("A");
  SQL("INSERT INTO enroll_session (id, kind, challenge_hash, created_at, expires_at, issues_max, issues, given) "
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) "
      "SELECT 'session ' || i, 'enroll', CAST('challenge ' || i AS BLOB), 1, 1, 1, i = 500, '{}' FROM n");
  SQL("INSERT INTO renewal (device, generation, identity, session, challenge_sealed, command, wave, state, created_at, "
      "updated_at, ended_at) SELECT 1, 1, x'00', seq, x'00', id, 0, 'done', 1, 1, CASE WHEN seq > 1 THEN 1 END "
      "FROM enroll_session WHERE seq <= 2");
  SQL("UPDATE generation SET session = 3");
  SQL("UPDATE identity SET session = 4");
  SQL("INSERT INTO refused (id, hash, reason, message_type, address, first_at, last_at, count) "
      "VALUES ('X', x'', 'unknown', 'Idle', '::1', 1, 1, 1)");
  chore();
  assert_int_equal(count("SELECT count(*) FROM renewal"), 1);
  assert_int_equal(count("SELECT count(*) FROM refused"), 0);
  assert_int_equal(count("SELECT count(*) FROM enroll_session"), 4);
  assert_int_equal(count("SELECT sum(seq) FROM enroll_session"), 1 + 3 + 4 + 500);
}

/* Events that webhooks have not taken yet stay, however old, while there are webhooks. */
static void test_events_wait_for_webhooks(void **state) {
  (void)state;
  fx.conf.webhook_urls = "http://127.0.0.1:1";
  fx.conf.webhook_all = true;
  SQL("INSERT INTO event (seq, at, kind, data) VALUES (101, 1, 'x', '{}'), (102, 1, 'x', '{}'), (103, 1, 'x', '{}')");
  SQL("INSERT INTO fact (name, value) VALUES ('webhook.event', '102')");
  chore();
  assert_int_equal(count("SELECT sum(seq) FROM event WHERE at = 1"), 103);
  fx.conf.webhook_all = false;
  chore();
  assert_int_equal(count("SELECT count(*) FROM event WHERE at = 1"), 0);
  assert_int_equal(count("SELECT count(*) FROM fact WHERE name = 'webhook.event'"), 0);
}

/* No step walks through a whole table. */
static void test_by_indexes(void **state) {
  (void)state;
  for (const char *const *step = history_steps; *step; step++) {
    struct db_rows r;
    int n = 0;
    must(db_open_rows(fx.cx, reader(), &r, ctx_printf(fx.cx, "EXPLAIN QUERY PLAN %s", *step), DB_I(1), DB_I(1)));
    for (; db_next(&r); n++)
      if (strncmp(db_text(&r, 3), "SCAN", 4) == 0) fail_msg("%s: %s", db_text(&r, 3), *step);
    must(db_close(&r));
    assert_true(n > 0);
  }
}

#define T(f) cmocka_unit_test_setup_teardown(f, history_open, fixture_close)
int main(void) {
  const struct CMUnitTest tests[] = {T(test_erasure_stays), T(test_what_goes), T(test_other_tables),
                                     T(test_events_wait_for_webhooks), T(test_by_indexes)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
