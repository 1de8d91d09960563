/* Dates that end the service, and who was told of them. */
#include "app/client.h"
#include "app/cmd.h"
#include "app/table.h"

#include <stdio.h>
#include <string.h>

static bool is_true(struct js *o, const char *key) {
  bool yes = false;
  return js_bool(js_get(o, key), &yes) && yes;
}

static void print_dates(struct ctx *cx, struct js *all) {
  static const char *const headers[] = {"WHEN", "DAYS LEFT", "WARNED AT", "WHAT", NULL};
  struct table *t = table_new(cx, headers);
  for (size_t i = 0; i < js_count(all); i++) {
    struct js *o = js_at(all, i);
    const char *at = js_str(o, "at"), *step = member_text(cx, o, "step");
    const char *cells[] = {at ? ctx_printf(cx, "%.10s", local_time(cx, at)) : "not known",
                           member_text(cx, o, "days_left"), step ? ctx_printf(cx, "%s days", step) : NULL,
                           js_str(o, "name")};
    table_add(t, cells);
  }
  table_print(t, stdout);
}

static const char *state_of(struct ctx *cx, struct js *d) {
  if (js_str(d, "done_at")) return "sent";
  const char *error = js_str(d, "error") ? js_str(d, "error") : "";
  if (js_str(d, "next_at")) return *error ? ctx_printf(cx, "not yet sent: %s", error) : "not yet sent";
  return ctx_printf(cx, "given up: %s", error);
}

static const char *recipient_of(struct js *d) {
  const char *r = js_str(d, "recipient");
  return strncmp(r, "mailto:", strlen("mailto:")) == 0 ? r + strlen("mailto:") : "notify-command";
}

static void print_notices(struct ctx *cx, struct js *all) {
  for (size_t i = 0; i < js_count(all); i++) {
    struct js *o = js_at(all, i), *deliveries = js_get(o, "deliveries");
    printf("%s  %s\n", local_time(cx, js_str(o, "at")), plain(cx, js_str(o, "title")));
    for (size_t k = 0; k < js_count(deliveries); k++) {
      struct js *d = js_at(deliveries, k);
      printf("    %s: %s\n", plain(cx, recipient_of(d)), plain(cx, state_of(cx, d)));
    }
    if (js_count(deliveries) == 0)
      puts("    in the log only: neither smtp-url with mail-to nor notify-command was set");
  }
}

static void print_fixes(struct ctx *cx, struct js *dates) {
  for (size_t i = 0; i < js_count(dates); i++) {
    struct js *o = js_at(dates, i);
    if (!member_text(cx, o, "step") && js_str(o, "at")) continue;
    putchar('\n');
    print_text(cx, js_str(o, "name"), 0);
    print_text(cx, js_str(o, "effect"), 2);
    print_text(cx, ctx_printf(cx, "What to do: %s", js_str(o, "fix")), 2);
  }
}

static enum err print_results(struct ctx *cx, struct js *results, bool json) {
  bool all = js_count(results) > 0;
  if (json) print_json(cx, results);
  for (size_t i = 0; i < js_count(results); i++) {
    struct js *o = js_at(results, i);
    bool ok = is_true(o, "ok");
    all &= ok;
    if (!json) printf("%s: %s\n", plain(cx, recipient_of(o)), ok ? "took it" : plain(cx, js_str(o, "error")));
  }
  if (js_count(results) == 0)
    return FAIL(cx, E_CONFLICT, "there are no recipients: set smtp-url and mail-to, or notify-command");
  return all ? OK : FAIL(cx, E_CONFLICT, "not every recipient took the test notice");
}

enum err cmd_pushcert_reminders(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *dates, *notices;
  TRY(client_open(cx, &c, a));
  if (args_has(a, "test")) {
    TRY(client_call(cx, c, "POST", "/api/v1/notices/test", NULL, &notices));
    return print_results(cx, js_get(notices, "results"), args_has(a, "json"));
  }
  TRY(client_call(cx, c, "GET", "/api/v1/guardian", NULL, &dates));
  TRY(client_call(cx, c, "GET", "/api/v1/notices?limit=20", NULL, &notices));
  if (args_has(a, "json")) {
    js_set(dates, "notices", js_get(notices, "notices"));
    return print_json(cx, dates), OK;
  }
  print_dates(cx, js_get(dates, "dates"));
  print_fixes(cx, js_get(dates, "dates"));
  if (js_count(js_get(notices, "notices"))) puts("\nNotices, newest first:");
  print_notices(cx, js_get(notices, "notices"));
  return OK;
}
