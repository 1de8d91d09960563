/* Checking profiles: the file, its outermost keys, variables. */
#include "payload_world.h"

#include "base/clock.h"
#include "base/enc.h"

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

/* ---- hostile files ---- */

/* Edits of a right profile, byte by byte, always the same ones. */
static struct slice randomly_edited(struct ctx *cx, uint64_t seed) {
  struct slice s = slice_of(good_profile);
  char *p = ctx_memdup(cx, s.p, s.n);
  for (int i = 0; i < 4; i++) {
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    p[(seed >> 33) % s.n] = (char)(seed >> 24);
  }
  return slice_mem(p, s.n);
}

static void damaged_files(void **state) { /* whatever is damaged, the check ends, with findings that can be shown */
  (void)state;
  for (uint64_t i = 0; i < 3000; i++) {
    struct ctx *cx = ctx_new();
    struct payload_check c;
    checked(cx, randomly_edited(cx, i), &c);
    for (size_t f = 0; f < c.n; f++) assert_true(utf8_valid(slice_of(c.findings[f].key)) && *c.findings[f].text);
    ctx_free(cx);
  }
}

static void big(struct ctx *cx, const char *before, const char *piece, size_t times, const char *after,
                const char *id) {
  struct payload_check c;
  struct buf b = {0};
  buf_add_str(&b, before);
  for (size_t i = 0; i < times; i++) {
    const char *number = strchr(piece, '#'); /* stands for a number */
    buf_add(&b, piece, number ? (size_t)(number - piece) : strlen(piece));
    if (number) buf_printf(&b, "%zu%s", i, number + 1);
  }
  buf_add_str(&b, after);
  checked(cx, edited_text(cx, good_profile, "<key>SSID_STR</key><string>Example</string>", b.p), &c);
  buf_free(&b);
  size_t found = 0;
  for (size_t i = 0; i < c.n; i++) found += strcmp(c.findings[i].id, id) == 0;
  assert_true(found > 0 && c.n <= 1000);
}

static void big_files(void **state) { /* what is large is bounded, in time and in findings */
  struct ctx *cx = *state;
  big(cx, "<key>SSID_STR</key>", "<array>", 40, "", "file-malformed");
  big(cx, "<key>SSID_STR</key><string>", "%a%", 500000, "</string>", "variable-unknown");
  big(cx, "<key>SSID_STR</key><string>", "0123456789", 500000, "</string>", "file-too-large");
  big(cx, "", "<key>SSID_STRING#</key><true/>", 2500, "", "key-unknown");
  big(cx, "<key>PayloadCertificateUUID</key><array>", "<string>#</string>", 90000, "</array>", "format-uuid");
  big(cx, "<key>SetupModes</key><array>", "<string>Systen#</string>", 90000, "</array>", "value-unknown");
  big(cx, "<key>SSID_STR</key><array>", "<true/>", 200000, "</array>", "file-too-large");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_good_one), TEST(files_of_other_kinds),        TEST(binary_lists),         TEST(signed_files),
      TEST(pieces),     TEST(column_of_what_is_malformed), TEST(variables_are_listed), TEST(damaged_files),
      TEST(big_files)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
