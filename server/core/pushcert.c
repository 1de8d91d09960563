#include "core/pushcert_int.h"

#include "base/clock.h"
#include "base/enc.h"
#include "core/event.h"
#include "core/vault.h"

#include <string.h>

const char *pushcert_sealed_about(struct ctx *cx, struct slice hash) {
  return ctx_printf(cx, "pushcert.key_sealed %s", enc_hex(cx, hash.p, hash.n));
}

/* The event, and the line of the history with the Apple Account of that time. */
static enum err tell(struct ctx *cx, struct db *db, const struct pushcert *c, const char *act, const char *by) {
  struct js *data = js_object(cx), *detail = js_object(cx);
  struct pushcert_record record;
  TRY(pushcert_record_read(cx, db, c->topic, &record));
  js_set_string(detail, "apple_account", record.apple_account);
  TRY(pushcert_history_add(cx, db, c->topic, c->seq, act, by, detail));
  js_set_string(data, "topic", c->topic);
  js_set_string(data, "serial_number", c->serial_number);
  js_set_time(data, "not_after", c->not_after);
  js_set_string(data, "by", by);
  return event_add(cx, db, ctx_printf(cx, "pushcert.%s", act), NULL, data);
}

/* ---- taking in ---- */

static enum err seal(struct ctx *cx, struct core *core, const struct pushcert_pair *pair, struct slice *out) {
  const char *about = pushcert_sealed_about(cx, slice_mem(pair->hash, sizeof pair->hash));
  return vault_seal(cx, core->vault, about, pair->key_pem, out);
}

static enum err insert(struct ctx *cx, struct db *db, struct core *core, const struct pushcert_pair *pair,
                       const char *by) {
  struct slice sealed;
  int64_t now = clock_now_us();
  TRY(seal(cx, core, pair, &sealed));
  TRY(pushcert_supersede(cx, db, pair->about.topic, now));
  TRY(pushcert_insert(cx, db, pair, sealed, by, now));
  return pushcert_key_used(cx, db, pair->public_hash, now);
}

static enum err reinstate(struct ctx *cx, struct db *db, const struct pushcert *c) {
  TRY(pushcert_supersede(cx, db, c->topic, clock_now_us()));
  return pushcert_reinstate(cx, db, c->seq);
}

/* Once more: what is stored of it may be sealed under a secret key that was lost, or lack its chain. */
static enum err refresh(struct ctx *cx, struct db *db, struct core *core, const struct pushcert_pair *pair,
                        int64_t seq) {
  struct slice sealed;
  TRY(seal(cx, core, pair, &sealed));
  return pushcert_refresh(cx, db, seq, pair->cert_pem, sealed);
}

/* In use, if it was not already. */
static enum err take(struct ctx *cx, struct db *db, struct core *core, const struct pushcert_pair *pair,
                     const char *by) {
  struct pushcert known;
  enum err e = pushcert_by_hash(cx, db, pair->hash, &known);
  if (e == OK) {
    TRY(refresh(cx, db, core, pair, known.seq));
    if (!known.superseded_at) return OK;
    TRY(reinstate(cx, db, &known));
  } else if (e == E_NOT_FOUND) {
    ctx_clear_error(cx);
    TRY(insert(cx, db, core, pair, by));
    TRY(pushcert_by_hash(cx, db, pair->hash, &known));
  } else {
    return e;
  }
  return tell(cx, db, &known, "imported", by);
}

enum err pushcert_store(struct ctx *cx, struct db *db, struct core *core, const struct pushcert_pair *pair,
                        const char *by, unsigned allow) {
  struct pushcert now;
  TRY(pushcert_guard(cx, db, pair, allow));
  TRY(take(cx, db, core, pair, by));
  if (!(allow & PUSHCERT_NEW_TOPIC)) return OK;
  TRY(pushcert_by_hash(cx, db, pair->hash, &now));
  return pushcert_history_add(cx, db, now.topic, now.seq, "new-topic", by, NULL);
}

/* ---- going back ---- */

static bool is_serial(struct ctx *cx, const struct pushcert *c, const char *serial_number) {
  const char *decimal = enc_decimal(cx, c->serial_number);
  return slice_ieq(slice_of(serial_number), c->serial_number) || (decimal && strcmp(serial_number, decimal) == 0);
}

/* The topic that is meant when none is named: the only one. */
static enum err only_topic(struct ctx *cx, const struct pushcert *all, size_t n, const char **topic) {
  for (size_t i = 0; i < n; i++) {
    if (*topic && strcmp(*topic, all[i].topic) != 0)
      return FAIL(cx, E_INVALID,
                  "there are certificates of several topics: say which with --topic, or name a serial number");
    *topic = all[i].topic;
  }
  return OK;
}

static enum err none_to_go_back_to(struct ctx *cx, const char *topic, const char *serial_number) {
  if (serial_number)
    return FAIL(cx, E_NOT_FOUND,
                "there is no push certificate with the serial number %s%s%s; `pomona pushcert "
                "history` lists them",
                serial_number, topic ? " of the topic " : "", topic ? topic : "");
  return FAIL(cx, E_NOT_FOUND, "there is no former push certificate of the topic %s that is still valid",
              topic ? topic : "asked for");
}

static enum err check_former(struct ctx *cx, const struct pushcert *c) {
  if (!c->superseded_at)
    return FAIL(cx, E_CONFLICT, "the push certificate with the serial number %s is in use already", c->serial_number);
  if (c->not_after > clock_now_us()) return OK;
  return FAIL(cx, E_CONFLICT, "the push certificate with the serial number %s ended on %s: renew it instead",
              c->serial_number, enc_time(cx, c->not_after));
}

enum err pushcert_former(struct ctx *cx, struct db *db, const char *topic, const char *serial_number,
                         struct pushcert *out) {
  struct pushcert *all;
  size_t n, found;
  TRY(pushcert_list(cx, db, &all, &n));
  if (!serial_number && !topic) TRY(only_topic(cx, all, n, &topic));
  found = n;
  for (size_t i = 0; i < n; i++) {
    const struct pushcert *c = &all[i];
    if (topic && strcmp(topic, c->topic) != 0) continue;
    if (serial_number ? !is_serial(cx, c, serial_number) : !c->superseded_at || c->not_after <= clock_now_us())
      continue;
    if (found == n || c->superseded_at > all[found].superseded_at) found = i;
  }
  if (found == n) return none_to_go_back_to(cx, topic, serial_number);
  *out = all[found];
  return check_former(cx, out);
}

enum err pushcert_rollback(struct ctx *cx, struct db *db, const struct pushcert *former, const char *by) {
  struct pushcert now;
  TRY(pushcert_by_seq(cx, db, former->seq, &now));
  TRY(check_former(cx, &now));
  TRY(reinstate(cx, db, &now));
  return tell(cx, db, &now, "rolled-back", by);
}

enum err pushcert_withdraw(struct ctx *cx, struct db *db, const char *topic, const char *by) {
  struct pushcert c;
  int64_t used;
  char *other;
  TRY(pushcert_find(cx, db, topic, &c));
  TRY(pushcert_used(cx, db, topic, &used));
  if (used)
    return FAIL(cx, E_CONFLICT,
                "there is no former push certificate of the topic %s to go back to, and enrollments "
                "have that topic: its certificate stays",
                topic);
  TRY(pushcert_supersede(cx, db, topic, clock_now_us()));
  enum err e = pushcert_topic(cx, db, &other);
  if (e == E_NOT_FOUND)
    return ctx_clear_error(cx),
           FAIL(cx, E_CONFLICT, "the push certificate of the topic %s is the only one that is valid", topic);
  TRY(e);
  return tell(cx, db, &c, "withdrawn", by);
}

/* ---- using ---- */

enum err pushcert_open_one(struct ctx *cx, struct db *db, struct core *core, const struct pushcert *c,
                           struct slice *cert_pem, struct slice *key_pem) {
  struct slice sealed, hash;
  TRY(pushcert_row(cx, db, c->seq, cert_pem, &sealed, &hash));
  if (vault_unseal(cx, core->vault, pushcert_sealed_about(cx, hash), sealed, key_pem) == OK) return OK;
  ctx_clear_error(cx);
  return FAIL(cx, E_INVALID,
              "the key of the push certificate for %s does not open with this server's secret key: put the secret "
              "key back that it was stored under, or import certificate and key again",
              c->topic);
}

enum err pushcert_open(struct ctx *cx, struct db *db, struct core *core, const char *topic, struct slice *cert_pem,
                       struct slice *key_pem, int64_t *not_after) {
  struct pushcert c;
  TRY(pushcert_find(cx, db, topic, &c));
  *not_after = c.not_after;
  return pushcert_open_one(cx, db, core, &c, cert_pem, key_pem);
}

const char *pushcert_state(const struct pushcert *c, int64_t now) {
  if (c->superseded_at) return "superseded";
  if (c->not_after <= now) return "expired";
  if (c->proof && strcmp(c->proof, "refused") == 0) return "revoked";
  return c->not_after - now <= 30 * US_DAY ? "expiring" : "ok";
}
