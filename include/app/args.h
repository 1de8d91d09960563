/* The command line: subcommands and their options as tables; parsing, and the help text made from the same rows.

   Who owns what: struct args and its texts live in cx. One thread. */
#ifndef POMONA_APP_ARGS_H
#define POMONA_APP_ARGS_H

#include "app/conf.h"

#include <stdio.h>

struct option_row {
  const char *name;  /* "json"; NULL ends a table */
  const char *value; /* what its value is called, "SECONDS"; NULL: it takes none */
  const char *help;
};

enum sub_settings {
  SETTINGS_NONE,   /* takes no settings */
  SETTINGS_CLIENT, /* those by which the server is found: --data, --config, --server, --api-key */
  SETTINGS_ALL     /* every setting is an option */
};

struct args;

struct subcommand {
  const char *name;     /* "device list" */
  const char *operands; /* for the usage line: "ID…" */
  int least, most;      /* how many operands; most -1: any */
  enum sub_settings settings;
  const struct option_row *options; /* may be NULL */
  enum err (*run)(struct ctx *cx, struct args *a);
  int (*raw)(int argc, char **argv); /* instead of run: reads its own command line; gives the exit status */
  const char *help;                  /* one line */
};

struct args {
  const struct subcommand *sub;
  const char **operands;
  size_t n;
  struct conf_flag *given; /* options with their values ("" when they take none), in order; settings among them */
  size_t given_n;
  struct conf_flag *settings; /* the settings among them */
  size_t settings_n;
  struct conf *conf; /* loaded unless SETTINGS_NONE */
  bool help;         /* --help was given: nothing else was checked */
};

/* dispatch.c: the whole program; argv without its own name, the table ends with a row without a name. Gives the exit
   status. */
int dispatch(const struct subcommand *subcommands, int argc, char **argv);

/* argv after the subcommand's words. E_USAGE says what is wrong. */
MUST_CHECK enum err args_parse(struct ctx *cx, struct args *out, const struct subcommand *sub, int argc, char **argv);
const char *args_value(const struct args *a, const char *option); /* the last one given; NULL when not given */
bool args_has(const struct args *a, const char *option);
/* The option's value as a number from 0 on; *out stays as it is when the option was not given. E_USAGE: it is none. */
MUST_CHECK enum err args_count(struct ctx *cx, const struct args *a, const char *option, int64_t *out);
void args_help(FILE *to, const struct subcommand *sub);
/* Lines of two columns, the second wrapped. */
void args_column(FILE *to, const char *left, const char *right);

#endif
