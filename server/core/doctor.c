/* The table of checks, and how they are run: those that wait for the network beside each other, the rest in order. */
#include "core/doctor_int.h"

#include "base/clock.h"
#include "base/thread.h"
#include "core/pushcert.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LINES_MOST = 40, CHECK_S = 9 };
enum needs { NOTHING, DATABASE, NETWORK, ANSWERS /* of those that ask the network */ };

/* In the order in which they are shown. */
static const struct {
  const char *name;
  enum needs needs;
  void (*run)(struct check *c);
} rows[] = {
    // clang-format off
    {"data folder", NOTHING, check_folder},
    {"disk", NOTHING, check_disk},
    {"database", DATABASE, check_database},
    {"server", NOTHING, check_server},
    {"keys", DATABASE, check_keys},
    {"clock", ANSWERS, check_clock},
    {"DNS", NETWORK, check_dns},
    {"APNs", NETWORK, check_apns_ways},
    {"push certificate", DATABASE, check_pushcerts},
    {"Apple's answer", NETWORK, check_probes},
    {"topics", DATABASE, check_topics},
    {"TLS certificate", DATABASE, check_tls},
    {"public-url", DATABASE, check_public_url},
    {"signed request", DATABASE, check_signature},
    {"enrollments", DATABASE, check_given},
    {"profiles", DATABASE, check_profiles},
    {"packages", DATABASE, check_packages},
    {"webhooks", DATABASE, check_webhooks},
    {"notices", NOTHING, check_notices},
    {"mail server", NETWORK, check_smtp},
    {"domain", NOTHING, check_domain},
    {"devices' ports", NOTHING, check_ports},
    // clang-format on
};
enum { ROWS = sizeof rows / sizeof *rows };

const char *doctor_status_name(enum doctor_status s) {
  static const char *const names[] = {
      [DOCTOR_OK] = "ok", [DOCTOR_WARN] = "warn", [DOCTOR_FAIL] = "fail", [DOCTOR_SKIP] = "skip"};
  return names[s];
}

void found_as(struct check *c, const char *name, enum doctor_status status, const char *message, const char *fix) {
  if (c->n < LINES_MOST)
    c->lines[c->n++] =
        (struct doctor_line){name, status, ctx_strdup(c->cx, message), fix ? ctx_strdup(c->cx, fix) : ""};
}

void found(struct check *c, enum doctor_status status, const char *message, const char *fix) {
  found_as(c, c->name, status, message, fix);
}

const char *many(struct ctx *cx, int64_t n, const char *what) {
  return ctx_printf(cx, "%" PRId64 " %s%s", n, what, n == 1 ? "" : "s");
}

void not_read(struct check *c) {
  const char *why = ctx_strdup(c->cx, ctx_error_text(c->cx));
  ctx_clear_error(c->cx);
  found(c, DOCTOR_FAIL, ctx_printf(c->cx, "It cannot be looked at: %s.", why),
        "Look at what `database` says, and at the server's log.");
}

/* ---- what the checks share ---- */

static bool ends_with(const char *text, const char *end) { return slice_ends(slice_of(text), end); }

/* A key that cannot be opened is for check_pushcerts to tell. */
static void read_certs(struct ctx *cx, const struct doctor *d, struct db *db, struct shared *s) {
  struct pushcert *all;
  size_t n = 0;
  int64_t not_after;
  if (!db || pushcert_list(cx, db, &all, &n) != OK) n = 0;
  for (size_t i = 0; i < n && s->certs_n < CERTS_MOST; i++) {
    if (all[i].superseded_at) continue;
    struct probed_cert *p = &s->certs[s->certs_n++];
    *p = (struct probed_cert){.topic = all[i].topic};
    if (!d->core->vault || pushcert_open(cx, db, d->core, p->topic, &p->cert_pem, &p->key_pem, &not_after) != OK)
      p->cert_pem = p->key_pem = (struct slice){0};
  }
  ctx_clear_error(cx);
}

static void read_shared(struct ctx *cx, const struct doctor *d, struct db *db, struct shared *s) {
  const struct core_conf *conf = core_conf(d->core);
  s->apns_known = url_parse(cx, &s->apns, conf->apns_url) == OK;
  s->public_known = url_parse(cx, &s->public_url, conf->public_url) == OK;
  ctx_clear_error(cx);
  s->is_apple = s->apns_known && ends_with(s->apns.host, ".push.apple.com");
  read_certs(cx, d, db, s);
}

/* ---- running ---- */

struct run {
  struct check check;
  void (*run)(struct check *c);
  pthread_t thread;
};

/* All that one check asks of others takes no longer than this. */
static void run_one(struct run *r) {
  ctx_set_deadline(r->check.cx, clock_mono_us() + CHECK_S * US_SECOND);
  r->run(&r->check);
}

static void *work(void *arg) {
  struct run *r = arg;
  run_one(r);
  return NULL;
}

static void release(void *cx) { ctx_free(cx); }

static void begin(struct ctx *cx, const struct doctor *d, struct db *db, struct shared *s, struct run *runs) {
  for (int i = 0; i < ROWS; i++) {
    struct ctx *own = ctx_new();
    ctx_defer(cx, release, own);
    runs[i] = (struct run){.run = rows[i].run,
                           .check = {.cx = own,
                                     .doctor = d,
                                     .db = rows[i].needs == DATABASE ? db : NULL,
                                     .name = rows[i].name,
                                     .lines = ctx_alloc(own, LINES_MOST * sizeof *runs[i].check.lines),
                                     .shared = s}};
    if (rows[i].needs == NETWORK) runs[i].thread = thread_start("doctor", work, &runs[i]);
  }
}

static void run_here(const struct doctor *d, struct run *r, enum needs needs) {
  if (needs != DATABASE || r->check.db || r->run == check_database)
    run_one(r);
  else
    found(&r->check, DOCTOR_SKIP, ctx_printf(r->check.cx, "The database cannot be looked at: %s.", d->store_trouble),
          NULL);
}

static void finish(const struct doctor *d, struct run *runs) {
  for (int i = 0; i < ROWS; i++)
    if (rows[i].needs == NOTHING || rows[i].needs == DATABASE) run_here(d, &runs[i], rows[i].needs);
  for (int i = 0; i < ROWS; i++)
    if (rows[i].needs == NETWORK) thread_join(runs[i].thread);
  for (int i = 0; i < ROWS; i++)
    if (rows[i].needs == ANSWERS) runs[i].run(&runs[i].check);
}

void doctor_run(struct ctx *cx, const struct doctor *d, struct doctor_line **out, size_t *n) {
  struct run runs[ROWS];
  struct doctor own = *d;
  struct shared *s = ctx_alloc(cx, sizeof *s);
  struct db *db = NULL;
  if (own.core->store && db_reader(cx, own.core->store, &db) != OK) {
    own.store_trouble = ctx_strdup(cx, ctx_error_text(cx));
    ctx_clear_error(cx);
    db = NULL;
  }
  read_shared(cx, &own, db, s);
  begin(cx, &own, db, s, runs);
  finish(&own, runs);
  *out = ctx_alloc(cx, (size_t)ROWS * LINES_MOST * sizeof **out);
  *n = 0;
  for (int i = 0; i < ROWS; i++)
    for (size_t k = 0; k < runs[i].check.n; k++) (*out)[(*n)++] = runs[i].check.lines[k];
}

struct js *doctor_json(struct ctx *cx, const struct doctor_line *lines, size_t n) {
  struct js *o = js_object(cx), *all = js_array(cx);
  for (size_t i = 0; i < n; i++) {
    struct js *one = js_object(cx);
    js_set_string(one, "name", lines[i].name);
    js_set_string(one, "status", doctor_status_name(lines[i].status));
    js_set_string(one, "message", lines[i].message);
    js_set_string(one, "fix", lines[i].fix);
    js_add(all, one);
  }
  js_set(o, "checks", all);
  return o;
}
