/* Which renewals are begun when, and which are over. */
#include "core/renewal_int.h"

#include "base/clock.h"
#include "core/enroll.h"
#include "core/event.h"
#include "core/fact.h"
#include "core/keyring.h"
#include "core/queue.h"
#include "lib/net_http.h"

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

static enum err assign_job(struct ctx *cx, struct db *db, void *arg) {
  return enroll_original_assign(cx, db, CHUNK, arg);
}

/* Devices that were migrated since their original profile was given, or before it. */
static enum err assign_originals(struct ctx *cx, struct core *core) {
  int64_t n = CHUNK;
  while (n == CHUNK) TRY(db_call(cx, core->store, assign_job, &n));
  return OK;
}

struct plan {
  struct core *core;
  struct renewal_due *due;
  size_t due_n;
  int64_t start; /* so many of them */
  enum renewal_wave wave;
  const char *trouble; /* why none is */
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
static struct renewal_search search_of(const struct core_conf *conf, int64_t now, enum renewal_wave wave) {
  int64_t before = conf->identity_renew_before_us, half = conf->identity_validity_us / 2;
  return (struct renewal_search){.since = now - conf->identity_grace_us,
                                 .until = now + (before < half ? before : half),
                                 .failed_since = now - FAILED_DAYS * US_DAY,
                                 .seen_since = wave == WAVE_STREAM ? 0 : now - US_DAY};
}

static enum err make_plan(struct ctx *cx, struct core *core, struct plan *p) {
  struct renewal_counts counts;
  struct db *db;
  char *halted;
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
  struct renewal_search search = search_of(core_conf(core), now, p->wave);
  search.most = (int)p->start + SPARE;
  return renewal_due(cx, db, &search, &p->due, &p->due_n);
}

/* ---- does the server reach itself as devices do? ---- */

static enum err ask(struct ctx *cx, struct nh *client, const char *url, const char **trouble) {
  struct nh_reply reply;
  struct nh_req rq = {.method = "GET", .url = ctx_printf(cx, "%s?operation=GetCACaps", url)};
  enum err e = nh_do(cx, client, &rq, &reply);
  if (e == E_GONE) return e; /* the shutdown is no trouble of the way */
  if (e != OK)
    *trouble = ctx_printf(cx, "%s: %s", url, ctx_error_text(cx));
  else if (reply.status != 200)
    *trouble = ctx_printf(cx, "%s was answered with %d", url, reply.status);
  ctx_clear_error(cx);
  return OK;
}

static enum err ask_each(struct ctx *cx, struct nh *client, struct plan *p) {
  const char *last = "";
  for (size_t i = 0; i < p->due_n && !p->trouble; i++) {
    struct js *given;
    TRY(js_parse(cx, slice_of(p->due[i].given), &given));
    const char *url = enroll_scep_url(cx, given);
    if (!url || strcmp(url, last) == 0) continue;
    TRY(ask(cx, client, url, &p->trouble));
    last = url;
  }
  return OK;
}

static enum err check_self(struct ctx *cx, struct plan *p) {
  const struct core_conf *conf = core_conf(p->core);
  struct nh_conf way = {.proxy = conf->proxy, .timeout_us = CHECK_SECONDS * US_SECOND, .stop = &p->core->ending};
  struct nh *client;
  if (conf->own_tls) way.ca_pem = pki_cert_pem(cx, keyring_tls_ca(p->core->keyring));
  TRY(nh_new(cx, &client, &way));
  enum err e = ask_each(cx, client, p);
  nh_free(client);
  return e;
}

/* ---- starting ---- */

static enum err tell_trouble(struct ctx *cx, struct db *db, const char *why) {
  struct js *fact = js_object(cx), *data = js_object(cx);
  char *told;
  TRY(fact_read(cx, db, RENEWAL_UNREACHABLE, &told));
  if (told) return OK;
  js_set_string(fact, "why", why);
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
  if (p->trouble) return tell_trouble(cx, db, p->trouble);
  TRY(fact_write(cx, db, RENEWAL_UNREACHABLE, NULL));
  TRY(fact_read(cx, db, RENEWAL_HALTED, &halted));
  if (halted) return OK;
  for (size_t i = 0; i < p->due_n && p->start > 0; i++) TRY(begin_one(cx, db, p, &p->due[i]));
  return OK;
}

enum err renewal_chore(struct ctx *cx, struct core *core) {
  struct plan p;
  TRY(end_over(cx, core));
  TRY(assign_originals(cx, core));
  TRY(make_plan(cx, core, &p));
  if (p.due_n == 0) return OK;
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
  struct renewal_search search = search_of(core_conf(core), now, WAVE_STREAM);
  TRY(renewal_due_count(cx, db, &search, &out->due));
  TRY(renewal_totals(cx, db, since, &out->open, &out->done));
  out->stage = stages[wave_of(&counts)];
  return OK;
}
