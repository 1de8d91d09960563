/* /api/v1/pushcerts/…: keys and requests made here, and those who sign them. All of it takes a moment, or asks others:
   on the threads that may wait. */
#include "base/enc.h"
#include "core/pushcert_request.h"
#include "face/api_int.h"
#include "face/outbound.h"

#include <string.h>

enum { ANSWER_MOST = 64 * 1024, CSR_MOST = 64 * 1024 };

/* ---- common ---- */

static void reply(struct http_req *rq, enum err e, struct js *body) {
  if (e == OK)
    reply_json(rq, 200, body);
  else
    reply_error(rq, e);
}

static void later(struct http_req *rq, struct core *core, void (*run)(struct http_req *rq, struct core *core)) {
  enum err e = outbound_run(rq, core, run);
  if (e != OK) reply_error(rq, e);
}

static struct js *request_json(struct ctx *cx, const struct pushcert_request *r) {
  struct js *o = js_object(cx);
  js_set_int(o, "id", r->seq);
  js_set_string(o, "topic", r->topic);
  js_set_time(o, "created_at", r->created_at);
  js_set_string(o, "created_by", r->created_by);
  js_set_time(o, "used_at", r->used_at);
  js_set_string(o, "public_key_sha256", enc_hex(cx, r->public_hash, sizeof r->public_hash));
  js_set_string(o, "csr", pushcert_request_pem(cx, r->csr));
  return o;
}

static enum err set_portal(struct ctx *cx, struct db *db, struct core *core, const char *topic, struct js *body) {
  struct pushcert_portal portal;
  struct js *steps = js_array(cx);
  TRY(pushcert_request_portal(cx, db, core, topic, &portal));
  for (const char *const *s = portal.steps; *s; s++) js_add_string(steps, *s);
  js_set_string(body, "note", portal.note);
  js_set(body, "steps", steps);
  return OK;
}

/* What the steps of the portal are told for: the request with this CSR; another's has no topic here. */
static enum err topic_of(struct ctx *cx, struct db *db, struct slice csr, const char **topic) {
  struct pushcert_request *all;
  size_t n;
  *topic = NULL;
  TRY(pushcert_requests(cx, db, &all, &n));
  for (size_t i = 0; i < n; i++)
    if (slice_eq(all[i].csr, csr)) *topic = all[i].topic;
  return OK;
}

static enum err signed_json(struct ctx *cx, struct db *db, struct core *core, const char *topic, struct slice text,
                            struct js *body) {
  js_set_string(body, "signed_request", ctx_memdup(cx, text.p, text.n));
  js_set_string(body, "topic", topic);
  return set_portal(cx, db, core, topic, body);
}

/* ---- requests ---- */

static enum err fill_list(struct http_req *rq, struct core *core, struct js *body) {
  struct ctx *cx = http_cx(rq);
  struct pushcert_request *all;
  struct js *list = js_array(cx);
  struct db *db;
  size_t n;
  TRY(db_reader(cx, core->store, &db));
  TRY(pushcert_requests(cx, db, &all, &n));
  for (size_t i = 0; i < n; i++) {
    struct js *one = request_json(cx, &all[i]);
    TRY(set_portal(cx, db, core, all[i].topic, one));
    js_add(list, one);
  }
  js_set(body, "requests", list);
  return OK;
}

static void list(struct http_req *rq, struct core *core) { api_answer(rq, core, fill_list); }

struct storing {
  struct core *core;
  const char *by;
  struct pushcert_made made;
  struct pushcert_request request;
  struct pushcert_vendor vendor;
  struct pushcert_exchange exchange;
};

static enum err store_request(struct ctx *cx, struct db *db, void *arg) {
  struct storing *s = arg;
  return pushcert_request_store(cx, db, s->core, &s->made, s->by, &s->request);
}

/* A renewal of the topic in use unless a topic is named or a new one wanted. */
static enum err read_want(struct http_req *rq, struct db *db, struct pushcert_want *want) {
  struct ctx *cx = http_cx(rq);
  struct js *o;
  bool fresh = false;
  TRY(api_object(rq, &o));
  TRY(api_string(cx, o, "topic", &want->topic));
  TRY(api_string(cx, o, "cn", &want->cn));
  TRY(api_string(cx, o, "email", &want->email));
  TRY(api_bool(cx, o, "same_key", &want->same_key));
  TRY(api_bool(cx, o, "new_topic", &fresh));
  if (fresh && want->same_key) return FAIL(cx, E_INVALID, "the request for a new topic gets a key of its own");
  if (fresh && want->topic) return FAIL(cx, E_INVALID, "a new topic is made by Apple, not named");
  if (fresh) return OK;
  enum err e = pushcert_topic_meant(cx, db, want->topic, &want->topic);
  if (e != E_NOT_FOUND || want->topic) return e;
  ctx_clear_error(cx);
  return OK;
}

static enum err make(struct http_req *rq, struct core *core, struct js **out) {
  struct ctx *cx = http_cx(rq);
  struct pushcert_want want = {0};
  struct storing s = {.core = core, .by = route_who(rq)};
  struct db *db;
  TRY(db_reader(cx, core->store, &db));
  TRY(read_want(rq, db, &want));
  TRY(pushcert_request_make(cx, db, core, &want, &s.made));
  TRY(db_call(cx, core->store, store_request, &s));
  *out = request_json(cx, &s.request);
  return set_portal(cx, db, core, s.request.topic, *out);
}

static void run_make(struct http_req *rq, struct core *core) {
  struct js *body = NULL;
  enum err e = make(rq, core, &body);
  reply(rq, e, body);
}

static void create(struct http_req *rq, struct core *core) { later(rq, core, run_make); }

/* ---- vendor certificates ---- */

static struct js *vendor_json(struct ctx *cx, const struct pushcert_vendor *v) {
  struct js *o = js_object(cx);
  js_set_string(o, "subject", v->subject);
  js_set_time(o, "not_after", v->not_after);
  js_set_time(o, "chain_ends", v->chain_ends);
  js_set_time(o, "imported_at", v->imported_at);
  js_set_string(o, "imported_by", v->imported_by);
  return o;
}

static enum err fill_vendors(struct http_req *rq, struct core *core, struct js *body) {
  struct ctx *cx = http_cx(rq);
  struct pushcert_vendor *all;
  struct js *rows = js_array(cx);
  struct db *db;
  size_t n;
  TRY(db_reader(cx, core->store, &db));
  TRY(pushcert_vendors(cx, db, &all, &n));
  for (size_t i = 0; i < n; i++) js_add(rows, vendor_json(cx, &all[i]));
  js_set(body, "vendor_certificates", rows);
  return OK;
}

static void list_vendors(struct http_req *rq, struct core *core) { api_answer(rq, core, fill_vendors); }

static enum err store_vendor(struct ctx *cx, struct db *db, void *arg) {
  struct storing *s = arg;
  return pushcert_vendor_store(cx, db, s->core, &s->vendor, s->by);
}

static enum err take_vendor(struct http_req *rq, struct core *core, struct js **out) {
  struct ctx *cx = http_cx(rq);
  struct storing s = {.core = core, .by = route_who(rq)};
  struct pushcert_upload upload;
  struct pushcert_vendor *all;
  struct js *object;
  struct db *db;
  size_t n;
  TRY(api_upload(rq, &upload, &object));
  TRY(pushcert_vendor_check(cx, &s.vendor, &upload));
  TRY(db_call(cx, core->store, store_vendor, &s));
  TRY(db_reader(cx, core->store, &db));
  TRY(pushcert_vendors(cx, db, &all, &n));
  *out = vendor_json(cx, &all[0]);
  return OK;
}

static void run_take_vendor(struct http_req *rq, struct core *core) {
  struct js *body = NULL;
  enum err e = take_vendor(rq, core, &body);
  reply(rq, e, body);
}

static void put_vendor(struct http_req *rq, struct core *core) { later(rq, core, run_take_vendor); }

/* ---- signing ---- */

/* The CSR that came along, else that of the request named, else of the newest that waits. */
static enum err read_csr(struct http_req *rq, struct db *db, struct slice *csr) {
  struct ctx *cx = http_cx(rq);
  struct pushcert_upload upload;
  struct pushcert_request r;
  struct js *object;
  int64_t id = 0;
  if (http_body(rq).n) {
    TRY(api_upload(rq, &upload, &object));
    if (object) TRY(api_int(cx, object, "request", &id));
    if (upload.n > 1) return FAIL(cx, E_INVALID, "one certificate request (CSR) is signed at a time");
    if (upload.n == 1) return pushcert_csr_read(cx, csr, &upload.files[0]);
  }
  TRY(pushcert_request_find(cx, db, id, &r));
  *csr = r.csr;
  return OK;
}

static enum err sign(struct http_req *rq, struct core *core, struct js **out) {
  struct ctx *cx = http_cx(rq);
  struct pushcert_vendor vendor;
  struct slice csr, text;
  const char *topic;
  struct db *db;
  TRY(db_reader(cx, core->store, &db));
  TRY(read_csr(rq, db, &csr));
  TRY(pushcert_sign(cx, db, core, csr, &text, &vendor));
  *out = js_object(cx);
  TRY(topic_of(cx, db, csr, &topic));
  TRY(signed_json(cx, db, core, topic, text, *out));
  js_set(*out, "vendor", vendor_json(cx, &vendor));
  return OK;
}

static void run_sign(struct http_req *rq, struct core *core) {
  struct js *body = NULL;
  enum err e = sign(rq, core, &body);
  reply(rq, e, body);
}

static void post_sign(struct http_req *rq, struct core *core) { later(rq, core, run_sign); }

/* ---- mdmcert.download ---- */

static enum err store_exchange(struct ctx *cx, struct db *db, void *arg) {
  struct storing *s = arg;
  return pushcert_mdmcert_store(cx, db, s->core, &s->exchange);
}

static enum err ask_service(struct http_req *rq, struct core *core, const struct pushcert_exchange *x) {
  static const char *const headers[] = {"Content-Type: application/json", "Accept: application/json",
                                        "User-Agent: pomona/" POMONA_VERSION, NULL};
  struct nh_conf conf = {.proxy = core_conf(core)->proxy};
  struct nh_req out = {.method = "POST",
                       .url = core_conf(core)->mdmcert_url,
                       .headers = headers,
                       .body = x->body,
                       .body_max = ANSWER_MOST};
  struct nh_reply answer;
  enum err e = outbound_ask(rq, core, conf, &out, &answer);
  if (e == E_TOO_LARGE) {
    ctx_clear_error(http_cx(rq));
    return FAIL(http_cx(rq), E_UNREACHABLE,
                "what answers at mdmcert-url is not mdmcert.download: its answer is too long");
  }
  TRY(e);
  return pushcert_mdmcert_answered(http_cx(rq), answer.status, answer.body);
}

static enum err ask(struct http_req *rq, struct core *core, struct js **out) {
  struct ctx *cx = http_cx(rq);
  struct storing s = {.core = core, .by = route_who(rq)};
  struct pushcert_request r;
  const char *email = NULL;
  int64_t id = 0;
  struct js *o;
  struct db *db;
  TRY(api_object(rq, &o));
  TRY(api_string(cx, o, "email", &email));
  TRY(api_int(cx, o, "request", &id));
  TRY(db_reader(cx, core->store, &db));
  TRY(pushcert_request_find(cx, db, id, &r));
  TRY(pushcert_mdmcert_make(cx, core, &r, email ? email : "", &s.exchange));
  TRY(db_call(cx, core->store, store_exchange, &s));
  TRY(ask_service(rq, core, &s.exchange));
  *out = js_object(cx);
  js_set_string(*out, "email", email);
  js_set(*out, "request", request_json(cx, &r));
  return OK;
}

static void run_ask(struct http_req *rq, struct core *core) {
  struct js *body = NULL;
  enum err e = ask(rq, core, &body);
  reply(rq, e, body);
}

static void post_mdmcert(struct http_req *rq, struct core *core) { later(rq, core, run_ask); }

static enum err mark_opened(struct ctx *cx, struct db *db, void *arg) {
  return pushcert_mdmcert_opened(cx, db, ((const struct pushcert_opened *)arg)->exchange);
}

static enum err open_answer(struct http_req *rq, struct core *core, struct js **out) {
  struct ctx *cx = http_cx(rq);
  struct pushcert_upload upload;
  struct pushcert_opened opened;
  struct pushcert_request r;
  struct js *object;
  struct db *db;
  TRY(api_upload(rq, &upload, &object));
  if (upload.n != 1) return FAIL(cx, E_INVALID, "give the one file that came by mail");
  TRY(db_reader(cx, core->store, &db));
  TRY(pushcert_mdmcert_open(cx, db, core, &upload.files[0], &opened));
  TRY(db_call(cx, core->store, mark_opened, &opened));
  TRY(pushcert_request_find(cx, db, opened.request, &r));
  *out = js_object(cx);
  return signed_json(cx, db, core, r.topic, opened.text, *out);
}

static void run_open(struct http_req *rq, struct core *core) {
  struct js *body = NULL;
  enum err e = open_answer(rq, core, &body);
  reply(rq, e, body);
}

static void post_answer(struct http_req *rq, struct core *core) { later(rq, core, run_open); }

const struct route pushcert_request_routes[] = {
    {.method = "GET",
     .pattern = "/api/v1/pushcerts/requests",
     .run = list,
     .summary = "Requests for push certificates that were made here, newest first; their keys never leave."},
    {.method = "POST",
     .pattern = "/api/v1/pushcerts/requests",
     .body = "topic:text cn:text email:text same_key:bool new_topic:bool",
     .body_max = CSR_MOST,
     .run = create,
     .summary = "Makes a key and a request (CSR): {\"topic\",\"cn\",\"email\",\"same_key\",\"new_topic\"}, all of it "
                "optional."},
    {.method = "GET",
     .pattern = "/api/v1/pushcerts/vendor",
     .run = list_vendors,
     .summary = "MDM vendor certificates, newest first; that one signs."},
    {.method = "PUT",
     .pattern = "/api/v1/pushcerts/vendor",
     .body = "files:object[] passphrase:text",
     .body_max = API_BODY_MAX,
     .run = put_vendor,
     .summary =
         "Takes an MDM vendor certificate with its key and chain, as files like those of PUT /api/v1/pushcerts."},
    {.method = "POST",
     .pattern = "/api/v1/pushcerts/sign",
     .body = "files:object[] passphrase:text request:int",
     .body_max = API_BODY_MAX,
     .run = post_sign,
     .summary =
         "Signs a request with the vendor certificate for Apple's portal: the CSR that comes along, {\"request\": "
         "id}, or the newest."},
    {.method = "POST",
     .pattern = "/api/v1/pushcerts/mdmcert",
     .body = "email:text! request:int",
     .body_max = CSR_MOST,
     .run = post_mdmcert,
     .summary = "Has mdmcert.download sign a request: {\"email\",\"request\"}; its answer comes by mail."},
    {.method = "POST",
     .pattern = "/api/v1/pushcerts/mdmcert-answer",
     .body = "files:object[] passphrase:text",
     .body_max = API_BODY_MAX,
     .run = post_answer,
     .summary = "Opens the file that mdmcert.download sent by mail."},
    {.method = NULL},
};
