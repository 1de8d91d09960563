#include "core/payload_int.h"

static struct js *words(struct ctx *cx, char *const *list) {
  struct js *array = js_array(cx);
  for (; *list; list++) js_add_string(array, *list);
  return array;
}

const char *payload_place(struct ctx *cx, const char *file, int line) {
  if (!line) return file ? file : "the file";
  return file ? ctx_printf(cx, "%s:%d", file, line) : ctx_printf(cx, "line %d", line);
}

static struct js *finding_json(struct ctx *cx, const struct payload_finding *f) {
  struct js *o = js_object(cx);
  js_set_string(o, "grade", f->grade == PAYLOAD_ERROR ? "error" : "warning");
  js_set_string(o, "id", f->id);
  if (f->line)
    js_set_int(o, "line", f->line);
  else
    js_set_null(o, "line");
  js_set_string(o, "key", f->key);
  js_set_string(o, "text", f->text);
  return o;
}

struct js *payload_json(struct ctx *cx, const struct payload_check *c) {
  struct js *o = js_object(cx), *findings = js_array(cx), *platforms = js_array(cx);
  for (int p = 0; p < PLATFORMS; p++)
    if (c->platforms & 1u << p) js_add_string(platforms, platform_word((enum platform)p));
  for (size_t i = 0; i < c->n; i++) js_add(findings, finding_json(cx, &c->findings[i]));
  js_set_string(o, "identifier", c->identifier);
  js_set_string(o, "uuid", c->uuid);
  js_set_string(o, "name", c->name);
  js_set_string(o, "scope", c->scope);
  js_set(o, "platforms", platforms);
  js_set(o, "types", words(cx, c->types));
  js_set(o, "variables", words(cx, c->variables));
  js_set_bool(o, "supervised", c->supervised);
  js_set_bool(o, "signed", c->is_signed);
  js_set_string(o, "signer", c->signer);
  js_set_int(o, "errors", (int64_t)c->errors);
  js_set(o, "findings", findings);
  return o;
}
