/* The fleet's verdicts: their statements. */
#ifndef POMONA_CORE_WHY_FLEET_H
#define POMONA_CORE_WHY_FLEET_H

#include "core/why_int.h"

/* ---- what is remembered of who waits (device_verdict) ---- */

struct why_waiting {
  int64_t enrollment;
  char *slug; /* that is remembered; NULL: none */
};
/* Channels behind `after` for which something waits or a wake-up is due, at most `most`. */
MUST_CHECK enum err why_waiting(struct ctx *cx, struct db *db, int64_t after, int most, struct why_waiting *out,
                                size_t *n);
/* Those whose last push was refused since `since`, whoever's turn it is. */
MUST_CHECK enum err why_refused_lately(struct ctx *cx, struct db *db, int64_t since, int most, struct why_waiting *out,
                                       size_t *n);
/* slug NULL: it is forgotten. */
MUST_CHECK enum err why_remember(struct ctx *cx, struct db *db, int64_t enrollment, const char *slug, int64_t at);
/* Forgets at most `most` channels that nothing waits for; *n of them. */
MUST_CHECK enum err why_forget(struct ctx *cx, struct db *db, struct core *core, int most, int64_t *n);

/* ---- counting ---- */

struct why_count {
  char *slug, *examples;   /* ids, separated by ", ": at most five */
  int64_t devices, lately; /* lately: since `since` */
};
MUST_CHECK enum err why_counts(struct ctx *cx, struct db *db, int64_t since, struct why_count **out, size_t *n);
MUST_CHECK enum err why_topics(struct ctx *cx, struct db *db, char ***out, size_t *n); /* that enrolled devices have */

/* Devices that were woken by a first push between since and until, how many of them came; and the same over the hours
   from `before` to since. */
struct why_share {
  int64_t woken, came, woken_before, came_before;
};
MUST_CHECK enum err why_share(struct ctx *cx, struct db *db, int64_t since, int64_t until, int64_t before,
                              struct why_share *out);

#endif
