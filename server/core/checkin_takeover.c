/* Who may be a device, as any request decides it before it is looked at. */
#include "core/checkin_int.h"

#include "core/ddm.h"
#include "core/push.h"
#include "core/queue.h"

/* A device that waits in Setup Assistant is supervised. Its bypass code of Activation Lock can be asked for some days
   only, and it is too late when it is needed. */
static enum err ask_bypass_code(struct ctx *cx, struct db *db, struct core *core, int64_t device, int64_t enrollment) {
  bool awaits;
  TRY(checkin_awaits(cx, db, device, &awaits));
  return awaits ? queue_own(cx, db, core, "ActivationLockBypassCode", enrollment) : OK;
}

enum err checkin_in_force(struct ctx *cx, struct db *db, struct core *core, int64_t device, const char *reason) {
  struct enroll_channels channels;
  TRY(enroll_channels_of(cx, db, device, &channels));
  for (size_t i = 0; i < channels.n; i++) {
    TRY(queue_clear(cx, db, channels.seq[i], reason));
    TRY(push_forget(cx, db, channels.seq[i], true));
    TRY(ddm_forget(cx, db, channels.seq[i]));
  }
  TRY(enroll_reachable(cx, db, device, &channels));
  if (channels.n) TRY(ask_bypass_code(cx, db, core, device, channels.seq[0]));
  for (size_t i = 0; i < channels.n; i++) TRY(push_due(cx, db, core, channels.seq[i], PUSH_ENROLLED, 0, NULL, NULL));
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
