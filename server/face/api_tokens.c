/* /api/v1/tokens: of programs. */
#include "base/clock.h"
#include "core/token.h"
#include "face/access.h"
#include "face/api_int.h"

#include <string.h>

enum { TOKEN_BODY_MAX = 16 << 10 };

static struct js *scopes_json(struct ctx *cx, const char *scopes) {
  struct js *list = js_array(cx);
  struct slice rest = slice_of(scopes), word;
  if (!scopes) return NULL;
  while (slice_cut(&rest, ' ', &word)) js_add_string(list, ctx_memdup(cx, word.p, word.n));
  return list;
}

static const char *state_of(const struct api_token *t) {
  if (t->revoked_at) return "revoked";
  return t->expires_at && t->expires_at <= clock_now_us() ? "expired" : "active";
}

static struct js *token_json(struct ctx *cx, const struct api_token *t) {
  struct js *o = js_object(cx);
  js_set_string(o, "name", t->name);
  js_set_string(o, "state", state_of(t));
  js_set_string(o, "role", role_word(t->role));
  js_set(o, "scopes", scopes_json(cx, t->scopes));
  js_set_time(o, "created_at", t->created_at);
  js_set_string(o, "created_by", t->created_by);
  js_set_time(o, "expires_at", t->expires_at);
  js_set_time(o, "used_at", t->used_at);
  js_set_time(o, "revoked_at", t->revoked_at);
  return o;
}

static enum err list_into(struct http_req *rq, struct core *core, struct js *body) {
  struct ctx *cx = http_cx(rq);
  struct api_token *rows;
  struct db *db;
  size_t n;
  struct js *all = js_array(cx);
  TRY(db_reader(cx, core->store, &db));
  TRY(token_list(cx, db, &rows, &n));
  for (size_t i = 0; i < n; i++) js_add(all, token_json(cx, &rows[i]));
  js_set(body, "tokens", all);
  js_set_null(body, "next");
  return OK;
}

static void list(struct http_req *rq, struct core *core) { api_answer(rq, core, list_into); }

/* ---- a new one ---- */

struct making {
  struct api_token t;
  char *text;
};

static enum err make_job(struct ctx *cx, struct db *db, void *arg) {
  struct making *m = arg;
  TRY(token_new(cx, db, &m->t, &m->text));
  return token_find(cx, db, m->t.name, &m->t);
}

static void made(struct http_req *rq, void *arg, enum err e) {
  const struct making *m = arg;
  if (e != OK) {
    reply_error(rq, e);
    return;
  }
  struct js *body = token_json(http_cx(rq), &m->t);
  js_set_string(body, "token", m->text);
  reply_json(rq, 201, body);
}

/* No scopes: all that the role may; an empty list would be a token for nothing. */
static enum err read_scopes(struct ctx *cx, struct js *object, const char **out) {
  struct js *list = js_get(object, "scopes");
  if (js_is_null(list)) return OK;
  if (js_count(list) == 0) return FAIL(cx, E_INVALID, "scopes is empty: leave it out, or name some");
  for (size_t i = 0; i < js_count(list); i++) {
    const char *word = js_string(js_at(list, i));
    if (!access_scope_known(slice_of(word)))
      return FAIL(cx, E_INVALID, "a scope is one of these, or one of them with :read behind it: %s", access_scopes(cx));
    *out = *out ? ctx_printf(cx, "%s %s", *out, word) : word;
  }
  return OK;
}

static enum err read_token(struct http_req *rq, struct api_token *t) {
  struct ctx *cx = http_cx(rq);
  struct js *object;
  const char *role = NULL;
  int64_t ttl = 0;
  TRY(api_object(rq, &object));
  TRY(api_string(cx, object, "name", &t->name));
  TRY(api_string(cx, object, "role", &role));
  TRY(api_span(cx, object, "ttl", &ttl));
  TRY(read_scopes(cx, object, &t->scopes));
  if (!t->name || !role) return FAIL(cx, E_INVALID, "name and role are wanted");
  if (!role_named(role, &t->role)) return FAIL(cx, E_INVALID, "a role is viewer, operator or admin");
  if (ttl) t->expires_at = clock_now_us() + ttl;
  t->created_by = route_who(rq);
  route_log(rq, "token", t->name);
  return OK;
}

static void make(struct http_req *rq, struct core *core) {
  struct making *m = ctx_alloc(http_cx(rq), sizeof *m);
  enum err e = read_token(rq, &m->t);
  if (e == OK)
    route_write(rq, core, make_job, m, made);
  else
    reply_error(rq, e);
}

/* ---- its end ---- */

static enum err revoke_job(struct ctx *cx, struct db *db, void *arg) { return token_revoke(cx, db, arg); }

static void revoke(struct http_req *rq, struct core *core) {
  route_write(rq, core, revoke_job, api_param(rq, "name"), api_done);
}

const struct route tokens_routes[] = {
    {.method = "GET", .pattern = "/api/v1/tokens", .run = list, .summary = "Tokens of programs, newest first."},
    {.method = "POST",
     .pattern = "/api/v1/tokens",
     .flags = ROUTE_REVEALS,
     .run = make,
     .body_max = TOKEN_BODY_MAX,
     .body = "name:text! role:text! scopes:text[] ttl:span",
     .summary = "Makes a token; its text is told this once. `scopes` (\"devices\", \"commands:read\"): without, all "
                "that its role may. `ttl`: without, it does not end."},
    {.method = "DELETE", .pattern = "/api/v1/tokens/:name", .run = revoke, .summary = "Revokes it."},
    {.method = NULL},
};
