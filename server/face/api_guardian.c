/* /api/v1/guardian and /api/v1/notices: dates that end the service, and who was told of them. */
#include "core/guardian.h"
#include "core/notice.h"
#include "face/api_int.h"
#include "face/outbound.h"

static enum err fill_dates(struct http_req *rq, struct core *core, struct js *body) {
  struct db *db;
  struct js *dates;
  TRY(db_reader(http_cx(rq), core->store, &db));
  TRY(guardian_list(http_cx(rq), db, core, &dates));
  js_set(body, "dates", dates);
  return OK;
}

static enum err fill_notices(struct http_req *rq, struct core *core, struct js *body) {
  struct db *db;
  struct js *notices;
  int most;
  TRY(api_limit(rq, &most));
  TRY(db_reader(http_cx(rq), core->store, &db));
  TRY(notice_list(http_cx(rq), db, NULL, most, &notices));
  js_set(body, "notices", notices);
  return OK;
}

static enum err fill_test(struct http_req *rq, struct core *core, struct js *body) {
  struct js *results;
  TRY(notice_test(http_cx(rq), core, &results));
  js_set(body, "results", results);
  return OK;
}

static void dates(struct http_req *rq, struct core *core) { api_answer(rq, core, fill_dates); }
static void notices(struct http_req *rq, struct core *core) { api_answer(rq, core, fill_notices); }

/* On a thread that may wait. */
static void test_now(struct http_req *rq, struct core *core) { api_answer(rq, core, fill_test); }

static void test(struct http_req *rq, struct core *core) {
  enum err e = outbound_run(rq, core, test_now);
  if (e != OK) reply_error(rq, e);
}

const struct route guardian_routes[] = {
    {.method = "GET",
     .pattern = "/api/v1/guardian",
     .run = dates,
     .summary = "Every date that can end the service, soonest first, with what to do."},
    {.method = "GET",
     .pattern = "/api/v1/notices",
     .query = "limit:int",
     .run = notices,
     .summary = "Notices that were raised, newest first, and their way to each recipient; ?limit=."},
    {.method = "POST",
     .pattern = "/api/v1/notices/test",
     .run = test,
     .summary = "Sends a test notice to every recipient of the settings, now, and tells what came of each."},
    {.method = NULL},
};
