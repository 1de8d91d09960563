/* What Apple's devices demand of a server's certificate, as a table: one fault each, and certificates without any. */
#include "core_fixture.h"

#include "core/doctor.h"

#include "lib/pki_int.h"
#include <openssl/x509v3.h>

#define HOST "mdm.example.org"

struct made {
  const char *san, *eku;
  const struct pki_key *key;
  const struct pki_cert *by; /* NULL: by itself */
  const EVP_MD *md;
  bool ca;
  int64_t from, days;
};

static void extend(X509 *x, int nid, const char *value) {
  X509_EXTENSION *e = value ? X509V3_EXT_conf_nid(NULL, NULL, nid, value) : NULL;
  if (e) assert_int_equal(X509_add_ext(x, e, -1), 1);
  X509_EXTENSION_free(e);
}

/* Every key signs: fx.key for all, unless the certificate is by itself. */
static struct pki_cert *make(const char *cn, struct made m) {
  X509 *x = X509_new();
  X509_set_version(x, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x), 7);
  X509_NAME_add_entry_by_NID(X509_get_subject_name(x), NID_commonName, MBSTRING_UTF8, (const uint8_t *)cn, -1, -1, 0);
  X509_set_issuer_name(x, X509_get_subject_name(m.by ? m.by->x : x));
  X509_set_pubkey(x, m.key->pkey);
  ASN1_TIME_set(X509_getm_notBefore(x), m.from / US_SECOND);
  ASN1_TIME_set(X509_getm_notAfter(x), (m.from + m.days * US_DAY) / US_SECOND - 1);
  extend(x, NID_subject_alt_name, m.san);
  extend(x, NID_ext_key_usage, m.eku);
  extend(x, NID_basic_constraints, m.ca ? "critical,CA:TRUE" : NULL);
  assert_true(X509_sign(x, m.by ? fx.key->pkey : m.key->pkey, m.md ? m.md : EVP_sha256()) > 0);
  struct pki_cert *c;
  must(pki_cert_wrap(fx.cx, &c, x));
  return c;
}

static int64_t at(const char *day) {
  int64_t us;
  assert_true(dec_time(slice_of(ctx_printf(fx.cx, "%sT00:00:00Z", day)), &us));
  return us;
}

static struct made usual(void) {
  return (struct made){
      .san = "DNS:" HOST, .eku = "serverAuth", .key = fx.key, .from = clock_now_us() - US_DAY, .days = 90};
}

static struct pki_cert *root_of(const EVP_MD *md, int64_t days) {
  struct made m = usual();
  m.san = m.eku = NULL;
  m.ca = true;
  m.md = md;
  m.days = days;
  return make("Root", m);
}

/* text NULL: nothing is wrong. */
static void expect(struct doctor_chain chain, int64_t now, const char *text, bool fatal) {
  struct doctor_flaw *flaws;
  size_t n;
  chain.host = chain.host ? chain.host : HOST;
  doctor_tls_flaws(fx.cx, &chain, now, &flaws, &n);
  if (!text && n) fail_msg("unexpected: %s", flaws[0].text);
  if (!text) return;
  if (n != 1 || !strstr(flaws[0].text, text) || flaws[0].fatal != fatal)
    fail_msg("%zu flaws, the first: %s instead of %s", n, n ? flaws[0].text : "-", text);
}

static void expect_one(struct made m, bool public, const char *text, bool fatal) {
  struct pki_cert *root = root_of(NULL, 3650), *chain[2];
  m.by = root;
  chain[0] = make(HOST, m);
  chain[1] = root;
  expect((struct doctor_chain){.certs = chain, .n = 2, .public = public}, clock_now_us(), text, fatal);
}

/* Goal: what is as it should be is not complained about: own and public, EC and RSA, wildcard, address. */
static void fine(void **state) {
  (void)state;
  struct made m = usual();
  struct pki_key *rsa;
  expect_one(m, true, NULL, false);
  expect_one(m, false, NULL, false);
  m.days = 825;
  expect_one(m, false, NULL, false);
  m.days = 200;
  expect_one(m, true, NULL, false);
  m.san = "DNS:*.example.org,DNS:other.example";
  expect_one(m, true, NULL, false);
  must(pki_key_new_rsa(fx.cx, &rsa, 2048));
  m.key = rsa;
  m.eku = "clientAuth,serverAuth";
  expect_one(m, true, NULL, false);
}

/* Goal: each fault is found alone, and named with its numbers. */
static void one_fault(void **state) {
  (void)state;
  struct made m = usual();
  m.san = "DNS:www.example.org";
  expect_one(m, true, "does not name " HOST, true);
  m.san = NULL; /* a common name does not count */
  expect_one(m, true, "does not name " HOST, true);
  m = usual(), m.eku = NULL;
  expect_one(m, true, "lacks serverAuth", true);
  m = usual(), m.eku = "clientAuth";
  expect_one(m, true, "lacks serverAuth", true);
  m = usual(), m.ca = true;
  expect_one(m, true, "certificate of a CA", true);
  m = usual(), m.days = 826;
  expect_one(m, false, "826 days, and devices take 825", true);
  m = usual(), m.days = 201;
  expect_one(m, true, "201 days, and devices take 200", true);
  m = usual(), m.md = EVP_sha1();
  expect_one(m, true, "signed with SHA1", true);
  m = usual(), m.from = clock_now_us() - 90 * US_DAY - US_HOUR;
  expect_one(m, true, "ended on", true);
  m = usual(), m.from = clock_now_us() + US_DAY;
  expect_one(m, true, "valid from", true);
  m = usual(), m.from = clock_now_us() - 80 * US_DAY;
  expect_one(m, true, "It ends on", false);
}

/* Goal: how long a public certificate may live depends on the day of its issue. */
static void lives(void **state) {
  (void)state;
  static const struct {
    const char *from;
    int most;
  } table[] = {{"2020-08-31", 825}, {"2020-09-01", 398}, {"2026-03-14", 398}, {"2026-03-15", 200},
               {"2027-03-14", 200}, {"2027-03-15", 100}, {"2029-03-14", 100}, {"2029-03-15", 47}};
  for (size_t i = 0; i < sizeof table / sizeof *table; i++)
    for (int over = 0; over < 2; over++) {
      struct made m = usual();
      m.from = at(table[i].from);
      m.days = table[i].most + over;
      struct pki_cert *leaf = make(HOST, m);
      expect((struct doctor_chain){.certs = &leaf, .n = 1, .public = true}, m.from + US_DAY,
             over ? ctx_printf(fx.cx, "devices take %d at most", table[i].most) : NULL, true);
    }
}

/* Goal: keys that are too small, the leaf's and the chain's. */
static void weak_keys(void **state) {
  (void)state;
  EVP_PKEY *small = EVP_EC_gen("P-224");
  struct pki_key *key;
  must(pki_key_wrap(fx.cx, &key, small, true));
  struct made m = usual();
  m.key = key;
  expect_one(m, true, "has 224 bits", true);
  EVP_PKEY *rsa = EVP_RSA_gen(1024);
  must(pki_key_wrap(fx.cx, &key, rsa, true));
  m.key = key;
  expect_one(m, true, "has 1024 bits", true);
}

/* Goal: a chain that is not sent, in the wrong order, or that has ended. */
static void chains(void **state) {
  (void)state;
  struct pki_cert *root = root_of(NULL, 3650), *old = root_of(NULL, 1), *other = make("Other", usual());
  struct made m = usual();
  m.by = root;
  struct pki_cert *leaf = make(HOST, m);
  struct pki_cert *backwards[] = {leaf, other, root}, *ended[] = {leaf, old}, *sha1[] = {leaf, root_of(EVP_sha1(), 99)};
  int64_t now = clock_now_us();
  expect((struct doctor_chain){.certs = &leaf, .n = 1}, now, "The chain is not sent", false);
  expect((struct doctor_chain){.certs = &leaf, .n = 1, .own = true}, now, NULL, false);
  expect((struct doctor_chain){.certs = backwards, .n = 2}, now, "out of order: certificate 2 (CN=Other)", true);
  expect((struct doctor_chain){.certs = backwards, .n = 3}, now, "out of order", true);
  expect((struct doctor_chain){.certs = ended, .n = 2}, now, "CN=Root in its chain ended on", true);
  expect((struct doctor_chain){.certs = sha1, .n = 2}, now, NULL, false); /* a root is trusted for what it is */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(fine, fixture_open, fixture_close),
      cmocka_unit_test_setup_teardown(one_fault, fixture_open, fixture_close),
      cmocka_unit_test_setup_teardown(lives, fixture_open, fixture_close),
      cmocka_unit_test_setup_teardown(weak_keys, fixture_open, fixture_close),
      cmocka_unit_test_setup_teardown(chains, fixture_open, fixture_close),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
