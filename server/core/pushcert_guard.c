/* What keeps a fleet from going dark by an import: a certificate of a topic that no device hears, and one that takes
   the place of a better one. */
#include "core/pushcert_int.h"

#include "base/clock.h"
#include "base/enc.h"

#include <inttypes.h>
#include <string.h>

/* Apple's dates are of the minute in which the certificate was made; people fetch it within days. */
#define FRESH (3 * US_DAY)

const char *pushcert_steps(struct ctx *cx, const char *topic, const char *serial_number, const char *apple_account) {
  return ctx_printf(cx,
                    "sign in at " PUSHCERT_PORTAL " with %s%s, press Renew (never Create a Certificate) on the row "
                    "with the UID %s%s%s, with a request made here (`pomona pushcert csr`), and import what it gives",
                    apple_account ? "the Apple Account " : "the Apple Account that it was made with (not recorded)",
                    apple_account ? apple_account : "", topic, serial_number ? ", serial number " : "",
                    serial_number ? serial_number : "");
}

const char *pushcert_serials(struct ctx *cx, const char *serial_number) {
  const char *decimal = enc_decimal(cx, serial_number);
  return decimal ? ctx_printf(cx, "%s (decimal %s)", serial_number, decimal) : serial_number;
}

static const char *day(struct ctx *cx, int64_t at) { return ctx_printf(cx, "%.10s", enc_time(cx, at)); }

/* ---- another topic than the devices' ---- */

struct foreign {
  const struct pushcert_pair *pair;
  struct pushcert_topic *topics; /* that devices listen on, most devices first */
  size_t n;
  int64_t devices;
  struct pushcert in_use; /* of the first of them; topic NULL: none here */
  struct pushcert_record record;
};

static enum err look_around(struct ctx *cx, struct db *db, struct foreign *f) {
  TRY(pushcert_topics(cx, db, &f->topics, &f->n));
  for (size_t i = 0; i < f->n; i++) f->devices += f->topics[i].devices;
  if (!f->n) return OK;
  TRY(pushcert_record_read(cx, db, f->topics[0].topic, &f->record));
  enum err e = pushcert_find(cx, db, f->topics[0].topic, &f->in_use);
  if (e != E_NOT_FOUND) return e;
  ctx_clear_error(cx);
  return OK;
}

static const char *listened(struct ctx *cx, const struct foreign *f) {
  const char *all = "";
  for (size_t i = 0; i < f->n && i < 4; i++)
    all = ctx_printf(cx, "%s%s%s (%" PRId64 " device%s)", all, i ? ", " : "", f->topics[i].topic, f->topics[i].devices,
                     f->topics[i].devices == 1 ? "" : "s");
  return f->n > 4 ? ctx_printf(cx, "%s …", all) : all;
}

static const char *whose(struct ctx *cx, const struct foreign *f) {
  return f->record.apple_account ? ctx_printf(cx, "than %s", f->record.apple_account) : "than the one it belongs to";
}

/* What probably happened, from what is known here of the request, of the topic, and of the certificate's age. */
static enum err suppose(struct ctx *cx, struct db *db, const struct foreign *f, const char **out) {
  const struct pushcert *c = &f->pair->about;
  struct pushcert_record theirs;
  bool known;
  char *meant;
  TRY(pushcert_knows(cx, db, c->topic, &known));
  TRY(pushcert_request(cx, db, f->pair->public_hash, &meant));
  TRY(pushcert_record_read(cx, db, c->topic, &theirs));
  if (known)
    *out = "the wrong row was renewed: this server had certificates of that topic before";
  else if (theirs.apple_account && f->record.apple_account &&
           strcmp(theirs.apple_account, f->record.apple_account) != 0)
    *out = ctx_printf(cx, "it was made under another Apple Account: %s is recorded for that topic, %s for the devices'",
                      theirs.apple_account, f->record.apple_account);
  else if (meant)
    *out = ctx_printf(cx,
                      "Create was pressed instead of Renew, or under another Apple Account %s: its request was made "
                      "here to renew %s",
                      whose(cx, f), meant);
  else if (c->not_before > clock_now_us() - FRESH)
    *out = ctx_printf(cx, "it was created anew instead of renewed, or renewed under another Apple Account %s",
                      whose(cx, f));
  else
    *out = ctx_printf(cx, "it is of another server, or of another Apple Account %s: it was made on %s already",
                      whose(cx, f), day(cx, c->not_before));
  return OK;
}

static enum err refuse_topic(struct ctx *cx, struct db *db, const struct pushcert_pair *pair) {
  struct foreign f = {.pair = pair};
  const struct pushcert *c = &pair->about;
  const char *supposed;
  TRY(look_around(cx, db, &f));
  if (!f.n) return OK; /* the last of them has just left */
  TRY(suppose(cx, db, &f, &supposed));
  return FAIL(
      cx, E_CONFLICT,
      "this certificate is for another topic than the one that enrolled devices listen on; nothing was changed\n"
      "  certificate: %s, serial number %s, ends %s\n"
      "  devices:     %s: %" PRId64 " device%s would go dark%s\n"
      "  probably:    %s\n"
      "  to do:       %s. No such row there: it is another Apple Account. %s\n"
      "  or else:     --new-topic (?new-topic=1) keeps it beside the old one, for devices that enroll from now "
      "on; those enrolled never hear it",
      c->topic, pushcert_serials(cx, c->serial_number), day(cx, c->not_after), listened(cx, &f), f.devices,
      f.devices == 1 ? "" : "s",
      f.in_use.topic ? ctx_printf(cx, " when its certificate ends on %s", day(cx, f.in_use.not_after)) : "", supposed,
      pushcert_steps(cx, f.topics[0].topic, f.in_use.serial_number, f.record.apple_account),
      pushcert_people(cx, &f.record));
}

/* ---- one that ends before the one in use ---- */

static enum err guard_age(struct ctx *cx, struct db *db, const struct pushcert_pair *pair) {
  const struct pushcert *c = &pair->about;
  struct pushcert in_use;
  enum err e = pushcert_find(cx, db, c->topic, &in_use);
  if (e == E_NOT_FOUND) return ctx_clear_error(cx), OK;
  TRY(e);
  if (c->not_after >= in_use.not_after || strcmp(pushcert_state(&in_use, clock_now_us()), "revoked") == 0) return OK;
  return FAIL(cx, E_CONFLICT,
              "this certificate ends before the one in use: it is probably the former one; nothing was changed\n"
              "  certificate: serial number %s, ends %s\n"
              "  in use:      serial number %s, ends %s, imported %s by %s\n"
              "  topic:       %s\n"
              "  to do:       import the renewed one, or go back to a former one (`pomona pushcert rollback`)\n"
              "  or else:     --anyway (?anyway=1) imports it all the same",
              pushcert_serials(cx, c->serial_number), day(cx, c->not_after), pushcert_serials(cx, in_use.serial_number),
              day(cx, in_use.not_after), day(cx, in_use.imported_at), in_use.imported_by, c->topic);
}

static enum err in_use_already(struct ctx *cx, struct db *db, const struct pushcert_pair *pair, bool *is) {
  struct pushcert known;
  enum err e = pushcert_by_hash(cx, db, pair->hash, &known);
  *is = e == OK && !known.superseded_at;
  if (e == E_NOT_FOUND) return ctx_clear_error(cx), OK;
  return e;
}

enum err pushcert_guard(struct ctx *cx, struct db *db, const struct pushcert_pair *pair, unsigned allow) {
  bool known, here, elsewhere;
  TRY(in_use_already(cx, db, pair, &known));
  if (known) return OK;
  if (!(allow & PUSHCERT_ANYWAY)) TRY(guard_age(cx, db, pair));
  if (allow & PUSHCERT_NEW_TOPIC) return OK;
  TRY(pushcert_heard(cx, db, pair->about.topic, &here, &elsewhere));
  return here || !elsewhere ? OK : refuse_topic(cx, db, pair);
}
