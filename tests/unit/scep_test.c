#include "scep_world.h"

/* ---- tests ---- */

static void refused(struct scep_reply reply, enum scep_fail fail) {
  assert_int_equal(reply.status, SCEP_FAILURE);
  assert_int_equal(reply.fail, fail);
}

/* Garbage gets no CertRep at all. */
static void test_garbage(void **state) {
  (void)state;
  struct scep_work w;
  assert_int_equal(scep_begin(fx.cx, &fx.core, reader(), slice_of("not CMS"), &w), E_INVALID);
}

/* Challenges that are absent, wrong, expired, or spent by another key. */
static void test_challenges(void **state) {
  (void)state;
  struct requester a = new_requester(), b = new_requester();
  b.transaction = "T2";
  const char *link = new_link(5, NULL);
  refused(send(&a, NULL), SCEP_BADREQUEST);
  refused(send(&a, "guess"), SCEP_BADREQUEST);
  const char *challenge = challenge_of(link);
  assert_int_equal(send(&a, challenge).status, SCEP_SUCCESS);
  refused(send(&b, challenge), SCEP_BADREQUEST);
  const char *late = challenge_of(link);
  clock_shift(61 * US_MINUTE);
  refused(send(&b, late), SCEP_BADREQUEST);
  assert_int_equal(count("SELECT count(*) FROM identity"), 1);
}

/* Keys that are too weak, or are none for this, or are not the sender's. */
static void test_keys(void **state) {
  (void)state;
  const char *link = new_link(5, NULL);
  struct requester a = new_requester(), other = new_requester();
  refused(send_for(&a, fx.key, challenge_of(link)), SCEP_BADALG); /* elliptic: a CertRep cannot be encrypted to it */
  refused(send_for(&a, other.key, challenge_of(link)), SCEP_BADMESSAGECHECK);
}

/* The same key with the same challenge gets the same certificate: its answer was lost. */
static void test_repeat(void **state) {
  (void)state;
  struct requester a = new_requester();
  const char *challenge = challenge_of(new_link(1, NULL));
  struct scep_reply first = send(&a, challenge), again = send(&a, challenge);
  assert_int_equal(again.status, SCEP_SUCCESS);
  assert_memory_equal(pki_cert_sha256(first.issued), pki_cert_sha256(again.issued), SHA256_LEN);
  assert_int_equal(count("SELECT uses FROM link"), 1);
}

/* A use is spent when a certificate is issued, not by looking; a link can be downloaded ten times a use. */
static void test_link_uses(void **state) {
  (void)state;
  struct requester a = new_requester(), b = new_requester();
  struct enroll_session s;
  const char *link = new_link(1, NULL), *first = challenge_of(link), *second = challenge_of(link);
  must(enroll_link_check(fx.cx, reader(), link));
  assert_int_equal(send(&a, first).status, SCEP_SUCCESS);
  refused(send(&b, second), SCEP_BADREQUEST);
  assert_int_equal(fetch_err(link, &s), E_GONE);
  const char *looked_at = new_link(1, NULL);
  for (int i = 0; i < 10; i++) (void)challenge_of(looked_at);
  assert_int_equal(fetch_err(looked_at, &s), E_GONE);
  assert_int_equal(fetch_err("no such link", &s), E_NOT_FOUND);
  const char *old = new_link(1, NULL);
  clock_shift(25 * US_HOUR);
  assert_int_equal(fetch_err(old, &s), E_GONE);
}

/* Subject, names and uses of a certificate are ours, whatever was asked for. */
static void test_what_is_issued(void **state) {
  (void)state;
  struct requester a = new_requester();
  struct scep_reply r = send(&a, challenge_of(new_link(1, NULL)));
  assert_int_equal(r.status, SCEP_SUCCESS);
  assert_true(strncmp(pki_cert_cn(fx.cx, r.issued), "MDM Identity ", 13) == 0);
  assert_non_null(pki_cert_san_uri(fx.cx, r.issued, "urn:uuid:"));
  assert_false(pki_cert_is_ca(r.issued));
  assert_true(pki_cert_not_before(r.issued) <= clock_now_us() - 23 * US_HOUR);
  assert_true(pki_cert_not_after(r.issued) <= clock_now_us() + 731 * US_DAY);
  assert_true(pki_cert_fits(r.issued, a.key));
}

/* A link made for one device lets no other in, and lets that one in again at once. */
static void test_links_and_devices(void **state) {
  (void)state;
  struct enroll_proof owner = by_link(new_link(1, NULL));
  assert_int_equal(authenticate(owner, "A", "SERIAL-A"), ENROLL_FINE);
  assert_int_equal(token_update(owner, "A", "t"), ENROLL_FINE);
  assert_int_equal(authenticate(by_link(new_link(1, "B")), "A", "SERIAL-A"), ENROLL_OTHER_LINK);
  assert_int_equal(authenticate(by_link(new_link(1, "B")), "C", NULL), ENROLL_OTHER_LINK);
  assert_int_equal(authenticate(by_link(new_link(1, "SERIAL-A")), "A", "SERIAL-A"), ENROLL_FINE);
  assert_int_equal(authenticate(by_link(new_link(1, "A")), "A", "SERIAL-A"), ENROLL_FINE);
}

/* RenewalReq: signed by a living identity of ours, it needs no challenge; the new one counts beside the old one. */
static void test_renewal(void **state) {
  (void)state;
  struct requester a = new_requester(), fresh = new_requester(), stranger = new_requester();
  struct scep_reply first = send(&a, challenge_of(new_link(1, NULL)));
  assert_int_equal(authenticate(proof_of(first.issued), "A", NULL), ENROLL_FINE);
  assert_int_equal(token_update(proof_of(first.issued), "A", "t"), ENROLL_FINE);
  enqueue("A", "CertificateList", "1");
  stranger.type = SCEP_RENEWALREQ;
  refused(send(&stranger, NULL), SCEP_BADMESSAGECHECK);
  struct requester renewing = {.key = a.key, .cert = first.issued, .type = SCEP_RENEWALREQ, .transaction = "R1"};
  struct scep_reply second = send_for(&renewing, fresh.key, NULL), again = send_for(&renewing, fresh.key, NULL);
  assert_int_equal(second.status, SCEP_SUCCESS);
  assert_memory_equal(pki_cert_sha256(second.issued), pki_cert_sha256(again.issued), SHA256_LEN);
  assert_string_equal(next_after(proof_of(second.issued), "A", "Idle", NULL), "1");
  assert_string_equal(next_after(proof_of(first.issued), "A", "Idle", NULL), "1");
  assert_int_equal(authenticate(proof_of(second.issued), "A", NULL), ENROLL_FINE); /* a renewal: nothing is lost */
  assert_string_equal(next_after(proof_of(second.issued), "A", "Idle", NULL), "1");
  clock_shift(8 * US_DAY); /* the overlap is over */
  refused(send_for(&renewing, stranger.key, NULL), SCEP_BADCERTID);
  assert_int_equal(put_report(proof_of(first.issued), "A", "Idle", NULL)->refusal, ENROLL_FORMER);
  assert_int_equal(authenticate(proof_of(first.issued), "A", NULL), ENROLL_FORMER);
  struct requester late = {.key = fresh.key, .cert = second.issued, .type = SCEP_RENEWALREQ, .transaction = "R2"};
  clock_shift((731 + 365) * US_DAY);
  refused(send_for(&late, stranger.key, NULL), SCEP_BADTIME);
}

/* Clients that keep their key keep the name of the transaction, too: enrollment and each renewal are certificates of
   their own, and only an answer that was lost is given again. */
static void test_renewal_with_the_same_key(void **state) {
  (void)state;
  struct requester a = new_requester();
  struct scep_reply last = send(&a, challenge_of(new_link(1, NULL)));
  assert_int_equal(authenticate(proof_of(last.issued), "A", NULL), ENROLL_FINE);
  assert_int_equal(token_update(proof_of(last.issued), "A", "t"), ENROLL_FINE);
  for (int i = 0; i < 2; i++) {
    struct requester renewing = {.key = a.key, .cert = last.issued, .type = SCEP_RENEWALREQ, .transaction = "T1"};
    struct scep_reply next = send(&renewing, NULL), again = send(&renewing, NULL);
    assert_int_equal(next.status, SCEP_SUCCESS);
    assert_memory_not_equal(pki_cert_sha256(next.issued), pki_cert_sha256(last.issued), SHA256_LEN);
    assert_memory_equal(pki_cert_sha256(next.issued), pki_cert_sha256(again.issued), SHA256_LEN);
    last = next;
  }
  assert_int_equal(count("SELECT count(*) FROM identity"), 3);
}

/* Before Authenticate an identity renews nothing: else a link for one device would let in any number. Nor does that of
   a device that is blocked or went away, and a device that renews without end is stopped. */
static void test_what_cannot_be_renewed(void **state) {
  (void)state;
  struct requester a = new_requester(), fresh = new_requester();
  struct scep_reply first = send(&a, challenge_of(new_link(1, NULL)));
  struct requester renewing = {.key = a.key, .cert = first.issued, .type = SCEP_RENEWALREQ, .transaction = "R0"};
  refused(send_for(&renewing, fresh.key, NULL), SCEP_BADCERTID);
  struct enroll_proof p = proof_of(first.issued);
  assert_int_equal(authenticate(p, "A", NULL), ENROLL_FINE);
  refused(send_for(&renewing, fresh.key, NULL), SCEP_BADCERTID);
  assert_int_equal(token_update(p, "A", "t"), ENROLL_FINE);
  for (int i = 1; i <= 5; i++) {
    renewing.transaction = ctx_printf(fx.cx, "R%d", i);
    assert_int_equal(send_for(&renewing, fresh.key, NULL).status, SCEP_SUCCESS);
  }
  renewing.transaction = "R6";
  refused(send_for(&renewing, fresh.key, NULL), SCEP_BADREQUEST);
  clock_shift(2 * US_DAY);
  assert_int_equal(check_out(p, "A"), ENROLL_FINE);
  refused(send_for(&renewing, fresh.key, NULL), SCEP_BADCERTID);
}

/* The renewed identity of a former generation is not let into the one that came after it: that has another device's
 * commands. */
static void test_renewed_identity_of_a_former_generation(void **state) {
  (void)state;
  struct requester a = new_requester(), fresh = new_requester();
  struct scep_reply first = send(&a, challenge_of(new_link(1, NULL)));
  assert_int_equal(authenticate(proof_of(first.issued), "A", NULL), ENROLL_FINE);
  assert_int_equal(token_update(proof_of(first.issued), "A", "t"), ENROLL_FINE);
  struct requester renewing = {.key = a.key, .cert = first.issued, .type = SCEP_RENEWALREQ, .transaction = "R1"};
  struct scep_reply renewed = send_for(&renewing, fresh.key, NULL);
  struct enroll_proof successor = by_link(new_link(1, "A"));
  assert_int_equal(authenticate(successor, "A", NULL), ENROLL_FINE);
  assert_int_equal(token_update(successor, "A", "t2"), ENROLL_FINE);
  enqueue("A", "CertificateList", "1");
  (void)authenticate(proof_of(renewed.issued), "A", NULL);
  assert_null(put_report(proof_of(renewed.issued), "A", "Idle", NULL)->command_uuid);
  assert_string_equal(next_after(successor, "A", "Idle", NULL), "1");
}

/* A serial number that a message claims opens no door to a device that has another one on file. */
static void test_claimed_serial_number(void **state) {
  (void)state;
  struct enroll_proof owner = by_link(new_link(1, NULL));
  assert_int_equal(authenticate(owner, "A", "SERIAL-A"), ENROLL_FINE);
  assert_int_equal(token_update(owner, "A", "t"), ENROLL_FINE);
  struct enroll_proof thief = by_link(new_link(1, "SERIAL-T"));
  assert_int_equal(authenticate(thief, "A", "SERIAL-T"), ENROLL_OTHER_LINK);
  assert_int_equal(token_update(owner, "A", "t"), ENROLL_FINE);
}

/* Who authenticated for a device and never finished has no claim to it once another did. */
static void test_unfinished_has_no_claim(void **state) {
  (void)state;
  struct enroll_proof early = by_link(new_link(1, NULL)), owner = by_link(new_link(1, NULL));
  assert_int_equal(authenticate(early, "A", NULL), ENROLL_FINE);
  assert_int_equal(authenticate(owner, "A", NULL), ENROLL_FINE);
  assert_int_equal(token_update(owner, "A", "t"), ENROLL_FINE);
  assert_int_equal(token_update(early, "A", "mine"), ENROLL_FORMER);
  assert_int_equal(authenticate(early, "A", NULL), ENROLL_FINE); /* provisional */
  assert_int_equal(token_update(early, "A", "mine"), ENROLL_FINE);
  assert_int_equal(count("SELECT count(*) FROM enrollment WHERE token = CAST('mine' AS BLOB)"), 0);
  assert_int_equal(authenticate(owner, "A", NULL), ENROLL_FINE);
  assert_int_equal(token_update(early, "A", "mine"), ENROLL_VOIDED);
}

static enum err grace_job(struct ctx *cx, struct db *db, void *arg) {
  (void)arg;
  return enroll_grace(cx, db, "A", clock_now_us() + US_DAY, "test");
}

/* An identity that has ended is renewed within the grace and not after it, but for what an operator gives; nor when its
   CA has ended. */
static void test_renewal_within_grace(void **state) {
  (void)state;
  struct requester a = new_requester(), fresh = new_requester();
  fx.conf.identity_validity_us = 10 * US_DAY;
  fx.conf.identity_grace_us = 20 * US_DAY;
  struct scep_reply first = send(&a, challenge_of(new_link(1, NULL)));
  struct enroll_proof p = proof_of(first.issued);
  assert_int_equal(authenticate(p, "A", NULL), ENROLL_FINE);
  assert_int_equal(token_update(p, "A", "t"), ENROLL_FINE);
  struct requester renewing = {.key = a.key, .cert = first.issued, .type = SCEP_RENEWALREQ, .transaction = "R"};
  clock_shift(30 * US_DAY + US_MINUTE);
  refused(send_for(&renewing, fresh.key, NULL), SCEP_BADTIME);
  fx.conf.identity_grace_us = 30 * 365 * US_DAY;
  clock_shift(21 * 365 * US_DAY);
  refused(send_for(&renewing, fresh.key, NULL), SCEP_BADTIME);
  fx.conf.identity_grace_us = 20 * US_DAY;
  clock_shift(30 * US_DAY - US_MINUTE);
  struct scep_reply second = send_for(&renewing, fresh.key, NULL);
  assert_int_equal(second.status, SCEP_SUCCESS);
  assert_int_equal(token_update(proof_of(second.issued), "A", "t"), ENROLL_FINE);
  assert_int_equal(in_job(grace_job, NULL), E_CONFLICT); /* it has not ended */
  clock_shift(70 * US_DAY);
  must(in_job(grace_job, NULL));
  renewing = (struct requester){.key = fresh.key, .cert = second.issued, .type = SCEP_RENEWALREQ, .transaction = "G"};
  assert_int_equal(send_for(&renewing, a.key, NULL).status, SCEP_SUCCESS);
  clock_shift(72 * US_DAY);
  renewing.transaction = "L";
  refused(send_for(&renewing, fresh.key, NULL), SCEP_BADTIME);
}

#define T(f) cmocka_unit_test_setup_teardown(f, scep_open, scep_close)
int main(void) {
  const struct CMUnitTest tests[] = {
      T(test_garbage),
      T(test_challenges),
      T(test_keys),
      T(test_repeat),
      T(test_renewal_with_the_same_key),
      T(test_link_uses),
      T(test_what_is_issued),
      T(test_links_and_devices),
      T(test_renewal),
      T(test_what_cannot_be_renewed),
      T(test_renewal_within_grace),
      T(test_renewed_identity_of_a_former_generation),
      T(test_claimed_serial_number),
      T(test_unfinished_has_no_claim),
  };
  return cmocka_run_group_tests(tests, NULL, free_ring);
}
