/* Escrow: secrets of devices, the certificate that recovery keys are encrypted for, who saw what and why. */
#include "core_fixture.h"

static int setup(void **state) {
  fixture_open(state);
  must(keyring_open(fx.cx, &fx.core.keyring, &fx.core, "mdm.example.org"));
  return 0;
}

static void reopen_keyring(void) {
  keyring_close(fx.core.keyring);
  fx.core.keyring = NULL;
  must(keyring_open(fx.cx, &fx.core.keyring, &fx.core, "mdm.example.org"));
}

/* The escrow certificate is made once, RSA, for 20 years, and its key is not in the database in the clear. */
static void test_certificate(void **state) {
  (void)state;
  const struct pki_cert *cert = keyring_escrow(fx.core.keyring);
  assert_true(pki_cert_key_is_rsa(cert));
  assert_int_equal(pki_cert_key_bits(cert), 2048);
  assert_true(pki_cert_not_after(cert) - clock_now_us() > 19 * 365 * US_DAY);
  assert_false(pki_cert_is_ca(cert));
  struct slice before = slice_mem(ctx_memdup(fx.cx, pki_cert_der(cert).p, pki_cert_der(cert).n), pki_cert_der(cert).n);
  reopen_keyring();
  assert_true(slice_eq(before, pki_cert_der(keyring_escrow(fx.core.keyring))));
  assert_int_equal(count("SELECT count(*) FROM keyring WHERE instr(key_sealed, 'PRIVATE KEY')"), 0);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, fixture_close)
  const struct CMUnitTest tests[] = {
      T(test_certificate),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
