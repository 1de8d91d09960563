/* NanoMDM's queue of an enrollment, as its pending API gives it: what waits, and clearing it. */
#include "base/enc.h"
#include "core/enroll.h"
#include "core/queue.h"
#include "core/queue_list.h"
#include "core/seen.h"
#include "face/api_int.h"
#include "face/api_nano_int.h"

#include <string.h>

enum { CHUNK = 150 }; /* rows a job */

/* ---- GET ---- */

static enum err find_channel(struct ctx *cx, struct db *db, const char *id, int64_t *enrollment) {
  char *found;
  return enroll_lookup(cx, db, id, enrollment, &found);
}

static enum err queue_into(struct http_req *rq, struct core *core, struct js *body) {
  struct ctx *cx = http_cx(rq);
  struct nano_page at;
  struct queue_pending *rows;
  struct db *db;
  size_t n;
  TRY(nano_page(rq, &at));
  TRY(db_reader(cx, core->store, &db));
  struct queue_pending_page page = {.after = at.after, .skip = at.skip, .most = at.most};
  TRY(find_channel(cx, db, api_param(rq, "id"), &page.enrollment));
  TRY(queue_pending(cx, db, core, &page, &rows, &n));
  struct js *commands = js_array(cx);
  for (size_t i = 0; i < n; i++) {
    struct js *o = js_object(cx);
    struct slice shown;
    TRY(command_shown(cx, rows[i].plist, &shown));
    js_set_string(o, "command_uuid", rows[i].uuid);
    js_set_string(o, "request_type", rows[i].request_type);
    js_set_string(o, "command", enc_base64(cx, shown.p, shown.n));
    js_add(commands, o);
  }
  js_set(body, "commands", commands);
  if (n == (size_t)at.most) js_set_string(body, "next_cursor", nano_cursor(cx, rows[n - 1].seq));
  return OK;
}

static void get_queue(struct http_req *rq, struct core *core) { api_answer(rq, core, queue_into); }

/* ---- DELETE ---- */

struct clearing {
  struct core *core;
  const char *by;
  struct {
    const char *id, *error;
    enum err e;
  } * targets;
  size_t n, next, failed; /* next: where the next job goes on */
};

static void note_failure(struct ctx *cx, struct clearing *c, enum err e) {
  c->targets[c->next].e = e;
  c->targets[c->next++].error = ctx_strdup(cx, ctx_error_text(cx));
  c->failed++;
  ctx_clear_error(cx);
}

/* What a poll handed out is written first, as it may have been done. */
static enum err clear_some(struct ctx *cx, struct db *db, struct clearing *c, int64_t enrollment, int64_t *left) {
  int64_t n;
  TRY(seen_write(cx, db, c->core->seen, enrollment));
  TRY(queue_clear_some(cx, db, enrollment, c->by, *left, &n));
  if (n < *left) c->next++;
  *left -= n + 1;
  return OK;
}

static enum err clear_job(struct ctx *cx, struct db *db, void *arg) {
  struct clearing *c = arg;
  for (int64_t left = CHUNK; c->next < c->n && left > 0;) {
    int64_t enrollment = 0;
    enum err e = find_channel(cx, db, c->targets[c->next].id, &enrollment);
    if (e == OK) {
      TRY(clear_some(cx, db, c, enrollment, &left));
      continue;
    }
    if (e != E_NOT_FOUND && e != E_CONFLICT) return e;
    note_failure(cx, c, e);
    left--;
  }
  return OK;
}

/* All failed for the same reason: that reason. */
static int status_of(const struct clearing *c) {
  enum err e = c->targets[0].e;
  for (size_t i = 1; i < c->n; i++)
    if (c->targets[i].e != e) e = E_INVALID;
  return c->failed < c->n ? 207 : err_http_status(e);
}

static void cleared(struct http_req *rq, void *arg, enum err e) {
  struct clearing *c = arg;
  struct ctx *cx = http_cx(rq);
  if (e == OK && c->next < c->n) {
    route_write(rq, c->core, clear_job, c, cleared);
    return;
  }
  if (e != OK) {
    reply_error(rq, e);
    return;
  }
  if (c->failed == 0) {
    reply_empty(rq, 204);
    return;
  }
  struct js *body = js_object(cx), *status = js_object(cx);
  for (size_t i = 0; i < c->n; i++)
    if (c->targets[i].error) js_set_string(status, c->targets[i].id, c->targets[i].error);
  js_set(body, "status", status);
  reply_json(rq, status_of(c), body);
}

static enum err read_ids(struct http_req *rq, struct clearing *c) {
  char **ids;
  TRY(nano_ids(rq, "id", &ids, &c->n));
  c->targets = ctx_alloc(http_cx(rq), c->n * sizeof *c->targets);
  for (size_t i = 0; i < c->n; i++) c->targets[i].id = ids[i];
  return OK;
}

static void clear(struct http_req *rq, struct core *core) {
  struct clearing *c = ctx_alloc(http_cx(rq), sizeof *c);
  *c = (struct clearing){.core = core, .by = route_who(rq)};
  enum err e = read_ids(rq, c);
  if (e == OK)
    route_write(rq, core, clear_job, c, cleared);
  else
    reply_error(rq, e);
}

const struct route nano_queue_routes[] = {
    {.method = "GET",
     .pattern = "/v1/queue/:id",
     .run = get_queue,
     .summary = "NanoMDM: what waits for an enrollment, oldest first; ?limit= (100), ?offset= or ?cursor=."},
    {.method = "DELETE",
     .pattern = "/v1/queue/:id",
     .run = clear,
     .summary = "NanoMDM: clears the queues of these ids (separated by commas): what waits is Cancelled."},
    {.method = NULL},
};
