#include "app/serve_int.h"

#include "base/file.h"
#include "base/log.h"
#include "core/account.h"
#include "core/idempotency.h"
#include "core/keyring.h"
#include "core/vault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* ---- the folder and its lock ---- */

/* The process that holds the lock wrote its number there. */
static enum err fail_locked(struct ctx *cx, int fd, const char *data) {
  char pid[24] = "";
  ssize_t n = pread(fd, pid, sizeof pid - 1, 0);
  pid[n > 0 ? strspn(pid, "0123456789") : 0] = '\0';
  return FAIL(cx, E_CONFLICT, "another pomona (process %s) uses the data folder %s", *pid ? pid : "unknown", data);
}

static enum err take_lock(struct ctx *cx, int fd, const char *path, const char *data) {
  if (flock(fd, LOCK_EX | LOCK_NB) != 0)
    return errno == EWOULDBLOCK ? fail_locked(cx, fd, data)
                                : FAIL(cx, E_STORAGE, "cannot lock %s: %s", path, strerror(errno));
  char pid[24];
  int n = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
  bool ok = ftruncate(fd, 0) == 0 && pwrite(fd, pid, (size_t)n, 0) == n;
  return ok ? OK : FAIL(cx, E_STORAGE, "cannot write %s: %s", path, strerror(errno));
}

enum err serve_open_folder(struct ctx *cx, struct server *s) {
  umask(077);
  TRY(file_make_folder(cx, s->conf->data));
  const char *path = conf_path(cx, s->conf, "lock");
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return FAIL(cx, E_STORAGE, "cannot write in the data folder: %s: %s", path, strerror(errno));
  enum err e = take_lock(cx, fd, path, s->conf->data);
  if (e != OK)
    close(fd);
  else
    s->lock_fd = fd;
  return e;
}

void serve_close_folder(struct server *s) { close(s->lock_fd); }

/* ---- the database and the key of its secrets ---- */

static enum err open_vault(struct ctx *cx, struct server *s) {
  const char *path = s->conf->secret_key ? s->conf->secret_key : conf_path(cx, s->conf, "secret.key");
  /* A database without its key is a mistake to be told, not a reason to make another key. */
  s->fresh = access(conf_path(cx, s->conf, "pomona.db"), F_OK) != 0;
  return vault_open(cx, &s->core.vault, path, s->fresh);
}

enum err serve_open_store(struct ctx *cx, struct server *s) {
  TRY(open_vault(cx, s));
  enum err e = db_store_open(cx, &s->core.store, conf_path(cx, s->conf, "pomona.db"));
  if (e != OK)
    vault_close(s->core.vault);
  else
    s->core.unforgotten = unforgotten_new();
  return e;
}

void serve_close_store(struct server *s) {
  db_store_close(s->core.store);
  unforgotten_free(s->core.unforgotten);
  vault_close(s->core.vault);
}

/* ---- keys ---- */

/* For clients of this machine that want to check the own TLS certificate. */
static enum err write_tls_ca(struct ctx *cx, struct server *s) {
  const char *path = conf_path(cx, s->conf, "tls-ca.pem");
  struct slice pem = pki_cert_pem(cx, keyring_tls_ca(s->core.keyring)), old;
  if (file_read(cx, &old, path, 1 << 16) == OK && slice_eq(old, pem)) return OK;
  ctx_clear_error(cx);
  return file_replace(cx, path, pem);
}

static enum err prepare_keys(struct ctx *cx, struct server *s) {
  bool renewed = false;
  TRY(keyring_renew_tls(cx, s->core.keyring, &s->core, s->host, &renewed));
  if (renewed) log_info(cx, "new TLS certificate", LOG_S("host", s->host));
  TRY(write_tls_ca(cx, s));
  return account_prepare(cx, s->conf->data);
}

enum err serve_open_keys(struct ctx *cx, struct server *s) {
  TRY(keyring_open(cx, &s->core.keyring, &s->core, s->host));
  enum err e = prepare_keys(cx, s);
  if (e != OK) keyring_close(s->core.keyring);
  return e;
}

void serve_close_keys(struct server *s) { keyring_close(s->core.keyring); }
