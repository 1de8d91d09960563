/* What the files of /api/v1/pushcerts share. */
#ifndef POMONA_FACE_API_PUSHCERT_INT_H
#define POMONA_FACE_API_PUSHCERT_INT_H

#include "core/pushcert.h"
#include "face/api_int.h"

/* What is told of one certificate; of one in use with what is known of its topic. enrollments is counted anew. */
MUST_CHECK enum err api_pushcert(struct ctx *cx, struct db *db, const struct pushcert *c, struct js **out);
/* A record with its warnings. */
MUST_CHECK enum err api_record(struct ctx *cx, struct db *db, const char *topic, struct js **out);
struct js *api_record_warnings(struct ctx *cx, const struct pushcert_record *r);
/* What to do so that the account has the address `to`: sentences. */
struct js *api_account_steps(struct ctx *cx, const struct pushcert_record *r, const char *to);
/* pushcert_topic_meant by the one `given` (a member of the body; NULL: none), else by ?topic=. */
MUST_CHECK enum err api_topic(struct http_req *rq, struct db *db, const char *given, const char **out);
/* May what was updated then be changed by who saw it with updated_at `seen` ("": with none; NULL: not told)?
   E_CONFLICT: somebody changed it since; E_INVALID. what: "record". */
MUST_CHECK enum err api_seen(struct ctx *cx, const char *what, int64_t updated_at, const char *updated_by,
                             const char *seen);
/* `updated_at` of the body of a change, for api_seen. */
const char *api_seen_of(struct js *body);
/* When what was updated at `former` (0: never) is updated now: times are told in whole seconds, so two are never the
 * same. */
int64_t api_stamp(int64_t former);

#endif
