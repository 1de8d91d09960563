/* What audit.c asks of its SQL. */
#ifndef POMONA_CORE_AUDIT_INT_H
#define POMONA_CORE_AUDIT_INT_H

#include "core/audit.h"

/* Inside a job: the oldest `most` rows, those of them that are older. */
MUST_CHECK enum err audit_sql_forget(struct ctx *cx, struct db *db, int64_t older_than, int64_t most, int64_t *n);

#endif
