/* What the rows of check-in messages share. */
#ifndef POMONA_CORE_CHECKIN_INT_H
#define POMONA_CORE_CHECKIN_INT_H

#include "core/checkin.h"

#define CHECKIN(type, prefix)                                                                                          \
  MUST_CHECK enum err prefix##_read(struct ctx *cx, struct pl *message, void **state);                                 \
  MUST_CHECK enum err prefix##_apply(struct ctx *cx, struct db *db, struct checkin *c);
#include "core/checkin.def"
#undef CHECKIN

#endif
