/* The import of push certificates. */
#include "app/cmd_pushcert.h"
#include "app/cmd.h"
#include "app/table.h"

#include <unistd.h>

/* What came of it, and what was mended on the way. */
static void print_import(struct ctx *cx, struct js *answer) {
  struct js *notes = js_get(answer, "notes"), *replaced = js_get(answer, "replaced");
  pushcert_print(cx, answer);
  if (!js_is_null(replaced))
    pushcert_field(cx, "replaces",
                   ctx_printf(cx, "%s, which ends %s; `pomona pushcert rollback` goes back to it",
                              js_str(replaced, "serial_number"), local_time(cx, js_str(replaced, "not_after"))));
  if (!js_is_null(js_get(answer, "recovery")))
    pushcert_field(cx, "recovery",
                   "all devices of the topic are woken: `pomona pushcert recovery` shows who came back");
  for (size_t i = 0; i < js_count(notes); i++) pushcert_field(cx, "note", js_string(js_at(notes, i)));
}

enum err cmd_pushcert_import(struct ctx *cx, struct args *a) {
  static const char *const words[] = {"new-topic", "anyway", NULL};
  struct client *c;
  struct js *body, *answer;
  TRY(client_files(cx, a, a->operands, a->n, &body));
  TRY(client_open(cx, &c, a));
  const char *path = ctx_printf(cx, "/api/v1/pushcerts%s", pushcert_query(cx, a, words));
  TRY(client_call(cx, c, "PUT", path, body, &answer));
  if (args_has(a, "ics")) TRY(cmd_calendar_save(cx, c, js_str(answer, "topic"), args_value(a, "ics")));
  if (args_has(a, "json")) return print_json(cx, answer), OK;
  print_import(cx, answer);
  bool asks = !args_has(a, "yes") && isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
  return asks ? pushcert_ask_record(cx, c, js_str(answer, "topic")) : OK;
}
