#include "core/pushcert_int.h"

#include "base/clock.h"
#include "base/enc.h"
#include "core/event.h"
#include "core/vault.h"

#include <inttypes.h>
#include <string.h>

static enum err check_topic(struct ctx *cx, struct db *db, const char *topic) {
  int64_t here, elsewhere;
  char *other;
  TRY(pushcert_listeners(cx, db, topic, &here, &elsewhere, &other));
  if (here > 0 || elsewhere == 0) return OK;
  return FAIL(cx, E_CONFLICT,
              "this certificate is for the topic %s, but the %" PRId64 " enrolled devices listen on %s and could "
              "not be woken with it: renew that certificate (Renew, never Create, with the same Apple Account), "
              "or allow the new topic for devices that enroll from now on",
              topic, elsewhere, other);
}

static const char *sealed_about(struct ctx *cx, struct slice hash) {
  return ctx_printf(cx, "pushcert.key_sealed %s", enc_hex(cx, hash.p, hash.n));
}

static enum err tell(struct ctx *cx, struct db *db, const struct pushcert *c, const char *by) {
  struct js *data = js_object(cx);
  js_set_string(data, "topic", c->topic);
  js_set_string(data, "serial_number", c->serial_number);
  js_set_time(data, "not_after", c->not_after);
  js_set_string(data, "by", by);
  return event_add(cx, db, "pushcert.imported", NULL, data);
}

enum err pushcert_store(struct ctx *cx, struct db *db, struct core *core, const struct pushcert_pair *pair,
                        const char *by, bool new_topic) {
  bool known;
  struct slice sealed;
  int64_t now = clock_now_us();
  TRY(pushcert_has(cx, db, pair->hash, &known));
  if (known) return OK;
  if (!new_topic) TRY(check_topic(cx, db, pair->about.topic));
  TRY(vault_seal(cx, core->vault, sealed_about(cx, slice_mem(pair->hash, sizeof pair->hash)), pair->key_pem, &sealed));
  TRY(pushcert_supersede(cx, db, pair->about.topic, now));
  TRY(pushcert_insert(cx, db, pair, sealed, by, now));
  return tell(cx, db, &pair->about, by);
}

enum err pushcert_open(struct ctx *cx, struct db *db, struct core *core, const char *topic, struct slice *cert_pem,
                       struct slice *key_pem, int64_t *not_after) {
  struct slice sealed, hash;
  TRY(pushcert_row(cx, db, topic, cert_pem, &sealed, &hash, not_after));
  if (vault_unseal(cx, core->vault, sealed_about(cx, hash), sealed, key_pem) == OK) return OK;
  ctx_clear_error(cx);
  return FAIL(cx, E_INVALID,
              "the key of the push certificate for %s does not open with this server's secret key: put the secret "
              "key back that it was stored under, or import certificate and key again",
              topic);
}

const char *pushcert_state(const struct pushcert *c, int64_t now) {
  if (c->superseded_at) return "superseded";
  if (c->not_after <= now) return "expired";
  return c->not_after - now <= 30 * US_DAY ? "expiring" : "ok";
}
