/* Sending a command, and waiting for what comes of it. */
#include "app/client.h"
#include "app/cmd.h"
#include "app/cmd_command.h"
#include "app/table.h"
#include "base/clock.h"
#include "base/enc.h"
#include "base/file.h"
#include "core/command.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PLIST_MAX = 4 << 20 };

/* ---- what to send ---- */

/* Operands taken apart: ID… REQUESTTYPE Key=Value… */
struct wish {
  const char *const *ids;
  size_t ids_n;
  const char *request_type; /* NULL: a property list of --plist */
  const char *const *words;
  size_t words_n;
  struct js *arguments; /* instead of the words; NULL: the words */
};

/* Where the RequestType stands: the first word that names a command; else the last one before Key=Value, which the
 * error then names. */
static size_t type_position(const struct args *a) {
  size_t i = 0;
  for (i = 0; i < a->n; i++)
    if (command_row(a->operands[i])) return i;
  for (i = 0; i < a->n && !strchr(a->operands[i], '=');) i++;
  return i ? i - 1 : 0;
}

static enum err take_apart(struct ctx *cx, const struct args *a, struct wish *w) {
  *w = (struct wish){.ids = a->operands, .ids_n = a->n};
  bool filter = args_has(a, "filter");
  if (args_has(a, "plist") && (a->n > 0) != filter) return OK;
  size_t at = a->n ? type_position(a) : 0;
  if (args_has(a, "plist") || a->n == 0 || (at > 0) == filter)
    return FAIL(cx, E_USAGE, "devices, or --filter, and a command are needed: ID… REQUESTTYPE [Key=Value…]");
  w->ids_n = at;
  w->request_type = a->operands[at];
  w->words = a->operands + at + 1;
  w->words_n = a->n - at - 1;
  if (command_row(w->request_type)) return OK;
  return FAIL(cx, E_USAGE, "there is no command %s; `pomona command types` lists them, --plist FILE sends any other",
              w->request_type);
}

/* "Key=@FILE": the bytes of a file, as base64 where the command wants data; "Key=@@text" is the text "@text". */
static enum err from_file(struct ctx *cx, const struct command_row *row, const char **word) {
  struct slice rest = slice_of(*word), key = {0}, bytes;
  if (!slice_cut(&rest, '=', &key) || !slice_starts(rest, "@")) return OK;
  if (slice_starts(rest, "@@")) {
    *word = ctx_printf(cx, "%.*s=%s", (int)key.n, key.p, rest.p + 1);
    return OK;
  }
  const struct command_arg *arg = command_arg_at(row, key);
  TRY(file_read(cx, &bytes, rest.p + 1, PLIST_MAX));
  bool data = arg && arg->type == ARG_DATA;
  *word = ctx_printf(cx, "%.*s=%s", (int)key.n, key.p, data ? enc_base64(cx, bytes.p, bytes.n) : bytes.p);
  return OK;
}

static enum err add_typed(struct ctx *cx, const struct wish *w, struct js *body) {
  const struct command_row *row = command_row(w->request_type);
  const char **words = ctx_alloc(cx, (w->words_n + 1) * sizeof *words);
  struct js *args = w->arguments;
  for (size_t i = 0; i < w->words_n; i++) {
    words[i] = w->words[i];
    TRY(from_file(cx, row, &words[i]));
  }
  if (!args) TRY(command_args(cx, &args, row, words, w->words_n));
  js_set_string(body, "request_type", w->request_type);
  js_set(body, "arguments", args);
  return OK;
}

static enum err add_plist(struct ctx *cx, const char *path, struct js *body) {
  struct slice bytes;
  TRY(file_read(cx, &bytes, strcmp(path, "-") ? path : "/dev/stdin", PLIST_MAX));
  js_set_string(body, "plist", enc_base64(cx, bytes.p, bytes.n));
  return OK;
}

static enum err make_body(struct ctx *cx, const struct args *a, const struct wish *w, struct js *body) {
  struct js *ids = js_array(cx);
  for (size_t i = 0; i < w->ids_n; i++) js_add_string(ids, w->ids[i]);
  if (w->ids_n)
    js_set(body, "ids", ids);
  else
    js_set_string(body, "filter", args_value(a, "filter"));
  if (args_has(a, "expires")) js_set_string(body, "expires", args_value(a, "expires"));
  if (args_has(a, "collapse-key")) js_set_string(body, "collapse_key", args_value(a, "collapse-key"));
  if (args_has(a, "no-push")) js_set_bool(body, "push", false);
  return w->request_type ? add_typed(cx, w, body) : add_plist(cx, args_value(a, "plist"), body);
}

/* ---- what comes of it ---- */

static bool settled(const char *status) {
  static const char *const open[] = {"Queued", "Sent", "NotNow"};
  for (size_t i = 0; i < sizeof open / sizeof *open; i++)
    if (!status || strcmp(status, open[i]) == 0) return false;
  return true;
}

static size_t count_open(struct js *targets) {
  size_t n = 0;
  for (size_t i = 0; i < js_count(targets); i++) n += !settled(js_str(js_at(targets, i), "status"));
  return n;
}

static bool all_acknowledged(struct js *targets) {
  for (size_t i = 0; i < js_count(targets); i++) {
    const char *status = js_str(js_at(targets, i), "status");
    if (!status || strcmp(status, "Acknowledged") != 0) return false;
  }
  return true;
}

static void nap(int64_t us) {
  struct timespec t = {us / US_SECOND, us % US_SECOND * 1000};
  nanosleep(&t, NULL);
}

/* Asks again and again, ever more slowly; *left: how many have not answered. The last answer lives in cx. */
static enum err wait_for(struct ctx *cx, struct client *c, const char *uuid, int64_t seconds, struct js **command,
                         size_t *left) {
  int64_t end = clock_mono_us() + seconds * US_SECOND, pause = 50 * 1000;
  size_t told = 0;
  for (;;) {
    TRY(command_fetch(cx, c, uuid, command));
    *left = count_open(js_get(*command, "targets"));
    if (*left == 0 || clock_mono_us() >= end) return OK;
    if (*left != told && isatty(STDERR_FILENO))
      fprintf(stderr, "waiting for %zu of %zu\n", *left, js_count(js_get(*command, "targets")));
    told = *left;
    nap(pause);
    if (pause < 2 * US_SECOND) pause = pause * 3 / 2;
  }
}

static enum err wait_and_print(struct ctx *cx, struct client *c, const struct args *a, const char *uuid,
                               int64_t seconds) {
  struct js *command;
  size_t left;
  TRY(wait_for(cx, c, uuid, seconds, &command, &left));
  if (args_has(a, "json"))
    print_json(cx, command);
  else
    command_print(cx, command);
  if (left) return FAIL(cx, E_TIMEOUT, "%zu did not answer in time; the command stays queued", left);
  return all_acknowledged(js_get(command, "targets")) ? OK
                                                      : FAIL(cx, E_CONFLICT, "not every device has acknowledged it");
}

/* What is refused of single targets, and what an operator is warned of. */
static enum err told(struct ctx *cx, struct js *targets) {
  enum err first = OK;
  for (size_t i = 0; i < js_count(targets); i++) {
    struct js *t = js_at(targets, i), *error = js_get(t, "error");
    const char *code = js_str(error, "code"), *push = js_str(t, "push_error");
    command_print_warnings(cx, t);
    if (!error && push) fprintf(stderr, "pomona: %s: %s\n", plain(cx, js_str(t, "id")), plain(cx, push));
    if (first == OK && code) first = err_from_slug(code);
  }
  return first == OK ? OK : FAIL(cx, first, "it was not queued for every device");
}

static enum err wait_seconds(struct ctx *cx, const struct args *a, int64_t *out) {
  const char *text = args_value(a, "wait");
  int64_t us;
  *out = 0;
  if (!text) return OK;
  if (!dec_span(slice_of(text), &us)) return FAIL(cx, E_USAGE, "--wait %s is no number of seconds", text);
  *out = (us + US_SECOND - 1) / US_SECOND;
  return OK;
}

/* Who would get it, and who would not: nothing is queued. */
static enum err dry_run(struct ctx *cx, const struct args *a, struct client *c, struct js *body) {
  struct js *checked;
  size_t refused = 0;
  if (args_has(a, "force")) js_set_bool(body, "force", true);
  TRY(command_check(cx, c, body, &checked));
  struct js *targets = js_get(checked, "targets");
  size_t n = js_count(targets);
  if (args_has(a, "json")) return print_json(cx, checked), OK;
  for (size_t i = 0; i < n; i++) {
    command_print_warnings(cx, js_at(targets, i));
    refused += js_str(js_get(js_at(targets, i), "error"), "message") != NULL;
  }
  printf("%zu device%s would get %s", n - refused, n - refused == 1 ? "" : "s",
         plain(cx, js_str(checked, "request_type")));
  if (refused) printf("; %zu would not", refused);
  puts(".");
  return OK;
}

enum err command_post(struct ctx *cx, const struct args *a, struct client *c, struct js *body) {
  struct js *answer;
  int64_t seconds;
  TRY(wait_seconds(cx, a, &seconds));
  TRY(command_confirm(cx, a, c, body));
  TRY(client_call(cx, c, "POST", "/api/v1/commands", body, &answer));
  const char *uuid = js_str(answer, "command_uuid");
  enum err refused = told(cx, js_get(answer, "targets"));
  if (refused == OK && seconds && uuid) return wait_and_print(cx, c, a, uuid, seconds);
  if (args_has(a, "json"))
    print_json(cx, answer);
  else
    printf("%s\n", uuid ? plain(cx, uuid) : "");
  return refused;
}

static enum err send(struct ctx *cx, const struct args *a, const struct wish *w) {
  struct client *c;
  struct js *body = js_object(cx);
  TRY(make_body(cx, a, w, body));
  TRY(client_open(cx, &c, a));
  return args_has(a, "dry-run") ? dry_run(cx, a, c, body) : command_post(cx, a, c, body);
}

enum err cmd_command_send(struct ctx *cx, struct args *a) {
  struct wish w;
  TRY(take_apart(cx, a, &w));
  return send(cx, a, &w);
}

enum err cmd_device_restart(struct ctx *cx, struct args *a) {
  struct wish w = {.ids = a->operands, .ids_n = a->n, .request_type = "RestartDevice"};
  return send(cx, a, &w);
}

enum err cmd_device_rename(struct ctx *cx, struct args *a) {
  struct js *args = js_object(cx), *settings = js_array(cx), *item = js_object(cx);
  struct wish w = {.ids = a->operands, .ids_n = 1, .request_type = "Settings", .arguments = args};
  js_set_string(item, "Item", "DeviceName");
  js_set_string(item, "DeviceName", a->operands[1]);
  js_add(settings, item);
  js_set(args, "Settings", settings);
  return send(cx, a, &w);
}
