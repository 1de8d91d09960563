#include "lib/pki_cert.h"
#include "base/enc.h"
#include "lib/pki_int.h"
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#define CERT_MOST ((size_t)64 << 10)

enum err pki_cert_parse(struct ctx *cx, struct pki_cert **out, struct slice der) {
  if (der.n == 0 || der.n > CERT_MOST) return FAIL(cx, E_INVALID, "not a certificate: %zu bytes", der.n);
  const unsigned char *p = (const unsigned char *)der.p;
  X509 *x = d2i_X509(NULL, &p, (long)der.n);
  if (x == NULL) return PKI_FAIL(cx, E_INVALID, "not a certificate");
  TRY(pki_cert_wrap(cx, out, x));
  /* A certificate is known by the digest of its bytes, so one certificate must not have two spellings: neither bytes
     after it nor lengths that are not DER. */
  if (!slice_eq((*out)->der, der)) return FAIL(cx, E_INVALID, "not a certificate in DER, or more than one");
  return OK;
}

static enum err parse_block(struct ctx *cx, struct pki_cert **out, const struct pki_pem *b, size_t number) {
  struct slice der;
  if (b->whole && dec_base64(cx, b->body, &der) == OK && pki_cert_parse(cx, out, der) == OK) return OK;
  char *why = b->whole ? ctx_strdup(cx, ctx_error_text(cx)) : ctx_strdup(cx, "its END line is missing");
  ctx_clear_error(cx);
  return FAIL(cx, E_INVALID, "certificate %zu in the PEM text is damaged: %s", number, why);
}

static bool is_certificate(const struct pki_pem *b) {
  return slice_is(b->label, "CERTIFICATE") || slice_is(b->label, "X509 CERTIFICATE");
}

enum err pki_certs_parse_pem(struct ctx *cx, struct pki_cert ***out, size_t *n, struct slice pem) {
  if (pem.n > PKI_PEM_MOST) return FAIL(cx, E_TOO_LARGE, "PEM text of %zu bytes", pem.n);
  struct pki_pem b;
  size_t blocks = 0, count = 0;
  for (struct slice rest = pem; pki_pem_next(&rest, &b);) blocks++;
  struct pki_cert **certs = ctx_alloc(cx, (blocks + 1) * sizeof(struct pki_cert *));
  while (pki_pem_next(&pem, &b))
    if (is_certificate(&b)) {
      TRY(parse_block(cx, &certs[count], &b, count + 1));
      count++;
    }
  *out = certs;
  *n = count;
  return OK;
}

enum err pki_certs_parse_der(struct ctx *cx, struct pki_cert **out, size_t *n, size_t most, struct slice ders) {
  const unsigned char *p = (const unsigned char *)ders.p, *end = p + ders.n;
  for (*n = 0; p < end; ++*n) {
    if (*n == most) return FAIL(cx, E_INVALID, "more than %zu certificates", most);
    const unsigned char *from = p;
    X509 *x = d2i_X509(NULL, &p, end - p);
    if (x == NULL) return PKI_FAIL(cx, E_INVALID, "not a certificate");
    TRY(pki_cert_wrap(cx, &out[*n], x));
    if (!slice_eq(out[*n]->der, slice_mem(from, (size_t)(p - from))))
      return FAIL(cx, E_INVALID, "not a certificate in DER");
  }
  return OK;
}

/* Takes one DER element off the front of *rest. */
static bool element(struct slice *rest, int *tag, struct slice *contents) {
  const unsigned char *p = (const unsigned char *)rest->p;
  long n;
  int class;
  if (rest->n == 0 || ASN1_get_object(&p, &n, tag, &class, (long)rest->n) & 0x81) return ERR_clear_error(), false;
  *contents = slice_mem(p, (size_t)n);
  *rest = slice_mem(p + n, (size_t)(rest->p + rest->n - (const char *)p) - (size_t)n);
  return true;
}

/* The value of the extension authorityKeyIdentifier. */
static bool find_key_id(struct slice extensions, struct slice *value) {
  struct slice one, oid, part;
  int tag;
  while (element(&extensions, &tag, &one)) {
    if (!element(&one, &tag, &oid) || !slice_is(oid, "\x55\x1d\x23")) continue;
    while (element(&one, &tag, &part)) *value = part; /* the last one: a flag may stand before it */
    return value->n > 0;
  }
  return false;
}

/* RFC 5280, 4.1: version (which may be absent), serial number, algorithm, issuer … extensions, under tag 3. */
static bool find_issuer(struct slice der, struct slice *name, struct slice *key_id) {
  struct slice cert, tbs, one;
  int tag = 0;
  if (!element(&der, &tag, &cert) || !element(&cert, &tag, &tbs) || !element(&tbs, &tag, &one)) return false;
  if (tag == 0 && !element(&tbs, &tag, &one)) return false;
  if (!element(&tbs, &tag, &one) || !element(&tbs, &tag, name)) return false;
  while (element(&tbs, &tag, &one))
    if (tag == 3) return element(&one, &tag, &cert) && find_key_id(cert, key_id);
  return false;
}

void pki_cert_issuer_sha256(struct slice der, uint8_t out[SHA256_LEN]) {
  struct slice name = {0}, key_id = {0};
  struct buf both = {0};
  if (find_issuer(der, &name, &key_id)) {
    buf_add_slice(&both, name);
    buf_add_slice(&both, key_id);
  }
  pki_sha256(out, both.n ? buf_slice(&both) : der);
  buf_free(&both);
}

struct pki_cert *pki_cert_keep(struct pki_cert *c) {
  atomic_fetch_add(&c->refs, 1);
  return c;
}

void pki_cert_free(struct pki_cert *c) {
  if (c == NULL || atomic_fetch_sub(&c->refs, 1) != 1) return;
  X509_free(c->x);
  OPENSSL_free((void *)(uintptr_t)c->der.p);
  free(c);
}

struct slice pki_cert_der(const struct pki_cert *c) {
  return c->der;
}

struct slice pki_cert_pem(struct ctx *cx, const struct pki_cert *c) {
  BIO *b = BIO_new(BIO_s_mem());
  if (b == NULL || PEM_write_bio_X509(b, c->x) != 1) abort(); /* only memory can lack */
  return pki_take_bio(cx, b);
}

const uint8_t *pki_cert_sha256(const struct pki_cert *c) { return c->sha256; }

void pki_cert_key_sha256(const struct pki_cert *c, uint8_t out[SHA256_LEN]) {
  unsigned char *der = NULL;
  int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(c->x), &der);
  if (len < 0) abort();
  pki_sha256(out, slice_mem(der, (size_t)len));
  OPENSSL_free(der);
}

char *pki_cert_subject(struct ctx *cx, const struct pki_cert *c) {
  return pki_name_text(cx, X509_get_subject_name(c->x));
}

char *pki_cert_issuer(struct ctx *cx, const struct pki_cert *c) {
  return pki_name_text(cx, X509_get_issuer_name(c->x));
}

char *pki_cert_serial(struct ctx *cx, const struct pki_cert *c) {
  BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(c->x), NULL);
  char *hex = number != NULL ? BN_bn2hex(number) : NULL;
  if (hex == NULL) abort();
  char *text = ctx_strdup(cx, hex);
  OPENSSL_free(hex);
  BN_free(number);
  return text;
}

char *pki_cert_cn(struct ctx *cx, const struct pki_cert *c) {
  return pki_name_part(cx, X509_get_subject_name(c->x), NID_commonName);
}

char *pki_cert_uid(struct ctx *cx, const struct pki_cert *c) {
  return pki_name_part(cx, X509_get_subject_name(c->x), NID_userId);
}

char *pki_cert_san_uri(struct ctx *cx, const struct pki_cert *c, const char *prefix) {
  GENERAL_NAMES *names = X509_get_ext_d2i(c->x, NID_subject_alt_name, NULL, NULL);
  char *found = NULL;
  for (int i = 0; found == NULL && i < sk_GENERAL_NAME_num(names); i++) {
    const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
    if (g->type != GEN_URI) continue;
    struct slice uri = slice_mem(ASN1_STRING_get0_data(g->d.ia5), (size_t)ASN1_STRING_length(g->d.ia5));
    if (slice_starts(uri, prefix) && text_is_plain(uri)) found = ctx_memdup(cx, uri.p, uri.n);
  }
  GENERAL_NAMES_free(names);
  ERR_clear_error();
  return found;
}

bool pki_cert_names_host(const struct pki_cert *c, const char *host) {
  const unsigned flags = X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS;
  if (host[0] == '\0' || host[0] == '.') return false; /* OpenSSL takes ".x" for all names below x */
  int found = X509_check_ip_asc(c->x, host, 0);
  if (found == -2) found = X509_check_host(c->x, host, 0, flags, NULL); /* not an address */
  ERR_clear_error();
  return found == 1;
}

int64_t pki_cert_not_before(const struct pki_cert *c) { return pki_time_us(X509_get0_notBefore(c->x)); }

int64_t pki_cert_not_after(const struct pki_cert *c) { return pki_time_us(X509_get0_notAfter(c->x)); }

bool pki_cert_is_ca(const struct pki_cert *c) { return X509_check_ca(c->x) == 1; /* others mean "perhaps" */ }

bool pki_cert_is_server(const struct pki_cert *c) {
  return X509_get_extension_flags(c->x) & EXFLAG_XKUSAGE && X509_get_extended_key_usage(c->x) & XKU_SSL_SERVER;
}

bool pki_cert_issued(const struct pki_cert *issuer, const struct pki_cert *c) {
  EVP_PKEY *key = X509_get0_pubkey(issuer->x);
  bool issued = key && X509_check_issued(issuer->x, c->x) == X509_V_OK && X509_verify(c->x, key) == 1;
  ERR_clear_error();
  return issued;
}

int pki_cert_key_bits(const struct pki_cert *c) {
  const EVP_PKEY *k = X509_get0_pubkey(c->x);
  return k != NULL ? EVP_PKEY_get_bits(k) : 0;
}

bool pki_cert_key_is_rsa(const struct pki_cert *c) {
  const EVP_PKEY *k = X509_get0_pubkey(c->x);
  return k != NULL && EVP_PKEY_get_base_id(k) == EVP_PKEY_RSA;
}

bool pki_cert_fits(const struct pki_cert *c, const struct pki_key *k) {
  const EVP_PKEY *own = X509_get0_pubkey(c->x);
  bool same = own != NULL && EVP_PKEY_eq(own, k->pkey) == 1;
  ERR_clear_error();
  return same;
}

const char *pki_cert_digest(const struct pki_cert *c) {
  int digest = NID_undef;
  if (X509_get_signature_info(c->x, &digest, NULL, NULL, NULL) != 1 || digest == NID_undef)
    return ERR_clear_error(), "";
  return OBJ_nid2sn(digest);
}
