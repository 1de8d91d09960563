#include "core/command_target.h"

#include "core/platform.h"

#include <string.h>

static const struct roster_device *find(const struct roster_view *view, int64_t device) {
  size_t low = 0, high = view->n;
  while (low < high) {
    size_t mid = low + (high - low) / 2;
    if (view->devices[mid]->device < device)
      low = mid + 1;
    else
      high = mid;
  }
  return low < view->n && view->devices[low]->device == device ? view->devices[low] : NULL;
}

static enum known flag(const struct roster_device *d, enum roster_field f) {
  int64_t value = roster_number(d, f);
  return value == INT64_MIN ? NOT_KNOWN : value ? KNOWN_YES : KNOWN_NO;
}

static const char *text(struct ctx *cx, const struct roster_device *d, enum roster_field f) {
  const char *value = roster_text(d, f);
  return value ? ctx_strdup(cx, value) : NULL;
}

static void read_device(struct ctx *cx, const struct roster_device *d, struct command_target *t) {
  t->platform = platform_named(slice_of(roster_text(d, ROSTER_PLATFORM)));
  t->product = text(cx, d, ROSTER_PRODUCT);
  t->version = text(cx, d, ROSTER_OS);
  t->supervised = flag(d, ROSTER_SUPERVISED);
  t->ade = flag(d, ROSTER_ADE);
  t->shared_ipad = flag(d, ROSTER_SHARED_IPAD);
  t->filevault = flag(d, ROSTER_FILEVAULT);
  t->passcode = flag(d, ROSTER_PASSCODE);
  t->cellular = flag(d, ROSTER_CELLULAR);
  t->bootstrap_token = flag(d, ROSTER_BOOTSTRAP_TOKEN);
  t->activation_lock = flag(d, ROSTER_ACTIVATION_LOCK);
  t->apple_silicon = flag(d, ROSTER_APPLE_SILICON);
}

/* NanoMDM's names of kinds of enrollments. */
static void read_type(const char *type, struct command_target *t) {
  bool shared = strcmp(type, "Shared iPad") == 0;
  t->user_enrollment = slice_starts(slice_of(type), "User Enrollment");
  t->user = shared || strcmp(type, "User") == 0 || strcmp(type, "User Enrollment") == 0;
  if (shared) t->shared_ipad = KNOWN_YES;
}

static enum err read_given(struct ctx *cx, const char *given, struct command_target *t) {
  struct js *o;
  if (!given) return OK;
  TRY(js_parse(cx, slice_of(given), &o));
  (void)js_int(js_get(o, "AccessRights"), &t->rights);
  t->profile = js_str(o, "PayloadIdentifier");
  return OK;
}

struct channel {
  int64_t device;
  char *type, *given;
};

static enum err read_channel(struct ctx *cx, struct db *db, int64_t enrollment, struct channel *out) {
  struct db_rows r;
  *out = (struct channel){0};
  TRY(db_open_rows(cx, db, &r,
                   "SELECT e.device, e.type, g.given FROM enrollment e JOIN device d ON d.seq = e.device "
                   "LEFT JOIN generation g ON g.seq = d.generation WHERE e.seq = $1",
                   DB_I(enrollment)));
  if (db_next(&r)) {
    out->device = db_int(&r, 0);
    out->type = db_text(&r, 1);
    out->given = db_is_null(&r, 2) ? NULL : db_text(&r, 2);
  }
  TRY(db_close(&r));
  return out->type ? OK : FAIL(cx, E_NOT_FOUND, "there is no such enrollment");
}

static enum err read_target(struct ctx *cx, const struct channel *c, const struct roster_device *d,
                            struct command_target *out) {
  *out = (struct command_target){.platform = PLATFORM_UNKNOWN};
  if (d) read_device(cx, d, out);
  read_type(c->type, out);
  return read_given(cx, c->given, out);
}

enum err command_target_load(struct ctx *cx, struct db *db, const struct roster_view *view, int64_t enrollment,
                             struct command_target *out) {
  struct channel c;
  const struct roster_device *d = NULL;
  TRY(read_channel(cx, db, enrollment, &c));
  if (view) return read_target(cx, &c, find(view, c.device), out);
  enum err e = roster_one(cx, db, NULL, c.device, &d);
  if (e != OK && e != E_NOT_FOUND) return e; /* of what is not known nothing is held against it */
  ctx_clear_error(cx);
  return read_target(cx, &c, d, out);
}

enum err command_target_of(struct ctx *cx, struct db *db, const struct roster_device *d, int64_t enrollment,
                           struct command_target *out) {
  struct channel c;
  TRY(read_channel(cx, db, enrollment, &c));
  return read_target(cx, &c, d, out);
}
