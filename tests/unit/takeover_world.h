/* A device that somebody else claims: who has it, who claims it, what APNs says, what an operator says. */
#ifndef POMONA_TESTS_TAKEOVER_WORLD_H
#define POMONA_TESTS_TAKEOVER_WORLD_H

#include "scep_world.h"

static inline enum err migrate_job(struct ctx *cx, struct db *db, void *arg) {
  TRY(db_run(cx, db, "INSERT INTO device (id, created_at, contact_until) VALUES ($1, 1, $2)", DB_S(arg),
             DB_I(clock_now_us() + 90 * US_DAY)));
  TRY(db_run(cx, db,
             "INSERT INTO generation (device, state, authenticated_at, enrolled_at, topic, facts, origin) "
             "SELECT seq, 'current', 1, 1, $2, '{}', 'migrated' FROM device WHERE id = $1",
             DB_S(arg), DB_S(TOPIC)));
  TRY(db_run(
      cx, db,
      "UPDATE device SET generation = (SELECT g.seq FROM generation g WHERE g.device = device.seq) WHERE id = $1",
      DB_S(arg)));
  return db_run(cx, db,
                "INSERT INTO enrollment (id, device, type, enabled, topic, token, push_magic, token_at, created_at) "
                "SELECT id, seq, 'Device', 1, $2, $3, 'magic', 1, 1 FROM device WHERE id = $1",
                DB_S(arg), DB_S(TOPIC), DB_B(slice_of("token")));
}

static inline void migrated(const char *udid) { must(in_job(migrate_job, (void *)(uintptr_t)udid)); }

/* A device "A", enrolled by a link, with a command waiting. */
static inline struct enroll_proof owner(void) {
  struct enroll_proof p = by_link(new_link(1, NULL));
  assert_int_equal(authenticate(p, "A", "SERIAL-A"), ENROLL_FINE);
  assert_int_equal(token_update(p, "A", "token"), ENROLL_FINE);
  enqueue("A", "CertificateList", "1");
  return p;
}

/* Somebody else, by another link, says that it is "A". */
static inline struct enroll_proof claimant(int64_t uses) {
  struct enroll_proof p = by_link(new_link(uses, NULL));
  p.address = "198.51.100.9";
  assert_int_equal(authenticate(p, "A", "SERIAL-A"), ENROLL_FINE);
  return p;
}

static inline enum enroll_refusal user_token(struct enroll_proof p, const char *user, const char *token) {
  enum enroll_refusal refusal;
  struct pl *m = message("TokenUpdate", "A");
  pl_set_string(m, "UserID", user);
  pl_set_data(m, "Token", slice_of(token));
  pl_set_string(m, "PushMagic", "magic");
  must(check_in_with(p, m, &refusal));
  return refusal;
}

struct answer {
  int status;
  int64_t sent_at, gone_at;
};
/* What the push thread writes when APNs has answered. */
static inline enum err answer_job(struct ctx *cx, struct db *db, void *arg) {
  const struct answer *a = arg;
  return db_run(cx, db,
                "UPDATE wake SET status = $1, sent_at = $2, answered_at = $2, apns_timestamp = $3, dead_at = $3, "
                "token = (SELECT e.token FROM enrollment e WHERE e.seq = wake.enrollment)",
                DB_I(a->status), DB_I(a->sent_at), DB_NULL_IF(a->gone_at == 0, DB_I(a->gone_at)));
}
static inline void apns_took(void) {
  must(in_job(answer_job, &(struct answer){.status = 200, .sent_at = clock_now_us()}));
}
static inline void apns_knows_it_is_gone(int64_t at) {
  must(in_job(answer_job, &(struct answer){.status = 410, .sent_at = clock_now_us(), .gone_at = at}));
}

static inline enum err check_job(struct ctx *cx, struct db *db, void *arg) {
  struct enroll_takeover *all;
  bool *came = arg;
  size_t n;
  *came = false;
  TRY(enroll_takeovers(cx, db, &fx.core, 0, &all, &n));
  if (n == 0) return OK;
  TRY(enroll_takeover_check(cx, db, &fx.core, all[0].generation, clock_now_us(), came));
  return *came ? checkin_in_force(cx, db, &fx.core, all[0].device, "re-enrolled") : OK;
}
static inline bool comes(void) {
  bool came;
  must(in_job(check_job, &came));
  return came;
}

static inline enum err accept_job(struct ctx *cx, struct db *db, void *arg) {
  int64_t device;
  TRY(enroll_accept(cx, db, &fx.core, arg, "boss", &device));
  return device ? checkin_in_force(cx, db, &fx.core, device, "re-enrolled") : OK;
}
static inline enum err refuse_job(struct ctx *cx, struct db *db, void *arg) {
  return enroll_refuse(cx, db, arg, "boss");
}
static inline enum err accept(const char *id) { return in_job(accept_job, (void *)(uintptr_t)id); }
static inline enum err refuse(const char *id) { return in_job(refuse_job, (void *)(uintptr_t)id); }

static inline bool is_empty(struct enroll_proof p) {
  struct report *r = put_report(p, "A", "Idle", NULL);
  return r->refusal == ENROLL_FINE && !r->command.p;
}

/* What polls taught is written. */
static inline void flush_seen(void) {
  seen_stop(fx.core.seen);
  must(seen_start(fx.cx, &fx.core.seen, &fx.core));
}

static inline void later(int64_t us) { clock_shift(us); }

static inline enum err block_job(struct ctx *cx, struct db *db, void *arg) {
  (void)arg;
  return enroll_block(cx, db, &fx.core, "A", "boss");
}

/* "A" has lost its device by silence. */
static inline struct enroll_proof usurper(void) {
  struct enroll_proof other = claimant(1);
  assert_int_equal(token_update(other, "A", "other"), ENROLL_FINE);
  apns_took();
  assert_false(comes());
  later(16 * US_MINUTE);
  assert_true(comes());
  return other;
}

#endif
