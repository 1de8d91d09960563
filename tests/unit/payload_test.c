/* Checking profiles: the file, its outermost keys, variables. */
#include "payload_world.h"

#include "base/clock.h"
#include "base/enc.h"

/* ---- each mistake has its own sentence, at its line ---- */

// clang-format off
static const struct edit broken[] = {
    EDIT("<key>PayloadType</key><string>Configuration</string>", "<key>PayloadType</key><string>Konfiguration</string>", "profile-type", 4),
    EDIT("<key>PayloadVersion</key><integer>1</integer><!-- profile -->", "<key>PayloadVersion</key><integer>2</integer>", "payload-version", 5),
    EDIT("<key>PayloadVersion</key><integer>1</integer><!-- profile -->", "", "payload-version", 3),
    EDIT("<key>PayloadVersion</key><integer>1</integer><!-- payload -->", "<key>PayloadVersion</key><string>1</string>", "payload-version", 15),
    EDIT("<key>PayloadIdentifier</key><string>org.example.wifi</string>", "", "identifier-missing", 3),
    EDIT("<string>org.example.wifi.1</string>", "<string>org example wifi</string>", "identifier-form", 13),
    EDIT("<string>org.example.wifi.1</string>", "<string></string>", "identifier-form", 13),
    EDIT("<string>org.example.wifi.1</string>", "<string>org.example.wifi</string>", "identifier-twice", 13),
    EDIT("<string>org.example.wifi</string>", "<string>pomona.0011.enrollment</string>", "identifier-reserved", 6),
    EDIT("<string>org.example.wifi</string>", "<string>pomona.trust.0011</string>", "identifier-reserved", 6),
    EDIT("<key>PayloadUUID</key><string>11111111-2222-4333-8444-555555555501</string>", "", "uuid-missing", 11),
    EDIT("11111111-2222-4333-8444-555555555501", "wifi", "uuid-form", 14),
    EDIT("11111111-2222-4333-8444-555555555501", "11111111-2222-4333-8444-555555555500", "uuid-twice", 14),
    EDIT("<key>PayloadDisplayName</key><string>Wi-Fi</string>", "", "name-missing", 3),
    EDIT("<key>PayloadContent</key>", "<key>PayloadContents</key>", "content-missing", 3),
    EDITS("<array>", "<dict><key>a</key>", "content-no-array", 9, "</array>", "</dict>"),
    EDIT("<array>", "<array><string>x</string>", "content-no-dictionary", 10),
    EDITS("<dict><!-- profile -->", "<dict><key>IsEncrypted</key><true/>", "encrypted-missing", 3, "<key>PayloadContent</key>", "<key>Other</key>"),
    EDIT("<dict><!-- profile -->", "<dict><key>EncryptedPayloadContent</key><data>AAAA</data>", "encrypted-and-plain", 3),
    EDITS("<dict><!-- profile -->", "<dict><key>EncryptedPayloadContent</key><data>AAAA</data>", "profile-encrypted", 3, "<key>PayloadContent</key>", "<key>Other</key>"),
    EDIT("<dict><!-- profile -->", "<dict><key>PayloadScope</key><string>Computer</string>", "scope", 3),
    EDIT("<dict><!-- profile -->", "<dict><key>RemovalDate</key><date>2020-01-01T00:00:00Z</date>", "removal-date-past", 3),
    EDIT("<dict><!-- profile -->", "<dict><key>DurationUntilRemoval</key><real>0</real>", "removal-duration", 3),
    EDIT("<dict><!-- profile -->", "<dict><key>DurationUntilRemoval</key><integer>-1</integer>", "removal-duration", 3),
    EDIT("<dict><!-- profile -->", "<dict><key>DurationUntilRemoval</key><real>60</real><key>RemovalDate</key><date>2999-01-01T00:00:00Z</date>", "removal-twice", 3),
    EDIT("<dict><!-- profile -->", "<dict><key>PayloadExpirationDate</key><date>2020-01-01T00:00:00Z</date>", "expiration-past", 3),
    EDIT("<dict><!-- profile -->", "<dict><key>HasRemovalPasscode</key><true/>", "removal-password-missing", 3),
    EDIT("<dict><!-- profile -->", "<dict><key>ConsentText</key><string>x</string>", "consent-text", 3),
    EDIT("<dict><!-- profile -->", "<dict><key>ConsentText</key><dict><key>en</key><true/></dict>", "consent-text", 3),
    EDIT("<dict><!-- profile -->", "<dict><key>ConsentText</key><dict><key>en</key><string>x</string></dict>", "consent-default", 3),
    EDIT("<dict><!-- profile -->", "<dict><key>TargetDeviceType</key><integer>7</integer>", "target-device-type", 3),
    EDIT("<string>Example</string>", "<string>%SerialNummer%</string>", "variable-unknown", 16),
    EDIT("<string>Example</string>", "<string>%SerialNumber</string>", "variable-unclosed", 16),
    EDIT("<string>Example</string>", "<string>a%EscrowCertificate%</string>", "variable-data", 16),
    EDIT("<string>org.example.wifi</string>", "<string>org.example.%SerialNumber%</string>", "variable-in-name", 6),
    EDIT("<dict><!-- profile -->", "<dict><key>%SerialNumber%</key><true/>", "variable-in-key", 3),
    EDIT("<dict><!-- profile -->", "<dict><key>a</key><true/><key>a</key><true/>", "key-twice", 20),
    EDIT("</array>", "</arry>", "file-malformed", 18),
    EDIT("<string>Example</string>", "<string>A & B</string>", "file-malformed", 16),
};
// clang-format on

static void one_sentence_each(void **state) { /* every mistake is told, by its own id, where it stands */
  struct ctx *cx = *state;
  for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) expect_edit(cx, good_profile, &broken[i]);
}

static void a_good_one(void **state) { /* what is right is not found fault with, and what it is, is told */
  struct payload_check c;
  checked(*state, slice_of(good_profile), &c);
  assert_no_finding(&c);
  assert_string_equal(c.identifier, "org.example.wifi");
  assert_string_equal(c.uuid, "11111111-2222-4333-8444-555555555500");
  assert_string_equal(c.name, "Wi-Fi");
  assert_null(c.scope);
  assert_false(c.is_signed);
}

/* ---- the file ---- */

static void files_of_other_kinds(void **state) { /* what is no profile at all is refused in words */
  struct ctx *cx = *state;
  char *big = ctx_alloc(cx, PAYLOAD_FILE_MOST + 2);
  memset(big, ' ', PAYLOAD_FILE_MOST + 1);
  const struct {
    struct slice file;
    const char *id;
  } rows[] = {{slice_of(""), "file-empty"},
              {slice_mem(big, PAYLOAD_FILE_MOST + 1), "file-too-large"},
              {slice_of("\xFF\xFE<\0?\0"), "file-no-plist"},
              {slice_of("bplist00"), "file-no-plist"},
              {slice_of("hello"), "file-malformed"},
              {slice_of("<?xml version=\"1.0\"?><plist><array/></plist>"), "file-no-dictionary"},
              {slice_of("0\x03\x02\x01\x01"), "signature-broken"}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct payload_check c;
    checked(cx, rows[i].file, &c);
    assert_int_equal(c.n, 1);
    assert_string_equal(c.findings[0].id, rows[i].id);
    assert_int_equal(c.errors, 1);
    assert_null(c.profile);
  }
}

static void column_of_what_is_malformed(void **state) { /* line and column are those of the fault */
  struct payload_check c;
  checked(*state, slice_of("\n<plist version=\"1.0\">\n  <dict>x</dict>\n</plist>"), &c);
  assert_int_equal(c.findings[0].line, 3);
  assert_non_null(strstr(c.findings[0].text, "(line 3, column 9)"));
}

static void binary_lists(void **state) { /* a binary list is checked as well, without lines */
  struct ctx *cx = *state;
  struct payload_check c;
  checked(cx, slice_of(good_profile), &c);
  struct slice binary = pl_binary(cx, c.profile);
  checked(cx, binary, &c);
  assert_no_finding(&c);
  assert_string_equal(c.identifier, "org.example.wifi");
}

/* ---- signatures ---- */

static struct slice signed_by(struct ctx *cx, const char *profile, int64_t from, int64_t to) {
  struct pki_key *key = NULL;
  struct pki_cert *cert = NULL;
  struct slice der = {0};
  ok(cx, pki_key_new_p256(cx, &key));
  struct pki_issue issue = {.cn = "Example Signer",
                            .subject_key = key,
                            .issuer_key = key,
                            .not_before = from,
                            .not_after = to,
                            .kind = PKI_SIGNING};
  ok(cx, pki_cert_issue(cx, &cert, &issue));
  ok(cx, pki_cms_sign(cx, &der, slice_of(profile), cert, key, NULL, 0));
  return der;
}

static const int64_t day = INT64_C(86400000000);

static void signed_files(void **state) { /* the signer is named; an ended or early one is told; a broken one refused */
  struct ctx *cx = *state;
  struct payload_check c;
  int64_t now = clock_now_us();
  struct slice der = signed_by(cx, good_profile, now - day, now + day);
  checked(cx, der, &c);
  assert_no_finding(&c);
  assert_true(c.is_signed);
  assert_non_null(strstr(c.signer, "Example Signer"));
  assert_true(slice_is(c.plist, good_profile));
  checked(cx, signed_by(cx, good_profile, now - 2 * day, now - day), &c);
  assert_finding(&c, "signature-ended", 0);
  assert_int_equal(c.errors, 0);
  checked(cx, signed_by(cx, good_profile, now + day, now + 2 * day), &c);
  assert_finding(&c, "signature-early", 0);
  char *damaged = ctx_memdup(cx, der.p, der.n);
  *strstr(memmem(damaged, der.n, "Example</string>", 16), "Example") ^= 1;
  checked(cx, slice_mem(damaged, der.n), &c);
  assert_finding(&c, "signature-broken", 0);
  struct slice filled = edited_text(cx, good_profile, "<string>Example</string>", "<string>%Email%</string>");
  checked(cx, signed_by(cx, filled.p, now - day, now + day), &c);
  assert_finding(&c, "signed-variable", 16);
}

/* ---- variables ---- */

static void pieces_of(struct ctx *cx, const char *text, const char *expected) {
  struct slice rest = slice_of(text);
  const char *got = "";
  for (struct payload_piece p; payload_piece(&rest, &p);)
    got = ctx_printf(cx, "%s%c(%.*s)", got, "tv?u"[p.kind], (int)p.text.n, p.text.p);
  assert_string_equal(got, expected);
}

static void pieces(void **state) { /* texts are cut where variables stand; percent signs and escapes are text */
  struct ctx *cx = *state;
  pieces_of(cx, "", "");
  pieces_of(cx, "a %Email% b", "t(a )v(Email)t( b)");
  pieces_of(cx, "%Email%%UDID%", "v(Email)v(UDID)");
  pieces_of(cx, "%%Email%%", "t(%)t(Email)t(%)");
  pieces_of(cx, "100%", "t(100)t(%)");
  pieces_of(cx, "5 % of 10 %", "t(5 )t(%)t( of 10 )t(%)");
  pieces_of(cx, "%Nobody%", "?(Nobody)");
  pieces_of(cx, "%Email", "u(%Email)");
  pieces_of(cx, "%C3%A4%20b%af", "t(%)t(C3)t(%)t(A4)t(%)t(20b)t(%)t(af)");
}

static void variables_are_listed(void **state) { /* each variable that stands in it, once */
  struct ctx *cx = *state;
  struct payload_check c;
  struct slice file =
      edited_text(cx, good_profile, "<string>Example</string>", "<string>%Email% %UDID% %Email%</string>");
  checked(cx, file, &c);
  assert_no_finding(&c);
  assert_string_equal(c.variables[0], "Email");
  assert_string_equal(c.variables[1], "UDID");
  assert_null(c.variables[2]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(one_sentence_each), TEST(a_good_one), TEST(files_of_other_kinds),        TEST(binary_lists),
      TEST(signed_files),      TEST(pieces),     TEST(column_of_what_is_malformed), TEST(variables_are_listed)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
