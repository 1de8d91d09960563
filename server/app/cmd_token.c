/* Tokens of programs. */
#include "app/client.h"
#include "app/cmd.h"
#include "app/table.h"
#include "base/enc.h"

#include <stdio.h>
#include <string.h>

static const char *scopes_of(struct ctx *cx, struct js *o) {
  struct js *list = js_get(o, "scopes");
  const char *text = NULL;
  for (size_t i = 0; i < js_count(list); i++)
    text = ctx_printf(cx, "%s%s%s", text ? text : "", text ? " " : "", js_string(js_at(list, i)));
  return text ? text : "all";
}

enum err cmd_token_list(struct ctx *cx, struct args *a) {
  static const char *const headers[] = {"NAME", "ROLE", "SCOPES", "STATE", "ENDS", "LAST USED", "CREATED BY", NULL};
  struct client *c;
  struct js *answer;
  TRY(client_open(cx, &c, a));
  TRY(client_call(cx, c, "GET", "/api/v1/tokens", NULL, &answer));
  struct js *all = js_get(answer, "tokens");
  if (args_has(a, "json")) return print_json(cx, all), OK;
  if (js_count(all) == 0) return fputs("No tokens; `pomona token add` makes one.\n", stderr), OK;
  struct table *t = table_new(cx, headers);
  for (size_t i = 0; i < js_count(all); i++) {
    struct js *o = js_at(all, i);
    const char *cells[] = {js_str(o, "name"),
                           js_str(o, "role"),
                           scopes_of(cx, o),
                           js_str(o, "state"),
                           local_time(cx, js_str(o, "expires_at")),
                           local_time(cx, js_str(o, "used_at")),
                           js_str(o, "created_by")};
    table_add(t, cells);
  }
  table_print(t, stdout);
  return OK;
}

/* The token stands alone on stdout, so that scripts and pipes get nothing else. */
enum err cmd_token_add(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *o, *body = js_object(cx), *scopes = js_array(cx);
  if (!args_has(a, "role")) return FAIL(cx, E_USAGE, "say what it may: --role viewer, operator or admin");
  js_set_string(body, "name", a->operands[0]);
  js_set_string(body, "role", args_value(a, "role"));
  for (size_t i = 0; i < a->given_n; i++)
    if (strcmp(a->given[i].name, "scope") == 0) js_add_string(scopes, a->given[i].value);
  if (js_count(scopes)) js_set(body, "scopes", scopes);
  if (args_has(a, "ttl")) js_set_string(body, "ttl", args_value(a, "ttl"));
  TRY(client_open(cx, &c, a));
  TRY(client_call(cx, c, "POST", "/api/v1/tokens", body, &o));
  if (args_has(a, "json")) return print_json(cx, o), OK;
  const char *ends = js_str(o, "expires_at");
  printf("%s\n", plain(cx, js_str(o, "token")));
  fprintf(stderr, "%s: role %s, scopes: %s, good until %s; it is not shown again\n", plain(cx, js_str(o, "name")),
          js_str(o, "role"), scopes_of(cx, o), ends ? local_time(cx, ends) : "it is revoked");
  return OK;
}

enum err cmd_token_revoke(struct ctx *cx, struct args *a) {
  struct client *c;
  struct slice answer;
  TRY(client_open(cx, &c, a));
  TRY(client_bytes(cx, c, "DELETE", ctx_printf(cx, "/api/v1/tokens/%s", enc_percent(cx, slice_of(a->operands[0]))),
                   (struct slice){0}, &answer));
  printf("%s: revoked\n", plain(cx, a->operands[0]));
  return OK;
}
