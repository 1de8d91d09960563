/* The fleet: verdicts of topics and of the server, what who waits is waiting for, and its alarm. */
#include "core/why_fleet.h"

#include "base/clock.h"
#include "base/enc.h"
#include "core/event.h"
#include "core/fact.h"
#include "core/notice.h"
#include "core/roster.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNK = 150, ROUND = 2400, REFUSED_MOST = 600, REFUSED_MIN = 2 };
enum { SHARE_LEAST = 5, SHARE_DAYS = 7, MOVED_LEAST = 3, MOVED_MIN = 10, FIRST_ROW = 13, LAST_ROW = 27, USUAL_MIN = 5 };
static const char alarm_fact[] = "fleet.alarm", cursor_fact[] = "why.cursor";

/* ---- what holds for all of a topic, or for the server ---- */

static struct js *entry(struct ctx *cx, const struct why_row *row, const struct why_words *w, int64_t devices) {
  static const char *const scopes[] = {[WHY_DEVICE] = "device", [WHY_TOPIC] = "topic", [WHY_SERVER] = "server"};
  struct js *o = js_object(cx);
  js_set_string(o, "verdict", row->slug);
  js_set_string(o, "scope", scopes[row->scope]);
  js_set_string(o, "message", w->message);
  js_set_string(o, "fix", w->fix);
  js_set_int(o, "devices", devices);
  return o;
}

struct fleet {
  struct ctx *cx;
  struct why_shared shared;
  struct js *list;
};

/* devices 0: all. */
static void ask(struct fleet *f, const struct why_facts *facts, enum why_scope scope, int64_t devices,
                const char *topic) {
  for (size_t i = 0; i < why_rows_n; i++) {
    struct why_words w = {0};
    if (why_rows[i].scope != scope || !why_rows[i].holds(f->cx, facts, &w)) continue;
    struct js *o = entry(f->cx, &why_rows[i], &w, devices);
    js_set_string(o, "topic", topic);
    js_add(f->list, o);
  }
}

static enum err ask_shared(struct fleet *f) {
  struct why_facts facts;
  char **topics;
  size_t n;
  int64_t all = 0;
  TRY(why_topics(f->cx, f->shared.db, &topics, &n));
  for (size_t i = 0; i < n; i++) {
    TRY(why_facts_topic(f->cx, &f->shared, topics[i], &facts));
    all += facts.topic->devices;
    ask(f, &facts, WHY_TOPIC, facts.topic->devices, topics[i]);
  }
  TRY(why_facts_topic(f->cx, &f->shared, NULL, &facts));
  ask(f, &facts, WHY_SERVER, all, NULL);
  return OK;
}

static const struct why_row *row_of(const char *slug) {
  for (size_t i = 0; i < why_rows_n; i++)
    if (strcmp(why_rows[i].slug, slug) == 0) return &why_rows[i];
  return NULL;
}

static bool is_told(const struct fleet *f, const char *slug) {
  for (size_t i = 0; i < js_count(f->list); i++)
    if (strcmp(js_str(js_at(f->list, i), "verdict"), slug) == 0) return true;
  return false;
}

static enum err ask_devices(struct fleet *f) {
  struct why_count *counts;
  size_t n;
  TRY(why_counts(f->cx, f->shared.db, 0, &counts, &n));
  for (size_t i = 0; i < n; i++) {
    const struct why_row *row = row_of(counts[i].slug);
    if (!row || (row->scope != WHY_DEVICE && is_told(f, row->slug))) continue;
    struct why_words w = {ctx_strdup(f->cx, row->cause), ctx_strdup(f->cx, row->remedy)};
    struct js *o = entry(f->cx, row, &w, counts[i].devices);
    js_set_string(o, "examples", counts[i].examples);
    js_add(f->list, o);
  }
  return OK;
}

enum err why_alarm(struct ctx *cx, struct db *db, struct js **out) {
  char *text;
  *out = NULL;
  TRY(fact_read(cx, db, alarm_fact, &text));
  return text ? js_parse(cx, slice_of(text), out) : OK;
}

enum err why_fleet(struct ctx *cx, struct db *db, struct core *core, struct js **out) {
  struct fleet f = {.cx = cx, .list = js_array(cx)};
  struct js *alarm;
  TRY(why_shared_load(cx, db, core, &f.shared));
  TRY(ask_shared(&f));
  TRY(ask_devices(&f));
  TRY(why_alarm(cx, db, &alarm));
  *out = js_object(cx);
  js_set(*out, "verdicts", f.list);
  js_set(*out, "alarm", alarm);
  return OK;
}

/* ---- what who waits is waiting for ---- */

struct change {
  int64_t enrollment;
  const char *slug; /* NULL: fine */
};
struct changes {
  struct core *core;
  struct change rows[CHUNK];
  size_t n;
  int64_t at;
};

static enum err write_changes(struct ctx *cx, struct db *db, void *arg) {
  const struct changes *c = arg;
  for (size_t i = 0; i < c->n; i++) TRY(why_remember(cx, db, c->rows[i].enrollment, c->rows[i].slug, c->at));
  for (size_t i = 0; i < c->n; i++) TRY(roster_channel_changed(cx, db, c->core, c->rows[i].enrollment));
  return OK;
}

/* One that went while it was looked at has no verdict. */
static enum err judge(struct ctx *cx, struct why_shared *s, const struct why_waiting *w, struct changes *c) {
  struct why_facts f;
  struct why_words words;
  enum err e = why_facts_channel(cx, s, w->enrollment, &f);
  if (e == E_NOT_FOUND) return ctx_clear_error(cx), OK;
  TRY(e);
  const struct why_row *row = why_choose(cx, &f, why_rows, why_rows_n, &words);
  const char *slug = row && row->group != WHY_FINE ? row->slug : NULL;
  bool same = slug == w->slug || (slug && w->slug && strcmp(slug, w->slug) == 0);
  if (!same) c->rows[c->n++] = (struct change){w->enrollment, slug};
  return OK;
}

/* The facts of one chunk are let go of before the next; what they share stays in outer. */
static enum err judge_all(struct ctx *outer, struct core *core, const struct why_waiting *rows, size_t n) {
  struct why_shared shared;
  struct db *db;
  enum err e = OK;
  TRY(db_reader(outer, core->store, &db));
  TRY(why_shared_load(outer, db, core, &shared));
  struct ctx *cx = ctx_new();
  struct changes *c = ctx_alloc(outer, sizeof *c);
  for (size_t i = 0; e == OK && i < n && !atomic_load(&core->ending); i += CHUNK) {
    *c = (struct changes){.core = core, .at = shared.now};
    for (size_t k = i; e == OK && k < n && k < i + CHUNK; k++) e = judge(cx, &shared, &rows[k], c);
    if (e == OK && c->n) e = db_call(cx, core->store, write_changes, c);
    if (e != OK) e = FAIL(outer, e, "%s", ctx_error_text(cx));
    ctx_reset(cx);
  }
  ctx_free(cx);
  return e;
}

struct forgetting {
  struct core *core;
  int64_t n;
};

static enum err forget_job(struct ctx *cx, struct db *db, void *arg) {
  struct forgetting *f = arg;
  return why_forget(cx, db, f->core, CHUNK, &f->n);
}

static enum err cursor_job(struct ctx *cx, struct db *db, void *arg) { return fact_write(cx, db, cursor_fact, arg); }

/* A part of a large fleet each time, going round; a small one is looked at whole. */
static enum err look_round(struct ctx *cx, struct core *core, struct db *db) {
  struct why_waiting *rows = ctx_alloc(cx, (ROUND + REFUSED_MOST) * sizeof *rows);
  char *cursor;
  size_t n, refused;
  TRY(fact_read(cx, db, cursor_fact, &cursor));
  TRY(why_waiting(cx, db, cursor ? strtoll(cursor, NULL, 10) : 0, ROUND, rows, &n));
  const char *next = n == ROUND ? ctx_printf(cx, "%lld", (long long)rows[n - 1].enrollment) : NULL;
  TRY(why_refused_lately(cx, db, clock_now_us() - REFUSED_MIN * US_MINUTE, REFUSED_MOST, rows + n, &refused));
  TRY(judge_all(cx, core, rows, n + refused));
  if (!next && !cursor) return OK;
  return db_call(cx, core->store, cursor_job, (void *)(uintptr_t)next);
}

/* ---- the alarm ---- */

struct alarm {
  struct core *core;
  const char *text; /* NULL: none is to be raised */
  bool stays;       /* what it was raised for is still so */
};

/* Half as many come as usually do. */
static enum err look_at_share(struct ctx *cx, struct db *db, struct alarm *a) {
  struct why_share s;
  int64_t now = clock_now_us(), until = now - USUAL_MIN * US_MINUTE, since = now - US_HOUR;
  TRY(why_share(cx, db, since, until, since - SHARE_DAYS * US_DAY, &s));
  if (s.woken < SHARE_LEAST || s.woken_before < SHARE_LEAST) return OK;
  if (2 * s.came * s.woken_before >= s.came_before * s.woken) return OK;
  a->stays = true;
  a->text = ctx_printf(cx,
                       "Of %lld devices that were woken within the last hour %lld came; of a hundred it are %lld "
                       "otherwise.",
                       (long long)s.woken, (long long)s.came, (long long)(100 * s.came_before / s.woken_before));
  return OK;
}

/* Several devices have moved to a cause that is rarely one device's own. What is one's own, as a token that is gone,
   may stay for ever: it holds no alarm up. */
static enum err look_at_moves(struct ctx *cx, struct db *db, struct alarm *a) {
  struct why_count *counts;
  size_t n;
  int64_t moved = 0, all = 0;
  struct buf slugs = {0};
  TRY(why_counts(cx, db, clock_now_us() - MOVED_MIN * US_MINUTE, &counts, &n));
  for (size_t i = 0; i < n; i++) {
    const struct why_row *row = row_of(counts[i].slug);
    if (!row || row->number < FIRST_ROW || row->number > LAST_ROW) continue;
    moved += counts[i].lately;
    all += row->scope == WHY_DEVICE ? counts[i].lately : counts[i].devices;
    buf_printf(&slugs, "%s%s (%lld)", slugs.n ? ", " : "", row->slug, (long long)counts[i].devices);
  }
  if (all >= MOVED_LEAST) a->stays = true;
  if (moved >= MOVED_LEAST)
    a->text = ctx_printf(cx, "%lld devices went dark within %d minutes: %s.", (long long)moved, MOVED_MIN, slugs.p);
  buf_free(&slugs);
  return OK;
}

static enum err raise(struct ctx *cx, struct db *db, const struct alarm *a) {
  struct js *o = js_object(cx);
  const char *since = enc_time(cx, clock_now_us());
  js_set_string(o, "since", since);
  js_set_string(o, "text", a->text);
  TRY(fact_write(cx, db, alarm_fact, js_text(cx, o, JS_COMPACT).p));
  struct notice n = {.subject = "fleet alarm",
                     .step = since,
                     .kind = "fleet.alarm",
                     .title = "Devices go dark",
                     .text = ctx_printf(cx, "%s `pomona why --fleet` tells why.", a->text),
                     .urgent = true};
  return notice_raise(cx, db, a->core, &n, NULL);
}

static enum err alarm_job(struct ctx *cx, struct db *db, void *arg) {
  const struct alarm *a = arg;
  char *raised;
  TRY(fact_read(cx, db, alarm_fact, &raised));
  if (!raised && a->text) return raise(cx, db, a);
  if (!raised || a->stays) return OK;
  TRY(fact_write(cx, db, alarm_fact, NULL));
  return event_add(cx, db, "fleet.alarm-over", NULL, NULL);
}

enum err why_chore(struct ctx *cx, struct core *core) {
  struct db *db;
  char *raised;
  struct forgetting f = {core, CHUNK};
  struct alarm alarm = {.core = core};
  TRY(db_reader(cx, core->store, &db));
  while (f.n == CHUNK) TRY(db_call(cx, core->store, forget_job, &f));
  TRY(look_round(cx, core, db));
  TRY(look_at_share(cx, db, &alarm));
  TRY(look_at_moves(cx, db, &alarm));
  TRY(fact_read(cx, db, alarm_fact, &raised));
  bool changes = raised ? !alarm.stays : alarm.text != NULL;
  return changes ? db_call(cx, core->store, alarm_job, &alarm) : OK;
}
