/* What puts a push certificate into use: an import, going back to a former one. Both ask Apple first, on a thread that
   may wait. */
#include "base/clock.h"
#include "core/push.h"
#include "core/recovery.h"
#include "face/api_pushcert_int.h"
#include "face/outbound.h"

#include <string.h>

#define PROBE_TIMEOUT (10 * US_SECOND)

/* One certificate on its way into use. */
struct change {
  struct core *core;
  struct db *db; /* of this thread */
  const char *by, *topic;
  unsigned allow;
  struct pushcert_pair pair; /* of an import */
  struct pushcert former;    /* of a rollback; seq 0: there is none, the topic is withdrawn */
  struct push_probe said;
  struct pushcert before, now; /* of the topic; topic NULL: none */
  struct recovery recovery;    /* the last one of the topic; seq 0: none */
  bool recovers;               /* it began with this change */
  enum err (*job)(struct ctx *cx, struct db *db, void *arg);
  void (*then)(struct http_req *rq, void *arg, enum err e);
};

/* ---- what Apple says ---- */

static enum err ask_apple(struct ctx *cx, struct change *c, const struct pushcert *about, struct slice cert_pem,
                          struct slice key_pem) {
  enum err e = push_probe(cx, c->core, about->topic, cert_pem, key_pem, 0, PROBE_TIMEOUT, &c->said);
  if (e == E_GONE) return ctx_clear_error(cx), FAIL(cx, E_UNAVAILABLE, "the server is being stopped");
  TRY(e);
  if (c->said.proof != PUSH_PROOF_REFUSED || c->allow & PUSHCERT_ANYWAY) return OK;
  struct pushcert_record record;
  TRY(pushcert_record_read(cx, c->db, about->topic, &record));
  return FAIL(cx, E_CONFLICT,
              "Apple refuses this certificate; nothing was changed\n"
              "  certificate: %s, serial number %s\n"
              "  Apple says:  %s\n"
              "  to do:       it was revoked, perhaps by a renewal of the same row since, or somebody between here and "
              "Apple answers in its place (`pomona doctor`). To have another: %s. %s\n"
              "  or else:     --anyway (?anyway=true) stores it all the same",
              about->topic, pushcert_serials(cx, about->serial_number), c->said.text,
              pushcert_steps(cx, about->topic, NULL, record.apple_account), pushcert_people(cx, &record));
}

/* ---- the jobs ---- */

static enum err in_use(struct ctx *cx, struct db *db, const char *topic, struct pushcert *out) {
  enum err e = pushcert_find(cx, db, topic, out);
  *out = e == OK ? *out : (struct pushcert){0};
  if (e == E_NOT_FOUND) return ctx_clear_error(cx), OK;
  return e;
}

/* What an import and a rollback have in common once the certificate is in use. */
static enum err put_into_use(struct ctx *cx, struct db *db, struct change *c) {
  struct pushcert now;
  TRY(pushcert_find(cx, db, c->topic, &now));
  TRY(pushcert_proved(cx, db, now.seq, push_proof_name(c->said.proof), c->said.text));
  TRY(recovery_start(cx, db, c->topic));
  push_changed(db, c->core);
  return OK;
}

static enum err import_job(struct ctx *cx, struct db *db, void *arg) {
  struct change *c = arg;
  TRY(pushcert_store(cx, db, c->core, &c->pair, c->by, c->allow));
  return put_into_use(cx, db, c);
}

static enum err rollback_job(struct ctx *cx, struct db *db, void *arg) {
  struct change *c = arg;
  TRY(pushcert_rollback(cx, db, &c->former, c->by));
  return put_into_use(cx, db, c);
}

static enum err withdraw_job(struct ctx *cx, struct db *db, void *arg) {
  struct change *c = arg;
  TRY(pushcert_withdraw(cx, db, c->topic, c->by));
  push_changed(db, c->core);
  return OK;
}

static enum err last_recovery(struct ctx *cx, struct change *c, struct recovery *out) {
  enum err e = recovery_last(cx, c->db, c->topic, out);
  if (e == E_NOT_FOUND) return *out = (struct recovery){0}, ctx_clear_error(cx), OK;
  return e;
}

/* What it replaces and what is in use then are of this change, whatever others do at the same time. */
static enum err change_job(struct ctx *cx, struct db *db, void *arg) {
  struct change *c = arg;
  TRY(in_use(cx, db, c->topic, &c->before));
  TRY(c->job(cx, db, c));
  return in_use(cx, db, c->topic, &c->now);
}

static enum err run_job(struct ctx *cx, struct change *c, enum err (*job)(struct ctx *cx, struct db *db, void *arg)) {
  struct recovery former;
  c->job = job;
  TRY(last_recovery(cx, c, &former));
  TRY(db_call(cx, c->core->store, change_job, c));
  TRY(last_recovery(cx, c, &c->recovery));
  c->recovers = c->recovery.seq != former.seq;
  return OK;
}

/* ---- what is answered ---- */

/* Devices are woken, because the former one had ended or was refused. */
static void set_recovery(struct ctx *cx, const struct change *c, struct js *o) {
  struct js *told = js_object(cx);
  js_set_null(o, "recovery");
  if (!c->recovers) return;
  js_set_time(told, "dark_since", c->recovery.dark_since);
  js_set_time(told, "started_at", c->recovery.started_at);
  js_set(o, "recovery", told);
}

static void set_replaced(struct ctx *cx, const struct change *c, struct js *o) {
  struct js *was = js_object(cx);
  js_set_null(o, "replaced");
  if (!c->before.topic || c->before.seq == c->now.seq) return;
  js_set_string(was, "serial_number", c->before.serial_number);
  js_set_time(was, "not_after", c->before.not_after);
  js_set(o, "replaced", was);
}

static struct js *notes_of(struct ctx *cx, const struct pushcert_pair *pair) {
  struct js *list = js_array(cx);
  for (const char *const *note = pair->notes; note && *note; note++) js_add_string(list, *note);
  return list;
}

static enum err answer(struct ctx *cx, const struct change *c, struct js **out) {
  struct pushcert *all;
  size_t n, i = 0;
  TRY(pushcert_list(cx, c->db, &all, &n));
  while (i < n && all[i].seq != c->now.seq) i++;
  TRY(api_pushcert(cx, c->db, i < n ? &all[i] : &c->now, out));
  set_replaced(cx, c, *out);
  set_recovery(cx, c, *out);
  js_set(*out, "notes", notes_of(cx, &c->pair));
  return OK;
}

/* ---- import ---- */

static enum err import_all(struct http_req *rq, struct change *c) {
  struct ctx *cx = http_cx(rq);
  struct pushcert_upload upload;
  struct js *object;
  TRY(api_upload(rq, &upload, &object));
  TRY(db_reader(cx, c->core->store, &c->db));
  upload.db = c->db;
  upload.core = c->core;
  TRY(pushcert_check(cx, &c->pair, &upload));
  c->topic = c->pair.about.topic;
  TRY(pushcert_guard(cx, c->db, &c->pair, c->allow)); /* before Apple is bothered; the job looks again */
  TRY(ask_apple(cx, c, &c->pair.about, c->pair.cert_pem, c->pair.key_pem));
  return run_job(cx, c, import_job);
}

static void import_run(struct http_req *rq, struct core *core) {
  struct change *c = route_user(rq);
  (void)core;
  enum err e = import_all(rq, c);
  c->then(rq, c, e);
}

static struct change *change_new(struct http_req *rq, struct core *core) {
  struct change *c = ctx_alloc(http_cx(rq), sizeof *c);
  *c = (struct change){.core = core, .by = route_who(rq)};
  if (route_flag(rq, "new-topic")) c->allow |= PUSHCERT_NEW_TOPIC;
  if (route_flag(rq, "anyway")) c->allow |= PUSHCERT_ANYWAY;
  route_set_user(rq, c);
  return c;
}

enum err api_import_start(struct http_req *rq, struct core *core,
                          void (*then)(struct http_req *rq, void *arg, enum err e)) {
  struct change *c = change_new(rq, core);
  c->then = then;
  return outbound_run(rq, core, import_run);
}

const struct pushcert *api_imported(const void *arg) { return &((const struct change *)arg)->now; }

static void done(struct http_req *rq, void *arg, enum err e) {
  struct js *body;
  if (e == OK) e = answer(http_cx(rq), arg, &body);
  if (e == OK) route_log(rq, "topic", api_imported(arg)->topic);
  if (e == OK)
    reply_json(rq, 200, body);
  else
    reply_error(rq, e);
}

static void import(struct http_req *rq, struct core *core) {
  enum err e = api_import_start(rq, core, done);
  if (e != OK) reply_error(rq, e);
}

/* ---- going back ---- */

static enum err find_former(struct http_req *rq, struct change *c) {
  struct ctx *cx = http_cx(rq);
  struct js *body;
  const char *serial_number = NULL;
  TRY(api_object(rq, &body));
  TRY(api_string(cx, body, "topic", &c->topic));
  TRY(api_string(cx, body, "serial_number", &serial_number));
  enum err e = pushcert_former(cx, c->db, c->topic, serial_number, &c->former);
  if (e == OK) c->topic = c->former.topic;
  if (e != E_NOT_FOUND || serial_number || !c->topic) return e;
  c->former = (struct pushcert){0};
  return ctx_clear_error(cx), OK;
}

static enum err rollback_all(struct http_req *rq, struct change *c) {
  struct ctx *cx = http_cx(rq);
  struct slice cert_pem, key_pem;
  TRY(db_reader(cx, c->core->store, &c->db));
  TRY(find_former(rq, c));
  if (!c->former.seq) return run_job(cx, c, withdraw_job);
  TRY(pushcert_open_one(cx, c->db, c->core, &c->former, &cert_pem, &key_pem));
  TRY(ask_apple(cx, c, &c->former, cert_pem, key_pem));
  return run_job(cx, c, rollback_job);
}

static void withdrawn(struct http_req *rq, const struct change *c) {
  struct js *body = js_object(http_cx(rq));
  js_set_string(body, "topic", c->topic);
  js_set_string(body, "withdrawn", c->before.serial_number);
  reply_json(rq, 200, body);
}

static void rollback_run(struct http_req *rq, struct core *core) {
  struct change *c = route_user(rq);
  (void)core;
  enum err e = rollback_all(rq, c);
  if (e == OK && !c->former.seq)
    withdrawn(rq, c);
  else
    done(rq, c, e);
}

static void rollback(struct http_req *rq, struct core *core) {
  (void)change_new(rq, core);
  enum err e = outbound_run(rq, core, rollback_run);
  if (e != OK) reply_error(rq, e);
}

const struct route pushcert_import_routes[] = {
    {.method = "PUT",
     .pattern = "/api/v1/pushcerts",
     .flags = ROUTE_FILE,
     .body = "files:object[] passphrase:text",
     .query = "new-topic:bool anyway:bool",
     .run = import,
     .body_max = API_BODY_MAX,
     .summary =
         "Imports a push certificate and its key: one file as it is, or {\"files\":[{\"name\",\"data\": "
         "base64}],\"passphrase\"} as application/json. Apple is asked about it first. 409: it is of another "
         "topic than devices listen on (?new-topic=true keeps it beside the old one), ends before the one in use, "
         "or is refused by Apple (?anyway=true)."},
    {.method = "POST",
     .pattern = "/api/v1/pushcerts/rollback",
     .query = "new-topic:bool anyway:bool",
     .body = "topic:text serial_number:text",
     .run = rollback,
     .body_max = API_BODY_MAX,
     .summary = "Goes back to a former push certificate that is still valid: {\"serial_number\"} in hexadecimal or "
                "decimal, or {\"topic\"}: the last one of it. Apple is asked about it first (409 when it refuses; "
                "?anyway=true). Of a topic that no enrollment has and that has no former one, the certificate is "
                "withdrawn."},
    {.method = NULL},
};
