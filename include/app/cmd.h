/* The subcommands' functions: main.c's table names them. Each prints its result on stdout and leaves its error in cx.
 */
#ifndef POMONA_APP_CMD_H
#define POMONA_APP_CMD_H

#include "app/args.h"

/* serve.c, cmd_conf.c: these work without a server */
MUST_CHECK enum err cmd_serve(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_init(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_conf(struct ctx *cx, struct args *a);

#endif
