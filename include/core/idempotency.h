/* Requests that carry an Idempotency-Key are done once: the same request again gets the answer of the first one.

   Keys are remembered for a day, each for who asked with it. Source: draft-ietf-httpapi-idempotency-key-header-07. */
#ifndef POMONA_CORE_IDEMPOTENCY_H
#define POMONA_CORE_IDEMPOTENCY_H

#include "core/core.h"
#include "lib/db.h"

enum { IDEMPOTENCY_KEY_MAX = 255, IDEMPOTENCY_BODY_MAX = 4 << 20 };

struct idempotency_request {
  const char *key, *who;
  uint8_t digest[32]; /* of its method, path, query and body */
  int64_t at;         /* since it is being done; of idempotency_begin */
};
struct idempotency_answer {
  int status;
  const char *type; /* Content-Type; NULL: none */
  struct slice body;
  const char *etag; /* a version, never a digest of the body: it is kept as it is; NULL: none */
  bool reveals;     /* the body holds what is recorded each time that it is shown: it is not kept */
};
/* Inside a job. *first: it is to be done now, and idempotency_end is told what it came to; else *answer is what the
   first one came to. E_CONFLICT: the first one is being done, or the server ended while it was: then nobody knows; or
   its answer was not kept. The key came with another request: E_KEY_REUSED. */
MUST_CHECK enum err idempotency_begin(struct ctx *cx, struct db *db, struct core *core, struct idempotency_request *rq,
                                      bool *first, struct idempotency_answer *answer);
/* Inside a job. A failure of ours (5xx) is forgotten: it may be asked again. */
MUST_CHECK enum err idempotency_end(struct ctx *cx, struct db *db, struct core *core,
                                    const struct idempotency_request *rq, const struct idempotency_answer *answer);
/* That failed for a failure of ours, which tells that nothing was done: begin takes its key as new, as long as this
   process lives and no more than 256 others follow. On the writer's thread. */
void idempotency_not_forgotten(struct ctx *cx, struct core *core, const struct idempotency_request *rq);
struct unforgotten *unforgotten_new(void);
void unforgotten_free(struct unforgotten *u);
/* Forgets those that are older than a day, in small jobs. */
MUST_CHECK enum err idempotency_chore(struct ctx *cx, struct core *core);

#endif
