/* The mark by which this server tells itself, and nobody else, that a request arrived here and what came of it. */
#include "core/guard.h"

#include "base/clock.h"
#include "base/enc.h"
#include "base/secret.h"
#include "core/vault.h"

#include <inttypes.h>
#include <string.h>

enum { NONCE_LEN = 16, TOKEN_MAX = 200 };
#define GOOD_FOR (5 * US_MINUTE)

/* SECONDS.NONCE.MAC */
static const char *mac_of(struct ctx *cx, struct core *core, const char *about, const char *text) {
  uint8_t mac[32];
  vault_mac(cx, core->vault, about, slice_of(text), mac);
  return enc_base64url(cx, mac, sizeof mac);
}

const char *guard_mark_ask(struct ctx *cx, struct core *core) {
  uint8_t nonce[NONCE_LEN];
  secret_random(nonce, sizeof nonce);
  const char *text =
      ctx_printf(cx, "%" PRId64 ".%s", clock_now_us() / US_SECOND, enc_base64url(cx, nonce, sizeof nonce));
  return ctx_printf(cx, "%s.%s", text, mac_of(cx, core, "guard.mark ask", text));
}

static bool is_fresh(struct slice token) {
  struct slice seconds;
  int64_t at;
  if (!slice_cut(&token, '.', &seconds) || !slice_to_i64(seconds, &at)) return false;
  int64_t age = clock_now_us() - at * US_SECOND;
  return at > 0 && at < INT64_MAX / US_SECOND && age < GOOD_FOR && age > -GOOD_FOR;
}

bool guard_mark_is_ours(struct ctx *cx, struct core *core, struct slice token) {
  size_t end = token.n;
  while (end && token.p[end - 1] != '.') end--;
  if (!core->vault || end == 0 || token.n > TOKEN_MAX || !is_fresh(token)) return false;
  const char *want = mac_of(cx, core, "guard.mark ask", ctx_memdup(cx, token.p, end - 1));
  return token.n - end == strlen(want) && secret_equal(token.p + end, want, strlen(want));
}

const char *guard_mark_answer(struct ctx *cx, struct core *core, struct slice token, const char *word) {
  const char *text = ctx_printf(cx, "%.*s %s", (int)token.n, token.p, word);
  return ctx_printf(cx, "%s %s", mac_of(cx, core, "guard.mark answer", text), word);
}

const char *guard_mark_read(struct ctx *cx, struct core *core, const char *token, const char *value) {
  const char *word = value ? strchr(value, ' ') : NULL;
  if (!word) return NULL;
  const char *want = guard_mark_answer(cx, core, slice_of(token), word + 1);
  bool same = strlen(want) == strlen(value) && secret_equal(want, value, strlen(want));
  return same ? ctx_strdup(cx, word + 1) : NULL;
}
