#include "base/file.h"

#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum err fail_errno(struct ctx *cx, const char *what, const char *path) {
  static const struct {
    int number;
    enum err e;
  } known[] = {{ENOENT, E_NOT_FOUND}, {EACCES, E_DENIED},  {EPERM, E_DENIED},
               {EEXIST, E_CONFLICT},  {EISDIR, E_INVALID}, {ENOTDIR, E_INVALID}};
  int number = errno;
  enum err e = E_STORAGE;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (known[i].number == number) e = known[i].e;
  return FAIL(cx, e, "cannot %s %s: %s", what, path, strerror(number));
}

/* Reads until the end or until n bytes are there; -1 on failure. */
static ssize_t read_all(int fd, char *p, size_t n) {
  size_t got = 0;
  while (got < n) {
    ssize_t r = read(fd, p + got, n - got);
    if (r < 0 && errno == EINTR) continue;
    if (r < 0) return -1;
    if (r == 0) break;
    got += (size_t)r;
  }
  return (ssize_t)got;
}

/* Does not trust the size that stat gives: the files of containers' secrets may be pipes. */
static enum err read_open(struct ctx *cx, struct slice *out, int fd, const char *path, size_t most) {
  struct stat st;
  if (fstat(fd, &st) < 0) return fail_errno(cx, "read", path);
  if (S_ISDIR(st.st_mode)) return FAIL(cx, E_INVALID, "%s is a folder, not a file", path);
  size_t room = S_ISREG(st.st_mode) && (size_t)st.st_size < most ? (size_t)st.st_size : most;
  char *p = secret_in(cx, ctx_alloc(cx, room + 1), room + 1);
  ssize_t n = read_all(fd, p, room + 1);
  if (n < 0) return fail_errno(cx, "read", path);
  if ((size_t)n > room) return FAIL(cx, E_TOO_LARGE, "%s is larger than %zu bytes", path, room);
  p[n] = '\0';
  *out = slice_mem(p, (size_t)n);
  return OK;
}

enum err file_read(struct ctx *cx, struct slice *out, const char *path, size_t most) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail_errno(cx, "read", path);
  enum err e = read_open(cx, out, fd, path, most);
  close(fd);
  return e;
}

static bool write_all(int fd, struct slice s) {
  for (size_t put = 0; put < s.n;) {
    ssize_t w = write(fd, s.p + put, s.n - put);
    if (w < 0 && errno == EINTR) continue;
    if (w < 0) return false;
    put += (size_t)w;
  }
  return fsync(fd) == 0;
}

static enum err sync_folder_of(struct ctx *cx, const char *path) {
  char *folder = ctx_strdup(cx, path), *slash = strrchr(folder, '/');
  if (slash) slash[slash == folder] = '\0';
  int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return fail_errno(cx, "open the folder of", path);
  bool ok = fsync(fd) == 0;
  close(fd);
  return ok ? OK : fail_errno(cx, "write the folder of", path);
}

/* Written under another name, on disk, and only then given its own. */
static enum err put_file(struct ctx *cx, const char *path, struct slice bytes, bool replace) {
  char *draft = ctx_printf(cx, "%s.XXXXXX", path);
  int fd = mkostemp(draft, O_CLOEXEC);
  if (fd < 0) return fail_errno(cx, "create", path);
  bool ok = fchmod(fd, 0600) == 0 && write_all(fd, bytes);
  ok = close(fd) == 0 && ok;
  ok = ok && (replace ? rename(draft, path) : link(draft, path)) == 0;
  enum err e = ok ? OK : fail_errno(cx, "create", path);
  if (!ok || !replace) unlink(draft);
  return e == OK ? sync_folder_of(cx, path) : e;
}

enum err file_create(struct ctx *cx, const char *path, struct slice bytes) { return put_file(cx, path, bytes, false); }

enum err file_replace(struct ctx *cx, const char *path, struct slice bytes) { return put_file(cx, path, bytes, true); }

enum err file_make_folder(struct ctx *cx, const char *path) {
  char *p = ctx_strdup(cx, path);
  for (char *slash = strchr(p + 1, '/'); *p && slash; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    if (mkdir(p, 0700) < 0 && errno != EEXIST) return fail_errno(cx, "create the folder", p);
    *slash = '/';
  }
  if (mkdir(p, 0700) < 0 && errno != EEXIST) return fail_errno(cx, "create the folder", path);
  struct stat st;
  if (stat(p, &st) < 0) return fail_errno(cx, "use the folder", path);
  return S_ISDIR(st.st_mode) ? OK : FAIL(cx, E_INVALID, "%s is not a folder", path);
}
