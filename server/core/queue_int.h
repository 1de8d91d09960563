/* What queue.c asks of its SQL. */
#ifndef POMONA_CORE_QUEUE_INT_H
#define POMONA_CORE_QUEUE_INT_H

#include "core/queue.h"

/* Sealed under its uuid: a stored plist only opens as the command that it was. */
const char *queue_seal_name(struct ctx *cx, const char *uuid);

struct queue_row {
  int64_t target, command;
  char *uuid, *request_type;
  struct slice sealed;
  bool recorded;
  int deliveries;
};
/* The order of the queue: what was handed out `patience` times without a word comes last, then jumpers first, NotNow'd
 * ones last, by number. */
MUST_CHECK enum err queue_head(struct ctx *cx, struct db *db, const struct queue_asker *who, int patience,
                               struct queue_row *out, bool *found);
MUST_CHECK enum err queue_command_find(struct ctx *cx, struct db *db, const char *uuid, int64_t *command,
                                       struct slice *digest);
MUST_CHECK enum err queue_command_add(struct ctx *cx, struct db *db, const struct command *c, const char *by,
                                      struct slice sealed, struct slice digest, int64_t *command);
MUST_CHECK enum err queue_unsettled(struct ctx *cx, struct db *db, int64_t enrollment, const char *request_type,
                                    int64_t but_command, char **uuid);
MUST_CHECK enum err queue_target_add(struct ctx *cx, struct db *db, int64_t command, int64_t enrollment, int priority);

#endif
