/* Profiles: kept in versions, filled and signed for a device, given by groups.

   A profile is known by its PayloadIdentifier. One that came unsigned is signed here when it is handed out; its
   PayloadUUID is then made of its content, so that ProfileList tells which version a device has. One that came signed
   goes out byte for byte. */
#ifndef POMONA_CORE_PROFILE_H
#define POMONA_CORE_PROFILE_H

#include "core/core.h"
#include "core/payload.h"
#include "core/roster.h"
#include "lib/db.h"

struct profile {
  int64_t profile; /* its row */
  char *identifier, *name, *organization, *scope;
  int64_t version; /* newest: 1, 2 … */
  int64_t added_at, removed_at;
  char *added_by, *types, *variables; /* words */
  unsigned platforms;
  bool is_signed, supervised;
};
/* Inside a job: a new profile or a new version of one; the same bytes again are OK (*added false). check is of the same
   bytes and without errors, but for `anyway`. E_CONFLICT: a signed one with the PayloadUUID of a version with other
   content. if_version: E_CONFLICT when it is not the newest; -1: whatever it is. */
MUST_CHECK enum err profile_add(struct ctx *cx, struct db *db, struct core *core, struct slice file,
                                const struct payload_check *check, const char *by, int64_t if_version,
                                struct profile *out, bool *added);
MUST_CHECK enum err profile_find(struct ctx *cx, struct db *db, const char *identifier, struct profile *out);
MUST_CHECK enum err profile_list(struct ctx *cx, struct db *db, const char *after, int most, struct profile **out,
                                 size_t *n);
/* As it was given. version 0: the newest. E_NOT_FOUND. */
MUST_CHECK enum err profile_file(struct ctx *cx, struct db *db, int64_t profile, int64_t version, struct slice *file);
/* Inside a job: gone from lists; E_CONFLICT, naming them, while groups give it. */
MUST_CHECK enum err profile_remove(struct ctx *cx, struct db *db, const char *identifier, const char *by);

/* What the plan needs to know of the newest version, once a plan. */
struct profile_want {
  int64_t profile;
  uint64_t name; /* inventory_hash of its identifier */
  char *identifier;
  uint8_t digest[32]; /* of the version */
  bool is_signed;
  char *uuid; /* of a signed one */
  unsigned platforms;
  enum roster_field *variables; /* that it needs; variables_n */
  size_t variables_n;
  uint64_t constant; /* profile_version of one without variables */
};
MUST_CHECK enum err profile_want(struct ctx *cx, struct db *db, struct core *core, int64_t profile,
                                 struct profile_want *out);
/* inventory_hash of the PayloadUUID (upper case) that this device should have. Pure, about a microsecond. */
uint64_t profile_version(const struct profile_want *w, const struct roster_device *d);
/* The file for this device: filled, with its PayloadUUID, signed. E_CONFLICT names a variable that has no value. */
MUST_CHECK enum err profile_render(struct ctx *cx, struct db *db, struct core *core, int64_t profile,
                                   const struct roster_device *d, struct slice *out);

#endif
