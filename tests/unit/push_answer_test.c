/* The push thread and what APNs answers: whose fault it is, and what becomes of the token, the topic and the push. */
#include "push_world.h"

static int64_t state_is(struct world *w, int64_t enrollment, const char *state) {
  struct push_state s;
  struct db *db;
  assert_int_equal(db_reader(w->cx, w->core.store, &db), OK);
  assert_int_equal(push_state(w->cx, db, enrollment, &s), OK);
  assert_string_equal(s.state, state);
  return s.due_at;
}

static int64_t number_of(const struct h2_server_req *rq) {
  char token[17] = "";
  int64_t n = 0;
  const char *hex = strrchr(rq->path, '/') + 1;
  if (!dec_hex(slice_of(hex), token, 16)) return -1;
  for (const char *p = token; *p; p++) n = n * 10 + (*p - '0');
  return n;
}

static int64_t unregistered_ms; /* what APNs says in its 410 */
static void answer_unregistered(struct world *w, struct h2_server *s, const struct h2_server_req *rq) {
  char body[96];
  (void)w;
  snprintf(body, sizeof body, "{\"reason\":\"Unregistered\",\"timestamp\":%lld}", (long long)unregistered_ms);
  reply(s, rq->id, 410, body);
}

/* ---- tokens ---- */

/* Goal: a 410 older than the token's TokenUpdate, or than the last sign of the device, kills nothing. */
static void old_gone_is_ignored(void **state) {
  struct world *w = *state;
  struct push_result *r = results_of(w, 1, 2);
  add_devices(w, 1, 2, TOPIC);
  int64_t now = clock_now_us();
  unregistered_ms = now / 1000 - 3600000;
  run_sql(w, "UPDATE enrollment SET token_at = $1 WHERE seq = 1", DB_I(now - US_MINUTE), DB_END);
  run_sql(w, "UPDATE enrollment SET last_seen = $1 WHERE seq = 2", DB_I(now - US_MINUTE), DB_END);
  w->apns.answer = answer_unregistered;
  push_up(w);
  push_now(w, r, 2, PUSH_ASKED);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(r[i].status, 410);
    assert_string_equal(r[i].reason, "Unregistered");
    int64_t due = state_is(w, i + 1, "failing");
    assert_true(due > now && due < now + US_HOUR); /* by the usual schedule */
  }
  assert_int_equal(number(w, "SELECT count(*) FROM wake WHERE dead_at IS NOT NULL"), 0);
}

/* Goal: a 410 that is newer than both marks the token dead, with an event, and it is tried once a week. */
static void new_gone_is_dead(void **state) {
  struct world *w = *state;
  struct push_result *r = results_of(w, 1, 1);
  add_devices(w, 1, 1, TOPIC);
  int64_t now = clock_now_us();
  unregistered_ms = now / 1000 - 1000;
  run_sql(w, "UPDATE enrollment SET token_at = $1, last_seen = $1", DB_I(now - US_MINUTE), DB_END);
  w->apns.answer = answer_unregistered;
  push_up(w);
  push_now(w, r, 1, PUSH_COMMAND);
  assert_int_equal(r[0].status, 410);
  assert_true(state_is(w, 1, "failing") > now + 6 * US_DAY);
  assert_int_equal(number(w, "SELECT count(*) FROM wake WHERE dead_at IS NOT NULL"), 1);
  assert_int_equal(number(w, "SELECT count(*) FROM event WHERE kind = 'push.token-refused' AND enrollment = 'D1'"), 1);
  const char *reason = make_due(w, r, 1, PUSH_COMMAND);
  assert_non_null(strstr(reason, "once a week"));
  assert_int_equal(requests(w), 1);
}

/* A TokenUpdate with the token 999. */
static enum err forget_fn(struct world *w, struct ctx *cx, struct db *db, void *arg) {
  int64_t enrollment = *(int64_t *)arg;
  (void)w;
  TRY(db_run(cx, db, "UPDATE enrollment SET token = $1, token_at = 2 WHERE seq = $2",
             DB_B(slice_of("0000000000000999")), DB_I(enrollment)));
  return push_forget(cx, db, enrollment, true);
}

static void bad_below_900(struct world *w, struct h2_server *s, const struct h2_server_req *rq) {
  if (number_of(rq) >= 900)
    reply(s, rq->id, 200, "");
  else if (number_of(rq) == 1)
    answer_held(w, s, rq);
  else
    reply(s, rq->id, 400, "{\"reason\":\"BadDeviceToken\"}");
}

/* Goal: an answer to a token that the channel no longer has changes nothing: the push goes to the new one. */
static void answer_to_old_token(void **state) {
  struct world *w = *state;
  struct push_result *r = results_of(w, 1, 1);
  add_devices(w, 1, 1, TOPIC);
  w->apns.answer = bad_below_900;
  push_up(w);
  make_due(w, r, 1, PUSH_COMMAND);
  await_requests(w, 1);
  in_job(w, forget_fn, &(int64_t){1});
  release(w, "{\"reason\":\"Unregistered\",\"timestamp\":99999999999999}");
  await_requests(w, 2);
  await_results(w, r, 1, PATIENCE);
  assert_int_equal(r[0].status, 200);
  assert_int_equal(pushes_to(w, 999), 1);
  assert_int_equal(number(w, "SELECT count(*) FROM wake WHERE dead_at IS NOT NULL OR failed_since IS NOT NULL"), 0);
}

/* Goal: BadDeviceToken of one device stops pushes to it until its next TokenUpdate, and to no other. */
static void bad_token(void **state) {
  struct world *w = *state;
  struct push_result *r = results_of(w, 2, 1), *other = results_of(w, 950, 1);
  add_devices(w, 2, 1, TOPIC);
  add_devices(w, 950, 1, TOPIC);
  w->apns.answer = bad_below_900;
  push_up(w);
  push_now(w, r, 1, PUSH_COMMAND);
  assert_int_equal(r[0].status, 400);
  assert_string_equal(r[0].reason, "BadDeviceToken");
  state_is(w, 2, "failing");
  push_now(w, other, 1, PUSH_COMMAND);
  assert_int_equal(other[0].status, 200);
  in_job(w, forget_fn, &(int64_t){2});
  push_now(w, r, 1, PUSH_COMMAND);
  assert_int_equal(r[0].status, 200);
  assert_int_equal(pushes_to(w, 999), 1);
  state_is(w, 2, "pending");
}

/* ---- topics ---- */

static void answer_wrong_topic(struct world *w, struct h2_server *s, const struct h2_server_req *rq) {
  (void)w;
  bool fine = number_of(rq) > 100;
  reply(s, rq->id, fine ? 200 : 400, fine ? "" : "{\"reason\":\"DeviceTokenNotForTopic\"}");
}

/* Goal: refusals of half of the devices stop the topic with one alarm; no token is dead of them, all stay due, others
 * go on. */
static void refused_by_many(void **state) {
  struct world *w = *state;
  struct push_result *r = results_of(w, 1, 27), *fine = results_of(w, 101, 5);
  struct push_stop_note note;
  struct db *db;
  import(w, OTHER, 270);
  add_devices(w, 1, 27, TOPIC);
  add_devices(w, 101, 5, OTHER);
  w->apns.answer = answer_wrong_topic;
  push_up(w);
  push_now(w, r, 27, PUSH_COMMAND);
  push_now(w, fine, 5, PUSH_COMMAND);
  for (int i = 0; i < 5; i++) assert_int_equal(fine[i].status, 200);
  push_down(w); /* and with it what it had to write */
  assert_int_equal(number(w, "SELECT count(*) FROM event WHERE kind = 'push.stopped'"), 1);
  assert_int_equal(number(w, "SELECT count(*) FROM wake WHERE dead_at IS NOT NULL"), 0);
  assert_int_equal(number(w, "SELECT count(*) FROM wake WHERE enrollment <= 27 AND due_at IS NOT NULL"), 27);
  assert_int_equal(db_reader(w->cx, w->core.store, &db), OK);
  assert_int_equal(push_stop_read(w->cx, db, TOPIC, &note), OK);
  assert_true(note.until > clock_now_us() + 50 * US_MINUTE);
  state_is(w, 1, "stopped");
  int64_t sent = requests(w);
  push_up(w); /* the stop outlives a restart */
  make_due(w, r, 27, PUSH_ASKED);
  run_sql(w, "UPDATE wake SET due_at = 1 WHERE enrollment = $1", DB_I(101), DB_END);
  make_due(w, fine, 1, PUSH_ASKED);
  await_requests(w, sent + 1);
  push_down(w);
  assert_int_equal(requests(w), sent + 1);
}

/* Goal: after a stop a new certificate lets everything go that is due. */
static void renewal_ends_stop(void **state) {
  struct world *w = *state;
  struct push_result *r = results_of(w, 1, 20);
  add_devices(w, 1, 20, TOPIC);
  w->apns.answer = answer_wrong_topic;
  push_up(w);
  push_now(w, r, 20, PUSH_COMMAND);
  push_down(w);
  state_is(w, 1, "stopped");
  w->apns.answer = answer_fine;
  push_up(w);
  import(w, TOPIC, 200);
  await_number(w, "SELECT count(*) FROM wake WHERE status = 200", 20);
}

/* Goal: a stop is of the way it was met on: with another apns-url, put right while the server runs or before it
 * starts, everything goes. */
static void way_mended(void **state) {
  struct world *w = *state;
  struct core_conf mended[2];
  add_devices(w, 1, 20, TOPIC);
  w->apns.answer = answer_wrong_topic;
  push_up(w);
  push_now(w, results_of(w, 1, 20), 20, PUSH_COMMAND);
  await_number(w, "SELECT count(*) FROM event WHERE kind = 'push.stopped'", 1);
  for (int i = 0; i < 2; i++) {
    state_is(w, 1, "stopped");
    if (i == 1) push_down(w);
    apns_stop(w);
    w->apns.port = 0;
    w->apns.answer = i == 0 ? answer_wrong_topic : answer_fine;
    apns_start(w);
    mended[i] = w->conf;
    mended[i].apns_url = ctx_printf(w->cx, "https://127.0.0.1:%d", w->apns.port);
    atomic_store(&w->core.conf, &mended[i]);
    int64_t before = requests(w);
    if (i == 1)
      push_up(w);
    else
      push_reload(w->core.push);
    await_requests(w, before + 20);
    if (i == 0) await_number(w, "SELECT count(*) FROM event WHERE kind = 'push.stopped'", 2);
  }
  await_number(w, "SELECT count(*) FROM wake WHERE status = 200", 20);
  state_is(w, 1, "pending");
}

/* Goal: a certificate that was renewed while no push thread ran tries dead tokens again, too. */
static void renewed_while_down(void **state) {
  struct world *w = *state;
  struct push_result *r = results_of(w, 1, 2);
  add_devices(w, 1, 2, TOPIC);
  push_up(w);
  push_now(w, r, 1, PUSH_ASKED);
  await_number(w, "SELECT count(*) FROM apns_link", 1);
  push_now(w, r + 1, 1, PUSH_ASKED);
  push_down(w);
  run_sql(w, "UPDATE wake SET dead_at = 1, status = 410, due_at = $1 WHERE enrollment = 1",
          DB_I(clock_now_us() + 6 * US_DAY), DB_END);
  push_up(w);
  push_down(w);
  assert_int_equal(pushes_to(w, 1), 1); /* the certificate is the same */
  import(w, TOPIC, 200);
  push_up(w);
  await_number(w, "SELECT count(*) FROM wake WHERE enrollment = 1 AND status = 200 AND dead_at IS NULL", 1);
}

/* Goal: dead tokens are tried again with a new certificate of their topic, and only of theirs. */
static void renewal_revives(void **state) {
  struct world *w = *state;
  add_devices(w, 1, 1, TOPIC);
  add_devices(w, 2, 1, OTHER);
  push_up(w);
  await_number(w, "SELECT count(*) FROM apns_link WHERE up = 1", 1);
  run_sql(
      w,
      "INSERT INTO wake (enrollment, due_at, apns_id, why, dead_at) SELECT seq, $1, 'x', 'command', 1 FROM enrollment",
      DB_I(clock_now_us() + 6 * US_DAY), DB_END);
  import(w, TOPIC, 200);
  await_number(w, "SELECT count(*) FROM wake WHERE status = 200 AND dead_at IS NULL", 1);
  assert_int_equal(pushes_to(w, 1), 1);
  assert_int_equal(pushes_to(w, 2), 0);
}

static void answer_forbidden(struct world *w, struct h2_server *s, const struct h2_server_req *rq) {
  (void)w;
  bool fine = strcmp(rq->header(rq, "apns-topic"), OTHER) == 0;
  reply(s, rq->id, fine ? 200 : 403, fine ? "" : "{\"reason\":\"BadCertificate\"}");
}

/* Goal: APNs refuses the certificate of one topic: it stops, its rows stay due, the other topic's pushes go on. */
static void certificate_refused(void **state) {
  struct world *w = *state;
  struct push_result *r = results_of(w, 1, 3), *fine = results_of(w, 101, 50);
  import(w, OTHER, 300);
  add_devices(w, 1, 3, TOPIC);
  add_devices(w, 101, 50, OTHER);
  w->apns.answer = answer_forbidden;
  push_up(w);
  make_due(w, r, 3, PUSH_COMMAND);
  push_now(w, fine, 50, PUSH_COMMAND);
  for (int i = 0; i < 50; i++) assert_int_equal(fine[i].status, 200);
  await_number(w, "SELECT count(*) FROM event WHERE kind = 'push.stopped'", 1);
  push_down(w);
  assert_int_equal(
      number(w, "SELECT count(*) FROM wake WHERE enrollment <= 3 AND due_at IS NOT NULL AND dead_at IS NULL"), 3);
  state_is(w, 2, "stopped");
  state_is(w, 102, "pending");
}

/* Goal: the same when the handshake is refused, and it is tried again after a while. */
static void handshake_refused(void **state) {
  struct world *w = *state;
  struct push_result *r = results_of(w, 1, 1);
  add_devices(w, 1, 1, TOPIC);
  w->tuning.stop_first = 20000;
  w->tuning.stop_most = 40000;
  tls_server_drill(w->apns.tls, TLS_REFUSE_REVOKED, false);
  push_up(w);
  make_due(w, r, 1, PUSH_COMMAND);
  await_number(w, "SELECT count(*) FROM event WHERE kind = 'push.stopped' AND data LIKE '%revoked%'", 1);
  tls_server_drill(w->apns.tls, TLS_REFUSE_NONE, false);
  await_results(w, r, 1, PATIENCE);
  assert_int_equal(r[0].status, 200);
}

/* Goal: without a certificate, or with an expired one, rows stay due with a reason; an import sends them. */
static void certificate_missing(void **state) {
  struct world *w = *state;
  struct push_result *r = results_of(w, 1, 1), *o = results_of(w, 2, 1);
  add_devices(w, 1, 1, TOPIC);
  add_devices(w, 2, 1, OTHER);
  run_sql(w, "UPDATE pushcert SET not_after = $1", DB_I(clock_now_us() - US_MINUTE), DB_END);
  push_up(w);
  assert_non_null(strstr(make_due(w, r, 1, PUSH_ASKED), "expired on"));
  assert_non_null(strstr(make_due(w, o, 1, PUSH_ASKED), "no push certificate for the topic " OTHER));
  state_is(w, 1, "stopped");
  state_is(w, 2, "stopped");
  await_results(w, r, 1, 20000);
  assert_int_equal(r[0].status, 0);
  assert_int_equal(h2_server_connections(w->apns.server), 0);
  import(w, OTHER, 100);
  import(w, TOPIC, 200);
  await_results(w, o, 1, PATIENCE);
  await_results(w, r, 1, PATIENCE);
  assert_int_equal(o[0].status, 200);
  assert_int_equal(r[0].status, 200);
}

/* Goal: a certificate that was withdrawn and is gone back to sends what became due meanwhile. */
static void withdrawn_and_back(void **state) {
  struct world *w = *state;
  struct push_result *r = results_of(w, 1, 2);
  add_devices(w, 1, 2, TOPIC);
  push_up(w);
  push_now(w, r, 1, PUSH_ASKED);
  run_sql(w, "UPDATE pushcert SET superseded_at = 1", DB_END, DB_END);
  push_reload(w->core.push);
  assert_non_null(strstr(make_due(w, r + 1, 1, PUSH_ASKED), "no push certificate"));
  await_results(w, r + 1, 1, 20000);
  assert_int_equal(r[1].status, 0);
  run_sql(w, "UPDATE pushcert SET superseded_at = NULL", DB_END, DB_END);
  push_reload(w->core.push);
  await_results(w, r + 1, 1, PATIENCE);
  assert_int_equal(r[1].status, 200);
}

/* ---- Apple's trouble ---- */

static void busy_at_first(struct world *w, struct h2_server *s, const struct h2_server_req *rq) {
  if (requests(w) == 1)
    reply(s, rq->id, 503, "{\"reason\":\"ServiceUnavailable\"}");
  else
    reply(s, rq->id, 200, "");
}

/* Goal: 503 is no end: the push goes again, with the same id, on a new connection. */
static void unavailable_first(void **state) {
  struct world *w = *state;
  struct push_result *r = results_of(w, 1, 1);
  add_devices(w, 1, 1, TOPIC);
  w->apns.answer = busy_at_first;
  push_up(w);
  make_due(w, r, 1, PUSH_COMMAND);
  await_number(w,
               "SELECT count(*) FROM wake WHERE status = 503 AND reason = 'ServiceUnavailable' AND due_at IS NOT NULL"
               " AND answered_at IS NULL AND failed_since > 0",
               1);
  make_due(w, r, 1, PUSH_ASKED);
  await_results(w, r, 1, PATIENCE);
  assert_int_equal(r[0].status, 200);
  assert_string_equal(w->apns.last[7], r[0].apns_id);
  assert_int_equal(number(w, "SELECT count(*) FROM wake WHERE failed_since IS NULL AND attempts = 1"), 1);
  assert_true(h2_server_connections(w->apns.server) >= 2);
}

static void refuse_stream(struct world *w, struct h2_server *s, const struct h2_server_req *rq) {
  (void)w;
  reply(s, rq->id, 400, requests(w) == 1 ? "{\"reason\":\"IdleTimeout\"}" : "{\"reason\":");
}

/* Goal: IdleTimeout sends again at once; an answer that makes no sense counts by its status and keeps the row due. */
static void odd_answers(void **state) {
  struct world *w = *state;
  struct push_result *r = results_of(w, 1, 1);
  add_devices(w, 1, 1, TOPIC);
  w->apns.answer = refuse_stream;
  push_up(w);
  make_due(w, r, 1, PUSH_COMMAND);
  await_requests(w, 2);
  push_down(w);
  assert_int_equal(number(w,
                          "SELECT count(*) FROM wake WHERE status = 400 AND due_at IS NOT NULL AND answered_at IS NULL"
                          " AND dead_at IS NULL"),
                   1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(old_gone_is_ignored, world_up, world_down),
      cmocka_unit_test_setup_teardown(answer_to_old_token, world_up, world_down),
      cmocka_unit_test_setup_teardown(refused_by_many, world_up, world_down),
      cmocka_unit_test_setup_teardown(renewal_ends_stop, world_up, world_down),
      cmocka_unit_test_setup_teardown(renewal_revives, world_up, world_down),
      cmocka_unit_test_setup_teardown(certificate_refused, world_up, world_down),
      cmocka_unit_test_setup_teardown(handshake_refused, world_up, world_down),
      cmocka_unit_test_setup_teardown(certificate_missing, world_up, world_down),
      cmocka_unit_test_setup_teardown(withdrawn_and_back, world_up, world_down),
      cmocka_unit_test_setup_teardown(way_mended, world_up, world_down),
      cmocka_unit_test_setup_teardown(renewed_while_down, world_up, world_down),
      cmocka_unit_test_setup_teardown(unavailable_first, world_up, world_down),
      cmocka_unit_test_setup_teardown(odd_answers, world_up, world_down),
      cmocka_unit_test_setup_teardown(new_gone_is_dead, world_up, world_down),
      cmocka_unit_test_setup_teardown(bad_token, world_up, world_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
