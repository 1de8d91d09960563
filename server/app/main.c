#include "app/args.h"
#include "app/cmd.h"

#include <locale.h>
#include <string.h>

static const struct option_row json_only[] = {{"json", NULL, "for machines: JSON"}, {0}};

/* A new subcommand is a row here and a function of cmd.h. */
static const struct subcommand subcommands[] = {
    {"serve", "", 0, 0, SETTINGS_ALL, NULL, cmd_serve, NULL,
     "The server, in the foreground; SIGHUP reloads settings and certificates."},
    {"init", "", 0, 0, SETTINGS_ALL, NULL, cmd_init, NULL,
     "Makes the data folder, keys and the admin's token; serve does it too."},
    {"conf", "", 0, 0, SETTINGS_ALL, json_only, cmd_conf, NULL,
     "Prints every setting with its value, source and help, as a file."},
    {0},
};

/* How many words of argv are the name of sub: 0 when they are not. */
static int matches(const struct subcommand *sub, int argc, char **argv) {
  struct slice rest = slice_of(sub->name), word;
  int n = 0;
  for (; slice_cut(&rest, ' ', &word); n++)
    if (n >= argc || !slice_is(word, argv[n])) return 0;
  return n;
}

static const struct subcommand *find(int argc, char **argv, int *words) {
  for (const struct subcommand *sub = subcommands; sub->name; sub++)
    if ((*words = matches(sub, argc, argv))) return sub;
  return NULL;
}

/* All rows, or those whose name starts with the word `group`. */
static bool print_rows(FILE *to, const char *group) {
  bool any = false;
  for (const struct subcommand *sub = subcommands; sub->name; sub++) {
    size_t n = group ? strlen(group) : 0;
    if (group && (strncmp(sub->name, group, n) != 0 || sub->name[n] != ' ')) continue;
    char left[80];
    snprintf(left, sizeof left, "%s%s%s", sub->name, *sub->operands ? " " : "", sub->operands);
    if (!any) fputs("subcommands:\n", to);
    args_column(to, left, sub->help);
    any = true;
  }
  return any;
}

static void print_usage(FILE *to) {
  fputs("usage: pomona SUBCOMMAND [OPTION]…\n\nA self-hosted MDM server for Apple devices.\n\n", to);
  print_rows(to, NULL);
  fputs("\n`pomona SUBCOMMAND --help` tells more; `pomona --version` the version.\n", to);
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

static int unknown(int argc, char **argv) {
  if (argc == 0) return print_usage(stderr), err_exit_status(E_USAGE);
  if (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0) return print_usage(stdout), 0;
  if (strcmp(argv[0], "--version") == 0) return puts("pomona " POMONA_VERSION), 0;
  bool help = argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
  if (print_rows(help ? stdout : stderr, argv[0])) return help ? 0 : err_exit_status(E_USAGE);
  fprintf(stderr, "pomona: there is no subcommand \"%s\"; `pomona --help` lists them.\n", argv[0]);
  return err_exit_status(E_USAGE);
}

int main(int argc, char **argv) {
  setlocale(LC_CTYPE, "C.UTF-8");
  int words = 0;
  const struct subcommand *sub = find(argc - 1, argv + 1, &words);
  return sub ? run(sub, argc - 1 - words, argv + 1 + words) : unknown(argc - 1, argv + 1);
}
