#include "lib/pki_file_int.h"

#include "base/enc.h"
#include "base/secret.h"

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pkcs7.h>

/* ---- parts ---- */

enum err pki_reader_add_cert(struct pki_reader *r, struct slice der) {
  if (r->out->certs_n == PKI_FILE_CERTS)
    return FAIL(r->cx, E_INVALID, "more than %d certificates in one file", PKI_FILE_CERTS);
  TRY(pki_cert_parse(r->cx, &r->out->certs[r->out->certs_n], der));
  r->out->certs_n++;
  return OK;
}

static enum err add_pkey(struct pki_reader *r, EVP_PKEY *pkey) {
  struct pki_key *key;
  if (!pkey) return PKI_FAIL(r->cx, E_INVALID, "a private key is damaged");
  ERR_clear_error(); /* forms that were tried before the right one */
  TRY(pki_key_wrap(r->cx, &key, pkey, true));
  int type = EVP_PKEY_get_base_id(pkey);
  if (type != EVP_PKEY_RSA && type != EVP_PKEY_EC)
    return FAIL(r->cx, E_INVALID, "a private key is neither RSA nor on an elliptic curve of NIST");
  if (r->out->keys_n == PKI_FILE_KEYS)
    return FAIL(r->cx, E_INVALID, "more than %d private keys in one file", PKI_FILE_KEYS);
  r->out->keys[r->out->keys_n++] = key;
  return OK;
}

enum err pki_reader_add_key(struct pki_reader *r, struct slice der) {
  const unsigned char *p = (const unsigned char *)der.p, *end = p + der.n;
  EVP_PKEY *pkey = d2i_AutoPrivateKey(NULL, &p, (long)der.n);
  TRY(add_pkey(r, pkey));
  return p == end ? OK : FAIL(r->cx, E_INVALID, "a private key is damaged: bytes after its end");
}

enum err pki_reader_add_pkcs8(struct pki_reader *r, const PKCS8_PRIV_KEY_INFO *p8) {
  return add_pkey(r, p8 ? EVP_PKCS82PKEY(p8) : NULL);
}

static void add_csr(struct pki_reader *r, struct slice der) {
  if (!r->out->csr.p) r->out->csr = slice_mem(ctx_memdup(r->cx, der.p, der.n), der.n);
}

/* ---- PKCS #7 ---- */

static void release_cms(void *c) { CMS_ContentInfo_free(c); }

static void take_content(struct pki_reader *r, CMS_ContentInfo *cms) {
  ASN1_OCTET_STRING **content = CMS_get0_content(cms);
  if (!content || !*content) return;
  size_t n = (size_t)ASN1_STRING_length(*content);
  r->out->content = slice_mem(ctx_memdup(r->cx, ASN1_STRING_get0_data(*content), n), n);
}

static enum err add_x509(struct pki_reader *r, X509 *x) {
  unsigned char *der = NULL;
  int n = i2d_X509(x, &der);
  return n > 0 ? pki_reader_add_cert(r, pki_take(r->cx, der, (size_t)n)) : PKI_FAIL(r->cx, E_INVALID, "certificate");
}

static enum err read_signed(struct pki_reader *r, CMS_ContentInfo *cms) {
  enum err e = OK;
  r->out->pkcs7 = true;
  take_content(r, cms);
  STACK_OF(X509) *certs = CMS_get1_certs(cms);
  for (int i = 0; e == OK && i < sk_X509_num(certs); i++) e = add_x509(r, sk_X509_value(certs, i));
  sk_X509_pop_free(certs, X509_free);
  return e;
}

static enum err read_cms(struct pki_reader *r, CMS_ContentInfo *cms) {
  int type = OBJ_obj2nid(CMS_get0_type(cms));
  ctx_defer(r->cx, release_cms, cms);
  if (type == NID_pkcs7_signed) return read_signed(r, cms);
  r->out->enveloped = r->out->enveloped || type == NID_pkcs7_enveloped;
  return OK;
}

/* ---- DER ---- */

/* Each gives false when the bytes are something else; *e is defined only when they are its own. */
static bool try_cert(struct pki_reader *r, struct slice der, enum err *e) {
  const unsigned char *p = (const unsigned char *)der.p;
  X509 *x = d2i_X509(NULL, &p, (long)der.n);
  X509_free(x);
  if (x) *e = pki_reader_add_cert(r, der);
  return x != NULL;
}

static bool try_pkcs12(struct pki_reader *r, struct slice der, enum err *e) {
  const unsigned char *p = (const unsigned char *)der.p;
  PKCS12 *p12 = d2i_PKCS12(NULL, &p, (long)der.n);
  PKCS12_free(p12);
  if (p12) *e = pki_unlock_pkcs12(r, der);
  return p12 != NULL;
}

static bool try_csr(struct pki_reader *r, struct slice der, enum err *e) {
  const unsigned char *p = (const unsigned char *)der.p;
  X509_REQ *req = d2i_X509_REQ(NULL, &p, (long)der.n);
  X509_REQ_free(req);
  if (req) add_csr(r, der);
  *e = OK;
  return req != NULL;
}

static bool try_cms(struct pki_reader *r, struct slice der, enum err *e) {
  const unsigned char *p = (const unsigned char *)der.p;
  CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &p, (long)der.n);
  if (cms) *e = read_cms(r, cms);
  return cms != NULL;
}

static bool try_locked_key(struct pki_reader *r, struct slice der, enum err *e) {
  const unsigned char *p = (const unsigned char *)der.p;
  X509_SIG *sig = d2i_X509_SIG(NULL, &p, (long)der.n);
  if (sig) *e = pki_unlock_pkcs8(r, sig);
  X509_SIG_free(sig);
  return sig != NULL;
}

static bool try_public_key(struct pki_reader *r, struct slice der, enum err *e) {
  const unsigned char *p = (const unsigned char *)der.p;
  EVP_PKEY *pkey = d2i_PUBKEY(NULL, &p, (long)der.n);
  EVP_PKEY_free(pkey);
  r->out->public_key = r->out->public_key || pkey;
  *e = OK;
  return pkey != NULL;
}

static bool try_key(struct pki_reader *r, struct slice der, enum err *e) {
  const unsigned char *p = (const unsigned char *)der.p;
  EVP_PKEY *pkey = d2i_AutoPrivateKey(NULL, &p, (long)der.n);
  EVP_PKEY_free(pkey);
  if (pkey) *e = pki_reader_add_key(r, der);
  return pkey != NULL;
}

/* An encrypted key has the outer shape of a public one's algorithm and bits, so that it comes before it. */
static bool (*const der_forms[])(struct pki_reader *, struct slice, enum err *) = {
    try_cert, try_csr, try_pkcs12, try_cms, try_locked_key, try_public_key, try_key};

/* *own: it is one of the forms. */
static enum err read_der(struct pki_reader *r, struct slice der, bool *own) {
  enum err e = OK;
  *own = false;
  for (size_t i = 0; !*own && i < sizeof der_forms / sizeof *der_forms; i++) {
    *own = der_forms[i](r, der, &e);
    ERR_clear_error();
  }
  return *own ? e : OK;
}

/* ---- PEM ---- */

/* Forms of which every block is read as DER; the rest is read or noted below. */
static bool is_plain(struct slice label) {
  static const char *const labels[] = {
      "CERTIFICATE", "X509 CERTIFICATE", "CERTIFICATE REQUEST", "PUBLIC KEY",     "NEW CERTIFICATE REQUEST", "PKCS7",
      "CMS",         "PRIVATE KEY",      "RSA PRIVATE KEY",     "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY",   "PKCS12"};
  for (size_t i = 0; i < sizeof labels / sizeof *labels; i++)
    if (slice_is(label, labels[i])) return true;
  return false;
}

static enum err damaged(struct pki_reader *r, struct slice label) {
  const char *why = ctx_strdup(r->cx, ctx_error_text(r->cx));
  ctx_clear_error(r->cx);
  bool plain = label.n <= 40 && text_is_plain(label);
  return FAIL(r->cx, E_INVALID, "the block \"%.*s\" is damaged%s%s: fetch or export the file again",
              plain ? (int)label.n : 1, plain ? label.p : "?", *why ? ": " : "", why);
}

static enum err read_block(struct pki_reader *r, const struct pki_pem *b) {
  struct slice der;
  struct pki_file *out = r->out;
  bool own;
  if (!is_plain(b->label)) {
    out->public_key = out->public_key || slice_ends(b->label, "PUBLIC KEY");
    out->foreign_key = out->foreign_key || slice_ends(b->label, "PRIVATE KEY");
    return OK;
  }
  bool pkcs8 = slice_is(b->label, "ENCRYPTED PRIVATE KEY");
  if (pki_pem_encrypted(b) && !(pkcs8 && r->opener->passphrase)) return pki_unlock_pem(r, b);
  if (dec_base64(r->cx, b->body, &der) != OK) return damaged(r, b->label);
  secret_in(r->cx, (void *)(uintptr_t)der.p, der.n);
  if (read_der(r, der, &own) != OK || !own) return damaged(r, b->label);
  return OK;
}

static enum err read_pem(struct pki_reader *r, struct slice text) {
  struct pki_pem b;
  while (r->out->lock == PKI_OPEN && pki_pem_next(&text, &b)) {
    if (!b.whole) return FAIL(r->cx, E_INVALID, "a block lacks its end (-----END …-----): the file is cut off");
    TRY(read_block(r, &b));
  }
  return OK;
}

/* ---- the file ---- */

enum err pki_file_read(struct ctx *cx, struct pki_file *out, struct slice bytes, struct pki_opener *opener) {
  struct pki_pem b;
  *out = (struct pki_file){0};
  if (bytes.n > PKI_FILE_MOST) return FAIL(cx, E_TOO_LARGE, "larger than %d bytes", PKI_FILE_MOST);
  struct pki_reader r = {.cx = cx, .out = out, .opener = opener};
  struct slice rest = bytes;
  if (pki_pem_next(&rest, &b)) return read_pem(&r, bytes);
  bool own;
  return bytes.n && *bytes.p == 0x30 ? read_der(&r, bytes, &own) : OK;
}
