/* What locks, erases or loses a device is done only by who says so: --yes, or a word typed on a terminal. */
#include "app/cmd.h"
#include "app/cmd_command.h"
#include "app/table.h"
#include "base/secret.h"
#include "core/command.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { NAMES_SHOWN = 5, LINE = 64, PIN_DIGITS = 6 };

void command_print_warnings(struct ctx *cx, struct js *target) {
  const char *id = plain(cx, js_str(target, "id")), *error = js_str(js_get(target, "error"), "message");
  struct js *warnings = js_get(target, "warnings");
  if (error) fprintf(stderr, "pomona: %s: %s\n", id, plain(cx, error));
  for (size_t i = 0; i < js_count(warnings); i++)
    fprintf(stderr, "pomona: %s: warning: %s\n", id, plain(cx, js_string(js_at(warnings, i))));
}

enum err command_check(struct ctx *cx, struct client *c, struct js *body, struct js **out) {
  struct js *check = js_object(cx), *member;
  const char *key;
  for (size_t i = 0; (member = js_member(body, i, &key)); i++) js_set(check, key, member);
  js_set_bool(check, "check", true);
  return client_call(cx, c, "POST", "/api/v1/commands", check, out);
}

static const char *names(struct ctx *cx, struct js *targets) {
  const char *all = "";
  size_t n = js_count(targets);
  for (size_t i = 0; i < n && i < NAMES_SHOWN; i++)
    all = ctx_printf(cx, "%s%s%s", all, i ? ", " : "", plain(cx, js_str(js_at(targets, i), "id")));
  return n > NAMES_SHOWN ? ctx_printf(cx, "%s and %zu more", all, n - NAMES_SHOWN) : all;
}

static enum err ask(struct ctx *cx, struct js *checked) {
  char line[LINE];
  struct js *targets = js_get(checked, "targets");
  const char *type = plain(cx, js_str(checked, "request_type"));
  if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
    return FAIL(cx, E_USAGE, "%s is dangerous: say --yes to have it done", type);
  for (size_t i = 0; i < js_count(targets); i++) command_print_warnings(cx, js_at(targets, i));
  fprintf(stderr, "%s for %s. Type yes to have it done: ", type, names(cx, targets));
  if (fgets(line, sizeof line, stdin) && slice_ieq(slice_trim(slice_of(line)), "yes")) return OK;
  return FAIL(cx, E_CONFLICT, "nothing was done");
}

/* What is asked for a second time, or may be: of a raw property list only the server tells. */
static bool may_be_dangerous(struct js *body) {
  const char *type = js_str(body, "request_type");
  const struct command_row *row = type ? command_row(type) : NULL;
  return !row || row->flags & COMMAND_DANGEROUS || strcmp(type, "RemoveProfile") == 0;
}

enum err command_confirm(struct ctx *cx, const struct args *a, struct client *c, struct js *body) {
  struct js *checked;
  bool dangerous = false;
  if (args_has(a, "force")) js_set_bool(body, "force", true);
  if (args_has(a, "yes")) js_set_bool(body, "confirm", true);
  if (args_has(a, "yes") || !may_be_dangerous(body)) return OK;
  TRY(command_check(cx, c, body, &checked));
  if (!js_bool(js_get(checked, "dangerous"), &dangerous) || !dangerous) return OK;
  TRY(ask(cx, checked));
  js_set_bool(body, "confirm", true);
  return OK;
}

/* ---- device lock, device erase ---- */

static char *random_pin(struct ctx *cx) {
  char *pin = ctx_alloc(cx, PIN_DIGITS + 1);
  for (int i = 0; i < PIN_DIGITS;) {
    uint8_t byte;
    secret_random(&byte, 1);
    if (byte < 250) pin[i++] = (char)('0' + byte % 10); /* 250 is a multiple of 10: each digit is as likely */
  }
  return secret_in(cx, pin, PIN_DIGITS);
}

static struct js *wish(struct ctx *cx, const char *id, const char *request_type, struct js *arguments) {
  struct js *body = js_object(cx), *ids = js_array(cx);
  js_add_string(ids, id);
  js_set(body, "ids", ids);
  js_set_string(body, "request_type", request_type);
  js_set(body, "arguments", arguments);
  return body;
}

/* Each device gets a command of its own: a Mac's has a PIN that is only its. */
static enum err one_device(struct ctx *cx, const struct args *a, struct client *c, const char *id,
                           const char *request_type, struct js *arguments) {
  struct js *body = wish(cx, id, request_type, arguments), *checked;
  TRY(command_check(cx, c, body, &checked));
  const char *platform = js_str(js_at(js_get(checked, "targets"), 0), "platform");
  bool pin = platform && strcmp(platform, "macos") == 0;
  if (pin) js_set_string(arguments, "PIN", random_pin(cx));
  TRY(command_post(cx, a, c, body));
  if (pin && !args_has(a, "json"))
    fprintf(stderr, "The PIN is in escrow: `pomona device escrow %s pin --reason TEXT` shows it.\n", plain(cx, id));
  return OK;
}

static enum err each_device(struct ctx *cx, const struct args *a, const char *request_type,
                            struct js *(*arguments)(struct ctx *cx, const struct args *a)) {
  struct client *c;
  enum err first = OK;
  TRY(client_open(cx, &c, a));
  for (size_t i = 0; i < a->n; i++) {
    enum err e = one_device(cx, a, c, a->operands[i], request_type, arguments(cx, a));
    if (e != OK && a->n == 1) return e;
    if (e == E_UNREACHABLE || e == E_UNAUTHORIZED || e == E_USAGE) return e; /* the others would fare no better */
    if (e != OK) fprintf(stderr, "pomona: %s: %s\n", a->operands[i], ctx_error_text(cx));
    if (e != OK) ctx_clear_error(cx);
    if (first == OK) first = e;
  }
  return first == OK ? OK : FAIL(cx, first, "it was not queued for every device");
}

static void set_option(struct js *arguments, const struct args *a, const char *option, const char *key) {
  if (args_has(a, option)) js_set_string(arguments, key, args_value(a, option));
}

static struct js *lock_arguments(struct ctx *cx, const struct args *a) {
  struct js *o = js_object(cx);
  set_option(o, a, "message", "Message");
  set_option(o, a, "phone", "PhoneNumber");
  return o;
}

static struct js *erase_arguments(struct ctx *cx, const struct args *a) {
  struct js *o = js_object(cx);
  if (args_has(a, "preserve-data-plan")) js_set_bool(o, "PreserveDataPlan", true);
  set_option(o, a, "obliteration", "ObliterationBehavior");
  return o;
}

enum err cmd_device_lock(struct ctx *cx, struct args *a) { return each_device(cx, a, "DeviceLock", lock_arguments); }

enum err cmd_device_erase(struct ctx *cx, struct args *a) { return each_device(cx, a, "EraseDevice", erase_arguments); }
