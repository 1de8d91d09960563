/* What the tests of property lists share. */
#ifndef POMONA_TESTS_PLIST_HELP_H
#define POMONA_TESTS_PLIST_HELP_H

#include "lib/plist.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<plist version=\"1.0\">"
#define DICT(inside) "<dict>" inside "</dict>"

static inline enum err parse(struct ctx *cx, struct slice bytes, struct pl **out) {
  return pl_parse(cx, bytes, &pl_limits_checkin, out);
}

/* Parses a copy of just the right size, so that the sanitizer sees a read past the end. */
static inline enum err parse_tight(struct ctx *cx, struct slice bytes, struct pl **out) {
  char *copy = malloc(bytes.n ? bytes.n : 1);
  memcpy(copy, bytes.p, bytes.n);
  enum err e = parse(cx, slice_mem(copy, bytes.n), out);
  free(copy);
  return e;
}

static inline struct slice xml_of(struct ctx *cx, const char *root) {
  return slice_of(ctx_printf(cx, HEAD "%s</plist>\n", root));
}

static inline struct pl *good(struct ctx *cx, struct slice bytes) {
  struct pl *p = NULL;
  if (parse_tight(cx, bytes, &p) != OK) fail_msg("%.200s: %s", bytes.p, ctx_error_text(cx));
  return p;
}

static inline void refused_as(struct ctx *cx, enum err as, struct slice bytes, const char *because) {
  struct pl *p = NULL;
  enum err e = parse_tight(cx, bytes, &p);
  if (e != as || !strstr(ctx_error_text(cx), because))
    fail_msg("%.200s: %s \"%s\", not \"%s\"", bytes.p, err_slug(e), ctx_error_text(cx), because);
  ctx_clear_error(cx);
}
static inline void refused(struct ctx *cx, struct slice bytes, const char *because) {
  refused_as(cx, E_INVALID, bytes, because);
}

static inline struct slice repeated(struct ctx *cx, const char *before, const char *piece, size_t times,
                                    const char *after) {
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

static inline int set_up(void **state) {
  *state = ctx_new();
  return 0;
}
static inline int tear_down(void **state) {
  ctx_free(*state);
  return 0;
}
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

#endif
