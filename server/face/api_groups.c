/* /api/v1/groups: groups, what a change of them would do, and the change. */
#include "core/enroll.h"
#include "core/plan.h"
#include "face/api_int.h"
#include "face/outbound.h"

#include <inttypes.h>
#include <string.h>

enum { MEMBERS_MOST = 500, ASSIGNMENTS_MOST = 100 };
#define CHANGE_BODY                                                                                                    \
  "new_name:text rule:text static:bool note:text add:text[] drop:text[] assign:object[] unassign:object[] confirm:int"

/* ---- looking ---- */

static enum err list_into(struct http_req *rq, struct core *core, struct js *body) {
  struct ctx *cx = http_cx(rq);
  struct js *groups;
  struct db *db;
  TRY(db_reader(cx, core->store, &db));
  TRY(plan_of_groups(cx, db, core, &groups));
  js_set(body, "groups", groups);
  js_set_null(body, "next");
  return OK;
}

static void list(struct http_req *rq, struct core *core) { api_answer(rq, core, list_into); }

static void set_group(struct js *body, const struct group *g) {
  js_set_string(body, "name", g->name);
  js_set_string(body, "rule", g->rule);
  js_set_string(body, "note", g->note);
  js_set_int(body, "version", g->version);
  js_set_time(body, "created_at", g->created_at);
  js_set_string(body, "created_by", g->created_by);
}

static enum err show_into(struct http_req *rq, struct core *core, struct js *body) {
  struct ctx *cx = http_cx(rq);
  struct group g;
  struct js *standing;
  struct db *db;
  const char *key;
  TRY(db_reader(cx, core->store, &db));
  TRY(group_find(cx, db, api_param(rq, "name"), &g));
  TRY(plan_of_group(cx, db, core, &g, &standing));
  set_group(body, &g);
  for (size_t i = 0; js_member(standing, i, &key); i++) js_set(body, key, js_get(standing, key));
  api_etag(rq, g.version);
  return OK;
}

static void show(struct http_req *rq, struct core *core) { api_answer(rq, core, show_into); }

static enum err device_into(struct http_req *rq, struct core *core, struct js **body) {
  struct ctx *cx = http_cx(rq);
  struct db *db;
  int64_t device;
  TRY(db_reader(cx, core->store, &db));
  TRY(api_device_row(cx, db, api_param(rq, "id"), &device));
  return plan_of_device(cx, db, core, device, body);
}

static void of_device(struct http_req *rq, struct core *core) {
  struct js *body = NULL;
  enum err e = device_into(rq, core, &body);
  if (e == OK)
    reply_json(rq, 200, body);
  else
    reply_error(rq, e);
}

/* ---- reading a change ---- */

enum err api_device_row(struct ctx *cx, struct db *db, const char *name, int64_t *device) {
  struct enroll_info *row;
  int64_t enrollment;
  size_t n;
  char *id;
  TRY(enroll_lookup(cx, db, name, &enrollment, &id));
  TRY(enroll_list(cx, db, enrollment, 0, 1, &row, &n));
  if (n == 0) return FAIL(cx, E_NOT_FOUND, "there is no device %s", name);
  *device = row->device;
  return OK;
}

struct changing {
  struct core *core;
  struct group_change change;
  struct group after;
  const char *by;
  int64_t confirm;
  bool only_look;
  struct plan_preview preview;
};

static enum err read_devices(struct ctx *cx, struct db *db, struct js *object, const char *key, int64_t **out,
                             size_t *n) {
  struct js *names = js_get(object, key);
  *n = js_count(names);
  if (js_is_null(names)) return OK;
  if (!js_is_array(names) || *n > MEMBERS_MOST)
    return FAIL(cx, E_INVALID, "%s is no array of at most %d devices", key, MEMBERS_MOST);
  *out = ctx_alloc(cx, (*n + 1) * sizeof **out);
  for (size_t i = 0; i < *n; i++) {
    const char *name = js_string(js_at(names, i));
    if (!name) return FAIL(cx, E_INVALID, "%s holds something that is no string", key);
    TRY(api_device_row(cx, db, name, &(*out)[i]));
  }
  return OK;
}

static enum err read_assignment(struct ctx *cx, struct js *o, struct group_assignment *out) {
  const char *kind = NULL, *ref = NULL, *name;
  *out = (struct group_assignment){.position = -1};
  for (size_t i = 0; js_member(o, i, &name); i++)
    if (!strstr(" kind ref users position options ", ctx_printf(cx, " %s ", name)))
      return FAIL(cx, E_INVALID, "an assignment has kind, ref, users, position and options, no other member");
  TRY(api_string(cx, o, "kind", &kind));
  TRY(api_string(cx, o, "ref", &ref));
  TRY(api_bool(cx, o, "users", &out->users));
  TRY(api_int(cx, o, "position", &out->position));
  if (!group_kind_named(kind, &out->kind))
    return FAIL(cx, E_INVALID, "kind is profile, command, setting, package, app or requirement");
  if (!ref) return FAIL(cx, E_INVALID, "an assignment without ref: what is it about?");
  out->ref = ctx_strdup(cx, ref);
  struct js *options = js_get(o, "options");
  out->options = js_is_null(options) ? NULL : options;
  return OK;
}

static enum err read_assignments(struct ctx *cx, struct js *object, const char *key, struct group_assignment **out,
                                 size_t *n) {
  struct js *all = js_get(object, key);
  *n = js_count(all);
  if (js_is_null(all)) return OK;
  if (!js_is_array(all) || *n > ASSIGNMENTS_MOST)
    return FAIL(cx, E_INVALID, "%s is no array of at most %d assignments", key, ASSIGNMENTS_MOST);
  *out = ctx_alloc(cx, (*n + 1) * sizeof **out);
  for (size_t i = 0; i < *n; i++) {
    if (!js_is_object(js_at(all, i))) return FAIL(cx, E_INVALID, "%s holds something that is no object", key);
    TRY(read_assignment(cx, js_at(all, i), &(*out)[i]));
  }
  return OK;
}

static enum err read_change(struct http_req *rq, struct db *db, struct changing *c) {
  struct ctx *cx = http_cx(rq);
  struct group_change *g = &c->change;
  struct js *object;
  int64_t *add = NULL, *drop = NULL;
  struct group_assignment *unassign = NULL;
  TRY(api_object(rq, &object));
  TRY(api_string(cx, object, "name", &g->name));
  route_log(rq, "group", g->name);
  TRY(api_string(cx, object, "new_name", &g->new_name));
  TRY(api_string(cx, object, "rule", &g->rule));
  TRY(api_string(cx, object, "note", &g->note));
  TRY(api_bool(cx, object, "static", &g->make_static));
  TRY(api_bool(cx, object, "remove", &g->remove));
  TRY(api_int(cx, object, "confirm", &c->confirm));
  TRY(read_devices(cx, db, object, "add", &add, &g->add_n));
  TRY(read_devices(cx, db, object, "drop", &drop, &g->drop_n));
  TRY(read_assignments(cx, object, "assign", &g->assign, &g->assign_n));
  TRY(read_assignments(cx, object, "unassign", &unassign, &g->unassign_n));
  g->add = add;
  g->drop = drop;
  g->unassign = unassign;
  if (!g->name) return FAIL(cx, E_INVALID, "the group has no name");
  return OK;
}

/* ---- a change: looked at, then made ---- */

static void made(struct http_req *rq, void *arg, enum err e) {
  const struct changing *c = arg;
  struct js *body = js_object(http_cx(rq));
  if (e != OK) {
    reply_error(rq, e);
    return;
  }
  set_group(body, &c->after);
  js_set_int(body, "devices_concerned", c->preview.devices);
  if (!c->change.remove) api_etag(rq, c->after.version);
  reply_json(rq, c->change.fresh ? 201 : 200, body);
}

static enum err make_job(struct ctx *cx, struct db *db, void *arg) {
  struct changing *c = arg;
  TRY(group_apply(cx, db, c->core, &c->change, c->by, &c->after));
  return plan_due(cx, db, c->core, 0);
}

static enum err look(struct http_req *rq, struct changing *c) {
  struct ctx *cx = http_cx(rq);
  struct db *db;
  struct slice confirm = http_query(rq, "confirm");
  if (confirm.p && (!slice_to_i64(confirm, &c->confirm) || c->confirm < 0))
    return FAIL(cx, E_INVALID, "confirm is no number of devices");
  TRY(api_if_match(rq, &c->change.if_version));
  TRY(db_reader(cx, c->core->store, &db));
  TRY(read_change(rq, db, c));
  TRY(group_check(cx, db, c->core, &c->change));
  TRY(plan_preview(cx, db, c->core, &c->change, &c->preview));
  js_set_int(c->preview.json, "plan_limit", core_conf(c->core)->plan_limit);
  return OK;
}

static void ask_first(struct http_req *rq, const struct changing *c) {
  (void)FAIL(http_cx(rq), E_CONFLICT,
             "this change concerns %" PRId64 " devices, more than plan-limit (%" PRId64
             "): look at it with /plan, then send it with confirm=%" PRId64,
             c->preview.devices, core_conf(c->core)->plan_limit, c->preview.devices);
  api_unconfirmed(rq, c->preview.devices);
}

static void go(struct http_req *rq, struct changing *c) {
  enum err e = look(rq, c);
  if (e != OK)
    reply_error(rq, e);
  else if (c->only_look)
    reply_json(rq, 200, c->preview.json);
  else if (c->preview.devices > core_conf(c->core)->plan_limit && c->confirm < c->preview.devices)
    ask_first(rq, c);
  else {
    if (c->change.if_version < 0) c->change.if_version = c->preview.version; /* what was looked at */
    route_write(rq, c->core, make_job, c, made);
  }
}

static struct changing *changing(struct http_req *rq, struct core *core) {
  struct changing *c = ctx_alloc(http_cx(rq), sizeof *c);
  *c = (struct changing){.core = core, .by = route_who(rq), .change = {.if_version = -1}};
  return c;
}

static void add_slowly(struct http_req *rq, struct core *core) {
  struct changing *c = changing(rq, core);
  c->change.fresh = true;
  go(rq, c);
}

static void change_slowly(struct http_req *rq, struct core *core) {
  struct changing *c = changing(rq, core);
  c->change.name = api_param(rq, "name");
  c->change.standing = true;
  go(rq, c);
}

static void remove_slowly(struct http_req *rq, struct core *core) {
  struct changing *c = changing(rq, core);
  c->change.name = api_param(rq, "name");
  c->change.remove = true;
  go(rq, c);
}

static void plan_slowly(struct http_req *rq, struct core *core) {
  struct changing *c = changing(rq, core);
  c->change.name = api_param(rq, "name");
  c->only_look = true;
  go(rq, c);
}

/* Looking at a large fleet takes its time: not on the listener's thread. */
static void later(struct http_req *rq, struct core *core, void (*run)(struct http_req *rq, struct core *core)) {
  enum err e = outbound_run(rq, core, run);
  if (e != OK) reply_error(rq, e);
}

static void add(struct http_req *rq, struct core *core) { later(rq, core, add_slowly); }
static void change(struct http_req *rq, struct core *core) { later(rq, core, change_slowly); }
static void remove_group(struct http_req *rq, struct core *core) { later(rq, core, remove_slowly); }
static void plan(struct http_req *rq, struct core *core) { later(rq, core, plan_slowly); }

const struct route groups_routes[] = {
    {.method = "GET",
     .pattern = "/api/v1/groups",
     .flags = ROUTE_FLEET,
     .run = list,
     .summary = "All groups, with how many of their devices are compliant, working and failing."},
    {.method = "POST",
     .pattern = "/api/v1/groups",
     .flags = ROUTE_FLEET,
     .run = add,
     .body_max = API_BODY_MAX,
     .query = "confirm:int",
     .body = "name:text! " CHANGE_BODY,
     .summary = "Makes a group. More devices than plan-limit concerned: 409 `unconfirmed` with their number, to be "
                "sent again as `confirm`."},
    {.method = "GET",
     .pattern = "/api/v1/groups/:name",
     .flags = ROUTE_VERSIONED | ROUTE_FLEET,
     .run = show,
     .summary = "One group: its assignments and requirements with how they stand, and who fails and why."},
    {.method = "PATCH",
     .pattern = "/api/v1/groups/:name",
     .flags = ROUTE_VERSIONED | ROUTE_FLEET,
     .run = change,
     .body_max = API_BODY_MAX,
     .query = "confirm:int",
     .body = CHANGE_BODY,
     .summary = "Changes a group, all or nothing: name, rule, members, assignments. If-Match: only that version (412). "
                "More devices than plan-limit concerned: 409 `unconfirmed`, as with POST."},
    {.method = "DELETE",
     .pattern = "/api/v1/groups/:name",
     .body = "confirm:int",
     .flags = ROUTE_VERSIONED | ROUTE_FLEET,
     .run = remove_group,
     .body_max = API_BODY_MAX,
     .query = "confirm:int",
     .summary = "Removes a group; its devices lose what only it gave. 409 `unconfirmed` as with POST."},
    {.method = "POST",
     .pattern = "/api/v1/groups/:name/plan",
     .flags = ROUTE_LOOK | ROUTE_FLEET,
     .run = plan,
     .body_max = API_BODY_MAX,
     .body = CHANGE_BODY " remove:bool",
     .summary = "What a change of a group would do, without doing it: devices, installs, removals, unmet requirements, "
                "and who cannot and why. The body is that of PATCH; `remove`: as if the group were removed."},
    {.method = "GET",
     .pattern = "/api/v1/devices/:id/plan",
     .run = of_device,
     .summary = "How a device stands: its groups, and what is not as it must be, and why."},
    {.method = NULL},
};
