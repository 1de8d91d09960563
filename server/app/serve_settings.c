#include "app/serve_int.h"

#include "base/log.h"
#include "core/guard.h"
#include "core/keyring.h"
#include "core/profile.h"
#include "core/push.h"
#include "core/webhook.h"
#include "lib/net_addr.h"
#include "lib/pki_cms.h"

#include <stdlib.h>
#include <string.h>

static void set_log(const struct conf *c) {
  enum log_level level = LOG_INFO;
  (void)log_level_parse(c->log_level, &level); /* the table allows nothing else */
  log_set(level, strcmp(c->log_format, "json") == 0);
}

static enum err snapshot_new(struct ctx *cx, struct conf *conf, struct snapshot **out) {
  struct snapshot *p = ctx_alloc(conf->cx, sizeof *p);
  p->conf = conf;
  if (conf_core(cx, conf, &p->core) != OK) {
    const char *why = ctx_strdup(cx, ctx_error_text(cx));
    ctx_clear_error(cx);
    return FAIL(cx, E_USAGE, "device-ca: %s", why);
  }
  *out = p;
  return OK;
}

static void publish(struct server *s, struct snapshot *p) {
  p->before = s->snapshots;
  s->snapshots = p;
  s->conf = p->conf;
  atomic_store(&s->core.conf, &p->core);
  set_log(p->conf);
}

enum err serve_open_settings(struct ctx *cx, struct server *s) {
  struct snapshot *first;
  struct url url;
  TRY(snapshot_new(cx, s->args->conf, &first));
  TRY(url_parse(cx, &url, s->args->conf->public_url));
  s->host = url.host;
  publish(s, first);
  return OK;
}

/* The first one's settings belong to the command line. */
void serve_close_settings(struct server *s) {
  for (struct snapshot *p = s->snapshots, *before; p; p = before) {
    before = p->before;
    if (before) conf_free(p->conf);
  }
}

/* ---- trust ---- */

static enum err guard_trust(struct ctx *cx, struct server *s, struct pki_cert *const *certs, size_t n) {
  struct db *db;
  TRY(db_reader(cx, s->core.store, &db));
  return guard_device_ca(cx, &s->core, db, certs, n);
}

static enum err snapshot_trust(struct ctx *cx, struct server *s, struct snapshot *p) {
  struct slice own = pki_cert_pem(cx, keyring_device_ca(s->core.keyring));
  char *pem = ctx_printf(p->conf->cx, "%s%s", own.p, p->core.device_ca_pem ? p->core.device_ca_pem : "");
  struct pki_cert **certs;
  size_t n;
  TRY(pki_certs_parse_pem(cx, &certs, &n, slice_of(pem)));
  if (p->core.device_ca_pem && n < 2)
    return FAIL(cx, E_USAGE, "device-ca: %s holds no certificate in PEM", p->conf->device_ca);
  p->device_ca_pem = slice_of(pem);
  TRY(guard_trust(cx, s, certs, n));
  return pki_trust_new(cx, &p->trust, certs, n);
}

enum err serve_open_trust(struct ctx *cx, struct server *s) {
  TRY(snapshot_trust(cx, s, s->snapshots));
  atomic_store(&s->core.trust, s->snapshots->trust);
  return OK;
}

void serve_close_trust(struct server *s) {
  for (struct snapshot *p = s->snapshots; p; p = p->before) pki_trust_free(p->trust);
}

/* ---- reload ---- */

/* Takes conf over when it is good. */
static enum err reload_with(struct ctx *cx, struct server *s, struct conf *conf) {
  const char *frozen = conf_frozen(cx, s->conf, conf);
  if (*frozen) log_warn(cx, "these settings need a restart and stay as they were", LOG_S("settings", frozen));
  conf_keep_frozen(conf, s->conf);
  struct snapshot *p;
  TRY(snapshot_new(cx, conf, &p));
  TRY(snapshot_trust(cx, s, p));
  /* What is told to devices and what is shown to them go together: before a certificate is refused, nothing is new. */
  enum err e = profile_signing_reload(cx, s->core.signing, &s->core, &p->core);
  if (e == OK && s->tls) e = serve_swap_tls(cx, s, conf);
  if (e != OK) {
    pki_trust_free(p->trust);
    return e;
  }
  publish(s, p);
  atomic_store(&s->core.trust, p->trust);
  pki_signers_forget(s->core.signers);
  push_reload(s->core.push);
  webhook_reload(s->core.webhook);
  return s->tls ? serve_ask_client(cx, s) : OK;
}

static enum err reload(struct ctx *cx, struct server *s) {
  struct conf *conf;
  TRY(conf_load(cx, &conf, s->args->settings, s->args->settings_n));
  enum err e = reload_with(cx, s, conf);
  if (s->conf != conf) conf_free(conf);
  return e;
}

void serve_reload(struct server *s) {
  struct ctx *cx = ctx_new();
  if (reload(cx, s) == OK)
    log_info(cx, "settings and certificates reloaded");
  else
    log_failure(LOG_ERROR, cx, "reload failed; what is wrong stays as it was");
  ctx_free(cx);
}
