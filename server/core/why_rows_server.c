/* The server's own causes: rows 8, 13, 25 to 27. */
#include "core/why_int.h"

#include "base/clock.h"
#include "base/enc.h"

#include <inttypes.h>
#include <stdlib.h>

enum { ADDRESSES_LEAST = 3, VAIN_LEAST = 5 };

bool why_server_not_writing(struct ctx *cx, const struct why_facts *f, struct why_words *w) {
  if (!f->server->storage_trouble) return false;
  const struct refused_row *r = why_refused(f, "storage");
  const char *told = r ? ctx_printf(cx, " It was told to come again, last at %s.", enc_time(cx, r->last_at)) : "";
  return why_say(w,
                 ctx_printf(cx, "The server cannot write its data since %s: %s.%s",
                            enc_time(cx, f->server->storage_since), f->server->storage_trouble, told),
                 ctx_printf(cx,
                            "Make room on the disk of %s, or mend its permissions (`pomona doctor`); devices repeat by "
                            "themselves what was refused.",
                            core_conf(f->core)->data));
}

bool why_server_clock_wrong(struct ctx *cx, const struct why_facts *f, struct why_words *w) {
  const struct guard_clock *c = &f->server->clock;
  if (!guard_clock_wrong(c)) return false;
  return why_say(w,
                 ctx_printf(cx, "The server's clock is %s %s, as %s told at %s.",
                            enc_age(cx, llabs((long long)c->ahead_us)), c->ahead_us > 0 ? "ahead" : "behind",
                            c->from ? c->from : "Apple", enc_time(cx, c->at)),
                 "Set it, best by a time service (NTP); nothing else is wrong yet.");
}

/* ---- TLS ---- */

bool why_server_certificate_expired(struct ctx *cx, const struct why_facts *f, struct why_words *w) {
  const struct why_tls *t = &f->server->tls;
  if (!t->not_after || t->not_after > f->now) return false;
  return why_say(w,
                 ctx_printf(cx, "The server's TLS certificate %s ended on %s: no device trusts it.", t->subject,
                            enc_time(cx, t->not_after)),
                 "Put a new one that leads to the same root in place (`tls-cert`, `tls-key`); devices come back by "
                 "themselves.");
}

static bool is_of_certificate(int alert) {
  return alert < 0 || alert == 42 || alert == 45 || alert == 46 || alert == 48;
}

static const char *how_it_ended(struct ctx *cx, const struct why_facts *f) {
  if (f->hung_up_at && is_of_certificate(f->hung_up_alert))
    return ctx_printf(cx, "a connection from %s ended without a request at %s (%s)", f->enrollment.address,
                      enc_time(cx, f->hung_up_at),
                      f->hung_up_alert < 0 ? "no alert" : ctx_printf(cx, "TLS alert %d", f->hung_up_alert));
  if (f->server->hung_up < ADDRESSES_LEAST) return NULL;
  return ctx_printf(cx, "connections from %" PRId64 " addresses of woken devices ended without a request",
                    f->server->hung_up);
}

bool why_server_certificate_untrusted(struct ctx *cx, const struct why_facts *f, struct why_words *w) {
  const struct why_tls *t = &f->server->tls;
  const char *ended = how_it_ended(cx, f);
  int64_t good = f->enrollment.seq ? f->enrollment.seen : f->server->seen_last; /* the last good poll */
  if (!ended || t->since <= good) return false;
  const char *from = t->former_issuer ? ctx_printf(cx, " from one by %s", t->former_issuer) : "";
  return why_say(w,
                 ctx_printf(cx,
                            "Devices probably come and hang up at the server's TLS certificate, which changed at "
                            "%s%s to one by %s: %s.",
                            enc_time(cx, t->since), from, t->issuer, ended),
                 "Put the former certificate back (`pomona doctor` tells what is wrong with this one); give the new "
                 "root to all devices by `pomona tls stage FILE`, and switch when all have it.");
}

/* ---- the address ---- */

static const char *not_reached(struct ctx *cx, const struct why_facts *f) {
  const struct why_server *s = f->server;
  if (f->url.fails && f->url.at > f->enrollment.seen)
    return ctx_printf(cx, "Devices were told to come to %s, which does not lead here, as a probe at %s found: %s.",
                      f->url.url, enc_time(cx, f->url.at), f->url.error ? f->url.error : "no answer");
  if (s->pushed_in_vain < VAIN_LEAST || s->seen_last > f->now - WHY_SILENCE) return NULL;
  return ctx_printf(cx,
                    "Probably nothing leads to %s any more: Apple took %" PRId64
                    " wake-ups within the last hour, and no device at all came since %s.",
                    f->url.url, s->pushed_in_vain, enc_time(cx, s->seen_last));
}

bool why_server_unreachable(struct ctx *cx, const struct why_facts *f, struct why_words *w) {
  const char *text = not_reached(cx, f);
  if (!text) return false;
  return why_say(w, ctx_strdup(cx, text),
                 ctx_printf(cx,
                            "Bring name and port of %s back, and take away what answers in this server's place "
                            "(firewall, login page, another host): the address of an enrollment can never change.",
                            f->url.url));
}
