/* /api/v1/me: one's own password, second factor and sessions. */
#include "face/api_accounts_int.h"

enum { ME_BODY_MAX = 16 << 10 };

enum err api_person(struct http_req *rq) {
  return route_actor(rq)->account ? OK
                                  : FAIL(http_cx(rq), E_DENIED,
                                         "only a person who is logged in has a password, a second factor and sessions");
}

/* ---- sessions ---- */

static enum err sessions_into(struct http_req *rq, struct core *core, struct js *body) {
  TRY(api_person(rq));
  return api_sessions(rq, core, route_actor(rq)->account, body);
}

static void sessions(struct http_req *rq, struct core *core) { api_answer(rq, core, sessions_into); }

struct ending {
  struct actor who;
  int64_t login; /* 0: all but this one */
};

static enum err end_job(struct ctx *cx, struct db *db, void *arg) {
  const struct ending *n = arg;
  if (n->login) return login_end(cx, db, n->login, n->who.account);
  return login_end_all(cx, db, n->who.account, n->who.login);
}

static void end(struct http_req *rq, struct core *core) {
  struct ending *n = ctx_alloc(http_cx(rq), sizeof *n);
  n->who = *route_actor(rq);
  enum err e = api_person(rq);
  if (e == OK && route_param(rq, "id").p) e = api_row(rq, &n->login);
  if (e == OK)
    route_write(rq, core, end_job, n, api_done);
  else
    reply_error(rq, e);
}

/* ---- what asks for the password once more ---- */

/* Who was logged out while the password was looked at does nothing any more: a reset takes the account back. */
static enum err proved_job(struct ctx *cx, struct db *db, void *arg) {
  struct api_proving *p = arg;
  TRY(login_stands(cx, db, p->who.login));
  return p->job(cx, db, p);
}

static void prove_slowly(struct http_req *rq, struct core *core) {
  struct api_proving *p = route_user(rq);
  int64_t wait_us = 0;
  enum err e = login_prove(http_cx(rq), core, &p->ask, &wait_us);
  if (e == OK && p->fresh.p) e = password_make(http_cx(rq), p->fresh, &p->made);
  if (e == OK)
    route_write(rq, core, proved_job, p, p->then);
  else
    api_login_refused(rq, e, wait_us);
}

/* key: under which the body has the password. */
static enum err read_proof(struct http_req *rq, struct core *core, const char *key, struct api_proving *p,
                           struct js **object) {
  struct ctx *cx = http_cx(rq);
  const char *password = NULL;
  TRY(api_person(rq));
  TRY(api_object(rq, object));
  TRY(api_string(cx, *object, key, &password));
  if (!password) return FAIL(cx, E_INVALID, "%s is wanted", key);
  p->core = core;
  p->who = *route_actor(rq);
  p->ask = api_login_ask(rq, p->who.name);
  p->ask.password = slice_of(password);
  return OK;
}

void api_prove(struct http_req *rq, struct core *core, struct api_proving *p) {
  struct js *object;
  enum err e = read_proof(rq, core, "password", p, &object);
  if (e == OK)
    api_login_later(rq, core, p, prove_slowly);
  else
    reply_error(rq, e);
}

struct api_proving *api_proving(struct http_req *rq, enum err (*job)(struct ctx *cx, struct db *db, void *arg),
                                void (*then)(struct http_req *rq, void *arg, enum err e)) {
  struct api_proving *p = ctx_alloc(http_cx(rq), sizeof *p);
  p->job = job;
  p->then = then;
  return p;
}

/* ---- password ---- */

static enum err password_job(struct ctx *cx, struct db *db, void *arg) {
  const struct api_proving *p = arg;
  TRY(user_set_password(cx, db, p->who.account, p->made));
  return login_end_all(cx, db, p->who.account, p->who.login);
}

static enum err read_passwords(struct http_req *rq, struct core *core, struct api_proving *p) {
  struct js *object;
  const char *fresh = NULL;
  TRY(read_proof(rq, core, "current", p, &object));
  TRY(api_string(http_cx(rq), object, "new", &fresh));
  p->fresh = slice_of(fresh ? fresh : "");
  return password_check_rules(http_cx(rq), p->who.name, p->fresh);
}

static void set_password(struct http_req *rq, struct core *core) {
  struct api_proving *p = api_proving(rq, password_job, api_done);
  enum err e = read_passwords(rq, core, p);
  if (e == OK)
    api_login_later(rq, core, p, prove_slowly);
  else
    reply_error(rq, e);
}

/* ---- the second factor ---- */

static void tell_codes(struct http_req *rq, char *const *codes) {
  struct js *body = js_object(http_cx(rq)), *list = js_array(http_cx(rq));
  for (size_t i = 0; i < RECOVERY_CODES; i++) js_add_string(list, codes[i]);
  js_set(body, "recovery_codes", list);
  reply_json(rq, 200, body);
}

struct factor {
  struct core *core;
  int64_t account;
  struct slice code;
  char *secret, *uri, **codes;
};

static enum err begin_job(struct ctx *cx, struct db *db, void *arg) {
  struct factor *f = arg;
  return totp_begin(cx, db, f->core, f->account, &f->secret, &f->uri);
}

static void begun(struct http_req *rq, void *arg, enum err e) {
  const struct factor *f = arg;
  struct js *body = js_object(http_cx(rq));
  if (e != OK) {
    reply_error(rq, e);
    return;
  }
  js_set_string(body, "secret", f->secret);
  js_set_string(body, "uri", f->uri);
  reply_json(rq, 200, body);
}

static enum err confirm_job(struct ctx *cx, struct db *db, void *arg) {
  struct factor *f = arg;
  return totp_confirm(cx, db, f->core, f->account, f->code, &f->codes);
}

static void confirmed(struct http_req *rq, void *arg, enum err e) {
  const struct factor *f = arg;
  if (e == OK)
    tell_codes(rq, f->codes);
  else
    reply_error(rq, e);
}

static enum err read_factor(struct http_req *rq, struct core *core, struct factor *out) {
  struct js *object;
  const char *code = "";
  TRY(api_person(rq));
  TRY(api_object(rq, &object));
  TRY(api_string(http_cx(rq), object, "code", &code));
  *out = (struct factor){.core = core, .account = route_actor(rq)->account, .code = slice_of(code)};
  return OK;
}

static void change_factor(struct http_req *rq, struct core *core,
                          enum err (*job)(struct ctx *cx, struct db *db, void *arg),
                          void (*then)(struct http_req *rq, void *arg, enum err e)) {
  struct factor *f = ctx_alloc(http_cx(rq), sizeof *f);
  enum err e = read_factor(rq, core, f);
  if (e == OK)
    route_write(rq, core, job, f, then);
  else
    reply_error(rq, e);
}

static void begin(struct http_req *rq, struct core *core) { change_factor(rq, core, begin_job, begun); }
static void confirm(struct http_req *rq, struct core *core) { change_factor(rq, core, confirm_job, confirmed); }

static enum err remove_job(struct ctx *cx, struct db *db, void *arg) {
  return totp_remove(cx, db, ((struct api_proving *)arg)->who.account);
}

static void remove_factor(struct http_req *rq, struct core *core) {
  api_prove(rq, core, api_proving(rq, remove_job, api_done));
}

static enum err codes_job(struct ctx *cx, struct db *db, void *arg) {
  struct api_proving *p = arg;
  return recovery_codes_new(cx, db, p->core, p->who.account, &p->codes);
}

static void codes_made(struct http_req *rq, void *arg, enum err e) {
  const struct api_proving *p = arg;
  if (e == OK)
    tell_codes(rq, p->codes);
  else
    reply_error(rq, e);
}

static void new_codes(struct http_req *rq, struct core *core) {
  api_prove(rq, core, api_proving(rq, codes_job, codes_made));
}

const struct route me_routes[] = {
    {.method = "GET", .pattern = "/api/v1/me/sessions", .run = sessions, .summary = "One's own sessions."},
    {.method = "DELETE",
     .pattern = "/api/v1/me/sessions",
     .run = end,
     .summary = "Ends one's own sessions, but for this one."},
    {.method = "DELETE",
     .pattern = "/api/v1/me/sessions/:id",
     .run = end,
     .summary = "Ends one of one's own sessions."},
    {.method = "PUT",
     .pattern = "/api/v1/me/password",
     .run = set_password,
     .body_max = ME_BODY_MAX,
     .body = "current:text! new:text!",
     .summary = "Another password; the other sessions end."},
    {.method = "POST",
     .pattern = "/api/v1/me/totp",
     .flags = ROUTE_REVEALS,
     .run = begin,
     .body_max = ME_BODY_MAX,
     .body = "",
     .summary = "A new key for codes of an app: `secret`, and `uri` for a QR code. It counts when a code was told."},
    {.method = "PUT",
     .pattern = "/api/v1/me/totp",
     .flags = ROUTE_REVEALS,
     .run = confirm,
     .body_max = ME_BODY_MAX,
     .body = "code:text!",
     .summary = "The first code: from now on a login asks for one. Gives `recovery_codes`, once."},
    {.method = "DELETE",
     .pattern = "/api/v1/me/totp",
     .run = remove_factor,
     .body_max = ME_BODY_MAX,
     .body = "password:text!",
     .summary = "No codes any more."},
    {.method = "POST",
     .pattern = "/api/v1/me/recovery-codes",
     .flags = ROUTE_REVEALS,
     .run = new_codes,
     .body_max = ME_BODY_MAX,
     .body = "password:text!",
     .summary = "New `recovery_codes`; those before are void."},
    {.method = NULL},
};
