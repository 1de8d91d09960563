#include "lib/fido.h"

#include "lib/pki_crypto.h"

#include <fido.h>
#include <fido/eddsa.h>
#include <fido/es256.h>
#include <fido/rs256.h>
#include <string.h>

const int fido_algorithms[FIDO_ALGORITHMS] = {COSE_ES256, COSE_EDDSA, COSE_RS256};

/* Authenticator data begins with the RP id's digest, the flags and the counter. */
enum { DATA_LEAST = 37, FLAGS_AT = 32, ID_LENGTH_AT = 53, ID_AT = 55 }; /* the last two of a new credential */
enum { USER_PRESENT = 1, USER_VERIFIED = 4, HAS_CREDENTIAL = 64 };

/* ---- CBOR (RFC 8949) ---- */

enum { BYTES = 2, TEXT, ARRAY, MAP, LARGEST_INFO = 27, CONTAINERS_MOST = 8 };

static bool take_number(struct slice *in, size_t n, uint64_t *out) {
  if (n > in->n) return false;
  for (*out = 0; n; n--, in->p++, in->n--) *out = *out << 8 | (uint8_t)*in->p;
  return true;
}

/* The reader behind libfido2 makes room for as many items as an array or a map says that it has, before they come. What
   authenticators write has neither lengths that are open nor much inside each other (CTAP2 canonical CBOR). */
static bool is_sound_cbor(struct slice in) {
  int containers = 0;
  while (in.n) {
    uint64_t head, n;
    if (!take_number(&in, 1, &head)) return false;
    int major = (int)(head >> 5);
    n = head & 31;
    if (n > LARGEST_INFO || (n > 23 && !take_number(&in, (size_t)1 << (n - 24), &n))) return false;
    if ((major == BYTES || major == TEXT || major == ARRAY || major == MAP) && n > in.n) return false;
    if (major == BYTES || major == TEXT) in = slice_mem(in.p + n, in.n - n);
    if ((major == ARRAY || major == MAP) && ++containers > CONTAINERS_MOST) return false;
  }
  return true;
}

/* ---- a new credential ---- */

static void release_cred(void *arg) {
  fido_cred_t *cred = arg;
  fido_cred_free(&cred);
}

/* libfido2 wants to be told the algorithm, which stands in what it is to read. */
static fido_cred_t *read_as(struct ctx *cx, int algorithm, struct slice data) {
  fido_cred_t *cred = fido_cred_new();
  if (!cred) return NULL;
  ctx_defer(cx, release_cred, cred);
  bool read = fido_cred_set_type(cred, algorithm) == FIDO_OK &&
              fido_cred_set_authdata_raw(cred, (const unsigned char *)data.p, data.n) == FIDO_OK;
  return read ? cred : NULL;
}

static enum err check_head(struct ctx *cx, const char *rp, struct slice data) {
  uint8_t digest[SHA256_LEN], flags;
  if (data.n < DATA_LEAST || data.n > FIDO_DATA_MOST)
    return FAIL(cx, E_INVALID, "authenticator data has %d to %d bytes", DATA_LEAST, FIDO_DATA_MOST);
  pki_sha256(digest, slice_of(rp));
  flags = (uint8_t)data.p[FLAGS_AT];
  if (memcmp(digest, data.p, sizeof digest) != 0) return FAIL(cx, E_INVALID, "the passkey is for another host");
  if (!(flags & USER_PRESENT) || !(flags & USER_VERIFIED))
    return FAIL(cx, E_INVALID, "the authenticator did not verify who uses it");
  return flags & HAS_CREDENTIAL ? OK : FAIL(cx, E_INVALID, "there is no credential in the authenticator data");
}

/* Behind its id: the key, and what extensions say. */
static bool is_sound(struct slice data) {
  struct slice length = slice_mem(data.p + ID_LENGTH_AT, ID_AT - ID_LENGTH_AT);
  uint64_t n;
  if (data.n < ID_AT || !take_number(&length, length.n, &n) || n > data.n - ID_AT) return false;
  return is_sound_cbor(slice_mem(data.p + ID_AT + n, data.n - ID_AT - n));
}

static enum err take(struct ctx *cx, const fido_cred_t *cred, int algorithm, struct fido_credential *out) {
  size_t id_n = fido_cred_id_len(cred), key_n = fido_cred_pubkey_len(cred);
  if (id_n == 0 || id_n > FIDO_ID_MOST || key_n == 0 || key_n > FIDO_KEY_MOST)
    return FAIL(cx, E_INVALID, "the credential's id or key has no size that is accepted");
  *out = (struct fido_credential){.algorithm = algorithm,
                                  .id = slice_mem(ctx_memdup(cx, fido_cred_id_ptr(cred), id_n), id_n),
                                  .key = slice_mem(ctx_memdup(cx, fido_cred_pubkey_ptr(cred), key_n), key_n),
                                  .counter = fido_cred_sigcount(cred)};
  return OK;
}

enum err fido_read(struct ctx *cx, const char *rp, struct slice data, struct fido_credential *out) {
  TRY(check_head(cx, rp, data));
  for (int i = 0; is_sound(data) && i < FIDO_ALGORITHMS; i++) {
    const fido_cred_t *cred = read_as(cx, fido_algorithms[i], data);
    if (cred) return take(cx, cred, fido_algorithms[i], out);
  }
  return FAIL(cx, E_INVALID, "the authenticator data cannot be read, or its key is none of ES256, EdDSA and RS256");
}

/* ---- an assertion ---- */

static bool check_es256(const fido_assert_t *a, struct slice key) {
  es256_pk_t *pk = es256_pk_new();
  bool good =
      pk && es256_pk_from_ptr(pk, key.p, key.n) == FIDO_OK && fido_assert_verify(a, 0, COSE_ES256, pk) == FIDO_OK;
  es256_pk_free(&pk);
  return good;
}

static bool check_eddsa(const fido_assert_t *a, struct slice key) {
  eddsa_pk_t *pk = eddsa_pk_new();
  bool good =
      pk && eddsa_pk_from_ptr(pk, key.p, key.n) == FIDO_OK && fido_assert_verify(a, 0, COSE_EDDSA, pk) == FIDO_OK;
  eddsa_pk_free(&pk);
  return good;
}

static bool check_rs256(const fido_assert_t *a, struct slice key) {
  rs256_pk_t *pk = rs256_pk_new();
  bool good =
      pk && rs256_pk_from_ptr(pk, key.p, key.n) == FIDO_OK && fido_assert_verify(a, 0, COSE_RS256, pk) == FIDO_OK;
  rs256_pk_free(&pk);
  return good;
}

static const struct {
  int64_t algorithm;
  bool (*check)(const fido_assert_t *a, struct slice key);
} checks[FIDO_ALGORITHMS] = {{COSE_ES256, check_es256}, {COSE_EDDSA, check_eddsa}, {COSE_RS256, check_rs256}};

static void release_assert(void *arg) {
  fido_assert_t *a = arg;
  fido_assert_free(&a);
}

/* libfido2 compares the RP id and the flags when it verifies. */
static bool fill(fido_assert_t *to, const struct fido_assertion *a) {
  return fido_assert_set_rp(to, a->rp) == FIDO_OK && fido_assert_set_up(to, FIDO_OPT_TRUE) == FIDO_OK &&
         fido_assert_set_uv(to, FIDO_OPT_TRUE) == FIDO_OK &&
         fido_assert_set_clientdata(to, (const unsigned char *)a->client_data.p, a->client_data.n) == FIDO_OK &&
         fido_assert_set_count(to, 1) == FIDO_OK &&
         fido_assert_set_authdata_raw(to, 0, (const unsigned char *)a->data.p, a->data.n) == FIDO_OK &&
         fido_assert_set_sig(to, 0, (const unsigned char *)a->signature.p, a->signature.n) == FIDO_OK;
}

static bool has_sizes(const struct fido_assertion *a) {
  return a->data.n >= DATA_LEAST && a->data.n <= FIDO_DATA_MOST && a->signature.n > 0 &&
         a->signature.n <= FIDO_SIGNATURE_MOST && a->client_data.n > 0 &&
         is_sound_cbor(slice_mem(a->data.p + DATA_LEAST, a->data.n - DATA_LEAST));
}

enum err fido_check(struct ctx *cx, const struct fido_credential *held, const struct fido_assertion *a,
                    int64_t *counter) {
  fido_assert_t *read = has_sizes(a) ? fido_assert_new() : NULL;
  bool good = false;
  *counter = 0;
  if (read) ctx_defer(cx, release_assert, read);
  bool filled = read && fill(read, a);
  for (int i = 0; filled && i < FIDO_ALGORITHMS; i++)
    if (checks[i].algorithm == held->algorithm) good = checks[i].check(read, held->key);
  if (!good) return FAIL(cx, E_DENIED, "the passkey's proof is wrong");
  *counter = fido_assert_sigcount(read, 0);
  return OK;
}
