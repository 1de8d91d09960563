/* What the files of the module share. */
#ifndef POMONA_CORE_PROFILE_INT_H
#define POMONA_CORE_PROFILE_INT_H

#include "core/profile.h"

enum { PROFILE_DIGEST = 32 };

/* A version as it is stored. */
struct profile_row {
  struct profile p;
  int64_t seq;
  char *uuid;          /* PayloadUUID in it */
  struct slice digest; /* vault_mac: a plain one would help to guess a password in it */
};

/* ---- profile_sql.c ---- */
MUST_CHECK enum err profile_sql_find(struct ctx *cx, struct db *db, const char *identifier, bool removed_too,
                                     struct profile_row *out, bool *found);
/* version 0: the newest. E_NOT_FOUND. */
MUST_CHECK enum err profile_sql_version(struct ctx *cx, struct db *db, int64_t profile, int64_t version,
                                        struct profile_row *out);
MUST_CHECK enum err profile_sql_sealed(struct ctx *cx, struct db *db, int64_t version_row, struct slice *sealed);
/* r->p.profile 0: a new one; sets it. */
MUST_CHECK enum err profile_sql_save(struct ctx *cx, struct db *db, struct profile_row *r);
MUST_CHECK enum err profile_sql_add_version(struct ctx *cx, struct db *db, const struct profile_row *r,
                                            struct slice sealed);
MUST_CHECK enum err profile_sql_back(struct ctx *cx, struct db *db, int64_t profile); /* it was removed before */
MUST_CHECK enum err profile_sql_gone(struct ctx *cx, struct db *db, int64_t profile, const char *by);
/* Identifier of a signed one with this PayloadUUID and another content; NULL: none. */
MUST_CHECK enum err profile_sql_same_uuid(struct ctx *cx, struct db *db, const char *uuid, struct slice digest,
                                          char **identifier);
MUST_CHECK enum err profile_sql_unsigned(struct ctx *cx, struct db *db, int64_t *n);

/* ---- profile.c ---- */
const char *profile_about(struct ctx *cx, int64_t profile, int64_t version); /* of the vault */
/* profile_fill.c: what a device should have of this version. */
MUST_CHECK enum err profile_want_of(struct ctx *cx, struct core *core, const struct profile_row *r,
                                    struct profile_want *w);
MUST_CHECK enum err profile_open(struct ctx *cx, struct db *db, struct core *core, const struct profile_row *r,
                                 struct slice *file);

/* ---- profile_sign.c ---- */
/* Signs a filled one. uuid: its derived PayloadUUID, which names its content; NULL: it goes to this device only, and is
   not kept for others. */
MUST_CHECK enum err profile_sign(struct ctx *cx, struct core *core, const char *uuid, struct slice plain,
                                 struct slice *out);
/* One that was signed before and is still kept. */
bool profile_signed(struct ctx *cx, struct core *core, const char *uuid, struct slice *out);

#endif
