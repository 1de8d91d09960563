/* Checking profiles against Apple's schema: each shipped template passes, and each edit that breaks one is told. */
#include "payload_world.h"

#include "base/clock.h"
#include "base/embedded.h"
#include "base/enc.h"

static const char *template_text(const char *name) {
  for (const struct embedded *e = embedded_templates; e->name; e++)
    if (strncmp(e->name, name, strlen(name)) == 0 && e->name[strlen(name)] == '.') return e->text;
  if (*name) fail_msg("no template %s", name);
  return good_profile;
}

static void templates_pass(void **state) { /* what we ship is right, and without a warning */
  size_t n = 0;
  for (const struct embedded *e = embedded_templates; e->name; e++, n++) {
    struct payload_check c;
    checked(*state, slice_mem(e->text, e->n), &c);
    if (c.n) fail_msg("%s:\n%s", e->name, findings_text(*state, &c));
    assert_true(c.platforms != 0);
    assert_true(text_is_plain(slice_of(c.identifier)) && uuid_valid(slice_of(c.uuid)));
  }
  assert_true(n >= 12);
}

/* ---- each mistake has its own sentence ---- */

#define EDIT(profile, id, line, from, to) {profile, from, to, id, line, NULL, NULL},
#define EDITS(profile, id, line, from, to, from2, to2) {profile, from, to, id, line, from2, to2},
static const struct edit broken[] = {
#include "payload_broken.def"
};
enum { BROKEN = sizeof broken / sizeof *broken };

static void one_sentence_each(void **state) { /* every mistake is told by its own id, where it stands, and no other */
  int wrong = 0;
  for (size_t i = 0; i < BROKEN; i++) wrong += !edit_is_told(*state, template_text(broken[i].profile), &broken[i]);
  assert_int_equal(wrong, 0);
}

static const struct {
  const char *id, *text;
  bool error;
} sentences[] = {
#define ERROR true
#define WARNING false
#define SAY(name, grade, slug, text) {slug, text, grade},
#include "core/payload.def"
#undef SAY
#undef ERROR
#undef WARNING
};
enum { SENTENCES = sizeof sentences / sizeof *sentences };

/* Of these, other tests here and in payload_test.c have examples. */
static const char *const elsewhere[] = {
    "file-empty",           "file-too-large",      "file-no-plist",     "file-no-dictionary",  "signature-broken",
    "signature-ended",      "signature-early",     "signed-variable",   "content-too-many",    "certificate-many",
    "certificate-with-key", "certificate-ended",   "certificate-no-ca", "identity-unreadable", "identity-password",
    "identity-locked",      "identity-without-key"};

static bool has_example(const char *id) {
  for (size_t i = 0; i < BROKEN; i++)
    if (strcmp(broken[i].id, id) == 0) return true;
  for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
    if (strcmp(elsewhere[i], id) == 0) return true;
  return false;
}

static void every_sentence_has_an_example(void **state) { /* no id stands for two mistakes, none without a test */
  size_t errors = 0;
  (void)state;
  for (size_t i = 0; i < SENTENCES; i++) {
    if (!has_example(sentences[i].id)) fail_msg("%s has no example", sentences[i].id);
    for (size_t j = 0; j < i; j++) {
      assert_string_not_equal(sentences[i].id, sentences[j].id);
      assert_string_not_equal(sentences[i].text, sentences[j].text);
    }
    errors += sentences[i].error;
  }
  assert_true(errors >= 60);
}

/* ---- certificates ---- */

static const int64_t day = INT64_C(86400000000);

static struct slice cert_pem(struct ctx *cx, bool ca, int64_t to, struct slice *key_pem) {
  struct pki_key *key = NULL;
  struct pki_cert *cert = NULL;
  ok(cx, pki_key_new_p256(cx, &key));
  struct pki_issue issue = {.cn = "Example",
                            .subject_key = key,
                            .issuer_key = key,
                            .not_before = to - 9 * day,
                            .not_after = to,
                            .kind = ca ? PKI_CA : PKI_SIGNING};
  ok(cx, pki_cert_issue(cx, &cert, &issue));
  if (key_pem) ok(cx, pki_key_pem(cx, key_pem, key));
  return pki_cert_pem(cx, cert);
}

/* The template with that content of its certificate, and what is found. */
static void with_content(struct ctx *cx, const char *type, const char *more, struct slice content, const char *id) {
  struct payload_check c;
  const char *text = template_text("root-certificate"), *from = strstr(text, "<data>"), *to = strstr(text, "</data>");
  text = ctx_printf(cx, "%.*s<data>%s%s%s", (int)(from - text), text, enc_base64(cx, content.p, content.n), "</data>",
                    ctx_printf(cx, "%s%s", more, to + strlen("</data>")));
  checked(cx, edited_text(cx, text, "com.apple.security.root", type), &c);
  if (id)
    assert_finding(&c, id, 26);
  else
    assert_no_finding(&c);
}

static void certificates(void **state) { /* what stands in a payload of a certificate is opened and looked at */
  struct ctx *cx = *state;
  struct slice key = {0};
  int64_t later = clock_now_us() + day;
  struct slice ca = cert_pem(cx, true, later, &key);
  const char *with_key = ctx_printf(cx, "%s%s", ca.p, key.p), *two = ctx_printf(cx, "%s%s", ca.p, ca.p);
  with_content(cx, "com.apple.security.root", "", ca, NULL);
  with_content(cx, "com.apple.security.pem", "", ca, NULL);
  with_content(cx, "com.apple.security.pkcs1", "", cert_pem(cx, false, later, NULL), NULL);
  with_content(cx, "com.apple.security.root", "", cert_pem(cx, false, later, NULL), "certificate-no-ca");
  with_content(cx, "com.apple.security.root", "", cert_pem(cx, true, later - 2 * day, NULL), "certificate-ended");
  with_content(cx, "com.apple.security.pem", "", slice_of(with_key), "certificate-with-key");
  with_content(cx, "com.apple.security.pem", "", slice_of(two), "certificate-many");
  with_content(cx, "com.apple.security.pem", "", key, "certificate-unreadable");
}

/* Two of nobody, password "secret": one with a key, one without. */
static const char p12[] =
    "MIIEDAIBAzCCA8IGCSqGSIb3DQEHAaCCA7MEggOvMIIDqzCCAmIGCSqGSIb3DQEHBqCCAlMwggJPAgEAMIICSAYJKoZIhvcNAQcB"
    "MFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAh8PDEqNq+PNwICA+gwDAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEKOJ"
    "yEQHmYKns5jSczq5BEGAggHgAeSpeXBPapVW3qJ1nUpxLmljnjUts2p8jBM4+6la5jHJyLXDlAClrAIjMZDi9K66K+p3UmxUT31L"
    "qDdi1D91rbjWDQ8Gu2dTT85Y+pzbvOAK8/104K4/p4XCF56Uf/atXu8yrhmY53njnbnidntTqi7c7rKWvHAlMCb3OlJtgMf5Jc5m"
    "dJXhM3qog+rXgv7Oc0Agz0BO0TFhNNV0jnL+1DwofpWevazgjYJd8AMSyegTGaibhPCr5QMKpkWJcSA/By/20QWev2rdRgLLwoPU"
    "QUPyuUiJ1CkPBGhT707Hs9NTXbToV7Ta/cctpDpC3pGDLpcPYEWI29858wGcOpU1GPrnEJiRNKgY4FBpythlxA2AIPB9ACmjxge3"
    "lhB6jpUp4FMFAZ/rTpooViAdPWD/BCVkKfIM4drUVxXMTmKYqObCLPrjOmUDpRmV7LTInOZr5d8w99S7FVuMOBM8Ds4cnk925iqu"
    "8nRGZggCpYkOY/8oRr4VEUCz+KAGhm4pDvkyCJmmc7c3NfdCIIdd39sLxsXWHgEdqZxftwyNHSDpuEWg0s1FZB/9C0X+2emoL9fQ"
    "VsoGetT9qUjVBj9mvpfrlNyLKlkZwO3eggYndlBzAgzL5cLAhBhhnM7nOvr9y2HAMIIBQQYJKoZIhvcNAQcBoIIBMgSCAS4wggEq"
    "MIIBJgYLKoZIhvcNAQwKAQKgge8wgewwVwYJKoZIhvcNAQUNMEowKQYJKoZIhvcNAQUMMBwECM10pnzM79Q1AgID6DAMBggqhkiG"
    "9w0CCQUAMB0GCWCGSAFlAwQBKgQQdB8AAGAW5kcdrgtlYzVO6wSBkIctec+NXKIHYNKlt24seZzJ+6OF7mtCmr0YdpeM+JKVmLYh"
    "bQATp1LDvQEQ7cAcCyqJb2PEPyhlyl8xGqVRIAEIKtbbNLRV0CDfb6VI1i8XUf/JaaNKzn80yP8WVFXrvae6PyiDO+ibxZzAia6V"
    "GKBLCWEWsqW489rCXkTyDKqjHNKcW3lAkiSYE7ns6bLMZTElMCMGCSqGSIb3DQEJFTEWBBTtykl/xV87IV6vTI/wCb9RlNia9TBB"
    "MDEwDQYJYIZIAWUDBAIBBQAEIBwuUA9kMGgDZcDYL781HXfXuLAn6UQQ2cBFFsAJJwYrBAhixRGSisbaMAICA+g=";
static const char p12_without_key[] =
    "MIICpwIBAzCCAl0GCSqGSIb3DQEHAaCCAk4EggJKMIICRjCCAkIGCSqGSIb3DQEHBqCCAjMwggIvAgEAMIICKAYJKoZIhvcNAQcB"
    "MFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjGul3GqD/MJAICA+gwDAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEDj5"
    "ux7X91bfjW3vZB/Ki2iAggHABkm1uzKc/04ocS3xrvdmgFN+Sa7TXc569oPkfvPW4Awy5fLJbaPZSsfqXUpXUDz8uxVenaRYdM6/"
    "zl63kaoUuz5GHewpLxKoBFd+xgtCxmqSCFTUKkbn+gPKiM5v8i3IE3+JixOBJilThfOwVPV28LSPO5S2HKqQm2BzABb5WeiBdbLO"
    "y3wjLQS5crsObE0/oBqcf8KEg/4q9AyoxhKoq5MyKD09kROZu+ECVVYzV6RE6TmsTrhuRk9/uJJHoR+jr/x63xM6ZHZqh4AIkZgo"
    "2lbuY3BteyUyK6pwBf3f5CdQNtcrx2WLEQOwD9OgbsFtnVv4dYIJt+rKFhibipgDMyALFvY2J3kvtNyZA7JY2Pt4uMMiuGVX/7N6"
    "f1v0sNGvjisWuZascug6mW8hwxiAivchEfkoFrfw0ACrASiva0EILOXiiarBIlDdc1SpabSDkiRhDy1MCr0XSgMZ85JZZq/nJb+3"
    "z4/Xzvgzgmgr9utVMb8jBxwlukhIoOVHLBG/yNEB470MRcYrRwtIgXpKF2V1YUE4vNMErN84HgYzWBtXHkJPQGGkDc6yLXkobFYL"
    "H94WjNqqvgGjjZ3HJFy5yzBBMDEwDQYJYIZIAWUDBAIBBQAEILILES6NidEPBrTUNzXsrJIrlXV+2m7Iap3i+F8uIQciBAjaMxkx"
    "PjfaBgICA+g=";

static void identities(void **state) { /* a PKCS #12 file opens with its password, and holds a key */
  struct ctx *cx = *state;
  struct slice file = {0}, bare = {0};
  ok(cx, dec_base64(cx, slice_of(p12), &file));
  ok(cx, dec_base64(cx, slice_of(p12_without_key), &bare));
  const char *type = "com.apple.security.pkcs12", *right = "<key>Password</key><string>secret</string>";
  with_content(cx, type, right, file, NULL);
  with_content(cx, type, "<key>Password</key><string>guess</string>", file, "identity-password");
  with_content(cx, type, "<key>Password</key><string>%AssetTag%</string>", file, NULL);
  with_content(cx, type, "", file, "identity-locked");
  with_content(cx, type, right, bare, "identity-without-key");
  with_content(cx, type, right, slice_of("abc"), "identity-unreadable");
  with_content(cx, type, right, slice_mem(file.p, file.n - 9), "identity-unreadable");
}

/* ---- what it says of a profile ---- */

static void platforms(void **state) { /* which devices take it, and whether they must be supervised */
  struct ctx *cx = *state;
  struct payload_check c;
  checked(cx, slice_of(template_text("firewall")), &c);
  assert_int_equal(c.platforms, 1u << PLATFORM_MACOS);
  assert_string_equal(c.types[0], "com.apple.security.firewall");
  assert_null(c.types[1]);
  checked(cx, slice_of(template_text("web-clip")), &c);
  assert_int_equal(c.platforms, 1u << PLATFORM_IOS); /* of a Mac's user only */
  assert_false(c.supervised);
  checked(cx,
          edited_text(cx, template_text("web-clip"), "<key>PayloadContent</key>",
                      "<key>PayloadScope</key><string>User</string><key>PayloadContent</key>"),
          &c);
  assert_int_equal(c.platforms, 1u << PLATFORM_IOS | 1u << PLATFORM_MACOS);
  checked(cx, slice_of(template_text("restrictions-ios")), &c);
  assert_int_equal(c.platforms, 1u << PLATFORM_IOS);
}

static void too_many_payloads(void **state) { /* a profile of a thousand payloads is refused, not compared for ever */
  struct ctx *cx = *state;
  struct payload_check c;
  struct buf b = {0};
  for (int i = 0; i < 1000; i++) buf_add_str(&b, "<dict/>");
  checked(cx, edited_text(cx, good_profile, "<array>", ctx_printf(cx, "<array>%s", b.p)), &c);
  buf_free(&b);
  assert_finding(&c, "content-too-many", 10);
  assert_true(c.errors <= 500);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(templates_pass),   TEST(one_sentence_each), TEST(every_sentence_has_an_example),
      TEST(certificates),     TEST(identities),        TEST(platforms),
      TEST(too_many_payloads)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
