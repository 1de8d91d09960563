/* Authenticate: whom it lets in, and the generation that it opens. */
#include "core/enroll_int.h"

#include "base/clock.h"
#include "core/event.h"
#include "core/pushcert.h"

#include <stddef.h>
#include <string.h>

enum { ERASE_SILENCE_MIN = 30, ON_THE_WAY_MIN = 5 };

/* ---- the decision ---- */

struct decision {
  struct core *core;
  const struct enroll_ids *ids;
  const struct enroll_proof *proof;
  const struct enroll_facts *facts;
  struct enroll_device device;
  struct enroll_identity identity;
  const char *way_in; /* "operator": one has said that it may; else NULL */
  bool provisional;   /* it must prove that the one in force is gone */
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
  struct enroll_wish wish;
  *vacant = d->device.checked_out || d->device.generation == 0;
  if (*vacant) return OK;
  TRY(enroll_wish_load(cx, db, d->device.seq, &wish));
  if (wish.handed) return *vacant = true, OK; /* it was told to leave */
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

/* Has an operator said that this one may have the device, whoever holds it? A link says so once: not of an identity
   that has had the device. */
static enum err is_wanted(struct ctx *cx, const struct decision *d, bool *wanted) {
  *wanted = (made_for(d) && !d->identity.generation) || d->device.released_until > clock_now_us();
  return *wanted || d->identity.session ? OK : foreign_names(cx, d, wanted);
}

/* What only claims the device does not push aside whom an operator has let in: its TokenUpdate comes any moment. */
static enum err may_claim(struct ctx *cx, struct db *db, struct decision *d, enum enroll_refusal *out) {
  bool awaited;
  int64_t since = clock_now_us() - ON_THE_WAY_MIN * US_MINUTE;
  d->provisional = d->identity.session != 0;
  if (!d->provisional) return *out = ENROLL_FOREIGN, OK;
  TRY(enroll_awaited(cx, db, d->device.pending, d->proof->hash, since, &awaited));
  if (awaited) *out = ENROLL_CONTESTED;
  return OK;
}

/* The list of rule e, in its order: the first line that fits decides. */
static enum err decide(struct ctx *cx, struct db *db, struct decision *d, enum enroll_refusal *out) {
  const struct enroll_identity *i = &d->identity;
  bool vacant, wanted;
  *out = ENROLL_FINE;
  if (d->device.blocked) return *out = ENROLL_BLOCKED, OK;
  if (i->device_id && strcmp(i->device_id, d->ids->device) != 0) return *out = ENROLL_MISUSED, OK;
  if (i->voided) return *out = ENROLL_VOIDED, OK;
  if (i->ended) return *out = ENROLL_FORMER, OK;
  /* One of a former generation, or of one that never came into force, has no standing of its own. */
  if (i->generation && i->generation == d->device.generation) return OK;
  if (i->link_revoked) return *out = ENROLL_VOIDED, OK;
  if (i->session_device && !made_for(d)) return *out = ENROLL_OTHER_LINK, OK;
  if (d->device.seq == 0) return OK;
  TRY(is_wanted(cx, d, &wanted));
  if (wanted) d->way_in = "operator";
  if (wanted) return OK;
  TRY(is_vacant(cx, db, d, &vacant));
  return vacant ? OK : may_claim(cx, db, d, out);
}

/* ---- what it told ---- */

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

enum err enroll_promote(struct ctx *cx, struct db *db, int64_t device, int64_t generation) {
  struct enroll_facts facts;
  char *text;
  TRY(enroll_generation_facts(cx, db, generation, &text));
  TRY(facts_read(cx, text, &facts));
  TRY(enroll_device_facts(cx, db, device, &facts));
  TRY(enroll_channel_off(cx, db, device, NULL));
  return enroll_generation_promote(cx, db, device, generation);
}

/* ---- the generation ---- */

static enum err add_generation(struct ctx *cx, struct db *db, const struct decision *d) {
  int64_t seq;
  struct enroll_generation g = {.device = d->device.seq,
                                .provisional = d->provisional,
                                .identity = d->proof->hash,
                                .session = d->identity.session,
                                .topic = d->facts->topic,
                                .facts = enroll_facts_text(cx, d->facts),
                                .given = d->identity.given,
                                .replaced = d->provisional ? d->device.generation : 0,
                                .way_in = d->way_in,
                                .address = d->proof->address};
  TRY(enroll_generation_new(cx, db, &g, &seq));
  return enroll_device_set_pending(cx, db, d->device.seq, seq);
}

/* A provisional one that says again what it has said goes on waiting: the device repeats itself when an answer is lost.
 */
static enum err open_generation(struct ctx *cx, struct db *db, struct decision *d) {
  bool again = false;
  if (d->device.seq == 0) TRY(enroll_device_new(cx, db, d->ids->device, &d->device.seq));
  if (d->device.generation == 0) TRY(enroll_device_facts(cx, db, d->device.seq, d->facts));
  if (d->device.pending) TRY(enroll_displace(cx, db, d->device.seq, d->provisional ? d->proof->hash : NULL, &again));
  if (again) return enroll_generation_again(cx, db, d->device.pending, enroll_facts_text(cx, d->facts));
  if (d->device.pending) TRY(enroll_generation_drop(cx, db, d->device.pending));
  TRY(add_generation(cx, db, d));
  return d->provisional ? enroll_contest(cx, db, d->core, d->device.seq) : OK;
}

static enum err authenticated(struct ctx *cx, struct db *db, struct decision *d, bool renewal) {
  struct js *data = js_object(cx);
  js_set_string(data, "serial_number", d->facts->serial_number);
  js_set_string(data, "topic", d->facts->topic);
  js_set_bool(data, "renewal", renewal);
  js_set_bool(data, "provisional", d->provisional);
  return event_add(cx, db, "device.authenticated", d->ids->id, data);
}

enum err enroll_add_foreign(struct ctx *cx, struct db *db, struct core *core, const struct enroll_proof *proof) {
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
  enum err e = pushcert_find(cx, db, facts->topic, &ours);
  if (e == E_NOT_FOUND) {
    ctx_clear_error(cx);
    *refusal = ENROLL_TOPIC;
    return OK;
  }
  TRY(e);
  TRY(enroll_device_load(cx, db, ids->device, &d.device));
  TRY(enroll_identity_load(cx, db, proof->hash, &d.identity));
  TRY(decide(cx, db, &d, refusal));
  if (*refusal == ENROLL_MISUSED) return enroll_misused(cx, db, ids, proof);
  if (*refusal != ENROLL_FINE) return OK;
  bool renewal = is_renewal(&d);
  if (!d.identity.known) TRY(enroll_add_foreign(cx, db, core, proof));
  if (renewal)
    TRY(enroll_device_facts(cx, db, d.device.seq, facts));
  else
    TRY(open_generation(cx, db, &d));
  TRY(enroll_identity_bind(cx, db, proof->hash, ids->device, renewal ? d.device.generation : 0));
  return authenticated(cx, db, &d, renewal);
}
