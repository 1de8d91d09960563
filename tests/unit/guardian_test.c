/* The guardian: every date that can end the service, and the ladder of notices before each, over restarts and clocks.
 */
#include "core_fixture.h"

#include "core/fact.h"
#include "core/guard.h"
#include "core/guardian.h"
#include "core/notice.h"

static int open_world(void **state) {
  fixture_open(state);
  fixture_keyring("localhost");
  return 0;
}

static const struct guardian_date *find(const char *kind) {
  struct guardian_date *all;
  size_t n;
  must(guardian_dates(fx.cx, reader(), &fx.core, &all, &n));
  for (size_t i = 1; i < n; i++) assert_true(all[i - 1].at <= all[i].at);
  for (size_t i = 0; i < n; i++)
    if (strcmp(all[i].kind, kind) == 0) return &all[i];
  return NULL;
}

/* The steps that were raised of a subject, oldest first. */
static const char *steps_of(const char *subject) {
  struct js *all;
  const char *text = "";
  must(notice_list(fx.cx, reader(), subject, 1000, &all));
  for (size_t i = js_count(all); i-- > 0;)
    text = ctx_printf(fx.cx, "%s%s%s", text, *text ? " " : "", js_str(js_at(all, i), "step"));
  return text;
}

static void run_at(int64_t shift) {
  clock_shift(shift);
  must(guardian_chore(fx.cx, &fx.core));
}

static enum err write_record(struct ctx *cx, struct db *db, void *arg) { return pushcert_record_write(cx, db, arg); }
static enum err write_fact(struct ctx *cx, struct db *db, void *arg) {
  return fact_write(cx, db, "guard.tls-in-use", arg);
}

/* Each step begins so many days ahead and lasts until the next; weekly after the end. */
static void ladder_of_days(void **state) {
  static const struct {
    double left;
    bool any;
    int step;
  } rows[] = {{61, false, 0},   {60.01, false, 0}, {60, true, 60},   {31, true, 60},    {30, true, 30},
              {14.5, true, 30}, {14, true, 14},    {7, true, 7},     {3.1, true, 7},    {3, true, 3},
              {1.5, true, 3},   {1, true, 1},      {0.01, true, 1},  {0, true, 0},      {-1, true, 0},
              {-6.9, true, 0},  {-7, true, -7},    {-20, true, -14}, {-700, true, -700}};
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    int step = 99;
    int64_t now = 4000 * US_DAY;
    bool any = guardian_step(now + (int64_t)(rows[i].left * (double)US_DAY), now, &step);
    assert_int_equal(any, rows[i].any);
    if (any) assert_int_equal(step, rows[i].step);
  }
}

/* Whoever reads a date of a push certificate learns topic, serial number, account, owner and what to press. */
static void dates_name_who_and_what(void **state) {
  (void)state;
  struct pushcert_record r = {.topic = TOPIC,
                              .apple_account = "it@example.org",
                              .owner = "Alex Owner",
                              .owner_email = "alex@example.org",
                              .deputy_email = "deputy@example.org",
                              .confirmed_at = clock_now_us(),
                              .plan_every_us = 90 * US_DAY,
                              .updated_by = "test"};
  must(in_job(write_record, &r));
  enrolled("DEVICE-1");
  struct pushcert c;
  must(pushcert_find(fx.cx, reader(), TOPIC, &c));
  const struct guardian_date *d = find("pushcert");
  assert_non_null(d);
  assert_int_equal(d->at, c.not_after);
  assert_non_null(strstr(d->subject, c.serial_number));
  assert_non_null(strstr(d->name, TOPIC));
  assert_non_null(strstr(d->fix, "it@example.org"));
  assert_non_null(strstr(d->fix, "Alex Owner"));
  assert_non_null(strstr(d->fix, c.serial_number));
  assert_non_null(strstr(d->effect, "(1 enrollment)"));
  assert_string_equal(d->also_to, "alex@example.org,deputy@example.org");
  assert_int_equal(find("pushcert-plan")->at, c.imported_at + 90 * US_DAY);
  assert_int_equal(find("account")->at, r.confirmed_at + 90 * US_DAY);
  assert_int_equal(find("identities")->at / US_DAY, (clock_now_us() + 30 * US_DAY) / US_DAY);
  assert_non_null(strstr(find("identities")->effect, "1 device "));
  clock_shift(-40 * US_DAY); /* 70 days ahead: of none it is said how many */
  assert_true(strncmp(find("identities")->effect, "A device ", 9) == 0);
  clock_shift(0);
}

/* The server's own keys, its TLS certificate and its domain stand there as well; what is not known is not made up. */
static void dates_of_the_server(void **state) {
  (void)state;
  struct js *list;
  assert_non_null(find("device-ca"));
  assert_non_null(find("signing"));
  assert_non_null(find("tls-ca"));
  assert_null(find("tls"));
  assert_null(find("domain"));
  assert_null(find("vendor"));
  must(guardian_list(fx.cx, reader(), &fx.core, &list));
  struct js *last = js_at(list, js_count(list) - 1);
  assert_string_equal(js_str(last, "kind"), "domain");
  assert_true(js_is_null(js_get(last, "at")));
  fx.conf.domain_ends = clock_now_us() + 20 * US_DAY;
  assert_int_equal(find("domain")->at, fx.conf.domain_ends);
  fx.conf.public_url = "https://192.0.2.7";
  assert_null(find("domain"));
  char *tls = ctx_printf(fx.cx,
                         "{\"subject\":\"CN=mdm\",\"issuer\":\"CN=ca\",\"not_before\":\"%s\",\"not_after\":\"%s\","
                         "\"sha256\":\"aa\"}",
                         enc_time(fx.cx, clock_now_us() - 70 * US_DAY), enc_time(fx.cx, clock_now_us() + 20 * US_DAY));
  must(in_job(write_fact, tls));
  assert_int_equal(find("tls")->first, 14); /* our own is renewed by the server itself */
  fx.conf.own_tls = false;
  assert_int_equal(find("tls")->first, 22);
  assert_null(find("tls-ca"));
}

/* Day by day over the whole life, twice a day: each step exactly once. */
static void ladder_over_a_life(void **state) {
  (void)state;
  const char *subject = find("pushcert")->subject;
  for (int day = 295; day <= 386; day++) {
    run_at(day * US_DAY);
    run_at(day * US_DAY + US_HOUR);
  }
  assert_string_equal(steps_of(subject), "60 30 14 7 3 1 0 -7 -14 -21");
}

/* Off while steps passed: only the newest is raised; a clock that goes back raises nothing again. */
static void only_the_newest_step(void **state) {
  (void)state;
  const char *subject = find("pushcert")->subject;
  run_at(290 * US_DAY);
  assert_string_equal(steps_of(subject), "");
  run_at(360 * US_DAY);
  assert_string_equal(steps_of(subject), "7");
  run_at(340 * US_DAY);
  assert_string_equal(steps_of(subject), "7");
  run_at(366 * US_DAY);
  assert_string_equal(steps_of(subject), "7 0");
}

/* A renewal has a ladder of its own, and ends the former's. */
static void renewal_begins_anew(void **state) {
  (void)state;
  const char *former = find("pushcert")->subject;
  run_at(340 * US_DAY);
  assert_string_equal(steps_of(former), "30");
  import_pushcert(TOPIC);
  const char *subject = find("pushcert")->subject;
  assert_string_not_equal(subject, former);
  run_at(360 * US_DAY);
  assert_string_equal(steps_of(former), "30");
  assert_string_equal(steps_of(subject), "");
  run_at((340 + 310) * US_DAY);
  assert_string_equal(steps_of(subject), "60");
}

/* The certificate of a topic that nobody listens on, beside another, ends nothing. */
static void unused_topics_are_quiet(void **state) {
  (void)state;
  enrolled("DEVICE-1");
  import_pushcert("com.apple.mgmt.External.unused");
  assert_non_null(strstr(find("pushcert")->subject, TOPIC));
  run_at(350 * US_DAY);
  struct js *all;
  must(notice_list(fx.cx, reader(), NULL, 1000, &all));
  for (size_t i = 0; i < js_count(all); i++) assert_null(strstr(js_str(js_at(all, i), "subject"), "unused"));
}

/* Before the first device nobody knows which topic will be used: the certificate of each counts. */
static void topics_before_the_first_device(void **state) {
  (void)state;
  import_pushcert("com.apple.mgmt.External.second");
  assert_non_null(find("pushcert"));
}

/* A question is asked a week ahead, an end two months: the ladders differ. */
static void short_ladders(void **state) {
  (void)state;
  struct pushcert_record r = {.topic = TOPIC,
                              .apple_account = "it@example.org",
                              .confirmed_at = clock_now_us(),
                              .updated_at = 1,
                              .updated_by = "test"};
  must(in_job(write_record, &r));
  const char *subject = find("account")->subject;
  for (int day = 20; day <= 100; day++) run_at(day * US_DAY);
  assert_string_equal(steps_of(subject), "7 3 1 0 -7");
}

int main(void) {
#define WORLD(t) cmocka_unit_test_setup_teardown(t, open_world, fixture_close)
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ladder_of_days), WORLD(dates_name_who_and_what),        WORLD(dates_of_the_server),
      WORLD(ladder_over_a_life),        WORLD(only_the_newest_step),           WORLD(renewal_begins_anew),
      WORLD(unused_topics_are_quiet),   WORLD(topics_before_the_first_device), WORLD(short_ladders),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
