/* What the files of guardian share. */
#ifndef POMONA_CORE_GUARDIAN_INT_H
#define POMONA_CORE_GUARDIAN_INT_H

#include "core/guardian.h"
#include "core/pushcert.h"

enum { GUARDIAN_LADDER_DAYS = 60 };

/* The vendor certificate in use; found false: none. */
struct guardian_vendor {
  char *subject, *hash;          /* hash: hexadecimal, of the leaf */
  int64_t not_after, chain_ends; /* chain_ends: the first end of any certificate of its chain */
};
MUST_CHECK enum err guardian_vendor(struct ctx *cx, struct db *db, struct guardian_vendor *out, bool *found);

/* The newest identities of enrolled devices that have not ended at `now`: the first end (0: there is none), and how
   many end by `until`. */
struct guardian_identities {
  int64_t first, soon;
};
MUST_CHECK enum err guardian_identities(struct ctx *cx, struct db *db, int64_t now, int64_t until,
                                        struct guardian_identities *out);

/* A topic that enabled channels listen on. */
struct guardian_topic {
  char *topic;
  int64_t enrollments;
  bool certificate; /* there is one in use for it */
};
MUST_CHECK enum err guardian_topics(struct ctx *cx, struct db *db, struct guardian_topic **out, size_t *n);

/* The same as guardian_dates for who has read the push certificates, whose channels take long to count. */
struct guardian_certs {
  struct pushcert *all;
  size_t n;
};
MUST_CHECK enum err guardian_dates_of(struct ctx *cx, struct db *db, struct core *core,
                                      const struct guardian_certs *certs, struct guardian_date **out, size_t *n);
struct js *guardian_list_of(struct ctx *cx, struct core *core, const struct guardian_date *dates, size_t n);

/* The domain of public-url whose end nobody told; NULL: it is told, or public-url names none. In cx. */
const char *guardian_unknown_domain(struct ctx *cx, const struct core_conf *conf);
/* Has the ladder of this date begun? */
bool guardian_reached(const struct guardian_date *d, int64_t now, int *step);
/* "2026-11-22". In cx. */
char *guardian_day(struct ctx *cx, int64_t at);
/* "ends in 14 days, on 2026-12-06", "ended 8 days ago, on …", "is due …". In cx. */
char *guardian_when(struct ctx *cx, const struct guardian_date *d, int64_t now);

#endif
