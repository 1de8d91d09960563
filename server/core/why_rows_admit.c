/* May it be served? Rows 1 to 7 and 9 to 12. */
#include "core/why_load.h"

#include "base/clock.h"
#include "base/enc.h"
#include "lib/pki_cert.h"

#include <string.h>

enum { FINISH_MIN = 10, ERASE_SILENCE_MIN = 30, TRAILING_MIN = 5, CLONE_HOURS = 1 };

bool why_unknown_device(struct ctx *cx, const struct why_facts *f, struct why_words *w) {
  const struct refused_row *r = f->refused_n ? f->refused : NULL;
  for (size_t i = 0; i < f->refused_n && !r->cert.p; i++) r = &f->refused[i];
  if (f->device.seq || !f->id || !r || !r->cert.p) return false;
  return why_say(
      w,
      ctx_printf(cx,
                 "%s carries a profile of this server and asks for work (seen %lld times, last %s from %s), but the "
                 "server does not know it: a backup may have been restored, or it was forgotten here.",
                 f->id, (long long)r->count, enc_time(cx, r->last_at), r->address),
      ctx_printf(cx,
                 "If you restored a backup, run `pomona device adopt %s`; else enroll it with a link made for it: %s.",
                 f->id, why_link(cx, f)));
}

/* What goes on while the enrollment before it is in use is that one's business. */
bool why_never_finished(struct ctx *cx, const struct why_facts *f, struct why_words *w) {
  const struct why_generation *g = &f->pending;
  if (!g->seq || strcmp(g->state, "pending") != 0 || g->enrolled_at) return false;
  if (g->authenticated_at > f->now - FINISH_MIN * US_MINUTE || g->authenticated_at < f->device.seen) return false;
  return why_say(
      w, ctx_printf(cx, "It began to enroll at %s and never finished.", enc_time(cx, g->authenticated_at)),
      ctx_printf(cx, "Open the link again on the device and accept every step; a new one: %s.", why_link(cx, f)));
}

/* A user's channel that was ended after its device had come in. */
static bool user_left(const struct why_facts *f) {
  const struct why_enrollment *e = &f->enrollment;
  return e->is_user && !e->enabled && e->token_at >= f->current.enrolled_at;
}

bool why_checked_out(struct ctx *cx, const struct why_facts *f, struct why_words *w) {
  const struct why_device *d = &f->device;
  if (!d->out_at && user_left(f))
    return why_say(w,
                   ctx_printf(cx, "The channel of %s was checked out on the device.",
                              f->enrollment.short_name ? f->enrollment.short_name : "this user"),
                   ctx_strdup(cx, "It comes back by itself when this user logs in to the managed device again."));
  if (!d->out_at || f->pending.authenticated_at > d->out_at) return false;
  return why_say(w, ctx_printf(cx, "The management profile was removed on the device at %s.", enc_time(cx, d->out_at)),
                 ctx_printf(cx, "Enroll it again with a link made for it: %s.", why_link(cx, f)));
}

bool why_erased(struct ctx *cx, const struct why_facts *f, struct why_words *w) {
  const struct why_command *c = &f->dark;
  if (!c->target || strcmp(c->type, "EraseDevice") != 0 || c->last_sent_at < f->current.authenticated_at) return false;
  bool done = strcmp(c->status, "Acknowledged") == 0 && f->device.seen <= c->settled_at + TRAILING_MIN * US_MINUTE;
  bool silent =
      c->waiting && f->device.seen <= c->last_sent_at && f->now > c->last_sent_at + ERASE_SILENCE_MIN * US_MINUTE;
  if (!done && !silent) return false;
  const char *at = enc_time(cx, done ? c->settled_at : c->last_sent_at);
  return why_say(w,
                 done ? ctx_printf(cx, "%s had it erased at %s.", c->by, at)
                      : ctx_printf(cx, "%s had it erased: the command was handed over at %s, and it was probably done.",
                                   c->by, at),
                 ctx_printf(cx, "When it is set up again, enroll it with a link made for it: %s.", why_link(cx, f)));
}

bool why_blocked(struct ctx *cx, const struct why_facts *f, struct why_words *w) {
  const struct why_device *d = &f->device;
  if (!d->blocked_at) return false;
  return why_say(w,
                 ctx_printf(cx, "%s blocked it at %s.", d->blocked_by ? d->blocked_by : "An operator",
                            enc_time(cx, d->blocked_at)),
                 ctx_printf(cx, "`pomona device unblock %s` serves it again.", d->id));
}

bool why_superseded(struct ctx *cx, const struct why_facts *f, struct why_words *w) {
  const struct why_device *d = &f->device;
  const struct refused_row *r = why_refused(f, "superseded");
  bool channel = f->enrollment.is_user && !f->enrollment.enabled && f->current.enrolled_at > f->enrollment.token_at;
  if (r)
    return why_say(
        w,
        ctx_printf(cx, "What asks in its name (last %s from %s) is a former enrollment: it enrolled again at %s.",
                   enc_time(cx, r->last_at), r->address, enc_time(cx, f->current.enrolled_at)),
        ctx_printf(cx,
                   "The present one is the same id and has not come since: wake it with `pomona push %s`; "
                   "if it is gone, enroll it with a link made for it: %s.",
                   d->id, why_link(cx, f)));
  if (!channel && !f->other_id) return false;
  const char *present = channel ? d->id : f->other_id;
  return why_say(w,
                 ctx_printf(cx,
                            channel ? "This is a former enrollment; the present one is %s."
                                    : "This is probably a former enrollment: a device with the same serial number "
                                      "came later, as %s.",
                            present),
                 ctx_printf(cx, "Ask about that one: `pomona why %s`.", present));
}

bool why_takeover_held(struct ctx *cx, const struct why_facts *f, struct why_words *w) {
  const struct enroll_takeover *t = f->takeover;
  if (!t) return false;
  const char *link = t->link ? ctx_printf(cx, "by link %lld of %s", (long long)t->link, t->link_by ? t->link_by : "?")
                             : "without a link";
  const char *until = t->silent_at ? ctx_printf(cx, " until %s", enc_time(cx, t->silent_at)) : "";
  return why_say(w,
                 ctx_printf(cx,
                            "Something new claims to be this device since %s, from %s %s, and nothing proves yet that "
                            "the old one is gone.",
                            enc_time(cx, t->since), t->address ? t->address : "?", link),
                 ctx_printf(cx,
                            "If you wiped it, nothing is to be done%s, or run `pomona device accept %s`; if not, "
                            "`pomona device refuse %s`.",
                            until, t->id, t->id));
}

bool why_identity_expired(struct ctx *cx, const struct why_facts *f, struct why_words *w) {
  const struct refused_row *r = why_refused(f, "expired");
  if (!r) return false;
  const char *id = f->device.id ? f->device.id : f->id;
  const char *end = f->current.not_after
                        ? ctx_printf(cx, "Its identity ended on %s", enc_time(cx, f->current.not_after))
                        : "Its identity has ended";
  return why_say(
      w, ctx_printf(cx, "%s, longer ago than the grace; it was refused last %s.", end, enc_time(cx, r->last_at)),
      ctx_printf(cx,
                 "Run `pomona device grace %s 7d` so that it can renew at its next poll, or enroll it with "
                 "a link made for it: %s.",
                 id, why_link(cx, f)));
}

/* Who issued the certificate; that of a CA that is not accepted is not kept. */
static const char *issuer_of(struct ctx *cx, const struct refused_row *r) {
  struct pki_cert *cert;
  if (!r->cert.p) return "a CA that is not accepted here";
  if (pki_cert_parse(cx, &cert, r->cert) == OK) return pki_cert_issuer(cx, cert);
  ctx_clear_error(cx);
  return "an unreadable issuer";
}

/* A number that cannot be read is none: it only colours a sentence, or keeps a row from holding. */
static int64_t refused_devices(struct ctx *cx, const struct why_facts *f, const char *reason, const char *address) {
  int64_t n = 0;
  if (why_count_refused(cx, f->db, reason, address, &n) == OK) return n;
  ctx_clear_error(cx);
  return 0;
}

bool why_identity_refused(struct ctx *cx, const struct why_facts *f, struct why_words *w) {
  const struct refused_row *r = why_refused(f, "other-certificate unbound foreign-ca voided");
  if (!r || (!f->device.seq && r->cert.p)) return false;
  bool foreign = strcmp(r->reason, "foreign-ca") == 0;
  int64_t n = foreign ? refused_devices(cx, f, "foreign-ca", NULL) : 0;
  const char *id = f->device.id ? f->device.id : f->id;
  return why_say(
      w,
      ctx_printf(cx, "It comes with a certificate of %s that is not bound to it (%s, %lld times, last %s from %s).",
                 issuer_of(cx, r), r->reason, (long long)r->count, enc_time(cx, r->last_at), r->address),
      foreign ? ctx_printf(cx,
                           "%lld devices of such a CA are refused: if they are yours, put the CA back into "
                           "`device-ca`; else enroll it with a link made for it: %s.",
                           (long long)n, why_link(cx, f))
              : ctx_printf(cx,
                           "If the device is yours, run `pomona device release %s` and enroll it again, or use a "
                           "link made for it: %s.",
                           id, why_link(cx, f)));
}

/* Anybody may send an unproved claim in a device's name: only when most of the fleet does so is it the way in. */
bool why_identity_missing(struct ctx *cx, const struct why_facts *f, struct why_words *w) {
  const struct refused_row *r = why_refused(f, "no-proof");
  int64_t devices = 0;
  if (!r || !f->device.seq) return false;
  int64_t refused = refused_devices(cx, f, "no-proof", r->address);
  if (why_count_devices(cx, f->db, &devices) != OK) return ctx_clear_error(cx), false;
  if (2 * refused <= devices && refused < 500) return false;
  return why_say(w,
                 ctx_printf(cx,
                            "Requests arrive without proof of identity (%lld of %lld devices, last %s), since %s ends "
                            "TLS.",
                            (long long)refused, (long long)devices, enc_time(cx, r->last_at), r->address),
                 ctx_strdup(cx,
                            "Pass the client certificate on in a header (`identity header:NAME`, `trusted-proxies`), "
                            "or stop stripping Mdm-Signature."));
}

bool why_clone_suspected(struct ctx *cx, const struct why_facts *f, struct why_words *w) {
  const struct why_device *d = &f->device;
  if (!d->clone_at || d->clone_at < f->now - CLONE_HOURS * US_HOUR || d->clone_at < f->current.authenticated_at)
    return false;
  return why_say(w,
                 ctx_printf(cx, "Two machines probably use this identity (%s; last %s).", d->clone_text,
                            enc_time(cx, d->clone_at)),
                 ctx_printf(cx,
                            "Remove the profile from the copy and enroll it freshly; if there is no copy, block this "
                            "one (`pomona device block %s`) and enroll it with a link made for it: %s.",
                            d->id, why_link(cx, f)));
}
