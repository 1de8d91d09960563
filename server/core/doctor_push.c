/* Push certificates, and the clock that Apple's answers tell. */
#include "core/doctor_int.h"

#include "base/clock.h"
#include "base/enc.h"
#include "core/guard.h"
#include "core/pushcert.h"

#include <stdlib.h>
#include <string.h>

static const struct probed_cert *probed(const struct check *c, const char *topic) {
  for (size_t i = 0; i < c->shared->certs_n; i++)
    if (strcmp(c->shared->certs[i].topic, topic) == 0) return &c->shared->certs[i];
  return NULL;
}

static const char *renew(struct check *c, const struct pushcert *p, const struct pushcert_record *r) {
  return ctx_printf(c->cx,
                    "%s: at https://identity.apple.com/pushcert press Renew, never Create, on the row with the serial "
                    "number %s (UID %s), and import it at once.",
                    pushcert_people(c->cx, r), p->serial_number, p->topic);
}

/* One line for all that is wrong with a record: the command that mends it tells each. */
static void check_record(struct check *c, const struct pushcert *p, const struct pushcert_record *r) {
  struct pushcert_warning *w;
  size_t n;
  if (pushcert_record_warnings(c->cx, r, &w, &n) != OK) {
    not_read(c);
    return;
  }
  const char *more = n > 1 ? ctx_printf(c->cx, " (And %zu more about the account behind it.)", n - 1) : "";
  if (n)
    found_as(c, "Apple Account", DOCTOR_WARN, ctx_printf(c->cx, "%s: %s%s", p->topic, w[0].text, more),
             "`pomona pushcert record` shows and changes what is known of it.");
}

static void check_cert(struct check *c, const struct pushcert *p) {
  enum { SOON_DAYS = 30 };
  struct pushcert_record r;
  const struct probed_cert *key = probed(c, p->topic);
  if (pushcert_record_read(c->cx, c->db, p->topic, &r) != OK) {
    not_read(c);
    return;
  }
  int64_t now = clock_now_us(), left = p->not_after - now;
  const char *day = ctx_printf(c->cx, "%.10s", enc_time(c->cx, p->not_after));
  if (left <= 0)
    found(c, DOCTOR_FAIL,
          ctx_printf(c->cx, "%s ended on %s: no device that listens on it is woken; nothing is lost, commands wait.",
                     p->topic, day),
          renew(c, p, &r));
  else if (!key || !key->key_pem.p)
    found(c, DOCTOR_FAIL, ctx_printf(c->cx, "The key of %s cannot be opened: it is of no use without.", p->topic),
          "Put the secret key back that it was sealed with; else renew the certificate with a new request.");
  else
    found(c, left < SOON_DAYS * US_DAY ? DOCTOR_WARN : DOCTOR_OK,
          ctx_printf(c->cx, "%s ends on %s (in %s); %s listening on it.", p->topic, day,
                     many(c->cx, clock_days_left(p->not_after, now), "day"), many(c->cx, p->enrollments, "channel")),
          left < SOON_DAYS * US_DAY ? renew(c, p, &r) : NULL);
  check_record(c, p, &r);
}

void check_pushcerts(struct check *c) {
  struct pushcert *all;
  size_t n, used = 0;
  if (pushcert_list(c->cx, c->db, &all, &n) != OK) {
    not_read(c);
    return;
  }
  for (size_t i = 0; i < n; i++) {
    if (all[i].superseded_at) continue;
    check_cert(c, &all[i]);
    used++;
  }
  if (used == 0)
    found(c, DOCTOR_FAIL, "There is none: no device can enroll, none can be woken.",
          "`pomona pushcert csr` begins; `pomona pushcert import FILE…` takes it in.");
}

void check_topics(struct check *c) {
  struct doctor_topic *all;
  size_t n;
  int64_t fine = 0;
  if (doctor_topics(c->cx, c->db, &all, &n) != OK) {
    not_read(c);
    return;
  }
  for (size_t i = 0; i < n; i++) {
    if (all[i].certificate)
      fine += all[i].devices;
    else
      found(c, DOCTOR_FAIL,
            ctx_printf(c->cx, "%s listening on %s, for which there is no certificate: nobody can wake them.",
                       many(c->cx, all[i].devices, "device"), all[i].topic),
            "Renew the certificate with this UID in Apple's portal, with the account that made it, and import it.");
  }
  if (c->n == 0)
    found(c, n ? DOCTOR_OK : DOCTOR_SKIP,
          n ? ctx_printf(c->cx, "%s listening on topics that have a certificate.", many(c->cx, fine, "device"))
            : "No device is enrolled.",
          NULL);
}

/* ---- the clock ---- */

static void tell_clock(struct check *c, int64_t ahead, const char *from) {
  bool wrong = llabs((long long)ahead) > GUARD_CLOCK_MOST;
  const char *off = enc_age(c->cx, llabs((long long)ahead));
  if (wrong)
    found(c, DOCTOR_FAIL,
          ctx_printf(c->cx, "It is %s %s, as %s tells: certificates look expired or not yet valid.", off,
                     ahead > 0 ? "ahead" : "behind", from),
          "Set it, best by a time service (NTP).");
  else
    found(c, DOCTOR_OK, ctx_printf(c->cx, "It agrees with %s (%s apart).", from, off), NULL);
}

void check_clock(struct check *c) {
  enum { BUILT_AFTER = 2025 };
  const struct shared *s = c->shared;
  for (size_t i = 0; i < s->certs_n; i++)
    if (s->certs[i].asked && s->certs[i].said.date) {
      tell_clock(c, clock_now_us() - s->certs[i].said.date, s->apns.host);
      return;
    }
  const char *now = enc_time(c->cx, clock_now_us());
  if (atoi(now) < BUILT_AFTER)
    found(c, DOCTOR_FAIL, ctx_printf(c->cx, "It says %s, which is long past.", now), "Set it, best by a time service.");
  else
    found(c, DOCTOR_SKIP, ctx_printf(c->cx, "It says %s; nobody could be asked whether that is right.", now), NULL);
}
