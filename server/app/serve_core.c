/* The parts of the core that have threads of their own. */
#include "app/serve_int.h"

#include "core/chores.h"
#include "core/feed.h"
#include "core/hangup.h"
#include "core/overview.h"
#include "core/package.h"
#include "core/passkey.h"
#include "core/plan.h"
#include "core/profile.h"
#include "core/push.h"
#include "core/refused.h"
#include "core/roster.h"
#include "core/seen.h"
#include "core/webhook.h"
#include "face/outbound.h"
#include "lib/db.h"
#include "lib/pki_cms.h"

/* Remembered signers: an entry is a key and a chain's verdict, some 2 KB. */
enum { SIGNERS_MAX = 100000 };

enum err serve_open_signers(struct ctx *cx, struct server *s) {
  (void)cx;
  s->core.signers = pki_signers_new(SIGNERS_MAX);
  return OK;
}

void serve_close_signers(struct server *s) { pki_signers_free(s->core.signers); }

enum err serve_open_signing(struct ctx *cx, struct server *s) {
  return profile_signing_open(cx, &s->core.signing, &s->core, core_conf(&s->core));
}
void serve_close_signing(struct server *s) { profile_signing_close(s->core.signing); }

enum err serve_open_packages(struct ctx *cx, struct server *s) {
  return packages_start(cx, &s->core.packages, &s->core);
}
void serve_close_packages(struct server *s) { packages_stop(s->core.packages); }

enum err serve_open_seen(struct ctx *cx, struct server *s) { return seen_start(cx, &s->core.seen, &s->core); }
void serve_close_seen(struct server *s) { seen_stop(s->core.seen); }

enum err serve_open_roster(struct ctx *cx, struct server *s) {
  roster_outside = &plan_sets;
  return roster_start(cx, &s->core.roster, &s->core);
}
void serve_close_roster(struct server *s) {
  roster_stop(s->core.roster);
  s->core.roster = NULL;
}

enum err serve_open_refused(struct ctx *cx, struct server *s) { return refused_start(cx, &s->core.refused, &s->core); }
void serve_close_refused(struct server *s) { refused_stop(s->core.refused); }

enum err serve_open_hangups(struct ctx *cx, struct server *s) { return hangup_start(cx, &s->core.hangups, &s->core); }
void serve_close_hangups(struct server *s) { hangup_stop(s->core.hangups); }

enum err serve_open_webhooks(struct ctx *cx, struct server *s) { return webhook_start(cx, &s->core.webhook, &s->core); }
void serve_close_webhooks(struct server *s) { webhook_stop(s->core.webhook); }

enum err serve_open_push(struct ctx *cx, struct server *s) { return push_start(cx, &s->core.push, &s->core); }

void serve_close_push(struct server *s) {
  db_settle(s->core.store); /* the last jobs tell the threads of pushes and webhooks */
  push_stop(s->core.push);
}

enum err serve_open_chores(struct ctx *cx, struct server *s) { return chores_start(cx, &s->chores, &s->core); }
void serve_close_chores(struct server *s) { chores_stop(s->chores); }

enum err serve_open_feed(struct ctx *cx, struct server *s) {
  s->core.overview = overview_new();
  return feed_start(cx, &s->core.feed, &s->core);
}
void serve_close_feed(struct server *s) {
  feed_stop(s->core.feed);
  overview_free(s->core.overview);
}

enum err serve_open_outbound(struct ctx *cx, struct server *s) {
  enum { THREADS = 8 };
  TRY(outbound_start(cx, &s->core.forwards, &s->core, "authproxy", THREADS));
  return outbound_start(cx, &s->core.outbound, &s->core, "outbound", THREADS);
}
void serve_close_outbound(struct server *s) {
  roster_quiesce(s->core.roster); /* who waited for the fleet goes on there */
  outbound_stop(s->core.outbound);
  outbound_stop(s->core.forwards);
  db_settle(s->core.store); /* requests that were cut off go on, from job to job, with all that is closed next */
}

/* Each scrypt takes 32 MiB. */
enum err serve_open_logins(struct ctx *cx, struct server *s) {
  enum { THREADS = 2 };
  s->core.throttle = throttle_new();
  s->core.challenges = challenges_new();
  return outbound_start(cx, &s->core.logins, &s->core, "logins", THREADS);
}
void serve_close_logins(struct server *s) {
  outbound_stop(s->core.logins);
  throttle_free(s->core.throttle);
  challenges_free(s->core.challenges);
}
