/* How a device stands, for people; whom groups and filters mean. */
#include "core/plan_int.h"

#include <stdlib.h>

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
