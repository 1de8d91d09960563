/* A device leaves for good: `pomona device offboard`. */
#include "app/client.h"
#include "app/cmd.h"
#include "app/table.h"
#include "base/enc.h"

#include <string.h>

static void print_list(struct ctx *cx, const char *what, struct js *list) {
  for (size_t i = 0; i < js_count(list); i++) {
    printf("%s\n", what);
    print_text(cx, js_string(js_at(list, i)), 2);
  }
}

static void print_ties(struct ctx *cx, struct js *report, bool done) {
  struct js *groups = js_get(report, "groups");
  int64_t links = 0;
  (void)js_int(js_get(report, "links"), &links);
  for (size_t i = 0; i < js_count(groups); i++)
    printf("%s the group %s\n", done ? "Left" : "It leaves", plain(cx, js_string(js_at(groups, i))));
  if (links)
    printf("%lld enrollment link%s made for it %s\n", (long long)links, links == 1 ? "" : "s",
           done ? "revoked" : "will be revoked");
}

static void print_lock(struct ctx *cx, struct js *report) {
  struct js *lock = js_get(report, "activation_lock");
  const char *state = js_str(lock, "state");
  int64_t answered = -1;
  (void)js_int(js_get(lock, "apple_answered"), &answered);
  if (answered == 200)
    puts("Activation Lock: lifted by Apple with the bypass code");
  else if (answered >= 0)
    printf(
        "Activation Lock: Apple was asked to lift it and %s: say it again later, or type the bypass code as password "
        "in Setup Assistant, with an empty Apple Account\n",
        answered ? ctx_printf(cx, "answered %lld", (long long)answered) : "did not answer");
  else if (strcmp(state ? state : "", "off") != 0)
    printf("Activation Lock: %s\n", strcmp(state, "on") == 0 ? "on" : "not known");
}

static void print_secrets(struct ctx *cx, struct js *secrets) {
  static const char *const headers[] = {"KIND", "VALUE", "STATE", "SINCE", NULL};
  if (js_count(secrets) == 0) return;
  puts("Note these now; what is former may be needed too:");
  struct table *t = table_new(cx, headers);
  for (size_t i = 0; i < js_count(secrets); i++) {
    struct js *s = js_at(secrets, i);
    const char *cells[] = {js_str(s, "kind"), js_str(s, "value"), js_str(s, "state"), local_time(cx, js_str(s, "at"))};
    table_add(t, cells);
  }
  table_print(t, stdout);
}

static bool has_begun(struct js *report) { return strcmp(js_str(report, "step"), "none") != 0; }

static void print_report(struct ctx *cx, struct js *report) {
  const char *id = plain(cx, js_str(report, "id")), *serial = js_str(report, "serial_number");
  const char *way = js_str(report, "way"), *command = js_str(report, "command_uuid");
  printf("%s (serial number %s)\n", id, serial ? plain(cx, serial) : "not known");
  print_secrets(cx, js_get(report, "secrets"));
  print_ties(cx, report, has_begun(report));
  print_lock(cx, report);
  print_list(cx, "Warning:", js_get(report, "warnings"));
  print_list(cx, "Missing (--anyway does it all the same):", js_get(report, "missing"));
  if (has_begun(report))
    printf("Asked to %s %s, by %s: %s\n%s%s%s: %s\n", plain(cx, way), local_time(cx, js_str(report, "started_at")),
           plain(cx, js_str(report, "by")), plain(cx, js_str(report, "reason")), js_str(report, "step"),
           command ? ", command " : "", command ? plain(cx, command) : "", js_str(report, "next"));
}

static enum err preview(struct ctx *cx, struct args *a, struct client *c, const char *path) {
  struct js *report;
  TRY(client_call(cx, c, "GET", path, NULL, &report));
  if (args_has(a, "json"))
    print_json(cx, report);
  else
    print_report(cx, report);
  if (has_begun(report)) return OK;
  fflush(stdout);
  if (args_has(a, "erase") || args_has(a, "unenroll")) return FAIL(cx, E_USAGE, "nothing was done: --yes does it");
  fputs("Nothing was done: --erase or --unenroll, with --reason TEXT and --yes, does it.\n", stderr);
  return OK;
}

enum err cmd_device_offboard(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *body = js_object(cx), *report;
  const char *path = ctx_printf(cx, "/api/v1/devices/%s/offboard", enc_percent(cx, slice_of(a->operands[0])));
  bool erase = args_has(a, "erase");
  if (erase == args_has(a, "unenroll") && (erase || args_has(a, "yes")))
    return FAIL(cx, E_USAGE, "either --erase or --unenroll");
  if (args_has(a, "yes") && !args_value(a, "reason"))
    return FAIL(cx, E_USAGE, "--reason TEXT says why; it is recorded with your name");
  TRY(client_open(cx, &c, a));
  if (!args_has(a, "yes")) return preview(cx, a, c, path);
  js_set_string(body, "reason", args_value(a, "reason"));
  js_set_string(body, "way", erase ? "erase" : "unenroll");
  js_set_bool(body, "anyway", args_has(a, "anyway"));
  TRY(client_call(cx, c, "POST", path, body, &report));
  if (args_has(a, "json"))
    print_json(cx, report);
  else
    print_report(cx, report);
  return OK;
}
