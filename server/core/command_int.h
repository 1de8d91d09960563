/* Private to command*.c. */
#ifndef POMONA_CORE_COMMAND_INT_H
#define POMONA_CORE_COMMAND_INT_H

#include "core/command.h"
#include "lib/plist.h"

/* Keys, elements or values of a list that name NULL ends (list NULL: there are none). */
const struct command_arg *command_arg(const struct command_arg *list, struct slice name); /* NULL: none of that name */
/* Whether an array's elements are told apart by what their member Item says. */
bool command_has_cases(const struct command_arg *array);
/* "a string", "base64 text" … */
const char *command_type_wanted(enum command_arg_type type);
/* The names of a list for people: "PIN, Message (required), …", or "none"; long ones end in "…". In cx. */
char *command_arg_names(struct ctx *cx, const struct command_arg *list);

/* command_value.c: puts the arguments into the command, as its row wants them. E_INVALID names the key by its path
   ("Settings[0].Enabled"), and what is allowed. */
MUST_CHECK enum err command_put_args(struct ctx *cx, struct pl *command, const struct command_row *row,
                                     struct js *args);

/* ---- command_use.c ---- */

extern const struct pl_limits command_limits; /* of a whole command */

/* A row that a command uses, with what it asks for on each platform, inherited and its own. */
struct command_use {
  const struct command_arg *arg; /* NULL: the command itself */
  const char *path;              /* "Settings[0] (Bluetooth)"; NULL: the command itself */
  unsigned known;                /* bits of the platforms that know it */
  bool withdrawn;
  struct command_support on[PLATFORMS];
};
void command_use_row(const struct command_row *row, struct command_use *out);    /* of the command itself */
void command_use_narrow(struct command_use *use, const struct command_arg *arg); /* becomes that of what it holds */
struct command_uses {
  const struct command *command;
  const struct command_row *row; /* NULL: a RequestType that the table does not have */
  struct command_use *uses;      /* the command itself first */
  size_t n;
  const char *identifier; /* argument of that name; NULL: none */
};

#endif
