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

static const struct {
  const char *state, *text;
} states[] = {{"open", ""},
              {"revoked", "this link was revoked"},
              {"expired", "this link has expired"},
              {"used", "this link was used"},
              {"downloaded", "this link was downloaded too often"}};

static size_t state_of(const struct enroll_link_row *l, int64_t now) {
  if (l->revoked) return 1;
  if (l->expires_at <= now) return 2;
  if (l->uses >= l->uses_max) return 3;
  return l->downloads >= l->uses_max * DOWNLOADS_PER_USE ? 4 : 0;
}

const char *enroll_link_state(const struct enroll_link_row *l, int64_t now) { return states[state_of(l, now)].state; }

enum err enroll_link_usable(struct ctx *cx, const struct enroll_link_row *l, int64_t now) {
  if (l->seq == 0) return FAIL(cx, E_NOT_FOUND, "there is no such link");
  size_t state = state_of(l, now);
  return state ? FAIL(cx, E_GONE, "%s", states[state].text) : OK;
}

enum err enroll_link_check(struct ctx *cx, struct db *db, const char *token) {
  uint8_t hash[SHA256_LEN];
  struct enroll_link_row link;
  hash_token(token, hash);
  TRY(enroll_link_load(cx, db, hash, &link));
  return enroll_link_usable(cx, &link, clock_now_us());
}

enum err enroll_link_revoke(struct ctx *cx, struct db *db, int64_t link, const char *by) {
  int64_t there, changed;
  struct js *data = js_object(cx);
  TRY(enroll_link_count(cx, db, link, &there));
  if (!there) return FAIL(cx, E_NOT_FOUND, "there is no such link");
  TRY(enroll_link_set_revoked(cx, db, link, by, &changed));
  if (!changed) return OK;
  js_set_int(data, "link", link);
  js_set_string(data, "by", by);
  return event_add(cx, db, "link.revoked", NULL, data);
}
