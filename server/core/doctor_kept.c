/* The last look is kept: a page that shows it does not wait for Apple's answers. */
#include "base/clock.h"
#include "base/enc.h"
#include "core/doctor_int.h"
#include "core/fact.h"

static const char name[] = "doctor.last";
#define AGE_MOST (6 * US_HOUR)
#define QUIET_FIRST (10 * US_MINUTE)

enum err doctor_kept(struct ctx *cx, struct db *db, struct js **out) {
  char *text;
  *out = NULL;
  TRY(fact_read(cx, db, name, &text));
  return text ? js_parse(cx, slice_of(text), out) : OK;
}

static enum err keep_job(struct ctx *cx, struct db *db, void *arg) { return fact_write(cx, db, name, arg); }

enum err doctor_keep(struct ctx *cx, struct core *core, struct js *found) {
  struct js *o = js_object(cx);
  js_set_time(o, "at", clock_now_us());
  js_set(o, "checks", js_get(found, "checks"));
  return db_call(cx, core->store, keep_job, (char *)(uintptr_t)js_text(cx, o, JS_COMPACT).p);
}

static bool is_fresh(struct js *kept, int64_t now) {
  int64_t at;
  const char *text = js_str(kept, "at");
  return text && dec_time(slice_of(text), &at) && at <= now && now - at < AGE_MOST;
}

enum err doctor_chore(struct ctx *cx, struct core *core) {
  struct doctor d = {.core = core, .server = "The server"};
  struct doctor_line *lines;
  struct js *kept;
  struct db *db;
  size_t n;
  int64_t now = clock_now_us(), up = now - atomic_load(&core->heard_since);
  TRY(db_reader(cx, core->store, &db));
  TRY(doctor_kept(cx, db, &kept));
  if (up < QUIET_FIRST || up == now || is_fresh(kept, now)) return OK;
  doctor_run(cx, &d, &lines, &n);
  return atomic_load(&core->ending) ? OK : doctor_keep(cx, core, doctor_json(cx, lines, n));
}
