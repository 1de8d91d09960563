/* What the files of this module share. */
#ifndef POMONA_CORE_DOSSIER_INT_H
#define POMONA_CORE_DOSSIER_INT_H

#include "core/dossier.h"

/* ---- dossier_sql.c ---- */
/* Devices that have a channel with this topic. */
MUST_CHECK enum err dossier_devices(struct ctx *cx, struct db *db, const char *topic, int64_t *out);

#endif
