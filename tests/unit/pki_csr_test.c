/* Certificate requests and signed messages: what is refused, and what comes out. */
#include "base/enc.h"
#include "lib/pki_cert.h"
#include "lib/pki_cms.h"
#include "lib/pki_int.h"
#include <openssl/cms.h>
#include <openssl/x509v3.h>

#include "pki_world.h"

/* ---- requests ---- */

static struct slice request(struct ctx *cx, const struct pki_key *k, const char *challenge) {
  struct slice der;
  if (pki_csr_new(cx, &der, k, "A device", challenge) != OK) fail_msg("%s", ctx_error_text(cx));
  return der;
}

/* Goal: a request cut off anywhere, longer than it says, or with any byte changed is refused. */
static void damaged_request(void **state) {
  struct slice der = request(*state, ec, "secret");
  struct ctx *cx = ctx_new();
  struct pki_csr csr;
  for (size_t n = 0; n <= der.n + 1; n++) {
    if (n == der.n) continue;
    struct slice s = exact(der, n);
    assert_int_equal(pki_csr_parse(cx, &csr, s), E_INVALID);
    drop(s);
    ctx_reset(cx);
  }
  for (size_t i = 0; i < der.n; i++) {
    struct slice s = exact(der, der.n);
    ((char *)(uintptr_t)s.p)[i] ^= 1;
    assert_int_equal(pki_csr_parse(cx, &csr, s), E_INVALID);
    drop(s);
    ctx_reset(cx);
  }
  says(cx, pki_csr_parse(cx, &csr, slice_mem(ctx_alloc(cx, 20000), 20000)), E_INVALID, "20000 bytes");
  ctx_free(cx);
}

/* The second challenge of a crafted request: none, as a second value, as a second attribute. */
enum second { ONE, TWO_VALUES, TWO_ATTRIBUTES };

static void add_challenge(X509_REQ *r, int type, struct slice text, enum second second) {
  int n = (int)text.n;
  assert_int_equal(X509_REQ_add1_attr_by_NID(r, NID_pkcs9_challengePassword, type, (const uint8_t *)text.p, n), 1);
  if (second == TWO_VALUES) assert_int_equal(X509_ATTRIBUTE_set1_data(X509_REQ_get_attr(r, 0), type, text.p, n), 1);
  if (second != TWO_ATTRIBUTES) return;
  /* OpenSSL adds no attribute twice, so another one is renamed. */
  assert_int_equal(X509_REQ_add1_attr_by_NID(r, NID_pkcs9_unstructuredName, type, (const uint8_t *)text.p, n), 1);
  X509_ATTRIBUTE_set1_object(X509_REQ_get_attr(r, 1), OBJ_nid2obj(NID_pkcs9_challengePassword));
}

static struct slice crafted(struct ctx *cx, EVP_PKEY *key, EVP_PKEY *by, int type, struct slice text,
                            enum second second) {
  X509_REQ *r = X509_REQ_new();
  X509_REQ_set_pubkey(r, key);
  if (text.p != NULL) add_challenge(r, type, text, second);
  assert_true(X509_REQ_sign(r, by, EVP_PKEY_get_base_id(by) == EVP_PKEY_ED25519 ? NULL : EVP_sha256()) > 0);
  unsigned char *p = NULL;
  int n = i2d_X509_REQ(r, &p);
  X509_REQ_free(r);
  return pki_take(cx, p, (size_t)n);
}

/* Goal: a request must be signed by its own key, of a sort that can be used, with one readable challenge at most. */
static void bad_requests(void **state) {
  struct ctx *cx = *state;
  struct pki_csr csr;
  const struct slice none = {0};
  char *longer = memset(ctx_alloc(cx, 257), 'x', 256);
  says(cx, pki_csr_parse(cx, &csr, crafted(cx, ec->pkey, ec2->pkey, 0, none, ONE)), E_INVALID, "not signed by the key");
  says(cx, pki_csr_parse(cx, &csr, pki_cert_der(leaf)), E_INVALID, "not a certificate request");
  EVP_PKEY *ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
  says(cx, pki_csr_parse(cx, &csr, crafted(cx, ed, ed, 0, none, ONE)), E_INVALID, "neither RSA");
  EVP_PKEY_free(ed);
#define CHALLENGE(type, text, second) pki_csr_parse(cx, &csr, crafted(cx, ec->pkey, ec->pkey, (type), (text), (second)))
  says(cx, CHALLENGE(V_ASN1_UTF8STRING, slice_of("a"), TWO_VALUES), E_INVALID, "more than one");
  says(cx, CHALLENGE(V_ASN1_UTF8STRING, slice_of("a"), TWO_ATTRIBUTES), E_INVALID, "more than one");
  says(cx, CHALLENGE(V_ASN1_UTF8STRING, slice_mem("a\0b", 3), ONE), E_INVALID, "control characters");
  says(cx, CHALLENGE(V_ASN1_UTF8STRING, slice_of("a\xff"), ONE), E_INVALID, "challenge");
  says(cx, CHALLENGE(V_ASN1_UTF8STRING, slice_of(longer), ONE), E_INVALID, "too long");
  says(cx, CHALLENGE(V_ASN1_OCTET_STRING, slice_of("a"), ONE), E_INVALID, "not a text");
  says(cx, CHALLENGE(V_ASN1_BMPSTRING, slice_mem("\xd8\0", 2), ONE), E_INVALID, "challenge");
}

/* Goal: a challenge is read in every type of text that clients use. */
static void challenges(void **state) {
  struct ctx *cx = *state;
  struct pki_csr csr;
  const int types[] = {V_ASN1_PRINTABLESTRING, V_ASN1_UTF8STRING, V_ASN1_IA5STRING, V_ASN1_T61STRING};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    assert_int_equal(CHALLENGE(types[i], slice_of("secret 7"), ONE), OK);
    assert_string_equal(csr.challenge, "secret 7");
    assert_string_equal(csr.cn, "");
  }
  assert_int_equal(CHALLENGE(V_ASN1_BMPSTRING, slice_mem("\0s\x20\xac", 4), ONE), OK);
  assert_string_equal(csr.challenge, "s€");
}
#undef CHALLENGE

/* Goal: a request made here is read here. */
static void request_round_trip(void **state) {
  struct ctx *cx = *state;
  struct pki_csr csr;
  assert_int_equal(pki_csr_parse(cx, &csr, request(cx, rsa, NULL)), OK);
  assert_null(csr.challenge);
  assert_string_equal(csr.cn, "A device");
  assert_true(pki_key_is_rsa(csr.key));
  assert_true(pki_cert_fits(ca, csr.key));
  struct slice pem, der;
  says(cx, pki_key_pem(cx, &pem, csr.key), E_INVALID, "public half");
  says(cx, pki_csr_new(cx, &der, csr.key, "x", NULL), E_INVALID, "signed");
  says(cx, pki_csr_new(cx, &der, ec, "", NULL), E_INVALID, "common name");
}

/* ---- signing ---- */

static bool verifies(struct slice der, struct slice *attached, struct slice detached, int *certs) {
  const unsigned char *p = (const unsigned char *)der.p;
  CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &p, (long)der.n);
  assert_non_null(cms);
  BIO *in = detached.p != NULL ? BIO_new_mem_buf(detached.p, (int)detached.n) : NULL, *out = BIO_new(BIO_s_mem());
  bool fine = CMS_verify(cms, NULL, NULL, in, out, CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY) == 1;
  static char text[64];
  int n = BIO_read(out, text, sizeof text);
  *attached = slice_mem(text, n > 0 ? (size_t)n : 0);
  STACK_OF(X509) *all = CMS_get1_certs(cms);
  *certs = sk_X509_num(all);
  sk_X509_pop_free(all, X509_free);
  BIO_free(in);
  BIO_free(out);
  CMS_ContentInfo_free(cms);
  return fine;
}

/* Goal: a signer without its private key, or with another's, signs nothing. */
static void cannot_sign(void **state) {
  struct ctx *cx = *state;
  struct slice der;
  struct pki_csr csr;
  assert_int_equal(pki_csr_parse(cx, &csr, request(cx, ec, NULL)), OK);
  says(cx, pki_cms_sign(cx, &der, slice_of("x"), leaf, csr.key, NULL, 0), E_INVALID, "private key");
  says(cx, pki_cms_sign(cx, &der, slice_of("x"), leaf, ec2, NULL, 0), E_INVALID, "cannot sign");
  says(cx, pki_cms_sign_detached(cx, &der, slice_of("x"), leaf, rsa), E_INVALID, "cannot sign");
}

/* Goal: signed bytes are exactly those given, bare line feeds and nothing at all included; each certificate goes in
 * once. */
static void signed_messages(void **state) {
  struct ctx *cx = *state;
  struct pki_cert *chain[] = {ca, leaf, ca};
  const struct slice contents[] = {slice_of("<plist>\n\r\n</plist>\n"), slice_of(""), (struct slice){0}};
  for (size_t i = 0; i < 3; i++) {
    struct slice der, got;
    int certs;
    assert_int_equal(pki_cms_sign(cx, &der, contents[i], leaf, ec, chain, 3), OK);
    assert_true(verifies(der, &got, (struct slice){0}, &certs));
    assert_true(slice_eq(got, contents[i]));
    assert_int_equal(certs, 2);
    assert_int_equal(pki_cms_sign_detached(cx, &der, contents[i], ca, rsa), OK);
    assert_true(verifies(der, &got, slice_mem(contents[i].n > 0 ? contents[i].p : "", contents[i].n), &certs));
    assert_int_equal(certs, 1);
    assert_false(verifies(der, &got, slice_of("other"), &certs));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(damaged_request),    TEST(bad_requests), TEST(challenges),
      TEST(request_round_trip), TEST(cannot_sign),  TEST(signed_messages),
  };
  return cmocka_run_group_tests(tests, make_world, end_world);
}
