#include "lib/pki_crypto.h"
#include "base/secret.h"
#include "lib/pki_int.h"
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

/* A digest fails only when memory is exhausted. */
static void digest(uint8_t *out, const EVP_MD *md, struct slice data) {
  if (EVP_Digest(data.p, data.n, out, NULL, md, NULL) != 1) abort();
}

void pki_sha256(uint8_t out[SHA256_LEN], struct slice data) { digest(out, EVP_sha256(), data); }

void pki_sha1(uint8_t out[20], struct slice data) { digest(out, EVP_sha1(), data); }

struct pki_digest {
  EVP_MD_CTX *state;
  const EVP_MD *md;
};

static void release_digest(void *state) { EVP_MD_CTX_free(state); }

static void digest_begin(struct pki_digest *d) {
  if (EVP_DigestInit_ex(d->state, d->md, NULL) != 1) abort();
}

struct pki_digest *pki_digest_new(struct ctx *cx, enum pki_digest_kind kind) {
  struct pki_digest *d = ctx_alloc(cx, sizeof *d);
  *d = (struct pki_digest){EVP_MD_CTX_new(), kind == PKI_MD5 ? EVP_md5() : EVP_sha256()};
  if (!d->state) abort();
  ctx_defer(cx, release_digest, d->state);
  digest_begin(d);
  return d;
}

void pki_digest_add(struct pki_digest *d, struct slice data) {
  if (EVP_DigestUpdate(d->state, data.p, data.n) != 1) abort();
}

void pki_digest_end(struct pki_digest *d, uint8_t *out) {
  if (EVP_DigestFinal_ex(d->state, out, NULL) != 1) abort();
  digest_begin(d);
}

static void hmac(uint8_t *out, const EVP_MD *md, struct slice key, struct slice data) {
  if (key.n > INT32_MAX) abort();
  if (HMAC(md, key.p, (int)key.n, (const uint8_t *)data.p, data.n, out, NULL) == NULL) abort();
}

void pki_hmac_sha256(uint8_t out[SHA256_LEN], struct slice key, struct slice data) {
  hmac(out, EVP_sha256(), key, data);
}

void pki_hmac_sha1(uint8_t out[20], struct slice key, struct slice data) { hmac(out, EVP_sha1(), key, data); }

/* OpenSSL counts some blocks beside the large one. */
enum { SCRYPT_SLACK = 1 << 20 };

enum err pki_scrypt(struct ctx *cx, uint8_t *out, size_t n, const struct pki_scrypt *cost, struct slice password,
                    struct slice salt) {
  if (cost->log2_n < 1 || cost->log2_n > 20 || cost->r < 1 || cost->p < 1)
    return FAIL(cx, E_INVALID, "scrypt knows no such cost");
  if (EVP_PBE_scrypt(password.p, password.n, (const uint8_t *)salt.p, salt.n, UINT64_C(1) << cost->log2_n, cost->r,
                     cost->p, SCRYPT_MEMORY_MOST + SCRYPT_SLACK, out, n) != 1)
    return PKI_FAIL(cx, E_INVALID, "scrypt does not run");
  return OK;
}

/* ---- sealing ---- */
enum { SEAL_VERSION = 1, NONCE_LEN = 12, TAG_LEN = 16, HEAD_LEN = 1 + NONCE_LEN, SEAL_EXTRA = HEAD_LEN + TAG_LEN };
#define SEAL_MOST ((size_t)64 << 20) /* far above any secret; keeps lengths within OpenSSL's int */

static void release_cipher(void *c) { EVP_CIPHER_CTX_free(c); }

/* An AES-256-GCM context of cx that has taken in key, nonce and `about`. */
static enum err cipher_start(struct ctx *cx, EVP_CIPHER_CTX **out, bool encrypt, const uint8_t *key,
                             const uint8_t *nonce, struct slice about) {
  EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
  if (c == NULL) abort();
  ctx_defer(cx, release_cipher, c);
  int n = 0;
  if (EVP_CipherInit_ex(c, EVP_aes_256_gcm(), NULL, key, nonce, encrypt) != 1 ||
      (about.n > 0 && EVP_CipherUpdate(c, NULL, &n, (const uint8_t *)about.p, (int)about.n) != 1))
    return PKI_FAIL(cx, E_INTERNAL, "AES-256-GCM does not start");
  *out = c;
  return OK;
}

enum err pki_seal(struct ctx *cx, struct slice *out, const uint8_t key[SEAL_KEY_LEN], struct slice about,
                  struct slice plain) {
  if (plain.n > SEAL_MOST || about.n > SEAL_MOST) return FAIL(cx, E_TOO_LARGE, "too large to seal: %zu bytes", plain.n);
  uint8_t *sealed = ctx_alloc(cx, plain.n + SEAL_EXTRA);
  sealed[0] = SEAL_VERSION;
  secret_random(sealed + 1, NONCE_LEN);
  EVP_CIPHER_CTX *c;
  TRY(cipher_start(cx, &c, true, key, sealed + 1, about));
  int n = 0;
  uint8_t *tag = sealed + HEAD_LEN + plain.n;
  if ((plain.n > 0 && EVP_EncryptUpdate(c, sealed + HEAD_LEN, &n, (const uint8_t *)plain.p, (int)plain.n) != 1) ||
      EVP_EncryptFinal_ex(c, tag, &n) != 1 || EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG_LEN, tag) != 1)
    return PKI_FAIL(cx, E_INTERNAL, "AES-256-GCM does not seal");
  *out = slice_mem(sealed, plain.n + SEAL_EXTRA);
  return OK;
}

enum err pki_unseal(struct ctx *cx, struct slice *out, const uint8_t key[SEAL_KEY_LEN], struct slice about,
                    struct slice sealed) {
  if (sealed.n < SEAL_EXTRA || sealed.n - SEAL_EXTRA > SEAL_MOST || about.n > SEAL_MOST)
    return FAIL(cx, E_INVALID, "not a sealed value: %zu bytes", sealed.n);
  const uint8_t *in = (const uint8_t *)sealed.p;
  if (in[0] != SEAL_VERSION) return FAIL(cx, E_INVALID, "sealed value of unknown version %u", in[0]);
  size_t len = sealed.n - SEAL_EXTRA;
  uint8_t tag[TAG_LEN];
  memcpy(tag, in + HEAD_LEN + len, TAG_LEN);
  EVP_CIPHER_CTX *c;
  TRY(cipher_start(cx, &c, false, key, in + 1, about));
  uint8_t *plain = secret_in(cx, ctx_alloc(cx, len + 1), len + 1);
  int n = 0;
  if ((len > 0 && EVP_DecryptUpdate(c, plain, &n, in + HEAD_LEN, (int)len) != 1) ||
      EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG_LEN, tag) != 1 || EVP_DecryptFinal_ex(c, plain + len, &n) != 1) {
    secret_wipe(plain, len);
    return PKI_FAIL(cx, E_INVALID, "sealed value does not open: other key, other place, or damaged");
  }
  *out = slice_mem(plain, len);
  return OK;
}
