/* Which renewals are begun when, and which are over. */
#include "core/renewal_int.h"

#include "base/clock.h"
#include "core/enroll.h"
#include "core/event.h"
#include "core/fact.h"
#include "core/guard.h"
#include "core/queue.h"

#include <string.h>

enum { CHUNK = 150, FEW = 6 /* the canary and five */, A_MINUTE = 6, STALLED_MOST = 6, SPARE = 20 };
enum { PROVED_DAYS = 30, FAILED_DAYS = 7, CHECK_SECONDS = 3 };

/* ---- what is over ---- */

static enum err over_job(struct ctx *cx, struct db *db, void *arg) {
  struct renewal_over *rows;
  size_t *n = arg;
  TRY(renewal_over(cx, db, clock_now_us(), CHUNK, &rows, n));
  for (size_t i = 0; i < *n; i++) {
    TRY(renewal_set(cx, db, rows[i].seq, rows[i].state, rows[i].why, true));
    if (strcmp(rows[i].state, "failed") == 0) TRY(renewal_halt(cx, db, rows[i].device, rows[i].why));
  }
  return OK;
}

/* Late reports have had their time: the queue is not kept waiting, nor the device woken, for what is over. */
static enum err left_job(struct ctx *cx, struct db *db, void *arg) {
  struct renewal_left *rows;
  size_t *n = arg;
  TRY(renewal_left(cx, db, clock_now_us(), CHUNK, &rows, n));
  for (size_t i = 0; i < *n; i++) TRY(queue_withdraw(cx, db, rows[i].enrollment, rows[i].command, "replaced"));
  return OK;
}

static enum err end_over(struct ctx *cx, struct core *core) {
  size_t n = CHUNK;
  while (n == CHUNK) TRY(db_call(cx, core->store, over_job, &n));
  for (n = CHUNK; n == CHUNK;) TRY(db_call(cx, core->store, left_job, &n));
  return OK;
}

/* ---- the plan ---- */

struct lacking {
  int64_t *generations;
  size_t n;
};

static enum err assign_job(struct ctx *cx, struct db *db, void *arg) {
  const struct lacking *l = arg;
  return enroll_original_assign(cx, db, l->generations, l->n);
}

/* Devices that were migrated since their original profile was given, or before it. */
static enum err assign_originals(struct ctx *cx, struct core *core) {
  struct lacking l = {.n = CHUNK};
  struct db *db;
  TRY(db_reader(cx, core->store, &db));
  for (int64_t after = 0; l.n == CHUNK; after = l.n ? l.generations[l.n - 1] : after) {
    TRY(enroll_original_lacking(cx, db, after, CHUNK, &l.generations, &l.n));
    if (l.n) TRY(db_call(cx, core->store, assign_job, &l));
  }
  return OK;
}

struct plan {
  struct core *core;
  struct renewal_due *due;
  size_t due_n;
  int64_t start; /* so many of them */
  enum renewal_wave wave;
  bool told;                           /* that an address does not lead here */
  const struct renewal_due *unreached; /* NULL: all do */
};

static enum err proved_since(struct ctx *cx, struct db *db, int64_t now, int64_t *since) {
  char *resumed;
  int64_t at;
  *since = now - PROVED_DAYS * US_DAY;
  TRY(fact_read(cx, db, RENEWAL_RESUMED, &resumed));
  if (resumed && slice_to_i64(slice_of(resumed), &at) && at > *since) *since = at;
  return OK;
}

static enum renewal_wave wave_of(const struct renewal_counts *c) {
  return c->done == 0 ? WAVE_CANARY : c->done < FEW ? WAVE_FEW : WAVE_STREAM;
}

/* While many sit installed and unseen, something may be wrong that no device has told yet. */
static int64_t places(const struct renewal_counts *c) {
  static const int64_t wanted[] = {[WAVE_CANARY] = 1, [WAVE_FEW] = FEW};
  enum renewal_wave wave = wave_of(c);
  if (c->stalled >= STALLED_MOST) return 0;
  int64_t n = wave == WAVE_STREAM ? A_MINUTE - c->lately : wanted[wave] - c->done - c->busy;
  return n > 0 ? n : 0;
}

/* A span before the end that is as long as an identity lives would renew without end. */
static struct renewal_search search_of(const struct core_conf *conf, int64_t now) {
  int64_t before = conf->identity_renew_before_us, half = conf->identity_validity_us / 2;
  return (struct renewal_search){.since = now - conf->identity_grace_us,
                                 .until = now + (before < half ? before : half),
                                 .failed_since = now - FAILED_DAYS * US_DAY,
                                 .seen_since = now - US_DAY};
}

static enum err make_plan(struct ctx *cx, struct core *core, struct plan *p) {
  struct renewal_counts counts;
  struct db *db;
  char *halted, *told;
  int64_t now = clock_now_us(), since;
  *p = (struct plan){.core = core};
  TRY(db_reader(cx, core->store, &db));
  TRY(fact_read(cx, db, RENEWAL_HALTED, &halted));
  if (halted) return OK;
  TRY(proved_since(cx, db, now, &since));
  TRY(renewal_counts(cx, db, since, now, &counts));
  p->start = places(&counts);
  p->wave = wave_of(&counts);
  if (p->start == 0) return OK;
  TRY(fact_read(cx, db, RENEWAL_UNREACHABLE, &told));
  p->told = told != NULL;
  struct renewal_search search = search_of(core_conf(core), now);
  search.most = (int)p->start + SPARE;
  return renewal_due(cx, db, &search, &p->due, &p->due_n);
}

/* ---- does the server reach itself as devices do? ---- */

static enum err scep_url_of(struct ctx *cx, const char *given, const char **url) {
  struct js *o;
  TRY(js_parse(cx, slice_of(given), &o));
  *url = enroll_scep_url(cx, o);
  return OK;
}

/* The addresses in a plan are few; most often they are one. */
static enum err is_reached(struct ctx *cx, struct db *db, struct plan *p, size_t which) {
  struct renewal_due *due = &p->due[which];
  TRY(scep_url_of(cx, due->given, &due->url));
  if (!due->url) return OK;
  for (size_t i = 0; i < which; i++)
    if (p->due[i].url && strcmp(p->due[i].url, due->url) == 0) return due->trouble = p->due[i].trouble, OK;
  return guard_reach(cx, p->core, db, ctx_printf(cx, "%s?operation=GetCACaps", due->url), CHECK_SECONDS * US_SECOND,
                     &due->trouble);
}

static enum err check_self(struct ctx *cx, struct plan *p) {
  struct db *db;
  TRY(db_reader(cx, p->core->store, &db));
  for (size_t i = 0; i < p->due_n; i++) {
    TRY(is_reached(cx, db, p, i));
    if (!p->unreached && p->due[i].trouble) p->unreached = &p->due[i];
  }
  return OK;
}

enum err renewal_reached(struct ctx *cx, struct db *db, const char *given) {
  struct js *o;
  const char *url;
  char *fact;
  TRY(fact_read(cx, db, RENEWAL_UNREACHABLE, &fact));
  if (!fact) return OK;
  TRY(js_parse(cx, slice_of(fact), &o));
  TRY(scep_url_of(cx, given, &url));
  if (!url || !js_str(o, "url") || strcmp(url, js_str(o, "url")) != 0) return OK;
  return FAIL(cx, E_CONFLICT, "the server does not reach itself as this device does: %s", js_str(o, "why"));
}

/* ---- starting ---- */

static enum err tell_trouble(struct ctx *cx, struct db *db, const struct renewal_due *unreached) {
  struct js *fact = js_object(cx), *data = js_object(cx);
  char *told;
  if (!unreached) return fact_write(cx, db, RENEWAL_UNREACHABLE, NULL);
  TRY(fact_read(cx, db, RENEWAL_UNREACHABLE, &told));
  if (told) return OK;
  const char *why = unreached->trouble;
  js_set_string(fact, "why", why);
  js_set_string(fact, "url", unreached->url);
  js_set_int(fact, "at", clock_now_us());
  js_set_string(data, "why", why);
  TRY(fact_write(cx, db, RENEWAL_UNREACHABLE, js_text(cx, fact, JS_COMPACT).p));
  return event_add(cx, db, "renewal.unreachable", NULL, data);
}

/* What cannot be rendered concerns more than this one: an operator must look. What changed since the plan was made is
   no trouble. */
static enum err begin_one(struct ctx *cx, struct db *db, struct plan *p, const struct renewal_due *due) {
  struct renewal_subject s;
  char *command;
  TRY(renewal_subject_load(cx, db, due->device, &s));
  if (!s.given || renewal_obstacle(&s, clock_now_us(), core_conf(p->core)->identity_grace_us)) return OK;
  enum err e = enroll_given_check(cx, p->core, s.given);
  if (e == E_CONFLICT) {
    const char *why = ctx_strdup(cx, ctx_error_text(cx));
    ctx_clear_error(cx);
    p->start = 0;
    return renewal_halt(cx, db, s.id, why);
  }
  TRY(e);
  p->start--;
  return renewal_begin(cx, db, p->core, due->device, p->wave, "renewal", &command);
}

static enum err start_job(struct ctx *cx, struct db *db, void *arg) {
  struct plan *p = arg;
  char *halted;
  TRY(tell_trouble(cx, db, p->unreached));
  TRY(fact_read(cx, db, RENEWAL_HALTED, &halted));
  if (halted) return OK;
  for (size_t i = 0; i < p->due_n && p->start > 0; i++)
    if (!p->due[i].trouble) TRY(begin_one(cx, db, p, &p->due[i]));
  return OK;
}

enum err renewal_chore(struct ctx *cx, struct core *core) {
  struct plan p;
  TRY(end_over(cx, core));
  TRY(assign_originals(cx, core));
  TRY(make_plan(cx, core, &p));
  if (p.due_n == 0 && !p.told) return OK;
  TRY(check_self(cx, &p));
  return db_call(cx, core->store, start_job, &p);
}

/* ---- how it stands ---- */

static enum err told_since(struct ctx *cx, struct db *db, const char *name, char **why, int64_t *at) {
  struct js *o;
  char *text;
  *why = NULL;
  *at = 0;
  TRY(fact_read(cx, db, name, &text));
  if (!text) return OK;
  TRY(js_parse(cx, slice_of(text), &o));
  const char *device = js_str(o, "device"), *words = js_str(o, "why");
  *why = device ? ctx_printf(cx, "%s: %s", device, words ? words : "") : ctx_strdup(cx, words ? words : "");
  (void)js_int(js_get(o, "at"), at);
  return OK;
}

enum err renewal_status(struct ctx *cx, struct db *db, struct core *core, struct renewal_status *out) {
  static const char *const stages[] = {[WAVE_CANARY] = "canary", [WAVE_FEW] = "few", [WAVE_STREAM] = "stream"};
  struct renewal_counts counts;
  int64_t now = clock_now_us(), since;
  *out = (struct renewal_status){0};
  TRY(told_since(cx, db, RENEWAL_HALTED, &out->halted, &out->halted_at));
  TRY(told_since(cx, db, RENEWAL_UNREACHABLE, &out->unreachable, &out->unreachable_at));
  TRY(proved_since(cx, db, now, &since));
  TRY(renewal_counts(cx, db, since, now, &counts));
  struct renewal_search search = search_of(core_conf(core), now);
  TRY(renewal_due_count(cx, db, &search, &out->due));
  TRY(renewal_totals(cx, db, since, &out->open, &out->done));
  out->stage = stages[wave_of(&counts)];
  return OK;
}
