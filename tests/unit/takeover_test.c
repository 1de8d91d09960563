#include "takeover_world.h"

#include "core/push.h"

/* ---- the first contact of a migrated device ---- */

/* The first identity that is seen of a migrated device is its own; another one is not, nor is the first too late. */
static void test_first_contact(void **state) {
  (void)state;
  migrated("A");
  migrated("B");
  enqueue("A", "CertificateList", "1");
  struct enroll_proof first = new_identity("x"), second = new_identity("y"), late = new_identity("z");
  assert_string_equal(next_after(first, "A", "Idle", NULL), "1");
  assert_int_equal(put_report(second, "A", "Idle", NULL)->refusal, ENROLL_UNBOUND);
  assert_int_equal(put_report(first, "B", "Idle", NULL)->refusal, ENROLL_MISUSED);
  assert_int_equal(count("SELECT count(*) FROM event WHERE kind = 'device.first-contact' AND enrollment = 'A'"), 1);
  assert_int_equal(count("SELECT count(*) FROM device WHERE contact_until IS NULL"), 1);
  clock_shift(91 * US_DAY);
  assert_int_equal(put_report(late, "B", "Idle", NULL)->refusal, ENROLL_UNBOUND);
  assert_int_equal(count("SELECT count(*) FROM identity WHERE device_id = 'B'"), 0);
}

/* ---- takeovers ---- */

/* A link of anybody's takes nothing: whoever claims a device by it gets 200 and nothing, and is kept out of everything
   that the device has; who has it is woken. */
static void test_provisional(void **state) {
  (void)state;
  struct enroll_proof mine = owner();
  assert_int_equal(user_token(mine, "U", "user"), ENROLL_FINE);
  struct enroll_proof other = claimant(1);
  assert_int_equal(count("SELECT count(*) FROM wake WHERE why = 'asked' AND due_at IS NOT NULL"), 2);
  assert_true(is_empty(other));
  assert_int_equal(token_update(other, "A", "other"), ENROLL_FINE);
  assert_int_equal(user_token(other, "U", "other user"), ENROLL_FINE);
  assert_int_equal(user_token(other, "V", "other user"), ENROLL_FINE);
  assert_null(put_report(other, "A", "Acknowledged", "1")->command.p);
  assert_int_equal(count("SELECT count(*) FROM enrollment"), 2);
  assert_int_equal(
      count("SELECT count(*) FROM enrollment WHERE token IN (CAST('token' AS BLOB), CAST('user' AS BLOB))"), 2);
  assert_int_equal(count("SELECT count(*) FROM target WHERE waiting = 1 AND status = 'Queued'"), 1);
  assert_int_equal(count("SELECT count(*) FROM event WHERE kind = 'takeover.provisional'"), 1);
  assert_false(comes());
}

/* The least request of the one in force ends it for good: link, identity, challenge. */
static void test_living_device_keeps_its_place(void **state) {
  (void)state;
  struct enroll_proof mine = owner();
  struct requester thief = new_requester();
  const char *link = new_link(2, NULL), *challenge = challenge_of(link);
  struct enroll_proof other = proof_of(send(&thief, challenge).issued), second = by_link(link);
  struct enroll_session s;
  assert_int_equal(authenticate(other, "A", NULL), ENROLL_FINE);
  assert_int_equal(token_update(other, "A", "other"), ENROLL_FINE);
  assert_string_equal(next_after(mine, "A", "Idle", NULL), "1");
  assert_int_equal(count("SELECT count(*) FROM generation WHERE state <> 'current'"), 0);
  assert_int_equal(count("SELECT count(*) FROM held_token"), 0);
  assert_int_equal(count("SELECT count(*) FROM link WHERE revoked_by = 'takeover'"), 1);
  assert_int_equal(put_report(other, "A", "Idle", NULL)->refusal, ENROLL_VOIDED);
  assert_int_equal(authenticate(other, "A", NULL), ENROLL_VOIDED);
  assert_int_equal(authenticate(second, "A", NULL), ENROLL_VOIDED); /* of the same link */
  assert_int_equal(send(&thief, challenge).status, SCEP_FAILURE);
  assert_int_equal(fetch_err(link, &s), E_GONE);
  assert_int_equal(count("SELECT count(*) FROM event WHERE kind = 'takeover.refused' "
                         "AND json_extract(data, '$.address') = '192.0.2.1' AND json_extract(data, '$.link') = 2 "
                         "AND json_extract(data, '$.link_by') = 'test'"),
                   1);
  assert_int_equal(check_out(mine, "A"), ENROLL_FINE);
  assert_int_equal(authenticate(other, "A", NULL), ENROLL_VOIDED); /* not even when nobody has it */
}

/* Every message of the one in force counts, also its Authenticate, its users' and those that come late. */
static void test_every_request_defends(void **state) {
  (void)state;
  struct enroll_proof mine = owner();
  assert_int_equal(user_token(mine, "U", "user"), ENROLL_FINE);
  for (int i = 0; i < 4; i++) {
    struct enroll_proof other = claimant(1);
    assert_int_equal(count("SELECT count(*) FROM generation WHERE state = 'provisional'"), 1);
    if (i == 0) assert_int_equal(token_update(mine, "A", "token"), ENROLL_FINE);
    if (i == 1) assert_int_equal(user_token(mine, "U", "user"), ENROLL_FINE);
    if (i == 2) assert_int_equal(put_report(mine, "A", "Acknowledged", "unknown")->refusal, ENROLL_FINE);
    if (i == 3) assert_int_equal(authenticate(mine, "A", NULL), ENROLL_FINE);
    assert_int_equal(count("SELECT count(*) FROM generation WHERE state = 'provisional'"), 0);
    assert_int_equal(token_update(other, "A", "token"), ENROLL_VOIDED);
  }
  assert_int_equal(count("SELECT count(*) FROM event WHERE kind = 'takeover.refused'"), 4);
}

/* A poll that is under way on a reader when the claim is made answers as ever; the next one defends. */
static void test_poll_in_the_same_moment(void **state) {
  (void)state;
  struct enroll_proof mine = owner();
  struct report *r = ctx_alloc(fx.cx, sizeof *r);
  bool done;
  (void)claimant(1);
  *r = (struct report){.core = &fx.core, .proof = mine, .now = clock_now_us()};
  must(report_read(fx.cx,
                   slice_of("<plist version=\"1.0\"><dict><key>UDID</key><string>A</string><key>Status</key>"
                            "<string>Idle</string></dict></plist>"),
                   r));
  must(report_poll(fx.cx, reader(), r, &done));
  assert_false(done); /* a reader cannot defend */
  must(in_job(report_apply, r));
  assert_string_equal(r->command_uuid, "1");
  assert_int_equal(count("SELECT count(*) FROM generation WHERE state = 'provisional'"), 0);
}

/* The push token is known to the device and to this server only. */
static void test_in_by_the_token(void **state) {
  (void)state;
  struct enroll_proof mine = owner(), other = claimant(1);
  assert_int_equal(user_token(other, "U", "token"), ENROLL_FINE); /* not the device's own channel */
  assert_int_equal(token_update(other, "A", "tokem"), ENROLL_FINE);
  assert_int_equal(token_update(other, "A", "toke"), ENROLL_FINE);
  assert_int_equal(count("SELECT count(*) FROM generation WHERE state = 'provisional'"), 1);
  assert_int_equal(token_update(other, "A", "token"), ENROLL_FINE);
  assert_int_equal(count("SELECT count(*) FROM generation WHERE state = 'current' AND way_in = 'token'"), 1);
  assert_int_equal(count("SELECT count(*) FROM target WHERE status = 'Cancelled' AND reason = 're-enrolled'"), 1);
  assert_int_equal(count("SELECT count(*) FROM enrollment WHERE enabled = 1"), 2); /* its user has come with it */
  assert_int_equal(put_report(mine, "A", "Idle", NULL)->refusal, ENROLL_FORMER);
  assert_true(is_empty(other));
}

/* 410 proves it only for this token, after its last TokenUpdate and after the device was last seen. */
static void test_in_when_unregistered(void **state) {
  (void)state;
  struct enroll_proof mine = owner(), other = claimant(5);
  int64_t before = clock_now_us() - US_HOUR, after = clock_now_us() + US_MINUTE;
  apns_knows_it_is_gone(after);
  assert_false(comes()); /* it has not sent its own token */
  apns_knows_it_is_gone(before);
  assert_int_equal(token_update(other, "A", "other"), ENROLL_FINE);
  assert_false(comes());
  apns_knows_it_is_gone(after);
  assert_true(comes());
  assert_int_equal(count("SELECT count(*) FROM generation WHERE state = 'current' AND way_in = 'unregistered'"), 1);
  assert_int_equal(count("SELECT count(*) FROM enrollment WHERE enabled = 1 AND token = CAST('other' AS BLOB)"), 1);
  assert_int_equal(put_report(mine, "A", "Idle", NULL)->refusal, ENROLL_FORMER);
  assert_true(is_empty(other));
  enqueue("A", "CertificateList", "2");
  assert_string_equal(next_after(other, "A", "Idle", NULL), "2");
}

/* One that sleeps is given its time, counted from the first push that APNs took: 15 minutes for a link of one use, a
   day for others, or what takeover-wait says. */
static void test_in_by_silence(void **state) {
  (void)state;
  static const struct {
    int64_t uses, set, wait;
  } rows[] = {{1, 0, 15 * US_MINUTE}, {2, 0, US_DAY}, {1, US_HOUR, US_HOUR}};
  (void)owner();
  int64_t now = 0;
  for (int i = 0; i < 3; i++) {
    fx.conf.takeover_wait_us = rows[i].set;
    later(now += US_MINUTE);
    struct enroll_proof other = claimant(rows[i].uses);
    assert_int_equal(token_update(other, "A", ctx_printf(fx.cx, "other %d", i)), ENROLL_FINE);
    later(now += 2 * US_DAY);
    assert_false(comes()); /* APNs has taken nothing yet */
    apns_took();
    assert_false(comes());
    later(now += rows[i].wait - US_MINUTE);
    apns_took(); /* again: the first one counts */
    assert_false(comes());
    later(now += US_MINUTE + US_SECOND);
    assert_true(comes());
  }
  assert_int_equal(count("SELECT count(*) FROM generation WHERE way_in = 'silence'"), 3);
}

/* Who was heard of after the profile was fetched is not silent: then an operator decides. */
static void test_silence_of_one_that_spoke(void **state) {
  (void)state;
  struct enroll_proof mine = owner();
  const char *challenge = challenge_of(new_link(1, NULL));
  struct requester a = new_requester();
  assert_string_equal(next_after(mine, "A", "Idle", NULL), "1");
  flush_seen();
  struct enroll_proof other = proof_of(send(&a, challenge).issued);
  assert_int_equal(authenticate(other, "A", NULL), ENROLL_FINE);
  assert_int_equal(token_update(other, "A", "other"), ENROLL_FINE);
  apns_took();
  assert_false(comes());
  later(30 * US_DAY);
  assert_false(comes());
  must(accept("A"));
  assert_int_equal(count("SELECT count(*) FROM generation WHERE state = 'current' AND way_in = 'operator' "
                         "AND accepted_by = 'boss'"),
                   1);
}

/* A migrated device that was never seen here may not be able to come here yet: its silence is no proof. */
static void test_migrated_device_is_not_lost_by_silence(void **state) {
  (void)state;
  migrated("A");
  struct enroll_proof other = claimant(1);
  assert_int_equal(token_update(other, "A", "other"), ENROLL_FINE);
  apns_took();
  assert_false(comes());
  later(30 * US_DAY);
  assert_false(comes());
  assert_true(is_empty(new_identity("its own"))); /* its first contact defends it */
  assert_int_equal(put_report(other, "A", "Idle", NULL)->refusal, ENROLL_VOIDED);
}

/* While the device is blocked nobody gets it. */
static void test_blocked_device_does_not_change_hands(void **state) {
  (void)state;
  (void)owner();
  struct enroll_proof other = claimant(1);
  assert_int_equal(token_update(other, "A", "other"), ENROLL_FINE);
  apns_knows_it_is_gone(clock_now_us() + US_MINUTE);
  must(in_job(block_job, NULL));
  assert_false(comes());
  assert_int_equal(token_update(other, "A", "token"), ENROLL_BLOCKED);
}

/* The first of two claims gives way to the second; one that repeats itself goes on waiting. */
static void test_two_claims(void **state) {
  (void)state;
  struct enroll_proof mine = owner(), first = claimant(1);
  assert_int_equal(token_update(first, "A", "first"), ENROLL_FINE);
  int64_t seq = count("SELECT seq FROM generation WHERE state = 'provisional'");
  assert_int_equal(authenticate(first, "A", NULL), ENROLL_FINE);
  assert_int_equal(count("SELECT seq FROM generation WHERE state = 'provisional'"), seq);
  struct enroll_proof second = claimant(1);
  assert_int_equal(count("SELECT count(*) FROM generation WHERE state = 'provisional'"), 1);
  assert_int_equal(count("SELECT count(*) FROM held_token"), 0);
  assert_int_equal(count("SELECT count(*) FROM event WHERE kind = 'takeover.displaced'"), 1);
  assert_int_equal(token_update(first, "A", "token"), ENROLL_FORMER);
  assert_int_equal(token_update(second, "A", "second"), ENROLL_FINE);
  assert_string_equal(next_after(mine, "A", "Idle", NULL), "1");
  assert_int_equal(token_update(second, "A", "second"), ENROLL_VOIDED);
}

/* One that says goodbye is gone, without harm; one cannot fill the database with users. */
static void test_provisional_is_bounded(void **state) {
  (void)state;
  struct enroll_proof mine = owner(), other = claimant(1);
  for (int i = 0; i < 30; i++) assert_int_equal(user_token(other, ctx_printf(fx.cx, "U%d", i), "t"), ENROLL_FINE);
  assert_int_equal(token_update(other, "A", "other"), ENROLL_FINE);
  assert_int_equal(count("SELECT count(*) FROM held_token"), 21);
  assert_int_equal(check_out(other, "A"), ENROLL_FINE);
  assert_int_equal(count("SELECT count(*) FROM held_token"), 0);
  assert_int_equal(count("SELECT count(*) FROM device WHERE pending IS NULL AND checked_out_at IS NULL"), 1);
  assert_string_equal(next_after(mine, "A", "Idle", NULL), "1");
}

static enum err forget_messages(struct ctx *cx, struct db *db, void *arg) {
  (void)arg;
  TRY(db_run(cx, db, "DELETE FROM webhook_delivery"));
  return db_run(cx, db, "DELETE FROM webhook_message");
}

/* An operator's word, before or after its TokenUpdate; against it the former one cannot defend itself. */
static void test_operator_accepts(void **state) {
  (void)state;
  assert_int_equal(accept("A"), E_NOT_FOUND);
  struct enroll_proof mine = owner();
  assert_int_equal(accept("A"), E_CONFLICT);
  struct enroll_proof other = claimant(1);
  must(accept("A"));
  assert_int_equal(count("SELECT count(*) FROM generation WHERE state = 'provisional'"), 1);
  assert_string_equal(next_after(mine, "A", "Idle", NULL), "1");
  assert_int_equal(token_update(other, "A", "other"), ENROLL_FINE);
  assert_int_equal(count("SELECT count(*) FROM generation WHERE state = 'current' AND way_in = 'operator'"), 1);
  assert_int_equal(put_report(mine, "A", "Idle", NULL)->refusal, ENROLL_FORMER);
}

/* Receivers are told of an enrollment by its TokenUpdate, also when that was said before it counted; never before. */
static void test_webhooks_are_told_when_it_counts(void **state) {
  (void)state;
  fx.conf.webhook_urls = "http://127.0.0.1:1";
  (void)owner();
  must(in_job(forget_messages, NULL));
  struct enroll_proof other = claimant(1);
  assert_int_equal(token_update(other, "A", "other"), ENROLL_FINE);
  assert_int_equal(count("SELECT count(*) FROM webhook_message"), 0);
  must(accept("A"));
  assert_int_equal(count("SELECT count(*) FROM webhook_message WHERE topic = 'mdm.TokenUpdate' AND enrollment = 'A' "
                         "AND json LIKE '%\"token_update_tally\":1%'"),
                   1);
  assert_int_equal(count("SELECT count(*) FROM webhook_message"), 1);
}

static void test_operator_refuses(void **state) {
  (void)state;
  assert_int_equal(refuse("A"), E_NOT_FOUND);
  struct enroll_proof mine = owner();
  assert_int_equal(refuse("A"), E_CONFLICT);
  struct enroll_proof other = claimant(1);
  must(refuse("A"));
  assert_int_equal(token_update(other, "A", "token"), ENROLL_VOIDED);
  assert_int_equal(count("SELECT count(*) FROM link WHERE revoked_by = 'boss'"), 1);
  assert_string_equal(next_after(mine, "A", "Idle", NULL), "1");
}

/* ---- winning back ---- */

/* For 30 days a device that only slept has its place again with its first request, as it was: tokens, users. */
static void test_won_back_at_day_29(void **state) {
  (void)state;
  struct enroll_proof mine = owner();
  assert_int_equal(user_token(mine, "U", "user"), ENROLL_FINE);
  struct enroll_proof other = usurper();
  later(29 * US_DAY);
  enqueue("A", "CertificateList", "2");
  assert_string_equal(next_after(other, "A", "Idle", NULL), "2");
  assert_true(is_empty(mine)); /* nothing of the other's */
  assert_int_equal(count("SELECT count(*) FROM enrollment WHERE enabled = 1 AND token IN "
                         "(CAST('token' AS BLOB), CAST('user' AS BLOB))"),
                   2);
  assert_int_equal(count("SELECT count(*) FROM target WHERE waiting = 1"), 0);
  assert_int_equal(put_report(other, "A", "Idle", NULL)->refusal, ENROLL_VOIDED);
  assert_int_equal(authenticate(other, "A", NULL), ENROLL_VOIDED);
  assert_int_equal(count("SELECT count(*) FROM event WHERE kind = 'takeover.won-back'"), 1);
  assert_int_equal(count("SELECT count(*) FROM held_token"), 0);
  enqueue("A", "CertificateList", "3");
  assert_string_equal(next_after(mine, "A", "Idle", NULL), "3");
}

static void test_not_won_back_at_day_31(void **state) {
  (void)state;
  struct enroll_proof mine = owner(), other = usurper();
  later(31 * US_DAY);
  enqueue("A", "CertificateList", "2");
  assert_int_equal(put_report(mine, "A", "Idle", NULL)->refusal, ENROLL_FORMER);
  assert_string_equal(next_after(other, "A", "Idle", NULL), "2");
}

/* Enrolling once more, by its identity or after a CheckOut, does not make the other one the rightful one. */
static void test_laundering_does_not_help(void **state) {
  (void)state;
  struct enroll_proof mine = owner(), other = usurper();
  assert_int_equal(authenticate(other, "A", NULL), ENROLL_FINE);
  assert_int_equal(token_update(other, "A", "again"), ENROLL_FINE);
  assert_int_equal(check_out(other, "A"), ENROLL_FINE);
  struct enroll_proof third = by_link(new_link(1, NULL));
  assert_int_equal(authenticate(third, "A", NULL), ENROLL_FINE);
  assert_int_equal(token_update(third, "A", "third"), ENROLL_FINE);
  assert_true(is_empty(mine));
  assert_int_equal(put_report(third, "A", "Idle", NULL)->refusal, ENROLL_VOIDED);
  assert_int_equal(put_report(other, "A", "Idle", NULL)->refusal, ENROLL_VOIDED);
}

/* What an operator let in since stays. */
static void test_operator_settles_it(void **state) {
  (void)state;
  struct enroll_proof mine = owner();
  (void)usurper();
  struct enroll_proof wanted = by_link(new_link(1, "A"));
  assert_int_equal(authenticate(wanted, "A", NULL), ENROLL_FINE);
  assert_int_equal(token_update(wanted, "A", "wanted"), ENROLL_FINE);
  assert_int_equal(put_report(mine, "A", "Idle", NULL)->refusal, ENROLL_FORMER);
  assert_true(is_empty(wanted));
}

/* Who won by what proves that the former is gone is not beaten again. */
static void test_only_silence_is_won_back(void **state) {
  (void)state;
  struct enroll_proof mine = owner(), other = claimant(1);
  assert_int_equal(token_update(other, "A", "token"), ENROLL_FINE);
  assert_int_equal(put_report(mine, "A", "Idle", NULL)->refusal, ENROLL_FORMER);
  assert_true(is_empty(other));
}

#define T(f) cmocka_unit_test_setup_teardown(f, scep_open, scep_close)
int main(void) {
  const struct CMUnitTest tests[] = {
      T(test_first_contact),
      T(test_provisional),
      T(test_living_device_keeps_its_place),
      T(test_every_request_defends),
      T(test_poll_in_the_same_moment),
      T(test_in_by_the_token),
      T(test_in_when_unregistered),
      T(test_in_by_silence),
      T(test_silence_of_one_that_spoke),
      T(test_migrated_device_is_not_lost_by_silence),
      T(test_blocked_device_does_not_change_hands),
      T(test_two_claims),
      T(test_provisional_is_bounded),
      T(test_operator_accepts),
      T(test_operator_refuses),
      T(test_webhooks_are_told_when_it_counts),
      T(test_won_back_at_day_29),
      T(test_not_won_back_at_day_31),
      T(test_laundering_does_not_help),
      T(test_operator_settles_it),
      T(test_only_silence_is_won_back),
  };
  return cmocka_run_group_tests(tests, NULL, free_ring);
}
