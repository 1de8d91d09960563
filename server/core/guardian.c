/* The ladder of notices before each date. */
#include "core/guardian_int.h"

#include "base/clock.h"
#include "base/enc.h"
#include "core/notice.h"

#include <inttypes.h>

enum { WEEK = 7, URGENT_DAYS = 7 };

static const int ladder[] = {1, 3, 7, 14, 30, GUARDIAN_LADDER_DAYS};

bool guardian_step(int64_t at, int64_t now, int *step) {
  int64_t left = at - now;
  if (left <= 0) {
    *step = -(int)(-left / (WEEK * US_DAY)) * WEEK;
    return true;
  }
  for (size_t i = 0; i < sizeof ladder / sizeof *ladder; i++) {
    *step = ladder[i];
    if (left <= ladder[i] * US_DAY) return true;
  }
  return false;
}

bool guardian_reached(const struct guardian_date *d, int64_t now, int *step) {
  return guardian_step(d->at, now, step) && *step <= d->first;
}

char *guardian_when(struct ctx *cx, const struct guardian_date *d, int64_t now) {
  int64_t left = clock_days_left(d->at, now), days = left < 0 ? -left : left;
  const char *day = guardian_day(cx, d->at), *s = days == 1 ? "" : "s";
  if (d->at > now) return ctx_printf(cx, "%s in %" PRId64 " day%s, on %s", d->due ? "is due" : "ends", days, s, day);
  const char *verb = d->due ? "was due" : "ended";
  return days ? ctx_printf(cx, "%s %" PRId64 " day%s ago, on %s", verb, days, s, day)
              : ctx_printf(cx, "%s today, on %s", verb, day);
}

/* ---- what is due ---- */

struct raise {
  struct core *core;
  const struct guardian_date *date;
  int step;
  int64_t now;
};

static enum err raise_job(struct ctx *cx, struct db *db, void *arg) {
  const struct raise *r = arg;
  const struct guardian_date *d = r->date;
  bool known;
  TRY(notice_reached(cx, db, d->subject, r->step, &known));
  if (known) return OK;
  const char *title = ctx_printf(cx, "%s %s", d->name, guardian_when(cx, d, r->now));
  struct notice n = {.subject = d->subject,
                     .step = ctx_printf(cx, "%d", r->step),
                     .kind = "guardian.due",
                     .title = title,
                     .text = ctx_printf(cx, "%s.\n\n%s\n\nWhat to do: %s\n\nThis server: %s\n", title, d->effect,
                                        d->fix, core_conf(r->core)->public_url),
                     .also_to = d->also_to,
                     .urgent = r->step <= URGENT_DAYS && !(d->due && r->step > 0)};
  return notice_raise(cx, db, r->core, &n, NULL);
}

enum err guardian_chore(struct ctx *cx, struct core *core) {
  struct db *db;
  struct guardian_date *dates;
  size_t n;
  struct raise r = {.core = core, .now = clock_now_us()};
  TRY(db_reader(cx, core->store, &db));
  TRY(guardian_dates(cx, db, core, &dates, &n));
  for (size_t i = 0; i < n; i++) {
    bool known = false;
    r.date = &dates[i];
    if (!guardian_reached(r.date, r.now, &r.step)) continue;
    TRY(notice_reached(cx, db, r.date->subject, r.step, &known));
    if (!known) TRY(db_call(cx, core->store, raise_job, &r));
  }
  return OK;
}

/* ---- for people ---- */

static struct js *date_json(struct ctx *cx, const struct guardian_date *d, int64_t now) {
  struct js *o = js_object(cx);
  int step;
  js_set_string(o, "kind", d->kind);
  js_set_string(o, "subject", d->subject);
  js_set_string(o, "name", d->name);
  js_set_time(o, "at", d->at);
  js_set_null(o, "days_left");
  js_set_null(o, "step");
  if (d->at) js_set_int(o, "days_left", clock_days_left(d->at, now));
  if (d->at && guardian_reached(d, now, &step)) js_set_int(o, "step", step);
  js_set_string(o, "effect", d->effect);
  js_set_string(o, "fix", d->fix);
  js_set_string(o, "topic", d->topic);
  return o;
}

struct js *guardian_list_of(struct ctx *cx, struct core *core, const struct guardian_date *dates, size_t n) {
  int64_t now = clock_now_us();
  struct js *list = js_array(cx);
  for (size_t i = 0; i < n; i++) js_add(list, date_json(cx, &dates[i], now));
  const char *host = guardian_unknown_domain(cx, core_conf(core));
  struct guardian_date unknown = {.kind = "domain",
                                  .subject = host ? ctx_printf(cx, "domain %s", host) : NULL,
                                  .name = host ? ctx_printf(cx, "The registration of the domain of %s", host) : NULL,
                                  .effect = "Nobody is warned before it ends: when that is, is not known here.",
                                  .fix = "Tell the date that its registrar names: setting domain-ends = YYYY-MM-DD."};
  if (host) js_add(list, date_json(cx, &unknown, now));
  return list;
}

enum err guardian_list(struct ctx *cx, struct db *db, struct core *core, struct js **out) {
  struct guardian_date *dates;
  size_t n;
  TRY(guardian_dates(cx, db, core, &dates, &n));
  *out = guardian_list_of(cx, core, dates, n);
  return OK;
}
