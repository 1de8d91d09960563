/* Groups: which devices, and what must be true of them. What is sent for it is core/plan.h's.

   A group is static (members are named) or by rule (a filter of core/roster.h); its assignments say what its members
   get, its requirements what must be true of their facts. Names are 1 to 100 bytes of plain text without "/". */
#ifndef POMONA_CORE_GROUP_H
#define POMONA_CORE_GROUP_H

#include "core/core.h"
#include "core/roster.h"
#include "lib/db.h"
#include "lib/json.h"

enum group_kind {                    /* of an assignment; its ref */
                  GROUP_PROFILE,     /* profile: PayloadIdentifier */
                  GROUP_COMMAND,     /* at enrollment, in their order: JSON {"request_type","arguments"} */
                  GROUP_SETTING,     /* JSON of one item of the Settings command */
                  GROUP_PACKAGE,     /* package: its name */
                  GROUP_APP,         /* of the App Store: iTunesStoreID */
                  GROUP_REQUIREMENT, /* filter */
                  GROUP_KINDS
};
const char *group_kind_word(enum group_kind k); /* "profile", "command", "setting", "package", "app", "requirement" */

struct group_assignment {
  int64_t assignment; /* its row */
  enum group_kind kind;
  char *ref;        /* as above */
  int64_t row;      /* of a profile or package */
  int64_t position; /* order of commands */
  bool users;       /* for the users' channels instead of the device's own */
  struct js *options;
};
struct group {
  int64_t group;
  char *name, *rule; /* rule NULL: static */
  char *note;
  int64_t version; /* grows with each change: its ETag */
  int64_t created_at;
  char *created_by;
  struct group_assignment *assignments;
  size_t assignments_n;
};
MUST_CHECK enum err group_find(struct ctx *cx, struct db *db, const char *name, struct group *out); /* E_NOT_FOUND */
/* All of them with their assignments, by name. */
MUST_CHECK enum err group_all(struct ctx *cx, struct db *db, struct group **out, size_t *n);
/* Static members, ascending. */
MUST_CHECK enum err group_members(struct ctx *cx, struct db *db, int64_t group, int64_t **devices, size_t *n);

/* A change, as one: what is NULL or -1 stays. Made the same way by the API and the command line; first looked at
   (plan_preview), then made. */
struct group_change {
  const char *name; /* of the group; made when it does not exist */
  const char *new_name, *rule, *note;
  bool make_static, remove;  /* remove: the group itself */
  const int64_t *add, *drop; /* devices */
  size_t add_n, drop_n;
  const struct group_assignment *assign, *unassign;
  size_t assign_n, unassign_n;
  int64_t if_version; /* E_CONFLICT when it is another; -1: whatever it is */
};
/* Inside a job. E_INVALID, E_NOT_FOUND (a profile or package that there is not), E_CONFLICT. Devices it concerns are
   due for a plan. */
MUST_CHECK enum err group_apply(struct ctx *cx, struct db *db, struct core *core, const struct group_change *c,
                                const char *by, struct group *out);

#endif
