/* The statement of timeline.c. */
#ifndef POMONA_CORE_TIMELINE_INT_H
#define POMONA_CORE_TIMELINE_INT_H

#include "core/timeline.h"

struct timeline_row {
  int64_t at, source, seq; /* their order, newest first, is that of all three */
  char *kind, *channel, *command, *request_type, *what, *was, *now, *by, *data; /* may be NULL but for kind */
};
struct timeline_place {
  int64_t at, source, seq; /* rows before it */
};
MUST_CHECK enum err timeline_rows(struct ctx *cx, struct db *db, int64_t device, const struct timeline_place *before,
                                  int most, struct timeline_row **out, size_t *n);

#endif
