#include "core/payload.h"

#include "base/embedded.h"

#include <string.h>

static char *about(struct ctx *cx, const struct embedded *e) {
  static const char mark[] = "\n<!-- ";
  const char *from = strstr(e->text, mark);
  struct slice rest = slice_of(from ? from + strlen(mark) : ""), line = {0};
  (void)slice_cut(&rest, '\n', &line);
  return ctx_memdup(cx, line.p, line.n);
}

static char *name_of(struct ctx *cx, const struct embedded *e) {
  struct slice rest = slice_of(e->name), name = {0};
  (void)slice_cut(&rest, '.', &name);
  return ctx_memdup(cx, name.p, name.n);
}

void payload_templates(struct ctx *cx, struct payload_template **out, size_t *n) {
  *n = 0;
  while (embedded_templates[*n].name) ++*n;
  *out = ctx_alloc(cx, (*n + 1) * sizeof **out);
  for (size_t i = 0; i < *n; i++) {
    const struct embedded *e = &embedded_templates[i];
    (*out)[i] = (struct payload_template){name_of(cx, e), about(cx, e), slice_mem(e->text, e->n)};
  }
}

enum err payload_template(struct ctx *cx, const char *name, struct payload_template *out) {
  struct payload_template *all;
  size_t n;
  payload_templates(cx, &all, &n);
  for (size_t i = 0; i < n; i++) {
    if (strcmp(all[i].name, name) != 0) continue;
    *out = all[i];
    return OK;
  }
  return FAIL(cx, E_NOT_FOUND, "there is no template of this name: `pomona profile template` lists them");
}
