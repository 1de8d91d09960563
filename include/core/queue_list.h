/* The queue as people ask for it: what became of a command, what a channel was asked. On a reader's connection. */
#ifndef POMONA_CORE_QUEUE_LIST_H
#define POMONA_CORE_QUEUE_LIST_H

#include "core/core.h"
#include "lib/db.h"

/* One command for one channel. */
struct queue_entry {
  int64_t seq; /* of its row: pages go by it */
  int64_t enrollment;
  char *uuid, *request_type, *created_by;
  char *collapse_key;                     /* or NULL */
  int64_t created_at, command_expires_at; /* of the command; 0: never */
  char *id, *name;                        /* of the channel; of its device, NULL: not known */
  char *status, *reason;                  /* core/target.def; why it was cancelled, or NULL */
  char *cancelled_by;                     /* of reason "admin" */
  char *ended_as;                         /* Expired or Cancelled, when it was answered all the same; or NULL */
  char *errors;                           /* JSON of the ErrorChain, or NULL */
  int64_t queued_at, updated_at, first_sent_at, last_sent_at, settled_at, expires_at;
  int64_t deliveries, notnow_count, notnow_first_at, notnow_last_at;
  bool stuck;     /* handed out one time and not answered; only a retry repeats it */
  bool set_aside; /* silent for so many sessions that others pass */
};

/* Which ones: by pages of at most `most`, newest first, `before` being the seq of the last row of the page before (0 at
 * first). */
struct queue_page {
  const char *uuid;   /* of one command only; NULL: any */
  int64_t enrollment; /* of one channel only; 0: any */
  int64_t before;
  int most;
  const char *status; /* of core/target.def; NULL: any */
  const char *type;   /* RequestType; NULL: any */
  bool waiting;       /* only what is not settled */
  bool people;        /* only what somebody asked for, not the server itself */
};
MUST_CHECK enum err queue_list(struct ctx *cx, struct db *db, const struct queue_page *page, struct queue_entry **out,
                               size_t *n);
/* So many channels of a command have each status; n is 0 when there is no such command. */
enum { QUEUE_STATUSES = 8 };
struct queue_count {
  char *status;
  int64_t n;
};
MUST_CHECK enum err queue_counts(struct ctx *cx, struct db *db, const char *uuid, struct queue_count *out, size_t *n);
/* The property list of a command as devices get it, unsealed; wiped with cx. E_NOT_FOUND. */
MUST_CHECK enum err queue_plist(struct ctx *cx, struct db *db, struct core *core, const char *uuid, struct slice *out);
/* The next channels for which this command is open, by their numbers: those after `after`, at most QUEUE_OPEN_MOST. */
enum { QUEUE_OPEN_MOST = 100 };
MUST_CHECK enum err queue_open(struct ctx *cx, struct db *db, const char *uuid, int64_t after, int64_t **enrollments,
                               size_t *n);
/* The same of those for which it was handed out one time and is not answered. */
MUST_CHECK enum err queue_stuck(struct ctx *cx, struct db *db, const char *uuid, int64_t after, int64_t **enrollments,
                                size_t *n);

/* What waits for a channel, in the order of its numbers, with its property list: NanoMDM's view of a queue. `after` is
   the seq of the last one of the page before, 0 at first; skip passes over so many more. */
struct queue_pending {
  int64_t seq;
  char *uuid, *request_type;
  struct slice plist; /* unsealed; wiped with cx */
};
struct queue_pending_page {
  int64_t enrollment, after, skip;
  int most;
};
MUST_CHECK enum err queue_pending(struct ctx *cx, struct db *db, struct core *core,
                                  const struct queue_pending_page *page, struct queue_pending **out, size_t *n);

struct queue_totals {
  int64_t enrollments, waiting; /* channels that are enrolled; commands that wait for one */
};
MUST_CHECK enum err queue_totals(struct ctx *cx, struct db *db, struct queue_totals *out);

#endif
