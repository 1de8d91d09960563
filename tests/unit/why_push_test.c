/* Verdicts 14 to 24: the push certificate, the way to Apple, the device's token. */
#include "why_world.h"

#define OTHER "com.apple.mgmt.External.99999999-2222-3333-4444-555555555555"

static struct enroll_proof a;

static enum err record_job(struct ctx *cx, struct db *db, void *arg) {
  (void)arg;
  return pushcert_record_write(
      cx, db,
      &(struct pushcert_record){
          .topic = TOPIC, .apple_account = "it@example.org", .updated_at = clock_now_us(), .updated_by = "test"});
}

/* A is enrolled, as is B, and has done what it was asked for. */
static void up(void) {
  must(in_job(record_job, NULL));
  fx.conf.apns_url = "https://api.push.apple.com";
  (void)enrolled("B");
  a = enrolled("A");
  enqueue("A", "SecurityInfo", "C0");
  assert_string_equal(comes(a, "A"), "C0");
  answers(a, "A", "Acknowledged", "C0");
}

/* Something is wanted of A, and its wake-up is due. */
static void asked(void) {
  pass(US_MINUTE);
  enqueue("A", "SecurityInfo", "C1");
}

/* It comes and does it. */
static void comes_and_does(void) {
  assert_string_equal(comes(a, "A"), "C1");
  answers(a, "A", "Acknowledged", "C1");
}

/* ---- the way, as the push thread writes it ---- */

static enum err link_job(struct ctx *cx, struct db *db, void *arg) {
  struct push_link l = *(struct push_link *)arg;
  struct pushcert cert;
  TRY(pushcert_find(cx, db, l.topic, &cert));
  l.pushcert = cert.seq;
  return push_link_write(cx, db, &l);
}
static void link_is(struct push_link l) {
  if (!l.topic) l.topic = (char *)(uintptr_t)TOPIC;
  if (!l.text) l.text = (char *)(uintptr_t) "";
  if (!l.host) l.host = (char *)(uintptr_t) "api.push.apple.com:443";
  l.since = clock_now_us();
  must(in_job(link_job, &l));
}
#define TEXT(s) ((char *)(uintptr_t)(s))
static void link_up(void) {
  link_is((struct push_link){.up = true, .alert = -1});
  comes_and_does();
}
static void down(enum push_trouble kind, const char *text) {
  asked();
  link_is((struct push_link){.kind = kind, .text = TEXT(text), .alert = kind == PUSH_ALERT ? 44 : -1});
}
static void refusal(const char *reason) {
  asked();
  link_is((struct push_link){.up = true, .alert = -1, .refusal = TEXT(reason), .refused_at = clock_now_us()});
}

/* ---- 14 to 17 ---- */

static void certificate_removed(void) {
  asked();
  run_sql("UPDATE pushcert SET superseded_at = 1 WHERE topic = $1", DB_S(TOPIC), DB_END);
}
static void key_lost(void) {
  asked();
  run_sql("UPDATE pushcert SET key_sealed = $1", DB_B(slice_of("x")), DB_END);
}
static void certificate_imported(void) {
  import_pushcert(TOPIC);
  link_up();
}
static void certificate_ends(void) {
  asked();
  run_sql("UPDATE pushcert SET not_after = $1", DB_I(clock_now_us() - US_SECOND), DB_END);
}
static void revoked_in_tls(void) { down(PUSH_ALERT, "it refused our certificate: certificate revoked (TLS alert 44)"); }
static void refused_by_403(void) { refusal("BadCertificate"); }
static void refused_newly(void) { refusal("SomethingNew"); }
static void refused_to_probe(void) {
  asked();
  run_sql("UPDATE pushcert SET proof = 'refused', probed_at = $1, proof_text = "
          "'Apple refuses the certificate: Apple does not accept the push certificate (403 BadCertificate)'",
          DB_I(clock_now_us()), DB_END);
}
static void not_for_topic(void) {
  asked();
  apns_says("A", 400, "DeviceTokenNotForTopic", 0);
}
static void disallowed(void) { refusal("TopicDisallowed"); }
static void listens_elsewhere(void) {
  asked();
  run_sql("UPDATE generation SET given = $1", DB_S("{\"Topic\":\"" OTHER "\"}"), DB_END);
}
static void listens_here(void) {
  run_sql("UPDATE generation SET given = NULL", DB_END, DB_END);
  comes_and_does();
}

/* ---- 18 to 21 ---- */

static void no_name(void) { down(PUSH_NAME, "the name api.push.apple.com cannot be resolved"); }
static void refused(void) { down(PUSH_REFUSED, "Connection refused"); }
static void timeout(void) { down(PUSH_TIMEOUT, "it did not answer in time (TCP connection)"); }
static void proxy_asks(void) {
  asked();
  link_is((struct push_link){.kind = PUSH_PROXY, .text = TEXT("the proxy said 407"), .proxy_status = 407, .alert = -1});
}
static void intercepted(void) {
  asked();
  link_is((struct push_link){
      .kind = PUSH_ISSUER, .text = TEXT("not trusted"), .issuer = TEXT("Corp Inspector CA"), .alert = -1});
}
static void no_certificate_arrives(void) { refusal("MissingProviderToken"); }
static void sandbox(void) {
  fx.conf.apns_url = "https://api.sandbox.push.apple.com";
  refusal("BadDeviceToken");
}
static void environment(void) { refusal("BadCertificateEnvironment"); }
static void apple_again(void) {
  fx.conf.apns_url = "https://api.push.apple.com";
  link_up();
}
static void trouble(void) {
  down(PUSH_SERVER, "Apple's service is not available");
  import_pushcert(OTHER);
  link_is((struct push_link){.topic = TEXT(OTHER), .kind = PUSH_HTTP2, .text = TEXT("closed"), .alert = -1});
  pass(6 * US_MINUTE);
}

/* ---- 22 to 24 ---- */

static void throttled(void) {
  asked();
  apns_says("A", 429, "TooManyRequests", 0);
}
static void gone(void) {
  asked();
  apns_says("A", 410, "Unregistered", clock_now_us() - US_SECOND);
}
static void rejected(void) {
  asked();
  apns_says("A", 400, "BadDeviceToken", 0);
}
static void token_again(void) {
  pass(US_SECOND);
  assert_int_equal(token_update(a, "A", "another"), ENROLL_FINE);
  comes_and_does();
}

static const struct why_scenario scenarios[] = {
    {"certificate removed", 14, "A", NULL, NULL, up, certificate_removed, certificate_imported, "it@example.org"},
    {"key of the certificate lost", 14, "A", NULL, NULL, up, key_lost, certificate_imported, "secret key"},
    {"certificate ended", 15, "A", NULL, NULL, up, certificate_ends, certificate_imported, "all 2 devices are woken"},
    {"certificate revoked", 16, "A", NULL, NULL, up, revoked_in_tls, certificate_imported, "TLS alert 44"},
    {"certificate refused", 16, "A", NULL, NULL, up, refused_by_403, certificate_imported, "UID " TOPIC},
    {"certificate refused, unknown reason", 16, "A", NULL, NULL, up, refused_newly, link_up, "SomethingNew"},
    {"certificate refused to a probe", 16, "A", NULL, NULL, up, refused_to_probe, certificate_imported, "2 devices"},
    {"device of another topic", 17, "A", NULL, NULL, up, not_for_topic, token_again, "DeviceTokenNotForTopic"},
    {"topic disallowed", 17, "A", NULL, NULL, up, disallowed, certificate_imported, "TopicDisallowed"},
    {"enrolled to listen elsewhere", 17, "A", NULL, NULL, up, listens_elsewhere, listens_here, OTHER},
    {"name not found", 18, "A", NULL, NULL, up, no_name, link_up, "cannot be resolved"},
    {"connection refused", 18, "A", NULL, NULL, up, refused, link_up, "api.push.apple.com:443"},
    {"no answer in time", 18, "A", NULL, NULL, up, timeout, link_up, "17.0.0.0/8"},
    {"proxy asks for credentials", 18, "A", NULL, NULL, up, proxy_asks, link_up, "user and password"},
    {"TLS inspector", 19, "A", NULL, NULL, up, intercepted, link_up, "Corp Inspector CA"},
    {"our certificate does not arrive", 19, "A", NULL, NULL, up, no_certificate_arrives, link_up, "did not arrive"},
    {"sandbox", 20, "A", NULL, NULL, up, sandbox, apple_again, "api.sandbox.push.apple.com"},
    {"certificate of another environment", 20, "A", NULL, NULL, up, environment, link_up, "no token was thrown away"},
    {"Apple's service fails", 21, "A", NULL, NULL, up, trouble, link_up, "not available"},
    {"too many pushes", 22, "A", NULL, NULL, up, throttled, comes_and_does, "goes out at"},
    {"token gone", 23, "A", NULL, NULL, up, gone, token_again, "stopped listening"},
    {"token rejected", 24, "A", NULL, NULL, up, rejected, token_again, "enroll link --device A"},
};
enum { SCENARIOS = sizeof scenarios / sizeof *scenarios };

/* ---- what is not evidence ---- */

/* Goal: a refusal of a certificate that is no longer in use says nothing of the one that is. */
static void former_certificate(void **state) {
  (void)state;
  shifted = 0;
  up();
  refusal("BadCertificate");
  expect_verdict("A", NULL, "pushcert-revoked");
  import_pushcert(TOPIC);
  assert_string_not_equal(slug_by(why_rows, why_rows_n, "A", NULL, &(struct why_words){0}), "pushcert-revoked");
}

/* Goal: one topic that reaches Apple, or a trouble of a moment, is not Apple's service failing. */
static void no_general_trouble(void **state) {
  struct why_words w;
  (void)state;
  shifted = 0;
  up();
  down(PUSH_SERVER, "Apple's service is not available");
  assert_string_not_equal(slug_by(why_rows, why_rows_n, "A", NULL, &w), "apns-trouble");
  import_pushcert(OTHER);
  link_is((struct push_link){.topic = TEXT(OTHER), .up = true, .alert = -1});
  pass(6 * US_MINUTE);
  assert_string_not_equal(slug_by(why_rows, why_rows_n, "A", NULL, &w), "apns-trouble");
}

/* Goal: what APNs said of a former token, or before the device came or sent its token, is no evidence. */
static void old_words(void **state) {
  struct why_words w;
  (void)state;
  shifted = 0;
  up();
  asked();
  apns_says("A", 410, "Unregistered", 1000);
  assert_string_not_equal(slug_by(why_rows, why_rows_n, "A", NULL, &w), "token-gone");
  apns_says("A", 400, "BadDeviceToken", 0);
  expect_verdict("A", NULL, "token-rejected");
  assert_int_equal(token_update(a, "A", "another"), ENROLL_FINE);
  assert_string_not_equal(slug_by(why_rows, why_rows_n, "A", NULL, &w), "token-rejected");
}

int main(void) {
  struct CMUnitTest tests[SCENARIOS + 3] = {
      cmocka_unit_test_setup_teardown(former_certificate, why_up, why_down),
      cmocka_unit_test_setup_teardown(no_general_trouble, why_up, why_down),
      cmocka_unit_test_setup_teardown(old_words, why_up, why_down),
  };
  for (size_t i = 0; i < SCENARIOS; i++) tests[3 + i] = WHY_TEST(scenarios[i]);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
