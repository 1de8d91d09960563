/* The lab: a fleet without Apple. Here: the stand-in for APNs and test push certificates.

   The lab speaks to the server over the wire only, as devices and Apple do.
   Who owns what: a stand-in owns its threads until lab_apns_stop. */
#ifndef POMONA_APP_LAB_H
#define POMONA_APP_LAB_H

#include "base/buf.h"
#include "base/ctx.h"

/* ---- the stand-in for APNs ---- */
struct lab_apns;

struct lab_apns_conf {
  const char *dir;      /* its CA (apns-ca.pem, apns-ca.key) is kept there, so that a restarted one is still trusted */
  const char *listen;   /* HTTP/2; NULL: "127.0.0.1:0" */
  const char *control;  /* the control port; NULL: "127.0.0.1:0" */
  const char *script;   /* file of control lines to begin with; NULL: none */
  const char *hosts;    /* names of its certificate beside localhost, separated by commas; NULL: none */
  const char *rules;    /* TOKEN|*=STATUS[:REASON[:TIMESTAMP-MS]] to begin with, separated by commas; NULL: none */
  int64_t max_streams;  /* 0: 1000 */
  int64_t delay_ms;     /* before each answer */
  int64_t goaway_after; /* GOAWAY after every so many requests; 0: never */
  int64_t drop_after;   /* cut the connection at every so many requests; 0: never */
  bool verbose;         /* a line on stdout for each push */
};

MUST_CHECK enum err lab_apns_start(struct ctx *cx, struct lab_apns **out, const struct lab_apns_conf *conf);
/* One line of the control port, below. E_INVALID: it was not understood. */
MUST_CHECK enum err lab_apns_say(struct ctx *cx, struct lab_apns *a, const char *line);
int lab_apns_port(const struct lab_apns *a);
int lab_apns_control_port(const struct lab_apns *a);
const char *lab_apns_ca_file(const struct lab_apns *a); /* lives with a */
void lab_apns_stop(struct lab_apns *a);

/* The control port takes lines; a client may send any number of them. What is not listed with an answer is answered by
   "ok" or "error TEXT".
     listen TOKEN TOPIC      be told of pushes to TOKEN: "push TOKEN MAGIC APNS-ID", at once when one is kept; no answer
     gone TOKEN MS           pushes to TOKEN are answered 410 Unregistered since MS; listening again ends that
     rule TOKEN|* STATUS [REASON] [TIMESTAMP-MS] [TIMES]
                             answer so; the newest rule that fits counts; STATUS 200: as usual, 0: not at all
     clear                   no rules, no delay, TLS as usual
     goaway [TEXT]           GOAWAY on all connections, with TEXT as debug data
     drop                    cut all connections
     delay MS                wait before each answer
     date SECONDS            answers tell the time, so much ahead of ours (or behind)
     tls ok|expired|revoked|unknown-ca|no-alpn
                             what the next TLS handshakes say of the client's certificate
     stats                   one line of JSON: counts, and the last 100 requests with their headers */

/* ---- test push certificates ---- */
struct lab_pushcert {
  const char *topic; /* NULL: a new one */
  int64_t days;      /* of validity; 0: 365 */
  int64_t seconds;   /* instead: it ends so soon; 0: not */
  bool expired;      /* ended yesterday */
  const char *out;   /* file; NULL: stdout; only lab_pushcert_main looks at it */
};
/* A certificate of the shape of Apple's, by a CA that is forgotten at once, and its key, as PEM; wiped with cx. */
MUST_CHECK enum err lab_pushcert_make(struct ctx *cx, struct slice *pem, const struct lab_pushcert *what);

/* ---- subcommands: argv is what follows the subcommand's words; they give the exit status ---- */
int lab_apns_main(int argc, char **argv);
int lab_device_main(int argc, char **argv);
int lab_drill_main(int argc, char **argv);
int lab_up_main(int argc, char **argv);
int lab_bench_main(int argc, char **argv);
int lab_pushcert_main(int argc, char **argv);

#endif
