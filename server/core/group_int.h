/* What the files of groups share. */
#ifndef POMONA_CORE_GROUP_INT_H
#define POMONA_CORE_GROUP_INT_H

#include "core/group.h"

/* ---- group_ref.c: what stands in an assignment ---- */

/* E_INVALID: ref or options are not what the kind takes; E_NOT_FOUND: no such profile or package. Fills in row. */
MUST_CHECK enum err group_ref_check(struct ctx *cx, struct db *db, struct core *core, struct group_assignment *a);
/* RequestType of a command's ref, without the label. */
char *group_ref_command(struct ctx *cx, const char *ref);

/* The arguments of a setting's Settings command. */
struct js *group_ref_setting(struct ctx *cx, const struct group_assignment *a, struct js *options);

/* ---- group_sql.c ---- */
MUST_CHECK enum err group_sql_find(struct ctx *cx, struct db *db, const char *name, struct group *out, bool *found);
MUST_CHECK enum err group_sql_count(struct ctx *cx, struct db *db, int64_t *n);
MUST_CHECK enum err group_sql_add(struct ctx *cx, struct db *db, const struct group *g, int64_t *group);
/* Name, rule, note and version of the row. */
MUST_CHECK enum err group_sql_set(struct ctx *cx, struct db *db, const struct group *g);
MUST_CHECK enum err group_sql_remove(struct ctx *cx, struct db *db, int64_t group);
MUST_CHECK enum err group_sql_join(struct ctx *cx, struct db *db, int64_t group, int64_t device);
MUST_CHECK enum err group_sql_leave(struct ctx *cx, struct db *db, int64_t group, int64_t device);
MUST_CHECK enum err group_sql_leave_all(struct ctx *cx, struct db *db, int64_t group);
MUST_CHECK enum err group_sql_assign(struct ctx *cx, struct db *db, int64_t group, const struct group_assignment *a);
MUST_CHECK enum err group_sql_unassign(struct ctx *cx, struct db *db, int64_t group, const struct group_assignment *a);

#endif
