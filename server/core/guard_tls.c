/* Which devices trust a TLS certificate: by the roots that they were given, or by those that every device has. */
#include "core/guard_int.h"

#include "base/clock.h"
#include "base/enc.h"
#include "base/log.h"
#include "core/fact.h"
#include "core/keyring.h"

#include <string.h>

enum { ANCHORS_MAX = 40 };

static const char accepted[] = "guard.tls-anchors", in_use[] = "guard.tls-in-use";

/* Roots that this chain leads to: SHA-256 in hexadecimal. */
struct anchors {
  const char *hex[ANCHORS_MAX];
  size_t n;
  const char *own; /* of the own TLS CA, which older enrollments were given without a word of its hash */
  struct db *db;
  bool staged; /* some roots are: then devices may have been given more than their profile */
  int64_t devices, cut_off;
};

static void add_if(struct ctx *cx, struct anchors *a, struct pki_cert *const *chain, size_t n,
                   const struct pki_cert *anchor) {
  if (a->n == ANCHORS_MAX || !pki_chain_reaches(cx, chain, n, anchor, clock_now_us())) return;
  a->hex[a->n++] = enc_hex(cx, pki_cert_sha256(anchor), SHA256_LEN);
}

static enum err find_anchors(struct ctx *cx, struct core *core, struct db *db, struct pki_cert *const *chain, size_t n,
                             struct anchors *a) {
  const struct pki_cert *own = keyring_tls_ca(core->keyring);
  struct guard_root *staged;
  size_t staged_n;
  *a = (struct anchors){.db = db, .own = enc_hex(cx, pki_cert_sha256(own), SHA256_LEN)};
  add_if(cx, a, chain, n, own);
  TRY(guard_roots(cx, db, &staged, &staged_n));
  a->staged = staged_n > 0;
  for (size_t i = 0; i < staged_n; i++) {
    struct pki_cert *root;
    TRY(pki_cert_parse(cx, &root, staged[i].cert));
    add_if(cx, a, chain, n, root);
  }
  return OK;
}

/* ---- what a device was given ---- */

static bool is_anchor(const struct anchors *a, struct slice hex) {
  for (size_t i = 0; i < a->n; i++)
    if (slice_is(hex, a->hex[i])) return true;
  return false;
}

static bool given_in_profile(struct ctx *cx, const struct anchors *a, const struct guard_device *d) {
  struct js *given;
  bool own = false;
  if (!d->given || js_parse(cx, slice_of(d->given), &given) != OK) return ctx_clear_error(cx), false;
  struct js *roots = js_get(given, "Roots");
  for (size_t i = 0; i < js_count(roots); i++)
    if (is_anchor(a, slice_of(js_string(js_at(roots, i))))) return true;
  return !roots && js_bool(js_get(given, "OwnRoot"), &own) && own && is_anchor(a, slice_of(a->own));
}

static enum err given_later(struct ctx *cx, const struct anchors *a, const struct guard_device *d, bool *given) {
  struct slice hashes[ANCHORS_MAX];
  size_t n = 0;
  if (a->staged) TRY(guard_root_given(cx, a->db, d, hashes, ANCHORS_MAX, &n));
  *given = false;
  for (size_t i = 0; i < n; i++) *given |= is_anchor(a, slice_of(enc_hex(cx, hashes[i].p, hashes[i].n)));
  return OK;
}

static enum err each_device(struct ctx *cx, const struct guard_device *d, void *arg) {
  struct anchors *a = arg;
  bool later;
  TRY(given_later(cx, a, d, &later));
  a->devices++;
  a->cut_off += !later && !given_in_profile(cx, a, d);
  return OK;
}

enum err guard_tls_count(struct ctx *cx, struct core *core, struct db *db, struct pki_cert *const *chain, size_t n,
                         struct guard_trust *out) {
  struct anchors a;
  *out = (struct guard_trust){.public = pki_chain_reaches(cx, chain, n, NULL, clock_now_us())};
  TRY(find_anchors(cx, core, db, chain, n, &a));
  TRY(guard_each(cx, db, each_device, &a));
  out->devices = a.devices;
  out->cut_off = out->public ? 0 : a.cut_off;
  return OK;
}

/* ---- the certificate that is to be used ---- */

static struct js *about(struct ctx *cx, const struct pki_cert *leaf, bool public) {
  struct js *o = js_object(cx);
  js_set_string(o, "subject", pki_cert_subject(cx, leaf));
  js_set_string(o, "issuer", pki_cert_issuer(cx, leaf));
  js_set_time(o, "not_before", pki_cert_not_before(leaf));
  js_set_time(o, "not_after", pki_cert_not_after(leaf));
  js_set_string(o, "sha256", enc_hex(cx, pki_cert_sha256(leaf), SHA256_LEN));
  js_set_bool(o, "public", public);
  return o;
}

/* Since when it is used, and what it took the place of. */
static enum err about_change(struct ctx *cx, struct db *db, struct js *now) {
  struct js *before, *former = js_object(cx);
  TRY(guard_tls_in_use(cx, db, &before));
  bool same = before && strcmp(js_str(before, "sha256"), js_str(now, "sha256")) == 0;
  if (same) {
    js_set_string(now, "since", js_str(before, "since"));
    js_set(now, "former", js_get(before, "former"));
    return OK;
  }
  js_set_time(now, "since", clock_now_us());
  js_set_string(former, "subject", js_str(before, "subject"));
  js_set_string(former, "issuer", js_str(before, "issuer"));
  js_set(now, "former", before ? former : NULL);
  return OK;
}

/* What the verdict rests on: the same anchors, and for what leads to none that is known here the same CA at its end,
   give the same verdict. */
static const char *anchors_text(struct ctx *cx, const struct anchors *a, bool public, const struct pki_cert *last) {
  const char *text = public ? "public" : "";
  uint8_t issuer[SHA256_LEN];
  pki_cert_issuer_sha256(pki_cert_der(last), issuer);
  if (!public && a->n == 0) text = ctx_printf(cx, "issuer %s", enc_hex(cx, issuer, sizeof issuer));
  for (size_t i = 0; i < a->n; i++) text = ctx_printf(cx, "%s %s", text, a->hex[i]);
  return text;
}

static const char *chain_text(struct ctx *cx, struct pki_cert *const *chain, size_t n) {
  const char *text = "";
  for (size_t i = 0; i < n; i++) text = ctx_printf(cx, "%s%s", text, pki_cert_pem(cx, chain[i]).p);
  return text;
}

static enum err remember(struct ctx *cx, struct core *core, struct db *db, const char *name, const char *value) {
  char *before;
  TRY(fact_read(cx, db, name, &before));
  bool same = before && value ? strcmp(before, value) == 0 : !before && !value;
  return same ? OK : guard_remember(cx, core, name, value);
}

static enum err judge(struct ctx *cx, struct core *core, struct db *db, struct pki_cert *const *chain, size_t n) {
  struct guard_trust t;
  TRY(guard_tls_count(cx, core, db, chain, n, &t));
  if (t.cut_off == 0) return OK;
  if (!core_conf(core)->accept_cut_off)
    return FAIL(cx, E_CONFLICT,
                "the TLS certificate %s chains to a root that %lld of %lld enrolled devices were not given: they would "
                "never come again. Give it to them first (`pomona tls stage FILE`), use a certificate of a public CA, "
                "or start once with --accept-cut-off yes",
                pki_cert_subject(cx, chain[0]), (long long)t.cut_off, (long long)t.devices);
  log_warn(cx, "enrolled devices do not trust the TLS certificate", LOG_I("devices", t.cut_off));
  return OK;
}

enum err guard_tls(struct ctx *cx, struct core *core, struct pki_cert *const *chain, size_t n) {
  struct anchors a;
  struct db *db;
  char *known;
  TRY(db_reader(cx, core->store, &db));
  if (n == 0) { /* the certificate is a proxy's */
    TRY(remember(cx, core, db, GUARD_TLS_CHAIN, NULL));
    return remember(cx, core, db, in_use, NULL);
  }
  bool public = pki_chain_reaches(cx, chain, n, NULL, clock_now_us());
  TRY(find_anchors(cx, core, db, chain, n, &a));
  const char *now = anchors_text(cx, &a, public, chain[n - 1]);
  TRY(fact_read(cx, db, accepted, &known));
  if (!known || strcmp(known, now) != 0) TRY(judge(cx, core, db, chain, n));
  TRY(remember(cx, core, db, accepted, now));
  TRY(remember(cx, core, db, GUARD_TLS_CHAIN, chain_text(cx, chain, n)));
  struct js *used = about(cx, chain[0], public);
  TRY(about_change(cx, db, used));
  return remember(cx, core, db, in_use, js_text(cx, used, JS_COMPACT).p);
}

enum err guard_tls_in_use(struct ctx *cx, struct db *db, struct js **out) {
  char *text;
  *out = NULL;
  TRY(fact_read(cx, db, in_use, &text));
  return text ? js_parse(cx, slice_of(text), out) : OK;
}

enum err guard_tls_chain(struct ctx *cx, struct db *db, struct pki_cert ***chain, size_t *n) {
  char *pem;
  TRY(fact_read(cx, db, GUARD_TLS_CHAIN, &pem));
  return pki_certs_parse_pem(cx, chain, n, slice_of(pem));
}
