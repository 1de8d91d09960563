/* What became of a command that was answered: whether its device can do it at all, and whether it is done. */
#include "core/why_load.h"

#include "core/command_target.h"

#include <string.h>

/* As its device is known today. */
static enum err load_fit(struct ctx *cx, struct why_facts *f, struct slice plist) {
  struct command c;
  struct command_uses *uses;
  struct command_target target;
  struct command_fit fit;
  const struct roster_device *d;
  TRY(command_parse(cx, &c, plist));
  TRY(command_uses(cx, &c, &uses));
  TRY(roster_one(cx, f->db, f->core, f->device.seq, &d));
  const struct roster_view view = {.devices = &d, .n = 1};
  TRY(command_target_load(cx, f->db, &view, f->enrollment.seq, &target));
  if (target.supervised == NOT_KNOWN && f->device.supervised >= 0)
    target.supervised = f->device.supervised ? KNOWN_YES : KNOWN_NO;
  command_fit(cx, uses, &target, &fit);
  f->outcome.cannot = fit.refusal;
  return OK;
}

static bool is_early(const char *request_type) {
  const struct command_row *row = command_row(request_type);
  return row && row->flags & COMMAND_EARLY;
}

enum err why_outcome_load(struct ctx *cx, struct why_facts *f) {
  const struct why_command *c = &f->command;
  struct queue_content content;
  if (!c->target || c->waiting) return OK;
  bool refused = strcmp(c->status, "Error") == 0 || strcmp(c->status, "CommandFormatError") == 0;
  bool accepted = strcmp(c->status, "Acknowledged") == 0 && is_early(c->type);
  if (!refused && !accepted) return OK;
  enum err e = queue_content(cx, f->db, f->core, f->enrollment.seq, c->uuid, &content);
  if (e == OK)
    e = refused ? load_fit(cx, f, content.plist)
                : inventory_effect(cx, f->db, f->enrollment.seq, content.plist, content.told, &f->outcome.effect);
  if (e == E_INVALID || e == E_NOT_FOUND) return ctx_clear_error(cx), OK; /* what is not known explains nothing */
  return e;
}
