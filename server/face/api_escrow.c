/* Secrets of devices in escrow: what is held, one revealed with a reason, a recovery key replaced. */
#include "base/enc.h"
#include "base/secret.h"
#include "core/enroll.h"
#include "core/escrow.h"
#include "core/filevault.h"
#include "face/api_int.h"

#include <string.h>

static enum err device_of(struct ctx *cx, struct db *db, const char *name, char **id, int64_t *device) {
  bool of_user;
  TRY(enroll_device_named(cx, db, name, id, &of_user));
  return escrow_device(cx, db, *id, device);
}

/* ---- what is held ---- */

static struct js *entry_json(struct ctx *cx, const struct escrow_entry *e) {
  struct js *o = js_object(cx);
  js_set_string(o, "kind", escrow_word(e->kind));
  if (e->seq)
    js_set_int(o, "number", e->seq);
  else
    js_set_null(o, "number");
  js_set_string(o, "state", e->state);
  js_set_string(o, "note", e->note);
  js_set_time(o, "at", e->at);
  js_set_time(o, "confirmed_at", e->confirmed_at);
  js_set_time(o, "ended_at", e->ended_at);
  js_set_string(o, "command_uuid", e->command);
  js_set_time(o, "revealed_at", e->revealed_at);
  js_set_string(o, "revealed_by", e->revealed_by);
  js_set_string(o, "revealed_reason", e->revealed_reason);
  return o;
}

static enum err list_into(struct http_req *rq, struct core *core, struct js *body) {
  struct ctx *cx = http_cx(rq);
  struct escrow_entry *entries;
  struct db *db;
  int64_t device;
  char *id;
  size_t n;
  TRY(db_reader(cx, core->store, &db));
  TRY(device_of(cx, db, api_param(rq, "id"), &id, &device));
  TRY(escrow_list(cx, db, device, &entries, &n));
  struct js *list = js_array(cx);
  for (size_t i = 0; i < n; i++) js_add(list, entry_json(cx, &entries[i]));
  js_set_string(body, "id", id);
  js_set(body, "secrets", list);
  return OK;
}

static void list(struct http_req *rq, struct core *core) { api_answer(rq, core, list_into); }

/* ---- one of them ---- */

struct reveal {
  struct core *core;
  const char *name, *kind; /* name: as the operator named the device */
  char *id;
  bool rotate;
  struct escrow_ask ask;
  struct escrow_revealed out;
  struct filevault_rotation rotation;
};

static enum err reveal_job(struct ctx *cx, struct db *db, void *arg) {
  struct reveal *r = arg;
  TRY(device_of(cx, db, r->name, &r->id, &r->ask.device));
  TRY(escrow_reveal(cx, db, r->core, &r->ask, &r->out));
  if (r->ask.kind != ESCROW_RECOVERY_KEY || !r->out.in_force || !r->rotate) return OK;
  TRY(filevault_rotate(cx, db, r->core, r->id, r->ask.by, &r->rotation));
  return r->rotation.command ? escrow_replaces(cx, db, r->out.reveal, r->rotation.command) : OK;
}

static void revealed(struct http_req *rq, void *arg, enum err e) {
  struct reveal *r = arg;
  struct ctx *cx = http_cx(rq);
  struct slice value = r->out.value;
  if (e != OK) {
    reply_error(rq, e);
    return;
  }
  bool binary = escrow_is_binary(r->ask.kind);
  struct js *body = js_object(cx);
  js_set_string(body, "id", r->id);
  js_set_string(body, "kind", escrow_word(r->ask.kind));
  char *text = binary ? enc_base64(cx, value.p, value.n) : ctx_memdup(cx, value.p, value.n);
  js_set_string(body, "value", secret_in(cx, text, strlen(text)));
  js_set_string(body, "encoding", binary ? "base64" : "text");
  js_set_bool(body, "in_force", r->out.in_force);
  js_set_string(body, "note", r->out.note);
  js_set_time(body, "at", r->out.at);
  js_set_string(body, "rotate_command_uuid", r->rotation.command);
  js_set_string(body, "not_rotated", r->rotation.why_not);
  reply_json(rq, 200, body);
}

static enum err read_ask(struct http_req *rq, struct reveal *r) {
  struct ctx *cx = http_cx(rq);
  struct js *o;
  TRY(api_object(rq, &o));
  TRY(api_string(cx, o, "kind", &r->kind));
  TRY(api_int(cx, o, "number", &r->ask.seq));
  TRY(api_string(cx, o, "reason", &r->ask.reason));
  TRY(api_bool(cx, o, "rotate", &r->rotate));
  if (!r->kind || !escrow_named(r->kind, &r->ask.kind))
    return FAIL(cx, E_INVALID, "kind must be one of %s", escrow_words(cx));
  return escrow_check_reason(cx, r->ask.reason);
}

static void reveal(struct http_req *rq, struct core *core) {
  struct reveal *r = ctx_alloc(http_cx(rq), sizeof *r);
  *r = (struct reveal){.core = core, .name = api_param(rq, "id"), .rotate = true, .ask.by = route_who(rq)};
  enum err e = read_ask(rq, r);
  if (e == OK)
    route_write(rq, core, reveal_job, r, revealed);
  else
    reply_error(rq, e);
}

/* ---- another recovery key ---- */

static enum err rotate_job(struct ctx *cx, struct db *db, void *arg) {
  struct reveal *r = arg;
  TRY(device_of(cx, db, r->name, &r->id, &r->ask.device));
  TRY(filevault_rotate(cx, db, r->core, r->id, r->ask.by, &r->rotation));
  if (r->rotation.command) return OK;
  return FAIL(cx, E_CONFLICT, "the recovery key of %s cannot be replaced: %s", r->id, r->rotation.why_not);
}

static void rotated(struct http_req *rq, void *arg, enum err e) {
  struct reveal *r = arg;
  if (e != OK) {
    reply_error(rq, e);
    return;
  }
  struct js *body = js_object(http_cx(rq));
  js_set_string(body, "id", r->id);
  js_set_string(body, "command_uuid", r->rotation.command);
  reply_json(rq, 200, body);
}

static void rotate(struct http_req *rq, struct core *core) {
  struct reveal *r = ctx_alloc(http_cx(rq), sizeof *r);
  *r = (struct reveal){.core = core, .name = api_param(rq, "id"), .ask.by = route_who(rq)};
  route_write(rq, core, rotate_job, r, rotated);
}

const struct route escrow_routes[] = {
    {.method = "GET",
     .pattern = "/api/v1/devices/:id/escrow",
     .run = list,
     .summary = "What is held in escrow of a device, without the values: those in force first, then newest first."},
    {.method = "POST",
     .pattern = "/api/v1/devices/:id/escrow/reveal",
     .flags = ROUTE_REVEALS,
     .run = reveal,
     .body_max = API_BODY_MAX,
     .body = "kind:text! number:int reason:text! rotate:bool",
     .summary = "One secret, recorded with the reason: the newest of its kind that is in force, or the one of this "
                "number. A recovery key in force is replaced by a new one, unless rotate is false."},
    {.method = "POST",
     .pattern = "/api/v1/devices/:id/escrow/rotate",
     .run = rotate,
     .summary = "Has a Mac make another FileVault recovery key (RotateFileVaultKey) in the place of the one that is in "
                "escrow."},
    {.method = NULL},
};
