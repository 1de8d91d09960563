/* What operators know of devices: user, e-mail address, tag, note; one by one and as a table. */
#include "core/enroll.h"
#include "core/plan.h"
#include "core/roster.h"
#include "face/api_int.h"

#include <string.h>

enum { CHUNK = 150 };

/* ---- one ---- */

struct change {
  struct core *core;
  const char *name;
  char *id;
  struct roster_edit edit;
  int64_t if_match, if_version; /* -1: whichever it is */
  int64_t version;              /* after it */
};

static enum err change_job(struct ctx *cx, struct db *db, void *arg) {
  struct change *c = arg;
  bool of_user, several;
  TRY(enroll_device_named(cx, db, c->name, &c->id, &of_user));
  if (of_user) return FAIL(cx, E_INVALID, "%s is a user of the device %s: name the device", c->name, c->id);
  TRY(roster_named(cx, db, c->id, true, &c->edit.device, &several));
  TRY(roster_version(cx, db, c->edit.device, &c->version));
  TRY(api_same_version(cx, c->if_match, c->version));
  TRY(api_same_version(cx, c->if_version, c->version));
  TRY(roster_edit(cx, db, c->core, &c->edit));
  TRY(plan_due(cx, db, c->core, c->edit.device));
  return roster_version(cx, db, c->edit.device, &c->version);
}

static void changed(struct http_req *rq, void *arg, enum err e) {
  struct change *c = arg;
  if (e != OK) {
    reply_error(rq, e);
    return;
  }
  struct js *body = js_object(http_cx(rq));
  js_set_string(body, "id", c->id);
  js_set_int(body, "version", c->version);
  api_etag(rq, c->version);
  reply_json(rq, 200, body);
}

/* null clears, as "" does (RFC 7396). */
static enum err read_change(struct http_req *rq, struct change *c) {
  struct ctx *cx = http_cx(rq);
  struct js *o;
  TRY(api_object(rq, &o));
  for (int i = 0; i < ROSTER_EDITS; i++) {
    const char *name = roster_fields[roster_edited[i]].name;
    struct js *value = js_get(o, name);
    if (value && js_is_null(value))
      c->edit.text[i] = "";
    else
      TRY(api_string(cx, o, name, &c->edit.text[i]));
  }
  TRY(api_int(cx, o, "if_version", &c->if_version));
  TRY(api_if_match(rq, &c->if_match));
  return roster_edit_check(cx, &c->edit);
}

static void change(struct http_req *rq, struct core *core) {
  struct change *c = ctx_alloc(http_cx(rq), sizeof *c);
  *c = (struct change){.core = core, .name = api_param(rq, "id"), .if_version = -1};
  enum err e = read_change(rq, c);
  if (e == OK)
    route_write(rq, core, change_job, c, changed);
  else
    reply_error(rq, e);
}

/* ---- a table ---- */

struct import {
  struct core *core;
  struct roster_import table;
  size_t next;
};

static enum err import_job(struct ctx *cx, struct db *db, void *arg) {
  struct import *i = arg;
  size_t end = i->table.n - i->next > CHUNK ? i->next + CHUNK : i->table.n;
  for (size_t k = i->next; k < end; k++) {
    enum err e = roster_edit(cx, db, i->core, &i->table.edits[k]);
    if (e == E_NOT_FOUND)
      ctx_clear_error(cx); /* it was forgotten since the table was read */
    else
      TRY(e);
    if (e == OK) TRY(plan_due(cx, db, i->core, i->table.edits[k].device));
  }
  i->next = end;
  return OK;
}

static void tell(struct http_req *rq, const struct import *i, bool dry_run) {
  struct ctx *cx = http_cx(rq);
  struct js *body = js_object(cx), *list = js_array(cx);
  for (size_t k = 0; k < i->table.mistakes_n; k++) {
    struct js *o = js_object(cx);
    js_set_int(o, "line", i->table.mistakes[k].line);
    js_set_string(o, "message", i->table.mistakes[k].text);
    js_add(list, o);
  }
  js_set_int(body, "devices", (int64_t)i->table.n);
  js_set(body, "mistakes", list);
  js_set_int(body, "mistakes_total", (int64_t)i->table.mistakes_all);
  js_set_bool(body, "dry_run", dry_run);
  reply_json(rq, 200, body);
}

static void imported(struct http_req *rq, void *arg, enum err e) {
  struct import *i = arg;
  if (e != OK)
    reply_error(rq, e);
  else if (i->next < i->table.n)
    route_write(rq, i->core, import_job, i, imported);
  else
    tell(rq, i, false);
}

/* All or nothing: the lines that are wrong, some of them. */
static enum err refuse(struct ctx *cx, const struct roster_import *t) {
  enum { SHOWN = 10 };
  struct buf b = {0};
  for (size_t k = 0; k < t->mistakes_n && k < SHOWN; k++)
    buf_printf(&b, "\n  line %lld: %s", (long long)t->mistakes[k].line, t->mistakes[k].text);
  if (t->mistakes_all > SHOWN) buf_printf(&b, "\n  … and %zu more", t->mistakes_all - SHOWN);
  enum err e = FAIL(cx, E_INVALID, "nothing was changed: %zu line%s of the table %s wrong%s", t->mistakes_all,
                    t->mistakes_all == 1 ? "" : "s", t->mistakes_all == 1 ? "is" : "are", b.p);
  buf_free(&b);
  return e;
}

static enum err read_table(struct http_req *rq, struct import *i) {
  struct db *db;
  TRY(db_reader(http_cx(rq), i->core->store, &db));
  return roster_import_read(http_cx(rq), db, http_body(rq), &i->table);
}

static void import(struct http_req *rq, struct core *core) {
  struct import *i = ctx_alloc(http_cx(rq), sizeof *i);
  bool dry_run = route_flag(rq, "dry_run");
  i->core = core;
  enum err e = read_table(rq, i);
  if (e == OK) route_log(rq, "act", api_of(http_cx(rq), dry_run ? "check" : "set", i->table.n, "device"));
  if (e == OK && i->table.mistakes_all && !dry_run) e = refuse(http_cx(rq), &i->table);
  if (e != OK)
    reply_error(rq, e);
  else if (dry_run || i->table.n == 0)
    tell(rq, i, dry_run);
  else
    route_write(rq, core, import_job, i, imported);
}

const struct route device_edit_routes[] = {
    {.method = "PATCH",
     .pattern = "/api/v1/devices/:id",
     .flags = ROUTE_VERSIONED,
     .run = change,
     .body_max = API_BODY_MAX,
     .body = "user:text email:text tag:text note:text if_version:int",
     .summary = "Sets a device's user, e-mail address, asset tag or note; \"\" or null clears. if_version: only when "
                "this is its version (412)."},
    {.method = "POST",
     .pattern = "/api/v1/devices/import",
     .run = import,
     .body_max = API_BODY_MAX,
     .query = "dry_run:bool",
     .body = "@text/csv",
     .summary = "Sets user, e-mail address, asset tag or note of many devices, as a table: a first line with id or "
                "serial, and any of user, email, tag, note. A "
                "mistake in one line: none is written. ?dry_run=true: tells what is wrong and changes nothing."},
    {.method = NULL},
};
