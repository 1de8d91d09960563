/* Planned renewals of push certificates, and the calendar of dates. */
#include "app/client.h"
#include "app/cmd.h"
#include "app/table.h"
#include "base/enc.h"
#include "base/file.h"

#include <stdio.h>

/* ---- planned renewals ---- */

enum err cmd_pushcert_plan(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *answer, *body = js_object(cx);
  if (args_has(a, "every") + args_has(a, "on") + args_has(a, "none") != 1)
    return FAIL(cx, E_USAGE, "say one of --every, --on and --none");
  if (args_has(a, "topic")) js_set_string(body, "topic", args_value(a, "topic"));
  if (args_has(a, "every")) js_set_string(body, "every", args_value(a, "every"));
  if (args_has(a, "on")) js_set_string(body, "on", args_value(a, "on"));
  TRY(client_open(cx, &c, a));
  TRY(client_call(cx, c, "PUT", "/api/v1/pushcerts/plan", body, &answer));
  if (args_has(a, "json")) return print_json(cx, answer), OK;
  if (js_str(answer, "next_at"))
    printf("%s is to be renewed by %s\n", plain(cx, js_str(answer, "topic")),
           local_time(cx, js_str(answer, "next_at")));
  else
    printf("no renewal of %s is planned but for its expiry\n", plain(cx, js_str(answer, "topic")));
  return OK;
}

/* ---- the calendar ---- */

enum err cmd_calendar_save(struct ctx *cx, struct client *c, const char *topic, const char *file) {
  const char *path = "/api/v1/calendar/ics";
  struct slice text;
  if (topic) path = ctx_printf(cx, "/api/v1/pushcerts/ics?topic=%s", enc_percent(cx, slice_of(topic)));
  TRY(client_bytes(cx, c, "GET", path, (struct slice){0}, &text));
  return file_replace(cx, file, text);
}

/* The address stands alone on stdout: it is to be pasted. */
static enum err address(struct ctx *cx, struct client *c, const struct args *a, const char *method) {
  struct js *answer;
  TRY(client_call(cx, c, method, "/api/v1/calendar", NULL, &answer));
  if (args_has(a, "json")) return print_json(cx, answer), OK;
  printf("%s\n", plain(cx, js_str(answer, "url")));
  fputs("Subscribe to it in a calendar. Whoever knows it reads the dates: --new makes another, --revoke ends it.\n",
        stderr);
  return OK;
}

enum err cmd_pushcert_calendar(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *answer;
  if (args_has(a, "new") + args_has(a, "revoke") + args_has(a, "out") > 1)
    return FAIL(cx, E_USAGE, "--new, --revoke and --out exclude each other");
  if (args_has(a, "topic") && !args_has(a, "out")) return FAIL(cx, E_USAGE, "--topic goes with --out");
  TRY(client_open(cx, &c, a));
  if (args_has(a, "out")) return cmd_calendar_save(cx, c, args_value(a, "topic"), args_value(a, "out"));
  if (!args_has(a, "revoke")) return address(cx, c, a, args_has(a, "new") ? "POST" : "GET");
  TRY(client_call(cx, c, "DELETE", "/api/v1/calendar", NULL, &answer));
  if (args_has(a, "json")) return print_json(cx, answer), OK;
  puts("the address is worth nothing any more");
  return OK;
}
