/* What refused.c and its SQL share. */
#ifndef POMONA_CORE_REFUSED_INT_H
#define POMONA_CORE_REFUSED_INT_H

#include "core/refused.h"

enum { REFUSED_IDS_MAX = 10000, REFUSED_CERTS_MAX = 4, REFUSED_UNPROVED_MAX = 1000 };

/* Inside a job: one more row, or more of a row: counts add up, the newer word stands. Keeps to the certificates of an
 * id. */
MUST_CHECK enum err refused_save(struct ctx *cx, struct db *db, const struct refused_row *row);
/* Inside a job: removes at most `most` rows of those that are too many; *n of them. */
MUST_CHECK enum err refused_trim(struct ctx *cx, struct db *db, int most, int64_t *n);

#endif
