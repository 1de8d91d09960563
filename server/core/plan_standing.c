/* How groups stand: each member is counted once, by the worst of what this group gives it. */
#include "core/plan_int.h"

#include <string.h>

enum { FAILURES = 20 };

/* ---- a member ---- */

struct member {
  const struct roster_device *device;
  enum plan_state state; /* of all that its groups say; PLAN_NONE: nothing, or nobody has looked yet */
  bool has_users;
  const struct plan_item *items;
  size_t n;
};

/* PLAN_NONE: it does not apply there. What has no item is done. *worst: the item that says it; NULL: none does. */
static enum plan_state wish_stands(const struct plan_world *w, const struct plan_wish *wish, const struct member *m,
                                   const struct plan_item **worst) {
  bool users = wish->assignment->users;
  struct plan_channel ch = {.device = m->device, .platform = plan_platform(m->device), .is_user = users};
  enum plan_state state = m->state == PLAN_NONE ? PLAN_WORKING : PLAN_COMPLIANT;
  const char *why;
  *worst = NULL;
  if ((users && !m->has_users) || !plan_applies(wish, &ch, w->now, &why)) return PLAN_NONE;
  for (size_t i = 0; i < m->n; i++) {
    const struct plan_item *item = &m->items[i];
    if (item->thing != w->things[wish->thing].row || (item->enrollment != m->device->enrollment) != users) continue;
    enum plan_state is = plan_is_failing(item->phase, item->tries, item->why) ? PLAN_FAILING : PLAN_WORKING;
    if (is < state || (*worst && is == state)) continue;
    state = is;
    *worst = item;
  }
  return state;
}

/* ---- groups ---- */

struct wish_count {
  int64_t of[PLAN_STATES];
};
struct standing {
  const struct plan_world *world;
  size_t only; /* number of the group; SIZE_MAX: all */
  struct wish_count *groups, *wishes;
  const int64_t *with_users; /* devices, ascending */
  size_t with_users_n;
  struct js *failures; /* of the only group */
};

static void add_failure(struct ctx *cx, struct standing *s, const struct member *m, const struct plan_item *item,
                        const struct plan_thing *t) {
  struct js *o = js_object(cx);
  js_set_string(o, "id", roster_text(m->device, ROSTER_ID));
  js_set_string(o, "name", roster_text(m->device, ROSTER_NAME));
  js_set_string(o, "serial_number", roster_text(m->device, ROSTER_SERIAL));
  js_set_string(o, "why", plan_why(cx, t, item->why));
  js_set_time(o, "since", item->since);
  js_add(s->failures, o);
}

static void count_one(struct ctx *cx, struct standing *s, size_t group, const struct member *m) {
  const struct plan_world *w = s->world;
  const struct plan_group *g = &w->groups[group];
  const struct plan_item *worst, *failed = NULL;
  const struct plan_thing *thing = NULL;
  enum plan_state state = PLAN_NONE;
  for (size_t i = g->first; i < g->first + g->wishes_n; i++) {
    enum plan_state is = wish_stands(w, &w->wishes[i], m, &worst);
    s->wishes[i].of[is]++;
    if (is == PLAN_FAILING && !failed) failed = worst, thing = &w->things[w->wishes[i].thing];
    if (is > state) state = is;
  }
  s->groups[group].of[state]++;
  if (failed && s->only == group && js_count(s->failures) < FAILURES) add_failure(cx, s, m, failed, thing);
}

static bool is_considered(const struct standing *s, size_t group, const struct roster_device *d) {
  return (s->only == SIZE_MAX || s->only == group) && plan_is_member(s->world, group, d);
}

/* Devices that have items are few, or many for a while; the others are counted without a look at the database. */
static enum err count_device(struct ctx *cx, struct ctx *own, struct db *db, struct standing *s, struct member *m) {
  bool read = m->state != PLAN_WORKING && m->state != PLAN_FAILING;
  for (size_t g = 0; g < s->world->groups_n; g++) {
    struct plan_item *items;
    if (!is_considered(s, g, m->device)) continue;
    if (!read) {
      TRY(plan_sql_items(own, db, m->device->device, &items, &m->n));
      m->items = items;
      read = true;
    }
    count_one(cx, s, g, m);
  }
  return OK;
}

static bool has_users(struct standing *s, int64_t device) {
  while (s->with_users_n && *s->with_users < device) s->with_users++, s->with_users_n--;
  return s->with_users_n && *s->with_users == device;
}

static enum err count_all(struct ctx *cx, struct db *db, const struct roster_view *view, struct standing *s) {
  struct ctx *own = ctx_new();
  enum err e = OK;
  for (size_t i = 0; e == OK && i < view->n; i++) {
    struct member m = {.device = view->devices[i], .state = PLAN_NONE};
    if (!plan_in_force(m.device)) continue;
    (void)plan_state_named(roster_text(m.device, ROSTER_COMPLIANCE), &m.state);
    m.has_users = has_users(s, m.device->device);
    ctx_reset(own);
    e = count_device(cx, own, db, s, &m);
  }
  if (e != OK) e = FAIL(cx, e, "%s", ctx_error_text(own));
  ctx_free(own);
  return e;
}

static enum err count(struct ctx *cx, struct db *db, struct core *core, struct standing *s) {
  struct roster_view view;
  int64_t *users;
  s->groups = ctx_alloc(cx, (s->world->groups_n + 1) * sizeof *s->groups);
  s->wishes = ctx_alloc(cx, (s->world->wishes_n + 1) * sizeof *s->wishes);
  if (s->world->users) {
    TRY(plan_sql_with_users(cx, db, &users, &s->with_users_n));
    s->with_users = users;
  }
  TRY(roster_look(cx, db, core, &view));
  enum err e = count_all(cx, db, &view, s);
  roster_unlook(core, &view);
  return e;
}

/* ---- what is told ---- */

static void set_counts(struct js *o, const struct wish_count *c) {
  js_set_int(o, "compliant", c->of[PLAN_COMPLIANT]);
  js_set_int(o, "working", c->of[PLAN_WORKING]);
  js_set_int(o, "failing", c->of[PLAN_FAILING]);
  js_set_int(o, "not_applicable", c->of[PLAN_NONE]);
}

static void set_members(struct js *o, const struct wish_count *c) {
  int64_t all = 0;
  for (int i = 0; i < PLAN_STATES; i++) all += c->of[i];
  js_set_int(o, "devices", all);
  set_counts(o, c);
}

static struct js *wish_json(struct ctx *cx, const struct plan_wish *w, const struct wish_count *c) {
  const struct group_assignment *a = w->assignment;
  struct js *o = js_object(cx);
  js_set_string(o, "kind", group_kind_word(a->kind));
  js_set_string(o, "ref", a->ref);
  js_set_bool(o, "users", a->users);
  js_set_int(o, "position", a->position);
  js_set(o, "options", a->options);
  js_set_string(o, "trouble", w->broken);
  set_counts(o, c);
  return o;
}

enum err plan_of_group(struct ctx *cx, struct db *db, struct core *core, const struct group *g, struct js **out) {
  struct plan_world w;
  struct standing s = {.world = &w, .failures = js_array(cx)};
  struct js *list = js_array(cx);
  TRY(plan_world_now(cx, db, core, &w));
  while (s.only < w.groups_n && w.groups[s.only].group->group != g->group) s.only++;
  if (s.only == w.groups_n) return FAIL(cx, E_NOT_FOUND, "there is no group %s", g->name);
  TRY(count(cx, db, core, &s));
  const struct plan_group *only = &w.groups[s.only];
  for (size_t i = only->first; i < only->first + only->wishes_n; i++)
    js_add(list, wish_json(cx, &w.wishes[i], &s.wishes[i]));
  *out = js_object(cx);
  set_members(*out, &s.groups[s.only]);
  js_set(*out, "assignments", list);
  js_set(*out, "failures", s.failures);
  return OK;
}

enum err plan_of_groups(struct ctx *cx, struct db *db, struct core *core, struct js **out) {
  struct plan_world w;
  struct standing s = {.world = &w, .only = SIZE_MAX};
  TRY(plan_world_now(cx, db, core, &w));
  TRY(count(cx, db, core, &s));
  *out = js_array(cx);
  for (size_t g = 0; g < w.groups_n; g++) {
    const struct group *group = w.groups[g].group;
    struct js *o = js_object(cx);
    js_set_string(o, "name", group->name);
    js_set_string(o, "rule", group->rule);
    js_set_string(o, "note", group->note);
    js_set_int(o, "version", group->version);
    js_set_int(o, "assignments", (int64_t)group->assignments_n);
    set_members(o, &s.groups[g]);
    js_add(*out, o);
  }
  return OK;
}
