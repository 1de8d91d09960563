/* Keys, a CA and a leaf that the tests of certificates and of requests share, and what both say of errors. */
#ifndef POMONA_TESTS_PKI_WORLD_H
#define POMONA_TESTS_PKI_WORLD_H

#include "base/clock.h"
#include "lib/pki_cert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW (INT64_C(1800000000) * US_SECOND)

static struct ctx *world; /* lives as long as the tests: keys are slow to make */
static struct pki_key *rsa, *ec, *ec2;
static struct pki_cert *ca, *leaf;

static inline struct pki_cert *issue(struct ctx *cx, const struct pki_issue *what) {
  struct pki_cert *c;
  if (pki_cert_issue(cx, &c, what) != OK) fail_msg("%s", ctx_error_text(cx));
  return c;
}

static inline struct pki_issue ca_order(void) {
  return (struct pki_issue){.cn = "Device CA",
                            .subject_key = rsa,
                            .not_before = NOW - US_DAY,
                            .not_after = NOW + 7300 * US_DAY,
                            .kind = PKI_CA};
}

static inline struct pki_issue leaf_order(void) {
  return (struct pki_issue){.cn = "A device",
                            .organization = "Größe \xe2\x82\xac",
                            .subject_key = ec,
                            .issuer = ca,
                            .issuer_key = rsa,
                            .not_before = NOW - US_DAY,
                            .not_after = NOW + 730 * US_DAY,
                            .kind = PKI_IDENTITY,
                            .san_uri = "urn:pomona:session:7"};
}

static inline void says(struct ctx *cx, enum err got, enum err want, const char *part) {
  assert_int_equal(got, want);
  if (strstr(ctx_error_text(cx), part) == NULL) fail_msg("\"%s\" does not say \"%s\"", ctx_error_text(cx), part);
  ctx_clear_error(cx);
}

/* A copy that ends exactly where it says, so that reading past the end is seen. */
static inline struct slice exact(struct slice s, size_t n) {
  char *p = malloc(n > 0 ? n : 1);
  memcpy(p, s.p, n < s.n ? n : s.n);
  if (n > s.n) memset(p + s.n, 0, n - s.n);
  return slice_mem(p, n);
}

static inline void drop(struct slice s) { free((char *)(uintptr_t)s.p); }

static inline int make_world(void **state) {
  (void)state;
  world = ctx_new();
  if (pki_key_new_rsa(world, &rsa, 2048) != OK || pki_key_new_p256(world, &ec) != OK ||
      pki_key_new_p256(world, &ec2) != OK)
    return -1;
  struct pki_issue o = ca_order();
  ca = issue(world, &o);
  o = leaf_order();
  leaf = issue(world, &o);
  return 0;
}

static inline int end_world(void **state) {
  (void)state;
  ctx_free(world);
  return 0;
}

static inline int setup(void **state) {
  *state = ctx_new();
  return 0;
}

static inline int teardown(void **state) {
  ctx_free(*state);
  return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
