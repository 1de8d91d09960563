/* SCEP: making messages. CertRep for the server, requests for the lab and for tests. */
#include "base/secret.h"
#include "lib/pki_scep_int.h"
#include <string.h>

/* ---- signing ---- */
static bool add_attr(PKCS7_SIGNER_INFO *si, enum scep_attr attr, int type, struct slice value) {
  ASN1_OBJECT *oid = scep_attr_oid(attr);
  X509_ATTRIBUTE *a = oid ? X509_ATTRIBUTE_create_by_OBJ(NULL, oid, type, value.p, (int)value.n) : NULL;
  ASN1_OBJECT_free(oid);
  if (a && sk_X509_ATTRIBUTE_push(si->auth_attr, a) > 0) return true;
  X509_ATTRIBUTE_free(a);
  return false;
}

static bool add_text(PKCS7_SIGNER_INFO *si, enum scep_attr attr, const char *text) {
  return !text || add_attr(si, attr, V_ASN1_PRINTABLESTRING, slice_of(text));
}

static bool add_attrs(struct ctx *cx, PKCS7_SIGNER_INFO *si, const struct scep_draft *d) {
  uint8_t nonce[SCEP_NONCE_LEN];
  secret_random(nonce, sizeof nonce);
  return add_text(si, SCEP_ATTR_TYPE, ctx_printf(cx, "%d", (int)d->type)) &&
         add_text(si, SCEP_ATTR_TRANSACTION, d->transaction_id) && add_text(si, SCEP_ATTR_STATUS, d->status) &&
         add_text(si, SCEP_ATTR_FAIL, d->fail) &&
         (d->recipient_nonce.n == 0 ||
          add_attr(si, SCEP_ATTR_RECIPIENT_NONCE, V_ASN1_OCTET_STRING, d->recipient_nonce)) &&
         add_attr(si, SCEP_ATTR_SENDER_NONCE, V_ASN1_OCTET_STRING, slice_mem(nonce, sizeof nonce));
}

enum err scep_sign(struct ctx *cx, struct slice *der, const struct scep_draft *d) {
  const int flags = PKCS7_PARTIAL | PKCS7_BINARY | PKCS7_NOSMIMECAP;
  PKCS7 *p7 = PKCS7_sign(NULL, NULL, NULL, NULL, flags);
  ctx_defer(cx, scep_p7_release, p7);
  PKCS7_SIGNER_INFO *si = p7 ? PKCS7_sign_add_signer(p7, d->cert->x, d->key->pkey, d->digest->md(), flags) : NULL;
  if (!si || !add_attrs(cx, si, d)) return PKI_FAIL(cx, E_INTERNAL, "cannot sign the SCEP message");
  /* Without content an empty one is signed rather than none: clients exist that stumble over a detached signature. */
  BIO *in = BIO_new_mem_buf(d->content.n > 0 ? d->content.p : "", (int)d->content.n);
  int ok = in && PKCS7_final(p7, in, flags) == 1;
  BIO_free(in);
  if (!ok) return PKI_FAIL(cx, E_INTERNAL, "cannot sign the SCEP message");
  return scep_p7_encode(cx, der, p7);
}

/* ---- answers ---- */
static struct scep_draft certrep(const struct scep_ca *ca, const struct scep_request *rq) {
  const struct scep_digest *digest = scep_digest_by_name(rq->digest);
  return (struct scep_draft){.cert = ca->cert,
                             .key = ca->key,
                             .digest = digest,
                             .type = SCEP_CERTREP,
                             .transaction_id = rq->transaction_id,
                             .recipient_nonce = rq->sender_nonce};
}

enum err scep_degenerate(struct ctx *cx, struct slice *der, const struct pki_cert *cert) {
  PKCS7 *p7 = PKCS7_new();
  ctx_defer(cx, scep_p7_release, p7);
  if (!p7 || PKCS7_set_type(p7, NID_pkcs7_signed) != 1) return PKI_FAIL(cx, E_INTERNAL, "cannot make SignedData");
  p7->d.sign->contents->type = OBJ_nid2obj(NID_pkcs7_data);
  if (PKCS7_add_certificate(p7, cert->x) != 1) return PKI_FAIL(cx, E_INTERNAL, "cannot add the certificate");
  return scep_p7_encode(cx, der, p7);
}

enum err scep_reply_success(struct ctx *cx, struct slice *der, const struct scep_ca *ca, const struct scep_request *rq,
                            const struct pki_cert *issued) {
  struct scep_draft d = certrep(ca, rq);
  struct slice certs;
  d.status = "0";
  TRY(scep_degenerate(cx, &certs, issued));
  TRY(scep_seal(cx, &d.content, certs, rq->signer, scep_cipher_by_name(rq->cipher)));
  return scep_sign(cx, der, &d);
}

enum err scep_reply_failure(struct ctx *cx, struct slice *der, const struct scep_ca *ca, const struct scep_request *rq,
                            enum scep_fail fail) {
  struct scep_draft d = certrep(ca, rq);
  d.status = "2";
  d.fail = ctx_printf(cx, "%d", fail == SCEP_NOFAIL ? (int)SCEP_BADREQUEST : (int)fail);
  return scep_sign(cx, der, &d);
}

/* ---- requests ---- */
enum err scep_request_draft(struct ctx *cx, struct slice *der, const struct scep_draft *d, const struct pki_cert *ca,
                            const struct scep_cipher *cipher) {
  struct scep_draft sealed = *d;
  TRY(scep_seal(cx, &sealed.content, d->content, ca, cipher));
  return scep_sign(cx, der, &sealed);
}

enum err scep_request_make(struct ctx *cx, struct slice *der, enum scep_type type, const struct pki_cert *ca,
                           const struct pki_cert *cert, const struct pki_key *key, struct slice csr_der,
                           const char *transaction_id) {
  struct scep_draft d = {.cert = cert,
                         .key = key,
                         .digest = scep_digest_by_name("sha256"),
                         .type = type,
                         .transaction_id = transaction_id,
                         .content = csr_der};
  return scep_request_draft(cx, der, &d, ca, scep_cipher_by_name("aes-128-cbc"));
}
