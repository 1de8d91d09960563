#include "core/checkin_int.h"

#include "base/clock.h"
#include "core/roster.h"
#include "core/webhook.h"

#include <string.h>

enum { LIVING, ENDED };

static const struct checkin_row rows[] = {
#define CHECKIN(type, prefix, when) {#type, (when) == ENDED, prefix##_read, prefix##_apply},
#include "core/checkin.def"
#undef CHECKIN
};

/* ---- what rows share ---- */

enum err checkin_for_device(struct ctx *cx, const struct checkin *c) {
  return c->ids.is_user ? FAIL(cx, E_INVALID, "%s is for devices, not for users", c->row->message_type) : OK;
}

enum err checkin_for_user(struct ctx *cx, const struct checkin *c) {
  return c->ids.is_user ? OK : FAIL(cx, E_INVALID, "%s is for users, not for devices", c->row->message_type);
}

int checkin_awaiting(struct pl *message) {
  bool awaiting;
  return pl_bool(pl_get(message, "AwaitingConfiguration"), &awaiting) ? awaiting : -1;
}

void checkin_answer_plist(struct ctx *cx, struct checkin *c, struct pl *root) {
  c->answer = pl_xml(cx, root);
  c->answer_type = "application/xml";
}

enum err checkin_channel(struct ctx *cx, struct db *db, struct checkin *c, struct enroll_channel *ch, bool *heard) {
  TRY(enroll_find(cx, db, &c->ids, &c->proof, ch));
  c->refusal = ch->refusal;
  *heard = false;
  if (ch->refusal == ENROLL_MISUSED) return enroll_misused(cx, db, &c->ids, &c->proof);
  if (ch->refusal != ENROLL_FINE || ch->provisional) return OK;
  if (ch->checked_out && !ch->pending) return enroll_seen_again(cx, db, c->ids.device, ch->device);
  *heard = true;
  if (!ch->current || !ch->enrollment) return OK;
  return enroll_touch(cx, db, ch->enrollment, clock_now_us(), c->proof.address, NULL);
}

/* ---- all ---- */

enum err checkin_read(struct ctx *cx, struct slice body, struct checkin *out) {
  struct pl *message;
  out->body = body;
  TRY(pl_parse(cx, body, &pl_limits_checkin, &message));
  const char *type = pl_str(message, "MessageType");
  if (!type) return FAIL(cx, E_INVALID, "MessageType is missing");
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (strcmp(rows[i].message_type, type) == 0) out->row = &rows[i];
  if (!out->row) return FAIL(cx, E_INVALID, "unknown MessageType");
  TRY(enroll_ids(cx, message, &out->ids));
  return out->row->read(cx, message, out);
}

/* Of an identity that has ended: what it claims for another device is told all the same. */
static enum err refuse_ended(struct ctx *cx, struct db *db, struct checkin *c, const struct enroll_channel *ch) {
  c->refusal = ch->refusal == ENROLL_FINE ? ENROLL_EXPIRED : ch->refusal;
  return ch->refusal == ENROLL_MISUSED ? enroll_misused(cx, db, &c->ids, &c->proof) : OK;
}

/* Only of a device in force: before its enrollment is decided, what a provisional one says is nobody's news. */
static enum err is_news(struct ctx *cx, struct db *db, const struct checkin *c, const struct enroll_channel *before,
                        bool *news) {
  struct enroll_channel after;
  *news = !before->provisional && !(before->checked_out && !before->pending);
  if (strcmp(c->row->message_type, "TokenUpdate") == 0) *news = c->tally > 0;
  if (strcmp(c->row->message_type, "Authenticate") != 0) return OK;
  TRY(enroll_find(cx, db, &c->ids, &c->proof, &after));
  *news = !after.provisional;
  return OK;
}

static enum err tell(struct ctx *cx, struct db *db, const struct checkin *c, const struct enroll_channel *before) {
  bool news;
  struct webhook_event e = {
      .ids = &c->ids, .message_type = c->row->message_type, .body = c->body, .token_update_tally = c->tally};
  if (c->refusal != ENROLL_FINE || !webhook_wanted(c->core)) return OK;
  TRY(is_news(cx, db, c, before, &news));
  return news ? webhook_event(cx, db, c->core, &e) : OK;
}

/* What a device says of itself stands in the roster. What claims a device that it does not have yet is not heard. */
static enum err heard(struct ctx *cx, struct db *db, const struct checkin *c, const struct enroll_channel *before) {
  if (c->refusal != ENROLL_FINE || !before->device) return OK;
  roster_changed(db, c->core, before->device);
  return before->current ? enroll_heard(cx, db, c->core, before->device) : OK;
}

enum err checkin_apply(struct ctx *cx, struct db *db, void *checkin) {
  struct checkin *c = checkin;
  struct enroll_channel ch;
  TRY(checkin_admit(cx, db, c->core, &c->ids, &c->proof, &ch));
  if (c->proof.expired && !c->row->ended) return refuse_ended(cx, db, c, &ch);
  TRY(c->row->apply(cx, db, c));
  TRY(heard(cx, db, c, &ch));
  return tell(cx, db, c, &ch);
}
