/* What a change would do: each device that is in the group before or after it is decided upon twice. */
#include "core/plan_int.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { EXAMPLES = 10, DOES_MOST = 6, REASONS_MOST = 50 };

/* Why some do not get a thing. */
struct reason {
  size_t thing;
  const char *why;
  int64_t devices;
};

struct tally {
  int64_t of[PLAN_ACTS];
};
struct preview {
  struct plan_world *world;
  struct plan_room room;
  size_t now, then; /* numbers of the changed group in the world, as it is and as it would be; SIZE_MAX: not there */
  bool *member;
  uint8_t *before, *after; /* enum plan_act by thing */
  struct tally *things;    /* by thing */
  int64_t *unfit;          /* by thing that the change brings: members that it is not for */
  bool *touched;           /* by place in the view */
  struct plan_preview *out;
  struct ctx *cx;
  struct js *examples;
  struct reason reasons[REASONS_MOST];
  size_t reasons_n;
};

/* ---- who cannot ---- */

static void add_reason(struct preview *p, size_t thing, const char *why) {
  for (size_t i = 0; i < p->reasons_n; i++) {
    struct reason *r = &p->reasons[i];
    if (r->thing != thing || strcmp(r->why, why) != 0) continue;
    r->devices++;
    return;
  }
  if (p->reasons_n < REASONS_MOST) p->reasons[p->reasons_n++] = (struct reason){thing, ctx_strdup(p->cx, why), 1};
}

/* It would fail at once, without anything being sent. */
static bool cannot(const struct plan_step *s) {
  return s->phase == PLAN_FAILED && s->act != PLAN_REQUIRE && s->todo != PLAN_SEND && !s->item;
}

static const char *reason_of(struct ctx *cx, const struct plan_step *s, const struct plan_channel *ch) {
  bool profile = s->wish && s->wish->assignment->kind == GROUP_PROFILE && !s->wish->broken;
  const char *name = profile ? profile_lacks(&s->wish->profile, ch->device) : NULL;
  if (name) return ctx_printf(cx, "%%%s%% has no value for them", name);
  return s->why ? s->why : "it cannot be sent";
}

static struct js *reasons_json(struct ctx *cx, const struct preview *p) {
  struct js *list = js_array(cx);
  for (size_t i = 0; i < p->reasons_n; i++) {
    const struct plan_thing *t = &p->world->things[p->reasons[i].thing];
    struct js *o = js_object(cx);
    js_set_string(o, "kind", group_kind_word(t->kind));
    js_set_string(o, "ref", t->key);
    js_set_string(o, "why", p->reasons[i].why);
    js_set_int(o, "devices", p->reasons[i].devices);
    js_add(list, o);
  }
  return list;
}

/* ---- one channel ---- */

/* told: who cannot is counted. */
static void decide(struct ctx *scratch, struct preview *p, struct plan_channel *ch, size_t without, uint8_t *acts,
                   bool told) {
  struct plan_decision d;
  bool kept = without != SIZE_MAX && p->member[without];
  if (without != SIZE_MAX) p->member[without] = false;
  ch->member = p->member;
  plan_decide(scratch, p->world, ch, &p->room, false, &d);
  memset(acts, PLAN_NOTHING, p->world->things_n);
  for (size_t i = 0; i < d.n; i++) {
    const struct plan_step *s = &d.steps[i];
    if (!cannot(s))
      acts[s->thing] = (uint8_t)s->act;
    else if (told)
      add_reason(p, s->thing, reason_of(scratch, s, ch));
  }
  if (without != SIZE_MAX) p->member[without] = kept;
}

static const char *words_of(struct ctx *cx, const struct plan_thing *t, enum plan_act act) {
  if (act == PLAN_REQUIRE) return ctx_printf(cx, "does not meet %s", t->key);
  return ctx_printf(cx, "%s %s %s", plan_act_word(act), group_kind_word(t->kind), t->key);
}

static void add_example(struct preview *p, const struct plan_channel *ch) {
  struct js *o = js_object(p->cx), *does = js_array(p->cx);
  js_set_string(o, "id", roster_text(ch->device, ROSTER_ID));
  js_set_string(o, "name", roster_text(ch->device, ROSTER_NAME));
  js_set_string(o, "serial_number", roster_text(ch->device, ROSTER_SERIAL));
  for (size_t t = 0; t < p->world->things_n; t++)
    if (p->after[t] != p->before[t] && p->after[t] && js_count(does) < DOES_MOST)
      js_add_string(does, words_of(p->cx, &p->world->things[t], (enum plan_act)p->after[t]));
  js_set(o, "does", does);
  js_add(p->examples, o);
}

static bool gives(const struct preview *p, size_t group, size_t thing) {
  const struct plan_group *g = &p->world->groups[group];
  for (size_t i = g->first; i < g->first + g->wishes_n; i++)
    if (p->world->wishes[i].thing == thing) return true;
  return false;
}

/* Of what the group did not give before. */
static void count_unfit(struct preview *p, const struct plan_channel *ch) {
  const char *why;
  if (p->then == SIZE_MAX || !p->member[p->then] || ch->is_user) return;
  const struct plan_group *g = &p->world->groups[p->then];
  for (size_t i = g->first; i < g->first + g->wishes_n; i++) {
    const struct plan_wish *wish = &p->world->wishes[i];
    bool before = p->now != SIZE_MAX && gives(p, p->now, wish->thing);
    if (before || plan_applies(wish, ch, p->world->now, &why) || !why) continue;
    p->unfit[wish->thing]++;
    add_reason(p, wish->thing, why);
  }
}

static enum err visit(struct ctx *scratch, struct plan_channel *ch, size_t at, void *arg) {
  struct preview *p = arg;
  bool differs = false;
  for (size_t g = 0; g < p->world->groups_n; g++) p->member[g] = plan_is_member(p->world, g, ch->device);
  count_unfit(p, ch);
  if (p->now != p->then) decide(scratch, p, ch, p->then, p->before, false);
  decide(scratch, p, ch, p->now != p->then ? p->now : SIZE_MAX, p->after, true);
  for (size_t t = 0; t < p->world->things_n; t++) {
    if (p->after[t] == p->before[t] || p->after[t] == PLAN_NOTHING) continue;
    p->things[t].of[p->after[t]]++;
    differs = true;
  }
  if (!differs || p->touched[at]) return OK;
  p->touched[at] = true;
  if (p->out->devices++ < EXAMPLES) add_example(p, ch);
  return OK;
}

/* Only who is in the group, before or after. */
static bool concerns(const struct roster_device *d, void *arg) {
  const struct preview *p = arg;
  if (p->now == p->then) return true;
  return (p->now != SIZE_MAX && plan_is_member(p->world, p->now, d)) ||
         (p->then != SIZE_MAX && plan_is_member(p->world, p->then, d));
}

/* ---- the world with both ---- */

static int by_name(const void *a, const void *b) {
  return strcmp(((const struct group *)a)->name, ((const struct group *)b)->name);
}

/* All groups, and the changed one as it would be beside it. */
static enum err both_worlds(struct ctx *cx, struct db *db, struct core *core, const struct group_change *change,
                            struct preview *p) {
  struct group *all, *groups;
  struct group_outlook o = {0};
  struct plan_source from = {0};
  TRY(group_all(cx, db, &all, &from.n));
  groups = ctx_alloc(cx, (from.n + 1) * sizeof *groups);
  if (from.n) memcpy(groups, all, from.n * sizeof *groups);
  if (change) TRY(group_outlook(cx, db, change, &o));
  if (o.then.name) {
    o.then.group = -1; /* found again by this */
    groups[from.n++] = o.then;
    qsort(groups, from.n, sizeof *groups, by_name);
  }
  p->now = p->then = SIZE_MAX;
  for (size_t i = 0; i < from.n; i++) {
    if (groups[i].group == -1) p->then = i;
    if (change && o.now.group && groups[i].group == o.now.group) p->now = i;
  }
  from.groups = groups;
  if (p->then != SIZE_MAX) {
    from.changed = &groups[p->then];
    from.members = o.members_then;
    from.members_n = o.members_then_n;
  }
  p->out->version = o.now.version;
  return plan_world(cx, db, core, &from, p->world);
}

/* ---- what is told ---- */

static void set_acts(struct js *o, const struct tally *t) {
  js_set_int(o, "install", t->of[PLAN_INSTALL]);
  js_set_int(o, "replace", t->of[PLAN_REPLACE]);
  js_set_int(o, "remove", t->of[PLAN_REMOVE]);
  js_set_int(o, "commands", t->of[PLAN_RUN]);
  js_set_int(o, "unmet", t->of[PLAN_REQUIRE]);
}

static void tell(struct ctx *cx, const struct preview *p) {
  struct plan_preview *out = p->out;
  struct tally all = {{0}};
  struct js *items = js_array(cx);
  out->json = js_object(cx);
  for (size_t t = 0; t < p->world->things_n; t++) {
    int64_t sum = 0;
    for (int a = 0; a < PLAN_ACTS; a++) {
      all.of[a] += p->things[t].of[a];
      sum += p->things[t].of[a];
    }
    if (!sum && !p->unfit[t]) continue;
    struct js *o = js_object(cx);
    js_set_string(o, "kind", group_kind_word(p->world->things[t].kind));
    js_set_string(o, "ref", p->world->things[t].key);
    set_acts(o, &p->things[t]);
    js_set_int(o, "not_applicable", p->unfit[t]);
    js_add(items, o);
  }
  out->installs = all.of[PLAN_INSTALL];
  out->replaces = all.of[PLAN_REPLACE];
  out->removes = all.of[PLAN_REMOVE];
  out->commands = all.of[PLAN_RUN];
  out->unmet = all.of[PLAN_REQUIRE];
  js_set_int(out->json, "devices", out->devices);
  js_set_int(out->json, "members_before", out->members_before);
  js_set_int(out->json, "members_after", out->members_after);
  set_acts(out->json, &all);
  js_set(out->json, "items", items);
  js_set(out->json, "cannot", reasons_json(cx, p));
  js_set(out->json, "examples", p->examples);
}

static void count_members(const struct preview *p, const struct roster_view *view) {
  for (size_t i = 0; i < view->n; i++) {
    if (!plan_in_force(view->devices[i])) continue;
    p->out->members_before += p->now != SIZE_MAX && plan_is_member(p->world, p->now, view->devices[i]);
    p->out->members_after += p->then != SIZE_MAX && plan_is_member(p->world, p->then, view->devices[i]);
  }
}

static enum err look(struct ctx *cx, struct db *reader, struct preview *p, const struct roster_view *view) {
  size_t things = p->world->things_n + 1;
  plan_room(cx, p->world, &p->room);
  p->member = ctx_alloc(cx, p->world->groups_n + 1);
  p->before = ctx_alloc(cx, things);
  p->after = ctx_alloc(cx, things);
  p->things = ctx_alloc(cx, things * sizeof *p->things);
  p->unfit = ctx_alloc(cx, things * sizeof *p->unfit);
  p->touched = ctx_alloc(cx, view->n + 1);
  count_members(p, view);
  struct plan_fleet f = {.db = reader, .users = p->world->users, .concerns = concerns, .visit = visit, .arg = p};
  return plan_fleet(cx, view, &f);
}

enum err plan_preview(struct ctx *cx, struct db *reader, struct core *core, const struct group_change *change,
                      struct plan_preview *out) {
  struct plan_world world;
  struct roster_view view;
  struct preview p = {.world = &world, .out = out, .cx = cx, .examples = js_array(cx)};
  *out = (struct plan_preview){0};
  TRY(roster_look(cx, reader, core, &view));
  enum err e = both_worlds(cx, reader, core, change, &p);
  if (e == OK) e = look(cx, reader, &p, &view);
  roster_unlook(core, &view);
  if (e == OK) tell(cx, &p);
  return e;
}
