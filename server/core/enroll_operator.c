#include "core/enroll_int.h"

#include "base/clock.h"
#include "base/enc.h"
#include "core/event.h"
#include "core/keyring.h"
#include "core/push.h"
#include "core/pushcert.h"
#include "core/roster.h"

/* Rows of a queue or history that one job removes. */
enum { CHUNK = 100 };

static enum err tell(struct ctx *cx, struct db *db, const char *kind, const char *device_id, const char *by) {
  struct js *data = js_object(cx);
  js_set_string(data, "by", by);
  return event_add(cx, db, kind, device_id, data);
}

static enum err load(struct ctx *cx, struct db *db, const char *device_id, struct enroll_device *out) {
  TRY(enroll_device_load(cx, db, device_id, out));
  return out->seq ? OK : FAIL(cx, E_NOT_FOUND, "there is no device %s", device_id);
}

/* ---- block ---- */

enum err enroll_block(struct ctx *cx, struct db *db, struct core *core, const char *device_id, const char *by) {
  struct enroll_device d;
  struct enroll_channels channels;
  TRY(load(cx, db, device_id, &d));
  if (d.blocked) return OK;
  TRY(enroll_device_set_blocked(cx, db, d.seq, clock_now_us(), by));
  roster_changed(db, core, d.seq);
  TRY(enroll_channels_of(cx, db, d.seq, &channels));
  for (size_t i = 0; i < channels.n; i++) TRY(push_forget(cx, db, channels.seq[i], false));
  return tell(cx, db, "device.blocked", device_id, by);
}

enum err enroll_unblock(struct ctx *cx, struct db *db, struct core *core, const char *device_id, const char *by) {
  struct enroll_device d;
  TRY(load(cx, db, device_id, &d));
  if (!d.blocked) return OK;
  TRY(enroll_device_set_blocked(cx, db, d.seq, 0, NULL));
  roster_changed(db, core, d.seq);
  TRY(enroll_contest_anew(cx, db, core, d.seq));
  return tell(cx, db, "device.unblocked", device_id, by);
}

/* ---- unenroll ---- */

/* What the profile is called that it was given; of an enrollment whose profile is not known, what ours are called. */
static enum err identifier_of(struct ctx *cx, struct core *core, const char *given, char **out) {
  struct js *o;
  *out = NULL;
  if (given) {
    TRY(js_parse(cx, slice_of(given), &o));
    *out = ctx_strdup(cx, js_str(o, "PayloadIdentifier"));
  }
  if (!*out) *out = ctx_printf(cx, "pomona.%s.enrollment", keyring_server_id(core->keyring));
  return OK;
}

static enum err may_leave(struct ctx *cx, const struct enroll_device *d, const char *device_id) {
  if (d->blocked)
    return FAIL(cx, E_CONFLICT, "%s is blocked, so that nothing is handed over to it: unblock it first", device_id);
  if (d->checked_out || d->generation == 0) return FAIL(cx, E_CONFLICT, "%s is not enrolled", device_id);
  return OK;
}

enum err enroll_unenroll(struct ctx *cx, struct db *db, struct core *core, const char *device_id, const char *by,
                         struct enroll_leave *out) {
  struct enroll_device d;
  struct enroll_wish wish;
  *out = (struct enroll_leave){0};
  TRY(load(cx, db, device_id, &d));
  TRY(may_leave(cx, &d, device_id));
  TRY(enroll_wish_load(cx, db, d.seq, &wish));
  if (!wish.enrollment) return FAIL(cx, E_CONFLICT, "%s has not told yet how it is reached", device_id);
  *out = (struct enroll_leave){.command = wish.command,
                               .enrollment = wish.enrollment,
                               .asked = wish.command && (wish.waiting || wish.handed),
                               .handed = wish.handed};
  TRY(identifier_of(cx, core, wish.given, &out->identifier));
  if (out->asked) return OK;
  out->command = ctx_alloc(cx, UUID_LEN + 1);
  uuid_new(out->command);
  TRY(enroll_wish_save(cx, db, d.seq, out->command, by));
  roster_changed(db, core, d.seq);
  return tell(cx, db, "device.unenroll-asked", device_id, by);
}

enum err enroll_leaving(struct ctx *cx, struct db *db, struct enroll_channel *ch) {
  struct enroll_wish wish;
  TRY(enroll_wish_load(cx, db, ch->device, &wish));
  ch->leaves = wish.handed;
  if (wish.handed && ch->refusal == ENROLL_FINE) ch->refusal = ENROLL_UNENROLL;
  return OK;
}

/* ---- forget ---- */

enum err enroll_forget(struct ctx *cx, struct db *db, struct core *core, const char *device_id,
                       struct enroll_forget *f) {
  struct enroll_device d;
  int64_t n;
  TRY(load(cx, db, device_id, &d));
  if (d.generation && !d.checked_out && !f->anyway)
    return FAIL(cx, E_CONFLICT, "%s is enrolled: have it leave first (`pomona device unenroll`), or say anyway",
                device_id);
  TRY(enroll_delete_targets(cx, db, d.seq, CHUNK, &n));
  f->more = n == CHUNK;
  if (f->more) return OK;
  TRY(enroll_succession_end(cx, db, core, d.seq));
  TRY(enroll_delete_device(cx, db, d.seq));
  return tell(cx, db, "device.forgotten", device_id, f->by);
}

/* ---- adopt ---- */

static enum err claimant(struct ctx *cx, struct db *db, const char *device_id, const uint8_t *hash,
                         struct enroll_claim *out) {
  int64_t n;
  TRY(enroll_claims(cx, db, device_id, hash, out, &n));
  if (n == 1) return OK;
  if (n > 1) return FAIL(cx, E_CONFLICT, "%lld certificates claim %s: name one of them", (long long)n, device_id);
  return FAIL(cx, E_NOT_FOUND, "no request with %s certificate of an accepted CA has claimed %s", hash ? "that" : "a",
              device_id);
}

static enum err may_be_adopted(struct ctx *cx, const char *device_id, const struct enroll_identity *i) {
  if (i->device_id && !slice_is(slice_of(i->device_id), device_id))
    return FAIL(cx, E_CONFLICT, "that certificate belongs to the device %s", i->device_id);
  if (i->voided) return FAIL(cx, E_CONFLICT, "that certificate was replaced before it was used");
  return OK;
}

/* The topic of its profile; where that is not known, the one that enrollments get now. */
static enum err topic_of(struct ctx *cx, struct db *db, const char *given, const char **topic) {
  char *now = NULL;
  *topic = NULL;
  if (given) {
    struct js *o;
    TRY(js_parse(cx, slice_of(given), &o));
    *topic = js_str(o, "Topic");
  }
  if (*topic) return OK;
  enum err e = pushcert_topic(cx, db, &now);
  if (e == E_NOT_FOUND) ctx_clear_error(cx);
  *topic = e == OK ? now : "";
  return e == E_NOT_FOUND ? OK : e;
}

static enum err adopt_as(struct ctx *cx, struct db *db, const char *device_id, const struct enroll_claim *claim) {
  struct enroll_identity i;
  int64_t generation;
  struct enroll_adoption a = {
      .id = device_id, .serial_number = claim->serial_number, .identity = &i, .hash = claim->hash};
  TRY(enroll_identity_load(cx, db, claim->hash, &i));
  TRY(may_be_adopted(cx, device_id, &i));
  TRY(topic_of(cx, db, i.given, &a.topic));
  if (!i.known) {
    struct pki_cert *cert;
    TRY(pki_cert_parse(cx, &cert, claim->cert));
    TRY(enroll_identity_add(cx, db, cert, 0, NULL));
  }
  TRY(enroll_device_new(cx, db, device_id, &a.device));
  TRY(enroll_adopted(cx, db, &a, &generation));
  return enroll_identity_bind(cx, db, claim->hash, device_id, generation);
}

enum err enroll_adopt(struct ctx *cx, struct db *db, struct core *core, const char *device_id, const uint8_t *hash,
                      const char *by) {
  struct enroll_device d;
  struct enroll_claim claim;
  TRY(enroll_device_load(cx, db, device_id, &d));
  if (d.seq) return FAIL(cx, E_CONFLICT, "%s is known here: `pomona device show` tells of it", device_id);
  TRY(claimant(cx, db, device_id, hash, &claim));
  TRY(adopt_as(cx, db, device_id, &claim));
  TRY(enroll_device_load(cx, db, device_id, &d));
  TRY(enroll_succeeds(cx, db, core, d.seq));
  struct js *data = js_object(cx);
  js_set_string(data, "by", by);
  js_set_string(data, "certificate", enc_hex(cx, claim.hash, sizeof claim.hash));
  return event_add(cx, db, "device.adopted", device_id, data);
}

/* ---- grace ---- */

enum err enroll_grace(struct ctx *cx, struct db *db, const char *device_id, int64_t until, const char *by) {
  struct enroll_device d;
  int64_t end = 0;
  TRY(enroll_device_load(cx, db, device_id, &d));
  if (d.seq == 0) return FAIL(cx, E_NOT_FOUND, "there is no device %s", device_id);
  if (d.generation) TRY(enroll_identity_end(cx, db, d.generation, &end));
  if (d.checked_out || end == 0)
    return FAIL(cx, E_CONFLICT, "%s has no identity that could be renewed: enroll it with a link", device_id);
  if (end > clock_now_us())
    return FAIL(cx, E_CONFLICT, "the identity of %s has not ended: it ends on %s", device_id, enc_time(cx, end));
  TRY(enroll_set_grace(cx, db, d.seq, until));
  return tell(cx, db, "device.grace", device_id, by);
}
