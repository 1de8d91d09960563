/* Digests and sealed values. */
#include "base/enc.h"
#include "lib/pki_crypto.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t key[SEAL_KEY_LEN] = "0123456789abcdef0123456789abcdef";
static const uint8_t other_key[SEAL_KEY_LEN] = "0123456789abcdef0123456789abcdeF";

static struct slice sealed_hello(struct ctx *cx) {
  struct slice sealed;
  assert_int_equal(pki_seal(cx, &sealed, key, slice_of("unlock/A"), slice_of("hello")), OK);
  return sealed;
}

static void refused(struct ctx *cx, const uint8_t *with, const char *about, struct slice sealed) {
  struct slice plain;
  assert_int_equal(pki_unseal(cx, &plain, with, slice_of(about), sealed), E_INVALID);
  assert_string_not_equal(ctx_error_text(cx), "");
  ctx_clear_error(cx);
}

/* Goal: no byte of a sealed value can be changed, dropped or added. */
static void altered_is_refused(void **state) {
  struct ctx *cx = *state;
  struct slice sealed = sealed_hello(cx);
  char *copy = ctx_memdup(cx, sealed.p, sealed.n);
  for (size_t i = 0; i < sealed.n * 8; i++) {
    copy[i / 8] = (char)(copy[i / 8] ^ (1 << i % 8));
    refused(cx, key, "unlock/A", slice_mem(copy, sealed.n));
    copy[i / 8] = sealed.p[i / 8];
  }
  for (size_t n = 0; n < sealed.n; n++) {
    char *cut = malloc(n > 0 ? n : 1); /* of its own, so that reading past the end is seen */
    memcpy(cut, sealed.p, n);
    refused(cx, key, "unlock/A", slice_mem(cut, n));
    free(cut);
  }
  refused(cx, key, "unlock/A", slice_mem(copy, sealed.n + 1)); /* with the NUL behind the copy */
}

/* Goal: a sealed value opens only with its key and in its place. */
static void elsewhere_is_refused(void **state) {
  struct ctx *cx = *state;
  struct slice sealed = sealed_hello(cx);
  refused(cx, other_key, "unlock/A", sealed);
  refused(cx, key, "unlock/B", sealed);
  refused(cx, key, "", sealed);
  refused(cx, key, "unlock/A", slice_of(""));
}

/* Goal: what was sealed comes back, of any length, and never looks the same twice. */
static void round_trip(void **state) {
  struct ctx *cx = *state;
  for (size_t n = 0; n < 70; n++) {
    struct slice plain = slice_mem(memset(ctx_alloc(cx, n + 1), 'x', n), n), sealed, again, back;
    assert_int_equal(pki_seal(cx, &sealed, key, slice_of(""), plain), OK);
    assert_int_equal(pki_seal(cx, &again, key, slice_of(""), plain), OK);
    assert_int_equal(sealed.n, n + 1 + 12 + 16);
    assert_false(slice_eq(sealed, again));
    assert_int_equal(pki_unseal(cx, &back, key, slice_of(""), sealed), OK);
    assert_true(slice_eq(back, plain));
  }
}

/* Goal: the layout is the documented one, so that values sealed once open for ever (AES-256-GCM by another program). */
static void known_value(void **state) {
  struct ctx *cx = *state;
  uint8_t sealed[1 + 12 + 5 + 16];
  struct slice plain;
  assert_true(
      dec_hex(slice_of("01000102030405060708090a0b4580d710b6b50084ecccce7deb54369f431094cca3"), sealed, sizeof sealed));
  assert_int_equal(pki_unseal(cx, &plain, key, slice_of("unlock/A"), slice_mem(sealed, sizeof sealed)), OK);
  assert_true(slice_is(plain, "hello"));
}

/* Goal: digests and MACs are the standard ones (FIPS 180-4, RFC 4231 cases 2 and 6). */
static void digests(void **state) {
  struct ctx *cx = *state;
  uint8_t out[SHA256_LEN];
  pki_sha256(out, slice_of("abc"));
  assert_string_equal(enc_hex(cx, out, 32), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  pki_sha256(out, (struct slice){0});
  assert_string_equal(enc_hex(cx, out, 32), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  pki_sha1(out, slice_of("abc"));
  assert_string_equal(enc_hex(cx, out, 20), "a9993e364706816aba3e25717850c26c9cd0d89d");
  pki_hmac_sha256(out, slice_of("Jefe"), slice_of("what do ya want for nothing?"));
  assert_string_equal(enc_hex(cx, out, 32), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  struct slice long_key = slice_mem(memset(ctx_alloc(cx, 131), 0xaa, 131), 131);
  pki_hmac_sha256(out, long_key, slice_of("Test Using Larger Than Block-Size Key - Hash Key First"));
  assert_string_equal(enc_hex(cx, out, 32), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

/* Goal: scrypt is that of RFC 7914, 12, and refuses what would take too much memory. */
static void scrypts(void **state) {
  struct ctx *cx = *state;
  uint8_t out[64];
  const struct pki_scrypt small = {4, 1, 1}, usual = {10, 8, 16}, huge = {20, 8, 1}, none = {0};
  assert_int_equal(pki_scrypt(cx, out, sizeof out, &small, slice_of(""), slice_of("")), OK);
  assert_string_equal(enc_hex(cx, out, 64), "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442"
                                            "fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906");
  assert_int_equal(pki_scrypt(cx, out, sizeof out, &usual, slice_of("password"), slice_of("NaCl")), OK);
  assert_string_equal(enc_hex(cx, out, 64), "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"
                                            "2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640");
  assert_int_equal(pki_scrypt(cx, out, sizeof out, &huge, slice_of("x"), slice_of("y")), E_INVALID);
  ctx_clear_error(cx);
  assert_int_equal(pki_scrypt(cx, out, sizeof out, &none, slice_of("x"), slice_of("y")), E_INVALID);
}

/* Goal: the MAC of one-time codes is the standard one (RFC 2202, 3, cases 1 and 2). */
static void hmac_sha1(void **state) {
  struct ctx *cx = *state;
  uint8_t out[20];
  pki_hmac_sha1(out, slice_mem(memset(ctx_alloc(cx, 20), 0x0b, 20), 20), slice_of("Hi There"));
  assert_string_equal(enc_hex(cx, out, 20), "b617318655057264e28bc0b6fb378c8ef146be00");
  pki_hmac_sha1(out, slice_of("Jefe"), slice_of("what do ya want for nothing?"));
  assert_string_equal(enc_hex(cx, out, 20), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
}

static int setup(void **state) {
  *state = ctx_new();
  return 0;
}

static int teardown(void **state) {
  ctx_free(*state);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(altered_is_refused, setup, teardown),
      cmocka_unit_test_setup_teardown(elsewhere_is_refused, setup, teardown),
      cmocka_unit_test_setup_teardown(round_trip, setup, teardown),
      cmocka_unit_test_setup_teardown(known_value, setup, teardown),
      cmocka_unit_test_setup_teardown(digests, setup, teardown),
      cmocka_unit_test_setup_teardown(scrypts, setup, teardown),
      cmocka_unit_test_setup_teardown(hmac_sha1, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
