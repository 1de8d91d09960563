/* /api/v1/devices/:id/timeline: everything that happened to a device, in one list. */
#include "core/timeline.h"
#include "face/api_int.h"

static enum err timeline_into(struct http_req *rq, struct core *core, struct js *body) {
  struct ctx *cx = http_cx(rq);
  struct slice cursor = http_query(rq, "cursor");
  struct js *list;
  struct db *db;
  int64_t device;
  char *next;
  int most;
  TRY(api_limit(rq, &most));
  TRY(db_reader(cx, core->store, &db));
  TRY(api_device_row(cx, db, api_param(rq, "id"), &device));
  TRY(timeline(cx, db, device, cursor.n ? ctx_memdup(cx, cursor.p, cursor.n) : NULL, most, &list, &next));
  js_set(body, "timeline", list);
  js_set_string(body, "next", next);
  return OK;
}

static void run(struct http_req *rq, struct core *core) { api_answer(rq, core, timeline_into); }

const struct route timeline_routes[] = {
    {.method = "GET",
     .pattern = "/api/v1/devices/:id/timeline",
     .query = "cursor:text limit:int",
     .run = run,
     .summary = "Everything that happened to the device, newest first: events, commands when they were queued, handed "
                "out, put off and settled, the last push, what changed in its inventory, secrets that were kept or "
                "looked at. ?cursor= is `next` of the page before, ?limit= up to 1000."},
    {.method = NULL},
};
