/* The record of acts: a row for each request of somebody known that changes something, whatever came of it. */
#include "face/router_int.h"

#include "base/clock.h"
#include "core/audit.h"

#include <string.h>

enum { OBJECT_MOST = 200, METHOD_MOST = 20, REFUSALS_AT_ONCE = 1000 };
#define REFUSAL_EVERY (10 * US_SECOND)

/* Replays of an Idempotency-Key do not come here: nothing is done by them. */
bool router_is_act(struct http_req *rq) {
  const struct routed *r = router_state(rq);
  if (!r->router->admin || !r->router->core->store) return false;
  unsigned flags = r->route ? r->route->flags : 0;
  bool acts = flags & ROUTE_ACT || (router_changes(rq) && !(flags & ROUTE_LOOK));
  return acts && (r->actor.kind != ACTOR_NONE || r->act);
}

/* What the handler told the log, else what stands in the path. */
static const char *object_of(struct ctx *cx, const struct routed *r) {
  struct slice s = r->log_value ? slice_of(r->log_value) : (struct slice){0};
  bool secret = r->route && r->route->flags & ROUTE_SECRET;
  if (!s.p && r->params && !secret) s = r->param[0].value;
  struct buf b = {0};
  if (s.p) buf_add_plain(&b, s, OBJECT_MOST);
  const char *text = b.n ? ctx_memdup(cx, b.p, b.n) : NULL;
  buf_free(&b);
  return text;
}

static const char *act_of(struct ctx *cx, struct http_req *rq, const struct routed *r) {
  if (r->act) return r->act;
  return ctx_printf(cx, "%.*s %s", METHOD_MOST, http_method(rq), r->route ? r->route->pattern : "?");
}

static struct audit row_of(struct ctx *cx, struct http_req *rq, int status) {
  const struct routed *r = router_state(rq);
  bool failed = status >= 400 && ctx_error(http_cx(rq)) != OK;
  return (struct audit){.who = r->actor.name,
                        .kind = actor_word(r->actor.kind),
                        .peer = r->peer,
                        .act = act_of(cx, rq, r),
                        .object = object_of(cx, r),
                        .status = status,
                        .trace = ctx_trace(http_cx(rq)),
                        .detail = r->detail ? r->detail
                                  : failed  ? err_slug(ctx_error(http_cx(rq)))
                                            : NULL};
}

enum err router_audit_add(struct ctx *cx, struct db *db, struct http_req *rq, int status) {
  struct audit a = row_of(cx, rq, status);
  return audit_add(cx, db, &a);
}

/* ---- a refusal before anything was done: nobody waits ---- */

static enum err refusal_job(struct ctx *cx, struct db *db, void *arg) { return audit_add(cx, db, arg); }

/* Refusals cost who asks for them nothing, and us the disk: so many at once, and then one now and then. The log has
 * all.
 */
static bool has_room(struct core *core) {
  int64_t now = clock_mono_us(), until = atomic_load(&core->refusals_until);
  if (until < now) until = now;
  if (until - now >= REFUSALS_AT_ONCE * REFUSAL_EVERY) return false;
  atomic_store(&core->refusals_until, until + REFUSAL_EVERY);
  return true;
}

void router_audit_refusal(struct http_req *rq, int status) {
  if (!has_room(router_state(rq)->router->core)) return;
  struct ctx *cx = ctx_new();
  struct audit *a = ctx_alloc(cx, sizeof *a);
  *a = row_of(cx, rq, status);
  a->who = ctx_strdup(cx, a->who);
  a->peer = ctx_strdup(cx, a->peer);
  a->act = ctx_strdup(cx, a->act);
  a->trace = ctx_strdup(cx, a->trace);
  a->detail = ctx_strdup(cx, a->detail);
  db_post_alone(router_state(rq)->router->core->store, cx, refusal_job, a);
}
