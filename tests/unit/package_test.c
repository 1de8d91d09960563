/* Packages: hostile names and archives, parts and their digests, rows, the manifest. */
#include "core_fixture.h"

#include "core/package_int.h"
#include "lib/pki_crypto.h"

#include <dirent.h>
#include <unistd.h>
#include <zlib.h>

static char folder[] = "/tmp/pomona-package-XXXXXX";

static int open_world(void **state) {
  fixture_open(state);
  assert_non_null(mkdtemp(folder));
  fx.conf.data = folder;
  must(packages_start(fx.cx, &fx.core.packages, &fx.core));
  return 0;
}

/* Everything in DATA/files; removes it when `rm`. */
static int files(bool rm) {
  char *path = ctx_printf(fx.cx, "%s/files", folder);
  DIR *d = opendir(path);
  int n = 0;
  for (struct dirent *e; d && (e = readdir(d));) {
    if (e->d_name[0] == '.') continue;
    n++;
    if (rm) unlink(ctx_printf(fx.cx, "%s/%s", path, e->d_name));
  }
  if (d) closedir(d);
  return n;
}

static int close_world(void **state) {
  packages_stop(fx.core.packages);
  files(true);
  rmdir(ctx_printf(fx.cx, "%s/files", folder));
  rmdir(folder);
  return fixture_close(state);
}

static void big_endian(char *to, uint64_t v, int n) {
  while (n-- > 0) to[n] = (char)v, v >>= 8;
}

static struct slice packed(const char *text) {
  uLongf n = compressBound(strlen(text));
  Bytef *out = ctx_alloc(fx.cx, n);
  assert_int_equal(compress(out, &n, (const Bytef *)text, strlen(text)), Z_OK);
  return slice_mem(out, n);
}

/* A xar with this table of contents, this heap, and zeros up to `size` bytes (0: no more). */
static struct slice archive(const char *toc, struct slice heap, size_t size) {
  struct slice t = packed(toc);
  size_t n = 28 + t.n + heap.n;
  char *all = ctx_alloc(fx.cx, n < size ? size : n);
  memcpy(all, "xar!", 4);
  big_endian(all + 4, 28, 2);
  big_endian(all + 6, 1, 2);
  big_endian(all + 8, t.n, 8);
  big_endian(all + 16, strlen(toc), 8);
  memcpy(all + 28, t.p, t.n);
  if (heap.n) memcpy(all + 28 + t.n, heap.p, heap.n);
  return slice_mem(all, n < size ? size : n);
}

#define DISTRIBUTION "<x><title>T</title><product id='a.b' version='1'/></x>"

static struct slice good(size_t size) {
  struct slice heap = packed(DISTRIBUTION);
  return archive(ctx_printf(fx.cx,
                            "<xar><toc><signature/><file><name>Distribution</name><data><offset>0</offset>"
                            "<length>%zu</length><encoding style='application/x-gzip'/></data></file></toc></xar>",
                            heap.n),
                 heap, size);
}

struct adding {
  struct package_upload *upload;
  bool added;
};

static enum err add_job(struct ctx *cx, struct db *db, void *arg) {
  struct adding *a = arg;
  return package_add(cx, db, &fx.core, a->upload, "test", &a->added);
}

/* In pieces of `step` bytes. What is not added is gone with its own context. */
static enum err upload(const char *name, struct slice file, size_t step, struct package *out) {
  struct ctx *cx = ctx_new();
  struct adding a = {0};
  enum err e = package_upload_begin(cx, &fx.core, &a.upload, slice_of(name), (int64_t)file.n);
  for (size_t at = 0; e == OK && at < file.n; at += step)
    e = package_upload_part(cx, a.upload, slice_mem(file.p + at, file.n - at < step ? file.n - at : step));
  if (e == OK) e = package_upload_end(cx, a.upload, &(struct package_told){0});
  if (e == OK) e = in_job(add_job, &a);
  if (e == OK) must(package_find(fx.cx, reader(), &fx.core, name, out));
  ctx_free(cx);
  return e;
}

/* goal: archives that lie, nest or are cut are refused, and leave nothing */
static void test_archives(void **state) {
  (void)state;
  static const char *const tocs[] = {
      "",
      "<xar>",
      "<xar></toc>",
      "<xar a='>",
      "<!DOCTYPE x [<!ENTITY a 'b'>]><xar/>",
      "<xar><toc><file><name>Distribution</name><data><offset>0</offset><length>9999999</length></data></file></toc></"
      "xar>",
      "<xar><toc><file><name>Distribution</name><data><offset>99999999999</offset><length>9</length></data></file></"
      "toc></xar>",
      "<xar><toc><file><name>Distribution</name><data><offset>-1</offset><length>9</length></data></file></toc></xar>",
      "<xar><toc><file><name>Distribution</name><data><length>9</length></data></file></toc></xar>",
      "<xar><toc><file><ea><name>Distribution</name></ea></file></toc></xar>",
      "<xar><toc><file><name>Distribution</name><data><offset>0</offset><length>9</length>"
      "<encoding style='application/x-gzip'/></data></file></toc></xar>",
  };
  struct package p;
  for (size_t i = 0; i < sizeof tocs / sizeof *tocs; i++) {
    enum err e = upload("bad.pkg", archive(tocs[i], slice_of("nothing but text"), 0), 7, &p);
    if (e != E_INVALID) fail_msg("%s: %s", tocs[i], err_slug(e));
  }
  struct slice whole = good(0);
  for (size_t n = 1; n < whole.n; n++)
    if (upload("bad.pkg", slice_mem(whole.p, n), n, &p) != E_INVALID) fail_msg("cut at %zu", n);
  assert_int_equal(files(false), 0);
  assert_int_equal(count("SELECT count(*) FROM package"), 0);
}

/* goal: more or less than was announced is no package */
static void test_lengths(void **state) {
  (void)state;
  struct slice file = good(0);
  struct ctx *cx = ctx_new();
  struct package_upload *u;
  must(package_upload_begin(cx, &fx.core, &u, slice_of("a.pkg"), (int64_t)file.n - 1));
  assert_int_equal(package_upload_part(cx, u, file), E_INVALID);
  ctx_clear_error(cx);
  must(package_upload_part(cx, u, slice_mem(file.p, 10)));
  assert_int_equal(package_upload_end(cx, u, &(struct package_told){0}), E_INVALID);
  ctx_clear_error(cx);
  assert_int_equal(package_upload_begin(cx, &fx.core, &u, slice_of("a.pkg"), PACKAGE_MOST + 1), E_TOO_LARGE);
  ctx_free(cx);
  assert_int_equal(files(false), 0);
}

static enum err begin(struct ctx *cx) {
  struct package_upload *u;
  return package_upload_begin(cx, &fx.core, &u, slice_of("a.pkg"), 1000);
}

/* goal: a few come at a time; one that went away, or was never given room, has given its place back */
static void test_places(void **state) {
  (void)state;
  struct ctx *cx[PACKAGE_UPLOADS_MOST], *more = ctx_new();
  struct package_room *room = package_room_of(fx.core.packages);
  for (int round = 0; round < 2; round++) {
    for (int i = 0; i < PACKAGE_UPLOADS_MOST; i++) must(begin(cx[i] = ctx_new()));
    assert_int_equal(begin(more), E_UNAVAILABLE);
    assert_non_null(strstr(ctx_error_text(more), "4 packages"));
    assert_int_equal(files(false), PACKAGE_UPLOADS_MOST);
    ctx_clear_error(more);
    for (int i = 0; i < PACKAGE_UPLOADS_MOST; i++) ctx_free(cx[i]);
  }
  room->promised = INT64_C(1) << 60;
  assert_int_equal(begin(more), E_UNAVAILABLE);
  assert_non_null(strstr(ctx_error_text(more), "beside what is on its way"));
  ctx_free(more);
  room->promised = 0;
  assert_int_equal(room->uploads, 0);
  assert_int_equal(files(false), 0);
}

/* goal: what is promised goes down with what is written, and is given back with the place */
static void test_promises(void **state) {
  (void)state;
  struct package_room *room = package_room_of(fx.core.packages);
  struct package_place one, other;
  must(package_place_take(fx.cx, room, &one));
  must(package_place_take(fx.cx, room, &other));
  one.promised = 1000, other.promised = 500, room->promised = 1500;
  package_place_wrote(&one, 300);
  assert_int_equal(room->promised, 1200);
  package_place_wrote(&other, 900);
  assert_int_equal(room->promised, 700);
  for (int i = 0; i < 2; i++) package_place_leave(&one), package_place_leave(&other);
  assert_int_equal(room->promised, 0);
  assert_int_equal(room->uploads, 0);
}

static const char *digest_at(struct pl *asset, const char *key, size_t i) {
  struct slice s;
  assert_true(pl_string(pl_at(pl_get(asset, key), i), &s));
  return s.p;
}

/* goal: the digests of all parts are those of these bytes, the last part being a short one */
static void test_parts(void **state) {
  (void)state;
  enum { MIB = 1 << 20, PART = 10 * MIB };
  struct slice file = good(21 * MIB);
  struct package p;
  struct pl *root;
  int64_t size;
  uint8_t sum[SHA256_LEN];
  must(upload("parts.pkg", file, 65521, &p));
  must(package_manifest(fx.cx, &fx.core, &p, &root));
  struct pl *asset = pl_at(pl_get(pl_at(pl_get(root, "items"), 0), "assets"), 0);
  assert_true(pl_int(pl_get(asset, "sha256-size"), &size));
  assert_int_equal(size, PART);
  assert_int_equal(pl_count(pl_get(asset, "md5s")), 3);
  for (size_t i = 0; i < 3; i++) {
    size_t at = i * PART;
    pki_sha256(sum, slice_mem(file.p + at, file.n - at < PART ? file.n - at : PART));
    assert_string_equal(digest_at(asset, "sha256s", i), enc_hex(fx.cx, sum, sizeof sum));
  }
  pki_sha256(sum, file);
  assert_memory_equal(sum, p.sha256, sizeof sum);
  assert_true(p.is_signed && p.is_product);
  assert_string_equal(p.identifier, "a.b");
}

/* goal: a token finds its package and no other text does; it is stored in no form that gives it */
static void test_token(void **state) {
  (void)state;
  struct package p, found;
  must(upload("token.pkg", good(0), 1000, &p));
  must(package_of_token(fx.cx, reader(), &fx.core, p.token, &found));
  assert_int_equal(found.package, p.package);
  char *other = ctx_strdup(fx.cx, p.token);
  other[0] = other[0] == 'A' ? 'B' : 'A';
  assert_int_equal(package_of_token(fx.cx, reader(), &fx.core, other, &found), E_NOT_FOUND);
  ctx_clear_error(fx.cx);
  assert_int_equal(package_of_token(fx.cx, reader(), &fx.core, "", &found), E_NOT_FOUND);
  ctx_clear_error(fx.cx);
  int64_t n;
  must(db_one_int(fx.cx, reader(), &n,
                  "SELECT count(*) FROM package WHERE instr(token_sealed, $1) > 0 OR instr(token_hash, $1) > 0",
                  DB_S(p.token)));
  assert_int_equal(n, 0);
}

static enum err remove_job(struct ctx *cx, struct db *db, void *arg) {
  return package_remove(cx, db, &fx.core, arg, "test");
}

/* goal: a removed package takes its file along, and the same name is free again */
static void test_remove(void **state) {
  (void)state;
  struct package p;
  must(upload("gone.pkg", good(0), 1000, &p));
  assert_int_equal(upload("gone.pkg", good(5000), 1000, &p), E_CONFLICT);
  int before = files(false);
  must(in_job(remove_job, (void *)(uintptr_t) "gone.pkg"));
  assert_int_equal(files(false), before - 1);
  assert_int_equal(in_job(remove_job, (void *)(uintptr_t) "gone.pkg"), E_NOT_FOUND);
  must(upload("gone.pkg", good(5000), 1000, &p));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_archives), cmocka_unit_test(test_lengths), cmocka_unit_test(test_places),
      cmocka_unit_test(test_promises), cmocka_unit_test(test_parts),   cmocka_unit_test(test_token),
      cmocka_unit_test(test_remove),
  };
  return cmocka_run_group_tests(tests, open_world, close_world);
}
