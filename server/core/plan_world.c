/* What the groups say, prepared once for many decisions. */
#include "core/plan_int.h"

#include "base/clock.h"
#include "base/map.h"
#include "core/group_int.h"
#include "core/package.h"

#include <stdlib.h>
#include <string.h>

/* ---- things ---- */

static struct slice name_of(struct ctx *cx, enum group_kind kind, const char *key) {
  return slice_of(ctx_printf(cx, "%d %s", (int)kind, key));
}

static size_t add_thing(struct ctx *cx, struct plan_world *w, enum group_kind kind, const char *key, int64_t row) {
  if (w->things_n == w->things_room) {
    struct plan_thing *more = ctx_alloc(cx, (w->things_room = 2 * w->things_room + 32) * sizeof *more);
    if (w->things_n) memcpy(more, w->things, w->things_n * sizeof *more);
    w->things = more;
  }
  size_t at = w->things_n++;
  w->things[at] =
      (struct plan_thing){.kind = kind, .key = ctx_strdup(cx, key), .name = inventory_hash(slice_of(key)), .row = row};
  map_put(w->by_name, name_of(cx, kind, key), (void *)(uintptr_t)(at + 1));
  return at;
}

static size_t thing(struct ctx *cx, struct plan_world *w, enum group_kind kind, const char *key) {
  void *found = map_get(w->by_name, name_of(cx, kind, key));
  return found ? (size_t)(uintptr_t)found - 1 : add_thing(cx, w, kind, key, 0);
}

static void free_map(void *map) { map_free(map, NULL); }

/* All that plans were ever about: what was given before may be taken away. */
static enum err load_things(struct ctx *cx, struct db *db, struct plan_world *w) {
  struct plan_thing *rows;
  size_t n;
  int64_t most = 0;
  TRY(plan_sql_things(cx, db, &rows, &n));
  for (size_t i = 0; i < n; i++)
    if (rows[i].row > most) most = rows[i].row;
  w->by_row_n = (size_t)most + 1;
  w->by_row = ctx_alloc(cx, w->by_row_n * sizeof *w->by_row);
  for (size_t i = 0; i < n; i++) w->by_row[rows[i].row] = 1 + add_thing(cx, w, rows[i].kind, rows[i].key, rows[i].row);
  return OK;
}

/* ---- wishes ---- */

struct making {
  struct db *db;
  struct core *core;
  struct plan_world *world;
};

static enum err make_profile(struct ctx *cx, const struct making *m, struct plan_wish *w, const char **key) {
  TRY(profile_want(cx, m->db, m->core, w->assignment->row, &w->profile));
  w->platforms = w->profile.platforms;
  *key = w->profile.identifier;
  return OK;
}

static bool flag(struct js *options, const char *name) {
  bool value = false;
  (void)js_bool(js_get(options, name), &value);
  return value;
}

static enum err make_package(struct ctx *cx, const struct making *m, struct plan_wish *w, const char **key) {
  struct package p;
  TRY(package_row(cx, m->db, m->core, w->assignment->row, &p));
  w->platforms = 1u << PLATFORM_MACOS;
  w->version = inventory_hash(slice_of(p.version));
  w->any_version = flag(w->assignment->options, "any_version");
  w->unverified = flag(w->assignment->options, "unverified");
  *key = p.identifier;
  return OK;
}

/* Those that know a command, and the key of it, where one is given. */
static unsigned platforms_of(const char *request_type, const struct command_arg *key) {
  const struct command_row *row = command_row(request_type);
  unsigned platforms = 0;
  for (int p = 0; row && p < PLATFORMS; p++) {
    struct command_support s = row->on[p];
    if (s.introduced && (!key || command_narrow(&s, key, (enum platform)p))) platforms |= 1u << p;
  }
  return platforms;
}

/* The items of settings are the cases of the only argument's elements. */
static const struct command_arg *setting_item(const char *name) {
  const struct command_arg *item = command_row("Settings")->args->args;
  while (item->name && strcmp(item->name, name) != 0) item++;
  return item->name ? item : NULL;
}

static enum err make_app(struct ctx *cx, const struct making *m, struct plan_wish *w, const char **key) {
  (void)m;
  const char *identifier = js_str(w->assignment->options, "identifier");
  if (!identifier) return FAIL(cx, E_CONFLICT, "an app is assigned without its bundle identifier");
  w->platforms = platforms_of("InstallApplication", NULL);
  *key = identifier;
  return OK;
}

static enum err make_command(struct ctx *cx, const struct making *m, struct plan_wish *w, const char **key) {
  (void)m;
  w->platforms = platforms_of(group_ref_command(cx, w->assignment->ref), NULL);
  *key = w->assignment->ref;
  return OK;
}

/* Settings that a fact shows, and what it should be. */
static enum err make_setting(struct ctx *cx, const struct making *m, struct plan_wish *w, const char **key) {
  static const struct {
    const char *item, *member;
    enum roster_field fact;
  } facts[] = {{"DeviceName", "DeviceName", ROSTER_NAME}, {"HostName", "HostName", ROSTER_HOST_NAME}};
  (void)m;
  for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
    const char *value = js_str(w->assignment->options, facts[i].member);
    if (strcmp(facts[i].item, w->assignment->ref) != 0 || !value) continue;
    w->has_fact = true;
    w->fact = facts[i].fact;
    w->value = facts[i].member;
  }
  w->platforms = platforms_of("Settings", setting_item(w->assignment->ref));
  TRY(profile_words_check(cx, w->assignment->options, &w->has_words));
  w->version = inventory_hash(js_text(cx, w->assignment->options, JS_COMPACT));
  *key = w->assignment->ref;
  return OK;
}

static enum err make_requirement(struct ctx *cx, const struct making *m, struct plan_wish *w, const char **key) {
  TRY(roster_filter(cx, &w->filter, slice_of(w->assignment->ref)));
  TRY(roster_ready(cx, m->db, m->core, w->filter));
  w->fields = plan_fields(w->assignment->ref);
  *key = w->assignment->ref;
  return OK;
}

static enum err make_wish(struct ctx *cx, const struct making *m, size_t group, const struct group_assignment *a) {
  static enum err (*const make[GROUP_KINDS])(struct ctx *, const struct making *, struct plan_wish *, const char **) = {
      [GROUP_PROFILE] = make_profile, [GROUP_COMMAND] = make_command, [GROUP_SETTING] = make_setting,
      [GROUP_PACKAGE] = make_package, [GROUP_APP] = make_app,         [GROUP_REQUIREMENT] = make_requirement};
  struct plan_world *w = m->world;
  struct plan_wish *wish = &w->wishes[w->wishes_n];
  const char *key = NULL;
  *wish = (struct plan_wish){.group = group, .assignment = a};
  enum err e = make[a->kind](cx, m, wish, &key);
  if (e == E_STORAGE || e == E_INTERNAL) return e;
  if (e != OK) {
    wish->broken = ctx_strdup(cx, ctx_error_text(cx));
    key = a->ref;
    ctx_clear_error(cx);
  }
  wish->thing = thing(cx, w, a->kind, key);
  w->users |= a->users;
  w->wishes_n++;
  return OK;
}

/* ---- groups ---- */

static enum err load_members(struct ctx *cx, struct db *db, const struct plan_source *from, struct plan_group *g) {
  if (g->group == from->changed) {
    g->members = from->members;
    g->members_n = from->members_n;
    return OK;
  }
  int64_t *members;
  TRY(group_members(cx, db, g->group->group, &members, &g->members_n));
  g->members = members;
  return OK;
}

static enum err make_group(struct ctx *cx, const struct making *m, const struct plan_source *from, size_t at) {
  struct plan_group *g = &m->world->groups[at];
  *g = (struct plan_group){.group = &from->groups[at], .first = m->world->wishes_n};
  if (g->group->rule) {
    TRY(roster_filter(cx, &g->rule, slice_of(g->group->rule)));
    TRY(roster_ready(cx, m->db, m->core, g->rule));
    g->by_lists = roster_filter_by_lists(g->rule);
  } else {
    TRY(load_members(cx, m->db, from, g));
  }
  for (size_t i = 0; i < g->group->assignments_n; i++) TRY(make_wish(cx, m, at, &g->group->assignments[i]));
  g->wishes_n = m->world->wishes_n - g->first;
  return OK;
}

enum err plan_world(struct ctx *cx, struct db *db, struct core *core, const struct plan_source *from,
                    struct plan_world *out) {
  size_t wishes = 0;
  for (size_t i = 0; i < from->n; i++) wishes += from->groups[i].assignments_n;
  *out = (struct plan_world){.now = clock_now_us(),
                             .core = core,
                             .by_name = map_new(),
                             .wishes = ctx_alloc(cx, (wishes + 1) * sizeof *out->wishes),
                             .groups = ctx_alloc(cx, (from->n + 1) * sizeof *out->groups),
                             .groups_n = from->n};
  ctx_defer(cx, free_map, out->by_name);
  struct making m = {db, core, out};
  TRY(load_things(cx, db, out));
  for (size_t i = 0; i < from->n; i++) TRY(make_group(cx, &m, from, i));
  return OK;
}

enum err plan_world_now(struct ctx *cx, struct db *db, struct core *core, struct plan_world *out) {
  struct group *groups;
  struct plan_source from = {0};
  TRY(group_all(cx, db, &groups, &from.n));
  from.groups = groups;
  return plan_world(cx, db, core, &from, out);
}

static int ascending(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

bool plan_in_force(const struct roster_device *d) {
  const char *state = roster_text(d, ROSTER_STATE);
  return !d->former && state && strcmp(state, "enrolled") == 0;
}

bool plan_is_member(const struct plan_world *w, size_t group, const struct roster_device *d) {
  const struct plan_group *g = &w->groups[group];
  if (g->rule) return roster_match(g->rule, d, w->now);
  return g->members_n && bsearch(&d->device, g->members, g->members_n, sizeof d->device, ascending) != NULL;
}
