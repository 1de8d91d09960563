/* Logging in: sessions and their ends, throttling, tokens of programs, the record of acts. */
#include "base/thread.h"
#include "core/audit.h"
#include "core/login.h"
#include "core/token.h"
#include "core_fixture.h"
#include "lib/pki_crypto.h"

#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#define PASSWORD "a long enough one"

static int64_t anna;

static enum err person_job(struct ctx *cx, struct db *db, void *arg) {
  char *token;
  TRY(setup_new(cx, db, NULL, false, "test", &token));
  return setup_use(cx, db, slice_of(token), "anna", *(struct slice *)arg, &anna);
}

static int setup(void **state) {
  struct slice made;
  (void)fixture_open(state);
  fx.core.throttle = throttle_new();
  must(password_make(fx.cx, slice_of(PASSWORD), &made));
  must(in_job(person_job, &made));
  return 0;
}

static int teardown(void **state) {
  throttle_free(fx.core.throttle);
  return fixture_close(state);
}

/* ---- sessions ---- */

struct session {
  struct actor who;
  char *token;
};

static enum err session_job(struct ctx *cx, struct db *db, void *arg) {
  struct session *s = arg;
  const struct login_ask from = {.peer = "192.0.2.1", .agent = "\x1b[31mBrowser"};
  return login_add(cx, db, anna, "setup", &from, &s->who, &s->token);
}

static struct session session(void) {
  struct session s;
  must(in_job(session_job, &s));
  return s;
}

static enum err held(const char *token, struct actor *out) {
  ctx_clear_error(fx.cx);
  return login_by_cookie(fx.cx, reader(), slice_of(token), out);
}

static enum err seen_again(struct ctx *cx, struct db *db, void *arg) {
  (void)arg;
  return db_run(cx, db, "UPDATE login SET seen_at = $1", DB_I(clock_now_us()));
}

/* Goal: a session ends an hour after its last request, and twelve after its login whatever was done. */
static void sessions_end(void **state) {
  (void)state;
  struct session s = session();
  struct actor who;
  must(held(s.token, &who));
  assert_string_equal(who.name, "anna");
  assert_string_equal(who.csrf, s.who.csrf);
  clock_shift(LOGIN_IDLE_US + US_SECOND);
  assert_int_equal(held(s.token, &who), E_UNAUTHORIZED);
  for (int64_t h = 0; h < 12; h++) {
    clock_shift(h * US_HOUR);
    must(in_job(seen_again, NULL));
    must(held(s.token, &who));
  }
  clock_shift(12 * US_HOUR + US_SECOND);
  must(in_job(seen_again, NULL));
  assert_int_equal(held(s.token, &who), E_UNAUTHORIZED);
  must(login_chore(fx.cx, &fx.core));
  assert_int_equal(count("SELECT count(*) FROM login"), 0);
}

static enum err stands_job(struct ctx *cx, struct db *db, void *arg) { return login_stands(cx, db, *(int64_t *)arg); }

/* Goal: a clock that was wrong, and is set back, leaves no session that lasts longer than any; a second does not
 * matter. */
static void sessions_of_a_wrong_clock_end(void **state) {
  (void)state;
  struct actor who;
  struct login_row *rows;
  size_t n;
  clock_shift(400 * US_DAY);
  struct session s = session();
  must(in_job(stands_job, &s.who.login));
  clock_shift(400 * US_DAY - US_SECOND);
  must(held(s.token, &who));
  clock_shift(0);
  assert_int_equal(held(s.token, &who), E_UNAUTHORIZED);
  must(login_list(fx.cx, reader(), anna, &rows, &n));
  assert_int_equal(n, 0);
  must(login_chore(fx.cx, &fx.core));
  assert_int_equal(in_job(stands_job, &s.who.login), E_UNAUTHORIZED);
}

/* Goal: each session has a token and a CSRF token of its own; what is no token is nobody's; the database holds none. */
static void tokens_of_sessions(void **state) {
  (void)state;
  struct session a = session(), b = session();
  struct actor who;
  assert_string_not_equal(a.token, b.token);
  assert_string_not_equal(a.who.csrf, b.who.csrf);
  char *altered = ctx_strdup(fx.cx, a.token);
  altered[7] = altered[7] == 'x' ? 'y' : 'x';
  const char *const none[] = {"", "x", altered, a.who.csrf, "pomona_0123456789012345678901234567890123456789"};
  for (size_t i = 0; i < sizeof none / sizeof *none; i++) assert_int_equal(held(none[i], &who), E_UNAUTHORIZED);
  assert_int_equal(count("SELECT count(*) FROM login WHERE agent LIKE '%' || char(27) || '%'"), 0);
}

struct ending {
  int64_t login, account;
};

static enum err end_job(struct ctx *cx, struct db *db, void *arg) {
  const struct ending *n = arg;
  return login_end(cx, db, n->login, n->account);
}

/* Goal: nobody ends a session of somebody else by its number; an account holds no more than LOGINS_MOST. */
static void ends_of_others(void **state) {
  (void)state;
  struct session s = session();
  struct actor who;
  struct login_row *rows;
  size_t n;
  assert_int_equal(in_job(end_job, &(struct ending){s.who.login, anna + 1}), E_NOT_FOUND);
  must(held(s.token, &who));
  must(in_job(end_job, &(struct ending){s.who.login, anna}));
  assert_int_equal(held(s.token, &who), E_UNAUTHORIZED);
  s = session();
  for (int i = 0; i < LOGINS_MOST; i++) (void)session();
  assert_int_equal(held(s.token, &who), E_UNAUTHORIZED);
  must(login_list(fx.cx, reader(), anna, &rows, &n));
  assert_int_equal(n, LOGINS_MOST);
}

/* ---- logging in ---- */

static enum err try_login(const char *name, const char *password, const char *peer, bool *known) {
  struct login_ask ask = {.name = name, .peer = peer, .password = slice_of(password)};
  struct actor who;
  char *token;
  int64_t wait;
  ctx_clear_error(fx.cx);
  return login_open(fx.cx, &fx.core, &ask, &who, &token, known, &wait);
}

/* Goal: whatever is wrong, the words are the same, also where there is nobody. */
static void what_is_wrong_is_not_told(void **state) {
  (void)state;
  bool known;
  assert_int_equal(try_login("anna", "another long one", "192.0.2.1", &known), E_UNAUTHORIZED);
  const char *words = ctx_strdup(fx.cx, ctx_error_text(fx.cx));
  assert_true(known);
  assert_int_equal(try_login("nobody", PASSWORD, "192.0.2.1", &known), E_UNAUTHORIZED);
  assert_string_equal(ctx_error_text(fx.cx), words);
  assert_false(known);
  must(try_login("anna", PASSWORD, "192.0.2.1", &known));
}

/* A reset that the writer is at, from before the old password is looked at until after it. */
struct reset {
  atomic_bool waits, goes_on;
  struct slice made;
};

static enum err reset_job(struct ctx *cx, struct db *db, void *arg) {
  struct reset *r = arg;
  atomic_store(&r->waits, true);
  while (!atomic_load(&r->goes_on)) usleep(1000);
  return user_set_password(cx, db, anna, r->made);
}

static void reset_done(struct db_job *job, enum err e) {
  (void)job;
  (void)e;
}

struct late {
  bool known;
  enum err e;
};

static void *log_in_late(void *arg) {
  struct late *l = arg;
  struct ctx *cx = ctx_new();
  struct login_ask ask = {.name = "anna", .peer = "192.0.2.1", .password = slice_of(PASSWORD)};
  struct actor who;
  char *token;
  int64_t wait;
  l->e = login_open(cx, &fx.core, &ask, &who, &token, &l->known, &wait);
  ctx_free(cx);
  return NULL;
}

/* Goal: a password that was right when it was looked at, and is another one when the session would begin, opens none.
 */
static void a_reset_comes_first(void **state) {
  (void)state;
  struct reset r = {0};
  struct late l = {0};
  struct db_job job = {.cx = ctx_new(), .fn = reset_job, .done = reset_done, .arg = &r};
  must(password_make(fx.cx, slice_of("another long one"), &r.made));
  db_post(fx.core.store, &job);
  while (!atomic_load(&r.waits)) usleep(1000);
  pthread_t thread = thread_start("late", log_in_late, &l);
  while (!__atomic_load_n(&l.known, __ATOMIC_ACQUIRE)) usleep(1000);
  atomic_store(&r.goes_on, true);
  thread_join(thread);
  assert_int_equal(l.e, E_UNAUTHORIZED);
  assert_int_equal(count("SELECT count(*) FROM login"), 0);
  ctx_free(job.cx);
}

static enum err disable_job(struct ctx *cx, struct db *db, void *arg) {
  (void)arg;
  return db_run(cx, db, "UPDATE account SET disabled_at = 1");
}

/* As an older version kept it: version, cost, salt, digest. */
static enum err cheap_job(struct ctx *cx, struct db *db, void *arg) {
  enum { SALT = 16, DIGEST = 32 };
  uint8_t kept[4 + SALT + DIGEST] = {1, 10, 8, 1};
  const struct pki_scrypt cost = {.log2_n = 10, .r = 8, .p = 1};
  (void)arg;
  TRY(pki_scrypt(cx, kept + 4 + SALT, DIGEST, &cost, slice_of(PASSWORD), slice_mem(kept + 4, SALT)));
  return db_run(cx, db, "UPDATE account SET password = $1", DB_B(slice_mem(kept, sizeof kept)));
}

/* Goal: a password that was kept at less cost than today's is made anew when its owner logs in, and by nobody else;
   it stays the same password, and sessions stay. */
static void cheap_passwords_are_made_anew(void **state) {
  (void)state;
  static const char cheap[] = "SELECT count(*) FROM account WHERE substr(password, 2, 1) = x'0a'";
  static const char kept_at[] = "SELECT password_at FROM account";
  struct session s = session();
  struct actor who;
  bool known;
  int64_t set = count(kept_at);
  must(in_job(cheap_job, NULL));
  assert_int_equal(try_login("anna", "a wrong password", "192.0.2.1", &known), E_UNAUTHORIZED);
  assert_int_equal(count(cheap), 1);
  for (int i = 0; i < 2; i++) {
    must(try_login("anna", PASSWORD, "192.0.2.1", &known));
    assert_int_equal(count(cheap), 0);
  }
  assert_int_equal(try_login("anna", "a wrong password", "192.0.2.1", &known), E_UNAUTHORIZED);
  assert_int_equal(count(kept_at), set);
  must(held(s.token, &who));
}

/* Goal: of a disabled account the right password is wrong, and its sessions are none. */
static void disabled_accounts(void **state) {
  (void)state;
  struct session s = session();
  struct actor who;
  bool known;
  must(in_job(disable_job, NULL));
  assert_int_equal(try_login("anna", PASSWORD, "192.0.2.1", &known), E_UNAUTHORIZED);
  assert_int_equal(held(s.token, &who), E_UNAUTHORIZED);
}

/* ---- throttling ---- */

static int64_t attempt(const char *name, const char *peer) {
  int64_t wait;
  ctx_clear_error(fx.cx);
  enum err e = throttle_attempt(fx.cx, fx.core.throttle, name, peer, &wait);
  assert_int_equal(e, wait ? E_THROTTLED : OK);
  return wait;
}

/* The whole wait, however slow this machine is: a clock that was set back shortens none. */
static int64_t whole_wait(int64_t now, const char *name, const char *peer) {
  clock_shift(now - US_DAY);
  int64_t wait = attempt(name, peer);
  clock_shift(now);
  return wait;
}

/* Goal: five wrong ones are free, then the wait doubles up to 15 minutes, for one name from wherever; an hour later all
   is forgotten. The name need not exist: it is not looked at. */
static void waits_double(void **state) {
  (void)state;
  int64_t now = 0, expected = US_SECOND;
  for (int i = 0; i < 5; i++) assert_int_equal(attempt("anna", ctx_printf(fx.cx, "192.0.2.%d", i)), 0);
  for (int i = 5; i < 18; i++) {
    const char *peer = ctx_printf(fx.cx, "192.0.2.%d", i);
    assert_int_equal(whole_wait(now, "anna", peer), expected);
    assert_int_equal(attempt("bert", peer), 0); /* another name is not concerned, nor is the address */
    clock_shift(now += expected);
    assert_int_equal(attempt("anna", peer), 0);
    expected = expected * 2 > 15 * US_MINUTE ? 15 * US_MINUTE : expected * 2;
    throttle_forget(fx.core.throttle, "bert");
  }
  clock_shift(now += US_HOUR + US_SECOND);
  for (int i = 0; i < 5; i++) assert_int_equal(attempt("anna", "198.51.100.1"), 0);
  assert_int_equal(whole_wait(now, "anna", "198.51.100.1"), US_SECOND);
}

/* Goal: an address waits whatever names it tries; an IPv6 one with all of its network; its neighbours do not. */
static void addresses_wait(void **state) {
  (void)state;
  const char *const rows[][2] = {
      {"192.0.2.1", "192.0.2.2"}, {"2001:db8:1:2::", "2001:db8:1:3::"}, {"::ffff:0:1", "2001:db8:ffff::1"}};
  for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
    bool v6 = strncmp(rows[r][0], "2001", 4) == 0;
    for (int i = 0; i < 5; i++) {
      const char *peer = v6 ? ctx_printf(fx.cx, "%s%d", rows[r][0], i + 1) : rows[r][0];
      assert_int_equal(attempt(ctx_printf(fx.cx, "n%zu-%d", r, i), peer), 0);
    }
    assert_true(whole_wait(0, ctx_printf(fx.cx, "n%zu", r), v6 ? "2001:db8:1:2:ffff::9" : rows[r][0]) > 0);
    assert_int_equal(attempt(ctx_printf(fx.cx, "m%zu", r), rows[r][1]), 0);
  }
}

/* Goal: a login forgets what was wrong with its name, but nobody lifts the wait of an address by an account of its
   own. */
static void logins_forgive(void **state) {
  (void)state;
  for (int i = 0; i < 4; i++) {
    assert_int_equal(attempt("anna", "192.0.2.1"), 0);
    assert_int_equal(attempt("own", "192.0.2.9"), 0);
    throttle_forgive(fx.core.throttle, "own", "192.0.2.9");
    throttle_forget(fx.core.throttle, "own");
  }
  throttle_forget(fx.core.throttle, "anna");
  for (int i = 0; i < 5; i++) assert_int_equal(attempt("anna", ctx_printf(fx.cx, "198.51.100.%d", i)), 0);
  assert_int_equal(attempt("x", "192.0.2.1"), 0);
  assert_true(whole_wait(0, "y", "192.0.2.1") > 0);
  throttle_forget(fx.core.throttle, "x");
  assert_true(whole_wait(0, "z", "192.0.2.1") > 0);
  throttle_forget(fx.core.throttle, "anna");
  for (int i = 0; i < 4; i++) assert_int_equal(attempt("anna", ctx_printf(fx.cx, "203.0.113.%d", i)), 0);
  bool known;
  must(try_login("anna", PASSWORD, "203.0.113.9", &known));
  for (int i = 0; i < 5; i++) assert_int_equal(attempt("anna", ctx_printf(fx.cx, "203.0.113.%d", i)), 0);
}

/* Goal: a flood of names takes no more memory than the table has rows, and does not wash out who waits. */
static void floods(void **state) {
  (void)state;
  for (int i = 0; i < 5; i++) assert_int_equal(attempt("anna", ctx_printf(fx.cx, "192.0.2.%d", i)), 0);
  struct ctx *cx = fx.cx;
  for (int i = 0; i < 45000; i++) {
    char name[32], peer[32];
    int64_t wait;
    snprintf(name, sizeof name, "n%d", i);
    snprintf(peer, sizeof peer, "10.%d.%d.%d", i >> 16, i >> 8 & 255, i & 255);
    must(throttle_attempt(cx, fx.core.throttle, name, peer, &wait));
  }
  assert_true(whole_wait(0, "anna", "198.51.100.1") > 0);
}

/* ---- tokens of programs ---- */

struct making {
  struct api_token t;
  char *text;
};

static enum err token_job(struct ctx *cx, struct db *db, void *arg) {
  struct making *m = arg;
  return token_new(cx, db, &m->t, &m->text);
}

static enum err revoke_job(struct ctx *cx, struct db *db, void *arg) { return token_revoke(cx, db, arg); }

static enum err by_token(const char *text, struct actor *out) {
  ctx_clear_error(fx.cx);
  return account_by_token(fx.cx, &fx.core, slice_of(text), out);
}

/* Goal: a token is what its row says, until it ends or is revoked; of its text the database has only a digest. */
static void tokens_of_programs(void **state) {
  (void)state;
  struct actor who;
  struct making ci = {.t = {.name = "ci",
                            .role = ROLE_OPERATOR,
                            .scopes = "devices:read",
                            .created_by = "anna",
                            .expires_at = clock_now_us() + US_DAY}};
  struct making no_end = {.t = {.name = "robot", .role = ROLE_VIEWER, .created_by = "anna"}};
  must(in_job(token_job, &ci));
  must(in_job(token_job, &no_end));
  assert_int_equal(in_job(token_job, &(struct making){.t = ci.t}), E_CONFLICT);
  must(by_token(ci.text, &who));
  assert_int_equal(who.kind, ACTOR_TOKEN);
  assert_int_equal(who.role, ROLE_OPERATOR);
  assert_string_equal(who.name, "token:ci");
  assert_string_equal(who.scopes, "devices:read");
  must(in_job(end_job, &(struct ending){session().who.login, anna})); /* behind the note that it was used */
  assert_int_equal(count("SELECT count(*) FROM api_token WHERE used_at IS NOT NULL"), 1);
  assert_int_equal(count("SELECT count(*) FROM api_token WHERE instr(digest, 'pomona_') > 0"), 0);
  clock_shift(US_DAY + US_SECOND);
  assert_int_equal(by_token(ci.text, &who), E_UNAUTHORIZED);
  must(by_token(no_end.text, &who));
  must(in_job(revoke_job, "robot"));
  assert_int_equal(by_token(no_end.text, &who), E_UNAUTHORIZED);
  must(in_job(revoke_job, "robot"));
  assert_int_equal(in_job(revoke_job, "nobody"), E_NOT_FOUND);
  assert_int_equal(in_job(token_job, &(struct making){.t = no_end.t}), E_CONFLICT); /* records tell of the former */
  static const char *const none[] = {"", "pomona_", "admin", "' OR 1=1 --"};
  for (size_t i = 0; i < sizeof none / sizeof *none; i++) assert_int_equal(by_token(none[i], &who), E_UNAUTHORIZED);
}

/* ---- the record of acts ---- */

static enum err audit_job(struct ctx *cx, struct db *db, void *arg) { return audit_add(cx, db, arg); }

static size_t recorded(struct audit_query q) {
  struct audit *rows;
  size_t n;
  q.most = 1000;
  must(audit_list(fx.cx, reader(), &q, &rows, &n));
  return n;
}

/* Goal: acts are found by who, what, to what and when, and go after history-days. */
static void the_record(void **state) {
  (void)state;
  struct audit row = {.who = "anna",
                      .kind = "account",
                      .peer = "192.0.2.1",
                      .act = "POST /api/v1/links",
                      .object = NULL,
                      .status = 201,
                      .trace = "t"};
  must(in_job(audit_job, &row));
  row = (struct audit){.who = "token:ci",
                       .kind = "token",
                       .peer = "192.0.2.2",
                       .act = "POST /api/v1/commands",
                       .object = "U-1",
                       .status = 403,
                       .trace = "t",
                       .detail = "denied"};
  clock_shift(US_DAY);
  must(in_job(audit_job, &row));
  int64_t now = clock_now_us();
  assert_int_equal(recorded((struct audit_query){0}), 2);
  assert_int_equal(recorded((struct audit_query){.who = "anna"}), 1);
  assert_int_equal(recorded((struct audit_query){.act = "POST /api/v1/*"}), 2);
  assert_int_equal(recorded((struct audit_query){.act = "POST /api/v1/"}), 0); /* it is a whole act */
  assert_int_equal(recorded((struct audit_query){.act = "POST /api/v1/c%*"}), 0);
  assert_int_equal(recorded((struct audit_query){.object = "U-1"}), 1);
  assert_int_equal(recorded((struct audit_query){.failed = true}), 1);
  assert_int_equal(recorded((struct audit_query){.from = now - US_HOUR}), 1);
  assert_int_equal(recorded((struct audit_query){.to = now - US_HOUR}), 1);
  assert_int_equal(recorded((struct audit_query){.before = 2}), 1);
  fx.conf.history_us = 12 * US_HOUR;
  must(audit_chore(fx.cx, &fx.core));
  assert_int_equal(recorded((struct audit_query){0}), 1);
  assert_int_equal(recorded((struct audit_query){.who = "anna"}), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(sessions_end),
      TEST(sessions_of_a_wrong_clock_end),
      TEST(tokens_of_sessions),
      TEST(ends_of_others),
      TEST(what_is_wrong_is_not_told),
      TEST(cheap_passwords_are_made_anew),
      TEST(a_reset_comes_first),
      TEST(disabled_accounts),
      TEST(waits_double),
      TEST(addresses_wait),
      TEST(logins_forgive),
      TEST(floods),
      TEST(tokens_of_programs),
      TEST(the_record),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
