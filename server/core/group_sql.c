#include "core/group_int.h"

#include "base/clock.h"

#include <stdlib.h>

#define GROUP "SELECT seq, name, rule, note, version, created_at, created_by FROM fleet_group"
#define ASSIGNMENT "SELECT seq, kind, ref, row, position, users, options, created_at FROM assignment"

static void take_group(struct db_rows *r, struct group *out) {
  *out = (struct group){.group = db_int(r, 0),
                        .name = db_text(r, 1),
                        .rule = db_text(r, 2),
                        .note = db_text(r, 3),
                        .version = db_int(r, 4),
                        .created_at = db_int(r, 5),
                        .created_by = db_text(r, 6)};
}

static enum err take_assignment(struct ctx *cx, struct db_rows *r, struct group_assignment *out) {
  enum group_kind kind;
  const char *options = db_text(r, 6);
  if (!group_kind_named(db_text(r, 1), &kind)) return FAIL(cx, E_STORAGE, "an assignment of an unknown kind is stored");
  *out = (struct group_assignment){.assignment = db_int(r, 0),
                                   .kind = kind,
                                   .ref = db_text(r, 2),
                                   .row = db_int(r, 3),
                                   .position = db_int(r, 4),
                                   .users = db_int(r, 5) != 0,
                                   .created_at = db_int(r, 7)};
  return js_parse(cx, slice_of(options), &out->options);
}

/* By kind; commands in their order, the others by ref. */
static int by_kind(const void *a, const void *b) {
  const struct group_assignment *x = a, *y = b;
  if (x->kind != y->kind) return x->kind < y->kind ? -1 : 1;
  if (x->position != y->position) return x->position < y->position ? -1 : 1;
  return (x->assignment > y->assignment) - (x->assignment < y->assignment);
}

static enum err load_assignments(struct ctx *cx, struct db *db, struct group *g) {
  struct db_rows r;
  size_t room = 0;
  enum err e = OK;
  TRY(db_open_rows(cx, db, &r, ASSIGNMENT " WHERE fleet_group = $1 ORDER BY seq", DB_I(g->group)));
  while (e == OK && db_next(&r)) {
    if (g->assignments_n == room) {
      struct group_assignment *more = ctx_alloc(cx, (room = room ? 2 * room : 8) * sizeof *more);
      for (size_t i = 0; i < g->assignments_n; i++) more[i] = g->assignments[i];
      g->assignments = more;
    }
    e = take_assignment(cx, &r, &g->assignments[g->assignments_n++]);
  }
  enum err closed = db_close(&r);
  if (g->assignments_n) qsort(g->assignments, g->assignments_n, sizeof *g->assignments, by_kind);
  return e != OK ? e : closed;
}

enum err group_sql_find(struct ctx *cx, struct db *db, const char *name, struct group *out, bool *found) {
  struct db_rows r;
  *out = (struct group){0};
  TRY(db_open_rows(cx, db, &r, GROUP " WHERE name = $1", DB_S(name)));
  *found = db_next(&r);
  if (*found) take_group(&r, out);
  TRY(db_close(&r));
  return *found ? load_assignments(cx, db, out) : OK;
}

enum err group_all(struct ctx *cx, struct db *db, struct group **out, size_t *n) {
  struct db_rows r;
  int64_t count;
  TRY(db_one_int(cx, db, &count, "SELECT count(*) FROM fleet_group"));
  *out = ctx_alloc(cx, ((size_t)count + 1) * sizeof **out);
  *n = 0;
  TRY(db_open_rows(cx, db, &r, GROUP " ORDER BY name"));
  while (*n < (size_t)count && db_next(&r)) take_group(&r, &(*out)[(*n)++]);
  TRY(db_close(&r));
  for (size_t i = 0; i < *n; i++) TRY(load_assignments(cx, db, &(*out)[i]));
  return OK;
}

enum err group_members(struct ctx *cx, struct db *db, int64_t group, int64_t **devices, size_t *n) {
  struct db_rows r;
  int64_t count;
  TRY(db_one_int(cx, db, &count, "SELECT count(*) FROM group_member WHERE fleet_group = $1", DB_I(group)));
  *devices = ctx_alloc(cx, ((size_t)count + 1) * sizeof **devices);
  *n = 0;
  TRY(db_open_rows(cx, db, &r, "SELECT device FROM group_member WHERE fleet_group = $1 ORDER BY device", DB_I(group)));
  while (*n < (size_t)count && db_next(&r)) (*devices)[(*n)++] = db_int(&r, 0);
  return db_close(&r);
}

enum err group_sql_count(struct ctx *cx, struct db *db, int64_t *n) {
  return db_one_int(cx, db, n, "SELECT count(*) FROM fleet_group");
}

/* ---- changing ---- */

enum err group_sql_add(struct ctx *cx, struct db *db, const struct group *g, int64_t *group) {
  return db_one_int(cx, db, group,
                    "INSERT INTO fleet_group (name, rule, note, version, created_at, created_by) "
                    "VALUES ($1, $2, $3, $4, $5, $6) RETURNING seq",
                    DB_S(g->name), DB_S(g->rule), DB_S(g->note), DB_I(g->version), DB_I(clock_now_us()),
                    DB_S(g->created_by));
}

enum err group_sql_set(struct ctx *cx, struct db *db, const struct group *g) {
  return db_run(cx, db, "UPDATE fleet_group SET name = $2, rule = $3, note = $4, version = $5 WHERE seq = $1",
                DB_I(g->group), DB_S(g->name), DB_S(g->rule), DB_S(g->note), DB_I(g->version));
}

enum err group_sql_leave_all(struct ctx *cx, struct db *db, int64_t group) {
  return db_run(cx, db, "DELETE FROM group_member WHERE fleet_group = $1", DB_I(group));
}

enum err group_sql_remove(struct ctx *cx, struct db *db, int64_t group) {
  TRY(db_run(cx, db, "DELETE FROM assignment WHERE fleet_group = $1", DB_I(group)));
  TRY(group_sql_leave_all(cx, db, group));
  return db_run(cx, db, "DELETE FROM fleet_group WHERE seq = $1", DB_I(group));
}

enum err group_sql_join(struct ctx *cx, struct db *db, int64_t group, int64_t device) {
  return db_run(cx, db, "INSERT INTO group_member (fleet_group, device) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                DB_I(group), DB_I(device));
}

enum err group_sql_leave(struct ctx *cx, struct db *db, int64_t group, int64_t device) {
  return db_run(cx, db, "DELETE FROM group_member WHERE fleet_group = $1 AND device = $2", DB_I(group), DB_I(device));
}

enum err group_sql_assign(struct ctx *cx, struct db *db, int64_t group, const struct group_assignment *a) {
  const char *options = js_text(cx, a->options, JS_COMPACT).p;
  return db_run(
      cx, db,
      "INSERT INTO assignment (fleet_group, kind, ref, row, position, users, options, created_at) "
      "VALUES ($1, $2, $3, $4, CASE WHEN $5 >= 0 THEN $5 ELSE (SELECT coalesce(max(position), 0) + 1 FROM assignment "
      "WHERE fleet_group = $1 AND kind = $2) END, $6, $7, $8) ON CONFLICT (fleet_group, kind, ref, users) DO UPDATE "
      "SET row = $4, position = CASE WHEN $5 >= 0 THEN $5 ELSE assignment.position END, options = $7",
      DB_I(group), DB_S(group_kind_word(a->kind)), DB_S(a->ref), DB_NULL_IF(a->row == 0, DB_I(a->row)),
      DB_I(a->position), DB_I(a->users), DB_S(options), DB_I(clock_now_us()));
}

enum err group_sql_unassign(struct ctx *cx, struct db *db, int64_t group, const struct group_assignment *a) {
  return db_run(cx, db, "DELETE FROM assignment WHERE fleet_group = $1 AND kind = $2 AND ref = $3 AND users = $4",
                DB_I(group), DB_S(group_kind_word(a->kind)), DB_S(a->ref), DB_I(a->users));
}
