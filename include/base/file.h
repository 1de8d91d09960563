/* Whole small files: settings, keys, tokens.

   Who owns what: bytes read live in cx and are wiped with it. Any thread; these calls wait for the disk. */
#ifndef POMONA_BASE_FILE_H
#define POMONA_BASE_FILE_H

#include "base/buf.h"
#include "base/ctx.h"

/* At most `most` bytes, followed by a NUL that is not counted. E_NOT_FOUND, E_DENIED, E_TOO_LARGE; E_INVALID for what
 * is no file. */
MUST_CHECK enum err file_read(struct ctx *cx, struct slice *out, const char *path, size_t most);
/* A new file with mode 0600, on disk with its name when OK; under that name it is never seen half written. E_CONFLICT
   when there is one already, E_DENIED, E_STORAGE. */
MUST_CHECK enum err file_create(struct ctx *cx, const char *path, struct slice bytes);
/* As file_create, but takes the place of what was there. */
MUST_CHECK enum err file_replace(struct ctx *cx, const char *path, struct slice bytes);
/* A folder with mode 0700, and those above it; fine when it is there. */
MUST_CHECK enum err file_make_folder(struct ctx *cx, const char *path);

#endif
