/* /api/v1/command-types: what may be asked, and, for one device, what of it it can do. */
#include "core/command_target.h"
#include "core/enroll.h"
#include "core/roster.h"
#include "face/api_int.h"

#include <string.h>

struct asked {
  struct ctx *cx;
  struct command_target target;
  bool has_target;
};

/* ?device=: also a channel of one of its users. */
static enum err load_target(struct http_req *rq, struct core *core, struct asked *a) {
  struct slice named = http_query(rq, "device");
  const struct roster_device *d;
  struct enroll_info *info;
  struct db *db;
  int64_t enrollment;
  size_t n;
  char *id;
  if (!named.p) return OK;
  TRY(db_reader(a->cx, core->store, &db));
  TRY(enroll_lookup(a->cx, db, ctx_memdup(a->cx, named.p, named.n), &enrollment, &id));
  TRY(enroll_list(a->cx, db, enrollment, 0, 1, &info, &n));
  if (n == 0) return FAIL(a->cx, E_NOT_FOUND, "there is no device %s", id);
  TRY(roster_one(a->cx, db, core, info->device, &d));
  a->has_target = true;
  return command_target_of(a->cx, db, d, enrollment, &a->target);
}

/* Of keys that the device does not take, at whatever depth: why. */
static void add_reasons(const struct asked *a, struct js *list, const struct command_arg *keys,
                        const struct command_reach *up) {
  for (size_t i = 0; i < js_count(list); i++, keys++) {
    struct command_reach own = command_reach_of_key(up, keys);
    const char *why = command_key_fit(a->cx, &own, keys, &a->target);
    struct js *o = js_at(list, i), *member;
    const char *key;
    if (why) js_set_string(o, "refused", why);
    for (size_t m = 0; !why && keys->args && (member = js_member(o, m, &key)); m++)
      if (js_is_array(member) && strcmp(key, "one_of") != 0) add_reasons(a, member, keys->args, &own);
  }
}

static struct js *type_json(const struct asked *a, const struct command_row *row) {
  struct js *o = command_row_json(a->cx, row), *warnings = js_array(a->cx);
  struct command_reach reach = command_reach_of_row(row);
  struct command_fit fit;
  if (!a->has_target) return o;
  command_fit(a->cx, command_uses_row(a->cx, row), &a->target, &fit);
  for (size_t i = 0; i < fit.n; i++) js_add_string(warnings, fit.warnings[i]);
  js_set_bool(o, "allowed", fit.refusal == NULL);
  js_set_string(o, "refused", fit.refusal);
  js_set(o, "warnings", warnings);
  if (!fit.refusal) add_reasons(a, js_get(o, "arguments"), row->args, &reach);
  return o;
}

static enum err types_into(struct http_req *rq, struct core *core, struct js *body) {
  struct asked a = {.cx = http_cx(rq)};
  struct js *all = js_array(a.cx);
  TRY(load_target(rq, core, &a));
  for (const struct command_row *row = command_rows; row->request_type; row++) js_add(all, type_json(&a, row));
  js_set(body, "command_types", all);
  return OK;
}

static void types(struct http_req *rq, struct core *core) { api_answer(rq, core, types_into); }

const struct route command_types_routes[] = {
    {.method = "GET",
     .pattern = "/api/v1/command-types",
     .query = "device:text",
     .run = types,
     .summary = "What may be asked of devices, as `pomona command types --json` prints it: arguments with type, values "
                "and what they need, and what a command is (dangerous, once, early …). ?device=: also whether that one "
                "can do it (allowed, refused: why not, warnings), and which arguments it does not take."},
    {.method = NULL},
};
