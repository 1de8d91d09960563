/* What lies in DATA, and who is told of trouble. */
#include "core/doctor_int.h"

#include "base/clock.h"
#include "base/enc.h"
#include "core/guard.h"
#include "core/keyring.h"
#include "core/webhook.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- files ---- */

/* Who may read it beside its owner may read the keys of the whole fleet. */
static bool check_mode(struct check *c, const char *path, mode_t mode, const char *what) {
  struct stat st;
  if (stat(path, &st) != 0) {
    found(c, DOCTOR_FAIL, ctx_printf(c->cx, "%s %s: %s.", what, path, strerror(errno)),
          "Give the right folder by --data (and --secret-key), or restore it from a backup.");
    return false;
  }
  if (st.st_mode & 077 & ~mode) {
    found(c, DOCTOR_FAIL,
          ctx_printf(c->cx, "%s %s has mode %04o: others on this machine may read keys and secrets.", what, path,
                     (unsigned)(st.st_mode & 07777)),
          ctx_printf(c->cx, "chmod %04o %s", (unsigned)mode, path));
    return false;
  }
  if (st.st_uid == geteuid()) return true;
  bool root = geteuid() == 0;
  found(c, root ? DOCTOR_OK : DOCTOR_FAIL,
        ctx_printf(c->cx, "%s %s belongs to user %u, the doctor runs as %u.", what, path, (unsigned)st.st_uid,
                   (unsigned)geteuid()),
        root ? NULL : "Run the doctor as the user that runs the server; else chown it to that user.");
  return root;
}

void check_folder(struct check *c) {
  const char *data = core_conf(c->doctor->core)->data, *key = core_conf(c->doctor->core)->secret_key;
  bool good = check_mode(c, data, 0700, "The data folder");
  good = check_mode(c, key, 0600, "The secret key") && good;
  if (good && c->doctor->vault_trouble) {
    found(c, DOCTOR_FAIL, ctx_printf(c->cx, "%s.", c->doctor->vault_trouble),
          "Without its key nothing secret in the database can be read: put the copy back that you kept.");
    return;
  }
  if (good && c->n == 0) found(c, DOCTOR_OK, ctx_printf(c->cx, "%s and its key are closed to others.", data), NULL);
}

void check_disk(struct check *c) {
  enum { FULL = 90, LEFT_MIB = 64 };
  struct guard_disk d;
  if (guard_disk(c->cx, core_conf(c->doctor->core)->data, &d) != OK) {
    found(c, DOCTOR_FAIL, ctx_printf(c->cx, "Its room cannot be told: %s.", ctx_error_text(c->cx)), NULL);
    ctx_clear_error(c->cx);
    return;
  }
  const char *text = ctx_printf(c->cx, "%" PRId64 " MiB are free, %d %% are used.", d.free_mib, d.used_percent);
  enum doctor_status s = d.free_mib < LEFT_MIB ? DOCTOR_FAIL : d.used_percent >= FULL ? DOCTOR_WARN : DOCTOR_OK;
  if (s == DOCTOR_OK)
    found(c, s, text, NULL);
  else
    found(c, s, ctx_printf(c->cx, "%s When it is full devices are refused (503) until there is room.", text),
          "Make room on the disk of the data folder.");
}

/* ---- the database ---- */

enum { WAL_MIB = 256, QUICK_S = 5 };

static int64_t wal_mib(struct check *c) {
  struct stat st;
  const char *path = ctx_printf(c->cx, "%s/pomona.db-wal", core_conf(c->doctor->core)->data);
  return stat(path, &st) == 0 ? (int64_t)(st.st_size >> 20) : 0;
}

void check_database(struct check *c) {
  char *trouble;
  bool whole;
  if (!c->db) {
    found(c, DOCTOR_FAIL, ctx_printf(c->cx, "It cannot be opened: %s.", c->doctor->store_trouble),
          "Run the doctor as the server's user and with its --data; if the file is damaged, restore a backup.");
    return;
  }
  if (db_quick_check(c->cx, c->db, QUICK_S * US_SECOND, &trouble, &whole) != OK) {
    not_read(c);
    return;
  }
  int64_t wal = wal_mib(c);
  if (trouble)
    found(c, DOCTOR_FAIL, ctx_printf(c->cx, "SQLite finds it damaged: %s.", trouble),
          "Stop the server, keep a copy of the data folder, and restore the last backup.");
  else if (wal > WAL_MIB)
    found(c, DOCTOR_WARN,
          ctx_printf(c->cx, "Its log (pomona.db-wal) has grown to %" PRId64 " MiB: something keeps reading it.", wal),
          "Close programs that hold the database open (backups, sqlite3), or restart the server.");
  else
    found(c, DOCTOR_OK,
          ctx_printf(c->cx, "Schema %d, %s.", db_schema_newest(),
                     whole ? "no damage found" : "no damage found as far as it was looked through in 5 s"),
          NULL);
}

/* ---- the server ---- */

void check_server(struct check *c) {
  const struct doctor *d = c->doctor;
  if (!d->server)
    found(c, DOCTOR_WARN, ctx_printf(c->cx, "No server answers: %s", d->server_says),
          "Start `pomona serve` if it should be running; while it is off devices wait.");
  else if (d->server_says)
    found(c, DOCTOR_FAIL, ctx_printf(c->cx, "%s is not ready to serve: %s", d->server, d->server_says),
          "See `pomona status` and the server's log; devices are answered 503 and come again.");
  else
    found(c, DOCTOR_OK, ctx_printf(c->cx, "%s is ready.", d->server), NULL);
}

/* ---- keys ---- */

static void check_pair(struct check *c, const char *what, const struct pki_cert *cert, int64_t warn, const char *fix) {
  int64_t left = cert ? pki_cert_not_after(cert) - clock_now_us() : 0;
  if (!cert) return;
  const char *day = ctx_printf(c->cx, "%.10s", enc_time(c->cx, pki_cert_not_after(cert)));
  if (left <= 0)
    found(c, DOCTOR_FAIL, ctx_printf(c->cx, "The %s ended on %s.", what, day), fix);
  else if (left < warn)
    found(c, DOCTOR_WARN, ctx_printf(c->cx, "The %s ends on %s.", what, day), fix);
}

static void check_device_cas(struct check *c) {
  const char *pem = core_conf(c->doctor->core)->device_ca_pem;
  struct pki_cert **certs;
  size_t n = 0;
  if (!pem) return;
  if (pki_certs_parse_pem(c->cx, &certs, &n, slice_of(pem)) != OK) {
    not_read(c);
    return;
  }
  for (size_t i = 0; i < n; i++)
    check_pair(c, ctx_printf(c->cx, "CA %s of device-ca", pki_cert_subject(c->cx, certs[i])), certs[i], 90 * US_DAY,
               "Devices whose identities it issued are refused from then on: have them renewed before.");
}

void check_keys(struct check *c) {
  const struct doctor *d = c->doctor;
  const struct keyring *k = d->core->keyring;
  if (!k) {
    found(c, DOCTOR_FAIL, ctx_printf(c->cx, "The server's own keys cannot be opened: %s.", d->keyring_trouble),
          "The secret key has to be the one that this database was made with.");
    return;
  }
  check_pair(
      c, "device CA, which issues the identities of devices,", keyring_device_ca(k), 730 * US_DAY,
      "Identities cannot outlive it: plan a new device CA, and keep this one in device-ca until all are renewed.");
  check_pair(c, "TLS CA, which devices were given as root,", keyring_tls_ca(k), 730 * US_DAY,
             "Stage another root ahead (`pomona tls stage FILE`), or change to a public certificate.");
  check_pair(c, "identity that signs profiles", keyring_signing(k), 365 * US_DAY,
             "Updates of a profile must come from the same signer: plan for new profiles.");
  check_device_cas(c);
  if (c->n == 0)
    found(c, DOCTOR_OK,
          ctx_printf(c->cx, "Device CA, TLS CA and signing identity open; the device CA ends on %.10s.",
                     enc_time(c->cx, pki_cert_not_after(keyring_device_ca(k)))),
          NULL);
}

/* ---- who is told ---- */

static void check_webhook(struct check *c, const struct webhook_info *w) {
  const char *url = webhook_origin(c->cx, w->url);
  if (strcmp(w->state, "failing") == 0)
    found(c, DOCTOR_WARN,
          ctx_printf(c->cx, "%s does not take events: %s; %" PRId64 " wait.", url, w->error ? w->error : "no answer",
                     w->due),
          "Mend the receiver; `pomona webhook test` tries it. What waits is sent by itself.");
  if (w->dead)
    found(c, DOCTOR_WARN,
          ctx_printf(c->cx, "%" PRId64 " messages for %s were given up: its records lack them.", w->dead, url),
          "`pomona webhook list --dead` shows them, `pomona webhook replay` sends them again.");
}

void check_webhooks(struct check *c) {
  struct webhook_info *all;
  size_t n;
  if (webhook_list(c->cx, c->db, c->doctor->core, &all, &n) != OK) {
    not_read(c);
    return;
  }
  for (size_t i = 0; i < n; i++) check_webhook(c, &all[i]);
  if (c->n == 0)
    found(c, n ? DOCTOR_OK : DOCTOR_SKIP, n ? ctx_printf(c->cx, "%zu take all events.", n) : "None are set.", NULL);
}

void check_notices(struct check *c) {
  const struct core_conf *conf = core_conf(c->doctor->core);
  bool mail = conf->smtp_url && conf->mail_to;
  if (conf->smtp_url && !conf->mail_to)
    found(c, DOCTOR_WARN, "smtp-url is set, but mail-to is not: nobody gets the mail but the owners of certificates.",
          "Set mail-to to two people at least.");
  else if (!conf->smtp_url && conf->mail_to)
    found(c, DOCTOR_FAIL, "mail-to is set, but smtp-url is not: no mail is sent.", "Set smtp-url.");
  else if (!mail && !conf->notify_command && !conf->webhook_urls)
    found(c, DOCTOR_WARN,
          "Nobody is told when a certificate is about to end, but by the log: an APNs certificate that ends unnoticed "
          "darkens the whole fleet.",
          "Set smtp-url and mail-to, or notify-command, or webhook-url; or put the dates into your calendar: `pomona "
          "pushcert "
          "calendar`.");
  else
    found(c, DOCTOR_OK,
          ctx_printf(c->cx, "People are told by %s%s%s.", mail ? "e-mail" : "",
                     conf->notify_command ? mail ? ", notify-command" : "notify-command" : "",
                     conf->webhook_urls ? mail || conf->notify_command ? ", webhooks" : "webhooks" : ""),
          NULL);
}

void check_domain(struct check *c) {
  enum { SOON_DAYS = 60 };
  int64_t ends = core_conf(c->doctor->core)->domain_ends, left = ends - clock_now_us();
  const char *host = c->shared->public_known ? c->shared->public_url.host : "";
  bool own = strchr(host, '.') && strspn(host, "0123456789.") != strlen(host);
  if (!own)
    found(c, DOCTOR_SKIP, ctx_printf(c->cx, "%s is no registered name.", host), NULL);
  else if (!ends)
    found(c, DOCTOR_WARN,
          ctx_printf(c->cx,
                     "Nobody told when the registration of the domain of %s ends: devices keep that address for ever, "
                     "and whoever owns the name then answers them.",
                     host),
          "Set domain-ends (YYYY-MM-DD) and renew the domain automatically.");
  else
    found(c,
          left <= 0                   ? DOCTOR_FAIL
          : left < SOON_DAYS * US_DAY ? DOCTOR_WARN
                                      : DOCTOR_OK,
          ctx_printf(c->cx, "The registration of the domain of %s %s on %.10s.", host, left <= 0 ? "ended" : "ends",
                     enc_time(c->cx, ends)),
          left < SOON_DAYS * US_DAY ? "Renew it, and set domain-ends to the new date." : NULL);
}
