/* What the parts of push share that know no thread and no connection: rows, schedule, what an answer of APNs means.

   A row of wake has an apns_id; answered_at is NULL until the push of that id has a final answer. A row that is due
   again after its answer gets a new id when it is sent. */
#ifndef POMONA_CORE_PUSH_INT_H
#define POMONA_CORE_PUSH_INT_H

#include "core/push.h"
#include "lib/net_h2.h"

/* ---- reasons: push_reason.c, core/apns_reason.def ---- */

enum apns_who { APNS_BY_NOBODY, APNS_BY_DEVICE, APNS_BY_CERTIFICATE, APNS_BY_NETWORK, APNS_BY_APPLE, APNS_BY_US };
enum apns_act { APNS_FINE, APNS_TOKEN, APNS_GONE, APNS_TOPIC, APNS_SLOW, APNS_SERVER, APNS_IDLE, APNS_OURS, APNS_ACTS };

struct apns_reason {
  int status;
  const char *name;
  enum apns_who who;
  enum apns_act act;
  const char *text, *remedy;
};
/* An unknown reason counts as its status does, an unknown status as the first of its hundred. Never NULL. */
const struct apns_reason *apns_reason(int status, const char *name);
const struct apns_reason *apns_named(const char *name); /* of whatever status; NULL: not a known reason */
/* What the body of an answer, or the debug text of a GOAWAY, tells; what is missing or odd is left empty. */
struct apns_said {
  char reason[64];
  int64_t timestamp; /* microseconds; 0: none */
};
struct apns_said apns_said(struct ctx *cx, struct slice json);
bool apns_alert_refuses(int alert); /* a TLS alert by which a server refuses the certificate of its client */
enum push_trouble apns_trouble(const struct h2 *c); /* of a connection that has ended */

/* ---- schedule and pacing: push_schedule.c, push_pace.c ---- */

const char *push_why_name(enum push_why why);
enum push_why push_why_of(const char *name); /* PUSH_LATER for NULL and for what is unknown */
bool push_why_goes_first(enum push_why why); /* someone waits for it */
int64_t push_gap(enum push_why why);         /* between two pushes to a token that did not answer the first */
/* From one push to the next while the device, not seen for absent_us, does not come. attempts: pushes so far, 1 or
 * more. */
int64_t push_after(enum push_why why, int attempts, int64_t absent_us);
#define PUSH_DEAD_RETRY (7 * US_DAY)

/* A wait that doubles with each failure from first to most, half to one and a half times as long by chance. */
int64_t push_backoff(int64_t first, int64_t most, int failures);
/* How long a push waits that was refused for now and has been failing for failing_us: as long again, within bounds of
 * the act. */
int64_t push_retry(enum apns_act act, int64_t failing_us);

/* wake-rate as a bucket: each push costs its part of a second, and a tenth of a second may be spent in advance. */
struct push_pace {
  int64_t paid_ns; /* until when, monotonic */
};
bool push_pace_take(struct push_pace *p, int64_t rate, int64_t mono_us); /* rate 0: without limit */
int64_t push_pace_at(const struct push_pace *p, int64_t rate);           /* when the next may go; monotonic */

/* What of wake-rate is used: push_pace.c. */
struct push_rate {
  int64_t now, most; /* pushes a second; 0: without limit */
  int64_t halved_at, latency_us;
};
/* Nine of ten answers since it was called last took at most so long; 0: there were none. */
int64_t push_latency_take(struct core *core);
void push_rate_adapt(struct push_rate *r, int64_t most, int64_t latency_us, int64_t mono_us); /* once a second */

/* ---- rows: push_sql.c ---- */

struct wake {
  int64_t enrollment;
  bool exists; /* the row of wake; what follows, down to seen_at, is of it */
  int64_t due_at, sent_at, answered_at, apns_timestamp, failed_since, dead_at, seen_at, taken_at; /* 0 is NULL */
  char apns_id[UUID_LEN + 1];
  enum push_why why;
  int attempts, status;
  int taken;           /* pushes that APNs took since the device was seen last */
  struct slice delays; /* big-endian 32 bit each, milliseconds, oldest first */
  struct slice token;  /* that it was sent to last */
  char *reason;        /* may be NULL */
  bool enabled;        /* of the channel, as it is now; the following too */
  bool blocked;        /* its device is */
  char *id;
  char *topic;
  struct slice token_now;
  int64_t token_at, last_seen;
};
MUST_CHECK enum err push_row(struct ctx *cx, struct db *db, int64_t enrollment,
                             struct wake *out); /* E_NOT_FOUND: no such channel */
/* The channel settled a command: when it was woken for it, the first time that it says so; else 0. */
MUST_CHECK enum err push_row_told(struct ctx *cx, struct db *db, int64_t enrollment, int64_t *woken_at);
MUST_CHECK enum err push_row_save(struct ctx *cx, struct db *db, const struct wake *w);

/* A row as it was when it was read, as far as the next due time depends on it. */
struct push_read {
  int64_t due_at, absent_since;
  enum push_why why;
  int attempts, taken;
};
/* A push to send. */
struct push_due_row {
  int64_t enrollment;
  struct push_read read;
  const char *apns_id; /* NULL: a new one is to be made */
  const char *topic, *magic;
  bool first; /* someone waits for it */
  struct slice token;
};
struct push_cursor {
  int64_t due_at, enrollment;
};
/* At most `most` rows of topic that are due at `now`, behind the cursor, which moves. */
MUST_CHECK enum err push_due_rows(struct ctx *cx, struct db *db, const char *topic, struct push_cursor *at, int64_t now,
                                  struct push_due_row *out, size_t most, size_t *n);
MUST_CHECK enum err push_due_row(struct ctx *cx, struct db *db, int64_t enrollment, struct push_due_row *out,
                                 bool *found);
MUST_CHECK enum err push_due_next(struct ctx *cx, struct db *db, int64_t after, int64_t *at); /* 0: none */
/* Rows that are due at `now` and were due before that of the channel, which is due at *due_at; 0: it is not. */
MUST_CHECK enum err push_due_ahead(struct ctx *cx, struct db *db, int64_t enrollment, int64_t now, int64_t *ahead,
                                   int64_t *due_at);
MUST_CHECK enum err push_due_count(struct ctx *cx, struct db *db, int64_t now, int64_t *n);
/* The final answer to the push of that id, if it came. */
MUST_CHECK enum err push_answer_of(struct ctx *cx, struct db *db, int64_t enrollment, const char *apns_id, int *status,
                                   char **reason);
/* Dead tokens of a topic become due now, at most `most` of them. */
MUST_CHECK enum err push_revive(struct ctx *cx, struct db *db, const char *topic, int64_t now, int most, int64_t *n);
/* A token that was marked dead is due again as if it had not been. */
MUST_CHECK enum err push_spare(struct ctx *cx, struct db *db, int64_t enrollment, int64_t now);
/* Whether a connection for topic may be opened now, at most `most` a minute, remembered beyond a restart; else
 * *wait_us. */
MUST_CHECK enum err push_reserve(struct ctx *cx, struct db *db, const char *topic, int most, int64_t now,
                                 int64_t *wait_us);
/* Why pushes with this certificate (its seq) stop, and until when; until 0: they do not. */
struct push_stop_note {
  int64_t until, pushcert;
  char *host, *text; /* host: that refused, with its port */
};
MUST_CHECK enum err push_stop_read(struct ctx *cx, struct db *db, const char *topic, struct push_stop_note *out);
MUST_CHECK enum err push_stop_write(struct ctx *cx, struct db *db, const char *topic,
                                    const struct push_stop_note *note);

MUST_CHECK enum err push_link_write(struct ctx *cx, struct db *db, const struct push_link *l);

/* ---- answers: push_settle.c ---- */

enum push_verdict {
  PUSH_TAKEN,  /* APNs took it */
  PUSH_DEAD,   /* the token is dead */
  PUSH_STILL,  /* refused for now, it stays due */
  PUSH_IGNORED /* the token is not the channel's any more, or its death is too old to count */
};
struct push_answer {
  int64_t enrollment, sent_at, answered_at, timestamp; /* timestamp: of a 410, microseconds, 0 when absent */
  char apns_id[UUID_LEN + 1];
  struct slice token; /* that it was sent to */
  int status;
  char reason[64];
  bool spare; /* refusals are general: no token dies of them */
  struct push_read read;
};
/* Settles the usual answer, 200, in one statement, when the row is still as it was read and is then due at next_due;
 *done false: it is not, and push_settle decides. */
MUST_CHECK enum err push_row_taken(struct ctx *cx, struct db *db, const struct push_answer *a, int64_t next_due,
                                   bool *done);
/* Counts devices by the hour in which they were woken. */
struct push_hour {
  int due, pushed; /* a wake-up became due; its first push was answered, by whatever */
  int woken, came; /* APNs took it; the device came */
  int told;        /* and settled a command */
};
MUST_CHECK enum err push_hour_add(struct ctx *cx, struct db *db, int64_t woken_at, const struct push_hour *more);

/* The device came delay_us after a push that APNs took: the last 20 such delays are kept. In cx. */
struct slice push_delays_add(struct ctx *cx, struct slice delays, int64_t delay_us);
/* Their 95th percentile; 5 min until 5 are known. */
int64_t push_delays_usual(struct slice delays);

/* Changes the row by the answer; *save: it is changed; *tally: what that counts for. */
enum push_verdict push_settle(struct ctx *cx, struct wake *w, const struct push_answer *a, bool *save,
                              struct push_hour *tally);

#endif
