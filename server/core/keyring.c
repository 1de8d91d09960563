#include "core/keyring_int.h"

#include "base/clock.h"
#include "core/vault.h"
#include "lib/pki_cms.h"

#include <stdlib.h>
#include <string.h>

enum slot { DEVICE_CA, SIGNING, TLS_CA, TLS, ESCROW, SLOTS };

static const char *const slot_names[SLOTS] = {"device-ca", "signing", "tls-ca", "tls", "escrow"};
static const char former_escrow[] = "escrow "; /* and its serial number */
enum { TLS_DAYS = 397, TLS_RENEW_DAYS = 30, ESCROW_YEARS = 20, ESCROW_RENEW_DAYS = 365, FORMER_MOST = 20 };

struct pair {
  struct pki_cert *cert;
  struct pki_key *key;
};

struct keyring {
  char *server_id;
  struct pair pairs[SLOTS];
  struct pair former[FORMER_MOST]; /* escrow certificates, newest first */
  size_t former_n;
};

struct work {
  struct core *core;
  struct keyring *ring;
  const char *host; /* NULL: no TLS of our own */
  bool renewed;
};

static char *about(struct ctx *cx, const char *name) { return ctx_printf(cx, "keyring.key %s", name); }

static void release(struct pair *p) {
  if (p->cert) pki_cert_free(p->cert);
  if (p->key) pki_key_free(p->key);
  *p = (struct pair){0};
}

static void put(struct pair *p, struct pki_cert *cert, struct pki_key *key) {
  release(p);
  *p = (struct pair){pki_cert_keep(cert), pki_key_keep(key)};
}

static enum err load_named(struct ctx *cx, struct db *db, struct work *w, const char *name, struct pair *to) {
  struct slice der, sealed, pem;
  struct pki_cert *cert;
  struct pki_key *key;
  TRY(keyring_load(cx, db, name, &der, &sealed));
  if (!der.p) return OK;
  if (vault_unseal(cx, w->core->vault, about(cx, name), sealed, &pem) != OK) {
    ctx_clear_error(cx);
    return FAIL(cx, E_INVALID,
                "the %s key cannot be read with this secret key: is it the one that this database was made with?",
                name);
  }
  TRY(pki_cert_parse(cx, &cert, der));
  TRY(pki_key_parse(cx, &key, pem));
  put(to, cert, key);
  return OK;
}

static enum err load(struct ctx *cx, struct db *db, struct work *w, enum slot s, bool *found) {
  TRY(load_named(cx, db, w, slot_names[s], &w->ring->pairs[s]));
  *found = w->ring->pairs[s].cert != NULL;
  return OK;
}

static enum err save(struct ctx *cx, struct db *db, struct work *w, const char *name, const struct pair *p) {
  struct slice pem, sealed;
  TRY(pki_key_pem(cx, &pem, p->key));
  TRY(vault_seal(cx, w->core->vault, about(cx, name), pem, &sealed));
  return keyring_save(cx, db, name, pki_cert_der(p->cert), sealed);
}

static enum err store(struct ctx *cx, struct db *db, struct work *w, enum slot s, struct pki_issue *what) {
  struct pair made = {.key = (struct pki_key *)what->subject_key};
  what->not_before = clock_now_us() - US_DAY;
  TRY(pki_cert_issue(cx, &made.cert, what));
  TRY(save(cx, db, w, slot_names[s], &made));
  put(&w->ring->pairs[s], made.cert, made.key);
  return OK;
}

static enum err make_device_ca(struct ctx *cx, struct db *db, struct work *w) {
  struct pki_key *key;
  TRY(pki_key_new_rsa(cx, &key, 3072));
  struct pki_issue what = {.cn = "Pomona Device CA",
                           .organization = core_conf(w->core)->organization,
                           .subject_key = key,
                           .issuer_key = key,
                           .not_after = clock_now_us() + 20 * 365 * US_DAY,
                           .kind = PKI_CA};
  return store(cx, db, w, DEVICE_CA, &what);
}

static enum err make_signing(struct ctx *cx, struct db *db, struct work *w) {
  const char *organization = core_conf(w->core)->organization;
  struct pki_key *key;
  TRY(pki_key_new_rsa(cx, &key, 2048));
  struct pki_issue what = {.cn = ctx_printf(cx, "%s Profile Signing", organization),
                           .organization = organization,
                           .subject_key = key,
                           .issuer_key = key,
                           .not_after = clock_now_us() + 10 * 365 * US_DAY,
                           .kind = PKI_SIGNING};
  return store(cx, db, w, SIGNING, &what);
}

static enum err make_escrow(struct ctx *cx, struct db *db, struct work *w) {
  const char *organization = core_conf(w->core)->organization;
  struct pki_key *key;
  TRY(pki_key_new_rsa(cx, &key, 2048));
  struct pki_issue what = {.cn = ctx_printf(cx, "%s FileVault Escrow", organization),
                           .organization = organization,
                           .subject_key = key,
                           .issuer_key = key,
                           .not_after = clock_now_us() + ESCROW_YEARS * 365 * US_DAY,
                           .kind = PKI_ENCRYPTION};
  return store(cx, db, w, ESCROW, &what);
}

static enum err load_former(struct ctx *cx, struct db *db, struct work *w) {
  char *names[FORMER_MOST];
  TRY(keyring_names(cx, db, former_escrow, names, FORMER_MOST, &w->ring->former_n));
  for (size_t i = 0; i < w->ring->former_n; i++) TRY(load_named(cx, db, w, names[i], &w->ring->former[i]));
  return OK;
}

/* What Macs encrypted for a former one stays as it is until their profile names another, and may come at any time. */
static enum err open_escrow(struct ctx *cx, struct db *db, struct work *w) {
  const struct pair *now = &w->ring->pairs[ESCROW];
  bool found;
  TRY(load(cx, db, w, ESCROW, &found));
  if (found && pki_cert_not_after(now->cert) - clock_now_us() > ESCROW_RENEW_DAYS * US_DAY)
    return load_former(cx, db, w);
  if (found) TRY(save(cx, db, w, ctx_printf(cx, "%s%s", former_escrow, pki_cert_serial(cx, now->cert)), now));
  TRY(make_escrow(cx, db, w));
  return load_former(cx, db, w);
}

/* What the TLS CA may name: for localhost its addresses too, since labs use either. */
static const char *const *hosts_of(struct ctx *cx, const char *host) {
  const char **hosts = ctx_alloc(cx, 4 * sizeof *hosts);
  hosts[0] = host;
  if (strcmp(host, "localhost") == 0) hosts[1] = "127.0.0.1", hosts[2] = "::1";
  return hosts;
}

static enum err make_tls_ca(struct ctx *cx, struct db *db, struct work *w) {
  struct pki_key *key;
  TRY(pki_key_new_p256(cx, &key));
  struct pki_issue what = {.cn = ctx_printf(cx, "%s TLS CA", core_conf(w->core)->organization),
                           .organization = core_conf(w->core)->organization,
                           .subject_key = key,
                           .issuer_key = key,
                           .not_after = clock_now_us() + 20 * 365 * US_DAY,
                           .kind = PKI_TLS_CA,
                           .hosts = hosts_of(cx, w->host)};
  return store(cx, db, w, TLS_CA, &what);
}

/* A common name that is an address would be taken for a DNS name, which the CA's constraints then forbid. */
static const char *tls_cn(const char *host) {
  bool address = strchr(host, ':') || strspn(host, "0123456789.") == strlen(host);
  return address ? "Pomona TLS" : host;
}

static enum err make_tls(struct ctx *cx, struct db *db, struct work *w) {
  struct pki_key *key;
  TRY(pki_key_new_p256(cx, &key));
  struct pki_issue what = {.cn = tls_cn(w->host),
                           .subject_key = key,
                           .issuer = w->ring->pairs[TLS_CA].cert,
                           .issuer_key = w->ring->pairs[TLS_CA].key,
                           .not_after = clock_now_us() + (TLS_DAYS - 1) * US_DAY,
                           .kind = PKI_TLS_SERVER,
                           .hosts = hosts_of(cx, w->host)};
  w->renewed = true;
  return store(cx, db, w, TLS, &what);
}

static enum err check_tls(struct ctx *cx, struct db *db, struct work *w) {
  const struct pki_cert *leaf = w->ring->pairs[TLS].cert;
  if (!core_conf(w->core)->own_tls) return OK; /* another certificate is used, or a proxy's */
  if (!pki_cert_names_host(leaf, w->host)) {
    int64_t devices;
    TRY(keyring_enrolled(cx, db, &devices));
    if (devices > 0 && !core_conf(w->core)->accept_cut_off)
      return FAIL(cx, E_CONFLICT,
                  "the own TLS CA may only name the host of the former public-url, and %lld devices trust it: keep "
                  "that host, or set tls-cert and tls-key for %s (--accept-cut-off yes: make a new CA all the same)",
                  (long long)devices, w->host);
    TRY(make_tls_ca(cx, db, w));
    return make_tls(cx, db, w);
  }
  return pki_cert_not_after(leaf) - clock_now_us() > TLS_RENEW_DAYS * US_DAY ? OK : make_tls(cx, db, w);
}

static enum err open_tls(struct ctx *cx, struct db *db, struct work *w) {
  bool ca, leaf;
  TRY(load(cx, db, w, TLS_CA, &ca));
  TRY(load(cx, db, w, TLS, &leaf));
  if (ca && leaf) return check_tls(cx, db, w);
  TRY(make_tls_ca(cx, db, w));
  return make_tls(cx, db, w);
}

static enum err open_job(struct ctx *cx, struct db *db, void *arg) {
  struct work *w = arg;
  bool found;
  char *server_id;
  TRY(keyring_load_server_id(cx, db, &server_id));
  w->ring->server_id = mem_strdup(server_id);
  TRY(load(cx, db, w, DEVICE_CA, &found));
  if (!found) TRY(make_device_ca(cx, db, w));
  TRY(load(cx, db, w, SIGNING, &found));
  if (!found) TRY(make_signing(cx, db, w));
  TRY(open_escrow(cx, db, w));
  return w->host ? open_tls(cx, db, w) : OK;
}

static enum err renew_job(struct ctx *cx, struct db *db, void *arg) { return check_tls(cx, db, arg); }

enum err keyring_open(struct ctx *cx, struct keyring **out, struct core *core, const char *host) {
  struct work w = {.core = core, .ring = mem_alloc(sizeof *w.ring), .host = host};
  enum err e = db_call(cx, core->store, open_job, &w);
  if (e != OK) {
    keyring_close(w.ring);
    return e;
  }
  *out = w.ring;
  return OK;
}

enum err keyring_read(struct ctx *cx, struct keyring **out, struct core *core, struct db *db) {
  struct work w = {.core = core, .ring = mem_alloc(sizeof *w.ring)};
  enum err e = OK;
  bool found;
  for (int s = 0; s < SLOTS && e == OK; s++) e = load(cx, db, &w, (enum slot)s, &found);
  if (e == OK) e = load_former(cx, db, &w);
  if (e == OK)
    *out = w.ring;
  else
    keyring_close(w.ring);
  return e;
}

void keyring_close(struct keyring *k) {
  if (!k) return;
  for (int s = 0; s < SLOTS; s++) release(&k->pairs[s]);
  for (size_t i = 0; i < k->former_n; i++) release(&k->former[i]);
  free(k->server_id);
  free(k);
}

enum err keyring_renew_tls(struct ctx *cx, struct keyring *k, struct core *core, const char *host, bool *renewed) {
  struct work w = {.core = core, .ring = k, .host = host};
  TRY(db_call(cx, core->store, renew_job, &w));
  *renewed = w.renewed;
  return OK;
}

const char *keyring_server_id(const struct keyring *k) { return k->server_id; }
const struct pki_cert *keyring_device_ca(const struct keyring *k) { return k->pairs[DEVICE_CA].cert; }
const struct pki_key *keyring_device_ca_key(const struct keyring *k) { return k->pairs[DEVICE_CA].key; }
const struct pki_cert *keyring_signing(const struct keyring *k) { return k->pairs[SIGNING].cert; }
const struct pki_key *keyring_signing_key(const struct keyring *k) { return k->pairs[SIGNING].key; }
const struct pki_cert *keyring_tls_ca(const struct keyring *k) { return k->pairs[TLS_CA].cert; }

const struct pki_cert *keyring_escrow(const struct keyring *k) { return k->pairs[ESCROW].cert; }

enum err keyring_escrow_open(struct ctx *cx, const struct keyring *k, struct slice der, struct slice *content) {
  const struct pair *now = &k->pairs[ESCROW];
  enum err e = now->cert ? pki_cms_open(cx, content, der, now->cert, now->key)
                         : FAIL(cx, E_REFUSED, "there is no escrow certificate yet");
  for (size_t i = 0; i < k->former_n && e == E_REFUSED; i++) {
    ctx_clear_error(cx);
    e = pki_cms_open(cx, content, der, k->former[i].cert, k->former[i].key);
  }
  return e;
}

enum err keyring_tls_pem(struct ctx *cx, const struct keyring *k, struct slice *cert_pem, struct slice *key_pem) {
  if (!k->pairs[TLS].cert) return FAIL(cx, E_NOT_FOUND, "there is no TLS certificate of our own");
  *cert_pem = pki_cert_pem(cx, k->pairs[TLS].cert);
  return pki_key_pem(cx, key_pem, k->pairs[TLS].key);
}
