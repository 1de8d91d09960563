/* Packages: files that Macs install. */
#include "app/client.h"
#include "app/cmd.h"
#include "app/table.h"

#include "base/clock.h"
#include "base/enc.h"

#include <inttypes.h>
#include <string.h>

/* The server writes all of it to its disk before it answers. */
#define PATIENCE (10 * US_MINUTE)

static const char *path_of(struct ctx *cx, const char *name) {
  return ctx_printf(cx, "/api/v1/packages/%s", enc_percent(cx, slice_of(name)));
}

static const char *size_of(struct ctx *cx, struct js *o) {
  int64_t n = 0;
  (void)js_int(js_get(o, "size"), &n);
  if (n < 10000) return ctx_printf(cx, "%" PRId64 " B", n);
  return n < 10000000 ? ctx_printf(cx, "%.1f kB", (double)n / 1e3) : ctx_printf(cx, "%.1f MB", (double)n / 1e6);
}

static void print_lines(struct ctx *cx, struct js *o, const char *const keys[][2]) {
  for (; (*keys)[0]; keys++) {
    const char *text = member_text(cx, o, (*keys)[1]);
    if (text) printf("%-12s %s\n", (*keys)[0], text);
  }
}

static void print_package(struct ctx *cx, struct js *o) {
  static const char *const keys[][2] = {
      {"name", "name"},     {"identifier", "identifier"}, {"version", "version"},   {"title", "title"},
      {"sha256", "sha256"}, {"signed", "signed"},         {"added by", "added_by"}, {"url", "url"},
      {NULL, NULL}};
  struct js *warnings = js_get(o, "warnings");
  print_lines(cx, o, keys);
  printf("%-12s %s\n%-12s %s\n", "size", size_of(cx, o), "added", local_time(cx, js_str(o, "added_at")));
  if (js_str(o, "trouble")) printf("not served:  %s; add the file again\n", plain(cx, js_str(o, "trouble")));
  for (size_t i = 0; i < js_count(warnings); i++) printf("warning:     %s\n", plain(cx, js_string(js_at(warnings, i))));
}

static void add_query(struct ctx *cx, const struct args *a, const char *option, char **path) {
  const char *value = args_value(a, option);
  if (!value) return;
  *path = ctx_printf(cx, "%s%c%s=%s", *path, strchr(*path, '?') ? '&' : '?', option, enc_percent(cx, slice_of(value)));
}

enum err cmd_package_add(struct ctx *cx, struct args *a) {
  const char *file = a->operands[0], *slash = strrchr(file, '/'), *name = args_value(a, "name");
  struct client *c;
  struct js *o;
  bool added = false;
  char *path = ctx_strdup(cx, path_of(cx, name ? name : slash ? slash + 1 : file));
  TRY(client_open_within(cx, &c, a, PATIENCE));
  add_query(cx, a, "identifier", &path);
  add_query(cx, a, "version", &path);
  add_query(cx, a, "title", &path);
  TRY(client_upload(cx, c, path, file, &o));
  if (args_has(a, "json")) return print_json(cx, o), OK;
  (void)js_bool(js_get(o, "added"), &added);
  puts(added ? "Added." : "It was there already.");
  print_package(cx, o);
  return OK;
}

enum err cmd_package_list(struct ctx *cx, struct args *a) {
  static const char *const headers[] = {"NAME", "IDENTIFIER", "VERSION", "SIZE", "ADDED", "TROUBLE", NULL};
  struct table *t = table_new(cx, headers);
  struct client *c;
  struct js *all;
  TRY(client_open(cx, &c, a));
  TRY(client_pages(cx, c, "/api/v1/packages?", "packages", 0, &all));
  if (args_has(a, "json")) return print_json(cx, all), OK;
  if (js_count(all) == 0) return fputs("No packages; `pomona package add FILE` adds one.\n", stderr), OK;
  for (size_t i = 0; i < js_count(all); i++) {
    struct js *o = js_at(all, i);
    const char *cells[] = {js_str(o, "name"),
                           js_str(o, "identifier"),
                           js_str(o, "version"),
                           size_of(cx, o),
                           local_time(cx, js_str(o, "added_at")),
                           js_str(o, "trouble")};
    table_add(t, cells);
  }
  table_print(t, stdout);
  return OK;
}

enum err cmd_package_show(struct ctx *cx, struct args *a) {
  struct client *c;
  struct slice xml;
  struct js *o;
  const char *path = path_of(cx, a->operands[0]);
  TRY(client_open(cx, &c, a));
  if (args_has(a, "manifest")) {
    TRY(client_bytes(cx, c, "GET", ctx_printf(cx, "%s/manifest", path), (struct slice){0}, &xml));
    fwrite(xml.p, 1, xml.n, stdout);
    return OK;
  }
  TRY(client_call(cx, c, "GET", path, NULL, &o));
  if (args_has(a, "json")) return print_json(cx, o), OK;
  print_package(cx, o);
  return OK;
}

enum err cmd_package_remove(struct ctx *cx, struct args *a) {
  struct client *c;
  struct slice nothing;
  TRY(client_open(cx, &c, a));
  TRY(client_bytes(cx, c, "DELETE", path_of(cx, a->operands[0]), (struct slice){0}, &nothing));
  printf("%s is removed; what is installed on Macs stays there.\n", plain(cx, a->operands[0]));
  return OK;
}
