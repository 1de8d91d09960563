/* Receivers of webhooks. */
#include "app/client.h"
#include "app/cmd.h"
#include "app/table.h"

#include <inttypes.h>
#include <stdio.h>

enum { LIST_DEFAULT = 100 };

static void print_webhooks(struct ctx *cx, struct js *all) {
  static const char *const headers[] = {"URL", "STATE", "DUE", "DEAD", "LAST SUCCESS", "LAST FAILURE", "ERROR", NULL};
  struct table *t = table_new(cx, headers);
  for (size_t i = 0; i < js_count(all); i++) {
    struct js *o = js_at(all, i);
    const char *cells[] = {js_str(o, "url"),
                           js_str(o, "state"),
                           member_text(cx, o, "due"),
                           member_text(cx, o, "dead"),
                           local_time(cx, js_str(o, "last_success")),
                           local_time(cx, js_str(o, "last_failure")),
                           js_str(o, "last_error")};
    table_add(t, cells);
  }
  table_print(t, stdout);
}

static void print_dead(struct ctx *cx, struct js *all) {
  static const char *const headers[] = {"ENDED", "TOPIC", "ID", "ATTEMPTS", "URL", "ERROR", NULL};
  struct table *t = table_new(cx, headers);
  for (size_t i = 0; i < js_count(all); i++) {
    struct js *o = js_at(all, i);
    const char *cells[] = {local_time(cx, js_str(o, "ended_at")), js_str(o, "topic"), js_str(o, "id"),
                           member_text(cx, o, "attempts"),        js_str(o, "url"),   js_str(o, "error")};
    table_add(t, cells);
  }
  table_print(t, stdout);
}

static enum err list_dead(struct ctx *cx, const struct args *a, struct client *c) {
  struct js *all;
  int64_t most = LIST_DEFAULT;
  TRY(args_count(cx, a, "limit", &most));
  TRY(client_pages(cx, c, "/api/v1/webhooks/dead?", "dead", most, &all));
  if (args_has(a, "json")) return print_json(cx, all), OK;
  if (js_count(all) == 0) return fputs("No dead letters.\n", stderr), OK;
  print_dead(cx, all);
  return OK;
}

enum err cmd_webhook_list(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *answer;
  TRY(client_open(cx, &c, a));
  if (args_has(a, "dead")) return list_dead(cx, a, c);
  TRY(client_call(cx, c, "GET", "/api/v1/webhooks", NULL, &answer));
  struct js *all = js_get(answer, "webhooks");
  if (args_has(a, "json")) return print_json(cx, all), OK;
  if (js_count(all) == 0) return fputs("No receivers; the setting webhook-url names one.\n", stderr), OK;
  print_webhooks(cx, all);
  return OK;
}

static bool print_result(struct ctx *cx, struct js *o) {
  bool ok = false;
  (void)js_bool(js_get(o, "ok"), &ok);
  const char *status = member_text(cx, o, "status"), *url = plain(cx, js_str(o, "url"));
  if (ok) {
    printf("%s: took it (%s) after %s ms\n", url, status, member_text(cx, o, "latency_ms"));
    return true;
  }
  printf("%s: %s after %s ms\n  %s\n", url, plain(cx, js_str(o, "error")), member_text(cx, o, "latency_ms"),
         plain(cx, js_str(o, "advice")));
  return false;
}

enum err cmd_webhook_test(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *body = js_object(cx), *answer;
  bool all_took_it = true;
  if (a->n) js_set_string(body, "url", a->operands[0]);
  TRY(client_open(cx, &c, a));
  TRY(client_call(cx, c, "POST", "/api/v1/webhooks/test", body, &answer));
  struct js *results = js_get(answer, "results");
  if (args_has(a, "json")) print_json(cx, results);
  for (size_t i = 0; i < js_count(results); i++) {
    bool ok = false;
    struct js *o = js_at(results, i);
    if (args_has(a, "json"))
      (void)js_bool(js_get(o, "ok"), &ok);
    else
      ok = print_result(cx, o);
    all_took_it &= ok;
  }
  return all_took_it ? OK : FAIL(cx, E_CONFLICT, "not every receiver took the test event");
}

enum err cmd_webhook_replay(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *body = js_object(cx), *answer;
  int64_t n = 0;
  if (args_has(a, "since"))
    js_set_string(body, "since", args_value(a, "since"));
  else
    js_set_bool(body, "dead", true);
  if (args_has(a, "device")) js_set_string(body, "enrollment", args_value(a, "device"));
  TRY(client_open(cx, &c, a));
  TRY(client_call(cx, c, "POST", "/api/v1/webhooks/replay", body, &answer));
  if (args_has(a, "json")) return print_json(cx, answer), OK;
  (void)js_int(js_get(answer, "replayed"), &n);
  printf("%" PRId64 " message%s will be sent again\n", n, n == 1 ? "" : "s");
  return OK;
}
