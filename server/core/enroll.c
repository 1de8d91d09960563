#include "core/enroll_int.h"

#include "base/clock.h"
#include "base/enc.h"
#include "core/event.h"
#include "core/pushcert.h"
#include "core/vault.h"

#include <stddef.h>
#include <string.h>

/* Users of one device: more than any shared one sees, and few enough that what concerns all of them is one job. */
enum { ERASE_SILENCE_MIN = 30, RELEASE_HOURS = 24, USERS_MAX = 1000 };

static const struct {
  const char *slug, *text;
} refusals[] = {
    [ENROLL_FINE] = {"fine", "accepted"},
    [ENROLL_UNKNOWN] = {"unknown", "this server does not know such a device"},
    [ENROLL_UNBOUND] = {"unbound", "the identity belongs to no device yet"},
    [ENROLL_MISUSED] = {"other-certificate", "the identity belongs to another device"},
    [ENROLL_FORMER] = {"superseded", "the identity is of a former enrollment"},
    [ENROLL_BLOCKED] = {"blocked", "the device is blocked"},
    [ENROLL_VOIDED] = {"voided", "the identity was replaced before it was used"},
    [ENROLL_OTHER_LINK] = {"other-link", "the link was made for another device"},
    [ENROLL_HELD] = {"held", "another identity holds this device: release it, or make a link for it"},
    [ENROLL_FOREIGN] = {"foreign-ca", "an identity of a foreign CA cannot take over a device"},
    [ENROLL_TOPIC] = {"topic", "there is no push certificate for the topic of its profile"},
    [ENROLL_EXPIRED] = {"expired", "the identity has ended; only its renewal is served"},
    [ENROLL_UNENROLL] = {"unenroll", "the device is to remove its management profile"},
};

const char *enroll_refusal_slug(enum enroll_refusal r) { return refusals[r].slug; }
const char *enroll_refusal_text(enum enroll_refusal r) { return refusals[r].text; }

enum err enroll_misused(struct ctx *cx, struct db *db, const struct enroll_ids *ids, const struct enroll_proof *proof) {
  struct js *data = js_object(cx);
  bool told;
  TRY(enroll_identity_told(cx, db, proof->hash, clock_now_us() - US_HOUR, &told));
  if (told) return OK;
  js_set_string(data, "claimed", ids->id);
  js_set_string(data, "certificate", enc_hex(cx, proof->hash, sizeof proof->hash));
  js_set_string(data, "address", proof->address);
  return event_add(cx, db, "identity.misused", ids->id, data);
}

/* ---- Authenticate ---- */

struct decision {
  struct core *core;
  const struct enroll_ids *ids;
  const struct enroll_proof *proof;
  const struct enroll_facts *facts;
  struct enroll_device device;
  struct enroll_identity identity;
};

/* A name stands for the device that asks: its id or its serial number. Of one that is enrolled, the serial number on
   file counts: what the message claims may be a stranger's word. */
static bool is_name_of_it(const struct decision *d, const char *name) {
  const char *serial = d->device.generation ? d->device.serial_number : d->facts->serial_number;
  return strcmp(name, d->ids->device) == 0 || (serial && strcmp(name, serial) == 0);
}

static bool made_for(const struct decision *d) {
  return d->identity.session_device && is_name_of_it(d, d->identity.session_device);
}

/* The renewal of an identity that counts. Of one of a former generation it is worth no more than that one. */
static bool is_renewal(const struct decision *d) {
  return d->identity.renews && d->device.generation && d->identity.generation == d->device.generation &&
         !d->device.checked_out;
}

static enum err is_vacant(struct ctx *cx, struct db *db, const struct decision *d, bool *vacant) {
  int64_t now = clock_now_us(), end;
  *vacant = d->device.checked_out || d->device.released_until > now || d->device.generation == 0;
  if (*vacant) return OK;
  TRY(enroll_identity_end(cx, db, d->device.generation, &end));
  if (end && end + core_conf(d->core)->identity_grace_us < now) {
    *vacant = true;
    return OK;
  }
  return enroll_erased(cx, db, d->device.seq, d->device.generation, ERASE_SILENCE_MIN * US_MINUTE, vacant);
}

/* With `device-ca-names`, a foreign CA vouches for a device by naming its id or serial number. */
static enum err foreign_names(struct ctx *cx, const struct decision *d, bool *names) {
  struct pki_cert *cert;
  *names = false;
  if (!core_conf(d->core)->device_ca_names) return OK;
  TRY(pki_cert_parse(cx, &cert, d->proof->cert));
  *names = is_name_of_it(d, pki_cert_cn(cx, cert));
  return OK;
}

/* The list of rule e, in its order: the first line that fits decides. */
static enum err decide(struct ctx *cx, struct db *db, const struct decision *d, enum enroll_refusal *out) {
  const struct enroll_identity *i = &d->identity;
  bool vacant, names;
  *out = ENROLL_FINE;
  if (d->device.blocked) return *out = ENROLL_BLOCKED, OK;
  if (i->device_id && strcmp(i->device_id, d->ids->device) != 0) return *out = ENROLL_MISUSED, OK;
  if (i->voided) return *out = ENROLL_VOIDED, OK;
  if (i->ended) return *out = ENROLL_FORMER, OK;
  /* One that was bound by an Authenticate whose generation never came into force has no standing of its own. */
  if (i->device_id && i->generation) return OK;
  if (i->session_device && !made_for(d)) return *out = ENROLL_OTHER_LINK, OK;
  if (d->device.seq == 0) return OK;
  TRY(is_vacant(cx, db, d, &vacant));
  if (vacant || made_for(d)) return OK;
  if (i->session) return *out = ENROLL_HELD, OK;
  TRY(foreign_names(cx, d, &names));
  if (!names) *out = ENROLL_FOREIGN;
  return OK;
}

static const struct {
  const char *key;
  size_t at;
} fact_rows[] = {
    {"Topic", offsetof(struct enroll_facts, topic)},
    {"SerialNumber", offsetof(struct enroll_facts, serial_number)},
    {"DeviceName", offsetof(struct enroll_facts, device_name)},
    {"Model", offsetof(struct enroll_facts, model)},
    {"ModelName", offsetof(struct enroll_facts, model_name)},
    {"ProductName", offsetof(struct enroll_facts, product_name)},
    {"OSVersion", offsetof(struct enroll_facts, os_version)},
    {"BuildVersion", offsetof(struct enroll_facts, build_version)},
    {"IMEI", offsetof(struct enroll_facts, imei)},
    {"MEID", offsetof(struct enroll_facts, meid)},
};
enum { FACTS = sizeof fact_rows / sizeof *fact_rows };

const char *enroll_facts_text(struct ctx *cx, const struct enroll_facts *f) {
  struct js *o = js_object(cx);
  for (int i = 0; i < FACTS; i++) {
    const char *value = *(const char *const *)((const char *)f + fact_rows[i].at);
    if (value) js_set_string(o, fact_rows[i].key, value);
  }
  return js_text(cx, o, JS_COMPACT).p;
}

static enum err facts_read(struct ctx *cx, const char *text, struct enroll_facts *f) {
  struct js *o;
  TRY(js_parse(cx, slice_of(text), &o));
  for (int i = 0; i < FACTS; i++) *(const char **)((char *)f + fact_rows[i].at) = js_str(o, fact_rows[i].key);
  return OK;
}

static enum err open_generation(struct ctx *cx, struct db *db, struct decision *d) {
  int64_t seq;
  bool fresh = d->device.seq == 0;
  if (fresh) TRY(enroll_device_new(cx, db, d->ids->device, &d->device.seq));
  if (d->device.generation == 0) TRY(enroll_device_facts(cx, db, d->device.seq, d->facts));
  if (d->device.pending) TRY(enroll_generation_drop(cx, db, d->device.pending));
  struct enroll_generation g = {.device = d->device.seq,
                                .identity = d->proof->hash,
                                .session = d->identity.session,
                                .topic = d->facts->topic,
                                .facts = enroll_facts_text(cx, d->facts),
                                .given = d->identity.given};
  TRY(enroll_generation_new(cx, db, &g, &seq));
  return enroll_device_set_pending(cx, db, d->device.seq, seq);
}

static enum err authenticated(struct ctx *cx, struct db *db, struct decision *d, bool renewal) {
  struct js *data = js_object(cx);
  js_set_string(data, "serial_number", d->facts->serial_number);
  js_set_string(data, "topic", d->facts->topic);
  js_set_bool(data, "renewal", renewal);
  return event_add(cx, db, "device.authenticated", d->ids->id, data);
}

static enum err add_foreign(struct ctx *cx, struct db *db, struct core *core, const struct enroll_proof *proof) {
  struct pki_cert *cert;
  TRY(pki_cert_parse(cx, &cert, proof->cert));
  TRY(enroll_identity_add(cx, db, cert, 0, NULL));
  const struct pki_trust *trust = atomic_load(&core->trust);
  struct slice issuers = {0};
  if (trust && proof->extra.n) issuers = pki_trust_issuers(cx, trust, cert, proof->extra, clock_now_us());
  return issuers.p ? enroll_identity_issuers(cx, db, proof->hash, issuers) : OK;
}

enum err enroll_authenticate(struct ctx *cx, struct db *db, struct core *core, const struct enroll_ids *ids,
                             const struct enroll_proof *proof, const struct enroll_facts *facts,
                             enum enroll_refusal *refusal) {
  struct decision d = {.core = core, .ids = ids, .proof = proof, .facts = facts};
  struct pushcert ours;
  if (pushcert_find(cx, db, facts->topic, &ours) != OK) {
    ctx_clear_error(cx);
    *refusal = ENROLL_TOPIC;
    return OK;
  }
  TRY(enroll_device_load(cx, db, ids->device, &d.device));
  TRY(enroll_identity_load(cx, db, proof->hash, &d.identity));
  TRY(decide(cx, db, &d, refusal));
  if (*refusal == ENROLL_MISUSED) return enroll_misused(cx, db, ids, proof);
  if (*refusal != ENROLL_FINE) return OK;
  bool renewal = is_renewal(&d);
  if (!d.identity.known) TRY(add_foreign(cx, db, core, proof));
  if (renewal)
    TRY(enroll_device_facts(cx, db, d.device.seq, facts));
  else
    TRY(open_generation(cx, db, &d));
  TRY(enroll_identity_bind(cx, db, proof->hash, ids->device, renewal ? d.device.generation : 0));
  return authenticated(cx, db, &d, renewal);
}

enum err enroll_contact(struct ctx *cx, struct db *db, struct core *core, const struct enroll_ids *ids,
                        const struct enroll_proof *proof, const struct enroll_channel *ch) {
  struct enroll_identity i;
  struct js *data = js_object(cx);
  TRY(enroll_identity_load(cx, db, proof->hash, &i));
  if (!i.known) TRY(add_foreign(cx, db, core, proof));
  TRY(enroll_identity_bind(cx, db, proof->hash, ids->device, ch->generation));
  TRY(enroll_generation_identify(cx, db, ch->device, ch->generation, proof->hash));
  js_set_string(data, "certificate", enc_hex(cx, proof->hash, sizeof proof->hash));
  js_set_string(data, "address", proof->address);
  return event_add(cx, db, "device.first-contact", ids->device, data);
}

/* ---- TokenUpdate ---- */

static enum err promote(struct ctx *cx, struct db *db, const struct enroll_channel *ch) {
  struct enroll_facts facts;
  char *text;
  TRY(enroll_generation_facts(cx, db, ch->generation, &text));
  TRY(facts_read(cx, text, &facts));
  TRY(enroll_device_facts(cx, db, ch->device, &facts));
  TRY(enroll_channel_off(cx, db, ch->device, NULL));
  return enroll_generation_promote(cx, db, ch->device, ch->generation);
}

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

static enum err check_users(struct ctx *cx, struct db *db, int64_t device) {
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
  if (ch.refusal == ENROLL_MISUSED) return enroll_misused(cx, db, ids, proof);
  if (ch.refusal != ENROLL_FINE) return OK;
  if (ch.checked_out && !ch.pending) return enroll_seen_again(cx, db, ids->device, ch.device);
  if (ch.contested && ids->is_user) return OK; /* users come after their device */
  out->promoted = ch.pending && !ids->is_user;
  if (out->promoted) TRY(promote(cx, db, &ch));
  if (!ids->is_user) TRY(keep_secrets(cx, db, core, ch.generation, token));
  TRY(enroll_channel_load(cx, db, ids->id, &before));
  if (ids->is_user && !before.seq) TRY(check_users(cx, db, ch.device));
  out->enrolled = !before.seq || !before.enabled;
  out->token_changed =
      !before.seq || !slice_eq(before.token, token->token) || strcmp(before.push_magic, token->push_magic) != 0;
  TRY(enroll_channel_save(cx, db, ids, ch.device, token, &out->enrollment));
  TRY(enroll_touch(cx, db, out->enrollment, clock_now_us(), proof->address));
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
  *refusal = ch.refusal == ENROLL_UNENROLL ? ENROLL_FINE : ch.refusal; /* it leaves, as it was asked to */
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
