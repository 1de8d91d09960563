/* Verdicts 1 to 7 and 9 to 12: may it be served? */
#include "why_world.h"

static struct enroll_proof a, b;

static void a_is_enrolled(void) {
  a = new_identity("A");
  assert_int_equal(authenticate(a, "A", "SERIAL-A"), ENROLL_FINE);
  assert_int_equal(token_update(a, "A", "token"), ENROLL_FINE);
}
static void a_comes(void) { comes(a, "A"); }

typedef enum err operation(struct ctx *cx, struct db *db, void *arg);
static void operate(operation *job) { must(in_job(job, NULL)); }

static void a_is_asked(void) {
  a_is_enrolled();
  enqueue("A", "SecurityInfo", "C1");
  comes(a, "A");
  answers(a, "A", "Acknowledged", "C1");
}

/* ---- 1 ---- */

static enum err forget_a(struct ctx *cx, struct db *db, void *arg) {
  struct enroll_forget f = {.by = "test", .anyway = true};
  (void)arg;
  return enroll_forget(cx, db, &fx.core, "A", &f);
}
static void a_is_forgotten_and_knocks(void) {
  operate(forget_a);
  assert_int_equal(put_report(a, "A", "Idle", NULL)->refusal, ENROLL_UNKNOWN);
  knocks("A", &a, "unknown");
}
static enum err adopt_a(struct ctx *cx, struct db *db, void *arg) {
  (void)arg;
  TRY(enroll_adopt(cx, db, &fx.core, "A", NULL, "test"));
  return refused_forget(cx, db, "A");
}
static void a_is_adopted(void) {
  operate(adopt_a);
  assert_int_equal(token_update(a, "A", "token"), ENROLL_FINE);
  comes(a, "A");
}

/* ---- 2 ---- */

static void a_begins(void) {
  a_is_enrolled();
  check_out(a, "A");
  pass(US_MINUTE);
  b = new_identity("A2");
  assert_int_equal(authenticate(b, "A", "SERIAL-A"), ENROLL_FINE);
}
static void minutes_pass(void) { pass(11 * US_MINUTE); }
static void b_finishes(void) { assert_int_equal(token_update(b, "A", "token2"), ENROLL_FINE); }

/* ---- 3 ---- */

static void a_leaves(void) { check_out(a, "A"); }
static void a_enrolls_again(void) {
  pass(US_MINUTE);
  a = new_identity("A3");
  assert_int_equal(authenticate(a, "A", "SERIAL-A"), ENROLL_FINE);
  assert_int_equal(token_update(a, "A", "token3"), ENROLL_FINE);
}

/* ---- 4 ---- */

static void a_is_erased(void) {
  enqueue("A", "EraseDevice", "C1");
  assert_string_equal(comes(a, "A"), "C1");
  answers(a, "A", "Acknowledged", "C1");
  pass(US_MINUTE);
}
static void a_is_erased_without_a_word(void) {
  enqueue("A", "EraseDevice", "C1");
  assert_string_equal(comes(a, "A"), "C1");
  pass(31 * US_MINUTE);
}
static void a_is_set_up_again(void) {
  a_enrolls_again();
  comes(a, "A");
}

/* ---- 5 ---- */

static enum err block_a(struct ctx *cx, struct db *db, void *arg) {
  (void)arg;
  return enroll_block(cx, db, &fx.core, "A", "rosa");
}
static enum err unblock_a(struct ctx *cx, struct db *db, void *arg) {
  (void)arg;
  return enroll_unblock(cx, db, &fx.core, "A", "rosa");
}
static void a_is_blocked(void) { operate(block_a); }
static void a_is_unblocked(void) { operate(unblock_a); }

/* ---- 6 ---- */

static void another_board_comes(void) {
  pass(US_MINUTE);
  b = new_identity("B");
  assert_int_equal(authenticate(b, "B", "SERIAL-A"), ENROLL_FINE);
  assert_int_equal(token_update(b, "B", "token-b"), ENROLL_FINE);
}
static void the_present_one_is_asked_about(void) {
  comes(b, "B");
  led_to.id = "B";
}
static void the_former_one_knocks(void) {
  b = a;
  check_out(a, "A");
  a_enrolls_again();
  assert_int_equal(put_report(b, "A", "Idle", NULL)->refusal, ENROLL_FORMER);
  pass(US_MINUTE);
  knocks("A", &b, "superseded");
}

/* ---- 7 ---- */

static enum err contest_a(struct ctx *cx, struct db *db, void *arg) {
  (void)arg;
  TRY(db_run(
      cx, db,
      "INSERT INTO link (token_hash, created_at, created_by, expires_at, uses_max) VALUES (x'01', 1, 'rosa', $1, 1)",
      DB_I(clock_now_us() + US_DAY)));
  TRY(db_run(cx, db,
             "INSERT INTO enroll_session (id, kind, link, challenge_hash, created_at, expires_at, issues_max, given) "
             "VALUES ('s', 'enroll', 1, x'02', $1, $1, 1, '{}')",
             DB_I(clock_now_us())));
  return db_run(
      cx, db,
      "INSERT INTO identity (hash, cert, session, not_before, not_after, created_at) VALUES ($1, $2, 1, 1, $3, 1)",
      DB_B(slice_mem(b.hash, 32)), DB_B(b.cert), DB_I(clock_now_us() + US_DAY));
}
static void somebody_claims_a(void) {
  pass(US_MINUTE);
  b = new_identity("claimant");
  b.address = "198.51.100.9";
  operate(contest_a);
  assert_int_equal(authenticate(b, "A", "SERIAL-A"), ENROLL_FINE);
}
static enum err refuse_a(struct ctx *cx, struct db *db, void *arg) {
  (void)arg;
  return enroll_refuse(cx, db, "A", "rosa");
}
static void the_claim_is_refused(void) {
  operate(refuse_a);
  comes(a, "A"); /* it was woken to speak for itself */
}

/* ---- 9 to 11 ---- */

static void a_comes_too_late(void) { knocks("A", &a, "expired"); }
static void a_comes_with_another(void) {
  b = new_identity("X");
  assert_int_equal(put_report(b, "A", "Idle", NULL)->refusal, ENROLL_UNBOUND);
  knocks("A", &b, "unbound");
}
static void a_comes_of_a_foreign_ca(void) { knocks("A", &a, "foreign-ca"); }
static void a_proves_nothing(void) { knocks("A", NULL, "no-proof"); }

/* Goal: what somebody without a proof says in a device's name does not tell of the way in, as long as the fleet is
   served. */
static void one_of_many(void **state) {
  (void)state;
  shifted = 0;
  a_is_enrolled();
  (void)enrolled("B");
  knocks("A", NULL, "no-proof");
  written();
  expect_verdict("A", NULL, "fine");
}

/* ---- 12 ---- */

static void from(const char *agent) {
  a.agent = slice_of(agent);
  comes(a, "A");
}
/* One that keeps its ledger: what is written in between is forgotten by it. */
static void two_machines_take_turns(void) {
  static const char *const agents[] = {"MDM-OSX/1.0 25A1", "MDM-OSX/1.0 24G9", "MDM-OSX/1.0 25A1"};
  for (size_t i = 0; i < 3; i++) {
    pass(US_MINUTE);
    a.agent = slice_of(agents[i]);
    (void)next_after(a, "A", "Idle", NULL);
  }
}
static void only_one_is_left(void) {
  pass(2 * US_HOUR);
  from("MDM-OSX/1.0 25A1");
}
static void another_serial_answers(void) {
  enqueue("A", "SecurityInfo", "C1");
  comes(a, "A");
  struct pl *m = pl_new_dict(fx.cx), *answers_of = pl_new_dict(fx.cx);
  pl_set_string(m, "UDID", "A");
  pl_set_string(m, "Status", "Acknowledged");
  pl_set_string(m, "CommandUUID", "C1");
  pl_set_string(answers_of, "SerialNumber", "SERIAL-B");
  pl_set(m, "QueryResponses", answers_of);
  (void)put_report_of(a, m);
}
static void the_identity_is_misused(void) {
  assert_int_equal(put_report(a, "B", "Idle", NULL)->refusal, ENROLL_MISUSED);
}

/* Goal: an update of the system changes the User-Agent once: that is no clone, and it is remembered. */
static void an_update_is_no_clone(void **state) {
  (void)state;
  shifted = 0;
  a_is_enrolled();
  from("MDM-OSX/1.0 24G9");
  from("MDM-OSX/1.0 25A1");
  expect_verdict("A", NULL, "fine");
  assert_int_equal(count("SELECT count(*) FROM enrollment WHERE last_agent = 'MDM-OSX/1.0 25A1'"), 1);
}

static const struct why_scenario scenarios[] = {
    {"unknown device", 1, "A", NULL, NULL, a_is_asked, a_is_forgotten_and_knocks, a_is_adopted, "device adopt A"},
    {"never finished", 2, "A", NULL, "(nobody)", a_begins, minutes_pass, b_finishes, "began to enroll"},
    {"checked out", 3, "A", NULL, NULL, a_is_asked, a_leaves, a_enrolls_again, "enroll link --device A"},
    {"erased", 4, "A", NULL, NULL, a_is_enrolled, a_is_erased, a_is_set_up_again, "test had it erased"},
    {"erased without a word", 4, "A", NULL, NULL, a_is_enrolled, a_is_erased_without_a_word, a_is_set_up_again,
     "probably"},
    {"blocked", 5, "A", NULL, NULL, a_is_enrolled, a_is_blocked, a_is_unblocked, "rosa blocked it"},
    {"another board", 6, "A", NULL, NULL, a_is_enrolled, another_board_comes, the_present_one_is_asked_about,
     "pomona why B"},
    {"former identity", 6, "A", NULL, NULL, a_is_enrolled, the_former_one_knocks, a_comes, "former enrollment"},
    {"takeover", 7, "A", NULL, NULL, a_is_enrolled, somebody_claims_a, the_claim_is_refused, "by link 1 of rosa"},
    {"expired identity", 9, "A", NULL, NULL, a_is_enrolled, a_comes_too_late, a_comes, "device grace A 7d"},
    {"other certificate", 10, "A", NULL, NULL, a_is_enrolled, a_comes_with_another, a_comes, "not bound to it"},
    {"foreign CA", 10, "A", NULL, NULL, a_is_enrolled, a_comes_of_a_foreign_ca, a_comes, "device-ca"},
    {"no proof", 11, "A", NULL, NULL, a_is_enrolled, a_proves_nothing, a_comes, "192.0.2.9 ends TLS"},
    {"two agents", 12, "A", NULL, NULL, a_is_enrolled, two_machines_take_turns, only_one_is_left, "24G9"},
    {"another serial number", 12, "A", NULL, NULL, a_is_enrolled, another_serial_answers, only_one_is_left, "SERIAL-B"},
    {"misused identity", 12, "A", NULL, NULL, a_is_enrolled, the_identity_is_misused, only_one_is_left, "name of B"},
};
enum { SCENARIOS = sizeof scenarios / sizeof *scenarios };

int main(void) {
  struct CMUnitTest tests[SCENARIOS + 2] = {
      cmocka_unit_test_setup_teardown(one_of_many, why_up, why_down),
      cmocka_unit_test_setup_teardown(an_update_is_no_clone, why_up, why_down),
  };
  for (int i = 0; i < SCENARIOS; i++) tests[2 + i] = WHY_TEST(scenarios[i]);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
