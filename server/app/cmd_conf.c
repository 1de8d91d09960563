#include "app/cmd.h"

#include "lib/json.h"

#include <string.h>

static struct slice as_json(struct ctx *cx, const struct conf *c) {
  const struct core_setting *rows;
  size_t n = conf_settings(cx, c, &rows);
  return js_text(cx, core_settings_json(cx, rows, n), JS_INDENT);
}

enum err cmd_conf(struct ctx *cx, struct args *a) {
  struct slice text = args_has(a, "json") ? as_json(cx, a->conf) : conf_print(cx, a->conf);
  fwrite(text.p, 1, text.n, stdout);
  if (text.n && text.p[text.n - 1] != '\n') fputc('\n', stdout);
  return OK;
}
