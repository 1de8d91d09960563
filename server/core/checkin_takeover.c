/* Who may be a device, as any request decides it before it is looked at. */
#include "core/checkin_int.h"

#include "core/ddm.h"
#include "core/inventory.h"
#include "core/plan.h"
#include "core/push.h"
#include "core/queue.h"
#include "core/webhook.h"

#include <string.h>

/* Its bypass code of Activation Lock can be asked for some days only, and it is too late when it is needed. */
enum err checkin_supervised(struct ctx *cx, struct db *db, struct core *core, int64_t enrollment) {
  bool asked;
  TRY(checkin_asked_bypass_code(cx, db, enrollment, &asked));
  if (asked) return OK;
  TRY(queue_own(cx, db, core, "ActivationLockBypassCode", enrollment));
  return inventory_supervised(cx, db, core, enrollment);
}

/* A device that waits in Setup Assistant is supervised. */
static enum err ask_bypass_code(struct ctx *cx, struct db *db, struct core *core, int64_t device, int64_t enrollment) {
  bool awaits;
  TRY(checkin_awaits(cx, db, device, &awaits));
  return awaits ? checkin_supervised(cx, db, core, enrollment) : OK;
}

enum err checkin_begin(struct ctx *cx, struct db *db, struct core *core, int64_t device, const char *reason) {
  struct enroll_channels channels;
  TRY(enroll_succeeds(cx, db, core, device));
  TRY(enroll_channels_of(cx, db, device, &channels));
  for (size_t i = 0; i < channels.n; i++) {
    TRY(queue_clear(cx, db, channels.seq[i], reason));
    TRY(push_forget(cx, db, channels.seq[i], true));
    TRY(ddm_forget(cx, db, channels.seq[i]));
  }
  TRY(plan_enrolled(cx, db, core, device));
  TRY(enroll_reachable(cx, db, device, &channels));
  if (channels.n) TRY(ask_bypass_code(cx, db, core, device, channels.seq[0]));
  for (size_t i = 0; i < channels.n; i++) TRY(inventory_enrolled(cx, db, core, channels.seq[i]));
  for (size_t i = 0; i < channels.n; i++) TRY(push_due(cx, db, core, channels.seq[i], PUSH_ENROLLED, 0, NULL, NULL));
  return OK;
}

/* What the device has said before it counted is told now: receivers learn of an enrollment by its TokenUpdate. */
static enum err tell(struct ctx *cx, struct db *db, struct core *core, const struct checkin_token *t) {
  struct pl *m = pl_new_dict(cx);
  bool by_enrollment = slice_starts(slice_of(t->ids.type), "User Enrollment");
  const char *user = t->ids.is_user ? t->ids.id + strlen(t->ids.device) + 1 : NULL;
  pl_set_string(m, "MessageType", "TokenUpdate");
  pl_set_string(m, "Topic", t->topic);
  pl_set_string(m, by_enrollment ? "EnrollmentID" : "UDID", t->ids.device);
  if (user) pl_set_string(m, by_enrollment ? "EnrollmentUserID" : "UserID", user);
  if (t->ids.short_name) pl_set_string(m, "UserShortName", t->ids.short_name);
  if (t->ids.long_name) pl_set_string(m, "UserLongName", t->ids.long_name);
  pl_set_data(m, "Token", t->token);
  pl_set_string(m, "PushMagic", t->push_magic);
  struct webhook_event e = {
      .ids = &t->ids, .message_type = "TokenUpdate", .body = pl_xml(cx, m), .token_update_tally = t->tally};
  return webhook_event(cx, db, core, &e);
}

enum err checkin_in_force(struct ctx *cx, struct db *db, struct core *core, int64_t device, const char *reason) {
  struct checkin_token *tokens;
  size_t n;
  TRY(checkin_begin(cx, db, core, device, reason));
  if (!webhook_wanted(core)) return OK;
  TRY(checkin_tokens(cx, db, device, &tokens, &n));
  for (size_t i = 0; i < n; i++) TRY(tell(cx, db, core, &tokens[i]));
  return OK;
}

enum err checkin_admit(struct ctx *cx, struct db *db, struct core *core, const struct enroll_ids *ids,
                       const struct enroll_proof *proof, struct enroll_channel *out) {
  bool won = false;
  TRY(enroll_find(cx, db, ids, proof, out));
  if (!out->first_contact && !out->challenged && !out->may_return) return OK;
  if (out->first_contact) TRY(enroll_contact(cx, db, core, ids, proof, out));
  if (out->challenged) TRY(enroll_defend(cx, db, ids, proof, out));
  if (out->may_return) TRY(enroll_win_back(cx, db, ids, proof, &won));
  if (won) TRY(checkin_in_force(cx, db, core, out->device, "won-back"));
  return enroll_find(cx, db, ids, proof, out);
}
