/* A push thread with its database, and a stand-in for APNs over HTTP/2 and TLS on loopback that answers as a test says.
 */
#ifndef POMONA_TESTS_PUSH_WORLD_H
#define POMONA_TESTS_PUSH_WORLD_H

#include "store_world.h"

#include "base/clock.h"
#include "base/enc.h"
#include "base/log.h"
#include "core/push_engine.h"
#include "core/pushcert.h"
#include "core/vault.h"
#include "lib/net_h2.h"
#include "lib/pki_cert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define TOPIC "com.apple.mgmt.External.11111111-2222-3333-4444-555555555555"
#define OTHER "com.apple.mgmt.External.99999999-2222-3333-4444-555555555555"
#define PATIENCE (20 * US_SECOND) /* how long a test waits for what must happen */

struct world;
struct apns {
  struct h2_server *server;
  struct tls_server *tls;
  int port;
  uint32_t max_streams; /* 0: as many as usual */
  pthread_mutex_t lock;
  pthread_cond_t changed;
  int64_t requests;
  struct map *by_path; /* path: how often, counted up from NULL */
  const char *release; /* what was held is answered with it; NULL: not yet; under lock */
  int64_t held[16];
  size_t held_n;
  bool cut;          /* all connections are to be; under lock */
  char last[8][128]; /* method, path, body, apns-topic, -push-type, -priority, -expiration, -id of the last request */
  size_t last_headers;
  void (*answer)(struct world *w, struct h2_server *s, const struct h2_server_req *rq);
};

struct world {
  struct ctx *cx;
  struct core core;
  struct core_conf conf;
  struct push_tuning tuning;
  struct pki_key *key;
  char ca_file[64];
  struct slice server_cert, server_key;
  struct apns apns;
};

/* ---- the stand-in ---- */

static void reply(struct h2_server *s, int64_t id, int status, const char *body) {
  h2_server_reply(s, id, status, NULL, 0, slice_of(body));
}
static inline void answer_fine(struct world *w, struct h2_server *s, const struct h2_server_req *rq) {
  (void)w;
  reply(s, rq->id, 200, "");
}
/* Kept until the test releases it. */
static inline void answer_held(struct world *w, struct h2_server *s, const struct h2_server_req *rq) {
  (void)s;
  pthread_mutex_lock(&w->apns.lock);
  w->apns.held[w->apns.held_n++] = rq->id;
  pthread_cond_broadcast(&w->apns.changed);
  pthread_mutex_unlock(&w->apns.lock);
}

static void record(struct apns *a, const struct h2_server_req *rq) {
  static const char *const names[] = {"apns-topic", "apns-push-type", "apns-priority", "apns-expiration", "apns-id"};
  pthread_mutex_lock(&a->lock);
  snprintf(a->last[0], sizeof a->last[0], "%s", rq->method);
  snprintf(a->last[1], sizeof a->last[1], "%s", rq->path);
  snprintf(a->last[2], sizeof a->last[2], "%.*s", (int)rq->body.n, rq->body.p);
  for (size_t i = 0; i < 5; i++) {
    const char *value = rq->header(rq, names[i]);
    snprintf(a->last[3 + i], sizeof a->last[0], "%s", value ? value : "(none)");
  }
  a->last_headers = rq->header_n;
  uintptr_t before = (uintptr_t)map_get(a->by_path, slice_of(rq->path));
  map_put(a->by_path, slice_of(rq->path), (void *)(before + 1));
  a->requests++;
  pthread_cond_broadcast(&a->changed);
  pthread_mutex_unlock(&a->lock);
}

static void on_request(struct h2_server *s, const struct h2_server_req *rq, void *arg) {
  struct world *w = arg;
  record(&w->apns, rq);
  w->apns.answer(w, s, rq);
}

static void on_tick(struct h2_server *s, void *arg) {
  struct apns *a = &((struct world *)arg)->apns;
  pthread_mutex_lock(&a->lock);
  if (a->cut) h2_server_drop(s, 0);
  a->cut = false;
  for (; a->release && a->held_n; a->held_n--) {
    bool fine = a->release[0] == '\0';
    reply(s, a->held[a->held_n - 1], fine ? 200 : 410, a->release);
  }
  pthread_mutex_unlock(&a->lock);
}

static void apns_start(struct world *w) {
  struct ctx *cx = ctx_new();
  struct h2_server_conf conf = {.listen = ctx_printf(cx, "127.0.0.1:%d", w->apns.port),
                                .tls = w->apns.tls,
                                .max_streams = w->apns.max_streams,
                                .request = on_request,
                                .tick = on_tick,
                                .arg = w};
  assert_int_equal(h2_server_start(cx, &w->apns.server, &conf), OK);
  w->apns.port = h2_server_port(w->apns.server);
  ctx_free(cx);
}

static inline void apns_stop(struct world *w) {
  h2_server_stop(w->apns.server);
  w->apns.server = NULL;
}

static inline int64_t requests(struct world *w) {
  pthread_mutex_lock(&w->apns.lock);
  int64_t n = w->apns.requests;
  pthread_mutex_unlock(&w->apns.lock);
  return n;
}

static inline void await_requests(struct world *w, int64_t n) {
  int64_t until = clock_mono_us() + PATIENCE;
  pthread_mutex_lock(&w->apns.lock);
  while (w->apns.requests < n)
    if (!cond_wait_until(&w->apns.changed, &w->apns.lock, until)) break;
  int64_t got = w->apns.requests;
  pthread_mutex_unlock(&w->apns.lock);
  assert_true(got >= n);
}

/* Everything held so far is answered by 200, or with a body by 410. */
static inline void release(struct world *w, const char *body) {
  pthread_mutex_lock(&w->apns.lock);
  w->apns.release = body;
  pthread_mutex_unlock(&w->apns.lock);
  h2_server_wake(w->apns.server);
}

/* Cuts all connections, on the stand-in's own thread. */
static inline void cut_all(struct world *w) {
  pthread_mutex_lock(&w->apns.lock);
  w->apns.cut = true;
  pthread_mutex_unlock(&w->apns.lock);
  h2_server_wake(w->apns.server);
}

/* ---- the database ---- */

struct sql {
  enum err (*fn)(struct world *w, struct ctx *cx, struct db *db, void *arg);
  struct world *w;
  void *arg;
};
static enum err sql_job(struct ctx *cx, struct db *db, void *arg) {
  struct sql *s = arg;
  enum err e = s->fn(s->w, cx, db, s->arg);
  if (e != OK) fprintf(stderr, "job: %s\n", ctx_error_text(cx));
  return e;
}
static void in_job(struct world *w, enum err (*fn)(struct world *, struct ctx *, struct db *, void *), void *arg) {
  struct sql s = {fn, w, arg};
  struct ctx *cx = ctx_new();
  assert_int_equal(db_call(cx, w->core.store, sql_job, &s), OK);
  ctx_free(cx);
}

struct statement {
  const char *sql;
  struct db_val a, b;
};
static enum err statement_fn(struct world *w, struct ctx *cx, struct db *db, void *arg) {
  struct statement *s = arg;
  (void)w;
  if (!s->a.type) return db_run(cx, db, s->sql);
  return s->b.type ? db_run(cx, db, s->sql, s->a, s->b) : db_run(cx, db, s->sql, s->a);
}
static inline void run_sql(struct world *w, const char *sql, struct db_val a, struct db_val b) {
  in_job(w, statement_fn, &(struct statement){sql, a, b});
}

static inline int64_t number(struct world *w, const char *sql) {
  struct db *db;
  int64_t n = -1;
  struct ctx *cx = ctx_new();
  assert_int_equal(db_reader(cx, w->core.store, &db), OK);
  assert_int_equal(db_one_int(cx, db, &n, sql), OK);
  ctx_free(cx);
  return n;
}

/* What other threads write is looked for until it is there. */
static inline void await_number(struct world *w, const char *sql, int64_t n) {
  int64_t until = clock_mono_us() + PATIENCE;
  while (number(w, sql) != n && clock_mono_us() < until) usleep(1000);
  assert_int_equal(number(w, sql), n);
}

/* Channels numbered from `first`: seq, and token as decimal digits. */
static inline void add_devices(struct world *w, int64_t first, int64_t n, const char *topic) {
  run_sql(w, "INSERT INTO device (seq, id, created_at) SELECT 1, 'D', 0 WHERE NOT EXISTS (SELECT 1 FROM device)",
          DB_END, DB_END);
  for (int64_t i = first; i < first + n; i += 500) {
    int64_t last = i + 499 < first + n - 1 ? i + 499 : first + n - 1;
    run_sql(w,
            "WITH RECURSIVE k(i) AS (SELECT $1 UNION ALL SELECT i + 1 FROM k WHERE i < $2) INSERT INTO enrollment"
            " (seq, id, device, type, enabled, token, push_magic, token_at, created_at)"
            " SELECT i, 'D' || i, 1, 'Device', 1, CAST(printf('%016d', i) AS BLOB), 'magic-' || i, 1, 0 FROM k",
            DB_I(i), DB_I(last));
  }
  run_sql(w, "UPDATE enrollment SET topic = $1 WHERE topic IS NULL", DB_S(topic), DB_END);
}

static inline char *path_of(struct world *w, int64_t enrollment) {
  char token[17];
  snprintf(token, sizeof token, "%016lld", (long long)enrollment);
  return ctx_printf(w->cx, "/3/device/%s", enc_hex(w->cx, token, 16));
}
static inline int pushes_to(struct world *w, int64_t enrollment) {
  char *path = path_of(w, enrollment);
  pthread_mutex_lock(&w->apns.lock);
  int n = (int)(uintptr_t)map_get(w->apns.by_path, slice_of(path));
  pthread_mutex_unlock(&w->apns.lock);
  return n;
}

struct due_arg {
  struct push_result *r;
  size_t n;
  enum push_why why;
  int64_t at;
  const char *reason;
};
static enum err due_fn(struct world *w, struct ctx *cx, struct db *db, void *arg) {
  struct due_arg *d = arg;
  const char *reason = NULL;
  for (size_t i = 0; i < d->n; i++)
    TRY(push_due(cx, db, &w->core, d->r[i].enrollment, d->why, d->at, d->r[i].apns_id, &reason));
  d->reason = ctx_strdup(w->cx, reason);
  return OK;
}
static inline const char *make_due(struct world *w, struct push_result *r, size_t n, enum push_why why) {
  struct due_arg d = {.why = why};
  for (size_t i = 0; i < n; i += 500) {
    d.r = r + i;
    d.n = n - i < 500 ? n - i : 500;
    in_job(w, due_fn, &d);
  }
  return d.reason;
}
static inline struct push_result *results_of(struct world *w, int64_t first, size_t n) {
  struct push_result *r = ctx_alloc(w->cx, n * sizeof *r);
  for (size_t i = 0; i < n; i++) r[i].enrollment = first + (int64_t)i;
  return r;
}

struct latch {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  bool open;
};
static void latch_open(void *arg) {
  struct latch *l = arg;
  pthread_mutex_lock(&l->lock);
  l->open = true;
  pthread_cond_signal(&l->changed);
  pthread_mutex_unlock(&l->lock);
}
static inline void await_results(struct world *w, struct push_result *r, size_t n, int64_t span) {
  struct latch l = {.lock = PTHREAD_MUTEX_INITIALIZER};
  cond_init(&l.changed);
  push_wait(w->core.push, r, n, clock_mono_us() + span, latch_open, &l);
  pthread_mutex_lock(&l.lock);
  while (!l.open) pthread_cond_wait(&l.changed, &l.lock);
  pthread_mutex_unlock(&l.lock);
  pthread_cond_destroy(&l.changed);
}
/* Due, sent, and what came of it. */
static inline void push_now(struct world *w, struct push_result *r, size_t n, enum push_why why) {
  make_due(w, r, n, why);
  await_results(w, r, n, PATIENCE);
}

/* ---- certificates ---- */

struct import {
  struct pushcert_pair pair;
};
static enum err import_fn(struct world *w, struct ctx *cx, struct db *db, void *arg) {
  TRY(pushcert_store(cx, db, &w->core, &((struct import *)arg)->pair, "tester", PUSHCERT_NEW_TOPIC | PUSHCERT_ANYWAY));
  push_changed(db, &w->core);
  return OK;
}
static inline void import(struct world *w, const char *topic, int64_t days) {
  struct pki_cert *cert;
  struct slice key;
  struct import in;
  struct pki_issue issue = {.cn = "APSP:test",
                            .uid = topic,
                            .subject_key = w->key,
                            .issuer_key = w->key,
                            .not_before = clock_now_us() - US_DAY,
                            .not_after = clock_now_us() + days * US_DAY,
                            .kind = PKI_PUSH};
  assert_int_equal(pki_cert_issue(w->cx, &cert, &issue), OK);
  assert_int_equal(pki_key_pem(w->cx, &key, w->key), OK);
  struct slice pem = pki_cert_pem(w->cx, cert);
  const char *both = ctx_printf(w->cx, "%.*s%.*s", (int)pem.n, pem.p, (int)key.n, key.p);
  assert_int_equal(pushcert_check_pem(w->cx, &in.pair, slice_of(both)), OK);
  in_job(w, import_fn, &in);
}

static int make_server_cert(struct world *w) {
  struct pki_cert *cert;
  const char *hosts[] = {"127.0.0.1", NULL};
  if (pki_key_new_p256(w->cx, &w->key) != OK) return -1;
  struct pki_issue issue = {.cn = "127.0.0.1",
                            .subject_key = w->key,
                            .issuer_key = w->key,
                            .hosts = hosts,
                            .not_before = clock_now_us() - US_DAY,
                            .not_after = clock_now_us() + 300 * US_DAY,
                            .kind = PKI_TLS_SERVER};
  if (pki_cert_issue(w->cx, &cert, &issue) != OK) return -1;
  w->server_cert = pki_cert_pem(w->cx, cert);
  if (pki_key_pem(w->cx, &w->server_key, w->key) != OK) return -1;
  snprintf(w->ca_file, sizeof w->ca_file, "/tmp/push-test-XXXXXX");
  int fd = mkstemp(w->ca_file);
  if (fd < 0 || write(fd, w->server_cert.p, w->server_cert.n) != (ssize_t)w->server_cert.n) return -1;
  close(fd);
  return tls_server_new(w->cx, &w->apns.tls, w->server_cert, w->server_key, true) == OK ? 0 : -1;
}

static inline void push_up(struct world *w) {
  assert_int_equal(push_start_tuned(w->cx, &w->core.push, &w->core, &w->tuning), OK);
}
static inline void push_down(struct world *w) {
  push_stop(w->core.push);
  w->core.push = NULL;
}

/* Database, certificate of TOPIC, stand-in; the push thread is not started yet. */
static inline int world_up(void **state) {
  struct world *w = mem_alloc(sizeof *w);
  *state = w;
  log_set(LOG_ERROR, false);
  w->cx = ctx_new();
  w->core.vault = vault_new((const uint8_t *)"a key that has thirty-two bytes!");
  pthread_mutex_init(&w->apns.lock, NULL);
  cond_init(&w->apns.changed);
  w->apns.by_path = map_new();
  w->apns.answer = answer_fine;
  if (make_server_cert(w) != 0 || store_open(w->cx, &w->core.store, NULL) != OK) {
    fprintf(stderr, "setup: %s\n", ctx_error_text(w->cx));
    return -1;
  }
  apns_start(w);
  w->conf =
      (struct core_conf){.apns_url = ctx_printf(w->cx, "https://127.0.0.1:%d", w->apns.port), .apns_ca = w->ca_file};
  atomic_store(&w->core.conf, &w->conf);
  w->tuning = push_tuning;
  w->tuning.backoff_first = 5000;
  w->tuning.backoff_most = 50000;
  w->tuning.connections_a_minute = 1000;
  import(w, TOPIC, 300);
  return 0;
}

static inline int world_down(void **state) {
  struct world *w = *state;
  push_stop(w->core.push);
  if (w->apns.server) h2_server_stop(w->apns.server);
  tls_server_free(w->apns.tls);
  db_store_close(w->core.store);
  vault_close(w->core.vault);
  map_free(w->apns.by_path, NULL);
  pthread_mutex_destroy(&w->apns.lock);
  pthread_cond_destroy(&w->apns.changed);
  unlink(w->ca_file);
  ctx_free(w->cx);
  free(w);
  return 0;
}

#endif
