#include "core/enroll_int.h"

#include <string.h>

enum { ID_MAX = 255, NAME_MAX_LEN = 1024 };

/* Ids go into lists separated by commas, into device:user pairs and into paths: what separates there cannot be part of
 * one. */
static enum err check(struct ctx *cx, const char *key, const char *value) {
  struct slice s = slice_of(value);
  if (s.n == 0) return FAIL(cx, E_INVALID, "%s is empty", key);
  if (s.n > ID_MAX) return FAIL(cx, E_INVALID, "%s is longer than %d bytes", key, ID_MAX);
  if (!text_is_plain(s)) return FAIL(cx, E_INVALID, "%s has control characters or is not UTF-8", key);
  if (strpbrk(value, ",:/\\") || strstr(value, "..") || strcmp(value, ".") == 0)
    return FAIL(cx, E_INVALID, "%s has characters that an id cannot have", key);
  return OK;
}

/* *out NULL: absent. A key of another type is not: a user's message would pass for its device's. */
static enum err text(struct ctx *cx, struct pl *message, const char *key, const char **out) {
  *out = pl_str(message, key);
  return *out || !pl_get(message, key) ? OK : FAIL(cx, E_INVALID, "%s is not a string", key);
}

static enum err finish(struct ctx *cx, struct enroll_ids *out, const char *type, const char *user_key,
                       const char *user) {
  out->type = type;
  out->id = out->device;
  if (!user) return OK;
  TRY(check(cx, user_key, user));
  out->is_user = true;
  out->id = ctx_printf(cx, "%s:%s", out->device, user);
  return OK;
}

static enum err device_channel(struct ctx *cx, struct pl *message, struct enroll_ids *out) {
  const char *user;
  TRY(check(cx, "UDID", out->device));
  TRY(text(cx, message, "UserID", &user));
  if (!user) return finish(cx, out, "Device", NULL, NULL);
  if (strcmp(user, ENROLL_SHARED_IPAD_USER) != 0) return finish(cx, out, "User", "UserID", user);
  return finish(cx, out, "Shared iPad", "UserShortName", out->short_name ? out->short_name : "");
}

static enum err user_enrollment(struct ctx *cx, struct pl *message, struct enroll_ids *out) {
  const char *user;
  TRY(check(cx, "EnrollmentID", out->device));
  TRY(text(cx, message, "EnrollmentUserID", &user));
  if (!user) return finish(cx, out, "User Enrollment (Device)", NULL, NULL);
  return finish(cx, out, "User Enrollment", "EnrollmentUserID", user);
}

/* For tables and the log; what is not fit for them is left out. */
static const char *name(struct pl *message, const char *key) {
  const char *value = pl_str(message, key);
  return value && strlen(value) <= NAME_MAX_LEN && text_is_plain(slice_of(value)) ? value : NULL;
}

enum err enroll_ids(struct ctx *cx, struct pl *message, struct enroll_ids *out) {
  *out = (struct enroll_ids){.short_name = name(message, "UserShortName"), .long_name = name(message, "UserLongName")};
  TRY(text(cx, message, "UDID", &out->device));
  if (out->device && out->device[0]) return device_channel(cx, message, out);
  TRY(text(cx, message, "EnrollmentID", &out->device));
  if (out->device) return user_enrollment(cx, message, out);
  return FAIL(cx, E_INVALID, "neither UDID nor EnrollmentID");
}
