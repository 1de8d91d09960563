/* Passkeys: registering, logging in, and what is refused. */
#include "passkey_world.h"

static int64_t anna, bert;

static enum err person_job(struct ctx *cx, struct db *db, void *arg) {
  char *token;
  struct slice made;
  struct user u;
  const char *name = arg;
  TRY(user_add(cx, db, name, ROLE_ADMIN, "test"));
  TRY(setup_new(cx, db, name, false, "test", &token));
  made = slice_of("scrypt");
  TRY(user_find(cx, db, name, &u));
  return setup_use(cx, db, slice_of(token), name, made, &u.account);
}

static int64_t person(const char *name) {
  struct user u;
  must(in_job(person_job, ctx_strdup(fx.cx, name)));
  must(user_find(fx.cx, reader(), name, &u));
  return u.account;
}

static int setup(void **state) {
  (void)fixture_open(state);
  fx.core.throttle = throttle_new();
  fx.core.challenges = challenges_new();
  anna = person("anna");
  bert = person("bert");
  return 0;
}

static int teardown(void **state) {
  throttle_free(fx.core.throttle);
  challenges_free(fx.core.challenges);
  return fixture_close(state);
}

/* ---- what the server does with it ---- */

struct adding {
  int64_t account;
  const char *name;
  struct fido_credential made;
  struct passkey out;
};

static enum err add_job(struct ctx *cx, struct db *db, void *arg) {
  struct adding *a = arg;
  return passkey_add(cx, db, a->account, a->name, &a->made, &a->out);
}

static enum err read_it(const struct passkey_proof *p, int64_t login, struct fido_credential *out) {
  ctx_clear_error(fx.cx);
  return passkey_read(fx.cx, &fx.core, login, p, out);
}

static enum err try_made(const struct authenticator *a) {
  struct challenge c = challenge(SESSION);
  struct passkey_proof p = made(a, &c);
  struct fido_credential out;
  return read_it(&p, SESSION, &out);
}

static enum err try_add(const struct authenticator *a, int64_t account, const char *name) {
  struct challenge c = challenge(SESSION);
  struct passkey_proof p = made(a, &c);
  struct adding adding = {.account = account, .name = name};
  must(read_it(&p, SESSION, &adding.made));
  return in_job(add_job, &adding);
}

static int64_t registered(const struct authenticator *a, int64_t account) {
  must(try_add(a, account, "a key"));
  return count("SELECT max(seq) FROM passkey");
}

static enum err log_in(const struct passkey_proof *p, struct actor *who, struct login_ask *from) {
  char *token;
  int64_t wait_us;
  *from = (struct login_ask){.peer = PEER, .agent = "Browser"};
  ctx_clear_error(fx.cx);
  return passkey_log_in(fx.cx, &fx.core, p, from, who, &token, &wait_us);
}

static enum err try_log_in(struct authenticator *a, int64_t account) {
  struct challenge c = challenge(0);
  struct passkey_proof p = proved(a, &c, account);
  struct actor who;
  struct login_ask from;
  throttle_free(fx.core.throttle);
  fx.core.throttle = throttle_new();
  return log_in(&p, &who, &from);
}

/* ---- tests ---- */

/* Goal: a key of each algorithm is registered and opens a session of its account, without a password. */
static void each_algorithm_logs_in(void **state) {
  static const int algorithms[] = {ES256, EDDSA, RS256};
  static const char *const ids[] = {"first", "second", "third"};
  (void)state;
  for (int i = 0; i < 3; i++) {
    struct authenticator a = authenticator(algorithms[i], ids[i]);
    struct actor who;
    struct login_ask from;
    (void)registered(&a, anna);
    struct challenge c = challenge(0);
    struct passkey_proof p = proved(&a, &c, anna);
    must(log_in(&p, &who, &from));
    assert_string_equal(who.name, "anna");
    assert_string_equal(from.name, "anna");
    assert_int_equal(who.role, ROLE_ADMIN);
  }
  assert_int_equal(count("SELECT count(*) FROM login WHERE method = 'passkey'"), 3);
  assert_int_equal(count("SELECT count(*) FROM passkey WHERE used_at IS NOT NULL"), 3);
}

/* Goal: what was made on another page, for another host, without its user being verified, or in a frame is not kept. */
static void what_is_not_registered(void **state) {
  (void)state;
  struct authenticator good = authenticator(ES256, "key"), a = good;
  must(try_made(&a));
  static const char *const origins[] = {"https://mdm.example.org", "http://mdm.example.org:8443",
                                        "https://evil.example", "https://mdm.example.org:8443/", ""};
  for (size_t i = 0; i < sizeof origins / sizeof *origins; i++) {
    a.origin = origins[i];
    assert_int_equal(try_made(&a), E_INVALID);
  }
  a = good, a.rp = "example.org";
  assert_int_equal(try_made(&a), E_INVALID);
  a = good, a.type = "webauthn.get";
  assert_int_equal(try_made(&a), E_INVALID);
  a = good, a.cross = ",\"crossOrigin\":true";
  assert_int_equal(try_made(&a), E_INVALID);
  for (uint8_t flags = 0; flags < BOTH; flags++) {
    a = good, a.flags = flags;
    if ((flags & BOTH) != BOTH) assert_int_equal(try_made(&a), E_INVALID);
  }
  assert_int_equal(count("SELECT count(*) FROM passkey"), 0);
}

/* Goal: a challenge is good once, for five minutes, for its session alone. */
static void challenges_are_good_once(void **state) {
  (void)state;
  struct authenticator a = authenticator(ES256, "key");
  struct fido_credential out;
  struct challenge c = challenge(SESSION), other = challenge(SESSION);
  struct passkey_proof p = made(&a, &c), crossed = made(&a, &other);
  assert_int_equal(read_it(&p, SESSION + 1, &out), E_GONE);
  assert_int_equal(read_it(&p, 0, &out), E_GONE);
  must(read_it(&p, SESSION, &out));
  assert_int_equal(read_it(&p, SESSION, &out), E_GONE);
  c = challenge(SESSION);
  crossed.id = c.id;
  assert_int_equal(read_it(&crossed, SESSION, &out), E_INVALID);
  assert_int_equal(read_it(&crossed, SESSION, &out), E_GONE); /* a wrong one used it up */
  c = challenge(SESSION);
  p = made(&a, &c);
  clock_shift(CHALLENGE_US + 1);
  assert_int_equal(read_it(&p, SESSION, &out), E_GONE);
  for (size_t i = 0; i < 3; i++) {
    static const char *const none[] = {"", "x", "0123456789012345678901234567890123456789012"};
    p.id = none[i];
    assert_int_equal(read_it(&p, SESSION, &out), E_GONE);
  }
}

/* Goal: who asks for challenges without end takes those of nobody else. */
static void floods_of_challenges(void **state) {
  (void)state;
  struct authenticator a = authenticator(ES256, "key");
  struct challenge mine = challenge(SESSION), c;
  struct fido_credential out;
  for (int i = 0; i < 2 * CHALLENGES_MOST; i++) {
    must(challenge_new(fx.cx, &fx.core, slice_of(ORIGIN), 0, "198.51.100.7", &c));
    if (i % 64 == 0) ctx_clear_error(fx.cx);
  }
  struct passkey_proof p = made(&a, &mine);
  must(read_it(&p, SESSION, &out));
}

/* Goal: there are passkeys for names, over TLS or on this machine; what is no page of a browser has none. */
static void where_there_are_passkeys(void **state) {
  (void)state;
  struct challenge c;
  static const struct {
    const char *origin, *rp;
  } rows[] = {{"https://mdm.example.org", RP},
              {"https://MDM.example.org:444", RP},
              {"http://localhost:8080", "localhost"},
              {"https://localhost", "localhost"},
              {"http://mdm.example.org", NULL},
              {"https://192.0.2.7:8443", NULL},
              {"https://[2001:db8::1]:8443", NULL},
              {"http://127.0.0.1:8080", NULL},
              {"null", NULL},
              {"", NULL},
              {"https://", NULL},
              {"https://a b", NULL},
              {"ftp://mdm.example.org", NULL},
              {"https://:443", NULL}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    ctx_clear_error(fx.cx);
    enum err e = challenge_new(fx.cx, &fx.core, slice_of(rows[i].origin), 0, PEER, &c);
    assert_int_equal(e, rows[i].rp ? OK : E_CONFLICT);
    if (rows[i].rp) assert_string_equal(c.rp, rows[i].rp);
  }
  ctx_clear_error(fx.cx);
  struct buf b = {0};
  buf_add_str(&b, "https://");
  for (int i = 0; i < 400; i++) buf_add_str(&b, "a");
  assert_int_equal(challenge_new(fx.cx, &fx.core, kept(&b), 0, PEER, &c), E_CONFLICT);
  assert_int_equal(challenge_new(fx.cx, &fx.core, (struct slice){0}, 0, PEER, &c), E_CONFLICT);
}

/* Goal: every proof that is not of this key, this account, this page and this challenge opens nothing. */
static void what_does_not_log_in(void **state) {
  (void)state;
  struct authenticator good = authenticator(ES256, "key"), a, stranger = authenticator(ES256, "key");
  (void)registered(&good, anna);
  a = good, a.origin = "https://evil.example";
  assert_int_equal(try_log_in(&a, anna), E_UNAUTHORIZED);
  a = good, a.rp = "evil.example";
  assert_int_equal(try_log_in(&a, anna), E_UNAUTHORIZED);
  a = good, a.type = "webauthn.create";
  assert_int_equal(try_log_in(&a, anna), E_UNAUTHORIZED);
  a = good, a.flags = FLAG_PRESENT;
  assert_int_equal(try_log_in(&a, anna), E_UNAUTHORIZED);
  a = good, a.flags = FLAG_VERIFIED;
  assert_int_equal(try_log_in(&a, anna), E_UNAUTHORIZED);
  a = good, a.cross = ",\"crossOrigin\":true";
  assert_int_equal(try_log_in(&a, anna), E_UNAUTHORIZED);
  assert_int_equal(try_log_in(&stranger, anna), E_UNAUTHORIZED); /* another key under its id */
  assert_int_equal(try_log_in(&good, bert), E_UNAUTHORIZED);     /* another account's name on it */
  a = good, a.id = "unknown";
  assert_int_equal(try_log_in(&a, anna), E_UNAUTHORIZED);
  assert_int_equal(count("SELECT count(*) FROM login"), 0);
  assert_int_equal(count("SELECT count(*) FROM passkey WHERE used_at IS NOT NULL"), 0);
  must(try_log_in(&good, anna));
}

/* Goal: a proof that was sent once opens nothing again; neither does one whose bytes were altered. */
static void replays(void **state) {
  (void)state;
  struct authenticator a = authenticator(ES256, "key");
  struct actor who;
  struct login_ask from;
  (void)registered(&a, anna);
  struct challenge c = challenge(0);
  struct passkey_proof p = proved(&a, &c, anna);
  must(log_in(&p, &who, &from));
  assert_int_equal(log_in(&p, &who, &from), E_UNAUTHORIZED);
  c = challenge(0);
  p.id = c.id; /* the old proof under a new challenge */
  assert_int_equal(log_in(&p, &who, &from), E_UNAUTHORIZED);
  c = challenge(SESSION); /* one for registering is none for logging in */
  p = proved(&a, &c, anna);
  assert_int_equal(log_in(&p, &who, &from), E_UNAUTHORIZED);
  c = challenge(0);
  p = proved(&a, &c, anna);
  char *altered = ctx_memdup(fx.cx, p.signature.p, p.signature.n);
  altered[p.signature.n - 1] ^= 1;
  p.signature.p = altered;
  assert_int_equal(log_in(&p, &who, &from), E_UNAUTHORIZED);
}

/* Goal: a counter that does not count on tells of a copy; one that stays 0 does not count. */
static void counters(void **state) {
  (void)state;
  struct authenticator a = authenticator(ES256, "key");
  a.counter = 5;
  (void)registered(&a, anna);
  assert_int_equal(try_log_in(&a, anna), E_UNAUTHORIZED);
  a.counter = 6;
  must(try_log_in(&a, anna));
  assert_int_equal(try_log_in(&a, anna), E_UNAUTHORIZED);
  a.counter = 0;
  assert_int_equal(try_log_in(&a, anna), E_UNAUTHORIZED);
  a.counter = UINT32_MAX;
  must(try_log_in(&a, anna));
  assert_int_equal(count("SELECT counter FROM passkey"), UINT32_MAX);
}

/* Goal: wrong proofs cost waits as wrong passwords do, but of the address alone: nobody locks somebody else's passkey.
 */
static void wrong_ones_wait(void **state) {
  (void)state;
  struct authenticator a = authenticator(ES256, "key");
  struct actor who;
  struct login_ask from;
  int64_t wait;
  (void)registered(&a, anna);
  int tries = 0;
  while (throttle_attempt(fx.cx, fx.core.throttle, "anna", ctx_printf(fx.cx, "198.51.100.%d", tries), &wait) == OK)
    tries++;
  assert_int_equal(tries, 5);
  a.origin = "https://evil.example";
  for (int i = 0; i < 5; i++) {
    struct challenge c = challenge(0);
    struct passkey_proof p = proved(&a, &c, anna);
    assert_int_equal(log_in(&p, &who, &from), E_UNAUTHORIZED);
  }
  a.origin = ORIGIN;
  struct challenge c = challenge(0);
  struct passkey_proof p = proved(&a, &c, anna);
  assert_int_equal(log_in(&p, &who, &from), E_THROTTLED);
  clock_shift(US_SECOND);
  must(log_in(&p, &who, &from));
  must(throttle_attempt(fx.cx, fx.core.throttle, "anna", "203.0.113.1", &wait)); /* the name is free again */
}

struct change {
  const char *name;
  bool disabled;
};

static enum err change_job(struct ctx *cx, struct db *db, void *arg) {
  const struct change *c = arg;
  return user_change(cx, db, c->name, &(struct user_change){.version = -1, .disabled = &c->disabled});
}

static enum err reset_job(struct ctx *cx, struct db *db, void *arg) {
  char *token;
  int64_t account;
  TRY(setup_new(cx, db, arg, true, "test", &token));
  return setup_use(cx, db, slice_of(token), arg, slice_of("scrypt"), &account);
}

/* Goal: the passkey of a disabled account opens nothing; a reset and a removal of the account take it away. */
static void accounts_that_may_not(void **state) {
  (void)state;
  struct authenticator a = authenticator(ES256, "key");
  struct user u;
  (void)registered(&a, bert);
  must(user_find(fx.cx, reader(), "bert", &u));
  assert_int_equal(u.passkeys, 1);
  must(in_job(change_job, &(struct change){"bert", true}));
  assert_int_equal(try_log_in(&a, bert), E_UNAUTHORIZED);
  must(in_job(change_job, &(struct change){"bert", false}));
  must(try_log_in(&a, bert));
  must(in_job(reset_job, ctx_strdup(fx.cx, "bert")));
  assert_int_equal(count("SELECT count(*) FROM passkey"), 0);
  assert_int_equal(try_log_in(&a, bert), E_UNAUTHORIZED);
}

struct naming {
  int64_t account, passkey;
  const char *name;
};

static enum err rename_job(struct ctx *cx, struct db *db, void *arg) {
  const struct naming *n = arg;
  return passkey_rename(cx, db, n->account, n->passkey, n->name);
}

static enum err remove_job(struct ctx *cx, struct db *db, void *arg) {
  const struct naming *n = arg;
  return passkey_remove(cx, db, n->account, n->passkey);
}

/* Goal: one has ten at most, each once, with a name that can be shown; those of others are out of reach. */
static void ones_own(void **state) {
  (void)state;
  struct authenticator a = authenticator(ES256, "key 0");
  struct passkey *all;
  size_t n;
  int64_t first = registered(&a, anna);
  assert_int_equal(try_add(&a, anna, "again"), E_CONFLICT);
  assert_int_equal(try_add(&a, bert, "of another"), E_CONFLICT);
  for (int i = 1; i < PASSKEYS_MOST; i++) {
    a.id = ctx_printf(fx.cx, "key %d", i);
    (void)registered(&a, anna);
  }
  a.id = "one more";
  assert_int_equal(try_add(&a, anna, "one more"), E_CONFLICT);
  static const char *const names[] = {"", "  ", "a\nb",
                                      "a\xe2\x80\xae"
                                      "b",
                                      "0123456789012345678901234567890123456789012345678901234567890123x"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    assert_int_equal(try_add(&a, bert, names[i]), E_INVALID);
    assert_int_equal(in_job(rename_job, &(struct naming){anna, first, names[i]}), E_INVALID);
  }
  assert_int_equal(in_job(rename_job, &(struct naming){bert, first, "mine"}), E_NOT_FOUND);
  assert_int_equal(in_job(remove_job, &(struct naming){bert, first, NULL}), E_NOT_FOUND);
  must(in_job(rename_job, &(struct naming){anna, first, "my telephone"}));
  must(passkey_list(fx.cx, reader(), anna, &all, &n));
  assert_int_equal(n, PASSKEYS_MOST);
  assert_string_equal(all[0].name, "my telephone");
  must(in_job(remove_job, &(struct naming){anna, first, NULL}));
  assert_int_equal(in_job(remove_job, &(struct naming){anna, first, NULL}), E_NOT_FOUND);
  assert_int_equal(count("SELECT count(*) FROM passkey"), PASSKEYS_MOST - 1);
}

/* Goal: what is cut off, altered, too long or no CBOR at all is refused, at every size. */
static void garbage(void **state) {
  (void)state;
  struct authenticator a = authenticator(ES256, "key");
  struct slice whole = new_data(&a);
  struct fido_credential out;
  char *bytes = ctx_alloc(fx.cx, FIDO_DATA_MOST + 1);
  ctx_clear_error(fx.cx);
  must(fido_read(fx.cx, RP, whole, &out));
  for (size_t n = 0; n < whole.n; n++) { /* an end of its own, so that reading past it is seen */
    char *cut = mem_alloc(n + 1);
    memcpy(cut, whole.p, n);
    char *exact = mem_realloc(cut, n ? n : 1);
    assert_int_equal(fido_read(fx.cx, RP, slice_mem(exact, n), &out), E_INVALID);
    free(exact);
  }
  static const char fillings[] = {'\x00', '\x41', '\x5f', '\x7f', '\x81', '\x9f',
                                  '\xa1', '\xbf', '\xc0', '\xd8', '\xff'};
  for (size_t f = 0; f < sizeof fillings; f++)
    for (size_t n = 0; n <= FIDO_DATA_MOST + 1; n = n < 300 ? n + 1 : 2 * n) {
      memset(bytes, fillings[f], FIDO_DATA_MOST + 1);
      memcpy(bytes, whole.p, n < whole.n - 77 ? n : whole.n - 77); /* up to its key */
      assert_int_equal(fido_read(fx.cx, RP, slice_mem(bytes, n), &out), E_INVALID);
    }
  for (size_t i = 0; i < 37; i++) { /* the head decides; behind it any bit may give another key */
    memcpy(bytes, whole.p, whole.n);
    bytes[i] ^= 0x45;
    enum err e = fido_read(fx.cx, RP, slice_mem(bytes, whole.n), &out);
    assert_int_equal(e, i <= 32 ? E_INVALID : OK);
  }
}

/* Goal: what says that it has more in it than there are bytes, or is nested deeply, is refused before room is made for
   it; also what comes with a proof. */
static void endless_cbor(void **state) {
  (void)state;
  static const char *const endless[] = {"\xba\xff\xff\xff\xff",
                                        "\x9a\x40\xff\xff\xff",
                                        "\xbb\x0f\xff\xff\xff\xff\xff\xff\xff",
                                        "\xa1\x01\x9a\x0f\xff\xff\xff",
                                        "\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x01",
                                        "\xbf\x01\x01\xff",
                                        "\x5a\x7f\xff\xff\xff",
                                        "\xb9\x01"};
  struct authenticator a = authenticator(ES256, "key");
  struct slice whole = new_data(&a);
  struct fido_credential held, out;
  int64_t counter;
  must(fido_read(fx.cx, RP, whole, &held));
  for (size_t i = 0; i < sizeof endless / sizeof *endless; i++) {
    struct buf b = {0};
    struct slice more = slice_of(endless[i]);
    buf_add_slice(&b, slice_mem(whole.p, 37 + 16 + 2 + strlen("key")));
    buf_add_slice(&b, more);
    assert_int_equal(fido_read(fx.cx, RP, buf_slice(&b), &out), E_INVALID);
    buf_clear(&b);
    buf_add_slice(&b, slice_mem(whole.p, 37));
    buf_add_slice(&b, more);
    b.p[32] = (char)(BOTH | 128); /* extensions */
    const struct fido_assertion proof = {RP, buf_slice(&b), slice_of("{}"), slice_of("signature")};
    assert_int_equal(fido_check(fx.cx, &held, &proof, &counter), E_DENIED);
    buf_free(&b);
  }
}

/* Goal: a proof of any size that is none is refused, without a look where it is too long. */
static void garbage_of_proofs(void **state) {
  (void)state;
  struct authenticator a = authenticator(ES256, "key");
  struct fido_credential held;
  struct challenge c = challenge(0);
  struct passkey_proof p = proved(&a, &c, anna);
  int64_t counter;
  char *bytes = ctx_alloc(fx.cx, FIDO_DATA_MOST + 1);
  must(fido_read(fx.cx, RP, new_data(&a), &held));
  struct fido_assertion good = {RP, p.data, p.client_data, p.signature}, bad = good;
  must(fido_check(fx.cx, &held, &good, &counter));
  memcpy(bytes, p.data.p, p.data.n);
  for (size_t n = 0; n <= FIDO_DATA_MOST + 1; n = n < 100 ? n + 1 : 2 * n) {
    if (n == p.data.n) continue;
    bad = good, bad.data = slice_mem(bytes, n);
    assert_int_equal(fido_check(fx.cx, &held, &bad, &counter), E_DENIED);
    bad = good, bad.signature = slice_mem(bytes, n);
    assert_int_equal(fido_check(fx.cx, &held, &bad, &counter), E_DENIED);
  }
  for (size_t n = 0; n < p.signature.n; n++) {
    bad = good, bad.signature.n = n;
    assert_int_equal(fido_check(fx.cx, &held, &bad, &counter), E_DENIED);
  }
  static const char *const texts[] = {"",
                                      "{",
                                      "[]",
                                      "null",
                                      "{\"type\":7}",
                                      "{\"type\":\"webauthn.get\"}",
                                      "{\"type\":\"webauthn.get\",\"origin\":\"" ORIGIN "\",\"challenge\":\"!\"}"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    c = challenge(SESSION);
    p = made(&a, &c);
    p.client_data = slice_of(texts[i]);
    assert_int_equal(read_it(&p, SESSION, &held), E_INVALID);
  }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(each_algorithm_logs_in),
      TEST(what_is_not_registered),
      TEST(challenges_are_good_once),
      TEST(floods_of_challenges),
      TEST(where_there_are_passkeys),
      TEST(what_does_not_log_in),
      TEST(replays),
      TEST(counters),
      TEST(wrong_ones_wait),
      TEST(accounts_that_may_not),
      TEST(ones_own),
      TEST(garbage),
      TEST(endless_cbor),
      TEST(garbage_of_proofs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
