#include "app/lab_args.h"
#include "base/buf.h"
#include <stdio.h>
#include <string.h>

enum { LEFT = 26, WIDTH = 100 };

static const struct lab_option help_row = {"help", NULL, "show this text", LAB_FLAG, 0};

static const struct lab_option *find(const struct lab_command *command, struct slice name) {
  if (slice_is(name, help_row.name)) return &help_row;
  for (const struct lab_option *o = command->options; o->name; o++)
    if (slice_is(name, o->name)) return o;
  return NULL;
}

static enum err store(struct ctx *cx, const struct lab_option *o, const char *value, void *options) {
  void *to = (char *)options + o->at;
  int64_t number;
  switch (o->type) {
  case LAB_FLAG:
    *(bool *)to = true;
    return OK;
  case LAB_TEXT:
    *(const char **)to = value;
    return OK;
  case LAB_NUMBER:
    if (!slice_to_i64(slice_of(value), &number) || number < 0)
      return FAIL(cx, E_USAGE, "--%s: \"%s\" is no number", o->name, value);
    *(int64_t *)to = number;
    return OK;
  }
  return OK;
}

/* One "--name", "--name value" or "--name=value" at argv[*i]; *i is moved over the value. */
static enum err take(struct ctx *cx, struct lab_words *out, const struct lab_command *command, char **argv, int *i,
                     void *options) {
  const char *text = argv[*i] + 2, *equals = strchr(text, '=');
  struct slice name = equals ? slice_mem(text, (size_t)(equals - text)) : slice_of(text);
  const struct lab_option *o = find(command, name);
  if (!o) return FAIL(cx, E_USAGE, "--%.*s: there is no such option", (int)name.n, name.p);
  if (o->type == LAB_FLAG && equals) return FAIL(cx, E_USAGE, "--%s takes no value", o->name);
  if (o->type != LAB_FLAG && !equals && !argv[*i + 1]) return FAIL(cx, E_USAGE, "--%s needs a value", o->name);
  if (o == &help_row) {
    out->help = true;
    return OK;
  }
  return store(cx, o, o->type == LAB_FLAG ? "" : equals ? equals + 1 : argv[++*i], options);
}

/* -h and -v are the short forms of --help and --verbose. */
static enum err take_word(struct ctx *cx, struct lab_words *out, const struct lab_command *command, char **argv, int *i,
                          void *options) {
  char *const word = argv[*i];
  if (strcmp(word, "-h") == 0)
    out->help = true;
  else if (strcmp(word, "-v") == 0 && find(command, slice_of("verbose")))
    return store(cx, find(command, slice_of("verbose")), "", options);
  else if (strncmp(word, "--", 2) == 0)
    return take(cx, out, command, argv, i, options);
  else
    out->operands[out->n++] = word;
  return OK;
}

enum err lab_parse(struct ctx *cx, struct lab_words *out, const struct lab_command *command, int argc, char **argv,
                   void *options) {
  *out = (struct lab_words){.operands = ctx_alloc(cx, ((size_t)argc + 1) * sizeof(char *))};
  int i = 0;
  for (; i < argc && strcmp(argv[i], "--") != 0; i++) TRY(take_word(cx, out, command, argv, &i, options));
  for (i++; i < argc; i++) out->operands[out->n++] = argv[i];
  if (out->help) return OK;
  if (out->n < (size_t)command->least)
    return FAIL(cx, E_USAGE, "%s %s: something is missing", command->name, command->operands);
  if (command->most >= 0 && out->n > (size_t)command->most)
    return FAIL(cx, E_USAGE, "%s: \"%s\" is too much", command->name, out->operands[command->most]);
  return OK;
}

/* ---- help ---- */

/* Lines of two columns, the second wrapped. */
static void print_row(const char *left, const char *right) {
  int column = printf("  %-*s", LEFT - 2, left);
  if (column > LEFT) column = printf("\n%*s", LEFT, "") - 1;
  struct slice rest = slice_of(right), word;
  while (slice_cut(&rest, ' ', &word)) {
    if (column + (int)word.n + 1 > WIDTH) column = printf("\n%*s", LEFT, "") - 1;
    column += printf(" %.*s", (int)word.n, word.p);
  }
  putchar('\n');
}

static void print_option(const struct lab_option *o) {
  char left[80];
  snprintf(left, sizeof left, "--%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");
  print_row(left, o->help);
}

static void print_help(const struct lab_command *command) {
  printf("usage: pomona %s [OPTION]…%s%s\n\n%s\n\noptions:\n", command->name, *command->operands ? " " : "",
         command->operands, command->help);
  for (const struct lab_option *o = command->options; o->name; o++) print_option(o);
  print_option(&help_row);
}

int lab_run(const struct lab_command *command, int argc, char **argv, void *options) {
  struct ctx *cx = ctx_new();
  struct lab_words words;
  enum err e = lab_parse(cx, &words, command, argc, argv, options);
  if (e == OK && words.help)
    print_help(command);
  else if (e == OK)
    e = command->run(cx, options, words.operands, words.n);
  if (e == OK && fflush(stdout) != 0) e = FAIL(cx, E_STORAGE, "cannot write the result");
  if (e != OK) fprintf(stderr, "pomona: %s\n", *ctx_error_text(cx) ? ctx_error_text(cx) : err_text(e));
  if (e == E_USAGE) fprintf(stderr, "`pomona %s --help` tells how.\n", command->name);
  ctx_free(cx);
  return err_exit_status(e);
}
