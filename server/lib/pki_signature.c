/* Mdm-Signature: OpenSSL's half, and the two halves joined.

   A message of the usual shape whose signer is remembered is verified with the remembered key, which costs a fifth of
   what decoding the certificate again would. All others, and the first of every signer, go through OpenSSL's CMS.
   Either way the signature itself is verified every time; what is remembered is only whose key it is and that its chain
   was good. */
#include "base/clock.h"
#include "base/enc.h"
#include "base/secret.h"
#include "lib/pki_signature_int.h"
#include <openssl/cms.h>
#include <openssl/err.h>
#include <string.h>

enum { HEADER_MOST = 16 * 1024, CERTS_MOST = 8, RSA_BITS_LEAST = 2048, EC_BITS_LEAST = 256 };
/* How long a chain is taken as good when its end is not known. */
#define CHAIN_SPAN (5 * US_MINUTE)

/* ---- OpenSSL's half ---- */
static void free_cms(void *p) { CMS_ContentInfo_free(p); }
static void free_bio(void *p) { BIO_free(p); }
static void free_certs(void *p) { sk_X509_pop_free((STACK_OF(X509) *)p, X509_free); }

static CMS_SignerInfo *only_signer(CMS_ContentInfo *cms) {
  STACK_OF(CMS_SignerInfo) *all = CMS_get0_SignerInfos(cms);
  return sk_CMS_SignerInfo_num(all) == 1 ? sk_CMS_SignerInfo_value(all, 0) : NULL;
}

/* Decodes, and refuses what is CMS but not this use of it. Nothing is verified yet. */
static enum err cms_open(struct ctx *cx, CMS_ContentInfo **out, struct slice der) {
  const unsigned char *p = (const unsigned char *)der.p;
  if (der.n == 0 || der.n > HEADER_MOST) return FAIL(cx, E_INVALID, "Mdm-Signature of %zu bytes", der.n);
  CMS_ContentInfo *cms = *out = d2i_CMS_ContentInfo(NULL, &p, (long)der.n);
  if (!cms) return PKI_FAIL(cx, E_INVALID, "Mdm-Signature is not CMS");
  ctx_defer(cx, free_cms, cms);
  if ((const char *)p != der.p + der.n) return FAIL(cx, E_INVALID, "bytes after the CMS of Mdm-Signature");
  if (OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed || OBJ_obj2nid(CMS_get0_eContentType(cms)) != NID_pkcs7_data)
    return FAIL(cx, E_INVALID, "Mdm-Signature is not signed data");
  if (CMS_is_detached(cms) != 1) return FAIL(cx, E_INVALID, "Mdm-Signature carries a content of its own");
  if (!only_signer(cms)) return FAIL(cx, E_INVALID, "Mdm-Signature has not exactly one signer");
  return OK;
}

static bool digest_is_known(const X509_ALGOR *alg) {
  const ASN1_OBJECT *oid;
  X509_ALGOR_get0(&oid, NULL, NULL, alg);
  for (size_t i = 0; i < SIGNATURE_DIGESTS; i++)
    if (OBJ_obj2nid(oid) == signature_digests[i].nid) return true;
  return false;
}

/* The signed attributes, when there are any, must say that plain data was signed: otherwise a signature that the device
   made for another purpose could be passed off as one over a body. */
static bool attributes_fit(CMS_SignerInfo *si) {
  if (CMS_signed_get_attr_count(si) < 0) return true;
  ASN1_OBJECT *type = CMS_signed_get0_data_by_OBJ(si, OBJ_nid2obj(NID_pkcs9_contentType), -3, V_ASN1_OBJECT);
  return type && OBJ_obj2nid(type) == NID_pkcs7_data;
}

/* The embedded certificate that the signer identifier names. */
static enum err cms_signer(struct ctx *cx, struct pki_cert **out, CMS_ContentInfo *cms) {
  X509 *x = NULL;
  X509_ALGOR *digest = NULL;
  CMS_SignerInfo *si = only_signer(cms);
  if (CMS_set1_signers_certs(cms, NULL, 0) != 1)
    return PKI_FAIL(cx, E_INVALID, "Mdm-Signature lacks its signer's certificate");
  CMS_SignerInfo_get0_algs(si, NULL, &x, &digest, NULL);
  if (!digest_is_known(digest)) return FAIL(cx, E_INVALID, "Mdm-Signature uses a digest that is not accepted");
  if (!attributes_fit(si)) return FAIL(cx, E_INVALID, "Mdm-Signature signs another type of content");
  X509_up_ref(x);
  return pki_cert_wrap(cx, out, x);
}

static enum err cms_verify(struct ctx *cx, CMS_ContentInfo *cms, struct slice body) {
  BIO *bio = BIO_new_mem_buf(body.n > 0 ? body.p : "", (int)body.n);
  if (!bio) return PKI_FAIL(cx, E_INTERNAL, "Mdm-Signature");
  ctx_defer(cx, free_bio, bio);
  /* The chain is judged by pki_trust_check, which knows the time to judge it at. */
  if (CMS_verify(cms, NULL, NULL, bio, NULL, CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY) != 1)
    return PKI_FAIL(cx, E_INVALID, "Mdm-Signature does not fit the body");
  return OK;
}

enum err pki_signature_check_openssl(struct ctx *cx, struct slice der, struct slice body, struct pki_cert **signer) {
  CMS_ContentInfo *cms;
  TRY(cms_open(cx, &cms, der));
  TRY(cms_signer(cx, signer, cms));
  return cms_verify(cx, cms, body);
}

/* ---- the walk's half ---- */

/* NOT_FOUND: the walk has no opinion. */
static enum err verify_parts(const struct pki_signers *s, const struct signature_parts *parts, EVP_PKEY *pkey,
                             struct slice body) {
  const EVP_MD *md = signers_md(s, parts->digest);
  uint8_t digest[SIGNATURE_DIGEST_MOST];
  if (EVP_PKEY_get_base_id(pkey) != (parts->ecdsa ? EVP_PKEY_EC : EVP_PKEY_RSA)) return E_NOT_FOUND;
  if (parts->attrs.n > 0) {
    if (EVP_Digest(body.p, body.n, digest, NULL, md, NULL) != 1) return E_NOT_FOUND;
    if (!secret_equal(digest, parts->message_digest.p, parts->digest->len)) return E_INVALID;
  }
  EVP_MD_CTX *ctx = EVP_MD_CTX_new();
  int ok = ctx && EVP_DigestVerifyInit(ctx, NULL, md, NULL, pkey) == 1;
  if (ok && parts->attrs.n > 0) { /* signed as the SET they are, not as the [0] they are sent as */
    ok = EVP_DigestVerifyUpdate(ctx, "\x31", 1) == 1;
    ok = ok && EVP_DigestVerifyUpdate(ctx, parts->attrs.p + 1, parts->attrs.n - 1) == 1;
  } else if (ok) {
    ok = EVP_DigestVerifyUpdate(ctx, body.p, body.n) == 1;
  }
  ok = ok && EVP_DigestVerifyFinal(ctx, (const uint8_t *)parts->signature.p, parts->signature.n) == 1;
  EVP_MD_CTX_free(ctx);
  if (!ok) ERR_clear_error();
  return ok ? OK : E_INVALID;
}

enum err pki_signature_check_walk(struct ctx *cx, struct slice der, struct slice body, struct pki_signers *s) {
  struct signature_parts parts;
  struct signer signer;
  if (!signature_walk(&parts, der) || !signers_get(s, signer_name(&parts), NULL, 0, &signer))
    return FAIL(cx, E_NOT_FOUND, "a matter for OpenSSL");
  enum err e = verify_parts(s, &parts, signer.pkey, body);
  EVP_PKEY_free(signer.pkey);
  return e == OK ? OK : FAIL(cx, e, "Mdm-Signature does not fit the body");
}

/* ---- both ---- */

/* A header on its way. */
struct sight {
  struct slice der;
  bool usual; /* the walk could take it apart */
  struct signature_parts parts;
  struct signer_name name;
};

static enum err sight_of(struct ctx *cx, struct sight *out, struct slice header) {
  *out = (struct sight){0};
  if (header.n > HEADER_MOST) return FAIL(cx, E_INVALID, "Mdm-Signature of %zu characters", header.n);
  TRY(dec_base64(cx, header, &out->der));
  out->usual = signature_walk(&out->parts, out->der);
  if (out->usual) out->name = signer_name(&out->parts);
  return OK;
}

static enum err key_is_strong(struct ctx *cx, const struct pki_cert *cert) {
  EVP_PKEY *pkey = X509_get0_pubkey(cert->x);
  int type = pkey ? EVP_PKEY_get_base_id(pkey) : EVP_PKEY_NONE, bits = pkey ? EVP_PKEY_get_bits(pkey) : 0;
  if (type == EVP_PKEY_RSA && bits >= RSA_BITS_LEAST) return OK;
  if (type == EVP_PKEY_EC && bits >= EC_BITS_LEAST) return OK;
  return FAIL(cx, E_REFUSED, "signer's key of %d bits is too weak or of an unknown kind", bits);
}

/* Every other certificate of the message, to build the chain with. */
static enum err cms_extra(struct ctx *cx, struct pki_cert **extra, size_t *n, CMS_ContentInfo *cms) {
  STACK_OF(X509) *all = CMS_get1_certs(cms);
  ctx_defer(cx, free_certs, all);
  *n = 0;
  if (sk_X509_num(all) > CERTS_MOST) return FAIL(cx, E_INVALID, "Mdm-Signature with %d certificates", sk_X509_num(all));
  for (int i = 0; i < sk_X509_num(all); i++) {
    X509 *x = sk_X509_value(all, i);
    X509_up_ref(x);
    TRY(pki_cert_wrap(cx, &extra[(*n)++], x));
  }
  return OK;
}

/* What is asked about a chain, and the certificates that help to answer. */
struct chain {
  const struct pki_trust *trust;
  struct pki_cert *leaf, *extra[CERTS_MOST];
  size_t extra_n;
  int64_t now;
};

/* Until when the chain's verdict holds. A chain that is good now, and that only lacks its leaf at the leaf's end, is
   good in between: no certificate's life has gaps. */
static int64_t chain_end(struct ctx *cx, const struct chain *c, bool expired) {
  int64_t end = pki_cert_not_after(c->leaf), soon = c->now + CHAIN_SPAN;
  if (expired) return soon;
  enum err e = pki_trust_check(cx, c->trust, c->leaf, c->extra, c->extra_n, end);
  ctx_clear_error(cx);
  return e == E_GONE || end < soon ? end : soon;
}

/* Remembers the signer when the message is of the usual shape, so that the walk can serve the next. */
static void remember(struct pki_signers *s, const struct sight *sight, const struct pki_signature *sig,
                     struct signer_span span, const struct pki_cert *leaf) {
  const char *at = sight->usual ? memmem(sight->parts.certs.p, sight->parts.certs.n, leaf->der.p, leaf->der.n) : NULL;
  if (!at) return;
  struct signer signer = {.pkey = X509_get0_pubkey(leaf->x),
                          .cert_at = (size_t)(at - sight->parts.certs.p),
                          .cert_n = leaf->der.n,
                          .not_after = sig->not_after,
                          .expired = sig->expired};
  memcpy(signer.cert_sha256, sig->cert_sha256, SHA256_LEN);
  signers_put(s, sight->name, &signer, span);
}

static struct slice all_der(struct ctx *cx, const struct chain *c) {
  size_t n = 0, at = 0;
  for (size_t i = 0; i < c->extra_n; i++) n += c->extra[i]->der.n;
  char *all = ctx_alloc(cx, n);
  for (size_t i = 0; i < c->extra_n; at += c->extra[i++]->der.n)
    memcpy(all + at, c->extra[i]->der.p, c->extra[i]->der.n);
  return slice_mem(all, n);
}

/* Judges the signer of a message that the walk could not settle. */
static enum err admit(struct ctx *cx, struct pki_signature *out, struct pki_signers *s, const struct sight *sight,
                      struct chain *c) {
  TRY(key_is_strong(cx, c->leaf));
  enum err e = pki_trust_check(cx, c->trust, c->leaf, c->extra, c->extra_n, c->now);
  if (e != OK && e != E_GONE) return e;
  ctx_clear_error(cx);
  *out = (struct pki_signature){.cert_der = pki_cert_der(c->leaf),
                                .certs_der = all_der(cx, c),
                                .not_after = pki_cert_not_after(c->leaf),
                                .expired = e == E_GONE};
  memcpy(out->cert_sha256, pki_cert_sha256(c->leaf), SHA256_LEN);
  struct signer_span span = {c->trust, c->now, chain_end(cx, c, out->expired)};
  remember(s, sight, out, span, c->leaf);
  return OK;
}

static void fill(struct pki_signature *out, const struct sight *sight, const struct signer *signer) {
  *out = (struct pki_signature){.cert_der = {sight->parts.certs.p + signer->cert_at, signer->cert_n},
                                .certs_der = sight->parts.certs,
                                .not_after = signer->not_after,
                                .expired = signer->expired};
  memcpy(out->cert_sha256, signer->cert_sha256, SHA256_LEN);
}

/* Whole and slow; with `body` NULL only the signer is judged. */
static enum err first_sight(struct ctx *cx, struct pki_signature *out, struct pki_signers *s, const struct sight *sight,
                            struct chain *c, const struct slice *body) {
  CMS_ContentInfo *cms;
  TRY(cms_open(cx, &cms, sight->der));
  TRY(cms_signer(cx, &c->leaf, cms));
  TRY(cms_extra(cx, c->extra, &c->extra_n, cms));
  TRY(admit(cx, out, s, sight, c)); /* first, so that a stranger's outsized key is never computed with */
  return body ? cms_verify(cx, cms, *body) : OK;
}

enum err pki_signature_check(struct ctx *cx, struct pki_signature *out, struct pki_signers *s,
                             const struct pki_trust *trust, struct slice header, struct slice body, int64_t now) {
  struct sight sight;
  struct signer signer;
  TRY(sight_of(cx, &sight, header));
  if (sight.usual && signers_get(s, sight.name, trust, now, &signer)) {
    enum err e = verify_parts(s, &sight.parts, signer.pkey, body);
    EVP_PKEY_free(signer.pkey);
    fill(out, &sight, &signer);
    if (e == OK) return OK;
    if (e != E_NOT_FOUND) return FAIL(cx, e, "Mdm-Signature does not fit the body");
  }
  return first_sight(cx, out, s, &sight, &(struct chain){.trust = trust, .now = now}, &body);
}

enum err pki_signature_peek(struct ctx *cx, struct pki_signature *out, struct pki_signers *s,
                            const struct pki_trust *trust, struct slice header, int64_t now) {
  struct sight sight;
  struct signer signer;
  TRY(sight_of(cx, &sight, header));
  if (sight.usual && signers_get(s, sight.name, trust, now, &signer)) {
    EVP_PKEY_free(signer.pkey);
    fill(out, &sight, &signer);
    return OK;
  }
  return first_sight(cx, out, s, &sight, &(struct chain){.trust = trust, .now = now}, NULL);
}
