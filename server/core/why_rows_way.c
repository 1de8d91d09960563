/* It has not come, and nothing between us and Apple is wrong: rows 28 to 34. */
#include "core/why_load.h"

#include "base/clock.h"
#include "base/enc.h"

#include <string.h>

enum { TRAILING_MIN = 5, LOST_DAYS = 7 };

static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

/* Wake-ups of its topic go out: what keeps them all is no matter of pace. */
static bool way_is_open(const struct why_facts *f) {
  const struct why_topic *t = f->topic;
  return t->found && !t->key_trouble && !t->hindrance && (!t->link_known || t->link.up);
}

/* Nothing was sent since it came, or since it was asked for something; what is due later waits for its time instead. */
bool why_waiting_for_pace(struct ctx *cx, const struct why_facts *f, struct why_words *w) {
  const struct why_wake *k = &f->wake;
  int64_t ahead = 0, in_us = 0;
  if (!k->due_at || k->taken || k->failed_since || k->dead_at || k->sent_at >= k->due_at) return false;
  if (k->due_at > f->now + US_MINUTE || !f->enrollment.enabled || f->device.blocked_at || !way_is_open(f)) return false;
  if (push_turn(cx, f->db, f->core, f->enrollment.seq, &ahead, &in_us) != OK) ctx_clear_error(cx);
  return why_say(w,
                 ctx_printf(cx, "The wake-up has not had its turn: that is in about %s (%lld wake-up%s due before it).",
                            enc_age(cx, larger(in_us, US_MINUTE)), (long long)ahead, ahead == 1 ? " is" : "s are"),
                 ctx_strdup(cx, "Nothing is to be done; `wake-rate` is the pace."));
}

bool why_on_its_way(struct ctx *cx, const struct why_facts *f, struct why_words *w) {
  const struct why_wake *k = &f->wake;
  if (!why_woken(f) || f->now - k->taken_at > larger(k->usual, US_MINUTE)) return false;
  return why_say(w,
                 ctx_printf(cx, "Woken %s ago; it %s within %s.", why_age(cx, f, k->taken_at),
                            k->measured ? "usually answers" : "is given time to answer", enc_age(cx, k->usual)),
                 ctx_strdup(cx, "Wait a moment."));
}

/* ---- after what was done to it ---- */

static bool is_mac(const struct why_device *d) {
  return (d->product && strstr(d->product, "Mac")) || (d->model && strstr(d->model, "Mac"));
}

/* It did as it was told, and was not seen since but for what a session still says. */
static bool dark_after(const struct why_facts *f, const char *request_type) {
  const struct why_command *c = &f->dark;
  return c->target && strcmp(c->type, request_type) == 0 && strcmp(c->status, "Acknowledged") == 0 &&
         f->device.seen <= c->settled_at + TRAILING_MIN * US_MINUTE;
}

bool why_locked_by_us(struct ctx *cx, const struct why_facts *f, struct why_words *w) {
  bool lock = dark_after(f, "DeviceLock") && is_mac(&f->device), lost = dark_after(f, "EnableLostMode");
  if (!lock && !lost) return false;
  const char *at = enc_time(cx, f->dark.settled_at);
  if (lost)
    return why_say(
        w, ctx_printf(cx, "%s put it in lost mode at %s; that is probably why it does not come.", f->dark.by, at),
        ctx_strdup(cx, "When it is found, end lost mode: `pomona command send ID DisableLostMode`."));
  return why_say(
      w,
      ctx_printf(cx, "%s locked it at %s; it probably waits for its PIN, and no command reaches it.", f->dark.by, at),
      ctx_strdup(cx, "Enter the PIN at the Mac: the one that the command DeviceLock set."));
}

/* Encrypted disks and keychains open with the first login only; a device with a mobile network is reached before. */
static bool waits_for_person(const struct why_device *d) {
  return is_mac(d) ? d->filevault == 1 : d->passcode == 1 && !d->cellular;
}

bool why_silent_after_restart(struct ctx *cx, const struct why_facts *f, struct why_words *w) {
  bool restarted = dark_after(f, "RestartDevice"), off = dark_after(f, "ShutDownDevice");
  if (!why_woken(f) || !waits_for_person(&f->device)) return false;
  if (!restarted && !off && !dark_after(f, "ScheduleOSUpdate")) return false;
  const char *at = enc_time(cx, f->dark.settled_at);
  return why_say(w,
                 ctx_printf(cx, "It was %s at %s and probably waits for someone to %s it.",
                            off         ? "shut down"
                            : restarted ? "restarted"
                                        : "updated",
                            at, off ? "start and unlock" : "unlock"),
                 ctx_printf(cx, "%s.",
                            is_mac(&f->device) ? "Log in at the Mac, so that its disk opens"
                                               : "Unlock it once; until then it joins no Wi-Fi"));
}

bool why_user_absent(struct ctx *cx, const struct why_facts *f, struct why_words *w) {
  const struct why_enrollment *e = &f->enrollment;
  const struct why_command *c = &f->command;
  if (!e->is_user || !c->waiting || e->seen > c->queued_at || f->device.seen <= c->queued_at) return false;
  return why_say(w,
                 ctx_printf(cx, "%s is probably not logged in: the device came %s, this user's channel did not.",
                            e->short_name ? e->short_name : "The user", enc_time(cx, f->device.seen)),
                 ctx_strdup(cx,
                            "The command goes out at the next login; what is for the whole device can go by its own "
                            "channel."));
}

/* ---- silence ---- */

static bool is_silent(const struct why_facts *f) { return why_woken(f) && f->now - f->wake.taken_at > f->wake.usual; }
static bool is_lost(const struct why_facts *f) {
  int64_t after = core_conf(f->core)->lost_after_us;
  return f->now - f->enrollment.seen >= (after ? after : LOST_DAYS * US_DAY);
}

bool why_silent(struct ctx *cx, const struct why_facts *f, struct why_words *w) {
  int64_t woken = 0, came = 0;
  if (!is_silent(f) || is_lost(f)) return false;
  if (why_count_neighbours(cx, f, &woken, &came) != OK) ctx_clear_error(cx);
  const char *others = woken ? ctx_printf(cx, " %lld of %lld devices last seen from the same address answered.",
                                          (long long)came, (long long)woken)
                             : "";
  return why_say(
      w,
      ctx_printf(cx,
                 "Apple took %lld wake-up%s since %s and it did not come: it may be off, asleep or without "
                 "network.%s",
                 (long long)f->wake.taken, f->wake.taken == 1 ? "" : "s", enc_time(cx, f->wake.taken_at), others),
      ctx_strdup(cx, "Switch it on, and let it reach Apple (TCP 5223, else 443) and this server; it is woken "
                     "again by itself."));
}

bool why_silent_long(struct ctx *cx, const struct why_facts *f, struct why_words *w) {
  if (!is_silent(f) || !is_lost(f)) return false;
  return why_say(w, ctx_printf(cx, "Not seen for %s, though it was woken.", why_age(cx, f, f->enrollment.seen)),
                 ctx_printf(cx,
                            "Find it; if it is in use, the profile may be gone or it may have been erased: enroll it "
                            "with a link made for it: %s.",
                            why_link(cx, f)));
}
