/* Passwords: what is one, and how it is kept. */
#include "core/user_int.h"

#include "base/secret.h"
#include "lib/pki_crypto.h"

#include <string.h>
#include <strings.h>

/* ---- rules (NIST SP 800-63B 3.1.1.2: length and a list of known ones, no classes of characters) ---- */

/* Of the most used ones those that are long enough; and what people type here first. */
static const char *const most_used[] = {
    "123456789012",
    "1234567890123",
    "12345678901234",
    "123456789012345",
    "1234567890123456",
    "12345678901234567890",
    "1234567890qwerty",
    "123123123123",
    "1q2w3e4r5t6y",
    "1qaz2wsx3edc",
    "1qaz2wsx3edc4rfv",
    "abcdefghijkl",
    "abc123abc123",
    "administrator",
    "administrator1",
    "adminadminadmin",
    "changemechangeme",
    "changeme1234",
    "correcthorsebatterystaple",
    "iloveyouiloveyou",
    "letmeinletmein",
    "passw0rdpassw0rd",
    "password1234",
    "password12345",
    "password123456",
    "passwordpassword",
    "pomonapomona",
    "qazwsxedcrfv",
    "qwerty123456",
    "qwertyqwerty",
    "qwertyuiop12",
    "qwertyuiop123",
    "qwertyuiopas",
    "qwertyuiopasdfghjkl",
    "superadministrator",
    "unknownunknown",
    "welcome12345",
    "welcomewelcome",
    "zaq12wsxcde3",
};

static bool is_most_used(struct slice text) {
  for (size_t i = 0; i < sizeof most_used / sizeof *most_used; i++)
    if (slice_ieq(text, most_used[i])) return true;
  return false;
}

static int different_bytes(struct slice text) {
  bool seen[256] = {0};
  int n = 0;
  for (size_t i = 0; i < text.n; i++) {
    n += !seen[(unsigned char)text.p[i]];
    seen[(unsigned char)text.p[i]] = true;
  }
  return n;
}

/* Of UTF-8: bytes that begin one. */
static size_t characters(struct slice text) {
  size_t n = 0;
  for (size_t i = 0; i < text.n; i++) n += ((unsigned char)text.p[i] & 0xc0) != 0x80;
  return n;
}

enum err password_check_rules(struct ctx *cx, const char *name, struct slice text) {
  enum { DIFFERENT_LEAST = 5 };
  if (text.n > PASSWORD_MOST) return FAIL(cx, E_INVALID, "a password has at most %d bytes", PASSWORD_MOST);
  if (!utf8_valid(text)) return FAIL(cx, E_INVALID, "the password is no text");
  if (characters(text) < PASSWORD_LEAST)
    return FAIL(cx, E_INVALID, "a password has at least %d characters", PASSWORD_LEAST);
  if (name && slice_ieq(text, name)) return FAIL(cx, E_INVALID, "the password is the name");
  if (is_most_used(text) || different_bytes(text) < DIFFERENT_LEAST)
    return FAIL(cx, E_INVALID, "this password is one of those that are tried first");
  return OK;
}

/* ---- keeping ---- */

enum { VERSION = 1, SALT = 16, DIGEST = 32 };
struct kept {
  uint8_t version;
  struct pki_scrypt cost; /* stands with each, so that it can grow */
  uint8_t salt[SALT], digest[DIGEST];
};
_Static_assert(sizeof(struct kept) == 4 + SALT + DIGEST, "bytes, as they are stored");

/* 32 MiB and some 80 ms. */
static const struct pki_scrypt present_cost = {.log2_n = 15, .r = 8, .p = 1};

static uint64_t work_of(const struct pki_scrypt *cost) { return ((uint64_t)cost->r * cost->p) << cost->log2_n; }

enum err password_make(struct ctx *cx, struct slice text, struct slice *made) {
  struct kept *k = ctx_alloc(cx, sizeof *k);
  *k = (struct kept){.version = VERSION, .cost = present_cost};
  secret_random(k->salt, SALT);
  TRY(pki_scrypt(cx, k->digest, DIGEST, &k->cost, text, slice_mem(k->salt, SALT)));
  *made = slice_mem(k, sizeof *k);
  return OK;
}

bool password_is_cheap(struct slice held) {
  struct kept k;
  if (held.n != sizeof k) return false;
  memcpy(&k, held.p, sizeof k);
  return k.version == VERSION && work_of(&k.cost) < work_of(&present_cost);
}

enum err password_is(struct ctx *cx, struct slice held, struct slice text, bool *is) {
  struct kept k = {.version = VERSION, .cost = present_cost};
  uint8_t digest[DIGEST];
  bool readable = held.p && held.n == sizeof k;
  if (readable) memcpy(&k, held.p, sizeof k);
  if (held.p && (!readable || k.version != VERSION)) return FAIL(cx, E_STORAGE, "a kept password cannot be read");
  if (text.n > PASSWORD_MOST) text.n = 0; /* is none, and takes as long */
  TRY(pki_scrypt(cx, digest, DIGEST, &k.cost, text, slice_mem(k.salt, SALT)));
  *is = secret_equal(digest, k.digest, DIGEST) && readable;
  secret_wipe(digest, sizeof digest);
  return OK;
}
