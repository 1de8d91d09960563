/* NanoMDM's API, so that its tools work unchanged: the same paths, members and status codes, but for what is the
   client's mistake, which is told by a 4xx. */
#include "base/clock.h"
#include "core/pushcert.h"
#include "face/api_int.h"
#include "face/api_nano_int.h"

#include <string.h>

enum { WAIT_S = 5, IDS_MAX = 100000 };

/* ---- /v1/pushcert ---- */

static void reply_pushcert(struct http_req *rq, const struct pushcert *c) {
  struct js *body = js_object(http_cx(rq));
  js_set_string(body, "topic", c->topic);
  js_set_time(body, "not_after", c->not_after);
  reply_json(rq, 200, body);
}

static enum err find_pushcert(struct http_req *rq, struct core *core, struct pushcert *out) {
  struct ctx *cx = http_cx(rq);
  struct slice topic = http_query(rq, "topic");
  struct db *db;
  if (topic.n == 0) return FAIL(cx, E_INVALID, "missing topic");
  TRY(db_reader(cx, core->store, &db));
  return pushcert_find(cx, db, ctx_memdup(cx, topic.p, topic.n), out);
}

static void get_pushcert(struct http_req *rq, struct core *core) {
  struct pushcert c;
  enum err e = find_pushcert(rq, core, &c);
  if (e == OK)
    reply_pushcert(rq, &c);
  else
    reply_error(rq, e);
}

static void stored(struct http_req *rq, void *arg, enum err e) {
  if (e == OK) route_log(rq, "topic", api_imported(arg)->topic);
  if (e == OK)
    reply_pushcert(rq, api_imported(arg));
  else
    reply_error(rq, e);
}

static void put_pushcert(struct http_req *rq, struct core *core) {
  enum err e = api_import_start(rq, core, stored);
  if (e != OK) reply_error(rq, e);
}

/* ---- /v1/push and /v1/enqueue ---- */

enum err nano_ids(struct http_req *rq, const char *param, char ***out, size_t *n) {
  struct ctx *cx = http_cx(rq);
  struct slice all = route_param(rq, param), rest = all, id;
  size_t room = 1;
  *n = 0;
  for (size_t i = 0; i < all.n; i++) room += all.p[i] == ',';
  if (room > IDS_MAX) return FAIL(cx, E_TOO_LARGE, "more than %d ids", IDS_MAX);
  *out = ctx_alloc(cx, room * sizeof **out);
  while (slice_cut(&rest, ',', &id))
    if (id.n) (*out)[(*n)++] = ctx_memdup(cx, id.p, id.n);
  return *n ? OK : FAIL(cx, E_INVALID, "no ids");
}

static enum err read_ids(struct http_req *rq, struct enqueue *q) {
  char **ids;
  TRY(nano_ids(rq, "ids", &ids, &q->n));
  q->targets = ctx_alloc(http_cx(rq), q->n * sizeof *q->targets);
  for (size_t i = 0; i < q->n; i++) q->targets[i].name = ids[i];
  return OK;
}

static void set_target_error(struct js *o, const struct enqueue *q, const struct enqueue_target *t) {
  js_set_string(o, q->command ? "command_error" : "push_error", t->error);
}

static const char *push_error_of(struct ctx *cx, const struct push_result *r) {
  bool fine = r->status == 0 || r->status == 200;
  return fine ? NULL : ctx_printf(cx, "APNs answered %d %s", r->status, r->reason);
}

/* Status 0: not answered in time; it is still due, and goes out under the same id. */
static struct js *target_json(struct ctx *cx, const struct enqueue *q, const struct enqueue_target *t) {
  struct js *o = js_object(cx);
  const char *push_error = t->due ? push_error_of(cx, t->push) : t->push_error;
  if (push_error)
    js_set_string(o, "push_error", push_error);
  else if (t->due)
    js_set_string(o, "push_result", t->push->apns_id);
  if (t->e != OK) set_target_error(o, q, t);
  return o;
}

struct tally {
  size_t refused, push_failed;
  enum err first, worst;
};

static struct tally count(const struct enqueue *q) {
  struct tally n = {.first = q->targets[0].e};
  for (size_t i = 0; i < q->n; i++) {
    const struct enqueue_target *t = &q->targets[i];
    bool answered_badly = t->due && t->push->status != 0 && t->push->status != 200;
    n.refused += t->e != OK;
    n.push_failed += t->e == OK && (t->push_error || answered_badly);
    if (t->e != n.first) n.worst = E_INTERNAL;
  }
  return n;
}

/* All refused by the client's mistake: that mistake. A stored command is never an error, whatever became of its push.
 */
static int status_of(const struct enqueue *q) {
  struct tally n = count(q);
  if (n.refused == 0 && n.push_failed == 0) return 200;
  if (n.refused == q->n) return err_http_status(n.worst == OK ? n.first : E_INVALID);
  return !q->command && n.refused + n.push_failed == q->n ? 500 : 207;
}

static void set_command(struct js *body, const struct enqueue *q) {
  if (!q->command) return;
  js_set_string(body, "command_uuid", q->command->uuid);
  js_set_string(body, "request_type", q->command->request_type);
}

/* What went wrong before any id was looked at. */
static void reply_command_error(struct http_req *rq, enum err e, const struct enqueue *q) {
  struct ctx *cx = http_cx(rq);
  struct js *body = js_object(cx);
  int status = err_http_status(e);
  const char *text = e == E_INTERNAL || e == E_STORAGE ? err_text(e) : ctx_error_text(cx);
  js_set_string(body, q->command || http_body(rq).n ? "command_error" : "push_error", text);
  set_command(body, q);
  if (status == 503) http_set_header(rq, "Retry-After", "60");
  reply_json(rq, status, body);
}

static void enqueued(struct enqueue *q, enum err e) {
  struct ctx *cx = http_cx(q->rq);
  if (e != OK) {
    reply_command_error(q->rq, e, q);
    return;
  }
  struct js *body = js_object(cx), *status = js_object(cx);
  for (size_t i = 0; i < q->n; i++) {
    struct js *o = target_json(cx, q, &q->targets[i]);
    if (js_count(o)) js_set(status, q->targets[i].name, o);
  }
  if (js_count(status)) js_set(body, "status", status); /* what is empty is left out, as NanoMDM does */
  if (!q->push) js_set_bool(body, "no_push", true);
  set_command(body, q);
  reply_json(q->rq, status_of(q), body);
}

static struct enqueue *enqueue_new(struct http_req *rq, struct core *core) {
  struct enqueue *q = ctx_alloc(http_cx(rq), sizeof *q);
  *q = (struct enqueue){.rq = rq, .core = core, .push = true, .wait_us = WAIT_S * US_SECOND, .done = enqueued};
  return q;
}

static void push(struct http_req *rq, struct core *core) {
  struct enqueue *q = enqueue_new(rq, core);
  enum err e = read_ids(rq, q);
  if (e == OK)
    enqueue_start(q);
  else
    reply_error(rq, e);
}

/* An empty body asks for a push alone, as with NanoMDM. */
static enum err read_enqueue(struct http_req *rq, struct enqueue *q) {
  struct ctx *cx = http_cx(rq);
  TRY(read_ids(rq, q));
  q->push = http_query(rq, "nopush").n == 0;
  if (http_body(rq).n == 0) return q->push ? OK : FAIL(cx, E_INVALID, "neither a command nor a push is asked for");
  struct command *command = ctx_alloc(cx, sizeof *command);
  TRY(command_parse(cx, command, http_body(rq)));
  q->command = command;
  return OK;
}

static void enqueue(struct http_req *rq, struct core *core) {
  struct enqueue *q = enqueue_new(rq, core);
  enum err e = read_enqueue(rq, q);
  if (e == OK)
    enqueue_start(q);
  else
    reply_command_error(rq, e, q);
}

const struct route nano_routes[] = {
    {.method = "GET",
     .pattern = "/v1/pushcert",
     .run = get_pushcert,
     .summary = "NanoMDM: topic and end of the push certificate in use for ?topic=."},
    {.method = "PUT",
     .pattern = "/v1/pushcert",
     .run = put_pushcert,
     .body_max = API_BODY_MAX,
     .summary = "NanoMDM: stores a push certificate, PEM of the certificate and of its key; 409 for a foreign topic "
                "while devices listen on another, but for ?new-topic=yes."},
    {.method = "*",
     .flags = ROUTE_ACT,
     .pattern = "/v1/push/:ids",
     .run = push,
     .body_max = API_BODY_MAX,
     .summary = "NanoMDM: wakes these ids (separated by commas) now."},
    {.method = "*",
     .flags = ROUTE_ACT,
     .pattern = "/v1/enqueue/:ids",
     .run = enqueue,
     .body_max = API_BODY_MAX,
     .summary = "NanoMDM: queues the raw command of the body for these ids (separated by commas), and wakes them "
                "unless ?nopush= is given."},
    {.method = NULL},
};
