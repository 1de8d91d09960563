/* How groups and devices stand. */
#include "app/client.h"
#include "app/cmd.h"
#include "app/table.h"
#include "base/enc.h"

#include <stdio.h>
#include <string.h>

enum err cmd_group_list(struct ctx *cx, struct args *a) {
  static const char *const headers[] = {"NAME",    "RULE",           "DEVICES", "COMPLIANT", "WORKING",
                                        "FAILING", "DOES NOT APPLY", "GIVES",   NULL};
  struct client *c;
  struct js *answer;
  TRY(client_open(cx, &c, a));
  TRY(client_call(cx, c, "GET", "/api/v1/groups", NULL, &answer));
  struct js *all = js_get(answer, "groups");
  if (args_has(a, "json")) return print_json(cx, all), OK;
  if (js_count(all) == 0) return fputs("No groups yet; `pomona group add NAME` makes one.\n", stderr), OK;
  struct table *t = table_new(cx, headers);
  for (size_t i = 0; i < js_count(all); i++) {
    struct js *g = js_at(all, i);
    const char *cells[] = {js_str(g, "name"),
                           js_str(g, "rule"),
                           member_text(cx, g, "devices"),
                           member_text(cx, g, "compliant"),
                           member_text(cx, g, "working"),
                           member_text(cx, g, "failing"),
                           member_text(cx, g, "not_applicable"),
                           member_text(cx, g, "assignments")};
    table_add(t, cells);
  }
  table_print(t, stdout);
  return OK;
}

static void line(struct ctx *cx, struct js *o, const char *label, const char *key) {
  const char *text = member_text(cx, o, key);
  printf("%-14s %s\n", label, text && *text ? plain(cx, text) : "-");
}

static void print_assignments(struct ctx *cx, struct js *group) {
  static const char *const headers[] = {"KIND",    "WHAT",           "FOR", "COMPLIANT", "WORKING",
                                        "FAILING", "DOES NOT APPLY", NULL};
  struct js *all = js_get(group, "assignments");
  if (js_count(all) == 0) {
    puts("It gives nothing yet: `pomona group assign`.");
    return;
  }
  struct table *t = table_new(cx, headers);
  for (size_t i = 0; i < js_count(all); i++) {
    struct js *o = js_at(all, i);
    bool users = false;
    (void)js_bool(js_get(o, "users"), &users);
    const char *cells[] = {js_str(o, "kind"),
                           js_str(o, "ref"),
                           users ? "users" : "device",
                           member_text(cx, o, "compliant"),
                           member_text(cx, o, "working"),
                           member_text(cx, o, "failing"),
                           member_text(cx, o, "not_applicable")};
    table_add(t, cells);
  }
  table_print(t, stdout);
}

static void print_failures(struct ctx *cx, struct js *group) {
  static const char *const headers[] = {"ID", "NAME", "SERIAL", "SINCE", "WHY", NULL};
  struct js *all = js_get(group, "failures");
  if (js_count(all) == 0) return;
  puts("\nFailing:");
  struct table *t = table_new(cx, headers);
  for (size_t i = 0; i < js_count(all); i++) {
    struct js *o = js_at(all, i);
    const char *cells[] = {js_str(o, "id"), js_str(o, "name"), js_str(o, "serial_number"),
                           local_time(cx, js_str(o, "since")), js_str(o, "why")};
    table_add(t, cells);
  }
  table_print(t, stdout);
}

enum err cmd_group_show(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *g;
  TRY(client_open(cx, &c, a));
  const char *path = ctx_printf(cx, "/api/v1/groups/%s", enc_percent(cx, slice_of(a->operands[0])));
  TRY(client_call(cx, c, "GET", path, NULL, &g));
  if (args_has(a, "json")) return print_json(cx, g), OK;
  line(cx, g, "group", "name");
  line(cx, g, js_str(g, "rule") ? "rule" : "members", js_str(g, "rule") ? "rule" : "devices");
  if (js_str(g, "note")) line(cx, g, "note", "note");
  line(cx, g, "version", "version");
  if (js_str(g, "rule")) line(cx, g, "devices", "devices");
  line(cx, g, "compliant", "compliant");
  line(cx, g, "working", "working");
  line(cx, g, "failing", "failing");
  line(cx, g, "does not apply", "not_applicable");
  putchar('\n');
  print_assignments(cx, g);
  print_failures(cx, g);
  return OK;
}

static void print_groups(struct ctx *cx, struct js *groups) {
  printf("%-14s ", "groups");
  for (size_t i = 0; i < js_count(groups); i++) printf("%s%s", i ? ", " : "", plain(cx, js_string(js_at(groups, i))));
  puts(js_count(groups) ? "" : "none");
}

enum err cmd_device_plan(struct ctx *cx, struct args *a) {
  static const char *const headers[] = {"KIND", "WHAT", "ACT", "STATE", "TRIES", "NEXT", "WHY", NULL};
  struct client *c;
  struct js *p;
  TRY(client_open(cx, &c, a));
  const char *path = ctx_printf(cx, "/api/v1/devices/%s/plan", enc_percent(cx, slice_of(a->operands[0])));
  TRY(client_call(cx, c, "GET", path, NULL, &p));
  if (args_has(a, "json")) return print_json(cx, p), OK;
  struct js *items = js_get(p, "items"), *unfit = js_get(p, "not_applicable");
  line(cx, p, "state", "state");
  if (js_str(p, "why")) line(cx, p, "why", "why");
  print_groups(cx, js_get(p, "groups"));
  struct table *t = table_new(cx, headers);
  for (size_t i = 0; i < js_count(items); i++) {
    struct js *o = js_at(items, i);
    const char *cells[] = {js_str(o, "kind"),
                           js_str(o, "ref"),
                           js_str(o, "act"),
                           js_str(o, "state"),
                           member_text(cx, o, "tries"),
                           js_str(o, "next_at") ? local_time(cx, js_str(o, "next_at")) : NULL,
                           js_str(o, "why")};
    table_add(t, cells);
  }
  if (js_count(items)) putchar('\n'), table_print(t, stdout);
  if (js_count(unfit)) putchar('\n');
  for (size_t i = 0; i < js_count(unfit); i++)
    printf("%s %s does not apply: %s\n", js_str(js_at(unfit, i), "kind"), plain(cx, js_str(js_at(unfit, i), "ref")),
           plain(cx, js_str(js_at(unfit, i), "why")));
  return OK;
}
