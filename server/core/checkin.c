#include "core/checkin_int.h"

#include <string.h>

static const struct checkin_row rows[] = {
#define CHECKIN(type, prefix) {#type, prefix##_read, prefix##_apply},
#include "core/checkin.def"
#undef CHECKIN
};

enum err checkin_read(struct ctx *cx, struct slice body, struct checkin *out) {
  struct pl *message;
  out->body = body;
  TRY(pl_parse(cx, body, &pl_limits_checkin, &message));
  const char *type = pl_str(message, "MessageType");
  if (!type) return FAIL(cx, E_INVALID, "MessageType is missing");
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (strcmp(rows[i].message_type, type) == 0) out->row = &rows[i];
  if (!out->row) return FAIL(cx, E_INVALID, "unknown MessageType");
  TRY(enroll_ids(cx, message, &out->ids));
  return out->row->read(cx, message, &out->state);
}

enum err checkin_apply(struct ctx *cx, struct db *db, void *checkin) {
  struct checkin *c = checkin;
  return c->row->apply(cx, db, c);
}
