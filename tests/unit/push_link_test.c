/* The state of the way to APNs: what shut it, since when, and that it is open again; durable, by topic. */
#include "push_world.h"

#define LINK(what) "SELECT count(*) FROM apns_link WHERE topic = '" TOPIC "' AND " what

static void start(struct world *w) {
  add_devices(w, 1, 1, TOPIC);
  push_up(w);
  make_due(w, results_of(w, 1, 1), 1, PUSH_ASKED);
}

static struct push_link link_of(struct world *w) {
  struct push_link *links;
  size_t n;
  struct db *db;
  assert_int_equal(db_reader(w->cx, w->core.store, &db), OK);
  assert_int_equal(push_links(w->cx, db, &links, &n), OK);
  assert_int_equal(n, 1);
  return links[0];
}

/* goal: nobody listens: refused, with host and time, kept over a restart; a peer that answers ends it */
static void refused(void **state) {
  struct world *w = *state;
  apns_stop(w);
  start(w);
  await_number(w, LINK("up = 0 AND kind = 'refused' AND since > 0"), 1);
  struct push_link before = link_of(w);
  assert_string_equal(before.host, ctx_printf(w->cx, "127.0.0.1:%d", w->apns.port));
  assert_non_null(strstr(before.text, "Connection refused"));
  push_down(w);
  push_up(w);
  make_due(w, results_of(w, 1, 1), 1, PUSH_ASKED);
  assert_int_equal(link_of(w).since, before.since);
  apns_start(w);
  await_number(w, LINK("up = 1 AND kind = '' AND text = ''"), 1);
  assert_true(link_of(w).since > before.since);
}

/* goal: the way is tried until it is open although nothing is due any more */
static void nothing_due(void **state) {
  struct world *w = *state;
  apns_stop(w);
  push_up(w);
  await_number(w, LINK("up = 0 AND kind = 'refused'"), 1);
  apns_start(w);
  await_number(w, LINK("up = 1"), 1);
}

/* goal: a name that is none */
static void name(void **state) {
  struct world *w = *state;
  w->conf.apns_url = "https://no-such-name.invalid";
  start(w);
  await_number(w, LINK("up = 0 AND kind = 'name' AND host = 'no-such-name.invalid:443'"), 1);
}

/* goal: somebody else's certificate: its issuer stands in the row */
static void issuer(void **state) {
  struct world *w = *state;
  tls_server_drill(w->apns.tls, TLS_REFUSE_NONE, true);
  start(w);
  await_number(w, LINK("up = 0 AND kind = 'issuer' AND issuer = '127.0.0.1'"), 1);
  tls_server_drill(w->apns.tls, TLS_REFUSE_NONE, false);
  await_number(w, LINK("up = 1 AND issuer IS NULL"), 1);
}

/* goal: an alert about the certificate, with its number; a renewed certificate starts afresh */
static void alert(void **state) {
  struct world *w = *state;
  tls_server_drill(w->apns.tls, TLS_REFUSE_REVOKED, false);
  start(w);
  await_number(w, LINK("up = 0 AND kind = 'alert' AND alert = 44"), 1);
  tls_server_drill(w->apns.tls, TLS_REFUSE_NONE, false);
  import(w, TOPIC, 301);
  await_number(w, LINK("up = 1 AND alert IS NULL AND pushcert = (SELECT max(seq) FROM pushcert)"), 1);
}

static atomic_int status_now;
static const char *_Atomic reason_now;
static void answer_now(struct world *w, struct h2_server *s, const struct h2_server_req *rq) {
  char body[80];
  (void)w;
  snprintf(body, sizeof body, "{\"reason\":\"%s\"}", atomic_load(&reason_now));
  reply(s, rq->id, atomic_load(&status_now), body);
}
static void say(int status, const char *reason) {
  atomic_store(&reason_now, reason);
  atomic_store(&status_now, status);
}

/* goal: a service that fails is told; what had been so a moment ago has not just begun; an answer ends it */
static void service(void **state) {
  struct world *w = *state;
  w->apns.answer = answer_now;
  say(503, "ServiceUnavailable");
  start(w);
  await_number(w, LINK("up = 0 AND kind = 'server'"), 1);
  int64_t since = link_of(w).since;
  await_requests(w, 2);
  await_number(w, LINK("up = 0 AND kind = 'server'"), 1);
  assert_int_equal(link_of(w).since, since);
  say(200, "");
  await_number(w, LINK("up = 1"), 1);
}

/* goal: Apple's refusal of a certificate stands until a push of the topic is taken; the way itself is open */
static void refusal(void **state) {
  struct world *w = *state;
  w->tuning.stop_first = w->tuning.stop_most = US_SECOND / 20;
  w->apns.answer = answer_now;
  say(403, "BadCertificate");
  start(w);
  await_number(w, LINK("up = 1 AND refusal = 'BadCertificate' AND refused_at > 0"), 1);
  say(200, "");
  await_number(w, LINK("up = 1 AND refusal IS NULL AND refused_at IS NULL"), 1);
}

/* goal: BadDeviceToken for half of ten devices is a refusal of the topic, which other devices' refusals do not end */
static void many_unknown(void **state) {
  struct world *w = *state;
  w->apns.answer = answer_now;
  say(400, "BadDeviceToken");
  add_devices(w, 1, 10, TOPIC);
  push_up(w);
  push_now(w, results_of(w, 1, 10), 10, PUSH_ASKED);
  await_number(w, LINK("refusal = 'BadDeviceToken'"), 1);
}

/* goal: a connection that APNs ends while nothing is asked of it is no trouble */
static void idle_end(void **state) {
  struct world *w = *state;
  add_devices(w, 1, 2, TOPIC);
  push_up(w);
  push_now(w, results_of(w, 1, 1), 1, PUSH_ASKED);
  await_number(w, LINK("up = 1"), 1);
  int64_t since = link_of(w).since;
  cut_all(w);
  struct push_health h = {.connected = true};
  for (int64_t until = clock_mono_us() + PATIENCE; h.connected && clock_mono_us() < until; usleep(1000))
    push_health(w->core.push, &h);
  assert_false(h.connected);
  push_now(w, results_of(w, 2, 1), 1, PUSH_ASKED);
  assert_int_equal(link_of(w).since, since);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(refused, world_up, world_down),
      cmocka_unit_test_setup_teardown(nothing_due, world_up, world_down),
      cmocka_unit_test_setup_teardown(name, world_up, world_down),
      cmocka_unit_test_setup_teardown(issuer, world_up, world_down),
      cmocka_unit_test_setup_teardown(alert, world_up, world_down),
      cmocka_unit_test_setup_teardown(service, world_up, world_down),
      cmocka_unit_test_setup_teardown(refusal, world_up, world_down),
      cmocka_unit_test_setup_teardown(many_unknown, world_up, world_down),
      cmocka_unit_test_setup_teardown(idle_end, world_up, world_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
