/* What is kept of requests that were refused: bounded, whatever comes; and what operators are shown of it. */
#include "core_fixture.h"

#include "core/refused.h"

enum { PAGE = 100 };

static struct refused *ledger;

static int open_ledger(void **state) {
  fixture_open(state);
  must(refused_start(fx.cx, &ledger, &fx.core));
  return 0;
}

static int close_ledger(void **state) {
  refused_stop(ledger);
  return fixture_close(state);
}

static const uint8_t *hash_of(int n) {
  uint8_t *hash = ctx_alloc(fx.cx, 32);
  memcpy(hash, &n, sizeof n);
  hash[31] = 1;
  return hash;
}

static void knock(const char *id, const uint8_t *hash, const char *reason) {
  struct refused_claim c = {.id = id, .hash = hash, .reason = reason, .message_type = "Report", .address = "192.0.2.9"};
  if (hash) c.cert = slice_of("certificate");
  refused_note(ledger, &c);
}

static void write_now(void) { must(refused_flush(fx.cx, ledger)); }

static struct refused_row *rows(const char *id, size_t *n) {
  struct refused_row *out;
  must(refused_list(fx.cx, reader(), id, 0, PAGE, &out, n));
  return out;
}

static enum err forget_job(struct ctx *cx, struct db *db, void *arg) { return refused_forget(cx, db, arg); }

static enum err fill_job(struct ctx *cx, struct db *db, void *arg) {
  const int64_t *span = arg;
  return db_run(cx, db,
                "WITH RECURSIVE n (i) AS (SELECT $1 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $2) "
                "INSERT INTO refused (id, hash, reason, message_type, address, first_at, last_at, count) "
                "SELECT 'U-' || i, CASE WHEN $3 = 1 THEN zeroblob(32) ELSE x'' END, 'unknown', 'Report', '', i + 1, "
                "i + 1, 1 FROM n",
                DB_I(span[0]), DB_I(span[1]), DB_I(span[2]));
}

/* Rows as if they had come long ago. */
static void fill(int64_t from, int64_t to, bool proved) {
  int64_t span[] = {from, to, proved};
  must(in_job(fill_job, span));
}

/* Without a ledger nothing is kept, and an id or a word that no device has does no harm. */
static void test_nothing_to_keep(void **state) {
  (void)state;
  size_t n;
  struct refused_claim c = {.id = "U-1", .reason = "unknown", .message_type = "Report", .address = ""};
  char *longest = ctx_alloc(fx.cx, 4096);
  memset(longest, 'x', 4095);
  refused_note(NULL, &c);
  c.id = NULL;
  refused_note(ledger, &c);
  c.id = longest;
  refused_note(ledger, &c);
  c = (struct refused_claim){.id = "U-2", .reason = "unknown", .serial_number = longest, .address = longest};
  refused_note(ledger, &c);
  write_now();
  struct refused_row *r = rows(NULL, &n);
  assert_int_equal(n, 1);
  assert_string_equal(r->id, "U-2");
  assert_null(r->serial_number);
  assert_string_equal(r->address, "");
}

/* A flood of invented ids fills neither memory nor disk: what came without a proof is at most 1,000 rows, and pushes
   out nothing that came with one. */
static void test_flood_without_proof(void **state) {
  (void)state;
  size_t n;
  knock("U-known", hash_of(1), "unknown");
  for (int i = 0; i < 3000; i++) {
    knock(ctx_printf(fx.cx, "flood-%d", i), NULL, "no-proof");
    if (i % 200 == 199) write_now();
  }
  write_now();
  assert_int_equal(count("SELECT count(*) FROM refused WHERE length(hash) = 0"), 1000);
  assert_int_equal(count("SELECT count(*) FROM refused WHERE id = 'flood-2999'"), 1);
  assert_int_equal(count("SELECT count(*) FROM refused WHERE id = 'flood-0'"), 0);
  (void)rows("U-known", &n);
  assert_int_equal(n, 1);
}

/* Between two writes only so much gathers, of what needs no certificate still less. */
static void test_flood_between_writes(void **state) {
  (void)state;
  for (int i = 0; i < 500; i++) knock(ctx_printf(fx.cx, "flood-%d", i), NULL, "no-proof");
  for (int i = 0; i < 5000; i++) knock(ctx_printf(fx.cx, "U-%d", i), hash_of(i), "unknown");
  write_now();
  int64_t unproved = count("SELECT count(*) FROM refused WHERE length(hash) = 0");
  assert_true(unproved >= 250 && unproved <= 500); /* the ledger's own thread may have written in between */
  assert_true(count("SELECT count(*) FROM refused") >= 1750);
}

/* 10,000 ids and no more: first goes what came without a proof, then what is oldest. */
static void test_ten_thousand_ids(void **state) {
  (void)state;
  fill(0, 500, false);
  fill(500, 10000, true);
  for (int i = 0; i < 300; i++) knock(ctx_printf(fx.cx, "new-%d", i), hash_of(i), "unknown");
  write_now();
  assert_int_equal(count("SELECT count(DISTINCT id) FROM refused"), 10000);
  assert_int_equal(count("SELECT count(*) FROM refused WHERE length(hash) = 0"), 200);
  for (int i = 300; i < 700; i++) knock(ctx_printf(fx.cx, "new-%d", i), hash_of(i), "unknown");
  write_now();
  assert_int_equal(count("SELECT count(DISTINCT id) FROM refused"), 10000);
  assert_int_equal(count("SELECT count(*) FROM refused WHERE length(hash) = 0"), 0);
  assert_int_equal(count("SELECT count(*) FROM refused WHERE id = 'U-699'"), 0);
  assert_int_equal(count("SELECT count(*) FROM refused WHERE id = 'U-700'"), 1);
  assert_int_equal(count("SELECT count(*) FROM refused WHERE id LIKE 'new-%'"), 700);
}

static enum err script_job(struct ctx *cx, struct db *db, void *arg) { return db_run(cx, db, arg); }

/* What cannot be written is kept, with what comes meanwhile, and told when it can. */
static void test_storage_in_trouble(void **state) {
  (void)state;
  static char broken[] =
      "CREATE TEMP TRIGGER broken BEFORE INSERT ON main.refused BEGIN SELECT RAISE(FAIL, 'full'); END";
  static char mended[] = "DROP TRIGGER temp.broken";
  size_t n;
  must(in_job(script_job, broken));
  knock("U-1", hash_of(1), "storage");
  knock("U-2", NULL, "no-proof");
  assert_int_not_equal(refused_flush(fx.cx, ledger), OK);
  knock("U-1", hash_of(1), "storage");
  assert_int_not_equal(refused_flush(fx.cx, ledger), OK);
  knock("U-1", hash_of(1), "unknown");
  must(in_job(script_job, mended));
  write_now();
  struct refused_row *r = rows("U-1", &n);
  assert_int_equal(n, 1);
  assert_int_equal(r->count, 3);
  assert_string_equal(r->reason, "unknown");
  assert_true(r->first_at < r->last_at);
  (void)rows("U-2", &n);
  assert_int_equal(n, 1);
}

/* Of one id the four certificates that came last are kept. */
static void test_four_certificates(void **state) {
  (void)state;
  size_t n;
  for (int i = 0; i < 7; i++) knock("U-1", hash_of(i), "unbound"), write_now();
  knock("U-1", NULL, "no-proof");
  write_now();
  struct refused_row *r = rows("U-1", &n);
  assert_int_equal(n, 5);
  assert_null(r[0].hash.p);
  assert_memory_equal(r[1].hash.p, hash_of(6), 32);
  assert_memory_equal(r[4].hash.p, hash_of(3), 32);
}

/* Counts add up, the newest word stands, what was known and is not said again stays; the list is newest first, by
   pages, and says which ids are known here. */
static void test_list(void **state) {
  (void)state;
  size_t n;
  struct refused_row *r, *next;
  (void)enrolled("U-2");
  struct refused_claim c = {.id = "U-1",
                            .hash = hash_of(1),
                            .reason = "unknown",
                            .message_type = "Authenticate",
                            .serial_number = "S1",
                            .address = "192.0.2.1"};
  refused_note(ledger, &c);
  write_now();
  knock("U-1", hash_of(1), "unbound");
  knock("U-1", hash_of(1), "unbound");
  knock("U-2", hash_of(2), "superseded");
  write_now();
  r = rows(NULL, &n);
  assert_int_equal(n, 2);
  assert_string_equal(r[0].id, "U-2");
  assert_true(r[0].known);
  assert_string_equal(r[1].reason, "unbound");
  assert_string_equal(r[1].message_type, "Report");
  assert_string_equal(r[1].serial_number, "S1");
  assert_string_equal(r[1].address, "192.0.2.9");
  assert_int_equal(r[1].count, 3);
  assert_true(r[1].first_at < r[1].last_at && !r[1].known);
  assert_true(slice_is(r[1].cert, "certificate"));
  must(refused_list(fx.cx, reader(), NULL, r[0].last_at, 1, &next, &n));
  assert_int_equal(n, 1);
  assert_int_equal(next->seq, r[1].seq);
  must(in_job(forget_job, "U-1"));
  (void)rows("U-1", &n);
  assert_int_equal(n, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_nothing_to_keep, open_ledger, close_ledger),
      cmocka_unit_test_setup_teardown(test_flood_without_proof, open_ledger, close_ledger),
      cmocka_unit_test_setup_teardown(test_flood_between_writes, open_ledger, close_ledger),
      cmocka_unit_test_setup_teardown(test_ten_thousand_ids, open_ledger, close_ledger),
      cmocka_unit_test_setup_teardown(test_storage_in_trouble, open_ledger, close_ledger),
      cmocka_unit_test_setup_teardown(test_four_certificates, open_ledger, close_ledger),
      cmocka_unit_test_setup_teardown(test_list, open_ledger, close_ledger),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
