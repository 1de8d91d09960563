/* Private to router*.c. */
#ifndef POMONA_FACE_ROUTER_INT_H
#define POMONA_FACE_ROUTER_INT_H

#include "core/account.h"
#include "core/idempotency.h"
#include "face/router.h"

enum { PARAMS_MAX = 4 };

/* What the router knows of one request; kept as its http_user. */
struct routed {
  const struct router *router;
  const struct route *route; /* NULL: no row fits */
  struct actor actor;
  const char *peer;
  void *user;
  const char *log_key, *log_value;
  const char *act, *detail; /* for the record of acts: instead of method and pattern; of the error. NULL: as ever */
  bool in_head;             /* the body is not read yet: what is answered now is a refusal */
  const char *etag;         /* NULL: none was given */
  struct once *once;        /* of a request with an Idempotency-Key */
  void (*waiting)(struct http_req *rq, struct core *core); /* what goes on when the fleet is read */
  struct write *write;                                     /* whose job is running, and is to hold the answer */
  size_t params;
  struct {
    struct slice name, value;
  } param[PARAMS_MAX];
};
struct routed *router_state(struct http_req *rq);
void router_run(struct http_req *rq, struct core *core); /* the handler of its row */

/* ---- router_auth.c: who asks, and whether they may ---- */

/* Whether Host names this server. */
bool router_host_allowed(struct ctx *cx, const struct router *r, struct slice host);
/* By token or by the session's cookie, a change by which must bring X-CSRF-Token. E_UNAUTHORIZED, E_DENIED. */
MUST_CHECK enum err router_authenticate(struct http_req *rq, struct routed *r);
/* What a change asks, whoever it is of: where a browser tells of its page, by Origin or Sec-Fetch-Site, that is ours.
   E_DENIED. */
MUST_CHECK enum err router_same_site(struct http_req *rq);
/* Is it a browser's script that asks? It is not to put up a dialog of its own for a name and a password. */
bool router_is_console(struct http_req *rq);
bool router_changes(struct http_req *rq); /* anything but GET and HEAD */

/* ---- router_audit.c: the record of acts ---- */

/* Whether this answer ends an act that is to be recorded. */
bool router_is_act(struct http_req *rq);
/* Of what was refused before its body was read, and is answered at once. */
void router_audit_refusal(struct http_req *rq, int status);
/* Inside a job of the request's context. */
MUST_CHECK enum err router_audit_add(struct ctx *cx, struct db *db, struct http_req *rq, int status);

/* ---- router_once.c: requests with an Idempotency-Key ---- */

/* Whether it is one. E_INVALID: its key is none. */
MUST_CHECK enum err once_wanted(struct http_req *rq, bool *yes);
/* Runs its handler, if it is the first with its key, on a thread that may wait; then once_keep has the answer. */
MUST_CHECK enum err once_run(struct http_req *rq, struct core *core);
/* Inside a job: what it was answered. */
MUST_CHECK enum err once_keep(struct ctx *cx, struct db *db, struct http_req *rq,
                              const struct idempotency_answer *answer);
/* On the writer's thread: that failed, and it was answered 5xx. */
void once_not_forgotten(struct http_req *rq);

/* ---- router_write.c ---- */

/* Answers when what is to be recorded of it is on disk: by the job of route_write that gave the answer, else by one of
   its own. Copies it. */
void router_answer(struct http_req *rq, const struct idempotency_answer *a);

#endif
