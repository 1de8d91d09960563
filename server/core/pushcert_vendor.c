/* Signing of requests with an own MDM vendor certificate, as Apple's portal wants them. */
#include "base/clock.h"
#include "base/enc.h"
#include "core/pushcert_request_int.h"
#include "core/pushcert_seen.h"
#include "core/vault.h"
#include "lib/plist.h"

#include <string.h>

enum { CSR_BITS_LEAST = 2048 };
#define APPLE_CAS "https://www.apple.com/certificateauthority/"

/* ---- taking in ---- */

static bool is_vendor(struct ctx *cx, const struct pki_cert *c) {
  return slice_istarts(slice_of(pki_cert_cn(cx, c)), "MDM Vendor");
}

static enum err choose(struct ctx *cx, const struct pushcert_pile *p, struct pki_cert **leaf, struct pki_key **key) {
  *leaf = NULL;
  for (size_t i = 0; i < p->certs_n; i++) {
    if (!is_vendor(cx, p->certs[i])) continue;
    *leaf = p->certs[i];
    for (size_t k = 0; k < p->keys_n; k++)
      if (pki_cert_fits(p->certs[i], p->keys[k])) return *key = p->keys[k], OK;
  }
  if (*leaf)
    return FAIL(cx, E_INVALID, "the private key of %s %s: give the key that the vendor certificate was asked for with",
                pki_cert_subject(cx, *leaf), p->keys_n ? "is another than the one that came along" : "is missing");
  return FAIL(
      cx, E_INVALID,
      "no MDM vendor certificate is among these files%s%s: its subject begins with \"MDM Vendor\"; Apple gives it "
      "to holders of a developer account of an organisation at "
      "https://developer.apple.com/contact/request/mdm-certificate/",
      p->certs_n ? ", but " : "", p->certs_n ? pki_cert_subject(cx, p->certs[0]) : "");
}

/* Whoever signs with a chain that has ended learns of it from a page of Apple's that does not say why. */
static enum err check_dates(struct ctx *cx, struct pki_cert *const *chain, size_t n) {
  int64_t now = clock_now_us();
  for (size_t i = 0; i < n; i++) {
    const char *ended = enc_time(cx, pki_cert_not_after(chain[i]));
    if (pki_cert_not_before(chain[i]) > now)
      return FAIL(cx, E_CONFLICT, "%s is not valid before %s: check the clock of this server",
                  pki_cert_subject(cx, chain[i]), enc_time(cx, pki_cert_not_before(chain[i])));
    if (pki_cert_not_after(chain[i]) > now) continue;
    if (i == 0)
      return FAIL(
          cx, E_CONFLICT,
          "the MDM vendor certificate %s ended on %s: Apple refuses what it signs. Make a new one in the developer "
          "account (Certificates, MDM CSR) and give it with `pomona pushcert sign --vendor FILE…`",
          pki_cert_subject(cx, chain[i]), ended);
    return FAIL(
        cx, E_CONFLICT,
        "%s in the chain of the MDM vendor certificate ended on %s: fetch the present one from " APPLE_CAS
        " (Worldwide Developer Relations: AppleWWDRCAG3.cer) and give it, with the vendor certificate and its key, "
        "to `pomona pushcert sign --vendor FILE…`",
        pki_cert_subject(cx, chain[i]), ended);
  }
  return OK;
}

static enum err check_chain(struct ctx *cx, struct pki_cert *const *chain, size_t n) {
  const struct pki_cert *last = chain[n - 1];
  if (n > 1 && pki_cert_issued(last, last)) return OK;
  return FAIL(cx, E_INVALID,
              "the chain of the MDM vendor certificate ends at %s, whose issuer (%s) did not come along: fetch it "
              "from " APPLE_CAS
              " (AppleWWDRCAG3.cer, and Apple's root AppleIncRootCertificate.cer) and give all files together",
              pki_cert_subject(cx, last), pki_cert_issuer(cx, last));
}

enum err pushcert_vendor_check(struct ctx *cx, struct pushcert_vendor *out, const struct pushcert_upload *upload) {
  struct pki_cert *leaf, *chain[PUSHCERT_CHAIN_MOST];
  struct pushcert_pile *p;
  struct pki_key *key = NULL;
  TRY(pushcert_pile(cx, &p, upload));
  TRY(choose(cx, p, &leaf, &key));
  if (!pki_key_is_rsa(key)) return FAIL(cx, E_INVALID, "the key of an MDM vendor certificate is RSA, this one is not");
  if (!pki_key_works(cx, key))
    return FAIL(cx, E_INVALID, "the private key is damaged: what it signs does not fit the MDM vendor certificate");
  size_t n = pushcert_chain(p, leaf, chain);
  TRY(check_dates(cx, chain, n));
  TRY(check_chain(cx, chain, n));
  *out = (struct pushcert_vendor){.subject = pki_cert_subject(cx, leaf),
                                  .not_after = pki_cert_not_after(leaf),
                                  .chain_ends = pki_cert_not_after(leaf),
                                  .chain_pem = pushcert_chain_pem(cx, chain, n)};
  for (size_t i = 1; i < n; i++)
    if (pki_cert_not_after(chain[i]) < out->chain_ends) out->chain_ends = pki_cert_not_after(chain[i]);
  memcpy(out->hash, pki_cert_sha256(leaf), sizeof out->hash);
  return pki_key_pem(cx, &out->key_pem, key);
}

static const char *about(struct ctx *cx, const struct pushcert_vendor *v) {
  return ctx_printf(cx, "vendor_cert.key_sealed %s", enc_hex(cx, v->hash, sizeof v->hash));
}

enum err pushcert_vendor_store(struct ctx *cx, struct db *db, struct core *core, const struct pushcert_vendor *v,
                               const char *by) {
  struct slice sealed;
  TRY(vault_seal(cx, core->vault, about(cx, v), v->key_pem, &sealed));
  return pushcert_vendor_put(cx, db, v, sealed, by, clock_now_us());
}

/* ---- requests of others ---- */

enum err pushcert_csr_read(struct ctx *cx, struct slice *csr, const struct pushcert_file *file) {
  struct pki_opener opener = {.work = 0};
  struct pushcert_seen seen;
  struct pki_csr parsed;
  size_t which;
  TRY(pushcert_see(cx, &seen, file, &opener));
  if (!seen.in.csr.p)
    return FAIL(cx, E_INVALID, "%s is no certificate request (CSR) but %s", seen.name,
                pushcert_name(cx, &seen, 1, &which)->what);
  TRY(pki_csr_parse(cx, &parsed, seen.in.csr));
  if (!pki_key_is_rsa(parsed.key) || pki_key_bits(parsed.key) < CSR_BITS_LEAST)
    return FAIL(cx, E_INVALID, "Apple takes requests with RSA keys of at least %d bits only", CSR_BITS_LEAST);
  *csr = seen.in.csr;
  return OK;
}

/* ---- signing ---- */

static enum err open_vendor(struct ctx *cx, struct db *db, struct core *core, struct pushcert_vendor *out) {
  struct slice sealed;
  TRY(pushcert_vendor_row(cx, db, out, &sealed));
  if (vault_unseal(cx, core->vault, about(cx, out), sealed, &out->key_pem) == OK) return OK;
  ctx_clear_error(cx);
  return FAIL(cx, E_INVALID,
              "the key of the MDM vendor certificate does not open with this server's secret key: put the "
              "secret key back that it was stored under, or give the vendor certificate again");
}

static const char *text_of(struct ctx *cx, struct slice s) { return ctx_memdup(cx, s.p, s.n); }

enum err pushcert_sign(struct ctx *cx, struct db *db, struct core *core, struct slice csr, struct slice *out,
                       struct pushcert_vendor *by) {
  struct pki_cert **chain;
  struct pki_key *key;
  struct slice signature;
  size_t n;
  TRY(open_vendor(cx, db, core, by));
  TRY(pki_certs_parse_pem(cx, &chain, &n, by->chain_pem));
  TRY(check_dates(cx, chain, n));
  TRY(pki_key_parse(cx, &key, by->key_pem));
  TRY(pki_key_sign(cx, &signature, key, csr));
  struct pl *list = pl_new_dict(cx);
  pl_set_string(list, "PushCertRequestCSR", enc_base64(cx, csr.p, csr.n));
  pl_set_string(list, "PushCertCertificateChain", text_of(cx, by->chain_pem));
  pl_set_string(list, "PushCertSignature", enc_base64(cx, signature.p, signature.n));
  struct slice xml = pl_xml(cx, list);
  *out = slice_of(enc_base64(cx, xml.p, xml.n));
  return OK;
}
