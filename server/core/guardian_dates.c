/* Every date that can end the service: one function for each kind. */
#include "core/guardian_int.h"

#include "base/clock.h"
#include "base/enc.h"
#include "core/guard.h"
#include "core/keyring.h"
#include "core/profile.h"
#include "core/pushcert.h"
#include "lib/net_addr.h"
#include "lib/pki_cert.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PORTAL "https://identity.apple.com/pushcert"
enum {
  RENEWS_ITSELF_DAYS = 14, /* the own TLS certificate is renewed 30 days ahead: later than this, that has failed */
  CONFIRM_DAYS = 90,       /* can two people still sign in? */
  CONFIRM_FIRST_DAYS = 14, /* after the first import */
  CONFIRM_LADDER_DAYS = 7,
  PLAN_LADDER_DAYS = 30
};

struct dates {
  struct ctx *cx;
  struct db *db;
  struct core *core;
  struct guardian_date *all;
  size_t n, cap;
  struct pushcert *certs; /* all, newest first */
  size_t certs_n;
};

static void add(struct dates *d, struct guardian_date date) {
  if (d->n == d->cap) {
    size_t cap = d->cap ? 2 * d->cap : 16;
    struct guardian_date *all = ctx_alloc(d->cx, cap * sizeof *all);
    if (d->n) memcpy(all, d->all, d->n * sizeof *all);
    d->all = all;
    d->cap = cap;
  }
  if (!date.first) date.first = GUARDIAN_LADDER_DAYS;
  d->all[d->n++] = date;
}

char *guardian_day(struct ctx *cx, int64_t at) { return ctx_printf(cx, "%.10s", enc_time(cx, at)); }

static char *plural(struct ctx *cx, int64_t n, const char *word) {
  return ctx_printf(cx, "%" PRId64 " %s%s", n, word, n == 1 ? "" : "s");
}

/* ---- push certificates ---- */

static bool other_is_used(const struct dates *d, const struct pushcert *c) {
  for (size_t i = 0; i < d->certs_n; i++)
    if (!d->certs[i].superseded_at && d->certs[i].enrollments && strcmp(d->certs[i].topic, c->topic) != 0) return true;
  return false;
}

/* One of a topic that nobody listens on any more ends nothing; before the first device each counts. */
static bool counts(const struct dates *d, const struct pushcert *c) {
  return !c->superseded_at && (c->enrollments > 0 || !other_is_used(d, c));
}

static char *renew_text(struct ctx *cx, const struct pushcert *c, const struct pushcert_record *r) {
  return ctx_printf(cx,
                    "%s: sign in at " PORTAL " with that account, press Renew (never Create, never Revoke) on the row "
                    "with the UID %s and the serial number %s, and import what Apple gives at once: `pomona pushcert "
                    "csr`, then `pomona pushcert import FILE`.",
                    pushcert_people(cx, r), c->topic, c->serial_number);
}

static const char *concerned(struct ctx *cx, const struct pushcert_record *r) {
  if (!r->owner_email) return r->deputy_email;
  return r->deputy_email ? ctx_printf(cx, "%s,%s", r->owner_email, r->deputy_email) : r->owner_email;
}

static void add_pushcert(struct dates *d, const struct pushcert *c, const struct pushcert_record *r) {
  add(d, (struct guardian_date){
             .kind = "pushcert",
             .subject = ctx_printf(d->cx, "pushcert %s %s", c->topic, c->serial_number),
             .name = ctx_printf(d->cx, "Push certificate %s (serial number %s)", c->topic, c->serial_number),
             .at = c->not_after,
             .effect = ctx_printf(d->cx,
                                  "Without a valid one no device of its topic can be woken (%s), and none can enroll. "
                                  "Nothing is lost: devices stay enrolled, apps and settings on them stay, commands "
                                  "wait.",
                                  plural(d->cx, c->enrollments, "enrollment")),
             .fix = renew_text(d->cx, c, r),
             .topic = c->topic,
             .also_to = concerned(d->cx, r)});
}

static void add_plan(struct dates *d, const struct pushcert *c, const struct pushcert_record *r) {
  int64_t at = pushcert_plan_next(r, c);
  if (!at || at >= c->not_after) return;
  add(d,
      (struct guardian_date){
          .kind = "pushcert-plan",
          .subject = ctx_printf(d->cx, "pushcert-plan %s %s %s", c->topic, c->serial_number, guardian_day(d->cx, at)),
          .name = ctx_printf(d->cx, "Planned renewal of the push certificate %s", c->topic),
          .at = at,
          .due = true,
          .first = PLAN_LADDER_DAYS,
          .effect = ctx_printf(d->cx, "Nothing stops yet: the certificate itself (serial number %s) ends on %s.",
                               c->serial_number, guardian_day(d->cx, c->not_after)),
          .fix = renew_text(d->cx, c, r),
          .topic = c->topic,
          .also_to = concerned(d->cx, r)});
}

static int64_t first_import(const struct dates *d, const char *topic) {
  int64_t at = INT64_MAX;
  for (size_t i = 0; i < d->certs_n; i++)
    if (strcmp(d->certs[i].topic, topic) == 0 && d->certs[i].imported_at < at) at = d->certs[i].imported_at;
  return at;
}

static void add_account(struct dates *d, const struct pushcert *c, const struct pushcert_record *r) {
  const char *account =
      r->apple_account ? r->apple_account : ctx_printf(d->cx, "of %s (which one is not recorded)", c->topic);
  if (c->enrollments == 0 && r->updated_at == 0) return;
  add(d, (struct guardian_date){
             .kind = "account",
             .subject = ctx_printf(d->cx, "account %s %s", c->topic,
                                   r->confirmed_at ? guardian_day(d->cx, r->confirmed_at) : "never"),
             .name = ctx_printf(d->cx, "The question whether two people can still sign in with the Apple Account %s",
                                account),
             .at = r->confirmed_at ? r->confirmed_at + CONFIRM_DAYS * US_DAY
                                   : first_import(d, c->topic) + CONFIRM_FIRST_DAYS * US_DAY,
             .due = true,
             .first = CONFIRM_LADDER_DAYS,
             .effect = ctx_printf(d->cx,
                                  "An account that nobody can sign in to cannot renew the push certificate %s, and "
                                  "%s %s dark when it ends on %s.",
                                  c->topic, plural(d->cx, c->enrollments, "enrollment"),
                                  c->enrollments == 1 ? "goes" : "go", guardian_day(d->cx, c->not_after)),
             .fix = ctx_printf(d->cx,
                               "%s: two people sign in, each with the second factor; then say so: `pomona pushcert "
                               "record --confirm`.",
                               pushcert_people(d->cx, r)),
             .topic = c->topic,
             .also_to = concerned(d->cx, r)});
}

static enum err each_pushcert(struct dates *d,
                              void (*one)(struct dates *d, const struct pushcert *c, const struct pushcert_record *r)) {
  for (size_t i = 0; i < d->certs_n; i++) {
    struct pushcert_record r;
    if (!counts(d, &d->certs[i])) continue;
    TRY(pushcert_record_read(d->cx, d->db, d->certs[i].topic, &r));
    one(d, &d->certs[i], &r);
  }
  return OK;
}

static enum err pushcerts(struct dates *d) { return each_pushcert(d, add_pushcert); }
static enum err plans(struct dates *d) { return each_pushcert(d, add_plan); }
static enum err accounts(struct dates *d) { return each_pushcert(d, add_account); }

static enum err vendor(struct dates *d) {
  struct guardian_vendor v;
  bool found;
  TRY(guardian_vendor(d->cx, d->db, &v, &found));
  if (!found) return OK;
  bool chain = v.chain_ends < v.not_after;
  add(d, (struct guardian_date){
             .kind = "vendor",
             .subject = ctx_printf(d->cx, "vendor %s", v.hash),
             .name = ctx_printf(d->cx, "%s MDM vendor certificate %s",
                                chain ? "An intermediate certificate of the" : "The", v.subject),
             .at = chain ? v.chain_ends : v.not_after,
             .effect = "Then requests for push certificates cannot be signed here, and no push certificate can be "
                       "renewed with it.",
             .fix = "Renew it at https://developer.apple.com/account (Certificates, MDM CSR), by the account holder of "
                    "the developer account, and import it with its chain: `pomona pushcert sign --vendor FILE`."});
  return OK;
}

/* ---- our own keys ---- */

static void add_cert(struct dates *d, const struct pki_cert *c, struct guardian_date date) {
  date.subject = ctx_printf(d->cx, "%s %s", date.kind, pki_cert_serial(d->cx, c));
  date.name =
      ctx_printf(d->cx, "%s %s (serial number %s)", date.name, pki_cert_subject(d->cx, c), pki_cert_serial(d->cx, c));
  date.at = pki_cert_not_after(c);
  add(d, date);
}

static enum err own_keys(struct dates *d) {
  const struct keyring *k = d->core->keyring;
  add_cert(d, keyring_device_ca(k),
           (struct guardian_date){
               .kind = "device-ca",
               .name = "The own device CA",
               .effect = "Then the identities that it issued are worth nothing: devices are refused, and none enrolls.",
               .fix = "Enroll the devices anew by a server with a new device CA while this one still serves them."});
  add_cert(d, keyring_signing(k),
           (struct guardian_date){
               .kind = "signing",
               .name = "The identity that signs profiles",
               .effect = "Then enrollment profiles show as not verified, and the renewal of identities fails, since an "
                         "update must come from the same signer.",
               .fix = "Enroll the devices anew by a server with a new signing identity while this one still counts."});
  if (core_conf(d->core)->own_tls)
    add_cert(d, keyring_tls_ca(k),
             (struct guardian_date){.kind = "tls-ca",
                                    .name = "The own TLS CA",
                                    .effect = "Then no device that was given this root connects any more.",
                                    .fix = "Give the devices another root while they still come: `pomona tls stage "
                                           "FILE`; then use a certificate of it (tls-cert, tls-key)."});
  return OK;
}

static enum err profile_signers(struct dates *d) {
  const struct pki_cert *signer;
  if (!core_conf(d->core)->signing_cert) return OK; /* the own identity signs */
  TRY(profile_signer(d->cx, d->core, &signer));
  add_cert(d, signer,
           (struct guardian_date){
               .kind = "profile-signer",
               .name = "The certificate of signing-cert",
               .effect = "Then profiles that are sent show as not verified, and devices may refuse to replace one.",
               .fix = "Have it renewed with the same name by the same CA, put it in place of the files signing-cert "
                      "and signing-key, and reload: `kill -HUP` of the server."});
  return OK;
}

static enum err further_cas(struct dates *d) {
  struct pki_cert **certs;
  size_t n;
  TRY(pki_certs_parse_pem(d->cx, &certs, &n, slice_of(core_conf(d->core)->device_ca_pem)));
  for (size_t i = 0; i < n; i++)
    add_cert(d, certs[i],
             (struct guardian_date){.kind = "device-ca",
                                    .name = "The further device CA",
                                    .effect = "Then devices whose identity it issued are refused.",
                                    .fix = "Add its successor to device-ca, and have the devices' identities renewed "
                                           "by who issued them, or here: `pomona identity profile FILE`."});
  return OK;
}

/* ---- the certificate that devices see ---- */

/* Warned of in the last quarter of its life: one of 90 days is renewed by its own tool 30 days ahead. */
static int quarter(int64_t not_before, int64_t not_after) {
  int64_t days = (not_after - not_before) / US_DAY / 4;
  return days < 1 ? 1 : days < GUARDIAN_LADDER_DAYS ? (int)days : GUARDIAN_LADDER_DAYS;
}

static enum err tls(struct dates *d) {
  struct js *o;
  int64_t from = 0, at = 0;
  bool own = core_conf(d->core)->own_tls;
  TRY(guard_tls_in_use(d->cx, d->db, &o));
  if (!o || !dec_time(slice_of(js_str(o, "not_before")), &from) || !dec_time(slice_of(js_str(o, "not_after")), &at))
    return OK; /* TLS ends at a proxy */
  add(d, (struct guardian_date){
             .kind = "tls",
             .subject = ctx_printf(d->cx, "tls %s", js_str(o, "sha256")),
             .name = ctx_printf(d->cx, "The TLS certificate %s of %s", js_str(o, "subject"), js_str(o, "issuer")),
             .at = at,
             .first = own ? RENEWS_ITSELF_DAYS : quarter(from, at),
             .effect = "Then devices refuse to connect: no command reaches them, and none can enroll.",
             .fix = own ? "The server renews it by itself 30 days ahead; when it has not, its log says why."
                        : "Put a new certificate of the same CA in place of the files tls-cert and tls-key; they are "
                          "read again by themselves. Before one of another CA: `pomona tls stage FILE`."});
  return OK;
}

/* ---- devices ---- */

static enum err identities(struct dates *d) {
  struct guardian_identities i;
  int64_t now = clock_now_us();
  TRY(guardian_identities(d->cx, d->db, now, now + GUARDIAN_LADDER_DAYS * US_DAY, &i));
  if (i.first == 0) return OK;
  const char *many = i.soon ? ctx_printf(d->cx, "Of %s the identity ends within %d days and was not renewed. ",
                                         plural(d->cx, i.soon, "device"), GUARDIAN_LADDER_DAYS)
                            : "";
  add(d, (struct guardian_date){
             .kind = "identities",
             .subject = ctx_printf(d->cx, "identities %.7s", enc_time(d->cx, i.first)), /* at most one ladder a month */
             .name = "The identity certificate of a device",
             .at = i.first,
             .effect = ctx_printf(d->cx,
                                  "%sA device whose identity has ended is served its renewal only, and after "
                                  "identity-grace nothing.",
                                  many),
             .fix = "They are renewed by themselves when their devices come: `pomona identity renewals` says what "
                    "holds them up, `pomona identity list` which they are."});
  return OK;
}

/* ---- the name that devices connect to ---- */

/* NULL: an address, or a name that nobody registers. */
static char *registered_host(struct ctx *cx, const char *public_url) {
  static const char *const local[] = {".localhost", ".local", ".internal", ".lan", ".home.arpa"};
  struct url u;
  if (url_parse(cx, &u, public_url) != OK) return ctx_clear_error(cx), NULL;
  const char *dot = strrchr(u.host, '.');
  if (!dot || strchr(u.host, ':') || strspn(dot + 1, "0123456789") == strlen(dot + 1)) return NULL;
  for (size_t i = 0; i < sizeof local / sizeof *local; i++)
    if (slice_ends(slice_of(u.host), local[i])) return NULL;
  return u.host;
}

const char *guardian_unknown_domain(struct ctx *cx, const struct core_conf *conf) {
  return conf->domain_ends ? NULL : registered_host(cx, conf->public_url);
}

static enum err domain(struct dates *d) {
  const struct core_conf *conf = core_conf(d->core);
  const char *host = registered_host(d->cx, conf->public_url);
  if (!host || !conf->domain_ends) return OK;
  add(d, (struct guardian_date){
             .kind = "domain",
             .subject = ctx_printf(d->cx, "domain %s %s", host, guardian_day(d->cx, conf->domain_ends)),
             .name = ctx_printf(d->cx, "The registration of the domain of %s", host),
             .at = conf->domain_ends,
             .effect = "Then no device finds this server, and who registers the name next can pass for it to those "
                       "that trust public CAs.",
             .fix = "Renew the domain at its registrar, and tell the new date: setting domain-ends."});
  return OK;
}

/* A new date is a row here. */
static enum err (*const providers[])(struct dates *d) = {pushcerts,       plans,       accounts, vendor,     own_keys,
                                                         profile_signers, further_cas, tls,      identities, domain};

static int sooner(const void *a, const void *b) {
  const struct guardian_date *x = a, *y = b;
  if (x->at != y->at) return x->at < y->at ? -1 : 1;
  return strcmp(x->subject, y->subject);
}

enum err guardian_dates_of(struct ctx *cx, struct db *db, struct core *core, const struct guardian_certs *certs,
                           struct guardian_date **out, size_t *n) {
  struct dates d = {.cx = cx, .db = db, .core = core, .certs = certs->all, .certs_n = certs->n};
  for (size_t i = 0; i < sizeof providers / sizeof *providers; i++) TRY(providers[i](&d));
  if (d.n) qsort(d.all, d.n, sizeof *d.all, sooner);
  *out = d.all;
  *n = d.n;
  return OK;
}

enum err guardian_dates(struct ctx *cx, struct db *db, struct core *core, struct guardian_date **out, size_t *n) {
  struct guardian_certs certs;
  TRY(pushcert_list(cx, db, &certs.all, &certs.n));
  return guardian_dates_of(cx, db, core, &certs, out, n);
}
