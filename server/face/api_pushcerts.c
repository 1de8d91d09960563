/* /api/v1/pushcerts: the certificates that pushes are sent with, and their history. */
#include "base/clock.h"
#include "base/enc.h"
#include "face/api_pushcert_int.h"

#include <string.h>

/* ---- one ---- */

/* The keys up to enrollments are promised to scripts. */
static struct js *certificate(struct ctx *cx, const struct pushcert *c, int64_t now) {
  struct js *o = js_object(cx);
  js_set_string(o, "topic", c->topic);
  js_set_string(o, "state", pushcert_state(c, now));
  js_set_time(o, "not_before", c->not_before);
  js_set_time(o, "not_after", c->not_after);
  js_set_int(o, "days_left", clock_days_left(c->not_after, now));
  js_set_string(o, "serial_number", c->serial_number);
  js_set_string(o, "subject", c->subject);
  js_set_string(o, "issuer", c->issuer);
  js_set_string(o, "apple_id", c->apple_id);
  js_set_string(o, "owner", c->owner);
  js_set_string(o, "note", c->note);
  js_set_int(o, "enrollments", c->enrollments);
  js_set_string(o, "serial_number_decimal", enc_decimal(cx, c->serial_number));
  js_set_time(o, "imported_at", c->imported_at);
  js_set_string(o, "imported_by", c->imported_by);
  js_set_time(o, "superseded_at", c->superseded_at);
  js_set_string(o, "proof", c->proof);
  js_set_string(o, "proof_text", c->proof_text);
  js_set_time(o, "probed_at", c->probed_at);
  js_set_time(o, "proven_at", c->proven_at);
  return o;
}

static enum err for_new_ones(struct ctx *cx, struct db *db, const char *topic, bool *out) {
  char *newest;
  enum err e = pushcert_topic(cx, db, &newest);
  *out = e == OK && strcmp(newest, topic) == 0;
  if (e == E_NOT_FOUND) return ctx_clear_error(cx), OK;
  return e;
}

static enum err set_topic(struct ctx *cx, struct db *db, const struct pushcert *c, struct js *o) {
  struct pushcert_record record;
  int64_t used;
  bool newest;
  TRY(pushcert_record_read(cx, db, c->topic, &record));
  TRY(pushcert_used(cx, db, c->topic, &used));
  TRY(for_new_ones(cx, db, c->topic, &newest));
  js_set_bool(o, "new_enrollments", newest);
  js_set_string(o, "people", pushcert_people(cx, &record));
  js_set_time(o, "planned_at", pushcert_plan_next(&record, c));
  js_set(o, "warnings", api_record_warnings(cx, &record));
  js_set_string(o, "next", pushcert_next(cx, c, &record, clock_now_us()));
  js_set_string(o, "portal", pushcert_row_advice(cx, c->topic, used, newest));
  return OK;
}

enum err api_pushcert(struct ctx *cx, struct db *db, const struct pushcert *c, struct js **out) {
  *out = certificate(cx, c, clock_now_us());
  return c->superseded_at ? OK : set_topic(cx, db, c, *out);
}

/* ---- all ---- */

enum err api_pushcerts(struct ctx *cx, struct core *core, struct js **out) {
  struct db *db;
  struct pushcert *rows;
  size_t n;
  TRY(db_reader(cx, core->store, &db));
  TRY(pushcert_list(cx, db, &rows, &n));
  *out = js_array(cx);
  for (size_t i = 0; i < n; i++) {
    struct js *o;
    TRY(api_pushcert(cx, db, &rows[i], &o));
    js_add(*out, o);
  }
  return OK;
}

static enum err fill_list(struct http_req *rq, struct core *core, struct js *body) {
  struct js *certs;
  TRY(api_pushcerts(http_cx(rq), core, &certs));
  js_set(body, "pushcerts", certs);
  return OK;
}

static void list(struct http_req *rq, struct core *core) { api_answer(rq, core, fill_list); }

/* ---- history ---- */

static enum err certificates_of(struct ctx *cx, struct db *db, const char *topic, struct js **out) {
  struct pushcert *rows;
  size_t n;
  TRY(pushcert_list(cx, db, &rows, &n));
  *out = js_array(cx);
  for (size_t i = 0; i < n; i++) {
    const char *fingerprint;
    if (strcmp(rows[i].topic, topic) != 0) continue;
    TRY(pushcert_fingerprint(cx, db, &rows[i], &fingerprint));
    struct js *o = certificate(cx, &rows[i], clock_now_us());
    js_set_string(o, "key_sha256", fingerprint);
    js_add(*out, o);
  }
  return OK;
}

static enum err acts_of(struct ctx *cx, struct db *db, const char *topic, struct js **out) {
  struct pushcert_act *acts;
  size_t n;
  TRY(pushcert_acts(cx, db, topic, &acts, &n));
  *out = js_array(cx);
  for (size_t i = 0; i < n; i++) {
    struct js *o = js_object(cx);
    js_set_time(o, "at", acts[i].at);
    js_set_string(o, "act", acts[i].act);
    js_set_string(o, "serial_number", acts[i].serial_number);
    js_set_string(o, "by", acts[i].by);
    js_set(o, "detail", acts[i].detail);
    js_add(*out, o);
  }
  return OK;
}

static enum err history_of(struct ctx *cx, struct db *db, const char *topic, struct js **out) {
  struct js *certs, *acts;
  int64_t used;
  bool newest;
  TRY(certificates_of(cx, db, topic, &certs));
  TRY(acts_of(cx, db, topic, &acts));
  TRY(pushcert_used(cx, db, topic, &used));
  TRY(for_new_ones(cx, db, topic, &newest));
  *out = js_object(cx);
  js_set_string(*out, "topic", topic);
  js_set_int(*out, "enrollments", used);
  js_set_string(*out, "portal", pushcert_row_advice(cx, topic, used, newest));
  js_set(*out, "certificates", certs);
  js_set(*out, "acts", acts);
  return OK;
}

static bool is_first(const struct pushcert *rows, size_t i) {
  for (size_t k = 0; k < i; k++)
    if (strcmp(rows[k].topic, rows[i].topic) == 0) return false;
  return true;
}

static enum err fill_history(struct http_req *rq, struct core *core, struct js *body) {
  struct ctx *cx = http_cx(rq);
  struct slice only = http_query(rq, "topic");
  struct pushcert *rows;
  struct db *db;
  struct js *topics = js_array(cx), *o;
  size_t n;
  TRY(db_reader(cx, core->store, &db));
  TRY(pushcert_list(cx, db, &rows, &n));
  for (size_t i = 0; i < n; i++) {
    if (!is_first(rows, i) || (only.p && !slice_is(only, rows[i].topic))) continue;
    TRY(history_of(cx, db, rows[i].topic, &o));
    js_add(topics, o);
  }
  if (only.p && js_count(topics) == 0)
    return FAIL(cx, E_NOT_FOUND, "there never was a push certificate of the topic %.*s", (int)only.n, only.p);
  js_set(body, "topics", topics);
  return OK;
}

static void history(struct http_req *rq, struct core *core) { api_answer(rq, core, fill_history); }

const struct route pushcerts_routes[] = {
    {.method = "GET",
     .pattern = "/api/v1/pushcerts",
     .run = list,
     .summary = "All push certificates, newest first; of those in use also what Apple said of them, who stands behind "
                "them, what is wrong, and what to do next."},
    {.method = "GET",
     .pattern = "/api/v1/pushcerts/history",
     .query = "topic:text",
     .run = history,
     .summary = "By topic (?topic=: of one): all its certificates with serial numbers, dates and keys, and what was "
                "done with them and with its Apple Account."},
    {.method = NULL},
};
