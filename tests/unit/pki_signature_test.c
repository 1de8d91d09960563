/* Mdm-Signature: what is refused, what is remembered, and that both halves agree. */
#include "base/clock.h"
#include "base/enc.h"
#include "lib/pki_cms.h"
#include "lib/pki_int.h"
#include "lib/pki_signature_int.h"
#include <openssl/cms.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const int64_t now = INT64_C(1760000000) * US_SECOND;
#define BODY "<plist><dict><key>Status</key><string>Idle</string></dict></plist>"

/* A CA, another one, and identities of the first. Made once: RSA keys take their time. */
static struct {
  struct ctx *cx;
  struct pki_key *ca_key, *foreign_key, *rsa_key, *ec_key, *weak_key;
  struct pki_cert *ca, *foreign_ca, *rsa, *ec, *stranger, *weak;
  struct pki_trust *trust, *foreign_trust;
} pki;

static struct pki_cert *issue(struct pki_issue what) {
  struct pki_cert *c;
  if (!what.not_before) what.not_before = now - US_DAY;
  if (!what.not_after) what.not_after = now + 365 * US_DAY;
  assert_int_equal(pki_cert_issue(pki.cx, &c, &what), OK);
  return c;
}

static struct pki_cert *identity(const char *cn, const struct pki_key *key, int64_t not_after) {
  return issue((struct pki_issue){.cn = cn,
                                  .subject_key = key,
                                  .issuer = pki.ca,
                                  .issuer_key = pki.ca_key,
                                  .not_after = not_after,
                                  .kind = PKI_IDENTITY});
}

static int make_pki(void **state) {
  (void)state;
  pki.cx = ctx_new();
  if (pki_key_new_p256(pki.cx, &pki.ca_key) || pki_key_new_p256(pki.cx, &pki.foreign_key) ||
      pki_key_new_p256(pki.cx, &pki.ec_key) || pki_key_new_rsa(pki.cx, &pki.rsa_key, 2048) ||
      pki_key_wrap(pki.cx, &pki.weak_key, EVP_RSA_gen(1024), true))
    return -1;
  pki.ca = issue((struct pki_issue){.cn = "CA", .subject_key = pki.ca_key, .issuer_key = pki.ca_key, .kind = PKI_CA});
  pki.foreign_ca = issue((struct pki_issue){
      .cn = "Foreign", .subject_key = pki.foreign_key, .issuer_key = pki.foreign_key, .kind = PKI_CA});
  pki.rsa = identity("rsa", pki.rsa_key, 0);
  pki.ec = identity("ec", pki.ec_key, 0);
  pki.weak = identity("weak", pki.weak_key, 0);
  pki.stranger = issue((struct pki_issue){.cn = "stranger",
                                          .subject_key = pki.ec_key,
                                          .issuer = pki.foreign_ca,
                                          .issuer_key = pki.foreign_key,
                                          .kind = PKI_IDENTITY});
  return pki_trust_new(pki.cx, &pki.trust, &pki.ca, 1) || pki_trust_new(pki.cx, &pki.foreign_trust, &pki.foreign_ca, 1);
}

static int free_pki(void **state) {
  (void)state;
  pki_trust_free(pki.trust);
  pki_trust_free(pki.foreign_trust);
  ctx_free(pki.cx);
  return 0;
}

/* One test's own: a context and an empty memory of signers. */
struct bench {
  struct ctx *cx;
  struct pki_signers *signers;
};

static int setup(void **state) {
  struct bench *b = mem_alloc(sizeof *b);
  b->cx = ctx_new();
  b->signers = pki_signers_new(64);
  *state = b;
  return 0;
}

static int teardown(void **state) {
  struct bench *b = *state;
  pki_signers_free(b->signers);
  ctx_free(b->cx);
  free(b);
  return 0;
}

/* ---- making messages ---- */
struct recipe {
  const struct pki_cert *cert, *second; /* second: another signer */
  const struct pki_key *key;
  const EVP_MD *(*md)(void);
  unsigned flags;
  bool attached;
  int content_nid; /* 0: data */
  const struct pki_cert *extra;
};

static void add_signer(CMS_ContentInfo *cms, const struct pki_cert *c, const struct recipe *r) {
  unsigned flags = CMS_PARTIAL | CMS_NOSMIMECAP | CMS_BINARY | r->flags;
  assert_non_null(CMS_add1_signer(cms, c->x, r->key->pkey, r->md ? r->md() : EVP_sha256(), flags));
}

static struct slice cms_of(struct ctx *cx, struct recipe r, const char *body) {
  unsigned flags = CMS_PARTIAL | CMS_BINARY | (r.attached ? 0 : CMS_DETACHED);
  CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, NULL, flags);
  assert_non_null(cms);
  if (r.content_nid) assert_int_equal(CMS_set1_eContentType(cms, OBJ_nid2obj(r.content_nid)), 1);
  add_signer(cms, r.cert, &r);
  if (r.second) add_signer(cms, r.second, &r);
  if (r.extra) assert_int_equal(CMS_add1_cert(cms, r.extra->x), 1);
  BIO *in = BIO_new_mem_buf(body, -1);
  assert_int_equal(CMS_final(cms, in, NULL, flags), 1);
  BIO_free(in);
  unsigned char *p = NULL;
  int n = i2d_CMS_ContentInfo(cms, &p);
  assert_true(n > 0);
  CMS_ContentInfo_free(cms);
  return pki_take(cx, p, (size_t)n);
}

static struct slice rsa_message(struct ctx *cx) {
  return cms_of(cx, (struct recipe){.cert = pki.rsa, .key = pki.rsa_key}, BODY);
}
static struct slice ec_message(struct ctx *cx) {
  return cms_of(cx, (struct recipe){.cert = pki.ec, .key = pki.ec_key}, BODY);
}

static enum err check_at(struct bench *b, struct slice der, const char *body, int64_t at, struct pki_signature *out) {
  ctx_clear_error(b->cx);
  struct slice header = slice_of(enc_base64(b->cx, der.p, der.n));
  return pki_signature_check(b->cx, out, b->signers, pki.trust, header, slice_of(body), at);
}

static enum err check(struct bench *b, struct slice der, const char *body) {
  struct pki_signature sig;
  return check_at(b, der, body, now, &sig);
}

static enum err walk(struct bench *b, struct slice der, const char *body) {
  ctx_clear_error(b->cx);
  return pki_signature_check_walk(b->cx, der, slice_of(body), b->signers);
}

/* The message as it is, of which the signer is not known yet, is refused, and leaves no trace. */
static void refused_and_unknown(struct bench *b, struct slice der, enum err as) {
  assert_int_equal(check(b, der, BODY), as);
  assert_string_not_equal(ctx_error_text(b->cx), "");
  assert_int_equal(walk(b, der, BODY), E_NOT_FOUND);
}

static char *copy_of(struct ctx *cx, struct slice s) { return ctx_memdup(cx, s.p, s.n); }

/* ---- bad paths ---- */

/* Goal: what is no CMS, no base64 or too long is invalid, and never reaches a verdict on trust. */
static void garbage_is_refused(void **state) {
  struct bench *b = *state;
  struct pki_signature sig;
  char *big = ctx_alloc(b->cx, 16 * 1024 + 4);
  memset(big, 'A', 16 * 1024 + 3);
  const char *bad[] = {"", "!", "not base64 at all", "AAAA", "MAA=", "MIIB", big};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    ctx_clear_error(b->cx);
    assert_int_equal(pki_signature_check(b->cx, &sig, b->signers, pki.trust, slice_of(bad[i]), slice_of(BODY), now),
                     E_INVALID);
    ctx_clear_error(b->cx);
    assert_int_equal(pki_signature_peek(b->cx, &sig, b->signers, pki.trust, slice_of(bad[i]), now), E_INVALID);
  }
}

/* Goal: no truncation and no trailing byte gets past either half, whether the signer is known or not. */
static void truncation_is_refused(void **state) {
  struct bench *b = *state;
  struct slice der = ec_message(b->cx);
  assert_int_equal(check(b, der, BODY), OK);
  for (size_t n = 0; n < der.n; n++) {
    char *cut = malloc(n + 1);
    memcpy(cut, der.p, n);
    assert_int_equal(walk(b, slice_mem(cut, n), BODY), E_NOT_FOUND);
    if (n % 16 == 0) assert_int_equal(check(b, slice_mem(cut, n), BODY), E_INVALID);
    free(cut);
  }
  struct slice longer = {copy_of(b->cx, der), der.n + 1}; /* copies end in a zero byte */
  assert_int_equal(walk(b, longer, BODY), E_NOT_FOUND);
  assert_int_equal(check(b, longer, BODY), E_INVALID);
}

/* Goal: no changed byte of a message is ever accepted by the walk and not by OpenSSL. */
static void every_changed_byte_agrees(void **state) {
  struct bench *b = *state;
  struct slice der = ec_message(b->cx);
  struct pki_cert *signer;
  assert_int_equal(check(b, der, BODY), OK);
  for (size_t i = 0; i < der.n; i++) {
    char *bad = copy_of(b->cx, der);
    bad[i] = (char)(bad[i] ^ (1 << i % 8));
    enum err by_walk = walk(b, slice_mem(bad, der.n), BODY);
    enum err by_openssl = pki_signature_check_openssl(b->cx, slice_mem(bad, der.n), slice_of(BODY), &signer);
    if (by_walk == OK) assert_int_equal(by_openssl, OK);
    if (by_walk == E_INVALID) assert_int_equal(by_openssl, E_INVALID);
  }
}

/* Goal: a body with one byte changed, missing or added is refused on first sight and from a known signer. */
static void changed_body_is_refused(void **state) {
  struct bench *b = *state;
  for (int known = 0; known < 2; known++) {
    struct slice der = known ? ec_message(b->cx) : rsa_message(b->cx);
    if (known) assert_int_equal(check(b, der, BODY), OK);
    assert_int_equal(check(b, der, "X" BODY), E_INVALID);
    assert_int_equal(check(b, der, BODY "\n"), E_INVALID);
    assert_int_equal(check(b, der, &BODY[1]), E_INVALID);
    assert_int_equal(check(b, der, ""), E_INVALID);
  }
}

/* Goal: a good signature over other bytes proves nothing about these. */
static void signature_over_other_bytes_is_refused(void **state) {
  struct bench *b = *state;
  const unsigned without_attributes[] = {0, CMS_NOATTR};
  for (size_t i = 0; i < 2; i++) {
    struct recipe r = {.cert = pki.rsa, .key = pki.rsa_key, .flags = without_attributes[i]};
    struct slice other = cms_of(b->cx, r, "other");
    assert_int_equal(check(b, other, BODY), E_INVALID);
    assert_int_equal(check(b, other, "other"), OK);
    assert_int_equal(check(b, other, BODY), E_INVALID);
    assert_int_equal(walk(b, other, BODY), E_INVALID);
  }
}

/* Goal: another's certificate in place of the signer's does not lend its name. */
static void foreign_signature_under_a_known_name_is_refused(void **state) {
  struct bench *b = *state;
  struct pki_key *thief;
  assert_int_equal(pki_key_new_p256(b->cx, &thief), OK);
  assert_int_equal(check(b, ec_message(b->cx), BODY), OK);
  /* OpenSSL does not sign with a key that does not fit, so the certificate is given the thief's key for a moment. */
  X509 *forged = X509_dup(pki.ec->x);
  X509_set_pubkey(forged, thief->pkey);
  struct pki_cert fake = {.x = forged};
  struct slice der = cms_of(b->cx, (struct recipe){.cert = &fake, .key = thief}, BODY);
  X509_free(forged);
  /* and then the true certificate put in its place: both are of one length */
  char *copy = copy_of(b->cx, der);
  const char *at = memmem(copy, der.n, pki.ec->der.p, 4);
  assert_non_null(at);
  memcpy(copy + (at - copy), pki.ec->der.p, pki.ec->der.n);
  assert_int_equal(walk(b, slice_mem(copy, der.n), BODY), E_INVALID);
  assert_int_equal(check(b, slice_mem(copy, der.n), BODY), E_INVALID);
}

/* Goal: shapes that are CMS but not a device's signature are invalid. */
static void other_shapes_are_refused(void **state) {
  struct bench *b = *state;
  const struct recipe rsa = {.cert = pki.rsa, .key = pki.rsa_key};
  struct recipe no_cert = rsa, two = rsa, attached = rsa, md5 = rsa, type = rsa;
  no_cert.flags = CMS_NOCERTS;
  two.second = identity("second", pki.rsa_key, 0);
  attached.attached = true;
  md5.md = EVP_md5;
  type.content_nid = NID_pkcs7_enveloped;
  const struct recipe bad[] = {no_cert, two, attached, md5, type};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) refused_and_unknown(b, cms_of(b->cx, bad[i], BODY), E_INVALID);
}

/* Goal: signers of a foreign CA and weak keys are refused, also in a peek, and are not remembered. */
static void untrusted_is_refused(void **state) {
  struct bench *b = *state;
  struct pki_signature sig;
  struct slice foreign = cms_of(b->cx, (struct recipe){.cert = pki.stranger, .key = pki.ec_key}, BODY);
  struct slice weak = cms_of(b->cx, (struct recipe){.cert = pki.weak, .key = pki.weak_key}, BODY);
  refused_and_unknown(b, foreign, E_REFUSED);
  refused_and_unknown(b, weak, E_REFUSED);
  struct slice header = slice_of(enc_base64(b->cx, foreign.p, foreign.n));
  assert_int_equal(pki_signature_peek(b->cx, &sig, b->signers, pki.trust, header, now), E_REFUSED);
}

/* The last place of `bytes` in der, its last byte changed. */
static struct slice patched(struct ctx *cx, struct slice der, struct slice bytes, char value) {
  char *copy = copy_of(cx, der);
  size_t at = der.n - bytes.n;
  while (at > 0 && memcmp(copy + at, bytes.p, bytes.n) != 0) at--;
  assert_true(at > 0);
  copy[at + bytes.n - 1] = value;
  return slice_mem(copy, der.n);
}

/* Goal: algorithms that contradict each other are never the walk's to accept. */
static void contradicting_algorithms_are_refused(void **state) {
  struct bench *b = *state;
  struct slice der = ec_message(b->cx);
  const struct signature_digest *sha256 = &signature_digests[0];
  assert_int_equal(check(b, der, BODY), OK);
  struct slice digest = patched(b->cx, der, sha256->oid, 2); /* the signer's digest: SHA-384 */
  assert_int_equal(walk(b, digest, BODY), E_NOT_FOUND);
  assert_int_equal(check(b, digest, BODY), E_INVALID);
  struct slice sig = patched(b->cx, der, sha256->ecdsa_oid, 3); /* ECDSA with SHA-384 */
  assert_int_equal(walk(b, sig, BODY), E_NOT_FOUND);
}

/* ---- what is accepted ---- */

/* Goal: each digest with each kind of key, with and without attributes, is accepted on first sight and then by the
 * walk. */
static void usual_shapes_are_accepted_by_both(void **state) {
  struct bench *b = *state;
  const EVP_MD *(*const mds[])(void) = {EVP_sha256, EVP_sha384, EVP_sha512, EVP_sha1};
  const unsigned flags[] = {0, CMS_NOATTR, CMS_USE_KEYID};
  for (size_t i = 0; i < 4 * 3 * 2; i++) {
    bool rsa = i % 2;
    struct recipe r = {.cert = rsa ? pki.rsa : pki.ec, .key = rsa ? pki.rsa_key : pki.ec_key};
    r.md = mds[i / 2 % 4];
    r.flags = flags[i / 8];
    struct slice der = cms_of(b->cx, r, BODY);
    pki_signers_forget(b->signers);
    assert_int_equal(walk(b, der, BODY), E_NOT_FOUND);
    for (int again = 0; again < 2; again++) {
      struct pki_signature sig;
      assert_int_equal(check_at(b, der, BODY, now, &sig), OK);
      assert_true(slice_eq(sig.cert_der, r.cert->der));
      assert_memory_equal(sig.cert_sha256, pki_cert_sha256(r.cert), SHA256_LEN);
      assert_int_equal(sig.not_after, pki_cert_not_after(r.cert));
      assert_false(sig.expired);
    }
    assert_int_equal(walk(b, der, BODY), OK);
  }
}

/* Goal: what our own lab signs is accepted. */
static void own_signature_is_accepted(void **state) {
  struct bench *b = *state;
  struct slice der;
  assert_int_equal(pki_cms_sign_detached(b->cx, &der, slice_of(BODY), pki.rsa, pki.rsa_key), OK);
  assert_int_equal(check(b, der, BODY), OK);
  assert_int_equal(walk(b, der, BODY), OK);
}

/* Goal: an indefinite length, which DER does not know, is OpenSSL's to accept, even when the signer is known. */
static void indefinite_length_goes_to_openssl(void **state) {
  struct bench *b = *state;
  struct slice der = ec_message(b->cx);
  assert_int_equal(check(b, der, BODY), OK);
  struct buf ber = {0};
  buf_add(&ber, "\x30\x80", 2);
  buf_add(&ber, der.p + 4, der.n - 4);
  buf_add(&ber, "\0\0", 2);
  assert_int_equal(walk(b, buf_slice(&ber), BODY), E_NOT_FOUND);
  assert_int_equal(check(b, buf_slice(&ber), BODY), OK);
  assert_int_equal(check(b, buf_slice(&ber), "other"), E_INVALID);
  buf_free(&ber);
}

/* Goal: certificates beside the signer's are allowed, and another set of them is another message to get to know. */
static void extra_certificates(void **state) {
  struct bench *b = *state;
  struct recipe r = {.cert = pki.ec, .key = pki.ec_key, .extra = pki.ca};
  struct slice der = cms_of(b->cx, r, BODY);
  assert_int_equal(check(b, der, BODY), OK);
  assert_int_equal(walk(b, der, BODY), OK);
  struct pki_signature sig;
  assert_int_equal(check_at(b, der, BODY, now, &sig), OK);
  assert_true(slice_eq(sig.cert_der, pki.ec->der));
  assert_int_equal(walk(b, ec_message(b->cx), BODY), E_NOT_FOUND);
}

static X509 *by_hand(const char *cn, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key) {
  X509 *x = X509_new();
  X509_set_version(x, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x), 7);
  ASN1_TIME_set(X509_getm_notBefore(x), (time_t)(now / US_SECOND - 86400));
  ASN1_TIME_set(X509_getm_notAfter(x), (time_t)(now / US_SECOND + 86400));
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0);
  X509_set_issuer_name(x, X509_get_subject_name(issuer ? issuer : x));
  X509_set_pubkey(x, key);
  X509_EXTENSION *ca = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
  X509_add_ext(x, ca, -1);
  X509_EXTENSION_free(ca);
  assert_true(X509_sign(x, issuer_key, EVP_sha256()) > 0);
  return x;
}

/* Goal: an intermediate that comes with the message leads to a trusted root. */
static void chain_in_the_message(void **state) {
  struct bench *b = *state;
  struct pki_cert *root, *middle;
  struct pki_trust *trust;
  assert_int_equal(pki_cert_wrap(b->cx, &root, by_hand("root", pki.foreign_key->pkey, NULL, pki.foreign_key->pkey)),
                   OK);
  X509 *x = by_hand("middle", pki.ca_key->pkey, root->x, pki.foreign_key->pkey);
  assert_int_equal(pki_cert_wrap(b->cx, &middle, x), OK);
  struct pki_cert *leaf = issue((struct pki_issue){
      .cn = "leaf", .subject_key = pki.ec_key, .issuer = middle, .issuer_key = pki.ca_key, .kind = PKI_IDENTITY});
  assert_int_equal(pki_trust_new(b->cx, &trust, &root, 1), OK);
  for (int with = 0; with < 2; with++) {
    struct recipe r = {.cert = leaf, .key = pki.ec_key, .extra = with ? middle : NULL};
    struct slice der = cms_of(b->cx, r, BODY);
    struct slice header = slice_of(enc_base64(b->cx, der.p, der.n));
    struct pki_signature sig;
    ctx_clear_error(b->cx);
    enum err e = pki_signature_check(b->cx, &sig, b->signers, trust, header, slice_of(BODY), now);
    assert_int_equal(e, with ? OK : E_REFUSED);
  }
  pki_trust_free(trust);
}

/* ---- what is remembered, and for how long ---- */

/* Goal: an identity that ends while it is remembered is reported as expired from that moment on, not before. */
static void expiry_is_seen_in_time(void **state) {
  struct bench *b = *state;
  struct pki_signature sig;
  struct pki_cert *leaf = identity("short", pki.ec_key, now + US_DAY);
  struct slice der = cms_of(b->cx, (struct recipe){.cert = leaf, .key = pki.ec_key}, BODY);
  const int64_t at[] = {0, US_DAY - US_SECOND, US_DAY + US_SECOND, 2 * US_DAY, 0};
  const bool expired[] = {false, false, true, true, false};
  for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
    assert_int_equal(check_at(b, der, BODY, now + at[i], &sig), OK);
    assert_int_equal(sig.expired, expired[i]);
    assert_int_equal(check_at(b, der, BODY "x", now + at[i], &sig), E_INVALID);
  }
  assert_int_equal(check_at(b, der, BODY, now - 30 * US_DAY, &sig), E_REFUSED); /* not valid yet */
}

/* Goal: when the CA ends before its identities, they do not outlive it by being remembered. */
static void end_of_the_ca_is_seen(void **state) {
  struct bench *b = *state;
  struct pki_cert *ca = issue((struct pki_issue){
      .cn = "ends", .subject_key = pki.ca_key, .issuer_key = pki.ca_key, .not_after = now + US_DAY, .kind = PKI_CA});
  struct pki_cert *leaf = issue((struct pki_issue){
      .cn = "x", .subject_key = pki.ec_key, .issuer = ca, .issuer_key = pki.ca_key, .kind = PKI_IDENTITY});
  struct slice der = cms_of(b->cx, (struct recipe){.cert = leaf, .key = pki.ec_key}, BODY);
  struct slice header = slice_of(enc_base64(b->cx, der.p, der.n));
  struct pki_trust *trust;
  struct pki_signature sig;
  assert_int_equal(pki_trust_new(b->cx, &trust, &ca, 1), OK);
  assert_int_equal(pki_signature_check(b->cx, &sig, b->signers, trust, header, slice_of(BODY), now), OK);
  assert_int_equal(pki_signature_check(b->cx, &sig, b->signers, trust, header, slice_of(BODY), now + US_MINUTE), OK);
  assert_int_equal(pki_signature_check(b->cx, &sig, b->signers, trust, header, slice_of(BODY), now + 2 * US_DAY),
                   E_REFUSED);
  pki_trust_free(trust);
}

/* Goal: a signer known under one set of CAs is judged anew under another, and after forgetting. */
static void other_trust_is_asked_again(void **state) {
  struct bench *b = *state;
  struct pki_signature sig;
  struct slice der = ec_message(b->cx);
  struct slice header = slice_of(enc_base64(b->cx, der.p, der.n));
  assert_int_equal(check(b, der, BODY), OK);
  assert_int_equal(pki_signature_check(b->cx, &sig, b->signers, pki.foreign_trust, header, slice_of(BODY), now),
                   E_REFUSED);
  assert_int_equal(walk(b, der, BODY), OK);
  pki_signers_forget(b->signers);
  assert_int_equal(walk(b, der, BODY), E_NOT_FOUND);
}

/* Goal: a peek finds the signer, proves nothing about the body, and saves the check after it the first sight. */
static void peek_before_the_body(void **state) {
  struct bench *b = *state;
  struct slice der = ec_message(b->cx);
  struct slice header = slice_of(enc_base64(b->cx, der.p, der.n));
  for (int again = 0; again < 2; again++) {
    struct pki_signature sig;
    assert_int_equal(pki_signature_peek(b->cx, &sig, b->signers, pki.trust, header, now), OK);
    assert_true(slice_eq(sig.cert_der, pki.ec->der));
  }
  assert_int_equal(check(b, der, "other"), E_INVALID);
  assert_int_equal(walk(b, der, BODY), OK);
}

/* Goal: the memory is bounded; the signer unused for longest goes first. */
static void memory_is_bounded(void **state) {
  struct bench *b = *state;
  struct slice der[3];
  pki_signers_free(b->signers);
  b->signers = pki_signers_new(2);
  for (int i = 0; i < 3; i++) {
    struct pki_cert *leaf = identity("n", pki.ec_key, 0);
    der[i] = cms_of(b->cx, (struct recipe){.cert = leaf, .key = pki.ec_key}, BODY);
    if (i == 2) assert_int_equal(check(b, der[0], BODY), OK); /* used again */
    assert_int_equal(check(b, der[i], BODY), OK);
  }
  assert_int_equal(walk(b, der[0], BODY), OK);
  assert_int_equal(walk(b, der[1], BODY), E_NOT_FOUND);
  assert_int_equal(walk(b, der[2], BODY), OK);
}

struct crowd {
  struct pki_signers *signers;
  struct slice header;
  int wrong;
};

static void *crowd_member(void *arg) {
  struct crowd *c = arg;
  struct crowd mine = *c;
  intptr_t wrong = 0;
  for (int i = 0; i < 40; i++) {
    struct ctx *cx = ctx_new();
    struct pki_signature sig;
    if (i % 8 == 7) pki_signers_forget(mine.signers);
    wrong += pki_signature_check(cx, &sig, mine.signers, pki.trust, mine.header, slice_of(BODY), now) != OK;
    wrong += pki_signature_check(cx, &sig, mine.signers, pki.trust, mine.header, slice_of("no"), now) != E_INVALID;
    ctx_free(cx);
  }
  return (void *)wrong;
}

/* Goal: threads share one memory of signers while it is being emptied. */
static void threads_share_the_memory(void **state) {
  struct bench *b = *state;
  struct slice der = ec_message(b->cx);
  struct crowd c = {b->signers, slice_of(enc_base64(b->cx, der.p, der.n)), 0};
  pthread_t t[4];
  for (size_t i = 0; i < 4; i++) assert_int_equal(pthread_create(&t[i], NULL, crowd_member, &c), 0);
  for (size_t i = 0; i < 4; i++) {
    void *wrong;
    pthread_join(t[i], &wrong);
    assert_null(wrong);
  }
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void) {
  const struct CMUnitTest tests[] = {
      T(garbage_is_refused),
      T(truncation_is_refused),
      T(every_changed_byte_agrees),
      T(changed_body_is_refused),
      T(signature_over_other_bytes_is_refused),
      T(foreign_signature_under_a_known_name_is_refused),
      T(other_shapes_are_refused),
      T(untrusted_is_refused),
      T(contradicting_algorithms_are_refused),
      T(usual_shapes_are_accepted_by_both),
      T(own_signature_is_accepted),
      T(indefinite_length_goes_to_openssl),
      T(extra_certificates),
      T(chain_in_the_message),
      T(expiry_is_seen_in_time),
      T(end_of_the_ca_is_seen),
      T(other_trust_is_asked_again),
      T(peek_before_the_body),
      T(memory_is_bounded),
      T(threads_share_the_memory),
  };
  return cmocka_run_group_tests(tests, make_pki, free_pki);
}
