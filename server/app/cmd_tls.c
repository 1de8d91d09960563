/* The TLS certificate of the devices' listener, for operators. */
#include "app/client.h"
#include "app/cmd.h"
#include "app/table.h"
#include "base/file.h"

#include <inttypes.h>
#include <string.h>

enum { PEM_MAX = 1 << 20 };

static void print_certificate(struct ctx *cx, struct js *o) {
  struct js *c = js_get(o, "certificate");
  bool public = false;
  printf("public-url    %s\n", plain(cx, js_str(o, "public_url")));
  if (js_is_null(c)) {
    puts("certificate   none: TLS is off");
    return;
  }
  (void)js_bool(js_get(c, "public"), &public);
  printf("certificate   %s\n", plain(cx, js_str(c, "subject")));
  printf("issuer        %s%s\n", plain(cx, js_str(c, "issuer")), public ? " (public)" : "");
  printf("ends          %s\n", local_time(cx, js_str(c, "not_after")));
  printf("from          %s\n",
         strcmp(js_str(o, "source"), "own") == 0 ? "the own TLS CA, renewed by itself" : "tls-cert");
}

static void print_roots(struct ctx *cx, struct js *all) {
  static const char *const headers[] = {"STAGED ROOT", "ENDS", "STAGED", "GIVEN", "WAITING", NULL};
  if (js_count(all) == 0) return;
  struct table *t = table_new(cx, headers);
  for (size_t i = 0; i < js_count(all); i++) {
    struct js *o = js_at(all, i);
    const char *cells[] = {js_str(o, "subject"), local_time(cx, js_str(o, "not_after")),
                           local_time(cx, js_str(o, "staged_at")), member_text(cx, o, "given"),
                           member_text(cx, o, "waiting")};
    table_add(t, cells);
  }
  puts("");
  table_print(t, stdout);
}

static void print_urls(struct ctx *cx, struct js *all) {
  static const char *const headers[] = {"FORMER ADDRESS", "DEVICES", "LEADS HERE", "PROBED", "ERROR", NULL};
  if (js_count(all) == 0) return;
  struct table *t = table_new(cx, headers);
  for (size_t i = 0; i < js_count(all); i++) {
    struct js *o = js_at(all, i);
    bool ok = false, known = js_bool(js_get(o, "ok"), &ok);
    const char *cells[] = {js_str(o, "url"), member_text(cx, o, "devices"),
                           known ? ok ? "yes" : "no" : "not probed yet", local_time(cx, js_str(o, "at")),
                           js_str(o, "error")};
    table_add(t, cells);
  }
  puts("");
  table_print(t, stdout);
}

enum err cmd_tls_show(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *o;
  TRY(client_open(cx, &c, a));
  TRY(client_call(cx, c, "GET", "/api/v1/tls", NULL, &o));
  if (args_has(a, "json")) return print_json(cx, o), OK;
  print_certificate(cx, o);
  print_roots(cx, js_get(o, "staged_roots"));
  print_urls(cx, js_get(o, "former_urls"));
  return OK;
}

static enum err post_pem(struct ctx *cx, struct client *c, const char *path, struct slice pem, struct js **out) {
  struct slice answer;
  TRY(client_bytes(cx, c, "POST", path, pem, &answer));
  return js_parse(cx, answer, out);
}

static void print_count(struct js *o) {
  int64_t devices = 0, cut_off = 0;
  bool public = false;
  (void)js_int(js_get(o, "devices"), &devices);
  (void)js_int(js_get(o, "cut_off"), &cut_off);
  (void)js_bool(js_get(o, "public"), &public);
  if (public)
    puts("It chains to a public CA: devices trust it.");
  else if (cut_off == 0)
    printf("All %" PRId64 " enrolled devices were given its root: none would be cut off.\n", devices);
  else
    printf("%" PRId64 " of %" PRId64
           " enrolled devices were not given its root: if it were used now, they would never come again.\n",
           cut_off, devices);
}

/* First what it would mean, then the deed: with --check only the first. */
enum err cmd_tls_stage(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *count, *staged = NULL;
  struct slice pem;
  TRY(file_read(cx, &pem, a->operands[0], PEM_MAX));
  TRY(client_open(cx, &c, a));
  TRY(post_pem(cx, c, "/api/v1/tls/check", pem, &count));
  if (!args_has(a, "check")) TRY(post_pem(cx, c, "/api/v1/tls/stage", pem, &staged));
  if (args_has(a, "json")) return print_json(cx, count), OK;
  print_count(count);
  if (staged)
    printf("%s is being given to them; `pomona tls show` tells how far that is.\n",
           plain(cx, js_str(staged, "subject")));
  return OK;
}
