/* Inflating what was compressed by zlib or gzip (RFC 1950, RFC 1952), over zlib. Any thread. */
#ifndef POMONA_LIB_ZIP_H
#define POMONA_LIB_ZIP_H

#include "base/buf.h"
#include "base/ctx.h"

/* All of it, in cx, NUL-terminated. E_TOO_LARGE: it would be more than `most` bytes; E_INVALID: it is damaged, or ends
   too early. */
MUST_CHECK enum err zip_inflate(struct ctx *cx, struct slice *out, struct slice packed, size_t most);

#endif
