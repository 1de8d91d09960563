/* Options of the lab's commands: a table whose rows say where each value goes. The server's own option tables know its
   settings, and with them its core, which the lab may not.

   Who owns what: values are borrowed from argv. One thread. */
#ifndef POMONA_APP_LAB_ARGS_H
#define POMONA_APP_LAB_ARGS_H

#include "base/ctx.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum lab_option_type { LAB_FLAG /* bool */, LAB_TEXT /* const char * */, LAB_NUMBER /* int64_t, not negative */ };

struct lab_option {
  const char *name;  /* "count"; NULL ends a table */
  const char *value; /* what its value is called, "N"; NULL for a flag */
  const char *help;
  enum lab_option_type type;
  size_t at; /* offset in the command's struct */
};

struct lab_command {
  const char *name;     /* "lab device" */
  const char *operands; /* for the usage line: "LINK…" */
  const char *help;     /* what it does, in sentences */
  int least, most;      /* how many operands; most -1: any */
  const struct lab_option *options;
  /* `options` is the command's struct, already filled. */
  enum err (*run)(struct ctx *cx, void *options, const char *const *operands, size_t n);
};

/* Reads argv (after the command's words) into *options, which holds the defaults, and runs the command. Gives the exit
   status; errors and help are printed. */
int lab_run(const struct lab_command *command, int argc, char **argv, void *options);

struct lab_words { /* what stood on a command line beside options */
  const char **operands;
  size_t n;
  bool help; /* --help was given: nothing else was checked */
};
/* The same without running: E_USAGE says what is wrong. */
MUST_CHECK enum err lab_parse(struct ctx *cx, struct lab_words *out, const struct lab_command *command, int argc,
                              char **argv, void *options);

#endif
