/* Groups: who is in them, and what they must have. */
#include "app/client.h"
#include "app/cmd.h"
#include "app/table.h"
#include "base/enc.h"
#include "core/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char *group_path(struct ctx *cx, const char *name, const char *rest) {
  return ctx_printf(cx, "/api/v1/groups/%s%s", enc_percent(cx, slice_of(name)), rest);
}

static int64_t number(struct js *o, const char *key) {
  int64_t n = 0;
  (void)js_int(js_get(o, key), &n);
  return n;
}

/* ---- what would be done ---- */

static void print_act(struct js *preview, const char *key, const char *one, const char *many) {
  int64_t n = number(preview, key);
  if (n) printf("  %" PRId64 " %s\n", n, n == 1 ? one : many);
}

static void print_items(struct ctx *cx, struct js *preview) {
  static const char *const headers[] = {"KIND", "WHAT",  "INSTALL",        "REPLACE", "REMOVE",
                                        "RUN",  "UNMET", "DOES NOT APPLY", NULL};
  struct js *items = js_get(preview, "items");
  if (js_count(items) == 0) return;
  struct table *t = table_new(cx, headers);
  for (size_t i = 0; i < js_count(items); i++) {
    struct js *o = js_at(items, i);
    const char *cells[] = {js_str(o, "kind"),
                           js_str(o, "ref"),
                           member_text(cx, o, "install"),
                           member_text(cx, o, "replace"),
                           member_text(cx, o, "remove"),
                           member_text(cx, o, "commands"),
                           member_text(cx, o, "unmet"),
                           member_text(cx, o, "not_applicable")};
    table_add(t, cells);
  }
  table_print(t, stdout);
}

static void print_cannot(struct ctx *cx, struct js *preview) {
  struct js *list = js_get(preview, "cannot");
  if (js_count(list)) puts("\nWho cannot:");
  for (size_t i = 0; i < js_count(list); i++) {
    struct js *o = js_at(list, i);
    int64_t n = number(o, "devices");
    printf("  %" PRId64 " device%s, %s %s: %s\n", n, n == 1 ? "" : "s", plain(cx, js_str(o, "kind")),
           plain(cx, js_str(o, "ref")), plain(cx, js_str(o, "why")));
  }
}

static void print_examples(struct ctx *cx, struct js *preview) {
  struct js *examples = js_get(preview, "examples");
  if (js_count(examples)) puts("\nFor example:");
  for (size_t i = 0; i < js_count(examples); i++) {
    struct js *o = js_at(examples, i), *does = js_get(o, "does");
    const char *name = js_str(o, "name");
    printf("  %s (%s):", plain(cx, name ? name : "a device"),
           plain(cx, js_str(o, "serial_number") ? js_str(o, "serial_number") : js_str(o, "id")));
    for (size_t k = 0; k < js_count(does); k++) printf("%s %s", k ? "," : "", plain(cx, js_string(js_at(does, k))));
    putchar('\n');
  }
}

static void print_preview(struct ctx *cx, struct js *preview) {
  int64_t before = number(preview, "members_before"), after = number(preview, "members_after");
  int64_t devices = number(preview, "devices");
  printf("Members: %" PRId64 ", now %" PRId64 "\n", after, before);
  if (devices == 0) puts("Nothing would be done on any device.");
  if (devices) printf("Something would be done on %" PRId64 " device%s:\n", devices, devices == 1 ? "" : "s");
  print_act(preview, "install", "installation", "installations");
  print_act(preview, "replace", "replacement by another version", "replacements by another version");
  print_act(preview, "remove", "removal", "removals");
  print_act(preview, "commands", "command or setting", "commands and settings");
  print_act(preview, "unmet", "requirement that is not met", "requirements that are not met");
  if (js_count(js_get(preview, "items"))) putchar('\n');
  print_items(cx, preview);
  print_cannot(cx, preview);
  print_examples(cx, preview);
}

/* ---- a change ---- */

static const char *concerned(struct ctx *cx, struct js *answer) {
  int64_t n = number(answer, "devices_concerned");
  return n ? ctx_printf(cx, "something is to be done on %" PRId64 " device%s", n, n == 1 ? "" : "s")
           : "nothing is to be done on any device";
}

static bool says_yes(void) {
  char line[16];
  fputs("Go on? [y/N] ", stderr);
  return fgets(line, sizeof line, stdin) && (line[0] == 'y' || line[0] == 'Y');
}

/* Shows what it would do when it concerns many; E_CONFLICT when nobody said yes. */
static enum err confirmed(struct ctx *cx, const struct args *a, struct js *preview) {
  int64_t devices = number(preview, "devices"), limit = number(preview, "plan_limit");
  if (devices <= limit || args_has(a, "yes")) return OK;
  bool asks = isatty(STDIN_FILENO) && isatty(STDERR_FILENO) && !args_has(a, "json");
  if (!args_has(a, "json")) print_preview(cx, preview);
  if (asks && says_yes()) return OK;
  return FAIL(cx, E_CONFLICT,
              "nothing was changed: this concerns %" PRId64 " devices, more than plan-limit (%" PRId64
              "); --yes does it",
              devices, limit);
}

static enum err do_change(struct ctx *cx, const struct args *a, const char *name, struct js *body) {
  struct client *c;
  struct js *preview, *answer;
  TRY(client_open(cx, &c, a));
  TRY(client_call(cx, c, "GET", group_path(cx, name, ""), NULL, &answer));
  TRY(client_call(cx, c, "POST", group_path(cx, name, "/plan"), body, &preview));
  TRY(confirmed(cx, a, preview));
  js_set_int(body, "confirm", number(preview, "devices"));
  TRY(client_call(cx, c, "PATCH", group_path(cx, name, ""), body, &answer));
  if (args_has(a, "json")) return print_json(cx, answer), OK;
  printf("%s: version %" PRId64 "; %s\n", plain(cx, js_str(answer, "name")), number(answer, "version"),
         concerned(cx, answer));
  return OK;
}

static void add_options(const struct args *a, struct js *body) {
  if (args_has(a, "name")) js_set_string(body, "new_name", args_value(a, "name"));
  if (args_has(a, "rule")) js_set_string(body, "rule", args_value(a, "rule"));
  if (args_has(a, "note")) js_set_string(body, "note", args_value(a, "note"));
  if (args_has(a, "static")) js_set_bool(body, "static", true);
}

enum err cmd_group_set(struct ctx *cx, struct args *a) {
  struct js *body = js_object(cx);
  add_options(a, body);
  if (js_count(body) == 0) return FAIL(cx, E_USAGE, "say what to change: --name, --rule, --static or --note");
  return do_change(cx, a, a->operands[0], body);
}

enum err cmd_group_add(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *answer, *body = js_object(cx);
  add_options(a, body);
  js_set_string(body, "name", a->operands[0]);
  TRY(client_open(cx, &c, a));
  TRY(client_call(cx, c, "POST", "/api/v1/groups", body, &answer));
  if (args_has(a, "json")) return print_json(cx, answer), OK;
  const char *rule = js_str(answer, "rule");
  printf("%s: made, %s%s\n", plain(cx, js_str(answer, "name")),
         rule ? "of all devices with " : "without members yet: `pomona group member add`", rule ? plain(cx, rule) : "");
  return OK;
}

enum err cmd_group_remove(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *preview, *answer, *body = js_object(cx);
  const char *name = a->operands[0];
  js_set_bool(body, "remove", true);
  TRY(client_open(cx, &c, a));
  TRY(client_call(cx, c, "POST", group_path(cx, name, "/plan"), body, &preview));
  TRY(confirmed(cx, a, preview));
  const char *path = group_path(cx, name, ctx_printf(cx, "?confirm=%" PRId64, number(preview, "devices")));
  TRY(client_call(cx, c, "DELETE", path, NULL, &answer));
  if (args_has(a, "json")) return print_json(cx, answer), OK;
  printf("%s: removed; %s\n", plain(cx, name), concerned(cx, answer));
  return OK;
}

/* ---- members ---- */

static enum err members(struct ctx *cx, struct args *a, const char *key) {
  struct js *body = js_object(cx), *list = js_array(cx);
  for (size_t i = 1; i < a->n; i++) js_add_string(list, a->operands[i]);
  js_set(body, key, list);
  return do_change(cx, a, a->operands[0], body);
}

enum err cmd_group_member_add(struct ctx *cx, struct args *a) { return members(cx, a, "add"); }
enum err cmd_group_member_remove(struct ctx *cx, struct args *a) { return members(cx, a, "drop"); }

/* ---- assignments ---- */

/* Options as their command takes them; those of a setting stand in its first item. */
static enum err typed(struct ctx *cx, const char *type, const char *const *words, size_t n, struct js **out) {
  const struct command_row *row = command_row(type);
  if (!row) return FAIL(cx, E_USAGE, "there is no command %s; `pomona command types` lists them", type);
  return command_args(cx, out, row, words, n);
}

static enum err setting_options(struct ctx *cx, const char *ref, const char *const *words, size_t n, struct js **out) {
  const char **full = ctx_alloc(cx, (n + 1) * sizeof *full), *key;
  struct js *args;
  full[0] = ctx_printf(cx, "Settings[0].Item=%s", ref);
  for (size_t i = 0; i < n; i++) full[i + 1] = ctx_printf(cx, "Settings[0].%s", words[i]);
  TRY(typed(cx, "Settings", full, n + 1, &args));
  struct js *item = js_at(js_get(args, "Settings"), 0);
  *out = js_object(cx);
  for (size_t i = 0; js_member(item, i, &key); i++)
    if (strcmp(key, "Item") != 0) js_set(*out, key, js_get(item, key));
  return OK;
}

static enum err app_options(struct ctx *cx, const char *const *words, size_t n, struct js **out) {
  const char **rest = ctx_alloc(cx, (n + 1) * sizeof *rest), *identifier = NULL;
  size_t rest_n = 0;
  for (size_t i = 0; i < n; i++)
    if (slice_starts(slice_of(words[i]), "identifier="))
      identifier = words[i] + strlen("identifier=");
    else
      rest[rest_n++] = words[i];
  TRY(typed(cx, "InstallApplication", rest, rest_n, out));
  if (identifier) js_set_string(*out, "identifier", identifier);
  return OK;
}

static enum err flag_options(struct ctx *cx, const char *const *words, size_t n, struct js **out) {
  *out = js_object(cx);
  for (size_t i = 0; i < n; i++) {
    struct slice rest = slice_of(words[i]), key = {0};
    (void)slice_cut(&rest, '=', &key);
    bool on = slice_is(rest, "true") || slice_is(rest, "yes") || rest.n == 0;
    if (!on && !slice_is(rest, "false") && !slice_is(rest, "no"))
      return FAIL(cx, E_USAGE, "%.*s is true or false", (int)key.n, key.p);
    js_set_bool(*out, ctx_memdup(cx, key.p, key.n), on);
  }
  return OK;
}

static enum err assignment(struct ctx *cx, const char *const *words, size_t n, bool users, struct js **out) {
  struct js *options = NULL;
  const char *kind = words[0], *ref = n > 1 ? words[1] : NULL;
  if (!ref) return FAIL(cx, E_USAGE, "what is assigned? KIND REF, as `profile com.example.wifi`");
  struct slice rest = slice_of(ref), type = {0};
  (void)slice_cut(&rest, ':', &type);
  if (strcmp(kind, "command") == 0)
    TRY(typed(cx, ctx_memdup(cx, type.p, type.n), words + 2, n - 2, &options));
  else if (strcmp(kind, "setting") == 0)
    TRY(setting_options(cx, ref, words + 2, n - 2, &options));
  else if (strcmp(kind, "app") == 0)
    TRY(app_options(cx, words + 2, n - 2, &options));
  else
    TRY(flag_options(cx, words + 2, n - 2, &options));
  *out = js_object(cx);
  js_set_string(*out, "kind", kind);
  js_set_string(*out, "ref", ref);
  if (users) js_set_bool(*out, "users", true);
  js_set(*out, "options", options);
  return OK;
}

static struct js *of_one(struct ctx *cx, const char *key, struct js *entry) {
  struct js *body = js_object(cx), *list = js_array(cx);
  js_add(list, entry);
  js_set(body, key, list);
  return body;
}

enum err cmd_group_assign(struct ctx *cx, struct args *a) {
  struct js *entry;
  int64_t position;
  TRY(assignment(cx, a->operands + 1, a->n - 1, args_has(a, "users"), &entry));
  if (args_has(a, "position")) {
    if (!slice_to_i64(slice_of(args_value(a, "position")), &position) || position < 0)
      return FAIL(cx, E_USAGE, "--position is a number from 0");
    js_set_int(entry, "position", position);
  }
  return do_change(cx, a, a->operands[0], of_one(cx, "assign", entry));
}

static struct js *named(struct ctx *cx, const char *kind, const char *ref, bool users) {
  struct js *entry = js_object(cx);
  js_set_string(entry, "kind", kind);
  js_set_string(entry, "ref", ref);
  if (users) js_set_bool(entry, "users", true);
  return entry;
}

enum err cmd_group_unassign(struct ctx *cx, struct args *a) {
  struct js *entry = named(cx, a->operands[1], a->operands[2], args_has(a, "users"));
  return do_change(cx, a, a->operands[0], of_one(cx, "unassign", entry));
}

enum err cmd_group_require(struct ctx *cx, struct args *a) {
  return do_change(cx, a, a->operands[0], of_one(cx, "assign", named(cx, "requirement", a->operands[1], false)));
}

/* ---- only looking ---- */

static enum err words_of(struct ctx *cx, const char *text, const char ***words, size_t *n) {
  struct slice rest = slice_of(text), word;
  *words = ctx_alloc(cx, (strlen(text) + 2) * sizeof **words);
  *n = 0;
  while (slice_cut(&rest, ' ', &word))
    if (word.n) (*words)[(*n)++] = ctx_memdup(cx, word.p, word.n);
  return *n >= 2 ? OK : FAIL(cx, E_USAGE, "\"%s\": here stands KIND REF, as \"profile com.example.wifi\"", text);
}

/* The options of `group plan` that may stand several times. */
static enum err add_repeated(struct ctx *cx, const struct args *a, struct js *body) {
  struct js *add = js_array(cx), *drop = js_array(cx), *assign = js_array(cx), *unassign = js_array(cx), *entry;
  const char **words;
  size_t n;
  for (size_t i = 0; i < a->given_n; i++) {
    const char *name = a->given[i].name, *value = a->given[i].value;
    if (strcmp(name, "add") == 0) js_add_string(add, value);
    if (strcmp(name, "drop") == 0) js_add_string(drop, value);
    if (strcmp(name, "require") == 0) js_add(assign, named(cx, "requirement", value, false));
    if (strcmp(name, "assign") != 0 && strcmp(name, "unassign") != 0) continue;
    TRY(words_of(cx, value, &words, &n));
    if (strcmp(name, "unassign") == 0) {
      js_add(unassign, named(cx, words[0], words[1], args_has(a, "users")));
      continue;
    }
    TRY(assignment(cx, words, n, args_has(a, "users"), &entry));
    js_add(assign, entry);
  }
  if (js_count(add)) js_set(body, "add", add);
  if (js_count(drop)) js_set(body, "drop", drop);
  if (js_count(assign)) js_set(body, "assign", assign);
  if (js_count(unassign)) js_set(body, "unassign", unassign);
  return OK;
}

enum err cmd_group_plan(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *preview, *body = js_object(cx);
  add_options(a, body);
  if (args_has(a, "remove")) js_set_bool(body, "remove", true);
  TRY(add_repeated(cx, a, body));
  TRY(client_open(cx, &c, a));
  TRY(client_call(cx, c, "POST", group_path(cx, a->operands[0], "/plan"), body, &preview));
  if (args_has(a, "json"))
    print_json(cx, preview);
  else
    print_preview(cx, preview);
  return OK;
}
