/* What escrow.c asks of its SQL. */
#ifndef POMONA_CORE_ESCROW_INT_H
#define POMONA_CORE_ESCROW_INT_H

#include "core/escrow.h"

struct escrow_row {
  int64_t device;
  const char *kind;
  struct slice digest, sealed;
};
/* The same value again changes nothing. */
MUST_CHECK enum err escrow_row_add(struct ctx *cx, struct db *db, const struct escrow_row *row, const char *command);

#endif
