#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/db.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct ctx *cx;
static struct db_store *store;

static int open_memory(void **state) {
  (void)state;
  cx = ctx_new();
  return db_store_open(cx, &store, ":memory:") == OK ? 0 : -1;
}

static int close_all(void **state) {
  (void)state;
  db_store_close(store);
  ctx_free(cx);
  return 0;
}

static enum err put(struct ctx *own, struct db *db, const char *name, const char *value) {
  return db_run(own, db, "INSERT INTO fact (name, value) VALUES ($1, $2)", DB_S(name), DB_S(value));
}

static int64_t facts(void) {
  struct db *db;
  int64_t n = -1;
  assert_int_equal(db_reader(cx, store, &db), OK);
  assert_int_equal(db_one_int(cx, db, &n, "SELECT count(*) FROM fact"), OK);
  return n;
}

/* What a failed job wrote is undone; its neighbours in the same transaction stand; its error text reaches its owner. */
static enum err half_then_fail(struct ctx *own, struct db *db, void *arg) {
  (void)arg;
  TRY(put(own, db, "half", "written"));
  return FAIL(own, E_CONFLICT, "on purpose");
}
static enum err put_job(struct ctx *own, struct db *db, void *arg) { return put(own, db, arg, "x"); }

static void test_failed_job_leaves_nothing(void **state) {
  (void)state;
  char name[] = "good", again[] = "good";
  assert_int_equal(db_call(cx, store, half_then_fail, NULL), E_CONFLICT);
  assert_string_equal(ctx_error_text(cx), "on purpose");
  ctx_clear_error(cx);
  assert_int_equal(db_call(cx, store, put_job, name), OK);
  assert_int_equal(db_call(cx, store, put_job, again), E_CONFLICT); /* a constraint */
  ctx_clear_error(cx);
  assert_int_equal(facts(), 1);
}

/* Mistakes in our own text are told, not survived. */
static void test_wrong_statements(void **state) {
  (void)state;
  struct db *db;
  int64_t n;
  assert_int_equal(db_reader(cx, store, &db), OK);
  assert_int_equal(db_one_int(cx, db, &n, "SELECT nonsense"), E_INTERNAL);
  ctx_clear_error(cx);
  assert_int_equal(db_one_int(cx, db, &n, "SELECT $1 + 1", DB_I(1), DB_I(2)), E_INTERNAL);
  ctx_clear_error(cx);
  assert_int_equal(db_one_int(cx, db, &n, "SELECT 1 WHERE 0"), E_NOT_FOUND);
  ctx_clear_error(cx);
  struct db_rows a, b;
  static const char sql[] = "SELECT 1";
  assert_int_equal(db_open_rows(cx, db, &a, sql), OK);
  assert_int_equal(db_open_rows(cx, db, &b, sql), E_INTERNAL);
  assert_int_equal(db_close(&a), OK);
  ctx_clear_error(cx);
  assert_int_equal(db_run(cx, db, "INSERT INTO fact (name, value) VALUES ('reader', 'x')"), E_STORAGE);
}

/* A placeholder may stand anywhere and more than once: numbers count, not the order of appearance. */
static void test_placeholders(void **state) {
  (void)state;
  struct db *db;
  int64_t n;
  assert_int_equal(db_reader(cx, store, &db), OK);
  assert_int_equal(db_one_int(cx, db, &n, "SELECT $2 * 100 + $1 * 10 + $2", DB_I(3), DB_I(7)), OK);
  assert_int_equal(n, 737);
}

/* Text, blobs and NULL come back as they went in. */
static void test_values(void **state) {
  (void)state;
  struct db *db;
  struct db_rows r;
  assert_int_equal(db_reader(cx, store, &db), OK);
  assert_int_equal(db_open_rows(cx, db, &r, "SELECT $1, $2, $3, $4, $5", DB_S("text"), DB_B(slice_mem("a\0b", 3)),
                                DB_S(NULL), DB_B(slice_mem("", 0)), DB_I(INT64_MIN)),
                   OK);
  assert_true(db_next(&r));
  assert_string_equal(db_text(&r, 0), "text");
  assert_true(slice_eq(db_blob(&r, 1), slice_mem("a\0b", 3)));
  assert_true(db_is_null(&r, 2));
  assert_null(db_text(&r, 2));
  assert_false(db_is_null(&r, 3));
  assert_true(db_int(&r, 4) == INT64_MIN);
  assert_false(db_next(&r));
  assert_int_equal(db_close(&r), OK);
}

/* What should happen after the commit happens then, in order, and not at all for a job that failed. */
static int after_order[4], after_n;
static void note_after(void *arg) { after_order[after_n++] = (int)(intptr_t)arg; }

static enum err with_after(struct ctx *own, struct db *db, void *arg) {
  (void)own;
  db_after_commit(db, note_after, (void *)(intptr_t)1);
  db_after_commit(db, note_after, (void *)(intptr_t)2);
  return arg ? FAIL(own, E_INVALID, "fail") : OK;
}

static void test_after_commit(void **state) {
  (void)state;
  int fail = 1;
  after_n = 0;
  assert_int_equal(db_call(cx, store, with_after, &fail), E_INVALID);
  assert_int_equal(after_n, 0);
  ctx_clear_error(cx);
  assert_int_equal(db_call(cx, store, with_after, NULL), OK);
  assert_int_equal(after_n, 2);
  assert_int_equal(after_order[0], 1);
  assert_int_equal(after_order[1], 2);
}

/* Many jobs at once: each is answered once, all are there, also those posted last before the store closes. */
enum { MANY = 2000 };
struct counted {
  struct db_job job;
  char name[16];
};
static _Atomic int answered;

static void count_done(struct db_job *job, enum err e) {
  assert_int_equal(e, OK);
  ctx_free(job->cx);
  free(job);
  atomic_fetch_add(&answered, 1);
}

static void test_many_jobs_and_reopen(void **state) {
  (void)state;
  char dir[] = "/tmp/pomona-db-XXXXXX", path[64];
  assert_non_null(mkdtemp(dir));
  snprintf(path, sizeof path, "%s/db", dir);
  cx = ctx_new();
  assert_int_equal(db_store_open(cx, &store, path), OK);
  for (int i = 0; i < MANY; i++) {
    struct counted *c = mem_alloc(sizeof *c);
    snprintf(c->name, sizeof c->name, "n%d", i);
    c->job = (struct db_job){.cx = ctx_new(), .fn = put_job, .done = count_done, .arg = c->name};
    db_post(store, &c->job);
  }
  db_store_close(store);
  assert_int_equal(answered, MANY);
  assert_int_equal(db_store_open(cx, &store, path), OK);
  assert_int_equal(facts(), MANY);
  assert_int_equal(db_health(cx, store), OK);
  db_store_close(store);
  char *command = ctx_printf(cx, "rm -r %s", dir);
  assert_int_equal(system(command), 0);
  ctx_free(cx);
}

/* Jobs that go on from one to the next, as a request with many devices does, have all ended when it has settled. */
struct chain {
  struct db_job job;
  _Atomic int left;
};

static void go_on(struct db_job *job, enum err e) {
  struct chain *c = (struct chain *)job;
  usleep(1000); /* the next one comes when nothing else is queued any more */
  assert_int_equal(e, OK);
  if (atomic_fetch_sub(&c->left, 1) > 1) db_post(store, &c->job);
}

static enum err do_nothing(struct ctx *own, struct db *db, void *arg) {
  (void)own, (void)db, (void)arg;
  return OK;
}

static void test_settling_waits_for_jobs_that_jobs_post(void **state) {
  (void)state;
  struct chain c = {.job = {.cx = cx, .fn = do_nothing, .done = go_on}, .left = 20};
  db_settle(store); /* nothing is there */
  db_post(store, &c.job);
  db_settle(store);
  assert_int_equal(atomic_load(&c.left), 0);
}

/* A database of a newer program is left alone; a file that is no database is told. */
static enum err pretend_newer(struct ctx *own, struct db *db, void *arg) {
  (void)arg;
  return db_run(own, db, "INSERT INTO schema_history (number, name, applied_at) VALUES (9999, 'future', 0)");
}

static void test_newer_or_broken_file(void **state) {
  (void)state;
  char dir[] = "/tmp/pomona-db-XXXXXX", path[64], junk[64];
  assert_non_null(mkdtemp(dir));
  snprintf(path, sizeof path, "%s/db", dir);
  snprintf(junk, sizeof junk, "%s/junk", dir);
  cx = ctx_new();
  assert_int_equal(db_store_open(cx, &store, path), OK);
  assert_int_equal(db_call(cx, store, pretend_newer, NULL), OK);
  db_store_close(store);
  assert_int_equal(db_store_open(cx, &store, path), E_CONFLICT);
  ctx_clear_error(cx);
  FILE *f = fopen(junk, "w");
  for (int i = 0; i < 1000; i++) fputs("this is not a database. ", f);
  fclose(f);
  assert_int_equal(db_store_open(cx, &store, junk), E_STORAGE);
  ctx_clear_error(cx);
  assert_int_equal(db_store_open(cx, &store, "/nonexistent/folder/db"), E_STORAGE);
  assert_int_equal(unlink(junk), 0);
  assert_int_equal(unlink(path), 0);
  char *command = ctx_printf(cx, "rm -rf %s", dir);
  assert_int_equal(system(command), 0);
  ctx_free(cx);
}

#define T(f) cmocka_unit_test_setup_teardown(f, open_memory, close_all)
int main(void) {
  const struct CMUnitTest tests[] = {
      T(test_failed_job_leaves_nothing),
      T(test_wrong_statements),
      T(test_placeholders),
      T(test_values),
      T(test_after_commit),
      T(test_settling_waits_for_jobs_that_jobs_post),
      cmocka_unit_test(test_many_jobs_and_reopen),
      cmocka_unit_test(test_newer_or_broken_file),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
