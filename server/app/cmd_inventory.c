/* What devices told, and asking them anew: `pomona device inventory`, `changes`, `refresh`. */
#include "app/client.h"
#include "app/cmd.h"
#include "app/table.h"
#include "base/enc.h"

static const char *path_of(struct ctx *cx, const struct args *a, const char *rest) {
  return ctx_printf(cx, "/api/v1/devices/%s/%s", enc_percent(cx, slice_of(a->operands[0])), rest);
}

/* ---- what it answered ---- */

/* How many things a list holds; an answer that is no list has keys. */
static const char *size_of(struct ctx *cx, struct js *answer) {
  const char *key;
  struct js *member = js_member(answer, 0, &key);
  size_t n = js_count(member);
  return ctx_printf(cx, "%zu %s%s", n, js_is_array(member) ? "item" : "key", n == 1 ? "" : "s");
}

static void print_all(struct ctx *cx, struct js *body) {
  static const char *const headers[] = {"ANSWER", "TAKEN", "SO SINCE", "HOLDS", "MISFITS", NULL};
  struct js *answers = js_get(body, "answers");
  struct table *t = table_new(cx, headers);
  for (size_t i = 0; i < js_count(answers); i++) {
    struct js *s = js_at(answers, i);
    const char *cells[] = {js_str(s, "request_type"), local_time(cx, js_str(s, "at")),
                           local_time(cx, js_str(s, "changed_at")), size_of(cx, js_get(s, "answer")),
                           member_text(cx, s, "misfits")};
    table_add(t, cells);
  }
  table_print(t, stdout);
  printf("\nAsked for all: %s. `pomona device inventory %s TYPE` prints one, `pomona device refresh %s` asks anew.\n",
         local_time(cx, js_str(body, "asked_at")), plain(cx, js_str(body, "id")), plain(cx, js_str(body, "id")));
}

enum err cmd_device_inventory(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *body;
  const char *type = a->n > 1 ? enc_percent(cx, slice_of(a->operands[1])) : NULL;
  TRY(client_open(cx, &c, a));
  TRY(client_call(cx, c, "GET", path_of(cx, a, type ? ctx_printf(cx, "inventory/%s", type) : "inventory"), NULL,
                  &body));
  if (type || args_has(a, "json"))
    print_json(cx, type && !args_has(a, "json") ? js_get(body, "answer") : body);
  else if (js_count(js_get(body, "answers")) == 0)
    fputs("It has told nothing yet.\n", stderr);
  else
    print_all(cx, body);
  return OK;
}

/* ---- what changed ---- */

enum { CHANGES_SHOWN = 100 };

enum err cmd_device_changes(struct ctx *cx, struct args *a) {
  static const char *const headers[] = {"AT", "WHAT", "WAS", "IS NOW", NULL};
  struct client *c;
  struct js *changes;
  TRY(client_open(cx, &c, a));
  TRY(client_pages(cx, c, path_of(cx, a, "changes?limit=100"), "changes", args_has(a, "all") ? 0 : CHANGES_SHOWN,
                   &changes));
  if (args_has(a, "json")) return print_json(cx, changes), OK;
  if (js_count(changes) == 0) return fputs("Nothing has changed on it yet.\n", stderr), OK;
  struct table *t = table_new(cx, headers);
  for (size_t i = 0; i < js_count(changes); i++) {
    struct js *s = js_at(changes, i);
    const char *cells[] = {local_time(cx, js_str(s, "at")), js_str(s, "what"),
                           js_str(s, "was") ? js_str(s, "was") : "(not there)",
                           js_str(s, "now") ? js_str(s, "now") : "(gone)"};
    table_add(t, cells);
  }
  table_print(t, stdout);
  return OK;
}

/* ---- asking ---- */

enum err cmd_device_refresh(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *body;
  TRY(client_open(cx, &c, a));
  TRY(client_call(cx, c, "POST", path_of(cx, a, "inventory/refresh"), NULL, &body));
  if (args_has(a, "json"))
    print_json(cx, body);
  else
    printf("%s is asked for everything that it can tell, and woken; `pomona device inventory %s` shows what came.\n",
           plain(cx, js_str(body, "id")), plain(cx, js_str(body, "id")));
  return OK;
}
