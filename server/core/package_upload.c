/* A package on its way in: written as it comes, hashed meanwhile, looked into, then a row.

   Until the row is there the file is a leftover: it goes with the context, or at the next start. */
#include "core/package_int.h"

#include "base/clock.h"
#include "base/enc.h"
#include "base/file.h"
#include "base/secret.h"
#include "core/event.h"
#include "core/vault.h"
#include "lib/pki_crypto.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PART_SIZE (INT64_C(10) << 20)
enum { PARTS_MOST = 256, FILE_RANDOM = 16, ENDS_AGAIN = 4, TOLD_MOST = 255 };

struct package_upload {
  struct core *core;
  struct package_stored row;
  char *part, *path; /* while it comes in, and then */
  int fd;
  int64_t received, in_part;
  uint8_t *parts; /* room for all */
  size_t parts_n;
  struct pki_digest *whole, *md5, *sha256;
  bool kept; /* its row is there */
  struct package_place place;
};

static void release(void *arg) {
  struct package_upload *u = arg;
  if (u->fd >= 0) close(u->fd);
  if (!u->kept && u->part) unlink(u->part);
  if (!u->kept && u->path) unlink(u->path);
  package_place_leave(&u->place);
}

/* ---- the beginning ---- */

static enum err check_name(struct ctx *cx, struct slice name) {
  bool fine = name.n > ENDS_AGAIN && name.n <= PACKAGE_NAME_MOST && text_is_plain(name) && name.p[0] != '.' &&
              !memchr(name.p, '/', name.n) && !memchr(name.p, '\\', name.n) &&
              slice_ieq(slice_mem(name.p + name.n - ENDS_AGAIN, ENDS_AGAIN), ".pkg");
  return fine ? OK
              : FAIL(cx, E_INVALID,
                     "the name of a package is that of its file: at most %d bytes that end with .pkg, without \"/\", "
                     "\"\\\" or a dot at its beginning",
                     PACKAGE_NAME_MOST);
}

static int64_t part_size(int64_t size) {
  int64_t part = PART_SIZE;
  while (size > part * PARTS_MOST) part += PART_SIZE;
  return part;
}

static void begin_hashes(struct ctx *cx, struct package_upload *u) {
  int64_t size = u->row.p.size, part = part_size(size);
  u->row.p.part_size = part;
  u->parts = ctx_alloc(cx, (size_t)(size / part + 1) * PACKAGE_PART);
  u->whole = pki_digest_new(cx, PKI_SHA256);
  u->md5 = pki_digest_new(cx, PKI_MD5);
  u->sha256 = pki_digest_new(cx, PKI_SHA256);
}

enum err package_upload_begin(struct ctx *cx, struct core *core, struct package_upload **out, struct slice name,
                              int64_t size) {
  const char *folder = package_folder(cx, core);
  uint8_t random[FILE_RANDOM];
  TRY(check_name(cx, name));
  if (size < 0) return FAIL(cx, E_INVALID, "the length of a package is told first (Content-Length)");
  if (size == 0) return FAIL(cx, E_INVALID, "the file is empty");
  if (size > PACKAGE_MOST) return FAIL(cx, E_TOO_LARGE, "a package has at most %" PRId64 " GiB", PACKAGE_MOST >> 30);
  TRY(file_make_folder(cx, folder));
  secret_random(random, sizeof random);
  struct package_upload *u = ctx_alloc(cx, sizeof *u);
  *u = (struct package_upload){.core = core, .fd = -1};
  TRY(package_place_take(cx, package_room_of(core->packages), &u->place));
  ctx_defer(cx, release, u);
  u->row.p.name = ctx_memdup(cx, name.p, name.n);
  u->row.p.size = size;
  u->row.file = enc_hex(cx, random, sizeof random);
  char *part = ctx_printf(cx, "%s/%s.part", folder, u->row.file);
  u->fd = open(part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (u->fd < 0) return FAIL(cx, E_STORAGE, "%s: %s", part, strerror(errno));
  u->part = part;
  begin_hashes(cx, u);
  *out = u;
  return package_place_room(cx, &u->place, u->fd, size);
}

/* ---- the bytes ---- */

static void end_part(struct package_upload *u) {
  uint8_t *to = u->parts + u->parts_n * PACKAGE_PART;
  pki_digest_end(u->md5, to);
  pki_digest_end(u->sha256, to + (PACKAGE_PART - PACKAGE_SHA256));
  u->parts_n++;
  u->in_part = 0;
}

static void hash(struct package_upload *u, struct slice bytes) {
  pki_digest_add(u->whole, bytes);
  while (bytes.n) {
    int64_t room = u->row.p.part_size - u->in_part;
    struct slice now = slice_mem(bytes.p, (int64_t)bytes.n < room ? bytes.n : (size_t)room);
    pki_digest_add(u->md5, now);
    pki_digest_add(u->sha256, now);
    u->in_part += (int64_t)now.n;
    if (u->in_part == u->row.p.part_size) end_part(u);
    bytes = slice_mem(bytes.p + now.n, bytes.n - now.n);
  }
}

enum err package_upload_part(struct ctx *cx, struct package_upload *u, struct slice bytes) {
  if ((int64_t)bytes.n > u->row.p.size - u->received) return FAIL(cx, E_INVALID, "more comes than was announced");
  for (size_t done = 0; done < bytes.n;) {
    ssize_t n = write(u->fd, bytes.p + done, bytes.n - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return FAIL(cx, E_STORAGE, "a package cannot be written: %s", strerror(errno));
    done += (size_t)n;
  }
  u->received += (int64_t)bytes.n;
  package_place_wrote(&u->place, (int64_t)bytes.n);
  hash(u, bytes);
  return OK;
}

/* ---- the end ---- */

static enum err sync_folder(struct ctx *cx, const char *folder) {
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  bool fine = fd >= 0 && fsync(fd) == 0;
  int why = errno;
  if (fd >= 0) close(fd);
  return fine ? OK : FAIL(cx, E_STORAGE, "%s: %s", folder, strerror(why));
}

/* What they told, else what the file tells. */
static enum err take(struct ctx *cx, const char *told, char *inside, char **out) {
  struct slice s = slice_of(told);
  *out = told && *told ? ctx_strdup(cx, told) : inside;
  if (!told || (s.n <= TOLD_MOST && text_is_plain(s))) return OK;
  return FAIL(cx, E_INVALID, "identifier, version and title are plain text of at most %d bytes", TOLD_MOST);
}

static enum err look_inside(struct ctx *cx, struct package_upload *u, const struct package_told *told) {
  struct package_inside inside;
  struct package *p = &u->row.p;
  if (package_look_inside(cx, u->fd, p->size, &inside) != OK) {
    const char *why = ctx_strdup(cx, ctx_error_text(cx));
    enum err e = ctx_error(cx);
    ctx_clear_error(cx);
    return FAIL(cx, e, "%s: %s", p->name, why);
  }
  TRY(take(cx, told->identifier, inside.identifier, &p->identifier));
  TRY(take(cx, told->version, inside.version, &p->version));
  TRY(take(cx, told->title, inside.title, &p->title));
  if (!p->title) p->title = ctx_printf(cx, "%.*s", (int)strlen(p->name) - ENDS_AGAIN, p->name);
  p->is_signed = inside.is_signed;
  p->is_product = inside.is_product;
  if (!p->identifier || !p->version)
    return FAIL(cx, E_INVALID, "%s does not tell %s of what it installs: say it (--%s)", p->name,
                p->identifier ? "the version" : "the identifier", p->identifier ? "version" : "identifier");
  return OK;
}

enum err package_upload_end(struct ctx *cx, struct package_upload *u, const struct package_told *told) {
  struct package *p = &u->row.p;
  if (u->received != p->size) return FAIL(cx, E_INVALID, "less came than was announced");
  if (u->in_part > 0) end_part(u);
  pki_digest_end(u->whole, p->sha256);
  p->parts = slice_mem(u->parts, u->parts_n * PACKAGE_PART);
  TRY(look_inside(cx, u, told));
  char *folder = package_folder(cx, u->core), *path = ctx_printf(cx, "%s/%s", folder, u->row.file);
  if (fsync(u->fd) != 0) return FAIL(cx, E_STORAGE, "a package cannot be written: %s", strerror(errno));
  if (rename(u->part, path) != 0) return FAIL(cx, E_STORAGE, "%s: %s", path, strerror(errno));
  u->path = path;
  return sync_folder(cx, folder);
}

/* ---- the row ---- */

static void now_kept(void *arg) {
  struct package_upload *u = arg;
  u->kept = true;
  package_seen(u->core, &u->row.p);
}

static enum err seal_token(struct ctx *cx, struct core *core, struct package_stored *s) {
  uint8_t *hash = ctx_alloc(cx, SHA256_LEN);
  s->p.token = secret_token(cx);
  pki_sha256(hash, slice_of(s->p.token));
  s->token_hash = slice_mem(hash, SHA256_LEN);
  return vault_seal(cx, core->vault, package_token_about(cx, s->file), slice_of(s->p.token), &s->token_sealed);
}

static enum err tell(struct ctx *cx, struct db *db, const struct package *p) {
  struct js *data = js_object(cx);
  js_set_string(data, "package", p->name);
  js_set_string(data, "identifier", p->identifier);
  js_set_string(data, "version", p->version);
  js_set_string(data, "by", p->added_by);
  return event_add(cx, db, "package.added", NULL, data);
}

/* What was damaged on the disk is whole again. */
static enum err mend(struct ctx *cx, struct db *db, struct core *core, const struct package *p,
                     struct package_upload *u) {
  if (rename(u->path, p->path) != 0) return FAIL(cx, E_STORAGE, "%s: %s", p->path, strerror(errno));
  u->path = NULL;
  package_seen(core, p);
  return package_sql_trouble(cx, db, p->package, NULL);
}

static enum err same_again(struct ctx *cx, struct db *db, struct core *core, int64_t package,
                           struct package_upload *u) {
  TRY(package_row(cx, db, core, package, &u->row.p));
  if (u->row.p.trouble) TRY(mend(cx, db, core, &u->row.p, u));
  u->row.p.trouble = NULL;
  return OK;
}

enum err package_add(struct ctx *cx, struct db *db, struct core *core, struct package_upload *u, const char *by,
                     bool *added) {
  struct package_stored before;
  struct package *p = &u->row.p;
  bool found;
  TRY(package_sql_name(cx, db, p->name, &before, &found));
  *added = !found;
  if (found && memcmp(before.p.sha256, p->sha256, sizeof p->sha256) == 0)
    return same_again(cx, db, core, before.p.package, u);
  if (found)
    return FAIL(cx, E_CONFLICT,
                "there is another package %s (%s %s): name the file differently, or remove that one first", p->name,
                before.p.identifier, before.p.version);
  p->added_at = clock_now_us();
  p->added_by = ctx_strdup(cx, by);
  p->path = u->path;
  TRY(seal_token(cx, core, &u->row));
  TRY(package_sql_add(cx, db, &u->row));
  db_after_commit(db, now_kept, u);
  return tell(cx, db, p);
}

const struct package *package_uploaded(const struct package_upload *u) { return &u->row.p; }
