/* Notices: raised once, a harmless message, retries until a day is over, and the child that runs notify-command. */
#include "core_fixture.h"

#include "base/file.h"
#include "core/notice_int.h"

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATIENCE (20 * US_SECOND)

static const struct notice example = {.subject = "pushcert T 1",
                                      .step = "7",
                                      .kind = "guardian.due",
                                      .title = "It ends in 7 days",
                                      .text = "Renew it.\n",
                                      .urgent = true};

static bool new_one;

static enum err raise_job(struct ctx *cx, struct db *db, void *arg) {
  return notice_raise(cx, db, &fx.core, arg, &new_one);
}

static void raise_one(struct notice n) { must(in_job(raise_job, &n)); }

static struct js *listed(void) {
  struct js *all;
  must(notice_list(fx.cx, reader(), NULL, 100, &all));
  return all;
}

static struct js *delivery(size_t i) { return js_at(js_get(js_at(listed(), 0), "deliveries"), i); }

static int64_t attempts(size_t i) {
  int64_t n = -1;
  (void)js_int(js_get(delivery(i), "attempts"), &n);
  return n;
}

static char *in_folder(const char *name) {
  static char folder[] = "notice-test-XXXXXX";
  static bool made;
  if (!made && !mkdtemp(folder)) fail_msg("no folder");
  made = true;
  return ctx_printf(fx.cx, "%s/%s", folder, name);
}

/* ---- rows ---- */

/* The same subject and step is the same notice; each address of the settings and of the notice gets it once. */
static void raised_once(void **state) {
  (void)state;
  int64_t events;
  struct notice n = example;
  fx.conf.smtp_url = "smtp://127.0.0.1:1";
  fx.conf.mail_to = "a@example.org, B@example.org,,nonsense,c@example.org\r\nBcc: d@example.org";
  n.also_to = "b@example.org,owner@example.org";
  raise_one(n);
  assert_true(new_one);
  raise_one(n);
  assert_false(new_one);
  assert_int_equal(js_count(listed()), 1);
  assert_int_equal(js_count(js_get(js_at(listed(), 0), "deliveries")), 3);
  assert_string_equal(js_str(delivery(0), "recipient"), "mailto:B@example.org");
  assert_string_equal(js_str(delivery(2), "recipient"), "mailto:owner@example.org");
  must(db_one_int(fx.cx, reader(), &events, "SELECT count(*) FROM event WHERE kind = 'guardian.due'"));
  assert_int_equal(events, 1);
  n.step = "3";
  raise_one(n);
  assert_true(new_one);
}

/* Nobody is asked where nothing is set: the row, the event and the log line stay. */
static void without_recipients(void **state) {
  (void)state;
  fx.conf.mail_to = "a@example.org";
  raise_one(example);
  assert_int_equal(js_count(js_get(js_at(listed(), 0), "deliveries")), 0);
  must(notice_deliver_chore(fx.cx, &fx.core));
}

/* Tried again later and later, and given up after a day. */
static void given_up_after_a_day(void **state) {
  (void)state;
  fx.conf.smtp_url = "smtp://127.0.0.1:1";
  fx.conf.mail_to = "a@example.org";
  raise_one(example);
  must(notice_deliver_chore(fx.cx, &fx.core));
  must(notice_deliver_chore(fx.cx, &fx.core));
  assert_int_equal(attempts(0), 1);
  assert_non_null(strstr(js_str(delivery(0), "error"), "cannot be reached"));
  assert_false(js_is_null(js_get(delivery(0), "next_at")));
  for (int64_t at = 0; at < 26 * US_HOUR; at += 20 * US_MINUTE) {
    clock_shift(at);
    must(notice_deliver_chore(fx.cx, &fx.core));
  }
  assert_in_range(attempts(0), 15, 40);
  assert_true(js_is_null(js_get(delivery(0), "next_at")));
  assert_true(js_is_null(js_get(delivery(0), "done_at")));
}

static enum err lock_outcomes_job(struct ctx *cx, struct db *db, void *arg) {
  return db_run(cx, db,
                arg ? "CREATE TRIGGER full BEFORE UPDATE OF done_at ON notice_delivery BEGIN "
                      "SELECT RAISE(ABORT, 'full'); END"
                    : "CREATE TRIGGER all_full BEFORE UPDATE ON notice_delivery BEGIN SELECT RAISE(ABORT, 'full'); "
                      "END");
}

static int64_t runs(const char *path) {
  struct slice s;
  if (file_read(fx.cx, &s, path, 4096) == OK) return (int64_t)s.n;
  ctx_clear_error(fx.cx);
  return 0;
}

/* Where nothing can be written any more, nobody is told the same again and again. */
static void full_disk_repeats_nothing(void **state) {
  (void)state;
  const char *out = in_folder("runs");
  bool outcome_only = true;
  must(notify_child_start(fx.cx, &fx.core.notify_child, ctx_printf(fx.cx, "printf x >> %s", out)));
  raise_one(example);
  must(in_job(lock_outcomes_job, &outcome_only));
  assert_int_not_equal(notice_deliver_chore(fx.cx, &fx.core), OK);
  ctx_clear_error(fx.cx);
  must(notice_deliver_chore(fx.cx, &fx.core));
  assert_int_equal(runs(out), 1);
  must(in_job(lock_outcomes_job, NULL));
  clock_shift(US_HOUR);
  assert_int_not_equal(notice_deliver_chore(fx.cx, &fx.core), OK);
  ctx_clear_error(fx.cx);
  assert_int_equal(runs(out), 1);
  notify_child_stop(fx.core.notify_child);
  fx.core.notify_child = NULL;
  unlink(out);
}

/* A server that was off for days may find the network not up yet: the first failure is not the last. */
static void late_start_is_patient(void **state) {
  (void)state;
  fx.conf.smtp_url = "smtp://127.0.0.1:1";
  fx.conf.mail_to = "a@example.org";
  raise_one(example);
  clock_shift(3 * US_DAY);
  must(notice_deliver_chore(fx.cx, &fx.core));
  assert_false(js_is_null(js_get(delivery(0), "next_at")));
}

/* ---- messages ---- */

static const char *message_of(struct notice_delivery d) {
  struct slice m;
  d.created_at = 1795363200 * US_SECOND;
  if (!d.recipient) d.recipient = ctx_strdup(fx.cx, "mailto:a@example.org");
  if (!d.subject) d.subject = ctx_strdup(fx.cx, "s");
  if (!d.step) d.step = ctx_strdup(fx.cx, "7");
  if (!d.text) d.text = ctx_strdup(fx.cx, "text\n");
  must(notice_message(fx.cx, &fx.conf, &d, &m));
  for (size_t i = 0; i < m.n; i++)
    if (m.p[i] == '\n' && (i == 0 || m.p[i - 1] != '\r')) fail_msg("a bare line end at %zu", i);
  const char *line = m.p;
  for (const char *end; (end = strstr(line, "\r\n")); line = end + 2)
    if (end - line > 998) fail_msg("a line of %d", (int)(end - line));
  return m.p;
}

/* What a certificate or a person is called cannot become a header. */
static void headers_are_harmless(void **state) {
  (void)state;
  struct notice n = example;
  n.title = "Ends\r\nBcc: victim@example.org\n\nbody\x01";
  raise_one(n);
  const char *kept = js_str(js_at(listed(), 0), "title");
  const char *m = message_of((struct notice_delivery){.title = ctx_strdup(fx.cx, kept)});
  assert_non_null(strstr(m, "Subject: Ends  Bcc: victim@example.org  body \r\n"));
  assert_null(strstr(m, "\r\nBcc:"));
  assert_non_null(strstr(m, "Date: Sun, 22 Nov 2026 16:00:00 +0000\r\n"));
  assert_non_null(strstr(m, "From: pomona <pomona@mdm.example.org>\r\nTo: <a@example.org>\r\n"));
}

/* Letters beyond ASCII come through, in headers and in the text; no letter is cut in two. */
static void letters_of_all_kinds(void **state) {
  (void)state;
  const char *title = "Zertifikat für Müllers Telefone läuft ab – 期限切れ 期限切れ 期限切れ";
  const char *m = message_of(
      (struct notice_delivery){.title = ctx_strdup(fx.cx, title), .text = ctx_strdup(fx.cx, ".\nfür = 1 \nend")});
  const char *at = strstr(m, "Subject: ") + strlen("Subject: ");
  struct buf whole = {0};
  while (strncmp(at, "=?utf-8?B?", 10) == 0) {
    struct slice word;
    const char *end = strstr(at + 10, "?=");
    assert_true(end - at < 75);
    must(dec_base64(fx.cx, slice_mem(at + 10, (size_t)(end - at) - 10), &word));
    assert_true(utf8_valid(word));
    buf_add_slice(&whole, word);
    at = end + 2;
    if (strncmp(at, "\r\n ", 3) == 0) at += 3;
  }
  assert_string_equal(whole.p, title);
  buf_free(&whole);
  assert_non_null(strstr(m, "\r\n\r\n.\r\nf=C3=BCr =3D 1=20\r\nend\r\n"));
}

/* The same for each attempt, another for each recipient. */
static void message_ids_are_stable(void **state) {
  (void)state;
  struct notice_delivery d = {.title = ctx_strdup(fx.cx, "t")}, other = d;
  other.recipient = ctx_strdup(fx.cx, "mailto:b@example.org");
  const char *a = strstr(message_of(d), "Message-ID: "), *b = strstr(message_of(d), "Message-ID: "),
             *c = strstr(message_of(other), "Message-ID: ");
  assert_memory_equal(a, b, 50);
  assert_memory_not_equal(a, c, 50);
}

/* An invitation is a part of its own, with the method that it names. */
static void invitations(void **state) {
  (void)state;
  char *ics = ctx_strdup(fx.cx, "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n");
  const char *m = message_of((struct notice_delivery){.title = ctx_strdup(fx.cx, "t"), .attachment = ics});
  struct slice back;
  assert_non_null(strstr(m, "multipart/alternative; boundary=\"=_pomona_part\""));
  assert_non_null(strstr(m, "text/calendar; charset=utf-8; method=REQUEST"));
  const char *body = strstr(strstr(m, "text/calendar"), "\r\n\r\n") + 4;
  must(dec_base64(fx.cx, slice_mem(body, strcspn(body, "-")), &back));
  assert_true(slice_is(back, ics));
}

/* ---- the child ---- */

static const char *content(const char *path) {
  struct slice s;
  must(file_read(fx.cx, &s, path, 4096));
  return s.p;
}

static enum err run_child(const char *command, struct notice n, const atomic_bool *stop) {
  struct notify_child *c;
  ctx_clear_error(fx.cx);
  must(notify_child_start(fx.cx, &c, command));
  enum err e = notify_child_run(fx.cx, c, &n, stop);
  notify_child_stop(c);
  return e;
}

/* Texts come by environment and stdin, so that none of them is obeyed; settings with secrets do not come at all. */
static void command_gets_texts(void **state) {
  (void)state;
  const char *out = in_folder("got"), *evil = in_folder("evil");
  struct notice n = example;
  n.title = ctx_printf(fx.cx, "$(touch %s); \"`touch %s`'", evil, evil);
  setenv("POMONA_API_KEY", "secret", 1);
  must(run_child(ctx_printf(fx.cx, "{ env | grep ^POMONA_ | sort; cat; } > %s", out), n, NULL));
  unsetenv("POMONA_API_KEY");
  assert_string_equal(content(out), ctx_printf(fx.cx,
                                               "POMONA_STEP=7\nPOMONA_SUBJECT=pushcert T 1\nPOMONA_TITLE=%s\n"
                                               "Renew it.\n",
                                               n.title));
  assert_int_not_equal(access(evil, F_OK), 0);
  unlink(out);
}

/* A status that is not 0 is a failure; text that nobody reads is none. */
static void command_may_fail(void **state) {
  (void)state;
  char *big = ctx_alloc(fx.cx, 16001);
  memset(big, 'x', 16000);
  struct notice n = example;
  assert_int_equal(run_child("exit 3", example, NULL), E_CONFLICT);
  assert_non_null(strstr(ctx_error_text(fx.cx), "status 3"));
  assert_int_equal(run_child("kill -9 $$", example, NULL), E_CONFLICT);
  assert_non_null(strstr(ctx_error_text(fx.cx), "137"));
  assert_int_equal(run_child("no-such-program-here 2>/dev/null", example, NULL), E_CONFLICT);
  n.text = big;
  must(run_child("exit 0", n, NULL));
}

/* A server that ends waits for no command, and leaves none behind. */
static void command_ends_with_the_server(void **state) {
  (void)state;
  const char *pid_file = in_folder("pid");
  atomic_bool stop = true;
  assert_int_equal(
      run_child(ctx_printf(fx.cx, "echo $$ > %s.new; mv %s.new %s; sleep 1000", pid_file, pid_file, pid_file), example,
                &stop),
      E_GONE);
  if (access(pid_file, F_OK) == 0) { /* it came so far */
    assert_int_not_equal(kill((pid_t)atoi(content(pid_file)), 0), 0);
    unlink(pid_file);
  }
}

/* The pid of our only child. */
static pid_t child(void) {
  int pid = 0;
  FILE *f = fopen(ctx_printf(fx.cx, "/proc/self/task/%d/children", (int)getpid()), "r");
  if (!f || fscanf(f, "%d", &pid) != 1) pid = 0;
  if (f) fclose(f);
  return pid;
}

/* Killed: it is noticed, said, and the server lives on; the notice waits for a new one. */
static void child_may_die(void **state) {
  (void)state;
  must(notify_child_start(fx.cx, &fx.core.notify_child, "exit 0"));
  assert_true(notify_child_alive(fx.core.notify_child));
  raise_one(example);
  must(notice_deliver_chore(fx.cx, &fx.core));
  assert_false(js_is_null(js_get(delivery(0), "done_at")));
  pid_t pid = child();
  if (pid > 0) kill(pid, SIGKILL);
  int64_t until = clock_mono_us() + PATIENCE;
  while (pid > 0 && notify_child_alive(fx.core.notify_child) && clock_mono_us() < until) usleep(1000);
  assert_int_equal(notify_child_alive(fx.core.notify_child), pid == 0); /* no /proc of children: nothing was tried */
  struct notice n = example;
  n.step = "3";
  raise_one(n);
  must(notice_deliver_chore(fx.cx, &fx.core));
  if (pid > 0) assert_non_null(strstr(js_str(delivery(0), "error"), "has died"));
  notify_child_stop(fx.core.notify_child);
  fx.core.notify_child = NULL;
}

int main(void) {
#define WORLD(t) cmocka_unit_test_setup_teardown(t, fixture_open, fixture_close)
  const struct CMUnitTest tests[] = {
      WORLD(raised_once),           WORLD(without_recipients),           WORLD(given_up_after_a_day),
      WORLD(headers_are_harmless),  WORLD(letters_of_all_kinds),         WORLD(message_ids_are_stable),
      WORLD(invitations),           WORLD(command_gets_texts),           WORLD(command_may_fail),
      WORLD(child_may_die),         WORLD(command_ends_with_the_server), WORLD(full_disk_repeats_nothing),
      WORLD(late_start_is_patient),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
