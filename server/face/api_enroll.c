/* /api/v1/links and the enrollment profile: how devices come in. */
#include "base/clock.h"
#include "core/enroll.h"
#include "core/pushcert.h"
#include "face/api_int.h"

#include <string.h>

enum { USES_MAX = 100000 };

/* ---- links ---- */

struct link_wish {
  struct core *core;
  struct enroll_link link;
  bool anyway;
  char *token;
  int64_t expires_at;
};

static enum err check_pushcert(struct ctx *cx, struct db *db) {
  char *topic;
  enum err e = pushcert_topic(cx, db, &topic);
  if (e != E_NOT_FOUND) return e;
  ctx_clear_error(cx);
  return FAIL(cx, E_CONFLICT,
              "there is no push certificate that is valid now, so an enrolled device could not be woken: "
              "import one first (`pomona pushcert import`), or say anyway");
}

static enum err link_job(struct ctx *cx, struct db *db, void *arg) {
  struct link_wish *w = arg;
  if (!w->anyway) TRY(check_pushcert(cx, db));
  w->expires_at = clock_now_us() + w->link.ttl_us;
  return enroll_link_new(cx, db, &w->link, &w->token);
}

static void link_made(struct http_req *rq, void *arg, enum err e) {
  struct link_wish *w = arg;
  struct ctx *cx = http_cx(rq);
  if (e != OK) {
    reply_error(rq, e);
    return;
  }
  struct js *body = js_object(cx);
  js_set_string(body, "url", ctx_printf(cx, "%s/enroll/%s", core_conf(w->core)->public_url, w->token));
  js_set_time(body, "expires_at", w->expires_at);
  js_set_int(body, "uses", w->link.uses);
  js_set_string(body, "device", w->link.device);
  reply_json(rq, 201, body);
}

static enum err read_link(struct http_req *rq, struct link_wish *w) {
  struct ctx *cx = http_cx(rq);
  struct js *object;
  w->link = (struct enroll_link){.ttl_us = US_DAY, .uses = 1, .by = route_who(rq)};
  TRY(api_object(rq, &object));
  TRY(api_span(cx, object, "ttl", &w->link.ttl_us));
  TRY(api_int(cx, object, "uses", &w->link.uses));
  TRY(api_string(cx, object, "device", &w->link.device));
  TRY(api_bool(cx, object, "anyway", &w->anyway));
  if (w->link.uses < 1 || w->link.uses > USES_MAX) return FAIL(cx, E_INVALID, "uses is not from 1 to %d", USES_MAX);
  if (w->link.device && (!*w->link.device || !text_is_plain(slice_of(w->link.device)) || strlen(w->link.device) > 255))
    return FAIL(cx, E_INVALID, "device is no id or serial number");
  route_log(rq, "for", w->link.device ? w->link.device : api_of(cx, "any", (size_t)w->link.uses, "device"));
  return OK;
}

static void make_link(struct http_req *rq, struct core *core) {
  struct link_wish *w = ctx_alloc(http_cx(rq), sizeof *w);
  w->core = core;
  enum err e = read_link(rq, w);
  if (e == OK)
    route_write(rq, core, link_job, w, link_made);
  else
    reply_error(rq, e);
}

static struct js *link_json(struct ctx *cx, const struct enroll_link_info *l) {
  struct js *o = js_object(cx);
  js_set_int(o, "link", l->link);
  js_set_string(o, "state", l->state);
  js_set_int(o, "uses", l->uses);
  js_set_int(o, "uses_max", l->uses_max);
  js_set_int(o, "downloads", l->downloads);
  js_set_string(o, "device", l->device);
  js_set_time(o, "created_at", l->created_at);
  js_set_string(o, "created_by", l->created_by);
  js_set_time(o, "expires_at", l->expires_at);
  js_set_time(o, "revoked_at", l->revoked_at);
  js_set_string(o, "revoked_by", l->revoked_by);
  return o;
}

static enum err list_into(struct http_req *rq, struct core *core, struct js *body) {
  struct ctx *cx = http_cx(rq);
  struct js *list = js_array(cx);
  struct enroll_link_info *all;
  struct api_page page;
  size_t n;
  TRY(api_page(rq, core, &page));
  TRY(enroll_links(cx, page.db, page.start, page.most, &all, &n));
  for (size_t i = 0; i < n; i++) js_add(list, link_json(cx, &all[i]));
  api_page_end(body, "links", list, &page, n ? all[n - 1].link : 0);
  return OK;
}

static void list_links(struct http_req *rq, struct core *core) { api_answer(rq, core, list_into); }

struct revoking {
  int64_t link;
  const char *by;
};

static enum err revoke_job(struct ctx *cx, struct db *db, void *arg) {
  const struct revoking *r = arg;
  return enroll_link_revoke(cx, db, r->link, r->by);
}

static void revoke_link(struct http_req *rq, struct core *core) {
  struct revoking *r = ctx_alloc(http_cx(rq), sizeof *r);
  r->by = route_who(rq);
  if (slice_to_i64(route_param(rq, "link"), &r->link))
    route_write(rq, core, revoke_job, r, api_done);
  else
    reply_error(rq, FAIL(http_cx(rq), E_INVALID, "a link is called by its number in the list"));
}

/* ---- the profile itself, for an operator to hand over ---- */

static enum err profile_job(struct ctx *cx, struct db *db, void *arg) {
  return enroll_session_store(cx, db, NULL, arg);
}

static void profile_stored(struct http_req *rq, void *arg, enum err e) {
  const struct enroll_session *session = arg;
  if (e != OK) {
    reply_error(rq, e);
    return;
  }
  reply_bytes(rq, 200, "application/x-apple-aspen-config", session->profile);
}

static enum err make_profile(struct ctx *cx, struct core *core, struct enroll_session *session) {
  struct db *reader;
  TRY(db_reader(cx, core->store, &reader));
  return enroll_session_make(cx, reader, core, NULL, session);
}

static void profile(struct http_req *rq, struct core *core) {
  struct enroll_session *session = ctx_alloc(http_cx(rq), sizeof *session);
  enum err e = make_profile(http_cx(rq), core, session);
  if (e != OK)
    reply_error(rq, e);
  else
    route_write(rq, core, profile_job, session, profile_stored);
}

const struct route links_routes[] = {
    {.method = "POST",
     .pattern = "/api/v1/links",
     .body = "ttl:span uses:int device:text anyway:bool",
     .run = make_link,
     .body_max = API_BODY_MAX,
     .summary = "Makes an enrollment link: `ttl` (\"24h\"), `uses` (1), `device` (for one id or serial number), "
                "`anyway` (without a push certificate)."},
    {.method = "GET",
     .pattern = "/api/v1/links",
     .query = "cursor:int limit:int",
     .run = list_links,
     .summary = "Enrollment links, newest first, with their state (open, used, expired, revoked, downloaded too "
                "often); what stands in their addresses is not kept."},
    {.method = "DELETE",
     .pattern = "/api/v1/links/:link",
     .run = revoke_link,
     .summary = "Revokes the link of this number: nobody comes in by it any more."},
    {.method = "GET",
     .pattern = "/api/v1/enroll-profile",
     .flags = ROUTE_ACT,
     .run = profile,
     .summary = "A signed enrollment profile with a challenge of its own, good for one device within an hour."},
    {.method = NULL},
};
