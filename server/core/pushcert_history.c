#include "core/pushcert_int.h"

#include "base/enc.h"
#include "core/event.h"
#include "lib/pki_cert.h"

#include <string.h>

/* Apple's refusal stands until Apple takes the certificate: that it could not be asked again says nothing. Each change
   is an act of its own; a daily probe that says the same is none. */
enum err pushcert_proved(struct ctx *cx, struct db *db, int64_t pushcert, const char *proof, const char *text) {
  char *topic, *before;
  TRY(pushcert_probed(cx, db, pushcert, &topic, &before));
  if (before && strcmp(before, "refused") == 0 && strcmp(proof, "unreachable") == 0) return OK;
  TRY(pushcert_set_proof(cx, db, pushcert, proof, text));
  if (before && strcmp(before, proof) == 0) return OK;
  struct js *data = js_object(cx), *detail = js_object(cx);
  js_set_string(detail, "proof", proof);
  js_set_string(detail, "text", text);
  TRY(pushcert_history_add(cx, db, topic, pushcert, "probed", "server", detail));
  js_set_string(data, "topic", topic);
  js_set_string(data, "proof", proof);
  js_set_string(data, "text", text);
  return event_add(cx, db, "pushcert.probed", NULL, data);
}

enum err pushcert_fingerprint(struct ctx *cx, struct db *db, const struct pushcert *c, const char **out) {
  struct slice pem, sealed, hash;
  struct pki_cert **certs;
  uint8_t public_hash[SHA256_LEN];
  size_t n;
  TRY(pushcert_row(cx, db, c->seq, &pem, &sealed, &hash));
  TRY(pki_certs_parse_pem(cx, &certs, &n, pem));
  if (n == 0) return FAIL(cx, E_INTERNAL, "the push certificate %s is not there", c->serial_number);
  pki_cert_key_sha256(certs[0], public_hash);
  *out = enc_hex(cx, public_hash, sizeof public_hash);
  return OK;
}
