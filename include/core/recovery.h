/* After a renewal that came late: a topic had no certificate that Apple takes, now it has one. Nothing was lost:
   devices stayed enrolled, their commands waited. Every enrolled device of the topic is woken, at the pace, also those
   for which nothing waits, so that one sees who comes back and who does not.

   Threads: recovery_start inside the job of an import; the chore wakes and follows; the rest on a reader's connection.
 */
#ifndef POMONA_CORE_RECOVERY_H
#define POMONA_CORE_RECOVERY_H

#include "core/core.h"
#include "lib/db.h"

/* Inside the job after which another certificate of topic is in use: begins one when the former had expired, or when
   Apple had refused it. Again is OK. */
MUST_CHECK enum err recovery_start(struct ctx *cx, struct db *db, const char *topic);
/* A chore. */
MUST_CHECK enum err recovery_chore(struct ctx *cx, struct core *core);

struct recovery {
  int64_t seq;
  char *topic;
  int64_t dark_since, started_at;
  bool waking;           /* not all are woken yet */
  int64_t devices, back; /* woken so far; of these, seen since */
};
/* The last one of topic; NULL: of any. E_NOT_FOUND. */
MUST_CHECK enum err recovery_last(struct ctx *cx, struct db *db, const char *topic, struct recovery *out);

struct recovery_device {
  int64_t device;
  char *id, *serial_number, *name;
  int64_t last_seen; /* before; 0: never */
  int64_t back_at;   /* 0: not yet */
  char *verdict;     /* slug of what is found wrong with it; NULL: nothing is known */
};
/* Those who are missing first, the longest silence first; then who came back, in that order. From the start-th on. */
MUST_CHECK enum err recovery_devices(struct ctx *cx, struct db *db, int64_t recovery, int64_t start, int most,
                                     struct recovery_device **out, size_t *n);
/* Those who are missing, by their number behind `after`: for work in chunks. */
MUST_CHECK enum err recovery_missing(struct ctx *cx, struct db *db, int64_t recovery, int64_t after, int most,
                                     struct recovery_device **out, size_t *n);

#endif
