/* What operators say: the API. */
#include "talk.h"

#include <stdio.h>
#include <string.h>

#define AUTHORIZATION "Authorization: Bearer talk-key"

/* ---- what has a name ---- */

const char *label_value(const char *name) {
  for (size_t i = talk.labels_n; i-- > 0;)
    if (strcmp(talk.labels[i].name, name) == 0) return talk.labels[i].value;
  for (size_t i = 0; i < talk.actors_n; i++)
    if (strcmp(talk.actors[i].name, name) == 0) return actor_channel(&talk.actors[i]);
  return NULL;
}

void label_set(const char *name, const char *value) {
  if (talk.labels_n == LABELS_MAX) talk_fail("too many labels");
  snprintf(talk.labels[talk.labels_n].name, NAME_MAX_, "%s", name);
  snprintf(talk.labels[talk.labels_n++].value, sizeof talk.labels->value, "%s", value);
}

void label_take(const struct line *l) {
  if (l->n != 3) talk_fail("note LABEL PATH");
  const char *value = expect_found(l->words[2]);
  if (strcmp(value, "absent") == 0) talk_fail("the answer has no %s", l->words[2]);
  label_set(l->words[1], value);
}

/* ---- what needs no proof: links, profiles, health ---- */

void public_ask(const struct line *l) {
  bool browser = l->n == 5 && strcmp(l->words[3], "as") == 0;
  if (l->n != 3 && !browser) talk_fail("public METHOD PATH [as browser]");
  const char *headers[] = {browser ? "Accept: text/html,*/*" : NULL, NULL};
  struct nh_req rq = {.method = l->words[1], .headers = headers};
  world_ask(talk.devices, &rq, l->words[2]);
  talk.message = "public";
}

/* ---- the API ---- */

void anyone_ask(const struct line *l) {
  bool with = l->n == 5 && strcmp(l->words[3], "with") == 0;
  if (l->n != 3 && !with) talk_fail("anyone METHOD PATH [with KEY]");
  const char *headers[] = {with ? ctx_printf(talk.cx, "Authorization: Bearer %s", l->words[4]) : NULL, NULL};
  struct nh_req rq = {.method = l->words[1], .headers = headers};
  world_ask(talk.admin, &rq, l->words[2]);
  talk.message = "anyone";
}

static void ask(const char *method, const char *path, struct slice body, const char *type) {
  const char *headers[] = {AUTHORIZATION, ctx_printf(talk.cx, "Content-Type: %s", type), NULL};
  struct nh_req rq = {.method = method, .headers = headers, .body = body};
  world_ask(talk.admin, &rq, path);
  talk.message = "admin";
}

void admin_hear(struct slice message) { ask("PUT", "/migration", message, "application/xml"); }

/* The rest of the line is the body; one that starts with '<' is a property list. */
void admin_ask(const struct line *l) {
  if (l->n < 3) talk_fail("admin METHOD PATH [BODY]");
  const char *body = l->n > 3 ? l->rest[3] : NULL;
  ask(l->words[1], l->words[2], body ? slice_of(body) : (struct slice){0},
      body && body[0] == '<' ? "application/xml" : "application/json");
}

static struct js *good(const char *what) {
  struct js *body;
  if (talk.reply.status / 100 != 2)
    talk_fail("%s was answered %d: %.*s", what, talk.reply.status, (int)talk.reply.body.n, talk.reply.body.p);
  talk_must(js_parse(talk.cx, talk.reply.body, &body));
  talk.said = false;
  return body;
}

/* {NAME} is then the path of the link. */
void admin_link(const struct line *l) {
  if (l->n < 2) talk_fail("link NAME [JSON]");
  ask("POST", "/api/v1/links", slice_of(l->n > 2 ? l->rest[2] : "{}"), "application/json");
  const char *url = js_str(good("the link"), "url");
  label_set(l->words[1], strstr(url, "/enroll/"));
}

/* {LABEL} is then the command's UUID. JSON: further members of the request, as "arguments" or "expires". */
void admin_command(const struct line *l) {
  if (l->n < 4) talk_fail("command LABEL NAME RequestType [JSON]");
  struct js *request, *ids = js_array(talk.cx);
  struct talk_actor *a = actor_find(l->words[2]);
  talk_must(js_parse(talk.cx, slice_of(l->n > 4 ? l->rest[4] : "{}"), &request));
  js_add_string(ids, a ? actor_channel(a) : l->words[2]);
  js_set(request, "ids", ids);
  js_set_string(request, "request_type", l->words[3]);
  if (!js_get(request, "confirm")) js_set_bool(request, "confirm", true); /* of what is dangerous: a talk means it */
  ask("POST", "/api/v1/commands", js_text(talk.cx, request, JS_COMPACT), "application/json");
  if (talk.reply.status / 100 != 2) return; /* the talk says what it expects */
  const char *uuid = js_str(good("the command"), "command_uuid");
  label_set(l->words[1], uuid);
}
