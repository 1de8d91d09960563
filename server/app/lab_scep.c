/* SCEP as a device does it (RFC 8894; Apple's clients): capabilities, the CA's certificate, one request. */
#include "app/lab_device.h"
#include "base/clock.h"
#include "base/enc.h"
#include "lib/pki_scep.h"

#include <string.h>

#define WITHOUT_END (3650 * US_DAY)

struct scep {
  struct nh *client;
  const struct lab_profile *profile;
  const struct pki_key *key;
  const struct pki_cert *old; /* to be renewed; NULL: a first one, by the challenge */
};

static enum err ask(struct ctx *cx, struct slice *out, const struct scep *s, const char *operation, struct slice body) {
  static const char *const headers[] = {"Content-Type: application/x-pki-message", NULL};
  struct nh_reply reply;
  struct nh_req rq = {
      .method = body.n ? "POST" : "GET",
      .url = ctx_printf(cx, "%s?operation=%s%s%s", s->profile->scep_url, operation,
                        body.n ? "" : "&message=", body.n ? "" : enc_percent(cx, slice_of(s->profile->scep_name))),
      .headers = body.n ? headers : NULL,
      .body = body};
  TRY(nh_do(cx, s->client, &rq, &reply));
  if (reply.status != 200) return FAIL(cx, E_REFUSED, "SCEP %s was answered with %d", operation, reply.status);
  *out = reply.body;
  return OK;
}

static bool has_line(struct slice text, const char *word) {
  struct slice line;
  while (slice_cut(&text, '\n', &line))
    if (slice_ieq(slice_trim(line), word)) return true;
  return false;
}

/* iOS since 10 refuses a CA without a decent digest and cipher, and so do we. */
static enum err check_capabilities(struct ctx *cx, const struct scep *s) {
  struct slice text;
  TRY(ask(cx, &text, s, "GetCACaps", (struct slice){0}));
  if (!has_line(text, "SCEPStandard") && !has_line(text, "POSTPKIOperation"))
    return FAIL(cx, E_REFUSED, "the CA does not take requests by POST");
  if (!has_line(text, "SCEPStandard") && (!has_line(text, "SHA-256") || !has_line(text, "AES")))
    return FAIL(cx, E_REFUSED, "the CA lacks SHA-256 or AES");
  return OK;
}

static enum err get_ca(struct ctx *cx, struct pki_cert **ca, const struct scep *s) {
  struct slice der, expected = s->profile->ca_fingerprint;
  uint8_t sha1[20];
  TRY(ask(cx, &der, s, "GetCACert", (struct slice){0}));
  TRY(pki_cert_parse(cx, ca, der));
  pki_sha1(sha1, der);
  if (expected.n && !slice_eq(expected, slice_mem(sha1, sizeof sha1)))
    return FAIL(cx, E_REFUSED, "the CA is not the one whose fingerprint the profile names");
  return OK;
}

static enum err self_signed(struct ctx *cx, struct pki_cert **out, const char *cn, const struct pki_key *key) {
  int64_t now = clock_now_us();
  struct pki_issue what = {.cn = cn,
                           .subject_key = key,
                           .issuer_key = key,
                           .not_before = now - WITHOUT_END,
                           .not_after = now + WITHOUT_END,
                           .kind = PKI_IDENTITY};
  return pki_cert_issue(cx, out, &what);
}

/* Who signs the request: the identity that it renews, or a certificate made for that. */
static enum err signer(struct ctx *cx, const struct pki_cert **out, const struct scep *s) {
  struct pki_cert *made;
  *out = s->old;
  if (s->old) return OK;
  TRY(self_signed(cx, &made, s->profile->subject_cn, s->key));
  *out = made;
  return OK;
}

static enum err request(struct ctx *cx, struct pki_cert **out, const struct scep *s, const struct pki_cert *ca) {
  const struct pki_cert *own;
  const struct pki_key *key = s->key;
  struct slice csr, message, answer;
  struct scep_reply reply;
  char transaction[UUID_LEN + 1]; /* not the key's digest, as usual: keys of the pool are used many times */
  uuid_new(transaction);
  TRY(signer(cx, &own, s));
  TRY(pki_csr_new(cx, &csr, key, s->profile->subject_cn, s->old ? NULL : s->profile->challenge));
  TRY(scep_request_make(cx, &message, s->old ? SCEP_RENEWALREQ : SCEP_PKCSREQ, ca, own, key, csr, transaction));
  TRY(ask(cx, &answer, s, "PKIOperation", message));
  TRY(scep_reply_parse(cx, &reply, answer, ca, own, key, transaction));
  if (reply.status != SCEP_SUCCESS)
    return FAIL(cx, E_REFUSED, "the CA refused to issue an identity (failInfo %d)", (int)reply.fail);
  if (!pki_cert_fits(reply.issued, key)) return FAIL(cx, E_REFUSED, "the CA certified another key");
  *out = reply.issued;
  return OK;
}

enum err lab_scep(struct ctx *cx, struct pki_cert **out, const struct lab_profile *profile, struct nh *client,
                  const struct pki_key *key, const struct pki_cert *old) {
  struct scep s = {client, profile, key, old};
  struct pki_cert *ca;
  TRY(check_capabilities(cx, &s));
  TRY(get_ca(cx, &ca, &s));
  return request(cx, out, &s, ca);
}
