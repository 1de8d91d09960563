/* The dossier by which Apple's support moves a certificate to another Apple Account. */
#include "app/cmd.h"
#include "app/cmd_pushcert.h"
#include "app/table.h"
#include "base/enc.h"
#include "base/file.h"

#include <stdio.h>
#include <string.h>

#define DOSSIER "/api/v1/pushcerts/dossier"

static const struct {
  const char *option, *member;
} fields[] = {
    {"target-account", "target_account"}, {"created-by", "created_by"}, {"contact", "contact"}, {"state", "state"}};

/* Each item is told by an option of its own, which may come several times. */
static void add_items(const struct args *a, const char *option, struct js *list) {
  for (size_t i = 0; i < a->given_n; i++)
    if (strcmp(a->given[i].name, option) == 0) js_set_bool(list, a->given[i].value, strcmp(option, "check") == 0);
}

static struct js *told(struct ctx *cx, const struct args *a) {
  struct js *body = js_object(cx), *items = js_object(cx);
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
    if (args_has(a, fields[i].option)) js_set_string(body, fields[i].member, args_value(a, fields[i].option));
  add_items(a, "check", items);
  add_items(a, "uncheck", items);
  if (js_count(items)) js_set(body, "checklist", items);
  return body;
}

/* For a terminal once more made plain, line by line: another server may answer. */
static void print_lines(struct ctx *cx, struct slice text) {
  struct slice line;
  while (text.n && slice_cut(&text, '\n', &line)) puts(plain(cx, ctx_memdup(cx, line.p, line.n)));
}

static enum err put_out(struct ctx *cx, const struct args *a, struct slice text) {
  const char *path = args_value(a, "out");
  if (path) {
    TRY(file_replace(cx, path, text));
    fprintf(stderr, "The dossier is in %s.\n", path);
  } else if (args_has(a, "html")) {
    fwrite(text.p, 1, text.n, stdout);
  } else {
    print_lines(cx, text);
  }
  return OK;
}

static const char *path_of(struct ctx *cx, const struct args *a, const char *format) {
  const char *topic = args_value(a, "topic");
  return ctx_printf(cx, DOSSIER "?format=%s%s%s", format, topic ? "&topic=" : "",
                    topic ? enc_percent(cx, slice_of(topic)) : "");
}

enum err cmd_pushcert_dossier(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *body = told(cx, a), *answer;
  struct slice text;
  if (args_has(a, "json") && (args_has(a, "html") || args_has(a, "out")))
    return FAIL(cx, E_USAGE, "--json goes neither with --html nor with --out");
  TRY(client_open(cx, &c, a));
  if (js_count(body)) TRY(client_call(cx, c, "PUT", path_of(cx, a, "json"), body, &answer));
  if (args_has(a, "json")) {
    TRY(client_call(cx, c, "GET", path_of(cx, a, "json"), NULL, &answer));
    print_json(cx, js_get(answer, "dossier"));
    return OK;
  }
  const char *format = args_has(a, "html") ? "html" : "text";
  TRY(client_bytes(cx, c, "GET", path_of(cx, a, format), (struct slice){0}, &text));
  return put_out(cx, a, text);
}
