/* Waves of renewals: when they begin, what halts them, and who keeps nobody waiting. */
#include "renewal_world.h"

/* Nothing is begun while the server does not reach itself as devices do; it is told once. */
static void test_unreachable(void **state) {
  (void)state;
  (void)enroll_one("A");
  clock_shift(600 * US_DAY);
  self.status = 502;
  chore();
  chore();
  assert_int_equal(count("SELECT count(*) FROM renewal"), 0);
  assert_int_equal(EVENTS("renewal.unreachable"), 1);
  const char *command;
  assert_int_equal(start("A", &command), E_CONFLICT);
  self.status = 200;
  chore();
  assert_int_equal(STATES("waiting"), 1);
}

static enum err elsewhere_job(struct ctx *cx, struct db *db, void *arg) {
  (void)arg;
  return db_run(cx, db,
                "UPDATE generation SET given = replace(given, $1, 'http://127.0.0.1:9') "
                "WHERE device <= (SELECT seq FROM device WHERE id = 'D29')",
                DB_S(fx.conf.public_url));
}

/* Devices of a former address that leads nowhere keep nobody else waiting, however many they are and however soon they
   end. */
static void test_dead_address(void **state) {
  (void)state;
  const char *command;
  for (int i = 0; i < 30; i++) (void)enroll_one(ctx_printf(fx.cx, "D%02d", i));
  clock_shift(US_DAY);
  struct enroll_proof a = enroll_one("A");
  must(in_job(elsewhere_job, NULL));
  clock_shift(600 * US_DAY);
  assert_int_equal(token_update(a, "A", "token"), ENROLL_FINE);
  chore();
  assert_int_equal(count("SELECT count(*) FROM renewal r JOIN device d ON d.seq = r.device WHERE d.id = 'A'"), 1);
  assert_int_equal(STATES("waiting"), 1);
  (void)renew(a, "A");
  chore();
  assert_int_equal(EVENTS("renewal.unreachable"), 1);
  assert_int_equal(start("D00", &command), E_CONFLICT);
  ctx_clear_error(fx.cx);
  must(start("A", &command));
}

/* A device's error halts all, for good; going on begins with another canary. */
static void test_failure_halts(void **state) {
  (void)state;
  struct enroll_proof a = enroll_one("A");
  (void)enroll_one("B");
  clock_shift(600 * US_DAY);
  assert_int_equal(in_job(resume_job, NULL), E_CONFLICT);
  chore();
  assert_int_equal(STATES("waiting"), 1);
  struct report *r = fetch(a, "A");
  assert_int_equal(put_report(a, "A", "Error", r->command_uuid)->refusal, ENROLL_FINE);
  assert_int_equal(STATES("failed"), 1);
  assert_int_equal(EVENTS("renewal.halted"), 1);
  chore();
  assert_int_equal(STATES("waiting"), 0);
  must(in_job(resume_job, NULL));
  chore();
  assert_int_equal(count("SELECT count(*) FROM renewal r JOIN device d ON d.seq = r.device WHERE d.id = 'B' "
                         "AND r.wave = 0 AND r.state = 'waiting'"),
                   1);
  struct scep_reply reply; /* what failed cannot be redeemed any more */
  (void)identity_for(challenge_in(r->command), 1, &reply);
  assert_int_equal(reply.status, SCEP_FAILURE);
  assert_int_equal(token_update(a, "A", "token"), ENROLL_FINE); /* the old identity stands */
}

/* What was begun and not handed over yet is not handed over after a halt, nor all at once when it ends; what an
   operator asked for is. */
static void test_halt_holds_back(void **state) {
  (void)state;
  struct enroll_proof p[4];
  const char *udid[] = {"A", "B", "C", "D"}, *command;
  for (int i = 0; i < 4; i++) p[i] = enroll_one(udid[i]);
  clock_shift(600 * US_DAY);
  must(start("A", &command));
  (void)renew(p[0], "A");
  must(start("D", &command));
  chore();
  assert_int_equal(STATES("waiting"), 3);
  struct report *r = fetch(p[1], "B");
  assert_int_equal(put_report(p[1], "B", "Error", r->command_uuid)->refusal, ENROLL_FINE);
  assert_string_equal(next_after(p[2], "C", "Idle", NULL), "");
  (void)renew(p[3], "D");
  chore();
  assert_int_equal(STATES("cancelled"), 1);
  must(in_job(resume_job, NULL));
  assert_string_equal(next_after(p[2], "C", "Idle", NULL), "");
  chore();
  (void)renew(p[2], "C");
  assert_int_equal(EVENTS("renewal.halted"), 1);
}

static enum err other_root_job(struct ctx *cx, struct db *db, void *arg) {
  (void)arg;
  return db_run(cx, db, "UPDATE enroll_session SET given = replace(given, '\"Roots\":[\"', '\"Roots\":[\"00')");
}

/* What cannot be rendered when the device asks is a failure that halts; the device gets what stands behind it. */
static void test_cannot_be_rendered(void **state) {
  (void)state;
  const char *command;
  fx.conf.own_tls = true;
  struct enroll_proof a = enroll_one("A");
  must(start("A", &command));
  enqueue("A", "SecurityInfo", "1");
  must(in_job(other_root_job, NULL));
  assert_string_equal(next_after(a, "A", "Idle", NULL), "1");
  assert_int_equal(STATES("failed"), 1);
  assert_int_equal(EVENTS("renewal.halted"), 1);
  assert_string_equal(next_after(a, "A", "Acknowledged", "1"), "");
  assert_int_equal(count("SELECT count(*) FROM target WHERE status = 'Error'"), 1);
}

/* Acknowledged, but the new identity never shows: that is a failure, too. */
static void test_never_seen_halts(void **state) {
  (void)state;
  struct enroll_proof a = enroll_one("A");
  clock_shift(600 * US_DAY);
  chore();
  struct report *r = fetch(a, "A");
  struct scep_reply reply;
  struct enroll_proof fresh = identity_for(challenge_in(r->command), 1, &reply);
  (void)put_report(a, "A", "Acknowledged", r->command_uuid);
  assert_int_equal(STATES("installed"), 1);
  clock_shift(600 * US_DAY + 23 * US_HOUR);
  chore();
  assert_int_equal(STATES("installed"), 1);
  clock_shift(601 * US_DAY + US_HOUR);
  chore();
  assert_int_equal(STATES("failed"), 1);
  assert_int_equal(EVENTS("renewal.halted"), 1);
  assert_int_equal(token_update(a, "A", "token"), ENROLL_FINE);
  assert_int_equal(token_update(fresh, "A", "token"), ENROLL_FINE); /* late, but there */
  assert_int_equal(STATES("done"), 1);
}

/* One canary; a sleeping one is joined by another after an hour; then as many as make six; then six a minute. */
static void test_waves(void **state) {
  (void)state;
  struct enroll_proof p[20];
  const char *udid[20];
  for (int i = 0; i < 20; i++) {
    udid[i] = ctx_printf(fx.cx, "D%02d", i);
    p[i] = enroll_one(udid[i]);
  }
  clock_shift(600 * US_DAY);
  chore();
  chore();
  assert_int_equal(STATES("waiting"), 1);
  clock_shift(600 * US_DAY + 61 * US_MINUTE);
  chore();
  assert_int_equal(STATES("waiting"), 2);
  (void)renew(p[1], udid[1]);
  chore();
  assert_int_equal(STATES("done"), 1);
  assert_int_equal(STATES("waiting"), 1 + 5);
  chore();
  assert_int_equal(STATES("waiting"), 1 + 5);
  for (int i = 2; i < 7; i++) (void)renew(p[i], udid[i]);
  clock_shift(600 * US_DAY + 70 * US_MINUTE);
  chore();
  chore();
  assert_int_equal(STATES("done"), 6);
  assert_int_equal(STATES("waiting"), 1 + 6);
  clock_shift(600 * US_DAY + 72 * US_MINUTE);
  chore();
  assert_int_equal(STATES("waiting"), 1 + 12);
  chore();
  assert_int_equal(count("SELECT count(DISTINCT device) FROM renewal"), 19);
}

#define T(f) cmocka_unit_test_setup_teardown(f, renewal_open_world, renewal_close_world)
int main(void) {
  const struct CMUnitTest tests[] = {
      T(test_dead_address),  T(test_halt_holds_back), T(test_cannot_be_rendered), T(test_unreachable),
      T(test_failure_halts), T(test_waves),           T(test_never_seen_halts),
  };
  return cmocka_run_group_tests(tests, NULL, free_ring);
}
