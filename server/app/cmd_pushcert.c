/* Push certificates: which there are, and their import. */
#include "app/client.h"
#include "app/cmd.h"
#include "app/table.h"

static void print_pushcerts(struct ctx *cx, struct js *all) {
  static const char *const headers[] = {"TOPIC", "STATE", "ENDS", "DAYS LEFT", "SERIAL", "ENROLLMENTS", NULL};
  struct table *t = table_new(cx, headers);
  for (size_t i = 0; i < js_count(all); i++) {
    struct js *o = js_at(all, i);
    const char *cells[] = {js_str(o, "topic"),
                           js_str(o, "state"),
                           local_time(cx, js_str(o, "not_after")),
                           member_text(cx, o, "days_left"),
                           js_str(o, "serial_number"),
                           member_text(cx, o, "enrollments")};
    table_add(t, cells);
  }
  table_print(t, stdout);
}

enum err cmd_pushcert_show(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *answer;
  TRY(client_open(cx, &c, a));
  TRY(client_call(cx, c, "GET", "/api/v1/pushcerts", NULL, &answer));
  if (args_has(a, "json"))
    print_json(cx, js_get(answer, "pushcerts"));
  else if (js_count(js_get(answer, "pushcerts")) == 0)
    fputs("No push certificate yet; `pomona pushcert import FILE…` takes one in.\n", stderr);
  else
    print_pushcerts(cx, js_get(answer, "pushcerts"));
  return OK;
}

enum err cmd_pushcert_import(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *body, *answer;
  TRY(client_files(cx, a, a->operands, a->n, &body));
  TRY(client_open(cx, &c, a));
  const char *path = args_has(a, "new-topic") ? "/api/v1/pushcerts?new-topic=yes" : "/api/v1/pushcerts";
  TRY(client_call(cx, c, "PUT", path, body, &answer));
  if (args_has(a, "json")) return print_json(cx, answer), OK;
  printf("%s, valid until %s\n", plain(cx, js_str(answer, "topic")), local_time(cx, js_str(answer, "not_after")));
  return OK;
}
