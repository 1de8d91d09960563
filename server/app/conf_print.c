/* Settings for people, and for core. */
#include "app/conf.h"
#include "app/conf_int.h"
#include "base/clock.h"
#include "base/enc.h"
#include "base/file.h"
#include "lib/net_addr.h"
#include "lib/net_proxy.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { CA_MAX = 1024 * 1024, LINE = 100 };

char *conf_path(struct ctx *cx, const struct conf *c, const char *name) {
  size_t n = strlen(c->data);
  return ctx_printf(cx, "%s%s%s", c->data, n && c->data[n - 1] == '/' ? "" : "/", name);
}

/* In the largest unit that leaves no rest. */
static char *span_text(struct ctx *cx, int64_t us) {
  static const struct {
    int64_t us;
    char unit;
  } units[] = {{US_DAY, 'd'}, {US_HOUR, 'h'}, {US_MINUTE, 'm'}, {US_SECOND, 's'}};
  size_t i = 0;
  while (i + 1 < sizeof units / sizeof *units && us % units[i].us) i++;
  return ctx_printf(cx, "%" PRId64 "%c", us / units[i].us, units[i].unit);
}

const char *conf_value(struct ctx *cx, const struct conf *c, const struct conf_row *row, bool masked) {
  const void *at = (const char *)c + row->at;
  if (row->type == CONF_BOOL) return *(const bool *)at ? "yes" : "no";
  if (row->type == CONF_COUNT) return ctx_printf(cx, "%" PRId64, *(const int64_t *)at);
  if (row->type == CONF_SPAN) return *(const int64_t *)at ? span_text(cx, *(const int64_t *)at) : row->words;
  const char *text = *(const char *const *)at;
  if (text && masked && row->type == CONF_PROXY) return proxy_shown(cx, text);
  return text && masked && row->type == CONF_SECRET ? "********" : text;
}

size_t conf_settings(struct ctx *cx, const struct conf *c, const struct core_setting **out) {
  struct core_setting *rows = ctx_alloc(cx, (conf_row_count() + 1) * sizeof *rows);
  size_t n = 0;
  for (const struct conf_row *row = conf_rows; row->name; row++)
    rows[n++] = (struct core_setting){.name = row->name,
                                      .value = conf_value(cx, c, row, true),
                                      .by_default = row->by_default ? row->by_default : row->derived,
                                      .source = c->sources[row - conf_rows],
                                      .help = row->help,
                                      .secret = row->type == CONF_SECRET,
                                      .reload = row->live};
  *out = rows;
  return n;
}

/* As comment lines, wrapped between words. */
static void add_comment(struct buf *b, const char *text) {
  struct slice rest = slice_of(text), word;
  size_t column = LINE;
  while (slice_cut(&rest, ' ', &word)) {
    if (column + word.n + 1 > LINE) {
      buf_add_str(b, column == LINE ? "#" : "\n#");
      column = 1;
    }
    buf_add_char(b, ' ');
    buf_add_slice(b, word);
    column += word.n + 1;
  }
  buf_add_char(b, '\n');
}

/* What is not set, secret, or names this very file stands as a comment, so that reading it back changes nothing. */
static void add_row(struct ctx *cx, struct buf *b, const struct conf *c, const struct conf_row *row) {
  const char *value = conf_value(cx, c, row, true);
  bool comment =
      !value || strcmp(value, conf_value(cx, c, row, false)) != 0 || row->at == offsetof(struct conf, config);
  add_comment(b, row->help);
  add_comment(b, ctx_printf(cx, "Default: %s. A change needs %s.", row->by_default ? row->by_default : row->derived,
                            row->live ? "a reload (SIGHUP)" : "a restart"));
  add_comment(b, ctx_printf(cx, "From: %s", c->sources[row - conf_rows]));
  buf_printf(b, "%s%s = %s\n\n", comment ? "#" : "", row->name, value ? value : "");
}

struct slice conf_print(struct ctx *cx, const struct conf *c) {
  struct buf b = {0};
  for (const struct conf_row *row = conf_rows; row->name; row++) add_row(cx, &b, c, row);
  if (b.n) b.n--; /* no empty line at the end */
  struct slice s = slice_mem(ctx_memdup(cx, b.p, b.n), b.n);
  buf_free(&b);
  return s;
}

static bool differs(struct ctx *cx, const struct conf_row *row, const struct conf *a, const struct conf *b) {
  return !slice_eq(slice_of(conf_value(cx, a, row, false)), slice_of(conf_value(cx, b, row, false)));
}

const char *conf_frozen(struct ctx *cx, const struct conf *running, const struct conf *loaded) {
  const char *names = "";
  for (const struct conf_row *row = conf_rows; row->name; row++)
    if (!row->live && differs(cx, row, running, loaded))
      names = ctx_printf(cx, "%s%s%s", names, *names ? ", " : "", row->name);
  return names;
}

static void keep(struct conf *loaded, const struct conf *running, const struct conf_row *row) {
  void *to = (char *)loaded + row->at;
  const void *from = (const char *)running + row->at;
  if (row->type == CONF_BOOL)
    *(bool *)to = *(const bool *)from;
  else if (row->type == CONF_COUNT || row->type == CONF_SPAN)
    *(int64_t *)to = *(const int64_t *)from;
  else
    *(const char **)to = ctx_strdup(loaded->cx, *(const char *const *)from);
}

void conf_keep_frozen(struct conf *loaded, const struct conf *running) {
  for (const struct conf_row *row = conf_rows; row->name; row++)
    if (!row->live) keep(loaded, running, row);
}

/* ---- for core ---- */

/* NAME of the first "header:NAME". */
static const char *header_of(const struct conf *c) {
  struct slice rest = slice_of(c->identity), one, prefix;
  while (slice_cut(&rest, ',', &one)) {
    one = slice_trim(one);
    if (slice_cut(&one, ':', &prefix) && slice_is(prefix, "header") && one.n) return ctx_memdup(c->cx, one.p, one.n);
  }
  return NULL;
}

static bool lists(const char *list, const char *word) {
  struct slice rest = slice_of(list), one;
  while (slice_cut(&rest, ',', &one))
    if (slice_is(slice_trim(one), word)) return true;
  return false;
}

/* All files one after the other. */
static enum err read_device_ca(struct ctx *cx, const struct conf *c, const char **out) {
  struct slice rest = slice_of(c->device_ca), path;
  *out = NULL;
  while (slice_cut(&rest, ',', &path)) {
    struct slice name = slice_trim(path), pem;
    TRY(file_read(cx, &pem, ctx_memdup(cx, name.p, name.n), CA_MAX));
    *out = ctx_printf(c->cx, "%s%s\n", *out ? *out : "", pem.p);
  }
  return OK;
}

static enum err read_proxies(const struct conf *c, const struct addr_ranges **out) {
  struct addr_ranges *ranges = ctx_alloc(c->cx, sizeof *ranges);
  *out = ranges;
  return addr_ranges_parse(c->cx, ranges, slice_of(c->trusted_proxies));
}

static const char *proxy_of(const struct conf *c) {
  const char *usual = getenv("HTTPS_PROXY");
  if (!usual) usual = getenv("https_proxy");
  return c->proxy ? c->proxy : usual && *usual ? usual : NULL;
}

/* One that is meant for the whole machine is no way to the lab's stand-in on it. */
static const char *push_proxy_of(struct ctx *cx, const struct conf *c) {
  return c->proxy || !url_is_local(cx, c->apns_url) ? proxy_of(c) : NULL;
}

enum err conf_core(struct ctx *cx, struct conf *c, struct core_conf *out) {
  *out = (struct core_conf){
      .data = c->data,
      .public_url = c->public_url,
      .organization = c->organization,
      .api_key = c->api_key,
      .apns_url = c->apns_url,
      .apns_ca = c->apns_ca,
      .identity_mtls = lists(c->identity, "mtls"),
      .identity_signature = lists(c->identity, "signature"),
      .sign_message = c->sign_message,
      .scep_legacy = c->scep_legacy,
      .open_enrollment = c->open_enrollment,
      .device_ca_names = c->device_ca_names,
      .identity_header = header_of(c),
      .unenroll_unknown = strcmp(c->unknown_devices, "unenroll") == 0,
      .user_auth_empty = strcmp(c->user_auth, "challenge-empty") == 0,
      .accept_cut_off = c->accept_cut_off,
      .takeover_wait_us = c->takeover_wait,
      .migration_window_us = c->migration_window,
      .await_timeout_us = c->await_timeout,
      .lost_after_us = c->lost_after,
      .inventory_interval_us = c->inventory_interval,
      .plan_limit = c->plan_limit,
      .signing_cert = c->signing_cert,
      .signing_key = c->signing_key,
      .mdmcert_url = c->mdmcert_url,
      .mdmcert_api_key = c->mdmcert_api_key,
      .smtp_url = c->smtp_url,
      .smtp_ca = c->smtp_ca,
      .mail_from = c->mail_from,
      .mail_to = c->mail_to,
      .history_us = c->history_days * US_DAY,
      .identity_validity_us = c->identity_validity,
      .identity_renew_before_us = c->identity_renew_before,
      .identity_grace_us = c->identity_grace,
      .authproxy_url = c->authproxy_url,
      .escrow_key_unlock_url = c->escrow_key_unlock_url,
      .proxy = proxy_of(c),
      .push_proxy = push_proxy_of(cx, c),
      .notify_command = c->notify_command != NULL,
      .secret_key = c->secret_key ? c->secret_key : conf_path(c->cx, c, "secret.key"),
      .webhook_urls = c->webhook_url,
      .webhook_hmac_key = c->webhook_hmac_key,
      .webhook_micromdm = strcmp(c->webhook_format, "micromdm") == 0,
      .webhook_secrets = c->webhook_secrets,
      .webhook_all = strcmp(c->webhook_events, "all") == 0,
      .wake_rate = c->wake_rate,
      .own_tls = c->tls && !c->tls_cert,
  };
  out->settings_n = conf_settings(c->cx, c, &out->settings);
  if (c->domain_ends) (void)dec_date(slice_of(c->domain_ends), &out->domain_ends); /* checked when it was set */
  if (c->trusted_proxies) TRY(read_proxies(c, &out->trusted_proxies));
  return read_device_ca(cx, c, &out->device_ca_pem);
}
