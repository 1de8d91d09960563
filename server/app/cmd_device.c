/* Waking devices: `pomona push`. */
#include "app/client.h"
#include "app/cmd.h"
#include "app/table.h"
#include "base/enc.h"

#include <string.h>
#include <unistd.h>

static char *device_path(struct ctx *cx, const char *id, const char *rest) {
  return ctx_printf(cx, "/api/v1/devices/%s%s", enc_percent(cx, slice_of(id)), rest);
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
