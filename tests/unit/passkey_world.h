/* An authenticator of our own, with real keys, which tells the truth and everything else. */
#ifndef POMONA_TESTS_PASSKEY_WORLD_H
#define POMONA_TESTS_PASSKEY_WORLD_H

#include "core/passkey.h"
#include "core_fixture.h"
#include "lib/pki_crypto.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#define ORIGIN "https://mdm.example.org:8443"
#define RP "mdm.example.org"
#define PEER "192.0.2.1"
enum { SESSION = 77, FLAG_PRESENT = 1, FLAG_VERIFIED = 4, FLAG_CREDENTIAL = 64, BOTH = FLAG_PRESENT | FLAG_VERIFIED };
enum { ES256 = -7, EDDSA = -8, RS256 = -257 };

struct authenticator {
  EVP_PKEY *key;
  int algorithm;
  const char *id;
  uint32_t counter;
  const char *rp, *origin, *type; /* what it says */
  uint8_t flags;
  const char *cross; /* more of the client data */
};

static void release_key(void *key) { EVP_PKEY_free(key); }

static struct authenticator authenticator(int algorithm, const char *id) {
  struct authenticator a = {.algorithm = algorithm, .id = id, .rp = RP, .origin = ORIGIN, .flags = BOTH, .cross = ""};
  a.key = algorithm == ES256   ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256")
          : algorithm == EDDSA ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
                               : EVP_RSA_gen(2048);
  assert_non_null(a.key);
  ctx_defer(fx.cx, release_key, a.key);
  return a;
}

/* CBOR (RFC 8949): byte strings and keys of maps, as far as COSE wants them. */
static void cbor_bytes(struct buf *b, const uint8_t *p, size_t n) {
  const uint8_t head[] = {0x59, (uint8_t)(n >> 8), (uint8_t)n};
  buf_add_slice(b, slice_mem(head, sizeof head));
  buf_add_slice(b, slice_mem(p, n));
}

static void add_raw(struct buf *b, const void *p, size_t n) { buf_add_slice(b, slice_mem(p, n)); }

static void add_number(struct buf *b, EVP_PKEY *key, const char *what, size_t n) {
  BIGNUM *x = NULL;
  uint8_t bytes[256];
  assert_int_equal(EVP_PKEY_get_bn_param(key, what, &x), 1);
  assert_int_equal(BN_bn2binpad(x, bytes, (int)n), (int)n);
  BN_free(x);
  cbor_bytes(b, bytes, n);
}

/* COSE_Key (RFC 9053). */
static void add_key(struct buf *b, const struct authenticator *a) {
  uint8_t raw[32];
  size_t n = sizeof raw;
  switch (a->algorithm) {
  case ES256:
    add_raw(b, "\xa5\x01\x02\x03\x26\x20\x01\x21", 8);
    add_number(b, a->key, OSSL_PKEY_PARAM_EC_PUB_X, 32);
    add_raw(b, "\x22", 1);
    add_number(b, a->key, OSSL_PKEY_PARAM_EC_PUB_Y, 32);
    return;
  case EDDSA:
    assert_int_equal(EVP_PKEY_get_raw_public_key(a->key, raw, &n), 1);
    add_raw(b, "\xa4\x01\x01\x03\x27\x20\x06\x21", 8);
    cbor_bytes(b, raw, n);
    return;
  default:
    add_raw(b, "\xa4\x01\x03\x03\x39\x01\x00\x20", 8);
    add_number(b, a->key, OSSL_PKEY_PARAM_RSA_N, 256);
    add_raw(b, "\x21", 1);
    add_number(b, a->key, OSSL_PKEY_PARAM_RSA_E, 3);
  }
}

static void add_head(struct buf *b, const struct authenticator *a, uint8_t flags) {
  uint8_t head[SHA256_LEN + 5];
  pki_sha256(head, slice_of(a->rp));
  head[SHA256_LEN] = flags;
  for (int i = 0; i < 4; i++) head[SHA256_LEN + 1 + i] = (uint8_t)(a->counter >> (24 - 8 * i));
  add_raw(b, head, sizeof head);
}

static struct slice kept(struct buf *b) {
  struct slice s = slice_mem(ctx_memdup(fx.cx, b->p, b->n), b->n);
  buf_free(b);
  return s;
}

static struct slice new_data(const struct authenticator *a) {
  struct buf b = {0};
  size_t n = strlen(a->id);
  const uint8_t length[] = {(uint8_t)(n >> 8), (uint8_t)n};
  static const uint8_t aaguid[16] = {0};
  add_head(&b, a, a->flags | FLAG_CREDENTIAL);
  add_raw(&b, aaguid, sizeof aaguid);
  add_raw(&b, length, sizeof length);
  add_raw(&b, a->id, n);
  add_key(&b, a);
  return kept(&b);
}

static struct slice sign(const struct authenticator *a, struct slice data, struct slice client_data) {
  uint8_t digest[SHA256_LEN], signature[512];
  size_t n = sizeof signature;
  EVP_MD_CTX *md = EVP_MD_CTX_new();
  struct buf all = {0};
  pki_sha256(digest, client_data);
  buf_add_slice(&all, data);
  add_raw(&all, digest, sizeof digest);
  assert_int_equal(EVP_DigestSignInit(md, NULL, a->algorithm == EDDSA ? NULL : EVP_sha256(), NULL, a->key), 1);
  assert_int_equal(EVP_DigestSign(md, signature, &n, (const uint8_t *)all.p, all.n), 1);
  EVP_MD_CTX_free(md);
  buf_free(&all);
  return slice_mem(ctx_memdup(fx.cx, signature, n), n);
}

static struct slice client_data(const struct authenticator *a, const char *type, const uint8_t *challenge) {
  return slice_of(ctx_printf(fx.cx, "{\"type\":\"%s\",\"challenge\":\"%s\",\"origin\":\"%s\"%s}",
                             a->type ? a->type : type, enc_base64url(fx.cx, challenge, CHALLENGE_LEN), a->origin,
                             a->cross));
}

static struct challenge challenge(int64_t login) {
  struct challenge c;
  ctx_clear_error(fx.cx);
  must(challenge_new(fx.cx, &fx.core, slice_of(ORIGIN), login, PEER, &c));
  assert_string_equal(c.rp, RP);
  return c;
}

static struct passkey_proof made(const struct authenticator *a, const struct challenge *c) {
  return (struct passkey_proof){
      .id = c->id, .client_data = client_data(a, "webauthn.create", c->bytes), .data = new_data(a)};
}

static struct passkey_proof proved(struct authenticator *a, const struct challenge *c, int64_t account) {
  struct buf b = {0};
  add_head(&b, a, a->flags);
  struct passkey_proof p = {.id = c->id,
                            .client_data = client_data(a, "webauthn.get", c->bytes),
                            .data = kept(&b),
                            .credential = slice_of(a->id),
                            .user = passkey_user(fx.cx, account)};
  p.signature = sign(a, p.data, p.client_data);
  return p;
}

#endif
