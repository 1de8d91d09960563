/* Load for the bench: many keep-alive connections of one thread, requests made beforehand, answers only counted.

   Who owns what: everything in a phase is the caller's. One thread. */
#ifndef POMONA_APP_LAB_LOAD_H
#define POMONA_APP_LAB_LOAD_H

#include "base/buf.h"
#include "base/ctx.h"
#include "lib/net_addr.h"
#include "lib/net_tls.h"
#include <signal.h>
#include <sys/types.h>

struct lab_load_conf {
  struct addr address;
  const char *host;        /* of the TLS certificate */
  struct tls_client **tls; /* one a connection; NULL: plain HTTP */
  size_t connections;
  bool fresh;                        /* a new connection for each request */
  int64_t duration_us;               /* no new request after that … */
  const volatile sig_atomic_t *stop; /* … or once this is set; may be NULL */
  pid_t server;                      /* whose processor time counts */
  /* The next request of a connection, whole, borrowed until its answer came; n 0: the connection is done. */
  struct slice (*request)(void *arg, size_t connection);
  /* Its answer. False stops all: something is wrong. */
  bool (*response)(void *arg, size_t connection, int status, struct slice body);
  void *arg;
};

struct lab_load_result {
  int64_t requests, wall_us, user_us, system_us; /* the server's processor time */
  int64_t p50_us, p99_us;                        /* from the first byte sent to the last received */
};

MUST_CHECK enum err lab_load(struct ctx *cx, struct lab_load_result *out, const struct lab_load_conf *phase);

/* Processor time that a process has used so far; and its memory that is in use. 0 when it is gone. */
void lab_cpu(pid_t pid, int64_t *user_us, int64_t *system_us);
int64_t lab_rss_kib(pid_t pid);

#endif
