/* `pomona command types`: the rows of the command table, for people and as JSON. */
#include "app/cmd.h"
#include "app/table.h"
#include "base/clock.h"
#include "core/command.h"
#include "lib/json.h"

#include <string.h>

enum { LIMIT_BITS = 8 };

static bool same_text(const char *a, const char *b) { return a == b || (a && b && strcmp(a, b) == 0); }

/* ---- for people ---- */

static const char *and_also(struct ctx *cx, const char *all, const char *one) {
  return *all ? ctx_printf(cx, "%s; %s", all, one) : one;
}

/* limits in words; those that p has in a sense of its own are told in it. */
static const char *limit_text(unsigned limit, enum platform p) {
  static const char *const texts[] = {"supervised only",          "by Automated Device Enrollment only",
                                      "not in a User Enrollment", "device channel only",
                                      "user channel only",        "Shared iPad only",
                                      "not on Shared iPad",       "ignored on Shared iPad"};
  if (p == PLATFORM_IOS && limit == ONLY_DEVICE) return "Shared iPad: device channel only";
  if (p == PLATFORM_IOS && limit == ONLY_USER) return "Shared iPad: user channel only";
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    if (limit == 1u << i) return texts[i];
  return "";
}

static const char *limits_text(struct ctx *cx, unsigned limits, enum platform p) {
  const char *all = "";
  for (int i = 0; i < LIMIT_BITS; i++)
    if (limits & 1u << i) all = and_also(cx, all, limit_text(1u << i, p));
  return all;
}

static const char *support_text(struct ctx *cx, const struct command_support *s, enum platform p) {
  const char *all = "";
  if (s->right) all = ctx_printf(cx, "right to %s (%u)", command_right_text(s->right), s->right);
  if (s->deprecated) all = and_also(cx, all, ctx_printf(cx, "deprecated since %s", s->deprecated));
  if (s->removed) all = and_also(cx, all, ctx_printf(cx, "removed in %s", s->removed));
  const char *limits = limits_text(cx, s->limits, p);
  return *limits ? and_also(cx, all, limits) : all;
}

/* What a key asks for on a platform beyond what holds it does. */
static struct command_support beyond(const struct command_support *s, const struct command_support *up) {
  return (struct command_support){.introduced = same_text(s->introduced, up->introduced) ? NULL : s->introduced,
                                  .deprecated = same_text(s->deprecated, up->deprecated) ? NULL : s->deprecated,
                                  .removed = same_text(s->removed, up->removed) ? NULL : s->removed,
                                  .right = s->right == up->right ? 0 : s->right,
                                  .limits = s->limits & ~up->limits};
}

/* Takes out of `more` what all of its platforms ask for alike, for it is said once. */
static const char *common_text(struct ctx *cx, struct command_support *more, unsigned known) {
  unsigned limits = ~0u, right = 0;
  bool same_right = true;
  for (int p = 0; p < PLATFORMS; p++) {
    if (!(known & 1u << p)) continue;
    limits &= p == PLATFORM_TVOS || p == PLATFORM_WATCHOS ? more[p].limits | NEVER_UE : more[p].limits;
    same_right = same_right && (right == 0 || more[p].right == right) && more[p].right;
    right = more[p].right;
  }
  if (!(known & ~(unsigned)(ON_TVOS | ON_WATCHOS))) limits &= ~(unsigned)NEVER_UE;
  limits &= ~(unsigned)(ONLY_DEVICE | ONLY_USER); /* whose channels differs by platform */
  for (int p = 0; p < PLATFORMS; p++) {
    more[p].limits &= ~limits;
    if (same_right) more[p].right = 0;
  }
  struct command_support common = {.right = same_right ? right : 0, .limits = limits};
  return support_text(cx, &common, PLATFORM_UNKNOWN);
}

/* "right to …; iOS 17.0 (supervised only), macOS": what a key asks for, and who knows it, where that differs. */
static const char *reach_text(struct ctx *cx, const struct command_reach *own, const struct command_reach *up) {
  struct command_support more[PLATFORMS];
  const char *all = "";
  bool told = own->known != up->known;
  if (command_same_reach(own, up)) return all;
  if (!own->known) return "no platform yet";
  for (int p = 0; p < PLATFORMS; p++) more[p] = beyond(&own->on[p], &up->on[p]);
  const char *common = common_text(cx, more, own->known);
  for (int p = 0; p < PLATFORMS; p++) {
    if (!(own->known & 1u << p)) continue;
    const char *rest = support_text(cx, &more[p], (enum platform)p), *since = more[p].introduced;
    told = told || since || *rest;
    all = ctx_printf(cx, "%s%s%s%s%s%s%s%s", all, *all ? ", " : "", platform_name((enum platform)p), since ? " " : "",
                     since ? since : "", *rest ? " (" : "", rest, *rest ? ")" : "");
  }
  if (!told) return common;
  return *common ? and_also(cx, common, all) : all;
}

static const char *notes(struct ctx *cx, const struct command_arg *a, const struct command_reach *own,
                         const struct command_reach *up) {
  const char *all = "", *values = "";
  for (size_t i = 0; a->values && a->values[i]; i++)
    values = ctx_printf(cx, "%s%s%s", values, i ? ", " : "one of ", a->values[i]);
  if (*values) all = values;
  if (a->six_digits) all = and_also(cx, all, "six digits");
  if (a->preset) all = and_also(cx, all, ctx_printf(cx, "default %s", a->preset));
  if (a->withdrawn) all = and_also(cx, all, "withdrawn: up to OS 26 only");
  if (a->narrows) all = and_also(cx, all, "the answer is a part of the whole");
  const char *reach = reach_text(cx, own, up);
  return *reach ? and_also(cx, all, reach) : all;
}

static const char *arg_name(struct ctx *cx, const struct command_arg *a, const struct command_arg *of, int depth) {
  const char *name = a->name, *mark = a->required ? " *" : "";
  if (of && of->type == ARG_ARRAY) name = *a->name ? ctx_printf(cx, "[n] Item=%s", a->name) : "[n]";
  if (of && of->type == ARG_STRING) name = ctx_printf(cx, "= %s", a->name);
  return ctx_printf(cx, "%*s%s%s", depth * 2, "", name, mark);
}

/* Where the arguments of a list stand. */
struct place {
  const struct command_arg *of; /* what holds them; NULL: the command */
  const char *path;
  struct command_reach reach;
  int depth;
};

static void add_args(struct ctx *cx, struct table *t, const struct command_arg *list, const struct place *up) {
  bool values = up->of && up->of->type == ARG_STRING;
  for (const struct command_arg *a = list; a && a->name; a++) {
    struct place own = {.of = a, .path = up->path, .depth = up->depth + 1};
    own.reach = command_reach_of_key(&up->reach, a);
    if (*a->name) own.path = ctx_printf(cx, "%s.%s", up->path, a->name);
    const char *help = *a->name ? command_help(own.path) : NULL, *more = notes(cx, a, &own.reach, &up->reach);
    if (help) more = *more ? ctx_printf(cx, "%s (%s)", help, more) : help;
    const char *cells[] = {arg_name(cx, a, up->of, up->depth), values ? "" : command_type_name(a->type), more};
    table_add(t, cells);
    add_args(cx, t, a->args, &own);
  }
}

static void print_platforms(struct ctx *cx, const struct command_row *row) {
  static const char *const headers[] = {"PLATFORM", "SINCE", "NEEDS", NULL};
  struct table *t = table_new(cx, headers);
  for (int p = 0; p < PLATFORMS; p++) {
    if (!row->on[p].introduced) continue;
    const char *cells[] = {platform_name((enum platform)p), row->on[p].introduced,
                           support_text(cx, &row->on[p], (enum platform)p)};
    table_add(t, cells);
  }
  table_print(t, stdout);
}

static void print_one(struct ctx *cx, const struct command_row *row) {
  static const char *const headers[] = {"ARGUMENT (* required)", "TYPE", "NOTES", NULL};
  struct place top = {.path = row->request_type, .reach = command_reach_of_row(row)};
  printf("%s: %s.\n", row->request_type, row->what);
  for (const struct command_flag_row *f = command_flags; f->name; f++)
    if (row->flags & f->flag) printf("  %-10s %s\n", f->name, f->text);
  if (row->expires_us)
    printf("  %-10s not handed over any more after %lld h\n", "life", (long long)(row->expires_us / US_HOUR));
  putchar('\n');
  print_platforms(cx, row);
  if (!row->args) {
    puts("\nNo arguments.");
    return;
  }
  putchar('\n');
  struct table *t = table_new(cx, headers);
  add_args(cx, t, row->args, &top);
  table_print(t, stdout);
}

static const char *platforms_text(struct ctx *cx, const struct command_row *row) {
  const char *text = "";
  for (int p = 0; p < PLATFORMS; p++)
    if (row->on[p].introduced) text = ctx_printf(cx, "%s%s%s", text, *text ? " " : "", platform_name((enum platform)p));
  return row->flags & COMMAND_WITHDRAWN ? ctx_printf(cx, "%s (<= 26)", text) : text;
}

static void print_list(struct ctx *cx) {
  static const char *const headers[] = {"COMMAND", "PLATFORMS", "WHAT IT DOES", NULL};
  struct table *t = table_new(cx, headers);
  for (const struct command_row *row = command_rows; row->request_type; row++) {
    const char *cells[] = {row->request_type, platforms_text(cx, row), row->what};
    table_add(t, cells);
  }
  table_print(t, stdout);
}

enum err cmd_command_types(struct ctx *cx, struct args *a) {
  const struct command_row *one = a->n ? command_row(a->operands[0]) : NULL;
  if (a->n && !one)
    return FAIL(cx, E_NOT_FOUND, "there is no command %s; `pomona command types` lists them", a->operands[0]);
  if (!args_has(a, "json")) {
    if (one)
      print_one(cx, one);
    else
      print_list(cx);
    return OK;
  }
  struct js *all = js_array(cx);
  for (const struct command_row *row = command_rows; row->request_type; row++) js_add(all, command_row_json(cx, row));
  print_json(cx, one ? command_row_json(cx, one) : all);
  return OK;
}
