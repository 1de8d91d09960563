/* The console: files that web/build.mjs made of web/, carried in the program (BUILD/console_assets.c), and their answers.

   Who owns what: static and read-only, valid for ever. Threads: any. */
#ifndef POMONA_FACE_CONSOLE_H
#define POMONA_FACE_CONSOLE_H

#include "face/router.h"

struct console_asset {
  const char *name; /* "index.html"; others have the hash of their content in theirs: "main.3KJ2.js" */
  const char *type; /* Content-Type */
  const char *etag; /* with its quotes */
  const unsigned char *gz; /* RFC 1952 */
  size_t gz_n, n;          /* compressed; unpacked */
};
/* A row whose name is NULL ends it; the first one does when the program was built without Node.js. */
extern const struct console_asset console_assets[];
bool console_is_there(void);

extern const struct route console_routes[];
/* For struct router: the console, too, which says that there is no such page. */
extern const struct route console_lost;

#endif
