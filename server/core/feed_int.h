/* What feed.c and feed_sql.c share. */
#ifndef POMONA_CORE_FEED_INT_H
#define POMONA_CORE_FEED_INT_H

#include "core/feed.h"
#include "lib/json.h"

/* A row that was changed. */
struct feed_hint {
  int32_t table; /* row of feed.def */
  int64_t row;
};
int32_t feed_table(const char *name); /* -1: nobody is told of it */
bool feed_is_of_logins(int32_t table);

/* ---- feed_batch.c: what is sent, as text ---- */
/* What came behind *after, which goes on; hints are sorted. *text is NULL when there is nothing to tell. */
MUST_CHECK enum err feed_batch(struct ctx *cx, struct db *db, struct feed_hint *hints, size_t n, int64_t *after,
                               struct slice *text);
/* All that was missed. */
MUST_CHECK enum err feed_catch_up(struct ctx *cx, struct db *db, int64_t after, int64_t until, struct slice *text);
struct slice feed_reset(struct ctx *cx, int64_t at); /* read all again */
struct slice feed_hello(struct ctx *cx, int64_t at);

/* ---- feed_sql.c ---- */
struct feed_event {
  int64_t seq;
  char *kind, *enrollment, *data; /* enrollment may be NULL */
};
/* Those behind `after`, in their order. */
MUST_CHECK enum err feed_events(struct ctx *cx, struct db *db, int64_t after, int64_t most, struct feed_event **out,
                                size_t *n);
MUST_CHECK enum err feed_last(struct ctx *cx, struct db *db, int64_t *seq); /* 0: there is none */
/* Whether there are more than `most` behind `after`, or some that are not kept any more. */
MUST_CHECK enum err feed_missed(struct ctx *cx, struct db *db, int64_t after, int64_t most, bool *too_many);

/* Ids by numbers; NULL when it is gone. */
MUST_CHECK enum err feed_device(struct ctx *cx, struct db *db, int64_t device, char **id);
MUST_CHECK enum err feed_channel(struct ctx *cx, struct db *db, int64_t enrollment, char **id);
struct feed_target {
  char *enrollment, *command, *status; /* enrollment NULL: it is gone, or a question of the server itself */
};
MUST_CHECK enum err feed_target(struct ctx *cx, struct db *db, int64_t target, struct feed_target *out);

#endif
