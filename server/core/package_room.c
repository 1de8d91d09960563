/* Places and disk for uploads: a few at a time, and none takes what another one was promised. */
#include "core/package_int.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/falloc.h>
#include <string.h>
#include <sys/statvfs.h>

enum { FREE_LEAST_MIB = 256 };

enum err package_place_take(struct ctx *cx, struct package_room *room, struct package_place *place) {
  pthread_mutex_lock(&room->lock);
  bool full = room->uploads == PACKAGE_UPLOADS_MOST;
  if (!full) room->uploads++;
  pthread_mutex_unlock(&room->lock);
  if (full)
    return FAIL(cx, E_UNAVAILABLE, "%d packages are being uploaded already: try again when one of them is there",
                PACKAGE_UPLOADS_MOST);
  *place = (struct package_place){.room = room};
  return OK;
}

static enum err check(struct ctx *cx, const struct package_room *room, int fd, int64_t size) {
  struct statvfs v;
  if (fstatvfs(fd, &v) != 0) return FAIL(cx, E_STORAGE, "room for a package: %s", strerror(errno));
  int64_t mib = ((int64_t)((uint64_t)v.f_bavail * v.f_frsize) - room->promised) >> 20;
  if (mib - FREE_LEAST_MIB >= size >> 20) return OK;
  return FAIL(cx, E_UNAVAILABLE,
              "the server's disk has %" PRId64 " MiB left%s: not enough for %" PRId64
              " MiB beside the %d MiB that it keeps free",
              mib > 0 ? mib : 0, room->promised ? " beside what is on its way" : "", size >> 20, FREE_LEAST_MIB);
}

/* Where the file system cannot take it at once, it is remembered until it is written. */
static enum err take(struct ctx *cx, struct package_place *place, int fd, int64_t size) {
  if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)size) == 0) return OK;
  if (errno == ENOSPC) return FAIL(cx, E_UNAVAILABLE, "the server's disk has no room for it");
  if (errno != EOPNOTSUPP && errno != ENOSYS) return FAIL(cx, E_STORAGE, "room for a package: %s", strerror(errno));
  place->promised = size;
  place->room->promised += size;
  return OK;
}

enum err package_place_room(struct ctx *cx, struct package_place *place, int fd, int64_t size) {
  pthread_mutex_lock(&place->room->lock);
  enum err e = check(cx, place->room, fd, size);
  if (e == OK) e = take(cx, place, fd, size);
  pthread_mutex_unlock(&place->room->lock);
  return e;
}

void package_place_wrote(struct package_place *place, int64_t n) {
  if (place->promised == 0) return;
  if (n > place->promised) n = place->promised;
  pthread_mutex_lock(&place->room->lock);
  place->promised -= n;
  place->room->promised -= n;
  pthread_mutex_unlock(&place->room->lock);
}

void package_place_leave(struct package_place *place) {
  if (!place->room) return;
  package_place_wrote(place, place->promised);
  pthread_mutex_lock(&place->room->lock);
  place->room->uploads--;
  pthread_mutex_unlock(&place->room->lock);
  place->room = NULL;
}
