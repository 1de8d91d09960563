/* The statements of overview.c. */
#ifndef POMONA_CORE_OVERVIEW_INT_H
#define POMONA_CORE_OVERVIEW_INT_H

#include "core/overview.h"

/* Commands that wait, but for the server's own questions: by request type, most first. */
struct overview_waiting {
  char *request_type;
  int64_t waiting, oldest_at;
};
MUST_CHECK enum err overview_waiting(struct ctx *cx, struct db *db, struct overview_waiting **out, size_t *n);
MUST_CHECK enum err overview_questions(struct ctx *cx, struct db *db, int64_t *waiting);

/* How far wake-ups came, by hour since `since`, oldest first. */
struct overview_hour {
  int64_t at, due, pushed, accepted, connected, answered;
};
MUST_CHECK enum err overview_hours(struct ctx *cx, struct db *db, int64_t since, struct overview_hour **out, size_t *n);

/* What happened last that people may want to know of, newest first. */
struct overview_event {
  int64_t seq, at;
  char *kind, *enrollment, *device_name, *data;
};
MUST_CHECK enum err overview_recent(struct ctx *cx, struct db *db, struct overview_event **out, size_t *n);

#endif
