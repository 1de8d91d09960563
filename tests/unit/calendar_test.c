/* The calendar: each date one event that moves, told to whom it concerns; and the form of RFC 5545. */
#include "core_fixture.h"

#include "core/calendar_int.h"
#include "core/notice.h"

static int open_world(void **state) {
  fixture_open(state);
  fixture_keyring("localhost");
  fx.conf.smtp_url = "smtp://127.0.0.1:9";
  fx.conf.mail_from = "pomona@example.org";
  return 0;
}

static enum err refresh_job(struct ctx *cx, struct db *db, void *arg) { return calendar_refresh(cx, db, arg); }
static void refresh(void) { must(in_job(refresh_job, &fx.core)); }

static enum err record_job(struct ctx *cx, struct db *db, void *arg) { return pushcert_record_write(cx, db, arg); }
static void owner(const char *name, const char *email, const char *deputy_email) {
  must(in_job(record_job, &(struct pushcert_record){.topic = TOPIC,
                                                    .owner = name,
                                                    .owner_email = email,
                                                    .deputy = "Deputy",
                                                    .deputy_email = deputy_email,
                                                    .updated_at = 1,
                                                    .updated_by = "test"}));
}

static struct calendar_event event(const char *kind) {
  struct calendar_event *all;
  size_t n;
  must(calendar_events(fx.cx, reader(), &all, &n));
  for (size_t i = 0; i < n; i++)
    if (strcmp(all[i].kind, kind) == 0) return all[i];
  fail_msg("no event %s", kind);
  return (struct calendar_event){0};
}

static struct js *invitations(void) {
  struct js *all;
  must(notice_list(fx.cx, reader(), ctx_printf(fx.cx, "invitation %s", event("pushcert").uid), 100, &all));
  return all;
}

static const char *text_of(const char *topic) {
  struct calendar_text t;
  must(calendar_text(fx.cx, reader(), &fx.core, topic, &t));
  assert_int_equal(strlen(t.text.p), t.text.n);
  return t.text.p;
}

/* ---- the form ---- */

static struct slice render_one(struct calendar_event e) {
  struct calendar_form form = {.method = CALENDAR_REQUEST, .organizer = "pomona@example.org"};
  if (!e.attendees) e.attendees = "[]";
  if (!e.text) e.text = "";
  e.uid = "u@pomona";
  e.kind = "pushcert";
  return calendar_render(fx.cx, &form, &e, 1);
}

static const char *unfolded(struct slice s) {
  struct buf b = {0};
  for (size_t i = 0; i < s.n; i++)
    if (s.p[i] == '\r' && i + 2 < s.n && s.p[i + 1] == '\n' && s.p[i + 2] == ' ')
      i += 2;
    else
      buf_add_char(&b, s.p[i]);
  const char *out = ctx_memdup(fx.cx, b.p, b.n);
  buf_free(&b);
  return out;
}

/* Every line ends in CRLF, has at most 75 octets and cuts no character, wherever the long ones stand. */
static void test_folding(void **state) {
  (void)state;
  for (int shift = 0; shift < 8; shift++) {
    const char *long_one = ctx_printf(fx.cx, "%.*s%s", shift, "xxxxxxxx",
                                      "ÄÖÜäöü€€€€𝄞𝄞𝄞𝄞aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                      "ÄÖÜäöü€€€€𝄞𝄞𝄞𝄞ÄÖÜäöü€€€€𝄞𝄞𝄞𝄞ÄÖÜäöü€€€€𝄞𝄞𝄞𝄞ÄÖÜäöü€€€€𝄞𝄞𝄞𝄞");
    struct slice text = render_one((struct calendar_event){.summary = long_one}), line, rest = text;
    assert_true(slice_ends(text, "END:VCALENDAR\r\n"));
    while (slice_cut(&rest, '\n', &line) && line.n) {
      assert_true(slice_ends(line, "\r"));
      assert_true(line.n <= 76);
      assert_true(utf8_valid(line));
      assert_null(memchr(line.p, '\r', line.n - 1));
    }
    assert_int_equal(rest.n, 0);
    assert_non_null(strstr(unfolded(text), ctx_printf(fx.cx, "\r\nSUMMARY:%s\r\n", long_one)));
  }
}

/* Texts and names cannot end their line, forge another or break the quotes they stand in. */
static void test_escaping(void **state) {
  (void)state;
  const char *text = unfolded(render_one(
      (struct calendar_event){.summary = "a;b,c\\d\ne\r\nEND:VCALENDAR\x01\x7f \xff",
                              .attendees = "[{\"name\":\"A \\\"B\\\" ^ :;,\\nX\",\"email\":\"a@example.org\"}]"}));
  assert_non_null(strstr(text, "SUMMARY:a\\;b\\,c\\\\d\\ne \\nEND:VCALENDAR   ?\r\n"));
  assert_non_null(strstr(text, ";CN=\"A ^'B^' ^^ :;, X\":mailto:a@example.org\r\n"));
}

/* A day is a whole day, an instant that instant; alarms stand before both. */
static void test_times(void **state) {
  (void)state;
  int64_t at;
  assert_true(dec_time(slice_of("2027-04-01T00:00:00Z"), &at));
  const char *day = render_one((struct calendar_event){.summary = "s", .at = at}).p;
  const char *instant = render_one((struct calendar_event){.summary = "s", .at = at + 61 * US_SECOND}).p;
  assert_non_null(strstr(day, "DTSTART;VALUE=DATE:20270401\r\n"));
  assert_non_null(strstr(instant, "DTSTART:20270401T000101Z\r\nDURATION:PT15M\r\n"));
  assert_non_null(strstr(instant, "TRIGGER:-P60D\r\n"));
  assert_non_null(strstr(instant, "TRIGGER:-P1D\r\n"));
  assert_null(strstr(render_one((struct calendar_event){.summary = "s", .cancelled = true}).p, "VALARM"));
}

/* ---- its life ---- */

/* Nothing changes: nothing is counted, written or told. */
static void test_steady(void **state) {
  (void)state;
  owner("Owner", "owner@example.org", NULL);
  refresh();
  struct calendar_event before = event("pushcert");
  clock_shift(US_HOUR);
  refresh();
  assert_int_equal(event("pushcert").changed_at, before.changed_at);
  assert_int_equal(event("pushcert").sequence, 0);
  assert_int_equal(js_count(invitations()), 1);
}

/* A renewal moves the event: same UID, the next number, another invitation. A device that enrolls does not. */
static void test_renewal_moves(void **state) {
  (void)state;
  owner("Owner", "owner@example.org", "deputy@example.org");
  refresh();
  struct calendar_event before = event("pushcert");
  enrolled("A");
  clock_shift(US_MINUTE);
  refresh();
  assert_int_equal(event("pushcert").sequence, 0);
  assert_int_equal(js_count(invitations()), 1);
  clock_shift(100 * US_DAY);
  import_pushcert(TOPIC);
  refresh();
  struct calendar_event after = event("pushcert");
  assert_string_equal(after.uid, before.uid);
  assert_int_equal(after.sequence, 1);
  assert_true(after.at > before.at);
  assert_int_equal(js_count(invitations()), 2);
  assert_int_equal(count("SELECT count(*) FROM notice_delivery WHERE recipient LIKE 'mailto:%@example.org'"), 4);
  assert_int_equal(count("SELECT count(*) FROM notice WHERE attachment LIKE '%METHOD:REQUEST%SEQUENCE:1%'"), 1);
}

/* Nobody is invited without an address, without a mail server, or by an address that would break the line. */
static void test_nobody_to_invite(void **state) {
  (void)state;
  owner("Owner", NULL, NULL);
  refresh();
  assert_int_equal(js_count(invitations()), 0);
  owner("Owner", "a b@example.org", "x@example.org\r\nATTENDEE:y");
  refresh();
  assert_int_equal(js_count(invitations()), 0);
  fx.conf.smtp_url = NULL;
  owner("Owner", "owner@example.org", NULL);
  refresh();
  assert_int_equal(js_count(invitations()), 0);
  assert_int_equal(event("pushcert").sequence, 1);
}

/* A planned renewal is a date of its own; when it is given up it is cancelled, told once, and forgotten later. */
static void test_plan_given_up(void **state) {
  (void)state;
  struct pushcert_record r = {.topic = TOPIC,
                              .owner = "O",
                              .owner_email = "o@example.org",
                              .plan_every_us = 90 * US_DAY,
                              .updated_at = 1,
                              .updated_by = "test"};
  must(in_job(record_job, &r));
  refresh();
  assert_false(event("pushcert-plan").cancelled);
  r.plan_every_us = 0;
  must(in_job(record_job, &r));
  refresh();
  refresh();
  assert_true(event("pushcert-plan").cancelled);
  assert_int_equal(event("pushcert-plan").sequence, 1);
  assert_non_null(strstr(text_of(NULL), "STATUS:CANCELLED"));
  assert_null(strstr(text_of(TOPIC), "STATUS:CANCELLED"));
  assert_int_equal(count("SELECT count(*) FROM notice WHERE attachment LIKE '%METHOD:CANCEL%'"), 1);
  clock_shift(61 * US_DAY);
  refresh();
  assert_null(strstr(text_of(NULL), "STATUS:CANCELLED"));
}

/* The feed names no people; the file of a topic has its dates alone, with them. What to do stands in each. */
static void test_feed_and_file(void **state) {
  (void)state;
  owner("Owner", "owner@example.org", NULL);
  enrolled("A");
  refresh();
  const char *feed = unfolded(slice_of(text_of(NULL))), *file = unfolded(slice_of(text_of(TOPIC)));
  assert_null(strstr(feed, "ATTENDEE"));
  assert_null(strstr(feed, "METHOD"));
  assert_non_null(strstr(feed, "The own device CA"));
  assert_null(strstr(file, "The own device CA"));
  assert_non_null(strstr(file, "CN=\"Owner\":mailto:owner@example.org"));
  assert_non_null(strstr(file, "Topic (UID): " TOPIC));
  assert_non_null(strstr(file, "never Revoke"));
  assert_non_null(strstr(file, "Serial number: "));
}

/* ---- the secret address ---- */

static enum err new_job(struct ctx *cx, struct db *db, void *arg) {
  return calendar_new(cx, db, &fx.core, "test", arg);
}
static enum err revoke_job(struct ctx *cx, struct db *db, void *arg) {
  (void)arg;
  return calendar_revoke(cx, db, "test");
}

/* Only the last address counts, until it is revoked; it can be shown again, and stands nowhere in the clear. */
static void test_address(void **state) {
  (void)state;
  struct calendar_address first, second, shown;
  assert_int_equal(calendar_address(fx.cx, reader(), &fx.core, &shown), E_NOT_FOUND);
  ctx_clear_error(fx.cx);
  must(in_job(new_job, &first));
  assert_int_equal(strlen(first.secret), 43);
  must(calendar_check(fx.cx, reader(), slice_of(first.secret)));
  must(in_job(new_job, &second));
  assert_int_equal(calendar_check(fx.cx, reader(), slice_of(first.secret)), E_NOT_FOUND);
  assert_int_equal(calendar_check(fx.cx, reader(), slice_of("")), E_NOT_FOUND);
  ctx_clear_error(fx.cx);
  must(calendar_address(fx.cx, reader(), &fx.core, &shown));
  assert_string_equal(shown.secret, second.secret);
  assert_int_equal(count("SELECT count(*) FROM calendar WHERE length(secret_sealed) > 43"), 2);
  must(in_job(revoke_job, NULL));
  assert_int_equal(calendar_check(fx.cx, reader(), slice_of(second.secret)), E_NOT_FOUND);
  assert_int_equal(in_job(revoke_job, NULL), E_NOT_FOUND);
}

#define T(name) cmocka_unit_test_setup_teardown(name, open_world, fixture_close)
int main(void) {
  const struct CMUnitTest tests[] = {
      T(test_folding),          T(test_escaping),      T(test_times),         T(test_steady),  T(test_renewal_moves),
      T(test_nobody_to_invite), T(test_plan_given_up), T(test_feed_and_file), T(test_address),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
