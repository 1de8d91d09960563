/* /api/v1/calendar, /api/v1/pushcerts/ics and /api/v1/pushcerts/plan: dates for calendars, and renewals that are
 * planned.
 */
#include "base/clock.h"
#include "base/enc.h"
#include "core/calendar.h"
#include "core/pushcert.h"
#include "face/api_int.h"
#include "face/api_pushcert_int.h"

#include <inttypes.h>

/* ---- the address of the feed ---- */

static struct js *address_json(struct ctx *cx, struct core *core, const struct calendar_address *a) {
  struct js *o = js_object(cx);
  js_set_string(o, "url", ctx_printf(cx, "%s/calendar/%s.ics", core_conf(core)->public_url, a->secret));
  js_set_time(o, "created_at", a->created_at);
  js_set_string(o, "created_by", a->created_by);
  return o;
}

static void show_address(struct http_req *rq, struct core *core) {
  struct ctx *cx = http_cx(rq);
  struct calendar_address a;
  struct db *db;
  enum err e = db_reader(cx, core->store, &db);
  if (e == OK) e = calendar_address(cx, db, core, &a);
  if (e == OK)
    reply_json(rq, 200, address_json(cx, core, &a));
  else
    reply_error(rq, e);
}

struct addressing {
  struct core *core;
  const char *by;
  struct calendar_address address;
};

static enum err new_job(struct ctx *cx, struct db *db, void *arg) {
  struct addressing *a = arg;
  TRY(calendar_refresh(cx, db, a->core));
  return calendar_new(cx, db, a->core, a->by, &a->address);
}

static void made(struct http_req *rq, void *arg, enum err e) {
  const struct addressing *a = arg;
  if (e == OK)
    reply_json(rq, 201, address_json(http_cx(rq), a->core, &a->address));
  else
    reply_error(rq, e);
}

static enum err revoke_job(struct ctx *cx, struct db *db, void *arg) {
  const struct addressing *a = arg;
  return calendar_revoke(cx, db, a->by);
}

static void revoked(struct http_req *rq, void *arg, enum err e) {
  (void)arg;
  if (e == OK)
    reply_json(rq, 200, js_object(http_cx(rq)));
  else
    reply_error(rq, e);
}

static struct addressing *addressing(struct http_req *rq, struct core *core) {
  struct addressing *a = ctx_alloc(http_cx(rq), sizeof *a);
  *a = (struct addressing){.core = core, .by = route_who(rq)};
  return a;
}

static void make_address(struct http_req *rq, struct core *core) {
  route_write(rq, core, new_job, addressing(rq, core), made);
}

static void revoke_address(struct http_req *rq, struct core *core) {
  route_write(rq, core, revoke_job, addressing(rq, core), revoked);
}

/* ---- as a file: what was imported a moment ago stands in it ---- */

struct file {
  struct core *core;
  const char *topic; /* NULL: the feed */
  bool of_topic;
  struct calendar_text text;
};

static enum err file_job(struct ctx *cx, struct db *db, void *arg) {
  struct file *f = arg;
  if (f->of_topic) TRY(pushcert_topic_meant(cx, db, f->topic, &f->topic));
  TRY(calendar_refresh(cx, db, f->core));
  return calendar_text(cx, db, f->core, f->topic, &f->text);
}

static void filed(struct http_req *rq, void *arg, enum err e) {
  const struct file *f = arg;
  if (e != OK) {
    reply_error(rq, e);
    return;
  }
  http_set_header(rq, "Content-Disposition", "attachment; filename=\"pomona.ics\"");
  http_reply(rq, 200, "text/calendar; charset=utf-8", f->text.text);
}

static void send_file(struct http_req *rq, struct core *core, bool of_topic) {
  struct file *f = ctx_alloc(http_cx(rq), sizeof *f);
  struct slice topic = http_query(rq, "topic");
  *f = (struct file){.core = core, .topic = of_topic && topic.n ? topic.p : NULL, .of_topic = of_topic};
  route_write(rq, core, file_job, f, filed);
}

static void file_of_topic(struct http_req *rq, struct core *core) { send_file(rq, core, true); }
static void file_of_all(struct http_req *rq, struct core *core) { send_file(rq, core, false); }

/* ---- planned renewals ---- */

struct plan {
  struct core *core;
  const char *topic, *on, *by, *seen; /* seen: as api_seen */
  int64_t every_us, next;
};

static struct js *plan_json(struct ctx *cx, const struct plan *p) {
  struct js *o = js_object(cx);
  js_set_string(o, "topic", p->topic);
  js_set_string(o, "every", p->every_us ? ctx_printf(cx, "%" PRId64 "d", p->every_us / US_DAY) : NULL);
  js_set_string(o, "on", p->on);
  js_set_time(o, "next_at", p->next);
  return o;
}

static enum err plan_job(struct ctx *cx, struct db *db, void *arg) {
  struct plan *p = arg;
  struct pushcert_record r;
  struct pushcert c;
  TRY(pushcert_topic_meant(cx, db, p->topic, &p->topic));
  TRY(pushcert_find(cx, db, p->topic, &c));
  TRY(pushcert_record_read(cx, db, p->topic, &r));
  TRY(api_seen(cx, "record", r.updated_at, r.updated_by, p->seen));
  r.plan_every_us = p->every_us;
  r.plan_on = p->on;
  r.updated_at = api_stamp(r.updated_at);
  r.updated_by = p->by;
  p->next = pushcert_plan_next(&r, &c);
  TRY(pushcert_record_write(cx, db, &r));
  return pushcert_history_add(cx, db, p->topic, 0, "planned", p->by, plan_json(cx, p));
}

static void planned(struct http_req *rq, void *arg, enum err e) {
  route_log(rq, "topic", ((const struct plan *)arg)->topic);
  if (e == OK)
    reply_json(rq, 200, plan_json(http_cx(rq), arg));
  else
    reply_error(rq, e);
}

static enum err read_plan(struct http_req *rq, struct plan *p) {
  struct ctx *cx = http_cx(rq);
  struct js *object;
  TRY(api_object(rq, &object));
  TRY(api_string(cx, object, "topic", &p->topic));
  TRY(api_span(cx, object, "every", &p->every_us));
  TRY(api_string(cx, object, "on", &p->on));
  p->seen = api_seen_of(object);
  if (p->every_us && p->on)
    return FAIL(cx, E_INVALID, "a renewal is planned either every so long or on a day of the year");
  if (p->every_us % US_DAY) return FAIL(cx, E_INVALID, "every is so many whole days, like 90d");
  if (p->on && !pushcert_plan_day(p->on))
    return FAIL(cx, E_INVALID, "on is no day of the year: month and day, like 04-01 for the first of April");
  return OK;
}

static void plan(struct http_req *rq, struct core *core) {
  struct plan *p = ctx_alloc(http_cx(rq), sizeof *p);
  *p = (struct plan){.core = core, .by = route_who(rq)};
  enum err e = read_plan(rq, p);
  if (e == OK)
    route_write(rq, core, plan_job, p, planned);
  else
    reply_error(rq, e);
}

const struct route calendar_routes[] = {
    {.method = "GET",
     .pattern = "/api/v1/calendar",
     .run = show_address,
     .summary = "The secret address of the calendar of all dates that can end the service."},
    {.method = "POST",
     .pattern = "/api/v1/calendar",
     .run = make_address,
     .body_max = API_BODY_MAX,
     .summary = "Makes a new secret address of the calendar; the former is worth nothing any more."},
    {.method = "DELETE",
     .pattern = "/api/v1/calendar",
     .run = revoke_address,
     .summary = "Ends the secret address of the calendar."},
    {.method = "GET",
     .pattern = "/api/v1/calendar/ics",
     .run = file_of_all,
     .summary = "The calendar of all dates that can end the service, as a file."},
    {.method = "GET",
     .pattern = "/api/v1/pushcerts/ics",
     .query = "topic:text",
     .run = file_of_topic,
     .summary =
         "The dates of a push certificate (?topic=) as an iCalendar file, with alarms and with owner and deputy as "
         "attendees."},
    {.method = "PUT",
     .pattern = "/api/v1/pushcerts/plan",
     .body = "topic:text every:text on:text updated_at:time",
     .run = plan,
     .body_max = API_BODY_MAX,
     .summary = "Plans renewals besides the expiry: topic, and every (90d) or on (04-01); neither: none is planned. "
                "\"updated_at\" of the topic's record that was looked at: 409 when it was changed since."},
    {.method = NULL},
};
