#include "base/clock.h"
#include "base/enc.h"
#include "core/pushcert_int.h"
#include "core/pushcert_request_int.h"
#include "core/pushcert_seen.h"
#include "core/vault.h"
#include "lib/pki_cert.h"

#include <string.h>

enum { KEY_BITS = 2048, CN_MOST = 64, EMAIL_MOST = 254, STEPS_MOST = 8 };

/* ---- making ---- */

static const char *host_of(struct ctx *cx, struct core *core) {
  struct slice url = slice_of(core_conf(core)->public_url), host;
  const char *after = url.n ? strstr(url.p, "://") : NULL;
  if (after) url = slice_mem(after + 3, strlen(after + 3));
  if (!slice_cut(&url, '/', &host)) return "";
  const char *colon = host.n && *host.p != '[' ? memchr(host.p, ':', host.n) : NULL;
  return ctx_memdup(cx, host.p, colon ? (size_t)(colon - host.p) : host.n);
}

static enum err key_in_use(struct ctx *cx, struct db *db, struct core *core, const char *topic, struct pki_key **key) {
  struct slice cert, pem;
  int64_t until;
  TRY(pushcert_open(cx, db, core, topic, &cert, &pem, &until));
  return pki_key_parse(cx, key, pem);
}

static bool is_email(const char *text) {
  struct slice s = slice_of(text);
  const char *at = strchr(text, '@');
  if (s.n > EMAIL_MOST || !at || at == text || !at[1] || strchr(at + 1, '@')) return false;
  for (size_t i = 0; i < s.n; i++)
    if ((unsigned char)s.p[i] <= ' ' || (unsigned char)s.p[i] > '~') return false;
  return true;
}

static enum err check_want(struct ctx *cx, const struct pushcert_want *want) {
  if (want->cn && (!*want->cn || strlen(want->cn) > CN_MOST || !text_is_plain(slice_of(want->cn))))
    return FAIL(cx, E_INVALID, "the common name of a request has 1 to %d characters", CN_MOST);
  if (want->email && !is_email(want->email)) return FAIL(cx, E_INVALID, "that is no e-mail address");
  if (want->same_key && !want->topic)
    return FAIL(cx, E_NOT_FOUND, "there is no push certificate yet whose key could be used");
  return OK;
}

/* Apple's portal knows no other parts than these; a longer host is cut. */
static struct pki_csr_subject subject_of(struct ctx *cx, struct core *core, const struct pushcert_want *want) {
  const char *organization = core_conf(core)->organization;
  return (struct pki_csr_subject){.cn = want->cn ? want->cn : ctx_printf(cx, "MDM push %.50s", host_of(cx, core)),
                                  .organization = organization && strlen(organization) <= CN_MOST ? organization : NULL,
                                  .email = want->email};
}

enum err pushcert_request_make(struct ctx *cx, struct db *db, struct core *core, const struct pushcert_want *want,
                               struct pushcert_made *out) {
  struct pki_key *key;
  TRY(check_want(cx, want));
  if (want->same_key)
    TRY(key_in_use(cx, db, core, want->topic, &key));
  else
    TRY(pki_key_new_rsa(cx, &key, KEY_BITS));
  struct pki_csr_subject subject = subject_of(cx, core, want);
  *out = (struct pushcert_made){.topic = want->topic};
  TRY(pki_csr_named(cx, &out->csr, key, &subject));
  pki_key_sha256(key, out->public_hash);
  return pki_key_pem(cx, &out->key_pem, key);
}

enum err pushcert_request_store(struct ctx *cx, struct db *db, struct core *core, const struct pushcert_made *made,
                                const char *by, struct pushcert_request *out) {
  struct slice sealed;
  const char *about = pushcert_key_about(cx, slice_mem(made->public_hash, sizeof made->public_hash));
  TRY(vault_seal(cx, core->vault, about, made->key_pem, &sealed));
  TRY(pushcert_request_put(cx, db, made, sealed, by, clock_now_us()));
  return pushcert_request_of(cx, db, made->public_hash, out);
}

char *pushcert_request_pem(struct ctx *cx, struct slice csr) {
  struct buf b = {0};
  const char *base64 = enc_base64(cx, csr.p, csr.n);
  buf_add_str(&b, "-----BEGIN CERTIFICATE REQUEST-----\n");
  for (size_t n = strlen(base64), i = 0; i < n; i += 64) buf_printf(&b, "%.64s\n", base64 + i);
  buf_add_str(&b, "-----END CERTIFICATE REQUEST-----\n");
  char *pem = ctx_memdup(cx, b.p, b.n);
  buf_free(&b);
  return pem;
}

/* ---- Apple's portal ---- */

static const char *note_of(struct ctx *cx, struct core *core, const char *topic, const struct pushcert_record *r) {
  const char *owner = !r->owner ? ""
                                : ctx_printf(cx, "; owner %s%s%s%s", r->owner, r->owner_email ? " (" : "",
                                             r->owner_email ? r->owner_email : "", r->owner_email ? ")" : "");
  return ctx_printf(cx, "MDM server pomona, %s%s%s%s", host_of(cx, core), topic ? "; topic " : "", topic ? topic : "",
                    owner);
}

static const char *account_step(struct ctx *cx, const char *topic, const struct pushcert_record *r) {
  if (r->apple_account)
    return ctx_printf(cx, "Sign in at " PUSHCERT_PORTAL " with the Apple Account %s, and no other.", r->apple_account);
  if (topic)
    return "Sign in at " PUSHCERT_PORTAL " with the same Apple Account as last year. It is not recorded here: once you "
           "know it, note it with `pomona pushcert record`.";
  return "Sign in at " PUSHCERT_PORTAL " with an Apple Account of the organisation that two people can sign in to, not "
         "with a person's own: it has to be the same for every renewal.";
}

static const char *row_step(struct ctx *cx, const char *topic, const struct pushcert *c) {
  if (!topic) return "Press \"Create a Certificate\".";
  const char *decimal = c ? enc_decimal(cx, c->serial_number) : NULL;
  const char *which =
      !c ? ""
         : ctx_printf(cx, " (serial number %s%s%s%s, ends %.10s)", c->serial_number, decimal ? " = " : "",
                      decimal ? decimal : "", decimal ? " in decimal" : "", enc_time(cx, c->not_after));
  return ctx_printf(
      cx,
      "Press Renew, never Create, on the row whose certificate information says UID=%s%s. Press Renew only when you "
      "can import at once: the former certificate may stop working with it.",
      topic, which);
}

enum err pushcert_request_portal(struct ctx *cx, struct db *db, struct core *core, const char *topic,
                                 struct pushcert_portal *out) {
  struct pushcert_record record = {0};
  struct pushcert c;
  bool in_use = false;
  const char **steps = ctx_alloc(cx, STEPS_MOST * sizeof *steps);
  size_t n = 0;
  if (topic) {
    TRY(pushcert_record_read(cx, db, topic, &record));
    in_use = pushcert_find(cx, db, topic, &c) == OK;
    ctx_clear_error(cx);
  }
  out->note = note_of(cx, core, topic, &record);
  steps[n++] = account_step(cx, topic, &record);
  steps[n++] = row_step(cx, topic, in_use ? &c : NULL);
  steps[n++] = ctx_printf(cx, "Write into the field Notes: %s", out->note);
  steps[n++] = "Upload the signed request, and download the certificate that Apple makes of it.";
  steps[n++] = "Import it at once with `pomona pushcert import FILE`: its key is here already.";
  out->steps = steps;
  return OK;
}
