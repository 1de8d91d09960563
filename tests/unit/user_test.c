/* Accounts of people: names, roles, the last admin, setup links, passwords, second factors. */
#include "core/login.h"
#include "core/user_int.h"
#include "core_fixture.h"

#define GOOD "a long enough one"

/* ---- what is asked for, as jobs ---- */

struct asked {
  const char *name, *by;
  enum role role;
  struct user_change change;
  bool reset;
  char *token, *secret, *uri, **codes;
  struct slice link, made, code;
  int64_t account;
  bool recovery;
};

static enum err add_job(struct ctx *cx, struct db *db, void *arg) {
  struct asked *a = arg;
  return user_add(cx, db, a->name, a->role, "test");
}

static enum err change_job(struct ctx *cx, struct db *db, void *arg) {
  struct asked *a = arg;
  return user_change(cx, db, a->name, &a->change);
}

static enum err remove_job(struct ctx *cx, struct db *db, void *arg) {
  struct asked *a = arg;
  return user_remove(cx, db, a->name, a->change.version ? a->change.version : -1);
}

static enum err link_job(struct ctx *cx, struct db *db, void *arg) {
  struct asked *a = arg;
  return setup_new(cx, db, a->name, a->reset, "test", &a->token);
}

static enum err use_job(struct ctx *cx, struct db *db, void *arg) {
  struct asked *a = arg;
  return setup_use(cx, db, a->link, a->name, a->made, &a->account);
}

static enum err session_job(struct ctx *cx, struct db *db, void *arg) {
  struct asked *a = arg;
  struct actor who;
  return login_add(cx, db, a->account, "setup", &(struct login_ask){.peer = "192.0.2.1"}, &who, &a->token);
}

static enum err begin_job(struct ctx *cx, struct db *db, void *arg) {
  struct asked *a = arg;
  return totp_begin(cx, db, &fx.core, a->account, &a->secret, &a->uri);
}

static enum err confirm_job(struct ctx *cx, struct db *db, void *arg) {
  struct asked *a = arg;
  return totp_confirm(cx, db, &fx.core, a->account, a->code, &a->codes);
}

static enum err codes_job(struct ctx *cx, struct db *db, void *arg) {
  struct asked *a = arg;
  return recovery_codes_new(cx, db, &fx.core, a->account, &a->codes);
}

static enum err factor_job(struct ctx *cx, struct db *db, void *arg) {
  struct asked *a = arg;
  return second_factor(cx, db, &fx.core, a->account, a->code, &a->recovery);
}

/* One scrypt is enough for all tests. */
static struct slice made_password(void) {
  static uint8_t kept[64];
  static size_t n;
  struct slice made;
  if (n) return slice_mem(kept, n);
  must(password_make(fx.cx, slice_of(GOOD), &made));
  assert_in_range(made.n, 1, sizeof kept);
  memcpy(kept, made.p, n = made.n);
  return slice_mem(kept, n);
}

static enum err make_link(const char *name, bool reset, char **token) {
  struct asked a = {.name = name, .reset = reset};
  enum err e = in_job(link_job, &a);
  *token = a.token;
  return e;
}

static enum err use_link(const char *token, const char *name, int64_t *account) {
  struct asked a = {.name = name, .link = slice_of(token), .made = made_password()};
  enum err e = in_job(use_job, &a);
  *account = a.account;
  return e;
}

/* An account with a password. */
static int64_t person(const char *name, enum role role) {
  char *token;
  int64_t account;
  must(in_job(add_job, &(struct asked){.name = name, .role = role}));
  must(make_link(name, false, &token));
  must(use_link(token, NULL, &account));
  return account;
}

static struct user found(const char *name) {
  struct user u;
  must(user_find(fx.cx, reader(), name, &u));
  return u;
}

static enum err looked(const char *token, struct setup *out) {
  ctx_clear_error(fx.cx);
  return setup_look(fx.cx, reader(), slice_of(token), out);
}

/* ---- names and passwords ---- */

/* Goal: what is no name is refused, and so is one that is taken or stands for somebody else. */
static void names(void **state) {
  (void)state;
  static const char *const bad[] = {"",
                                    "Anna",
                                    "anna b",
                                    "anna\n",
                                    "../x",
                                    "a/b",
                                    "\xc3\xa4nne",
                                    "admin",
                                    "api-key",
                                    "token:x",
                                    "x123456789x123456789x123456789x123456789x123456789x123456789x1234"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_int_equal(in_job(add_job, &(struct asked){.name = bad[i], .role = ROLE_VIEWER}), E_INVALID);
  must(in_job(add_job, &(struct asked){.name = "anna.b@example.org", .role = ROLE_VIEWER}));
  assert_int_equal(in_job(add_job, &(struct asked){.name = "anna.b@example.org", .role = ROLE_ADMIN}), E_CONFLICT);
  assert_int_equal(found("anna.b@example.org").role, ROLE_VIEWER);
}

/* Goal: a password that is short, no text, the name, or among those that are tried first is refused. */
static void passwords_that_are_none(void **state) {
  (void)state;
  char longest[PASSWORD_MOST + 2];
  for (size_t i = 0; i < sizeof longest; i++) longest[i] = (char)('a' + i % 26);
  static const char *const bad[] = {
      "",
      "elevenbytes",
      "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe3\x81\xae\xe9\x8d\xb5", /* five characters */
      "passwordpassword",
      "PasswordPassword",
      "aaaaaaaaaaaaaaa",
      "abababababababab",
      "1234567890123456",
      "anna.b@example.org",
      "\xff\xfe\xfd abcdefghijk"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_int_equal(password_check_rules(fx.cx, "anna.b@example.org", slice_of(bad[i])), E_INVALID);
    ctx_clear_error(fx.cx);
  }
  assert_int_equal(password_check_rules(fx.cx, "anna", slice_mem(longest, PASSWORD_MOST + 1)), E_INVALID);
  ctx_clear_error(fx.cx);
  must(password_check_rules(fx.cx, "anna", slice_mem(longest, PASSWORD_MOST)));
  must(password_check_rules(fx.cx, "anna",
                            slice_of("\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe3\x81\xae\xe9\x8d\xb5 hinomoto")));
}

/* Goal: only the right password is right; what is kept holds nothing of it; nobody's is never right. */
static void a_password_is_itself(void **state) {
  (void)state;
  struct slice made = made_password();
  bool is;
  must(password_is(fx.cx, made, slice_of(GOOD), &is));
  assert_true(is);
  must(password_is(fx.cx, made, slice_of(GOOD " "), &is));
  assert_false(is);
  must(password_is(fx.cx, (struct slice){0}, slice_of(GOOD), &is));
  assert_false(is);
  assert_null(memmem(made.p, made.n, GOOD, 8));
  assert_int_equal(password_is(fx.cx, slice_mem(made.p, made.n - 1), slice_of(GOOD), &is), E_STORAGE);
}

/* ---- links ---- */

/* Goal: the first link makes an admin, once; from then on nobody gets another one without a name. */
static void the_first_link(void **state) {
  (void)state;
  char *former, *token, *other;
  struct setup link;
  int64_t account;
  must(make_link(NULL, false, &former));
  must(make_link(NULL, false, &token));
  assert_int_equal(looked(former, &link), E_NOT_FOUND); /* a newer one was made */
  must(looked(token, &link));
  assert_int_equal(link.purpose, SETUP_FIRST);
  assert_null(link.name);
  assert_int_equal(use_link(token, "admin", &account), E_INVALID);
  assert_int_equal(use_link(former, "anna", &account), E_NOT_FOUND);
  must(use_link(token, "anna", &account));
  assert_int_equal(found("anna").role, ROLE_ADMIN);
  assert_int_equal(use_link(token, "bert", &account), E_NOT_FOUND);
  assert_int_equal(make_link(NULL, false, &other), E_CONFLICT);
  assert_int_equal(count("SELECT count(*) FROM account"), 1);
}

/* Goal: a first link that lay about is worth nothing once somebody can log in by another way. */
static void a_first_link_that_is_late(void **state) {
  (void)state;
  char *token;
  int64_t account;
  must(make_link(NULL, false, &token));
  person("anna", ROLE_VIEWER);
  assert_int_equal(use_link(token, "mallory", &account), E_NOT_FOUND);
}

/* Goal: a link ends after an hour, with its account, and when that is disabled. */
static void links_end(void **state) {
  (void)state;
  char *over, *disabled, *gone;
  struct setup link;
  const bool yes = true;
  const char *const names_[] = {"over", "disabled", "gone"};
  for (size_t i = 0; i < 3; i++) must(in_job(add_job, &(struct asked){.name = names_[i], .role = ROLE_ADMIN}));
  must(make_link("over", false, &over));
  clock_shift(SETUP_US + US_SECOND);
  assert_int_equal(looked(over, &link), E_NOT_FOUND);
  must(make_link("disabled", false, &disabled));
  must(make_link("gone", false, &gone));
  must(looked(gone, &link));
  must(in_job(change_job, &(struct asked){.name = "disabled", .change = {-1, NULL, &yes}}));
  must(in_job(remove_job, &(struct asked){.name = "gone"}));
  assert_int_equal(looked(disabled, &link), E_NOT_FOUND);
  assert_int_equal(looked(gone, &link), E_NOT_FOUND);
  assert_int_equal(make_link("disabled", false, &disabled), E_CONFLICT);
  clock_shift(400 * US_DAY); /* a clock that is wrong, and is set back */
  must(make_link("over", false, &over));
  clock_shift(0);
  assert_int_equal(looked(over, &link), E_NOT_FOUND);
  assert_int_equal(make_link("nobody", false, &gone), E_NOT_FOUND);
}

/* Goal: who has a password gets no second one without losing the second factor; a reset ends the sessions. */
static void a_reset(void **state) {
  (void)state;
  char *token;
  int64_t anna = person("anna", ROLE_ADMIN), account;
  struct asked factor = {.account = anna};
  must(in_job(begin_job, &factor));
  must(in_job(session_job, &factor));
  assert_int_equal(make_link("anna", false, &token), E_CONFLICT);
  must(make_link("anna", true, &token));
  assert_int_equal(count("SELECT count(*) FROM login"), 1); /* until it is used, nothing is lost */
  must(use_link(token, "ignored", &account));
  assert_int_equal(account, anna);
  assert_int_equal(count("SELECT count(*) FROM login"), 0);
  assert_int_equal(count("SELECT count(*) FROM account WHERE totp_sealed IS NOT NULL"), 0);
  assert_int_equal(use_link(token, NULL, &account), E_NOT_FOUND);
}

/* ---- who may do less ---- */

/* Goal: the last admin who can log in stays one; those who cannot, or who are disabled, do not count. */
static void the_last_admin(void **state) {
  (void)state;
  const bool yes = true, no = false;
  const enum role viewer = ROLE_VIEWER;
  person("anna", ROLE_ADMIN);
  must(in_job(add_job, &(struct asked){.name = "invited", .role = ROLE_ADMIN}));
  struct asked less = {.name = "anna", .change = {-1, &viewer, NULL}};
  struct asked disabled = {.name = "anna", .change = {-1, NULL, &yes}};
  assert_int_equal(in_job(change_job, &less), E_CONFLICT);
  assert_int_equal(in_job(change_job, &disabled), E_CONFLICT);
  assert_int_equal(in_job(remove_job, &less), E_CONFLICT);
  person("bert", ROLE_ADMIN);
  must(in_job(change_job, &(struct asked){.name = "bert", .change = {-1, NULL, &yes}}));
  assert_int_equal(in_job(change_job, &less), E_CONFLICT);
  must(in_job(change_job, &(struct asked){.name = "bert", .change = {-1, NULL, &no}}));
  must(in_job(change_job, &less));
  assert_int_equal(in_job(remove_job, &(struct asked){.name = "bert"}), E_CONFLICT);
  must(in_job(remove_job, &(struct asked){.name = "anna"}));
}

/* Goal: who is made less or disabled is logged out; who is made more is not; a change of another version is refused,
   a removal, too, and a log-in makes none. */
static void changes(void **state) {
  (void)state;
  const bool yes = true;
  const enum role viewer = ROLE_VIEWER, admin = ROLE_ADMIN;
  person("other", ROLE_ADMIN);
  struct asked a = {.name = "anna", .account = person("anna", ROLE_OPERATOR)};
  int64_t version = found("anna").version;
  must(in_job(session_job, &a));
  assert_true(found("anna").last_login_at > 0);
  assert_int_equal(found("anna").version, version);
  a.change = (struct user_change){version, &admin, NULL};
  must(in_job(change_job, &a));
  assert_int_equal(in_job(change_job, &a), E_PRECONDITION);
  assert_int_equal(in_job(remove_job, &a), E_PRECONDITION);
  assert_int_equal(count("SELECT count(*) FROM login"), 1);
  a.change = (struct user_change){-1, &viewer, NULL};
  must(in_job(change_job, &a));
  assert_int_equal(count("SELECT count(*) FROM login"), 0);
  must(in_job(session_job, &a));
  a.change = (struct user_change){-1, NULL, &yes};
  must(in_job(change_job, &a));
  assert_int_equal(count("SELECT count(*) FROM login"), 0);
}

/* ---- the second factor ---- */

static void at(int64_t seconds) {
  clock_shift(0);
  clock_shift(seconds * US_SECOND - clock_now_us());
}

static enum err put_key(struct ctx *cx, struct db *db, void *arg) {
  const struct asked *a = arg;
  struct slice sealed;
  const char *about = ctx_printf(cx, "account.totp %lld", (long long)a->account);
  TRY(vault_seal(cx, fx.core.vault, about, a->code, &sealed));
  return totp_sql_write(cx, db, a->account, sealed, 1, 0);
}

static enum err told(int64_t account, const char *code) {
  return in_job(factor_job, &(struct asked){.account = account, .code = slice_of(code)});
}

/* Goal: codes are those of RFC 6238, appendix B (the last six digits); each counts once, and none before it. */
static void codes_of_an_app(void **state) {
  (void)state;
  static const struct {
    int64_t at;
    const char *code;
  } rows[] = {{59, "287082"},         {1111111109, "081804"}, {1111111111, "050471"},
              {1234567890, "005924"}, {2000000000, "279037"}, {20000000000, "353130"}};
  int64_t anna = person("anna", ROLE_ADMIN);
  must(in_job(put_key, &(struct asked){.account = anna, .code = slice_of("12345678901234567890")}));
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    at(rows[i].at);
    assert_int_equal(told(anna, "000000"), E_UNAUTHORIZED);
    must(told(anna, rows[i].code));
    assert_int_equal(told(anna, rows[i].code), E_UNAUTHORIZED); /* a replay */
  }
  at(20000000000 + 120);
  assert_int_equal(told(anna, "353130"), E_UNAUTHORIZED);
  static const char *const none[] = {"", "353", "3531300", "353130\n353130", "------", "zzzzzz"};
  at(20000000000 + 30);
  for (size_t i = 0; i < sizeof none / sizeof *none; i++) assert_int_equal(told(anna, none[i]), E_UNAUTHORIZED);
}

/* Goal: the step after and the step before count, none beyond them; a code as people type it counts, too. */
static void clocks_differ_a_little(void **state) {
  (void)state;
  static const struct {
    int late; /* seconds, of a code whose step begins at 1234567890 */
    enum err e;
  } rows[] = {{-31, E_UNAUTHORIZED}, {-30, OK}, {0, OK}, {29, OK}, {30, OK}, {59, OK}, {60, E_UNAUTHORIZED}};
  int64_t anna = person("anna", ROLE_ADMIN);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    must(in_job(put_key, &(struct asked){.account = anna, .code = slice_of("12345678901234567890")}));
    at(1234567890 + rows[i].late);
    assert_int_equal(told(anna, " 005 924"), rows[i].e);
  }
}

/* Goal: a key counts from its first code on; it cannot be replaced while it counts; recovery codes count once each. */
static void a_second_factor(void **state) {
  (void)state;
  struct asked a = {.account = person("anna", ROLE_ADMIN), .code = slice_of("123456")};
  assert_int_equal(in_job(confirm_job, &a), E_CONFLICT); /* none was begun */
  assert_int_equal(in_job(codes_job, &a), E_CONFLICT);
  must(in_job(begin_job, &a));
  assert_int_equal(strlen(a.secret), 32);
  assert_true(slice_starts(slice_of(a.uri), "otpauth://totp/Example:anna?secret="));
  assert_false(found("anna").has_totp);
  must(in_job(put_key, &(struct asked){.account = a.account, .code = slice_of("12345678901234567890")}));
  assert_int_equal(in_job(begin_job, &a), E_CONFLICT);
  must(in_job(codes_job, &a));
  assert_int_equal(found("anna").recovery_codes, RECOVERY_CODES);
  struct asked used = {.account = a.account, .code = slice_of(a.codes[3])};
  must(in_job(factor_job, &used));
  assert_true(used.recovery);
  assert_int_equal(in_job(factor_job, &used), E_UNAUTHORIZED);
  assert_int_equal(found("anna").recovery_codes, RECOVERY_CODES - 1);
  used.code = slice_of(a.codes[4]);
  used.account = person("bert", ROLE_ADMIN);
  assert_int_equal(in_job(factor_job, &used), E_UNAUTHORIZED); /* of somebody else */
  char *kept = ctx_strdup(fx.cx, a.codes[5]);
  must(in_job(codes_job, &a));
  assert_int_equal(told(a.account, kept), E_UNAUTHORIZED); /* new ones were made */
  must(told(a.account, a.codes[5]));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_open, fixture_close)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(names),
      TEST(passwords_that_are_none),
      TEST(a_password_is_itself),
      TEST(the_first_link),
      TEST(a_first_link_that_is_late),
      TEST(links_end),
      TEST(a_reset),
      TEST(the_last_admin),
      TEST(changes),
      TEST(codes_of_an_app),
      TEST(clocks_differ_a_little),
      TEST(a_second_factor),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
