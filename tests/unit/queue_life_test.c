/* The life of a command from its queueing to its end: barriers, locks, PINs, cancelling, replacing, late reports. */
#include "core_fixture.h"

#include <time.h>

#define NEXT(status, uuid, want) assert_string_equal(next_after(p, "A", status, uuid), want)
#define IS(uuid, expression)                                                                                           \
  count("SELECT count(*) FROM target t JOIN command c ON c.seq = t.command WHERE c.uuid = '" uuid "' AND " expression)

static int life_open(void **state) {
  fixture_open(state);
  fx.conf.await_timeout_us = 30 * US_MINUTE;
  return 0;
}

/* One user of the device, with a channel of its own. */
static void add_user(struct enroll_proof p, const char *udid, const char *user) {
  enum enroll_refusal refusal;
  struct pl *m = message("TokenUpdate", udid);
  pl_set_string(m, "UserID", user);
  pl_set_string(m, "UserShortName", "someone");
  pl_set_data(m, "Token", slice_of("user-token"));
  pl_set_string(m, "PushMagic", "magic");
  must(check_in_with(p, m, &refusal));
  assert_int_equal(refusal, ENROLL_FINE);
}

static enum err enqueue_command(const char *id, struct command *c) {
  struct enqueue *q = ctx_alloc(fx.cx, sizeof *q);
  *q = (struct enqueue){.id = id, .command = *c};
  return in_job(enqueue_job, q);
}

static struct command with(const char *type, const char *key, const char *value, const char *uuid) {
  struct command c;
  struct js *args = js_object(fx.cx);
  js_set_string(args, key, value);
  must(command_build(fx.cx, &c, type, args, uuid));
  return c;
}

struct cancel {
  const char *uuid, *id;
  bool done_maybe;
};

static enum err cancel_job(struct ctx *cx, struct db *db, void *arg) {
  struct cancel *c = arg;
  int64_t enrollment;
  char *id;
  TRY(enroll_lookup(cx, db, c->id, &enrollment, &id));
  TRY(seen_write(cx, db, fx.core.seen, enrollment));
  return queue_cancel(cx, db, c->uuid, enrollment, "an admin", &c->done_maybe);
}

/* What cannot be cancelled: what is unknown, settled, or another device's. Nothing changes by it. */
static void test_cancel_refused(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  (void)enrolled("B");
  struct cancel c = {.uuid = "none", .id = "A"};
  assert_int_equal(in_job(cancel_job, &c), E_NOT_FOUND);
  enqueue("A", "CertificateList", "1");
  c = (struct cancel){.uuid = "1", .id = "B"};
  assert_int_equal(in_job(cancel_job, &c), E_NOT_FOUND);
  NEXT("Idle", NULL, "1");
  NEXT("Error", "1", "");
  c = (struct cancel){.uuid = "1", .id = "A"};
  assert_int_equal(in_job(cancel_job, &c), E_CONFLICT);
  assert_int_equal(IS("1", "status = 'Error' AND reason IS NULL AND cancelled_by IS NULL"), 1);
}

/* Cancelled: not handed out any more; of one that was handed out it is said that it may be done. A late report still
 * wins, but no NotNow, and what it was cancelled as is kept. */
static void test_cancel(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  enqueue("A", "CertificateList", "1");
  enqueue("A", "SecurityInfo", "2");
  struct cancel first = {.uuid = "1", .id = "A"}, second = {.uuid = "2", .id = "A"};
  NEXT("Idle", NULL, "1");
  must(in_job(cancel_job, &first));
  must(in_job(cancel_job, &second));
  assert_true(first.done_maybe);
  assert_false(second.done_maybe);
  assert_int_equal(IS("1", "status = 'Cancelled' AND reason = 'admin' AND cancelled_by = 'an admin'"), 1);
  NEXT("NotNow", "1", "");
  NEXT("Idle", NULL, "");
  assert_int_equal(IS("1", "status = 'Cancelled' AND ended_as IS NULL"), 1);
  NEXT("Acknowledged", "1", "");
  NEXT("Error", "1", "");
  assert_int_equal(IS("1", "status = 'Acknowledged' AND ended_as = 'Cancelled' AND waiting = 0"), 1);
  assert_int_equal(count("SELECT count(*) FROM event WHERE kind = 'command.status'"), 3);
}

static enum err cancel_behind_a_write_job(struct ctx *cx, struct db *db, void *arg) {
  nanosleep(&(struct timespec){.tv_nsec = 700 * 1000 * 1000}, NULL); /* longer than deliveries wait to be written */
  return cancel_job(cx, db, arg);
}

/* A delivery whose write waits behind the job that cancels counts, too. */
static void test_cancel_before_the_delivery_is_written(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  enqueue("A", "CertificateList", "1");
  struct cancel c = {.uuid = "1", .id = "A"};
  NEXT("Idle", NULL, "1");
  must(in_job(cancel_behind_a_write_job, &c));
  assert_true(c.done_maybe);
}

/* One that only ever said NotNow was not done. */
static void test_cancel_notnow(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  struct cancel c = {.uuid = "1", .id = "A"};
  enqueue("A", "CertificateList", "1");
  NEXT("Idle", NULL, "1");
  NEXT("NotNow", "1", "");
  must(in_job(cancel_job, &c));
  assert_false(c.done_maybe);
}

static enum err expire_job(struct ctx *cx, struct db *db, void *arg) {
  return queue_expire(cx, db, clock_now_us(), 100, arg);
}

/* A report after expiry wins, and it shows that it came late. */
static void test_answered_after_expiry(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  int64_t n;
  enqueue("A", "SecurityInfo", "1");
  NEXT("Idle", NULL, "1");
  clock_shift(8 * US_DAY);
  must(in_job(expire_job, &n));
  assert_int_equal(IS("1", "status = 'Expired' AND waiting = 0"), 1);
  NEXT("Acknowledged", "1", "");
  assert_int_equal(IS("1", "status = 'Acknowledged' AND ended_as = 'Expired'"), 1);
}

/* Also before it was marked as expired. What is handed out one time only does not expire while it is with the device.
 */
static void test_answered_late(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  enqueue("A", "SecurityInfo", "1");
  enqueue("A", "RestartDevice", "2");
  NEXT("Idle", NULL, "1");
  NEXT("NotNow", "1", "2");
  clock_shift(8 * US_DAY);
  NEXT("Acknowledged", "1", "");
  NEXT("Acknowledged", "2", "");
  assert_int_equal(IS("1", "ended_as = 'Expired'"), 1);
  assert_int_equal(IS("2", "status = 'Acknowledged' AND ended_as IS NULL"), 1);
}

/* A barrier waits for all that was queued before it, put off or set aside as it may be, but for its time only. */
static void test_barrier(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  enqueue("A", "InstalledApplicationList", "1");
  enqueue("A", "ProvisioningProfileList", "2");
  enqueue("A", "DeviceConfigured", "3");
  NEXT("Idle", NULL, "1");
  NEXT("NotNow", "1", "2");
  NEXT("Acknowledged", "2", "");
  for (int i = 0; i < QUEUE_PATIENCE + 1; i++) NEXT("Idle", NULL, "1"); /* set aside by now */
  clock_shift(29 * US_MINUTE);
  NEXT("Idle", NULL, "1");
  clock_shift(31 * US_MINUTE);
  NEXT("Idle", NULL, "3");
  NEXT("Acknowledged", "3", "1");
}

/* It goes as soon as they are settled. What is queued after it waits behind it, but for what jumps. */
static void test_barrier_keeps_the_order(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  enqueue("A", "InstalledApplicationList", "1");
  enqueue("A", "DeviceConfigured", "2");
  enqueue("A", "SecurityInfo", "3");
  NEXT("Idle", NULL, "1");
  NEXT("NotNow", "1", "");
  enqueue("A", "EnableLostMode", "4");
  NEXT("Idle", NULL, "4");
  NEXT("Acknowledged", "4", "1");
  NEXT("Acknowledged", "1", "2");
  NEXT("NotNow", "2", "3");
  NEXT("Acknowledged", "3", "");
}

/* A session that ends in NotNow before a barrier is woken when the barrier's time is over, not a day later. */
static void test_barrier_wakes(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  enqueue("A", "InstalledApplicationList", "1");
  enqueue("A", "DeviceConfigured", "2");
  int64_t now = clock_now_us();
  NEXT("Idle", NULL, "1");
  NEXT("NotNow", "1", "");
  seen_stop(fx.core.seen);
  must(seen_start(fx.cx, &fx.core.seen, &fx.core));
  int64_t due_in = count("SELECT due_at FROM wake") - now;
  assert_true(due_in > 29 * US_MINUTE && due_in < 31 * US_MINUTE);
}

#define DUE(id) "SELECT w.due_at FROM wake w JOIN enrollment e ON e.seq = w.enrollment WHERE e.id = '" id "'"

/* After an acknowledged restart the device is woken when it is up again, while commands wait; whatever else it said
 * before it went down. */
static void test_restart_wakes(void **state) {
  (void)state;
  static const char *const last[] = {NULL, "NotNow"};
  for (size_t i = 0; i < sizeof last / sizeof *last; i++) {
    const char *id = i ? "B" : "A", *restart = i ? "3" : "1", *other = i ? "4" : "2";
    struct enroll_proof p = enrolled(id);
    enqueue(id, "RestartDevice", restart);
    enqueue(id, "InstalledApplicationList", other);
    int64_t now = clock_now_us();
    assert_string_equal(next_after(p, id, "Idle", NULL), restart);
    assert_string_equal(next_after(p, id, "Acknowledged", restart), other);
    if (last[i]) assert_string_equal(next_after(p, id, last[i], other), "");
    seen_stop(fx.core.seen);
    must(seen_start(fx.cx, &fx.core.seen, &fx.core));
    int64_t due_in = count(i ? DUE("B") : DUE("A")) - now;
    assert_true(due_in >= 3 * US_MINUTE && due_in < 4 * US_MINUTE);
  }
}

/* A user's channel has a barrier of its own, which waits for nothing of the device's. */
static void test_barrier_of_a_user(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  add_user(p, "A", "U");
  enqueue("A", "SecurityInfo", "1");
  enqueue("A:U", "UserConfigured", "2");
  struct pl *m = pl_new_dict(fx.cx);
  struct report r = {.core = &fx.core, .proof = p, .now = clock_now_us()};
  bool done;
  pl_set_string(m, "UDID", "A");
  pl_set_string(m, "UserID", "U");
  pl_set_string(m, "Status", "Idle");
  must(report_read(fx.cx, pl_xml(fx.cx, m), &r));
  must(report_poll(fx.cx, reader(), &r, &done));
  if (!done) must(in_job(report_apply, &r));
  assert_string_equal(r.command_uuid, "2");
}

/* One session is one, however often it handed a command out; three silent ones set it aside, a word begins anew. */
static void test_sessions_are_counted(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  enqueue("A", "InstalledApplicationList", "1");
  enqueue("A", "SecurityInfo", "2");
  NEXT("Idle", NULL, "1");
  for (int i = 0; i < 5; i++) NEXT("Acknowledged", "unknown", "1");
  assert_int_equal(IS("1", "deliveries = 6 AND silent = 1"), 1);
  NEXT("Idle", NULL, "1");
  NEXT("NotNow", "1", "2");
  assert_int_equal(IS("1", "silent = 0"), 1);
  NEXT("Acknowledged", "2", "");
  enqueue("A", "ProfileList", "3");
  for (int i = 0; i < QUEUE_PATIENCE; i++) NEXT("Idle", NULL, "3");
  NEXT("Idle", NULL, "1");
}

/* One unsettled lock a device: a second one is refused on all of its channels, and names the first. */
static void test_one_lock_a_device(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  (void)enrolled("B");
  add_user(p, "A", "U");
  enqueue("A", "DeviceLock", "first");
  assert_int_equal(enqueue_err("A", "DeviceLock", "second"), E_CONFLICT);
  assert_non_null(strstr(ctx_error_text(fx.cx), "first"));
  assert_int_equal(enqueue_err("A:U", "DeviceLock", "second"), E_CONFLICT);
  assert_int_equal(enqueue_err("A:U", "DeviceLock", "first"), E_CONFLICT);
  enqueue("A", "DeviceLock", "first");
  enqueue("B", "DeviceLock", "other");
  NEXT("Idle", NULL, "first");
  NEXT("Acknowledged", "first", "");
  enqueue("A", "DeviceLock", "second");
}

static struct slice escrowed(const char *kind) {
  struct db_rows r;
  struct slice plain = {0};
  must(db_open_rows(fx.cx, reader(), &r, "SELECT device, value_sealed FROM escrow WHERE kind = $1 ORDER BY seq DESC",
                    DB_S(kind)));
  assert_true(db_next(&r));
  const char *about = ctx_printf(fx.cx, "escrow.value %lld %s", (long long)db_int(&r, 0), kind);
  struct slice sealed = db_blob(&r, 1);
  must(db_close(&r));
  must(vault_unseal(fx.cx, fx.core.vault, about, sealed, &plain));
  return plain;
}

/* A PIN that is no six digits is refused where we build the command. */
static void test_bad_pins(void **state) {
  (void)state;
  static const char *const bad[] = {"", "12345", "1234567", "12345a", " 12345", "１２３４５６"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct command c;
    struct js *args = js_object(fx.cx);
    js_set_string(args, "PIN", bad[i]);
    assert_int_equal(command_build(fx.cx, &c, "DeviceLock", args, NULL), E_INVALID);
    ctx_clear_error(fx.cx);
    assert_int_equal(command_build(fx.cx, &c, "EraseDevice", args, NULL), E_INVALID);
    ctx_clear_error(fx.cx);
  }
}

/* A PIN is in escrow as soon as its command is queued, once, sealed; a command that was refused leaves none. */
static void test_pin_in_escrow(void **state) {
  (void)state;
  (void)enrolled("A");
  struct command lock = with("DeviceLock", "PIN", "135790", "1"), second = with("DeviceLock", "PIN", "111111", "2"),
                 erase = with("EraseDevice", "PIN", "135790", "3");
  must(enqueue_command("A", &lock));
  assert_true(slice_is(escrowed("pin"), "135790"));
  assert_int_equal(enqueue_command("A", &second), E_CONFLICT);
  must(enqueue_command("A", &lock));
  must(enqueue_command("A", &erase));
  assert_int_equal(count("SELECT count(*) FROM escrow"), 1);
  assert_int_equal(count("SELECT count(*) FROM escrow WHERE command = '3' AND instr(value_sealed, '135790') = 0"), 1);
}

/* So is one that stands in a property list someone wrote. */
static void test_raw_pin(void **state) {
  (void)state;
  static const char plist[] =
      "<plist version=\"1.0\"><dict><key>CommandUUID</key><string>raw</string><key>Command</key><dict>"
      "<key>RequestType</key><string>EraseDevice</string><key>PIN</key><string>0042</string></dict></dict></plist>";
  struct command c;
  (void)enrolled("A");
  must(command_parse(fx.cx, &c, slice_of(plist)));
  must(enqueue_command("A", &c));
  assert_true(slice_is(escrowed("pin"), "0042"));
}

static void supervised(const char *udid, struct enroll_proof p) {
  enum enroll_refusal refusal;
  struct pl *m = message("TokenUpdate", udid);
  pl_set_data(m, "Token", slice_of("token"));
  pl_set_string(m, "PushMagic", "magic");
  pl_set_bool(m, "AwaitingConfiguration", true);
  must(check_in_with(p, m, &refusal));
}

static const char *tell_code(struct enroll_proof p, const char *uuid, const char *status, const char *code) {
  struct pl *m = pl_new_dict(fx.cx);
  struct report r = {.core = &fx.core, .proof = p, .now = clock_now_us()};
  pl_set_string(m, "UDID", "A");
  pl_set_string(m, "Status", status);
  pl_set_string(m, "CommandUUID", uuid);
  pl_set_string(m, "ActivationLockBypassCode", code);
  must(report_read(fx.cx, pl_xml(fx.cx, m), &r));
  must(in_job(report_apply, &r));
  return r.command_uuid;
}

/* A supervised device is asked for its bypass code as soon as it is enrolled, again with each new generation, and not
   in between; codes that nobody asked for are not kept. */
static void test_bypass_code(void **state) {
  (void)state;
  struct enroll_proof p = new_identity("A");
  assert_int_equal(authenticate(p, "A", NULL), ENROLL_FINE);
  supervised("A", p);
  supervised("A", p);
  assert_int_equal(count("SELECT count(*) FROM target WHERE status = 'Queued'"), 1);
  const char *uuid = next_after(p, "A", "Idle", NULL);
  tell_code(p, "unknown", "Acknowledged", "FORGED");
  tell_code(p, uuid, "NotNow", "EARLY");
  assert_int_equal(count("SELECT count(*) FROM escrow"), 0);
  assert_null(tell_code(p, uuid, "Acknowledged", "AAAAA-BBBBB"));
  assert_null(tell_code(p, uuid, "Acknowledged", "SECOND"));
  assert_true(slice_is(escrowed("bypass-code"), "AAAAA-BBBBB"));
  assert_int_equal(authenticate(p, "A", NULL), ENROLL_FINE);
  supervised("A", p);
  uuid = next_after(p, "A", "Idle", NULL);
  tell_code(p, uuid, "Acknowledged", "CCCCC-DDDDD");
  assert_true(slice_is(escrowed("bypass-code"), "CCCCC-DDDDD"));
  assert_int_equal(count("SELECT count(*) FROM escrow WHERE kind = 'bypass-code' AND command IS NOT NULL"), 2);
  assert_int_equal(count("SELECT count(*) FROM command WHERE created_by = 'pomona'"), 2);
}

/* A device that does not wait in Setup Assistant is not asked. */
static void test_no_bypass_code(void **state) {
  (void)state;
  (void)enrolled("A");
  assert_int_equal(count("SELECT count(*) FROM target"), 0);
}

static const char *tell_supervised(struct enroll_proof p, const char *uuid, bool yes) {
  struct pl *m = pl_new_dict(fx.cx), *answers = pl_new_dict(fx.cx);
  struct report r = {.core = &fx.core, .proof = p, .now = clock_now_us()};
  pl_set_string(m, "UDID", "A");
  pl_set_string(m, "Status", "Acknowledged");
  pl_set_string(m, "CommandUUID", uuid);
  pl_set_bool(answers, "IsSupervised", yes);
  pl_set(m, "QueryResponses", answers);
  must(report_read(fx.cx, pl_xml(fx.cx, m), &r));
  must(in_job(report_apply, &r));
  return r.command_uuid;
}

/* One that says later that it is supervised is asked then, once; its word counts in an answer that was asked for. */
static void test_bypass_code_when_supervision_is_told(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  for (int i = 1; i <= 4; i++) enqueue("A", "SecurityInfo", ctx_printf(fx.cx, "%d", i));
  assert_string_equal(tell_supervised(p, "unknown", true), "1");
  assert_string_equal(tell_supervised(p, "1", false), "2");
  assert_int_equal(count("SELECT count(*) FROM command WHERE created_by = 'pomona'"), 0);
  assert_string_equal(tell_supervised(p, "2", true), "3");
  assert_string_equal(tell_supervised(p, "3", true), "4");
  assert_int_equal(count("SELECT count(*) FROM command WHERE created_by = 'pomona' "
                         "AND request_type = 'ActivationLockBypassCode'"),
                   1);
}

static enum err enqueue_key(const char *id, const char *uuid, const char *key) {
  struct command c;
  must(command_build(fx.cx, &c, "SecurityInfo", NULL, uuid));
  c.collapse_key = key;
  return enqueue_command(id, &c);
}

/* A later command replaces an earlier one of the same key on the same channel, and nothing else. */
static void test_collapse(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  (void)enrolled("B");
  enqueue("A", "SecurityInfo", "plain");
  must(enqueue_key("A", "other-key", "x"));
  must(enqueue_key("B", "other-device", "k"));
  must(enqueue_key("A", "1", "k"));
  must(enqueue_key("A", "2", "k"));
  must(enqueue_key("A", "1", "k")); /* again: it is not queued anew, nor does it replace the later one */
  assert_int_equal(count("SELECT count(*) FROM target WHERE waiting = 1"), 4);
  assert_int_equal(IS("1", "status = 'Cancelled' AND reason = 'replaced'"), 1);
  NEXT("Idle", NULL, "plain");
  NEXT("Acknowledged", "plain", "other-key");
  NEXT("Acknowledged", "other-key", "2");
  must(enqueue_key("A", "3", "k")); /* while 2 is with the device */
  NEXT("Acknowledged", "2", "3");
  assert_int_equal(IS("2", "status = 'Acknowledged' AND reason = 'replaced' AND ended_as = 'Cancelled'"), 1);
}

static enum err damage_job(struct ctx *cx, struct db *db, void *arg) {
  return db_run(cx, db, "UPDATE command SET plist_sealed = CAST('damaged' AS BLOB) WHERE uuid <> $1", DB_S(arg));
}

/* What is stored but does not open ends as an error of ours; the next one goes on in the same answer. */
static void test_damaged(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  char whole[] = "3";
  enqueue("A", "CertificateList", "1");
  enqueue("A", "RestartDevice", "2");
  enqueue("A", "SecurityInfo", "3");
  must(in_job(damage_job, whole));
  NEXT("Idle", NULL, "3");
  assert_int_equal(count("SELECT count(*) FROM target WHERE status = 'Error' AND waiting = 0 AND deliveries = 0 "
                         "AND errors LIKE '%send it again%'"),
                   2);
  assert_int_equal(count("SELECT count(*) FROM event WHERE kind = 'command.status'"), 2);
  NEXT("Acknowledged", "3", "");
}

#define T(f) cmocka_unit_test_setup_teardown(f, life_open, fixture_close)
int main(void) {
  const struct CMUnitTest tests[] = {
      T(test_cancel_refused),
      T(test_bad_pins),
      T(test_damaged),
      T(test_cancel),
      T(test_cancel_before_the_delivery_is_written),
      T(test_cancel_notnow),
      T(test_answered_after_expiry),
      T(test_answered_late),
      T(test_barrier),
      T(test_barrier_keeps_the_order),
      T(test_barrier_wakes),
      T(test_restart_wakes),
      T(test_barrier_of_a_user),
      T(test_sessions_are_counted),
      T(test_one_lock_a_device),
      T(test_pin_in_escrow),
      T(test_raw_pin),
      T(test_bypass_code),
      T(test_no_bypass_code),
      T(test_bypass_code_when_supervision_is_told),
      T(test_collapse),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
