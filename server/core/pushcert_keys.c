/* Keys that are kept: those made here for requests, and those of certificates that were imported. */
#include "base/enc.h"
#include "core/pushcert_int.h"
#include "core/vault.h"
#include "lib/pki_cert.h"

#include <string.h>

const char *pushcert_key_about(struct ctx *cx, struct slice public_hash) {
  return ctx_printf(cx, "push_key.key_sealed %s", enc_hex(cx, public_hash.p, public_hash.n));
}

static enum err open_key(struct ctx *cx, struct core *core, const char *about, struct slice sealed,
                         struct pki_key **out) {
  struct slice pem;
  TRY(vault_unseal(cx, core->vault, about, sealed, &pem));
  return pki_key_parse(cx, out, pem);
}

static enum err made_here(struct ctx *cx, const struct pushcert_upload *u, struct slice hash,
                          struct pushcert_kept_key *out) {
  struct slice sealed;
  int64_t at;
  TRY(pushcert_key_row(cx, u->db, hash, &sealed, &at));
  TRY(open_key(cx, u->core, pushcert_key_about(cx, hash), sealed, &out->key));
  out->what = ctx_printf(cx, "the key that was made here on %.10s", enc_time(cx, at));
  return OK;
}

static bool is_of(struct ctx *cx, struct slice cert_pem, struct slice hash) {
  struct pki_cert **certs;
  uint8_t own[32];
  size_t n = 0;
  if (pki_certs_parse_pem(cx, &certs, &n, cert_pem) != OK || n == 0) return ctx_clear_error(cx), false;
  pki_cert_key_sha256(certs[0], own);
  return slice_eq(slice_mem(own, sizeof own), hash);
}

static enum err of_certificate(struct ctx *cx, const struct pushcert_upload *u, struct slice hash,
                               struct pushcert_kept_key *out) {
  struct pushcert_stored *rows;
  size_t n;
  TRY(pushcert_stored_rows(cx, u->db, &rows, &n));
  for (size_t i = 0; i < n; i++) {
    if (!is_of(cx, rows[i].cert_pem, hash)) continue;
    TRY(open_key(cx, u->core, pushcert_sealed_about(cx, rows[i].hash), rows[i].key_sealed, &out->key));
    out->what = ctx_printf(cx, "the key of the certificate %s", rows[i].serial_number);
    return OK;
  }
  return FAIL(cx, E_NOT_FOUND, "no such key is kept");
}

enum err pushcert_kept(struct ctx *cx, const struct pushcert_upload *u, const uint8_t public_hash[32],
                       struct pushcert_kept_key *out) {
  struct slice hash = slice_mem(public_hash, 32);
  if (!u->db) return FAIL(cx, E_NOT_FOUND, "no keys are kept");
  enum err e = made_here(cx, u, hash, out);
  if (e != E_NOT_FOUND) return e;
  ctx_clear_error(cx);
  return of_certificate(cx, u, hash, out);
}
