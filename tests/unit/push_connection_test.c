/* Connections to APNs: several where the peer is narrow, kept and probed, ended in order. */
#include "push_world.h"

static struct push_health health_of(struct world *w) {
  struct push_health h;
  push_health(w->core.push, &h);
  return h;
}

static void await_connected(struct world *w, bool connected) {
  int64_t until = clock_mono_us() + PATIENCE;
  while (health_of(w).connected != connected && clock_mono_us() < until) usleep(1000);
  assert_int_equal(health_of(w).connected, connected);
}

static void apns_restart(struct world *w, uint32_t max_streams) {
  apns_stop(w);
  w->apns.max_streams = max_streams;
  apns_start(w);
}

/* Goal: a peer that died without a word is noticed though nothing is pushed, and found again when it lives. */
static void idle_is_probed(void **state) {
  struct world *w = *state;
  w->tuning.idle_probe = w->tuning.ping_answer = 20000;
  push_up(w);
  await_connected(w, true);
  pthread_mutex_lock(&w->apns.lock); /* the stand-in's thread stops at its next tick */
  h2_server_wake(w->apns.server);
  await_connected(w, false);
  assert_non_null(strstr(health_of(w).trouble, "PING"));
  pthread_mutex_unlock(&w->apns.lock);
  await_connected(w, true);
}

/* Goal: an idle connection whose probes are answered is kept. */
static void idle_is_kept(void **state) {
  struct world *w = *state;
  struct push_result *r = results_of(w, 1, 2);
  add_devices(w, 1, 2, TOPIC);
  w->tuning.idle_probe = 1000;
  push_up(w);
  push_now(w, r, 1, PUSH_COMMAND);
  usleep(50000);
  push_now(w, r + 1, 1, PUSH_COMMAND);
  assert_int_equal(r[1].status, 200);
  assert_int_equal(h2_server_connections(w->apns.server), 1);
}

/* Goal: where the peer takes two requests at a time and is slow, four connections are used and no more; one is not
 * waited for while it is opened, and what they cannot take is sent when they can. */
static void narrow_peer(void **state) {
  struct world *w = *state;
  struct push_result *r = results_of(w, 1, 12);
  add_devices(w, 1, 12, TOPIC);
  apns_restart(w, 2);
  w->tuning.full_for = 1000;
  w->apns.answer = answer_held;
  push_up(w);
  make_due(w, r, 12, PUSH_COMMAND);
  await_requests(w, 8);
  usleep(50000);
  assert_int_equal(requests(w), 8);
  assert_int_equal(h2_server_connections(w->apns.server), 4);
  release(w, "");
  await_results(w, r, 12, PATIENCE);
  for (int i = 0; i < 12; i++) assert_int_equal(r[i].status, 200);
  assert_int_equal(requests(w), 12);
}

/* Goal: the connections that a narrow peer calls for count among those of a minute, and do not keep pushes from the one
 * that is there. */
static void narrow_is_capped(void **state) {
  struct world *w = *state;
  struct push_result *r = results_of(w, 1, 12);
  add_devices(w, 1, 12, TOPIC);
  apns_restart(w, 2);
  w->tuning.full_for = 1000;
  w->tuning.connections_a_minute = 2;
  w->apns.answer = answer_held;
  push_up(w);
  make_due(w, r, 12, PUSH_COMMAND);
  await_requests(w, 4);
  usleep(50000);
  assert_int_equal(h2_server_connections(w->apns.server), 2);
  release(w, "");
  await_results(w, r, 12, PATIENCE);
  for (int i = 0; i < 12; i++) assert_int_equal(r[i].status, 200);
  assert_int_equal(h2_server_connections(w->apns.server), 2);
}

/* Holds eight, then cuts the second connection and answers what is held and what comes. */
static void cut_at_eighth(struct world *w, struct h2_server *s, const struct h2_server_req *rq) {
  answer_held(w, s, rq);
  pthread_mutex_lock(&w->apns.lock);
  if (!w->apns.release && w->apns.held_n == 8) {
    w->apns.release = "";
    h2_server_drop(s, 2);
  }
  pthread_mutex_unlock(&w->apns.lock);
}

/* Goal: when one of several connections is cut the others go on, and its pushes are sent by them. */
static void one_of_several_is_cut(void **state) {
  struct world *w = *state;
  struct push_result *r = results_of(w, 1, 8);
  add_devices(w, 1, 8, TOPIC);
  apns_restart(w, 2);
  w->tuning.full_for = 1000;
  w->tuning.backoff_first = w->tuning.backoff_most = US_HOUR; /* whoever waited would wait for ever */
  w->apns.answer = cut_at_eighth;
  push_up(w);
  make_due(w, r, 8, PUSH_COMMAND);
  await_results(w, r, 8, PATIENCE);
  for (int i = 0; i < 8; i++) assert_int_equal(r[i].status, 200);
  assert_true(requests(w) > 8);
}

static void silent_for_one_topic(struct world *w, struct h2_server *s, const struct h2_server_req *rq) {
  (void)w;
  if (strcmp(rq->header(rq, "apns-topic"), OTHER) == 0) reply(s, rq->id, 200, "");
}

/* Goal: a topic whose pushes are never answered, with as many due as a connection takes and more, keeps none of another
 * topic waiting. */
static void one_topic_hangs(void **state) {
  struct world *w = *state;
  struct push_result *r = results_of(w, 1, 1500), *o = results_of(w, 2001, 300);
  import(w, OTHER, 300);
  add_devices(w, 1, 1500, TOPIC);
  add_devices(w, 2001, 300, OTHER);
  w->apns.answer = silent_for_one_topic;
  push_up(w);
  make_due(w, r, 1500, PUSH_ASKED); /* someone even waits for them */
  await_requests(w, 1000);
  push_now(w, o, 300, PUSH_COMMAND);
  for (int i = 0; i < 300; i++) assert_int_equal(o[i].status, 200);
  assert_int_equal(number(w, "SELECT count(*) FROM wake WHERE status = 200"), 300);
}

#define T(f) cmocka_unit_test_setup_teardown(f, world_up, world_down)

int main(void) {
  const struct CMUnitTest tests[] = {T(idle_is_probed),   T(idle_is_kept),          T(narrow_peer),
                                     T(narrow_is_capped), T(one_of_several_is_cut), T(one_topic_hangs)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
