/* An HTTP client, over libcurl: for the CLI, the lab, webhooks and Apple's services. Blocking, one thread at a
   time.

   Who owns what: a client keeps its connections until nh_free; replies live in cx. */
#ifndef POMONA_LIB_NET_HTTP_H
#define POMONA_LIB_NET_HTTP_H

#include "base/buf.h"
#include "base/ctx.h"

#include <stdatomic.h>

struct nh; /* a client with its kept-alive connections */

struct nh_conf {
  const char *ca_file;            /* PEM; NULL is the system's store */
  struct slice ca_pem;            /* PEM in memory, instead of ca_file; p NULL is none */
  struct slice cert_pem, key_pem; /* client identity; p NULL is none. Not written to disk. */
  const char *proxy;              /* NULL: none at all, not even from the environment */
  int64_t timeout_us;             /* for the whole request; 0 is 30 s */
  bool no_verify;                 /* accept any server certificate: for the lab on loopback only */
  const atomic_bool *stop;        /* NULL, or: a request ends within about a second after it becomes true (E_GONE) */
};

struct nh_field { /* a header of an answer */
  const char *name, *value;
};
struct nh_reply {
  int status;
  struct nh_field *headers; /* as they came, at most 100 */
  size_t headers_n;
  struct slice body;        /* at most body_max of the request */
  const char *content_type; /* "" when absent */
};

/* A body that is read as it is sent; then timeout_us is of silence, not of the whole. */
struct nh_file {
  int fd; /* borrowed, from where it stands */
  int64_t n;
};

struct nh_req {
  const char *method, *url;
  const char *const *headers; /* "Name: value", NULL-terminated; may be NULL */
  struct slice body;          /* p NULL: no body */
  const struct nh_file *file; /* instead of body; may be NULL */
  size_t body_max;            /* of the answer; 0 is 16 MiB */
};

MUST_CHECK enum err nh_new(struct ctx *cx, struct nh **out, const struct nh_conf *conf);
void nh_free(struct nh *c);
/* E_UNREACHABLE (name, TCP, TLS; the text says which), E_TIMEOUT, E_TOO_LARGE. Any HTTP status is OK. No redirects
 * followed. */
MUST_CHECK enum err nh_do(struct ctx *cx, struct nh *c, const struct nh_req *rq, struct nh_reply *out);

#endif
