/* The command line's side of the API. */
#ifndef POMONA_APP_CLIENT_H
#define POMONA_APP_CLIENT_H

#include "app/args.h"
#include "lib/json.h"

struct client; /* in cx */

/* Finds the server (`server`, else admin-listen) and the token (`api-key`, else DATA/admin.token). With --if-version
   each call but GET says that it is for this version only (If-Match); E_USAGE when that is no version. */
MUST_CHECK enum err client_open(struct ctx *cx, struct client **out, const struct args *a);
/* The same for one who waits so long for each answer. */
MUST_CHECK enum err client_open_within(struct ctx *cx, struct client **out, const struct args *a, int64_t patience_us);
/* One call; body may be NULL. What the API refuses comes back as its error with its words. */
MUST_CHECK enum err client_call(struct ctx *cx, struct client *c, const char *method, const char *path, struct js *body,
                                struct js **out);
/* The same with bytes both ways. */
MUST_CHECK enum err client_bytes(struct ctx *cx, struct client *c, const char *method, const char *path,
                                 struct slice body, struct slice *out);
/* The same with a file of this machine as the body, of any size; the answer is JSON. E_NOT_FOUND, E_INVALID: it is none
   that can be read. */
MUST_CHECK enum err client_upload(struct ctx *cx, struct client *c, const char *path, const char *file,
                                  struct js **out);
/* All pages of a list, as one array under `key`; at most `most` of them (0: all). path already has a query. */
MUST_CHECK enum err client_pages(struct ctx *cx, struct client *c, const char *path, const char *key, int64_t most,
                                 struct js **out);
/* {"files":[{"name","data"}],"passphrase"} of files on this machine; the passphrase is that of --passphrase-file, or a
   person at a terminal is asked for it when a file needs one. */
MUST_CHECK enum err client_files(struct ctx *cx, const struct args *a, const char *const *paths, size_t n,
                                 struct js **out);

#endif
