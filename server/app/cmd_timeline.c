/* `pomona device timeline`: everything that happened to a device. */
#include "app/client.h"
#include "app/cmd.h"
#include "app/table.h"
#include "base/enc.h"

#include <string.h>

enum { SHOWN = 100 };

static const char *and_also(struct ctx *cx, const char *all, const char *label, const char *value) {
  if (!value || !*value) return all;
  return ctx_printf(cx, "%s%s%s%s%s", all, *all ? ", " : "", label, *label ? " " : "", value);
}

/* What an event tells beside its kind, its simple members. */
static const char *data_text(struct ctx *cx, struct js *data, const char *all) {
  const char *key;
  struct js *value;
  for (size_t i = 0; (value = js_member(data, i, &key)); i++)
    if (!js_is_object(value) && !js_is_array(value)) all = and_also(cx, all, key, member_text(cx, data, key));
  return all;
}

static const char *detail(struct ctx *cx, struct js *o) {
  const char *was = js_str(o, "was"), *now = js_str(o, "now");
  const char *all = and_also(cx, "", "", js_str(o, "request_type"));
  all = and_also(cx, all, "", js_str(o, "what"));
  if (strcmp(js_str(o, "kind"), "inventory.changed") == 0)
    all = ctx_printf(cx, "%s: %s, was %s", all, now ? now : "gone", was ? was : "not there");
  else
    all = and_also(cx, all, "", was);
  all = and_also(cx, all, "by", js_str(o, "by"));
  return data_text(cx, js_get(o, "data"), all);
}

enum err cmd_device_timeline(struct ctx *cx, struct args *a) {
  static const char *const headers[] = {"AT", "WHAT", "DETAIL", "COMMAND", NULL};
  struct client *c;
  struct js *all;
  const char *path = ctx_printf(cx, "/api/v1/devices/%s/timeline?limit=100", enc_percent(cx, slice_of(a->operands[0])));
  TRY(client_open(cx, &c, a));
  TRY(client_pages(cx, c, path, "timeline", args_has(a, "all") ? 0 : SHOWN, &all));
  if (args_has(a, "json")) return print_json(cx, all), OK;
  struct table *t = table_new(cx, headers);
  for (size_t i = 0; i < js_count(all); i++) {
    struct js *o = js_at(all, i);
    const char *cells[] = {local_time(cx, js_str(o, "at")), js_str(o, "kind"), detail(cx, o), js_str(o, "command")};
    table_add(t, cells);
  }
  table_print(t, stdout);
  return OK;
}
