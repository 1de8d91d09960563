/* What the server is made of, as the modules of this layer see it. app/serve wires it; tests wire what they need.

   Who owns what: app owns everything here from start to shutdown. Threads: the pointers never change while threads run;
   what they point to guards itself. Settings are a snapshot that a reload swaps: take it once per unit of work by
   core_conf. */
#ifndef POMONA_CORE_CORE_H
#define POMONA_CORE_CORE_H

#include "base/buf.h"
#include "base/ctx.h"

#include <stdatomic.h>

struct addr_ranges;
struct challenges;
struct db_store;
struct feed;
struct vault;
struct keyring;
struct hangups;
struct js;
struct throttle;
struct unforgotten;
struct notify_child;
struct overview_kept;
struct outbound;
struct push;
struct packages;
struct profile_signing;
struct refused;
struct roster;
struct seen;
struct webhook;
struct pki_signers;
struct pki_trust;

/* How long devices' requests took, in steps of push_pace.c. Counted by the faces, taken by the push thread. */
enum { LATENCY_STEPS = 8 };

/* A setting for those who look at them all, as `pomona conf` prints it. */
struct core_setting {
  const char *name, *value, *by_default, *source, *help; /* value NULL: not set; stars instead of a secret */
  bool secret, reload;                                   /* reload: a change needs no restart */
};

/* Settings that this layer and the faces read; what each means stands in the table of app/conf.c. */
struct core_conf {
  const char *data;
  const char *public_url; /* without a slash at the end */
  const char *organization;
  const char *api_key;            /* NULL: none */
  const char *device_ca_pem;      /* text of the files named by device-ca; NULL: none */
  const char *apns_url, *apns_ca; /* apns_ca NULL: the system's store */
  bool identity_mtls, identity_signature;
  const char *identity_header;               /* in which trusted proxies hand a device's certificate on; NULL: none */
  const struct addr_ranges *trusted_proxies; /* NULL: none */
  bool sign_message, scep_legacy, open_enrollment, device_ca_names;
  bool unenroll_unknown, user_auth_empty, accept_cut_off;
  int64_t identity_validity_us, identity_renew_before_us, identity_grace_us;
  int64_t takeover_wait_us; /* 0: 15 minutes for links of one use, 24 hours for others */
  int64_t migration_window_us, await_timeout_us, history_us, lost_after_us, inventory_interval_us;
  int64_t plan_limit;                                /* devices: a change of a group that concerns more asks first */
  const char *signing_cert, *signing_key;            /* files; NULL: the keyring's */
  const char *authproxy_url, *escrow_key_unlock_url; /* without a slash at the end; authproxy_url NULL: none */
  const char *proxy;                                 /* of HTTP clients; NULL: none */
  const char *push_proxy;                            /* to APNs; NULL: none */
  const char *webhook_urls;                          /* separated by spaces; NULL: none */
  const char *webhook_hmac_key;                      /* NULL: none */
  bool webhook_micromdm, webhook_all, webhook_secrets;
  const char *mdmcert_url, *mdmcert_api_key;  /* mdmcert_api_key NULL: none */
  const char *smtp_url, *smtp_ca, *mail_from; /* smtp_url NULL: no e-mail; smtp_ca NULL: the system's store */
  bool notify_command;                        /* one is set */
  const char *secret_key;                     /* file of the vault's key */
  const char *mail_to;                        /* separated by commas, or NULL */
  int64_t domain_ends;                        /* registration of the domain of public_url; 0: nobody told */
  int64_t wake_rate;                          /* pushes a second */
  const struct core_setting *settings;        /* all of them */
  size_t settings_n;
  bool own_tls; /* the TLS certificate is by our own CA: its root goes into profiles */
};

struct core {
  struct db_store *store;
  struct vault *vault;
  struct keyring *keyring;
  struct push *push; /* NULL where nothing is pushed */
  struct seen *seen;
  struct refused *refused;           /* NULL where nothing is kept of requests that were refused */
  struct roster *roster;             /* NULL where no fleet is listed */
  struct profile_signing *signing;   /* NULL where no profile is signed */
  struct packages *packages;         /* NULL where no file is served */
  struct webhook *webhook;           /* NULL where nothing is delivered */
  struct feed *feed;                 /* NULL where nobody is told what changes */
  struct overview_kept *overview;    /* NULL: nothing is kept of the last page */
  struct hangups *hangups;           /* NULL where nothing is kept of connections without a request */
  struct notify_child *notify_child; /* NULL: no notify-command */
  struct outbound *outbound;         /* of the faces; NULL where nothing is asked of others */
  struct outbound *forwards;         /* the same for what devices ask of authproxy-url: operators wait for none of it */
  struct outbound *logins;           /* the same for what takes passwords: two threads; NULL where nobody logs in */
  struct throttle *throttle;         /* of logins; NULL: none */
  struct challenges *challenges;     /* of passkeys; NULL where nobody logs in */
  struct unforgotten *unforgotten;   /* of Idempotency-Keys; NULL: none */
  struct pki_signers *signers;
  _Atomic int64_t latencies[LATENCY_STEPS]; /* push_felt */
  _Atomic int64_t heard_since, clock_lead;  /* enroll_listens */
  _Atomic int64_t refusals_until;           /* monotonic: for so long those that are recorded are enough */
  atomic_int doctors;                       /* that were asked for and look now */
  atomic_bool ending; /* what is being asked of others over HTTP is given up: a shutdown waits for nobody */
  _Atomic(const struct core_conf *) conf;
  _Atomic(struct pki_trust *) trust; /* CAs whose identities are accepted: ours and device-ca */
};

/* [{"name","value","default","source","secret","set","restart","help"}] */
struct js *core_settings_json(struct ctx *cx, const struct core_setting *rows, size_t n);

static inline const struct core_conf *core_conf(const struct core *c) { return atomic_load(&c->conf); }

#endif
