/* Signed content: what is refused, and that the content and its signer come out as they went in. */
#include "base/clock.h"
#include "lib/pki_cms.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct signer {
  struct pki_cert *cert;
  struct pki_key *key;
};

static struct signer signer_new(struct ctx *cx) {
  struct signer s;
  assert_int_equal(pki_key_new_p256(cx, &s.key), OK);
  struct pki_issue what = {.cn = "Signer",
                           .subject_key = s.key,
                           .not_before = clock_now_us() - US_DAY,
                           .not_after = clock_now_us() + US_DAY,
                           .kind = PKI_SIGNING};
  assert_int_equal(pki_cert_issue(cx, &s.cert, &what), OK);
  return s;
}

static void refused(struct ctx *cx, struct slice der) {
  struct slice content;
  struct pki_cert *signer;
  char *tight = malloc(der.n ? der.n : 1); /* of its own, so that reading past the end is seen */
  if (der.n) memcpy(tight, der.p, der.n);
  assert_int_equal(pki_cms_content(cx, &content, &signer, slice_mem(tight, der.n)), E_INVALID);
  assert_true(*ctx_error_text(cx));
  ctx_clear_error(cx);
  free(tight);
}

/* What is no signed content, or only part of one, is refused. */
static void test_garbage_is_refused(void **state) {
  (void)state;
  struct ctx *cx = ctx_new();
  struct signer s = signer_new(cx);
  struct slice der;
  assert_int_equal(pki_cms_sign(cx, &der, slice_of("content"), s.cert, s.key, NULL, 0), OK);
  refused(cx, slice_of(""));
  refused(cx, slice_of("<?xml version=\"1.0\"?>"));
  refused(cx, pki_cert_der(s.cert));
  for (size_t n = 1; n < der.n; n += 7) refused(cx, slice_mem(der.p, n));
  refused(cx, slice_mem(ctx_printf(cx, "%s", ""), 1));
  char *longer = ctx_alloc(cx, der.n + 1);
  memcpy(longer, der.p, der.n);
  refused(cx, slice_mem(longer, der.n + 1));
  ctx_free(cx);
}

/* A signature without its content is not signed content. */
static void test_detached_is_refused(void **state) {
  (void)state;
  struct ctx *cx = ctx_new();
  struct signer s = signer_new(cx);
  struct slice der;
  assert_int_equal(pki_cms_sign_detached(cx, &der, slice_of("content"), s.cert, s.key), OK);
  refused(cx, der);
  ctx_free(cx);
}

/* One changed byte of the content breaks the signature. */
static void test_changed_content_is_refused(void **state) {
  (void)state;
  struct ctx *cx = ctx_new();
  struct signer s = signer_new(cx);
  struct slice der;
  assert_int_equal(pki_cms_sign(cx, &der, slice_of("the content itself"), s.cert, s.key, NULL, 0), OK);
  char *copy = ctx_memdup(cx, der.p, der.n), *at = memmem(copy, der.n, "the content", 11);
  assert_non_null(at);
  *at = 'T';
  refused(cx, slice_mem(copy, der.n));
  ctx_free(cx);
}

/* What is signed must be data: a receipt, a time stamp or another message has the form of it, too. */
static void test_other_content_is_refused(void **state) {
  (void)state;
  static const char data[] = "\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x07\x01";
  struct ctx *cx = ctx_new();
  struct signer s = signer_new(cx);
  struct slice der, content;
  struct pki_cert *signer;
  assert_int_equal(pki_cms_sign(cx, &der, slice_of("<plist/>"), s.cert, s.key, NULL, 0), OK);
  char *type = memmem(der.p, der.n, data, sizeof data - 1);
  assert_non_null(type);
  type[sizeof data - 2] = 3;
  assert_int_equal(pki_cms_content(cx, &content, &signer, der), E_INVALID);
  assert_non_null(strstr(ctx_error_text(cx), "another type"));
  ctx_free(cx);
}

/* Content of any bytes and the signer come out as they went in. */
static void test_content_comes_out(void **state) {
  (void)state;
  static const struct {
    const char *p;
    size_t n;
  } contents[] = {{"", 0}, {"a\r\nb\n\0c", 7}, {"<plist/>", 8}};
  struct ctx *cx = ctx_new();
  struct signer s = signer_new(cx);
  for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
    struct slice der, content, in = slice_mem(contents[i].p, contents[i].n);
    struct pki_cert *signer;
    assert_int_equal(pki_cms_sign(cx, &der, in, s.cert, s.key, NULL, 0), OK);
    assert_int_equal(pki_cms_content(cx, &content, &signer, der), OK);
    assert_true(slice_eq(content, in));
    assert_memory_equal(pki_cert_sha256(signer), pki_cert_sha256(s.cert), SHA256_LEN);
  }
  ctx_free(cx);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_garbage_is_refused),       cmocka_unit_test(test_detached_is_refused),
      cmocka_unit_test(test_other_content_is_refused), cmocka_unit_test(test_changed_content_is_refused),
      cmocka_unit_test(test_content_comes_out),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
