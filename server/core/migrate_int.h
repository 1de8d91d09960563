/* What the parts of the migrate module share. */
#ifndef POMONA_CORE_MIGRATE_INT_H
#define POMONA_CORE_MIGRATE_INT_H

#include "core/migrate.h"

/* What stands here in the name of a device that is to come over. */
struct migrate_place {
  int64_t device, generation, pending; /* 0: none */
  bool blocked, checked_out;
  bool migrated;         /* the one in force came over */
  bool pending_migrated; /* the pending one does */
  bool seen;             /* its device has made a request here since */
};
MUST_CHECK enum err migrate_place(struct ctx *cx, struct db *db, const char *device_id, struct migrate_place *out);
/* The one in force came over, and its device has not come yet: it may be told again. */
bool migrate_is_waiting(const struct migrate_place *p);
/* It is enrolled or blocked here by other means: nothing of it may change. */
bool migrate_is_taken(const struct migrate_place *p);

/* ---- migrate_sql.c ---- */
MUST_CHECK enum err migrate_generation_mark(struct ctx *cx, struct db *db, int64_t generation);
/* Facts and topic of an Authenticate that is told again. */
MUST_CHECK enum err migrate_generation_retell(struct ctx *cx, struct db *db, int64_t generation, const char *topic,
                                              const char *facts);
/* It is here again; unless its identity is known, its first contact until then binds one: the one of that hash when
   one is expected. */
MUST_CHECK enum err migrate_device_back(struct ctx *cx, struct db *db, int64_t device, int64_t until);
MUST_CHECK enum err migrate_device_expect(struct ctx *cx, struct db *db, int64_t device, const uint8_t *hash);
/* *owner: whose identity it is; NULL when it is nobody's. */
MUST_CHECK enum err migrate_identity(struct ctx *cx, struct db *db, const uint8_t hash[32], bool *known, char **owner);
struct migrate_history {
  int64_t tally, enrolled_at, last_seen; /* 0: not known */
};
MUST_CHECK enum err migrate_channel_history(struct ctx *cx, struct db *db, int64_t enrollment,
                                            const struct migrate_history *h);
/* *enrollment 0: there is none. *seen: it has made a request here. */
MUST_CHECK enum err migrate_channel(struct ctx *cx, struct db *db, const char *id, int64_t *enrollment, bool *seen);

/* ---- migrate_folder.c: a folder that may be hostile ---- */
struct migrate_folder {
  struct ctx *cx; /* of the report */
  int fd;
  struct migrate_report *report;
  int64_t files; /* looked at */
};
MUST_CHECK enum err migrate_folder_open(struct ctx *cx, const char *path, struct migrate_report *report,
                                        struct migrate_folder *out);
void migrate_folder_close(struct migrate_folder *f);
/* Reports something that does not come over. */
void migrate_left_out(struct migrate_folder *f, const char *path, const char *reason);
/* Where NanoMDM keeps a key, below the folder: BUCKET/ab/cd/KEY. */
char *migrate_path(struct ctx *cx, const char *bucket, const char *key);
/* p NULL: there is none, or it cannot be used and was reported. */
struct slice migrate_read(struct ctx *cx, struct migrate_folder *f, const char *bucket, const char *key, size_t most);
/* Calls each for every key of a bucket. */
void migrate_walk(struct migrate_folder *f, const char *bucket, void (*each)(void *arg, const char *key), void *arg);

#endif
