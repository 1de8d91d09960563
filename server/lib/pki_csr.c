#include "base/secret.h"
#include "lib/pki_int.h"
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

enum {
  CSR_MOST = 16 << 10,
  CHALLENGE_MOST = 255, /* PKCS #9 */
  RSA_BITS_MOST = 8192  /* larger ones only make their check slow */
};

static void release_req(void *r) { X509_REQ_free(r); }

static enum err public_key(struct ctx *cx, struct pki_key **out, X509_REQ *req) {
  EVP_PKEY *pkey = X509_REQ_get_pubkey(req);
  if (pkey == NULL) return PKI_FAIL(cx, E_INVALID, "certificate request: its key cannot be read");
  TRY(pki_key_wrap(cx, out, pkey, false));
  int type = EVP_PKEY_get_base_id(pkey);
  if (type != EVP_PKEY_RSA && type != EVP_PKEY_EC)
    return FAIL(cx, E_INVALID, "certificate request: its key is neither RSA nor on an elliptic curve of NIST");
  if (type == EVP_PKEY_RSA && EVP_PKEY_get_bits(pkey) > RSA_BITS_MOST)
    return FAIL(cx, E_INVALID, "certificate request: an RSA key of %d bits", EVP_PKEY_get_bits(pkey));
  if (X509_REQ_verify(req, pkey) != 1)
    return PKI_FAIL(cx, E_INVALID, "certificate request: not signed by the key that it names");
  return OK;
}

static bool is_text(int type) {
  static const int types[] = {V_ASN1_PRINTABLESTRING, V_ASN1_UTF8STRING, V_ASN1_IA5STRING, V_ASN1_T61STRING,
                              V_ASN1_BMPSTRING};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    if (types[i] == type) return true;
  return false;
}

/* The only value of the only challengePassword, NULL when there is no such attribute. */
static enum err challenge(struct ctx *cx, char **out, X509_REQ *req) {
  *out = NULL;
  int at = X509_REQ_get_attr_by_NID(req, NID_pkcs9_challengePassword, -1);
  if (at < 0) return OK;
  X509_ATTRIBUTE *a = X509_REQ_get_attr(req, at);
  if (X509_REQ_get_attr_by_NID(req, NID_pkcs9_challengePassword, at) >= 0 || X509_ATTRIBUTE_count(a) != 1)
    return FAIL(cx, E_INVALID, "certificate request: more than one challenge");
  const ASN1_TYPE *v = X509_ATTRIBUTE_get0_type(a, 0);
  if (v == NULL || !is_text(v->type)) return FAIL(cx, E_INVALID, "certificate request: its challenge is not a text");
  unsigned char *utf8 = NULL;
  int n = ASN1_STRING_to_UTF8(&utf8, v->value.asn1_string);
  if (n < 0) return PKI_FAIL(cx, E_INVALID, "certificate request: its challenge is not a text");
  struct slice text = slice_mem(utf8, (size_t)n);
  bool fine = n <= CHALLENGE_MOST && text_is_plain(text);
  if (fine) *out = secret_in(cx, ctx_memdup(cx, utf8, text.n), text.n);
  OPENSSL_clear_free(utf8, text.n);
  if (!fine) return FAIL(cx, E_INVALID, "certificate request: its challenge is too long, or holds control characters");
  return OK;
}

enum err pki_csr_parse(struct ctx *cx, struct pki_csr *out, struct slice der) {
  if (der.n == 0 || der.n > CSR_MOST) return FAIL(cx, E_INVALID, "not a certificate request: %zu bytes", der.n);
  const unsigned char *p = (const unsigned char *)der.p, *end = p + der.n;
  X509_REQ *req = d2i_X509_REQ(NULL, &p, (long)der.n);
  if (req == NULL) return PKI_FAIL(cx, E_INVALID, "not a certificate request");
  ctx_defer(cx, release_req, req);
  if (p != end) return FAIL(cx, E_INVALID, "certificate request: bytes after its end");
  TRY(public_key(cx, &out->key, req));
  TRY(challenge(cx, &out->challenge, req));
  out->cn = pki_name_part(cx, X509_REQ_get_subject_name(req), NID_commonName);
  return OK;
}

/* ---- making ---- */

static enum err start(struct ctx *cx, X509_REQ **out, const struct pki_key *k) {
  X509_REQ *req = X509_REQ_new();
  if (req == NULL) abort();
  ctx_defer(cx, release_req, req);
  if (X509_REQ_set_version(req, 0) != 1 || X509_REQ_set_pubkey(req, k->pkey) != 1)
    return PKI_FAIL(cx, E_INTERNAL, "certificate request cannot be made");
  *out = req;
  return OK;
}

/* value NULL: nothing is added. */
static enum err add_name(struct ctx *cx, X509_REQ *req, int nid, const char *value, const char *what) {
  int type = nid == NID_pkcs9_emailAddress ? V_ASN1_IA5STRING : MBSTRING_UTF8;
  if (value == NULL || X509_NAME_add_entry_by_NID(X509_REQ_get_subject_name(req), nid, type,
                                                  (const unsigned char *)value, -1, -1, 0) == 1)
    return OK;
  return PKI_FAIL(cx, E_INVALID, ctx_printf(cx, "certificate request: %s", what));
}

static enum err finish(struct ctx *cx, struct slice *der, X509_REQ *req, const struct pki_key *k) {
  if (!k->is_private || X509_REQ_sign(req, k->pkey, EVP_sha256()) <= 0)
    return PKI_FAIL(cx, E_INVALID, "certificate request cannot be signed with this key");
  unsigned char *p = NULL;
  int n = i2d_X509_REQ(req, &p);
  if (n < 0) return PKI_FAIL(cx, E_INTERNAL, "certificate request cannot be encoded");
  *der = pki_take(cx, p, (size_t)n);
  return OK;
}

enum err pki_csr_new(struct ctx *cx, struct slice *der, const struct pki_key *k, const char *cn, const char *password) {
  X509_REQ *req;
  TRY(start(cx, &req, k));
  TRY(add_name(cx, req, NID_commonName, cn, "common name"));
  if (password != NULL && X509_REQ_add1_attr_by_NID(req, NID_pkcs9_challengePassword, MBSTRING_UTF8,
                                                    (const unsigned char *)password, (int)strlen(password)) != 1)
    return PKI_FAIL(cx, E_INVALID, "certificate request: challenge");
  return finish(cx, der, req, k);
}

enum err pki_csr_named(struct ctx *cx, struct slice *der, const struct pki_key *k,
                       const struct pki_csr_subject *subject) {
  X509_REQ *req;
  TRY(start(cx, &req, k));
  TRY(add_name(cx, req, NID_organizationName, subject->organization, "organization"));
  TRY(add_name(cx, req, NID_commonName, subject->cn, "common name"));
  TRY(add_name(cx, req, NID_pkcs9_emailAddress, subject->email, "e-mail address"));
  return finish(cx, der, req, k);
}
