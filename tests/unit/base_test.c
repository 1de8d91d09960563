#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/enc.h"
#include "base/map.h"
#include "base/secret.h"
#include "base/thread.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

/* Text that is not UTF-8, in every way that one can be wrong. */
static void test_utf8(void **state) {
  (void)state;
  static const char *const bad[] = {"\x80",
                                    "\xc0\xaf",
                                    "\xc1\xbf",
                                    "\xe0\x80\x80",
                                    "\xed\xa0\x80",
                                    "\xf0\x80\x80\x80",
                                    "\xf4\x90\x80\x80",
                                    "\xf8\x88\x80\x80\x80",
                                    "\xe2\x82",
                                    "a\xff"};
  static const char *const good[] = {"", "plain", "\xc2\xa9", "\xe2\x82\xac", "\xf0\x9f\x8d\x8e", "\xf4\x8f\xbf\xbf"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(utf8_valid(slice_of(bad[i])));
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) assert_true(utf8_valid(slice_of(good[i])));
  assert_false(utf8_valid(slice_mem("a\0b", 3)));
  assert_false(text_is_plain(slice_of("a\tb")));
  assert_false(text_is_plain(slice_of("\xc2\x9b")));
  assert_false(text_is_plain(slice_of("a\xe2\x80\xa8")));
  assert_false(text_is_plain(slice_of("a\xe2\x80\xae.")));
  assert_false(text_is_plain(slice_of("a\xe2\x81\xa6")));
  assert_true(text_is_plain(slice_of("a\xe2\x80\x8f")));
  assert_true(utf8_valid(slice_of("a\tb")));
}

/* What browsers would take out of an address, or take for two parts of it, is no name. */
static void test_segments(void **state) {
  (void)state;
  static const char *const no_segments[] = {"", ".", "..", "a/b", "/", "a\nb"};
  for (size_t i = 0; i < sizeof no_segments / sizeof *no_segments; i++)
    assert_false(text_is_segment(slice_of(no_segments[i])));
  static const char *const segments[] = {"new", "...", ".a", "a..", "50%", "%2F", "#?&;", "\xf0\x9f\x8d\x8e"};
  for (size_t i = 0; i < sizeof segments / sizeof *segments; i++) assert_true(text_is_segment(slice_of(segments[i])));
}

/* Numbers that are none, and those at the edge. */
static void test_numbers(void **state) {
  (void)state;
  static const char *const bad[] = {"", "-", "1a", " 1", "9223372036854775808", "-9223372036854775809", "0x10"};
  int64_t v;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(slice_to_i64(slice_of(bad[i]), &v));
  assert_true(slice_to_i64(slice_of("9223372036854775807"), &v) && v == INT64_MAX);
  assert_true(slice_to_i64(slice_of("-9223372036854775808"), &v) && v == INT64_MIN);
  assert_true(slice_to_i64(slice_of("007"), &v) && v == 7);
}

static void test_spans(void **state) {
  (void)state;
  static const char *const bad[] = {"", "0", "h", "-1h", "1y", "1.5h", "99999999999999w"};
  int64_t v;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(dec_span(slice_of(bad[i]), &v));
  assert_true(dec_span(slice_of("90"), &v) && v == 90 * US_SECOND);
  assert_true(dec_span(slice_of("15m"), &v) && v == 15 * US_MINUTE);
  assert_true(dec_span(slice_of("2w"), &v) && v == 14 * US_DAY);
}

/* Base64 that is not, then round trips of every length in both alphabets. */
static void test_base64(void **state) {
  (void)state;
  struct ctx *cx = ctx_new();
  static const char *const bad[] = {"A", "AAAAA", "AA=A", "AAA==", "====", "A*AA", "AA\x01="};
  struct slice out;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_int_equal(dec_base64(cx, slice_of(bad[i]), &out), E_INVALID);
    ctx_clear_error(cx);
  }
  char data[64];
  secret_random(data, sizeof data);
  for (size_t n = 0; n <= sizeof data; n++) {
    assert_int_equal(dec_base64(cx, slice_of(enc_base64(cx, data, n)), &out), OK);
    assert_true(slice_eq(out, slice_mem(data, n)));
    assert_int_equal(dec_base64(cx, slice_of(enc_base64url(cx, data, n)), &out), OK);
    assert_true(slice_eq(out, slice_mem(data, n)));
  }
  assert_int_equal(dec_base64(cx, slice_of(" Zm 9v\r\n\tYg = =\n"), &out), OK);
  assert_true(slice_is(out, "foob"));
  ctx_free(cx);
}

static void test_percent(void **state) {
  (void)state;
  struct ctx *cx = ctx_new();
  struct slice out;
  static const char *const bad[] = {"%", "%1", "%zz", "a%00"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_int_equal(dec_percent(cx, slice_of(bad[i]), &out), E_INVALID);
  ctx_clear_error(cx);
  assert_int_equal(dec_percent(cx, slice_of("a+b%2Bc%2f"), &out), OK);
  assert_true(slice_is(out, "a+b+c/"));
  assert_string_equal(enc_percent(cx, slice_of("a b/\xc3\xa9~")), "a%20b%2F%C3%A9~");
  ctx_free(cx);
}

static void test_uuid(void **state) {
  (void)state;
  char a[UUID_LEN + 1], b[UUID_LEN + 1];
  uuid_new(a);
  uuid_new(b);
  assert_true(uuid_valid(slice_of(a)) && a[14] == '4' && strcmp(a, b) != 0);
  assert_false(uuid_valid(slice_of("11111111-1111-1111-1111-11111111111g")));
  assert_false(uuid_valid(slice_of("11111111111111111111111111111111")));
}

static void test_cut(void **state) {
  (void)state;
  struct slice rest = slice_of("a,,b"), piece;
  assert_true(slice_cut(&rest, ',', &piece) && slice_is(piece, "a"));
  assert_true(slice_cut(&rest, ',', &piece) && piece.n == 0);
  assert_true(slice_cut(&rest, ',', &piece) && slice_is(piece, "b"));
  assert_false(slice_cut(&rest, ',', &piece));
}

/* Serial numbers are read in both forms. */
static void test_decimal(void **state) {
  (void)state;
  struct ctx *cx = ctx_new();
  assert_string_equal(enc_decimal(cx, "0"), "0");
  assert_string_equal(enc_decimal(cx, "00ff"), "255");
  assert_string_equal(enc_decimal(cx, "8000000000000000"), "9223372036854775808");
  assert_string_equal(enc_decimal(cx, "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"),
                      "1461501637330902918203684832716283019655932542975");
  assert_null(enc_decimal(cx, ""));
  assert_null(enc_decimal(cx, "12G4"));
  ctx_free(cx);
}

/* The first error stands, whatever its length; deferred releases run in reverse order. */
static int order[2], released;
static void release(void *arg) { order[released++] = *(int *)arg; }

static void test_context(void **state) {
  (void)state;
  struct ctx *cx = ctx_new();
  int one = 1, two = 2;
  char *big = ctx_alloc(cx, 100000);
  assert_int_equal(big[99999], 0);
  assert_int_equal(FAIL(cx, E_INVALID, "first"), E_INVALID);
  assert_int_equal(FAIL(cx, E_STORAGE, "second"), E_STORAGE);
  assert_int_equal(ctx_error(cx), E_INVALID);
  assert_string_equal(ctx_error_text(cx), "first");
  assert_non_null(strstr(ctx_error_place(cx), "base_test.c:"));
  ctx_clear_error(cx);
  char *many = memset(ctx_alloc(cx, 3001), 'x', 3000);
  assert_int_equal(FAIL(cx, E_INVALID, "%s.", many), E_INVALID);
  assert_string_equal(ctx_error_text(cx), ctx_printf(cx, "%s.", many));
  ctx_defer(cx, release, &one);
  ctx_defer(cx, release, &two);
  char *trace = ctx_strdup(cx, ctx_trace(cx));
  assert_int_equal(strlen(trace), 16);
  ctx_reset(cx);
  assert_int_equal(released, 2);
  assert_int_equal(order[0], 2);
  assert_int_equal(ctx_error(cx), OK);
  ctx_free(cx);
}

/* Errors go over the wire by their slug and come back as the same. */
static void test_errors(void **state) {
  (void)state;
  assert_int_equal(err_from_slug("not-found"), E_NOT_FOUND);
  assert_int_equal(err_from_slug("conflict"), E_CONFLICT);
  assert_int_equal(err_from_slug("no such slug"), E_INTERNAL);
  assert_int_equal(err_from_slug(NULL), E_INTERNAL);
  assert_int_equal(err_http_status(E_CONFLICT), 409);
  assert_int_equal(err_exit_status(E_NOT_FOUND), 3);
}

static bool keep_even(struct slice key, void *value, void *arg) {
  (void)key, (void)arg;
  return *(int *)value % 2 == 0;
}

static void test_map(void **state) {
  (void)state;
  static int values[1000];
  struct map *m = map_new();
  for (int i = 0; i < 1000; i++) {
    values[i] = i;
    assert_null(map_put(m, slice_mem(&values[i], sizeof i), &values[i]));
  }
  assert_int_equal(map_count(m), 1000);
  for (int i = 0; i < 1000; i++) assert_ptr_equal(map_get(m, slice_mem(&i, sizeof i)), &values[i]);
  assert_ptr_equal(map_put(m, slice_mem(&values[7], sizeof(int)), &values[8]), &values[7]);
  assert_ptr_equal(map_del(m, slice_mem(&values[7], sizeof(int))), &values[8]);
  assert_null(map_del(m, slice_mem(&values[7], sizeof(int))));
  map_filter(m, keep_even, NULL);
  assert_int_equal(map_count(m), 500);
  assert_null(map_get(m, slice_of("")));
  map_free(m, NULL);
}

/* Notes come out oldest first, each once, from many threads; the descriptor is readable while something waits. */
enum { THREADS = 4, NOTES = 1000 };
struct numbered {
  struct note note;
  int thread, n;
};
static struct mailbox box;

static void *post_all(void *arg) {
  int thread = *(int *)arg;
  for (int i = 0; i < NOTES; i++) {
    struct numbered *n = mem_alloc(sizeof *n);
    n->thread = thread;
    n->n = i;
    mailbox_post(&box, &n->note);
  }
  return NULL;
}

static void test_mailbox(void **state) {
  (void)state;
  pthread_t threads[THREADS];
  int ids[THREADS], next[THREADS] = {0}, got = 0;
  mailbox_init(&box);
  for (int i = 0; i < THREADS; i++) threads[i] = (ids[i] = i, thread_start("poster", post_all, &ids[i]));
  while (got < THREADS * NOTES) {
    struct pollfd p = {.fd = box.fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 10000), 1);
    for (struct note *n = mailbox_take(&box); n; got++) {
      struct numbered *m = (struct numbered *)n;
      n = n->next;
      assert_int_equal(m->n, next[m->thread]++);
      free(m);
    }
  }
  for (int i = 0; i < THREADS; i++) thread_join(threads[i]);
  assert_null(mailbox_take(&box));
  mailbox_close(&box);
}

/* An HTTP date is read in its one form, and nothing else is one. */
static void test_http_date(void **state) {
  (void)state;
  static const char *const bad[] = {"", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
                                    "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 06 Nox 1994 08:49:37 GMT"};
  int64_t us = 0;
  assert_true(dec_http_date(slice_of("Sun, 06 Nov 1994 08:49:37 GMT"), &us));
  assert_int_equal(us, 784111777 * INT64_C(1000000));
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(dec_http_date(slice_of(bad[i]), &us));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_http_date), cmocka_unit_test(test_utf8),    cmocka_unit_test(test_segments),
      cmocka_unit_test(test_numbers),   cmocka_unit_test(test_spans),   cmocka_unit_test(test_base64),
      cmocka_unit_test(test_percent),   cmocka_unit_test(test_uuid),    cmocka_unit_test(test_cut),
      cmocka_unit_test(test_context),   cmocka_unit_test(test_decimal), cmocka_unit_test(test_errors),
      cmocka_unit_test(test_map),       cmocka_unit_test(test_mailbox),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
