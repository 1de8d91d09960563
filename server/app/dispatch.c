/* Finds the subcommand that a command line names, and runs it. */
#include "app/args.h"

#include <stdlib.h>
#include <string.h>

/* How many words of argv are the name of sub: 0 when they are not. */
static int matches(const struct subcommand *sub, int argc, char **argv) {
  struct slice rest = slice_of(sub->name), word;
  int n = 0;
  for (; slice_cut(&rest, ' ', &word); n++)
    if (n >= argc || !slice_is(word, argv[n])) return 0;
  return n;
}

static const struct subcommand *find(const struct subcommand *subcommands, int argc, char **argv, int *words) {
  for (const struct subcommand *sub = subcommands; sub->name; sub++)
    if ((*words = matches(sub, argc, argv))) return sub;
  return NULL;
}

static bool belongs(const struct subcommand *sub, const char *group) {
  size_t n = strlen(group);
  return strncmp(sub->name, group, n) == 0 && sub->name[n] == ' ';
}

static bool is_group(const struct subcommand *subcommands, const char *word) {
  for (const struct subcommand *sub = subcommands; sub->name; sub++)
    if (belongs(sub, word)) return true;
  return false;
}

/* All rows, or those whose name starts with the word `group`. */
static bool print_rows(FILE *to, const struct subcommand *subcommands, const char *group) {
  bool any = false;
  for (const struct subcommand *sub = subcommands; sub->name; sub++) {
    if (group && !belongs(sub, group)) continue;
    char left[80];
    snprintf(left, sizeof left, "%s%s%s", sub->name, *sub->operands ? " " : "", sub->operands);
    if (!any) fputs("subcommands:\n", to);
    args_column(to, left, sub->help);
    any = true;
  }
  return any;
}

static void print_usage(FILE *to, const struct subcommand *subcommands) {
  fputs("usage: pomona SUBCOMMAND [OPTION]…\n\nA self-hosted MDM server for Apple devices.\n\n", to);
  print_rows(to, subcommands, NULL);
  fputs("\n`pomona help SUBCOMMAND`, or its --help, tells more; `pomona --version` the version.\n", to);
}

static int told(struct ctx *cx, enum err e) {
  if (e != OK && *ctx_error_text(cx))
    fprintf(stderr, "pomona: %s\n", ctx_error_text(cx));
  else if (e != OK)
    fprintf(stderr, "pomona: %s\n", err_text(e));
  return err_exit_status(e);
}

static int run(const struct subcommand *sub, int argc, char **argv) {
  if (sub->raw) return sub->raw(argc, argv);
  struct ctx *cx = ctx_new();
  struct args a;
  enum err e = args_parse(cx, &a, sub, argc, argv);
  if (e == OK && a.help)
    args_help(stdout, sub);
  else if (e == OK)
    e = sub->run(cx, &a);
  if (e == OK && fflush(stdout) != 0) e = FAIL(cx, E_STORAGE, "cannot write the result");
  int status = told(cx, e);
  if (e == E_USAGE) fprintf(stderr, "`pomona %s --help` tells how.\n", sub->name);
  ctx_free(cx);
  return status;
}

static int unknown(const struct subcommand *subcommands, int argc, char **argv) {
  if (argc == 0) return print_usage(stderr, subcommands), err_exit_status(E_USAGE);
  if (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0) return print_usage(stdout, subcommands), 0;
  if (strcmp(argv[0], "--version") == 0 || strcmp(argv[0], "version") == 0) return puts("pomona " POMONA_VERSION), 0;
  bool help = argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
  if (argc > 1 && !help && is_group(subcommands, argv[0]))
    fprintf(stderr, "pomona: there is no subcommand \"%s %s\"; there are these.\n", argv[0], argv[1]);
  if (print_rows(help ? stdout : stderr, subcommands, argv[0])) return help ? 0 : err_exit_status(E_USAGE);
  fprintf(stderr, "pomona: there is no subcommand \"%s\"; `pomona --help` lists them.\n", argv[0]);
  return err_exit_status(E_USAGE);
}

/* `help device list` is `device list --help`. */
static int help(const struct subcommand *subcommands, int argc, char **argv) {
  static char flag[] = "--help";
  char **words = mem_alloc(((size_t)argc + 2) * sizeof *words);
  for (int i = 0; i < argc; i++) words[i] = argv[i];
  words[argc] = flag;
  int status = dispatch(subcommands, argc + 1, words);
  free(words);
  return status;
}

int dispatch(const struct subcommand *subcommands, int argc, char **argv) {
  int words = 0;
  const struct subcommand *sub = find(subcommands, argc, argv, &words);
  if (sub) return run(sub, argc - words, argv + words);
  if (argc > 0 && strcmp(argv[0], "help") == 0) return help(subcommands, argc - 1, argv + 1);
  return unknown(subcommands, argc, argv);
}
