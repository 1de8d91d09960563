/* Groups: which devices, and what must be true of them. What is sent for it is core/plan.h's.

   A group is static (members are named) or by rule (a filter of core/roster.h); its assignments say what its members
   get, its requirements what must be true of their facts. Names are 1 to 100 bytes of plain text without "/", and do
   not begin or end with a blank. */
#ifndef POMONA_CORE_GROUP_H
#define POMONA_CORE_GROUP_H

#include "core/core.h"
#include "core/roster.h"
#include "lib/db.h"
#include "lib/json.h"

/* Kinds of assignments; what their ref and options are:
   PROFILE      PayloadIdentifier; no options.
   COMMAND      RequestType, or RequestType:LABEL where a group has several of the type; options are its arguments. Once
                for each enrollment that began after it was assigned, in the order of positions.
   SETTING      name of an item of the Settings command ("DeviceName"); options are the item's other members.
   PACKAGE      name of the package; options "any_version" (it is enough that its app is there), "unverified" (it
                installs no app: the device's word is taken), "managed" (InstallAsManaged). For Macs only.
   APP          iTunesStoreID; options "identifier" (bundle identifier, by which it is found on the device) and members
                of InstallApplication ("Options", "Configuration", "ManagementFlags" …).
   REQUIREMENT  filter; no options. */
enum group_kind {
  GROUP_PROFILE,
  GROUP_COMMAND,
  GROUP_SETTING,
  GROUP_PACKAGE,
  GROUP_APP,
  GROUP_REQUIREMENT,
  GROUP_KINDS
};
const char *group_kind_word(enum group_kind k); /* "profile", "command", "setting", "package", "app", "requirement" */
bool group_kind_named(const char *word, enum group_kind *k);

struct group_assignment {
  int64_t assignment; /* its row; 0: not made yet */
  enum group_kind kind;
  char *ref;
  int64_t row;      /* of a profile or package */
  int64_t position; /* order of commands */
  bool users;       /* for the users' channels instead of the device's own */
  struct js *options;
  int64_t created_at;
};
struct group {
  int64_t group;
  char *name, *rule; /* rule NULL: static */
  char *note;
  int64_t version; /* grows with each change: its ETag */
  int64_t created_at;
  char *created_by;
  struct group_assignment *assignments; /* by kind, commands by position, others by ref */
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
  bool fresh, standing;      /* it must not exist yet; it must exist */
  const int64_t *add, *drop; /* devices */
  size_t add_n, drop_n;
  struct group_assignment *assign; /* one that is there already gets the new options. group_check fills in rows */
  const struct group_assignment *unassign; /* kind, ref and users count */
  size_t assign_n, unassign_n;
  int64_t if_version; /* E_PRECONDITION when it is another; -1: whatever it is */
};
/* Reader's connection or inside a job: checks a change, and fills in rows of profiles and packages. E_INVALID,
   E_NOT_FOUND (a profile or package that there is not), E_CONFLICT, E_PRECONDITION. */
MUST_CHECK enum err group_check(struct ctx *cx, struct db *db, struct core *core, struct group_change *c);
/* What the group would be after the change, which was checked: *now (group 0: it is none yet), *then; then->name NULL:
   it is gone. Members before and after stand beside. Nothing is written. */
struct group_outlook {
  struct group now, then;
  int64_t *members_now, *members_then;
  size_t members_now_n, members_then_n;
};
MUST_CHECK enum err group_outlook(struct ctx *cx, struct db *db, const struct group_change *c,
                                  struct group_outlook *out);
/* Inside a job. Errors as group_check. The devices' plans are the caller's business (plan_due). *out: as it is then. */
MUST_CHECK enum err group_apply(struct ctx *cx, struct db *db, struct core *core, struct group_change *c,
                                const char *by, struct group *out);

#endif
