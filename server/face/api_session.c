/* /api/v1/session, /api/v1/setup: logging in and out, first of all by a one-use link. */
#include "base/clock.h"
#include "face/api_accounts_int.h"
#include "face/outbound.h"

#include <inttypes.h>
#include <string.h>

enum { LOGIN_BODY_MAX = 16 << 10 };

/* ---- what the files of accounts share ---- */

struct login_ask api_login_ask(struct http_req *rq, const char *name) {
  struct slice agent = http_header(rq, "User-Agent");
  return (struct login_ask){.name = name, .peer = route_peer(rq), .agent = ctx_memdup(http_cx(rq), agent.p, agent.n)};
}

/* Not for scripts, not for other sites, gone with the browser. `__Host-` wants Secure, Path=/ and no Domain. */
static void set_cookie(struct http_req *rq, const char *token) {
  http_set_header(rq, "Set-Cookie",
                  ctx_printf(http_cx(rq), "%s=%s; Path=/; HttpOnly; SameSite=Strict%s%s", route_cookie_name(rq), token,
                             route_is_tls(rq) ? "; Secure" : "", *token ? "" : "; Max-Age=0"));
}

static enum err set_person(struct ctx *cx, struct core *core, const struct actor *a, struct js *body) {
  struct user u;
  struct db *db;
  if (!a->account) return OK;
  TRY(db_reader(cx, core->store, &db));
  TRY(user_by_row(cx, db, a->account, &u));
  js_set_string(body, "csrf", a->csrf);
  js_set_bool(body, "second_factor", u.has_totp || u.passkeys);
  js_set_bool(body, "totp", u.has_totp);
  return OK;
}

static enum err session_into(struct http_req *rq, struct core *core, const struct actor *a, struct js *body) {
  js_set_string(body, "name", a->name);
  js_set_string(body, "kind", actor_word(a->kind));
  js_set_string(body, "role", role_word(a->role));
  js_set_string(body, "scopes", a->scopes);
  js_set_time(body, "ends_at", a->ends_at);
  js_set_time(body, "idle_ends_at", a->idle_ends_at);
  js_set_string(body, "version", POMONA_VERSION);
  js_set_string(body, "organization", core_conf(core)->organization);
  js_set_string(body, "public_url", core_conf(core)->public_url);
  return set_person(http_cx(rq), core, a, body);
}

void api_session_open(struct http_req *rq, struct core *core, const struct actor *who, const char *token) {
  struct js *body = js_object(http_cx(rq));
  enum err e = session_into(rq, core, who, body);
  set_cookie(rq, token);
  if (e == OK)
    reply_json(rq, 200, body);
  else
    reply_error(rq, e);
}

void api_login_refused(struct http_req *rq, enum err e, int64_t wait_us) {
  int64_t seconds = (wait_us + US_SECOND - 1) / US_SECOND;
  if (e == E_THROTTLED) http_set_header(rq, "Retry-After", ctx_printf(http_cx(rq), "%" PRId64, seconds));
  reply_error(rq, e);
}

void api_login_later(struct http_req *rq, struct core *core, void *user,
                     void (*run)(struct http_req *rq, struct core *core)) {
  route_set_user(rq, user);
  enum err e = outbound_run_on(rq, core->logins, run);
  if (e != OK) reply_error(rq, e);
}

/* ---- logging in ---- */

/* Who failed is recorded by the name of an account; what else was typed there may be a password. */
static void record(struct http_req *rq, const struct login_ask *ask, bool known) {
  const struct actor nobody = {.name = known ? ask->name : ""};
  route_proved(rq, "login", &nobody, known ? NULL : "no such name");
}

static void open_slowly(struct http_req *rq, struct core *core) {
  const struct login_ask *ask = route_user(rq);
  struct actor who;
  char *token;
  bool known;
  int64_t wait_us;
  enum err e = login_open(http_cx(rq), core, ask, &who, &token, &known, &wait_us);
  if (e == OK) {
    route_proved(rq, "login", &who, NULL);
    api_session_open(rq, core, &who, token);
    return;
  }
  if (e == E_UNAUTHORIZED) record(rq, ask, known);
  api_login_refused(rq, e, wait_us);
}

static enum err read_login(struct http_req *rq, struct login_ask *ask) {
  struct ctx *cx = http_cx(rq);
  struct js *object;
  const char *name = NULL, *password = NULL, *code = NULL;
  TRY(api_object(rq, &object));
  TRY(api_string(cx, object, "name", &name));
  TRY(api_string(cx, object, "password", &password));
  TRY(api_string(cx, object, "code", &code));
  if (!name || !password) return FAIL(cx, E_INVALID, "name and password are wanted");
  *ask = api_login_ask(rq, name);
  ask->password = slice_of(password);
  if (code && *code) ask->code = slice_of(code);
  return OK;
}

static void log_in(struct http_req *rq, struct core *core) {
  struct login_ask *ask = ctx_alloc(http_cx(rq), sizeof *ask);
  enum err e = read_login(rq, ask);
  if (e == OK)
    api_login_later(rq, core, ask, open_slowly);
  else
    reply_error(rq, e);
}

static enum err show_into(struct http_req *rq, struct core *core, struct js *body) {
  return session_into(rq, core, route_actor(rq), body);
}

static void show(struct http_req *rq, struct core *core) { api_answer(rq, core, show_into); }

static enum err log_out_job(struct ctx *cx, struct db *db, void *arg) {
  const struct actor *a = arg;
  return login_end(cx, db, a->login, a->account);
}

/* Who is told that it failed is logged in still, and can log out again. */
static void logged_out(struct http_req *rq, void *arg, enum err e) {
  if (e == OK) set_cookie(rq, "");
  api_done(rq, arg, e);
}

static void log_out(struct http_req *rq, struct core *core) {
  struct actor *who = ctx_memdup(http_cx(rq), route_actor(rq), sizeof *who);
  if (!who->login) {
    reply_error(rq, FAIL(http_cx(rq), E_DENIED, "a token has no session to end; it can be revoked"));
    return;
  }
  route_proved(rq, "logout", who, NULL);
  route_write(rq, core, log_out_job, who, logged_out);
}

/* ---- setup: a password by a one-use link ---- */

static void set_setup(struct js *body, const struct setup *s) {
  js_set_string(body, "purpose", setup_word(s->purpose));
  js_set_string(body, "name", s->name);
  js_set_string(body, "role", role_word(s->role));
  js_set_time(body, "expires_at", s->expires_at);
}

static enum err find_link(struct http_req *rq, struct core *core, struct js *object, struct slice *token,
                          struct setup *out) {
  struct ctx *cx = http_cx(rq);
  struct db *db;
  const char *text = NULL;
  TRY(api_string(cx, object, "token", &text));
  *token = slice_of(text ? text : "");
  TRY(db_reader(cx, core->store, &db));
  return setup_look(cx, db, *token, out);
}

static enum err look_into(struct http_req *rq, struct core *core, struct js *body) {
  struct js *object;
  struct slice token;
  struct setup link;
  TRY(api_object(rq, &object));
  TRY(find_link(rq, core, object, &token, &link));
  set_setup(body, &link);
  return OK;
}

static void look(struct http_req *rq, struct core *core) { api_answer(rq, core, look_into); }

struct setting_up {
  struct core *core;
  struct login_ask ask;
  struct slice link, made;
  struct actor who;
  char *token;
};

static enum err setup_job(struct ctx *cx, struct db *db, void *arg) {
  struct setting_up *s = arg;
  int64_t account;
  TRY(setup_use(cx, db, s->link, s->ask.name, s->made, &account));
  return login_add(cx, db, account, "setup", &s->ask, &s->who, &s->token);
}

static void was_set_up(struct http_req *rq, void *arg, enum err e) {
  const struct setting_up *s = arg;
  if (e != OK) {
    reply_error(rq, e);
    return;
  }
  route_proved(rq, "setup", &s->who, NULL);
  api_session_open(rq, s->core, &s->who, s->token);
}

static void set_up_slowly(struct http_req *rq, struct core *core) {
  struct setting_up *s = route_user(rq);
  enum err e = password_make(http_cx(rq), s->ask.password, &s->made);
  if (e == OK)
    route_write(rq, core, setup_job, s, was_set_up);
  else
    reply_error(rq, e);
}

static enum err read_setup(struct http_req *rq, struct core *core, struct setting_up *out) {
  struct ctx *cx = http_cx(rq);
  struct js *object;
  struct setup link;
  const char *name = NULL, *password = NULL;
  TRY(api_object(rq, &object));
  TRY(find_link(rq, core, object, &out->link, &link));
  TRY(api_string(cx, object, "name", &name));
  TRY(api_string(cx, object, "password", &password));
  if (link.name) name = link.name;
  if (!name || !password) return FAIL(cx, E_INVALID, "name and password are wanted");
  TRY(account_name_check(cx, name));
  TRY(password_check_rules(cx, name, slice_of(password)));
  out->core = core;
  out->ask = api_login_ask(rq, name);
  out->ask.password = slice_of(password);
  return OK;
}

static void set_up(struct http_req *rq, struct core *core) {
  struct setting_up *s = ctx_alloc(http_cx(rq), sizeof *s);
  enum err e = read_setup(rq, core, s);
  if (e == OK)
    api_login_later(rq, core, s, set_up_slowly);
  else
    reply_error(rq, e);
}

const struct route session_routes[] = {
    {.method = "GET", .pattern = "/api/v1/session", .run = show, .summary = "Who asks, and until when."},
    {.method = "POST",
     .pattern = "/api/v1/session",
     .flags = ROUTE_OPEN,
     .run = log_in,
     .body_max = LOGIN_BODY_MAX,
     .body = "name:text! password:text! code:text",
     .summary = "Logs a person in: a cookie, and `csrf`, which every change by it brings as X-CSRF-Token. 401 "
                "`second-factor`: ask again with a `code`."},
    {.method = "DELETE", .pattern = "/api/v1/session", .run = log_out, .summary = "Logs out."},
    {.method = "POST",
     .pattern = "/api/v1/setup/look",
     .flags = ROUTE_OPEN,
     .run = look,
     .body_max = LOGIN_BODY_MAX,
     .body = "token:text!",
     .summary = "What a setup link is for; nothing is used up."},
    {.method = "POST",
     .pattern = "/api/v1/setup",
     .flags = ROUTE_OPEN,
     .run = set_up,
     .body_max = LOGIN_BODY_MAX,
     .body = "token:text! name:text password:text!",
     .summary = "Uses a setup link: sets the password, and logs in. `name`: of the first account."},
    {.method = NULL},
};
