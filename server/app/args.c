#include "app/args.h"

#include "app/table.h"

#include <string.h>

enum { LEFT = 26, WIDTH = 100 };

static const char *const client_settings[] = {"data", "config", "server", "api-key", NULL};
static const struct option_row client_options[] = {
    {"server-ca", "FILE",
     "PEM of the CA that the server's certificate is checked against; without it DATA/tls-ca.pem, else the system's"},
    {0},
};
static const struct option_row help_row = {"help", NULL, "show this text"};

static bool is_client_setting(const char *name) {
  for (const char *const *s = client_settings; *s; s++)
    if (strcmp(*s, name) == 0) return true;
  return false;
}

static const struct conf_row *find_setting(const struct subcommand *sub, struct slice name) {
  if (sub->settings == SETTINGS_NONE) return NULL;
  for (const struct conf_row *row = conf_rows; row->name; row++)
    if (slice_is(name, row->name)) return sub->settings == SETTINGS_ALL || is_client_setting(row->name) ? row : NULL;
  return NULL;
}

static const struct option_row *among(const struct option_row *rows, struct slice name) {
  for (const struct option_row *o = rows; o && o->name; o++)
    if (slice_is(name, o->name)) return o;
  return NULL;
}

static const struct option_row *find_option(const struct subcommand *sub, struct slice name) {
  if (slice_is(name, help_row.name)) return &help_row;
  const struct option_row *client = sub->settings == SETTINGS_CLIENT ? among(client_options, name) : NULL;
  return client ? client : among(sub->options, name);
}

/* One "--name", "--name value" or "--name=value" at argv[*i]; *i is moved over the value. */
static enum err take_option(struct ctx *cx, struct args *a, int argc, char **argv, int *i) {
  const char *text = argv[*i] + 2, *equals = strchr(text, '=');
  struct slice name = equals ? slice_mem(text, (size_t)(equals - text)) : slice_of(text);
  const struct option_row *option = find_option(a->sub, name);
  const struct conf_row *setting = option ? NULL : find_setting(a->sub, name);
  if (!option && !setting) return FAIL(cx, E_USAGE, "--%.*s: there is no such option", (int)name.n, name.p);
  bool wants = setting || option->value;
  if (!wants && equals) return FAIL(cx, E_USAGE, "--%s takes no value", option->name);
  if (wants && !equals && *i + 1 >= argc) return FAIL(cx, E_USAGE, "--%.*s needs a value", (int)name.n, name.p);
  const char *value = !wants ? "" : equals ? equals + 1 : argv[++*i];
  struct conf_flag flag = {setting ? setting->name : option->name, value};
  a->given[a->given_n++] = flag;
  if (setting) a->settings[a->settings_n++] = flag;
  if (option == &help_row) a->help = true;
  return OK;
}

static enum err check_count(struct ctx *cx, const struct args *a) {
  if (a->n < (size_t)a->sub->least)
    return FAIL(cx, E_USAGE, "%s %s: something is missing", a->sub->name, a->sub->operands);
  if (a->sub->most >= 0 && a->n > (size_t)a->sub->most)
    return FAIL(cx, E_USAGE, "%s: \"%s\" is too much", a->sub->name, a->operands[a->sub->most]);
  return OK;
}

static void release_conf(void *conf) { conf_free(conf); }

enum err args_parse(struct ctx *cx, struct args *out, const struct subcommand *sub, int argc, char **argv) {
  size_t room = (size_t)argc + 1;
  *out = (struct args){.sub = sub};
  out->operands = ctx_alloc(cx, room * sizeof *out->operands);
  out->given = ctx_alloc(cx, room * sizeof *out->given);
  out->settings = ctx_alloc(cx, room * sizeof *out->settings);
  bool options = true;
  for (int i = 0; i < argc; i++) {
    if (options && strcmp(argv[i], "--") == 0)
      options = false;
    else if (options && strcmp(argv[i], "-h") == 0)
      out->help = true;
    else if (options && strncmp(argv[i], "--", 2) == 0)
      TRY(take_option(cx, out, argc, argv, &i));
    else
      out->operands[out->n++] = argv[i];
  }
  if (out->help) return OK;
  TRY(check_count(cx, out));
  if (sub->settings == SETTINGS_NONE) return OK;
  TRY(conf_load(cx, &out->conf, out->settings, out->settings_n));
  ctx_defer(cx, release_conf, out->conf);
  return OK;
}

const char *args_value(const struct args *a, const char *option) {
  for (size_t i = a->given_n; i-- > 0;)
    if (strcmp(a->given[i].name, option) == 0) return a->given[i].value;
  return NULL;
}

bool args_has(const struct args *a, const char *option) { return args_value(a, option) != NULL; }

enum err args_count(struct ctx *cx, const struct args *a, const char *option, int64_t *out) {
  const char *value = args_value(a, option);
  int64_t n;
  if (!value) return OK;
  if (!slice_to_i64(slice_of(value), &n) || n < 0)
    return FAIL(cx, E_USAGE, "--%s %s is no number from 0 on", option, value);
  *out = n;
  return OK;
}

/* ---- help ---- */

void args_column(FILE *to, const char *left, const char *right) {
  int gap = LEFT - 2 - (int)text_width(slice_of(left)), column = LEFT;
  fprintf(to, "  %s%*s", left, gap > 0 ? gap : 0, "");
  if (gap < 0) fprintf(to, "\n%*s", LEFT, "");
  struct slice rest = slice_of(right), word;
  while (slice_cut(&rest, ' ', &word)) {
    int width = (int)text_width(word) + 1;
    if (column + width > WIDTH) column = fprintf(to, "\n%*s", LEFT, "") - 1;
    fprintf(to, " %.*s", (int)word.n, word.p);
    column += width;
  }
  fputc('\n', to);
}

static void help_option(FILE *to, const char *name, const char *value, const char *help) {
  char left[80];
  snprintf(left, sizeof left, "--%s%s%s", name, value ? " " : "", value ? value : "");
  args_column(to, left, help);
}

static void help_setting(FILE *to, const struct conf_row *row) {
  char text[512];
  snprintf(text, sizeof text, "%s Default: %s.", row->help, row->by_default ? row->by_default : row->derived);
  help_option(to, row->name, "VALUE", text);
}

void args_help(FILE *to, const struct subcommand *sub) {
  fprintf(to, "usage: pomona %s [OPTION]…%s%s\n\n%s\n\noptions:\n", sub->name, *sub->operands ? " " : "", sub->operands,
          sub->help);
  for (const struct option_row *o = sub->options; o && o->name; o++) help_option(to, o->name, o->value, o->help);
  for (const struct option_row *o = client_options; sub->settings == SETTINGS_CLIENT && o->name; o++)
    help_option(to, o->name, o->value, o->help);
  help_option(to, help_row.name, NULL, help_row.help);
  if (sub->settings == SETTINGS_NONE) return;
  fputs("\nsettings (also POMONA_NAME and POMONA_NAME_FILE in the environment, and the settings file; see `pomona "
        "conf`):\n",
        to);
  for (const struct conf_row *row = conf_rows; row->name; row++)
    if (find_setting(sub, slice_of(row->name))) help_setting(to, row);
}
