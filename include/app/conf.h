/* Settings: one table (conf.c), read from flags, the environment, a file, defaults, in this order of strength.

   Who owns what: a struct conf owns its texts until conf_free; a reload makes a new one. Threads: immutable once
   loaded. */
#ifndef POMONA_APP_CONF_H
#define POMONA_APP_CONF_H

#include "base/buf.h"
#include "base/ctx.h"
#include "core/core.h"

/* A setting as given on the command line. */
struct conf_flag {
  const char *name, *value;
};

/* Texts that are not set and have no default are NULL. What each means: the table in conf.c. */
struct conf {
  struct ctx *cx;
  const char *data, *config, *database, *secret_key;
  const char *public_url, *listen, *tls_cert, *tls_key, *identity;
  const char *admin_listen, *api_key, *device_ca;
  const char *server; /* NULL: admin_listen's */
  const char *apns_url, *apns_ca, *organization;
  const char *log_level, *log_format;
  const char *trusted_proxies, *unknown_devices, *user_auth;
  const char *authproxy_url, *escrow_key_unlock_url, *proxy;
  const char *mdmcert_url, *mdmcert_api_key;
  const char *smtp_url, *smtp_ca, *mail_from, *mail_to, *notify_command, *domain_ends;
  const char *webhook_url; /* separated by spaces */
  const char *webhook_hmac_key, *webhook_format, *webhook_events;
  bool tls, admin_insecure, device_ca_names, sign_message, scep_legacy, open_enrollment, accept_cut_off,
      webhook_secrets;
  const char *signing_cert, *signing_key;
  int64_t wake_rate, history_days, plan_limit;
  int64_t identity_validity, identity_renew_before, identity_grace; /* microseconds, as all spans */
  int64_t takeover_wait, migration_window, await_timeout, lost_after, inventory_interval; /* takeover_wait 0: unset */
  const char **sources; /* one a row of the table: "default", "environment POMONA_X", "FILE:12" … */
};

/* One row of the table, for those who list settings. */
struct conf_row {
  const char *name;
  int type;               /* conf.c */
  size_t at;              /* where in struct conf */
  const char *by_default; /* as text; NULL: none */
  const char *words;      /* those allowed, separated by '|' */
  const char *derived;    /* what an unset value means, for people; NULL where by_default says it */
  bool live;              /* a reload takes it over; else it needs a restart */
  const char *help;
};
extern const struct conf_row conf_rows[]; /* name NULL ends them */

/* E_USAGE names the place of what is unknown, unreadable or no fitting value: flag, variable or FILE:LINE. */
MUST_CHECK enum err conf_load(struct ctx *cx, struct conf **out, const struct conf_flag *flags, size_t n);
void conf_free(struct conf *c);

/* DATA/name, in cx. */
char *conf_path(struct ctx *cx, const struct conf *c, const char *name);
/* The value of a row as text, NULL when unset; secrets as "********" when masked. In cx. */
const char *conf_value(struct ctx *cx, const struct conf *c, const struct conf_row *row, bool masked);
/* All settings, for those who list them. In cx. */
size_t conf_settings(struct ctx *cx, const struct conf *c, const struct core_setting **out);
/* All settings as a commented file that conf_load reads back. */
struct slice conf_print(struct ctx *cx, const struct conf *c);
/* Settings that need a restart and differ between the two: their names, separated by ", "; "" when none. */
const char *conf_frozen(struct ctx *cx, const struct conf *running, const struct conf *loaded);
/* Gives `loaded` the values of `running` for all that needs a restart. */
void conf_keep_frozen(struct conf *loaded, const struct conf *running);

/* What core sees. Texts are borrowed from c; the files of device-ca are read into c. own_tls is for TLS without
 * tls-cert. */
MUST_CHECK enum err conf_core(struct ctx *cx, struct conf *c, struct core_conf *out);

#endif
