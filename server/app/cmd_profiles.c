/* Profiles that the server keeps. */
#include "app/client.h"
#include "app/cmd.h"
#include "app/table.h"

#include "base/enc.h"
#include "base/file.h"
#include "core/payload.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *path_of(struct ctx *cx, const char *identifier) {
  return ctx_printf(cx, "/api/v1/profiles/%s", enc_percent(cx, slice_of(identifier)));
}

/* ---- adding ---- */

static enum err add_file(struct ctx *cx, const char *path, struct js *files) {
  struct slice bytes;
  struct js *o = js_object(cx);
  TRY(file_read(cx, &bytes, path, PAYLOAD_FILE_MOST));
  js_set_string(o, "name", path);
  js_set_string(o, "data", enc_base64(cx, bytes.p, bytes.n));
  js_add(files, o);
  return OK;
}

static int is_profile(const struct dirent *d) {
  return slice_ends(slice_of(d->d_name), ".mobileconfig") && d->d_name[0] != '.';
}

/* A file, or all profiles in a folder. */
static enum err add_path(struct ctx *cx, const char *path, struct js *files) {
  struct dirent **names;
  enum err e = OK;
  int n = scandir(path, &names, is_profile, alphasort);
  if (n < 0 && errno == ENOTDIR) return add_file(cx, path, files);
  if (n < 0) return FAIL(cx, E_NOT_FOUND, "%s: %s", path, strerror(errno));
  if (n == 0) e = FAIL(cx, E_NOT_FOUND, "%s: no file *.mobileconfig is in it", path);
  for (int i = 0; i < n; i++) {
    if (e == OK) e = add_file(cx, ctx_printf(cx, "%s/%s", path, names[i]->d_name), files);
    free(names[i]);
  }
  free(names);
  return e;
}

static void print_findings(struct ctx *cx, struct js *o) {
  struct js *all = js_get(o, "findings");
  const char *file = plain(cx, js_str(o, "file"));
  for (size_t i = 0; i < js_count(all); i++) {
    struct js *f = js_at(all, i);
    const char *key = js_str(f, "key"), *grade = js_str(f, "grade");
    int64_t line = 0;
    (void)js_int(js_get(f, "line"), &line);
    printf("%s: %s: %s%s%s\n", payload_place(cx, file, (int)line), grade ? grade : "", key ? plain(cx, key) : "",
           key && *key ? ": " : "", plain(cx, js_str(f, "text")));
  }
}

static void print_added(struct ctx *cx, struct js *o) {
  bool added = false;
  (void)js_bool(js_get(o, "added"), &added);
  print_findings(cx, o);
  printf("%s: version %s of %s%s\n", plain(cx, js_str(o, "file")), member_text(cx, o, "version"),
         plain(cx, js_str(o, "identifier")), added ? "" : ", which was there already");
}

static enum err add_body(struct ctx *cx, const struct args *a, struct js *body) {
  struct js *files = js_array(cx);
  for (size_t i = 0; i < a->n; i++) TRY(add_path(cx, a->operands[i], files));
  js_set(body, "files", files);
  js_set_bool(body, "anyway", args_has(a, "anyway"));
  return OK;
}

enum err cmd_profile_add(struct ctx *cx, struct args *a) {
  struct js *body = js_object(cx), *answer;
  struct client *c;
  TRY(add_body(cx, a, body));
  TRY(client_open(cx, &c, a));
  TRY(client_call(cx, c, "POST", "/api/v1/profiles", body, &answer));
  struct js *all = js_get(answer, "profiles");
  if (args_has(a, "json")) return print_json(cx, all), OK;
  for (size_t i = 0; i < js_count(all); i++) print_added(cx, js_at(all, i));
  return OK;
}

/* ---- looking ---- */

static const char *joined(struct ctx *cx, struct js *list) {
  const char *out = NULL;
  for (size_t i = 0; i < js_count(list); i++) {
    const char *word = js_string(js_at(list, i));
    out = out ? ctx_printf(cx, "%s, %s", out, word) : word;
  }
  return out;
}

enum err cmd_profile_list(struct ctx *cx, struct args *a) {
  static const char *const headers[] = {"PROFILE", "NAME",   "VERSION", "PLATFORMS", "SIGNED",
                                        "DEVICES", "GROUPS", "ADDED",   NULL};
  struct table *t = table_new(cx, headers);
  struct client *c;
  struct js *all;
  TRY(client_open(cx, &c, a));
  TRY(client_pages(cx, c, "/api/v1/profiles?devices=yes&", "profiles", 0, &all));
  if (args_has(a, "json")) return print_json(cx, all), OK;
  if (js_count(all) == 0) return fputs("No profiles; `pomona profile add FILE` keeps one.\n", stderr), OK;
  for (size_t i = 0; i < js_count(all); i++) {
    struct js *o = js_at(all, i);
    bool is_signed = false;
    (void)js_bool(js_get(o, "signed"), &is_signed);
    const char *cells[] = {js_str(o, "identifier"),           js_str(o, "name"),
                           member_text(cx, o, "version"),     joined(cx, js_get(o, "platforms")),
                           is_signed ? "as it came" : "here", member_text(cx, o, "devices"),
                           joined(cx, js_get(o, "groups")),   local_time(cx, js_str(o, "added_at"))};
    table_add(t, cells);
  }
  table_print(t, stdout);
  return OK;
}

static void print_line(struct ctx *cx, const char *what, const char *text) {
  if (text && *text) printf("%-13s %s\n", what, plain(cx, text));
}

static void print_head(struct ctx *cx, struct js *o) {
  bool is_signed = false, supervised = false;
  (void)js_bool(js_get(o, "signed"), &is_signed);
  (void)js_bool(js_get(o, "supervised"), &supervised);
  print_line(cx, "profile", js_str(o, "identifier"));
  print_line(cx, "name", js_str(o, "name"));
  print_line(cx, "organization", js_str(o, "organization"));
  print_line(cx, "scope", js_str(o, "scope"));
  print_line(cx, "platforms", joined(cx, js_get(o, "platforms")));
  if (supervised) print_line(cx, "needs", "supervision");
  print_line(cx, "variables", joined(cx, js_get(o, "variables")));
  print_line(cx, "signed", is_signed ? js_str(o, "signer") ? js_str(o, "signer") : "as it came" : "by this server");
  print_line(cx, "given by", js_count(js_get(o, "groups")) ? joined(cx, js_get(o, "groups")) : "no group");
}

static void print_payloads(struct ctx *cx, struct js *all) {
  static const char *const headers[] = {"PAYLOAD", "IDENTIFIER", "NAME", NULL};
  struct table *t = table_new(cx, headers);
  for (size_t i = 0; i < js_count(all); i++) {
    struct js *o = js_at(all, i);
    const char *cells[] = {js_str(o, "type"), js_str(o, "identifier"), js_str(o, "name")};
    table_add(t, cells);
  }
  puts("");
  table_print(t, stdout);
}

static void print_versions(struct ctx *cx, struct js *profile) {
  static const char *const headers[] = {"VERSION", "ADDED", "BY", "DEVICES", NULL};
  struct table *t = table_new(cx, headers);
  struct js *all = js_get(profile, "versions");
  const char *others = member_text(cx, profile, "other_devices");
  for (size_t i = 0; i < js_count(all); i++) {
    struct js *o = js_at(all, i);
    const char *cells[] = {member_text(cx, o, "version"), local_time(cx, js_str(o, "added_at")), js_str(o, "added_by"),
                           member_text(cx, o, "devices")};
    table_add(t, cells);
  }
  puts("");
  table_print(t, stdout);
  if (others && strcmp(others, "0") != 0)
    printf("%s more have a profile of this identifier that is none of these versions, or one filled with values that "
           "were others then.\n",
           others);
}

static enum err with_version(struct ctx *cx, const struct args *a, const char *path, const char **out) {
  int64_t version = -1;
  TRY(args_count(cx, a, "version", &version));
  *out = version >= 0 ? ctx_printf(cx, "%s?version=%" PRId64, path, version) : path;
  return OK;
}

enum err cmd_profile_show(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *o;
  const char *path;
  TRY(with_version(cx, a, path_of(cx, a->operands[0]), &path));
  TRY(client_open(cx, &c, a));
  TRY(client_call(cx, c, "GET", path, NULL, &o));
  if (args_has(a, "json")) return print_json(cx, o), OK;
  print_head(cx, o);
  print_payloads(cx, js_get(o, "payloads"));
  print_versions(cx, o);
  return OK;
}

enum err cmd_profile_diff(struct ctx *cx, struct args *a) {
  const char *path = ctx_printf(cx, "%s/diff", path_of(cx, a->operands[0]));
  struct client *c;
  struct js *o;
  int64_t n;
  for (size_t i = 1; i < a->n; i++) {
    if (!slice_to_i64(slice_of(a->operands[i]), &n) || n < 1)
      return FAIL(cx, E_USAGE, "%s is no number of a version", a->operands[i]);
    path = ctx_printf(cx, "%s%c%s=%" PRId64, path, i == 1 ? '?' : '&', i == 1 ? "from" : "to", n);
  }
  TRY(client_open(cx, &c, a));
  TRY(client_call(cx, c, "GET", path, NULL, &o));
  if (args_has(a, "json")) return print_json(cx, o), OK;
  struct js *all = js_get(o, "changes");
  if (strcmp(member_text(cx, o, "from"), member_text(cx, o, "to")) == 0)
    return printf("%s: one version is compared with itself\n", plain(cx, js_str(o, "identifier"))), OK;
  printf("version %s to %s of %s: %zu change%s\n", member_text(cx, o, "from"), member_text(cx, o, "to"),
         plain(cx, js_str(o, "identifier")), js_count(all), js_count(all) == 1 ? "" : "s");
  for (size_t i = 0; i < js_count(all); i++) {
    struct js *change = js_at(all, i);
    const char *was = js_str(change, "was"), *is = js_str(change, "is");
    printf("%s\n", plain(cx, js_str(change, "key")));
    if (was) printf("  - %s\n", plain(cx, was));
    if (is) printf("  + %s\n", plain(cx, is));
  }
  return OK;
}

enum err cmd_profile_export(struct ctx *cx, struct args *a) {
  const char *path, *device = args_value(a, "device"), *out = args_value(a, "out");
  struct client *c;
  struct slice file;
  TRY(with_version(cx, a, ctx_printf(cx, "%s/file", path_of(cx, a->operands[0])), &path));
  if (device)
    path = ctx_printf(cx, "%s%cdevice=%s", path, strchr(path, '?') ? '&' : '?', enc_percent(cx, slice_of(device)));
  if (device && args_has(a, "unsigned")) path = ctx_printf(cx, "%s&unsigned=1", path);
  TRY(client_open(cx, &c, a));
  TRY(client_bytes(cx, c, "GET", path, (struct slice){0}, &file));
  if (out) return file_replace(cx, out, file);
  fwrite(file.p, 1, file.n, stdout);
  return OK;
}

enum err cmd_profile_remove(struct ctx *cx, struct args *a) {
  struct client *c;
  struct slice nothing;
  TRY(client_open(cx, &c, a));
  TRY(client_bytes(cx, c, "DELETE", path_of(cx, a->operands[0]), (struct slice){0}, &nothing));
  printf("%s is removed here; devices that have it keep it (`pomona profile uninstall` before).\n",
         plain(cx, a->operands[0]));
  return OK;
}

/* ---- by hand, once ---- */

static void print_target(struct ctx *cx, struct js *o) {
  const char *error = js_str(js_get(o, "error"), "message");
  if (error)
    fprintf(stderr, "%s: %s\n", plain(cx, js_str(o, "id")), plain(cx, error));
  else
    printf("%s: command %s is queued\n", plain(cx, js_str(o, "id")), js_str(o, "command_uuid"));
}

static enum err give(struct ctx *cx, const struct args *a, const char *act) {
  struct js *body = js_object(cx), *ids = js_array(cx), *answer;
  struct client *c;
  size_t failed = 0;
  for (size_t i = 0; i + 1 < a->n; i++) js_add_string(ids, a->operands[i]);
  js_set(body, "ids", ids);
  TRY(client_open(cx, &c, a));
  TRY(client_call(cx, c, "POST", ctx_printf(cx, "%s/%s", path_of(cx, a->operands[a->n - 1]), act), body, &answer));
  struct js *targets = js_get(answer, "targets");
  for (size_t i = 0; i < js_count(targets); i++) failed += js_get(js_at(targets, i), "error") != NULL;
  if (args_has(a, "json")) print_json(cx, answer);
  for (size_t i = 0; !args_has(a, "json") && i < js_count(targets); i++) print_target(cx, js_at(targets, i));
  return failed ? FAIL(cx, E_CONFLICT, "%zu of %zu were refused", failed, js_count(targets)) : OK;
}

enum err cmd_profile_install(struct ctx *cx, struct args *a) { return give(cx, a, "install"); }
enum err cmd_profile_uninstall(struct ctx *cx, struct args *a) { return give(cx, a, "uninstall"); }
