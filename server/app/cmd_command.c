#include "app/cmd_command.h"

#include "app/cmd.h"
#include "app/table.h"
#include "base/enc.h"

#include <inttypes.h>
#include <string.h>

/* So many targets are told of at length; more are a table. */
enum { LIST_DEFAULT = 100, WHOLE_MOST = 3 };

static char *command_path(struct ctx *cx, const char *uuid, const char *rest) {
  return ctx_printf(cx, "/api/v1/commands/%s%s", enc_percent(cx, slice_of(uuid)), rest);
}

static enum err command_fetch_of(struct ctx *cx, struct client *c, const char *uuid, const char *device,
                                 struct js **out) {
  struct js *first, *targets, *member;
  const char *key, *path = command_path(cx, uuid, "?");
  if (device) path = ctx_printf(cx, "%sdevice=%s&", path, enc_percent(cx, slice_of(device)));
  TRY(client_call(cx, c, "GET", ctx_printf(cx, "%slimit=1", path), NULL, &first));
  TRY(client_pages(cx, c, path, "targets", 0, &targets));
  *out = js_object(cx);
  for (size_t i = 0; (member = js_member(first, i, &key)); i++)
    if (strcmp(key, "next") != 0) js_set(*out, key, member);
  js_set(*out, "targets", targets);
  return OK;
}

enum err command_fetch(struct ctx *cx, struct client *c, const char *uuid, struct js **out) {
  return command_fetch_of(cx, c, uuid, NULL, out);
}

/* ---- what a person should know of one target ---- */

static bool is_true(struct js *o, const char *key) {
  bool b = false;
  return js_bool(js_get(o, key), &b) && b;
}

static bool is_text(struct js *o, const char *key, const char *value) {
  const char *s = js_str(o, key);
  return s && strcmp(s, value) == 0;
}

static int64_t number(struct js *o, const char *key) {
  int64_t n = 0;
  (void)js_int(js_get(o, key), &n);
  return n;
}

/* The first of the ErrorChain: its words, then what to look them up by. */
static const char *first_error(struct ctx *cx, struct js *target) {
  struct js *error = js_at(js_get(target, "errors"), 0);
  const char *text = js_str(error, "text"), *domain = js_str(error, "domain");
  if (!text) text = js_str(error, "localized");
  if (!text) text = domain;
  if (!text || !domain || !js_get(error, "code")) return text ? plain(cx, text) : NULL;
  return ctx_printf(cx, "%s (%s %" PRId64 ")", plain(cx, text), plain(cx, domain), number(error, "code"));
}

static const char *reason_text(struct ctx *cx, struct js *target) {
  static const char *const reasons[][2] = {{"admin", "an operator cleared its queue"},
                                           {"replaced", "a later command took its place"},
                                           {"re-enrolled", "the device enrolled anew"},
                                           {"won-back", "the former enrollment of the device came back"},
                                           {"restored", "the server was restored from a backup"}};
  const char *by = js_str(target, "cancelled_by");
  if (by) return ctx_printf(cx, "cancelled by %s", plain(cx, by));
  for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
    if (is_text(target, "reason", reasons[i][0])) return reasons[i][1];
  return js_str(target, "reason");
}

static const char *times_text(struct ctx *cx, int64_t n) {
  return n == 1 ? "once" : ctx_printf(cx, "%" PRId64 " times", n);
}

static void also(struct ctx *cx, const char **all, const char *one) {
  if (one) *all = *all ? ctx_printf(cx, "%s; %s", *all, one) : one;
}

/* All of it in one line, or NULL. */
static const char *detail(struct ctx *cx, struct js *target) {
  const char *all = NULL;
  also(cx, &all, first_error(cx, target));
  also(cx, &all, reason_text(cx, target));
  if (is_text(target, "ended_as", "Expired")) also(cx, &all, "answered after expiry");
  if (is_text(target, "ended_as", "Cancelled")) also(cx, &all, "answered after it was cancelled");
  if (is_true(target, "may_have_been_done")) also(cx, &all, "the device had it by then: it may have been done");
  if (is_true(target, "unconfirmed"))
    also(cx, &all, "handed out, never answered: probably done, only `command retry` repeats it");
  if (is_true(target, "set_aside")) also(cx, &all, "handed out again and again, never answered: others pass");
  if (is_text(target, "status", "NotNow"))
    also(cx, &all, ctx_printf(cx, "the device said \"not now\" %s", times_text(cx, number(target, "notnow_count"))));
  return all;
}

static const char *status_text(struct ctx *cx, struct js *target) {
  const char *status = js_str(target, "status");
  return is_true(target, "unconfirmed") ? ctx_printf(cx, "%s (unconfirmed)", status) : status;
}

/* ---- printing ---- */

static void print_line(const char *name, const char *text) {
  if (text) printf("  %-12s %s\n", name, text);
}

static const char *when(struct ctx *cx, struct js *o, const char *key) {
  return js_str(o, key) ? local_time(cx, js_str(o, key)) : NULL;
}

/* "3 times, first T, last T"; NULL when never. */
static const char *series(struct ctx *cx, struct js *o, const char *count, const char *first, const char *last) {
  int64_t n = number(o, count);
  if (n == 0) return NULL;
  if (n == 1) return ctx_printf(cx, "once, %s", local_time(cx, js_str(o, last)));
  return ctx_printf(cx, "%s, first %s, last %s", times_text(cx, n), local_time(cx, js_str(o, first)),
                    local_time(cx, js_str(o, last)));
}

static void print_target(struct ctx *cx, struct js *target) {
  printf("\n%s: %s\n", plain(cx, js_str(target, "id")), plain(cx, js_str(target, "status")));
  print_line("detail", detail(cx, target));
  print_line("queued", when(cx, target, "queued_at"));
  print_line("handed out", series(cx, target, "deliveries", "first_sent_at", "last_sent_at"));
  print_line("not now", series(cx, target, "notnow_count", "notnow_first_at", "notnow_last_at"));
  print_line("settled", when(cx, target, "settled_at"));
  print_line("expires", when(cx, target, "expires_at"));
}

static void print_targets(struct ctx *cx, struct js *targets) {
  static const char *const headers[] = {"ID", "STATUS", "UPDATED", "DETAIL", NULL};
  struct table *t = table_new(cx, headers);
  for (size_t i = 0; i < js_count(targets); i++) {
    struct js *target = js_at(targets, i);
    const char *cells[] = {js_str(target, "id"), status_text(cx, target), local_time(cx, js_str(target, "updated_at")),
                           detail(cx, target)};
    table_add(t, cells);
  }
  table_print(t, stdout);
}

void command_print(struct ctx *cx, struct js *command) {
  struct js *targets = js_get(command, "targets");
  printf("%s %s, created %s by %s\n", plain(cx, js_str(command, "request_type")),
         plain(cx, js_str(command, "command_uuid")), local_time(cx, js_str(command, "created_at")),
         plain(cx, js_str(command, "created_by")));
  print_line("collapse key", plain(cx, js_str(command, "collapse_key")));
  if (js_count(targets) > WHOLE_MOST) {
    print_targets(cx, targets);
    return;
  }
  for (size_t i = 0; i < js_count(targets); i++) print_target(cx, js_at(targets, i));
}

enum err cmd_command_show(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *command;
  struct slice plist;
  TRY(client_open(cx, &c, a));
  if (args_has(a, "plist")) {
    TRY(client_bytes(cx, c, "GET", command_path(cx, a->operands[0], "/plist"), slice_of(""), &plist));
    fwrite(plist.p, 1, plist.n, stdout);
    return OK;
  }
  TRY(command_fetch_of(cx, c, a->operands[0], args_value(a, "device"), &command));
  if (args_has(a, "json"))
    print_json(cx, command);
  else
    command_print(cx, command);
  return OK;
}

static const char *list_path(struct ctx *cx, const struct args *a) {
  static const char *const names[] = {"status", "type"};
  const char *path = args_has(a, "people") ? "/api/v1/commands?people=true" : "/api/v1/commands?people=false";
  if (a->n) path = ctx_printf(cx, "%s&device=%s", path, enc_percent(cx, slice_of(a->operands[0])));
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (args_has(a, names[i]))
      path = ctx_printf(cx, "%s&%s=%s", path, names[i], enc_percent(cx, slice_of(args_value(a, names[i]))));
  return path;
}

enum err cmd_command_list(struct ctx *cx, struct args *a) {
  static const char *const headers[] = {"COMMAND", "UUID", "ID", "STATUS", "UPDATED", "DETAIL", NULL};
  struct client *c;
  struct js *all;
  int64_t most = LIST_DEFAULT;
  TRY(args_count(cx, a, "limit", &most));
  TRY(client_open(cx, &c, a));
  TRY(client_pages(cx, c, list_path(cx, a), "commands", most, &all));
  if (args_has(a, "json")) return print_json(cx, all), OK;
  if (js_count(all) == 0) return fputs("No command; `pomona command send` queues one.\n", stderr), OK;
  struct table *t = table_new(cx, headers);
  for (size_t i = 0; i < js_count(all); i++) {
    struct js *o = js_at(all, i);
    const char *cells[] = {js_str(o, "request_type"),
                           js_str(o, "command_uuid"),
                           js_str(o, "id"),
                           status_text(cx, o),
                           local_time(cx, js_str(o, "updated_at")),
                           detail(cx, o)};
    table_add(t, cells);
  }
  table_print(t, stdout);
  return OK;
}

static const char *plural(int64_t n) { return n == 1 ? "" : "s"; }

enum err cmd_command_retry(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *body = js_object(cx), *answer;
  int64_t n = 0;
  if (args_has(a, "device")) js_set_string(body, "id", args_value(a, "device"));
  TRY(client_open(cx, &c, a));
  TRY(client_call(cx, c, "POST", command_path(cx, a->operands[0], "/retry"), body, &answer));
  if (args_has(a, "json")) return print_json(cx, answer), OK;
  (void)js_int(js_get(answer, "retried"), &n);
  printf("handed out once more, to %" PRId64 " device%s\n", n, plural(n));
  return OK;
}

enum err cmd_command_cancel(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *answer;
  const char *path = command_path(cx, a->operands[0], ""), *device = args_value(a, "device");
  if (device) path = ctx_printf(cx, "%s?device=%s", path, enc_percent(cx, slice_of(device)));
  TRY(client_open(cx, &c, a));
  TRY(client_call(cx, c, "DELETE", path, NULL, &answer));
  if (args_has(a, "json")) return print_json(cx, answer), OK;
  int64_t n = number(answer, "cancelled"), maybe = number(answer, "may_have_been_done");
  printf("cancelled for %" PRId64 " device%s\n", n, plural(n));
  if (maybe) printf("%" PRId64 " of them had it already: there it may have been done\n", maybe);
  return OK;
}
