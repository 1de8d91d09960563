#include "core/dossier_int.h"

#include "base/clock.h"
#include "base/enc.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#define PORTAL "https://identity.apple.com/pushcert"
#define ENOUGH (14 * US_DAY) /* what such a move may take, with the wait for Apple's call */

const char *const dossier_states[DOSSIER_STATES] = {"open", "asked", "called-back", "approved", "done"};

const struct dossier_item dossier_items[DOSSIER_ITEMS] = {
    {"names-equal", "The first and last name on the current and on the target Apple Account are those of the person "
                    "who calls Apple."},
    {"senior-reachable", "Someone senior or of personnel can be reached by telephone when Apple calls back, and knows "
                         "what it is about."},
    {"waited", "2 to 3 days have passed since the approval, and the certificate is in the target account."},
    {"names-restored", "The names on both accounts are again what they were."},
};

/* ---- states ---- */

enum dossier_state dossier_state(const struct dossier *d) {
  enum dossier_state last = DOSSIER_OPEN;
  for (size_t i = 0; i < DOSSIER_STATES; i++)
    if (d->states[i].at) last = (enum dossier_state)i;
  return last;
}

bool dossier_enter(struct dossier *d, enum dossier_state state, int64_t now, const char *by) {
  if (state != DOSSIER_OPEN && dossier_state(d) == state) return false;
  for (size_t i = state; i < DOSSIER_STATES; i++) d->states[i] = (struct dossier_mark){0};
  if (state == DOSSIER_OPEN) memset(d->checklist, 0, sizeof d->checklist);
  d->states[state] = (struct dossier_mark){now, by};
  return true;
}

/* ---- what Apple asks for ---- */

struct known {
  struct ctx *cx;
  struct pushcert cert;
  struct pushcert_record record;
  int64_t devices;
  const char *server;
  const char *topic_option; /* of commands: "" when there is only one topic */
};

static bool told(const char *text) { return text && *text; }

static void add(struct dossier_page *p, const char *name, const char *label, const char *value) {
  p->facts[p->n++] = (struct dossier_fact){.name = name, .label = label, .value = told(value) ? value : NULL};
}

/* The same of what people tell; command: what follows `pomona pushcert`. */
static void add_told(struct dossier_page *p, const struct known *k, struct dossier_fact fact, const char *command) {
  add(p, fact.name, fact.label, fact.value);
  p->facts[p->n - 1].fill = ctx_printf(k->cx, "pomona pushcert %s%s", command, k->topic_option);
}

static void add_facts(struct dossier_page *p, const struct known *k) {
  const struct pushcert_record *r = &k->record;
  const struct pushcert *c = &k->cert;
  const struct dossier *d = &p->d;
  add_told(p, k, (struct dossier_fact){"organization", "Owns and manages the devices", r->organization, NULL},
           "record --organization NAME");
  add_told(p, k, (struct dossier_fact){"address", "Its address", r->address, NULL}, "record --address ADDRESS");
  add_told(p, k, (struct dossier_fact){"web_site", "Its web site", r->web_site, NULL}, "record --web-site URL");
  add(p, "devices", "Devices under management", ctx_printf(k->cx, "%" PRId64, k->devices));
  add(p, "server", "MDM server", ctx_printf(k->cx, "pomona at %s", k->server));
  add(p, "topic", "Topic (UID)", c->topic);
  add(p, "serial_number", "Serial number", c->serial_number);
  add(p, "serial_number_decimal", "Serial number in decimal", enc_decimal(k->cx, c->serial_number));
  add(p, "not_after", "Expires", enc_time(k->cx, c->not_after));
  add(p, "subject", "Subject DN", c->subject);
  add_told(p, k, (struct dossier_fact){"created_by", "Person who made it", d->created_by, NULL},
           "dossier --created-by NAME");
  add_told(p, k, (struct dossier_fact){"current_account", "Current Apple Account", r->apple_account, NULL},
           "record --apple-account ADDRESS");
  add_told(p, k, (struct dossier_fact){"target_account", "Target Apple Account", d->target_account, NULL},
           "dossier --target-account ADDRESS");
  add_told(p, k, (struct dossier_fact){"contact", "Contact from now on", d->contact, NULL},
           "dossier --contact 'NAME, TELEPHONE, MAIL'");
}

/* ---- warnings ---- */

static const char *domain_of(const char *address) {
  const char *at = strrchr(address, '@');
  return at ? at + 1 : "";
}

/* Those that Apple itself names are Managed, and so is probably who shares a domain with one that is. */
static bool looks_managed(const struct known *k, const char *target) {
  const struct pushcert_record *r = &k->record;
  if (slice_ends(slice_of(domain_of(target)), ".appleid.com")) return true;
  return told(r->apple_account) && told(r->account_kind) && strcmp(r->account_kind, "managed") == 0 &&
         strcasecmp(domain_of(r->apple_account), domain_of(target)) == 0;
}

static bool looks_personal(const struct known *k, const char *target) {
  struct pushcert_record r = k->record;
  bool guessed;
  r.apple_account = target;
  r.account_kind = NULL;
  const char *kind = pushcert_account_kind(&r, &guessed);
  return kind && strcmp(kind, "personal") == 0;
}

static void warn(struct dossier_page *p, const char *text) { p->warnings[p->warnings_n++] = text; }

static void warn_of_target(struct dossier_page *p, const struct known *k, const char *target) {
  bool done = dossier_state(&p->d) == DOSSIER_DONE;
  if (!done && told(k->record.apple_account) && strcasecmp(target, k->record.apple_account) == 0)
    warn(p, ctx_printf(k->cx, "%s is the recorded Apple Account of the certificate already.", target));
  if (looks_personal(k, target))
    warn(p, ctx_printf(k->cx,
                       "The target account %s looks like a person's own. When that person leaves, nobody can renew the "
                       "certificate: take an address of a duty, which two people can sign in to.",
                       target));
  else if (looks_managed(k, target))
    warn(p, ctx_printf(k->cx,
                       "The target account %s looks like a Managed Apple Account. Ask Apple's support first whether "
                       "the certificate can be moved to one; else take a plain account of a duty.",
                       target));
}

static void warn_of_end(struct dossier_page *p, const struct known *k) {
  int64_t left = k->cert.not_after - p->made_at;
  if (dossier_state(&p->d) == DOSSIER_DONE || left > ENOUGH) return;
  warn(p, ctx_printf(k->cx,
                     "The certificate %s on %.10s, and Apple takes its time: if anybody can sign in to the current "
                     "account, renew it there first. Tell Apple that it is urgent.",
                     left > 0 ? "ends" : "ended", enc_time(k->cx, k->cert.not_after)));
}

/* ---- what to do next ---- */

static const char *const next_steps[DOSSIER_DONE] = {
    [DOSSIER_OPEN] = "Fill the gaps. Give both accounts the name of the person who calls (Apple compares them). Call "
                     "Apple's support with this dossier and ask for the certificate to be moved to the target account; "
                     "note the number of the case. Then `pomona pushcert dossier --state asked",
    [DOSSIER_ASKED] = "Apple calls back and asks for someone senior or of personnel: see that they are reachable. Then "
                      "`pomona pushcert dossier --state called-back",
    [DOSSIER_CALLED_BACK] = "Apple decides and tells the person who called. Then `pomona pushcert dossier --state "
                            "approved",
    [DOSSIER_APPROVED] = "Wait 2 to 3 days, then sign in at " PORTAL " with the target account: when the row with this "
                         "UID is there, restore the names on both accounts. Until then only the current account can "
                         "renew the certificate. Then `pomona pushcert dossier --state done",
};

/* How the record gets to know the new account; "" when it does. */
static const char *recording(const struct known *k, const char *target) {
  const char *is = k->record.apple_account, *to = told(target) ? target : "ADDRESS";
  if (told(is) && strcasecmp(is, to) == 0) return "";
  return ctx_printf(k->cx, "Record the new account: `pomona pushcert %s %s%s%s`. Then r",
                    told(is) ? "account change --to" : "record --apple-account", to, told(is) ? " --done" : "",
                    k->topic_option);
}

static const char *what_next(struct dossier_page *p, const struct known *k) {
  enum dossier_state state = dossier_state(&p->d);
  const char *target = p->d.target_account;
  if (state != DOSSIER_DONE) return ctx_printf(k->cx, "%s%s`.", next_steps[state], k->topic_option);
  const char *record = recording(k, target);
  return ctx_printf(k->cx, "%senew the certificate under it: %s. The topic stays, and devices notice nothing.",
                    *record ? record : "R", pushcert_steps(k->cx, k->cert.topic, k->cert.serial_number, target));
}

/* ---- all of it ---- */

static enum err topic_option(struct ctx *cx, struct db *db, const char *topic, const char **out) {
  const char *only;
  enum err e = pushcert_topic_meant(cx, db, NULL, &only);
  *out = e == OK ? "" : ctx_printf(cx, " --topic %s", topic);
  if (e == E_INVALID) return ctx_clear_error(cx), OK;
  return e;
}

enum err dossier_page(struct ctx *cx, struct db *db, struct core *core, const char *topic, struct dossier_page *out) {
  struct known k = {.cx = cx, .server = core_conf(core)->public_url};
  *out = (struct dossier_page){.made_at = clock_now_us()};
  TRY(pushcert_find(cx, db, topic, &k.cert));
  TRY(pushcert_record_read(cx, db, topic, &k.record));
  TRY(dossier_read(cx, db, topic, &out->d));
  TRY(dossier_devices(cx, db, topic, &k.devices));
  TRY(topic_option(cx, db, topic, &k.topic_option));
  add_facts(out, &k);
  if (told(out->d.target_account)) warn_of_target(out, &k, out->d.target_account);
  warn_of_end(out, &k);
  out->next = what_next(out, &k);
  return OK;
}
