/* Guards against cutting enrolled devices off: a changed public-url, a TLS certificate whose root they were not given,
   a device CA that their identities chain to. Rules "Enrollment links and profiles", Guards.

   Threads: at the start and at reloads, one at a time; chores on theirs; the rest inside jobs or on a reader's
   connection, as said. They read what all devices were given, but only when something has changed. */
#ifndef POMONA_CORE_GUARD_H
#define POMONA_CORE_GUARD_H

#include "base/clock.h"
#include "core/core.h"
#include "lib/db.h"
#include "lib/json.h"
#include "lib/net_http.h"
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

/* A chore: public-url, and the ServerURLs that devices still hold and that are not public-url, are asked for /healthz
   every 15 minutes; events url.unreachable and url.reachable. */
MUST_CHECK enum err guard_probe_chore(struct ctx *cx, struct core *core);
/* Those that are not public-url, with what the last probe said: [{"url","devices","ok","at","error",…}], as
   guard_url_probed. Reader's connection. */
MUST_CHECK enum err guard_urls(struct ctx *cx, struct db *db, struct core *core, struct js **out);
/* What the last probe of an address said (a ServerURL, or public-url): {"ok","at","error","ok_at","status",
   "location"}; ok_at: when it led here last, null: never; status 0: no answer came. NULL before there was one. Reader's
   connection. */
MUST_CHECK enum err guard_url_probed(struct ctx *cx, struct db *db, const char *url, struct js **out);

/* *trouble: why this URL is not answered with 200 to a client that knows the roots that devices know, or were or are
   being given, and the chain of the TLS certificate; NULL: it is. Takes its time: for chores. E_GONE: the server is
   ending. Reader's connection. */
MUST_CHECK enum err guard_reach(struct ctx *cx, struct core *core, struct db *db, const char *url, int64_t timeout_us,
                                const char **trouble);

/* The same question, put so that the answer proves whose it is: `url` with /healthz behind it. */
struct guard_look {
  const char *trouble;  /* NULL: it leads here */
  int status;           /* of the answer; 0: there was none */
  const char *location; /* that it leads to instead (3xx), or NULL */
};
MUST_CHECK enum err guard_look(struct ctx *cx, struct core *core, struct db *db, const char *url, int64_t timeout_us,
                               struct guard_look *out);

/* One request by somebody who knows what devices know: with the roots that they were given, then with those of the
   system, then by `proxy`, until an answer is good; else the first answer that came counts, whatever it is. */
struct guard_ask {
  const struct nh_req *rq;
  struct slice cert_pem, key_pem; /* client identity; p NULL: none */
  int64_t timeout_us;             /* of each way */
  bool (*good)(struct ctx *cx, const struct nh_reply *reply, void *arg);
  void *arg;
  /* what came of it */
  bool found;            /* a good one */
  struct nh_reply reply; /* status 0: none came */
  const char *trouble;   /* why none came */
};
MUST_CHECK enum err guard_ask(struct ctx *cx, struct core *core, struct db *db, struct guard_ask *a);

/* ---- the mark (guard_mark.c): what this server tells itself, and nobody else, of a request that it sent to itself by
   way of others. The question stands in the query, ?GUARD_MARK_QUERY=TOKEN, and is good for five minutes; the answer
   in the header GUARD_MARK_HEADER. Both under the key of the vault, which core must have. ---- */
#define GUARD_MARK_QUERY "pomona-mark"
#define GUARD_MARK_HEADER "Pomona-Mark"
const char *guard_mark_ask(struct ctx *cx, struct core *core);
bool guard_mark_is_ours(struct ctx *cx, struct core *core, struct slice token);
/* The header's value; word: what came of the request. */
const char *guard_mark_answer(struct ctx *cx, struct core *core, struct slice token, const char *word);
/* The word, when value (may be NULL) is this server's answer to that question; else NULL. */
const char *guard_mark_read(struct ctx *cx, struct core *core, const char *token, const char *value);

/* ---- room on the disk (guard_disk.c) ---- */
struct guard_disk {
  int64_t free_mib;
  int used_percent;
};
MUST_CHECK enum err guard_disk(struct ctx *cx, const char *data, struct guard_disk *out);
/* A chore: from 90 % on the fact stands, with the event disk.filling; below 88 % it is gone, with disk.fine. And the
   database is written to, so that db_health knows. */
MUST_CHECK enum err guard_disk_chore(struct ctx *cx, struct core *core);
/* A fact (core/fact.h): {"used_percent","free_mib","since"}; none: there is room. */
#define GUARD_DISK_FULL "guard.disk-full"

/* ---- the clock (guard_clock.c) ---- */
#define GUARD_CLOCK_MOST (5 * US_MINUTE) /* that it may be off */
struct guard_clock {
  int64_t at;       /* of the comparison; 0: there was none */
  int64_t ahead_us; /* by how much it was ahead; below 0: behind */
  const char *from; /* who told the time */
  int64_t next;     /* when it is asked again */
};
/* Reader's connection. */
MUST_CHECK enum err guard_clock_read(struct ctx *cx, struct db *db, struct guard_clock *out);
bool guard_clock_wrong(const struct guard_clock *c);
/* `from` has just told the time `theirs`. Writes a job: never inside one. */
MUST_CHECK enum err guard_clock_note(struct ctx *cx, struct core *core, const char *from, int64_t theirs);
/* A chore: asks APNs by a probe once a day, and every few minutes while the clock is off. */
MUST_CHECK enum err guard_clock_chore(struct ctx *cx, struct core *core);

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
/* The chain of the TLS certificate in use, leaf first; *n 0: there is none, TLS is off. Reader's connection. */
MUST_CHECK enum err guard_tls_chain(struct ctx *cx, struct db *db, struct pki_cert ***chain, size_t *n);
/* What is known of the TLS certificate in use: {"subject","issuer","not_before","not_after","sha256","public","since",
   "former"}; former: {"subject","issuer"} of the one before, or null; null before there was one. Reader's connection.
 */
MUST_CHECK enum err guard_tls_in_use(struct ctx *cx, struct db *db, struct js **out);

#endif
