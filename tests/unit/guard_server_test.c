/* The server's facts about itself: room on the disk, the clock, its TLS certificate; and what everybody is told of
   them. */
#include "core_fixture.h"

#include "core/guard.h"
#include "core/guardian.h"

static int open_world(void **state) {
  fixture_open(state);
  fixture_keyring("mdm.example.org");
  return 0;
}

static struct js *banner_of(const char *slug) {
  struct js *all;
  must(guardian_banner(fx.cx, reader(), &fx.core, &all));
  for (size_t i = 0; i < js_count(all); i++)
    if (strcmp(js_str(js_at(all, i), "slug"), slug) == 0) return js_at(all, i);
  return NULL;
}

static int64_t events(const char *kind) {
  int64_t n;
  must(db_one_int(fx.cx, reader(), &n, "SELECT count(*) FROM event WHERE kind = $1", DB_S(kind)));
  return n;
}

static void watch_disk(const char *data) {
  fx.conf.data = data;
  must(guard_disk_chore(fx.cx, &fx.core));
}

/* Goal: a disk that cannot be looked at is an error; one that fills is told of once, and so is its end. /proc has no
   room at all, /dev much. */
static void test_disk(void **state) {
  (void)state;
  fx.conf.webhook_urls = "https://hooks.example.org"; /* events are kept for somebody */
  assert_int_equal(guard_disk_chore(fx.cx, &fx.core), E_STORAGE);
  ctx_clear_error(fx.cx);
  watch_disk("/dev");
  assert_null(banner_of("disk-filling"));
  watch_disk("/proc");
  watch_disk("/proc");
  assert_string_equal(js_str(banner_of("disk-filling"), "title"), "The disk of the data folder is full to 100 %");
  assert_int_equal(events("disk.filling"), 1);
  watch_disk("/dev");
  watch_disk("/dev");
  assert_null(banner_of("disk-filling"));
  assert_int_equal(events("disk.fine"), 1);
}

/* Goal: five minutes are forgiven, more is told, in words that fit; what is set right is forgotten. */
static void test_clock(void **state) {
  (void)state;
  struct guard_clock c;
  must(guard_clock_read(fx.cx, reader(), &c));
  assert_false(guard_clock_wrong(&c));
  must(guard_clock_note(fx.cx, &fx.core, "api.push.apple.com", clock_now_us() + 4 * US_MINUTE));
  assert_null(banner_of("clock-wrong"));
  must(guard_clock_note(fx.cx, &fx.core, "api.push.apple.com", clock_now_us() + 3 * US_HOUR));
  must(guard_clock_read(fx.cx, reader(), &c));
  assert_true(guard_clock_wrong(&c) && c.ahead_us < 0);
  assert_non_null(strstr(js_str(banner_of("clock-wrong"), "title"), "behind"));
  must(guard_clock_note(fx.cx, &fx.core, "api.push.apple.com", clock_now_us()));
  assert_null(banner_of("clock-wrong"));
}

static struct js *used(struct pki_cert *leaf) {
  struct js *in_use;
  must(guard_tls(fx.cx, &fx.core, &leaf, 1));
  must(guard_tls_in_use(fx.cx, reader(), &in_use));
  return in_use;
}

static struct pki_cert *certificate(const char *cn) {
  struct pki_cert *cert;
  const char *hosts[] = {"mdm.example.org", NULL};
  struct pki_issue what = {.cn = cn,
                           .subject_key = fx.key,
                           .issuer_key = fx.key,
                           .not_before = clock_now_us() - US_DAY,
                           .not_after = clock_now_us() + 30 * US_DAY,
                           .kind = PKI_TLS_SERVER,
                           .hosts = hosts};
  must(pki_cert_issue(fx.cx, &cert, &what));
  return cert;
}

/* Goal: since when a certificate is used, and which one was used before, stands over restarts. */
static void test_tls_change(void **state) {
  (void)state;
  struct pki_cert *one = certificate("One"), *two = certificate("Two");
  const char *since = ctx_strdup(fx.cx, js_str(used(one), "since"));
  clock_shift(US_HOUR);
  struct js *again = used(one);
  assert_string_equal(js_str(again, "since"), since);
  assert_true(js_is_null(js_get(again, "former")));
  struct js *other = used(two);
  assert_string_not_equal(js_str(other, "since"), since);
  assert_string_equal(js_str(js_get(other, "former"), "subject"), "CN=One");
  clock_shift(2 * US_HOUR);
  assert_string_equal(js_str(js_get(used(two), "former"), "subject"), "CN=One");
}

static enum err give_url(struct ctx *cx, struct db *db, void *url) {
  return db_run(cx, db, "UPDATE generation SET given = json_object('ServerURL', $1 || '/mdm')", DB_S(url));
}

/* Goal: an address that cannot be reached from inside is no news while it is public-url; it is told of, once, when it
 * has become a former one that devices hold. */
static void test_address_becomes_former(void **state) {
  static char url[] = "http://127.0.0.1:1";
  (void)state;
  (void)enrolled("A");
  must(in_job(give_url, url));
  fx.conf.webhook_urls = "https://hooks.example.org";
  fx.conf.public_url = url;
  must(guard_probe_chore(fx.cx, &fx.core));
  assert_int_equal(events("url.unreachable"), 0);
  fx.conf.public_url = "http://127.0.0.1:2";
  for (int i = 0; i < 2; i++) must(guard_probe_chore(fx.cx, &fx.core));
  assert_int_equal(events("url.unreachable"), 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_disk, open_world, fixture_close),
      cmocka_unit_test_setup_teardown(test_clock, open_world, fixture_close),
      cmocka_unit_test_setup_teardown(test_tls_change, open_world, fixture_close),
      cmocka_unit_test_setup_teardown(test_address_becomes_former, open_world, fixture_close),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
