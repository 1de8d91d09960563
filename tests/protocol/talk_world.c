/* The server of a talk: what app/serve wires, in this process, without TLS and without APNs. */
#include "../unit/store_world.h"
#include "talk_actor.h"

#include "app/conf.h"
#include "app/serve_int.h"
#include "core/chores.h"
#include "core/keyring.h"
#include "core/pushcert.h"
#include "core/refused.h"
#include "core/seen.h"
#include "core/vault.h"
#include "face/outbound.h"
#include "face/router.h"
#include "lib/db_int.h"
#include "lib/pki_cms.h"

#include <glob.h>
#include <string.h>
#include <unistd.h>

#define TOPIC "com.apple.mgmt.External.11111111-2222-3333-4444-555555555555"
#define API_KEY "talk-key"
#define ANY_PORT "127.0.0.1:0"

enum { SIGNERS = 100, KIB = 1024, MIB = 1024 * 1024 };

static struct router device_router, admin_router;
static const char *const hosts[] = {"127.0.0.1", NULL};

/* ---- keys: made once, since that takes longer than a talk ---- */

static struct {
  bool made;
  size_t n;
  struct {
    char name[NAME_MAX_];
    struct buf cert, key;
  } rows[8];
  char server_id[NAME_MAX_];
  struct buf push_pem;
} kept;

static void keep(struct buf *b, struct slice s) {
  buf_clear(b);
  buf_add_slice(b, s);
}

static enum err remember_keys(struct ctx *cx, struct db *db, void *arg) {
  struct db_rows r;
  (void)arg;
  TRY(db_open_rows(cx, db, &r, "SELECT name, cert, key_sealed FROM keyring"));
  while (db_next(&r)) {
    snprintf(kept.rows[kept.n].name, NAME_MAX_, "%s", db_text(&r, 0));
    keep(&kept.rows[kept.n].cert, db_blob(&r, 1));
    keep(&kept.rows[kept.n++].key, db_blob(&r, 2));
  }
  return db_close(&r);
}

static enum err recall_keys(struct ctx *cx, struct db *db, void *arg) {
  (void)arg;
  for (size_t i = 0; i < kept.n; i++)
    TRY(db_run(cx, db,
               "INSERT INTO keyring (name, cert, key_sealed, created_at) VALUES ($1, $2, $3, $4) "
               "ON CONFLICT (name) DO NOTHING",
               DB_S(kept.rows[i].name), DB_B(buf_slice(&kept.rows[i].cert)), DB_B(buf_slice(&kept.rows[i].key)),
               DB_I(clock_now_us())));
  return OK;
}

static void make_push_pem(void) {
  struct ctx *cx = talk.cx;
  struct pki_key *key;
  struct pki_cert *cert;
  struct slice key_pem;
  talk_must(pki_key_new_rsa(cx, &key, 2048));
  struct pki_issue what = {.cn = "APSP:test",
                           .uid = TOPIC,
                           .subject_key = key,
                           .issuer_key = key,
                           .not_before = clock_now_us() - US_DAY,
                           .not_after = clock_now_us() + 3650 * US_DAY,
                           .kind = PKI_PUSH};
  talk_must(pki_cert_issue(cx, &cert, &what));
  talk_must(pki_key_pem(cx, &key_pem, key));
  keep(&kept.push_pem, pki_cert_pem(cx, cert));
  buf_add_slice(&kept.push_pem, key_pem);
}

static enum err import_push(struct ctx *cx, struct db *db, void *arg) {
  return pushcert_store(cx, db, &talk.core, arg, "talk", PUSHCERT_NEW_TOPIC | PUSHCERT_ANYWAY);
}

static void open_keys(void) {
  struct pushcert_pair pair;
  talk_must(world_job(recall_keys, NULL));
  talk_must(keyring_open(talk.cx, &talk.core.keyring, &talk.core, "127.0.0.1"));
  if (!kept.made) {
    talk_must(world_job(remember_keys, NULL));
    make_push_pem();
    kept.made = true;
  }
  talk_must(pushcert_check_pem(talk.cx, &pair, buf_slice(&kept.push_pem)));
  talk_must(world_job(import_push, &pair));
}

/* ---- settings ---- */

/* Devices are asked nothing by themselves, unless a talk says so: else the questions stand among its own commands. */
static void load_settings(void) {
  struct conf_flag flags[1 + WORDS_MAX] = {{"inventory-interval", "never"}};
  size_t n = 1;
  for (size_t i = 0; i < talk.settings_n; i += 2)
    flags[n++] = (struct conf_flag){talk.settings[i], talk.settings[i + 1]};
  talk_must(conf_load(talk.cx, &talk.conf, flags, n));
  talk_must(conf_core(talk.cx, talk.conf, &talk.core_conf));
  talk.core_conf.own_tls = false;
  talk.core_conf.api_key = API_KEY;
  talk.core_conf.data = talk.folder ? talk.folder : "/nonexistent";
  atomic_store(&talk.core.conf, &talk.core_conf);
}

struct pki_cert *world_device_ca(void) {
  static struct pki_cert *ca;
  struct pki_cert *made;
  struct pki_issue what = {.cn = "CA of others",
                           .subject_key = talk_key(),
                           .issuer_key = talk_key(),
                           .not_before = clock_now_us() - US_DAY,
                           .not_after = clock_now_us() + 7300 * US_DAY,
                           .kind = PKI_CA};
  if (ca) return ca;
  talk_must(pki_cert_issue(talk.cx, &made, &what));
  return ca = pki_cert_keep(made);
}

/* As with a setting device-ca. */
static void open_trust(void) {
  struct pki_cert *all[2];
  struct pki_trust *trust;
  talk_must(pki_cert_parse(talk.cx, &all[0], pki_cert_der(keyring_device_ca(talk.core.keyring))));
  talk_must(pki_cert_parse(talk.cx, &all[1], pki_cert_der(world_device_ca())));
  talk_must(pki_trust_new(talk.cx, &trust, all, 2));
  atomic_store(&talk.core.trust, trust);
}

/* ---- listeners ---- */

static struct http_server *listen_for(struct router *router, size_t headers_max, const char *address) {
  struct http_server *server;
  struct http_conf conf = {.listen = address,
                           .threads = 1,
                           .headers_max = headers_max,
                           .headers_us = 15 * US_SECOND,
                           .body_us = 60 * US_SECOND,
                           .idle_us = 75 * US_SECOND,
                           .inflight_max = 128 * MIB,
                           .handler = router_handler(router)};
  talk_must(http_start(talk.cx, &server, &conf));
  return server;
}

/* address: where devices found the server before a restart. */
static void open_listeners(const char *address) {
  device_router = (struct router){.listener = "devices", .core = &talk.core, .tables = serve_device_tables};
  admin_router = (struct router){
      .listener = "admin", .core = &talk.core, .tables = serve_admin_tables, .admin = true, .hosts = hosts};
  talk.devices = listen_for(&device_router, 16 * KIB, address);
  talk.admin = listen_for(&admin_router, 2 * MIB, ANY_PORT);
  talk.core_conf.public_url = ctx_printf(talk.cx, "http://%s", http_address(talk.devices));
  talk_must(nh_new(talk.cx, &talk.client, &(struct nh_conf){0}));
}

/* ---- the whole ---- */

static void open_core(void) {
  uint8_t secret[32] = {7};
  talk.core.vault = vault_new(secret);
  const char *path = talk.folder ? ctx_printf(talk.cx, "%s/pomona.db", talk.folder) : NULL;
  talk_must(store_open(talk.cx, &talk.core.store, path));
  open_keys();
  open_trust();
  talk.core.signers = pki_signers_new(SIGNERS);
  talk_must(seen_start(talk.cx, &talk.core.seen, &talk.core));
  talk_must(refused_start(talk.cx, &talk.core.refused, &talk.core));
  talk_must(outbound_start(talk.cx, &talk.core.outbound, &talk.core, "outbound", 8));
}

static void close_core(void) {
  outbound_stop(talk.core.outbound);
  refused_stop(talk.core.refused);
  seen_stop(talk.core.seen);
  pki_signers_free(talk.core.signers);
  pki_trust_free(atomic_load(&talk.core.trust));
  keyring_close(talk.core.keyring);
  db_store_close(talk.core.store);
  vault_close(talk.core.vault);
}

void world_open(void) {
  if (talk.core.store) return;
  load_settings();
  open_core();
  open_listeners(ANY_PORT);
}

static void close_listeners(void) {
  nh_free(talk.client);
  http_stop(talk.devices);
  http_stop(talk.admin);
}

static void remove_folder(const char *folder) {
  glob_t files;
  if (glob(ctx_printf(talk.cx, "%s/*", folder), 0, NULL, &files) == 0)
    for (size_t i = 0; i < files.gl_pathc; i++) unlink(files.gl_pathv[i]);
  globfree(&files);
  rmdir(folder);
}

void world_close(void) {
  if (talk.core.store) {
    close_listeners();
    close_core();
  }
  conf_free(talk.conf);
  if (talk.folder) remove_folder(talk.folder);
  for (size_t i = 0; i < talk.actors_n; i++) pki_cert_free(talk.actors[i].identity);
  clock_shift(0);
}

void world_restart(void) {
  if (!talk.folder) return;
  const char *address = ctx_strdup(talk.cx, http_address(talk.devices));
  close_listeners();
  close_core();
  open_core();
  open_listeners(address);
}

/* ---- what can happen to it ---- */

enum err world_job(enum err (*fn)(struct ctx *cx, struct db *db, void *arg), void *arg) {
  return db_call(talk.cx, talk.core.store, fn, arg);
}

struct db *world_reader(void) {
  struct db *db;
  talk_must(db_reader(talk.cx, talk.core.store, &db));
  return db;
}

/* A trigger of the writer's own connection before each write to a table: as on a full disk, all of its transaction is
 * lost. */
static enum err break_job(struct ctx *cx, struct db *db, void *arg) {
  static const char *const acts[] = {"INSERT", "UPDATE", "DELETE"};
  const bool *broken = arg;
  struct buf script = {0};
  struct db_rows r;
  TRY(db_open_rows(cx, db, &r, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"));
  while (db_next(&r))
    for (int i = 0; i < 3; i++) {
      const char *table = db_text(&r, 0), *act = acts[i];
      if (*broken)
        buf_printf(&script,
                   "CREATE TEMP TRIGGER broken_%s_%s BEFORE %s ON main.%s BEGIN SELECT RAISE(ROLLBACK, 'full'); END;",
                   table, act, act, table);
      else
        buf_printf(&script, "DROP TRIGGER temp.broken_%s_%s;", table, act);
    }
  enum err e = db_close(&r);
  if (e == OK) e = db_script(cx, db, script.p);
  buf_free(&script);
  return e;
}

void world_break(bool broken) { talk_must(world_job(break_job, &broken)); }

void world_chores(void) {
  seen_stop(talk.core.seen);
  talk_must(seen_start(talk.cx, &talk.core.seen, &talk.core));
  talk_must(refused_flush(talk.cx, talk.core.refused));
  chores_run(&talk.core);
}

/* Whatever a talk says: no device is answered 401, which would unenroll it; our trouble says when to come again. */
static void keep_to_the_rules(const struct http_server *server) {
  bool again = false;
  for (size_t i = 0; i < talk.reply.headers_n; i++)
    if (slice_ieq(slice_of(talk.reply.headers[i].name), "Retry-After")) again = true;
  if (server == talk.devices && talk.reply.status == 401) talk_fail("a device was answered 401");
  if (talk.reply.status == 503 && !again) talk_fail("503 without Retry-After");
}

void world_ask(struct http_server *server, const struct nh_req *rq, const char *path) {
  struct nh_req own = *rq;
  own.url = ctx_printf(talk.cx, "http://%s%s", http_address(server), path);
  talk_must(nh_do(talk.cx, talk.client, &own, &talk.reply));
  keep_to_the_rules(server);
  talk.said = true;
}
