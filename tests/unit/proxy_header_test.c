/* The client's certificate in a proxy's header: what is taken, and how strictly. */
#include "base/enc.h"
#include "face/device_int.h"
#include "pki_world.h"

static struct slice der; /* of the leaf */

static struct slice sequence(struct ctx *cx, struct slice bytes) {
  return slice_of(ctx_printf(cx, ":%s:", enc_base64(cx, bytes.p, bytes.n)));
}

static struct slice escaped(struct ctx *cx, const struct pki_cert *c) {
  return slice_of(enc_percent(cx, pki_cert_pem(cx, c)));
}

static enum err read_it(struct ctx *cx, struct slice value, const char *chain, size_t *n, struct slice *ders) {
  struct proxy_header h = {.value = value, .chain = {slice_of(chain)}, .chain_n = chain != NULL};
  return proxy_header_certs(cx, &h, ders, n);
}

static void refused(struct ctx *cx, const char *value, const char *chain) {
  struct slice ders[1 + HTTP_CHAIN_MOST];
  size_t n;
  if (read_it(cx, slice_of(value), chain, &n, ders) != E_INVALID) fail_msg("\"%s\", \"%s\" were taken", value, chain);
  ctx_clear_error(cx);
}

/* Goal: whatever is neither a byte sequence nor URL-escaped PEM is refused; so is base64 with anything in between. */
static void bad_values(void **state) {
  struct ctx *cx = *state;
  const char *b64 = enc_base64(cx, der.p, der.n);
  const char *bad[] = {"",
                       ":",
                       "::",
                       b64,
                       ctx_printf(cx, ":%s", b64),
                       ctx_printf(cx, "%s:", b64),
                       ctx_printf(cx, ":%.40s %s:", b64, b64 + 40),
                       ctx_printf(cx, ":%.40s\n%s:", b64, b64 + 40),
                       ctx_printf(cx, ":%.40s==%s:", b64, b64 + 40),
                       ctx_printf(cx, ":%s:;leaf", b64),
                       ctx_printf(cx, ":%s:, :%s:", b64, b64),
                       ctx_printf(cx, "\"%s\"", b64),
                       ":_-_-:",
                       ":A:",
                       "(null)",
                       "%2DBEGIN",
                       "%00",
                       "%4",
                       "-----BEGIN%20CERTIFICATE-----%0AAAAA%0A-----END%20CERTIFICATE-----",
                       "-----BEGIN%20CERTIFICATE-----"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) refused(cx, bad[i], NULL);
}

/* Goal: a chain is a list of byte sequences and nothing else, and bounded. */
static void bad_chains(void **state) {
  struct ctx *cx = *state;
  const char *value = sequence(cx, der).p;
  struct buf many = {0};
  const char *bad[] = {",", ":AAAA:,", "AAAA", ":AAAA: :AAAA:", ":AAAA:,,:AAAA:", ":AAAA:;x=1"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) refused(cx, value, bad[i]);
  for (int i = 0; i <= HTTP_CHAIN_MOST; i++) buf_printf(&many, "%s:AAAA:", i ? "," : "");
  refused(cx, value, many.p);
  buf_clear(&many);
  for (int i = 0; i < HTTP_CHAIN_MOST + 2; i++) buf_add_slice(&many, pki_cert_pem(cx, leaf));
  refused(cx, enc_percent(cx, buf_slice(&many)), NULL);
  buf_free(&many);
}

/* Goal: both forms give the certificate byte for byte; '+' and '/' may stand as they are. */
static void both_forms(void **state) {
  struct ctx *cx = *state;
  struct slice ders[1 + HTTP_CHAIN_MOST], pem = pki_cert_pem(cx, leaf);
  size_t n;
  struct buf sparing = {0}; /* as some load balancers escape */
  for (size_t i = 0; i < pem.n; i++)
    if (pem.p[i] == '\n' || pem.p[i] == ' ')
      buf_printf(&sparing, "%%%02x", pem.p[i]);
    else
      buf_add_char(&sparing, pem.p[i]);
  struct slice good[] = {sequence(cx, der), slice_of(ctx_printf(cx, "  %s ", sequence(cx, der).p)), escaped(cx, leaf),
                         buf_slice(&sparing)};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    if (read_it(cx, good[i], NULL, &n, ders) != OK) fail_msg("%zu: %s", i, ctx_error_text(cx));
    assert_int_equal(n, 1);
    assert_true(slice_eq(ders[0], der));
  }
  buf_free(&sparing);
}

/* Goal: the certificates behind it come in their order, from several lines, or from the same PEM. */
static void chains(void **state) {
  struct ctx *cx = *state;
  struct slice ders[1 + HTTP_CHAIN_MOST], ca_der = pki_cert_der(ca);
  size_t n;
  const char *two = ctx_printf(cx, "%s , %s", sequence(cx, ca_der).p, sequence(cx, der).p);
  struct proxy_header h = {.value = sequence(cx, der), .chain = {slice_of(two), sequence(cx, ca_der)}, .chain_n = 2};
  assert_int_equal(proxy_header_certs(cx, &h, ders, &n), OK);
  assert_int_equal(n, 4);
  assert_true(slice_eq(ders[0], der) && slice_eq(ders[1], ca_der) && slice_eq(ders[2], der) &&
              slice_eq(ders[3], ca_der));
  const char *both = ctx_printf(cx, "%s%s", escaped(cx, leaf).p, escaped(cx, ca).p);
  assert_int_equal(read_it(cx, slice_of(both), NULL, &n, ders), OK);
  assert_int_equal(n, 2);
  assert_true(slice_eq(ders[0], der) && slice_eq(ders[1], ca_der));
}

static int make(void **state) {
  int e = make_world(state);
  der = pki_cert_der(leaf);
  return e;
}

int main(void) {
  const struct CMUnitTest tests[] = {TEST(bad_values), TEST(bad_chains), TEST(both_forms), TEST(chains)};
  return cmocka_run_group_tests(tests, make, end_world);
}
