/* Whether the targets of a command can do it, and what their operator should know before. */
#include "core/command_target.h"
#include "core/enroll.h"
#include "face/api_int.h"

struct check {
  struct enqueue *q;
  struct db *db;
  const struct roster_view *fleet; /* NULL: there are few targets, which are read one by one */
  struct command_uses *uses;
  bool force;
};

static void tell(struct ctx *cx, const struct check *c, const struct command_fit *fit, struct enqueue_target *t) {
  if (!c->force) t->refused = fit->refusal;
  bool more = c->force && fit->refusal;
  if (!more && fit->n == 0) return;
  t->warnings = js_array(cx);
  if (more) js_add_string(t->warnings, fit->refusal);
  for (size_t i = 0; i < fit->n; i++) js_add_string(t->warnings, fit->warnings[i]);
}

/* A target that there is not is told of when it is to be queued. */
static enum err check_one(struct ctx *cx, const struct check *c, struct enqueue_target *t) {
  struct command_target target;
  struct command_fit fit;
  int64_t enrollment;
  char *id;
  enum err e = enroll_lookup(cx, c->db, t->name, &enrollment, &id);
  if (e == E_NOT_FOUND || e == E_CONFLICT) return ctx_clear_error(cx), OK;
  TRY(e);
  TRY(command_target_load(cx, c->db, c->fleet, enrollment, &target));
  command_fit(cx, c->uses, &target, &fit);
  tell(cx, c, &fit, t);
  t->platform = platform_word(target.platform);
  return OK;
}

static enum err check_all(struct ctx *cx, const struct check *c) {
  for (size_t i = 0; i < c->q->n; i++) TRY(check_one(cx, c, &c->q->targets[i]));
  return OK;
}

enum err enqueue_check(struct enqueue *q, bool force) {
  struct ctx *cx = http_cx(q->rq);
  struct check c = {.q = q, .force = force};
  struct roster_view fleet = {0};
  TRY(command_uses(cx, q->command, &c.uses));
  TRY(db_reader(cx, q->core->store, &c.db));
  if (q->core->roster && q->n <= ENQUEUE_FEW) return check_all(cx, &c);
  c.fleet = &fleet;
  if (!q->core->roster) return check_all(cx, &c);
  TRY(roster_look(cx, c.db, q->core, &fleet));
  enum err e = check_all(cx, &c);
  roster_unlook(q->core, &fleet);
  return e;
}
