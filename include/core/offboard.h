/* Offboarding: a device leaves for good, as one act. */
#ifndef POMONA_CORE_OFFBOARD_H
#define POMONA_CORE_OFFBOARD_H

#include "core/core.h"
#include "lib/db.h"
#include "lib/json.h"

enum offboard_way { OFFBOARD_UNENROLL, OFFBOARD_ERASE };
/* Inside a job: takes it out of all groups, revokes links made for it, queues what ends it. What an operator must note
   before it is gone (recovery key, bypass codes, PIN …) is shown in the answer, each revealed with the reason.
   E_CONFLICT names what is missing for it to work again later (no bypass code of a locked device), but for `anyway`. */
struct offboard {
  const char *device_id, *by, *reason;
  enum offboard_way way;
  bool anyway;
  struct js *report; /* out */
};
MUST_CHECK enum err offboard(struct ctx *cx, struct db *db, struct core *core, struct offboard *o);

#endif
