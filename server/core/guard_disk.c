/* Room on the disk of DATA, and whether the database can be written. */
#include "core/guard.h"

#include "base/clock.h"
#include "base/log.h"
#include "core/event.h"
#include "core/fact.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/statvfs.h>

/* What is full at 90 % is no trouble again only below 88 %, so that the alarm does not flicker. */
enum { FULL_PERCENT = 90, FINE_PERCENT = 88 };

enum err guard_disk(struct ctx *cx, const char *data, struct guard_disk *out) {
  struct statvfs v;
  if (statvfs(data, &v) != 0) return FAIL(cx, E_STORAGE, "%s: %s", data, strerror(errno));
  uint64_t used = v.f_blocks - v.f_bfree, all = used + v.f_bavail;
  out->free_mib = (int64_t)(((uint64_t)v.f_bavail * v.f_frsize) >> 20);
  out->used_percent = all ? (int)((used * 100 + all - 1) / all) : 100;
  return OK;
}

struct filling {
  struct guard_disk disk;
  bool full;
};

static enum err told_job(struct ctx *cx, struct db *db, void *arg) {
  const struct filling *f = arg;
  struct js *o = js_object(cx);
  js_set_int(o, "used_percent", f->disk.used_percent);
  js_set_int(o, "free_mib", f->disk.free_mib);
  TRY(event_add(cx, db, f->full ? "disk.filling" : "disk.fine", NULL, o));
  js_set_time(o, "since", clock_now_us());
  return fact_write(cx, db, GUARD_DISK_FULL, f->full ? js_text(cx, o, JS_COMPACT).p : NULL);
}

enum err guard_disk_chore(struct ctx *cx, struct core *core) {
  struct filling f;
  struct db *db;
  char *before;
  TRY(guard_disk(cx, core_conf(core)->data, &f.disk));
  TRY(db_reader(cx, core->store, &db));
  TRY(fact_read(cx, db, GUARD_DISK_FULL, &before));
  f.full = f.disk.used_percent >= (before ? FINE_PERCENT : FULL_PERCENT);
  /* Trouble is noticed, and so is its end, although nobody writes just now. */
  if (f.full == (before != NULL)) return db_probe(cx, core->store);
  if (f.full)
    log_warn(cx, "the disk of the data folder is nearly full: make room before devices are refused",
             LOG_I("used_percent", f.disk.used_percent), LOG_I("free_mib", f.disk.free_mib));
  return db_call(cx, core->store, told_job, &f);
}
