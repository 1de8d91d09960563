/* Packages: files that devices install by InstallEnterpriseApplication, served from /files/TOKEN/NAME.

   The file lies in DATA/files, its row holds its hash: what does not match is not served. */
#ifndef POMONA_CORE_PACKAGE_H
#define POMONA_CORE_PACKAGE_H

#include "core/core.h"
#include "lib/db.h"
#include "lib/plist.h"

struct package {
  int64_t package; /* its row */
  char *name;      /* file name: unique */
  int64_t size;
  uint8_t sha256[32];
  char *identifier, *version, *title; /* bundle-identifier, bundle-version; of what it installs */
  int64_t added_at;
  char *added_by, *token; /* of its URL */
  char *path;             /* of the file */
  bool is_signed;         /* macOS installs no other one */
};
MUST_CHECK enum err package_find(struct ctx *cx, struct db *db, struct core *core, const char *name,
                                 struct package *out);
MUST_CHECK enum err package_row(struct ctx *cx, struct db *db, struct core *core, int64_t package, struct package *out);
MUST_CHECK enum err package_list(struct ctx *cx, struct db *db, struct core *core, const char *after, int most,
                                 struct package **out, size_t *n);
/* The Manifest of InstallEnterpriseApplication: URL under public-url, size, SHA-256 and MD5 of its parts, metadata. */
MUST_CHECK enum err package_manifest(struct ctx *cx, struct core *core, const struct package *p, struct pl **out);
/* For the devices' listener: whose URL holds this token. E_NOT_FOUND. */
MUST_CHECK enum err package_of_token(struct ctx *cx, struct db *db, struct core *core, const char *token,
                                     struct package *out);

#endif
