/* The doctor: is everything right, from the clock to APNs? Each line says what was found, why it matters, what to do.

   Works beside a running server, inside it, and without one: what cannot be opened is a line, and the checks that need
   it are skipped. Nothing is changed; secrets are never shown. Who owns what: lines live in cx. Threads: doctor_run
   waits for others, for some 20 seconds at most: never on a listener's thread, nor the writer's. */
#ifndef POMONA_CORE_DOCTOR_H
#define POMONA_CORE_DOCTOR_H

#include "core/core.h"
#include "lib/db.h"
#include "lib/json.h"
#include "lib/pki_cert.h"

enum doctor_status { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL, DOCTOR_SKIP };
const char *doctor_status_name(enum doctor_status s); /* "ok", "warn", "fail", "skip" */

struct doctor_line {
  const char *name; /* of the check, for people: "clock", "APNs 443" */
  enum doctor_status status;
  const char *message; /* what was found, and, unless it is fine, why that matters */
  const char *fix;     /* what to do; "" when nothing is */
};

/* What is looked at. store, vault and keyring of core may be NULL: then the texts say why. */
struct doctor {
  struct core *core;
  const char *store_trouble, *vault_trouble, *keyring_trouble;
  const char *server;      /* the address of the running server, which has answered; NULL: none has */
  const char *server_says; /* why there is none, or what is wrong with it; NULL: it is ready */
};
void doctor_run(struct ctx *cx, const struct doctor *d, struct doctor_line **out, size_t *n);
/* {"checks":[{"name","status","message","fix"}]} */
struct js *doctor_json(struct ctx *cx, const struct doctor_line *lines, size_t n);

/* What was found last, kept for those who do not want to wait: {"at","checks"}, or NULL when nothing was yet. Reader's
   connection. doctor_keep waits for the writer. */
MUST_CHECK enum err doctor_kept(struct ctx *cx, struct db *db, struct js **out);
MUST_CHECK enum err doctor_keep(struct ctx *cx, struct core *core, struct js *found);
/* A chore: looks again when the last look is 6 hours old, not in the server's first 10 minutes. */
MUST_CHECK enum err doctor_chore(struct ctx *cx, struct core *core);

/* What Apple's devices demand of a server's certificate (Apple, "About upcoming limits on trusted certificates",
   "Requirements for trusted certificates in iOS 13 and macOS 10.15"; CA/Browser Forum ballot SC-081v3), and what of it
   this chain does not meet. Sentences, in the order of their weight; *n 0: nothing is wrong. chain: leaf first. */
struct doctor_flaw {
  bool fatal; /* devices refuse it; else it is a warning */
  const char *text;
};
struct doctor_chain {
  struct pki_cert *const *certs;
  size_t n;
  const char *host; /* of public-url */
  bool public;      /* it leads to a CA that all devices know */
  bool own;         /* it is by the own TLS CA, which devices were given */
};
void doctor_tls_flaws(struct ctx *cx, const struct doctor_chain *chain, int64_t now, struct doctor_flaw **out,
                      size_t *n);

#endif
