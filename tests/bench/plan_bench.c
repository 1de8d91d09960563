/* What a plan of a large fleet costs: so many devices, 20 assignments, what a change would do for all of them.

   Usage: plan_bench FOLDER [DEVICES]. Prints seconds of CPU, and the largest size of the process. */
#include "bench.h"

#include "base/enc.h"
#include "core/payload.h"
#include "core/plan_int.h"

enum { ASSIGNMENTS = 20, CHUNK = 500, APPS = 60 };

/* ---- the fleet ---- */

struct chunk {
  int64_t first, last;
};

enum { ITEM_LEN = 20 }; /* name, version, status, little-endian: inventory_list.c */

static int by_name(const void *a, const void *b) {
  uint64_t x, y;
  memcpy(&x, a, sizeof x);
  memcpy(&y, b, sizeof y);
  return (x > y) - (x < y);
}

static void put(char *at, uint64_t name, uint64_t version) {
  memset(at, 0, ITEM_LEN);
  memcpy(at, &name, sizeof name);
  memcpy(at + sizeof name, &version, sizeof version);
}

static struct slice packed_profiles(struct ctx *own, int have) {
  char *out = ctx_alloc(own, (size_t)have * ITEM_LEN + 1);
  for (int i = 0; i < have; i++)
    put(out + i * ITEM_LEN, inventory_hash(slice_of(ctx_printf(own, "com.example.bench.%d", i))), (uint64_t)i);
  qsort(out, (size_t)have, ITEM_LEN, by_name);
  return slice_mem(out, (size_t)have * ITEM_LEN);
}

static struct slice packed_apps(struct ctx *own, int64_t seed) {
  char *out = ctx_alloc(own, APPS * ITEM_LEN);
  for (int i = 0; i < APPS; i++) put(out + i * ITEM_LEN, (uint64_t)(seed * 31 + i * 7919 + 1), 1);
  qsort(out, APPS, ITEM_LEN, by_name);
  return slice_mem(out, APPS * ITEM_LEN);
}

static enum err seed_one(struct ctx *own, struct db *db, int64_t n) {
  int64_t device, enrollment, now = clock_now_us();
  TRY(bench_device(own, db, n, &device, &enrollment));
  TRY(db_run(own, db, "INSERT INTO inventory (device, facts, taken_at) VALUES ($1, '{\"filevault\":true}', $2)",
             DB_I(device), DB_I(now)));
  TRY(db_run(own, db, "INSERT INTO inventory_list (enrollment, kind, at, items) VALUES ($1, 0, $2, $3)",
             DB_I(enrollment), DB_I(now), DB_B(packed_profiles(own, (int)(n % (ASSIGNMENTS + 1))))));
  return db_run(own, db, "INSERT INTO inventory_list (enrollment, kind, at, items) VALUES ($1, 1, $2, $3)",
                DB_I(enrollment), DB_I(now), DB_B(packed_apps(own, n)));
}

static enum err seed_job(struct ctx *job, struct db *db, void *arg) {
  const struct chunk *c = arg;
  for (int64_t n = c->first; n < c->last; n++) TRY(seed_one(job, db, n));
  return OK;
}

/* ---- what is assigned ---- */

static struct slice bench_profile(int i) {
  struct pl *root = pl_new_dict(cx), *content = pl_new_array(cx), *payload = pl_new_dict(cx);
  char uuid[UUID_LEN + 1];
  const char *identifier = ctx_printf(cx, "com.example.bench.%d", i);
  uuid_new(uuid);
  pl_set_string(root, "PayloadType", "Configuration");
  pl_set_int(root, "PayloadVersion", 1);
  pl_set_string(root, "PayloadIdentifier", identifier);
  pl_set_string(root, "PayloadUUID", uuid);
  pl_set_string(root, "PayloadDisplayName", identifier);
  uuid_new(uuid);
  pl_set_string(payload, "PayloadType", "com.apple.loginwindow");
  pl_set_int(payload, "PayloadVersion", 1);
  pl_set_string(payload, "PayloadIdentifier", ctx_printf(cx, "%s.window", identifier));
  pl_set_string(payload, "PayloadUUID", uuid);
  pl_set_string(payload, "LoginwindowText", i % 4 ? "Everywhere the same" : "Of %SerialNumber%");
  pl_add(content, payload);
  pl_set(root, "PayloadContent", content);
  return pl_xml(cx, root);
}

static enum err profile_job(struct ctx *job, struct db *db, void *arg) {
  struct profile out;
  bool added;
  return profile_add(job, db, &core, arg, &out, &added);
}

static struct group_change change_of_all(void) {
  struct group_assignment *a = ctx_alloc(cx, ASSIGNMENTS * sizeof *a);
  for (int i = 0; i < ASSIGNMENTS - 1; i++) {
    struct payload_check check;
    struct slice file = bench_profile(i);
    must(payload_check(cx, file, &check));
    struct profile_given given = {file, &check, "bench", -1};
    must(db_call(cx, core.store, profile_job, &given));
    a[i] = (struct group_assignment){
        .kind = GROUP_PROFILE, .ref = ctx_printf(cx, "com.example.bench.%d", i), .position = -1};
  }
  a[ASSIGNMENTS - 1] =
      (struct group_assignment){.kind = GROUP_REQUIREMENT, .ref = ctx_strdup(cx, "filevault=on"), .position = -1};
  return (struct group_change){
      .name = "bench", .rule = "platform=macos and os>=14", .assign = a, .assign_n = ASSIGNMENTS, .if_version = -1};
}

/* ---- measuring ---- */

static void measure(const char *what, struct group_change *change) {
  struct plan_preview p;
  struct db *db;
  struct ctx *own = ctx_new();
  struct rusage u;
  must(db_reader(cx, core.store, &db));
  double before = bench_cpu(RUSAGE_THREAD);
  must_in(own, plan_preview(own, db, &core, change, &p));
  double took = bench_cpu(RUSAGE_THREAD) - before;
  getrusage(RUSAGE_SELF, &u);
  printf("%-28s %5.2f s CPU, %4ld MB; %lld devices, %lld installs, %lld replacements\n", what, took, u.ru_maxrss / 1024,
         (long long)p.devices, (long long)p.installs, (long long)p.replaces);
  ctx_free(own);
}

int main(int argc, char **argv) {
  if (argc < 2) return fprintf(stderr, "usage: plan_bench FOLDER [DEVICES]\n"), 2;
  int64_t devices = argc > 2 ? atoll(argv[2]) : 100000;
  bench_open(argv[1]);
  must(db_call(cx, core.store, bench_identity, NULL));
  for (int64_t n = 0; n < devices; n += CHUNK) {
    struct ctx *own = ctx_new();
    must(db_call(own, core.store, seed_job, &(struct chunk){n, n + CHUNK < devices ? n + CHUNK : devices}));
    ctx_free(own);
  }
  struct db *db;
  struct group_change change = change_of_all();
  must(db_reader(cx, core.store, &db));
  must(group_check(cx, db, &core, &change));
  measure("first, the roster is read", &change);
  measure("what a change would do", &change);
  measure("once more", &change);
  db_store_close(core.store);
  return 0;
}
