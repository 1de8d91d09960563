#include "core/enroll_int.h"

#include "base/clock.h"
#include "base/enc.h"
#include "core/event.h"
#include "core/vault.h"

#include <string.h>

/* Users of one device: more than any shared one sees, and few enough that what concerns all of them is one job. */
enum { RELEASE_HOURS = 24, USERS_MAX = 1000 };

static const struct {
  const char *slug, *text;
} refusals[] = {
    [ENROLL_FINE] = {"fine", "accepted"},
    [ENROLL_UNKNOWN] = {"unknown", "this server does not know such a device"},
    [ENROLL_UNBOUND] = {"unbound", "the identity belongs to no device yet"},
    [ENROLL_MISUSED] = {"other-certificate", "the identity belongs to another device"},
    [ENROLL_FORMER] = {"superseded", "the identity is of a former enrollment"},
    [ENROLL_BLOCKED] = {"blocked", "the device is blocked"},
    [ENROLL_VOIDED] = {"voided", "the identity was refused for good, or replaced before it was used"},
    [ENROLL_OTHER_LINK] = {"other-link", "the link was made for another device"},
    [ENROLL_FOREIGN] = {"foreign-ca", "an identity of a foreign CA cannot take over a device"},
    [ENROLL_TOPIC] = {"topic", "there is no push certificate for the topic of its profile"},
    [ENROLL_CONTESTED] = {"contested", "another identity is on its way in by an operator's word"},
    [ENROLL_EXPIRED] = {"expired", "the identity has ended; only its renewal is served"},
    [ENROLL_UNENROLL] = {"unenroll", "the device is to remove its management profile"},
};

const char *enroll_refusal_slug(enum enroll_refusal r) { return refusals[r].slug; }
const char *enroll_refusal_text(enum enroll_refusal r) { return refusals[r].text; }

/* Whose identity it is. */
static enum err suspect_owner(struct ctx *cx, struct db *db, const struct enroll_ids *ids,
                              const struct enroll_proof *proof) {
  struct enroll_identity i;
  struct enroll_channel_row channel;
  TRY(enroll_identity_load(cx, db, proof->hash, &i));
  if (!i.device_id) return OK;
  TRY(enroll_channel_load(cx, db, i.device_id, &channel));
  if (!channel.seq) return OK;
  return enroll_clone(cx, db, channel.seq, clock_now_us(),
                      ctx_printf(cx, "it was also used in the name of %s, from %s", ids->device, proof->address));
}

enum err enroll_misused(struct ctx *cx, struct db *db, const struct enroll_ids *ids, const struct enroll_proof *proof) {
  struct js *data = js_object(cx);
  bool told;
  TRY(enroll_identity_told(cx, db, proof->hash, clock_now_us() - US_HOUR, &told));
  if (told) return OK;
  TRY(suspect_owner(cx, db, ids, proof));
  js_set_string(data, "claimed", ids->id);
  js_set_string(data, "certificate", enc_hex(cx, proof->hash, sizeof proof->hash));
  js_set_string(data, "address", proof->address);
  return event_add(cx, db, "identity.misused", ids->id, data);
}

/* ---- migrated devices ---- */

enum err enroll_contact(struct ctx *cx, struct db *db, struct core *core, const struct enroll_ids *ids,
                        const struct enroll_proof *proof, const struct enroll_channel *ch) {
  struct enroll_identity i;
  struct js *data = js_object(cx);
  TRY(enroll_identity_load(cx, db, proof->hash, &i));
  if (!i.known) TRY(enroll_add_foreign(cx, db, core, proof));
  TRY(enroll_identity_bind(cx, db, proof->hash, ids->device, ch->generation));
  TRY(enroll_generation_identify(cx, db, ch->device, ch->generation, proof->hash));
  js_set_string(data, "certificate", enc_hex(cx, proof->hash, sizeof proof->hash));
  js_set_string(data, "address", proof->address);
  return event_add(cx, db, "device.first-contact", ids->device, data);
}

/* ---- TokenUpdate ---- */

const char *enroll_unlock_name(struct ctx *cx, int64_t generation) {
  return ctx_printf(cx, "generation.unlock_token %lld", (long long)generation);
}

static enum err keep_secrets(struct ctx *cx, struct db *db, struct core *core, int64_t generation,
                             const struct enroll_token *t) {
  struct slice sealed = {0};
  const char *about = enroll_unlock_name(cx, generation);
  if (t->unlock_token.p) TRY(vault_seal(cx, core->vault, about, t->unlock_token, &sealed));
  if (!sealed.p && t->awaiting_configuration < 0) return OK;
  return enroll_generation_secrets(cx, db, generation, sealed, t->awaiting_configuration);
}

/* What a provisional one has sent may prove that the one in force is gone. */
static enum err prove(struct ctx *cx, struct db *db, struct core *core, const struct enroll_ids *ids,
                      int64_t generation, struct enroll_token_result *out) {
  struct enroll_channel_row channel;
  bool came;
  TRY(enroll_takeover_check(cx, db, core, generation, clock_now_us(), &came));
  if (!came) return OK;
  TRY(enroll_channel_load(cx, db, ids->id, &channel));
  out->enrollment = channel.seq;
  out->enrolled = out->promoted = out->token_changed = true;
  return OK;
}

enum err enroll_check_users(struct ctx *cx, struct db *db, int64_t device) {
  int64_t n;
  TRY(enroll_channel_count(cx, db, device, &n));
  return n <= USERS_MAX ? OK : FAIL(cx, E_INVALID, "more than %d users of one device", USERS_MAX);
}

enum err enroll_token_update(struct ctx *cx, struct db *db, struct core *core, const struct enroll_ids *ids,
                             const struct enroll_proof *proof, const struct enroll_token *token,
                             struct enroll_token_result *out) {
  struct enroll_channel ch;
  struct enroll_channel_row before;
  *out = (struct enroll_token_result){0};
  TRY(enroll_find(cx, db, ids, proof, &ch));
  out->refusal = ch.refusal;
  out->device = ch.device;
  if (ch.refusal == ENROLL_MISUSED) return enroll_misused(cx, db, ids, proof);
  if (ch.refusal != ENROLL_FINE) return OK;
  if (ch.checked_out && !ch.pending) return enroll_seen_again(cx, db, ids->device, ch.device);
  /* A user's may come before its device's, and counts from then on. */
  if (ch.provisional || (ch.pending && ids->is_user)) TRY(enroll_held_put(cx, db, ch.generation, ids, token));
  out->waits = ids->is_user && ch.pending && !ch.current && !ch.provisional;
  if (ids->is_user && ch.pending && !ch.current) return OK;
  if (!ids->is_user) TRY(keep_secrets(cx, db, core, ch.generation, token));
  if (ch.provisional) return prove(cx, db, core, ids, ch.generation, out);
  out->promoted = ch.pending && !ids->is_user;
  if (out->promoted) TRY(enroll_promote(cx, db, ch.device, ch.generation));
  if (out->promoted) TRY(enroll_held_apply(cx, db, ch.device, ch.generation));
  TRY(enroll_channel_load(cx, db, ids->id, &before));
  if (ids->is_user && !before.seq) TRY(enroll_check_users(cx, db, ch.device));
  out->enrolled = !before.seq || !before.enabled;
  out->token_changed =
      !before.seq || !slice_eq(before.token, token->token) || strcmp(before.push_magic, token->push_magic) != 0;
  TRY(enroll_channel_save(cx, db, ids, ch.device, token, &out->enrollment));
  TRY(enroll_touch(cx, db, out->enrollment, clock_now_us(), proof->address, NULL));
  struct js *data = js_object(cx);
  js_set_string(data, "topic", token->topic);
  return event_add(cx, db, out->enrolled ? "device.enrolled" : "device.token-updated", ids->id, data);
}

/* ---- CheckOut, release ---- */

/* An installation that was broken off: the enrollment in force is another one and stays. */
static enum err abort_pending(struct ctx *cx, struct db *db, const struct enroll_ids *ids,
                              const struct enroll_channel *ch) {
  TRY(enroll_generation_drop(cx, db, ch->generation));
  return event_add(cx, db, "device.enrollment-aborted", ids->id, NULL);
}

enum err enroll_check_out(struct ctx *cx, struct db *db, const struct enroll_ids *ids, const struct enroll_proof *proof,
                          enum enroll_refusal *refusal) {
  struct enroll_channel ch;
  TRY(enroll_find(cx, db, ids, proof, &ch));
  *refusal = ch.leaves ? ENROLL_FINE : ch.refusal; /* as it was asked to */
  if (ch.refusal == ENROLL_MISUSED) return enroll_misused(cx, db, ids, proof);
  if (*refusal != ENROLL_FINE || ch.checked_out) return OK;
  if (ch.contested) return ids->is_user ? OK : abort_pending(cx, db, ids, &ch);
  if (ids->is_user && !ch.enrollment) return OK;
  if (!ids->is_user) TRY(enroll_device_set_out(cx, db, ch.device, clock_now_us()));
  TRY(enroll_channel_off(cx, db, ch.device, ids->is_user ? ids->id : NULL));
  return event_add(cx, db, "device.checked-out", ids->id, NULL);
}

enum err enroll_release(struct ctx *cx, struct db *db, const char *device_id, const char *by) {
  int64_t changed;
  TRY(enroll_device_set_released(cx, db, device_id, clock_now_us() + RELEASE_HOURS * US_HOUR, &changed));
  if (changed == 0) return FAIL(cx, E_NOT_FOUND, "there is no device %s", device_id);
  struct js *data = js_object(cx);
  js_set_string(data, "by", by);
  return event_add(cx, db, "device.released", device_id, data);
}
