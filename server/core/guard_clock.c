/* Is the clock right? APNs tells its time with each answer to a probe. */
#include "core/guard.h"

#include "base/clock.h"
#include "base/enc.h"
#include "base/log.h"
#include "core/fact.h"
#include "core/push.h"
#include "core/pushcert.h"
#include "lib/net_addr.h"

#include <inttypes.h>
#include <stdlib.h>

/* When it is asked again. Wrong: soon, so that the end of the trouble shows. */
#define AGAIN_RIGHT US_DAY
#define AGAIN_UNREACHED US_HOUR
#define AGAIN_WRONG (5 * US_MINUTE)
#define PROBE_US (15 * US_SECOND)

bool guard_clock_wrong(const struct guard_clock *c) {
  return c->at && llabs((long long)c->ahead_us) > GUARD_CLOCK_MOST;
}

enum err guard_clock_read(struct ctx *cx, struct db *db, struct guard_clock *out) {
  char *text;
  struct js *o;
  *out = (struct guard_clock){0};
  TRY(fact_read(cx, db, "guard.clock", &text));
  if (!text || js_parse(cx, slice_of(text), &o) != OK) return ctx_clear_error(cx), OK;
  bool whole = js_int(js_get(o, "ahead_us"), &out->ahead_us) && js_int(js_get(o, "at_us"), &out->at);
  if (!whole) out->at = 0;
  (void)js_int(js_get(o, "next_us"), &out->next);
  out->from = js_str(o, "from");
  return OK;
}

static enum err note_job(struct ctx *cx, struct db *db, void *arg) {
  const struct guard_clock *c = arg;
  struct js *o = js_object(cx);
  js_set_int(o, "ahead_us", c->ahead_us);
  js_set_int(o, "at_us", c->at);
  js_set_int(o, "next_us", c->next);
  js_set_string(o, "from", c->from);
  return fact_write(cx, db, "guard.clock", js_text(cx, o, JS_COMPACT).p);
}

enum err guard_clock_note(struct ctx *cx, struct core *core, const char *from, int64_t theirs) {
  struct guard_clock c = {.at = clock_now_us(), .from = from};
  c.ahead_us = c.at - theirs;
  c.next = c.at + (guard_clock_wrong(&c) ? AGAIN_WRONG : AGAIN_RIGHT);
  if (guard_clock_wrong(&c))
    log_error(cx, "the server's clock is off: certificates may look expired, or not yet valid",
              LOG_I("ahead_s", c.ahead_us / US_SECOND), LOG_S("told_by", from));
  return db_call(cx, core->store, note_job, &c);
}

/* By any certificate, for whatever Apple thinks of it, it tells the time. */
static enum err ask_apns(struct ctx *cx, struct core *core, struct db *db, struct push_probe *said) {
  struct pushcert *certs;
  struct slice cert_pem, key_pem;
  int64_t not_after;
  size_t n, i = 0;
  TRY(pushcert_list(cx, db, &certs, &n));
  while (i < n && certs[i].superseded_at) i++;
  if (i == n) return OK;
  TRY(pushcert_open(cx, db, core, certs[i].topic, &cert_pem, &key_pem, &not_after));
  return push_probe(cx, core, certs[i].topic, cert_pem, key_pem, 0, PROBE_US, said);
}

enum err guard_clock_chore(struct ctx *cx, struct core *core) {
  struct push_probe said = {.date = 0};
  struct guard_clock last;
  struct url url;
  struct db *db;
  TRY(db_reader(cx, core->store, &db));
  TRY(guard_clock_read(cx, db, &last));
  int64_t wait = last.next - clock_now_us(); /* of more than a day: the clock was set back since */
  if ((wait > 0 && wait <= US_DAY) || !core->push) return OK;
  TRY(ask_apns(cx, core, db, &said));
  if (!said.date) {
    last.next = clock_now_us() + (said.status ? AGAIN_RIGHT : AGAIN_UNREACHED);
    return db_call(cx, core->store, note_job, &last);
  }
  TRY(url_parse(cx, &url, core_conf(core)->apns_url));
  return guard_clock_note(cx, core, url.host, said.date);
}
