/* Property lists: in which line things stand. */
#include "plist_help.h"

static void lines_of_values(void **state) { /* each value has its key's line, whatever stands between */
  struct ctx *cx = *state;
  int *lines;
  size_t n;
  const char *text = "<?xml version=\"1.0\"?>\n<!-- <dict>\n-->\n<plist version=\"1.0\">\n<dict>\n" /* root: 5 */
                     "<key>a</key>\n\n<string>x<!-- \n --><![CDATA[<true/>\n]]></string>\n"         /* a: 6 */
                     "<key>b<!--\n--></key><array>\n<true/><dict/>\n</array>\n" /* b: 11; items: 13 */
                     "</dict></plist>";
  static const int expected[] = {5, 6, 11, 13, 13};
  good(cx, slice_of(text));
  pl_lines(cx, slice_of(text), &lines, &n);
  assert_int_equal(n, sizeof expected / sizeof *expected);
  for (size_t i = 0; i < n; i++) assert_int_equal(lines[i], expected[i]);
}

static void no_lines_of_binary_lists(void **state) { /* a binary list has none */
  struct ctx *cx = *state;
  int *lines;
  size_t n = 1;
  pl_lines(cx, pl_binary(cx, good(cx, xml_of(cx, "<true/>"))), &lines, &n);
  assert_int_equal(n, 0);
}

static void refused_at(struct ctx *cx, const char *text, int line, int column, const char *twice) {
  struct pl_where where;
  assert_int_equal(pl_scan_where(cx, slice_of(text), &pl_limits_checkin, &where), E_INVALID);
  ctx_clear_error(cx);
  assert_int_equal(where.line, line);
  assert_int_equal(where.column, column);
  if (twice)
    assert_string_equal(where.twice, twice);
  else
    assert_null(where.twice);
}

static void places_of_faults(void **state) { /* line and column of what is malformed; the key that stands twice */
  struct ctx *cx = *state;
  struct pl_where where;
  refused_at(cx, "<plist>\n<arra/>\n</plist>", 2, 6, NULL);
  refused_at(cx, "\xEF\xBB\xBF<plist>\n\n <true>", 3, 8, NULL);
  refused_at(cx, "<plist><dict>\n<key>a</key><true/>\n<key>a</key><true/>\n</dict></plist>", 3, 1, "a");
  refused_at(cx, "<plist><dict>\n<key>a</key><dict><key>a</key><dict />\n<key>a</key><true/></dict></dict></plist>", 3,
             1, "a");
  refused_at(cx, "<plist><dict>\n<key>a</key><true/><key>&#97;</key><true/>\n</dict></plist>", 3, 1, NULL);
  assert_int_equal(pl_scan_where(cx, slice_of("bplist00"), &pl_limits_checkin, &where), E_INVALID);
  assert_int_equal(where.line, 0);
  ctx_clear_error(cx);
  assert_int_equal(pl_scan_where(cx, slice_of(HEAD "<true/></plist>"), &pl_limits_checkin, &where), OK);
  assert_int_equal(where.line, 0);
}

static void many_keys_end_soon(void **state) { /* looking for the key takes no longer than the scan */
  struct ctx *cx = *state;
  struct buf b = {0};
  struct pl_where where;
  for (int i = 0; i < 9000; i++) buf_printf(&b, "<key>%d</key><true/>", i);
  struct slice text = xml_of(cx, ctx_printf(cx, "<dict>%s<key>1</key><true/></dict>", b.p));
  buf_free(&b);
  assert_int_not_equal(pl_scan_where(cx, text, &pl_limits_report, &where), OK);
  ctx_clear_error(cx);
}

int main(void) {
  static const struct CMUnitTest tests[] = {TEST(lines_of_values), TEST(no_lines_of_binary_lists),
                                            TEST(places_of_faults), TEST(many_keys_end_soon)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
