/* What operators do with devices: block, unenroll, forget, adopt; and what a device is answered then. */
#include "core_fixture.h"

#include "core/history.h"
#include "core/push.h"
#include "core/refused.h"

struct act {
  const char *id;
  const uint8_t *hash;
  bool anyway, more, of_user;
  char *found;
  struct enroll_leave leave;
};

static enum err named_job(struct ctx *cx, struct db *db, void *arg) {
  struct act *a = arg;
  return enroll_device_named(cx, db, a->id, &a->found, &a->of_user);
}
static enum err block_job(struct ctx *cx, struct db *db, void *arg) {
  struct act *a = arg;
  return enroll_block(cx, db, &fx.core, a->id, "someone");
}
static enum err unblock_job(struct ctx *cx, struct db *db, void *arg) {
  struct act *a = arg;
  return enroll_unblock(cx, db, &fx.core, a->id, "someone");
}
static enum err forget_job(struct ctx *cx, struct db *db, void *arg) {
  struct act *a = arg;
  struct enroll_forget f = {.by = "someone", .anyway = a->anyway};
  enum err e = enroll_forget(cx, db, &fx.core, a->id, &f);
  a->more = f.more;
  return e;
}
static enum err adopt_job(struct ctx *cx, struct db *db, void *arg) {
  struct act *a = arg;
  return enroll_adopt(cx, db, &fx.core, a->id, a->hash, "someone");
}
static enum err unenroll_job(struct ctx *cx, struct db *db, void *arg) {
  struct act *a = arg;
  TRY(enroll_unenroll(cx, db, &fx.core, a->id, "someone", &a->leave));
  if (a->leave.asked) return OK;
  struct command c;
  struct js *args = js_object(cx);
  int64_t command;
  js_set_string(args, "Identifier", a->leave.identifier);
  TRY(command_build(cx, &c, "RemoveProfile", args, a->leave.command));
  c.flags |= COMMAND_ONCE | COMMAND_JUMP;
  TRY(queue_command(cx, db, &fx.core, &c, "someone", &command));
  return queue_add(cx, db, &fx.core, command, &c, a->leave.enrollment);
}

static enum err act(enum err (*job)(struct ctx *, struct db *, void *), const char *id) {
  return in_job(job, &(struct act){.id = id});
}

static enum err sql_job(struct ctx *cx, struct db *db, void *arg) {
  const char *const *what = arg;
  return db_run(cx, db, "UPDATE generation SET given = $1", DB_S(what[0]));
}

static int64_t events(const char *kind) {
  int64_t n;
  must(db_one_int(fx.cx, reader(), &n, "SELECT count(*) FROM event WHERE kind = $1", DB_S(kind)));
  return n;
}

static struct enroll_proof enrolled_with_serial(const char *udid, const char *serial) {
  struct enroll_proof p = new_identity(udid);
  assert_int_equal(authenticate(p, udid, serial), ENROLL_FINE);
  assert_int_equal(token_update(p, udid, "token"), ENROLL_FINE);
  return p;
}

static enum enroll_refusal user_token_update(struct enroll_proof p, const char *udid, const char *user) {
  enum enroll_refusal refusal;
  struct pl *m = message("TokenUpdate", udid);
  pl_set_string(m, "UserID", user);
  pl_set_data(m, "Token", slice_of("user's token"));
  pl_set_string(m, "PushMagic", "magic");
  must(check_in_with(p, m, &refusal));
  return refusal;
}

static enum enroll_refusal poll(struct enroll_proof p, const char *udid) {
  return put_report(p, udid, "Idle", NULL)->refusal;
}

/* A device that nobody knows is not found, a serial number that two living ones have is not enough, and an id is an id
   before it is a serial number. */
static void test_which_device(void **state) {
  (void)state;
  assert_int_equal(act(named_job, "U-1"), E_NOT_FOUND);
  assert_int_equal(act(block_job, "U-1"), E_NOT_FOUND);
  assert_int_equal(act(unblock_job, "U-1"), E_NOT_FOUND);
  assert_int_equal(act(unenroll_job, "U-1"), E_NOT_FOUND);
  assert_int_equal(act(forget_job, "U-1"), E_NOT_FOUND);
  struct enroll_proof p = enrolled_with_serial("U-1", "U-2");
  (void)enrolled_with_serial("U-2", "S-2");
  struct enroll_proof former = enrolled_with_serial("U-3", "S-3");
  (void)enrolled_with_serial("U-4", "S-3");
  assert_int_equal(user_token_update(p, "U-1", "V-1"), ENROLL_FINE);
  struct act a = {.id = "S-3"};
  must(in_job(named_job, &a));
  assert_string_equal(a.found, "U-4");
  assert_int_equal(token_update(former, "U-3", "token"), ENROLL_FINE);
  assert_int_equal(act(named_job, "S-3"), E_CONFLICT);
  a.id = "U-2";
  must(in_job(named_job, &a));
  assert_string_equal(a.found, "U-2");
  a.id = "S-2";
  must(in_job(named_job, &a));
  assert_string_equal(a.found, "U-2");
  assert_false(a.of_user);
  a.id = "U-1:V-1";
  must(in_job(named_job, &a));
  assert_string_equal(a.found, "U-1");
  assert_true(a.of_user);
}

static enum err due_job(struct ctx *cx, struct db *db, void *arg) {
  const char **reason = arg;
  int64_t enrollment;
  char *id;
  TRY(enroll_lookup(cx, db, "U-1", &enrollment, &id));
  return push_due(cx, db, &fx.core, enrollment, PUSH_COMMAND, 0, NULL, reason);
}

/* Blocked: whatever it asks is refused, nothing wakes it, and it loses nothing; unblocked it gets what waits. */
static void test_block(void **state) {
  (void)state;
  const char *reason;
  struct enroll_proof p = enrolled("U-1"), other = new_identity("U-1");
  assert_int_equal(user_token_update(p, "U-1", "V-1"), ENROLL_FINE);
  enqueue("U-1", "ProfileList", "C-1");
  must(act(block_job, "U-1"));
  must(act(block_job, "U-1"));
  assert_int_equal(events("device.blocked"), 1);
  assert_int_equal(poll(p, "U-1"), ENROLL_BLOCKED);
  assert_int_equal(token_update(p, "U-1", "newer"), ENROLL_BLOCKED);
  assert_int_equal(user_token_update(p, "U-1", "V-1"), ENROLL_BLOCKED);
  assert_int_equal(authenticate(p, "U-1", NULL), ENROLL_BLOCKED);
  assert_int_equal(authenticate(other, "U-1", NULL), ENROLL_BLOCKED);
  assert_int_equal(check_out(p, "U-1"), ENROLL_BLOCKED);
  assert_int_equal(count("SELECT count(*) FROM wake WHERE due_at IS NOT NULL"), 0);
  must(in_job(due_job, &reason));
  assert_string_equal(reason, "it is blocked");
  must(act(unblock_job, "U-1"));
  must(act(unblock_job, "U-1"));
  assert_int_equal(events("device.unblocked"), 1);
  must(in_job(due_job, &reason));
  assert_null(reason);
  assert_string_equal(next_after(p, "U-1", "Idle", NULL), "C-1");
}

static bool stands(const char *uuid, const char *status) {
  return count(ctx_printf(fx.cx,
                          "SELECT count(*) FROM target t JOIN command c ON c.seq = t.command WHERE c.uuid = '%s' AND "
                          "t.status = '%s'",
                          uuid, status)) == 1;
}

/* Goal: what it was given before it was blocked it may answer to, once or again, by its own identity alone; it gets
   nothing more. */
static void test_blocked_answers(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("U-1"), other = enrolled("U-2");
  enqueue("U-1", "EraseDevice", "C-1");
  enqueue("U-1", "ProfileList", "C-2");
  assert_string_equal(next_after(p, "U-1", "Idle", NULL), "C-1");
  must(act(block_job, "U-1"));
  assert_int_equal(put_report(p, "U-1", "Acknowledged", "C-2")->refusal, ENROLL_BLOCKED);
  assert_int_equal(put_report(p, "U-1", "Acknowledged", "C-9")->refusal, ENROLL_BLOCKED);
  assert_int_equal(put_report(other, "U-1", "Acknowledged", "C-1")->refusal, ENROLL_BLOCKED);
  assert_int_equal(put_report(new_identity("stranger"), "U-1", "Acknowledged", "C-1")->refusal, ENROLL_BLOCKED);
  assert_true(stands("C-1", "Sent"));
  for (int i = 0; i < 2; i++) {
    const struct report *r = put_report(p, "U-1", "Acknowledged", "C-1");
    assert_int_equal(r->refusal, ENROLL_FINE);
    assert_null(r->command.p);
  }
  assert_true(stands("C-1", "Acknowledged"));
  assert_true(stands("C-2", "Queued"));
  assert_int_equal(poll(p, "U-1"), ENROLL_BLOCKED);
  assert_int_equal(check_out(p, "U-1"), ENROLL_BLOCKED);
}

/* Nobody is asked to leave who is not enrolled, or to whom nothing is handed over. */
static void test_unenroll_whom(void **state) {
  (void)state;
  struct enroll_proof p = new_identity("U-1");
  assert_int_equal(authenticate(p, "U-1", NULL), ENROLL_FINE);
  assert_int_equal(act(unenroll_job, "U-1"), E_CONFLICT);
  assert_int_equal(token_update(p, "U-1", "token"), ENROLL_FINE);
  must(act(block_job, "U-1"));
  assert_int_equal(act(unenroll_job, "U-1"), E_CONFLICT);
  must(act(unblock_job, "U-1"));
  assert_int_equal(check_out(p, "U-1"), ENROLL_FINE);
  assert_int_equal(act(unenroll_job, "U-1"), E_CONFLICT);
  assert_int_equal(events("device.unenroll-asked"), 0);
}

static struct act unenroll(const char *id) {
  const char *given[] = {"{\"PayloadIdentifier\": \"org.example.profile\"}"};
  struct act a = {.id = id};
  must(in_job(sql_job, given));
  must(in_job(unenroll_job, &a));
  return a;
}

/* It is served until RemoveProfile, which goes before all else and once, was handed over; then refused for good, but
   for what it says of that and for its CheckOut. Another RemoveProfile means nothing. */
static void test_unenroll(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("U-1");
  assert_int_equal(user_token_update(p, "U-1", "V-1"), ENROLL_FINE);
  enqueue("U-1", "ProfileList", "C-1");
  struct act a = unenroll("U-1"), again = {.id = "U-1"};
  assert_string_equal(a.leave.identifier, "org.example.profile");
  assert_int_equal(user_token_update(p, "U-1", "V-1"), ENROLL_FINE);
  must(in_job(unenroll_job, &again));
  assert_true(again.leave.asked && !again.leave.handed);
  assert_string_equal(again.leave.command, a.leave.command);
  assert_string_equal(next_after(p, "U-1", "Idle", NULL), a.leave.command);
  assert_int_equal(poll(p, "U-1"), ENROLL_UNENROLL);
  assert_int_equal(token_update(p, "U-1", "token"), ENROLL_UNENROLL);
  assert_int_equal(user_token_update(p, "U-1", "V-1"), ENROLL_UNENROLL);
  assert_int_equal(put_report(p, "U-1", "Acknowledged", a.leave.command)->refusal, ENROLL_FINE);
  assert_int_equal(
      count("SELECT count(*) FROM target t JOIN command c ON c.seq = t.command WHERE t.status = 'Acknowledged' "
            "AND c.request_type = 'RemoveProfile'"),
      1);
  must(in_job(unenroll_job, &again));
  assert_true(again.leave.asked && again.leave.handed);
  assert_int_equal(events("device.unenroll-asked"), 1);
  assert_int_equal(check_out(p, "U-1"), ENROLL_FINE);
  assert_int_equal(poll(p, "U-1"), ENROLL_FINE);
}

/* Goal: one that was blocked after it was told to leave may say that it did. */
static void test_blocked_leaves(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("U-1");
  struct act a = unenroll("U-1");
  must(act(block_job, "U-1"));
  assert_int_equal(check_out(p, "U-1"), ENROLL_BLOCKED); /* not handed over yet */
  must(act(unblock_job, "U-1"));
  assert_string_equal(next_after(p, "U-1", "Idle", NULL), a.leave.command);
  must(act(block_job, "U-1"));
  assert_int_equal(poll(p, "U-1"), ENROLL_BLOCKED);
  assert_int_equal(put_report(p, "U-1", "Acknowledged", a.leave.command)->refusal, ENROLL_FINE);
  assert_int_equal(check_out(new_identity("stranger"), "U-1"), ENROLL_BLOCKED);
  assert_int_equal(check_out(p, "U-1"), ENROLL_FINE);
  assert_int_equal(events("device.checked-out"), 1);
  assert_int_equal(authenticate(p, "U-1", NULL), ENROLL_BLOCKED);
}

/* What decides that it is told to leave outlives the history. */
static void test_unenroll_for_long(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("U-1");
  struct act a = unenroll("U-1");
  assert_string_equal(next_after(p, "U-1", "Idle", NULL), a.leave.command);
  assert_int_equal(put_report(p, "U-1", "Acknowledged", a.leave.command)->refusal, ENROLL_FINE);
  fx.conf.history_us = 90 * US_DAY;
  clock_shift(100 * US_DAY);
  must(history_chore(fx.cx, &fx.core));
  assert_int_equal(count("SELECT count(*) FROM event"), 0);
  assert_int_equal(poll(p, "U-1"), ENROLL_UNENROLL);
}

/* One that was told to leave is awaited by nobody: it may come back by any link, at once. */
static void test_leaving_is_vacant(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("U-1");
  struct act a = unenroll("U-1");
  assert_int_equal(authenticate(new_identity("other"), "U-1", NULL), ENROLL_FOREIGN); /* not handed over yet */
  assert_string_equal(next_after(p, "U-1", "Idle", NULL), a.leave.command);
  struct enroll_proof next = new_identity("next");
  assert_int_equal(authenticate(next, "U-1", NULL), ENROLL_FINE);
  assert_int_equal(token_update(next, "U-1", "token"), ENROLL_FINE);
  assert_int_equal(poll(next, "U-1"), ENROLL_FINE);
}

/* What was asked of an enrollment is over with the next one; and a wish whose command was taken back is none. */
static void test_unenroll_is_over(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("U-1");
  struct act a = unenroll("U-1");
  assert_string_equal(next_after(p, "U-1", "Idle", NULL), a.leave.command);
  assert_int_equal(poll(p, "U-1"), ENROLL_UNENROLL);
  assert_int_equal(authenticate(p, "U-1", NULL), ENROLL_FINE);
  assert_int_equal(token_update(p, "U-1", "token"), ENROLL_FINE);
  assert_int_equal(poll(p, "U-1"), ENROLL_FINE);
  assert_int_equal(count("SELECT count(*) FROM device WHERE unenroll_at IS NOT NULL"), 0);
  struct act second = unenroll("U-1");
  assert_string_not_equal(second.leave.command, a.leave.command);
  assert_int_equal(authenticate(p, "U-1", NULL), ENROLL_FINE);
  assert_int_equal(token_update(p, "U-1", "token"), ENROLL_FINE); /* takes the command back */
  assert_int_equal(poll(p, "U-1"), ENROLL_FINE);
  struct act third = unenroll("U-1");
  assert_false(third.leave.asked);
}

/* A row in each table that tells of the device and that these tests do not fill otherwise. */
static enum err more_rows_job(struct ctx *cx, struct db *db, void *arg) {
  (void)arg;
  TRY(db_run(cx, db,
             "INSERT INTO escrow (device, kind, digest, value_sealed, at) "
             "SELECT seq, 'pin', x'00', x'00', 1 FROM device WHERE id = 'U-1'"));
  TRY(db_run(cx, db,
             "INSERT INTO ddm_status (enrollment, at, report) SELECT seq, 1, x'00' FROM enrollment "
             "WHERE id = 'U-1'"));
  TRY(db_run(cx, db,
             "INSERT INTO held_token (generation, id, type, topic, token, push_magic, token_at) "
             "SELECT generation, id, 'Device', '', x'00', '', 1 FROM device WHERE id = 'U-1'"));
  TRY(db_run(cx, db,
             "INSERT INTO given_root (device, generation, hash, command) "
             "SELECT seq, generation, x'00', 'R' FROM device WHERE id = 'U-1'"));
  TRY(db_run(cx, db,
             "INSERT INTO enroll_session (id, kind, challenge_hash, created_at, expires_at, issues_max, given) "
             "VALUES ('S', 'renew', x'00', 1, 1, 1, '{}')"));
  return db_run(cx, db,
                "INSERT INTO renewal (device, generation, identity, session, challenge_sealed, command, wave, state, "
                "created_at, updated_at) SELECT d.seq, d.generation, x'00', s.seq, x'00', 'R', 0, 'done', 1, 1 "
                "FROM device d, enroll_session s WHERE d.id = 'U-1'");
}

/* An enrolled device is forgotten only when it is said twice; then all rows of it go, in small steps, and those of
   others stay. */
static void test_forget(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("U-1"), other = enrolled("U-2");
  assert_int_equal(user_token_update(p, "U-1", "V-1"), ENROLL_FINE);
  for (int i = 0; i < 230; i++) enqueue("U-1", "ProfileList", ctx_printf(fx.cx, "C-%d", i));
  enqueue("U-2", "ProfileList", "C-7");
  must(in_job(due_job, &(const char *){NULL}));
  must(in_job(more_rows_job, NULL));
  assert_int_equal(act(forget_job, "U-1"), E_CONFLICT);
  (void)unenroll("U-1");
  struct act a = {.id = "U-1", .anyway = true};
  int steps = 0;
  do must(in_job(forget_job, &a));
  while (steps++ < 10 && a.more);
  assert_true(steps > 1 && !a.more);
  assert_int_equal(count("SELECT count(*) FROM target"), 1);
  assert_int_equal(count("SELECT count(*) FROM command"), 1);
  assert_int_equal(count("SELECT count(*) FROM enrollment"), 1);
  assert_int_equal(count("SELECT count(*) FROM generation"), 1);
  assert_int_equal(count("SELECT count(*) FROM device"), 1);
  assert_int_equal(count("SELECT count(*) FROM wake WHERE enrollment NOT IN (SELECT seq FROM enrollment)"), 0);
  assert_int_equal(count("SELECT (SELECT count(*) FROM escrow) + (SELECT count(*) FROM ddm_status) + (SELECT count(*) "
                         "FROM held_token) + (SELECT count(*) FROM given_root) + (SELECT count(*) FROM renewal)"),
                   0);
  assert_int_equal(events("device.forgotten"), 1);
  assert_int_equal(act(forget_job, "U-1"), E_NOT_FOUND);
  assert_string_equal(next_after(other, "U-2", "Idle", NULL), "C-7");
}

/* The identities of a forgotten device stay its own: it is unknown to all but Authenticate, others it cannot be. */
static void test_forgotten_comes_back(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("U-1");
  assert_int_equal(check_out(p, "U-1"), ENROLL_FINE);
  must(act(forget_job, "U-1"));
  assert_int_equal(poll(p, "U-1"), ENROLL_UNKNOWN);
  assert_int_equal(token_update(p, "U-1", "token"), ENROLL_UNKNOWN);
  assert_int_equal(check_out(p, "U-1"), ENROLL_UNKNOWN);
  assert_int_equal(poll(p, "U-9"), ENROLL_MISUSED);
  assert_int_equal(authenticate(p, "U-9", NULL), ENROLL_MISUSED);
  assert_int_equal(authenticate(p, "U-1", NULL), ENROLL_FINE);
  assert_int_equal(token_update(p, "U-1", "token"), ENROLL_FINE);
  assert_int_equal(poll(p, "U-1"), ENROLL_FINE);
}

static enum err seen_job(struct ctx *cx, struct db *db, void *arg) {
  return push_seen(cx, db, &fx.core, *(int64_t *)arg, clock_now_us(), clock_now_us());
}

/* What is remembered in memory of a device that is forgotten meanwhile is in nobody's way. */
static void test_forgotten_while_it_polls(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("U-1");
  int64_t enrollment = count("SELECT seq FROM enrollment");
  enqueue("U-1", "ProfileList", "C-1");
  assert_string_equal(next_after(p, "U-1", "Idle", NULL), "C-1");
  must(in_job(forget_job, &(struct act){.id = "U-1", .anyway = true}));
  must(in_job(seen_job, &enrollment));
  assert_int_equal(count("SELECT count(*) FROM wake"), 0);
  seen_stop(fx.core.seen); /* writes what is left */
  must(seen_start(fx.cx, &fx.core.seen, &fx.core));
}

static enum err knock_job(struct ctx *cx, struct db *db, void *arg) {
  const struct enroll_proof *p = arg;
  return db_run(cx, db,
                "INSERT INTO refused (id, hash, cert, reason, message_type, serial_number, address, first_at, last_at, "
                "count) VALUES ('U-1', $1, $2, 'unknown', 'Report', 'S-1', '192.0.2.1', 1, 2, 1)",
                DB_B(p->cert.p ? slice_mem(p->hash, sizeof p->hash) : slice_mem("", 0)), DB_B(p->cert));
}

/* Only a device that knocks with a certificate is adopted, one certificate of it, and none that is another's. */
static void test_whom_not_to_adopt(void **state) {
  (void)state;
  struct enroll_proof none = {0}, first = new_identity("A"), second = new_identity("B"), owned = enrolled("U-2");
  assert_int_equal(act(adopt_job, "U-1"), E_NOT_FOUND);
  assert_int_equal(act(adopt_job, "U-2"), E_CONFLICT);
  must(in_job(knock_job, &none));
  assert_int_equal(act(adopt_job, "U-1"), E_NOT_FOUND);
  must(in_job(knock_job, &owned));
  assert_int_equal(act(adopt_job, "U-1"), E_CONFLICT);
  must(in_job(knock_job, &first));
  assert_int_equal(act(adopt_job, "U-1"), E_CONFLICT);
  assert_int_equal(in_job(adopt_job, &(struct act){.id = "U-1", .hash = second.hash}), E_NOT_FOUND);
  assert_int_equal(in_job(adopt_job, &(struct act){.id = "U-1", .hash = owned.hash}), E_CONFLICT);
  assert_int_equal(count("SELECT count(*) FROM device"), 1);
  must(in_job(adopt_job, &(struct act){.id = "U-1", .hash = first.hash}));
  assert_int_equal(poll(first, "U-1"), ENROLL_FINE);
  assert_int_equal(poll(owned, "U-2"), ENROLL_FINE);
}

/* An adopted device is served at its next poll, commands at once, and is reachable with its next TokenUpdate. */
static void test_adopt(void **state) {
  (void)state;
  struct enroll_proof p = new_identity("U-1");
  assert_int_equal(poll(p, "U-1"), ENROLL_UNKNOWN);
  must(in_job(knock_job, &p));
  must(act(adopt_job, "U-1"));
  assert_int_equal(events("device.adopted"), 1);
  assert_int_equal(act(adopt_job, "U-1"), E_CONFLICT);
  assert_int_equal(poll(p, "U-1"), ENROLL_FINE);
  enqueue("S-1", "ProfileList", "C-1");
  assert_string_equal(next_after(p, "U-1", "Idle", NULL), "C-1");
  assert_int_equal(count("SELECT enabled FROM enrollment"), 0);
  assert_int_equal(token_update(p, "U-1", "token"), ENROLL_FINE);
  assert_int_equal(count("SELECT count(*) FROM enrollment WHERE enabled = 1 AND token = x'746f6b656e'"), 1);
  assert_string_equal(next_after(p, "U-1", "Acknowledged", "C-1"), "");
  assert_int_equal(poll(new_identity("U-1"), "U-1"), ENROLL_UNBOUND);
}

/* After CheckOut a poll by its identity is answered with nothing, and an event tells of it once. */
static void test_poll_after_check_out(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("U-1");
  enqueue("U-1", "ProfileList", "C-1");
  assert_int_equal(check_out(p, "U-1"), ENROLL_FINE);
  for (int i = 0; i < 3; i++) assert_string_equal(next_after(p, "U-1", "Idle", NULL), "");
  assert_int_equal(events("device.seen-after-checkout"), 1);
  assert_int_equal(poll(new_identity("U-1"), "U-1"), ENROLL_UNBOUND);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_open, fixture_close)
int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_which_device),         TEST(test_block),
      TEST(test_blocked_answers),      TEST(test_blocked_leaves),
      TEST(test_unenroll_whom),        TEST(test_unenroll),
      TEST(test_unenroll_for_long),    TEST(test_leaving_is_vacant),
      TEST(test_unenroll_is_over),     TEST(test_forget),
      TEST(test_forgotten_comes_back), TEST(test_forgotten_while_it_polls),
      TEST(test_whom_not_to_adopt),    TEST(test_adopt),
      TEST(test_poll_after_check_out),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
