/* It came: rows 35 to 45. */
#include "core/why_int.h"

#include "base/enc.h"

bool why_fine(struct ctx *cx, const struct why_facts *f, struct why_words *w) {
  const struct why_command *c = &f->command;
  const char *seen =
      f->enrollment.seen ? ctx_printf(cx, "last seen %s", enc_time(cx, f->enrollment.seen)) : "not seen yet";
  if (c->target && c->waiting)
    return why_say(w, ctx_printf(cx, "Nothing is wrong: %s is on its way; %s.", c->type, seen),
                   "Nothing is to be done.");
  return why_say(w, ctx_printf(cx, "Nothing waits; %s.", seen), "Nothing is to be done.");
}
