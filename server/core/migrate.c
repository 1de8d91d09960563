#include "core/checkin_int.h"
#include "core/enroll_int.h"
#include "core/migrate_int.h"

#include "base/clock.h"
#include "core/event.h"
#include "core/push.h"
#include "core/queue.h"
#include "core/roster.h"
#include "core/vault.h"

#include <string.h>

bool migrate_is_waiting(const struct migrate_place *p) {
  return p->generation && p->migrated && !p->seen && !p->blocked;
}

bool migrate_is_taken(const struct migrate_place *p) {
  return p->blocked || (p->generation && !p->checked_out && !migrate_is_waiting(p));
}

/* ---- Authenticate ---- */

static enum err open_generation(struct ctx *cx, struct db *db, const struct checkin *c, struct migrate_place *place) {
  const struct enroll_facts *facts = c->state;
  struct enroll_generation g = {.topic = facts->topic, .facts = enroll_facts_text(cx, facts)};
  int64_t seq;
  if (!place->device) TRY(enroll_device_new(cx, db, c->ids.device, &place->device));
  if (place->pending) TRY(enroll_generation_drop(cx, db, place->pending));
  g.device = place->device;
  TRY(enroll_generation_new(cx, db, &g, &seq));
  TRY(migrate_generation_mark(cx, db, seq));
  return enroll_device_set_pending(cx, db, place->device, seq);
}

static enum err authenticate(struct ctx *cx, struct db *db, struct checkin *c, struct migrate_place *place) {
  const struct enroll_facts *facts = c->state;
  if (migrate_is_waiting(place))
    TRY(migrate_generation_retell(cx, db, place->generation, facts->topic, enroll_facts_text(cx, facts)));
  else
    TRY(open_generation(cx, db, c, place));
  return enroll_device_facts(cx, db, place->device, facts);
}

/* ---- TokenUpdate ---- */

/* What an enrollment left here that had ended. */
static enum err clear_channels(struct ctx *cx, struct db *db, int64_t device) {
  struct enroll_channels channels;
  TRY(enroll_channel_off(cx, db, device, NULL));
  TRY(enroll_channels_of(cx, db, device, &channels));
  for (size_t i = 0; i < channels.n; i++) {
    TRY(queue_clear(cx, db, channels.seq[i], "re-enrolled"));
    TRY(push_forget(cx, db, channels.seq[i], true));
  }
  return OK;
}

static enum err promote(struct ctx *cx, struct db *db, struct checkin *c, struct migrate_place *place) {
  TRY(clear_channels(cx, db, place->device));
  TRY(enroll_generation_promote(cx, db, place->device, place->pending));
  TRY(migrate_device_expect(cx, db, place->device, NULL));
  place->generation = place->pending;
  c->news = "device migrated";
  return OK;
}

static enum err keep_unlock_token(struct ctx *cx, struct db *db, struct core *core, int64_t generation,
                                  const struct enroll_token *t) {
  struct slice sealed = {0};
  const char *about = enroll_unlock_name(cx, generation);
  if (t->unlock_token.p) TRY(vault_seal(cx, core->vault, about, t->unlock_token, &sealed));
  return enroll_generation_secrets(cx, db, generation, sealed, t->awaiting_configuration);
}

static enum err device_token(struct ctx *cx, struct db *db, struct checkin *c, struct migrate_place *place) {
  if (!migrate_is_waiting(place)) TRY(promote(cx, db, c, place));
  TRY(migrate_device_back(cx, db, place->device, clock_now_us() + core_conf(c->core)->migration_window_us));
  return keep_unlock_token(cx, db, c->core, place->generation, c->state);
}

/* Of a user whose device may have come already: what its own channel has told since counts. */
static enum err check_user(struct ctx *cx, struct db *db, const struct checkin *c, const struct migrate_place *place) {
  int64_t enrollment;
  bool seen;
  if (!migrate_is_waiting(place) && (!place->migrated || place->checked_out))
    return FAIL(cx, E_NOT_FOUND, "the TokenUpdate of the device %s has to come first", c->ids.device);
  TRY(migrate_channel(cx, db, c->ids.id, &enrollment, &seen));
  return seen ? FAIL(cx, E_CONFLICT, "%s has come here already", c->ids.id) : OK;
}

static enum err check_device(struct ctx *cx, const struct checkin *c, const struct migrate_place *place) {
  if (migrate_is_waiting(place) || place->pending_migrated) return OK;
  return FAIL(cx, E_NOT_FOUND, "the Authenticate of the device %s has to come first", c->ids.device);
}

static enum err token_update(struct ctx *cx, struct db *db, struct checkin *c, struct migrate_place *place) {
  struct enroll_channel_row before;
  int64_t enrollment;
  TRY(c->ids.is_user ? check_user(cx, db, c, place) : check_device(cx, c, place));
  if (!c->ids.is_user) TRY(device_token(cx, db, c, place));
  TRY(enroll_channel_load(cx, db, c->ids.id, &before));
  if (c->ids.is_user && !before.seq) TRY(enroll_check_users(cx, db, place->device));
  if (!before.seq) c->news = "device migrated";
  TRY(enroll_channel_save(cx, db, &c->ids, place->device, c->state, &enrollment));
  TRY(migrate_channel_history(cx, db, enrollment, &(struct migrate_history){0}));
  if (c->ids.is_user && place->checked_out) TRY(enroll_channel_off(cx, db, place->device, c->ids.id));
  if (!c->news) return OK;
  struct js *data = js_object(cx);
  js_set_string(data, "topic", ((const struct enroll_token *)c->state)->topic);
  return event_add(cx, db, "device.migrated", c->ids.id, data);
}

/* ---- the others ---- */

/* Its device may have come already: a token that it has left here since counts. */
static enum err set_bootstrap_token(struct ctx *cx, struct db *db, struct checkin *c, struct migrate_place *place) {
  const struct checkin_bootstrap *b = c->state;
  int64_t generation = place->migrated ? place->generation : place->pending_migrated ? place->pending : 0, of;
  struct slice stored = {0};
  if (!generation) return FAIL(cx, E_NOT_FOUND, "the Authenticate of the device %s has to come first", c->ids.device);
  if (place->seen) TRY(checkin_get_bootstrap_token(cx, db, place->device, &of, &stored));
  return stored.p ? OK : checkin_keep_bootstrap_token(cx, db, c->core, generation, b->token);
}

static enum err check_out(struct ctx *cx, struct db *db, struct checkin *c, struct migrate_place *place) {
  if (!migrate_is_waiting(place)) return OK;
  if (!c->ids.is_user) TRY(enroll_device_set_out(cx, db, place->device, clock_now_us()));
  return enroll_channel_off(cx, db, place->device, c->ids.is_user ? c->ids.id : NULL);
}

static const struct {
  const char *message_type;
  bool late; /* for a migrated device that has come already, too: it comes when it likes, not after its stream */
  enum err (*apply)(struct ctx *cx, struct db *db, struct checkin *c, struct migrate_place *place);
} rows[] = {
    {"Authenticate", false, authenticate},
    {"TokenUpdate", false, token_update},
    {"SetBootstrapToken", true, set_bootstrap_token},
    {"CheckOut", false, check_out},
};

static enum err apply(struct ctx *cx, struct db *db, struct checkin *c, size_t row) {
  struct migrate_place place;
  TRY(migrate_place(cx, db, c->ids.device, &place));
  bool late = (rows[row].late || c->ids.is_user) && place.migrated && !place.blocked;
  if (migrate_is_taken(&place) && !late)
    return FAIL(cx, E_CONFLICT, "%s is %s here already, and would lose its place", c->ids.device,
                place.blocked ? "blocked" : "enrolled");
  TRY(rows[row].apply(cx, db, c, &place));
  if (place.device) roster_changed(db, c->core, place.device);
  return OK;
}

enum err migrate_checkin(struct ctx *cx, struct db *db, void *checkin) {
  struct checkin *c = checkin;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (strcmp(rows[i].message_type, c->row->message_type) == 0) return apply(cx, db, c, i);
  return OK;
}
