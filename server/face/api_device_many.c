/* POST /api/v1/devices/many: one act of operators for many devices, with a look before. */
#include "base/map.h"
#include "core/enroll.h"
#include "core/plan.h"
#include "core/roster.h"
#include "face/api_int.h"

#include <string.h>

enum { MOST = 20000, CHUNK = 50, REFUSALS_SHOWN = 100 };

struct target {
  int64_t device;
  const char *id;
};

struct many {
  struct core *core;
  const char *by;
  const struct kind *kind;
  struct roster_edit edit; /* of `set` */
  struct target *targets;  /* those that the act would change */
  size_t n, next, done, unchanged, refused;
  struct js *refusals; /* some of those that are none of ours */
  int64_t confirm;     /* -1: nobody said a number */
};

/* ---- the acts ---- */

static bool is_blocked(const struct roster_device *d) {
  const char *state = roster_text(d, ROSTER_STATE);
  return state && strcmp(state, "blocked") == 0;
}

static bool would_block(const struct many *m, const struct roster_device *d) {
  (void)m;
  return !is_blocked(d);
}

static enum err run_block(struct ctx *cx, struct db *db, struct many *m, const struct target *t) {
  return enroll_block(cx, db, m->core, t->id, m->by);
}

static bool would_unblock(const struct many *m, const struct roster_device *d) {
  (void)m;
  return is_blocked(d);
}

static enum err run_unblock(struct ctx *cx, struct db *db, struct many *m, const struct target *t) {
  bool woken;
  return api_device_unblock(cx, db, m->core, t->id, m->by, &woken);
}

static bool would_set(const struct many *m, const struct roster_device *d) {
  for (int i = 0; i < ROSTER_EDITS; i++) {
    const char *was = roster_text(d, roster_edited[i]);
    if (m->edit.text[i] && strcmp(m->edit.text[i], was ? was : "") != 0) return true;
  }
  return false;
}

static enum err run_set(struct ctx *cx, struct db *db, struct many *m, const struct target *t) {
  struct roster_edit edit = m->edit;
  edit.device = t->device;
  TRY(roster_edit(cx, db, m->core, &edit));
  return plan_due(cx, db, m->core, t->device);
}

static const struct kind {
  const char *name;
  bool (*would)(const struct many *m, const struct roster_device *d);
  enum err (*run)(struct ctx *cx, struct db *db, struct many *m, const struct target *t);
} kinds[] = {{"block", would_block, run_block}, {"unblock", would_unblock, run_unblock}, {"set", would_set, run_set}};

/* ---- to whom ---- */

static void add(struct many *m, const struct roster_device *d) {
  if (m->kind->would(m, d))
    m->targets[m->n++] = (struct target){d->device, roster_text(d, ROSTER_ID)};
  else
    m->unchanged++;
}

static enum err read_matching(struct ctx *cx, struct db *db, const char *text, struct many *m) {
  struct roster_filter *filter;
  struct roster_page page;
  TRY(roster_filter(cx, &filter, slice_of(text)));
  TRY(roster_ready(cx, db, m->core, filter));
  TRY(roster_list(cx, db, m->core, &(struct roster_query){.filter = filter, .sort = ROSTER_ENROLLED, .most = MOST},
                  &page));
  if (page.next) return FAIL(cx, E_INVALID, "%zu devices match: at most %d at a time", page.total, MOST);
  m->targets = ctx_alloc(cx, (page.n + 1) * sizeof *m->targets);
  for (size_t i = 0; i < page.n; i++) add(m, page.devices[i]);
  return OK;
}

static enum err device_of(struct ctx *cx, struct db *db, struct core *core, const char *name,
                          const struct roster_device **out) {
  bool of_user, several = false;
  int64_t device = 0;
  char *id;
  TRY(enroll_device_named(cx, db, name, &id, &of_user));
  if (of_user) return FAIL(cx, E_INVALID, "%s is a user of the device %s: name the device", name, id);
  TRY(roster_named(cx, db, id, true, &device, &several));
  return roster_one(cx, db, core, device, out);
}

static void refuse(struct ctx *cx, struct many *m, const char *name) {
  if (m->refused++ < REFUSALS_SHOWN) {
    struct js *o = js_object(cx);
    js_set_string(o, "id", name);
    js_set_string(o, "message", ctx_error_text(cx));
    js_add(m->refusals, o);
  }
  ctx_clear_error(cx);
}

/* Who is named twice, by id and serial number, is one. */
static bool is_new(struct map *seen, const struct roster_device *d) {
  return !map_put(seen, slice_mem((const char *)&d->device, sizeof d->device), seen);
}

static enum err read_ids(struct ctx *cx, struct db *db, struct js *ids, struct many *m, struct map *seen) {
  for (size_t i = 0; i < js_count(ids); i++) {
    const struct roster_device *d = NULL;
    const char *name = js_string(js_at(ids, i));
    if (!name) return FAIL(cx, E_INVALID, "ids holds something that is no string");
    enum err e = device_of(cx, db, m->core, name, &d);
    if (e == E_NOT_FOUND || e == E_CONFLICT || e == E_INVALID)
      refuse(cx, m, name);
    else
      TRY(e);
    if (e == OK && is_new(seen, d)) add(m, d);
  }
  return OK;
}

static enum err read_named(struct ctx *cx, struct db *db, struct js *ids, struct many *m) {
  size_t n = js_count(ids);
  if (!js_is_array(ids) || n == 0 || n > MOST)
    return FAIL(cx, E_INVALID, "the devices are named by filter, or by ids: an array of 1 to %d ids", MOST);
  m->targets = ctx_alloc(cx, n * sizeof *m->targets);
  struct map *seen = map_new();
  enum err e = read_ids(cx, db, ids, m, seen);
  map_free(seen, NULL);
  return e;
}

/* ---- the request ---- */

static enum err read_kind(struct ctx *cx, struct js *o, struct many *m) {
  const char *act = "";
  bool texts = false;
  TRY(api_string(cx, o, "act", &act));
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (strcmp(act, kinds[i].name) == 0) m->kind = &kinds[i];
  if (!m->kind) return FAIL(cx, E_INVALID, "act is block, unblock or set");
  for (int i = 0; i < ROSTER_EDITS; i++) {
    TRY(api_string(cx, o, roster_fields[roster_edited[i]].name, &m->edit.text[i]));
    texts = texts || m->edit.text[i];
  }
  if (texts != (m->kind->run == run_set))
    return FAIL(cx, E_INVALID, "user, email, tag or note are for set, and set needs one; \"\" clears");
  return roster_edit_check(cx, &m->edit);
}

static enum err read_request(struct http_req *rq, struct many *m) {
  struct ctx *cx = http_cx(rq);
  const char *filter = NULL;
  struct js *o;
  struct db *db;
  TRY(api_object(rq, &o));
  TRY(read_kind(cx, o, m));
  TRY(api_string(cx, o, "filter", &filter));
  TRY(api_int(cx, o, "confirm", &m->confirm));
  if (filter && !js_is_null(js_get(o, "ids"))) return FAIL(cx, E_INVALID, "either ids or filter names the devices");
  TRY(db_reader(cx, m->core->store, &db));
  return filter ? read_matching(cx, db, filter, m) : read_named(cx, db, js_get(o, "ids"), m);
}

static void tell(struct http_req *rq, const struct many *m, size_t devices) {
  struct js *body = js_object(http_cx(rq));
  js_set_string(body, "act", m->kind->name);
  js_set_int(body, "devices", (int64_t)devices);
  js_set_int(body, "unchanged", (int64_t)m->unchanged);
  js_set_int(body, "refused", (int64_t)m->refused);
  js_set(body, "refusals", m->refusals);
  reply_json(rq, 200, body);
}

static enum err many_job(struct ctx *cx, struct db *db, void *arg) {
  struct many *m = arg;
  size_t end = m->n - m->next > CHUNK ? m->next + CHUNK : m->n, done = 0;
  for (size_t i = m->next; i < end; i++) {
    enum err e = m->kind->run(cx, db, m, &m->targets[i]);
    if (e == E_NOT_FOUND)
      ctx_clear_error(cx); /* it was forgotten since the list was read */
    else
      TRY(e);
    done += e == OK;
  }
  m->next = end;
  m->done += done;
  return OK;
}

static void ran(struct http_req *rq, void *arg, enum err e) {
  struct many *m = arg;
  if (e != OK)
    reply_error(rq, e);
  else if (m->next < m->n)
    route_write(rq, m->core, many_job, m, ran);
  else
    tell(rq, m, m->done);
}

static void ask_first(struct http_req *rq, const struct many *m) {
  (void)FAIL(http_cx(rq), E_CONFLICT,
             "%s would change %zu devices now: look at them with /plan, then send it with \"confirm\": %zu",
             m->kind->name, m->n, m->n);
  api_unconfirmed(rq, (int64_t)m->n);
}

static enum err begin(struct http_req *rq, struct core *core, struct many **out) {
  struct many *m = *out = ctx_alloc(http_cx(rq), sizeof *m);
  *m = (struct many){.core = core, .by = route_who(rq), .refusals = js_array(http_cx(rq)), .confirm = -1};
  return read_request(rq, m);
}

static void plan(struct http_req *rq, struct core *core) {
  struct many *m;
  enum err e = begin(rq, core, &m);
  if (e == OK)
    tell(rq, m, m->n);
  else
    reply_error(rq, e);
}

static void many(struct http_req *rq, struct core *core) {
  struct many *m;
  enum err e = begin(rq, core, &m);
  if (e == OK) route_log(rq, "act", api_of(http_cx(rq), m->kind->name, m->n, "device"));
  if (e != OK)
    reply_error(rq, e);
  else if (m->confirm != (int64_t)m->n)
    ask_first(rq, m);
  else if (m->n == 0)
    tell(rq, m, 0);
  else
    route_write(rq, core, many_job, m, ran);
}

#define BODY "act:text ids:text[] filter:text user:text email:text tag:text note:text"

const struct route device_many_routes[] = {
    {.method = "POST",
     .pattern = "/api/v1/devices/many",
     .run = many,
     .body_max = API_BODY_MAX,
     .body = BODY " confirm:int",
     .summary = "Does one act with up to 20,000 devices, named by ids or all that match filter: block, unblock, or set "
                "(user, email, tag, note; \"\" clears). confirm: how many it changes, as /plan tells; else 409 "
                "`unconfirmed` with the present number."},
    {.method = "POST",
     .pattern = "/api/v1/devices/many/plan",
     .flags = ROUTE_LOOK,
     .run = plan,
     .body_max = API_BODY_MAX,
     .body = BODY,
     .summary = "How many devices the same act would change, how many are so already, and which names are of none. "
                "Nothing is done, and the look is not recorded."},
    {.method = NULL},
};
