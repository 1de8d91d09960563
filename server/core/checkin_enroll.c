/* How a device comes, stays reachable and goes: Authenticate, TokenUpdate, CheckOut. */
#include "core/checkin_int.h"

#include "core/ddm.h"
#include "core/inventory.h"
#include "core/plan.h"
#include "core/push.h"
#include "core/queue.h"
#include "core/renewal.h"

#include <string.h>

/* Sizes of tokens change; these bounds only keep nonsense out. */
enum { TOKEN_MAX = 256, MAGIC_MAX = 1024, TEXT_MAX = 1024 };

/* A text that a device tells of itself: bounded, fit for tables; what is not is left out, not refused. */
static const char *fact(struct ctx *cx, struct pl *message, const char *key) {
  const char *value = pl_str(message, key);
  if (!value || !value[0] || strlen(value) > TEXT_MAX || !text_is_plain(slice_of(value))) return NULL;
  return ctx_strdup(cx, value);
}

static enum err need_topic(struct ctx *cx, struct pl *message, const char **topic) {
  *topic = fact(cx, message, "Topic");
  return *topic ? OK : FAIL(cx, E_INVALID, "Topic is missing");
}

/* ---- Authenticate ---- */

enum err authenticate_read(struct ctx *cx, struct pl *message, struct checkin *c) {
  struct enroll_facts *f = c->state = ctx_alloc(cx, sizeof *f);
  *f = (struct enroll_facts){.serial_number = fact(cx, message, "SerialNumber"),
                             .device_name = fact(cx, message, "DeviceName"),
                             .model = fact(cx, message, "Model"),
                             .model_name = fact(cx, message, "ModelName"),
                             .product_name = fact(cx, message, "ProductName"),
                             .os_version = fact(cx, message, "OSVersion"),
                             .build_version = fact(cx, message, "BuildVersion"),
                             .imei = fact(cx, message, "IMEI"),
                             .meid = fact(cx, message, "MEID")};
  TRY(need_topic(cx, message, &f->topic));
  return checkin_for_device(cx, c);
}

enum err authenticate_apply(struct ctx *cx, struct db *db, struct checkin *c) {
  c->news = "device authenticated";
  return enroll_authenticate(cx, db, c->core, &c->ids, &c->proof, c->state, &c->refusal);
}

/* ---- TokenUpdate ---- */

enum err token_update_read(struct ctx *cx, struct pl *message, struct checkin *c) {
  struct enroll_token *t = c->state = ctx_alloc(cx, sizeof *t);
  *t = (struct enroll_token){.awaiting_configuration = -1};
  TRY(need_topic(cx, message, &t->topic));
  if (!pl_data(pl_get(message, "Token"), &t->token) || t->token.n == 0 || t->token.n > TOKEN_MAX)
    return FAIL(cx, E_INVALID, "Token is missing or not 1 to %d bytes of data", TOKEN_MAX);
  t->push_magic = pl_str(message, "PushMagic");
  if (!t->push_magic || !t->push_magic[0] || strlen(t->push_magic) > MAGIC_MAX)
    return FAIL(cx, E_INVALID, "PushMagic is missing or longer than %d bytes", MAGIC_MAX);
  if (c->ids.is_user) return OK; /* what follows is the device's alone */
  struct pl *unlock = pl_get(message, "UnlockToken");
  if (unlock && (!pl_data(unlock, &t->unlock_token) || t->unlock_token.n > CHECKIN_UNLOCK_MAX))
    return FAIL(cx, E_INVALID, "UnlockToken is not data of at most %d bytes", CHECKIN_UNLOCK_MAX);
  if (t->unlock_token.n == 0) t->unlock_token = (struct slice){0}; /* none is no reason to forget one */
  t->awaiting_configuration = checkin_awaiting(message);
  return OK;
}

enum err token_update_apply(struct ctx *cx, struct db *db, struct checkin *c) {
  struct enroll_token_result r;
  TRY(enroll_token_update(cx, db, c->core, &c->ids, &c->proof, c->state, &r));
  c->refusal = r.refusal;
  if (r.waits) c->tally = 1; /* which it will have then */
  if (r.enrollment == 0) return OK;
  TRY(checkin_tally(cx, db, r.enrollment, &c->tally));
  TRY(renewal_identity_seen(cx, db, c->core, c->proof.hash));
  if (r.enrolled) c->news = "device enrolled";
  if (r.promoted) return checkin_begin(cx, db, c->core, r.device, "re-enrolled");
  if (r.token_changed) TRY(push_forget(cx, db, r.enrollment, true));
  if (r.enrolled) TRY(plan_due(cx, db, c->core, r.device));
  int64_t waiting;
  TRY(queue_waiting(cx, db, r.enrollment, &waiting));
  if (r.enrolled) TRY(inventory_enrolled(cx, db, c->core, r.enrollment));
  if (r.enrolled) return push_due(cx, db, c->core, r.enrollment, PUSH_ENROLLED, 0, NULL, NULL);
  if (r.token_changed && waiting) return push_due(cx, db, c->core, r.enrollment, PUSH_COMMAND, 0, NULL, NULL);
  return OK;
}

/* ---- CheckOut ---- */

enum err check_out_read(struct ctx *cx, struct pl *message, struct checkin *c) {
  (void)cx, (void)message, (void)c;
  return OK;
}

enum err check_out_apply(struct ctx *cx, struct db *db, struct checkin *c) {
  struct enroll_channel ch;
  c->news = "device checked out";
  TRY(enroll_find(cx, db, &c->ids, &c->proof, &ch));
  TRY(enroll_check_out(cx, db, &c->ids, &c->proof, &c->refusal));
  if (c->refusal != ENROLL_FINE || ch.contested) return OK; /* another one is in force, and pushed to */
  if (c->ids.is_user) return ch.enrollment ? push_forget(cx, db, ch.enrollment, false) : OK;
  struct enroll_channels channels;
  TRY(enroll_channels_of(cx, db, ch.device, &channels));
  for (size_t i = 0; i < channels.n; i++) TRY(push_forget(cx, db, channels.seq[i], false));
  return OK;
}
