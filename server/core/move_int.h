/* What move.c needs of move_sql.c. */
#ifndef POMONA_CORE_MOVE_INT_H
#define POMONA_CORE_MOVE_INT_H

#include "core/move.h"

/* Is any device enrolled on topic? */
MUST_CHECK enum err move_has_listeners(struct ctx *cx, struct db *db, const char *topic, bool *any);
/* The open ones of topic (NULL: of any), the first two. */
struct move_open {
  int64_t seq;
  char *topic;
  bool planning; /* not all devices are listed yet */
};
MUST_CHECK enum err move_open(struct ctx *cx, struct db *db, const char *topic, struct move_open out[2], size_t *n);
MUST_CHECK enum err move_add(struct ctx *cx, struct db *db, const char *topic, const char *reason, const char *by,
                             int64_t at);
MUST_CHECK enum err move_close(struct ctx *cx, struct db *db, int64_t move, int64_t at);

/* One whose devices are still to be listed; seq 0: none. */
struct move_planning {
  int64_t seq, reached;
  char *topic;
};
MUST_CHECK enum err move_planning(struct ctx *cx, struct db *db, struct move_planning *out);
/* reached 0: all are. */
MUST_CHECK enum err move_reached(struct ctx *cx, struct db *db, int64_t move, int64_t reached);
struct move_candidate {
  int64_t enrollment, device;
  struct move_facts facts;
};
/* Those of a topic that the move does not list, behind an enrollment's number. */
struct move_wanted {
  int64_t move, after;
  const char *topic;
};
MUST_CHECK enum err move_candidates(struct ctx *cx, struct db *db, const struct move_wanted *w, int most,
                                    struct move_candidate **out, size_t *n);
/* The next open one behind `after` of which all devices were listed; seq 0: none. */
MUST_CHECK enum err move_listed(struct ctx *cx, struct db *db, int64_t after, struct move_open *out);
MUST_CHECK enum err move_add_device(struct ctx *cx, struct db *db, int64_t move, int64_t device, const char *way);
const struct move_way *move_way_named(const char *slug); /* move.c; the unknown one for a slug that is none */

struct move_arrival {
  int64_t move, device, at;
};
/* Devices of open moves that are in force on another topic and are not marked so. */
MUST_CHECK enum err move_arrivals(struct ctx *cx, struct db *db, int most, struct move_arrival **out, size_t *n);
MUST_CHECK enum err move_mark_done(struct ctx *cx, struct db *db, const struct move_arrival *a);

/* Those who are not done, by their number behind `after`. */
MUST_CHECK enum err move_missing(struct ctx *cx, struct db *db, int64_t move, int64_t after, int most,
                                 struct move_link **out, size_t *n);
/* The newest link is that of the device. */
MUST_CHECK enum err move_set_link(struct ctx *cx, struct db *db, int64_t move, int64_t device);

#endif
