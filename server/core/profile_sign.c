/* Who signs profiles, and the signatures of those that go to all devices alike. */
#include "core/profile_int.h"

#include "base/clock.h"
#include "base/enc.h"
#include "base/file.h"
#include "base/log.h"
#include "base/secret.h"
#include "core/fact.h"
#include "core/keyring.h"
#include "lib/json.h"
#include "lib/pki_cms.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { PEM_MOST = 1 << 20, CHAIN_MOST = 8, KEPT = 32, KEPT_BYTES = 256 << 10 };

static const char fact_signer[] = "profile-signer";

struct signer {
  struct pki_cert *cert;
  struct pki_key *key;
  struct pki_cert *chain[CHAIN_MOST]; /* its issuers */
  size_t chain_n;
};

/* A signature takes a millisecond: of what a whole fleet gets, one is enough. */
struct kept {
  char uuid[UUID_LEN + 1]; /* "": none */
  struct buf file;
};

struct profile_signing {
  pthread_mutex_t lock; /* of all below */
  struct signer signer;
  struct kept kept[KEPT];
  unsigned next; /* to be replaced */
};

/* ---- the files ---- */

static void signer_free(struct signer *s) {
  for (size_t i = 0; i < s->chain_n; i++) pki_cert_free(s->chain[i]);
  pki_cert_free(s->cert);
  pki_key_free(s->key);
}

static void signer_keep(struct signer *to, const struct signer *from) {
  *to = (struct signer){.cert = pki_cert_keep(from->cert), .key = pki_key_keep(from->key), .chain_n = from->chain_n};
  for (size_t i = 0; i < from->chain_n; i++) to->chain[i] = pki_cert_keep(from->chain[i]);
}

static enum err named(struct ctx *cx, enum err e, const char *setting, const char *file) {
  const char *why = ctx_strdup(cx, ctx_error_text(cx));
  if (e == OK) return OK;
  ctx_clear_error(cx);
  return FAIL(cx, E_INVALID, "%s: %s: %s", setting, file, why);
}

/* Devices verify it with what comes along: each certificate is issued by the one behind it. */
static enum err check_chain(struct ctx *cx, const char *file, struct pki_cert *const *certs, size_t n) {
  for (size_t i = 0; i + 1 < n; i++)
    if (!pki_cert_issued(certs[i + 1], certs[i]))
      return FAIL(cx, E_INVALID, "signing-cert: %s: certificate %zu, %s, was not issued by the one behind it, %s", file,
                  i + 1, pki_cert_subject(cx, certs[i]), pki_cert_subject(cx, certs[i + 1]));
  return OK;
}

static enum err check_times(struct ctx *cx, const char *file, const struct pki_cert *cert) {
  int64_t now = clock_now_us(), from = pki_cert_not_before(cert), to = pki_cert_not_after(cert);
  if (to <= now)
    return FAIL(cx, E_INVALID, "signing-cert: %s: %s ended on %.10s: devices would show profiles as not verified", file,
                pki_cert_subject(cx, cert), enc_time(cx, to));
  if (from > now)
    return FAIL(cx, E_INVALID, "signing-cert: %s: %s begins on %.10s only", file, pki_cert_subject(cx, cert),
                enc_time(cx, from));
  return OK;
}

static enum err read_certs(struct ctx *cx, const char *file, struct pki_cert ***certs, size_t *n) {
  struct slice pem;
  TRY(named(cx, file_read(cx, &pem, file, PEM_MOST), "signing-cert", file));
  TRY(named(cx, pki_certs_parse_pem(cx, certs, n, pem), "signing-cert", file));
  if (*n == 0) return FAIL(cx, E_INVALID, "signing-cert: %s holds no certificate in PEM", file);
  if (*n > CHAIN_MOST + 1)
    return FAIL(cx, E_INVALID, "signing-cert: %s holds %zu certificates: the signer's and at most %d issuers", file, *n,
                CHAIN_MOST);
  TRY(check_times(cx, file, (*certs)[0]));
  return check_chain(cx, file, *certs, *n);
}

static enum err read_key(struct ctx *cx, const char *file, struct pki_key **key) {
  struct slice pem;
  TRY(named(cx, file_read(cx, &pem, file, PEM_MOST), "signing-key", file));
  return named(cx, pki_key_parse(cx, key, pem), "signing-key", file);
}

static enum err read_files(struct ctx *cx, const struct core_conf *conf, struct signer *out) {
  struct pki_cert **certs;
  struct pki_key *key;
  size_t n;
  if (!conf->signing_cert || !conf->signing_key)
    return FAIL(cx, E_INVALID, "signing-cert and signing-key go together: one of them is not set");
  TRY(read_certs(cx, conf->signing_cert, &certs, &n));
  TRY(read_key(cx, conf->signing_key, &key));
  if (!pki_cert_fits(certs[0], key))
    return FAIL(cx, E_INVALID, "signing-key: %s is not the key of the first certificate in %s, %s", conf->signing_key,
                conf->signing_cert, pki_cert_subject(cx, certs[0]));
  *out = (struct signer){.cert = pki_cert_keep(certs[0]), .key = pki_key_keep(key), .chain_n = n - 1};
  for (size_t i = 0; i + 1 < n; i++) out->chain[i] = pki_cert_keep(certs[i + 1]);
  return OK;
}

static enum err read_signer(struct ctx *cx, const struct core *core, const struct core_conf *conf, struct signer *out) {
  if (conf->signing_cert || conf->signing_key) return read_files(cx, conf, out);
  struct pki_cert *cert = (struct pki_cert *)keyring_signing(core->keyring);
  struct pki_key *key = (struct pki_key *)keyring_signing_key(core->keyring);
  *out = (struct signer){.cert = pki_cert_keep(cert), .key = pki_key_keep(key)};
  return OK;
}

/* ---- who it was before ---- */

struct change {
  const struct pki_cert *cert;
  bool changed;
  int64_t profiles;
};

static enum err note_job(struct ctx *cx, struct db *db, void *arg) {
  struct change *c = arg;
  char *text;
  struct js *was = NULL, *now = js_object(cx);
  const char *hash = enc_hex(cx, pki_cert_sha256(c->cert), SHA256_LEN);
  TRY(fact_read(cx, db, fact_signer, &text));
  if (text) TRY(js_parse(cx, slice_of(text), &was));
  const char *before = js_str(was, "sha256");
  if (before && strcmp(before, hash) == 0) return OK;
  c->changed = before != NULL;
  js_set_string(now, "sha256", hash);
  js_set_string(now, "subject", pki_cert_subject(cx, c->cert));
  if (c->changed) js_set_string(now, "before", js_str(was, "subject"));
  if (c->changed) js_set_time(now, "changed_at", clock_now_us());
  TRY(profile_sql_unsigned(cx, db, &c->profiles));
  return fact_write(cx, db, fact_signer, js_text(cx, now, JS_COMPACT).p);
}

static void note_change(struct ctx *cx, struct core *core, const struct pki_cert *cert) {
  struct change c = {.cert = cert};
  if (db_call(cx, core->store, note_job, &c) != OK)
    log_failure(LOG_WARN, cx, "who signs profiles was not noted");
  else if (c.changed && c.profiles)
    log_warn(cx,
             "profiles are signed by somebody else than before: devices may refuse to replace one by one of another "
             "signer; then remove it from them first",
             LOG_S("signer", pki_cert_subject(cx, cert)), LOG_I("profiles", c.profiles));
  ctx_clear_error(cx);
}

enum err profile_signer_before(struct ctx *cx, struct db *db, struct profile_signer_before *out) {
  char *text;
  struct js *o = NULL;
  *out = (struct profile_signer_before){0};
  TRY(fact_read(cx, db, fact_signer, &text));
  if (text) TRY(js_parse(cx, slice_of(text), &o));
  if (!js_str(o, "before")) return OK;
  out->subject = ctx_strdup(cx, js_str(o, "before"));
  (void)dec_time(slice_of(js_str(o, "changed_at")), &out->changed_at);
  return profile_sql_unsigned(cx, db, &out->profiles);
}

/* ---- its life ---- */

static void forget_kept(struct profile_signing *s) {
  for (int i = 0; i < KEPT; i++) {
    s->kept[i].uuid[0] = '\0';
    buf_wipe(&s->kept[i].file);
  }
}

enum err profile_signing_open(struct ctx *cx, struct profile_signing **out, struct core *core,
                              const struct core_conf *conf) {
  struct signer signer;
  TRY(read_signer(cx, core, conf, &signer));
  struct profile_signing *s = mem_alloc(sizeof *s);
  s->signer = signer;
  pthread_mutex_init(&s->lock, NULL);
  note_change(cx, core, signer.cert);
  *out = s;
  return OK;
}

enum err profile_signing_reload(struct ctx *cx, struct profile_signing *s, struct core *core,
                                const struct core_conf *conf) {
  struct signer signer;
  TRY(read_signer(cx, core, conf, &signer));
  pthread_mutex_lock(&s->lock);
  struct signer before = s->signer;
  s->signer = signer;
  forget_kept(s);
  pthread_mutex_unlock(&s->lock);
  note_change(cx, core, signer.cert);
  signer_free(&before);
  return OK;
}

void profile_signing_close(struct profile_signing *s) {
  if (!s) return;
  forget_kept(s);
  signer_free(&s->signer);
  pthread_mutex_destroy(&s->lock);
  free(s);
}

/* ---- signing ---- */

static void release(void *arg) { signer_free(arg); }

static enum err present(struct ctx *cx, struct core *core, struct signer **out) {
  struct profile_signing *s = core->signing;
  if (!s) return FAIL(cx, E_UNAVAILABLE, "no profile is signed here");
  *out = ctx_alloc(cx, sizeof **out);
  pthread_mutex_lock(&s->lock);
  signer_keep(*out, &s->signer);
  pthread_mutex_unlock(&s->lock);
  ctx_defer(cx, release, *out);
  return OK;
}

/* Beside a server, or without one, the files are read. */
enum err profile_signer(struct ctx *cx, struct core *core, const struct pki_cert **out) {
  struct signer *s = ctx_alloc(cx, sizeof *s);
  if (core->signing) {
    TRY(present(cx, core, &s));
  } else {
    TRY(read_signer(cx, core, core_conf(core), s));
    ctx_defer(cx, release, s);
  }
  *out = s->cert;
  return OK;
}

bool profile_signed(struct ctx *cx, struct core *core, const char *uuid, struct slice *out) {
  struct profile_signing *s = core->signing;
  bool found = false;
  if (!s) return false;
  pthread_mutex_lock(&s->lock);
  for (int i = 0; i < KEPT && !found; i++) {
    struct slice file = buf_slice(&s->kept[i].file);
    found = file.n && strcmp(s->kept[i].uuid, uuid) == 0;
    if (found) *out = slice_mem(secret_in(cx, ctx_memdup(cx, file.p, file.n), file.n), file.n);
  }
  pthread_mutex_unlock(&s->lock);
  return found;
}

/* Unless the signer was changed meanwhile. */
static void keep(struct profile_signing *s, const struct signer *by, const char *uuid, struct slice file) {
  if (file.n > KEPT_BYTES) return;
  pthread_mutex_lock(&s->lock);
  if (s->signer.cert == by->cert) {
    struct kept *k = &s->kept[s->next++ % KEPT];
    buf_wipe(&k->file);
    buf_add_slice(&k->file, file);
    memcpy(k->uuid, uuid, UUID_LEN + 1);
  }
  pthread_mutex_unlock(&s->lock);
}

enum err profile_sign(struct ctx *cx, struct core *core, const char *uuid, struct slice plain, struct slice *out) {
  struct signer *s;
  TRY(present(cx, core, &s));
  TRY(pki_cms_sign(cx, out, plain, s->cert, s->key, s->chain, s->chain_n));
  if (uuid) keep(core->signing, s, uuid, *out);
  return OK;
}
