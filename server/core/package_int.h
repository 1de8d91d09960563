/* What the files of the module share. */
#ifndef POMONA_CORE_PACKAGE_INT_H
#define POMONA_CORE_PACKAGE_INT_H

#include "core/package.h"

#include <pthread.h>

/* ---- package_sql.c ---- */
/* A row as it is stored: p without token and path. */
struct package_stored {
  struct package p;
  char *file; /* in DATA/files */
  struct slice token_hash, token_sealed;
};
MUST_CHECK enum err package_sql_name(struct ctx *cx, struct db *db, const char *name, struct package_stored *out,
                                     bool *found);
MUST_CHECK enum err package_sql_row(struct ctx *cx, struct db *db, int64_t package, struct package_stored *out,
                                    bool *found);
MUST_CHECK enum err package_sql_token(struct ctx *cx, struct db *db, struct slice token_hash,
                                      struct package_stored *out, bool *found);
MUST_CHECK enum err package_sql_list(struct ctx *cx, struct db *db, const struct package_query *q,
                                     struct package_stored **out, size_t *n);
MUST_CHECK enum err package_sql_add(struct ctx *cx, struct db *db, struct package_stored *s);
MUST_CHECK enum err package_sql_remove(struct ctx *cx, struct db *db, int64_t package);
MUST_CHECK enum err package_sql_trouble(struct ctx *cx, struct db *db, int64_t package, const char *trouble);
/* How many rows have this file: 0 or 1. */
MUST_CHECK enum err package_sql_files(struct ctx *cx, struct db *db, const char *file, int64_t *n);
MUST_CHECK enum err package_sql_groups(struct ctx *cx, struct db *db, int64_t package, char **names);

/* ---- package.c ---- */
const char *package_token_about(struct ctx *cx, const char *file); /* of the vault */
char *package_folder(struct ctx *cx, const struct core *core);     /* DATA/files */
/* Takes the file out of the folder; what cannot be removed goes at the next start. */
void package_unlink(const struct core *core, const char *file);

/* ---- package_xar.c ---- */
struct package_inside { /* NULL: it does not tell */
  char *identifier, *version, *title;
  bool is_signed, is_product;
};
/* What a flat package tells of itself. E_INVALID: it is none, or its table of contents is not to be trusted. */
MUST_CHECK enum err package_look_inside(struct ctx *cx, int fd, int64_t size, struct package_inside *out);

/* ---- package_room.c: of core->packages; any thread ---- */
struct package_room {
  pthread_mutex_t lock;
  int uploads;
  int64_t promised; /* bytes that are neither written nor taken on the disk */
};
struct package_place {       /* of one upload */
  struct package_room *room; /* NULL: it has none */
  int64_t promised;
};
/* E_UNAVAILABLE: all are taken. */
MUST_CHECK enum err package_place_take(struct ctx *cx, struct package_room *room, struct package_place *place);
/* Room for all of a file, taken at once or promised. E_UNAVAILABLE: there is not enough beside what others were
   promised. */
MUST_CHECK enum err package_place_room(struct ctx *cx, struct package_place *place, int fd, int64_t size);
void package_place_wrote(struct package_place *place, int64_t n); /* so many bytes more are on the disk */
void package_place_leave(struct package_place *place);            /* again, or without a place: nothing */

/* ---- package_watch.c ---- */
struct package_room *package_room_of(struct packages *p);
/* What was just written is what was hashed: it may be served. */
void package_seen(struct core *core, const struct package *p);

#endif
