/* What the tests of verdicts stand on: devices that speak to a core in memory, and scenarios: all is fine, something is
   broken, the verdict names it, after the printed remedy all is fine. A scenario is told with the row's number; the
   runner asks at each step, and asks once more with the row taken out of the table: then the verdict must be another
   one, or the test would not notice a missing detector. */
#ifndef POMONA_TESTS_WHY_WORLD_H
#define POMONA_TESTS_WHY_WORLD_H

#include "core_fixture.h"

#include "base/log.h"
#include "core/push_int.h"
#include "core/refused.h"
#include "core/why_int.h"

/* ---- the world: fx of core_fixture.h, with a ledger of refused requests ---- */

static inline int why_up(void **state) {
  log_set(LOG_ERROR, false);
  if (fixture_open(state) != 0) return -1;
  must(refused_start(fx.cx, &fx.core.refused, &fx.core));
  return 0;
}

static inline int why_down(void **state) {
  refused_stop(fx.core.refused);
  return fixture_close(state);
}

/* What polls and refusals taught stands in the database from here on. */
static inline void written(void) {
  seen_stop(fx.core.seen);
  must(seen_start(fx.cx, &fx.core.seen, &fx.core));
  must(refused_flush(fx.cx, fx.core.refused));
}

static int64_t shifted;
static inline void pass(int64_t us) { clock_shift(shifted += us); }

/* Any statement, for what no device and no operator can do from here. */
struct why_sql {
  const char *sql;
  struct db_val a, b;
};
static inline enum err why_sql_job(struct ctx *cx, struct db *db, void *arg) {
  struct why_sql *s = arg;
  if (!s->a.type) return db_run(cx, db, s->sql);
  return s->b.type ? db_run(cx, db, s->sql, s->a, s->b) : db_run(cx, db, s->sql, s->a);
}
static inline void run_sql(const char *sql, struct db_val a, struct db_val b) {
  must(in_job(why_sql_job, &(struct why_sql){sql, a, b}));
}

/* ---- wake-ups: the push thread is not there, its answers are ---- */

struct why_push {
  const char *id;
  int status;
  const char *reason;
  int64_t timestamp;
};
static inline enum err why_push_job(struct ctx *cx, struct db *db, void *arg) {
  const struct why_push *p = arg;
  int64_t enrollment;
  char *id;
  struct push_hour tally = {0};
  struct wake w;
  bool save;
  TRY(enroll_lookup(cx, db, p->id, &enrollment, &id));
  TRY(push_due(cx, db, &fx.core, enrollment, PUSH_ASKED, clock_now_us(), NULL, NULL));
  TRY(push_row(cx, db, enrollment, &w));
  struct push_answer a = {.enrollment = enrollment,
                          .sent_at = clock_now_us(),
                          .answered_at = clock_now_us(),
                          .timestamp = p->timestamp,
                          .token = w.token_now,
                          .status = p->status};
  memcpy(a.apns_id, w.apns_id, sizeof a.apns_id);
  strncpy(a.reason, p->reason, sizeof a.reason - 1);
  (void)push_settle(cx, &w, &a, &save, &tally);
  return push_row_save(cx, db, &w);
}
/* A push was sent to the channel now, and APNs answered it at once. */
static inline void apns_says(const char *id, int status, const char *reason, int64_t timestamp) {
  must(in_job(why_push_job, &(struct why_push){id, status, reason, timestamp}));
}
static inline void apns_takes(const char *id) { apns_says(id, 200, "", 0); }

/* ---- devices ---- */

/* One poll that finds nothing or takes a command without a word; what it taught is written. */
static inline const char *comes(struct enroll_proof p, const char *udid) {
  pass(US_SECOND);
  const char *uuid = next_after(p, udid, "Idle", NULL);
  written();
  return uuid;
}
static inline const char *answers(struct enroll_proof p, const char *udid, const char *status, const char *uuid) {
  pass(US_SECOND);
  const char *next = next_after(p, udid, status, uuid);
  written();
  return next;
}

/* A request that the listener refused; proof NULL: it came without one. */
static inline void knocks(const char *id, const struct enroll_proof *proof, const char *reason) {
  pass(US_SECOND);
  struct refused_claim c = {.id = id, .reason = reason, .message_type = "Report", .address = "192.0.2.9"};
  if (proof) c.hash = proof->hash, c.cert = proof->cert, c.address = proof->address;
  if (strcmp(reason, "foreign-ca") == 0) c.cert = (struct slice){0};
  refused_note(fx.core.refused, &c);
}

/* ---- verdicts ---- */

static inline const char *slug_by(const struct why_row *rows, size_t n, const char *id, const char *uuid,
                                  struct why_words *words) {
  struct why_shared shared;
  struct why_facts f;
  ctx_clear_error(fx.cx);
  must(why_shared_load(fx.cx, reader(), &fx.core, &shared));
  must(why_facts_load(fx.cx, &shared, id, uuid, &f));
  const struct why_row *row = why_choose(fx.cx, &f, rows, n, words);
  return row ? row->slug : "(none)";
}

static inline void expect_verdict(const char *id, const char *uuid, const char *slug) {
  struct why_words w = {0};
  const char *got = slug_by(why_rows, why_rows_n, id, uuid, &w);
  if (strcmp(got, slug) != 0) fail_msg("%s instead of %s: %s %s", got, slug, w.message, w.fix);
  assert_non_null(w.message);
  assert_non_null(w.fix);
}

/* Without its detector nothing else says the same. */
static inline void expect_unseen_without(int number, const char *id, const char *uuid) {
  struct why_row rows[64];
  size_t n = 0;
  const char *slug = NULL;
  struct why_words w = {0};
  for (size_t i = 0; i < why_rows_n; i++)
    if (why_rows[i].number == number)
      slug = why_rows[i].slug;
    else
      rows[n++] = why_rows[i];
  assert_non_null(slug);
  assert_string_not_equal(slug_by(rows, n, id, uuid, &w), slug);
}

struct why_scenario {
  const char *name;   /* the test's name */
  int number;         /* of its row */
  const char *id;     /* that is asked about */
  const char *uuid;   /* of the command; NULL: the oldest */
  const char *before; /* the verdict before; NULL: fine */
  void (*up)(void), (*breaks)(void);
  void (*remedy)(void); /* NULL: there is none but to wait for somebody */
  const char *says;     /* stands in its sentence or its remedy; NULL: not looked at */
};

/* What a remedy leads to, as its text says, is asked about after it: another device, a command that was sent again. */
static struct { const char *id, *uuid; /* NULL: as before */ } led_to;

static inline void play(const struct why_scenario *s) {
  struct why_words w = {0};
  const char *slug = NULL;
  for (size_t i = 0; i < why_rows_n; i++)
    if (why_rows[i].number == s->number) slug = why_rows[i].slug;
  if (!slug) fail_msg("there is no row %d", s->number);
  shifted = 0;
  led_to.id = led_to.uuid = NULL;
  s->up();
  written();
  if (strcmp(s->before ? s->before : "fine", "(nobody)") != 0)
    expect_verdict(s->id, NULL, s->before ? s->before : "fine");
  s->breaks();
  written();
  expect_verdict(s->id, s->uuid, slug);
  expect_unseen_without(s->number, s->id, s->uuid);
  (void)slug_by(why_rows, why_rows_n, s->id, s->uuid, &w);
  if (s->says && !strstr(w.message, s->says) && !strstr(w.fix, s->says))
    fail_msg("row %d says: %s %s", s->number, w.message, w.fix);
  if (!s->remedy) return;
  s->remedy();
  written();
  expect_verdict(led_to.id ? led_to.id : s->id, NULL, "fine");
  if (led_to.uuid || s->uuid) expect_verdict(s->id, led_to.uuid ? led_to.uuid : s->uuid, "fine");
}

/* For cmocka_unit_test_prestate_setup_teardown, with a scenario as the state. */
static inline void play_state(void **state) { play(*state); }
#define WHY_TEST(scenario)                                                                                             \
  (struct CMUnitTest) { (scenario).name, play_state, why_up, why_down, (void *)(uintptr_t) & (scenario) }

#endif
