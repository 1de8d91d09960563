/* One profile to, or off, some devices, by hand and once. What is to stay on them is a group's. */
#include "base/enc.h"
#include "core/command_target.h"
#include "core/enroll.h"
#include "core/profile.h"
#include "core/queue.h"
#include "face/api_int.h"
#include "face/outbound.h"

#include <string.h>

enum { IDS_MOST = 1000 };

enum err api_profile_device(struct ctx *cx, struct db *db, struct core *core, const char *name,
                            const struct roster_device **out) {
  struct enroll_info *info;
  int64_t enrollment;
  char *id;
  size_t n;
  TRY(enroll_lookup(cx, db, name, &enrollment, &id));
  TRY(enroll_list(cx, db, enrollment, 0, 1, &info, &n));
  return n ? roster_one(cx, db, core, info->device, out) : FAIL(cx, E_NOT_FOUND, "there is no device %s", name);
}

struct giving {
  struct core *core;
  struct db *db; /* of this thread */
  struct profile profile;
  const char *request_type, *by;
  struct js *ids;
};

struct one_given {
  const struct giving *g;
  struct command command;
  int64_t enrollment;
};

static enum err queue_job(struct ctx *cx, struct db *db, void *arg) {
  const struct one_given *o = arg;
  struct core *core = o->g->core;
  int64_t command;
  TRY(queue_command(cx, db, core, &o->command, o->g->by, &command));
  TRY(queue_add(cx, db, core, command, &o->command, o->enrollment));
  return push_due(cx, db, core, o->enrollment, PUSH_ASKED, 0, NULL, NULL);
}

/* What a device certainly cannot do is not sent. */
static enum err check(struct ctx *cx, const struct giving *g, const struct one_given *o,
                      const struct roster_device *d) {
  struct command_target target;
  struct command_uses *uses;
  struct command_fit fit;
  TRY(command_target_of(cx, g->db, d, o->enrollment, &target));
  TRY(command_uses(cx, &o->command, &uses));
  command_fit(cx, uses, &target, &fit);
  if (fit.refusal) return FAIL(cx, E_CONFLICT, "%s", fit.refusal);
  bool fits =
      target.platform == PLATFORM_UNKNOWN || !g->profile.platforms || g->profile.platforms & 1u << target.platform;
  if (fits || strcmp(g->request_type, "RemoveProfile") == 0) return OK;
  return FAIL(cx, E_CONFLICT, "nothing in the profile is for %s", platform_name(target.platform));
}

static enum err build(struct ctx *cx, const struct giving *g, const struct roster_device *d, struct command *out) {
  struct js *args = js_object(cx);
  struct slice file;
  if (strcmp(g->request_type, "RemoveProfile") == 0) {
    js_set_string(args, "Identifier", g->profile.identifier);
  } else {
    TRY(profile_render(cx, g->db, g->core, g->profile.profile, d, &file));
    js_set_string(args, "Payload", enc_base64(cx, file.p, file.n));
  }
  return command_build(cx, out, g->request_type, args, NULL);
}

static enum err give_one(struct ctx *cx, const struct giving *g, const char *name, struct js *told) {
  struct one_given o = {.g = g};
  const struct roster_device *d;
  char *id;
  TRY(enroll_lookup(cx, g->db, name, &o.enrollment, &id));
  js_set_string(told, "id", id);
  TRY(api_profile_device(cx, g->db, g->core, name, &d));
  TRY(build(cx, g, d, &o.command));
  TRY(check(cx, g, &o, d));
  TRY(db_call(cx, g->core->store, queue_job, &o));
  js_set_string(told, "command_uuid", o.command.uuid);
  return OK;
}

/* Each has a context of its own: a thousand filled profiles are not held at a time. */
static struct js *tell_one(struct ctx *cx, const struct giving *g, const char *name, enum err *e) {
  struct ctx *own = ctx_new();
  struct js *told = js_object(own), *o = js_object(cx);
  *e = give_one(own, g, name, told);
  const char *id = js_str(told, "id");
  js_set_string(o, "id", id ? id : name);
  js_set_string(o, "command_uuid", js_str(told, "command_uuid"));
  if (*e != OK) {
    struct js *error = js_object(cx);
    js_set_string(error, "code", err_slug(*e));
    js_set_string(error, "message", ctx_error_text(own));
    js_set(o, "error", error);
  }
  ctx_free(own);
  return o;
}

static enum err read_ids(struct http_req *rq, struct giving *g) {
  struct ctx *cx = http_cx(rq);
  struct js *o;
  TRY(api_object(rq, &o));
  g->ids = js_get(o, "ids");
  size_t n = js_count(g->ids);
  if (!js_is_array(g->ids) || n == 0 || n > IDS_MOST)
    return FAIL(cx, E_INVALID, "ids is no array of 1 to %d ids", IDS_MOST);
  for (size_t i = 0; i < n; i++)
    if (!js_string(js_at(g->ids, i))) return FAIL(cx, E_INVALID, "ids holds something that is no string");
  return OK;
}

/* When it is refused for every device, the request is, for the reason of the first. */
static enum err give_all(struct http_req *rq, struct giving *g, struct js *body, bool *any) {
  struct ctx *cx = http_cx(rq);
  struct js *list = js_array(cx), *first = NULL;
  enum err reason = OK, e;
  size_t failed = 0, n = js_count(g->ids);
  for (size_t i = 0; i < n; i++) {
    struct js *o = tell_one(cx, g, js_string(js_at(g->ids, i)), &e);
    js_add(list, o);
    if (e == OK) continue;
    if (failed++ == 0) reason = e, first = o;
  }
  js_set_string(body, "request_type", g->request_type);
  js_set(body, "targets", list);
  *any = failed > 0;
  return failed < n ? OK : FAIL(cx, reason, "%s: %s", js_str(first, "id"), js_str(js_get(first, "error"), "message"));
}

static void give_elsewhere(struct http_req *rq, struct core *core) {
  struct giving *g = route_user(rq);
  struct js *body = js_object(http_cx(rq));
  bool any = false;
  enum err e = api_profile(rq, core, &g->db, &g->profile);
  if (e == OK) e = read_ids(rq, g);
  if (e == OK) e = give_all(rq, g, body, &any);
  if (e == OK)
    reply_json(rq, any ? 207 : 200, body);
  else
    reply_error(rq, e);
}

static void give(struct http_req *rq, struct core *core, const char *request_type) {
  struct giving *g = ctx_alloc(http_cx(rq), sizeof *g);
  *g = (struct giving){.core = core, .request_type = request_type, .by = route_who(rq)};
  route_set_user(rq, g);
  enum err e = outbound_run(rq, core, give_elsewhere);
  if (e != OK) reply_error(rq, e);
}

static void install(struct http_req *rq, struct core *core) { give(rq, core, "InstallProfile"); }
static void uninstall(struct http_req *rq, struct core *core) { give(rq, core, "RemoveProfile"); }

const struct route profile_give_routes[] = {
    {.method = "POST",
     .pattern = "/api/v1/profiles/:identifier/install",
     .body = "ids:text[]!",
     .body_max = API_BODY_MAX,
     .run = install,
     .summary =
         "Sends the profile to these devices, once: filled and signed for each. 207: some were refused, and why."},
    {.method = "POST",
     .pattern = "/api/v1/profiles/:identifier/uninstall",
     .body = "ids:text[]!",
     .body_max = API_BODY_MAX,
     .run = uninstall,
     .summary = "Has these devices remove it, once; a group that gives it sends it again."},
    {.method = NULL},
};
