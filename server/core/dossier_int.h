/* What dossier.c needs of dossier_sql.c. */
#ifndef POMONA_CORE_DOSSIER_INT_H
#define POMONA_CORE_DOSSIER_INT_H

#include "core/dossier.h"

struct dossier_row {
  const char *target_account, *created_by, *contact; /* NULL: not told */
  const char *states, *checklist;                    /* JSON: {slug: RFC 3339} */
  int64_t updated_at;
  const char *updated_by;
};
/* Empty when nothing was told. */
MUST_CHECK enum err dossier_row(struct ctx *cx, struct db *db, const char *topic, struct dossier_row *out);
MUST_CHECK enum err dossier_row_save(struct ctx *cx, struct db *db, const char *topic, const struct dossier_row *row);

#endif
