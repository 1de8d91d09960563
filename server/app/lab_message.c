/* What devices say by themselves: check-ins, and that they are idle. */
#include "app/lab_device.h"

static struct pl *message(struct ctx *cx, const struct lab_device *d, const char *type) {
  struct pl *m = pl_new_dict(cx);
  pl_set_string(m, "MessageType", type);
  pl_set_string(m, "Topic", d->profile.topic);
  pl_set_string(m, "UDID", d->udid);
  return m;
}

struct slice lab_authenticate(struct ctx *cx, const struct lab_device *d) {
  struct pl *m = message(cx, d, "Authenticate");
  const struct lab_platform *p = d->platform;
  pl_set_string(m, "DeviceName", d->name);
  pl_set_string(m, "Model", p->model);
  pl_set_string(m, "ModelName", p->model_name);
  pl_set_string(m, "ProductName", p->product);
  pl_set_string(m, "OSVersion", p->os_version);
  pl_set_string(m, "BuildVersion", p->build);
  pl_set_string(m, "SerialNumber", d->serial);
  return pl_xml(cx, m);
}

struct slice lab_token_update(struct ctx *cx, const struct lab_device *d) {
  struct pl *m = message(cx, d, "TokenUpdate");
  pl_set_data(m, "Token", slice_mem(d->token, sizeof d->token));
  pl_set_string(m, "PushMagic", d->magic);
  pl_set_bool(m, "AwaitingConfiguration", false);
  if (d->platform->os & (PHONE | IPAD | WATCH)) pl_set_data(m, "UnlockToken", slice_mem(d->token, sizeof d->token));
  return pl_xml(cx, m);
}

struct slice lab_check_out(struct ctx *cx, const struct lab_device *d) {
  return pl_xml(cx, message(cx, d, "CheckOut"));
}

struct slice lab_idle(struct ctx *cx, const struct lab_device *d) {
  struct pl *m = pl_new_dict(cx);
  pl_set_string(m, "UDID", d->udid);
  pl_set_string(m, "Status", "Idle");
  return pl_xml(cx, m);
}
