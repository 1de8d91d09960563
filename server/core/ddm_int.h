/* What the parts of declarative management share. */
#ifndef POMONA_CORE_DDM_INT_H
#define POMONA_CORE_DDM_INT_H

#include "core/ddm.h"

/* Replaces the channel's report. */
MUST_CHECK enum err ddm_status_put(struct ctx *cx, struct db *db, int64_t enrollment, struct slice report);
/* Since when the channel has its set; 0 for enrollment 0. */
MUST_CHECK enum err ddm_since(struct ctx *cx, struct db *db, int64_t enrollment, int64_t *at);

#endif
