/* What idempotency.c asks of its SQL; inside jobs. */
#ifndef POMONA_CORE_IDEMPOTENCY_INT_H
#define POMONA_CORE_IDEMPOTENCY_INT_H

#include "core/idempotency.h"

struct idempotency_row {
  struct slice digest, sealed;
  int64_t at, status; /* status 0: it is being answered */
  char *type, *etag;
};
/* E_NOT_FOUND: the key is new. */
MUST_CHECK enum err idempotency_read(struct ctx *cx, struct db *db, const struct idempotency_request *rq,
                                     struct idempotency_row *out);
MUST_CHECK enum err idempotency_insert(struct ctx *cx, struct db *db, const struct idempotency_request *rq, int64_t at);
MUST_CHECK enum err idempotency_update(struct ctx *cx, struct db *db, const struct idempotency_request *rq,
                                       const struct idempotency_row *row);
MUST_CHECK enum err idempotency_delete(struct ctx *cx, struct db *db, const struct idempotency_request *rq);
MUST_CHECK enum err idempotency_delete_older(struct ctx *cx, struct db *db, int64_t than, int64_t most, int64_t *n);

#endif
