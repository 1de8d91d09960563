/* What the files of `serve` share: everything that the running server is made of. */
#ifndef POMONA_APP_SERVE_INT_H
#define POMONA_APP_SERVE_INT_H

#include "app/args.h"
#include "core/core.h"
#include "face/router.h"
#include "lib/http.h"

#include <sys/stat.h>

struct chores;
struct keyring;

/* Settings at one moment. A reload makes a new one; the former ones stay until the end, since requests may still read
 * them. */
struct snapshot {
  struct conf *conf;
  struct core_conf core;
  struct slice device_ca_pem; /* the own device CA and those of device-ca */
  struct pki_trust *trust;
  struct snapshot *before;
};

/* What tells that a file was changed. */
struct stamp {
  struct timespec changed;
  ino_t inode;
  off_t size;
};

struct server {
  struct args *args;
  struct conf *conf; /* of the newest snapshot */
  struct core core;
  struct chores *chores;
  struct snapshot *snapshots;
  const char *host; /* of public-url */
  int lock_fd;
  bool fresh;           /* the first start in this folder */
  struct http_tls *tls; /* NULL: no listener speaks TLS */
  struct stamp tls_stamps[2];
  bool admin_tls;
  const char *hosts[8]; /* that the admin listener answers to */
  struct router device_router, admin_router;
  struct http_server *devices, *admin;
};

/* ---- serve_data.c: what lies in DATA ---- */
MUST_CHECK enum err serve_open_folder(struct ctx *cx, struct server *s);
void serve_close_folder(struct server *s);
MUST_CHECK enum err serve_open_store(struct ctx *cx, struct server *s);
void serve_close_store(struct server *s);
MUST_CHECK enum err serve_open_keys(struct ctx *cx, struct server *s);
void serve_close_keys(struct server *s);

/* ---- serve_settings.c: settings, and what is made anew when they change ---- */
MUST_CHECK enum err serve_open_settings(struct ctx *cx, struct server *s);
void serve_close_settings(struct server *s);
/* Makes the accepted CAs of the newest snapshot known. Needs the keyring. */
MUST_CHECK enum err serve_open_trust(struct ctx *cx, struct server *s);
void serve_close_trust(struct server *s);
/* SIGHUP: what cannot be read leaves everything as it was, and is logged. */
void serve_reload(struct server *s);

/* ---- serve_core.c: the parts of the core that have threads; push and webhooks end after all
   who may ask them for something ---- */
MUST_CHECK enum err serve_open_signers(struct ctx *cx, struct server *s);
void serve_close_signers(struct server *s);
MUST_CHECK enum err serve_open_roster(struct ctx *cx, struct server *s);
void serve_close_roster(struct server *s);
MUST_CHECK enum err serve_open_signing(struct ctx *cx, struct server *s);
void serve_close_signing(struct server *s);
MUST_CHECK enum err serve_open_packages(struct ctx *cx, struct server *s);
void serve_close_packages(struct server *s);
MUST_CHECK enum err serve_open_refused(struct ctx *cx, struct server *s);
void serve_close_refused(struct server *s);
MUST_CHECK enum err serve_open_hangups(struct ctx *cx, struct server *s);
void serve_close_hangups(struct server *s);
MUST_CHECK enum err serve_open_seen(struct ctx *cx, struct server *s);
void serve_close_seen(struct server *s);
MUST_CHECK enum err serve_open_webhooks(struct ctx *cx, struct server *s);
void serve_close_webhooks(struct server *s);
MUST_CHECK enum err serve_open_push(struct ctx *cx, struct server *s);
void serve_close_push(struct server *s);
MUST_CHECK enum err serve_open_chores(struct ctx *cx, struct server *s);
void serve_close_chores(struct server *s);
MUST_CHECK enum err serve_open_feed(struct ctx *cx, struct server *s);
MUST_CHECK enum err serve_open_outbound(struct ctx *cx, struct server *s);
void serve_close_feed(struct server *s);
void serve_close_outbound(struct server *s);
MUST_CHECK enum err serve_open_logins(struct ctx *cx, struct server *s);
void serve_close_logins(struct server *s);

/* ---- serve_http.c: TLS and the two listeners ---- */
extern const struct route *const serve_device_tables[]; /* what each of them answers; NULL ends them */
extern const struct route *const serve_admin_tables[];
MUST_CHECK enum err serve_open_tls(struct ctx *cx, struct server *s);
void serve_close_tls(struct server *s);
/* The next handshakes use what tls-cert and tls-key of these settings, or the keyring, now hold. */
MUST_CHECK enum err serve_swap_tls(struct ctx *cx, struct server *s, const struct conf *conf);
/* The next handshakes ask for identities as the newest snapshot says. */
MUST_CHECK enum err serve_ask_client(struct ctx *cx, struct server *s);
/* Have tls-cert or tls-key changed since they were read? */
bool serve_tls_changed(struct server *s);
MUST_CHECK enum err serve_open_devices(struct ctx *cx, struct server *s);
MUST_CHECK enum err serve_open_admin(struct ctx *cx, struct server *s);
void serve_close_devices(struct server *s);
void serve_close_admin(struct server *s);
/* No new connections; waits up to 5 s for the open requests. */
void serve_drain(struct server *s);

#endif
