#include "core/filevault.h"

#include "base/enc.h"
#include "core/command_target.h"
#include "core/enroll.h"
#include "core/escrow.h"
#include "core/keyring.h"
#include "core/platform.h"
#include "core/push.h"
#include "core/queue.h"

#include <string.h>

static const char rotate[] = "RotateFileVaultKey";

/* NULL, or why this device has no key that could be replaced. */
static const char *no_target(struct ctx *cx, const struct enroll_info *i) {
  enum platform p = platform_of(i->product_name ? i->product_name : i->model);
  if (p != PLATFORM_UNKNOWN && !command_row(rotate)->on[p].introduced)
    return ctx_printf(cx, "%s has no FileVault", platform_name(p));
  if (strcmp(i->state, "enrolled") != 0) return "the device is not enrolled";
  return NULL;
}

static enum err build(struct ctx *cx, struct core *core, struct slice key, struct command *out) {
  struct js *args = js_object(cx), *unlock = js_object(cx);
  struct slice cert = pki_cert_der(keyring_escrow(core->keyring));
  js_set_string(unlock, "Password", ctx_memdup(cx, key.p, key.n));
  js_set_string(args, "KeyType", "personal");
  js_set(args, "FileVaultUnlock", unlock);
  js_set_string(args, "ReplyEncryptionCertificate", enc_base64(cx, cert.p, cert.n));
  TRY(command_build(cx, out, rotate, args, NULL));
  out->collapse_key = ctx_printf(cx, "pomona.%s", rotate);
  return OK;
}

/* What else speaks against it: its version, kind of enrollment and access rights. */
static enum err check_fit(struct ctx *cx, struct db *db, struct core *core, const struct command *c,
                          const struct enroll_info *i, const char **why_not) {
  const struct roster_device *d;
  struct command_target target;
  struct command_uses *uses;
  struct command_fit fit;
  TRY(roster_one(cx, db, core, i->device, &d));
  TRY(command_target_of(cx, db, d, i->enrollment, &target));
  TRY(command_uses(cx, c, &uses));
  command_fit(cx, uses, &target, &fit);
  *why_not = fit.refusal;
  return OK;
}

static enum err find_channel(struct ctx *cx, struct db *db, const char *device_id, struct enroll_info **out) {
  int64_t enrollment;
  char *id;
  size_t n;
  *out = NULL;
  enum err e = enroll_lookup(cx, db, device_id, &enrollment, &id);
  if (e == E_NOT_FOUND) return ctx_clear_error(cx), OK;
  TRY(e);
  TRY(enroll_list(cx, db, enrollment, 0, 1, out, &n));
  if (n == 0) *out = NULL;
  return OK;
}

enum err filevault_rotate(struct ctx *cx, struct db *db, struct core *core, const char *device_id, const char *by,
                          struct filevault_rotation *out) {
  struct enroll_info *i;
  struct slice key;
  struct command c;
  int64_t command;
  TRY(find_channel(cx, db, device_id, &i));
  *out = (struct filevault_rotation){.why_not = i ? no_target(cx, i) : "the device is not enrolled"};
  if (out->why_not) return OK;
  enum err e = escrow_use(cx, db, core, &(struct escrow_ask){.device = i->device, .kind = ESCROW_RECOVERY_KEY}, &key);
  if (e == E_NOT_FOUND) {
    ctx_clear_error(cx);
    out->why_not = "no recovery key in force is in escrow";
    return OK;
  }
  TRY(e);
  TRY(build(cx, core, key, &c));
  TRY(check_fit(cx, db, core, &c, i, &out->why_not));
  if (out->why_not) return OK;
  TRY(queue_command(cx, db, core, &c, by, &command));
  TRY(queue_add(cx, db, core, command, &c, i->enrollment));
  out->command = c.uuid;
  return push_due(cx, db, core, i->enrollment, PUSH_COMMAND, 0, NULL, NULL);
}

enum err filevault_settled(struct ctx *cx, struct db *db, struct core *core, int64_t enrollment, bool told_key) {
  return told_key ? OK : queue_own(cx, db, core, "SecurityInfo", enrollment);
}
