/* /api/v1/status and the description of the API, made from the tables of routes. */
#include "base/clock.h"
#include "core/guardian.h"
#include "core/plan.h"
#include "core/queue_list.h"
#include "face/api_int.h"

#include <ctype.h>
#include <string.h>

/* ---- status ---- */

static struct js *push_json(struct ctx *cx, struct core *core) {
  struct push_health h;
  struct js *o = js_object(cx);
  if (!core->push) return o;
  push_health(core->push, &h);
  js_set_bool(o, "connected", h.connected);
  js_set_time(o, "since", h.since);
  js_set_string(o, "host", h.host);
  js_set_string(o, "trouble", h.trouble[0] ? h.trouble : NULL);
  js_set_int(o, "sent", h.sent);
  js_set_int(o, "answered", h.answered);
  js_set_int(o, "failed", h.failed);
  js_set_int(o, "due", h.due);
  js_set_int(o, "rate", h.rate);
  js_set_string(o, "pace", h.pace[0] ? h.pace : NULL);
  js_set_string(o, "warning", h.warning[0] ? h.warning : NULL);
  return o;
}

/* The way to APNs by topic, as the push thread found it last. */
static enum err links_json(struct ctx *cx, struct db *db, struct js **out) {
  struct push_link *links;
  size_t n;
  TRY(push_links(cx, db, &links, &n));
  *out = js_array(cx);
  for (size_t i = 0; i < n; i++) {
    struct js *o = js_object(cx);
    js_set_string(o, "topic", links[i].topic);
    js_set_bool(o, "up", links[i].up);
    js_set_time(o, "since", links[i].since);
    js_set_string(o, "trouble", links[i].up ? NULL : push_trouble_name(links[i].kind));
    js_set_string(o, "text", links[i].up ? NULL : links[i].text);
    js_set_string(o, "issuer", links[i].issuer);
    js_set_string(o, "refusal", links[i].refusal);
    js_set_time(o, "refused_at", links[i].refused_at);
    js_add(*out, o);
  }
  return OK;
}

/* How the devices stand that groups give something. */
static enum err compliance_json(struct ctx *cx, struct db *db, struct js **out) {
  int64_t counts[PLAN_STATES];
  TRY(plan_counts(cx, db, counts));
  *out = js_object(cx);
  for (int s = PLAN_COMPLIANT; s < PLAN_STATES; s++) js_set_int(*out, plan_state_word((enum plan_state)s), counts[s]);
  return OK;
}

static enum err fill_status(struct ctx *cx, struct core *core, struct js *body) {
  struct db *db;
  struct queue_totals totals;
  struct js *certs, *banner, *links, *compliance, *push = push_json(cx, core), *checks = js_array(cx);
  bool ready = system_checks(cx, core, checks);
  js_set_bool(body, "ready", ready);
  js_set_string(body, "version", POMONA_VERSION);
  js_set_string(body, "public_url", core_conf(core)->public_url);
  js_set(body, "checks", checks);
  TRY(db_reader(cx, core->store, &db));
  TRY(guardian_banner(cx, db, core, &banner));
  js_set(body, "banner", banner);
  TRY(queue_totals(cx, db, &totals));
  TRY(api_pushcerts(cx, core, &certs));
  js_set_int(body, "enrollments", totals.enrollments);
  js_set_int(body, "commands_waiting", totals.waiting);
  TRY(compliance_json(cx, db, &compliance));
  js_set(body, "compliance", compliance);
  TRY(links_json(cx, db, &links));
  js_set(push, "links", links);
  js_set(body, "push", push);
  js_set(body, "pushcerts", certs);
  return OK;
}

static void status(struct http_req *rq, struct core *core) {
  struct js *body = js_object(http_cx(rq));
  enum err e = fill_status(http_cx(rq), core, body);
  if (e == OK)
    reply_json(rq, 200, body);
  else
    reply_error(rq, e);
}

const struct route status_routes[] = {
    {.method = "GET",
     .pattern = "/api/v1/status",
     .run = status,
     .summary = "Is everything fine: checks, totals, how devices stand with their groups, the connection to APNs, push "
                "certificates."},
    {.method = NULL},
};
