#include "app/conf.h"

#include "app/conf_int.h"
#include "base/clock.h"
#include "base/enc.h"
#include "lib/net_addr.h"
#include "lib/net_proxy.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

#define AT(member) offsetof(struct conf, member)
#define LIVE true
#define RESTART false

/* A new setting is a row here and a member of struct conf. */
const struct conf_row conf_rows[] = {
    {"data", CONF_PATH, AT(data), "./pomona-data", NULL, NULL, RESTART, "Folder of all state; created with mode 0700."},
    {"config", CONF_PATH, AT(config), NULL, NULL, "DATA/pomona.conf, when there is one", RESTART,
     "File with settings: lines \"name = value\", comments start with #. Not to be set in such a file."},
    {"database", CONF_TEXT, AT(database), "sqlite", NULL, NULL, RESTART, "sqlite keeps everything in DATA/pomona.db."},
    {"secret-key", CONF_PATH, AT(secret_key), NULL, NULL, "DATA/secret.key", RESTART,
     "File with the key that secrets at rest are encrypted with; made when absent. Keep a copy: without it the keys of "
     "the device CA, push certificates and escrowed secrets are lost."},
    {"public-url", CONF_URL, AT(public_url), "https://localhost:8443", NULL, NULL, RESTART,
     "What devices are told to connect to. Enrolled devices keep the one that they were given."},
    {"listen", CONF_ADDRESS, AT(listen), "[::]:8443", NULL, NULL, RESTART,
     "Where devices connect; [::] is IPv6 and IPv4."},
    {"tls", CONF_BOOL, AT(tls), "on", NULL, NULL, RESTART,
     "TLS on the devices' listener; off: plain HTTP, for use behind a proxy that ends TLS."},
    {"tls-cert", CONF_PATH, AT(tls_cert), NULL, NULL, "made for public-url by the own CA", LIVE,
     "PEM file with the TLS certificate and its chain; read again when it changes."},
    {"tls-key", CONF_PATH, AT(tls_key), NULL, NULL, "made for public-url by the own CA", LIVE,
     "PEM file with the key of tls-cert, not encrypted."},
    {"identity", CONF_WORDS, AT(identity), "mtls,signature", "mtls|signature|header:NAME", NULL, LIVE,
     "How devices may prove who they are: by TLS client certificate (mtls), by the header Mdm-Signature (signature), "
     "by a header in which one of trusted-proxies hands their certificate on (header:NAME; RFC 9440 or URL-escaped "
     "PEM)."},
    {"trusted-proxies", CONF_NETWORKS, AT(trusted_proxies), NULL, NULL, "none", LIVE,
     "Networks (CIDR, separated by commas) of the proxies whose header:NAME and X-Forwarded-For are believed."},
    {"admin-listen", CONF_ADDRESS, AT(admin_listen), "127.0.0.1:8444", NULL, NULL, RESTART,
     "Where the API listens. Anything but loopback speaks TLS with the devices' certificate, or needs admin-insecure."},
    {"admin-insecure", CONF_BOOL, AT(admin_insecure), "no", NULL, NULL, RESTART,
     "Plain HTTP on an admin-listen that is not loopback, e.g. inside a container."},
    {"server", CONF_URL, AT(server), NULL, NULL, "admin-listen", LIVE, "Where the command line finds the server."},
    {"api-key", CONF_SECRET, AT(api_key), NULL, NULL, "only the token in DATA/admin.token", LIVE,
     "A key with all rights on the API, beside the token in DATA/admin.token."},
    {"device-ca", CONF_PATH, AT(device_ca), NULL, NULL, "only the own device CA", LIVE,
     "PEM files, separated by commas, of further CAs, roots or intermediates, whose identities are accepted."},
    {"device-ca-names", CONF_BOOL, AT(device_ca_names), "no", NULL, NULL, LIVE,
     "Trust the UDID or serial number that a certificate of a device-ca names when its device enrolls again."},
    {"unknown-devices", CONF_WORD, AT(unknown_devices), "refuse", "refuse|unenroll", NULL, LIVE,
     "What devices are told that prove an identity but are not known here: refuse (400, they stay managed) or unenroll "
     "(403, they remove their management profile: after a restored backup that is the whole fleet)."},
    {"takeover-wait", CONF_SPAN, AT(takeover_wait), NULL, NULL, "15m for links of one use, 24h for others", LIVE,
     "How long a device must keep silent after a push that APNs took before another identity gets its place."},
    {"migration-window", CONF_SPAN, AT(migration_window), "30d", NULL, NULL, LIVE,
     "How long after /migration a device's first contact may bind its identity."},
    {"user-auth", CONF_WORD, AT(user_auth), "decline", "decline|challenge-empty", NULL, LIVE,
     "UserAuthenticate of network users of Macs: decline (410, they are not managed) or challenge-empty (all are)."},
    {"await-timeout", CONF_SPAN, AT(await_timeout), "30m", NULL, NULL, LIVE,
     "How long DeviceConfigured waits for the commands before it."},
    {"history-days", CONF_COUNT, AT(history_days), "90", NULL, NULL, LIVE,
     "For how many days settled commands and events are kept."},
    {"sign-message", CONF_BOOL, AT(sign_message), "yes", NULL, NULL, LIVE,
     "SignMessage in the enrollment profile: devices sign each request, so that a proxy may end TLS."},
    {"wake-rate", CONF_COUNT, AT(wake_rate), "500", NULL, NULL, LIVE,
     "Most pushes a second, all ways in together; fewer while devices wait long for answers."},
    {"scep-legacy", CONF_BOOL, AT(scep_legacy), "no", NULL, NULL, LIVE,
     "Accept SHA-1 and single DES in SCEP, for old clients."},
    {"open-enrollment", CONF_BOOL, AT(open_enrollment), "no", NULL, NULL, LIVE,
     "Serve the enrollment profile at /enroll without a link, to anyone. For labs."},
    {"identity-validity", CONF_SPAN, AT(identity_validity), "730d", NULL, NULL, LIVE,
     "How long the identities of devices are valid."},
    {"identity-renew-before", CONF_SPAN, AT(identity_renew_before), "180d", NULL, NULL, LIVE,
     "How long before their end identities are renewed."},
    {"identity-grace", CONF_SPAN, AT(identity_grace), "365d", NULL, NULL, LIVE,
     "How long after its end an identity is still served its renewal, and nothing else."},
    {"accept-cut-off", CONF_BOOL, AT(accept_cut_off), "no", NULL, NULL, RESTART,
     "Start although public-url, the TLS certificate or device-ca has changed in a way that cuts enrolled devices "
     "off."},
    {"authproxy-url", CONF_URL, AT(authproxy_url), NULL, NULL, "no /authproxy/", LIVE,
     "Where requests of devices below /authproxy/ are handed on to, with their enrollment id."},
    {"escrow-key-unlock-url", CONF_URL, AT(escrow_key_unlock_url), "https://deviceservices-external.apple.com", NULL,
     NULL, LIVE, "Apple's service that lifts Activation Lock by a bypass code."},
    {"webhook-url", CONF_URLS, AT(webhook_url), NULL, NULL, "none", LIVE,
     "Receiver of events; may be given several times, or several at once, separated by spaces."},
    {"webhook-hmac-key", CONF_SECRET, AT(webhook_hmac_key), NULL, NULL, "no signature", LIVE,
     "Key of X-Hmac-Signature, the HMAC-SHA256 of each event's body."},
    {"webhook-format", CONF_WORD, AT(webhook_format), "nanomdm", "nanomdm|micromdm", NULL, LIVE,
     "Whose JSON the events are sent in."},
    {"webhook-events", CONF_WORD, AT(webhook_events), "mdm", "mdm|all", NULL, LIVE,
     "mdm: what devices send, as those servers do; all: pomona's own events, too."},
    {"webhook-secrets", CONF_BOOL, AT(webhook_secrets), "no", NULL, NULL, LIVE,
     "yes: raw_payload is what the device sent, with its unlock and bootstrap tokens and bypass codes; no: those are "
     "empty in it."},
    {"proxy", CONF_PROXY, AT(proxy), NULL, NULL, "HTTPS_PROXY of the environment", LIVE,
     "HTTP proxy (CONNECT) to APNs, webhooks and Apple's services: http://[USER:PASSWORD@]HOST:PORT, user and password "
     "percent-encoded."},
    {"mdmcert-url", CONF_URL, AT(mdmcert_url), "https://mdmcert.download/api/v1/signrequest", NULL, NULL, LIVE,
     "Service that signs requests for push certificates for who has no MDM vendor certificate."},
    {"mdmcert-api-key", CONF_SECRET, AT(mdmcert_api_key), NULL, NULL, "none", LIVE,
     "Key of mdmcert-url, to be asked for there."},
    {"smtp-url", CONF_SECRET, AT(smtp_url), NULL, NULL, "no e-mail", LIVE,
     "Mail server for notices: smtps://USER:PASSWORD@HOST:465 or smtp://HOST:587 (STARTTLS where it is offered, and "
     "always before a password)."},
    {"smtp-ca", CONF_PATH, AT(smtp_ca), NULL, NULL, "the system's store", LIVE,
     "PEM file of the CAs that smtp-url is checked against."},
    {"mail-from", CONF_TEXT, AT(mail_from), NULL, NULL, "pomona@ the host of public-url", LIVE, "Sender of notices."},
    {"mail-to", CONF_TEXT, AT(mail_to), NULL, NULL, "none", LIVE,
     "Recipients of notices, separated by commas; owner and deputy of a push certificate get its own besides."},
    {"notify-command", CONF_TEXT, AT(notify_command), NULL, NULL, "none", RESTART,
     "Program that is run for each notice: POMONA_SUBJECT, POMONA_STEP and POMONA_TITLE in its environment, the text "
     "on its stdin."},
    {"domain-ends", CONF_DATE, AT(domain_ends), NULL, NULL, "not known", LIVE,
     "Until when the domain of public-url is registered, YYYY-MM-DD: it is warned of as of certificates. It cannot be "
     "found out from here."},
    {"inventory-interval", CONF_SPAN, AT(inventory_interval), "1d", "never", NULL, LIVE,
     "How often devices are asked for their facts, profiles, apps and certificates, beside after they enrolled; they "
     "are "
     "spread over it. never: nobody is asked but by hand."},
    {"plan-limit", CONF_COUNT, AT(plan_limit), "100", NULL, NULL, LIVE,
     "A change of a group that would do something to more devices than this asks first."},
    {"signing-cert", CONF_PATH, AT(signing_cert), NULL, NULL, "the server's own signing identity", LIVE,
     "PEM file with a certificate and its chain that profiles are signed with. Devices replace a profile only by one "
     "of "
     "the same signer."},
    {"signing-key", CONF_PATH, AT(signing_key), NULL, NULL, "the server's own signing identity", LIVE,
     "PEM file with the key of signing-cert, not encrypted."},
    {"lost-after", CONF_SPAN, AT(lost_after), "7d", NULL, NULL, LIVE, "After how long a silent device counts as lost."},
    {"apns-url", CONF_URL, AT(apns_url), "https://api.push.apple.com:443", NULL, NULL, LIVE,
     "Apple's push service; also on port 2197. Or the lab's stand-in."},
    {"apns-ca", CONF_PATH, AT(apns_ca), NULL, NULL, "the system's store", LIVE,
     "PEM file of the CAs that apns-url and escrow-key-unlock-url are checked against."},
    {"organization", CONF_TEXT, AT(organization), "Pomona", NULL, NULL, LIVE, "Shown on devices."},
    {"log-level", CONF_WORD, AT(log_level), "info", "debug|info|warn|error", NULL, LIVE, "The least that is logged."},
    {"log-format", CONF_WORD, AT(log_format), "text", "text|json", NULL, LIVE, "text (logfmt) or json, on stderr."},
    {0},
};

size_t conf_row_count(void) { return sizeof conf_rows / sizeof *conf_rows - 1; }

const struct conf_row *conf_row(struct slice name) {
  for (const struct conf_row *row = conf_rows; row->name; row++)
    if (slice_is(name, row->name)) return row;
  return NULL;
}

/* ---- one value of each type ---- */

static bool is_header_name(struct slice s) {
  for (size_t i = 0; i < s.n; i++)
    if (!isalnum((unsigned char)s.p[i]) && s.p[i] != '-' && s.p[i] != '_') return false;
  return s.n > 0;
}

/* "header:NAME" among the words stands for any name of a header. */
static bool among(struct slice word, const char *words) {
  struct slice rest = slice_of(words), one, prefix;
  while (slice_cut(&rest, '|', &one)) {
    if (slice_eq(one, word)) return true;
    struct slice name = word;
    if (slice_is(one, "header:NAME") && slice_cut(&name, ':', &prefix) && slice_is(prefix, "header"))
      return is_header_name(name);
  }
  return false;
}

static enum err check_words(struct ctx *cx, struct slice text, const char *words) {
  struct slice rest = text, one;
  while (slice_cut(&rest, ',', &one))
    if (!among(slice_trim(one), words)) return FAIL(cx, E_USAGE, "\"%.*s\" is none of %s", (int)one.n, one.p, words);
  return OK;
}

static enum err check_url(struct ctx *cx, struct slice text) {
  struct url u;
  if (url_parse(cx, &u, ctx_memdup(cx, text.p, text.n)) != OK ||
      (strcmp(u.scheme, "https") != 0 && strcmp(u.scheme, "http") != 0)) {
    ctx_clear_error(cx);
    return FAIL(cx, E_USAGE, "this is no https://HOST[:PORT] address");
  }
  return OK;
}

static enum err check_proxy(struct ctx *cx, struct slice text) {
  struct proxy unused;
  if (proxy_parse(cx, &unused, ctx_memdup(cx, text.p, text.n)) == OK) return OK;
  const char *why = ctx_strdup(cx, ctx_error_text(cx));
  ctx_clear_error(cx);
  return FAIL(cx, E_USAGE, "%s", why);
}

/* Are they networks that can be told from others? */
static enum err check_networks(struct ctx *cx, struct slice text) {
  struct addr_ranges unused;
  return addr_ranges_parse(cx, &unused, text);
}

static enum err check_address(struct ctx *cx, struct slice text) {
  struct addr a;
  if (addr_parse(cx, &a, ctx_memdup(cx, text.p, text.n)) == OK) return OK;
  ctx_clear_error(cx);
  return FAIL(cx, E_USAGE, "this is no address like 127.0.0.1:8444 or [::]:8443");
}

static enum err check_date(struct ctx *cx, struct slice text) {
  int64_t unused;
  return dec_date(text, &unused) ? OK : FAIL(cx, E_USAGE, "this is no day like 2027-03-31");
}

static bool to_bool(struct slice s, bool *out) {
  bool yes = among(s, "yes|on|true|1"), no = among(s, "no|off|false|0");
  *out = yes;
  return yes || no;
}

static enum err set_bool(struct ctx *cx, bool *out, struct slice text) {
  return to_bool(text, out) ? OK : FAIL(cx, E_USAGE, "\"%.*s\" is neither yes (on) nor no (off)", (int)text.n, text.p);
}

static enum err set_count(struct ctx *cx, int64_t *out, struct slice text) {
  bool ok = slice_to_i64(text, out) && *out > 0 && *out <= 1000000;
  return ok ? OK : FAIL(cx, E_USAGE, "\"%.*s\" is no number from 1 to 1000000", (int)text.n, text.p);
}

/* A row may have a word for none at all. */
static enum err set_span(struct ctx *cx, const struct conf_row *row, int64_t *out, struct slice text) {
  if (row->words && slice_is(text, row->words)) return *out = 0, OK;
  bool ok = dec_span(text, out) && *out <= 36500 * US_DAY;
  return ok ? OK
            : FAIL(cx, E_USAGE, "\"%.*s\" is no span like 90s, 15m, 24h or 730d%s%s", (int)text.n, text.p,
                   row->words ? ", nor " : "", row->words ? row->words : "");
}

static enum err check_text(struct ctx *cx, const struct conf_row *row, struct slice text) {
  switch (row->type) {
  case CONF_URL:
  case CONF_URLS:
    return check_url(cx, text);
  case CONF_PROXY:
    return check_proxy(cx, text);
  case CONF_NETWORKS:
    return check_networks(cx, text);
  case CONF_ADDRESS:
    return check_address(cx, text);
  case CONF_DATE:
    return check_date(cx, text);
  case CONF_WORDS:
    return check_words(cx, text, row->words);
  case CONF_WORD:
    return among(text, row->words) ? OK : FAIL(cx, E_USAGE, "\"%.*s\" is none of %s", (int)text.n, text.p, row->words);
  default:
    return OK;
  }
}

static bool lists(const char *list, struct slice value) {
  struct slice rest = slice_of(list), one;
  while (slice_cut(&rest, ' ', &one))
    if (slice_eq(one, value)) return true;
  return false;
}

enum err conf_set(struct ctx *cx, struct conf *c, const struct conf_row *row, struct slice text, bool more) {
  void *at = (char *)c + row->at;
  if (!text_is_plain(text)) return FAIL(cx, E_USAGE, "the value is no plain UTF-8 text");
  if (row->type == CONF_BOOL) return set_bool(cx, at, text);
  if (row->type == CONF_COUNT) return set_count(cx, at, text);
  if (row->type == CONF_SPAN) return set_span(cx, row, at, text);
  TRY(check_text(cx, row, text));
  while (row->type == CONF_URL && text.p[text.n - 1] == '/') text.n--;
  const char *before = more ? *(const char **)at : NULL;
  if (before && lists(before, text)) return OK;
  *(const char **)at = ctx_printf(c->cx, "%s%s%.*s", before ? before : "", before ? " " : "", (int)text.n, text.p);
  return OK;
}
