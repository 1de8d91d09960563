/* It came: rows 35 to 45. */
#include "core/why_load.h"

#include "base/clock.h"
#include "base/enc.h"
#include "core/plan.h"

#include <string.h>

enum { ANSWER_MIN = 1, UNSEEN_HOURS = 24 };

static bool is(const struct why_command *c, const char *status) { return c->target && strcmp(c->status, status) == 0; }

bool why_awaiting_configuration(struct ctx *cx, const struct why_facts *f, struct why_words *w) {
  const struct why_generation *g = &f->current;
  char *list = NULL;
  if (!g->awaiting || f->enrollment.is_user) return false;
  if (is(&f->configured, "Acknowledged") && f->configured.settled_at > g->authenticated_at) return false;
  if (why_list_waiting(cx, f, &list) != OK) ctx_clear_error(cx);
  return why_say(w,
                 ctx_printf(cx, "It waits in Setup Assistant since %s for %s.",
                            enc_time(cx, g->enrolled_at ? g->enrolled_at : g->authenticated_at),
                            list ? list : "DeviceConfigured"),
                 ctx_printf(cx, "`pomona device configured %s` lets it go on now.", f->device.id));
}

bool why_notnow(struct ctx *cx, const struct why_facts *f, struct why_words *w) {
  const struct why_command *c = &f->command;
  if (!is(c, "NotNow")) return false;
  const char *next =
      f->wake.due_at > f->now ? ctx_printf(cx, " and is woken at %s at the latest", enc_time(cx, f->wake.due_at)) : "";
  return why_say(w,
                 ctx_printf(cx, "It said \"not now\" to %s %lld time%s since %s.", c->type, (long long)c->notnows,
                            c->notnows == 1 ? "" : "s", enc_time(cx, c->notnow_first_at)),
                 ctx_printf(cx, "Unlock it; it asks again by itself%s.", next));
}

/* " for the group X" of a command that a plan sent; "" of others. */
static const char *for_group(struct ctx *cx, const struct why_facts *f, const struct why_command *c) {
  char *groups = NULL;
  if (plan_of_command(cx, f->db, f->core, f->enrollment.seq, c->uuid, &groups) != OK) ctx_clear_error(cx);
  return groups && *groups ? ctx_printf(cx, " for the group %s", groups) : "";
}

bool why_behind_another(struct ctx *cx, const struct why_facts *f, struct why_words *w) {
  const struct why_command *c = &f->command, *h = &f->head;
  if (!is(c, "Queued") || !h->target || h->target == c->target) return false;
  return why_say(
      w,
      ctx_printf(cx, "It waits behind %s %s%s (%s since %s).", h->type, h->uuid, for_group(cx, f, h), h->status,
                 enc_time(cx, h->updated_at)),
      ctx_printf(cx, "It goes out when that one is answered; `pomona command cancel %s --device %s` lets it pass.",
                 h->uuid, f->id));
}

/* It was handed over a moment ago, and the device has said nothing since. */
static bool is_at_work(const struct why_facts *f) {
  const struct why_command *c = &f->command;
  return f->enrollment.seen <= c->last_sent_at && f->now < c->last_sent_at + ANSWER_MIN * US_MINUTE;
}

bool why_sent_unanswered(struct ctx *cx, const struct why_facts *f, struct why_words *w) {
  const struct why_command *c = &f->command;
  /* Handed over again is a later Idle, too. */
  if (!is(c, "Sent") || c->once || f->enrollment.seen <= c->first_sent_at || is_at_work(f)) return false;
  return why_say(w,
                 ctx_printf(cx, "%s was delivered %lld time%s since %s and never answered%s.", c->type,
                            (long long)c->deliveries, c->deliveries == 1 ? "" : "s", enc_time(cx, c->first_sent_at),
                            c->set_aside ? "; others pass it" : ""),
                 ctx_printf(cx, "Restart the device; then `pomona command retry %s --device %s`.", c->uuid, f->id));
}

bool why_unconfirmed(struct ctx *cx, const struct why_facts *f, struct why_words *w) {
  const struct why_command *c = &f->command;
  if (!is(c, "Sent") || !c->once || is_at_work(f)) return false;
  return why_say(w,
                 ctx_printf(cx, "%s was handed over at %s without an answer: it was probably done and is not repeated.",
                            c->type, enc_time(cx, c->last_sent_at)),
                 ctx_printf(cx, "`pomona command retry %s` sends it again.", c->uuid));
}

/* ---- what the device refused ---- */

/* Codes may change between releases of systems: they give hints, nothing is decided by them. */
static const struct code {
  const char *domain;
  int64_t code;
  const char *needs, *hint; /* needs: what the device is not; NULL: another reason */
} codes[] = {
    {"MCChaperoneErrorDomain", 29000, "a supervised device (enroll it by ADE or Apple Configurator)", NULL},
    {"MCInstallationErrorDomain", 4025, "a supervised device (enroll it by ADE or Apple Configurator)", NULL},
    {"MCInstallationErrorDomain", 4030, "a device that is no Shared iPad", NULL},
    {"MCMDMErrorDomain", 12000, "a right that its enrollment profile does not give (AccessRights)", NULL},
    {"MCMDMErrorDomain", 12021, "a platform or a version that knows this command", NULL},
    {"MCMDMErrorDomain", 12026, NULL, "The app has no licence for this device or its user: assign one."},
    {"MCMDMErrorDomain", 12029, NULL, "The app is not managed: install it by a command first."},
    {"MCMDMErrorDomain", 12040, NULL, "Somebody has to sign in to the App Store on the device."},
    {"MCMDMErrorDomain", 12054, NULL, "There is not enough space for the update: make room on the device."},
    {"MCMDMErrorDomain", 12055, NULL, "The battery is too low for the update: connect it to power."},
    {"MCMDMErrorDomain", 12063, NULL, "The person at the device declined."},
    {"MCMDMErrorDomain", 12075, NULL, "That profile is not installed: `ProfileList` tells which ones are."},
    {"MCMDMErrorDomain", 12078, NULL, "The device is not in lost mode: send EnableLostMode first."},
    {"MCInstallationErrorDomain", 4009, NULL, "Unlock the device and send it again."},
    {"MCPasscodeErrorDomain", 5010, NULL, "Unlock the device and send it again."},
};

struct refusal {
  const char *text, *domain;
  int64_t code;
  const struct code *known; /* of any entry of the chain; NULL: none is known */
};

static const struct code *known_code(const char *domain, int64_t code) {
  for (size_t i = 0; domain && i < sizeof codes / sizeof *codes; i++)
    if (codes[i].code == code && strcmp(codes[i].domain, domain) == 0) return &codes[i];
  return NULL;
}

static const char *text_of(struct js *entry) {
  const char *english = js_str(entry, "text");
  return english ? english : js_str(entry, "localized");
}

/* The first entry is the device's summary, the last one the cause. */
static bool read_refusal(struct ctx *cx, const struct why_command *c, struct refusal *out) {
  struct js *chain = NULL;
  *out = (struct refusal){.text = "it gave no reason", .domain = ""};
  if (!is(c, "Error") && !is(c, "CommandFormatError")) return false;
  if (c->errors && js_parse(cx, slice_of(c->errors), &chain) != OK) ctx_clear_error(cx);
  size_t n = js_count(chain);
  for (size_t i = 0; i < n && !out->known; i++) {
    struct js *entry = js_at(chain, i);
    if (js_int(js_get(entry, "code"), &out->code)) out->known = known_code(js_str(entry, "domain"), out->code);
  }
  if (n == 0) return true;
  struct js *first = js_at(chain, 0), *last = js_at(chain, n - 1);
  const char *one = text_of(first), *other = text_of(last);
  if (one || other) out->text = one ? one : other;
  if (one && other && strcmp(one, other) != 0) out->text = ctx_printf(cx, "%s: %s", one, other);
  out->domain = js_str(last, "domain") ? js_str(last, "domain") : "";
  (void)js_int(js_get(last, "code"), &out->code);
  return true;
}

/* What the command asks for that this device is not; NULL: nothing that is known. By the answer it is what the command
   needs, by its row a sentence. */
static const char *missing(struct ctx *cx, const struct why_facts *f, const struct refusal *r) {
  if (r->known && r->known->needs)
    return ctx_printf(cx, "%s needs %s, which this device is not", f->command.type, r->known->needs);
  return f->outcome.cannot;
}

bool why_failed(struct ctx *cx, const struct why_facts *f, struct why_words *w) {
  struct refusal r;
  if (!read_refusal(cx, &f->command, &r) || missing(cx, f, &r)) return false;
  return why_say(
      w,
      ctx_printf(cx, "The device refused %s: \"%s\" (%s %lld).", f->command.type, r.text, r.domain, (long long)r.code),
      ctx_strdup(cx, r.known ? r.known->hint : "Mend what it names, and send the command again."));
}

bool why_unsupported(struct ctx *cx, const struct why_facts *f, struct why_words *w) {
  struct refusal r;
  if (!read_refusal(cx, &f->command, &r)) return false;
  const char *why = missing(cx, f, &r);
  if (!why) return false;
  return why_say(
      w, ctx_printf(cx, "%s: \"%s\" (%s %lld).", why, r.text, r.domain, (long long)r.code),
      ctx_strdup(cx, "Sending it again does not help; change the device's enrollment, or leave it out here."));
}

/* ---- accepted, and not done ---- */

enum { EFFECT_MIN = 30 };

/* What stands in the way of an app. Source: Apple's schema, ManagedApplicationList. */
static const struct {
  const char *status, *fix;
} hindrances[] = {
    {"Failed",
     "The installation failed: look for its licence, for room on the device and for the network, and send it again."},
    {"ManagementRejected",
     "The person at the device declined to have the app managed: talk to them, and send it again."},
    {"NeedsRedemption", "It wants a redemption code: send ApplyRedemptionCode."},
    {"Prompting", "Somebody has to agree to the installation on the device."},
    {"PromptingForLogin",
     "Somebody has to sign in to the App Store on the device; an app that is licensed to the device needs no sign-in."},
    {"PromptingForManagement", "Somebody has to agree on the device that the app is managed."},
    {"PromptingForUpdate", "Somebody has to agree to the update on the device."},
    {"PromptingForUpdateLogin", "Somebody has to sign in to the App Store on the device."},
    {"UpdateRejected", "The person at the device declined the update: talk to them, and send it again."},
    {"UserRejected", "The person at the device declined: talk to them, and send it again."},
};

static const char *hindrance(const char *status) {
  for (size_t i = 0; status && i < sizeof hindrances / sizeof *hindrances; i++)
    if (strcmp(hindrances[i].status, status) == 0) return hindrances[i].fix;
  return "Look at the device: room, power, the network; then send it again.";
}

bool why_acknowledged_not_done(struct ctx *cx, const struct why_facts *f, struct why_words *w) {
  const struct why_command *c = &f->command;
  const struct inventory_effect *e = &f->outcome.effect;
  if (!is(c, "Acknowledged") || !e->at || e->there || e->at < c->settled_at + EFFECT_MIN * US_MINUTE) return false;
  return why_say(w,
                 ctx_printf(cx, "%s was accepted at %s, but by the inventory of %s %s is not in effect (%s).", c->type,
                            enc_time(cx, c->settled_at), enc_time(cx, e->at), e->what,
                            e->status ? e->status : "it is not listed"),
                 ctx_strdup(cx, hindrance(e->status)));
}

/* ---- the rest ---- */

static const char *why_ended(struct ctx *cx, const struct why_command *c) {
  const char *reason = c->reason ? c->reason : "";
  if (is(c, "Expired")) return "its time was over before it was handed over";
  if (strcmp(reason, "admin") == 0)
    return ctx_printf(cx, "%s cancelled it", c->cancelled_by ? c->cancelled_by : "an operator");
  if (strcmp(reason, "replaced") == 0) return "a later one of its kind replaced it";
  if (strcmp(reason, "re-enrolled") == 0) return "the device enrolled anew";
  if (strcmp(reason, "restored") == 0) return "it is held after a restore";
  return *reason ? reason : "no reason is known";
}

bool why_withdrawn(struct ctx *cx, const struct why_facts *f, struct why_words *w) {
  const struct why_command *c = &f->command;
  if (!is(c, "Expired") && !is(c, "Cancelled")) return false;
  return why_say(w,
                 ctx_printf(cx, "%s was withdrawn at %s: %s.", c->type, enc_time(cx, c->settled_at), why_ended(cx, c)),
                 ctx_strdup(cx, "Send it again if it is still wanted."));
}

static bool renewal_failed(const struct why_facts *f) {
  const struct why_renewal *r = &f->renewal;
  if (!r->seq) return false;
  if (strcmp(r->state, "installed") == 0) return f->now > r->updated_at + UNSEEN_HOURS * US_HOUR;
  return strcmp(r->state, "failed") == 0 || strcmp(r->state, "expired") == 0;
}

bool why_renewal_stuck(struct ctx *cx, const struct why_facts *f, struct why_words *w) {
  const struct why_renewal *r = &f->renewal;
  int64_t end = f->current.not_after;
  if (!renewal_failed(f) || !end) return false;
  const char *when = end > f->now ? ctx_printf(cx, "ends in %s", enc_age(cx, end - f->now))
                                  : ctx_printf(cx, "ended on %s", enc_time(cx, end));
  return why_say(
      w,
      ctx_printf(cx, "Its identity %s and the renewal of it failed at %s (\"%s\").", when, enc_time(cx, r->updated_at),
                 r->why                               ? r->why
                 : strcmp(r->state, "installed") == 0 ? "its new identity was never seen"
                                                      : "it was not answered"),
      ctx_printf(cx, "Mend that (`pomona identity renewals`), or enroll it with a link made for it before %s: %s.",
                 enc_time(cx, end), why_link(cx, f)));
}

bool why_fine(struct ctx *cx, const struct why_facts *f, struct why_words *w) {
  const struct why_command *c = &f->command;
  const char *seen =
      f->enrollment.seen ? ctx_printf(cx, "last seen %s", enc_time(cx, f->enrollment.seen)) : "not seen yet";
  const char *state = c->target && c->waiting ? ctx_printf(cx, "Nothing is wrong: %s is on its way", c->type)
                      : c->target             ? ctx_printf(cx, "%s was done", c->type)
                                              : "Nothing waits";
  return why_say(w, ctx_printf(cx, "%s; %s.", state, seen), ctx_strdup(cx, "Nothing is to be done."));
}
