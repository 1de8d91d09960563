/* What is kept for devices: profiles. */
#include "core/doctor_int.h"

#include "base/clock.h"
#include "base/enc.h"
#include "core/profile.h"

#include <inttypes.h>

#define SOON (60 * US_DAY)
#define REMEMBERED (90 * US_DAY)

static void check_end(struct check *c, const struct pki_cert *signer) {
  int64_t left = pki_cert_not_after(signer) - clock_now_us();
  const char *text = ctx_printf(c->cx, "Profiles are signed by %s, which %s on %.10s.", pki_cert_subject(c->cx, signer),
                                left <= 0 ? "ended" : "ends", enc_time(c->cx, pki_cert_not_after(signer)));
  if (left < SOON)
    found(c, left <= 0 ? DOCTOR_FAIL : DOCTOR_WARN, text,
          "Have it renewed with the same name by the same CA, and put it in place of signing-cert and signing-key.");
  else
    found(c, DOCTOR_OK, text, NULL);
}

static void check_change(struct check *c) {
  struct profile_signer_before before;
  if (profile_signer_before(c->cx, c->db, &before) != OK) {
    not_read(c);
    return;
  }
  if (!before.subject || !before.profiles || clock_now_us() - before.changed_at > REMEMBERED) return;
  found(c, DOCTOR_WARN,
        ctx_printf(c->cx, "Until %.10s profiles were signed by %s.", enc_time(c->cx, before.changed_at),
                   before.subject),
        "Devices may refuse to replace a profile by one of another signer: where one fails, remove it from the device "
        "first (`pomona profile uninstall`), or go back to the former signer.");
}

void check_profiles(struct check *c) {
  const struct pki_cert *signer;
  if (!c->doctor->core->keyring) return; /* "keys" tells why */
  if (profile_signer(c->cx, c->doctor->core, &signer) != OK)
    found(c, DOCTOR_FAIL, ctx_printf(c->cx, "Profiles cannot be signed: %s.", ctx_error_text(c->cx)),
          "Mend signing-cert and signing-key: the server does not start with them as they are.");
  else
    check_end(c, signer);
  ctx_clear_error(c->cx);
  check_change(c);
}
