#include "core_fixture.h"

/* ---- the first contact of a migrated device ---- */

static enum err migrate_job(struct ctx *cx, struct db *db, void *arg) {
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

static void migrated(const char *udid) { must(in_job(migrate_job, (void *)(uintptr_t)udid)); }

/* The first identity that is seen of a migrated device is its own; another one is not, nor is the first too late. */
static void test_first_contact(void **state) {
  (void)state;
  migrated("A");
  migrated("B");
  enqueue("A", "CertificateList", "1");
  struct enroll_proof first = new_identity("x"), second = new_identity("y"), late = new_identity("z");
  assert_string_equal(next_after(first, "A", "Idle", NULL), "1");
  assert_int_equal(put_report(second, "A", "Idle", NULL)->refusal, ENROLL_UNBOUND);
  assert_int_equal(put_report(first, "B", "Idle", NULL)->refusal, ENROLL_MISUSED);
  assert_int_equal(count("SELECT count(*) FROM event WHERE kind = 'device.first-contact' AND enrollment = 'A'"), 1);
  assert_int_equal(count("SELECT count(*) FROM device WHERE contact_until IS NULL"), 1);
  clock_shift(91 * US_DAY);
  assert_int_equal(put_report(late, "B", "Idle", NULL)->refusal, ENROLL_UNBOUND);
  assert_int_equal(count("SELECT count(*) FROM identity WHERE device_id = 'B'"), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, fixture_open, fixture_close)
int main(void) {
  const struct CMUnitTest tests[] = {
      T(test_first_contact),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
