/* Private to router*.c. */
#ifndef POMONA_FACE_ROUTER_INT_H
#define POMONA_FACE_ROUTER_INT_H

#include "core/idempotency.h"
#include "face/router.h"

/* ---- router_once.c: requests with an Idempotency-Key ---- */

/* Whether it is one. E_INVALID: its key is none. */
MUST_CHECK enum err once_wanted(struct http_req *rq, bool *yes);
/* Runs its handler, if it is the first with its key, on a thread that may wait; then once_answer has the answer. */
MUST_CHECK enum err once_run(struct http_req *rq, struct core *core);
/* Answers when the answer is kept. */
void once_answer(struct http_req *rq, struct core *core, const struct idempotency_answer *answer);

/* ---- router.c ---- */
struct once;
struct once **router_once(struct http_req *rq);          /* a place for it */
void router_run(struct http_req *rq, struct core *core); /* the handler of its row */

#endif
