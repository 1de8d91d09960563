/* Goal of all: no CA that enrolled devices prove themselves by is dropped unnoticed, and nothing else is in the way. */
#include "core_fixture.h"

#include "core/guard.h"

#define NOW clock_now_us()
#include "pki_odd.h"

static struct pki_key *root_key, *other_key;
static struct pki_cert *root, *other, *middle; /* middle is issued by root, and issues with fx.key */

static int open_world(void **state) {
  fixture_open(state);
  must(pki_key_new_p256(fx.cx, &root_key));
  must(pki_key_new_p256(fx.cx, &other_key));
  struct odd o = {.cn = "Root", .key = root_key, .by_key = root_key, .constraints = "critical,CA:TRUE"};
  root = odd(fx.cx, o);
  o.cn = "Other", o.key = o.by_key = other_key;
  other = odd(fx.cx, o);
  middle = odd(
      fx.cx,
      (struct odd){.cn = "Middle", .key = fx.key, .by = root, .by_key = root_key, .constraints = "critical,CA:TRUE"});
  return 0;
}

static enum err guard(struct pki_cert *a, struct pki_cert *b) {
  struct pki_cert *cas[] = {a, b};
  ctx_clear_error(fx.cx);
  return guard_device_ca(fx.cx, &fx.core, reader(), cas, b ? 2 : 1);
}

static void refused(struct pki_cert *a, struct pki_cert *b, const char *why) {
  assert_int_equal(guard(a, b), E_CONFLICT);
  if (!strstr(ctx_error_text(fx.cx), why)) fail_msg("\"%s\" does not say \"%s\"", ctx_error_text(fx.cx), why);
}

static struct enroll_proof identity(const char *cn, const struct pki_cert *by, const struct pki_key *by_key) {
  struct pki_cert *cert =
      odd(fx.cx, (struct odd){.cn = cn, .key = fx.key, .by = by, .by_key = by_key, .not_after = NOW + 2 * US_DAY});
  struct enroll_proof p = {.cert = pki_cert_der(cert), .address = "192.0.2.1"};
  memcpy(p.hash, pki_cert_sha256(cert), sizeof p.hash);
  return p;
}

static void enroll(const char *udid, struct enroll_proof p) {
  assert_int_equal(authenticate(p, udid, NULL), ENROLL_FINE);
  assert_int_equal(token_update(p, udid, "token"), ENROLL_FINE);
}

/* A CA that devices need is not dropped, however often it is tried, with numbers and names; beside that, lists change
   as they like. */
static void test_dropped_ca(void **state) {
  (void)state;
  must(guard(root, other));
  enroll("A", identity("A", root, root_key));
  enroll("B", identity("B", root, root_key));
  refused(other, NULL, "2 enrolled devices");
  refused(other, middle, "\"CN=Root\"");
  must(guard(root, NULL)); /* nobody needs the other one */
  refused(other, NULL, "accept-cut-off");
  must(guard(other, root));
  must(guard(root, other));
}

/* An operator may want it: then it is done with. */
static void test_accepted(void **state) {
  (void)state;
  must(guard(root, NULL));
  enroll("A", identity("A", root, root_key));
  fx.conf.accept_cut_off = true;
  must(guard(other, NULL));
  fx.conf.accept_cut_off = false;
  must(guard(other, NULL));
  must(guard(middle, NULL));
}

/* Who does not come any more needs no CA: ended, checked out, never in force; nor who was accepted by none before. */
static void test_not_alive(void **state) {
  (void)state;
  must(guard(root, NULL));
  enroll("gone", identity("gone", root, root_key));
  assert_int_equal(check_out(identity("other", root, root_key), "gone"), ENROLL_UNBOUND);
  refused(other, NULL, "1 enrolled");
  struct enroll_proof p = identity("out", root, root_key);
  enroll("out", p);
  refused(other, NULL, "2 enrolled");
  assert_int_equal(check_out(p, "out"), ENROLL_FINE);
  assert_int_equal(authenticate(identity("pending", root, root_key), "pending", NULL), ENROLL_FINE);
  enroll("stranger", identity("stranger", middle, fx.key));
  refused(other, NULL, "1 enrolled");
  clock_shift(3 * US_DAY);
  must(guard(other, NULL));
}

/* The same devices by another CA: a root made anew under its key, or the CA that issued their identities. */
static void test_replaced_ca(void **state) {
  (void)state;
  must(guard(root, NULL));
  enroll("A", identity("A", root, root_key));
  struct odd again = {.cn = "Root",
                      .key = root_key,
                      .by_key = root_key,
                      .constraints = "critical,CA:TRUE",
                      .not_after = NOW + 50 * US_DAY};
  must(guard(odd(fx.cx, again), NULL));
  again.key = again.by_key = other_key;
  refused(odd(fx.cx, again), NULL, "1 enrolled");
}

/* Intermediates that only the device sends are known at the next start, too; and one of them may take the root's place.
 */
static void test_intermediates(void **state) {
  (void)state;
  struct pki_trust *trust;
  must(pki_trust_new(fx.cx, &trust, &root, 1));
  atomic_store(&fx.core.trust, trust);
  must(guard(root, NULL));
  struct enroll_proof p = identity("A", middle, fx.key);
  p.extra = pki_cert_der(middle);
  enroll("A", p);
  must(guard(root, other));
  refused(other, NULL, "1 enrolled");
  must(guard(middle, NULL));
  refused(other, NULL, "\"CN=Middle\"");
  pki_trust_free(trust);
}

/* CAs and identities that name their issuer's key, as ours and most do. */
static struct pki_cert *issue(const char *cn, const struct pki_cert *by, const struct pki_key *by_key) {
  struct pki_cert *cert;
  struct pki_issue what = {.cn = cn,
                           .subject_key = by ? fx.key : by_key,
                           .issuer = by,
                           .issuer_key = by_key,
                           .not_before = NOW - US_DAY,
                           .not_after = NOW + 9 * US_DAY,
                           .kind = by ? PKI_IDENTITY : PKI_CA};
  must(pki_cert_issue(fx.cx, &cert, &what));
  return cert;
}

static void enroll_many(const char *prefix, int n, const struct pki_cert *by, const struct pki_key *by_key) {
  for (int i = 0; i < n; i++) {
    struct pki_cert *cert = issue("device", by, by_key);
    struct enroll_proof p = {.cert = pki_cert_der(cert), .address = "192.0.2.1"};
    memcpy(p.hash, pki_cert_sha256(cert), sizeof p.hash);
    enroll(ctx_printf(fx.cx, "%s%d", prefix, i), p);
  }
}

/* More than a page of them, by CAs of one name. */
static void test_many(void **state) {
  (void)state;
  struct pki_cert *a = issue("CA", NULL, root_key), *b = issue("CA", NULL, other_key);
  must(guard(a, b));
  enroll_many("A", 105, a, root_key);
  enroll_many("B", 101, b, other_key);
  refused(root, NULL, " 206 enrolled");
  refused(a, NULL, " 101 enrolled");
  refused(b, NULL, " 105 enrolled");
}

#define T(f) cmocka_unit_test_setup_teardown(f, open_world, fixture_close)
int main(void) {
  const struct CMUnitTest tests[] = {
      T(test_dropped_ca), T(test_accepted), T(test_not_alive), T(test_replaced_ca), T(test_intermediates), T(test_many),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
