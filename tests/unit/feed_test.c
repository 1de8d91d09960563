/* What changes is told: events in their order, hints for what is none, nothing twice and nothing missed. */
#include "core_fixture.h"

#include "core/event.h"
#include "core/feed.h"
#include "core/feed_int.h"

#include <poll.h>

#define PATIENCE (20 * US_SECOND)

/* A listener that keeps what it was told. */
struct ear {
  pthread_mutex_t lock;
  struct buf heard;
  size_t most; /* at once */
  bool gone, barred, ended;
};

static bool hear(void *arg, struct slice bytes) {
  struct ear *e = arg;
  pthread_mutex_lock(&e->lock);
  if (!e->gone) buf_add_slice(&e->heard, bytes);
  if (e->most < bytes.n) e->most = bytes.n;
  bool gone = e->gone;
  pthread_mutex_unlock(&e->lock);
  return !gone;
}

static bool may(struct ctx *cx, struct db *db, void *arg) {
  struct ear *e = arg;
  (void)cx, (void)db;
  return !e->barred;
}

static void end(void *arg) {
  struct ear *e = arg;
  pthread_mutex_lock(&e->lock);
  e->ended = true;
  pthread_mutex_unlock(&e->lock);
}

/* They are ended when the feed is stopped, after their test. */
static struct ear ears[2 * FEED_LISTENERS];
static int ears_n;

static struct ear *join(int64_t after) {
  struct ear *e = &ears[ears_n++];
  pthread_mutex_init(&e->lock, NULL);
  int place;
  must(feed_reserve(fx.cx, fx.core.feed, ctx_printf(fx.cx, "person-%d", (ears_n - 1) / FEED_OF_ONE), &place));
  feed_join(fx.core.feed, &(struct feed_listener){hear, may, end, e, place}, after);
  return e;
}

static bool has(struct ear *e, const char *text) {
  pthread_mutex_lock(&e->lock);
  bool found = e->heard.p && strstr(e->heard.p, text);
  pthread_mutex_unlock(&e->lock);
  return found;
}

static void await(struct ear *e, const char *text) {
  for (int64_t until = clock_mono_us() + PATIENCE; !has(e, text); poll(NULL, 0, 2))
    if (clock_mono_us() > until) fail_msg("never heard \"%s\" in: %s", text, e->heard.p ? e->heard.p : "");
}

/* Both were heard. */
static bool comes_first(struct ear *e, const char *first, const char *then) {
  pthread_mutex_lock(&e->lock);
  bool is = strstr(e->heard.p, first) < strstr(e->heard.p, then);
  pthread_mutex_unlock(&e->lock);
  return is;
}

static void await_end(struct ear *e) {
  bool ended = false;
  for (int64_t until = clock_mono_us() + PATIENCE; !ended; poll(NULL, 0, 2)) {
    pthread_mutex_lock(&e->lock);
    ended = e->ended;
    pthread_mutex_unlock(&e->lock);
    if (clock_mono_us() > until) fail_msg("it was not ended");
  }
}

static void forget(struct ear *e) {
  pthread_mutex_lock(&e->lock);
  e->gone = true;
  buf_free(&e->heard);
  pthread_mutex_unlock(&e->lock);
}

static size_t most_of(struct ear *e) {
  pthread_mutex_lock(&e->lock);
  size_t most = e->most;
  pthread_mutex_unlock(&e->lock);
  return most;
}

struct events {
  const char *kind, *enrollment;
  struct js *data;
  int n;
};

static enum err add_events(struct ctx *cx, struct db *db, void *arg) {
  const struct events *e = arg;
  for (int i = 0; i < e->n; i++) TRY(event_add(cx, db, e->kind, e->enrollment, e->data));
  return OK;
}

static void happen(const char *kind, int n) {
  must(in_job(add_events, &(struct events){.kind = kind, .enrollment = "DEV:USER", .n = n}));
}

static int open_feed(void **state) {
  fixture_open(state);
  must(feed_start(fx.cx, &fx.core.feed, &fx.core));
  return 0;
}

static int close_feed(void **state) {
  feed_stop(fx.core.feed);
  fx.core.feed = NULL;
  for (int i = 0; i < ears_n; i++) buf_free(&ears[i].heard);
  memset(ears, 0, sizeof ears);
  ears_n = 0;
  return fixture_close(state);
}

/* goal: an event is told with its number, its device and the simple members of its data; lists and long texts are not
 */
static void test_told(void **state) {
  (void)state;
  struct ear *a = join(-1);
  await(a, "retry: 2000\nid: ");
  struct js *data = js_object(fx.cx), *list = js_array(fx.cx);
  js_set_string(data, "command_uuid", "U-1");
  js_set_string(data, "group", "Macs");
  js_set_int(data, "version", 3);
  js_set_string(data, "long", ctx_printf(fx.cx, "%0300d", 7));
  js_add_string(list, "inside");
  js_set(data, "changes", list);
  must(in_job(add_events, &(struct events){"group.changed", "DEV:USER", data, 1}));
  await(a, "\n\n");
  await(a,
        "event: changes\ndata: [{\"kind\":\"group.changed\",\"device\":\"DEV\",\"enrollment\":\"DEV:USER\","
        "\"command\":\"U-1\",\"group\":\"Macs\",\"data\":{\"command_uuid\":\"U-1\",\"group\":\"Macs\",\"version\":3}}");
  assert_false(has(a, "inside"));
  assert_false(has(a, "00000"));
  forget(a);
}

static enum err forget_events(struct ctx *cx, struct db *db, void *arg) {
  return db_run(cx, db, "DELETE FROM event WHERE seq <= $1", DB_I(*(const int64_t *)arg));
}

/* goal: who was away gets what it missed once, in order; who missed too much, or comes from another database, reads
   all again */
static void test_resumed(void **state) {
  (void)state;
  struct ear *a, *b, *c, *d;
  int64_t last;
  happen("one.before", 1);
  must(db_one_int(fx.cx, reader(), &last, "SELECT max(seq) FROM event"));
  happen("two.missed", 3);
  happen("three.missed", FEED_BATCH + 10);
  a = join(last);
  await(a, "three.missed");
  await(a, ctx_printf(fx.cx, "id: %lld\nevent: changes", (long long)(last + 3 + FEED_BATCH + 10)));
  assert_false(has(a, "one.before"));
  assert_false(has(a, "reset"));
  happen("four.new", 1);
  await(a, "four.new");
  happen("five.many", FEED_MISSED);
  b = join(last);
  await(b, "event: reset\ndata: {}\n\n");
  assert_false(has(b, "missed"));
  c = join(last + 1000000);
  await(c, "event: reset");
  d = join(-1);
  await(d, "id: ");
  happen("six.new", 1);
  await(d, "six.new");
  assert_false(has(d, "reset"));
  assert_false(has(d, "five"));
  forget(a), forget(b), forget(c), forget(d);
}

/* goal: what is told to all by the next batch is not told to who joins before it; what is not kept any more is missed,
   and who is cut off in the midst of what it missed does not take it for known */
static void test_resumed_in_between(void **state) {
  (void)state;
  struct slice text;
  int64_t last;
  happen("one.before", 1);
  must(db_one_int(fx.cx, reader(), &last, "SELECT max(seq) FROM event"));
  happen("two.missed", 1);
  happen("three.later", 1);
  must(feed_catch_up(fx.cx, reader(), last, last + 1, &text));
  assert_non_null(strstr(text.p, "two.missed"));
  assert_null(strstr(text.p, "three.later"));
  struct ear *a = join(last);
  await(a, "retry: ");
  await(a, "three.later");
  assert_true(comes_first(a, "three.later", "retry: "));
  must(in_job(forget_events, &last));
  must(feed_catch_up(fx.cx, reader(), last - 1, last + 2, &text));
  assert_non_null(strstr(text.p, "event: reset"));
  must(feed_catch_up(fx.cx, reader(), last, last + 2, &text));
  assert_null(strstr(text.p, "event: reset"));
  forget(a);
}

/* goal: more at once than a batch holds is not told one by one */
static void test_flood(void **state) {
  (void)state;
  struct ear *a = join(-1);
  await(a, "id: ");
  happen("a.flood", FEED_BATCH + 1);
  await(a, "event: reset");
  assert_false(has(a, "a.flood"));
  happen("b.after", 1);
  await(a, "b.after");
  forget(a);
}

/* goal: few events, but long ones, are not more than who listens has room for: it is told to read all again */
static void test_long_ones(void **state) {
  (void)state;
  struct ear *a = join(-1), *b;
  int64_t last;
  struct js *data = js_object(fx.cx);
  await(a, "id: ");
  must(db_one_int(fx.cx, reader(), &last, "SELECT coalesce(max(seq), 0) FROM event"));
  for (int i = 0; i < 5; i++) js_set_string(data, ctx_printf(fx.cx, "text%d", i), ctx_printf(fx.cx, "%0200d", i));
  must(in_job(add_events, &(struct events){"x.long", NULL, data, FEED_BATCH / 2}));
  await(a, "event: reset");
  b = join(last);
  await(b, "event: reset");
  await(b, "retry: ");
  assert_false(has(a, "x.long") || has(b, "x.long"));
  must(in_job(add_events, &(struct events){"x.short", NULL, data, 10}));
  await(a, "x.short"), await(b, "x.short");
  forget(a), forget(b);
  assert_true(most_of(a) <= FEED_TEXT_MOST && most_of(b) <= FEED_TEXT_MOST);
}

static enum err touch(struct ctx *cx, struct db *db, void *arg) {
  (void)arg;
  TRY(db_run(cx, db, "INSERT INTO device (seq, id, created_at) VALUES (9, 'DEV9', 1)"));
  TRY(db_run(cx, db, "INSERT INTO enrollment (seq, id, device, type, created_at) VALUES (9, 'DEV9', 9, 'Device', 1)"));
  TRY(db_run(cx, db, "INSERT INTO wake (enrollment) VALUES (9)"));
  TRY(db_run(cx, db,
             "INSERT INTO command (seq, uuid, request_type, digest, once, created_at, created_by, plist_sealed) VALUES "
             "(9, 'C9', 'RestartDevice', x'00', 1, 1, 'x', x'00'), (8, 'C8', 'ProfileList', x'00', 1, 1, 'x', x'00')"));
  TRY(db_run(cx, db,
             "INSERT INTO target (command, enrollment, status, updated_at, own) VALUES (9, 9, 'Queued', 1, 0), (8, 9, "
             "'Queued', 1, 1)"));
  return db_run(cx, db,
                "INSERT INTO link (token_hash, created_at, created_by, expires_at, uses_max) VALUES (x'01', 1, "
                "'x', 1, 1)");
}

static enum err fail_after(struct ctx *cx, struct db *db, void *arg) {
  TRY(touch(cx, db, arg));
  return FAIL(cx, E_CONFLICT, "undone");
}

/* goal: what is no event is told as hints: all of a device together, commands each, of others that they changed; not
   the server's own questions; what was undone tells of nothing that is not there */
static void test_hints(void **state) {
  (void)state;
  struct ear *a = join(-1);
  await(a, "id: ");
  assert_int_equal(in_job(fail_after, NULL), E_CONFLICT);
  ctx_clear_error(fx.cx);
  happen("x.now", 1);
  await(a, "x.now");
  assert_false(has(a, "DEV9"));
  must(in_job(touch, NULL));
  await(
      a,
      "{\"kind\":\"device.activity\",\"device\":\"DEV9\",\"enrollment\":\"DEV9\",\"data\":{\"what\":[\"seen\",\"push\","
      "\"device\"]}}");
  await(a, "{\"kind\":\"command.status\",\"device\":\"DEV9\",\"enrollment\":\"DEV9\",\"command\":\"C9\",\"data\":{"
           "\"status\":\"Queued\"}}");
  await(a, "{\"kind\":\"links.changed\"}");
  assert_false(has(a, "C8"));
  forget(a);
}

static enum err touch_login(struct ctx *cx, struct db *db, void *arg) {
  (void)arg;
  return db_run(cx, db, "INSERT INTO account (name, role, created_at, created_by) VALUES ('eve', 'viewer', 1, 'x')");
}

/* goal: who may not listen any more is ended as soon as accounts change; who has gone is ended when it is next told */
static void test_ends(void **state) {
  (void)state;
  struct ear *a = join(-1), *b = join(-1), *c = join(-1);
  await(a, "id: "), await(b, "id: "), await(c, "id: ");
  a->barred = true;
  must(in_job(touch_login, NULL));
  await_end(a);
  assert_false(has(c, "event: alive")); /* not only with the next heartbeat */
  forget(b);
  happen("x.now", 1);
  await_end(b);
  await(c, "x.now");
  assert_false(c->ended);
  forget(c);
  ears[ears_n].barred = true; /* since it was admitted, before anybody watched what changes */
  struct ear *d = join(-1);
  await_end(d);
  assert_int_equal(d->heard.n, 0);
}

static enum err reserve(const char *who) {
  int place;
  enum err e = feed_reserve(fx.cx, fx.core.feed, who, &place);
  ctx_clear_error(fx.cx);
  return e;
}

/* goal: there are 64 places, 8 of them for one person, and one that was left is free again */
static void test_places(void **state) {
  (void)state;
  for (int i = 0; i < FEED_LISTENERS; i++) {
    join(-1);
    if (i == FEED_OF_ONE) assert_int_equal(reserve("person-0"), E_UNAVAILABLE);
  }
  assert_int_equal(reserve("somebody"), E_UNAVAILABLE);
  for (int i = 0; i < FEED_LISTENERS; i++) await(&ears[i], "id: ");
  forget(&ears[7]);
  happen("x.now", 1);
  await_end(&ears[7]);
  enum err e = E_UNAVAILABLE;
  for (int64_t until = clock_mono_us() + PATIENCE; e != OK && clock_mono_us() < until; poll(NULL, 0, 2)) {
    e = reserve("person-0"); /* that was one of its own */
  }
  assert_int_equal(e, OK);
  assert_int_equal(reserve("person-0"), E_UNAVAILABLE);
}

int main(void) {
  const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_feed, close_feed)
      TEST(test_told),  TEST(test_resumed),   TEST(test_resumed_in_between),
      TEST(test_flood), TEST(test_long_ones), TEST(test_hints),
      TEST(test_ends),  TEST(test_places),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
