/* /api/v1/users, /api/v1/sessions: accounts of people, and who is logged in. */
#include "base/secret.h"
#include "face/api_accounts_int.h"

#include <string.h>

enum { USER_BODY_MAX = 16 << 10 };

static void set_user(struct js *o, const struct user *u) {
  js_set_string(o, "name", u->name);
  js_set_string(o, "role", role_word(u->role));
  js_set_bool(o, "disabled", u->disabled_at != 0);
  js_set_time(o, "disabled_at", u->disabled_at);
  js_set_bool(o, "has_password", u->has_password);
  js_set_bool(o, "has_totp", u->has_totp);
  js_set_int(o, "recovery_codes", u->recovery_codes);
  js_set_int(o, "passkeys", u->passkeys);
  js_set_time(o, "created_at", u->created_at);
  js_set_string(o, "created_by", u->created_by);
  js_set_time(o, "last_login_at", u->last_login_at);
  js_set_int(o, "version", u->version);
}

static enum err list_into(struct http_req *rq, struct core *core, struct js *body) {
  struct ctx *cx = http_cx(rq);
  struct user *users;
  struct db *db;
  size_t n;
  struct js *all = js_array(cx);
  TRY(db_reader(cx, core->store, &db));
  TRY(user_list(cx, db, &users, &n));
  for (size_t i = 0; i < n; i++) {
    struct js *o = js_object(cx);
    set_user(o, &users[i]);
    js_add(all, o);
  }
  js_set(body, "users", all);
  js_set_null(body, "next");
  return OK;
}

static void list(struct http_req *rq, struct core *core) { api_answer(rq, core, list_into); }

static enum err show_into(struct http_req *rq, struct core *core, struct js *body) {
  struct db *db;
  struct user u;
  TRY(db_reader(http_cx(rq), core->store, &db));
  TRY(user_find(http_cx(rq), db, api_param(rq, "name"), &u));
  set_user(body, &u);
  api_etag(rq, u.version);
  return OK;
}

static void show(struct http_req *rq, struct core *core) { api_answer(rq, core, show_into); }

/* ---- changes ---- */

struct editing {
  const char *name, *by;
  enum role role;
  bool disabled;
  struct user_change change;
  struct user after;
};

static enum err read_role(struct ctx *cx, struct js *object, struct editing *e) {
  const char *role = NULL;
  TRY(api_string(cx, object, "role", &role));
  if (!role) return OK;
  e->change.role = &e->role;
  return role_named(role, &e->role) ? OK : FAIL(cx, E_INVALID, "a role is viewer, operator or admin");
}

static void edited(struct http_req *rq, void *arg, enum err e) {
  const struct editing *edit = arg;
  struct js *body = js_object(http_cx(rq));
  if (e != OK) {
    reply_error(rq, e);
    return;
  }
  set_user(body, &edit->after);
  api_etag(rq, edit->after.version);
  reply_json(rq, strcmp(http_method(rq), "POST") == 0 ? 201 : 200, body);
}

static enum err add_job(struct ctx *cx, struct db *db, void *arg) {
  struct editing *e = arg;
  TRY(user_add(cx, db, e->name, e->role, e->by));
  return user_find(cx, db, e->name, &e->after);
}

static enum err read_added(struct http_req *rq, struct editing *out) {
  struct ctx *cx = http_cx(rq);
  struct js *object;
  TRY(api_object(rq, &object));
  TRY(api_string(cx, object, "name", &out->name));
  TRY(read_role(cx, object, out));
  if (!out->name || !out->role) return FAIL(cx, E_INVALID, "name and role are wanted");
  route_log(rq, "user", out->name);
  out->by = route_who(rq);
  return OK;
}

static void add(struct http_req *rq, struct core *core) {
  struct editing *edit = ctx_alloc(http_cx(rq), sizeof *edit);
  enum err e = read_added(rq, edit);
  if (e == OK)
    route_write(rq, core, add_job, edit, edited);
  else
    reply_error(rq, e);
}

static enum err change_job(struct ctx *cx, struct db *db, void *arg) {
  struct editing *e = arg;
  TRY(user_change(cx, db, e->name, &e->change));
  return user_find(cx, db, e->name, &e->after);
}

static enum err read_change(struct http_req *rq, struct editing *out) {
  struct ctx *cx = http_cx(rq);
  struct js *object;
  out->name = api_param(rq, "name");
  TRY(api_if_match(rq, &out->change.version));
  TRY(api_object(rq, &object));
  TRY(read_role(cx, object, out));
  if (!js_is_null(js_get(object, "disabled"))) out->change.disabled = &out->disabled;
  return api_bool(cx, object, "disabled", &out->disabled);
}

static void change(struct http_req *rq, struct core *core) {
  struct editing *edit = ctx_alloc(http_cx(rq), sizeof *edit);
  enum err e = read_change(rq, edit);
  if (e == OK)
    route_write(rq, core, change_job, edit, edited);
  else
    reply_error(rq, e);
}

static enum err remove_job(struct ctx *cx, struct db *db, void *arg) {
  const struct editing *e = arg;
  return user_remove(cx, db, e->name, e->change.version);
}

static void remove_user(struct http_req *rq, struct core *core) {
  struct editing *edit = ctx_alloc(http_cx(rq), sizeof *edit);
  edit->name = api_param(rq, "name");
  enum err e = api_if_match(rq, &edit->change.version);
  if (e == OK)
    route_write(rq, core, remove_job, edit, api_done);
  else
    reply_error(rq, e);
}

/* ---- links that set a password ---- */

struct linking {
  const char *name, *by; /* name NULL: for the first account */
  bool reset;
  char *token;
  struct setup link;
};

static enum err link_job(struct ctx *cx, struct db *db, void *arg) {
  struct linking *l = arg;
  TRY(setup_new(cx, db, l->name, l->reset, l->by, &l->token));
  return setup_look(cx, db, slice_of(l->token), &l->link);
}

/* Where the one who asks reached us: there the link works. */
static const char *url_of(struct http_req *rq, const char *token) {
  struct slice host = http_header(rq, "Host");
  char *url =
      ctx_printf(http_cx(rq), "%s://%.*s/setup#%s", route_is_tls(rq) ? "https" : "http", (int)host.n, host.p, token);
  return secret_in(http_cx(rq), url, strlen(url));
}

static void linked(struct http_req *rq, void *arg, enum err e) {
  const struct linking *l = arg;
  struct js *body = js_object(http_cx(rq));
  if (e != OK) {
    reply_error(rq, e);
    return;
  }
  js_set_string(body, "url", url_of(rq, l->token));
  js_set_string(body, "token", l->token);
  js_set_string(body, "purpose", setup_word(l->link.purpose));
  js_set_string(body, "name", l->name);
  js_set_time(body, "expires_at", l->link.expires_at);
  reply_json(rq, 201, body);
}

static enum err read_link(struct http_req *rq, struct linking *l) {
  struct js *object;
  l->by = route_who(rq);
  if (route_param(rq, "name").p) l->name = api_param(rq, "name");
  TRY(api_object(rq, &object));
  return api_bool(http_cx(rq), object, "reset", &l->reset);
}

static void make_link(struct http_req *rq, struct core *core) {
  struct linking *l = ctx_alloc(http_cx(rq), sizeof *l);
  enum err e = read_link(rq, l);
  if (e == OK)
    route_write(rq, core, link_job, l, linked);
  else
    reply_error(rq, e);
}

/* ---- sessions ---- */

enum err api_sessions(struct http_req *rq, struct core *core, int64_t account, struct js *body) {
  struct ctx *cx = http_cx(rq);
  struct login_row *rows;
  struct db *db;
  size_t n;
  struct js *all = js_array(cx);
  TRY(db_reader(cx, core->store, &db));
  TRY(login_list(cx, db, account, &rows, &n));
  for (size_t i = 0; i < n; i++) {
    struct js *o = js_object(cx);
    js_set_int(o, "id", rows[i].login);
    js_set_string(o, "name", rows[i].account);
    js_set_string(o, "method", rows[i].method);
    js_set_string(o, "peer", rows[i].peer);
    js_set_string(o, "agent", rows[i].agent);
    js_set_time(o, "created_at", rows[i].created_at);
    js_set_time(o, "seen_at", rows[i].seen_at);
    js_set_time(o, "ends_at", rows[i].ends_at);
    js_set_bool(o, "current", rows[i].login == route_actor(rq)->login);
    js_add(all, o);
  }
  js_set(body, "sessions", all);
  js_set_null(body, "next");
  return OK;
}

enum err api_row(struct http_req *rq, int64_t *out) {
  bool number = slice_to_i64(route_param(rq, "id"), out) && *out > 0;
  return number ? OK : FAIL(http_cx(rq), E_NOT_FOUND, "there is nothing of this number");
}

static enum err sessions_into(struct http_req *rq, struct core *core, struct js *body) {
  return api_sessions(rq, core, 0, body);
}

static void sessions(struct http_req *rq, struct core *core) { api_answer(rq, core, sessions_into); }

static enum err end_job(struct ctx *cx, struct db *db, void *arg) { return login_end(cx, db, *(int64_t *)arg, 0); }

static void end_session(struct http_req *rq, struct core *core) {
  int64_t *login = ctx_alloc(http_cx(rq), sizeof *login);
  enum err e = api_row(rq, login);
  if (e == OK)
    route_write(rq, core, end_job, login, api_done);
  else
    reply_error(rq, e);
}

const struct route users_routes[] = {
    {.method = "GET", .pattern = "/api/v1/users", .run = list, .summary = "Accounts of people, by name."},
    {.method = "POST",
     .pattern = "/api/v1/users",
     .run = add,
     .body_max = USER_BODY_MAX,
     .body = "name:text! role:text!",
     .summary = "Makes an account; role: viewer, operator or admin. Its password is set by a setup link."},
    {.method = "POST",
     .pattern = "/api/v1/users/setup-link",
     .flags = ROUTE_REVEALS,
     .run = make_link,
     .body_max = USER_BODY_MAX,
     .body = "",
     .summary = "A one-use link, good for an hour, by which the first admin makes an account. 409 when anybody can log "
                "in already."},
    {.method = "GET",
     .pattern = "/api/v1/users/:name",
     .flags = ROUTE_VERSIONED,
     .run = show,
     .summary = "One account."},
    {.method = "PATCH",
     .pattern = "/api/v1/users/:name",
     .flags = ROUTE_VERSIONED,
     .run = change,
     .body_max = USER_BODY_MAX,
     .body = "role:text disabled:bool",
     .summary = "Changes its role, disables or enables it. Who may less from now on is logged out."},
    {.method = "DELETE",
     .pattern = "/api/v1/users/:name",
     .flags = ROUTE_VERSIONED,
     .run = remove_user,
     .summary = "Removes it."},
    {.method = "POST",
     .pattern = "/api/v1/users/:name/setup-link",
     .flags = ROUTE_REVEALS,
     .run = make_link,
     .body_max = USER_BODY_MAX,
     .body = "reset:bool",
     .summary = "A one-use link, good for an hour, by which its password is set. `reset`: a new one, and the second "
                "factor is removed."},
    {.method = "GET", .pattern = "/api/v1/sessions", .run = sessions, .summary = "Who is logged in."},
    {.method = "DELETE", .pattern = "/api/v1/sessions/:id", .run = end_session, .summary = "Ends a session."},
    {.method = NULL},
};
