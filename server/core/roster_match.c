/* Does a device match? Pure, and quick: for each of a whole fleet. */
#include "core/platform.h"
#include "core/roster_filter_int.h"

#include <string.h>

const struct roster_sets *roster_outside;

/* Id, serial number, name, model; user, e-mail address, tag, note: they stand together in roster.def. */
_Static_assert(ROSTER_MODEL == ROSTER_ID + 3 && ROSTER_NOTE == ROSTER_USER + 3, "what a word alone is looked for in");

static bool match_word(const struct roster_term *t, const struct roster_device *d) {
  return roster_search(d, ROSTER_ID, ROSTER_MODEL, t->text) || roster_search(d, ROSTER_USER, ROSTER_NOTE, t->text);
}

static bool match_set(const struct roster_term *t, int64_t device) {
  size_t from = 0, to = t->devices_n;
  while (from < to) {
    size_t middle = from + (to - from) / 2;
    if (t->devices[middle] == device) return t->op == ROSTER_EQ;
    if (t->devices[middle] < device)
      from = middle + 1;
    else
      to = middle;
  }
  return t->op != ROSTER_EQ;
}

static bool in_order(enum roster_op op, int64_t a, int64_t b) {
  switch (op) {
  case ROSTER_EQ:
    return a == b;
  case ROSTER_NE:
    return a != b;
  case ROSTER_LT:
    return a < b;
  case ROSTER_LE:
    return a <= b;
  case ROSTER_GT:
    return a > b;
  case ROSTER_GE:
    return a >= b;
  case ROSTER_HAS:
    break;
  }
  return false;
}

/* Longer ago is greater; a day is all of it. */
static bool match_time(const struct roster_term *t, int64_t at, int64_t now) {
  if (t->ago) return in_order(t->op, now - at, t->number);
  if (!t->span) return in_order(t->op, at, t->number);
  bool within = at >= t->number && at < t->number + t->span;
  switch (t->op) {
  case ROSTER_EQ:
  case ROSTER_NE:
    return within == (t->op == ROSTER_EQ);
  case ROSTER_LE:
  case ROSTER_GT:
    return (at < t->number + t->span) == (t->op == ROSTER_LE);
  default:
    return in_order(t->op, at, t->number);
  }
}

/* With = the first parts are the same: 18 is 18.6.1, too. */
static bool match_version(const struct roster_term *t, int64_t version) {
  enum { PART_BITS = 16, PARTS = 4 };
  int dropped = PART_BITS * (PARTS - t->parts);
  if (t->op == ROSTER_EQ || t->op == ROSTER_NE)
    return (version >> dropped == t->number >> dropped) == (t->op == ROSTER_EQ);
  return in_order(t->op, version, t->number);
}

static bool match_text(const struct roster_term *t, const char *text) {
  return (roster_compare(text, t->text.p) == 0) == (t->op == ROSTER_EQ);
}

/* What is not known is no value, and neither less nor more than one. */
static bool match_field(const struct roster_term *t, const struct roster_device *d, int64_t now) {
  enum roster_type type = roster_fields[t->field].type;
  if (t->op == ROSTER_HAS) return roster_search(d, t->field, t->field, t->text);
  bool by_text = type == ROSTER_TEXT;
  const char *text = by_text ? roster_text(d, t->field) : NULL;
  int64_t number = by_text ? 0 : roster_number(d, t->field);
  bool known = by_text ? text != NULL : number != INT64_MIN;
  if (t->value == ROSTER_NONE) return known == (t->op == ROSTER_NE);
  if (!known) return t->op == ROSTER_NE;
  if (by_text) return match_text(t, text);
  if (type == ROSTER_TIME) return match_time(t, number, now);
  if (type == ROSTER_VERSION) return match_version(t, number);
  return in_order(t->op, number, t->number);
}

static bool match(const struct roster_term *t, const struct roster_device *d, int64_t now) {
  switch (t->kind) {
  case ROSTER_COMPARE:
    return match_field(t, d, now);
  case ROSTER_WORD:
    return match_word(t, d);
  case ROSTER_SET:
    return match_set(t, d->device);
  case ROSTER_NOT:
    return !match(t->first, d, now);
  case ROSTER_ALL:
  case ROSTER_ANY:
    break;
  }
  const struct roster_term *child = t->first;
  while (child && match(child, d, now) == (t->kind == ROSTER_ALL)) child = child->next;
  return (child == NULL) == (t->kind == ROSTER_ALL);
}

bool roster_match(const struct roster_filter *f, const struct roster_device *d, int64_t now) {
  return !f->root || match(f->root, d, now);
}

static enum err ready(struct ctx *cx, struct db *reader, struct core *core, struct roster_term *t) {
  if (t->kind == ROSTER_SET && roster_outside)
    return roster_outside->find(cx, reader, core, t->set, t->text.p, &t->devices, &t->devices_n);
  for (struct roster_term *child = t->first; child; child = child->next) TRY(ready(cx, reader, core, child));
  return OK;
}

enum err roster_ready(struct ctx *cx, struct db *reader, struct core *core, struct roster_filter *f) {
  return f->root ? ready(cx, reader, core, f->root) : OK;
}
