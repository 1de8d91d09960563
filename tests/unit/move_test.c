/* A topic is lost: its devices move to another one, each by the way that is known to work. */
#include "core_fixture.h"

#include "core/move_int.h"

#define OTHER "com.apple.mgmt.External.99999999-2222-3333-4444-555555555555"

static enum err start_job(struct ctx *cx, struct db *db, void *arg) { return move_start(cx, db, TOPIC, arg, "test"); }
static enum err start(const char *reason) { return in_job(start_job, (void *)(uintptr_t)reason); }
static enum err end_job(struct ctx *cx, struct db *db, void *arg) {
  const char *topic = arg;
  TRY(move_end(cx, db, &topic, "test"));
  assert_string_equal(topic, TOPIC);
  return OK;
}
static enum err links_job(struct ctx *cx, struct db *db, void *arg) { return move_links(cx, db, arg); }
static enum err block_job(struct ctx *cx, struct db *db, void *id) {
  return db_run(cx, db, "UPDATE device SET blocked_at = 1 WHERE id = $1", DB_S(id));
}
static void run_chore(void) { must(move_chore(fx.cx, &fx.core)); }

static struct move last(void) {
  struct move m;
  must(move_last(fx.cx, reader(), NULL, &m));
  return m;
}

static struct move_device *devices(size_t want) {
  struct move_device *d;
  size_t n;
  must(move_devices(fx.cx, reader(), last().seq, 0, 100, &d, &n));
  assert_int_equal(n, want);
  return d;
}

/* Facts to ways: first match wins; what is not known is said to be unknown. */
static void test_ways(void **state) {
  (void)state;
  static const struct {
    struct move_facts facts;
    const char *slug, *erase;
  } rows[] = {
      {{.user_enrollment = true, .supervised = true}, "sign-in", "no"},
      {{.awaiting = true, .migrated = true}, "setup-assistant", "yes"},
      {{.migrated = true, .by_link = true}, "look", "unknown"},
      {{.adopted = true}, "look", "unknown"},
      {{.by_link = true, .supervised = true}, "remove-supervised", "no"},
      {{.by_link = true}, "remove", "no"},
      {{0}, "unknown", "unknown"},
      {{.supervised = true}, "unknown", "unknown"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    assert_string_equal(move_way_of(&rows[i].facts)->slug, rows[i].slug);
    assert_string_equal(move_way_of(&rows[i].facts)->erase, rows[i].erase);
  }
}

static enum err supervised_job(struct ctx *cx, struct db *db, void *id) {
  return db_run(cx, db, "UPDATE device SET supervised = 1 WHERE id = $1", DB_S(id));
}

/* What a device said of itself is known. */
static void test_supervised(void **state) {
  (void)state;
  struct move_candidate *rows;
  size_t n;
  enrolled("A");
  enrolled("B");
  must(in_job(supervised_job, (void *)(uintptr_t) "B"));
  must(move_candidates(fx.cx, reader(), &(struct move_wanted){0, 0, TOPIC}, 10, &rows, &n));
  assert_int_equal(n, 2);
  assert_false(rows[0].facts.supervised);
  assert_true(rows[1].facts.supervised);
}

/* Nothing begins without a reason, without devices, or twice. */
static void test_refusals(void **state) {
  (void)state;
  struct move m;
  assert_int_equal(start("lost"), E_NOT_FOUND);
  assert_int_equal(in_job(end_job, NULL), E_NOT_FOUND);
  ctx_clear_error(fx.cx);
  assert_int_equal(move_last(fx.cx, reader(), NULL, &m), E_NOT_FOUND);
  enrolled("A");
  assert_int_equal(start(""), E_INVALID);
  assert_int_equal(start(NULL), E_INVALID);
  must(start("lost"));
  assert_int_equal(start("lost"), E_CONFLICT);
  must(in_job(end_job, NULL));
  must(start("lost again"));
  assert_int_equal(count("SELECT count(*) FROM event WHERE kind LIKE 'pushcert.move-%'"), 3);
}

/* Every enrolled device of the topic is listed, beyond a chunk; who checked out is not. */
static void test_listing(void **state) {
  (void)state;
  for (int i = 0; i < 103; i++) enrolled(ctx_printf(fx.cx, "D%d", i));
  check_out(enrolled("GONE"), "GONE");
  must(start("lost"));
  assert_true(last().planning);
  run_chore();
  assert_false(last().planning);
  assert_int_equal(last().devices, 103);
}

/* Who came to listen on the topic after the list was made is added to it; who is blocked gets no link. */
static void test_latecomers(void **state) {
  (void)state;
  struct move_links l = {.most = 10, .ttl_us = US_DAY, .by = "test"};
  enrolled("A");
  must(start("lost"));
  import_pushcert(OTHER);
  assert_int_equal(in_job(links_job, &l), E_CONFLICT);
  assert_non_null(strstr(ctx_error_text(fx.cx), "still being listed"));
  must(move_list(fx.cx, &fx.core));
  must(in_job(links_job, &l));
  assert_int_equal(l.n, 1);
  for (int i = 0; i < 103; i++) enrolled(ctx_printf(fx.cx, "LATE%d", i));
  must(move_late_chore(fx.cx, &fx.core));
  assert_int_equal(last().devices, 104);
  must(in_job(block_job, (void *)(uintptr_t) "A"));
  must(in_job(links_job, &l));
  assert_int_equal(l.n, 10);
  assert_string_equal(l.out[0].id, "LATE0");
  must(in_job(end_job, NULL));
  enrolled("AFTER");
  must(move_late_chore(fx.cx, &fx.core));
  assert_int_equal(last().devices, 104);
}

/* Links are refused while they would lead back to the lost topic, and made for each device one time. */
static void test_links(void **state) {
  (void)state;
  struct move_links l = {.most = 1, .ttl_us = US_DAY, .by = "test"};
  enrolled("A");
  enrolled("B");
  must(start("lost"));
  run_chore();
  assert_int_equal(in_job(links_job, &l), E_CONFLICT);
  assert_int_equal(count("SELECT count(*) FROM link"), 0);
  import_pushcert(OTHER);
  must(in_job(links_job, &l));
  assert_int_equal(l.n, 1);
  assert_string_equal(l.out[0].id, "A");
  must(enroll_link_check(fx.cx, reader(), l.out[0].token));
  l.after = l.out[0].device;
  l.most = 10;
  must(in_job(links_job, &l));
  assert_int_equal(l.n, 1);
  assert_string_equal(l.out[0].id, "B");
  assert_int_equal(count("SELECT count(*) FROM link WHERE device IN ('A', 'B')"), 2);
  assert_int_equal(last().linked, 2);
  assert_true(devices(2)[0].link_expires_at > clock_now_us());
}

static enum err moved_job(struct ctx *cx, struct db *db, void *arg) {
  return db_run(
      cx, db,
      "UPDATE generation SET topic = $2, enrolled_at = $3 WHERE device = (SELECT seq FROM device WHERE id = $1)",
      DB_S(arg), DB_S(OTHER), DB_I(clock_now_us()));
}

/* A device is done when its generation in force is of another topic: that is found without anybody asking. */
static void test_done(void **state) {
  (void)state;
  enrolled("A");
  enrolled("B");
  must(start("lost"));
  run_chore();
  assert_int_equal(last().done, 0);
  must(in_job(moved_job, (void *)(uintptr_t) "A"));
  run_chore();
  assert_int_equal(last().done, 1);
  struct move_device *d = devices(2);
  assert_string_equal(d[0].id, "B");
  assert_int_equal(d[0].done_at, 0);
  assert_string_equal(d[1].id, "A");
  assert_true(d[1].done_at > 0);
}

static enum err forget_job(struct ctx *cx, struct db *db, void *arg) {
  return enroll_forget(cx, db, &fx.core, "A", arg);
}

/* A device that is forgotten goes out of it. */
static void test_forgotten(void **state) {
  (void)state;
  struct enroll_forget f = {.by = "test", .anyway = true, .more = true};
  enrolled("A");
  must(start("lost"));
  run_chore();
  while (f.more) must(in_job(forget_job, &f));
  devices(0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)
int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_ways), T(test_supervised), T(test_refusals), T(test_listing),
      T(test_latecomers),          T(test_links),      T(test_done),     T(test_forgotten),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
