/* Bringing devices forward: what was decided for one on a reader's connection is sent and written by a job, unless
   something changed meanwhile. */
#include "core/plan_int.h"

#include "base/clock.h"
#include "base/log.h"
#include "core/command_target.h"
#include "core/event.h"
#include "core/fact.h"
#include "core/push.h"
#include "core/queue.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 40, CHANGES_A_JOB = 12, RUN_MOST_US = 2000000 };

/* One channel of a device, and what is to be done for it. */
struct bring_way {
  struct plan_way way;
  struct plan_channel channel;
  struct plan_room room;
  struct plan_decision decision;
  struct command **commands; /* by step; NULL: nothing is sent */
};
/* What the groups say is read once for many batches. */
struct run {
  struct core *core;
  struct ctx *cx; /* of the world; NULL: it is to be read */
  struct plan_world world;
  bool outgrown; /* a thing was made that the world does not know */
};
struct bring {
  struct run *run;
  struct core *core;
  const struct plan_world *world;
  struct plan_row row;
  struct plan_force force;
  const struct roster_device *device; /* NULL: it is not in force */
  bool *member;
  struct bring_way *ways;
  size_t ways_n, changes;
  enum plan_state state;
  const char *why;
  int64_t due_at;
  bool wanted, configure;
};

/* ---- deciding, on a reader's connection ---- */

static enum err load_way(struct ctx *cx, struct db *db, struct bring *b, struct bring_way *w) {
  struct plan_channel *ch = &w->channel;
  struct slice packed;
  *ch = (struct plan_channel){.enrollment = w->way.enrollment,
                              .is_user = w->way.is_user,
                              .device = b->device,
                              .member = b->member,
                              .platform = plan_platform(b->device),
                              .awaits = b->force.awaits};
  for (int k = 0; k < INVENTORY_KINDS; k++)
    TRY(inventory_items(cx, db, w->way.enrollment, (enum inventory_kind)k, &ch->lists[k]));
  TRY(plan_sql_facts_at(cx, db, w->way.enrollment, &ch->facts_at));
  TRY(plan_sql_given(cx, db, w->way.enrollment, &packed));
  struct plan_given *given = ctx_alloc(cx, packed.n + 1);
  ch->given_n = plan_unpack(packed, given);
  ch->given = given;
  return OK;
}

/* Items come in the order of channels. */
static void share_items(struct bring_way *w, const struct plan_item *items, size_t n) {
  for (size_t i = 0; i < n; i++) {
    if (items[i].enrollment != w->way.enrollment) continue;
    if (!w->channel.items) w->channel.items = &items[i];
    w->channel.items_n++;
  }
}

enum { NOT_YET_S = 10 };

/* E_UNAVAILABLE: it cannot be made yet, which is no failure. */
static void give_up(struct plan_step *s, enum err e, const char *why, int64_t now) {
  bool later = e == E_UNAVAILABLE;
  s->todo = PLAN_WRITE;
  s->phase = later ? PLAN_WAITING : PLAN_FAILED;
  s->why = why;
  s->next_at = now + (later ? NOT_YET_S * US_SECOND : clock_backoff(s->tries));
  if (later) s->tries--;
}

/* E_CONFLICT: the device cannot do it. */
static enum err make_one(struct ctx *cx, const struct plan_making *m, const struct command_target *t,
                         const struct plan_step *s, struct command *out) {
  struct command_uses *uses;
  struct command_fit fit;
  TRY(plan_command(cx, m, s, out));
  TRY(command_uses(cx, out, &uses));
  command_fit(cx, uses, t, &fit);
  return fit.refusal ? FAIL(cx, E_CONFLICT, "%s", fit.refusal) : OK;
}

/* What cannot be made is told of its item; the database's trouble is the whole run's. */
static enum err make_commands(struct ctx *cx, struct db *db, struct bring *b, struct bring_way *w) {
  struct plan_making m = {db, b->core, b->world, b->device};
  struct command_target target;
  bool all = true;
  TRY(command_target_of(cx, db, b->device, w->way.enrollment, &target));
  w->commands = ctx_alloc(cx, (w->decision.n + 1) * sizeof *w->commands);
  for (size_t i = 0; i < w->decision.n; i++) {
    struct plan_step *s = &w->decision.steps[i];
    b->changes += plan_step_changes(s);
    if (s->todo != PLAN_SEND) continue;
    struct command *c = ctx_alloc(cx, sizeof *c);
    enum err e = make_one(cx, &m, &target, s, c);
    if (e == E_STORAGE || e == E_INTERNAL) return e;
    if (e == OK) {
      w->commands[i] = c;
      continue;
    }
    give_up(s, e, ctx_strdup(cx, ctx_error_text(cx)), b->world->now);
    ctx_clear_error(cx);
    all = false;
  }
  if (!all) plan_sum_up(cx, b->world, true, &w->decision);
  return OK;
}

static void sooner(int64_t *due, int64_t at) {
  if (at && (!*due || at < *due)) *due = at;
}

/* The worst of its channels; DeviceConfigured goes when nothing of the plan waits to be sent. */
static void sum_up(struct bring *b) {
  bool unsent = false;
  for (size_t i = 0; i < b->ways_n; i++) {
    const struct plan_decision *d = &b->ways[i].decision;
    b->wanted |= d->wanted;
    if (d->state > b->state) {
      b->state = d->state;
      b->why = d->why;
    }
    sooner(&b->due_at, d->due_at);
    for (size_t k = 0; i == 0 && k < d->n; k++)
      unsent |= d->steps[k].act != PLAN_NOTHING && d->steps[k].act != PLAN_REQUIRE && d->steps[k].phase == PLAN_WAITING;
  }
  if (!b->force.awaits || !b->wanted || b->row.configured == b->force.generation) return;
  int64_t latest = b->force.enrolled_at + core_conf(b->core)->await_timeout_us;
  bool known = roster_number(b->device, ROSTER_INVENTORY) > 0;
  b->configure = b->world->now >= latest || (known && !unsent);
  int64_t farthest = b->world->now + PLAN_FARTHEST;
  if (!b->configure) sooner(&b->due_at, latest < farthest ? latest : farthest);
}

static enum err decide(struct ctx *cx, struct db *db, struct bring *b) {
  struct plan_way *ways;
  struct plan_item *items;
  size_t items_n;
  TRY(plan_sql_generation(cx, db, b->row.device, &b->force));
  if (!b->force.generation) return OK;
  TRY(roster_one(cx, db, b->core, b->row.device, &b->device));
  b->member = ctx_alloc(cx, b->world->groups_n + 1);
  for (size_t g = 0; g < b->world->groups_n; g++) b->member[g] = plan_is_member(b->world, g, b->device);
  TRY(plan_sql_ways(cx, db, b->row.device, &ways, &b->ways_n));
  TRY(plan_sql_items(cx, db, b->row.device, &items, &items_n));
  b->ways = ctx_alloc(cx, (b->ways_n + 1) * sizeof *b->ways);
  for (size_t i = 0; i < b->ways_n; i++) {
    struct bring_way *w = &b->ways[i];
    w->way = ways[i];
    TRY(load_way(cx, db, b, w));
    share_items(w, items, items_n);
    plan_room(cx, b->world, &w->room);
    plan_decide(cx, b->world, &w->channel, &w->room, true, &w->decision);
    TRY(make_commands(cx, db, b, w));
  }
  sum_up(b);
  return OK;
}

/* ---- writing, in a job ---- */

struct giving {
  struct plan_given *given; /* room for all, and one more for each step */
  size_t n;
  bool changed;
};

static void forget(struct giving *g, int64_t thing) {
  size_t kept = 0;
  for (size_t i = 0; i < g->n; i++)
    if (g->given[i].thing != thing) g->given[kept++] = g->given[i];
  g->changed |= kept < g->n;
  g->n = kept;
}

static void give(struct giving *g, int64_t thing, uint64_t version, int64_t at) {
  forget(g, thing);
  g->given[g->n++] = (struct plan_given){thing, version, at};
  g->changed = true;
}

/* A command of this thing that still waits is replaced by its key. */
static enum err send(struct ctx *cx, struct db *db, const struct bring *b, const struct bring_way *w, struct command *c,
                     int64_t thing) {
  int64_t command;
  c->collapse_key = ctx_printf(cx, "pomona.plan.%" PRId64, thing);
  TRY(queue_command(cx, db, b->core, c, "pomona", &command));
  return queue_add(cx, db, b->core, command, c, w->way.enrollment);
}

static enum err withdraw(struct ctx *cx, struct db *db, const struct plan_item *item) {
  if (!item || !item->command || item->phase != PLAN_SENT) return OK;
  return queue_withdraw(cx, db, item->enrollment, item->command, "not wanted any more");
}

/* It is not in force any more. */
static enum err withdraw_all(struct ctx *cx, struct db *db, int64_t device) {
  struct plan_item *items;
  size_t n;
  TRY(plan_sql_items(cx, db, device, &items, &n));
  for (size_t i = 0; i < n; i++) TRY(withdraw(cx, db, &items[i]));
  return plan_sql_items_drop(cx, db, device);
}

static enum err ask(struct ctx *cx, struct db *db, const struct bring *b, const struct bring_way *w,
                    const struct plan_step *s, bool *queued) {
  static const char *const lists[INVENTORY_KINDS] = {[INVENTORY_PROFILES] = "ProfileList",
                                                     [INVENTORY_APPS] = "InstalledApplicationList",
                                                     [INVENTORY_MANAGED_APPS] = "ManagedApplicationList"};
  for (int f = 0; f < ROSTER_FIELDS; f++) {
    if (!(s->ask_fields & UINT64_C(1) << f) || !*roster_fields[f].request) continue;
    *queued = true;
    TRY(inventory_ask_for(cx, db, b->core, w->way.enrollment, roster_fields[f].request));
  }
  if (s->ask == INVENTORY_KINDS && !s->ask_facts) return OK;
  *queued = true;
  const char *list = s->ask == INVENTORY_KINDS ? "DeviceInformation" : lists[s->ask];
  return inventory_ask_for(cx, db, b->core, w->way.enrollment, list);
}

static enum err drop(struct ctx *cx, struct db *db, const struct plan_step *s, struct giving *g) {
  TRY(withdraw(cx, db, s->item));
  if (s->forget && s->given) forget(g, s->given->thing);
  return s->item ? plan_sql_item_drop(cx, db, s->item->item) : OK;
}

/* A profile that somebody else gave, in another version, an app that its user installed: they stay when the group does
   not want them any more. */
static bool was_there(const struct plan_step *s, enum group_kind kind) {
  return s->take_over || (kind == GROUP_PROFILE && s->act == PLAN_REPLACE && !s->given);
}

/* One step of a channel. *queued: something waits for it now. */
static enum err take_step(struct ctx *cx, struct db *db, struct bring *b, struct bring_way *w, size_t at,
                          struct giving *g, bool *queued) {
  struct plan_step *s = &w->decision.steps[at];
  const struct plan_thing *t = &b->world->things[s->thing];
  int64_t thing = t->row, now = clock_now_us();
  if (s->todo == PLAN_KEEP || !plan_step_changes(s)) return OK;
  if (s->todo == PLAN_DROP) return drop(cx, db, s, g);
  b->run->outgrown |= !thing;
  if (!thing) TRY(plan_sql_thing(cx, db, t->kind, t->key, &thing));
  bool same = s->item && s->item->phase == s->phase && s->item->act == s->act;
  struct plan_item item = {.enrollment = w->way.enrollment,
                           .thing = thing,
                           .act = s->act,
                           .phase = s->phase,
                           .want = s->want,
                           .tries = s->tries,
                           .next_at = s->next_at,
                           .why = (char *)s->why,
                           .since = same ? s->item->since : now};
  if (s->todo == PLAN_SEND) {
    TRY(send(cx, db, b, w, w->commands[at], thing));
    item.command = w->commands[at]->uuid;
    item.since = now;
    item.next_at = 0;
    *queued = true;
    if (s->act != PLAN_REMOVE && !was_there(s, t->kind)) give(g, thing, s->want, now);
  } else if (same || (s->item && s->item->lost)) { /* a late word of it still counts */
    item.command = s->item->command;
  } else {
    TRY(withdraw(cx, db, s->item));
  }
  item.unverified = s->wish && (s->wish->unverified || (t->kind == GROUP_SETTING && !s->wish->has_fact));
  TRY(plan_sql_item_put(cx, db, b->row.device, &item));
  return ask(cx, db, b, w, s, queued);
}

static enum err take_way(struct ctx *cx, struct db *db, struct bring *b, struct bring_way *w, bool is_first) {
  bool queued = false;
  struct giving g = {.given = ctx_alloc(cx, (w->channel.given_n + w->decision.n + 1) * sizeof *g.given),
                     .n = w->channel.given_n};
  if (g.n) memcpy(g.given, w->channel.given, g.n * sizeof *g.given);
  for (size_t i = 0; i < w->decision.n; i++) TRY(take_step(cx, db, b, w, i, &g, &queued));
  if (is_first && b->configure) {
    TRY(queue_own(cx, db, b->core, "DeviceConfigured", w->way.enrollment));
    b->row.configured = b->force.generation;
    queued = true;
  }
  if (g.changed) TRY(plan_sql_give(cx, db, w->way.enrollment, plan_pack(cx, g.given, g.n)));
  return queued ? push_due(cx, db, b->core, w->way.enrollment, PUSH_COMMAND, 0, NULL, NULL) : OK;
}

/* Only what stands for a while: `working` comes and goes with every command. */
static enum err tell(struct ctx *cx, struct db *db, const struct bring *b) {
  struct js *data = js_object(cx);
  if (b->state == PLAN_WORKING || b->state == b->row.state) return OK;
  js_set_string(data, "compliance", plan_state_word(b->state));
  js_set_string(data, "was", plan_state_word(b->row.state));
  if (b->why) js_set_string(data, "why", b->why);
  return event_add(cx, db, "group.compliance-changed", b->device ? roster_text(b->device, ROSTER_ID) : NULL, data);
}

static enum err write(struct ctx *cx, struct db *db, struct bring *b) {
  struct plan_row now;
  TRY(plan_sql_read(cx, db, b->row.device, &now));
  if (!now.there || now.edition != b->row.edition) return OK; /* still due */
  if (!b->device) TRY(withdraw_all(cx, db, b->row.device));
  for (size_t i = 0; i < b->ways_n; i++) TRY(take_way(cx, db, b, &b->ways[i], i == 0));
  TRY(tell(cx, db, b));
  bool moved = b->state != b->row.state;
  if (moved) b->row.since = b->world->now;
  b->row.state = b->state;
  b->row.why = (char *)b->why;
  b->row.due_at = b->due_at;
  TRY(plan_sql_write(cx, db, &b->row));
  if (moved) roster_changed(db, b->core, b->row.device);
  return OK;
}

struct batch {
  struct bring *all[BATCH];
  size_t n, changes;
};

static enum err write_job(struct ctx *cx, struct db *db, void *arg) {
  const struct batch *batch = arg;
  for (size_t i = 0; i < batch->n; i++) TRY(write(cx, db, batch->all[i]));
  return OK;
}

/* ---- the chore ---- */

static enum err flush(struct ctx *cx, struct core *core, struct batch *batch) {
  if (batch->n) TRY(db_call(cx, core->store, write_job, batch));
  batch->n = batch->changes = 0;
  return OK;
}

static enum err read_world(struct run *r, struct db *db) {
  if (!r->cx) {
    r->cx = ctx_new();
    TRY(plan_world_now(r->cx, db, r->core, &r->world));
  }
  r->world.now = clock_now_us();
  return OK;
}

static void forget_world(struct run *r) {
  ctx_free(r->cx);
  r->cx = NULL;
  r->outgrown = false;
}

static enum err bring_some(struct ctx *cx, struct run *r, struct db *db, const int64_t *devices, size_t n) {
  struct batch batch = {.n = 0};
  for (size_t i = 0; i < n; i++) {
    struct bring *b = ctx_alloc(cx, sizeof *b);
    *b = (struct bring){.run = r, .core = r->core, .world = &r->world};
    TRY(plan_sql_read(cx, db, devices[i], &b->row));
    if (!b->row.there) continue;
    TRY(decide(cx, db, b));
    batch.all[batch.n++] = b;
    batch.changes += b->changes;
    if (batch.changes >= CHANGES_A_JOB || batch.n == BATCH) TRY(flush(cx, r->core, &batch));
  }
  return flush(cx, r->core, &batch);
}

/* Whoever is due first; *n: of them, 0: nobody is. */
static enum err bring_batch(struct ctx *cx, struct run *r, size_t *n) {
  struct db *db;
  int64_t *devices;
  TRY(db_reader(cx, r->core->store, &db));
  TRY(plan_sql_due_list(cx, db, clock_now_us(), BATCH, &devices, n));
  if (*n == 0) return OK;
  enum err e = read_world(r, db);
  if (e != OK) return FAIL(cx, e, "%s", ctx_error_text(r->cx));
  return bring_some(cx, r, db, devices, *n);
}

/* A change may concern thousands: others have their turn before all of them had theirs. A change meanwhile is found by
   the next sweep. */
enum err plan_bring(struct ctx *cx, struct core *core) {
  struct run r = {.core = core};
  int64_t until = clock_mono_us() + RUN_MOST_US;
  size_t n = BATCH;
  enum err e = OK;
  while (e == OK && n == BATCH && clock_mono_us() < until && !atomic_load(&core->ending)) {
    struct ctx *own = ctx_new();
    e = bring_batch(own, &r, &n);
    if (e != OK) e = FAIL(cx, e, "%s", ctx_error_text(own));
    if (r.outgrown) forget_world(&r);
    ctx_free(own);
  }
  forget_world(&r);
  return e;
}
