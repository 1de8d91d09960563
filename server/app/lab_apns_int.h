/* Inside the stand-in for APNs: requests are judged (lab_apns_judge.c), answered and passed on to devices (lab_apns.c);
   the control port (lab_apns_control.c) has a thread of its own. Everything in struct lab_apns is under its lock. */
#ifndef POMONA_APP_LAB_APNS_INT_H
#define POMONA_APP_LAB_APNS_INT_H

#include "app/lab.h"
#include "base/enc.h"
#include "base/map.h"
#include "base/thread.h"
#include "lib/net_h2.h"

#include <stdatomic.h>

enum { LAB_RING = 100, LAB_CONTROLS = 1024, LAB_TOKENS = 200000, LAB_CACHED = 16, LAB_REASON = 48 };

/* ---- judging ---- */
struct lab_push { /* one request, taken apart; lives in the cx it was parsed with */
  const struct h2_server_req *rq;
  const char *uid;     /* of the client certificate's subject; NULL without a certificate */
  const char *token;   /* lower case */
  const char *topic;   /* NULL when absent */
  const char *magic;   /* NULL when the payload is not {"mdm":"…"} */
  const char *apns_id; /* given or made */
  int64_t expires_us;  /* 0: not to be kept */
};

struct lab_verdict {
  int status;
  char reason[LAB_REASON];
  int64_t timestamp_ms; /* with 410 */
};

void lab_push_parse(struct ctx *cx, struct lab_push *p, const struct h2_server_req *rq, const char *uid);
/* What Apple would say of the request itself. */
struct lab_verdict lab_judge(const struct lab_push *p);
/* Status that goes with a reason, 0 for none; a reason that goes with a status, "" for none. */
int lab_reason_status(const char *reason);
const char *lab_status_reason(int status);

/* ---- the stand-in ---- */
struct lab_rule {
  struct lab_rule *next;
  char *token; /* "*": any */
  struct lab_verdict verdict;
  int64_t times; /* left; -1: without end */
};

struct lab_token {
  char *topic; /* the one listened on; NULL: not listened to so far */
  int64_t gone_ms;
  size_t control; /* who listens: controls[control], when of this generation */
  int64_t generation;
  char *magic; /* the last push, kept for a device that comes later; NULL: none */
  char apns_id[UUID_LEN + 1];
  int64_t expires_us;
};

struct lab_control { /* a client of the control port */
  int fd;            /* -1: free */
  int64_t generation;
  struct buf in, out;
};

struct lab_late { /* an answer that waits */
  struct lab_late *next;
  int64_t id, due_us;
  struct lab_verdict verdict;
  char apns_id[UUID_LEN + 1];
};

struct lab_record { /* of the ring */
  int64_t connection;
  char serial[48]; /* number of the client certificate; "" without one */
  struct lab_verdict verdict;
  struct buf text; /* method, path, body, then names and values, each NUL-terminated */
};

struct lab_apns {
  pthread_mutex_t lock;
  struct lab_apns_conf conf; /* only numbers and flags are read after the start */
  char *ca_file;
  struct tls_server *tls;
  struct h2_server *server;
  struct ctx *cx; /* of the request at hand */
  struct map *tokens;
  struct lab_rule *rules; /* newest first */
  struct lab_late *late;
  int64_t delay_us;
  bool dated; /* answers tell the time, shifted so */
  int64_t date_shift_us;
  char *goaway; /* text of a GOAWAY to be sent, or NULL */
  bool drop;
  struct { /* of recent connections' certificates: reading one costs more than all the rest */
    int64_t connection;
    char *uid, serial[48];
  } cache[LAB_CACHED];
  int64_t pushes, delivered, by_status[600];
  struct lab_record ring[LAB_RING];
  size_t ring_at;
  struct { /* the control port */
    int listener, port;
    pthread_t thread;
    struct mailbox wake;
    atomic_bool stop;
  } control;
  struct lab_control controls[LAB_CONTROLS];
  int64_t generations;
};

/* The state of a token, made when it is new; NULL when there are too many. Under the lock. */
struct lab_token *lab_token_get(struct lab_apns *a, const char *token);
/* Hands the push that t keeps to who listens, if somebody does. Under the lock. */
void lab_deliver(struct lab_apns *a, const char *token, struct lab_token *t);
void lab_rules_clear(struct lab_apns *a);

/* ---- the control port ---- */
MUST_CHECK enum err lab_control_start(struct ctx *cx, struct lab_apns *a);
void lab_control_stop(struct lab_apns *a);
/* Runs one line under the lock; the answer is added to out. False when it was not understood. */
bool lab_control_line(struct lab_apns *a, struct lab_control *from, struct slice line, struct buf *out);

/* ---- its certificate (lab_certs.c) ---- */
/* A certificate for the stand-in by the CA kept in dir, which is made when it is missing. */
MUST_CHECK enum err lab_certs_server(struct ctx *cx, const char *dir, const char *hosts, struct slice *cert_pem,
                                     struct slice *key_pem);
#define LAB_CA_FILE "apns-ca.pem"

#endif
