/* Requests that are done once: what is remembered of them, and for how long. */
#include "core/idempotency.h"
#include "core_fixture.h"

static struct idempotency_request request(const char *key, uint8_t digest) {
  struct idempotency_request rq = {.key = key, .who = "admin"};
  memset(rq.digest, digest, sizeof rq.digest);
  return rq;
}

struct asked {
  struct idempotency_request rq;
  bool first;
  struct idempotency_answer answer;
};

static enum err begin(struct ctx *cx, struct db *db, void *arg) {
  struct asked *a = arg;
  return idempotency_begin(cx, db, &fx.core, &a->rq, &a->first, &a->answer);
}

static enum err end(struct ctx *cx, struct db *db, void *arg) {
  struct asked *a = arg;
  return idempotency_end(cx, db, &fx.core, &a->rq, &a->answer);
}

static void done(const char *key, int status, const char *body) {
  struct asked a = {.rq = request(key, 1)};
  must(in_job(begin, &a));
  assert_true(a.first);
  a.answer = (struct idempotency_answer){.status = status, .type = "application/json", .body = slice_of(body)};
  must(in_job(end, &a));
}

/* The same again gets the first answer; another request with its key, or one that is being done, gets none. */
static void test_same_again(void **state) {
  (void)state;
  struct asked a = {.rq = request("k", 1)}, other = {.rq = request("k", 2)}, stranger = {.rq = request("k", 1)};
  stranger.rq.who = "somebody";
  must(in_job(begin, &a));
  assert_true(a.first);
  assert_int_equal(in_job(begin, &a), E_CONFLICT);
  a.answer = (struct idempotency_answer){.status = 201, .type = NULL, .body = slice_of("{}")};
  must(in_job(end, &a));
  a.answer = (struct idempotency_answer){0};
  must(in_job(begin, &a));
  assert_false(a.first);
  assert_int_equal(a.answer.status, 201);
  assert_null(a.answer.type);
  assert_true(slice_is(a.answer.body, "{}"));
  assert_int_equal(in_job(begin, &other), E_KEY_REUSED);
  must(in_job(begin, &stranger));
  assert_true(stranger.first);
}

/* Of a body that holds a PIN there are a million: its bare digest would tell which. */
static void test_hidden_digest(void **state) {
  (void)state;
  int64_t n;
  struct idempotency_request rq = request("k", 1);
  done("k", 200, "{}");
  must(db_one_int(fx.cx, reader(), &n, "SELECT count(*) FROM idempotency WHERE digest = $1",
                  DB_B(slice_mem(rq.digest, sizeof rq.digest))));
  assert_int_equal(n, 0);
}

/* A failure of ours may be asked again; what the client did wrong stays wrong. */
static void test_failures(void **state) {
  (void)state;
  struct asked ours = {.rq = request("ours", 1)}, theirs = {.rq = request("theirs", 1)};
  done("ours", 503, "{}");
  done("theirs", 400, "{\"error\":1}");
  must(in_job(begin, &ours));
  assert_true(ours.first);
  must(in_job(begin, &theirs));
  assert_false(theirs.first);
  assert_int_equal(theirs.answer.status, 400);
}

/* Goal: a failure of ours that could not be written down may be asked again, once at a time; what is still being done
   may not. */
static void test_failures_that_stayed(void **state) {
  (void)state;
  struct asked failed = {.rq = request("failed", 1)}, working = {.rq = request("working", 1)};
  fx.core.unforgotten = unforgotten_new();
  must(in_job(begin, &failed));
  must(in_job(begin, &working));
  idempotency_not_forgotten(fx.cx, &fx.core, &failed.rq);
  assert_int_equal(in_job(begin, &working), E_CONFLICT);
  must(in_job(begin, &failed));
  assert_true(failed.first);
  assert_int_equal(in_job(begin, &failed), E_CONFLICT);
  failed.answer = (struct idempotency_answer){.status = 204};
  must(in_job(end, &failed));
  idempotency_not_forgotten(fx.cx, &fx.core, &failed.rq);
  must(in_job(begin, &failed)); /* it has an answer */
  assert_false(failed.first);
  unforgotten_free(fx.core.unforgotten);
  fx.core.unforgotten = NULL;
}

/* An answer that is too large to be kept is not made up: who asks again is told to look. */
static void test_large(void **state) {
  (void)state;
  char *text = ctx_alloc(fx.cx, IDEMPOTENCY_BODY_MAX + 2);
  memset(text, 'x', IDEMPOTENCY_BODY_MAX + 1);
  done("large", 200, text);
  struct asked a = {.rq = request("large", 1)};
  assert_int_equal(in_job(begin, &a), E_CONFLICT);
}

/* Goal: what is recorded each time that it is shown is not shown again by itself: it is not even kept. */
static void test_revealing(void **state) {
  (void)state;
  struct asked a = {.rq = request("k", 1)};
  must(in_job(begin, &a));
  a.answer = (struct idempotency_answer){.status = 200, .type = "text/plain", .body = slice_of("x"), .reveals = true};
  must(in_job(end, &a));
  assert_int_equal(in_job(begin, &a), E_CONFLICT);
  assert_non_null(strstr(ctx_error_text(fx.cx), "not kept"));
  int64_t n;
  must(db_one_int(fx.cx, reader(), &n, "SELECT count(*) FROM idempotency WHERE body_sealed IS NOT NULL"));
  assert_int_equal(n, 0);
}

/* After a day a key is new, and the chore forgets it. */
static void test_a_day_later(void **state) {
  (void)state;
  int64_t n;
  struct asked a = {.rq = request("old", 2)};
  done("old", 200, "{}");
  done("older", 200, "{}");
  clock_shift(US_DAY + US_MINUTE);
  must(in_job(begin, &a));
  assert_true(a.first);
  must(idempotency_chore(fx.cx, &fx.core));
  must(db_one_int(fx.cx, reader(), &n, "SELECT count(*) FROM idempotency"));
  assert_int_equal(n, 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_same_again, fixture_open, fixture_close),
      cmocka_unit_test_setup_teardown(test_hidden_digest, fixture_open, fixture_close),
      cmocka_unit_test_setup_teardown(test_failures, fixture_open, fixture_close),
      cmocka_unit_test_setup_teardown(test_failures_that_stayed, fixture_open, fixture_close),
      cmocka_unit_test_setup_teardown(test_revealing, fixture_open, fixture_close),
      cmocka_unit_test_setup_teardown(test_large, fixture_open, fixture_close),
      cmocka_unit_test_setup_teardown(test_a_day_later, fixture_open, fixture_close),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
