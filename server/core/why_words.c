/* What the rows of why have in common: how they look at the facts, and how they say things. */
#include "core/why_int.h"

#include "base/enc.h"

#include <string.h>

bool why_say(struct why_words *w, char *message, char *fix) {
  *w = (struct why_words){message, fix};
  return true;
}

const char *why_age(struct ctx *cx, const struct why_facts *f, int64_t at) { return enc_age(cx, f->now - at); }

static bool is_one_of(const char *word, const char *list) {
  struct slice rest = slice_of(list), one;
  while (slice_cut(&rest, ' ', &one))
    if (slice_is(one, word)) return true;
  return false;
}

const struct refused_row *why_refused(const struct why_facts *f, const char *reasons) {
  for (size_t i = 0; i < f->refused_n; i++)
    if (f->refused[i].last_at > f->device.seen && is_one_of(f->refused[i].reason, reasons)) return &f->refused[i];
  return NULL;
}

bool why_woken(const struct why_facts *f) { return f->wake.taken > 0; }

const char *why_link(struct ctx *cx, const struct why_facts *f) {
  const char *id = f->device.id ? f->device.id : f->id;
  return ctx_printf(cx, "`pomona enroll link --device %s`", id);
}
