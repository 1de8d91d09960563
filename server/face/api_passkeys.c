/* Passkeys: /api/v1/me/passkeys, and logging in by one (/api/v1/session/passkey). */
#include "base/enc.h"
#include "core/passkey.h"
#include "face/api_accounts_int.h"

enum { PASSKEY_BODY_MAX = 16 << 10 };

/* ---- what a browser is asked: WebAuthn 5.4, 5.5, bytes as base64url ---- */

static void set_bytes(struct ctx *cx, struct js *o, const char *key, struct slice bytes) {
  js_set_string(o, key, enc_base64url(cx, bytes.p, bytes.n));
}

static struct js *asked(struct ctx *cx, const struct challenge *c) {
  struct js *o = js_object(cx);
  set_bytes(cx, o, "challenge", slice_mem(c->bytes, sizeof c->bytes));
  js_set_int(o, "timeout", CHALLENGE_US / 1000);
  return o;
}

static void tell_asked(struct http_req *rq, const struct challenge *c, struct js *options) {
  struct js *body = js_object(http_cx(rq));
  js_set_string(body, "id", c->id);
  js_set(body, "public_key", options);
  reply_json(rq, 200, body);
}

static void set_party(struct ctx *cx, struct js *to, const struct core *core, const struct challenge *c,
                      const struct actor *who) {
  struct js *rp = js_object(cx), *user = js_object(cx);
  const char *organization = core_conf(core)->organization;
  js_set_string(rp, "id", c->rp);
  js_set_string(rp, "name", organization && *organization ? organization : "pomona");
  set_bytes(cx, user, "id", passkey_user(cx, who->account));
  js_set_string(user, "name", who->name);
  js_set_string(user, "displayName", who->name);
  js_set(to, "rp", rp);
  js_set(to, "user", user);
}

static struct js *accepted(struct ctx *cx) {
  struct js *all = js_array(cx);
  for (int i = 0; i < FIDO_ALGORITHMS; i++) {
    struct js *one = js_object(cx);
    js_set_string(one, "type", "public-key");
    js_set_int(one, "alg", fido_algorithms[i]);
    js_add(all, one);
  }
  return all;
}

static struct js *excluded(struct ctx *cx, const struct passkey *held, size_t n) {
  struct js *all = js_array(cx);
  for (size_t i = 0; i < n; i++) {
    struct js *one = js_object(cx);
    js_set_string(one, "type", "public-key");
    set_bytes(cx, one, "id", held[i].credential.id);
    js_add(all, one);
  }
  return all;
}

/* ---- one's own ---- */

static void set_passkey(struct js *o, const struct passkey *k) {
  js_set_int(o, "id", k->passkey);
  js_set_string(o, "name", k->name);
  js_set_time(o, "created_at", k->created_at);
  js_set_time(o, "used_at", k->used_at);
}

static enum err list_into(struct http_req *rq, struct core *core, struct js *body) {
  struct ctx *cx = http_cx(rq);
  struct passkey *held;
  struct db *db;
  size_t n;
  struct js *all = js_array(cx);
  TRY(api_person(rq));
  TRY(db_reader(cx, core->store, &db));
  TRY(passkey_list(cx, db, route_actor(rq)->account, &held, &n));
  for (size_t i = 0; i < n; i++) {
    struct js *o = js_object(cx);
    set_passkey(o, &held[i]);
    js_add(all, o);
  }
  js_set(body, "passkeys", all);
  js_set_null(body, "next");
  return OK;
}

static void list(struct http_req *rq, struct core *core) { api_answer(rq, core, list_into); }

struct beginning {
  struct slice origin;
  const char *peer;
  struct challenge challenge;
  struct passkey *held;
  size_t n;
};

static enum err begin_job(struct ctx *cx, struct db *db, void *arg) {
  const struct api_proving *p = arg;
  struct beginning *b = p->more;
  TRY(passkey_list(cx, db, p->who.account, &b->held, &b->n));
  if (b->n >= PASSKEYS_MOST) return FAIL(cx, E_CONFLICT, "there are %d passkeys: remove one first", PASSKEYS_MOST);
  return challenge_new(cx, p->core, b->origin, p->who.login, b->peer, &b->challenge);
}

static void begun(struct http_req *rq, void *arg, enum err e) {
  const struct api_proving *p = arg;
  const struct beginning *b = p->more;
  struct ctx *cx = http_cx(rq);
  if (e != OK) {
    reply_error(rq, e);
    return;
  }
  struct js *options = asked(cx, &b->challenge), *selection = js_object(cx);
  set_party(cx, options, p->core, &b->challenge, &p->who);
  js_set(options, "pubKeyCredParams", accepted(cx));
  js_set(options, "excludeCredentials", excluded(cx, b->held, b->n));
  js_set_string(selection, "residentKey", "required");
  js_set_bool(selection, "requireResidentKey", true);
  js_set_string(selection, "userVerification", "required");
  js_set(options, "authenticatorSelection", selection);
  js_set_string(options, "attestation", "none");
  tell_asked(rq, &b->challenge, options);
}

static void begin(struct http_req *rq, struct core *core) {
  struct api_proving *p = api_proving(rq, begin_job, begun);
  struct beginning *b = ctx_alloc(http_cx(rq), sizeof *b);
  b->origin = http_header(rq, "Origin");
  b->peer = route_peer(rq);
  p->more = b;
  api_prove(rq, core, p);
}

/* ---- what a browser brings back ---- */

static enum err read_bytes(struct ctx *cx, struct js *object, const char *key, struct slice *out) {
  const char *text = NULL;
  TRY(api_string(cx, object, key, &text));
  *out = (struct slice){0};
  return text ? dec_base64(cx, slice_of(text), out) : OK;
}

static enum err read_proof(struct http_req *rq, struct passkey_proof *p, struct js **object) {
  struct ctx *cx = http_cx(rq);
  TRY(api_object(rq, object));
  TRY(api_string(cx, *object, "id", &p->id));
  TRY(read_bytes(cx, *object, "client_data", &p->client_data));
  TRY(read_bytes(cx, *object, "authenticator_data", &p->data));
  return p->id ? OK : FAIL(cx, E_INVALID, "id is wanted");
}

struct keeping {
  int64_t account, login, row;
  const char *name;
  struct fido_credential made;
  struct passkey kept;
};

static enum err add_job(struct ctx *cx, struct db *db, void *arg) {
  struct keeping *k = arg;
  TRY(login_stands(cx, db, k->login));
  return passkey_add(cx, db, k->account, k->name, &k->made, &k->kept);
}

static void added(struct http_req *rq, void *arg, enum err e) {
  const struct keeping *k = arg;
  struct js *body = js_object(http_cx(rq));
  set_passkey(body, &k->kept);
  if (e == OK)
    reply_json(rq, 201, body);
  else
    reply_error(rq, e);
}

static enum err read_added(struct http_req *rq, struct core *core, struct keeping *k) {
  struct ctx *cx = http_cx(rq);
  struct passkey_proof proof = {0};
  struct js *object;
  TRY(api_person(rq));
  TRY(read_proof(rq, &proof, &object));
  TRY(api_string(cx, object, "name", &k->name));
  if (!k->name) return FAIL(cx, E_INVALID, "name is wanted");
  route_log(rq, "passkey", k->name);
  k->account = route_actor(rq)->account;
  k->login = route_actor(rq)->login;
  return passkey_read(cx, core, k->login, &proof, &k->made);
}

static void add(struct http_req *rq, struct core *core) {
  struct keeping *k = ctx_alloc(http_cx(rq), sizeof *k);
  enum err e = read_added(rq, core, k);
  if (e == OK)
    route_write(rq, core, add_job, k, added);
  else
    reply_error(rq, e);
}

static enum err rename_job(struct ctx *cx, struct db *db, void *arg) {
  const struct keeping *k = arg;
  return passkey_rename(cx, db, k->account, k->row, k->name);
}

static enum err read_renamed(struct http_req *rq, struct keeping *k) {
  struct js *object;
  TRY(api_person(rq));
  TRY(api_row(rq, &k->row));
  TRY(api_object(rq, &object));
  TRY(api_string(http_cx(rq), object, "name", &k->name));
  k->account = route_actor(rq)->account;
  return k->name ? OK : FAIL(http_cx(rq), E_INVALID, "name is wanted");
}

static void rename_one(struct http_req *rq, struct core *core) {
  struct keeping *k = ctx_alloc(http_cx(rq), sizeof *k);
  enum err e = read_renamed(rq, k);
  if (e == OK)
    route_write(rq, core, rename_job, k, api_done);
  else
    reply_error(rq, e);
}

static enum err remove_job(struct ctx *cx, struct db *db, void *arg) {
  const struct api_proving *p = arg;
  return passkey_remove(cx, db, p->who.account, p->row);
}

static void remove_one(struct http_req *rq, struct core *core) {
  struct api_proving *p = api_proving(rq, remove_job, api_done);
  enum err e = api_row(rq, &p->row);
  if (e == OK)
    api_prove(rq, core, p);
  else
    reply_error(rq, e);
}

/* ---- logging in ---- */

static void ask(struct http_req *rq, struct core *core) {
  struct challenge c;
  enum err e = challenge_new(http_cx(rq), core, http_header(rq, "Origin"), 0, route_peer(rq), &c);
  if (e != OK) {
    reply_error(rq, e);
    return;
  }
  struct js *options = asked(http_cx(rq), &c);
  js_set_string(options, "rpId", c.rp);
  js_set(options, "allowCredentials", js_array(http_cx(rq)));
  js_set_string(options, "userVerification", "required");
  tell_asked(rq, &c, options);
}

struct opening {
  struct passkey_proof proof;
  struct login_ask from;
};

static void log_in_slowly(struct http_req *rq, struct core *core) {
  struct opening *o = route_user(rq);
  struct actor who;
  char *token;
  int64_t wait_us;
  enum err e = passkey_log_in(http_cx(rq), core, &o->proof, &o->from, &who, &token, &wait_us);
  if (e == OK) {
    route_proved(rq, "login", &who, "passkey");
    api_session_open(rq, core, &who, token);
    return;
  }
  const struct actor nobody = {.name = o->from.name};
  if (e == E_UNAUTHORIZED) route_proved(rq, "login", &nobody, *nobody.name ? "passkey" : "passkey, not known");
  api_login_refused(rq, e, wait_us);
}

static enum err read_login(struct http_req *rq, struct opening *o) {
  struct ctx *cx = http_cx(rq);
  struct js *object;
  TRY(read_proof(rq, &o->proof, &object));
  TRY(read_bytes(cx, object, "credential", &o->proof.credential));
  TRY(read_bytes(cx, object, "user", &o->proof.user));
  TRY(read_bytes(cx, object, "signature", &o->proof.signature));
  if (o->proof.credential.n == 0 || o->proof.credential.n > FIDO_ID_MOST)
    return FAIL(cx, E_INVALID, "the id of a credential has 1 to %d bytes", FIDO_ID_MOST);
  o->from = api_login_ask(rq, "");
  return OK;
}

static void log_in(struct http_req *rq, struct core *core) {
  struct opening *o = ctx_alloc(http_cx(rq), sizeof *o);
  enum err e = read_login(rq, o);
  if (e == OK)
    api_login_later(rq, core, o, log_in_slowly);
  else
    reply_error(rq, e);
}

const struct route passkey_routes[] = {
    {.method = "GET", .pattern = "/api/v1/me/passkeys", .run = list, .summary = "One's own passkeys."},
    {.method = "POST",
     .pattern = "/api/v1/me/passkeys/options",
     .flags = ROUTE_REVEALS,
     .run = begin,
     .body_max = PASSKEY_BODY_MAX,
     .body = "password:text!",
     .summary =
         "What the browser's `navigator.credentials.create` is given (`public_key`, bytes as base64url), and the "
         "`id` of its challenge, which is good for five minutes and once."},
    {.method = "POST",
     .pattern = "/api/v1/me/passkeys",
     .run = add,
     .body_max = PASSKEY_BODY_MAX,
     .body = "id:text! name:text! client_data:text! authenticator_data:text!",
     .summary = "Keeps the passkey that the browser made; bytes as base64url."},
    {.method = "PATCH",
     .pattern = "/api/v1/me/passkeys/:id",
     .run = rename_one,
     .body_max = PASSKEY_BODY_MAX,
     .body = "name:text!",
     .summary = "Another name."},
    {.method = "DELETE",
     .pattern = "/api/v1/me/passkeys/:id",
     .run = remove_one,
     .body_max = PASSKEY_BODY_MAX,
     .body = "password:text!",
     .summary = "Nobody logs in by this passkey any more."},
    {.method = "POST",
     .pattern = "/api/v1/session/passkey/options",
     .flags = ROUTE_OPEN | ROUTE_LOOK | ROUTE_REVEALS,
     .run = ask,
     .body_max = PASSKEY_BODY_MAX,
     .body = "",
     .summary = "What the browser's `navigator.credentials.get` is given (`public_key`, bytes as base64url), and the "
                "`id` of its challenge, which is good for five minutes and once."},
    {.method = "POST",
     .pattern = "/api/v1/session/passkey",
     .flags = ROUTE_OPEN,
     .run = log_in,
     .body_max = PASSKEY_BODY_MAX,
     .body = "id:text! credential:text! user:text! client_data:text! authenticator_data:text! signature:text!",
     .summary = "Logs a person in by a passkey, without a password; answers as POST /api/v1/session does."},
    {.method = NULL},
};
