#include "core/plan_int.h"

#include "base/clock.h"
#include "core/fact.h"
#include "core/queue.h"

#include <inttypes.h>
#include <string.h>

enum err plan_due(struct ctx *cx, struct db *db, struct core *core, int64_t device) {
  (void)core;
  if (device) return plan_sql_due(cx, db, device, clock_now_us());
  return fact_write(cx, db, PLAN_SWEEP, ctx_printf(cx, "%" PRId64, clock_now_us()));
}

enum err plan_heard(struct ctx *cx, struct db *db, int64_t device, bool changed) {
  return changed ? plan_sql_due(cx, db, device, clock_now_us()) : plan_sql_heard(cx, db, device, clock_now_us());
}

enum err plan_enrolled(struct ctx *cx, struct db *db, struct core *core, int64_t device) {
  TRY(plan_sql_forget(cx, db, device));
  TRY(plan_sql_due_former(cx, db, device, clock_now_us()));
  return plan_due(cx, db, core, device);
}

/* ---- what became of a command ---- */

/* The list that shows whether it was done. */
static const char *evidence(const struct plan_commanded *c) {
  static const char *const lists[GROUP_KINDS] = {[GROUP_PROFILE] = "ProfileList",
                                                 [GROUP_SETTING] = "DeviceInformation",
                                                 [GROUP_PACKAGE] = "InstalledApplicationList",
                                                 [GROUP_APP] = "ManagedApplicationList"};
  bool removed_app = c->item.act == PLAN_REMOVE && c->kind == GROUP_PACKAGE;
  return removed_app ? "ManagedApplicationList" : lists[c->kind];
}

/* Is the device's word enough? Of commands, and where nothing tells. */
static bool is_done(struct plan_commanded *c) { return c->kind == GROUP_COMMAND || c->item.unverified; }

/* What is done takes a moment to show; what else the device does meanwhile is waited out. */
enum { SHOWS_S = 15 };

static enum err acknowledged(struct ctx *cx, struct db *db, struct core *core, struct plan_commanded *c) {
  int64_t now = clock_now_us();
  TRY(plan_sql_demand(cx, db, c->device, now + SHOWS_S * US_SECOND));
  if (is_done(c)) return plan_sql_item_drop(cx, db, c->item.item);
  c->item.phase = PLAN_ACKNOWLEDGED;
  c->item.since = now;
  c->item.next_at = plan_look_at(now, now);
  c->item.command = NULL;
  c->item.why = NULL;
  TRY(plan_sql_item_put(cx, db, c->device, &c->item));
  return inventory_ask_for(cx, db, core, c->item.enrollment, evidence(c));
}

/* What could not be removed may not be there at all, an app may be on its way already. */
static enum err refused(struct ctx *cx, struct db *db, struct core *core, struct plan_commanded *c,
                        const char *errors) {
  int64_t now = clock_now_us();
  c->item.phase = PLAN_FAILED;
  c->item.since = now;
  c->item.command = NULL;
  c->item.next_at = now + clock_backoff(c->item.tries);
  c->item.why = (char *)plan_device_words(cx, errors);
  TRY(plan_sql_item_put(cx, db, c->device, &c->item));
  if (c->item.act != PLAN_REMOVE && c->kind != GROUP_APP) return OK;
  return inventory_ask_for(cx, db, core, c->item.enrollment, evidence(c));
}

enum err plan_settled(struct ctx *cx, struct db *db, struct core *core, int64_t enrollment, const char *uuid,
                      const char *status, const char *errors) {
  struct plan_commanded c;
  bool found, ok = strcmp(status, "Acknowledged") == 0;
  if (strcmp(status, "NotNow") == 0) return OK;
  TRY(plan_sql_command(cx, db, enrollment, uuid, &c, &found));
  if (!found) return OK;
  if (ok && !(errors && c.kind == GROUP_SETTING))
    TRY(acknowledged(cx, db, core, &c));
  else
    TRY(refused(cx, db, core, &c, errors));
  return plan_due(cx, db, core, c.device);
}

enum err plan_chore(struct ctx *cx, struct core *core) {
  TRY(plan_sweep(cx, core));
  return plan_bring(cx, core);
}

static enum err all_due_job(struct ctx *cx, struct db *db, void *arg) { return plan_due(cx, db, arg, 0); }

enum err plan_all_chore(struct ctx *cx, struct core *core) { return db_call(cx, core->store, all_due_job, core); }
