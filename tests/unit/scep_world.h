/* A core with its keyring, and devices that ask its SCEP server for identities. */
#ifndef POMONA_TESTS_SCEP_WORLD_H
#define POMONA_TESTS_SCEP_WORLD_H

#include "core_fixture.h"

#include "core/scep.h"

/* One keyring for all tests of this file: an RSA key of 3072 bits takes its time. */
static struct keyring *ring;
/* And the devices' keys: each test begins with the first again. */
static struct {
  struct pki_key *keys[16];
  size_t taken;
} rsa;

static inline int scep_open(void **state) {
  fixture_open(state);
  if (!ring) must(keyring_open(fx.cx, &ring, &fx.core, "mdm.example.org"));
  fx.core.keyring = ring;
  rsa.taken = 0;
  return 0;
}

static inline int scep_close(void **state) {
  fx.core.keyring = NULL;
  return fixture_close(state);
}

static inline int free_ring(void **state) {
  (void)state;
  keyring_close(ring);
  for (size_t i = 0; i < sizeof rsa.keys / sizeof rsa.keys[0]; i++) pki_key_free(rsa.keys[i]);
  return 0;
}

/* ---- the operator's and the device's part ---- */

struct link_work {
  struct enroll_link link;
  char *token;
};
static inline enum err link_job(struct ctx *cx, struct db *db, void *arg) {
  struct link_work *w = arg;
  return enroll_link_new(cx, db, &w->link, &w->token);
}

static inline char *new_link(int64_t uses, const char *device) {
  struct link_work w = {.link = {.ttl_us = US_DAY, .uses = uses, .device = device, .by = "test"}};
  must(in_job(link_job, &w));
  return w.token;
}

struct fetch {
  const char *token;
  struct enroll_session session;
};
static inline enum err fetch_job(struct ctx *cx, struct db *db, void *arg) {
  struct fetch *f = arg;
  return enroll_session_store(cx, db, f->token, &f->session);
}

static inline enum err fetch_err(const char *token, struct enroll_session *out) {
  struct fetch f = {.token = token};
  ctx_clear_error(fx.cx);
  enum err e = enroll_session_make(fx.cx, reader(), &fx.core, token, &f.session);
  if (e == OK) e = in_job(fetch_job, &f);
  *out = f.session;
  return e;
}

static inline const char *challenge_of(const char *token) {
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

static inline struct requester requester_of(struct pki_key *key) {
  struct requester r = {.key = key, .type = SCEP_PKCSREQ, .transaction = "T1"};
  struct pki_issue what = {.cn = "device",
                           .subject_key = r.key,
                           .issuer_key = r.key,
                           .not_before = clock_now_us() - US_DAY,
                           .not_after = clock_now_us() + US_DAY,
                           .kind = PKI_IDENTITY};
  must(pki_cert_issue(fx.cx, &r.cert, &what));
  return r;
}

/* A key of 2048 bits that no other device of this test has. */
static inline struct pki_key *rsa_key(void) {
  assert_true(rsa.taken < sizeof rsa.keys / sizeof rsa.keys[0]);
  struct pki_key **key = &rsa.keys[rsa.taken++], *made;
  if (!*key) {
    must(pki_key_new_rsa(fx.cx, &made, 2048));
    *key = pki_key_keep(made);
  }
  return *key;
}

static inline struct requester new_requester_p256(void) {
  struct pki_key *key;
  must(pki_key_new_p256(fx.cx, &key));
  return requester_of(key);
}

static inline struct requester new_requester(void) { return requester_of(rsa_key()); }

/* Sends a request of `r` for a certificate over `key`, and gives what came back. */
static inline struct scep_reply send_for(const struct requester *r, const struct pki_key *key, const char *challenge) {
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

static inline struct scep_reply send(const struct requester *r, const char *challenge) {
  return send_for(r, r->key, challenge);
}

static inline struct enroll_proof proof_of(const struct pki_cert *cert) {
  struct enroll_proof p = {.cert = pki_cert_der(cert), .address = "192.0.2.1"};
  memcpy(p.hash, pki_cert_sha256(cert), sizeof p.hash);
  return p;
}

static inline struct enroll_proof by_link(const char *link) {
  struct requester a = new_requester();
  struct scep_reply r = send(&a, challenge_of(link));
  assert_int_equal(r.status, SCEP_SUCCESS);
  return proof_of(r.issued);
}

#endif
