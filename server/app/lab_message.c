/* What devices say by themselves: check-ins, and that they are idle. The keys are those of Apple's devices, kind by
 * kind. */
#include "app/lab_device.h"

enum { UNLOCK_TOKEN = 1024 }; /* as long as a real one */

void lab_put_ids(struct pl *message, const struct lab_device *d, const struct lab_channel *c) {
  pl_set_string(message, d->user_enrollment ? "EnrollmentID" : "UDID", d->udid);
  if (c == d->channels) return;
  pl_set_string(message, d->user_enrollment ? "EnrollmentUserID" : "UserID", c->user_id);
  pl_set_string(message, "UserShortName", c->short_name);
  pl_set_string(message, "UserLongName", c->long_name);
}

static struct pl *message(struct ctx *cx, const struct lab_device *d, const struct lab_channel *c, const char *type) {
  struct pl *m = pl_new_dict(cx);
  pl_set_string(m, "MessageType", type);
  pl_set_string(m, "Topic", d->profile.topic);
  lab_put_ids(m, d, c);
  return m;
}

struct slice lab_authenticate(struct ctx *cx, const struct lab_device *d) {
  struct pl *m = message(cx, d, d->channels, "Authenticate");
  const struct lab_platform *p = d->platform;
  if (p->tells & LAB_TELLS_NAMES) {
    pl_set_string(m, "DeviceName", d->name);
    pl_set_string(m, "Model", p->model);
    pl_set_string(m, "ModelName", p->model_name);
  }
  if (p->tells & LAB_TELLS_SYSTEM) {
    pl_set_string(m, "ProductName", p->product);
    pl_set_string(m, "OSVersion", d->os_version);
    pl_set_string(m, "BuildVersion", d->build);
    if (!d->user_enrollment) pl_set_string(m, "SerialNumber", d->serial);
  }
  if (p->tells & LAB_TELLS_CELLULAR && !d->user_enrollment) {
    pl_set_string(m, "IMEI", lab_imei(cx, d));
    pl_set_string(m, "MEID", lab_meid(cx, d));
  }
  return pl_xml(cx, m);
}

/* The same at each TokenUpdate, as long as the push token is. */
void lab_unlock_token(struct ctx *cx, struct slice *out, const struct lab_channel *own) {
  char token[UNLOCK_TOKEN];
  for (size_t i = 0; i < sizeof token; i++) token[i] = (char)(own->token[i % sizeof own->token] ^ (uint8_t)i);
  *out = slice_mem(ctx_memdup(cx, token, sizeof token), sizeof token);
}

struct slice lab_token_update(struct ctx *cx, const struct lab_device *d, const struct lab_channel *c) {
  struct slice unlock_token;
  struct pl *m = message(cx, d, c, "TokenUpdate");
  pl_set_data(m, "Token", slice_mem(c->token, sizeof c->token));
  pl_set_string(m, "PushMagic", c->magic);
  if (c == d->channels && !d->user_enrollment) {
    pl_set_bool(m, "AwaitingConfiguration", d->awaits);
    lab_unlock_token(cx, &unlock_token, c);
    if (d->platform->os & (PHONE | IPAD | WATCH | VISION)) pl_set_data(m, "UnlockToken", unlock_token);
  }
  if (c != d->channels && d->platform->os == MAC) pl_set_bool(m, "NotOnConsole", false);
  return pl_xml(cx, m);
}

struct slice lab_check_out(struct ctx *cx, const struct lab_device *d, const struct lab_channel *c) {
  return pl_xml(cx, message(cx, d, c, "CheckOut"));
}

struct slice lab_idle(struct ctx *cx, const struct lab_device *d, const struct lab_channel *c) {
  struct pl *m = pl_new_dict(cx);
  lab_put_ids(m, d, c);
  pl_set_string(m, "Status", "Idle");
  return pl_xml(cx, m);
}
