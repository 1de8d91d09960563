/* The files of packages against their rows: nothing is served that was not read since it last changed on disk. */
#include "core/package_int.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "core/event.h"
#include "lib/pki_crypto.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define EVERY (2 * US_SECOND)
enum { PAGE = 100, BLOCK = 1 << 20, FILE_DIGITS = 32 };

/* What tells that a file was changed. */
struct stamp {
  struct timespec changed, modified;
  ino_t inode;
  dev_t device;
  off_t size;
};

struct seen { /* read, and found to be what was added */
  int64_t package;
  struct stamp stamp;
  bool fine; /* else: it was read as it is now, and is another one */
};

struct packages {
  struct core *core;
  struct ticker *ticker;
  pthread_mutex_t lock; /* of all below */
  struct seen *seen;
  size_t n, cap;
  struct package_room room;
};

struct package_room *package_room_of(struct packages *p) {
  return &p->room;
}

static struct stamp stamp_of(const struct stat *st) {
  return (struct stamp){st->st_ctim, st->st_mtim, st->st_ino, st->st_dev, st->st_size};
}

static bool same_time(const struct timespec *a, const struct timespec *b) {
  return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool same(const struct stamp *a, const struct stamp *b) {
  return same_time(&a->changed, &b->changed) && same_time(&a->modified, &b->modified) && a->inode == b->inode &&
         a->device == b->device && a->size == b->size;
}

/* ---- what was seen ---- */

static struct seen *find(struct packages *s, int64_t package) {
  for (size_t i = 0; i < s->n; i++)
    if (s->seen[i].package == package) return &s->seen[i];
  return NULL;
}

static bool known(struct packages *s, int64_t package, const struct stamp *stamp, bool *fine) {
  pthread_mutex_lock(&s->lock);
  const struct seen *entry = find(s, package);
  bool is = entry && same(&entry->stamp, stamp);
  *fine = is && entry->fine;
  pthread_mutex_unlock(&s->lock);
  return is;
}

static void note_seen(struct packages *s, const struct seen *now) {
  pthread_mutex_lock(&s->lock);
  struct seen *entry = find(s, now->package);
  if (!entry && s->n == s->cap) {
    s->cap = s->cap ? 2 * s->cap : 16;
    s->seen = mem_realloc(s->seen, s->cap * sizeof *s->seen);
  }
  if (!entry) entry = &s->seen[s->n++];
  *entry = *now;
  pthread_mutex_unlock(&s->lock);
}

void package_seen(struct core *core, const struct package *p) {
  struct stat st;
  if (core->packages && stat(p->path, &st) == 0)
    note_seen(core->packages, &(struct seen){p->package, stamp_of(&st), true});
}

/* ---- serving ---- */

static enum err open_file(struct ctx *cx, const struct package *p, int *fd, struct stat *st) {
  *fd = open(p->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (*fd < 0) return FAIL(cx, E_NOT_FOUND, "its file is missing: %s: %s", p->path, strerror(errno));
  if (fstat(*fd, st) == 0 && S_ISREG(st->st_mode)) return OK;
  close(*fd);
  return FAIL(cx, E_NOT_FOUND, "its file is none: %s", p->path);
}

enum err package_open(struct ctx *cx, struct core *core, const struct package *p, int *fd) {
  struct stat st;
  bool fine;
  if (!core->packages) return FAIL(cx, E_UNAVAILABLE, "no files are served here");
  TRY(open_file(cx, p, fd, &st));
  struct stamp stamp = stamp_of(&st);
  bool is = known(core->packages, p->package, &stamp, &fine);
  if (is && fine) return OK;
  close(*fd);
  return is ? FAIL(cx, E_NOT_FOUND, "the file of package %s is not what was added", p->name)
            : FAIL(cx, E_UNAVAILABLE, "package %s is being read from the disk", p->name);
}

/* ---- looking ---- */

struct verdict {
  int64_t package;
  const char *name, *trouble; /* NULL: none */
};

static enum err verdict_job(struct ctx *cx, struct db *db, void *arg) {
  const struct verdict *v = arg;
  struct js *data = js_object(cx);
  js_set_string(data, "package", v->name);
  js_set_string(data, "trouble", v->trouble);
  TRY(package_sql_trouble(cx, db, v->package, v->trouble));
  return event_add(cx, db, v->trouble ? "package.damaged" : "package.mended", NULL, data);
}

/* Told when it becomes another one than before. */
static enum err judge(struct ctx *cx, struct packages *s, const struct package_stored *row, const char *trouble) {
  const char *before = row->p.trouble;
  if (before == trouble || (before && trouble && strcmp(before, trouble) == 0)) return OK;
  struct verdict v = {row->p.package, row->p.name, trouble};
  if (trouble) log_error(cx, "a package is not served", LOG_S("package", v.name), LOG_S("why", trouble));
  return db_call(cx, s->core->store, verdict_job, &v);
}

/* E_GONE: the server ends meanwhile. */
static enum err hash_file(struct ctx *cx, struct packages *s, int fd, uint8_t out[SHA256_LEN]) {
  struct pki_digest *d = pki_digest_new(cx, PKI_SHA256);
  char *block = ctx_alloc(cx, BLOCK);
  for (off_t at = 0;;) {
    ssize_t n = pread(fd, block, BLOCK, at);
    if (atomic_load(&s->core->ending)) return E_GONE;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FAIL(cx, E_STORAGE, "it cannot be read: %s", strerror(errno));
    if (n == 0) break;
    pki_digest_add(d, slice_mem(block, (size_t)n));
    at += n;
  }
  pki_digest_end(d, out);
  return OK;
}

/* Stamped before and after: what was changed while it was read is read again. */
static enum err read_file(struct ctx *cx, struct packages *s, const struct package_stored *row, int fd,
                          const struct stamp *before) {
  uint8_t hash[SHA256_LEN];
  struct stat st;
  bool sized = before->size == row->p.size;
  if (sized) TRY(hash_file(cx, s, fd, hash));
  struct stamp after = *before;
  if (fstat(fd, &st) == 0) after = stamp_of(&st);
  if (!same(before, &after)) return OK;
  bool fine = sized && memcmp(hash, row->p.sha256, sizeof hash) == 0;
  note_seen(s, &(struct seen){row->p.package, *before, fine});
  const char *trouble = fine    ? NULL
                        : sized ? "its file on disk holds something else than what was added"
                                : "its file on disk has another size than what was added";
  return judge(cx, s, row, trouble);
}

static enum err look(struct ctx *cx, struct packages *s, struct package_stored *row) {
  struct stat st;
  bool fine;
  int fd;
  row->p.path = ctx_printf(cx, "%s/%s", package_folder(cx, s->core), row->file);
  if (open_file(cx, &row->p, &fd, &st) != OK) {
    ctx_clear_error(cx);
    return judge(cx, s, row, "its file on disk is missing");
  }
  struct stamp stamp = stamp_of(&st);
  enum err e = known(s, row->p.package, &stamp, &fine) ? OK : read_file(cx, s, row, fd, &stamp);
  close(fd);
  return e;
}

static enum err look_at_all(struct ctx *cx, struct packages *s) {
  struct package_query q = {.most = PAGE};
  struct package_stored *rows;
  struct db *db;
  size_t n = PAGE;
  TRY(db_reader(cx, s->core->store, &db));
  while (n == PAGE) {
    TRY(package_sql_list(cx, db, &q, &rows, &n));
    for (size_t i = 0; i < n; i++) TRY(look(cx, s, &rows[i]));
    if (n) q.after = rows[n - 1].p.package;
  }
  return OK;
}

static void run(void *arg, bool last) {
  struct packages *s = arg;
  if (last) return;
  struct ctx *cx = ctx_new();
  enum err e = look_at_all(cx, s);
  if (e != OK && !atomic_load(&s->core->ending)) log_failure(LOG_WARN, cx, "the files of packages were not looked at");
  ctx_free(cx);
}

/* ---- leftovers ---- */

static bool is_ours(const char *name) {
  size_t n = strspn(name, "0123456789abcdef");
  return n == FILE_DIGITS && (name[n] == '\0' || strcmp(name + n, ".part") == 0);
}

static enum err sweep_file(struct ctx *cx, struct packages *s, struct db *db, const char *file) {
  int64_t rows;
  if (!is_ours(file)) return OK;
  TRY(package_sql_files(cx, db, file, &rows));
  if (rows) return OK;
  package_unlink(s->core, file);
  log_info(cx, "what an interrupted upload left was removed", LOG_S("file", file));
  return OK;
}

static enum err sweep(struct ctx *cx, struct packages *s) {
  struct db *db;
  DIR *d = opendir(package_folder(cx, s->core));
  enum err e = OK;
  if (!d) return errno == ENOENT ? OK : FAIL(cx, E_STORAGE, "%s: %s", package_folder(cx, s->core), strerror(errno));
  e = db_reader(cx, s->core->store, &db);
  for (struct dirent *entry; e == OK && (entry = readdir(d));) e = sweep_file(cx, s, db, entry->d_name);
  closedir(d);
  return e;
}

enum err packages_start(struct ctx *cx, struct packages **out, struct core *core) {
  struct packages *s = mem_alloc(sizeof *s);
  *s = (struct packages){.core = core};
  enum err e = sweep(cx, s);
  if (e != OK) {
    free(s);
    return e;
  }
  pthread_mutex_init(&s->lock, NULL);
  pthread_mutex_init(&s->room.lock, NULL);
  s->ticker = ticker_start("packages", EVERY, run, s);
  *out = s;
  return OK;
}

void packages_stop(struct packages *s) {
  if (!s) return;
  ticker_stop(s->ticker);
  pthread_mutex_destroy(&s->lock);
  pthread_mutex_destroy(&s->room.lock);
  free(s->seen);
  free(s);
}
