/* Profiles: whatever stands in a file, the check ends, says what it found in plain text, and counts its errors. The
   first byte chooses a shipped template; what follows are edits of it. 0xFF: the rest is the file itself. */
#include "base/embedded.h"
#include "core/payload.h"
#include "edits.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct slice template_at(size_t i) {
  size_t n = 0;
  while (embedded_templates[n].name) n++;
  return slice_mem(embedded_templates[i % n].text, embedded_templates[i % n].n);
}

static struct slice many_edits(struct ctx *cx, struct slice text, const uint8_t *edits, size_t n) {
  for (; n >= EDIT_LEN; edits += EDIT_LEN, n -= EDIT_LEN) text = flat_edit(cx, text, edits);
  return text;
}

static void look(struct ctx *cx, struct slice file) {
  struct payload_check c;
  if (payload_check(cx, file, &c) != OK) abort();
  size_t errors = 0;
  for (size_t i = 0; i < c.n; i++) {
    const struct payload_finding *f = &c.findings[i];
    errors += f->grade == PAYLOAD_ERROR;
    if (f->line < 0 || !*f->id || !*f->text || !utf8_valid(slice_of(f->key))) abort();
    if (i > 0 && f[-1].grade > f->grade) abort();
  }
  if (errors != c.errors || (!c.profile && !errors)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  enum { EDITS_MOST = 64 * EDIT_LEN };
  if (size == 0) return 0;
  struct ctx *cx = ctx_new();
  size_t n = size - 1 > EDITS_MOST ? EDITS_MOST : size - 1;
  look(cx, data[0] == 0xFF ? slice_mem(data + 1, size - 1) : many_edits(cx, template_at(data[0]), data + 1, n));
  ctx_free(cx);
  return 0;
}
