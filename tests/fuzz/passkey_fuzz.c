/* What a browser brings of a passkey, from anybody: authenticator data as edits of real ones (the first byte says of
   which key), or as they come; client data. What is read can be kept, and nothing but a signature by its key is one. */
#include "core/passkey.h"
#include "edits.h"
#include "lib/pki_crypto.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(is)                                                                                                       \
  if (!(is)) abort()
#define ORIGIN "https://mdm.example.org"
#define RP "mdm.example.org"
enum { KEYS = 3, FLAGS = 1 | 4 | 64, ID = 16, HEAD = SHA256_LEN + 5 + 16 + 2 + ID };

static struct core core;
static struct slice whole[KEYS]; /* as fido_algorithms */

static void add(struct buf *b, const void *p, size_t n) { buf_add_slice(b, slice_mem(p, n)); }

static void add_number(struct buf *b, EVP_PKEY *key, const char *what, size_t n) {
  BIGNUM *x = NULL;
  uint8_t bytes[256], head[] = {0x59, (uint8_t)(n >> 8), (uint8_t)n};
  MUST(EVP_PKEY_get_bn_param(key, what, &x) == 1 && BN_bn2binpad(x, bytes, (int)n) == (int)n);
  BN_free(x);
  add(b, head, sizeof head);
  add(b, bytes, n);
}

static void add_es256(struct buf *b) {
  EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
  add(b, "\xa5\x01\x02\x03\x26\x20\x01\x21", 8);
  add_number(b, key, OSSL_PKEY_PARAM_EC_PUB_X, 32);
  add(b, "\x22", 1);
  add_number(b, key, OSSL_PKEY_PARAM_EC_PUB_Y, 32);
  EVP_PKEY_free(key);
}

static void add_eddsa(struct buf *b) {
  EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
  uint8_t raw[32];
  size_t n = sizeof raw;
  MUST(EVP_PKEY_get_raw_public_key(key, raw, &n) == 1);
  add(b, "\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20", 10);
  add(b, raw, n);
  EVP_PKEY_free(key);
}

static void add_rs256(struct buf *b) {
  EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
  add(b, "\xa4\x01\x03\x03\x39\x01\x00\x20", 8);
  add_number(b, key, OSSL_PKEY_PARAM_RSA_N, 256);
  add(b, "\x21", 1);
  add_number(b, key, OSSL_PKEY_PARAM_RSA_E, 3);
  EVP_PKEY_free(key);
}

static struct slice data_of(void (*add_key)(struct buf *b)) {
  uint8_t head[HEAD] = {0};
  struct buf b = {0};
  pki_sha256(head, slice_of(RP));
  head[SHA256_LEN] = FLAGS;
  head[HEAD - ID - 1] = ID;
  add(&b, head, sizeof head);
  add_key(&b);
  return buf_slice(&b);
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  static void (*const keys[KEYS])(struct buf * b) = {add_es256, add_eddsa, add_rs256};
  struct ctx *cx = ctx_new();
  struct fido_credential out;
  (void)argc, (void)argv;
  core.challenges = challenges_new();
  for (int i = 0; i < KEYS; i++) {
    whole[i] = data_of(keys[i]);
    MUST(fido_read(cx, RP, whole[i], &out) == OK && out.algorithm == fido_algorithms[i]);
  }
  ctx_free(cx);
  return 0;
}

static void look(struct ctx *cx, struct slice data, struct slice signature) {
  struct fido_credential made;
  int64_t counter;
  if (fido_read(cx, RP, data, &made) != OK) return;
  MUST(made.id.n && made.id.n <= FIDO_ID_MOST && made.key.n && made.key.n <= FIDO_KEY_MOST && made.counter >= 0);
  const struct fido_assertion a = {RP, slice_mem(data.p, SHA256_LEN + 5), slice_of("{}"), signature};
  MUST(fido_check(cx, &made, &a, &counter) != OK);
}

/* Its challenge is not known to who writes it. */
static void client_data(struct ctx *cx, struct slice text) {
  struct challenge c;
  struct fido_credential out;
  MUST(challenge_new(cx, &core, slice_of(ORIGIN), 1, "192.0.2.1", &c) == OK);
  const struct passkey_proof proof = {.id = c.id, .client_data = text, .data = whole[0]};
  MUST(passkey_read(cx, &core, 1, &proof, &out) != OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) return 0;
  struct ctx *cx = ctx_new();
  struct slice in = slice_mem(data + 1, size - 1), edited = whole[*data % KEYS];
  if (*data & 0x80) {
    client_data(cx, in);
  } else if (*data & 0x40) {
    struct buf b = {0};
    add(&b, edited.p, *data & 0x20 ? HEAD : HEAD - ID - 2);
    buf_add_slice(&b, in);
    look(cx, slice_mem(ctx_memdup(cx, b.p, b.n), b.n), in);
    buf_free(&b);
  } else {
    for (size_t i = 0; i + EDIT_LEN <= in.n; i += EDIT_LEN) edited = flat_edit(cx, edited, data + 1 + i);
    look(cx, edited, in);
  }
  ctx_free(cx);
  return 0;
}
