/* Who stands behind a topic: what is kept, what is warned of, and what a probe's word becomes. */
#include "core_fixture.h"

static enum err write_job(struct ctx *cx, struct db *db, void *arg) { return pushcert_record_write(cx, db, arg); }

static struct pushcert_record whole(void) {
  return (struct pushcert_record){.topic = TOPIC,
                                  .apple_account = "apple-push@example.org",
                                  .account_kind = "managed",
                                  .second_factor = "two telephone numbers",
                                  .trusted_person_1 = "Ada Example",
                                  .trusted_person_2 = "Ben Example",
                                  .password_place = "the safe",
                                  .owner = "Ada Example",
                                  .owner_email = "ada@example.org",
                                  .deputy = "Ben Example",
                                  .deputy_email = "ben@example.org",
                                  .organization = "Example",
                                  .address = "1 Example Street",
                                  .web_site = "https://example.org",
                                  .note = "a note",
                                  .confirmed_at = clock_now_us(),
                                  .confirmed_by = "ada",
                                  .plan_every_us = 90 * US_DAY,
                                  .plan_on = "04-01",
                                  .updated_at = clock_now_us(),
                                  .updated_by = "admin"};
}

static const char *warning(const struct pushcert_record *r, const char *slug) {
  struct pushcert_warning *all;
  size_t n;
  must(pushcert_record_warnings(fx.cx, r, &all, &n));
  for (size_t i = 0; i < n; i++)
    if (strcmp(all[i].slug, slug) == 0) return all[i].text;
  return NULL;
}

/* Goal: a topic without a record has an empty one; what is written is what is read; the certificate shows it. */
static void record_is_kept(void **state) {
  (void)state;
  struct pushcert_record r, in = whole();
  struct pushcert c;
  must(pushcert_record_read(fx.cx, reader(), TOPIC, &r));
  assert_string_equal(r.topic, TOPIC);
  assert_null(r.apple_account);
  assert_int_equal(r.updated_at, 0);
  must(in_job(write_job, &in));
  in.note = NULL;
  in.plan_every_us = 0;
  must(in_job(write_job, &in));
  must(pushcert_record_read(fx.cx, reader(), TOPIC, &r));
  const char *got[] = {r.apple_account,    r.account_kind,   r.second_factor, r.trusted_person_1,
                       r.trusted_person_2, r.password_place, r.owner,         r.owner_email,
                       r.deputy,           r.deputy_email,   r.organization,  r.address,
                       r.web_site,         r.confirmed_by,   r.plan_on,       r.updated_by};
  const char *put[] = {in.apple_account,    in.account_kind,   in.second_factor, in.trusted_person_1,
                       in.trusted_person_2, in.password_place, in.owner,         in.owner_email,
                       in.deputy,           in.deputy_email,   in.organization,  in.address,
                       in.web_site,         in.confirmed_by,   in.plan_on,       in.updated_by};
  for (size_t i = 0; i < sizeof got / sizeof *got; i++) assert_string_equal(got[i], put[i]);
  assert_null(r.note);
  assert_int_equal(r.plan_every_us, 0);
  assert_int_equal(r.confirmed_at, in.confirmed_at);
  assert_int_equal(r.updated_at, in.updated_at);
  must(pushcert_find(fx.cx, reader(), TOPIC, &c));
  assert_string_equal(c.apple_id, "apple-push@example.org");
  assert_string_equal(c.owner, "Ada Example");
  assert_null(c.note);
}

/* Goal: a whole, confirmed record has no warning; each gap has its own, which says what to do. */
static void gaps_are_named(void **state) {
  (void)state;
  struct pushcert_warning *all;
  size_t n;
  struct pushcert_record r = whole(), none = {.topic = TOPIC};
  must(pushcert_record_warnings(fx.cx, &r, &all, &n));
  assert_int_equal(n, 0);
  must(pushcert_record_warnings(fx.cx, &none, &all, &n));
  assert_int_equal(n, 7);
  for (size_t i = 0; i < n; i++) assert_non_null(strstr(all[i].text, "`pomona pushcert record"));
  r.trusted_person_2 = r.trusted_person_1;
  assert_non_null(strstr(warning(&r, "trusted-people-missing"), "Only one person"));
  r.owner_email = NULL;
  assert_non_null(strstr(warning(&r, "owner-missing"), "no mail address"));
}

/* Goal: a confirmation holds for 90 days. */
static void confirmation_ages(void **state) {
  (void)state;
  struct pushcert_record r = whole();
  clock_shift(89 * US_DAY);
  assert_null(warning(&r, "unconfirmed"));
  clock_shift(91 * US_DAY);
  assert_non_null(strstr(warning(&r, "unconfirmed"), "91 d ago"));
  r.confirmed_at = 0;
  assert_non_null(strstr(warning(&r, "unconfirmed"), "Nobody has confirmed yet"));
}

/* Goal: accounts of people are told from those of duties; what a person says of it counts more than the guess. */
static void kinds_of_accounts(void **state) {
  (void)state;
  static const struct {
    const char *account, *owner, *kind;
    bool federation;
  } rows[] = {
      {"apple-push@example.org", "Ada Lovelace", "organization", true},
      {"it@example.org", NULL, "organization", true},
      {"mdm.admin@example.org", NULL, "organization", true},
      {"jamf@example.org", NULL, "organization", true},
      {"ada.lovelace@example.org", NULL, "personal", true},
      {"Ada_Lovelace@example.org", NULL, "personal", true},
      {"alovelace@example.org", "Ada Lovelace", "personal", true},
      {"alovelace@example.org", NULL, "organization", true},
      {"it-office@gmail.com", NULL, "personal", false},
      {"it@YAHOO.co.uk", NULL, "personal", false},
      {"nonsense", NULL, "personal", false},
      {"@", NULL, "personal", false},
      {"", NULL, NULL, false},
      {NULL, NULL, NULL, false},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    bool guessed;
    struct pushcert_record r = {.topic = TOPIC, .apple_account = rows[i].account, .owner = rows[i].owner};
    const char *kind = pushcert_account_kind(&r, &guessed);
    assert_true(guessed);
    if (rows[i].kind)
      assert_string_equal(kind, rows[i].kind);
    else
      assert_null(kind);
    assert_int_equal(warning(&r, "account-personal") != NULL, rows[i].kind && strcmp(rows[i].kind, "personal") == 0);
    assert_int_equal(warning(&r, "account-federation-risk") != NULL, rows[i].federation);
    if (!rows[i].kind) continue;
    r.account_kind = "managed";
    assert_null(warning(&r, "account-personal"));
    assert_null(warning(&r, "account-federation-risk"));
    r.account_kind = "organization";
    assert_null(warning(&r, "account-personal"));
    assert_string_equal(pushcert_account_kind(&r, &guessed), "organization");
    assert_false(guessed);
  }
}

/* Goal: one line names who can help, or that nobody is known. */
static void people_in_a_line(void **state) {
  (void)state;
  struct pushcert_record r = whole(), none = {.topic = TOPIC}, some = {.topic = TOPIC, .owner = "Ada"};
  assert_string_equal(pushcert_people(fx.cx, &r), "Apple Account apple-push@example.org, owner Ada Example "
                                                  "(ada@example.org), deputy Ben Example (ben@example.org)");
  assert_non_null(strstr(pushcert_people(fx.cx, &none), "not recorded"));
  assert_string_equal(pushcert_people(fx.cx, &some), "Apple Account not recorded, owner Ada, no deputy recorded");
}

/* ---- proofs ---- */

struct proof {
  int64_t pushcert;
  const char *proof;
};
static enum err prove_job(struct ctx *cx, struct db *db, void *arg) {
  const struct proof *p = arg;
  return pushcert_proved(cx, db, p->pushcert, p->proof, "what was said");
}

static int64_t acts(void) {
  int64_t n;
  must(db_one_int(fx.cx, reader(), &n, "SELECT count(*) FROM pushcert_history WHERE act = 'probed'"));
  return n;
}

/* Goal: a proof stands with its certificate; only a change of it is history; when Apple took it last is not lost, nor
   that Apple refused it. */
static void proofs_are_kept(void **state) {
  (void)state;
  struct pushcert c;
  must(pushcert_find(fx.cx, reader(), TOPIC, &c));
  assert_null(c.proof);
  must(in_job(prove_job, &(struct proof){c.seq, "proven"}));
  must(in_job(prove_job, &(struct proof){c.seq, "proven"}));
  assert_int_equal(acts(), 1);
  must(pushcert_find(fx.cx, reader(), TOPIC, &c));
  assert_string_equal(c.proof, "proven");
  assert_int_equal(c.probed_at, c.proven_at);
  int64_t then = c.proven_at;
  clock_shift(US_DAY);
  must(in_job(prove_job, &(struct proof){c.seq, "refused"}));
  must(pushcert_find(fx.cx, reader(), TOPIC, &c));
  assert_string_equal(c.proof, "refused");
  assert_string_equal(c.proof_text, "what was said");
  assert_int_equal(c.proven_at, then);
  assert_true(c.probed_at > then);
  must(in_job(prove_job, &(struct proof){c.seq, "unreachable"}));
  must(pushcert_find(fx.cx, reader(), TOPIC, &c));
  assert_string_equal(c.proof, "refused");
  assert_int_equal(acts(), 2);
  assert_int_equal(in_job(prove_job, &(struct proof){c.seq + 9, "proven"}), E_NOT_FOUND);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)
int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(record_is_kept),    TEST(gaps_are_named),   TEST(confirmation_ages),
      TEST(kinds_of_accounts), TEST(people_in_a_line), TEST(proofs_are_kept),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
