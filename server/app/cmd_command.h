/* What the files of `pomona command` share. */
#ifndef POMONA_APP_CMD_COMMAND_H
#define POMONA_APP_CMD_COMMAND_H

#include "app/client.h"

/* One command with all its targets, as the API shows it. */
MUST_CHECK enum err command_fetch(struct ctx *cx, struct client *c, const char *uuid, struct js **out);
void command_print(struct ctx *cx, struct js *command); /* for people */

#endif
