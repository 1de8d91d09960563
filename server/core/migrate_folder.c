/* Files of a folder that nobody vouches for: no link below it is followed, no name leads out of it, only ordinary files
   of a sane size are read, and nothing in it can make a read wait. */
#include "core/migrate_int.h"

#include "base/secret.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NOTES_MAX = 1000, FILES_MAX = 5000000, SHARD = 2 };
enum { FOLDER_FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };

void migrate_left_out(struct migrate_folder *f, const char *path, const char *reason) {
  struct migrate_report *r = f->report;
  if (js_count(r->left_out) >= NOTES_MAX) {
    r->left_out_more++;
    return;
  }
  struct js *note = js_object(f->cx);
  js_set_string(note, "path", path);
  js_set_string(note, "reason", reason);
  js_add(r->left_out, note);
}

static void left_out_errno(struct migrate_folder *f, const char *path, int number) {
  bool link = number == ELOOP;
  migrate_left_out(f, path, link ? "is a symbolic link: not followed" : strerror(number));
}

enum err migrate_folder_open(struct ctx *cx, const char *path, struct migrate_report *report,
                             struct migrate_folder *out) {
  *out = (struct migrate_folder){.cx = cx, .report = report};
  out->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* the folder itself is the operator's word */
  if (out->fd >= 0) return OK;
  enum err e = errno == ENOENT ? E_NOT_FOUND : errno == EACCES ? E_DENIED : E_INVALID;
  return FAIL(cx, e, "cannot read the folder %s: %s", path, strerror(errno));
}

void migrate_folder_close(struct migrate_folder *f) { close(f->fd); }

/* ---- where a key lies ---- */

/* NanoMDM sorts push certificates by what follows this. */
static const char *sorted_by(const char *bucket, const char *key) {
  static const char prefix[] = "com.apple.mgmt.External.";
  bool push_cert = strcmp(bucket, "push_cert") == 0 && strncmp(key, prefix, strlen(prefix)) == 0;
  return push_cert ? key + strlen(prefix) : key;
}

struct place {
  char shards[2][SHARD + 1]; /* of the four characters that it is sorted by; short keys are led by zeros */
};

static struct place place_of(const char *bucket, const char *key) {
  struct place p = {0};
  const char *by = sorted_by(bucket, key);
  size_t n = strlen(by), zeros = n < 2 * SHARD ? 2 * SHARD - n : 0;
  for (size_t i = 0; i < 2 * SHARD; i++) p.shards[i / SHARD][i % SHARD] = i < zeros ? '0' : by[i - zeros];
  return p;
}

char *migrate_path(struct ctx *cx, const char *bucket, const char *key) {
  struct place p = place_of(bucket, key);
  return ctx_printf(cx, "%s/%s/%s/%s", bucket, p.shards[0], p.shards[1], key);
}

static bool stays_inside(const char *name) {
  return *name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

/* -1 with errno: one of the folders cannot be opened, or a name leads out of here. */
static int open_folders(int root, const char *const *names, size_t n) {
  int fd = root;
  for (size_t i = 0; i < n; i++) {
    int next = stays_inside(names[i]) ? openat(fd, names[i], FOLDER_FLAGS) : (errno = EINVAL, -1);
    int why = errno;
    if (fd != root) close(fd);
    errno = why;
    if ((fd = next) < 0) return -1;
  }
  return fd;
}

/* ---- reading ---- */

static bool read_whole(int fd, char *p, size_t n) {
  for (size_t got = 0; got < n;) {
    ssize_t r = read(fd, p + got, n - got);
    if (r < 0 && errno == EINTR) continue;
    if (r <= 0) return false;
    got += (size_t)r;
  }
  return true;
}

static struct slice read_open(struct ctx *cx, struct migrate_folder *f, int fd, const char *path, size_t most) {
  struct stat st;
  const char *wrong = NULL;
  if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
    wrong = "is no ordinary file";
  else if (st.st_size == 0)
    wrong = "is empty (torn by a crash)";
  else if ((uintmax_t)st.st_size > most)
    wrong = ctx_printf(cx, "is larger than %zu bytes", most);
  if (wrong) return migrate_left_out(f, path, wrong), (struct slice){0};
  size_t n = (size_t)st.st_size;
  char *p = secret_in(cx, ctx_alloc(cx, n + 1), n + 1);
  if (read_whole(fd, p, n)) return slice_mem(p, n);
  migrate_left_out(f, path, "cannot be read whole");
  return (struct slice){0};
}

struct slice migrate_read(struct ctx *cx, struct migrate_folder *f, const char *bucket, const char *key, size_t most) {
  struct place p = place_of(bucket, key);
  const char *folders[] = {bucket, p.shards[0], p.shards[1]}, *path = migrate_path(cx, bucket, key);
  struct slice out = {0};
  if (!stays_inside(key)) return migrate_left_out(f, path, "leads out of its folder"), out;
  int folder = open_folders(f->fd, folders, sizeof folders / sizeof *folders);
  int fd = folder < 0 ? -1 : openat(folder, key, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  int why = errno;
  if (folder >= 0) close(folder);
  if (fd < 0 && why != ENOENT) left_out_errno(f, path, why);
  if (fd < 0) return out;
  out = read_open(cx, f, fd, path, most);
  close(fd);
  return out;
}

/* ---- walking ---- */

struct walk {
  struct migrate_folder *f;
  const char *bucket;
  void (*each)(void *arg, const char *key);
  void *arg;
  struct place here;
};

/* Calls each for every name of a folder, which is closed at the end; what cannot be opened is reported. */
static void names_of(struct walk *w, int parent, const char *name, const char *path,
                     void (*each)(struct walk *w, int fd, const char *name, const char *path)) {
  int fd = openat(parent, name, FOLDER_FLAGS);
  DIR *d = fd < 0 ? NULL : fdopendir(fd);
  if (!d) {
    if (errno != ENOENT) left_out_errno(w->f, path, errno);
    if (fd >= 0) close(fd);
    return;
  }
  for (struct dirent *e; (e = readdir(d)) && w->f->files <= FILES_MAX;) {
    if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
    if (w->f->files++ == FILES_MAX)
      migrate_left_out(w->f, path, "holds more files than are looked at; the rest stays behind");
    each(w, dirfd(d), e->d_name, path);
  }
  closedir(d);
}

static void file_found(struct walk *w, int fd, const char *name, const char *path) {
  (void)fd;
  struct place right = place_of(w->bucket, name);
  if (memcmp(&right, &w->here, sizeof right) == 0) {
    w->each(w->arg, name);
    return;
  }
  struct ctx *cx = ctx_new();
  migrate_left_out(w->f, ctx_printf(cx, "%s/%s", path, name), "stands in a folder that is not its own");
  ctx_free(cx);
}

static void shard_found(struct walk *w, int fd, const char *name, const char *path) {
  struct ctx *cx = ctx_new();
  char *below = ctx_printf(cx, "%s/%s", path, name);
  bool second = strchr(path, '/') != NULL;
  if (strlen(name) != SHARD) {
    migrate_left_out(w->f, below, "is no folder of NanoMDM's");
  } else {
    memcpy(w->here.shards[second], name, SHARD);
    names_of(w, fd, name, below, second ? file_found : shard_found);
  }
  ctx_free(cx);
}

void migrate_walk(struct migrate_folder *f, const char *bucket, void (*each)(void *arg, const char *key), void *arg) {
  struct walk w = {.f = f, .bucket = bucket, .each = each, .arg = arg};
  names_of(&w, f->fd, bucket, bucket, shard_found);
}
