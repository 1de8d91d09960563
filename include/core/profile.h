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
#include "lib/json.h"
#include "lib/pki_cert.h"

struct profile {
  int64_t profile; /* its row */
  char *identifier, *name, *organization, *scope;
  int64_t version; /* newest: 1, 2 … */
  int64_t added_at, removed_at;
  char *added_by, *types, *variables; /* words */
  unsigned platforms;
  bool is_signed, supervised;
};
/* What is to be kept. check is of the same bytes; whether its errors count is the caller's to say. */
struct profile_given {
  struct slice file;
  const struct payload_check *check;
  const char *by;
  int64_t if_version; /* the newest must be this one (0: there is none); -1: whatever it is */
};
/* Inside a job: a new profile or a new version of one; the same bytes again are OK (*added false). E_INVALID: it has no
   usable PayloadIdentifier. E_CONFLICT: a signed one with the PayloadUUID of other content. E_PRECONDITION: another
   version is the newest. */
MUST_CHECK enum err profile_add(struct ctx *cx, struct db *db, struct core *core, const struct profile_given *given,
                                struct profile *out, bool *added);
/* Not those that were removed. E_NOT_FOUND. */
MUST_CHECK enum err profile_find(struct ctx *cx, struct db *db, const char *identifier, struct profile *out);
/* In the order in which they were first added, after that row (0: from the first). */
MUST_CHECK enum err profile_list(struct ctx *cx, struct db *db, int64_t after, int most, struct profile **out,
                                 size_t *n);
/* As it was given. version 0: the newest. E_NOT_FOUND. */
MUST_CHECK enum err profile_file(struct ctx *cx, struct db *db, struct core *core, int64_t profile, int64_t version,
                                 struct slice *file);
/* Its versions, newest first: what differs between them stands in each. */
MUST_CHECK enum err profile_versions(struct ctx *cx, struct db *db, int64_t profile, struct profile **out, size_t *n);
/* Inside a job: gone from lists; E_CONFLICT, naming them, while groups give it. */
MUST_CHECK enum err profile_remove(struct ctx *cx, struct db *db, const char *identifier, const char *by);

/* What the plan needs to know of the newest version, once a plan. */
struct profile_want {
  int64_t profile, row; /* row: of the version */
  uint64_t name;        /* inventory_hash of its identifier */
  char *identifier;
  uint8_t digest[32]; /* of the version, and of the server's own values in it */
  bool is_signed;
  char *uuid; /* of a signed one */
  unsigned platforms;
  enum roster_field *variables; /* that it needs of a device; variables_n */
  size_t variables_n;
  uint64_t constant; /* profile_version of one that is the same for all; 0: it is not */
};
/* E_NOT_FOUND; E_CONFLICT: one of the server's own values that it needs is not there. */
MUST_CHECK enum err profile_want(struct ctx *cx, struct db *db, struct core *core, int64_t profile,
                                 struct profile_want *out);
/* inventory_hash of the PayloadUUID (upper case) that this device should have; 0: one of its variables has no value, as
   profile_lacks tells. Pure, one or two microseconds. */
uint64_t profile_version(const struct profile_want *w, const struct roster_device *d);
/* Names the first variable that has no value for this device, as %Name%; NULL: none lacks. */
const char *profile_lacks(const struct profile_want *w, const struct roster_device *d);
/* The file for this device: filled, with its PayloadUUID, signed. What goes to all alike is signed once. E_CONFLICT
   names a variable that has no value. */
MUST_CHECK enum err profile_render(struct ctx *cx, struct db *db, struct core *core, int64_t profile,
                                   const struct roster_device *d, struct slice *out);
/* The same of any version (0: the newest), and not signed here. */
struct profile_ask {
  int64_t profile, version;
  const struct roster_device *device;
};
MUST_CHECK enum err profile_fill(struct ctx *cx, struct db *db, struct core *core, const struct profile_ask *ask,
                                 struct slice *out);

/* ---- the same variables in strings of JSON: settings that groups give ---- */
/* E_INVALID names what is no variable there. *any: filling changes something. */
MUST_CHECK enum err profile_words_check(struct ctx *cx, struct js *value, bool *any);
/* A copy, filled. E_CONFLICT names the variable that has no value. */
MUST_CHECK enum err profile_words_fill(struct ctx *cx, const struct core *core, struct js *value,
                                       const struct roster_device *d, struct js **out);

/* ---- looking (profile_look.c) ---- */
/* What differs, by key: [{"key","was","is"}], null where it is not there. Passwords and data are not shown, but that
   they differ is. Payloads are named by their PayloadIdentifier. */
MUST_CHECK enum err profile_diff(struct ctx *cx, struct slice was, struct slice is, struct js **out);
/* Names of the groups that give it, by name: an array. */
MUST_CHECK enum err profile_groups(struct ctx *cx, struct db *db, int64_t profile, struct js **names);
/* How many channels have which version of each of n profiles, by their ProfileLists: one look at the fleet for all. */
struct profile_spread {
  int64_t *devices; /* by version: devices[0] of 1 …; as many as the newest version */
  int64_t others;   /* they have one of this identifier that is none of these */
};
MUST_CHECK enum err profile_spread(struct ctx *cx, struct db *reader, struct core *core, const struct profile *all,
                                   size_t n, struct profile_spread *out);

/* ---- who signs (profile_sign.c) ----

   signing-cert and signing-key, else the keyring's signing identity. A reload swaps it; any thread. */
struct profile_signing;
/* E_INVALID: a file that cannot be read or is none of these, a key that does not fit, a certificate that has ended or
   is not followed by its issuers. */
MUST_CHECK enum err profile_signing_open(struct ctx *cx, struct profile_signing **out, struct core *core,
                                         const struct core_conf *conf);
/* Nothing changes when it fails. */
MUST_CHECK enum err profile_signing_reload(struct ctx *cx, struct profile_signing *s, struct core *core,
                                           const struct core_conf *conf);
void profile_signing_close(struct profile_signing *s); /* NULL is fine */
/* The certificate that signs now, in cx. */
MUST_CHECK enum err profile_signer(struct ctx *cx, struct core *core, const struct pki_cert **out);
/* Who signed before the present one, when that was changed: devices may refuse a replacement by another signer. */
struct profile_signer_before {
  char *subject; /* NULL: nobody else did */
  int64_t changed_at;
  int64_t profiles; /* that are kept here unsigned */
};
MUST_CHECK enum err profile_signer_before(struct ctx *cx, struct db *db, struct profile_signer_before *out);

#endif
