/* What escrow*.c ask of each other and of their SQL. */
#ifndef POMONA_CORE_ESCROW_INT_H
#define POMONA_CORE_ESCROW_INT_H

#include "core/escrow.h"

struct escrow_row {
  int64_t device;
  const char *kind;
  struct slice digest, sealed;
  const char *command, *note;
  bool told; /* the device itself says that it is in force */
};
/* The same value again is the same row (*fresh false). */
MUST_CHECK enum err escrow_row_add(struct ctx *cx, struct db *db, const struct escrow_row *row, int64_t *seq,
                                   bool *fresh);
/* All of this kind that were in force are so no longer, but for this one (0: none). */
MUST_CHECK enum err escrow_row_end(struct ctx *cx, struct db *db, int64_t device, const char *kind, int64_t but);
/* What stands in this command: at most `most`. */
MUST_CHECK enum err escrow_rows_of(struct ctx *cx, struct db *db, int64_t device, const char *command, int64_t *seqs,
                                   char **kinds, size_t most, size_t *n);
MUST_CHECK enum err escrow_row_confirm(struct ctx *cx, struct db *db, int64_t seq);
/* It has none of this kind any more. */
MUST_CHECK enum err escrow_end(struct ctx *cx, struct db *db, int64_t device, enum escrow_kind kind);
MUST_CHECK enum err escrow_device_id(struct ctx *cx, struct db *db, int64_t device, char **id);

struct escrow_found {
  int64_t seq, at; /* seq 0: none; of a token: that of its generation */
  struct slice sealed;
  bool in_force;
  char *note;
};
/* seq 0: the newest, one in force before others. */
MUST_CHECK enum err escrow_find(struct ctx *cx, struct db *db, int64_t device, const char *kind, int64_t seq,
                                struct escrow_found *out);
MUST_CHECK enum err escrow_find_token(struct ctx *cx, struct db *db, int64_t device, enum escrow_kind kind,
                                      struct escrow_found *out);
MUST_CHECK enum err escrow_record(struct ctx *cx, struct db *db, const struct escrow_ask *ask, int64_t escrow,
                                  int64_t *reveal);

/* Seals it where the row says and keeps it; ends what it replaces when the device told it. */
struct escrow_value {
  int64_t device;
  enum escrow_kind kind;
  struct slice value;
  const char *command, *note;
};
MUST_CHECK enum err escrow_keep(struct ctx *cx, struct db *db, struct core *core, const struct escrow_value *v,
                                bool *fresh);

#endif
