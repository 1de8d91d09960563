#include "core_fixture.h"

#include "core/queue_int.h"

#define NEXT(status, uuid, want) assert_string_equal(next_after(p, "A", status, uuid), want)

/* Reports that fit no waiting command are answered like any other: an unknown uuid, a repeat, one of another device. */
static void test_reports_that_fit_nothing(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  (void)enrolled("B");
  enqueue("A", "CertificateList", "1");
  enqueue("B", "CertificateList", "other");
  NEXT("Acknowledged", "unknown", "1");
  NEXT("Acknowledged", "other", "1");
  NEXT("Acknowledged", "1", "");
  NEXT("Acknowledged", "1", "");
  NEXT("Error", "1", "");
  assert_int_equal(count("SELECT count(*) FROM target WHERE status = 'Acknowledged'"), 1);
  assert_int_equal(count("SELECT count(*) FROM event WHERE kind = 'command.status'"), 1);
}

static enum err mark_as_renewal(struct ctx *cx, struct db *db, void *uuid) {
  TRY(db_run(cx, db,
             "INSERT INTO enroll_session (seq, id, kind, challenge_hash, created_at, expires_at, issues_max, given) "
             "VALUES (1, 'S', 'renew', $1, 0, 0, 5, '{}')",
             DB_S(uuid)));
  TRY(db_run(cx, db,
             "INSERT INTO renewal (seq, device, generation, identity, session, challenge_sealed, command, wave, state, "
             "created_at, updated_at) VALUES (1, 1, 1, '', 1, '', $1, 0, 'waiting', 0, 0)",
             DB_S(uuid)));
  return db_run(cx, db, "UPDATE command SET renewal = 1 WHERE uuid = $1", DB_S(uuid));
}

/* An identity that has ended is handed its renewal and nothing else, however long the rest has waited; what it says of
   a command that it was handed before counts. */
static void test_ended_identity_is_served_its_renewal(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A"), ended = p;
  struct queue_row row;
  bool found;
  ended.expired = true;
  enqueue("A", "SecurityInfo", "0");
  NEXT("Idle", NULL, "0");
  enqueue("A", "DeviceLock", "1");
  enqueue("A", "CertificateList", "2");
  assert_string_equal(next_after(ended, "A", "Idle", NULL), "");
  assert_string_equal(next_after(ended, "A", "Acknowledged", "0"), "");
  assert_int_equal(count("SELECT count(*) FROM target WHERE status = 'Acknowledged'"), 1);
  struct queue_asker who = {.enrollment = 1, .session_start = clock_now_us(), .identity = p.hash, .only_renewal = true};
  struct queue_order order = {.patience = 3};
  must(queue_head(fx.cx, reader(), &who, &order, &row, &found));
  assert_false(found);
  must(in_job(mark_as_renewal, "2"));
  must(queue_head(fx.cx, reader(), &who, &order, &row, &found));
  assert_true(found);
  assert_string_equal(row.uuid, "2");
  NEXT("Idle", NULL, "1");
}

/* A uuid belongs to one command: the same bytes again are fine, others are a conflict. */
static void test_uuid_is_idempotent(void **state) {
  (void)state;
  (void)enrolled("A");
  enqueue("A", "CertificateList", "1");
  enqueue("A", "CertificateList", "1");
  assert_int_equal(enqueue_err("A", "SecurityInfo", "1"), E_CONFLICT);
  assert_int_equal(count("SELECT count(*) FROM target"), 1);
  assert_int_equal(enqueue_err("nobody", "SecurityInfo", "2"), E_NOT_FOUND);
  assert_int_equal(count("SELECT count(*) FROM command"), 1);
}

/* First in, first out; settled by Acknowledged, Error and CommandFormatError alike. */
static void test_order(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  enqueue("A", "CertificateList", "1");
  enqueue("A", "SecurityInfo", "2");
  enqueue("A", "ProfileList", "3");
  NEXT("Idle", NULL, "1");
  NEXT("Acknowledged", "1", "2");
  NEXT("Error", "2", "3");
  NEXT("CommandFormatError", "3", "");
  assert_int_equal(count("SELECT count(*) FROM target WHERE waiting = 0"), 3);
}

/* What was delivered and not answered is delivered again. */
static void test_redelivery(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  enqueue("A", "CertificateList", "1");
  NEXT("Idle", NULL, "1");
  NEXT("Idle", NULL, "1");
  NEXT("Acknowledged", "1", "");
}

/* NotNow: not offered again in the session, but at the next Idle, after the others, oldest first. */
static void test_notnow(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  enqueue("A", "InstalledApplicationList", "1");
  enqueue("A", "SecurityInfo", "2");
  enqueue("A", "ProfileList", "3");
  NEXT("Idle", NULL, "1");
  NEXT("NotNow", "1", "2");
  NEXT("NotNow", "2", "3");
  NEXT("Acknowledged", "3", "");
  enqueue("A", "ProvisioningProfileList", "4");
  clock_shift(US_SECOND);
  NEXT("Idle", NULL, "4");
  NEXT("Acknowledged", "4", "1");
  NEXT("Acknowledged", "1", "2");
  NEXT("NotNow", "2", "");
  assert_int_equal(count("SELECT notnow_count FROM target t JOIN command c ON c.seq = t.command WHERE c.uuid = '2'"),
                   2);
}

/* A `once` command is handed out one time; only a retry repeats it. Its delivery is on disk before it leaves. */
static enum err retry_job(struct ctx *cx, struct db *db, void *arg) {
  int64_t enrollment;
  char *id;
  TRY(enroll_lookup(cx, db, "A", &enrollment, &id));
  return queue_retry(cx, db, arg, enrollment);
}

static void test_once(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  char one[] = "1", none[] = "none";
  enqueue("A", "RestartDevice", "1");
  enqueue("A", "SecurityInfo", "2");
  assert_int_equal(in_job(retry_job, one), E_CONFLICT); /* not handed out yet */
  NEXT("Idle", NULL, "1");
  assert_int_equal(count("SELECT deliveries FROM target ORDER BY seq LIMIT 1"), 1);
  NEXT("Idle", NULL, "2");
  NEXT("Acknowledged", "2", "");
  NEXT("Idle", NULL, "");
  assert_int_equal(in_job(retry_job, none), E_NOT_FOUND);
  must(in_job(retry_job, one));
  NEXT("Idle", NULL, "1");
  clock_shift(2 * US_DAY);
  must(in_job(retry_job, one)); /* its 24 h begin again */
  NEXT("Idle", NULL, "1");
  NEXT("Acknowledged", "1", "");
  assert_int_equal(in_job(retry_job, one), E_CONFLICT);
}

/* A command that was delivered in three sessions without a word is set aside, so that others pass. */
static void test_set_aside(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  enqueue("A", "InstalledApplicationList", "1");
  enqueue("A", "SecurityInfo", "2");
  NEXT("Idle", NULL, "1");
  NEXT("Idle", NULL, "1");
  NEXT("Idle", NULL, "1");
  NEXT("Idle", NULL, "2");
  NEXT("Acknowledged", "2", "1");
}

/* So is one that jumped the queue; one that was answered NotNow has had its word. */
static void test_set_aside_jumper(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  enqueue("A", "EnableLostMode", "1");
  enqueue("A", "SecurityInfo", "2");
  for (int i = 0; i < 3; i++) NEXT("Idle", NULL, "1");
  NEXT("Idle", NULL, "2");
}

static void test_notnow_is_a_word(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  enqueue("A", "InstalledApplicationList", "1");
  for (int i = 0; i < 3; i++) {
    clock_shift((i + 1) * US_SECOND);
    NEXT("Idle", NULL, "1");
    NEXT("NotNow", "1", "");
  }
  enqueue("A", "SecurityInfo", "2");
  clock_shift(9 * US_SECOND);
  NEXT("Idle", NULL, "2");
  NEXT("NotNow", "2", "1");
  NEXT("NotNow", "1", "");
  clock_shift(10 * US_SECOND);
  NEXT("Idle", NULL, "1"); /* oldest first */
}

/* A session that began before the server did ends all the same, however often it says NotNow. */
static void test_notnow_over_a_restart(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  enqueue("A", "InstalledApplicationList", "1");
  NEXT("Idle", NULL, "1");
  seen_stop(fx.core.seen);
  must(seen_start(fx.cx, &fx.core.seen, &fx.core));
  NEXT("NotNow", "1", "");
  NEXT("NotNow", "1", "");
}

/* Erasing and locking jump the queue; a second lock is refused while the first is not settled. */
static void test_jumpers(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  enqueue("A", "SecurityInfo", "1");
  enqueue("A", "EraseDevice", "2");
  enqueue("A", "DeviceLock", "3");
  assert_int_equal(enqueue_err("A", "DeviceLock", "4"), E_CONFLICT);
  NEXT("Idle", NULL, "2");
  NEXT("Acknowledged", "2", "3");
  NEXT("Acknowledged", "3", "1");
  enqueue("A", "DeviceLock", "5");
}

/* Expiry ends delivery only: a late report still counts. */
static enum err expire_job(struct ctx *cx, struct db *db, void *arg) {
  return queue_expire(cx, db, clock_now_us(), 100, arg);
}

static void test_expiry(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  int64_t n;
  enqueue("A", "RestartDevice", "1"); /* 24 h */
  enqueue("A", "SecurityInfo", "2");  /* 7 days */
  clock_shift(25 * US_HOUR);
  NEXT("Idle", NULL, "2");
  must(in_job(expire_job, &n));
  assert_int_equal(n, 1);
  NEXT("Acknowledged", "1", "2");
  assert_int_equal(count("SELECT count(*) FROM target WHERE status = 'Acknowledged'"), 1);
  clock_shift(8 * US_DAY); /* delivered before: delivery ends all the same */
  NEXT("Idle", NULL, "");
  must(in_job(expire_job, &n));
  assert_int_equal(n, 1);
  NEXT("Acknowledged", "2", "");
  assert_int_equal(count("SELECT count(*) FROM target WHERE status = 'Acknowledged'"), 2);
}

/* Who had an EraseDevice is on disk before it leaves: whether the device may come back, and who gets it again, depends
 * on that. */
static void test_erase_is_recorded(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  enqueue("A", "EraseDevice", "1");
  NEXT("Idle", NULL, "1");
  assert_int_equal(count("SELECT count(*) FROM target WHERE sent_to IS NOT NULL AND status = 'Sent'"), 1);
  NEXT("Idle", NULL, "1");
}

/* The history of a channel costs its polls nothing: they go by the index of what waits. */
static void test_polls_go_by_the_queue(void **state) {
  (void)state;
  struct db_rows r;
  int good = 0, n = 0;
  must(db_open_rows(fx.cx, reader(), &r,
                    "EXPLAIN QUERY PLAN SELECT seq FROM target WHERE enrollment = 1 AND waiting = 1 ORDER BY seq"));
  for (; db_next(&r); n++) good += strstr(db_text(&r, 3), "target_queue") != NULL;
  must(db_close(&r));
  assert_int_equal(good, 1);
  assert_int_equal(n, 1);
  good = 0;
  must(db_open_rows(fx.cx, reader(), &r,
                    "EXPLAIN QUERY PLAN SELECT seq FROM target WHERE waiting = 1 AND expires_at <= 1"));
  while (db_next(&r)) good += strstr(db_text(&r, 3), "SEARCH target USING") && strstr(db_text(&r, 3), "target_expiry");
  must(db_close(&r));
  assert_int_equal(good, 1);
}

/* Commands lie encrypted, and come out byte for byte. */
static void test_bytes_are_kept(void **state) {
  (void)state;
  static const char plist[] =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- kept -->\n<plist version=\"1.0\"><dict><key>CommandUUID</key>"
      "<string>raw-1</string><key>Command</key><dict><key>RequestType</key><string>ProfileList</string>"
      "</dict></dict></plist>\n";
  struct enroll_proof p = enrolled("A");
  struct enqueue q = {.id = "A"};
  must(command_parse(fx.cx, &q.command, slice_of(plist)));
  must(in_job(enqueue_job, &q));
  struct report *r = put_report(p, "A", "Idle", NULL);
  assert_int_equal(r->command.n, sizeof plist - 1);
  assert_memory_equal(r->command.p, plist, sizeof plist - 1);
  assert_int_equal(count("SELECT count(*) FROM command WHERE instr(plist_sealed, CAST('ProfileList' AS BLOB)) > 0"), 0);
}

/* Reports that are no reports. */
static void test_bad_reports(void **state) {
  (void)state;
  static const struct {
    const char *status, *uuid;
  } bad[] = {{NULL, NULL},           {"", NULL},       {"Foo", "1"},     {"idle", NULL},
             {"Acknowledged", NULL}, {"NotNow", NULL}, {"Error", "a\nb"}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct pl *m = pl_new_dict(fx.cx);
    struct report r = {.core = &fx.core};
    pl_set_string(m, "UDID", "A");
    if (bad[i].status) pl_set_string(m, "Status", bad[i].status);
    if (bad[i].uuid) pl_set_string(m, "CommandUUID", bad[i].uuid);
    assert_int_equal(report_read(fx.cx, pl_xml(fx.cx, m), &r), E_INVALID);
    ctx_clear_error(fx.cx);
  }
}

/* A poll that ran beside the enqueue and found nothing is no reason to wait: the device is woken at once, not in five
 * minutes. */
static void flush_seen(void) {
  seen_stop(fx.core.seen);
  must(seen_start(fx.cx, &fx.core.seen, &fx.core));
}

static void test_missed_by_a_poll(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  int64_t due_in = 0, now = clock_now_us();
  NEXT("Idle", NULL, "");
  enqueue("A", "CertificateList", "1"); /* committed before what the poll taught is written */
  flush_seen();
  due_in = count("SELECT due_at FROM wake") - now;
  assert_true(due_in > 0 && due_in < 30 * US_SECOND);
  NEXT("Idle", NULL, "1");
  enqueue("A", "ProvisioningProfileList", "2");
  flush_seen(); /* in mid-session: it comes for the second by itself */
  assert_true(count("SELECT due_at FROM wake") - now > 4 * US_MINUTE);
}

static enum err hide_job(struct ctx *cx, struct db *db, void *arg) {
  (void)arg;
  return db_run(cx, db, "ALTER TABLE command RENAME TO hidden");
}

static enum err unhide_job(struct ctx *cx, struct db *db, void *arg) {
  (void)arg;
  return db_run(cx, db, "ALTER TABLE hidden RENAME TO command");
}

/* A device that got no command because of our own trouble is not woken in a circle. */
static void test_trouble_is_no_miss(void **state) {
  (void)state;
  struct report r = {.core = &fx.core, .proof = enrolled("A"), .now = clock_now_us()};
  struct pl *idle = pl_new_dict(fx.cx);
  bool done;
  pl_set_string(idle, "UDID", "A");
  pl_set_string(idle, "Status", "Idle");
  enqueue("A", "CertificateList", "1");
  must(in_job(hide_job, NULL));
  must(report_read(fx.cx, pl_xml(fx.cx, idle), &r));
  assert_int_not_equal(report_poll(fx.cx, reader(), &r, &done), OK);
  ctx_clear_error(fx.cx);
  must(in_job(unhide_job, NULL));
  flush_seen();
  assert_true(count("SELECT due_at FROM wake") - r.now > 4 * US_MINUTE);
}

#define T(f) cmocka_unit_test_setup_teardown(f, fixture_open, fixture_close)
int main(void) {
  const struct CMUnitTest tests[] = {
      T(test_bad_reports),
      T(test_reports_that_fit_nothing),
      T(test_uuid_is_idempotent),
      T(test_ended_identity_is_served_its_renewal),
      T(test_order),
      T(test_redelivery),
      T(test_notnow),
      T(test_once),
      T(test_set_aside),
      T(test_set_aside_jumper),
      T(test_notnow_is_a_word),
      T(test_notnow_over_a_restart),
      T(test_erase_is_recorded),
      T(test_polls_go_by_the_queue),
      T(test_jumpers),
      T(test_expiry),
      T(test_bytes_are_kept),
      T(test_missed_by_a_poll),
      T(test_trouble_is_no_miss),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
