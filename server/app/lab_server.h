/* A server of the lab's own: this program's `serve` as a child, and a client of its API.

   Who owns what: it owns the child until lab_server_stop. One thread. */
#ifndef POMONA_APP_LAB_SERVER_H
#define POMONA_APP_LAB_SERVER_H

#include "base/ctx.h"
#include "lib/json.h"
#include <sys/types.h>

struct lab_server;

struct lab_server_conf {
  const char *dir;                /* "data" and "server.log" are made in it */
  const char *apns_url, *apns_ca; /* of the stand-in */
  const char *const *flags;       /* more settings, "--name=value", but not log-level; NULL-terminated; may be NULL */
  int port;                       /* of the devices' listener; 0: a free one */
  bool plain;                     /* without TLS */
};

/* Started and ready. E_UNAVAILABLE with the server's last words otherwise. */
MUST_CHECK enum err lab_server_start(struct ctx *cx, struct lab_server **out, const struct lab_server_conf *conf);
const char *lab_server_url(const struct lab_server *s);   /* for devices */
const char *lab_server_admin(const struct lab_server *s); /* the API's */
const char *lab_server_data(const struct lab_server *s);  /* the data folder */
const char *lab_server_token(const struct lab_server *s); /* of the API */
int lab_server_port(const struct lab_server *s);          /* of the devices' listener, on 127.0.0.1 */
pid_t lab_server_pid(const struct lab_server *s);
const char *lab_server_log(const struct lab_server *s); /* the file */
bool lab_server_alive(struct lab_server *s);
/* SIGTERM, and the wait for its end. NULL is fine. */
void lab_server_stop(struct lab_server *s);

/* One call of the API. body may be NULL; the answer must be a 2xx in JSON. */
MUST_CHECK enum err lab_api(struct ctx *cx, struct lab_server *s, const char *method, const char *path, struct js *body,
                            struct js **out);
/* The same with any bytes; status is the caller's to judge. */
MUST_CHECK enum err lab_api_bytes(struct ctx *cx, struct lab_server *s, const char *method, const char *path,
                                  struct slice body, int *status, struct slice *out);
/* A test push certificate, made and imported. topic NULL: a new one. */
MUST_CHECK enum err lab_server_pushcert(struct ctx *cx, struct lab_server *s, const char *topic);
/* An enrollment link for so many devices. */
MUST_CHECK enum err lab_server_link(struct ctx *cx, struct lab_server *s, int64_t uses, const char **url);

/* ---- folders ---- */
/* A new one in TMPDIR (or /tmp); lives in cx. */
MUST_CHECK enum err lab_folder_new(struct ctx *cx, const char **out);
void lab_folder_remove(const char *path); /* with all that is in it */

#endif
