#include "core/overview_int.h"

#include "base/clock.h"
#include "core/doctor.h"
#include "core/guardian.h"
#include "core/plan.h"
#include "core/roster.h"
#include "core/webhook.h"
#include "core/why.h"

#include <string.h>

enum { DATES_MOST = 8, DAYS = 7, GROUPS_MOST = 16 };

/* ---- devices ---- */

/* Counts by a text of the roster, of which there are few. */
struct tally {
  enum roster_field field;
  const char *words[GROUPS_MOST];
  int64_t n[GROUPS_MOST];
  size_t words_n;
};

static void count(struct tally *t, const struct roster_device *d) {
  const char *word = roster_text(d, t->field);
  size_t i = 0;
  if (!word) word = "unknown";
  while (i < t->words_n && strcmp(t->words[i], word) != 0) i++;
  if (i == GROUPS_MOST) return;
  if (i == t->words_n) t->words[t->words_n++] = word;
  t->n[i]++;
}

static struct js *tally_json(struct ctx *cx, const struct tally *t) {
  struct js *o = js_object(cx);
  for (size_t i = 0; i < t->words_n; i++) js_set_int(o, t->words[i], t->n[i]);
  return o;
}

/* Those whose serial number enrolled anew are no devices of today. */
static enum err add_devices(struct ctx *cx, struct db *db, struct core *core, struct js *page) {
  struct tally platforms = {.field = ROSTER_PLATFORM}, states = {.field = ROSTER_STATE};
  int64_t total = 0, former = 0, day = 0, week = 0, now = clock_now_us();
  struct roster_view view;
  TRY(roster_look(cx, db, core, &view));
  for (size_t i = 0; i < view.n; i++) {
    const struct roster_device *d = view.devices[i];
    if (d->former) {
      former++;
      continue;
    }
    int64_t seen = d->last_seen;
    total++;
    day += seen > now - US_DAY;
    week += seen > now - DAYS * US_DAY;
    count(&platforms, d);
    count(&states, d);
  }
  struct js *o = js_object(cx);
  js_set_int(o, "total", total);
  js_set_int(o, "former", former);
  js_set_int(o, "seen_within_day", day);
  js_set_int(o, "seen_within_week", week);
  js_set(o, "by_platform", tally_json(cx, &platforms)); /* before the view goes, whose texts these are */
  js_set(o, "by_state", tally_json(cx, &states));
  roster_unlook(core, &view);
  js_set(page, "devices", o);
  return OK;
}

static enum err add_verdicts(struct ctx *cx, struct db *db, struct core *core, struct js *page) {
  struct js *fleet;
  TRY(why_fleet(cx, db, core, &fleet));
  js_set(page, "verdicts", js_get(fleet, "verdicts"));
  js_set(page, "alarm", js_get(fleet, "alarm"));
  return OK;
}

static enum err add_compliance(struct ctx *cx, struct db *db, struct core *core, struct js *page) {
  int64_t counts[PLAN_STATES];
  struct js *o = js_object(cx);
  (void)core;
  TRY(plan_counts(cx, db, counts));
  for (int s = PLAN_COMPLIANT; s < PLAN_STATES; s++) js_set_int(o, plan_state_word((enum plan_state)s), counts[s]);
  js_set(page, "compliance", o);
  return OK;
}

/* ---- commands and wake-ups ---- */

static enum err add_commands(struct ctx *cx, struct db *db, struct core *core, struct js *page) {
  struct overview_waiting *rows;
  struct js *o = js_object(cx), *types = js_array(cx);
  int64_t all = 0, oldest = 0, questions;
  size_t n;
  (void)core;
  TRY(overview_waiting(cx, db, &rows, &n));
  TRY(overview_questions(cx, db, &questions));
  for (size_t i = 0; i < n; i++) {
    struct js *t = js_object(cx);
    js_set_string(t, "request_type", rows[i].request_type);
    js_set_int(t, "waiting", rows[i].waiting);
    js_set_time(t, "oldest_at", rows[i].oldest_at);
    js_add(types, t);
    all += rows[i].waiting;
    if (!oldest || rows[i].oldest_at < oldest) oldest = rows[i].oldest_at;
  }
  js_set_int(o, "waiting", all);
  js_set_time(o, "oldest_at", oldest);
  js_set_int(o, "own_questions", questions);
  js_set(o, "by_request_type", types);
  js_set(page, "commands", o);
  return OK;
}

static enum err add_wakeups(struct ctx *cx, struct db *db, struct core *core, struct js *page) {
  struct overview_hour *rows;
  struct js *hours = js_array(cx);
  size_t n;
  (void)core;
  TRY(overview_hours(cx, db, clock_now_us() - DAYS * US_DAY, &rows, &n));
  for (size_t i = 0; i < n; i++) {
    struct js *o = js_object(cx);
    js_set_time(o, "at", rows[i].at);
    js_set_int(o, "due", rows[i].due);
    js_set_int(o, "pushed", rows[i].pushed);
    js_set_int(o, "accepted", rows[i].accepted);
    js_set_int(o, "connected", rows[i].connected);
    js_set_int(o, "answered", rows[i].answered);
    js_add(hours, o);
  }
  struct js *o = js_object(cx);
  js_set(o, "hours", hours);
  js_set(page, "wakeups", o);
  return OK;
}

/* ---- the server ---- */

static enum err add_guardian(struct ctx *cx, struct db *db, struct core *core, struct js *page) {
  struct js *all, *next = js_array(cx), *banner;
  TRY(guardian_page(cx, db, core, &banner, &all));
  for (size_t i = 0; i < js_count(all) && i < DATES_MOST; i++) js_add(next, js_at(all, i));
  js_set(page, "banner", banner);
  js_set(page, "guardian", next);
  return OK;
}

static bool is_wrong(struct js *check) {
  const char *status = js_str(check, "status");
  return status && (strcmp(status, "warn") == 0 || strcmp(status, "fail") == 0);
}

static enum err add_doctor(struct ctx *cx, struct db *db, struct core *core, struct js *page) {
  struct js *kept, *o = js_object(cx), *wrong = js_array(cx);
  (void)core;
  TRY(doctor_kept(cx, db, &kept));
  struct js *checks = js_get(kept, "checks");
  for (size_t i = 0; i < js_count(checks); i++)
    if (is_wrong(js_at(checks, i))) js_add(wrong, js_at(checks, i));
  js_set_string(o, "at", js_str(kept, "at"));
  js_set(o, "checks", wrong);
  js_set(page, "doctor", o);
  return OK;
}

static enum err add_webhooks(struct ctx *cx, struct db *db, struct core *core, struct js *page) {
  struct webhook_info *all;
  size_t n, failing = 0;
  int64_t dead = 0, due = 0;
  TRY(webhook_list(cx, db, core, &all, &n));
  for (size_t i = 0; i < n; i++) {
    dead += all[i].dead;
    due += all[i].due;
    failing += strcmp(all[i].state, "failing") == 0;
  }
  struct js *o = js_object(cx);
  js_set_int(o, "receivers", (int64_t)n);
  js_set_int(o, "failing", (int64_t)failing);
  js_set_int(o, "due", due);
  js_set_int(o, "dead", dead);
  js_set(page, "webhooks", o);
  return OK;
}

static enum err add_recent(struct ctx *cx, struct db *db, struct core *core, struct js *page) {
  struct overview_event *rows;
  struct js *list = js_array(cx), *data;
  size_t n;
  (void)core;
  TRY(overview_recent(cx, db, &rows, &n));
  for (size_t i = 0; i < n; i++) {
    struct js *o = js_object(cx);
    TRY(js_parse(cx, slice_of(rows[i].data), &data));
    js_set_int(o, "event", rows[i].seq);
    js_set_time(o, "at", rows[i].at);
    js_set_string(o, "kind", rows[i].kind);
    js_set_string(o, "enrollment", rows[i].enrollment);
    js_set_string(o, "device_name", rows[i].device_name);
    js_set(o, "data", data);
    js_add(list, o);
  }
  js_set(page, "recent", list);
  return OK;
}

enum err overview(struct ctx *cx, struct db *db, struct core *core, struct js *page) {
  static enum err (*const parts[])(struct ctx * cx, struct db * db, struct core * core, struct js * page) = {
      add_devices,  add_verdicts, add_compliance, add_commands, add_wakeups,
      add_guardian, add_doctor,   add_webhooks,   add_recent};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) TRY(parts[i](cx, db, core, page));
  return OK;
}
