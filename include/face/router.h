/* Routes: which handler answers which path, who may ask, how much it may send, and the one log line of each request.

   A face exports a table, `const struct route NAME_routes[]`, whose last row has no method; app/serve gives the tables
   to the router of each listener. A new endpoint is a row and a function; the API's description is made from the same
   rows. Who owns what: a router borrows its tables and core, and must outlive its listener. Threads: see lib/http.h. */
#ifndef POMONA_FACE_ROUTER_H
#define POMONA_FACE_ROUTER_H

#include "core/account.h"
#include "lib/db.h"
#include "lib/http.h"
#include "lib/json.h"

enum route_flag {
  ROUTE_OPEN = 1,      /* no authentication */
  ROUTE_SECRET = 2,    /* what stands in the place of the first ":name" or "*" is secret: the log leaves it out */
  ROUTE_QUIET = 4,     /* 2xx is logged at debug level */
  ROUTE_VERSIONED = 8, /* GET gives a version as ETag; a change takes it as If-Match */
  ROUTE_REVEALS = 16,  /* what it answers may hold secrets, each showing of which is recorded: no answer is kept */
  ROUTE_FILE = 32,     /* beside its JSON the body may be one file as it is */
  ROUTE_ACT = 64,      /* is recorded like a change, although it is asked for by GET */
  ROUTE_LOOK = 128,    /* is not recorded, although it is asked for by POST: nothing is changed by it */
  ROUTE_FLEET = 256    /* looks at the whole fleet: comes after route_fleet */
};

struct route {
  const char *method; /* "PUT"; "PUT,POST"; "*" for any; GET answers HEAD too */
  const char
      *pattern; /* "/api/v1/devices/:id"; a ":name" is one segment that is not empty, a "*" at the end all the rest */
  size_t body_max;
  unsigned flags;
  void (*run)(struct http_req *rq, struct core *core); /* the body is there; answers now or later, see lib/http.h */
  /* The headers are there (may be NULL): may answer at once, to refuse before the body is read; else gives the largest
   * body. */
  size_t (*early)(struct http_req *rq, struct core *core);
  const char *summary; /* for the description of the API; NULL leaves the row out of it */
  /* Parameters of its query, and members of its JSON body: "name:type" separated by spaces, "!" behind the type of one
     that must be there. Types: text, int, real, bool, span ("24h"), time (RFC 3339), object, any; with "[]" an array of
     them. A bool of the query is true, yes, 1, false, no or 0. A body that is no JSON: "@" and its media type. NULL:
     there is none. */
  const char *query, *body;
};

struct router {
  const char *listener; /* "devices" or "admin", for the log */
  struct core *core;
  const struct route *const *tables; /* NULL ends them; the first row that fits answers */
  bool admin;               /* asks for authentication, checks Host, tells errors; else: never 401, empty bodies */
  const char *const *hosts; /* admin: names accepted in Host, NULL ends them */
  bool any_address;         /* admin: numeric addresses are accepted in Host, too */
  const struct route *lost; /* admin: answers a browser that looks for a page where no row is; may be NULL */
};

/* For struct http_conf; r is its arg. */
struct http_handler router_handler(struct router *r);

/* ---- for handlers ---- */
struct slice route_param(struct http_req *rq,
                         const char *name);           /* decoded; "*" is what the star stands for; p NULL when absent */
const struct actor *route_actor(struct http_req *rq); /* who asked; ACTOR_NONE on open routes */
const char *route_who(struct http_req *rq);           /* its name, for the record; "" on open routes */
/* What it proved itself by, for an answer that goes on: whether that is still so much worth, for the same request. */
struct route_proof {
  struct slice secret; /* lives with the request; p NULL: it is open to all */
  bool is_cookie;
};
struct route_proof route_proof(struct http_req *rq);
MUST_CHECK enum err route_proof_holds(struct ctx *cx, struct db *db, struct core *core, const struct route_proof *p,
                                      const char *path);
/* The one who asks speaks TLS, with us or with one of trusted-proxies, which says so by X-Forwarded-Proto. */
bool route_is_tls(struct http_req *rq);
/* For who takes a body as it comes (http_stream_body): that is a use of the session, which may not end by itself then.
 */
void route_goes_on(struct http_req *rq);
const char *route_cookie_name(struct http_req *rq); /* of sessions */
/* For an open route by which somebody proves who it is, right or wrong: it is recorded as `act`, and by whom. detail
   NULL: the error's slug. All are borrowed. */
void route_proved(struct http_req *rq, const char *act, const struct actor *who, const char *detail);
/* Where the request came from: the address that X-Forwarded-For of one of trusted-proxies tells, else http_peer. */
const char *route_peer(struct http_req *rq);
const struct router *route_router(struct http_req *rq);
const struct route *route_row(struct http_req *rq);
/* Takes the next "name:type" off a list of a row; false past its end. type without "!" and "[]". */
struct route_word {
  struct slice name, type;
  bool required, array;
};
bool route_words(struct slice *list, struct route_word *out);
bool route_word_named(const char *list, struct slice name, struct route_word *out); /* list may be NULL */
char *route_word_names(struct ctx *cx, const char *list);                           /* "limit, cursor", or "none" */
/* Whether ?name= says yes (true, yes, 1): of a "bool" of the row's query, whose values are checked before it runs. */
bool route_flag(struct http_req *rq, const char *name);
/* A place for the handler's state of this request (the router has http_user for its own). */
void *route_user(struct http_req *rq);
void route_set_user(struct http_req *rq, void *user);
/* One more field of the log line; value is copied, NULL is ignored; a second one replaces the first. */
void route_log(struct http_req *rq, const char *key, const char *value);

/* Answers with e and what the request's context recorded: {"error":{"code","message","trace"}}; NanoMDM's {"error"} on
   its paths; an empty body to devices. The text of what is our own fault stays in the log. */
void reply_error(struct http_req *rq, enum err e);
void reply_json(struct http_req *rq, int status, struct js *body); /* compact; tabs on NanoMDM's paths */
void reply_empty(struct http_req *rq, int status);
/* Whether If-None-Match names this tag, which is in quotes; weak comparison (RFC 9110 8.8.3.2). */
bool route_etag_held(struct slice if_none_match, const char *tag);
/* What is no JSON. Handlers of the API answer by these functions alone: then an Idempotency-Key keeps their answers. */
void reply_bytes(struct http_req *rq, int status, const char *type, struct slice bytes);
/* The version of what is answered as its ETag, in quotes. That of a JSON answer to GET goes on with its content's, or
   is only that; one that the client holds (If-None-Match) is answered 304. */
void route_etag(struct http_req *rq, const char *tag);

/* Runs `run` now, or, while the fleet is read after a start, on another thread when that is done: nobody else waits. */
void route_fleet(struct http_req *rq, struct core *core, void (*run)(struct http_req *rq, struct core *core));

/* Runs fn as a job of the writer, then `then` on the writer's thread (which must not block); both get arg. rq's context
   goes along. `then` answers, or goes on with another route_write. Of an act it is called at the end of the job itself,
   so that its record is in the same transaction: it must not look at the database, nor do anything but answer (what is
   to be logged then is for db_after_commit), and when the transaction fails, it is called once more with that error, in
   place of what it did before. */
void route_write(struct http_req *rq, struct core *core, enum err (*fn)(struct ctx *cx, struct db *db, void *arg),
                 void *arg, void (*then)(struct http_req *rq, void *arg, enum err e));

#endif
