#include "core_fixture.h"

#include "core/migrate.h"

#define WINDOW (30 * US_DAY)

static int world(void **state) {
  int r = fixture_open(state);
  fx.conf.migration_window_us = WINDOW;
  return r;
}

/* ---- /migration ---- */

static enum err tell(struct pl *m) {
  struct checkin *c = ctx_alloc(fx.cx, sizeof *c);
  *c = (struct checkin){.core = &fx.core};
  ctx_clear_error(fx.cx);
  enum err e = checkin_read(fx.cx, pl_xml(fx.cx, m), c);
  return e == OK ? in_job(migrate_checkin, c) : e;
}

static struct pl *authenticate_of(const char *udid) {
  struct pl *m = message("Authenticate", udid);
  pl_set_string(m, "SerialNumber", "S1");
  return m;
}

static struct pl *token_of(const char *udid, const char *user) {
  struct pl *m = message("TokenUpdate", udid);
  if (user) pl_set_string(m, "UserID", user);
  pl_set_data(m, "Token", slice_of("token"));
  pl_set_string(m, "PushMagic", "magic");
  return m;
}

static struct pl *bootstrap_of(const char *udid, const char *token) {
  struct pl *m = message("SetBootstrapToken", udid);
  pl_set_data(m, "BootstrapToken", slice_of(token));
  return m;
}

static void bring(const char *udid) {
  must(tell(authenticate_of(udid)));
  must(tell(token_of(udid, NULL)));
}

/* Everything that says who a device is and what it is reached by, as one text. */
static char *held(void) {
  struct db_rows r;
  char *all = ctx_strdup(fx.cx, "");
  must(db_open_rows(
      fx.cx, reader(), &r,
      "SELECT d.id || ' ' || coalesce(d.serial_number, '-') || ' ' || coalesce(d.generation, 0) || ' ' || "
      "(d.contact_until IS NOT NULL) || ' ' || coalesce(hex(d.contact_hash), '-') || ' ' || "
      "(d.checked_out_at IS NOT NULL) || ' ' || coalesce(g.state || g.origin || coalesce(hex(g.identity), '-') || "
      "(g.unlock_token_sealed IS NOT NULL) || (g.bootstrap_token_sealed IS NOT NULL), '-') || ' ' || "
      "coalesce((SELECT group_concat(e.id || e.enabled || e.topic || e.push_magic || hex(e.token) || "
      "e.token_update_tally || coalesce((SELECT group_concat(c.uuid || t.status) FROM target t JOIN command c ON "
      "c.seq = t.command WHERE t.enrollment = e.seq), '')) FROM enrollment e WHERE e.device = d.seq), '-') "
      "FROM device d LEFT JOIN generation g ON g.seq = d.generation ORDER BY d.id"));
  while (db_next(&r)) all = ctx_printf(fx.cx, "%s%s\n", all, db_text(&r, 0));
  must(db_close(&r));
  return all;
}

/* What comes out of order, or is no check-in, is refused and leaves nothing. */
static void test_order(void **state) {
  (void)state;
  assert_int_equal(tell(token_of("A", NULL)), E_NOT_FOUND);
  assert_int_equal(tell(token_of("A", "U")), E_NOT_FOUND);
  assert_int_equal(tell(bootstrap_of("A", "b")), E_NOT_FOUND);
  assert_int_equal(tell(message("Nonsense", "A")), E_INVALID);
  assert_int_equal(count("SELECT count(*) FROM device"), 0);
  must(tell(authenticate_of("A")));
  assert_int_equal(tell(token_of("A", "U")), E_NOT_FOUND);
  assert_int_equal(count("SELECT count(*) FROM enrollment"), 0);
  assert_int_equal(count("SELECT count(*) FROM generation WHERE state = 'pending' AND origin = 'migrated'"), 1);
}

static enum err block_job(struct ctx *cx, struct db *db, void *arg) {
  return db_run(cx, db, "UPDATE device SET blocked_at = 1 WHERE id = $1", DB_S(arg));
}

/* A device that is in force here keeps its place, its queue and its tokens, whatever is told about it. */
static void test_enrolled_here(void **state) {
  (void)state;
  struct enroll_proof mine = enrolled("A");
  enqueue("A", "ProfileList", "C1");
  bring("B");
  must(in_job(block_job, ctx_strdup(fx.cx, "B")));
  char *before = held();
  static const char *const ids[] = {"A", "B"};
  for (int i = 0; i < 2; i++) {
    assert_int_equal(tell(authenticate_of(ids[i])), E_CONFLICT);
    assert_int_equal(tell(token_of(ids[i], NULL)), E_CONFLICT);
    assert_int_equal(tell(token_of(ids[i], "U")), E_CONFLICT);
    assert_int_equal(tell(bootstrap_of(ids[i], "b")), E_CONFLICT);
    assert_int_equal(tell(message("CheckOut", ids[i])), E_CONFLICT);
  }
  assert_string_equal(held(), before);
  assert_string_equal(next_after(mine, "A", "Idle", NULL), "C1");
}

/* Told again, a stream changes nothing; what a later message leaves out stays. */
static void test_replay(void **state) {
  (void)state;
  struct pl *with_unlock = token_of("A", NULL);
  pl_set_data(with_unlock, "UnlockToken", slice_of("unlock"));
  must(tell(authenticate_of("A")));
  must(tell(with_unlock));
  must(tell(bootstrap_of("A", "b")));
  must(tell(token_of("A", "U")));
  char *before = held();
  assert_int_equal(count("SELECT count(*) FROM event WHERE kind = 'device.migrated'"), 2);
  for (int i = 0; i < 2; i++) {
    bring("A");
    must(tell(bootstrap_of("A", "b")));
    must(tell(token_of("A", "U")));
    must(tell(message("GetBootstrapToken", "A")));
    assert_string_equal(held(), before);
  }
  assert_int_equal(count("SELECT count(*) FROM event WHERE kind = 'device.migrated'"), 2);
  assert_int_equal(count("SELECT count(*) FROM generation WHERE unlock_token_sealed IS NOT NULL"), 1);
  must(tell(bootstrap_of("A", "")));
  assert_int_equal(count("SELECT count(*) FROM generation WHERE bootstrap_token_sealed IS NOT NULL"), 0);
}

/* A topic without a push certificate here is kept: the device can be woken when one comes. */
static void test_foreign_topic(void **state) {
  (void)state;
  struct pl *a = authenticate_of("A"), *t = token_of("A", NULL);
  pl_set_string(a, "Topic", "com.apple.mgmt.External.other");
  pl_set_string(t, "Topic", "com.apple.mgmt.External.other");
  must(tell(a));
  must(tell(t));
  assert_int_equal(count("SELECT count(*) FROM enrollment WHERE enabled = 1 AND topic LIKE '%other'"), 1);
}

/* ---- first contact ---- */

/* The first certificate that is seen within the window is the device's from then on; no other is. */
static void test_first_contact(void **state) {
  (void)state;
  struct enroll_proof mine = new_identity("mine"), other = new_identity("other");
  bring("A");
  enqueue("A", "ProfileList", "C1");
  assert_string_equal(next_after(mine, "A", "Idle", NULL), "C1");
  assert_int_equal(put_report(other, "A", "Idle", NULL)->refusal, ENROLL_UNBOUND);
  assert_int_equal(token_update(other, "A", "x"), ENROLL_UNBOUND);
  assert_int_equal(token_update(mine, "A", "x"), ENROLL_FINE);
  assert_int_equal(tell(authenticate_of("A")), E_CONFLICT); /* it has come: it is as any device of ours */
}

/* A device comes when it likes, not after its stream: what is told late of its users and its token is taken, and what
   it has told itself since counts. */
static void test_late(void **state) {
  (void)state;
  struct enroll_proof mine = new_identity("mine");
  bring("A");
  assert_string_equal(next_after(mine, "A", "Idle", NULL), "");
  assert_int_equal(token_update(mine, "A", "newer"), ENROLL_FINE);
  must(tell(bootstrap_of("A", "theirs")));
  must(tell(token_of("A", "U")));
  must(tell(token_of("A", "V")));
  struct pl *own = token_of("A", "V");
  enum enroll_refusal refusal;
  must(check_in_with(mine, own, &refusal));
  char *before = held();
  must(tell(bootstrap_of("A", "again")));
  must(tell(token_of("A", "U")));
  assert_int_equal(tell(token_of("A", "V")), E_CONFLICT);
  assert_int_equal(tell(token_of("A", NULL)), E_CONFLICT);
  assert_string_equal(held(), before);
  assert_int_equal(count("SELECT count(*) FROM generation WHERE bootstrap_token_sealed IS NOT NULL"), 1);
}

/* After the window nothing binds by itself; telling the device again opens it anew. */
static void test_window(void **state) {
  (void)state;
  struct enroll_proof mine = new_identity("mine");
  bring("A");
  clock_shift(WINDOW + US_HOUR);
  assert_int_equal(put_report(mine, "A", "Idle", NULL)->refusal, ENROLL_UNBOUND);
  assert_int_equal(token_update(mine, "A", "x"), ENROLL_UNBOUND);
  bring("A");
  assert_string_equal(next_after(mine, "A", "Idle", NULL), "");
}

/* An identity that is another device's already is no first contact. */
static void test_contact_by_anothers_identity(void **state) {
  (void)state;
  struct enroll_proof theirs = enrolled("B");
  bring("A");
  assert_int_equal(put_report(theirs, "A", "Idle", NULL)->refusal, ENROLL_MISUSED);
  assert_string_equal(next_after(new_identity("mine"), "A", "Idle", NULL), "");
}

/* A device that checked out here, went elsewhere and moves back begins anew: its old queue is gone. */
static void test_back_again(void **state) {
  (void)state;
  struct enroll_proof former = enrolled("A"), mine = new_identity("mine");
  enqueue("A", "ProfileList", "C1");
  assert_int_equal(check_out(former, "A"), ENROLL_FINE);
  bring("A");
  assert_int_equal(put_report(former, "A", "Idle", NULL)->refusal, ENROLL_FORMER);
  assert_string_equal(next_after(mine, "A", "Idle", NULL), "");
  assert_int_equal(count("SELECT count(*) FROM target WHERE status = 'Cancelled'"), 1);
}

/* CheckOut in the stream: known, and out. */
static void test_check_out(void **state) {
  (void)state;
  bring("A");
  must(tell(message("CheckOut", "A")));
  assert_int_equal(count("SELECT count(*) FROM device WHERE checked_out_at IS NOT NULL"), 1);
  assert_int_equal(count("SELECT count(*) FROM enrollment WHERE enabled = 1"), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, world, fixture_close)
int main(void) {
  const struct CMUnitTest tests[] = {
      T(test_order),         T(test_enrolled_here), T(test_replay), T(test_foreign_topic),
      T(test_first_contact), T(test_window),        T(test_late),   T(test_contact_by_anothers_identity),
      T(test_back_again),    T(test_check_out),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
