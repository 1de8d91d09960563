/* What stands behind an operator, by the type of the field. */
#include "base/clock.h"
#include "base/enc.h"
#include "core/platform.h"
#include "core/roster_filter_int.h"

#include <string.h>

/* A value being read, and where mistakes are shown. */
struct reading {
  struct ctx *cx;
  struct slice text;
  struct roster_term *t;
  const char *name;
};
#define WRONG_OP(r, ...) ROSTER_WRONG((r)->cx, (r)->text, (r)->t->at, __VA_ARGS__)
#define WRONG_VALUE(r, ...) ROSTER_WRONG((r)->cx, (r)->text, (r)->t->value_at, __VA_ARGS__)

static bool is_equality(enum roster_op op) { return op == ROSTER_EQ || op == ROSTER_NE; }

static enum err read_text(struct reading *r) {
  struct roster_term *t = r->t;
  if (!is_equality(t->op) && t->op != ROSTER_HAS)
    return WRONG_OP(r, "%s is a text: it is compared by = and !=, or by ~ (contains)", r->name);
  if (t->op == ROSTER_HAS && t->text.n == 0) return WRONG_VALUE(r, "behind ~ stands what %s is to contain", r->name);
  return OK;
}

static enum err read_flag(struct reading *r) {
  static const char *const on[] = {"on", "yes", "true", "1"}, *const off[] = {"off", "no", "false", "0"};
  struct roster_term *t = r->t;
  if (!is_equality(t->op)) return WRONG_OP(r, "%s is on, off or unknown: it is compared by = and !=", r->name);
  for (size_t i = 0; i < sizeof on / sizeof *on; i++) {
    if (slice_ieq(t->text, on[i])) return t->number = 1, OK;
    if (slice_ieq(t->text, off[i])) return t->number = 0, OK;
  }
  return WRONG_VALUE(r, "%s is on, off or unknown", r->name);
}

/* "0.25" in thousandths. */
static bool thousandths(struct slice s, int64_t *out) {
  struct slice part = s, whole = {0};
  int64_t n, fraction = 0;
  if (!slice_cut(&part, '.', &whole) || whole.n > 12 || !slice_to_i64(whole, &n)) return false;
  bool has_point = whole.n < s.n;
  if (has_point && (part.n == 0 || part.n > 3)) return false;
  for (size_t i = 0; i < 3; i++) {
    char c = i < part.n ? part.p[i] : '0';
    if (c < '0' || c > '9') return false;
    fraction = fraction * 10 + (c - '0');
  }
  *out = n * 1000 + (*s.p == '-' ? -fraction : fraction);
  return true;
}

static enum err read_number(struct reading *r) {
  if (r->t->op == ROSTER_HAS) return WRONG_OP(r, "%s is a number: it is compared by = != < <= > >=", r->name);
  if (thousandths(r->t->text, &r->t->number)) return OK;
  return WRONG_VALUE(r, "%s is a number, as 64 or 0.25, with at most three digits behind the point", r->name);
}

static enum err read_version(struct reading *r) {
  struct roster_term *t = r->t;
  if (t->op == ROSTER_HAS) return read_text(r);
  t->number = platform_version(t->text);
  if (t->number < 0) return WRONG_VALUE(r, "%s is a version, as 18 or 14.7.1", r->name);
  t->parts = 1;
  for (size_t i = 0; i < t->text.n; i++) t->parts += t->text.p[i] == '.';
  return OK;
}

static enum err read_time(struct reading *r) {
  struct roster_term *t = r->t;
  if (t->op == ROSTER_HAS) return WRONG_OP(r, "%s is a time: it is compared by < and >", r->name);
  if (dec_time(t->text, &t->number)) return OK;
  if (dec_date(t->text, &t->number)) return t->span = US_DAY, OK;
  if (!dec_span(t->text, &t->number))
    return WRONG_VALUE(r, "%s is a time: how long ago, as 90m, 12h, 7d or 2w, or a date, as 2026-01-31", r->name);
  if (is_equality(t->op))
    return WRONG_OP(r, "how long ago is compared by < and >: %s>7d is longer ago than seven days", r->name);
  t->ago = true;
  return OK;
}

enum err roster_value(struct ctx *cx, struct slice text, struct roster_term *t, bool quoted) {
  static enum err (*const read[])(struct reading *) = {[ROSTER_TEXT] = read_text,
                                                       [ROSTER_NUMBER] = read_number,
                                                       [ROSTER_FLAG] = read_flag,
                                                       [ROSTER_VERSION] = read_version,
                                                       [ROSTER_TIME] = read_time};
  enum roster_type type = roster_fields[t->field].type;
  struct reading r = {cx, text, t, roster_fields[t->field].name};
  bool none = t->text.n == 0 ? type != ROSTER_FLAG : type != ROSTER_TEXT && !quoted && slice_ieq(t->text, "unknown");
  if (!none || !is_equality(t->op)) return read[type](&r);
  t->value = ROSTER_NONE;
  return OK;
}
