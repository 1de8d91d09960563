/* What to do next with a certificate, and what never to do in Apple's portal. */
#include "core/pushcert_int.h"

#include "base/enc.h"

#include <inttypes.h>
#include <string.h>

const char *pushcert_next(struct ctx *cx, const struct pushcert *c, const struct pushcert_record *record, int64_t now) {
  const char *steps = pushcert_steps(cx, c->topic, c->serial_number, record->apple_account);
  const char *state = pushcert_state(c, now), *ends = ctx_printf(cx, "%.10s", enc_time(cx, c->not_after));
  if (strcmp(state, "superseded") == 0) return "";
  if (strcmp(state, "expired") == 0)
    return ctx_printf(cx, "renew it now: %s; devices stay enrolled, commands wait, and all come back by themselves",
                      steps);
  if (strcmp(state, "revoked") == 0)
    return ctx_printf(cx, "%s; renew it now: %s; devices stay enrolled",
                      c->proof_text ? c->proof_text : "Apple refuses it", steps);
  if (strcmp(state, "expiring") == 0) return ctx_printf(cx, "renew it before %s: %s", ends, steps);
  if (!c->proven_at) return "Apple could not be asked about it yet: `pomona doctor` tries the way to APNs";
  return ctx_printf(cx, "renew it before %s; press Renew in the portal only when you can import at once", ends);
}

const char *pushcert_row_advice(struct ctx *cx, const char *topic, int64_t used, bool new_enrollments) {
  if (used || new_enrollments)
    return ctx_printf(
        cx,
        "never press Revoke on the row with the UID %s: %s; press Renew on it only when you can import at "
        "once",
        topic,
        used ? ctx_printf(cx, "%" PRId64 " enrollment%s", used, used == 1 ? " has it" : "s have it")
             : "devices that enroll get it");
  return ctx_printf(cx, "no enrollment has this topic: the row with the UID %s may be revoked", topic);
}
