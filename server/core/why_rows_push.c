/* What lies between us and the device by way of Apple: rows 14 to 24. */
#include "core/why_int.h"

#include "base/clock.h"
#include "base/enc.h"

#include <inttypes.h>
#include <string.h>

#define PORTAL "https://identity.apple.com/pushcert"
#define APPLE "https://api.push.apple.com"
#define TROUBLE_LEAST (5 * US_MINUTE)

/* ---- words ---- */

static const char *account(struct ctx *cx, const struct why_topic *t) {
  const char *known = t->record.apple_account;
  return known && *known ? known : ctx_strdup(cx, "the Apple Account that it was made with (not recorded)");
}

static const char *made_by(struct ctx *cx, const struct why_topic *t) {
  const char *known = t->record.apple_account;
  return known && *known ? ctx_printf(cx, "Apple Account %s", known) : "its Apple Account is not recorded";
}

static const char *devices(struct ctx *cx, const struct why_topic *t) {
  return ctx_printf(cx, t->devices == 1 ? "%" PRId64 " device" : "%" PRId64 " devices", t->devices);
}

static const char *host(const struct why_topic *t) {
  return t->link_known && t->link.host && *t->link.host ? t->link.host : APPLE;
}

/* ---- evidence ---- */

/* What the push thread found is of the certificate in use. */
static const struct push_link *link_of(const struct why_topic *t) {
  return t->link_known && t->found && t->link.pushcert == t->cert.seq ? &t->link : NULL;
}
static bool is_down(const struct push_link *l, unsigned kinds) { return l && !l->up && (kinds >> l->kind & 1); }
#define KIND(k) (1u << (k))

/* Which verdict a refusal of a whole topic speaks of, by whose fault the reason is; one that is not known says that the
   certificate is not taken. */
static const struct {
  const char *reason, *slug;
} refusals[] = {
    {"BadTopic", "pushcert-wrong-topic"},
    {"TopicDisallowed", "pushcert-wrong-topic"},
    {"BadDeviceToken", "apns-wrong-environment"},
    {"BadCertificateEnvironment", "apns-wrong-environment"},
#define APNS(status, reason, who, act, text, remedy) {reason, APNS_##who},
#define APNS_NOBODY NULL
#define APNS_DEVICE NULL
#define APNS_CERTIFICATE "pushcert-revoked"
#define APNS_NETWORK "apns-intercepted"
#define APNS_APPLE NULL
#define APNS_US NULL
#include "core/apns_reason.def"
#undef APNS
#undef APNS_NOBODY
#undef APNS_DEVICE
#undef APNS_CERTIFICATE
#undef APNS_NETWORK
#undef APNS_APPLE
#undef APNS_US
};

static const char *slug_of(const char *reason) {
  for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
    if (refusals[i].reason[0] && strcmp(refusals[i].reason, reason) == 0) return refusals[i].slug;
  return "pushcert-revoked";
}

static bool speaks_of(const char *reason, const char *slug) {
  const char *own = slug_of(reason);
  return own && strcmp(own, slug) == 0;
}

/* A probe's words end with status and reason: "(403 BadCertificate)". */
static const char *reason_in(const char *text) {
  for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
    if (refusals[i].reason[0] && strstr(text, refusals[i].reason)) return refusals[i].reason;
  return "";
}

/* Apple's word against the whole topic: of the last push, else of the last probe unless pushes were taken since. */
struct refusal {
  const char *reason, *text;
  int64_t at;
};
static bool refused(const struct why_facts *f, const char *slug, struct refusal *out) {
  const struct why_topic *t = f->topic;
  const struct push_link *l = link_of(t);
  if (!t->found || t->cert.not_after <= f->now) return false;
  if (l && l->refusal) {
    *out = (struct refusal){l->refusal, l->refusal, l->refused_at};
    return speaks_of(l->refusal, slug);
  }
  bool taken = f->wake.status == 200 && f->wake.sent_at > t->cert.probed_at;
  if (taken || !t->cert.proof || strcmp(t->cert.proof, "refused") != 0) return false;
  const char *text = t->cert.proof_text ? t->cert.proof_text : "";
  *out = (struct refusal){reason_in(text), text, t->cert.probed_at};
  return speaks_of(out->reason, slug);
}

/* The last push went to the token that the device has now, after it was seen, and was answered so. */
static bool answered(const struct why_facts *f, int status, const char *reason) {
  const struct why_wake *w = &f->wake;
  bool current = w->exists && f->enrollment.seq && slice_eq(w->token, f->enrollment.token);
  return current && w->sent_at > f->enrollment.seen && w->status == status &&
         (!reason || (w->reason && strcmp(w->reason, reason) == 0));
}

/* ---- the certificate ---- */

bool why_pushcert_none(struct ctx *cx, const struct why_facts *f, struct why_words *w) {
  const struct why_topic *t = f->topic;
  if (!t->name || (t->found && !t->key_trouble)) return false;
  const char *key = t->key_trouble ? ctx_printf(cx, " (%s)", t->key_trouble) : "";
  return why_say(w,
                 ctx_printf(cx, "There is no usable push certificate for the topic %s, on which %s listen%s%s.",
                            t->name, devices(cx, t), t->devices == 1 ? "s" : "", key),
                 ctx_printf(cx,
                            "As %s press Renew on the row with UID %s at " PORTAL " (never Create), and import the "
                            "certificate with its key: `pomona pushcert import`.",
                            account(cx, t), t->name));
}

bool why_pushcert_expired(struct ctx *cx, const struct why_facts *f, struct why_words *w) {
  const struct why_topic *t = f->topic;
  if (!t->found || t->cert.not_after > f->now) return false;
  return why_say(w,
                 ctx_printf(cx,
                            "The push certificate for %s (serial number %s) ended on %s; %s stay%s enrolled, apps and "
                            "settings stay, commands wait.",
                            t->name, t->cert.serial_number, enc_time(cx, t->cert.not_after), devices(cx, t),
                            t->devices == 1 ? "s" : ""),
                 ctx_printf(cx,
                            "Renew it as %s at " PORTAL
                            " (the row with UID %s) and import it: all %s are woken at once. "
                            "Do not create a new one.",
                            account(cx, t), t->name, devices(cx, t)));
}

static const char *how_refused(struct ctx *cx, const struct why_facts *f) {
  const struct push_link *l = link_of(f->topic);
  struct refusal r;
  bool valid = f->topic->found && f->topic->cert.not_after > f->now;
  if (valid && is_down(l, KIND(PUSH_ALERT))) return ctx_printf(cx, "since %s: %s", enc_time(cx, l->since), l->text);
  if (!refused(f, "pushcert-revoked", &r)) return NULL;
  return ctx_printf(cx, "since %s: %s", enc_time(cx, r.at), r.text);
}

bool why_pushcert_revoked(struct ctx *cx, const struct why_facts *f, struct why_words *w) {
  const struct why_topic *t = f->topic;
  const char *how = how_refused(cx, f);
  if (!how) return false;
  return why_say(
      w,
      ctx_printf(cx, "Apple refuses the push certificate for %s (serial number %s) before its end on %s, %s.", t->name,
                 t->cert.serial_number, enc_time(cx, t->cert.not_after), how),
      ctx_printf(cx,
                 "Sign in as %s at " PORTAL ": if the row with UID %s shows a later date, download and import "
                 "that certificate; if it is revoked, this topic is lost: `pomona pushcert move` plans the "
                 "re-enrollment of %s.",
                 account(cx, t), t->name, devices(cx, t)));
}

/* A former certificate of the topic that Apple may still take; NULL. */
static const char *former(struct ctx *cx, const struct why_facts *f, const char *topic) {
  struct pushcert *all;
  size_t n = 0;
  if (pushcert_list(cx, f->db, &all, &n) != OK) ctx_clear_error(cx), n = 0;
  for (size_t i = 0; i < n; i++)
    if (all[i].superseded_at && all[i].not_after > f->now && strcmp(all[i].topic, topic) == 0)
      return all[i].serial_number;
  return NULL;
}

static const char *given_topic(struct ctx *cx, const struct why_facts *f) {
  struct js *given = NULL;
  if (f->current.given && js_parse(cx, slice_of(f->current.given), &given) != OK) ctx_clear_error(cx);
  const char *topic = given ? js_str(given, "Topic") : NULL;
  return topic && *topic ? topic : NULL;
}

bool why_pushcert_wrong_topic(struct ctx *cx, const struct why_facts *f, struct why_words *w) {
  const struct why_topic *t = f->topic;
  const char *given = given_topic(cx, f);
  struct refusal r = {.reason = "DeviceTokenNotForTopic"};
  if (!t->name || !t->found) return false;
  bool other = given && strcmp(given, t->name) != 0;
  if (!other && !answered(f, 400, "DeviceTokenNotForTopic") && !refused(f, "pushcert-wrong-topic", &r)) return false;
  const char *serial = former(cx, f, other ? given : t->name);
  const char *back = serial ? ctx_printf(cx, ", or go back to the certificate with serial number %s", serial) : "";
  const char *its = other ? ctx_printf(cx, "the device was enrolled to listen on %s", given)
                          : ctx_printf(cx, "Apple says that this is not the device's (%s)", r.reason);
  return why_say(w,
                 ctx_printf(cx, "The push certificate in use (serial number %s, %s) is for the topic %s; %s.",
                            t->cert.serial_number, made_by(cx, t), t->name, its),
                 ctx_printf(cx, "Import a renewal of %s%s; else enroll the device again: %s.",
                            other ? given : "the topic that the device was enrolled with", back, why_link(cx, f)));
}

/* ---- the way to Apple ---- */

static const char *proxy_todo(const struct push_link *l) {
  if (l->kind != PUSH_PROXY) return "open TCP 443 or 2197 outbound to 17.0.0.0/8, or set `proxy`";
  return l->proxy_status == 407 ? "put the proxy's user and password into `proxy`"
                                : "mend `proxy`, or let it pass CONNECT to *.push.apple.com";
}

bool why_apns_unreachable(struct ctx *cx, const struct why_facts *f, struct why_words *w) {
  const struct why_topic *t = f->topic;
  const struct push_link *l = t->link_known ? &t->link : NULL;
  if (!is_down(l, KIND(PUSH_NAME) | KIND(PUSH_REFUSED) | KIND(PUSH_TIMEOUT) | KIND(PUSH_PROXY))) return false;
  return why_say(
      w, ctx_printf(cx, "The server cannot reach %s since %s: %s.", host(t), enc_time(cx, l->since), l->text),
      ctx_printf(cx, "Find out where it ends with `pomona doctor`, and %s; wake-ups are kept.", proxy_todo(l)));
}

bool why_apns_intercepted(struct ctx *cx, const struct why_facts *f, struct why_words *w) {
  const struct why_topic *t = f->topic;
  const struct push_link *l = t->link_known ? &t->link : NULL;
  struct refusal r = {0};
  bool stranger = is_down(l, KIND(PUSH_ISSUER));
  if (!stranger && !refused(f, "apns-intercepted", &r)) return false;
  const char *who = stranger && l->issuer ? ctx_printf(cx, " (%s)", l->issuer) : "";
  const char *how = stranger ? l->text : ctx_printf(cx, "our certificate did not arrive (%s)", r.reason);
  return why_say(w,
                 ctx_printf(cx, "A TLS inspector%s stands before Apple's push service since %s: %s.", who,
                            enc_time(cx, stranger ? l->since : r.at), how),
                 "Exempt *.push.apple.com from TLS inspection; wake-ups are kept.");
}

bool why_apns_wrong_environment(struct ctx *cx, const struct why_facts *f, struct why_words *w) {
  const struct why_topic *t = f->topic;
  struct refusal r;
  if (!refused(f, "apns-wrong-environment", &r)) return false;
  const char *url = core_conf(f->core)->apns_url ? core_conf(f->core)->apns_url : APPLE;
  bool apple = push_is_apple(url);
  return why_say(
      w,
      ctx_printf(cx, "The server pushes to %s, which does not know %s of the topic %s (%s since %s).", url,
                 t->devices == 1 ? "the device" : "the devices", t->name, r.reason, enc_time(cx, r.at)),
      apple
          ? ctx_strdup(cx, "Look whether this database was restored from another server, or the devices were enrolled "
                           "for development pushes; no token was thrown away.")
          : ctx_strdup(cx, "Set `apns-url` back to " APPLE "; no token was thrown away."));
}

/* Every topic's: when one reaches Apple, it is not Apple's service that fails. */
bool why_apns_trouble(struct ctx *cx, const struct why_facts *f, struct why_words *w) {
  const struct why_server *s = f->server;
  int64_t since = 0;
  for (size_t i = 0; i < s->links_n; i++) {
    const struct push_link *l = &s->links[i];
    if (!is_down(l, KIND(PUSH_SERVER) | KIND(PUSH_HTTP2)) || l->since > f->now - TROUBLE_LEAST) return false;
    if (!since || l->since < since) since = l->since;
  }
  if (!since) return false;
  return why_say(
      w, ctx_printf(cx, "Apple's push service has trouble since %s: %s.", enc_time(cx, since), s->links[0].text),
      ctx_strdup(cx, "Nothing is to be done: wake-ups are kept and sent again by themselves."));
}

/* ---- the device's token ---- */

bool why_apns_throttled(struct ctx *cx, const struct why_facts *f, struct why_words *w) {
  if (!answered(f, 429, "TooManyRequests")) return false;
  return why_say(w, ctx_strdup(cx, "Apple slows the pushes to this device down: there were too many."),
                 ctx_printf(cx, "Nothing is to be done: the next one goes out at %s.",
                            enc_time(cx, f->wake.due_at > f->now ? f->wake.due_at : f->now)));
}

bool why_token_gone(struct ctx *cx, const struct why_facts *f, struct why_words *w) {
  int64_t since = f->wake.apns_timestamp ? f->wake.apns_timestamp : f->wake.answered_at;
  if (!answered(f, 410, NULL) || since <= f->enrollment.token_at || since <= f->enrollment.seen) return false;
  return why_say(
      w,
      ctx_printf(cx, "Apple says that it stopped listening at %s (%s).", enc_time(cx, since),
                 f->wake.reason ? f->wake.reason : "410"),
      ctx_printf(cx,
                 "If it is at hand, restart it and look for the management profile; if that is gone, enroll it "
                 "with a link made for it: %s.",
                 why_link(cx, f)));
}

bool why_token_rejected(struct ctx *cx, const struct why_facts *f, struct why_words *w) {
  struct refusal r;
  if (!answered(f, 400, "BadDeviceToken") || refused(f, "apns-wrong-environment", &r)) return false;
  return why_say(
      w, ctx_printf(cx, "Apple does not know its push token (BadDeviceToken at %s).", enc_time(cx, f->wake.sent_at)),
      ctx_printf(cx, "Restart the device so that it reports a new one, or enroll it again: %s.", why_link(cx, f)));
}
