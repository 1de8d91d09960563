/* The guard of device-ca: which CAs were accepted last is kept, so that one that is gone is noticed, and only then the
   identities are looked through. */
#include "base/clock.h"
#include "base/map.h"
#include "core/guard_int.h"

#include <string.h>

enum { PAGE = 200, NAMES_MOST = 3 };

struct cas {
  struct pki_cert *const *certs;
  size_t n;
};

static bool has(const struct cas *set, const struct pki_cert *cert) {
  for (size_t i = 0; i < set->n; i++)
    if (memcmp(pki_cert_sha256(set->certs[i]), pki_cert_sha256(cert), SHA256_LEN) == 0) return true;
  return false;
}

/* Names of those of a that are not in b, for people; NULL when there are none. */
static const char *missing(struct ctx *cx, const struct cas *a, const struct cas *b) {
  const char *names = NULL;
  size_t n = 0;
  for (size_t i = 0; i < a->n; i++) {
    if (has(b, a->certs[i])) continue;
    if (n++ < NAMES_MOST)
      names = ctx_printf(cx, "%s%s\"%s\"", names ? names : "", names ? ", " : "", pki_cert_subject(cx, a->certs[i]));
  }
  return n > NAMES_MOST ? ctx_printf(cx, "%s and %zu others", names, n - NAMES_MOST) : names;
}

/* One that has ended since may still have its renewal. */
static bool accepts(struct ctx *cx, const struct pki_trust *t, const struct guard_identity *i) {
  struct pki_cert *leaf, *issuers[PKI_EXTRA_MOST];
  size_t n;
  enum err e = pki_cert_parse(cx, &leaf, i->cert);
  if (e == OK) e = pki_certs_parse_der(cx, issuers, &n, PKI_EXTRA_MOST, i->issuers);
  if (e == OK) e = pki_trust_check(cx, t, leaf, issuers, n, clock_now_us());
  ctx_clear_error(cx);
  return e == OK || e == E_GONE;
}

/* One look through the identities. Those of one issuer share its verdict: an entry of `known` says whether they are cut
   off. */
struct look {
  const struct pki_trust *before, *after;
  struct map *known;
  int64_t cut;
};

/* Of issuer and issuers' certificates. */
static struct slice group_of(const struct guard_identity *i, uint8_t digests[2 * SHA256_LEN]) {
  pki_cert_issuer_sha256(i->cert, digests);
  pki_sha256(digests + SHA256_LEN, i->issuers);
  return slice_mem(digests, 2 * SHA256_LEN);
}

/* Where the CAs of before do not accept it either, that may be for a fault of its own: nothing is learnt for others. */
static bool is_cut(struct ctx *cx, struct look *l, const struct guard_identity *i) {
  static bool verdicts[] = {false, true};
  uint8_t digests[2 * SHA256_LEN];
  struct slice group = group_of(i, digests);
  const bool *known = map_get(l->known, group);
  if (known) return *known;
  bool cut = !accepts(cx, l->after, i);
  if (cut && !accepts(cx, l->before, i)) return false;
  map_put(l->known, group, &verdicts[cut]);
  return cut;
}

static enum err look_through(struct ctx *cx, struct db *db, struct look *l) {
  struct guard_identity page[PAGE];
  uint8_t last[SHA256_LEN] = {0};
  struct slice from = slice_mem(last, 0);
  size_t n;
  do {
    ctx_reset(cx);
    TRY(guard_identities(cx, db, from, clock_now_us(), PAGE, page, &n));
    for (size_t i = 0; i < n; i++) l->cut += is_cut(cx, l, &page[i]);
    if (n > 0) memcpy(last, page[n - 1].hash.p, sizeof last);
    from = slice_mem(last, sizeof last);
  } while (n == PAGE);
  return OK;
}

static enum err count_cut(struct ctx *cx, struct db *db, struct look *l) {
  struct ctx *own = ctx_new();
  l->known = map_new();
  enum err e = look_through(own, db, l);
  if (e != OK) e = FAIL(cx, e, "%s", ctx_error_text(own));
  map_free(l->known, NULL);
  ctx_free(own);
  return e;
}

static enum err count_between(struct ctx *cx, struct db *db, const struct cas *before, const struct cas *after,
                              int64_t *cut) {
  struct pki_trust *a, *b;
  TRY(pki_trust_new(cx, &a, before->certs, before->n));
  enum err e = pki_trust_new(cx, &b, after->certs, after->n);
  if (e == OK) {
    struct look l = {.before = a, .after = b};
    e = count_cut(cx, db, &l);
    *cut = l.cut;
    pki_trust_free(b);
  }
  pki_trust_free(a);
  return e;
}

/* ---- what is remembered ---- */

static enum err save_job(struct ctx *cx, struct db *db, void *pem) { return guard_cas_save(cx, db, pem); }

static enum err remember(struct ctx *cx, struct core *core, const struct cas *cas) {
  char *pem = ctx_strdup(cx, "");
  for (size_t i = 0; i < cas->n; i++) pem = ctx_printf(cx, "%s%s", pem, pki_cert_pem(cx, cas->certs[i]).p);
  return db_call(cx, core->store, save_job, pem);
}

enum err guard_device_ca(struct ctx *cx, struct core *core, struct db *db, struct pki_cert *const *cas, size_t n) {
  struct cas now = {cas, n}, last;
  struct pki_cert **certs;
  char *pem;
  int64_t cut = 0;
  TRY(guard_cas_load(cx, db, &pem));
  TRY(pki_certs_parse_pem(cx, &certs, &last.n, slice_of(pem)));
  last.certs = certs;
  const char *gone = missing(cx, &last, &now);
  if (gone) TRY(count_between(cx, db, &last, &now, &cut));
  if (cut > 0 && !core_conf(core)->accept_cut_off)
    return FAIL(
        cx, E_CONFLICT,
        "device-ca lacks %s now, and %lld enrolled devices prove themselves by it: put it back, or cut them off "
        "by a start with accept-cut-off = yes",
        gone, (long long)cut);
  return gone || missing(cx, &now, &last) ? remember(cx, core, &now) : OK;
}
