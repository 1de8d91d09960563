/* Filters as trees. */
#ifndef POMONA_CORE_ROSTER_FILTER_INT_H
#define POMONA_CORE_ROSTER_FILTER_INT_H

#include "core/roster_int.h"

enum roster_kind { ROSTER_ALL, ROSTER_ANY, ROSTER_NOT, ROSTER_COMPARE, ROSTER_WORD, ROSTER_SET };
enum roster_op { ROSTER_EQ, ROSTER_NE, ROSTER_LT, ROSTER_LE, ROSTER_GT, ROSTER_GE, ROSTER_HAS };
enum roster_value { ROSTER_GIVEN, ROSTER_NONE /* not known */ };

struct roster_term {
  enum roster_kind kind;
  struct roster_term *first, *next; /* of ALL, ANY, NOT: what they hold; next: beside it */
  size_t at, value_at;              /* bytes of the filter where it stands, and its value */
  /* COMPARE */
  enum roster_field field;
  enum roster_op op;
  enum roster_value value;
  struct slice text; /* as it was given; of HAS and WORD in lower case. It ends with NUL */
  int64_t number;    /* FLAG, NUMBER, VERSION, TIME: as in a row; `ago`: a span before now */
  int parts;         /* of a version */
  int64_t span;      /* of a time: how long a day is; 0: a moment */
  bool ago;
  /* SET */
  const char *set; /* "group", "app", "profile" */
  int64_t *devices;
  size_t devices_n;
};

struct roster_filter {
  struct roster_term *root; /* NULL: all */
  struct slice text;
};

/* E_INVALID: the sentence, then the text around byte `at` with a mark under it. */
MUST_CHECK enum err roster_wrong(struct ctx *cx, struct slice text, size_t at, const char *sentence);
#define ROSTER_WRONG(cx, text, at, ...) roster_wrong((cx), (text), (at), ctx_printf((cx), __VA_ARGS__))

/* roster_value.c: reads what stands behind the operator of t, by the type of its field. quoted: it stood in "". */
MUST_CHECK enum err roster_value(struct ctx *cx, struct slice text, struct roster_term *t, bool quoted);

#endif
