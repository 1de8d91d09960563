/* How a simulated device renews its identity: by an update of its enrollment profile, or by itself. */
#include "app/lab_device.h"

#include <string.h>

static enum err same(struct ctx *cx, const char *what, const char *before, const char *now) {
  return strcmp(before, now) == 0 ? OK : FAIL(cx, E_INVALID, "an update of the MDM payload must not change %s", what);
}

enum err lab_renew(struct ctx *cx, struct lab_device *d, struct slice profile) {
  struct lab_profile p;
  struct pki_cert *identity;
  if (!d->way) return FAIL(cx, E_UNREACHABLE, "there is no way to a SCEP server");
  TRY(lab_profile_read(cx, &p, profile));
  TRY(same(cx, "Topic", d->profile.topic, p.topic));
  TRY(same(cx, "ServerURL", d->profile.server_url, p.server_url));
  TRY(same(cx, "CheckInURL", d->profile.checkin_url, p.checkin_url));
  TRY(lab_identity(cx, &identity, d, &p, d->way));
  lab_device_replace(d, &p, identity);
  return OK;
}

enum err lab_renew_alone(struct ctx *cx, struct lab_device *d, const struct lab_way *way) {
  struct pki_cert *identity;
  if (!d->profile.scep_url) return FAIL(cx, E_INVALID, "the device was kept without its SCEP server");
  TRY(lab_identity(cx, &identity, d, &d->profile, way));
  lab_device_replace(d, &d->profile, identity);
  d->renewed = true;
  return OK;
}
