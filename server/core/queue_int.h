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
  int64_t renewal;
};
/* The order of the queue: what was handed out in `patience` sessions in a row without a word comes last, then jumpers
 * first, NotNow'd ones last, by number. Barriers that were queued before barrier_since are not held any more. */
struct queue_order {
  int patience;
  int64_t barrier_since;
};
MUST_CHECK enum err queue_head(struct ctx *cx, struct db *db, const struct queue_asker *who,
                               const struct queue_order *order, struct queue_row *out, bool *found);
/* When the first barrier that is held was queued; 0: none is. */
MUST_CHECK enum err queue_held(struct ctx *cx, struct db *db, int64_t enrollment, int64_t barrier_since,
                               int64_t *queued_at);
/* The same one's target: what is queued from it on waits. 0: none. */
MUST_CHECK enum err queue_held_from(struct ctx *cx, struct db *db, int64_t enrollment, int64_t barrier_since,
                                    int64_t *target);
MUST_CHECK enum err queue_command_find(struct ctx *cx, struct db *db, const char *uuid, int64_t *command,
                                       struct slice *digest);
MUST_CHECK enum err queue_command_add(struct ctx *cx, struct db *db, const struct command *c, const char *by,
                                      struct slice sealed, struct slice digest, int64_t *command);
/* The oldest one of this type that is open for any channel of this one's device, but for this command itself on this
 * channel; *uuid NULL: none. */
MUST_CHECK enum err queue_unsettled(struct ctx *cx, struct db *db, int64_t enrollment, const char *request_type,
                                    int64_t but_command, char **uuid);
/* *fresh: it was not there yet. */
MUST_CHECK enum err queue_target_add(struct ctx *cx, struct db *db, int64_t command, const struct command *c,
                                     int64_t enrollment, bool *fresh);
/* Questions of the server with this collapse key that are settled go. */
MUST_CHECK enum err queue_forget_own(struct ctx *cx, struct db *db, int64_t enrollment, const char *key);
/* Cancels what is open for the channel with this collapse key, but for this command. */
MUST_CHECK enum err queue_replace(struct ctx *cx, struct db *db, int64_t enrollment, const char *key,
                                  int64_t by_command);
MUST_CHECK enum err queue_sealed(struct ctx *cx, struct db *db, int64_t enrollment, const char *uuid,
                                 struct slice *sealed, const char **told);
MUST_CHECK enum err queue_device_of(struct ctx *cx, struct db *db, int64_t enrollment, int64_t *device);

#endif
