#include "core/token_int.h"

#include "base/clock.h"
#include "base/secret.h"
#include "lib/pki_crypto.h"

#include <string.h>

enum err token_list(struct ctx *cx, struct db *db, struct api_token **out, size_t *n) {
  return token_sql_list(cx, db, NULL, out, n);
}

enum err token_find(struct ctx *cx, struct db *db, const char *name, struct api_token *out) {
  struct api_token *found;
  size_t n;
  TRY(token_sql_list(cx, db, name, &found, &n));
  if (n == 0) return FAIL(cx, E_NOT_FOUND, "there is no token of this name");
  *out = found[0];
  return OK;
}

enum err token_new(struct ctx *cx, struct db *db, const struct api_token *t, char **text) {
  struct api_token added = *t, *same;
  uint8_t digest[SHA256_LEN];
  size_t n;
  TRY(account_name_check(cx, t->name));
  TRY(token_sql_list(cx, db, t->name, &same, &n));
  if (n)
    return FAIL(cx, E_CONFLICT, "a token %s %s; records tell of it by this name, so take another one", t->name,
                same[0].revoked_at ? "was here before" : "is here");
  added.created_at = clock_now_us();
  *text = ctx_printf(cx, "pomona_%s", secret_token(cx));
  secret_in(cx, *text, strlen(*text));
  pki_sha256(digest, slice_of(*text));
  return token_sql_add(cx, db, &added, slice_mem(digest, sizeof digest));
}

enum err token_revoke(struct ctx *cx, struct db *db, const char *name) {
  struct api_token t;
  TRY(token_find(cx, db, name, &t));
  return t.revoked_at ? OK : token_sql_revoke(cx, db, t.token, clock_now_us());
}
