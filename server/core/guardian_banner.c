/* What everybody must know now. */
#include "core/guardian_int.h"

#include "base/clock.h"
#include "base/enc.h"
#include "core/fact.h"
#include "core/guard.h"
#include "core/notice.h"
#include "core/push.h"
#include "core/pushcert.h"

#include <inttypes.h>
#include <string.h>

enum { NEAR_DAYS = 30 };

struct banner {
  struct ctx *cx;
  struct db *db;
  struct core *core;
  struct js *list;
  int64_t now;
  struct guardian_topic *topics; /* that devices listen on */
  size_t topics_n;
  struct pushcert *certs;
  size_t certs_n;
  struct guardian_date *dates;
  size_t dates_n;
};

struct item {
  const char *slug, *title, *text, *fix;
};

static void add(struct banner *b, struct item i) {
  struct js *o = js_object(b->cx);
  js_set_string(o, "slug", i.slug);
  js_set_string(o, "title", i.title);
  js_set_string(o, "text", i.text);
  js_set_string(o, "fix", i.fix);
  js_add(b->list, o);
}

/* ---- dates ---- */

static void add_expired(struct banner *b, const struct guardian_date *d) {
  add(b, (struct item){"pushcert-expired", ctx_printf(b->cx, "%s %s", d->name, guardian_when(b->cx, d, b->now)),
                       "Devices cannot be woken, but nothing is lost: they stay enrolled, apps and settings on them "
                       "stay, and commands wait in their queue until a renewed certificate is imported; then all who "
                       "are waited for are woken. Until then new devices cannot enroll.",
                       d->fix});
}

static bool is_expired_pushcert(const struct banner *b, const struct guardian_date *d) {
  return strcmp(d->kind, "pushcert") == 0 && d->at <= b->now;
}

static enum err dates(struct banner *b) {
  const struct guardian_date *all = b->dates;
  size_t n = b->dates_n;
  for (size_t i = 0; i < n; i++)
    if (is_expired_pushcert(b, &all[i])) add_expired(b, &all[i]);
  for (size_t i = 0; i < n; i++) {
    const struct guardian_date *d = &all[i];
    int step;
    if (guardian_reached(d, b->now, &step) && step <= NEAR_DAYS && !is_expired_pushcert(b, d))
      add(b, (struct item){ctx_printf(b->cx, "%s-%s", d->kind,
                                      d->due            ? "due"
                                      : d->at <= b->now ? "ended"
                                                        : "ending"),
                           ctx_printf(b->cx, "%s %s", d->name, guardian_when(b->cx, d, b->now)), d->effect, d->fix});
  }
  return OK;
}

/* ---- push certificates ---- */

static enum err no_pushcert(struct banner *b) {
  if (b->certs_n == 0)
    add(b, (struct item){"pushcert-none", "There is no push certificate",
                         "Without one no device can enroll, and none can be woken.",
                         "Make a request (`pomona pushcert csr`), have it signed, upload it at "
                         "https://identity.apple.com/pushcert, and import what Apple gives: `pomona pushcert import "
                         "FILE`."});
  return OK;
}

static enum err missing_topics(struct banner *b) {
  for (size_t i = 0; i < b->topics_n; i++)
    if (!b->topics[i].certificate)
      add(b, (struct item){"pushcert-missing",
                           ctx_printf(b->cx, "There is no push certificate for the topic %s", b->topics[i].topic),
                           ctx_printf(b->cx, "%" PRId64 " enrollments listen on it and cannot be woken.",
                                      b->topics[i].enrollments),
                           "Import the certificate with that UID; if it is lost for good, they must enroll anew: "
                           "`pomona pushcert move`."});
  return OK;
}

/* What Apple says of a certificate that has not ended. */
static void judge(struct banner *b, const struct pushcert *c, const char *people, const char *stopped) {
  const char *said = c->proof_text ? c->proof_text : "";
  bool refused = c->proof && strcmp(c->proof, "refused") == 0;
  bool unproven = c->proof && strcmp(c->proof, "unreachable") == 0 && !c->proven_at;
  const char *name = ctx_printf(b->cx, "push certificate %s (serial number %s)", c->topic, c->serial_number);
  if (refused)
    add(b, (struct item){"pushcert-refused", ctx_printf(b->cx, "Apple refuses the %s", name),
                         ctx_printf(b->cx, "%s. The %" PRId64 " enrollments that listen on it cannot be woken.", said,
                                    c->enrollments),
                         ctx_printf(b->cx,
                                    "It was probably revoked, or renewed elsewhere since. Look at its row in "
                                    "https://identity.apple.com/pushcert (%s), press Renew there, and import the new "
                                    "one.",
                                    people)});
  else if (stopped)
    add(b, (struct item){"push-stopped", ctx_printf(b->cx, "Pushes to the topic %s are stopped", c->topic), stopped,
                         ctx_printf(b->cx,
                                    "They begin again by themselves once it is mended. `pomona why --fleet` tells what "
                                    "it is and what to do, `pomona doctor` looks at the certificate and at the way to "
                                    "Apple (%s).",
                                    people)});
  else if (unproven)
    add(b, (struct item){"pushcert-unproven", ctx_printf(b->cx, "The %s is not proven", name),
                         ctx_printf(b->cx, "Apple could not be asked whether it takes it: %s.", said),
                         "It is asked again by itself; `pomona doctor` says what stands in the way to Apple."});
}

static enum err proofs(struct banner *b) {
  const struct pushcert *certs = b->certs;
  for (size_t i = 0; i < b->certs_n; i++) {
    const char *stopped;
    struct pushcert_record r;
    if (certs[i].superseded_at || certs[i].not_after <= b->now) continue;
    TRY(push_topic_hindrance(b->cx, b->db, certs[i].topic, &stopped));
    TRY(pushcert_record_read(b->cx, b->db, certs[i].topic, &r));
    judge(b, &certs[i], pushcert_people(b->cx, &r), stopped);
  }
  return OK;
}

static enum err ways_to_apple(struct banner *b) {
  struct push_link *links;
  size_t n;
  TRY(push_links(b->cx, b->db, &links, &n));
  for (size_t i = 0; i < n; i++) {
    struct pushcert c;
    if (links[i].up || pushcert_find(b->cx, b->db, links[i].topic, &c) != OK || c.not_after <= b->now) {
      ctx_clear_error(b->cx);
      continue;
    }
    add(b, (struct item){"apns-unreachable",
                         ctx_printf(b->cx, "The way to Apple's push service is shut for the topic %s since %s",
                                    links[i].topic, enc_time(b->cx, links[i].since)),
                         ctx_printf(b->cx, "%s. Devices are not woken; wake-ups and commands wait.", links[i].text),
                         "`pomona doctor` tries every way and says what stands in it."});
  }
  return OK;
}

static enum err several_topics(struct banner *b) {
  const char *names = "";
  for (size_t i = 0; i < b->topics_n; i++)
    names =
        ctx_printf(b->cx, "%s%s%s (%" PRId64 ")", names, i ? ", " : "", b->topics[i].topic, b->topics[i].enrollments);
  if (b->topics_n > 1)
    add(b,
        (struct item){"topics-several", ctx_printf(b->cx, "Devices listen on %zu topics", b->topics_n),
                      ctx_printf(b->cx, "%s. A device hears only pushes of the topic that it enrolled with.", names),
                      "Renew the certificate of each, with its own Apple Account, as long as devices listen on it."});
  return OK;
}

/* ---- who stands behind them ---- */

static enum err record_of(struct banner *b, const char *topic) {
  struct pushcert_record r;
  struct pushcert_warning *all;
  size_t n;
  const char *text = "";
  TRY(pushcert_record_read(b->cx, b->db, topic, &r));
  TRY(pushcert_record_warnings(b->cx, &r, &all, &n));
  for (size_t i = 0; i < n; i++) text = ctx_printf(b->cx, "%s%s%s", text, i ? ", " : "", all[i].slug);
  if (n)
    add(b, (struct item){"record",
                         ctx_printf(b->cx, "%zu thing%s to settle about who can renew %s", n, n == 1 ? "" : "s", topic),
                         text, "`pomona pushcert record` says what each is about, and takes the answers."});
  return OK;
}

static enum err records(struct banner *b) {
  for (size_t i = 0; i < b->topics_n; i++)
    if (b->topics[i].certificate) TRY(record_of(b, b->topics[i].topic));
  return OK;
}

/* ---- notices ---- */

static enum err command_child(struct banner *b) {
  if (!notify_child_alive(b->core->notify_child))
    add(b, (struct item){"notify-command-dead", "The process that runs notify-command has died",
                         "Notices do not reach the command any more.", "Restart the server."});
  return OK;
}

/* ---- the server itself ---- */

static enum err disk(struct banner *b) {
  char *text;
  struct js *o;
  int64_t used = 0, mib = 0;
  TRY(fact_read(b->cx, b->db, GUARD_DISK_FULL, &text));
  if (!text) return OK;
  TRY(js_parse(b->cx, slice_of(text), &o));
  (void)js_int(js_get(o, "used_percent"), &used);
  (void)js_int(js_get(o, "free_mib"), &mib);
  add(b, (struct item){"disk-filling", ctx_printf(b->cx, "The disk of the data folder is full to %" PRId64 " %%", used),
                       ctx_printf(b->cx,
                                  "%" PRId64 " MiB were left when this was noticed. When none are, devices are refused "
                                  "until there is room.",
                                  mib),
                       ctx_printf(b->cx, "Make room on the disk of %s.", core_conf(b->core)->data)});
  return OK;
}

static enum err wrong_clock(struct banner *b) {
  struct guard_clock c;
  TRY(guard_clock_read(b->cx, b->db, &c));
  if (guard_clock_wrong(&c))
    add(b, (struct item){"clock-wrong",
                         ctx_printf(b->cx, "The server's clock is %s %s",
                                    enc_age(b->cx, c.ahead_us > 0 ? c.ahead_us : -c.ahead_us),
                                    c.ahead_us > 0 ? "ahead" : "behind"),
                         "Certificates look expired, or not yet valid.", "Set it, best by a time service (NTP)."});
  return OK;
}

/* Where it never led here from inside, that may only be the network's way (guard_url_probed). */
static enum err address(struct banner *b) {
  const char *url = core_conf(b->core)->public_url;
  struct js *last;
  bool ok = true;
  int64_t status = 0;
  TRY(guard_url_probed(b->cx, b->db, url, &last));
  (void)js_bool(js_get(last, "ok"), &ok);
  (void)js_int(js_get(last, "status"), &status);
  if (!ok && (status || js_str(last, "ok_at")))
    add(b, (struct item){"url-unreachable", ctx_printf(b->cx, "%s does not lead here", url),
                         ctx_printf(b->cx, "Devices were told to come there: %s.", js_str(last, "error")),
                         "Bring name, port and route back; `pomona doctor` looks again at once."});
  return OK;
}

/* ---- the fleet ---- */

/* core/why.h raises it, and leaves it as a fact. */
static enum err fleet_alarm(struct banner *b) {
  char *fact;
  struct js *alarm;
  TRY(fact_read(b->cx, b->db, "fleet.alarm", &fact));
  if (!fact) return OK;
  TRY(js_parse(b->cx, slice_of(fact), &alarm));
  add(b, (struct item){"fleet-alarm", ctx_printf(b->cx, "Devices go dark since %s", js_str(alarm, "since")),
                       js_str(alarm, "text"), "`pomona why --fleet` tells why, and what to do."});
  return OK;
}

/* What is most urgent comes first. A new thing to know is a row here. */
static enum err (*const providers[])(struct banner *b) = {disk,           wrong_clock,    address,       no_pushcert,
                                                          missing_topics, fleet_alarm,    dates,         proofs,
                                                          ways_to_apple,  several_topics, command_child, records};

static enum err fill(struct ctx *cx, struct db *db, struct core *core, struct banner *b) {
  *b = (struct banner){.cx = cx, .db = db, .core = core, .list = js_array(cx), .now = clock_now_us()};
  TRY(guardian_topics(cx, db, &b->topics, &b->topics_n));
  TRY(pushcert_list(cx, db, &b->certs, &b->certs_n));
  TRY(guardian_dates_of(cx, db, core, &(struct guardian_certs){b->certs, b->certs_n}, &b->dates, &b->dates_n));
  for (size_t i = 0; i < sizeof providers / sizeof *providers; i++) TRY(providers[i](b));
  return OK;
}

enum err guardian_banner(struct ctx *cx, struct db *db, struct core *core, struct js **out) {
  struct banner b;
  TRY(fill(cx, db, core, &b));
  *out = b.list;
  return OK;
}

enum err guardian_page(struct ctx *cx, struct db *db, struct core *core, struct js **banner, struct js **list) {
  struct banner b;
  TRY(fill(cx, db, core, &b));
  *banner = b.list;
  *list = guardian_list_of(cx, core, b.dates, b.dates_n);
  return OK;
}
