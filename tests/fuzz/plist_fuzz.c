/* Property lists: what the scan accepts, libplist must accept, and what is then written must be accepted again, in
   either format, and stay the same. Every scalar is read on the way. */
#include "lib/plist.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(struct ctx *cx, bool ok, const char *what) {
  if (ok) return;
  fprintf(stderr, "%s: %s\n", what, ctx_error_text(cx));
  abort();
}

static void read_node(struct pl *n);

static void read_member(const char *key, struct pl *value, void *dict) {
  if (!pl_get(dict, key)) abort();
  read_node(value);
}

static void read_node(struct pl *n) {
  struct slice s = {0};
  int64_t i;
  double r;
  bool b;
  switch (pl_type(n)) {
  case PL_DICT:
    pl_each(n, read_member, n);
    break;
  case PL_ARRAY:
    for (size_t at = 0; at < pl_count(n); at++) read_node(pl_at(n, at));
    break;
  case PL_STRING:
    if (!pl_string(n, &s) || !utf8_valid(s) || s.p[s.n] != '\0') abort();
    break;
  case PL_DATA:
    if (!pl_data(n, &s)) abort();
    break;
  case PL_INT:
    (void)pl_int(n, &i);
    break;
  case PL_REAL:
    if (!pl_real(n, &r)) abort();
    break;
  case PL_BOOL:
    if (!pl_bool(n, &b)) abort();
    break;
  case PL_DATE:
    if (!pl_date(n, &i)) abort();
    break;
  case PL_NONE:
    abort();
  }
}

static void check(struct ctx *cx, struct slice bytes) {
  static const struct pl_limits first = {.bytes = 1 << 16, .depth = 64, .nodes = 5000, .expanded = 1 << 17};
  struct pl *p, *again;
  if (pl_scan(cx, bytes, &first) != OK) return;
  must(cx, pl_parse(cx, bytes, &first, &p) == OK, "the scan accepted what libplist refuses");
  read_node(p);
  struct slice xml = pl_xml(cx, p);
  must(cx, pl_parse(cx, xml, &pl_limits_report, &again) == OK, "written XML is refused");
  must(cx, slice_eq(pl_xml(cx, again), xml), "XML changes when it is read and written");
  must(cx, pl_parse(cx, pl_binary(cx, again), &pl_limits_report, &again) == OK, "a written binary list is refused");
  must(cx, slice_eq(pl_xml(cx, again), xml), "XML changes on its way through a binary list");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct ctx *cx = ctx_new();
  check(cx, slice_mem(data, size));
  ctx_free(cx);
  return 0;
}
