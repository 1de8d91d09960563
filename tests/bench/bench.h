/* A core over a database in a folder, and devices in it: what the programs that measure stand on. */
#ifndef POMONA_TESTS_BENCH_H
#define POMONA_TESTS_BENCH_H

#include "base/clock.h"
#include "core/keyring.h"
#include "core/roster.h"
#include "core/vault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static struct core core;
static struct core_conf conf;
static struct ctx *cx;

static void must_in(struct ctx *own, enum err e) {
  if (e == OK) return;
  fprintf(stderr, "%s: %s (%s)\n", err_slug(e), ctx_error_text(own), ctx_error_place(own));
  exit(1);
}
static inline void must(enum err e) { must_in(cx, e); }

static inline void bench_open(const char *folder) {
  uint8_t secret[32] = {7};
  cx = ctx_new();
  conf = (struct core_conf){.data = folder, .public_url = "https://mdm.example.org", .organization = "Bench"};
  atomic_store(&core.conf, &conf);
  core.vault = vault_new(secret);
  must(db_store_open(cx, &core.store, ctx_printf(cx, "%s/bench.db", folder)));
  must(keyring_open(cx, &core.keyring, &core, "mdm.example.org"));
  core.roster = roster_new();
}

/* Seconds that the processor worked; who: RUSAGE_THREAD or RUSAGE_SELF. */
static inline double bench_cpu(int who) {
  struct rusage u;
  getrusage(who, &u);
  return (double)u.ru_utime.tv_sec + (double)u.ru_stime.tv_sec +
         ((double)u.ru_utime.tv_usec + (double)u.ru_stime.tv_usec) / 1e6;
}

/* Inside a job, once: the identity of all devices. */
static inline enum err bench_identity(struct ctx *job, struct db *db, void *arg) {
  (void)arg;
  return db_run(job, db,
                "INSERT INTO identity (hash, cert, not_before, not_after, created_at) VALUES (x'00', x'00', 0, "
                "0, 0)");
}

/* Inside a job: an enrolled Mac. */
static inline enum err bench_device(struct ctx *own, struct db *db, int64_t n, int64_t *device, int64_t *enrollment) {
  int64_t generation, now = clock_now_us();
  const char *id = ctx_printf(own, "BENCH-%08d", (int)n);
  TRY(db_one_int(
      own, db, device,
      "INSERT INTO device (id, created_at, serial_number, device_name, product_name, os_version) VALUES ($1, "
      "$2, $3, $4, 'Mac16,10', '15.1') RETURNING seq",
      DB_S(id), DB_I(now), DB_S(ctx_printf(own, "S%d", (int)n)), DB_S(ctx_printf(own, "Mac %d", (int)n))));
  TRY(db_one_int(own, db, &generation,
                 "INSERT INTO generation (device, state, identity, authenticated_at, enrolled_at, topic, facts) VALUES "
                 "($1, 'current', x'00', $2, $2, 'bench', '{}') RETURNING seq",
                 DB_I(*device), DB_I(now)));
  TRY(db_run(own, db, "UPDATE device SET generation = $2 WHERE seq = $1", DB_I(*device), DB_I(generation)));
  return db_one_int(own, db, enrollment,
                    "INSERT INTO enrollment (id, device, type, enabled, created_at) VALUES ($1, $2, 'Device', 1, $3) "
                    "RETURNING seq",
                    DB_S(id), DB_I(*device), DB_I(now));
}

#endif
