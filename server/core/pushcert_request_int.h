/* What requests need of their tables. */
#ifndef POMONA_CORE_PUSHCERT_REQUEST_INT_H
#define POMONA_CORE_PUSHCERT_REQUEST_INT_H

#include "core/pushcert_request.h"

/* ---- pushcert_request_sql.c ---- */
MUST_CHECK enum err pushcert_request_put(struct ctx *cx, struct db *db, const struct pushcert_made *made,
                                         struct slice sealed, const char *by, int64_t at);
MUST_CHECK enum err pushcert_request_of(struct ctx *cx, struct db *db, const uint8_t public_hash[32],
                                        struct pushcert_request *out);
MUST_CHECK enum err pushcert_vendor_put(struct ctx *cx, struct db *db, const struct pushcert_vendor *v,
                                        struct slice sealed, const char *by, int64_t at);
/* The one in use with its sealed key: E_NOT_FOUND. */
MUST_CHECK enum err pushcert_vendor_row(struct ctx *cx, struct db *db, struct pushcert_vendor *out,
                                        struct slice *sealed);
MUST_CHECK enum err pushcert_exchange_put(struct ctx *cx, struct db *db, const struct pushcert_exchange *x,
                                          struct slice sealed, int64_t at);
/* The keys of the last `most` exchanges, newest first, sealed in key_pem. */
MUST_CHECK enum err pushcert_exchanges(struct ctx *cx, struct db *db, struct pushcert_exchange *out, size_t most,
                                       size_t *n);

#endif
