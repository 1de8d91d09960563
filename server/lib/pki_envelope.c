/* Encrypted CMS: for one of our keys, what comes by mail or from devices, of programs new and old; and for others. */
#include "lib/pki_cms.h"
#include "lib/pki_int.h"

#include "base/secret.h"

#include <openssl/cms.h>
#include <openssl/err.h>
#include <stdlib.h>

enum { ENVELOPE_MOST = 1 << 20 };

static void release_cms(void *c) { CMS_ContentInfo_free(c); }

static CMS_ContentInfo *parse(struct ctx *cx, OSSL_LIB_CTX *old, struct slice der) {
  const unsigned char *p = (const unsigned char *)der.p;
  CMS_ContentInfo *cms = CMS_ContentInfo_new_ex(old, NULL);
  if (!cms) abort();
  if (!d2i_CMS_ContentInfo(&cms, &p, (long)der.n)) return NULL; /* which freed it */
  ctx_defer(cx, release_cms, cms);
  return OBJ_obj2nid(CMS_get0_type(cms)) == NID_pkcs7_enveloped ? cms : NULL;
}

static bool is_for(CMS_ContentInfo *cms, X509 *x) {
  STACK_OF(CMS_RecipientInfo) *all = CMS_get0_RecipientInfos(cms);
  for (int i = 0; i < sk_CMS_RecipientInfo_num(all); i++) {
    CMS_RecipientInfo *one = sk_CMS_RecipientInfo_value(all, i);
    if (CMS_RecipientInfo_type(one) == CMS_RECIPINFO_TRANS && CMS_RecipientInfo_ktri_cert_cmp(one, x) == 0) return true;
  }
  return false;
}

enum err pki_cms_open(struct ctx *cx, struct slice *content, struct slice der, const struct pki_cert *cert,
                      const struct pki_key *key) {
  if (der.n == 0 || der.n > ENVELOPE_MOST) return FAIL(cx, E_INVALID, "an encrypted message of %zu bytes", der.n);
  CMS_ContentInfo *cms = parse(cx, pki_old_library(), der);
  if (!cms) return PKI_FAIL(cx, E_INVALID, "not an encrypted message (CMS EnvelopedData)");
  if (!is_for(cms, cert->x)) return FAIL(cx, E_REFUSED, "the message is encrypted for another key");
  BIO *out = BIO_new(BIO_s_mem());
  if (!out) abort();
  int ok = CMS_decrypt(cms, key->pkey, cert->x, NULL, out, CMS_BINARY);
  *content = pki_take_bio(cx, out);
  secret_in(cx, (void *)(uintptr_t)content->p, content->n);
  return ok == 1 ? OK : PKI_FAIL(cx, E_INVALID, "the message does not open: damaged, or by a cipher that is not there");
}

static void release_stack(void *sk) { sk_X509_free(sk); }
static void release_bio(void *b) { BIO_free(b); }

enum err pki_cms_seal(struct ctx *cx, struct slice *der, struct slice content, const struct pki_cert *cert,
                      const char *cipher) {
  const EVP_CIPHER *by = EVP_get_cipherbyname(cipher);
  STACK_OF(X509) *to = sk_X509_new_reserve(NULL, 1);
  BIO *in = BIO_new_mem_buf(content.n ? content.p : "", (int)content.n);
  if (!to || !in) abort();
  ctx_defer(cx, release_stack, to);
  ctx_defer(cx, release_bio, in);
  sk_X509_push(to, cert->x);
  if (!by) return FAIL(cx, E_INVALID, "no cipher %s", cipher);
  CMS_ContentInfo *cms = CMS_encrypt(to, in, by, CMS_BINARY);
  if (!cms) return PKI_FAIL(cx, E_INVALID, "cannot encrypt for this certificate");
  ctx_defer(cx, release_cms, cms);
  unsigned char *p = NULL;
  int n = i2d_CMS_ContentInfo(cms, &p);
  if (n < 0) return PKI_FAIL(cx, E_INTERNAL, "an encrypted message cannot be encoded");
  *der = pki_take(cx, p, (size_t)n);
  return OK;
}
