#include "app/cmd.h"

#include "lib/json.h"

#include <string.h>

static struct slice as_json(struct ctx *cx, const struct conf *c) {
  struct js *rows = js_array(cx);
  for (const struct conf_row *row = conf_rows; row->name; row++) {
    struct js *o = js_object(cx);
    js_set_string(o, "name", row->name);
    js_set_string(o, "value", conf_value(cx, c, row, true));
    js_set_string(o, "default", row->by_default);
    js_set_string(o, "source", c->sources[row - conf_rows]);
    js_set_bool(o, "restart", !row->live);
    js_set_string(o, "help", row->help);
    js_add(rows, o);
  }
  return js_text(cx, rows, JS_INDENT);
}

enum err cmd_conf(struct ctx *cx, struct args *a) {
  struct slice text = args_has(a, "json") ? as_json(cx, a->conf) : conf_print(cx, a->conf);
  fwrite(text.p, 1, text.n, stdout);
  if (text.n && text.p[text.n - 1] != '\n') fputc('\n', stdout);
  return OK;
}
