/* /api/v1/pushcerts/dossier: what Apple's support asks for to move a certificate to another Apple Account. */
#include "core/dossier.h"
#include "core/pushcert.h"
#include "face/api_int.h"

static struct js *steps_json(struct ctx *cx, const struct dossier_step *all, size_t n) {
  struct js *list = js_array(cx);
  for (size_t i = 0; i < n; i++) {
    struct js *o = js_object(cx);
    js_set_string(o, "name", all[i].slug);
    js_set_string(o, "text", all[i].text);
    js_set_time(o, "at", all[i].at);
    js_add(list, o);
  }
  return list;
}

static struct js *dossier_json(struct ctx *cx, const struct dossier *d) {
  struct js *o = js_object(cx), *facts = js_array(cx);
  for (size_t i = 0; i < DOSSIER_FACTS; i++) {
    struct js *f = js_object(cx);
    js_set_string(f, "name", d->facts[i].slug);
    js_set_string(f, "text", d->facts[i].name);
    js_set_string(f, "value", d->facts[i].value);
    js_set_string(f, "fill", d->facts[i].value ? NULL : d->facts[i].fill);
    js_add(facts, f);
  }
  js_set_string(o, "topic", d->topic);
  js_set_string(o, "state", d->state);
  js_set_int(o, "gaps", (int64_t)d->gaps);
  js_set(o, "facts", facts);
  js_set(o, "checklist", steps_json(cx, d->items, DOSSIER_ITEMS));
  js_set(o, "states", steps_json(cx, d->states, DOSSIER_STATES));
  js_set_time(o, "updated_at", d->updated_at);
  js_set_string(o, "updated_by", d->updated_by);
  return o;
}

static enum err read_dossier(struct http_req *rq, struct core *core, struct dossier *out) {
  struct ctx *cx = http_cx(rq);
  struct slice named = http_query(rq, "topic");
  const char *topic = named.n ? named.p : NULL;
  struct db *db;
  TRY(db_reader(cx, core->store, &db));
  TRY(pushcert_topic_meant(cx, db, topic, &topic));
  return dossier_read(cx, db, topic, out);
}

static void send_page(struct http_req *rq, const char *type, struct slice text) {
  http_set_header(rq, "Cache-Control", "no-store");
  http_set_header(rq, "X-Content-Type-Options", "nosniff");
  http_set_header(rq, "Content-Security-Policy",
                  "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");
  http_reply(rq, 200, type, text);
}

static void show(struct http_req *rq, struct core *core) {
  struct slice format = http_query(rq, "format");
  struct ctx *cx = http_cx(rq);
  struct dossier d;
  enum err e = read_dossier(rq, core, &d);
  if (e != OK)
    reply_error(rq, e);
  else if (slice_is(format, "html"))
    send_page(rq, "text/html; charset=utf-8", dossier_html(cx, &d));
  else if (slice_is(format, "text"))
    send_page(rq, "text/plain; charset=utf-8", dossier_text(cx, &d));
  else
    reply_json(rq, 200, dossier_json(cx, &d));
}

struct change {
  const char *topic, *by;
  struct dossier_change what;
  struct dossier after;
};

static enum err change_job(struct ctx *cx, struct db *db, void *arg) {
  struct change *c = arg;
  TRY(pushcert_topic_meant(cx, db, c->topic, &c->topic));
  TRY(dossier_change(cx, db, c->topic, &c->what, c->by));
  return dossier_read(cx, db, c->topic, &c->after);
}

static void changed(struct http_req *rq, void *arg, enum err e) {
  const struct change *c = arg;
  if (e == OK)
    reply_json(rq, 200, dossier_json(http_cx(rq), &c->after));
  else
    reply_error(rq, e);
}

static enum err read_change(struct http_req *rq, struct change *c) {
  struct ctx *cx = http_cx(rq);
  struct js *o;
  TRY(api_object(rq, "topic target_account created_by contact state check uncheck", &o));
  TRY(api_string(cx, o, "topic", &c->topic));
  TRY(api_string(cx, o, "target_account", &c->what.target_account));
  TRY(api_string(cx, o, "created_by", &c->what.created_by));
  TRY(api_string(cx, o, "contact", &c->what.contact));
  TRY(api_string(cx, o, "state", &c->what.state));
  TRY(api_string(cx, o, "check", &c->what.check));
  return api_string(cx, o, "uncheck", &c->what.uncheck);
}

static void change(struct http_req *rq, struct core *core) {
  struct change *c = ctx_alloc(http_cx(rq), sizeof *c);
  c->by = route_who(rq);
  enum err e = read_change(rq, c);
  if (e == OK)
    route_write(rq, core, change_job, c, changed);
  else
    reply_error(rq, e);
}

const struct route dossier_routes[] = {
    {.method = "GET",
     .pattern = "/api/v1/pushcerts/dossier",
     .run = show,
     .summary = "What Apple's support asks for to move a push certificate (?topic=) to another Apple Account, with the "
                "gaps in it; ?format=text, ?format=html."},
    {.method = "PUT",
     .pattern = "/api/v1/pushcerts/dossier",
     .run = change,
     .body_max = API_BODY_MAX,
     .summary =
         "Fills it: topic, target_account, created_by, contact; state (open, asked, called-back, approved, done); "
         "check, uncheck: an item of the checklist."},
    {.method = NULL},
};
