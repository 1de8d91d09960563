/* Who stands behind a topic: what people told, and what is wrong or dangerous with it. */
#include "core/pushcert_int.h"

#include "base/clock.h"
#include "base/enc.h"

#include <ctype.h>
#include <string.h>

#define CONFIRM_EVERY (90 * US_DAY)

static bool told(const char *text) { return text && *text; }

/* ---- whose account ---- */

static bool any_of(struct slice word, const char *const *list) {
  for (; *list; list++)
    if (slice_ieq(word, *list)) return true;
  return false;
}

static struct slice domain_of(const char *address) {
  const char *at = told(address) ? strrchr(address, '@') : NULL;
  return slice_of(at ? at + 1 : NULL);
}

/* Mail that people have for themselves. A name ending in a dot stands for all its countries. */
static bool free_mail(struct slice domain) {
  static const char *const exact[] = {"gmail.com",
                                      "icloud.com",
                                      "me.com",
                                      "mac.com",
                                      "googlemail.com",
                                      "aol.com",
                                      "proton.me",
                                      "pm.me",
                                      "web.de",
                                      "protonmail.com",
                                      "msn.com",
                                      "t-online.de",
                                      "mail.ru",
                                      "qq.com",
                                      "163.com",
                                      "126.com",
                                      "orange.fr",
                                      "free.fr",
                                      "wanadoo.fr",
                                      "laposte.net",
                                      "libero.it",
                                      "posteo.de",
                                      "mail.com",
                                      "fastmail.com",
                                      "zoho.com",
                                      "bluewin.ch",
                                      "freenet.de",
                                      "comcast.net",
                                      "ymail.com",
                                      "hey.com",
                                      "tutanota.com",
                                      "naver.com",
                                      "privaterelay.appleid.com",
                                      NULL};
  static const char *const families[] = {"yahoo.", "hotmail.", "live.", "outlook.", "gmx.", "yandex.", NULL};
  if (any_of(domain, exact)) return true;
  for (const char *const *f = families; *f; f++)
    if (slice_istarts(domain, *f)) return true;
  return false;
}

/* Words by which people name a mailbox of a duty, not of a person. */
static bool is_duty(struct slice word) {
  static const char *const duties[] = {
      "admin",        "administrator", "apple",      "apns",      "apps",      "business", "cert",       "certs",
      "certificates", "client",        "clients",    "corp",      "dep",       "desk",     "device",     "devices",
      "edv",          "endpoint",      "fleet",      "group",     "help",      "helpdesk", "hostmaster", "id",
      "ict",          "info",          "infra",      "it",        "itsupport", "mac",      "macs",       "mail",
      "main",         "management",    "mdm",        "mobile",    "no",        "noc",      "office",     "operations",
      "ops",          "platform",      "postmaster", "push",      "reply",     "school",   "security",   "server",
      "service",      "services",      "shared",     "support",   "sysadmin",  "system",   "systems",    "team",
      "tech",         "technik",       "webmaster",  "workplace", NULL};
  return any_of(word, duties);
}

static bool letters(struct slice word) {
  for (size_t i = 0; i < word.n; i++)
    if (!isalpha((unsigned char)word.p[i]) && (unsigned char)word.p[i] < 0x80) return false;
  return word.n > 1;
}

/* first.last, first_last, first-last: two or three words, none of them a duty. */
static bool two_names(struct slice local) {
  char copy[64];
  struct slice rest, word;
  int words = 0;
  if (local.n == 0 || local.n >= sizeof copy) return false;
  for (size_t i = 0; i < local.n; i++) copy[i] = strchr("._-", local.p[i]) ? '.' : local.p[i];
  rest = slice_mem(copy, local.n);
  for (; slice_cut(&rest, '.', &word); words++)
    if (!letters(word) || is_duty(word)) return false;
  return words == 2 || words == 3;
}

static bool holds(struct slice text, struct slice word) {
  for (size_t i = 0; i + word.n <= text.n; i++)
    if (strncasecmp(text.p + i, word.p, word.n) == 0) return true;
  return false;
}

/* Does the address hold a part of this person's name, as jsmith@ does of Jane Smith's? */
static bool names_person(struct slice local, const char *person) {
  struct slice rest = slice_of(person), word;
  while (slice_cut(&rest, ' ', &word))
    if (word.n >= 4 && !is_duty(word) && holds(local, word)) return true;
  return false;
}

static const char *guess(const struct pushcert_record *r) {
  struct slice domain = domain_of(r->apple_account);
  if (!told(r->apple_account)) return NULL;
  if (!domain.n || free_mail(domain)) return "personal";
  struct slice local = slice_mem(r->apple_account, strlen(r->apple_account) - domain.n - 1);
  const char *const people[] = {r->owner, r->deputy, r->trusted_person_1, r->trusted_person_2};
  if (two_names(local)) return "personal";
  for (size_t i = 0; i < sizeof people / sizeof *people; i++)
    if (told(people[i]) && names_person(local, people[i])) return "personal";
  return "organization";
}

const char *pushcert_account_kind(const struct pushcert_record *r, bool *guessed) {
  *guessed = !told(r->account_kind);
  return *guessed ? guess(r) : r->account_kind;
}

static bool is_kind(const struct pushcert_record *r, const char *kind) {
  bool guessed;
  const char *is = pushcert_account_kind(r, &guessed);
  return is && strcmp(is, kind) == 0;
}

/* ---- what is wrong ---- */

#define RECORD "`pomona pushcert record "

static const char *no_account(struct ctx *cx, const struct pushcert_record *r) {
  return told(r->apple_account)
             ? NULL
             : ctx_strdup(cx, "The Apple Account that this certificate was made with is not "
                              "recorded, and only that account can renew it: " RECORD "--apple-account ADDRESS`.");
}

static const char *personal(struct ctx *cx, const struct pushcert_record *r) {
  if (!told(r->apple_account) || !is_kind(r, "personal")) return NULL;
  return ctx_printf(cx,
                    "The Apple Account %s looks like a person's own. When that person leaves, nobody can renew the "
                    "certificate and every device must enroll again: move it to an address of a duty while they are "
                    "here (`pomona pushcert account change`), or say that it is no person's: " RECORD
                    "--account-kind organization`.",
                    r->apple_account);
}

static const char *federation(struct ctx *cx, const struct pushcert_record *r) {
  struct slice domain = domain_of(r->apple_account);
  if (!domain.n || free_mail(domain) || is_kind(r, "managed")) return NULL;
  return ctx_printf(cx,
                    "The Apple Account %s is a plain account on the domain %.*s. When somebody captures or federates "
                    "that domain in Apple Business or School Manager, Apple takes such accounts' addresses away, and "
                    "the certificate is hard to find again. Tell whoever runs that domain; if it is a Managed Apple "
                    "Account, say so: " RECORD "--account-kind managed`.",
                    r->apple_account, (int)domain.n, domain.p);
}

static const char *no_second_factor(struct ctx *cx, const struct pushcert_record *r) {
  return told(r->second_factor)
             ? NULL
             : ctx_strdup(cx, "The second factor of the Apple Account is not recorded (which "
                              "telephone numbers and devices get its codes): " RECORD "--second-factor TEXT`.");
}

static const char *no_people(struct ctx *cx, const struct pushcert_record *r) {
  int n = told(r->trusted_person_1) + told(r->trusted_person_2);
  if (n == 2 && strcmp(r->trusted_person_1, r->trusted_person_2) != 0) return NULL;
  return ctx_printf(cx,
                    "%s whose number gets the codes of the Apple Account. There must be two, since numbers change and "
                    "people leave: add a second trusted number in the account, then " RECORD
                    "--trusted-person-1 NAME --trusted-person-2 NAME`.",
                    n ? "Only one person is recorded" : "Nobody is recorded");
}

static const char *no_password(struct ctx *cx, const struct pushcert_record *r) {
  return told(r->password_place) ? NULL
                                 : ctx_strdup(cx, "It is not recorded where the password of the Apple Account is "
                                                  "kept: " RECORD "--password-place TEXT` (the place, never the "
                                                  "password).");
}

static const char *no_owner(struct ctx *cx, const struct pushcert_record *r) {
  if (told(r->owner) && told(r->owner_email)) return NULL;
  return ctx_printf(cx, "%s, who would be told before it ends: " RECORD "--owner NAME --owner-email ADDRESS`.",
                    told(r->owner) ? "There is no mail address of the certificate's owner"
                                   : "Nobody is recorded as the certificate's owner");
}

static const char *no_deputy(struct ctx *cx, const struct pushcert_record *r) {
  return told(r->deputy) ? NULL
                         : ctx_strdup(cx, "The owner has no deputy: " RECORD "--deputy NAME --deputy-email ADDRESS`.");
}

static const char *unconfirmed(struct ctx *cx, const struct pushcert_record *r) {
  static const char *const ask =
      "have two people sign in at https://identity.apple.com/pushcert, then " RECORD "--confirm`.";
  if (!r->confirmed_at)
    return ctx_printf(cx, "Nobody has confirmed yet that two people can still sign in to the Apple Account: %s", ask);
  if (clock_now_us() - r->confirmed_at < CONFIRM_EVERY) return NULL;
  return ctx_printf(cx, "That two people can still sign in to the Apple Account was confirmed %s ago, on %.10s: %s",
                    enc_age(cx, clock_now_us() - r->confirmed_at), enc_time(cx, r->confirmed_at), ask);
}

static const struct {
  const char *slug;
  const char *(*text)(struct ctx *cx, const struct pushcert_record *r);
} checks[] = {
    {"account-missing", no_account},
    {"account-personal", personal},
    {"account-federation-risk", federation},
    {"second-factor-missing", no_second_factor},
    {"trusted-people-missing", no_people},
    {"password-place-missing", no_password},
    {"owner-missing", no_owner},
    {"deputy-missing", no_deputy},
    {"unconfirmed", unconfirmed},
};
enum { CHECKS = sizeof checks / sizeof *checks };

enum err pushcert_record_warnings(struct ctx *cx, const struct pushcert_record *r, struct pushcert_warning **out,
                                  size_t *n) {
  *out = ctx_alloc(cx, CHECKS * sizeof **out);
  *n = 0;
  for (size_t i = 0; i < CHECKS; i++) {
    const char *text = checks[i].text(cx, r);
    if (text) (*out)[(*n)++] = (struct pushcert_warning){checks[i].slug, text};
  }
  return OK;
}

/* ---- in one line ---- */

static const char *person(struct ctx *cx, const char *what, const char *name, const char *email) {
  if (!told(name)) return ctx_printf(cx, "no %s recorded", what);
  return told(email) ? ctx_printf(cx, "%s %s (%s)", what, name, email) : ctx_printf(cx, "%s %s", what, name);
}

const char *pushcert_people(struct ctx *cx, const struct pushcert_record *r) {
  if (!told(r->apple_account) && !told(r->owner) && !told(r->deputy))
    return "Apple Account, owner and deputy are not recorded (`pomona pushcert record`)";
  return ctx_printf(cx, "%s%s, %s, %s", told(r->apple_account) ? "Apple Account " : "Apple Account not recorded",
                    told(r->apple_account) ? r->apple_account : "", person(cx, "owner", r->owner, r->owner_email),
                    person(cx, "deputy", r->deputy, r->deputy_email));
}
