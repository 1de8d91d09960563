/* What the files of accounts share: api_session.c, api_me.c, api_users.c, api_passkeys.c. */
#ifndef POMONA_FACE_API_ACCOUNTS_INT_H
#define POMONA_FACE_API_ACCOUNTS_INT_H

#include "core/login.h"
#include "face/api_int.h"

/* Name and address of who asks; password and code are for the caller. */
struct login_ask api_login_ask(struct http_req *rq, const char *name);
/* Sets the session's cookie and answers with the session, as GET /api/v1/session does. */
void api_session_open(struct http_req *rq, struct core *core, const struct actor *who, const char *token);
/* Answers with e; E_THROTTLED with Retry-After. */
void api_login_refused(struct http_req *rq, enum err e, int64_t wait_us);
/* Runs it on the threads that may take passwords, with `user` as its route_user. */
void api_login_later(struct http_req *rq, struct core *core, void *user,
                     void (*run)(struct http_req *rq, struct core *core));
/* {"sessions":[…]} of an account, 0: of all. */
MUST_CHECK enum err api_sessions(struct http_req *rq, struct core *core, int64_t account, struct js *body);
/* A row of a path, ":id"; E_NOT_FOUND when it is no number. */
MUST_CHECK enum err api_row(struct http_req *rq, int64_t *out);
/* E_DENIED: not a person who is logged in. */
MUST_CHECK enum err api_person(struct http_req *rq);

/* ---- what asks for one's password once more (api_me.c) ---- */
struct api_proving {
  struct core *core;
  struct actor who;
  struct login_ask ask;
  struct slice fresh, made; /* the new password */
  char **codes;
  int64_t row; /* of what it is done to */
  void *more;  /* of the job */
  enum err (*job)(struct ctx *cx, struct db *db, void *arg);
  void (*then)(struct http_req *rq, void *arg, enum err e);
};
struct api_proving *api_proving(struct http_req *rq, enum err (*job)(struct ctx *cx, struct db *db, void *arg),
                                void (*then)(struct http_req *rq, void *arg, enum err e));
/* Reads "password" of the body, and when it is right runs the job with p, then `then`. */
void api_prove(struct http_req *rq, struct core *core, struct api_proving *p);

#endif
