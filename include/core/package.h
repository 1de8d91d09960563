/* Packages: flat installer packages (xar, .pkg) that Macs install by InstallEnterpriseApplication, served from
   /files/TOKEN/NAME.

   The file lies in DATA/files under a name of our own, its row holds its hash: what does not match is not served. Whose
   file changed on disk (time, size, inode) is read again before it is served again; all are at the start. */
#ifndef POMONA_CORE_PACKAGE_H
#define POMONA_CORE_PACKAGE_H

#include "core/core.h"
#include "lib/db.h"
#include "lib/plist.h"

#define PACKAGE_MOST (INT64_C(8) << 30) /* bytes */
enum { PACKAGE_NAME_MOST = 200, PACKAGE_SHA256 = 32, PACKAGE_PART = 16 + PACKAGE_SHA256 };

struct package {
  int64_t package; /* its row */
  char *name;      /* file name: unique */
  int64_t size;
  uint8_t sha256[PACKAGE_SHA256];
  int64_t part_size;                  /* bytes; the last part may be shorter */
  struct slice parts;                 /* MD5 and SHA-256 of each, PACKAGE_PART bytes */
  char *identifier, *version, *title; /* bundle-identifier, bundle-version; of what it installs */
  int64_t added_at;
  char *added_by, *token; /* of its URL: whoever knows it gets the file */
  char *path;             /* of the file */
  bool is_signed;         /* macOS installs no other one */
  bool is_product;        /* a product archive, as `productbuild` makes it: macOS installs no other one */
  char *trouble;          /* why it is not served; NULL: it is */
};
MUST_CHECK enum err package_find(struct ctx *cx, struct db *db, struct core *core, const char *name,
                                 struct package *out);
MUST_CHECK enum err package_row(struct ctx *cx, struct db *db, struct core *core, int64_t package, struct package *out);
/* In the order in which they were added. */
struct package_query {
  int64_t after; /* that row; 0: from the first */
  int most;
};
MUST_CHECK enum err package_list(struct ctx *cx, struct db *db, struct core *core, const struct package_query *q,
                                 struct package **out, size_t *n);
/* URL under public-url. */
const char *package_url(struct ctx *cx, const struct core *core, const struct package *p);
/* The Manifest of InstallEnterpriseApplication: URL, size, MD5 and SHA-256 of its parts, metadata. */
MUST_CHECK enum err package_manifest(struct ctx *cx, struct core *core, const struct package *p, struct pl **out);
/* Inside a job: its row goes, and then its file. E_CONFLICT, naming them, while groups give it. */
MUST_CHECK enum err package_remove(struct ctx *cx, struct db *db, struct core *core, const char *name, const char *by);

/* ---- adding: bytes as they come, then what is in them, then the row ---- */
enum { PACKAGE_UPLOADS_MOST = 4 };
struct package_upload;
/* Room for all of it is taken at once. E_INVALID: a name that is none; E_TOO_LARGE; E_UNAVAILABLE: the disk has no
   room, or as many as may be are on their way. What is not added is gone with cx, and its place; or at the next start.
 */
MUST_CHECK enum err package_upload_begin(struct ctx *cx, struct core *core, struct package_upload **out,
                                         struct slice name, int64_t size);
MUST_CHECK enum err package_upload_part(struct ctx *cx, struct package_upload *u, struct slice bytes);
/* Waits for the disk. What was told (may be NULL) counts more than what the file tells. E_INVALID: it is no such file,
   or neither tells what it installs. */
struct package_told {
  const char *identifier, *version, *title;
};
MUST_CHECK enum err package_upload_end(struct ctx *cx, struct package_upload *u, const struct package_told *told);
/* Inside a job. The same file under the same name again is OK (*added false); E_CONFLICT: another one has this name. */
MUST_CHECK enum err package_add(struct ctx *cx, struct db *db, struct core *core, struct package_upload *u,
                                const char *by, bool *added);
const struct package *package_uploaded(const struct package_upload *u); /* after package_add */

/* ---- serving ---- */
struct packages; /* of core: what was looked at on the disk, and found to be what was added */
/* Removes what an interrupted upload left, and begins to look at the files, on a thread of its own. */
MUST_CHECK enum err packages_start(struct ctx *cx, struct packages **out, struct core *core);
void packages_stop(struct packages *p); /* NULL is fine */
/* For the devices' listener: whose URL holds this token and name. E_NOT_FOUND. */
MUST_CHECK enum err package_of_token(struct ctx *cx, struct db *db, struct core *core, const char *token,
                                     struct package *out);
/* A descriptor of the file, the caller's to close, if it is what was added. E_UNAVAILABLE: it is being looked at;
   E_NOT_FOUND: it is missing, or another one. */
MUST_CHECK enum err package_open(struct ctx *cx, struct core *core, const struct package *p, int *fd);

#endif
