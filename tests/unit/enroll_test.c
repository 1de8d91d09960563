#include "core_fixture.h"

/* An id that could be mistaken for something else is refused, whatever it is called. */
static void test_bad_ids(void **state) {
  (void)state;
  static const char *const bad[] = {"", "a,b", "a:b", "a/b", "..", ".", "x..y", "a\nb", "a\x7f", "a\\b", "\xc2\x85"};
  struct enroll_ids ids;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct pl *m = pl_new_dict(fx.cx);
    pl_set_string(m, "UDID", bad[i]);
    assert_int_equal(enroll_ids(fx.cx, m, &ids), E_INVALID);
    ctx_clear_error(fx.cx);
  }
  char longest[257];
  memset(longest, 'A', 256);
  longest[256] = '\0';
  struct pl *m = pl_new_dict(fx.cx);
  pl_set_string(m, "UDID", longest);
  assert_int_equal(enroll_ids(fx.cx, m, &ids), E_INVALID);
  ctx_clear_error(fx.cx);
  pl_set_string(m, "UDID", longest + 1);
  assert_int_equal(enroll_ids(fx.cx, m, &ids), OK);
  assert_int_equal(enroll_ids(fx.cx, pl_new_dict(fx.cx), &ids), E_INVALID);
}

/* Channels have the names that NanoMDM gives them. */
static void test_channel_ids(void **state) {
  (void)state;
  static const struct {
    const char *udid, *user, *short_name, *enrollment, *enrollment_user, *id, *type;
  } rows[] = {
      {"U", NULL, NULL, NULL, NULL, "U", "Device"},
      {"U", "X", NULL, NULL, NULL, "U:X", "User"},
      {"U", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", "a@b.c", NULL, NULL, "U:a@b.c", "Shared iPad"},
      {NULL, NULL, NULL, "E", NULL, "E", "User Enrollment (Device)"},
      {NULL, NULL, NULL, "E", "Y", "E:Y", "User Enrollment"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct pl *m = pl_new_dict(fx.cx);
    struct enroll_ids ids;
    if (rows[i].udid) pl_set_string(m, "UDID", rows[i].udid);
    if (rows[i].user) pl_set_string(m, "UserID", rows[i].user);
    if (rows[i].short_name) pl_set_string(m, "UserShortName", rows[i].short_name);
    if (rows[i].enrollment) pl_set_string(m, "EnrollmentID", rows[i].enrollment);
    if (rows[i].enrollment_user) pl_set_string(m, "EnrollmentUserID", rows[i].enrollment_user);
    must(enroll_ids(fx.cx, m, &ids));
    assert_string_equal(ids.id, rows[i].id);
    assert_string_equal(ids.type, rows[i].type);
  }
  struct pl *nameless = pl_new_dict(fx.cx);
  struct enroll_ids ids;
  pl_set_string(nameless, "UDID", "U");
  pl_set_string(nameless, "UserID", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF");
  assert_int_equal(enroll_ids(fx.cx, nameless, &ids), E_INVALID);
}

/* Nothing is accepted from an identity that Authenticate has not bound. */
static void test_unbound_is_refused(void **state) {
  (void)state;
  struct enroll_proof p = new_identity("A");
  assert_int_equal(token_update(p, "A", "t"), ENROLL_UNKNOWN);
  assert_int_equal(put_report(p, "A", "Idle", NULL)->refusal, ENROLL_UNKNOWN);
  struct enroll_proof owner = enrolled("A");
  assert_int_equal(token_update(p, "A", "t"), ENROLL_UNBOUND);
  assert_int_equal(put_report(p, "A", "Idle", NULL)->refusal, ENROLL_UNBOUND);
  assert_string_equal(next_after(owner, "A", "Idle", NULL), "");
}

/* An identity belongs to one device for ever; using it for another one is told. */
static void test_identity_of_another_device(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  (void)enrolled("B");
  assert_int_equal(authenticate(p, "B", NULL), ENROLL_MISUSED);
  assert_int_equal(authenticate(p, "C", NULL), ENROLL_MISUSED);
  assert_int_equal(token_update(p, "B", "t"), ENROLL_MISUSED);
  assert_int_equal(put_report(p, "B", "Idle", NULL)->refusal, ENROLL_MISUSED);
  assert_int_equal(count("SELECT count(*) FROM event WHERE kind = 'identity.misused'"), 1);
  clock_shift(61 * US_MINUTE);
  assert_int_equal(put_report(p, "B", "Idle", NULL)->refusal, ENROLL_MISUSED);
  assert_int_equal(count("SELECT count(*) FROM event WHERE kind = 'identity.misused'"), 2);
  assert_int_equal(count("SELECT count(*) FROM device"), 2);
}

/* Another valid certificate cannot take a living device over, and nothing of the device changes. */
static void test_no_takeover(void **state) {
  (void)state;
  struct enroll_proof owner = enrolled("A"), thief = new_identity("thief");
  enqueue("A", "CertificateList", "1");
  assert_int_equal(authenticate(thief, "A", NULL), ENROLL_FOREIGN);
  assert_int_equal(put_report(thief, "A", "Idle", NULL)->refusal, ENROLL_UNBOUND);
  assert_string_equal(next_after(owner, "A", "Idle", NULL), "1");
}

/* A certificate that names the device may come in where the operator says that its CA can vouch. */
static void test_foreign_ca_vouches_by_name(void **state) {
  (void)state;
  (void)enrolled("A");
  fx.conf.device_ca_names = true;
  assert_int_equal(authenticate(new_identity("B"), "A", NULL), ENROLL_FOREIGN);
  assert_int_equal(authenticate(new_identity("S"), "A", "S"),
                   ENROLL_FOREIGN); /* a claim of the message is none of the CA */
  assert_int_equal(authenticate(new_identity("A"), "A", NULL), ENROLL_FINE);
}

/* A topic without push certificate is refused at Authenticate: such a device could never be woken. */
static void test_unknown_topic(void **state) {
  (void)state;
  enum enroll_refusal refusal;
  struct pl *m = pl_new_dict(fx.cx);
  pl_set_string(m, "MessageType", "Authenticate");
  pl_set_string(m, "UDID", "A");
  pl_set_string(m, "Topic", "com.apple.mgmt.External.other");
  must(check_in_with(new_identity("A"), m, &refusal));
  assert_int_equal(refusal, ENROLL_TOPIC);
  assert_int_equal(count("SELECT count(*) FROM device"), 0);
}

/* Messages that lack what they must have change nothing. */
static void test_incomplete_messages(void **state) {
  (void)state;
  enum enroll_refusal refusal;
  struct enroll_proof p = enrolled("A");
  assert_int_equal(check_in_with(p, message("TokenUpdate", "A"), &refusal), E_INVALID);
  struct pl *m = message("TokenUpdate", "A");
  pl_set_data(m, "Token", slice_of("t"));
  assert_int_equal(check_in_with(p, m, &refusal), E_INVALID);
  pl_set_string(m, "PushMagic", "");
  assert_int_equal(check_in_with(p, m, &refusal), E_INVALID);
  pl_set_string(m, "PushMagic", "m");
  pl_set_string(m, "UnlockToken", "not data");
  assert_int_equal(check_in_with(p, m, &refusal), E_INVALID);
  assert_int_equal(check_in_with(p, message("Nonsense", "A"), &refusal), E_INVALID);
  assert_int_equal(check_in_with(p, pl_new_dict(fx.cx), &refusal), E_INVALID);
  assert_int_equal(count("SELECT token_update_tally FROM enrollment WHERE id = 'A'"), 1);
}

/* Authenticate opens a pending generation: the former one is served until TokenUpdate, which takes over and ends its
 * queue. */
static void test_generations(void **state) {
  (void)state;
  struct enroll_proof first = enrolled("A"), second = new_identity("A2");
  enqueue("A", "CertificateList", "1");
  fx.conf.device_ca_names = false;
  assert_int_equal(check_out(first, "A"), ENROLL_FINE);
  assert_string_equal(next_after(first, "A", "Idle", NULL), ""); /* after CheckOut: 200 and empty */
  assert_string_equal(next_after(first, "A", "Idle", NULL), "");
  assert_int_equal(count("SELECT count(*) FROM event WHERE kind = 'device.seen-after-checkout'"), 1);
  assert_int_equal(count("SELECT count(*) FROM target WHERE waiting = 1"), 1); /* kept until someone else is there */
  assert_int_equal(authenticate(second, "A", NULL), ENROLL_FINE);
  assert_string_equal(next_after(second, "A", "Idle", NULL), ""); /* pending */
  assert_int_equal(token_update(second, "A", "new"), ENROLL_FINE);
  assert_int_equal(put_report(first, "A", "Idle", NULL)->refusal, ENROLL_FORMER);
  assert_string_equal(next_after(second, "A", "Idle", NULL), "");
  assert_int_equal(count("SELECT count(*) FROM target WHERE status = 'Cancelled' AND reason = 're-enrolled'"), 1);
  assert_int_equal(count("SELECT token_update_tally FROM enrollment WHERE id = 'A'"), 1);
}

static enum err release_job(struct ctx *cx, struct db *db, void *arg) { return enroll_release(cx, db, arg, "test"); }
static void release_job_run(const char *id) { must(in_job(release_job, (void *)(uintptr_t)id)); }

/* An aborted re-installation by the same identity darkens nothing. */
static void test_aborted_reinstallation(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  enqueue("A", "CertificateList", "1");
  assert_int_equal(authenticate(p, "A", NULL), ENROLL_FINE);
  assert_int_equal(authenticate(p, "A", NULL), ENROLL_FINE);
  assert_int_equal(count("SELECT count(*) FROM generation WHERE state = 'pending'"), 1);
  assert_int_equal(count("SELECT count(*) FROM generation"), 2);
  assert_int_equal(count("SELECT count(*) FROM target WHERE waiting = 1"), 1);
  assert_string_equal(next_after(p, "A", "Idle", NULL), "1");
  assert_string_equal(next_after(p, "A", "Acknowledged", "1"), "");
}

/* Nor does one by another identity, whatever it says of itself or of its users before its TokenUpdate. */
static void test_aborted_takeover(void **state) {
  (void)state;
  enum enroll_refusal refusal;
  struct enroll_proof owner = enrolled("A"), other = new_identity("other");
  struct pl *user = message("TokenUpdate", "A");
  pl_set_string(user, "UserID", "U");
  pl_set_data(user, "Token", slice_of("owner"));
  pl_set_string(user, "PushMagic", "m");
  pl_set_string(user, "UserShortName", "owner");
  pl_set_string(user, "UserLongName",
                "\xc2\x9b"
                "31m");
  must(check_in_with(owner, user, &refusal));
  assert_int_equal(count("SELECT count(*) FROM enrollment WHERE user_short_name = 'owner' AND user_long_name IS NULL"),
                   1);
  enqueue("A", "CertificateList", "1");
  release_job_run("A");
  assert_int_equal(authenticate(other, "A", NULL), ENROLL_FINE);
  pl_set_data(user, "Token", slice_of("other"));
  must(check_in_with(other, user, &refusal));
  assert_int_equal(count("SELECT count(*) FROM enrollment WHERE id = 'A:U' AND token = CAST('owner' AS BLOB)"), 1);
  assert_string_equal(next_after(other, "A", "Idle", NULL), "");
  assert_int_equal(check_out(other, "A"), ENROLL_FINE);
  assert_int_equal(count("SELECT count(*) FROM enrollment WHERE enabled = 1"), 2);
  assert_string_equal(next_after(owner, "A", "Idle", NULL), "1");
  assert_int_equal(token_update(other, "A", "late"), ENROLL_FORMER);
}

/* A device cannot make users without end. */
static void test_users_are_bounded(void **state) {
  (void)state;
  enum enroll_refusal refusal;
  struct enroll_proof p = enrolled("A");
  for (int i = 0; i <= 1001; i++) {
    struct pl *user = message("TokenUpdate", "A");
    pl_set_string(user, "UserID", ctx_printf(fx.cx, "U%d", i < 1001 ? i : 0));
    pl_set_data(user, "Token", slice_of("t"));
    pl_set_string(user, "PushMagic", "m");
    assert_int_equal(check_in_with(p, user, &refusal), i == 1000 ? E_INVALID : OK);
  }
  assert_int_equal(count("SELECT count(*) FROM enrollment"), 1001);
}

/* What frees a device: CheckOut (above), an operator's release, its own erasure, an identity that ended long ago. */
static void test_release(void **state) {
  (void)state;
  (void)enrolled("A");
  struct enroll_proof other = new_identity("other");
  assert_int_equal(authenticate(other, "A", NULL), ENROLL_FOREIGN);
  release_job_run("A");
  assert_int_equal(authenticate(other, "A", NULL), ENROLL_FINE);
  assert_int_equal(in_job(release_job, (void *)(uintptr_t) "nobody"), E_NOT_FOUND);
}

static void test_erased_device_comes_back(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A"), wiped = new_identity("wiped");
  enqueue("A", "EraseDevice", "E");
  assert_int_equal(authenticate(wiped, "A", NULL), ENROLL_FOREIGN); /* queued is not erased */
  assert_string_equal(next_after(p, "A", "Idle", NULL), "E");
  assert_string_equal(next_after(p, "A", "Acknowledged", "E"), "");
  assert_int_equal(authenticate(wiped, "A", NULL), ENROLL_FINE);
}

static void test_silent_after_erase(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A"), wiped = new_identity("wiped");
  enqueue("A", "EraseDevice", "E");
  assert_string_equal(next_after(p, "A", "Idle", NULL), "E");
  seen_stop(fx.core.seen); /* writes what is left */
  must(seen_start(fx.cx, &fx.core.seen, &fx.core));
  clock_shift(29 * US_MINUTE);
  assert_int_equal(authenticate(wiped, "A", NULL), ENROLL_FOREIGN);
  clock_shift(31 * US_MINUTE);
  assert_int_equal(authenticate(wiped, "A", NULL), ENROLL_FINE);
}

static void test_identity_ended_long_ago(void **state) {
  (void)state;
  (void)enrolled("A");
  clock_shift((30 + 364) * US_DAY);
  import_pushcert(TOPIC);
  struct enroll_proof other = new_identity("other");
  assert_int_equal(authenticate(other, "A", NULL), ENROLL_FOREIGN);
  clock_shift((30 + 366) * US_DAY);
  assert_int_equal(authenticate(other, "A", NULL), ENROLL_FINE);
}

/* An absent UnlockToken or AwaitingConfiguration never erases the stored one, and the token is not stored readable. */
static void test_unlock_token_is_kept(void **state) {
  (void)state;
  enum enroll_refusal refusal;
  struct enroll_proof p = enrolled("A");
  struct pl *m = message("TokenUpdate", "A");
  pl_set_data(m, "Token", slice_of("t"));
  pl_set_string(m, "PushMagic", "m");
  pl_set_data(m, "UnlockToken", slice_of("very secret unlock token"));
  pl_set_bool(m, "AwaitingConfiguration", true);
  must(check_in_with(p, m, &refusal));
  assert_int_equal(token_update(p, "A", "t2"), ENROLL_FINE);
  assert_int_equal(
      count("SELECT count(*) FROM generation WHERE unlock_token_sealed IS NOT NULL AND awaiting_configuration = 1"), 1);
  assert_int_equal(
      count("SELECT count(*) FROM generation WHERE instr(unlock_token_sealed, CAST('secret' AS BLOB)) > 0"), 0);
}

/* A device is found by its id, or by a serial number that only it has: of two, the later one, until the former is heard
 * of again. */
static void test_lookup(void **state) {
  (void)state;
  int64_t enrollment;
  char *id;
  static const char *const udids[] = {"A", "B", "C"}, *const serials[] = {"S1", "S2", "S2"};
  struct enroll_proof proofs[3];
  for (int i = 0; i < 3; i++) {
    proofs[i] = new_identity(udids[i]);
    assert_int_equal(authenticate(proofs[i], udids[i], serials[i]), ENROLL_FINE);
    assert_int_equal(token_update(proofs[i], udids[i], "t"), ENROLL_FINE);
  }
  must(enroll_lookup(fx.cx, reader(), "S1", &enrollment, &id));
  assert_string_equal(id, "A");
  must(enroll_lookup(fx.cx, reader(), "B", &enrollment, &id));
  must(enroll_lookup(fx.cx, reader(), "S2", &enrollment, &id));
  assert_string_equal(id, "C");
  assert_int_equal(token_update(proofs[1], "B", "t"), ENROLL_FINE);
  assert_int_equal(enroll_lookup(fx.cx, reader(), "S2", &enrollment, &id), E_CONFLICT);
  ctx_clear_error(fx.cx);
  assert_int_equal(enroll_lookup(fx.cx, reader(), "none", &enrollment, &id), E_NOT_FOUND);
}

#define T(f) cmocka_unit_test_setup_teardown(f, fixture_open, fixture_close)
int main(void) {
  const struct CMUnitTest tests[] = {
      T(test_bad_ids),
      T(test_channel_ids),
      T(test_unbound_is_refused),
      T(test_identity_of_another_device),
      T(test_no_takeover),
      T(test_foreign_ca_vouches_by_name),
      T(test_unknown_topic),
      T(test_incomplete_messages),
      T(test_generations),
      T(test_aborted_reinstallation),
      T(test_aborted_takeover),
      T(test_users_are_bounded),
      T(test_release),
      T(test_erased_device_comes_back),
      T(test_silent_after_erase),
      T(test_identity_ended_long_ago),
      T(test_unlock_token_is_kept),
      T(test_lookup),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
