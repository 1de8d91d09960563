/* Whom a change concerns: all devices are decided upon as they are stored, and those for whom something would change
   are made due. So a change of a group costs nothing for who is not in it. */
#include "core/plan_int.h"

#include "base/clock.h"
#include "core/fact.h"

#include <string.h>

enum { CHUNK = 150 };

struct sweep {
  struct ctx *cx;
  struct plan_world *world;
  struct plan_room room;
  bool *member;
  enum plan_state *states; /* by place in the view, as decided */
  bool *due;
  int64_t *devices;
  size_t n;
};

static enum err visit(struct ctx *scratch, struct plan_channel *ch, size_t at, void *arg) {
  struct sweep *s = arg;
  struct plan_decision d;
  for (size_t g = 0; g < s->world->groups_n; g++) s->member[g] = plan_is_member(s->world, g, ch->device);
  ch->member = s->member;
  plan_decide(scratch, s->world, ch, &s->room, false, &d);
  if (d.state > s->states[at]) s->states[at] = d.state;
  s->due[at] |= d.changes;
  return OK;
}

/* None, and no plan: nothing to do. Compliant and said so: neither. */
static void compare(struct sweep *s, const struct roster_view *view) {
  for (size_t i = 0; i < view->n; i++) {
    enum plan_state stored = PLAN_NONE;
    const char *word = roster_text(view->devices[i], ROSTER_COMPLIANCE);
    (void)plan_state_named(word, &stored);
    if (s->due[i] || (stored == PLAN_NONE) != (s->states[i] == PLAN_NONE))
      s->devices[s->n++] = view->devices[i]->device;
  }
}

static enum err look(struct ctx *cx, struct db *db, struct core *core, const struct roster_view *view,
                     struct sweep *s) {
  TRY(plan_world_now(cx, db, core, s->world));
  plan_room(cx, s->world, &s->room);
  s->member = ctx_alloc(cx, s->world->groups_n + 1);
  s->states = ctx_alloc(cx, (view->n + 1) * sizeof *s->states);
  s->due = ctx_alloc(cx, view->n + 1);
  s->devices = ctx_alloc(cx, (view->n + 1) * sizeof *s->devices);
  struct plan_fleet f = {.db = db, .users = true, .items = true, .visit = visit, .arg = s};
  TRY(plan_fleet(cx, view, &f));
  compare(s, view);
  return OK;
}

struct chunk {
  const int64_t *devices;
  size_t n;
};

static enum err due_job(struct ctx *cx, struct db *db, void *arg) {
  const struct chunk *c = arg;
  for (size_t i = 0; i < c->n; i++) TRY(plan_sql_due(cx, db, c->devices[i], clock_now_us()));
  return OK;
}

/* Unless another change came meanwhile. */
static enum err done_job(struct ctx *cx, struct db *db, void *arg) {
  char *now;
  TRY(fact_read(cx, db, PLAN_SWEEP, &now));
  return now && strcmp(now, arg) == 0 ? fact_write(cx, db, PLAN_SWEEP, NULL) : OK;
}

static enum err run(struct ctx *cx, struct core *core, struct db *db) {
  struct roster_view view;
  struct plan_world world;
  struct sweep s = {.cx = cx, .world = &world};
  TRY(roster_look(cx, db, core, &view));
  enum err e = look(cx, db, core, &view, &s);
  roster_unlook(core, &view);
  for (size_t i = 0; e == OK && i < s.n && !atomic_load(&core->ending); i += CHUNK) {
    struct chunk c = {s.devices + i, s.n - i < CHUNK ? s.n - i : CHUNK};
    e = db_call(cx, core->store, due_job, &c);
  }
  return e;
}

enum err plan_sweep(struct ctx *cx, struct core *core) {
  struct db *db;
  char *asked;
  bool any;
  TRY(db_reader(cx, core->store, &db));
  TRY(fact_read(cx, db, PLAN_SWEEP, &asked));
  if (!asked) return OK;
  TRY(plan_sql_any(cx, db, &any));
  if (any) TRY(run(cx, core, db));
  if (atomic_load(&core->ending)) return OK; /* it may not have come to its end */
  return db_call(cx, core->store, done_job, asked);
}
