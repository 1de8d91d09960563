/* What is installed, packed for plans. */
#include "core_fixture.h"

#include "core/inventory_int.h"

static struct inventory_entry entry(const char *name, const char *version) {
  return (struct inventory_entry){
      .item = {.name = inventory_hash(slice_of(name)), .version = inventory_hash(slice_of(version))},
      .name = name,
      .version = version};
}

static int by_name(const void *a, const void *b) {
  const struct inventory_entry *x = a, *y = b;
  return (x->item.name > y->item.name) - (x->item.name < y->item.name);
}

static enum err put_lists(struct ctx *cx, struct db *db, void *arg) {
  struct inventory_entry profiles[] = {entry("b", "2"), entry("a", "1"), entry("c", "3")};
  const struct inventory_entries none = {0}, one = {.entries = profiles, .n = 1}, two = {.entries = profiles, .n = 2},
                                 three = {.entries = profiles, .n = 3};
  (void)arg;
  int64_t a, b;
  qsort(profiles, 3, sizeof *profiles, by_name);
  TRY(db_one_int(cx, db, &a, "SELECT seq FROM enrollment WHERE id = 'A'"));
  TRY(db_one_int(cx, db, &b, "SELECT seq FROM enrollment WHERE id = 'B'"));
  TRY(inventory_list_put(cx, db, b, INVENTORY_APPS, 7, inventory_pack(cx, &none)));
  TRY(inventory_list_put(cx, db, a, INVENTORY_PROFILES, 4, inventory_pack(cx, &one)));
  TRY(inventory_list_put(cx, db, a, INVENTORY_PROFILES, 5, inventory_pack(cx, &three)));
  return inventory_list_put(cx, db, b, INVENTORY_PROFILES, 6, inventory_pack(cx, &two));
}

static int64_t enrollment(const char *id) {
  int64_t n;
  must(db_one_int(fx.cx, reader(), &n, "SELECT seq FROM enrollment WHERE id = $1", DB_S(id)));
  return n;
}

static enum err damage(struct ctx *cx, struct db *db, void *arg) {
  return inventory_list_put(cx, db, *(int64_t *)arg, INVENTORY_APPS, 7, slice_of("12345"));
}

/* Goal: what was stored damaged says so, as if it had not been told; what was never told is empty, and so is an empty
   list. */
static void damaged_and_empty(void **state) {
  struct inventory_items in;
  (void)state;
  (void)enrolled("A");
  must(inventory_items(fx.cx, reader(), enrollment("A"), INVENTORY_APPS, &in));
  assert_int_equal(in.at, 0);
  assert_int_equal(in.n, 0);
  assert_false(in.damaged);
  assert_null(inventory_find(&in, inventory_hash(slice_of("a"))));
  must(in_job(damage, &(int64_t){enrollment("A")}));
  must(inventory_items(fx.cx, reader(), enrollment("A"), INVENTORY_APPS, &in));
  assert_true(in.damaged);
  assert_int_equal(in.at, 0);
  assert_int_equal(in.n, 0);
}

/* Goal: a list comes back as it was put last, and names are found in it. */
static void comes_back(void **state) {
  struct inventory_items in;
  (void)state;
  (void)enrolled("A");
  (void)enrolled("B");
  must(in_job(put_lists, NULL));
  must(inventory_items(fx.cx, reader(), enrollment("A"), INVENTORY_PROFILES, &in));
  assert_int_equal(in.at, 5);
  assert_int_equal(in.n, 3);
  for (size_t i = 1; i < in.n; i++) assert_true(in.items[i - 1].name < in.items[i].name);
  const struct inventory_item *b = inventory_find(&in, inventory_hash(slice_of("b")));
  assert_non_null(b);
  assert_true(b->version == inventory_hash(slice_of("2")));
  assert_null(inventory_find(&in, inventory_hash(slice_of("d"))));
}

/* Goal: a scan gives the lists of all channels in the order of their numbers, only of the kinds that were asked for. */
static void scans(void **state) {
  struct inventory_scan s;
  struct inventory_items in;
  (void)state;
  (void)enrolled("A");
  (void)enrolled("B");
  must(in_job(put_lists, NULL));
  must(inventory_scan_open(fx.cx, reader(), 1 << INVENTORY_PROFILES | 1 << INVENTORY_APPS, &s));
  assert_int_equal(s.enrollment, enrollment("A"));
  assert_int_equal(s.kind, INVENTORY_PROFILES);
  inventory_scan_next(&s);
  assert_int_equal(s.enrollment, enrollment("B"));
  assert_int_equal(s.at, 6);
  inventory_unpack(fx.cx, s.packed, &in);
  assert_int_equal(in.n, 2);
  inventory_scan_next(&s);
  assert_int_equal(s.kind, INVENTORY_APPS);
  assert_int_equal(s.packed.n, 0);
  inventory_scan_next(&s);
  assert_true(s.enrollment == INT64_MAX);
  must(inventory_scan_close(&s));
  must(inventory_scan_open(fx.cx, reader(), 1 << INVENTORY_MANAGED_APPS, &s));
  assert_true(s.enrollment == INT64_MAX);
  must(inventory_scan_close(&s));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(damaged_and_empty, fixture_open, fixture_close),
      cmocka_unit_test_setup_teardown(comes_back, fixture_open, fixture_close),
      cmocka_unit_test_setup_teardown(scans, fixture_open, fixture_close),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
