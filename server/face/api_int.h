/* What the files of the API share. */
#ifndef POMONA_FACE_API_INT_H
#define POMONA_FACE_API_INT_H

#include "core/command.h"
#include "core/push.h"
#include "face/api.h"

enum { API_BODY_MAX = 4 << 20, PAGE_DEFAULT = 100, PAGE_MAX = 1000 };

/* The body as a JSON object; an empty body is an empty object. It has no members but those of its row (struct route),
   and they are of the types that stand there, or null: one that is misspelt must not be taken for absent. E_INVALID. */
MUST_CHECK enum err api_object(struct http_req *rq, struct js **out);
/* Members of an object that may be absent: E_INVALID when they are of another type. *out stays as it is when absent. */
MUST_CHECK enum err api_string(struct ctx *cx, struct js *object, const char *key, const char **out);
MUST_CHECK enum err api_int(struct ctx *cx, struct js *object, const char *key, int64_t *out);
MUST_CHECK enum err api_bool(struct ctx *cx, struct js *object, const char *key, bool *out);
MUST_CHECK enum err api_span(struct ctx *cx, struct js *object, const char *key, int64_t *out); /* "24h" */
/* ?limit=: how many rows a page has; ?cursor=: where it starts, `next` of the page before. E_INVALID. */
MUST_CHECK enum err api_limit(struct http_req *rq, int *out);
MUST_CHECK enum err api_cursor(struct http_req *rq, int64_t *out);
char *api_param(struct http_req *rq, const char *name); /* of the path, NUL-terminated */
/* The version of what an answer shows, as its ETag; and that of which a change is made (If-Match), -1 when it does not
   matter ("*", or no such header). E_INVALID: an ETag that was never given; a change of another version than the
   present one is E_PRECONDITION (api_same_version). RFC 9110 8.8.3, 13.1.1. */
void api_etag(struct http_req *rq, int64_t version);
MUST_CHECK enum err api_if_match(struct http_req *rq, int64_t *version);
MUST_CHECK enum err api_same_version(struct ctx *cx, int64_t wanted, int64_t present);
/* 409 with the context's error under the code `unconfirmed`, and how many devices are to be confirmed. */
void api_unconfirmed(struct http_req *rq, int64_t devices);
/* What an act on many was done to, for route_log: "block: 214 devices". */
char *api_of(struct ctx *cx, const char *act, size_t n, const char *thing);
/* Answers 200 with the object that fill has filled, or with its error. */
void api_answer(struct http_req *rq, struct core *core,
                enum err (*fill)(struct http_req *rq, struct core *core, struct js *body));
/* The same for a list by pages: where it starts (?cursor=), how many rows, and a reader's connection; and how it ends:
   `list` under `name`, and `next`, the start of the page after it, when there may be one. */
struct api_page {
  struct db *db;
  int64_t start;
  int most;
};
MUST_CHECK enum err api_page(struct http_req *rq, struct core *core, struct api_page *out);
void api_page_end(struct js *body, const char *name, struct js *list, const struct api_page *page, int64_t next);
/* For route_write: answers a job that gives nothing, 204, or its error. */
void api_done(struct http_req *rq, void *arg, enum err e);

/* api_device_acts.c: serves a blocked device again, and wakes it when something waits for it. Inside a job. */
MUST_CHECK enum err api_device_unblock(struct ctx *cx, struct db *db, struct core *core, const char *device_id,
                                       const char *by, bool *woken);

/* api_groups.c: the row of the device that an operator names. */
MUST_CHECK enum err api_device_row(struct ctx *cx, struct db *db, const char *name, int64_t *device);

/* ---- api_pushcerts.c ---- */
struct pushcert;
MUST_CHECK enum err api_pushcerts(struct ctx *cx, struct core *core, struct js **out); /* an array, newest first */
/* api_pushcert_import.c. Imports what the body holds (api_upload), after Apple was asked, on a thread that may wait:
   `then` is called there, with an arg for api_imported. An error: nothing is done, nothing was answered. */
MUST_CHECK enum err api_import_start(struct http_req *rq, struct core *core,
                                     void (*then)(struct http_req *rq, void *arg, enum err e));
const struct pushcert *api_imported(const void *arg);

/* ---- api_upload.c ---- */
struct pushcert_upload;
/* The files of a request: the body itself, or with Content-Type application/json
   {"files":[{"name","data": base64}],"passphrase"} and what else the row's body has, which *object then holds (else it
   is NULL). db and core are for the caller to set. E_INVALID. */
MUST_CHECK enum err api_upload(struct http_req *rq, struct pushcert_upload *out, struct js **object);

/* ---- api_nano_unlock.c ---- */
struct offboard_unlock;
/* On a thread of outbound_run: asks Apple to lift Activation Lock. *status: of its answer. E_UNREACHABLE. */
MUST_CHECK enum err api_unlock(struct http_req *rq, struct core *core, const struct offboard_unlock *lock,
                               const char *code, int *status);

/* ---- api_profiles.c, api_profile_give.c ---- */
struct profile;
struct roster_device;
MUST_CHECK enum err api_profile(struct http_req *rq, struct core *core, struct db **db, struct profile *out);
/* The device of an enrollment, also of a user's channel. */
MUST_CHECK enum err api_profile_device(struct ctx *cx, struct db *db, struct core *core, const char *name,
                                       const struct roster_device **out);

/* ---- api_devices.c ---- */
struct enroll_info;
struct js *api_device(struct ctx *cx, const struct enroll_info *i, const struct push_state *p);
struct roster_query;
/* filter, sort, former, cursor and offset of the query of a list of devices; most is the caller's. E_INVALID. */
MUST_CHECK enum err api_roster_query(struct http_req *rq, struct core *core, struct db *db, struct roster_query *q);

/* ---- api_takeovers.c ---- */
struct enroll_takeover;
struct js *api_takeover(struct ctx *cx, const struct enroll_takeover *t);

/* ---- api_system.c ---- */
bool system_checks(struct ctx *cx, struct core *core, struct js *list); /* false when one fails */

/* ---- api_enqueue.c: commands and pushes for many channels ---- */

struct enqueue_target {
  const char *name;         /* as the client named it */
  const char *id;           /* NULL: unknown */
  enum err e;               /* why it was not queued (not pushed, when there is no command); OK when it was */
  const char *error;        /* its text */
  bool due;                 /* a push is due: apns_id and status tell of it */
  const char *push_error;   /* why none could be sent now */
  struct push_result *push; /* of a due one */
  const char *refused;      /* by enqueue_check: it is not queued for this one, and why */
  struct js *warnings;      /* by enqueue_check: an array of texts; NULL: none */
  const char *platform;     /* by enqueue_check: "macos" …, "unknown"; NULL: there is no such target */
};

/* Queues a command for each target, then wakes them, in chunks, so that check-ins pass between; then calls done, on
 * another thread. */
struct enqueue {
  struct http_req *rq;
  struct core *core;
  const struct command *command; /* NULL: only pushes */
  bool push;
  int64_t wait_us; /* for APNs' answers */
  struct enqueue_target *targets;
  size_t n;
  void (*done)(struct enqueue *q, enum err e); /* e: nothing at all was done, and why */
  void *arg;
  /* its own */
  struct db_job job;
  size_t next, chunk_end, results_n;
  int64_t row;
  struct push_result *results;
};
void enqueue_start(struct enqueue *q);
/* api_enqueue_check.c. Before that: looks whether each target can do it, as far as is known; force: what speaks against
   it becomes a warning. On the request's thread. Of more than ENQUEUE_FEW it looks at the fleet (route_fleet). */
enum { ENQUEUE_FEW = 16 };
MUST_CHECK enum err enqueue_check(struct enqueue *q, bool force);

#endif
