/* Guards against cutting enrolled devices off: a changed public-url, a TLS certificate whose root they were not given,
   a device CA that their identities chain to. Rules "Enrollment links and profiles", Guards.

   Threads: at the start and at reloads, one at a time; chores on theirs; the rest inside jobs or on a reader's
   connection, as said. They read what all devices were given, but only when something has changed. */
#ifndef POMONA_CORE_GUARD_H
#define POMONA_CORE_GUARD_H

#include "core/core.h"
#include "lib/db.h"
#include "lib/json.h"
#include "lib/pki_cert.h"

/* E_CONFLICT with the numbers and the way out when enrolled devices would be cut off and accept-cut-off is not set.
   What was accepted is remembered: it is not asked about again. */
MUST_CHECK enum err guard_url(struct ctx *cx, struct core *core);
/* chain: leaf first, of the TLS certificate that is to be used; n 0: TLS is off. */
MUST_CHECK enum err guard_tls(struct ctx *cx, struct core *core, struct pki_cert *const *chain, size_t n);
/* cas: those that would be accepted from now on. */
MUST_CHECK enum err guard_device_ca(struct ctx *cx, struct core *core, struct db *db, struct pki_cert *const *cas,
                                    size_t n);

/* How many enrolled devices do not trust a server with this chain. Reader's connection. */
struct guard_trust {
  bool public; /* it leads to a CA of the system's store, as all devices know them */
  int64_t devices, cut_off;
};
MUST_CHECK enum err guard_tls_count(struct ctx *cx, struct core *core, struct db *db, struct pki_cert *const *chain,
                                    size_t n, struct guard_trust *out);

/* A chore: ServerURLs that devices still hold and that are not public-url are asked for /healthz every 15 minutes;
   events url.unreachable and url.reachable. */
MUST_CHECK enum err guard_probe_chore(struct ctx *cx, struct core *core);
/* Those that are not public-url, with what the last probe said: [{"url","devices","ok","at","error"}]. Reader's
   connection. */
MUST_CHECK enum err guard_urls(struct ctx *cx, struct db *db, struct core *core, struct js **out);

/* *trouble: why this URL is not answered with 200 to a client that knows the roots that devices know, or were or are
   being given, and the chain of the TLS certificate; NULL: it is. Takes its time: for chores. E_GONE: the server is
   ending. Reader's connection. */
MUST_CHECK enum err guard_reach(struct ctx *cx, struct core *core, struct db *db, const char *url, int64_t timeout_us,
                                const char **trouble);

/* ---- roots that are to come (guard_stage.c) ---- */

/* Inside a job: from now on this root is given to every enrolled device, and to those that come, by InstallProfile. */
MUST_CHECK enum err guard_stage(struct ctx *cx, struct db *db, const struct pki_cert *root, const char *by);
/* A chore: queues the InstallProfile of staged roots for who was not given them. */
MUST_CHECK enum err guard_stage_chore(struct ctx *cx, struct core *core);
/* Inside a job: a command was settled: if it gave a root, who acknowledged it has it. */
MUST_CHECK enum err guard_settled(struct ctx *cx, struct db *db, int64_t enrollment, const char *command_uuid,
                                  const char *status);
/* [{"subject","sha256","not_after","staged_at","staged_by","given","waiting"}]. Reader's connection. */
MUST_CHECK enum err guard_staged(struct ctx *cx, struct db *db, struct js **out);
/* What is known of the TLS certificate in use: {"subject","issuer","not_before","not_after","sha256","public"}; null
   before there was one. Reader's connection. */
MUST_CHECK enum err guard_tls_in_use(struct ctx *cx, struct db *db, struct js **out);

#endif
