#include "core_fixture.h"

#include "core/scep.h"

/* One keyring for all tests of this file: an RSA key of 3072 bits takes its time. */
static struct keyring *ring;

static int scep_open(void **state) {
  fixture_open(state);
  if (!ring) must(keyring_open(fx.cx, &ring, &fx.core, "mdm.example.org"));
  fx.core.keyring = ring;
  return 0;
}

static int scep_close(void **state) {
  fx.core.keyring = NULL;
  return fixture_close(state);
}

static int free_ring(void **state) {
  (void)state;
  keyring_close(ring);
  return 0;
}

/* ---- the operator's and the device's part ---- */

struct link_work {
  struct enroll_link link;
  char *token;
};
static enum err link_job(struct ctx *cx, struct db *db, void *arg) {
  struct link_work *w = arg;
  return enroll_link_new(cx, db, &w->link, &w->token);
}

static char *new_link(int64_t uses, const char *device) {
  struct link_work w = {.link = {.ttl_us = US_DAY, .uses = uses, .device = device, .by = "test"}};
  must(in_job(link_job, &w));
  return w.token;
}

struct fetch {
  const char *token;
  struct enroll_session session;
};
static enum err fetch_job(struct ctx *cx, struct db *db, void *arg) {
  struct fetch *f = arg;
  return enroll_session_store(cx, db, f->token, &f->session);
}

static enum err fetch_err(const char *token, struct enroll_session *out) {
  struct fetch f = {.token = token};
  ctx_clear_error(fx.cx);
  enum err e = enroll_session_make(fx.cx, reader(), &fx.core, token, &f.session);
  if (e == OK) e = in_job(fetch_job, &f);
  *out = f.session;
  return e;
}

static const char *challenge_of(const char *token) {
  struct enroll_session s;
  must(fetch_err(token, &s));
  return s.challenge;
}

struct requester {
  struct pki_key *key;
  struct pki_cert *cert; /* self-signed, or the identity to renew */
  enum scep_type type;
  const char *transaction;
};

static struct requester new_requester(int bits) {
  struct requester r = {.type = SCEP_PKCSREQ, .transaction = "T1"};
  must(bits ? pki_key_new_rsa(fx.cx, &r.key, bits) : pki_key_new_p256(fx.cx, &r.key));
  struct pki_issue what = {.cn = "device",
                           .subject_key = r.key,
                           .issuer_key = r.key,
                           .not_before = clock_now_us() - US_DAY,
                           .not_after = clock_now_us() + US_DAY,
                           .kind = PKI_IDENTITY};
  must(pki_cert_issue(fx.cx, &r.cert, &what));
  return r;
}

/* Sends a request of `r` for a certificate over `key`, and gives what came back. */
static struct scep_reply send_for(const struct requester *r, const struct pki_key *key, const char *challenge) {
  struct slice csr, message, answer;
  struct scep_work w;
  struct scep_reply reply;
  must(pki_csr_new(fx.cx, &csr, key, "device", challenge));
  must(scep_request_make(fx.cx, &message, r->type, keyring_device_ca(ring), r->cert, r->key, csr, r->transaction));
  must(scep_begin(fx.cx, &fx.core, reader(), message, &w));
  w.address = "192.0.2.1";
  if (w.fail == SCEP_NOFAIL) must(in_job(scep_commit, &w));
  must(scep_finish(fx.cx, &w, &answer));
  must(scep_reply_parse(fx.cx, &reply, answer, keyring_device_ca(ring), r->cert, r->key, r->transaction));
  return reply;
}

static struct scep_reply send(const struct requester *r, const char *challenge) {
  return send_for(r, r->key, challenge);
}

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
  struct requester a = new_requester(2048), b = new_requester(2048);
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
  struct requester a = new_requester(2048), other = new_requester(2048);
  refused(send_for(&a, fx.key, challenge_of(link)), SCEP_BADALG); /* elliptic: a CertRep cannot be encrypted to it */
  refused(send_for(&a, other.key, challenge_of(link)), SCEP_BADMESSAGECHECK);
}

/* The same key with the same challenge gets the same certificate: its answer was lost. */
static void test_repeat(void **state) {
  (void)state;
  struct requester a = new_requester(2048);
  const char *challenge = challenge_of(new_link(1, NULL));
  struct scep_reply first = send(&a, challenge), again = send(&a, challenge);
  assert_int_equal(again.status, SCEP_SUCCESS);
  assert_memory_equal(pki_cert_sha256(first.issued), pki_cert_sha256(again.issued), SHA256_LEN);
  assert_int_equal(count("SELECT uses FROM link"), 1);
}

/* A use is spent when a certificate is issued, not by looking; a link can be downloaded ten times a use. */
static void test_link_uses(void **state) {
  (void)state;
  struct requester a = new_requester(2048), b = new_requester(2048);
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
  struct requester a = new_requester(2048);
  struct scep_reply r = send(&a, challenge_of(new_link(1, NULL)));
  assert_int_equal(r.status, SCEP_SUCCESS);
  assert_true(strncmp(pki_cert_cn(fx.cx, r.issued), "MDM Identity ", 13) == 0);
  assert_non_null(pki_cert_san_uri(fx.cx, r.issued, "urn:uuid:"));
  assert_false(pki_cert_is_ca(r.issued));
  assert_true(pki_cert_not_before(r.issued) <= clock_now_us() - 23 * US_HOUR);
  assert_true(pki_cert_not_after(r.issued) <= clock_now_us() + 731 * US_DAY);
  assert_true(pki_cert_fits(r.issued, a.key));
}

static struct enroll_proof proof_of(const struct pki_cert *cert) {
  struct enroll_proof p = {.cert = pki_cert_der(cert), .address = "192.0.2.1"};
  memcpy(p.hash, pki_cert_sha256(cert), sizeof p.hash);
  return p;
}

static struct enroll_proof by_link(const char *link) {
  struct requester a = new_requester(2048);
  struct scep_reply r = send(&a, challenge_of(link));
  assert_int_equal(r.status, SCEP_SUCCESS);
  return proof_of(r.issued);
}

/* A link made for one device lets no other in, and lets that one in again at once; any other link takes no living
 * device over. */
static void test_links_and_devices(void **state) {
  (void)state;
  struct enroll_proof owner = by_link(new_link(1, NULL));
  assert_int_equal(authenticate(owner, "A", "SERIAL-A"), ENROLL_FINE);
  assert_int_equal(token_update(owner, "A", "t"), ENROLL_FINE);
  assert_int_equal(authenticate(by_link(new_link(1, NULL)), "A", "SERIAL-A"), ENROLL_HELD);
  assert_int_equal(authenticate(by_link(new_link(1, "B")), "A", "SERIAL-A"), ENROLL_OTHER_LINK);
  assert_int_equal(authenticate(by_link(new_link(1, "B")), "C", NULL), ENROLL_OTHER_LINK);
  assert_int_equal(authenticate(by_link(new_link(1, "SERIAL-A")), "A", "SERIAL-A"), ENROLL_FINE);
  assert_int_equal(authenticate(by_link(new_link(1, "A")), "A", "SERIAL-A"), ENROLL_FINE);
}

/* RenewalReq: signed by a living identity of ours, it needs no challenge; the new one counts beside the old one. */
static void test_renewal(void **state) {
  (void)state;
  struct requester a = new_requester(2048), fresh = new_requester(2048), stranger = new_requester(2048);
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

/* Before Authenticate an identity renews nothing: else a link for one device would let in any number. Nor does that of
   a device that is blocked or went away, and a device that renews without end is stopped. */
static void test_what_cannot_be_renewed(void **state) {
  (void)state;
  struct requester a = new_requester(2048), fresh = new_requester(2048);
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
  struct requester a = new_requester(2048), fresh = new_requester(2048);
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
  assert_int_equal(authenticate(early, "A", NULL), ENROLL_HELD);
  assert_int_equal(token_update(early, "A", "mine"), ENROLL_FORMER);
  assert_int_equal(authenticate(owner, "A", NULL), ENROLL_FINE);
}

/* An identity that has ended is renewed within the grace and not after it; nor when its CA has ended. */
static void test_renewal_within_grace(void **state) {
  (void)state;
  struct requester a = new_requester(2048), fresh = new_requester(2048);
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
}

#define T(f) cmocka_unit_test_setup_teardown(f, scep_open, scep_close)
int main(void) {
  const struct CMUnitTest tests[] = {
      T(test_garbage),
      T(test_challenges),
      T(test_keys),
      T(test_repeat),
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
