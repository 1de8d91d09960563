#include "base/enc.h"
#include "core/webhook_int.h"

#include <string.h>

/* What MicroMDM tells nothing of. */
static const char *const not_micromdm[] = {"UserAuthenticate", "DeclarativeManagement", "GetToken", "ReturnToService"};

/* In JSON a quote within a string is escaped, so this stands nowhere but where the member is. */
static const char empty_payload[] = "\"raw_payload\":\"\"";

static bool is_told(const struct webhook_event *e, bool micromdm) {
  if (!micromdm || !e->message_type) return true;
  for (size_t i = 0; i < sizeof not_micromdm / sizeof *not_micromdm; i++)
    if (strcmp(e->message_type, not_micromdm[i]) == 0) return false;
  return true;
}

static struct js *ids_json(struct ctx *cx, const struct enroll_ids *ids) {
  struct js *o = js_object(cx);
  js_set_string(o, "id", ids->id);
  js_set_string(o, "type", ids->type);
  if (ids->is_user) js_set_string(o, "parent_id", ids->device);
  return o;
}

static struct js *event_json(struct ctx *cx, const struct webhook_event *e, bool micromdm) {
  struct js *o = js_object(cx);
  bool by_enrollment = strncmp(e->ids->type, "User Enrollment", strlen("User Enrollment")) == 0;
  js_set_string(o, by_enrollment ? "enrollment_id" : "udid", e->ids->device);
  if (!e->message_type) js_set_string(o, "status", e->status);
  if (e->command_uuid) js_set_string(o, "command_uuid", e->command_uuid);
  if (e->message_type && micromdm) js_set_null(o, "url_params");
  js_set_string(o, "raw_payload", "");
  if (micromdm) return o;
  js_set(o, "ids", ids_json(cx, e->ids));
  if (e->token_update_tally) js_set_int(o, "token_update_tally", e->token_update_tally);
  return o;
}

static struct js *envelope(struct ctx *cx, const struct webhook_message *m) {
  struct js *o = js_object(cx);
  js_set_string(o, "topic", m->topic);
  js_set_string(o, "event_id", m->event_id);
  js_set_time(o, "created_at", m->at);
  return o;
}

bool webhook_render(struct ctx *cx, const struct webhook_event *e, bool micromdm, struct webhook_message *out) {
  if (!is_told(e, micromdm)) return false;
  out->topic = ctx_printf(cx, "mdm.%s", e->message_type ? e->message_type : "Connect");
  out->enrollment = e->ids->id;
  out->payload = e->body;
  struct js *o = envelope(cx, out);
  js_set(o, e->message_type ? "checkin_event" : "acknowledge_event", event_json(cx, e, micromdm));
  out->json = js_text(cx, o, JS_COMPACT);
  return true;
}

enum err webhook_render_own(struct ctx *cx, const char *kind, const char *enrollment, const char *data,
                            struct webhook_message *out) {
  struct js *own = js_object(cx), *members;
  TRY(js_parse(cx, slice_of(data), &members));
  out->topic = ctx_printf(cx, "pomona.%s", kind);
  out->enrollment = enrollment ? enrollment : "";
  js_set_string(own, "kind", kind);
  js_set_string(own, "enrollment", enrollment);
  js_set(own, "data", members);
  struct js *o = envelope(cx, out);
  js_set(o, "pomona_event", own);
  out->json = js_text(cx, o, JS_COMPACT);
  return OK;
}

struct slice webhook_body(struct ctx *cx, const struct webhook_message *m) {
  const char *at = m->payload.p ? strstr(m->json.p, empty_payload) : NULL;
  if (!at) return m->json;
  at += strlen(empty_payload) - 1; /* before the closing quote */
  const char *payload = enc_base64(cx, m->payload.p, m->payload.n);
  size_t before = (size_t)(at - m->json.p), n = strlen(payload);
  char *text = ctx_alloc(cx, m->json.n + n + 1);
  memcpy(text, m->json.p, before);
  memcpy(text + before, payload, n);
  memcpy(text + before + n, at, m->json.n - before);
  return slice_mem(text, m->json.n + n);
}
