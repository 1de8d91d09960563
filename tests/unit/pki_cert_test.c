/* Keys and certificates: what is refused, and what comes out. */
#include "base/enc.h"
#include "lib/pki_cert.h"
#include "lib/pki_int.h"
#include <openssl/x509v3.h>

#include "pki_world.h"

/* ---- keys ---- */

static const char encrypted_pkcs8[] = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
                                      "MIHrMFYGCSqGSIb3DQEFDTBJMCgGCSqGSIb3DQEFDDAbBAhM3jvMln0xlAIBATAM\n"
                                      "BggqhkiG9w0CCQUAMB0GCWCGSAFlAwQBKgQQnWbYXJmRN0bFQgaC2A11pASBkHjP\n"
                                      "-----END ENCRYPTED PRIVATE KEY-----\n";
static const char encrypted_old[] =
    "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,D19044D6FC93A54C8CBCCD5BA072E499\n\n"
    "dLBd9Oo4D7WR0gq3kPuW2D5ff7JQQ4oEFONru6RgnaahzYxDW1vLBPU7fpWoacuL\n-----END EC PRIVATE KEY-----\n";
static const char public_key_pem[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE570FEsE/Er27rUHb//YGAdOjht3w\n"
    "rSny5B1yuT/Rti0pJMSZfLEdo5l1v+m1GI6Entp5RLmlkztdCJ7qlr/rqw==\n-----END PUBLIC KEY-----\n";
static const char ed25519[] =
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIM8iulu7iilDTTt2XlNrQsWfXqYb5Tbd8tAPBaFzMgcq\n-----END PRIVATE "
    "KEY-----\n";
static const char sec1[] = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
                           "-----BEGIN EC PRIVATE KEY-----\n"
                           "MHcCAQEEIDUSrK5ca9vaft7U8cVUD37SG0uImFUKnT5ReEEhYGKmoAoGCCqGSM49\n"
                           "AwEHoUQDQgAE570FEsE/Er27rUHb//YGAdOjht3wrSny5B1yuT/Rti0pJMSZfLEd\n"
                           "o5l1v+m1GI6Entp5RLmlkztdCJ7qlr/rqw==\n-----END EC PRIVATE KEY-----\n";

/* Goal: what is no private key is refused with a text that says what it is. */
static void no_private_key(void **state) {
  struct ctx *cx = *state;
  struct pki_key *k;
  const struct {
    const char *pem, *text;
  } bad[] = {
      {"", "not PEM"},
      {"garbage", "not PEM"},
      {encrypted_pkcs8, "encrypted"},
      {encrypted_old, "encrypted"},
      {public_key_pem, "public key"},
      {ed25519, "neither RSA"},
      {pki_cert_pem(cx, ca).p, "holds a certificate"},
      {"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----", "convert"},
      {"-----BEGIN PRIVATE KEY-----\nAAAA\n", "END line is missing"},
      {"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----", "END line is missing"},
      {"-----BEGIN PRIVATE KEY-----\n!?\n-----END PRIVATE KEY-----", "not base64"},
      {"-----BEGIN PRIVATE KEY----------END PRIVATE KEY-----", "not base64"},
      {"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "damaged"},
      {"-----BEGIN X-----\nAAAA\n-----END X-----", "no private key"},
      {"-----BEGIN ", "no private key"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    says(cx, pki_key_parse(cx, &k, slice_of(bad[i].pem)), E_INVALID, bad[i].text);
  says(cx, pki_key_parse(cx, &k, slice_mem(ctx_alloc(cx, 2 << 20), 2 << 20)), E_TOO_LARGE, "PEM");
  says(cx, pki_key_new_rsa(cx, &k, 1024), E_INVALID, "bits");
}

/* Goal: bytes behind a key are a damage. */
static void key_with_rest(void **state) {
  struct ctx *cx = *state;
  unsigned char *der = NULL;
  struct pki_key *k;
  int n = i2d_PrivateKey(ec->pkey, &der);
  struct slice s = pki_take(cx, der, (size_t)n); /* a NUL follows */
#define FORM "-----BEGIN EC PRIVATE KEY-----%s-----END EC PRIVATE KEY-----"
  assert_int_equal(pki_key_parse(cx, &k, slice_of(ctx_printf(cx, FORM, enc_base64(cx, s.p, s.n)))), OK);
  says(cx, pki_key_parse(cx, &k, slice_of(ctx_printf(cx, FORM, enc_base64(cx, s.p, s.n + 1)))), E_INVALID,
       "after its end");
#undef FORM
}

/* Goal: a key cut off anywhere is refused, never half read. */
static void cut_key(void **state) {
  struct ctx *cx = *state;
  struct slice pem;
  struct pki_key *k;
  assert_int_equal(pki_key_pem(cx, &pem, ec), OK);
  for (size_t n = 0; n + 1 < pem.n; n++) { /* the newline at the end may lack */
    struct slice cut = exact(pem, n);
    assert_int_equal(pki_key_parse(cx, &k, cut), E_INVALID);
    ctx_clear_error(cx);
    drop(cut);
  }
}

static char *windows(struct ctx *cx, const char *s) {
  char *out = ctx_alloc(cx, 2 * strlen(s) + 1), *p = out;
  for (; *s != '\0'; s++) {
    if (*s == '\n') *p++ = '\r';
    *p++ = *s;
  }
  return out;
}

static void found(struct ctx *cx, const char *pem, const struct pki_key *want) {
  struct pki_key *k;
  if (pki_key_parse(cx, &k, slice_of(pem)) != OK) fail_msg("%s", ctx_error_text(cx));
  assert_int_equal(EVP_PKEY_eq(k->pkey, want->pkey), 1);
}

/* Goal: a key is found among certificates in any order, glued or with the line ends of Windows, in all three forms. */
static void key_among_others(void **state) {
  struct ctx *cx = *state;
  struct slice key;
  assert_int_equal(pki_key_pem(cx, &key, rsa), OK);
  const char *cert = pki_cert_pem(cx, ca).p;
  char *glued = ctx_printf(cx, "%.*s%s", (int)strlen(cert) - 1, cert, key.p);
  assert_non_null(strstr(glued, "-----END CERTIFICATE----------BEGIN PRIVATE KEY-----"));
  found(cx, key.p, rsa);
  found(cx, glued, rsa);
  found(cx, ctx_printf(cx, "Bag Attributes\n%s%s%s", key.p, cert, cert), rsa);
  found(cx, windows(cx, ctx_printf(cx, "%s%s", cert, key.p)), rsa);
  struct pki_key *k;
  assert_int_equal(pki_key_parse(cx, &k, slice_of(sec1)), OK);
  assert_false(pki_key_is_rsa(k));
  assert_int_equal(pki_key_bits(k), 256);
  assert_true(pki_key_is_rsa(rsa));
  assert_int_equal(pki_key_bits(rsa), 2048);
}

/* Goal: what is kept outlives its context. */
static void kept(void **state) {
  (void)state;
  struct ctx *cx = ctx_new();
  struct pki_issue what = leaf_order();
  struct pki_cert *c = pki_cert_keep(issue(cx, &what));
  struct pki_key *k;
  assert_int_equal(pki_key_parse(cx, &k, slice_of(sec1)), OK);
  k = pki_key_keep(k);
  ctx_free(cx);
  assert_int_equal(pki_key_bits(k), 256);
  assert_true(pki_cert_fits(c, ec));
  pki_key_free(k);
  pki_cert_free(c);
  pki_key_free(NULL);
  pki_cert_free(NULL);
}

/* ---- certificates ---- */

/* Goal: garbage, a certificate cut off anywhere and one with bytes behind it are refused. */
static void damaged_certificate(void **state) {
  struct ctx *cx = *state;
  struct slice der = pki_cert_der(leaf);
  struct pki_cert *c;
  for (size_t n = 0; n <= der.n + 1; n++) {
    if (n == der.n) continue;
    struct slice s = exact(der, n);
    assert_int_equal(pki_cert_parse(cx, &c, s), E_INVALID);
    ctx_clear_error(cx);
    drop(s);
  }
  says(cx, pki_cert_parse(cx, &c, slice_mem(ctx_alloc(cx, 70000), 70000)), E_INVALID, "70000 bytes");
}

/* Goal: no flipped byte crashes the reader, and whatever it takes has one spelling only. */
static void flipped_certificate(void **state) {
  (void)state;
  struct slice der = pki_cert_der(leaf);
  struct ctx *cx = ctx_new();
  for (size_t i = 0; i < der.n * 2; i++) {
    struct slice s = exact(der, der.n);
    char *p = (char *)(uintptr_t)s.p;
    p[i / 2] = (char)(p[i / 2] ^ (i % 2 ? 0x80 : 0x01));
    struct pki_cert *c;
    if (pki_cert_parse(cx, &c, s) == OK) {
      assert_true(slice_eq(pki_cert_der(c), s));
      assert_true(text_is_plain(slice_of(pki_cert_subject(cx, c))));
      assert_true(text_is_plain(slice_of(pki_cert_issuer(cx, c))));
      assert_true(text_is_plain(slice_of(pki_cert_cn(cx, c))));
      (void)pki_cert_names_host(c, "a.example");
      (void)pki_cert_san_uri(cx, c, "urn:");
      (void)pki_cert_is_ca(c);
      (void)pki_cert_key_bits(c);
    }
    drop(s);
    ctx_reset(cx);
  }
  ctx_free(cx);
}

/* Goal: a length in a longer form than DER's is another spelling of the same certificate, and refused. */
static void second_spelling(void **state) {
  struct ctx *cx = *state;
  struct slice der = pki_cert_der(leaf);
  const uint8_t *p = (const uint8_t *)der.p;
  assert_int_equal(p[1], 0x82);
  struct buf b = {0};
  buf_add(&b, "\x30\x83\x00", 3);
  buf_add(&b, p + 2, der.n - 2);
  struct pki_cert *c;
  says(cx, pki_cert_parse(cx, &c, buf_slice(&b)), E_INVALID, "DER");
  buf_free(&b);
}

/* Goal: of a PEM text every certificate is read, in order, and a damaged one is named rather than skipped. */
static void certificates_in_pem(void **state) {
  struct ctx *cx = *state;
  struct pki_cert **certs;
  size_t n = 7;
  const char *a = pki_cert_pem(cx, ca).p, *b = pki_cert_pem(cx, leaf).p;
  assert_int_equal(pki_certs_parse_pem(cx, &certs, &n, slice_of("nothing")), OK);
  assert_int_equal(n, 0);
  says(cx, pki_certs_parse_pem(cx, &certs, &n, slice_of(ctx_printf(cx, "%s%.300s", a, b))), E_INVALID,
       "certificate 2 in the PEM text is damaged: its END");
  says(cx, pki_certs_parse_pem(cx, &certs, &n, slice_of(ctx_printf(cx, "%.300s%s", a, b))), E_INVALID,
       "certificate 1 in the PEM text is damaged: its END");
  const char *torn = ctx_printf(cx, "-----BEGIN CERTIFICATE-----%s-----END X-----",
                                enc_base64(cx, pki_cert_der(ca).p, pki_cert_der(ca).n));
  says(cx, pki_certs_parse_pem(cx, &certs, &n, slice_of(torn)), E_INVALID, "END line");
  says(cx, pki_certs_parse_pem(cx, &certs, &n, slice_of("-----BEGIN CERTIFICATE-----AAAA-----END CERTIFICATE-----")),
       E_INVALID, "certificate 1");
  says(cx, pki_certs_parse_pem(cx, &certs, &n, slice_mem(ctx_alloc(cx, 2 << 20), 2 << 20)), E_TOO_LARGE, "PEM");
  const char *whole = windows(cx, ctx_printf(cx, "%.*s%s%s%s", (int)strlen(a) - 1, a, sec1, b, public_key_pem));
  assert_int_equal(pki_certs_parse_pem(cx, &certs, &n, slice_of(whole)), OK);
  assert_int_equal(n, 2);
  assert_true(slice_eq(pki_cert_der(certs[0]), pki_cert_der(ca)));
  assert_true(slice_eq(pki_cert_der(certs[1]), pki_cert_der(leaf)));
}

/* Goal: what one asks a certificate for is what was ordered. */
static void what_it_says(void **state) {
  struct ctx *cx = *state;
  struct pki_cert *c;
  assert_int_equal(pki_cert_parse(cx, &c, pki_cert_der(leaf)), OK);
  assert_string_equal(pki_cert_subject(cx, c), "O=Größe \xe2\x82\xac,CN=A device");
  assert_string_equal(pki_cert_issuer(cx, c), "CN=Device CA");
  assert_string_equal(pki_cert_cn(cx, c), "A device");
  assert_string_equal(pki_cert_uid(cx, c), "");
  assert_string_equal(pki_cert_san_uri(cx, c, "urn:pomona:"), "urn:pomona:session:7");
  assert_null(pki_cert_san_uri(cx, c, "urn:other:"));
  assert_null(pki_cert_san_uri(cx, ca, ""));
  assert_true(pki_cert_not_before(c) == NOW - US_DAY && pki_cert_not_after(c) == NOW + 730 * US_DAY);
  assert_true(pki_cert_is_ca(ca) && !pki_cert_is_ca(c));
  assert_true(pki_cert_fits(c, ec) && !pki_cert_fits(c, ec2) && !pki_cert_fits(c, rsa));
  assert_true(pki_cert_key_is_rsa(ca) && !pki_cert_key_is_rsa(c));
  assert_int_equal(pki_cert_key_bits(ca), 2048);
  uint8_t digest[SHA256_LEN], other[SHA256_LEN];
  pki_sha256(digest, pki_cert_der(leaf));
  assert_memory_equal(pki_cert_sha256(c), digest, SHA256_LEN);
  struct pki_issue again = leaf_order();
  struct pki_cert *twin = issue(cx, &again);
  pki_cert_key_sha256(c, digest);
  pki_cert_key_sha256(twin, other);
  assert_memory_equal(digest, other, SHA256_LEN);
  pki_cert_key_sha256(ca, other);
  assert_memory_not_equal(digest, other, SHA256_LEN);
  assert_string_not_equal(pki_cert_serial(cx, c), pki_cert_serial(cx, twin));
}

static struct pki_cert *named(struct ctx *cx, int type, const void *cn, int n) {
  X509 *x = X509_new();
  X509_NAME_add_entry_by_NID(X509_get_subject_name(x), NID_commonName, type, cn, n, -1, 0);
  X509_set_pubkey(x, ec->pkey);
  X509_gmtime_adj(X509_getm_notBefore(x), 0);
  X509_gmtime_adj(X509_getm_notAfter(x), 0);
  assert_true(X509_sign(x, ec->pkey, EVP_sha256()) > 0);
  struct pki_cert *c;
  assert_int_equal(pki_cert_wrap(cx, &c, x), OK);
  return c;
}

/* Goal: no name in a certificate can forge a line of the log or colour a terminal. */
static void hostile_names(void **state) {
  struct ctx *cx = *state;
  const struct {
    int type, n;
    const char *cn, *subject, *part;
  } names[] = {
      {V_ASN1_UTF8STRING, 3, "a\nb", "CN=a\\0Ab", "a\\0Ab"},
      {V_ASN1_UTF8STRING, 3, "a\0b", "CN=a\\00b", "a\\00b"},
      {V_ASN1_UTF8STRING, 6, "\x1b[31mx", "CN=\\1B[31mx", "\\1B[31mx"},
      {V_ASN1_UTF8STRING, 3, "a\xc2\x9b", "CN=a\\9B", "a\\9B"},
      {V_ASN1_UTF8STRING, 7, "a,O=b+c", "CN=a\\,O=b\\+c", "a,O=b+c"},
      {V_ASN1_T61STRING, 2, "a\xe9", "CN=aé", "aé"},
      {V_ASN1_BMPSTRING, 4, "\0a\x20\xac", "CN=a€", "a€"},
  };
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    struct pki_cert *c = named(cx, names[i].type, names[i].cn, names[i].n);
    assert_string_equal(pki_cert_subject(cx, c), names[i].subject);
    assert_string_equal(pki_cert_cn(cx, c), names[i].part);
  }
}

/* ---- issuing ---- */

/* Goal: serial numbers are positive, at most 127 bits, and differ. */
static void serial_numbers(void **state) {
  struct ctx *cx = *state;
  const char *last = "";
  for (int i = 0; i < 32; i++) { /* a 128th bit would stay unset in all of them once in 2^32 runs */
    struct pki_issue o = leaf_order();
    o.issuer = NULL;
    const char *serial = pki_cert_serial(cx, issue(cx, &o));
    assert_in_range(strlen(serial), 16, 32);
    if (strlen(serial) == 32) assert_in_range(serial[0], '0', '7');
    assert_string_not_equal(serial, last);
    last = serial;
  }
}

/* Goal: an order that makes no sense is refused before anything is signed. */
static void bad_orders(void **state) {
  struct ctx *cx = *state;
  const char *no_hosts[] = {NULL}, *bad_host[] = {"ok.example", "a b", NULL}, *dotted[] = {".example", NULL};
  struct pki_key *public_half;
  EVP_PKEY_up_ref(ec->pkey);
  assert_int_equal(pki_key_wrap(cx, &public_half, ec->pkey, false), OK);
  struct pki_cert *c;
  struct pki_issue o = leaf_order();
#define BAD(change, text) (o = leaf_order(), (void)(change), says(cx, pki_cert_issue(cx, &c, &o), E_INVALID, text))
  BAD(o.issuer_key = ec2, "does not belong");
  BAD(o.issuer_key = NULL, "private key");
  BAD(o.issuer_key = public_half, "private key");
  BAD((o.issuer = leaf, o.issuer_key = ec), "not a CA");
  BAD(o.not_after = o.not_before, "ends before");
  BAD(o.cn = "a\nb", "CN");
  BAD(o.cn = "12345678901234567890123456789012345678901234567890123456789012345", "CN");
  BAD(o.san_uri = "urn:\n", "URI");
  BAD(o.kind = PKI_TLS_SERVER, "without a host");
  BAD((o.kind = PKI_TLS_SERVER, o.hosts = no_hosts), "without a host");
  BAD((o.kind = PKI_TLS_SERVER, o.hosts = bad_host), "a b");
  BAD((o.kind = PKI_TLS_CA, o.hosts = dotted), ".example");
#undef BAD
}

struct shape {
  uint32_t usage, extended;
  bool ca;
};

static void check_shape(const struct pki_cert *c, const struct pki_cert *by, struct shape want) {
  assert_int_equal(pki_cert_is_ca(c), want.ca);
  assert_int_equal(X509_get_pathlen(c->x), want.ca ? 0 : -1);
  assert_int_equal(X509_get_key_usage(c->x), want.usage);
  assert_int_equal(X509_get_extended_key_usage(c->x), want.extended);
  assert_int_equal(X509_get_version(c->x), 2);
  assert_false(X509_get_extension_flags(c->x) & EXFLAG_INVALID);
  assert_non_null(X509_get0_subject_key_id(c->x));
  const ASN1_OCTET_STRING *above = X509_get0_authority_key_id(c->x);
  assert_non_null(above);
  assert_int_equal(ASN1_OCTET_STRING_cmp(above, X509_get0_subject_key_id(by->x)), 0);
  assert_int_equal(X509_verify(c->x, X509_get0_pubkey(by->x)), 1);
}

/* Goal: each kind has its constraints and usages, key identifiers and a true signature. */
static void kinds(void **state) {
  struct ctx *cx = *state;
  const char *hosts[] = {"mdm.example", "192.0.2.1", "2001:db8::1", NULL};
  const uint32_t none = UINT32_MAX; /* OpenSSL's word for "no such extension" */
  const struct shape want[] = {
      [PKI_CA] = {KU_KEY_CERT_SIGN | KU_CRL_SIGN | KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT, none, true},
      [PKI_TLS_CA] = {KU_KEY_CERT_SIGN | KU_CRL_SIGN, none, true},
      [PKI_TLS_SERVER] = {KU_DIGITAL_SIGNATURE, XKU_SSL_SERVER, false},
      [PKI_IDENTITY] = {KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT, XKU_SSL_CLIENT, false},
      [PKI_SIGNING] = {KU_DIGITAL_SIGNATURE, XKU_SMIME, false},
      [PKI_PUSH] = {KU_DIGITAL_SIGNATURE, XKU_SSL_CLIENT, false},
  };
  for (size_t kind = 0; kind < sizeof want / sizeof *want; kind++) {
    struct pki_issue o = leaf_order();
    o.kind = (unsigned)kind;
    bool hosted = kind == PKI_TLS_CA || kind == PKI_TLS_SERVER;
    if (hosted) o.hosts = hosts, o.san_uri = NULL;
    check_shape(issue(cx, &o), ca, want[kind]);
    o.issuer = NULL;
    struct pki_cert *own = issue(cx, &o);
    check_shape(own, own, want[kind]);
  }
}

/* Goal: a push certificate has the shape of Apple's: topic as UID, APSP as common name. */
static void push_certificate(void **state) {
  struct ctx *cx = *state;
  struct pki_issue o = {.cn = "APSP:3f1c",
                        .uid = "com.apple.mgmt.External.3f1c",
                        .subject_key = rsa,
                        .not_before = NOW,
                        .not_after = NOW + 365 * US_DAY,
                        .kind = PKI_PUSH};
  struct pki_cert *c = issue(cx, &o);
  assert_string_equal(pki_cert_uid(cx, c), "com.apple.mgmt.External.3f1c");
  assert_string_equal(pki_cert_subject(cx, c), "CN=APSP:3f1c,UID=com.apple.mgmt.External.3f1c");
}

/* Goal: a server's certificate names its hosts, each in its own form, and nothing else. */
static void hosts(void **state) {
  struct ctx *cx = *state;
  const char *own[] = {"mdm.example", "*.wild.example", "192.0.2.1", "2001:db8::1", NULL};
  struct pki_issue o = leaf_order();
  o.kind = PKI_TLS_SERVER, o.hosts = own, o.cn = "cn.example", o.san_uri = NULL;
  struct pki_cert *c = issue(cx, &o), *unnamed = named(cx, MBSTRING_UTF8, "cn.example", -1);
  assert_false(pki_cert_names_host(unnamed, "cn.example"));
  const char *no[] = {"",
                      ".",
                      ".example",
                      ".mdm.example",
                      "cn.example",
                      "x.mdm.example",
                      "mdm.example.org",
                      "192.0.2.2",
                      "a.b.wild.example",
                      "wild.example",
                      "2001:db8::2",
                      "192.0.2",
                      "[2001:db8::1]"};
  for (size_t i = 0; i < sizeof no / sizeof *no; i++)
    if (pki_cert_names_host(c, no[i])) fail_msg("%s", no[i]);
  const char *yes[] = {"mdm.example", "MDM.Example", "a.wild.example", "192.0.2.1", "2001:db8:0::1"};
  for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
    if (!pki_cert_names_host(c, yes[i])) fail_msg("%s", yes[i]);
}

static int verified(struct pki_cert *root, struct pki_cert *server) {
  X509_STORE *store = X509_STORE_new();
  X509_STORE_add_cert(store, root->x);
  X509_STORE_CTX *c = X509_STORE_CTX_new();
  X509_STORE_CTX_init(c, store, server->x, NULL);
  X509_STORE_CTX_set_time(c, 0, NOW / US_SECOND);
  X509_STORE_CTX_set_purpose(c, X509_PURPOSE_SSL_SERVER);
  X509_verify_cert(c);
  int e = X509_STORE_CTX_get_error(c);
  X509_STORE_CTX_free(c);
  X509_STORE_free(store);
  return e;
}

/* Goal: whoever installs the TLS CA trusts it for its hosts only, whatever its key might sign. */
static void name_constraints(void **state) {
  struct ctx *cx = *state;
  const struct {
    const char *permitted[3], *server;
    int result;
  } t[] = {
      {{"mdm.example"}, "mdm.example", X509_V_OK},
      {{"mdm.example"}, "bank.example", X509_V_ERR_PERMITTED_VIOLATION},
      {{"mdm.example"}, "example", X509_V_ERR_PERMITTED_VIOLATION},
      {{"mdm.example"}, "192.0.2.1", X509_V_ERR_EXCLUDED_VIOLATION},
      {{"mdm.example"}, "2001:db8::1", X509_V_ERR_EXCLUDED_VIOLATION},
      {{"192.0.2.1"}, "192.0.2.1", X509_V_OK},
      {{"192.0.2.1"}, "192.0.2.2", X509_V_ERR_PERMITTED_VIOLATION},
      {{"192.0.2.1"}, "2001:db8::1", X509_V_ERR_PERMITTED_VIOLATION},
      {{"192.0.2.1"}, "mdm.example", X509_V_ERR_EXCLUDED_VIOLATION},
      {{"2001:db8::1"}, "2001:db8::1", X509_V_OK},
      {{"2001:db8::1"}, "2001:db8::2", X509_V_ERR_PERMITTED_VIOLATION},
      {{"mdm.example", "192.0.2.1"}, "192.0.2.1", X509_V_OK},
      {{"mdm.example", "192.0.2.1"}, "mdm.example", X509_V_OK},
      {{"mdm.example", "192.0.2.1"}, "2001:db8::1", X509_V_ERR_PERMITTED_VIOLATION},
  };
  for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
    struct pki_issue root = {.cn = "TLS CA",
                             .subject_key = ec2,
                             .not_before = NOW - US_DAY,
                             .not_after = NOW + US_DAY,
                             .kind = PKI_TLS_CA,
                             .hosts = t[i].permitted};
    struct pki_cert *r = issue(cx, &root);
    const char *server[] = {t[i].server, NULL};
    struct pki_issue o = {.cn = "server",
                          .subject_key = ec,
                          .issuer = r,
                          .issuer_key = ec2,
                          .not_before = NOW - US_DAY,
                          .not_after = NOW + US_DAY,
                          .kind = PKI_TLS_SERVER,
                          .hosts = server};
    int e = verified(r, issue(cx, &o));
    if (e != t[i].result) fail_msg("%s: %s", t[i].server, X509_verify_cert_error_string(e));
    assert_true(X509_get_ext_by_NID(r->x, NID_name_constraints, -1) >= 0);
    assert_true(X509_EXTENSION_get_critical(X509_get_ext(r->x, X509_get_ext_by_NID(r->x, NID_name_constraints, -1))));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(no_private_key),
      TEST(key_with_rest),
      TEST(cut_key),
      TEST(key_among_others),
      TEST(kept),
      TEST(damaged_certificate),
      TEST(flipped_certificate),
      TEST(second_spelling),
      TEST(certificates_in_pem),
      TEST(what_it_says),
      TEST(hostile_names),
      TEST(serial_numbers),
      TEST(bad_orders),
      TEST(kinds),
      TEST(push_certificate),
      TEST(hosts),
      TEST(name_constraints),
  };
  return cmocka_run_group_tests(tests, make_world, end_world);
}
