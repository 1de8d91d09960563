/* What an answer of 200 kB costs, taken apart: 218 apps of a Mac, from their XML to the database.

   Usage: answer_bench FOLDER [ANSWERS]. Prints milliseconds of CPU of the whole process for one answer. */
#include "bench.h"

#include "core/inventory.h"

enum { APPS = 218, FIRST_NUMBER = 800000000 };

static const char *const flags[] = {"IsValidated",    "Installing",      "AppStoreVendable", "DeviceBasedVPP",
                                    "BetaApp",        "AdHocCodeSigned", "IsAppClip",        "HasUpdateAvailable",
                                    "DownloadFailed", "DownloadWaiting", "DownloadPaused",   "DownloadCancelled"};

static struct pl *app(int i, int version) {
  struct pl *p = pl_new_dict(cx);
  pl_set_string(p, "Identifier", ctx_printf(cx, "com.example.application-%d", i));
  pl_set_string(p, "Name", ctx_printf(cx, "Application %d", i));
  pl_set_string(p, "Version", ctx_printf(cx, "%d.0.%d", version, i));
  pl_set_string(p, "ShortVersion", ctx_printf(cx, "%d.0", version));
  pl_set_string(p, "Source", "App Store");
  pl_set_int(p, "BundleSize", 14680064 + i);
  pl_set_int(p, "DynamicSize", 4096 * i);
  pl_set_int(p, "ExternalVersionIdentifier", FIRST_NUMBER + i);
  for (size_t k = 0; k < sizeof flags / sizeof *flags; k++) pl_set_bool(p, flags[k], k == 0);
  return p;
}

/* The app of this number has another version than all others; -1: none. */
static struct slice answer(int updated) {
  struct pl *message = pl_new_dict(cx), *list = pl_new_array(cx);
  for (int i = 0; i < APPS; i++) pl_add(list, app(i, i == updated ? 7 : 1));
  pl_set(message, "InstalledApplicationList", list);
  return pl_xml(cx, message);
}

/* ---- one answer ---- */

struct taking {
  struct inventory_answer *answer;
  int64_t device, enrollment;
};

static enum err apply_job(struct ctx *own, struct db *db, void *arg) {
  struct taking *t = arg;
  bool changed;
  return inventory_apply(own, db, &core, t->enrollment, t->device, "InstalledApplicationList", t->answer, &changed);
}

enum { PARSE, READ, APPLY, FREE, PARTS };

static void take(struct taking *t, struct slice xml, double parts[PARTS]) {
  struct ctx *own = ctx_new();
  struct pl *message;
  double at[PARTS + 1] = {bench_cpu(RUSAGE_SELF)};
  must_in(own, pl_parse(own, xml, &pl_limits_report, &message));
  at[1] = bench_cpu(RUSAGE_SELF);
  must_in(own, inventory_read(own, message, 0, &t->answer));
  at[2] = bench_cpu(RUSAGE_SELF);
  must_in(own, db_call(own, core.store, apply_job, t));
  at[3] = bench_cpu(RUSAGE_SELF);
  ctx_free(own);
  at[4] = bench_cpu(RUSAGE_SELF);
  for (int i = 0; i < PARTS; i++) parts[i] += at[i + 1] - at[i];
}

/* ---- many ---- */

static enum err device_job(struct ctx *own, struct db *db, void *arg) {
  static int64_t n;
  struct taking *t = arg;
  return bench_device(own, db, ++n, &t->device, &t->enrollment);
}

static void measure(const char *what, int answers, bool anew, const struct slice xml[2]) {
  static struct taking t;
  double parts[PARTS] = {0}, all = 0;
  for (int i = 0; i < answers; i++) {
    if (anew) must(db_call(cx, core.store, device_job, &t));
    take(&t, xml[i & 1], parts);
  }
  for (int i = 0; i < PARTS; i++) all += parts[i] *= 1e3 / answers;
  printf("%-24s%6d%8.2f ms: parse %.2f, read %.2f, apply %.2f, free %.2f\n", what, answers, all, parts[PARSE],
         parts[READ], parts[APPLY], parts[FREE]);
}

int main(int argc, char **argv) {
  if (argc < 2) return fprintf(stderr, "usage: answer_bench FOLDER [ANSWERS]\n"), 2;
  int answers = argc > 2 ? atoi(argv[2]) : 100;
  bench_open(argv[1]);
  must(db_call(cx, core.store, bench_identity, NULL));
  struct slice xml[2] = {answer(-1), answer(5)}, same[2] = {xml[1], xml[1]};
  measure("first list of a device", answers, true, same);
  measure("an app was updated", answers, false, xml);
  measure("nothing changed", answers, false, same);
  db_store_close(core.store);
  return 0;
}
