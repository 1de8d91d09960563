/* Secrets of devices in escrow: `pomona device escrow`. */
#include "app/client.h"
#include "app/cmd.h"
#include "app/table.h"
#include "base/enc.h"

#include <string.h>

static const char *path_of(struct ctx *cx, const struct args *a, const char *rest) {
  return ctx_printf(cx, "/api/v1/devices/%s/escrow%s", enc_percent(cx, slice_of(a->operands[0])), rest);
}

/* ---- what is held ---- */

static const char *revealed(struct ctx *cx, struct js *s) {
  const char *at = js_str(s, "revealed_at");
  if (!at) return NULL;
  return ctx_printf(cx, "%s by %s: %s", local_time(cx, at), js_str(s, "revealed_by"), js_str(s, "revealed_reason"));
}

static void print_list(struct ctx *cx, struct js *secrets) {
  static const char *const headers[] = {"KIND", "NUMBER", "STATE", "SINCE", "CONFIRMED", "LAST REVEALED", "NOTE", NULL};
  struct table *t = table_new(cx, headers);
  for (size_t i = 0; i < js_count(secrets); i++) {
    struct js *s = js_at(secrets, i);
    const char *cells[] = {js_str(s, "kind"),
                           member_text(cx, s, "number"),
                           js_str(s, "state"),
                           local_time(cx, js_str(s, "at")),
                           local_time(cx, js_str(s, "confirmed_at")),
                           revealed(cx, s),
                           js_str(s, "note")};
    table_add(t, cells);
  }
  table_print(t, stdout);
}

static enum err list(struct ctx *cx, struct args *a, struct client *c) {
  struct js *answer;
  TRY(client_call(cx, c, "GET", path_of(cx, a, ""), NULL, &answer));
  struct js *secrets = js_get(answer, "secrets");
  if (args_has(a, "json"))
    print_json(cx, secrets);
  else if (js_count(secrets) == 0)
    fputs("Nothing of this device is in escrow.\n", stderr);
  else
    print_list(cx, secrets);
  return OK;
}

/* ---- one, or all codes ---- */

/* The value stands alone on its line of stdout; what there is to say about it does not. */
static void say(struct ctx *cx, struct js *answer) {
  bool in_force;
  const char *rotate = js_str(answer, "rotate_command_uuid"), *not_rotated = js_str(answer, "not_rotated");
  const char *kind = js_str(answer, "kind"), *note = js_str(answer, "note");
  puts(plain(cx, js_str(answer, "value")));
  if (js_bool(js_get(answer, "in_force"), &in_force) && !in_force)
    fprintf(stderr, "The device has not confirmed this %s, or has had another one since.\n", plain(cx, kind));
  if (note) fprintf(stderr, "Note: %s.\n", plain(cx, note));
  if (rotate)
    fprintf(stderr, "It has been seen now, so the Mac is told to make another one (command %s).\n", plain(cx, rotate));
  if (not_rotated) fprintf(stderr, "It is not replaced by another one: %s.\n", plain(cx, not_rotated));
}

static enum err reveal(struct ctx *cx, struct args *a, struct client *c, int64_t number, struct js **answer) {
  struct js *body = js_object(cx);
  js_set_string(body, "kind", a->operands[1]);
  js_set_string(body, "reason", args_value(a, "reason"));
  if (number) js_set_int(body, "number", number);
  if (args_has(a, "no-rotate")) js_set_bool(body, "rotate", false);
  return client_call(cx, c, "POST", path_of(cx, a, "/reveal"), body, answer);
}

static enum err reveal_one(struct ctx *cx, struct args *a, struct client *c) {
  const char *text = args_value(a, "number");
  struct js *answer;
  int64_t number = 0;
  if (text && (!slice_to_i64(slice_of(text), &number) || number < 1))
    return FAIL(cx, E_USAGE, "--number is one of the list's");
  TRY(reveal(cx, a, c, number, &answer));
  if (args_has(a, "json"))
    print_json(cx, answer);
  else
    say(cx, answer);
  return OK;
}

/* Each of them is asked for and recorded by itself. */
static enum err reveal_all(struct ctx *cx, struct args *a, struct client *c) {
  struct js *answer, *all = js_array(cx);
  TRY(client_call(cx, c, "GET", path_of(cx, a, ""), NULL, &answer));
  struct js *secrets = js_get(answer, "secrets");
  for (size_t i = 0; i < js_count(secrets); i++) {
    struct js *s = js_at(secrets, i), *one;
    int64_t number = 0;
    if (strcmp(js_str(s, "kind"), a->operands[1]) != 0) continue;
    (void)js_int(js_get(s, "number"), &number);
    TRY(reveal(cx, a, c, number, &one));
    js_add(all, one);
    if (!args_has(a, "json")) say(cx, one);
  }
  if (args_has(a, "json")) print_json(cx, all);
  return js_count(all) ? OK : FAIL(cx, E_NOT_FOUND, "no %s of this device is in escrow", plain(cx, a->operands[1]));
}

static enum err rotate(struct ctx *cx, struct args *a, struct client *c) {
  struct js *answer;
  TRY(client_call(cx, c, "POST", path_of(cx, a, "/rotate"), NULL, &answer));
  if (args_has(a, "json"))
    print_json(cx, answer);
  else
    printf("%s is told to make another recovery key (command %s); `pomona device escrow %s` shows when it has.\n",
           plain(cx, js_str(answer, "id")), plain(cx, js_str(answer, "command_uuid")), plain(cx, js_str(answer, "id")));
  return OK;
}

enum err cmd_device_escrow(struct ctx *cx, struct args *a) {
  struct client *c;
  bool kind = a->n > 1;
  if (args_has(a, "rotate") && kind)
    return FAIL(cx, E_USAGE, "--rotate shows nothing: leave out \"%s\"", a->operands[1]);
  if (!kind && (args_has(a, "reason") || args_has(a, "all-codes") || args_has(a, "number")))
    return FAIL(cx, E_USAGE, "say which: bypass-code, recovery-key, pin …");
  if (kind && !args_value(a, "reason"))
    return FAIL(cx, E_USAGE, "--reason TEXT says why; it is recorded with your name");
  TRY(client_open(cx, &c, a));
  if (args_has(a, "rotate")) return rotate(cx, a, c);
  if (!kind) return list(cx, a, c);
  return args_has(a, "all-codes") ? reveal_all(cx, a, c) : reveal_one(cx, a, c);
}
