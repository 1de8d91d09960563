/* Verdicts 8, 13 and 25 to 27: the server's own causes. */
#include "why_world.h"

#include "core/guard.h"
#include "core/hangup.h"
#include "lib/http.h"

#define NOW clock_now_us()
#include "pki_odd.h"

static struct enroll_proof a;

static void a_is_fine(void) {
  a = enrolled("A");
  (void)comes(a, "A");
}

/* Something is asked of it, Apple takes the wake-up, and it does not come. */
static void a_is_woken(void) {
  pass(US_MINUTE);
  enqueue("A", "SecurityInfo", "C1");
  apns_takes("A");
}

static void expect_unlike(const char *id, const char *slug) {
  struct why_words w = {0};
  assert_string_not_equal(slug_by(why_rows, why_rows_n, id, NULL, &w), slug);
}

static void a_comes(void) {
  assert_string_equal(comes(a, "A"), "C1");
  answers(a, "A", "Acknowledged", "C1");
}

/* ---- 8: the database ---- */

static enum err broken_job(struct ctx *cx, struct db *db, void *arg) {
  (void)arg;
  return db_run(cx, db, "ROLLBACK"); /* as SQLite does by itself on a full disk */
}

static void disk_full(void) {
  assert_int_equal(in_job(broken_job, NULL), E_STORAGE);
  int64_t since = db_trouble_since(fx.core.store);
  assert_in_range(since, clock_now_us() - US_MINUTE, clock_now_us());
  assert_int_equal(in_job(broken_job, NULL), E_STORAGE);
  assert_int_equal(db_trouble_since(fx.core.store), since);
}

static void room_again(void) {
  must(db_probe(fx.cx, fx.core.store));
  assert_int_equal(db_trouble_since(fx.core.store), 0);
}

static const struct why_scenario not_writing = {.name = "server-not-writing",
                                                .number = 8,
                                                .id = "A",
                                                .up = a_is_fine,
                                                .breaks = disk_full,
                                                .remedy = room_again,
                                                .says = "/nonexistent"};

/* ---- 13: the clock ---- */

static void apple_tells(int64_t ahead) { must(guard_clock_note(fx.cx, &fx.core, "api.push.apple.com", NOW - ahead)); }

static void clock_goes_wrong(void) {
  a_is_woken();
  apple_tells(6 * US_MINUTE);
}

static void clock_is_set(void) {
  apple_tells(4 * US_MINUTE);
  a_comes();
}

static const struct why_scenario clock_wrong = {.name = "server-clock-wrong",
                                                .number = 13,
                                                .id = "A",
                                                .up = a_is_fine,
                                                .breaks = clock_goes_wrong,
                                                .remedy = clock_is_set,
                                                .says = "6 min ahead, as api.push.apple.com told"};

/* ---- 25, 26: TLS ---- */

static struct pki_cert *server_cert(const char *issuer, int64_t life) {
  struct odd ca = {.cn = issuer, .key = fx.key, .by_key = fx.key, .constraints = "critical,CA:TRUE"};
  struct pki_cert *root = odd(fx.cx, ca);
  return odd(fx.cx, (struct odd){
                        .cn = "mdm.example.org", .key = fx.key, .by = root, .by_key = fx.key, .not_after = NOW + life});
}

static void use(const char *issuer, int64_t life) {
  struct pki_cert *leaf = server_cert(issuer, life);
  fx.conf.accept_cut_off = true;
  if (!fx.core.keyring) fixture_keyring("mdm.example.org");
  must(guard_tls(fx.cx, &fx.core, &leaf, 1));
}

static void short_lived(void) {
  use("Old CA", US_HOUR);
  a_is_fine();
}

static void it_ends(void) {
  pass(2 * US_HOUR);
  a_is_woken();
}

static void new_certificate(void) {
  use("Old CA", 90 * US_DAY);
  a_comes();
}

static const struct why_scenario expired = {.name = "server-certificate-expired",
                                            .number = 25,
                                            .id = "A",
                                            .up = short_lived,
                                            .breaks = it_ends,
                                            .remedy = new_certificate,
                                            .says = "CN=mdm.example.org ended on"};

static void hang_up(const char *address, int alert) {
  struct hangups *h;
  must(hangup_start(fx.cx, &h, &fx.core));
  hangup_note(h, address, alert);
  hangup_stop(h);
}

static void good_certificate(void) {
  use("Old CA", 90 * US_DAY);
  a_is_fine();
}

static void root_is_swapped(void) {
  pass(US_HOUR);
  use("New CA", 90 * US_DAY);
  a_is_woken();
  hang_up("192.0.2.1", 48);
}

static const struct why_scenario untrusted = {.name = "server-certificate-untrusted",
                                              .number = 26,
                                              .id = "A",
                                              .up = good_certificate,
                                              .breaks = root_is_swapped,
                                              .remedy = new_certificate,
                                              .says = "from one by CN=Old CA to one by CN=New CA"};

/* Behind other addresses than the last one three of them tell the same. */
static void three_addresses(void) {
  static const char *const others[] = {"B", "C", "D"};
  struct enroll_proof p[3];
  for (size_t i = 0; i < 3; i++) {
    p[i] = new_identity(others[i]);
    p[i].address = ctx_printf(fx.cx, "192.0.2.1%zu", i);
    assert_int_equal(authenticate(p[i], others[i], NULL), ENROLL_FINE);
    assert_int_equal(token_update(p[i], others[i], others[i]), ENROLL_FINE);
    (void)comes(p[i], others[i]);
  }
  pass(US_HOUR);
  use("New CA", 90 * US_DAY);
  a_is_woken();
  for (size_t i = 0; i < 3; i++) {
    apns_takes(others[i]);
    pass(US_SECOND);
    hang_up(p[i].address, -1);
  }
}

static const struct why_scenario untrusted_by_three = {.name = "server-certificate-untrusted, seen by others",
                                                       .number = 26,
                                                       .id = "A",
                                                       .up = good_certificate,
                                                       .breaks = three_addresses,
                                                       .remedy = new_certificate,
                                                       .says = "3 addresses"};

/* Goal: hang-ups without a change, of others, from before, or for another reason than the certificate, accuse nobody.
 */
static void not_untrusted(void **state) {
  (void)state;
  shifted = 0;
  good_certificate();
  a_is_woken();
  hang_up("192.0.2.1", 48);
  expect_unlike("A", "server-certificate-untrusted"); /* the certificate is the one of the last poll */
  use("New CA", 90 * US_DAY);
  hang_up("192.0.2.1", 80);
  expect_unlike("A", "server-certificate-untrusted"); /* internal_error */
  hang_up("192.0.2.2", 48);
  hang_up("192.0.2.3", 48);
  hang_up("192.0.2.4", 48);
  expect_unlike("A", "server-certificate-untrusted"); /* addresses of nobody */
}

/* Goal: where others come in by the new certificate it is not what a device behind the same address hangs up at. */
static void neighbours_come(void **state) {
  (void)state;
  shifted = 0;
  good_certificate();
  struct enroll_proof neighbour = enrolled("N");
  a_is_woken();
  pass(US_SECOND);
  use("New CA", 90 * US_DAY);
  hang_up("192.0.2.1", 48);
  expect_verdict("A", NULL, "server-certificate-untrusted");
  run_sql("UPDATE enrollment SET last_address = '192.0.2.1' WHERE id = 'N'", DB_END, DB_END);
  comes(neighbour, "N");
  expect_unlike("A", "server-certificate-untrusted");
}

/* ---- 27: the address ---- */

static struct http_server *relay;
static bool astray; /* a login page answers */

static size_t head(struct http_req *rq, void *arg) {
  (void)rq, (void)arg;
  return 0;
}

static void body(struct http_req *rq, void *arg) {
  (void)arg;
  if (astray) {
    http_set_header(rq, "Location", "https://login.example.org/");
    http_reply(rq, 302, NULL, slice_of(""));
    return;
  }
  struct slice token = http_query(rq, GUARD_MARK_QUERY);
  http_set_header(rq, GUARD_MARK_HEADER, guard_mark_answer(http_cx(rq), &fx.core, token, "here"));
  http_reply(rq, 200, NULL, slice_of("ok\n"));
}

static void end(struct http_req *rq, void *arg) { (void)rq, (void)arg; }

static int relay_up(void **state) {
  struct http_conf conf = {.listen = "127.0.0.1:0",
                           .threads = 1,
                           .headers_max = 16384,
                           .headers_us = 15 * US_SECOND,
                           .body_us = 15 * US_SECOND,
                           .idle_us = 15 * US_SECOND,
                           .handler = {.head = head, .body = body, .end = end}};
  if (why_up(state) != 0) return -1;
  must(http_start(fx.cx, &relay, &conf));
  fx.conf.public_url = ctx_printf(fx.cx, "http://%s", http_address(relay));
  if (!fx.core.keyring) fixture_keyring("mdm.example.org");
  return 0;
}

static int relay_down(void **state) {
  http_stop(relay);
  relay = NULL;
  return why_down(state);
}

static void probe(bool login_page) {
  astray = login_page;
  must(guard_probe_chore(fx.cx, &fx.core));
}

static void address_leads_here(void) {
  a_is_fine();
  probe(false);
}

static void login_page(void) {
  a_is_woken();
  probe(true);
}

static void address_is_back(void) {
  probe(false);
  a_comes();
}

static const struct why_scenario unreachable = {.name = "server-unreachable",
                                                .number = 27,
                                                .id = "A",
                                                .up = address_leads_here,
                                                .breaks = login_page,
                                                .remedy = address_is_back,
                                                .says = "302, which leads to https://login.example.org/"};

static void many(void) {
  a_is_fine();
  for (int i = 0; i < 5; i++) (void)enrolled(ctx_printf(fx.cx, "M%d", i));
}

static void nobody_comes(void) {
  a_is_woken();
  for (int i = 0; i < 4; i++) apns_takes(ctx_printf(fx.cx, "M%d", i));
  pass(31 * US_MINUTE);
}

static const struct why_scenario nobody = {.name = "server-unreachable, by nobody's coming",
                                           .number = 27,
                                           .id = "A",
                                           .up = many,
                                           .breaks = nobody_comes,
                                           .remedy = a_comes,
                                           .says = "no device at all"};

/* Goal: four wake-ups in vain accuse nobody, nor does an address that never led here from inside. */
static void not_unreachable(void **state) {
  (void)state;
  shifted = 0;
  many();
  written();
  a_is_woken();
  for (int i = 0; i < 3; i++) apns_takes(ctx_printf(fx.cx, "M%d", i));
  pass(31 * US_MINUTE);
  expect_unlike("A", "server-unreachable");
  fx.conf.public_url = "http://127.0.0.1:1";
  must(guard_probe_chore(fx.cx, &fx.core));
  expect_unlike("A", "server-unreachable");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      WHY_TEST(not_writing),
      WHY_TEST(clock_wrong),
      WHY_TEST(expired),
      WHY_TEST(untrusted),
      WHY_TEST(untrusted_by_three),
      cmocka_unit_test_setup_teardown(not_untrusted, why_up, why_down),
      cmocka_unit_test_setup_teardown(neighbours_come, why_up, why_down),
      {unreachable.name, play_state, relay_up, relay_down, (void *)(uintptr_t)&unreachable},
      WHY_TEST(nobody),
      cmocka_unit_test_setup_teardown(not_unreachable, relay_up, relay_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
