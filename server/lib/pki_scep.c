/* SCEP: algorithms, attribute names, and the envelope. */
#include "base/secret.h"
#include "lib/pki_scep_int.h"
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <string.h>

/* ---- algorithms ---- */
static const struct scep_digest digests[] = {
    {"sha256", NID_sha256, EVP_sha256, false},
    {"sha384", NID_sha384, EVP_sha384, false},
    {"sha512", NID_sha512, EVP_sha512, false},
    {"sha1", NID_sha1, EVP_sha1, true},
};
/* Single DES is triple DES with one key three times, so that OpenSSL's provider of old algorithms need not be there. */
static const struct scep_cipher ciphers[] = {
    {"aes-128-cbc", NID_aes_128_cbc, EVP_aes_128_cbc, 16, false},
    {"aes-192-cbc", NID_aes_192_cbc, EVP_aes_192_cbc, 24, false},
    {"aes-256-cbc", NID_aes_256_cbc, EVP_aes_256_cbc, 32, false},
    {"des-ede3-cbc", NID_des_ede3_cbc, EVP_des_ede3_cbc, 24, false},
    {"des-cbc", NID_des_cbc, EVP_des_ede3_cbc, 8, true},
};
#define COUNT(a) (sizeof(a) / sizeof *(a))
enum { KEY_MOST = 32, DES_KEY = 8 };

const struct scep_digest *scep_digest_by_nid(int nid) {
  for (size_t i = 0; i < COUNT(digests); i++)
    if (digests[i].nid == nid) return &digests[i];
  return NULL;
}

const struct scep_digest *scep_digest_by_name(const char *name) {
  for (size_t i = 0; i < COUNT(digests); i++)
    if (strcmp(digests[i].name, name) == 0) return &digests[i];
  return NULL;
}

const struct scep_cipher *scep_cipher_by_nid(int nid) {
  for (size_t i = 0; i < COUNT(ciphers); i++)
    if (ciphers[i].nid == nid) return &ciphers[i];
  return NULL;
}

const struct scep_cipher *scep_cipher_by_name(const char *name) {
  for (size_t i = 0; i < COUNT(ciphers); i++)
    if (strcmp(ciphers[i].name, name) == 0) return &ciphers[i];
  return NULL;
}

/* ---- attributes ---- */
static const uint8_t attr_arc[] = {0x60, 0x86, 0x48, 0x01, 0x86, 0xf8, 0x45, 0x01, 0x09}; /* 2.16.840.1.113733.1.9 */

ASN1_OBJECT *scep_attr_oid(enum scep_attr a) {
  uint8_t der[2 + sizeof attr_arc + 1] = {0x06, sizeof attr_arc + 1};
  const unsigned char *p = der;
  memcpy(der + 2, attr_arc, sizeof attr_arc);
  der[sizeof der - 1] = (uint8_t)a;
  return d2i_ASN1_OBJECT(NULL, &p, sizeof der);
}

bool scep_attr_is(const ASN1_OBJECT *oid, enum scep_attr a) {
  const uint8_t *p = OBJ_get0_data(oid);
  return OBJ_length(oid) == sizeof attr_arc + 1 && memcmp(p, attr_arc, sizeof attr_arc) == 0 && p[sizeof attr_arc] == a;
}

/* ---- PKCS #7 ---- */
void scep_p7_release(void *p7) { PKCS7_free(p7); }

enum err scep_p7_decode(struct ctx *cx, PKCS7 **out, struct slice der, int nid) {
  const unsigned char *p = (const unsigned char *)der.p;
  PKCS7 *p7 = *out = der.n > 0 && der.n < INT32_MAX ? d2i_PKCS7(NULL, &p, (long)der.n) : NULL;
  if (!p7) return PKI_FAIL(cx, E_INVALID, "not PKCS #7");
  ctx_defer(cx, scep_p7_release, p7);
  if ((const char *)p != der.p + der.n) return FAIL(cx, E_INVALID, "bytes after the PKCS #7");
  if (OBJ_obj2nid(p7->type) != nid || !p7->d.ptr) return FAIL(cx, E_INVALID, "PKCS #7, but not %s", OBJ_nid2sn(nid));
  return OK;
}

enum err scep_p7_encode(struct ctx *cx, struct slice *der, PKCS7 *p7) {
  unsigned char *p = NULL;
  int n = i2d_PKCS7(p7, &p);
  if (n < 0) return PKI_FAIL(cx, E_INTERNAL, "cannot encode PKCS #7");
  *der = pki_take(cx, p, (size_t)n);
  return OK;
}

/* ---- the cipher ---- */

/* A content-encryption key with its cipher and IV. */
struct content_key {
  const struct scep_cipher *cipher;
  uint8_t key[KEY_MOST];
  const uint8_t *iv;
};

/* En- or decrypts; *out lives in cx, wiped with it. */
static bool crypt_content(struct ctx *cx, struct slice *out, const struct content_key *k, struct slice in,
                          bool encrypt) {
  uint8_t wide[KEY_MOST];
  memcpy(wide, k->key, sizeof wide);
  if (k->cipher->key_len == DES_KEY)
    for (size_t i = DES_KEY; i < 3 * (size_t)DES_KEY; i++) wide[i] = wide[i - DES_KEY];
  uint8_t *p = ctx_alloc(cx, in.n + EVP_MAX_BLOCK_LENGTH);
  secret_in(cx, p, in.n + EVP_MAX_BLOCK_LENGTH);
  int n = 0, last = 0;
  EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
  bool ok = c && EVP_CipherInit_ex(c, k->cipher->evp(), NULL, wide, k->iv, encrypt) == 1 &&
            EVP_CipherUpdate(c, p, &n, (const uint8_t *)in.p, (int)in.n) == 1 &&
            EVP_CipherFinal_ex(c, p + n, &last) == 1;
  EVP_CIPHER_CTX_free(c);
  secret_wipe(wide, sizeof wide);
  *out = slice_mem(p, (size_t)n + (size_t)last);
  return ok;
}

static EVP_PKEY_CTX *rsa_ctx(EVP_PKEY *pkey, int (*init)(EVP_PKEY_CTX *)) {
  EVP_PKEY_CTX *c = pkey && EVP_PKEY_get_base_id(pkey) == EVP_PKEY_RSA ? EVP_PKEY_CTX_new(pkey, NULL) : NULL;
  if (c && init(c) == 1 && EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PADDING) == 1) return c;
  EVP_PKEY_CTX_free(c);
  return NULL;
}

/* ---- sealing ---- */
static enum err add_recipient(struct ctx *cx, PKCS7 *p7, const struct pki_cert *to, const struct content_key *k) {
  uint8_t wrapped[2048];
  size_t n = sizeof wrapped;
  EVP_PKEY_CTX *c = rsa_ctx(X509_get0_pubkey(to->x), EVP_PKEY_encrypt_init);
  int ok = c && EVP_PKEY_encrypt(c, wrapped, &n, k->key, k->cipher->key_len) == 1;
  EVP_PKEY_CTX_free(c);
  if (!ok) return PKI_FAIL(cx, E_INVALID, "cannot encrypt to this certificate");
  PKCS7_RECIP_INFO *ri = PKCS7_add_recipient(p7, to->x);
  if (!ri || ASN1_OCTET_STRING_set(ri->enc_key, wrapped, (int)n) != 1)
    return PKI_FAIL(cx, E_INTERNAL, "cannot encrypt to this certificate");
  return OK;
}

static enum err set_content(struct ctx *cx, PKCS7 *p7, const struct content_key *k, struct slice plain) {
  PKCS7_ENC_CONTENT *ec = p7->d.enveloped->enc_data;
  struct slice secret;
  ASN1_OCTET_STRING *iv = ASN1_OCTET_STRING_new();
  int iv_len = EVP_CIPHER_get_iv_length(k->cipher->evp());
  if (!iv || ASN1_OCTET_STRING_set(iv, k->iv, iv_len) != 1 ||
      X509_ALGOR_set0(ec->algorithm, OBJ_nid2obj(k->cipher->nid), V_ASN1_OCTET_STRING, iv) != 1) {
    ASN1_OCTET_STRING_free(iv);
    return PKI_FAIL(cx, E_INTERNAL, "cannot name the cipher");
  }
  if (!crypt_content(cx, &secret, k, plain, true)) return PKI_FAIL(cx, E_INTERNAL, "cannot encrypt");
  ec->enc_data = ASN1_OCTET_STRING_new();
  if (!ec->enc_data || ASN1_OCTET_STRING_set(ec->enc_data, (const uint8_t *)secret.p, (int)secret.n) != 1)
    return PKI_FAIL(cx, E_INTERNAL, "cannot keep the encrypted content");
  return OK;
}

enum err scep_seal(struct ctx *cx, struct slice *der, struct slice plain, const struct pki_cert *to,
                   const struct scep_cipher *cipher) {
  uint8_t iv[EVP_MAX_IV_LENGTH];
  struct content_key *k = secret_in(cx, ctx_alloc(cx, sizeof *k), sizeof *k);
  k->cipher = cipher, k->iv = iv;
  secret_random(k->key, cipher->key_len);
  secret_random(iv, sizeof iv);
  PKCS7 *p7 = PKCS7_new();
  ctx_defer(cx, scep_p7_release, p7);
  if (!p7 || PKCS7_set_type(p7, NID_pkcs7_enveloped) != 1) return PKI_FAIL(cx, E_INTERNAL, "cannot make an envelope");
  TRY(add_recipient(cx, p7, to, k));
  TRY(set_content(cx, p7, k, plain));
  return scep_p7_encode(cx, der, p7);
}

/* ---- unsealing ---- */
enum err scep_envelope_open(struct ctx *cx, struct scep_envelope *out, struct slice der) {
  TRY(scep_p7_decode(cx, &out->p7, der, NID_pkcs7_enveloped));
  const ASN1_OBJECT *oid;
  X509_ALGOR_get0(&oid, NULL, NULL, out->p7->d.enveloped->enc_data->algorithm);
  out->cipher = scep_cipher_by_nid(OBJ_obj2nid(oid));
  return OK;
}

static const PKCS7_RECIP_INFO *recipient(const PKCS7_ENVELOPE *env, const X509 *x) {
  for (int i = 0; i < sk_PKCS7_RECIP_INFO_num(env->recipientinfo); i++) {
    const PKCS7_RECIP_INFO *ri = sk_PKCS7_RECIP_INFO_value(env->recipientinfo, i);
    if (X509_NAME_cmp(ri->issuer_and_serial->issuer, X509_get_issuer_name(x)) == 0 &&
        ASN1_INTEGER_cmp(ri->issuer_and_serial->serial, X509_get0_serialNumber(x)) == 0)
      return ri;
  }
  return NULL;
}

/* Into k->key the content-encryption key, or a random one when the RSA decryption fails: the content then fails like
   any wrongly encrypted one, and nobody learns what was wrong with the padding (Bleichenbacher). */
static void unwrap(struct content_key *k, const ASN1_OCTET_STRING *wrapped, EVP_PKEY *pkey) {
  uint8_t found[2048] = {0};
  size_t n = sizeof found, len = k->cipher->key_len;
  secret_random(k->key, len);
  EVP_PKEY_CTX *c = rsa_ctx(pkey, EVP_PKEY_decrypt_init);
  int rc = c ? EVP_PKEY_decrypt(c, found, &n, ASN1_STRING_get0_data(wrapped), (size_t)ASN1_STRING_length(wrapped)) : -1;
  uint8_t use = (uint8_t) - (uint8_t)((rc == 1) & (n == len)); /* 0xff or 0, without a branch */
  for (size_t i = 0; i < len; i++) k->key[i] = (uint8_t)((found[i] & use) | (k->key[i] & ~use));
  EVP_PKEY_CTX_free(c);
  secret_wipe(found, sizeof found);
  ERR_clear_error();
}

/* The IV of the cipher's parameters, NULL when it does not fit. */
static const uint8_t *content_iv(const PKCS7_ENC_CONTENT *ec, const struct scep_cipher *cipher) {
  int type;
  const void *value;
  X509_ALGOR_get0(NULL, &type, &value, ec->algorithm);
  if (type != V_ASN1_OCTET_STRING || ASN1_STRING_length(value) != EVP_CIPHER_get_iv_length(cipher->evp())) return NULL;
  return ASN1_STRING_get0_data(value);
}

enum err scep_unseal(struct ctx *cx, struct slice *plain, const struct scep_envelope *env, const struct pki_cert *cert,
                     const struct pki_key *key) {
  const PKCS7_ENC_CONTENT *ec = env->p7->d.enveloped->enc_data;
  const PKCS7_RECIP_INFO *ri = recipient(env->p7->d.enveloped, cert->x);
  struct content_key *k = secret_in(cx, ctx_alloc(cx, sizeof *k), sizeof *k);
  bool ok = ri && env->cipher && ec->enc_data;
  if (ok) {
    k->cipher = env->cipher, k->iv = content_iv(ec, env->cipher);
    unwrap(k, ri->enc_key, key->pkey);
    struct slice secret = slice_mem(ASN1_STRING_get0_data(ec->enc_data), (size_t)ASN1_STRING_length(ec->enc_data));
    ok = k->iv && crypt_content(cx, plain, k, secret, false);
  }
  ERR_clear_error();
  return ok ? OK : FAIL(cx, E_INVALID, "the SCEP envelope cannot be decrypted");
}
