/* Digests, MACs, key derivation and authenticated encryption, over OpenSSL. Any thread. */
#ifndef POMONA_LIB_PKI_CRYPTO_H
#define POMONA_LIB_PKI_CRYPTO_H

#include "base/buf.h"
#include "base/ctx.h"

#define SHA256_LEN 32
void pki_sha256(uint8_t out[SHA256_LEN], struct slice data);
void pki_sha1(uint8_t out[20], struct slice data); /* fingerprints only */

/* The same in pieces. pki_digest_end gives it and begins anew. MD5 only where a protocol wants it. */
enum pki_digest_kind { PKI_MD5, PKI_SHA256 };
struct pki_digest; /* in cx */
struct pki_digest *pki_digest_new(struct ctx *cx, enum pki_digest_kind kind);
void pki_digest_add(struct pki_digest *d, struct slice data);
void pki_digest_end(struct pki_digest *d, uint8_t *out); /* 16 or 32 bytes */

void pki_hmac_sha256(uint8_t out[SHA256_LEN], struct slice key, struct slice data);
void pki_hmac_sha1(uint8_t out[20], struct slice key, struct slice data); /* one-time codes only (RFC 4226) */

/* scrypt (RFC 7914): slow on purpose, and 128 * r * 2^log2_n bytes of memory; at most SCRYPT_MEMORY_MOST. E_INVALID:
   costs that it refuses. */
#define SCRYPT_MEMORY_MOST ((uint64_t)64 << 20)
struct pki_scrypt {
  uint8_t log2_n, r, p;
};
MUST_CHECK enum err pki_scrypt(struct ctx *cx, uint8_t *out, size_t n, const struct pki_scrypt *cost,
                               struct slice password, struct slice salt);

#define SEAL_KEY_LEN 32
/* AES-256-GCM. The result is version (1 byte), nonce (12), ciphertext, tag (16). `about` is authenticated with it (what
   the secret is and whose), so that a sealed value cannot be moved to another row. The plain text of pki_unseal is
   wiped with cx. */
MUST_CHECK enum err pki_seal(struct ctx *cx, struct slice *out, const uint8_t key[SEAL_KEY_LEN], struct slice about,
                             struct slice plain);
/* E_INVALID when the key, `about` or a byte differs. */
MUST_CHECK enum err pki_unseal(struct ctx *cx, struct slice *out, const uint8_t key[SEAL_KEY_LEN], struct slice about,
                               struct slice sealed);

#endif
