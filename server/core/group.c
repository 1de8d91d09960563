#include "core/group_int.h"

#include "base/clock.h"
#include "core/event.h"

#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_BYTES = 100, NOTE_MAX = 2000, ASSIGNMENTS_MAX = 200, GROUPS_MAX = 500, MEMBERS_MOST = 500 };

static const char *const kinds[GROUP_KINDS] = {
    [GROUP_PROFILE] = "profile", [GROUP_COMMAND] = "command", [GROUP_SETTING] = "setting",
    [GROUP_PACKAGE] = "package", [GROUP_APP] = "app",         [GROUP_REQUIREMENT] = "requirement"};

const char *group_kind_word(enum group_kind k) { return kinds[k]; }

bool group_kind_named(const char *word, enum group_kind *k) {
  for (int i = 0; i < GROUP_KINDS; i++)
    if (word && strcmp(kinds[i], word) == 0) return *k = (enum group_kind)i, true;
  return false;
}

enum err group_find(struct ctx *cx, struct db *db, const char *name, struct group *out) {
  bool found;
  TRY(group_sql_find(cx, db, name, out, &found));
  return found ? OK : FAIL(cx, E_NOT_FOUND, "there is no group %s", name);
}

/* ---- checking ---- */

static enum err check_name(struct ctx *cx, const char *name) {
  struct slice s = slice_of(name);
  bool fits = s.n <= NAME_MAX_BYTES && text_is_segment(s) && slice_trim(s).n == s.n;
  return fits
             ? OK
             : FAIL(
                   cx, E_INVALID,
                   "the name of a group is 1 to %d bytes of plain text without \"/\" and without blanks around it, and "
                   "not . or ..",
                   NAME_MAX_BYTES);
}

static enum err check_rule(struct ctx *cx, const struct group_change *c, const struct group *g) {
  struct roster_filter *f;
  if (c->rule && c->make_static) return FAIL(cx, E_INVALID, "a group has a rule or is static, not both");
  bool by_rule = c->rule || (g->rule && !c->make_static);
  if (by_rule && (c->add_n || c->drop_n))
    return FAIL(cx, E_INVALID,
                "the members of a group with a rule are those that it fits: none are added or taken out");
  if (!c->rule) return OK;
  if (slice_trim(slice_of(c->rule)).n == 0)
    return FAIL(cx, E_INVALID, "a rule that is empty would be the whole fleet: say so by state=enrolled");
  TRY(roster_filter(cx, &f, slice_of(c->rule)));
  return roster_filter_steady(cx, f);
}

static enum err check_new_name(struct ctx *cx, struct db *db, const struct group_change *c) {
  struct group other;
  bool taken;
  if (!c->new_name || strcmp(c->new_name, c->name) == 0) return OK;
  TRY(check_name(cx, c->new_name));
  TRY(group_sql_find(cx, db, c->new_name, &other, &taken));
  return taken ? FAIL(cx, E_CONFLICT, "there is a group %s already", c->new_name) : OK;
}

static enum err check_standing(struct ctx *cx, struct db *db, const struct group_change *c, const struct group *g) {
  int64_t groups;
  if (g->group && c->fresh) return FAIL(cx, E_CONFLICT, "there is a group %s already", c->name);
  if (!g->group && (c->standing || c->remove)) return FAIL(cx, E_NOT_FOUND, "there is no group %s", c->name);
  if (c->if_version >= 0 && c->if_version != g->version)
    return FAIL(cx, E_PRECONDITION, "the group %s was changed meanwhile: look at it again", c->name);
  if (g->group) return OK;
  TRY(group_sql_count(cx, db, &groups));
  return groups < GROUPS_MAX ? OK : FAIL(cx, E_CONFLICT, "there are %d groups already, as many as may be", GROUPS_MAX);
}

static bool same(const struct group_assignment *a, const struct group_assignment *b) {
  return a->kind == b->kind && a->users == b->users && strcmp(a->ref, b->ref) == 0;
}

static struct group_assignment *find(const struct group *g, const struct group_assignment *a) {
  for (size_t i = 0; i < g->assignments_n; i++)
    if (same(&g->assignments[i], a)) return &g->assignments[i];
  return NULL;
}

enum err group_check(struct ctx *cx, struct db *db, struct core *core, struct group_change *c) {
  struct group g;
  bool found;
  TRY(check_name(cx, c->name));
  TRY(group_sql_find(cx, db, c->name, &g, &found));
  TRY(check_standing(cx, db, c, &g));
  TRY(check_new_name(cx, db, c));
  TRY(check_rule(cx, c, &g));
  if (c->note && (strlen(c->note) > NOTE_MAX || !utf8_valid(slice_of(c->note))))
    return FAIL(cx, E_INVALID, "a note is text of at most %d bytes", NOTE_MAX);
  for (size_t i = 0; i < c->assign_n; i++) TRY(group_ref_check(cx, db, core, &c->assign[i]));
  for (size_t i = 0; i < c->unassign_n; i++)
    if (!find(&g, &c->unassign[i]))
      return FAIL(cx, E_NOT_FOUND, "the group %s has no %s %s%s", c->name, group_kind_word(c->unassign[i].kind),
                  c->unassign[i].ref, c->unassign[i].users ? " for users" : "");
  if (c->add_n > MEMBERS_MOST || c->drop_n > MEMBERS_MOST)
    return FAIL(cx, E_INVALID, "at most %d members are added or taken out at once", MEMBERS_MOST);
  if (g.assignments_n + c->assign_n > ASSIGNMENTS_MAX)
    return FAIL(cx, E_INVALID, "a group has at most %d assignments", ASSIGNMENTS_MAX);
  return OK;
}

/* ---- what it would be ---- */

static bool is_among(const struct group_assignment *a, const struct group_assignment *list, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (same(a, &list[i])) return true;
  return false;
}

static void change_assignments(struct ctx *cx, struct group *g, const struct group_change *c) {
  struct group before = *g;
  g->assignments = ctx_alloc(cx, (before.assignments_n + c->assign_n + 1) * sizeof *g->assignments);
  g->assignments_n = 0;
  for (size_t i = 0; i < before.assignments_n; i++)
    if (!is_among(&before.assignments[i], c->unassign, c->unassign_n))
      g->assignments[g->assignments_n++] = before.assignments[i];
  for (size_t i = 0; i < c->assign_n; i++) {
    struct group_assignment *old = find(g, &c->assign[i]);
    if (!old) {
      *(old = &g->assignments[g->assignments_n++]) = c->assign[i];
      old->created_at = clock_now_us();
    }
    old->options = c->assign[i].options;
    old->row = c->assign[i].row;
  }
}

static int ascending(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

static bool has(const int64_t *list, size_t n, int64_t x) {
  return n && bsearch(&x, list, n, sizeof *list, ascending) != NULL;
}

static int64_t *sorted(struct ctx *cx, const int64_t *list, size_t n) {
  int64_t *copy = ctx_memdup(cx, list, n * sizeof *list);
  if (n) qsort(copy, n, sizeof *copy, ascending);
  return copy;
}

static void change_members(struct ctx *cx, struct group_outlook *o, const struct group_change *c) {
  int64_t *all = ctx_alloc(cx, (o->members_now_n + c->add_n + 1) * sizeof *all);
  const int64_t *drop = sorted(cx, c->drop, c->drop_n), *add = sorted(cx, c->add, c->add_n);
  size_t n = 0, a = 0;
  for (size_t i = 0; i < o->members_now_n; i++) {
    for (; a < c->add_n && add[a] < o->members_now[i]; a++)
      if (n == 0 || all[n - 1] != add[a]) all[n++] = add[a];
    if (!has(drop, c->drop_n, o->members_now[i])) all[n++] = o->members_now[i];
  }
  for (; a < c->add_n; a++)
    if (n == 0 || all[n - 1] < add[a]) all[n++] = add[a];
  o->members_then = all;
  o->members_then_n = n;
}

enum err group_outlook(struct ctx *cx, struct db *db, const struct group_change *c, struct group_outlook *out) {
  bool found;
  *out = (struct group_outlook){0};
  TRY(group_sql_find(cx, db, c->name, &out->now, &found));
  if (!found) out->now.name = ctx_strdup(cx, c->name);
  if (found) TRY(group_members(cx, db, out->now.group, &out->members_now, &out->members_now_n));
  out->then = out->now;
  if (c->remove) return out->then = (struct group){0}, OK;
  if (c->new_name) out->then.name = ctx_strdup(cx, c->new_name);
  if (c->rule) out->then.rule = ctx_strdup(cx, c->rule);
  if (c->make_static) out->then.rule = NULL;
  if (c->note) out->then.note = *c->note ? ctx_strdup(cx, c->note) : NULL;
  change_assignments(cx, &out->then, c);
  if (!out->then.rule) change_members(cx, out, c);
  return OK;
}

/* ---- changing ---- */

static enum err write_members(struct ctx *cx, struct db *db, const struct group *g, const struct group_change *c) {
  if (g->rule) return group_sql_leave_all(cx, db, g->group);
  for (size_t i = 0; i < c->drop_n; i++) TRY(group_sql_leave(cx, db, g->group, c->drop[i]));
  for (size_t i = 0; i < c->add_n; i++) TRY(group_sql_join(cx, db, g->group, c->add[i]));
  return OK;
}

static enum err tell(struct ctx *cx, struct db *db, const struct group *g, const char *kind, const char *by) {
  struct js *data = js_object(cx);
  js_set_string(data, "group", g->name);
  js_set_string(data, "by", by);
  js_set_int(data, "version", g->version);
  return event_add(cx, db, kind, NULL, data);
}

enum err group_apply(struct ctx *cx, struct db *db, struct core *core, struct group_change *c, const char *by,
                     struct group *out) {
  struct group_outlook o;
  TRY(group_check(cx, db, core, c));
  TRY(group_outlook(cx, db, c, &o));
  if (c->remove) {
    *out = o.now;
    TRY(group_sql_remove(cx, db, o.now.group));
    return tell(cx, db, &o.now, "group.removed", by);
  }
  o.then.version++;
  o.then.created_by = ctx_strdup(cx, o.now.group ? o.now.created_by : by);
  if (o.now.group)
    TRY(group_sql_set(cx, db, &o.then));
  else
    TRY(group_sql_add(cx, db, &o.then, &o.then.group));
  TRY(write_members(cx, db, &o.then, c));
  for (size_t i = 0; i < c->unassign_n; i++) TRY(group_sql_unassign(cx, db, o.then.group, &c->unassign[i]));
  for (size_t i = 0; i < c->assign_n; i++) TRY(group_sql_assign(cx, db, o.then.group, &c->assign[i]));
  TRY(tell(cx, db, &o.then, o.now.group ? "group.changed" : "group.added", by));
  return group_find(cx, db, o.then.name, out);
}
