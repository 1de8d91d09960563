/* Why is this device not doing what I asked: exactly one verdict of the closed list core/verdict.def, what else holds,
   and every link of the chain from the command to its answer.

   Everything is computed from durable facts on a reader's connection; nothing looks at a log. Rule of choice: may it be
   served? has it come since the command was queued? it came: the first row of the group that holds wins. A command that
   is settled is explained by its row, whether the device came or not; and what came, was woken again and did not come,
   is explained as one that did not come when nothing else explains it. */
#ifndef POMONA_CORE_WHY_H
#define POMONA_CORE_WHY_H

#include "core/core.h"
#include "lib/db.h"
#include "lib/json.h"

struct why_link {
  const char *link; /* "enrollment", "identity", "command", "certificate", "apns", "wake-up", "connection", "delivery",
                       "answer" */
  const char *status; /* "ok", "wait", "trouble", "none" */
  int64_t at;         /* 0: never, or not known */
  const char *detail;
};
struct why {
  const char *id, *command_uuid; /* command_uuid NULL: nothing waits */
  const char *request_type;      /* of the command; NULL: none */
  const char *slug, *message, *fix;
  const char **also; /* slugs */
  struct why_link *chain;
  size_t also_n, chain_n;
};
/* id: of an enrollment, a serial number, or one that only knocks (row unknown-device). command_uuid NULL: the oldest
   command that is not settled. E_NOT_FOUND: neither an enrollment nor a refused claim has this id; no such command. */
MUST_CHECK enum err why_device(struct ctx *cx, struct db *db, struct core *core, const char *id,
                               const char *command_uuid, struct why *out);
/* {"verdicts":[{"verdict","scope","message","fix","devices","examples"}],"alarm":null|{"since","text"}}: verdicts of
   whole topics and of the server once, the others with their count and up to five ids. */
MUST_CHECK enum err why_fleet(struct ctx *cx, struct db *db, struct core *core, struct js **out);
/* The fleet's alarm, for banners: {"since","text"}, or NULL. */
MUST_CHECK enum err why_alarm(struct ctx *cx, struct db *db, struct js **out);
/* A chore: verdicts of who waits are remembered, and the alarm of the fleet is raised. */
MUST_CHECK enum err why_chore(struct ctx *cx, struct core *core);

#endif
