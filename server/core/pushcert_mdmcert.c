/* mdmcert.download: a request is sent there, and comes back signed by mail, encrypted for a key made for this exchange.
 */
#include "base/clock.h"
#include "base/enc.h"
#include "base/secret.h"
#include "core/pushcert_request_int.h"
#include "core/pushcert_seen.h"
#include "core/vault.h"
#include "lib/pki_cms.h"

#include <string.h>

enum { KEY_BITS = 2048, EXCHANGES_MOST = 100, REASON_MOST = 300 };

/* ---- asking ---- */

static enum err make_identity(struct ctx *cx, struct pushcert_exchange *out, const char **cert_pem) {
  struct pki_cert *cert;
  struct pki_key *key;
  TRY(pki_key_new_rsa(cx, &key, KEY_BITS));
  struct pki_issue what = {.cn = "mdmcert exchange",
                           .subject_key = key,
                           .issuer_key = key,
                           .not_before = clock_now_us() - US_DAY,
                           .not_after = clock_now_us() + 365 * US_DAY,
                           .kind = PKI_IDENTITY};
  TRY(pki_cert_issue(cx, &cert, &what));
  struct slice der = pki_cert_der(cert), pem = pki_cert_pem(cx, cert);
  out->cert = slice_mem(ctx_memdup(cx, der.p, der.n), der.n);
  *cert_pem = ctx_memdup(cx, pem.p, pem.n);
  return pki_key_pem(cx, &out->key_pem, key);
}

enum err pushcert_mdmcert_make(struct ctx *cx, struct core *core, const struct pushcert_request *r, const char *email,
                               struct pushcert_exchange *out) {
  const char *key = core_conf(core)->mdmcert_api_key, *cert_pem = NULL;
  if (!key)
    return FAIL(cx, E_CONFLICT, "mdmcert-api-key is not set: ask mdmcert.download for a key of your own, and set it");
  if (!strchr(email, '@') || !text_is_plain(slice_of(email)))
    return FAIL(cx, E_INVALID, "give the e-mail address that is registered at mdmcert.download");
  *out = (struct pushcert_exchange){.request = r->seq, .email = email};
  TRY(make_identity(cx, out, &cert_pem));
  const char *csr = pushcert_request_pem(cx, r->csr);
  struct js *body = js_object(cx);
  js_set_string(body, "csr", enc_base64(cx, csr, strlen(csr)));
  js_set_string(body, "email", email);
  js_set_string(body, "key", key);
  js_set_string(body, "encrypt", enc_base64(cx, cert_pem, strlen(cert_pem)));
  out->body = js_text(cx, body, JS_COMPACT);
  return OK;
}

static const char *about(struct ctx *cx, struct slice cert) {
  uint8_t hash[32];
  pki_sha256(hash, cert);
  return ctx_printf(cx, "mdmcert_exchange.key_sealed %s", enc_hex(cx, hash, sizeof hash));
}

enum err pushcert_mdmcert_store(struct ctx *cx, struct db *db, struct core *core, const struct pushcert_exchange *x) {
  struct slice sealed;
  TRY(vault_seal(cx, core->vault, about(cx, x->cert), x->key_pem, &sealed));
  return pushcert_exchange_put(cx, db, x, sealed, clock_now_us());
}

/* ---- its answer ---- */

/* What the service says of a failure: shown, so it must be plain and short. */
static const char *reason_of(struct ctx *cx, struct js *answer) {
  const char *reason = js_str(answer, "reason");
  if (!reason || !text_is_plain(slice_of(reason)) || strlen(reason) > REASON_MOST)
    return "no reason that could be shown";
  return ctx_strdup(cx, reason);
}

enum err pushcert_mdmcert_answered(struct ctx *cx, int status, struct slice body) {
  struct js *answer = NULL;
  bool parsed = js_parse(cx, body, &answer) == OK && js_is_object(answer);
  ctx_clear_error(cx);
  const char *result = parsed ? js_str(answer, "result") : NULL;
  if (result && strcmp(result, "failure") == 0)
    return FAIL(cx, E_CONFLICT,
                "mdmcert.download refused: %s. Is the e-mail address registered there, and mdmcert-api-key right?",
                reason_of(cx, answer));
  if (status >= 300 && status < 400)
    return FAIL(cx, E_UNREACHABLE, "mdmcert-url answered %d (it has moved): set mdmcert-url to its new address",
                status);
  if (status != 200)
    return FAIL(cx, E_UNREACHABLE,
                "mdmcert-url answered %d: the service may be out of order; try again later, or sign "
                "with an own MDM vendor certificate",
                status);
  if (!result || strcmp(result, "success") != 0)
    return FAIL(cx, E_UNREACHABLE,
                "what answers at mdmcert-url is not mdmcert.download (no JSON with a result): check "
                "mdmcert-url, and proxy");
  return OK;
}

/* ---- the mailed file ---- */

static enum err open_with(struct ctx *cx, struct core *core, const struct pushcert_exchange *x, struct slice der,
                          struct slice *out) {
  struct pki_cert *cert;
  struct pki_key *key;
  struct slice pem;
  TRY(pki_cert_parse(cx, &cert, x->cert));
  TRY(vault_unseal(cx, core->vault, about(cx, x->cert), x->key_pem, &pem));
  TRY(pki_key_parse(cx, &key, pem));
  return pki_cms_open(cx, out, der, cert, key);
}

static enum err find_key(struct ctx *cx, struct db *db, struct core *core, struct slice der,
                         struct pushcert_opened *out) {
  struct pushcert_exchange all[EXCHANGES_MOST];
  size_t n;
  TRY(pushcert_exchanges(cx, db, all, EXCHANGES_MOST, &n));
  for (size_t i = 0; i < n; i++) {
    enum err e = open_with(cx, core, &all[i], der, &out->text);
    out->exchange = all[i].seq;
    out->request = all[i].request;
    if (e != E_REFUSED) return e;
    ctx_clear_error(cx);
  }
  return FAIL(
      cx, E_INVALID,
      "this is encrypted for a key that is not kept here: open it with the server that asked mdmcert.download, or "
      "ask again with `pomona pushcert sign --mdmcert EMAIL`");
}

/* The portal refuses what is none without a reason, so it is looked at before. */
static enum err check_signed_request(struct ctx *cx, struct slice text) {
  struct pushcert_file file = {.name = "what it holds", .bytes = text};
  struct pki_opener none = {.work = 0};
  struct pushcert_seen seen;
  size_t which;
  TRY(pushcert_see(cx, &seen, &file, &none));
  const struct pushcert_kind *kind = pushcert_name(cx, &seen, 1, &which);
  if (strcmp(kind->slug, "signed-request") == 0) return OK;
  return FAIL(cx, E_INVALID, "it opens, but what it holds is %s, not a signed request for Apple", kind->what);
}

enum err pushcert_mdmcert_open(struct ctx *cx, struct db *db, struct core *core, const struct pushcert_file *file,
                               struct pushcert_opened *out) {
  struct pki_opener none = {.work = 0};
  struct pushcert_seen seen;
  size_t which;
  TRY(pushcert_see(cx, &seen, file, &none));
  if (!seen.in.enveloped)
    return FAIL(cx, E_INVALID, "%s is no answer of mdmcert.download (.plist.b64.p7, from its mail) but %s", seen.name,
                pushcert_name(cx, &seen, 1, &which)->what);
  TRY(find_key(cx, db, core, seen.bytes, out));
  TRY(check_signed_request(cx, out->text));
  out->text = slice_trim(out->text);
  if (*out->text.p == '<') out->text = slice_of(enc_base64(cx, out->text.p, out->text.n));
  return OK;
}
