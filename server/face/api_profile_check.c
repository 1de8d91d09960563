/* /api/v1/profiles/check: a profile is looked at, and not kept. /api/v1/profile-templates: what to begin with. */
#include "core/payload.h"
#include "face/api_int.h"
#include "face/outbound.h"

static void check(struct http_req *rq, struct core *core) {
  (void)core;
  struct ctx *cx = http_cx(rq);
  struct payload_check found;
  enum err e = payload_check(cx, http_body(rq), &found);
  if (e != OK)
    reply_error(rq, e);
  else
    reply_json(rq, 200, payload_json(cx, &found));
}

/* A hostile PKCS #12 may take a second, which no listener waits for. */
static void check_elsewhere(struct http_req *rq, struct core *core) {
  enum err e = outbound_run(rq, core, check);
  if (e != OK) reply_error(rq, e);
}

static enum err list_templates(struct http_req *rq, struct core *core, struct js *body) {
  (void)core;
  struct ctx *cx = http_cx(rq);
  struct payload_template *all;
  struct js *list = js_array(cx);
  size_t n;
  payload_templates(cx, &all, &n);
  for (size_t i = 0; i < n; i++) {
    struct js *o = js_object(cx);
    js_set_string(o, "name", all[i].name);
    js_set_string(o, "about", all[i].about);
    js_add(list, o);
  }
  js_set(body, "templates", list);
  return OK;
}

static void templates(struct http_req *rq, struct core *core) { api_answer(rq, core, list_templates); }

static void one_template(struct http_req *rq, struct core *core) {
  (void)core;
  struct payload_template t;
  enum err e = payload_template(http_cx(rq), api_param(rq, "name"), &t);
  if (e == OK)
    reply_bytes(rq, 200, "application/x-apple-aspen-config", t.file);
  else
    reply_error(rq, e);
}

const struct route profile_check_routes[] = {
    {.method = "POST",
     .pattern = "/api/v1/profiles/check",
     .body = "@application/x-apple-aspen-config",
     .flags = ROUTE_LOOK,
     .body_max = PAYLOAD_FILE_MOST,
     .run = check_elsewhere,
     .summary =
         "Checks a profile (the body: XML, binary, or signed) against Apple's schema, without keeping it: what it "
         "is, and findings with grade (error, warning), id, line (null: the whole file), key and text."},
    {.method = "GET",
     .pattern = "/api/v1/profile-templates",
     .run = templates,
     .summary = "Templates of profiles: name, and what each is about."},
    {.method = "GET",
     .pattern = "/api/v1/profile-templates/:name",
     .run = one_template,
     .summary = "One template: a profile in XML, with comments that say what to change."},
    {.method = NULL},
};
