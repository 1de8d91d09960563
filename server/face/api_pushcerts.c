/* /api/v1/pushcerts: the certificates that pushes are sent with. */
#include "base/clock.h"
#include "core/push.h"
#include "core/pushcert.h"
#include "core/recovery.h"
#include "face/api_int.h"
#include "face/outbound.h"

#include <string.h>

/* The keys of this list are promised to scripts. */
static struct js *pushcert_json(struct ctx *cx, const struct pushcert *c, int64_t now) {
  struct js *o = js_object(cx);
  js_set_string(o, "topic", c->topic);
  js_set_string(o, "state", pushcert_state(c, now));
  js_set_time(o, "not_before", c->not_before);
  js_set_time(o, "not_after", c->not_after);
  js_set_int(o, "days_left", (c->not_after - now) / US_DAY);
  js_set_string(o, "serial_number", c->serial_number);
  js_set_string(o, "subject", c->subject);
  js_set_string(o, "issuer", c->issuer);
  js_set_string(o, "apple_id", c->apple_id);
  js_set_string(o, "owner", c->owner);
  js_set_string(o, "note", c->note);
  js_set_int(o, "enrollments", c->enrollments);
  js_set_time(o, "imported_at", c->imported_at);
  return o;
}

enum err api_pushcerts(struct ctx *cx, struct core *core, struct js **out) {
  struct db *db;
  struct pushcert *rows;
  size_t n;
  TRY(db_reader(cx, core->store, &db));
  TRY(pushcert_list(cx, db, &rows, &n));
  *out = js_array(cx);
  for (size_t i = 0; i < n; i++) js_add(*out, pushcert_json(cx, &rows[i], clock_now_us()));
  return OK;
}

static void list(struct http_req *rq, struct core *core) {
  struct js *certs, *body = js_object(http_cx(rq));
  enum err e = api_pushcerts(http_cx(rq), core, &certs);
  if (e != OK) {
    reply_error(rq, e);
    return;
  }
  js_set(body, "pushcerts", certs);
  reply_json(rq, 200, body);
}

/* ---- import ---- */

struct import {
  struct pushcert_pair pair;
  struct core *core;
  const char *by;
  bool new_topic;
  void (*then)(struct http_req *rq, void *arg, enum err e);
};

static enum err import_job(struct ctx *cx, struct db *db, void *arg) {
  struct import *i = arg;
  TRY(pushcert_store(cx, db, i->core, &i->pair, i->by, i->new_topic ? PUSHCERT_NEW_TOPIC : 0));
  TRY(recovery_start(cx, db, i->pair.about.topic));
  push_changed(db, i->core);
  return OK;
}

static enum err read_import(struct http_req *rq, struct core *core, struct import *i) {
  struct pushcert_upload upload;
  struct js *object;
  TRY(api_upload(rq, "", &upload, &object));
  TRY(db_reader(http_cx(rq), core->store, &upload.db));
  upload.core = core;
  return pushcert_check(http_cx(rq), &i->pair, &upload);
}

static void import_read(struct http_req *rq, struct core *core) {
  struct import *i = route_user(rq);
  enum err e = read_import(rq, core, i);
  if (e == OK)
    route_write(rq, core, import_job, i, i->then);
  else
    reply_error(rq, e);
}

enum err api_import_start(struct http_req *rq, struct core *core,
                          void (*then)(struct http_req *rq, void *arg, enum err e)) {
  struct import *i = ctx_alloc(http_cx(rq), sizeof *i);
  *i = (struct import){.core = core, .by = route_who(rq), .new_topic = http_query(rq, "new-topic").n > 0, .then = then};
  route_set_user(rq, i);
  return outbound_run(rq, core, import_read);
}

const struct pushcert *api_imported(const void *arg) { return &((const struct import *)arg)->pair.about; }

static void imported(struct http_req *rq, void *arg, enum err e) {
  if (e == OK)
    reply_json(rq, 200, pushcert_json(http_cx(rq), api_imported(arg), clock_now_us()));
  else
    reply_error(rq, e);
}

static void import(struct http_req *rq, struct core *core) {
  enum err e = api_import_start(rq, core, imported);
  if (e != OK) reply_error(rq, e);
}

const struct route pushcerts_routes[] = {
    {.method = "GET", .pattern = "/api/v1/pushcerts", .run = list, .summary = "All push certificates, newest first."},
    {.method = "PUT",
     .pattern = "/api/v1/pushcerts",
     .run = import,
     .body_max = API_BODY_MAX,
     .summary = "Imports a push certificate and its key: one file as it is, or {\"files\":[{\"name\",\"data\": "
                "base64}],\"passphrase\"} as application/json; ?new-topic=yes although devices listen on another."},
    {.method = NULL},
};
