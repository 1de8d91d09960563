/* What the files of calendar share. */
#ifndef POMONA_CORE_CALENDAR_INT_H
#define POMONA_CORE_CALENDAR_INT_H

#include "core/calendar.h"
#include "lib/json.h"

/* ---- rows: calendar_sql.c ---- */

struct calendar_event {
  const char *uid, *kind, *topic; /* topic NULL: of no push certificate */
  const char *summary, *text;
  const char *attendees; /* JSON: [{"name","email"}] */
  int64_t at, sequence, changed_at;
  bool cancelled;
};
/* Soonest first. */
MUST_CHECK enum err calendar_events(struct ctx *cx, struct db *db, struct calendar_event **out, size_t *n);
MUST_CHECK enum err calendar_event_save(struct ctx *cx, struct db *db, const struct calendar_event *e);
MUST_CHECK enum err calendar_events_forget(struct ctx *cx, struct db *db, int64_t cancelled_before);

MUST_CHECK enum err calendar_secret_add(struct ctx *cx, struct db *db, const uint8_t hash[32], struct slice sealed,
                                        int64_t at, const char *by);
MUST_CHECK enum err calendar_secret_revoke(struct ctx *cx, struct db *db, int64_t at, int64_t *n);
MUST_CHECK enum err calendar_secret_known(struct ctx *cx, struct db *db, const uint8_t hash[32], bool *known);
/* *sealed p NULL: there is none. */
MUST_CHECK enum err calendar_secret_row(struct ctx *cx, struct db *db, struct slice *hash, struct slice *sealed,
                                        struct calendar_address *out);

/* ---- RFC 5545: calendar_text.c ---- */

enum calendar_method { CALENDAR_NONE, CALENDAR_REQUEST, CALENDAR_CANCEL };
struct calendar_form {
  enum calendar_method method;
  const char *name;      /* of the calendar; NULL: none */
  const char *organizer; /* mail address; NULL: nobody is invited */
};
struct slice calendar_render(struct ctx *cx, const struct calendar_form *form, const struct calendar_event *events,
                             size_t n);

#endif
