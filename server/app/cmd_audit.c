/* The record of acts, in words: who did what, to what, from where, and what came of it. */
#include "app/client.h"
#include "app/cmd.h"
#include "app/table.h"
#include "base/clock.h"
#include "base/enc.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct {
  const char *route, *words;
} acts[] = {
#define ACT(route, words) {route, words},
#include "app/acts.def"
#undef ACT
};
enum { ACTS = sizeof acts / sizeof *acts };

/* A route that is served by any method stands there with *, and so does a path that there is not. */
static const char *words_of(const char *act) {
  const char *path = strchr(act, ' ');
  for (size_t i = 0; i < ACTS; i++) {
    const char *route = acts[i].route;
    if (strcmp(route, act) == 0 || (path && *route == '*' && strcmp(route + 1, path) == 0)) return acts[i].words;
  }
  return act; /* of another version */
}

/* What --act names by its words, as the server looks for it: there * and ? stand for anything. */
static const char *pattern_of(const char *words) {
  for (size_t i = 0; i < ACTS; i++)
    if (strcasecmp(acts[i].words, words) == 0) return strcmp(acts[i].route, "* ?") ? acts[i].route : "* [?]";
  return words;
}

/* A kind of error is told as its sentence; what is more to say of a login ("passkey") stands there as it is. */
static const char *outcome_of(struct ctx *cx, struct js *o) {
  const char *why = js_str(o, "detail");
  int64_t status = 0;
  (void)js_int(js_get(o, "status"), &status);
  const char *what = status < 400 ? "done" : status < 500 ? "refused" : "failed";
  if (!why) return what;
  enum err e = err_from_slug(why);
  return ctx_printf(cx, "%s: %s", what, strcmp(err_slug(e), why) == 0 ? err_text(e) : why);
}

/* "24h" is so long ago; a time or a day goes as it is. */
static const char *time_of(struct ctx *cx, const char *text) {
  int64_t span;
  return dec_span(slice_of(text), &span) ? enc_time(cx, clock_now_us() - span) : text;
}

static char *audit_path(struct ctx *cx, const struct args *a) {
  static const char *const filters[] = {"who", "act", "object", "from", "to"};
  char *path = ctx_strdup(cx, args_has(a, "failed") ? "/api/v1/audit?failed=true" : "/api/v1/audit?");
  for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
    const char *value = args_value(a, filters[i]);
    if (!value) continue;
    if (i == 1) value = pattern_of(value);
    if (i >= 3) value = time_of(cx, value);
    path = ctx_printf(cx, "%s&%s=%s", path, filters[i], enc_percent(cx, slice_of(value)));
  }
  return path;
}

static void print_audit(struct ctx *cx, struct js *all) {
  static const char *const headers[] = {"AT", "WHO", "DID", "TO", "FROM", "OUTCOME", NULL};
  struct table *t = table_new(cx, headers);
  for (size_t i = 0; i < js_count(all); i++) {
    struct js *o = js_at(all, i);
    const char *cells[] = {local_time(cx, js_str(o, "at")),
                           js_str(o, "who"),
                           words_of(js_str(o, "act")),
                           js_str(o, "object"),
                           js_str(o, "peer"),
                           outcome_of(cx, o)};
    table_add(t, cells);
  }
  table_print(t, stdout);
}

enum err cmd_audit(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *all;
  int64_t most = 100;
  TRY(args_count(cx, a, "limit", &most));
  TRY(client_open(cx, &c, a));
  TRY(client_pages(cx, c, audit_path(cx, a), "audit", most, &all));
  if (args_has(a, "json")) return print_json(cx, all), OK;
  if (js_count(all) == 0) return fputs("Nothing is recorded that fits.\n", stderr), OK;
  print_audit(cx, all);
  return OK;
}
