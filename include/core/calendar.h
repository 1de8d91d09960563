/* The dates of the guardian as a calendar (RFC 5545): a feed by a secret address, files, and invitations by e-mail to
   owner and deputy of a push certificate.

   Each date is a row that keeps its UID: a renewal moves the certificate's event, it does not make a second one.
   SEQUENCE counts when the date, its title or who is invited changes; each count is one invitation.

   Threads: as said at each function. */
#ifndef POMONA_CORE_CALENDAR_H
#define POMONA_CORE_CALENDAR_H

#include "core/core.h"
#include "lib/db.h"

/* ---- the secret address ---- */

struct calendar_address {
  char *secret; /* 256 bits as base64url; wiped with cx */
  char *created_by;
  int64_t created_at;
};
/* Inside a job: a new one, only its hash and its sealed form are kept; a former one is revoked. */
MUST_CHECK enum err calendar_new(struct ctx *cx, struct db *db, struct core *core, const char *by,
                                 struct calendar_address *out);
/* Inside a job. E_NOT_FOUND: there is none. */
MUST_CHECK enum err calendar_revoke(struct ctx *cx, struct db *db, const char *by);
/* Reader's connection: to show it again. E_NOT_FOUND. */
MUST_CHECK enum err calendar_address(struct ctx *cx, struct db *db, struct core *core, struct calendar_address *out);
/* Reader's connection: found by its hash, so that no comparison tells anything of it. E_NOT_FOUND. */
MUST_CHECK enum err calendar_check(struct ctx *cx, struct db *db, struct slice secret);

/* ---- what stands in it ---- */

/* Inside a job: the rows follow guardian_dates; invitations are raised. */
MUST_CHECK enum err calendar_refresh(struct ctx *cx, struct db *db, struct core *core);
/* A chore: the same, and writes only when something changed. */
MUST_CHECK enum err calendar_chore(struct ctx *cx, struct core *core);

struct calendar_text {
  struct slice text;
  int64_t changed_at; /* of what changed last in it; 0: it is empty */
};
/* Reader's connection. topic NULL: the feed, all dates, without people; else the dates of a topic with owner and deputy
   as attendees. */
MUST_CHECK enum err calendar_text(struct ctx *cx, struct db *db, struct core *core, const char *topic,
                                  struct calendar_text *out);

#endif
