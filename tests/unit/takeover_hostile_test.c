#include "takeover_world.h"

/* ---- who had the device once ---- */

static struct enroll_proof comes_in(struct enroll_proof p, const char *token) {
  assert_int_equal(authenticate(p, "A", NULL), ENROLL_FINE);
  assert_int_equal(token_update(p, "A", token), ENROLL_FINE);
  return p;
}

static struct enroll_proof wanted(const char *token) { return comes_in(by_link(new_link(1, "A")), token); }

/* `other` claims the device of `mine` and gets nothing, until `mine` is heard of. */
static void gets_nowhere(struct enroll_proof other, struct enroll_proof mine) {
  enqueue("A", "CertificateList", "hers");
  assert_int_equal(authenticate(other, "A", NULL), ENROLL_FINE);
  assert_int_equal(token_update(other, "A", "tried"), ENROLL_FINE);
  assert_true(is_empty(other));
  assert_int_equal(count("SELECT count(*) FROM generation WHERE state = 'provisional'"), 1);
  assert_string_equal(next_after(mine, "A", "Idle", NULL), "hers");
  assert_int_equal(put_report(other, "A", "Idle", NULL)->refusal, ENROLL_VOIDED);
}

/* An identity of a former enrollment is worth no more than a stranger's: not one that lost to an operator's word, */
static void test_former_identity(void **state) {
  (void)state;
  struct enroll_proof mine = owner(), next = wanted("next");
  gets_nowhere(mine, next);
}

/* nor a usurper's that an operator has put out, */
static void test_usurper_that_was_put_out(void **state) {
  (void)state;
  (void)owner();
  struct enroll_proof other = usurper(), next = wanted("next");
  gets_nowhere(other, next);
}

/* nor one whose link was made for this device: that link has done its work, */
static void test_link_for_the_device_counts_once(void **state) {
  (void)state;
  struct enroll_proof first = wanted("first"), next = wanted("next");
  gets_nowhere(first, next);
}

static enum err forget_job(struct ctx *cx, struct db *db, void *arg) {
  struct enroll_forget f = {.by = "boss", .anyway = true, .more = true};
  while (f.more) TRY(enroll_forget(cx, db, &fx.core, arg, &f));
  return OK;
}

static struct enroll_proof renewed(const struct requester *a, const struct pki_cert *cert) {
  struct requester r = {.key = a->key, .cert = (struct pki_cert *)(uintptr_t)cert, .type = SCEP_RENEWALREQ};
  r.transaction = "R1";
  struct scep_reply reply = send(&r, NULL);
  assert_int_equal(reply.status, SCEP_SUCCESS);
  return proof_of(reply.issued);
}

/* nor one that was renewed, nor one of before the device was forgotten. */
static void test_identity_of_a_forgotten_device(void **state) {
  (void)state;
  struct requester a = new_requester();
  struct pki_cert *cert = send(&a, challenge_of(new_link(1, "A"))).issued;
  struct enroll_proof first = comes_in(proof_of(cert), "token"), second = renewed(&a, cert);
  must(in_job(forget_job, (void *)"A"));
  struct enroll_proof next = comes_in(by_link(new_link(1, NULL)), "next");
  assert_int_equal(authenticate(first, "A", NULL), ENROLL_FINE);
  assert_int_equal(count("SELECT count(*) FROM generation WHERE state = 'provisional'"), 1);
  gets_nowhere(second, next);
}

/* It is welcome again where nobody has the device. */
static void test_former_identity_comes_back(void **state) {
  (void)state;
  struct enroll_proof mine = owner(), next = wanted("next");
  assert_int_equal(check_out(next, "A"), ENROLL_FINE);
  (void)comes_in(mine, "back");
  enqueue("A", "CertificateList", "2");
  assert_string_equal(next_after(mine, "A", "Idle", NULL), "2");
}

/* ---- what silence is ---- */

static enum err unblock_job(struct ctx *cx, struct db *db, void *arg) {
  return enroll_unblock(cx, db, &fx.core, arg, "boss");
}

/* Who was turned away while it was blocked was not silent: the time begins anew, with a push of its own. */
static void test_blocked_is_not_silent(void **state) {
  (void)state;
  struct enroll_proof mine = owner(), other = claimant(1);
  assert_int_equal(token_update(other, "A", "other"), ENROLL_FINE);
  apns_took();
  assert_false(comes());
  must(in_job(block_job, NULL));
  assert_int_equal(put_report(mine, "A", "Idle", NULL)->refusal, ENROLL_BLOCKED);
  later(US_DAY);
  must(in_job(unblock_job, (void *)"A"));
  assert_false(comes());
  assert_int_equal(count("SELECT count(*) FROM wake WHERE due_at IS NOT NULL AND why = 'asked'"), 1);
  later(US_DAY + US_SECOND);
  apns_took();
  assert_false(comes());
  later(US_DAY + 10 * US_MINUTE);
  assert_false(comes());
  later(US_DAY + 16 * US_MINUTE);
  assert_true(comes());
}

/* Nobody can be heard while the server is down: silence counts when it has been up for a while. */
static void test_server_that_was_down(void **state) {
  (void)state;
  struct enroll_proof mine = owner(), other = claimant(1);
  assert_int_equal(token_update(other, "A", "other"), ENROLL_FINE);
  apns_took();
  assert_false(comes());
  later(3 * US_DAY);
  enroll_listens(&fx.core, clock_now_us(), 1);
  assert_false(comes());
  later(3 * US_DAY + 14 * US_MINUTE);
  assert_false(comes());
  assert_string_equal(next_after(mine, "A", "Idle", NULL), "1");
}

/* That does not hold up one that has waited for a day by a link of many uses. */
static void test_server_that_restarts(void **state) {
  (void)state;
  (void)owner();
  struct enroll_proof other = claimant(500);
  assert_int_equal(token_update(other, "A", "other"), ENROLL_FINE);
  apns_took();
  assert_false(comes());
  later(US_DAY);
  enroll_listens(&fx.core, clock_now_us(), 1);
  assert_false(comes());
  later(US_DAY + 16 * US_MINUTE);
  assert_true(comes());
}

/* Nor is anybody heard by a machine that sleeps; what it sees of that is its clock, which leaps. */
static void test_clock_that_leaps(void **state) {
  (void)state;
  struct enroll_proof mine = owner(), other = claimant(1);
  assert_int_equal(token_update(other, "A", "other"), ENROLL_FINE);
  enroll_listens(&fx.core, clock_now_us(), US_HOUR);
  apns_took();
  assert_false(comes());
  later(10 * US_MINUTE);
  enroll_listens(&fx.core, clock_now_us(), US_HOUR + US_SECOND);
  later(3 * US_DAY);
  enroll_listens(&fx.core, clock_now_us(), 3 * US_DAY);
  assert_false(comes());
  later(3 * US_DAY + 14 * US_MINUTE);
  assert_false(comes());
  assert_string_equal(next_after(mine, "A", "Idle", NULL), "1");
}

/* A renewal is a request, too. */
static void test_renewal_defends(void **state) {
  (void)state;
  struct requester a = new_requester();
  struct pki_cert *cert = send(&a, challenge_of(new_link(1, NULL))).issued;
  (void)comes_in(proof_of(cert), "token");
  struct enroll_proof other = claimant(1);
  (void)renewed(&a, cert);
  assert_int_equal(put_report(other, "A", "Idle", NULL)->refusal, ENROLL_VOIDED);
  assert_int_equal(count("SELECT count(*) FROM event WHERE kind = 'takeover.refused'"), 1);
}

/* ---- who is on the way ---- */

/* Whoever comes by an operator's word is not pushed aside by a stranger who claims the device again and again. */
static void test_wanted_one_is_not_pushed_aside(void **state) {
  (void)state;
  (void)owner();
  struct enroll_proof other = claimant(1), next = by_link(new_link(1, "A"));
  assert_int_equal(authenticate(next, "A", NULL), ENROLL_FINE);
  assert_int_equal(authenticate(other, "A", NULL), ENROLL_CONTESTED);
  assert_int_equal(token_update(next, "A", "next"), ENROLL_FINE);
  assert_int_equal(count("SELECT count(*) FROM generation WHERE state = 'current' AND way_in = 'operator'"), 1);
  assert_int_equal(authenticate(other, "A", NULL), ENROLL_FINE);
}

static void test_accepted_one_is_not_pushed_aside(void **state) {
  (void)state;
  (void)owner();
  struct enroll_proof thief = claimant(1), other = claimant(1);
  must(accept("A"));
  assert_int_equal(authenticate(thief, "A", NULL), ENROLL_CONTESTED);
  assert_int_equal(authenticate(other, "A", NULL), ENROLL_FINE); /* itself, again */
  assert_int_equal(token_update(other, "A", "other"), ENROLL_FINE);
  assert_int_equal(count("SELECT count(*) FROM generation WHERE state = 'current' AND way_in = 'operator'"), 1);
}

/* When nothing came of it, it holds up nobody. */
static void test_wanted_one_that_never_came(void **state) {
  (void)state;
  (void)owner();
  assert_int_equal(authenticate(by_link(new_link(1, "A")), "A", NULL), ENROLL_FINE);
  later(10 * US_MINUTE);
  struct enroll_proof other = claimant(1);
  assert_int_equal(token_update(other, "A", "token"), ENROLL_FINE);
  assert_int_equal(count("SELECT count(*) FROM generation WHERE state = 'current' AND way_in = 'token'"), 1);
}

/* ---- any order ---- */

enum { THIEVES = 4, STEPS = 1500 };

static enum err amnesty_job(struct ctx *cx, struct db *db, void *arg) {
  (void)arg;
  TRY(db_run(cx, db, "UPDATE identity SET voided_at = NULL"));
  return db_run(cx, db, "UPDATE link SET revoked_at = NULL");
}

static struct slice secret_of(struct enroll_proof p) {
  struct checkin *c = ctx_alloc(fx.cx, sizeof *c);
  *c = (struct checkin){.core = &fx.core, .proof = p};
  must(checkin_read(fx.cx, pl_xml(fx.cx, message("GetBootstrapToken", "A")), c));
  must(in_job(checkin_apply, c));
  return c->answer;
}

static void leave_secret(struct enroll_proof p, const char *secret) {
  enum enroll_refusal refusal;
  struct pl *m = message("SetBootstrapToken", "A");
  pl_set_data(m, "BootstrapToken", slice_of(secret));
  must(check_in_with(p, m, &refusal));
}

/* What a thief may try; nothing of it must be answered with anything. */
static void thief_acts(struct enroll_proof p, uint32_t what) {
  switch (what % 8) {
  case 0:
    (void)token_update(p, "A", "theirs");
    break;
  case 1:
    (void)check_out(p, "A");
    break;
  case 2:
    assert_null(put_report(p, "A", "Acknowledged", "1")->command.p);
    break;
  case 3:
    leave_secret(p, "theirs");
    break;
  case 4:
    assert_null(secret_of(p).p);
    break;
  case 5:
    (void)user_token(p, "U", "theirs");
    break;
  case 6:
    assert_null(put_report(p, "A", "Idle", NULL)->command.p);
    break;
  default:
    (void)authenticate(p, "A", "SERIAL-A");
  }
}

static void owner_acts(struct enroll_proof p, uint32_t what) {
  switch (what % 5) {
  case 0:
    assert_int_equal(token_update(p, "A", "token"), ENROLL_FINE);
    break;
  case 1:
    assert_int_equal(user_token(p, "U", "user"), ENROLL_FINE);
    break;
  case 2:
    leave_secret(p, "ours");
    break;
  case 3:
    assert_int_equal(authenticate(p, "A", NULL), ENROLL_FINE);
    break;
  default:
    assert_int_equal(put_report(p, "A", "Idle", NULL)->refusal, ENROLL_FINE);
  }
}

/* Whatever strangers and the device say, in any order: it keeps its place, its tokens and its secrets, is always
   served, and nobody else gets anything. */
static void test_any_order(void **state) {
  (void)state;
  struct enroll_proof mine = owner(), thieves[THIEVES];
  uint32_t dice = 1;
  leave_secret(mine, "ours");
  assert_int_equal(user_token(mine, "U", "user"), ENROLL_FINE);
  for (int i = 0; i < THIEVES; i++) thieves[i] = by_link(new_link(i % 2 ? 1 : 9, NULL));
  for (int i = 0; i < STEPS; i++) {
    dice = dice * 1664525 + 1013904223;
    if (dice >> 29 == 0)
      owner_acts(mine, dice >> 16);
    else
      thief_acts(thieves[(dice >> 24) % THIEVES], dice >> 16);
    if (dice >> 28 == 15) apns_took();
    assert_false(comes());
    if (dice >> 27 == 1) must(in_job(amnesty_job, NULL));
    assert_int_equal(count("SELECT count(*) FROM enrollment WHERE enabled = 1 AND token = CAST('token' AS BLOB)"), 1);
    assert_int_equal(count("SELECT count(*) FROM enrollment WHERE token = CAST('theirs' AS BLOB)"), 0);
  }
  leave_secret(mine, "ours");
  assert_non_null(secret_of(mine).p);
  enqueue("A", "CertificateList", "last");
  (void)put_report(mine, "A", "Acknowledged", "1");
  assert_string_equal(next_after(mine, "A", "Idle", NULL), "last");
}

/* ---- secrets ---- */

/* What each of two left stays with it, there and back. */
static void test_secrets_stay_with_their_generation(void **state) {
  (void)state;
  struct enroll_proof mine = owner();
  leave_secret(mine, "ours");
  struct slice ours = secret_of(mine);
  struct enroll_proof other = usurper();
  assert_null(secret_of(other).p);
  leave_secret(other, "theirs");
  assert_non_null(secret_of(other).p);
  assert_true(slice_eq(secret_of(mine), ours)); /* with which it wins its place back */
  assert_null(secret_of(other).p);
}

/* ---- wiped devices of User Enrollment ---- */

static struct checkin *says_by_enrollment(struct enroll_proof p, const char *type, const char *token) {
  struct checkin *c = ctx_alloc(fx.cx, sizeof *c);
  struct pl *m = pl_new_dict(fx.cx);
  *c = (struct checkin){.core = &fx.core, .proof = p};
  pl_set_string(m, "MessageType", type);
  pl_set_string(m, "EnrollmentID", "E");
  pl_set_string(m, "Topic", TOPIC);
  if (token) pl_set_data(m, "Token", slice_of(token));
  if (token) pl_set_string(m, "PushMagic", "magic");
  must(checkin_read(fx.cx, pl_xml(fx.cx, m), c));
  must(in_job(checkin_apply, c));
  assert_int_equal(c->refusal, ENROLL_FINE);
  return c;
}

/* They get back by themselves like others, by a link of many uses after a day of which APNs took every push. */
static void test_wiped_user_enrollment(void **state) {
  (void)state;
  for (int i = 0; i < 2; i++) {
    struct enroll_proof p = by_link(new_link(9, NULL));
    says_by_enrollment(p, "Authenticate", NULL);
    says_by_enrollment(p, "TokenUpdate", i ? "new" : "old");
  }
  for (int64_t at = 0; at < US_DAY; at += 6 * US_HOUR) {
    later(at);
    apns_took();
    assert_false(comes());
  }
  later(US_DAY + US_SECOND);
  assert_true(comes());
  assert_int_equal(count("SELECT count(*) FROM enrollment WHERE id = 'E' AND enabled = 1 "
                         "AND type = 'User Enrollment (Device)' AND token = CAST('new' AS BLOB)"),
                   1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, scep_open, scep_close)
int main(void) {
  const struct CMUnitTest tests[] = {
      T(test_former_identity),
      T(test_usurper_that_was_put_out),
      T(test_link_for_the_device_counts_once),
      T(test_identity_of_a_forgotten_device),
      T(test_former_identity_comes_back),
      T(test_blocked_is_not_silent),
      T(test_server_that_was_down),
      T(test_server_that_restarts),
      T(test_clock_that_leaps),
      T(test_renewal_defends),
      T(test_wanted_one_is_not_pushed_aside),
      T(test_accepted_one_is_not_pushed_aside),
      T(test_wanted_one_that_never_came),
      T(test_any_order),
      T(test_secrets_stay_with_their_generation),
      T(test_wiped_user_enrollment),
  };
  return cmocka_run_group_tests(tests, NULL, free_ring);
}
