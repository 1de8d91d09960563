/* A core over a real database in memory, without listeners and without APNs: what the unit tests of the MDM itself
 * stand on. */
#ifndef POMONA_TESTS_CORE_FIXTURE_H
#define POMONA_TESTS_CORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store_world.h"

#include "base/clock.h"
#include "base/enc.h"
#include "core/checkin.h"
#include "core/command.h"
#include "core/keyring.h"
#include "core/pushcert.h"
#include "core/queue.h"
#include "core/report.h"
#include "core/roster.h"
#include "core/seen.h"
#include "core/vault.h"

#include <stdlib.h>
#include <string.h>

#define TOPIC "com.apple.mgmt.External.11111111-2222-3333-4444-555555555555"

struct fixture {
  struct ctx *cx;
  struct core core;
  struct core_conf conf;
  struct pki_key *key; /* of all the simulated devices: only certificates tell them apart */
};

static struct fixture fx;

static void must(enum err e) {
  if (e != OK) fail_msg("%s: %s (%s)", err_slug(e), ctx_error_text(fx.cx), ctx_error_place(fx.cx));
}

static enum err in_job(enum err (*fn)(struct ctx *, struct db *, void *), void *arg) {
  ctx_clear_error(fx.cx);
  return db_call(fx.cx, fx.core.store, fn, arg);
}

static struct db *reader(void) {
  struct db *db;
  must(db_reader(fx.cx, fx.core.store, &db));
  return db;
}

static enum err put_pushcert(struct ctx *cx, struct db *db, void *arg) {
  return pushcert_store(cx, db, &fx.core, arg, "test", PUSHCERT_NEW_TOPIC | PUSHCERT_ANYWAY);
}

/* One RSA key for all push certificates of a program, since it takes its time. */
static struct pki_key *push_key(void) {
  static struct pki_key *kept;
  struct pki_key *key;
  if (kept) return kept;
  must(pki_key_new_rsa(fx.cx, &key, 2048));
  return kept = pki_key_keep(key);
}

static void import_pushcert(const char *topic) {
  struct pki_key *key = push_key();
  struct pki_cert *cert;
  struct slice key_pem;
  struct pki_issue what = {.cn = "APSP:test",
                           .uid = topic,
                           .subject_key = key,
                           .issuer_key = key,
                           .not_before = clock_now_us() - US_DAY,
                           .not_after = clock_now_us() + 365 * US_DAY,
                           .kind = PKI_PUSH};
  must(pki_cert_issue(fx.cx, &cert, &what));
  must(pki_key_pem(fx.cx, &key_pem, key));
  struct slice cert_pem = pki_cert_pem(fx.cx, cert);
  struct pushcert_pair pair;
  must(pushcert_check_pem(
      fx.cx, &pair, slice_of(ctx_printf(fx.cx, "%.*s%.*s", (int)cert_pem.n, cert_pem.p, (int)key_pem.n, key_pem.p))));
  must(in_job(put_pushcert, &pair));
}

static inline int fixture_open(void **state) {
  (void)state;
  uint8_t secret[32] = {7};
  fx = (struct fixture){.cx = ctx_new()};
  fx.conf = (struct core_conf){.data = "/nonexistent",
                               .public_url = "https://mdm.example.org",
                               .organization = "Example",
                               .identity_mtls = true,
                               .identity_signature = true,
                               .sign_message = true,
                               .identity_validity_us = 730 * US_DAY,
                               .identity_grace_us = 365 * US_DAY,
                               .wake_rate = 500,
                               .own_tls = true};
  atomic_store(&fx.core.conf, &fx.conf);
  fx.core.vault = vault_new(secret);
  must(store_open(fx.cx, &fx.core.store, NULL));
  fx.core.roster = roster_new();
  must(seen_start(fx.cx, &fx.core.seen, &fx.core));
  struct pki_key *key;
  must(pki_key_new_p256(fx.cx, &key));
  fx.key = pki_key_keep(key);
  import_pushcert(TOPIC);
  return 0;
}

static inline int fixture_close(void **state) {
  (void)state;
  clock_shift(0);
  seen_stop(fx.core.seen);
  keyring_close(fx.core.keyring);
  db_store_close(fx.core.store);
  roster_free(fx.core.roster);
  vault_close(fx.core.vault);
  pki_key_free(fx.key);
  ctx_free(fx.cx);
  return 0;
}

enum { KEPT_KEYS = 16 };
static struct kept_key { struct buf name, cert, sealed; } kept_keys[KEPT_KEYS];
static size_t kept_keys_n;

static inline enum err remember_keys(struct ctx *cx, struct db *db, void *arg) {
  struct db_rows r;
  (void)arg;
  TRY(db_open_rows(cx, db, &r, "SELECT name, cert, key_sealed FROM keyring"));
  while (kept_keys_n < KEPT_KEYS && db_next(&r)) {
    struct kept_key *k = &kept_keys[kept_keys_n++];
    buf_add_str(&k->name, db_text(&r, 0));
    buf_add_slice(&k->cert, db_blob(&r, 1));
    buf_add_slice(&k->sealed, db_blob(&r, 2));
  }
  return db_close(&r);
}

static inline enum err recall_keys(struct ctx *cx, struct db *db, void *arg) {
  (void)arg;
  for (size_t i = 0; i < kept_keys_n; i++) {
    const struct kept_key *k = &kept_keys[i];
    TRY(db_run(cx, db,
               "INSERT INTO keyring (name, cert, key_sealed, created_at) VALUES ($1, $2, $3, $4) "
               "ON CONFLICT (name) DO NOTHING",
               DB_T(slice_mem(k->name.p, k->name.n)), DB_B(slice_mem(k->cert.p, k->cert.n)),
               DB_B(slice_mem(k->sealed.p, k->sealed.n)), DB_I(clock_now_us())));
  }
  return OK;
}

/* Opens the keyring; its keys are made once a program. */
static inline void fixture_keyring(const char *host) {
  must(in_job(recall_keys, NULL));
  must(keyring_open(fx.cx, &fx.core.keyring, &fx.core, host));
  if (kept_keys_n == 0) must(in_job(remember_keys, NULL));
}

/* An identity of some CA; the chain is the faces' business. */
static inline struct enroll_proof new_identity(const char *cn) {
  struct pki_cert *cert;
  struct pki_issue what = {.cn = cn,
                           .subject_key = fx.key,
                           .issuer_key = fx.key,
                           .not_before = clock_now_us() - US_DAY,
                           .not_after = clock_now_us() + 30 * US_DAY,
                           .kind = PKI_IDENTITY};
  must(pki_cert_issue(fx.cx, &cert, &what));
  struct enroll_proof p = {.cert = pki_cert_der(cert), .address = "192.0.2.1"};
  memcpy(p.hash, pki_cert_sha256(cert), sizeof p.hash);
  return p;
}

/* ---- what devices send ---- */

static inline enum err check_in_with(struct enroll_proof proof, struct pl *message, enum enroll_refusal *refusal) {
  ctx_clear_error(fx.cx);
  struct checkin *c = ctx_alloc(fx.cx, sizeof *c);
  *c = (struct checkin){.core = &fx.core, .proof = proof};
  enum err e = checkin_read(fx.cx, pl_xml(fx.cx, message), c);
  if (e == OK) e = in_job(checkin_apply, c);
  *refusal = c->refusal;
  return e;
}

static inline struct pl *message(const char *type, const char *udid) {
  struct pl *m = pl_new_dict(fx.cx);
  pl_set_string(m, "MessageType", type);
  pl_set_string(m, "UDID", udid);
  pl_set_string(m, "Topic", TOPIC);
  return m;
}

static inline enum enroll_refusal authenticate(struct enroll_proof proof, const char *udid, const char *serial) {
  enum enroll_refusal refusal;
  struct pl *m = message("Authenticate", udid);
  if (serial) pl_set_string(m, "SerialNumber", serial);
  pl_set_string(m, "DeviceName", "Someone's Mac");
  must(check_in_with(proof, m, &refusal));
  return refusal;
}

static inline enum enroll_refusal token_update(struct enroll_proof proof, const char *udid, const char *token) {
  enum enroll_refusal refusal;
  struct pl *m = message("TokenUpdate", udid);
  pl_set_data(m, "Token", slice_of(token));
  pl_set_string(m, "PushMagic", "magic");
  must(check_in_with(proof, m, &refusal));
  return refusal;
}

static inline enum enroll_refusal check_out(struct enroll_proof proof, const char *udid) {
  enum enroll_refusal refusal;
  must(check_in_with(proof, message("CheckOut", udid), &refusal));
  return refusal;
}

static inline struct enroll_proof enrolled(const char *udid) {
  struct enroll_proof p = new_identity(udid);
  assert_int_equal(authenticate(p, udid, NULL), ENROLL_FINE);
  assert_int_equal(token_update(p, udid, "token"), ENROLL_FINE);
  return p;
}

/* One request on the command channel; gives what came back. */
static inline struct report *put_report_of(struct enroll_proof proof, struct pl *m) {
  struct report *r = ctx_alloc(fx.cx, sizeof *r);
  bool done;
  *r = (struct report){.core = &fx.core, .proof = proof, .now = clock_now_us()};
  ctx_clear_error(fx.cx);
  must(report_read(fx.cx, pl_xml(fx.cx, m), r));
  must(report_poll(fx.cx, reader(), r, &done));
  if (!done) must(in_job(report_apply, r));
  return r;
}

static inline struct report *put_report(struct enroll_proof proof, const char *udid, const char *status,
                                        const char *uuid) {
  struct pl *m = pl_new_dict(fx.cx);
  pl_set_string(m, "UDID", udid);
  pl_set_string(m, "Status", status);
  if (uuid) pl_set_string(m, "CommandUUID", uuid);
  return put_report_of(proof, m);
}

static inline const char *next_after(struct enroll_proof proof, const char *udid, const char *status,
                                     const char *uuid) {
  struct report *r = put_report(proof, udid, status, uuid);
  assert_int_equal(r->refusal, ENROLL_FINE);
  return r->command_uuid ? r->command_uuid : "";
}

/* ---- what operators do ---- */

struct enqueue {
  struct command command;
  const char *id;
};

static inline enum err enqueue_job(struct ctx *cx, struct db *db, void *arg) {
  struct enqueue *q = arg;
  int64_t command, enrollment;
  char *id;
  TRY(enroll_lookup(cx, db, q->id, &enrollment, &id));
  TRY(queue_command(cx, db, &fx.core, &q->command, "test", &command));
  return queue_add(cx, db, &fx.core, command, &q->command, enrollment);
}

static inline enum err enqueue_err(const char *id, const char *request_type, const char *uuid) {
  struct enqueue *q = ctx_alloc(fx.cx, sizeof *q);
  q->id = id;
  must(command_build(fx.cx, &q->command, request_type, NULL, uuid));
  return in_job(enqueue_job, q);
}

static inline void enqueue(const char *id, const char *request_type, const char *uuid) {
  must(enqueue_err(id, request_type, uuid));
}

static inline int64_t count(const char *sql) {
  int64_t n;
  must(db_one_int(fx.cx, reader(), &n, sql));
  return n;
}

#endif
