/* The second factor: codes of an app (RFC 6238: SHA-1, six digits, 30 seconds, as every app knows them), and recovery
   codes for when it is lost. */
#include "core/user_int.h"

#include "base/clock.h"
#include "base/enc.h"
#include "base/secret.h"
#include "core/vault.h"
#include "lib/pki_crypto.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

enum { KEY = 20, DIGITS = 6, MILLION = 1000000, STEP_S = 30, CODE_MOST = 64 };

static const char *about(struct ctx *cx, int64_t account) { return ctx_printf(cx, "account.totp %" PRId64, account); }

/* RFC 4648, 6, without padding. */
static char *base32(struct ctx *cx, const uint8_t *p, size_t n) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  char *out = ctx_alloc(cx, n * 8 / 5 + 2), *o = out;
  unsigned bits = 0, held = 0;
  for (size_t i = 0; i < n; i++) {
    held = (held << 8 | p[i]) & 0xfff;
    for (bits += 8; bits >= 5; bits -= 5) *o++ = digits[held >> (bits - 5) & 31];
  }
  if (bits) *o++ = digits[held << (5 - bits) & 31];
  return secret_in(cx, out, (size_t)(o - out));
}

/* RFC 4226, 5.3. */
static void code_of(struct slice key, int64_t step, char out[DIGITS + 1]) {
  uint8_t counter[8], mac[20];
  for (int i = 0; i < 8; i++) counter[i] = (uint8_t)((uint64_t)step >> (56 - 8 * i));
  pki_hmac_sha1(mac, key, slice_mem(counter, sizeof counter));
  const uint8_t *at = mac + (mac[19] & 15);
  uint32_t number = ((uint32_t)(at[0] & 127) << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3]) % MILLION;
  for (int i = DIGITS; i-- > 0; number /= 10) out[i] = (char)('0' + number % 10);
  out[DIGITS] = 0;
}

/* The step of the code, 0 when it is none that counts. All are compared, whichever fits. */
static int64_t step_of(struct slice key, struct slice code, int64_t after) {
  int64_t now = clock_now_us() / (STEP_S * US_SECOND), found = 0;
  char want[DIGITS + 1];
  for (int64_t step = now - 1; step <= now + 1; step++) {
    code_of(key, step, want);
    if (code.n == DIGITS && secret_equal(want, code.p, DIGITS) && step > after) found = step;
  }
  secret_wipe(want, sizeof want);
  return found;
}

/* As people type them: "123 456", "abcd-efgh-jkmn". */
static struct slice plain_code(struct ctx *cx, struct slice code) {
  char *out = ctx_alloc(cx, CODE_MOST + 1);
  size_t n = 0;
  for (size_t i = 0; i < code.n && i < CODE_MOST; i++)
    if (code.p[i] != ' ' && code.p[i] != '-') out[n++] = (char)tolower((unsigned char)code.p[i]);
  return slice_mem(secret_in(cx, out, CODE_MOST), n);
}

/* ---- recovery codes ---- */

/* 60 bits each, and kept under the vault's key: a copy of the database is of no use to guess one. */
enum { CODE_CHARS = 12, GROUP = 4 };

static struct slice digest_of(struct ctx *cx, struct core *core, int64_t account, struct slice code) {
  uint8_t *digest = ctx_alloc(cx, SHA256_LEN);
  vault_mac(cx, core->vault, ctx_printf(cx, "recovery_code.digest %" PRId64, account), code, digest);
  return slice_mem(digest, SHA256_LEN);
}

static void random_code(char out[CODE_CHARS]) {
  static const char digits[] = "abcdefghjkmnpqrstuvwxyz234567890"; /* 32, none taken for another one */
  uint8_t raw[CODE_CHARS];
  _Static_assert(sizeof digits == 33, "five bits each");
  secret_random(raw, sizeof raw);
  for (size_t i = 0; i < CODE_CHARS; i++) out[i] = digits[raw[i] & 31];
  secret_wipe(raw, sizeof raw);
}

static enum err new_codes(struct ctx *cx, struct db *db, struct core *core, int64_t account, char ***codes) {
  TRY(recovery_code_sql_drop(cx, db, account));
  *codes = ctx_alloc(cx, RECOVERY_CODES * sizeof **codes);
  for (size_t i = 0; i < RECOVERY_CODES; i++) {
    char code[CODE_CHARS];
    random_code(code);
    TRY(recovery_code_sql_add(cx, db, account, digest_of(cx, core, account, slice_mem(code, CODE_CHARS))));
    (*codes)[i] = ctx_printf(cx, "%.*s-%.*s-%.*s", GROUP, code, GROUP, code + GROUP, GROUP, code + 2 * GROUP);
    secret_in(cx, (*codes)[i], strlen((*codes)[i]));
    secret_wipe(code, sizeof code);
  }
  return OK;
}

enum err recovery_codes_new(struct ctx *cx, struct db *db, struct core *core, int64_t account, char ***codes) {
  struct totp_row row;
  TRY(totp_sql_read(cx, db, account, &row));
  if (!row.at) return FAIL(cx, E_CONFLICT, "there is no second factor that the codes could stand for");
  return new_codes(cx, db, core, account, codes);
}

/* ---- codes of an app ---- */

enum err totp_begin(struct ctx *cx, struct db *db, struct core *core, int64_t account, char **secret, char **uri) {
  struct totp_row row;
  struct slice sealed;
  uint8_t *key = secret_in(cx, ctx_alloc(cx, KEY), KEY);
  TRY(totp_sql_read(cx, db, account, &row));
  if (row.at) return FAIL(cx, E_CONFLICT, "there is a second factor already: remove it first");
  secret_random(key, KEY);
  TRY(vault_seal(cx, core->vault, about(cx, account), slice_mem(key, KEY), &sealed));
  *secret = base32(cx, key, KEY);
  const char *issuer = enc_percent(cx, slice_of(core_conf(core)->organization));
  *uri = ctx_printf(cx, "otpauth://totp/%s:%s?secret=%s&issuer=%s&algorithm=SHA1&digits=%d&period=%d", issuer,
                    enc_percent(cx, slice_of(row.name)), *secret, issuer, DIGITS, STEP_S);
  secret_in(cx, *uri, strlen(*uri));
  return totp_sql_write(cx, db, account, sealed, 0, 0);
}

static enum err step_of_row(struct ctx *cx, struct core *core, int64_t account, const struct totp_row *row,
                            struct slice code, int64_t *step) {
  struct slice key;
  TRY(vault_unseal(cx, core->vault, about(cx, account), row->sealed, &key));
  *step = step_of(key, plain_code(cx, code), row->step);
  return OK;
}

enum err totp_confirm(struct ctx *cx, struct db *db, struct core *core, int64_t account, struct slice code,
                      char ***codes) {
  struct totp_row row;
  int64_t step;
  TRY(totp_sql_read(cx, db, account, &row));
  if (!row.sealed.p || row.at)
    return FAIL(cx, E_CONFLICT, row.at ? "there is a second factor already" : "none was begun");
  TRY(step_of_row(cx, core, account, &row, code, &step));
  if (!step)
    return FAIL(cx, E_INVALID,
                "the code is wrong: it has six digits and is good for half a minute; "
                "are the clocks of the server and of the app right?");
  TRY(totp_sql_write(cx, db, account, row.sealed, clock_now_us(), step));
  return new_codes(cx, db, core, account, codes);
}

enum err totp_remove(struct ctx *cx, struct db *db, int64_t account) {
  TRY(recovery_code_sql_drop(cx, db, account));
  return totp_sql_write(cx, db, account, (struct slice){0}, 0, 0);
}

enum err second_factor(struct ctx *cx, struct db *db, struct core *core, int64_t account, struct slice code,
                       bool *recovery) {
  struct totp_row row;
  int64_t step = 0, used = 0;
  struct slice plain = plain_code(cx, code);
  TRY(totp_sql_read(cx, db, account, &row));
  if (row.at) TRY(step_of_row(cx, core, account, &row, code, &step));
  *recovery = step == 0;
  if (step) return totp_sql_step(cx, db, account, step);
  if (plain.n == CODE_CHARS)
    TRY(recovery_code_sql_use(cx, db, account, digest_of(cx, core, account, plain), clock_now_us(), &used));
  return used ? OK : FAIL(cx, E_UNAUTHORIZED, "the code is wrong");
}
