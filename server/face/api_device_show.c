/* /api/v1/devices/ID: all that is known of one device. */
#include "core/enroll.h"
#include "core/escrow.h"
#include "core/inventory.h"
#include "core/plan.h"
#include "core/queue.h"
#include "core/queue_list.h"
#include "core/roster.h"
#include "face/api_int.h"

#include <string.h>

enum { CHANGES = 20, WAITING = 50 };

struct asked {
  struct ctx *cx;
  struct db *db;
  struct core *core;
  struct enroll_info *info; /* of the channel that was named */
  struct js *body;
};

static void add_channel(struct js *o, const struct enroll_info *i, int64_t waiting) {
  js_set_string(o, "product_name", i->product_name);
  js_set_string(o, "build_version", i->build_version);
  js_set_string(o, "user_short_name", i->user_short_name);
  js_set_string(o, "user_long_name", i->user_long_name);
  js_set_time(o, "authenticated_at", i->authenticated_at);
  js_set_time(o, "enrolled_at", i->enrolled_at);
  js_set_time(o, "token_at", i->token_at);
  js_set_time(o, "checked_out_at", i->checked_out_at);
  js_set_int(o, "token_update_tally", i->token_update_tally);
  js_set_string(o, "last_address", i->last_address);
  js_set_bool(o, "awaiting_configuration", i->awaiting_configuration);
  js_set_bool(o, "unlock_token_held", i->unlock_token);
  js_set_bool(o, "bootstrap_token_held", i->bootstrap_token);
  js_set_time(o, "identity_not_after", i->identity_not_after);
  js_set_int(o, "commands_waiting", waiting);
}

/* Null when nobody else claims the device. */
static enum err add_takeover(struct asked *a) {
  struct enroll_takeover *t;
  size_t n;
  TRY(enroll_takeovers(a->cx, a->db, a->core, a->info->device, &t, &n));
  js_set(a->body, "takeover", n ? api_takeover(a->cx, t) : NULL);
  return OK;
}

/* ---- of the device itself ---- */

static enum err add_fields(struct asked *a) {
  const struct roster_device *d;
  TRY(roster_one(a->cx, a->db, a->core, a->info->device, &d));
  js_set_bool(a->body, "former", d->former);
  js_set(a->body, "fields", roster_json(a->cx, d));
  return OK;
}

static struct js *user_json(struct ctx *cx, const struct enroll_info *i, const struct push_state *p, int64_t waiting) {
  struct js *o = js_object(cx);
  js_set_string(o, "id", i->id);
  js_set_string(o, "type", i->type);
  js_set_string(o, "short_name", i->user_short_name);
  js_set_string(o, "long_name", i->user_long_name);
  js_set_bool(o, "enrolled", i->enabled);
  js_set_time(o, "last_seen", i->last_seen);
  js_set_string(o, "push", p->state);
  js_set_int(o, "commands_waiting", waiting);
  return o;
}

static enum err add_users(struct asked *a) {
  struct enroll_channels channels;
  struct js *users = js_array(a->cx);
  TRY(enroll_channels_of(a->cx, a->db, a->info->device, &channels));
  for (size_t i = 0; i < channels.n; i++) {
    struct enroll_info *user;
    struct push_state push;
    int64_t waiting;
    size_t n;
    if (channels.seq[i] == a->info->enrollment) continue;
    TRY(enroll_list(a->cx, a->db, channels.seq[i], 0, 1, &user, &n));
    TRY(push_state(a->cx, a->db, channels.seq[i], &push));
    TRY(queue_waiting(a->cx, a->db, channels.seq[i], &waiting));
    if (n) js_add(users, user_json(a->cx, user, &push, waiting));
  }
  js_set(a->body, "users", users);
  return OK;
}

static enum err add_history(struct asked *a) {
  struct enroll_past *past;
  size_t n;
  struct js *list = js_array(a->cx);
  TRY(enroll_history(a->cx, a->db, a->info->device, &past, &n));
  for (size_t i = 0; i < n; i++) {
    struct js *o = js_object(a->cx);
    js_set_string(o, "state", past[i].state);
    js_set_time(o, "authenticated_at", past[i].authenticated_at);
    js_set_time(o, "enrolled_at", past[i].enrolled_at);
    js_set_time(o, "ended_at", past[i].ended_at);
    js_set_string(o, "way_in", past[i].way_in);
    js_set_string(o, "address", past[i].address);
    js_set_string(o, "topic", past[i].topic);
    js_add(list, o);
  }
  js_set(a->body, "history", list);
  return OK;
}

static enum err add_namesakes(struct asked *a) {
  struct enroll_namesake *rows;
  size_t n;
  struct js *list = js_array(a->cx);
  TRY(enroll_namesakes(a->cx, a->db, a->info->device, &rows, &n));
  for (size_t i = 0; i < n; i++) {
    struct js *o = js_object(a->cx);
    js_set_string(o, "id", rows[i].id);
    js_set_string(o, "state", rows[i].state);
    js_set_bool(o, "former", rows[i].former);
    js_set_time(o, "enrolled_at", rows[i].enrolled_at);
    js_set_time(o, "last_seen", rows[i].last_seen);
    js_add(list, o);
  }
  js_set(a->body, "same_serial_number", list);
  return OK;
}

static enum err add_changes(struct asked *a) {
  struct roster_change rows[CHANGES];
  size_t n;
  struct js *list = js_array(a->cx);
  TRY(roster_changes(a->cx, a->db, a->info->device, CHANGES, rows, &n));
  for (size_t i = 0; i < n; i++) {
    struct js *o = js_object(a->cx);
    js_set_time(o, "at", rows[i].at);
    js_set_string(o, "what", rows[i].what);
    js_set_string(o, "was", rows[i].was);
    js_set_string(o, "now", rows[i].is_now);
    js_add(list, o);
  }
  js_set(a->body, "changes", list);
  return OK;
}

static enum err add_waiting(struct asked *a) {
  struct queue_entry *rows;
  size_t n;
  struct js *list = js_array(a->cx);
  struct queue_page page = {.enrollment = a->info->enrollment, .most = WAITING};
  TRY(queue_list(a->cx, a->db, &page, &rows, &n));
  for (size_t i = 0; i < n; i++) {
    if (rows[i].settled_at || rows[i].ended_as) continue;
    struct js *o = js_object(a->cx);
    js_set_string(o, "command_uuid", rows[i].uuid);
    js_set_string(o, "request_type", rows[i].request_type);
    js_set_string(o, "status", rows[i].status);
    js_set_time(o, "queued_at", rows[i].queued_at);
    js_set_time(o, "updated_at", rows[i].updated_at);
    js_add(list, o);
  }
  js_set(a->body, "waiting", list);
  return OK;
}

/* What is held, without the values: the newest in force of each kind. */
static enum err add_escrow(struct asked *a) {
  struct escrow_entry *rows;
  size_t n;
  bool told[ESCROW_ALL_KINDS] = {0};
  struct js *list = js_array(a->cx);
  TRY(escrow_list(a->cx, a->db, a->info->device, &rows, &n));
  for (size_t i = 0; i < n; i++) {
    if (told[rows[i].kind] || rows[i].ended_at) continue;
    told[rows[i].kind] = true;
    struct js *o = js_object(a->cx);
    js_set_string(o, "kind", escrow_word(rows[i].kind));
    js_set_time(o, "at", rows[i].at);
    js_set_time(o, "revealed_at", rows[i].revealed_at);
    js_set_string(o, "revealed_by", rows[i].revealed_by);
    js_add(list, o);
  }
  js_set(a->body, "escrow", list);
  return OK;
}

static enum err add_installed(struct asked *a) {
  static const char *const names[INVENTORY_KINDS] = {"profiles", "apps", "managed_apps"};
  struct js *o = js_object(a->cx);
  for (int kind = 0; kind < INVENTORY_KINDS; kind++) {
    struct inventory_items items;
    TRY(inventory_items(a->cx, a->db, a->info->enrollment, (enum inventory_kind)kind, &items));
    if (items.at)
      js_set_int(o, names[kind], (int64_t)items.n);
    else
      js_set_null(o, names[kind]);
  }
  js_set(a->body, "installed", o);
  return OK;
}

static enum err add_misfits(struct asked *a) {
  struct js *list = js_array(a->cx);
  struct inventory_info *answers;
  size_t n;
  TRY(inventory_list(a->cx, a->db, a->info->enrollment, &answers, &n));
  for (size_t i = 0; i < n; i++) {
    if (answers[i].stored.misfits == 0) continue;
    struct js *o = js_object(a->cx);
    js_set_string(o, "request_type", answers[i].request_type);
    js_set_int(o, "misfits", answers[i].stored.misfits);
    js_add(list, o);
  }
  js_set(a->body, "misfits", list);
  return OK;
}

static enum err add_plan(struct asked *a) {
  struct js *plan;
  TRY(plan_of_device(a->cx, a->db, a->core, a->info->device, &plan));
  js_set(a->body, "plan", plan);
  return OK;
}

static enum err add_device(struct asked *a) {
  static enum err (*const parts[])(struct asked *) = {add_fields,  add_users,   add_history, add_namesakes,
                                                      add_changes, add_waiting, add_escrow,  add_installed,
                                                      add_misfits, add_plan};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) TRY(parts[i](a));
  return OK;
}

/* ---- answers ---- */

static enum err show_into(struct http_req *rq, struct core *core, struct js **body) {
  struct ctx *cx = http_cx(rq);
  struct asked a = {.cx = cx, .core = core};
  struct push_state push;
  int64_t enrollment, waiting, version;
  size_t n;
  char *id, *device_id;
  bool of_user;
  TRY(db_reader(cx, core->store, &a.db));
  TRY(enroll_lookup(cx, a.db, api_param(rq, "id"), &enrollment, &id));
  TRY(enroll_list(cx, a.db, enrollment, 0, 1, &a.info, &n));
  if (n == 0) return FAIL(cx, E_NOT_FOUND, "there is no enrollment %s", id);
  TRY(enroll_device_named(cx, a.db, id, &device_id, &of_user));
  TRY(push_state(cx, a.db, enrollment, &push));
  TRY(queue_waiting(cx, a.db, enrollment, &waiting));
  *body = a.body = api_device(cx, a.info, &push);
  js_set_string(a.body, "device", of_user ? device_id : NULL);
  add_channel(a.body, a.info, waiting);
  TRY(roster_version(cx, a.db, a.info->device, &version));
  js_set_int(a.body, "version", version);
  api_etag(rq, version);
  if (!of_user) TRY(add_device(&a));
  return add_takeover(&a);
}

static void show(struct http_req *rq, struct core *core) {
  struct js *body = NULL;
  enum err e = show_into(rq, core, &body);
  if (e == OK)
    reply_json(rq, 200, body);
  else
    reply_error(rq, e);
}

const struct route device_show_routes[] = {
    {.method = "GET",
     .pattern = "/api/v1/devices/:id",
     .flags = ROUTE_VERSIONED,
     .run = show,
     .summary = "One device, by its id or a serial number: what is known of it, its users, its history, what waits. Of "
                "a user's channel, by its id: that channel."},
    {.method = NULL},
};
