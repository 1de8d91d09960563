/* /api/v1/commands: asking devices, and what came of it. */
#include "base/clock.h"
#include "base/enc.h"
#include "core/account.h"
#include "core/enroll.h"
#include "core/queue.h"
#include "core/queue_list.h"
#include "core/roster.h"
#include "core/seen.h"
#include "face/api_int.h"

#include <string.h>

enum { IDS_MAX = 100000, KEY_MAX = 255 };

/* ---- queueing ---- */

/* All devices that match now. */
static enum err read_matching(struct ctx *cx, struct js *object, struct enqueue *q) {
  const char *text = NULL;
  struct roster_filter *filter;
  struct roster_page page;
  struct db *db;
  TRY(api_string(cx, object, "filter", &text));
  if (!js_is_null(js_get(object, "ids"))) return FAIL(cx, E_INVALID, "either ids or filter names the devices");
  TRY(db_reader(cx, q->core->store, &db));
  TRY(roster_filter(cx, &filter, slice_of(text)));
  TRY(roster_ready(cx, db, q->core, filter));
  struct roster_query query = {.filter = filter, .sort = ROSTER_ENROLLED, .most = IDS_MAX};
  TRY(roster_list(cx, db, q->core, &query, &page));
  if (page.n == 0) return FAIL(cx, E_NOT_FOUND, "no device matches %s", text);
  if (page.next) return FAIL(cx, E_INVALID, "%zu devices match: at most %d at a time", page.total, IDS_MAX);
  q->n = page.n;
  q->targets = ctx_alloc(cx, q->n * sizeof *q->targets);
  for (size_t i = 0; i < q->n; i++) q->targets[i].name = roster_text(page.devices[i], ROSTER_ID);
  return OK;
}

static enum err read_ids(struct ctx *cx, struct js *object, struct enqueue *q) {
  struct js *ids = js_get(object, "ids");
  if (!js_is_null(js_get(object, "filter"))) return read_matching(cx, object, q);
  q->n = js_count(ids);
  if (!js_is_array(ids) || q->n == 0 || q->n > IDS_MAX)
    return FAIL(cx, E_INVALID, "ids is no array of 1 to %d ids", IDS_MAX);
  q->targets = ctx_alloc(cx, q->n * sizeof *q->targets);
  for (size_t i = 0; i < q->n; i++) {
    q->targets[i].name = js_string(js_at(ids, i));
    if (!q->targets[i].name) return FAIL(cx, E_INVALID, "ids holds something that is no string");
  }
  return OK;
}

static enum err read_command(struct ctx *cx, struct js *object, struct command *out) {
  const char *type = NULL, *plist = NULL, *uuid = NULL;
  struct slice bytes;
  TRY(api_string(cx, object, "request_type", &type));
  TRY(api_string(cx, object, "plist", &plist));
  TRY(api_string(cx, object, "command_uuid", &uuid));
  if (!type == !plist) return FAIL(cx, E_INVALID, "either request_type with arguments, or plist (base64), is needed");
  struct js *args = js_get(object, "arguments");
  if (type) return command_build(cx, out, type, js_is_null(args) ? NULL : args, uuid);
  TRY(dec_base64(cx, slice_of(plist), &bytes));
  return command_parse(cx, out, bytes);
}

/* "pomona." is what the server itself asks. */
static enum err read_collapse_key(struct ctx *cx, struct js *object, const char **out) {
  TRY(api_string(cx, object, "collapse_key", out));
  struct slice key = slice_of(*out);
  if (!*out || (key.n > 0 && key.n <= KEY_MAX && text_is_plain(key) && !slice_starts(key, "pomona."))) return OK;
  return FAIL(cx, E_INVALID,
              "collapse_key is not from 1 to %d bytes of plain text that does not begin with \"pomona.\"", KEY_MAX);
}

/* What locks, erases or loses a device is not done by a slip: its author says so a second time. */
static enum err need_confirm(struct ctx *cx, struct js *object, const struct command *c, bool check) {
  bool confirm = false;
  TRY(api_bool(cx, object, "confirm", &confirm));
  if (confirm || check || !(c->flags & COMMAND_DANGEROUS)) return OK;
  return FAIL(cx, E_INVALID, "%s is dangerous: say \"confirm\": true (`pomona command send --yes`)", c->request_type);
}

static enum err read_request(struct http_req *rq, struct enqueue *q, bool *check) {
  struct ctx *cx = http_cx(rq);
  struct js *object;
  struct command *command = ctx_alloc(cx, sizeof *command);
  bool force = false;
  TRY(api_object(rq, &object));
  TRY(read_ids(cx, object, q));
  TRY(read_command(cx, object, command));
  TRY(api_span(cx, object, "expires", &command->expires_us));
  TRY(read_collapse_key(cx, object, &command->collapse_key));
  TRY(api_bool(cx, object, "push", &q->push));
  TRY(api_bool(cx, object, "force", &force));
  TRY(api_bool(cx, object, "check", check));
  route_log(rq, "command", *check ? "check" : command->uuid);
  TRY(need_confirm(cx, object, command, *check));
  q->command = command;
  return enqueue_check(q, force);
}

static struct js *error_json(struct ctx *cx, enum err e, const char *message) {
  struct js *error = js_object(cx);
  js_set_string(error, "code", err_slug(e));
  js_set_string(error, "message", message);
  return error;
}

static struct js *queued_json(struct ctx *cx, const struct enqueue_target *t) {
  struct js *o = js_object(cx);
  js_set_string(o, "id", t->id ? t->id : t->name);
  js_set_string(o, "status", t->e == OK ? "Queued" : NULL);
  if (t->e != OK) js_set(o, "error", error_json(cx, t->e, t->error));
  if (t->warnings) js_set(o, "warnings", t->warnings);
  js_set_string(o, "apns_id", t->due ? t->push->apns_id : NULL);
  if (t->push_error) js_set_string(o, "push_error", t->push_error);
  return o;
}

/* All refused for the same kind of reason: then the whole request is refused so. */
static enum err common_error(const struct enqueue *q) {
  for (size_t i = 0; i < q->n; i++)
    if (q->targets[i].e == OK || q->targets[i].e != q->targets[0].e) return OK;
  return q->targets[0].e;
}

static bool any_error(const struct enqueue *q) {
  for (size_t i = 0; i < q->n; i++)
    if (q->targets[i].e != OK) return true;
  return false;
}

static void queued(struct enqueue *q, enum err e) {
  struct ctx *cx = http_cx(q->rq);
  enum err common = e == OK ? common_error(q) : e;
  if (common != OK) {
    if (e == OK) (void)FAIL(cx, common, "%s", q->targets[0].error);
    reply_error(q->rq, common);
    return;
  }
  struct js *body = js_object(cx), *targets = js_array(cx);
  js_set_string(body, "command_uuid", q->command->uuid);
  js_set_string(body, "request_type", q->command->request_type);
  for (size_t i = 0; i < q->n; i++) js_add(targets, queued_json(cx, &q->targets[i]));
  js_set(body, "targets", targets);
  reply_json(q->rq, any_error(q) ? 207 : 200, body);
}

/* Nothing is done: what would be refused, and what an operator would be warned of. */
static void checked(struct enqueue *q) {
  struct ctx *cx = http_cx(q->rq);
  struct js *body = js_object(cx), *targets = js_array(cx);
  js_set_string(body, "request_type", q->command->request_type);
  js_set_bool(body, "dangerous", (q->command->flags & COMMAND_DANGEROUS) != 0);
  for (size_t i = 0; i < q->n; i++) {
    const struct enqueue_target *t = &q->targets[i];
    struct js *o = js_object(cx);
    js_set_string(o, "id", t->name);
    js_set_string(o, "platform", t->platform);
    if (t->refused) js_set(o, "error", error_json(cx, E_CONFLICT, t->refused));
    if (t->warnings) js_set(o, "warnings", t->warnings);
    js_add(targets, o);
  }
  js_set(body, "targets", targets);
  reply_json(q->rq, 200, body);
}

static void send_now(struct http_req *rq, struct core *core) {
  struct enqueue *q = ctx_alloc(http_cx(rq), sizeof *q);
  bool check = false;
  *q = (struct enqueue){.rq = rq, .core = core, .push = true, .done = queued};
  enum err e = read_request(rq, q, &check);
  if (e != OK)
    reply_error(rq, e);
  else if (check)
    checked(q);
  else
    enqueue_start(q);
}

/* What is asked of a few does not wait for the fleet. */
static void send(struct http_req *rq, struct core *core) {
  struct js *object;
  enum err e = api_object(rq, &object);
  if (e != OK)
    reply_error(rq, e);
  else if (js_count(js_get(object, "ids")) > ENQUEUE_FEW || js_string(js_get(object, "filter")))
    route_fleet(rq, core, send_now);
  else
    send_now(rq, core);
}

/* ---- what came of it ---- */

/* The ErrorChain as it was stored; nothing else can be in there. */
static struct js *errors_json(struct ctx *cx, const char *text) {
  struct js *errors;
  if (text && js_parse(cx, slice_of(text), &errors) == OK && js_is_array(errors)) return errors;
  ctx_clear_error(cx);
  return js_array(cx);
}

/* Handed out more often than it was put off: the device may have done it, whatever stands here. */
static bool may_be_done(const struct queue_entry *e) {
  return strcmp(e->status, "Cancelled") == 0 && e->deliveries > e->notnow_count;
}

static struct js *target_json(struct ctx *cx, const struct queue_entry *e) {
  struct js *o = js_object(cx);
  js_set_string(o, "id", e->id);
  js_set_string(o, "name", e->name);
  js_set_string(o, "status", e->status);
  js_set_time(o, "updated_at", e->updated_at);
  js_set(o, "errors", errors_json(cx, e->errors));
  if (e->reason) js_set_string(o, "reason", e->reason);
  if (e->cancelled_by) js_set_string(o, "cancelled_by", e->cancelled_by);
  if (may_be_done(e)) js_set_bool(o, "may_have_been_done", true);
  if (e->ended_as) js_set_string(o, "ended_as", e->ended_as);
  js_set_time(o, "queued_at", e->queued_at);
  js_set_time(o, "expires_at", e->expires_at);
  js_set_int(o, "deliveries", e->deliveries);
  js_set_time(o, "first_sent_at", e->first_sent_at);
  js_set_time(o, "last_sent_at", e->last_sent_at);
  js_set_int(o, "notnow_count", e->notnow_count);
  js_set_time(o, "notnow_first_at", e->notnow_first_at);
  js_set_time(o, "notnow_last_at", e->notnow_last_at);
  js_set_time(o, "settled_at", e->settled_at);
  if (e->stuck) js_set_bool(o, "unconfirmed", true);
  if (e->set_aside) js_set_bool(o, "set_aside", true);
  return o;
}

static void set_command(struct js *o, const struct queue_entry *e) {
  js_set_string(o, "command_uuid", e->uuid);
  js_set_string(o, "request_type", e->request_type);
  js_set_time(o, "created_at", e->created_at);
  js_set_string(o, "created_by", e->created_by);
  if (e->collapse_key) js_set_string(o, "collapse_key", e->collapse_key);
}

struct page {
  struct queue_page query;
  struct queue_entry *rows;
  size_t n;
  bool more;
};

static void set_next(struct js *body, const struct page *p) {
  if (p->more)
    js_set_int(body, "next", p->rows[p->n - 1].seq);
  else
    js_set_null(body, "next");
}

static enum err read_status(struct http_req *rq, struct page *p) {
  static const char *const known[] = {
#define TARGET(name, settled) #name,
#include "core/target.def"
#undef TARGET
  };
  struct slice status = http_query(rq, "status"), type = http_query(rq, "type");
  p->query.people = route_flag(rq, "people");
  p->query.waiting = slice_is(status, "waiting");
  if (type.n) p->query.type = ctx_memdup(http_cx(rq), type.p, type.n);
  if (!status.n || p->query.waiting) return OK;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (slice_is(status, known[i])) p->query.status = known[i];
  return p->query.status ? OK
                         : FAIL(http_cx(rq), E_INVALID,
                                "status is waiting, or one of Queued, Sent, NotNow, "
                                "Acknowledged, Error, CommandFormatError, Expired, Cancelled");
}

static enum err read_page(struct http_req *rq, struct core *core, struct page *p) {
  struct ctx *cx = http_cx(rq);
  struct slice device = http_query(rq, "device");
  struct db *db;
  char *id;
  int limit;
  TRY(api_limit(rq, &limit));
  TRY(api_cursor(rq, &p->query.before));
  TRY(read_status(rq, p));
  TRY(db_reader(cx, core->store, &db));
  if (device.p) TRY(enroll_lookup(cx, db, ctx_memdup(cx, device.p, device.n), &p->query.enrollment, &id));
  p->query.most = limit + 1; /* the one more tells whether there is a next page */
  TRY(queue_list(cx, db, &p->query, &p->rows, &p->n));
  p->more = p->n > (size_t)limit;
  p->n -= p->more;
  return OK;
}

static void list(struct http_req *rq, struct core *core) {
  struct ctx *cx = http_cx(rq);
  struct page p = {0};
  enum err e = read_page(rq, core, &p);
  if (e != OK) {
    reply_error(rq, e);
    return;
  }
  struct js *body = js_object(cx), *all = js_array(cx);
  for (size_t i = 0; i < p.n; i++) {
    struct js *o = target_json(cx, &p.rows[i]);
    set_command(o, &p.rows[i]);
    js_add(all, o);
  }
  js_set(body, "commands", all);
  set_next(body, &p);
  reply_json(rq, 200, body);
}

static enum err counts_json(struct ctx *cx, struct core *core, const char *uuid, struct js **out) {
  struct queue_count counts[QUEUE_STATUSES];
  struct db *db;
  size_t n;
  *out = js_object(cx);
  TRY(db_reader(cx, core->store, &db));
  TRY(queue_counts(cx, db, uuid, counts, &n));
  for (size_t i = 0; i < n; i++) js_set_int(*out, counts[i].status, counts[i].n);
  return OK;
}

static void show(struct http_req *rq, struct core *core) {
  struct ctx *cx = http_cx(rq);
  struct page p = {.query.uuid = api_param(rq, "uuid")};
  struct js *counts = NULL;
  enum err e = read_page(rq, core, &p);
  if (e == OK) e = counts_json(cx, core, p.query.uuid, &counts);
  if (e == OK && p.n == 0 && !p.query.before && !p.query.status && !p.query.waiting)
    e = FAIL(cx, E_NOT_FOUND, "there is no command %s", p.query.uuid);
  if (e != OK) {
    reply_error(rq, e);
    return;
  }
  struct js *body = js_object(cx), *targets = js_array(cx);
  if (p.n) set_command(body, &p.rows[0]);
  if (p.n) js_set_time(body, "expires_at", p.rows[0].command_expires_at);
  js_set(body, "counts", counts);
  for (size_t i = 0; i < p.n; i++) js_add(targets, target_json(cx, &p.rows[i]));
  js_set(body, "targets", targets);
  set_next(body, &p);
  reply_json(rq, 200, body);
}

/* Profiles in it may hold passwords: not for who only looks (access.def). */
static void plist(struct http_req *rq, struct core *core) {
  struct ctx *cx = http_cx(rq);
  struct slice bytes = {0};
  struct db *db;
  enum err e = db_reader(cx, core->store, &db);
  if (e == OK) e = queue_plist(cx, db, core, api_param(rq, "uuid"), &bytes);
  if (e == OK) e = command_shown(cx, bytes, &bytes);
  if (e == OK)
    reply_bytes(rq, 200, "application/xml; charset=utf-8", bytes);
  else
    reply_error(rq, e);
}

/* ---- once more ---- */

struct retry {
  struct core *core;
  const char *uuid, *device;
  int64_t after; /* the last channel that was looked at */
  size_t n;
  bool more;
};

static enum err nothing_to_retry(struct ctx *cx, struct db *db, const char *uuid) {
  struct queue_page first = {.uuid = uuid, .most = 1};
  struct queue_entry *rows;
  size_t n;
  TRY(queue_list(cx, db, &first, &rows, &n));
  if (n == 0) return FAIL(cx, E_NOT_FOUND, "there is no command %s", uuid);
  return FAIL(cx, E_CONFLICT, "command %s waits for no retry: it is not delivered yet, or answered", uuid);
}

static enum err retry_one(struct ctx *cx, struct db *db, struct retry *r, int64_t enrollment) {
  TRY(queue_retry(cx, db, r->uuid, enrollment));
  r->n++;
  return push_due(cx, db, r->core, enrollment, PUSH_ASKED, 0, NULL, NULL);
}

static enum err retry_job(struct ctx *cx, struct db *db, void *arg) {
  struct retry *r = arg;
  int64_t *stuck, one;
  size_t n;
  char *id;
  if (r->device) {
    TRY(enroll_lookup(cx, db, r->device, &one, &id));
    return retry_one(cx, db, r, one);
  }
  TRY(queue_stuck(cx, db, r->uuid, r->after, &stuck, &n));
  if (n == 0 && r->n == 0) return nothing_to_retry(cx, db, r->uuid);
  for (size_t i = 0; i < n; i++) TRY(retry_one(cx, db, r, stuck[i]));
  r->more = n == QUEUE_OPEN_MOST;
  if (n) r->after = stuck[n - 1];
  return OK;
}

static void retried(struct http_req *rq, void *arg, enum err e) {
  struct retry *r = arg;
  if (e == OK && r->more) {
    route_write(rq, r->core, retry_job, r, retried);
    return;
  }
  if (e != OK) {
    reply_error(rq, e);
    return;
  }
  struct js *body = js_object(http_cx(rq));
  js_set_string(body, "command_uuid", r->uuid);
  js_set_int(body, "retried", (int64_t)r->n);
  reply_json(rq, 200, body);
}

static void retry(struct http_req *rq, struct core *core) {
  struct ctx *cx = http_cx(rq);
  struct retry *r = ctx_alloc(cx, sizeof *r);
  struct js *object;
  *r = (struct retry){.core = core, .uuid = api_param(rq, "uuid")};
  enum err e = api_object(rq, &object);
  if (e == OK) e = api_string(cx, object, "id", &r->device);
  if (e == OK)
    route_write(rq, core, retry_job, r, retried);
  else
    reply_error(rq, e);
}

/* ---- taken back ---- */

struct cancel {
  struct core *core;
  const char *uuid, *device, *by;
  int64_t after; /* the last channel that was looked at */
  size_t n, may_be_done;
  bool more;
};

/* What a poll handed out is written first: whether it was decides what is told of it. */
static enum err cancel_one(struct ctx *cx, struct db *db, struct cancel *c, int64_t enrollment) {
  bool done_maybe;
  TRY(seen_write(cx, db, c->core->seen, enrollment));
  TRY(queue_cancel(cx, db, c->uuid, enrollment, c->by, &done_maybe));
  c->n++;
  c->may_be_done += done_maybe;
  return OK;
}

static enum err nothing_to_cancel(struct ctx *cx, struct db *db, const char *uuid) {
  struct queue_page first = {.uuid = uuid, .most = 1};
  struct queue_entry *rows;
  size_t n;
  TRY(queue_list(cx, db, &first, &rows, &n));
  if (n == 0) return FAIL(cx, E_NOT_FOUND, "there is no command %s", uuid);
  return FAIL(cx, E_CONFLICT, "command %s is settled already", uuid);
}

static enum err cancel_job(struct ctx *cx, struct db *db, void *arg) {
  struct cancel *c = arg;
  int64_t *open, enrollment;
  size_t n;
  char *id;
  if (c->device) {
    TRY(enroll_lookup(cx, db, c->device, &enrollment, &id));
    return cancel_one(cx, db, c, enrollment);
  }
  TRY(queue_open(cx, db, c->uuid, c->after, &open, &n));
  if (n == 0 && c->n == 0) return nothing_to_cancel(cx, db, c->uuid);
  for (size_t i = 0; i < n; i++) TRY(cancel_one(cx, db, c, open[i]));
  c->more = n == QUEUE_OPEN_MOST;
  if (n) c->after = open[n - 1];
  return OK;
}

static void cancelled(struct http_req *rq, void *arg, enum err e) {
  struct cancel *c = arg;
  if (e == OK && c->more) {
    route_write(rq, c->core, cancel_job, c, cancelled);
    return;
  }
  if (e != OK) {
    reply_error(rq, e);
    return;
  }
  struct js *body = js_object(http_cx(rq));
  js_set_string(body, "command_uuid", c->uuid);
  js_set_int(body, "cancelled", (int64_t)c->n);
  js_set_int(body, "may_have_been_done", (int64_t)c->may_be_done);
  reply_json(rq, 200, body);
}

static void cancel(struct http_req *rq, struct core *core) {
  struct ctx *cx = http_cx(rq);
  struct cancel *c = ctx_alloc(cx, sizeof *c);
  struct slice device = http_query(rq, "device");
  *c = (struct cancel){.core = core, .uuid = api_param(rq, "uuid"), .by = route_who(rq)};
  if (device.p) c->device = ctx_memdup(cx, device.p, device.n);
  route_write(rq, core, cancel_job, c, cancelled);
}

const struct route commands_routes[] = {
    {.method = "POST",
     .pattern = "/api/v1/commands",
     .run = send,
     .body = "ids:text[] filter:text request_type:text arguments:object plist:text command_uuid:text expires:span "
             "collapse_key:text "
             "push:bool force:bool confirm:bool check:bool",
     .body_max = API_BODY_MAX,
     .summary = "Queues a command for `ids`, or all devices that match `filter`, and wakes them: `request_type` with "
                "`arguments`, or `plist` (base64); "
                "`command_uuid`, `expires` (\"24h\"), `collapse_key` (an unsettled one with this key is replaced) and "
                "`push` may be given. What a target certainly cannot do is refused for it, unless `force`; `warnings` "
                "of a target tell what is not known, and what will happen. Dangerous commands need `confirm`. `check` "
                "does nothing but tell that."},
    {.method = "GET",
     .pattern = "/api/v1/commands",
     .query = "device:text status:text type:text people:bool cursor:int limit:int",
     .run = list,
     .summary = "Lists commands by device, newest first; ?device=, ?status= (waiting: what is not settled), ?type= a "
                "RequestType, ?people=true: without those of the server itself; ?cursor= is `next` of the page before, "
                "?limit= up to 1000."},
    {.method = "GET",
     .pattern = "/api/v1/commands/:uuid",
     .query = "device:text status:text cursor:int limit:int",
     .run = show,
     .summary = "One command and what came of it on each device, with every time, and `counts` by status; ?device= is "
                "one of them, ?status= those with it."},
    {.method = "GET",
     .pattern = "/api/v1/commands/:uuid/plist",
     .run = plist,
     .summary = "The property list of a command as devices get it, but for PINs, passwords and tokens, which are "
                "blanked out."},
    {.method = "DELETE",
     .pattern = "/api/v1/commands/:uuid",
     .query = "device:text",
     .run = cancel,
     .summary = "Takes a command back where it is not settled, or for ?device= only. What a device was handed already "
                "may have been done (`may_have_been_done`); its late report still counts."},
    {.method = "POST",
     .pattern = "/api/v1/commands/:uuid/retry",
     .body = "id:text",
     .run = retry,
     .body_max = API_BODY_MAX,
     .summary = "Hands out once more what was delivered without an answer and is not repeated by itself; `id` names "
                "one device."},
    {.method = NULL},
};
