/* The push thread against a stand-in for APNs: what is sent, and that nothing that is due is lost. */
#include "push_world.h"

/* ---- nothing is lost ---- */

static void goaway_at_300(struct world *w, struct h2_server *s, const struct h2_server_req *rq) {
  if (requests(w) == 300) h2_server_goaway(s, rq->connection, "{\"reason\":\"Shutdown\"}");
  reply(s, rq->id, 200, "");
}

static void cut_at_300(struct world *w, struct h2_server *s, const struct h2_server_req *rq) {
  if (requests(w) == 300)
    h2_server_drop(s, rq->connection);
  else
    reply(s, rq->id, 200, "");
}

static void thousand_arrive(struct world *w, size_t n) {
  struct push_result *r = results_of(w, 1, n);
  add_devices(w, 1, (int64_t)n, TOPIC);
  push_up(w);
  push_now(w, r, n, PUSH_COMMAND);
  for (size_t i = 0; i < n; i++) {
    assert_int_equal(r[i].status, 200);
    assert_true(pushes_to(w, r[i].enrollment) >= 1);
  }
  assert_int_equal(number(w, "SELECT count(*) FROM wake WHERE status = 200 AND answered_at IS NOT NULL"), n);
}

/* Goal: a GOAWAY in the middle of a thousand pushes loses none. */
static void goaway_loses_none(void **state) {
  struct world *w = *state;
  w->apns.answer = goaway_at_300;
  thousand_arrive(w, 1000);
  assert_true(h2_server_connections(w->apns.server) >= 2);
}

/* Goal: a connection that is cut in the middle of a thousand pushes loses none. */
static void cut_loses_none(void **state) {
  struct world *w = *state;
  w->apns.answer = cut_at_300;
  thousand_arrive(w, 1000);
  assert_true(h2_server_connections(w->apns.server) >= 2);
}

/* Goal: ten thousand due rows are all sent, each once, while only some are in memory. */
static void ten_thousand(void **state) {
  struct world *w = *state;
  thousand_arrive(w, 10000);
  assert_int_equal(requests(w), 10000);
}

/* Goal: while APNs cannot be reached pushes stay due and the trouble is known; when it comes back they go. */
static void unreachable_first(void **state) {
  struct world *w = *state;
  struct push_result *r = results_of(w, 1, 20);
  struct push_health h;
  add_devices(w, 1, 20, TOPIC);
  apns_stop(w);
  push_up(w);
  make_due(w, r, 20, PUSH_COMMAND);
  await_results(w, r, 20, 100000);
  push_health(w->core.push, &h);
  assert_false(h.connected);
  assert_non_null(strstr(h.trouble, "cannot be reached"));
  assert_int_equal(h.due, 20);
  for (int i = 0; i < 20; i++) assert_int_equal(r[i].status, 0);
  apns_start(w);
  await_results(w, r, 20, PATIENCE);
  for (int i = 0; i < 20; i++) assert_int_equal(r[i].status, 200);
  push_health(w->core.push, &h);
  assert_true(h.connected);
  assert_string_equal(h.trouble, "");
  assert_int_equal(h.due, 0);
  assert_int_equal(h.sent, 20);
}

/* Goal: what was sent but not answered when the server ends is sent again, with the same id, when it starts. */
static void restart_sends_again(void **state) {
  struct world *w = *state;
  struct push_result *r = results_of(w, 1, 1);
  add_devices(w, 1, 1, TOPIC);
  w->apns.answer = answer_held;
  push_up(w);
  make_due(w, r, 1, PUSH_COMMAND);
  await_requests(w, 1);
  push_quiesce(w->core.push);
  push_down(w);
  assert_int_equal(number(w, "SELECT count(*) FROM wake WHERE due_at IS NOT NULL AND answered_at IS NULL"), 1);
  apns_stop(w);
  w->apns.answer = answer_fine;
  apns_start(w);
  push_up(w);
  await_results(w, r, 1, PATIENCE);
  assert_int_equal(r[0].status, 200);
  assert_string_equal(w->apns.last[7], r[0].apns_id);
  assert_int_equal(pushes_to(w, 1), 2);
}

/* Goal: rows that are due when the server starts are sent without anyone's hint. */
static void due_before_start(void **state) {
  struct world *w = *state;
  struct push_result *r = results_of(w, 1, 5);
  add_devices(w, 1, 5, TOPIC);
  make_due(w, r, 5, PUSH_COMMAND);
  push_up(w);
  await_requests(w, 5);
  await_results(w, r, 5, PATIENCE);
  for (int i = 0; i < 5; i++) assert_int_equal(r[i].status, 200);
}

/* Goal: new connections are counted beyond a restart, and too many in a minute have to wait. */
static void connections_are_capped(void **state) {
  struct world *w = *state;
  struct push_result *r = results_of(w, 1, 1);
  add_devices(w, 1, 1, TOPIC);
  w->tuning.connections_a_minute = 2;
  for (int i = 0; i < 4; i++) {
    push_up(w);
    if (i < 2) push_now(w, r, 1, PUSH_ASKED);
    make_due(w, r, 1, PUSH_ASKED);
    await_results(w, r, 1, i < 2 ? PATIENCE : 50000);
    assert_int_equal(r[0].status, i < 2 ? 200 : 0);
    r[0].status = 0;
    push_down(w);
  }
  assert_int_equal(h2_server_connections(w->apns.server), 2);
}

/* The first push to the first device is never answered, all others are. */
static void forget_first(struct world *w, struct h2_server *s, const struct h2_server_req *rq) {
  static const char path[] = "/3/device/30303030303030303030303030303031";
  pthread_mutex_lock(&w->apns.lock);
  bool forget = strcmp(rq->path, path) == 0 && (uintptr_t)map_get(w->apns.by_path, slice_of(path)) == 1;
  pthread_mutex_unlock(&w->apns.lock);
  if (!forget) reply(s, rq->id, 200, "");
}

/* Goal: a push that is never answered, while others are, is sent again. */
static void one_without_answer(void **state) {
  struct world *w = *state;
  struct push_result *first = results_of(w, 1, 1);
  int64_t until = clock_mono_us() + PATIENCE;
  w->tuning.answer_lost = 200000;
  w->tuning.rescan = 20000;
  w->apns.answer = forget_first;
  add_devices(w, 1, 2000, TOPIC);
  push_up(w);
  make_due(w, first, 1, PUSH_COMMAND);
  await_requests(w, 1);
  for (int64_t i = 2; pushes_to(w, 1) < 2 && i <= 2000 && clock_mono_us() < until; i++)
    push_now(w, results_of(w, i, 1), 1, PUSH_COMMAND);
  await_results(w, first, 1, PATIENCE);
  assert_int_equal(first[0].status, 200);
  assert_true(pushes_to(w, 1) >= 2);
}

static enum err missed_fn(struct world *w, struct ctx *cx, struct db *db, void *arg) {
  int64_t now = clock_now_us();
  (void)arg;
  return push_seen(cx, db, &w->core, 1, now, now + US_SECOND);
}

/* Goal: a wake-up that is due soon after a poll is sent then, not when the push thread next looks at all rows. */
static void soon_after_a_poll(void **state) {
  struct world *w = *state;
  struct push_result *r = results_of(w, 1, 1);
  w->tuning.rescan = US_HOUR;
  add_devices(w, 1, 1, TOPIC);
  push_up(w);
  push_now(w, r, 1, PUSH_COMMAND);
  in_job(w, missed_fn, NULL);
  await_requests(w, 2);
}

/* ---- what is sent ---- */

/* Goal: a push carries the five headers, the token in its path and the PushMagic, escaped, in its body. */
static void request_is_complete(void **state) {
  struct world *w = *state;
  struct push_result *r = results_of(w, 7, 1);
  int64_t until;
  add_devices(w, 7, 1, TOPIC);
  run_sql(w, "UPDATE enrollment SET push_magic = $1", DB_S("a\"b\\c"), DB_END);
  push_up(w);
  push_now(w, r, 1, PUSH_ASKED);
  assert_int_equal(r[0].status, 200);
  assert_string_equal(r[0].reason, "");
  assert_string_equal(w->apns.last[0], "POST");
  assert_string_equal(w->apns.last[1], path_of(w, 7));
  assert_string_equal(w->apns.last[2], "{\"mdm\":\"a\\\"b\\\\c\"}");
  assert_string_equal(w->apns.last[3], TOPIC);
  assert_string_equal(w->apns.last[4], "mdm");
  assert_string_equal(w->apns.last[5], "10");
  assert_true(slice_to_i64(slice_of(w->apns.last[6]), &until));
  int64_t days = until - clock_now_us() / US_SECOND;
  assert_true(days > 7 * 86400 - 120 && days <= 7 * 86400);
  assert_string_equal(w->apns.last[7], r[0].apns_id);
  assert_true(uuid_valid(slice_of(r[0].apns_id)));
  assert_int_equal(w->apns.last_headers, 5);
}

/* Goal: who waits for pushes that were answered before is told at once; who waits for what never comes, in time. */
static void waiting(void **state) {
  struct world *w = *state;
  struct push_result *r = results_of(w, 1, 2);
  add_devices(w, 1, 2, TOPIC);
  push_up(w);
  await_results(w, r, 0, 0);
  push_now(w, r, 1, PUSH_ASKED);
  r[0].status = 0;
  await_results(w, r, 1, PATIENCE);
  assert_int_equal(r[0].status, 200);
  snprintf(r[1].apns_id, sizeof r[1].apns_id, "%s", "no such push");
  await_results(w, r, 2, 1000);
  assert_int_equal(r[0].status, 200);
  assert_int_equal(r[1].status, 0);
}

/* Goal: several who wait for the same push are all told. */
static void waiting_together(void **state) {
  struct world *w = *state;
  struct push_result *r = results_of(w, 1, 1), copy;
  struct latch l = {.lock = PTHREAD_MUTEX_INITIALIZER};
  add_devices(w, 1, 1, TOPIC);
  w->apns.answer = answer_held;
  push_up(w);
  make_due(w, r, 1, PUSH_ASKED);
  await_requests(w, 1);
  copy = r[0];
  cond_init(&l.changed);
  push_wait(w->core.push, &copy, 1, clock_mono_us() + PATIENCE, latch_open, &l);
  release(w, "");
  await_results(w, r, 1, PATIENCE);
  pthread_mutex_lock(&l.lock);
  while (!l.open) pthread_cond_wait(&l.changed, &l.lock);
  pthread_mutex_unlock(&l.lock);
  assert_int_equal(copy.status, 200);
  assert_int_equal(r[0].status, 200);
}

/* Goal: wake-rate holds over all topics and ways in: what arrives in a span is never more than the rate allows. */
static void rate_is_kept(void **state) {
  struct world *w = *state;
  struct push_result *r = results_of(w, 1, 40);
  import(w, OTHER, 300);
  add_devices(w, 1, 20, TOPIC);
  add_devices(w, 21, 20, OTHER);
  w->conf.wake_rate = 50;
  int64_t began = clock_mono_us();
  push_up(w);
  make_due(w, r, 20, PUSH_COMMAND);
  push_now(w, r + 20, 20, PUSH_ASKED);
  await_results(w, r, 20, PATIENCE);
  int64_t took = clock_mono_us() - began;
  assert_int_equal(requests(w), 40);
  int64_t allowed = 50 * took / US_SECOND + 50 / 10 + 1;
  assert_true(40 <= allowed);
}

/* Goal: a push that a person asks for does not wait behind a fleet that goes at the pace. */
static void asked_amid_many(void **state) {
  struct world *w = *state;
  struct push_result *r = results_of(w, 1, 2001);
  add_devices(w, 1, 2001, TOPIC);
  w->conf.wake_rate = 500;
  make_due(w, r, 2000, PUSH_COMMAND);
  push_up(w);
  await_requests(w, 260); /* more are in memory now than are read at a time */
  push_now(w, r + 2000, 1, PUSH_ASKED);
  assert_int_equal(r[2000].status, 200);
  assert_true(requests(w) < 1500);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(unreachable_first, world_up, world_down),
      cmocka_unit_test_setup_teardown(goaway_loses_none, world_up, world_down),
      cmocka_unit_test_setup_teardown(cut_loses_none, world_up, world_down),
      cmocka_unit_test_setup_teardown(restart_sends_again, world_up, world_down),
      cmocka_unit_test_setup_teardown(due_before_start, world_up, world_down),
      cmocka_unit_test_setup_teardown(connections_are_capped, world_up, world_down),
      cmocka_unit_test_setup_teardown(one_without_answer, world_up, world_down),
      cmocka_unit_test_setup_teardown(soon_after_a_poll, world_up, world_down),
      cmocka_unit_test_setup_teardown(request_is_complete, world_up, world_down),
      cmocka_unit_test_setup_teardown(waiting, world_up, world_down),
      cmocka_unit_test_setup_teardown(waiting_together, world_up, world_down),
      cmocka_unit_test_setup_teardown(rate_is_kept, world_up, world_down),
      cmocka_unit_test_setup_teardown(asked_amid_many, world_up, world_down),
      cmocka_unit_test_setup_teardown(ten_thousand, world_up, world_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
