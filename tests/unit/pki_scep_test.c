/* SCEP messages: what is refused and with which failInfo, round trips with the client's half, old algorithms. */
#include "base/clock.h"
#include "lib/pki_scep_int.h"
#include <openssl/cms.h>
#include <openssl/rsa.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const int64_t now = INT64_C(1760000000) * US_SECOND;

/* Made once: RSA keys take their time. */
static struct {
  struct ctx *cx;
  struct pki_key *ca_key, *other_ca_key, *key, *new_key, *weak_key, *ec_key;
  struct pki_cert *ca, *other_ca, *self, *identity, *weak_self, *ec_self;
} pki;

static struct pki_cert *cert_of(const char *cn, const struct pki_key *key, const struct pki_cert *issuer, bool ca) {
  struct pki_cert *c;
  struct pki_issue what = {.cn = cn,
                           .subject_key = key,
                           .issuer = issuer,
                           .issuer_key = issuer ? pki.ca_key : key,
                           .not_before = now,
                           .not_after = now + US_DAY,
                           .kind = ca ? PKI_CA : PKI_IDENTITY};
  assert_int_equal(pki_cert_issue(pki.cx, &c, &what), OK);
  return c;
}

static int make_pki(void **state) {
  (void)state;
  struct pki_key **keys[] = {&pki.ca_key, &pki.other_ca_key, &pki.key, &pki.new_key};
  pki.cx = ctx_new();
  for (size_t i = 0; i < 4; i++)
    if (pki_key_new_rsa(pki.cx, keys[i], 2048)) return -1;
  if (pki_key_new_p256(pki.cx, &pki.ec_key) || pki_key_wrap(pki.cx, &pki.weak_key, EVP_RSA_gen(1024), true)) return -1;
  pki.ca = cert_of("CA", pki.ca_key, NULL, true);
  pki.other_ca = cert_of("Other", pki.other_ca_key, NULL, true);
  pki.self = cert_of("device", pki.key, NULL, false);
  pki.weak_self = cert_of("weak", pki.weak_key, NULL, false);
  pki.ec_self = cert_of("ec", pki.ec_key, NULL, false);
  pki.identity = cert_of("device", pki.key, pki.ca, false);
  return 0;
}

static int free_pki(void **state) {
  (void)state;
  ctx_free(pki.cx);
  return 0;
}

static int setup(void **state) {
  *state = ctx_new();
  return 0;
}

static int teardown(void **state) {
  ctx_free(*state);
  return 0;
}

/* ---- making requests ---- */
static struct slice csr(struct ctx *cx, const struct pki_key *key) {
  struct slice der;
  assert_int_equal(pki_csr_new(cx, &der, key, "device", "secret word"), OK);
  return der;
}

static struct scep_draft draft(struct ctx *cx) {
  return (struct scep_draft){.cert = pki.self,
                             .key = pki.key,
                             .digest = scep_digest_by_name("sha256"),
                             .type = SCEP_PKCSREQ,
                             .transaction_id = "T-1",
                             .content = csr(cx, pki.key)};
}

static struct slice made(struct ctx *cx, const struct scep_draft *d, const char *cipher) {
  struct slice der;
  assert_int_equal(scep_request_draft(cx, &der, d, pki.ca, scep_cipher_by_name(cipher)), OK);
  return der;
}

static struct slice request(struct ctx *cx) {
  struct scep_draft d = draft(cx);
  return made(cx, &d, "aes-128-cbc");
}

static enum err parse_with(struct ctx *cx, struct scep_request *rq, enum scep_fail *fail, struct slice der,
                           bool legacy) {
  const struct scep_ca ca = {pki.ca, pki.ca_key, legacy};
  ctx_clear_error(cx);
  return scep_parse(cx, rq, fail, &ca, der);
}

/* Refused without legacy, as `fail`; a failure CertRep can be made exactly when `answerable`, and the client reads it.
 */
static void refused(struct ctx *cx, struct slice der, enum scep_fail as, bool answerable) {
  struct scep_request rq;
  enum scep_fail fail;
  assert_int_not_equal(parse_with(cx, &rq, &fail, der, false), OK);
  assert_string_not_equal(ctx_error_text(cx), "");
  assert_int_equal(fail, as);
  assert_int_equal(rq.transaction_id && rq.signer, answerable);
  if (!answerable) return;
  const struct scep_ca ca = {pki.ca, pki.ca_key, false};
  struct slice reply;
  struct scep_reply back;
  assert_int_equal(scep_reply_failure(cx, &reply, &ca, &rq, fail), OK);
  assert_int_equal(scep_reply_parse(cx, &back, reply, pki.ca, pki.self, pki.key, rq.transaction_id), OK);
  assert_int_equal(back.status, SCEP_FAILURE);
  assert_int_equal(back.fail, as);
}

/* ---- bad paths ---- */

/* Goal: what is no SCEP message gives nothing to answer. */
static void garbage_is_refused(void **state) {
  struct ctx *cx = *state;
  char zeros[64] = {0};
  refused(cx, slice_of(""), SCEP_BADREQUEST, false);
  refused(cx, slice_of("garbage"), SCEP_BADREQUEST, false);
  refused(cx, slice_mem(zeros, sizeof zeros), SCEP_BADREQUEST, false);
  refused(cx, csr(cx, pki.key), SCEP_BADREQUEST, false);
  refused(cx, slice_mem(ctx_alloc(cx, 64 * 1024 + 1), 64 * 1024 + 1), SCEP_BADREQUEST, false);
  struct slice sealed; /* PKCS #7, but not signed */
  assert_int_equal(scep_seal(cx, &sealed, slice_of("x"), pki.ca, scep_cipher_by_name("aes-128-cbc")), OK);
  refused(cx, sealed, SCEP_BADREQUEST, false);
}

/* Goal: every truncation and a trailing byte are refused. */
static void truncation_is_refused(void **state) {
  struct ctx *cx = *state;
  struct scep_request rq;
  enum scep_fail fail;
  struct slice der = request(cx);
  for (size_t n = 0; n < der.n; n += 7) {
    char *cut = malloc(n + 1);
    memcpy(cut, der.p, n);
    assert_int_not_equal(parse_with(cx, &rq, &fail, slice_mem(cut, n), false), OK);
    free(cut);
  }
  refused(cx, (struct slice){ctx_memdup(cx, der.p, der.n), der.n + 1}, SCEP_BADREQUEST, false);
}

/* Goal: no changed byte changes what is read. (Some change nothing: the signer's certificate vouches for nothing yet.)
 */
static void tampering_changes_nothing(void **state) {
  struct ctx *cx = *state, *each = ctx_new();
  struct slice der = request(cx);
  struct scep_request good, rq;
  enum scep_fail fail;
  size_t refusals = 0, tries = 0;
  assert_int_equal(parse_with(cx, &good, &fail, der, false), OK);
  for (size_t i = 0; i < der.n; i += 3, tries++) {
    ctx_reset(each);
    char *bad = ctx_memdup(each, der.p, der.n);
    bad[i] = (char)(bad[i] ^ (1 << i % 8));
    if (parse_with(each, &rq, &fail, slice_mem(bad, der.n), false) != OK) {
      refusals++;
      continue;
    }
    assert_string_equal(rq.transaction_id, good.transaction_id);
    assert_int_equal(rq.type, good.type);
    assert_true(slice_eq(rq.sender_nonce, good.sender_nonce));
    assert_true(slice_eq(rq.csr_der, good.csr_der));
    assert_true(pki_cert_fits(rq.signer, pki.key));
  }
  assert_true(refusals > tries / 2);
  ctx_free(each);
}

/* Goal: an envelope for another CA, or of random bytes, gives one and the same error: nothing to learn about the key.
 */
static void undecryptable_is_one_error(void **state) {
  struct ctx *cx = *state;
  struct scep_draft d = draft(cx), plain = d;
  struct slice other, other_key, wrong_iv;
  assert_int_equal(scep_request_draft(cx, &other, &d, pki.other_ca, scep_cipher_by_name("aes-128-cbc")), OK);
  refused(cx, other, SCEP_BADMESSAGECHECK, true);
  char *said = ctx_strdup(cx, ctx_error_text(cx));
  /* the right name of the recipient, but another's key */
  struct pki_cert *same_name = cert_of("CA", pki.other_ca_key, NULL, true);
  ASN1_INTEGER *serial = X509_get_serialNumber(same_name->x);
  assert_int_equal(ASN1_STRING_copy(serial, X509_get0_serialNumber(pki.ca->x)), 1);
  int same = 0;
  for (int i = 0; i < 16; i++) {
    assert_int_equal(scep_request_draft(cx, &other_key, &d, same_name, scep_cipher_by_name("aes-128-cbc")), OK);
    struct scep_request rq;
    enum scep_fail fail;
    assert_int_not_equal(parse_with(cx, &rq, &fail, other_key, false), OK);
    same += strcmp(ctx_error_text(cx), said) == 0 && fail == SCEP_BADMESSAGECHECK;
  }
  assert_true(same >= 12); /* by chance, 1 in 256 has a good padding and fails as a CSR */
  /* a message that is signed, but holds no envelope */
  plain.content = slice_of("not an envelope");
  assert_int_equal(scep_sign(cx, &wrong_iv, &plain), OK);
  refused(cx, wrong_iv, SCEP_BADMESSAGECHECK, true);
}

/* Goal: without a usable transactionID there is no answer; it must be short and printable. */
static void transaction_is_checked(void **state) {
  struct ctx *cx = *state;
  char longest[257] = {0};
  memset(longest, 'x', 256);
  struct scep_draft d = draft(cx);
  const char *bad[] = {NULL, "", longest, "new\nline", "caf\xc3\xa9"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    d.transaction_id = bad[i];
    refused(cx, made(cx, &d, "aes-128-cbc"), SCEP_BADREQUEST, false);
  }
  longest[255] = 0;
  d.transaction_id = longest;
  struct scep_request rq;
  enum scep_fail fail;
  assert_int_equal(parse_with(cx, &rq, &fail, made(cx, &d, "aes-128-cbc"), false), OK);
  assert_string_equal(rq.transaction_id, longest);
}

/* Goal: a type that is no request, and contents that are no CSR, are bad requests; a device may not send CertReps. */
static void wrong_contents_are_refused(void **state) {
  struct ctx *cx = *state;
  struct scep_draft d = draft(cx), no_csr = d;
  const enum scep_type bad[] = {SCEP_CERTREP, (enum scep_type)18, (enum scep_type)0, (enum scep_type)999};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    d.type = bad[i];
    refused(cx, made(cx, &d, "aes-128-cbc"), SCEP_BADREQUEST, true);
  }
  no_csr.content = slice_of("not a request");
  refused(cx, made(cx, &no_csr, "aes-128-cbc"), SCEP_BADREQUEST, true);
}

/* Goal: a signer whom no answer could be encrypted to is refused with badAlg. */
static void signer_must_be_rsa(void **state) {
  struct ctx *cx = *state;
  struct scep_draft d = draft(cx);
  d.cert = pki.ec_self, d.key = pki.ec_key;
  refused(cx, made(cx, &d, "aes-128-cbc"), SCEP_BADALG, true);
}

/* Goal: an answer from another CA, of another transaction, or for another key is not taken by the client. */
static void client_refuses_foreign_answers(void **state) {
  struct ctx *cx = *state;
  const struct scep_ca ca = {pki.ca, pki.ca_key, false}, thief = {pki.other_ca, pki.other_ca_key, false};
  struct scep_request rq;
  enum scep_fail fail;
  struct slice good, forged;
  struct scep_reply back;
  assert_int_equal(parse_with(cx, &rq, &fail, request(cx), false), OK);
  assert_int_equal(scep_reply_success(cx, &good, &ca, &rq, pki.identity), OK);
  assert_int_equal(scep_reply_success(cx, &forged, &thief, &rq, pki.identity), OK);
  assert_int_equal(scep_reply_parse(cx, &back, forged, pki.ca, pki.self, pki.key, "T-1"), E_INVALID);
  assert_int_equal(scep_reply_parse(cx, &back, good, pki.ca, pki.self, pki.key, "T-2"), E_INVALID);
  assert_int_equal(scep_reply_parse(cx, &back, good, pki.ca, pki.self, pki.new_key, "T-1"), E_INVALID);
  assert_int_equal(scep_reply_parse(cx, &back, request(cx), pki.self, pki.self, pki.key, "T-1"), E_INVALID);
  char *bad = ctx_memdup(cx, good.p, good.n);
  bad[good.n - 1] ^= 1; /* the signature */
  assert_int_equal(scep_reply_parse(cx, &back, slice_mem(bad, good.n), pki.ca, pki.self, pki.key, "T-1"), E_INVALID);
}

/* ---- old algorithms ---- */

/* Goal: SHA-1 and single DES are taken only as legacy, MD5 never; modern ones always. The answer uses the request's. */
static void algorithms_follow_the_policy(void **state) {
  struct ctx *cx = *state;
  static const struct scep_digest md5 = {"md5", NID_md5, EVP_md5, true};
  const struct {
    const char *digest, *cipher;
    bool modern, legacy;
  } rows[] = {
      {"sha256", "aes-128-cbc", true, true}, {"sha384", "aes-192-cbc", true, true},
      {"sha512", "aes-256-cbc", true, true}, {"sha256", "des-ede3-cbc", true, true},
      {"sha256", "des-cbc", false, true},    {"sha1", "aes-128-cbc", false, true},
      {"sha1", "des-cbc", false, true},      {"md5", "aes-128-cbc", false, false},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct scep_draft d = draft(cx);
    d.digest = strcmp(rows[i].digest, "md5") == 0 ? &md5 : scep_digest_by_name(rows[i].digest);
    struct slice der = made(cx, &d, rows[i].cipher), reply;
    if (!rows[i].modern) refused(cx, der, SCEP_BADALG, true);
    for (int legacy = 0; legacy < 2; legacy++) {
      struct scep_request rq;
      enum scep_fail fail;
      bool fine = legacy ? rows[i].legacy : rows[i].modern;
      assert_int_equal(parse_with(cx, &rq, &fail, der, legacy), fine ? OK : E_INVALID);
      if (!fine) continue;
      assert_string_equal(rq.digest, rows[i].digest);
      assert_string_equal(rq.cipher, rows[i].cipher);
      assert_string_equal(rq.csr.challenge, "secret word");
      const struct scep_ca ca = {pki.ca, pki.ca_key, legacy};
      struct scep_reply back;
      assert_int_equal(scep_reply_success(cx, &reply, &ca, &rq, pki.identity), OK);
      assert_int_equal(scep_reply_parse(cx, &back, reply, pki.ca, pki.self, pki.key, "T-1"), OK);
      assert_true(slice_eq(pki_cert_der(back.issued), pki_cert_der(pki.identity)));
    }
  }
}

/* Goal: an envelope made by OpenSSL's CMS opens, and ours opens there: the cipher is no dialect of ours. */
static void envelopes_are_openssls(void **state) {
  struct ctx *cx = *state;
  struct slice sealed, plain;
  struct scep_envelope env;
  for (size_t i = 0; i < 4; i++) {
    const struct scep_cipher *cipher =
        scep_cipher_by_name((const char *[]){"aes-128-cbc", "aes-192-cbc", "aes-256-cbc", "des-ede3-cbc"}[i]);
    assert_int_equal(scep_seal(cx, &sealed, slice_of("hello"), pki.ca, cipher), OK);
    const unsigned char *p = (const unsigned char *)sealed.p;
    CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &p, (long)sealed.n);
    BIO *out = BIO_new(BIO_s_mem());
    char got[8] = "";
    assert_int_equal(CMS_decrypt(cms, pki.ca_key->pkey, pki.ca->x, NULL, out, CMS_BINARY), 1);
    assert_int_equal(BIO_read(out, got, sizeof got), 5);
    assert_string_equal(got, "hello");
    BIO_free(out);
    CMS_ContentInfo_free(cms);

    BIO *in = BIO_new_mem_buf("hello", 5);
    cms = CMS_encrypt(pki_stack(cx, &pki.ca, 1), in, cipher->evp(), CMS_BINARY);
    unsigned char *der = NULL;
    int n = i2d_CMS_ContentInfo(cms, &der);
    sealed = pki_take(cx, der, (size_t)n);
    BIO_free(in);
    CMS_ContentInfo_free(cms);
    assert_int_equal(scep_envelope_open(cx, &env, sealed), OK);
    assert_ptr_equal(env.cipher, cipher);
    assert_int_equal(scep_unseal(cx, &plain, &env, pki.ca, pki.ca_key), OK);
    assert_true(slice_is(plain, "hello"));
  }
}

/* ---- what a request says ---- */

/* Goal: a new device's request shows all that the caller decides by, a weak key too. */
static void pkcsreq_is_read(void **state) {
  struct ctx *cx = *state;
  struct scep_request rq;
  enum scep_fail fail;
  struct slice der, csr_der = csr(cx, pki.weak_key);
  assert_int_equal(scep_request_make(cx, &der, SCEP_PKCSREQ, pki.ca, pki.weak_self, pki.weak_key, csr_der, "T-1"), OK);
  assert_int_equal(parse_with(cx, &rq, &fail, der, false), OK);
  assert_int_equal(fail, SCEP_NOFAIL);
  assert_int_equal(rq.type, SCEP_PKCSREQ);
  assert_string_equal(rq.transaction_id, "T-1");
  assert_int_equal(rq.sender_nonce.n, SCEP_NONCE_LEN);
  assert_true(rq.signer_self_issued);
  assert_true(slice_eq(pki_cert_der(rq.signer), pki_cert_der(pki.weak_self)));
  assert_true(slice_eq(rq.csr_der, csr_der));
  assert_string_equal(rq.csr.cn, "device");
  assert_string_equal(rq.csr.challenge, "secret word");
  assert_int_equal(pki_key_bits(rq.csr.key), 1024);
}

/* Goal: a renewal is signed by the identity to renew, may bring a new key, and its answer is for the old one. */
static void renewal_round_trip(void **state) {
  struct ctx *cx = *state;
  const struct scep_ca ca = {pki.ca, pki.ca_key, false};
  struct scep_request rq;
  enum scep_fail fail;
  struct slice der, reply;
  struct scep_reply back;
  struct slice csr_der = csr(cx, pki.new_key);
  assert_int_equal(scep_request_make(cx, &der, SCEP_RENEWALREQ, pki.ca, pki.identity, pki.key, csr_der, "T-9"), OK);
  assert_int_equal(parse_with(cx, &rq, &fail, der, false), OK);
  assert_int_equal(rq.type, SCEP_RENEWALREQ);
  assert_false(rq.signer_self_issued);
  assert_true(slice_eq(pki_cert_der(rq.signer), pki_cert_der(pki.identity)));
  struct pki_cert *issued = cert_of("renewed", pki.new_key, pki.ca, false);
  assert_int_equal(scep_reply_success(cx, &reply, &ca, &rq, issued), OK);
  assert_int_equal(scep_reply_parse(cx, &back, reply, pki.ca, pki.identity, pki.key, "T-9"), OK);
  assert_int_equal(back.status, SCEP_SUCCESS);
  assert_true(pki_cert_fits(back.issued, pki.new_key));
}

/* Goal: requests without a CSR are read as far as they go; the caller knows what it serves. */
static void poll_is_read(void **state) {
  struct ctx *cx = *state;
  struct scep_request rq;
  enum scep_fail fail;
  struct scep_draft d = draft(cx);
  d.type = SCEP_CERTPOLL;
  d.content = slice_of("issuer and subject");
  assert_int_equal(parse_with(cx, &rq, &fail, made(cx, &d, "aes-128-cbc"), false), OK);
  assert_int_equal(rq.type, SCEP_CERTPOLL);
  assert_int_equal(rq.csr_der.n, 0);
}

static const ASN1_STRING *attribute(PKCS7 *p7, enum scep_attr attr) {
  STACK_OF(X509_ATTRIBUTE) *all = sk_PKCS7_SIGNER_INFO_value(PKCS7_get_signer_info(p7), 0)->auth_attr;
  for (int i = 0; i < sk_X509_ATTRIBUTE_num(all); i++) {
    X509_ATTRIBUTE *a = sk_X509_ATTRIBUTE_value(all, i);
    if (scep_attr_is(X509_ATTRIBUTE_get0_object(a), attr)) return X509_ATTRIBUTE_get0_type(a, 0)->value.asn1_string;
  }
  return NULL;
}

/* Goal: an answer returns the sender's nonce and has a fresh one of its own. */
static void nonces_are_returned(void **state) {
  struct ctx *cx = *state;
  const struct scep_ca ca = {pki.ca, pki.ca_key, false};
  struct scep_request rq;
  enum scep_fail fail;
  struct slice reply;
  PKCS7 *p7;
  assert_int_equal(parse_with(cx, &rq, &fail, request(cx), false), OK);
  assert_int_equal(scep_reply_success(cx, &reply, &ca, &rq, pki.identity), OK);
  assert_int_equal(scep_p7_decode(cx, &p7, reply, NID_pkcs7_signed), OK);
  const ASN1_STRING *returned = attribute(p7, SCEP_ATTR_RECIPIENT_NONCE),
                    *fresh = attribute(p7, SCEP_ATTR_SENDER_NONCE);
  assert_non_null(returned);
  assert_non_null(fresh);
  assert_true(
      slice_eq(slice_mem(ASN1_STRING_get0_data(returned), (size_t)ASN1_STRING_length(returned)), rq.sender_nonce));
  assert_int_not_equal(ASN1_STRING_cmp(returned, fresh), 0);
  assert_null(attribute(p7, SCEP_ATTR_FAIL));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void) {
  const struct CMUnitTest tests[] = {
      T(garbage_is_refused),
      T(truncation_is_refused),
      T(tampering_changes_nothing),
      T(undecryptable_is_one_error),
      T(transaction_is_checked),
      T(wrong_contents_are_refused),
      T(signer_must_be_rsa),
      T(client_refuses_foreign_answers),
      T(algorithms_follow_the_policy),
      T(envelopes_are_openssls),
      T(pkcsreq_is_read),
      T(renewal_round_trip),
      T(poll_is_read),
      T(nonces_are_returned),
  };
  return cmocka_run_group_tests(tests, make_pki, free_pki);
}
