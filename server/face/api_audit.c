/* /api/v1/audit: who did what, and what came of it. */
#include "base/enc.h"
#include "core/audit.h"
#include "face/api_int.h"

enum { ACT_MOST = 200 }; /* much longer a pattern is an error of the database */

static struct js *row_json(struct ctx *cx, const struct audit *a) {
  struct js *o = js_object(cx);
  js_set_int(o, "id", a->seq);
  js_set_time(o, "at", a->at);
  js_set_string(o, "who", a->who);
  js_set_string(o, "kind", a->kind);
  js_set_string(o, "peer", a->peer);
  js_set_string(o, "act", a->act);
  js_set_string(o, "object", a->object);
  js_set_int(o, "status", a->status);
  js_set_string(o, "detail", a->detail);
  js_set_string(o, "trace", a->trace);
  return o;
}

static const char *text_of(struct http_req *rq, const char *name) {
  struct slice s = http_query(rq, name);
  return s.p ? ctx_memdup(http_cx(rq), s.p, s.n) : NULL;
}

/* 0 is none: the first moment of 1970 is the next. */
static enum err time_of(struct http_req *rq, const char *name, int64_t *out) {
  struct slice s = http_query(rq, name);
  if (!s.p) return OK;
  if (dec_time(s, out) || dec_date(s, out)) return *out += *out == 0, OK;
  return FAIL(http_cx(rq), E_INVALID, "%s is no time like 2026-11-22T15:00:00Z and no day like 2026-11-22", name);
}

static enum err read_query(struct http_req *rq, struct audit_query *q) {
  *q = (struct audit_query){.who = text_of(rq, "who"),
                            .act = text_of(rq, "act"),
                            .object = text_of(rq, "object"),
                            .failed = route_flag(rq, "failed")};
  if (http_query(rq, "act").n > ACT_MOST) return FAIL(http_cx(rq), E_INVALID, "act has at most %d bytes", ACT_MOST);
  TRY(time_of(rq, "from", &q->from));
  return time_of(rq, "to", &q->to);
}

static enum err list_into(struct http_req *rq, struct core *core, struct js *body) {
  struct ctx *cx = http_cx(rq);
  struct api_page page;
  struct audit_query q;
  struct audit *rows;
  struct js *all = js_array(cx);
  size_t n;
  TRY(api_page(rq, core, &page));
  TRY(read_query(rq, &q));
  q.before = page.start;
  q.most = page.most;
  TRY(audit_list(cx, page.db, &q, &rows, &n));
  for (size_t i = 0; i < n; i++) js_add(all, row_json(cx, &rows[i]));
  api_page_end(body, "audit", all, &page, n ? rows[n - 1].seq : 0);
  return OK;
}

static void list(struct http_req *rq, struct core *core) { api_answer(rq, core, list_into); }

const struct route audit_routes[] = {
    {.method = "GET",
     .pattern = "/api/v1/audit",
     .query = "who:text act:text object:text from:time to:time failed:bool cursor:int limit:int",
     .run = list,
     .summary = "Who did what, from where, and what came of it, newest first. `act`: \"*\" in it stands for anything; "
                "`failed`: only what was refused."},
    {.method = NULL},
};
