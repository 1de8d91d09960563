/* Sets the two halves of Mdm-Signature against each other: where the walk has an opinion, it is OpenSSL's.

   Input: a byte that chooses a good message (its high bit: take the rest as the message itself), then edits of it. What
   the walk still takes for the usual shape is signed anew, so that it is not the signature that saves us. */
#include "edits.h"
#include "lib/pki_signature_int.h"
#include <openssl/cms.h>
#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define BODY "<plist><dict><key>Status</key><string>Idle</string></dict></plist>"
enum { TEMPLATES = 8, SIGNINGS_MOST = 40 };

static struct {
  struct ctx *cx;
  struct pki_key *rsa, *ec;
  struct pki_signers *signers;
  struct slice message[TEMPLATES];
} fuzz;

#define MUST(x)                                                                                                        \
  do {                                                                                                                 \
    if (!(x)) abort();                                                                                                 \
  } while (0)

/* Issued by RSA, whose signatures are of one length: edits then mean the same in every run. */
static struct pki_cert *identity(const struct pki_key *key) {
  struct pki_cert *c, *ca;
  struct pki_issue root = {
      .cn = "CA", .subject_key = fuzz.rsa, .issuer_key = fuzz.rsa, .not_after = INT64_C(1000000000), .kind = PKI_CA};
  MUST(pki_cert_issue(fuzz.cx, &ca, &root) == OK);
  struct pki_issue leaf = root;
  leaf.cn = "leaf", leaf.subject_key = key, leaf.issuer = ca, leaf.kind = PKI_IDENTITY;
  MUST(pki_cert_issue(fuzz.cx, &c, &leaf) == OK);
  return c;
}

static struct slice message(const struct pki_cert *cert, const struct pki_key *key, const struct pki_cert *extra,
                            unsigned flags) {
  unsigned all = CMS_PARTIAL | CMS_BINARY | CMS_DETACHED | flags;
  CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, NULL, all);
  MUST(CMS_add1_signer(cms, cert->x, key->pkey, EVP_sha256(), all));
  if (extra) MUST(CMS_add1_cert(cms, extra->x));
  BIO *in = BIO_new_mem_buf(BODY, -1);
  MUST(CMS_final(cms, in, NULL, all));
  BIO_free(in);
  unsigned char *p = NULL;
  int len = i2d_CMS_ContentInfo(cms, &p);
  CMS_ContentInfo_free(cms);
  return pki_take(fuzz.cx, p, (size_t)len);
}

/* As after a first sight. */
static void remember(const struct pki_cert *cert, struct slice der) {
  struct signature_parts parts;
  struct signer signer = {.pkey = X509_get0_pubkey(cert->x), .cert_n = cert->der.n};
  MUST(signature_walk(&parts, der));
  signers_put(fuzz.signers, signer_name(&parts), &signer, (struct signer_span){NULL, INT64_MIN, INT64_MAX});
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  (void)argc, (void)argv;
  fuzz.cx = ctx_new();
  fuzz.signers = pki_signers_new(100);
  MUST(pki_key_new_rsa(fuzz.cx, &fuzz.rsa, 2048) == OK && pki_key_new_p256(fuzz.cx, &fuzz.ec) == OK);
  struct pki_cert *rsa = identity(fuzz.rsa), *ec = identity(fuzz.ec);
  const unsigned flags[] = {0, CMS_NOSMIMECAP, CMS_NOATTR, CMS_USE_KEYID};
  for (size_t i = 0; i < TEMPLATES; i++) {
    bool is_rsa = i % 2;
    fuzz.message[i] = message(is_rsa ? rsa : ec, is_rsa ? fuzz.rsa : fuzz.ec, i == 4 ? rsa : NULL, flags[i / 2]);
    remember(is_rsa ? rsa : ec, fuzz.message[i]);
  }
  return 0;
}

/* Into `out` a signature over `text` that is exactly n bytes long; ECDSA's lengths differ, so several are tried. */
static void sign_over(uint8_t *out, size_t n, EVP_PKEY *pkey, const EVP_MD *md, struct slice text) {
  uint8_t sig[1024];
  for (int i = 0; i < SIGNINGS_MOST; i++) {
    size_t len = sizeof sig;
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    MUST(EVP_DigestSignInit(c, NULL, md, NULL, pkey) == 1);
    MUST(EVP_DigestSign(c, sig, &len, (const uint8_t *)text.p, text.n) == 1);
    EVP_MD_CTX_free(c);
    if (len != n) continue;
    memcpy(out, sig, n);
    return;
  }
}

/* Gives an edited message a digest and a signature that are right again. The parts point into memory of ours. */
static void sign_again(struct ctx *cx, const struct signature_parts *parts) {
  EVP_PKEY *pkey = (parts->ecdsa ? fuzz.ec : fuzz.rsa)->pkey;
  const EVP_MD *md = signers_md(fuzz.signers, parts->digest);
  struct slice text = slice_of(BODY);
  if (parts->attrs.n > 0) {
    MUST(EVP_Digest(BODY, strlen(BODY), (uint8_t *)(uintptr_t)parts->message_digest.p, NULL, md, NULL) == 1);
    char *set = ctx_memdup(cx, parts->attrs.p, parts->attrs.n);
    set[0] = 0x31;
    text = slice_mem(set, parts->attrs.n);
  }
  sign_over((uint8_t *)(uintptr_t)parts->signature.p, parts->signature.n, pkey, md, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  if (n == 0) return 0;
  struct ctx *cx = ctx_new();
  struct signature_parts parts;
  struct slice der = slice_mem(ctx_memdup(cx, data + 1, n - 1), n - 1);
  if (!(data[0] & 0x80)) der = edited(cx, fuzz.message[data[0] % TEMPLATES], data + 1, n - 1);
  if (!(data[0] & 0x40) && signature_walk(&parts, der)) sign_again(cx, &parts);
  enum err by_walk = pki_signature_check_walk(cx, der, slice_of(BODY), fuzz.signers);
  struct pki_cert *signer;
  ctx_clear_error(cx);
  enum err by_openssl = pki_signature_check_openssl(cx, der, slice_of(BODY), &signer);
  if (by_walk != E_NOT_FOUND && by_walk != by_openssl) abort();
  ctx_free(cx);
  return 0;
}
