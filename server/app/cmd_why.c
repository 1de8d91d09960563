/* `pomona why`, and the two remedies that it names and that are nobody else's: device grace, device configured. */
#include "app/client.h"
#include "app/cmd.h"
#include "app/table.h"
#include "base/enc.h"

#include <string.h>

static const char *path_of(struct ctx *cx, const char *id, const char *rest) {
  return ctx_printf(cx, "/api/v1/devices/%s/%s", enc_percent(cx, slice_of(id)), rest);
}

/* ---- one device ---- */

static void print_chain(struct ctx *cx, struct js *chain) {
  static const char *const headers[] = {"LINK", "STATUS", "WHEN", "DETAIL", NULL};
  struct table *t = table_new(cx, headers);
  for (size_t i = 0; i < js_count(chain); i++) {
    struct js *l = js_at(chain, i);
    const char *cells[] = {js_str(l, "link"), js_str(l, "status"), local_time(cx, js_str(l, "at")),
                           js_str(l, "detail")};
    table_add(t, cells);
  }
  table_print(t, stdout);
}

static void print_also(struct ctx *cx, struct js *also) {
  for (size_t i = 0; i < js_count(also); i++)
    printf("%s%s", i ? ", " : "\nThis holds, too: ", plain(cx, js_string(js_at(also, i))));
  if (js_count(also)) printf(". docs/verdicts.md tells of each.\n");
}

/* Only what is not as it should be. */
static void print_standing(struct ctx *cx, struct js *w) {
  struct js *plan = js_get(w, "plan");
  const char *state = js_str(plan, "state"), *why = js_str(plan, "why");
  if (!state || (strcmp(state, "failing") != 0 && strcmp(state, "working") != 0)) return;
  print_text(cx,
             ctx_printf(cx, "As its groups want it: %s%s%s (`pomona device plan %s`).", state, why ? ", " : "",
                        why ? why : "", js_str(w, "id")),
             2);
}

static void print_why(struct ctx *cx, struct js *w) {
  const char *type = js_str(w, "request_type");
  printf("%s", plain(cx, js_str(w, "id")));
  if (type) printf(", %s %s", plain(cx, type), plain(cx, js_str(w, "command_uuid")));
  printf(": %s\n\n", plain(cx, js_str(w, "verdict")));
  print_text(cx, js_str(w, "message"), 2);
  print_text(cx, js_str(w, "fix"), 2);
  print_standing(cx, w);
  putchar('\n');
  print_chain(cx, js_get(w, "chain"));
  print_also(cx, js_get(w, "also"));
}

static enum err why_one(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *w;
  const char *uuid = args_value(a, "command");
  const char *query = uuid ? ctx_printf(cx, "why?command=%s", enc_percent(cx, slice_of(uuid))) : "why";
  TRY(client_open(cx, &c, a));
  TRY(client_call(cx, c, "GET", path_of(cx, a->operands[0], query), NULL, &w));
  if (args_has(a, "json"))
    print_json(cx, w);
  else
    print_why(cx, w);
  return OK;
}

/* ---- the fleet ---- */

static const char *whom(struct ctx *cx, struct js *v) {
  const char *scope = js_str(v, "scope"), *n = member_text(cx, v, "devices"), *topic = js_str(v, "topic");
  bool one = strcmp(n, "1") == 0;
  if (strcmp(scope, "server") == 0) return "the server";
  if (topic) return ctx_printf(cx, "the topic %s, %s device%s", topic, n, one ? "" : "s");
  const char *examples = js_str(v, "examples");
  return ctx_printf(cx, "%s device%s%s%s", n, one ? "" : "s", examples ? ": " : "", examples ? examples : "");
}

static void print_fleet(struct ctx *cx, struct js *answer) {
  struct js *alarm = js_get(answer, "alarm"), *all = js_get(answer, "verdicts");
  if (js_is_object(alarm)) {
    printf("ALARM since %s\n", local_time(cx, js_str(alarm, "since")));
    print_text(cx, js_str(alarm, "text"), 2);
    putchar('\n');
  }
  for (size_t i = 0; i < js_count(all); i++) {
    struct js *v = js_at(all, i);
    printf("%s%s (%s)\n", i ? "\n" : "", plain(cx, js_str(v, "verdict")), plain(cx, whom(cx, v)));
    print_text(cx, js_str(v, "message"), 2);
    print_text(cx, js_str(v, "fix"), 2);
  }
  if (js_count(all) == 0)
    printf("Nothing is wrong with the server or its topics, and no device that something waits for is dark.\n");
}

static enum err why_all(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *answer;
  TRY(client_open(cx, &c, a));
  TRY(client_call(cx, c, "GET", "/api/v1/why", NULL, &answer));
  if (args_has(a, "json"))
    print_json(cx, answer);
  else
    print_fleet(cx, answer);
  return OK;
}

enum err cmd_why(struct ctx *cx, struct args *a) {
  bool fleet = args_has(a, "fleet");
  if (fleet == (a->n == 1)) return FAIL(cx, E_USAGE, "name a device, or say --fleet");
  if (fleet && args_has(a, "command")) return FAIL(cx, E_USAGE, "--command asks about one device");
  return fleet ? why_all(cx, a) : why_one(cx, a);
}

/* ---- remedies ---- */

static enum err post(struct ctx *cx, struct args *a, const char *act, struct js *body, struct js **answer) {
  struct client *c;
  TRY(client_open(cx, &c, a));
  TRY(client_call(cx, c, "POST", path_of(cx, a->operands[0], act), body, answer));
  if (args_has(a, "json")) print_json(cx, *answer);
  return OK;
}

enum err cmd_device_grace(struct ctx *cx, struct args *a) {
  struct js *body = js_object(cx), *answer;
  js_set_string(body, "span", a->operands[1]);
  TRY(post(cx, a, "grace", body, &answer));
  if (args_has(a, "json")) return OK;
  const char *id = plain(cx, js_str(answer, "id")), *command = js_str(answer, "command_uuid");
  printf("%s may renew its identity until %s%s", id, local_time(cx, js_str(answer, "grace_until")),
         command ? ", with its next poll.\n" : ".\n");
  if (js_str(answer, "reason")) printf("No renewal was begun: %s.\n", plain(cx, js_str(answer, "reason")));
  return OK;
}

enum err cmd_device_configured(struct ctx *cx, struct args *a) {
  struct js *answer;
  TRY(post(cx, a, "configured", NULL, &answer));
  if (!args_has(a, "json"))
    printf("%s is told to go on: DeviceConfigured, %s.\n", plain(cx, js_str(answer, "id")),
           plain(cx, js_str(answer, "command_uuid")));
  return OK;
}
