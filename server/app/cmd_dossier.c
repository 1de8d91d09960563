/* What Apple's support asks for to move a push certificate to another Apple Account. */
#include "app/client.h"
#include "app/cmd.h"
#include "app/table.h"
#include "base/enc.h"

#include <stdio.h>

static const struct {
  const char *option, *member;
} edits[] = {
    {"target-account", "target_account"},
    {"created-by", "created_by"},
    {"contact", "contact"},
    {"state", "state"},
    {"check", "check"},
    {"uncheck", "uncheck"},
};

static enum err edit(struct ctx *cx, struct client *c, const struct args *a) {
  struct js *answer, *body = js_object(cx);
  for (size_t i = 0; i < sizeof edits / sizeof *edits; i++)
    if (args_has(a, edits[i].option)) js_set_string(body, edits[i].member, args_value(a, edits[i].option));
  if (js_count(body) == 0) return OK;
  if (args_has(a, "topic")) js_set_string(body, "topic", args_value(a, "topic"));
  return client_call(cx, c, "PUT", "/api/v1/pushcerts/dossier", body, &answer);
}

static void print_lines(struct ctx *cx, struct slice text) {
  struct slice line;
  while (slice_cut(&text, '\n', &line)) puts(plain(cx, ctx_printf(cx, "%.*s", (int)line.n, line.p)));
}

enum err cmd_pushcert_dossier(struct ctx *cx, struct args *a) {
  const char *topic = args_value(a, "topic"), *path = "/api/v1/pushcerts/dossier?";
  struct client *c;
  struct slice text;
  struct js *answer;
  if (args_has(a, "html") && args_has(a, "json")) return FAIL(cx, E_USAGE, "--html and --json exclude each other");
  if (topic) path = ctx_printf(cx, "%stopic=%s&", path, enc_percent(cx, slice_of(topic)));
  TRY(client_open(cx, &c, a));
  TRY(edit(cx, c, a));
  if (args_has(a, "json")) {
    TRY(client_call(cx, c, "GET", path, NULL, &answer));
    return print_json(cx, answer), OK;
  }
  path = ctx_printf(cx, "%sformat=%s", path, args_has(a, "html") ? "html" : "text");
  TRY(client_bytes(cx, c, "GET", path, (struct slice){0}, &text));
  if (args_has(a, "html"))
    fwrite(text.p, 1, text.n, stdout);
  else
    print_lines(cx, text);
  return OK;
}
