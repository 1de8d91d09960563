#include "core/enroll_int.h"

#include "base/clock.h"
#include "base/secret.h"
#include "core/event.h"
#include "lib/pki_crypto.h"

/* Scanners and previews fetch too, so a use may be downloaded several times. */
enum { DOWNLOADS_PER_USE = 10 };

static void hash_token(const char *token, uint8_t out[SHA256_LEN]) { pki_sha256(out, slice_of(token)); }

enum err enroll_link_new(struct ctx *cx, struct db *db, const struct enroll_link *what, char **token) {
  uint8_t hash[SHA256_LEN];
  *token = secret_token(cx);
  hash_token(*token, hash);
  TRY(enroll_link_add(cx, db, what, hash, clock_now_us() + what->ttl_us));
  struct js *data = js_object(cx);
  js_set_string(data, "by", what->by);
  js_set_string(data, "device", what->device);
  js_set_int(data, "uses", what->uses);
  return event_add(cx, db, "link.created", NULL, data);
}

enum err enroll_link_usable(struct ctx *cx, const struct enroll_link_row *l, int64_t now) {
  if (l->seq == 0) return FAIL(cx, E_NOT_FOUND, "there is no such link");
  if (l->revoked) return FAIL(cx, E_GONE, "this link was revoked");
  if (l->expires_at <= now) return FAIL(cx, E_GONE, "this link has expired");
  if (l->uses >= l->uses_max) return FAIL(cx, E_GONE, "this link was used");
  if (l->downloads >= l->uses_max * DOWNLOADS_PER_USE) return FAIL(cx, E_GONE, "this link was downloaded too often");
  return OK;
}

enum err enroll_link_check(struct ctx *cx, struct db *db, const char *token) {
  uint8_t hash[SHA256_LEN];
  struct enroll_link_row link;
  hash_token(token, hash);
  TRY(enroll_link_load(cx, db, hash, &link));
  return enroll_link_usable(cx, &link, clock_now_us());
}
