#include "core/core.h"

#include "lib/json.h"

struct js *core_settings_json(struct ctx *cx, const struct core_setting *rows, size_t n) {
  struct js *all = js_array(cx);
  for (size_t i = 0; i < n; i++) {
    struct js *o = js_object(cx);
    js_set_string(o, "name", rows[i].name);
    js_set_string(o, "value", rows[i].value);
    js_set_string(o, "default", rows[i].by_default);
    js_set_string(o, "source", rows[i].source);
    js_set_bool(o, "secret", rows[i].secret);
    js_set_bool(o, "set", rows[i].value != NULL);
    js_set_bool(o, "restart", !rows[i].reload);
    js_set_string(o, "help", rows[i].help);
    js_add(all, o);
  }
  return all;
}
