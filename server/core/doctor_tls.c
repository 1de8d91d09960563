/* What Apple's devices demand of a server's certificate: one row each. */
#include "core/doctor.h"

#include "base/clock.h"
#include "base/enc.h"

#include <inttypes.h>
#include <string.h>

enum { FLAWS_MOST = 16, RSA_LEAST = 2048, EC_LEAST = 256, OWN_DAYS = 825, SOON_DAYS = 14 };

/* Longest life of a public certificate that is issued from that day on. */
static const struct {
  const char *from;
  int days;
} lives[] = {
    {"2029-03-15T00:00:00Z", 47},  {"2027-03-15T00:00:00Z", 100},      {"2026-03-15T00:00:00Z", 200},
    {"2020-09-01T00:00:00Z", 398}, {"2000-01-01T00:00:00Z", OWN_DAYS},
};

struct look {
  struct ctx *cx;
  const struct doctor_chain *chain;
  const struct pki_cert *leaf;
  int64_t now;
};

static int64_t days_of(const struct pki_cert *c) {
  int64_t life = pki_cert_not_after(c) - pki_cert_not_before(c);
  return (life + US_DAY - US_SECOND) / US_DAY;
}

static int longest(const struct look *l) {
  int64_t from;
  for (size_t i = 0; l->chain->public && i < sizeof lives / sizeof *lives; i++)
    if (dec_time(slice_of(lives[i].from), &from) && pki_cert_not_before(l->leaf) >= from) return lives[i].days;
  return OWN_DAYS;
}

static const char *day(const struct look *l, int64_t at) { return ctx_printf(l->cx, "%.10s", enc_time(l->cx, at)); }

/* Each gives its sentence, or NULL when there is nothing to say. */

static const char *ended(const struct look *l) {
  int64_t end = pki_cert_not_after(l->leaf);
  return end <= l->now ? ctx_printf(l->cx, "It ended on %s: no device trusts it.", day(l, end)) : NULL;
}

static const char *not_begun(const struct look *l) {
  int64_t start = pki_cert_not_before(l->leaf);
  return start > l->now ? ctx_printf(l->cx, "It is valid from %s only: is the clock right?", day(l, start)) : NULL;
}

static const char *other_name(const struct look *l) {
  if (pki_cert_names_host(l->leaf, l->chain->host)) return NULL;
  return ctx_printf(l->cx, "It does not name %s, the host of public-url, among its alternative names.", l->chain->host);
}

static const char *too_long(const struct look *l) {
  int64_t days = days_of(l->leaf);
  int most = longest(l);
  return days > most ? ctx_printf(l->cx, "It is valid for %" PRId64 " days, and devices take %d at most.", days, most)
                     : NULL;
}

static const char *weak_key(const struct look *l) {
  for (size_t i = 0; i < l->chain->n; i++) {
    const struct pki_cert *c = l->chain->certs[i];
    bool rsa = pki_cert_key_is_rsa(c);
    if (pki_cert_key_bits(c) < (rsa ? RSA_LEAST : EC_LEAST))
      return ctx_printf(l->cx, "The key of %s has %d bits: RSA needs %d, EC %d.", pki_cert_subject(l->cx, c),
                        pki_cert_key_bits(c), RSA_LEAST, EC_LEAST);
  }
  return NULL;
}

/* A root is trusted for what it is, whatever its signature. */
static const char *weak_digest(const struct look *l) {
  for (size_t i = 0; i < l->chain->n; i++) {
    const struct pki_cert *c = l->chain->certs[i];
    const char *digest = pki_cert_digest(c);
    bool strong = slice_starts(slice_of(digest), "SHA2") || slice_starts(slice_of(digest), "SHA3") ||
                  slice_starts(slice_of(digest), "SHA5");
    if (!strong && *digest && !pki_cert_issued(c, c))
      return ctx_printf(l->cx, "%s is signed with %s: devices demand SHA-2.", pki_cert_subject(l->cx, c), digest);
  }
  return NULL;
}

static const char *no_server(const struct look *l) {
  return pki_cert_is_server(l->leaf) ? NULL : "Its extended key usage lacks serverAuth.";
}

static const char *is_a_ca(const struct look *l) {
  return pki_cert_is_ca(l->leaf) ? "It is the certificate of a CA, not of a server." : NULL;
}

static const char *out_of_order(const struct look *l) {
  for (size_t i = 1; i < l->chain->n; i++)
    if (!pki_cert_issued(l->chain->certs[i], l->chain->certs[i - 1]))
      return ctx_printf(l->cx, "Its chain is out of order: certificate %zu (%s) did not issue the one before it.",
                        i + 1, pki_cert_subject(l->cx, l->chain->certs[i]));
  return NULL;
}

/* Alone, and not by itself: devices do not fetch what stands between it and its root. */
static const char *incomplete(const struct look *l) {
  bool alone = l->chain->n == 1 && !pki_cert_issued(l->leaf, l->leaf);
  if (!alone || l->chain->public || l->chain->own) return NULL;
  return ctx_printf(l->cx, "The chain is not sent: only the certificate itself, by %s, which devices may not know.",
                    pki_cert_issuer(l->cx, l->leaf));
}

static const char *chain_ends(const struct look *l) {
  for (size_t i = 1; i < l->chain->n; i++)
    if (pki_cert_not_after(l->chain->certs[i]) <= l->now)
      return ctx_printf(l->cx, "%s in its chain ended on %s.", pki_cert_subject(l->cx, l->chain->certs[i]),
                        day(l, pki_cert_not_after(l->chain->certs[i])));
  return NULL;
}

static const char *ends_soon(const struct look *l) {
  int64_t left = pki_cert_not_after(l->leaf) - l->now;
  if (left <= 0 || left >= SOON_DAYS * US_DAY) return NULL;
  return ctx_printf(l->cx, "It ends on %s, in %s.", day(l, pki_cert_not_after(l->leaf)), enc_age(l->cx, left));
}

static const struct {
  bool fatal;
  const char *(*find)(const struct look *l);
} rules[] = {{true, ended},        {true, not_begun},  {true, other_name},  {true, is_a_ca},
             {true, no_server},    {true, too_long},   {true, weak_key},    {true, weak_digest},
             {true, out_of_order}, {true, chain_ends}, {false, incomplete}, {false, ends_soon}};

void doctor_tls_flaws(struct ctx *cx, const struct doctor_chain *chain, int64_t now, struct doctor_flaw **out,
                      size_t *n) {
  struct look l = {cx, chain, chain->certs[0], now};
  *out = ctx_alloc(cx, FLAWS_MOST * sizeof **out);
  *n = 0;
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
    const char *text = rules[i].find(&l);
    if (text) (*out)[(*n)++] = (struct doctor_flaw){rules[i].fatal, text};
  }
}
