/* Whose identities are accepted, at which time, and why not. */
#include "base/clock.h"
#include "base/thread.h"
#include "lib/pki_cert.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW (INT64_C(1800000000) * US_SECOND)
#include "pki_odd.h"

static struct ctx *world; /* lives as long as the tests */
static struct pki_key *key, *mid_key, *leaf_key;
static struct pki_cert *root, *leaf, *foreign_root;
static struct pki_trust *trust;

static struct pki_cert *issue(struct ctx *cx, struct pki_issue what) {
  struct pki_cert *c;
  if (pki_cert_issue(cx, &c, &what) != OK) fail_msg("%s", ctx_error_text(cx));
  return c;
}

static struct pki_issue leaf_order(void) {
  return (struct pki_issue){.cn = "A device",
                            .subject_key = leaf_key,
                            .issuer = root,
                            .issuer_key = key,
                            .not_before = NOW - US_DAY,
                            .not_after = NOW + 10 * US_DAY,
                            .kind = PKI_IDENTITY};
}

static struct pki_issue root_order(const char *cn, const struct pki_key *k) {
  return (struct pki_issue){
      .cn = cn, .subject_key = k, .not_before = NOW - 30 * US_DAY, .not_after = NOW + 100 * US_DAY, .kind = PKI_CA};
}

static struct odd odd_leaf(void) { return (struct odd){.cn = "odd", .key = leaf_key, .by = root, .by_key = key}; }

static void refused(struct ctx *cx, enum err got, const char *why) {
  assert_int_equal(got, E_REFUSED);
  if (strstr(ctx_error_text(cx), why) == NULL) fail_msg("\"%s\" does not say \"%s\"", ctx_error_text(cx), why);
  ctx_clear_error(cx);
}

static enum err check(struct ctx *cx, const struct pki_cert *c, int64_t now) {
  return pki_trust_check(cx, trust, c, NULL, 0, now);
}

/* Goal: a foreign CA, even one of the same name, a self-signed certificate and a changed one are refused. */
static void foreign(void **state) {
  struct ctx *cx = *state;
  struct pki_issue o = leaf_order();
  o.issuer = foreign_root, o.issuer_key = mid_key;
  struct pki_cert *c = issue(cx, o);
  refused(cx, check(cx, c, NOW), "A device");
  /* bringing its CA along does not help */
  refused(cx, pki_trust_check(cx, trust, c, &foreign_root, 1, NOW), "Device CA");
  o.issuer = NULL;
  refused(cx, check(cx, issue(cx, o), NOW), "A device");
  struct slice der = pki_cert_der(leaf);
  char *copy = ctx_memdup(cx, der.p, der.n);
  copy[der.n - 1] ^= 1;
  if (pki_cert_parse(cx, &c, slice_mem(copy, der.n)) != OK) fail_msg("%s", ctx_error_text(cx));
  refused(cx, check(cx, c, NOW), "signature");
}

/* Goal: without any CA nobody is accepted. */
static void no_cas(void **state) {
  struct ctx *cx = *state;
  struct pki_trust *none;
  assert_int_equal(pki_trust_new(cx, &none, NULL, 0), OK);
  refused(cx, pki_trust_check(cx, none, leaf, &root, 1, NOW), "CN=");
  pki_trust_free(none);
  pki_trust_free(NULL);
}

/* Goal: extended key usage, if any, must allow a client; a CA is no identity. */
static void usage(void **state) {
  struct ctx *cx = *state;
  struct pki_issue o = leaf_order();
  const char *hosts[] = {"mdm.example", NULL};
  o.kind = PKI_TLS_SERVER, o.hosts = hosts;
  refused(cx, check(cx, issue(cx, o), NOW), "client authentication");
  o.kind = PKI_SIGNING, o.hosts = NULL;
  refused(cx, check(cx, issue(cx, o), NOW), "client authentication");
  refused(cx, check(cx, root, NOW), "of a CA");
  struct odd bad = odd_leaf();
  bad.eku = "serverAuth,emailProtection";
  refused(cx, check(cx, odd(cx, bad), NOW), "client authentication");
  const char *good[] = {NULL, "clientAuth", "serverAuth,clientAuth", "anyExtendedKeyUsage"};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    bad.eku = good[i];
    assert_int_equal(check(cx, odd(cx, bad), NOW), OK);
  }
}

/* Goal: the leaf's end alone is "gone"; together with any other fault, and before its beginning, it is refused. */
static void times(void **state) {
  struct ctx *cx = *state;
  refused(cx, check(cx, leaf, NOW - 2 * US_DAY), "not yet valid");
  assert_int_equal(check(cx, leaf, NOW - US_DAY), OK);
  assert_int_equal(check(cx, leaf, NOW + 10 * US_DAY - US_SECOND), OK);
  assert_int_equal(check(cx, leaf, NOW + 11 * US_DAY), E_GONE);
  assert_non_null(strstr(ctx_error_text(cx), "CN=A device"));
  ctx_clear_error(cx);
  refused(cx, check(cx, leaf, NOW + 101 * US_DAY), "CN=Device CA"); /* the CA has ended too */
  struct odd o = odd_leaf();
  o.not_after = NOW - US_DAY;
  assert_int_equal(check(cx, odd(cx, o), NOW), E_GONE);
  ctx_clear_error(cx);
  o.eku = "serverAuth";
  refused(cx, check(cx, odd(cx, o), NOW), "client authentication");
  o.eku = NULL, o.by_key = mid_key; /* claims to be issued by the root */
  refused(cx, check(cx, odd(cx, o), NOW), "CN=odd");
  o.by_key = key, o.md = EVP_md5();
  refused(cx, check(cx, odd(cx, o), NOW), "digest");
}

/* Goal: a CA that has ended refuses, although the leaf has not. */
static void ended_ca(void **state) {
  struct ctx *cx = *state;
  struct pki_issue o = leaf_order();
  o.not_after = NOW + 300 * US_DAY;
  refused(cx, check(cx, issue(cx, o), NOW + 200 * US_DAY), "CN=Device CA");
}

/* Goal: what old device CAs signed with SHA-1 is taken; MD5 is not. */
static void digests(void **state) {
  struct ctx *cx = *state;
  struct odd o = odd_leaf();
  o.md = EVP_sha1();
  assert_int_equal(check(cx, odd(cx, o), NOW), OK);
  o.md = EVP_md5();
  refused(cx, check(cx, odd(cx, o), NOW), "digest");
  struct odd old = {.cn = "Old CA", .key = key, .by_key = key, .md = EVP_md5(), .constraints = "critical,CA:TRUE"};
  struct pki_cert *anchor = odd(cx, old);
  struct pki_trust *t;
  assert_int_equal(pki_trust_new(cx, &t, &anchor, 1), OK);
  o = (struct odd){.cn = "odd", .key = leaf_key, .by = anchor, .by_key = key};
  assert_int_equal(pki_trust_check(cx, t, odd(cx, o), NULL, 0, NOW), OK); /* an anchor's own signature proves nothing */
  pki_trust_free(t);
}

/* Goal: malformed extensions are refused, not ignored. */
static void malformed(void **state) {
  struct ctx *cx = *state;
  struct odd o = odd_leaf();
  o.eku = "DER:3003020100";
  refused(cx, check(cx, odd(cx, o), NOW), "malformed");
}

/* A root that may issue CAs, one below it, a leaf below that. */
struct deep {
  struct pki_cert *top, *mid, *leaf;
};

static struct deep deep(struct ctx *cx, const char *mid_constraints, int64_t mid_ends) {
  struct deep d;
  d.top = odd(cx, (struct odd){.cn = "Top", .key = key, .by_key = key, .constraints = "critical,CA:TRUE"});
  d.mid = odd(cx, (struct odd){.cn = "Middle",
                               .key = mid_key,
                               .by = d.top,
                               .by_key = key,
                               .constraints = mid_constraints,
                               .not_after = mid_ends});
  d.leaf = odd(cx, (struct odd){.cn = "Deep", .key = leaf_key, .by = d.mid, .by_key = mid_key});
  return d;
}

static enum err with(struct ctx *cx, struct pki_cert *anchor, struct pki_cert *extra, const struct pki_cert *c) {
  struct pki_trust *t;
  assert_int_equal(pki_trust_new(cx, &t, &anchor, 1), OK);
  enum err e = pki_trust_check(cx, t, c, &extra, extra != NULL, NOW);
  pki_trust_free(t);
  return e;
}

/* Goal: an intermediate that is no CA, has ended, or is missing breaks the chain; a device cannot issue devices. */
static void broken_chain(void **state) {
  struct ctx *cx = *state;
  struct deep d = deep(cx, "critical,CA:TRUE", 0);
  refused(cx, with(cx, d.top, NULL, d.leaf), "CN=Deep");
  refused(cx, with(cx, d.leaf, NULL, root), "of a CA");
  d = deep(cx, "critical,CA:FALSE", 0);
  refused(cx, with(cx, d.top, d.mid, d.leaf), "CA");
  d = deep(cx, "critical,CA:TRUE", NOW - US_DAY);
  refused(cx, with(cx, d.top, d.mid, d.leaf), "expired (CN=Middle)");
  refused(cx, with(cx, d.mid, NULL, d.leaf), "expired (CN=Middle)");
  struct pki_cert *many[17];
  for (size_t i = 0; i < 17; i++) many[i] = d.mid;
  refused(cx, pki_trust_check(cx, trust, leaf, many, 17, NOW), "17 certificates");
  struct pki_issue o = leaf_order();
  o.kind = PKI_CA; /* the root's path length is 0: no CA below it */
  struct pki_cert *below = issue(cx, o);
  struct odd under = {.cn = "odd", .key = mid_key, .by = below, .by_key = leaf_key};
  refused(cx, pki_trust_check(cx, trust, odd(cx, under), &below, 1, NOW), "path length");
}

/* Goal: an intermediate that came along, one that is trusted beside its root, and one trusted alone complete a chain.
 */
static void chains(void **state) {
  struct ctx *cx = *state;
  struct deep d = deep(cx, "critical,CA:TRUE", 0);
  assert_int_equal(with(cx, d.top, d.mid, d.leaf), OK);
  assert_int_equal(with(cx, d.mid, NULL, d.leaf), OK);
  struct pki_cert *both[] = {d.mid, d.top, d.mid};
  struct pki_trust *t;
  assert_int_equal(pki_trust_new(cx, &t, both, 3), OK);
  assert_int_equal(pki_trust_check(cx, t, d.leaf, NULL, 0, NOW), OK);
  pki_trust_free(t);
}

static struct slice joined(struct ctx *cx, struct pki_cert *const *certs, size_t n) {
  struct buf all = {0};
  for (size_t i = 0; i < n; i++) buf_add_slice(&all, pki_cert_der(certs[i]));
  struct slice out = slice_mem(ctx_memdup(cx, all.p, all.n), all.n);
  buf_free(&all);
  return out;
}

/* Goal: of what came along, only what the chain needs is told: not the leaf, not the trusted CA, nothing of a
 * stranger's.
 */
static void issuers(void **state) {
  struct ctx *cx = *state;
  struct deep d = deep(cx, "critical,CA:TRUE", 0);
  struct pki_trust *by_root, *by_mid;
  struct pki_cert *came[] = {foreign_root, d.leaf, d.top, d.mid};
  struct slice all = joined(cx, came, 4);
  assert_int_equal(pki_trust_new(cx, &by_root, &d.top, 1), OK);
  assert_int_equal(pki_trust_new(cx, &by_mid, &d.mid, 1), OK);
  assert_true(slice_eq(pki_trust_issuers(cx, by_root, d.leaf, all, NOW), pki_cert_der(d.mid)));
  assert_true(slice_eq(pki_trust_issuers(cx, by_root, d.leaf, all, NOW + 6 * US_DAY), (struct slice){0}));
  assert_null(pki_trust_issuers(cx, by_mid, d.leaf, all, NOW).p);
  assert_null(pki_trust_issuers(cx, by_root, d.leaf, (struct slice){0}, NOW).p);
  assert_null(pki_trust_issuers(cx, trust, d.leaf, all, NOW).p);
  assert_null(pki_trust_issuers(cx, by_root, d.leaf, slice_of("not certificates"), NOW).p);
  assert_null(pki_trust_issuers(cx, by_root, d.leaf, slice_mem(all.p, all.n - 1), NOW).p);
  assert_int_equal(ctx_error(cx), OK);
  pki_trust_free(by_root);
  pki_trust_free(by_mid);
}

static bool same_issuer(struct slice a, struct slice b) {
  uint8_t x[SHA256_LEN], y[SHA256_LEN];
  pki_cert_issuer_sha256(a, x);
  pki_cert_issuer_sha256(b, y);
  return memcmp(x, y, sizeof x) == 0;
}

/* Goal: certificates are told by their issuer's name and key together; what names no key, or is cut off anywhere, is
   told from all others. */
static void told_by_issuer(void **state) {
  struct ctx *cx = *state;
  struct pki_issue o = leaf_order();
  struct slice first = pki_cert_der(leaf), second = pki_cert_der(issue(cx, o));
  assert_true(same_issuer(first, second));
  o.issuer = foreign_root, o.issuer_key = mid_key; /* of the same name */
  assert_false(same_issuer(first, pki_cert_der(issue(cx, o))));
  assert_false(same_issuer(pki_cert_der(odd(cx, odd_leaf())), first));
  struct odd another = odd_leaf();
  another.cn = "another";
  assert_false(same_issuer(pki_cert_der(odd(cx, odd_leaf())), pki_cert_der(odd(cx, another))));
  for (size_t n = 0; n < first.n / 2; n++) {
    char *cut = malloc(n + 1); /* so that reading past the end is seen */
    memcpy(cut, first.p, n);
    assert_false(same_issuer(slice_mem(cut, n), first));
    free(cut);
  }
}

/* Goal: certificates one after the other are read back; what is cut off, too many, or followed by something is refused.
 */
static void rows_of_certificates(void **state) {
  struct ctx *cx = *state;
  struct pki_cert *both[] = {leaf, root}, *got[2];
  struct slice all = joined(cx, both, 2);
  size_t n;
  assert_int_equal(pki_certs_parse_der(cx, got, &n, 1, all), E_INVALID);
  assert_int_equal(pki_certs_parse_der(cx, got, &n, 2, slice_mem(all.p, all.n - 1)), E_INVALID);
  assert_int_equal(pki_certs_parse_der(cx, got, &n, 2, slice_of("0")), E_INVALID);
  ctx_clear_error(cx);
  assert_int_equal(pki_certs_parse_der(cx, got, &n, 2, (struct slice){0}), OK);
  assert_int_equal(n, 0);
  assert_int_equal(pki_certs_parse_der(cx, got, &n, 2, all), OK);
  assert_int_equal(n, 2);
  for (int i = 0; i < 2; i++) assert_memory_equal(pki_cert_sha256(got[i]), pki_cert_sha256(both[i]), SHA256_LEN);
}

/* Goal: a CA renewed under its key and name serves old and new identities, wherever the ended one stands. */
static void renewed_ca(void **state) {
  struct ctx *cx = *state;
  struct pki_issue o = root_order("Device CA", key);
  o.not_after = NOW + 1000 * US_DAY;
  struct pki_cert *renewed = issue(cx, o);
  o = leaf_order();
  o.not_after = NOW + 300 * US_DAY;
  struct pki_cert *c = issue(cx, o);
  for (int i = 0; i < 2; i++) {
    struct pki_cert *both[] = {i ? root : renewed, i ? renewed : root};
    struct pki_trust *t;
    assert_int_equal(pki_trust_new(cx, &t, both, 2), OK);
    assert_int_equal(pki_trust_check(cx, t, c, NULL, 0, NOW + 200 * US_DAY), OK);
    pki_trust_free(t);
  }
}

static void *many_checks(void *wrong) {
  struct ctx *cx = ctx_new();
  for (int i = 0; i < 100; i++) {
    bool fine = check(cx, leaf, NOW) == OK && check(cx, leaf, NOW + 11 * US_DAY) == E_GONE &&
                check(cx, root, NOW) == E_REFUSED && !strcmp(pki_cert_cn(cx, leaf), "A device");
    if (!fine) *(bool *)wrong = true;
    ctx_reset(cx);
  }
  ctx_free(cx);
  return NULL;
}

/* Goal: threads share a store and its certificates. */
static void shared(void **state) {
  (void)state;
  pthread_t threads[4];
  bool wrong[4] = {false};
  for (size_t i = 0; i < 4; i++) threads[i] = thread_start("check", many_checks, &wrong[i]);
  for (size_t i = 0; i < 4; i++) thread_join(threads[i]);
  for (size_t i = 0; i < 4; i++) assert_false(wrong[i]);
}

static int make_world(void **state) {
  (void)state;
  world = ctx_new();
  if (pki_key_new_rsa(world, &key, 2048) != OK || pki_key_new_p256(world, &mid_key) != OK ||
      pki_key_new_p256(world, &leaf_key) != OK)
    return -1;
  root = issue(world, root_order("Device CA", key));
  foreign_root = issue(world, root_order("Device CA", mid_key));
  leaf = issue(world, leaf_order());
  return pki_trust_new(world, &trust, &root, 1) == OK ? 0 : -1;
}

static int end_world(void **state) {
  (void)state;
  pki_trust_free(trust);
  ctx_free(world);
  return 0;
}

static int setup(void **state) {
  *state = ctx_new();
  return 0;
}

static int teardown(void **state) {
  ctx_free(*state);
  return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(foreign),
      TEST(no_cas),
      TEST(usage),
      TEST(times),
      TEST(ended_ca),
      TEST(digests),
      TEST(malformed),
      TEST(broken_chain),
      TEST(chains),
      TEST(renewed_ca),
      TEST(shared),
      TEST(issuers),
      TEST(rows_of_certificates),
      TEST(told_by_issuer),
  };
  return cmocka_run_group_tests(tests, make_world, end_world);
}
