/* What a device tells of itself beside its check-ins, and what looks like two machines with one identity. */
#include "core/enroll_int.h"

#include "base/clock.h"
#include "core/event.h"

#include <string.h>

enum err enroll_clone(struct ctx *cx, struct db *db, int64_t enrollment, int64_t at, const char *text) {
  struct enroll_self self;
  TRY(enroll_self(cx, db, enrollment, &self));
  if (!self.id) return OK; /* forgotten since */
  TRY(enroll_set_clone(cx, db, self.device, at, text));
  if (self.clone_at > at - US_HOUR) return OK;
  struct js *data = js_object(cx);
  js_set_string(data, "text", text);
  return event_add(cx, db, "device.clone-suspected", self.id, data);
}

static bool differs(const char *a, const char *b) { return a && b && strcmp(a, b) != 0; }

enum err enroll_learn(struct ctx *cx, struct db *db, int64_t enrollment, const struct enroll_told *told) {
  struct enroll_self self;
  bool facts = told->supervised >= 0 || told->filevault >= 0 || told->passcode >= 0;
  if (!facts && !told->serial_number && !told->udid) return OK;
  TRY(enroll_self(cx, db, enrollment, &self));
  if (facts) TRY(enroll_set_told(cx, db, self.device, told));
  const char *other = differs(told->serial_number, self.serial_number) ? "serial number"
                      : differs(told->udid, self.id)                   ? "UDID"
                                                                       : NULL;
  if (!other) return OK;
  bool serial = other[0] == 's';
  return enroll_clone(cx, db, enrollment, clock_now_us(),
                      ctx_printf(cx, "%s %s enrolled, %s answers", other, serial ? self.serial_number : self.id,
                                 serial ? told->serial_number : told->udid));
}
