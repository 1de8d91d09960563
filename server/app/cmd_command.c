#include "app/cmd_command.h"

#include "app/cmd.h"
#include "app/table.h"
#include "base/enc.h"

#include <inttypes.h>
#include <string.h>

enum { LIST_DEFAULT = 100 };

static char *command_path(struct ctx *cx, const char *uuid, const char *rest) {
  return ctx_printf(cx, "/api/v1/commands/%s%s", enc_percent(cx, slice_of(uuid)), rest);
}

enum err command_fetch(struct ctx *cx, struct client *c, const char *uuid, struct js **out) {
  struct js *first, *targets, *member;
  const char *key;
  TRY(client_call(cx, c, "GET", command_path(cx, uuid, "?limit=1"), NULL, &first));
  TRY(client_pages(cx, c, command_path(cx, uuid, "?"), "targets", "before", 0, &targets));
  *out = js_object(cx);
  for (size_t i = 0; (member = js_member(first, i, &key)); i++)
    if (strcmp(key, "next") != 0) js_set(*out, key, member);
  js_set(*out, "targets", targets);
  return OK;
}

/* The first of the ErrorChain, for people. */
static const char *first_error(struct ctx *cx, struct js *target) {
  struct js *error = js_at(js_get(target, "errors"), 0);
  const char *text = js_str(error, "text");
  if (!text) text = js_str(error, "localized");
  return text ? plain(cx, text) : js_str(target, "reason");
}

/* A status with what a person should know beside it. */
static const char *status_text(struct ctx *cx, struct js *target) {
  bool unconfirmed = false;
  (void)js_bool(js_get(target, "unconfirmed"), &unconfirmed);
  const char *status = js_str(target, "status");
  return unconfirmed ? ctx_printf(cx, "%s (unconfirmed)", status) : status;
}

void command_print(struct ctx *cx, struct js *command) {
  static const char *const headers[] = {"ID", "STATUS", "UPDATED", "DETAIL", NULL};
  struct js *targets = js_get(command, "targets");
  struct table *t = table_new(cx, headers);
  for (size_t i = 0; i < js_count(targets); i++) {
    struct js *target = js_at(targets, i);
    const char *cells[] = {js_str(target, "id"), status_text(cx, target), local_time(cx, js_str(target, "updated_at")),
                           first_error(cx, target)};
    table_add(t, cells);
  }
  printf("%s %s, created %s by %s\n", plain(cx, js_str(command, "request_type")),
         plain(cx, js_str(command, "command_uuid")), local_time(cx, js_str(command, "created_at")),
         plain(cx, js_str(command, "created_by")));
  table_print(t, stdout);
}

enum err cmd_command_show(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *command;
  TRY(client_open(cx, &c, a));
  TRY(command_fetch(cx, c, a->operands[0], &command));
  if (args_has(a, "json"))
    print_json(cx, command);
  else
    command_print(cx, command);
  return OK;
}

enum err cmd_command_list(struct ctx *cx, struct args *a) {
  static const char *const headers[] = {"COMMAND", "UUID", "ID", "STATUS", "UPDATED", NULL};
  struct client *c;
  struct js *all;
  int64_t most = LIST_DEFAULT;
  const char *limit = args_value(a, "limit");
  if (limit && (!slice_to_i64(slice_of(limit), &most) || most < 0))
    return FAIL(cx, E_USAGE, "--limit %s is no number", limit);
  TRY(client_open(cx, &c, a));
  const char *path = "/api/v1/commands?";
  if (a->n) path = ctx_printf(cx, "%sdevice=%s", path, enc_percent(cx, slice_of(a->operands[0])));
  TRY(client_pages(cx, c, path, "commands", "before", most, &all));
  if (args_has(a, "json")) return print_json(cx, all), OK;
  if (js_count(all) == 0) return fputs("No commands yet; `pomona command send` queues one.\n", stderr), OK;
  struct table *t = table_new(cx, headers);
  for (size_t i = 0; i < js_count(all); i++) {
    struct js *o = js_at(all, i);
    const char *cells[] = {js_str(o, "request_type"), js_str(o, "command_uuid"), js_str(o, "id"), status_text(cx, o),
                           local_time(cx, js_str(o, "updated_at"))};
    table_add(t, cells);
  }
  table_print(t, stdout);
  return OK;
}

enum err cmd_command_retry(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *body = js_object(cx), *answer;
  int64_t n = 0;
  if (args_has(a, "device")) js_set_string(body, "id", args_value(a, "device"));
  TRY(client_open(cx, &c, a));
  TRY(client_call(cx, c, "POST", command_path(cx, a->operands[0], "/retry"), body, &answer));
  if (args_has(a, "json")) return print_json(cx, answer), OK;
  (void)js_int(js_get(answer, "retried"), &n);
  printf("handed out once more, to %" PRId64 " device%s\n", n, n == 1 ? "" : "s");
  return OK;
}
