/* What is kept for devices: profiles, packages. */
#include "core/doctor_int.h"

#include "base/clock.h"
#include "base/enc.h"
#include "core/package.h"
#include "core/profile.h"

#include <inttypes.h>
#include <sys/stat.h>

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

/* ---- packages ---- */

enum { PAGE = 100 };

/* The server reads them whole; here only what shows at once, for when it is off. */
static const char *trouble_of(const struct package *p) {
  struct stat st;
  if (stat(p->path, &st) != 0) return "its file on disk is missing";
  if (st.st_size != p->size) return "its file on disk has another size than what was added";
  return p->trouble;
}

static enum err look_at_packages(struct check *c, int64_t *all) {
  struct package_query q = {.most = PAGE};
  struct package *rows;
  size_t n = PAGE;
  for (; n == PAGE; *all += (int64_t)n) {
    TRY(package_list(c->cx, c->db, c->doctor->core, &q, &rows, &n));
    for (size_t i = 0; i < n; i++) {
      const char *trouble = trouble_of(&rows[i]);
      if (trouble)
        found(c, DOCTOR_FAIL, ctx_printf(c->cx, "Package %s is not served: %s.", rows[i].name, trouble),
              "Add the same file again: `pomona package add FILE`.");
    }
    if (n) q.after = rows[n - 1].package;
  }
  return OK;
}

void check_packages(struct check *c) {
  int64_t all = 0;
  if (look_at_packages(c, &all) != OK)
    not_read(c);
  else if (c->n == 0)
    found(c, all ? DOCTOR_OK : DOCTOR_SKIP,
          all ? ctx_printf(c->cx, "%s on disk.", many(c->cx, all, "package")) : "There are none.", NULL);
}
