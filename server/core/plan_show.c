/* How devices and groups stand, for people. */
#include "core/plan_int.h"

#include <stdlib.h>

enum { FAILURES = 20 };

/* ---- one device ---- */

/* Groups that give this thing to the device. */
static struct js *givers(struct ctx *cx, const struct plan_world *w, const bool *member, size_t thing) {
  struct js *names = js_array(cx);
  for (size_t i = 0; i < w->wishes_n; i++)
    if (w->wishes[i].thing == thing && member[w->wishes[i].group])
      js_add_string(names, w->groups[w->wishes[i].group].group->name);
  return names;
}

static struct js *item_json(struct ctx *cx, const struct plan_world *w, const struct plan_item *i, const bool *member) {
  size_t t = i->thing > 0 && (size_t)i->thing < w->by_row_n ? w->by_row[i->thing] : 0;
  struct js *o = js_object(cx);
  if (!t) return o;
  js_set_string(o, "kind", group_kind_word(w->things[t - 1].kind));
  js_set_string(o, "ref", w->things[t - 1].key);
  js_set_string(o, "act", plan_act_word(i->act));
  js_set_string(o, "state", plan_phase_word(i->phase));
  js_set_string(o, "why", i->why);
  js_set_time(o, "since", i->since);
  js_set_int(o, "tries", i->tries);
  js_set_time(o, "next_at", i->next_at);
  js_set_string(o, "command_uuid", i->command);
  js_set_string(o, "channel", i->channel);
  js_set(o, "groups", givers(cx, w, member, t - 1));
  return o;
}

static struct js *unfit_json(struct ctx *cx, const struct plan_world *w, const struct roster_device *d,
                             const bool *member) {
  struct js *list = js_array(cx);
  const char *why;
  for (size_t i = 0; i < w->wishes_n; i++) {
    const struct plan_wish *wish = &w->wishes[i];
    struct plan_channel ch = {.device = d, .platform = plan_platform(d), .is_user = wish->assignment->users};
    if (!member[wish->group] || plan_applies(wish, &ch, w->now, &why) || !why) continue;
    struct js *o = js_object(cx);
    js_set_string(o, "kind", group_kind_word(w->things[wish->thing].kind));
    js_set_string(o, "ref", w->things[wish->thing].key);
    js_set_string(o, "why", why);
    js_add(list, o);
  }
  return list;
}

static struct js *groups_json(struct ctx *cx, const struct plan_world *w, const bool *member) {
  struct js *list = js_array(cx);
  for (size_t g = 0; g < w->groups_n; g++)
    if (member[g]) js_add_string(list, w->groups[g].group->name);
  return list;
}

enum err plan_of_device(struct ctx *cx, struct db *db, struct core *core, int64_t device, struct js **out) {
  struct plan_world w;
  struct plan_row row;
  struct plan_item *items;
  const struct roster_device *d;
  size_t n;
  TRY(plan_world_now(cx, db, core, &w));
  TRY(roster_one(cx, db, core, device, &d));
  TRY(plan_sql_read(cx, db, device, &row));
  TRY(plan_sql_items(cx, db, device, &items, &n));
  bool *member = ctx_alloc(cx, w.groups_n + 1);
  for (size_t g = 0; g < w.groups_n; g++) member[g] = plan_is_member(&w, g, d);
  struct js *list = js_array(cx);
  for (size_t i = 0; i < n; i++) js_add(list, item_json(cx, &w, &items[i], member));
  *out = js_object(cx);
  js_set_string(*out, "state", plan_state_word(row.state));
  js_set_string(*out, "why", row.why);
  js_set_time(*out, "since", row.since);
  js_set_bool(*out, "being_looked_at", row.there && row.due_at != 0);
  js_set(*out, "groups", groups_json(cx, &w, member));
  js_set(*out, "items", list);
  js_set(*out, "not_applicable", unfit_json(cx, &w, d, member));
  return OK;
}

/* ---- one group ---- */

struct standing {
  const struct plan_world *world;
  size_t group;
  int64_t states[PLAN_STATES];
  struct wish_count {
    int64_t compliant, working, failing, unfit;
  } * wishes; /* of the group, in their order */
  struct js *failures;
};

/* By wish, of one member: what has no item is done. */
static void count_wishes(struct standing *s, const struct roster_device *d, const struct plan_item *items, size_t n) {
  const struct plan_group *g = &s->world->groups[s->group];
  const char *why;
  for (size_t i = 0; i < g->wishes_n; i++) {
    const struct plan_wish *wish = &s->world->wishes[g->first + i];
    struct plan_channel ch = {.device = d, .platform = plan_platform(d), .is_user = wish->assignment->users};
    enum plan_state state = PLAN_COMPLIANT;
    if (!plan_applies(wish, &ch, s->world->now, &why)) {
      s->wishes[i].unfit++;
      continue;
    }
    for (size_t k = 0; k < n; k++) {
      if (items[k].thing != s->world->things[wish->thing].row) continue;
      enum plan_state is = items[k].phase == PLAN_FAILED ? PLAN_FAILING : PLAN_WORKING;
      if (is > state) state = is;
    }
    s->wishes[i].compliant += state == PLAN_COMPLIANT;
    s->wishes[i].working += state == PLAN_WORKING;
    s->wishes[i].failing += state == PLAN_FAILING;
  }
}

static void add_failure(struct ctx *cx, struct standing *s, const struct roster_device *d, const struct plan_row *row) {
  struct js *o = js_object(cx);
  js_set_string(o, "id", roster_text(d, ROSTER_ID));
  js_set_string(o, "name", roster_text(d, ROSTER_NAME));
  js_set_string(o, "serial_number", roster_text(d, ROSTER_SERIAL));
  js_set_string(o, "why", row->why);
  js_set_time(o, "since", row->since);
  js_add(s->failures, o);
}

/* Devices that have items are few, or many for a while; the others are counted without a look at the database. */
static enum err count_members(struct ctx *cx, struct db *db, const struct roster_view *view, struct standing *s) {
  struct ctx *own = ctx_new();
  enum err e = OK;
  for (size_t i = 0; e == OK && i < view->n; i++) {
    const struct roster_device *d = view->devices[i];
    struct plan_row row = {.state = PLAN_NONE};
    struct plan_item *items = NULL;
    size_t n = 0;
    if (!plan_in_force(d) || !plan_is_member(s->world, s->group, d)) continue;
    (void)plan_state_named(roster_text(d, ROSTER_COMPLIANCE), &row.state);
    if (row.state == PLAN_WORKING || row.state == PLAN_FAILING) {
      ctx_reset(own);
      e = plan_sql_items(own, db, d->device, &items, &n);
      bool shown = row.state == PLAN_FAILING && js_count(s->failures) < FAILURES;
      if (e == OK && shown) e = plan_sql_read(cx, db, d->device, &row);
      if (e == OK && shown) add_failure(cx, s, d, &row);
    }
    s->states[row.state]++;
    if (e == OK && row.state != PLAN_NONE) count_wishes(s, d, items, n);
  }
  if (e != OK && ctx_error(cx) == OK) e = FAIL(cx, e, "%s", ctx_error_text(own));
  ctx_free(own);
  return e;
}

static struct js *wish_json(struct ctx *cx, const struct plan_wish *w, const struct wish_count *c) {
  const struct group_assignment *a = w->assignment;
  struct js *o = js_object(cx);
  js_set_string(o, "kind", group_kind_word(a->kind));
  js_set_string(o, "ref", a->ref);
  js_set_bool(o, "users", a->users);
  js_set(o, "options", a->options);
  js_set_string(o, "trouble", w->broken);
  js_set_int(o, "compliant", c->compliant);
  js_set_int(o, "working", c->working);
  js_set_int(o, "failing", c->failing);
  js_set_int(o, "not_applicable", c->unfit);
  return o;
}

static void tell(struct ctx *cx, const struct standing *s, struct js *o) {
  const struct plan_group *g = &s->world->groups[s->group];
  struct js *list = js_array(cx);
  int64_t all = 0;
  for (int i = 0; i < PLAN_STATES; i++) all += s->states[i];
  js_set_int(o, "devices", all);
  js_set_int(o, "compliant", s->states[PLAN_COMPLIANT]);
  js_set_int(o, "working", s->states[PLAN_WORKING]);
  js_set_int(o, "failing", s->states[PLAN_FAILING]);
  js_set_int(o, "not_looked_at", s->states[PLAN_NONE]);
  for (size_t i = 0; i < g->wishes_n; i++) js_add(list, wish_json(cx, &s->world->wishes[g->first + i], &s->wishes[i]));
  js_set(o, "assignments", list);
  js_set(o, "failures", s->failures);
}

enum err plan_of_group(struct ctx *cx, struct db *db, struct core *core, const struct group *g, struct js **out) {
  struct plan_world w;
  struct roster_view view;
  struct standing s = {.world = &w, .failures = js_array(cx)};
  TRY(roster_look(cx, db, core, &view));
  enum err e = plan_world_now(cx, db, core, &w);
  while (e == OK && s.group < w.groups_n && w.groups[s.group].group->group != g->group) s.group++;
  if (e == OK && s.group == w.groups_n) e = FAIL(cx, E_NOT_FOUND, "there is no group %s", g->name);
  if (e == OK) s.wishes = ctx_alloc(cx, (w.groups[s.group].wishes_n + 1) * sizeof *s.wishes);
  if (e == OK) e = count_members(cx, db, &view, &s);
  roster_unlook(core, &view);
  TRY(e);
  *out = js_object(cx);
  tell(cx, &s, *out);
  return OK;
}

/* ---- all groups, in short ---- */

enum err plan_of_groups(struct ctx *cx, struct db *db, struct core *core, struct js **out) {
  struct plan_world w;
  struct roster_view view;
  TRY(roster_look(cx, db, core, &view));
  enum err e = plan_world_now(cx, db, core, &w);
  int64_t(*states)[PLAN_STATES] = e == OK ? ctx_alloc(cx, (w.groups_n + 1) * sizeof *states) : NULL;
  for (size_t i = 0; e == OK && i < view.n; i++) {
    enum plan_state state = PLAN_NONE;
    if (!plan_in_force(view.devices[i])) continue;
    (void)plan_state_named(roster_text(view.devices[i], ROSTER_COMPLIANCE), &state);
    for (size_t g = 0; g < w.groups_n; g++)
      if (plan_is_member(&w, g, view.devices[i])) states[g][state]++;
  }
  roster_unlook(core, &view);
  TRY(e);
  *out = js_array(cx);
  for (size_t g = 0; g < w.groups_n; g++) {
    const struct group *group = w.groups[g].group;
    struct js *o = js_object(cx);
    js_set_string(o, "name", group->name);
    js_set_string(o, "rule", group->rule);
    js_set_string(o, "note", group->note);
    js_set_int(o, "version", group->version);
    js_set_int(o, "assignments", (int64_t)group->assignments_n);
    js_set_int(o, "devices", states[g][0] + states[g][1] + states[g][2] + states[g][3]);
    js_set_int(o, "compliant", states[g][PLAN_COMPLIANT]);
    js_set_int(o, "working", states[g][PLAN_WORKING]);
    js_set_int(o, "failing", states[g][PLAN_FAILING]);
    js_add(*out, o);
  }
  return OK;
}

/* ---- for filters ---- */

enum err plan_members(struct ctx *cx, struct db *db, struct core *core, const char *name, int64_t **devices,
                      size_t *n) {
  struct group g;
  struct roster_view view;
  struct roster_filter *f;
  TRY(group_find(cx, db, name, &g));
  if (!g.rule) return group_members(cx, db, g.group, devices, n);
  TRY(roster_filter(cx, &f, slice_of(g.rule)));
  TRY(roster_ready(cx, db, core, f));
  TRY(roster_look(cx, db, core, &view));
  *devices = ctx_alloc(cx, (view.n + 1) * sizeof **devices);
  *n = 0;
  for (size_t i = 0; i < view.n; i++)
    if (roster_match(f, view.devices[i], 0)) (*devices)[(*n)++] = view.devices[i]->device;
  roster_unlook(core, &view);
  return OK;
}

/* ---- for `why` ---- */

enum err plan_of_command(struct ctx *cx, struct db *db, struct core *core, int64_t enrollment, const char *uuid,
                         char **groups) {
  struct plan_commanded c;
  struct plan_world w;
  const struct roster_device *d;
  bool found;
  *groups = NULL;
  TRY(plan_sql_command(cx, db, enrollment, uuid, &c, &found));
  if (!found) return OK;
  TRY(plan_world_now(cx, db, core, &w));
  TRY(roster_one(cx, db, core, c.device, &d));
  *groups = ctx_strdup(cx, "");
  for (size_t i = 0; i < w.wishes_n; i++)
    if (w.things[w.wishes[i].thing].row == c.item.thing && plan_is_member(&w, w.wishes[i].group, d))
      *groups = ctx_printf(cx, "%s%s%s", *groups, **groups ? ", " : "", w.groups[w.wishes[i].group].group->name);
  return OK;
}
