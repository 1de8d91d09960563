/* Devices after trouble with push certificates: who came back after a late renewal, who moves off a lost topic. */
#include "app/client.h"
#include "app/cmd.h"
#include "app/table.h"
#include "base/enc.h"

#include <inttypes.h>
#include <string.h>

static int64_t number(struct js *o, const char *key) {
  int64_t n = 0;
  (void)js_int(js_get(o, key), &n);
  return n;
}

static const char *query(struct ctx *cx, const struct args *a, const char *path) {
  const char *topic = args_value(a, "topic");
  return topic ? ctx_printf(cx, "%s?topic=%s&", path, enc_percent(cx, slice_of(topic))) : ctx_printf(cx, "%s?", path);
}

/* ---- links ---- */

static struct js *wish(struct ctx *cx, const struct args *a) {
  struct js *body = js_object(cx);
  if (args_has(a, "topic")) js_set_string(body, "topic", args_value(a, "topic"));
  if (args_has(a, "ttl")) js_set_string(body, "ttl", args_value(a, "ttl"));
  return body;
}

static enum err make_links(struct ctx *cx, struct client *c, const struct args *a, const char *path, struct js **out) {
  struct js *answer, *body = wish(cx, a);
  int64_t next;
  bool more = true;
  *out = js_array(cx);
  while (more) {
    TRY(client_call(cx, c, "POST", path, body, &answer));
    struct js *links = js_get(answer, "links");
    for (size_t i = 0; i < js_count(links); i++) js_add(*out, js_at(links, i));
    more = js_int(js_get(answer, "next"), &next);
    if (more) js_set_int(body, "cursor", next);
  }
  return OK;
}

static void print_links(struct ctx *cx, struct js *links) {
  static const char *const headers[] = {"DEVICE", "SERIAL", "LINK", NULL};
  if (js_count(links) == 0) {
    fputs("No device is missing: there is nothing to make a link for.\n", stderr);
    return;
  }
  struct table *t = table_new(cx, headers);
  for (size_t i = 0; i < js_count(links); i++) {
    struct js *o = js_at(links, i);
    const char *cells[] = {js_str(o, "id"), js_str(o, "serial_number"), js_str(o, "url")};
    table_add(t, cells);
  }
  table_print(t, stdout);
  fprintf(stderr, "each is for its device only, once, until %s; it is shown only now\n",
          local_time(cx, js_str(js_at(links, 0), "expires_at")));
}

static enum err links(struct ctx *cx, struct client *c, const struct args *a, const char *path) {
  struct js *all;
  TRY(make_links(cx, c, a, path, &all));
  if (args_has(a, "json"))
    print_json(cx, all);
  else
    print_links(cx, all);
  return OK;
}

/* The object that a list belongs to, and all of the list, whose pages are asked for. */
static enum err fetch(struct ctx *cx, struct client *c, const struct args *a, const char *path, const char *name,
                      struct js **out) {
  struct js *first, *devices;
  const char *q = query(cx, a, path);
  TRY(client_call(cx, c, "GET", ctx_printf(cx, "%slimit=1", q), NULL, &first));
  TRY(client_pages(cx, c, q, "devices", 0, &devices));
  *out = js_object(cx);
  js_set(*out, name, js_get(first, name));
  js_set(*out, "devices", devices);
  return OK;
}

/* ---- recovery ---- */

static void print_recovery(struct ctx *cx, struct js *answer) {
  static const char *const headers[] = {"DEVICE", "SERIAL", "NAME", "SEEN BEFORE", "CAME BACK", "VERDICT", NULL};
  struct js *r = js_get(answer, "recovery"), *all = js_get(answer, "devices");
  bool waking = false;
  (void)js_bool(js_get(r, "waking"), &waking);
  printf("topic       %s\n", plain(cx, js_str(r, "topic")));
  printf("dark since  %s\n", local_time(cx, js_str(r, "dark_since")));
  printf("renewed     %s%s\n", local_time(cx, js_str(r, "started_at")),
         waking ? "; its devices are still being woken" : "");
  printf("came back   %" PRId64 " of %" PRId64 "\n", number(r, "back"), number(r, "devices"));
  if (js_count(all) == 0) return;
  struct table *t = table_new(cx, headers);
  for (size_t i = 0; i < js_count(all); i++) {
    struct js *o = js_at(all, i);
    const char *back = js_str(o, "back_at");
    const char *cells[] = {js_str(o, "id"),
                           js_str(o, "serial_number"),
                           js_str(o, "name"),
                           local_time(cx, js_str(o, "seen_before_at")),
                           back ? local_time(cx, back) : "not yet",
                           back ? NULL : js_str(o, "verdict")};
    table_add(t, cells);
  }
  putchar('\n');
  table_print(t, stdout);
  if (number(r, "back") < number(r, "devices"))
    fputs("`pomona why DEVICE` tells why one is missing; --links makes a link for each that has to enroll anew.\n",
          stderr);
}

enum err cmd_pushcert_recovery(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *answer;
  if (args_has(a, "ttl") && !args_has(a, "links")) return FAIL(cx, E_USAGE, "--ttl goes with --links");
  TRY(client_open(cx, &c, a));
  if (args_has(a, "links")) return links(cx, c, a, "/api/v1/pushcerts/recovery/links");
  TRY(fetch(cx, c, a, "/api/v1/pushcerts/recovery", "recovery", &answer));
  if (args_has(a, "json"))
    print_json(cx, answer);
  else
    print_recovery(cx, answer);
  return OK;
}

/* ---- move ---- */

static const char *link_state(struct ctx *cx, struct js *o) {
  bool used = false;
  (void)js_bool(js_get(o, "link_used"), &used);
  if (used) return "used";
  return js_str(o, "link_made_at") ? ctx_printf(cx, "until %s", local_time(cx, js_str(o, "link_expires_at"))) : NULL;
}

/* What the ways mean that stand in the list: each once. */
static void print_ways(struct ctx *cx, struct js *devices) {
  struct js *told = js_object(cx);
  for (size_t i = 0; i < js_count(devices); i++) {
    struct js *o = js_at(devices, i);
    const char *way = js_str(o, "way");
    if (js_str(o, "done_at") || js_get(told, way)) continue;
    js_set_bool(told, way, true);
    printf("\n%s: %s\n", way, plain(cx, js_str(o, "what_to_do")));
  }
}

static void print_move(struct ctx *cx, struct js *m) {
  bool planning = false;
  const char *ended = js_str(m, "ended_at");
  (void)js_bool(js_get(m, "planning"), &planning);
  printf("off topic  %s\n", plain(cx, js_str(m, "topic")));
  printf("because    %s\n", plain(cx, js_str(m, "reason")));
  printf("begun      %s by %s\n", local_time(cx, js_str(m, "started_at")), plain(cx, js_str(m, "started_by")));
  if (ended) printf("ended      %s\n", local_time(cx, ended));
  printf("moved      %" PRId64 " of %" PRId64 ", links for %" PRId64 "%s\n", number(m, "done"), number(m, "devices"),
         number(m, "linked"), planning ? "; devices are still being listed" : "");
}

static void print_devices(struct ctx *cx, struct js *all) {
  static const char *const headers[] = {"DEVICE", "SERIAL", "NAME", "ERASE", "WAY", "LINK", "MOVED", NULL};
  if (js_count(all) == 0) return;
  struct table *t = table_new(cx, headers);
  for (size_t i = 0; i < js_count(all); i++) {
    struct js *o = js_at(all, i);
    const char *done = js_str(o, "done_at");
    const char *cells[] = {js_str(o, "id"),
                           js_str(o, "serial_number"),
                           js_str(o, "name"),
                           js_str(o, "erase"),
                           js_str(o, "way"),
                           link_state(cx, o),
                           done ? local_time(cx, done) : "not yet"};
    table_add(t, cells);
  }
  putchar('\n');
  table_print(t, stdout);
  print_ways(cx, all);
}

enum err cmd_pushcert_move(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *answer;
  TRY(client_open(cx, &c, a));
  TRY(fetch(cx, c, a, "/api/v1/pushcerts/move", "move", &answer));
  if (args_has(a, "json")) return print_json(cx, answer), OK;
  print_move(cx, js_get(answer, "move"));
  print_devices(cx, js_get(answer, "devices"));
  return OK;
}

enum err cmd_pushcert_move_start(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *answer, *body = js_object(cx);
  if (args_has(a, "topic")) js_set_string(body, "topic", args_value(a, "topic"));
  js_set_string(body, "reason", args_value(a, "reason"));
  TRY(client_open(cx, &c, a));
  TRY(client_call(cx, c, "POST", "/api/v1/pushcerts/move", body, &answer));
  if (args_has(a, "json")) return print_json(cx, answer), OK;
  int64_t n = number(answer, "devices");
  printf("%" PRId64 " device%s of %s %s to move; `pomona pushcert move` shows what each needs.\n", n, n == 1 ? "" : "s",
         plain(cx, js_str(answer, "topic")), n == 1 ? "has" : "have");
  puts("Next: import the certificate of the new topic (`pomona pushcert import --new-topic FILE…`), then `pomona "
       "pushcert move links`.");
  return OK;
}

enum err cmd_pushcert_move_links(struct ctx *cx, struct args *a) {
  struct client *c;
  TRY(client_open(cx, &c, a));
  return links(cx, c, a, "/api/v1/pushcerts/move/links");
}

enum err cmd_pushcert_move_end(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *answer;
  TRY(client_open(cx, &c, a));
  TRY(client_call(cx, c, "DELETE", query(cx, a, "/api/v1/pushcerts/move"), NULL, &answer));
  if (args_has(a, "json"))
    print_json(cx, answer);
  else
    print_move(cx, answer);
  return OK;
}
