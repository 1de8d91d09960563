/* JSON: what is refused, what is read, how it is written. */
#include "base/clock.h"
#include "lib/json.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static enum err parse(struct ctx *cx, struct slice text, struct js **out) {
  char *tight = malloc(text.n ? text.n : 1); /* of its own, so that reading past the end is seen */
  memcpy(tight, text.p, text.n);
  enum err e = js_parse(cx, slice_mem(tight, text.n), out);
  free(tight);
  return e;
}

static struct js *good(struct ctx *cx, const char *text) {
  struct js *n = NULL;
  if (parse(cx, slice_of(text), &n) != OK) fail_msg("%.200s: %s", text, ctx_error_text(cx));
  return n;
}

static void refused(struct ctx *cx, enum err as, struct slice text, const char *because) {
  struct js *n;
  enum err e = parse(cx, text, &n);
  if (e != as || !strstr(ctx_error_text(cx), because))
    fail_msg("%.200s: %s \"%s\", not \"%s\"", text.p, err_slug(e), ctx_error_text(cx), because);
  ctx_clear_error(cx);
}

static struct slice repeated(struct ctx *cx, const char *before, const char *piece, size_t times, const char *after) {
  struct buf b = {0};
  buf_add_str(&b, before);
  for (size_t i = 0; i < times; i++) buf_add_str(&b, piece);
  buf_add_str(&b, after);
  struct slice s = slice_mem(ctx_memdup(cx, b.p, b.n), b.n);
  buf_free(&b);
  return s;
}

/* Goal: what is not JSON, or JSON that two readers could read differently, is refused. */
static void malformed_text_is_refused(void **state) {
  struct ctx *cx = *state;
  static const char *const texts[] = {
      " ",
      "{",
      "[1,]",
      "{\"a\":1,}",
      "{a:1}",
      "{'a':1}",
      "[1] x",
      "[01]",
      "[+1]",
      "[.5]",
      "[nan]",
      "nul",
      "[\"\\x\"]",
      "[\"\\u12\"]",
      "[\"\\ud800\"]",
      "[\"\\udc00x\"]",
      "[\"\\u0000\"]",
      "{\"\\u0000\":1}",
      "[\"\n\"]",
      "[\"\xFF\"]",
      "[\"\xED\xA0\x80\"]",
      "{\"a\":1,\"a\":2}",
      "{\"a\":{\"b\":1,\"b\":1}}",
      "[9223372036854775808]",
      "[1e999]",
      "]",
      "[\"",
      "[\"\\",
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) refused(cx, E_INVALID, slice_of(texts[i]), "at line 1");
  refused(cx, E_INVALID, slice_of(""), "empty");
  refused(cx, E_INVALID, slice_mem("[1]\0", 4), "at line 1");
  refused(cx, E_INVALID, slice_mem("[\"a\0b\"]", 7), "at line 1");
  refused(cx, E_INVALID, slice_of("{\n  \"a\": x}"), "line 2 column");
}

/* Goal: an error names the place, but never quotes the text, which may hold a secret. */
static void errors_do_not_quote(void **state) {
  struct ctx *cx = *state;
  struct js *n;
  assert_int_equal(parse(cx, slice_of("{\"pin\": hunter2}"), &n), E_INVALID);
  assert_null(strstr(ctx_error_text(cx), "hunter"));
}

/* Goal: nesting, values and members have a bound; brackets and commas in strings do not count. */
static void heavy_text_is_refused(void **state) {
  struct ctx *cx = *state;
  struct js *n;
  refused(cx, E_INVALID, repeated(cx, "", "[", 1000000, ""), "nested too deeply");
  refused(cx, E_INVALID, repeated(cx, "", "{\"a\":", 65, "1"), "nested too deeply");
  refused(cx, E_TOO_LARGE, repeated(cx, "[0", ",0", 200001, "]"), "values");
  refused(cx, E_INVALID, repeated(cx, "{\"a\":0", ",\"a\":0", 10000, "}"), "members");
  refused(cx, E_TOO_LARGE, repeated(cx, "", "0123456789abcdef", (16 << 16) + 1, ""), "bytes");
  assert_int_equal(parse(cx, repeated(cx, "[\"\\\"", "[{,", 300000, "\"]"), &n), OK);
  char *deep = ctx_alloc(cx, 129);
  memset(deep, '[', 64);
  memset(deep + 64, ']', 64);
  good(cx, deep);
}

/* Goal: values of every kind are read, in the order of the text. */
static void values_are_read(void **state) {
  struct ctx *cx = *state;
  struct js *o = good(
      cx,
      "{\"s\":\"\\u00e9\\ud83d\\udc69/\\/\",\"i\":-9223372036854775808,\"r\":1.5,\"b\":true,\"n\":null,\"a\":[1,2]}");
  assert_string_equal(js_str(o, "s"), "\xC3\xA9\xF0\x9F\x91\xA9//");
  int64_t i = 0;
  double r = 0;
  bool b = false;
  assert_true(js_int(js_get(o, "i"), &i) && i == INT64_MIN);
  assert_true(js_real(js_get(o, "r"), &r) && r > 1.4 && r < 1.6);
  assert_true(js_real(js_at(js_get(o, "a"), 1), &r) && r > 1.9 && r < 2.1);
  assert_true(js_bool(js_get(o, "b"), &b) && b);
  assert_true(js_is_null(js_get(o, "n")) && js_get(o, "n"));
  assert_int_equal(js_count(o), 6);
  assert_int_equal(js_count(js_get(o, "a")), 2);
  const char *key = NULL;
  assert_ptr_equal(js_member(o, 2, &key), js_get(o, "r"));
  assert_string_equal(key, "r");
  assert_string_equal(js_string(good(cx, "\"alone\"")), "alone");
}

/* Goal: asking for what is not there, or is of another type, gives nothing and changes nothing. */
static void absent_values_are_no_values(void **state) {
  struct ctx *cx = *state;
  struct js *o = good(cx, "{\"r\":1.5,\"s\":\"1\"}");
  int64_t i = 42;
  double r = 42;
  bool b = true;
  const char *key = "kept";
  assert_false(js_int(js_get(o, "r"), &i) || js_int(js_get(o, "s"), &i) || js_int(NULL, &i));
  assert_false(js_real(js_get(o, "s"), &r) || js_bool(js_get(o, "s"), &b) || js_bool(NULL, &b));
  assert_int_equal(i, 42);
  assert_null(js_get(o, "none"));
  assert_null(js_get(NULL, "r"));
  assert_null(js_at(o, 0));
  assert_null(js_member(o, 2, &key));
  assert_null(js_member(NULL, 0, &key));
  assert_null(js_str(o, "r"));
  assert_string_equal(key, "kept");
  assert_true(js_is_null(NULL) && !js_is_object(NULL) && !js_is_array(o) && js_is_object(o));
  assert_int_equal(js_count(NULL), 0);
}

/* Goal: objects are written in the order their keys were first set, nodes shared between containers included. */
static void built_values_are_written(void **state) {
  struct ctx *cx = *state;
  struct js *o = js_object(cx), *a = js_array(cx);
  js_set_int(o, "z", 1);
  js_set_string(o, "a", "<&>\"\n\x01\xC3\xA9");
  js_set_bool(o, "b", false);
  js_set_null(o, "n");
  js_set_real(o, "r", 0.1);
  js_set(o, "list", a);
  js_add(a, good(cx, "{\"k\":[]}")); /* the pointer stays good after the take-over */
  js_add_string(a, NULL);
  js_add(a, NULL);
  js_set(o, "again", a);
  js_set_int(o, "z", 2);
  assert_string_equal(js_text(cx, o, JS_COMPACT).p,
                      "{\"z\":2,\"a\":\"<&>\\\"\\n\\u0001\xC3\xA9\",\"b\":false,\"n\":null,\"r\":0.1,"
                      "\"list\":[{\"k\":[]},null,null],\"again\":[{\"k\":[]},null,null]}");
}

/* Goal: the indented styles use two spaces or one tab, end with a line break, and leave strings alone. */
static void indented_styles(void **state) {
  struct ctx *cx = *state;
  struct js *o = good(cx, "{\"status\":{\"id\":\"a\\n  b\",\"list\":[1]},\"empty\":{}}");
  assert_string_equal(
      js_text(cx, o, JS_TABS).p,
      "{\n\t\"status\": {\n\t\t\"id\": \"a\\n  b\",\n\t\t\"list\": [\n\t\t\t1\n\t\t]\n\t},\n\t\"empty\": {}\n}\n");
  assert_string_equal(
      js_text(cx, o, JS_INDENT).p,
      "{\n  \"status\": {\n    \"id\": \"a\\n  b\",\n    \"list\": [\n      1\n    ]\n  },\n  \"empty\": {}\n}\n");
  assert_string_equal(js_text(cx, good(cx, "7"), JS_COMPACT).p, "7");
}

/* Goal: text that is not UTF-8, numbers JSON lacks and times are written as something JSON has. */
static void unfit_values_are_replaced(void **state) {
  struct ctx *cx = *state;
  struct js *o = js_object(cx);
  js_set_string(o, "s",
                "a\xFF\xE2\x82"
                "b\xC3\xA9");
  js_set_int(o, "k\xFE", 1);
  js_set_string(o, "none", NULL);
  js_set_real(o, "nan", (double)NAN);
  js_set_real(o, "inf", (double)INFINITY);
  js_set_time(o, "never", 0);
  js_set_time(o, "then", 1795162500 * US_SECOND + 999999);
  js_set_time(o, "before", -1);
  assert_string_equal(
      js_text(cx, o, JS_COMPACT).p,
      "{\"s\":\"a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"
      "b\xC3\xA9\",\"k\xEF\xBF\xBD\":1,\"none\":null,\"nan\":null,"
      "\"inf\":null,\"never\":null,\"then\":\"2026-11-20T08:15:00Z\",\"before\":\"1969-12-31T23:59:59Z\"}");
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
      TEST(malformed_text_is_refused), TEST(errors_do_not_quote),         TEST(heavy_text_is_refused),
      TEST(values_are_read),           TEST(absent_values_are_no_values), TEST(built_values_are_written),
      TEST(indented_styles),           TEST(unfit_values_are_replaced),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
