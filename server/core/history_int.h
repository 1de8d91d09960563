/* What history.c asks of its SQL. */
#ifndef POMONA_CORE_HISTORY_INT_H
#define POMONA_CORE_HISTORY_INT_H

#include "core/history.h"

/* Each deletes rows that ended before $1, at most $2 of them, and goes by an index. In their order: a command goes
   after the last of its targets. NULL ends them. */
extern const char *const history_steps[];

#endif
