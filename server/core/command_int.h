/* Private to command*.c. */
#ifndef POMONA_CORE_COMMAND_INT_H
#define POMONA_CORE_COMMAND_INT_H

#include "core/command.h"

const struct command_arg *command_arg(const struct command_row *row,
                                      struct slice name);  /* NULL when it has none of that name */
const char *command_type_name(enum command_arg_type type); /* "string", "integer" … */
/* The names of the row's arguments for people: "PIN, Message, …", or "none". In cx. */
char *command_arg_names(struct ctx *cx, const struct command_row *row);

#endif
