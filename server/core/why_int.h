/* What the parts of why share: the facts of one question, loaded once; the table of verdicts; the rule of choice.

   A new cause is a row of core/verdict.def and its function. A function tells from the facts alone whether its evidence
   holds: it never looks at a log, never writes, and asks the database for nothing but the words of its sentence. Rows
   of scope WHY_TOPIC and WHY_SERVER are also asked without a device (f->enrollment.seq 0, f->id NULL), once for the
   fleet: they hold by f->topic and f->server. */
#ifndef POMONA_CORE_WHY_INT_H
#define POMONA_CORE_WHY_INT_H

#include "base/clock.h"
#include "core/enroll.h"
#include "core/guard.h"
#include "core/hangup.h"
#include "core/inventory.h"
#include "core/push.h"
#include "core/pushcert.h"
#include "core/queue.h"
#include "core/refused.h"
#include "core/why.h"

/* ---- facts (why_facts.c, why_sql.c): times are 0, texts NULL and rows seq 0 where there is none ---- */

struct why_enrollment { /* E: the channel that was asked about */
  int64_t seq;
  char *id, *type, *topic, *short_name, *address, *agent;
  bool enabled, is_user;
  int64_t created_at, token_at, seen; /* E.token, E.seen */
  struct slice token;
};
struct why_device {
  int64_t seq;
  char *id, *serial, *name, *model, *product, *os_version;
  bool cellular;  /* it told an IMEI or MEID */
  int supervised; /* -1: not known; so the next two, by SecurityInfo */
  int filevault, passcode;
  int64_t generation, pending; /* seq */
  int64_t out_at;              /* E.out */
  int64_t blocked_at, clone_at;
  char *blocked_by, *clone_text;
  int64_t seen; /* of the device's own channel */
};
struct why_generation { /* G */
  int64_t seq, authenticated_at, enrolled_at;
  char *state, *topic, *given; /* given: JSON, E.given */
  bool awaiting;
  int64_t not_after; /* of its newest identity */
};
struct why_wake { /* W, and L */
  bool exists;
  int64_t due_at, sent_at, answered_at, apns_timestamp, failed_since, dead_at;
  int status;
  char *reason, *why;
  struct slice token; /* that it was sent to */
  int64_t taken_at;   /* the first push that APNs took since E.seen */
  int64_t taken;      /* how many since then */
  int64_t usual;      /* L: this device's own delay from wake-up to poll; 5 minutes until that is known */
  bool measured;      /* it is known */
};
struct why_topic { /* K and A: of the topic that the channel listens on */
  char *name;      /* NULL: it listens on none */
  int64_t devices; /* that listen on it */
  bool found;      /* there is a certificate */
  struct pushcert cert;
  char *key_trouble;     /* why its key cannot be read; NULL: it can */
  const char *hindrance; /* why its pushes do not go now (push_topic_hindrance); NULL: they do */
  struct pushcert_record record;
  const char *people; /* pushcert_people */
  bool link_known;
  struct push_link link;
};
/* How long no device at all must have come before the server itself is suspected. */
#define WHY_SILENCE (30 * US_MINUTE)
struct why_tls { /* the certificate in use; times 0, texts NULL: none is known */
  const char *subject, *issuer, *former_issuer;
  int64_t not_after, since;
};
struct why_server {      /* S */
  char *storage_trouble; /* NULL: it can be written */
  int64_t storage_since;
  struct guard_clock clock;
  struct why_tls tls;
  struct push_link *links; /* A: of every certificate in use */
  size_t links_n;
  int64_t hung_up;        /* addresses of woken devices from which connections ended without a request */
  int64_t seen_last;      /* when any device came last */
  int64_t pushed_in_vain; /* devices that were woken 30 to 60 minutes ago, by pushes that APNs took, and did not come */
};
struct why_url { /* the address that the device was told to come to, as the last probe found it */
  const char *url, *error;
  int64_t at; /* 0: never probed */
  bool is_public, fails;
};
struct why_command { /* C, the head of its queue, or the command that a device went dark after */
  int64_t target, seq;
  char *uuid, *type, *status, *reason, *by, *cancelled_by, *errors; /* errors: JSON */
  bool waiting, once, barrier, set_aside;
  int64_t queued_at, first_sent_at, last_sent_at, settled_at, updated_at, expires_at;
  int64_t deliveries, notnows, notnow_first_at, notnow_at;
};
struct why_outcome {  /* of C, once it is settled: by its row and by the inventory */
  const char *cannot; /* why this device cannot do it; NULL: nothing is known */
  struct inventory_effect effect;
};
struct why_renewal {
  int64_t seq, created_at, updated_at;
  char *state, *why, *command;
};

struct why_facts {
  struct core *core;
  struct db *db; /* for words only */
  int64_t now;
  const char *id; /* as the enrollment is called, or what knocks */
  struct why_enrollment enrollment;
  struct why_device device;
  struct why_generation current, pending;
  struct why_wake wake;
  const struct why_topic *topic; /* never NULL */
  const struct why_server *server;
  struct refused_row *refused; /* E.refused: of the device's id, newest first */
  size_t refused_n;
  struct enroll_takeover *takeover; /* NULL: nothing is provisional */
  struct why_command command;       /* C */
  struct why_outcome outcome;       /* of C */
  struct why_command head;          /* what the channel is handed next */
  struct why_command dark; /* the last EraseDevice, DeviceLock, EnableLostMode, restart … that was handed over */
  struct why_command configured; /* the last DeviceConfigured */
  struct why_renewal renewal;    /* the last one of this generation */
  struct why_url url;
  int64_t hung_up_at; /* a connection from its address ended without a request, since it was woken */
  int hung_up_alert;  /* -1: without a TLS alert */
  char *other_id;     /* an id with this serial number that authenticated later */
};

/* What is the same for every device of one topic and of one server, loaded once. */
struct why_shared {
  struct ctx *cx; /* that it lives in */
  struct core *core;
  struct db *db;
  int64_t now;
  struct why_server server;
  struct why_topic *topics[32]; /* more are loaded each time */
  size_t topics_n;
};
MUST_CHECK enum err why_shared_load(struct ctx *cx, struct db *db, struct core *core, struct why_shared *out);
MUST_CHECK enum err why_server_load(struct ctx *cx, struct db *db, struct core *core, struct why_server *out);
MUST_CHECK enum err why_topic_load(struct ctx *cx, struct why_shared *s, const char *topic, struct why_topic **out);
/* name, command_uuid as in why_device. */
MUST_CHECK enum err why_facts_load(struct ctx *cx, struct why_shared *s, const char *name, const char *command_uuid,
                                   struct why_facts *out);
/* Of one channel, with its oldest command. */
MUST_CHECK enum err why_facts_channel(struct ctx *cx, struct why_shared *s, int64_t enrollment, struct why_facts *out);
/* Of a topic (or, NULL, of the server) without a device. */
MUST_CHECK enum err why_facts_topic(struct ctx *cx, struct why_shared *s, const char *topic, struct why_facts *out);

/* ---- verdicts ---- */

enum why_sure { WHY_CERTAIN, WHY_LIKELY, WHY_GUESS };
enum why_scope { WHY_DEVICE, WHY_TOPIC, WHY_SERVER };
/* The steps of the rule of choice. */
enum why_group {
  WHY_ADMITTED, /* may it be served? rows 1-12 */
  WHY_COMING,   /* it has not come: rows 13-34 */
  WHY_CAME,     /* it came: rows 35-44 */
  WHY_FINE
};
/* One sentence each, complete with its full stop. */
struct why_words {
  char *message; /* what is the matter, with names, numbers and times */
  char *fix;     /* what to do */
};
typedef bool why_holds(struct ctx *cx, const struct why_facts *f, struct why_words *w);
struct why_row {
  int number;
  const char *slug;
  enum why_sure sure;
  enum why_group group;
  enum why_scope scope;
  why_holds *holds;
  const char *cause, *remedy; /* for people, without names */
};
extern const struct why_row why_rows[];
extern const size_t why_rows_n;
#define VERDICT(number, slug, sure, group, holds, scope, cause, sees, remedy, drill) why_holds holds;
#include "core/verdict.def"
#undef VERDICT

/* The rule of choice over a table of rows: the row that is the verdict, and its words. NULL: no row holds (the table
   has no row `fine`). */
const struct why_row *why_choose(struct ctx *cx, const struct why_facts *f, const struct why_row *rows, size_t n,
                                 struct why_words *words);
/* Has the device come since C was queued, or, when nothing is asked of it, since it was woken? */
bool why_came(const struct why_facts *f);

/* ---- for the rows: words (why_words.c) ---- */

/* Fills the words; always true, so that a row can end with it. */
bool why_say(struct why_words *w, char *message, char *fix);
const char *why_age(struct ctx *cx, const struct why_facts *f, int64_t at); /* "5 min" since at */
/* The newest refused request with one of these reasons (separated by spaces) that came later than E.seen; NULL. */
const struct refused_row *why_refused(const struct why_facts *f, const char *reasons);
/* A push was taken by APNs since the device was seen last. */
bool why_woken(const struct why_facts *f);
/* How a device is let in again: "`pomona enroll link --device ID`". */
const char *why_link(struct ctx *cx, const struct why_facts *f);

#endif
