#include "app/client.h"
#include "app/cmd.h"
#include "app/table.h"
#include "base/enc.h"

#include <string.h>
#include <unistd.h>

static char *device_path(struct ctx *cx, const char *id, const char *rest) {
  return ctx_printf(cx, "/api/v1/devices/%s%s", enc_percent(cx, slice_of(id)), rest);
}

enum err cmd_device_list(struct ctx *cx, struct args *a) {
  static const char *const headers[] = {"ID", "TYPE", "NAME", "SERIAL", "OS", "STATE", "PUSH", "LAST SEEN", NULL};
  struct client *c;
  struct js *all;
  if (args_has(a, "held")) return cmd_device_held(cx, a);
  if (args_has(a, "unknown")) return cmd_device_refused(cx, a);
  TRY(client_open(cx, &c, a));
  TRY(client_pages(cx, c, "/api/v1/devices?", "devices", 0, &all));
  if (args_has(a, "json")) return print_json(cx, all), OK;
  if (js_count(all) == 0) return fputs("No devices yet; `pomona enroll link` lets one in.\n", stderr), OK;
  struct table *t = table_new(cx, headers);
  for (size_t i = 0; i < js_count(all); i++) {
    struct js *d = js_at(all, i);
    const char *cells[] = {js_str(d, "id"),
                           js_str(d, "type"),
                           js_str(d, "name"),
                           js_str(d, "serial_number"),
                           js_str(d, "os_version"),
                           js_str(d, "state"),
                           js_str(js_get(d, "push"), "state"),
                           local_time(cx, js_str(d, "last_seen"))};
    table_add(t, cells);
  }
  table_print(t, stdout);
  return OK;
}

/* "serial_number" as "serial number"; members of members are indented under their name. */
static void print_members(struct ctx *cx, struct js *object, int indent) {
  const char *key;
  for (size_t i = 0; i < js_count(object); i++) {
    struct js *member = js_member(object, i, &key);
    char *name = ctx_strdup(cx, key);
    for (char *p = name; *p; p++)
      if (*p == '_') *p = ' ';
    const char *text = member_text(cx, object, key);
    printf("%*s%-*s %s\n", indent, "", 24 - indent, name, js_is_object(member) ? "" : text && *text ? text : "-");
    if (js_is_object(member)) print_members(cx, member, indent + 2);
  }
}

enum err cmd_device_show(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *device;
  TRY(client_open(cx, &c, a));
  TRY(client_call(cx, c, "GET", device_path(cx, a->operands[0], ""), NULL, &device));
  if (args_has(a, "json"))
    print_json(cx, device);
  else
    print_members(cx, device, 0);
  return OK;
}

/* ---- push ---- */

static enum err push_one(struct ctx *cx, struct client *c, const char *id, struct js *results) {
  struct js *answer;
  enum err e = client_call(cx, c, "POST", device_path(cx, id, "/push"), NULL, &answer);
  if (e == E_UNREACHABLE || e == E_UNAUTHORIZED) return e; /* the others would fare no better */
  if (e != OK) {
    answer = js_object(cx);
    js_set_string(answer, "id", id);
    js_set_string(answer, "apns_id", NULL);
    js_set_string(answer, "status", "failed");
    js_set_string(answer, "reason", ctx_error_text(cx));
    ctx_clear_error(cx);
  }
  js_add(results, answer);
  if (e == OK && strcmp(js_str(answer, "status") ? js_str(answer, "status") : "", "failed") == 0) e = E_GONE;
  return e;
}

static void print_pushes(struct ctx *cx, struct js *results) {
  static const char *const headers[] = {"ID", "STATUS", "APNS-ID", "REASON", NULL};
  struct table *t = table_new(cx, headers);
  for (size_t i = 0; i < js_count(results); i++) {
    struct js *r = js_at(results, i);
    const char *cells[] = {js_str(r, "id"), js_str(r, "status"), js_str(r, "apns_id"), js_str(r, "reason")};
    table_add(t, cells);
  }
  table_print(t, stdout);
}

enum err cmd_push(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *results = js_array(cx);
  enum err first = OK;
  TRY(client_open(cx, &c, a));
  for (size_t i = 0; i < a->n; i++) {
    enum err e = push_one(cx, c, a->operands[i], results);
    if (ctx_error(cx) != OK) return e;
    if (first == OK) first = e;
  }
  if (args_has(a, "json"))
    print_json(cx, results);
  else
    print_pushes(cx, results);
  return first == OK ? OK : FAIL(cx, first, "not every push went out");
}
