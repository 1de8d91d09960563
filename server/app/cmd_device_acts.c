/* What operators do with devices: `pomona device block` and its like, and `device list --unknown`. */
#include "app/client.h"
#include "app/cmd.h"
#include "app/cmd_device.h"
#include "app/table.h"
#include "base/enc.h"

#include <string.h>

/* What people are told of an answer; NULL for a plain sentence about the id. */
struct act {
  const char *method, *rest, *query;
  void (*say)(struct ctx *cx, struct js *answer, const char *id);
};

static enum err act(struct ctx *cx, struct args *a, const struct act *what, struct js *body) {
  struct client *c;
  struct js *answer;
  const char *path =
      ctx_printf(cx, "/api/v1/devices/%s%s%s", enc_percent(cx, slice_of(a->operands[0])), what->rest, what->query);
  TRY(client_open(cx, &c, a));
  TRY(client_call(cx, c, what->method, path, body, &answer));
  if (args_has(a, "json"))
    print_json(cx, answer);
  else
    what->say(cx, answer, plain(cx, js_str(answer, "id")));
  return OK;
}

static bool is_true(struct js *answer, const char *key) {
  bool value;
  return js_bool(js_get(answer, key), &value) && value;
}

/* ---- block, unblock ---- */

static void say_blocked(struct ctx *cx, struct js *answer, const char *id) {
  (void)cx, (void)answer;
  printf(
      "%s is blocked: whatever it asks is refused, and it is not woken. It stays enrolled, and what is queued waits; "
      "`pomona device unblock %s` ends it.\n",
      id, id);
}

enum err cmd_device_block(struct ctx *cx, struct args *a) {
  if (a->n != 1 || args_has(a, "filter")) return device_act_many(cx, a, "block");
  return act(cx, a, &(struct act){"POST", "/block", "", say_blocked}, NULL);
}

static void say_unblocked(struct ctx *cx, struct js *answer, const char *id) {
  (void)cx;
  printf("%s is served again%s\n", id, is_true(answer, "woken") ? ", and woken for what waits." : ".");
}

enum err cmd_device_unblock(struct ctx *cx, struct args *a) {
  if (a->n != 1 || args_has(a, "filter")) return device_act_many(cx, a, "unblock");
  return act(cx, a, &(struct act){"POST", "/unblock", "", say_unblocked}, NULL);
}

/* ---- unenroll, forget, release ---- */

static void say_leaving(struct ctx *cx, struct js *answer, const char *id) {
  if (is_true(answer, "handed_over"))
    printf("%s was told to remove its enrollment profile, and is answered as one that is not managed.\n", id);
  else
    printf("%s is told to remove its enrollment profile when it comes (command %s), and from then on that it is not "
           "managed. `pomona device show %s` tells when it has checked out.\n",
           id, plain(cx, js_str(answer, "command_uuid")), id);
}

enum err cmd_device_unenroll(struct ctx *cx, struct args *a) {
  return act(cx, a, &(struct act){"POST", "/unenroll", "", say_leaving}, NULL);
}

static void say_forgotten(struct ctx *cx, struct js *answer, const char *id) {
  (void)cx, (void)answer;
  printf("%s is forgotten. If it still carries the profile, it will knock: `pomona device list --unknown`.\n", id);
}

enum err cmd_device_forget(struct ctx *cx, struct args *a) {
  const char *query = args_has(a, "anyway") ? "?anyway=yes" : "";
  return act(cx, a, &(struct act){"DELETE", "", query, say_forgotten}, NULL);
}

static void say_released(struct ctx *cx, struct js *answer, const char *id) {
  printf("%s may be enrolled anew until %s, whoever holds it now\n", id,
         local_time(cx, js_str(answer, "released_until")));
}

enum err cmd_device_release(struct ctx *cx, struct args *a) {
  return act(cx, a, &(struct act){"POST", "/release", "", say_released}, NULL);
}

/* ---- adopt, and who knocks ---- */

static void say_adopted(struct ctx *cx, struct js *answer, const char *id) {
  (void)cx, (void)answer;
  printf("%s is adopted: its next poll is served. Commands can be queued now; it can be woken as soon as it has sent "
         "its push token again.\n",
         id);
}

enum err cmd_device_adopt(struct ctx *cx, struct args *a) {
  struct js *body = js_object(cx);
  const char *certificate = args_value(a, "certificate");
  if (certificate) js_set_string(body, "certificate", certificate);
  return act(cx, a, &(struct act){"POST", "/adopt", "", say_adopted}, body);
}

static void print_refused(struct ctx *cx, struct js *all) {
  static const char *const headers[] = {"ID", "KNOWN", "REASON", "COUNT", "LAST TIME", "ADDRESS", "CERTIFICATE", NULL};
  struct table *t = table_new(cx, headers);
  bool any = false;
  for (size_t i = 0; i < js_count(all); i++) {
    struct js *r = js_at(all, i);
    const char *cells[] = {js_str(r, "id"),
                           is_true(r, "known") ? "yes" : "no",
                           js_str(r, "reason"),
                           member_text(cx, r, "count"),
                           local_time(cx, js_str(r, "last_at")),
                           js_str(r, "address"),
                           js_str(r, "certificate")};
    any = any || (!is_true(r, "known") && js_str(r, "certificate"));
    table_add(t, cells);
  }
  table_print(t, stdout);
  if (any)
    fputs("A device that is not known here but comes with a certificate, and is yours: `pomona device adopt ID`.\n",
          stderr);
}

enum err cmd_device_refused(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *all;
  TRY(client_open(cx, &c, a));
  TRY(client_pages(cx, c, "/api/v1/refused?", "refused", 0, &all));
  if (args_has(a, "json"))
    print_json(cx, all);
  else if (js_count(all) == 0)
    fputs("No request that claims a device was refused.\n", stderr);
  else
    print_refused(cx, all);
  return OK;
}
