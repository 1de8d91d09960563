#include "lib/pki_cms.h"
#include "lib/pki_int.h"
#include <openssl/cms.h>
#include <stdlib.h>

/* Bytes as they are, no list of ciphers that we could read; the digest is ours, not the key's default. */
#define SIGN_FLAGS (CMS_BINARY | CMS_NOSMIMECAP | CMS_PARTIAL)

static void release_cms(void *c) { CMS_ContentInfo_free(c); }
static void release_bio(void *b) { BIO_free(b); }

static enum err finish(struct ctx *cx, struct slice *der, CMS_ContentInfo *cms, struct slice content, unsigned flags) {
  BIO *in = BIO_new_mem_buf(content.n > 0 ? content.p : "", (int)content.n);
  if (in == NULL) abort();
  ctx_defer(cx, release_bio, in);
  if (CMS_final(cms, in, NULL, flags) != 1) return PKI_FAIL(cx, E_INTERNAL, "cannot sign");
  unsigned char *p = NULL;
  int n = i2d_CMS_ContentInfo(cms, &p);
  if (n < 0) return PKI_FAIL(cx, E_INTERNAL, "signature cannot be encoded");
  *der = pki_take(cx, p, (size_t)n);
  return OK;
}

/* Who signs, and what goes with the signature. */
struct signer {
  const struct pki_cert *cert;
  const struct pki_key *key;
  STACK_OF(X509) * chain;
};

static enum err sign(struct ctx *cx, struct slice *der, struct slice content, struct signer by, unsigned flags) {
  if (content.n > INT32_MAX) return FAIL(cx, E_TOO_LARGE, "too large to sign: %zu bytes", content.n);
  if (!by.key->is_private) return FAIL(cx, E_INVALID, "cannot sign without the private key");
  CMS_ContentInfo *cms = CMS_sign(NULL, NULL, by.chain, NULL, flags);
  if (cms == NULL) return PKI_FAIL(cx, E_INTERNAL, "cannot sign");
  ctx_defer(cx, release_cms, cms);
  if (CMS_add1_signer(cms, by.cert->x, by.key->pkey, EVP_sha256(), flags) == NULL)
    return PKI_FAIL(cx, E_INVALID, "cannot sign with this key and certificate");
  return finish(cx, der, cms, content, flags);
}

/* The chain without the signer and without repetitions: OpenSSL takes a certificate only once. */
static STACK_OF(X509) * others(struct ctx *cx, const struct pki_cert *cert, struct pki_cert *const *chain, size_t n) {
  struct pki_cert **once = ctx_alloc(cx, (n + 1) * sizeof(struct pki_cert *));
  size_t count = 0;
  for (size_t i = 0; i < n; i++) {
    bool known = slice_eq(chain[i]->der, cert->der);
    for (size_t j = 0; j < count; j++) known = known || slice_eq(chain[i]->der, once[j]->der);
    if (!known) once[count++] = chain[i];
  }
  return pki_stack(cx, once, count);
}

enum err pki_cms_sign(struct ctx *cx, struct slice *der, struct slice content, const struct pki_cert *cert,
                      const struct pki_key *key, struct pki_cert *const *chain, size_t chain_n) {
  return sign(cx, der, content, (struct signer){cert, key, others(cx, cert, chain, chain_n)}, SIGN_FLAGS);
}

enum err pki_cms_sign_detached(struct ctx *cx, struct slice *der, struct slice content, const struct pki_cert *cert,
                               const struct pki_key *key) {
  return sign(cx, der, content, (struct signer){cert, key, NULL}, SIGN_FLAGS | CMS_DETACHED);
}

/* ---- reading ---- */

enum { CONTENT_MOST = 16 << 20 };

static void release_signers(void *sk) { sk_X509_free(sk); }

static enum err only_signer(struct ctx *cx, struct pki_cert **out, CMS_ContentInfo *cms) {
  STACK_OF(X509) *signers = CMS_get0_signers(cms);
  if (!signers) return PKI_FAIL(cx, E_INVALID, "signed content without a signer");
  ctx_defer(cx, release_signers, signers);
  if (sk_X509_num(signers) != 1) return FAIL(cx, E_INVALID, "signed content has not exactly one signer");
  X509 *x = sk_X509_value(signers, 0);
  X509_up_ref(x);
  return pki_cert_wrap(cx, out, x);
}

enum err pki_cms_content(struct ctx *cx, struct slice *content, struct pki_cert **signer, struct slice der) {
  const unsigned char *p = (const unsigned char *)der.p;
  if (der.n == 0 || der.n > CONTENT_MOST) return FAIL(cx, E_INVALID, "signed content of %zu bytes", der.n);
  CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &p, (long)der.n);
  if (!cms) return PKI_FAIL(cx, E_INVALID, "not signed content (CMS)");
  ctx_defer(cx, release_cms, cms);
  if ((const char *)p != der.p + der.n) return FAIL(cx, E_INVALID, "bytes after the signed content");
  if (OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed) return FAIL(cx, E_INVALID, "CMS, but not signed content");
  if (OBJ_obj2nid(CMS_get0_eContentType(cms)) != NID_pkcs7_data)
    return FAIL(cx, E_INVALID, "what is signed is of another type than data");
  BIO *out = BIO_new(BIO_s_mem());
  if (!out) abort();
  int ok = CMS_verify(cms, NULL, NULL, NULL, out, CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY);
  *content = pki_take_bio(cx, out);
  if (ok != 1) return PKI_FAIL(cx, E_INVALID, "the signature of the content is not valid");
  return only_signer(cx, signer, cms);
}
