/* Identities of devices and their renewal. */
#include "app/client.h"
#include "app/cmd.h"
#include "app/table.h"
#include "base/file.h"

#include <stdio.h>

enum { RECENT = 50, PROFILE_MAX = 1 << 20 };

enum err cmd_identity_list(struct ctx *cx, struct args *a) {
  static const char *const headers[] = {"DEVICE", "ENDS", "DAYS LEFT", "ISSUER", "SEEN", "RENEWAL", NULL};
  struct client *c;
  struct js *all;
  TRY(client_open(cx, &c, a));
  TRY(client_pages(cx, c, "/api/v1/identities?", "identities", 0, &all));
  if (args_has(a, "json")) return print_json(cx, all), OK;
  if (js_count(all) == 0) return fputs("No device has an identity yet.\n", stderr), OK;
  struct table *t = table_new(cx, headers);
  for (size_t i = 0; i < js_count(all); i++) {
    struct js *o = js_at(all, i);
    const char *cells[] = {js_str(o, "device"), local_time(cx, js_str(o, "not_after")), member_text(cx, o, "days_left"),
                           js_str(o, "issuer"), local_time(cx, js_str(o, "seen_at")),   js_str(o, "renewal")};
    table_add(t, cells);
  }
  table_print(t, stdout);
  return OK;
}

/* ---- renewals ---- */

static void print_trouble(struct ctx *cx, struct js *o, const char *what) {
  if (js_is_object(o)) printf("%s since %s: %s\n", what, local_time(cx, js_str(o, "at")), plain(cx, js_str(o, "why")));
}

static void print_renewals(struct ctx *cx, struct js *answer) {
  static const char *const headers[] = {"DEVICE", "STATE", "WAVE", "BEGUN", "CHANGED", "COMMAND", "WHY", NULL};
  struct js *all = js_get(answer, "renewals");
  printf("due %s, open %s, done %s, wave %s\n", member_text(cx, answer, "due"), member_text(cx, answer, "open"),
         member_text(cx, answer, "done"), js_str(answer, "stage"));
  print_trouble(cx, js_get(answer, "halted"), "HALTED (`identity renewals --resume` goes on)");
  print_trouble(cx, js_get(answer, "unreachable"), "NOT BEGUN for devices of an address that does not lead here");
  if (js_count(all) == 0) return;
  struct table *t = table_new(cx, headers);
  for (size_t i = 0; i < js_count(all); i++) {
    struct js *o = js_at(all, i);
    const char *cells[] = {js_str(o, "device"),
                           js_str(o, "state"),
                           js_str(o, "wave"),
                           local_time(cx, js_str(o, "created_at")),
                           local_time(cx, js_str(o, "updated_at")),
                           js_str(o, "command_uuid"),
                           js_str(o, "why")};
    table_add(t, cells);
  }
  table_print(t, stdout);
}

static enum err change(struct ctx *cx, struct client *c, const struct args *a) {
  struct js *body = js_object(cx), *answer;
  const char *device = args_value(a, "start");
  if (device && args_has(a, "resume")) return FAIL(cx, E_USAGE, "--start and --resume exclude each other");
  if (device)
    js_set_string(body, "start", device);
  else
    js_set_bool(body, "resume", true);
  TRY(client_call(cx, c, "POST", "/api/v1/renewals", body, &answer));
  if (args_has(a, "json")) return print_json(cx, answer), OK;
  if (device)
    printf("%s\n", plain(cx, js_str(answer, "command_uuid")));
  else
    puts("renewals go on, with a new canary");
  return OK;
}

enum err cmd_identity_renewals(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *answer;
  TRY(client_open(cx, &c, a));
  if (args_has(a, "start") || args_has(a, "resume")) return change(cx, c, a);
  TRY(client_call(cx, c, "GET", ctx_printf(cx, "/api/v1/renewals?limit=%d", RECENT), NULL, &answer));
  if (args_has(a, "json"))
    print_json(cx, answer);
  else
    print_renewals(cx, answer);
  return OK;
}

/* ---- migrated devices ---- */

enum err cmd_identity_profile(struct ctx *cx, struct args *a) {
  struct client *c;
  struct slice bytes, text;
  struct js *answer;
  TRY(file_read(cx, &bytes, a->operands[0], PROFILE_MAX));
  TRY(client_open(cx, &c, a));
  TRY(client_bytes(cx, c, "PUT", "/api/v1/migrated-profile", bytes, &text));
  TRY(js_parse(cx, text, &answer));
  if (args_has(a, "json")) return print_json(cx, answer), OK;
  printf("%s: %s migrated devices can be renewed from it\n", plain(cx, js_str(answer, "topic")),
         member_text(cx, answer, "devices"));
  return OK;
}
