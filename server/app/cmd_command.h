/* What the files of `pomona command` share. */
#ifndef POMONA_APP_CMD_COMMAND_H
#define POMONA_APP_CMD_COMMAND_H

#include "app/args.h"
#include "app/client.h"

/* One command with all its targets, as the API shows it. */
MUST_CHECK enum err command_fetch(struct ctx *cx, struct client *c, const char *uuid, struct js **out);
void command_print(struct ctx *cx, struct js *command); /* for people */

/* cmd_send.c: posts a command, once it is confirmed where it must be; tells what is refused and warned of; waits and
   prints as the options --wait and --json want it. */
MUST_CHECK enum err command_post(struct ctx *cx, const struct args *a, struct client *c, struct js *body);

/* cmd_confirm.c: --yes and --force into the body. Without --yes, what is dangerous is asked for on a terminal, after it
   was told what would happen; where nobody can answer it is E_USAGE. */
MUST_CHECK enum err command_confirm(struct ctx *cx, const struct args *a, struct client *c, struct js *body);
/* What would come of it (the API's "check"). */
MUST_CHECK enum err command_check(struct ctx *cx, struct client *c, struct js *body, struct js **out);
void command_print_warnings(struct ctx *cx, struct js *target); /* of a target in an answer, its refusal too: stderr */

#endif
