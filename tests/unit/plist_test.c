/* Property lists: what the scan refuses, what it accepts and how libplist then reads it, building and writing. */
#include "base/clock.h"
#include "lib/plist.h"
#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<plist version=\"1.0\">"
#define DICT(inside) "<dict>" inside "</dict>"
#define SAMPLES TEST_DATA "/apple"

static enum err parse(struct ctx *cx, struct slice bytes, struct pl **out) {
  return pl_parse(cx, bytes, &pl_limits_checkin, out);
}

/* Parses a copy of just the right size, so that the sanitizer sees a read past the end. */
static enum err parse_tight(struct ctx *cx, struct slice bytes, struct pl **out) {
  char *copy = malloc(bytes.n ? bytes.n : 1);
  memcpy(copy, bytes.p, bytes.n);
  enum err e = parse(cx, slice_mem(copy, bytes.n), out);
  free(copy);
  return e;
}

static struct slice xml_of(struct ctx *cx, const char *root) {
  return slice_of(ctx_printf(cx, HEAD "%s</plist>\n", root));
}

static struct pl *good(struct ctx *cx, struct slice bytes) {
  struct pl *p = NULL;
  if (parse_tight(cx, bytes, &p) != OK) fail_msg("%.200s: %s", bytes.p, ctx_error_text(cx));
  return p;
}

static void refused_as(struct ctx *cx, enum err as, struct slice bytes, const char *because) {
  struct pl *p = NULL;
  enum err e = parse_tight(cx, bytes, &p);
  if (e != as || !strstr(ctx_error_text(cx), because))
    fail_msg("%.200s: %s \"%s\", not \"%s\"", bytes.p, err_slug(e), ctx_error_text(cx), because);
  ctx_clear_error(cx);
}
static void refused(struct ctx *cx, struct slice bytes, const char *because) {
  refused_as(cx, E_INVALID, bytes, because);
}

static struct slice repeated(struct ctx *cx, const char *before, const char *piece, size_t times, const char *after) {
  struct buf b = {0};
  buf_add_str(&b, HEAD);
  buf_add_str(&b, before);
  for (size_t i = 0; i < times; i++) buf_add_str(&b, piece);
  buf_add_str(&b, after);
  buf_add_str(&b, "</plist>");
  struct slice s = slice_mem(ctx_memdup(cx, b.p, b.n), b.n);
  buf_free(&b);
  return s;
}

/* ---- what is refused: XML ---- */

/* Goal: every malformed element, text and value is refused, for the reason it has. */
static void malformed_xml_is_refused(void **state) {
  struct ctx *cx = *state;
  static const char *const roots[][2] = {
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
  for (size_t i = 0; i < sizeof roots / sizeof *roots; i++) refused(cx, xml_of(cx, roots[i][0]), roots[i][1]);
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
  assert_int_equal(pl_scan(cx, many_keys(cx, 1, 9999), &pl_limits_report), OK);
  assert_int_equal(pl_scan(cx, many_keys(cx, 1, 10001), &pl_limits_report), E_INVALID);
  assert_int_equal(pl_scan(cx, many_keys(cx, 25, 2000), &pl_limits_report), OK);
  assert_int_equal(pl_scan(cx, many_keys(cx, 26, 2000), &pl_limits_report), E_INVALID);
  assert_int_equal(pl_scan(cx, many_keys(cx, 2000, 60), &pl_limits_report), OK);
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

/* ---- the samples ---- */

static struct slice read_sample(struct ctx *cx, const char *name) {
  FILE *f = fopen(ctx_printf(cx, SAMPLES "/%s", name), "rb");
  assert_non_null(f);
  char *p = ctx_alloc(cx, 1 << 16);
  size_t n = fread(p, 1, 1 << 16, f);
  fclose(f);
  assert_in_range(n, 1, (1 << 16) - 1);
  return slice_mem(p, n);
}

static int for_each_sample(void (*each)(struct ctx *cx, const char *name, struct slice bytes)) {
  DIR *d = opendir(SAMPLES);
  assert_non_null(d);
  int count = 0;
  for (struct dirent *e; (e = readdir(d));) {
    if (!slice_ends(slice_of(e->d_name), ".plist")) continue;
    struct ctx *cx = ctx_new();
    each(cx, e->d_name, read_sample(cx, e->d_name));
    ctx_free(cx);
    count++;
  }
  closedir(d);
  return count;
}

static void cut_everywhere(struct ctx *cx, const char *name, struct slice bytes) {
  size_t whole = slice_trim(bytes).n;
  for (size_t n = 0; n < bytes.n; n++) {
    struct pl *p;
    enum err e = parse_tight(cx, slice_mem(bytes.p, n), &p);
    if ((e == OK) != (n >= whole)) fail_msg("%s cut to %zu bytes: %s", name, n, err_slug(e));
    ctx_clear_error(cx);
  }
}

/* Goal: no sample that was cut is taken for whole; only the white space at its end may be missing. */
static void truncated_samples_are_refused(void **state) {
  (void)state;
  assert_true(for_each_sample(cut_everywhere) > 50);
}

static void round_trip(struct ctx *cx, const char *name, struct slice bytes) {
  struct slice xml = pl_xml(cx, good(cx, bytes));
  struct slice again = pl_xml(cx, good(cx, pl_binary(cx, good(cx, xml))));
  if (!slice_eq(xml, again)) fail_msg("%s changed on its way through a binary list", name);
}

/* Goal: every sample parses, and stays the same from XML to binary to XML. */
static void samples_survive_round_trips(void **state) {
  (void)state;
  assert_true(for_each_sample(round_trip) > 50);
}

static void flip_bytes(struct ctx *cx, const char *name, struct slice bytes) {
  (void)name;
  for (size_t i = 0; i < bytes.n; i++) {
    static const char with[] = {0, '<', '>', '&', '/', (char)0x80, (char)0xFF};
    char *copy = ctx_memdup(cx, bytes.p, bytes.n);
    copy[i] = with[i % sizeof with];
    struct pl *p;
    if (parse_tight(cx, slice_mem(copy, bytes.n), &p) == OK) good(cx, pl_xml(cx, p));
    ctx_clear_error(cx);
  }
}

/* Goal: what is still accepted after a byte was changed can be written and read again. */
static void damaged_samples_do_no_harm(void **state) {
  (void)state;
  assert_true(for_each_sample(flip_bytes) > 50);
}

/* Goal: the odd but valid forms of the samples are read as meant. */
static void odd_whitespace_is_understood(void **state) {
  struct ctx *cx = *state;
  struct pl *p = good(cx, read_sample(cx, "checkin-tokenupdate-odd-whitespace.plist"));
  assert_string_equal(pl_str(p, "PushMagic"), "6E0B1A7C-95D3-4A28-B6F1-C3D2E4F50617");
  struct slice token;
  assert_true(pl_data(pl_get(p, "Token"), &token));
  assert_int_equal(token.n, 32);
  bool awaiting = true;
  assert_true(pl_bool(pl_get(p, "AwaitingConfiguration"), &awaiting));
  assert_false(awaiting);
  struct pl *binary_one = good(cx, read_sample(cx, "checkin-tokenupdate-binary.plist"));
  assert_string_equal(pl_str(binary_one, "MessageType"), "TokenUpdate");
}

/* ---- what is read ---- */

static struct pl *only(struct ctx *cx, const char *root) { return good(cx, xml_of(cx, root)); }

/* Goal: strings come out decoded, whatever of entities, CDATA and comments they were written with. */
static void strings_are_decoded(void **state) {
  struct ctx *cx = *state;
  static const char *const cases[][2] = {
      {"<string/>", ""},
      {"<string></string>", ""},
      {"<string > a </string >", " a "},
      {"<string>&lt;&gt;&amp;&quot;&apos;</string>", "<>&\"'"},
      {"<string>&#65;&#x42;&#xe9;&#x20AC;&#x10FFFF;</string>", "AB\xC3\xA9\xE2\x82\xAC\xF4\x8F\xBF\xBF"},
      {"<string>a<!-- <b> & -->b<![CDATA[<&>]]>c</string>", "ab<&>c"},
      {"<string><![CDATA[]]></string>", ""},
      {"<string><!----></string>", ""},
      {"<string>\xE6\x97\xA5\xE6\x9C\xAC \xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x94\xA7 \xD7\xA9</string>",
       "\xE6\x97\xA5\xE6\x9C\xAC \xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x94\xA7 \xD7\xA9"},
      {"<string>tab\tline\n</string>", "tab\tline\n"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct slice s;
    assert_true(pl_string(only(cx, cases[i][0]), &s));
    assert_int_equal(s.n, strlen(cases[i][1]));
    assert_string_equal(s.p, cases[i][1]);
  }
}

/* Goal: numbers come out with their sign and size, or not at all. */
static void numbers_are_read(void **state) {
  struct ctx *cx = *state;
  static const struct {
    const char *root;
    int64_t value;
  } cases[] = {{"<integer>0</integer>", 0},
               {"<integer> -1\n</integer>", -1},
               {"<integer>+7</integer>", 7},
               {"<integer>0x7fFF</integer>", 0x7FFF},
               {"<integer>-0x10</integer>", -16},
               {"<integer>9223372036854775807</integer>", INT64_MAX},
               {"<integer>-9223372036854775808</integer>", INT64_MIN}};
  int64_t v = 42;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct pl *n = only(cx, cases[i].root);
    assert_true(pl_int(n, &v));
    assert_int_equal(v, cases[i].value);
    assert_true(pl_int(good(cx, pl_binary(cx, n)), &v));
    assert_int_equal(v, cases[i].value);
  }
  v = 42;
  assert_false(pl_int(only(cx, "<integer>18446744073709551615</integer>"), &v));
  assert_false(pl_int(only(cx, "<string>1</string>"), &v));
  assert_int_equal(v, 42);
  double d = 0;
  assert_true(pl_real(only(cx, "<real>494.384</real>"), &d));
  assert_true(d > 494.383 && d < 494.385);
  assert_true(pl_real(only(cx, "<real> -1.5E+2 </real>"), &d));
  assert_true(d < -149.9 && d > -150.1);
  assert_true(pl_real(only(cx, "<real>-infinity</real>"), &d));
  assert_true(isinf(d));
}

/* Goal: dates far from now are as exact as others, also those before 1970 and after 2069. */
static void dates_are_read(void **state) {
  struct ctx *cx = *state;
  static const struct {
    const char *root;
    int64_t seconds;
  } cases[] = {{"<date>1970-01-01T00:00:00Z</date>", 0},
               {"<date>\n2026-11-20T08:15:00Z </date>", 1795162500},
               {"<date>1969-12-31T23:59:59Z</date>", -1},
               {"<date>2000-02-29T12:00:00Z</date>", 951825600},
               {"<date>4001-01-01T00:00:00Z</date>", INT64_C(64092211200)},
               {"<date>0001-01-01T00:00:00Z</date>", INT64_C(-62135596800)},
               {"<date>9999-12-31T23:59:59Z</date>", INT64_C(253402300799)}};
  int64_t us = 0;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct pl *n = only(cx, cases[i].root);
    assert_true(pl_date(n, &us));
    assert_int_equal(us, cases[i].seconds * US_SECOND);
    assert_true(pl_date(good(cx, pl_xml(cx, n)), &us));
    assert_int_equal(us, cases[i].seconds * US_SECOND);
    struct pl *d = pl_new_dict(cx);
    pl_set_date(d, "when", us);
    assert_true(pl_date(pl_get(good(cx, pl_xml(cx, d)), "when"), &us));
    assert_int_equal(us, cases[i].seconds * US_SECOND);
  }
}

/* Goal: data of any layout, and empty containers, are read. */
static void data_and_containers_are_read(void **state) {
  struct ctx *cx = *state;
  struct slice s;
  assert_true(pl_data(only(cx, "<data>\r\n\tAA E\tC\n</data>"), &s));
  assert_int_equal(s.n, 3);
  assert_memory_equal(s.p, "\0\1\2", 3);
  assert_true(pl_data(only(cx, "<data> AQ== </data>"), &s) && s.n == 1);
  assert_true(pl_data(only(cx, "<data> </data>"), &s) && s.n == 0);
  assert_true(pl_data(only(cx, "<data/>"), &s) && s.n == 0);
  assert_int_equal(pl_type(only(cx, "<dict />")), PL_DICT);
  assert_int_equal(pl_count(only(cx, "<array><dict/><array></array></array>")), 2);
  assert_int_equal(pl_type(only(cx, "<true></true>")), PL_BOOL);
  assert_int_equal(pl_type(good(cx, slice_of("\xEF\xBB\xBF<plist><true/></plist>"))), PL_BOOL);
  assert_int_equal(
      pl_type(good(cx, slice_of("<?xml version='1.0' encoding='utf-8' ?><!-- --><!DOCTYPE plist PUBLIC "
                                "\"-//Apple//DTD PLIST 1.0//EN\" \"[x]\"><plist version='1.0' ><true/></plist>\n"))),
      PL_BOOL);
}

/* Goal: asking for what is not there, or is of another type, gives nothing and changes nothing. */
static void absent_values_are_no_values(void **state) {
  struct ctx *cx = *state;
  struct pl *p = only(cx, DICT("<key>a</key><array><true/></array>"));
  struct slice s = slice_of("kept");
  assert_null(pl_get(p, "b"));
  assert_null(pl_get(NULL, "b"));
  assert_null(pl_get(pl_get(p, "a"), "b"));
  assert_null(pl_at(p, 0));
  assert_null(pl_at(NULL, 0));
  assert_null(pl_at(pl_get(p, "a"), 1));
  assert_null(pl_str(p, "a"));
  assert_false(pl_string(p, &s) || pl_data(p, &s) || pl_string(NULL, &s));
  assert_string_equal(s.p, "kept");
  assert_int_equal(pl_count(NULL), 0);
  assert_int_equal(pl_type(NULL), PL_NONE);
}

static void add_key(const char *key, struct pl *value, void *arg) {
  bool v = false;
  assert_true(pl_bool(value, &v));
  buf_printf(arg, "%s=%d ", key, v);
}

/* Goal: members come in the order of the text, and a long binary array is walked in one go. */
static void members_are_listed(void **state) {
  struct ctx *cx = *state;
  struct buf b = {0};
  pl_each(only(cx, DICT("<key>z</key><true/><key>a</key><false/>")), add_key, &b);
  pl_each(only(cx, "<array/>"), add_key, &b);
  pl_each(only(cx, "<dict/>"), add_key, &b);
  assert_string_equal(b.p, "z=1 a=0 ");
  buf_free(&b);
  struct pl *a = good(cx, pl_binary(cx, good(cx, repeated(cx, "<array>", "<true/>", 19000, "</array>"))));
  for (size_t i = 0; i < 19000; i++) assert_int_equal(pl_type(pl_at(a, i)), PL_BOOL);
  pl_add_string(a, "last");
  assert_int_equal(pl_type(pl_at(a, 19000)), PL_STRING);
}

/* ---- building ---- */

/* Goal: what is built is written as valid XML, of any script, and reads back the same. */
static void built_lists_read_back(void **state) {
  struct ctx *cx = *state;
  static const char text[] = "<&>\"' ]]> \xD7\xA9\xE6\x97\xA5 \xF0\x9F\x91\xA9 \t\n";
  struct pl *outer = pl_new_dict(cx), *inner = pl_new_dict(cx), *list = pl_new_array(cx);
  pl_set(outer, "Command", inner);
  pl_set(inner, "List", list);
  pl_set_string(inner, "RequestType", "later"); /* the pointer stays good after the take-over */
  pl_set_string(inner, "RequestType", text);
  pl_set_string(inner, text, "under a key like that");
  pl_set_int(inner, "Int", INT64_MIN);
  pl_set_bool(inner, "Bool", true);
  pl_set_data(inner, "Data", slice_mem("\0\xFF", 2));
  pl_set_data(inner, "None", (struct slice){0});
  pl_add_string(list, text);
  pl_add_data(list, slice_mem("abc", 3));
  pl_add(list, pl_new_dict(cx));
  struct slice forms[] = {pl_xml(cx, outer), pl_binary(cx, outer)};
  for (size_t i = 0; i < 2; i++) {
    struct pl *p = pl_get(good(cx, forms[i]), "Command");
    assert_string_equal(pl_str(p, "RequestType"), text);
    assert_string_equal(pl_str(p, text), "under a key like that");
    int64_t v = 0;
    assert_true(pl_int(pl_get(p, "Int"), &v) && v == INT64_MIN);
    struct slice d;
    assert_true(pl_data(pl_get(p, "Data"), &d) && slice_eq(d, slice_mem("\0\xFF", 2)));
    assert_true(pl_data(pl_get(p, "None"), &d) && d.n == 0);
    assert_int_equal(pl_count(pl_get(p, "List")), 3);
    assert_int_equal(pl_type(pl_at(pl_get(p, "List"), 2)), PL_DICT);
  }
}

/* Goal: text that XML cannot carry is written visibly damaged, not dropped. */
static void unfit_text_is_replaced(void **state) {
  struct ctx *cx = *state;
  struct pl *d = pl_new_dict(cx);
  pl_set_string(d, "k\x01",
                "a\x02"
                "b\xFF\xE2\x82"
                "c\xEF\xBF\xBE");
  assert_string_equal(pl_str(good(cx, pl_xml(cx, d)), "k\xEF\xBF\xBD"), "a\xEF\xBF\xBD"
                                                                        "b\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"
                                                                        "c\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
}

/* Goal: a node is owned once: new containers are taken over, nodes of another root are copied. */
static void nodes_have_one_owner(void **state) {
  struct ctx *cx = *state;
  struct pl *parsed = only(cx, DICT("<key>a</key><array><true/></array>"));
  struct pl *one = pl_new_dict(cx), *two = pl_new_array(cx), *item = pl_new_array(cx);
  pl_set(one, "copy", pl_get(parsed, "a"));
  pl_add(two, item);
  pl_add(two, item); /* the second time a copy */
  pl_set(one, "two", two);
  pl_set(parsed, "a", pl_new_array(cx)); /* frees the old array, not its copy */
  assert_int_equal(pl_count(pl_get(one, "copy")), 1);
  assert_int_equal(pl_count(pl_get(one, "two")), 2);
  assert_int_equal(pl_count(pl_get(parsed, "a")), 0);
}

static int set_up(void **state) {
  *state = ctx_new();
  return 0;
}
static int tear_down(void **state) {
  ctx_free(*state);
  return 0;
}
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
  static const struct CMUnitTest tests[] = {
      TEST(malformed_xml_is_refused),
      TEST(malformed_documents_are_refused),
      TEST(deep_xml_is_refused),
      TEST(heavy_xml_is_refused),
      TEST(many_keys_are_refused),
      TEST(entity_work_is_summed),
      TEST(malformed_binary_is_refused),
      TEST(lying_frames_are_refused),
      TEST(shared_references_are_counted),
      TEST(shared_text_is_counted),
      TEST(deep_binary_is_refused),
      TEST(truncated_samples_are_refused),
      TEST(samples_survive_round_trips),
      TEST(damaged_samples_do_no_harm),
      TEST(odd_whitespace_is_understood),
      TEST(strings_are_decoded),
      TEST(numbers_are_read),
      TEST(dates_are_read),
      TEST(data_and_containers_are_read),
      TEST(absent_values_are_no_values),
      TEST(members_are_listed),
      TEST(built_lists_read_back),
      TEST(unfit_text_is_replaced),
      TEST(nodes_have_one_owner),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
