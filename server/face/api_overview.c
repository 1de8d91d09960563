/* /api/v1/overview: everything on one page; /api/v1/settings. */
#include "core/enroll.h"
#include "core/overview.h"
#include "face/api_int.h"

static enum err add_takeovers(struct ctx *cx, struct db *db, struct core *core, struct js *page) {
  struct enroll_takeover *all;
  size_t n;
  struct js *list = js_array(cx);
  TRY(enroll_takeovers(cx, db, core, 0, &all, &n));
  for (size_t i = 0; i < n; i++) js_add(list, api_takeover(cx, &all[i]));
  js_set(page, "takeovers", list);
  return OK;
}

static enum err make(struct ctx *cx, struct core *core, struct js *page) {
  struct js *certs;
  struct db *db;
  TRY(db_reader(cx, core->store, &db));
  TRY(overview(cx, db, core, page));
  TRY(add_takeovers(cx, db, core, page));
  TRY(api_pushcerts(cx, core, &certs));
  js_set(page, "pushcerts", certs);
  return OK;
}

static void run(struct http_req *rq, struct core *core) {
  struct js *page;
  enum err e = overview_of(http_cx(rq), core, make, &page);
  if (e == OK)
    reply_json(rq, 200, page);
  else
    reply_error(rq, e);
}

static enum err settings_into(struct http_req *rq, struct core *core, struct js *body) {
  const struct core_conf *conf = core_conf(core);
  js_set(body, "settings", core_settings_json(http_cx(rq), conf->settings, conf->settings_n));
  return OK;
}

static void settings(struct http_req *rq, struct core *core) { api_answer(rq, core, settings_into); }

const struct route overview_routes[] = {
    {.method = "GET",
     .pattern = "/api/v1/overview",
     .flags = ROUTE_FLEET,
     .run = run,
     .summary = "Everything on one page: devices by platform and state, verdicts with what to do, commands that wait, "
                "how far wake-ups came by hour (7 days), the next dates, the doctor's last findings, compliance, held "
                "takeovers, push certificates, webhooks, what happened last."},
    {.method = "GET",
     .pattern = "/api/v1/settings",
     .run = settings,
     .summary = "Every setting with its value (of secrets only whether they are set), where it came from, what it "
                "means, and whether a change needs a restart."},
    {.method = NULL},
};
