/* People: accounts, the links by which they get a password, and who is logged in. */
#include "app/client.h"
#include "app/cmd.h"
#include "app/table.h"
#include "base/enc.h"

#include <stdio.h>
#include <string.h>

static char *user_path(struct ctx *cx, const char *name, const char *rest) {
  return ctx_printf(cx, "/api/v1/users/%s%s", enc_percent(cx, slice_of(name)), rest);
}

static bool is_set(struct js *o, const char *key) {
  bool yes = false;
  (void)js_bool(js_get(o, key), &yes);
  return yes;
}

/* ---- looking ---- */

static const char *state_of(struct js *o) {
  if (is_set(o, "disabled")) return "disabled";
  return is_set(o, "has_password") ? "active" : "invited";
}

static const char *factor_of(struct ctx *cx, struct js *o) {
  const char *keys = member_text(cx, o, "passkeys");
  bool keyed = keys && strcmp(keys, "0") != 0;
  const char *totp = is_set(o, "has_totp") ? "codes" : NULL;
  return totp && keyed ? "codes, passkey" : keyed ? "passkey" : totp;
}

enum err cmd_user_list(struct ctx *cx, struct args *a) {
  static const char *const headers[] = {"NAME",       "ROLE",       "STATE",   "SECOND FACTOR",
                                        "LAST LOGIN", "CREATED BY", "VERSION", NULL};
  struct client *c;
  struct js *answer;
  TRY(client_open(cx, &c, a));
  TRY(client_call(cx, c, "GET", "/api/v1/users", NULL, &answer));
  struct js *all = js_get(answer, "users");
  if (args_has(a, "json")) return print_json(cx, all), OK;
  if (js_count(all) == 0)
    return fputs("No accounts yet: `pomona user setup-link` makes a link for the first.\n", stderr), OK;
  struct table *t = table_new(cx, headers);
  for (size_t i = 0; i < js_count(all); i++) {
    struct js *o = js_at(all, i);
    const char *cells[] = {js_str(o, "name"),
                           js_str(o, "role"),
                           state_of(o),
                           factor_of(cx, o),
                           local_time(cx, js_str(o, "last_login_at")),
                           js_str(o, "created_by"),
                           member_text(cx, o, "version")};
    table_add(t, cells);
  }
  table_print(t, stdout);
  return OK;
}

/* ---- links ---- */

/* The link stands alone on the first line of stdout, so that scripts and pipes get nothing else. */
static enum err tell_link(struct ctx *cx, const struct args *a, struct js *answer) {
  const char *name = js_str(answer, "name");
  if (args_has(a, "json")) return print_json(cx, answer), OK;
  printf("%s\n", plain(cx, js_str(answer, "url")));
  fprintf(stderr, "good once, until %s; open it in a browser to %s\n", local_time(cx, js_str(answer, "expires_at")),
          name ? ctx_printf(cx, "set the password of %s", plain(cx, name)) : "make the first account, an admin");
  return OK;
}

static enum err make_link(struct ctx *cx, const struct args *a, struct client *c, const char *name, bool reset) {
  struct js *answer, *body = js_object(cx);
  if (reset) js_set_bool(body, "reset", true);
  const char *path = name ? user_path(cx, name, "/setup-link") : "/api/v1/users/setup-link";
  TRY(client_call(cx, c, "POST", path, body, &answer));
  return tell_link(cx, a, answer);
}

enum err cmd_user_setup_link(struct ctx *cx, struct args *a) {
  struct client *c;
  TRY(client_open(cx, &c, a));
  return make_link(cx, a, c, a->n ? a->operands[0] : NULL, false);
}

enum err cmd_user_reset(struct ctx *cx, struct args *a) {
  struct client *c;
  TRY(client_open(cx, &c, a));
  return make_link(cx, a, c, a->operands[0], true);
}

enum err cmd_user_add(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *answer, *body = js_object(cx);
  if (!args_has(a, "role")) return FAIL(cx, E_USAGE, "say what it may: --role viewer, operator or admin");
  js_set_string(body, "name", a->operands[0]);
  js_set_string(body, "role", args_value(a, "role"));
  TRY(client_open(cx, &c, a));
  TRY(client_call(cx, c, "POST", "/api/v1/users", body, &answer));
  return make_link(cx, a, c, a->operands[0], false);
}

/* ---- changes ---- */

static enum err change(struct ctx *cx, struct args *a, struct js *body) {
  struct client *c;
  struct js *o;
  TRY(client_open(cx, &c, a));
  TRY(client_call(cx, c, "PATCH", user_path(cx, a->operands[0], ""), body, &o));
  if (args_has(a, "json")) return print_json(cx, o), OK;
  printf("%s: %s, %s\n", plain(cx, js_str(o, "name")), js_str(o, "role"), state_of(o));
  return OK;
}

static enum err set_disabled(struct ctx *cx, struct args *a, bool disabled) {
  struct js *body = js_object(cx);
  js_set_bool(body, "disabled", disabled);
  return change(cx, a, body);
}

enum err cmd_user_role(struct ctx *cx, struct args *a) {
  struct js *body = js_object(cx);
  js_set_string(body, "role", a->operands[1]);
  return change(cx, a, body);
}

enum err cmd_user_disable(struct ctx *cx, struct args *a) { return set_disabled(cx, a, true); }
enum err cmd_user_enable(struct ctx *cx, struct args *a) { return set_disabled(cx, a, false); }

enum err cmd_user_remove(struct ctx *cx, struct args *a) {
  struct client *c;
  struct slice answer;
  TRY(client_open(cx, &c, a));
  TRY(client_bytes(cx, c, "DELETE", user_path(cx, a->operands[0], ""), (struct slice){0}, &answer));
  printf("%s: removed\n", plain(cx, a->operands[0]));
  return OK;
}

/* ---- sessions ---- */

static enum err end_session(struct ctx *cx, struct client *c, const char *id) {
  struct slice answer;
  const char *path = ctx_printf(cx, "/api/v1/sessions/%s", enc_percent(cx, slice_of(id)));
  return client_bytes(cx, c, "DELETE", path, (struct slice){0}, &answer);
}

/* One that ends by itself meanwhile is as good as ended. */
static enum err end_all(struct ctx *cx, struct client *c, struct js *all) {
  for (size_t i = 0; i < js_count(all); i++) {
    enum err e = end_session(cx, c, member_text(cx, js_at(all, i), "id"));
    if (e != E_NOT_FOUND) TRY(e);
    ctx_clear_error(cx);
  }
  printf("%zu ended\n", js_count(all));
  return OK;
}

static bool is_of(struct js *o, const char *name) { return !name || strcmp(js_str(o, "name"), name) == 0; }

static void print_sessions(struct ctx *cx, struct js *all) {
  static const char *const headers[] = {"SESSION", "NAME", "SINCE", "LAST SEEN", "ENDS", "BY", "FROM", "WITH", NULL};
  struct table *t = table_new(cx, headers);
  for (size_t i = 0; i < js_count(all); i++) {
    struct js *o = js_at(all, i);
    const char *cells[] = {member_text(cx, o, "id"),
                           js_str(o, "name"),
                           local_time(cx, js_str(o, "created_at")),
                           local_time(cx, js_str(o, "seen_at")),
                           local_time(cx, js_str(o, "ends_at")),
                           js_str(o, "method"),
                           js_str(o, "peer"),
                           js_str(o, "agent")};
    table_add(t, cells);
  }
  table_print(t, stdout);
}

enum err cmd_user_sessions(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *answer;
  TRY(client_open(cx, &c, a));
  const char *end = args_value(a, "end");
  bool ends_all = end && strcmp(end, "all") == 0;
  if (end && !ends_all) {
    TRY(end_session(cx, c, end));
    return puts("ended"), OK;
  }
  TRY(client_call(cx, c, "GET", "/api/v1/sessions", NULL, &answer));
  struct js *all = js_get(answer, "sessions"), *own = js_array(cx);
  const char *name = a->n ? a->operands[0] : NULL;
  for (size_t i = 0; i < js_count(all); i++)
    if (is_of(js_at(all, i), name)) js_add(own, js_at(all, i));
  if (ends_all) return end_all(cx, c, own);
  if (args_has(a, "json")) return print_json(cx, own), OK;
  if (js_count(own) == 0) return fputs("Nobody is logged in.\n", stderr), OK;
  print_sessions(cx, own);
  return OK;
}
