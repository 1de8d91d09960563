#include "checkin_world.h"

static void set_bootstrap(struct enroll_proof p, const char *token) {
  struct pl *m = message("SetBootstrapToken", "A");
  if (token) pl_set_data(m, "BootstrapToken", slice_of(token));
  accepted_empty(say(p, m));
}

/* NULL: none. */
static void assert_bootstrap(struct enroll_proof p, const char *expected) {
  struct slice token;
  const struct checkin *c = say_type(p, "GetBootstrapToken");
  assert_int_equal(c->refusal, ENROLL_FINE);
  if (!expected) {
    accepted_empty(c);
    return;
  }
  assert_true(pl_data(pl_get(answer_of(c), "BootstrapToken"), &token));
  assert_true(slice_is(token, expected));
}

/* The newest one counts; a missing or empty one removes it; it is not stored readable. */
static void test_bootstrap_token(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  assert_bootstrap(p, NULL);
  set_bootstrap(p, "first secret");
  assert_bootstrap(p, "first secret");
  set_bootstrap(p, "second secret");
  assert_bootstrap(p, "second secret");
  assert_int_equal(count("SELECT count(*) FROM generation WHERE instr(bootstrap_token_sealed, CAST('secret' AS BLOB))"),
                   0);
  set_bootstrap(p, NULL);
  assert_bootstrap(p, NULL);
  set_bootstrap(p, "third");
  set_bootstrap(p, "");
  assert_bootstrap(p, NULL);
}

static enum err damage_job(struct ctx *cx, struct db *db, void *arg) {
  (void)arg;
  return db_run(cx, db, "UPDATE generation SET bootstrap_token_sealed = x'0102'");
}

/* One that does not open is our trouble, which passes by an operator's hand: nothing is wrong with the message. */
static void test_bootstrap_token_does_not_open(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  set_bootstrap(p, "secret");
  must(in_job(damage_job, NULL));
  struct checkin c = {.core = &fx.core, .proof = p};
  must(checkin_read(fx.cx, pl_xml(fx.cx, message("GetBootstrapToken", "A")), &c));
  assert_int_equal(in_job(checkin_apply, &c), E_STORAGE);
  ctx_clear_error(fx.cx);
  set_bootstrap(p, "another");
  assert_bootstrap(p, "another");
}

static enum err lose_job(struct ctx *cx, struct db *db, void *arg) {
  (void)arg;
  return db_run(cx, db, "ALTER TABLE pushcert RENAME TO lost");
}

/* While the database cannot tell which topics there are, an Authenticate is not refused for its topic: that would end
   an enrollment. */
static void test_topics_that_cannot_be_read(void **state) {
  (void)state;
  struct enroll_proof p = new_identity("A");
  must(in_job(lose_job, NULL));
  struct checkin c = {.core = &fx.core, .proof = p};
  must(checkin_read(fx.cx, pl_xml(fx.cx, message("Authenticate", "A")), &c));
  assert_int_equal(in_job(checkin_apply, &c), E_INTERNAL);
  assert_int_equal(c.refusal, ENROLL_FINE);
}

/* Both messages may say whether the Mac still waits in Setup Assistant. */
static void test_bootstrap_token_while_awaiting(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  static const char *const both[] = {"SetBootstrapToken", "GetBootstrapToken"};
  for (int i = 0; i < 4; i++) {
    struct pl *m = message(both[i / 2], "A");
    pl_set_bool(m, "AwaitingConfiguration", i % 2 == 0);
    accepted_empty(say(p, m));
    accepted_empty(say_type(p, both[i / 2])); /* absent: as it was */
    assert_int_equal(count("SELECT awaiting_configuration FROM generation"), i % 2 == 0);
  }
}

struct bind {
  struct enroll_proof identity;
  int64_t generation;
};

/* As SCEP does for a renewal. */
static enum err bind_job(struct ctx *cx, struct db *db, void *arg) {
  const struct bind *b = arg;
  struct pki_cert *cert;
  TRY(pki_cert_parse(cx, &cert, b->identity.cert));
  TRY(enroll_identity_add(cx, db, cert, 0, NULL));
  return enroll_identity_bind(cx, db, b->identity.hash, "A", b->generation);
}

/* It is kept when the identity is renewed. */
static void test_bootstrap_token_after_renewal(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  set_bootstrap(p, "token");
  struct bind b = {new_identity("renewed"), count("SELECT generation FROM device")};
  must(in_job(bind_job, &b));
  assert_bootstrap(b.identity, "token");
}

/* A new enrollment inherits none; the former's is archived, and served until the new one is in force. */
static void test_bootstrap_token_of_a_former_enrollment(void **state) {
  (void)state;
  struct enroll_proof first = enrolled("A"), second = new_identity("second");
  set_bootstrap(first, "former");
  release("A");
  assert_int_equal(authenticate(second, "A", NULL), ENROLL_FINE);
  assert_bootstrap(first, "former");
  assert_bootstrap(second, NULL);
  assert_int_equal(token_update(second, "A", "t"), ENROLL_FINE);
  assert_int_equal(say_type(first, "GetBootstrapToken")->refusal, ENROLL_FORMER);
  assert_bootstrap(second, NULL);
  set_bootstrap(second, NULL);
  assert_int_equal(count("SELECT count(*) FROM generation WHERE bootstrap_token_sealed IS NOT NULL"), 1);
}

/* One that is set while an installation is under way counts whether that is finished or not. */
static void test_bootstrap_token_during_a_reinstallation(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  set_bootstrap(p, "former");
  assert_int_equal(authenticate(p, "A", NULL), ENROLL_FINE);
  assert_bootstrap(p, "former");
  set_bootstrap(p, "new");
  assert_bootstrap(p, "new");
  assert_int_equal(token_update(p, "A", "t"), ENROLL_FINE);
  assert_bootstrap(p, "new");
  assert_int_equal(authenticate(p, "A", NULL), ENROLL_FINE);
  assert_int_equal(token_update(p, "A", "t"), ENROLL_FINE);
  assert_bootstrap(p, NULL);
}

/* ---- what nothing is configured for ---- */

static void test_services_without_configuration(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  static const char *const services[] = {"com.apple.maid", "com.apple.watch.pairing", "com.example.unknown"};
  for (size_t i = 0; i < sizeof services / sizeof *services; i++) {
    struct pl *m = message("GetToken", "A");
    pl_set_string(m, "TokenServiceType", services[i]);
    assert_int_equal(say(p, m)->status, 400);
    assert_int_equal(say(p, of_user(m))->status, 400);
  }
  assert_int_equal(say_type(p, "ReturnToService")->status, 400);
}

#define T(f) cmocka_unit_test_setup_teardown(f, fixture_open, fixture_close)
int main(void) {
  const struct CMUnitTest tests[] = {
      T(test_bootstrap_token),
      T(test_topics_that_cannot_be_read),
      T(test_bootstrap_token_does_not_open),
      T(test_bootstrap_token_while_awaiting),
      T(test_bootstrap_token_after_renewal),
      T(test_bootstrap_token_of_a_former_enrollment),
      T(test_bootstrap_token_during_a_reinstallation),
      T(test_services_without_configuration),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
