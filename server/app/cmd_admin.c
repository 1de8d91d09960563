/* Enrollment links, push certificates, the state of the server. */
#include "app/client.h"
#include "app/cmd.h"
#include "app/table.h"
#include "base/file.h"
#include "base/secret.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum { PEM_MAX = 1 << 20 };

/* ---- enroll ---- */

/* The link stands alone on stdout, so that scripts and pipes get nothing else. */
enum err cmd_enroll_link(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *body = js_object(cx), *answer;
  const char *uses = args_value(a, "uses");
  int64_t n = 1;
  if (uses && !slice_to_i64(slice_of(uses), &n)) return FAIL(cx, E_USAGE, "--uses %s is no number", uses);
  js_set_int(body, "uses", n);
  if (args_has(a, "ttl")) js_set_string(body, "ttl", args_value(a, "ttl"));
  if (args_has(a, "device")) js_set_string(body, "device", args_value(a, "device"));
  if (args_has(a, "anyway")) js_set_bool(body, "anyway", true);
  TRY(client_open(cx, &c, a));
  TRY(client_call(cx, c, "POST", "/api/v1/links", body, &answer));
  if (args_has(a, "json")) return print_json(cx, answer), OK;
  printf("%s\n", plain(cx, js_str(answer, "url")));
  fprintf(stderr, "good for %" PRId64 " device%s until %s; open it in Safari on the device\n", n, n == 1 ? "" : "s",
          local_time(cx, js_str(answer, "expires_at")));
  return OK;
}

enum err cmd_enroll_profile(struct ctx *cx, struct args *a) {
  struct client *c;
  struct slice profile;
  const char *path = args_value(a, "out");
  if (!path && isatty(STDOUT_FILENO))
    return FAIL(cx, E_USAGE, "the profile is binary: give --out FILE, or send it to a file or pipe");
  TRY(client_open(cx, &c, a));
  TRY(client_bytes(cx, c, "GET", "/api/v1/enroll-profile", (struct slice){0}, &profile));
  if (path) return file_replace(cx, path, profile);
  fwrite(profile.p, 1, profile.n, stdout);
  return OK;
}

/* ---- pushcert ---- */

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

/* All files one after the other: certificate and key may stand in one or in two. */
static enum err read_files(struct ctx *cx, const struct args *a, struct slice *out) {
  char *all = ctx_strdup(cx, "");
  for (size_t i = 0; i < a->n; i++) {
    struct slice bytes;
    TRY(file_read(cx, &bytes, a->operands[i], PEM_MAX));
    all = ctx_printf(cx, "%s%s\n", all, bytes.p);
    secret_in(cx, all, strlen(all));
  }
  *out = slice_of(all);
  return OK;
}

enum err cmd_pushcert_import(struct ctx *cx, struct args *a) {
  struct client *c;
  struct slice pem, bytes;
  struct js *answer;
  TRY(read_files(cx, a, &pem));
  TRY(client_open(cx, &c, a));
  const char *path = args_has(a, "new-topic") ? "/api/v1/pushcerts?new-topic=yes" : "/api/v1/pushcerts";
  TRY(client_bytes(cx, c, "PUT", path, pem, &bytes));
  TRY(js_parse(cx, bytes, &answer));
  if (args_has(a, "json")) return print_json(cx, answer), OK;
  printf("%s, valid until %s\n", plain(cx, js_str(answer, "topic")), local_time(cx, js_str(answer, "not_after")));
  return OK;
}

/* ---- status ---- */

static void print_checks(struct ctx *cx, struct js *checks) {
  for (size_t i = 0; i < js_count(checks); i++) {
    struct js *o = js_at(checks, i);
    const char *message = js_str(o, "message");
    printf("%-18s %s%s%s\n", js_str(o, "name"), js_str(o, "status"), message && *message ? ": " : "",
           message ? plain(cx, message) : "");
  }
}

static void print_push(struct ctx *cx, struct js *push) {
  bool connected = false;
  (void)js_bool(js_get(push, "connected"), &connected);
  const char *trouble = js_str(push, "trouble");
  printf("%-18s %s %s%s%s\n", "APNs", connected ? "connected to" : "not connected to", plain(cx, js_str(push, "host")),
         trouble ? ": " : "", trouble ? plain(cx, trouble) : "");
}

static void print_status(struct ctx *cx, struct js *s) {
  struct js *certs = js_get(s, "pushcerts");
  printf("%-18s %s, %s\n", "pomona", js_str(s, "version"), plain(cx, js_str(s, "public_url")));
  print_checks(cx, js_get(s, "checks"));
  print_push(cx, js_get(s, "push"));
  if (js_count(certs) == 0) printf("%-18s none: `pomona pushcert import FILE…`\n", "push certificate");
  for (size_t i = 0; i < js_count(certs); i++) {
    struct js *o = js_at(certs, i);
    printf("%-18s %s %s, %s days left\n", "push certificate", plain(cx, js_str(o, "topic")), js_str(o, "state"),
           member_text(cx, o, "days_left"));
  }
  printf("%-18s %s\n%-18s %s\n", "enrollments", member_text(cx, s, "enrollments"), "commands waiting",
         member_text(cx, s, "commands_waiting"));
}

enum err cmd_status(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *answer;
  bool ready = false;
  TRY(client_open(cx, &c, a));
  TRY(client_call(cx, c, "GET", "/api/v1/status", NULL, &answer));
  if (args_has(a, "json"))
    print_json(cx, answer);
  else
    print_status(cx, answer);
  (void)js_bool(js_get(answer, "ready"), &ready);
  return ready ? OK : FAIL(cx, E_UNAVAILABLE, "the server is not ready");
}
