/* What the files of `pomona device` share. */
#ifndef POMONA_APP_CMD_DEVICE_H
#define POMONA_APP_CMD_DEVICE_H

#include "app/args.h"
#include "lib/json.h"

/* cmd_device_set.c: "tag=A-1" as a member of body. E_USAGE. */
MUST_CHECK enum err device_set_word(struct ctx *cx, const char *word, struct js *body);

/* cmd_device_many.c: an act for the operands, or for all that match --filter; `device set --filter` has what is to be
   set as operands. Without --yes it tells what would be done. */
MUST_CHECK enum err device_act_many(struct ctx *cx, struct args *a, const char *act);
MUST_CHECK enum err device_set_many(struct ctx *cx, struct args *a);

#endif
