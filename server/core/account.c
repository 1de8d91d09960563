#include "core/account.h"

#include "base/file.h"
#include "base/secret.h"
#include "lib/pki_crypto.h"

#include <string.h>

enum { TOKEN_MAX = 4096 };

static char *token_path(struct ctx *cx, const char *data) { return ctx_printf(cx, "%s/" ACCOUNT_TOKEN_FILE, data); }

enum err account_prepare(struct ctx *cx, const char *data) {
  struct slice old;
  enum err e = file_read(cx, &old, token_path(cx, data), TOKEN_MAX);
  if (e == OK && slice_trim(old).n == 0)
    return FAIL(cx, E_INVALID, "%s is empty; remove it to get a new one", token_path(cx, data));
  if (e != E_NOT_FOUND) return e;
  ctx_clear_error(cx);
  char *text = ctx_printf(cx, "%s\n", secret_token(cx));
  return file_create(cx, token_path(cx, data), slice_of(secret_in(cx, text, strlen(text))));
}

/* By their digests, so that not even the length of the right one shows. */
static bool same(struct slice a, struct slice b) {
  uint8_t x[SHA256_LEN], y[SHA256_LEN];
  pki_sha256(x, a);
  pki_sha256(y, b);
  return secret_equal(x, y, SHA256_LEN);
}

/* The file is read each time, so that replacing it replaces the token at once. */
static bool is_admin_token(struct ctx *cx, const char *data, struct slice token) {
  struct slice text;
  if (file_read(cx, &text, token_path(cx, data), TOKEN_MAX) != OK) return ctx_clear_error(cx), false;
  text = slice_trim(text);
  return text.n > 0 && same(text, token);
}

enum err account_check(struct ctx *cx, const struct core *core, struct slice token, const char **who) {
  const struct core_conf *conf = core_conf(core);
  bool admin = is_admin_token(cx, conf->data, token);
  bool key = conf->api_key && same(slice_of(conf->api_key), token);
  if (!admin && !key) return FAIL(cx, E_UNAUTHORIZED, "the token is not accepted");
  *who = admin ? "admin" : "api-key";
  return OK;
}
