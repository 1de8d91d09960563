/* Every wrong file that a person hands in is named for what it is, with what to do; what is only untidy is put right.
 */
#include "base/enc.h"
#include "core_fixture.h"
#include "lib/pki_cert.h"
#include "lib/pki_file.h"

#define OTHER_TOPIC "com.apple.mgmt.External.99999999-2222-3333-4444-555555555555"

static struct pki_key *own, *strange; /* RSA, as Apple's */

static const char *text(struct slice s) { return ctx_memdup(fx.cx, s.p, s.n); }

static const char *key_pem(const struct pki_key *k) {
  struct slice pem;
  must(pki_key_pem(fx.cx, &pem, k));
  return text(pem);
}

static struct pki_cert *issued(struct pki_issue what) {
  struct pki_cert *c;
  if (!what.subject_key) what.subject_key = own;
  if (!what.issuer_key) what.issuer_key = what.subject_key;
  if (!what.not_after) what.not_after = clock_now_us() + 300 * US_DAY;
  if (!what.not_before) what.not_before = clock_now_us() - US_DAY;
  must(pki_cert_issue(fx.cx, &c, &what));
  return c;
}

static const char *cert(struct pki_issue what) { return text(pki_cert_pem(fx.cx, issued(what))); }

static const char *push(const char *topic, struct pki_key *key) {
  return cert((struct pki_issue){.cn = "APSP:x", .uid = topic, .subject_key = key, .kind = PKI_PUSH});
}

/* ---- handing in ---- */

struct given {
  const char *name;
  struct slice bytes;
};

static enum err hand_in(struct pushcert_pair *out, const struct given *files, size_t n, bool kept) {
  struct pushcert_file *all = ctx_alloc(fx.cx, (n + 1) * sizeof *all);
  for (size_t i = 0; i < n; i++) all[i] = (struct pushcert_file){files[i].name, files[i].bytes};
  struct pushcert_upload u = {.files = all, .n = n, .core = &fx.core};
  if (kept) must(db_reader(fx.cx, fx.core.store, &u.db));
  ctx_clear_error(fx.cx);
  return pushcert_check(fx.cx, out, &u);
}

static void refused_bytes(const char *name, struct slice bytes, const char *says) {
  struct pushcert_pair pair;
  struct given file = {name, bytes};
  assert_int_equal(hand_in(&pair, &file, 1, true), E_INVALID);
  const char *why = ctx_error_text(fx.cx);
  if (!strstr(why, says)) fail_msg("\"%s\" does not say \"%s\"", why, says);
  if (name && !strstr(why, name)) fail_msg("\"%s\" does not name %s", why, name);
}

static void refused(const char *name, const char *content, const char *says) {
  refused_bytes(name, slice_of(content), says);
}

static const char *base64(const char *content) { return enc_base64(fx.cx, content, strlen(content)); }

#define PLIST(key)                                                                                                     \
  "<?xml version=\"1.0\"?><plist version=\"1.0\"><dict><key>" key "</key><string>x</string></dict></plist>"

/* Goal: texts that are no key and no certificate are named. */
static void texts_are_named(void **state) {
  (void)state;
  const char *request = PLIST("PushCertRequestCSR");
  refused("a", "", "empty");
  refused("a", "\xef\xbb\xbf \r\n", "empty");
  refused("a", "anything else", "no certificate in any form");
  refused("a.pem", "\r\n<!DOCTYPE HTML PUBLIC><HTML><head>", "web page");
  refused("a.pem", "<!-- x --><html>", "web page");
  refused("a.zip", "PK\x03\x04....", "ZIP archive");
  refused("a.plist", request, "signed request");
  refused("a.b64", base64(request), "signed request");
  refused("a.mobileconfig", PLIST("PayloadType"), "configuration profile");
  refused("a.plist", PLIST("Other"), "property list");
  refused("a.json", "{\"access_token\":\"x\"}", "JSON");
  refused("a", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n", "SSH");
}

/* Goal: requests and keys are named; the most telling of several files is. */
static void keys_and_requests_are_named(void **state) {
  (void)state;
  struct slice csr;
  must(pki_csr_new(fx.cx, &csr, own, "x", NULL));
  const char *pem = ctx_printf(fx.cx, "-----BEGIN CERTIFICATE REQUEST-----\n%s\n-----END CERTIFICATE REQUEST-----\n",
                               enc_base64(fx.cx, csr.p, csr.n));
  refused("push.csr", pem, "certificate request (CSR)");
  refused_bytes("push.csr", csr, "certificate request (CSR)");
  refused("push.csr", enc_base64(fx.cx, csr.p, csr.n), "certificate request (CSR)");
  refused("push.key", key_pem(own), "private key without its certificate");
  refused("AuthKey_ABC.p8", key_pem(own), "token keys");
  refused("key.pem", key_pem(fx.key), "token keys");
  refused("pub.pem",
          "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt\n"
          "6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==\n-----END PUBLIC KEY-----\n",
          "public key");
  refused("k.pem", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n", "passphrase");
  struct pushcert_pair pair;
  struct given both[] = {{"push.key", slice_of(key_pem(own))}, {"push.csr", slice_of(pem)}};
  assert_int_equal(hand_in(&pair, both, 2, true), E_INVALID);
  assert_non_null(strstr(ctx_error_text(fx.cx), "push.csr is a certificate request"));
}

/* Goal: certificates of other kinds are named. */
static void certificates_are_named(void **state) {
  (void)state;
  static const char *const hosts[] = {"mdm.example.org", NULL};
  refused("v.cer", cert((struct pki_issue){.cn = "MDM Vendor: Example", .kind = PKI_SIGNING}), "vendor certificate");
  refused("s.pem", cert((struct pki_issue){.cn = "s", .kind = PKI_TLS_SERVER, .hosts = hosts}), "web server");
  refused("d.pem", cert((struct pki_issue){.cn = "d", .kind = PKI_IDENTITY, .san_uri = "urn:uuid:1"}),
          "identity of a device");
  refused("p.pem",
          cert((struct pki_issue){
              .cn = "Apple Push Services: com.example.app", .uid = "com.example.app", .kind = PKI_PUSH}),
          "push certificate for an app");
  refused("c.pem", cert((struct pki_issue){.cn = "CA", .kind = PKI_CA}), "certificate of a CA");
  refused("o.pem", cert((struct pki_issue){.cn = "o", .kind = PKI_SIGNING}),
          "no topic that begins with com.apple.mgmt.");
  struct slice der = pki_cert_der(issued((struct pki_issue){.cn = "CA", .kind = PKI_CA}));
  refused_bytes("c.cer", der, "certificate of a CA");
  refused(NULL, ctx_printf(fx.cx, "%s%s", push(OTHER_TOPIC, own), key_pem(strange)), "another certificate than");
}

/* Goal: a topic is only what Apple writes into it: nothing that could break a header, a text or a terminal. */
static void odd_topics_are_none(void **state) {
  (void)state;
  static const char *const odd[] = {"com.apple.mgmt.", TOPIC " x", TOPIC "/x", TOPIC "\xc3\xbc", TOPIC ";x"};
  for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
    refused(NULL, ctx_printf(fx.cx, "%s%s", push(odd[i], own), key_pem(own)), "no topic that begins with");
}

/* Goal: a key whose public half fits but that signs nothing right is found out before it takes the place of a good one.
 */
static void damaged_keys_are_refused(void **state) {
  (void)state;
  struct pki_file f;
  struct pki_opener none = {0};
  struct slice der, pem = slice_of(key_pem(own)), body = pem, line;
  (void)slice_cut(&body, '\n', &line);
  body.n = (size_t)((const char *)memmem(body.p, body.n, "-----", 5) - body.p);
  must(dec_base64(fx.cx, body, &der));
  uint8_t *bytes = ctx_memdup(fx.cx, der.p, der.n);
  /* in the private exponent, and in each of what is used in its place */
  for (size_t at = 400; at < 1200; at += 100) bytes[at] ^= 1;
  must(pki_file_read(fx.cx, &f, slice_mem(bytes, der.n), &none));
  assert_int_equal(f.keys_n, 1);
  struct pushcert_pair p;
  struct given files[] = {{"c.pem", slice_of(push(TOPIC, own))}, {"k.der", slice_mem(bytes, der.n)}};
  assert_int_equal(hand_in(&p, files, 2, true), E_INVALID);
  assert_non_null(strstr(ctx_error_text(fx.cx), "the private key is damaged"));
}

/* Goal: signed and encrypted CMS are told apart: profiles, chains, server tokens, answers of mdmcert.download. */
static void cms_is_named(void **state) {
  (void)state;
  /* EnvelopedData without recipients: enough to see what it is. */
  static const char enveloped[] =
      "\x30\x38\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03\xa0\x2b\x30\x29\x02\x01\x00\x31\x00\x30\x22\x06"
      "\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01\x30\x11\x06\x05\x2b\x0e\x03\x02\x07\x04\x08\x01\x02\x03\x04"
      "\x05\x06\x07\x08\x80\x02\x41\x42";
  struct slice der = slice_mem(enveloped, sizeof enveloped - 1);
  const char *mail = ctx_printf(fx.cx, "Content-Type: application/pkcs7-mime; smime-type=enveloped-data\r\n\r\n%s\r\n",
                                enc_base64(fx.cx, der.p, der.n));
  refused_bytes("a.p7", der, "mdmcert.download");
  refused("a.p7", enc_hex(fx.cx, der.p, der.n), "mdmcert.download");
  refused("smime.p7m", mail, "server token");
  refused_bytes("smime.p7m", der, "server token");
}

/* Goal: without its key the text tells the key, and what fits; with another's both are told. */
static void keys_that_do_not_fit(void **state) {
  (void)state;
  const char *mine = push(TOPIC, own);
  refused(NULL, mine, "without its private key");
  refused(NULL, ctx_printf(fx.cx, "%s%s", mine, key_pem(strange)), "belongs to another certificate");
  uint8_t hash[32];
  pki_key_sha256(own, hash);
  assert_non_null(strstr(ctx_error_text(fx.cx), enc_hex(fx.cx, hash, 8)));
  pki_key_sha256(strange, hash);
  assert_non_null(strstr(ctx_error_text(fx.cx), enc_hex(fx.cx, hash, 8)));
}

/* Goal: dates are looked at last, and named. */
static void dates_are_named(void **state) {
  (void)state;
  int64_t now = clock_now_us();
  struct pki_issue old = {
      .cn = "x", .uid = TOPIC, .kind = PKI_PUSH, .not_before = now - 9 * US_DAY, .not_after = now - US_DAY};
  struct pki_issue early = {.cn = "x", .uid = TOPIC, .kind = PKI_PUSH, .not_before = now + US_DAY};
  refused(NULL, ctx_printf(fx.cx, "%s%s", cert(old), key_pem(own)), "expired on");
  refused(NULL, ctx_printf(fx.cx, "%s%s", cert(early), key_pem(own)), "not valid before");
}

static bool notes_say(const struct pushcert_pair *p, const char *what) {
  for (const char *const *n = p->notes; *n; n++)
    if (strstr(*n, what)) return true;
  return false;
}

static void taken(struct pushcert_pair *p, const char *content) {
  struct given file = {"f", slice_of(content)};
  must(hand_in(p, &file, 1, true));
  assert_string_equal(p->about.topic, TOPIC);
  assert_true(slice_is(p->key_pem, key_pem(own)));
}

static const char *utf16(const char *content, size_t *n) {
  *n = 2 * strlen(content) + 2;
  char *wide = ctx_alloc(fx.cx, *n);
  memcpy(wide, "\xff\xfe", 2);
  for (size_t i = 0; content[i]; i++) wide[2 + 2 * i] = content[i];
  return wide;
}

/* Goal: what is only untidy is put right, and said: order of the chain, strangers in it, UTF-16, base64 without more.
 */
static void untidy_is_mended(void **state) {
  (void)state;
  struct pushcert_pair p;
  struct pki_cert *root = issued((struct pki_issue){.cn = "Root", .kind = PKI_CA, .subject_key = strange});
  struct pki_cert *leaf =
      issued((struct pki_issue){.cn = "APSP:x", .uid = TOPIC, .kind = PKI_PUSH, .issuer = root, .issuer_key = strange});
  const char *l = text(pki_cert_pem(fx.cx, leaf)), *r = text(pki_cert_pem(fx.cx, root)), *k = key_pem(own);
  const char *ca = cert((struct pki_issue){.cn = "Stranger", .kind = PKI_CA});
  taken(&p, ctx_printf(fx.cx, "%s%s%s", r, k, l));
  assert_true(slice_is(p.cert_pem, ctx_printf(fx.cx, "%s%s", l, r)));
  assert_true(notes_say(&p, "another order"));
  assert_true(notes_say(&p, "not issued by Apple"));
  taken(&p, ctx_printf(fx.cx, "%s%s%s%s", l, r, k, l));
  assert_true(slice_is(p.cert_pem, ctx_printf(fx.cx, "%s%s", l, r)));
  assert_false(notes_say(&p, "another order"));
  taken(&p, ctx_printf(fx.cx, "%s%s%s", l, k, ca));
  assert_true(slice_is(p.cert_pem, l));
  assert_true(notes_say(&p, "not its chain"));
  size_t n;
  const char *wide = utf16(ctx_printf(fx.cx, "%s%s", l, k), &n);
  struct given files[] = {{"w", slice_mem(wide, n)}};
  must(hand_in(&p, files, 1, true));
  assert_true(notes_say(&p, "UTF-16"));
  struct given apart[] = {{"a", slice_of(enc_base64(fx.cx, pki_cert_der(leaf).p, pki_cert_der(leaf).n))},
                          {"b", slice_of(k)}};
  must(hand_in(&p, apart, 2, true));
}

/* Goal: of an old and a new certificate of the same key the new one is taken. */
static void the_newest_is_taken(void **state) {
  (void)state;
  struct pushcert_pair p;
  struct pki_issue old = {.cn = "x", .uid = TOPIC, .kind = PKI_PUSH, .not_before = clock_now_us() - 9 * US_DAY};
  const char *former = cert(old), *now = push(TOPIC, own);
  taken(&p, ctx_printf(fx.cx, "%s%s%s", former, now, key_pem(own)));
  assert_true(slice_is(p.cert_pem, now));
}

/* Goal: without a key in the upload, the key of a former certificate is used. */
static void former_keys_are_used(void **state) {
  (void)state;
  struct pushcert_pair p;
  const char *renewed = push(TOPIC, own);
  taken(&p, ctx_printf(fx.cx, "%s%s", push(TOPIC, own), key_pem(own)));
  must(in_job(put_pushcert, &p));
  struct given alone = {"new.pem", slice_of(renewed)};
  must(hand_in(&p, &alone, 1, true));
  assert_true(slice_is(p.key_pem, key_pem(own)));
  assert_true(notes_say(&p, "the key of the certificate"));
  struct given stray[] = {{"new.pem", slice_of(renewed)}, {"k", slice_of(key_pem(strange))}};
  must(hand_in(&p, stray, 2, true));
  assert_true(notes_say(&p, "left alone"));
  assert_int_equal(hand_in(&p, &alone, 1, false), E_INVALID);
  /* that of the newer one, too, when an older one comes along with its key */
  struct pki_issue old = {.cn = "x", .uid = TOPIC, .kind = PKI_PUSH, .not_before = clock_now_us() - 9 * US_DAY};
  old.subject_key = strange;
  struct given bundle[] = {{"old.pem", slice_of(cert(old))}, {"k", slice_of(key_pem(strange))}, alone};
  must(hand_in(&p, bundle, 3, true));
  assert_true(slice_is(p.cert_pem, renewed));
  struct given crossed[] = {{"other.pem", slice_of(push(OTHER_TOPIC, strange))}, {"k", slice_of(key_pem(own))}};
  assert_int_equal(hand_in(&p, crossed, 2, true), E_INVALID);
  assert_non_null(strstr(ctx_error_text(fx.cx), "it is the key of the certificate"));
}

/* Goal: sizes and counts are bounded. */
static void much_is_refused(void **state) {
  (void)state;
  struct pushcert_pair p;
  struct given many[PUSHCERT_FILES_MOST + 1] = {{NULL, {NULL, 0}}};
  assert_int_equal(hand_in(&p, many, PUSHCERT_FILES_MOST + 1, true), E_TOO_LARGE);
  char *much = memset(ctx_alloc(fx.cx, PUSHCERT_FILE_MOST + 1), '-', PUSHCERT_FILE_MOST + 1);
  struct given large = {"large", slice_mem(much, PUSHCERT_FILE_MOST + 1)};
  assert_int_equal(hand_in(&p, &large, 1, true), E_TOO_LARGE);
  assert_non_null(strstr(ctx_error_text(fx.cx), "large "));
  assert_int_equal(hand_in(&p, NULL, 0, true), E_INVALID);
}

static int open_all(void **state) {
  if (fixture_open(state) != 0) return 1;
  must(pki_key_new_rsa(fx.cx, &own, 2048));
  must(pki_key_new_rsa(fx.cx, &strange, 2048));
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(texts_are_named),        cmocka_unit_test(keys_and_requests_are_named),
      cmocka_unit_test(certificates_are_named), cmocka_unit_test(cms_is_named),
      cmocka_unit_test(keys_that_do_not_fit),   cmocka_unit_test(dates_are_named),
      cmocka_unit_test(untidy_is_mended),       cmocka_unit_test(the_newest_is_taken),
      cmocka_unit_test(former_keys_are_used),   cmocka_unit_test(much_is_refused),
      cmocka_unit_test(odd_topics_are_none),    cmocka_unit_test(damaged_keys_are_refused),
  };
  return cmocka_run_group_tests(tests, open_all, fixture_close);
}
