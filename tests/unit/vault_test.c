#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "core/vault.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/pomona-vault-XXXXXX";
static struct ctx *cx;

static const char *path_of(const char *name) { return ctx_printf(cx, "%s/%s", folder, name); }

static void write_key(const char *path, const char *text) {
  assert_int_equal(file_replace(cx, path, slice_of(text)), OK);
}

/* A key file that is absent, is no file, is no key, or that others may read is refused; only a first start makes one.
 */
static void test_bad_key_files(void **state) {
  (void)state;
  struct vault *v;
  const char *path = path_of("bad");
  assert_int_equal(vault_open(cx, &v, path, false), E_NOT_FOUND);
  ctx_clear_error(cx);
  assert_int_equal(vault_open(cx, &v, folder, true), E_INVALID);
  static const char *const bad[] = {"", "\n", "00", "zz112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
                                    "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    ctx_clear_error(cx);
    write_key(path, bad[i]);
    assert_int_equal(vault_open(cx, &v, path, true), E_INVALID);
  }
  ctx_clear_error(cx);
  write_key(path, "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n");
  assert_int_equal(chmod(path, 0640), 0);
  assert_int_equal(vault_open(cx, &v, path, true), E_DENIED);
  ctx_clear_error(cx);
  assert_int_equal(chmod(path, 0600), 0);
  assert_int_equal(vault_open(cx, &v, path, false), OK);
  vault_close(v);
}

/* What is sealed opens with the same key and about the same thing only, and a made key is the one that is read again.
 */
static void test_seal(void **state) {
  (void)state;
  struct vault *v, *again;
  struct slice sealed, plain, secret = slice_of("secret");
  struct stat st;
  const char *path = path_of("made");
  assert_int_equal(vault_open(cx, &v, path, true), OK);
  assert_int_equal(stat(path, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0600);
  assert_int_equal(vault_seal(cx, v, "a", secret, &sealed), OK);
  assert_int_not_equal(vault_unseal(cx, v, "b", sealed, &plain), OK);
  ctx_clear_error(cx);
  assert_int_equal(vault_open(cx, &again, path, true), OK);
  assert_int_equal(vault_unseal(cx, again, "a", sealed, &plain), OK);
  assert_true(slice_eq(plain, secret));
  struct vault *other = vault_new((const uint8_t *)"a key that has thirty-two bytes!");
  assert_int_not_equal(vault_unseal(cx, other, "a", sealed, &plain), OK);
  vault_close(other);
  vault_close(again);
  vault_close(v);
}

static int setup(void **state) {
  (void)state;
  cx = ctx_new();
  return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state) {
  (void)state;
  unlink(path_of("bad"));
  unlink(path_of("made"));
  ctx_free(cx);
  return rmdir(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_bad_key_files), cmocka_unit_test(test_seal)};
  return cmocka_run_group_tests(tests, setup, teardown);
}
