#include "app/serve_int.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "core/guard.h"
#include "core/keyring.h"
#include "face/api.h"
#include "face/console.h"
#include "face/device.h"
#include "lib/net_addr.h"

#include <string.h>

enum { PEM_MAX = 1024 * 1024, KIB = 1024, MIB = 1024 * 1024, DRAIN_S = 5 };

/* ---- TLS ---- */

static struct stamp stamp_of(const char *path) {
  struct stat st;
  if (!path || stat(path, &st) != 0) return (struct stamp){0};
  return (struct stamp){st.st_mtim, st.st_ino, st.st_size};
}

static bool same_stamp(const struct stamp *a, const struct stamp *b) {
  return a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec && a->inode == b->inode &&
         a->size == b->size;
}

static void remember_stamps(struct server *s, const struct conf *conf) {
  s->tls_stamps[0] = stamp_of(conf->tls_cert);
  s->tls_stamps[1] = stamp_of(conf->tls_key);
}

bool serve_tls_changed(struct server *s) {
  struct stamp cert = stamp_of(s->conf->tls_cert), key = stamp_of(s->conf->tls_key);
  return !same_stamp(&cert, &s->tls_stamps[0]) || !same_stamp(&key, &s->tls_stamps[1]);
}

/* Stamps are taken before the files are read: what is written meanwhile is read again. */
static enum err read_pair(struct ctx *cx, struct server *s, const struct conf *conf, struct slice *cert,
                          struct slice *key) {
  remember_stamps(s, conf);
  if (!conf->tls_cert) return keyring_tls_pem(cx, s->core.keyring, cert, key);
  TRY(file_read(cx, cert, conf->tls_cert, PEM_MAX));
  return file_read(cx, key, conf->tls_key, PEM_MAX);
}

enum err serve_ask_client(struct ctx *cx, struct server *s) {
  struct slice none = {0};
  return http_tls_ask_client(cx, s->tls, s->snapshots->core.identity_mtls ? s->snapshots->device_ca_pem : none);
}

/* Would it cut enrolled devices off? */
static enum err guard(struct ctx *cx, struct server *s, struct slice cert_pem) {
  struct pki_cert **chain;
  size_t n;
  TRY(pki_certs_parse_pem(cx, &chain, &n, cert_pem));
  return guard_tls(cx, &s->core, chain, n);
}

enum err serve_open_tls(struct ctx *cx, struct server *s) {
  struct slice cert, key;
  if (!s->conf->tls) return guard_tls(cx, &s->core, NULL, 0);
  TRY(read_pair(cx, s, s->conf, &cert, &key));
  TRY(guard(cx, s, cert));
  TRY(http_tls_new(cx, &s->tls, cert, key));
  enum err e = serve_ask_client(cx, s);
  if (e != OK) serve_close_tls(s);
  return e;
}

void serve_close_tls(struct server *s) {
  if (s->tls) http_tls_free(s->tls);
  s->tls = NULL;
}

enum err serve_swap_tls(struct ctx *cx, struct server *s, const struct conf *conf) {
  struct slice cert, key;
  TRY(read_pair(cx, s, conf, &cert, &key));
  TRY(guard(cx, s, cert));
  return http_tls_swap(cx, s->tls, cert, key);
}

/* ---- the devices' listener ---- */

const struct route *const serve_device_tables[] = {
    mdm_routes,       scep_routes,  enroll_routes,        calendar_http_routes,
    authproxy_routes, files_routes, system_device_routes, NULL};

/* Deadlines are absolute: a client cannot stretch them by sending a byte now and then. */
static struct http_conf listener(const char *listen, struct http_tls *tls, struct router *router, size_t headers_max) {
  return (struct http_conf){.listen = listen,
                            .tls = tls,
                            .headers_max = headers_max,
                            .headers_us = 15 * US_SECOND,
                            .body_us = 60 * US_SECOND,
                            .stall_us = 180 * US_SECOND,
                            .idle_us = 75 * US_SECOND,
                            .inflight_max = 128 * MIB,
                            .handler = router_handler(router)};
}

static void tell(const char *name, const struct http_server *server) {
  log_info(NULL, "listening", LOG_S("listener", name), LOG_S("address", http_address(server)));
}

enum err serve_open_devices(struct ctx *cx, struct server *s) {
  s->device_router = (struct router){.listener = "devices", .core = &s->core, .tables = serve_device_tables};
  struct http_conf conf = listener(s->conf->listen, s->tls, &s->device_router, 16 * KIB);
  TRY(http_start(cx, &s->devices, &conf));
  tell("devices", s->devices);
  return OK;
}

void serve_close_devices(struct server *s) { http_stop(s->devices); }

/* ---- the admin listener ---- */

/* Each may hold 2 MiB of headers before anyone knows who sends them. */
enum { ADMIN_CONNECTIONS = 200 };

const struct route *const serve_admin_tables[] = {devices_routes,
                                                  device_export_routes,
                                                  device_acts_routes,
                                                  escrow_routes,
                                                  offboard_routes,
                                                  device_show_routes,
                                                  device_edit_routes,
                                                  device_many_routes,
                                                  inventory_routes,
                                                  takeovers_routes,
                                                  why_routes,
                                                  commands_routes,
                                                  groups_routes,
                                                  links_routes,
                                                  pushcerts_routes,
                                                  pushcert_request_routes,
                                                  guardian_routes,
                                                  calendar_routes,
                                                  metrics_routes,
                                                  recovery_routes,
                                                  pushcert_import_routes,
                                                  pushcert_record_routes,
                                                  pushcert_dossier_routes,
                                                  identities_routes,
                                                  webhooks_routes,
                                                  tls_routes,
                                                  profiles_routes,
                                                  profile_give_routes,
                                                  packages_routes,
                                                  nano_routes,
                                                  nano_queue_routes,
                                                  nano_enrollments_routes,
                                                  nano_unlock_routes,
                                                  migration_routes,
                                                  doctor_routes,
                                                  profile_check_routes,
                                                  status_routes,
                                                  events_routes,
                                                  overview_routes,
                                                  command_types_routes,
                                                  timeline_routes,
                                                  openapi_routes,
                                                  session_routes,
                                                  me_routes,
                                                  passkey_routes,
                                                  users_routes,
                                                  tokens_routes,
                                                  audit_routes,
                                                  console_routes,
                                                  system_admin_routes,
                                                  NULL};

/* Beyond this machine, a token travels: by TLS, or because someone said so. */
static enum err admin_rules(struct ctx *cx, struct server *s, struct addr *at) {
  TRY(addr_parse(cx, at, s->conf->admin_listen));
  s->admin_tls = !addr_is_loopback(at) && !s->conf->admin_insecure;
  if (s->admin_tls && !s->tls)
    return FAIL(cx, E_USAGE, "admin-listen %s is not loopback: it needs tls = on, or admin-insecure = yes",
                s->conf->admin_listen);
  return OK;
}

static void add_host(struct server *s, const char *host) {
  size_t n = 0;
  while (s->hosts[n]) n++;
  if (host && n + 1 < sizeof s->hosts / sizeof *s->hosts) s->hosts[n] = host;
}

/* As it stands in a Host header. */
static char *host_of_url(struct ctx *cx, const char *text) {
  struct url url;
  if (url_parse(cx, &url, text) != OK) return ctx_clear_error(cx), NULL;
  return strchr(url.host, ':') ? ctx_printf(cx, "[%s]", url.host) : url.host;
}

static void collect_hosts(struct ctx *cx, struct server *s, const struct addr *at) {
  struct slice listen = slice_of(s->conf->admin_listen);
  while (listen.n && listen.p[listen.n - 1] != ':') listen.n--;
  add_host(s, "localhost");
  add_host(s, "127.0.0.1");
  add_host(s, "[::1]");
  if (!addr_is_any(at)) add_host(s, ctx_memdup(cx, listen.p, listen.n - 1));
  add_host(s, host_of_url(cx, s->conf->public_url));
  if (s->conf->server) add_host(s, host_of_url(cx, s->conf->server));
}

enum err serve_open_admin(struct ctx *cx, struct server *s) {
  struct addr at;
  TRY(admin_rules(cx, s, &at));
  collect_hosts(cx, s, &at);
  s->admin_router = (struct router){.listener = "admin",
                                    .core = &s->core,
                                    .tables = serve_admin_tables,
                                    .admin = true,
                                    .hosts = s->hosts,
                                    .any_address = addr_is_any(&at),
                                    .lost = &console_lost};
  struct http_conf conf = listener(s->conf->admin_listen, s->admin_tls ? s->tls : NULL, &s->admin_router, 2 * MIB);
  conf.connections = ADMIN_CONNECTIONS;
  TRY(http_start(cx, &s->admin, &conf));
  tell("admin", s->admin);
  return OK;
}

void serve_close_admin(struct server *s) { http_stop(s->admin); }

void serve_drain(struct server *s) {
  int64_t until = clock_mono_us() + DRAIN_S * US_SECOND;
  http_quiesce(s->admin);
  http_quiesce(s->devices);
  bool all = http_drain(s->devices, until);
  all = http_drain(s->admin, until) && all;
  if (!all) log_warn(NULL, "requests were still open at the end and are cut off");
}
