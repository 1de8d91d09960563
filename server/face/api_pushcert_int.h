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
/* ?topic=, else (as `given`) a member of the body; without either the only topic there is. E_INVALID: which one?
   E_NOT_FOUND: nothing is known of it. */
MUST_CHECK enum err api_topic(struct http_req *rq, struct db *db, const char *given, const char **out);

#endif
