/* What the readers of NanoMDM's folder share. */
#ifndef POMONA_CORE_MIGRATE_NANOMDM_H
#define POMONA_CORE_MIGRATE_NANOMDM_H

#include "core/migrate_int.h"

struct migration {
  struct core *core;
  struct migrate_folder folder;
  struct migrate_report *report;
};

/* ---- migrate_parts.c: what stands beside the channels ---- */

/* One more of that name. */
void migrate_count(struct js *counts, const char *name);

/* The certificate of a device that has come over: bound when it is there, expected when only its hash is. */
struct migrate_known {
  const char *id;
  struct slice cert, hash; /* DER; hexadecimal */
};
MUST_CHECK enum err migrate_certificate(struct ctx *cx, struct db *db, struct migration *m,
                                        const struct migrate_known *k);
/* Commands that wait for the channel, in their order. */
MUST_CHECK enum err migrate_queue(struct ctx *cx, struct db *db, struct migration *m, const char *id,
                                  int64_t enrollment, int64_t *n);
void migrate_count_answered(struct migration *m);
MUST_CHECK enum err migrate_pushcerts(struct db *db, struct migration *m);

#endif
