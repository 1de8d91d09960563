/* What an import is let through, and what it becomes: the guards of topic and age, going back, withdrawing. */
#include "core_fixture.h"

#define OTHER "com.apple.mgmt.External.99999999-2222-3333-4444-555555555555"

static struct pushcert_pair made(const char *topic, int64_t from, int64_t to) {
  struct pki_cert *cert;
  struct slice key;
  struct pushcert_pair pair;
  struct pki_issue what = {.cn = "APSP:test",
                           .uid = topic,
                           .subject_key = fx.key,
                           .issuer_key = fx.key,
                           .not_before = clock_now_us() + from,
                           .not_after = clock_now_us() + to,
                           .kind = PKI_PUSH};
  must(pki_cert_issue(fx.cx, &cert, &what));
  must(pki_key_pem(fx.cx, &key, fx.key));
  struct slice pem = pki_cert_pem(fx.cx, cert);
  must(pushcert_check_pem(fx.cx, &pair, slice_of(ctx_printf(fx.cx, "%.*s%.*s", (int)pem.n, pem.p, (int)key.n, key.p))));
  return pair;
}

struct storing {
  const struct pushcert_pair *pair;
  unsigned allow;
};
static enum err store_job(struct ctx *cx, struct db *db, void *arg) {
  const struct storing *s = arg;
  return pushcert_store(cx, db, &fx.core, s->pair, "tester", s->allow);
}
static enum err store(const struct pushcert_pair *pair, unsigned allow) {
  return in_job(store_job, &(struct storing){pair, allow});
}

static const char *serial_in_use(const char *topic) {
  struct pushcert c;
  must(pushcert_find(fx.cx, reader(), topic, &c));
  return c.serial_number;
}

static void says(const char *what) {
  if (!strstr(ctx_error_text(fx.cx), what)) fail_msg("\"%s\" does not say \"%s\"", ctx_error_text(fx.cx), what);
}

static enum err enroll_job(struct ctx *cx, struct db *db, void *topic) {
  TRY(db_run(cx, db, "INSERT INTO device (id, created_at) VALUES ('D', 0), ('E', 0)"));
  return db_run(cx, db,
                "INSERT INTO enrollment (id, device, type, enabled, topic, token, push_magic, created_at)"
                " SELECT id, seq, 'Device', 1, $1, $2, 'M', 0 FROM device UNION ALL"
                " SELECT id || ':U', seq, 'User', 1, $1, $2, 'M', 0 FROM device",
                DB_S(topic), DB_B(slice_of("T")));
}
static void enroll(const char *topic) { must(in_job(enroll_job, (void *)(uintptr_t)topic)); }

static enum err record_job(struct ctx *cx, struct db *db, void *arg) { return pushcert_record_write(cx, db, arg); }
static void record(const char *topic, const char *account) {
  struct pushcert_record r = {
      .topic = topic, .apple_account = account, .owner = "Ada Example", .updated_at = 1, .updated_by = "tester"};
  must(in_job(record_job, &r));
}

static enum err key_job(struct ctx *cx, struct db *db, void *hash) {
  return db_run(cx, db,
                "INSERT INTO push_key (public_hash, key_sealed, csr, topic, created_at, created_by)"
                " VALUES ($1, $2, $2, $3, 0, 'tester')",
                DB_B(slice_mem(hash, 32)), DB_B(slice_of("x")), DB_S(TOPIC));
}

static void new_ones_get(const char *topic) {
  char *is;
  must(pushcert_topic(fx.cx, reader(), &is));
  assert_string_equal(is, topic);
}

/* Goal: devices that enroll get the topic that was chosen for them last; renewals of the others change nothing. */
static void a_renewal_is_no_choice(void **state) {
  (void)state;
  enroll(TOPIC);
  struct pushcert_pair foreign = made(OTHER, -US_HOUR, 300 * US_DAY), renewed = made(TOPIC, -US_HOUR, 366 * US_DAY);
  must(store(&foreign, PUSHCERT_NEW_TOPIC));
  new_ones_get(OTHER);
  must(store(&renewed, 0));
  new_ones_get(OTHER);
  must(store(&renewed, PUSHCERT_NEW_TOPIC));
  new_ones_get(TOPIC);
}

static enum err lose_job(struct ctx *cx, struct db *db, void *hash) {
  return db_run(cx, db, "UPDATE pushcert SET key_sealed = $2 WHERE hash = $1", DB_B(slice_mem(hash, 32)),
                DB_B(slice_of("sealed under another secret key")));
}

/* Goal: a certificate that is imported once more has its key again, also when the stored one does not open any more. */
static void once_more_mends_the_key(void **state) {
  (void)state;
  struct pushcert_pair mine = made(TOPIC, -US_HOUR, 365 * US_DAY);
  struct slice cert, key;
  int64_t until;
  must(store(&mine, 0));
  must(in_job(lose_job, mine.hash));
  assert_int_equal(pushcert_open(fx.cx, reader(), &fx.core, TOPIC, &cert, &key, &until), E_INVALID);
  says("import certificate and key again");
  must(store(&mine, 0));
  must(pushcert_open(fx.cx, reader(), &fx.core, TOPIC, &cert, &key, &until));
  assert_true(slice_eq(key, mine.key_pem));
}

/* Goal: a topic that no device hears is refused with both topics, the devices (not their channels), whom to ask, and
   what to do. */
static void foreign_topic_is_explained(void **state) {
  (void)state;
  struct pushcert_pair foreign = made(OTHER, -US_HOUR, 365 * US_DAY);
  enroll(TOPIC);
  record(TOPIC, "it@example.org");
  assert_int_equal(store(&foreign, 0), E_CONFLICT);
  says("nothing was changed");
  says(OTHER);
  says(TOPIC " (2 devices): 2 devices would go dark when its certificate ends on");
  says(pushcert_serials(fx.cx, foreign.about.serial_number));
  says("created anew instead of renewed, or renewed under another Apple Account than it@example.org");
  says("sign in at https://identity.apple.com/pushcert with the Apple Account it@example.org, press Renew (never "
       "Create");
  says("the row with the UID " TOPIC ", serial number ");
  says(serial_in_use(TOPIC));
  says("owner Ada Example");
  says("--new-topic");
  assert_int_equal(store(&foreign, PUSHCERT_ANYWAY), E_CONFLICT);
  must(store(&foreign, PUSHCERT_NEW_TOPIC));
  must(store(&foreign, 0)); /* the same again */
}

/* Goal: what probably happened is told from what is known here. */
static void causes_are_supposed(void **state) {
  (void)state;
  struct pushcert_pair old = made(OTHER, -90 * US_DAY, 275 * US_DAY), fresh = made(OTHER, -US_HOUR, 365 * US_DAY);
  enroll(TOPIC);
  assert_int_equal(store(&old, 0), E_CONFLICT);
  says("of another server, or of another Apple Account than the one it belongs to");
  says("(not recorded)");
  record(TOPIC, "it@example.org");
  record(OTHER, "other@example.org");
  assert_int_equal(store(&fresh, 0), E_CONFLICT);
  says("under another Apple Account: other@example.org is recorded for that topic, it@example.org for the devices'");
  record(OTHER, NULL);
  must(in_job(key_job, fresh.public_hash));
  assert_int_equal(store(&fresh, 0), E_CONFLICT);
  says("its request was made here to renew " TOPIC);
  must(store(&old, PUSHCERT_NEW_TOPIC));
  assert_int_equal(store(&fresh, 0), E_CONFLICT);
  says("the wrong row was renewed");
}

/* Goal: without devices, or with devices on its own topic, a certificate needs no word of consent. */
static void no_guard_without_need(void **state) {
  (void)state;
  struct pushcert_pair foreign = made(OTHER, -US_HOUR, 365 * US_DAY), next = made(TOPIC, -US_HOUR, 366 * US_DAY);
  must(store(&foreign, 0));
  enroll(TOPIC);
  must(store(&next, 0));
  assert_string_equal(serial_in_use(TOPIC), next.about.serial_number);
}

/* Goal: a certificate that ends earlier takes no better one's place, unless that one is refused by Apple, or has
   ended, or it is wanted. */
static enum err refuse_job(struct ctx *cx, struct db *db, void *arg) {
  return pushcert_proved(cx, db, *(int64_t *)arg, "refused", "403 BadCertificate");
}
static void older_is_refused(void **state) {
  (void)state;
  struct pushcert_pair older = made(TOPIC, -US_HOUR, 100 * US_DAY), newer = made(TOPIC, -US_HOUR, 366 * US_DAY);
  struct pushcert c;
  must(store(&newer, 0));
  assert_int_equal(store(&older, PUSHCERT_NEW_TOPIC), E_CONFLICT);
  says("ends before the one in use");
  says(newer.about.serial_number);
  says("pomona pushcert rollback");
  assert_string_equal(serial_in_use(TOPIC), newer.about.serial_number);
  must(store(&older, PUSHCERT_ANYWAY));
  assert_string_equal(serial_in_use(TOPIC), older.about.serial_number);
  must(store(&newer, 0)); /* known, and later: in use again */
  must(pushcert_find(fx.cx, reader(), TOPIC, &c));
  assert_string_equal(c.serial_number, newer.about.serial_number);
  must(in_job(refuse_job, &c.seq));
  must(store(&older, 0));
  assert_string_equal(serial_in_use(TOPIC), older.about.serial_number);
}

/* ---- going back ---- */

static enum err rollback_job(struct ctx *cx, struct db *db, void *arg) {
  return pushcert_rollback(cx, db, arg, "tester");
}
static enum err former(const char *topic, const char *serial_number, struct pushcert *out) {
  ctx_clear_error(fx.cx);
  return pushcert_former(fx.cx, reader(), topic, serial_number, out);
}

/* Goal: one goes back to the last one, or to one named by its serial number in either form, while it is valid. */
static void rollback(void **state) {
  (void)state;
  struct pushcert c;
  struct slice cert, key;
  const char *first = serial_in_use(TOPIC);
  struct pushcert_pair second = made(TOPIC, -US_HOUR, 366 * US_DAY), third = made(TOPIC, -US_HOUR, 367 * US_DAY);
  assert_int_equal(former(NULL, NULL, &c), E_NOT_FOUND);
  must(store(&second, 0));
  clock_shift(US_SECOND);
  must(store(&third, 0));
  assert_int_equal(former(NULL, "12AB", &c), E_NOT_FOUND);
  assert_int_equal(former(NULL, third.about.serial_number, &c), E_CONFLICT);
  assert_int_equal(former(OTHER, first, &c), E_NOT_FOUND);
  must(former(NULL, enc_decimal(fx.cx, first), &c));
  assert_string_equal(c.serial_number, first);
  must(former(TOPIC, NULL, &c));
  assert_string_equal(c.serial_number, second.about.serial_number);
  must(pushcert_open_one(fx.cx, reader(), &fx.core, &c, &cert, &key));
  assert_true(slice_eq(cert, second.cert_pem));
  assert_true(slice_eq(key, second.key_pem));
  must(in_job(rollback_job, &c));
  assert_string_equal(serial_in_use(TOPIC), second.about.serial_number);
  assert_int_equal(in_job(rollback_job, &c), E_CONFLICT);
  must(former(NULL, NULL, &c));
  assert_string_equal(c.serial_number, third.about.serial_number);
  clock_shift(400 * US_DAY);
  assert_int_equal(former(NULL, NULL, &c), E_NOT_FOUND);
  assert_int_equal(former(NULL, first, &c), E_CONFLICT);
  says("ended on");
}

/* Goal: with several topics it must be said which; a topic that nobody has can be withdrawn, another cannot, nor the
   last certificate. */
static enum err withdraw_job(struct ctx *cx, struct db *db, void *topic) {
  return pushcert_withdraw(cx, db, topic, "tester");
}
static void withdrawal(void **state) {
  (void)state;
  struct pushcert c;
  char *topic;
  assert_int_equal(in_job(withdraw_job, TOPIC), E_CONFLICT);
  must(pushcert_find(fx.cx, reader(), TOPIC, &c));
  enroll(TOPIC);
  struct pushcert_pair foreign = made(OTHER, -US_HOUR, 365 * US_DAY);
  must(store(&foreign, PUSHCERT_NEW_TOPIC));
  must(pushcert_topic(fx.cx, reader(), &topic));
  assert_string_equal(topic, OTHER);
  assert_int_equal(former(NULL, NULL, &c), E_INVALID);
  assert_int_equal(former(OTHER, NULL, &c), E_NOT_FOUND);
  assert_int_equal(in_job(withdraw_job, TOPIC), E_CONFLICT);
  must(in_job(withdraw_job, OTHER));
  must(pushcert_topic(fx.cx, reader(), &topic));
  assert_string_equal(topic, TOPIC);
  must(former(OTHER, NULL, &c));
}

/* Goal: what Apple refuses says so, whatever its dates are. */
static void states(void **state) {
  (void)state;
  struct pushcert c = {.not_after = 100 * US_DAY, .proof = "refused"};
  assert_string_equal(pushcert_state(&c, 0), "revoked");
  assert_string_equal(pushcert_state(&c, 100 * US_DAY), "expired");
  c.proof = "unreachable";
  assert_string_equal(pushcert_state(&c, 0), "ok");
  c.superseded_at = 1;
  assert_string_equal(pushcert_state(&c, 0), "superseded");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)
int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(foreign_topic_is_explained),
      TEST(causes_are_supposed),
      TEST(no_guard_without_need),
      TEST(older_is_refused),
      TEST(rollback),
      TEST(withdrawal),
      TEST(states),
      TEST(once_more_mends_the_key),
      TEST(a_renewal_is_no_choice),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
