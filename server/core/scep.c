#include "core/scep_int.h"

#include "base/clock.h"
#include "base/enc.h"
#include "base/secret.h"
#include "core/enroll.h"
#include "core/event.h"
#include "core/keyring.h"
#include "core/vault.h"

#include <string.h>

/* A device that renews more often than that in a day is broken, or fills the database. */
enum { RSA_BITS_MIN = 2048, RENEWALS_A_DAY = 5 };

static struct scep_ca ca_of(const struct core *core) {
  return (struct scep_ca){.cert = keyring_device_ca(core->keyring),
                          .key = keyring_device_ca_key(core->keyring),
                          .legacy = core_conf(core)->scep_legacy};
}

struct slice scep_ca_der(const struct core *core) {
  return pki_cert_der(keyring_device_ca(core->keyring));
}

const char *scep_capabilities(const struct core *core) {
  return core_conf(core)->scep_legacy ? "POSTPKIOperation\nSHA-256\nSHA-512\nAES\nSCEPStandard\nRenewal\nSHA-1\nDES3\n"
                                      : "POSTPKIOperation\nSHA-256\nSHA-512\nAES\nSCEPStandard\nRenewal\n";
}

static enum err refuse(struct scep_work *w, enum scep_fail fail, const char *why) {
  w->fail = fail;
  w->why = why;
  return OK;
}

/* ---- which session a request belongs to ---- */

/* The challenge of a renewal only ever travelled in the device's own command channel, so what it buys belongs to that
   device from the start. A profile may be installed again when an answer was lost, until the new identity is in use. */
static enum err check_renewal(struct scep_work *w, const struct scep_session *s) {
  if (!s->renewal_open) return refuse(w, SCEP_BADREQUEST, "this renewal is over");
  if (s->seen) return refuse(w, SCEP_BADREQUEST, "the identity of this renewal is in use already");
  return OK;
}

static bool same_key(const struct scep_session *s, const uint8_t key_hash[32]) {
  return s->key_hash.n == SHA256_LEN && secret_equal(s->key_hash.p, key_hash, SHA256_LEN);
}

static enum err by_challenge(struct ctx *cx, struct db *db, struct scep_work *w, struct scep_session *s,
                             const uint8_t key_hash[32]) {
  uint8_t hash[SHA256_LEN];
  if (!w->request.csr.challenge) return refuse(w, SCEP_BADREQUEST, "the request has no challenge");
  pki_sha256(hash, slice_of(w->request.csr.challenge));
  TRY(scep_session_by_challenge(cx, db, hash, s));
  if (s->seq == 0) return refuse(w, SCEP_BADREQUEST, "the challenge is wrong");
  if (s->renews) TRY(check_renewal(w, s));
  if (w->fail != SCEP_NOFAIL) return OK;
  if (same_key(s, key_hash)) return OK;
  if (s->expires_at <= clock_now_us()) return refuse(w, SCEP_BADREQUEST, "the challenge has expired");
  if (s->issues >= s->issues_max)
    return refuse(w, SCEP_BADREQUEST, "the challenge was used too often, or with another key");
  if (!s->link_open) return refuse(w, SCEP_BADREQUEST, "the link of this enrollment was used up or revoked");
  return OK;
}

/* A RenewalReq is signed by the identity that it replaces, which stands in for a challenge (RFC 8894, 2.3). */
static enum err check_renewed(struct ctx *cx, struct db *db, struct scep_work *w, struct scep_renewed *old) {
  TRY(scep_renewed_load(cx, db, pki_cert_sha256(w->request.signer), old));
  if (!old->known || old->session == 0)
    return refuse(w, SCEP_BADMESSAGECHECK, "the identity to renew was not issued here");
  if (old->voided || !old->current) return refuse(w, SCEP_BADCERTID, "the identity to renew counts for no device now");
  int64_t now = clock_now_us(), until = pki_cert_not_after(w->request.signer) + core_conf(w->core)->identity_grace_us;
  bool graced;
  TRY(enroll_graced(cx, db, pki_cert_sha256(w->request.signer), &graced));
  if (until <= now && !graced)
    return refuse(w, SCEP_BADTIME, "the identity to renew ended longer ago than identity-grace");
  if (pki_cert_not_after(keyring_device_ca(w->core->keyring)) <= now)
    return refuse(w, SCEP_BADTIME, "the device CA has ended");
  return OK;
}

static enum err check_key(struct scep_work *w) {
  const struct pki_key *key = w->request.csr.key;
  if (!pki_key_is_rsa(key) || pki_key_bits(key) < RSA_BITS_MIN)
    return refuse(w, SCEP_BADALG, "the key is not RSA of 2048 bits or more");
  return OK;
}

/* PKCSReq is signed by the key that it asks a certificate for (RFC 8894, 2.3): who sends it holds that key. */
static enum err check_holder(struct scep_work *w) {
  bool own = pki_cert_fits(w->request.signer, w->request.csr.key);
  if (w->request.type == SCEP_PKCSREQ && !own)
    return refuse(w, SCEP_BADMESSAGECHECK, "the request is signed by another key than its own");
  return OK;
}

/* ---- the certificate ---- */

static enum err issue(struct ctx *cx, struct scep_work *w) {
  const struct core_conf *conf = core_conf(w->core);
  const struct pki_cert *ca = keyring_device_ca(w->core->keyring);
  int64_t now = clock_now_us(), end = now + conf->identity_validity_us, ca_end = pki_cert_not_after(ca);
  struct pki_issue what = {.cn = ctx_printf(cx, "MDM Identity %.8s", w->session_id),
                           .organization = conf->organization,
                           .subject_key = w->request.csr.key,
                           .issuer = ca,
                           .issuer_key = keyring_device_ca_key(w->core->keyring),
                           .not_before = now - US_DAY,
                           .not_after = end < ca_end ? end : ca_end,
                           .kind = PKI_IDENTITY,
                           .san_uri = ctx_printf(cx, "urn:uuid:%s", w->session_id)};
  return pki_cert_issue(cx, &w->issued, &what);
}

/* Signs ahead, on the thread that has the time for it; scep_commit decides again on what then holds. */
static enum err prepare(struct ctx *cx, struct db *db, struct scep_work *w) {
  struct scep_session s = {0};
  struct scep_renewed old;
  uint8_t key_hash[SHA256_LEN];
  TRY(check_key(w));
  if (w->fail == SCEP_NOFAIL) TRY(check_holder(w));
  pki_key_sha256(w->request.csr.key, key_hash);
  if (w->fail != SCEP_NOFAIL) return OK;
  if (w->request.type == SCEP_RENEWALREQ) {
    TRY(check_renewed(cx, db, w, &old));
    w->session_id = ctx_alloc(cx, UUID_LEN + 1);
    uuid_new(w->session_id);
  } else {
    TRY(by_challenge(cx, db, w, &s, key_hash));
    w->session_id = s.id;
  }
  if (w->fail != SCEP_NOFAIL) return OK;
  struct scep_ca ca = ca_of(w->core);
  TRY(issue(cx, w));
  return scep_reply_success(cx, &w->reply, &ca, &w->request, w->issued);
}

enum err scep_begin(struct ctx *cx, struct core *core, struct db *reader, struct slice message, struct scep_work *out) {
  struct scep_ca ca = ca_of(core);
  *out = (struct scep_work){.core = core, .fail = SCEP_NOFAIL};
  enum err e = scep_parse(cx, &out->request, &out->fail, &ca, message);
  if (e != OK) {
    if (!out->request.transaction_id || !out->request.signer || out->fail == SCEP_NOFAIL) return e;
    out->why = ctx_strdup(cx, ctx_error_text(cx));
    ctx_clear_error(cx);
    return OK;
  }
  if (out->request.type != SCEP_PKCSREQ && out->request.type != SCEP_RENEWALREQ)
    return refuse(out, SCEP_BADREQUEST, "only PKCSReq and RenewalReq are served");
  return prepare(cx, reader, out);
}

/* ---- the job ---- */

static void answer_with(struct scep_work *w, struct pki_cert *cert) {
  w->issued = cert;
  w->reply = (struct slice){0};
}

static enum err tell(struct ctx *cx, struct db *db, const struct scep_work *w, const char *device) {
  struct js *data = js_object(cx);
  js_set_string(data, "certificate", enc_hex(cx, pki_cert_sha256(w->issued), SHA256_LEN));
  js_set_string(data, "session", w->session_id);
  js_set_time(data, "not_after", pki_cert_not_after(w->issued));
  js_set_string(data, "address", w->address);
  return event_add(cx, db, "identity.issued", device, data);
}

static enum err commit_enroll(struct ctx *cx, struct db *db, struct scep_work *w) {
  struct scep_session s;
  struct slice before;
  struct pki_cert *cert;
  uint8_t key_hash[SHA256_LEN];
  pki_key_sha256(w->request.csr.key, key_hash);
  TRY(by_challenge(cx, db, w, &s, key_hash));
  if (w->fail != SCEP_NOFAIL) return OK;
  TRY(scep_issued_in(cx, db, s.seq, &before));
  if (same_key(&s, key_hash) && before.p) {
    TRY(pki_cert_parse(cx, &cert, before));
    answer_with(w, cert);
    return OK;
  }
  TRY(scep_void(cx, db, &s));
  TRY(scep_session_redeem(cx, db, &s, key_hash, s.issues == 0));
  TRY(enroll_identity_add(cx, db, w->issued, s.seq, w->request.transaction_id));
  if (s.renews) TRY(enroll_identity_bind(cx, db, pki_cert_sha256(w->issued), s.device, s.generation));
  return tell(cx, db, w, s.renews ? s.device : NULL);
}

/* The repeat of a transaction has the same key: then it is the same request, whose answer was lost. */
static enum err repeated(struct ctx *cx, struct db *db, struct scep_work *w, bool *again) {
  struct slice before;
  struct pki_cert *cert;
  TRY(scep_issued_for(cx, db, pki_cert_sha256(w->request.signer), w->request.transaction_id, &before));
  *again = false;
  if (!before.p) return OK;
  TRY(pki_cert_parse(cx, &cert, before));
  *again = pki_cert_fits(cert, w->request.csr.key);
  if (*again) answer_with(w, cert);
  return OK;
}

/* A renewal is a request of the one in force like any other: it is alive. */
static enum err is_alive(struct ctx *cx, struct db *db, const struct scep_work *w, const char *device) {
  struct enroll_ids ids = {.device = device, .id = device};
  struct enroll_proof proof = {.address = w->address};
  struct enroll_channel ch;
  memcpy(proof.hash, pki_cert_sha256(w->request.signer), sizeof proof.hash);
  TRY(enroll_find(cx, db, &ids, &proof, &ch));
  if (ch.enrollment) TRY(enroll_touch(cx, db, ch.enrollment, clock_now_us(), w->address, NULL));
  return ch.challenged ? enroll_defend(cx, db, &ids, &proof, &ch) : OK;
}

static enum err commit_renewal(struct ctx *cx, struct db *db, struct scep_work *w) {
  struct scep_renewed old;
  uint8_t unused[SHA256_LEN];
  int64_t session;
  bool again;
  TRY(check_renewed(cx, db, w, &old));
  if (w->fail != SCEP_NOFAIL) return OK;
  TRY(is_alive(cx, db, w, old.device_id));
  TRY(repeated(cx, db, w, &again));
  if (again) return OK;
  if (old.lately > RENEWALS_A_DAY) return refuse(w, SCEP_BADREQUEST, "too many renewals within a day");
  secret_random(unused, sizeof unused); /* nobody knows its preimage: this session has no challenge */
  TRY(scep_renew_session(cx, db, &old, w->session_id, unused, clock_now_us(), &session));
  TRY(enroll_identity_add(cx, db, w->issued, session, w->request.transaction_id));
  TRY(enroll_identity_bind(cx, db, pki_cert_sha256(w->issued), old.device_id, old.generation));
  return tell(cx, db, w, old.device_id);
}

enum err scep_commit(struct ctx *cx, struct db *db, void *work) {
  struct scep_work *w = work;
  return w->request.type == SCEP_RENEWALREQ ? commit_renewal(cx, db, w) : commit_enroll(cx, db, w);
}

enum err scep_finish(struct ctx *cx, struct scep_work *w, struct slice *reply) {
  struct scep_ca ca = ca_of(w->core);
  if (w->fail != SCEP_NOFAIL) return scep_reply_failure(cx, reply, &ca, &w->request, w->fail);
  if (w->reply.p) return *reply = w->reply, OK;
  return scep_reply_success(cx, reply, &ca, &w->request, w->issued);
}
