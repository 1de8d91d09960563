/* Wake-ups: what is due is a row; one thread owns the connections to APNs and sends what is due.

   A push goes at once, and again after 5 min, 30 min, 2 h, 6 h, then daily (weekly when the device is gone for 30
   days), until the device comes; after a first TokenUpdate at 5 s, 30 s and 2 min. A token that did not answer gets at
   most one automatic push a minute. All pushes together keep to wake-rate. What APNs' answers mean: apns_reason.def. A
   result applies to the token it was sent to: when the channel has another by then, it is dropped. Tokens that APNs
   gave up (410 later than the last TokenUpdate and the last sign of the device, BadDeviceToken, DeviceTokenNotForTopic)
   are tried once a week and after a new certificate; when they are half of at least 10 devices of a topic within an
   hour, the topic is stopped for an hour instead, with the event push.stopped. Each topic has its certificate and its
   connection; trouble of one does not delay another. Threads: push_due, push_seen and the other functions that take a
   db run inside jobs; push_start to push_stop from app. */
#ifndef POMONA_CORE_PUSH_H
#define POMONA_CORE_PUSH_H

#include "base/enc.h"
#include "core/core.h"
#include "lib/db.h"

/* Why a device is woken: decides how soon and how often. */
enum push_why {
  PUSH_ASKED,    /* by a person or the API: at once, at most one a second and token */
  PUSH_COMMAND,  /* something was queued: at once, at most one a minute and token */
  PUSH_ENROLLED, /* after the first TokenUpdate: 5 s, 30 s, 2 min until it comes */
  PUSH_LATER     /* commands wait after a poll: the time is the caller's */
};

/* Inside a job: the channel's wake-up is due (at `at`, 0 is now) and the push thread is told after the commit.
   Coalesced: one row per channel, the earlier time wins. apns_id (may be NULL) gets the id that this push has or will
   have. A channel without a token, disabled or of a topic without certificate keeps its row due: it is sent when that
   changes; *reason (may be NULL) is then a text for people, else NULL. */
MUST_CHECK enum err push_due(struct ctx *cx, struct db *db, struct core *core, int64_t enrollment, enum push_why why,
                             int64_t at, char apns_id[UUID_LEN + 1], const char **reason);
/* Inside a job: the channel settled a command: the wake-up that brought it has done its work. */
MUST_CHECK enum err push_told(struct ctx *cx, struct db *db, int64_t enrollment);
/* Inside a job: the device came at seen_at. Its wake-up is answered; when commands still wait it is due again at `next`
   (0: none is). Whether some wait is to be asked in this same job, not when the device came: one may have been queued
   since. */
MUST_CHECK enum err push_seen(struct ctx *cx, struct db *db, struct core *core, int64_t enrollment, int64_t seen_at,
                              int64_t next);
/* Inside a job. Without new_token nothing is due any more (CheckOut, new generation). With it (TokenUpdate) the
   failures and the death of the former token are forgotten, and what was due stays so: at once, when it only waited
   because of them. */
MUST_CHECK enum err push_forget(struct ctx *cx, struct db *db, int64_t enrollment, bool new_token);

/* Were pushes with this certificate (its seq) stopped by refusals of APNs, as the last trouble of its topic? */
MUST_CHECK enum err push_was_stopped(struct ctx *cx, struct db *db, const char *topic, int64_t pushcert, bool *out);

struct push_state {
  const char *state; /* "ok", "pending", "none", "stopped", "failing" */
  int64_t due_at, sent_at, answered_at, dead_at;
  int64_t taken_at; /* of the first push that APNs took since the device was seen last; 0: none was */
  int64_t usual_us; /* how soon it comes when it is woken: 95 of 100 times; 5 min while that is not known */
  int taken;        /* pushes that APNs took since the device was seen last */
  int attempts;     /* of this wake-up */
  int status;
  char *reason, *apns_id;
  char *token; /* that it was sent to last, hexadecimal; NULL: none was */
};
MUST_CHECK enum err push_state(struct ctx *cx, struct db *db, int64_t enrollment, struct push_state *out);

/* *why: pushes to this topic do not go now (no certificate, expired, stopped after Apple's refusals); NULL: they do. */
MUST_CHECK enum err push_topic_hindrance(struct ctx *cx, struct db *db, const char *topic, const char **why);

/* What came of a push that someone waits for. */
struct push_result {
  int64_t enrollment;
  char apns_id[UUID_LEN + 1];
  int status; /* APNs' status; 0: not answered in time, still due. 429 and 5xx: refused for now, still due */
  char reason[64];
};
/* Waits without a thread: after the pushes of these channels were answered, or at mono_us, calls done once on the push
   thread (or on the caller's when nothing is to be waited for). results (n, statuses 0, apns ids filled in) is the
   caller's until then. */
void push_wait(struct push *p, struct push_result *results, size_t n, int64_t mono_us, void (*done)(void *arg),
               void *arg);

MUST_CHECK enum err push_start(struct ctx *cx, struct push **out, struct core *core);
void push_reload(struct push *p);                    /* certificates or settings have changed */
void push_changed(struct db *db, struct core *core); /* the same, inside the job that changes them: after its commit */
void push_quiesce(struct push *p);                   /* no new pushes */
/* Waits up to 2 s for answers; what is unanswered stays due, and who waits is told so. No job that calls push_due may
   run after it, the store is closed after it. */
void push_stop(struct push *p);

/* ---- what Apple says of a certificate, and the way to it (push_probe.c, push_link_sql.c) ---- */

/* Why a connection to APNs does not come about, or ended: slugs in apns_link.kind. */
enum push_trouble {
  PUSH_UP,
  PUSH_NAME,    /* the name is not found */
  PUSH_REFUSED, /* TCP: refused, reset, no route */
  PUSH_TIMEOUT,
  PUSH_PROXY,  /* the proxy said no: proxy_status */
  PUSH_ISSUER, /* TLS with somebody else: `issuer` is who signed the peer's chain */
  PUSH_ALERT,  /* the peer refused our certificate in TLS */
  PUSH_HTTP2,  /* no HTTP/2, or an end without a reason */
  PUSH_SERVER, /* Apple's service fails: 500, 503 */
  PUSH_TROUBLES
};
const char *push_trouble_name(enum push_trouble t); /* "" for PUSH_UP */
enum push_trouble push_trouble_of(const char *name);

/* A certificate is asked about by a push to a token of zeros, over a connection of its own (by `proxy` where it is
   set): 400 BadDeviceToken proves that Apple takes the certificate (observed with real servers, not documented). */
enum push_proof { PUSH_PROVEN, PUSH_PROOF_REFUSED, PUSH_UNREACHABLE };
const char *push_proof_name(enum push_proof proof); /* as pushcert_proved takes it */
struct push_probe {
  enum push_proof proof;
  enum push_trouble trouble; /* of PUSH_UNREACHABLE, or PUSH_ALERT */
  int status;                /* of the answer; 0: none */
  char reason[64];           /* Apple's, of a refusal */
  char text[256];            /* for people: what was found */
  char issuer[256];          /* of the peer's chain, when there was TLS */
  int alert, proxy_status;   /* -1, 0: none */
  int64_t date;              /* the answer's Date header, 0: none: our clock against Apple's */
};
/* Blocks for at most timeout_us: never on a listener's thread, nor the writer's. PUSH_PROOF_REFUSED only on Apple's
   positive word: an alert about the certificate, 403 BadCertificate, BadCertificateEnvironment, Forbidden, 400
   BadTopic, TopicDisallowed. cert_pem, key_pem p NULL: only the way is tried (the handshake; no push): PUSH_UNREACHABLE
   with PUSH_UP when it is open. port 0: that of apns-url. E_GONE: the server is ending; E_INVALID: apns-url, proxy or
   certificate are none. */
MUST_CHECK enum err push_probe(struct ctx *cx, struct core *core, const char *topic, struct slice cert_pem,
                               struct slice key_pem, int port, int64_t timeout_us, struct push_probe *out);
/* A chore: each certificate in use is probed once a day; what came of it stands in its row (pushcert_proved). */
MUST_CHECK enum err push_probe_chore(struct ctx *cx, struct core *core);

/* The way to APNs as the push thread found it last, by topic, durable. Reader's connection. */
struct push_link {
  char *topic, *text, *issuer, *host; /* issuer NULL: not known; host: with its port */
  bool up;
  int64_t since;
  enum push_trouble kind;
  int proxy_status, alert; /* 0, -1: none */
  char *refusal;           /* why Apple takes no push of the topic (a reason of apns_reason.def); NULL: it does */
  int64_t refused_at;      /* for the first time */
  int64_t pushcert;        /* seq of the certificate that was in use then */
};
/* Those of certificates in use. */
MUST_CHECK enum err push_links(struct ctx *cx, struct db *db, struct push_link **out, size_t *n);
MUST_CHECK enum err push_link_of(struct ctx *cx, struct db *db, const char *topic, struct push_link *out, bool *found);

/* A device's request was answered us after it came. When that takes long wake-ups go more slowly, so that a command for
   all devices does not call them all in at once: the rate is halved every other second while a tenth of the answers
   takes longer than half a second, down to 10 a second, and raised by a tenth of wake-rate a second when they are quick
   again or nobody comes. Any thread; costs nothing. */
void push_felt(struct core *core, int64_t us);
/* When the wake-up of a channel has its turn: in *in_us (-1: none is due), after *ahead others that are due before it.
   Reader's connection. */
MUST_CHECK enum err push_turn(struct ctx *cx, struct db *db, struct core *core, int64_t enrollment, int64_t *ahead,
                              int64_t *in_us);
bool push_is_apple(const char *apns_url); /* it is Apple's production service */

struct push_health {
  bool connected;
  int64_t since;                       /* of that state */
  char host[256], trouble[256];        /* trouble: of the last failure while not connected */
  int64_t sent, answered, failed, due; /* since start; due now */
  int64_t rate;                        /* pushes a second, now */
  char pace[160];                      /* why that is less than wake-rate; empty when it is not */
  char warning[256];                   /* apns-url is not Apple's production service; empty when it is */
};
void push_health(struct push *p, struct push_health *out);

#endif
