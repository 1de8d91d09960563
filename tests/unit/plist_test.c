/* Property lists: samples, reading, building and writing. */
#include "base/clock.h"
#include "plist_help.h"
#include <dirent.h>
#include <math.h>
#include <stdio.h>

#define SAMPLES TEST_DATA "/apple"

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

/* Goal: what CFPropertyList writes and XML cannot carry is replaced and counted; all else stays byte for byte. */
static void washed(void **state) {
  static const struct {
    const char *raw, *clean;
    size_t replaced;
  } rows[] = {
      {"a\x01"
       "b\x1f",
       "a?b?", 2},
      {"\xEF\xBF\xBF\xEF\xBF\xBE", "\xEF\xBF\xBD\xEF\xBF\xBD", 2},
      {"\xED\xA0\x80", "???", 3}, /* half of a surrogate pair */
      {"\xC3(", "?(", 1},
      {"&#1;&#x1F;&#xFFFF;&#0;|", "??????????????????????|", 4},
      {"&#65;&amp;&#x1F600;&#;&#x;|&#zz;",
       "&#65;&amp;&#x1F600;&#;?"
       "???|&#zz;",
       1}, /* no trigraph */
      {"\xF0\x9F\x98\x80 \xE2\x80\xAE\t\n\x7f", "\xF0\x9F\x98\x80 \xE2\x80\xAE\t\n\x7f", 0},
      {"", "", 0},
      {"<dict><key></key><a/><key/><key>k</key><key", "<dict><key>?</key><a/><key>?</key><key>k</key><key", 2},
  };
  struct ctx *cx = *state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    size_t n;
    struct slice out = pl_wash(cx, slice_of(rows[i].raw), &n);
    assert_int_equal(n, rows[i].replaced);
    assert_true(slice_is(out, rows[i].clean));
  }
  size_t n;
  assert_true(pl_wash(cx, slice_of("bplist00\x01"), &n).n == 9 && n == 0);
  assert_true(pl_wash(cx, (struct slice){0}, &n).n == 0 && n == 0); /* a body that is not there */
}

int main(void) {
  static const struct CMUnitTest tests[] = {
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
      TEST(washed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
