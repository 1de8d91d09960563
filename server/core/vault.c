#include "core/vault.h"

#include "base/enc.h"
#include "base/file.h"
#include "base/secret.h"
#include "lib/pki_crypto.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEY_TEXT = 2 * SEAL_KEY_LEN };

struct vault {
  uint8_t key[SEAL_KEY_LEN];
};

struct vault *vault_new(const uint8_t key[32]) {
  struct vault *v = mem_alloc(sizeof *v);
  memcpy(v->key, key, sizeof v->key);
  return v;
}

void vault_close(struct vault *v) {
  if (!v) return;
  secret_wipe(v, sizeof *v);
  free(v);
}

static enum err make_file(struct ctx *cx, const char *path) {
  uint8_t key[SEAL_KEY_LEN];
  char text[KEY_TEXT + 2];
  secret_random(key, sizeof key);
  enc_hex_to(text, key, sizeof key);
  memcpy(text + KEY_TEXT, "\n", 2);
  enum err e = file_create(cx, path, slice_mem(text, KEY_TEXT + 1));
  secret_wipe(key, sizeof key);
  secret_wipe(text, sizeof text);
  return e;
}

static enum err check_file(struct ctx *cx, int fd, const char *path) {
  struct stat st;
  if (fstat(fd, &st) != 0) return FAIL(cx, E_STORAGE, "%s: %s", path, strerror(errno));
  if (!S_ISREG(st.st_mode)) return FAIL(cx, E_INVALID, "the secret key %s is not a file", path);
  if (st.st_mode & 077) return FAIL(cx, E_DENIED, "others may read the secret key %s: chmod 600 it", path);
  return OK;
}

enum err vault_open(struct ctx *cx, struct vault **out, const char *path, bool create) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT && create) {
    TRY(make_file(cx, path));
    fd = open(path, O_RDONLY | O_CLOEXEC);
  }
  if (fd < 0) return FAIL(cx, errno == ENOENT ? E_NOT_FOUND : E_DENIED, "the secret key %s: %s", path, strerror(errno));
  enum err e = check_file(cx, fd, path);
  char text[KEY_TEXT + 2];
  ssize_t n = e == OK ? read(fd, text, sizeof text) : 0;
  close(fd);
  TRY(e);
  uint8_t key[SEAL_KEY_LEN];
  bool good = n >= 0 && dec_hex(slice_trim(slice_mem(text, (size_t)n)), key, sizeof key);
  if (good) *out = vault_new(key);
  secret_wipe(text, sizeof text);
  secret_wipe(key, sizeof key);
  return good ? OK : FAIL(cx, E_INVALID, "%s does not hold a key of 64 hexadecimal digits", path);
}

enum err vault_seal(struct ctx *cx, struct vault *v, const char *about, struct slice plain, struct slice *sealed) {
  return pki_seal(cx, sealed, v->key, slice_of(about), plain);
}

enum err vault_unseal(struct ctx *cx, struct vault *v, const char *about, struct slice sealed, struct slice *plain) {
  return pki_unseal(cx, plain, v->key, slice_of(about), sealed);
}

void vault_mac(struct ctx *cx, struct vault *v, const char *about, struct slice plain, uint8_t out[32]) {
  uint8_t key[SHA256_LEN];
  pki_hmac_sha256(key, slice_mem(v->key, sizeof v->key), slice_of(ctx_printf(cx, "mac %s", about)));
  pki_hmac_sha256(out, slice_mem(key, sizeof key), plain);
  secret_wipe(key, sizeof key);
}
