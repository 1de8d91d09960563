/* Provisional generations: what lets them in, and what ends them. */
#include "core/enroll_int.h"

#include "base/clock.h"
#include "base/enc.h"
#include "base/log.h"
#include "base/secret.h"
#include "core/event.h"
#include "core/push.h"

#include <stdlib.h>
#include <string.h>

/* How long the one in force may take to answer a push. A link of many uses is in many hands. */
static const int64_t SHORTER_WAIT = 15 * US_MINUTE, LONGER_WAIT = 24 * US_HOUR;

/* Who revokes a link when no operator did. */
#define REVOKER "takeover"

/* ---- what is told ---- */

static struct js *told(struct ctx *cx, const struct enroll_case *c) {
  struct js *data = js_object(cx);
  if (c->t.link) js_set_int(data, "link", c->t.link);
  js_set_string(data, "link_by", c->t.link_by);
  js_set_string(data, "certificate", enc_hex(cx, (const uint8_t *)c->identity.p, c->identity.n));
  js_set_string(data, "address", c->t.address);
  js_set_string(data, "former_address", c->t.former_address);
  return data;
}

/* Each of these is something that an operator wants to know of. */
static enum err tell(struct ctx *cx, struct db *db, const char *kind, const struct enroll_case *c, struct js *data) {
  log_warn(cx, kind, LOG_S("id", c->t.id), LOG_I("link", c->t.link), LOG_S("link_by", c->t.link_by),
           LOG_S("address", c->t.address), LOG_S("former_address", c->t.former_address));
  return event_add(cx, db, kind, c->t.id, data);
}

/* ---- it comes ---- */

static enum err wake(struct ctx *cx, struct db *db, struct core *core, int64_t device) {
  struct enroll_channels channels;
  TRY(enroll_reachable(cx, db, device, &channels));
  for (size_t i = 0; i < channels.n; i++) TRY(push_due(cx, db, core, channels.seq[i], PUSH_ASKED, 0, NULL, NULL));
  return OK;
}

enum err enroll_contest(struct ctx *cx, struct db *db, struct core *core, int64_t device) {
  struct enroll_case c;
  TRY(enroll_case_load(cx, db, 0, device, &c));
  TRY(wake(cx, db, core, device));
  return tell(cx, db, "takeover.provisional", &c, told(cx, &c));
}

enum err enroll_contest_anew(struct ctx *cx, struct db *db, struct core *core, int64_t device) {
  struct enroll_case c;
  TRY(enroll_case_load(cx, db, 0, device, &c));
  if (!c.t.generation) return OK;
  TRY(enroll_case_anew(cx, db, c.t.generation, clock_now_us()));
  return wake(cx, db, core, device);
}

enum err enroll_displace(struct ctx *cx, struct db *db, int64_t device, const uint8_t *identity, bool *again) {
  struct enroll_case c;
  *again = false;
  TRY(enroll_case_load(cx, db, 0, device, &c));
  if (!c.t.generation) return OK;
  *again = identity && slice_eq(c.identity, slice_mem(identity, SHA256_LEN));
  return *again ? OK : tell(cx, db, "takeover.displaced", &c, told(cx, &c));
}

/* ---- what proves that the one in force is gone ---- */

static int64_t wait_us(const struct core *core, const struct enroll_case *c) {
  int64_t wait = core_conf(core)->takeover_wait_us;
  if (wait) return wait;
  return c->uses_max == 1 ? SHORTER_WAIT : LONGER_WAIT;
}

/* A device keeps its push token when it is enrolled anew, and nobody else knows it. */
static bool has_token(const struct enroll_case *c) {
  return c->token.n && c->token.n == c->held_token.n && secret_equal(c->token.p, c->held_token.p, c->token.n);
}

static bool is_pushed(const struct enroll_case *c) { return c->token.n && slice_eq(c->pushed, c->token); }

static bool is_unregistered(const struct enroll_case *c) {
  return is_pushed(c) && c->status == 410 && c->dead_at && c->gone_at > c->token_at && c->gone_at > c->t.former_seen;
}

/* Of a migrated device that was never seen here nobody knows whether it can reach this server at all. */
static bool has_spoken(const struct enroll_case *c) { return !c->former_known || c->t.former_seen >= c->fetched_at; }

void enroll_listens(struct core *core, int64_t now, int64_t lead) {
  int64_t before = atomic_exchange(&core->clock_lead, lead);
  if (!before || llabs(lead - before) > US_MINUTE) atomic_store(&core->heard_since, now);
}

/* Nobody is heard while the server is down: it has to be up for as long as the shorter wait is. */
static int64_t silent_at(const struct core *core, const struct enroll_case *c) {
  int64_t wait = wait_us(core, c), up = wait < SHORTER_WAIT ? wait : SHORTER_WAIT;
  int64_t asked = c->t.woken_at + wait, heard = atomic_load(&core->heard_since) + up;
  if (!c->t.woken_at || has_spoken(c)) return 0;
  return asked > heard ? asked : heard;
}

static const char *way_in(const struct core *core, const struct enroll_case *c, int64_t now) {
  int64_t silent = silent_at(core, c);
  if (!c->t.held || c->blocked) return NULL;
  if (c->t.accepted_by) return "operator";
  if (has_token(c)) return "token";
  if (is_unregistered(c)) return "unregistered";
  return silent && silent <= now ? "silence" : NULL;
}

enum err enroll_takeovers(struct ctx *cx, struct db *db, struct core *core, int64_t device,
                          struct enroll_takeover **out, size_t *n) {
  struct enroll_case *cases;
  size_t all;
  TRY(enroll_cases(cx, db, &cases, &all));
  *out = ctx_alloc(cx, all * sizeof **out);
  *n = 0;
  for (size_t i = 0; i < all; i++) {
    if (device && cases[i].t.device != device) continue;
    cases[i].t.former_spoke = has_spoken(&cases[i]);
    cases[i].t.silent_at = silent_at(core, &cases[i]);
    (*out)[(*n)++] = cases[i].t;
  }
  return OK;
}

/* ---- it comes into force ---- */

static enum err take(struct ctx *cx, struct db *db, const struct enroll_case *c, const char *way) {
  struct js *data = told(cx, c);
  js_set_string(data, "way", way);
  js_set_string(data, "by", c->t.accepted_by);
  if (strcmp(way, "silence") == 0) TRY(enroll_held_save(cx, db, c->t.device, c->former));
  TRY(enroll_promote(cx, db, c->t.device, c->t.generation));
  TRY(enroll_generation_way_in(cx, db, c->t.generation, way));
  TRY(enroll_held_apply(cx, db, c->t.device, c->t.generation));
  TRY(tell(cx, db, "takeover.in-force", c, data));
  struct js *enrolled = js_object(cx);
  js_set_string(enrolled, "topic", c->held_topic);
  return event_add(cx, db, "device.enrolled", c->t.id, enrolled);
}

enum err enroll_takeover_check(struct ctx *cx, struct db *db, struct core *core, int64_t generation, int64_t now,
                               bool *came) {
  struct enroll_case c;
  *came = false;
  TRY(enroll_case_load(cx, db, generation, 0, &c));
  if (!c.t.generation) return OK;
  if (!c.t.woken_at && is_pushed(&c) && c.status == 200 && c.sent_at >= c.t.since) {
    c.t.woken_at = c.sent_at;
    TRY(enroll_case_woken(cx, db, generation, c.sent_at));
  }
  const char *way = way_in(core, &c, now);
  if (!way) return OK;
  *came = true;
  return take(cx, db, &c, way);
}

/* ---- it is ended ---- */

static enum err refuse(struct ctx *cx, struct db *db, const struct enroll_case *c, const char *by) {
  struct js *data = told(cx, c);
  js_set_string(data, "by", by);
  TRY(enroll_claims_end(cx, db, c->t.device, c->t.generation, by ? by : REVOKER));
  return tell(cx, db, "takeover.refused", c, data);
}

enum err enroll_defend(struct ctx *cx, struct db *db, const struct enroll_ids *ids, const struct enroll_proof *proof,
                       const struct enroll_channel *ch) {
  struct enroll_case c;
  (void)ids;
  TRY(enroll_case_load(cx, db, 0, ch->device, &c));
  if (!c.t.generation) return OK;
  c.t.former_address = ctx_strdup(cx, proof->address);
  return refuse(cx, db, &c, NULL);
}

enum err enroll_win_back(struct ctx *cx, struct db *db, const struct enroll_ids *ids, const struct enroll_proof *proof,
                         bool *won) {
  struct enroll_device device;
  struct enroll_loss loss;
  struct js *data = js_object(cx);
  *won = false;
  TRY(enroll_device_load(cx, db, ids->device, &device));
  TRY(enroll_lost_to(cx, db, device.seq, proof->hash, &loss));
  if (!loss.usurper) return OK;
  *won = true;
  TRY(enroll_claims_end(cx, db, device.seq, loss.usurper, REVOKER));
  TRY(enroll_generation_restore(cx, db, device.seq, &loss));
  js_set_string(data, "certificate", enc_hex(cx, proof->hash, sizeof proof->hash));
  js_set_string(data, "address", proof->address);
  log_warn(cx, "takeover.won-back", LOG_S("id", ids->device), LOG_S("address", proof->address));
  return event_add(cx, db, "takeover.won-back", ids->device, data);
}

/* ---- operators ---- */

static enum err named_case(struct ctx *cx, struct db *db, const char *device_id, struct enroll_case *c) {
  struct enroll_device device;
  TRY(enroll_device_load(cx, db, device_id, &device));
  if (!device.seq) return FAIL(cx, E_NOT_FOUND, "there is no device %s", device_id);
  TRY(enroll_case_load(cx, db, 0, device.seq, c));
  return c->t.generation ? OK : FAIL(cx, E_CONFLICT, "nothing is held that claims to be %s", device_id);
}

enum err enroll_accept(struct ctx *cx, struct db *db, struct core *core, const char *device_id, const char *by,
                       int64_t *came) {
  struct enroll_case c;
  bool now;
  *came = 0;
  TRY(named_case(cx, db, device_id, &c));
  TRY(enroll_case_accepted(cx, db, c.t.generation, by));
  struct js *data = told(cx, &c);
  js_set_string(data, "by", by);
  TRY(tell(cx, db, "takeover.accepted", &c, data));
  TRY(enroll_takeover_check(cx, db, core, c.t.generation, clock_now_us(), &now));
  if (now) *came = c.t.device;
  return OK;
}

enum err enroll_refuse(struct ctx *cx, struct db *db, const char *device_id, const char *by) {
  struct enroll_case c;
  TRY(named_case(cx, db, device_id, &c));
  return refuse(cx, db, &c, by);
}
