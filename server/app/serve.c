/* The server in the foreground: parts are started in order and stopped in reverse. */
#include "app/cmd.h"
#include "app/serve_int.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/account.h"
#include "core/guard.h"
#include "core/keyring.h"
#include "core/notice.h"
#include "core/push.h"
#include "core/user.h"
#include "face/console.h"
#include "lib/net_addr.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* A new part is a row; `stop` may be NULL. */
struct part {
  enum err (*start)(struct ctx *cx, struct server *s);
  void (*stop)(struct server *s);
};

static const struct part data_parts[] = {
    {serve_open_settings, serve_close_settings},
    {serve_open_folder, serve_close_folder},
    {serve_open_store, serve_close_store},
    {serve_open_keys, serve_close_keys},
};

static enum err check_url(struct ctx *cx, struct server *s) { return guard_url(cx, &s->core); }

static const struct part serving_parts[] = {
    // clang-format off
    {check_url, NULL},
    {serve_open_trust, serve_close_trust},
    {serve_open_signers, serve_close_signers},
    {serve_open_roster, serve_close_roster},
    {serve_open_signing, serve_close_signing},
    {serve_open_refused, serve_close_refused},
    {serve_open_hangups, serve_close_hangups},
    {serve_open_webhooks, serve_close_webhooks},
    {serve_open_packages, serve_close_packages},
    {serve_open_push, serve_close_push},
    {serve_open_seen, serve_close_seen}, /* what it writes last tells the thread of pushes */
    {serve_open_chores, serve_close_chores},
    {serve_open_feed, serve_close_feed},
    {serve_open_tls, serve_close_tls},
    {serve_open_outbound, serve_close_outbound},
    {serve_open_logins, serve_close_logins},
    {serve_open_devices, serve_close_devices},
    {serve_open_admin, serve_close_admin},
    // clang-format on
};

#define COUNT(a) (sizeof(a) / sizeof *(a))

static void stop_parts(struct server *s, const struct part *parts, size_t n) {
  while (n-- > 0)
    if (parts[n].stop) parts[n].stop(s);
}

static enum err start_parts(struct ctx *cx, struct server *s, const struct part *parts, size_t n) {
  for (size_t i = 0; i < n; i++) {
    enum err e = parts[i].start(cx, s);
    if (e == OK) continue;
    stop_parts(s, parts, i);
    return e;
  }
  return OK;
}

/* Exit statuses tell of the command line and of failure here, not of what a client would make of the error. */
static enum err as_start_error(struct ctx *cx, enum err e) {
  if (e == OK || e == E_USAGE) return e;
  const char *why = ctx_strdup(cx, ctx_error_text(cx)), *place = ctx_strdup(cx, ctx_error_place(cx));
  log_debug(cx, "start failed", LOG_S("at", place));
  ctx_clear_error(cx);
  return FAIL(cx, E_CONFLICT, "%s", *why ? why : err_text(e));
}

/* ---- while it runs ---- */

enum { TICK_S = 2 };

static void renew_tls(struct ctx *cx, struct server *s) {
  static int64_t next;
  bool renewed = false;
  if (!s->tls || s->conf->tls_cert || clock_mono_us() < next) return;
  next = clock_mono_us() + US_HOUR;
  enum err e = keyring_renew_tls(cx, s->core.keyring, &s->core, s->host, &renewed);
  if (e == OK && renewed) e = serve_swap_tls(cx, s, s->conf);
  if (e != OK)
    log_failure(LOG_ERROR, cx, "the own TLS certificate could not be renewed");
  else if (renewed)
    log_info(cx, "new TLS certificate", LOG_S("host", s->host));
}

static void watch_tls_files(struct ctx *cx, struct server *s) {
  if (!s->tls || !s->conf->tls_cert || !serve_tls_changed(s)) return;
  if (serve_swap_tls(cx, s, s->conf) == OK)
    log_info(cx, "TLS certificate read again", LOG_S("file", s->conf->tls_cert));
  else
    log_failure(LOG_ERROR, cx, "the changed TLS certificate is not used");
}

static void tick(struct server *s) {
  struct ctx *cx = ctx_new();
  renew_tls(cx, s);
  ctx_clear_error(cx);
  watch_tls_files(cx, s);
  ctx_free(cx);
}

/* Blocked in every thread from the start on; only this loop takes them. */
static void block_signals(sigset_t *set) {
  sigemptyset(set);
  sigaddset(set, SIGINT);
  sigaddset(set, SIGTERM);
  sigaddset(set, SIGHUP);
  sigprocmask(SIG_BLOCK, set, NULL);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN); /* a limit of file sizes is a full disk: trouble that passes */
}

static int wait_for_end(struct server *s, const sigset_t *set) {
  for (;;) {
    int got = sigtimedwait(set, NULL, &(struct timespec){.tv_sec = TICK_S});
    if (got == SIGHUP)
      serve_reload(s);
    else if (got > 0)
      return got;
    tick(s);
  }
}

/* Owners of certificates get mail, too; who they are is not known before an import. */
static bool tells_nobody(const struct conf *c) { return !c->smtp_url && !c->notify_command && !c->webhook_url; }

/* As a browser reaches the admin listener: where it is beyond this machine, by the name in its certificate. */
static const char *admin_address(struct ctx *cx, const struct server *s) {
  struct addr at;
  const char *text = http_address(s->admin);
  bool any = addr_parse(cx, &at, text) == OK && addr_is_any(&at);
  return any ? ctx_printf(cx, "%s:%d", s->admin_tls ? s->host : "localhost", http_port(s->admin)) : text;
}

struct first_link {
  const char *token; /* NULL: somebody can log in already */
};

static enum err first_link_job(struct ctx *cx, struct db *db, void *arg) {
  struct first_link *link = arg;
  bool any;
  char *token;
  TRY(user_any(cx, db, &any));
  if (any) return OK;
  TRY(setup_new(cx, db, NULL, false, "serve", &token));
  link->token = token;
  return OK;
}

/* Only a terminal is shown the link: logs are kept and read by many. */
static void greet_console(struct ctx *cx, const struct server *s) {
  struct first_link link = {0};
  struct db *db;
  bool any;
  if (!console_is_there()) return;
  const char *base = ctx_printf(cx, "%s://%s", s->admin_tls ? "https" : "http", admin_address(cx, s));
  if (db_reader(cx, s->core.store, &db) != OK || user_any(cx, db, &any) != OK) return;
  if (any) {
    printf("  the console            %s/\n", base);
  } else if (!isatty(STDOUT_FILENO)) {
    puts("  nobody can log in to the console yet: `pomona user setup-link` makes a link for the first admin");
  } else if (db_call(cx, s->core.store, first_link_job, &link) == OK && link.token) {
    printf("  to log in the first time, open this in a browser within an hour; it is good once:\n"
           "      %s/setup#%s\n",
           base, link.token);
  }
}

/* For people: on the first start, and on a terminal. The log says the same to machines. */
static void greet(struct ctx *cx, const struct server *s) {
  if (!s->fresh && !isatty(STDOUT_FILENO)) return;
  printf("pomona " POMONA_VERSION "\n"
         "  devices connect to     %s (listening on %s)\n"
         "  the API listens on     %s://%s (token in %s/" ACCOUNT_TOKEN_FILE ")\n"
         "  next: `pomona pushcert import FILE…` with your APNs certificate and key, then `pomona enroll link`\n",
         s->conf->public_url, http_address(s->devices), s->admin_tls ? "https" : "http", http_address(s->admin),
         s->conf->data);
  greet_console(cx, s);
  if (tells_nobody(s->conf))
    puts("  nobody is told yet before a certificate ends: set smtp-url and mail-to, notify-command or webhook-url,\n"
         "  or put the dates into your calendar (`pomona pushcert calendar`)");
  fflush(stdout);
}

static void serve_until_signal(struct ctx *cx, struct server *s, const sigset_t *signals) {
  log_info(NULL, "ready", LOG_S("version", POMONA_VERSION), LOG_S("data", s->conf->data));
  greet(cx, s);
  int got = wait_for_end(s, signals);
  log_info(NULL, "stopping", LOG_S("signal", got == SIGINT ? "SIGINT" : "SIGTERM"));
  push_quiesce(s->core.push);
  serve_drain(s);
  atomic_store(&s->core.ending, true);
}

static enum err serve(struct ctx *cx, struct server *s, const sigset_t *signals) {
  TRY(start_parts(cx, s, data_parts, COUNT(data_parts)));
  enum err e = start_parts(cx, s, serving_parts, COUNT(serving_parts));
  if (e == OK) {
    serve_until_signal(cx, s, signals);
    stop_parts(s, serving_parts, COUNT(serving_parts));
  }
  stop_parts(s, data_parts, COUNT(data_parts));
  return e;
}

enum err cmd_serve(struct ctx *cx, struct args *a) {
  struct server s = {.args = a, .conf = a->conf};
  sigset_t signals;
  block_signals(&signals);
  TRY(notify_child_start(cx, &s.core.notify_child, a->conf->notify_command)); /* before there are threads */
  log_start();
  enum err e = serve(cx, &s, &signals);
  if (e == OK) log_info(NULL, "stopped");
  notify_child_stop(s.core.notify_child);
  log_stop();
  return as_start_error(cx, e);
}

enum err cmd_init(struct ctx *cx, struct args *a) {
  struct server s = {.args = a, .conf = a->conf};
  enum err e = start_parts(cx, &s, data_parts, COUNT(data_parts));
  if (e != OK) return as_start_error(cx, e);
  stop_parts(&s, data_parts, COUNT(data_parts));
  printf("%s is ready: keys, certificates and the API's token (%s/" ACCOUNT_TOKEN_FILE ") are in it.\n"
         "Keep a copy of %s: what is secret in the database cannot be read without it.\n",
         a->conf->data, a->conf->data,
         a->conf->secret_key ? a->conf->secret_key : conf_path(cx, a->conf, "secret.key"));
  return OK;
}
