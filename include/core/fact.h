/* Small facts of the server itself, by name: what must outlive a restart and is no row of anything. */
#ifndef POMONA_CORE_FACT_H
#define POMONA_CORE_FACT_H

#include "lib/db.h"

/* *value: NULL when there is none. */
MUST_CHECK enum err fact_read(struct ctx *cx, struct db *db, const char *name, char **value);
/* Inside a job; value NULL forgets it. */
MUST_CHECK enum err fact_write(struct ctx *cx, struct db *db, const char *name, const char *value);

#endif
