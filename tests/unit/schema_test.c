/* Data folders of every schema number that was ever released still open, migrate and serve. Each is a dump of a
   server's database, with two devices and a waiting command each, sealed under the key 0707…07. */
#include "core_fixture.h"

#include "lib/db_int.h"

#include <glob.h>
#include <stdio.h>
#include <unistd.h>

static struct slice read_all(const char *path) {
  struct buf b = {0};
  char part[4096];
  FILE *f = fopen(path, "r");
  assert_non_null(f);
  for (size_t n; (n = fread(part, 1, sizeof part, f)) > 0;) buf_add(&b, part, n);
  fclose(f);
  struct slice text = slice_mem(ctx_memdup(fx.cx, b.p, b.n), b.n);
  buf_free(&b);
  return text;
}

static void load(const char *dump, const char *path) {
  struct db *db;
  must(db_connect(fx.cx, &db, path, DB_WRITE));
  must(db_script(fx.cx, db, "PRAGMA foreign_keys = OFF"));
  must(db_script(fx.cx, db, read_all(dump).p));
  db_disconnect(db);
}

static void open_stored(const char *dump, const char *dir) {
  const char *path = ctx_printf(fx.cx, "%s/pomona.db", dir);
  uint8_t secret[32];
  memset(secret, 7, sizeof secret);
  load(dump, path);
  fx.core.vault = vault_new(secret);
  fx.conf = (struct core_conf){.organization = "Example", .public_url = "https://localhost:8443", .own_tls = true};
  atomic_store(&fx.core.conf, &fx.conf);
  must(db_store_open(fx.cx, &fx.core.store, path));
  must(keyring_open(fx.cx, &fx.core.keyring, &fx.core, "localhost"));
}

static void close_stored(void) {
  keyring_close(fx.core.keyring);
  db_store_close(fx.core.store);
  vault_close(fx.core.vault);
  fx.core.keyring = NULL;
}

/* What waits for a device comes out of the stored folder as it went in. */
static void check_device(const char *id) {
  int64_t enrollment;
  char *found_id;
  struct queue_item item;
  bool found;
  uint8_t any[32] = {0};
  must(enroll_lookup(fx.cx, reader(), id, &enrollment, &found_id));
  struct queue_asker who = {.enrollment = enrollment, .identity = any};
  must(queue_next(fx.cx, reader(), &fx.core, &who, &item, &found));
  assert_true(found);
  assert_string_equal(item.uuid, ctx_printf(fx.cx, "C-%s", id));
  assert_non_null(strstr(item.plist.p, "CertificateList"));
}

static void test_every_schema_opens(void **state) {
  (void)state;
  glob_t dumps;
  assert_int_equal(glob(TEST_DATA "/schema/*.sql", 0, NULL, &dumps), 0);
  assert_int_equal(dumps.gl_pathc, db_schema_newest()); /* a new schema needs a new dump */
  for (size_t i = 0; i < dumps.gl_pathc; i++) {
    char dir[] = "/tmp/pomona-schema-XXXXXX";
    fx = (struct fixture){.cx = ctx_new()};
    assert_non_null(mkdtemp(dir));
    open_stored(dumps.gl_pathv[i], dir);
    assert_int_equal(count("SELECT max(number) FROM schema_history"), db_schema_newest());
    assert_int_equal(
        count("SELECT count(*) FROM generation WHERE state = 'current' AND unlock_token_sealed IS NOT NULL"), 2);
    check_device("STORED-A");
    check_device("STORED-B");
    close_stored();
    assert_int_equal(system(ctx_printf(fx.cx, "rm -r %s", dir)), 0);
    ctx_free(fx.cx);
  }
  globfree(&dumps);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_schema_opens)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
