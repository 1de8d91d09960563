/* Apple's steps for another address of an Apple Account. */
#include "core/pushcert.h"
#include "face/api_pushcert_int.h"

#include <string.h>

static void by_its_administrator(struct ctx *cx, struct js *steps, const struct pushcert_record *r, const char *to) {
  js_add_string(steps, ctx_printf(cx,
                                  "%s is a Managed Apple Account: an administrator changes its address to %s in Apple "
                                  "Business Manager or School Manager (Users, the account, Edit).",
                                  r->apple_account, to));
}

static void by_its_people(struct ctx *cx, struct js *steps, const struct pushcert_record *r, const char *to) {
  js_add_string(steps, ctx_printf(cx,
                                  "Make sure that %s is a mailbox that several people read, and that it is no Apple "
                                  "Account yet. A Managed Apple Account cannot be the target; an address on a domain "
                                  "that is captured or federated in Apple Business Manager cannot be used either.",
                                  to));
  js_add_string(steps, ctx_printf(cx,
                                  "Sign in at https://account.apple.com as %s, open Sign-In and Security, and change "
                                  "the account's primary address to %s. Apple mails a code to it: enter that.",
                                  r->apple_account, to));
  js_add_string(steps, "In Sign-In and Security look at the trusted telephone numbers: two people must get the codes. "
                       "Change the password if somebody leaves who knows it, and put it back where it is kept.");
}

struct js *api_account_steps(struct ctx *cx, const struct pushcert_record *r, const char *to) {
  struct js *steps = js_array(cx);
  if (r->account_kind && strcmp(r->account_kind, "managed") == 0)
    by_its_administrator(cx, steps, r, to);
  else
    by_its_people(cx, steps, r, to);
  js_add_string(steps, ctx_printf(cx,
                                  "Sign in at https://identity.apple.com/pushcert as %s: the row with the UID %s must "
                                  "be there. Certificates belong to the account, not to its address: topic, "
                                  "certificate and devices stay as they are. Press nothing there.",
                                  to, r->topic));
  js_add_string(steps, ctx_printf(cx,
                                  "`pomona pushcert account change --to %s --done --topic %s`, then `pomona pushcert "
                                  "record --confirm` when two people have signed in.",
                                  to, r->topic));
  js_add_string(steps, "To move the certificate to an account of somebody else is Apple's support's to do: `pomona "
                       "pushcert dossier`.");
  return steps;
}
