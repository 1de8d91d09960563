/* Property lists: what the scan refuses. */
#include "plist_help.h"

/* ---- what is refused: XML ---- */

/* What stands inside <plist>, and what the refusal says. */
static const char *const malformed_roots[][2] = {
    {"", "fits no opening"},
    {"<dict>", "fits no opening"},
    {"</dict>", "fits no opening"},
    {"<array></dict>", "fits no opening"},
    {"<array><dict></array></dict>", "fits no opening"},
    {"<string>a</strin>", "fits no opening"},
    {"<string>a<b/></string>", "closing tag is missing"},
    {"<string>a<string>b</string></string>", "closing tag is missing"},
    {"<true/><true/>", "closing tag is missing"},
    {"<dict/>x", "closing tag is missing"},
    {"x<dict/>", "outside an element"},
    {"<array>x</array>", "outside an element"},
    {"<array><![CDATA[x]]></array>", "do not have"},
    {"<array><?php ?></array>", "do not have"},
    {"<null/>", "do not have"},
    {"<Dict/>", "do not have"},
    {"<dictx/>", "do not have"},
    {"<plist><true/></plist>", "do not have"},
    {"<array><!DOCTYPE x></array>", "do not have"},
    {"<dict a=\"b\"/>", "attributes"},
    {"<dict / >", "does not end"},
    {"<true>no</true>", "closing tag is missing"},
    {DICT("<key>a</key>"), "without a value"},
    {DICT("<key>a</key><key>b</key>"), "without a value"},
    {DICT("<string>a</string>"), "without a key"},
    {"<array><key>a</key></array>", "outside a dictionary"},
    {"<key>a</key>", "outside a dictionary"},
    {DICT("<key></key><true/>"), "empty key"},
    {DICT("<key/><true/>"), "not be empty"},
    {DICT("<key>a</key><true/><key>a</key><true/>"), "twice"},
    {DICT("<key>a&amp;</key><true/><key><![CDATA[a&]]></key><true/>"), "twice"},
    {DICT("<key>\xC3\xA9</key><true/><key>&#xE9;</key><true/>"), "twice"},
    {DICT("<key>a<!-- -->b</key><true/><key>ab</key><true/>"), "twice"},
    {"<string>&nbsp;</string>", "entity"},
    {"<string>&ampx;</string>", "entity"},
    {"<string>&;</string>", "entity"},
    {"<string>& </string>", "entity"},
    {"<string>a&</string>", "entity"},
    {"<string>&#0;</string>", "entity"},
    {"<string>&#1;</string>", "entity"},
    {"<string>&#xD800;</string>", "entity"},
    {"<string>&#xFFFE;</string>", "entity"},
    {"<string>&#x110000;</string>", "entity"},
    {"<string>&#X41;</string>", "entity"},
    {"<string>&#;</string>", "entity"},
    {"<string>&#x;</string>", "entity"},
    {"<string>&#-65;</string>", "entity"},
    {"<string>&#x0000041;</string>", "entity"},
    {"<string>a\x01</string>", "not UTF-8"},
    {"<string>\xFF</string>", "not UTF-8"},
    {"<string>\xC0\xAF</string>", "not UTF-8"},
    {"<string>\xE0\x80\x80</string>", "not UTF-8"},
    {"<string>\xED\xA0\x80</string>", "not UTF-8"},
    {"<string>\xEF\xBF\xBF</string>", "not UTF-8"},
    {"<string>\xF4\x90\x80\x80</string>", "not UTF-8"},
    {"<string>\xE2\x82</string>", "not UTF-8"},
    {"<string><![CDATA[\x02]]></string>", "not UTF-8"},
    {"<!-- \x03 --><true/>", "not UTF-8"},
    {"<data>AAA</data>", "base64"},
    {"<data>A===</data>", "base64"},
    {"<data>====</data>", "base64"},
    {"<data>AA=A</data>", "base64"},
    {"<data>AA-_</data>", "base64"},
    {"<data>AA<!-- -->AA</data>", "base64"},
    {"<data><![CDATA[AAAA]]></data>", "closing tag is missing"},
    {"<integer></integer>", "integer"},
    {"<integer/>", "not be empty"},
    {"<integer>-</integer>", "integer"},
    {"<integer>1 2</integer>", "integer"},
    {"<integer>010</integer>", "integer"},
    {"<integer>0x</integer>", "integer"},
    {"<integer>12a</integer>", "integer"},
    {"<integer>--1</integer>", "integer"},
    {"<integer>18446744073709551616</integer>", "integer"},
    {"<integer>-9223372036854775809</integer>", "integer"},
    {"<integer>0x10000000000000000</integer>", "integer"},
    {"<integer>1<!-- -->2</integer>", "closing tag is missing"},
    {"<real/>", "not be empty"},
    {"<real>.</real>", "real"},
    {"<real>1e</real>", "real"},
    {"<real>1,5</real>", "real"},
    {"<real>0x1p3</real>", "real"},
    {"<date/>", "not be empty"},
    {"<date>2026-11-20</date>", "date"},
    {"<date>2026-13-20T08:15:00Z</date>", "date"},
    {"<date>2026-02-29T08:15:00Z</date>", "date"},
    {"<date>1900-02-29T08:15:00Z</date>", "date"},
    {"<date>2026-11-20T24:00:00Z</date>", "date"},
    {"<date>2026-11-20T23:59:60Z</date>", "date"},
    {"<date>2026-11-20T08:15:00</date>", "date"},
    {"<date>2026-11-20T08:15:00.5Z</date>", "date"},
    {"<date>0000-11-20T08:15:00Z</date>", "date"},
    {"<date>2026-11-20T08:15:00Z            </date>", "white space"},
    {"<array><!-- x</array>", "too early"},
    {"<string><![CDATA[x</string>", "too early"},
};

/* Goal: every malformed element, text and value is refused, for the reason it has. */
static void malformed_xml_is_refused(void **state) {
  struct ctx *cx = *state;
  for (size_t i = 0; i < sizeof malformed_roots / sizeof *malformed_roots; i++)
    refused(cx, xml_of(cx, malformed_roots[i][0]), malformed_roots[i][1]);
}

/* Goal: what stands around the root is as strict: declaration, document type, plist tags, the end. */
static void malformed_documents_are_refused(void **state) {
  struct ctx *cx = *state;
#define ROOT "<plist version=\"1.0\"><true/></plist>"
  static const char *const documents[][2] = {
      {"", "empty"},
      {" \n", "<plist> is missing"},
      {"hello", "<plist> is missing"},
      {"<dict/>", "<plist> is missing"},
      {"{\"a\": 1}", "<plist> is missing"},
      {"<plist>", "too early"},
      {"<plist/>", "does not end"},
      {"<plist><true/>", "too early"},
      {"<plist><true/></plis", "too early"},
      {ROOT "x", "behind </plist>"},
      {ROOT ROOT, "behind </plist>"},
      {ROOT "<!-- -->", "behind </plist>"},
      {"<plist name=\"x\"><true/></plist>", "unknown attribute"},
      {"<plist version=1.0><true/></plist>", "does not end"},
      {"<plist version=\"1.0,><true/></plist>", "does not end"},
      {"<plist version=><true/></plist>", "does not end"},
      {"<plist version><true/></plist>", "does not end"},
      {"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>" ROOT, "not encoded in UTF-8"},
      {"<?xml version=\"1.0\" encoding='UTF-16'?>" ROOT, "not encoded in UTF-8"},
      {"<?xml version=\"1.0\" encoding=\"UTF-8\'?>" ROOT, "XML declaration"},
      {"<?xml version=\"1.0\">" ROOT, "XML declaration"},
      {"<?xml-stylesheet href=\"x\"?>" ROOT, "XML declaration"},
      {"<!DOCTYPE plist [<!ENTITY a \"b\">]>" ROOT, "DTD"},
      {"<!DOCTYPE plist SYSTEM \"x\" [ ]>" ROOT, "DTD"},
      {"<!DOCTYPE plist SYSTEM 'a>b'>" ROOT, "DTD"},
      {"<!DOCTYPE plist><!DOCTYPE plist>" ROOT, "<plist> is missing"},
      {"\xFF\xFE<\0", "not encoded in UTF-8"},
      {"\xFE\xFF\0<", "not encoded in UTF-8"},
  };
  for (size_t i = 0; i < sizeof documents / sizeof *documents; i++)
    refused(cx, slice_of(documents[i][0]), documents[i][1]);
  refused(cx, slice_mem("<\0p\0l\0i\0", 8), "not encoded in UTF-8");
  refused(cx, slice_mem(ROOT "\0", sizeof ROOT), "behind </plist>");
  refused(cx, slice_mem("<plist><string>a\0b</string></plist>", 35), "not UTF-8");
}

/* Goal: nesting that ends libplist's stack is refused, at the closed and at the open end, and 64 levels are not. */
static void deep_xml_is_refused(void **state) {
  struct ctx *cx = *state;
  char *open = ctx_alloc(cx, 7 * 100000 + 1), *close = ctx_alloc(cx, 8 * 100000 + 1);
  for (size_t i = 0; i < 100000; i++) {
    memcpy(open + 7 * i, "<array>", 7);
    memcpy(close + 8 * i, "</array>", 8);
  }
  refused(cx, xml_of(cx, open), "nested too deeply");
  refused(cx, slice_of(open), "<plist> is missing");
  open[7 * 64] = close[8 * 64] = '\0';
  good(cx, slice_of(ctx_printf(cx, HEAD "%s%s</plist>", open, close)));
  refused(cx, slice_of(ctx_printf(cx, HEAD "%s<array/>%s</plist>", open, close)), "nested too deeply");
  struct pl_limits wide = {.bytes = 1 << 20, .depth = 1000000, .nodes = 1000000, .expanded = 1 << 20};
  assert_int_equal(pl_scan(cx, xml_of(cx, ctx_printf(cx, "%s<dict/>%s", open, close)), &wide), E_INVALID);
}

/* Goal: entities, keys, values and bytes that make libplist slow are refused by number. */
static void heavy_xml_is_refused(void **state) {
  struct ctx *cx = *state;
  good(cx, repeated(cx, "<string>", "&amp;", 10000, "</string>"));
  refused(cx, repeated(cx, "<string>", "&amp;", 10001, "</string>"), "entities");
  refused(cx, repeated(cx, "<string>&lt;", "0123456789abcdef", 4096, "</string>"), "entities");
  good(cx, repeated(cx, "<string>", "0123456789abcdef", 4096, "</string>"));
  good(cx, repeated(cx, "<string>", "&#65;&#65;x<!-- -->", 16000, "</string>"));
  refused_as(cx, E_TOO_LARGE, repeated(cx, "<array>", "<true/>", 20000, "</array>"), "values");
  good(cx, repeated(cx, "<array>", "<true/>", 19999, "</array>"));
  refused_as(cx, E_TOO_LARGE, repeated(cx, "<string>", "<!---->", 20000, "</string>"), "values");
  refused_as(cx, E_TOO_LARGE, repeated(cx, "<string>", "0123456789abcdef", 65536, "</string>"), "bytes");
}

static struct slice many_keys(struct ctx *cx, int dictionaries, int keys) {
  struct buf b = {0};
  buf_add_str(&b, HEAD "<array>");
  for (int d = 0; d < dictionaries; d++) {
    buf_add_str(&b, "<dict>");
    for (int k = 0; k < keys; k++) buf_printf(&b, "<key>%d</key><true/>", k);
    buf_add_str(&b, "</dict>");
  }
  buf_add_str(&b, "</array></plist>");
  struct slice s = slice_mem(ctx_memdup(cx, b.p, b.n), b.n);
  buf_free(&b);
  return s;
}

/* Goal: dictionaries whose keys could be chosen to fall into one chain are bounded, singly and together. */
static void many_keys_are_refused(void **state) {
  struct ctx *cx = *state;
  struct pl_limits few = pl_limits_report;
  few.keys = 0;
  assert_int_equal(pl_scan(cx, many_keys(cx, 1, 3162), &few), OK);
  assert_int_equal(pl_scan(cx, many_keys(cx, 1, 3163), &few), E_INVALID);
  assert_int_equal(pl_scan(cx, many_keys(cx, 10, 1000), &few), OK);
  assert_int_equal(pl_scan(cx, many_keys(cx, 11, 1000), &few), E_INVALID);
  assert_int_equal(pl_scan(cx, many_keys(cx, 2000, 60), &few), OK);
  assert_int_equal(pl_scan(cx, many_keys(cx, 1, 12247), &pl_limits_report),
                   OK); /* devices with 10,000 apps are heard */
  assert_int_equal(pl_scan(cx, many_keys(cx, 1, 12248), &pl_limits_report), E_INVALID);
}

/* Goal: several runs of entities are weighed together. */
static void entity_work_is_summed(void **state) {
  struct ctx *cx = *state;
  struct buf run = {0};
  for (int i = 0; i < 9000; i++) buf_add_str(&run, "&amp;");
  char *one = ctx_printf(cx, "<string>%s</string>", run.p);
  buf_free(&run);
  assert_int_equal(pl_scan(cx, repeated(cx, "<array>", one, 2, "</array>"), &pl_limits_report), OK);
  assert_int_equal(pl_scan(cx, repeated(cx, "<array>", one, 3, "</array>"), &pl_limits_report), E_INVALID);
}

/* ---- what is refused: binary ---- */

/* A binary list of objects, one byte for each reference and offset; object 0 is the root. */
static struct slice binary(struct ctx *cx, const struct slice *objects, size_t n) {
  struct buf b = {0}, offsets = {0};
  buf_add_str(&b, "bplist00");
  for (size_t i = 0; i < n; i++) {
    buf_add_char(&offsets, (char)b.n);
    buf_add_slice(&b, objects[i]);
  }
  assert_true(b.n < 256);
  char trailer[32] = {[6] = 1, [7] = 1, [15] = (char)n, [31] = (char)b.n};
  buf_add_slice(&b, buf_slice(&offsets));
  buf_add(&b, trailer, sizeof trailer);
  struct slice s = slice_mem(ctx_memdup(cx, b.p, b.n), b.n);
  buf_free(&b);
  buf_free(&offsets);
  return s;
}
#define O(bytes) ((struct slice){bytes, sizeof bytes - 1})
#define BINARY(cx, ...)                                                                                                \
  binary(cx, (struct slice[]){__VA_ARGS__}, sizeof((struct slice[]){__VA_ARGS__}) / sizeof(struct slice))

/* Goal: every malformed object of a binary list is refused. */
static void malformed_binary_is_refused(void **state) {
  struct ctx *cx = *state;
  refused(cx, BINARY(cx, O("\xA1\x00")), "holds itself");
  refused(cx, BINARY(cx, O("\xA1\x01"), O("\xD1\x02\x00"), O("\x51k")), "holds itself");
  refused(cx, BINARY(cx, O("\xA1\x07")), "no object");
  refused(cx, BINARY(cx, O("\xA2\x01"), O("\x09")), "no object");
  refused(cx, BINARY(cx, O("\xA4\x00")), "container out of bounds");
  refused(cx, BINARY(cx, O("\xD1\x01\x01"), O("\x09")), "key that is no string");
  refused(cx, BINARY(cx, O("\xD1\x01\x01"), O("\x50")), "key that is no string");
  refused(cx, BINARY(cx, O("\xD2\x01\x02\x01\x02"), O("\x51k"), O("\x51k")), "twice");
  refused(cx, BINARY(cx, O("\xD2\x01\x02\x01\x02"), O("\x51k"), O("\x61\x00k")), "twice");
  refused(cx, BINARY(cx, O("\xD2\x01\x01\x01\x01"), O("\x51k")), "twice");
  refused(cx, BINARY(cx, O("\x00")), "null");
  refused(cx, BINARY(cx, O("\x0F")), "null");
  refused(cx, BINARY(cx, O("\x15")), "integer");
  refused(cx, BINARY(cx, O("\x13\0\0\0")), "integer");
  refused(cx, BINARY(cx, O("\x14\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF")), "64 bits");
  refused(cx, BINARY(cx, O("\x21\0\0")), "real");
  refused(cx, BINARY(cx, O("\x32\0\0\0\0")), "date");
  refused(cx, BINARY(cx, O("\x33\x7F\xF8\0\0\0\0\0\0")), "date out of range");
  refused(cx, BINARY(cx, O("\x33\x7F\xE0\0\0\0\0\0\0")), "date out of range");
  refused(cx, BINARY(cx, O("\x44\0")), "data out of bounds");
  refused(cx, BINARY(cx, O("\x4F\x13\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF")), "data out of bounds");
  refused(cx, BINARY(cx, O("\x4F\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0")), "count");
  refused(cx, BINARY(cx, O("\x4F\x09")), "count");
  refused(cx, BINARY(cx, O("\x5F\x10")), "count out of bounds");
  refused(cx,
          BINARY(cx, O("\x53"
                       "a\0b")),
          "plain ASCII");
  refused(cx, BINARY(cx, O("\x51\xE9")), "plain ASCII");
  refused(cx, BINARY(cx, O("\x51\x1B")), "plain ASCII");
  refused(cx, BINARY(cx, O("\x60")), "string out of bounds");
  refused(cx, BINARY(cx, O("\x62\x00k")), "string out of bounds");
  refused(cx, BINARY(cx, O("\x61\xD8\x00")), "surrogate");
  refused(cx, BINARY(cx, O("\x61\xDC\x00")), "surrogate");
  refused(cx, BINARY(cx, O("\x62\xD8\x00\x00k")), "surrogate");
  refused(cx, BINARY(cx, O("\x61\x00\x00")), "NUL");
  refused(cx, BINARY(cx, O("\x80\x01")), "UID");
  refused(cx, BINARY(cx, O("\xC1\x01"), O("\x09")), "set");
  refused(cx, BINARY(cx, O("\x71x")), "unknown");
  refused_as(cx, E_TOO_LARGE, BINARY(cx, O("\xAF\x13\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF")), "values");
  refused_as(cx, E_TOO_LARGE, BINARY(cx, O("\xDF\x13\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF")), "values");
}

/* Goal: header and trailer that lie about sizes, counts and places are refused; no changed byte is read past the end.
 */
static void lying_frames_are_refused(void **state) {
  struct ctx *cx = *state;
  struct slice b = BINARY(cx, O("\xA2\x01\x02"), O("\x09"), O("\x53xyz"));
  good(cx, b);
  refused(cx, slice_of("bplist00"), "too short");
  refused(cx, slice_of("bplist15aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), "too short");
  struct pl *p;
  for (size_t at = 0; at < b.n; at++) {
    for (int v = 0; v < 256; v++) {
      char *copy = ctx_memdup(cx, b.p, b.n);
      copy[at] = (char)v;
      if (parse_tight(cx, slice_mem(copy, b.n), &p) == OK) assert_true(pl_xml(cx, p).n > 0);
      ctx_clear_error(cx);
    }
  }
  char *copy = ctx_memdup(cx, b.p, b.n);
  memset(copy + b.n - 24, 0xFF, 8);
  refused_as(cx, E_TOO_LARGE, slice_mem(copy, b.n), "values");
}

/* Goal: shared references that grow without end are refused by what they would become. */
static void shared_references_are_counted(void **state) {
  struct ctx *cx = *state;
  struct slice o[12];
  for (size_t i = 0; i < 11; i++) {
    char *ten = ctx_alloc(cx, 11);
    memset(ten, (int)i + 1, 11);
    ten[0] = (char)0xAA;
    o[i] = slice_mem(ten, 11);
  }
  o[11] = O("\x09");
  refused_as(cx, E_TOO_LARGE, binary(cx, o, 12), "values");
  o[3] = O("\x09");
  assert_int_equal(pl_count(good(cx, binary(cx, o, 12))), 10);
}

/* Goal: a long text that many references share is counted as often as it stands. */
static void shared_text_is_counted(void **state) {
  struct ctx *cx = *state;
  struct buf b = {0};
  buf_add(&b, "bplist00\xAF\x11\x03\xE8", 12); /* 1000 times object 1 */
  for (int i = 0; i < 1000; i++) buf_add_char(&b, 1);
  buf_add(&b, "\x5F\x11\x10\x00", 4); /* 4096 characters */
  for (int i = 0; i < 4096; i++) buf_add_char(&b, 'x');
  size_t table = b.n;
  buf_add(&b, "\x00\x08\x03\xF4", 4);
  char trailer[32] = {[6] = 2, [7] = 1, [15] = 2, [30] = (char)(table >> 8), [31] = (char)(table & 0xFF)};
  buf_add(&b, trailer, sizeof trailer);
  refused_as(cx, E_TOO_LARGE, buf_slice(&b), "bytes of text");
  assert_int_equal(pl_scan(cx, buf_slice(&b), &pl_limits_report), OK);
  buf_free(&b);
}

/* Goal: 64 arrays in each other are accepted, 65 are not. */
static void deep_binary_is_refused(void **state) {
  struct ctx *cx = *state;
  struct slice o[66];
  for (size_t i = 0; i < 65; i++) o[i] = slice_mem(ctx_printf(cx, "\xA1%c", (char)(i + 1)), 2);
  o[63] = O("\xA0");
  good(cx, binary(cx, o, 64));
  o[63] = slice_mem("\xA1\x40", 2);
  o[64] = O("\xA0");
  refused(cx, binary(cx, o, 65), "nested too deeply");
  o[64] = O("\x09");
  good(cx, binary(cx, o, 65));
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      TEST(malformed_xml_is_refused),    TEST(malformed_documents_are_refused), TEST(deep_xml_is_refused),
      TEST(heavy_xml_is_refused),        TEST(many_keys_are_refused),           TEST(entity_work_is_summed),
      TEST(malformed_binary_is_refused), TEST(lying_frames_are_refused),        TEST(shared_references_are_counted),
      TEST(shared_text_is_counted),      TEST(deep_binary_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
