/* SCEP: taking messages apart. Requests for the server, CertRep for the lab and for tests. */
#include "base/secret.h"
#include "lib/pki_scep_int.h"
#include <openssl/err.h>
#include <string.h>

enum {
  MESSAGE_MOST = 64 * 1024,
  TRANSACTION_MOST = 255,
  NONCE_MOST = 64,
  SIGNER_BITS_LEAST = 1024,
  SIGNER_BITS_MOST = 8192
};

/* ---- the signed message ---- */
struct message {
  PKCS7 *p7;
  PKCS7_SIGNER_INFO *si;
  X509 *signer; /* borrowed */
};

static void release_bio(void *b) { BIO_free(b); }
static void release_certs(void *sk) { sk_X509_free(sk); }

/* One signer, whose certificate is embedded, or is `known` when that is given. */
static enum err message_open(struct ctx *cx, struct message *out, struct slice der, const struct pki_cert *known) {
  if (der.n > MESSAGE_MOST) return FAIL(cx, E_TOO_LARGE, "SCEP message of %zu bytes", der.n);
  TRY(scep_p7_decode(cx, &out->p7, der, NID_pkcs7_signed));
  STACK_OF(PKCS7_SIGNER_INFO) *all = PKCS7_get_signer_info(out->p7);
  if (sk_PKCS7_SIGNER_INFO_num(all) != 1) return FAIL(cx, E_INVALID, "SCEP message has not exactly one signer");
  out->si = sk_PKCS7_SIGNER_INFO_value(all, 0);
  STACK_OF(X509) *given = known ? pki_stack(cx, (struct pki_cert *const[]){(struct pki_cert *)known}, 1) : NULL;
  STACK_OF(X509) *found = PKCS7_get0_signers(out->p7, given, known ? PKCS7_NOINTERN : 0);
  if (!found) return PKI_FAIL(cx, E_INVALID, "SCEP message lacks its signer's certificate");
  ctx_defer(cx, release_certs, found);
  out->signer = sk_X509_value(found, 0);
  return OK;
}

/* The only value of a signed attribute, when its type is one of two; else NULL. */
static const ASN1_STRING *attr_value(const struct message *m, enum scep_attr attr, int type, int other_type) {
  const STACK_OF(X509_ATTRIBUTE) *all = m->si->auth_attr;
  const ASN1_STRING *found = NULL;
  for (int i = 0; i < sk_X509_ATTRIBUTE_num(all); i++) {
    X509_ATTRIBUTE *a = sk_X509_ATTRIBUTE_value(all, i);
    if (!scep_attr_is(X509_ATTRIBUTE_get0_object(a), attr)) continue;
    const ASN1_TYPE *v = X509_ATTRIBUTE_count(a) == 1 ? X509_ATTRIBUTE_get0_type(a, 0) : NULL;
    if (found || !v || (v->type != type && v->type != other_type)) return NULL;
    found = v->value.asn1_string;
  }
  return found;
}

/* A text of printable ASCII, at most `most` characters; NULL when there is none. */
static char *attr_text(struct ctx *cx, const struct message *m, enum scep_attr attr, size_t most) {
  const ASN1_STRING *v = attr_value(m, attr, V_ASN1_PRINTABLESTRING, V_ASN1_UTF8STRING);
  struct slice s = v ? slice_mem(ASN1_STRING_get0_data(v), (size_t)ASN1_STRING_length(v)) : (struct slice){0};
  if (s.n == 0 || s.n > most) return NULL;
  for (size_t i = 0; i < s.n; i++)
    if (s.p[i] < 0x20 || s.p[i] > 0x7e) return NULL;
  return ctx_memdup(cx, s.p, s.n);
}

static bool attr_number(struct ctx *cx, const struct message *m, enum scep_attr attr, int64_t *out) {
  return slice_to_i64(slice_of(attr_text(cx, m, attr, 3)), out);
}

static struct slice attr_nonce(struct ctx *cx, const struct message *m, enum scep_attr attr) {
  const ASN1_STRING *v = attr_value(m, attr, V_ASN1_OCTET_STRING, V_ASN1_OCTET_STRING);
  size_t n = v ? (size_t)ASN1_STRING_length(v) : 0;
  if (n == 0 || n > NONCE_MOST) return (struct slice){0};
  return slice_mem(ctx_memdup(cx, ASN1_STRING_get0_data(v), n), n);
}

static const struct scep_digest *message_digest(const struct message *m) {
  const ASN1_OBJECT *oid;
  X509_ALGOR_get0(&oid, NULL, NULL, m->si->digest_alg);
  return scep_digest_by_nid(OBJ_obj2nid(oid));
}

/* Verifies the signature and gives the content, which may be empty. */
static enum err message_verify(struct ctx *cx, struct slice *content, const struct message *m) {
  BIO *out = BIO_new(BIO_s_mem()), *none = NULL;
  ctx_defer(cx, release_bio, out);
  if (PKCS7_get_detached(m->p7)) ctx_defer(cx, release_bio, none = BIO_new_mem_buf("", 0));
  STACK_OF(X509) *signer = sk_X509_new_reserve(NULL, 1);
  if (signer) sk_X509_push(signer, m->signer);
  /* The signer's chain is no matter of the message: a new device signs with a certificate of its own making. */
  int ok = out && signer &&
           PKCS7_verify(m->p7, signer, NULL, none, out, PKCS7_NOVERIFY | PKCS7_NOINTERN | PKCS7_BINARY) == 1;
  sk_X509_free(signer);
  if (!ok) return PKI_FAIL(cx, E_INVALID, "the SCEP message's signature is wrong");
  char *p = NULL;
  long n = BIO_get_mem_data(out, &p);
  *content = slice_mem(ctx_memdup(cx, p, (size_t)n), (size_t)n);
  return OK;
}

/* ---- requests ---- */

/* What an answer needs, whatever else is wrong. */
static enum err parse_sender(struct ctx *cx, struct scep_request *out, const struct message *m) {
  char *id = attr_text(cx, m, SCEP_ATTR_TRANSACTION, TRANSACTION_MOST);
  if (!id) return FAIL(cx, E_INVALID, "SCEP message without a usable transactionID");
  X509_up_ref(m->signer);
  TRY(pki_cert_wrap(cx, &out->signer, m->signer));
  out->transaction_id = id;
  out->sender_nonce = attr_nonce(cx, m, SCEP_ATTR_SENDER_NONCE);
  out->signer_self_issued = X509_self_signed(out->signer->x, 1) == 1;
  ERR_clear_error();
  return OK;
}

static enum err parse_digest(struct ctx *cx, struct scep_request *out, const struct scep_ca *ca,
                             const struct message *m) {
  const struct scep_digest *digest = message_digest(m);
  if (!digest) return FAIL(cx, E_INVALID, "SCEP message signed with a digest that is never accepted");
  if (digest->legacy && !ca->legacy)
    return FAIL(cx, E_INVALID, "SCEP message signed with %s: set scep-legacy", digest->name);
  out->digest = digest->name;
  int bits = pki_cert_key_bits(out->signer);
  if (!pki_cert_key_is_rsa(out->signer) || bits < SIGNER_BITS_LEAST || bits > SIGNER_BITS_MOST)
    return FAIL(cx, E_INVALID, "SCEP needs an RSA key of %d to %d bits", SIGNER_BITS_LEAST, SIGNER_BITS_MOST);
  return OK;
}

static enum err parse_cipher(struct ctx *cx, struct scep_request *out, const struct scep_ca *ca,
                             const struct scep_envelope *env) {
  if (!env->cipher) return FAIL(cx, E_INVALID, "SCEP message encrypted with an unknown cipher");
  if (env->cipher->legacy && !ca->legacy)
    return FAIL(cx, E_INVALID, "SCEP message encrypted with %s: set scep-legacy", env->cipher->name);
  out->cipher = env->cipher->name;
  return OK;
}

static bool type_is_request(int64_t type) {
  static const enum scep_type types[] = {SCEP_RENEWALREQ, SCEP_PKCSREQ, SCEP_CERTPOLL, SCEP_GETCERT, SCEP_GETCRL};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    if (types[i] == (enum scep_type)type) return true;
  return false;
}

static enum err parse_request(struct ctx *cx, struct scep_request *out, const struct message *m, struct slice plain) {
  int64_t type = 0;
  if (!attr_number(cx, m, SCEP_ATTR_TYPE, &type) || !type_is_request(type))
    return FAIL(cx, E_INVALID, "SCEP message of a type that is no request");
  if (out->sender_nonce.n == 0) return FAIL(cx, E_INVALID, "SCEP request without a senderNonce");
  out->type = (enum scep_type)type;
  if (type != SCEP_PKCSREQ && type != SCEP_RENEWALREQ) return OK;
  out->csr_der = plain;
  return pki_csr_parse(cx, &out->csr, plain);
}

enum err scep_parse(struct ctx *cx, struct scep_request *out, enum scep_fail *fail, const struct scep_ca *ca,
                    struct slice der) {
  struct message m;
  struct scep_envelope env;
  struct slice content, plain;
  *out = (struct scep_request){.digest = "sha256", .cipher = "aes-128-cbc"};
  *fail = SCEP_BADREQUEST;
  TRY(message_open(cx, &m, der, NULL));
  TRY(parse_sender(cx, out, &m));
  *fail = SCEP_BADALG;
  TRY(parse_digest(cx, out, ca, &m));
  *fail = SCEP_BADMESSAGECHECK;
  TRY(message_verify(cx, &content, &m));
  TRY(scep_envelope_open(cx, &env, content));
  *fail = SCEP_BADALG;
  TRY(parse_cipher(cx, out, ca, &env));
  *fail = SCEP_BADMESSAGECHECK;
  TRY(scep_unseal(cx, &plain, &env, ca->cert, ca->key));
  *fail = SCEP_BADREQUEST;
  TRY(parse_request(cx, out, &m, plain));
  *fail = SCEP_NOFAIL;
  return OK;
}

/* ---- answers ---- */

/* The first certificate in it that is no CA's. */
static enum err parse_issued(struct ctx *cx, struct pki_cert **out, struct slice certs_der) {
  PKCS7 *p7;
  TRY(scep_p7_decode(cx, &p7, certs_der, NID_pkcs7_signed));
  for (int i = 0; i < sk_X509_num(p7->d.sign->cert); i++) {
    X509 *x = sk_X509_value(p7->d.sign->cert, i);
    X509_up_ref(x);
    TRY(pki_cert_wrap(cx, out, x));
    if (!pki_cert_is_ca(*out)) return OK;
  }
  return FAIL(cx, E_INVALID, "CertRep carries no certificate");
}

static enum err parse_status(struct ctx *cx, struct scep_reply *out, const struct message *m,
                             const char *transaction_id) {
  int64_t type = 0, status = 0, fail = SCEP_NOFAIL;
  char *id = attr_text(cx, m, SCEP_ATTR_TRANSACTION, TRANSACTION_MOST);
  if (!id || strcmp(id, transaction_id) != 0) return FAIL(cx, E_INVALID, "CertRep belongs to another transaction");
  if (!attr_number(cx, m, SCEP_ATTR_TYPE, &type) || type != SCEP_CERTREP) return FAIL(cx, E_INVALID, "not a CertRep");
  if (!attr_number(cx, m, SCEP_ATTR_STATUS, &status) ||
      (status != SCEP_SUCCESS && status != SCEP_FAILURE && status != SCEP_PENDING))
    return FAIL(cx, E_INVALID, "CertRep without a known pkiStatus");
  if (status == SCEP_FAILURE &&
      (!attr_number(cx, m, SCEP_ATTR_FAIL, &fail) || fail < SCEP_BADALG || fail > SCEP_BADCERTID))
    return FAIL(cx, E_INVALID, "CertRep without a known failInfo");
  *out = (struct scep_reply){.status = (enum scep_status)status, .fail = (enum scep_fail)fail};
  return OK;
}

enum err scep_reply_parse(struct ctx *cx, struct scep_reply *out, struct slice der, const struct pki_cert *ca,
                          const struct pki_cert *cert, const struct pki_key *key, const char *transaction_id) {
  struct message m;
  struct scep_envelope env;
  struct slice content, plain;
  TRY(message_open(cx, &m, der, ca));
  if (!message_digest(&m)) return FAIL(cx, E_INVALID, "CertRep signed with a digest that is never accepted");
  TRY(message_verify(cx, &content, &m));
  TRY(parse_status(cx, out, &m, transaction_id));
  if (out->status != SCEP_SUCCESS) return OK;
  TRY(scep_envelope_open(cx, &env, content));
  TRY(scep_unseal(cx, &plain, &env, cert, key));
  return parse_issued(cx, &out->issued, plain);
}
