/* The push thread: everything here is its own, but for push_hint and what a work does on the writer's thread.

   push_thread.c       start, stop, the loop, messages, health
   push_topic.c        a certificate and what is known of it: stopped, refused by many
   push_connection.c   opening, sending, answers
   push_link.c         what is known of the way to APNs
   push_queue.c        which due rows are in memory
   push_result.c       answers on their way to the writer
   push_pace.c         how fast pushes go
   push_wait.c         who waits for what
   push_resolve.c      looking names up, on a thread of its own */
#ifndef POMONA_CORE_PUSH_ENGINE_H
#define POMONA_CORE_PUSH_ENGINE_H

#include "base/map.h"
#include "base/thread.h"
#include "core/push_int.h"
#include "lib/net_addr.h"
#include "lib/net_h2.h"
#include "lib/net_proxy.h"

#include <stdatomic.h>

/* ---- messages to the thread ---- */

struct msg {
  struct note note;
  void (*run)(struct push *p, struct msg *m); /* on the push thread; frees m */
};
void push_post(struct push *p, struct msg *m); /* any thread */
void push_hint(struct push *p, int64_t enrollment);

/* A job for the writer whose end is told to the thread. First member of what is allocated for it. */
struct work {
  struct msg msg;
  struct push *p;
  struct db_job job;
  enum err e;
  enum err (*fn)(struct ctx *cx, struct db *db, struct work *w); /* on the writer's thread */
  void (*finish)(struct push *p, struct work *w);                /* on the push thread; ends with work_free */
};
void work_post(struct push *p, struct work *w, enum err (*fn)(struct ctx *, struct db *, struct work *),
               void (*finish)(struct push *, struct work *));
void work_again(struct push *p, struct work *w); /* the same once more, in finish instead of work_free */
void work_free(struct work *w);

/* ---- a push in memory, from its row being read to its answer being written ---- */

struct item {
  struct item *next; /* in a list of its topic, or among the answers */
  struct topic *topic;
  struct conn *conn; /* that it was sent on, until it is answered */
  char *magic;
  struct push_answer a;
  bool first, again; /* again: its row may have changed since it was read */
  int64_t sent_mono;
  int resends;
  char text[]; /* token and magic */
};
struct items {
  struct item *head, **tail;
  size_t n;
};
void items_push(struct items *l, struct item *i);
void items_push_front(struct items *l, struct item *i);
struct item *items_pop(struct items *l);
void item_free(struct push *p, struct item *i); /* forgets it; its row says what is still due */

/* ---- topics ---- */

struct conn {
  struct conn *next;
  struct push *p;
  struct topic *topic;
  struct h2 *h2;
  int64_t quiet_since; /* monotonic: the last answer, or the first push since all were answered */
  int64_t probed_at;
  bool ready, answered;
  bool lost;  /* requests on it ended without an answer */
  bool stuck; /* a push on it was not answered for too long, whatever became of others */
};

/* The way to APNs as a topic found it; before, before_since: its last trouble, when it is up. */
struct link {
  bool known, up, dirty, writing;
  bool of_answers; /* its trouble is that pushes are not answered: only an answer ends it, or long silence */
  enum push_trouble kind, before;
  int proxy_status, alert;
  int64_t since, before_since, refused_at; /* wall time */
  int64_t up_mono, told_mono, write_at;    /* monotonic */
  char text[256], issuer[256], refusal[64];
};
struct link_trouble {
  enum push_trouble kind;
  const char *text, *issuer; /* issuer may be NULL */
  int proxy_status, alert;
  bool of_answers;
};

enum connecting { CONNECT_IDLE, CONNECT_RESERVING, CONNECT_RESOLVING };

struct topic {
  struct topic *next;
  char *name;
  int64_t pushcert, not_after; /* the certificate's row and end */
  struct tls_client *tls;      /* NULL: no usable certificate */
  char *made_of;               /* url and ca that tls was made for */
  bool listed;                 /* it still has a certificate */
  int64_t stopped_until;       /* wall time */
  int stops;                   /* in a row, without a push that was taken in between */
  /* connection */
  struct conn *conn;
  enum connecting connecting;
  bool eager;       /* connect although nothing is due: the certificate is new to us, or the way was shut */
  int64_t retry_at; /* monotonic: no connection, or no push, before */
  int64_t full_since, widened_at; /* monotonic: its connections take no more; it last asked for one */
  int failures;                   /* of connections in a row */
  struct link link;
  int faults; /* answers in a row that were Apple's fault */
  /* rows */
  struct items waiting[2]; /* 0: someone waits for them */
  size_t in_flight;
  struct push_cursor cursor;
  bool more;       /* rows may be due behind the cursor */
  int64_t read_at; /* wall time when none was */
  /* who was refused, of those that were answered lately */
  struct map *answered;    /* by enrollment: ANSWERED_FINE or ANSWERED_REFUSED */
  size_t refused, unknown; /* unknown: by BadDeviceToken */
  int64_t answered_from;   /* monotonic */
};

void topics_load(struct push *p); /* as the database and the settings have them now */
void topics_free(struct push *p);
struct topic *topic_find(const struct push *p, const char *name);
bool topic_usable(const struct push *p, const struct topic *t);
size_t topic_waiting(const struct topic *t);
/* Its pushes stop for span_us, or for a while that doubles (0); what is due stays due. */
void topic_stop(struct push *p, struct topic *t, int64_t span_us, const char *why);
void topic_answer(struct push *p, struct topic *t, const struct push_answer *a, enum push_verdict v);
void topics_judge(struct push *p); /* after all answers of a batch: stops topics whose tokens are refused by many */
void topic_drop_waiting(struct push *p, struct topic *t); /* to be read again when pushes can go */

/* ---- connections ---- */

void connections_tend(struct push *p); /* opens what is wanted, ends what has expired */
void connections_send(struct push *p);
void connections_check(struct push *p);             /* now and then: retires those with a push that is not answered */
void connections_reap(struct push *p, bool all);    /* those that have ended */
int64_t connections_deadline(const struct push *p); /* monotonic; INT64_MAX: none */
void connection_retire(struct conn *c);             /* answers are awaited, new pushes go to another */
void connections_retire(struct push *p, struct topic *t); /* all of the topic */
void topic_connect_resolved(struct push *p, const char *topic, enum err e, const struct addr *a, const char *text);

/* ---- the way to APNs ---- */

/* As it was left by the last run. False: with another certificate. */
bool link_load(struct push *p, struct topic *t);
const char *link_host(const struct push *p);      /* of apns-url, with its port; "" when it is none */
void link_renewed(struct topic *t);               /* another certificate: nothing was refused to it yet */
void link_ready(struct push *p, struct topic *t); /* a connection is there */
void link_down(struct push *p, struct topic *t, const struct link_trouble *trouble);
void link_answered(struct push *p, struct topic *t, const struct apns_reason *r);
void link_refused(struct push *p, struct topic *t, const char *reason); /* "": it is not */
void links_flush(struct push *p);
int64_t links_deadline(const struct push *p); /* monotonic; INT64_MAX: none */

/* ---- rows ---- */

void queue_refill(struct push *p); /* also looks at the clock: rows become due, and some no hint tells of */
void queue_hint(struct push *p, int64_t enrollment);
void queue_due(struct push *p, int64_t at);   /* a row becomes due at that wall time */
void queue_again(struct topic *t);            /* reads it from the beginning */
int64_t queue_deadline(const struct push *p); /* monotonic */

/* ---- answers ---- */

enum apns_act result_read(struct push *p, struct item *i, int status, struct slice body); /* into the item */
void result_add(struct push *p, struct item *i);                                          /* it is to be written */
void results_flush(struct push *p);

/* ---- waiters ---- */

void wait_answered(struct push *p, const struct push_answer *a, bool final);
void waits_expire(struct push *p, int64_t mono_us); /* those whose time was before */
int64_t waits_deadline(const struct push *p);       /* monotonic; INT64_MAX: none */

/* ---- name resolution ---- */

struct resolver;
struct resolver *resolver_start(struct push *p);
void resolver_ask(struct resolver *r, const char *topic, const char *host, int port);
void resolver_stop(struct resolver *r); /* does not wait for a look-up that hangs */

/* ---- the whole ---- */

struct push_tuning { /* tests make it fast */
  int64_t backoff_first, backoff_most, stop_first, stop_most, rescan, write_retry;
  int64_t answer_probe; /* an answer that takes longer: the connection is probed */
  int64_t answer_lost;  /* not one answer, or one push without, for longer: it is given up */
  int64_t idle_probe;   /* a connection without pushes is probed so often */
  int64_t ping_answer;  /* and ended when it does not answer within this */
  int64_t full_for;     /* when the peer's limit of streams keeps pushes waiting for longer: another connection */
  int connections_a_minute;
};
extern const struct push_tuning push_tuning;
MUST_CHECK enum err push_start_tuned(struct ctx *cx, struct push **out, struct core *core,
                                     const struct push_tuning *tuning);

struct push {
  struct core *core;
  struct push_tuning tuning;
  struct mailbox box;
  pthread_t thread;
  atomic_bool quiet, stopping;
  struct ctx *cx;      /* of one turn */
  struct db *db;       /* the thread's reader */
  int64_t now, mono;   /* of this turn */
  int64_t stop_by;     /* monotonic; 0 while it runs */
  struct url url;      /* apns-url; host NULL when it, or the proxy, is not one */
  struct proxy proxy;  /* host NULL: none */
  char *url_text;      /* both, as they were set */
  struct ctx *conf_cx; /* of url and proxy */
  struct resolver *resolver;
  struct topic *topics, *served; /* served: whose push went last */
  struct conn *conns;
  struct map *items;     /* by enrollment */
  struct items answered; /* not yet with the writer */
  size_t unwritten;      /* answered, not yet known to be written */
  size_t writing;        /* batches that the writer has */
  int64_t write_at;      /* monotonic: after a failure, not before */
  size_t works;          /* that the writer has */
  struct push_pace pace;
  struct push_rate rate;
  int64_t rate_at;   /* monotonic: when it is looked at next */
  int64_t due_next;  /* wall time when the next row becomes due; 0: not known to be any */
  int64_t rescan_at; /* monotonic */
  struct wait *waits;
  struct map *wait_entries; /* by enrollment */
  pthread_mutex_t lock;     /* of health */
  struct push_health health;
};
void health_trouble(struct push *p, const char *text);
int64_t push_rate_now(struct push *p); /* any thread */
void health_connected(struct push *p, bool connected);
void health_count(struct push *p, int sent, int answered, int failed);

#endif
