/* Webhooks: what is told, to the letter; that none is lost and none overtakes; what becomes of those that nobody takes.
 */
#include "core_fixture.h"

#include "base/thread.h"
#include "core/webhook_int.h"
#include "lib/http.h"
#include "lib/pki_crypto.h"

#define PATIENCE (20 * US_SECOND)
enum { GOT_MAX = 400 };

/* ---- a receiver ---- */

static struct {
  struct http_server *server;
  pthread_mutex_t lock;
  pthread_cond_t news;
  char *got[GOT_MAX]; /* bodies that were answered by 200 */
  char *signatures[GOT_MAX];
  int got_n, asked;
  const char *refused; /* messages with this text are answered by 500 */
  bool closed;         /* all are */
} web;

static int64_t shift; /* of the clock */

static size_t on_head(struct http_req *rq, void *arg) {
  (void)rq, (void)arg;
  return 1 << 20;
}

static void on_body(struct http_req *rq, void *arg) {
  (void)arg;
  struct slice body = http_body(rq), signature = http_header(rq, "X-Hmac-Signature");
  char *text = ctx_memdup(http_cx(rq), body.p, body.n);
  pthread_mutex_lock(&web.lock);
  web.asked++;
  bool ok = !web.closed && !(web.refused && strstr(text, web.refused)) && web.got_n < GOT_MAX;
  if (ok) {
    web.signatures[web.got_n] = mem_strdup(ctx_memdup(http_cx(rq), signature.p, signature.n));
    web.got[web.got_n++] = mem_strdup(text);
  }
  pthread_cond_broadcast(&web.news);
  pthread_mutex_unlock(&web.lock);
  http_reply(rq, ok ? 200 : 500, NULL, (struct slice){0});
}

static void on_end(struct http_req *rq, void *arg) { (void)rq, (void)arg; }

static void await_count(const int *what, int n) {
  int64_t until = clock_mono_us() + PATIENCE;
  pthread_mutex_lock(&web.lock);
  while (*what < n && clock_mono_us() < until) cond_wait_until(&web.news, &web.lock, until);
  int is = *what;
  pthread_mutex_unlock(&web.lock);
  if (is < n) fail_msg("%d of %d came", is, n);
}

static void set_refused(const char *text, bool closed) {
  pthread_mutex_lock(&web.lock);
  web.refused = text;
  web.closed = closed;
  pthread_mutex_unlock(&web.lock);
}

static int asked(void) {
  pthread_mutex_lock(&web.lock);
  int n = web.asked;
  pthread_mutex_unlock(&web.lock);
  return n;
}

static const char *url(const char *path) { return ctx_printf(fx.cx, "http://%s%s", http_address(web.server), path); }

static int open_all(void **state) {
  fixture_open(state);
  memset(&web, 0, sizeof web);
  shift = 0;
  pthread_mutex_init(&web.lock, NULL);
  cond_init(&web.news);
  struct http_conf conf = {.listen = "127.0.0.1:0",
                           .threads = 1,
                           .headers_max = 16384,
                           .headers_us = PATIENCE,
                           .body_us = PATIENCE,
                           .idle_us = PATIENCE,
                           .handler = {on_head, on_body, on_end, NULL}};
  must(http_start(fx.cx, &web.server, &conf));
  fx.conf.webhook_urls = url("/hook?secret=word");
  fx.conf.history_us = 90 * US_DAY;
  return 0;
}

static int close_all(void **state) {
  webhook_stop(fx.core.webhook);
  http_stop(web.server);
  for (int i = 0; i < web.got_n; i++) {
    free(web.got[i]);
    free(web.signatures[i]);
  }
  pthread_mutex_destroy(&web.lock);
  pthread_cond_destroy(&web.news);
  return fixture_close(state);
}

static void start(void) { must(webhook_start(fx.cx, &fx.core.webhook, &fx.core)); }

/* Time passes, and the threads look again. */
static void pass(int64_t us) {
  clock_shift(shift += us);
  for (int i = 0; i < WEBHOOK_WORKERS; i++) webhook_hint(fx.core.webhook, i);
}

static bool has(int i, const char *text) { return strstr(web.got[i], text) != NULL; }

static enum err nothing(struct ctx *cx, struct db *db, void *arg) {
  (void)cx, (void)db, (void)arg;
  return OK;
}

/* In memory a reader sees a job at its work: what it writes is there as a whole when the next job is over. */
static void await_rows(const char *sql, int64_t n) {
  int64_t until = clock_mono_us() + PATIENCE;
  while (count(sql) != n) {
    if (clock_mono_us() > until) fail_msg("%s: %lld, not %lld", sql, (long long)count(sql), (long long)n);
    sched_yield();
  }
  must(in_job(nothing, NULL));
}
#define DUE "SELECT count(*) FROM webhook_delivery WHERE state = 'due'"
#define DEAD "SELECT count(*) FROM webhook_delivery WHERE state = 'dead'"
#define DONE "SELECT count(*) FROM webhook_delivery WHERE state = 'done'"

/* ---- what is told ---- */

/* Without a receiver nothing is written, and what was refused is never told. */
static void test_nothing_to_tell(void **state) {
  (void)state;
  fx.conf.webhook_urls = NULL;
  struct enroll_proof p = enrolled("U-1");
  put_report(p, "U-1", "Idle", NULL);
  assert_int_equal(count("SELECT count(*) FROM webhook_message"), 0);
  fx.conf.webhook_urls = "http://127.0.0.1:1/";
  struct enroll_proof other = new_identity("other");
  assert_int_equal(put_report(other, "U-1", "Idle", NULL)->refusal == ENROLL_FINE, 0);
  assert_int_equal(put_report(p, "U-2", "Idle", NULL)->refusal, ENROLL_MISUSED);
  assert_int_not_equal(authenticate(other, "U-1", NULL), ENROLL_FINE);
  assert_int_not_equal(token_update(other, "U-9", "token"), ENROLL_FINE);
  assert_int_equal(count("SELECT count(*) FROM webhook_message"), 0);
}

static enum err release(struct ctx *cx, struct db *db, void *arg) { return enroll_release(cx, db, arg, "test"); }

static enum err set_provisional(struct ctx *cx, struct db *db, void *arg) {
  (void)arg;
  return db_run(cx, db, "UPDATE generation SET state = 'provisional' WHERE state = 'pending'");
}

/* One that claims to be a device and must prove it is nobody's news; the device in force is. */
static void test_provisional(void **state) {
  (void)state;
  fx.conf.webhook_urls = "http://127.0.0.1:1/";
  struct enroll_proof p = enrolled("U-1"), other = new_identity("other");
  must(in_job(release, (void *)(uintptr_t) "U-1"));
  assert_int_equal(authenticate(other, "U-1", NULL), ENROLL_FINE);
  must(in_job(set_provisional, NULL));
  int64_t before = count("SELECT count(*) FROM webhook_message");
  enum enroll_refusal refusal;
  put_report(other, "U-1", "Idle", NULL);
  must(check_in_with(other, message("GetBootstrapToken", "U-1"), &refusal));
  check_out(other, "U-1");
  assert_int_equal(count("SELECT count(*) FROM webhook_message"), before);
  must(check_in_with(p, message("GetBootstrapToken", "U-1"), &refusal));
  assert_int_equal(count("SELECT count(*) FROM webhook_message"), before + 1);
}

static const struct enroll_ids device_ids = {.device = "U-1", .id = "U-1", .type = "Device"};
static const struct enroll_ids user_ids = {.device = "U-1", .id = "U-1:me", .type = "User", .is_user = true};
static const struct enroll_ids byod_ids = {.device = "E-1", .id = "E-1", .type = "User Enrollment (Device)"};

#define HEAD(topic)                                                                                                    \
  "{\"topic\":\"" topic "\",\"event_id\":\"0123456789abcdef\",\"created_at\":\"2026-11-22T15:00:00Z\","
#define MAC "\"ids\":{\"id\":\"U-1\",\"type\":\"Device\"}"

static const struct {
  struct webhook_event e;
  bool micromdm;
  const char *json; /* NULL: not told */
} samples[] = {
    {{.ids = &device_ids, .message_type = "Authenticate"},
     false,
     HEAD("mdm.Authenticate") "\"checkin_event\":{\"udid\":\"U-1\",\"raw_payload\":\"PGE+\"," MAC "}}"},
    {{.ids = &device_ids, .message_type = "TokenUpdate", .token_update_tally = 2},
     false,
     HEAD("mdm.TokenUpdate") "\"checkin_event\":{\"udid\":\"U-1\",\"raw_payload\":\"PGE+\"," MAC
                             ",\"token_update_tally\":2}}"},
    {{.ids = &user_ids, .message_type = "CheckOut"},
     false,
     HEAD("mdm.CheckOut") "\"checkin_event\":{\"udid\":\"U-1\",\"raw_payload\":\"PGE+\",\"ids\":{\"id\":\"U-1:me\","
                          "\"type\":\"User\",\"parent_id\":\"U-1\"}}}"},
    {{.ids = &byod_ids, .status = "Idle"},
     false,
     HEAD(
         "mdm.Connect") "\"acknowledge_event\":{\"enrollment_id\":\"E-1\",\"status\":\"Idle\",\"raw_payload\":\"PGE+\","
                        "\"ids\":{\"id\":\"E-1\",\"type\":\"User Enrollment (Device)\"}}}"},
    {{.ids = &device_ids, .status = "Acknowledged", .command_uuid = "C\"raw_payload\":\"\""},
     false,
     HEAD("mdm.Connect") "\"acknowledge_event\":{\"udid\":\"U-1\",\"status\":\"Acknowledged\",\"command_uuid\":"
                         "\"C\\\"raw_payload\\\":\\\"\\\"\",\"raw_payload\":\"PGE+\"," MAC "}}"},
    {{.ids = &device_ids, .message_type = "TokenUpdate", .token_update_tally = 2},
     true,
     HEAD("mdm.TokenUpdate") "\"checkin_event\":{\"udid\":\"U-1\",\"url_params\":null,\"raw_payload\":\"PGE+\"}}"},
    {{.ids = &device_ids, .status = "Error", .command_uuid = "C-1"},
     true,
     HEAD("mdm.Connect") "\"acknowledge_event\":{\"udid\":\"U-1\",\"status\":\"Error\",\"command_uuid\":\"C-1\","
                         "\"raw_payload\":\"PGE+\"}}"},
    {{.ids = &device_ids, .message_type = "UserAuthenticate"}, true, NULL},
    {{.ids = &device_ids, .message_type = "DeclarativeManagement"}, true, NULL},
    {{.ids = &device_ids, .message_type = "GetToken"}, true, NULL},
    {{.ids = &device_ids, .message_type = "GetToken"},
     false,
     HEAD("mdm.GetToken") "\"checkin_event\":{\"udid\":\"U-1\",\"raw_payload\":\"PGE+\"," MAC "}}"},
};

/* The JSON is NanoMDM's, or MicroMDM's, to the letter; what a device sends cannot bend it. */
static void test_json(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
    struct webhook_event e = samples[i].e;
    struct webhook_message m = {.event_id = "0123456789abcdef"};
    e.body = slice_of("<a>");
    assert_true(dec_time(slice_of("2026-11-22T15:00:00Z"), &m.at));
    bool told = webhook_render(fx.cx, &e, samples[i].micromdm, &m);
    assert_int_equal(told, samples[i].json != NULL);
    if (told) assert_string_equal(webhook_body(fx.cx, &m).p, samples[i].json);
  }
}

/* Goal: what a device answers to a question of the server's own is told as any other answer, in both formats. */
static void test_own_questions(void **state) {
  (void)state;
  for (int micromdm = 0; micromdm < 2; micromdm++) {
    const char *id = micromdm ? "U-2" : "U-1";
    fx.conf.webhook_micromdm = micromdm;
    fx.conf.inventory_interval_us = US_DAY;
    struct enroll_proof p = enrolled(id);
    fx.conf.inventory_interval_us = 0;
    const char *uuid = next_after(p, id, "Idle", NULL);
    assert_int_equal(count("SELECT count(*) FROM target WHERE own = 1 AND status = 'Sent'"), 1);
    put_report(p, id, "Acknowledged", uuid);
    if (!micromdm) start();
    int last = 4 * (micromdm + 1);
    await_count(&web.got_n, last);
    assert_true(has(last - 1, "{\"topic\":\"mdm.Connect\","));
    assert_true(has(last - 1, ctx_printf(fx.cx, "\"status\":\"Acknowledged\",\"command_uuid\":\"%s\"", uuid)));
    assert_true(has(last - 1, "\"raw_payload\":\"PD94"));
  }
}

/* From a device to the receiver: each message once, in order, signed; the tally begins anew with each enrollment. */
static void test_told(void **state) {
  (void)state;
  static const char *const expected[] = {"mdm.Authenticate", "mdm.TokenUpdate", "mdm.TokenUpdate",  "mdm.Connect",
                                         "mdm.Connect",      "mdm.CheckOut",    "mdm.Authenticate", "mdm.TokenUpdate"};
  uint8_t mac[SHA256_LEN];
  fx.conf.webhook_hmac_key = "key";
  struct enroll_proof p = enrolled("U-1");
  token_update(p, "U-1", "token");
  put_report(p, "U-1", "Idle", NULL);
  put_report(p, "U-1", "Acknowledged", "C-1");
  check_out(p, "U-1");
  assert_int_equal(authenticate(p, "U-1", NULL), ENROLL_FINE);
  assert_int_equal(token_update(p, "U-1", "token"), ENROLL_FINE);
  start();
  await_count(&web.got_n, 8);
  for (int i = 0; i < 8; i++) {
    assert_true(has(i, ctx_printf(fx.cx, "{\"topic\":\"%s\",", expected[i])));
    pki_hmac_sha256(mac, slice_of("key"), slice_of(web.got[i]));
    assert_string_equal(web.signatures[i], enc_base64(fx.cx, mac, sizeof mac));
  }
  assert_true(has(1, "\"token_update_tally\":1}"));
  assert_true(has(2, "\"token_update_tally\":2}"));
  assert_true(has(7, "\"token_update_tally\":1}"));
  assert_true(has(4, "\"command_uuid\":\"C-1\""));
  await_rows(DONE, 8);
  assert_int_equal(count("SELECT count(*) FROM webhook_lane"), 0);
  assert_int_equal(
      count("SELECT count(*) FROM webhook_message WHERE payload_sealed LIKE '%UDID%' OR json LIKE '%PD94%'"), 0);
}

/* ---- trouble ---- */

static struct webhook_info info(size_t i, size_t of) {
  struct webhook_info *all;
  size_t n;
  must(webhook_list(fx.cx, reader(), &fx.core, &all, &n));
  assert_int_equal(n, of);
  return all[i];
}

static enum err replay_job(struct ctx *cx, struct db *db, void *arg) { return webhook_replay(cx, db, arg); }

static int64_t replay(struct webhook_replay r) {
  r.core = &fx.core;
  do must(in_job(replay_job, &r));
  while (r.more);
  return r.n;
}

/* Of a receiver whose path may be a secret, scheme, host and port are told. */
static void test_origin(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"https://hooks.example/T0/B0/secret?a=b", "https://hooks.example/…"},
      {"http://[::1]:8080/secret", "http://[::1]:8080/…"},
      {"https://hooks.example?secret", "https://hooks.example/…"},
      {"https://hooks.example/?…", "https://hooks.example/…"},
      {"https://hooks.example/", "https://hooks.example"},
      {"https://hooks.example", "https://hooks.example"},
      {"secret://", "secret://"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    assert_string_equal(webhook_origin(fx.cx, cases[i][0]), cases[i][1]);
}

/* A message that is refused holds up its enrollment only, is dead after 20 answers, and can be sent again. */
static void test_refused(void **state) {
  (void)state;
  set_refused("\"C-bad\"", false);
  struct enroll_proof a = enrolled("U-A"), b = enrolled("U-B");
  put_report(a, "U-A", "Acknowledged", "C-bad");
  put_report(a, "U-A", "Acknowledged", "C-after");
  put_report(b, "U-B", "Acknowledged", "C-other");
  start();
  await_rows("SELECT count(*) FROM webhook_delivery WHERE attempts = 1 AND status = 500", 1);
  await_rows(DONE, 5);
  assert_string_equal(info(0, 1).error, "answered 500");
  assert_true(strstr(info(0, 1).url, "secret") == NULL);
  for (int i = 2; i <= 20; i++) {
    assert_int_equal(count(DUE), 2);
    pass(13 * US_MINUTE);
    await_rows("SELECT max(attempts) FROM webhook_delivery", i);
  }
  await_rows(DONE, 6);
  assert_int_equal(count(DEAD), 1);
  assert_int_equal(count("SELECT count(*) FROM event WHERE kind = 'webhook.dead'"), 1);
  struct webhook_dead *dead;
  size_t n;
  must(webhook_dead(fx.cx, reader(), 0, 10, &dead, &n));
  assert_int_equal(n, 1);
  assert_int_equal(dead->attempts, 20);
  assert_string_equal(dead->enrollment, "U-A");
  set_refused(NULL, false);
  assert_int_equal(replay((struct webhook_replay){.enrollment = "U-B"}), 0);
  assert_int_equal(replay((struct webhook_replay){.enrollment = "U-A"}), 1);
  await_rows(DONE, 7);
  assert_int_equal(replay((struct webhook_replay){.since = 1}), 7);
  await_count(&web.got_n, 14);
  await_rows(DONE, 7);
}

/* A receiver that is away for less than a day misses nothing, however often it was tried. */
static void test_away(void **state) {
  (void)state;
  fx.conf.webhook_urls = "http://127.0.0.1:1/hook";
  enrolled("U-1");
  start();
  await_rows("SELECT max(attempts) FROM webhook_delivery", 1);
  for (int i = 2; i < 25; i++) {
    pass(30 * US_MINUTE);
    await_rows("SELECT max(attempts) FROM webhook_delivery", i);
  }
  assert_int_equal(count(DUE), 2);
  assert_string_equal(info(0, 1).state, "failing");
  pass(US_DAY);
  await_rows(DEAD, 1); /* the next of its enrollment has a day of its own */
  assert_int_equal(count(DUE), 1);
}

static void settings(const char *urls) {
  static struct core_conf next[4];
  static int n;
  struct core_conf *conf = &next[n++ % 4];
  *conf = fx.conf;
  conf->webhook_urls = urls;
  atomic_store(&fx.core.conf, conf);
  webhook_reload(fx.core.webhook);
}

/* What waits for a receiver that is taken out of the settings is dead with the reason; it is not sent by a replay. */
static void test_removed(void **state) {
  (void)state;
  set_refused(NULL, true);
  enrolled("U-1");
  start();
  await_rows("SELECT max(attempts) FROM webhook_delivery", 1);
  settings(NULL);
  await_rows(DEAD, 2);
  assert_int_equal(count("SELECT count(*) FROM webhook_lane"), 0);
  assert_int_equal(count("SELECT count(*) FROM webhook_delivery WHERE error LIKE '%removed from the settings'"), 2);
  assert_string_equal(info(0, 1).state, "removed");
  assert_int_equal(replay((struct webhook_replay){0}), 0);
  set_refused(NULL, false);
  settings(fx.conf.webhook_urls);
  assert_int_equal(replay((struct webhook_replay){0}), 2);
  await_count(&web.got_n, 2);
  assert_true(has(0, "mdm.Authenticate"));
  await_rows(DONE, 2);
}

/* One receiver that is away does not hold up another. */
static void test_two_receivers(void **state) {
  (void)state;
  fx.conf.webhook_urls = ctx_printf(fx.cx, "http://127.0.0.1:1/ %s", url("/"));
  enrolled("U-1");
  start();
  await_count(&web.got_n, 2);
  await_rows(DONE, 2);
  assert_int_equal(count(DUE), 2);
  assert_string_equal(info(1, 2).state, "ok");
}

/* More than may wait: the oldest are given up, and that is told. */
static void test_backlog(void **state) {
  (void)state;
  fx.conf.webhook_urls = "http://127.0.0.1:1/";
  struct enroll_proof p = enrolled("U-1");
  for (int i = 0; i < 200; i++) put_report(p, "U-1", "Idle", NULL);
  must(webhook_bound(fx.cx, &fx.core, 12));
  assert_int_equal(count(DUE), 12);
  assert_int_equal(count(DEAD), 190);
  assert_int_equal(count("SELECT min(seq) FROM webhook_delivery WHERE state = 'due'"), 191);
  assert_int_equal(count("SELECT count(*) FROM event WHERE kind = 'webhook.dead'"), 1);
  must(webhook_bound(fx.cx, &fx.core, 12));
  assert_int_equal(count(DUE), 12);
}

/* Delivered ones are kept for a week, dead ones as long as the history; then nothing of them is left. */
static void test_kept(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("U-1");
  start();
  await_rows(DONE, 2);
  settings(NULL);
  fx.conf.webhook_urls = "http://127.0.0.1:1/";
  settings(fx.conf.webhook_urls);
  put_report(p, "U-1", "Idle", NULL);
  must(webhook_bound(fx.cx, &fx.core, 0));
  clock_shift(6 * US_DAY);
  must(webhook_tidy(fx.cx, &fx.core));
  assert_int_equal(count("SELECT count(*) FROM webhook_message"), 3);
  clock_shift(8 * US_DAY);
  must(webhook_tidy(fx.cx, &fx.core));
  assert_int_equal(count("SELECT count(*) FROM webhook_message"), 1);
  clock_shift(91 * US_DAY);
  must(webhook_tidy(fx.cx, &fx.core));
  assert_int_equal(count("SELECT count(*) FROM webhook_message"), 0);
  assert_int_equal(count("SELECT count(*) FROM webhook_delivery"), 0);
}

/* ---- pomona's own events, tests ---- */

/* With webhook-events = all, what happens from now on is told, too; what happened before is not. */
static void test_own_events(void **state) {
  (void)state;
  enrolled("U-0");
  fx.conf.webhook_all = true;
  start();
  await_count(&web.got_n, 2);
  await_rows("SELECT count(*) FROM fact WHERE name = 'webhook.event'", 1);
  struct enroll_proof p = enrolled("U-1");
  assert_int_equal(put_report(p, "U-0", "Idle", NULL)->refusal, ENROLL_MISUSED);
  await_count(&web.got_n, 7);
  int own = 0;
  for (int i = 2; i < 7; i++) {
    if (has(i, "{\"topic\":\"pomona.identity.misused\","))
      assert_true(
          has(i, "\"pomona_event\":{\"kind\":\"identity.misused\",\"enrollment\":\"U-0\",\"data\":{\"claimed\""));
    own += has(i, "\"topic\":\"pomona.");
  }
  assert_int_equal(own, 3);
}

static void tested(struct webhook_test *t, enum err e) {
  pthread_mutex_lock(&web.lock);
  *(int *)t->arg = e == OK ? 1 : 2;
  pthread_cond_broadcast(&web.news);
  pthread_mutex_unlock(&web.lock);
}

static const struct webhook_answer *test_of(const char *to) {
  static int done;
  struct webhook_test *t = ctx_alloc(fx.cx, sizeof *t);
  *t = (struct webhook_test){.cx = ctx_new(), .url = to, .done = tested, .arg = &done};
  done = 0;
  ctx_defer(fx.cx, (void (*)(void *))ctx_free, t->cx);
  webhook_test(fx.core.webhook, t);
  await_count(&done, 1);
  assert_int_equal(done, 1);
  assert_int_equal(t->n, 1);
  return t->answers;
}

/* A test says what is wrong and what to look at, and shows no secret of the URL. */
static void test_tests(void **state) {
  (void)state;
  start();
  const struct webhook_answer *a = test_of("http://127.0.0.1:1/x?token=word");
  assert_false(a->ok);
  assert_non_null(a->advice);
  assert_string_equal(a->url, "http://127.0.0.1:1/x?…");
  assert_null(strstr(a->error, "word"));
  set_refused("pomona.test", false);
  a = test_of(NULL);
  assert_int_equal(a->status, 500);
  assert_non_null(strstr(a->advice, "log"));
  set_refused(NULL, false);
  a = test_of(NULL);
  assert_true(a->ok);
  assert_null(a->advice);
  assert_int_equal(asked(), 2);
  assert_true(has(0, "\"topic\":\"pomona.test\""));
  assert_int_equal(count("SELECT count(*) FROM webhook_message"), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_all, close_all)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_nothing_to_tell), TEST(test_provisional),   TEST(test_origin),     TEST(test_refused), TEST(test_away),
      TEST(test_removed),         TEST(test_two_receivers), TEST(test_backlog),    TEST(test_json),    TEST(test_told),
      TEST(test_own_questions),   TEST(test_kept),          TEST(test_own_events), TEST(test_tests),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
