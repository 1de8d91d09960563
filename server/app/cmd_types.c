#include "app/cmd.h"
#include "app/table.h"
#include "core/command.h"
#include "lib/json.h"

#include <string.h>

static const char *const type_names[] = {"string", "integer", "real",       "boolean", "data",
                                         "date",   "array",   "dictionary", "any"};

static struct js *row_json(struct ctx *cx, const struct command_row *row) {
  struct js *o = js_object(cx), *args = js_array(cx);
  js_set_string(o, "request_type", row->request_type);
  js_set_bool(o, "once", (row->flags & COMMAND_ONCE) != 0);
  js_set_bool(o, "withdrawn", (row->flags & COMMAND_WITHDRAWN) != 0);
  for (const struct command_arg *a = row->args; a && a->name; a++) {
    struct js *arg = js_object(cx);
    js_set_string(arg, "name", a->name);
    js_set_string(arg, "type", type_names[a->type]);
    js_set_bool(arg, "required", a->required);
    js_add(args, arg);
  }
  js_set(o, "arguments", args);
  return o;
}

static const char *args_text(struct ctx *cx, const struct command_row *row) {
  const char *text = "";
  for (const struct command_arg *a = row->args; a && a->name; a++)
    text = ctx_printf(cx, "%s%s%s%s", text, *text ? " " : "", a->name, a->required ? "*" : "");
  return text;
}

static void print_list(struct ctx *cx) {
  static const char *const headers[] = {"COMMAND", "ARGUMENTS (* required)", NULL};
  struct table *t = table_new(cx, headers);
  for (const struct command_row *row = command_rows; row->request_type; row++) {
    const char *cells[] = {row->request_type, args_text(cx, row)};
    table_add(t, cells);
  }
  table_print(t, stdout);
}

static void print_one(struct ctx *cx, const struct command_row *row) {
  static const char *const headers[] = {"ARGUMENT", "TYPE", "REQUIRED", NULL};
  struct table *t = table_new(cx, headers);
  for (const struct command_arg *a = row->args; a && a->name; a++) {
    const char *cells[] = {a->name, type_names[a->type], a->required ? "yes" : "no"};
    table_add(t, cells);
  }
  printf("%s%s%s\n", row->request_type,
         row->flags & COMMAND_ONCE ? ": delivered one time, never repeated by itself" : "",
         row->flags & COMMAND_WITHDRAWN ? " (withdrawn by Apple)" : "");
  if (row->args) table_print(t, stdout);
}

enum err cmd_command_types(struct ctx *cx, struct args *a) {
  const struct command_row *one = a->n ? command_row(a->operands[0]) : NULL;
  if (a->n && !one) return FAIL(cx, E_NOT_FOUND, "there is no command %s", a->operands[0]);
  if (!args_has(a, "json")) {
    if (one)
      print_one(cx, one);
    else
      print_list(cx);
    return OK;
  }
  struct js *all = js_array(cx);
  for (const struct command_row *row = command_rows; row->request_type; row++) js_add(all, row_json(cx, row));
  print_json(cx, one ? row_json(cx, one) : all);
  return OK;
}
