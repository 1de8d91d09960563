/* A topic is lost (its Apple Account is out of reach, its certificate was created anew): every device that listens on
   it has to enroll anew. What each needs for that is told, and it is followed until all are on another topic.

   Threads: move_start, move_end and move_links inside jobs; move_list and the chores on threads that may wait; the rest
   on a reader's connection. */
#ifndef POMONA_CORE_MOVE_H
#define POMONA_CORE_MOVE_H

#include "core/core.h"
#include "lib/db.h"

/* How a device comes in anew. */
struct move_way {
  const char *slug;
  const char *erase; /* does that need an erase: "no", "yes", "unknown" */
  const char *text;  /* why, and what is to be done at the device */
};
/* What is known of an enrollment and decides its way. */
struct move_facts {
  bool user_enrollment, migrated, adopted; /* migrated, adopted: another server, or an earlier database, enrolled it */
  bool awaiting;                           /* it waits in Setup Assistant */
  bool by_link;                            /* by a link or profile of this server */
  bool supervised;                         /* it said so, or its bypass code is known; false: not known */
};
const struct move_way *move_way_of(const struct move_facts *f);

/* E_INVALID: no reason; E_NOT_FOUND: no enrolled device listens on topic; E_CONFLICT: its move is open already. */
MUST_CHECK enum err move_start(struct ctx *cx, struct db *db, const char *topic, const char *reason, const char *by);
/* *topic, NULL for the only open one, is then the one whose move was ended. E_NOT_FOUND: none is open; E_CONFLICT:
   there are several. */
MUST_CHECK enum err move_end(struct ctx *cx, struct db *db, const char **topic, const char *by);
/* Lists the devices of moves that were begun, in jobs of its own; what is left when the server stops is listed later.
   On a thread that may wait. */
MUST_CHECK enum err move_list(struct ctx *cx, struct core *core);
/* Chores: the first follows, the second lists devices that came to listen on a topic after its move was begun. */
MUST_CHECK enum err move_chore(struct ctx *cx, struct core *core);
MUST_CHECK enum err move_late_chore(struct ctx *cx, struct core *core);

struct move {
  int64_t seq;
  char *topic, *reason, *started_by;
  int64_t started_at, ended_at; /* ended_at 0: it is open */
  bool planning;                /* not all devices are listed yet */
  int64_t devices, linked, done;
};
/* The last one of topic; NULL: of any. E_NOT_FOUND. */
MUST_CHECK enum err move_last(struct ctx *cx, struct db *db, const char *topic, struct move *out);

struct move_device {
  int64_t device;
  char *id, *serial_number, *name;
  const struct move_way *way;
  int64_t last_seen, done_at;            /* 0: never, not yet */
  int64_t link_made_at, link_expires_at; /* 0: no link was made for it */
  bool link_used;                        /* an identity was issued by it */
};
/* Those who are still to move first. From the start-th on. */
MUST_CHECK enum err move_devices(struct ctx *cx, struct db *db, int64_t move, int64_t start, int most,
                                 struct move_device **out, size_t *n);

struct move_link {
  int64_t device;
  char *id, *serial_number, *token;
};
/* Inside a job: a link for each device of the topic's open move that is not done, in chunks: those behind `after`. A
   link made before stays good. E_CONFLICT: no other topic's certificate is valid, so that enrolling anew would be in
   vain; or not all devices are listed yet. Who is blocked gets none. */
struct move_links {
  const char *topic; /* NULL: the only open one */
  int64_t after;
  int most;
  int64_t ttl_us;
  const char *by;
  struct move_link *out;
  size_t n;
};
MUST_CHECK enum err move_links(struct ctx *cx, struct db *db, struct move_links *l);

#endif
