/* Goal: the roster shows what the database holds, at once after each change; pages hang together while devices come, go
   and change; a serial number names one device. */
#include "core_fixture.h"

#include "core/roster_int.h"

/* ---- devices ---- */

static struct enroll_proof enrolled_as(const char *udid, const char *serial, const char *name) {
  struct enroll_proof p = new_identity(udid);
  enum enroll_refusal refusal;
  struct pl *m = message("Authenticate", udid);
  if (serial) pl_set_string(m, "SerialNumber", serial);
  pl_set_string(m, "DeviceName", name);
  pl_set_string(m, "ProductName", "Mac16,10");
  pl_set_string(m, "OSVersion", "15.1");
  must(check_in_with(p, m, &refusal));
  assert_int_equal(token_update(p, udid, "token"), ENROLL_FINE);
  return p;
}

struct change {
  const char *sql, *id, *value;
};

static enum err change_job(struct ctx *cx, struct db *db, void *arg) {
  const struct change *c = arg;
  int64_t device;
  TRY(db_one_int(cx, db, &device, "SELECT seq FROM device WHERE id = $1", DB_S(c->id)));
  if (c->value && c->sql[0] == 'n')
    TRY(db_run(cx, db, "UPDATE device SET device_name = $2 WHERE seq = $1", DB_I(device), DB_S(c->value)));
  if (c->value && c->sql[0] == 'f')
    TRY(db_run(
        cx, db,
        "INSERT INTO inventory (device, facts, taken_at) VALUES ($1, $2, 1000000) ON CONFLICT (device) DO UPDATE "
        "SET facts = $2",
        DB_I(device), DB_S(c->value)));
  if (!c->value) TRY(db_run(cx, db, "UPDATE device SET device_name = NULL WHERE seq = $1", DB_I(device)));
  roster_changed(db, &fx.core, device);
  return strcmp(c->id, "FAILS") == 0 ? FAIL(cx, E_INVALID, "it fails") : OK;
}

static void rename_to(const char *id, const char *name) { must(in_job(change_job, &(struct change){"n", id, name})); }
static void tell_facts(const char *id, const char *facts) {
  must(in_job(change_job, &(struct change){"f", id, facts}));
}

/* ---- asking ---- */

static char *ids_of(struct roster_page *page) {
  struct buf b = {0};
  for (size_t i = 0; i < page->n; i++) buf_printf(&b, "%s%s", i ? " " : "", roster_text(page->devices[i], ROSTER_ID));
  char *text = ctx_strdup(fx.cx, b.n ? b.p : "");
  buf_free(&b);
  return text;
}

static struct roster_page page_of(const char *filter, enum roster_field sort, bool descending, const char *cursor,
                                  size_t most) {
  struct roster_filter *f;
  struct roster_page page;
  must(roster_filter(fx.cx, &f, slice_of(filter)));
  struct roster_query q = {.filter = f, .sort = sort, .descending = descending, .cursor = cursor, .most = most};
  must(roster_list(fx.cx, reader(), &fx.core, &q, &page));
  return page;
}

static char *listed(const char *filter) {
  struct roster_page page = page_of(filter, ROSTER_ID, false, NULL, 100);
  assert_int_equal(page.total, page.n);
  assert_null(page.next);
  return ids_of(&page);
}

/* ---- tests ---- */

/* Goal: each thing that happens to a device shows in the next list. */
static void test_changes(void **state) {
  (void)state;
  assert_string_equal(listed(""), "");
  struct enroll_proof a = enrolled_as("A", "S-A", "Anna");
  (void)enrolled_as("B", "S-B", "Bert");
  assert_string_equal(listed(""), "A B");
  assert_string_equal(listed("state=enrolled platform=macos os=15 type=device"), "A B");
  assert_string_equal(listed("bert"), "B");
  rename_to("B", "Clara");
  assert_string_equal(listed("bert"), "");
  assert_string_equal(listed("clara"), "B");
  assert_int_equal(check_out(a, "A"), ENROLL_FINE);
  assert_string_equal(listed("state=checked-out"), "A");
  assert_string_equal(listed("not state=enrolled"), "A");
  assert_string_equal(listed("inventory=unknown"), "A B");
}

/* Goal: facts of answers by their types; what does not fit its field is not known. */
static void test_facts(void **state) {
  (void)state;
  (void)enrolled_as("A", "S-A", "Anna");
  tell_facts("A", "{\"filevault\": true, \"supervised\": false, \"capacity\": 494.3841, \"hostname\": \"anna.local\", "
                  "\"secure-boot\": \"full\", \"firewall\": \"yes\", \"battery\": \"much\", \"free-space\": 1e300, "
                  "\"wifi-mac\": 5, \"user\": \"not hers\", \"id\": \"other\", \"nonsense\": [1, 2]}");
  assert_string_equal(listed("filevault supervised=off capacity=494.384 hostname=anna.local secure-boot=full"), "A");
  assert_string_equal(listed("firewall=unknown battery=unknown free-space=unknown wifi-mac=\"\" user=\"\" id=A"), "A");
  assert_string_equal(listed("not inventory=unknown"), "A");
  tell_facts("A", "{\"filevault\": tr");
  assert_string_equal(listed("filevault=unknown anna"), "A");
  const struct roster_device *d;
  must(roster_one(fx.cx, reader(), &fx.core, 1, &d));
  assert_string_equal(js_str(roster_json(fx.cx, d), "serial"), "S-A");
  assert_int_equal(roster_one(fx.cx, reader(), &fx.core, 99, &d), E_NOT_FOUND);
}

/* Goal: a job that fails changes nothing, and costs nothing but a look. */
static void test_failed_job(void **state) {
  (void)state;
  (void)enrolled_as("FAILS", NULL, "Before");
  assert_string_equal(listed("before"), "FAILS");
  assert_int_equal(in_job(change_job, &(struct change){"n", "FAILS", "After"}), E_INVALID);
  ctx_clear_error(fx.cx);
  (void)enrolled_as("B", NULL, "Other");
  assert_string_equal(listed(""), "B FAILS");
  assert_string_equal(listed("before"), "FAILS");
}

/* Goal: what somebody looks at stays as it is, whatever changes meanwhile; also when looks overlap. */
static void test_views(void **state) {
  (void)state;
  struct roster_view first, second, third;
  (void)enrolled_as("A", NULL, "One");
  (void)enrolled_as("B", NULL, "Two");
  must(roster_look(fx.cx, reader(), &fx.core, &first));
  rename_to("A", "Three");
  must(roster_look(fx.cx, reader(), &fx.core, &second));
  (void)enrolled_as("C", NULL, "Four");
  must(roster_look(fx.cx, reader(), &fx.core, &third));
  assert_int_equal(first.n, 2);
  assert_string_equal(roster_text(first.devices[0], ROSTER_NAME), "One");
  assert_ptr_equal(first.devices[1], second.devices[1]);
  assert_string_equal(roster_text(second.devices[0], ROSTER_NAME), "Three");
  roster_unlook(&fx.core, &second);
  assert_string_equal(roster_text(first.devices[0], ROSTER_NAME), "One");
  roster_unlook(&fx.core, &first);
  assert_int_equal(third.n, 3);
  assert_string_equal(roster_text(third.devices[0], ROSTER_NAME), "Three");
  roster_unlook(&fx.core, &third);
}

static enum err many_job(struct ctx *cx, struct db *db, void *arg) {
  (void)arg;
  TRY(db_run(cx, db,
             "INSERT INTO device (id, created_at) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
             "WHERE i < 2000) SELECT 'MANY-' || i, 1 FROM n"));
  return db_run(cx, db,
                "INSERT INTO enrollment (id, device, type, enabled, created_at) SELECT id, seq, 'Device', 1, 1 FROM "
                "device WHERE id LIKE 'MANY-%'");
}

/* Goal: who waits for the first reading does not hold up a server that stops; one that was read is shown to the last.
 */
static void test_stopping(void **state) {
  (void)state;
  struct roster_view view;
  must(in_job(many_job, NULL));
  (void)enrolled_as("A", NULL, "One");
  atomic_store(&fx.core.ending, true);
  assert_int_equal(roster_look(fx.cx, reader(), &fx.core, &view), E_UNAVAILABLE);
  ctx_clear_error(fx.cx);
  atomic_store(&fx.core.ending, false);
  assert_string_equal(listed("one"), "A");
  rename_to("A", "Two");
  atomic_store(&fx.core.ending, true);
  assert_string_equal(listed("two"), "A");
}

/* Goal: rows that are open on the reader show it the past: nothing is taken from there for new. */
static void test_past(void **state) {
  (void)state;
  struct db_rows r;
  struct roster_view view;
  struct db *db = reader();
  (void)enrolled_as("A", NULL, "One");
  assert_string_equal(listed(""), "A");
  must(db_open_rows(fx.cx, db, &r, "SELECT seq FROM schema_history, device"));
  assert_true(db_next(&r));
  bool past = db_sees_past(db);
  must(roster_look(fx.cx, db, &fx.core, &view));
  roster_unlook(&fx.core, &view);
  must(db_close(&r));
  assert_true(past);
  rename_to("A", "Two");
  assert_string_equal(listed("two"), "A");
}

/* Goal: a poll shows at once, and a user's is not the device's. */
static void test_seen(void **state) {
  (void)state;
  (void)enrolled_as("A", NULL, "One");
  assert_string_equal(listed("last-seen>1h"), "");
  clock_shift(2 * US_HOUR);
  assert_string_equal(listed("last-seen>1h"), "A");
  assert_false(roster_seen(&fx.core, 1, 99, clock_now_us()));
  assert_string_equal(listed("last-seen>1h"), "A");
  assert_false(roster_seen(&fx.core, 1, 1, clock_now_us()));
  assert_string_equal(listed("last-seen<1h"), "A");
  rename_to("A", "Two"); /* the row is read again; the poll is not written yet */
  assert_string_equal(listed("last-seen<1h two"), "A");
}

/* Goal: in each order, who does not know the field comes last, and ties are told in the order of their rows. */
static void test_orders(void **state) {
  (void)state;
  static const char *const names[] = {"delta", "Alpha", NULL, "alpha", "Charlie"};
  for (int i = 0; i < 5; i++) (void)enrolled_as(ctx_printf(fx.cx, "%d", i + 1), NULL, names[i] ? names[i] : "x");
  must(in_job(change_job, &(struct change){"n", "3", NULL}));
  tell_facts("1", "{\"capacity\": 5}");
  tell_facts("3", "{\"capacity\": 64}");
  tell_facts("5", "{\"capacity\": 128}");
  struct roster_page page = page_of("", ROSTER_NAME, false, NULL, 100);
  assert_string_equal(ids_of(&page), "2 4 5 1 3");
  page = page_of("", ROSTER_NAME, true, NULL, 100);
  assert_string_equal(ids_of(&page), "3 1 5 4 2");
  page = page_of("", ROSTER_CAPACITY, false, NULL, 100);
  assert_string_equal(ids_of(&page), "1 3 5 2 4");
  page = page_of("", ROSTER_CAPACITY, true, NULL, 100);
  assert_string_equal(ids_of(&page), "5 3 1 2 4");
  page = page_of("not id=2", ROSTER_USER, true, NULL, 2);
  assert_string_equal(ids_of(&page), "1 3");
  assert_int_equal(page.total, 4);
  page = page_of("not id=2", ROSTER_USER, true, page.next, 2);
  assert_string_equal(ids_of(&page), "4 5");
  assert_null(page.next);
}

/* Goal: page by page each device that did not move comes once, while others come, go, and move past the cursor. */
static void test_pages(void **state) {
  (void)state;
  for (int i = 0; i < 30; i++)
    (void)enrolled_as(ctx_printf(fx.cx, "%02d", i), NULL, ctx_printf(fx.cx, "n%02d", 29 - i));
  int seen[30] = {0};
  const char *cursor = NULL;
  struct roster_page page;
  int round = 0;
  do {
    page = page_of("", ROSTER_NAME, false, cursor, 7);
    for (size_t i = 0; i < page.n; i++) {
      const char *id = roster_text(page.devices[i], ROSTER_ID);
      if (strlen(id) == 2) seen[atoi(id)]++;
    }
    (void)enrolled_as(ctx_printf(fx.cx, "new-%d", round), NULL, ctx_printf(fx.cx, "n%02d a", round * 9));
    rename_to("05", "zzz");                                    /* was n24 */
    if (page.next && round == 0) rename_to("29", "n00 again"); /* it was told: n00 */
    cursor = page.next;
  } while (cursor && ++round < 20);
  assert_int_equal(round, 4);
  for (int i = 0; i < 30; i++) assert_int_equal(seen[i], 1);
}

/* Goal: a cursor of another list, or of nobody, is refused. */
static void test_cursors(void **state) {
  (void)state;
  for (int i = 0; i < 3; i++) (void)enrolled_as(ctx_printf(fx.cx, "%d", i), NULL, "x");
  struct roster_page page = page_of("", ROSTER_NAME, false, NULL, 1);
  const char *wrong[] = {"x",
                         "!!!",
                         "",
                         enc_base64url(fx.cx, "name", 4),
                         enc_base64url(fx.cx, "name x =x", 9),
                         enc_base64url(fx.cx, "-name 1 =x", 10),
                         enc_base64url(fx.cx, "name 1 \xff", 8)};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    struct roster_query q = {.sort = ROSTER_NAME, .cursor = wrong[i], .most = 1};
    assert_int_equal(roster_list(fx.cx, reader(), &fx.core, &q, &page), E_INVALID);
    ctx_clear_error(fx.cx);
  }
  page = page_of("", ROSTER_NAME, false, NULL, 1);
  struct roster_query q = {.sort = ROSTER_SERIAL, .cursor = page.next, .most = 1};
  assert_int_equal(roster_list(fx.cx, reader(), &fx.core, &q, &page), E_INVALID);
}

static struct enroll_namesake *namesakes(int64_t device, size_t *n) {
  struct enroll_namesake *rows;
  must(enroll_namesakes(fx.cx, reader(), device, &rows, n));
  return rows;
}

static enum err forget_job(struct ctx *cx, struct db *db, void *id) {
  struct enroll_forget f = {.by = "test", .anyway = true};
  return enroll_forget(cx, db, &fx.core, id, &f);
}

/* Goal: another id with the same serial number takes its place in lists; when the former one is heard of again, both
   are shown; when the later one is forgotten, the former one counts again. */
static void test_serial_numbers(void **state) {
  (void)state;
  size_t n;
  struct enroll_proof old = enrolled_as("OLD", "S-1", "Mac");
  (void)enrolled_as("OTHER", "S-2", "Mac");
  (void)enrolled_as("NONE-1", NULL, "Mac");
  (void)enrolled_as("NONE-2", NULL, "Mac");
  assert_string_equal(listed(""), "NONE-1 NONE-2 OLD OTHER");
  struct enroll_proof board = enrolled_as("NEW", "S-1", "Mac");
  assert_string_equal(listed(""), "NEW NONE-1 NONE-2 OTHER");
  struct roster_query q = {.sort = ROSTER_ID, .former = true, .most = 100};
  struct roster_page page;
  must(roster_list(fx.cx, reader(), &fx.core, &q, &page));
  assert_string_equal(ids_of(&page), "NEW NONE-1 NONE-2 OLD OTHER");
  struct enroll_namesake *rows = namesakes(page.devices[0]->device, &n);
  assert_int_equal(n, 1);
  assert_string_equal(rows->id, "OLD");
  assert_true(rows->former);
  assert_string_equal(rows->state, "enrolled");
  (void)namesakes(page.devices[1]->device, &n);
  assert_int_equal(n, 0); /* no serial number is none's namesake */

  /* A poll of the former one: it lives. */
  assert_int_equal(put_report(old, "OLD", "Idle", NULL)->refusal, ENROLL_FINE);
  seen_stop(fx.core.seen); /* writes it */
  must(seen_start(fx.cx, &fx.core.seen, &fx.core));
  assert_string_equal(listed("mac"), "NEW NONE-1 NONE-2 OLD OTHER");
  rows = namesakes(page.devices[0]->device, &n);
  assert_false(rows->former);

  /* It enrols anew: now it is the one. */
  assert_int_equal(authenticate(old, "OLD", "S-1"), ENROLL_FINE);
  assert_int_equal(token_update(old, "OLD", "token-2"), ENROLL_FINE);
  (void)board;
  assert_non_null(strstr(listed(""), "OLD"));
  must(in_job(forget_job, (void *)(uintptr_t) "OLD"));
  assert_string_equal(listed(""), "NEW NONE-1 NONE-2 OTHER");
}

/* Goal: what installs itself again and again has one row, and its past. */
static void test_history(void **state) {
  (void)state;
  struct enroll_past *past;
  size_t n;
  struct enroll_proof p = enrolled_as("A", "S-1", "Mac");
  assert_int_equal(check_out(p, "A"), ENROLL_FINE);
  (void)enrolled_as("A", "S-1", "Mac");
  assert_string_equal(listed(""), "A");
  must(enroll_history(fx.cx, reader(), 1, &past, &n));
  assert_int_equal(n, 2);
  assert_string_equal(past[0].state, "current");
  assert_string_equal(past[1].state, "former");
  assert_true(past[1].ended_at > 0 && past[0].ended_at == 0);
}

/* Goal: a table of lines that are all wrong ends as one that is too long does, and a NUL hides nothing behind it. */
static void test_hostile_tables(void **state) {
  (void)state;
  struct roster_import out;
  struct buf b = {0};
  buf_add_str(&b, "serial,user\n");
  for (int i = 0; i <= ROSTER_IMPORT_MOST; i++) buf_add_str(&b, "x,\n");
  assert_int_equal(roster_import_read(fx.cx, reader(), buf_slice(&b), &out), E_TOO_LARGE);
  buf_free(&b);
  ctx_clear_error(fx.cx);
  static const char nul[] = "serial,user\nC02\0,anna\n";
  assert_int_equal(roster_import_read(fx.cx, reader(), slice_mem(nul, sizeof nul - 1), &out), E_INVALID);
  ctx_clear_error(fx.cx);
  assert_int_equal(roster_import_read(fx.cx, reader(), (struct slice){0}, &out), E_INVALID);
  ctx_clear_error(fx.cx);
}

/* Goal: a row is small: what 100,000 devices cost is known. */
static void test_size(void **state) {
  (void)state;
  (void)enrolled_as("3F2504E0-4F89-11D3-9A0C-0305E82C3301", "C02XY1234567", "Anna's MacBook Pro");
  tell_facts("3F2504E0-4F89-11D3-9A0C-0305E82C3301",
             "{\"supervised\": true, \"hostname\": \"annas-macbook-pro.local\", \"capacity\": 494.38, \"free-space\": "
             "120.5, \"battery\": 0.93, \"wifi-mac\": \"a4:83:e7:00:11:22\", \"ethernet-mac\": \"a4:83:e7:00:11:23\", "
             "\"apple-silicon\": true, \"sip\": true, \"filevault\": true, \"passcode\": true, \"firewall\": false, "
             "\"secure-boot\": \"full\", \"ade\": true, \"user-approved\": true, \"recovery-lock\": false}");
  const struct roster_device *d;
  must(roster_one(fx.cx, reader(), &fx.core, 1, &d));
  print_message("a row of %u bytes\n", d->size);
  assert_true(d->size < 600);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_changes, fixture_open, fixture_close),
      cmocka_unit_test_setup_teardown(test_facts, fixture_open, fixture_close),
      cmocka_unit_test_setup_teardown(test_failed_job, fixture_open, fixture_close),
      cmocka_unit_test_setup_teardown(test_views, fixture_open, fixture_close),
      cmocka_unit_test_setup_teardown(test_stopping, fixture_open, fixture_close),
      cmocka_unit_test_setup_teardown(test_past, fixture_open, fixture_close),
      cmocka_unit_test_setup_teardown(test_seen, fixture_open, fixture_close),
      cmocka_unit_test_setup_teardown(test_orders, fixture_open, fixture_close),
      cmocka_unit_test_setup_teardown(test_pages, fixture_open, fixture_close),
      cmocka_unit_test_setup_teardown(test_cursors, fixture_open, fixture_close),
      cmocka_unit_test_setup_teardown(test_serial_numbers, fixture_open, fixture_close),
      cmocka_unit_test_setup_teardown(test_history, fixture_open, fixture_close),
      cmocka_unit_test_setup_teardown(test_hostile_tables, fixture_open, fixture_close),
      cmocka_unit_test_setup_teardown(test_size, fixture_open, fixture_close),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
