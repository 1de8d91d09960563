/* What recovery.c needs of recovery_sql.c. */
#ifndef POMONA_CORE_RECOVERY_INT_H
#define POMONA_CORE_RECOVERY_INT_H

#include "core/recovery.h"

/* The certificate of topic that was replaced last. */
struct recovery_former {
  int64_t seq, not_after, superseded_at;
  int64_t refused_at; /* Apple's word, by a probe; 0: none */
  int64_t down_since; /* the way to APNs is shut for the topic; 0: it is not, or not known */
};
/* seq 0: there is none. */
MUST_CHECK enum err recovery_former(struct ctx *cx, struct db *db, const char *topic, struct recovery_former *out);
/* Was one begun for topic since? */
MUST_CHECK enum err recovery_begun(struct ctx *cx, struct db *db, const char *topic, int64_t since, bool *out);
MUST_CHECK enum err recovery_add(struct ctx *cx, struct db *db, const char *topic, int64_t pushcert, int64_t dark_since,
                                 int64_t at);

/* One whose devices are still to be woken; seq 0: none. */
struct recovery_waking {
  int64_t seq, started_at, reached;
  char *topic;
};
MUST_CHECK enum err recovery_waking(struct ctx *cx, struct db *db, struct recovery_waking *out);
/* reached 0: all are. */
MUST_CHECK enum err recovery_reached(struct ctx *cx, struct db *db, int64_t recovery, int64_t reached);
struct recovery_channel {
  int64_t enrollment, device, last_seen;
  bool own; /* the device's, not of a user */
  bool due; /* a wake-up is due anyway */
};
MUST_CHECK enum err recovery_channels(struct ctx *cx, struct db *db, const char *topic, int64_t after, int most,
                                      struct recovery_channel **out, size_t *n);
MUST_CHECK enum err recovery_add_device(struct ctx *cx, struct db *db, int64_t recovery,
                                        const struct recovery_channel *c);

struct recovery_return {
  int64_t recovery, device, at;
};
/* Who came and is not marked as back. */
MUST_CHECK enum err recovery_returns(struct ctx *cx, struct db *db, int most, struct recovery_return **out, size_t *n);
MUST_CHECK enum err recovery_mark_back(struct ctx *cx, struct db *db, const struct recovery_return *r);

#endif
